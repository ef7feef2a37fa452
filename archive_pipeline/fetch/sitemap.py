"""Fetcher `sitemap`: XML sitemaps (https://www.sitemaps.org/protocol.html), their indexes, and Google's news extension.

The parser never resolves an entity, never opens a file or connection, and reads what broken generators write.
"""

import codecs
import fnmatch
import logging
import re
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import date
from urllib.parse import unquote, urljoin, urlsplit

from lxml import etree
from protego import Protego
from pydantic import BaseModel, Field

from archive_pipeline.address import canonical_url
from archive_pipeline.errors import CodingError, FetchError, OutputLimitError, TooLargeError, TransientFetchError
from archive_pipeline.fetch.discovery import absolute_url, expect_capture, plain_text, source_url
from archive_pipeline.fetch.options import HttpOptions
from archive_pipeline.language.days import parse_iso
from archive_pipeline.model import Capture, CaptureResult, Item, Source
from archive_pipeline.protocols import FetchContext
from archive_pipeline.warc import inflate

__all__ = ["Sitemap", "SitemapFetcher", "SitemapOptions", "SitemapPage", "read_sitemap"]

SITEMAP_ADDRESS = re.compile(r"(^|/)[^/]*sitemaps?[^/]*\.xml(\.gz)?$", re.IGNORECASE)
FITS_WELL = 90
GZIP_MAGIC = b"\x1f\x8b"

GENERATED = 10
"""More pages than this that all changed at the same moment did not: the server writes the time of the request, or of
a relaunch, into every entry."""

REFERENCE = re.compile(rb"(<!\[CDATA\[.*?(?:\]\]>|\Z))|&(?!#)(?:(amp|lt|gt|quot|apos);)?", re.DOTALL)
HTML = re.compile(rb"<!doctype html|<html", re.IGNORECASE)
CLOSED = re.compile(rb"</(\w+:)?(urlset|sitemapindex)\s*>", re.IGNORECASE)
END = 200
"""The closing tag of a file that is whole lies within this many bytes of its end."""

NUMBERS = {b"lt": b"&#60;", b"gt": b"&#62;", b"quot": b"&#34;", b"apos": b"&#39;"}

logger = logging.getLogger(__name__)


class SitemapOptions(HttpOptions):
    """Settings of a sitemap.

    `include` and `exclude` are patterns (`*`, `?`, `[…]`) that fit a page's whole address, or its path with query
    (`/presse/*`). `since`: only pages changed on this day or later; a page without a date counts. `max_items`: only
    so many pages; `max_files`: read only so many sitemaps of an index.
    """

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    since: date | None = None
    max_items: int | None = Field(default=None, ge=1)
    max_files: int = Field(default=100, ge=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class SitemapPage:
    """One entry: its address as written; `lastmod` as written, None when it says nothing; title and day of publication
    (ISO) where the news extension states them."""

    url: str
    lastmod: str | None = None
    title: str | None = None
    published: str | None = None

    @property
    def day(self) -> date | None:
        """The day it was published or changed."""
        return parse_iso(self.published or self.lastmod or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sitemap:
    """What one file lists: pages, or (in an index) further sitemaps. `damage` says what is wrong with its XML."""

    pages: tuple[SitemapPage, ...] = ()
    members: tuple[SitemapPage, ...] = ()
    damage: str | None = None


class SitemapFetcher:
    """Every page that a sitemap lists is an item, in its order; the page is what gets captured.

    `url` is a sitemap, an index of sitemaps, or the root of a site: then its robots.txt says where the sitemaps are,
    else `/sitemap.xml` is tried. An item's key is the canonical form of its address, its fingerprint the time of the
    last change. That time is no date of publication, so `published` comes from the news extension alone.
    """

    options: type[BaseModel] = SitemapOptions

    def claims(self, url: str) -> int | None:
        """90 for addresses that end like a sitemap's, else None."""
        return FITS_WELL if SITEMAP_ADDRESS.search(urlsplit(url).path) else None

    def discover(self, source: Source, context: FetchContext) -> Iterator[Item]:
        """The pages wanted. A sitemap of an index that can't be read is raised after everything else was listed.

        Raises FetchError, RefusedError.
        """
        options = source.options_as(SitemapOptions)
        seen: set[str] = set()
        for page in _pages(source, context, options):
            key = canonical_url(page.url)
            if key in seen or not _wanted(page, options):
                continue
            if len(seen) == options.max_items:
                return
            seen.add(key)
            yield Item(
                source_id=source.id,
                key=key,
                url=page.url,
                title=page.title,
                published=page.published,
                fingerprint=page.lastmod,
            )

    def capture(self, item: Item, source: Source, context: FetchContext) -> Iterable[CaptureResult]:
        """The page."""
        yield context.get(item.url or item.key, item=item)


def _pages(source: Source, context: FetchContext, options: SitemapOptions) -> Iterator[SitemapPage]:
    """The pages of all sitemaps, breadth first, each sitemap read once."""
    waiting = deque(_starts(source_url(source), context))
    asked: set[str] = set()
    failures: list[FetchError] = []
    while waiting and len(asked) < options.max_files:
        address = waiting.popleft()
        if canonical_url(address) in asked:
            continue
        asked.add(canonical_url(address))
        try:
            capture = expect_capture(context.get(address), address, "Die Sitemap")
            sitemap = read_sitemap(capture, limit=context.max_bytes)
        except FetchError as error:
            logger.warning("%s: %s: %s", source.id, address, error.message)
            failures.append(error)
            continue
        if sitemap.damage:
            logger.warning("%s: %s ist kein gültiges XML: %s", source.id, address, sitemap.damage)
        waiting.extend(member.url for member in sitemap.members if not _too_old(member, options.since))
        yield from sitemap.pages
    if waiting:
        logger.warning("%s: %d Sitemaps nicht gelesen (max_files = %d)", source.id, len(waiting), options.max_files)
    if failures:
        raise failures[0]


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
        rules = Protego.parse(answer.body.decode("utf-8-sig", "replace"))
        named = [found for link in rules.sitemaps if (found := absolute_url(link, url))]
    return named or [urljoin(url, "/sitemap.xml")]


def _wanted(page: SitemapPage, options: SitemapOptions) -> bool:
    parts = urlsplit(page.url)
    path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
    spellings = (page.url, path, unquote(path))

    def fits(patterns: tuple[str, ...]) -> bool:
        return any(fnmatch.fnmatchcase(spelling, pattern) for pattern in patterns for spelling in spellings)

    included = fits(options.include) if options.include else True
    return included and not fits(options.exclude) and not _too_old(page, options.since)


def _too_old(page: SitemapPage, since: date | None) -> bool:
    return since is not None and page.day is not None and page.day < since


def read_sitemap(capture: Capture, *, limit: int) -> Sitemap:
    """Parse one sitemap or index; a gzip around it is opened, up to `limit` bytes.

    Broken XML gives what can be read, with `damage`. Raises FetchError when it is no sitemap, TooLargeError.
    """
    text = _markup(_unpacked(capture, limit))
    root, damage = _parse(text)
    kind = "" if root is None else _name(root)
    if root is None or kind not in ("urlset", "sitemapindex"):
        what = "eine HTML-Seite" if HTML.match(text) else f"XML mit der Wurzel {kind}" if kind else "kein XML"
        raise FetchError(
            f"Das ist keine Sitemap, sondern {what} ({len(text)} Bytes)",
            url=capture.target,
            hint="Adresse der Sitemap in robots.txt der Website nachsehen",
        )
    nodes = list(root)
    if damage and not CLOSED.search(text[-END:]):
        nodes = nodes[:-1]  # the file breaks off, perhaps in the middle of an address
    entries = tuple(page for node in nodes if (page := _page(node, capture.target)))
    if kind == "sitemapindex":
        return Sitemap(members=entries, damage=damage)
    return Sitemap(pages=_without_generated(entries), damage=damage)


def _unpacked(capture: Capture, limit: int) -> bytes:
    if not capture.body.startswith(GZIP_MAGIC):
        return capture.body
    try:
        return inflate(capture.body, limit=limit)
    except OutputLimitError as error:
        raise TooLargeError(
            f"Die Sitemap ist entpackt größer als die erlaubten {limit} Bytes", url=capture.target
        ) from error
    except CodingError as error:
        raise FetchError(f"Die Sitemap ist nicht zu entpacken: {error}", url=capture.target) from error


def _markup(body: bytes) -> bytes:
    """The XML from its first character on, as its declaration must come first; UTF-16 as UTF-8."""
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        text = body.decode("utf-16", "replace").encode().lstrip()
        return text.partition(b"?>")[2].lstrip() if text.startswith(b"<?xml") else text
    return body.removeprefix(codecs.BOM_UTF8).lstrip()


def _parse(text: bytes) -> tuple[etree._Element | None, str | None]:
    """The root element, None when there is none, and what is wrong with the XML."""
    parser = etree.XMLParser(
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        recover=True,
        remove_comments=True,
        remove_pis=True,
    )
    try:
        root = etree.fromstring(REFERENCE.sub(_numeric, text), parser)
    except etree.XMLSyntaxError:
        return None, None
    return root, parser.error_log[0].message.partition("\n")[0] if len(parser.error_log) else None


def _numeric(found: re.Match[bytes]) -> bytes:
    """A reference by number instead of by name, as libxml2 drops those by name behind an error.

    A bare ampersand and the name of an entity that the document defines become plain text.
    """
    return found[1] or NUMBERS.get(found[2], b"&#38;")


def _name(node: etree._Element) -> str:
    """The name without its namespace, which generators misspell."""
    return etree.QName(node).localname.lower() if isinstance(node.tag, str) else ""


def _page(node: etree._Element, base: str) -> SitemapPage | None:
    if _name(node) not in ("url", "sitemap"):
        return None
    fields = {_name(child): _text(child) for child in reversed(node)}  # reversed: the first of a name stays
    url = absolute_url(fields.get("loc", ""), base)
    if url is None:
        return None
    news = {_name(child): _text(child) for group in node if _name(group) == "news" for child in group}
    day = parse_iso(news.get("publication_date", ""))
    return SitemapPage(
        url=url,
        lastmod=fields.get("lastmod") or None,
        title=plain_text(news.get("title", "")) or None,
        published=day.isoformat() if day else None,
    )


def _text(node: etree._Element) -> str:
    return (node.text or "").strip()


def _without_generated(pages: tuple[SitemapPage, ...]) -> tuple[SitemapPage, ...]:
    """A time of change that all pages share tells nothing about any of them."""
    if len(pages) > GENERATED and len({page.lastmod for page in pages}) == 1:
        return tuple(replace(page, lastmod=None) for page in pages)
    return pages
