"""Lists that go on over several pages: in each run the new part at the front, and slowly the past behind it.

What a source offered in a run that ended well is known, so the front ends at the first page that is known altogether.
The past is read in small steps over many runs. How far it was read is an address in the fetcher's bookmark; each step
begins there with a page that was read before, so that entries which moved up to it meanwhile are not lost. Entries that
were added at the front only move others further back, to pages that are still to be read.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from archive_pipeline.address import canonical_url
from archive_pipeline.errors import FetchError, RefusedError, TransientFetchError
from archive_pipeline.fetch.discovery import ListOptions, source_url
from archive_pipeline.model import Item, Source
from archive_pipeline.protocols import FetchContext

__all__ = ["ListPage", "PageWalk", "PagingOptions", "earlier_bookmark", "settings_of"]

MAX_PAST = 10_000
"""Pages of the past after which a list counts as one without end: a calendar that goes on for ever."""

NOT_THE_LIST = frozenset({"interval", "allow_private", "attachments", "max_pages", "max_items", "backfill_pages"})
"""Settings that change nothing about what a list offers."""

BookmarkT = TypeVar("BookmarkT", bound=BaseModel)

logger = logging.getLogger(__name__)


class PagingOptions(ListOptions):
    """Base of the settings of lists with pages.

    A run reads from the front until a page offers nothing but what is known, and at most `max_pages` pages. With
    `backfill_pages` it then goes on from where earlier runs have got to, and reads so many pages of the past.
    """

    max_pages: int = Field(default=20, ge=1)
    backfill_pages: int = Field(default=0, ge=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPage:
    """One page of a list. `target` is its own address, `following` that of the page behind it, None at the end."""

    target: str
    items: tuple[Item, ...]
    following: str | None = None


class Reached(BaseModel):
    """The bookmark: with which settings the list was read, and how far into the past. `reached` is the address of the
    last page that was read, `pages` the number of pages of the past so far."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: str
    reached: str | None = None
    finished: bool = False
    pages: int = 0


def settings_of(source: Source, options: BaseModel) -> str:
    """A hash of what decides about the items of a source: with other settings its bookmark is void."""
    told = {"url": source.url, "options": options.model_dump(mode="json", exclude=set(NOT_THE_LIST))}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]


def earlier_bookmark(context: FetchContext, kind: type[BookmarkT]) -> BookmarkT | None:
    """The source's bookmark, or None when there is none that can be read."""
    try:
        return None if context.bookmark is None else kind.model_validate_json(context.bookmark)
    except ValidationError:
        return None


class PageWalk:
    """One run's way through the pages of a list.

    `read` gives the page at an address, or None when there is none; the first address it gets is the source's own.
    Items published before `until` are left out, and so are those before the day that the run asks for; a page on which
    every date is older is the last one. `max_items` ends the walk after so many items.
    """

    def __init__(
        self,
        source: Source,
        context: FetchContext,
        options: PagingOptions,
        read: Callable[[str], ListPage | None],
        *,
        until: date | None = None,
        max_items: int | None = None,
    ) -> None:
        self._source = source
        self._context = context
        self._options = options
        self._read = read
        self._max_items = max_items
        days = [day for day in (until, context.since) if day]
        self._oldest = max(days).isoformat() if days else ""
        self._settings = settings_of(source, options)
        before = earlier_bookmark(context, Reached)
        self._before = before if before and before.settings == self._settings else None
        self._after = self._before or Reached(settings=self._settings)
        self._seen: set[str] = set()
        self._visited: set[str] = set()
        self._address = ""
        self._behind: str | None = None

    def items(self) -> Iterator[Item]:
        """Every item once, in the order of the pages; then the bookmark is kept. A run that asks for a range of days
        keeps none, as it leaves out what others want. Raises what `read` raises."""
        for number, item in enumerate(self._all(), start=1):
            yield item
            if number == self._max_items:
                break
        if self._context.since is None:
            self._context.keep_bookmark(self._after.model_dump_json())

    def _all(self) -> Iterator[Item]:
        gap = yield from self._front()
        front = self._behind
        if front is None:
            self._after = Reached(settings=self._settings, finished=True)
        elif gap:
            self._after = Reached(settings=self._settings, reached=front)
        if not self._options.backfill_pages or self._context.since is not None or self._after.finished:
            return
        reached = self._after.reached
        start = front if reached is None or canonical_url(reached) in self._visited else reached
        try:
            yield from self._past(start)
        except (RefusedError, TransientFetchError):
            raise
        except FetchError as error:
            if start == front or self._address != reached:
                raise
            logger.warning("%s: %s: %s – die Vergangenheit beginnt von vorn", self._source.id, start, error.message)
            yield from self._past(front)

    def _front(self) -> Generator[Item, None, bool]:
        """The items of the new part. Returns whether there may be unknown ones between it and what was read before."""
        begin = self._before is None and self._options.backfill_pages > 0
        most = 1 if begin else self._options.max_pages
        for number, page in enumerate(self._pages(source_url(self._source)), start=1):
            known = self._is_known(page)
            yield from self._fresh(page)
            if known and self._before is not None and self._context.since is None:
                return False
            if number == most:
                if self._behind is not None and not begin:
                    logger.warning(
                        "%s: nach %d Seiten aufgehört (max_pages), weiter reicht backfill_pages",
                        self._source.id,
                        number,
                    )
                break
        return True

    def _past(self, start: str | None) -> Iterator[Item]:
        """The items of the next pages of the past. What was read before does not count as one of them: the page that
        the last run ended with, and pages that are known altogether."""
        was_finished = self._before is not None and self._before.finished
        again = self._before.reached if self._before else None
        left = self._options.backfill_pages
        most = 1 + max(self._options.max_pages, left)
        for number, page in enumerate(self._pages(start), start=1):
            known = self._is_known(page)
            yield from self._fresh(page)
            pages = self._after.pages + 1
            finished = self._behind is None or (known and was_finished)
            if pages == MAX_PAST and not finished:
                logger.warning("%s: nach %d Seiten endet die Vergangenheit (Liste ohne Ende?)", self._source.id, pages)
                finished = True
            self._after = Reached(
                settings=self._settings, reached=None if finished else self._address, finished=finished, pages=pages
            )
            left -= not known and self._address != again
            if finished or left == 0 or number == most:
                return
        self._after = Reached(settings=self._settings, finished=True, pages=self._after.pages)

    def _pages(self, address: str | None) -> Iterator[ListPage]:
        """Pages from an address on, until there is none, one comes again or brings nothing new, or all is too old."""
        first = True
        self._behind = address
        while self._behind is not None:
            self._address = self._behind
            page = self._read(self._address)
            if page is None or not (first or any(item.key not in self._seen for item in page.items)):
                self._behind = None
                return
            first = False
            self._visited |= {canonical_url(self._address), canonical_url(page.target)}
            self._behind = self._following(page)
            yield page

    def _following(self, page: ListPage) -> str | None:
        dated = [item.published for item in page.items if item.published]
        if dated and all(day < self._oldest for day in dated):
            return None
        return None if page.following is None or canonical_url(page.following) in self._visited else page.following

    def _fresh(self, page: ListPage) -> Iterator[Item]:
        for item in page.items:
            if item.key not in self._seen:
                self._seen.add(item.key)
                if not item.published or item.published >= self._oldest:
                    yield item

    def _is_known(self, page: ListPage) -> bool:
        return bool(page.items) and all(self._context.is_known(item.key) for item in page.items)
