"""Every key and value of a TOML text is found where it stands."""

import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import tomlkit
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_pipeline.sources.positions import KeyPath, Position, Positions

DOCUMENT = '''\
# comment with = and [brackets]
top = 1
"quoted key" = 'a # no comment'
dotted.inner.leaf = true

[archive]   # a table
path = "a \\" quote" # after
number = 20_000

[[source]]
id = "one"
list = [
  "x, y",  # a ] in a comment
  'z',
  [1, 2], { a = 1, "b.c" = "d" },
]
text = """
id = "not a key"
[not.a.table]
\\""" still inside"""
raw = \'\'\'
key = 'x' \'\'\'
when = 1979-05-27 07:32:00
after = "ü"

  [source.options]
  deep = [{ name = "n" }]

[[source.rules]]
r = 1
[[source.rules]]
r = 2

[[source]]
id = "two"
[source.options]
deep = false
'''


def leaves(value: object, path: KeyPath = ()) -> Iterator[tuple[KeyPath, object]]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    else:
        yield path, value


keys = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=6)
scalars = st.one_of(
    st.booleans(), st.integers(-9, 9), keys, st.dates(), st.floats(allow_nan=False, allow_infinity=False)
)
documents = st.dictionaries(
    keys,
    st.recursive(
        scalars,
        lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=3)),
        max_leaves=12,
    ),
    max_size=5,
)


@settings(max_examples=60, deadline=None)
@given(documents)
def test_any_document_gives_every_leaf_a_place_of_its_own_where_its_value_begins(document: dict[str, Any]) -> None:
    text = tomlkit.dumps(document)
    positions = Positions(text)
    found = list(leaves(tomllib.loads(text)))
    places = [positions.of_value(path) for path, _ in found]
    assert len(set(places)) == len(places)
    for (path, value), place in zip(found, places, strict=True):
        assert path in set(positions)
        rest = rest_of_line(text, place)
        assert value_at(rest) == value


def value_at(rest: str) -> object:
    """The value at the beginning of a line's rest: the longest piece that is one."""
    for end in range(len(rest), 0, -1):
        try:
            return tomllib.loads(f"value = {rest[:end]}")["value"]
        except tomllib.TOMLDecodeError:
            continue
    return None


def rest_of_line(text: str, position: Position) -> str:
    return text.split("\n")[position.line - 1][position.column - 1 :]


def test_every_leaf_of_the_document_is_found_at_its_own_value() -> None:
    positions = Positions(DOCUMENT)
    found = list(leaves(tomllib.loads(DOCUMENT)))
    assert len(found) == 21
    places = set()
    for path, value in found:
        place = positions.of_value(path)
        places.add(place)
        rest = rest_of_line(DOCUMENT, place)
        if isinstance(value, bool):
            assert rest.startswith(str(value).lower()), path
        elif isinstance(value, int):
            assert rest.replace("_", "").startswith(str(value)), path
        elif isinstance(value, str):
            assert rest[0] in "\"'", path
    assert len(places) == len(found)


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("top",), 2, 1),
        (("quoted key",), 3, 1),
        (("dotted", "inner", "leaf"), 4, 14),
        (("archive",), 6, 1),
        (("archive", "number"), 8, 1),
        (("source", 0), 10, 1),
        (("source", 0, "list"), 12, 1),
        (("source", 0, "list", 3, "b.c"), 15, 20),
        (("source", 0, "raw"), 21, 1),
        (("source", 0, "options"), 26, 3),
        (("source", 0, "rules", 1, "r"), 32, 1),
        (("source", 1, "id"), 35, 1),
        (("source", 1, "options", "deep"), 37, 1),
    ],
)
def test_keys_stand_where_a_person_counts_them(path: KeyPath, line: int, column: int) -> None:
    assert Positions(DOCUMENT).of_key(path) == Position(line, column)


def test_an_unknown_path_is_placed_at_its_nearest_parent() -> None:
    positions = Positions(DOCUMENT)
    assert positions.of_key(("source", 1, "missing")) == positions.of_key(("source", 1))
    assert positions.of_value(("nothing",)) == Position(1, 1)


def test_multi_line_strings_may_end_in_quotes_of_their_own() -> None:
    text = 'a = """x"""""\nb = 1\nc = ""\nd = \'\'\n'
    positions = Positions(text)
    assert tomllib.loads(text)["a"] == 'x""'
    assert [positions.of_key((key,)).line for key in "abcd"] == [1, 2, 3, 4]


def test_lines_end_at_line_feeds_only() -> None:
    assert Positions('a = "x\u2028y"\nb = 1').of_key(("b",)) == Position(2, 1)


def test_an_empty_text_has_no_keys() -> None:
    assert list(Positions("")) == []
