"""One page of a listing: where its entries stand, by selectors in HTML and by expressions in JSON.

A selector that begins with `$` reads JSON: what follows is a JMESPath expression (https://jmespath.org). So a site that
fills its pages in the browser can be listed from the address its script asks.
"""

import datetime
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from lxml import etree
from parsel import Selector, SelectorList

from archive_pipeline.errors import FetchError
from archive_pipeline.fetch.discovery import absolute_url, html_tree, plain_text
from archive_pipeline.language.days import BERLIN, EARLIEST, parse_day, parse_iso
from archive_pipeline.model import Capture

__all__ = ["Entry", "Selectors", "check_selector", "is_expression", "page_tree", "read_page"]

MILLISECONDS = 100_000_000_000
"""Numbers beyond this are milliseconds since 1970; as seconds they would mean the year 5138."""


class Selectors(Protocol):
    """Where an entry stands, and within it its link, title and day; where the link to the next page stands."""

    items: str
    link: str
    headline: str | None
    date: str | None
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of a page; `url` is None when it has no link."""

    url: str | None
    title: str | None
    day: datetime.date | None


def is_expression(selector: str) -> bool:
    """Whether a selector is an expression for JSON."""
    return selector.startswith("$")


def check_selector(selector: str) -> None:
    """Raise ValueError when a selector is none that can be understood."""
    nothing = Selector(text="<p></p>", type="html")
    if is_expression(selector):
        nothing.jmespath(f"`false` && ({_expression(selector)})")  # reads all of it and evaluates nothing
        return
    try:
        _select(nothing, selector)
    except (SyntaxError, RuntimeError) as error:  # those of cssselect
        raise ValueError(str(error)) from error


def _expression(selector: str) -> str:
    return selector.removeprefix("$").removeprefix(".") or "@"


def _select(node: Selector, selector: str) -> SelectorList[Selector]:
    """What a selector finds in `node`: JMESPath when it begins with `$`, XPath with `/`, `./` or `(`, else CSS."""
    if is_expression(selector):
        return node.jmespath(_expression(selector))
    return node.xpath(selector) if selector.startswith(("/", "./", "(")) else node.css(selector)


def page_tree(capture: Capture, selectors: Selectors) -> Selector:
    """The parsed page, as the selectors need it. Raises FetchError when it is something else."""
    looks_like_json = capture.body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")
    if not is_expression(selectors.items):
        if looks_like_json and capture.media_type != "text/html":
            raise FetchError(
                "Das ist keine HTML-Seite, sondern JSON",
                url=capture.target,
                hint='Ausdrücke für JSON beginnen mit $: items = "$.…"',
            )
        return html_tree(capture)
    try:
        data = json.loads(capture.body.decode("utf-8-sig", "replace"), strict=False)
    except (ValueError, RecursionError) as error:
        raise FetchError(
            f"Das ist kein gültiges JSON ({capture.media_type or 'ohne Angabe des Typs'}): {error}",
            url=capture.target,
            hint="Adresse der Schnittstelle prüfen, aus der die Seite ihre Einträge lädt",
        ) from error
    return Selector(root=data, type="json")


def read_page(tree: Selector, base: str, selectors: Selectors) -> tuple[tuple[Entry, ...], str | None]:
    """The entries of a page at `base`, and the address of the next one. Raises FetchError."""
    if tree.type != "json":
        base = absolute_url(tree.xpath("string(//base/@href)").get(""), base) or base
    entries = tuple(_entry(node, base, selectors) for node in _found(tree, selectors.items))
    return entries, _link(tree, selectors.next, base) if selectors.next else None


def _found(node: Selector, selector: str) -> SelectorList[Selector]:
    """Raises FetchError when a function of an expression gets what it can't work with."""
    try:
        return _select(node, selector)
    except ValueError as error:
        raise FetchError(f'Ausdruck "{selector}" passt nicht zu den Daten: {error}') from error


def _entry(node: Selector, base: str, selectors: Selectors) -> Entry:
    if is_expression(selectors.items):
        if not isinstance(node.root, dict):
            return Entry(url=None, title=None, day=None)
    elif not _is_element(node):
        raise FetchError(f'Selektor "{selectors.items}" (items) muss Elemente wählen, keine Attribute oder Texte')
    links = _found(node, selectors.link)
    url = _link(node, selectors.link, base)
    if selectors.headline:
        titles = _found(node, selectors.headline)
    else:
        titles = SelectorList([one for one in links if _is_element(one) and _target(one, base) == url])
    stated = _first(_text(found) for found in _found(node, selectors.date)) if selectors.date else None
    return Entry(
        url=url,
        title=_first(plain_text(_text(found)) for found in titles),
        day=_day(stated) if stated else None,
    )


def _day(stated: str) -> datetime.date | None:
    """The day that is written, in JSON also as seconds or milliseconds since 1970."""
    if stated.isascii() and stated.isdigit() and 9 <= len(stated) <= 13:
        number = int(stated)
        moment = datetime.datetime.fromtimestamp(number / 1000 if number >= MILLISECONDS else number, datetime.UTC)
        day = moment.astimezone(BERLIN).date()
        return day if day >= EARLIEST else None
    return parse_iso(stated) or parse_day(stated)


def _link(node: Selector, selector: str, base: str) -> str | None:
    """The first web address among what `selector` finds: links, or their addresses."""
    return _first(_target(found, base) for found in _found(node, selector))


def _target(found: Selector, base: str) -> str | None:
    if _is_element(found):
        link = found.attrib.get("href")
    else:
        link = str(found.root) if isinstance(found.root, str) else _text(found)
    return absolute_url(link or "", base)


def _text(found: Selector) -> str:
    root = found.root
    if _is_element(found):
        text = "".join(str(part) for part in root.itertext())
    else:
        text = str(root) if isinstance(root, str | int | float) and not isinstance(root, bool) else ""
    return " ".join(text.encode("utf-8", "replace").decode().split())


def _is_element(found: Selector) -> bool:
    return isinstance(found.root, etree._Element)


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)
