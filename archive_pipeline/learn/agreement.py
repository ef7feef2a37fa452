"""How well coders agree with each other and with the rules: estimates with intervals from a random sample.

Every release counts with the inverse of its inclusion probability (Horvitz and Thompson, A generalization of sampling
without replacement from a finite universe, JASA 47, 1952), so figures hold for all releases the sample was drawn from.
Intervals are 95 % percentile intervals of a bootstrap over releases with a fixed seed (Efron and Tibshirani, An
Introduction to the Bootstrap, 1993); that strata were sampled apart is left out of account, which makes them rather too
wide than too narrow.
"""

import random
from collections import Counter
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Comparison", "Estimate", "Scores", "Unit", "alpha", "masi", "nominal", "scores"]

REPLICATES = 1000
SEED = 20_260_101
"""Of the bootstrap: the same figures come with the same intervals."""

ValueT = TypeVar("ValueT", bound=Hashable)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A figure with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One release: the values that a person coded, those that the rules found, and the weight it counts with."""

    coded: frozenset[str]
    found: frozenset[str]
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """Precision, recall and F1 over pairs of release and value; None where there is nothing to divide by."""

    precision: Estimate | None
    recall: Estimate | None
    f1: Estimate | None


def scores(comparisons: Sequence[Comparison], *, replicates: int = REPLICATES) -> Scores:
    """How right the rules are, if the coder is: weighted micro averages with intervals."""
    counts = [
        (one.weight * len(one.coded & one.found), one.weight * len(one.found), one.weight * len(one.coded))
        for one in comparisons
    ]
    samples = [_ratios(counts)]
    generator = random.Random(SEED)  # noqa: S311 - no secret
    samples += [_ratios(generator.choices(counts, k=len(counts))) for _ in range(replicates if counts else 0)]
    precision, recall, f1 = (_estimate([sample[place] for sample in samples]) for place in range(3))
    return Scores(precision=precision, recall=recall, f1=f1)


def _ratios(counts: Sequence[tuple[float, float, float]]) -> tuple[float | None, float | None, float | None]:
    both = sum(count[0] for count in counts)
    found = sum(count[1] for count in counts)
    coded = sum(count[2] for count in counts)
    return (
        both / found if found else None,
        both / coded if coded else None,
        2 * both / (found + coded) if found + coded else None,
    )


def _estimate(samples: Sequence[float | None]) -> Estimate | None:
    """The first is the figure itself, the others are its replicates; a replicate without a value is left out."""
    if not samples or samples[0] is None:
        return None
    ranked = sorted(value for value in samples[1:] if value is not None) or [samples[0]]
    return Estimate(
        value=samples[0], low=ranked[int(0.025 * len(ranked))], high=ranked[max(0, int(0.975 * len(ranked)) - 1)]
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit(Generic[ValueT]):
    """One release as several observers saw it; who did not code it has no value here."""

    values: tuple[ValueT, ...]
    weight: float = 1.0


def nominal(left: Hashable, right: Hashable) -> float:
    """The difference of two categories: 0 if they are the same, else 1."""
    return 0.0 if left == right else 1.0


def masi(left: frozenset[str], right: frozenset[str]) -> float:
    """The difference of two sets of values: 1 - Jaccard * monotonicity, which is 1 for equal sets, 2/3 if one holds the
    other, 1/3 if they overlap, 0 if not (Passonneau, Measuring agreement on set-valued items (MASI) for semantic and
    pragmatic annotation, LREC 2006). Two empty sets are equal."""
    if left == right:
        return 0.0
    common = left & right
    if not common:
        return 1.0
    monotonicity = 2 / 3 if common in (left, right) else 1 / 3
    return 1 - len(common) / len(left | right) * monotonicity


def alpha(
    units: Sequence[Unit[ValueT]], difference: Callable[[ValueT, ValueT], float], *, replicates: int = REPLICATES
) -> Estimate | None:
    """Krippendorff's alpha: 1 - observed / expected disagreement, for any number of observers and missing values.

    Method: Krippendorff, Computing Krippendorff's alpha-reliability, 2011; the interval as there and in Hayes and
    Krippendorff, Communication Methods and Measures 1, 2007: units are drawn anew, the expected disagreement stays.
    Weights are scaled to a mean of 1; with equal weights the figures are the published ones. None where it is not
    defined: fewer than two values to compare, or no value differs from another.
    """
    pairable = [unit for unit in units if len(unit.values) > 1]
    values = sum(len(unit.values) for unit in pairable)
    if not pairable:
        return None
    scale = values / sum(unit.weight * len(unit.values) for unit in pairable)
    expected = _expected(pairable, scale, values, difference)
    if not expected:
        return None
    observed = [_observed(unit, scale, difference) for unit in pairable]
    generator = random.Random(SEED)  # noqa: S311 - no secret
    samples: list[float | None] = [_alpha(observed, expected)]
    samples += [_alpha(generator.choices(observed, k=len(observed)), expected) for _ in range(replicates)]
    return _estimate(samples)


def _expected(
    units: Sequence[Unit[ValueT]], scale: float, values: int, difference: Callable[[ValueT, ValueT], float]
) -> float:
    counts: Counter[ValueT] = Counter()
    for unit in units:
        for value in unit.values:
            counts[value] += unit.weight * scale  # type: ignore[assignment]  # a Counter counts in fractions, too
    kinds = list(counts)
    total = sum(
        2 * counts[left] * counts[right] * difference(left, right)
        for place, left in enumerate(kinds)
        for right in kinds[place + 1 :]
    )
    return total / (values * (values - 1))


def _observed(unit: Unit[ValueT], scale: float, difference: Callable[[ValueT, ValueT], float]) -> tuple[float, float]:
    """Disagreement within one unit and the values it counts for, both weighted."""
    pairs = sum(difference(left, right) for left in unit.values for right in unit.values)
    weight = unit.weight * scale
    return weight * pairs / (len(unit.values) - 1), weight * len(unit.values)


def _alpha(observed: Sequence[tuple[float, float]], expected: float) -> float:
    return 1 - sum(part[0] for part in observed) / sum(part[1] for part in observed) / expected
