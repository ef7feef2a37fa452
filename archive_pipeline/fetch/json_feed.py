"""JSON Feed 1.0 and 1.1 (https://www.jsonfeed.org/version/1.1/): bytes in, items out. Read by the fetcher `feed`."""

import json
from collections.abc import Iterator

from archive_pipeline.address import canonical_url
from archive_pipeline.errors import FetchError
from archive_pipeline.fetch.discovery import absolute_url, plain_text
from archive_pipeline.language.days import parse_day, parse_iso
from archive_pipeline.model import Capture, Item

__all__ = ["is_json", "json_feed_items"]


def is_json(capture: Capture) -> bool:
    """Whether an answer is JSON: by what it begins with, whatever type the server names."""
    return capture.body.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"[")


def json_feed_items(capture: Capture, source_id: str) -> Iterator[Item | None]:
    """The entries of the feed, in its order; None for one without a web address. Raises FetchError."""
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
    return (_item(entry, source_id, capture.target) for entry in entries)


def _item(entry: object, source_id: str, base: str) -> Item | None:
    if not isinstance(entry, dict):
        return None
    fields = {name: _text(value) for name, value in entry.items() if isinstance(value, str)}
    identity = _text(entry.get("id") or "")  # a number in many feeds
    by_identity = identity if identity.startswith(("http://", "https://")) else ""
    url = absolute_url(fields.get("url") or fields.get("external_url") or by_identity, base)
    if url is None:
        return None
    published, changed = fields.get("date_published", ""), fields.get("date_modified", "")
    day = parse_iso(published) or parse_day(published) or parse_iso(changed)
    return Item(
        source_id=source_id,
        key=canonical_url(url),
        url=url,
        title=plain_text(fields.get("title", "")) or None,
        published=day.isoformat() if day else None,
        fingerprint=f"{identity} {changed or published}".strip() or None,
    )


def _text(value: object) -> str:
    """A string that can be stored: JSON may hold halves of surrogate pairs."""
    return str(value).strip().encode("utf-8", "replace").decode()
