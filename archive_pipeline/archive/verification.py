"""What the database says, compared with what stands in the WARC files and the derivation log."""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from archive_pipeline.archive.captures import stored_values
from archive_pipeline.archive.database import look_up, write_tx
from archive_pipeline.archive.migrations import MIGRATIONS
from archive_pipeline.archive.releases import current_values, write_derivation
from archive_pipeline.model import Capture, Processed

__all__ = [
    "AuditRow",
    "DerivationCheck",
    "contradictions",
    "decided_hashes",
    "decided_ids",
    "differing_columns",
    "ending_differs",
    "is_blank",
    "last_audit",
    "last_complete_audit",
    "record_audit",
    "recorded_derivations",
    "recorded_records",
    "release_count",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One audit: `scope` is `all` or `1/30`, `complete` says that with it everything was looked at since the last
    complete one. The next part begins at byte `next_offset` of `next_file`; None: at the beginning."""

    scope: str
    started_at: datetime
    finished_at: datetime
    records: int
    bytes: int
    findings: int
    complete: bool
    next_file: str | None
    next_offset: int


COLUMNS = ", ".join(AuditRow.__dataclass_fields__)


def record_audit(db: Database, audit: AuditRow) -> None:
    """Note an audit. Call inside `write_tx`."""
    db.execute(
        f"INSERT INTO audit ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            audit.scope,
            audit.started_at.isoformat(),
            audit.finished_at.isoformat(),
            audit.records,
            audit.bytes,
            audit.findings,
            int(audit.complete),
            audit.next_file,
            audit.next_offset,
        ],
    )


def last_audit(db: Database) -> AuditRow | None:
    """The newest audit, or None."""
    return _audit(db, "1")


def last_complete_audit(db: Database) -> AuditRow | None:
    """The newest audit with which everything was looked at, or None."""
    return _audit(db, "complete")


def _audit(db: Database, where: str) -> AuditRow | None:
    row = next(db.query(f"SELECT {COLUMNS} FROM audit WHERE {where} ORDER BY id DESC LIMIT 1"), None)
    if row is None:
        return None
    times = {name: datetime.fromisoformat(row[name]) for name in ("started_at", "finished_at")}
    return AuditRow(**{**row, **times, "complete": bool(row["complete"])})


def differing_columns(db: Database, capture: Capture) -> list[str] | None:
    """The columns in which the row of a capture differs from its record; None where there is no row."""
    row = next(db.query("SELECT * FROM capture WHERE record_id = ?", [capture.record_id]), None)
    if row is None:
        return None
    return [name for name, value in stored_values(capture).items() if row[name] != value]


def ending_differs(db: Database, record_id: str, status: str, reason: str | None) -> bool:
    """Whether the row of a document says that cleaning and classifying it ended otherwise. One without a row, and one
    that is kept as evidence alone, says nothing."""
    row = look_up(db, "SELECT state, reason FROM capture WHERE record_id = ?", [record_id])
    return row is not None and row[0] != "stored" and row != (status, reason)


def recorded_records(db: Database, name: str, start: int, end: int) -> dict[str, str | None]:
    """The captures that the database says begin in these bytes of a file, with their releases."""
    rows = db.query(
        "SELECT record_id, release_id FROM capture WHERE warc_file = ? AND warc_offset >= ? AND warc_offset < ?",
        [name, start, end],
    )
    return {row["record_id"]: row["release_id"] for row in rows}


def recorded_derivations(db: Database) -> set[tuple[str, str, int]]:
    """Every derivation of the database: release, version, number."""
    rows = db.query("SELECT release_id, version_id, number FROM derivation")
    return {(row["release_id"], row["version_id"], row["number"]) for row in rows}


def decided_ids(db: Database) -> set[str]:
    """Every decision the database has."""
    return {row["id"] for row in db.query("SELECT id FROM decision")}


def decided_hashes(db: Database) -> dict[str, str | None]:
    """Every decision the database has, with the hash of what it said when it was applied; None where an older version
    applied it."""
    return {row["id"]: row["sha256"] for row in db.query("SELECT id, sha256 FROM decision")}


def is_blank(db: Database) -> bool:
    """Whether the database knows of no run and of no file, as one that was made a moment ago."""
    return next(db.query("SELECT 1 FROM run UNION ALL SELECT 1 FROM warc_file LIMIT 1"), None) is None


def release_count(db: Database) -> int:
    """How many releases there are."""
    return int(next(db.query("SELECT count(*) AS n FROM release"))["n"])


TABLES = {"derivation": "number", "tag": "derivation", "person": "derivation", "quote": "derivation"}


class DerivationCheck:
    """Compares derivations with what the log says of them: it is written again, into a database in memory, by the
    function that wrote it then, and every column is compared."""

    def __init__(self) -> None:
        self._scratch = Database(sqlite3.connect(":memory:"), execute_plugins=False)
        MIGRATIONS.apply(self._scratch)

    def __enter__(self) -> "DerivationCheck":
        return self

    def __exit__(self, *_: object) -> None:
        self._scratch.close()

    def differing(self, db: Database, place: tuple[str, str, int], processed: Processed, software: str) -> list[str]:
        """The tables in which a derivation differs, and `release` where it is the current one and the release says
        something else; nothing when it is as it was written."""
        with write_tx(self._scratch):
            for table in reversed(TABLES):
                self._scratch.execute(f"DELETE FROM {table}")
            write_derivation(self._scratch, *place, processed, software)
        differing = [
            table
            for table, number in TABLES.items()
            if _rows(db, table, number, place) != _rows(self._scratch, table, number, place)
        ]
        assert processed.article is not None
        current = "SELECT * FROM release WHERE id = ? AND version_id = ? AND derivation = ?"
        row = next(db.query(current, place), None)
        if row is not None and any(row[name] != value for name, value in current_values(processed.article).items()):
            differing.append("release")
        return differing


def _rows(db: Database, table: str, number: str, place: tuple[str, str, int]) -> list[dict[str, object]]:
    rows = db.query(
        f"SELECT * FROM {table} WHERE release_id = ? AND version_id = ? AND {number} = ? ORDER BY rowid", place
    )
    return [{name: value for name, value in row.items() if name != "id"} for row in rows]


CONTRADICTIONS = {
    "die aktuelle Ableitung fehlt": """
        SELECT r.id AS object FROM release r LEFT JOIN derivation d
          ON d.release_id = r.id AND d.version_id = r.version_id AND d.number = r.derivation
        WHERE d.number IS NULL""",
    "Titel oder Datum weichen von der aktuellen Ableitung ab": """
        SELECT r.id AS object FROM release r JOIN derivation d
          ON d.release_id = r.id AND d.version_id = r.version_id AND d.number = r.derivation
        WHERE d.title IS NOT r.title OR d.published IS NOT r.published""",
    "die Prüfsumme der Fassung ist nicht die ihrer Erfassung": """
        SELECT v.release_id AS object FROM version v LEFT JOIN capture c USING (record_id)
        WHERE c.sha256 IS NOT v.sha256 OR c.captured_at IS NOT v.captured_at OR substr(v.sha256, 1, 16) <> v.id""",
    "ein Fundort gehört zu keiner Erfassung": """
        SELECT l.release_id AS object FROM location l
        WHERE NOT EXISTS (SELECT 1 FROM capture c
          WHERE c.source_id = l.source_id AND c.key = l.key AND c.url IS l.url
            AND c.captured_at = l.first_captured_at)
        AND NOT EXISTS (SELECT 1 FROM erased_place e WHERE e.source_id = l.source_id AND e.key = l.key)""",
    "die Fassungen sind nicht durchgezählt": """
        SELECT release_id AS object FROM version GROUP BY release_id
        HAVING min(number) <> 1 OR max(number) <> count(*) OR count(DISTINCT number) <> count(*)""",
    "der Zugang ist weder der entschiedene noch der der Quelle": """
        SELECT r.id AS object FROM release r JOIN source s ON s.id = r.source_id
        LEFT JOIN access_decision a ON a.release_id = r.id WHERE r.access IS NOT coalesce(a.access, s.access)""",
    "Adresse und Tag sind die keines Fundorts": """
        SELECT r.id AS object FROM release r
        WHERE NOT EXISTS (SELECT 1 FROM location l WHERE l.release_id = r.id AND l.url IS r.url
            AND l.first_captured_at = r.first_captured_at AND r.path IS CASE WHEN r.url IS NULL THEN l.key END)
          OR NOT EXISTS (SELECT 1 FROM source s WHERE s.id = r.source_id)""",
    "eine Erfassung nennt eine Mitteilung, die es nicht gibt": """
        SELECT c.record_id AS object FROM capture c
        WHERE c.release_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM release r WHERE r.id = c.release_id)
          OR c.state = 'accepted' AND c.release_id IS NULL""",
    "die Änderungsnummer steht nicht im Ausgang": """
        SELECT r.id AS object FROM release r LEFT JOIN outbox o ON o.seq = r.seq
        WHERE o.release_id IS NOT r.id""",
}
"""What can't be in a database that is whole, by what it means."""


def contradictions(db: Database, *, quick: bool) -> Iterator[tuple[str, str]]:
    """What contradicts itself in the database, as (object, what is wrong). `quick` leaves out comparing each index with
    its table."""
    check = "quick_check" if quick else "integrity_check"
    try:
        for row in db.query(f"PRAGMA {check}"):
            if row[check] != "ok":
                yield "archive.db", str(row[check])
        for row in db.query("PRAGMA foreign_key_check"):
            yield "archive.db", f"Tabelle {row['table']}, Zeile {row['rowid']}: verweist auf {row['parent']} ins Leere"
        for meaning, statement in CONTRADICTIONS.items():
            for row in db.query(statement):
                yield str(row["object"]), meaning
    except sqlite3.DatabaseError as error:
        yield "archive.db", str(error)
