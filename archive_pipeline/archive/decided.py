"""Reading back what people decided: by release, and by batch."""

from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from archive_pipeline.archive.decision_forms import UNDOABLE
from archive_pipeline.errors import ArchiveError
from archive_pipeline.model import Axis, Role

__all__ = ["Batch", "DecisionRow", "decision_history", "find_batch"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    """One decision about a tag; `undone_by` and `undone_at` say who took it back, and when."""

    batch: str
    axis: Axis
    value: str
    label: str
    role: Role
    action: str
    note: str | None
    sample: str | None
    decided_by: str
    decided_at: datetime
    undone_by: str | None
    undone_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The decisions of one command that still count: how many, by whom, when and why."""

    id: str
    decisions: int
    decided_by: str
    decided_at: datetime
    note: str | None


def decision_history(db: Database, release_id: str) -> list[DecisionRow]:
    """Everything people decided about a release's tags, newest first, with what was taken back."""
    rows = db.query(
        """SELECT d.batch, t.axis, t.value, t.label, t.role, t.action, t.note, t.sample, d.decided_by, d.decided_at,
                  u.decided_by AS undone_by, u.decided_at AS undone_at
           FROM tag_decision t JOIN decision d ON d.id = t.id LEFT JOIN decision u ON u.id = d.undone_by
           WHERE t.release_id = ? ORDER BY d.number DESC""",
        [release_id],
    )
    return [
        DecisionRow(
            batch=row["batch"],
            axis=Axis(row["axis"]),
            value=row["value"],
            label=row["label"],
            role=Role(row["role"]),
            action=row["action"],
            note=row["note"],
            sample=row["sample"],
            decided_by=row["decided_by"],
            decided_at=datetime.fromisoformat(row["decided_at"]),
            undone_by=row["undone_by"],
            undone_at=datetime.fromisoformat(row["undone_at"]) if row["undone_at"] else None,
        )
        for row in rows
    ]


def find_batch(db: Database, name: str) -> Batch:
    """The batch that `last`, an id or its beginning (four characters at least) means, as far as it can be undone.
    Raises ArchiveError when there is none, more than one, or nothing in it counts any more."""
    counting = f"undone_by IS NULL AND schema IN ({', '.join('?' * len(UNDOABLE))})"
    fits = "1" if name == "last" else "(batch = ? OR (length(?) >= 4 AND substr(batch, 1, length(?)) = ?))"
    rows = list(
        db.query(
            f"""SELECT batch, count(*) AS decisions, min(decided_by) AS decided_by, min(decided_at) AS decided_at,
                       min(note) AS note
                FROM decision WHERE {counting} AND {fits} GROUP BY batch ORDER BY max(number) DESC LIMIT 2""",
            [*UNDOABLE, *([name] * 4 if name != "last" else [])],
        )
    )
    if name == "last":
        rows = rows[:1]
    if len(rows) == 1:
        (row,) = rows
        return Batch(
            id=row["batch"],
            decisions=row["decisions"],
            decided_by=row["decided_by"],
            decided_at=datetime.fromisoformat(row["decided_at"]),
            note=row["note"],
        )
    if rows:
        raise ArchiveError(f"{name!r} ist nicht eindeutig", hint="mehr Zeichen des Stapels angeben")
    raise ArchiveError(
        "Es gibt keine Entscheidung, die sich zurücknehmen ließe"
        if name == "last"
        else f"Zum Stapel {name!r} gibt es keine Entscheidungen, die noch gelten",
        hint="archive-pipeline tag ID --history nennt die Stapel einer Mitteilung",
    )
