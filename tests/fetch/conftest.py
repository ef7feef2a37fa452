"""A small web on loopback for the tests of fetching: real sockets, many host names, no name server.

Host names resolve to public addresses, so that the address guard is at work; the network below it leads every public
address to one server on loopback, which tells the hosts apart by their Host header.
"""

import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Container, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpcore2
import pytest
from warcio.checker import Checker

from archive_pipeline.fetch import HttpClient, Robots, SourceContext, Timeouts
from archive_pipeline.fetch.transport import Resolver
from archive_pipeline.model import Capture, Source
from archive_pipeline.model import Request as Logged
from archive_pipeline.warc import Previous, StoredCapture, WarcStore

NOW = datetime(2026, 11, 20, 8, 0, 0, tzinfo=UTC)
PUBLIC = "93.184.216.34"
RULES = ("/robots.txt", "/.well-known/tdmrep.json")


class Handler(BaseHTTPRequestHandler):
    """Answers from `Web.pages`; an entry is a callable that gets the handler and writes whatever it likes."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body that is written after its head is not to wait for an acknowledgement
    server: "Server"

    def do_GET(self) -> None:
        host = (self.headers["Host"] or "").partition(":")[0]
        self.server.web.requests.append(Request(host, self.path, dict(self.headers)))
        page = self.server.web.pages.get(host + self.path)
        (page or page_of(b"nicht da", status=404))(self)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # many threads connect at once
    web: "Web"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


Page = Callable[[Handler], None]


def page_of(body: bytes, status: int = 200, **fields: str) -> Page:
    def answer(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in ({"content_length": str(len(body))} | fields).items():
            handler.send_header(name.replace("_", "-").title(), value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def chunked_page(*parts: bytes, end: bool = True) -> Page:
    def answer(handler: Handler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for part in parts:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        if end:
            handler.wfile.write(b"0\r\n\r\n")
        else:
            handler.close_connection = True

    return answer


@dataclass(frozen=True)
class Request:
    host: str
    path: str
    headers: dict[str, str]


@dataclass
class Web(httpcore2.SyncBackend):
    """The pages, the requests that came, the names there are, and the addresses that were connected to."""

    port: int = 0
    pages: dict[str, Page] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    names: dict[str, list[str]] = field(default_factory=dict)
    connected: list[str] = field(default_factory=list)
    server_names: list[str | None] = field(default_factory=list)

    def resolve(self, host: str, port: int) -> list[str]:
        return self.names.get(host, [PUBLIC])

    def connect_tcp(self, host: str, port: int, *args: object, **more: object) -> httpcore2.NetworkStream:
        self.connected.append(host)
        return super().connect_tcp("127.0.0.1", self.port, *args, **more)  # type: ignore[arg-type]

    def page(self, place: str, body: bytes = b"", status: int = 200, **fields: str) -> None:
        """Put a page at `host/path`; `content_type="text/html"` is the field Content-Type."""
        self.pages[place] = page_of(body, status, **fields)

    answer = staticmethod(page_of)
    chunked = staticmethod(chunked_page)

    def in_turn(self, place: str, *pages: Page) -> None:
        """Put pages at `host/path` that answer one after the other, the last one for good."""
        rest = list(pages)

        def answer(handler: Handler) -> None:
            page = rest.pop(0) if len(rest) > 1 else rest[0]
            page(handler)

        self.pages[place] = answer

    def honest(self, place: str, body: bytes, etag: str, **fields: str) -> None:
        """Put a page at `host/path` whose ETag and 304 can be trusted."""

        def answer(handler: Handler) -> None:
            same = handler.headers.get("If-None-Match") == etag
            page_of(b"" if same else body, 304 if same else 200, etag=etag, **fields)(handler)

        self.pages[place] = answer

    def paths(self) -> list[str]:
        """What was asked for, robots.txt and tdmrep.json left out."""
        return [request.path for request in self.requests if request.path not in RULES]


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Web]:
    server = Server(("127.0.0.1", 0), Handler)
    server.web = Web(port=server.server_address[1])
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
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


@pytest.fixture
def serve() -> Callable[[ssl.SSLContext], AbstractContextManager[Web]]:
    """Another web, with the certificate one likes."""
    return serving


@pytest.fixture
def tls_web(tmp_path: Path) -> Iterator[Web]:
    """The same over TLS, with a certificate for amt.example that lies in `certificate.pem` and nobody signed."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl fehlt: kein Zertifikat für den Testserver")
    certificate, key = str(tmp_path / "certificate.pem"), str(tmp_path / "key.pem")
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=amt.example"
    names = ["-addext", "subjectAltName=DNS:amt.example"]
    subprocess.run([*make.split(), *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    asked: list[str | None] = []
    tls.sni_callback = lambda connection, name, context: asked.append(name)
    with serving(tls) as started:
        started.server_names = asked
        yield started


@dataclass
class Archive:
    """A WARC store, the client and robots rules of one run, and what was stored and logged through contexts. `moment`
    is what its clock shows; `known`, `since` and `bookmark` are for the history of every source."""

    folder: Path
    store: WarcStore
    client: HttpClient
    robots: Robots
    sleeps: list[float]
    stored: list[StoredCapture] = field(default_factory=list)
    log: list[Logged] = field(default_factory=list)
    moment: datetime = NOW
    known: set[str] = field(default_factory=set)
    since: date | None = None
    bookmark: str | None = None

    def next_run(self, later: timedelta = timedelta(days=1)) -> None:
        """Time goes on; what a run remembers is forgotten, what was stored is not."""
        self.moment += later
        self.robots = Robots("archive_pipeline")

    def context(self, source: Source | None = None, *, max_bytes: int = 100_000) -> SourceContext:
        return SourceContext(
            source or Source(id="amt", url="http://amt.example/feed"),
            fetcher="feed",
            client=self.client,
            robots=self.robots,
            store=self.store,
            base=self.folder,
            max_bytes=max_bytes,
            history=SourceHistory(self, (source or Source(id="amt")).id),
            stored=self.stored.append,
            logged=self.log.append,
        )

    def captures(self, target: str) -> list[Capture]:
        """Everything stored of an address, newest first."""
        return [stored.capture for stored in reversed(self.stored) if stored.capture.target == target]

    def outcomes(self) -> list[tuple[str, str]]:
        """Path and outcome of each logged request, robots.txt and tdmrep.json left out."""
        lines = [(urlsplit(request.url).path, request.outcome) for request in self.log]
        return [(path, outcome) for path, outcome in lines if path not in RULES]

    def assert_sound(self) -> None:
        """Whatever happened, the WARC files satisfy warcio."""
        self.store.close()
        files = [str(path) for path in (self.folder / "data").glob("warc/*/*/*.gz")]
        assert Checker(SimpleNamespace(inputs=files, verbose=False)).process_all() == 0

    def kinds(self) -> list[tuple[str, int | None, str | None]]:
        """Kind, status and revisit profile of everything stored, robots.txt and tdmrep.json left out."""
        found = (stored for stored in self.stored if not stored.capture.target.endswith(RULES))
        return [(stored.capture.kind, stored.capture.status, stored.revisit) for stored in found]


@dataclass
class SourceHistory:
    """What a database would know of one source from the captures."""

    archive: Archive
    source_id: str

    @property
    def since(self) -> date | None:
        return self.archive.since

    @property
    def bookmark(self) -> str | None:
        return self.archive.bookmark

    def is_known(self, key: str) -> bool:
        return key in self.archive.known

    def last_answer(self, target: str) -> Previous | None:
        found = [one for one in self.archive.captures(target) if one.kind == "discovery" and one.complete]
        return previous_of(found[0]) if found else None

    def last_stored(self, target: str) -> Previous | None:
        """The last 200 of an address, complete or not: what a careless database might give for `previous`."""
        found = [one for one in self.archive.captures(target) if one.status == 200]
        return previous_of(found[0]) if found else None

    def previous(self, target: str) -> Previous | None:
        captures = [one for one in self.archive.captures(target) if one.source_id == self.source_id]
        whole = [one for one in captures if one.complete and one.status in (None, 200)]
        caught = any(one.status == 304 and not one.complete for one in captures)
        lying = {
            name
            for name in ("etag", "last-modified")
            for one in whole
            for other in whole
            if one.sha256 != other.sha256 and field_of(one, name) and field_of(one, name) == field_of(other, name)
        }
        trusted = {"etag", "last-modified"} - ({"etag", "last-modified"} if caught else lying)
        return previous_of(whole[0], trusted) if whole else None


def previous_of(capture: Capture, trusted: Container[str] = ("etag", "last-modified")) -> Previous:
    return Previous(
        record_id=capture.record_id,
        captured_at=capture.captured_at,
        sha256=capture.sha256,
        warc_file=capture.warc_file,
        warc_offset=capture.warc_offset,
        kind=capture.kind,
        etag=field_of(capture, "etag") if "etag" in trusted else None,
        last_modified=field_of(capture, "last-modified") if "last-modified" in trusted else None,
    )


def field_of(capture: Capture, name: str) -> str | None:
    return {key.lower(): value for key, value in capture.headers}.get(name)


MakeArchive = Callable[..., Archive]


@pytest.fixture
def make_archive(web: Web, tmp_path: Path) -> Iterator[MakeArchive]:
    with ExitStack() as stack:

        def make(
            *,
            interval: float = 0,
            timeouts: Timeouts | None = None,
            resolve: Resolver = web.resolve,
            network: Web | None = web,
            **settings: Any,
        ) -> Archive:
            store = WarcStore(tmp_path / "data", software="test", operator="test", clock=lambda: archive.moment)
            sleeps: list[float] = []
            client = HttpClient(
                version="0.1.0",
                contact="mailto:archiv@example.org",
                clock=lambda: archive.moment,
                interval=interval,
                timeouts=timeouts,
                resolve=resolve,
                network=network,
                **{"sleep": sleeps.append, **settings},
            )
            stack.callback(store.close)
            stack.callback(client.close)
            archive = Archive(tmp_path, store, client, Robots("archive_pipeline"), sleeps)
            stack.callback(archive.assert_sound)
            return archive

        yield make


@pytest.fixture
def archive(make_archive: MakeArchive) -> Archive:
    return make_archive()
