"""Did you mean: for words of a query that find nothing, or next to nothing, the nearest words of the archive.

Word forms are compared folded, so an umlaut left out is one letter; two letters that changed places are one mistake
(optimal string alignment). What a word finds says which of two equally near ones is meant.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Protocol

from rapidfuzz.distance import OSA
from rapidfuzz.process import extract

from archive_pipeline.language.analysis import compound_parts
from archive_pipeline.language.folding import fold
from archive_pipeline.query import And, Node, Or, Term

__all__ = ["WordForms", "better_words", "replace_words"]

_MIN_LETTERS = 4
_SHORT_WORD = 5
_MAX_WORDS = 12
_CANDIDATES = 20
_RARE = 2
_USUAL = 10
"""A word that finds at most 2 releases gives way to one that is a letter off and finds more than ten times as many."""


class WordForms(Protocol):
    """What is known of the words of an archive."""

    def forms(self, prefix: str) -> Sequence[str]:
        """The folded forms that begin so."""

    def count(self, node: Node) -> int:
        """How many releases a query finds."""

    def surface(self, form: str) -> str | None:
        """A folded form as a release writes it, or None when none has it."""


def better_words(node: Node, words: WordForms) -> tuple[tuple[str, str], ...]:
    """What to write instead of which words (or two words) of a query, in order; nothing for words that are fine."""
    found: list[tuple[str, str]] = []
    terms = list(dict.fromkeys(_terms(node)))[:_MAX_WORDS]
    counts = {term: words.count(term) for term in terms}
    joined: set[Term] = set()
    for first, second in pairwise(terms):
        whole = Term(first.text + second.text.lower(), first.field)
        if min(counts[first], counts[second]) == 0 and joined.isdisjoint({first, second}) and words.count(whole):
            found.append((f"{first.text} {second.text}", words.surface(fold(whole.text)) or whole.text))
            joined |= {first, second}
    for term in terms:
        if term not in joined and (better := _better(term, counts[term], words)):
            found.append((term.text, better))
    return tuple(found)


def replace_words(query: str, better: Sequence[tuple[str, str]]) -> str:
    """The query text with the words replaced where they stand as whole words."""
    for old, new in better:
        pattern = r"(?<!\w)" + r"\s+".join(map(re.escape, old.split())) + r"(?!\w)"
        query = re.sub(pattern, _literally(new), query, count=1)
    return query


def _literally(text: str) -> Callable[[re.Match[str]], str]:
    return lambda _: text


def _terms(node: Node) -> Iterator[Term]:
    """The plain words asked for, those that are to be left out not among them."""
    match node:
        case Term(text):
            if len(text) >= _MIN_LETTERS and text.isalpha():
                yield node
        case And(nodes) | Or(nodes):
            for inner in nodes:
                yield from _terms(inner)


def _better(term: Term, count: int, words: WordForms) -> str | None:
    if count > _RARE:
        return None
    form = fold(term.text)
    limit = 1 if count or len(form) <= _SHORT_WORD else 2
    near = extract(form, words.forms(form[:1]), scorer=OSA.distance, score_cutoff=limit, limit=None)
    ordered = sorted((edits, -_shared(form, other), other) for other, edits, _ in near if edits > 0)
    nearest = [other for edits, _, other in ordered if edits == ordered[0][0]][:_CANDIDATES]
    counted = [(words.count(Term(other, term.field)), other) for other in nearest]
    best = max(counted, default=(0, ""), key=lambda item: item[0])
    if best[0] > count * _USUAL:
        return words.surface(best[1]) or best[1]
    return None if count else _parts(term, words)


def _parts(term: Term, words: WordForms) -> str | None:
    """A compound that nobody wrote, as the words it is made of, when each of them is found."""
    parts = compound_parts(term.text)[:2]
    if len(parts) < 2 or not all(words.count(Term(part, term.field)) for part in parts):
        return None
    return " ".join(words.surface(part) or part for part in parts)


def _shared(first: str, second: str) -> int:
    """How many letters two words begin with alike."""
    return next((place for place, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), len(first))
