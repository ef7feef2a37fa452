"""Serving the pages: a server for people, or one answer for scripts."""

import asyncio
import signal
import socket
from dataclasses import dataclass
from types import FrameType
from typing import cast
from urllib.parse import quote, unquote, urlsplit

import uvicorn
from starlette.types import ASGIApp, Message, Scope

from archive_pipeline.errors import ConfigError
from archive_pipeline.web.access import Access, choose_access, read_networks
from archive_pipeline.web.app import LOCAL_HOSTS, create_app
from archive_pipeline.workspace import Workspace, open_workspace

__all__ = ["Answer", "answer", "choose_access", "listen", "open_workspace", "read_networks", "serve"]

PATIENCE = 10
"""Seconds that open requests get when the server is told to stop."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the pages answer to one request."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections from now on; `port` 0 takes any. Raises ConfigError for an address that can't be
    had. Who may ask there is `choose_access`'s to say."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=256)
    except OSError as error:
        raise ConfigError(
            f"Auf {host}, Anschluss {port} lässt sich nicht lauschen: {error.strerror}",
            hint="einen anderen Anschluss nennen: archive-pipeline serve --port 8002",
        ) from error


def serve(
    workspace: Workspace,
    listener: socket.socket,
    access: Access,
    *,
    root_path: str = "",
    hosts: tuple[str, ...] = (),
    trusted: str = "",
) -> None:
    """Answer until SIGTERM or Ctrl-C, then let open requests end. `root_path` is the part of the address that a proxy
    in front takes away, `hosts` the names it passes on, `trusted` the addresses (with commas) of proxies whose word on
    who asks, and whether by HTTPS, is taken."""
    app = create_app(workspace, hosts=(*LOCAL_HOSTS, *hosts), viewers=access.viewers, secret=access.secret)
    config = uvicorn.Config(
        app,
        root_path=root_path,
        proxy_headers=bool(trusted),
        forwarded_allow_ips=trusted,
        log_level="warning",
        server_header=False,
        lifespan="off",
        timeout_graceful_shutdown=PATIENCE,
    )
    # uvicorn sends the signal once more when it has ended: by then it has done its work
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _ended)
    uvicorn.Server(config).run(sockets=[listener])


def _ended(number: int, frame: FrameType | None) -> None:
    """Nothing is left to do."""


def answer(workspace: Workspace, address: str, *, root_path: str = "") -> Answer:
    """What the pages answer to GET, without a server. The HTTP status says how it went."""
    return asyncio.run(_ask(create_app(workspace), address, root_path))


async def _ask(app: ASGIApp, address: str, root_path: str) -> Answer:
    parts = urlsplit(address)
    path = unquote(parts.path) or "/"
    scope: Scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": root_path + path,
        "raw_path": quote(root_path + path).encode(),
        "query_string": quote(parts.query, safe="%&=+:/?@,;~-._()*!$'").encode(),
        "root_path": root_path,
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 0),
        "server": ("127.0.0.1", 80),
    }
    told: list[Message] = []
    is_asked = False

    async def receive() -> Message:
        nonlocal is_asked
        if is_asked:  # nobody hangs up
            await asyncio.Event().wait()
        is_asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        told.append(message)

    await app(scope, receive, send)
    start = next(one for one in told if one["type"] == "http.response.start")
    headers = cast(list[tuple[bytes, bytes]], start["headers"])
    return Answer(
        status=start["status"],
        headers=tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers),
        body=b"".join(one.get("body", b"") for one in told if one["type"] == "http.response.body"),
    )
