"""What cleaning costs: the whole chain beside bare trafilatura, with a site profile, with two workers, and in memory.

    .venv/bin/python scripts/benchmark_cleaning.py [--rounds 3] [--pages N] [PART …]

Parts; without any, all of them:

- chain: CPU time and memory of guard to gate, language included, beside `trafilatura.bare_extraction` with metadata;
  also with the extraction setting `fast`, and with classification behind it.
- profile: the same, on the pages that a site profile of one selector reads.
- workers: pages a second of two processes over those of one, cleaned and classified. Says little under other load.

Each side is a process of its own, because trafilatura and htmldate remember what they have seen: the second to read a
page would find half of its work done. The sides take turns page by page, so that both see the same machine, and start
anew in every round. The pages are those of ../shared/eval/cleaning where that is there, else the sample site and the
tests' own pages. The first WARM pages of a round are not counted.
"""

import argparse
import gzip
import json
import logging
import multiprocessing
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from urllib.parse import urlsplit

import trafilatura
from trafilatura import external

from archive_pipeline.clean import CapturePage
from archive_pipeline.clean.extract import Extraction
from archive_pipeline.clean.profile import SiteProfile
from archive_pipeline.model import Capture, Source
from archive_pipeline.plugin_loading.rules import read_rules
from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.processing.chain import clean, process
from archive_pipeline.processing.workers import Workers

ROOT = Path(__file__).resolve().parents[1]
EVAL = ROOT.parent / "shared" / "eval" / "cleaning"
OWN = (ROOT / "archive_pipeline" / "sample" / "site", ROOT / "tests" / "clean" / "pages")
SOURCE = Source(id="messung")
WARM = 20
SPAWN = multiprocessing.get_context("spawn")
BODIES = (
    "[itemprop=articleBody]",
    ".entry-content",
    ".article-body",
    ".article-content",
    ".post-content",
    ".field-name-body",
    "article",
)
"""Selectors of bodies that content systems write; the pages of a host are read by the first that fits, as by a profile
of the site."""
PROFILE = """
[[site]]
hosts = ["{host}"]
title = "h1"
date = "time"
body = "{body}"
remove = "figcaption"
caption = "figcaption"
"""

Call = Callable[[Capture], object]


def read_pages(limit: int | None) -> list[Capture]:
    """The pages as captures."""
    if EVAL.is_dir():
        rows = map(json.loads, (EVAL / "manifest.jsonl").read_text(encoding="utf-8").splitlines())
        files = [(EVAL / row["path"], str(row["url"])) for row in rows]
    else:
        paths = sorted(path for folder in OWN for path in folder.rglob("*.html"))
        files = [(path, f"https://www.{path.parent.name}.example/{path.name}") for path in paths]
    return [
        Capture(
            source_id=SOURCE.id,
            key=path.name,
            target=url,
            url=url,
            body=gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes(),
            sha256="",
            captured_at=datetime(2026, 11, 22, tzinfo=UTC),
            record_id="",
            media_type="text/html",
        )
        for path, url in (files[:: max(1, len(files) // limit)] if limit else files)
    ]


def bare() -> Call:
    """Plain trafilatura as it comes, with jusText's words of all languages; the chain sets it to fewer."""
    external.JT_STOPLIST = None

    def call(capture: Capture) -> None:
        with suppress(Exception):  # what it can't read costs what it cost until then
            trafilatura.bare_extraction(capture.body, url=capture.url, with_metadata=True)

    return call


def chain(folder: Path | None = None) -> Call:
    """Guard to gate; `folder` holds plugins."""
    plugins = load_plugins(folder, os.environ)
    return lambda capture: clean(capture, SOURCE, plugins)


def fast_chain() -> Call:
    """The chain with `Extraction(fast=True)` in its place."""
    plugins = load_plugins(None, os.environ)
    object.__setattr__(plugins.cleaners.entry("extract"), "obj", Extraction(fast=True))
    return lambda capture: clean(capture, SOURCE, plugins)


def whole() -> Call:
    """The chain and the classifiers."""
    plugins = load_plugins(None, os.environ)
    return lambda capture: process(capture, SOURCE, plugins)


def most_held(process_id: int | None) -> float:
    """The most megabytes a running process ever held resident (Linux). What getrusage says begins with what its parent
    held."""
    status = Path(f"/proc/{process_id}/status").read_text(encoding="utf-8")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def serve(make: Callable[..., Call], arguments: tuple[object, ...], wire: Connection) -> None:
    """In a process: call for each page that comes, and tell the CPU seconds it took and the most megabytes held."""
    logging.disable(logging.CRITICAL)
    call = make(*arguments)
    while (capture := wire.recv()) is not None:
        started = time.process_time()
        call(capture)
        spent = time.process_time() - started
        wire.send((spent, most_held(os.getpid())))


@dataclass(slots=True)
class Side:
    """One side of a comparison: CPU seconds of each round, and the most megabytes it held in any."""

    name: str
    make: Callable[..., Call]
    arguments: tuple[object, ...] = ()
    seconds: list[float] = field(default_factory=list)
    megabytes: float = 0.0


@contextmanager
def asking(side: Side):  # type: ignore[no-untyped-def]
    """The side's process, as a function that measures one page there."""
    ours, theirs = SPAWN.Pipe()
    child = SPAWN.Process(target=serve, args=(side.make, side.arguments, theirs), daemon=True)
    child.start()
    theirs.close()

    def ask(page: Capture) -> float:
        ours.send(page)
        spent, side.megabytes = ours.recv()
        return float(spent)

    try:
        yield ask
        ours.send(None)
    finally:
        ours.close()
        child.join()


def in_turns(sides: Sequence[Side], pages: Sequence[Capture], rounds: int) -> None:
    for _ in range(rounds):
        with ExitStack() as stack:
            asks = [stack.enter_context(asking(side)) for side in sides]
            for side in sides:
                side.seconds.append(0.0)
            for number, page in enumerate(pages):
                for side, ask in zip(sides, asks, strict=True):
                    spent = ask(page)
                    side.seconds[-1] += spent if number >= WARM else 0.0


def report(title: str, sides: Sequence[Side], pages: int) -> None:
    """A line for each side; the first is what the others are compared with."""
    print(f"\n{title}\n  {'':<34} {'ms a page':>10} {'ratio':>7} {'rounds':>13} {'MB':>6}")
    for side in sides:
        ratios = [ours / base for ours, base in zip(side.seconds, sides[0].seconds, strict=True)]
        spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
        milliseconds = 1000 * statistics.median(side.seconds) / (pages - WARM)
        print(
            f"  {side.name:<34} {milliseconds:>10.1f} {statistics.median(ratios):>7.2f} {spread:>13}"
            f" {side.megabytes:>6.0f}"
        )


def measure_chain(pages: Sequence[Capture], rounds: int) -> None:
    sides = (
        Side("bare trafilatura with metadata", bare),
        Side("chain", chain),
        Side("chain, fast extraction", fast_chain),
        Side("chain and classification", whole),
    )
    in_turns(sides, pages, rounds)
    report(f"{len(pages)} pages", sides, len(pages))


def measure_profile(pages: Sequence[Capture], rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        rules = Path(folder) / "messung" / "rules.toml"
        rules.parent.mkdir()
        bodies: dict[str, str] = {}
        for body in BODIES:
            rules.write_text(PROFILE.format(host="*", body=body), encoding="utf-8")
            profile = SiteProfile(read_rules(rules, "messung").sites)
            for page in pages:
                if host_of(page) not in bodies and profile.choose(CapturePage(page), SOURCE)[0] is not None:
                    bodies[host_of(page)] = body
        tables = (PROFILE.format(host=host, body=body) for host, body in bodies.items())
        rules.write_text("".join(tables), encoding="utf-8")
        profile = SiteProfile(read_rules(rules, "messung").sites)
        read = [page for page in pages if profile.choose(CapturePage(page), SOURCE)[0] is not None]
        sides = (
            Side("bare trafilatura with metadata", bare),
            Side("chain with a site profile", chain, (Path(folder),)),
        )
        in_turns(sides, read, rounds)
    report(f"{len(read)} of {len(pages)} pages, read by site profiles", sides, len(read))


def host_of(page: Capture) -> str:
    return (urlsplit(page.url or "").hostname or "").encode("idna").decode()


def measure_workers(pages: Sequence[Capture], rounds: int) -> None:
    plugins = load_plugins(None, os.environ)
    seconds: dict[int, list[float]] = {1: [], 2: []}
    with Workers(plugins, count=1) as one, Workers(plugins, count=2) as two:
        for turn in range(rounds + 1):
            for count, pool in ((1, one), (2, two)):
                started = time.perf_counter()
                for _ in pool.process((page, SOURCE) for page in pages):
                    pass
                if turn:  # the first round starts processes and fills caches
                    seconds[count].append(time.perf_counter() - started)
        most = max(most_held(child.pid) for child in multiprocessing.active_children())
    speeds = [alone / both for alone, both in zip(seconds[1], seconds[2], strict=True)]
    print(f"\nworkers, {len(pages)} pages cleaned and classified, load {os.getloadavg()[0]:.1f}")
    for count, name in ((1, "one process"), (2, "two processes")):
        print(f"  {name:<34} {len(pages) / statistics.median(seconds[count]):.0f} pages a second")
    listed = ", ".join(f"{speed:.2f}" for speed in speeds)
    print(f"  {'two over one':<34} {statistics.median(speeds):.2f} ({listed})")
    print(f"  {'most held by one of the two':<34} {most:.0f} MB")


PARTS = {"chain": measure_chain, "profile": measure_profile, "workers": measure_workers}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--pages", type=int, help="about so many pages, spread over all")
    given = parser.parse_args()
    if unknown := set(given.parts) - set(PARTS):
        parser.error(f"no part {unknown.pop()!r}; there are {', '.join(PARTS)}")
    logging.disable(logging.CRITICAL)
    where = "../shared/eval/cleaning" if EVAL.is_dir() else "own pages"
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, {where}, Python {sys.version.split()[0]}, trafilatura {version('trafilatura')},"
        f" lxml {version('lxml')}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    pages = read_pages(given.pages)
    for part in given.parts or PARTS:
        PARTS[part](pages, given.rounds)


if __name__ == "__main__":
    main()
