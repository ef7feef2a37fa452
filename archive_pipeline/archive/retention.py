"""What is due by the retention rules of its source. Nothing here erases anything."""

from dataclasses import dataclass
from datetime import date, datetime

from sqlite_utils import Database

from archive_pipeline.archive.visibility import EVERYTHING, Visibility

__all__ = ["DueRelease", "due_releases"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DueRelease:
    """A release that was captured first before what its source is kept for."""

    id: str
    source_id: str
    title: str | None
    first_captured: datetime
    retention: str


def due_releases(
    db: Database, source_id: str, retention: str, kept_since: date, visibility: Visibility = EVERYTHING
) -> list[DueRelease]:
    """The releases of a source that were captured first before this day, oldest first."""
    condition, values = visibility.condition()
    rows = db.query(
        f"""SELECT r.id, r.source_id, r.title, r.first_captured_at FROM release r
            WHERE r.source_id = ? AND r.first_captured_at < ? AND {condition} ORDER BY r.first_captured_at, r.id""",
        [source_id, kept_since.isoformat(), *values],
    )
    return [
        DueRelease(
            id=row["id"],
            source_id=row["source_id"],
            title=row["title"],
            first_captured=datetime.fromisoformat(row["first_captured_at"]),
            retention=retention,
        )
        for row in rows
    ]
