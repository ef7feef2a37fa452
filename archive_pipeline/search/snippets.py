"""Passages of a text that show why it was found."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from archive_pipeline.index.terms import PART_SIGN, WordQuery, phrase_slop, within_distance
from archive_pipeline.language.analysis import TokenFields
from archive_pipeline.query import Fuzzy, Node, Phrase, Prefix
from archive_pipeline.search.occurrences import Leaf, Sought, Words, leaves, sought_by

__all__ = ["Highlight", "Snippet", "highlights", "snippets"]

_BEFORE = 60


@dataclass(frozen=True, slots=True)
class Highlight:
    """A stretch to mark, `text[start:end]`, in code points."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """A passage; its highlights count within `text`, `start` says where in the release it begins, `page` on which of
    its pages, if it has any."""

    text: str
    start: int
    highlights: tuple[Highlight, ...]
    page: int | None = None


def snippets(
    text: str, node: Node, *, quotes: Sequence[tuple[int, int]] = (), count: int = 2, width: int = 200
) -> tuple[Snippet, ...]:
    """Up to `count` passages of about `width` characters with the most different query words, in text order; the
    beginning of the text when no word of the query stands in it. Words asked for in direct speech are marked where
    `quotes` begin and end."""
    marks = _marker(node, "quote").marks(text, quotes)
    if not marks:
        return (_snippet(text, 0, width, ()),) if text.strip() else ()
    chosen: list[int] = []
    for *_, start in sorted(_windows(marks, width - _BEFORE)):
        if len(chosen) < count and all(abs(start - other) >= width for other in chosen):
            chosen.append(start)
    plain = tuple(dict.fromkeys(mark for _, mark in marks))
    return tuple(_snippet(text, max(0, start - _BEFORE), width, plain) for start in sorted(chosen))


def _windows(marks: Sequence[tuple[int, Highlight]], width: int) -> Iterator[tuple[int, int, int]]:
    """For a window that begins at each mark: how many query words and how many marks it holds, both negative, and where
    it begins."""
    inside: Counter[int] = Counter()
    behind = 0
    for number, (leaf, mark) in enumerate(marks):
        while behind < len(marks) and marks[behind][1].end <= mark.start + width:
            inside[marks[behind][0]] += 1
            behind += 1
        yield -len(inside), number - behind, mark.start
        if behind > number:
            inside[leaf] -= 1
            inside += Counter()  # drops what is at zero
        else:
            behind = number + 1


def highlights(text: str, node: Node, field: str | None = None) -> tuple[Highlight, ...]:
    """Everything in a text that the query asks for; `field` adds the words asked for in that field alone."""
    return tuple(dict.fromkeys(mark for _, mark in _marker(node, field).marks(text)))


def _snippet(text: str, start: int, width: int, marks: Sequence[Highlight]) -> Snippet:
    """A window moved to white space on both sides."""
    end = min(len(text), start + width)
    while start > 0 and not text[start - 1].isspace() and end - start < 2 * width:
        start -= 1
    while end < len(text) and not text[end].isspace() and end - start < 2 * width:
        end += 1
    inside = tuple(Highlight(m.start - start, m.end - start) for m in marks if start <= m.start and m.end <= end)
    return Snippet(text=text[start:end], start=start, highlights=inside)


class _Marker:
    """Marks the words of one query in texts; `field` adds the words asked for in that field alone."""

    def __init__(self, node: Node, field: str | None) -> None:
        named = [(leaf, sought_by(leaf)) for leaf in leaves(node)]
        self._leaves = [
            (number, leaf, sought)
            for number, (leaf, sought) in enumerate(named)
            if leaf.field is None or leaf.field == field
        ]
        self._words = Words([(leaf, sought) for _, leaf, sought in self._leaves])

    def marks(self, text: str, quotes: Sequence[tuple[int, int]] = ()) -> list[tuple[int, Highlight]]:
        """Number of the query leaf and stretch, in text order."""
        tokens = self._words.tokens(text)
        found = {
            (number, mark)
            for number, leaf, sought in self._leaves
            for mark in _leaf_marks(tokens, leaf, sought)
            if leaf.field != "quote" or any(start <= mark.start and mark.end <= end for start, end in quotes)
        }
        return sorted(found, key=lambda item: (item[1].start, item[1].end, item[0]))


_marker = lru_cache(maxsize=64)(_Marker)
"""Kept, because the hits of a page are marked one by one."""


def _leaf_marks(tokens: Sequence[TokenFields], leaf: Leaf, sought: Sought) -> Iterator[Highlight]:
    if isinstance(sought, WordQuery):
        slop = phrase_slop(len(sought.sequence), leaf.slop) if isinstance(leaf, Phrase) else 0
        yield from _word_marks(tokens, sought, slop)
    elif isinstance(leaf, Prefix):
        yield from (Highlight(t.start, t.end) for t in tokens if t.form.startswith(str(sought)))
    elif isinstance(leaf, Fuzzy):
        form = str(sought)
        for token in tokens:
            if token.form[:1] == form[:1] and within_distance(form, token.form, leaf.distance) is not None:
                yield Highlight(token.start, token.end)
    else:
        yield from (Highlight(t.start, t.end) for t in tokens if t.form in sought)


def _word_marks(tokens: Sequence[TokenFields], wanted: WordQuery, slop: int) -> Iterator[Highlight]:
    for token in tokens:
        if (PART_SIGN + token.text if token.kind == "part" else token.text) in wanted.keys:
            yield Highlight(token.start, token.end)
    if wanted.sequence:
        yield from _sequence_marks([token for token in tokens if token.kind != "part"], wanted.sequence, slop)


def _sequence_marks(tokens: Sequence[TokenFields], sequence: Sequence[Sequence[str]], slop: int) -> Iterator[Highlight]:
    """The tokens of every chain that follows the sequence, one highlight each. There may be many more chains than
    tokens: each word keeps those that a chain leads to, then those of them from which it goes on to the last word."""
    steps = [[token for token in tokens if token.text in sequence[0]]]
    for keys in sequence[1:]:
        places = [token.position for token in steps[-1]]
        following = [token for token in tokens if token.text in keys]
        steps.append([token for token in following if _any_within(places, token.position - slop - 1, token.position)])
    places = [token.position for token in steps[-1]]
    for step in reversed(steps):
        if step is not steps[-1]:
            step[:] = [token for token in step if _any_within(places, token.position + 1, token.position + slop + 2)]
            places = [token.position for token in step]
        yield from (Highlight(token.start, token.end) for token in step)


def _any_within(places: Sequence[int], first: int, end: int) -> bool:
    """Whether one of the places, which are in order, is `first` or behind it and before `end`."""
    return bisect_left(places, first) < bisect_left(places, end)
