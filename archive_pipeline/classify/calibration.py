"""From points to probabilities: one monotone table per axis, kept as data.

The tables were fitted by hand to labelled releases: few bins, linear in between.
"""

from bisect import bisect_right
from collections.abc import Sequence
from functools import cache

from archive_pipeline.classify.vocabulary import read_table

__all__ = ["calibrate"]


@cache
def _tables() -> dict[str, tuple[Sequence[float], Sequence[float]]]:
    points: dict[str, list[float]] = {}
    scores: dict[str, list[float]] = {}
    for row in read_table("calibration"):
        points.setdefault(row["scale"], []).append(float(row["points"]))
        scores.setdefault(row["scale"], []).append(float(row["score"]))
    for scale, values in points.items():
        if values != sorted(values) or scores[scale] != sorted(scores[scale]):
            raise ValueError(f"calibration.csv: scale {scale!r} must rise")
    return {scale: (tuple(points[scale]), tuple(scores[scale])) for scale in points}


def calibrate(scale: str, points: float) -> float:
    """The probability of `points` on a scale of data/calibration.csv, between 0 and 1, to three decimals."""
    xs, ys = _tables()[scale]
    at = bisect_right(xs, points)
    if at == 0:
        return ys[0]
    if at == len(xs):
        return ys[-1]
    share = (points - xs[at - 1]) / (xs[at] - xs[at - 1])
    return round(ys[at - 1] + share * (ys[at] - ys[at - 1]), 3)
