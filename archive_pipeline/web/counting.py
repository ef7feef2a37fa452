"""Counts of sources and runs for somebody who does not see everything: only releases that they may see are counted.

The journal counts what a run did, closed and embargoed releases among it. That is for archivists; for everybody else
the counts are made anew, out of the changes of releases that are to be seen and the time in which a run worked.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlite_utils import Database

from archive_pipeline.archive.journal import RunSummary
from archive_pipeline.archive.visibility import Visibility
from archive_pipeline.workspace import utc_now

__all__ = ["RunCounts", "SourceCount", "counted_by_run", "counted_by_source", "with_counts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCount:
    """How many releases of a source somebody sees, and when the last of them was new."""

    releases: int
    last_new_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCounts:
    """How many releases that somebody sees a run brought or changed, by source."""

    new: Mapping[str, int]
    changed: Mapping[str, int]


def counted_by_source(db: Database, visibility: Visibility) -> dict[str, SourceCount]:
    """The sources of which somebody sees anything."""
    condition, values = visibility.condition()
    rows = db.query(
        f"""SELECT r.source_id, count(*) AS n, max(r.first_captured_at) AS last FROM release r
            WHERE {condition} GROUP BY r.source_id""",
        values,
    )
    return {
        row["source_id"]: SourceCount(releases=row["n"], last_new_at=datetime.fromisoformat(row["last"]))
        for row in rows
    }


def counted_by_run(db: Database, runs: Sequence[RunSummary], visibility: Visibility) -> dict[str, RunCounts]:
    """What each of these runs brought, by its id. Runs never work at the same time."""
    ordered = sorted(runs, key=lambda one: one.started_at)
    starts = [one.started_at for one in ordered]
    counts: dict[str, dict[str, Counter[str]]] = {one.id: {"new": Counter(), "changed": Counter()} for one in ordered}
    condition, values = visibility.condition()
    rows = db.query(
        f"""SELECT DISTINCT o.at, o.change, o.release_id, r.source_id
            FROM outbox o JOIN release r ON r.id = o.release_id
            WHERE o.change <> 'tagged' AND o.at >= ? AND {condition}""",
        [starts[0].isoformat() if starts else "", *values],
    )
    for row in rows if starts else ():
        at = datetime.fromisoformat(row["at"])
        number = bisect_right(starts, at) - 1
        if number >= 0 and at <= (ordered[number].finished_at or utc_now()):
            counts[ordered[number].id][row["change"]][row["source_id"]] += 1
    return {key: RunCounts(new=dict(one["new"]), changed=dict(one["changed"])) for key, one in counts.items()}


def with_counts(run: RunSummary, counts: RunCounts) -> RunSummary:
    """A run with the counts of what somebody sees. What failed is for archivists."""
    return replace(run, new=sum(counts.new.values()), changed=sum(counts.changed.values()), failed=0, no_text_layer=0)
