"""One short text for each rule, and its counter-example."""

import pytest

TAGGED = [
    # full names and office words
    ("Der Landrat des Kreises Viersen eröffnete die neue Rettungswache.", {"05166"}),
    ("Landrätin Muster begrüßte im Landkreis Gifhorn neue Lehrkräfte.", {"03151"}),
    ("Der Rhein-Sieg-Kreis stellt 20 neue Busse vor.", {"05382"}),
    ("Die Region Hannover zahlt mehr für Busse.", {"03241"}),
    ("Die Städteregion Aachen zahlt mehr für Busse.", {"05334"}),
    ("Der Saarpfalz-Kreis baut ein Berufskolleg.", {"10045"}),
    ("Der Wartburgkreis fördert Vereine.", {"16063"}),
    ("Das Landratsamt Görlitz bleibt am Freitag geschlossen.", {"14626"}),
    ("Der Kreistag Steinfurt hat den Haushalt beschlossen.", {"05566"}),
    ("Die Kreispolizeibehörde Unna sucht Zeugen.", {"05978"}),
    # municipalities roll up
    ("Die Stadt Hückelhoven saniert ihr Freibad. Der Rat hat den Plan beschlossen.", {"05370"}),
    ("Die Gemeinde Bad Sassendorf lädt zum Brunnenfest. In Bad Sassendorf ist viel los.", {"05974"}),
    ("In Hückelhoven und Erkelenz wurde beraten.", {"05370"}),
    ("Der Bürgermeister von Templin eröffnet die Schule. In Templin freut man sich.", {"12073"}),
    ("Auch hier in Bremen wird gebaut.", {"04011"}),
    # inflected and adjective forms
    ("Erfurts Stadtrat tagt. Der Erfurter Oberbürgermeister spricht in Erfurt.", {"16051"}),
    ("Die lippische Wirtschaft wächst. Der lippische Landrat freut sich.", {"05766"}),
    ("Des Kreises Borken neues Gesicht: Der Kreis Borken stellt sich vor.", {"05554"}),
    # city and Landkreis of one name
    ("Landkreis München: Der Landrat übergab dem Kreistag den Haushalt.", {"09184"}),
    ("Die Landeshauptstadt München baut. Oberbürgermeister und Stadtrat von München freuen sich.", {"09162"}),
    # several districts, each named in full
    ("Die Schulen des Märkischen Kreises bekommen neue Räume.", {"05962"}),
    ("Im Oberbergischen Kreis fahren mehr Busse.", {"05374"}),
    ("Der Kreis Borken und der Kreis Coesfeld gründen einen Zweckverband.", {"05554", "05558"}),
    # guests and comparison cities don't win
    ("Der Landkreis Gifhorn investiert in Schulen. Besucher aus Hamburg, Köln und Leipzig staunten.", {"03151"}),
    # the name of a dissolved district leads to what took its place
    ("Der Landkreis Aue-Schwarzenberg hat ein Museum eröffnet.", {"14521"}),
    # spelling of the page: soft hyphens, hyphens at line ends, decomposed umlauts, non-breaking spaces
    ("Der Land\u00adkreis Göt\u00adtingen investiert.", {"03159"}),
    ("Der Kreis Eus-\nkirchen investiert.", {"05366"}),
    ("Der Kreis Du\u0308ren investiert.", {"05358"}),
    ("Der Kreis\u00a0Soest investiert.", {"05974"}),
]

UNTAGGED = [
    "Schleswig-Holstein baut Radwege. Das Land Nordrhein-Westfalen zieht nach.",
    "In dieser Lage helfen nur klare Regeln, die ohne Wissen der Leute nicht wirken. Halle 3 bleibt zu.",
    "Berlin. Die Bundesregierung hat entschieden. Der Minister reist nach Brüssel.",
    "Thomas Essen und Frau Lage sprachen mit Herrn Münster über das Fest.",
    "Borussia Dortmund spielt gegen Bayern München und den VfL Bochum.",
    "Wir treffen uns in der Berliner Straße und lesen die Frankfurter Allgemeine.",
    "Das Dorffest in Neustadt war gut besucht.",
    "Die Konferenz in Salzburg und Rom dauert an.",
    "Die Welt braucht Schutz. Ohne Sinn und Boden bleibt die Lehre eine leere Stelle.",
    "Ein Student der Universität Göttingen gewann den Preis.",
    "Im Norden und aus Norden kam Wind, und der Ortsteil Biebrich feiert.",
    "Der Kreis der Teilnehmer war groß, und der Kreis schließt sich.",
]


def tagged(findings) -> set[str]:
    return {tag.value for tag in findings if tag.score >= 0.5 and tag.role != "mentioned"}


@pytest.mark.parametrize(("text", "expected"), TAGGED)
def test_district_is_tagged(classify, text, expected):
    assert tagged(classify("district", text)) == expected


@pytest.mark.parametrize("text", UNTAGGED)
def test_no_place_is_meant(classify, text):
    assert tagged(classify("district", text)) == set()


def test_municipality_explains_the_district(classify):
    (tag,) = classify("district", "Die Stadt Hückelhoven saniert ihr Freibad.")
    assert tag.municipalities == ("05370020",)
    assert tag.label == "Kreis Heinsberg"
    assert tag.by.startswith("district@")


@pytest.mark.parametrize(
    ("text", "fields", "expected"),
    [
        # the source's district needs a local cue in the text
        ("Der Kreistag hat getagt. Der Landrat gratulierte.", {"district": "05974"}, {"05974"}),
        ("Unsere Stadt wird grüner.", {"district": "05513"}, {"05513"}),
        ("Der Verein trifft sich, Musterstraße 1, 59505 Musterort.", {"district": "05974"}, {"05974"}),
        ("Das Sommerfest war schön.", {"district": "05974"}, set()),
        (
            "Die Bundesregierung muss handeln, sagte die Bundesvorsitzende. Der Bundestag entscheidet im Rathaus.",
            {"district": "05974"},
            set(),
        ),
        # the source's own body is a local cue
        (
            "Der Heimatverein dankt allen Helfern.",
            {"district": "05766", "organisation": "Heimatverein Musterdorf"},
            {"05766"},
        ),
        # a local club's own voice, but not a party's, and not on federal matters
        ("Wir danken allen Gästen.", {"district": "05766", "organisation": "Singkreis Alt und Jung"}, {"05766"}),
        ("Wir danken allen Gästen.", {"district": "05766", "organisation": "CDU Muster", "party": "cdu"}, set()),
        ("Wir fordern bundesweit Ruhe.", {"district": "05766", "organisation": "Singkreis Alt und Jung"}, set()),
        # hosts: municipal domain, Kreis domain, name, plate beside a party word
        ("Das Rathaus bleibt geschlossen.", {"url": "https://www.bad-sassendorf.de/x"}, {"05974"}),
        ("Der Kreistag tagt am Montag.", {"url": "https://www.kreis-unna.de/presse"}, {"05978"}),
        ("Unser Ortsverein lädt ein.", {"url": "https://www.spd-rz.de/fest"}, {"01053"}),
        ("Unser Ortsverein lädt ein.", {"url": "https://www.example-rz.de/fest"}, set()),
        ("Unser Ortsverein lädt ein.", {"url": "https://www.spd.de/fest"}, set()),
        ("Der Bürgermeister sprach.", {"url": "https://www.erzbistum-koeln.de/x"}, set()),
        ("Unser Kreisverband lädt ein.", {"url": "https://die-partei.net/luebeck/2012/"}, {"01003"}),
    ],
)
def test_source_and_host_are_priors(classify, text, fields, expected):
    assert tagged(classify("district", text, **fields)) == expected


def test_source_makes_the_role_issuer(classify):
    (tag,) = classify("district", "Der Kreistag hat getagt.", district="05974")
    assert tag.role == "issuer"
    assert [evidence.text for evidence in tag.evidence] == ["Kreistag"]


def test_title_evidence_says_so(classify):
    tags = classify("district", "Es wird gebaut.", title="Kreis Soest baut Schulen")
    assert tags[0].evidence[0].field == "title"
    assert tags[0].evidence[0].text == "Kreis Soest"


def test_undecided_city_and_district_stay_suggestions(classify):
    findings = classify("district", "In Kassel trafen sich Landrat und Oberbürgermeister.")
    assert findings
    assert tagged(findings) == set()
