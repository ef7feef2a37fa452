"""What is learned from many releases of one source, and what must not be: on sources made up here."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta

import pytest

from archive_pipeline.clean.learned import LearnedBoilerplate, learn
from archive_pipeline.model import Article, LearnedLine, LearnedProfile, Source

TOPICS = {
    "Radweg nach Erlenbach wird verbreitert": (
        "Die Bauarbeiten am Radweg nach Erlenbach beginnen im Frühjahr. Eine Umleitung über den Mühlendamm ist"
        " ausgeschildert.",
        "Finanziert wird der Ausbau aus einem Programm des Landes für sichere Schulwege.",
    ),
    "Neue Leiterin der Volkshochschule": (
        "Die Historikerin Tessa Brandt übernimmt die Leitung der Volkshochschule. Sie will vor allem Sprachkurse"
        " ausbauen.",
        "Bisher unterrichtete sie an einer Gesamtschule und veröffentlichte Bücher über Handwerk im Mittelalter.",
    ),
    "Gesundheitsamt warnt vor Zecken": (
        "Wer im Wald unterwegs ist, sollte lange Kleidung tragen und sich danach gründlich absuchen.",
        "Eine Impfung gegen Hirnhautentzündung empfehlen Ärzte allen, die viel draußen arbeiten.",
    ),
    "Feuerwehr erhält Löschfahrzeug": (
        "Das zwanzig Jahre alte Fahrzeug der Löschgruppe Nord wird ersetzt. Es hatte zuletzt häufig Pannen.",
        "Zwölf Freiwillige haben in den vergangenen Wochen den Führerschein für schwere Lastwagen erworben.",
    ),
    "Haushalt mit kleinem Überschuss": (
        "Kämmerer Ole Reimann rechnet mit höheren Gewerbesteuern, aber auch mit steigenden Zinsen.",
        "Für Personal gibt die Verwaltung ein Viertel ihres Etats aus, etwas weniger als vergleichbare Kommunen.",
    ),
    "Theaterverein spielt Komödie": (
        "Im Mittelpunkt steht ein verwechselter Koffer voller Perücken. Regie führt erstmals Greta Möller.",
        "Geprobt wurde seit Oktober in der Aula, das Bühnenbild stammt von einer Schreinerei.",
    ),
    "Wölfe im Hochmoor nachgewiesen": (
        "Kameras zeigten drei Tiere, vermutlich ein junges Rudel. Schäfer können Zäune fördern lassen.",
        "Spaziergänger sollen Hunde anleinen und Sichtungen dem Forstamt melden.",
    ),
    "Glasfaser für elf Ortsteile": (
        "Ein Telekommunikationsunternehmen verlegt rund neunzig Kilometer Leitungen bis in die Keller der Häuser.",
        "Haushalte, die jetzt einen Vertrag abschließen, zahlen keinen Anschlusspreis.",
    ),
    "Partnerschaft mit polnischer Gemeinde": (
        "Jugendliche aus beiden Orten reisen künftig jeden Sommer zueinander und bauen gemeinsam Musikinstrumente.",
        "Die Urkunde unterschrieben beide Bürgermeister bei einem Fest mit Blaskapelle und Piroggen.",
    ),
    "Sporthalle bleibt länger geschlossen": (
        "Bei der Sanierung des Daches fanden Fachleute Asbest. Vereine weichen in Nachbarorte aus.",
        "Ein Gutachten soll klären, ob der Boden ebenfalls getauscht werden muss.",
    ),
    "Jugendrat fordert Nachtbus": (
        "Nach Konzerten und Kino fehle am Wochenende jede Verbindung, beklagen die gewählten Jugendlichen.",
        "Ein Probebetrieb würde nach Berechnung des Verkehrsverbundes vierzigtausend Euro kosten.",
    ),
    "Streuobst wird versteigert": (
        "Bäume entlang der Kreisstraßen tragen heuer reichlich Äpfel, Birnen und Zwetschgen.",
        "Gebote nimmt der Bauhof entgegen; gepflückt wird auf eigene Gefahr.",
    ),
}
SELF = (
    "Der Verein Lebensraum Auental betreibt elf Kindergärten, zwei Pflegeheime und eine Werkstatt für Menschen mit"
    " Behinderung. Rund vierhundert Beschäftigte und ebenso viele Ehrenamtliche arbeiten für ihn."
)


def article(title: str, *paragraphs: str, **fields: object) -> Article:
    return Article(title=title, text="\n\n".join(paragraphs), **fields)  # type: ignore[arg-type]


def releases(wrap: Callable[[int, tuple[str, ...]], tuple[str, ...]] = lambda number, text: text) -> list[Article]:
    """One release for each topic, with what `wrap` sets around its paragraphs."""
    return [article(title, *wrap(number, text)) for number, (title, text) in enumerate(TOPICS.items())]


def learned(articles: list[Article]) -> dict[tuple[str, str], int]:
    return {(line.place, line.text): line.releases for line in learn(articles)[0]}


def profile(*lines: tuple[str, str], number: int = 1) -> LearnedProfile:
    return LearnedProfile(
        source_id="probe",
        number=number,
        lines=tuple(LearnedLine(place=place, text=text, releases=9) for place, text in lines),  # type: ignore[arg-type]
        releases=12,
        software="probe",
    )


@pytest.fixture
def apply(page_of) -> Callable[[Article, LearnedProfile | None], Article]:
    page = page_of(b"x", key="x.txt", media_type="text/plain")
    return lambda given, known: LearnedBoilerplate().clean(given, page, Source(id="probe", profile=known))


def test_lines_around_every_text_are_learned_in_their_order() -> None:
    sources = releases(lambda _, text: ("Auental kompakt", "Soziales", *text, SELF, "Zum Pressearchiv", "Vorlesen"))
    lines, count = learn(sources)
    assert count == len(TOPICS)
    assert [(line.place, line.text, line.releases) for line in lines] == [
        ("head", "Auental kompakt", 12),
        ("head", "Soziales", 12),
        ("tail", SELF, 12),
        ("tail", "Zum Pressearchiv", 12),
        ("tail", "Vorlesen", 12),
    ]


def test_what_some_releases_have_is_learned_from_three_on() -> None:
    def some(count: int) -> list[Article]:
        return releases(lambda number, text: (*text, "Zum Pressearchiv") if number < count else text)

    assert learned(some(2)) == {}
    assert learned(some(3)) == {("tail", "Zum Pressearchiv"): 3}


def test_the_order_of_releases_does_not_matter() -> None:
    sources = releases(lambda number, text: ("Soziales", *text, SELF) if number % 2 else (*text, "Zum Pressearchiv"))
    expected = learned(sources)
    assert len(expected) == 3
    for seed in range(5):
        shuffled = random.Random(seed).sample(sources, len(sources))
        assert learned(shuffled) == expected


def test_the_same_text_twice_counts_once() -> None:
    sources = releases(lambda number, text: (*text, "Zum Pressearchiv") if number < 2 else text)
    assert learned(sources * 5) == {}
    assert learn(sources * 5)[1] == len(TOPICS)


SUBSTANCE = {
    "a first sentence": lambda number, text: ("Die Kreisverwaltung teilt mit, was der Ausschuss beriet.", *text),
    "a place before the text": lambda number, text: ("Kreis Soest.", *text),
    "a quotation in three releases": lambda number, text: (
        (*text, "„Darauf haben wir lange gewartet“, sagte Landrätin Pia Holm.") if number < 3 else text
    ),
    "a heading before different text": lambda number, text: (*text[:1], "Hintergrund", *text[1:]),
    "a line between paragraphs": lambda number, text: (*text[:1], "Weitere Meldungen", *text[1:]),
    "free entry": lambda number, text: (*text, "Der Eintritt ist frei.") if number % 3 == 0 else text,
    "a place and an hour": lambda number, text: (*text, "Ort: Kulturhaus, 19 Uhr") if number % 3 == 0 else text,
    "the spoken word": lambda number, text: (*text, "Es gilt das gesprochene Wort."),
    "nothing but the line": lambda number, text: ("Zum Pressearchiv",),
}


@pytest.mark.parametrize("name", SUBSTANCE)
def test_what_releases_say_is_not_learned(name) -> None:
    assert learned(releases(SUBSTANCE[name])) == {}


def test_a_weekly_series_teaches_nothing() -> None:
    goods = ("Spargel", "Erdbeeren", "Kirschen", "Pflaumen", "Kürbisse", "Grünkohl", "Honig", "Forellen", "Blumen")
    first = date(2024, 4, 6)
    markets = [
        article(
            f"Wochenmarkt am {first + timedelta(weeks=number):%d.%m.%Y}",
            f"Der Wochenmarkt öffnet am Samstag auf dem Lindenplatz. Frisch im Angebot sind {one}.",
            "Die Stände sind von acht bis dreizehn Uhr geöffnet.",
            "Parken rund um den Platz",
        )
        for number, one in enumerate(goods)
    ]
    assert learned(markets) == {}
    assert learned(releases() + markets) == {}


def test_obituaries_keep_their_last_sentence() -> None:
    persons = {
        "Karl Hensel": "Er leitete viele Jahre den Bauhof und sang im Männerchor.",
        "Ida Voss": "Sie gründete die Tafel und saß vier Wahlperioden im Stadtrat.",
        "Jürgen Prill": "Als Ortsvorsteher kämpfte er für den Erhalt der Grundschule.",
        "Marlies Odenthal": "Die Kinderärztin half Generationen von Familien.",
    }
    obituaries = [
        article(
            f"Stadt trauert um {name}",
            f"Die Stadt Auental trauert um {name}. {life}",
            "Rat und Verwaltung sind ihm und ihr zu großem Dank verpflichtet.",
            "Wir werden ein ehrendes Andenken bewahren.",
        )
        for name, life in persons.items()
    ]
    assert learned(releases() + obituaries) == {}


def test_a_title_is_never_learned_nor_removed(apply) -> None:
    repeated = [replace(one, title="Zum Pressearchiv") for one in releases(lambda _, text: (*text, "Zum Pressearchiv"))]
    assert learned(repeated) == {}
    given = article("Zum Pressearchiv", "Der Text.", "Zum Pressearchiv")
    assert apply(given, profile(("tail", "Zum Pressearchiv"))).text == given.text


def test_lines_a_person_wants_to_keep_stay_and_the_others_go(apply) -> None:
    sources = releases(lambda _, text: ("Soziales", *text, SELF, "Zum Pressearchiv"))
    lines, count = learn(sources, stays=lambda text: "archiv" in text)
    assert [(line.text, line.stays) for line in lines] == [
        ("Soziales", False),
        (SELF, False),
        ("Zum Pressearchiv", True),
    ]
    known = LearnedProfile(source_id="probe", number=1, lines=lines, releases=count, software="probe")
    cleaned = apply(sources[0], known)
    assert cleaned.text.startswith("Die Bauarbeiten")
    assert cleaned.text.endswith("sichere Schulwege.\n\nZum Pressearchiv")
    assert apply(cleaned, known) == cleaned


def test_removed_lines_keep_the_number_of_the_profile(apply) -> None:
    given = article("Titel", "Auental kompakt", "Der Text.", "Zum Pressearchiv", "Vorlesen")
    known = profile(("head", "Auental kompakt"), ("tail", "Zum Pressearchiv"), ("tail", "Vorlesen"), number=7)
    cleaned = apply(given, known)
    assert cleaned.text == "Der Text."
    assert cleaned.profile == 7
    assert {span.rule for span in cleaned.removed} == {"learned:7"}
    text = cleaned.text
    for span in reversed(cleaned.removed):
        text = text[: span.start] + span.text + text[span.start :]
    assert text == given.text
    again = apply(cleaned, known)
    assert again == cleaned


def test_only_the_ends_of_a_text_are_touched(apply) -> None:
    given = article("Titel", "Der Anfang.", "Zum Pressearchiv", "Die Mitte.", "Vorlesen", "Das Ende.")
    known = profile(("head", "Der Anfang"), ("tail", "Zum Pressearchiv"), ("tail", "Vorlesen"))
    assert apply(given, known).text == "Zum Pressearchiv\n\nDie Mitte.\n\nVorlesen\n\nDas Ende."
    everything = article("Titel", "Zum Pressearchiv", "Vorlesen")
    assert apply(everything, known).text == everything.text


def test_addresses_and_descriptions_go_to_their_fields(apply) -> None:
    tail = ("Pia Holm", "Referat Presse", "Telefon 02921 4711", SELF, "Vorlesen")
    given = article("Titel", "Der Text.", *tail, contact="Vorzimmer", boilerplate="Mehr über uns")
    cleaned = apply(given, profile(*(("tail", line) for line in tail)))
    assert cleaned.text == "Der Text."
    assert cleaned.contact == "Pia Holm\nReferat Presse\nTelefon 02921 4711\nVorzimmer"
    assert cleaned.boilerplate == f"Mehr über uns\n{SELF}"


def test_without_a_profile_nothing_happens(apply) -> None:
    given = article("Titel", "Der Text.", "Vorlesen")
    assert apply(given, None) is given
