"""How many requests a second the whole way to the WARC file takes, beside a bare thread pool of httpx2, run in turns.

    .venv/bin/python scripts/benchmark_fetching.py [ROUNDS] [SECONDS] [--plain]

A process of its own plays 16 hosts on loopback, each with its own port. Every side asks each host with one thread
over connections that are kept open, for the same pages: HTML of 10 to 60 kB, 33 kB on average, compressed as nearly all
servers do when they are asked to (with --plain they don't). The whole way is `SourceContext.get` with robots.txt,
rights reservations, address guard, a pace on disk of 0 seconds, and a WARC file that is synced at the end.

Prints the median requests per second of the bare pool, of `HttpClient` alone and of the whole way, and the median of
the ratios round by round.
"""

import argparse
import asyncio
import gzip
import multiprocessing
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

import httpx2

from archive_pipeline.fetch import HttpClient, HttpOptions, Robots, SourceContext
from archive_pipeline.fetch.history import NoHistory
from archive_pipeline.fetch.http import PRODUCT
from archive_pipeline.fetch.pace import Pace
from archive_pipeline.model import Item, Source
from archive_pipeline.warc import WarcStore

HOSTS = 16
PAGES = 50
"""Different pages; a thread that is through begins anew."""

SYLLABLES = ("ge", "ver", "an", "ung", "keit", "lich", "stadt", "kreis", "rat", "schul", "bau", "amt", "tag", "neu")


def html(number: int) -> bytes:
    """A page of 10 to 60 kB that compresses by about 5; pages of German news sites by 4 to 6 (own measurement)."""
    chance = random.Random(number)
    words = ["".join(chance.choices(SYLLABLES, k=chance.randint(1, 4))) for _ in range(600)]
    size = int(min(60_000, max(10_000, chance.lognormvariate(10.2, 0.5))))
    parts = [f"<!doctype html><html lang=de><head><title>Mitteilung {number}</title></head><body><main>"]
    length = len(parts[0])
    while length < size:
        text = " ".join(chance.choices(words, k=chance.randint(8, 40)))
        place = chance.randrange(10**6)
        parts.append(
            f'<div id="c{place}" class="frame frame-default frame-type-text frame-layout-0"><div class="ce-bodytext">'
            f'<p>{text.capitalize()}. <a href="/presse/mitteilungen/{place}" class="more internal-link">Mehr</a></p>'
            "</div></div>\n"
        )
        length += len(parts[-1])
    return "".join([*parts, "</main></body></html>"]).encode()


class Server(asyncio.Protocol):
    """Answers every GET with the page whose number is its path; other paths are not there."""

    answers: tuple[bytes, ...] = ()
    missing = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        page = data[5 : data.index(b" ", 5)]
        answer = self.answers[int(page) % len(self.answers)] if page.isdigit() else self.missing
        self.transport.write(answer)  # type: ignore[attr-defined]


def serve(ready: Connection, plain: bool) -> None:
    """Open a port for each host, tell them, and answer until the parent ends this process."""
    bodies = [html(number) if plain else gzip.compress(html(number), 6) for number in range(PAGES)]
    coding = b"" if plain else b"Content-Encoding: gzip\r\n"
    head = b'HTTP/1.1 200 OK\r\nDate: Sun, 22 Nov 2026 08:00:00 GMT\r\nServer: Apache\r\nETag: "%d"\r\n'
    rest = b"Content-Type: text/html; charset=utf-8\r\n%sContent-Length: %d\r\n\r\n%s"
    Server.answers = tuple(head % n + rest % (coding, len(body), body) for n, body in enumerate(bodies))

    async def run() -> None:
        loop = asyncio.get_running_loop()
        servers = [await loop.create_server(Server, "127.0.0.1", 0) for _ in range(HOSTS)]
        ready.send([server.sockets[0].getsockname()[1] for server in servers])
        await asyncio.gather(*(server.serve_forever() for server in servers))

    asyncio.run(run())


@contextmanager
def hosts(plain: bool) -> Iterator[list[int]]:
    """The ports of the hosts while they answer."""
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe()
    server = spawn.Process(target=serve, args=(there, plain), daemon=True)
    server.start()
    there.close()  # or a server that can't start would be waited for
    try:
        yield here.recv()
    finally:
        server.terminate()
        server.join()


def race(ask: Callable[[int, int], object], seconds: float) -> float:
    """Requests per second of one thread for each host; `ask` gets the numbers of host and page."""
    begun = time.perf_counter()

    def run(host: int) -> int:
        page = 0
        while time.perf_counter() < begun + seconds:
            ask(host, page)
            page += 1
        return page

    with ThreadPoolExecutor(HOSTS) as pool:
        count = sum(pool.map(run, range(HOSTS)))
    return count / (time.perf_counter() - begun)


def bare(ports: list[int], seconds: float) -> float:
    with httpx2.Client(trust_env=False, limits=httpx2.Limits(max_connections=None)) as client:

        def ask(host: int, page: int) -> None:
            answer = client.get(f"http://127.0.0.1:{ports[host]}/{page}")
            assert answer.status_code == 200
            assert answer.content

        return race(ask, seconds)


@contextmanager
def client_at(folder: Path) -> Iterator[HttpClient]:
    client = HttpClient(
        version="0",
        contact="mailto:archiv@example.org",
        clock=lambda: datetime.now(UTC),
        interval=0,
        pace=Pace(folder / "hosts"),
        resolve=lambda host, port: ["127.0.0.1"],
    )
    try:
        yield client
    finally:
        client.close()


def url(ports: list[int], host: int, page: int) -> str:
    return f"http://www.host{host}.example:{ports[host]}/{page}"


def client_alone(ports: list[int], seconds: float) -> float:
    with tempfile.TemporaryDirectory() as folder, client_at(Path(folder)) as client:
        headers = {"Accept-Language": "de"}

        def ask(host: int, page: int) -> None:
            client.exchange(url(ports, host, page), headers, max_bytes=10**7, interval=0, allow_private=True)

        return race(ask, seconds)


def whole_way(ports: list[int], seconds: float) -> float:
    with tempfile.TemporaryDirectory() as name, client_at(Path(name)) as client:
        folder = Path(name)
        store = WarcStore(folder, software="benchmark", operator="", clock=lambda: datetime.now(UTC))
        robots = Robots(PRODUCT)
        contexts = [
            SourceContext(
                Source(id=f"host{host}", fetcher="feed", options=HttpOptions(allow_private=True)),
                fetcher="feed",
                client=client,
                robots=robots,
                store=store,
                base=folder,
                max_bytes=10**7,
                history=NoHistory(),
                stored=lambda stored: None,
                logged=lambda request: None,
            )
            for host in range(HOSTS)
        ]

        def ask(host: int, page: int) -> None:
            address = url(ports, host, page)
            contexts[host].get(address, item=Item(source_id=f"host{host}", key=address, url=address))

        rate = race(ask, seconds)
        store.sync()
        store.close()
        return rate


def main() -> None:
    parser = argparse.ArgumentParser(description="requests per second beside a bare thread pool of httpx2")
    parser.add_argument("rounds", nargs="?", type=int, default=4)
    parser.add_argument("seconds", nargs="?", type=float, default=2.0)
    parser.add_argument("--plain", action="store_true", help="the server doesn't compress its pages")
    options = parser.parse_args()
    with hosts(options.plain) as ports:
        for side in (bare, client_alone, whole_way):
            side(ports, 0.5)  # warm up
        rounds = [
            (bare(ports, options.seconds), client_alone(ports, options.seconds), whole_way(ports, options.seconds))
            for _ in range(options.rounds)
        ]
    for place, name in enumerate(("bare httpx2 thread pool", "HttpClient alone", "the whole way")):
        rate = statistics.median(rates[place] for rates in rounds)
        ratio = statistics.median(rates[place] / rates[0] for rates in rounds)
        print(f"{name:24} {rate:6.0f} requests/s   ratio {ratio:.2f}")


if __name__ == "__main__":
    main()
