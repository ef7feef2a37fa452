"""Finding the list of releases in a page: repeated blocks with links and dates.

No content system is known here. A list shows as siblings, or cousins, of one form that lead to different pages, most of
them with a date. Selectors are proposed for every such group and judged by what they select in the whole page, so that
variants of one entry (`li.news.first`, `li.news.highlight`) come together.
"""

import datetime
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from math import log2
from statistics import median

from lxml.html import HtmlElement

from archive_pipeline.address import registrable_domain
from archive_pipeline.discovering.selectors import (
    HEADINGS,
    MORE,
    classes_of,
    date_selector,
    day_of,
    headline_selector,
    item_selectors,
    link_selector,
    names_meaning,
    path_of,
    select,
    text_of,
)
from archive_pipeline.discovering.webpage import Anchor, WebPage

__all__ = ["Listing", "find_listings"]

LEAST_ENTRIES = (3, 2)
"""Entries that make a list; where a page has none of so many, two with a date do."""

MOST_ELEMENTS = 20_000
"""A page with more elements than this is no list that a person reads."""

MOST_GROUPS = 40
MOST_LOOKS = 60_000
"""Elements that are judged on one page, those met again counted again: lists of real pages need a tenth."""

MOST_TEXT = 1500
"""An entry of more characters than this is a text, not an announcement of one."""

CHROME = frozenset(
    {
        *("nav", "navi", "navigation", "mainnav", "subnav", "metanav", "menu", "menue", "breadcrumb", "breadcrumbs"),
        *("footer", "pagination", "pager", "paginator", "paging", "share", "sharing", "social", "socialmedia"),
        *("cookie", "cookies", "language", "languages", "skiplinks", "toolbar", "tagcloud"),
    }
)
"""Words of class names and ids whose element holds no list of releases."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """A list found in a page, as the settings of the fetcher `listing` describe it.

    `entries` counts its entries, `dated` those with a readable date, `day` is the newest date; `score` compares lists
    (above 0, higher is better).
    """

    items: str
    link: str = "a"
    headline: str | None = None
    date: str | None = None
    entries: int
    dated: int
    score: float
    day: datetime.date | None = None
    keys: frozenset[str] = field(default=frozenset(), repr=False)


def find_listings(page: WebPage, *, today: datetime.date, most: int = 2) -> tuple[Listing, ...]:
    """The lists of a page that look most like releases, best first; empty when there is none.

    `today` tells what was published from what is only announced: a calendar of events is no list of releases.
    """
    if sum(1 for _ in islice(page.tree.iter(), MOST_ELEMENTS + 1)) > MOST_ELEMENTS:
        return ()
    reading = _Reading(page, today)
    for least in LEAST_ENTRIES:
        found = [one for one in _judged(page, reading, least) if least == LEAST_ENTRIES[0] or one.dated == one.entries]
        if found:
            return tuple(_distinct(sorted(found, key=lambda listing: -listing.score)))[:most]
    return ()


def _judged(page: WebPage, reading: "_Reading", least: int) -> list[Listing]:
    """Every list of the page, each under the best of its selectors."""
    found: dict[frozenset[HtmlElement], Listing | None] = {}
    left = MOST_LOOKS
    for group in reading.groups(least):
        for selector in item_selectors(group):
            elements = select(page.tree, selector)
            same = frozenset(elements)
            known = found.get(same)
            left -= len(elements)
            if len(elements) < least or (same in found and known is None) or left < 0:
                continue
            listing = reading.listing(selector, elements, least)
            if known is None or (listing is not None and listing.score > known.score):
                found[same] = listing
    return [listing for listing in found.values() if listing]


def _distinct(listings: Iterable[Listing]) -> Iterator[Listing]:
    """Lists that lead to other pages than those before them."""
    seen: set[str] = set()
    for listing in listings:
        if len(listing.keys & seen) * 2 < len(listing.keys):
            yield listing
            seen |= listing.keys


class _Reading:
    """The links of one page by the elements they stand in, and what makes some of these a list."""

    def __init__(self, page: WebPage, today: datetime.date) -> None:
        self._page = page
        self._today = today
        self._chrome: dict[HtmlElement, bool] = {}
        self._anchors: dict[HtmlElement, list[Anchor]] = defaultdict(list)
        for anchor in page.anchors:
            if not self._is_chrome(anchor.element):
                for element in (anchor.element, *anchor.element.iterancestors()):
                    self._anchors[element].append(anchor)

    def groups(self, least: int) -> list[list[HtmlElement]]:
        """Elements of one form that hold links, the largest groups first."""
        forms: dict[tuple[object, ...], list[HtmlElement]] = defaultdict(list)
        for element in self._anchors:
            if element.tag not in ("html", "body", "main"):
                parent = element.getparent()
                above = parent.getparent() if parent is not None else None
                around = None if parent is None else (parent.tag, classes_of(parent))
                form = (element.tag, classes_of(element), around, None if above is None else above.tag)
                forms[form].append(element)
        groups = [group for group in forms.values() if len(group) >= least and not _nested(group)]
        return sorted(groups, key=len, reverse=True)[:MOST_GROUPS]

    def listing(self, selector: str, elements: Sequence[HtmlElement], least: int) -> Listing | None:
        """The list that a selector makes, or None when it is none."""
        if _nested(elements):
            return None
        counts = Counter(key for element in elements for key in {anchor.key for anchor in self._anchors[element]})
        own = {element: [a for a in self._anchors[element] if counts[a.key] == 1] for element in elements}
        linked = [(element, _main(element, anchors)) for element, anchors in own.items() if anchors]
        keys = frozenset(anchor.key for _, anchor in linked)
        if len(keys) < least or len(linked) < 0.7 * len(elements):
            return None
        targets = median(len({anchor.key for anchor in own[element]}) for element, _ in linked)
        length = median(len(text_of(element)) for element, _ in linked)
        link = link_selector(linked)
        if link is None or targets > 3 or length > MOST_TEXT:
            return None
        headline, titles = headline_selector(linked)
        when, days = date_selector({element: day_of(element, anchor) for element, anchor in linked})
        dated = [day for day in days.values() if day] if when else []
        score = self._score(linked, dated) * _form_score(selector, titles, targets, length)
        return Listing(
            items=selector,
            link=link,
            headline=headline,
            date=when,
            entries=len(linked),
            dated=len(dated),
            score=score,
            day=max(dated, default=None),
            keys=keys,
        )

    def _score(self, linked: Sequence[tuple[HtmlElement, Anchor]], dated: Sequence[datetime.date]) -> float:
        """What number, dates and addresses of the entries speak for."""
        score = log2(1 + min(len(linked), 60)) * (1 + 1.5 * len(dated) / len(linked))
        own = sum(registrable_domain(anchor.url) == self._page.domain for _, anchor in linked)
        score *= 0.3 + 0.7 * own / len(linked)
        if any(element.tag == "aside" for element in linked[0][0].iterancestors()):
            score *= 0.4
        if sum(day > self._today for day in dated) * 2 > len(dated):
            score *= 0.2  # events, not releases
        if len(dated) > 4 and len(set(dated)) == 1:
            score *= 0.6  # the day the page was made
        return score

    def _is_chrome(self, element: HtmlElement) -> bool:
        """Whether an element stands in the furniture of the page."""
        if element not in self._chrome:
            parent = element.getparent()
            self._chrome[element] = (
                parent is not None
                and element.tag not in ("body", "main")
                and (self._is_furniture(element) or self._is_chrome(parent))
            )
        return self._chrome[element]

    def _is_furniture(self, element: HtmlElement) -> bool:
        if element.tag in ("nav", "footer") or element.get("role") in ("navigation", "contentinfo"):
            return True
        words = set(re.split(r"[\W_]+", f"{element.get('class', '')} {element.get('id', '')}".lower()))
        # a wrapper of the whole page may be called by the state of its menu
        return bool(CHROME & words) and len(text_of(element)) * 2 < self._page.text_length


def _form_score(selector: str, titles: Sequence[str], targets: float, length: float) -> float:
    """What the titles, the links of an entry, its length, and the selector itself speak for."""
    score = 0.2 + 0.8 * min(1, median(len(title) for title in titles) / 30)
    score *= (1 + 0.3 * min(1, length / 200)) / max(1, targets)
    last = selector.rpartition(" ")[2]
    if "." not in selector and "#" not in selector:
        score *= 0.9
    return score * (1.1 if names_meaning(last) else 1) * (1 - 0.002 * len(selector))


def _nested(elements: Sequence[HtmlElement]) -> bool:
    members = set(elements)
    return any(ancestor in members for element in elements for ancestor in element.iterancestors())


def _main(element: HtmlElement, own: Sequence[Anchor]) -> Anchor:
    """The link to the release among those that no other entry has: that of the heading, else the longest."""
    headed = [anchor for anchor in own if any(node.tag in HEADINGS for node in path_of(anchor.element, element))]
    speaking = [anchor for anchor in own if not MORE.match(anchor.text)]
    return max(headed or speaking or own, key=lambda anchor: len(anchor.text))
