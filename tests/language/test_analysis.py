"""The analysis through its public door: what is found by what, and where it stands."""

import hashlib
import itertools
import re
import unicodedata
from importlib.resources import files

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive_pipeline.language.analysis import ANALYSIS_VERSION, PARAGRAPH_GAP, Token, analyse, compound_parts
from archive_pipeline.language.cistem import cistem
from archive_pipeline.language.folding import fold


def words(text: str) -> set[str]:
    return {token.text for token in analyse(text) if token.kind != "part"}


def parts(text: str) -> set[str]:
    return {token.text for token in analyse(text) if token.kind == "part"}


def finds(query: str, text: str) -> bool:
    """Whether every typed word is a word or compound part of the text, joined or in all its pieces."""
    known = words(text) | parts(text)
    for typed in re.findall(r"(?:\d{1,2}\. \w+ \d{4}|\S+)", query):
        tokens = [token for token in analyse(typed) if token.kind != "part"]
        joined = {token.text for token in tokens if (token.start, token.end) == (0, len(typed))}
        pieces = {token.text for token in tokens} - joined
        if not (joined & known or (pieces and pieces <= known)):
            return False
    return True


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("Fluechtlinge", "Flüchtlinge"),
        ("Wilhelmstrasse", "Wilhelmstraße"),
        ("ÖZTÜRK", "Oeztuerk"),
        ("Café", "Cafe"),
        ("Grünstraße", unicodedata.normalize("NFD", "Grünstraße")),
        ("Gewaltprävention", "Gewalt\u00adpräven\u00adtion"),
        ("Haus", "Häuser"),
        ("Häusern", "Haus"),
        ("Kreises", "Kreis"),
        ("Räte", "Rat"),
        ("Brücke", "Brücken"),
        ("Ministerien", "Ministerium"),
        ("Museen", "Museum"),
        ("Ereignissen", "Ereignis"),
        ("Gelder", "Geld"),
        ("Ärztinnen", "Arzt"),
        ("Arzt", "Ärzte"),
        ("Vorsitzender", "Vorsitzende"),
        ("arbeitet", "Arbeit"),
        ("kommunales", "Kommunale"),
        ("Staatssekretärin", "Staatssekretär"),
        ("Kollege", "Kolleg*innen"),
        ("Bürger", "BürgerInnen"),
        ("Bürger", "Bürger:innen"),
        ("Bürger", "Bürger_innen"),
        ("Bürger", "Bürger/-innen"),
        ("Bürger", "Bürger(innen)"),
        ("Lehrer", "Lehrer·in"),
        ("Abgeordnete", "Abgeordnete:r"),
        ("131000", "131.000"),
        ("131000", "131 000"),
        ("131000", "131\u202f000"),
        ("131000", "131'000"),
        ("28. November 2017", "28.11.2017"),
        ("5. Mai 2016", "2016-05-05"),
        ("28.13.2017", "28. 13. 2017"),
        ("zB", "z. B."),
        ("eV", "e. V."),
        ("Hilfe", "Flüchtlingshilfe"),
        ("Integration", "Integrationsmanagement"),
        ("Wahl", "Kommunalwahl"),
        ("Landtag", "FDP-Landtagsabgeordnete"),
        ("Jugendamt", "Jugendämter"),
        ("Ministerium", "Innenministerien"),
        ("Stadtrat", "Stadtratssitzung"),
        ("Trinkwasser", "Trinkwasseraufbereitung"),
        ("Student", "Student*inneninitiative"),
        ("Schulsozialarbeit", "Schul-Sozialarbeit"),
        ("Integrationskurs", "Integrations- und Sprachkurse"),
        ("Ausländerbehörde", "Ausländer- und Einwanderungsbehörden"),
        ("Jugendhilfe", "Kinder-, Jugend- und Sozialhilfe"),
        ("Bundestag", "Bundes- und Landtag"),
        ("Anreise", "An- und Abreise"),
        ("Vorteil", "Vor- und Nachteile"),
        ("Einwanderung", "Ein- und Auswanderung"),
        ("Schulleiterin", "Schulleiter und -leiterinnen"),
        ("Bundestagskandidat", "Bundestagsabgeordnete oder -kandidaten"),
        ("A46", "A 46"),
        ("A 46", "A46"),
        ("Covid 19", "Covid-19"),
    ],
)
def test_is_found(query: str, text: str) -> None:
    assert finds(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("Bürger", "Burg"),
        ("Burg", "Bürgermeisterin"),
        ("Arbeit", "Arbeiter"),
        ("Kur", "Kurse"),
        ("Studie", "Studenten"),
        ("Rat", "Beratung"),
        ("Rat", "Raten"),
        ("Rat", "Rathaus"),
        ("Tor", "Autor"),
        ("Amt", "insgesamt"),
        ("Samt", "Bundesamt"),
        ("Eis", "Kreis"),
        ("Art", "Gärtnerei"),
        ("Tag", "Landtag"),
        ("Kreis", "kreisen"),
        ("Stadt", "Lippstadt"),
        ("Integrationsarbeit", "Integration durch Arbeit"),
        ("131", "131.000"),
        ("13100", "131.000"),
        ("Termin", "Term"),
        ("Kohl", "Kohle"),
        ("List", "Listen"),
        ("Reis", "Reisen"),
        ("Verein", "ver"),
    ],
)
def test_is_not_found(query: str, text: str) -> None:
    assert not finds(query, text)


def test_tokens_carry_span_position_kind_and_form() -> None:
    text = "Der KommAn-NRW-Zuschuss: 131.000 Euro"

    assert analyse(text)[:3] == [
        Token("der", 0, 0, 3, "word", "der"),
        Token("kommannrwzuschuss", 1, 4, 23, "word", "kommannrwzuschuss"),
        Token("komma", 1, 4, 10, "word", "komman"),
    ]
    assert [(t.text, t.position, text[t.start : t.end], t.kind) for t in analyse(text)[3:]] == [
        ("nrw", 2, "NRW", "word"),
        ("zuschuss", 3, "Zuschuss", "word"),
        ("131000", 4, "131.000", "number"),
        ("euro", 5, "Euro", "word"),
    ]


def test_offsets_count_in_the_text_as_given() -> None:
    text = unicodedata.normalize("NFD", "Süd\u00adost-Büro für Älteste")

    assert [text[t.start : t.end] for t in analyse(text) if t.kind == "word" and "-" not in text[t.start : t.end]] == [
        unicodedata.normalize("NFD", word) for word in ("Süd\u00adost", "Büro", "für", "Älteste")
    ]


def test_forms_are_not_stemmed() -> None:
    assert [token.form for token in analyse("Die Bürgerinnen wählten Räte")] == [
        "die",
        "buergerinnen",
        "waehlten",
        "raete",
    ]


def test_no_phrase_reaches_across_paragraphs() -> None:
    first, second = analyse("Ende.\n\nAnfang")

    assert second.position - first.position > PARAGRAPH_GAP


def test_words_that_no_list_knows_are_stemmed_by_cistem() -> None:
    assert words("glipsenden") == {cistem("glipsenden")} == {"glip"}


@pytest.mark.parametrize(
    ("word", "stem"),
    [("speicherbehältern", "speicherbehal"), ("grenzpostens", "grenzpo"), ("ausgefeiltere", "ausgefeil"), ("au", "au")],
)
def test_cistem_follows_the_published_rules(word: str, stem: str) -> None:
    assert cistem(word) == stem


def test_parts_of_a_compound_for_any_match() -> None:
    assert compound_parts("Flüchtlingshilfe") == ("fluechtling", "hilfe")
    assert set(compound_parts("FDP-Kreistagsfraktion")) == {"FDP", "Kreistagsfraktion", "kreistag", "fraktion"}
    assert compound_parts("Haus") == ()


@given(st.text(alphabet=st.sampled_from("aäöüßBÜn1290 .-*:_/()\n\u00ad\u0308'’,;iInSs"), max_size=60))
def test_any_text_gives_tokens_in_order_inside_the_text(text: str) -> None:
    tokens = analyse(text)

    assert all(0 <= token.start < token.end <= len(text) for token in tokens)
    assert all(first.position <= second.position for first, second in itertools.pairwise(tokens))
    assert all(token.text for token in tokens)


@given(st.text(max_size=30))
def test_folding_twice_changes_nothing(text: str) -> None:
    assert fold(fold(text)) == fold(text)


def test_version_changes_with_the_word_lists() -> None:
    """The lists belong to the analysis: after a change raise ANALYSIS_VERSION and put the new digest here."""
    folder = files("archive_pipeline.language").joinpath("data")
    lists = sorted((file.name, file.read_bytes()) for file in folder.iterdir() if file.name.endswith(".txt"))
    digest = hashlib.sha256(repr(lists).encode()).hexdigest()[:16]

    assert (ANALYSIS_VERSION, digest) == ("de-2", "a5bbce452951a6be")


def test_every_word_list_names_its_licence() -> None:
    folder = files("archive_pipeline.language").joinpath("data")
    headers = [
        file.read_text("utf-8").split("\n\n")[0][:600] for file in folder.iterdir() if file.name.endswith(".txt")
    ]

    assert len(headers) == 6
    assert all("CC0" in header or "dl-de/by-2-0" in header for header in headers)
