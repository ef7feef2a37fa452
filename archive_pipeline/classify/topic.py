"""Topic: the major topics of the Comparative Agendas Project, by a weighted lexicon that can be read and corrected.

A term is `wort` (the word with its endings), `wort*` (words that begin so), `*wort` (that end so) or `*wort*` (that
contain it as a part of a compound). Longer terms hide shorter ones in the same word. Words in the title count three
times, in the lead twice; a word that comes back counts little more. The winner's share of all points and how many
different words speak for it give the score.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from archive_pipeline.classify.calibration import calibrate
from archive_pipeline.classify.names import LexiconSource
from archive_pipeline.classify.reading import Passage, Reading, read
from archive_pipeline.classify.vocabulary import read_table
from archive_pipeline.model import Article, Axis, Evidence, Finding, Role, Source, Tag, VocabularyEntry

__all__ = ["TopicClassifier", "TopicLexicon"]

_STRONG, _WEAK = 2.0, 0.8
_TITLE_WEIGHT, _LEAD_WEIGHT = 3.0, 2.0
_SECONDARY_SHARE = 0.45
"""A second topic needs this share of the winner's points."""

_FULL_POINTS = 12.0
"""Points from which the share alone counts; a word or two make no sure topic."""

_MAX_TOPICS = 3
_START = 3
"""Terms are looked up by that many first letters; shorter ones match only whole words."""

_ENDINGS = frozenset({"", "e", "en", "er", "es", "em", "s", "n", "in", "innen", "r", "ern", "se", "sen"})
_NOT_BEFORE = frozenset(
    {"ge", "be", "ver", "er", "ent", "zer", "an", "auf", "aus", "ein", "ab", "um", "zu", "vor", "nach", "mit", "über",
     "unter", "durch", "bei", "hin", "her", "weg", "los", "un"}
)  # fmt: skip
"""A term inside a word isn't a compound's part after one of these: "gesucht", "beschlossen"."""


@dataclass(frozen=True, slots=True)
class _Term:
    topic: str
    weight: float
    prefix: bool
    suffix: bool


class TopicLexicon:
    """The terms of all topics, and for any word the topics it speaks for."""

    def __init__(self, topics: Mapping[str, VocabularyEntry]) -> None:
        self._terms: dict[str, list[_Term]] = {}
        for entry in topics.values():
            self._add(entry.value, entry.surfaces, _STRONG)
            self._add(entry.value, entry.weak_surfaces, _WEAK)
        for row in read_table("topic_lexicon"):
            if not row["topic"]:
                self._add("", tuple(row["strong"].split("|")), 0.0)
        self._by_start: dict[str, list[str]] = {}
        for term in self._terms:
            self._by_start.setdefault(term[:_START], []).append(term)
        self.topics_of = lru_cache(maxsize=60_000)(self._topics_of)

    def _add(self, topic: str, terms: Sequence[str], weight: float) -> None:
        for term in terms:
            bare = term.strip("*").lower()
            if bare:
                prefix, suffix = term.endswith("*"), term.startswith("*")
                self._terms.setdefault(bare, []).append(_Term(topic, weight, prefix, suffix))

    def _topics_of(self, word: str) -> tuple[tuple[str, float], ...]:
        """Topics and weights of a lower-case word; parts hidden by a longer part don't count."""
        found: list[tuple[int, int, _Term]] = []
        for start in range(len(word) - 1):
            near = self._by_start.get(word[start : start + _START])
            if near is None or 0 < start < 3 or word[:start] in _NOT_BEFORE:
                continue
            for text in near:
                if word.startswith(text, start):
                    end = start + len(text)
                    found += [
                        (start, end, term)
                        for term in self._terms[text]
                        if (not start or term.suffix) and (term.prefix or word[end:] in _ENDINGS)
                    ]
        best: dict[str, float] = {}
        for start, end, term in found:
            hidden = any(a <= start and end <= b and b - a > end - start for a, b, _ in found)
            if term.topic and not hidden:
                best[term.topic] = max(best.get(term.topic, 0.0), term.weight)
        return tuple(sorted(best.items()))


@dataclass(slots=True)
class _Candidate:
    points: float = 0.0
    words: int = 0
    evidence: list[tuple[float, Evidence]] = field(default_factory=list)


@lru_cache(maxsize=4)
def _lexicon_of(source: LexiconSource) -> TopicLexicon:
    return TopicLexicon(source().topics)


def _position_weight(passage: Passage, token: int) -> float:
    if passage.field == "title":
        return _TITLE_WEIGHT
    return _LEAD_WEIGHT if token < passage.lead else 1.0


def _weigh(reading: Reading, lexicon: TopicLexicon) -> dict[str, _Candidate]:
    """Points by topic: for each word its best position, little more for coming back."""
    counts: dict[str, int] = {}
    best: dict[str, tuple[float, Passage, int]] = {}
    for passage in reading.passages:
        for i, token in enumerate(passage.grid.tokens[: passage.body_end]):
            if len(token) < 3:
                continue
            word = token.lower()
            counts[word] = counts.get(word, 0) + 1
            weight = _position_weight(passage, i)
            if word not in best or weight > best[word][0]:
                best[word] = (weight, passage, i)
    for token in reading.subtitle.grid.tokens:
        word = token.lower()
        if word in best:
            counts[word] += 1
            best[word] = (max(best[word][0], _LEAD_WEIGHT), *best[word][1:])
    candidates: dict[str, _Candidate] = {}
    for word, (position, passage, i) in best.items():
        for topic, weight in lexicon.topics_of(word):
            points = weight * position * (1 + math.log(counts[word]))
            candidate = candidates.setdefault(topic, _Candidate())
            candidate.points += points
            candidate.words += 1
            candidate.evidence.append((points, passage.evidence(i, i)))
    return candidates


def _by_major_topic(
    candidates: Mapping[str, _Candidate], entries: Mapping[str, VocabularyEntry]
) -> dict[str, _Candidate]:
    """The candidates by major topic: sport counts for culture, European integration for international affairs."""
    major: dict[str, _Candidate] = {}
    for topic, candidate in candidates.items():
        if entries[topic].kind == "hidden":
            continue
        parent = entries[topic].parent or topic
        merged = major.setdefault(parent if parent in entries else topic, _Candidate())
        merged.points += candidate.points
        merged.words += candidate.words
        merged.evidence += candidate.evidence
    return major


def _evidence(candidate: _Candidate) -> tuple[Evidence, ...]:
    ranked = sorted(candidate.evidence, key=lambda pair: (-pair[0], pair[1].field != "title", pair[1].start))
    return tuple(evidence for _, evidence in ranked[:3])


class TopicClassifier:
    """Tags the main topic and up to two more."""

    def __init__(self, lexicon: LexiconSource) -> None:
        self._lexicon = lexicon
        self.version = lexicon.version

    def classify(self, article: Article, source: Source) -> Sequence[Finding]:
        """Topic tags, the primary one first; a doubtful one scores below 0.5."""
        entries = self._lexicon().topics
        reading = read(article, source, self._lexicon())
        if not reading.german:
            return ()
        candidates = _weigh(reading, _lexicon_of(self._lexicon))
        candidates = _by_major_topic(candidates, entries)
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
            tags.append(
                Tag(
                    axis=Axis.TOPIC,
                    value=topic,
                    label=entries[topic].label,
                    role=Role.SECONDARY if place else Role.PRIMARY,
                    score=score,
                    by=f"topic@{self.version}",
                    evidence=_evidence(candidate),
                )
            )
        return tuple(tags)
