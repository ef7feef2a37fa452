"""What a fetcher sees of the network and the archive: every answer is in WARC before the fetcher gets it."""

from collections.abc import Callable
from contextlib import suppress
from datetime import UTC
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from pathlib import Path
from typing import TypeGuard

from pydantic import BaseModel

from archive_pipeline.errors import (
    CodingError,
    FetchError,
    FixityError,
    OutputLimitError,
    RefusedError,
    TooLargeError,
    TransientFetchError,
)
from archive_pipeline.fetch.http import HttpClient, sendable_url
from archive_pipeline.fetch.options import HttpOptions
from archive_pipeline.fetch.robots import MAX_RULES_BYTES, Robots, RobotsAnswer
from archive_pipeline.model import Capture, CaptureResult, Gone, Item, Refused, Source, Unmodified
from archive_pipeline.warc import (
    Description,
    Exchange,
    Previous,
    StoredCapture,
    WarcStore,
    decode_body,
    settings_hash,
    source_settings,
    urn,
)

__all__ = ["SourceContext"]

MAX_REDIRECTS = 5
TRIES = 3
FIRST_PAUSE = 1.0
"""Seconds before the second try; each further one waits twice as long."""

MAX_RETRY_AFTER = 120.0
"""The longest pause in seconds that a server can ask for and still be asked again in this run."""

TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})
REDIRECTS = frozenset({301, 302, 303, 307, 308})
COMPLETE = frozenset({200, 203})
GONE = frozenset({404, 410})


class SourceContext:
    """The `FetchContext` of one source during one run.

    `fetcher` is the name its captures are described with. `client` and `robots` serve the whole run. `previous` gives
    the last complete capture of an address or URN of this source (status 200 or a file), or None. `stored` is told of
    every capture as soon as it is written, evidence of discovery included; none is durable before `store.sync()`.
    """

    def __init__(
        self,
        source: Source,
        *,
        fetcher: str,
        client: HttpClient,
        robots: Robots,
        store: WarcStore,
        base: Path,
        max_bytes: int,
        previous: Callable[[str], Previous | None],
        stored: Callable[[StoredCapture], None],
    ) -> None:
        self._source = source
        self._fetcher = fetcher
        self._client = client
        self._robots = robots
        self._store = store
        self._base = base
        self._max_bytes = max_bytes
        self._previous = previous
        self._stored = stored
        options = source.options
        self._options = options if isinstance(options, HttpOptions) else HttpOptions()
        self._settings = settings_hash(
            source_settings(source), options.model_dump_json() if isinstance(options, BaseModel) else ""
        )

    @property
    def base(self) -> Path:
        """The folder that relative paths of sources.toml are relative to."""
        return self._base

    @property
    def max_bytes(self) -> int:
        """The largest body the source allows, in bytes."""
        return self._max_bytes

    def get(self, url: str, *, item: Item | None = None) -> CaptureResult:
        """Fetch one address; see `FetchContext.get`.

        With `item`: its Capture; Unmodified when the server or the bytes say that nothing changed since the last
        capture; Gone for 404 and 410; Refused when robots.txt or the address guard forbid it. Without: the same, but
        never Unmodified. Raises TooLargeError, TransientFetchError (after three tries), FetchError.
        """
        try:
            return self._follow(url, item)
        except RefusedError as error:
            return Refused(error.message)

    def put(self, item: Item, body: bytes, *, media_type: str | None = None, parent: Capture | None = None) -> Capture:
        """Store the bytes of a file, a mail or an attachment; see `FetchContext.put`. Raises TooLargeError."""
        if len(body) > self._max_bytes:
            raise TooLargeError(_too_large(self._max_bytes), url=item.key)
        target = urn(self._source.id, item.key)
        description = Description(
            source=self._source,
            settings=self._settings,
            fetcher=self._fetcher,
            key=item.key,
            url=item.url,
            media_type=media_type or item.media_type,
            parent=parent.record_id if parent else None,
            title=item.title,
            published=item.published,
            fingerprint=item.fingerprint,
        )
        stored = self._store.write_resource(target, body, description, previous=self._previous(target))
        self._stored(stored)
        return stored.capture

    def _follow(self, url: str, item: Item | None) -> CaptureResult:
        address = sendable_url(url)
        for _ in range(MAX_REDIRECTS + 1):
            pause = self._robots.crawl_delay(address, self._ask_robots)
            previous = self._previous(address)
            exchange = self._request(address, _conditions(previous) if item else {}, pause)
            if exchange.status not in REDIRECTS:
                return self._settle_anew(exchange, item, previous, pause)
            self._keep(exchange)
            address = _redirected(exchange)
        raise FetchError(f"Mehr als {MAX_REDIRECTS} Weiterleitungen", url=url, hint="Adresse im Browser prüfen")

    def _settle_anew(
        self, exchange: Exchange, item: Item | None, previous: Previous | None, pause: float
    ) -> CaptureResult:
        """Settle; where "not modified" refers to a copy that is damaged here, ask for the bytes once more."""
        try:
            return self._settle(exchange, item, previous)
        except FixityError:
            if exchange.status != HTTPStatus.NOT_MODIFIED:
                raise
            self._keep(exchange)
            return self._settle(self._request(exchange.url, {}, pause), item, None)

    def _request(
        self, address: str, conditions: dict[str, str], pause: float, max_bytes: int | None = None
    ) -> Exchange:
        """One address, tried again while the failure may pass; the answers that failed are kept as evidence."""
        interval = self._client.interval if self._options.interval is None else self._options.interval
        for attempt in range(TRIES):
            delay = FIRST_PAUSE * 2**attempt
            try:
                exchange = self._client.exchange(
                    address,
                    {"Accept-Language": self._source.language, **conditions},
                    max_bytes=max_bytes or self._max_bytes,
                    interval=max(interval, pause),
                    allow_private=self._options.allow_private,
                )
            except TransientFetchError as error:
                failure = error
            else:
                if exchange.status not in TRANSIENT and exchange.truncated in (None, "length"):
                    return exchange
                self._keep(exchange)
                failure = _transient(exchange)
                delay = max(delay, _retry_after(exchange))
            if attempt == TRIES - 1 or delay > MAX_RETRY_AFTER:
                break
            self._client.sleep(delay)
        raise failure

    def _settle(self, exchange: Exchange, item: Item | None, previous: Previous | None) -> CaptureResult:
        """Store the answer that ends a chain of redirects, and say what it means."""
        if exchange.status == 304 and item is not None and _is_document(previous):
            self._write(exchange, b"", (), item, previous)
            return Unmodified()
        if exchange.status not in COMPLETE:
            self._keep(exchange)
            if exchange.status in GONE:
                return Gone(_status(exchange))
            raise FetchError(_status(exchange), url=exchange.url, hint="Adresse im Browser prüfen")
        if exchange.truncated is not None:
            self._keep(exchange)
            raise TooLargeError(_too_large(self._max_bytes), url=exchange.url)
        try:
            body, decoded = decode_body(exchange.payload, exchange.header("content-encoding") or "", self._max_bytes)
        except OutputLimitError as error:
            self._keep(exchange)
            raise TooLargeError(f"{_too_large(self._max_bytes)} (entpackt)", url=exchange.url) from error
        except CodingError as error:
            self._keep(exchange)
            raise FetchError(f"Der Inhalt ist nicht zu entpacken: {error}", url=exchange.url) from error
        capture = self._write(exchange, body, decoded, item, previous)
        if item is not None and _is_document(previous) and previous.sha256 == capture.sha256:
            return Unmodified()
        return capture

    def _ask_robots(self, url: str) -> RobotsAnswer:
        limit = max(self._max_bytes, MAX_RULES_BYTES)
        exchange = self._request(url, {}, 0, limit)
        try:
            for _ in range(MAX_REDIRECTS):
                if exchange.status not in REDIRECTS:
                    break
                self._keep(exchange)
                exchange = self._request(_redirected(exchange), {}, 0, limit)
        except FetchError as error:  # the host is there, but sends us where nothing can be read
            raise TransientFetchError(error.message, url=url) from error
        self._keep(exchange)
        if exchange.truncated is not None:
            raise TransientFetchError(_too_large(limit), url=url)
        if exchange.status in REDIRECTS:
            return RobotsAnswer(404, b"")  # RFC 9309, 2.3.1.2: after five redirects it counts as not there
        try:
            body, _ = decode_body(exchange.payload, exchange.header("content-encoding") or "", limit)
        except CodingError as error:
            raise TransientFetchError(f"nicht zu entpacken: {error}", url=url) from error
        return RobotsAnswer(exchange.status, body)

    def _keep(self, exchange: Exchange) -> None:
        """Store an answer that is not what was asked for, as evidence."""
        body, decoded = _best_body(exchange, self._max_bytes)
        self._write(exchange, body, decoded, None, None)

    def _write(
        self,
        exchange: Exchange,
        body: bytes,
        decoded: tuple[str, ...],
        item: Item | None,
        previous: Previous | None,
    ) -> Capture:
        description = Description(
            source=self._source,
            settings=self._settings,
            fetcher=self._fetcher,
            key=item.key if item else exchange.url,
            kind="document" if item else "discovery",
            url=(item.url if item else None) or exchange.url,
            media_type=exchange.media_type,
            charset=exchange.charset,
            title=item.title if item else None,
            published=item.published if item else None,
            fingerprint=item.fingerprint if item else None,
        )
        stored = self._store.write_exchange(exchange, description, body=body, decoded=decoded, previous=previous)
        self._stored(stored)
        return stored.capture


def _is_document(previous: Previous | None) -> TypeGuard[Previous]:
    """Evidence of discovery never tells an item that nothing changed: it was not archived then."""
    return previous is not None and previous.kind == "document"


def _conditions(previous: Previous | None) -> dict[str, str]:
    """The fields of a conditional request (RFC 9110, 13.1)."""
    if not _is_document(previous):
        return {}
    found = {"If-None-Match": previous.etag, "If-Modified-Since": previous.last_modified}
    return {name: value for name, value in found.items() if value}


def _redirected(exchange: Exchange) -> str:
    location = exchange.header("location")
    if not location:
        raise FetchError("Eine Weiterleitung ohne Ziel", url=exchange.url, hint="Adresse im Browser prüfen")
    with suppress(UnicodeDecodeError):  # umlauts sent as raw UTF-8
        location = location.encode("latin-1").decode("utf-8")
    return sendable_url(location, exchange.url)


def _best_body(exchange: Exchange, limit: int) -> tuple[bytes, tuple[str, ...]]:
    """The decoded body, or the bytes as they are when they can't be decoded."""
    try:
        return decode_body(exchange.payload, exchange.header("content-encoding") or "", limit)
    except CodingError:
        return exchange.payload, ()


def _transient(exchange: Exchange) -> TransientFetchError:
    hint = "der nächste Lauf versucht es wieder"
    if exchange.truncated is not None:
        reasons = {"time": "Der Server braucht zu lange", "disconnect": "Der Server bricht die Übertragung ab"}
        return TransientFetchError(reasons[exchange.truncated], url=exchange.url, hint=hint)
    return TransientFetchError(_status(exchange), url=exchange.url, hint=hint)


def _retry_after(exchange: Exchange) -> float:
    """The pause in seconds that the server asks for, 0 if it doesn't (RFC 9110, 10.2.3)."""
    value = (exchange.header("retry-after") or "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return 0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0, (aware - exchange.started_at).total_seconds())


def _status(exchange: Exchange) -> str:
    try:
        phrase = f" ({HTTPStatus(exchange.status).phrase})"
    except ValueError:
        phrase = ""
    return f"Der Server antwortet mit HTTP {exchange.status}{phrase}"


def _too_large(max_bytes: int) -> str:
    return f"Der Inhalt ist größer als die erlaubten {max_bytes} Bytes"
