"""Fetcher `listing`: pages that list releases, read by the CSS or XPath selectors of sources.toml."""

import datetime
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated

from lxml import etree, html
from parsel import Selector, SelectorList
from pydantic import AfterValidator, BaseModel, Field, model_validator
from w3lib.encoding import html_to_unicode
from w3lib.url import add_or_replace_parameter

from archive_pipeline.address import canonical_url
from archive_pipeline.errors import FetchError
from archive_pipeline.fetch.discovery import absolute_url, expect_capture, plain_text, source_url
from archive_pipeline.fetch.options import HttpOptions
from archive_pipeline.language.days import parse_day, parse_iso
from archive_pipeline.model import Capture, CaptureResult, Gone, Item, Source
from archive_pipeline.protocols import FetchContext

__all__ = ["ListingFetcher", "ListingOptions"]

SHELL = 200
"""A page with scripts and less text than this (characters) is a shell that a browser would fill."""

MOUNT_POINTS = "//body//*[@id='app' or @id='root' or @id='__next' or @id='__nuxt' or name()='app-root']"
"""Where the usual frameworks put the page they build; elements that a server fills too, so only empty ones count."""

TEXT = "//body//text()[not(ancestor::script or ancestor::style or ancestor::noscript or ancestor::template)]"

logger = logging.getLogger(__name__)


def _select(node: Selector, selector: str) -> SelectorList[Selector]:
    """What a selector finds in `node`: XPath when it begins with `/`, `./` or `(`, else CSS."""
    return node.xpath(selector) if selector.startswith(("/", "./", "(")) else node.css(selector)


def _readable(selector: str) -> str:
    """The selector itself. Raises ValueError when it is none."""
    try:
        _select(Selector(text="<p></p>", type="html"), selector)
    except (ValueError, SyntaxError, RuntimeError) as error:  # the last two are those of cssselect
        raise ValueError(f'der Selektor "{selector}" ist ungültig: {error}') from error
    return selector


def _relative(selector: str) -> str:
    """A selector that looks within an entry. Raises ValueError when it looks at the whole page."""
    if selector.lstrip("(").startswith("/"):
        raise ValueError(f'der Selektor "{selector}" sucht in der ganzen Seite, "./…" sucht im Eintrag')
    return selector


CssOrXPath = Annotated[str, Field(min_length=1), AfterValidator(_readable)]
InEntry = Annotated[CssOrXPath, AfterValidator(_relative)]


class ListingOptions(HttpOptions):
    """Settings of a listing.

    Selectors are CSS, with `::attr(name)` and `::text`, or XPath, which begins with `/`, `./` or `(`.
    `items` selects the entries; `link`, `headline` and `date` are looked up within each. Without `headline` the text
    of the link is taken. Further pages come from `next`, a selector of the link to the next page, or from
    `page_parameter`, the name of a query parameter: the first page counts as `start`, each further one adds `step`.
    Reading stops behind the page whose dated entries are all older than `until`, and after `max_pages`.
    """

    items: CssOrXPath
    link: InEntry = "a"
    headline: InEntry | None = None
    date: InEntry | None = None
    next: CssOrXPath | None = None
    page_parameter: str | None = Field(default=None, min_length=1)
    start: int = 1
    step: int = Field(default=1, ge=1)
    until: datetime.date | None = None
    max_pages: int = Field(default=20, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> "ListingOptions":
        if self.next and self.page_parameter:
            raise ValueError("next und page_parameter schließen einander aus")
        if self.until and not self.date:
            raise ValueError("until braucht date: den Selektor des Datums in einem Eintrag")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One entry of a page; `url` is None when it has no link."""

    url: str | None
    title: str | None
    day: datetime.date | None


class ListingFetcher:
    """Every entry with a link is an item; the page it leads to is what gets captured.

    An item's key is the canonical form of its address. A listing does not tell what changed, so there is no
    fingerprint: an item is captured once and then left to the re-checks of known releases.
    """

    options: type[BaseModel] = ListingOptions

    def claims(self, url: str) -> int | None:
        """None: an address does not tell where the entries stand. The fetcher is chosen by name."""
        return None

    def discover(self, source: Source, context: FetchContext) -> Iterator[Item]:
        """The entries of all pages, in their order.

        Raises FetchError when the first page has no entries, and, after everything else was listed, when `headline`
        or `date` found nothing in any entry of the first page. Raises RefusedError.
        """
        options = source.options_as(ListingOptions)
        known: set[str] = set()
        first: tuple[_Entry, ...] | None = None
        without_link = 0
        for entries in _pages(source, context, options):
            first = entries if first is None else first
            linked = [(canonical_url(entry.url), entry) for entry in entries if entry.url]
            without_link += len(entries) - len(linked)
            if all(key in known for key, _ in linked):
                break  # the last page again, or an empty one behind it
            for key, entry in linked:
                if key not in known and not _is_older(entry, options.until):
                    yield _item(entry, key, source.id)
                known.add(key)
            dated = [entry for entry in entries if entry.day]
            if dated and all(_is_older(entry, options.until) for entry in dated):
                break
        if without_link:
            logger.warning("%s: %d Einträge ohne Adresse übergangen", source.id, without_link)
        _check_fields(first or (), source_url(source), options)

    def capture(self, item: Item, source: Source, context: FetchContext) -> Iterable[CaptureResult]:
        """The entry's page."""
        yield context.get(item.url or item.key, item=item)


def _pages(source: Source, context: FetchContext, options: ListingOptions) -> Iterator[tuple[_Entry, ...]]:
    """The entries of each page, until there is no further page, one comes again, or there were enough."""
    start = source_url(source)
    address: str | None = start
    visited: set[str] = set()
    for number in range(options.max_pages):
        if address is None or canonical_url(address) in visited:
            return
        result = context.get(address)
        if isinstance(result, Gone) and number and options.page_parameter:
            return  # many sites end their numbered pages so
        capture = expect_capture(result, address, "Die Auflistung")
        visited |= {canonical_url(address), canonical_url(capture.target)}
        tree = _tree(capture)
        base = absolute_url(tree.xpath("string(//base/@href)").get(""), capture.target) or capture.target
        entries = tuple(_entry(node, base, options) for node in _select(tree, options.items))
        if number == 0:
            _check_first(entries, tree, capture.target, options)
        yield entries
        if options.page_parameter:
            value = str(options.start + options.step * (number + 1))
            address = add_or_replace_parameter(start, options.page_parameter, value)
        else:
            address = _link(tree, options.next, base) if options.next else None
    if address is not None and canonical_url(address) not in visited:
        logger.info("%s: nach %d Seiten aufgehört (max_pages)", source.id, options.max_pages)


def _tree(capture: Capture) -> Selector:
    """The parsed page. Raises FetchError when it is no HTML."""
    is_html = capture.media_type in (None, "text/html", "application/xhtml+xml")
    if not is_html and not capture.body.lstrip().startswith(b"<"):
        raise FetchError(
            f"Das ist keine HTML-Seite ({capture.media_type})", url=capture.target, hint="Adresse der Quelle prüfen"
        )
    # parsed here, as parsel warns of or raises what lxml says about damage
    parser = html.HTMLParser(encoding="utf-8", huge_tree=False)
    text = _decoded(capture).replace("\x00", "").strip() or "<html></html>"
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError:
        root = None
    return Selector(root=html.Element("html") if root is None else root, type="html")


def _decoded(capture: Capture) -> str:
    """UTF-8 where it is valid, since no text in another set is that by accident; else as declared."""
    try:
        return capture.body.decode("utf-8-sig")
    except UnicodeDecodeError:
        declared = f"text/html; charset={capture.charset}" if capture.charset else None
        text: str = html_to_unicode(declared, capture.body, default_encoding="cp1252")[1]
        return text


def _entry(node: Selector, base: str, options: ListingOptions) -> _Entry:
    if not isinstance(node.root, etree._Element):
        raise FetchError(f'Selektor "{options.items}" (items) muss Elemente wählen, keine Attribute oder Texte')
    links = _select(node, options.link)
    url = _link(node, options.link, base)
    own = [one for one in links if _target(one, base) == url]
    titles = _select(node, options.headline) if options.headline else own
    stated = _first(_text(found) for found in _select(node, options.date)) if options.date else None
    return _Entry(
        url=url,
        title=_first(plain_text(_text(found)) for found in titles),
        day=(parse_iso(stated) or parse_day(stated)) if stated else None,
    )


def _link(node: Selector, selector: str, base: str) -> str | None:
    """The first web address among what `selector` finds: links, or their addresses."""
    return _first(_target(found, base) for found in _select(node, selector))


def _target(found: Selector, base: str) -> str | None:
    link = found.attrib.get("href") if isinstance(found.root, etree._Element) else str(found.root)
    return absolute_url(link or "", base)


def _text(found: Selector) -> str:
    root = found.root
    text = "".join(str(part) for part in root.itertext()) if isinstance(root, etree._Element) else str(root)
    return " ".join(text.split())


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value), None)


def _is_older(entry: _Entry, until: datetime.date | None) -> bool:
    return until is not None and entry.day is not None and entry.day < until


def _item(entry: _Entry, key: str, source_id: str) -> Item:
    published = entry.day.isoformat() if entry.day else None
    return Item(source_id=source_id, key=key, url=entry.url, title=entry.title, published=published)


def _check_first(entries: tuple[_Entry, ...], tree: Selector, url: str, options: ListingOptions) -> None:
    """Raise FetchError when the first page offers nothing, with the selector to blame or the need for JavaScript."""
    if any(entry.url for entry in entries):
        return
    name, selector = ("link", options.link) if entries else ("items", options.items)
    cause = f'Selektor "{selector}" traf 0 Elemente'
    if _needs_javascript(tree):
        raise FetchError(
            f"Die Seite braucht JavaScript (needs_javascript): {cause}, der Quelltext ist eine leere Hülle",
            url=url,
            hint="einen Feed, eine Sitemap oder die Schnittstelle suchen, aus der die Seite ihre Einträge lädt",
        )
    raise FetchError(
        f"Auflistung leer: {cause}", url=url, hint=f"{name} der Quelle mit dem Quelltext der Seite vergleichen"
    )


def _needs_javascript(tree: Selector) -> bool:
    if not tree.css("script"):
        return False
    text = "".join(tree.xpath(TEXT).getall())
    return len(" ".join(text.split())) < SHELL or any(not _text(found) for found in tree.xpath(MOUNT_POINTS))


def _check_fields(first: tuple[_Entry, ...], url: str, options: ListingOptions) -> None:
    """Raise FetchError when `date` or `headline` gave nothing in any entry of the first page."""
    found_dates, found_titles = any(entry.day for entry in first), any(entry.title for entry in first)
    for name, selector, found in (("date", options.date, found_dates), ("headline", options.headline, found_titles)):
        if selector and not found:
            raise FetchError(
                f'Selektor "{selector}" ergab in {len(first)} Einträgen nichts Lesbares',
                url=url,
                hint=f"{name} der Quelle mit dem Quelltext der Seite vergleichen",
            )
