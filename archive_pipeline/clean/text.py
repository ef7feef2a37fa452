"""Characters and white space: what a stored text may contain. Wording and quotation marks stay as published."""

import re
import unicodedata
from dataclasses import replace

from archive_pipeline.clean.spans import moved_pages
from archive_pipeline.model import Article, Credit, Source
from archive_pipeline.protocols import Page

__all__ = ["TextNormalisation", "normalise_body", "normalise_characters", "normalise_line"]

# soft hyphen, zero-width characters, directional marks, byte order mark, replacement of objects
_INVISIBLE = dict.fromkeys(
    map(ord, "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff\ufffc")
)
_CONTROL = dict.fromkeys([*range(9), 11, *range(14, 32), *range(127, 160)])
_BREAKS = {0x0D: "\n", 0x85: "\n", 0x2028: "\n", 0x2029: "\n", 0x0C: "\n"}
_TABLE = {**_INVISIBLE, **_CONTROL, **_BREAKS}
_LIST_ITEM = re.compile(r"(?:[-–•*·▪◦‣]|\d{1,2}[.)]|[a-z]\))\s|.*\s\|(?:\s|$)|\|")


# looking first is ten times faster than translating every text
_ODD = re.compile(f"[{re.escape(''.join(map(chr, _TABLE)))}]")


def _translated(text: str) -> str:
    return unicodedata.normalize("NFC", text.translate(_TABLE) if _ODD.search(text) else text)


def normalise_line(text: str | None) -> str:
    """One line: NFC, no invisible or control characters, every run of white space one space."""
    return " ".join(_translated(text or "").split())


def normalise_characters(text: str) -> str:
    """NFC without invisible characters; line breaks kept, other white space one space, lines stripped."""
    text = _translated(text.replace("\r\n", "\n"))
    return "\n".join(" ".join(line.split()) for line in text.split("\n")).strip("\n")


def normalise_body(paragraphs: str) -> str:
    """A body in stored form from lines that are one paragraph each.

    Paragraphs are separated by one empty line; neighbouring list items and table rows stay together, one a line.
    """
    pieces: list[str] = []
    previous_item = False
    for line in normalise_characters(paragraphs).split("\n"):
        if not line:
            continue
        item = bool(_LIST_ITEM.match(line))
        if pieces:
            pieces.append("\n" if item and previous_item else "\n\n")
        pieces.append(line)
        previous_item = item
    return "".join(pieces)


class TextNormalisation:
    """Slot 700: the text and every field in stored form, whatever cleaners of plugins left there."""

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article with normalised characters; changes nothing in an article that has them."""
        text = normalise_body(article.text)
        return replace(
            article,
            text=text,
            pages=article.pages if text == article.text else moved_pages(article.pages, article.text, text),
            title=normalise_line(article.title) or None,
            subtitle=normalise_line(article.subtitle) or None,
            teaser=normalise_line(article.teaser) or None,
            author=normalise_line(article.author) or None,
            agency=normalise_line(article.agency) or None,
            dateline=normalise_line(article.dateline) or None,
            source_line=normalise_line(article.source_line) or None,
            contact=normalise_characters(article.contact or "") or None,
            boilerplate=normalise_characters(article.boilerplate or "") or None,
            embargo=normalise_line(article.embargo) or None,
            credits=tuple(
                Credit(kind=credit.kind, text=text)
                for credit in article.credits
                if (text := normalise_line(credit.text))
            ),
        )
