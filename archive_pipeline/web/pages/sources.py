"""Sources with health and coverage, runs with what failed."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import groupby
from operator import attrgetter

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from archive_pipeline.archive.journal import RunSummary, find_run, list_runs, run_visits
from archive_pipeline.archive.lock import lock_owner
from archive_pipeline.archive.runs import SourceStatus, failures, source_status
from archive_pipeline.errors import ArchiveError, NoArchiveError
from archive_pipeline.ingest.scheduling import SourceHealth, source_healths
from archive_pipeline.model import Source
from archive_pipeline.searching import open_search
from archive_pipeline.web.asking import Asked, Condition
from archive_pipeline.web.cards import cards_of
from archive_pipeline.web.counting import SourceCount, counted_by_run, counted_by_source, with_counts
from archive_pipeline.web.rendering import render, site_of
from archive_pipeline.web.timeline import make_timeline
from archive_pipeline.web.viewer import viewer_of, visibility_of
from archive_pipeline.workspace import utc_now

__all__ = ["run", "runs", "source", "sources"]

RUNS = 100
COLUMNS = ("seen", "new", "changed", "unchanged", "quarantined", "refused", "gone", "failed", "requests")
"""What a run counts. Readers are told what was new and changed, of what they may see."""

NEWEST = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLine:
    """One source with what the archive holds of it and how it does; `health` is None for one that is switched off or
    no longer in sources.toml, `status` for one that was never visited, `count` where nothing of it is to be seen."""

    id: str
    title: str
    source: Source | None
    health: SourceHealth | None
    status: SourceStatus | None
    count: SourceCount | None

    @property
    def state(self) -> str:
        """The state in one word: that of its health, or `overdue`, `disabled`, `former`."""
        if self.health is None:
            return "disabled" if self.source is not None else "former"
        return "overdue" if self.health.is_overdue else self.health.health.state

    @property
    def releases(self) -> int:
        """How many releases of it are to be seen."""
        return self.count.releases if self.count else 0

    @property
    def last_new_at(self) -> datetime | None:
        """When it last brought one of them."""
        return self.count.last_new_at if self.count else None


@dataclass(frozen=True, slots=True, kw_only=True)
class CalendarYear:
    """How many releases of a source fall on each month of a year; `levels` are 0 to 4, for shades."""

    year: str
    months: tuple[int, ...]
    levels: tuple[int, ...]


def sources(request: Request) -> Response:
    """All sources."""
    internal = viewer_of(request).may("archivist")
    return render(request, "sources.html", {"lines": _lines(request), "internal": internal})


def source(request: Request) -> Response:
    """One source: health, appraisal, coverage by month, newest releases."""
    wanted = request.path_params["id"]
    line = next((one for one in _lines(request) if one.id == wanted), None)
    if line is None:
        raise HTTPException(404)
    site = site_of(request)
    one = Condition(field="source", value=wanted)
    values: dict[str, object] = {"line": line, "asked": Asked(kept=(one,)), "found": None, "cards": (), "calendar": ()}
    if line.status is not None:
        with open_search(site.workspace, visibility_of(request)) as search:
            found = search.search(
                one.clause, today=date.today(), sort="newest", limit=NEWEST, facets=("year", "month", "topic")
            )
        facets = {name: {facet.value: facet.count for facet in counted} for name, counted in found.facets}
        values |= {
            "found": found,
            "cards": cards_of(site, found.hits, visibility_of(request)),
            "calendar": _calendar(facets.get("month", {})),
        }
        values["timeline"] = make_timeline(facets.get("year", {}), facets.get("month", {}))
    return render(request, "source.html", {"timeline": None, "internal": viewer_of(request).may("archivist"), **values})


def runs(request: Request) -> Response:
    """The newest runs."""
    found: list[RunSummary] = []
    internal = viewer_of(request).may("archivist")
    try:
        with site_of(request).workspace.reading() as db:
            found = list_runs(db, RUNS)
            if not internal:
                counts = counted_by_run(db, found, visibility_of(request))
                found = [with_counts(one, counts[one.id]) for one in found]
    except NoArchiveError:
        pass
    return render(request, "runs.html", {"runs": found, "most": RUNS, "internal": internal})


def run(request: Request) -> Response:
    """One run: what it did with each source, and what failed."""
    with site_of(request).workspace.reading() as db:
        try:
            found = find_run(db, request.path_params["id"])
        except ArchiveError:
            raise HTTPException(404) from None
        visits = run_visits(db, found.id)
        internal = viewer_of(request).may("archivist")  # reasons name documents that readers may not know of
        failed = sorted(failures(db, found.id), key=attrgetter("source_id")) if internal else []
        if not internal:
            counts = counted_by_run(db, [found], visibility_of(request))[found.id]
            found = with_counts(found, counts)
            visits = [
                replace(one, new=counts.new.get(one.source_id, 0), changed=counts.changed.get(one.source_id, 0))
                for one in visits
            ]
    grouped = [(key, tuple(some)) for key, some in groupby(failed, key=attrgetter("source_id"))]
    values = {"run": found, "visits": visits, "failures": grouped, "internal": internal}
    return render(request, "run.html", values | {"columns": COLUMNS if internal else ("new", "changed")})


def _lines(request: Request) -> list[SourceLine]:
    workspace = site_of(request).workspace
    configured = {one.id: one for one in workspace.config.sources}
    try:
        with workspace.reading() as db:
            known = {one.source_id: one for one in source_status(db)}
            counts = counted_by_source(db, visibility_of(request))
            healths = list(source_healths(workspace.config, db, utc_now(), lock_owner(workspace.data)))
    except NoArchiveError:
        known, healths, counts = {}, [], {}
    by_id = {one.source.id: one for one in healths}
    ids = dict.fromkeys([*(one.source.id for one in healths), *configured, *known])
    if not viewer_of(request).may("archivist"):  # of a former source nobody knows who sees nothing of it
        ids = dict.fromkeys(one for one in ids if one in configured or one in counts)
    return [
        SourceLine(
            id=one,
            title=_title(one, configured.get(one), known.get(one)),
            source=configured.get(one) or (by_id[one].source if one in by_id else None),
            health=by_id.get(one),
            status=known.get(one),
            count=counts.get(one),
        )
        for one in ids
    ]


def _title(source_id: str, configured: Source | None, status: SourceStatus | None) -> str:
    return (configured.title if configured else "") or (status.title if status else "") or source_id


def _calendar(months: dict[str, int]) -> tuple[CalendarYear, ...]:
    """Every year from the first to the last that has any, newest first."""
    years = sorted({month[:4] for month in months if len(month) == 7})
    if not years:
        return ()
    most = max(months.values())
    found = []
    for year in range(int(years[-1]), int(years[0]) - 1, -1):
        counts = tuple(months.get(f"{year:04}-{month:02}", 0) for month in range(1, 13))
        levels = tuple(0 if not count else 1 + min(3, count * 4 // (most + 1)) for count in counts)
        found.append(CalendarYear(year=f"{year:04}", months=counts, levels=levels))
    return tuple(found)
