"""The words of a text that can answer a query, found without analysing all of the text.

What people look up stands in a few places of a release, and analysing a word for the first time costs much more than
looking at its letters. So only stretches are analysed whose letters allow a match; `tests/search/test_occurrences.py`
checks on the word lists that no match is missed that way. Offsets are those of the whole text.
"""

import re
from collections.abc import Collection, Iterator, Sequence

from archive_pipeline.index.terms import PART_SIGN, WordQuery, exact_forms, phrase_query, phrase_slop, word_query
from archive_pipeline.language.analysis import TokenFields, token_fields
from archive_pipeline.language.folding import fold, reduce_umlauts
from archive_pipeline.query import And, Exact, Fuzzy, Node, Or, Phrase, Prefix, Term

__all__ = ["Leaf", "Sought", "Words", "leaves", "sought_by"]

Leaf = Term | Phrase | Prefix | Fuzzy | Exact
"""A node of a query that stands for words."""

Sought = WordQuery | tuple[str, ...] | str
"""What a leaf is looked up by: keys, forms, or the folded beginning or word."""

_CONTEXT = 12
"""Stretches between blanks on both sides that can decide what a truncated compound stands for."""
_APART = 1_000_000
"""Positions between two stretches: no phrase reaches from one into the other."""

_STRETCH = re.compile(r"\S+")
_SIGNS = ".,:;!?\"'()[]„“”»«‚‘’–—…"
_SPELT_OUT = (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss"))
_VOWEL = re.compile("[aou]")
_EDGES = "-\u2010\u2011"
_INNER_EDGES = ("-/", "-,", "/-", "(-", ",-")
_RESPELT = {"phot": "foto", "foto": "phot", "brok": "broc", "broc": "brok", "sho": "scho", "sch": "sho", "athy": "athl"}
"""Stems of words that the lists know in two spellings."""


def leaves(node: Node) -> Iterator[Leaf]:
    """The leaves of a query that say what to mark."""
    match node:
        case And(nodes) | Or(nodes):
            for inner in nodes:
                yield from leaves(inner)
        case Term() | Phrase() | Prefix() | Fuzzy() | Exact():
            yield node


def sought_by(leaf: Leaf) -> Sought:
    """What a leaf is looked up by."""
    match leaf:
        case Term(text):
            return word_query(text)
        case Phrase(texts):
            return phrase_query(texts)
        case Exact(text):
            return exact_forms(text)
        case Prefix(text) | Fuzzy(text):
            return fold(text)


class Words:
    """Finds the tokens of texts that can answer the leaves of one query."""

    def __init__(self, found: Sequence[tuple[Leaf, Sought]]) -> None:
        stems: set[str] = set()
        beginnings: set[str] = set()
        self._reach = 0
        for leaf, sought in found:
            if isinstance(sought, WordQuery):
                stems.update(key.removeprefix(PART_SIGN) for key in sought.keys)
                stems.update(_rarest(sought.sequence))
                slop = phrase_slop(len(sought.sequence), leaf.slop) if isinstance(leaf, Phrase) else 0
                self._reach = max(self._reach, (len(sought.sequence) - 1) * (slop + 1))
            elif isinstance(leaf, Fuzzy):
                beginnings.add(str(sought)[:1])
            else:
                beginnings.update([sought] if isinstance(sought, str) else sought)
        stubs = {_VOWEL.sub(r"\g<0>e?", re.escape(stub)) for stem in stems for stub in _stubs(stem)}
        begun = {rf"\b{re.escape(beginning)}" for beginning in beginnings if beginning}
        self._allows = re.compile("|".join(sorted(stubs | begun)) or r"(?!)").search

    def tokens(self, text: str) -> list[TokenFields]:
        """The tokens that can answer the query, among others, in text order."""
        written = text.lower()
        for umlaut, letters in _SPELT_OUT:
            written = written.replace(umlaut, letters)
        stretches = written.split()
        wanted = self._wanted(stretches)
        if not wanted:
            return []
        places = [match.span() for match in _STRETCH.finditer(text)]
        found: list[TokenFields] = []
        for number, (first, last) in enumerate(self._runs(wanted, stretches)):
            begin, end = places[first][0], places[last][1]
            for token in token_fields(text[begin:end]):
                place = token.position + number * _APART
                found.append(token._replace(position=place, start=token.start + begin, end=token.end + begin))
        return found

    def _wanted(self, stretches: Sequence[str]) -> list[int]:
        """Numbers of the stretches whose letters allow a match, and of those that are no plain words."""
        allows = self._allows
        return [
            number
            for number, stretch in enumerate(stretches)
            if allows(stretch) or not ((word := stretch.strip(_SIGNS)).isalpha() and word.isascii() and len(word) > 1)
        ]

    def _runs(self, wanted: Sequence[int], stretches: Sequence[str]) -> Iterator[tuple[int, int]]:
        """First and last number of runs of stretches to be analysed together."""
        last = len(stretches) - 1
        first_of_run = last_of_run = -1
        for number in wanted:
            low, high = self._around(number, stretches[number])
            low, high = max(0, low), min(last, high)
            if first_of_run >= 0 and low <= last_of_run + 1:
                last_of_run = max(last_of_run, high)
                continue
            if first_of_run >= 0:
                yield first_of_run, last_of_run
            first_of_run, last_of_run = low, high
        if first_of_run >= 0:
            yield first_of_run, last_of_run

    def _around(self, number: int, stretch: str) -> tuple[int, int]:
        """A truncated compound needs its neighbours, a phrase the words it may reach; signs take up stretches too."""
        reach = 2 * self._reach
        if stretch[0] in _EDGES or stretch[-1] in _EDGES or any(edge in stretch for edge in _INNER_EDGES):
            reach = max(reach, _CONTEXT)
        return number - reach, number + reach


def _rarest(sequence: Sequence[Sequence[str]]) -> Sequence[str]:
    """The keys of that word of a sequence whose first letters are likely to tell most."""
    return max(sequence, key=lambda keys: min(map(len, keys), default=0), default=())


def _stubs(stem: str) -> Collection[str]:
    """First letters of a stem that every word it is a key of contains."""
    reduced = reduce_umlauts(stem)
    stub = reduced[: 2 if len(reduced) <= 4 else 3 if len(reduced) <= 6 else 4]
    respelt = {_RESPELT[start] for start in (reduced[:4], reduced[:3]) if start in _RESPELT}
    return {stub, *respelt}
