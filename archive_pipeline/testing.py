"""What authors of plugins test with: no network, no archive, no pytest needed at run time.

`replay` is a fetch context that answers from bytes and files. The contract suites are plain classes that pytest
collects when a subclass is named `Test…`; the core's own parts pass the same suites:

    class TestMyFetcher(FetcherContract):
        subject = MyFetcher()
        source = Source(id="probe", url="https://presse.example", options=MyOptions())
        answers = {"https://presse.example/list.json": Path("fixtures/list.json")}
"""

import hashlib
import mimetypes
import pickle
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from time import process_time
from typing import ClassVar, ParamSpec, TypeVar
from unittest.mock import patch
from uuid import NAMESPACE_URL, uuid5

from lxml import etree
from pydantic import BaseModel

from archive_pipeline.clean import CapturePage
from archive_pipeline.errors import CleanError, FetchError, Quarantine, Skip, TooLargeError, TransientFetchError
from archive_pipeline.model import (
    Article,
    Capture,
    CaptureResult,
    Evidence,
    Finding,
    Gone,
    Item,
    Person,
    Quote,
    Refused,
    Source,
    Tag,
    Unmodified,
)
from archive_pipeline.protocols import Classifier, Cleaner, Fetcher

__all__ = [
    "BODIES",
    "RELEASE",
    "Answer",
    "ClassifierContract",
    "CleanerContract",
    "FetcherContract",
    "ReplayContext",
    "Reply",
    "captured",
    "no_network",
    "page_of",
    "replay",
]

P = ParamSpec("P")
T = TypeVar("T")

MAX_BYTES = 20_000_000
SECONDS = 2.0
"""Processor time that one document may cost in one step."""

MOMENT = datetime(2024, 5, 17, 12, 0, tzinfo=UTC)
"""When everything here was captured."""

RELEASE = Article(
    title="Neue Beratungsstelle für Zugewanderte in Lage",
    text="Lage. Der Kreis Lippe und die Stadt Lage eröffnen am Montag eine Beratungsstelle für Zugewanderte. Sie hilft "
    "bei Anträgen, Sprachkursen und der Suche nach Arbeit.\n\n"
    "„Wer neu ist, soll nicht von Tür zu Tür geschickt werden“, sagt Bürgermeisterin Petra Musterfrau (SPD). Auch das "
    "Deutsche Rote Kreuz und die Arbeiterwohlfahrt bieten dort Sprechstunden an.\n\n"
    "Geöffnet ist montags bis freitags von neun bis zwölf Uhr, eine Anmeldung ist nicht nötig.",
    language="de",
    media_type="text/html",
    url="https://presse.example/meldung",
)
"""A release as the later steps of the pipeline see one. Its contents are invented."""

_PARAGRAPHS = "".join(f"<p>{paragraph}</p>\n" for paragraph in RELEASE.text.split("\n\n"))
_HTML = (
    f"<!DOCTYPE html><html lang='de'><head><title>{RELEASE.title}</title></head><body><nav><a href='/'>Start</a></nav>"
    f"<main><h1>{RELEASE.title}</h1>{{}}</main><footer><a href='/impressum'>Impressum</a></footer></body></html>"
)

BODIES: Mapping[str, bytes] = {
    "page": _HTML.format(_PARAGRAPHS).encode(),
    "text": f"{RELEASE.title}\n\n{RELEASE.text}\n".encode(),
    "empty": b"",
    "blank": b" \r\n\t ",
    "binary": bytes(range(256)) * 40,
    "latin-1": _HTML.format(_PARAGRAPHS).encode("latin-1", errors="xmlcharrefreplace"),
    "wrong bytes": _HTML.format(_PARAGRAPHS).encode()[:-200] + b"\xff\xfe\x80",
    "broken off": _HTML.format(_PARAGRAPHS).encode()[:400],
    "nested": b"<html><body>" + b"<div>" * 3000 + b"Text",
    "json": b'{"code": "not_found", "data": [[[[null]]]]}',
    "xml": b'<?xml version="1.0"?><rss version="2.0"><channel><item><title>&nbsp;<link></item>',
    "huge": _HTML.format(_PARAGRAPHS * 400).encode(),
}
"""What a server may send: two good documents, and what no part of a pipeline may stumble over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer with everything a server says about it. The names of `headers` may be in any case."""

    body: bytes
    media_type: str = "text/html"
    charset: str | None = None
    headers: tuple[tuple[str, str], ...] = ()


Answer = bytes | Path | Reply | Gone | Refused | Unmodified | FetchError
"""What a replayed request ends in: a body, a file's content, a whole reply, a refusal, an error that is raised."""


def captured(
    body: bytes,
    *,
    url: str = "https://presse.example/meldung",
    media_type: str | None = "text/html",
    charset: str | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    item: Item | None = None,
) -> Capture:
    """A capture of these bytes, as a fetch context returns one."""
    sha256 = hashlib.sha256(body).hexdigest()
    return Capture(
        source_id=item.source_id if item else "probe",
        key=item.key if item else url,
        target=url,
        body=body,
        sha256=sha256,
        captured_at=MOMENT,
        record_id=uuid5(NAMESPACE_URL, f"{url}#{sha256}").urn,
        url=url,
        kind="document" if item else "discovery",
        media_type=media_type,
        charset=charset,
        status=200,
        headers=headers,
        title=item.title if item else None,
        published=item.published if item else None,
        fingerprint=item.fingerprint if item else None,
    )


def page_of(body: bytes, *, media_type: str | None = "text/html", charset: str | None = None) -> CapturePage:
    """The page that cleaners see of these bytes."""
    return CapturePage(captured(body, media_type=media_type, charset=charset))


class ReplayContext:
    """A `FetchContext` without network: answers by address, and remembers what was asked for and stored.

    An address without an answer gets `otherwise`. `asked` lists addresses in order, `stored` every capture handed out.
    """

    def __init__(self, answers: Mapping[str, Answer], *, base: Path, max_bytes: int, otherwise: Answer) -> None:
        self._answers = answers
        self._otherwise = otherwise
        self._base = base
        self._max_bytes = max_bytes
        self.asked: list[str] = []
        self.stored: list[Capture] = []

    @property
    def base(self) -> Path:
        """The folder that relative paths of sources.toml are relative to."""
        return self._base

    @property
    def max_bytes(self) -> int:
        """The largest body the source allows, in bytes."""
        return self._max_bytes

    def get(self, url: str, *, item: Item | None = None) -> CaptureResult:
        """The answer for this address. Raises it when it is an error, and TooLargeError."""
        self.asked.append(url)
        answer = self._answers.get(url, self._otherwise)
        if isinstance(answer, FetchError):
            raise answer
        if isinstance(answer, Gone | Refused | Unmodified):
            return answer
        reply = _reply(answer)
        capture = captured(
            reply.body, url=url, media_type=reply.media_type, charset=reply.charset, headers=reply.headers, item=item
        )
        return self._store(capture)

    def put(self, item: Item, body: bytes, *, media_type: str | None = None, parent: Capture | None = None) -> Capture:
        """The item's capture with these bytes. Raises TooLargeError."""
        capture = captured(body, url=f"urn:probe:{item.key}", media_type=media_type or item.media_type, item=item)
        return self._store(replace(capture, url=item.url, parent=parent.record_id if parent else None))

    def _store(self, capture: Capture) -> Capture:
        if len(capture.body) > self._max_bytes:
            raise TooLargeError(f"Der Inhalt ist größer als {self._max_bytes} Bytes", url=capture.target)
        self.stored.append(capture)
        return capture


def replay(
    answers: Mapping[str, Answer] | None = None,
    *,
    base: Path = Path(),
    max_bytes: int = MAX_BYTES,
    otherwise: Answer | None = None,
) -> ReplayContext:
    """A fetch context that answers from `answers`, and with "not found" (or `otherwise`) for any other address."""
    return ReplayContext(
        answers or {}, base=base, max_bytes=max_bytes, otherwise=Gone("HTTP 404") if otherwise is None else otherwise
    )


def _reply(answer: bytes | Path | Reply) -> Reply:
    if isinstance(answer, Reply):
        return answer
    if isinstance(answer, bytes):
        return Reply(body=answer)
    return Reply(body=answer.read_bytes(), media_type=mimetypes.guess_type(answer.name)[0] or "text/html")


@contextmanager
def no_network() -> Iterator[None]:
    """Within this context every attempt to connect or to look a name up fails the test."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network is only for the fetch context: context.get(url)")

    with (
        patch.object(socket.socket, "connect", refuse),
        patch.object(socket.socket, "connect_ex", refuse),
        patch.object(socket, "getaddrinfo", refuse),
    ):
        yield


def _quick(what: str, action: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Call without network, and see that it does not take long."""
    started = process_time()
    with no_network():
        result = action(*arguments, **options)
    spent = process_time() - started
    assert spent < SECONDS, f"{what}: {spent:.1f} s of processor time, allowed are {SECONDS}"
    return result


class FetcherContract:
    """What every fetcher keeps. Set `subject`, `source` (with `options`) and `answers` or `base` so that the source
    offers at least one item."""

    subject: Fetcher
    source: Source
    answers: ClassVar[Mapping[str, Answer]] = {}
    base: Path = Path()

    def test_states_its_settings(self) -> None:
        """`options` is a settings class that refuses unknown keys, so that a misspelt one is found."""
        options = self.subject.options
        assert issubclass(options, BaseModel), "options must be a pydantic model"
        assert options.model_config.get("extra") == "forbid", "options must refuse unknown keys: extra='forbid'"
        assert isinstance(self.source.options, options), "source.options must be an instance of the fetcher's options"

    def test_claims_look_at_the_address_only(self) -> None:
        """`claims` answers with a number or None, without asking anybody."""
        urls = (
            self.source.url or "",
            "https://presse.example/",
            "https://presse.example:8080/a?b=c#d",
            "https://ä.example/ö",
        )
        for url in urls:
            claim = _quick(f"claims({url!r})", self.subject.claims, url)
            assert claim is None or (type(claim) is int and claim > 0), f"claims({url!r}) returned {claim!r}"
            assert claim == _quick(url, self.subject.claims, url), f"claims({url!r}) changes"

    def test_discovers_the_same_items_every_time(self) -> None:
        """Items with unique keys, in the same order; nothing is captured while discovering."""
        context = self._context()
        items = _quick("discover()", self._discover, context)
        assert items, "the answers must offer at least one item"
        _check_items(items, self.source)
        assert all(capture.kind == "discovery" for capture in context.stored), "discover() must not capture items"
        assert self._discover(self._context()) == items, "discover() is not deterministic"

    def test_captures_through_the_context(self) -> None:
        """Every result is one the context gave or a plain refusal, and belongs to the item."""
        context = self._context()
        for item in self._discover(context):
            results = _quick(f"capture({item.key})", self._capture, item, context)
            assert results, f"{item.key}: capture() yields nothing"
            for result in results:
                assert isinstance(result, Capture | Unmodified | Gone | Refused), f"capture() yields {result!r}"
                if isinstance(result, Capture):
                    assert any(result is stored for stored in context.stored), "a capture that no context stored"
                    assert result.source_id == self.source.id

    def test_survives_what_servers_send(self) -> None:
        """Whatever comes back for a listing, discover() ends in items or in a FetchError."""
        answers: dict[str, Answer] = {name: Reply(body=body) for name, body in BODIES.items()}
        answers["time-out"] = TransientFetchError("Zeit überschritten")
        answers |= {"refused": Refused("robots.txt"), "gone": Gone("HTTP 410"), "error": FetchError("HTTP 400")}
        for name, answer in answers.items():
            try:
                items = _quick(name, self._discover, replay(otherwise=answer, base=self.base))
            except FetchError:
                continue
            _check_items(items, self.source)

    def _context(self) -> ReplayContext:
        return replay(self.answers, base=self.base)

    def _discover(self, context: ReplayContext) -> list[Item]:
        with no_network():
            return list(self.subject.discover(self.source, context))

    def _capture(self, item: Item, context: ReplayContext) -> list[CaptureResult]:
        with no_network():
            return list(self.subject.capture(item, self.source, context))


def _check_items(items: Sequence[Item], source: Source) -> None:
    for item in items:
        assert isinstance(item, Item), f"discover() yields {item!r}"
        assert item.source_id == source.id, f"{item.key}: source_id is {item.source_id!r}"
        assert item.key, "an item without a key"
        assert item.published is None or datetime.fromisoformat(item.published), "published is an ISO date"
    keys = [item.key for item in items]
    assert len(keys) == len(set(keys)), "two items share a key"


class CleanerContract:
    """What every cleaner keeps. Set `subject`; `bodies` adds documents of your own by name.

    `idempotent`: cleaning what is clean already changes nothing. Set it False only for a step that must see the
    document as it came.
    """

    subject: Cleaner
    source: Source = Source(id="probe", url="https://presse.example")
    bodies: ClassVar[Mapping[str, bytes]] = {}
    idempotent: bool = True

    def test_ends_in_an_article_or_says_why_not(self) -> None:
        """An Article that can travel to another process, or Skip, Quarantine, CleanError; nothing else, and soon."""
        for name, article, body in self._documents():
            result = _quick(name, self._clean, article, page_of(body))
            assert isinstance(result, Article | str), f"{name}: clean() returned {type(result).__name__}"
            assert pickle.loads(pickle.dumps(result)) == result, f"{name}: the article can't be copied"  # noqa: S301

    def test_is_pure(self) -> None:
        """The same document gives the same article, and the parsed tree stays as it is."""
        for name, article, body in self._documents():
            page, untouched = page_of(body), page_of(body)
            first = self._clean(article, page)
            assert self._clean(article, page_of(body)) == first, f"{name}: not deterministic"
            assert _markup(page) == _markup(untouched), f"{name}: the tree was changed"

    def test_is_idempotent(self) -> None:
        """What was cleaned once stays as it is."""
        for name, article, body in self._documents() if self.idempotent else ():
            once = self._clean(article, page_of(body))
            if isinstance(once, Article):
                assert self._clean(once, page_of(body)) == once, f"{name}: cleaning again changes it"

    def _documents(self) -> Iterator[tuple[str, Article, bytes]]:
        """Each body for a step that comes first, and for one that finds a text already."""
        for name, body in {**BODIES, **self.bodies}.items():
            yield name, Article(url=RELEASE.url, media_type="text/html"), body
            yield f"{name}, with text", RELEASE, body

    def _clean(self, article: Article, page: CapturePage) -> Article | str:
        """The article, or the reason given instead of one."""
        try:
            with no_network():
                return self.subject.clean(article, page, self.source)
        except (Skip, Quarantine) as verdict:
            return f"{type(verdict).__name__}: {verdict.reason}"
        except CleanError as error:
            return f"CleanError: {error.message}"


def _markup(page: CapturePage) -> bytes | None:
    """The page's tree, written out; None where there is none."""
    try:
        tree = page.tree
    except CleanError:
        return None
    return None if tree is None else etree.tostring(tree)


class ClassifierContract:
    """What every classifier keeps. Set `subject`; `articles` adds releases of your own by name."""

    subject: Classifier
    source: Source = Source(id="probe", url="https://presse.example")
    articles: ClassVar[Mapping[str, Article]] = {}

    def test_states_its_version(self) -> None:
        """`version` stands in every tag, so it is one word."""
        version = self.subject.version
        assert isinstance(version, str), "version is no text"
        assert version == "".join(version.split()), "version holds spaces"
        assert version, "version is empty"
        assert "@" not in version, "version holds an @"

    def test_every_finding_has_its_place_in_the_text(self) -> None:
        """Tags with evidence that is in the text, persons and quotes within the text; soon, and without network."""
        for name, article in self._documents():
            findings = _quick(name, self._classify, article)
            for finding in findings:
                self._check(finding, article, name)
            assert pickle.loads(pickle.dumps(findings)) == findings, f"{name}: can't be copied"  # noqa: S301

    def test_is_pure(self) -> None:
        """The same article gives the same findings in the same order."""
        for name, article in self._documents():
            first = self._classify(article)
            assert self._classify(article) == first, f"{name}: not deterministic"

    def _documents(self) -> Iterator[tuple[str, Article]]:
        yield "release", RELEASE
        yield "without title", replace(RELEASE, title=None)
        yield "empty", Article()
        yield "title only", Article(title=RELEASE.title)
        yield "odd characters", replace(RELEASE, text=f"\x00\u00ad🏛\u0301 {RELEASE.text}\u2028ﬀ İ ẞ")
        yield "other language", replace(RELEASE, text="The council met. Nothing was decided.", language="en")
        yield "huge", replace(RELEASE, text="\n\n".join([RELEASE.text] * 100))
        yield from self.articles.items()

    def _classify(self, article: Article) -> list[Finding]:
        with no_network():
            return list(self.subject.classify(article, self.source))

    def _check(self, finding: Finding, article: Article, name: str) -> None:
        assert isinstance(finding, Tag | Person | Quote), f"{name}: classify() returned {finding!r}"
        if not isinstance(finding, Tag):
            assert 0 <= finding.start < finding.end <= len(article.text), f"{name}: {finding} lies outside the text"
            return
        assert 0 <= finding.score <= 1, f"{name}: score {finding.score}"
        assert finding.by.partition("@")[2] == self.subject.version, f"{name}: by is {finding.by!r}, not name@version"
        assert finding.evidence, f"{name}: {finding.axis}={finding.value} has no evidence"
        for span in finding.evidence:
            assert isinstance(span, Evidence), f"{name}: evidence is {span!r}"
            field = article.title or "" if span.field == "title" else article.text
            assert span.text, f"{name}: {finding.axis}={finding.value} has empty evidence"
            assert field[span.start : span.end] == span.text, f"{name}: {span.text!r} is not at {span.start}"
