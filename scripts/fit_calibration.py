"""How well the scores of tags hold, and a calibration fitted to labelled releases.

    .venv/bin/python scripts/fit_calibration.py [--write [SCALE …]]

Measures the reliability of all scores on the labelled releases beside the repository (../shared/eval/tagging), with and
without the publisher known. Then fits, for each scale of archive_pipeline/classify/data/calibration.csv, a straight
line between the log odds of old and new scores, held back towards leaving them alone, and tells what that would give by
five-fold cross-validation over releases, so that no release is scored by a line it was fitted to. What is a tag stays
one: no score crosses 0.5. Lines are fitted to the third of the releases that was set aside while rules were written: on
the others the rules look better than they are. `--write` puts the lines fitted to all of that third into the table, for
the scales named (all, if none is).
"""

import csv
import hashlib
import importlib.util
import json
import math
import subprocess
import sys
import zlib
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
EVAL = ROOT.parent / "shared" / "eval" / "tagging"
TABLE = ROOT / "archive_pipeline" / "classify" / "data" / "calibration.csv"
MANIFESTS = {"with source": "manifest_with_source.jsonl", "blind": "manifest.jsonl"}
FOLDS = 5
LEAST = 15
"""Tags below which a scale is left alone."""

HELD_BACK = 4.0
"""How strongly lines are held back: as that many tags would."""

Line = tuple[float, float]
"""Slope and offset in log odds."""


@dataclass(frozen=True)
class Judged:
    """One tag: its release, axis and scale, its score, and whether it is right."""

    release: str
    manifest: str
    axis: str
    scale: str
    score: float
    right: bool


def scorer() -> ModuleType:
    spec = importlib.util.spec_from_file_location("score_tags", EVAL / "score_tags.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def scale_of(tag: dict[str, Any]) -> str:
    axis, role = tag["axis"], tag["role"]
    if axis in ("party", "topic"):
        return f"{axis}_{role}"
    return f"{axis}_mentioned" if axis == "organisation" and role == "mentioned" else str(axis)


def judged(score_tags: ModuleType) -> list[Judged]:
    """Every tag the shared scorer counts, judged by that scorer."""
    labels = {
        label["id"]: label
        for path in sorted((EVAL / "dev").glob("labels*.jsonl"))
        for label in map(json.loads, path.read_text(encoding="utf-8").splitlines())
        if label["kind"] == "press_release"
    }
    aliases = score_tags.read_aliases([])
    found = []
    for name, manifest in MANIFESTS.items():
        command = [
            str(Path(sys.executable).with_name("archive-pipeline")),
            "try",
            "--batch",
            str(EVAL / "dev" / manifest),
        ]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        for out in map(json.loads, lines.splitlines()):
            for tag in out["tags"] if out["id"] in labels else ():
                counting = score_tags.Scorer(0.5, aliases)
                counting.add(labels[out["id"]], {**out, "tags": [tag]})
                for axis, points in counting.points.items():
                    found += [
                        Judged(out["id"], name, axis, scale_of(tag), score, bool(right)) for score, right in points
                    ]
    return found


def log_odds(score: float) -> float:
    kept = min(max(score, 0.005), 0.995)
    return math.log(kept / (1 - kept))


def apply(line: Line, score: float) -> float:
    return 1 / (1 + math.exp(-(line[0] * log_odds(score) + line[1])))


def rescored(line: Line, score: float) -> float:
    """The new score, on the same side of 0.5 as the old one."""
    new = apply(line, score)
    return max(new, 0.5) if score >= 0.5 else min(new, 0.49)


def is_aside(release: str) -> bool:
    """Whether a release belongs to the third that was set aside."""
    return int(hashlib.sha1(release.encode()).hexdigest(), 16) % 3 == 0


def fit(tags: list[Judged]) -> dict[str, Line]:
    """A line for each scale with enough tags, by Newton's method; the slope stays positive."""
    by_scale: dict[str, list[Judged]] = defaultdict(list)
    for tag in tags:
        if is_aside(tag.release):
            by_scale[tag.scale].append(tag)
    lines = {}
    for scale, known in by_scale.items():
        if len({(tag.release, tag.score) for tag in known}) < LEAST:
            continue
        slope, offset = 1.0, 0.0
        for _ in range(50):
            g1, g2, h11, h12, h22 = HELD_BACK * (slope - 1), HELD_BACK * offset, HELD_BACK, 0.0, HELD_BACK
            for tag in known:
                x, p = log_odds(tag.score), apply((slope, offset), tag.score)
                g1, g2 = g1 + (p - tag.right) * x, g2 + (p - tag.right)
                h11, h12, h22 = h11 + p * (1 - p) * x * x, h12 + p * (1 - p) * x, h22 + p * (1 - p)
            det = h11 * h22 - h12 * h12
            slope, offset = slope - (h22 * g1 - h12 * g2) / det, offset - (h11 * g2 - h12 * g1) / det
        lines[scale] = (max(slope, 0.05), offset)
    return lines


def cross_validated(tags: list[Judged]) -> list[Judged]:
    """The tags with the scores of lines that never saw their release."""
    result = []
    for fold in range(FOLDS):
        lines = fit([tag for tag in tags if zlib.crc32(tag.release.encode()) % FOLDS != fold])
        for tag in tags:
            if zlib.crc32(tag.release.encode()) % FOLDS == fold:
                score = rescored(lines[tag.scale], tag.score) if tag.scale in lines else tag.score
                result.append(Judged(tag.release, tag.manifest, tag.axis, tag.scale, score, tag.right))
    return result


def error(score_tags: ModuleType, tags: list[Judged], bins: int) -> float:
    return float(score_tags.calibration_error([(tag.score, tag.right) for tag in tags], bins) or 0.0)


def figures(score_tags: ModuleType, tags: list[Judged]) -> dict[str, float]:
    """Expected calibration errors: pooled over axes in five bins, and by axis in ten."""
    found = {}
    for name in MANIFESTS:
        known = [tag for tag in tags if tag.manifest == name]
        aside = [tag for tag in known if is_aside(tag.release)]
        found[f"{name}: pooled"] = error(score_tags, known, score_tags.POOLED_BINS)
        found[f"{name}: pooled, set aside"] = error(score_tags, aside, score_tags.POOLED_BINS)
        for axis in ("district", "party", "organisation", "topic"):
            found[f"{name}: {axis}"] = error(score_tags, [tag for tag in known if tag.axis == axis], score_tags.BINS)
    return found


def reliability(score_tags: ModuleType, tags: list[Judged]) -> list[str]:
    rows = ["| scores | tags | mean score | right |", "|---|---|---|---|"]
    for one in score_tags.calibration_bins([(tag.score, tag.right) for tag in tags], score_tags.POOLED_BINS):
        mean, right = one["score_sum"] / one["tags"], one["right"] / one["tags"]
        rows.append(f"| {one['from']:.1f}–{one['to']:.1f} | {one['tags']} | {mean:.2f} | {right:.2f} |")
    return rows


def write(lines: dict[str, Line]) -> None:
    with TABLE.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        if row["scale"] in lines:
            row["score"] = f"{rescored(lines[row['scale']], float(row['score'])):.3f}"
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["scale", "points", "score"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    if not EVAL.is_dir():
        sys.exit("../shared/eval/tagging is not here: there is nothing to measure with")
    score_tags = scorer()
    tags = judged(score_tags)
    now, fitted = figures(score_tags, tags), figures(score_tags, cross_validated(tags))
    print("| calibration error | now | refitted, cross-validated |\n|---|---|---|")
    for name, value in now.items():
        print(f"| {name} | {value:.3f} | {fitted[name]:.3f} |")
    for name in MANIFESTS:
        print(f"\n{name}:\n")
        print("\n".join(reliability(score_tags, [tag for tag in tags if tag.manifest == name])))
    lines = fit(tags)
    print("\nLines, in log odds: " + ", ".join(f"{scale} {a:.2f}x{b:+.2f}" for scale, (a, b) in sorted(lines.items())))
    if "--write" in sys.argv:
        chosen = sys.argv[sys.argv.index("--write") + 1 :] or list(lines)
        write({scale: line for scale, line in lines.items() if scale in chosen})


if __name__ == "__main__":
    main()
