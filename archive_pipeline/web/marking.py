"""Text with everything that is marked in it, as pieces that a template writes out one after the other."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from archive_pipeline.archive.word_diff import Change

__all__ = ["Mark", "Paragraph", "Piece", "compared", "marked_paragraphs", "marked_pieces"]

MarkKind = Literal["hit", "evidence", "quote", "person", "shared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A stretch `text[start:end]` and what it is; `name` tells evidence of one tag from that of another, `anchor` is
    the id under which it can be reached."""

    start: int
    end: int
    kind: MarkKind
    name: str = ""
    anchor: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A stretch of text that is marked alike from end to end. `evidence` names the tags it speaks for, `anchors` the
    ids that begin here."""

    text: str
    is_hit: bool = False
    is_quote: bool = False
    is_person: bool = False
    is_shared: bool = False
    evidence: tuple[str, ...] = ()
    anchors: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether nothing is marked."""
        return not (self.is_hit or self.is_quote or self.is_person or self.is_shared or self.evidence or self.anchors)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paragraph:
    """One paragraph; `page` is the number of the page of the document that begins with it."""

    pieces: tuple[Piece, ...]
    page: int | None = None


def marked_pieces(text: str, marks: Iterable[Mark], start: int = 0, end: int | None = None) -> tuple[Piece, ...]:
    """The pieces of `text[start:end]`; marks may overlap and reach beyond it."""
    end = len(text) if end is None else end
    inside = [mark for mark in marks if mark.start < end and mark.end > start and mark.start < mark.end]
    cuts = sorted({start, end, *(max(start, m.start) for m in inside), *(min(end, m.end) for m in inside)})
    pieces = []
    for left, right in pairwise(cuts):
        here = [mark for mark in inside if mark.start <= left and mark.end >= right]
        kinds = {mark.kind for mark in here}
        pieces.append(
            Piece(
                text=text[left:right],
                is_hit="hit" in kinds,
                is_quote="quote" in kinds,
                is_person="person" in kinds,
                is_shared="shared" in kinds,
                evidence=tuple(dict.fromkeys(mark.name for mark in here if mark.kind == "evidence")),
                anchors=tuple(
                    dict.fromkeys(mark.anchor for mark in here if mark.anchor and max(start, mark.start) == left)
                ),
            )
        )
    return tuple(pieces)


def marked_paragraphs(text: str, marks: Sequence[Mark], pages: Sequence[int] = ()) -> tuple[Paragraph, ...]:
    """The paragraphs of a text, which empty lines part. An anchor stands where its mark begins, once."""
    numbers = {offset: number for number, offset in enumerate(pages, start=1)} if len(pages) > 1 else {}
    found = []
    start = 0
    for part in text.split("\n\n"):
        end = start + len(part)
        if part.strip():
            page = next((number for offset, number in numbers.items() if start <= offset <= end), None)
            own = [mark if mark.start >= start else _without_anchor(mark) for mark in marks]
            found.append(Paragraph(pieces=marked_pieces(text, own, start, end), page=page))
        start = end + 2
    return tuple(found)


def _without_anchor(mark: Mark) -> Mark:
    return Mark(start=mark.start, end=mark.end, kind=mark.kind, name=mark.name)


def compared(after: str, changes: Sequence[Change]) -> tuple[tuple[str, str], ...]:
    """A text with its changes, as pairs of what a piece is (`same`, `gone`, `new`) and its text."""
    pieces: list[tuple[str, str]] = []
    place = 0
    for change in changes:
        pieces.append(("same", after[place : change.after[0]]))
        pieces.append(("gone", change.before_text))
        pieces.append(("new", change.after_text))
        place = change.after[1]
    pieces.append(("same", after[place:]))
    return tuple(piece for piece in pieces if piece[1])
