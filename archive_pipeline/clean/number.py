"""The number a press office gives its release: "Pressemitteilung Nr. 123/2026", "PM 411/2023"."""

import re

from lxml.html import HtmlElement

from archive_pipeline.clean.text import normalise_line
from archive_pipeline.clean.title import find_heading

__all__ = ["find_number", "number_near_heading"]

MAX_LINE = 120
"""Characters of the longest line that states a number; sentences about other releases are longer."""
NEAR = 40
"""Elements before and after the heading within which a number is that of the release."""
_KIND = (
    r"(?:(?:Presse|Medien)-?(?:mitteilung|meldung|information|info|erklärung|dienst|notiz)(?:en)?|PM|PI|MI|Mitteilung)"
)
_NUMBER = r"(?P<number>\d{1,5}\s?[/-]\s?(?:(?:19|20)\d\d|\d\d)(?![\d.]))"
_DIGIT = re.compile(r"\d")
_STATED = re.compile(
    rf"\b{_KIND}\b\s*[|:,–-]?\s*(?:(?:Nr\.?|Nummer|No\.?)\s*:?\s*)?{_NUMBER}"
    rf"|\b{_KIND}\b\s*[|:,–-]?\s*(?:Nr\.?|Nummer|No\.?)\s*:?\s*(?P<short>\d{{1,5}})(?![\d./]\d)\b"
    rf"|^\W*(?:Nr\.?|Nummer|Lfd\. Nr\.|Ausgabe)\s*:?\s*(?P<alone>\d{{1,5}}\s?/\s?(?:19|20)?\d\d)"
    r"(?:\s+vom\s[\w. ]{6,30})?\W*$",
    re.I,
)


def find_number(text: str) -> str | None:
    """The number that a line states for its release, without spaces ("123/2026"); None for any other line."""
    match = _STATED.search(text) if len(text) <= MAX_LINE else None
    if match is None:
        return None
    return re.sub(r"\s", "", match.group("number") or match.group("short") or match.group("alone"))


def number_near_heading(tree: HtmlElement, title: str | None) -> str | None:
    """The number stated nearest to the heading that shows the title."""
    heading = find_heading(tree, title)
    if heading is None:
        return None
    elements = list(tree.iter())
    place = elements.index(heading)
    first = max(0, place - NEAR)
    stated: list[tuple[int, str]] = []
    for position, element in enumerate(elements[first : place + NEAR + 1], start=first):
        for part in (element.text, element.tail):
            if part is None or len(part) > 2 * MAX_LINE or not _DIGIT.search(part):
                continue
            if number := find_number(normalise_line(part)):
                stated.append((abs(position - place), number))
    return min(stated)[1] if stated else None
