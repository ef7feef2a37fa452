"""The journal of runs and their failures, and the sources as the archive last saw them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath

from sqlite_utils import Database

from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.releases import note_change
from archive_pipeline.model import Failure, Request, RunReport, Source, SourceReport

__all__ = [
    "RunRow",
    "SourceStatus",
    "adopt_frontier",
    "adopt_journal",
    "begin_run",
    "failures",
    "finish_run",
    "follow_access",
    "import_root",
    "known_source",
    "last_run",
    "record_failure",
    "record_requests",
    "record_source",
    "record_visit",
    "source_status",
]

COUNTS = (
    "seen",
    "new",
    "changed",
    "unchanged",
    "quarantined",
    "skipped",
    "refused",
    "gone",
    "failed",
    "no_text_layer",
    "rechecked",
    "requests",
    "received",
)


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
    before = next(db.query("SELECT access FROM source WHERE id = ?", [source.id]), None)
    db.table("source").upsert(row, pk="id")
    if before is not None and before["access"] != source.access:
        _hand_on_access(db, source)


def follow_access(db: Database, sources: Iterable[Source]) -> None:
    """Let the access levels of these sources hold for their releases, where the archive has the source. Call inside
    `write_tx`."""
    for source in sources:
        changed = db.execute(
            "UPDATE source SET access = ? WHERE id = ? AND access <> ?", [source.access, source.id, source.access]
        )
        if changed.rowcount:
            _hand_on_access(db, source)


def _hand_on_access(db: Database, source: Source) -> None:
    """The level of a source holds for all its releases about which nobody decided."""
    rows = db.query(
        """SELECT id FROM release WHERE source_id = ? AND access <> ? AND NOT EXISTS (
             SELECT 1 FROM access_decision d WHERE d.release_id = release.id AND d.access IS NOT NULL)""",
        [source.id, source.access],
    )
    for row in list(rows):
        db.execute("UPDATE release SET access = ? WHERE id = ?", [source.access, row["id"]])
        note_change(db, row["id"], "tagged", datetime.now(UTC))


def known_source(db: Database, source_id: str) -> Source:
    """A source as the archive last saw it; of one it never saw, only the id."""
    row = next(db.query("SELECT * FROM source WHERE id = ?", [source_id]), None)
    if row is None:
        return Source(id=source_id)
    return Source(**{name: value for name, value in row.items() if name != "import_root"})


def import_root(db: Database, source_id: str) -> str | None:
    """The folder that files of this source were imported from on this machine; empty when the archive has the source
    but not the folder (rebuilt without the old database), None when it has neither."""
    row = next(db.query("SELECT import_root FROM source WHERE id = ?", [source_id]), None)
    return None if row is None else row["import_root"] or ""


def record_failure(db: Database, run_id: str, failure: Failure, now: datetime) -> None:
    """Add one failure to the journal. Call inside `write_tx`."""
    db.execute(
        """INSERT INTO failure (run_id, source_id, key, stage, reason, plugin, at, hint, kind)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            run_id,
            failure.source_id,
            failure.key,
            failure.stage,
            failure.reason,
            failure.plugin,
            now.isoformat(),
            failure.hint,
            failure.kind,
        ],
    )


def record_requests(db: Database, run_id: str, requests: Sequence[Request]) -> None:
    """Add lines to the request log. Call inside `write_tx`."""
    for request in requests:
        db.execute(
            """INSERT INTO request (run_id, source_id, at, url, outcome, status, received, seconds, detail)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            [
                run_id,
                request.source_id,
                request.at.isoformat(),
                request.url,
                request.outcome,
                request.status,
                request.received,
                round(request.seconds, 3),
                request.detail,
            ],
        )


def record_visit(db: Database, run_id: str, report: SourceReport) -> None:
    """Note what a run did with one source, as soon as that is over. Call inside `write_tx`."""
    db.table("run_source").upsert(
        {
            "run_id": run_id,
            "source_id": report.source_id,
            **{name: getattr(report, name) for name in COUNTS},
            "seconds": report.seconds,
            "started_at": report.started_at.isoformat() if report.started_at else None,
        },
        pk=("run_id", "source_id"),
    )


def finish_run(db: Database, report: RunReport) -> None:
    """Close a run in the journal."""
    with write_tx(db):
        for source in report.sources:
            record_visit(db, report.run_id, source)
        db.execute(
            "UPDATE run SET finished_at = ?, exit_code = ? WHERE id = ?",
            [report.finished_at.isoformat(), report.exit_code, report.run_id],
        )


def adopt_journal(db: Database, old: Database) -> None:
    """Take over what stands in no WARC file: the journal of runs, and the sources as runs last saw them, which may be
    newer than their last capture, with the folders that were imported. Call inside `write_tx`."""
    for table in ("run", "run_source", "failure", "request", "discovery", "audit"):
        db.table(table).insert_all(old.query(f"SELECT * FROM {table}"))
    for row in list(old.query("SELECT id, import_root FROM source ORDER BY rowid")):
        record_source(db, known_source(old, row["id"]), import_root=row["import_root"])
    for row in old.query("SELECT type, at, agent, outcome, object, detail FROM event ORDER BY id"):
        db.execute(
            """INSERT INTO event (type, at, agent, outcome, object, detail)
               SELECT :type, :at, :agent, :outcome, :object, :detail WHERE NOT EXISTS (
                 SELECT 1 FROM event WHERE object = :object AND at = :at AND type = :type AND detail IS :detail)""",
            row,
        )


def adopt_frontier(db: Database, old: Database) -> None:
    """Take over what the old database knows of items and the WARC files don't: what waits, failed, was refused or is
    gone, and when it is looked at again. Call inside `write_tx`, when everything captured is in `db`.

    Not of items that were captured after the old database's last word; and what it calls captured, but no readable
    record holds, has to be fetched again.
    """
    accounted = {row["name"]: row["length"] for row in old.query("SELECT name, length FROM warc_file")}
    captured: set[tuple[str, str]] = set()
    newer: set[tuple[str, str]] = set()
    for row in db.query("SELECT source_id, key, warc_file, warc_offset FROM capture WHERE kind <> 'discovery'"):
        place = (row["source_id"], row["key"])
        captured.add(place)
        if row["warc_offset"] >= accounted.get(row["warc_file"], 0):
            newer.add(place)
    items = db.table("item")
    for row in old.query("SELECT * FROM item ORDER BY rowid"):
        place = (row["source_id"], row["key"])
        if place in newer:
            continue
        if row["state"] in {"captured", "gone"} and place not in captured:
            row |= {"state": "pending", "captured_fingerprint": None, "next_check_at": None}
        items.upsert(row, pk=("source_id", "key"))


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceStatus:
    """What the archive holds of one source and how its last run went. `failed` and `quarantined` are documents that
    are so now: one that was read later counts no more. `no_text_layer` are releases that hold pictures alone."""

    source_id: str
    title: str
    releases: int
    pending: int
    failed: int
    quarantined: int
    no_text_layer: int
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
  (SELECT count(*) FROM release r WHERE r.source_id = s.id AND r.state = 'no_text_layer') AS no_text_layer,
  (SELECT run.finished_at FROM run_source x JOIN run ON run.id = x.run_id
   WHERE x.source_id = s.id AND run.finished_at IS NOT NULL ORDER BY x.rowid DESC LIMIT 1) AS last_run_at,
  (SELECT max(r.first_captured_at) FROM release r WHERE r.source_id = s.id) AS last_new_at,
  (SELECT f.reason FROM failure f WHERE f.source_id = s.id AND f.run_id = (
     SELECT x.run_id FROM run_source x WHERE x.source_id = s.id ORDER BY x.rowid DESC LIMIT 1)
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
    rows = db.query("SELECT id, command, started_at, finished_at, exit_code FROM run ORDER BY rowid DESC LIMIT 1")
    return next((RunRow(**row) for row in rows), None)


def failures(db: Database, run_id: str) -> list[Failure]:
    """Everything that failed in a run, in order."""
    rows = db.query(
        "SELECT source_id, key, stage, reason, plugin, hint, kind FROM failure WHERE run_id = ? ORDER BY id", [run_id]
    )
    return [Failure(**row) for row in rows]
