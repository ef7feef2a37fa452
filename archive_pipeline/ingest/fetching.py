"""Visiting sources side by side: what they offer, and the bytes of what is due.

Sources of one registrable domain share a lane and are visited one after the other, since only one request at a time
goes there; lanes run in threads. A thread reads the database and writes WARC records; everything else it tells the
thread that runs the journey, which alone writes to the database.
"""

import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from queue import Empty, Queue, SimpleQueue
from time import monotonic
from types import TracebackType
from typing import Literal

from sqlite_utils import Database

from archive_pipeline.address import registrable_domain
from archive_pipeline.archive.captures import CaptureRow, has_lied, latest_answer, latest_capture
from archive_pipeline.archive.frontier import DueItem, ItemState, bookmark, is_known, was_captured
from archive_pipeline.errors import (
    ArchiveError,
    ArchivePipelineError,
    EmptySelectorError,
    FetchError,
    FixityError,
    NeedsJavaScriptError,
    PluginContractError,
    RefusedError,
)
from archive_pipeline.fetch import HttpClient, Robots, SourceContext
from archive_pipeline.model import (
    Capture,
    Failure,
    FailureKind,
    Gone,
    Item,
    Refused,
    Request,
    Source,
    Unmodified,
)
from archive_pipeline.processing.chain import check_item
from archive_pipeline.protocols import Fetcher
from archive_pipeline.registry import Entry
from archive_pipeline.sources import secret
from archive_pipeline.warc import Previous, StoredCapture, WarcStore
from archive_pipeline.workspace import Workspace

__all__ = ["Attempted", "Discovered", "Finished", "Lanes", "Message", "Offered"]

ITEMS_AN_OFFER = 200
"""Discovered items are handed over in lists of this many."""

WAITING = 32
"""Messages that may wait to be archived; lanes that are faster than the archive wait then."""

PATIENCE = 15.0
"""Seconds that lanes have to end the request they are at when the run is stopped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What a lane tells: about `source`, with everything it wrote to WARC files and asked of the network since its
    last message."""

    source: Source
    stored: tuple[StoredCapture, ...] = ()
    requests: tuple[Request, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered(Message):
    """Items that the source offers."""

    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered(Message):
    """Discovery has ended, well unless `failure` or `refusal` say why not. `answer` takes what is due now."""

    failure: Failure | None
    refusal: str | None
    bookmark: str | None
    answer: "SimpleQueue[Sequence[DueItem]]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted(Message):
    """How capturing one item ended."""

    due: DueItem
    state: ItemState
    unmodified: bool = False
    reason: str | None = None
    failure: Failure | None = None
    captures: tuple[Capture, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished(Message):
    """The visit of a source is over. `notices` is what the log of events has to hold about it."""

    notices: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Ended:
    """A lane is through; with an error when the archive itself failed it."""

    error: BaseException | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _SourceHistory:
    """What the archive knows of one source, read by its lane."""

    db: Database
    source_id: str
    since: date | None

    def previous(self, target: str) -> Previous | None:
        """The last complete capture of an address or URN of this source, or None."""
        row = latest_capture(self.db, self.source_id, target)
        if row is None or row.status is None:
            return _previous(row)
        etag = None if has_lied(self.db, self.source_id, target, "etag") else row.etag
        modified = None if has_lied(self.db, self.source_id, target, "last_modified") else row.last_modified
        return _previous(replace(row, etag=etag, last_modified=modified))

    def last_answer(self, target: str) -> Previous | None:
        """The last answer of an address to any source of the archive, or None."""
        return _previous(latest_answer(self.db, target))

    def is_known(self, key: str) -> bool:
        """Whether the source offered this key in an earlier discovery."""
        return is_known(self.db, self.source_id, key)

    @property
    def bookmark(self) -> str | None:
        """What the fetcher kept in an earlier run."""
        return bookmark(self.db, self.source_id)


def _previous(row: CaptureRow | None) -> Previous | None:
    if row is None:
        return None
    return Previous(
        record_id=row.record_id,
        captured_at=datetime.fromisoformat(row.captured_at),
        sha256=row.sha256,
        warc_file=row.warc_file,
        warc_offset=row.warc_offset,
        kind=row.kind,
        etag=row.etag,
        last_modified=row.last_modified,
    )


class Lanes:
    """Visits sources in threads while its `with` block runs; `messages` gives what they tell, until all are through.

    `connections` is the number of threads. Raises what stops a whole run: ArchiveError.
    """

    def __init__(
        self,
        workspace: Workspace,
        sources: Sequence[Source],
        *,
        client: HttpClient,
        robots: Robots,
        store: WarcStore,
        stop: threading.Event,
        since: date | None,
    ) -> None:
        self._workspace = workspace
        self._client = client
        self._robots = robots
        self._store = store
        self._stop = stop
        self._since = since
        self._queue: Queue[Message | _Ended] = Queue(WAITING)
        self._waiting = deque(_lanes(sources))
        count = min(workspace.config.archive.connections, len(self._waiting))
        self._threads = [threading.Thread(target=self._run, name=f"lane-{n}", daemon=True) for n in range(count)]

    def __enter__(self) -> "Lanes":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the threads end; on an error they end the request they are at, and what they still tell is dropped: it
        lies in the WARC files, where the next run finds it."""
        self._stop.set()
        end = monotonic() + PATIENCE
        while any(thread.is_alive() for thread in self._threads) and monotonic() < end:
            try:
                message = self._queue.get(timeout=0.05)
            except Empty:
                continue
            if isinstance(message, Discovered):
                message.answer.put(())

    def messages(self, idle: float) -> Iterator[Message | None]:
        """What the lanes tell, in the order it happened; None whenever nothing came for `idle` seconds."""
        running = len(self._threads)
        while running:
            try:
                message = self._queue.get(timeout=idle)
            except Empty:
                yield None
                continue
            if isinstance(message, _Ended):
                running -= 1
                if message.error is not None:
                    raise message.error
            else:
                yield message

    def _run(self) -> None:
        failure: BaseException | None = None
        try:
            with self._workspace.looking() as db:
                while self._waiting and not self._stop.is_set():
                    try:
                        lane = self._waiting.popleft()
                    except IndexError:  # another thread took the last one
                        break
                    for source in lane:
                        self._visit(source, db)
        except KeyboardInterrupt:  # raised where this thread waited, when the run was stopped
            pass
        except BaseException as error:  # noqa: BLE001 - carried to the thread of the journey, which raises it
            failure = error
        finally:
            self._queue.put(_Ended(failure))

    def _visit(self, source: Source, db: Database) -> None:
        entry = self._workspace.plugins.fetchers.entry(source.fetcher or "")
        visit = _Visit(source, entry, self._queue, self._stop)
        settings = self._workspace.config
        context = SourceContext(
            source,
            fetcher=entry.name,
            client=self._client,
            robots=self._robots,
            store=self._store,
            base=settings.base,
            max_bytes=settings.archive.max_bytes,
            history=_SourceHistory(db=db, source_id=source.id, since=self._since),
            stored=visit.note,
            logged=visit.requests.append,
            secret=lambda name: secret(name, os.environ),
        )
        with closing(context):
            for due in visit.discover(context, self._since):
                if self._stop.is_set():
                    return
                visit.capture(due, context, was_captured(db, source.id, due.item.key))
        visit.finish(context.notices)


def _lanes(sources: Sequence[Source]) -> list[list[Source]]:
    """Sources by registrable domain, in the order of the first of each; one without an address has its own lane.
    Mailboxes have a host instead: a server allows few connections to one account."""
    lanes: dict[str, list[Source]] = {}
    for source in sources:
        address = source.url or getattr(source.options, "host", None)
        lanes.setdefault(registrable_domain(str(address)) if address else f"source:{source.id}", []).append(source)
    return list(lanes.values())


@dataclass(slots=True)
class _Visit:
    """One visit of one source, in its lane's thread."""

    source: Source
    entry: Entry[Fetcher]
    queue: "Queue[Message | _Ended]"
    stop: threading.Event
    stored: list[StoredCapture] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    def discover(self, context: SourceContext, since: date | None) -> Sequence[DueItem]:
        """Hand over what the source offers; what is due now comes back."""
        failure: Failure | None = None
        refusal: str | None = None
        items: list[Item] = []
        try:
            for item in self.entry.obj.discover(self.source, context):
                if self.stop.is_set():
                    raise KeyboardInterrupt
                check_item(item, self.source)
                if since and item.published and item.published < since.isoformat():
                    continue
                items.append(item)
                if len(items) >= ITEMS_AN_OFFER:
                    self._offer(items)
                    items = []
        except RefusedError as refused:
            refusal = refused.message
        except BaseException as error:  # noqa: BLE001 - a source fails alone
            self._raise_unless_its_own(error)
            failure = failure_of(self.source.id, "", "discover", error, self.entry)
        self._offer(items)
        kept = context.kept_bookmark if failure is None and refusal is None else None
        answer: SimpleQueue[Sequence[DueItem]] = SimpleQueue()
        self._tell(
            lambda stored, requests: Discovered(
                source=self.source,
                stored=stored,
                requests=requests,
                failure=failure,
                refusal=refusal,
                bookmark=kept,
                answer=answer,
            )
        )
        return answer.get()

    def capture(self, due: DueItem, context: SourceContext, was_captured: bool) -> None:
        """Capture one item, and hand over how that ended."""
        captures: list[Capture] = []
        state: ItemState = "captured"
        unmodified = False
        reason: str | None = None
        failure: Failure | None = None
        result: object = None
        written = len(self.stored)
        try:
            for result in self.entry.obj.capture(due.item, self.source, context):
                if self.stop.is_set():
                    raise KeyboardInterrupt
                match result:
                    case Capture(kind="document", status=None, url=str()) if due.is_check:
                        # the fetcher's substitute for a page that was captured before is no change by the publisher
                        raise FetchError("Die Seite ist nicht mehr abrufbar; das Archiv behält sie", url=due.item.key)
                    case Capture(kind="document") if self._wrote(result, written):
                        captures.append(result)
                    case Capture(kind="attachment") if self._wrote(result, written):
                        captures.append(replace(result, body=b""))  # its row is all that is written of it
                    case Capture(kind=kind):
                        raise PluginContractError(
                            f"capture() gab eine Erfassung zurück, die nicht für ein Item gespeichert wurde ({kind})"
                        )
                    case Unmodified():
                        unmodified = True
                    case Gone(reason) if captures or unmodified:
                        pass  # an attachment that is not there any more
                    case Gone(reason) if was_captured:
                        state = "gone"
                        break
                    case Gone(reason):
                        raise FetchError(f"{reason}, bevor es erfasst werden konnte", url=due.item.key)
                    case Refused(reason) if captures or unmodified:
                        pass
                    case Refused(reason):
                        state = "refused"
                        break
                    case _:
                        raise PluginContractError(f"capture() gab {type(result).__name__} zurück")
            if result is None:
                raise PluginContractError("capture() gab nichts zurück")
        except RefusedError as refused:  # of bytes that a decision removed
            if not captures:
                state, reason = "refused", refused.message
        except BaseException as error:  # noqa: BLE001 - an item fails alone
            self._raise_unless_its_own(error)
            failure = failure_of(self.source.id, due.item.key, "capture", error, self.entry)
            state, reason = "failed", failure.reason
        self._tell(
            lambda stored, requests: Attempted(
                source=self.source,
                stored=stored,
                requests=requests,
                due=due,
                state=state,
                unmodified=unmodified and not captures,
                reason=None if state == "captured" else reason,
                failure=failure,
                captures=tuple(captures),
            )
        )

    def finish(self, notices: Sequence[str]) -> None:
        """Hand over what is left."""
        self._tell(
            lambda stored, requests: Finished(
                source=self.source, stored=stored, requests=requests, notices=tuple(notices)
            )
        )

    def note(self, stored: StoredCapture) -> None:
        """Remember what was written, without the bytes: until the lane tells of it there may be many."""
        self.stored.append(replace(stored, capture=replace(stored.capture, body=b"")))

    def _raise_unless_its_own(self, error: BaseException) -> None:
        """Whatever a fetcher raises is its own fault; that the run ends or the archive fails is not."""
        if isinstance(error, KeyboardInterrupt) and self.stop.is_set():
            raise error
        raise_if_archive_fails(error)

    def _wrote(self, capture: Capture, since: int) -> bool:
        return any(one.capture.record_id == capture.record_id for one in self.stored[since:])

    def _offer(self, items: Sequence[Item]) -> None:
        if items:
            self._tell(
                lambda stored, requests: Offered(
                    source=self.source, stored=stored, requests=requests, items=tuple(items)
                )
            )

    def _tell(self, message: Callable[[tuple[StoredCapture, ...], tuple[Request, ...]], Message]) -> None:
        told = message(tuple(self.stored), tuple(self.requests))
        self.stored.clear()
        self.requests.clear()
        self.queue.put(told)


def raise_if_archive_fails(error: BaseException) -> None:
    """A full disk is no fault of an item, and the next one would fare no better; a damaged record is one item's."""
    if isinstance(error, sqlite3.Error) or (isinstance(error, ArchiveError) and not isinstance(error, FixityError)):
        raise error


def failure_of(
    source_id: str, key: str, stage: Literal["discover", "capture"], error: BaseException, entry: Entry[Fetcher]
) -> Failure:
    """What went wrong in words. An error nobody raised on purpose is the plugin's fault and names it."""
    kind: FailureKind = "error"
    if isinstance(error, EmptySelectorError):
        kind = "empty_selector"
    elif isinstance(error, NeedsJavaScriptError):
        kind = "needs_javascript"
    if isinstance(error, ArchivePipelineError) and not isinstance(error, PluginContractError):
        return Failure(source_id=source_id, key=key, stage=stage, reason=error.message, hint=error.hint, kind=kind)
    reason = f"Fetcher {entry.name}: {type(error).__name__}: {error}"
    return Failure(source_id=source_id, key=key, stage=stage, reason=reason, plugin=entry.plugin)
