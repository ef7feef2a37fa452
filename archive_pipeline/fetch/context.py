"""What a fetcher sees of the network and the archive: every answer is in WARC before the fetcher gets it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import httpx2
from pydantic import BaseModel

from archive_pipeline.errors import (
    CodingError,
    ConfigError,
    FetchError,
    OutputLimitError,
    RefusedError,
    TooLargeError,
)
from archive_pipeline.fetch.answers import Answer, Question, location_of, merged_headers, status_text, too_large
from archive_pipeline.fetch.connection import Connections, GuardedConnection
from archive_pipeline.fetch.history import History
from archive_pipeline.fetch.http import HttpClient, sendable_url
from archive_pipeline.fetch.options import HttpOptions, NetworkOptions
from archive_pipeline.fetch.recording import Recorder
from archive_pipeline.fetch.requesting import Requester
from archive_pipeline.fetch.reservations import objection
from archive_pipeline.fetch.robots import Robots, SiteFile, Verdict
from archive_pipeline.fetch.site_files import SiteFiles
from archive_pipeline.model import Capture, CaptureKind, CaptureResult, Gone, Item, Refused, Request, Source, Unmodified
from archive_pipeline.warc import (
    Exchange,
    Previous,
    StoredCapture,
    WarcStore,
    decode_body,
    settings_hash,
    source_settings,
    urn,
)

__all__ = ["History", "SourceContext"]

MAX_REDIRECTS = 5


def no_secret(name: str) -> str:
    """Where no secrets are at hand. Raises ConfigError."""
    raise ConfigError(f'Geheimnis "{name}" ist hier nicht zu haben', hint="die Quelle mit run abrufen")


class SourceContext:
    """The `FetchContext` of one source during one run, used by one thread at a time.

    `fetcher` is the name its captures are described with. `client`, `robots` and `store` serve the whole run, and
    contexts in other threads at the same time. `stored` is told of every capture as soon as it is written, evidence of
    discovery included; none is durable before `store.sync()`. `logged` hears of each request exactly once, also of
    those that were refused without sending them.

    `kept_bookmark` is what the fetcher kept in this run. `notices` tells in words what an archive has to be able to
    prove later: that robots.txt was overridden, and by whose leave.
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
        history: History,
        stored: Callable[[StoredCapture], None],
        logged: Callable[[Request], None],
        secret: Callable[[str], str] = no_secret,
    ) -> None:
        self._source = source
        self._client = client
        self._robots = robots
        self._base = base
        self._max_bytes = max_bytes
        self._history = history
        self.kept_bookmark: str | None = None
        self.notices: list[str] = []
        options = source.options
        # a plugin's settings may hold what is no JSON
        told = options.model_dump_json(fallback=_kind_of) if isinstance(options, BaseModel) else ""
        settings = settings_hash(source_settings(source), told)
        self._recorder = Recorder(source=source, settings=settings, fetcher=fetcher, store=store, stored=stored)
        self._requester = Requester(
            source=source,
            options=options if isinstance(options, HttpOptions) else HttpOptions(),
            client=client,
            store=store,
            recorder=self._recorder,
            logged=logged,
        )
        self._secret = secret
        allow_private = isinstance(options, NetworkOptions) and options.allow_private
        self._connections = Connections(
            source.id,
            lambda host, port: client.connect(host, port, allow_private=allow_private),
            clock=client.clock,
            logged=logged,
        )
        self._site_files = SiteFiles(requester=self._requester, history=history, max_bytes=max_bytes)

    @property
    def base(self) -> Path:
        """The folder that relative paths of sources.toml are relative to."""
        return self._base

    @property
    def max_bytes(self) -> int:
        """The largest body the source allows, in bytes."""
        return self._max_bytes

    def get(self, url: str, *, item: Item | None = None, parent: Capture | None = None) -> CaptureResult:
        """Fetch one address; see `FetchContext.get`.

        With `item`: its Capture; Unmodified when the server or the bytes say that nothing changed since the last
        capture; Gone for 404 and 410; Refused when robots.txt, a rights reservation or the address guard forbid it.
        Without: the same, but never Unmodified. Raises TooLargeError, TransientFetchError (after three tries),
        FetchError.
        """
        try:
            return self._follow(url, item, parent)
        except RefusedError as error:
            return Refused(error.message)

    def put(
        self,
        item: Item,
        body: bytes,
        *,
        media_type: str | None = None,
        parent: Capture | None = None,
        captured_at: datetime | None = None,
        head: bytes = b"",
    ) -> Capture:
        """Store the bytes of a file, a mail or an attachment, or what another crawler captured; see
        `FetchContext.put`. Raises TooLargeError, FetchError."""
        if len(body) > self._max_bytes:
            raise TooLargeError(too_large(self._max_bytes), url=item.key)
        if captured_at is not None:
            return self._adopt(item, body, media_type, captured_at, head)
        previous = self._history.previous(urn(self._source.id, item.key))
        return self._recorder.put(item, body, media_type=media_type, parent=parent, previous=previous)

    def _adopt(self, item: Item, payload: bytes, media_type: str | None, captured_at: datetime, head: bytes) -> Capture:
        url = item.url or urn(self._source.id, item.key)
        exchange = Exchange(url=url, request=b"", head=head, payload=payload, started_at=captured_at)
        try:
            coding = exchange.header("content-encoding") or ""
            body, decoded = decode_body(payload, coding, self._max_bytes) if head else (payload, ())
        except OutputLimitError as error:
            raise TooLargeError(f"{too_large(self._max_bytes)} (entpackt)", url=item.key) from error
        except CodingError as error:
            raise FetchError(f"Der Inhalt ist nicht zu entpacken: {error}", url=item.key) from error
        previous = self._history.previous(url)
        return self._recorder.adopt(item, exchange, media_type, body=body, decoded=decoded, previous=previous)

    def connect(self, host: str, port: int, *, goodbye: bytes = b"") -> GuardedConnection:
        """The connection to a mail server; see `FetchContext.connect`. Raises RefusedError, FetchError."""
        return self._connections.get(host, port, goodbye)

    def secret(self, name: str) -> str:
        """A password by its name. Raises ConfigError."""
        return self._secret(name)

    def close(self) -> None:
        """End the visit: hang up where `connect` has called."""
        self._connections.close()

    def is_known(self, key: str) -> bool:
        """Whether the source offered this key in an earlier run."""
        return self._history.is_known(key)

    @property
    def since(self) -> date | None:
        """The day from which on releases are wanted, or None."""
        return self._history.since

    @property
    def bookmark(self) -> str | None:
        """What the fetcher kept last, or None."""
        return self._history.bookmark if self.kept_bookmark is None else self.kept_bookmark

    def keep_bookmark(self, bookmark: str) -> None:
        """Keep it for the next run; the pipeline takes `kept_bookmark` when discovery has ended."""
        self.kept_bookmark = bookmark

    def _follow(self, url: str, item: Item | None, parent: Capture | None) -> CaptureResult:
        address = self._sendable(url)
        for _ in range(MAX_REDIRECTS + 1):
            question = self._permitted(address)
            previous = self._history.previous(address)
            # an item's answer must be its own in every field, so it is compared with its like alone
            comparable = item is None or (previous is not None and previous.kind == _kind(parent))
            original = self._requester.original(previous) if comparable else None
            doubtful = item is None and original is None and self._was_called_unmodified(address, previous)
            answer = self._requester.ask(replace(question, previous=previous, original=original))
            if answer.outcome != "redirect":
                result = self._settle(answer, item, parent)
                if doubtful and previous is not None:
                    self._test_validators(question, previous, answer, result)
                return result
            self._recorder.keep(answer)
            address = self._sendable(location_of(address, answer.exchange.headers), address)
        raise FetchError(f"Mehr als {MAX_REDIRECTS} Weiterleitungen", url=url, hint="Adresse im Browser prüfen")

    def _sendable(self, written: str, base: str = "") -> str:
        """An address as it is sent; one that carries a password is refused, and logged without it."""
        try:
            return sendable_url(written, base)
        except RefusedError as error:
            named = httpx2.URL(base).join(written.strip()).copy_with(userinfo=b"", fragment=None)
            self._requester.unanswered(str(named), "address", error.message)
            raise

    def _permitted(self, address: str) -> Question:
        """The question to ask, if the site permits it. Raises RefusedError, TransientFetchError, FetchError."""
        verdict = self._verdict(address)
        declared = self._robots.declaration(address, self._reservations)
        if reason := objection(declared, self._source.legal_basis):
            self._requester.unanswered(address, "reservation", reason)
            raise RefusedError(reason, url=address)
        note = self._leave(verdict)
        if note is not None and not self.notices:
            self.notices.append(f"{note}, zuerst für {address}")
        return Question(address=address, max_bytes=self._max_bytes, pause=verdict.pause, declared=declared, note=note)

    def _verdict(self, address: str) -> Verdict:
        """What robots.txt says of an address. Raises its refusal unless the publisher gave leave."""
        verdict = self._robots.verdict(address, self._site_files.robots)
        if verdict.refusal is not None and self._source.robots_override is None:
            self._requester.unanswered(address, "robots", verdict.refusal.message)
            raise verdict.refusal
        return verdict

    def _leave(self, verdict: Verdict) -> str | None:
        """By whose leave a refusal of robots.txt doesn't hold; None where nothing is refused."""
        given = self._source.robots_override
        if verdict.refusal is None or given is None:
            return None
        by = f"erteilt von {given.granted_by} am {given.date} ({given.reason})"
        return f"{verdict.refusal.message}; robots_override: {by}"

    def _reservations(self, url: str) -> SiteFile:
        return self._site_files.reservations(url, lambda address: self._verdict(address).pause)

    def _settle(self, answer: Answer, item: Item | None, parent: Capture | None) -> CaptureResult:
        """Store the answer that ends a chain of redirects, and say what it means."""
        previous, original = answer.question.previous, answer.question.original
        if answer.outcome == "gone" or answer.error is not None:
            self._recorder.keep(answer)
            if answer.error is not None:
                raise answer.error
            return Gone(status_text(answer.exchange))
        capture = self._recorder.write(answer, item, parent)
        if answer.outcome == "unmodified" and original is not None:
            if item is not None:
                return Unmodified(original) if _came_with(original, parent) else capture
            return replace(capture, status=original.status, headers=merged_headers(original, answer.exchange))
        if item is None or previous is None or (previous.kind, previous.sha256) != (capture.kind, capture.sha256):
            return capture
        # a copy that is damaged is not known any more: the archive has to learn of the new one
        known = self._requester.stored(previous)
        return capture if known is None or not _came_with(known, parent) else Unmodified(known)

    def _was_called_unmodified(self, address: str, previous: Previous | None) -> bool:
        """Whether the server answered after its last whole answer, and so can only have said that it still holds."""
        if previous is None:
            return False
        last = self._history.last_answer(address)
        return last is not None and last.captured_at > previous.captured_at

    def _test_validators(self, question: Question, before: Previous, answer: Answer, result: CaptureResult) -> None:
        """Where an unconditional request found other bytes than `before`: ask whether those of before are unmodified.
        A server that says so, right after it sent others, says so whatever is asked; the next requests are then
        unconditional, as a 304 that is not complete is stored. The same validators with other bytes need no test.
        """
        exchange = answer.exchange
        repeated = (
            exchange.header("etag") == before.etag
            if before.etag
            else exchange.header("last-modified") == before.last_modified
        )
        original = self._requester.read_back(before)
        if not isinstance(result, Capture) or result.sha256 == before.sha256 or repeated or original is None:
            return
        test = replace(question, previous=before, original=original, note="Probe, ob der Server 304 zu Recht meldet")
        with suppress(FetchError):  # what was fetched is stored, and what it is worth doesn't hang on this
            told = self._requester.ask(test, tries=1)
            caught = told.outcome == "unmodified"
            self._recorder.keep(replace(told, body=b"", complete=False) if caught else told)


def _kind_of(value: object) -> str:
    return type(value).__qualname__


def _kind(parent: Capture | None) -> CaptureKind:
    return "document" if parent is None else "attachment"


def _came_with(known: Capture, parent: Capture | None) -> bool:
    """Whether a capture is known as an attachment of this very parent: two releases may share a document."""
    return parent is None or known.parent == parent.record_id
