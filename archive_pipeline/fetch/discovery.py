"""What fetchers that read lists from the web share: a list or an error, addresses and titles out of what it says."""

import re
from urllib.parse import urljoin, urlsplit

from w3lib.html import remove_tags, replace_entities

from archive_pipeline.errors import FetchError, RefusedError
from archive_pipeline.model import Capture, CaptureResult, Gone, Refused, Source

__all__ = ["absolute_url", "expect_capture", "plain_text", "source_url"]

BREAK = re.compile(r"</?(br|p|div|li|h[1-6])\b[^<>]*>", re.IGNORECASE)
"""Tags that stand for the space between two words."""

MAX_ADDRESS = 8000
"""Longer addresses (characters) are no addresses; RFC 9110, 4.1 asks everybody to support this many bytes."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Characters that would steer a terminal, and belong in no address and no title."""


def source_url(source: Source) -> str:
    """The source's address. Raises FetchError when it has none."""
    if source.url is None:
        raise FetchError("Der Quelle fehlt url", hint='in sources.toml url = "https://…" setzen')
    return source.url


def expect_capture(result: CaptureResult, url: str, name: str) -> Capture:
    """The answer to a request of discovery; `name` says in a message what was asked for ("Den Feed").

    Raises RefusedError, and FetchError when there is nothing at the address.
    """
    if isinstance(result, Capture):
        return result
    if isinstance(result, Refused):
        raise RefusedError(result.reason, url=url)
    reason = result.reason if isinstance(result, Gone) else "keine Antwort"
    raise FetchError(f"{name} gibt es nicht mehr: {reason}", url=url, hint="Adresse der Quelle prüfen")


def absolute_url(link: str, base: str) -> str | None:
    """The web address that `link` means on a page at `base`, or None when it is no web address."""
    if not link.strip():
        return None
    try:
        url = urljoin(base, link.strip())
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
        url.encode()  # half a surrogate pair can neither be sent nor stored
    except ValueError:
        return None
    return url if is_web and len(url) <= MAX_ADDRESS and not CONTROL.search(url) else None


def plain_text(markup: str) -> str:
    """A title without the tags and character references that some publishers put there, on one line."""
    text: str = replace_entities(remove_tags(BREAK.sub(" ", replace_entities(markup))))
    storable = text.encode("utf-8", "replace").decode()  # a reference may name half a surrogate pair
    return " ".join(CONTROL.sub(" ", storable).split())
