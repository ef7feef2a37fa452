"""Fetcher `feed`: RSS 0.9x, 1 and 2, Atom. feedparser reads the bytes that the context fetched, nothing else."""

import calendar
import io
import logging
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit
from zoneinfo import ZoneInfo

import feedparser
from pydantic import BaseModel, Field
from w3lib.html import remove_tags, replace_entities

from archive_pipeline.address import canonical_url
from archive_pipeline.errors import FetchError, RefusedError
from archive_pipeline.fetch.options import HttpOptions
from archive_pipeline.model import Capture, CaptureResult, Gone, Item, Refused, Source
from archive_pipeline.protocols import FetchContext

__all__ = ["FeedFetcher", "FeedOptions"]

BERLIN = ZoneInfo("Europe/Berlin")
FEED_ADDRESS = re.compile(r"(^|/)(feeds?|rss2?|atom|rdf)(/|\.|$)|[._-](feed|rss|atom|rdf)(/|$)|\.xml$", re.IGNORECASE)
FEED_QUERY = re.compile(r"(^|[=&])(feed|rss2?|atom)([=&]|$)", re.IGNORECASE)
FITS_WELL = 100

logger = logging.getLogger(__name__)


class FeedOptions(HttpOptions):
    """Settings of a feed. `max_items`: only so many entries, from the top of the feed."""

    max_items: int | None = Field(default=None, ge=1)


class FeedFetcher:
    """Every entry with an address is an item; its page is what gets captured.

    An item's key is the canonical form of its address. Its fingerprint is the entry's id and time of change, so that
    an entry that names neither is captured once and then left to the re-checks of known releases.
    """

    options: type[BaseModel] = FeedOptions

    def claims(self, url: str) -> int | None:
        """100 for addresses that look like a feed's, else None."""
        parts = urlsplit(url)
        looks = FEED_ADDRESS.search(parts.path) or FEED_QUERY.search(parts.query)
        return FITS_WELL if looks and "sitemap" not in parts.path.lower() else None

    def discover(self, source: Source, context: FetchContext) -> Iterator[Item]:
        """The entries of the feed, in its order. Raises FetchError when there is none to read, RefusedError."""
        if source.url is None:
            raise FetchError("Der Quelle fehlt url", hint='in sources.toml url = "https://…" setzen')
        capture = _captured(context.get(source.url), source.url)
        entries = _entries(capture, source.url)
        seen: set[str] = set()
        without_address = 0
        for entry in entries[: source.options_as(FeedOptions).max_items]:
            item = _item(entry, source, capture.target)
            if item is None:
                without_address += 1
            elif item.key not in seen:
                seen.add(item.key)
                yield item
        if without_address:
            logger.warning("%s: %d Einträge ohne Adresse übergangen", source.id, without_address)

    def capture(self, item: Item, source: Source, context: FetchContext) -> Iterable[CaptureResult]:
        """The entry's page."""
        yield context.get(item.url or item.key, item=item)


def _captured(result: CaptureResult, url: str) -> Capture:
    if isinstance(result, Capture):
        return result
    if isinstance(result, Refused):
        raise RefusedError(result.reason, url=url)
    reason = result.reason if isinstance(result, Gone) else "keine Antwort"
    raise FetchError(f"Den Feed gibt es nicht mehr: {reason}", url=url, hint="Adresse der Quelle prüfen")


def _entries(capture: Capture, url: str) -> list[feedparser.FeedParserDict]:
    if not capture.body.strip():
        raise FetchError(f"Der Feed ist leer ({len(capture.body)} Bytes)", url=url, hint="Adresse im Browser prüfen")
    charset = f"; charset={capture.charset}" if capture.charset else ""
    # a stream, as feedparser takes anything else for an address or a file name first; application/xml, as it reads a
    # missing charset of text/xml as ASCII
    parsed = feedparser.parse(
        io.BytesIO(capture.body),
        response_headers={"content-type": f"application/xml{charset}", "content-location": capture.target},
        sanitize_html=False,
        resolve_relative_uris=False,
    )
    entries: list[feedparser.FeedParserDict] = parsed.entries
    if entries:
        return entries
    if not parsed.get("version"):
        raise FetchError(
            f"Das ist kein RSS- oder Atom-Feed ({capture.media_type or 'ohne Angabe des Typs'})",
            url=url,
            hint="Adresse des Feeds auf der Website nachsehen",
        )
    if parsed.bozo:
        raise FetchError(
            f"Der Feed ist kein gültiges XML und hat keine lesbaren Einträge ({parsed.bozo_exception})",
            url=url,
            hint="den Betreiber der Website verständigen",
        )
    return []


def _item(entry: feedparser.FeedParserDict, source: Source, base: str) -> Item | None:
    link = entry.get("link") or next((file["href"] for file in entry.get("enclosures", ()) if file.get("href")), "")
    try:
        url = urljoin(base, link.strip()) if link else ""
    except ValueError:
        return None
    if not url.startswith(("http://", "https://")):
        return None
    changed = entry["updated"] if "updated" in entry else entry.get("published")
    return Item(
        source_id=source.id,
        key=canonical_url(url),
        url=url,
        title=_plain(entry.get("title", "")) or None,
        published=_day(entry),
        fingerprint=f"{entry.get('id', '')} {changed or ''}".strip() or None,
    )


def _plain(title: str) -> str:
    """A title without the markup that some feeds put there."""
    text: str = replace_entities(remove_tags(replace_entities(title)))
    return " ".join(text.split())


def _day(entry: feedparser.FeedParserDict) -> str | None:
    """The day of publication where the publisher lives; feedparser gives UTC."""
    moment = entry.get("published_parsed")
    if moment is None and "updated_parsed" in entry:  # asked for only where it is: feedparser warns otherwise
        moment = entry["updated_parsed"]
    if moment is None:
        return None
    try:
        return datetime.fromtimestamp(calendar.timegm(moment), UTC).astimezone(BERLIN).date().isoformat()
    except (ValueError, OverflowError):
        return None
