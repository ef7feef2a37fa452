"""Finds every name of the vocabularies in a text, in one pass.

A first-token index: the first token of each name leads to the names that begin with it, longest first. It needs
no library, and the token grid gives word boundaries for free. Offsets are code points of the text as it was given:
soft hyphens, hyphens at line ends and decomposed letters are folded in a copy with an offset map.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import accumulate, chain
from typing import Generic, TypeVar

__all__ = ["Grid", "Match", "SurfaceIndex", "tokenise"]

NameT = TypeVar("NameT")

SPACE, HYPHEN, HANGING, SLASH, DOT, PARAGRAPH, OTHER = " ", "-", "_", "/", ".", "¶", ";"
"""Kinds of gaps between tokens. HANGING is a hyphen with space on one side ("KAI- Leiterin", "Rhein- und")."""

_TOKEN = re.compile(r"([\W_]*)([^\W_]+)")
"""A gap and the token after it. Behind the last token it would look for one from every place anew."""

_FIRST_TOKEN = re.compile(r"[^\W_]+")
_SHORTEST_GENITIVE = 4
"""Letters without the -s that a genitive has at least: "Olpes"."""

_HYPHENS = "-‐‑"
_TO_FOLD = re.compile("[\u00ad\u200b\u0300-\u036f]")
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


class _GapKinds(dict[str, str]):
    """The kind of every gap met so far: texts have few different ones."""

    def __missing__(self, gap: str) -> str:
        kind = _gap_kind(gap)
        if len(gap) < _LONG_GAP and len(self) < _MANY_GAPS:
            self[gap] = kind
        return kind


_LONG_GAP, _MANY_GAPS = 6, 5000
_gap_kinds = _GapKinds({" ": SPACE, "": OTHER})


def _end_of_tokens(text: str) -> int:
    """Where the last token ends, so that a long run of dashes behind it is not searched again and again."""
    end = len(text)
    while end and not text[end - 1].isalnum():
        end -= 1
    return end


def _needs_folding(text: str) -> bool:
    """Asked one thing after the other: as one expression it would take a third of the time of `tokenise`."""
    if _TO_FOLD.search(text):
        return True
    return ("-\n" in text or "‐\n" in text) and _LINE_BREAK.search(text) is not None


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
    folded, offsets = _fold(text) if _needs_folding(text) else (text, None)
    parts = _TOKEN.findall(folded[: _end_of_tokens(folded)])
    gaps, tokens = zip(*parts, strict=True) if parts else ((), ())
    # how far text has gone after each gap and after each token, in turns
    places = list(accumulate(map(len, chain.from_iterable(parts))))
    starts, ends = places[::2], places[1::2]
    if offsets is not None:
        starts = [offsets[start] for start in starts]
        ends = [offsets[end - 1] + 1 for end in ends]
        ends = [_past_marks(text, end) for end in ends]
    kinds = tuple(map(_gap_kinds.__getitem__, gaps))
    return Grid(text=text, tokens=tokens, gaps=kinds, starts=tuple(starts), ends=tuple(ends))


def _past_marks(text: str, end: int) -> int:
    while end < len(text) and "\u0300" <= text[end] <= "\u036f":
        end += 1
    return end


class SurfaceIndex(Generic[NameT]):
    """All names of all vocabularies by their first token. Built once, then only read; names of several tokens are
    taken apart when their first token is first met, since most never are."""

    def __init__(self, surfaces: Iterable[tuple[str, NameT]]) -> None:
        names_of: dict[str, tuple[NameT, ...]] = {}
        for surface, name in surfaces:
            known = names_of.get(surface)
            if known is None:
                names_of[surface] = (name,)
            elif name not in known:
                names_of[surface] = (*known, name)
        self._single: dict[str, tuple[NameT, ...]] = {}
        self._longer: dict[str, list[tuple[str, tuple[NameT, ...]]]] = {}
        for surface, names in names_of.items():
            if surface.isalnum():
                self._single[surface] = names
            elif first := _FIRST_TOKEN.search(surface):
                self._longer.setdefault(first.group(), []).append((surface, names))
        self._ready: dict[str, tuple[_Candidate[NameT], ...]] = {}
        self._names = self._single | {
            f"{token}s": names
            for token, names in self._single.items()
            if len(token) >= _SHORTEST_GENITIVE and token[0].isupper() and f"{token}s" not in self._single
        }
        # a token with which longer names begin leads to those
        self._names.update(dict.fromkeys(self._longer, ()))

    def find(self, grid: Grid) -> list[Match[NameT]]:
        """Every longest match, left to right; matches never overlap. A single token with a genitive -s is looked up
        without it when it is no name itself."""
        found: list[Match[NameT]] = []
        tokens, gaps, known = grid.tokens, grid.gaps, self._names
        position = 0
        for index, names in [(index, known[token]) for index, token in enumerate(tokens) if token in known]:
            if index < position:
                continue
            if names:
                found.append(Match(first=index, last=index, names=names))
                continue
            token = tokens[index]
            for length, wanted, wanted_gaps, named in self._ready.get(token) or self._candidates(token):
                if length == 1 or (
                    tokens[index : index + length] == wanted and gaps[index + 1 : index + length] == wanted_gaps
                ):
                    position = index + length
                    found.append(Match(first=index, last=position - 1, names=named))
                    break
        return found

    def _candidates(self, token: str) -> tuple[_Candidate[NameT], ...]:
        """The names that begin with a token, longest first. Names that differ only in marks behind their last token
        ("DIE LINKE", "DIE LINKE.") are one."""
        merged: dict[tuple[tuple[str, ...], tuple[str, ...]], tuple[NameT, ...]] = {}
        if token in self._single:
            merged[(token,), ()] = self._single[token]
        for surface, names in self._longer[token]:
            parts = _TOKEN.findall(surface)
            key = tuple([word for _, word in parts]), tuple([_gap_kinds[gap] for gap, _ in parts[1:]])
            known = merged.get(key, ())
            merged[key] = (*known, *(name for name in names if name not in known))
        made = [(len(words), words, gaps, names) for (words, gaps), names in merged.items()]
        ready = self._ready[token] = tuple(sorted(made, key=lambda candidate: -candidate[0]))
        return ready
