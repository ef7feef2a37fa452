"""What every answer carries and every request has to show: security headers, the hosts served, CSRF tokens."""

import re
import secrets
from collections.abc import Sequence

from itsdangerous import BadSignature, URLSafeTimedSerializer
from starlette.datastructures import FormData, Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = ["PAGE_POLICY", "SANDBOX_POLICY", "FormTokens", "Protection"]

PAGE_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
"""Nothing but this server's own files, and none of them inline."""

SANDBOX_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
    "form-action 'none'; frame-ancestors 'self'; base-uri 'none'"
)
"""For captured bytes: an origin of its own, no script, no form, and nothing fetched from anywhere."""

HEADERS = {
    "content-security-policy": PAGE_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "x-robots-tag": "noindex",
}

COOKIE = "apl_form"
FIELD = "token"
HOURS = 12


HOST = re.compile(r"(?P<name>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::[0-9]{1,5})?")


class Protection:
    """Middleware: puts the security headers on every answer, and answers only to its own host names.

    The names guard an archive without login against pages that resolve their own name to this machine. `hosts` are
    lower-case names without port; "*" takes any.
    """

    def __init__(self, app: ASGIApp, *, hosts: Sequence[str]) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse a foreign host."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def protected(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        name = _name(Headers(scope=scope).get("host", ""))
        if "*" not in self._hosts and name not in self._hosts:
            refusal = PlainTextResponse("Dieser Server antwortet nicht unter diesem Namen.\n", status_code=421)
            await refusal(scope, receive, protected)
            return
        await self._app(scope, receive, protected)


def _name(host: str) -> str | None:
    """The name in a Host header that is one, and nothing but one: addresses on pages are made of it."""
    found = HOST.fullmatch(host.lower())
    return found["name"].strip("[]") if found else None


class FormTokens:
    """Tokens that show that a form came from a page of this server: signed, bound to a cookie, good for 12 hours."""

    def __init__(self, secret: str) -> None:
        self._serializer = URLSafeTimedSerializer(secret, salt="form")

    def issue(self, request: Request) -> str:
        """The token for the forms of one page; `seal` has to see the answer."""
        if not hasattr(request.state, "form_cookie"):
            request.state.form_cookie = request.cookies.get(_cookie(request)) or secrets.token_urlsafe(18)
        return self._serializer.dumps(request.state.form_cookie)

    def seal(self, request: Request, response: Response) -> None:
        """Set the cookie that the tokens of this answer are bound to."""
        value = getattr(request.state, "form_cookie", None)
        if value is not None and request.cookies.get(_cookie(request)) != value:
            response.set_cookie(
                _cookie(request),
                value,
                httponly=True,
                samesite="strict",
                secure=request.url.scheme == "https",
                path="/",
            )

    def check(self, request: Request, form: FormData) -> None:
        """Raises HTTPException (403) unless the form came from a page of this server."""
        try:
            bound = self._serializer.loads(str(form.get(FIELD, "")), max_age=HOURS * 3600)
        except BadSignature:
            raise HTTPException(403, "form") from None
        cookie = request.cookies.get(_cookie(request), "")
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none") or not (
            cookie and secrets.compare_digest(str(bound).encode(), cookie.encode())
        ):
            raise HTTPException(403, "form")


def _cookie(request: Request) -> str:
    """Over HTTPS under a name that browsers take from this very host alone: no neighbour can put its own there."""
    return f"__Host-{COOKIE}" if request.url.scheme == "https" else COOKIE
