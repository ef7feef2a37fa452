"""Documents in quarantine: which there are, and what people decided about them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from archive_pipeline.archive.captures import capture_rows
from archive_pipeline.archive.decision_forms import Decided, HoldDecision
from archive_pipeline.errors import UnknownReleaseError

__all__ = [
    "HELD_PREFIX",
    "HeldDocument",
    "find_held",
    "held_documents",
    "held_name",
    "released_here",
    "released_records",
    "waiting_records",
]

HELD_PREFIX = "q/"
"""What names of held documents begin with, as those of releases with `d/`."""

URN = "urn:uuid:"

LAST_OF_ITS_KEY = """kind = 'document' AND state = 'quarantined' AND NOT EXISTS (
  SELECT 1 FROM capture later WHERE later.source_id = capture.source_id AND later.key = capture.key
  AND later.kind = 'document' AND later.state <> 'stored' AND later.rowid > capture.rowid)"""

NEWEST_WORD = """(SELECT h.action FROM hold_decision h JOIN decision d ON d.id = h.id
  WHERE h.record_id = capture.record_id ORDER BY d.number DESC LIMIT 1)"""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldDocument:
    """A document in quarantine: its WARC record, where it came from, and what held it back."""

    record_id: str
    source_id: str
    key: str
    captured_at: datetime
    reason: str


def held_name(record_id: str) -> str:
    """How a held document is named on the command line: `q/` and the beginning of its record's UUID."""
    return HELD_PREFIX + record_id.removeprefix(URN)[:12]


def held_documents(db: Database, *, source: str | None = None) -> list[HeldDocument]:
    """Documents in quarantine that nobody decided about, the newest capture of each, oldest first."""
    where = f"{LAST_OF_ITS_KEY} AND {NEWEST_WORD} IS NULL"
    parameters: list[str | int] = []
    if source is not None:
        where, parameters = f"{where} AND source_id = ?", [source]
    return [
        HeldDocument(
            record_id=row.record_id,
            source_id=row.source_id,
            key=row.key,
            captured_at=datetime.fromisoformat(row.captured_at),
            reason=row.reason or "",
        )
        for row in capture_rows(db, f"{where} ORDER BY rowid", parameters)
    ]


def find_held(db: Database, name: str) -> str:
    """The record of the held document that a name (`q/…`) or its beginning means. Raises UnknownReleaseError."""
    wanted = URN + name.removeprefix(HELD_PREFIX)
    where = f"{LAST_OF_ITS_KEY} AND substr(record_id, 1, ?) = ? LIMIT 2"
    rows = list(capture_rows(db, where, [len(wanted), wanted]))
    if len(rows) == 1 and name != HELD_PREFIX:
        return rows[0].record_id
    problem = "ist nicht eindeutig" if rows else "ist kein Dokument in Quarantäne"
    raise UnknownReleaseError(f"{name!r} {problem}", hint="archive-pipeline review next nennt die offenen")


def waiting_records(db: Database) -> list[str]:
    """Records that a person released and that are still in quarantine."""
    return [row.record_id for row in capture_rows(db, f"{LAST_OF_ITS_KEY} AND {NEWEST_WORD} = 'release'", [])]


def released_here(db: Database) -> frozenset[str]:
    """The records that people released, by their newest word."""
    found: dict[str, str] = {}
    for row in db.query(
        "SELECT h.record_id, h.action FROM hold_decision h JOIN decision d ON d.id = h.id ORDER BY d.number"
    ):
        found[row["record_id"]] = row["action"]
    return frozenset(record for record, action in found.items() if action == "release")


def released_records(decisions: Iterable[Decided]) -> frozenset[str]:
    """The same from the decisions themselves, before any database has them."""
    found = {one.record_id: one.action for one in decisions if isinstance(one, HoldDecision)}
    return frozenset(record for record, action in found.items() if action == "release")
