"""Passages with highlights: the right words are marked, in any Unicode form."""

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_pipeline.query import And, Exact, Fuzzy, Node, Not, Or, Phrase, Prefix, Term
from archive_pipeline.search.snippets import highlights, snippets

TEXT = (
    "Der Kreis Heinsberg hat die Bürgerinnen und Bürger befragt. Die Flüchtlingshilfe in Hückelhoven begrüßt das. "
    "Am 28.11.2017 tagt der Rat; die Integrations- und Sprachkurse kosten 131.000 Euro. Der Haushalt des Kreises steht."
)


def marked(node: Node, text: str = TEXT, field: str | None = None) -> list[str]:
    return [text[mark.start : mark.end] for mark in highlights(text, node, field)]


@pytest.mark.parametrize(
    ("node", "expected"),
    [
        (Term("Kreis"), ["Kreis", "Kreises"]),
        (Term("Bürger"), ["Bürgerinnen", "Bürger"]),
        (Term("Hilfe"), ["Flüchtlingshilfe"]),
        (Term("Integrationskurs"), ["Integrations"]),
        (Term("28. November 2017"), ["28.11.2017"]),
        (Term("131000"), ["131.000"]),
        (Phrase(("Haushalt", "des", "Kreises")), ["Haushalt", "des", "Kreises"]),
        (Phrase(("Haushalt", "Kreises")), []),
        (Phrase(("Haushalt", "Kreises"), 1), ["Haushalt", "Kreises"]),
        (Prefix("Hück"), ["Hückelhoven"]),
        (Fuzzy("Hükelhoven"), ["Hückelhoven"]),
        (Exact("Kreis"), ["Kreis"]),
        (And((Term("Rat"), Not(Term("Kreis")))), ["Rat"]),
        (Or((Term("Rat"), Term("Euro"))), ["Rat", "Euro"]),
        (Term("Rat", "title"), []),
    ],
)
def test_highlights_what_the_query_asks_for(node: Node, expected: list[str]) -> None:
    assert marked(node) == expected


def test_a_field_s_words_are_marked_in_that_field() -> None:
    assert marked(Term("Rat", "title"), "Rat tagt", "title") == ["Rat"]


def test_decomposed_text_is_marked_where_it_stands() -> None:
    text = unicodedata.normalize("NFD", TEXT)

    assert marked(Term("Hückelhoven"), text) == [unicodedata.normalize("NFD", "Hückelhoven")]


def test_snippets_show_the_passage_with_most_different_words() -> None:
    filler = "Nichts davon steht hier. " * 40
    text = f"Der Haushalt. {filler}Der Haushalt der Feuerwehr wächst. {filler}Die Feuerwehr."
    (snippet,) = snippets(text, And((Term("Haushalt"), Term("Feuerwehr"))), count=1)

    assert [snippet.text[h.start : h.end] for h in snippet.highlights] == ["Haushalt", "Feuerwehr"]
    assert text[snippet.start :].startswith(snippet.text)


def test_words_of_direct_speech_are_shown_where_they_were_said() -> None:
    text = "Der Rat tagt. " * 30 + "„Der Rat braucht Geld“, sagte sie."
    start = text.index("„")
    (snippet,) = snippets(text, Term("Rat", "quote"), quotes=((start, text.index("“")),))

    assert [snippet.start + h.start for h in snippet.highlights] == [text.rindex("Rat")]
    assert snippets(text, Term("Rat", "quote"))[0].highlights == ()


def chains(words: list[str], phrase: tuple[str, ...], slop: int) -> set[int]:
    """The places of all words that lie on some way through the phrase, by trying every way."""
    ways: list[tuple[int, ...]] = [(place,) for place, word in enumerate(words) if word == phrase[0]]
    for wanted in phrase[1:]:
        ways = [
            (*way, place)
            for way in ways
            for place in range(way[-1] + 1, min(way[-1] + slop + 2, len(words)))
            if words[place] == wanted
        ]
    return {place for way in ways for place in way}


@given(
    st.lists(st.sampled_from(("rot", "gelb", "blau")), max_size=14),
    st.lists(st.sampled_from(("rot", "gelb", "blau")), min_size=2, max_size=4),
    st.integers(0, 3),
)
def test_every_word_of_every_way_through_a_phrase_is_marked(words: list[str], phrase: list[str], slop: int) -> None:
    text = " ".join(words)
    places = [len(" ".join(words[:number])) + (number > 0) for number in range(len(words))]
    found = {mark.start for mark in highlights(text, Phrase(tuple(phrase), slop))}

    assert found == {places[number] for number in chains(words, tuple(phrase), slop)}


def test_a_long_text_of_one_word_is_marked_in_no_time() -> None:
    before = time.process_time()
    assert len(highlights("der " * 4000, Phrase(("der", "der", "der"), 21))) == 4000
    assert time.process_time() - before < 2


def test_without_words_the_beginning_is_shown() -> None:
    (snippet,) = snippets(TEXT, Term("Meer"))

    assert TEXT.startswith(snippet.text)
    assert snippet.highlights == ()
    assert snippets("", Term("Meer")) == ()


@given(st.text(alphabet="Haus halt\n.-äß", max_size=400), st.integers(20, 200))
def test_snippets_are_parts_of_the_text(text: str, width: int) -> None:
    for snippet in snippets(text, Or((Term("Haus"), Prefix("hal"))), width=width):
        assert text[snippet.start : snippet.start + len(snippet.text)] == snippet.text
        assert all(0 <= h.start < h.end <= len(snippet.text) for h in snippet.highlights)
