"""Fetcher `feed`: RSS 0.9x, 1 and 2, Atom, JSON Feed, with the older documents that a feed names."""

import logging
import re
from collections.abc import Iterable, Iterator
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary

from pydantic import BaseModel, Field, model_validator

from archive_pipeline.address import canonical_url
from archive_pipeline.errors import FetchError, RefusedError, TooLargeError, TransientFetchError
from archive_pipeline.fetch.attachments import capture_page
from archive_pipeline.fetch.discovery import (
    MAX_MARKUP,
    SHELL,
    expect_capture,
    html_tree,
    is_shell,
    plain_text,
    source_url,
    without_parameters,
)
from archive_pipeline.fetch.feed_entry import FeedEntry, FeedPage
from archive_pipeline.fetch.json_feed import is_json, read_json_feed
from archive_pipeline.fetch.paging import ListPage, PageWalk, PagingOptions
from archive_pipeline.fetch.xml_feed import read_xml_feed
from archive_pipeline.model import Capture, CaptureResult, Item, Source
from archive_pipeline.protocols import FetchContext

__all__ = ["FeedFetcher", "FeedOptions"]

FEED_ADDRESS = re.compile(r"(^|/)(feeds?|rss2?|atom|rdf)(/|\.|$)|[._-](feed|rss|atom|rdf)(/|\.xml$|$)", re.IGNORECASE)
FEED_QUERY = re.compile(r"(^|[=&])(feed|rss2?|atom)([=&]|$)", re.IGNORECASE)
FITS_WELL = 100
FITS = 70
"""The claim on any other XML, which those who know the address better beat."""

logger = logging.getLogger(__name__)


class FeedOptions(PagingOptions):
    """Settings of a feed. `max_items`: only so many entries, from the top of the feed."""

    max_items: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> "FeedOptions":
        if self.max_items and self.backfill_pages:
            raise ValueError("max_items und backfill_pages schließen einander aus")
        return self


class FeedFetcher:
    """Every entry with an address is an item; its page is what gets captured.

    An item's key is the canonical form of its address. Its fingerprint is the entry's id and time of change, so that
    an entry that names neither is captured once and then left to the re-checks of known releases. Where a page can't
    be had, or only a shell that a browser would fill, the text that the feed itself carries is captured.
    """

    options: type[BaseModel] = FeedOptions

    def __init__(self) -> None:
        self._texts: WeakKeyDictionary[FetchContext, dict[str, str]] = WeakKeyDictionary()

    def claims(self, url: str) -> int | None:
        """100 for addresses that look like a feed's, 70 for other XML but sitemaps, else None."""
        parts = urlsplit(url)
        file = parts.path.rpartition("/")[2].lower()
        if "sitemap" in file:
            return None
        if FEED_ADDRESS.search(parts.path) or FEED_QUERY.search(parts.query):
            return FITS_WELL
        return FITS if file.endswith(".xml") else None

    def discover(self, source: Source, context: FetchContext) -> Iterator[Item]:
        """The entries of the feed and of its older documents, in their order. Raises FetchError when there is nothing
        to read, RefusedError."""
        options = source.options_as(FeedOptions)
        texts = self._texts.setdefault(context, {})
        counts = {True: 0, False: 0}

        def read(address: str) -> ListPage:
            capture = expect_capture(context.get(address), address, "Den Feed")
            feed = _read(capture)
            items: list[Item] = []
            for entry in feed.entries:
                counts[entry.url is not None] += 1
                if entry.url is not None:
                    items.append(_item(entry, without_parameters(entry.url, options.strip_parameters), source.id))
                    texts[items[-1].key] = entry.text
            following = feed.following and without_parameters(feed.following, options.strip_parameters)
            return ListPage(target=capture.target, items=tuple(items), following=following)

        yield from PageWalk(source, context, options, read, max_items=options.max_items).items()
        if counts[False] and not counts[True]:
            raise FetchError(
                f"Kein Eintrag des Feeds hat eine Adresse ({counts[False]} gelesen)",
                url=source_url(source),
                hint="den Betreiber der Website verständigen",
            )
        if counts[False]:
            logger.warning("%s: %d Einträge ohne Adresse übergangen", source.id, counts[False])

    def capture(self, item: Item, source: Source, context: FetchContext) -> Iterable[CaptureResult]:
        """The entry's page and the documents attached to it; where the page can't be had, the feed's own text."""
        pages = capture_page(item, source, context)
        text = self._texts.get(context, {}).get(item.key, "")
        return _page_or_text(pages, text, item, context) if text else pages


def _read(capture: Capture) -> FeedPage:
    if not capture.body.strip():
        raise FetchError(
            f"Der Feed ist leer ({len(capture.body)} Bytes)", url=capture.target, hint="Adresse im Browser prüfen"
        )
    return read_json_feed(capture) if is_json(capture) else read_xml_feed(capture)


def _item(entry: FeedEntry, url: str, source_id: str) -> Item:
    return Item(
        source_id=source_id,
        key=canonical_url(url),
        url=url,
        title=entry.title,
        published=entry.published,
        fingerprint=entry.fingerprint,
    )


def _page_or_text(
    pages: Iterable[CaptureResult], text: str, item: Item, context: FetchContext
) -> Iterator[CaptureResult]:
    """The page and what comes with it; the entry's HTML as it stands in the feed, under the page's address, when the
    server denies the page (an error that will not pass) or sends a shell."""
    denied: FetchError | None = None
    shell = False
    try:
        for result in pages:
            shell = shell or (isinstance(result, Capture) and result.kind == "document" and _is_shell(result))
            yield result
    except (RefusedError, TooLargeError, TransientFetchError):
        raise
    except FetchError as error:
        denied = error
    if denied or (shell and len(plain_text(text)) >= SHELL):
        why = denied.message if denied else "die Seite ist eine leere Hülle"
        logger.warning("%s: %s: %s – es bleibt der Text des Feeds", item.source_id, item.url, why)
        yield context.put(item, text.encode("utf-8", "replace"), media_type="text/html")


def _is_shell(page: Capture) -> bool:
    is_html = page.media_type in ("text/html", "application/xhtml+xml")
    return is_html and len(page.body) <= MAX_MARKUP and is_shell(html_tree(page))
