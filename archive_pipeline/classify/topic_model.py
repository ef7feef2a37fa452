"""What a learned topic model sees in an article, and what it makes of it: sums of products, without any library.

The features are the words of the shared German analysis with the parts of compounds, weighted by how rare they are, and
what the lexicon gives to each topic. They are learned from in `topic_training`.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archive_pipeline.classify.reading import Reading
from archive_pipeline.classify.topic_lexicon import Candidate, topic_points
from archive_pipeline.language.analysis import ANALYSIS_VERSION, is_stop_word, token_fields
from archive_pipeline.model import Evidence, TopicModel

__all__ = [
    "LEXICON_FEATURE",
    "TopicFeatures",
    "explain",
    "features_of",
    "features_version",
    "raw_sums",
    "topics_of",
    "vector",
    "weigh_topics",
]

_FEATURES = "1"
"""Changes with every change of the features."""

_TITLE_COUNT = 3
"""A word of the title counts as that often in the text."""

_MAX_CHARACTERS = 20_000
"""Code points read of a text: what comes later says nothing new of its topic."""

LEXICON_FEATURE = "topic:"
"""What the names of the lexicon's features begin with; words never hold a colon."""

_FULL_POINTS = 12.0
"""Points of all topics together from which their shares alone count."""


@dataclass(frozen=True, slots=True, eq=False)
class TopicFeatures:
    """What is seen in one article: how often each word stands in it and where first, and what the lexicon finds for
    each topic."""

    counts: Mapping[str, int]
    places: Mapping[str, Evidence]
    points: Mapping[str, Candidate]


def features_version(lexicon: str) -> str:
    """What the features depend on: their form, the analysis of words, the vocabularies. A model that was learned from
    others is not to be used."""
    return f"features {_FEATURES}, {ANALYSIS_VERSION}, {lexicon}"


def features_of(reading: Reading) -> TopicFeatures:
    """The features of an article."""
    counts: dict[str, int] = {}
    places: dict[str, Evidence] = {}
    for passage, count in ((reading.title, _TITLE_COUNT), (reading.text, 1)):
        text = passage.grid.text[:_MAX_CHARACTERS]
        end = passage.grid.ends[passage.body_end - 1] if passage.body_end else 0
        for token in token_fields(text):
            if token.start >= end or token.kind == "number" or len(token.text) < 3 or is_stop_word(token.form):
                continue
            counts[token.text] = counts.get(token.text, 0) + count
            if token.text not in places:
                span = Evidence(
                    start=token.start, end=token.end, text=text[token.start : token.end], field=passage.field
                )
                places[token.text] = span
    return TopicFeatures(counts, places, topic_points(reading))


def vector(features: TopicFeatures, idf: Mapping[str, float]) -> dict[str, float]:
    """The values of the features: of the known words `(1 + ln count) * idf`, together of length 1, and of each topic
    its share of the lexicon's points."""
    words = {word: (1 + math.log(count)) * idf[word] for word, count in features.counts.items() if word in idf}
    length = math.sqrt(math.fsum(value * value for value in words.values())) or 1.0
    values = {word: value / length for word, value in words.items()}
    total = max(math.fsum(candidate.points for candidate in features.points.values()), _FULL_POINTS)
    for topic, candidate in features.points.items():
        values[LEXICON_FEATURE + topic] = candidate.points / total
    return values


def raw_sums(
    intercepts: Sequence[float], weights: Mapping[str, Sequence[float]], values: Mapping[str, float]
) -> list[float]:
    """For each topic its intercept plus the values times their weights."""
    sums = list(intercepts)
    for name, value in values.items():
        for i, weight in enumerate(weights.get(name, ())):
            sums[i] += weight * value
    return sums


def weigh_topics(
    topics: Sequence[str],
    intercepts: Sequence[float],
    idf: Mapping[str, float],
    weights: Mapping[str, Sequence[float]],
    calibration: tuple[float, float],
    features: TopicFeatures,
) -> list[tuple[str, float]]:
    """Topics with their probabilities, the likeliest first; `calibration` is slope and offset."""
    sums = raw_sums(intercepts, weights, vector(features, idf))
    slope, offset = calibration
    ranked = sorted(range(len(sums)), key=lambda i: (-sums[i], topics[i]))
    return [(topics[i], round(_sigmoid(slope * sums[i] + offset), 3)) for i in ranked]


def topics_of(model: TopicModel, features: TopicFeatures) -> list[tuple[str, float]]:
    """The topics of a model with their probabilities, the likeliest first."""
    calibration = (model.slope, model.offset)
    return weigh_topics(model.topics, model.intercepts, model.idf, model.weights, calibration, features)


def explain(model: TopicModel, topic: str, features: TopicFeatures, limit: int = 3) -> tuple[Evidence, ...]:
    """The spans that speak most for a topic: words with the highest products, then what the lexicon found."""
    column = model.topics.index(topic)
    products = [
        (model.weights[name][column] * value, features.places[name])
        for name, value in vector(features, model.idf).items()
        if name in model.weights and name in features.places and model.weights[name][column] > 0
    ]
    best = [span for _, span in sorted(products, key=lambda pair: (-pair[0], pair[1].field, pair[1].start))]
    found = features.points.get(topic)
    best += [span for _, span in sorted(found.evidence, key=lambda pair: -pair[0])] if found else []
    distinct = {(span.field, span.start): span for span in reversed(best)}
    return tuple(span for span in dict.fromkeys(best) if distinct[span.field, span.start] is span)[:limit]


def _sigmoid(z: float) -> float:
    return 1 / (1 + math.exp(-max(-500.0, min(500.0, z))))
