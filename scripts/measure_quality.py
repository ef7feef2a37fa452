"""Measure cleaning, tags and retrieval on the evaluation data beside the repository, with its own scorers.

    .venv/bin/python scripts/measure_quality.py [--json] [cleaning|tagging|retrieval …]

Prints one line per figure as a Markdown table (docs/quality.md), or all figures as one JSON object. The evaluation
data lies in ../shared/eval and is no part of the product.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

EVAL = Path(__file__).resolve().parents[2] / "shared" / "eval"
Figures = dict[str, float]
CommandLine = Callable[..., str]
"""Runs `archive-pipeline` with these words; what it prints."""


def output(*words: str | Path) -> str:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=True)
    return done.stdout


def command_line(*words: str | Path) -> str:
    return output(Path(sys.executable).with_name("archive-pipeline"), *words)


def cleaning(folder: Path, apl: CommandLine = command_line) -> Figures:
    lines = folder / "cleaning.jsonl"
    lines.write_text(apl("try", "--batch", EVAL / "cleaning/manifest.jsonl"))
    scores: Any = json.loads(
        output(sys.executable, EVAL / "cleaning/score_cleaning.py", lines, EVAL / "cleaning/gold.jsonl", "--json")
    )
    press, every = scores["press-like"], scores["all"]
    status = every["status"]
    return {
        "press-like snippet precision": press["snippet"]["precision"],
        "press-like snippet recall": press["snippet"]["recall"],
        "press-like snippet F1": press["snippet"]["f1"],
        "all snippet F1": every["snippet"]["f1"],
        "press-like recall in any field": press["snippet"]["recall_any_field"],
        "all recall in any field": every["snippet"]["recall_any_field"],
        "news token F1": scores["news"]["token"]["f1"],
        "press-like title exact": press["title_exact"]["rate"],
        "all title exact": every["title_exact"]["rate"],
        "press-like date exact": press["date_exact"]["rate"],
        "all date exact": every["date_exact"]["rate"],
        "all date exact at high confidence": every["date_exact"]["rate_high"],
        "no invented date at high confidence": 1 - every["date_high_without_gold"]["rate"],
        "author exact": every["author_exact"]["rate"],
        "accepted": status["accepted"] / sum(status.values()),
    }


def tagging(folder: Path, apl: CommandLine = command_line) -> Figures:
    figures: Figures = {}
    for name, manifest in (("with source", "manifest_with_source.jsonl"), ("blind", "manifest.jsonl")):
        lines = folder / f"{manifest}.out"
        lines.write_text(apl("try", "--batch", EVAL / "tagging/dev" / manifest))
        labels = sorted((EVAL / "tagging/dev").glob("labels*.jsonl"))
        scores: Any = json.loads(output(sys.executable, EVAL / "tagging/score_tags.py", lines, *labels, "--json"))
        axes = scores["axes"]
        figures |= {
            f"{name}: district F1": axes["district"]["f1"],
            f"{name}: no district where there is none": 1 - scores["district"]["false_positive_rate"],
            f"{name}: party issuer F1": axes["party_issuer"]["f1"],
            f"{name}: party any role F1": axes["party_any"]["f1"],
            f"{name}: organisation F1": axes["organisation"]["f1"],
            f"{name}: topic primary accuracy": scores["topic"]["primary_accuracy"],
            f"{name}: topic any-of F1": axes["topic_any"]["f1"],
            f"{name}: quotes within one": scores["quotes"]["within_one"],
            f"{name}: first speaker": scores["first_speaker"]["accuracy"],
            f"{name}: valid evidence": scores["evidence"]["valid_tag_share"],
            f"{name}: scores that hold": 1 - scores["calibration_pooled"]["ece"],
        }
    return figures


def retrieval(folder: Path, apl: CommandLine = command_line) -> Figures:
    figures: Figures = {}
    data = EVAL / "retrieval"
    for name, batch, limit, match in (
        ("corpus", "queries_dev.jsonl", "10", "any"),
        ("expectations", "expectations.jsonl", "100", "all"),
    ):
        archive = folder / name
        apl("init", archive, "--engine", "whoosh")
        apl("-C", archive, "import", data / name, "--no-gate")
        for engine in ("whoosh", "tantivy"):
            if engine != "whoosh":
                apl("-C", archive, "index", "switch", engine)
            hits = folder / f"{engine}-{name}.hits"
            hits.write_text(apl("-C", archive, "search", "--batch", data / batch, "--limit", limit, "--match", match))
            found = questions(data / batch, hits) if name == "corpus" else expectations(data / batch, hits)
            figures |= {f"{engine}: {figure}" if engine != "whoosh" else figure: found[figure] for figure in found}
    return figures


def hit_names(hits: Path) -> dict[str, list[str]]:
    rows = map(json.loads, hits.read_text().splitlines())
    return {row["id"]: [Path(hit["path"]).name for hit in row["hits"]] for row in rows}


def questions(queries: Path, hits: Path) -> Figures:
    found = hit_names(hits)
    rows = list(map(json.loads, queries.read_text().splitlines()))
    ranks = [found[row["id"]].index(row["gold"]) + 1 if row["gold"] in found[row["id"]] else 0 for row in rows]
    return {
        "questions MRR@10": sum(1 / rank for rank in ranks if rank) / len(ranks),
        "questions recall@10": sum(rank > 0 for rank in ranks) / len(ranks),
    }


def expectations(queries: Path, hits: Path) -> Figures:
    found = hit_names(hits)
    rows = [row for row in map(json.loads, queries.read_text().splitlines()) if not row.get("stretch")]
    right = [
        set(row["must"]) <= set(found[row["id"]]) and not set(row["must_not"]) & set(found[row["id"]]) for row in rows
    ]
    return {"expectations met": sum(right) / len(right)}


PARTS = {"cleaning": cleaning, "tagging": tagging, "retrieval": retrieval}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("parts", nargs="*", metavar="cleaning|tagging|retrieval")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    names = chosen.parts or list(PARTS)
    if not set(names) <= set(PARTS):
        options.error(f"parts are {', '.join(PARTS)}")
    if not EVAL.is_dir():
        sys.exit("../shared/eval is not here: there is nothing to measure with")
    with TemporaryDirectory() as folder:
        figures = {name: PARTS[name](Path(folder)) for name in names}
    if chosen.json:
        print(json.dumps(figures, ensure_ascii=False, indent=1))
        return
    for name, values in figures.items():
        print(f"\n| {name} | |\n|---|---|")
        for figure, value in values.items():
            print(f"| {figure} | {value:.3f} |")


if __name__ == "__main__":
    main()
