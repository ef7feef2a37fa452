"""Selectors for the entries of a list and for what is in them, made of names that stay.

Names that stay are classes and ids without counters and hashes, tags, and in tables alone the place of a cell. Every
selector is tried on the entries at hand with the reading of the fetcher `listing` before it is proposed.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from itertools import islice
from typing import cast

from lxml.cssselect import CSSSelector
from lxml.html import HtmlElement

from archive_pipeline.discovering.webpage import Anchor, one_line
from archive_pipeline.language.days import days_in, parse_day, parse_iso

__all__ = [
    "HEADINGS",
    "MORE",
    "classes_of",
    "date_selector",
    "day_of",
    "headline_selector",
    "item_selectors",
    "link_selector",
    "names_meaning",
    "path_of",
    "select",
    "text_of",
]

HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")

MOST_TEXT = 1500
"""Characters of an entry that are read for a date."""

HEADLINE = 12
"""A headline of fewer characters says nothing ("mehr", "Details", "Presse")."""

LONGEST_NAME = 60
NEAR = 60
"""Characters from the beginning or the end of an entry within which a bare date stands."""

MORE = re.compile(
    r"^\W*(mehr|more|weiter(lesen)?|lesen|details?|zum (artikel|beitrag)|artikel lesen|jetzt lesen|download|pdf|hier"
    r"|mehr (erfahren|lesen|dazu|infos?|informationen)|weitere (infos?|informationen)|zur (meldung|pressemitteilung))?"
    r"\W*$",
    re.IGNORECASE,
)
"""Links that lead to a release without naming it."""

_MEANING = frozenset(
    {
        *("news", "press", "presse", "pressemitteilung", "pressemitteilungen", "pm", "meldung", "meldungen"),
        *("mitteilung", "mitteilungen", "artikel", "article", "beitrag", "aktuelles", "aktuell", "nachricht"),
        *("nachrichten", "teaser", "entry", "item", "post", "result", "treffer", "list", "liste", "eintrag", "card"),
    }
)
"""Words of class names that say what an entry is."""

_PASSING = re.compile(
    r"^(first|last|odd|even|active|current|is-\w+|has-\w+|js-\w+|clearfix|cf|hidden|visible|hentry|status-\w+|format-\w+"
    r"|type-\w+|category-\S+|tag-\S+|col(-\w+)*|row|container(-fluid)?|grid(-\w+)*|[a-z]{1,2}-\d+|[mp][trblxy]?-\w+"
    r"|(sm|md|lg|xl|xs|small|medium|large)[-:]\S+|d-\w+|text-\w+|flex(-\w+)*|w-\d+|h-\d+|wow|fade\w*|aos-\w+|lazy\w*"
    r"|sc-\w+|css-\w+|jsx-\w+|svelte-\w+|uk-\S+)$"
)
"""Class names that tell the state, the layout or the build of an element, not what it is."""

_COUNTER = re.compile(r"\d{2,}|[-_]\d+$|^c\d+$|[a-z]\d[a-z]\d|[A-Z].*\d.*[A-Z]|^[a-z]+__[\w-]*___\w+$")
"""Names that count or hash: `post-123`, `c1204`, `Teaser_x7Ka2`."""

_NAME = re.compile(r"-?[A-Za-z_][\w-]*", re.ASCII)
_TITLE = re.compile(r"titl|titel|headline|heading|ueberschrift|betreff|subject", re.IGNORECASE)


Days = Mapping[HtmlElement, date | None]
"""Entries with the day each of them states."""


@lru_cache(maxsize=1000)
def _compiled(selector: str) -> CSSSelector:
    return CSSSelector(selector, translator="html")


def select(root: HtmlElement, selector: str) -> list[HtmlElement]:
    """The elements in `root` that a CSS selector finds, `root` itself included, as parsel finds them."""
    return cast("list[HtmlElement]", _compiled(selector)(root))


def text_of(element: HtmlElement) -> str:
    """The text of an element on one line."""
    return one_line(element.text_content())


def classes_of(element: HtmlElement) -> tuple[str, ...]:
    """The class names that stay, and say something."""
    names = dict.fromkeys(element.get("class", "").split())
    stable = (name for name in names if _is_stable(name))
    return tuple(name for name in stable if not _PASSING.match(name))


def _is_stable(name: str) -> bool:
    return len(name) <= LONGEST_NAME and bool(_NAME.fullmatch(name)) and not _COUNTER.search(name)


def names_meaning(name: str) -> bool:
    """Whether a class name or the last part of a selector says that this is an entry of news."""
    return bool(_MEANING & set(re.split(r"[\W_]+", name.lower())))


def path_of(inner: HtmlElement, outer: HtmlElement) -> Iterator[HtmlElement]:
    """The headings in `inner`, then the elements from `inner` up to `outer`, both included."""
    yield from inner.iter(*HEADINGS)
    node: HtmlElement | None = inner
    while node is not None:
        yield node
        if node is outer:
            return
        node = node.getparent()


def item_selectors(group: Sequence[HtmlElement]) -> list[str]:
    """Selectors that may fit a group of elements, from their own names and those of what is around them."""
    first = group[0]
    tag = str(first.tag)
    common = sorted((n for n in classes_of(first) if all(n in classes_of(e) for e in group[:20])), key=_by_meaning)
    own = [f"{tag}.{name}" for name in common]
    found = [*own, *([f"{tag}.{'.'.join(common[:2])}"] if len(common) > 1 else [])]
    path = [tag]
    for ancestor in islice(first.iterancestors(), 5):
        if ancestor.tag in ("html", "body"):
            break
        for name in _names(ancestor):
            found.append(f"{name} > {' > '.join(path)}")
            if len(path) > 1:
                found.append(f"{name} {tag}")
            found.extend(f"{name} {one}" for one in own[:2])
        if ancestor.tag in ("main", "article"):
            found.append(f"{ancestor.tag} {tag}")
        path.insert(0, str(ancestor.tag))
    return [*found, *([tag] if tag == "article" else [])]


def _names(element: HtmlElement) -> list[str]:
    """What an ancestor can be called by."""
    name = element.get("id", "")
    ids = [f"#{name}"] if _is_stable(name) else []
    return [*ids, *(f"{element.tag}.{one}" for one in sorted(classes_of(element), key=_by_meaning)[:2])]


def _by_meaning(name: str) -> tuple[bool, int]:
    return not names_meaning(name), len(name)


def link_selector(linked: Sequence[tuple[HtmlElement, Anchor]]) -> str | None:
    """A selector whose first hit in nearly every entry is the link to the release; None when there is none."""
    candidates = ["a"]
    for element, anchor in linked[:3]:
        around = [node for node in path_of(anchor.element, element) if node not in (element, anchor.element)]
        candidates += [f"{node.tag} a" for node in around if node.tag in HEADINGS]
        candidates += [f"a.{name}" for name in classes_of(anchor.element)]
        candidates += [f"{node.tag}.{name} a" for node in around for name in classes_of(node)]
        candidates += [f"{node.tag} a" for node in around if node.tag in ("td", "dt", "dd", "p", "strong", "b")]

    def fits(selector: str) -> bool:
        hits = sum(_first_link(element, selector) == anchor.element.get("href") for element, anchor in linked)
        return bool(hits >= 0.9 * len(linked))

    return _first(filter(fits, dict.fromkeys(candidates)))


def _first(values: Iterable[str]) -> str | None:
    return next((value for value in values if value), None)


def _first_link(element: HtmlElement, selector: str) -> str | None:
    return _first(node.get("href", "") for node in select(element, selector))


def headline_selector(linked: Sequence[tuple[HtmlElement, Anchor]]) -> tuple[str | None, tuple[str, ...]]:
    """A selector of the titles, None where the text of the link is the title; and the titles that come of it."""
    by_link = tuple(_link_text(element, anchor) for element, anchor in linked)
    candidates = [*HEADINGS]
    for element, _ in linked[:3]:
        nodes = [node for node in element.iter() if isinstance(node.tag, str)]
        candidates += [f".{name}" for node in nodes for name in classes_of(node) if _TITLE.search(name)]
    for candidate in dict.fromkeys(candidates):
        titles = tuple(_first(map(text_of, select(element, candidate))) or "" for element, _ in linked)
        if sum(len(title) >= HEADLINE for title in titles) >= 0.8 * len(titles):
            same = sum(title == text for title, text in zip(titles, by_link, strict=True))
            return (None, by_link) if same >= 0.8 * len(titles) else (candidate, titles)
    return None, by_link


def _link_text(element: HtmlElement, main: Anchor) -> str:
    """The title the fetcher takes from the link: the first text of the anchors that lead there."""
    href = main.element.get("href")
    text = _first(text_of(node) for node in element.iter("a") if node.get("href") == href) or ""
    return "" if MORE.match(text) else text


def day_of(element: HtmlElement, main: Anchor) -> date | None:
    """The day an entry states: marked up, else written beside the link, else in the link."""
    marked = (node.get("datetime") if node.tag == "time" else _content(node) for node in element.iter("time", "meta"))
    stated = next((day for text in marked if text and (day := parse_iso(text))), None)
    if stated:
        return stated
    whole = text_of(element)[:MOST_TEXT]
    beside = whole.replace(main.text, " ", 1) if main.text else whole
    return parse_day(beside) or parse_day(whole)


def _content(node: HtmlElement) -> str | None:
    names = f"{node.get('itemprop', '')} {node.get('property', '')}".lower()
    return node.get("content") if "date" in names else None


def date_selector(days: Days) -> tuple[str | None, Days]:
    """A selector whose first text in an entry is its date, for most of the entries, and the days that come of it;
    None where they have none."""
    if not any(days.values()):
        return _date_beside(days)
    candidates = ["time::attr(datetime)", "time", "meta[itemprop*=date]::attr(content)"]
    plain: list[str] = []
    for element in islice(days, 3):
        for node in element.iter():
            if node is not element and len(text := text_of(node)) <= NEAR and _day(text):
                candidates += [f"{node.tag}.{name}" for name in classes_of(node)]
                plain += _plain_names(node, element)
    least = max(0.9 * sum(day is not None for day in days.values()), 0.5 * len(days))

    def fits(selector: str) -> bool:
        hits = sum(day is not None and _day(_stated(element, selector)) == day for element, day in days.items())
        return hits >= least

    found = _first(filter(fits, dict.fromkeys([*candidates, *plain])))
    return found or ("./self::*" if _in_the_open(days) >= least else None), days


def _plain_names(node: HtmlElement, entry: HtmlElement) -> list[str]:
    """Names of an element without classes: its tag, also within what has one, and in a table its place."""
    parent = node.getparent()
    if node is entry or parent is None:
        return []
    within = [f"{parent.tag}.{name} > {node.tag}" for name in classes_of(parent)] if parent is not entry else []
    number = 1 + sum(1 for _ in node.itersiblings("td", preceding=True))
    return [*within, str(node.tag), *([f"td:nth-of-type({number})"] if node.tag == "td" else [])]


def _in_the_open(days: Days) -> int:
    """Entries whose whole text names its day before any other, near its beginning or end."""
    hits = 0
    for element, day in days.items():
        text = text_of(element)[:MOST_TEXT]
        first = next(days_in(text), None)
        hits += first is not None and first[0] == day and (first[1] < NEAR or len(text) - first[2] < NEAR)
    return hits


def _date_beside(days: Days) -> tuple[str | None, Days]:
    """Where the date stands before or behind the entry, as in lists of terms: `<dt>18.11.2026</dt><dd>…</dd>`."""
    best: tuple[str | None, Days] = (None, days)
    most = 0.8 * len(days)
    for axis, step in (("preceding-sibling", HtmlElement.getprevious), ("following-sibling", HtmlElement.getnext)):
        beside = {element: step(element) for element in days}
        tags = Counter(str(node.tag) for node in beside.values() if node is not None)
        found = {element: None if node is None else _day(text_of(node)) for element, node in beside.items()}
        dated = sum(day is not None for day in found.values())
        if tags and dated >= most and (dated > most or best[0] is None):
            best, most = (f"./{axis}::{tags.most_common(1)[0][0]}[1]", found), dated
    return best


def _stated(element: HtmlElement, selector: str) -> str:
    """The first text that a selector of a date gives, as the fetcher reads it."""
    css, _, attribute = selector.partition("::attr(")
    hits = select(element, css)
    return _first(node.get(attribute[:-1], "") if attribute else text_of(node) for node in hits) or ""


def _day(text: str) -> date | None:
    return (parse_iso(text) or parse_day(text)) if text else None
