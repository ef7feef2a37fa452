"""From lines as set on a page to paragraphs: hard-wrapped mail, the visual lines of a PDF, page furniture."""

import re
from collections import Counter
from itertools import pairwise

from archive_pipeline.clean.spans import Line

__all__ = ["is_wrapped", "page_furniture", "unwrap"]

_LIST_ITEM = re.compile(r"(?:[-–•*·▪◦‣]|\d{1,2}[.)]|[a-z]\))\s")
_SENTENCE_END = re.compile(r"[.!?:…][\"“”»«’')]*$")
_CONJUNCTION = re.compile(r"(?:und|oder|bzw\.|beziehungsweise|sowie|als|bis|noch|statt|wie)\b")
_PAGE_NUMBER = re.compile(
    r"(?:[^.!?]{2,60}\s[–|·-]\s(?=Seite ))?(?:-\s*)?(?:Seite\s+)?\d{1,3}(?:\s*(?:von|/)\s*\d{1,3})?(?:\s*-)?", re.I
)
_DIGITS = re.compile(r"\d+")


def is_wrapped(text: str) -> bool:
    """Whether lines were broken at a fixed width: most lines that another follows directly are 45 to 100 long."""
    rows = text.split("\n")
    inner = [len(row) for row, following in pairwise(rows) if row.strip() and following.strip()]
    if len(inner) < 3 or max(map(len, rows)) > 130:
        return False
    return sum(45 <= length <= 100 for length in inner) >= 0.6 * len(inner)


def unwrap(text: str) -> str:
    """Paragraphs, one a line, from lines broken at a width.

    A line continues the one before when its first word would not have fitted there: the line before is at least
    85 % as long as the long lines of the text are. A hyphen at the break goes when a lower-case word part follows.
    """
    rows = [row.strip() for row in text.split("\n")]
    lengths = sorted(len(row) for row in rows if row)
    if not lengths:
        return ""
    width = lengths[int(0.9 * (len(lengths) - 1))]
    paragraphs: list[str] = []
    previous = ""
    for row in rows:
        if row and previous and not _LIST_ITEM.match(row) and _continues(previous, row, width):
            paragraphs[-1] = _joined(paragraphs[-1], row)
        elif row:
            paragraphs.append(row)
        previous = row
    return "\n".join(paragraphs)


def _continues(previous: str, row: str, width: int) -> bool:
    if previous.endswith("-") and row[:1].islower():
        return True
    full = len(previous) + 1 + len(row.split(" ", 1)[0]) >= 0.85 * width
    return full or (row[:1].islower() and not _SENTENCE_END.search(previous))


def _joined(left: str, right: str) -> str:
    if left.endswith("-") and left[-2:-1].isalpha():
        if right[:1].islower() and not _CONJUNCTION.match(right):
            return left[:-1] + right
        if right[:1].isupper():
            return left + right
    return f"{left} {right}"


def page_furniture(pages: list[tuple[Line, ...]]) -> list[Line]:
    """Lines that stand at the top or bottom of most pages, digits aside, and page numbers standing alone there."""
    edges = [{*page[:3], *page[-3:]} for page in pages]
    counts = Counter(key for edge in edges for key in {_DIGITS.sub("#", line.text.strip()) for line in edge})
    needed = max(2, 0.6 * len(pages))
    return [
        line
        for page, edge in zip(pages, edges, strict=True)
        for line in page
        if line in edge
        and (
            (len(pages) > 1 and counts[_DIGITS.sub("#", line.text.strip())] >= needed)
            or (line in (page[0], page[-1]) and _PAGE_NUMBER.fullmatch(line.text.strip()))
        )
    ]
