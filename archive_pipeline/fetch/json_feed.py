"""JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/): bytes in, entries out. Read by the fetcher `feed`."""

import html
import json

from archive_pipeline.errors import FetchError
from archive_pipeline.fetch.discovery import absolute_url, plain_text
from archive_pipeline.fetch.feed_entry import FeedEntry, FeedPage
from archive_pipeline.language.days import parse_day, parse_iso
from archive_pipeline.model import Capture

__all__ = ["is_json", "read_json_feed"]


def is_json(capture: Capture) -> bool:
    """Whether an answer is JSON: by what it begins with, whatever type the server names."""
    return capture.body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def read_json_feed(capture: Capture) -> FeedPage:
    """The entries of the feed, in its order, and where it goes on (`next_url`). Raises FetchError."""
    try:
        feed = json.loads(capture.body.decode("utf-8-sig", "replace"))
    except (ValueError, RecursionError) as error:
        raise FetchError(
            f"Der JSON Feed ist kein gültiges JSON ({error})",
            url=capture.target,
            hint="den Betreiber der Website verständigen",
        ) from error
    entries = feed.get("items") if isinstance(feed, dict) else None
    if not isinstance(entries, list):
        raise FetchError(
            "Das ist JSON, aber kein JSON Feed: die Liste items fehlt",
            url=capture.target,
            hint="Adresse des Feeds auf der Website nachsehen",
        )
    following = feed.get("next_url")
    return FeedPage(
        entries=tuple(_entry(entry, capture.target) for entry in entries),
        following=absolute_url(following, capture.target) if isinstance(following, str) else None,
    )


def _entry(entry: object, base: str) -> FeedEntry:
    if not isinstance(entry, dict):
        return FeedEntry(url=None)
    fields = {name: _text(value) for name, value in entry.items() if isinstance(value, str)}
    identity = _text(entry.get("id") or "")  # a number in many feeds
    by_identity = identity if identity.startswith(("http://", "https://")) else ""
    files = entry.get("attachments")
    file = files[0].get("url") if isinstance(files, list) and files and isinstance(files[0], dict) else None
    published, changed = fields.get("date_published", ""), fields.get("date_modified", "")
    day = parse_iso(published) or parse_day(published) or parse_iso(changed)
    return FeedEntry(
        url=absolute_url(fields.get("url") or fields.get("external_url") or by_identity or _text(file or ""), base),
        title=plain_text(fields.get("title", "")) or None,
        published=day.isoformat() if day else None,
        fingerprint=f"{identity} {changed or published}".strip() or None,
        text=fields.get("content_html") or _paragraphs(fields.get("content_text", "")),
    )


def _paragraphs(text: str) -> str:
    """Plain text as HTML; an empty line ends a paragraph."""
    return "".join(f"<p>{html.escape(part)}</p>\n" for part in text.split("\n\n") if part.strip())


def _text(value: object) -> str:
    """A string that can be stored: JSON may hold halves of surrogate pairs."""
    return str(value).strip().encode("utf-8", "replace").decode()
