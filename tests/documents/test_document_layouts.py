"""What word processors and printing programs do to a text, one thing at a time, in files written by hand."""

import io
import zipfile

import docx
import pytest
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from archive_pipeline.clean.documents import DOCX, ODT, PDF, read_document
from archive_pipeline.clean.pdf_text import text_flaw

HELVETICA = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>"
PROSE = "Die Brücke über die Lohne wird vom zweiten April an für den Verkehr gesperrt und saniert"


def pdf(content, font=HELVETICA, *more):
    """A page with this content stream."""
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R"
        b" /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        font,
        *more,
    ]
    body, places = b"%PDF-1.5\n", []
    for number, text in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, text)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return body + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (
        size,
        table,
        size,
        len(body),
    )


def placed(*pieces, size=11):
    """Each piece of text at its place, as Word and LibreOffice write them."""
    rows = (f"BT /F1 {size} Tf 1 0 0 1 {x} {y} Tm ({text}) Tj ET".encode("cp1252") for text, x, y in pieces)
    return b"\n".join(rows)


def text_of(body, media_type=PDF):
    return read_document(media_type, body).text


def test_columns_that_lie_line_by_line_across_the_page():
    left = [f"Links Zeile {number} mit genug Wörtern" for number in "ABCDEFGH"]
    right = [f"Rechts Zeile {number} mit genug Text" for number in "ABCDEF"]
    pieces = [("Eine Überschrift über beiden Spalten", 56, 780)]
    for number, line in enumerate(left):
        pieces.append((line, 56, 740 - 13 * number))
        pieces += [(right[number], 310, 740 - 13 * number)] if number < len(right) else []
    found = text_of(pdf(placed(*pieces))).split("\n")
    assert [line for line in found if line] == ["Eine Überschrift über beiden Spalten", *left, *right]


def test_tables_are_no_columns():
    pieces = [
        (text, x, 740 - 20 * number)
        for number, row in enumerate((("Ort", "Betrag"), ("Ahrbeck", "12"), ("Niedersalm bei Hohenfeld", "1")))
        for text, x in zip(row, (56, 190), strict=True)
    ]
    assert [line for line in text_of(pdf(placed(*pieces))).split("\n") if line] == [
        "Ort | Betrag",
        "Ahrbeck | 12",
        "Niedersalm bei Hohenfeld | 1",
    ]


def test_words_set_one_by_one_are_one_line():
    words, x, pieces = PROSE.split(), 56.0, []
    for word in words:
        pieces.append((word, x, 700))
        x += 5.6 * len(word) + 9
    assert text_of(pdf(placed(*pieces))).split() == words
    assert "|" not in text_of(pdf(placed(*pieces)))


def cmap(*pairs):
    lines = b"".join(b"<%02x> <%s>\n" % (code, text.encode("utf-16-be").hex().encode()) for code, text in pairs)
    stream = (
        b"/CIDInit /ProcSet findresource begin begincmap\n1 begincodespacerange <00> <ff> endcodespacerange\n"
        b"%d beginbfchar\n%sendbfchar\nendcmap" % (len(pairs), lines)
    )
    return b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream)


def coded(text, signs):
    """A PDF whose font shows `text`, and says by its table that its signs mean `signs`."""
    table = cmap(*((ord(char), sign) for char, sign in signs.items()))
    return pdf(placed((text, 56, 700)), HELVETICA.replace(b">>", b"/ToUnicode 6 0 R >>"), table)


@pytest.mark.parametrize(
    ("signs", "expected"),
    [
        ({"1": "ﬁ", "2": "ﬀ", "3": "ﬂ"}, "Pfifiges Schiff flott"),
        ({"1": "fi", "2": "ff", "3": "fl"}, "Pfifiges Schiff flott"),
    ],
)
def test_ligatures_are_letters(signs, expected):
    found = coded("Pfi1ges Schi2 3ott", {**{char: char for char in "Pfi ges Schot"}, **signs})
    assert text_of(found) == expected


def test_bullets_and_hyphens_of_symbol_fonts():
    signs = {**{char: char for char in "Ort Baustel"}, "1": "\uf0b7", "2": "\u2010"}
    assert text_of(coded("1 Ort Baustel2", signs)) == "• Ort Baustel-"
    assert text_of(coded("1 Ort", {**signs, "2": "\xad"})) == "• Ort"


def test_umlauts_in_pieces():
    signs = {char: char for char in "BrucketerZ "}
    assert text_of(coded("Br1ucke", {**signs, "1": "¨"})) == "Brücke"
    # letters followed by their dots, as macOS writes them, are left to normalisation
    assert text_of(coded("Bru1cke", {**signs, "1": "\u0308"})) == "Bru\u0308cke"


SENTENCES = "Der Kreistag hat am Donnerstag über den neuen Nahverkehrsplan beraten und ihn einstimmig beschlossen. " * 2


@pytest.mark.parametrize(
    ("text", "flaw"),
    [
        (SENTENCES, None),
        ("Nr. 12/2024", None),
        ("1.234,56 789 12,3 | 4 5 6 7 8 9 " * 20, None),
        ("Die Donaudampfschifffahrtsgesellschaft und die Rechtsschutzversicherung laden ein. " * 3, None),
        ("Łódź, Wrocław i Gdańsk podpisały umowę o współpracy z powiatem. " * 3, None),
        ("Κρατική υπηρεσία ενημέρωσης για τους πολίτες της χώρας. " * 3, None),
        (SENTENCES + "\uf0b7 " * 3, None),
        ("(cid:12)(cid:7)(cid:88) " * 20, "Zeichen ohne Bedeutung"),
        (SENTENCES.replace("e", "\ufffd"), "Zeichen ohne Bedeutung"),
        (SENTENCES.replace("r", "\ue042"), "Zeichen ohne Bedeutung"),
        (SENTENCES.replace("n", "\x03"), "Zeichen ohne Bedeutung"),
        (SENTENCES.replace(" ", ""), "keine Leerzeichen"),
        (" ".join(SENTENCES.replace(" ", "")), "Wörter in Buchstaben zerfallen"),
        (
            "".join(chr(ord(char) - 29) if char.isascii() and char != " " else char for char in SENTENCES * 2),
            "vertauschte Zeichen",
        ),
    ],
)
def test_what_is_language(text, flaw):
    assert text_flaw(text) == flaw


def test_a_text_layer_that_is_no_language_is_quarantined_with_its_text(clean):
    signs = {char: chr(ord(char) - 29) for char in set(SENTENCES) if "A" <= char <= "z"}
    body = coded(SENTENCES, {**{char: char for char in SENTENCES}, **signs})
    cleaned = clean(body, "x.pdf")
    assert cleaned.status == "quarantined"
    assert cleaned.reason == "garbled_text_layer: Der Text der PDF-Datei ist nicht lesbar (vertauschte Zeichen)"
    assert cleaned.article.text


W = nsdecls("w")


def word(*elements):
    document = docx.Document()
    for element in elements:
        document.element.body.insert(len(document.element.body) - 1, parse_xml(element))
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def paragraph(content, properties=""):
    return f"<w:p {W}>{f'<w:pPr>{properties}</w:pPr>' if properties else ''}{content}</w:p>"


def run(text, properties=""):
    return f"<w:r {W}><w:rPr>{properties}</w:rPr><w:t xml:space='preserve'>{text}</w:t></w:r>"


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        (paragraph(f"{run('A ')}<w:ins w:id='1' w:author='x'>{run('neu ')}</w:ins>{run('B')}"), "A neu B"),
        (paragraph(f"{run('A')}<w:del w:id='1'><w:r><w:delText>alt</w:delText></w:r></w:del>{run('B')}"), "AB"),
        (
            paragraph(f"<w:moveFrom w:id='1'>{run('weg')}</w:moveFrom><w:moveTo w:id='2'>{run('hier')}</w:moveTo>"),
            "hier",
        ),
        (paragraph(run("A") + run("verborgen", "<w:vanish/>")), "A"),
        (paragraph(f"{run('A')}<w:r><w:tab/></w:r>{run('B')}<w:r><w:noBreakHyphen/></w:r>{run('C')}"), "A\tB-C"),
        (
            paragraph(f"<w:hyperlink>{run('Link')}</w:hyperlink><w:fldSimple w:instr='PAGE'>{run('7')}</w:fldSimple>"),
            "Link7",
        ),
        (paragraph(f"{run('A')}<w:r><w:instrText>HYPERLINK</w:instrText></w:r>{run('B')}"), "AB"),
        (f"<w:sdt {W}><w:sdtPr/><w:sdtContent>{paragraph(run('Feld'))}</w:sdtContent></w:sdt>", "Feld"),
        (
            f"<w:tbl {W}><w:tr><w:tc>{paragraph(run('Der Brief'))}{paragraph(run('steht in einer Tabelle.'))}</w:tc>"
            f"<w:tc>{paragraph('')}</w:tc></w:tr></w:tbl>",
            "Der Brief\n\nsteht in einer Tabelle.",
        ),
        (
            f"<w:tbl {W}><w:tr><w:tc><w:tcPr><w:vMerge w:val='restart'/></w:tcPr>{paragraph(run('A'))}</w:tc>"
            f"<w:tc>{paragraph(run('1'))}</w:tc></w:tr><w:tr><w:tc><w:tcPr><w:vMerge/></w:tcPr>{paragraph(run('A'))}"
            f"</w:tc><w:tc>{paragraph(run('2'))}</w:tc><w:tc>{paragraph(run('3'))}</w:tc></w:tr></w:tbl>",
            "A | 1\n2 | 3",
        ),
        (
            f"<w:tbl {W}><w:tr><w:trPr><w:del w:id='1'/></w:trPr><w:tc>{paragraph(run('gestrichen'))}</w:tc></w:tr>"
            f"<w:tr><w:tc>{paragraph(run('a'))}</w:tc><w:tc>{paragraph(run('b'))}</w:tc></w:tr></w:tbl>",
            "a | b",
        ),
    ],
)
def test_docx(element, expected):
    assert text_of(word(element), DOCX) == expected


def odt(body, *, meta="", mimetype=ODT, **parts):
    names = (
        'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
        'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
        'xmlns:table="urn:oasis:names:tc:opendocument:xmlns:table:1.0" '
        'xmlns:draw="urn:oasis:names:tc:opendocument:xmlns:drawing:1.0" '
        'xmlns:dc="http://purl.org/dc/elements/1.1/"'
    )
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as package:
        package.writestr("mimetype", mimetype)
        content = f"<office:document-content {names}><office:body><office:text>{body}</office:text></office:body>"
        package.writestr("content.xml", f"{content}</office:document-content>")
        package.writestr(
            "meta.xml", f"<office:document-meta {names}><office:meta>{meta}</office:meta></office:document-meta>"
        )
        for name, data in parts.items():
            package.writestr(name.replace("__", "/"), data)
    return out.getvalue()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<text:p>A<text:s text:c='3'/>B<text:tab/>C<text:line-break/>D</text:p>", "A   B\tC\nD"),
        ("<text:p>  A\n   B  </text:p><text:p/><text:p>C</text:p>", "A B\n\nC"),
        ("<text:section><text:h>Titel</text:h><text:p>A</text:p></text:section>", "Titel\n\nA"),
        (
            "<text:list><text:list-item><text:p>a</text:p><text:list><text:list-item><text:p>b</text:p></text:list-item>"
            "</text:list></text:list-item><text:list-item><text:p>c</text:p><text:p>d</text:p></text:list-item></text:list>",
            "- a\n- b\n- c\nd",
        ),
        ("<text:list><text:list-item><text:h>1 Titel</text:h></text:list-item></text:list>", "1 Titel"),
        ("<text:p>A<text:s text:c='99999999999'/>B</text:p>", f"A{' ' * 100}B"),
        (
            "<text:p>A <text:ruby><text:ruby-base>B</text:ruby-base>"
            "<text:ruby-text>x</text:ruby-text></text:ruby></text:p>",
            "A B",
        ),
        (
            "<table:table><table:table-header-rows><table:table-row><table:table-cell><text:p>A</text:p></table:table-cell>"
            "<table:table-cell><text:p>B</text:p></table:table-cell></table:table-row></table:table-header-rows>"
            "<table:table-row><table:table-cell><text:p>1</text:p></table:table-cell><table:covered-table-cell>"
            "<text:p>x</text:p></table:covered-table-cell><table:table-cell><text:p>2</text:p><text:p>3</text:p>"
            "</table:table-cell></table:table-row></table:table>",
            "A | B\n1 | 2 3",
        ),
        ("<text:p><text:a>Link</text:a> und <text:span>Spanne</text:span>.</text:p>", "Link und Spanne."),
        ("<text:table-of-content><text:p>1 Titel 3</text:p></text:table-of-content><text:p>A</text:p>", "A"),
    ],
)
def test_odt(body, expected):
    assert text_of(odt(body), ODT) == expected


def test_an_odt_is_known_by_its_contents(clean):
    body = odt(
        f"<text:h>Brücke gesperrt</text:h><text:p>{PROSE}.</text:p>", meta="<dc:title>Brücke gesperrt</dc:title>"
    )
    assert clean(body, "ohne Endung").article.media_type == ODT
    assert clean(odt("<text:p>A</text:p>", mimetype="application/epub+zip"), "x.odt").reason.startswith("ZIP-Archiv")
