"""Slot 950: whether what came out of the chain is a release: long enough, readable, and no list of others."""

import re

from archive_pipeline.clean.page import DOCX, MAIL, ODT, PDF
from archive_pipeline.clean.spans import lines
from archive_pipeline.errors import Quarantine
from archive_pipeline.language.identify import stop_word_share, words
from archive_pipeline.model import Article, Source
from archive_pipeline.protocols import Page

__all__ = ["Gate"]

MINIMUM = 200
"""Characters below which a page is too short for a release; texts and Markdown files may be shorter."""
SCRAMBLED_WORDS = 80
SAMPLE = 4_000
SCRAMBLED_SHARE = 0.15
"""Real German prose has at least .27 stop words, letters shuffled by a paywall at most .10 (own measurement)."""

_TEASER_END = re.compile(
    r"(?:\[\s?(?:…|\.\.\.)\s?\]|(?:…|\.\.\.)|(?:weiterlesen|mehr(?: lesen| erfahren)?|read more)\s*[»›>…]*)$", re.I
)


class Gate:
    """Slot 950: raises Quarantine with the reason; `--no-gate` leaves this cleaner out."""

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article unchanged, when it reads like a release, or is known to have no text."""
        if article.state == "no_text_layer":
            return article
        if not article.text:
            raise Quarantine("kein Text gefunden: Das Dokument hat keinen lesbaren Hauptteil")
        formatted = page.tree is not None or page.media_type in (PDF, DOCX, ODT, MAIL)
        if formatted and len(article.text) < MINIMUM:
            raise Quarantine(f"zu kurz: {len(article.text)} Zeichen, erwartet mindestens {MINIMUM}")
        found = [line.text.strip() for line in lines(article.text)]
        teasers = sum(bool(_TEASER_END.search(text[-40:])) for text in found)
        if page.tree is not None and teasers >= 3 and teasers >= 0.2 * len(found) and max(map(len, found)) <= 500:
            raise Quarantine(f"Übersichtsseite: {teasers} Anrisse anderer Meldungen, kein eigener Text")
        tokens = words(article.text[:SAMPLE])
        if (article.language or source.language) == "de" and len(tokens) >= SCRAMBLED_WORDS:
            share = stop_word_share(tokens, "de")
            if share < SCRAMBLED_SHARE and _prose(found):
                raise Quarantine(f"verwürfelter Text (Bezahlschranke?): nur {share:.0%} häufige Wörter")
        return article


def _prose(found: list[str]) -> bool:
    """Tables and lists of names have few stop words, too; prose stands in long lines."""
    return sum(len(text) for text in found if len(text) > 150) >= 0.5 * sum(map(len, found))
