"""The short way of the analysis says the same as the long one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from archive_pipeline.language.analysis import indexed_words, token_fields

_PIECES = st.sampled_from(
    (
        "Integrations- und Sprachkurse",
        "Schulleiter und -leiterinnen",
        "KommAn-NRW",
        "A46",
        "A 46",
        "131.000",
        "1 000",
        "28.11.2017",
        "2017-11-28",
        "x.12.5.2020",
        "12.5.2020",
        "28. 13. 2017",
        "\ufdfa",
        "12:30",
        "z.B.",
        "z. B.",
        "Bürger*innen",
        "Bürger:in",
        "Bürger(innen)",
        "Kolleg/-innen",
        "geht's",
        "Straße",
        "STRASSE",
        "é",
        "Fu\u00adß",
        "e\u0301",
        "3km",
        "km²",
        "\n\n",
        "\n \n",
        "-",
        "–",
        ".",
        ",",
        "(",
        "Vor-",
        "und",
        "Nachteile",
        "Haus/Hof",
        "ab.c",
        "a.b.c.",
        "_x_",
    )
)
_TEXTS = st.lists(_PIECES | st.text(max_size=6), max_size=12).flatmap(
    lambda pieces: st.sampled_from(("", " ", "\n")).map(lambda gap: gap.join(pieces))
)


@settings(max_examples=500, deadline=None)
@given(text=_TEXTS)
def test_words_for_the_index_are_those_of_the_analysis(text: str) -> None:
    for _ in range(2):  # the second time from what is remembered
        keys: list[tuple[str, int]] = []
        parts, forms, place = [], [], 0
        for word in indexed_words(text):
            keys += [(key, place + step) for key, step in zip(word.keys, word.steps, strict=True)]
            parts += word.parts
            forms += word.forms
            place += word.advance
        tokens = token_fields(text)
        assert keys == [(token.text, token.position) for token in tokens if token.kind != "part"]
        assert parts == [token.text for token in tokens if token.kind == "part"]
        assert forms == [token.form for token in tokens if token.form]
        assert not any(" " in term for term in (*forms, *parts, *(key for key, _ in keys)))
