"""Key word in context: one line for every place at which a release says what was asked for."""

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

from archive_pipeline.index.terms import PART_SIGN, WordQuery, phrase_slop, within_distance
from archive_pipeline.language.analysis import TokenFields
from archive_pipeline.language.folding import fold
from archive_pipeline.query import Fuzzy, Node, Phrase, Prefix
from archive_pipeline.search.occurrences import Leaf, Sought, Words, leaves, sought_by
from archive_pipeline.search.service import FoundRelease

__all__ = ["Concordance", "KwicLine", "KwicSort", "sort_lines"]

KwicSort = Literal["left", "right", "date"]
"""By the words before (the nearest first), by the words after, by day of publication."""

_Span = tuple[int, int]
_SPACE = re.compile(r"\s+")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class KwicLine:
    """One occurrence: `hit` is `text[start:end]` of the release's title or text (`place`), `left` and `right` are what
    stands around it, in one line: white space is one blank each."""

    release_id: str
    published: date | None
    source_id: str
    place: Literal["title", "text"]
    start: int
    end: int
    left: str
    hit: str
    right: str
    title: str
    url: str | None


class Concordance:
    """Finds the occurrences of one query; its words are looked up once for all releases."""

    def __init__(self, node: Node, *, width: int = 60) -> None:
        self._leaves = [(leaf, sought_by(leaf)) for leaf in leaves(node)]
        self._words = Words(self._leaves)
        self._width = width

    @property
    def has_words(self) -> bool:
        """Whether anything is asked for that can stand in a text; filters alone have no occurrences."""
        return bool(self._leaves)

    def lines(self, release: FoundRelease) -> Iterator[KwicLine]:
        """Every occurrence in a release, the title's first. Of overlapping ones the longest counts."""
        places: tuple[tuple[Literal["title", "text"], str], ...] = (("title", release.title), ("text", release.text))
        for place, text in places:
            for start, end in self._spans(place, text, release.quotes):
                yield KwicLine(
                    release_id=release.id,
                    published=release.published,
                    source_id=release.source_id,
                    place=place,
                    start=start,
                    end=end,
                    left=_one_line(text[max(0, start - 2 * self._width) : start])[-self._width :],
                    hit=" ".join(text[start:end].split()),
                    right=_one_line(text[end : end + 2 * self._width])[: self._width],
                    title=release.title,
                    url=release.url,
                )

    def _spans(self, place: str, text: str, quotes: Sequence[_Span]) -> list[_Span]:
        tokens = self._words.tokens(text)
        found: set[_Span] = set()
        for leaf, sought in self._leaves:
            if leaf.field is None or leaf.field == place:
                found.update(_occurrences(tokens, leaf, sought))
            elif leaf.field == "quote" and place == "text":
                spans = _occurrences(tokens, leaf, sought)
                found.update((a, b) for a, b in spans if any(start <= a and b <= end for start, end in quotes))
        return _longest(found)


def sort_lines(lines: Iterable[KwicLine], order: KwicSort) -> list[KwicLine]:
    """Lines in order; those of releases without a date come last by date. Holds them all in memory."""
    return sorted(lines, key=_KEYS[order])


def _one_line(text: str) -> str:
    return _SPACE.sub(" ", text)


def _words_of(text: str) -> list[str]:
    return [fold(word) for word in _WORD.findall(text)]


def _by_left(line: KwicLine) -> tuple[object, ...]:
    return _words_of(line.left)[::-1], fold(line.hit), *_by_date(line)


def _by_right(line: KwicLine) -> tuple[object, ...]:
    return _words_of(line.right), fold(line.hit), *_by_date(line)


def _by_date(line: KwicLine) -> tuple[object, ...]:
    return line.published or date.max, line.release_id, line.place == "text", line.start


_KEYS = {"left": _by_left, "right": _by_right, "date": _by_date}


def _occurrences(tokens: Sequence[TokenFields], leaf: Leaf, sought: Sought) -> Iterator[_Span]:
    if isinstance(sought, WordQuery):
        yield from _words(tokens, sought)
        if sought.sequence:
            slop = phrase_slop(len(sought.sequence), leaf.slop) if isinstance(leaf, Phrase) else 0
            yield from _sequences([token for token in tokens if token.kind != "part"], sought.sequence, slop)
    elif isinstance(leaf, Prefix):
        yield from ((t.start, t.end) for t in tokens if t.form.startswith(str(sought)))
    elif isinstance(leaf, Fuzzy):
        form = str(sought)
        for token in tokens:
            if token.form[:1] == form[:1] and within_distance(form, token.form, leaf.distance) is not None:
                yield token.start, token.end
    else:
        yield from ((t.start, t.end) for t in tokens if t.form in sought)


def _words(tokens: Sequence[TokenFields], sought: WordQuery) -> Iterator[_Span]:
    keys = set(sought.keys)
    for token in tokens:
        if (PART_SIGN + token.text if token.kind == "part" else token.text) in keys:
            yield token.start, token.end


def _sequences(tokens: Sequence[TokenFields], sequence: Sequence[Sequence[str]], slop: int) -> Iterator[_Span]:
    """The first and last character of every chain of words that follows the sequence; of several that begin at one word
    the shortest."""
    chains = [(token, token) for token in tokens if token.text in sequence[0]]
    for keys in sequence[1:]:
        following = [token for token in tokens if token.text in keys]
        places = [token.position for token in following]
        chains = list(
            {
                (first.start, token.start): (first, token)
                for first, last in chains
                for token in following[
                    bisect_right(places, last.position) : bisect_right(places, last.position + slop + 1)
                ]
            }.values()
        )
    shortest: dict[int, int] = {}
    for first, last in chains:
        shortest[first.start] = min(last.end, shortest.get(first.start, last.end))
    yield from shortest.items()


def _longest(spans: Iterable[_Span]) -> list[_Span]:
    """The spans in text order without those inside another one."""
    ordered = sorted(spans, key=lambda span: (span[0], -span[1]))
    kept: list[_Span] = []
    for span in ordered:
        if not kept or span[1] > kept[-1][1]:
            kept.append(span)
    return kept
