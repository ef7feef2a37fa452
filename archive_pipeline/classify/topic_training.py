"""Learning topics from what people decided: TF-IDF and logistic regression, one for each topic, then one calibration.

The same examples give the same model, byte for byte: everything is sorted, seeded and rounded. scikit-learn is needed
for learning only (extra `topics`); a learned model is used without it.
"""

import hashlib
import importlib
import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from archive_pipeline.classify.topic_model import (
    LEXICON_FEATURE,
    TopicFeatures,
    features_version,
    raw_sums,
    vector,
    weigh_topics,
)
from archive_pipeline.errors import MissingExtraError
from archive_pipeline.model import Tag, TopicEvaluation, TopicModel

__all__ = ["Example", "digest_of", "evaluate", "train"]

_FOLDS, _INNER_FOLDS = 5, 3
_STRENGTHS = (1.0, 8.0)
"""Inverse strengths of regularisation to choose from."""

_WEAK_WEIGHT = 0.2
"""What an example counts that nobody decided on."""

_LEAST_DOCUMENTS = 2
_MOST_WORDS = 8000
_LEAST_POSITIVE = 5
"""Decided releases below which a topic is learned from the lexicon's share alone, together with all others."""

_DIGITS = 4
_THRESHOLD = 0.5


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Example:
    """A release to learn from: its topics, the main one in `primary`, and whether people decided them. Near-duplicates
    share a `group`, and never stand on both sides of a test. `lexicon` are the tags that the lexicon gives."""

    id: str
    group: int
    features: TopicFeatures
    topics: frozenset[str]
    primary: str | None
    is_decided: bool
    lexicon: tuple[Tag, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Weights:
    topics: tuple[str, ...]
    idf: Mapping[str, float]
    intercepts: tuple[float, ...]
    weights: Mapping[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class _Fitted:
    weights: _Weights
    slope: float
    offset: float


def train(examples: Iterable[Example], *, lexicon: str, software: str, evaluation: TopicEvaluation) -> TopicModel:
    """A model from all examples, without a number yet (0). Raises MissingExtraError."""
    known = sorted(examples, key=lambda example: example.id)
    fitted = _fit(known)
    return TopicModel(
        number=0,
        digest="",
        topics=fitted.weights.topics,
        intercepts=fitted.weights.intercepts,
        idf=fitted.weights.idf,
        weights=fitted.weights.weights,
        slope=fitted.slope,
        offset=fitted.offset,
        lexicon=features_version(lexicon),
        data=_data_digest(known),
        software=software,
        decided=_counts(example for example in known if example.is_decided),
        weak=_counts(example for example in known if not example.is_decided),
        evaluation=evaluation,
    )


def evaluate(examples: Iterable[Example], told: Callable[[int, int], None] = lambda done, of: None) -> TopicEvaluation:
    """Nested cross-validation over the decided examples, by groups: what is tested was seen neither by the weights nor
    by the settings nor by the calibration. `told` hears how many of how many folds are done. Raises
    MissingExtraError."""
    known = sorted(examples, key=lambda example: example.id)
    learned, before = _Score(), _Score()
    for fold in range(_FOLDS):
        inside = [example for example in known if _fold(example, _FOLDS) != fold]
        tested = [example for example in known if _fold(example, _FOLDS) == fold and example.is_decided]
        if tested:
            fitted = _fit(inside)
            for example in tested:
                learned.add(example, _predicted(fitted, example))
                before.add(example, [(tag.value, tag.score) for tag in example.lexicon])
        told(fold + 1, _FOLDS)
    return TopicEvaluation(
        releases=learned.releases,
        model_primary=learned.primary,
        model_f1=learned.f1,
        lexicon_primary=before.primary,
        lexicon_f1=before.f1,
    )


def digest_of(model: TopicModel) -> str:
    """The SHA-256, in hex, of everything in a model but number and digest."""
    content = {
        "topics": model.topics,
        "intercepts": model.intercepts,
        "idf": dict(model.idf),
        "weights": dict(model.weights),
        "slope": model.slope,
        "offset": model.offset,
        "lexicon": model.lexicon,
        "data": model.data,
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


class _Score:
    """Right and wrong topics of tested releases."""

    def __init__(self) -> None:
        self.releases = self._first = self._hits = self._given = self._wanted = 0

    def add(self, example: Example, found: Sequence[tuple[str, float]]) -> None:
        first = max(found, key=lambda pair: pair[1], default=None)
        sure = {topic for topic, score in found if score >= _THRESHOLD}
        self.releases += 1
        self._first += first is not None and first[0] == example.primary
        self._hits += len(sure & example.topics)
        self._given += len(sure)
        self._wanted += len(example.topics)

    @property
    def primary(self) -> float:
        return round(self._first / max(1, self.releases), 4)

    @property
    def f1(self) -> float:
        return round(2 * self._hits / max(1, self._given + self._wanted), 4)


def _predicted(fitted: _Fitted, example: Example) -> list[tuple[str, float]]:
    parts = fitted.weights
    ranked = weigh_topics(
        parts.topics, parts.intercepts, parts.idf, parts.weights, (fitted.slope, fitted.offset), example.features
    )
    return ranked[:3]


def _fold(example: Example, folds: int) -> int:
    return int(hashlib.sha256(str(example.group).encode()).hexdigest(), 16) % folds


def _counts(examples: Iterable[Example]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for example in examples:
        for topic in example.topics:
            counts[topic] = counts.get(topic, 0) + 1
    return dict(sorted(counts.items()))


def _data_digest(examples: Sequence[Example]) -> str:
    lines = [
        [
            example.id,
            sorted(example.topics),
            example.primary,
            example.is_decided,
            sorted(example.features.counts.items()),
        ]
        for example in examples
    ]
    return hashlib.sha256(json.dumps(lines, separators=(",", ":")).encode()).hexdigest()


def _fit(examples: Sequence[Example]) -> _Fitted:
    """Choose the strength of regularisation by how well it does on examples not seen, calibrate on those, then learn
    from all."""
    best: tuple[float, float, float, float] | None = None
    for strength in _STRENGTHS:
        sums = _unseen_sums(examples, strength)
        slope, offset = _calibration(sums)
        loss = _loss(sums, slope, offset)
        if best is None or loss < best[0]:
            best = (loss, strength, slope, offset)
    assert best is not None
    return _Fitted(_learn(examples, best[1]), round(best[2], _DIGITS), round(best[3], _DIGITS))


def _unseen_sums(examples: Sequence[Example], strength: float) -> list[tuple[float, bool]]:
    """For each decided example and topic the sum that a model gives which did not see it, and whether it is right."""
    pairs: list[tuple[float, bool]] = []
    for fold in range(_INNER_FOLDS):
        # another division than the outer one
        inside = [example for example in examples if _fold(example, _FOLDS * _INNER_FOLDS) // _FOLDS != fold]
        tested = [
            example
            for example in examples
            if example.is_decided and _fold(example, _FOLDS * _INNER_FOLDS) // _FOLDS == fold
        ]
        if not tested or len({topic for example in inside for topic in example.topics}) < 2:
            continue
        learned = _learn(inside, strength)
        for example in tested:
            sums = raw_sums(learned.intercepts, learned.weights, vector(example.features, learned.idf))
            pairs += [(value, topic in example.topics) for topic, value in zip(learned.topics, sums, strict=True)]
    return pairs


def _learn(examples: Sequence[Example], strength: float) -> _Weights:
    numpy, sparse, linear = _libraries()
    idf = _inverse_frequencies(examples)
    topics = tuple(sorted({topic for example in examples for topic in example.topics}))
    vectors = [vector(example.features, idf) for example in examples]
    names = sorted({*idf, *(LEXICON_FEATURE + topic for topic in topics)})
    column = {name: i for i, name in enumerate(names)}
    matrix = _matrix(numpy, sparse, vectors, column)
    sample_weight = numpy.array([1.0 if example.is_decided else _WEAK_WEIGHT for example in examples])
    shared = _shared_weight(numpy, linear, examples, vectors, topics, sample_weight, strength)
    rows: list[list[float]] = []
    intercepts: list[float] = []
    for topic in topics:
        positive = [topic in example.topics for example in examples]
        decided = sum(example.is_decided for example, is_so in zip(examples, positive, strict=True) if is_so)
        if decided < _LEAST_POSITIVE or all(positive):
            row = [0.0] * len(names)
            row[column[LEXICON_FEATURE + topic]] = shared[0]
            rows.append(row)
            intercepts.append(shared[1])
            continue
        regression = linear.LogisticRegression(C=strength, solver="liblinear", random_state=0, max_iter=1000)
        regression.fit(matrix, positive, sample_weight=sample_weight)
        rows.append([float(weight) for weight in regression.coef_[0]])
        intercepts.append(float(regression.intercept_[0]))
    weights = {
        name: tuple(round(row[i], _DIGITS) for row in rows)
        for i, name in enumerate(names)
        if any(abs(row[i]) >= 0.5 * 10**-_DIGITS for row in rows)
    }
    return _Weights(topics, idf, tuple(round(value, _DIGITS) for value in intercepts), weights)


def _shared_weight(
    numpy: Any,
    linear: Any,
    examples: Sequence[Example],
    vectors: Sequence[Mapping[str, float]],
    topics: Sequence[str],
    sample_weight: Any,
    strength: float,
) -> tuple[float, float]:
    """What a topic's share of the lexicon's points is worth, learned over all topics together: (weight, intercept)."""
    shares = [[known.get(LEXICON_FEATURE + topic, 0.0)] for known in vectors for topic in topics]
    right = [topic in example.topics for example in examples for topic in topics]
    if all(right):
        return 1.0, 0.0
    regression = linear.LogisticRegression(C=strength, solver="liblinear", random_state=0)
    regression.fit(numpy.array(shares), right, sample_weight=numpy.repeat(sample_weight, len(topics)))
    return float(regression.coef_[0][0]), float(regression.intercept_[0])


def _inverse_frequencies(examples: Sequence[Example]) -> dict[str, float]:
    frequency: dict[str, int] = {}
    for example in examples:
        for word in example.features.counts:
            frequency[word] = frequency.get(word, 0) + 1
    frequent = sorted(
        ((count, word) for word, count in frequency.items() if count >= _LEAST_DOCUMENTS),
        key=lambda pair: (-pair[0], pair[1]),
    )[:_MOST_WORDS]
    return {
        word: round(1 + math.log((1 + len(examples)) / (1 + count)), _DIGITS)
        for count, word in sorted(frequent, key=lambda pair: pair[1])
    }


def _matrix(numpy: Any, sparse: Any, vectors: Sequence[Mapping[str, float]], column: Mapping[str, int]) -> Any:
    starts, columns, values = [0], [], []
    for known in vectors:
        for i, value in sorted((column[name], value) for name, value in known.items() if name in column):
            columns.append(i)
            values.append(value)
        starts.append(len(columns))
    return sparse.csr_matrix(
        (numpy.array(values), numpy.array(columns), numpy.array(starts)), shape=(len(vectors), len(column))
    )


def _calibration(sums: Sequence[tuple[float, bool]]) -> tuple[float, float]:
    """Platt scaling: slope and offset that turn sums into probabilities."""
    if len({is_right for _, is_right in sums}) < 2:
        return 1.0, 0.0
    numpy, _, linear = _libraries()
    regression = linear.LogisticRegression(C=1e6, solver="lbfgs", max_iter=1000)
    regression.fit(numpy.array([[value] for value, _ in sums]), [is_right for _, is_right in sums])
    slope = float(regression.coef_[0][0])
    return (slope, float(regression.intercept_[0])) if slope > 0 else (1.0, 0.0)


def _loss(sums: Sequence[tuple[float, bool]], slope: float, offset: float) -> float:
    """Mean logarithmic loss."""
    total = 0.0
    for value, is_right in sums:
        z = slope * value + offset
        total += math.log1p(math.exp(-min(500.0, z if is_right else -z)))
    return total / max(1, len(sums))


def _libraries() -> tuple[Any, Any, Any]:
    """NumPy, scipy.sparse and sklearn.linear_model. Raises MissingExtraError."""
    try:
        return (
            importlib.import_module("numpy"),
            importlib.import_module("scipy.sparse"),
            importlib.import_module("sklearn.linear_model"),
        )
    except ImportError as error:
        raise MissingExtraError(
            "Zum Lernen von Themen fehlt scikit-learn", hint='pip install "archive-pipeline[topics]"'
        ) from error
