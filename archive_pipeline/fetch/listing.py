"""Fetcher `listing`: pages that list releases, read by the selectors of sources.toml."""

import datetime
import logging
import re
from collections.abc import Iterable, Iterator
from typing import Annotated
from urllib.parse import parse_qsl, urlsplit

from parsel import Selector
from pydantic import AfterValidator, BaseModel, Field, model_validator
from w3lib.url import add_or_replace_parameter

from archive_pipeline.address import canonical_url
from archive_pipeline.errors import EmptySelectorError, NeedsJavaScriptError
from archive_pipeline.fetch.attachments import capture_page
from archive_pipeline.fetch.discovery import expect_capture, is_shell, source_url, without_parameters
from archive_pipeline.fetch.listing_page import Entry, check_selector, is_expression, page_tree, read_page
from archive_pipeline.fetch.paging import ListPage, PageWalk, PagingOptions
from archive_pipeline.model import CaptureResult, Gone, Item, Source
from archive_pipeline.protocols import FetchContext

__all__ = ["ListingFetcher", "ListingOptions"]

MOUNT_POINTS = "//body//*[@id='app' or @id='root' or @id='__next' or @id='__nuxt' or name()='app-root']"
"""Where the usual frameworks put the page they build; elements that a server fills too, so only empty ones count."""

NUMBER = re.compile(r"-?[0-9]{1,9}")

logger = logging.getLogger(__name__)


def _readable(selector: str) -> str:
    """The selector itself. Raises ValueError when it is none."""
    try:
        check_selector(selector)
    except ValueError as error:
        raise ValueError(f'der Selektor "{selector}" ist ungültig: {error}') from error
    return selector


def _relative(selector: str) -> str:
    """A selector that looks within an entry. Raises ValueError when it looks at the whole page."""
    if selector.lstrip("(").startswith("/"):
        raise ValueError(f'der Selektor "{selector}" sucht in der ganzen Seite, "./…" sucht im Eintrag')
    return selector


PageSelector = Annotated[str, Field(min_length=1), AfterValidator(_readable)]
EntrySelector = Annotated[PageSelector, AfterValidator(_relative)]


class ListingOptions(PagingOptions):
    """Settings of a listing.

    Selectors are CSS, with `::attr(name)` and `::text`, or XPath, which begins with `/`, `./` or `(`; for a listing in
    JSON they are JMESPath expressions behind a `$`. `items` selects the entries; `link`, `headline` and `date` are
    looked up within each. Without `headline` the text of the link is taken. Further pages come from `next`, a selector
    of the link to the next page, or from `page_parameter`, the name of a query parameter: the first page counts as
    `start`, each further one adds `step`. Reading stops behind the page whose dated entries are all older than
    `until`.
    """

    items: PageSelector
    link: EntrySelector = "a"
    headline: EntrySelector | None = None
    date: EntrySelector | None = None
    next: PageSelector | None = None
    page_parameter: str | None = Field(default=None, min_length=1)
    start: int = 1
    step: int = Field(default=1, ge=1)
    until: datetime.date | None = None

    @model_validator(mode="after")
    def _consistent(self) -> "ListingOptions":
        if self.next and self.page_parameter:
            raise ValueError("next und page_parameter schließen einander aus")
        if self.until and not self.date:
            raise ValueError("until braucht date: den Selektor des Datums in einem Eintrag")
        for name in ("link", "headline", "date", "next"):
            selector = getattr(self, name)
            if selector and is_expression(selector) != is_expression(self.items):
                raise ValueError(f"items und {name} müssen beide mit $ beginnen (JSON) oder beide nicht (HTML)")
        return self


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

        Raises EmptySelectorError or NeedsJavaScriptError when the first page has no entries, and EmptySelectorError,
        after everything else was listed, when `headline` or `date` found nothing in any entry of the first page.
        Raises FetchError, RefusedError.
        """
        pages = _Pages(source, context)
        yield from PageWalk(source, context, pages.options, pages.read, until=pages.options.until).items()
        pages.check()

    def capture(self, item: Item, source: Source, context: FetchContext) -> Iterable[CaptureResult]:
        """The entry's page, and the documents attached to it."""
        return capture_page(item, source, context)


class _Pages:
    """The pages of one listing in one run."""

    def __init__(self, source: Source, context: FetchContext) -> None:
        self.options = source.options_as(ListingOptions)
        self._source = source
        self._context = context
        self._url = source_url(source)
        self._first: tuple[Entry, ...] = ()
        self._without_link = 0

    def read(self, address: str) -> ListPage | None:
        """The page at an address, None behind the last one: many sites end their numbered pages so."""
        result = self._context.get(address)
        if isinstance(result, Gone) and address != self._url and self.options.page_parameter:
            return None
        capture = expect_capture(result, address, "Die Auflistung")
        tree = page_tree(capture, self.options)
        entries, following = read_page(tree, capture.target, self.options)
        if address == self._url:
            self._first = entries
            _check_first(entries, tree, capture.target, self.options)
        self._without_link += sum(1 for entry in entries if entry.url is None)
        if self.options.page_parameter:
            following = self._numbered(address, self.options.page_parameter)
        return ListPage(
            target=capture.target,
            items=tuple(self._item(entry, entry.url) for entry in entries if entry.url),
            following=following and without_parameters(following, self.options.strip_parameters),
        )

    def check(self) -> None:
        """Say what was left out, and raise EmptySelectorError when `date` or `headline` gave nothing in any entry."""
        if self._without_link:
            logger.warning("%s: %d Einträge ohne Adresse übergangen", self._source.id, self._without_link)
        dated, titled = any(entry.day for entry in self._first), any(entry.title for entry in self._first)
        for name, selector, found in (("date", self.options.date, dated), ("headline", self.options.headline, titled)):
            if selector and not found:
                raise EmptySelectorError(
                    f'Selektor "{selector}" ergab in {len(self._first)} Einträgen nichts Lesbares',
                    url=self._url,
                    hint=f"{name} der Quelle mit dem Quelltext der Seite vergleichen",
                )

    def _numbered(self, address: str, parameter: str) -> str:
        """The address of the page behind a numbered one; the first page may do without a number."""
        values = dict(parse_qsl(urlsplit(address).query, keep_blank_values=True))
        value = values.get(parameter, "") if address != self._url else ""
        number = int(value) if NUMBER.fullmatch(value) else self.options.start
        return str(add_or_replace_parameter(self._url, parameter, str(number + self.options.step)))

    def _item(self, entry: Entry, link: str) -> Item:
        url = without_parameters(link, self.options.strip_parameters)
        published = entry.day.isoformat() if entry.day else None
        return Item(source_id=self._source.id, key=canonical_url(url), url=url, title=entry.title, published=published)


def _check_first(entries: tuple[Entry, ...], tree: Selector, url: str, options: ListingOptions) -> None:
    """Raise when the first page offers nothing, with the selector to blame or the need for JavaScript."""
    if any(entry.url for entry in entries):
        return
    name, selector = ("link", options.link) if entries else ("items", options.items)
    cause = f'Selektor "{selector}" traf 0 Elemente'
    if _needs_javascript(tree):
        raise NeedsJavaScriptError(
            f"Die Seite braucht JavaScript (needs_javascript): {cause}, der Quelltext ist eine leere Hülle",
            url=url,
            hint="einen Feed, eine Sitemap oder die Schnittstelle suchen, aus der die Seite ihre Einträge lädt"
            ' (JSON lesen Selektoren mit $: items = "$.…")',
        )
    raise EmptySelectorError(
        f"Auflistung leer: {cause}", url=url, hint=f"{name} der Quelle mit dem Quelltext der Seite vergleichen"
    )


def _needs_javascript(tree: Selector) -> bool:
    if tree.type == "json" or not tree.css("script"):
        return False
    return is_shell(tree) or any(not found.xpath("normalize-space()").get() for found in tree.xpath(MOUNT_POINTS))
