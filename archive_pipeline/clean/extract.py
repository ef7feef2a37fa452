"""Slot 200: the body of a release. trafilatura on the parsed tree of a page, own reading of formats without markup."""

import re
from collections.abc import Iterator
from dataclasses import replace

import trafilatura
from lxml.html import HtmlElement
from trafilatura import external
from trafilatura.utils import line_processing, trim

from archive_pipeline.clean.layout import is_wrapped, page_furniture, unwrap
from archive_pipeline.clean.mail_text import without_manners
from archive_pipeline.clean.page import MAIL, PDF
from archive_pipeline.clean.spans import Line, cut, lines, moved_pages
from archive_pipeline.clean.tables import without_layout_tables
from archive_pipeline.clean.text import normalise_body, normalise_characters
from archive_pipeline.errors import CleanError
from archive_pipeline.model import Article, Source
from archive_pipeline.protocols import Page

__all__ = ["Extraction"]

MAX_TEXT, MAX_LINES = 2_000_000, 20_000
"""Characters and line breaks of the longest text that goes through the rules; a release has some thousand."""
RAW = 4
"""How many times as long a text may be before its white space is put in order."""
FAST_MINIMUM = 600
"""Characters below which a fast extraction is repeated with trafilatura's fallbacks."""

# trafilatura's second fallback, jusText, tells prose by its stop words. Left alone it takes those of a hundred
# languages at once: 34 MB, and 50 ms for each page it looks at, with the same result on German pages.
_STOP_WORDS = external.get_stoplist("German") | external.get_stoplist("English")  # type: ignore[attr-defined]
external.JT_STOPLIST = tuple(sorted(_STOP_WORDS))  # type: ignore[assignment]

_SENTENCE_END = re.compile(r"[.!?:…][\"“”»«’')]*\s*$")


class Extraction:
    """Slot 200: sets the text, unless the site profile has found it already.

    `fast` skips trafilatura's comparison with other extractors where its own result is long enough.
    """

    def __init__(self, *, fast: bool = False) -> None:
        self._fast = fast

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article with its text, one paragraph per block. Raises CleanError when the page can't be read."""
        if article.text:
            return article
        if page.tree is None and len(page.text) > RAW * MAX_TEXT:
            raise _too_long(page.text)
        article = self._read(article, page)
        if len(article.text) > MAX_TEXT or article.text.count("\n") > MAX_LINES:
            raise _too_long(article.text)
        return article

    def _read(self, article: Article, page: Page) -> Article:
        tree = page.tree
        if tree is not None:
            return replace(article, text=normalise_body(_tidy_rows(self._extract(tree, page.capture.url))))
        if page.media_type == PDF:
            return article if article.state == "no_text_layer" else _from_pages(article, page.text)
        text = normalise_characters(page.text)
        if page.media_type == MAIL:
            article = without_manners(replace(article, text=text))
            text = article.text
        return replace(article, text=normalise_body(unwrap(text) if is_wrapped(text) else text))

    def _extract(self, tree: HtmlElement, url: str | None) -> str:
        tree = without_layout_tables(tree)
        for fast in (True, False) if self._fast else (False,):
            document = trafilatura.bare_extraction(tree, url=url, include_comments=False, fast=fast)
            text = getattr(document, "text", None) or ""
            if len(text) >= FAST_MINIMUM:
                break
        # they remember a thousand lines each, whatever their length: ten long documents would fill the memory
        for remembering in (trim, line_processing):
            remembering.cache_clear()
        return text


def _too_long(text: str) -> CleanError:
    allowed = f"erlaubt sind {MAX_TEXT} in {MAX_LINES} Zeilen"
    return CleanError(f"Text ist zu lang für eine Meldung: {len(text)} Zeichen; {allowed}")


_EMPTY_CELLS = re.compile(r"(?:\|[ \t]*){2,}")


def _tidy_rows(text: str) -> str:
    """Table rows without their empty cells; rows with nothing in them go."""
    if "|" not in text:
        return text
    rows = (_EMPTY_CELLS.sub("| ", row).strip() if "|" in row else row for row in text.split("\n"))
    return "\n".join(row for row in rows if row.strip(" |-"))


def _from_pages(article: Article, text: str) -> Article:
    """A PDF's text without running heads and feet, and where its pages begin; paragraphs joined across pages."""
    body = "\n".join(part for part in map(normalise_characters, text.split("\f")) if part)
    pages: list[tuple[Line, ...]] = []
    number, found = 0, lines(body)
    for part in text.split("\f"):
        count = len(lines(normalise_characters(part)))
        pages.append(found[number : number + count])
        number += count
    starts = [page[0].start if page else -1 for page in pages]
    # an empty page begins where the next one does
    for place in range(len(starts) - 1, -1, -1):
        if starts[place] < 0:
            starts[place] = starts[place + 1] if place + 1 < len(starts) else len(body)
    article = replace(article, text=body, pages=(0, *starts[1:]))
    furniture = page_furniture([page for page in pages if page])
    article = cut(article, "page-furniture", _across_pages(body, found, frozenset(furniture)))
    text = normalise_body(unwrap(article.text))
    return replace(article, text=text, pages=moved_pages(article.pages, article.text, text))


def _across_pages(body: str, found: tuple[Line, ...], doomed: frozenset[Line]) -> Iterator[tuple[int, int]]:
    """Spans of these lines with the line breaks around them, so that a sentence goes on over the end of a page."""
    before: Line | None = None
    cutting = False
    for line in found:
        if line in doomed:
            cutting = True
            continue
        if cutting:
            goes_on = before is not None and (not _SENTENCE_END.search(before.text) or line.text[:1].islower())
            breaks = 0 if before is None else 1 if goes_on else 2
            end = before.end if before is not None else 0
            yield min(end + breaks, line.start), line.start
        before, cutting = line, False
    if cutting:
        yield before.end if before is not None else 0, len(body)
