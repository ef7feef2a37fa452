"""The pages under load: `serve` in a process of its own over many releases, asked by many connections at once.

    .venv/bin/python scripts/benchmark_web.py [--releases 100000] [--folder F] [--connections 64] [--seconds 60]

200 mixed queries go to /search. Prints, for docs/benchmarks.md: how long `serve` takes until it answers, requests per
second with median and 99th percentile, the server's memory while it is asked, and the same queries put to the engine
alone in the same run.

The archive is made of the texts of scripts/benchmark_search.py, without fetching and cleaning; with --folder it is kept
and used again. `wrk` asks where it is installed (`apt-get install wrk`), else a client of our own.
"""

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import islice
from pathlib import Path
from threading import Thread
from urllib.parse import urlencode

from benchmark_search import Document, documents, queries

from archive_pipeline.archive.captures import set_lengths
from archive_pipeline.ingest.committing import logged_tx
from archive_pipeline.model import Article, Axis, Evidence, Processed, Role, Tag
from archive_pipeline.protocols import SearchRequest
from archive_pipeline.search.cursor import Sort
from archive_pipeline.search.names import VocabularyNames
from archive_pipeline.searching import open_search
from archive_pipeline.warc import Description, urn
from archive_pipeline.workspace import Workspace, open_workspace

BATCH = 500
SETTINGS = (
    '[archive]\ntitle = "Lasttest"\nengine = "tantivy"\n\n'
    '[[source]]\nid = "q"\ntitle = "Quelle"\nfetcher = "folder"\npath = "q"\n'
)
QUERIES = 200
STARTS = 5
TODAY = date(2026, 11, 22)
FACETS = ("party", "district", "topic", "organisation", "source", "year", "month")
"""What the results page counts."""

SCRIPT = """
local paths, place = {}, 0
for line in io.lines("PATHS") do paths[#paths + 1] = line end
function init(args) math.randomseed(tonumber(tostring({}):sub(8)) or 1); place = math.random(#paths) end
function request() place = place % #paths + 1; return wrk.format("GET", paths[place]) end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('{"requests": %d, "microseconds": %d, "errors": %d, "p50": %f, "p99": %f, "most": %f}',
    summary.requests, summary.duration, e.connect + e.read + e.write + e.status + e.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000, latency.max / 1000))
end
"""

AXES = {
    "district": (Axis.DISTRICT, Role.ISSUER),
    "party": (Axis.PARTY, Role.ABOUT),
    "organisation": (Axis.ORGANISATION, Role.ABOUT),
    "topic": (Axis.TOPIC, Role.PRIMARY),
}


def make_archive(folder: Path, count: int) -> Workspace:
    """An archive of so many releases, committed and indexed like those of a run."""
    (folder / "q").mkdir(parents=True, exist_ok=True)
    (folder / "sources.toml").write_text(SETTINGS, encoding="utf-8")
    workspace = open_workspace(folder)
    names = VocabularyNames([entry.obj for entry in workspace.plugins.vocabularies])
    source = workspace.config.sources[0]
    with workspace.writing("benchmark") as db:
        store, log = workspace.warc_store(), workspace.derivation_log()
        db.table("source").upsert({"id": "q", "title": "Quelle", "language": "de", "access": "public"}, pk="id")
        corpus = documents(count)
        while batch := list(islice(corpus, BATCH)):
            captures = []
            for document in batch:
                key = f"{document.key}.txt"
                about = Description(source=source, settings="0", fetcher="folder", key=key, media_type="text/plain")
                body = f"{document.title}\n\n{document.text}".encode()
                written = store.write_resource(urn(source.id, key), body, about, captured_at=datetime.now(UTC))
                captures.append((written.capture, processed(document, names)))
            lengths = store.sync()
            with logged_tx(db, log) as ledger:
                set_lengths(db, lengths)
                for capture, outcome in captures:
                    ledger.commit(capture, source, outcome)
        store.close()
        log.close()
        print(f"committed {time.process_time():.0f} s", file=sys.stderr)
        workspace.update_index(db)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    print(f"indexed {time.process_time():.0f} s", file=sys.stderr)
    return workspace


def processed(document: Document, names: VocabularyNames) -> Processed:
    """A document as cleaning and classifying would hand it on; one in twenty bears no date."""
    tags: list[Tag] = []
    for field, (axis, role) in AXES.items():
        for value in document.tags[field]:
            start = len(document.text) // (2 + len(tags))
            evidence = Evidence(start=start, end=start + 12, text=document.text[start : start + 12])
            label = names.label(field, value)
            tags.append(
                Tag(axis=axis, value=value, label=label, role=role, score=0.9, by="load@1", evidence=(evidence,))
            )
    dated = document.published if int(document.key, 16) % 20 else None
    return Processed(
        status="accepted",
        article=Article(text=document.text, title=document.title, published=dated, language="de"),
        tags=tuple(tags),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One search: its text, order and period, and the address of the page that answers it."""

    text: str
    sort: Sort
    path: str


def wanted(count: int) -> list[Wanted]:
    """Queries of every class, some of them for a later page, for the words in their context, or within a period."""
    found = []
    for number, query in enumerate(queries(list(documents(min(count, 20_000))), per_class=-(-QUERIES // 12))):
        words = {
            "phrase": f'"{query.text}"',
            "prefix": f"{query.text}*",
            "fuzzy": f"{query.text}~",
            "or": " OR ".join(query.text.split()),
        }.get(query.kind, query.text)
        sort: Sort = "newest" if query.kind == "bydate" else "score"
        pairs = [("q", words), ("sort", sort)]
        pairs += [("f", f"kreis:{query.district}")] if query.district else []
        pairs += {0: [("d", "2015..2020")], 6: [("page", "3")], 12: [("view", "kwic")]}.get(number % 18, [])
        text = f"{words} kreis:{query.district}" if query.district else words
        text += "" if number % 18 else " datum:2015..2020"
        found.append(Wanted(text=text, sort=sort, path=f"/search?{urlencode(pairs)}"))
    return found[:QUERIES]


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What a number of connections met: requests in a time, errors, milliseconds an answer."""

    requests: int
    seconds: float
    errors: int
    p50: float
    p99: float
    most: float

    @property
    def rate(self) -> float:
        """Requests a second."""
        return self.requests / self.seconds


@contextmanager
def serving(folder: Path) -> Iterator[tuple[int, int, float]]:
    """`serve` in a process of its own: its port, its process id and the seconds until it answered."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "archive_pipeline", "-C", str(folder), "serve", "--port", str(port)]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ARCHIVE_PIPELINE_")}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)  # installed programs are compiled
    environment["PYTHONPYCACHEPREFIX"] = str(Path(tempfile.gettempdir()) / "benchmark-web-compiled")
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    try:
        while not _answers(port):
            if process.poll() is not None:
                sys.exit(f"serve ended with {process.returncode}")
            time.sleep(0.01)
        yield port, process.pid, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(timeout=60)


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=10) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def ask_with_wrk(port: int, paths: Sequence[str], connections: int, seconds: int) -> Load:
    """So many connections, each with one request after the other, from two threads."""
    with tempfile.TemporaryDirectory() as place:
        (Path(place) / "paths").write_text("\n".join(paths), encoding="utf-8")
        script = Path(place) / "script.lua"
        script.write_text(SCRIPT.replace("PATHS", str(Path(place) / "paths")), encoding="utf-8")
        threads = min(2, connections)
        command = ["wrk", f"-t{threads}", f"-c{connections}", f"-d{seconds}s", "--timeout", "60s", "-s", str(script)]
        command.append(f"http://127.0.0.1:{port}/")
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout[done.stdout.rindex("{") :])
    return Load(seconds=told.pop("microseconds") / 1e6, **told)


async def ask(port: int, paths: Sequence[str], connections: int, seconds: int) -> Load:
    """The same without wrk, with a client that costs more of the processor."""
    until = time.perf_counter() + seconds
    times: list[float] = []
    errors = 0

    async def connection(number: int) -> None:
        nonlocal errors
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while time.perf_counter() < until:
            number = (number + 1) % len(paths)
            began = time.perf_counter()
            writer.write(f"GET {paths[number]} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            length = next(line for line in head.splitlines() if line.startswith("content-length:"))
            await reader.readexactly(int(length.partition(":")[2]))
            errors += not head.startswith("http/1.1 200")
            times.append((time.perf_counter() - began) * 1000)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(connection(number * len(paths) // connections) for number in range(connections)))
    taken = time.perf_counter() - began
    return Load(
        requests=len(times), seconds=taken, errors=errors, p50=at(times, 0.5), p99=at(times, 0.99), most=max(times)
    )


def at(times: Sequence[float], share: float) -> float:
    """A percentile."""
    return sorted(times)[min(len(times) - 1, int(len(times) * share))]


def memory_of(pid: int) -> tuple[int, int]:
    """Megabytes that a process holds of its own, and with the pages of files that it has mapped (the index, mostly)."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    own, resident = (int(status.partition(name)[2].split()[0]) // 1000 for name in ("RssAnon:", "VmRSS:"))
    return own, resident


def processor_seconds(pid: int) -> float:
    """What a process has used of the processor so far."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def engine_alone(workspace: Workspace, asked: Sequence[Wanted]) -> dict[str, list[float]]:
    """Milliseconds of each query: the engine's ten best hits, the same with the counts that the page shows, and the
    search service with passages, one after the other in this process."""
    times: dict[str, list[float]] = {"engine, ten hits": [], "engine, hits and facets": [], "search service": []}

    def timed(name: str, way: Callable[..., object], *arguments: object, **values: object) -> None:
        began = time.perf_counter()
        way(*arguments, **values)
        times[name].append((time.perf_counter() - began) * 1000)

    for one in asked:
        with open_search(workspace) as search:
            request = SearchRequest(node=search.parse(one.text, today=TODAY).node, sort=one.sort)
            timed("engine, ten hits", search.ask, request)
            timed("engine, hits and facets", search.ask, replace(request, facets=FACETS))
            timed("search service", search.search, one.text, today=TODAY, sort=one.sort, facets=FACETS)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--releases", type=int, default=100_000)
    parser.add_argument("--folder", type=Path, help="make the archive here, or use the one that is there")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--no-wrk", action="store_true")
    options = parser.parse_args()
    folder: Path = options.folder or Path(tempfile.mkdtemp(prefix="web-"))
    is_there = (folder / "sources.toml").is_file()
    workspace = open_workspace(folder) if is_there else make_archive(folder, options.releases)
    workspace.refresh_index()
    asked = wanted(options.releases)
    paths = [one.path for one in asked]
    print(f"load of the machine {os.getloadavg()[0]:.1f}\n")

    starts: list[tuple[float, float]] = []
    for _ in range(STARTS):
        with serving(folder) as (_, pid, seconds):
            starts.append((seconds, processor_seconds(pid)))
    best, middle = min(starts), statistics.median_low(starts)
    print(f"ready after {best[0]:.2f} s at best ({best[1]:.2f} s of the processor), in the median {middle[0]:.2f} s\n")

    rows = ["| | a second | median ms | p99 ms | errors |", "|---|---|---|---|---|"]
    for name, times in engine_alone(workspace, asked).items():
        rate = 1000 * len(times) / sum(times)
        rows.append(f"| {name} | {rate:.0f} | {at(times, 0.5):.1f} | {at(times, 0.99):.0f} | |")
    with_wrk = shutil.which("wrk") is not None and not options.no_wrk
    memory: list[tuple[int, int]] = []
    with serving(folder) as (port, pid, _):
        for connections in (1, options.connections):
            seconds = options.seconds if connections > 1 else max(5, options.seconds // 4)
            if connections > 1:
                memory.append(memory_of(pid))
                watcher = Thread(target=watch, args=(pid, seconds, memory))
                watcher.start()
            if with_wrk:
                load = ask_with_wrk(port, paths, connections, seconds)
            else:
                load = asyncio.run(ask(port, paths, connections, seconds))
            label = f"/search, {connections} connection{'s' if connections > 1 else ''}"
            rows.append(f"| {label} | {load.rate:.1f} | {load.p50:.1f} | {load.p99:.0f} | {load.errors} |")
        watcher.join()
        memory.append(memory_of(pid))
    print("\n".join(rows))
    told = ", ".join(f"{own} ({resident})" for own, resident in memory)
    print(f"\nmemory of the server in MB from the beginning to the end, with mapped files in brackets: {told}")


def watch(pid: int, seconds: int, memory: list[tuple[int, int]]) -> None:
    """Note the memory four times on the way."""
    for _ in range(4):
        time.sleep(seconds / 5)
        memory.append(memory_of(pid))


if __name__ == "__main__":
    main()
