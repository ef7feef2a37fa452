"""Query text to tree: the language, its notes, and that no text is ever an error."""

from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive_pipeline.query import All, And, Exact, Filter, Fuzzy, Node, Not, Or, Phrase, Prefix, Range, Term
from archive_pipeline.search.names import NameTable
from archive_pipeline.search.parser import MAX_PATTERNS, MAX_QUERY_BYTES, MAX_WORDS, Match, ParsedQuery, parse_query

TODAY = date(2026, 11, 22)
NAMES = NameTable(
    {
        "district": {"05370": "Kreis Heinsberg", "05766": "Kreis Lippe", "05974": "Kreis Soest"},
        "party": {"fdp": "FDP", "gruene": "Grüne"},
        "topic": {"immigration": "Einwanderung"},
        "organisation": {"drk": "Deutsches Rotes Kreuz"},
    },
    {"district": [("Lippe", "05766"), ("Soest", "05974")], "party": [("Freie Demokraten", "fdp")]},
)


def parse(text: str, match: Match = "all") -> ParsedQuery:
    return parse_query(text, names=NAMES, today=TODAY, match=match)


A, B, C = Term("alpha"), Term("beta"), Term("gamma")


@pytest.mark.parametrize(
    ("text", "node"),
    [
        ("alpha", A),
        ("alpha beta", And((A, B))),
        ("alpha AND beta", And((A, B))),
        ("alpha UND beta", And((A, B))),
        ("alpha OR beta", Or((A, B))),
        ("alpha ODER beta gamma", Or((A, And((B, C))))),
        ("(alpha ODER beta) gamma", And((Or((A, B)), C))),
        ("alpha -beta", And((A, Not(B)))),
        ("alpha NOT beta", And((A, Not(B)))),
        ("alpha NICHT (beta ODER gamma)", And((A, Not(Or((B, C)))))),
        ("NICHT NICHT alpha", A),
        ("-alpha", Not(A)),
        ('"alpha beta"', Phrase(("alpha", "beta"))),
        ("„alpha beta“", Phrase(("alpha", "beta"))),
        ("»alpha beta«", Phrase(("alpha", "beta"))),
        ("«alpha beta»", Phrase(("alpha", "beta"))),
        ("“alpha beta”", Phrase(("alpha", "beta"))),
        ('"alpha beta"~3', Phrase(("alpha", "beta"), 3)),
        ('-"alpha beta"', Not(Phrase(("alpha", "beta")))),
        ('"alpha"', A),
        ("flücht*", Prefix("flücht")),
        ("hükelhoven~", Fuzzy("hükelhoven", 1)),
        ("hükelhoven~2", Fuzzy("hükelhoven", 2)),
        ("=Bund", Exact("Bund")),
        ("-=Bund", Not(Exact("Bund"))),
        ("Was geschah?", Term("geschah")),
        ("Bürger*innen", Term("Bürger*innen")),
        ("Bürger:innen", Term("Bürger:innen")),
        ("Bürger(innen)", Term("Bürger(innen)")),
        ("KommAn-NRW", Term("KommAn-NRW")),
        ("NRW -KommAn", And((Term("NRW"), Not(Term("KommAn"))))),
        ("„Fischglas“-artig", And((Term("Fischglas"), Term("artig")))),
        ("kreis:05370", Filter("district", ("05370",))),
        ("kreis:Lippe", Filter("district", ("05766",))),
        ("Kreis:lippe", Filter("district", ("05766",))),
        ("kreis: Lippe", Filter("district", ("05766",))),
        ("kreis:\u00a0Lippe", Filter("district", ("05766",))),
        ("datum:\t2017", Range("published", date(2017, 1, 1), date(2017, 12, 31))),
        ("kreis.erwa\u0308hnt:Soest", Filter("district_mentioned", ("05974",))),
        ("kreis:(Lippe -Soest)", And((Filter("district", ("05766",)), Not(Filter("district", ("05974",)))))),
        ("kreis:(-Lippe -Soest)", And((Not(Filter("district", ("05766",))), Not(Filter("district", ("05974",)))))),
        (
            "datum:(2015-05 2017-05)",
            Or(
                (
                    Range("published", date(2015, 5, 1), date(2015, 5, 31)),
                    Range("published", date(2017, 5, 1), date(2017, 5, 31)),
                )
            ),
        ),
        ("(alpha ODER beta -) gamma", And((Or((A, B)), C))),
        ("E-Auto*", Prefix("EAuto")),
        ("Bürger*inne*", Prefix("Bürgerinne")),
        ("12:3*", Prefix("12:3")),
        ("x-raay~", Fuzzy("xraay", 1)),
        ("district:lippe,soest", Filter("district", ("05766", "05974"))),
        ("kreis:(Lippe Soest)", Or((Filter("district", ("05766",)), Filter("district", ("05974",))))),
        ("kreis:„Kreis Lippe“", Filter("district", ("05766",))),
        ("kreis:Kreis Lippe alpha", And((Filter("district", ("05766",)), A))),
        ("partei:Freie Demokraten", Filter("party", ("fdp",))),
        ("partei:Gruene", Filter("party", ("gruene",))),
        ("partei.erwähnt:fdp", Filter("party_mentioned", ("fdp",))),
        ("partei.erwaehnt:fdp", Filter("party_mentioned", ("fdp",))),
        ("kreis.erwähnt:Soest", Filter("district_mentioned", ("05974",))),
        ("-partei:fdp", Not(Filter("party", ("fdp",)))),
        ("quelle:lokal sprache:de", And((Filter("source", ("lokal",)), Filter("language", ("de",))))),
        ("titel:alpha", Term("alpha", "title")),
        ("title:(alpha beta)", And((Term("alpha", "title"), Term("beta", "title")))),
        ("zitat:„alpha beta“", Phrase(("alpha", "beta"), 0, "quote")),
        ("sprecher:=Weber", Exact("Weber", "speaker")),
        ("datum:2017", Range("published", date(2017, 1, 1), date(2017, 12, 31))),
        ("datum:2016-02", Range("published", date(2016, 2, 1), date(2016, 2, 29))),
        ("datum:2016-05-03", Range("published", date(2016, 5, 3), date(2016, 5, 3))),
        ("datum:03.05.2016", Range("published", date(2016, 5, 3), date(2016, 5, 3))),
        ("datum:05.2016", Range("published", date(2016, 5, 1), date(2016, 5, 31))),
        ("datum:2015..2017", Range("published", date(2015, 1, 1), date(2017, 12, 31))),
        ("datum:2017..2015", Range("published", date(2015, 1, 1), date(2017, 12, 31))),
        ("datum:2015-2017", Range("published", date(2015, 1, 1), date(2017, 12, 31))),
        ("datum:2020..2021-06", Range("published", date(2020, 1, 1), date(2021, 6, 30))),
        ("datum:2020..", Range("published", date(2020, 1, 1))),
        ("datum:..2020", Range("published", None, date(2020, 12, 31))),
        ("datum:unbekannt", Range("published", unknown=True)),
        ("erfasst:2026-11", Range("captured", date(2026, 11, 1), date(2026, 11, 30))),
        ("seit:30t", Range("published", date(2026, 10, 23))),
        ("seit:2w", Range("published", date(2026, 11, 8))),
        ("seit:9m", Range("published", date(2026, 2, 22))),
        ("seit:1j", Range("published", date(2025, 11, 22))),
        ("wahlperiode:nrw-17", Range("published", date(2017, 6, 1), date(2022, 5, 31))),
        ("wahlperiode:NRW-18", Range("published", date(2022, 6, 1))),
        ("wahlperiode:bt-20", Range("published", date(2021, 10, 26), date(2025, 3, 24))),
        ("wahlperiode:„Sachsen-Anhalt 7“", Range("published", date(2016, 4, 12), date(2021, 7, 5))),
        ("legislature:thueringen-7", Range("published", date(2019, 11, 26), date(2024, 9, 25))),
        ("since:2020", Range("published", date(2020, 1, 1))),
        ("Haushalt des Kreises", And((Term("Haushalt"), Term("Kreises")))),
        ("der die", And((Term("der"), Term("die")))),
        ("Jared Allen", And((Term("Jared"), Term("Allen")))),
        ("", All()),
        ("   ", All()),
    ],
)
def test_means(text: str, node: Node) -> None:
    parsed = parse(text)

    assert parsed.node == node
    assert parsed.notes == ()


def test_any_is_an_or_over_words_while_filters_and_exclusions_hold() -> None:
    assert parse("alpha beta", "any").node == Or((A, B))
    assert parse("alpha beta -gamma kreis:Lippe", "any").node == And(
        (Or((A, B)), Not(C), Filter("district", ("05766",)))
    )
    assert parse("alpha AND beta gamma", "any").node != Or((A, B, C))
    both = Or((Filter("district", ("05766",)), Filter("district", ("05974",))))
    assert parse("alpha beta kreis:(Lippe Soest)", "any").node == And((Or((A, B)), both))
    assert parse("alpha (kreis:Lippe ODER beta)", "any").node == Or((A, Filter("district", ("05766",)), B))


def test_any_meets_compounds_by_their_parts_once() -> None:
    assert parse("Flüchtlingshilfe hilfe", "any").node == Or(
        (Term("Flüchtlingshilfe"), Term("fluechtling"), Term("hilfe"))
    )
    assert parse("Flüchtlingshilfe").node == Term("Flüchtlingshilfe")


@pytest.mark.parametrize(
    ("text", "node", "note"),
    [
        ("„alpha beta", Phrase(("alpha", "beta")), "Spalte 1: Anführungszeichen ohne Ende"),
        ("(alpha beta", And((A, B)), "Spalte 1: Klammer ohne Ende"),
        ("alpha) beta", And((A, B)), "Spalte 6: schließende Klammer"),
        ("alpha AND", A, "Spalte 7: AND ohne Wort"),
        ("ODER alpha", A, "Spalte 1: ODER ohne Wort"),
        ("alpha NICHT", A, "Spalte 7: NICHT ohne Wort"),
        ("alpha al*", And((A, Term("al"))), "Spalte 7: „al*“ ist zu kurz"),
        ("alpha kreis:", A, "Spalte 7: Feld kreis ohne Wert"),
        ("alpha datum:gestern", A, "Spalte 7: datum: „gestern“ ist kein Datum"),
        ("alpha datum:2016-13", A, "ist kein Datum"),
        ("alpha seit:bald", A, "ist kein Datum"),
        ("kreiss:alpha", And((Term("kreiss"), A)), "Feld kreiss gibt es nicht, meinten Sie kreis:?"),
        ("kreis:Lipe", Filter("district", ()), "kreis: „Lipe“ ist nicht bekannt, meinten Sie Lippe?"),
        ("???", All(), "kein Wort"),
        (
            "alpha hükelhoven~9",
            And((A, Fuzzy("hükelhoven", 2))),
            "Spalte 7: „hükelhoven~“ sucht höchstens mit Abstand 2",
        ),
        ('"a b c d e f"~9', Phrase(tuple("abcdef"), 2), "Spalte 1: Abstand ~9 ist zu weit, gesucht wird mit ~2"),
        ('"alpha beta"~99', Phrase(("alpha", "beta"), 50), "Spalte 1: Abstand ~99 ist zu weit"),
        ("alpha wahlperiode:nrw-99", A, "„nrw-99“ ist nicht bekannt, weggelassen (bekannt sind nrw-11 bis nrw-18)"),
        ("alpha wahlperiode:20", A, "Parlamente: bt, bw"),
        ("(kreis:) alpha", A, "Spalte 2: Feld kreis ohne Wert"),
        ("kreiss:alp*", And((Term("kreiss"), Prefix("alp"))), "Spalte 1: Feld kreiss gibt es nicht"),
        ("kreiss:alpha~", And((Term("kreiss"), Fuzzy("alpha"))), "Spalte 1: Feld kreiss gibt es nicht"),
        ("alpha hükelhoven~10", And((A, Fuzzy("hükelhoven", 2))), "höchstens mit Abstand 2"),
        ("alpha *haus", And((A, Term("haus"))), "Spalte 7: „*haus“: ein * gilt nur am Ende"),
        ("hau*halt alpha", And((Term("hau*halt"), A)), "Spalte 1: „hau*halt“: ein * gilt nur am Ende"),
        ('="alpha beta"', Phrase(("alpha", "beta")), "Spalte 1: = gilt nur für ein einzelnes Wort"),
    ],
)
def test_mistakes_are_read_leniently_and_noted(text: str, node: Node, note: str) -> None:
    parsed = parse(text)

    assert parsed.node == node
    assert len(parsed.notes) == 1
    assert note in parsed.notes[0]


def test_an_unknown_value_alone_never_means_everything() -> None:
    assert parse("kreis:Lipe", "any").node == Filter("district", ())
    assert parse("kreis:Lipe alpha", "any").node == A


def test_understood_names_fields_operators_and_labels() -> None:
    text = 'alpha ("beta gamma"~2 ODER x-ray*) -kreis:05370 datum:2017.. titel:=Bund foto~'

    assert parse(text).understood == (
        "alpha UND („beta gamma“~2 ODER xray*) UND NICHT kreis:Kreis Heinsberg UND datum:2017-01-01.. "
        "UND titel:=Bund UND foto~1"
    )
    assert parse("").understood == "alle Mitteilungen"


def test_long_queries_are_cut_and_say_so() -> None:
    parsed = parse("wort " * 2000)

    assert "länger als" in parsed.notes[0]
    assert len(parsed.understood.encode()) < 3 * MAX_QUERY_BYTES


def test_too_many_words_and_patterns_are_left_out_and_say_so() -> None:
    many = parse(" ".join(f"w{number}" for number in range(MAX_WORDS + 5)))
    assert isinstance(many.node, And)
    assert len(many.node.nodes) == MAX_WORDS
    assert [note for note in many.notes if "mehr als" in note] == list(many.notes)

    patterns = parse(" ".join(f"wort{number}*" for number in range(MAX_PATTERNS + 2)))
    assert isinstance(patterns.node, And)
    assert sum(isinstance(node, Prefix) for node in patterns.node.nodes) == MAX_PATTERNS
    assert len(patterns.notes) == 2


def test_what_is_noted_and_looked_up_has_an_end() -> None:
    many = parse("(" * 500 + "alpha")
    assert len(many.notes) == 21
    assert many.notes[-1] == "Die Anfrage wurde auch an weiteren Stellen nachsichtig gelesen: 480"

    asked: list[str] = []

    class Counting(NameTable):
        def resolve(self, field: str, text: str) -> tuple[str, ...]:
            asked.append(text)
            return super().resolve(field, text)

    names = Counting({"district": {"05766": "Lippe"}})
    query = "kreis:" + ",".join(["Lippe", *(f"x{number}" for number in range(300))])
    parsed = parse_query(query, names=names, today=TODAY)
    assert parsed.node == Filter("district", ("05766",))
    assert len(asked) < 100


def test_phrases_share_what_can_be_spread() -> None:
    parsed = parse(" ".join(['"alpha beta gamma"~21'] * 20))
    assert isinstance(parsed.node, And)
    phrases = [node for node in parsed.node.nodes if isinstance(node, Phrase)]
    assert (len(phrases), phrases[0].slop, phrases[-1].slop) == (20, 21, 0)
    assert sum((phrase.slop + 1) ** 2 for phrase in phrases if phrase.slop) <= 512
    assert "Abstand ~21 ist zu weit" in parsed.notes[0]


def test_deep_brackets_end_somewhere() -> None:
    assert "Klammern ineinander" in " ".join(parse("(" * 500 + "alpha").notes)


_PIECES = st.sampled_from(
    [*'()"„“»«-=~*:?!.,–+', " ", "  ", "AND ", "ODER ", "NICHT ", "kreis:", "datum:", "titel:", "seit:",
     "partei.erwähnt:", "Lippe", "2016",
     "..", "30t", "Bürger", "*innen", "der", "~2", "\u0308", "\ud800", "ß", "\n", "9999999999", "foo:"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(_PIECES, max_size=25).map("".join) | st.text(max_size=60), st.sampled_from(("all", "any")))
def test_no_text_is_an_error(text: str, match: Match) -> None:
    parsed = parse(text, match)

    assert parsed.understood
    assert all(note.startswith(("Spalte ", "Die Anfrage")) for note in parsed.notes)


@given(
    st.sampled_from(["(", ")", '"', "„", "“", "»", "«", "-", "+", "=", "~", "*", ":", "?", "!", "&", "|", "^", "\\"])
)
def test_every_operator_character_alone(sign: str) -> None:
    assert parse(sign).node == All()
    assert parse(f"alpha {sign} beta").node == And((A, B))
