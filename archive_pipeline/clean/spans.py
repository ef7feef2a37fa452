"""Taking text out of an article so that nothing is lost: every cut keeps the span and the rule's name."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

from archive_pipeline.model import Article, Removed

__all__ = ["LARGE", "Line", "cut", "cut_lines", "large_removals", "lines", "moved_pages", "plain", "terms"]

LARGE = 0.3
"""Share of a text from which on what one rule removed is worth a look: furniture is less, a release misread is more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a body: its number among the non-empty lines, its text, and `body[start:end] == text`."""

    number: int
    text: str
    start: int
    end: int


_LINE = re.compile(r"[^\n]*\S[^\n]*")


@lru_cache(maxsize=8)
def lines(body: str) -> tuple[Line, ...]:
    """The non-empty lines of a body, in order."""
    return tuple(
        Line(number=number, text=match.group(), start=match.start(), end=match.end())
        for number, match in enumerate(_LINE.finditer(body))
    )


def cut(article: Article, rule: str, spans: Iterable[tuple[int, int]]) -> Article:
    """The article without these spans of its text, each recorded under the rule's name.

    Spans are code point offsets into `article.text` and must not overlap. They are recorded from the last to the
    first, so `start` holds both in the text the rule received and in the text just before the cut: putting the
    removed texts back in reverse order of `removed` gives the extracted text again. Pages begin where they began.
    """
    text = article.text
    ordered = sorted(span for span in spans if span[0] < span[1])
    if not ordered:
        return article
    kept, position = [], 0
    for start, end in ordered:
        kept.append(text[position:start])
        position = end
    kept.append(text[position:])
    removed = (Removed(rule=rule, text=text[start:end], start=start) for start, end in reversed(ordered))
    pages = tuple(page - _cut_before(page, ordered) for page in article.pages)
    return replace(article, text="".join(kept), removed=(*article.removed, *removed), pages=pages)


def _cut_before(offset: int, spans: Iterable[tuple[int, int]]) -> int:
    """How many characters before an offset lie in these spans."""
    return sum(max(0, min(end, offset) - start) for start, end in spans)


def moved_pages(pages: tuple[int, ...], before: str, after: str) -> tuple[int, ...]:
    """Where pages that begin at these offsets of `before` begin in `after`, the same letters and digits with other
    white space, hyphens and marks between them: behind as many letters and digits as before."""
    if not pages:
        return ()
    places = [place for place, char in enumerate(after) if char.isalnum()]
    counts = {0: 0} | dict.fromkeys(pages, 0)
    number = 0
    for offset in range(max(pages) + 1):
        if offset in counts:
            counts[offset] = number
        number += offset < len(before) and before[offset].isalnum()
    # a quotation mark or a bullet before its first letter belongs to the page
    return tuple(_opening(after, places[n]) if n < len(places) else len(after) for n in map(counts.__getitem__, pages))


def _opening(text: str, place: int) -> int:
    """Where the word begins in which this character stands, with the marks before it."""
    return max(text.rfind(" ", 0, place), text.rfind("\n", 0, place)) + 1


def cut_lines(article: Article, rule: str, doomed: Iterable[Line]) -> Article:
    """The article without these whole lines of its text, together with the line breaks that set them off."""
    return cut(article, rule, _whole(article.text, sorted(doomed, key=lambda line: line.start)))


def large_removals(article: Article) -> tuple[tuple[str, float], ...]:
    """The rules that removed more than 30 % of the extracted text, all their spans together, each with its share."""
    whole = len(article.text) + sum(len(span.text) for span in article.removed)
    taken: dict[str, int] = {}
    for span in article.removed:
        taken[span.rule] = taken.get(span.rule, 0) + len(span.text)
    return tuple((rule, size / whole) for rule, size in taken.items() if size > LARGE * whole)


_BREAKS = re.compile(r"\n*")


def _whole(body: str, doomed: list[Line]) -> Iterator[tuple[int, int]]:
    """Spans from each run of lines to the next kept line; at the end of the body the breaks before it go."""
    runs: list[tuple[int, int]] = []
    for line in doomed:
        breaks = _BREAKS.match(body, line.end)
        following = breaks.end() if breaks else line.end
        if runs and runs[-1][1] == line.start:
            runs[-1] = (runs[-1][0], following)
        else:
            runs.append((line.start, following))
    for start, end in runs:
        yield (len(body[:start].rstrip("\n")), end) if end == len(body) else (start, end)


_WORDS = re.compile(r"[^\W_]+")


def plain(text: str) -> str:
    """The words of a text in lower case, without punctuation: equal for lines that read the same."""
    return " ".join(_WORDS.findall(text.casefold()))


def terms(text: str) -> frozenset[str]:
    """A set of short texts from one long one: separated by bars, line breaks around them ignored."""
    return frozenset(" ".join(term.split()) for term in text.split("|") if term.strip())
