"""Hits as an Atom feed (RFC 4287), so that feed readers follow a search."""

import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from xml.etree import ElementTree

from archive_pipeline.search.service import Hit

__all__ = ["atom_feed"]

ATOM = "http://www.w3.org/2005/Atom"
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not have."""


def atom_feed(
    hits: Sequence[Hit],
    *,
    query: str,
    title: str,
    updated: datetime,
    address: str | None = None,
    pages: str | None = None,
) -> str:
    """The feed of one page of hits. `title` names the archive, `address` is where the feed lies, `pages` what the
    addresses of the archive's own pages begin with, if it has them: entries lead there, and name the original.

    The feed's id follows from the query alone, an entry's from the release: readers know both again. `updated` stands
    where there is no hit to take it from.
    """
    digest = hashlib.sha256(query.encode("utf-8", "replace")).hexdigest()[:32]
    newest = max((hit.captured_at for hit in hits if hit.captured_at), default=updated)
    ElementTree.register_namespace("", ATOM)
    feed = ElementTree.Element(f"{{{ATOM}}}feed", {"{http://www.w3.org/XML/1998/namespace}lang": "de"})
    _add(feed, "id", address or f"urn:archive-pipeline:search:{digest}")
    _add(feed, "title", f"{title}: {query}" if query else title)
    _add(feed, "updated", _moment(newest))
    _add(_add(feed, "author"), "name", title or "archive_pipeline")
    if address:
        _add(feed, "link", rel="self", href=address)
    for hit in hits:
        _add_entry(feed, hit, updated, pages)
    ElementTree.indent(feed)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(feed, encoding="unicode") + "\n"


def _add_entry(feed: ElementTree.Element, hit: Hit, updated: datetime, pages: str | None) -> None:
    entry = _add(feed, "entry")
    _add(entry, "id", f"urn:archive-pipeline:release:{hit.id}")
    _add(entry, "title", hit.heading)
    _add(entry, "updated", _moment(hit.captured_at or updated))
    if hit.published:
        _add(entry, "published", f"{hit.published.isoformat()}T00:00:00Z")
    _add(_add(entry, "author"), "name", hit.source_id)
    if pages:
        _add(entry, "link", rel="alternate", type="text/html", href=f"{pages}/d/{hit.id}")
    if hit.url:
        _add(entry, "link", rel="via" if pages else "alternate", href=hit.url)
    passages = " … ".join(" ".join(snippet.text.split()) for snippet in hit.snippets)
    _add(entry, "summary" if hit.url or pages else "content", passages or hit.title or "(ohne Text)")


def _add(parent: ElementTree.Element, name: str, text: str = "", **attributes: str) -> ElementTree.Element:
    clean = {key: _NOT_XML.sub("\ufffd", value) for key, value in attributes.items()}
    element = ElementTree.SubElement(parent, f"{{{ATOM}}}{name}", clean)
    element.text = _NOT_XML.sub("\ufffd", text) or None
    return element


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
