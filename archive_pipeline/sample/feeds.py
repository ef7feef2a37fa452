"""Feeds, sitemap and robots.txt of the sample site, with the placeholder address of ``pages.SITE_ADDRESS``."""

import datetime
from collections.abc import Iterable, Sequence
from email.utils import format_datetime
from xml.etree import ElementTree

from archive_pipeline.sample.pages import SITE_ADDRESS
from archive_pipeline.sample.release_text import Group, ReleaseText

_ATOM = "http://www.w3.org/2005/Atom"
_SITEMAP = "http://www.sitemaps.org/schemas/sitemap/0.9"
_IN_FEEDS = ("html", "pdf", "docx")
"""Formats that offices announce in a feed; the others are only linked from listing pages."""


def _serialise(root: ElementTree.Element) -> bytes:
    ElementTree.indent(root, " ")
    text = ElementTree.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'.encode()


def _child(parent: ElementTree.Element, tag: str, text: str) -> None:
    ElementTree.SubElement(parent, tag).text = text


def _morning(day: datetime.date) -> datetime.datetime:
    return datetime.datetime.combine(day, datetime.time(9, 30), datetime.UTC)


def _newest(releases: Iterable[ReleaseText]) -> datetime.date:
    return max(release.published for release in releases if release.published)


def announced(releases: Iterable[ReleaseText]) -> list[ReleaseText]:
    """The releases that stand in a feed, in the order given."""
    return [release for release in releases if release.format in _IN_FEEDS]


def rss_feed(group: Group, releases: Sequence[ReleaseText]) -> bytes:
    """RSS 2.0; an undated release has no pubDate."""
    root = ElementTree.Element("rss", version="2.0")
    channel = ElementTree.SubElement(root, "channel")
    _child(channel, "title", group.title)
    _child(channel, "link", f"{SITE_ADDRESS}/presse/{group.id}/")
    _child(channel, "description", f"{group.title}: aktuelle Pressemitteilungen")
    _child(channel, "language", "de-DE")
    _child(channel, "lastBuildDate", format_datetime(_morning(_newest(releases)), usegmt=True))
    for release in announced(releases):
        item = ElementTree.SubElement(channel, "item")
        address = f"{SITE_ADDRESS}/releases/{release.path}"
        _child(item, "title", release.title)
        _child(item, "link", address)
        _child(item, "guid", address)
        if release.published:
            _child(item, "pubDate", format_datetime(_morning(release.published), usegmt=True))
        _child(item, "category", "Pressemitteilung")
        _child(item, "description", f"<p>{release.teaser(240)}</p>")
    return _serialise(root)


def atom_feed(group: Group, releases: Sequence[ReleaseText]) -> bytes:
    """Atom 1.0; Atom demands a date for each entry, so undated releases are left out."""
    ElementTree.register_namespace("", _ATOM)
    root = ElementTree.Element(f"{{{_ATOM}}}feed")
    _child(root, f"{{{_ATOM}}}title", group.title)
    _child(root, f"{{{_ATOM}}}id", f"{SITE_ADDRESS}/{group.feed}")
    ElementTree.SubElement(root, f"{{{_ATOM}}}link", rel="self", href=f"{SITE_ADDRESS}/{group.feed}")
    ElementTree.SubElement(root, f"{{{_ATOM}}}link", rel="alternate", href=f"{SITE_ADDRESS}/presse/{group.id}/")
    _child(root, f"{{{_ATOM}}}updated", _morning(_newest(releases)).isoformat())
    for release in announced(releases):
        if release.published is None:
            continue
        entry = ElementTree.SubElement(root, f"{{{_ATOM}}}entry")
        address = f"{SITE_ADDRESS}/releases/{release.path}"
        _child(entry, f"{{{_ATOM}}}title", release.title)
        _child(entry, f"{{{_ATOM}}}id", address)
        ElementTree.SubElement(entry, f"{{{_ATOM}}}link", rel="alternate", href=address)
        _child(entry, f"{{{_ATOM}}}published", _morning(release.published).isoformat())
        _child(entry, f"{{{_ATOM}}}updated", _morning(release.published).isoformat())
        author = ElementTree.SubElement(entry, f"{{{_ATOM}}}author")
        _child(author, f"{{{_ATOM}}}name", release.office.name)
        _child(entry, f"{{{_ATOM}}}summary", release.teaser(240))
    return _serialise(root)


def sitemap(listing_paths: Iterable[str], releases: Iterable[ReleaseText]) -> bytes:
    """All pages of the site; releases with their date as ``lastmod``."""
    ElementTree.register_namespace("", _SITEMAP)
    root = ElementTree.Element(f"{{{_SITEMAP}}}urlset")
    for path in listing_paths:
        url = ElementTree.SubElement(root, f"{{{_SITEMAP}}}url")
        _child(url, f"{{{_SITEMAP}}}loc", f"{SITE_ADDRESS}/{path}")
    for release in releases:
        url = ElementTree.SubElement(root, f"{{{_SITEMAP}}}url")
        _child(url, f"{{{_SITEMAP}}}loc", f"{SITE_ADDRESS}/releases/{release.path}")
        if release.published:
            _child(url, f"{{{_SITEMAP}}}lastmod", release.published.isoformat())
    return _serialise(root)


def robots_txt() -> bytes:
    """Everything may be read except the search form and the login of the imagined systems."""
    lines = [
        "User-agent: *",
        "Disallow: /suche/",
        "Disallow: /intern/",
        "",
        f"Sitemap: {SITE_ADDRESS}/sitemap.xml",
        "",
    ]
    return "\n".join(lines).encode()
