"""Feeds: the newest hits of a search, for feed readers."""

import hashlib
from datetime import date

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from archive_pipeline.search.atom import atom_feed
from archive_pipeline.search.parser import Match
from archive_pipeline.searching import open_search
from archive_pipeline.web.api_limits import Budget
from archive_pipeline.web.asking import Asked
from archive_pipeline.web.rendering import site_of
from archive_pipeline.web.viewer import visibility_of
from archive_pipeline.workspace import utc_now

__all__ = ["feed_routes"]

COST = 4
ENTRIES = 50


def feed_routes(budget: Budget) -> list[Route]:
    """The feed of a search, under the search's own address with `.atom`. Whoever comes without account finds in it
    what anybody may read."""

    async def feed(request: Request) -> Response:
        budget.take(request, COST)
        return await run_in_threadpool(_feed, request)

    return [Route("/search.atom", feed, name="feed")]


def _own_address(asked: Asked, match: Match) -> str:
    """The path of this very feed."""
    address = asked.at_page(1).url("/search.atom")
    return f"{address}{'&' if '?' in address else '?'}match=any" if match == "any" else address


def _feed(request: Request) -> Response:
    site, asked = site_of(request), Asked.read(request.query_params)
    match: Match = "any" if request.query_params.get("match") == "any" else "all"
    with open_search(site.workspace, visibility_of(request)) as search:
        found = search.search(asked.query, today=date.today(), match=match, sort="newest", limit=ENTRIES, facets=())
    base = str(request.base_url).rstrip("/")
    text = atom_feed(
        found.hits,
        query=asked.query,
        title=site.title or "Pressearchiv",
        updated=utc_now(),
        address=f"{base}{_own_address(asked, match)}",
        pages=base,
    )
    content = text.encode("utf-8", "replace")
    tag = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
    headers = {"etag": tag, "cache-control": "private, no-cache", "vary": "Cookie, Authorization"}
    if tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    return Response(content, media_type="application/atom+xml; charset=utf-8", headers=headers)
