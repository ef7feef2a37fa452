"""What WordPress asks and answers, as values: pure functions of addresses, headers and bytes.

All facts are from the REST API Handbook, https://developer.wordpress.org/rest-api/: "Pagination" (`page`, `per_page`
from 1 to 100, the headers X-WP-Total and X-WP-TotalPages, status 400 behind the last page), "Global Parameters"
(`_fields`), "Posts" and "Categories" (parameters and schema). The feeds of a category are in "WordPress Feeds".
"""

import html
import json
import re
from collections.abc import Iterable
from datetime import date, timedelta
from urllib.parse import urlencode, urlsplit, urlunsplit

from archive_pipeline import FetchError, Item, canonical_url

__all__ = [
    "FIELDS",
    "NoInterfaceError",
    "category_id",
    "category_url",
    "feed_url",
    "post_items",
    "posts_url",
    "site_root",
    "total_pages",
]

FIELDS = "link,date,modified_gmt,title"
"""All that is asked for of a post: a listing of a hundred posts stays below 50 KB."""

_INTERFACE = "/wp-json"
_TAG = re.compile(r"<[^<>]*>")
_NUMBER = re.compile(r"[0-9]{1,9}")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
"""Half a character, which JSON can name and nothing can store."""


class NoInterfaceError(FetchError):
    """The site does not answer with posts: it is not WordPress, or its REST interface is switched off."""


def site_root(url: str) -> str:
    """The address that `/wp-json/` and `/feed/` stand behind: no query, no final slash, no `/wp-json/…`."""
    parts = urlsplit(url.strip())
    path = parts.path.partition(_INTERFACE)[0].rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def posts_url(root: str, *, page: int, per_page: int, category: int | None = None, since: date | None = None) -> str:
    """One page of the list of posts, those that changed last first. `page` counts from 1.

    `after` excludes its own moment and is meant in the site's time zone, so it names the last second before `since`.
    """
    query: dict[str, str | int] = {"per_page": per_page, "page": page, "orderby": "modified", "_fields": FIELDS}
    if category is not None:
        query["categories"] = category
    if since is not None:
        query["after"] = f"{since - timedelta(days=1)}T23:59:59"
    return f"{root}{_INTERFACE}/wp/v2/posts?{urlencode(query, safe=',:')}"


def category_url(root: str, slug: str) -> str:
    """The address that tells a category's id from its slug."""
    return f"{root}{_INTERFACE}/wp/v2/categories?{urlencode({'slug': slug, '_fields': 'id'})}"


def feed_url(root: str, category: str | int | None = None) -> str:
    """The RSS feed: of all posts, or of one category. The form with `cat` or `category_name` works whatever the
    site's permalinks look like."""
    if category is None:
        return f"{root}/feed/"
    name = "cat" if isinstance(category, int) else "category_name"
    return f"{root}/?{urlencode({'feed': 'rss2', name: category})}"


def total_pages(headers: Iterable[tuple[str, str]]) -> int | None:
    """How many pages the list has; None when the answer does not say (some caches drop the header)."""
    for name, value in headers:
        if name.lower() == "x-wp-totalpages" and _NUMBER.fullmatch(value.strip()):
            return int(value)
    return None


def category_id(body: bytes) -> int | None:
    """The id in the answer to `category_url`; None when no category has that slug. Raises NoInterfaceError."""
    for record in _records(body):
        if isinstance(record, dict) and isinstance(record.get("id"), int):
            return int(record["id"])
    return None


def post_items(body: bytes, source_id: str) -> tuple[Item, ...]:
    """The posts of one page as items, in their order. What has no web address is left out.

    `published` is the day in the site's own time zone, as its pages show it; the fingerprint is the time of the last
    change. Raises NoInterfaceError when the body is no list.
    """
    items = (_item(record, source_id) for record in _records(body))
    return tuple(item for item in items if item is not None)


def _records(body: bytes) -> list[object]:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise NoInterfaceError("die Antwort ist kein JSON") from error
    if not isinstance(answer, list):
        code = answer.get("code") if isinstance(answer, dict) else None
        raise NoInterfaceError(f"die Antwort ist keine Liste ({code or type(answer).__name__})")
    return answer


def _item(record: object, source_id: str) -> Item | None:
    if not isinstance(record, dict):
        return None
    link = record.get("link")
    if not isinstance(link, str) or not link.startswith(("https://", "http://")) or _SURROGATE.search(link):
        return None
    changed = record.get("modified_gmt")
    return Item(
        source_id=source_id,
        key=canonical_url(link),
        url=link,
        title=_title(record.get("title")),
        published=_day(record.get("date")),
        fingerprint=_SURROGATE.sub("", changed) if isinstance(changed, str) else None,
    )


def _title(title: object) -> str | None:
    """`rendered` is HTML: tags go first, then entities become characters, so that a written `&lt;` stays."""
    rendered = title.get("rendered") if isinstance(title, dict) else None
    if not isinstance(rendered, str):
        return None
    whole = _SURROGATE.sub("\N{REPLACEMENT CHARACTER}", rendered)
    return " ".join(html.unescape(_TAG.sub("", whole)).split()) or None


def _day(moment: object) -> str | None:
    """The day of a moment like 2024-05-17T08:30:00."""
    try:
        return date.fromisoformat(str(moment)[:10]).isoformat()
    except ValueError:
        return None
