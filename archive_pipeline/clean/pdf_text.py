"""Text of PDF files: pypdf reads them, and where it fails or what it reads is no language, pypdfium2, if installed.

What a PDF may cost is counted, not timed, so that a document comes out the same on every machine.
"""

import json
import logging
import re
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any

from pypdf import PageObject, PdfReader, apply_configuration
from pypdf.errors import DependencyError, LimitReachedError, PyPdfError

from archive_pipeline.clean.document_text import DAMAGED, SAVE_AGAIN, DocumentText
from archive_pipeline.clean.pdf_layout import Piece, page_text
from archive_pipeline.clean.pdfium_reader import NEEDS_PASSWORD
from archive_pipeline.errors import CleanError
from archive_pipeline.language.days import parse_iso

__all__ = ["read_pdf", "text_flaw"]

MAX_PAGES = 300
"""Pages that are read; a press release has fewer than ten."""

MAX_CHARACTERS = 3_000_000
MAX_WORK = 150_000
"""Drawing operations with their operands that pypdf follows, over all pages; a page of text has some thousand."""

DRAWING = 500
"""What a drawing within a drawing counts, as it is parsed each time it is used."""

MAX_CONTENT = 2_000_000
"""Bytes of unpacked page contents that pypdf parses; a page of text has some ten thousand."""

LIMITS: dict[str, Any] = {
    "maximum_declared_stream_length": 30_000_000,
    "array_based_stream_maximum_output_length": MAX_CONTENT,
    "zlib_maximum_output_length": 10_000_000,
    "lzw_maximum_output_length": 4_000_000,
    "run_length_maximum_output_length": 4_000_000,
    "stream_decoding_work_maximum_length": 30_000_000,
    "stream_parsing_work_maximum_count": 200_000,
    "page_tree_maximum_entries": 10_000,
    "page_tree_maximum_page_entries": 200_000,
    "xform_maximum_invocations_per_extraction": 200,
}
"""What else pypdf may unpack and parse: bytes, tokens of one stream, pages, drawings within drawings."""

MIN_JUDGED, MAX_JUDGED = 40, 200_000
"""Characters below which a text is too short to tell whether it is language, and after which that is clear."""

DOCS = "pip install 'archive-pipeline[docs]'"
ENCRYPTED = "PDF ist verschlüsselt: ohne Kennwort kein Text"
PDFIUM_READER = Path(__file__).with_name("pdfium_reader.py")
PATIENCE = 60
"""Seconds after which the other program is given up; its processor time is limited to less."""

VOWELS = frozenset("aeiouyäöüáàâéèêíóôúåæøœ")
LIGATURES = {code: unicodedata.normalize("NFKC", chr(code)) for code in range(0xFB00, 0xFB07)}
BULLETS = dict.fromkeys((0xF0B7, 0xF0A7, 0xF0D8, 0xF076, 0xF0FC, 0xF02D), "•")
"""Where Word's symbol fonts have their bullets: private characters that no other program can show."""

CHARACTERS: dict[int, str | None] = {**LIGATURES, **BULLETS, 0: None}
LINE_END_HYPHEN = re.compile(r"[\u00ad\u2010\u2011\ufffe\x02](?=\s*$)")
SURROGATE = re.compile("[\ud800-\udfff]")
LOOSE_UMLAUT = re.compile(r"¨ ?([aouAOU])")
"""The dots before the letter, as TeX sets them."""

# without a handler of its own its warnings about sloppy files would appear among our messages
logging.getLogger("pypdf").addHandler(logging.NullHandler())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """What one of the two programs read."""

    pages: tuple[str, ...]
    title: str | None
    created: str | None
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        return "\f".join(self.pages)


def read_pdf(body: bytes) -> DocumentText:
    """The text layer, empty when there is none: then the file holds pictures only. Raises CleanError."""
    first, failure = _with_pypdf(body)
    text = first.text if first else ""
    flaw = text_flaw(text)
    if first and text.strip() and not failure and not flaw:
        return _document(first)
    reason = failure or flaw or "kein Text"
    if find_spec("pypdfium2") is None:
        second = None
        note = f"PDF mit pypdf gelesen: {reason}; ein zweites Leseprogramm: {DOCS}"
    else:
        second = _with_pdfium(body)
        note = f"PDF mit pypdf gelesen: {reason}"
    if second and second.text.strip() and (not text.strip() or text_flaw(second.text) is None):
        return _document(second, text_flaw(second.text), f"PDF mit pypdfium2 gelesen (pypdf: {reason})")
    if first is None or (not text.strip() and failure):
        hint = SAVE_AGAIN if find_spec("pypdfium2") else f"{SAVE_AGAIN}; ein zweites Leseprogramm: {DOCS}"
        raise CleanError(f"PDF ist {reason}", hint=hint)
    return _document(first, flaw, *((note,) if failure or flaw or second is None else ()))


def text_flaw(text: str) -> str | None:
    """Why a text layer can't be read as language, or None when it can.

    Fonts without a table of characters, or with a wrong one, give: more than 5 % characters without meaning
    (replacement, private, control) or `(cid:…)`; more than 25 letters a word on average; half of the words single
    letters; less than 20 % vowels among Latin letters (German has 39 %).
    """
    words = text[:MAX_JUDGED].split()
    length = sum(map(len, words))
    if length < MIN_JUDGED:
        return None
    meaningless = sum(
        char == "\ufffd" or unicodedata.category(char) in ("Co", "Cc", "Cn") for word in words for char in word
    )
    if meaningless + 7 * sum(word.count("(cid:") for word in words) > 0.05 * length:
        return "Zeichen ohne Bedeutung"
    if length > 25 * len(words):
        return "keine Leerzeichen"
    if len(words) >= 20 and sum(len(word) == 1 and word.isalpha() for word in words) > 0.5 * len(words):
        return "Wörter in Buchstaben zerfallen"
    letters = [char for word in words for char in word.casefold() if char.isalpha()]
    latin = sum(char < "\u0250" for char in letters)
    if latin < 100 or latin <= 0.6 * len(letters):
        return None
    return "vertauschte Zeichen" if sum(char in VOWELS for char in letters) < 0.2 * latin else None


def _document(reading: _Reading, flaw: str | None = None, *notes: str) -> DocumentText:
    stated = re.match(r"D:(\d{4})(\d\d)(\d\d)", reading.created or "")
    return DocumentText(
        text=reading.text[:MAX_CHARACTERS],
        title=_storable(reading.title) if reading.title else None,
        created=parse_iso("-".join(stated.groups())) if stated else None,
        flaw=flaw,
        notes=(*reading.notes, *notes),
    )


def _with_pypdf(body: bytes) -> tuple[_Reading | None, str]:
    """What pypdf reads, if anything, and why it doesn't read all. Raises CleanError for what needs a password."""
    with apply_configuration(**LIMITS):
        try:
            reader = PdfReader(BytesIO(body))
            if reader.is_encrypted and not reader.decrypt(""):
                raise CleanError(ENCRYPTED, hint="unverschlüsselte Fassung einlesen")
            return _read_pages(reader)
        except DependencyError:
            return None, "verschlüsselt (AES, das pypdf allein nicht liest)"
        except LimitReachedError as error:
            return None, f"zu aufwendig gebaut ({error})"
        except (PyPdfError, *DAMAGED) as error:
            return None, f"beschädigt ({error or type(error).__name__})"


def _read_pages(reader: PdfReader) -> tuple[_Reading, str]:
    count = len(reader.pages)
    pages: list[str] = []
    failure = ""
    budget = _Budget()
    for number in range(min(count, MAX_PAGES)):
        page = reader.pages[number]
        try:
            budget.parse(page)
            pages.append(page_text(_rows(page, budget)))
        except LimitReachedError as error:
            failure = f"zu aufwendig gebaut ({error})"
            break
        except (PyPdfError, *DAMAGED) as error:
            failure = f"beschädigt (Seite {number + 1}: {error})"
            pages.append("")
        if sum(map(len, pages)) > MAX_CHARACTERS:
            break
    reading = _Reading(
        pages=tuple(pages),
        title=_property(reader, "/Title"),
        created=_property(reader, "/CreationDate"),
        notes=_unread(len(pages), count),
    )
    return reading, failure


def _property(reader: PdfReader, name: str) -> str | None:
    try:
        value = reader.metadata.get(name) if reader.metadata else None
        return str(value) if value else None
    except (PyPdfError, *DAMAGED):
        return None


class _Budget:
    """The work a document may still cost."""

    def __init__(self) -> None:
        self._work = MAX_WORK
        self._content = MAX_CONTENT

    def parse(self, page: PageObject) -> None:
        """Count the contents of a page. Raises LimitReachedError."""
        contents = page.get_contents()
        self._content -= 0 if contents is None else len(contents.get_data())
        if self._content < 0:
            raise LimitReachedError(f"mehr als {MAX_CONTENT} Bytes Seiteninhalt")

    def spend(self, operator: object, operands: Any, *matrices: object) -> None:
        """Count one operation. Raises LimitReachedError."""
        nested = sum(len(operand) for operand in operands if isinstance(operand, list)) if operands else 0
        self._work -= DRAWING if operator == b"Do" else 1 + nested
        if self._work < 0:
            raise LimitReachedError(f"mehr als {MAX_WORK} Zeichenbefehle")


def _rows(page: PageObject, budget: _Budget) -> list[list[Piece]]:
    """The pieces of text on a page, by line."""
    rows: list[list[Piece]] = [[]]

    def note(text: str, matrix: list[float], place: list[float], font: object, size: float) -> None:
        x, y = place[4] * matrix[0] + matrix[4], place[5] * matrix[3] + matrix[5]
        for number, part in enumerate(text.split("\n")):
            if number:
                rows.append([])
            if part.strip():
                rows[-1].append(Piece(part, x, y, abs(size * place[3] * matrix[3])))
            elif part and rows[-1]:
                rows[-1][-1] = replace(rows[-1][-1], text=rows[-1][-1].text + " ")

    page.extract_text(visitor_text=note, visitor_operand_before=budget.spend)
    return [_readable(row) for row in rows]


def _readable(row: Sequence[Piece]) -> list[Piece]:
    """A line with the characters that its signs stand for; the hyphen at its end is a plain one."""
    pieces = [
        replace(piece, text=LOOSE_UMLAUT.sub(_umlaut, _storable(piece.text).translate(CHARACTERS))) for piece in row
    ]
    if pieces:
        pieces[-1] = replace(pieces[-1], text=LINE_END_HYPHEN.sub("-", pieces[-1].text))
    return pieces


def _storable(text: str) -> str:
    """The text without halves of surrogate pairs, which faulty tables of characters give."""
    if not SURROGATE.search(text):
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _umlaut(match: re.Match[str]) -> str:
    return unicodedata.normalize("NFC", f"{match[1]}\u0308")


def _with_pdfium(body: bytes) -> _Reading | None:
    """What PDFium reads, or None when it can't. Raises CleanError for a file that needs a password."""
    command = [sys.executable, "-I", str(PDFIUM_READER), str(MAX_PAGES), str(MAX_CHARACTERS)]
    try:
        ended = subprocess.run(command, input=body, capture_output=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if ended.returncode == NEEDS_PASSWORD:
        raise CleanError(ENCRYPTED, hint="unverschlüsselte Fassung einlesen")
    if ended.returncode:
        return None
    found = json.loads(ended.stdout)
    pages = tuple(page_text([_readable([Piece(*line)]) for line in page]) for page in found["pages"])
    return _Reading(
        pages=pages,
        title=found["title"] or None,
        created=found["created"] or None,
        notes=_unread(len(pages), found["count"]),
    )


def _unread(read: int, count: int) -> tuple[str, ...]:
    return (f"Nur {read} von {count} Seiten gelesen",) if read < count else ()
