"""The place a release opens with ("Kreis Soest. Wie kann ...", "LORELEY. ", "Lemgo, 10.12.2018 - ...")."""

import re
from dataclasses import replace

from lxml.html import HtmlElement

from archive_pipeline.clean.spans import lines
from archive_pipeline.model import Article, Source
from archive_pipeline.protocols import Page

__all__ = ["Dateline"]

_PART = r"(?:[A-ZÄÖÜ][a-zäöüß]+|am|an|der|im|in|bei|ob|vor|den|dem|die|a\.|d\.|v\.|\([A-Za-zäöü. ]+\))"
_PLACE = rf"[A-ZÄÖÜ][a-zäöüß.]+(?:[-/ ]{_PART}){{0,4}}"
_CAPITALS = r"[A-ZÄÖÜ]{3,}(?:[-/ ](?:[A-ZÄÖÜ]{2,}|am|an|der|im|in|bei)){0,3}"
_DAY = r"(?:(?:,?\s*(?:den\s+)?|\s*\()\d{1,2}\.\s?(?:\d{1,2}\.\s?(?:\d{2,4})?|[A-ZÄ][a-zä]+\.?(?:\s\d{4})?)\)?)"
_MARK = r"(?:\s*\((?:ots|dpa|afp|epd|kna|red|pm|idw)[^)]{0,12}\)|\s*/\s*\w{2,6})"
_FORMS = (
    # a body with its place, then a full stop: no sentence is that short
    re.compile(
        r"((?:Kreis|Landkreis|Stadt|Gemeinde|Region|Rhein-Kreis)\s[A-ZÄÖÜ][\w-]+(?:[-/ ][A-ZÄÖÜ][\w-]+){0,2})"
        r"(?:\s\([\w./-]{3,40}\))?(?:\.\s|:\s|\s[–—-]\s)(?=[A-ZÄÖÜ„\"])"
    ),
    re.compile(rf"({_CAPITALS})(?:{_MARK})?{_DAY}?\s*(?:[.:·•|]|\s[–—-])\s+(?=[A-ZÄÖÜ„\"0-9])"),
    re.compile(rf"({_PLACE})(?:{_MARK}{_DAY}?|{_DAY}{_MARK}?)\s*[.:·•]?\s*[–—-]?\s+(?=[A-ZÄÖÜ„\"0-9])"),
    re.compile(rf"({_PLACE})\s*(?:\s[–—]\s|\s-\s|\s[·•|]\s)(?=[A-ZÄÖÜ„\"0-9])"),
    # a place alone before a full stop needs at least a second sign: one word of five letters or more
    re.compile(
        r"((?:(?:Bad|Sankt|St\.|Markt|Neu|Alt|Groß|Klein|Hohen|Burg) )?[A-ZÄÖÜ][a-zäöüß]{4,}"
        r"(?:\s(?:am|an der|im|in der|bei|ob der|vor der)\s[A-ZÄÖÜ][a-zäöüß]+)?"
        r"(?:/(?:Kreis |Landkreis )?[A-ZÄÖÜ][a-zäöüß]+)?(?: \([A-ZÄÖÜ][a-zäöü. ]{1,15}\))?)\.\s(?=[A-ZÄÖÜ„\"0-9])"
    ),
)
_EMPHASISED = r"(?:Bad |Sankt |St\. |Kreis |Landkreis |Stadt )?[A-ZÄÖÜ][A-ZÄÖÜa-zäöüß]{3,}(?:[-/][A-ZÄÖÜ][a-zäöüß]+)?"
_NO_PLACE = re.compile(
    r"(?:Hintergrund|Hinweis|Achtung|Info(?:rmation)?|Wichtig|Termin|Fazit|Danke|Stand|Update|Neu|Nein|Heute|Gestern"
    r"|Morgen|Guten Tag|Herzlich"
    r"|Willkommen|Pressemitteilung|Foto|Bild|Ja|Doch|Corona|Thema|Programm|Ergebnis|Frage|Antwort|Beispiel|Endlich"
    r"|Zusammen|Gemeinsam|CDU|CSU|SPD|FDP|AfD|BSW|ÖDP|UWG|FWG|GRÜNE|LINKE|VOLT|PIRATEN|NABU|BUND|ADFC|ADAC|VCD|AWO|DRK"
    r"|THW|DLRG|VDK|SOVD|DGB|GEW|IHK|HWK|DITIB|EKD|DAK|AOK|BKK|KVHS|VHS|LEADER|ÖPNV|KITA|FAQ|PDF)\b",
    re.I,
)


OPENING = 5
"""Lines among which the text begins: behind a subtitle, an embargo, a lead."""
MIN_RUNNING = 60
"""Characters above which a line is running text."""


class Dateline:
    """Slot 600: copies the place to the `dateline` field; the text keeps it."""

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article with its dateline, looked for where running text begins: in its first line, or below a lead."""
        if article.dateline:
            return article
        for first in [line.text for line in lines(article.text)[:OPENING] if len(line.text) > MIN_RUNNING][:2]:
            for form in _FORMS:
                match = form.match(first)
                if match and not _NO_PLACE.match(match.group(1)):
                    return replace(article, dateline=match.group(1).strip())
            if page.tree is not None and (place := _emphasised(page.tree, first)):
                return replace(article, dateline=place)
        return article


def _emphasised(tree: HtmlElement, first: str) -> str | None:
    """A place in bold before the first sentence, which then needs no mark: "<b>Lemgo</b> Der Kreis …"."""
    for element in tree.iter("strong", "b"):
        text = " ".join((element.text or "").split()).strip(" .:|–-")
        if text and first.startswith(text) and len(element) == 0:
            behind = first[len(text) :].lstrip(" .:|–-")
            named = re.fullmatch(_EMPHASISED, text) and not _NO_PLACE.match(text)
            return text if named and behind[:1].isupper() and first[len(text)] in " .|" else None
    return None
