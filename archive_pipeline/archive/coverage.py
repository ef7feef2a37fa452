"""What the archive can know of a source and a month: whether everything that was published then was seen.

States of a month, each following from what was noted of visits and documents:

- `complete`: the source was listed on or before its first day and again after its last, every visit in between listed
  it, and every list reached back to something known (so nothing fell out between two visits); no document of the month
  waits, failed or was refused. What the quality gate holds back does not count against it.
- `not_captured`: nothing of that month is in the archive, and the source was not listed then.
- `partial`: everything else. The month that is still running is; so are months before the first visit, however much of
  them was found later: nobody can say what was gone by then. Imported releases make a month partial too.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from sqlite_utils import Database

from archive_pipeline.archive.visibility import ARCHIVIST, Visibility

__all__ = ["CoverageState", "SourceCoverage", "source_coverage"]

CoverageState = Literal["complete", "partial", "not_captured"]

RELEASES = """SELECT source_id, substr(published, 1, 7) AS month, min(first_captured_at) AS first, count(*) AS count
FROM release r WHERE {} GROUP BY source_id, month"""

VISITS = """
SELECT x.source_id, substr(x.started_at, 1, 10) AS day,
  x.seen = 0 OR x.seen > x.new + x.quarantined + x.skipped + x.refused + x.failed AS linked
FROM run_source x JOIN run ON run.id = x.run_id
WHERE x.started_at IS NOT NULL AND run.command <> 'import' AND NOT EXISTS (
  SELECT 1 FROM failure f WHERE f.run_id = x.run_id AND f.source_id = x.source_id AND f.stage = 'discover')
ORDER BY x.source_id, x.started_at
"""
"""Visits that listed what the source offers; `linked` when the list held something that was known before."""

MISSING = """
SELECT source_id, substr(iif(published GLOB '[12][0-9][0-9][0-9]-[01][0-9]*', published, first_seen_at), 1, 7) AS month
FROM item WHERE state IN ('pending', 'failed', 'refused')
UNION
SELECT source_id, substr(iif(published GLOB '[12][0-9][0-9][0-9]-[01][0-9]*', published, captured_at), 1, 7)
FROM capture WHERE state = 'failed' AND kind = 'document'
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCoverage:
    """What is known of one source: `months` from the first that anything is known of to this one ("2026-05"), when its
    first release was captured, when it was first listed, and how many of its releases have no date."""

    source_id: str
    first_capture: date | None
    first_visit: date | None
    undated: int
    months: tuple[tuple[str, CoverageState], ...]

    def state(self, month: str) -> CoverageState:
        """The state of a month; not captured before anything is known."""
        place = bisect_left(self.months, month, key=lambda known: known[0])
        if place < len(self.months) and self.months[place][0] == month:
            return self.months[place][1]
        return "not_captured"


@dataclass(slots=True)
class _Source:
    """What the database says of one source."""

    releases: dict[str, int] = field(default_factory=dict)
    first_capture: str | None = None
    days: list[str] = field(default_factory=list)
    linked: list[bool] = field(default_factory=list)
    missing: set[str] = field(default_factory=set)


def source_coverage(
    db: Database, today: date, *, sources: Sequence[str] = (), visibility: Visibility = ARCHIVIST
) -> list[SourceCoverage]:
    """The coverage of every source that was visited or has releases, or of `sources` alone, by id."""
    found = _collected(db, visibility)
    wanted = sorted(found.keys() & set(sources) if sources else found)
    return [_covered(source_id, found[source_id], today) for source_id in wanted]


def _collected(db: Database, visibility: Visibility) -> dict[str, _Source]:
    found: dict[str, _Source] = {}
    condition, values = visibility.condition()
    for row in db.query(RELEASES.format(condition), values):
        source = found.setdefault(row["source_id"], _Source())
        source.releases[row["month"] or ""] = row["count"]
        source.first_capture = min(source.first_capture or row["first"], row["first"])
    for row in db.query(VISITS):
        source = found.setdefault(row["source_id"], _Source())
        source.days.append(row["day"])
        source.linked.append(bool(row["linked"]))
    for row in db.query(MISSING):
        if row["source_id"] in found:
            found[row["source_id"]].missing.add(row["month"])
    return found


def _covered(source_id: str, source: _Source, today: date) -> SourceCoverage:
    starts = [month for month in source.releases if month]
    starts += [day[:7] for day in source.days[:1]]
    this_month = today.isoformat()[:7]
    months = months_between(min(starts), this_month) if starts else ()
    return SourceCoverage(
        source_id=source_id,
        first_capture=date.fromisoformat(source.first_capture[:10]) if source.first_capture else None,
        first_visit=date.fromisoformat(source.days[0]) if source.days else None,
        undated=source.releases.get("", 0),
        months=tuple((month, _state(source, month, month == this_month)) for month in months),
    )


def _state(source: _Source, month: str, is_running: bool) -> CoverageState:
    begin, end = f"{month}-01", f"{month}-31"
    before, after = bisect_right(source.days, begin), bisect_right(source.days, end)
    is_listed_around = before > 0 and after < len(source.days) and all(source.linked[before : after + 1])
    if is_listed_around and not is_running and month not in source.missing:
        return "complete"
    is_listed_within = bisect_left(source.days, begin) < after
    return "partial" if source.releases.get(month) or is_listed_within else "not_captured"


def months_between(first: str, last: str) -> Iterator[str]:
    """Every month from the first to the last, both included."""
    year, month = int(first[:4]), int(first[5:7])
    while (text := f"{year:04}-{month:02}") <= last:
        yield text
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
