"""Documents as a press office's word processor writes them, with what a reader sees in them written down by hand.

The files are made by make_fixtures.py.
"""

import sys
from datetime import date
from importlib.util import find_spec
from pathlib import Path

import pytest

from archive_pipeline.clean.documents import DOCX, ODT, PDF, read_document
from archive_pipeline.errors import CleanError

HERE = Path(__file__).parent
TYPES = {".pdf": PDF, ".docx": DOCX, ".odt": ODT}

SHORT = (
    "Ahrbeck. Die Kreisbibliothek öffnet ab Juni auch sonntags. Von 13 bis 17 Uhr können Besucherinnen und Besucher"
    " lesen, arbeiten und ausleihen.\n\n"
    "Das Angebot ist zunächst auf ein Jahr befristet. Danach entscheidet der Kulturausschuss, ob es bleibt."
)

BRIDGE = (
    "Ahrbeck. Die Brücke über die Lohne zwischen Ahrbeck und Niedersalm wird ab dem 2. April für den Verkehr gesperrt."
    " Das hat der Kreisausschuss in seiner Sitzung am Montag beschlossen. Bei der jüngsten Prüfung waren Risse im"
    " Tragwerk gefunden worden, die sich seit dem Winter deutlich vergrößert haben.\n\n"
    "„Die Sicherheit geht vor, auch wenn der Umweg für viele Pendlerinnen und Pendler lang ist“, sagte Landrätin Ute"
    " Hallermann. Die Kreisverwaltung rechnet mit einer Bauzeit von sieben Monaten. In dieser Zeit führt die Umleitung"
    " über die Kreisstraße 14 und den Ortsteil Hohenfeld.\n\n"
    "Der Schulbusverkehr wird angepasst: Die Linie 27 fährt morgens zehn Minuten früher ab. Ein Ersatzfahrplan liegt in"
    " den Rathäusern aus und steht auf der Internetseite des Landkreises. Für Fußgänger und Radfahrer bleibt ein Steg"
    " neben der Baustelle geöffnet.\n\n"
    "Die Kosten von 3,4 Millionen Euro tragen Land und Kreis je zur Hälfte. Im Haushalt ist das Geld bereits"
    " eingeplant. Die Arbeiten übernimmt ein Unternehmen aus der Region, das bei der Ausschreibung das"
    " wirtschaftlichste Angebot abgegeben hat."
)

REPORT = (
    "Ahrbeck. Die Kreisverwaltung veröffentlicht erstmals einen Nachhaltigkeitsbericht. Darin beschreiben die"
    " Fachbereiche, wie sich Energieverbrauch, Verkehrsaufkommen und Abfallmengen in den vergangenen fünf Jahren"
    " entwickelt haben. Besonders erfreulich ist nach Auffassung der Klimaschutzbeauftragten der Rückgang des"
    " Heizenergieverbrauchs in den Schulgebäuden.\n\n"
    "Zu den Empfehlungen gehören Photovoltaikanlagen auf Turnhallendächern, die Umstellung der Straßenbeleuchtung und"
    " ein gemeinsames Fahrzeugkontingent für Außendienstmitarbeiterinnen und Außendienstmitarbeiter. Die Kreis- und"
    " Gemeindeverwaltungen wollen dabei enger zusammenarbeiten. Über die Finanzierung entscheidet der"
    " Haushaltsausschuss in seiner Septembersitzung."
)

WATER = (
    "Ahrbeck. Der Landkreis stellt den Gemeinden in diesem Jahr 1,2 Millionen Euro für den Hochwasserschutz bereit. Das"
    " Geld fließt in Rückhaltebecken, Deiche und Warnanlagen.\n\n"
    "Wie sich die Mittel verteilen, zeigt die Übersicht:\n\n"
    "Gemeinde | Vorhaben | Zuschuss\n"
    "Ahrbeck | Rückhaltebecken am Mühlbach | 540.000 Euro\n"
    "Niedersalm | Deich zwischen Wehr und Schule | 410.000 Euro\n"
    "Hohenfeld | Pegel mit Warnanlage | 250.000 Euro\n\n"
    "Die Bescheide werden bis Ende Mai verschickt, die ersten Arbeiten beginnen im Sommer."
)

BUSES = (
    "Ahrbeck. Der Kreistag hat am Donnerstag über den neuen Nahverkehrsplan beraten. Vertreterinnen und Vertreter aller"
    " Fraktionen nannten einen dichteren Takt am Abend als wichtigstes Ziel der kommenden Jahre.\n\n"
    "Bisher fährt der letzte Bus von Ahrbeck nach Hohenfeld um 19.40 Uhr. Wer in der Kreisstadt ein Konzert oder einen"
    " Kurs der Volkshochschule besucht, kommt danach nur mit dem Taxi zurück.\n\n"
    "Die Verwaltung hat deshalb drei Varianten untersucht. Die erste sieht zwei zusätzliche Fahrten an jedem Werktag"
    " vor, die zweite ein Anrufsammeltaxi, die dritte verbindet beides am Wochenende.\n\n"
    "„Ein Fahrplan muss einfach sein, sonst nutzt ihn niemand“, sagte der Vorsitzende des Verkehrsausschusses, Gerd"
    " Lüttmann. Er warb dafür, die Abfahrten überall auf dieselbe Minute zu legen.\n\n"
    "Die Kosten der drei Varianten liegen zwischen 410.000 und 980.000 Euro im Jahr. Ein Teil davon kann aus Mitteln"
    " des Landes bezahlt werden, wenn der Antrag bis zum Herbst gestellt ist.\n\n"
    "Auch die Gemeinden sollen sich beteiligen. Niedersalm hat bereits zugesagt, den Wendeplatz an der Schule auf"
    " eigene Rechnung auszubauen, damit dort längere Busse halten können.\n\n"
    "Bis Ende Mai können Bürgerinnen und Bürger eigene Anregungen an das Kreishaus schicken. Im Juni stellt die"
    " Verwaltung die Ergebnisse in vier öffentlichen Versammlungen vor.\n\n"
    "Die Entscheidung fällt nach der Sommerpause. Stimmt der Kreistag zu, gilt der neue Fahrplan vom 14. Dezember an,"
    " dem Tag, an dem überall in Europa die Pläne wechseln."
)

MIXED = (
    "Ahrbeck. Die Kreisbibliothek öffnet ab Juni auch sonntags. Von 13 bis 17 Uhr können Besucherinnen und Besucher"
    " lesen, arbeiten und ausleihen.\n\n"
    "Das Angebot ist zunächst auf ein Jahr befristet.\n\n"
    "Auf einen Blick: Eintritt frei, Anmeldung nicht nötig.\n\n"
    "Was sonntags möglich ist\n\n"
    "- Zeitungen lesen\n- Arbeitsplätze nutzen\n- Bücher ausleihen und zurückgeben\n"
    "1. Ausweis vorzeigen\n2. Schließfach wählen\n"
    "Tag | Öffnungszeit\nMontag bis Freitag | 10 bis 18 Uhr\nSonntag | 13 bis 17 Uhr\n\n"
    "Danach entscheidet der Kulturausschuss,\n\nob es bleibt.\n\n"
    "Außer an Feiertagen."
)

LIBRARY = "Kreisbibliothek öffnet auch am Sonntag"

EXPECTED = {
    "kurz.pdf": (LIBRARY, SHORT),
    "geschuetzt-rc4.pdf": (LIBRARY, SHORT),
    "geschuetzt-aes.pdf": (LIBRARY, SHORT),
    "zweispaltig.pdf": ("Brücke über die Lohne wird gesperrt", BRIDGE),
    "silbentrennung.pdf": ("Landkreis legt Bericht vor", REPORT),
    "tabelle.pdf": ("Kreis fördert Hochwasserschutz", WATER),
    "tabelle.docx": ("Kreis fördert Hochwasserschutz", WATER),
    "tabelle.odt": ("Kreis fördert Hochwasserschutz", WATER),
    "seitenkoepfe.pdf": ("Kreistag berät über Nahverkehrsplan", BUSES),
    "gemischt.docx": (LIBRARY, MIXED),
    "gemischt.odt": (LIBRARY, MIXED),
}


def read(name):
    return read_document(TYPES[Path(name).suffix], (HERE / name).read_bytes())


@pytest.mark.parametrize("name", EXPECTED)
def test_document(name, clean):
    cleaned = clean((HERE / name).read_bytes(), name)
    assert (cleaned.status, cleaned.article.title) == ("accepted", EXPECTED[name][0])
    assert cleaned.article.text == EXPECTED[name][1]


@pytest.mark.parametrize(
    "name", ["zweispaltig.pdf", "silbentrennung.pdf", "tabelle.pdf", "seitenkoepfe.pdf", "kurz.pdf"]
)
def test_the_second_reader_reads_the_same(name, clean, monkeypatch):
    monkeypatch.setattr("archive_pipeline.clean.pdf_text.PdfReader", broken_reader)
    read_document.cache_clear()
    cleaned = clean((HERE / name).read_bytes(), name)
    words = EXPECTED[name][1].replace(" | ", " ").split()
    assert cleaned.article.text.split() == words
    assert cleaned.article.notes == ("PDF mit pypdfium2 gelesen (pypdf: beschädigt (kein Anschluss))",)


def broken_reader(stream):
    raise ValueError("kein Anschluss")


def test_pictures_alone_are_a_state_of_their_own(clean):
    cleaned = clean((HERE / "gescannt.pdf").read_bytes(), "gescannt.pdf")
    assert (cleaned.status, cleaned.article.state, cleaned.article.text) == ("accepted", "no_text_layer", "")


def test_a_password_is_asked_for(clean):
    cleaned = clean((HERE / "kennwort.pdf").read_bytes(), "kennwort.pdf")
    assert (cleaned.status, cleaned.reason) == ("failed", "PDF ist verschlüsselt: ohne Kennwort kein Text")


def test_properties_are_hints(clean):
    assert read("gemischt.odt").created == read("gemischt.docx").created == date(2024, 3, 11)
    article = clean((HERE / "gemischt.odt").read_bytes(), "x.odt").article
    assert (article.published, article.published_confidence, article.published_source) == (
        date(2024, 3, 11),
        "low",
        "meta",
    )
    # what the text says of its date outweighs when the file was made
    assert read("silbentrennung.pdf").title == "PM_Entwurf_final2.odt"


@pytest.fixture
def without_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    read_document.cache_clear()
    yield
    read_document.cache_clear()


def test_without_the_extra_a_note_tells_what_was_missing(without_the_extra):
    assert read("kurz.pdf").notes == ()
    assert read("gescannt.pdf").notes == (
        "PDF mit pypdf gelesen: kein Text; ein zweites Leseprogramm: pip install 'archive-pipeline[docs]'",
    )
    if find_spec("cryptography") or find_spec("Crypto"):
        return  # with either of them pypdf reads AES alone
    with pytest.raises(CleanError, match="PDF ist verschlüsselt") as caught:
        read("geschuetzt-aes.pdf")
    assert "archive-pipeline[docs]" in caught.value.hint
