"""What pages with forms share: the form itself, checked to come from this server's own pages, and where to go then."""

from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from archive_pipeline.web.rendering import site_of

__all__ = ["checked_form", "see_other"]

MOST_FIELDS = 16


async def checked_form(request: Request) -> FormData:
    """The fields of a form. Raises HTTPException (403) unless it came from a page of this server."""
    form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    site_of(request).tokens.check(request, form)
    return form


def see_other(request: Request, path: str) -> Response:
    """To a page of this server, with GET."""
    base = str(request.scope.get("root_path", "")).rstrip("/")
    return RedirectResponse(base + path, status_code=303)
