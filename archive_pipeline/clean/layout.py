"""From lines as set on a page to paragraphs: hard-wrapped mail, the visual lines of a PDF, page furniture."""

import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby, islice, pairwise
from math import ceil

from archive_pipeline.clean.spans import Line

__all__ = ["is_wrapped", "page_furniture", "runs_on", "unwrap"]

MIN_WRAPPED, MAX_WRAPPED = 40, 130
"""Characters of lines broken at a width; longer ones are paragraphs, shorter ones were ended on purpose."""

_LIST_ITEM = re.compile(r"(?:[-–•*·▪◦‣]|\d{1,2}[.)]|[a-z]\))\s")
_SENTENCE_END = re.compile(r"[.!?:…][\"“”»«’')]*$")
_CONJUNCTION = re.compile(r"(?:und|oder|bzw\.|beziehungsweise|sowie|als|bis|noch|statt|wie)\b")
_PAGE_NUMBER = re.compile(
    r"(?:[^.!?]{2,60}\s[–|·-]\s(?=Seite ))?(?:-\s*)?(?:Seite\s+)?\d{1,3}(?:\s*(?:von|/)\s*\d{1,3})?(?:\s*-)?", re.I
)
_OPEN_END = re.compile(
    r"(?:^|\s)(?:der|die|das|den|dem|des|ein|eine|einen|einem|einer|eines|und|oder|sowie|aber|sondern|dass|ob|weil|wenn"
    r"|als|wie|in|im|ins|an|am|ans|auf|aus|bei|beim|bis|durch|für|gegen|mit|nach|seit|über|um|unter|von|vom|vor|während"
    r"|wegen|zu|zum|zur|zwischen|sich|ihre|ihren|ihrem|ihrer|seine|seinen|seinem|seiner|diese|dieser|diesen|diesem|[\w-]+,"
    r"|\d{1,2}\.)$",
    re.I,
)
"""A line that ends like this ends within a sentence."""
_DIGITS = re.compile(r"\d+")


def is_wrapped(text: str) -> bool:
    """Whether lines were broken at a fixed width: most lines that another follows directly are 45 to 100 long, or one
    of them breaks off within a sentence."""
    rows = text.split("\n")
    pairs = [(row, following) for row, following in pairwise(rows) if row.strip() and following.strip()]
    if any(runs_on(row.strip(), following.strip()) for row, following in pairs) or any(map(_is_broken, _blocks(rows))):
        return True
    if len(pairs) < 3 or max(map(len, rows)) > MAX_WRAPPED:
        return False
    return sum(45 <= len(row) <= 100 for row, _ in pairs) >= 0.6 * len(pairs)


def _blocks(rows: list[str]) -> Iterator[list[str]]:
    """The lines between empty ones, but for the first such block, which may be a heading with a text below it."""
    blocks = (list(group) for filled, group in groupby(map(str.strip, rows), bool) if filled)
    return islice(blocks, 1, None)


def _is_broken(block: list[str]) -> bool:
    """Whether a block is one paragraph of several lines: long ones that end no sentence, then the end of one."""
    return (
        len(block) > 1
        and max(map(len, block)) <= MAX_WRAPPED
        and bool(_SENTENCE_END.search(block[-1]))
        and any(len(row) >= MIN_WRAPPED and not _SENTENCE_END.search(row) for row in block[:-1])
        and not any(map(_LIST_ITEM.match, block))
    )


def runs_on(row: str, following: str) -> bool:
    """Whether a sentence surely goes on from a line to the next: it breaks off behind "der" or "bei", or the next line
    begins in lower case."""
    if not MIN_WRAPPED <= len(row) <= MAX_WRAPPED or not following or _LIST_ITEM.match(following):
        return False
    return bool(_OPEN_END.search(row)) or (following[0].islower() and not _SENTENCE_END.search(row))


def unwrap(text: str) -> str:
    """Paragraphs, one a line, from lines broken at a width.

    A line continues the one before when its first word would not have fitted there: the line before is at least
    85 % as long as the long lines of the text are. A hyphen at the break goes when a lower-case word part follows.
    """
    rows = [row.strip() for row in text.split("\n")]
    lengths = sorted(len(row) for row in rows if row)
    if not lengths:
        return ""
    width = lengths[ceil(0.9 * (len(lengths) - 1))]
    pieces: list[str] = []
    previous = ""
    for row in rows:
        if row and previous and not _LIST_ITEM.match(row) and _continues(previous, row, width):
            pieces[-1], link = _joint(pieces[-1], row)
            pieces += (link, row)
        elif row:
            pieces += ("\n", row)
        previous = row
    return "".join(pieces[1:])


def _continues(previous: str, row: str, width: int) -> bool:
    if previous.endswith("-") and row[:1].islower():
        return True
    if len(previous) > MAX_WRAPPED and _SENTENCE_END.search(previous):
        return False
    full = len(previous) + 1 + len(row.split(" ", 1)[0]) >= 0.85 * width
    return full or runs_on(previous, row) or (row[:1].islower() and not _SENTENCE_END.search(previous))


def _joint(left: str, right: str) -> tuple[str, str]:
    """The end of a line as it stands before the next one, and what stands between them."""
    if left.endswith("-") and left[-2:-1].isalpha():
        if right[:1].islower() and not _CONJUNCTION.match(right):
            return left[:-1], ""
        if right[:1].isupper():
            return left, ""
    return left, " "


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
