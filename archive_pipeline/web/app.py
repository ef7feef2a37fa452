"""The web application: which address leads to which page, and how errors look."""

import hashlib
import secrets
from collections.abc import Sequence
from functools import partial
from http import HTTPStatus
from importlib.resources import as_file, files
from typing import Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from archive_pipeline.errors import ArchivePipelineError
from archive_pipeline.search.names import VocabularyNames
from archive_pipeline.web.access import sessions_of
from archive_pipeline.web.access_pages import ACCESS_ROUTES, login_address
from archive_pipeline.web.api import api_routes
from archive_pipeline.web.api_declaring import is_api, problem, problem_of
from archive_pipeline.web.api_limits import Budget
from archive_pipeline.web.feeds import feed_routes
from archive_pipeline.web.messages import Words, language_of
from archive_pipeline.web.monitoring import MONITORING_ROUTES
from archive_pipeline.web.pages import (
    captured,
    landing,
    release,
    results,
    review,
    searches,
    sets,
    sources,
    start,
    takedown,
    taking,
)
from archive_pipeline.web.protection import FormTokens, Protection
from archive_pipeline.web.rendering import Site, render, templates
from archive_pipeline.web.viewer import LocalViewer, viewer_of
from archive_pipeline.workspace import Workspace

__all__ = ["LOCAL_HOSTS", "create_app"]

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")


class ViewerMiddleware(Protocol):
    """Middleware that sets `request.state.viewer`."""

    def __call__(self, app: ASGIApp, /) -> ASGIApp:
        """The middleware around an application."""


def create_app(
    workspace: Workspace,
    *,
    hosts: Sequence[str] = LOCAL_HOSTS,
    viewers: ViewerMiddleware = LocalViewer,
    secret: str | None = None,
) -> ASGIApp:
    """The pages of one archive. `hosts` are the names it answers to, `viewers` says who asks, `secret` signs forms
    (None: a new one, which is enough for one process)."""
    app = Starlette(
        routes=_routes(),
        exception_handlers={
            HTTPException: _http_error,
            ArchivePipelineError: _own_error,
            Exception: _unexpected,
        },
    )
    app.state.site = Site(
        workspace=workspace,
        names=VocabularyNames([entry.obj for entry in workspace.plugins.vocabularies]),
        templates=templates(),
        tokens=FormTokens(secret or secrets.token_urlsafe(32)),
        style_digest=_style_digest(),
    )
    # outside of everything, so that error pages carry the headers, too
    return Protection(viewers(app), hosts=hosts)


def _routes() -> list[Route | Mount]:
    with as_file(files("archive_pipeline.web") / "static") as folder:
        static = StaticFiles(directory=folder)
    landings = [
        route
        for name in landing.PLACES
        for route in (
            Route(f"/{name}", partial(landing.values, name)),
            Route(f"/{name}/{{value:path}}", partial(landing.value, name)),
        )
    ]
    budget = Budget()
    return [
        Route("/", start.start),
        Route("/search", budget.bounded(results.results, 4)),
        *feed_routes(budget),
        Route("/search.{form}", budget.bounded(taking.hits, 60)),
        Route("/d/{ref}", release.release),
        Route("/d/{ref}/original", captured.original),
        Route("/d/{ref}/vergleich", release.compare),
        Route("/d/{ref}/aehnlich", release.alike),
        Route("/d/{ref}/zitat.{form}", release.citation),
        *landings,
        Route("/person", landing.persons),
        Route("/person/{name:path}", landing.person),
        Route("/sources", sources.sources),
        Route("/sources/{id}", sources.source),
        Route("/runs", sources.runs),
        Route("/runs/{id}", sources.run),
        Route("/review", review.queue),
        Route("/review/judge", review.judge, methods=["POST"]),
        Route("/review/undo", review.undo, methods=["POST"]),
        Route("/save", searches.save_form),
        Route("/save", budget.bounded_form(searches.save, 12), methods=["POST"]),
        Route("/searches", budget.bounded(searches.saved, 12)),
        Route("/searches/seen", budget.bounded_form(searches.seen, 4), methods=["POST"]),
        Route("/searches/remove", budget.bounded_form(searches.remove, 4), methods=["POST"]),
        Route("/searches/{name:path}", budget.bounded(searches.search, 8)),
        Route("/freeze", budget.bounded(sets.freeze_form, 4)),
        Route("/freeze", budget.bounded_form(sets.make, 60), methods=["POST"]),
        Route("/sets", budget.bounded(sets.frozen_sets, 4)),
        Route("/sets/{name}", budget.bounded(sets.frozen_set, 4)),
        Route("/sets/{name}/vergleich", budget.bounded(sets.compare, 60)),
        Route("/sets/{name}/export.{form}", budget.bounded(sets.export, 60)),
        Route("/takedown", takedown.cases),
        Route("/takedown/new", takedown.request_form),
        Route("/takedown/new", budget.bounded_form(takedown.submit, 12), methods=["POST"]),
        Route("/takedown/{id}", takedown.case),
        Route("/takedown/{id}/decide", budget.bounded_form(takedown.decide, 12), methods=["POST"]),
        Route("/takedown/{id}/finish", budget.bounded_form(takedown.finish, 12), methods=["POST"]),
        Route("/about", start.about),
        Route("/robots.txt", _robots),
        *ACCESS_ROUTES,
        *api_routes(budget),
        *MONITORING_ROUTES,
        Mount("/static", static, name="static"),
    ]


def _robots(request: Request) -> Response:
    return PlainTextResponse(
        "User-agent: *\nDisallow: /search\nDisallow: /review\nDisallow: /sets\nDisallow: /takedown\n"
    )


def _style_digest() -> str:
    folder = files("archive_pipeline.web") / "static"
    return hashlib.sha256(b"".join(sorted(one.read_bytes() for one in folder.iterdir()))).hexdigest()[:12]


def _http_error(request: Request, error: Exception) -> Response:
    """A page for a status: what happened and what to do, in words."""
    assert isinstance(error, HTTPException)
    if is_api(request):
        return problem(error.status_code, headers=error.headers)
    if error.status_code in (401, 403) and _may_log_in(request):
        return RedirectResponse(login_address(request), status_code=303)
    words = Words(language_of(request))
    key = "error.form" if error.detail == "form" else f"error.s{error.status_code}"
    known = words.knows(key)
    message = words(key) if known else HTTPStatus(error.status_code).phrase
    hint = words(f"{key}_hint") if words.knows(f"{key}_hint") else ""
    return _error_page(request, error.status_code, message, hint)


def _own_error(request: Request, error: Exception) -> Response:
    """An error of the archive: its own words, which name the next step."""
    assert isinstance(error, ArchivePipelineError)
    if is_api(request):
        return problem_of(error)
    # commands are for those who run the archive
    hint = error.hint if viewer_of(request).may("archivist") or "archive-pipeline" not in error.hint else ""
    return _error_page(request, error.http_status, error.message, hint, language="de")


def _unexpected(request: Request, error: Exception) -> Response:
    """What nobody foresaw: the page says so, the traceback goes to the server's log."""
    if is_api(request):
        return problem(500)
    words = Words(language_of(request))
    return _error_page(request, 500, words("error.s500"), words("error.s500_hint"))


def _may_log_in(request: Request) -> bool:
    """Whether somebody without account wants a page that needs one."""
    return request.method == "GET" and sessions_of(request) is not None and not viewer_of(request).name


def _error_page(request: Request, status: int, message: str, hint: str, *, language: str | None = None) -> Response:
    values = {"status": status, "message": message, "hint": hint, "language": language or language_of(request)}
    return render(request, "error.html", values, status=status)
