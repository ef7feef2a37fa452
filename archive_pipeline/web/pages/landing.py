"""One page for each Kreis, party, organisation, topic and office-holder, and the lists of them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from archive_pipeline.archive.named_persons import named_persons, naming_of, quotes_of
from archive_pipeline.archive.reading import load_releases
from archive_pipeline.classify.vocabulary import MUNICIPALITY
from archive_pipeline.model import Axis, VocabularyEntry
from archive_pipeline.search.service import FacetValue
from archive_pipeline.searching import open_search
from archive_pipeline.web.asking import Asked, Condition
from archive_pipeline.web.cards import cards_of, releases_as_cards
from archive_pipeline.web.rendering import Site, render, site_of
from archive_pipeline.web.timeline import make_timeline
from archive_pipeline.web.viewer import visibility_of

__all__ = ["PLACES", "entry_of", "person", "persons", "value", "values"]

PLACES: Mapping[str, str] = {"kreis": "district", "partei": "party", "org": "organisation", "thema": "topic"}
"""The first part of an address and the field that it shows."""

FIELDS = tuple(PLACES.values())
NEWEST, BESIDE = 8, 10
MOST_PERSONS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Landing:
    """A value of an axis: its name, its record in the vocabularies if it has one, and its successors by name."""

    place: str
    field: str
    value: str
    label: str
    entry: VocabularyEntry | None
    successors: tuple[FacetValue, ...]


def values(place: str, request: Request) -> Response:
    """All values of one axis that releases carry, with their counts."""
    site = site_of(request)
    field = PLACES[place]
    with open_search(site.workspace, visibility_of(request)) as search:
        found = search.search("", today=date.today(), limit=0, facets=(field,))
    known = dict(found.facets).get(field, ())
    ordered = sorted(known, key=lambda one: one.label.casefold())
    return render(request, "values.html", {"place": place, "field": field, "values": ordered, "total": found.total})


def value(place: str, request: Request) -> Response:
    """One value: who or what it is, when releases carry it, with which others, and the newest."""
    site, key = site_of(request), request.path_params["value"]
    field = PLACES[place]
    one = Condition(field=field, value=key.replace('"', " ").strip())
    with open_search(site.workspace, visibility_of(request)) as search:
        found = search.search(
            one.clause, today=date.today(), sort="newest", limit=NEWEST, facets=(*FIELDS, "year", "month")
        )
    facets = dict(found.facets)
    entry = entry_of(site, Axis(field), one.value)
    own = next((facet.label for facet in facets.get(field, ()) if facet.value == one.value), None)
    if entry is None and own is None:
        raise HTTPException(404)
    counts = {name: {facet.value: facet.count for facet in facets.get(name, ())} for name in ("year", "month")}
    beside = {
        name: tuple(facet for facet in facets.get(name, ()) if (name, facet.value) != (field, one.value))[:BESIDE]
        for name in FIELDS
    }
    return render(
        request,
        "landing.html",
        {
            "landing": Landing(
                place=place,
                field=field,
                value=one.value,
                label=own or (entry.label if entry else one.value),
                entry=entry,
                successors=_successors(site, field, entry),
            ),
            "found": found,
            "asked": Asked(kept=(one,)),
            "cards": cards_of(site, found.hits, visibility_of(request)),
            "timeline": make_timeline(counts["year"], counts["month"]),
            "beside": {name: facets for name, facets in beside.items() if facets},
        },
    )


def persons(request: Request) -> Response:
    """The office-holders and spokespersons that releases name."""
    seen = visibility_of(request)
    with site_of(request).workspace.reading() as db:
        found = named_persons(db, MOST_PERSONS, seen)
    return render(request, "persons.html", {"persons": found, "most": MOST_PERSONS})


def person(request: Request) -> Response:
    """One person: offices, when and with what they are named, what they are quoted with."""
    site, name = site_of(request), request.path_params["name"]
    seen = visibility_of(request)
    with site.workspace.reading() as db:
        naming = naming_of(db, name, seen)
        if not naming:
            raise HTTPException(404)
        newest = load_releases(db, [one.release_id for one in naming[:200]], seen)
        quotes = quotes_of(db, name, 12, seen)
    days = [one.published for one in naming if one.published]
    years, months = (Counter(day.strftime(form) for day in days) for form in ("%Y", "%Y-%m"))
    beside = Counter((tag.axis.value, tag.value, tag.label) for release in newest for tag in release.tags)
    return render(
        request,
        "person.html",
        {
            "name": name,
            "naming": naming,
            "offices": tuple(dict.fromkeys((one.role, one.party) for one in naming if one.role or one.party)),
            "cards": releases_as_cards(site, newest[:NEWEST]),
            "quotes": quotes,
            "timeline": make_timeline(years, months),
            "beside": {
                field: tuple(
                    FacetValue(value=key, label=label, count=count)
                    for (axis, key, label), count in beside.most_common()
                    if axis == field
                )[:BESIDE]
                for field in FIELDS
            },
            "search": "/search?" + urlencode({"q": f'"{name}"'}),
        },
    )


def entry_of(site: Site, axis: Axis, key: str) -> VocabularyEntry | None:
    """The record of a value in the vocabularies, None where they have none."""
    for vocabulary in site.workspace.plugins.vocabularies:
        if vocabulary.obj.axis in (None, axis):
            for entry in vocabulary.obj.entries:
                if entry.axis is axis and entry.value == key and entry.kind != MUNICIPALITY:
                    return entry
    return None


def _successors(site: Site, field: str, entry: VocabularyEntry | None) -> tuple[FacetValue, ...]:
    if entry is None:
        return ()
    return tuple(FacetValue(value=key, label=site.names.label(field, key), count=0) for key in entry.successors)
