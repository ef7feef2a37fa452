"""Web sites of our own making on loopback, under names that only this test knows, and a look at them."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpcore2
import pytest

from archive_pipeline.discovering.session import Session, open_session
from archive_pipeline.discovering.survey import MAX_REQUESTS, Survey, survey
from archive_pipeline.discovering.trying import Leave
from archive_pipeline.fetch import HttpClient
from archive_pipeline.plugin_manager import PluginManager, load_plugins

TODAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 20, 8, tzinfo=UTC)
PUBLIC = "93.184.216.34"
HTML = "text/html; charset=utf-8"

PARAGRAPH = (
    "Die Kreisverwaltung hat am Montag mitgeteilt, dass die Arbeiten im kommenden Frühjahr beginnen. „Wir haben lange "
    "darauf gewartet und freuen uns, dass es nun losgeht“, sagte die Landrätin bei der Vorstellung der Pläne. Bis zum "
    "Sommer sollen alle Abschnitte fertig sein, danach folgen die Ausstattung und die Abnahme durch die Fachleute."
)


@dataclass(frozen=True)
class Answer:
    """What the server sends for one address."""

    body: bytes
    media_type: str = HTML
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: "Server"

    def do_GET(self) -> None:
        host = (self.headers["Host"] or "").partition(":")[0]
        place = f"{host}{self.path}"
        self.server.web.asked.append(place)
        known = self.server.web.answers
        answer = known.get(place) or known.get(f"{host}/*") or Answer(b"<h1>Nicht gefunden</h1>", status=404)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.media_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    web: "Web"


@dataclass
class Web(httpcore2.SyncBackend):
    """The sites, by host and path, and what was asked of them. Every name leads to a public address, so that the
    address guard is at work, and from there to loopback; there is no TLS, so nobody answers on port 443."""

    port: int = 0
    answers: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=dict)

    def resolve(self, host: str, port: int) -> list[str]:
        return self.names.get(host, [PUBLIC])

    def connect_tcp(self, host: str, port: int, *args: object, **more: object) -> httpcore2.NetworkStream:
        if port == 443:
            raise httpcore2.ConnectError("nobody there")
        return super().connect_tcp("127.0.0.1", self.port, *args, **more)  # type: ignore[arg-type]

    def put(self, place: str, body: str | bytes, media_type: str = HTML, status: int = 200, **headers: str) -> None:
        """An answer at `host/path`; `x_robots_tag="noai"` is a header."""
        content = body.encode() if isinstance(body, str) else body
        fields = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        self.answers[place] = Answer(content, media_type, status, fields)

    def put_json(self, place: str, data: object, **headers: str) -> None:
        self.put(place, json.dumps(data), "application/json", **headers)

    def releases(self, host: str, folder: str, count: int = 8) -> list["Release"]:
        """That many release pages below a folder, the newest first."""
        found = [Release(host, f"{folder}meldung-{n}.html", n) for n in range(1, count + 1)]
        for release in found:
            self.put(f"{host}{release.path}", release.page())
        return found


@dataclass(frozen=True)
class Release:
    host: str
    path: str
    number: int

    @property
    def url(self) -> str:
        return f"http://{self.host}{self.path}"

    @property
    def day(self) -> date:
        return TODAY - timedelta(days=4 * self.number)

    @property
    def title(self) -> str:
        return f"Kreis baut Radweg Nummer {self.number} zwischen Adorf und Bedorf"

    def page(self) -> str:
        text = "".join(f"<p>{PARAGRAPH}</p>" for _ in range(3))
        return html(f"<h1>{self.title}</h1><p class='datum'>{self.day:%d.%m.%Y}</p>{text}", title=self.title)


def html(body: str, *, head: str = "", title: str = "Kreis Muster") -> str:
    name = "<meta property='og:site_name' content='Kreis Muster'>"
    return (
        f"<!DOCTYPE html><html lang='de'><head><meta charset='utf-8'><title>{title}</title>{name}{head}</head>"
        f"<body><header><nav><a href='/'>Start</a> <a href='/kontakt'>Kontakt</a></nav></header><main>{body}</main>"
        "<footer><a href='/impressum'>Impressum</a></footer></body></html>"
    )


def list_of(releases: list[Release]) -> str:
    entries = "".join(
        f"<li class='meldung'><span class='datum'>{r.day:%d.%m.%Y}</span> <a href='{r.path}'>{r.title}</a></li>"
        for r in releases
    )
    return f"<ul class='meldungen'>{entries}</ul>"


def rss(releases: list[Release], title: str = "Pressemitteilungen") -> str:
    items = "".join(
        f"<item><title>{r.title}</title><link>{r.url}</link><pubDate>{r.day:%a, %d %b %Y} 08:00:00 +0100</pubDate>"
        f"<guid>{r.url}</guid></item>"
        for r in releases
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>{title}</title>{items}</channel></rss>'


class Markup:
    """What pages and feeds are made of, for tests to reach through a fixture."""

    today = TODAY
    html = staticmethod(html)
    list_of = staticmethod(list_of)
    rss = staticmethod(rss)


@pytest.fixture
def markup() -> type[Markup]:
    return Markup


@contextmanager
def serving() -> Iterator[Web]:
    server = Server(("127.0.0.1", 0), Handler)
    server.web = Web(port=server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.web
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as started:
        yield started


@pytest.fixture(scope="session")
def plugins() -> PluginManager:
    return load_plugins(None, {})


@pytest.fixture
def session(web: Web) -> Iterator[Session]:
    client = HttpClient(
        version="0",
        contact="mailto:x@example.org",
        clock=lambda: NOW,
        interval=0,
        sleep=lambda seconds: None,
        resolve=web.resolve,
        network=web,
    )
    with open_session(client, max_requests=MAX_REQUESTS, seconds=60) as opened:
        yield opened
    client.close()


Look = Callable[..., Survey]


@pytest.fixture
def look(session: Session, plugins: PluginManager) -> Look:
    """A look at a site, as the command takes it."""

    def at(url: str, *, fetcher: str | None = None, **leave: object) -> Survey:
        return survey(
            url,
            session,
            plugins,
            today=TODAY,
            fetcher=fetcher,
            leave=Leave(**leave),  # type: ignore[arg-type]
        )

    return at


@pytest.fixture
def archive_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "archiv"
    folder.mkdir()
    (folder / "sources.toml").write_text("# Kopf\n[archive]\nrequest_interval = 0\n# Ende\n", encoding="utf-8")
    return folder
