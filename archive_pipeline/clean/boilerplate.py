"""Slots 250 and 300 for lines: headlines of texts without markup, page furniture, repetitions, comment forms.

What trafilatura removes from a page by its markup stands in plain text, mail and PDF as ordinary lines: the names
of menus, share bars, print links. Rules take whole lines only, and short ones only at the edges of a text.
"""

import re
from dataclasses import replace

from archive_pipeline.clean.persons import is_person
from archive_pipeline.clean.spans import Line, cut_lines, lines, plain, terms
from archive_pipeline.model import Article, Source
from archive_pipeline.protocols import Page

__all__ = ["Boilerplate", "Headlines", "is_furniture", "is_sentence"]

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
    |medienmitteilung|pressemitteilungen"""
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
    |seite drucken|druckversion|newsletter abonnieren|hochauflösendes bild|video abspielen|audio abspielen
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
_ISSUER = re.compile(
    r"(?:die |der |das )?(?:CDU|CSU|SPD|FDP|GRÜNEN?|Grünen?|Bündnis 90|DIE LINKE|Die Linke|AfD|BSW|Volt|Freie Wähler"
    r"|FREIE WÄHLER|DRK|AWO"
    r"|Caritas|Diakonie|VdK|Kreis|Landkreis|Stadt|Gemeinde|Landratsamt|Bezirk|Samtgemeinde|Verbandsgemeinde"
    r"|Ministerium|Bundesverband"
    r"|Landesverband|Kreisverband|Ortsverband|Ortsverein|Kreistagsfraktion)\b"
)
_ISSUER_BODY = re.compile(
    r"verband|verein|fraktion|\bkreis|gemeinde|\bstadt\b|\bamt\b|ministerium|stiftung|bezirk|unterbezirk|\blandtag"
    r"|bundestag|e\.\s?V\.",
    re.I,
)
_VERB_LIKE = re.compile(
    r"\b(?:ist|sind|war|wird|werden|wurde|hat|haben|besucht|fordert|lädt|informiert|stellt|bleibt|kommt|geht|setzt"
    r"|will|soll|sucht"
    r"|startet|begrüßt|kritisiert|unterstützt|warnt|bittet|erhält|feiert|plant|wählt|zeigt|macht|gibt|sagt|fördert"
    r"|ehrt)\b"
)
_NO_TITLE = re.compile(
    r"(?:sehr geehrte|liebe |guten tag|hallo)|(?:presse|medien)(?:mitteilung|meldung|information|info|dienst"
    r"|erklärung)\b.{0,40}$"
    r"|v\. ?l\. ?n\. ?r\.|(?:fotos?|bild|quelle|copyright|kontakt|datum|von|autor|by|sperrfrist|achtung"
    r"|meldungsdatum|stand|nr\.|ort)\s*:"
    r"|(?:foto|bild)unterschrift|.{0,60}\b\d{1,2}\.\s?(?:\d{1,2}\."
    r"|[A-ZÄ][a-zä]+)\s?\d{2,4}\.?(?:,? \d{1,2}[:.]\d\d(?: uhr)?)?$"
    r"|\d|https?://|www\.|.{0,40}@|by [A-Z]",
    re.I,
)
_BY = re.compile(r"^(?:Von|Text:|Autor(?:in)?:)\s+")
_SENTENCE = re.compile(r"[.!?…][\"“”»«’')]*$")


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


class Headlines:
    """Slot 250 for texts without markup: title, subtitle and issuer from the lines before the first sentence."""

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article with the headlines it lacks; the lines they came from are cut."""
        if page.tree is not None or not article.text:
            return article
        found = lines(article.text)
        first = next((line.number for line in found if is_sentence(line.text)), len(found))
        head = [line for line in found[: min(first, 12)] if _may_be_title(line.text)]
        if first == len(found):
            head = head[:1] if len(found) > 1 and found[0] in head else []
        return _with_headlines(article, head)


def _may_be_title(text: str) -> bool:
    return not is_furniture(text) and not _NO_TITLE.match(text) and not is_person(_BY.sub("", text))


def _with_headlines(article: Article, head: list[Line]) -> Article:
    issuer = next(iter(head), None)
    if issuer is not None and len(head) > 1 and _is_issuer(issuer.text):
        article = replace(article, source_line=article.source_line or issuer.text)
        article = cut_lines(article, "issuer-line", [issuer])
        shift = len(article.removed[-1].text)
        head = [
            Line(number=line.number, text=line.text, start=line.start - shift, end=line.end - shift)
            for line in head[1:]
        ]
    head = [line for line in head if len(line.text) <= 200 and not re.search(r"[,;:]$", line.text)]
    if not head:
        return article
    doomed: list[Line] = []
    title = article.title
    if title is None:
        title = head[0].text
    doomed += [line for line in head if plain(line.text) == plain(title)]
    rest = [line for line in head if line not in doomed]
    subtitle = article.subtitle
    # one line between title and body is a subtitle; several are a list or subheadings of unknown rank
    if doomed and subtitle is None and len(rest) == 1 and rest[0].number > doomed[0].number and len(rest[0].text) >= 15:
        subtitle = rest[0].text
        doomed.append(rest[0])
    return cut_lines(replace(article, title=title, subtitle=subtitle), "headline", doomed)


def _is_issuer(text: str) -> bool:
    """Whether a line is the name of a body ("CDU Kreisverband Lippe"), not a headline about one."""
    return (
        len(text) <= 80
        and bool(_ISSUER.match(text))
        and bool(_ISSUER_BODY.search(text))
        and ":" not in text
        and not _VERB_LIKE.search(text)
        and not _SENTENCE.search(text.removesuffix("e.V.").removesuffix("e. V."))
    )


class Boilerplate:
    """Slot 300: comment forms, lists of other releases, furniture at the edges, repeated lines."""

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article without these lines; quotations and sentences stay."""
        for rule in (_comment_form, _share_block, _other_releases, _lines_anywhere, _edges, _repeated):
            article = rule(article)
        return article


def _comment_form(article: Article) -> Article:
    found = lines(article.text)
    for line in found:
        if line.number > 0 and len(line.text) <= 160 and _COMMENT_FORM.match(line.text.strip()):
            rest = found[line.number :]
            # a form is short; behind a longer text the match was an invitation within the article
            if len(rest) <= 40 and sum(len(other.text) for other in rest) <= 0.5 * len(article.text):
                return cut_lines(article, "comment-form", rest)
    return article


def _other_releases(article: Article) -> Article:
    found = lines(article.text)
    for line in found[1:]:
        rest = found[line.number + 1 :]
        if _MORE.fullmatch(line.text.strip()) and all(len(o.text) < 120 and not o.text.endswith(".") for o in rest):
            return cut_lines(article, "other-releases", [line, *rest])
    return article


def _share_block(article: Article) -> Article:
    """A share bar and what follows it: the author's box, links; never more than a third of the text."""
    found = lines(article.text)
    for line in found[1:]:
        rest = found[line.number :]
        near_end = len(article.text) - line.start <= 0.33 * len(article.text)
        if near_end and _SHARE_BLOCK.fullmatch(line.text.strip()) and all(len(other.text) <= 160 for other in rest):
            return cut_lines(article, "share-block", rest)
    return article


def _lines_anywhere(article: Article) -> Article:
    return cut_lines(
        article,
        "furniture",
        [
            line
            for line in lines(article.text)
            if plain(line.text) in _ANYWHERE or _SEE_ALSO.fullmatch(line.text.strip())
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
