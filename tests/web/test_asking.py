"""Searches in addresses."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.datastructures import QueryParams

from archive_pipeline.web.asking import Asked, Condition, own_columns


def test_a_search_survives_its_address() -> None:
    asked = Asked(words='"a b" OR c', period="2020..2021", sort="oldest", page=3, view="kwic")
    asked = asked.keep("party", "spd").exclude("district", "05766").at_page(3)
    assert Asked.read(QueryParams(asked.url().partition("?")[2])) == asked


@given(st.dictionaries(st.sampled_from(["q", "f", "x", "d", "sort", "page", "view"]), st.text(max_size=40)))
@settings(max_examples=200, deadline=None)
def test_any_address_is_a_search(parameters: dict[str, str]) -> None:
    asked = Asked.read(QueryParams(parameters))
    assert Asked.read(QueryParams(asked.url().partition("?")[2])) == asked
    assert asked.page >= 1


@pytest.mark.parametrize(
    ("words", "query"),
    [
        ("", 'partei:"spd" -kreis:"05766" datum:2021'),
        ("pflege heim*", 'pflege heim* partei:"spd" -kreis:"05766" datum:2021'),
        ("a OR b", 'partei:"spd" -kreis:"05766" datum:2021 (a OR b)'),
        ("a) OR (b", 'partei:"spd" -kreis:"05766" datum:2021 (a  OR  b)'),
        ("kreis:", 'partei:"spd" -kreis:"05766" datum:2021 (kreis:)'),
    ],
)
def test_filters_hold_for_all_words(words: str, query: str) -> None:
    asked = Asked(words=words, period="2021").keep("party", "spd").exclude("district", "05766")
    assert asked.query == query
    assert query[asked.shift :].startswith(words[:1])


def test_keeping_ends_an_exclusion_and_the_other_way_round() -> None:
    one = Condition(field="party", value="spd")
    asked = Asked(page=4).exclude("party", "spd").keep("party", "spd")
    assert (asked.kept, asked.excluded, asked.page) == ((one,), (), 1)
    assert asked.exclude("party", "spd").kept == ()
    assert asked.drop(one) == Asked()


def test_values_cannot_leave_their_quotes() -> None:
    asked = Asked.read(QueryParams([("f", 'partei:spd" OR kreis:"x'), ("f", "unbekannt:1"), ("f", "partei:")]))
    assert asked.query == 'partei:"spd OR kreis: x"'


def test_columns_are_those_that_were_typed() -> None:
    assert own_columns("Spalte 20: Klammer ohne Ende", 15) == "Spalte 5: Klammer ohne Ende"
