"""Text of ODT files (OpenDocument, ISO/IEC 26300): the package's content.xml, walked in document order."""

from collections.abc import Iterable, Iterator

from lxml import etree

from archive_pipeline.clean.document_text import DocumentText, opened_package, parsed_part, row_text
from archive_pipeline.errors import CleanError
from archive_pipeline.language.days import parse_iso

__all__ = ["read_odt"]

OFFICE = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
TEXT = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
TABLE = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
DRAW = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
SVG = "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}"
STYLE = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
META = "{urn:oasis:names:tc:opendocument:xmlns:meta:1.0}"
DUBLIN_CORE = "{http://purl.org/dc/elements/1.1/}"

UNREAD = frozenset(
    {
        *(f"{TEXT}{name}" for name in ("tracked-changes", "hidden-text", "table-of-content", "sequence-decls")),
        *(f"{TEXT}{name}" for name in ("variable-decls", "user-field-decls", "note-citation", "ruby-text", "script")),
        *(f"{OFFICE}{name}" for name in ("annotation", "annotation-end", "forms", "scripts", "event-listeners")),
        f"{TABLE}covered-table-cell",
        *(f"{names}{name}" for names in (SVG, TABLE) for name in ("title", "desc")),
    }
)
"""Elements whose text is no part of the document as it reads; deleted text stands in `text:tracked-changes`."""

PARAGRAPHS = frozenset({f"{TEXT}p", f"{TEXT}h"})
LIST, ITEMS = f"{TEXT}list", frozenset({f"{TEXT}list-item", f"{TEXT}list-header"})
BOX, NOTE, NOTE_BODY = f"{DRAW}text-box", f"{TEXT}note", f"{TEXT}note-body"
MAX_SPACES = 100


def read_odt(body: bytes) -> DocumentText:
    """Headings, paragraphs, lists, tables and text boxes in document order, then the footnotes, one empty line between
    blocks.

    Headers, footers, comments and deleted text are left out. Raises CleanError.
    """
    with opened_package(body, "ODT") as package:
        content = parsed_part(package, "content.xml")
        text = None if content is None else content.find(f"{OFFICE}body/{OFFICE}text")
        if content is None or text is None:
            raise CleanError("ODT ist beschädigt: der Text fehlt")
        meta = parsed_part(package, "meta.xml")
        walk = _Walk(content)
        blocks = [*walk.blocks(text), *walk.footnotes()]
        created = _stated(meta, f"{META}creation-date") or _stated(meta, f"{DUBLIN_CORE}date")
        return DocumentText(
            text="\n\n".join(block for block in blocks if block),
            title=_stated(meta, f"{DUBLIN_CORE}title") or None,
            created=parse_iso(created[:10]) if created else None,
        )


class _Walk:
    """One way through a document, collecting the notes it comes by."""

    def __init__(self, content: etree._Element) -> None:
        self._numbered = {
            style.get(f"{STYLE}name")
            for style in content.iter(f"{TEXT}list-style")
            if len(style) and style[0].tag == f"{TEXT}list-level-style-number"
        }
        self._notes: list[etree._Element] = []

    def blocks(self, parent: Iterable[etree._Element]) -> Iterator[str]:
        """The blocks below an element; the items of a list and the rows of a table are lines of one block."""
        for element in parent:
            if element.tag in PARAGRAPHS:
                boxes: list[etree._Element] = []
                yield "".join(self._inline(element, boxes)).strip()
                for box in boxes:
                    yield from self.blocks(box)
            elif element.tag == LIST:
                yield "\n".join(self._items(element))
            elif element.tag == f"{TABLE}table":
                yield "\n".join(row for row in self._rows(element) if row)
            elif element.tag not in UNREAD:
                yield from self.blocks(element)

    def footnotes(self) -> Iterator[str]:
        """The notes met so far, in their order."""
        for note in self._notes:
            for body in note.iter(NOTE_BODY):
                yield from self.blocks(body)

    def _items(self, list_: etree._Element) -> Iterator[str]:
        """The lines of a list: each item with its mark, the lists within it below."""
        numbered = list_.get(f"{TEXT}style-name") in self._numbered
        items = (item for item in list_ if item.tag in ITEMS)
        for number, item in enumerate(items, start=1):
            mark = f"{number}. " if numbered else "- "
            for element in item:
                if element.tag == LIST:
                    yield from self._items(element)
                    continue
                if element.tag == f"{TEXT}h" or item.tag == f"{TEXT}list-header":
                    mark = ""  # numbered headings are lists in some files
                for block in self.blocks([element]):
                    if block:
                        yield mark + " ".join(block.split())
                        mark = ""

    def _rows(self, table: etree._Element) -> Iterator[str]:
        for element in table:
            if element.tag == f"{TABLE}table-row":
                cells = (cell for cell in element if cell.tag == f"{TABLE}table-cell")
                yield row_text([[block for block in self.blocks(cell) if block] for cell in cells])
            elif element.tag not in UNREAD:
                yield from self._rows(element)

    def _inline(self, parent: etree._Element, boxes: list[etree._Element]) -> Iterator[str]:
        """The pieces of a paragraph; text boxes go to `boxes`, notes are remembered."""
        yield _spaces(parent.text)
        for element in parent:
            if element.tag == BOX:
                boxes.append(element)
            elif element.tag == NOTE:
                self._notes.append(element)
            elif element.tag == f"{TEXT}line-break":
                yield "\n"
            elif element.tag == f"{TEXT}tab":
                yield "\t"
            elif element.tag == f"{TEXT}s":
                count = element.get(f"{TEXT}c") or "1"
                yield " " * min(int(count) if count.isdecimal() else 1, MAX_SPACES)
            elif element.tag not in UNREAD:
                yield from self._inline(element, boxes)
            yield _spaces(element.tail)


def _spaces(text: str | None) -> str:
    """Runs of white space count as one space (ODF 1.3, part 3, 6.1.2); what is meant otherwise has elements."""
    if not text:
        return ""
    words = " ".join(text.split())
    return f"{' ' if text[0].isspace() else ''}{words}{' ' if words and text[-1].isspace() else ''}"


def _stated(meta: etree._Element | None, tag: str) -> str:
    found = None if meta is None else meta.find(f"{OFFICE}meta/{tag}")
    return "" if found is None else " ".join((found.text or "").split())
