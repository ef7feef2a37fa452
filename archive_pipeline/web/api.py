"""The API: every endpoint, and the routes they make."""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from archive_pipeline.web.api_archive import ARCHIVE_ENDPOINTS
from archive_pipeline.web.api_declaring import PREFIX, route
from archive_pipeline.web.api_kept import KEPT_ENDPOINTS
from archive_pipeline.web.api_limits import Budget
from archive_pipeline.web.api_openapi import openapi
from archive_pipeline.web.api_releases import RELEASE_ENDPOINTS
from archive_pipeline.web.api_search import SEARCH_ENDPOINTS
from archive_pipeline.web.api_takedown import TAKEDOWN_ENDPOINTS
from archive_pipeline.web.rendering import base_of, site_of

__all__ = ["ENDPOINTS", "api_routes"]

ENDPOINTS = (*SEARCH_ENDPOINTS, *RELEASE_ENDPOINTS, *ARCHIVE_ENDPOINTS, *KEPT_ENDPOINTS, *TAKEDOWN_ENDPOINTS)
"""The whole API."""


def api_routes(budget: Budget | None = None) -> list[Route]:
    """The routes, with the document that describes them."""
    shared = budget or Budget()
    return [
        *(route(endpoint, shared) for endpoint in ENDPOINTS),
        Route(f"{PREFIX}/openapi.json", described),
        Route("/openapi.json", described),
    ]


def described(request: Request) -> Response:
    """The OpenAPI document."""
    title, has_login = site_of(request).title or "Pressearchiv", hasattr(request.state, "came_by")
    document = openapi(ENDPOINTS, title=title, base=base_of(request), has_login=has_login)
    return JSONResponse(document, headers={"cache-control": "no-cache"})
