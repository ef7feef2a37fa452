"""How a list goes on: the link to its next page, or the parameter that counts its pages."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import parse_qsl, urlsplit

from archive_pipeline.discovering.selectors import classes_of, select
from archive_pipeline.discovering.webpage import Anchor, WebPage

__all__ = ["Pagination", "find_pagination", "is_paging"]

NEXT_TEXT = re.compile(
    r"^\W*(nächste(n|r)?( seite| beiträge| meldungen| einträge)?|weiter|vor|vorwärts|next( page)?"
    r"|(zur |zu )?ältere(n)?( beiträge(n)?| meldungen| einträge(n)?| artikel(n)?)?|older( posts| entries)?)\W*$",
    re.IGNORECASE,
)
ARROWS = frozenset({"›", "»", ">", ">>", "→", "›››"})
"""What stands for the next page; an arrow counts only among numbers of pages."""

NEXT_CLASS = re.compile(r"(^|[-_])(next|weiter|naechste|older)([-_]|$)", re.IGNORECASE)
PAGING = re.compile(r"pag(e|er|ing|ination|inator)|blaettern|seiten", re.IGNORECASE)
SIGNED = frozenset({"chash", "token", "sessionid", "sid", "phpsessid", "jsessionid"})
"""Parameters that belong to one address: a page with another number would not be found with them."""


MOST_SELECTORS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Pagination:
    """The settings of the fetcher `listing` that lead on: `next`, or `page_parameter` with `start` and `step`."""

    next: str | None = None
    page_parameter: str | None = None
    start: int = 1
    step: int = 1


def find_pagination(page: WebPage) -> Pagination | None:
    """How the page leads on; None when it doesn't, or only by scripts.

    A link is better than a parameter, as it ends where the list ends.
    """
    if any("next" in link.rel for link in page.links) and select(page.tree, "head link[rel=next]"):
        return Pagination(next="link[rel=next]")
    for selector in islice(dict.fromkeys(_next_selectors(page)), MOST_SELECTORS):
        hits = select(page.tree, selector)
        if len({node.get("href") for node in hits}) == 1:
            return Pagination(next=selector)
    return _by_text(page) or _parameter(page)


def is_paging(text: str) -> bool:
    """Whether the text of a link leads to another page of the same list: "2", "Ältere Meldungen", "Seite 3"."""
    return (
        text.isdigit()
        or text in ARROWS
        or re.search(r"\bseite \d", text, re.I) is not None
        or bool(NEXT_TEXT.match(text))
    )


def _next_selectors(page: WebPage) -> Iterator[str]:
    """Selectors that may lead to the link to the next page alone."""
    yield "a[rel=next]"
    for anchor in page.anchors:
        own = [name for name in classes_of(anchor.element) if NEXT_CLASS.search(name)]
        yield from (f"a.{name}" for name in own)
        parent = anchor.element.getparent()
        if parent is not None:
            around = [name for name in classes_of(parent) if NEXT_CLASS.search(name)]
            yield from (f"{parent.tag}.{name} a" for name in around)


def _by_text(page: WebPage) -> Pagination | None:
    """A link that says so, as XPath; an arrow only beside a link to page 2."""
    numbers = {anchor.text for anchor in page.anchors if anchor.text.isdigit()}
    targets: dict[str, set[str]] = defaultdict(set)
    for anchor in page.anchors:
        targets[anchor.text].add(anchor.key)
    for anchor in page.anchors:
        says = NEXT_TEXT.match(anchor.text) or (anchor.text in ARROWS and "2" in numbers)
        if says and "'" not in anchor.text and len(targets[anchor.text]) == 1 and _leads_on(anchor, page):
            return Pagination(next=f"//a[normalize-space()='{anchor.text}']")
    return None


def _leads_on(anchor: Anchor, page: WebPage) -> bool:
    """Whether an address looks like another page of this one: "weiter" may also lead into a release."""
    here, there = urlsplit(page.url), urlsplit(anchor.url)
    if here.netloc != there.netloc:
        return False
    root = here.path.rstrip("/").removesuffix("/index.html")
    around = " ".join(
        f"{node.get('class', '')} {node.get('id', '')}" for node in list(anchor.element.iterancestors())[:4]
    )
    numbered = re.search(r"\d", f"{there.path.removeprefix(root)}?{there.query}") is not None
    return bool(PAGING.search(around)) or (there.path.startswith(root or "/") and numbered)


def _parameter(page: WebPage) -> Pagination | None:
    """A query parameter whose value grows with the number of the page that links name."""
    values: dict[str, dict[int, int]] = defaultdict(dict)
    path = urlsplit(page.url).path
    for anchor in page.anchors:
        parts = urlsplit(anchor.url)
        if not re.fullmatch(r"\d{1,3}", anchor.text) or parts.path != path:
            continue
        pairs = parse_qsl(parts.query)
        if SIGNED & {name.lower() for name, _ in pairs}:
            continue
        for name, value in pairs:
            if re.fullmatch(r"\d{1,6}", value):
                values[name].setdefault(int(anchor.text), int(value))
    for name, by_page in values.items():
        if 2 in by_page and 3 in by_page and by_page[3] > by_page[2]:
            step = by_page[3] - by_page[2]
            return Pagination(page_parameter=name, start=by_page[2] - step, step=step)
    return None
