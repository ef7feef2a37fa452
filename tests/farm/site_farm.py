"""A farm of web sites on loopback: real sockets, more than forty host names, every habit and vice of real servers.

Names resolve to public addresses of the farm's own making, so the address guard is at work; the network below leads
each of them to one server (or its twin with TLS), which tells the hosts apart by their Host header and keeps a log.
"""

import contextlib
import gzip
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpcore2

NOUNS = ("Jugendzentrum", "Radweg", "Stadtbücherei", "Feuerwehrhaus", "Hallenbad", "Wochenmarkt", "Museum", "Klärwerk")
PLACES = ("Soest", "Lippstadt", "Detmold", "Lemgo", "Erkelenz", "Heinsberg", "Werl", "Oerlinghausen")
PERSONS = ("Landrätin Eva Lammers", "Bürgermeister Jens Ohlhoff", "Dezernent Uwe Brandt", "Baurätin Ida Kessel")


def release_text(host: str, number: int) -> tuple[str, list[str]]:
    """An invented press release: title and paragraphs, different for every host and number."""
    seed = sum(map(ord, host)) + number * 7
    noun, place, person = NOUNS[seed % 8], PLACES[(seed // 3) % 8], PERSONS[(seed // 5) % 4]
    cost = f"{seed * 37 % 900 + 100}.000 Euro"
    name = host.partition(".")[0]
    title = f"{place}: {noun} {number} von {name} eröffnet"
    return title, [
        f"{place}. Nach {seed % 14 + 3} Monaten Bauzeit ist das Vorhaben {noun} in {place} abgeschlossen. Das teilte "
        f"die Pressestelle {name} mit. Die Kosten für Abschnitt {number} belaufen sich auf {cost}.",
        f"„Mit diesem Schritt lösen wir ein, was wir den Menschen in {place} zugesagt haben“, sagte {person} bei der "
        f"Übergabe. Die Arbeiten seien im Zeitplan geblieben, obwohl der Winter lang war.",
        f"Beteiligt waren {seed % 9 + 2} Betriebe aus der Region. Für die Außenanlagen werden bis zum Sommer noch "
        f"{seed % 40 + 10} Bäume gepflanzt. Der Förderverein hat dafür Spenden gesammelt und Patenschaften vergeben.",
        f"Ein Tag der offenen Tür ist für das kommende Wochenende geplant. Führungen beginnen zu jeder vollen Stunde; "
        f"eine Anmeldung ist nicht nötig. Parkplätze stehen am Rathaus von {place} bereit.",
    ]


def release_page(host: str, number: int, day: date, *, links: str = "", addition: str = "") -> bytes:
    """The page of a release that was published on `day`."""
    title, paragraphs = release_text(host, number)
    body = "".join(f"<p>{paragraph}</p>" for paragraph in [*paragraphs, *([addition] if addition else [])])
    return (
        f'<!DOCTYPE html><html lang="de"><head><meta charset="utf-8"><title>{title} | {host}</title>'
        f'<meta property="article:published_time" content="{day}T09:00:00+01:00"></head><body>'
        f'<nav><a href="/">Start</a> <a href="/presse">Presse</a></nav><main><article><h1>{title}</h1>{body}{links}'
        f"</article></main><footer>Impressum</footer></body></html>"
    ).encode()


class Handler(BaseHTTPRequestHandler):
    """Asks the host that is meant for its answer."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # a body that is written after its head is not to wait for an acknowledgement
    server: "Server"

    def setup(self) -> None:
        super().setup()
        self.server.open_sockets.add(self.connection)

    def finish(self) -> None:
        self.server.open_sockets.discard(self.connection)
        with contextlib.suppress(OSError):
            super().finish()

    def do_GET(self) -> None:
        farm = self.server.farm
        name = (self.headers["Host"] or "").partition(":")[0]
        visit = farm.begin(name, self.path)
        host = farm.hosts.get(name)
        answer = host.answer(self.path, dict(self.headers)) if host else Answer(status=404)
        if not callable(answer):
            time.sleep(answer.delay)
            visit.status, visit.bytes = answer.status, len(answer.body)
        # before the last byte is out: a thread of this server may be late to note that the client has it
        farm.end(visit)
        if callable(answer):
            answer(self)
        else:
            self.reply(answer)

    def reply(self, answer: "Answer") -> None:
        self.send_response(answer.status)
        for field_name, value in ({"Content-Length": str(len(answer.body))} | answer.fields).items():
            self.send_header(field_name, value)
        self.end_headers()
        if answer.status != 304:
            self.wfile.write(answer.body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    farm: "Farm"
    open_sockets: set[socket.socket]

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


@dataclass
class Answer:
    body: bytes = b""
    status: int = 200
    fields: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0


Behaviour = Answer | Callable[[Handler], None]


@dataclass
class Visit:
    """One request as the server saw it; times of the monotonic clock."""

    host: str
    path: str
    began: float
    ended: float = 0.0
    status: int = 0
    bytes: int = 0


class Host:
    """One site: pages by path, with validators. `special` answers instead of the page, and may count its calls."""

    first_day = date(2026, 2, 1)
    """The day on which its first release was published; one follows each day."""

    def __init__(self, name: str, robots: str = "", *, validators: bool = True, delay: float = 0.0) -> None:
        self.name = name
        self.pages: dict[str, Answer] = {}
        self.special: dict[str, Callable[[int], Behaviour]] = {}
        self.days: dict[str, date] = {}
        self.calls: Counter[str] = Counter()
        self.validators = validators
        self.delay = delay
        self.page("/robots.txt", robots.encode(), "text/plain")

    def page(self, path: str, body: bytes, media_type: str = "text/html; charset=utf-8", **fields: str) -> None:
        more = {name.replace("_", "-").title(): value for name, value in fields.items()}
        self.pages[path] = Answer(body, fields={"Content-Type": media_type} | more, delay=self.delay)

    def release(self, number: int, path: str | None = None, **options: str) -> str:
        """Put a release there; its path."""
        path = path or f"/presse/meldung-{number}.html"
        self.days[path] = self.first_day + timedelta(days=number)
        self.page(path, release_page(self.name, number, self.days[path], **options))
        return path

    def answer(self, path: str, headers: dict[str, str]) -> Behaviour:
        self.calls[path] += 1
        if path in self.special:
            return self.special[path](self.calls[path])
        page = self.pages.get(path)
        if page is None:
            return Answer(b"nicht gefunden", 404, {"Content-Type": "text/plain"})
        if not self.validators or page.status != 200:
            return page
        etag = page.fields.get("Etag", f'"{hash(page.body) & 0xFFFFFFFF:x}"')
        if headers.get("If-None-Match") == etag:
            return Answer(status=304, fields={"ETag": etag})
        return Answer(page.body, fields=page.fields | {"ETag": etag}, delay=page.delay)


class Farm(httpcore2.SyncBackend):
    """The hosts, the names, and what was asked of them."""

    def __init__(self, ports: dict[int, int] | None = None) -> None:
        self.hosts: dict[str, Host] = {}
        self.ports: dict[int, int] = ports or {}
        self.names: dict[str, Callable[[int], list[str]]] = {}
        self.asked: Counter[str] = Counter()
        self.connected: list[str] = []
        self.visits: list[Visit] = []
        self.most_at_once: Counter[str] = Counter()
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    def host(self, name: str, robots: str = "", **options: float | bool) -> Host:
        self.hosts[name] = Host(name, robots, **options)  # type: ignore[arg-type]
        return self.hosts[name]

    def resolve(self, host: str, port: int) -> list[str]:
        """A public address for every host, unless `names` says otherwise."""
        with self._lock:
            self.asked[host] += 1
            number = self.asked[host]
        if host in self.names:
            return self.names[host](number)
        spread = sum(map(ord, host)) % 250 + 1
        return [f"93.184.{spread}.{len(host)}"]

    def connect_tcp(self, host: str, port: int, *args: object, **more: object) -> httpcore2.NetworkStream:
        self.connected.append(host)
        return super().connect_tcp("127.0.0.1", self.ports[port], *args, **more)  # type: ignore[arg-type]

    def begin(self, host: str, path: str) -> Visit:
        with self._lock:
            visit = Visit(host, path, time.monotonic())
            self.visits.append(visit)
            self._running[host] += 1
            self.most_at_once[host] = max(self.most_at_once[host], self._running[host])
        return visit

    def end(self, visit: Visit) -> None:
        with self._lock:
            visit.ended = time.monotonic()
            self._running[visit.host] -= 1

    def by_host(self) -> dict[str, list[Visit]]:
        found: dict[str, list[Visit]] = defaultdict(list)
        for visit in self.visits:
            found[visit.host].append(visit)
        return found

    def times(self, host: str, path: str) -> int:
        """How often a page was asked for."""
        return sum(visit.host == host and visit.path == path for visit in self.visits)

    def forget(self) -> None:
        """Begin a new log."""
        with self._lock:
            self.visits.clear()
            self.most_at_once.clear()


@contextlib.contextmanager
def serving(farm: Farm, folder: Path) -> Iterator[Farm]:
    """The farm's servers, plain on port 80 and with a certificate that nobody signed on 443."""
    with contextlib.ExitStack() as stack:
        for port in (80, 443):
            server = Server(("127.0.0.1", 0), Handler)
            server.farm, server.open_sockets = farm, set()
            farm.ports[port] = server.server_address[1]
            if port == 443 and (context := _tls(folder)) is not None:
                server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
            thread.start()
            stack.callback(_close, server, thread)
        yield farm


def _close(server: Server, thread: threading.Thread) -> None:
    server.shutdown()
    for connection in list(server.open_sockets):
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
    server.server_close()
    thread.join()


def _tls(folder: Path) -> ssl.SSLContext | None:
    if shutil.which("openssl") is None:
        return None  # a server without TLS on port 443 is broken TLS as well
    certificate, key = str(folder / "certificate.pem"), str(folder / "key.pem")
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=anders.example"
    subprocess.run([*make.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def rss(host: Host, paths: list[str], *, scheme: str = "http") -> bytes:
    """An RSS 2 feed of pages."""
    entries = "".join(
        f"<item><title>{release_text(host.name, number)[0]}</title><link>{scheme}://{host.name}{path}</link>"
        f"<guid>{scheme}://{host.name}{path}</guid>"
        f"<pubDate>{host.days.get(path, host.first_day):%d %b %Y} 09:00:00 +0100</pubDate></item>"
        for number, path in enumerate(paths)
    )
    head = '<?xml version="1.0" encoding="utf-8"?><rss version="2.0"><channel><title>Presse</title>'
    return f"{head}{entries}</channel></rss>".encode()


def atom(host: Host, paths: list[str]) -> bytes:
    entries = "".join(
        f'<entry><title>Meldung</title><id>tag:{host.name},2026:{path}</id><link href="{path}"/>'
        f"<updated>2026-02-{number % 27 + 1:02}T09:00:00Z</updated></entry>"
        for number, path in enumerate(paths)
    )
    return f'<feed xmlns="http://www.w3.org/2005/Atom"><title>Presse</title>{entries}</feed>'.encode()


def json_feed(host: Host, paths: list[str]) -> bytes:
    items = [{"id": path, "url": f"http://{host.name}{path}", "title": "Meldung"} for path in paths]
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", "title": "Presse", "items": items}).encode()


def urlset(host: Host, paths: list[str]) -> bytes:
    urls = "".join(
        f"<url><loc>http://{host.name}{path}</loc><lastmod>2026-02-{number % 27 + 1:02}</lastmod></url>"
        for number, path in enumerate(paths)
    )
    return f'<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{urls}</urlset>'.encode()


def sitemap_index(host: Host, paths: list[str]) -> bytes:
    maps = "".join(f"<sitemap><loc>http://{host.name}{path}</loc></sitemap>" for path in paths)
    return f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{maps}</sitemapindex>'.encode()


def listing(host: Host, paths: list[str], *, following: str = "") -> bytes:
    entries = "".join(
        f'<li class="meldung"><a href="{path}">{release_text(host.name, number)[0]}</a></li>'
        for number, path in enumerate(paths)
    )
    more = f'<a class="weiter" href="{following}">weiter</a>' if following else ""
    return f"<!DOCTYPE html><html><body><h1>Presse</h1><ul>{entries}</ul>{more}</body></html>".encode()


def packed(body: bytes) -> bytes:
    return gzip.compress(body)
