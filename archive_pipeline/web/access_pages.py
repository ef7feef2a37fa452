"""Logging in and out."""

from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from archive_pipeline.errors import ThrottledError
from archive_pipeline.web.access import Sessions, safe_next, sessions_of
from archive_pipeline.web.forms import checked_form, see_other
from archive_pipeline.web.rendering import base_of, own_path, render
from archive_pipeline.web.viewer import viewer_of

__all__ = ["ACCESS_ROUTES", "login_address"]


def login_address(request: Request) -> str:
    """The login page, from which one comes back to the page asked for now."""
    path = own_path(request) or "/"
    asked = f"{path}?{request.url.query}" if request.url.query else path
    return f"{base_of(request)}/login?next={quote(asked, safe='/')}"


def login_form(request: Request) -> Response:
    """The form."""
    _sessions(request)
    target = safe_next(request.query_params.get("next", "/"))
    return _form(request, target, name="", problem=None, status=200)


async def log_in(request: Request) -> Response:
    """Check name and password; begin a new session, whatever session the browser had."""
    sessions = _sessions(request)
    form = await checked_form(request)
    name, target = str(form.get("name", "")), safe_next(str(form.get("next", "/")))
    address = request.client.host if request.client else ""
    try:
        session = await run_in_threadpool(
            sessions.accounts.log_in, name, str(form.get("password", "")), address, replaces=sessions.read(request)
        )
    except ThrottledError as error:
        response = _form(request, target, name=name, problem="login.throttled", status=429, seconds=error.seconds)
        response.headers["retry-after"] = str(error.seconds)
        return response
    if session is None:
        return _form(request, target, name=name, problem="login.wrong", status=401)
    response = see_other(request, target)
    sessions.begin(request, response, session)
    return response


async def log_out(request: Request) -> Response:
    """End the session here, or all sessions of the account."""
    sessions = _sessions(request)
    form = await checked_form(request)
    response = see_other(request, "/")
    if session := sessions.read(request):
        await run_in_threadpool(sessions.accounts.log_out, session, everywhere=form.get("everywhere") == "1")
    sessions.end(request, response)
    return response


def account(request: Request) -> Response:
    """Who one is here, and the way out."""
    _sessions(request)
    if not viewer_of(request).name:
        return RedirectResponse(login_address(request), status_code=303)
    return render(request, "account.html", {}, private=True)


ACCESS_ROUTES = [
    Route("/login", login_form, methods=["GET"]),
    Route("/login", log_in, methods=["POST"]),
    Route("/logout", log_out, methods=["POST"]),
    Route("/account", account),
]
"""What an archive with accounts has besides its pages; without accounts these answer 404."""


def _form(request: Request, target: str, *, name: str, problem: str | None, status: int, seconds: int = 0) -> Response:
    values = {"next": target, "name": name[:64], "problem": problem, "minutes": -(-seconds // 60)}
    return render(request, "login.html", values, status=status, private=True)


def _sessions(request: Request) -> Sessions:
    sessions = sessions_of(request)
    if sessions is None:
        raise HTTPException(404)
    return sessions
