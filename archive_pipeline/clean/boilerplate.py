"""Slot 300: page furniture, repetitions, comment forms, lists of other releases.

What trafilatura removes from a page by its markup stands in plain text, mail and PDF as ordinary lines: the names
of menus, share bars, print links. Rules take whole lines only, and short ones only at the edges of a text.
"""

import re

from archive_pipeline.clean.spans import Line, cut_lines, lines, plain, terms
from archive_pipeline.model import Article, Source
from archive_pipeline.protocols import Page

__all__ = ["Boilerplate", "is_furniture", "is_sentence"]

_FURNITURE = terms(
    """index|inhalt|inhaltsverzeichnis|menü|menu|navigation|hauptmenü|hauptnavigation|startseite|home|suche
    |suchen|sitemap|seite|go up|nach oben|zum seitenanfang|seitenanfang|zurück|zurück zur übersicht
    |zur übersicht|übersicht|zurück zur startseite|zurück zur liste|weiter|vorherige|nächste
    |vorheriger beitrag|nächster beitrag|vorheriger artikel|nächster artikel|top|up|sie befinden sich hier
    |sie sind hier|direkt zum inhalt|zum inhalt springen|zum inhalt|zur navigation|skip to content|logo
    |archiv|aktuelles|presse|news|kontrast|a a a|a a a a|schriftgröße|leichte sprache|gebärdensprache
    |sprache wechseln|login|anmelden|abmelden|abonnement|start|impressum|datenschutz|datenschutzerklärung
    |impressum datenschutz|kontakt impressum|barrierefreiheit|social media|soziale medien|teilen
    |seite teilen|artikel teilen|beitrag teilen|diesen artikel teilen|diesen beitrag teilen|jetzt teilen
    |auf facebook teilen|auf twitter teilen|auf x teilen|auf whatsapp teilen|per e mail teilen
    |per mail teilen|share|tweet|twittern|twitter|facebook|instagram|whatsapp|linkedin|xing|telegram
    |pinterest|e mail|mail|link kopieren|drucken|seite drucken|artikel drucken|druckversion|druckansicht
    |als pdf speichern|pdf|download|downloads|vorlesen|anhören|merken|artikel merken|empfehlen
    |weiterempfehlen|folgen sie uns|folgen|gefällt mir|newsletter|newsletter abonnieren|rss|rss feed
    |abonnieren|feedback|bewerten|anzeige|werbung|weiterlesen|mehr lesen|mehr|mehr erfahren
    |weitere informationen anzeigen|alle anzeigen|schließen|bild vergrößern|bild in originalgröße|galerie
    |bildergalerie|vollbild|video|audio|kommentare|kommentieren|kommentar schreiben|keine kommentare
    |kommentare deaktiviert|cookie einstellungen|akzeptieren|alle akzeptieren|ablehnen|tags|schlagwörter
    |kategorien|kategorie|allgemein|uncategorized|pressemitteilung|pressemeldung|presseinformation
    |medienmitteilung|pressemitteilungen|presse information|presse mitteilung|presse info|presseinfo|medieninformation
    |medien information|medienmeldung|pressedienst|pressenotiz|presseerklärung|presseeinladung"""
)
_FURNITURE_PATTERN = re.compile(
    r"(?:lesezeit|lesedauer)\b.{0,30}|\d+\s*(?:min(?:uten?)?\.?)\s*(?:lesezeit|lesedauer)"
    r"|sie befinden sich hier\b.{0,120}"
    r"|sie sind hier\b.{0,120}|(?:startseite|home)\s*[>»›/|].{0,150}|\d+ kommentare?|(?:kategorien?|schlagw(?:orte"
    r"|örter)|tags?)\s*:.{0,150}"
    r"|(?:veröffentlicht|abgelegt|eingestellt) (?:in|unter)\b.{0,80}|seite \d+(?: von \d+)?"
    r"|dieser beitrag wurde .{0,60}(?:verfasst|veröffentlicht)\b.{0,60}"
    r"|letzte (?:änderung|aktualisierung|bearbeitung)\b.{0,40}|zuletzt (?:geändert|aktualisiert)\b.{0,40}"
    r"|veröffentlicht von .{2,60}|zeige alle beiträge.{0,60}"
    r"|pressemitteilung(?: als)? (?:pdf|herunterladen).{0,40}|zurück zur? .{0,40}|a-\s*a\s*a\+?|©.{0,80}",
    re.I,
)
_ANYWHERE = terms(
    """inhaltsverzeichnis|anzeige|werbung|weiterlesen|artikel teilen|beitrag teilen|seite teilen|diesen artikel teilen
    |diesen beitrag teilen|auf facebook teilen|auf twitter teilen|auf whatsapp teilen|per e mail teilen|per mail teilen
    |zum seitenanfang|zurück zur übersicht|go up|link kopieren|bild vergrößern|bild in originalgröße|artikel drucken
    |seite drucken|druckversion|newsletter abonnieren|hochauflösendes bild|bildnachweis|fotonachweis|bildquelle
    |bildrechte|video abspielen|audio abspielen
    |bitte aktivieren sie javascript|inhalt laden|externen inhalt laden|externe inhalte anzeigen"""
)
"""Lines that no release has as a subheading."""
_SEE_ALSO = re.compile(
    r"(?:auch lesen|lesen sie (?:auch|hier|dazu|mehr)|lies (?:auch|mehr)|auch interessant|mehr (?:dazu|zum thema)"
    r"|siehe auch"
    r"|lesetipp|das könnte (?:sie|dich) (?:auch )?interessieren|hochauflösendes bild)\b\s*[:(»>].{0,200}"
    r"|anzeige\s*[-–:].{0,150}",
    re.I,
)
MAX_FORM = 40
"""Lines of the longest comment form with what is around it."""
MAX_LINK = 250
"""Characters of the longest line that is one link and its label."""
_SHARE_BLOCK = re.compile(
    r"(?:bewerten|teilen(?: sie)?(?: dies| das)? mit|(?:diesen |den )?(?:artikel|beitrag) (?:teilen|bewerten)"
    r"|gefällt mir|share this"
    r"|like this|sharen mit|mit anderen teilen)\s*:?(?: (?:wird geladen|lade|liken).{0,20})?",
    re.I,
)
_COMMENT_FORM = re.compile(
    r"schreiben? (?:sie )?(?:einen|den ersten|dein(?:en)?) kommentar|kommentar (?:verfassen|hinterlassen|schreiben"
    r"|abgeben)\b"
    r"|hinterlassen? (?:sie )?(?:eine antwort|einen kommentar)|antwort(?:en)? (?:hinterlassen|abbrechen|verfassen)\b"
    r"|(?:deine|ihre) e-?mail-?adresse wird nicht|leave a (?:reply|comment)|du musst (?:angemeldet|eingeloggt) sein"
    r"|.{0,80}\bum (?:einen )?kommentar(?:e)?\b.{0,20}(?:schreiben|hinterlassen|verfassen)|\d{1,4} (?:kommentare?"
    r"|antworten?|gedanken) ?(?:zu .{0,120})?$",
    re.I,
)
_MORE = re.compile(
    r"(?:das (?:könnte|dürfte) (?:sie|dich|euch) (?:auch )?(?:noch )?interessieren|ähnliche (?:artikel|beiträge"
    r"|meldungen|themen)"
    r"|auch auf [\w.-]{2,40}|(?:weitere|mehr|neueste|aktuelle|letzte|verwandte) (?:artikel|beiträge|meldungen"
    r"|nachrichten|pressemitteilungen|news|themen)"
    r"|mehr (?:zum thema|von|aus)\b.{0,40}|lesen sie (?:auch|mehr)|auch interessant|meistgelesen|related (?:posts"
    r"|articles)"
    r"|weitere (?:informationen )?zum thema|passend zum thema|zum thema|verwandte themen|schlagworte)\s*:?\s*\.{0,3}",
    re.I,
)


def is_furniture(text: str) -> bool:
    """Whether a line is nothing but a menu entry, a share or print link, a reading time and the like."""
    if len(text) > 160:
        return False
    if "|" in text:
        cells = [plain(cell) for cell in text.split("|") if cell.strip()]
        return len(cells) > 1 and sum(cell in _FURNITURE for cell in cells) > 0.5 * len(cells)
    return plain(text) in _FURNITURE or bool(_FURNITURE_PATTERN.fullmatch(text.strip()))


def is_sentence(text: str) -> bool:
    """Whether a line is running text: long, or a sentence of at least six words with its full stop."""
    return len(text) > 160 or (len(text.split()) >= 6 and bool(re.search(r"[.…][\"“”»«’')]*$|[!?][\"“”»«]$", text)))


class Boilerplate:
    """Slot 300: comment forms, lists of other releases, furniture at the edges, repeated lines."""

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article without these lines; quotations and sentences stay."""
        for rule in (_comment_form, _share_block, _other_releases, _lines_anywhere, _edges, _repeated):
            article = rule(article)
        return article


def _comment_form(article: Article) -> Article:
    found = lines(article.text)
    # a form is short; behind a longer text the match was an invitation within the article
    for line in found[max(1, len(found) - MAX_FORM) :]:
        if len(line.text) <= 160 and _COMMENT_FORM.match(line.text.strip()):
            rest = found[line.number :]
            if sum(len(other.text) for other in rest) <= 0.5 * len(article.text):
                return cut_lines(article, "comment-form", rest)
    return article


def _other_releases(article: Article) -> Article:
    found = lines(article.text)
    prose = (line.number for line in reversed(found) if len(line.text) >= 120 or line.text.endswith("."))
    for line in found[max(1, next(prose, 0)) :]:
        if _MORE.fullmatch(line.text.strip()):
            return cut_lines(article, "other-releases", found[line.number :])
    return article


def _share_block(article: Article) -> Article:
    """A share bar and what follows it: the author's box, links; never more than a third of the text."""
    found = lines(article.text)
    prose = (line.number for line in reversed(found) if len(line.text) > 160)
    for line in found[max(1, next(prose, -1) + 1) :]:
        near_end = len(article.text) - line.start <= 0.33 * len(article.text)
        if near_end and _SHARE_BLOCK.fullmatch(line.text.strip()):
            return cut_lines(article, "share-block", found[line.number :])
    return article


def _lines_anywhere(article: Article) -> Article:
    return cut_lines(
        article,
        "furniture",
        [
            line
            for line in lines(article.text)
            if len(line.text) <= MAX_LINK and (plain(line.text) in _ANYWHERE or _SEE_ALSO.fullmatch(line.text.strip()))
        ],
    )


def _edges(article: Article) -> Article:
    found = lines(article.text)
    sentences = [line.number for line in found if is_sentence(line.text)]
    first, last = (sentences[0], sentences[-1]) if sentences else (len(found), -1)
    return cut_lines(
        article, "furniture", [x for x in found if (x.number < first or x.number > last) and is_furniture(x.text)]
    )


def _repeated(article: Article) -> Article:
    """Lines equal to the title, and lines equal to the line before."""
    titles = {plain(text) for text in (article.title, article.subtitle) if text}
    doomed: list[Line] = []
    previous = ""
    for line in lines(article.text):
        comparable = plain(line.text)
        headline = (comparable in titles or _is_kicked(line, comparable, titles)) and not line.text.rstrip().endswith(
            "."
        )
        if comparable and len(comparable) > 3 and (headline or (comparable == previous and " | " not in line.text)):
            doomed.append(line)
        previous = comparable
    return cut_lines(article, "repeated-line", doomed)


def _is_kicked(line: Line, comparable: str, titles: set[str]) -> bool:
    """Whether an opening line is the title with a kicker before it."""
    return line.number < 2 and any(
        comparable.endswith(f" {title}") and len(comparable) - len(title) <= 60 for title in titles if len(title) >= 15
    )
