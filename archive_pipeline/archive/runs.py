"""The journal of runs and their failures, and the sources as the archive last saw them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePath

from sqlite_utils import Database

from archive_pipeline.archive.database import write_tx
from archive_pipeline.model import Failure, RunReport, Source, SourceReport

__all__ = [
    "RunRow",
    "SourceStatus",
    "adopt_journal",
    "begin_run",
    "failures",
    "finish_run",
    "import_root",
    "last_run",
    "record_failure",
    "record_source",
    "source_status",
]

COUNTS = ("seen", "new", "changed", "unchanged", "quarantined", "skipped", "refused", "gone", "failed")


def begin_run(db: Database, run_id: str, command: str, sources: Sequence[Source], now: datetime) -> None:
    """Open a run in the journal and note its sources."""
    with write_tx(db):
        db.table("run").insert({"id": run_id, "command": command, "started_at": now.isoformat()})
        for source in sources:
            record_source(db, source)


def record_source(db: Database, source: Source, *, import_root: str | None = None) -> None:
    """Note a source's settings as they are now. An absolute path is left out, as in the WARC files: it names a
    machine. Call inside `write_tx`."""
    row = {
        "id": source.id,
        "title": source.title,
        "fetcher": source.fetcher,
        "url": source.url,
        "path": None if source.path is None or PurePath(source.path).is_absolute() else source.path,
        "district": source.district,
        "party": source.party,
        "organisation": source.organisation,
        "language": source.language,
        "access": source.access,
        "legal_basis": source.legal_basis,
        "appraisal": source.appraisal,
        "responsible": source.responsible,
        "capture_scope": source.capture_scope,
        "call_number": source.call_number,
    }
    if import_root is not None:
        row["import_root"] = import_root
    db.table("source").upsert(row, pk="id")


def import_root(db: Database, source_id: str) -> str | None:
    """The folder that files of this source were imported from on this machine; empty when the archive has the source
    but not the folder (rebuilt without the old database), None when it has neither."""
    row = next(db.query("SELECT import_root FROM source WHERE id = ?", [source_id]), None)
    return None if row is None else row["import_root"] or ""


def record_failure(db: Database, run_id: str, failure: Failure, now: datetime) -> None:
    """Add one failure to the journal. Call inside `write_tx`."""
    db.execute(
        "INSERT INTO failure (run_id, source_id, key, stage, reason, plugin, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [run_id, failure.source_id, failure.key, failure.stage, failure.reason, failure.plugin, now.isoformat()],
    )


def finish_run(db: Database, report: RunReport) -> None:
    """Close a run in the journal."""
    with write_tx(db):
        for source in report.sources:
            _record_counts(db, report.run_id, source)
        db.execute(
            "UPDATE run SET finished_at = ?, exit_code = ? WHERE id = ?",
            [report.finished_at.isoformat(), report.exit_code, report.run_id],
        )


def _record_counts(db: Database, run_id: str, report: SourceReport) -> None:
    counts = {name: getattr(report, name) for name in COUNTS}
    db.table("run_source").insert(
        {"run_id": run_id, "source_id": report.source_id, **counts, "seconds": report.seconds}
    )


def adopt_journal(db: Database, old: Database) -> None:
    """Take over what stands in no WARC file and only helps on this machine: the journal of runs, and the folders
    that were imported. Call inside `write_tx`."""
    for table in ("run", "run_source", "failure"):
        db.table(table).insert_all(old.query(f"SELECT * FROM {table}"))
    for row in old.query("SELECT id, import_root FROM source WHERE import_root IS NOT NULL"):
        db.execute("UPDATE source SET import_root = ? WHERE id = ?", [row["import_root"], row["id"]])


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """What the archive holds of one source and how its last run went. `failed` and `quarantined` are documents that
    are so now: one that was read later counts no more."""

    source_id: str
    title: str
    releases: int
    pending: int
    failed: int
    quarantined: int
    last_run_at: str | None
    last_new_at: str | None
    last_failure: str | None


STATUS = """
WITH newest AS (
  SELECT c.source_id, c.key, c.state FROM capture c
  WHERE c.state IN ('failed', 'quarantined') AND NOT EXISTS (
    SELECT 1 FROM capture later
    WHERE later.source_id = c.source_id AND later.key = c.key AND later.state <> 'stored' AND later.rowid > c.rowid))
SELECT s.id AS source_id, s.title,
  (SELECT count(*) FROM release r WHERE r.source_id = s.id) AS releases,
  (SELECT count(*) FROM item i WHERE i.source_id = s.id AND i.state = 'pending') AS pending,
  (SELECT count(*) FROM (
     SELECT i.key FROM item i WHERE i.source_id = s.id AND i.state = 'failed'
     UNION SELECT n.key FROM newest n WHERE n.source_id = s.id AND n.state = 'failed')) AS failed,
  (SELECT count(*) FROM newest n WHERE n.source_id = s.id AND n.state = 'quarantined') AS quarantined,
  (SELECT max(run.finished_at) FROM run JOIN run_source x ON x.run_id = run.id WHERE x.source_id = s.id)
    AS last_run_at,
  (SELECT max(r.first_captured_at) FROM release r WHERE r.source_id = s.id) AS last_new_at,
  (SELECT f.reason FROM failure f WHERE f.source_id = s.id AND f.run_id = (
     SELECT x.run_id FROM run_source x JOIN run ON run.id = x.run_id
     WHERE x.source_id = s.id ORDER BY run.started_at DESC LIMIT 1)
   ORDER BY f.id DESC LIMIT 1) AS last_failure
FROM source s ORDER BY s.title COLLATE german, s.id
"""


def source_status(db: Database) -> list[SourceStatus]:
    """One row a source, by id."""
    return [SourceStatus(**row) for row in db.query(STATUS)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """One run of the journal; times are ISO 8601 in UTC. `finished_at` is None for a run that was killed."""

    id: str
    command: str
    started_at: str
    finished_at: str | None
    exit_code: int | None


def last_run(db: Database) -> RunRow | None:
    """The newest run, or None."""
    rows = db.query("SELECT id, command, started_at, finished_at, exit_code FROM run ORDER BY started_at DESC LIMIT 1")
    return next((RunRow(**row) for row in rows), None)


def failures(db: Database, run_id: str) -> list[Failure]:
    """Everything that failed in a run, in order."""
    rows = db.query("SELECT source_id, key, stage, reason, plugin FROM failure WHERE run_id = ? ORDER BY id", [run_id])
    return [Failure(**row) for row in rows]
