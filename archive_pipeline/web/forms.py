"""What pages with forms share: the form itself, checked to come from this server's own pages, and where to go then."""

from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from archive_pipeline.web.rendering import base_of, site_of

__all__ = ["checked_form", "see_other"]

MOST_FIELDS = 16


async def checked_form(request: Request) -> FormData:
    """The fields of a form, each a text that can be written down. Raises HTTPException: 403 unless it came from a page
    of this server, 400 where it can't be read."""
    try:
        form = await request.form(max_files=0, max_fields=MOST_FIELDS)
    except UnicodeError:  # in a character set that the form itself named
        raise HTTPException(400) from None
    read = FormData([(_text(name), _text(value)) for name, value in form.multi_items()])
    site_of(request).tokens.check(request, read)
    return read


def see_other(request: Request, path: str) -> Response:
    """To a page of this server, with GET."""
    return RedirectResponse(base_of(request) + path, status_code=303)


def _text(value: object) -> str:
    """A value without halves of characters, which no page and no file can hold."""
    return str(value).encode("utf-8", "replace").decode()
