"""Which of a page's headings and meta titles is the title of the release, without the name of the site."""

import re
from urllib.parse import urlsplit

from lxml.html import HtmlElement

from archive_pipeline.clean.markup import Markup, element_text
from archive_pipeline.clean.spans import plain

__all__ = ["find_title"]

MIN_TITLE = 4
MAX_TITLE = 250
_SEPARATOR = re.compile(r"\s+[|–—·•»«›‹:/~]+\s+|\s+-+\s+|\s*\|+\s*|\s+::\s+|\s*[»«]\s*")
_GENERIC = frozenset(
    "aktuelles|pressemitteilung|pressemitteilungen|pressemeldung|pressemeldungen|medienmitteilung|medienmitteilungen|presse|news"
    "|meldung|meldungen|nachricht|nachrichten|blog|startseite|home|homepage|artikel|beitrag|detail|detailansicht|details"
    "|presseinformation|presseinformationen|start|willkommen|herzlich willkommen|menü|suche|navigation|inhalt|neuigkeiten"
    "|pressearchiv|newsarchiv|archiv|presseservice|presseportal|untitled|pressedetails|einzelansicht|aktuelle meldungen"
    "|aktuelle nachrichten|newsdetail|news detail|mitteilungen|termine|veranstaltungen|themen|politik".split("|")
)
_KICKER = re.compile(
    r"kicker|overline|topline|dachzeile|roofline|spitzmarke|rubrik|category|pretitle|supertitle|hidden", re.I
)
_ELSEWHERE = frozenset({"nav", "aside", "footer", "form"})


def find_title(markup: Markup, tree: HtmlElement, url: str | None) -> str | None:
    """The title, or None when the page names none.

    A first-level heading that a document title contains wins, because it is free of the site's name; then a lower
    heading that makes up most of one; then the title for social media or structured data with its affixes off.
    """
    sites = markup.sites | _host_names(url)
    named = [
        text
        for text in (markup.first("og:title", "twitter:title", "dc.title"), markup.data.headline, markup.title_element)
        if text
    ]
    whole = [plain(text) for text in named]
    headings = [text for text in _headings(tree, "h1") if _specific(text, sites)]
    for heading in headings:
        if _contained(heading, whole, 0.0):
            return heading
    for level in ("h2", "h3"):
        for heading in _headings(tree, level):
            if _specific(heading, sites) and _contained(heading, whole, 0.5):
                return heading
    stripped = [_without_affixes(text, sites) for text in named]
    best = next((text for text in stripped if _specific(text, sites)), None)
    if best is None or (len(headings) == 1 and best is stripped[-1] and len(named) == 1 and len(best) < 15):
        return headings[0] if headings else best
    return best


def _contained(heading: str, whole: list[str], share: float) -> bool:
    comparable = f" {plain(heading)} "
    return any(comparable in f" {title} " and len(comparable) - 2 >= share * len(title) for title in whole)


def _specific(text: str, sites: frozenset[str]) -> bool:
    """Whether the text names a release, not the site or one of its sections."""
    comparable = plain(text)
    return (
        MIN_TITLE <= len(text) <= MAX_TITLE
        and comparable not in _GENERIC
        and comparable not in sites
        and comparable.replace(" ", "") not in sites
    )


def _headings(tree: HtmlElement, level: str) -> list[str]:
    """Texts of the headings of one level, kickers inside them left out."""
    found = []
    for heading in tree.iter(level):
        if any(ancestor.tag in _ELSEWHERE for ancestor in heading.iterancestors()):
            continue
        kickers = [
            child
            for child in heading.iter("span", "small", "div", "em", "i")
            if _KICKER.search(child.get("class") or "")
        ]
        text = element_text(heading)
        for kicker in kickers:
            rest = text.removeprefix(element_text(kicker)).lstrip(" :|–-")
            text = rest if len(rest) >= MIN_TITLE else text
        if text:
            found.append(text)
    return found


def _host_names(url: str | None) -> frozenset[str]:
    """The host in the forms in which sites write their names: with and without the ending."""
    host = (urlsplit(url).hostname or "").removeprefix("www.") if url else ""
    name = host.rsplit(".", 1)[0]
    return frozenset(form for form in (host, name, plain(host), plain(name), plain(name).replace(" ", "")) if form)


def _without_affixes(text: str, sites: frozenset[str]) -> str:
    """The title without the site's name before or behind a separator."""
    parts = [part for part in _SEPARATOR.split(text) if part and part.strip()]
    if len(parts) < 2:
        return text
    kept = [part for part in parts if _specific(part, sites)]
    if len(kept) == 1:
        return kept[0]
    longest = max(kept or parts, key=len)
    return longest if len(longest) >= 0.5 * len(text) else text
