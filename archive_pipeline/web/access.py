"""Who asks, where people log in: sessions and tokens become viewers; and when a server may start without any login."""

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import cast

from itsdangerous import BadSignature, Signer
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from archive_pipeline.accounts import AccountRole, Accounts, accounts_file
from archive_pipeline.archive.visibility import Standing
from archive_pipeline.errors import ArchivePipelineError, ConfigError
from archive_pipeline.web.api_declaring import problem, problem_of
from archive_pipeline.web.viewer import LocalViewer, Viewer
from archive_pipeline.workspace import Workspace

__all__ = [
    "Access",
    "AccountViewer",
    "LocalOnly",
    "Network",
    "Sessions",
    "choose_access",
    "is_loopback",
    "read_networks",
    "safe_next",
    "sessions_of",
]

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

COOKIE = "apl_session"
ANYBODY = Viewer(name="", role="reader", standing="reader")
"""Who comes without account: reads what is public."""

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip", "via")
"""Headers that show that a proxy passed the request on."""


class Sessions:
    """Sessions in cookies: the cookie holds a random word, signed, which only the accounts' file knows to be one."""

    def __init__(self, accounts: Accounts) -> None:
        self.accounts = accounts
        self._signer = Signer(accounts.secret(), salt="session")

    def read(self, connection: HTTPConnection) -> str | None:
        """The session that a request names, whether it still lasts or not."""
        try:
            return self._signer.unsign(connection.cookies.get(_cookie(connection), "").encode()).decode("ascii")
        except (BadSignature, UnicodeError):
            return None

    def begin(self, request: Request, response: Response, session: str) -> None:
        """Hand a new session to the browser."""
        response.set_cookie(
            _cookie(request),
            self._signer.sign(session).decode("ascii"),
            httponly=True,
            samesite="lax",
            secure=_is_secure(request),
            path="/",
        )

    def end(self, request: Request, response: Response) -> None:
        """Take it from the browser."""
        response.delete_cookie(_cookie(request), httponly=True, samesite="lax", secure=_is_secure(request), path="/")


class AccountViewer:
    """Middleware for an archive with accounts: the viewer is whoever the token or the session of a request stands for,
    and anybody without one. A token that does not hold is answered with 401, never taken for nobody's. Whoever asks
    from one of the networks `onsite`, those of the reading room, sees what may be read there, too. With `behind_proxy`
    the server takes the address from a proxy that it trusts; without, a request that a proxy passed on comes from
    nobody knows where, and not from the reading room.

    Sets `request.state.viewer`, `request.state.sessions`, and `request.state.came_by`: "token", "session" or "nothing".
    """

    def __init__(
        self, app: ASGIApp, *, accounts: Accounts, onsite: Sequence[Network] = (), behind_proxy: bool = False
    ) -> None:
        self._app = app
        self._sessions = Sessions(accounts)
        self._onsite = tuple(onsite)
        self._behind_proxy = behind_proxy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Find the viewer and pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        connection = HTTPConnection(scope)
        state = scope.setdefault("state", {})
        state["sessions"] = self._sessions
        try:
            found = await run_in_threadpool(self._find, connection)
        except ArchivePipelineError as error:
            await problem_of(error)(scope, receive, send)
            return
        if found is None:
            await problem(401, "Dieses Token gilt nicht (mehr)", code="invalid_token")(scope, receive, send)
            return
        viewer, state["came_by"] = found
        is_onsite = viewer.standing != "archivist" and self._is_onsite(connection)
        state["viewer"] = replace(viewer, standing="onsite") if is_onsite else viewer
        await self._app(scope, receive, send)

    def _is_onsite(self, connection: HTTPConnection) -> bool:
        """Whether a request comes from the reading room."""
        if not self._onsite or connection.client is None:
            return False
        if not self._behind_proxy and any(name in connection.headers for name in FORWARDED):
            return False
        try:
            address = ipaddress.ip_address(connection.client.host)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._onsite)

    def _find(self, connection: HTTPConnection) -> tuple[Viewer, str] | None:
        """Who asks, and how that is known; None for a token that does not hold."""
        scheme, _, credentials = connection.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            known = self._sessions.accounts.bearer(credentials.strip())
            return (_viewer(*known), "token") if known else None
        session = self._sessions.read(connection)
        account = self._sessions.accounts.account_of(session) if session else None
        return (_viewer(account.name, account.role), "session") if account else (ANYBODY, "nothing")


class LocalOnly(LocalViewer):
    """`LocalViewer` that refuses what a proxy passed on: then it is not only this machine that asks."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if any(name in headers for name in FORWARDED):
                refusal = PlainTextResponse(
                    "Dieser Server läuft ohne Anmeldung und antwortet nur diesem Rechner, keinem Proxy.\n"
                    "Hinter einem Proxy: archive-pipeline serve --login --forwarded-allow-ips ADRESSE\n",
                    status_code=403,
                )
                await refusal(scope, receive, send)
                return
        await super().__call__(scope, receive, send)


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a server knows who asks: the middleware for it, the secret for forms, and whether people log in."""

    viewers: Callable[[ASGIApp], ASGIApp]
    secret: str | None
    has_login: bool


def choose_access(
    workspace: Workspace, host: str, *, login: bool = False, onsite: Sequence[Network] = (), trusted: str = ""
) -> Access:
    """Without login only for this machine: on a loopback address, unless `login` asks for it (as whoever puts a proxy
    before it does). `onsite` are the networks of the reading room, `trusted` the proxies that name who asks. Raises
    ConfigError where a login is needed and there is no account, and for a reading room into which any proxy could put
    anybody."""
    if onsite and _trusts_any(trusted):
        raise ConfigError(
            "Mit --onsite darf nicht jeder Proxy sagen, wer fragt: jeder käme in den Lesesaal",
            hint="--forwarded-allow-ips mit der Adresse des Proxys allein",
        )
    if is_loopback(host) and not login:
        return Access(viewers=LocalOnly, secret=None, has_login=False)
    accounts = Accounts(accounts_file(workspace.data))
    if not accounts.exist():
        where = f"Die Adresse {host} ist nicht nur für diesen Rechner" if not is_loopback(host) else "Mit Anmeldung"
        raise ConfigError(
            f"{where}, und es gibt noch kein Konto",
            hint="archive-pipeline users add NAME --role admin legt eines an",
        )
    viewers = partial(AccountViewer, accounts=accounts, onsite=onsite, behind_proxy=bool(trusted))
    return Access(viewers=viewers, secret=accounts.secret(), has_login=True)


def _trusts_any(trusted: str) -> bool:
    """Whether everybody counts as a proxy: `*`, or a network that holds every address."""
    names = [one.strip() for one in trusted.split(",")]
    return "*" in names or any(name.endswith("/0") for name in names)


def read_networks(text: str) -> tuple[Network, ...]:
    """Networks as they are typed, with commas: `192.0.2.0/24,2001:db8::/32`. Raises ConfigError."""
    try:
        return tuple(ipaddress.ip_network(one.strip()) for one in text.split(",") if one.strip())
    except ValueError as error:
        raise ConfigError(
            f"{text!r} nennt keine Netze: {error}", hint="etwa --onsite 192.0.2.0/24,2001:db8:1::/48"
        ) from error


def is_loopback(host: str) -> bool:
    """Whether an address to listen on is this machine's alone. Names other than localhost are not trusted to be."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def sessions_of(request: Request) -> Sessions | None:
    """The sessions of this server, None where nobody logs in."""
    return cast(Sessions | None, getattr(request.state, "sessions", None))


def safe_next(text: str) -> str:
    """Where to go after the login: a path of this server, below its root; anything else is its start page.

    A browser reads `//host`, `/\\host` and, leaving out tabs and line ends, `/\\t/host` as another server."""
    is_path = text.startswith("/") and not text.startswith("//") and "\\" not in text
    return text if is_path and all(" " < sign != "\x7f" for sign in text) and len(text) <= 2000 else "/"


def _viewer(name: str, role: AccountRole) -> Viewer:
    standing: Standing = "login" if role == "reader" else "archivist"
    return Viewer(name=name, role=role, standing=standing)


def _is_secure(connection: HTTPConnection) -> bool:
    return connection.url.scheme in ("https", "wss")


def _cookie(connection: HTTPConnection) -> str:
    """Over HTTPS under a name that browsers take from this very host alone."""
    return f"__Host-{COOKIE}" if _is_secure(connection) else COOKIE
