"""The start page and what the archive says about itself."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from starlette.requests import Request
from starlette.responses import Response

from archive_pipeline.archive.runs import last_run
from archive_pipeline.errors import NoArchiveError
from archive_pipeline.searching import open_search
from archive_pipeline.web.asking import Asked
from archive_pipeline.web.cards import cards_of
from archive_pipeline.web.rendering import render, site_of
from archive_pipeline.web.timeline import make_timeline
from archive_pipeline.web.viewer import visibility_of
from archive_pipeline.workspace import HOMEPAGE, SOFTWARE

__all__ = ["about", "start"]

NEWEST = 6
SHOWN = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """The size of the archive: releases, those without a date, sources, and how many values each axis has."""

    releases: int
    undated: int
    sources: int
    districts: int
    parties: int
    organisations: int
    topics: int


def start(request: Request) -> Response:
    """Search box, newest releases, size of the corpus, timeline."""
    site = site_of(request)
    workspace = site.workspace
    try:
        with workspace.reading() as db:
            run = last_run(db)
    except NoArchiveError:
        return render(request, "empty.html", {"sources": workspace.config.sources})
    with open_search(workspace, visibility_of(request)) as search:
        found = search.search(
            "",
            today=date.today(),
            sort="newest",
            limit=NEWEST,
            facets=("district", "party", "organisation", "topic", "year", "month"),
        )
    facets = dict(found.facets)
    counts = {name: {one.value: one.count for one in facets.get(name, ())} for name in ("year", "month")}
    numbers = Numbers(
        releases=found.total,
        undated=found.undated,
        sources=len(workspace.config.sources),
        districts=len(facets.get("district", ())),
        parties=len(facets.get("party", ())),
        organisations=len(facets.get("organisation", ())),
        topics=len(facets.get("topic", ())),
    )
    return render(
        request,
        "start.html",
        {
            "asked": Asked(),
            "cards": cards_of(site, found.hits, visibility_of(request)),
            "numbers": numbers,
            "run_at": datetime.fromisoformat(run.started_at).astimezone(UTC) if run else None,
            "timeline": make_timeline(counts["year"], counts["month"]),
            "undated": found.undated,
            "facets": {name: facets.get(name, ())[:SHOWN] for name in ("topic", "district", "party")},
        },
    )


def about(request: Request) -> Response:
    """Collection policy, legal basis, contact, how the crawler identifies itself, accessibility."""
    config = site_of(request).workspace.config
    settings = config.archive
    return render(
        request,
        "about.html",
        {
            "sources": config.sources,
            "contact": settings.contact,
            "user_agent": settings.user_agent or f"{SOFTWARE} (+{settings.contact or HOMEPAGE})",
            "request_interval": settings.request_interval,
        },
    )
