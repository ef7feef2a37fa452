"""Reads one PDF with pypdfium2, as a program of its own: bytes from standard input, JSON to standard output.

PDFium is C++ and bounds neither its memory nor its time: one hostile file of five kilobytes takes any process down. So
`pdf_text` starts this file as a child that may use so much and no more. It imports nothing of the package, and PDFium
only when it runs. Exit code 3: the file needs a password; 4: it can't be read.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from itertools import islice
from types import ModuleType
from typing import Any

__all__ = ["NEEDS_PASSWORD"]

MAX_MEMORY = 1_500_000_000
MAX_SECONDS = 3
"""Address space in bytes and processor time that one file may take, where the operating system can see to it."""

MAX_LINES = 30_000
"""Lines that are read; cleaning refuses a text with more than two thirds of it."""

NEEDS_PASSWORD, UNREADABLE = 3, 4
PASSWORD_ERROR = 4
"""FPDF_ERR_PASSWORD of PDFium."""


def limit_resources() -> None:
    """Let the operating system end this process when it takes too much."""
    with suppress(ImportError, OSError, ValueError):  # there are systems without such limits
        resource = import_module("resource")
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def read(pdfium: ModuleType, body: bytes, max_pages: int, max_characters: int) -> dict[str, Any]:
    """Title, date of creation, number of pages, and of the first pages every line: text, left, base line, type size."""
    document = pdfium.PdfDocument(body)
    properties = document.get_metadata_dict()
    pages: list[list[tuple[str, float, float, float]]] = []
    room, left = max_characters, MAX_LINES
    for number in range(min(len(document), max_pages)):
        pages.append(list(islice(lines(pdfium, document[number].get_textpage()), left)))
        room -= sum(len(line[0]) for line in pages[-1])
        left -= len(pages[-1])
        if room <= 0 or left <= 0:
            break
    return {
        "title": properties.get("Title"),
        "created": properties.get("CreationDate"),
        "count": len(document),
        "pages": pages,
    }


def lines(pdfium: ModuleType, page: Any) -> Iterator[tuple[str, float, float, float]]:
    """The lines of a page, as PDFium puts them together."""
    # where a word is broken it leaves out the line break and marks the place
    whole: str = page.get_text_range().replace("\ufffe", "\x02").replace("\x02", "\x02\n")
    position = 0
    for line in whole.split("\n"):
        text = line.rstrip("\r")
        if text.strip():
            first = position + len(text) - len(text.lstrip())
            left, bottom, _, _ = page.get_charbox(first, loose=True)
            yield text.strip(), left, bottom, pdfium.raw.FPDFText_GetFontSize(page, first)
        position += len(line) + (0 if line.endswith("\x02") else 1)


def main() -> int:
    """Read what stands on standard input; the arguments are the largest numbers of pages and characters."""
    limit_resources()
    pdfium = import_module("pypdfium2")
    try:
        found = read(pdfium, sys.stdin.buffer.read(), int(sys.argv[1]), int(sys.argv[2]))
    except pdfium.PdfiumError as error:
        return NEEDS_PASSWORD if getattr(error, "err_code", None) == PASSWORD_ERROR else UNREADABLE
    except (MemoryError, ValueError, OverflowError):
        return UNREADABLE
    json.dump(found, sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
