"""What the readers of PDF, DOCX and ODT share: the value they return, and how the packages of the last two open."""

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from io import BytesIO

from lxml import etree

from archive_pipeline.errors import CleanError

__all__ = ["DAMAGED", "SAVE_AGAIN", "DocumentText", "opened_package", "parsed_part", "read_part", "row_text"]

MAX_UNPACKED = 100_000_000
"""Bytes a package may unpack to; beyond that it is taken for a compression bomb."""

MAX_PART = 20_000_000
"""Bytes of the XML of one part; the text of a whole book takes five million."""

MAX_TAGS = 1_500_000
"""Tags of one part. A tree takes 100 bytes and more for each, and a packed file of 20 KB can hold three million."""

LONG_CELL = 300
"""Characters from which on a table cell holds a text of its own: the table only arranges the page."""

SAVE_AGAIN = "Datei neu abrufen oder neu speichern"

# what readers let through on damaged input, besides their own errors
DAMAGED = (
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


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentText:
    """The text of a document, and what its own properties say.

    Of a PDF the pages of `text` are separated by a form feed, their lines as set on the page; of others blocks are
    separated by an empty line. `title` and `created` are hints at best: a file name, a template's title, the day of a
    conversion. `flaw` says what is wrong with a text layer that can't be read as language; `notes` how it was read.
    """

    text: str
    title: str | None = None
    created: date | None = None
    flaw: str | None = None
    notes: tuple[str, ...] = ()


@contextmanager
def opened_package(body: bytes, kind: str) -> Iterator[zipfile.ZipFile]:
    """The zip package of a document of this kind ("DOCX"). Raises CleanError when it is damaged, a compression bomb or
    encrypted, also for what goes wrong within the block."""
    try:
        with zipfile.ZipFile(BytesIO(body)) as package:
            parts = package.infolist()
            if sum(part.file_size for part in parts) > MAX_UNPACKED:
                raise CleanError(
                    f"{kind} entpackt sich auf über {MAX_UNPACKED // 1_000_000} MB: als Kompressionsbombe abgewiesen"
                )
            if any(part.flag_bits & 1 for part in parts):
                raise CleanError(f"{kind} ist verschlüsselt: ohne Kennwort kein Text", hint="ohne Kennwort speichern")
            yield package
    except (zipfile.BadZipFile, zlib.error, etree.LxmlError, *DAMAGED) as error:
        raise CleanError(f"{kind} ist beschädigt: {error}", hint=SAVE_AGAIN) from error


def parsed_part(package: zipfile.ZipFile, name: str) -> etree._Element | None:
    """The XML of one part, None when there is no such part. Raises CleanError for one that is too large or declares
    entities, which no word processor writes, and what `opened_package` turns into CleanError."""
    try:
        part = package.getinfo(name)
    except KeyError:
        return None
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, remove_comments=True)
    root = etree.fromstring(read_part(package, part), parser)
    if root.getroottree().docinfo.internalDTD is not None:
        raise CleanError(f"{name} enthält eine Dokumenttyp-Definition: als Angriff abgewiesen")
    return root


def read_part(package: zipfile.ZipFile, part: zipfile.ZipInfo) -> bytes:
    """The bytes of an XML part. Raises CleanError for one whose tree would fill the memory."""
    name = part.filename
    if part.file_size > MAX_PART:
        raise CleanError(f"{name} ist mit {part.file_size} Bytes zu groß für eine Meldung; erlaubt sind {MAX_PART}")
    body = package.read(part)
    if body.count(b"<") > MAX_TAGS:
        raise CleanError(f"{name} ist zu groß für eine Meldung: über {MAX_TAGS} Auszeichnungen")
    return body


def row_text(cells: list[list[str]]) -> str:
    """One row of a table, from the paragraphs of its cells: one line, cells separated by bars; or paragraphs again
    where the table only arranges the page."""
    filled = [cell for cell in cells if cell]
    if len(filled) == 1 or any(sum(map(len, cell)) > LONG_CELL for cell in filled):
        return "\n\n".join(paragraph for cell in filled for paragraph in cell)
    return " | ".join(" ".join(" ".join(cell).split()) for cell in filled)
