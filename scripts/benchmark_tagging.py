"""What tagging costs: the cold start of the vocabularies, the matcher, and every classifier.

    .venv/bin/python scripts/benchmark_tagging.py [--rounds 5] [--json] [--profile]

- cold start: a fresh process loads the vocabularies and builds the index over all names, with and without the time of
  the imports; the median of ROUNDS processes, wall and processor time.
- matcher: texts of 3,000 characters a second and core, cut and search together, and how many names they hold.
- classification: processor time of each classifier on cleaned releases, median and 95th percentile for a release as it
  is, and for one of 3,000 characters (its time by its length; releases below 500 characters are left out of that).

The releases are those of ../shared/eval/tagging where that is there, else the pages of the sample site. The classifiers
share one reading of a release, which the first of them pays for. Every release is classified once before it counts.
"""

import argparse
import cProfile
import json
import os
import platform
import pstats
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from archive_pipeline.classify import classifiers, vocabularies
from archive_pipeline.classify.matcher import tokenise
from archive_pipeline.classify.names import lexicon_of
from archive_pipeline.developing.trial import read_manifest
from archive_pipeline.model import Article, Capture, Source
from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.processing.chain import clean

ROOT = Path(__file__).resolve().parents[1]
MANIFEST = ROOT.parent / "shared" / "eval" / "tagging" / "dev" / "manifest_with_source.jsonl"
SAMPLE = ROOT / "archive_pipeline" / "sample" / "site"
SIZE = 3000
SHORTEST = 500

COLD = """
import time
wall, cpu = time.perf_counter(), time.process_time()
from archive_pipeline.classify import vocabularies
from archive_pipeline.classify.names import lexicon_of
imported = time.perf_counter() - wall, time.process_time() - cpu
lexicon_of(vocabularies())
print(*imported, time.perf_counter() - wall, time.process_time() - cpu)
"""

Release = tuple[Article, Source]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Milliseconds."""

    median: float
    p95: float


def spread(values: Sequence[float]) -> Spread:
    ordered = sorted(values)
    return Spread(median=statistics.median(ordered), p95=ordered[int(0.95 * (len(ordered) - 1))])


def captures() -> list[tuple[Capture, Source]]:
    if MANIFEST.exists():
        entries = read_manifest(MANIFEST, gate=False)
        return [(entry.capture, entry.source) for entry in entries if entry.capture is not None]
    pages = sorted(SAMPLE.rglob("*.html"))
    return [(_page(path), Source(id="messung", gate=False)) for path in pages]


def _page(path: Path) -> Capture:
    return Capture(
        source_id="messung", key=path.name, target=path.name, body=path.read_bytes(), sha256="", media_type="text/html",
        captured_at=datetime(2026, 1, 1, tzinfo=UTC), record_id="",
    )  # fmt: skip


def releases() -> list[Release]:
    plugins = load_plugins(None, {})
    cleaned = [(clean(capture, source, plugins).article, source) for capture, source in captures()]
    return [(article, source) for article, source in cleaned if article is not None and article.text]


def cold_start(rounds: int) -> dict[str, float]:
    """Seconds, median of fresh processes."""
    runs = []
    for _ in range(rounds):
        done = subprocess.run([sys.executable, "-c", COLD], capture_output=True, text=True, check=True)
        runs.append([float(figure) for figure in done.stdout.split()])
    imported, imported_cpu, whole, whole_cpu = (statistics.median(column) for column in zip(*runs, strict=True))
    built = statistics.median(run[2] - run[0] for run in runs)
    built_cpu = statistics.median(run[3] - run[1] for run in runs)
    return {
        "vocabularies and index, wall": built,
        "vocabularies and index, processor": built_cpu,
        "imports, wall": imported,
        "imports, processor": imported_cpu,
        "together, wall": whole,
        "together, processor": whole_cpu,
    }


def matcher(found: Sequence[Release], rounds: int) -> dict[str, float]:
    """Texts of SIZE characters a second of processor time, the best round: the others had company."""
    text = "\n\n".join(article.text for article, _ in found)
    texts = [text[start : start + SIZE] for start in range(0, len(text) - SIZE, SIZE)][:400]
    index = lexicon_of(vocabularies()).index
    rates, names = [], 0
    for _ in range(rounds):
        started = time.process_time()
        names = sum(len(index.find(tokenise(one))) for one in texts)
        rates.append(len(texts) / (time.process_time() - started))
    return {
        "texts": len(texts),
        "names a text": names / len(texts),
        "texts a second, best round": max(rates),
        "texts a second, median": statistics.median(rates),
    }


def classification(found: Sequence[Release], rounds: int) -> dict[str, tuple[Spread, Spread]]:
    """Each classifier, and all of them: as they are, and for SIZE characters. Of each release the fastest round."""
    built = classifiers(vocabularies())
    best: list[dict[str, float]] = [{} for _ in found]
    for number in range(rounds + 1):
        for place, (article, source) in enumerate(found):
            total = 0.0
            for name, classifier in built:
                started = time.process_time()
                classifier.classify(article, source)
                took = (time.process_time() - started) * 1000
                total += took
                if number:
                    best[place][name] = min(took, best[place].get(name, took))
            if number:
                best[place]["all"] = min(total, best[place].get("all", total))
    long = [place for place, (article, _) in enumerate(found) if len(article.text) >= SHORTEST]
    return {
        name: (
            spread([one[name] for one in best]),
            spread([best[place][name] * SIZE / len(found[place][0].text) for place in long]),
        )
        for name in (*(name for name, _ in built), "all")
    }


def profile(found: Sequence[Release]) -> None:
    built = classifiers(vocabularies())
    for _, classifier in built:
        classifier.classify(*found[0])
    profiler = cProfile.Profile()
    profiler.enable()
    for article, source in found:
        for _, classifier in built:
            classifier.classify(article, source)
    profiler.disable()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(40)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true", dest="as_json")
    parser.add_argument("--profile", action="store_true", help="print where the time of the classifiers goes instead")
    arguments = parser.parse_args()
    found = releases()
    if arguments.profile:
        profile(found)
        return
    cold = cold_start(arguments.rounds)
    rate = matcher(found, arguments.rounds)
    costs = classification(found, arguments.rounds)
    if arguments.as_json:
        times = {
            name: {"median": one.median, "p95": one.p95, "median_3kB": per.median, "p95_3kB": per.p95}
            for name, (one, per) in costs.items()
        }
        print(json.dumps({"cold_start": cold, "matcher": rate, "classification": times}, indent=1))
        return
    length = statistics.median(len(article.text) for article, _ in found)
    machine = f"{os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"{len(found)} releases, median {length:.0f} characters; {machine}\n")
    print("| cold start | seconds |\n|---|---|")
    print("\n".join(f"| {name} | {value:.2f} |" for name, value in cold.items()))
    print("\n| matcher | |\n|---|---|")
    print("\n".join(f"| {name} | {value:,.0f} |" for name, value in rate.items()))
    print(
        "\n| classifier, ms | median | p95 | median, 3,000 characters | p95, 3,000 characters |\n|---|---|---|---|---|"
    )
    for name, (one, per) in costs.items():
        print(f"| {name} | {one.median:.2f} | {one.p95:.2f} | {per.median:.2f} | {per.p95:.2f} |")


if __name__ == "__main__":
    main()
