import pytest

ISSUERS = [
    ("SPD: Mehr Busse für alle. Die SPD-Fraktion fordert kürzere Takte. CDU und FDP lehnen das ab.", {}, {"spd"}),
    ("Für Samstag lädt der CDU-Ortsverband Musterdorf zum Grillen ein. Die SPD kommt nicht.", {}, {"cdu"}),
    ("Die Freien Demokraten im Kreistag beantragen Luftfilter. CDU, Grüne und Linke stimmten dagegen.", {}, {"fdp"}),
    ("Die CDU/CSU-Bundestagsfraktion fordert mehr Tempo.", {}, {"cdu", "csu"}),
    ("Die AfD-Landtagsfraktion kritisiert den Haushalt.", {}, {"afd"}),
    ("Die ÖDP-Kreisvorsitzende Eva Muster warnt vor neuen Straßen.", {}, {"oedp"}),
    ("Der SSW-Landesverband fordert Radwege.", {}, {"ssw"}),
    ("Die BSW-Fraktion lehnt den Antrag ab.", {}, {"bsw"}),
    ("Die Volt-Fraktion begrüßt den Beschluss.", {}, {"volt"}),
    ("Die Jusos im Unterbezirk fordern Wohnungen.", {}, {"spd"}),
    ("Freibad bleibt offen.\n\nPressekontakt: CDU-Kreisverband Musterland", {}, {"cdu"}),
    ("Wir Grüne fordern Tempo 30.", {"party": "gruene"}, {"gruene"}),
    ("Sommerfest am Samstag mit Musik.", {"url": "https://www.spd-musterdorf.de/a"}, {"spd"}),
    ("Sommerfest am Samstag mit Musik.", {"url": "https://www.fdp-fraktion-muster.de/a"}, {"fdp"}),
    ("Das Freibad bleibt offen.", {"source_line": "Büro Muster (FDP)"}, {"fdp"}),
    ("Ratsherr Kurt Muster erläuterte den Plan.", {"source_line": "CDU Kreisverband Musterland"}, {"cdu"}),
]

NO_ISSUER = [
    "Der Kreis ehrt Ehrenamtliche. Landrat Karl Muster (CDU) überreichte Urkunden. Auch Eva Beispiel (SPD) kam.",
    "SPD, Grüne und Linke legen ein Papier vor.",
    "Die Konrad-Adenauer-Stiftung lädt zum Vortrag.",
    "Gegen Hass: Wir stehen zusammen gegen die AfD.",
    "Die Ampel streitet, Schwarz-Grün lacht.",
]

NOT_MENTIONED = [
    "Grüne Wiesen, linke Spur: In der Europäischen Union hat das Zentrum der Stadt eine Heimat. Volt ist ein Maß.",
    "Der BUND pflanzt Bäume. Der Bund zahlt, das Land auch.",
    "Die Republikaner in den USA und die Piraten vor Somalia.",
    "Der linke Flügel des Hauses wird liberal vermietet.",
    "Die Friedrich-Ebert-Stiftung tagt.",
]


def roles(findings, role):
    return {tag.value for tag in findings if tag.role == role and tag.score >= 0.5}


@pytest.mark.parametrize(("text", "fields", "expected"), ISSUERS)
def test_issuer(classify, text, fields, expected):
    assert roles(classify("party", text, **fields), "issuer") == expected


@pytest.mark.parametrize("text", NO_ISSUER)
def test_no_party_issues(classify, text):
    assert roles(classify("party", text), "issuer") == set()


@pytest.mark.parametrize("text", NOT_MENTIONED)
def test_ordinary_words_are_no_party(classify, text):
    assert classify("party", text) == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Der Antrag fand Zustimmung bei CDU, SPD, Grünen und Linken.", {"cdu", "spd", "gruene", "linke"}),
        ("Der Verein lud auch die Grünen-Fraktion und eine Linken-Politikerin ein.", {"gruene", "linke"}),
        ("Beim Fest waren Junge Union und SGK zu Gast, dazu die Linksjugend.", {"cdu", "spd", "linke"}),
        ("Beim Fest sprach auch ein FDP-Landtagsabgeordneter.", {"fdp"}),
        ("Unterschrieben haben auch Piratenpartei und Tierschutzpartei.", {"piraten", "tierschutz"}),
    ],
)
def test_mentioned(classify, text, expected):
    assert {tag.value for tag in classify("party", text) if tag.score >= 0.5} == expected


def test_opponents_named_more_often_do_not_issue(classify):
    text = (
        "Die FDP-Fraktion fordert Sparsamkeit. Die SPD will das nicht. Die SPD zögert. Die SPD streitet. Die SPD irrt."
    )
    assert roles(classify("party", text), "issuer") == {"fdp"}


def test_local_groups_are_bound_to_their_place(classify):
    text = "Die UWG-Fraktion im Stadtrat Erkelenz fordert Klarheit. Bürgermeister und Stadt Erkelenz schweigen."
    (tag,) = classify("party", text)
    assert (tag.value, tag.label) == ("uwg@05370", "UWG (Kreis Heinsberg)")


def test_local_group_without_a_place_is_a_suggestion(classify):
    (tag,) = classify("party", "Die UWG fordert Klarheit.")
    assert tag.value == "uwg"
    assert tag.score < 0.5


def test_about_when_somebody_else_issues(classify):
    (tag,) = classify(
        "party", "Der Verein besuchte die SPD. Die SPD freute sich.", organisation="Heimatverein Musterdorf"
    )
    assert (tag.value, tag.role) == ("spd", "about")


def test_subtitle_counts_but_is_no_evidence(classify):
    findings = classify(
        "party", "Der Abend war gut. Die SGK dankt allen.", subtitle="SPD-Mandatsträger informierten sich"
    )
    (tag,) = findings
    assert tag.role in ("issuer", "about")
    assert [evidence.text for evidence in tag.evidence] == ["SGK"]
