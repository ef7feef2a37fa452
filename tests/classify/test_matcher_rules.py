from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_pipeline.classify.matcher import SurfaceIndex, tokenise

INDEX = SurfaceIndex(
    [
        ("Kreis Soest", "kreis"),
        ("Soest", "ort"),
        ("Minden-Lübbecke", "kreis2"),
        ("St. Ingbert", "stadt"),
        ("CDU/CSU", "allianz"),
        ("CDU", "cdu"),
        ("Bad Sassendorf", "bad"),
    ]
)


def found(text: str) -> list[tuple[str, str]]:
    grid = tokenise(text)
    return [(grid.span(match.first, match.last), match.names[0]) for match in INDEX.find(grid)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Der Kreis Soest und Soest", [("Kreis Soest", "kreis"), ("Soest", "ort")]),
        ("Minden-Lübbecke", [("Minden-Lübbecke", "kreis2")]),
        ("Minden, Lübbecke", []),
        ("Minden Lübbecke", []),
        ("St. Ingbert", [("St. Ingbert", "stadt")]),
        ("St Ingbert", []),
        ("CDU/CSU, CDU / CSU und CDU", [("CDU/CSU", "allianz"), ("CDU / CSU", "allianz"), ("CDU", "cdu")]),
        ("Soests Bürger", [("Soests", "ort")]),
        ("Soester Bürger", []),
        ("Bad\u00a0Sassendorf", [("Bad\u00a0Sassendorf", "bad")]),
        ("Bad\nSassendorf", [("Bad\nSassendorf", "bad")]),
        ("Bad\n\nSassendorf", []),
        ("So\u00adest", [("So\u00adest", "ort")]),
        ("So-\nest", [("So-\nest", "ort")]),
        ("Minden-Lu\u0308bbecke", [("Minden-Lu\u0308bbecke", "kreis2")]),
        ("", []),
        ("…!?", []),
    ],
)
def test_longest_match_with_german_boundaries(text, expected):
    assert found(text) == expected


@given(st.text(alphabet=st.sampled_from("KreisSo ext-\n\u00ad\u0308/.,uü"), max_size=60) | st.text(max_size=80))
@settings(max_examples=300, deadline=None)
def test_tokens_slice_back_and_never_overlap(text):
    grid = tokenise(text)
    end = 0
    for index, token in enumerate(grid.tokens):
        assert end <= grid.starts[index] < grid.ends[index] <= len(text)
        end = grid.ends[index]
        assert text[grid.starts[index]] == token[0] or "\u0308" in text
    matches = INDEX.find(grid)
    assert all(a.last < b.first for a, b in pairwise(matches))
