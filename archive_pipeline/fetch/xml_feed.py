"""RSS 0.9x, 1 and 2, Atom 0.3 and 1: bytes in, entries out. feedparser reads the bytes that the context fetched, no
more. Read by the fetcher `feed`."""

import calendar
import io
import re
from contextlib import suppress
from datetime import UTC, datetime

import feedparser
from feedparser.encodings import convert_to_utf8

from archive_pipeline.errors import FetchError
from archive_pipeline.fetch.discovery import absolute_url, plain_text
from archive_pipeline.fetch.feed_entry import FeedEntry, FeedPage
from archive_pipeline.language.days import BERLIN, parse_day, parse_iso
from archive_pipeline.model import Capture

__all__ = ["read_xml_feed"]

REFERENCE = re.compile(rb"&#(?:x([0-9a-f]+)|([0-9]+));", re.IGNORECASE)

UNUSED = re.compile(
    rb"<(/?(?:[^\s<>/:]+:)?)"
    rb"(?=(?:author|creator|publisher|managingeditor|webmaster|owner|category|subject|keywords|tags)\b)",
    re.IGNORECASE,
)
"""Elements that name people and subjects. feedparser looks for mail addresses in the ones and for repetitions in the
others in time that grows with the square of their length: 25 s for a name of 200 KB. Nobody needs them here, so they
get names that it does not know."""

UNREADABLE = (ValueError, OverflowError, LookupError, AttributeError, TypeError)
"""What feedparser raises on odd input: references to no character, charsets that are none, licences without address."""

PAST = ("next", "prev-archive")
"""How a feed links to the document with older entries (RFC 5005, 3 and 4)."""


def read_xml_feed(capture: Capture) -> FeedPage:
    """The entries of the feed, in its order, and where it goes on. Raises FetchError when there is none to read."""
    parsed = _parsed(capture)
    if not parsed.entries and not parsed.get("version"):
        raise FetchError(
            f"Das ist kein RSS- oder Atom-Feed ({capture.media_type or 'ohne Angabe des Typs'})",
            url=capture.target,
            hint="Adresse des Feeds auf der Website nachsehen",
        )
    if not parsed.entries and parsed.bozo:
        raise FetchError(
            f"Der Feed ist kein gültiges XML und hat keine lesbaren Einträge ({parsed.bozo_exception})",
            url=capture.target,
            hint="den Betreiber der Website verständigen",
        )
    return FeedPage(
        entries=tuple(_entry(entry, capture.target) for entry in parsed.entries),
        following=absolute_url(_past(parsed.feed), capture.target),
    )


def _past(feed: feedparser.FeedParserDict) -> str:
    """The link to the document with older entries, empty when there is none."""
    found = feed.get("links")
    links = [link for link in found if isinstance(link, dict)] if isinstance(found, list) else []
    stated = (link["href"] for relation in PAST for link in links if link.get("rel") == relation and link.get("href"))
    return str(next(stated, ""))


def _parsed(capture: Capture) -> feedparser.FeedParserDict:
    try:
        return _parse(capture, capture.body)
    except UNREADABLE:
        pass
    try:
        return _parse(capture, REFERENCE.sub(_of_a_character, capture.body))
    except UNREADABLE as error:
        raise FetchError(
            f"Der Feed ist nicht lesbar ({type(error).__name__}: {error})",
            url=capture.target,
            hint="den Betreiber der Website verständigen",
        ) from error


def _parse(capture: Capture, body: bytes) -> feedparser.FeedParserDict:
    """Raises one of UNREADABLE."""
    # application/xml, as feedparser reads a missing charset of text/xml as ASCII
    declared = f"application/xml; charset={capture.charset}" if capture.charset else "application/xml"
    text = convert_to_utf8({"content-type": declared}, body, {}).replace(b"\x00", b"")
    # a stream, as feedparser takes anything else for an address or a file name first
    return feedparser.parse(
        io.BytesIO(UNUSED.sub(rb"<\1x-", text)),
        response_headers={"content-type": "application/xml; charset=utf-8", "content-location": capture.target},
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


def _entry(entry: feedparser.FeedParserDict, base: str) -> FeedEntry:
    """One entry; without address when its elements are so mixed up that feedparser stumbles over its own result."""
    try:
        return _read_entry(entry, base)
    except UNREADABLE:
        return FeedEntry(url=None)


def _read_entry(entry: feedparser.FeedParserDict, base: str) -> FeedEntry:
    files = (file["href"] for file in entry.get("enclosures", ()) if file.get("href"))
    identity = entry.get("id", "")
    changed = entry["updated"] if "updated" in entry else entry.get("published")
    return FeedEntry(
        url=absolute_url(entry.get("link") or next(files, "") or (identity if "://" in identity else ""), base),
        title=plain_text(entry.get("title", "")) or None,
        published=_day(entry),
        fingerprint=f"{identity} {changed or ''}".strip() or None,
        text=max((content.get("value", "") for content in entry.get("content", ())), key=len, default=""),
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
