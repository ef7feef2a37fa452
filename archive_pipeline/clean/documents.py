"""Text of formats that are not HTML: PDF, DOCX, mail, Markdown."""

import email.policy
import re
import zipfile
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesParser
from io import BytesIO
from itertools import pairwise
from statistics import median_low

import docx
from docx.table import Table
from docx.text.paragraph import Paragraph
from lxml import etree
from pypdf import PageObject, PdfReader
from pypdf.errors import PyPdfError

from archive_pipeline.errors import CleanError

__all__ = ["docx_text", "front_matter", "mail_message", "mail_part", "markdown_text", "pdf_text", "pdf_title"]

MAX_PAGES = 300
"""Pages of a PDF that are read; a press release has fewer than ten."""
MAX_UNPACKED = 100_000_000
"""Bytes a DOCX may unpack to; beyond that it is taken for a compression bomb."""

# what pypdf and python-docx let through on damaged input, besides their own errors
_DAMAGED = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
    NotImplementedError,
    OSError,
    EOFError,
    MemoryError,
)


def pdf_text(body: bytes) -> str:
    """The text layer, pages separated by a form feed; empty when there is none. Raises CleanError."""
    try:
        reader = PdfReader(BytesIO(body))
        if reader.is_encrypted and not reader.decrypt(""):
            raise CleanError("PDF ist verschlüsselt: ohne Kennwort kein Text", hint="unverschlüsselte Fassung einlesen")
        pages = [_page_text(reader.pages[number]) for number in range(min(len(reader.pages), MAX_PAGES))]
    except (PyPdfError, *_DAMAGED) as error:
        raise CleanError(f"PDF ist beschädigt: {error}", hint="Datei neu abrufen oder neu speichern") from error
    return "\f".join(pages)


def pdf_title(body: bytes) -> str | None:
    """What the document's own properties call it; many hold a file name instead, so compare it with the text."""
    try:
        metadata = PdfReader(BytesIO(body)).metadata
        return str(metadata.title) if metadata is not None and metadata.title else None
    except (PyPdfError, *_DAMAGED):
        return None


def _page_text(page: PageObject) -> str:
    """The lines of a page, an empty one where the type changes its size or the gap is wider than the usual one."""
    pieces: list[tuple[str, float, float]] = []

    def note(text: str, matrix: list[float], place: list[float], font: object, size: float) -> None:
        if text.strip():
            pieces.append((text.strip(), place[5] * matrix[3] + matrix[5], abs(size * place[3] * matrix[3])))

    rows = [row.strip() for row in page.extract_text(visitor_text=note).split("\n")]
    placed: list[tuple[float, float] | None] = []
    for row in rows:
        # the pieces come in the order of the lines; what is set otherwise keeps its lines as they are
        start = next((index for index, piece in enumerate(pieces[:40]) if row and row.startswith(piece[0])), None)
        placed.append(None if start is None else pieces[start][1:])
        if start is not None:
            pieces = pieces[start + 1 :]
    steps = [_step(above, below) for above, below in pairwise(placed)]
    known = [step for step in steps if step]
    usual = median_low(known) if known else 0.0
    text = rows[:1]
    for row, step, above, below in zip(rows[1:], steps, placed, placed[1:], strict=False):
        if step > 1.3 * usual or (above and below and abs(above[1] - below[1]) > 0.08 * above[1]):
            text.append("")
        text.append(row)
    return "\n".join(text)


def _step(above: tuple[float, float] | None, below: tuple[float, float] | None) -> float:
    """How far a line stands below another in multiples of its type size; 0 where that isn't known."""
    if above is None or below is None or not below[1]:
        return 0.0
    return max(0.0, above[0] - below[0]) / below[1]


def docx_text(body: bytes) -> str:
    """Paragraphs and tables in document order, one empty line between blocks. Raises CleanError."""
    try:
        with zipfile.ZipFile(BytesIO(body)) as archive:
            if sum(info.file_size for info in archive.infolist()) > MAX_UNPACKED:
                raise CleanError("DOCX entpackt sich auf über 100 MB: als Kompressionsbombe abgewiesen")
        blocks = [_block_text(block) for block in docx.Document(BytesIO(body)).iter_inner_content()]
    except (zipfile.BadZipFile, etree.LxmlError, *_DAMAGED) as error:
        raise CleanError(f"DOCX ist beschädigt: {error}", hint="Datei neu abrufen oder neu speichern") from error
    return "\n\n".join(block for block in blocks if block)


def _block_text(block: Paragraph | Table) -> str:
    if isinstance(block, Paragraph):
        return block.text.strip()
    rows = []
    for row in block.rows:
        cells: list[str] = []
        for cell in row.cells:
            text = " ".join(cell.text.split())
            # merged cells come once per column
            if text and (not cells or cells[-1] != text):
                cells.append(text)
        rows.append(" | ".join(cells))
    return "\n".join(row for row in rows if row)


def mail_message(body: bytes) -> EmailMessage:
    """The mail, parsed. Raises CleanError when it can't be."""
    try:
        return BytesParser(EmailMessage, policy=email.policy.default).parsebytes(body)
    except (MessageError, *_DAMAGED) as error:
        raise CleanError(f"E-Mail ist nicht lesbar: {error}") from error


def mail_part(message: EmailMessage) -> tuple[str, str]:
    """Media type and text of the part people read: plain text, else HTML. Raises CleanError when there is none."""
    try:
        part = message.get_body(preferencelist=("plain", "html"))
        content = part.get_content() if part is not None else None
    except (MessageError, *_DAMAGED) as error:
        raise CleanError(f"E-Mail ist nicht lesbar: {error}") from error
    if part is None or not isinstance(content, str) or not content.strip():
        raise CleanError("E-Mail enthält keinen Textteil", hint="Anhänge werden als eigene Dokumente eingelesen")
    return part.get_content_type(), content


_FRONT_MATTER = re.compile(r"\A\ufeff?---[ \t]*\n(.{0,10000}?)\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)", re.S)
_FRONT_FIELD = re.compile(r"^([\w-]{1,40}):[ \t]*(\S.*)$", re.M)


def front_matter(text: str) -> tuple[dict[str, str], str]:
    """The flat fields of a Markdown file's front matter (lower-case names), and the text behind it."""
    match = _FRONT_MATTER.match(text.replace("\r\n", "\n"))
    if not match:
        return {}, text
    fields = {name.lower(): value.strip().strip("\"'") for name, value in _FRONT_FIELD.findall(match.group(1))}
    return fields, text.replace("\r\n", "\n")[match.end() :]


_MARKUP = (
    (re.compile(r"^```.*$", re.M), ""),
    (re.compile(r"^(.+)\n(?:=+|-{3,})[ \t]*$", re.M), r"\1\n"),
    (re.compile(r"^[ \t]*(?:[-*_][ \t]*){3,}$", re.M), ""),
    (re.compile(r"^#{1,6}[ \t]+(.*?)[ \t]*#*$", re.M), r"\n\1\n"),
    (re.compile(r"^>[ \t]?", re.M), ""),
    (re.compile(r"!\[([^\]\n]{0,500})\]\([^)\n]{0,2000}\)"), r"\1"),
    (re.compile(r"\[([^\]\n]{1,500})\]\([^)\n]{0,2000}\)"), r"\1"),
    (re.compile(r"<(https?://[^>\s]{1,2000})>"), r"\1"),
    (re.compile(r"(?<!\w)(\*\*|__)(?=\S)([^\n]{1,2000}?\S|\S)\1(?!\w)"), r"\2"),
    (re.compile(r"(?<![\w*])([*_])(?=\S)([^*_\n]{1,2000}?)(?<=\S)\1(?![\w*])"), r"\2"),
    (re.compile(r"`([^`\n]{1,500})`"), r"\1"),
    (re.compile(r"^[ \t]*[*+][ \t]+", re.M), "- "),
    (re.compile(r"\\([\\`*_{}\[\]()#+.!>-])"), r"\1"),
)


def markdown_text(text: str) -> str:
    """The prose of a Markdown document: front matter off, markup off, list items as "- ..." lines."""
    body = front_matter(text)[1].replace("\r\n", "\n")
    for pattern, replacement in _MARKUP:
        body = pattern.sub(replacement, body)
    return body
