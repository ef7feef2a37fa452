"""Cleaning and classifying again what is archived: from the WARC files, without network, with a report of every
difference.

A release whose result differs gets a new derivation; nothing is overwritten. Decisions of people are laid over tags
when they are read, so they outrank this as they outrank every run.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field, fields, replace
from itertools import islice
from typing import Literal

from sqlite_utils import Database

from archive_pipeline.archive.captures import CaptureRow, capture_rows, known_lengths
from archive_pipeline.archive.events import record_event
from archive_pipeline.archive.holds import released_here, waiting_records
from archive_pipeline.archive.reading import derived_tags, load_releases
from archive_pipeline.archive.runs import known_source
from archive_pipeline.decide.taking_down import finish_erasures
from archive_pipeline.errors import ArchiveError, FixityError
from archive_pipeline.ingest.committing import logged_tx, take_up
from archive_pipeline.model import Article, Axis, Capture, Processed, Release, Source, Tag
from archive_pipeline.processing.chain import classify, let_through
from archive_pipeline.processing.workers import Job, Workers
from archive_pipeline.upkeep.reusing import update_reuse
from archive_pipeline.warc import DerivationLog, StoredCapture, WarcStore
from archive_pipeline.workspace import SOFTWARE, Workspace, utc_now

__all__ = [
    "Difference",
    "Reprocessed",
    "Stage",
    "TakenUp",
    "named_capture",
    "reprocess",
    "source_of",
    "take_up_released",
]

Stage = Literal["clean", "classify"]

RELEASES_A_BATCH = 100
"""Releases are read, processed and committed in batches of this many."""

COMPARED = tuple(
    one.name for one in fields(Article) if one.name not in {"notes", "removed", "language_score", "profile"}
)
"""The fields of an article whose change is a difference: all but how cleaning got there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What came out differently for one release: names of fields, and tags as `axis:value` with their role."""

    release_id: str
    title: str
    fields: tuple[str, ...] = ()
    added: tuple[Tag, ...] = ()
    removed: tuple[Tag, ...] = ()
    refusal: str | None = None


@dataclass(slots=True)
class Reprocessed:
    """What a reprocessing found. `releases` were looked at and `changed` came out differently, by field in `fields`;
    `added` and `removed` count tags by axis. `kept` are releases that the rules of today would not accept: they stay
    as they are. `accepted` are documents that were held back before and are releases now. `damaged` names records that
    can't be read."""

    releases: int = 0
    changed: int = 0
    kept: int = 0
    accepted: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    added: Counter[Axis] = field(default_factory=Counter)
    removed: Counter[Axis] = field(default_factory=Counter)
    damaged: list[str] = field(default_factory=list)


def reprocess(
    workspace: Workspace,
    *,
    stage: Stage = "clean",
    release_ids: Sequence[str] | None = None,
    dry_run: bool = False,
    workers: int = 1,
    told: Callable[[Difference], None] = lambda difference: None,
) -> Reprocessed:
    """Clean and classify (`clean`), or only classify, the current version of these releases, or of all.

    Without `release_ids` and with stage `clean`, documents that were quarantined, skipped or failed are tried again as
    well. `told` hears of every difference. `dry_run` writes nothing. Raises LockedError.
    """
    result = Reprocessed()
    with (
        workspace.writing("reprocess") as db,
        workspace.workers(workers) as pool,
        closing(workspace.derivation_log()) as log,
    ):
        store = workspace.warc_store()
        if not dry_run:
            with suppress(ArchiveError):  # what can't be finished now stays to be done, and `audit` says so
                finish_erasures(workspace, db)
            known = known_lengths(db)
            store.recover(known)
            log.recover(known)
            for _ in take_up(db, pool, store, log):
                pass
        wanted = iter([row["id"] for row in db.query("SELECT id FROM release ORDER BY rowid")])
        if release_ids is not None:
            wanted = iter(release_ids)
        while batch := list(islice(wanted, RELEASES_A_BATCH)):
            work = _Batch(workspace, db, store, pool, stage, result)
            outcomes = work.process(load_releases(db, batch, with_suppressed=True))
            differences = [(one, release, processed) for one, release, processed in outcomes if _matters(one)]
            if not dry_run:
                _write(db, log, differences, stage)
            for one, _, _ in differences:
                _count(result, one)
                told(one)
        if stage == "clean" and release_ids is None:
            _try_again(workspace, db, (store, log), pool, result, dry_run=dry_run, told=told)
        if not dry_run:
            workspace.update_index(db)
            update_reuse(db)
    return result


@dataclass(frozen=True, slots=True)
class _Batch:
    """One batch on its way from the WARC files to differences."""

    workspace: Workspace
    db: Database
    store: WarcStore
    pool: Workers
    stage: Stage
    result: Reprocessed

    def process(self, releases: Sequence[Release]) -> Iterator[tuple[Difference, Release, Processed]]:
        self.result.releases += len(releases)
        ids = [release.id for release in releases]
        before = derived_tags(self.db, ids)
        captures = _captures(self.db, releases)
        if self.stage == "classify":
            for release in releases:
                source = self.pool.learned(source_of(self.workspace, self.db, release.source_id))
                found = classify(release.article, named_capture(release), source, self.workspace.plugins)
                processed = self.pool.recorded(found)
                yield _difference(release, before.get(release.id, ()), processed), release, processed
            return
        waiting: deque[Release] = deque()

        def jobs() -> Iterator[Job]:
            for release in releases:
                stored = self._read(captures[release.id])
                if stored is not None:
                    waiting.append(release)
                    yield stored.capture, _source(self.workspace, self.db, stored)

        released = released_here(self.db)
        for processed in self.pool.process(jobs()):  # read one by one: the bodies of a batch may be large
            release = waiting.popleft()
            is_released = captures[release.id].record_id in released
            result = let_through(processed) if is_released else processed
            yield _difference(release, before.get(release.id, ()), result), release, result

    def _read(self, row: CaptureRow) -> StoredCapture | None:
        try:
            return self.store.read_stored(row.warc_file, row.warc_offset)
        except FixityError as error:
            self.result.damaged.append(error.message)
            return None


def _captures(db: Database, releases: Sequence[Release]) -> dict[str, CaptureRow]:
    """The capture that each release's current version was made from."""
    found: dict[str, CaptureRow] = {}
    for release in releases:
        where = "record_id = (SELECT record_id FROM version WHERE release_id = ? AND id = ?)"
        for row in capture_rows(db, where, [release.id, release.version_id]):
            found[release.id] = row
    return found


def named_capture(release: Release) -> Capture:
    """A capture that only names the document, for classifiers."""
    return Capture(
        source_id=release.source_id,
        key=release.url or release.path or release.id,
        target="",
        body=b"",
        sha256="",
        captured_at=release.captured_at,
        record_id="",
        url=release.url,
    )


def source_of(workspace: Workspace, db: Database, source_id: str) -> Source:
    """The source as sources.toml has it now, else as the archive last saw it."""
    for source in workspace.config.sources:
        if source.id == source_id:
            return source
    return known_source(db, source_id)


def _source(workspace: Workspace, db: Database, stored: StoredCapture) -> Source:
    """The source as it is now; what was imported past the quality gate stays past it."""
    source = source_of(workspace, db, stored.source.id)
    return source if stored.source.gate else replace(source, gate=False)


def _difference(release: Release, before: Sequence[Tag], processed: Processed) -> Difference:
    title = release.article.title or release.id
    article = processed.article
    if processed.status != "accepted" or article is None:
        return Difference(release_id=release.id, title=title, refusal=processed.reason or processed.status)
    changed = tuple(name for name in COMPARED if getattr(article, name) != getattr(release.article, name))
    old, new = {_essence(tag): tag for tag in before}, {_essence(tag): tag for tag in processed.tags}
    if processed.persons != release.persons:
        changed += ("persons",)
    if processed.quotes != release.quotes:
        changed += ("quotes",)
    if not changed and _scores(before) != _scores(processed.tags):
        changed += ("scores",)
    return Difference(
        release_id=release.id,
        title=title,
        fields=changed,
        added=tuple(tag for key, tag in new.items() if key not in old),
        removed=tuple(tag for key, tag in old.items() if key not in new),
    )


def _essence(tag: Tag) -> tuple[str, str, str]:
    return tag.axis, tag.value, tag.role


def _scores(tags: Iterable[Tag]) -> list[tuple[str, str, float]]:
    return sorted((tag.axis, tag.value, round(tag.score, 3)) for tag in tags)


def _matters(difference: Difference) -> bool:
    return bool(difference.fields or difference.added or difference.removed or difference.refusal)


def _count(result: Reprocessed, difference: Difference) -> None:
    if difference.refusal is not None:
        result.kept += 1
        return
    result.changed += 1
    result.fields.update(difference.fields)
    result.added.update(tag.axis for tag in difference.added)
    result.removed.update(tag.axis for tag in difference.removed)


def _write(
    db: Database,
    log: DerivationLog,
    differences: Sequence[tuple[Difference, Release, Processed]],
    stage: Stage,
) -> None:
    now = utc_now()
    captures = _captures(db, [release for _, release, _ in differences])
    with logged_tx(db, log) as ledger:
        for difference, release, processed in differences:
            if difference.refusal is not None:
                detail = f"reprocess: würde heute nicht angenommen ({difference.refusal}); bleibt, wie es ist"
                record_event(
                    db, "validation", at=now, agent=SOFTWARE, subject=release.id, outcome="warning", detail=detail
                )
                continue
            record_id = captures[release.id].record_id
            ledger.derive(release, record_id, processed, detail=f"reprocess --stage {stage}", now=now)


HELD_BACK = """state IN ('quarantined', 'skipped', 'failed') AND kind = 'document' AND NOT EXISTS (
  SELECT 1 FROM capture later WHERE later.source_id = capture.source_id AND later.key = capture.key
  AND later.kind = 'document' AND later.state <> 'stored' AND later.rowid > capture.rowid) AND ? ORDER BY rowid"""


def _try_again(
    workspace: Workspace,
    db: Database,
    files: tuple[WarcStore, DerivationLog],
    pool: Workers,
    result: Reprocessed,
    *,
    dry_run: bool,
    told: Callable[[Difference], None],
) -> None:
    """What was held back may pass the rules of today."""
    store, log = files
    released = released_here(db)
    rows = iter(list(capture_rows(db, HELD_BACK, [1])))
    while batch := list(islice(rows, RELEASES_A_BATCH)):
        waiting: deque[tuple[Capture, Source]] = deque()

        def jobs(batch: Sequence[CaptureRow], waiting: deque[tuple[Capture, Source]]) -> Iterator[Job]:
            for row in batch:
                try:
                    stored = store.read_stored(row.warc_file, row.warc_offset)
                except FixityError as error:
                    result.damaged.append(error.message)
                    continue
                source = _source(workspace, db, stored)
                waiting.append((replace(stored.capture, body=b""), source))
                yield stored.capture, source

        outcomes = [(*waiting.popleft(), done) for done in pool.process(jobs(batch, waiting))]
        outcomes = [
            (capture, source, let_through(done) if capture.record_id in released else done)
            for capture, source, done in outcomes
        ]
        accepted = [(capture, source, done) for capture, source, done in outcomes if done.status == "accepted"]
        if not dry_run:
            with logged_tx(db, log) as ledger:
                for capture, source, done in accepted:
                    ledger.commit(capture, source, done)
        for capture, _, done in accepted:
            result.accepted += 1
            title = done.article.title if done.article and done.article.title else capture.key
            told(Difference(release_id="", title=title, added=done.tags))


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenUp:
    """What became of a document that a person released from quarantine: its release, or why there is none."""

    key: str
    release_id: str | None
    reason: str | None


def take_up_released(workspace: Workspace, db: Database) -> list[TakenUp]:
    """Make releases of the documents in quarantine that people released. Call with the writer lock held. Raises
    FixityError when a record can't be read."""
    store, log = workspace.warc_store(), workspace.derivation_log()
    known = known_lengths(db)
    store.recover(known)
    log.recover(known)
    taken = []
    with workspace.workers(1) as pool:
        for _ in take_up(db, pool, store, log):
            pass
        for record_id in waiting_records(db):
            row = next(capture_rows(db, "record_id = ?", [record_id]))
            found = store.read_stored(row.warc_file, row.warc_offset)
            source = _source(workspace, db, found)
            done = let_through(next(iter(pool.process([(found.capture, source)]))))
            stored = None
            if done.status == "accepted":
                with logged_tx(db, log) as ledger:
                    stored = ledger.commit(found.capture, source, done)
            taken.append(TakenUp(key=row.key, release_id=stored.release_id if stored else None, reason=done.reason))
    log.close()
    return taken
