"""Topic: the major topics of the Comparative Agendas Project, with subject keywords beneath them.

The lexicon works from the first day: the winner's share of all points, and how many they are, give the score. A model
that was learned in an archive takes its place where the archive has switched one on, as long as the vocabularies are
those that it was learned with.
"""

from collections.abc import Sequence

from archive_pipeline.classify.calibration import calibrate
from archive_pipeline.classify.names import LexiconSource
from archive_pipeline.classify.reading import Reading, read
from archive_pipeline.classify.topic_keywords import keywords_of
from archive_pipeline.classify.topic_lexicon import Candidate, topic_points
from archive_pipeline.classify.topic_model import explain, features_of, features_version, topics_of
from archive_pipeline.model import Article, Axis, Evidence, Finding, Role, Source, Tag, TopicModel

__all__ = ["TopicClassifier", "lexicon_tags", "model_tags"]

_SECONDARY_SHARE = 0.45
"""A second topic needs this share of the winner's points."""

_FULL_POINTS = 12.0
"""Points from which the share alone counts; a word or two make no sure topic."""

_MAX_TOPICS = 3

_SUGGESTED = 0.2
"""Below this probability the second topic of a model is no suggestion either."""


class TopicClassifier:
    """Tags the main topic and up to two more."""

    def __init__(self, lexicon: LexiconSource) -> None:
        self._lexicon = lexicon
        self.version = lexicon.version

    def classify(self, article: Article, source: Source) -> Sequence[Finding]:
        """Topic tags, the primary one first; a doubtful one scores below 0.5."""
        reading = read(article, source, self._lexicon())
        if not reading.german:
            return ()
        model = source.topic_model
        if model is not None and model.lexicon == features_version(self.version):
            return model_tags(reading, model)
        return lexicon_tags(reading, self.version)


def lexicon_tags(reading: Reading, version: str) -> tuple[Tag, ...]:
    """The topics by the lexicon alone; `version` is that of the vocabularies."""
    candidates = topic_points(reading)
    ranked = sorted(candidates, key=lambda topic: (-candidates[topic].points, topic))
    total = sum(candidate.points for candidate in candidates.values())
    tags: list[Tag] = []
    for place, topic in enumerate(ranked[:_MAX_TOPICS]):
        candidate = candidates[topic]
        relative = candidate.points / candidates[ranked[0]].points
        if place and relative < _SECONDARY_SHARE:
            break
        evidence_share = candidate.points / total * min(1.0, candidate.points / _FULL_POINTS)
        score = calibrate(
            "topic_primary" if place == 0 else "topic_secondary", evidence_share if place == 0 else relative
        )
        if place:
            score = min(score, tags[0].score)
        tags.append(_tag(reading, topic, place, score, f"topic@{version}", _evidence(candidate)))
    return tuple(tags)


def model_tags(reading: Reading, model: TopicModel) -> tuple[Tag, ...]:
    """The topics by a learned model: the likeliest, and up to two more that are likely enough."""
    features = features_of(reading)
    if not features.counts:
        return ()
    tags: list[Tag] = []
    for topic, score in topics_of(model, features)[:_MAX_TOPICS]:
        if score < _SUGGESTED or topic not in reading.lexicon.topics:
            continue
        evidence = explain(model, topic, features) or reading.fallback_evidence()
        tags.append(_tag(reading, topic, len(tags), score, model.name, evidence))
    return tuple(tags)


def _tag(reading: Reading, topic: str, place: int, score: float, by: str, evidence: tuple[Evidence, ...]) -> Tag:
    return Tag(
        axis=Axis.TOPIC,
        value=topic,
        label=reading.lexicon.topics[topic].label,
        role=Role.SECONDARY if place else Role.PRIMARY,
        score=score,
        by=by,
        evidence=evidence,
        keywords=keywords_of(reading, topic),
    )


def _evidence(candidate: Candidate) -> tuple[Evidence, ...]:
    ranked = sorted(candidate.evidence, key=lambda pair: (-pair[0], pair[1].field != "title", pair[1].start))
    return tuple(evidence for _, evidence in ranked[:3])
