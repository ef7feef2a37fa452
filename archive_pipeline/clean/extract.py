"""Slot 200: the body of a release. trafilatura on the parsed tree of a page, own reading of formats without markup."""

import re
from dataclasses import replace

import trafilatura
from lxml.html import HtmlElement

from archive_pipeline.clean.layout import is_wrapped, page_furniture, unwrap
from archive_pipeline.clean.page import MAIL, PDF
from archive_pipeline.clean.spans import Line, cut_lines, lines
from archive_pipeline.clean.tables import without_layout_tables
from archive_pipeline.clean.text import normalise_body, normalise_characters
from archive_pipeline.errors import CleanError
from archive_pipeline.model import Article, Source
from archive_pipeline.protocols import Page

__all__ = ["Extraction"]

MAX_TEXT, MAX_LINES = 2_000_000, 20_000
"""Characters and line breaks of the longest text that goes through the rules; a release has some thousand."""
FAST_MINIMUM = 600
"""Characters below which a fast extraction is repeated with trafilatura's fallbacks."""

_QUOTED = re.compile(r">")
_QUOTE_INTRODUCTION = re.compile(
    r"(?:Am .{5,100} schrieb .{2,100}|On .{5,100} wrote|-+\s*(?:Ursprüngliche Nachricht|Original Message).*):?$"
)


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
        article = self._read(article, page)
        if len(article.text) > MAX_TEXT or article.text.count("\n") > MAX_LINES:
            raise CleanError(
                f"Text ist zu lang für eine Meldung: {len(article.text)} Zeichen;"
                f" erlaubt sind {MAX_TEXT} in {MAX_LINES} Zeilen"
            )
        return article

    def _read(self, article: Article, page: Page) -> Article:
        tree = page.tree
        if tree is not None:
            return replace(article, text=normalise_body(_tidy_rows(self._extract(tree, page.capture.url))))
        if page.media_type == PDF:
            return _from_pages(article, page.text)
        text = normalise_characters(page.text)
        if page.media_type == MAIL:
            article = _without_quotes(replace(article, text=text))
            text = article.text
        return replace(article, text=normalise_body(unwrap(text) if is_wrapped(text) else text))

    def _extract(self, tree: HtmlElement, url: str | None) -> str:
        tree = without_layout_tables(tree)
        for fast in (True, False) if self._fast else (False,):
            document = trafilatura.bare_extraction(tree, url=url, include_comments=False, fast=fast)
            text = getattr(document, "text", None) or ""
            if len(text) >= FAST_MINIMUM:
                break
        return text


_EMPTY_CELLS = re.compile(r"(?:\|[ \t]*){2,}")


def _tidy_rows(text: str) -> str:
    """Table rows without their empty cells; rows with nothing in them go."""
    if "|" not in text:
        return text
    rows = (_EMPTY_CELLS.sub("| ", row).strip() if "|" in row else row for row in text.split("\n"))
    return "\n".join(row for row in rows if row.strip(" |-"))


def _from_pages(article: Article, text: str) -> Article:
    """A PDF's text without running heads and feet; paragraphs joined across pages."""
    body = "\n".join(normalise_characters(part) for part in text.split("\f"))
    pages: list[tuple[Line, ...]] = []
    number, found = 0, lines(body)
    for part in text.split("\f"):
        count = len(lines(normalise_characters(part)))
        pages.append(found[number : number + count])
        number += count
    article = replace(article, text=body)
    article = cut_lines(article, "page-furniture", page_furniture([page for page in pages if page]))
    return replace(article, text=normalise_body(unwrap(article.text)))


def _without_quotes(article: Article) -> Article:
    found = lines(article.text)
    doomed = [line for line in found if _QUOTED.match(line.text) or _QUOTE_INTRODUCTION.match(line.text)]
    return cut_lines(article, "mail-quote", doomed)
