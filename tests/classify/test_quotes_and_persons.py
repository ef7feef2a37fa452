import pytest

from archive_pipeline.classify.quotes import marked_spans


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        ("Er sagte: „Wir gehen heute nach Hause.“ Dann ging er.", ["Wir gehen heute nach Hause."]),
        ('Er sagte: "Wir gehen heute." Dann: "Wir bleiben."', ["Wir gehen heute.", "Wir bleiben."]),
        ('Er sagte: „Wir gehen heute." Dann ging er.', ["Wir gehen heute."]),
        ("Er sagte: »Wir gehen heute.« Dann ging er.", ["Wir gehen heute."]),
        ("Er sagte: «Wir gehen heute.» Dann ging er.", ["Wir gehen heute."]),
        ("„Das „Haus der Kinder“ bleibt offen“, sagte sie.", ["Das „Haus der Kinder“ bleibt offen"]),
        ("Er sagte: „Das bleibt offen.\n\nDann ging er.", ["Das bleibt offen."]),
        ("„Erster Absatz.\n\n„Zweiter Absatz.“ Ende.", ["Erster Absatz.\n\n„Zweiter Absatz."]),
        ("Kein Zeichen.", []),
    ],
)
def test_marks(text, inside):
    assert [text[span.start : span.end] for span in marked_spans(text)] == inside


SPOKEN = [
    ("„Wir wollen die Busse öfter fahren lassen“, so Eva Muster.", ["Eva Muster"]),
    ("„Wir wollen die Busse öfter fahren lassen“, sagte Landrätin Eva Muster am Freitag.", ["Eva Muster"]),
    ("Bürgermeister Kurt Beispiel erklärte: „Wir bauen in diesem Jahr eine neue Schule.“", ["Kurt Beispiel"]),
    ("Kurt Beispiel (SPD): „Wir bauen in diesem Jahr eine neue Schule.“", ["Kurt Beispiel"]),
    ("Ministerin Muster: „Wir bauen in diesem Jahr eine neue Schule.“", ["Muster"]),
    (
        "„Wir bauen in diesem Jahr eine Schule“, so Kurt Beispiel. „Und im nächsten Jahr folgt die Halle.“",
        ["Kurt Beispiel", "Kurt Beispiel"],
    ),
    (
        "Landrat Kurt Beispiel eröffnete das Fest. „Wir danken allen, die geholfen haben“, sagte der Landrat.",
        ["Kurt Beispiel"],
    ),
    (
        "Eva Muster leitet das Haus. „Wir haben alle Hände voll zu tun“, sagt Muster. Gast war Kurt Beispiel.",
        ["Eva Muster"],
    ),
    ("Leiterin Eva Muster will „neues Vertrauen schaffen“.", ["Eva Muster"]),
    ("„Wir haben das seit langem so gefordert und bleiben dabei.“", [None]),
    (
        "„Das ist ein Glück für uns alle.“ Mit diesen Worten eröffnete Bürgermeisterin Eva Muster den Markt.",
        ["Eva Muster"],
    ),
]


@pytest.mark.parametrize(("text", "speakers"), SPOKEN)
def test_speakers(classify, text, speakers):
    quotes = classify("quotes", text)
    assert [quote.speaker for quote in quotes] == speakers
    assert all(text[quote.start : quote.end] == quote.text for quote in quotes)


SPOKEN_BY_OTHERS = [
    # double names: the surname alone, short speech, a form of address
    (
        "Petra Beispiel-Muster führte Gäste. „Es fehlt an Platz“, sagte Beispiel-Muster. „Wir bauen bald an“, so "
        "Beispiel-Muster. Frau Beispiel-Muster ergänzte: „Das Geld dafür ist schon da.“",
        ["Petra Beispiel-Muster"] * 3,
    ),
    # two persons of one name or one office: who was named in full last
    (
        "Eva Muster (SPD) will mehr Geld. „Wer übt, lernt schneller als die anderen“, sagte Muster.\n\nDagegen war "
        "Kurt Muster (CDU). „Wir können nicht jede Lücke stopfen“, sagte Muster.",
        ["Eva Muster", "Kurt Muster"],
    ),
    (
        "Petra Beispiel-Muster und Kurt Muster kamen. „Es fehlt noch an Platz“, fand Muster. Beispiel-Muster sagte: "
        "„Wir bauen nun bald an.“",
        ["Kurt Muster", "Petra Beispiel-Muster"],
    ),
    # short speech that a pronoun ascribes
    ("Landrätin Eva Muster schnitt das Band durch. „Hier ist jeder willkommen“, sagte sie.", ["Eva Muster"]),
    # a pronoun means who acted in between, not who spoke before
    (
        "„Wir hatten am Anfang nur drei Paten“, sagte Leiterin Eva Muster. Bürgermeister Kurt Beispiel (CDU) hörte "
        "zu. Er versprach Hilfe: „Die Stadt lässt euch nicht allein.“",
        ["Eva Muster", "Kurt Beispiel"],
    ),
    (
        "„Wir hatten am Anfang nur drei Paten“, sagte Eva Muster. Bürgermeister Kurt Beispiel gratulierte. „Solche "
        "Paten machen eine Stadt erst lebenswert“, meinte er.",
        ["Eva Muster", "Kurt Beispiel"],
    ),
    (
        "„Wir hatten am Anfang nur drei Paten“, sagte Eva Muster. Sie dankte Kurt Beispiel. „Ohne ihn wäre das nie "
        "gegangen“, meinte sie.",
        ["Eva Muster", "Eva Muster"],
    ),
    (
        "Das sagte Eva Muster. Neben ihr saß Pfarrerin Ute Beispiel. „Kirche steht an der Seite der Schwachen“, "
        "betonte diese.",
        ["Ute Beispiel"],
    ),
    ("„Dann müssen wir drei von fünf Stellen streichen.“ Das sagte Eva Muster am Mittwoch.", ["Eva Muster"]),
]


@pytest.mark.parametrize(("text", "speakers"), SPOKEN_BY_OTHERS)
def test_speakers_among_others(classify, text, speakers):
    assert [quote.speaker for quote in classify("quotes", text, language="de")] == speakers


@pytest.mark.parametrize(
    "text",
    [
        "Der Vortrag über die „Entwicklung der Arbeit in den Kommunen“ war gut besucht.",
        "Das Motto „Wir gehen gemeinsam neue Wege“ stand auf dem Plakat.",
        "Gefördert wird das Projekt „Wir machen mit“ vom Land.",
        "Gezeigt wird der Film „Kommen alle Kinder in den Himmel?“ im Kino.",
        "Das „Haus der Jugend“ öffnet wieder.",
    ],
)
def test_titles_and_mottos_are_no_speech(classify, text):
    assert classify("quotes", text) == ()


PERSONS = [
    ("Landrat Kurt Beispiel dankte allen.", [("Kurt Beispiel", "Landrat", None)]),
    (
        "Der Heinsberger FDP-Landtagsabgeordnete Kurt Beispiel war zu Gast.",
        [("Kurt Beispiel", "FDP-Landtagsabgeordnete", "fdp")],
    ),
    ("Eva Muster MdL war zu Gast.", [("Eva Muster", "MdL", None)]),
    ("Eva Muster (CDU) war zu Gast.", [("Eva Muster", None, "cdu")]),
    (
        "Eva Muster, Leiterin der Abteilung Verkehr, war zu Gast.",
        [("Eva Muster", "Leiterin der Abteilung Verkehr", None)],
    ),
    ("Der Leiter des Zentrums, Kurt Beispiel, war zu Gast.", [("Kurt Beispiel", "Leiter des Zentrums", None)]),
    ("Professorin Dr. Eva Muster-Beispiel sprach.", [("Eva Muster-Beispiel", "Professorin", None)]),
    ("Für SGK-Kreisvorsitzenden Kurt Beispiel ist das gut.", [("Kurt Beispiel", "SGK-Kreisvorsitzenden", "spd")]),
    ("Eva Muster von der CDU war zu Gast.", [("Eva Muster", None, "cdu")]),
    ("Wehrführer Kurt von Beispiel sprach.", [("Kurt von Beispiel", "Wehrführer", None)]),
    (
        "Eva Muster (Grüne) und Kurt Beispiel (Linke) kamen.",
        [
            ("Eva Muster", None, "gruene"),
            ("Kurt Beispiel", None, "linke"),
        ],
    ),
    (
        "Es kamen Landrat Kurt Beispiel, Dekan Dr. Hans Muster und Eva Muster.",
        [
            ("Kurt Beispiel", "Landrat", None),
            ("Hans Muster", "Dekan", None),
        ],
    ),
    (
        "Es kamen Superintendent Kurt Beispiel, die Landrätin Eva Muster und andere.",
        [
            ("Kurt Beispiel", "Superintendent", None),
            ("Eva Muster", "Landrätin", None),
        ],
    ),
]


@pytest.mark.parametrize(("text", "expected"), PERSONS)
def test_persons_with_office(classify, text, expected):
    persons = classify("persons", text)
    assert [(person.name, person.role, person.party) for person in persons] == expected
    assert all(text[person.start : person.end] == person.name for person in persons)


@pytest.mark.parametrize(
    "text",
    [
        "Eva Muster und Kurt Beispiel gewannen den Malwettbewerb.",
        "Die Anwohnerin Eva Muster rief die Feuerwehr.",
        "Am Samstag trafen sich viele Kinder.",
    ],
)
def test_private_persons_are_never_recorded(classify, text):
    assert classify("persons", text) == ()
