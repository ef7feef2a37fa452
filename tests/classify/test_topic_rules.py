import pytest

PRIMARY = [
    ("Der Haushalt reicht nicht: Grundsteuer und Gewerbesteuer steigen, die Schuldenbremse bleibt.", "macroeconomics"),
    ("Gegen Rassismus und Diskriminierung: Gleichstellung braucht Schutz der Grundrechte.", "civil_rights"),
    ("Das Krankenhaus sucht Hausärzte, denn die Pflege der Patienten ist in Gefahr.", "health"),
    ("Landwirte klagen über Gülle, Schweinepest und schlechte Ernte.", "agriculture"),
    ("Der Arbeitsmarkt ist stabil, die Arbeitslosenquote sinkt, der Mindestlohn steigt.", "labour"),
    ("Neue Kita und Grundschule: Lehrkräfte und Erzieherinnen werden gesucht.", "education"),
    ("Naturschutz und Klimaschutz: Abfall vermeiden, Artenvielfalt erhalten.", "environment"),
    ("Photovoltaik, Windkraft und Wärmepumpen: Strom aus erneuerbaren Energien.", "energy"),
    ("Flüchtlinge brauchen Sprachkurse und Integration, sagt der Asylkreis.", "immigration"),
    ("Der Bus fährt öfter, der Radweg wird gebaut, der Bahnhof saniert.", "transportation"),
    ("Die Polizei sucht Zeugen nach einem Einbruch; der Täter flüchtete.", "law_crime"),
    ("Armut trifft Senioren und Familien; Sozialhilfe und Bürgergeld reichen nicht.", "social_welfare"),
    ("Wohnungsbau und Mieten: Das Neubaugebiet braucht einen Bebauungsplan.", "housing"),
    ("Einzelhandel und Handwerk leiden, der Tourismus und die Gastronomie wachsen.", "domestic_commerce"),
    ("Die Bundeswehr bekommt Panzer, Soldaten ziehen in die Kaserne.", "defence"),
    ("Breitband und Glasfaser: Digitalisierung und WLAN für alle.", "technology"),
    ("Zölle und Freihandel: Der Export leidet unter dem Handelskrieg.", "foreign_trade"),
    ("Die Städtepartnerschaft lebt: Diplomaten und Botschafter aus Afrika zu Gast.", "international_affairs"),
    (
        "Der Kreistag wählt einen Dezernenten; die Kommunalwahl und die Haushaltssatzung folgen.",
        "government_operations",
    ),
    ("Der Deich wird erhöht, die Talsperre saniert, der Naturpark vergrößert.", "public_lands"),
    ("Konzert im Museum: Chor und Theater zeigen Kunst und Literatur.", "culture"),
]


@pytest.mark.parametrize(("text", "topic"), PRIMARY)
def test_primary_topic(classify, text, topic):
    first, *others = classify("topic", text)
    assert (first.value, first.role) == (topic, "primary")
    assert all(tag.role == "secondary" and tag.score <= first.score for tag in others)


@pytest.mark.parametrize(
    ("word", "topic"),
    [
        ("Zusammenarbeit", "labour"),  # hidden by the longer part
        ("besucht", "health"),
        ("Mitglied", "culture"),
        ("Sparkasse", "environment"),
        ("Funktion", "technology"),
        ("beschlossen", "culture"),
        ("Kandidaten", "technology"),
        ("investieren", "agriculture"),
        ("Hamburg", "culture"),
    ],
)
def test_parts_of_words_that_mean_nothing(classify, word, topic):
    assert topic not in {tag.value for tag in classify("topic", f"Am Ende steht {word} im Text.")}


def test_title_weighs_more_than_text(classify):
    tags = classify(
        "topic", "Das Theater und das Museum sind offen.", title="Krankenhaus sucht Pflegekräfte für Patienten"
    )
    assert tags[0].value == "health"


def test_sender_before_the_colon_is_no_topic(classify):
    title = "AfD-Fraktion im Kreistag Musterkreis: Kreis soll Asylunterkünfte nicht ausbauen"
    first, *_ = classify("topic", "Die Fraktion lehnt den Ausbau der Unterkunft ab.", title=title)
    assert first.value == "immigration"


def test_names_of_towns_are_no_words(classify):
    assert {tag.value for tag in classify("topic", "Treffpunkt ist Pfarrkirchen, danach Waldkirch.")} == set()


def test_no_rest_class(classify):
    assert classify("topic", "Am Samstag trafen sich alle, die gern dabei sind, und es war schön.") == ()


def test_one_weak_word_is_a_suggestion(classify):
    found = classify("topic", "Das Fest war schön.")
    assert [(tag.value, tag.score < 0.5) for tag in found] == [("culture", True)]


def test_foreign_text_has_no_topic(classify):
    text = (
        "De gemeente Enschede en de gemeente Gronau werken samen aan een nieuwe weg voor fietsers in de regio Twente. "
        "Het college van burgemeester en wethouders heeft dat vandaag besloten, zegt een woordvoerder van de stad."
    )
    assert classify("topic", text) == ()
    assert classify("district", text) == ()


def test_persons_and_verbs_are_no_subject(classify):
    text = "Der Verein sucht Paten für Geflüchtete. Eva Müller und Kurt Vogel klagen nicht. Müller ist recht zufrieden."
    tags = classify("topic", text, title="Verein sucht Paten")
    assert tags[0].value == "immigration"
    assert not {"health", "environment", "law_crime"} & {tag.value for tag in tags}


def test_a_noun_of_a_subject_counts_where_a_verb_does_not(classify):
    assert classify("topic", "Die Sucht ist eine Krankheit.")[0].value == "health"
