"""Results: hits, facets, timeline, and how the query was understood."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from archive_pipeline.archive.visibility import Visibility
from archive_pipeline.search.kwic import Concordance, KwicLine
from archive_pipeline.search.parser import parse_query
from archive_pipeline.search.service import FacetValue, SearchResults
from archive_pipeline.searching import open_search
from archive_pipeline.web.asking import MOST_PAGES, PAGE_SIZE, Asked, Condition, own_columns
from archive_pipeline.web.cards import cards_of, source_titles
from archive_pipeline.web.occurrences import lines_of
from archive_pipeline.web.rendering import Site, render, site_of
from archive_pipeline.web.timeline import make_timeline
from archive_pipeline.web.viewer import visibility_of

__all__ = ["results"]

FACETS = ("party", "district", "topic", "organisation", "source")
OPEN, MOST = 8, 40
MOST_LINES = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """An active filter or exclusion, and the search without it. `kind` is a field, or `period`."""

    kind: str
    label: str
    is_excluded: bool
    without: Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Where this page stands among the others; behind `last` no search goes."""

    number: int
    last: int
    around: tuple[int, ...]


def results(request: Request) -> Response:
    """The results page."""
    site = site_of(request)
    asked = Asked.read(request.query_params)
    with open_search(site.workspace, visibility_of(request)) as search:
        found = search.search(
            asked.query,
            today=date.today(),
            sort=asked.order,
            offset=asked.offset,
            limit=PAGE_SIZE,
            facets=(*FACETS, "year", "month"),
            with_suggestion=True,
        )
    facets = {name: _named(site, name, values)[:MOST] for name, values in found.facets if name in FACETS}
    counts = {name: {one.value: one.count for one in values} for name, values in found.facets}
    return render(
        request,
        "results.html",
        {
            "asked": asked,
            "found": found,
            "notes": [own_columns(note, asked.shift) for note in found.notes],
            "cards": cards_of(site, found.hits, visibility_of(request)) if asked.view == "list" else (),
            "lines": _lines(site, asked, found, visibility_of(request)) if asked.view == "kwic" else [],
            "facets": {name: facets[name] for name in FACETS if facets.get(name)},
            "chips": _chips(site, asked),
            "timeline": make_timeline(counts.get("year", {}), counts.get("month", {})),
            "pages": _pages(asked, found),
            "opened": OPEN,
            "kept_as": urlencode({"q": asked.query} | ({"sort": asked.sort} if asked.sort else {})),
        },
    )


def _named(site: Site, name: str, values: Sequence[FacetValue]) -> tuple[FacetValue, ...]:
    if name != "source":
        return tuple(values)
    titles = source_titles(site)
    return tuple(FacetValue(value=one.value, label=titles.get(one.value, one.value), count=one.count) for one in values)


def _chips(site: Site, asked: Asked) -> tuple[Chip, ...]:
    def label(one: Condition) -> str:
        if one.field == "source":
            return source_titles(site).get(one.value, one.value)
        return site.names.label(one.field, one.value)

    chips = [
        Chip(kind=one.field, label=label(one), is_excluded=one in asked.excluded, without=asked.drop(one))
        for one in (*asked.kept, *asked.excluded)
    ]
    if asked.period:
        chips.append(Chip(kind="period", label=asked.period, is_excluded=False, without=asked.during(None)))
    return tuple(chips)


def _lines(site: Site, asked: Asked, found: SearchResults, visibility: Visibility) -> list[KwicLine]:
    """Every place at which the releases of this page say what was asked for."""
    node = parse_query(asked.query, names=site.names, today=date.today(), match=found.match).node
    with site.workspace.reading() as db:
        return list(islice(lines_of(db, Concordance(node), [hit.id for hit in found.hits], visibility), MOST_LINES))


def _pages(asked: Asked, found: SearchResults) -> Pages:
    last = min(max(1, -(-found.total // PAGE_SIZE)), MOST_PAGES)
    around = {1, last, *range(max(1, asked.page - 2), min(last, asked.page + 2) + 1)}
    return Pages(number=asked.page, last=last, around=tuple(sorted(around)))
