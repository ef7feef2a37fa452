"""What the two readers of feeds, of XML and of JSON, give to the fetcher `feed`."""

from dataclasses import dataclass

__all__ = ["FeedEntry", "FeedPage"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEntry:
    """One entry of a feed. `url` is None when it has no web address. `published` is an ISO day, `fingerprint` its id
    and time of change, `text` the whole text in HTML where the feed carries it, else empty."""

    url: str | None
    title: str | None = None
    published: str | None = None
    fingerprint: str | None = None
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedPage:
    """One document of a feed: its entries, and the address of the document with older ones."""

    entries: tuple[FeedEntry, ...]
    following: str | None = None
