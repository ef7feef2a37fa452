"""Endpoints that search: hits, occurrences, facets, timeline, values of the axes, exports."""

import re
from collections.abc import Iterator
from datetime import date
from io import StringIO
from typing import Annotated, Any, Literal

from pydantic import Field
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from archive_pipeline.archive.reading import load_releases
from archive_pipeline.archive.visibility import Visibility
from archive_pipeline.errors import QueryError
from archive_pipeline.model import Axis, Release
from archive_pipeline.protocols import Exporter
from archive_pipeline.search.kwic import Concordance, KwicLine
from archive_pipeline.search.service import SearchResults, SearchService, results_as_json
from archive_pipeline.search.timeline import Group, make_timeline
from archive_pipeline.searching import open_search
from archive_pipeline.web import api_forms as forms
from archive_pipeline.web.api_declaring import Asked, Call, Endpoint, PageAsked, Rows, page_of
from archive_pipeline.web.asking import Condition
from archive_pipeline.web.occurrences import lines_of
from archive_pipeline.web.pages.landing import entry_of
from archive_pipeline.web.pages.taking import exporter_of
from archive_pipeline.workspace import Workspace

__all__ = ["SEARCH_ENDPOINTS"]

FacetName = Literal["district", "party", "organisation", "topic", "source", "state", "year", "month"]
Sort = Literal["score", "newest", "oldest"]
Query = Annotated[str, Field(max_length=2048, description="query language of docs/search.md; empty finds everything")]

BATCH = 200
MOST_READ = 300
"""Releases that are read for one page of occurrences."""

PLACE = re.compile(r"([0-9]{1,9})\.([0-9]{1,9})")
BESIDE = 20
FACETS: tuple[FacetName, ...] = ("district", "party", "organisation", "topic", "year")
AXES: tuple[FacetName, ...] = ("district", "party", "organisation", "topic")

EXPORTS = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv",
    "bibtex": "application/x-bibtex",
    "ris": "application/x-research-info-systems",
}


class SearchAsked(Asked):
    """A search."""

    q: Query = ""
    match: Literal["all", "any"] | None = Field(default=None, description="without: all words, else any")
    sort: Sort = "score"
    limit: int = Field(default=10, ge=0, le=100)
    cursor: str | None = Field(default=None, max_length=2000, description="`next_cursor` of the page before")
    facets: list[FacetName] = Field(default=list(FACETS), max_length=8)
    snippets: bool = True


class HitsAsked(PageAsked):
    """The hits alone."""

    q: Query = ""
    match: Literal["all", "any"] | None = None
    sort: Sort = "score"


class KwicAsked(PageAsked):
    """Occurrences."""

    q: Query = ""
    match: Literal["all", "any"] = "all"
    sort: Sort = "score"
    width: int = Field(default=60, ge=10, le=200, description="characters on each side")


class FacetsAsked(Asked):
    """Counts alone."""

    q: Query = ""
    match: Literal["all", "any"] = "all"
    facets: list[FacetName] = Field(default=list(FACETS), max_length=8)


class TimelineAsked(Asked):
    """Counts over time."""

    q: Query = ""
    match: Literal["all", "any"] = "all"
    unit: Literal["year", "month"] = "year"
    by: Group | None = None
    top: int = Field(default=10, ge=1, le=25, description="groups, the most frequent")


class ExportAsked(Asked):
    """Whole releases."""

    q: Query = ""
    format: Literal["jsonl", "csv", "bibtex", "ris"] = "jsonl"


class ValuesAsked(PageAsked):
    """Values of an axis."""

    axis: Axis


class LandingAsked(Asked):
    """One value of an axis."""

    axis: Axis
    value: str = Field(max_length=200)
    limit: int = Field(default=10, ge=0, le=50, description="newest releases")


def search(call: Call, asked: SearchAsked) -> object:
    """The object of `search --json`."""
    with open_search(call.site.workspace, call.visibility) as service:
        found = service.search(
            asked.q,
            today=date.today(),
            match=asked.match,
            sort=asked.sort,
            limit=asked.limit,
            cursor=asked.cursor,
            facets=asked.facets,
            with_snippets=asked.snippets,
            with_suggestion=True,
        )
    return forms.Found.model_validate(results_as_json(found))


def hits(call: Call, asked: HitsAsked) -> Rows:
    """Hits as rows."""
    with open_search(call.site.workspace, call.visibility) as service:
        found = service.search(
            asked.q,
            today=date.today(),
            match=asked.match,
            sort=asked.sort,
            limit=asked.limit,
            cursor=asked.cursor,
            facets=(),
        )
    return Rows(items=_hits(found), next=found.cursor, total=found.total)


def kwic(call: Call, asked: KwicAsked) -> Rows:
    """Every place at which releases say what was asked for, release by release in the order of the hits. Few are read
    for one answer: a page may be shorter than asked for, or empty, and still have a next one."""
    first, skipped = _kwic_place(asked.cursor)
    workspace, lines = call.site.workspace, list[KwicLine]()
    with open_search(workspace, call.visibility) as service, workspace.reading() as db:
        parsed = service.parse(asked.q, today=date.today(), match=asked.match)
        concordance = Concordance(parsed.node, width=asked.width)
        hits = service.scan(parsed.node, sort=asked.sort, offset=first) if concordance.has_words else iter(())
        for number, hit in enumerate(hits, start=first):
            if number == first + MOST_READ:
                return Rows(items=lines, next=f"{number}.0")
            for position, line in enumerate(lines_of(db, concordance, [hit.key], call.visibility)):
                if number == first and position < skipped:
                    continue
                if len(lines) == asked.limit:
                    return Rows(items=lines, next=f"{number}.{position}")
                lines.append(line)
    return Rows(items=lines)


def _kwic_place(cursor: str | None) -> tuple[int, int]:
    """How many hits, and how many places of the next one, earlier pages had."""
    if cursor is None:
        return 0, 0
    found = PLACE.fullmatch(cursor)
    if found is None:
        raise QueryError("Der Cursor ist nicht lesbar", hint="ohne cursor von vorn beginnen")
    return int(found[1]), int(found[2])


def facets(call: Call, asked: FacetsAsked) -> forms.Facets:
    """Counts over all hits."""
    with open_search(call.site.workspace, call.visibility) as service:
        found = service.search(asked.q, today=date.today(), match=asked.match, limit=0, facets=asked.facets)
    return forms.Facets(
        query=found.query,
        understood=found.understood,
        total=found.total,
        undated=found.undated,
        facets=_counted(found),
    )


def timeline(call: Call, asked: TimelineAsked) -> forms.TimelineCounts:
    """Counts by year or month, and by group."""
    with open_search(call.site.workspace, call.visibility) as service:
        found = make_timeline(
            service, asked.q, today=date.today(), histogram=asked.unit, by=asked.by, top=asked.top, match=asked.match
        )
        return forms.TimelineCounts.model_validate(found)


def export(call: Call, asked: ExportAsked) -> Response:
    """All releases that a query finds and the one who asks may see, read and sent some at a time."""
    workspace = call.site.workspace
    with open_search(workspace, call.visibility) as service:
        ids = service.keys(asked.q, today=date.today())
    exporter = exporter_of(call.site, asked.format)
    return StreamingResponse(
        _exported(workspace, call.visibility, ids, exporter, has_head=asked.format == "csv"),
        media_type=f"{EXPORTS[asked.format]}; charset=utf-8",
        headers={
            "content-disposition": f'attachment; filename="releases.{asked.format}"',
            "x-total-count": str(len(ids)),
        },
    )


def _exported(
    workspace: Workspace, visibility: Visibility, ids: tuple[str, ...], exporter: Exporter, *, has_head: bool
) -> Iterator[bytes]:
    """Never more than one batch in memory, and no transaction that lasts as long as somebody reads."""
    for start in range(0, max(len(ids), 1), BATCH):
        with workspace.reading() as db:
            releases: list[Release] = load_releases(db, ids[start : start + BATCH], visibility)
        out = StringIO(newline="")
        exporter.export(iter(releases), out)
        text = out.getvalue()
        if has_head and start:
            text = text.partition("\n")[2]
        yield text.encode("utf-8", "replace")


def values(call: Call, asked: ValuesAsked) -> Rows:
    """The values of an axis, the most frequent first."""
    with open_search(call.site.workspace, call.visibility) as service:
        found = service.search("", today=date.today(), limit=0, facets=(asked.axis.value,))
    counted = dict(found.facets).get(asked.axis.value, ())
    rows = [forms.Value(axis=asked.axis, value=one.value, label=one.label, count=one.count) for one in counted]
    return page_of(rows, asked)


def landing(call: Call, asked: LandingAsked) -> forms.Landing:
    """What a value's page shows."""
    with open_search(call.site.workspace, call.visibility) as service:
        found = _of_value(service, asked)
    counted = _counted(found)
    own = next((one for one in counted[asked.axis] if one.value == asked.value), None)
    entry = entry_of(call.site, asked.axis, asked.value)
    if own is None and entry is None:
        raise HTTPException(404)
    beside = {
        name: [one for one in counted[name] if (name, one.value) != (asked.axis, asked.value)][:BESIDE] for name in AXES
    }
    return forms.Landing(
        axis=asked.axis,
        value=asked.value,
        label=own.label if own else entry.label if entry else asked.value,
        total=found.total,
        undated=found.undated,
        successors=list(entry.successors) if entry else [],
        years={one.value: one.count for one in counted["year"]},
        months={one.value: one.count for one in counted["month"]},
        beside={name: rows for name, rows in beside.items() if rows},
        newest=_hits(found),
    )


def _of_value(service: SearchService, asked: LandingAsked) -> SearchResults:
    one = Condition(field=asked.axis.value, value=asked.value.replace('"', " ").strip())
    return service.search(
        one.clause,
        today=date.today(),
        sort="newest",
        limit=asked.limit,
        facets=(*AXES, "year", "month"),
    )


def _counted(found: SearchResults) -> dict[str, list[forms.Counted]]:
    return {name: [forms.Counted.model_validate(one) for one in counted] for name, counted in found.facets}


def _hits(found: SearchResults) -> list[forms.FoundRelease]:
    rows: Any = results_as_json(found)["hits"]
    return [forms.FoundRelease.model_validate(row) for row in rows]


SEARCH_ENDPOINTS = (
    Endpoint(
        path="/search",
        name="search",
        tag="search",
        summary="Hits with passages and facets: the object of `search --json`",
        asks=SearchAsked,
        answers=forms.Found,
        run=search,
        cost=4,
        from_index=True,
    ),
    Endpoint(
        path="/hits",
        name="hits",
        tag="search",
        summary="The same hits as rows, also as CSV or JSONL",
        asks=HitsAsked,
        answers=forms.FoundRelease,
        is_list=True,
        run=hits,
        cost=4,
        from_index=True,
    ),
    Endpoint(
        path="/kwic",
        name="kwic",
        tag="search",
        summary="Every place at which releases say what was asked for, in its context",
        asks=KwicAsked,
        answers=KwicLine,
        is_list=True,
        run=kwic,
        cost=12,
        from_index=True,
    ),
    Endpoint(
        path="/facets",
        name="facets",
        tag="search",
        summary="Counts over all hits",
        asks=FacetsAsked,
        answers=forms.Facets,
        run=facets,
        cost=4,
        from_index=True,
    ),
    Endpoint(
        path="/timeline",
        name="timeline",
        tag="search",
        summary="Counts by year or month, and by group, beside the volume of the archive",
        asks=TimelineAsked,
        answers=forms.TimelineCounts,
        run=timeline,
        cost=12,
        from_index=True,
    ),
    Endpoint(
        path="/export",
        name="export",
        tag="search",
        summary="Whole releases, streamed",
        asks=ExportAsked,
        media_types=tuple(EXPORTS.values()),
        run=export,
        cost=60,
    ),
    Endpoint(
        path="/axes/{axis}",
        name="values",
        tag="axes",
        summary="Districts, parties, organisations or topics, with counts",
        asks=ValuesAsked,
        answers=forms.Value,
        is_list=True,
        run=values,
        cost=4,
        from_index=True,
    ),
    Endpoint(
        path="/axes/{axis}/{value}",
        name="landing",
        tag="axes",
        summary="One value: when releases carry it, with what, and the newest",
        asks=LandingAsked,
        answers=forms.Landing,
        run=landing,
        cost=4,
        from_index=True,
    ),
)
"""What searches."""
