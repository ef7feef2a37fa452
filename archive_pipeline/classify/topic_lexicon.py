"""The weighted lexicon of topics, which can be read and corrected: how many points a text gives to each topic.

A term is `wort` (the word with its endings), `wort*` (words that begin so), `*wort` (that end so) or `*wort*` (that
contain it as a part of a compound). Longer terms hide shorter ones in the same word. Words in the title count three
times, in the lead twice; a word that comes back counts little more.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from archive_pipeline.classify.gazetteer import PlaceName
from archive_pipeline.classify.names import EntryName, Lexicon
from archive_pipeline.classify.persons import find_persons
from archive_pipeline.classify.reading import Passage, Reading
from archive_pipeline.classify.vocabulary import cue_words, read_table
from archive_pipeline.model import Evidence, VocabularyEntry

__all__ = ["Candidate", "TopicLexicon", "topic_points"]

_STRONG, _WEAK = 2.0, 0.5
_TITLE_WEIGHT, _LEAD_WEIGHT = 3.0, 2.0
_MAX_SENDER = 8
"""Tokens of the longest sender that stands before a title's colon."""

_NO_NOUNS = cue_words("no_noun")
_TOWNS = frozenset({"bare", "municipality", "locality"})

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
            own = dict(entry.weights)
            for term, weight in own.items():
                self._add(entry.value, (term,), weight)
            self._add(entry.value, [term for term in entry.surfaces if term not in own], _STRONG)
            self._add(entry.value, [term for term in entry.weak_surfaces if term not in own], _WEAK)
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
class Candidate:
    """What speaks for a topic: points, how many different words give them, and each word with its points."""

    points: float = 0.0
    words: int = 0
    evidence: list[tuple[float, Evidence]] = field(default_factory=list)


def _sender_end(title: Passage) -> int:
    """The first token behind the sender a title opens with: "AfD-Fraktion im Kreistag: …" is about no Kreistag."""
    grid = title.grid
    colon = grid.text.find(": ")
    end = bisect_left(grid.starts, colon) if colon > 0 else 0
    named = any(isinstance(name, EntryName) for match in title.matches if match.last < end for name in match.names)
    return end if named and end <= _MAX_SENDER else 0


def _named_places(reading: Reading, passage: Passage) -> frozenset[int]:
    """Tokens that name a town and nothing else: there is no church in "Pfarrkirchen"."""
    risks = reading.lexicon.gazetteer.risks
    return frozenset(
        match.first
        for match in passage.matches
        if match.first == match.last
        and risks.get(passage.grid.tokens[match.first]) != "high"
        and all(isinstance(name, PlaceName) and name.kind in _TOWNS for name in match.names)
    )


def _named_persons(reading: Reading) -> tuple[frozenset[int], frozenset[str]]:
    """Tokens of the text that are persons' names, and the words of their surnames: Ms Müller is no waste."""
    given = reading.lexicon.given_names
    found = [person for person in find_persons(reading) if person.passage.grid.tokens[person.first] in given]
    tokens = frozenset(i for person in found for i in range(person.first, person.last + 1))
    return tokens, frozenset(word for person in found for word in person.surname.split("-"))


def _position_weight(passage: Passage, token: int, sender_end: int) -> float:
    if passage.field == "title":
        return _TITLE_WEIGHT if token >= sender_end else 1.0
    return _LEAD_WEIGHT if token < passage.lead else 1.0


def _weigh(reading: Reading, lexicon: TopicLexicon) -> dict[str, Candidate]:
    """Points by topic: for each word its best position, little more for coming back."""
    counts: dict[str, int] = {}
    best: dict[str, tuple[float, Passage, int]] = {}
    sender_end = _sender_end(reading.title)
    persons, surnames = _named_persons(reading)
    for passage in reading.passages:
        skipped = _named_places(reading, passage) | (persons if passage is reading.text else frozenset())
        for i, token in enumerate(passage.grid.tokens[: passage.body_end]):
            if len(token) < 3 or i in skipped or token in surnames or token in _NO_NOUNS:
                continue
            word = token.lower()
            counts[word] = counts.get(word, 0) + 1
            weight = _position_weight(passage, i, sender_end)
            if word not in best or weight > best[word][0]:
                best[word] = (weight, passage, i)
    for token in reading.subtitle.grid.tokens:
        word = token.lower()
        if word in best:
            counts[word] += 1
            best[word] = (max(best[word][0], _LEAD_WEIGHT), *best[word][1:])
    candidates: dict[str, Candidate] = {}
    for word, (position, passage, i) in best.items():
        for topic, weight in lexicon.topics_of(word):
            points = weight * position * (1 + math.log(counts[word]))
            candidate = candidates.setdefault(topic, Candidate())
            candidate.points += points
            candidate.words += 1
            candidate.evidence.append((points, passage.evidence(i, i)))
    return candidates


def _by_major_topic(
    candidates: Mapping[str, Candidate], entries: Mapping[str, VocabularyEntry]
) -> dict[str, Candidate]:
    """The candidates by major topic: sport counts for culture, European integration for international affairs."""
    major: dict[str, Candidate] = {}
    for topic, candidate in candidates.items():
        if entries[topic].kind == "hidden":
            continue
        parent = entries[topic].parent or topic
        merged = major.setdefault(parent if parent in entries else topic, Candidate())
        merged.points += candidate.points
        merged.words += candidate.words
        merged.evidence += candidate.evidence
    return major


@lru_cache(maxsize=4)
def _lexicon_of(lexicon: Lexicon) -> TopicLexicon:
    return TopicLexicon(lexicon.topics)


def topic_points(reading: Reading) -> dict[str, Candidate]:
    """What the lexicon finds for each major topic in an article."""
    return _by_major_topic(_weigh(reading, _lexicon_of(reading.lexicon)), reading.lexicon.topics)
