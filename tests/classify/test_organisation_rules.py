import time

import pytest

NAMED = [
    ("Der DRK-Kreisverband Soest sucht Helfer. Das DRK hilft allen.", {"DRK-Kreisverband Soest"}),
    ("Das DRK Kreisverband Wesel eröffnet ein Haus.", {"DRK-Kreisverband Wesel"}),
    ("Der Verein „Bunte Brücke e.V.“ lädt ein.", {"Bunte Brücke"}),
    ("Der Förderverein Alte Mühle e.V. sammelt Spenden.", {"Förderverein Alte Mühle"}),
    ("Die Stadtwerke Münster erhöhen die Preise.", {"Stadtwerke Münster"}),
    ("Der Hürther Integrationsrat lud ein.", {"Integrationsrat Hürth"}),
    ("Der Wiesbadener Ausländerbeirat lud ein.", {"Ausländerbeirat Wiesbaden"}),
    ("Die Freiwillige Feuerwehr Bad Sassendorf übte.", {"Feuerwehr Bad Sassendorf"}),
    ("Die SPD-Kreistagsfraktion Unna beantragt Geld.", {"SPD-Kreistagsfraktion Unna"}),
    ("Die CDU-Fraktion im Erfurter Stadtrat beantragt Geld.", {"CDU-Fraktion im Erfurter Stadtrat"}),
    (
        "Das Ministerium für Umwelt, Landwirtschaft und Energie teilt mit, dass es regnet.",
        {"Ministerium für Umwelt, Landwirtschaft und Energie"},
    ),
    ("Das Bundesamt für Strahlenschutz warnt.", {"Bundesamt für Strahlenschutz"}),
    ("Die Agentur für Arbeit meldet Zahlen.", {"Bundesagentur für Arbeit"}),
    ("Der Zentralverband des Deutschen Handwerks fordert Hilfe.", {"Zentralverband des Deutschen Handwerks"}),
    (
        "Die Leiterin des Kommunalen Integrationszentrums des Kreises Lippe stellte das Haus vor.",
        {"Kommunales Integrationszentrum Kreis Lippe"},
    ),
    ("Im Kreis Soest berät das Kommunale Integrationszentrum.", {"Kommunales Integrationszentrum Kreis Soest"}),
    ("Amnesty International fordert ein Verbot.", {"Amnesty International"}),
    ("Die Musikschule „Klangwelt“ spielt auf.", {"Musikschule Klangwelt"}),
]


def labels(findings):
    return {tag.label for tag in findings}


@pytest.mark.parametrize(("text", "expected"), NAMED)
def test_body_is_found_in_its_canonical_form(classify, text, expected):
    assert expected <= labels(classify("organisation", text))


@pytest.mark.parametrize(
    "text",
    [
        "Künstliche Intelligenz (KI) verändert alles. Die KI lernt.",
        "Der Verein lädt ein. Die Initiative geht von ihm aus.",
        "Das Ehrenamt ist wichtig, das Handwerk auch, und der Apparat steht still.",
        "Ein Bündnis aus Wind und Regen zog auf.",
    ],
)
def test_ordinary_words_are_no_body(classify, text):
    assert labels(classify("organisation", text)) == set()


def test_abbreviation_is_bound_to_its_expansion(classify):
    text = "Der Treffpunkt Arbeit und Teilhabe (TAT) in Viersen berät. TAT-Leiterin Eva Muster freut sich. TAT hilft."
    (tag,) = [tag for tag in classify("organisation", text) if "TAT" in tag.label]
    assert tag.label == "Treffpunkt Arbeit und Teilhabe (TAT)"
    assert "TAT" in {evidence.text for evidence in tag.evidence}


def test_expansion_alone_is_no_body(classify):
    assert labels(classify("organisation", "Das Teilhabe- und Arbeitsprogramm (TAP) beginnt.")) == set()


def test_mentions_of_one_body_meet(classify):
    text = "Die AWO Kreisverband Wesel eröffnet ein Haus. Die AWO freut sich. Auch die Arbeiterwohlfahrt Wesel dankt."
    assert labels(classify("organisation", text)) == {"AWO-Kreisverband Wesel"}


def test_own_body_issues(classify):
    tags = classify("organisation", "Der Heimatverein dankt.", organisation="Heimatverein Musterdorf")
    assert (tags[0].label, tags[0].role) == ("Heimatverein Musterdorf", "issuer")


def test_own_body_by_slug(classify):
    tags = classify("organisation", "Das Zelt steht.", organisation="drk")
    assert (tags[0].value, tags[0].label) == ("drk", "Deutsches Rotes Kreuz")


def test_listed_bodies_are_only_mentioned(classify):
    text = (
        "Die Bürgerinitiative Grüner Ring stellt ihr Programm vor. Die Bürgerinitiative Grüner Ring lädt ein.\n\n"
        "Am Abend ging es lange um die Pläne für den Sommer und alles, was noch fehlt, bis das Fest beginnen kann. "
        "Wer mithelfen möchte, meldet sich am Stand. Es gibt Kuchen, Musik und Spiele für alle Gäste des Tages, dazu "
        "eine Führung durch die Anlage. Dank gilt den Spendern: Sparkasse Soest, Malteser und NABU."
    )
    roles = {tag.label: tag.role for tag in classify("organisation", text)}
    assert roles["Bürgerinitiative Grüner Ring"] == "about"
    assert roles["Naturschutzbund Deutschland"] == "mentioned"


def test_place_inside_a_body_is_not_the_administration(classify):
    assert labels(classify("organisation", "Das Jobcenter Kreis Unna hilft.")) == {"Jobcenter Kreis Unna"}


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Die CDU-Fraktion im Rat der Stadt Hamm fordert Geld.", "CDU-Fraktion im Rat der Stadt Hamm"),
        ("Die FDP-Fraktion im Kreistag des Rhein-Sieg-Kreises lehnt ab.", "FDP-Fraktion im Kreistag Rhein-Sieg-Kreis"),
        ("Die Stadt Lage saniert ihr Bad.", "Stadt Lage"),
        ("Der VdK-Ortsverband Lage berät Familien.", "VdK-Ortsverband Lage"),
    ],
)
def test_place_of_a_body_in_the_nominative_and_whole(classify, text, label):
    assert label in labels(classify("organisation", text))


def test_abbreviation_that_comes_back_thousands_of_times(classify):
    text = (
        "Kristallisationspunkt gegen Armut durch Integration (KAI) lädt ein. Die KAI-Leiterin dankt. " + "KAI " * 20_000
    )
    started = time.process_time()
    classify("organisation", text, language="de")
    assert time.process_time() - started < 10
