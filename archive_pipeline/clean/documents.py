"""Text of formats that are not HTML: PDF, DOCX, ODT, Markdown."""

import re
from functools import lru_cache

from archive_pipeline.clean.document_text import DocumentText
from archive_pipeline.clean.docx_text import read_docx
from archive_pipeline.clean.odt_text import read_odt
from archive_pipeline.clean.pdf_text import read_pdf

__all__ = [
    "DOCX",
    "ODT",
    "PDF",
    "READERS",
    "front_matter",
    "markdown_text",
    "read_document",
]

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ODT = "application/vnd.oasis.opendocument.text"
READERS = {PDF: read_pdf, DOCX: read_docx, ODT: read_odt}


@lru_cache(maxsize=1)
def read_document(media_type: str, body: bytes) -> DocumentText:
    """The text of a PDF, DOCX or ODT (a media type of READERS) and its properties, read once for all cleaners that ask
    for the document at hand. Raises CleanError."""
    return READERS[media_type](body)


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
