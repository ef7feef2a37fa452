"""Splitting German compounds into known nouns: Flüchtlingshilfe = Flüchtling + Hilfe.

A word is split only when known words and linking letters cover it from end to end. Of several ways the cheapest
wins: few parts, then plain joins before linking letters, except after endings that always take an s (-ung, -heit).
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from archive_pipeline.language.folding import reduce_umlauts

__all__ = ["CompoundSplitter", "Part"]

_Found = tuple[int, str, int, bool]
"""Cost, dictionary form, length without linking letters, searchable."""

_Chain = tuple[int, _Found, "_Chain"] | None
"""Where a part begins, the part, and the chain of those behind it."""

_LINKS = (("s", 1), ("n", 1), ("es", 2), ("en", 2), ("er", 3), ("ns", 3), ("e", 4), ("innen", 1))
"""Linking letters and what they cost beside a part's 10; rare ones cost more."""

_LINKED_BY_S = ("ung", "heit", "keit", "schaft", "taet", "ion", "ling", "tum")
_MISSING_S = 2

_DERIVED = ("ung", "ungen", "heit", "heiten", "keit", "keiten", "ierung", "ierungen")
"""Endings that make a last part a noun even when the list lacks it, if nouns of the list stand before it."""

_MIN_DERIVED = 7
_PART = 10
_SHORT_PART = 3
_ENDINGS = ("n", "e", "en", "s", "es", "er", "ern", "em", "r", "m", "ns", "ens", "in", "innen", "se", "sen")
_ENDINGS_BY_LETTER = {
    letter: tuple(ending for ending in _ENDINGS if ending.endswith(letter)) for letter in {e[-1] for e in _ENDINGS}
}
_LINKS_BY_LETTER = {
    letter: tuple(link for link in _LINKS if link[0].endswith(letter)) for letter in {link[-1] for link, _ in _LINKS}
}
"""Both by their last letter and otherwise in their order: new words of an archive are looked up here many times."""

_BEGIN = 4
_MIN_WORD = 6
_MIN_PART = 3
_MAX_WORD = 60
_REMEMBERED = 50_000
"""Pieces of words whose answer is kept: the same parts come again in word after word."""
_UMLAUT = re.compile("[aou]e")


class Part(NamedTuple):
    """One part of a compound: its dictionary form, folded, and where it stands in the folded compound.
    `end` leaves linking letters out; `searchable` is False for parts that say nothing alone (Vor-, Trink-)."""

    lemma: str
    start: int
    end: int
    searchable: bool = True


class CompoundSplitter:
    """Splits folded words. `nouns` may stand anywhere and are never split themselves, `adjectives` and `stems`
    stand only in front (Kommunal-, Wohn-); of these the stems are too general to be found by
    (`Part.searchable`). `plurals` gives singulars of irregular plurals. All are folded lower-case words."""

    def __init__(
        self,
        nouns: Iterable[str],
        *,
        adjectives: Iterable[str] = (),
        stems: Iterable[str] = (),
        plurals: Mapping[str, str] | None = None,
    ) -> None:
        self._nouns = frozenset(nouns)
        self._adjectives = frozenset(adjectives)
        self._stems = frozenset(stems)
        self._plurals = dict(plurals or {})
        self._plain = {reduce_umlauts(noun): noun for noun in sorted(self._nouns)}
        self._begins = _Begins({*self._nouns, *self._adjectives, *self._stems, *self._plurals, *self._plain})
        self._modifier = lru_cache(_REMEMBERED)(self._find_modifier)
        self._head = lru_cache(_REMEMBERED)(self._find_head)

    def is_noun(self, folded: str) -> bool:
        """Whether the word itself stands in the list."""
        return folded in self._nouns

    def lemma(self, folded: str) -> str:
        """The noun of the list of which this is an inflected form, or nothing."""
        singular = self.singular(folded)
        if folded in self._nouns or singular in self._nouns:
            return singular if singular in self._nouns else folded
        for ending in _ENDINGS_BY_LETTER.get(folded[-1:], ()):
            if folded.endswith(ending):
                stem = folded[: -len(ending)]
                base = stem if stem in self._nouns else self._plain.get(reduce_umlauts(stem))
                if base:
                    return base
        return self._plain.get(reduce_umlauts(folded), "")

    def modifier(self, folded: str) -> str:
        """The word a truncated first part stands for (integrations -> integration), or nothing."""
        found = self._modifier(folded)
        return found[1] if found and found[3] else ""

    def singular(self, folded: str) -> str:
        """The singular of an irregular plural (Museen, Museum; Ereignissen, Ereignis), or nothing."""
        return self._plurals.get(folded) or (self._plurals.get(folded[:-1], "") if folded.endswith("n") else "")

    def split(self, folded: str, *, listed: bool = False) -> tuple[Part, ...]:
        """The parts in order, or nothing when the word is no compound of known words. Words of the list are split
        only when `listed` asks for it (Landtag = Land + Tag)."""
        if not _MIN_WORD <= len(folded) <= _MAX_WORD or (self.lemma(folded) and not listed):
            return ()
        parts = self._cover(folded, self._head)
        if not parts and folded.endswith(_DERIVED):
            parts = self._cover(folded, _derived)
            if not all(self.is_noun(part.lemma) and len(part.lemma) > _MIN_PART for part in parts[:-1]):
                return ()
        return parts

    def _cover(self, word: str, head: Callable[[str], _Found | None]) -> tuple[Part, ...]:
        """The cheapest cover of the whole word, built from the end to the front. Only places that a chain of parts
        from the front reaches are looked at."""
        size = len(word)
        steps = self._steps(word, everywhere=head == _derived)
        best: dict[int, tuple[int, _Chain]] = {size: (0, None)}
        for start in reversed(steps):
            ways = steps[start]
            if start and (last := head(word[start:])):
                ways.append((size, last))
            for end, found in ways:
                rest = best.get(end)
                if rest is not None:
                    cost = rest[0] + found[0]
                    cheapest = best.get(start)
                    if cheapest is None or cost <= cheapest[0]:
                        best[start] = (cost, (start, found, rest[1]))
        return tuple(_parts(best[0][1])) if 0 in best else ()

    def _steps(self, word: str, *, everywhere: bool) -> dict[int, list[tuple[int, _Found]]]:
        """By the places where parts can begin: the parts that stand there and have another one behind them, with the
        place of that one. From front to end."""
        begins = self._places(word, everywhere=everywhere)
        steps: dict[int, list[tuple[int, _Found]]] = {}
        reached = {0}
        for number, start in enumerate(begins):
            if start in reached:
                ways = steps[start] = []
                for end in begins[number + 1 :]:
                    if end - start >= _MIN_PART and (found := self._modifier(word[start:end])):
                        ways.append((end, found))
                        reached.add(end)
        return steps

    def _places(self, word: str, *, everywhere: bool) -> list[int]:
        """The places where any part may begin, by its first letters; spares most of the attempts at a word. Nothing
        when none can begin at the front."""
        places = [0, *range(_MIN_PART, len(word) - _MIN_PART + 1)]
        if everywhere:
            return places
        begins = self._begins
        if not begins[word[: _BEGIN + 1]]:
            return []
        return [place for place in places if begins[word[place : place + _BEGIN + 1]]]

    def _find_head(self, piece: str) -> _Found | None:
        base = self.lemma(piece)
        return (_cost(piece), base, len(piece), True) if base else None

    def _find_modifier(self, piece: str) -> _Found | None:
        if piece in self._nouns or piece in self._adjectives:
            return _cost(piece) + _MISSING_S * piece.endswith(_LINKED_BY_S), piece, len(piece), True
        if piece in self._stems:
            return _cost(piece), piece, len(piece), False
        for link, cost in _LINKS_BY_LETTER.get(piece[-1:], ()):
            length = len(piece) - len(link)
            if length >= _MIN_PART and piece.endswith(link):
                stem = piece[:length]
                if stem in self._nouns:
                    return _cost(stem) + cost, stem, length, True
                base = self._plain.get(reduce_umlauts(stem), "") if link in {"er", "e"} else ""
                if base:
                    return _cost(stem) + cost, base, len(piece), True
        if piece + "e" in self._nouns:
            return _cost(piece) + 1, piece + "e", len(piece), True
        if piece.endswith("s") and piece[:-1] + "e" in self._nouns:
            return _cost(piece) + 1, piece[:-1] + "e", len(piece) - 1, True
        return None


class _Begins(dict[str, bool]):
    """By five letters of a word: whether a part may begin with them. Answers are kept."""

    def __init__(self, words: Iterable[str]) -> None:
        super().__init__()
        self._known = frozenset(_begins(words))

    def __missing__(self, letters: str) -> bool:
        if len(self) >= _REMEMBERED:
            self.clear()
        known = any(letters[:length] in self._known for length in range(_BEGIN - 2, _BEGIN + 1))
        found = self[letters] = known or bool(_UMLAUT.search(letters))
        return found


def _parts(chain: _Chain) -> Iterator[Part]:
    while chain:
        start, (_, lemma, length, searchable), chain = chain
        yield Part(lemma, start, start + length, searchable)


def _begins(words: Iterable[str]) -> Iterator[str]:
    """The first four letters of words; of short ones fewer, as linking letters and endings may follow or replace
    their last one."""
    for word in words:
        yield word[:_BEGIN]
        if len(word) <= _BEGIN:
            yield word.removesuffix("e")[: _BEGIN - 1]
        if len(word) < _BEGIN:
            yield word.removesuffix("e") + "s"


def _derived(piece: str) -> _Found | None:
    """A last part that the list lacks, known as a noun by its ending."""
    return (_PART, piece, len(piece), True) if len(piece) >= _MIN_DERIVED and piece.endswith(_DERIVED) else None


def _cost(piece: str) -> int:
    return _PART + _SHORT_PART * (len(piece) <= _MIN_PART)
