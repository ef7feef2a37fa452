"""The matcher beside the plainest search that could be written: at each word try every name, longest first."""

import re
import unicodedata
from itertools import pairwise

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from archive_pipeline.classify.matcher import SurfaceIndex, tokenise

NAMES = (
    "Soest", "Kreis Soest", "Kreises Soest", "Bad Soest", "Soest Nord", "Minden", "Minden-Lübbecke", "Lübbecke",
    "St. Ingbert", "Ingbert", "CDU", "CDU/CSU", "CSU", "DIE LINKE", "DIE LINKE.", "Die Linke", "Olpe", "Olpes Tal",
    "F.D.P.", "AfA", "Bad", "Bad Bad Soest", "Rhein-Sieg-Kreis",
)  # fmt: skip

WORD = re.compile(r"[^\W_]+")
LINE_END = re.compile(r"[^\W\d_][-‐]\n[^\W\d_]")

Found = list[tuple[str, frozenset[str]]]


def gap_kind(gap: str) -> str:
    """How words are joined, by the rules of the matcher: white space, one hyphen, one slash, one full stop."""
    if gap.isspace():
        return "paragraph" if gap.count("\n") > 1 else "space"
    bare = gap.strip()
    if bare in ("-", "‐", "‑"):
        return "hyphen" if gap == bare else "hanging"
    if bare == "/":
        return "slash"
    if bare == "." and "\n\n" not in gap:
        return "dot"
    return "paragraph" if "\n\n" in gap else "other"


def parts(text: str) -> tuple[list[str], list[str], list[tuple[int, int]]]:
    words = list(WORD.finditer(text))
    gaps = [gap_kind(text[a.end() : b.start()]) for a, b in pairwise(words)]
    return [word.group() for word in words], gaps, [word.span() for word in words]


SHAPES = [(*parts(name)[:2], name) for name in NAMES]


def brute_force(text: str) -> Found:
    words, gaps, spans = parts(text)
    found: Found = []
    at = 0
    while at < len(words):
        fits = [
            (shape, joints, name)
            for shape, joints, name in SHAPES
            if words[at : at + len(shape)] == shape and gaps[at : at + len(shape) - 1] == joints
        ]
        begins = any(shape[0] == words[at] for shape, _, _ in SHAPES)
        genitive = len(words[at]) > 4 and words[at][0].isupper() and words[at].endswith("s") and not begins
        if genitive and words[at][:-1] in NAMES:
            fits = [([words[at]], [], words[at][:-1])]
        if not fits:
            at += 1
            continue
        longest = max(len(shape) for shape, _, _ in fits)
        names = frozenset(name for shape, _, name in fits if len(shape) == longest)
        found.append((text[spans[at][0] : spans[at + longest - 1][1]], names))
        at += longest
    return found


def matched(index: SurfaceIndex[str], text: str) -> Found:
    grid = tokenise(text)
    return [(grid.span(match.first, match.last), frozenset(match.names)) for match in index.find(grid)]


PIECES = st.sampled_from(
    [*NAMES, "Soests", "Olpes", "SOEST", "soest", "Soester", "Haus", "x", "7", "  ", " ", "\n", "\n\n", "-", " - ", "/",
     ". ", ", ", "–", "(", ")", "_", "\u00a0", "ß", "é"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=25).map("".join) | st.text(alphabet="BadSoest CDU/-.\n", max_size=60))
@settings(max_examples=1500, deadline=None)
def test_the_matcher_finds_what_the_plainest_search_finds(text):
    assume(not LINE_END.search(text))  # words divided at a line end are put together: test_matcher_rules.py
    assert matched(SurfaceIndex((name, name) for name in NAMES), text) == brute_force(text)


@given(st.lists(PIECES, max_size=15).map(" ".join))
@settings(max_examples=300, deadline=None)
def test_the_order_of_the_names_does_not_matter(text):
    forward = SurfaceIndex((name, name) for name in NAMES)
    backward = SurfaceIndex((name, name) for name in reversed(NAMES))
    assert matched(forward, text) == matched(backward, text)


@given(st.lists(PIECES, max_size=12).map(" ".join))
@settings(max_examples=300, deadline=None)
def test_soft_hyphens_and_decomposed_letters_change_no_name(text):
    index = SurfaceIndex((name, name) for name in NAMES)
    spelt = unicodedata.normalize("NFD", text).replace("oe", "o\u00ade")
    assert [names for _, names in matched(index, spelt)] == [names for _, names in matched(index, text)]


def test_a_text_of_one_name_over_and_over_is_read_in_one_pass():
    text = "Bad " * 20_000 + "Soest"
    found = matched(SurfaceIndex((name, name) for name in NAMES), text)
    assert found[-1] == ("Bad Bad Soest", frozenset({"Bad Bad Soest"}))
    assert len(found) == 20_000 - 1
