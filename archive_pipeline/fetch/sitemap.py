"""Fetcher `sitemap`: the pages that the sitemaps of a site list (https://www.sitemaps.org/protocol.html)."""

import hashlib
import logging
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from fnmatch import fnmatchcase
from urllib.parse import unquote, urljoin, urlsplit

from pydantic import BaseModel, ConfigDict, Field

from archive_pipeline.address import canonical_url
from archive_pipeline.errors import FetchError, TransientFetchError
from archive_pipeline.fetch.attachments import capture_page
from archive_pipeline.fetch.discovery import (
    ListOptions,
    absolute_url,
    expect_capture,
    source_url,
    without_parameters,
)
from archive_pipeline.fetch.paging import earlier_bookmark, settings_of
from archive_pipeline.fetch.robots import MAX_RULES_BYTES
from archive_pipeline.fetch.sitemap_file import Sitemap, SitemapPage, read_sitemap
from archive_pipeline.model import Capture, CaptureResult, Item, Source
from archive_pipeline.protocols import FetchContext

__all__ = ["Sitemap", "SitemapFetcher", "SitemapOptions", "SitemapPage", "read_sitemap"]

SITEMAP_ADDRESS = re.compile(r"(^|/)[^/]*sitemap[^/]*\.(xml|txt|php)(\.gz)?$", re.IGNORECASE)
SITEMAP_QUERY = re.compile(r"(^|&)(sitemap=|eID=dd_googlesitemap(&|$))", re.IGNORECASE)
IN_ROBOTS = re.compile(r"^[ \t]*site-?maps?[ \t]*:[ \t]*([^\s#]+)", re.IGNORECASE | re.MULTILINE)
"""Where a robots.txt names a sitemap."""

FITS_WELL = 90

MAX_DEPTH = 3
"""Indexes within indexes are not allowed by the protocol, but there are some; deeper ones are generated without end."""

MOST_PAGES = 500_000
"""Pages of one site beyond which its sitemaps have no end: a hundred files may list tens of millions, and all are kept
in memory and waited for."""

FULL_EVERY = 10
"""In every so many runs all sitemaps are read: the time of change in an index may be wrong for ever."""

logger = logging.getLogger(__name__)


class SitemapOptions(ListOptions):
    """Settings of a sitemap.

    `include` and `exclude` are patterns (`*`, `?`, `[…]`) that fit a page's whole address, or its path with query
    (`/presse/*`). `since`: only pages changed on this day or later; a page without a date counts. `other_hosts`: pages
    on other hosts than the sitemap's count too. `max_items`: only so many pages; `max_files`: read only so many
    sitemaps of an index in one run.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    since: date | None = None
    other_hosts: bool = False
    max_items: int | None = Field(default=None, ge=1)
    max_files: int = Field(default=100, ge=1)


class ReadFiles(BaseModel):
    """The bookmark: the sitemaps of an index that were read, as hashes of address and time of change, with which
    settings, and in how many runs since all were read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    settings: str
    runs: int = 0
    files: frozenset[str] = frozenset()


class SitemapFetcher:
    """Every page that a sitemap lists is an item, in its order; the page is what gets captured.

    `url` is a sitemap, an index of sitemaps, or the root of a site: then its robots.txt says where the sitemaps are,
    else `/sitemap.xml` is tried. An item's key is the canonical form of its address, its fingerprint the time of the
    last change. That time is no date of publication, so `published` comes from the news extension alone. Sitemaps of
    an index whose time of change is the one they were read with are left out.
    """

    options: type[BaseModel] = SitemapOptions

    def claims(self, url: str) -> int | None:
        """90 for addresses that look like a sitemap's, else None."""
        parts = urlsplit(url)
        return FITS_WELL if SITEMAP_ADDRESS.search(parts.path) or SITEMAP_QUERY.search(parts.query) else None

    def discover(self, source: Source, context: FetchContext) -> Iterator[Item]:
        """The pages wanted. A sitemap of an index that can't be read is raised after everything else was listed.

        Raises FetchError, RefusedError.
        """
        options = source.options_as(SitemapOptions)
        reading = _Reading(source, context, options)
        seen: set[str] = set()
        elsewhere = 0
        for page in reading.pages():
            url = without_parameters(page.url, options.strip_parameters)
            key = canonical_url(url)
            if key in seen or not _wanted(url, options) or _too_old(page, reading.oldest):
                continue
            if not options.other_hosts and _host(url) not in reading.hosts:
                elsewhere += 1
                continue
            if len(seen) == options.max_items:
                return
            if len(seen) == MOST_PAGES:
                raise FetchError(
                    f"Die Sitemaps nennen mehr als {MOST_PAGES} Seiten",
                    url=source_url(source),
                    hint="mit include, since oder max_items eingrenzen",
                )
            seen.add(key)
            yield Item(
                source_id=source.id,
                key=key,
                url=url,
                title=page.title,
                published=page.published,
                fingerprint=page.lastmod,
            )
        if elsewhere and not seen:
            raise FetchError(
                f"Alle Seiten der Sitemap ({elsewhere}) liegen auf anderen Hosts als sie selbst",
                url=source_url(source),
                hint="wenn das so sein soll: other_hosts = true",
            )
        if elsewhere:
            logger.warning("%s: %d Seiten auf anderen Hosts übergangen (other_hosts)", source.id, elsewhere)
        reading.finish()

    def capture(self, item: Item, source: Source, context: FetchContext) -> Iterable[CaptureResult]:
        """The page, and the documents attached to it."""
        return capture_page(item, source, context)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A sitemap that is to be read: how deep within indexes, and what its index says of it."""

    url: str
    depth: int = 0
    member: SitemapPage | None = None


@dataclass(slots=True)
class _Reading:
    """One run through the sitemaps of a source."""

    source: Source
    context: FetchContext
    options: SitemapOptions
    oldest: date | None = field(init=False)
    hosts: set[str] = field(init=False)
    _before: ReadFiles | None = field(init=False)
    _settings: str = field(init=False)
    _read: set[str] = field(default_factory=set)
    _failures: list[FetchError] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.oldest = max((day for day in (self.options.since, self.context.since) if day), default=None)
        self.hosts = {_host(source_url(self.source))}
        self._settings = settings_of(self.source, self.options)
        before = earlier_bookmark(self.context, ReadFiles)
        self._before = before if before and before.settings == self._settings else None

    def pages(self) -> Iterator[SitemapPage]:
        """The pages of all sitemaps, breadth first, each sitemap read once."""
        waiting = deque(_Waiting(url) for url in _starts(source_url(self.source), self.context))
        asked: set[str] = set()
        while waiting and len(asked) < self.options.max_files:
            one = waiting.popleft()
            if canonical_url(one.url) in asked or self._is_read(one.member):
                continue
            asked.add(canonical_url(one.url))
            sitemap = self._sitemap(one)
            if sitemap is not None:
                waiting.extend(self._members(sitemap, one))
                yield from sitemap.pages
        left = sum(1 for one in waiting if canonical_url(one.url) not in asked and not self._is_read(one.member))
        if left:
            logger.warning(
                "%s: %d Sitemaps nicht gelesen (max_files = %d)", self.source.id, left, self.options.max_files
            )

    def finish(self) -> None:
        """Raise the first failure, or keep the bookmark. A run that asks for a range of days keeps none, as it leaves
        out what others want."""
        if self._failures:
            raise self._failures[0]
        if self.context.since is None:
            runs = (self._before.runs + 1) % FULL_EVERY if self._before else 1
            kept = ReadFiles(settings=self._settings, runs=runs, files=frozenset(self._read))
            self.context.keep_bookmark(kept.model_dump_json())

    def _sitemap(self, one: _Waiting) -> Sitemap | None:
        """One file; None when it can't be read, which is told at the end."""
        try:
            capture = expect_capture(self.context.get(one.url), one.url, "Die Sitemap")
            sitemap = read_sitemap(capture, limit=self.context.max_bytes)
        except FetchError as error:
            logger.warning("%s: %s: %s", self.source.id, one.url, error.message)
            self._failures.append(error)
            return None
        if one.depth == 0 and _host(one.url) in self.hosts:
            self.hosts.add(_host(capture.target))  # the site may have moved
        if sitemap.damage:
            logger.warning("%s: %s ist kein gültiges XML: %s", self.source.id, one.url, sitemap.damage)
        elif one.member and sitemap.pages and _agree(one.member, sitemap.pages):
            self._read.add(_state(one.member))
        return sitemap

    def _members(self, index: Sitemap, parent: _Waiting) -> list[_Waiting]:
        """The sitemaps of an index that may hold something wanted, those that changed last first."""
        hosts = self.hosts | {_host(parent.url)}
        wanted = [
            member
            for member in index.members
            if not _too_old(member, self.oldest) and (self.options.other_hosts or _host(member.url) in hosts)
        ]
        if len(wanted) < len(index.members):
            logger.info("%s: %d Sitemaps übergangen", self.source.id, len(index.members) - len(wanted))
        if wanted and parent.depth == MAX_DEPTH:
            logger.warning("%s: %s liegt zu tief in anderen Verzeichnissen", self.source.id, parent.url)
            return []
        wanted.sort(key=lambda member: member.day or date.max, reverse=True)
        told = len({member.lastmod for member in wanted}) > 1  # else it is the time of the request
        return [_Waiting(member.url, parent.depth + 1, member if told else None) for member in wanted]

    def _is_read(self, member: SitemapPage | None) -> bool:
        """Whether a sitemap is as it was when it was read; it is noted as read then."""
        before = self._before
        if member is None or before is None or before.runs == 0 or _state(member) not in before.files:
            return False
        self._read.add(_state(member))
        return True


def _starts(url: str, context: FetchContext) -> list[str]:
    """The sitemap itself, or those of the site whose root `url` is."""
    parts = urlsplit(url)
    if parts.path.strip("/") or parts.query:
        return [url]
    try:
        answer = context.get(urljoin(url, "/robots.txt"))
    except TransientFetchError:
        raise
    except FetchError:
        answer = None
    named: list[str] = []
    if isinstance(answer, Capture):
        rules = answer.body[:MAX_RULES_BYTES].decode("utf-8-sig", "replace")
        named = [found for link in IN_ROBOTS.findall(rules) if (found := absolute_url(link, url))]
    return named or [urljoin(url, "/sitemap.xml")]


def _host(url: str) -> str:
    return (urlsplit(url).hostname or "").removeprefix("www.")


def _state(member: SitemapPage) -> str:
    told = f"{canonical_url(member.url)} {member.lastmod}"
    return hashlib.sha256(told.encode("utf-8", "replace")).hexdigest()[:12]


def _agree(member: SitemapPage, pages: Iterable[SitemapPage]) -> bool:
    """Whether the time of change in the index can be trusted: it is there, and no page of the file is newer."""
    days = (day for page in pages if (day := page.day))
    return member.day is not None and max(days, default=date.min) <= member.day


def _wanted(url: str, options: SitemapOptions) -> bool:
    path = urlsplit(url)._replace(scheme="", netloc="", fragment="").geturl() or "/"
    spellings = (url, path, unquote(path))

    def fits(patterns: tuple[str, ...]) -> bool:
        return any(fnmatchcase(spelling, pattern) for pattern in patterns for spelling in spellings)

    return (fits(options.include) if options.include else True) and not fits(options.exclude)


def _too_old(page: SitemapPage, oldest: date | None) -> bool:
    return oldest is not None and page.day is not None and page.day < oldest
