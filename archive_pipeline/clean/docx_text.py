"""Text of DOCX files: python-docx opens the package, the walk is our own.

python-docx's own `text` of a paragraph leaves out what was inserted while changes were tracked, content controls, text
boxes and footnotes, all of which a reader sees.
"""

from collections import defaultdict
from collections.abc import Iterator
from io import BytesIO

import docx
from docx.document import Document
from docx.opc.exceptions import OpcError, PackageNotFoundError
from docx.oxml.ns import qn
from lxml import etree

from archive_pipeline.clean.document_text import (
    MAX_PART,
    SAVE_AGAIN,
    DocumentText,
    opened_package,
    parsed_part,
    read_part,
    row_text,
)
from archive_pipeline.errors import CleanError
from archive_pipeline.language.days import parse_iso

__all__ = ["read_docx"]

FORMATTING = "pPr rPr sdtPr sdtEndPr tblPr tblGrid trPr tcPr sectPr"
UNREAD = frozenset(
    {
        *(qn(f"w:{name}") for name in f"del moveFrom delText instrText {FORMATTING}".split()),
        "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback",
    }
)
"""Elements whose text is no part of the document as it reads: deletions, moved text where it was, fields' formulas,
formatting, and the copy of a text box for older programs."""

PARAGRAPH, TABLE, ROW, CELL = qn("w:p"), qn("w:tbl"), qn("w:tr"), qn("w:tc")
BOX = qn("w:txbxContent")
NOTES = {qn("w:footnoteReference"): "footnote", qn("w:endnoteReference"): "endnote"}
CHARACTERS = {
    qn("w:tab"): "\t",
    qn("w:br"): "\n",
    qn("w:cr"): "\n",
    qn("w:noBreakHyphen"): "-",
}
TEXT = qn("w:t")
TERMS, DUBLIN_CORE = "{http://purl.org/dc/terms/}", "{http://purl.org/dc/elements/1.1/}"


def read_docx(body: bytes) -> DocumentText:
    """Paragraphs, lists, tables and text boxes in document order, then the footnotes, one empty line between blocks.

    Headers, footers, comments and deleted text are left out. Raises CleanError.
    """
    with opened_package(body, "DOCX") as package:
        parts = [part for part in package.infolist() if part.filename.endswith(".xml")]
        if sum(part.file_size for part in parts) > MAX_PART:
            raise CleanError(f"DOCX ist zu groß für eine Meldung: sein XML hat über {MAX_PART} Bytes")
        for part in parts:
            read_part(package, part)
        try:
            document = docx.Document(BytesIO(body))
        except (PackageNotFoundError, OpcError) as error:
            raise CleanError(f"DOCX ist beschädigt: {error}", hint=SAVE_AGAIN) from error
        walk = _Walk(document)
        blocks = [*walk.blocks(document.element.body), *walk.footnotes()]
        # python-docx would make up properties where a file has none
        properties = parsed_part(package, "docProps/core.xml")
        created = _stated(properties, f"{TERMS}created") or _stated(properties, f"{TERMS}modified")
        return DocumentText(
            text="\n\n".join(block for block in blocks if block),
            title=_stated(properties, f"{DUBLIN_CORE}title") or None,
            created=parse_iso(created[:10]) if created else None,
        )


class _Walk:
    """One way through a document, with the numbers of its lists and the notes it refers to."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._formats = _list_formats(document)
        self._numbers: dict[tuple[str, str], int] = defaultdict(int)
        self._notes: list[tuple[str, str]] = []

    def blocks(self, parent: etree._Element) -> Iterator[str]:
        """The blocks below an element. List items and table rows follow each other on lines of their own."""
        items: list[str] = []
        for element in _contents(parent):
            if element.tag == TABLE:
                yield "\n".join(items)
                items = []
                yield self._table(element)
                continue
            text, boxes = self._paragraph(element)
            mark = self._mark(element) if text else ""
            if mark:
                items.append(mark + " ".join(text.split()))
            else:
                yield "\n".join(items)
                items = []
                yield text
            for box in boxes:
                yield "\n".join(items)
                items = []
                yield from self.blocks(box)
        yield "\n".join(items)

    def footnotes(self) -> Iterator[str]:
        """The notes referred to so far, in their order."""
        parts = {
            kind: relation.target_part.blob
            for relation in self._document.part.rels.values()
            for kind in ("footnote", "endnote")
            if not relation.is_external and relation.reltype.endswith(f"/{kind}s")
        }
        parser = etree.XMLParser(resolve_entities=False, no_network=True)
        roots = {kind: etree.fromstring(blob, parser) for kind, blob in parts.items()}
        found = {
            (kind, note.get(qn("w:id"), "")): note
            for kind, root in roots.items()
            for note in root.iter(qn(f"w:{kind}"))
        }
        for place in self._notes:
            if place in found:
                yield from self.blocks(found[place])

    def _paragraph(self, paragraph: etree._Element) -> tuple[str, list[etree._Element]]:
        """The text of a paragraph, and the text boxes anchored in it."""
        pieces: list[str] = []
        boxes: list[etree._Element] = []
        for element in _read(paragraph, boxes):
            if element.tag == TEXT:
                pieces.append(element.text or "")
            elif element.tag in CHARACTERS:
                pieces.append(CHARACTERS[element.tag])
            elif element.tag in NOTES:
                self._notes.append((NOTES[element.tag], element.get(qn("w:id"), "")))
        return "".join(pieces).strip(), boxes

    def _table(self, table: etree._Element) -> str:
        rows = []
        for row in _below(table, ROW):
            cells = [[block for block in self.blocks(cell) if block] for cell in _below(row, CELL)]
            rows.append(row_text(cells))
        return "\n".join(row for row in rows if row)

    def _mark(self, paragraph: etree._Element) -> str:
        """What stands before a list item: a dash, or its number; nothing before what is no list item."""
        number = paragraph.find(f"{qn('w:pPr')}/{qn('w:numPr')}/{qn('w:numId')}")
        if number is None or (number.get(qn("w:val")) or "0") == "0":
            return ""
        style = paragraph.find(f"{qn('w:pPr')}/{qn('w:pStyle')}")
        if style is not None and (style.get(qn("w:val")) or "").lower().startswith(("heading", "berschrift")):
            return ""
        level = paragraph.find(f"{qn('w:pPr')}/{qn('w:numPr')}/{qn('w:ilvl')}")
        place = (number.get(qn("w:val")) or "", "0" if level is None else level.get(qn("w:val")) or "0")
        match self._formats.get(place, "bullet"):
            case "none":
                return ""
            case "bullet":
                return "- "
        self._numbers[place] += 1
        return f"{self._numbers[place]}. "


def _contents(parent: etree._Element) -> Iterator[etree._Element]:
    """Paragraphs and tables directly below an element, or within what only wraps them: content controls, changes."""
    for element in parent:
        if element.tag in (PARAGRAPH, TABLE):
            yield element
        elif element.tag not in UNREAD:
            yield from _contents(element)


def _below(parent: etree._Element, tag: str) -> Iterator[etree._Element]:
    """The rows of a table, or the cells of a row, also those in content controls; not those of tables within."""
    for element in parent:
        if element.tag == tag:
            if element.find(f"{qn('w:trPr')}/{qn('w:del')}") is None and not _goes_on_from_above(element):
                yield element
        elif element.tag not in UNREAD and element.tag not in (PARAGRAPH, TABLE, CELL):
            yield from _below(element, tag)


def _goes_on_from_above(cell: etree._Element) -> bool:
    """Whether a cell is the lower part of one that reaches over several rows."""
    merged = cell.find(f"{qn('w:tcPr')}/{qn('w:vMerge')}")
    return merged is not None and merged.get(qn("w:val"), "continue") == "continue"


def _read(parent: etree._Element, boxes: list[etree._Element]) -> Iterator[etree._Element]:
    """What is read of a paragraph, in order; the contents of text boxes go to `boxes`."""
    for element in parent:
        if element.tag == BOX:
            boxes.append(element)
        elif element.tag not in UNREAD and element.find(f"{qn('w:rPr')}/{qn('w:vanish')}") is None:
            yield element
            yield from _read(element, boxes)


def _list_formats(document: Document) -> dict[tuple[str, str], str]:
    """The number format of every list and level; bullets are one."""
    try:
        numbering = document.part.numbering_part.element
    except (KeyError, NotImplementedError):
        return {}
    levels = {
        abstract.get(qn("w:abstractNumId")): {
            level.get(qn("w:ilvl")): style.get(qn("w:val"))
            for level in abstract.iter(qn("w:lvl"))
            if (style := level.find(qn("w:numFmt"))) is not None
        }
        for abstract in numbering.iter(qn("w:abstractNum"))
    }
    return {
        (number.get(qn("w:numId")), level): style
        for number in numbering.iter(qn("w:num"))
        if (abstract := number.find(qn("w:abstractNumId"))) is not None
        for level, style in levels.get(abstract.get(qn("w:val")), {}).items()
    }


def _stated(properties: etree._Element | None, tag: str) -> str:
    found = None if properties is None else properties.find(tag)
    return "" if found is None else " ".join((found.text or "").split())
