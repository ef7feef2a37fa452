"""From pieces of text placed on a page to lines in reading order: tables row by row, columns one after the other."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

__all__ = ["Piece", "page_text"]

WIDE_GAP = 1.5
"""Type sizes of empty space between two pieces of one line from which on they stand in different columns."""

SAME_PLACE = 3.0
"""Points within which two pieces begin at the same place."""

COLUMN_ROWS = 6
COLUMN_LETTERS = 20
"""Lines, and letters a line, from which on two texts side by side are columns of prose; less is a table."""

NARROW, BROAD = frozenset("ijltfrI.,;:|!'()[] -"), frozenset("mwMW@%—")


@dataclass(frozen=True, slots=True)
class Piece:
    """Text that stands at a place: its left end `x`, its base line `y` and its type size, all in points."""

    text: str
    x: float
    y: float
    size: float

    @property
    def end(self) -> float:
        """About where it ends: readers of PDF don't tell. Average widths of sans and serif types."""
        widths = (
            0.28 if char in NARROW else 0.85 if char in BROAD else 0.67 if char.isupper() else 0.5
            for char in self.text[:1000]
        )
        return self.x + self.size * sum(widths)


Row = list[Piece]


def page_text(rows: Sequence[Sequence[Piece]]) -> str:
    """The lines of a page; an empty one where the type changes its size or the gap is wider than the usual one.

    `rows` are the pieces of each line, in the order the document has them.
    """
    lines = list(_in_columns(_parted([row for row in rows if row])))
    if not lines:
        return ""
    tabular = _tabular(lines)
    steps = [0.0, *(_step(above[0], below[0]) for above, below in pairwise(lines))]
    usual = _usual(step for step, in_table in zip(steps, tabular, strict=True) if step and not in_table)
    text: list[str] = []
    for number, line in enumerate(lines):
        if number:
            above, below = lines[number - 1][0], line[0]
            resized = abs(above.size - below.size) > 0.08 * above.size
            if steps[number] > 1.3 * usual or resized or tabular[number] or tabular[number - 1]:
                text.append("")
        text.append((" | " if tabular[number] else " ").join(piece.text.strip() for piece in line))
    return "\n".join(text)


def _parted(rows: Sequence[Sequence[Piece]]) -> list[Row]:
    """Each line in the parts that stand apart: where a wide gap is, or a part of a neighbouring line begins."""
    parted = [_segments(row, frozenset()) for row in rows]
    for number, row in enumerate(rows):
        neighbours = (*parted[max(0, number - 1) : number], *parted[number + 1 : number + 2])
        places = frozenset(_place(piece) for neighbour in neighbours for piece in neighbour[1:])
        if places:
            parted[number] = _segments(row, places)
    return parted


def _segments(row: Sequence[Piece], places: frozenset[int]) -> Row:
    joined: Row = []
    for piece in row:
        last = joined[-1] if joined else None
        if last is None or piece.x - last.end > WIDE_GAP * piece.size or (_place(piece) in places and piece.x > last.x):
            joined.append(piece)
        else:
            joined[-1] = replace(last, text=last.text + piece.text)
    return joined


def _place(piece: Piece) -> int:
    return round(piece.x / SAME_PLACE)


def _in_columns(rows: list[Row]) -> Iterator[Row]:
    """Lines with two columns of prose taken apart, where a document has them line by line across the page."""
    start = 0
    while start < len(rows):
        end, gutter = _columns_from(rows, start)
        if gutter:
            yield from ([row[0]] for row in rows[start:end] if row[0].x < gutter - SAME_PLACE)
            yield from ([row[-1]] for row in rows[start:end] if row[-1].x >= gutter - SAME_PLACE)
        else:
            yield from rows[start:end]
        start = end


def _columns_from(rows: list[Row], start: int) -> tuple[int, float]:
    """Where the columns that begin with this line end, and where the second one begins; when there are none, where to
    look on, and 0."""
    if len(rows[start]) != 2:
        return start + 1, 0.0
    gutter = rows[start][1].x
    end = start + 1
    while end < len(rows) and _keeps(rows[end], gutter):
        end += 1
    pairs = [row for row in rows[start:end] if len(row) == 2]
    letters = sum(min(len(piece.text) for piece in row) for row in pairs)
    is_prose = len(pairs) >= COLUMN_ROWS and letters >= COLUMN_LETTERS * len(pairs)
    return end, gutter if is_prose else 0.0


def _keeps(row: Row, gutter: float) -> bool:
    """Whether a line fits two columns, of which the second begins at `gutter`; the last lines fill only one."""
    if len(row) == 2:
        return abs(row[1].x - gutter) <= SAME_PLACE and row[0].end < gutter
    return len(row) == 1 and (row[0].end < gutter or abs(row[0].x - gutter) <= SAME_PLACE)


def _tabular(rows: list[Row]) -> list[bool]:
    """Which lines are rows of a table: pieces of neighbouring lines begin at the same place."""
    found = [False] * len(rows)
    for number, (above, below) in enumerate(pairwise(rows)):
        places = Counter(_place(piece) for row in (above, below) for piece in row[1:])
        if any(count > 1 for count in places.values()):
            found[number] = found[number + 1] = True
    return found


def _usual(steps: Iterable[float]) -> float:
    """The commonest step from line to line, the smallest of several: that between the lines of a paragraph."""
    counts = Counter(round(step, 1) for step in steps)
    return min(counts, key=lambda step: (-counts[step], step), default=0.0)


def _step(above: Piece, below: Piece) -> float:
    """How far a line stands below another in multiples of its type size; 0 where that isn't known."""
    return max(0.0, above.y - below.y) / below.size if below.size else 0.0
