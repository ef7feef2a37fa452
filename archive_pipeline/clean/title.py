"""Which of a page's headings and meta titles is the title of the release, without the name of the site."""

import re
from functools import lru_cache
from itertools import islice, pairwise
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from archive_pipeline.clean.markup import Markup, element_text
from archive_pipeline.clean.spans import plain, terms
from archive_pipeline.clean.text import normalise_line

__all__ = ["find_heading", "find_title"]

MIN_TITLE = 4
MAX_TITLE = 250
_SEPARATOR = re.compile(r"\s+[|–—·•»«›‹:/~]+\s+|\s+-+\s+|\s*\|+\s*|\s+::\s+|\s*[»«]\s*")
_BAR = re.compile(r"\s*(?:\|+|│|[»«›‹]|::|\s[·•]\s|\s/\s)\s*")
_SECTION = re.compile(
    r"(?:die |der |das )?(?:stadt|kreis|landkreis|gemeinde|samtgemeinde|verbandsgemeinde|markt|amt|region|landratsamt"
    r"|kreisverwaltung|stadtverwaltung|pressestelle)\b[^:!?]{0,40}|.{0,60}\b(?:e\. ?V\.|gGmbH|GmbH|Kreisverband"
    r"|Ortsverein|Ortsverband)(?: .{0,30})?",
    re.I,
)
"""Document titles that are the name of a body and nothing else."""
_DASH = re.compile(r"\s+[–—-]+\s+")
_HOME = re.compile(r"(?:https?://[^/]+)?/?(?:index\.(?:html?|php)|home/?|de/?)?|\./|#top")
MIN_PART = 12
"""Characters of a heading that is taken for being a whole part of the document title."""
MAX_HEADINGS = 500
"""Headings of one level that are looked at."""
MAX_KICKER = 60
MIN_WORDS = 4
"""Words of a heading that is believed against the document title."""
_GENERIC = terms(
    """aktuelles|pressemitteilung|pressemitteilungen|pressemeldung|pressemeldungen|medienmitteilung
   |medienmitteilungen|presse|news|meldung|meldungen|nachricht|nachrichten|blog|startseite|home
   |homepage|artikel|beitrag|detail|detailansicht|details|presseinformation|presseinformationen|start
   |willkommen|herzlich willkommen|menü|suche|navigation|inhalt|neuigkeiten|pressearchiv|newsarchiv
   |archiv|presseservice|presseportal|untitled|pressedetails|einzelansicht|aktuelle meldungen
   |aktuelle nachrichten|newsdetail|news detail|mitteilungen|termine|veranstaltungen|themen|politik
   |quicklinks|quick links|schnellzugriff|schnelleinstieg|hauptnavigation|servicenavigation|metanavigation
   |seitennavigation|navigation und service|navigation überspringen|pfadnavigation|breadcrumb|brotkrumen|sie sind hier
   |sie befinden sich hier|hauptmenü|untermenü|sprachauswahl|hauptinhalt|inhaltsbereich|randspalte|marginalspalte
   |cookie einstellungen|cookies|datenschutzeinstellungen|social media|folgen sie uns|downloads|kontakt|service|links"""
)
_KICKER = re.compile(
    r"kicker|overline|topline|dachzeile|roofline|spitzmarke|rubrik|category|pretitle|supertitle|hidden", re.I
)
_DIALOG = re.compile(r"cookie|consent|modal|overlay|popup", re.I)
_BYLINE = re.compile(r"(?:von|text:|autor(?:in)?:|foto:|datum:?)\s", re.I)
_LEVELS = ("h1", "h2", "h3", "h4", "h5", "h6")
_ELSEWHERE = frozenset({"nav", "aside", "footer", "form"})


def find_title(markup: Markup, tree: HtmlElement, url: str | None, hint: str | None = None) -> str | None:
    """The title, or None when the page names none; `hint` is what a feed calls the release.

    A first-level heading that a document title contains wins, because it is free of the site's name; then a lower
    heading that is most of one, or a whole part between its separators; then the titles themselves, affixes off.
    """
    sites = _Sites(markup.sites | markup.labels, url)
    named = [
        text
        for text in (
            normalise_line(hint),
            markup.first("og:title", "twitter:title", "dc.title"),
            markup.data.headline,
            markup.title_element,
        )
        if text
    ]
    for level, share in (("h1", 0.0), ("h2", 0.5), ("h3", 0.5)):
        for heading in _headings(tree, level):
            if sites.specific(heading) and _contained(heading, named, share):
                published = [text for text in named if text is not markup.title_element]
                return _in_mixed_case(_with_kicker(_without_kicker(heading, named), published, sites), named)
    if len(named) == 1 and (own := _own_heading(tree, sites)):
        return own
    stripped = [title for text in named if (title := _without_affixes(text, sites))]
    section = not stripped or _SECTION.fullmatch(stripped[0]) or len(stripped[0].split()) == 1
    if stripped and (len(named) > 1 or not section):
        return stripped[0]
    # many old pages call themselves by their section alone, and set the title as a heading of any level
    shown = next(
        (x for level in _LEVELS for x in _headings(tree, level) if sites.specific(x) and not _BYLINE.match(x)), None
    )
    return shown or next(iter(stripped), None)


class _Sites:
    """What the site calls itself, to tell its names from titles."""

    def __init__(self, names: frozenset[str], url: str | None) -> None:
        host = (urlsplit(url).hostname or "").removeprefix("www.") if url else ""
        self._host = _compact(host)
        self._label = _compact(host.rsplit(".", 1)[0].rsplit(".", 1)[-1])
        self._names = names

    def is_name(self, part: str) -> bool:
        """Whether a part of a title is the name of the site: stated by the page, or spelt by the host."""
        comparable = plain(part)
        if not comparable or comparable in self._names:
            return True
        compact = _compact(comparable)
        if len(compact) >= 4 and compact in self._host:
            return True
        words = [word for word in map(_compact, comparable.split()) if len(word) >= 4]
        if words and len(words) <= 4 and all(word in self._host for word in words):
            return True
        return len(self._label) >= 4 and self._label in words and len(words) <= 2

    def kicker(self, text: str) -> bool:
        """Whether a text before a heading says something about the release: it doesn't contain the site's name."""
        return self.specific(text) and self._label not in map(_compact, plain(text).split())

    def specific(self, text: str) -> bool:
        """Whether a text names a release, not the site or one of its sections."""
        return MIN_TITLE <= len(text) <= MAX_TITLE and plain(text) not in _GENERIC and not self.is_name(text)


def _own_heading(tree: HtmlElement, sites: _Sites) -> str | None:
    """The only first-level heading of a page, where it stands within the article the page marks as such and says
    enough to be a title: the document title may be an earlier or a shorter wording."""
    headings = [
        heading
        for heading in tree.iter("h1")
        if any(ancestor.tag in ("article", "main") for ancestor in heading.iterancestors())
    ]
    shown = _headings(tree, "h1")
    if len(headings) != 1 or len(shown) != 1 or len(shown[0].split()) < MIN_WORDS or not sites.specific(shown[0]):
        return None
    return shown[0]


def _compact(text: str) -> str:
    folded = text.lower().translate(_UMLAUTS)
    return "".join(character for character in folded if character.isalnum())


_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


def _contained(heading: str, named: list[str], share: float) -> bool:
    comparable = plain(heading)
    for title in named:
        whole = plain(title)
        if f" {comparable} " in f" {whole} " and len(comparable) >= share * len(whole):
            return True
        if share and len(comparable) >= MIN_PART and comparable in map(plain, _SEPARATOR.split(title)):
            return True
    return False


def _without_kicker(heading: str, named: list[str]) -> str:
    """The heading without a kicker set inside it: "Paris Schiffe" where a document title reads "Paris - Schiffe"."""
    for title in named:
        parts = _SEPARATOR.split(title)
        for first, second in pairwise(parts):
            if first and second and plain(f"{first} {second}") == plain(heading) and not _SEPARATOR.search(heading):
                return heading[len(first) :].strip() if heading.startswith(first) else heading
    return heading


def _with_kicker(heading: str, named: list[str], sites: _Sites) -> str:
    """The full title where the publisher's own title is "Kicker: heading": many headings say little without it."""
    for title in named:
        kicker, colon, rest = title.partition(": ")
        if colon and plain(rest) == plain(heading) and len(kicker) <= MAX_KICKER and sites.kicker(kicker):
            return title
    return heading


def _in_mixed_case(title: str, named: list[str]) -> str:
    """The title as a document title spells it where the heading is set in capitals: those are a matter of design."""
    if not title.isupper() or len(title.split()) < 2:
        return title
    for text in named:
        start = text.casefold().find(title.casefold())
        spelt = text[start : start + len(title)]
        if start >= 0 and spelt.casefold() == title.casefold() and not spelt.isupper():
            return spelt
    return title


def _headings(tree: HtmlElement, level: str) -> list[str]:
    """Texts of the headings of one level, without kickers inside them; logos (links to the start page) left out."""
    found = []
    for heading in islice(tree.iter(level), MAX_HEADINGS):
        if any(
            ancestor.tag in _ELSEWHERE or _DIALOG.search(ancestor.get("class") or "")
            for ancestor in heading.iterancestors()
        ):
            continue
        if any(_HOME.fullmatch(link.get("href") or "") for link in heading.iter("a")):
            continue
        text = element_text(heading)
        for child in heading.iter("span", "small", "div", "em", "i"):
            if _KICKER.search(child.get("class") or ""):
                rest = text.removeprefix(element_text(child)).lstrip(" :|–-")
                text = rest if len(rest) >= MIN_TITLE else text
        if text:
            found.append(text)
    return found


def _without_affixes(text: str, sites: _Sites) -> str | None:
    """The title without the site's name, or None when nothing else is in it.

    Bars and arrows separate a title from the site and its sections: the longest part is the title. Dashes occur in
    titles, too: a part behind one goes only when it is known to be the site's name.
    """
    parts = [part for part in _BAR.split(text) if part and part.strip() and sites.specific(part)]
    if not parts:
        return None
    best = max(parts, key=len)
    site, colon, rest = best.partition(": ")
    if colon and plain(rest) in _GENERIC:
        return None
    if colon and sites.is_name(site) and sites.specific(rest):
        best = rest
    pieces = _DASH.split(best)
    while len(pieces) > 1 and sites.is_name(pieces[-1]):
        pieces.pop()
    while len(pieces) > 1 and sites.is_name(pieces[0]):
        pieces.pop(0)
    if len(pieces) == 1:
        return pieces[0] if sites.specific(pieces[0]) else None
    start = best.find(pieces[0])
    return best[start : best.find(pieces[-1], start) + len(pieces[-1])]


@lru_cache(maxsize=1)
def find_heading(tree: HtmlElement, title: str | None) -> HtmlElement | None:
    """The heading that shows the title: the first whose words make up at least half of it, or it of them.

    Four steps ask for the same page in a row, so the last answer is kept.
    """
    wanted = plain(title or "")
    if not wanted:
        return None
    for heading in tree.iter("h1", "h2", "h3"):
        text = plain(element_text(heading))
        if (
            text
            and (text in wanted or wanted in text)
            and min(len(text), len(wanted)) >= 0.5 * max(len(text), len(wanted))
        ):
            return heading
    return None
