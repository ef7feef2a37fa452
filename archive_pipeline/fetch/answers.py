"""What a response means: a pure look at its status, its body, and the rights reserved in it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from http import HTTPStatus
from urllib.parse import quote

from archive_pipeline.errors import (
    CodingError,
    FetchError,
    OutputLimitError,
    RefusedError,
    TooLargeError,
    TransientFetchError,
)
from archive_pipeline.fetch.http import PRODUCT
from archive_pipeline.fetch.reservations import UNDECLARED, Declaration, declared_by_answer, objection
from archive_pipeline.fetch.retrying import seconds_to_wait
from archive_pipeline.model import Capture, RequestOutcome
from archive_pipeline.warc import Exchange, Previous, decode_body

__all__ = [
    "COMPLETE",
    "LATER",
    "REDIRECTS",
    "Answer",
    "Question",
    "answer_of",
    "location_of",
    "merged_headers",
    "status_text",
    "too_large",
]

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504, 507, 509, *range(520, 531)})
"""Answers that may be others later. 520 to 530 are what a content delivery network (Cloudflare) says in the place of a
server that it can't reach, 509 a hoster whose customer's traffic is used up."""

REDIRECTS = frozenset({301, 302, 303, 307, 308})
COMPLETE = frozenset({200, 203})
GONE = frozenset({404, 410})

VISIBLE = "".join(map(chr, range(0x21, 0x7F)))
"""What stands in addresses as it is, percent signs included."""

OF_THE_MESSAGE = frozenset({"content-length", "content-encoding", "content-range", "x-crawler-transfer-encoding"})
"""Fields of a 304 that speak of its own, empty body (RFC 9111, 3.2)."""

LATER = "der nächste Lauf versucht es wieder"
LOOK = "Adresse im Browser prüfen"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of an address, and what is known of it before.

    `previous` is the last complete capture. With `original`, the same one read back, the request is conditional.
    `declared` is what the site's tdmrep.json says. `is_rules` marks robots.txt and tdmrep.json themselves: what they
    say is meant for us. `note` goes to the request log.
    """

    address: str
    max_bytes: int
    pause: float = 0.0
    previous: Previous | None = None
    original: Capture | None = None
    declared: Declaration = UNDECLARED
    is_rules: bool = False
    note: str | None = None

    @property
    def conditions(self) -> dict[str, str]:
        """The fields of a conditional request (RFC 9110, 13.1)."""
        if self.original is None or self.previous is None:
            return {}
        found = {"If-None-Match": self.previous.etag, "If-Modified-Since": self.previous.last_modified}
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A response and what it means.

    `body` is what is left of the payload after the codings `decoded` were removed; that of a 304 is the body that was
    stored before. `error` says why there is nothing to be had from it. `complete` is that of `Capture`; `withheld`
    says that rights are reserved in the body and it must not be stored.
    """

    question: Question
    exchange: Exchange
    outcome: RequestOutcome
    body: bytes = b""
    decoded: tuple[str, ...] = ()
    error: FetchError | None = None
    complete: bool = True
    declaration: Declaration = UNDECLARED
    withheld: bool = False

    @property
    def detail(self) -> str | None:
        """What the request log says beyond the outcome."""
        reserved = self.declaration.text if self.error is None else None
        found = (self.error and self.error.message, reserved and f"vermerkt: {reserved}", self.question.note)
        return "; ".join(part for part in found if part) or None


def answer_of(question: Question, exchange: Exchange, *, legal_basis: str | None) -> Answer:
    """What the response to a question means for a source with this `legal_basis`."""
    answer = _meaning(question, exchange)
    if question.is_rules:
        return answer
    original = question.original if answer.outcome == "unmodified" else None
    declaration = declared_by_answer(
        question.declared,
        exchange.headers if original is None else merged_headers(original, exchange),
        answer.body,
        media_type=exchange.media_type or (original.media_type if original else None),
        product=PRODUCT,
    )
    reason = objection(declaration, legal_basis)
    if reason is None:
        return replace(answer, declaration=declaration)
    withheld = replace(answer, declaration=declaration, withheld=True, complete=False)
    if answer.error is not None or answer.outcome in ("redirect", "gone"):
        return withheld
    return replace(withheld, outcome="reservation", error=RefusedError(reason, url=exchange.url))


def merged_headers(original: Capture, not_modified: Exchange) -> tuple[tuple[str, str], ...]:
    """The fields of a stored answer, brought up to date by those of a 304 (RFC 9111, 4.3.4)."""
    newer = tuple(field for field in not_modified.headers if field[0].lower() not in OF_THE_MESSAGE)
    names = {name.lower() for name, _ in newer}
    return (*(field for field in original.headers if field[0].lower() not in names), *newer)


def location_of(url: str, headers: Iterable[tuple[str, str]]) -> str:
    """Where a redirect at `url` leads to, as its server wrote it. Raises FetchError when it doesn't say.

    Bytes beyond ASCII, which have no place there, are UTF-8 if they can be; others are percent-encoded as they are.
    """
    location = next((value for name, value in headers if name.lower() == "location"), "")
    if not location:
        raise FetchError("Eine Weiterleitung ohne Ziel", url=url, hint=LOOK)
    raw = location.encode("latin-1")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return quote(raw, safe=VISIBLE)


def status_text(exchange: Exchange) -> str:
    """The status in words."""
    try:
        phrase = f" ({HTTPStatus(exchange.status).phrase})"
    except ValueError:
        phrase = ""
    return f"Der Server antwortet mit HTTP {exchange.status}{phrase}"


def too_large(max_bytes: int) -> str:
    """What a message says of a body that is larger than allowed."""
    return f"Der Inhalt ist größer als die erlaubten {max_bytes} Bytes"


def _meaning(question: Question, exchange: Exchange) -> Answer:
    """The response without a look at rights."""
    answer = Answer(question=question, exchange=exchange, outcome="error")
    if exchange.truncated is not None:
        return _cut_off(answer)
    if exchange.status == HTTPStatus.NOT_MODIFIED:
        if question.original is not None:
            return replace(answer, outcome="unmodified", body=question.original.body)
        message = f"{status_text(exchange)} auf eine Anfrage ohne Bedingung"
        return replace(answer, error=FetchError(message, url=exchange.url, hint=LATER), complete=False)
    if exchange.status in COMPLETE:
        return _decoded(answer)
    body, decoded = _best_body(exchange, question.max_bytes)
    answer = replace(answer, body=body, decoded=decoded)
    if exchange.status in REDIRECTS:
        return replace(answer, outcome="redirect")
    if exchange.status in GONE:
        return replace(answer, outcome="gone")
    if exchange.status in TRANSIENT:
        return _transient(answer)
    return replace(answer, error=FetchError(status_text(exchange), url=exchange.url, hint=LOOK))


def _cut_off(answer: Answer) -> Answer:
    exchange, question = answer.exchange, answer.question
    if exchange.truncated == "length":
        error = TooLargeError(too_large(question.max_bytes), url=exchange.url)
        return replace(answer, outcome="too-big", error=error, complete=False)
    slow = exchange.truncated == "time"
    message = "Der Server braucht zu lange" if slow else "Der Server bricht die Übertragung ab"
    body, decoded = _best_body(exchange, question.max_bytes)
    failure = TransientFetchError(message, url=exchange.url, hint=LATER)
    return replace(answer, body=body, decoded=decoded, error=failure, complete=False)


def _decoded(answer: Answer) -> Answer:
    exchange, limit = answer.exchange, answer.question.max_bytes
    try:
        body, decoded = decode_body(exchange.payload, exchange.header("content-encoding") or "", limit)
    except OutputLimitError:
        error: FetchError = TooLargeError(f"{too_large(limit)} (entpackt)", url=exchange.url)
        return replace(answer, outcome="too-big", body=exchange.payload, error=error, complete=False)
    except CodingError as broken:
        error = FetchError(f"Der Inhalt ist nicht zu entpacken: {broken}", url=exchange.url)
        return replace(answer, body=exchange.payload, error=error, complete=False)
    return replace(answer, outcome="fetched", body=body, decoded=decoded)


def _transient(answer: Answer) -> Answer:
    """An answer that may be another one later; one that asks for patience is no failure of the server."""
    exchange = answer.exchange
    wait = seconds_to_wait(exchange.header("retry-after"), exchange.started_at)
    limited = exchange.status == HTTPStatus.TOO_MANY_REQUESTS or (
        exchange.status == HTTPStatus.SERVICE_UNAVAILABLE and exchange.header("retry-after") is not None
    )
    asked = f" und bittet um {wait:.0f} s Pause" if wait else ""
    error = TransientFetchError(f"{status_text(exchange)}{asked}", url=exchange.url, hint=LATER, retry_after=wait)
    return replace(answer, outcome="rate-limited" if limited else "error", error=error)


def _best_body(exchange: Exchange, limit: int) -> tuple[bytes, tuple[str, ...]]:
    """The decoded body, or the bytes as they are when they can't be decoded."""
    try:
        return decode_body(exchange.payload, exchange.header("content-encoding") or "", limit)
    except CodingError:
        return exchange.payload, ()
