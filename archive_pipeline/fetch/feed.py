"""Fetcher `feed`: RSS 0.9x, 1 and 2, Atom, JSON Feed. feedparser reads the bytes that the context fetched, no more."""

import calendar
import io
import logging
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from itertools import islice
from urllib.parse import urlsplit

import feedparser
from pydantic import BaseModel, Field

from archive_pipeline.address import canonical_url
from archive_pipeline.errors import FetchError
from archive_pipeline.fetch.discovery import absolute_url, expect_capture, plain_text, source_url
from archive_pipeline.fetch.json_feed import is_json, json_feed_items
from archive_pipeline.fetch.options import HttpOptions
from archive_pipeline.language.days import BERLIN, parse_day, parse_iso
from archive_pipeline.model import Capture, CaptureResult, Item, Source
from archive_pipeline.protocols import FetchContext

__all__ = ["FeedFetcher", "FeedOptions"]

FEED_ADDRESS = re.compile(r"(^|/)(feeds?|rss2?|atom|rdf)(/|\.|$)|[._-](feed|rss|atom|rdf)(/|$)|\.xml$", re.IGNORECASE)
FEED_QUERY = re.compile(r"(^|[=&])(feed|rss2?|atom)([=&]|$)", re.IGNORECASE)
FITS_WELL = 100
REFERENCE = re.compile(rb"&#(?:x([0-9a-f]+)|([0-9]+));", re.IGNORECASE)

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
        url = source_url(source)
        capture = expect_capture(context.get(url), url, "Den Feed")
        items = _items(capture, source, url)
        seen: set[str] = set()
        without_address = 0
        for item in islice(items, source.options_as(FeedOptions).max_items):
            if item is None:
                without_address += 1
            elif item.key not in seen:
                seen.add(item.key)
                yield item
        if without_address and not seen:
            raise FetchError(
                f"Kein Eintrag des Feeds hat eine Adresse ({without_address} gelesen)",
                url=url,
                hint="den Betreiber der Website verständigen",
            )
        if without_address:
            logger.warning("%s: %d Einträge ohne Adresse übergangen", source.id, without_address)

    def capture(self, item: Item, source: Source, context: FetchContext) -> Iterable[CaptureResult]:
        """The entry's page."""
        yield context.get(item.url or item.key, item=item)


def _items(capture: Capture, source: Source, url: str) -> Iterable[Item | None]:
    """All entries in their order; None for one without a web address."""
    if not capture.body.strip():
        raise FetchError(f"Der Feed ist leer ({len(capture.body)} Bytes)", url=url, hint="Adresse im Browser prüfen")
    if is_json(capture):
        return json_feed_items(capture, source.id)
    return (_item(entry, source, capture.target) for entry in _entries(capture, url))


def _entries(capture: Capture, url: str) -> list[feedparser.FeedParserDict]:
    try:
        parsed = _parsed(capture, capture.body)
    except (ValueError, OverflowError):
        try:
            parsed = _parsed(capture, REFERENCE.sub(_of_a_character, capture.body))
        except (ValueError, OverflowError) as error:
            raise FetchError(
                f"Der Feed ist nicht lesbar ({error})", url=url, hint="den Betreiber der Website verständigen"
            ) from error
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


def _parsed(capture: Capture, body: bytes) -> feedparser.FeedParserDict:
    """Raises ValueError or OverflowError for references to no character, and for charsets that are none."""
    charset = f"; charset={capture.charset}" if capture.charset else ""
    # a stream, as feedparser takes anything else for an address or a file name first; application/xml, as it reads a
    # missing charset of text/xml as ASCII
    return feedparser.parse(
        io.BytesIO(body),
        response_headers={"content-type": f"application/xml{charset}", "content-location": capture.target},
        sanitize_html=False,
        resolve_relative_uris=False,
    )


def _of_a_character(reference: re.Match[bytes]) -> bytes:
    """The reference; one to no character (half a surrogate pair, as some systems write emoji) as the replacement
    character."""
    digits = reference[1] or reference[2]
    code = int(digits, 16 if reference[1] else 10) if len(digits) <= 8 else 0
    is_character = 0 < code < 0xD800 or 0xDFFF < code <= 0x10FFFF
    return reference[0] if is_character else b"&#xFFFD;"


def _item(entry: feedparser.FeedParserDict, source: Source, base: str) -> Item | None:
    files = (file["href"] for file in entry.get("enclosures", ()) if file.get("href"))
    identity = entry.get("id", "")
    url = absolute_url(entry.get("link") or next(files, "") or (identity if "://" in identity else ""), base)
    if url is None:
        return None
    changed = entry["updated"] if "updated" in entry else entry.get("published")
    return Item(
        source_id=source.id,
        key=canonical_url(url),
        url=url,
        title=plain_text(entry.get("title", "")) or None,
        published=_day(entry),
        fingerprint=f"{identity} {changed or ''}".strip() or None,
    )


def _day(entry: feedparser.FeedParserDict) -> str | None:
    """The day of publication where the publisher lives; feedparser gives UTC. What it can't read may be German."""
    # the change is asked for only where it is stated: feedparser warns otherwise
    for name in ("published", "updated"):
        if name not in entry:
            continue
        if moment := entry.get(f"{name}_parsed"):
            with suppress(ValueError, OverflowError):
                return datetime.fromtimestamp(calendar.timegm(moment), UTC).astimezone(BERLIN).date().isoformat()
        elif day := parse_iso(entry[name]) or parse_day(entry[name]):
            return day.isoformat()
    return None
