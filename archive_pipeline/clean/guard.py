"""Slot 50: what is no document at all. Unreadable bytes fail; pages that only say "not here" are quarantined."""

import re
from dataclasses import replace

from lxml.html import HtmlElement

from archive_pipeline.clean.documents import read_document
from archive_pipeline.clean.markup import markup_of
from archive_pipeline.clean.page import PDF, block_text
from archive_pipeline.errors import CleanError, Quarantine
from archive_pipeline.model import Article, Source
from archive_pipeline.protocols import Page

__all__ = ["Guard"]

SHORT_PAGE = 1_500
"""Characters of visible text up to which a page can be an error page, a login form or an empty shell."""

_ERROR_TITLE = re.compile(
    r"\b(?:404|403|500|502|503|410)\b.{0,40}(?:not found|nicht gefunden|forbidden|error|fehler|gone|unavailable"
    r"|bad gateway)"
    r"|^(?:fehler|error)\W{0,3}(?:404|403|500|502|503)?$|(?:seite|datei|artikel|inhalt"
    r"|dokument)\s+(?:wurde\s+)?(?:leider\s+)?nicht\s+(?:gefunden|verfügbar|vorhanden)"
    r"|page not found|not found|access denied|zugriff verweigert|service unavailable|bad gateway|wartungsarbeiten"
    r"|under construction|im aufbau",
    re.I,
)
_ERROR_TEXT = re.compile(
    r"(?:seite|datei|adresse|inhalt|artikel|beitrag|dokument)\b.{0,60}\b(?:nicht\s+(?:gefunden|verfügbar|vorhanden"
    r"|mehr)|existiert\s+nicht)"
    r"|page (?:you (?:are looking for|requested)|could not be found|not found)"
    r"|the requested url .{0,80} was not found|diese seite existiert nicht"
    r"|internal server error|service (?:temporarily )?unavailable|bad gateway|kommen sie später wieder|wartungsmodus"
    r"|wird gerade gewartet",
    re.I,
)
_LOGIN = re.compile(r"anmelden|einloggen|log ?in|benutzername|passwort|zugangsdaten|registrieren|abonnent", re.I)
_SHELL = re.compile(
    r"javascript (?:aktivieren|einschalten|muss|ist (?:deaktiviert|erforderlich))|(?:enable|requires?) javascript"
    r"|checking your browser|just a moment",
    re.I,
)


class Guard:
    """Slot 50: raises CleanError for bytes without readable text, Quarantine for error pages, logins and shells."""

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article unchanged, when the capture is a document; a PDF of pictures alone gets its state."""
        markup_of.cache_clear()  # the page before is done: its tree need not be there while this one is read
        if not page.capture.body.strip():
            raise CleanError("Datei ist leer (0 Zeichen)", hint="Quelle prüfen: Die Datei kam ohne Inhalt an")
        text = page.text
        if page.media_type == "application/xml":
            raise Quarantine("XML ohne Seite: Feed, Sitemap oder Daten statt einer Meldung")
        if not text.strip():
            if page.media_type == PDF:
                return article if article.text else replace(article, state="no_text_layer")
            raise CleanError("Datei enthält keinen Text, nur Leerraum")
        if page.media_type == PDF and (flaw := read_document(PDF, page.capture.body).flaw):
            raise Quarantine(f"garbled_text_layer: Der Text der PDF-Datei ist nicht lesbar ({flaw})")
        if page.tree is not None:
            _check_page(page.tree)
        return article


def _check_page(tree: HtmlElement) -> None:
    title = next((" ".join((element.text or "").split()) for element in tree.iter("title")), "")
    heading = next((" ".join(element.text_content().split()) for element in tree.iter("h1")), "")
    named = bool(_ERROR_TITLE.search(title) or _ERROR_TITLE.search(heading))
    password = any(element.get("type") == "password" for element in tree.iter("input"))
    # the long way round only for pages that can be one: most have far more markup than a shell
    if (
        not named
        and not password
        and sum(1 for _ in zip(range(40), tree.iter("p", "div", "td", "li"), strict=False)) >= 40
    ):
        return
    text = block_text(tree)
    if len(text) > SHORT_PAGE and not (named and len(text) <= 4 * SHORT_PAGE):
        return
    if named or _ERROR_TEXT.search(text[:SHORT_PAGE]):
        raise Quarantine(f"Fehlerseite statt Meldung: {(title or heading or text)[:80]}")
    if password and _LOGIN.search(text):
        raise Quarantine("Anmeldeseite statt Meldung")
    if _SHELL.search(text) or (len(text) < 40 and len(tree.findall(".//script")) > 0):
        raise Quarantine("leere Hülle: Der Inhalt wird erst im Browser geladen")
