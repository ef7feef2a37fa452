"""The way to the network for looking and trying: every manner of a run, and nothing is kept.

Answers are remembered, so that an address several candidates lead to is asked for once, and requests are counted: a
look at a site must not cost it more than a visitor's click through a few pages.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import date, datetime
from http import HTTPStatus
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic
from urllib.parse import urlsplit

from archive_pipeline.errors import FetchError, RefusedError
from archive_pipeline.fetch import HttpClient, Robots, SourceContext
from archive_pipeline.fetch.history import NoHistory
from archive_pipeline.fetch.http import PRODUCT, sendable_url
from archive_pipeline.model import Capture, CaptureResult, Gone, Item, Refused, Request, Source
from archive_pipeline.protocols import Connection
from archive_pipeline.sources import secret
from archive_pipeline.warc import StoredCapture, WarcStore
from archive_pipeline.workspace import SOFTWARE, utc_now

__all__ = ["MAX_BYTES", "Session", "open_session"]

REDIRECTS = frozenset({301, 302, 303, 307, 308})
MAX_BYTES = 20_000_000
"""The largest body that is looked at where no archive says otherwise, as in a run."""


def _nothing(request: Request) -> None:
    pass


class Session:
    """One look: what was asked of the network so far, and what may still be asked.

    `spent` says that a request was not sent because `max_requests` were, or because `seconds` have passed; a chain of
    redirects that began before is followed to its end.
    """

    def __init__(
        self,
        client: HttpClient,
        store: WarcStore,
        *,
        base: Path,
        max_bytes: int,
        max_requests: int | None,
        seconds: float | None,
        watch: Callable[[Request], None],
    ) -> None:
        self._client = client
        self._store = store
        self._robots = Robots(PRODUCT)
        self._base = base
        self._max_bytes = max_bytes
        self._max_requests = max_requests
        self._end = None if seconds is None else monotonic() + seconds
        self._watch = watch
        self._answers: dict[str, CaptureResult | FetchError] = {}
        self._contexts: list[SourceContext] = []
        self.requests: list[Request] = []
        self.spent = False

    def context(self, source: Source, fetcher: str) -> "LookingContext":
        """The `FetchContext` of one source; all contexts of a session share its answers and its budget."""
        inner = SourceContext(
            source,
            fetcher=fetcher,
            client=self._client,
            robots=self._robots,
            store=self._store,
            base=self._base,
            max_bytes=self._max_bytes,
            history=NoHistory(),
            stored=self._remember,
            logged=self._count,
            secret=lambda name: secret(name, os.environ),
        )
        self._contexts.append(inner)
        return LookingContext(self, source, inner)

    def close(self) -> None:
        """Hang up where mail servers were called."""
        for context in self._contexts:
            context.close()

    def answer(self, inner: SourceContext, url: str, item: Item | None, parent: Capture | None) -> CaptureResult:
        """What an address answers, asked for at most once. Raises FetchError, also when the budget is spent."""
        address = sendable_url(url)
        if address not in self._answers:
            self._check_budget(address)
            try:
                answer = inner.get(url, item=item, parent=parent)
            except FetchError as error:
                self._answers[address] = error
            else:
                self._answers[address] = answer
                if isinstance(answer, Capture):  # what redirects led to
                    self._answers.setdefault(answer.target, answer)
        known = self._answers[address]
        if isinstance(known, FetchError):
            raise known
        return known

    def _check_budget(self, address: str) -> None:
        over = self._max_requests is not None and len(self.requests) >= self._max_requests
        late = self._end is not None and monotonic() > self._end
        if over or late:
            self.spent = True
            limit = f"mehr als {self._max_requests} Abrufe" if over else "mehr Zeit"
            raise FetchError(f"nicht mehr abgerufen: {limit} kostet ein Blick auf eine Website nicht", url=address)

    def _remember(self, stored: StoredCapture) -> None:
        """What the context asked for by itself: robots.txt names sitemaps."""
        capture = stored.capture
        if urlsplit(capture.target).path == "/robots.txt" and capture.status not in REDIRECTS:
            gone = Gone(f"HTTP {capture.status}")
            self._answers.setdefault(capture.target, capture if capture.status == HTTPStatus.OK else gone)

    def _count(self, request: Request) -> None:
        self.requests.append(request)
        self._watch(request)


class LookingContext:
    """A `FetchContext` whose source has no past and leaves nothing behind."""

    since: date | None = None
    bookmark: str | None = None

    def __init__(self, session: Session, source: Source, inner: SourceContext) -> None:
        self._session = session
        self._source = source
        self._inner = inner

    @property
    def base(self) -> Path:
        """The folder that relative paths of sources.toml are relative to."""
        return self._inner.base

    @property
    def max_bytes(self) -> int:
        """The largest body, in bytes."""
        return self._inner.max_bytes

    def get(self, url: str, *, item: Item | None = None, parent: Capture | None = None) -> CaptureResult:
        """Fetch one address, or give what it answered before; see `FetchContext.get`."""
        try:
            answer = self._session.answer(self._inner, url, item, parent)
        except RefusedError as error:
            return Refused(error.message)
        return self._for_item(answer, item, parent) if isinstance(answer, Capture) else answer

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
        """The bytes of a file or a mail as a capture; see `FetchContext.put`."""
        return self._inner.put(item, body, media_type=media_type, parent=parent, captured_at=captured_at, head=head)

    def connect(self, host: str, port: int, *, goodbye: bytes = b"") -> Connection:
        """The connection to a mail server; see `FetchContext.connect`."""
        return self._inner.connect(host, port, goodbye=goodbye)

    def secret(self, name: str) -> str:
        """A password by its name; see `FetchContext.secret`."""
        return self._inner.secret(name)

    def is_known(self, key: str) -> bool:
        """False: nothing was offered before."""
        return False

    def keep_bookmark(self, bookmark: str) -> None:
        """Nothing is kept."""

    def _for_item(self, answer: Capture, item: Item | None, parent: Capture | None) -> Capture:
        """The answer as the capture it would be for this source and item."""
        if item is None:
            return replace(answer, source_id=self._source.id, kind="discovery", parent=None)
        return replace(
            answer,
            source_id=item.source_id,
            key=item.key,
            url=item.url or answer.url,
            kind="attachment" if parent else "document",
            parent=parent.record_id if parent else None,
            title=item.title,
            published=item.published,
            fingerprint=item.fingerprint,
        )


@contextmanager
def open_session(
    client: HttpClient,
    *,
    base: Path | None = None,
    max_bytes: int = MAX_BYTES,
    max_requests: int | None = None,
    seconds: float | None = None,
    watch: Callable[[Request], None] = _nothing,
) -> Iterator[Session]:
    """A session over `client` while the context lasts; what it stores on the way is thrown away at the end.

    `base` is the folder that paths of sources are relative to, `watch` is told of every request as it ends.
    """
    with TemporaryDirectory() as folder:
        store = WarcStore(Path(folder), software=SOFTWARE, operator="", clock=utc_now)
        try:
            session = Session(
                client,
                store,
                base=base or Path(folder),
                max_bytes=max_bytes,
                max_requests=max_requests,
                seconds=seconds,
                watch=watch,
            )
            with closing(session):
                yield session
        finally:
            store.close()
