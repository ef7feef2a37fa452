"""One sitemap file: XML (https://www.sitemaps.org/protocol.html) with Google's news extension, or a list of addresses.

The parser never resolves an entity, never opens a file or connection, and reads what broken generators write.
"""

import codecs
import re
from dataclasses import dataclass, replace
from datetime import date

from lxml import etree

from archive_pipeline.errors import CodingError, FetchError, OutputLimitError, TooLargeError
from archive_pipeline.fetch.discovery import absolute_url, plain_text
from archive_pipeline.language.days import parse_iso
from archive_pipeline.model import Capture
from archive_pipeline.warc import inflate

__all__ = ["Sitemap", "SitemapPage", "read_sitemap"]

GZIP_MAGIC = b"\x1f\x8b"

GENERATED = 10
"""More pages than this that all changed at the same moment did not: the server writes the time of the request, or of
a relaunch, into every entry."""

REFERENCE = re.compile(rb"(<!\[CDATA\[.*?(?:\]\]>|\Z))|&(?!#)(?:(amp|lt|gt|quot|apos);)?", re.DOTALL)
HTML = re.compile(rb"<!doctype html|<html", re.IGNORECASE)
ADDRESS = re.compile(rb"^[ \t]*(https?://\S+)[ \t\r]*$", re.IGNORECASE | re.MULTILINE)
CLOSED = re.compile(rb"</(\w+:)?(urlset|sitemapindex)\s*>", re.IGNORECASE)
END = 200
"""The closing tag of a file that is whole lies within this many bytes of its end."""

NUMBERS = {b"lt": b"&#60;", b"gt": b"&#62;", b"quot": b"&#34;", b"apos": b"&#39;"}


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


def read_sitemap(capture: Capture, *, limit: int) -> Sitemap:
    """Parse one sitemap or index, in XML or as one address a line; a gzip around it is opened, up to `limit` bytes.

    Broken XML gives what can be read, with `damage`. Raises FetchError when it is no sitemap, TooLargeError.
    """
    text = _markup(_unpacked(capture, limit))
    if listed := ADDRESS.match(text) and ADDRESS.findall(text):
        found = (absolute_url(line.decode("utf-8", "replace"), capture.target) for line in listed)
        return Sitemap(pages=tuple(SitemapPage(url=url) for url in found if url))
    root, damage = _parse(text)
    kind = "" if root is None else _name(root)
    if root is None or kind not in ("urlset", "sitemapindex"):
        what = "eine HTML-Seite" if HTML.match(text) else f"XML mit der Wurzel {kind}" if kind else "kein XML"
        raise FetchError(
            f"Das ist keine Sitemap, sondern {what} ({len(text)} Bytes)",
            url=capture.target,
            hint='fetcher = "feed" setzen'
            if kind in ("rss", "feed", "rdf")
            else "Adresse der Sitemap in robots.txt der Website nachsehen",
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
