"""A very small PDF writer: pages of wrapped text with a text layer, the same bytes every time.

Written after ISO 32000-1 (sections 7.5 file structure, 9.4 text objects, annex D.2 WinAnsiEncoding). It knows
two standard fonts and nothing else; general PDF libraries put the time of writing and random ids into files.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

_PAGE_WIDTH, _PAGE_HEIGHT = 595, 842
_MARGIN, _TOP, _BOTTOM = 60, 780, 70
_AVERAGE_GLYPH_WIDTH = 0.54
"""Mean width of a Helvetica glyph in German text, as a share of the font size, with room for capitals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PdfParagraph:
    """A paragraph in one style; ``size`` and ``space_below`` are points."""

    text: str
    size: float = 10.5
    bold: bool = False
    space_below: float = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    text: str
    size: float
    bold: bool
    y: float


def _literal(text: str) -> bytes:
    """A PDF string in WinAnsiEncoding; raises UnicodeEncodeError for characters outside it."""
    encoded = text.encode("cp1252").replace(b"\\", rb"\\").replace(b"(", rb"\(").replace(b")", rb"\)")
    return b"(" + encoded + b")"


def _pages(paragraphs: Sequence[PdfParagraph]) -> list[list[_Line]]:
    pages: list[list[_Line]] = [[]]
    y = float(_TOP)
    for paragraph in paragraphs:
        columns = int((_PAGE_WIDTH - 2 * _MARGIN) / (paragraph.size * _AVERAGE_GLYPH_WIDTH))
        for text in textwrap.wrap(paragraph.text, columns, break_long_words=False, break_on_hyphens=False):
            if y < _BOTTOM:
                pages.append([])
                y = float(_TOP)
            pages[-1].append(_Line(text=text, size=paragraph.size, bold=paragraph.bold, y=y))
            y -= paragraph.size * 1.4
        y -= paragraph.space_below
    return pages


def _content(lines: Sequence[_Line], footer: str) -> bytes:
    drawn = [*lines, _Line(text=footer, size=8, bold=False, y=40)]
    return b"\n".join(
        b"BT /%s %g Tf %d %g Td %s Tj ET"
        % (b"F2" if line.bold else b"F1", line.size, _MARGIN, round(line.y, 2), _literal(line.text))
        for line in drawn
    )


def write_pdf(paragraphs: Sequence[PdfParagraph], *, title: str, note: str, footer: str) -> bytes:
    """Paragraphs on A4 pages as a PDF 1.4 file; ``note`` becomes the document's subject."""
    pages = _pages(paragraphs)
    first_page = 5  # objects 1 to 4: catalog, page tree, two fonts; then page and content in turn
    kids = b" ".join(b"%d 0 R" % (first_page + 2 * index) for index in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Lang (de-DE) >>",
        b"<< /Type /Pages /Kids [%s] /Count %d >>" % (kids, len(pages)),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica-Bold /Encoding /WinAnsiEncoding >>",
    ]
    for index, lines in enumerate(pages):
        content = _content(lines, f"{footer} – Seite {index + 1} von {len(pages)}")
        objects.append(
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 %d %d] /Resources << /Font << /F1 3 0 R /F2 4 0 R >> >> "
            b"/Contents %d 0 R >>" % (_PAGE_WIDTH, _PAGE_HEIGHT, first_page + 2 * index + 1)
        )
        objects.append(b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content))
    objects.append(b"<< /Title %s /Subject %s >>" % (_literal(title), _literal(note)))
    return _file(objects)


def _file(objects: Sequence[bytes]) -> bytes:
    """Objects, cross-reference table and trailer; the last object is the document information."""
    out = bytearray(b"%PDF-1.4\n%\xe4\xf6\xfc\xdf\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    for offset in offsets:
        out += b"%010d 00000 n \n" % offset
    out += b"trailer\n<< /Size %d /Root 1 0 R /Info %d 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (
        len(objects) + 1,
        len(objects),
        start,
    )
    return bytes(out)
