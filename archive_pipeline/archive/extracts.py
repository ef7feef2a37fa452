"""What an export takes out of the database: chosen releases in an order that follows from their content alone, with the
captures and decisions that belong to them, and figures over all of them.

What is chosen, and where its captures and derivations lie, stands in temporary tables of the connection, which SQLite
keeps on disk: an export of any size needs the same memory.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import cast
from urllib.parse import quote

from sqlite_utils import Database

from archive_pipeline.archive.persons import releases_naming
from archive_pipeline.archive.reading import load_releases
from archive_pipeline.archive.visibility import Visibility
from archive_pipeline.model import Release

__all__ = [
    "ERASURE",
    "CapturePlace",
    "Chosen",
    "Coverage",
    "ReleaseHere",
    "State",
    "Unit",
    "archive_state",
    "capture_at",
    "capture_of",
    "captures_of",
    "choose",
    "choose_unit",
    "chosen_captures",
    "chosen_ids",
    "chosen_releases",
    "comes_before",
    "coverage",
    "decisions_of",
    "derivations_of",
    "derived_with",
    "note_decisions",
    "note_derivations",
    "release_here",
    "source_titles",
    "units",
    "was_erased",
]

BATCH = 500

TABLES = (
    "CREATE TEMP TABLE export_wanted (id TEXT PRIMARY KEY)",
    "CREATE TEMP TABLE export_release (position INTEGER PRIMARY KEY, release_id TEXT NOT NULL UNIQUE)",
    "CREATE TEMP TABLE export_unit (position INTEGER PRIMARY KEY, release_id TEXT NOT NULL UNIQUE)",
    "CREATE TEMP TABLE export_derivation (number INTEGER PRIMARY KEY, release_id TEXT, file TEXT, at INTEGER)",
    "CREATE INDEX temp.export_derivation_release ON export_derivation(release_id)",
    "CREATE TEMP TABLE export_decision (release_id TEXT, number INTEGER, line TEXT, PRIMARY KEY (release_id, number))",
)

ERASURE = "apl/erasure/1"
"""The form of decisions that name bytes of this archive's files: they mean nothing elsewhere."""

ORDER = "ORDER BY r.published IS NULL, r.published, r.id"
"""By day, undated ones last: what an archive says of a release, not the order in which it happened to get it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """Which state of the archive an export shows: its newest change and when that was (None: nothing is archived)."""

    seq: int
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """How many releases were chosen, how many of those asked for the archive does not have, and how many it has and
    does not show (withheld, closed, under embargo)."""

    releases: int
    unknown: int
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """Figures over the chosen releases: how many, how many without a date, the first and last day of publication
    (ISO 8601), the first and last capture (ISO 8601, UTC) and how many each source has."""

    releases: int
    undated: int
    first_published: str | None
    last_published: str | None
    first_captured: str | None
    last_captured: str | None
    sources: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CapturePlace:
    """Where a capture lies, and where the one before it in the same file begins (0: none)."""

    record_id: str
    kind: str
    captured_at: str
    sha256: str
    warc_file: str
    warc_offset: int
    before: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseHere:
    """A release that an import finds here: when its current version was captured, and its texts by version and
    derivation."""

    captured_at: datetime
    texts: Mapping[tuple[str, int], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A transfer unit: the releases of one source and one year of publication, None for undated ones."""

    source_id: str
    year: int | None

    @property
    def name(self) -> str:
        """As its folder is called."""
        return f"{quote(self.source_id, safe='')}-{self.year or 'ohne-datum'}"


def archive_state(db: Database) -> State:
    """The newest change of the archive."""
    row = next(db.query("SELECT seq, at FROM outbox ORDER BY seq DESC LIMIT 1"), None)
    return State(seq=row["seq"], at=datetime.fromisoformat(row["at"])) if row else State(seq=0, at=None)


def choose(db: Database, ids: Iterable[str] | None, visibility: Visibility) -> Chosen:
    """Choose the releases with these ids (None: all) for everything below, as far as they are to be seen. Call on a
    connection for reading, once."""
    for statement in TABLES:
        db.execute(statement)
    if ids is None:
        db.execute("INSERT INTO export_wanted SELECT id FROM release")
    else:
        db.conn.executemany("INSERT OR IGNORE INTO export_wanted VALUES (?)", ((one,) for one in ids))
    condition, values = visibility.condition()
    db.execute(
        f"""INSERT INTO export_release (release_id) SELECT r.id FROM export_wanted JOIN release r USING (id)
            WHERE {condition} {ORDER}""",
        values,
    )
    db.execute("INSERT INTO export_unit SELECT * FROM export_release")
    row = next(
        db.query(
            """SELECT count(*) AS wanted, count(r.id) AS known, (SELECT count(*) FROM export_release) AS releases
               FROM export_wanted LEFT JOIN release r USING (id)"""
        )
    )
    return Chosen(
        releases=row["releases"], unknown=row["wanted"] - row["known"], left_out=row["known"] - row["releases"]
    )


def units(db: Database) -> list[Unit]:
    """The transfer units of the chosen releases."""
    rows = db.query(
        """SELECT DISTINCT r.source_id, substr(r.published, 1, 4) AS year FROM export_release e
           JOIN release r ON r.id = e.release_id ORDER BY r.source_id, year IS NULL, year"""
    )
    return [Unit(source_id=row["source_id"], year=int(row["year"]) if row["year"] else None) for row in rows]


def choose_unit(db: Database, unit: Unit | None) -> None:
    """Let everything below speak of the chosen releases of one transfer unit; None: of all again."""
    db.execute("DELETE FROM export_unit")
    if unit is None:
        db.execute("INSERT INTO export_unit SELECT * FROM export_release")
        return
    db.execute(
        """INSERT INTO export_unit SELECT e.position, e.release_id FROM export_release e
           JOIN release r ON r.id = e.release_id WHERE r.source_id = ? AND substr(r.published, 1, 4) IS ?""",
        [unit.source_id, f"{unit.year:04}" if unit.year else None],
    )


def chosen_ids(db: Database) -> Iterator[str]:
    """The ids of the chosen releases."""
    for batch in _batches(db):
        yield from batch


def chosen_releases(db: Database) -> Iterator[Release]:
    """The chosen releases, with no more than a batch of them in memory."""
    for batch in _batches(db):
        yield from load_releases(db, batch)


def _batches(db: Database) -> Iterator[list[str]]:
    position = 0
    page = "SELECT position, release_id FROM export_unit WHERE position > ? ORDER BY position LIMIT ?"
    while rows := list(db.query(page, [position, BATCH])):
        yield [row["release_id"] for row in rows]
        position = rows[-1]["position"]


def coverage(db: Database) -> Coverage:
    """Figures over the chosen releases."""
    row = next(
        db.query(
            """SELECT count(*) AS releases, count(*) - count(r.published) AS undated,
                 min(r.published) AS first_published, max(r.published) AS last_published,
                 min(r.first_captured_at) AS first_captured,
                 max(v.captured_at) AS last_captured
               FROM export_unit e JOIN release r ON r.id = e.release_id
               JOIN version v ON v.release_id = r.id AND v.id = r.version_id"""
        )
    )
    sources = db.query(
        """SELECT r.source_id, count(*) AS n FROM export_unit e JOIN release r ON r.id = e.release_id
           GROUP BY r.source_id ORDER BY r.source_id"""
    )
    return Coverage(**row, sources=tuple((one["source_id"], one["n"]) for one in sources))


def derived_with(db: Database) -> tuple[str, ...]:
    """The software that made the chosen texts."""
    rows = db.query(
        """SELECT DISTINCT d.software FROM export_unit e JOIN release r ON r.id = e.release_id
           JOIN derivation d ON d.release_id = r.id AND d.version_id = r.version_id AND d.number = r.derivation
           ORDER BY d.software"""
    )
    return tuple(row["software"] for row in rows)


def source_titles(db: Database) -> dict[str, str]:
    """The title of each source, by its id."""
    return {row["id"]: row["title"] or row["id"] for row in db.query("SELECT id, title FROM source")}


PLACE = """
SELECT c.record_id, c.kind, c.captured_at, c.sha256, c.warc_file, c.warc_offset, coalesce((
  SELECT max(b.warc_offset) FROM capture b
  WHERE b.warc_file = c.warc_file AND b.warc_offset < c.warc_offset), 0) AS before
FROM capture c
"""


def captures_of(db: Database, release_id: str) -> Iterator[CapturePlace]:
    """The captures of a release in the order they were archived: its versions, what said the same, its attachments."""
    for row in db.query(f"{PLACE} WHERE c.release_id = ? ORDER BY c.rowid", [release_id]):
        yield CapturePlace(**row)


def chosen_captures(db: Database) -> Iterator[CapturePlace]:
    """The captures of all chosen releases, release by release."""
    for release_id in chosen_ids(db):
        yield from captures_of(db, release_id)


def comes_before(db: Database, record_id: str, release_id: str) -> bool:
    """Whether a capture belongs to a chosen release that stands before this one."""
    rows = db.query(
        """SELECT 1 FROM capture c JOIN export_unit e ON e.release_id = c.release_id WHERE c.record_id = ?
           AND e.position < (SELECT position FROM export_unit WHERE release_id = ?)""",
        [record_id, release_id],
    )
    return next(rows, None) is not None


def capture_at(db: Database, warc_file: str, warc_offset: int) -> CapturePlace | None:
    """The capture that begins at a byte of a file, or None."""
    rows = db.query(f"{PLACE} WHERE c.warc_file = ? AND c.warc_offset = ?", [warc_file, warc_offset])
    return next((CapturePlace(**row) for row in rows), None)


def capture_of(db: Database, record_id: str) -> CapturePlace | None:
    """A capture by its record, or None."""
    return next((CapturePlace(**row) for row in db.query(f"{PLACE} WHERE c.record_id = ?", [record_id])), None)


def release_here(db: Database, release_id: str) -> ReleaseHere | None:
    """A release as far as an import has to know it, or None."""
    captured = next(
        db.query(
            """SELECT v.captured_at FROM release r JOIN version v ON v.release_id = r.id AND v.id = r.version_id
               WHERE r.id = ?""",
            [release_id],
        ),
        None,
    )
    if captured is None:
        return None
    rows = db.query("SELECT version_id, number, text FROM derivation WHERE release_id = ?", [release_id])
    return ReleaseHere(
        captured_at=datetime.fromisoformat(captured["captured_at"]),
        texts={(row["version_id"], row["number"]): row["text"] for row in rows},
    )


def was_erased(db: Database, release_id: str) -> bool:
    """Whether a case erased this release here."""
    rows = db.query(
        """SELECT 1 FROM takedown_release t JOIN takedown c ON c.case_id = t.case_id
           WHERE t.release_id = ? AND c.state = 'erased'""",
        [release_id],
    )
    return next(rows, None) is not None


def note_derivations(db: Database, places: Iterable[tuple[str, str, int]]) -> None:
    """Note where the derivation log speaks of the chosen releases: release, file and offset, in its order."""
    chosen = "SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM export_release WHERE release_id = ?)"
    db.conn.executemany(
        f"INSERT INTO export_derivation (release_id, file, at) {chosen}",
        ((release_id, file, at, release_id) for release_id, file, at in places),
    )


def derivations_of(db: Database, release_id: str) -> list[tuple[str, int]]:
    """File and offset of what the log says of a release, in its order. Call after `note_derivations`."""
    rows = db.query("SELECT file, at FROM export_derivation WHERE release_id = ? ORDER BY number", [release_id])
    return [(row["file"], row["at"]) for row in rows]


def note_decisions(db: Database, path: Path, *, with_cases: bool) -> None:
    """Note the decisions of a file about the chosen releases: what names one, or a capture of one, and with it the
    samples it was coded in and what was taken back. `with_cases` says whether takedown cases are among them, which name
    who asked and why."""
    if not path.exists():
        return
    with path.open("rb") as lines:
        for number, line in enumerate(lines):
            if not line.endswith(b"\n"):
                return
            if not line.strip() or not line.rstrip(b"\r\n").endswith(b"}"):
                continue  # torn, as `read_decisions` says
            decision = json.loads(line)
            if "case" in decision and not with_cases:
                continue
            text = line.decode().strip()
            for release_id in _release_ids(db, decision):
                db.execute(
                    """INSERT OR IGNORE INTO export_decision
                       SELECT ?, ?, ? WHERE EXISTS (SELECT 1 FROM export_release WHERE release_id = ?)""",
                    [release_id, number, text, release_id],
                )


def _release_ids(db: Database, decision: dict[str, object]) -> list[str]:
    """The releases a decision is about, whatever its form."""
    if decision["schema"] == ERASURE:
        return []
    named = decision.get("release_id")
    if isinstance(named, str):
        return [named]
    if "record_id" in decision:
        found = db.query("SELECT release_id FROM capture WHERE record_id = ?", [decision["record_id"]])
    elif "undoes" in decision:
        found = db.query(
            """SELECT release_id FROM tag_decision JOIN decision USING (id) WHERE batch = :batch
               UNION SELECT release_id FROM coding JOIN decision USING (id) WHERE batch = :batch""",
            {"batch": decision["undoes"]},
        )
    elif "release_ids" in decision:
        return [str(one) for one in cast(list[str], decision["release_ids"])]
    elif "case" in decision:
        found = db.query("SELECT release_id FROM takedown_release WHERE case_id = ?", [decision["case"]])
    elif "correction" in decision:
        found = db.query("SELECT release_id FROM correction WHERE id = ?", [decision["correction"]])
    elif decision["schema"] == "apl/person-suppression/1":
        return list(releases_naming(db, str(decision["name"])))
    elif "drawn" in decision:
        found = db.query("SELECT DISTINCT release_id FROM coding WHERE sample_id = ?", [decision["id"]])
    else:
        return []
    return [row["release_id"] for row in found if row["release_id"]]


def decisions_of(db: Database, release_id: str) -> list[tuple[int, str]]:
    """The decisions about a release as they were written down, each with its place in their order. Call after
    `note_decisions`."""
    rows = db.query("SELECT number, line FROM export_decision WHERE release_id = ? ORDER BY number", [release_id])
    return [(row["number"], row["line"]) for row in rows]
