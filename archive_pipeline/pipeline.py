"""The journey of a press release, top to bottom: discover, capture, clean, classify, archive, index.

What may go wrong on the way is caught here for one item or one source at a time and recorded; a run goes on. It can
be killed at any moment: captures are synced to WARC before the database names them, the next run takes up what lies
behind the last byte the database knows, and goes on from the frontier.
"""

import signal
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from time import monotonic
from typing import Literal

from sqlite_utils import Database

from archive_pipeline.archive.captures import (
    attach,
    is_repeated,
    known_lengths,
    record_capture,
    repeat,
    set_lengths,
    warc_lengths,
)
from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.decisions import apply_new_decisions
from archive_pipeline.archive.events import record_event
from archive_pipeline.archive.frontier import (
    DueItem,
    complete_discovery,
    count_settled,
    due_items,
    ending,
    offer,
    plan_check,
    restore,
    settle,
    settle_check,
)
from archive_pipeline.archive.reading import load_release
from archive_pipeline.archive.relaunch import relaunch_of, suspect_relaunch, tell_relaunch
from archive_pipeline.archive.releases import Stored
from archive_pipeline.archive.runs import begin_run, finish_run, record_failure, record_requests, record_visit
from archive_pipeline.archive.takedown import erased_items, erased_payloads
from archive_pipeline.archive.versions import note_removal
from archive_pipeline.archive.visibility import ARCHIVIST, visible_ids
from archive_pipeline.decide.taking_down import finish_erasures
from archive_pipeline.errors import ArchiveError
from archive_pipeline.fetch import Robots
from archive_pipeline.fetch.http import PRODUCT
from archive_pipeline.ingest.committing import logged_tx, take_up
from archive_pipeline.ingest.fetching import Attempted, Discovered, Finished, Lanes, Message, Offered
from archive_pipeline.model import Capture, Failure, Processed, Request, RunReport, Source, SourceReport
from archive_pipeline.processing.workers import Workers
from archive_pipeline.upkeep.reusing import update_reuse
from archive_pipeline.warc import StoredCapture, WarcStore, update_cdxj
from archive_pipeline.workspace import SOFTWARE, Connections, Workspace, http_client, utc_now

__all__ = ["Connections", "run"]

ITEMS_A_BATCH = 25
BYTES_A_BATCH = 32_000_000
SECONDS_A_BATCH = 3.0
"""Captures share one sync and one transaction until one of these is reached."""

LAST_SECONDS = 60.0
"""What archiving may still take in a run that was stopped: it may have been stopped because a document has no end."""


def run(
    workspace: Workspace,
    sources: Sequence[Source],
    *,
    command: str = "run",
    limit: int | None = None,
    since: date | None = None,
    patient: bool = False,
    choose: Callable[[Database], Sequence[Source]] | None = None,
    workers: int = 1,
    connections: Connections | None = None,
    progress: Callable[[SourceReport], None] = lambda report: None,
) -> RunReport:
    """Ingest from these sources; returns what was done.

    `limit` is the number of items taken from each source, `since` the day from which on releases are wanted,
    `patient` keeps to the back-off of items that failed, `workers` is the number of processes that clean and classify.
    `choose` says, once nobody else writes, which sources to visit instead of all of these; are there none, nothing is
    done and the report has no `run_id`.
    `progress` hears of a source after each batch (with `seconds` 0) and when it is finished. Raises LockedError while
    another process writes. Stopped by SIGINT or SIGTERM it archives what was captured and raises KeyboardInterrupt.
    """
    started = utc_now()
    run_id = f"{started:%Y%m%dT%H%M%S}-{uuid.uuid4().hex[:6]}"
    with workspace.writing(command) as db, workspace.workers(workers) as pool, _terminable():
        if choose is not None and not (sources := choose(db)):
            return RunReport(run_id="", started_at=started, finished_at=utc_now(), sources=(), exit_code=0)
        begin_run(db, run_id, command, sources, started)
        workspace.plugins.run_started(run_id, tuple(sources))
        with suppress(ArchiveError):  # `recover` tells of it; an erasure that can't be finished now stays to be done
            finish_erasures(workspace, db)
        journey = _Journey(workspace, db, pool, run_id, progress, connections)
        try:
            journey.recover()
            for broken in workspace.config.broken if command.startswith("run") else ():
                journey.give_up(broken.source, broken.problem.message)
            journey.visit(sources, limit=limit, since=since, patient=patient)
        finally:
            journey.close()
        workspace.update_index(db)
        update_cdxj(workspace.data, warc_lengths(db))
        update_reuse(db)
        report = journey.report(started)
        finish_run(db, report)
        workspace.plugins.run_finished(report)
    return report


@contextmanager
def _terminable() -> Iterator[None]:
    """SIGTERM, which service managers and containers send, ends a run as Ctrl-C does."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _at_most(seconds: float) -> Iterator[None]:
    """Interrupt the block as Ctrl-C does when it takes longer; the next run takes up what it leaves undone."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclass(slots=True)
class _Tally:
    """The counts of one source while a run goes on."""

    source_id: str
    started_at: datetime
    started: float = field(default_factory=monotonic)
    counts: dict[str, int] = field(default_factory=dict)
    offered: set[str] = field(default_factory=set)
    failures: list[Failure] = field(default_factory=list)

    def add(self, count: str, number: int = 1) -> None:
        self.counts[count] = self.counts.get(count, 0) + number

    def report(self, *, finished: bool) -> SourceReport:
        return SourceReport(
            source_id=self.source_id,
            started_at=self.started_at,
            seconds=max(monotonic() - self.started, 0.001) if finished else 0.0,
            failures=tuple(self.failures),
            **self.counts,
        )


@dataclass(slots=True)
class _Batch:
    """What is archived together: attempts with their captures, evidence (discovery, and answers that said nothing new;
    without the bytes), and the request log. `captured` are documents and attachments in the order they were written."""

    attempts: list[Attempted] = field(default_factory=list)
    captured: list[tuple[Capture, Source]] = field(default_factory=list)
    evidence: list[Capture] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    bytes: int = 0
    since: float = field(default_factory=monotonic)

    def add(self, attempt: Attempted) -> None:
        self.attempts.append(attempt)
        self.captured += [(capture, attempt.source) for capture in attempt.captures]
        self.bytes += sum(len(capture.body) for capture in attempt.captures)

    def is_full(self) -> bool:
        """Whether it has to be archived now."""
        waiting = self.attempts or self.evidence or self.requests
        old = monotonic() - self.since >= SECONDS_A_BATCH
        return len(self.attempts) >= ITEMS_A_BATCH or self.bytes >= BYTES_A_BATCH or bool(waiting and old)


class _Lengths:
    """How far each WARC file is accounted for: up to the first capture that was written and is not yet known here.

    Lanes write side by side, so a capture may lie behind one whose lane has not told of it. Were the file counted to
    its end, a process killed now would never find that one again.
    """

    def __init__(self, known: Mapping[str, int]) -> None:
        self._known = dict(known)
        self._written: dict[str, dict[int, int]] = {}

    def add(self, stored: Iterable[StoredCapture]) -> None:
        """These captures are known and are going to be recorded."""
        for one in stored:
            self._written.setdefault(one.capture.warc_file, {})[one.start] = one.end

    def advance(self) -> Mapping[str, int]:
        """The lengths that may be recorded with everything added so far."""
        for name, ends in self._written.items():
            length = self._known.get(name, 0)
            while length in ends:
                length = ends.pop(length)
            self._known[name] = length
        return {name: self._known[name] for name in self._written}


class _Journey:
    """One run's way through its sources, with the archive's writer lock held. Everything here happens in one thread;
    the lanes tell it what they captured."""

    def __init__(
        self,
        workspace: Workspace,
        db: Database,
        pool: Workers,
        run_id: str,
        progress: Callable[[SourceReport], None],
        connections: Connections | None,
    ) -> None:
        self.workspace = workspace
        self.db = db
        self.pool = pool
        self.run_id = run_id
        self.progress = progress
        self.store: WarcStore = workspace.warc_store(refused=erased_payloads(db))
        self.erased = erased_items(db)
        self.log = workspace.derivation_log()
        self.stop = threading.Event()
        self.client = http_client(workspace.config.archive, connections, sleep=self._wait)
        self.robots = Robots(PRODUCT)
        self.tallies: dict[str, _Tally] = {}
        self.reports: list[SourceReport] = []
        self.batch = _Batch()
        self.lengths = _Lengths(known_lengths(db))
        self.recovered: set[tuple[str, str]] = set()

    def _wait(self, seconds: float) -> None:
        """What a lane does between two requests. Raises KeyboardInterrupt when the run is stopped."""
        if self.stop.wait(seconds):
            raise KeyboardInterrupt

    def recover(self) -> None:
        """Take up what a killed process left: captures in the WARC files behind the last byte the database knows, what
        the derivation log says of them, and decisions it had not applied. What can't be read is told and stops
        nothing."""
        known = known_lengths(self.db)
        for cut in (*self.store.recover(known), *self.log.recover(known)):
            detail = f"{cut.size} Bytes eines unvollständigen Satzes ab Byte {cut.offset} abgeschnitten"
            with write_tx(self.db):
                self._event("recovery", cut.warc_file, detail)
        try:
            apply_new_decisions(self.db, self.workspace.decisions_file)
        except ArchiveError as error:
            self._damage("decisions.jsonl", error)
        last: dict[str, Capture] = {}

        def told(capture: Capture, processed: Processed, stored: Stored | None) -> None:
            self._count(capture, processed, stored)
            self.recovered.add((capture.source_id, capture.key))
            last[capture.source_id] = capture

        for archived in take_up(self.db, self.pool, self.store, self.log, told=told, damaged=self._damage):
            self._announce(archived)
        with write_tx(self.db):  # the process may have died between a document and what comes with it
            for capture in last.values():
                restore(self.db, capture, check_at=utc_now())
        # also behind what is no capture: of a torn one, whole records may be left
        files = self.workspace.data.glob("warc/*/*/*.warc.gz")
        sizes = {path.relative_to(self.workspace.data).as_posix(): path.stat().st_size for path in files}
        self.lengths = _Lengths(sizes)

    def visit(self, sources: Sequence[Source], *, limit: int | None, since: date | None, patient: bool) -> None:
        """Visit all sources side by side; bring every item that is due the whole way."""
        with Lanes(
            self.workspace,
            sources,
            client=self.client,
            robots=self.robots,
            store=self.store,
            stop=self.stop,
            since=since,
        ) as lanes:
            try:
                for message in lanes.messages(SECONDS_A_BATCH):
                    if message is not None:
                        self._take(message, since, limit, patient)
                    if self.batch.is_full():
                        self._flush()
            except KeyboardInterrupt:
                self.stop.set()
                with _at_most(LAST_SECONDS):
                    self._flush()
                raise
            self._flush()

    def _take(self, message: Message, since: date | None, limit: int | None, patient: bool) -> None:
        """One thing that a lane tells."""
        source = message.source
        tally = self._tally(source.id)
        yielded = {capture.record_id for capture in message.captures} if isinstance(message, Attempted) else set()
        tally.add("requests", len(message.requests))
        tally.add("received", sum(request.received for request in message.requests))
        self.batch.requests += message.requests
        self.batch.evidence += [one.capture for one in message.stored if one.capture.record_id not in yielded]
        if isinstance(message, Attempted):
            self.batch.add(message)
        self.lengths.add(message.stored)  # last: interrupted before this line, the next run takes them up
        match message:
            case Offered(items=items):
                # of what a decision removed nothing but its place is kept
                known = [replace(item, title=None) if self.erased.reason(item) else item for item in items]
                offer(self.db, known, utc_now())
                tally.offered.update(item.key for item in items)
            case Discovered():
                self._discovered(message, since, limit, patient)
            case Finished(notices=notices):
                self._flush()
                with write_tx(self.db):
                    for notice in notices:
                        self._event("validation", source.id, notice)
                self._finish(source)

    def _discovered(self, message: Discovered, since: date | None, limit: int | None, patient: bool) -> None:
        source, tally = message.source, self._tally(message.source.id)
        if message.failure is not None:
            self._fail(message.failure)
        elif message.refusal is not None:
            tally.add("refused")
            with write_tx(self.db):
                self._event("validation", source.id, f"abgelehnt: {message.refusal}")
        else:
            with write_tx(self.db):
                complete_discovery(self.db, source.id, utc_now(), bookmark=message.bookmark)
                suspect_relaunch(self.db, source.id, tally.offered, tally.started_at)
        limits = [number for number in (limit, source.budget) if number is not None]
        due = due_items(
            self.db,
            source.id,
            utc_now(),
            visited=tally.started_at,
            since=since,
            limit=min(limits, default=None),
            checks=self.workspace.config.archive.recheck_budget,
            patient=patient,
        )
        due = self._without_erased(due, tally)
        looked_at = {one.item.key for one in due}
        tally.add("seen", len(tally.offered | looked_at))
        # what is looked at again is counted when that is known to have come to nothing
        left_alone = {key for key in tally.offered - looked_at if (source.id, key) not in self.recovered}
        tally.add("unchanged", count_settled(self.db, source.id, left_alone))
        message.answer.put(due)

    def _without_erased(self, due: Sequence[DueItem], tally: _Tally) -> list[DueItem]:
        """What is due, without what a decision removed: that is refused, and not even asked for."""
        left = []
        with write_tx(self.db):
            for one in due:
                reason = self.erased.reason(one.item)
                if reason is None:
                    left.append(one)
                else:
                    settle(self.db, one.item, "refused", utc_now(), reason=reason)
                    tally.add("refused")
        return left

    def give_up(self, source: Source, reason: str) -> None:
        """A source whose plugin could not be loaded fails alone."""
        self._fail(Failure(source_id=source.id, key="", stage="discover", reason=reason))
        self._finish(source)

    def close(self) -> None:
        """Hang up, and make everything written durable."""
        with ExitStack() as stack:
            for part in (self.log, self.store, self.client):
                stack.callback(part.close)

    def report(self, started: datetime) -> RunReport:
        """What the whole run did. A quarantined third-party plugin makes it exit 3 as well."""
        # of sources that were recovered, which is no visit
        open_ones = [replace(tally.report(finished=True), started_at=None) for tally in self.tallies.values()]
        sources = (*self.reports, *open_ones)
        failed = any(report.failed for report in sources) or bool(self.workspace.plugins.quarantined)
        return RunReport(
            run_id=self.run_id,
            started_at=started,
            finished_at=utc_now(),
            sources=sources,
            exit_code=3 if failed else 0,
        )

    def _finish(self, source: Source) -> None:
        report = self._tally(source.id).report(finished=True)
        del self.tallies[source.id]
        self.reports.append(report)
        with write_tx(self.db):
            record_visit(self.db, self.run_id, report)
            tell_relaunch(self.db, source.id, at=utc_now(), agent=SOFTWARE)
        self.progress(report)

    def _flush(self) -> None:
        """Archive everything captured so far: durable in WARC first, then in the database in one transaction."""
        batch = self.batch
        self.store.sync()
        archived = self._archive(batch, self.lengths.advance())
        self.batch = _Batch()  # not before: what is interrupted here, the flush that ends the run archives
        self._announce(archived)
        for source_id in {attempt.source.id for attempt in batch.attempts}:
            self.progress(self._tally(source_id).report(finished=False))

    def _archive(self, batch: _Batch, lengths: Mapping[str, int]) -> list[Stored]:
        """Clean and classify what was captured, then commit all of it in one transaction; what is new or changed."""
        documents = [(capture, source) for capture, source in batch.captured if capture.kind == "document"]
        documents.sort(key=lambda job: (job[0].warc_file, job[0].warc_offset))  # as a rebuild finds them
        outcomes = list(zip(documents, self.pool.process(documents), strict=True))
        archived: list[Stored] = []
        changed: set[tuple[str, str]] = set()
        with logged_tx(self.db, self.log) as ledger:
            set_lengths(self.db, lengths)
            record_requests(self.db, self.run_id, batch.requests)
            for capture in batch.evidence:
                if capture.kind == "document" and is_repeated(self.db, capture):
                    repeat(self.db, capture)
                elif capture.kind != "attachment":
                    record_capture(self.db, capture, "stored")
            for attempt in batch.attempts:
                self._settle(attempt)
            for (capture, source), processed in outcomes:
                stored = ledger.commit(capture, source, processed)
                self._count(capture, processed, stored)
                if stored is not None and stored.change != "unchanged":
                    archived.append(stored)
                    changed.add((capture.source_id, capture.key))
            for capture in (*batch.evidence, *(capture for capture, _ in batch.captured)):
                if capture.kind == "attachment":
                    attach(self.db, capture)
            for attempt in batch.attempts:
                self._plan_check(attempt, changed)
        return archived

    def _announce(self, archived: Sequence[Stored]) -> None:
        if not self.workspace.plugins.has_observers("release_archived"):
            return
        seen = visible_ids(self.db, [stored.release_id for stored in archived], ARCHIVIST)
        for stored in archived:
            if stored.release_id not in seen:  # what a case withholds is told to nobody
                continue
            release = load_release(self.db, stored.release_id)
            relaunch = relaunch_of(self.db, release.source_id, utc_now())
            if relaunch is None or not relaunch.is_confirmed:  # what an old release looks like now is no news
                self.workspace.plugins.release_archived(release, stored.change)

    def _settle(self, attempt: Attempted) -> None:
        """Note how an attempt ended, in the frontier, the counts and the log of events."""
        item, tally = attempt.due.item, self._tally(attempt.source.id)
        before = ending(self.db, item)
        note = settle_check if attempt.due.is_check else settle
        note(self.db, item, attempt.state, utc_now(), reason=attempt.reason)
        tally.add("rechecked", int(attempt.due.is_check))
        still_gone = attempt.state == before.state == "gone"
        if (attempt.unmodified or still_gone) and (attempt.source.id, item.key) not in self.recovered:
            tally.add("unchanged")
        if attempt.failure is not None:
            self._fail(attempt.failure, within=True)
        if attempt.state in {"gone", "refused"} and not still_gone:
            tally.add(attempt.state)
            if before.reason != attempt.reason:  # asked again, it is no news
                self._event("validation", f"{attempt.source.id}/{item.key}", f"{attempt.state}: {attempt.reason}")
                if attempt.state == "gone":
                    note_removal(self.db, attempt.source.id, item.key, attempt.reason, at=utc_now(), agent=SOFTWARE)

    def _plan_check(self, attempt: Attempted, changed: set[tuple[str, str]]) -> None:
        """Releases on the web are looked at again; what came as a file or mail tells of its changes itself."""
        item = attempt.due.item
        on_the_web = attempt.unmodified or any(capture.status is not None for capture in attempt.captures)
        on_the_web = on_the_web and attempt.source.path is None  # web archives hold answers, and are files
        if attempt.state == "captured" and on_the_web:
            plan_check(self.db, item, utc_now(), changed=(attempt.source.id, item.key) in changed)

    def _count(self, capture: Capture, processed: Processed, stored: Stored | None) -> None:
        tally = self._tally(capture.source_id)
        if stored is not None:
            tally.add(stored.change)
            if stored.change != "unchanged" and processed.article is not None and processed.article.state:
                tally.add(processed.article.state)
        elif processed.status == "accepted":
            tally.add("unchanged")
        elif processed.status != "failed":
            tally.add(processed.status)
        for failure in processed.failures:
            self._fail(failure, within=True)

    def _tally(self, source_id: str) -> _Tally:
        return self.tallies.setdefault(source_id, _Tally(source_id, utc_now()))

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
