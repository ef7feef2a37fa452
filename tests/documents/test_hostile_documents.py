"""Documents that were made to hang, to fill the memory or to read other files: they end in seconds, with a reason."""

import io
import os
import time
import zipfile
import zlib

import pytest

from archive_pipeline.clean.documents import DOCX, ODT, PDF, read_document
from archive_pipeline.errors import CleanError

SECONDS = 8.0
FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"


def pdf(*objects, trailer=b""):
    body, places = b"%PDF-1.5\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(body))
        body += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    size = len(objects) + 1
    return (
        body
        + b"xref\n0 %d\n0000000000 65535 f \n%strailer\n<< /Size %d /Root 1 0 R %s >>\n" % (size, table, size, trailer)
        + b"startxref\n%d\n%%%%EOF\n" % len(body)
    )


def stream(data, extra=b""):
    packed = zlib.compress(data, 9)
    return b"<< /Length %d /Filter /FlateDecode %s >>\nstream\n%s\nendstream" % (len(packed), extra, packed)


def page(content, resources=b"/Font << /F1 5 0 R >>", *more, copies=1):
    return pdf(
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b"3 0 R " * copies, copies),
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << %s >> >>" % resources,
        content,
        FONT,
        *more,
    )


def nested_forms(depth, width):
    """Drawings that each use the next one `width` times: as many as width to the power of depth."""
    forms = [
        stream(
            b"/X Do " * width if number < depth else b"BT /F1 11 Tf (x) Tj ET",
            b"/Type /XObject /Subtype /Form /BBox [0 0 1 1]"
            b" /Resources << /Font << /F1 5 0 R >> /XObject << /X %d 0 R >> >>" % (6 + number),
        )
        for number in range(1, depth + 1)
    ]
    return page(stream(b"/X Do " * width), b"/Font << /F1 5 0 R >> /XObject << /X 6 0 R >>", *forms)


def itself(trailer_place):
    body = pdf(b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [] /Count 0 >>", trailer=b"/Prev 99999")
    return body.replace(b"/Prev 99999", b"/Prev %05d" % body.index(b"xref\n")) if trailer_place else body


CODED = page(
    stream(b"BT /F1 11 Tf <00410042> Tj ET"),
    b"/Font << /F1 6 0 R >>",
    b"<< /Type /Font /Subtype /Type0 /BaseFont /A /Encoding /Identity-H /ToUnicode 7 0 R >>",
    stream(
        b"1 begincodespacerange <0000> <ffff> endcodespacerange 1 beginbfrange <00000000> <ffffffff> <0041> endbfrange"
    ),
)

PDFS = {
    "one byte": b"%",
    "only the mark": b"%PDF-1.7",
    "the mark and zeros": b"%PDF-1.7" + bytes(3_000_000),
    "cross-references to themselves": itself(True),
    "cross-references to nowhere": itself(False),
    "pages in a circle": pdf(b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 2 >>"),
    "one page twenty thousand times": page(stream(b"q Q"), copies=20_000),
    "a stream that unpacks to 80 MB": page(stream(bytes(80_000_000))),
    "a stream of two million operations": page(stream(b"q Q " * 2_000_000)),
    "pages that are long to parse": page(stream(b"1 " * 90_000 + b"m"), copies=300),
    "ten to the twentieth drawings": nested_forms(20, 10),
    "a table of four thousand million characters": CODED,
    "arrays in arrays": page(stream(b"[" * 100_000 + b"]" * 100_000 + b" TJ")),
    "dictionaries in dictionaries": page(b"<</A " * 20_000 + b"1" + b">>" * 20_000),
    "a length that is itself": page(b"<< /Length 4 0 R >>\nstream\nBT (x) Tj ET\nendstream"),
    "filters on filters": page(b"<< /Length 3 /Filter [%s] >>\nstream\nabc\nendstream" % (b"/FlateDecode " * 5000)),
}


def outcome(media_type, body):
    """The text of a document, or why there is none; any other error is one of ours."""
    try:
        return read_document(media_type, body).text
    except CleanError as error:
        return error.message


@pytest.mark.parametrize("name", PDFS)
def test_pdf(name):
    started, before = time.process_time(), os.times().children_user
    assert len(outcome(PDF, PDFS[name])) < 10_000
    spent = time.process_time() - started + os.times().children_user - before
    assert spent < SECONDS


def package(**parts):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in parts.items():
            written.writestr(name.replace("__", "/").replace("_xml", ".xml"), content)
    return out.getvalue()


NAMES = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0"'
)
LAUGHS = '<!DOCTYPE x [<!ENTITY a "{}">{}]>'.format(
    "haha" * 100, "".join(f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">' for n in range(9))
)


def odt(text, *, opening=""):
    content = f"{opening}<office:document-content {NAMES}><office:body><office:text>{text}</office:text></office:body>"
    return package(mimetype=ODT, content_xml=f"{content}</office:document-content>")


def docx_with(document):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as written:
        written.writestr(
            "[Content_Types].xml",
            '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels"'
            ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override'
            ' PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.'
            'wordprocessingml.document.main+xml"/></Types>',
        )
        written.writestr(
            "_rels/.rels",
            '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r"'
            ' Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"'
            ' Target="word/document.xml"/></Relationships>',
        )
        written.writestr("word/document.xml", document)
    return out.getvalue()


W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def word(content, opening=""):
    return docx_with(f"{opening}<w:document {W}><w:body>{content}</w:body></w:document>")


def encrypted(body):
    """The flag that a zip entry is encrypted, set in both its headers."""
    marked = bytearray(body)
    for mark, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = -1
        while (at := body.find(mark, at + 1)) >= 0:
            marked[at + place] |= 1
    return bytes(marked)


SECRET = '<!DOCTYPE x [<!ENTITY geheim SYSTEM "file:///etc/passwd">]>'
OFFICE = {
    "ODT: a billion laughs": (ODT, odt("<text:p>&j;</text:p>", opening=LAUGHS)),
    "ODT: another file": (ODT, odt("<text:p>&geheim;</text:p>", opening=SECRET)),
    "ODT: 150 MB": (ODT, odt(" " * 150_000_000)),
    "ODT: 30 MB of XML": (ODT, odt("<text:p/>" * 3_500_000)),
    "ODT: deep": (ODT, odt("<text:section>" * 50_000 + "</text:section>" * 50_000)),
    "ODT: no content": (ODT, package(mimetype=ODT)),
    "ODT: half": (ODT, odt("<text:p>Text</text:p>" * 500)[:400]),
    "ODT: encrypted": (ODT, encrypted(odt("<text:p>Text</text:p>"))),
    "ODT: no XML": (ODT, package(mimetype=ODT, content_xml="Text")),
    "ODT: another kind of XML": (ODT, package(mimetype=ODT, content_xml="<html/>")),
    "DOCX: a billion laughs": (DOCX, word("<w:p><w:r><w:t>&j;</w:t></w:r></w:p>", LAUGHS)),
    "DOCX: another file": (DOCX, word("<w:p><w:r><w:t>&geheim;</w:t></w:r></w:p>", SECRET)),
    "DOCX: 150 MB": (DOCX, word(" " * 150_000_000)),
    "DOCX: deep": (DOCX, word("<w:sdt><w:sdtContent>" * 50_000 + "</w:sdtContent></w:sdt>" * 50_000)),
    "DOCX: half": (DOCX, word("<w:p/>" * 500)[:300]),
    "DOCX: encrypted": (DOCX, encrypted(word("<w:p/>"))),
    "DOCX: nothing in it": (DOCX, package(word__document_xml="")),
    "DOCX: three million tags": (DOCX, word("<w:p/>" * 3_000_000)),
    "ODT: two million tags": (ODT, odt("<text:p/>" * 1_900_000)),
}


@pytest.mark.parametrize("name", OFFICE)
def test_office(name):
    media_type, body = OFFICE[name]
    started = time.process_time()
    text = outcome(media_type, body)
    assert "root:" not in text
    assert "haha" not in text
    assert time.process_time() - started < SECONDS


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("ODT: a billion laughs", "amplification|Dokumenttyp-Definition"),
        ("ODT: another file", "Dokumenttyp-Definition"),
        ("ODT: 150 MB", "Kompressionsbombe"),
        ("ODT: 30 MB of XML", "zu groß"),
        ("ODT: encrypted", "verschlüsselt"),
        ("DOCX: 150 MB", "Kompressionsbombe"),
        ("DOCX: encrypted", "verschlüsselt"),
        ("DOCX: nothing in it", "beschädigt"),
        ("DOCX: three million tags", "zu groß"),
        ("ODT: two million tags", "zu groß"),
    ],
)
def test_the_reason_is_the_real_one(name, reason):
    media_type, body = OFFICE[name]
    with pytest.raises(CleanError, match=reason):
        read_document(media_type, body)


def test_a_file_of_one_byte_is_no_release(clean):
    for name in ("x.pdf", "x.docx", "x.odt"):
        cleaned = clean(b"%", name)
        assert cleaned.status in ("failed", "quarantined", "accepted")
        assert cleaned.article is None or cleaned.article.text in ("", "%")
