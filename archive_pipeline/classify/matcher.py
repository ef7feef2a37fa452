"""Finds every name of the vocabularies in a text, in one pass.

A first-token index: the first token of each name leads to the names that begin with it, longest first. It needs
no library, and the token grid gives word boundaries for free. Offsets are code points of the text as it was given:
soft hyphens, hyphens at line ends and decomposed letters are folded in a copy with an offset map.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Generic, TypeVar

__all__ = ["Grid", "Match", "SurfaceIndex", "tokenise"]

NameT = TypeVar("NameT")

SPACE, HYPHEN, HANGING, SLASH, DOT, PARAGRAPH, OTHER = " ", "-", "_", "/", ".", "¶", ";"
"""Kinds of gaps between tokens. HANGING is a hyphen with space on one side ("KAI- Leiterin", "Rhein- und")."""

_TOKEN = re.compile(r"([\W_]*)([^\W_]+)")
"""A gap and the token after it. Behind the last token it would look for one from every place anew."""

_HYPHENS = "-‐‑"
_TO_FOLD = re.compile("[\u00ad\u200b\u0300-\u036f]|[^\\W\\d_][-‐]\n[^\\W\\d_]")
_LINE_BREAK = re.compile(r"(?<=[^\W\d_])[-‐]\n(?=[^\W\d_])")
_INVISIBLE = frozenset("\u00ad\u200b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """A text as tokens (runs of letters or digits). `gaps[i]` is the kind of gap before token i; `starts` and `ends`
    are code points of the text as it was given."""

    text: str
    tokens: tuple[str, ...]
    gaps: tuple[str, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.tokens)

    def gap_after(self, index: int) -> str:
        """The kind of gap behind token `index`."""
        if index + 1 < len(self.gaps):
            return self.gaps[index + 1]
        rest = self.text[self.ends[index] :]
        return HYPHEN if rest[:1] and rest[0] in _HYPHENS else OTHER

    def span(self, first: int, last: int) -> str:
        """The text from token `first` to token `last`, both included."""
        return self.text[self.starts[first] : self.ends[last]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Match(Generic[NameT]):
    """Names found at tokens `first` to `last` (both included) of a grid."""

    first: int
    last: int
    names: tuple[NameT, ...]


_Candidate = tuple[int, tuple[str, ...], tuple[str, ...], tuple[NameT, ...]]
"""Length, tokens, gaps between them, and the names."""


def _gap_kind(gap: str) -> str:
    if gap.isspace():
        return PARAGRAPH if gap.count("\n") > 1 else SPACE
    bare = gap.strip()
    if len(bare) == 1:
        if bare in _HYPHENS:
            return HYPHEN if gap == bare else HANGING
        if bare == "/":
            return SLASH
        if bare == "." and "\n\n" not in gap:
            return DOT
    return PARAGRAPH if "\n\n" in gap else OTHER


_gap_kinds: dict[str, str] = {" ": SPACE, "": OTHER}


def _end_of_tokens(text: str) -> int:
    """Where the last token ends, so that a long run of dashes behind it is not searched again and again."""
    end = len(text)
    while end and not text[end - 1].isalnum():
        end -= 1
    return end


def _kind_of(gap: str) -> str:
    kind = _gap_kinds.get(gap)
    if kind is None:
        kind = _gap_kind(gap)
        if len(gap) < 6 and len(_gap_kinds) < 5000:
            _gap_kinds[gap] = kind
    return kind


def _fold(text: str) -> tuple[str, list[int]]:
    """The text without invisible characters and line-end hyphens and with composed letters, and for every code point
    of it (and its end) where it stood in `text`."""
    skip = {position for match in _LINE_BREAK.finditer(text) for position in range(match.start(), match.end())}
    out: list[str] = []
    offsets: list[int] = []
    for position, character in enumerate(text):
        if position in skip or character in _INVISIBLE:
            continue
        if out and "\u0300" <= character <= "\u036f":
            composed = unicodedata.normalize("NFC", out[-1] + character)
            if len(composed) == 1:
                out[-1] = composed
            continue
        out.append(character)
        offsets.append(position)
    offsets.append(len(text))
    return "".join(out), offsets


def tokenise(text: str) -> Grid:
    """The grid of a text."""
    folded, offsets = (text, None) if not _TO_FOLD.search(text) else _fold(text)
    tokens: list[str] = []
    gaps: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    position = 0
    for gap, token in _TOKEN.findall(folded[: _end_of_tokens(folded)]):
        position += len(gap)
        gaps.append(_kind_of(gap))
        tokens.append(token)
        starts.append(position)
        position += len(token)
        ends.append(position)
    if offsets is not None:
        starts = [offsets[start] for start in starts]
        ends = [offsets[end - 1] + 1 for end in ends]
        ends = [_past_marks(text, end) for end in ends]
    return Grid(text=text, tokens=tuple(tokens), gaps=tuple(gaps), starts=tuple(starts), ends=tuple(ends))


def _past_marks(text: str, end: int) -> int:
    while end < len(text) and "\u0300" <= text[end] <= "\u036f":
        end += 1
    return end


class SurfaceIndex(Generic[NameT]):
    """All names of all vocabularies by their first token. Built once, then only read."""

    def __init__(self, surfaces: Iterable[tuple[str, NameT]]) -> None:
        names_of: dict[str, list[NameT]] = {}
        for surface, name in surfaces:
            names = names_of.setdefault(surface, [])
            if name not in names:
                names.append(name)
        by_first: dict[str, list[_Candidate[NameT]]] = {}
        for surface, names in names_of.items():
            if surface.isalnum():
                by_first.setdefault(surface, []).append((1, (surface,), (), tuple(names)))
                continue
            parts = _TOKEN.findall(surface)
            if parts:
                tokens = tuple([token for _, token in parts])
                gaps = tuple([_kind_of(gap) for gap, _ in parts[1:]])
                by_first.setdefault(tokens[0], []).append((len(tokens), tokens, gaps, tuple(names)))
        for candidates in by_first.values():
            if len(candidates) > 1:
                candidates.sort(key=lambda candidate: -candidate[0])
        self._by_first = by_first

    def find(self, grid: Grid) -> list[Match[NameT]]:
        """Every longest match, left to right; matches never overlap. A single token with a genitive -s is looked up
        without it when it is no name itself."""
        found: list[Match[NameT]] = []
        tokens, gaps, by_first = grid.tokens, grid.gaps, self._by_first
        position, size = 0, len(tokens)
        while position < size:
            token = tokens[position]
            candidates = by_first.get(token)
            if candidates is None:
                if token[-1] == "s" and len(token) > 4 and token[0].isupper():
                    genitive = next((c[3] for c in by_first.get(token[:-1], ()) if c[0] == 1), None)
                    if genitive is not None:
                        found.append(Match(first=position, last=position, names=genitive))
                position += 1
                continue
            for length, wanted, wanted_gaps, names in candidates:
                if length == 1 or (
                    tokens[position : position + length] == wanted
                    and gaps[position + 1 : position + length] == wanted_gaps
                ):
                    found.append(Match(first=position, last=position + length - 1, names=names))
                    position += length
                    break
            else:
                position += 1
        return found
