"""Subject keywords below the topics, with ids of Wikidata, GND and NWBib: what title, lead and text name.

They are found as words, with the endings of German nouns and adjectives; parts of compounds are not keywords.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from archive_pipeline.classify.reading import Passage, Reading
from archive_pipeline.classify.vocabulary import read_table
from archive_pipeline.model import Evidence, Keyword

__all__ = ["keyword_topics", "keywords_of"]

_MOST = 5
"""Keywords of one topic."""

_NOUN_ENDINGS = ("", "s", "es", "n", "en", "e")
_ADJECTIVE_ENDINGS = ("es", "er", "en", "em", "e", "s", "n")


@dataclass(frozen=True, slots=True)
class _Subject:
    topic: str
    label: str
    wikidata: str | None
    gnd: str | None
    nwbib: str | None
    surfaces: tuple[str, ...]


@dataclass(slots=True)
class _Found:
    count: int
    is_early: bool
    evidence: Evidence


@cache
def _subjects() -> tuple[_Subject, ...]:
    return tuple(
        _Subject(
            topic=row["topic"],
            label=row["label"],
            wikidata=row["wikidata"] or None,
            gnd=row["gnd"] or None,
            nwbib=row["nwbib"] or None,
            surfaces=(row["label"], *filter(None, row["surfaces"].split("|"))),
        )
        for row in read_table("topic_keyword")
    )


def keyword_topics() -> tuple[tuple[str, str], ...]:
    """Every name of a keyword with its topic: a filter by topic understands them."""
    return tuple((name, subject.topic) for subject in _subjects() for name in subject.surfaces)


@lru_cache(maxsize=50_000)
def _bare(word: str) -> str:
    """A word of a longer name without its ending."""
    for ending in _ADJECTIVE_ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


@cache
def _index() -> tuple[dict[str, _Subject], dict[str, list[tuple[tuple[str, ...], _Subject]]]]:
    """Single words with their endings, and longer names by their first word; the name that comes first counts."""
    words: dict[str, _Subject] = {}
    names: dict[str, list[tuple[tuple[str, ...], _Subject]]] = {}
    for subject in _subjects():
        for surface in subject.surfaces:
            parts = tuple(surface.lower().replace("-", " ").split())
            if len(parts) == 1:
                for ending in _NOUN_ENDINGS if len(surface) > 3 else ("",):
                    words.setdefault(parts[0] + ending, subject)
            elif parts:
                bare = tuple(_bare(part) for part in parts)
                names.setdefault(bare[0], []).append((bare, subject))
    for known in names.values():
        known.sort(key=lambda pair: -len(pair[0]))
    return words, names


def keywords_of(reading: Reading, topic: str) -> tuple[Keyword, ...]:
    """The keywords of a topic in an article, the weightiest first."""
    return _found(reading).get(topic, ())


@lru_cache(maxsize=4)
def _found(reading: Reading) -> dict[str, tuple[Keyword, ...]]:
    found: dict[_Subject, _Found] = {}
    for passage in reading.passages:
        tokens = [token.lower() for token in passage.grid.tokens[: passage.body_end]]
        at = 0
        while at < len(tokens):
            subject, length = _match(passage, tokens, at)
            if subject is not None:
                seen = found.setdefault(subject, _Found(0, False, passage.evidence(at, at + length - 1)))
                seen.count += 1
                seen.is_early = seen.is_early or at < passage.lead
            at += length
    best: dict[str, list[Keyword]] = {}
    ranked = sorted(found.items(), key=lambda pair: (-pair[1].count - 2 * pair[1].is_early, pair[0].label))
    for subject, seen in ranked:
        known = best.setdefault(subject.topic, [])
        if len(known) < _MOST:
            keyword = Keyword(
                label=subject.label,
                wikidata=subject.wikidata,
                gnd=subject.gnd,
                nwbib=subject.nwbib,
                evidence=seen.evidence,
            )
            known.append(keyword)
    return {topic: tuple(keywords) for topic, keywords in best.items()}


def _match(passage: Passage, tokens: Sequence[str], at: int) -> tuple[_Subject | None, int]:
    """The keyword that begins at a token, and how many tokens it takes."""
    words, names = _index()
    for parts, subject in names.get(_bare(tokens[at]), ()):
        if len(parts) <= len(tokens) - at and all(
            _bare(token) == part for token, part in zip(tokens[at : at + len(parts)], parts, strict=True)
        ):
            return subject, len(parts)
    is_name = passage.grid.tokens[at][:1].isupper()
    return (words.get(tokens[at]) if is_name else None), 1
