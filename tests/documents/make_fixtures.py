"""Makes the documents beside this file, with LibreOffice Writer, qpdf and poppler-utils:

    apt-get install libreoffice-writer-nogui fonts-liberation hyphen-de qpdf poppler-utils
    python tests/documents/make_fixtures.py

The releases are invented. Each is written as flat ODT here and converted, so that the files have what a press office's
word processor puts there: fonts cut down to the letters in use, styles, tracked changes, text boxes, running heads.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent

ROOT = """<?xml version="1.0" encoding="UTF-8"?>
<office:document xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0"
 xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0"
 xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"
 xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0"
 xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0"
 xmlns:fo="urn:oasis:names:tc:opendocument:xmlns:xsl-fo-compatible:1.0"
 xmlns:svg="urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0"
 xmlns:xlink="http://www.w3.org/1999/xlink"
 xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0"
 xmlns:dc="http://purl.org/dc/elements/1.1/"
 office:version="1.3" office:mimetype="application/vnd.oasis.opendocument.text">
<office:meta><dc:title>{title}</dc:title><dc:creator>Pressestelle</dc:creator>
<meta:creation-date>2024-03-11T09:30:00</meta:creation-date><dc:date>2024-03-12T08:15:00</dc:date></office:meta>
<office:styles>
<style:default-style style:family="paragraph"><style:paragraph-properties fo:margin-bottom="0.25cm"/>
<style:text-properties style:font-name="Liberation Serif" fo:font-size="11pt" fo:language="de" fo:country="DE"
 fo:hyphenate="{hyphenate}" fo:hyphenation-remain-char-count="2" fo:hyphenation-push-char-count="2"/>
</style:default-style>
<style:style style:name="Standard" style:family="paragraph"/>
<style:style style:name="Titel" style:family="paragraph"><style:paragraph-properties fo:margin-bottom="0.3cm"/>
<style:text-properties fo:font-size="17pt" fo:font-weight="bold" fo:hyphenate="false"/></style:style>
<style:style style:name="Zwischentitel" style:family="paragraph"><style:text-properties fo:font-size="13pt"
 fo:font-weight="bold" fo:hyphenate="false"/></style:style>
<style:style style:name="Klein" style:family="paragraph"><style:text-properties fo:font-size="9pt"/></style:style>
<text:notes-configuration text:note-class="footnote" text:start-numbering-at="document"/>
</office:styles>
<office:automatic-styles>
<style:style style:name="Spalten" style:family="section"><style:section-properties>
<style:columns fo:column-count="2" fo:column-gap="0.8cm"/></style:section-properties></style:style>
<style:style style:name="Block" style:family="paragraph" style:parent-style-name="Standard">
<style:paragraph-properties fo:text-align="justify"/></style:style>
<style:style style:name="Rahmen" style:family="graphic"><style:graphic-properties style:wrap="none"
 style:vertical-pos="from-top" style:vertical-rel="paragraph" fo:border="0.05pt solid #000000"/></style:style>
<style:style style:name="Zelle" style:family="table-cell"><style:table-cell-properties fo:padding="0.1cm"
 fo:border="0.05pt solid #000000"/></style:style>
<style:page-layout style:name="Seite"><style:page-layout-properties fo:page-width="{width}" fo:page-height="{height}"
 fo:margin="2cm"/><style:header-style/><style:footer-style/></style:page-layout>
<text:list-style style:name="Punkte"><text:list-level-style-bullet text:level="1" text:bullet-char="•"/>
</text:list-style>
<text:list-style style:name="Zahlen"><text:list-level-style-number text:level="1" style:num-format="1"
 style:num-suffix="."/></text:list-style>
</office:automatic-styles>
<office:master-styles><style:master-page style:name="Standard" style:page-layout-name="Seite">{head}
</style:master-page></office:master-styles>
<office:body><office:text>{body}</office:text></office:body></office:document>
"""

HEAD = (
    "<style:header><text:p>Landkreis Ahrbeck – Presseinformation</text:p></style:header>"
    "<style:footer><text:p>Kreishaus, Am Markt 3, 99999 Ahrbeck · Seite <text:page-number/> von <text:page-count/>"
    "</text:p></style:footer>"
)


def paragraphs(*texts: str, style: str = "Standard") -> str:
    return "".join(f'<text:p text:style-name="{style}">{text}</text:p>' for text in texts)


def heading(text: str, level: int = 1) -> str:
    style = "Titel" if level == 1 else "Zwischentitel"
    return f'<text:h text:style-name="{style}" text:outline-level="{level}">{text}</text:h>'


def items(*texts: str, style: str = "Punkte") -> str:
    lines = "".join(f"<text:list-item>{paragraphs(text)}</text:list-item>" for text in texts)
    return f'<text:list text:style-name="{style}">{lines}</text:list>'


def table(*rows: tuple[str, ...]) -> str:
    cells = "".join(
        "<table:table-row>"
        + "".join(f'<table:table-cell table:style-name="Zelle">{paragraphs(cell)}</table:table-cell>' for cell in row)
        + "</table:table-row>"
        for row in rows
    )
    columns = f'<table:table-column table:number-columns-repeated="{len(rows[0])}"/>'
    return f'<table:table table:name="Übersicht">{columns}{cells}</table:table>'


def document(
    body: str,
    title: str = "",
    head: str = "",
    hyphenate: str = "false",
    size: tuple[str, str] = ("21cm", "29.7cm"),
) -> str:
    return ROOT.format(title=title, head=head, body=body, hyphenate=hyphenate, width=size[0], height=size[1])


BRIDGE = [
    "Ahrbeck. Die Brücke über die Lohne zwischen Ahrbeck und Niedersalm wird ab dem 2. April für den Verkehr "
    "gesperrt. Das hat der Kreisausschuss in seiner Sitzung am Montag beschlossen. Bei der jüngsten Prüfung waren "
    "Risse im Tragwerk gefunden worden, die sich seit dem Winter deutlich vergrößert haben.",
    "„Die Sicherheit geht vor, auch wenn der Umweg für viele Pendlerinnen und Pendler lang ist“, sagte Landrätin "
    "Ute Hallermann. Die Kreisverwaltung rechnet mit einer Bauzeit von sieben Monaten. In dieser Zeit führt die "
    "Umleitung über die Kreisstraße 14 und den Ortsteil Hohenfeld.",
    "Der Schulbusverkehr wird angepasst: Die Linie 27 fährt morgens zehn Minuten früher ab. Ein Ersatzfahrplan "
    "liegt in den Rathäusern aus und steht auf der Internetseite des Landkreises. Für Fußgänger und Radfahrer "
    "bleibt ein Steg neben der Baustelle geöffnet.",
    "Die Kosten von 3,4 Millionen Euro tragen Land und Kreis je zur Hälfte. Im Haushalt ist das Geld bereits "
    "eingeplant. Die Arbeiten übernimmt ein Unternehmen aus der Region, das bei der Ausschreibung das "
    "wirtschaftlichste Angebot abgegeben hat.",
]

HYPHENS = [
    "Ahrbeck. Die Kreisverwaltung veröffentlicht erstmals einen Nachhaltigkeitsbericht. Darin beschreiben die "
    "Fachbereiche, wie sich Energieverbrauch, Verkehrsaufkommen und Abfallmengen in den vergangenen fünf Jahren "
    "entwickelt haben. Besonders erfreulich ist nach Auffassung der Klimaschutzbeauftragten der Rückgang des "
    "Heizenergieverbrauchs in den Schulgebäuden.",
    "Zu den Empfehlungen gehören Photovoltaikanlagen auf Turnhallendächern, die Umstellung der Straßenbeleuchtung "
    "und ein gemeinsames Fahrzeugkontingent für Außendienstmitarbeiterinnen und Außendienstmitarbeiter. Die "
    "Kreis- und Gemeindeverwaltungen wollen dabei enger zusammenarbeiten. Über die Finanzierung entscheidet der "
    "Haushaltsausschuss in seiner Septembersitzung.",
]

WATER = [
    "Ahrbeck. Der Landkreis stellt den Gemeinden in diesem Jahr 1,2 Millionen Euro für den Hochwasserschutz "
    "bereit. Das Geld fließt in Rückhaltebecken, Deiche und Warnanlagen.",
    "Wie sich die Mittel verteilen, zeigt die Übersicht:",
]
WATER_TABLE = (
    ("Gemeinde", "Vorhaben", "Zuschuss"),
    ("Ahrbeck", "Rückhaltebecken am Mühlbach", "540.000 Euro"),
    ("Niedersalm", "Deich zwischen Wehr und Schule", "410.000 Euro"),
    ("Hohenfeld", "Pegel mit Warnanlage", "250.000 Euro"),
)
WATER_END = "Die Bescheide werden bis Ende Mai verschickt, die ersten Arbeiten beginnen im Sommer."

LIBRARY = [
    "Ahrbeck. Die Kreisbibliothek öffnet ab Juni auch sonntags. Von 13 bis 17 Uhr können Besucherinnen und "
    "Besucher lesen, arbeiten und ausleihen.",
    "Das Angebot ist zunächst auf ein Jahr befristet. Danach entscheidet der Kulturausschuss, ob es bleibt.",
]

LONG = [
    "Ahrbeck. Der Kreistag hat am Donnerstag über den neuen Nahverkehrsplan beraten. Vertreterinnen und Vertreter "
    "aller Fraktionen nannten einen dichteren Takt am Abend als wichtigstes Ziel der kommenden Jahre.",
    "Bisher fährt der letzte Bus von Ahrbeck nach Hohenfeld um 19.40 Uhr. Wer in der Kreisstadt ein Konzert oder "
    "einen Kurs der Volkshochschule besucht, kommt danach nur mit dem Taxi zurück.",
    "Die Verwaltung hat deshalb drei Varianten untersucht. Die erste sieht zwei zusätzliche Fahrten an jedem "
    "Werktag vor, die zweite ein Anrufsammeltaxi, die dritte verbindet beides am Wochenende.",
    "„Ein Fahrplan muss einfach sein, sonst nutzt ihn niemand“, sagte der Vorsitzende des Verkehrsausschusses, "
    "Gerd Lüttmann. Er warb dafür, die Abfahrten überall auf dieselbe Minute zu legen.",
    "Die Kosten der drei Varianten liegen zwischen 410.000 und 980.000 Euro im Jahr. Ein Teil davon kann aus "
    "Mitteln des Landes bezahlt werden, wenn der Antrag bis zum Herbst gestellt ist.",
    "Auch die Gemeinden sollen sich beteiligen. Niedersalm hat bereits zugesagt, den Wendeplatz an der Schule auf "
    "eigene Rechnung auszubauen, damit dort längere Busse halten können.",
    "Bis Ende Mai können Bürgerinnen und Bürger eigene Anregungen an das Kreishaus schicken. Im Juni stellt die "
    "Verwaltung die Ergebnisse in vier öffentlichen Versammlungen vor.",
    "Die Entscheidung fällt nach der Sommerpause. Stimmt der Kreistag zu, gilt der neue Fahrplan vom 14. Dezember "
    "an, dem Tag, an dem überall in Europa die Pläne wechseln.",
]


def mixed() -> str:
    """What a DOCX or ODT may hold besides paragraphs: changes, notes, comments, text boxes, lists, tables."""
    changes = (
        '<text:tracked-changes text:track-changes="true">'
        '<text:changed-region xml:id="ct1" text:id="ct1"><text:deletion><office:change-info><dc:creator>Entwurf'
        "</dc:creator><dc:date>2024-03-11T10:00:00</dc:date></office:change-info>"
        '<text:p text:style-name="Standard">voraussichtlich im Juli</text:p></text:deletion></text:changed-region>'
        '<text:changed-region xml:id="ct2" text:id="ct2"><text:insertion><office:change-info><dc:creator>Entwurf'
        "</dc:creator><dc:date>2024-03-11T10:05:00</dc:date></office:change-info></text:insertion>"
        "</text:changed-region></text:tracked-changes>"
    )
    changed = (
        '<text:p text:style-name="Standard">Ahrbeck. Die Kreisbibliothek öffnet <text:change text:change-id="ct1"/>'
        '<text:change-start text:change-id="ct2"/>ab Juni<text:change-end text:change-id="ct2"/> auch sonntags.'
        "<office:annotation><dc:creator>Lektorat</dc:creator><dc:date>2024-03-11T11:00:00</dc:date>"
        "<text:p>Stimmt der Monat?</text:p></office:annotation> Von 13 bis 17 Uhr können Besucherinnen und Besucher "
        'lesen, arbeiten und ausleihen.<text:note text:id="ftn1" text:note-class="footnote"><text:note-citation>1'
        '</text:note-citation><text:note-body><text:p text:style-name="Klein">Außer an Feiertagen.</text:p>'
        "</text:note-body></text:note></text:p>"
    )
    box = (
        '<text:p text:style-name="Standard"><draw:frame draw:style-name="Rahmen" text:anchor-type="paragraph" '
        'svg:width="15cm" draw:z-index="0"><draw:text-box fo:min-height="1cm"><text:p>Auf einen Blick: Eintritt frei, '
        "Anmeldung nicht nötig.</text:p></draw:text-box></draw:frame>Das Angebot ist zunächst auf ein Jahr befristet."
        "</text:p>"
    )
    return (
        changes
        + heading("Kreisbibliothek öffnet auch am Sonntag")
        + changed
        + box
        + heading("Was sonntags möglich ist", 2)
        + items("Zeitungen lesen", "Arbeitsplätze nutzen", "Bücher ausleihen und zurückgeben")
        + items("Ausweis vorzeigen", "Schließfach wählen", style="Zahlen")
        + table(("Tag", "Öffnungszeit"), ("Montag bis Freitag", "10 bis 18 Uhr"), ("Sonntag", "13 bis 17 Uhr"))
        + paragraphs("Danach entscheidet der Kulturausschuss,<text:line-break/>ob es bleibt.")
    )


DOCUMENTS = {
    "zweispaltig": document(
        heading("Brücke über die Lohne wird gesperrt")
        + f'<text:section text:style-name="Spalten" text:name="S1">{paragraphs(*BRIDGE, style="Block")}</text:section>',
        title="Brücke über die Lohne wird gesperrt",
        hyphenate="true",
    ),
    "silbentrennung": document(
        heading("Landkreis legt Bericht vor") + paragraphs(*HYPHENS, style="Block"),
        title="PM_Entwurf_final2.odt",
        hyphenate="true",
        size=("11cm", "29.7cm"),
    ),
    "tabelle": document(
        heading("Kreis fördert Hochwasserschutz") + paragraphs(*WATER) + table(*WATER_TABLE) + paragraphs(WATER_END),
        title="Kreis fördert Hochwasserschutz",
    ),
    "seitenkoepfe": document(
        heading("Kreistag berät über Nahverkehrsplan") + paragraphs(*LONG),
        title="Kreistag berät über Nahverkehrsplan",
        head=HEAD,
        size=("15cm", "14cm"),
    ),
    "gemischt": document(mixed(), title="Kreisbibliothek öffnet auch am Sonntag", head=HEAD),
    "kurz": document(heading("Kreisbibliothek öffnet auch am Sonntag") + paragraphs(*LIBRARY)),
}
TARGETS = {
    "zweispaltig": ("pdf",),
    "silbentrennung": ("pdf",),
    "tabelle": ("pdf", "docx", "odt"),
    "seitenkoepfe": ("pdf",),
    "gemischt": ("docx", "odt"),
    "kurz": ("pdf",),
}


def image_only(picture: bytes, width: int, height: int) -> bytes:
    """A PDF of one page that is a JPEG picture, as a scanner writes it."""
    draw = b"q 595 0 0 842 0 0 cm /Im0 Do Q"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 5 0 R"
        b" /Resources << /XObject << /Im0 4 0 R >> >> >>",
        b"<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8"
        b" /Filter /DCTDecode /Length %d >>\nstream\n%s\nendstream" % (width, height, len(picture), picture),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(draw), draw),
    ]
    body, places = b"%PDF-1.5\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    entries = b"".join(b"%010d 00000 n \n" % place for place in places)
    return body + (
        b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n"
        % (len(objects) + 1, entries, len(objects) + 1, len(body))
    )


def run(*command: str | Path) -> None:
    subprocess.run([str(part) for part in command], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        for stem, text in DOCUMENTS.items():
            source = work / f"{stem}.fodt"
            source.write_text(text, encoding="utf-8")
            for target in TARGETS[stem]:
                run("soffice", f"-env:UserInstallation=file://{work}/profile", "--headless", "--convert-to", target,
                    "--outdir", HERE, source)  # fmt: skip
        short = HERE / "kurz.pdf"
        run("pdftoppm", "-gray", "-r", "55", "-jpeg", "-jpegopt", "quality=30", "-singlefile", short, work / "bild")
        picture = (work / "bild.jpg").read_bytes()
        frame = picture.index(b"\xff\xc0")
        height, width = (int.from_bytes(picture[frame + at : frame + at + 2], "big") for at in (5, 7))
        (HERE / "gescannt.pdf").write_bytes(image_only(picture, width, height))
        # RC4 and AES, with and without a password to open the file
        weak = ("--allow-weak-crypto", "--encrypt")
        run("qpdf", *weak, "", "besitzer", "128", "--use-aes=n", "--", short, HERE / "geschuetzt-rc4.pdf")
        run("qpdf", "--encrypt", "", "besitzer", "256", "--", short, HERE / "geschuetzt-aes.pdf")
        run("qpdf", "--encrypt", "geheim", "besitzer", "256", "--", short, HERE / "kennwort.pdf")


if __name__ == "__main__":
    sys.exit(main())
