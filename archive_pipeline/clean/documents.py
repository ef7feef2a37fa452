"""Text of formats that are not HTML: PDF, DOCX, mail, Markdown."""

import email.policy
import re
import zipfile
from email.errors import MessageError
from email.message import EmailMessage
from email.parser import BytesParser
from io import BytesIO

import docx
from docx.table import Table
from docx.text.paragraph import Paragraph
from lxml import etree
from pypdf import PdfReader
from pypdf.errors import PyPdfError

from archive_pipeline.errors import CleanError

__all__ = ["docx_text", "front_matter", "mail_message", "mail_part", "markdown_text", "pdf_text"]

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
        pages = [reader.pages[number].extract_text() for number in range(min(len(reader.pages), MAX_PAGES))]
    except (PyPdfError, *_DAMAGED) as error:
        raise CleanError(f"PDF ist beschädigt: {error}", hint="Datei neu abrufen oder neu speichern") from error
    return "\f".join(pages)


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
