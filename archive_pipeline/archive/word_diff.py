"""Which words of a text changed: first by sentence, then by word within those that differ."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

__all__ = ["Change", "word_diff"]

TOKEN = re.compile(r"\w+|[^\w\s]")
SENTENCE = re.compile(r"\S.*?(?:[.!?:…][“\"')\]]*(?=\s|$)|$)", re.MULTILINE)

Span = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change: `before` and `after` are spans of the two texts in code points, empty where words were put in or left
    out; the texts are those of the spans."""

    kind: Literal["insert", "delete", "replace"]
    before: Span
    after: Span
    before_text: str
    after_text: str


def word_diff(before: str, after: str) -> tuple[Change, ...]:
    """The changes from one text to another, word by word, in order. Spaces and line breaks count for nothing."""
    old, new = _tokens(before, SENTENCE), _tokens(after, SENTENCE)
    found: list[Change] = []
    for left, right in _differences(before, after, old, new, (0, 0)):
        words, others = _tokens(before, TOKEN, left), _tokens(after, TOKEN, right)
        starts = left[0], right[0]
        found += (_change(before, after, *spans) for spans in _differences(before, after, words, others, starts))
    return tuple(found)


def _tokens(text: str, pattern: re.Pattern[str], span: Span | None = None) -> list[Span]:
    start, end = span or (0, len(text))
    return [match.span() for match in pattern.finditer(text, start, end)]


def _differences(
    before: str, after: str, old: Sequence[Span], new: Sequence[Span], starts: Span
) -> Iterator[tuple[Span, Span]]:
    """The stretches of the two texts whose parts differ; `starts` is where each of the two begins."""
    ours, theirs = _parts(before, old), _parts(after, new)
    for tag, i, j, m, n in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if tag != "equal":
            yield _stretch(old, i, j, starts[0]), _stretch(new, m, n, starts[1])


def _parts(text: str, spans: Sequence[Span]) -> list[str]:
    return [" ".join(text[start:end].split()) for start, end in spans]


def _stretch(spans: Sequence[Span], start: int, end: int, base: int) -> Span:
    if start < end:
        return spans[start][0], spans[end - 1][1]
    at = spans[start - 1][1] if start else base
    return at, at


def _change(before: str, after: str, old: Span, new: Span) -> Change:
    kind: Literal["insert", "delete", "replace"] = (
        "insert" if old[0] == old[1] else "delete" if new[0] == new[1] else "replace"
    )
    return Change(kind=kind, before=old, after=new, before_text=before[slice(*old)], after_text=after[slice(*new)])
