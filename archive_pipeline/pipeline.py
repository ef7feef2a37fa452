"""The journey of a press release, top to bottom: discover, capture, clean, classify, archive, index.

What may go wrong on the way is caught here for one item or one source at a time and recorded; a run goes on. It can
be killed at any moment: captures are synced to WARC before the database names them, the next run takes up what lies
behind the last byte the database knows, and goes on from the frontier.
"""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import Literal

from sqlite_utils import Database

from archive_pipeline.archive.captures import is_repeated, known_lengths, latest_capture, record_capture, set_lengths
from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.decisions import apply_new_decisions
from archive_pipeline.archive.events import record_event
from archive_pipeline.archive.frontier import (
    ItemState,
    count_settled,
    offer,
    pending_items,
    restore,
    settle,
    was_captured,
)
from archive_pipeline.archive.reading import load_release
from archive_pipeline.archive.releases import Stored, store_release
from archive_pipeline.archive.runs import begin_run, finish_run, record_failure
from archive_pipeline.errors import (
    ArchiveError,
    ArchivePipelineError,
    FetchError,
    FixityError,
    PluginContractError,
    RefusedError,
)
from archive_pipeline.fetch.context import SourceContext
from archive_pipeline.fetch.http import PRODUCT, HttpClient
from archive_pipeline.fetch.robots import Robots
from archive_pipeline.model import (
    Capture,
    Failure,
    Gone,
    Item,
    Processed,
    Refused,
    RunReport,
    Source,
    SourceReport,
    Unmodified,
)
from archive_pipeline.processing import check_item
from archive_pipeline.protocols import Fetcher
from archive_pipeline.registry import Entry
from archive_pipeline.warc import Previous, StoredCapture, WarcStore
from archive_pipeline.workers import Workers
from archive_pipeline.workspace import HOMEPAGE, SOFTWARE, VERSION, Workspace, utc_now

__all__ = ["batched", "commit", "run"]

ITEMS_A_BATCH = 25
BYTES_A_BATCH = 32_000_000
"""Captures share one sync and one transaction until either is reached."""

ITEMS_AN_OFFER = 200
"""Discovered items share one transaction."""


def run(
    workspace: Workspace,
    sources: Sequence[Source],
    *,
    command: str = "run",
    limit: int | None = None,
    workers: int = 1,
    progress: Callable[[SourceReport], None] = lambda report: None,
) -> RunReport:
    """Ingest from these sources; returns what was done.

    `limit` is the number of items taken from each source, `workers` the processes that clean and classify.
    `progress` hears of a source after each batch (with `seconds` 0) and when it is finished. Raises LockedError while
    another process writes.
    """
    started = utc_now()
    run_id = f"{started:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
    with workspace.writing(command) as db, workspace.workers(workers) as pool:
        begin_run(db, run_id, command, sources, started)
        workspace.plugins.run_started(run_id, tuple(sources))
        journey = _Journey(workspace, db, pool, run_id, progress)
        try:
            journey.recover()
            for broken in workspace.config.broken if command == "run" else ():
                journey.give_up(broken.source, broken.problem.message)
            for source in sources:
                journey.visit(source, limit)
        finally:
            journey.close()
        workspace.update_index(db)
        report = journey.report(started)
        finish_run(db, report)
        workspace.plugins.run_finished(report)
    return report


@dataclass(frozen=True, slots=True)
class _Attempt:
    """How capturing one item ended."""

    item: Item
    state: ItemState
    source: Source
    reason: str | None = None
    captures: tuple[Capture, ...] = ()


@dataclass(slots=True)
class _Tally:
    """The counts of one source while a run goes on."""

    source_id: str
    started: float = field(default_factory=monotonic)
    counts: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)

    def add(self, count: str, number: int = 1) -> None:
        self.counts[count] = self.counts.get(count, 0) + number

    def report(self, *, finished: bool) -> SourceReport:
        seconds = max(monotonic() - self.started, 0.001) if finished else 0.0
        return SourceReport(source_id=self.source_id, seconds=seconds, failures=tuple(self.failures), **self.counts)


class _Journey:
    """One run's way through its sources, with the archive's writer lock held."""

    def __init__(
        self,
        workspace: Workspace,
        db: Database,
        pool: Workers,
        run_id: str,
        progress: Callable[[SourceReport], None],
    ) -> None:
        self.workspace = workspace
        self.db = db
        self.pool = pool
        self.run_id = run_id
        self.progress = progress
        settings = workspace.config.archive
        self.store: WarcStore = workspace.warc_store()
        self.client = HttpClient(
            version=VERSION,
            contact=settings.contact or HOMEPAGE,
            clock=utc_now,
            interval=settings.request_interval,
            user_agent=settings.user_agent,
        )
        self.robots = Robots(PRODUCT)
        self.tallies: dict[str, _Tally] = {}
        self.evidence: list[Capture] = []
        self.written: set[str] = set()
        self.recovered: set[tuple[str, str]] = set()

    def recover(self) -> None:
        """Take up what a killed process left: captures in the WARC files behind the last byte the database knows, and
        decisions it had not applied. What can't be read is told and stops nothing."""
        known = known_lengths(self.db)
        for cut in self.store.recover(known):
            detail = f"{cut.size} Bytes eines unvollständigen Satzes ab Byte {cut.offset} abgeschnitten"
            with write_tx(self.db):
                self._event("recovery", cut.warc_file, detail)
        try:
            apply_new_decisions(self.db, self.workspace.decisions_file)
        except ArchiveError as error:
            self._damage("decisions.jsonl", error)
        for stored in batched(self.store.captures(after=known, damaged=lambda error: self._damage("warc", error))):
            self.evidence += [one.capture for one in stored if one.capture.kind == "discovery"]
            attempts = [
                _Attempt(_item_of(one.capture), "captured", one.source, captures=(one.capture,))
                for one in stored
                if one.capture.kind == "document"
            ]
            with write_tx(self.db):  # the database may have lost that they were offered, too
                for attempt in attempts:
                    restore(self.db, attempt.captures[0])
            self._archive(attempts, {one.capture.warc_file: one.end for one in stored})
            self.recovered.update((attempt.source.id, attempt.item.key) for attempt in attempts)

    def visit(self, source: Source, limit: int | None) -> None:
        """Discover what the source offers, then bring every pending item the whole way."""
        tally = self._tally(source.id)
        entry = self.workspace.plugins.fetchers.entry(source.fetcher or "")
        context = self._context(entry, source)
        self._discover(entry, source, context)
        attempts: list[_Attempt] = []
        for item in pending_items(self.db, source.id, limit):
            attempts.append(self._capture(entry, item, source, context))
            size = sum(len(capture.body) for attempt in attempts for capture in attempt.captures)
            if len(attempts) >= ITEMS_A_BATCH or size >= BYTES_A_BATCH:
                self._archive(attempts, self.store.sync())
                attempts = []
                self.progress(tally.report(finished=False))
        self._archive(attempts, self.store.sync())
        self.progress(tally.report(finished=True))

    def give_up(self, source: Source, reason: str) -> None:
        """A source whose plugin could not be loaded fails alone."""
        self._fail(Failure(source_id=source.id, key="", stage="discover", reason=reason))
        self.progress(self._tally(source.id).report(finished=True))

    def close(self) -> None:
        """Hang up, and make everything written durable."""
        self.client.close()
        self.store.close()

    def report(self, started: datetime) -> RunReport:
        """What the whole run did. A quarantined third-party plugin makes it exit 3 as well."""
        sources = tuple(tally.report(finished=True) for tally in self.tallies.values())
        failed = any(report.failed for report in sources) or bool(self.workspace.plugins.quarantined)
        return RunReport(
            run_id=self.run_id,
            started_at=started,
            finished_at=utc_now(),
            sources=sources,
            exit_code=3 if failed else 0,
        )

    def _context(self, entry: Entry[Fetcher], source: Source) -> SourceContext:
        return SourceContext(
            source,
            fetcher=entry.name,
            client=self.client,
            robots=self.robots,
            store=self.store,
            base=self.workspace.config.base,
            max_bytes=self.workspace.config.archive.max_bytes,
            previous=lambda target: self._previous(source.id, target),
            stored=self._stored,
        )

    def _previous(self, source_id: str, target: str) -> Previous | None:
        row = latest_capture(self.db, source_id, target)
        if row is None:
            return None
        return Previous(
            record_id=row.record_id,
            captured_at=datetime.fromisoformat(row.captured_at),
            sha256=row.sha256,
            warc_file=row.warc_file,
            warc_offset=row.warc_offset,
            kind="document" if row.kind == "document" else "discovery",
            etag=row.etag,
            last_modified=row.last_modified,
        )

    def _stored(self, stored: StoredCapture) -> None:
        """Evidence of discovery has no item: it is noted with the next batch."""
        if stored.capture.kind == "discovery":
            self.evidence.append(stored.capture)
        else:
            self.written.add(stored.capture.record_id)

    def _discover(self, entry: Entry[Fetcher], source: Source, context: SourceContext) -> None:
        tally = self._tally(source.id)
        offered: set[str] = set()
        items: list[Item] = []
        try:
            for item in entry.obj.discover(source, context):
                check_item(item, source)
                offered.add(item.key)
                items.append(item)
                if len(items) >= ITEMS_AN_OFFER:
                    offer(self.db, items, utc_now())
                    items = []
        except RefusedError as refused:
            tally.add("refused")
            with write_tx(self.db):
                self._event("validation", source.id, f"abgelehnt: {refused.message}")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a source fails alone
            _raise_if_archive_fails(error)
            self._fail(_failure(source.id, "", "discover", error, entry))
        offer(self.db, items, utc_now())
        self._archive([], self.store.sync())
        tally.add("seen", len(offered))
        known = {key for key in offered if (source.id, key) not in self.recovered}
        tally.add("unchanged", count_settled(self.db, source.id, known))

    def _capture(self, entry: Entry[Fetcher], item: Item, source: Source, context: SourceContext) -> _Attempt:
        captures: list[Capture] = []
        self.written.clear()
        result: object = None
        try:
            for result in entry.obj.capture(item, source, context):
                match result:
                    case Capture(record_id=record_id) if record_id in self.written:
                        captures.append(result)
                    case Capture(kind=kind):
                        raise PluginContractError(
                            f"capture() gab eine Erfassung zurück, die nicht für ein Item gespeichert wurde ({kind})"
                        )
                    case Unmodified():
                        self._tally(source.id).add("unchanged")
                    case Gone(reason) if was_captured(self.db, source.id, item.key):
                        return _Attempt(item, "gone", source, reason)
                    case Gone(reason):
                        raise FetchError(f"{reason}, bevor es erfasst werden konnte", url=item.key)
                    case Refused(reason):
                        return _Attempt(item, "refused", source, reason)
                    case _:
                        raise PluginContractError(f"capture() gab {type(result).__name__} zurück")
            if result is None:
                raise PluginContractError("capture() gab nichts zurück")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - an item fails alone
            _raise_if_archive_fails(error)
            failure = _failure(source.id, item.key, "capture", error, entry)
            self._fail(failure)
            return _Attempt(item, "failed", source, failure.reason, tuple(captures))
        return _Attempt(item, "captured", source, captures=tuple(captures))

    def _archive(self, attempts: Sequence[_Attempt], lengths: Mapping[str, int]) -> None:
        """Clean and classify what was captured, then commit all of it in one transaction."""
        captured = [(capture, attempt.source) for attempt in attempts for capture in attempt.captures]
        documents = [(capture, source) for capture, source in captured if capture.kind == "document"]
        evidence, self.evidence = self.evidence, []
        outcomes = list(zip(documents, self.pool.process(documents), strict=True))
        archived: list[Stored] = []
        with write_tx(self.db):
            set_lengths(self.db, lengths)
            for capture in evidence:
                record_capture(self.db, capture, "stored")
            for attempt in attempts:
                self._settle(attempt)
            for (capture, source), processed in outcomes:
                stored = commit(self.db, capture, source, processed)
                self._count(capture, processed, stored)
                if stored is not None and stored.change != "unchanged":
                    archived.append(stored)
        for stored in archived:
            if self.workspace.plugins.has_observers("release_archived"):
                self.workspace.plugins.release_archived(load_release(self.db, stored.release_id), stored.change)

    def _settle(self, attempt: _Attempt) -> None:
        settle(self.db, attempt.source.id, attempt.item.key, attempt.state, reason=attempt.reason)
        if attempt.state in {"gone", "refused"}:
            self._tally(attempt.source.id).add(attempt.state)
            subject = f"{attempt.source.id}/{attempt.item.key}"
            self._event("validation", subject, f"{attempt.state}: {attempt.reason}")

    def _count(self, capture: Capture, processed: Processed, stored: Stored | None) -> None:
        tally = self._tally(capture.source_id)
        if stored is not None:
            tally.add(stored.change)
        elif processed.status == "accepted":
            tally.add("unchanged")
        elif processed.status != "failed":
            tally.add(processed.status)
        for failure in processed.failures:
            self._fail(failure, within=True)

    def _tally(self, source_id: str) -> _Tally:
        return self.tallies.setdefault(source_id, _Tally(source_id))

    def _fail(self, failure: Failure, *, within: bool = False) -> None:
        """Record a failure; `within` says that a transaction is already open."""
        tally = self._tally(failure.source_id)
        tally.add("failed")
        tally.failures.append(failure)
        if within:
            record_failure(self.db, self.run_id, failure, utc_now())
        else:
            with write_tx(self.db):
                record_failure(self.db, self.run_id, failure, utc_now())
        self.workspace.plugins.document_failed(failure)

    def _damage(self, subject: str, error: ArchiveError) -> None:
        with write_tx(self.db):
            self._event("validation", subject, error.message)

    def _event(self, kind: Literal["validation", "recovery"], subject: str, detail: str) -> None:
        record_event(self.db, kind, at=utc_now(), agent=SOFTWARE, subject=subject, outcome="warning", detail=detail)


def commit(db: Database, capture: Capture, source: Source, processed: Processed) -> Stored | None:
    """Write one processed capture: its row and events, and the release if it was accepted. Call inside `write_tx`.

    Everything is dated by the capture, so that a rebuild writes the same rows. Nothing is written, and None returned,
    for the answer of a server that said once more what it had said before.
    """
    if is_repeated(db, capture):
        return None
    record_capture(db, capture, processed.status, reason=processed.reason)
    at = capture.captured_at
    record_event(db, "capture", at=at, agent=SOFTWARE, subject=capture.record_id)
    if processed.status == "accepted":
        stored = store_release(db, capture, source, processed, software=SOFTWARE, now=at)
        record_capture(db, capture, "accepted", release_id=stored.release_id)
        if stored.change != "unchanged":
            record_event(db, "ingestion", at=at, agent=SOFTWARE, subject=stored.release_id, detail=stored.change)
        return stored
    kind: Literal["quarantine", "validation"] = "quarantine" if processed.status == "quarantined" else "validation"
    outcome: Literal["warning", "failure"] = "failure" if processed.status == "failed" else "warning"
    record_event(db, kind, at=at, agent=SOFTWARE, subject=capture.record_id, outcome=outcome, detail=processed.reason)
    return None


def _raise_if_archive_fails(error: BaseException) -> None:
    """A full disk is no fault of an item, and the next one would fare no better; a damaged record is one item's."""
    if isinstance(error, ArchiveError) and not isinstance(error, FixityError):
        raise error


def _item_of(capture: Capture) -> Item:
    return Item(source_id=capture.source_id, key=capture.key, url=capture.url)


def _failure(
    source_id: str, key: str, stage: Literal["discover", "capture"], error: BaseException, entry: Entry[Fetcher]
) -> Failure:
    """What went wrong in words. An error nobody raised on purpose is the plugin's fault and names it."""
    if isinstance(error, ArchivePipelineError) and not isinstance(error, PluginContractError):
        return Failure(source_id=source_id, key=key, stage=stage, reason=error.message)
    reason = f"Fetcher {entry.name}: {type(error).__name__}: {error}"
    return Failure(source_id=source_id, key=key, stage=stage, reason=reason, plugin=entry.plugin)


def batched(captures: Iterable[StoredCapture]) -> Iterator[list[StoredCapture]]:
    """Captures in lists that are committed together, bounded in number and in bytes held in memory."""
    batch: list[StoredCapture] = []
    size = 0
    for stored in captures:
        batch.append(stored)
        size += len(stored.capture.body)
        if len(batch) >= ITEMS_A_BATCH or size >= BYTES_A_BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
