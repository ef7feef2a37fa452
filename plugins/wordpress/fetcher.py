"""The fetcher `wordpress`: the list of posts from the REST interface, else from the RSS feed."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date

from pydantic import BaseModel, Field

from archive_pipeline import (
    Capture,
    CaptureResult,
    FeedFetcher,
    FetchContext,
    FetchError,
    HttpOptions,
    Item,
    RefusedError,
    Source,
    TransientFetchError,
    capture_page,
)

from . import parse

__all__ = ["WordPressFetcher", "WordPressOptions"]


MAX_PAGES = 10_000
"""Where a listing ends that has no end: a million posts."""


class WordPressOptions(HttpOptions):
    """Settings of a WordPress site.

    `category`: only posts of this category, by slug or number. `since`: only posts published on this day or later.
    `max_pages`: read only so many pages of `per_page` posts; posts that changed last come first.
    """

    category: str | int | None = None
    since: date | None = None
    per_page: int = Field(default=100, ge=1, le=100)
    max_pages: int | None = Field(default=None, ge=1)


class WordPressFetcher:
    """Every post is an item; its page is what gets captured. The key is the canonical form of the post's address."""

    options: type[BaseModel] = WordPressOptions

    def claims(self, url: str) -> int | None:
        """60 for an address of the REST interface, else None: a site's root does not tell what it runs on."""
        return 60 if "/wp-json/" in url else None

    def discover(self, source: Source, context: FetchContext) -> Iterator[Item]:
        """All posts, those that changed last first. Raises FetchError, RefusedError."""
        if source.url is None:
            raise FetchError("Der Quelle fehlt url", hint='in sources.toml url = "https://…" setzen')
        seen: set[str] = set()
        for item in _posts(source, parse.site_root(source.url), context):
            if item.key not in seen:  # a post published meanwhile moves the last one of a page to the next page
                seen.add(item.key)
                yield item

    def capture(self, item: Item, source: Source, context: FetchContext) -> Iterable[CaptureResult]:
        """The post's page, and the documents attached to it."""
        return capture_page(item, source, context)


def _posts(source: Source, root: str, context: FetchContext) -> Iterator[Item]:
    options = source.options_as(WordPressOptions)
    try:
        category = _category(root, options.category, context)
        first = _ask(_page_url(root, 1, category, options), context)
        items = parse.post_items(first.body, source.id)
    except parse.NoInterfaceError as error:
        yield from _feed_items(source, root, context, error)
        return
    yield from items
    pages = parse.total_pages(first.headers)
    page = 1
    previous: tuple[Item, ...] = ()
    while page != options.max_pages and (page < pages if pages is not None else len(items) == options.per_page):
        if items == previous or page == MAX_PAGES:
            return  # a site that answers every number of a page, with the same posts or with ever more
        previous = items
        page += 1
        try:
            items = parse.post_items(_ask(_page_url(root, page, category, options), context).body, source.id)
        except parse.NoInterfaceError:
            if pages is None:
                return  # only the error behind the last page tells that there was one
            raise
        yield from items


def _page_url(root: str, page: int, category: int | None, options: WordPressOptions) -> str:
    return parse.posts_url(root, page=page, per_page=options.per_page, category=category, since=options.since)


def _category(root: str, category: str | int | None, context: FetchContext) -> int | None:
    if not isinstance(category, str):
        return category
    url = parse.category_url(root, category)
    found = parse.category_id(_ask(url, context).body)
    if found is None:
        raise FetchError(f"Die Kategorie {category!r} gibt es dort nicht", url=url, hint="category der Quelle prüfen")
    return found


def _ask(url: str, context: FetchContext) -> Capture:
    """One answer of the REST interface. Raises NoInterfaceError, and TransientFetchError when it may come later."""
    try:
        result = context.get(url)
    except TransientFetchError:
        raise
    except FetchError as error:
        raise parse.NoInterfaceError(error.message, url=url) from error
    if not isinstance(result, Capture):
        raise parse.NoInterfaceError(getattr(result, "reason", "keine Antwort"), url=url)
    return result


def _feed_items(source: Source, root: str, context: FetchContext, cause: FetchError) -> Iterator[Item]:
    """The newest posts from the RSS feed, for sites without the interface."""
    options = source.options_as(WordPressOptions)
    feed = replace(source, url=parse.feed_url(root, options.category), options=FeedFetcher.options())
    try:
        for item in FeedFetcher().discover(feed, context):
            if options.since is None or item.published is None or item.published >= options.since.isoformat():
                yield item
    except (RefusedError, TransientFetchError):
        raise
    except FetchError as error:
        raise FetchError(
            f"Weder WordPress-Schnittstelle ({cause.message}) noch Feed ({error.message})",
            url=root,
            hint='url muss die Startseite einer WordPress-Site sein; sonst fetcher = "feed" versuchen',
        ) from error
