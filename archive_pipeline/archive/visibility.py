"""Who sees which release: the one place where it is decided.

Three things keep a release from a reader: a takedown case withholds it, its access level is above the reader's, or its
embargo lasts. The first is known when the index is written, the level stands in the index, and the embargo depends on
the clock: `restrictions` compares it when a question is asked, so hits, counts and facets agree on every engine.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from sqlite_utils import Database

from archive_pipeline.errors import UnknownReleaseError, WithheldError
from archive_pipeline.model import Access
from archive_pipeline.query import Filter, Node, Not

__all__ = [
    "ARCHIVIST",
    "EVERYTHING",
    "LEVELS",
    "Standing",
    "Visibility",
    "embargo_text",
    "require_visible",
    "seen_by",
    "visible_count",
    "visible_ids",
]

LEVELS: tuple[Access, ...] = ("public", "login", "onsite", "closed")
"""The access levels, each wider than the one before."""

Standing = Literal["reader", "login", "onsite", "archivist"]
"""Who asks: anybody, somebody with an account, somebody in the reading room, an archivist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visibility:
    """What somebody sees: releases of these `levels`; with `at` (UTC), only those whose embargo has ended by then;
    what a case withholds only with `withheld`."""

    levels: tuple[Access, ...] = LEVELS
    at: datetime | None = None
    withheld: bool = False

    def condition(self, release: str = "r") -> tuple[str, list[str]]:
        """The same as an SQL condition on a row of `release` under this alias, with its parameters."""
        parts, values = ["1"], list[str]()
        if not self.withheld:
            parts.append(f"NOT EXISTS (SELECT 1 FROM v_withheld w WHERE w.release_id = {release}.id)")
        if self.levels != LEVELS:
            parts.append(f"{release}.access IN ({', '.join('?' * len(self.levels))})")
            values += self.levels
        if self.at is not None:
            parts.append(f"({release}.embargo_until IS NULL OR {release}.embargo_until <= ?)")
            values.append(embargo_text(self.at))
        return " AND ".join(parts), values

    def restrictions(self, db: Database) -> tuple[Node, ...]:
        """What a query has to be joined with by AND, for an index that holds nothing withheld."""
        found: list[Node] = []
        if self.levels != LEVELS:
            found.append(Filter("access", self.levels))
        if self.at is not None:
            rows = db.query(
                "SELECT DISTINCT embargo_until FROM release WHERE embargo_until > ?", [embargo_text(self.at)]
            )
            if lasting := tuple(row["embargo_until"] for row in rows):
                found.append(Not(Filter("embargo", lasting)))
        return tuple(found)


ARCHIVIST = Visibility()
"""Everything that is not withheld."""

EVERYTHING = Visibility(withheld=True)
"""What withheld is too: for work on the archive itself, and for an archivist who asks for it."""


def seen_by(standing: Standing, at: datetime) -> Visibility:
    """What somebody sees at a time."""
    if standing == "archivist":
        return ARCHIVIST
    size = {"reader": 1, "login": 2, "onsite": 3}[standing]
    return Visibility(levels=LEVELS[:size], at=at)


def embargo_text(moment: datetime) -> str:
    """A time as the database and the index hold it: UTC, to the second; one without zone is taken for UTC."""
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat(timespec="seconds")


WITHHELD = """SELECT c.case_id, c.state, c.ground, s.decided_at FROM takedown_release t
JOIN takedown c ON c.case_id = t.case_id
JOIN takedown_step s ON s.case_id = c.case_id AND s.step = CASE c.state WHEN 'erased' THEN 'erase' ELSE 'hide' END
WHERE t.release_id = ? AND c.state IN ('hidden', 'erased')
ORDER BY c.state = 'erased' DESC, s.decided_at DESC LIMIT 1"""


def require_visible(db: Database, release_id: str, visibility: Visibility, *, asked: str | None = None) -> None:
    """Raises WithheldError naming the case where one withholds the release, UnknownReleaseError where it is above the
    reader's level or under embargo, withheld or not: then nothing says that it is there, and the
    message has no other name for it than the one `asked` for."""
    is_above = _is_there(db, release_id) and not visible_ids(db, [release_id], replace(visibility, withheld=True))
    row = None if visibility.withheld or is_above else next(db.query(WITHHELD, [release_id]), None)
    if row is not None:
        day = datetime.fromisoformat(row["decided_at"]).date()
        word = "gelöscht" if row["state"] == "erased" else "gesperrt"
        ground = f"; Rechtsgrund: {row['ground']}" if row["ground"] else ""
        raise WithheldError(
            f"d/{release_id} ist seit {day:%d.%m.%Y} {word} (Fall {row['case_id']}{ground})",
            hint=f"archive-pipeline takedown list {row['case_id']} zeigt den Fall",
        )
    if not visible_ids(db, [release_id], visibility):
        raise UnknownReleaseError(
            f"Im Archiv ist keine Mitteilung {asked or release_id!r}", hint="archive-pipeline search findet Kennungen"
        )


def _is_there(db: Database, release_id: str) -> bool:
    return next(db.query("SELECT 1 FROM release WHERE id = ?", [release_id]), None) is not None


def visible_count(db: Database, visibility: Visibility) -> int:
    """How many releases there are to be seen."""
    condition, values = visibility.condition()
    return int(next(db.query(f"SELECT count(*) AS n FROM release r WHERE {condition}", values))["n"])


def visible_ids(db: Database, release_ids: Sequence[str], visibility: Visibility) -> set[str]:
    """Those of these releases that are there to be seen."""
    condition, values = visibility.condition()
    found: set[str] = set()
    for start in range(0, len(release_ids), 500):
        batch = list(release_ids[start : start + 500])
        marks = ", ".join("?" * len(batch))
        rows = db.query(f"SELECT r.id FROM release r WHERE r.id IN ({marks}) AND {condition}", [*batch, *values])
        found.update(row["id"] for row in rows)
    return found
