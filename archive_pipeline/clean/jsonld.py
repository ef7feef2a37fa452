"""Structured data that publishers embed in their pages: schema.org articles as JSON-LD."""

import json
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from html import unescape

from lxml.html import HtmlElement

from archive_pipeline.clean.text import normalise_line

__all__ = ["ArticleData", "article_data"]

MAX_SCRIPT = 500_000
"""Characters of one script beyond which it isn't parsed."""
MAX_NODES = 5_000
"""Nodes of one document that are looked at."""

_ARTICLE_TYPES = re.compile(r"(?:Article|Posting|Report|PressRelease|Review|Recipe|NewsMediaObject)$")
_PAGE_TYPES = frozenset({"WebPage", "ItemPage", "AboutPage"})
_PERSON_TYPES = frozenset({"Person", ""})


@dataclass(frozen=True, slots=True, kw_only=True)
class ArticleData:
    """What a page says about its article; dates as published, `page_published` the date of the page around it."""

    headline: str | None = None
    description: str | None = None
    published: str | None = None
    modified: str | None = None
    page_published: str | None = None
    persons: tuple[str, ...] = ()
    organisations: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()


def article_data(tree: HtmlElement) -> ArticleData:
    """The first article described on the page; empty when there is none or the JSON is beyond repair."""
    nodes: list[dict[str, object]] = []
    for script in tree.iter("script"):
        if "ld+json" in (script.get("type") or "").lower():
            nodes.extend(_nodes(_load(script.text or "")))
    article = next((node for node in nodes if any(map(_ARTICLE_TYPES.search, _types(node)))), None)
    page = next((node for node in nodes if _PAGE_TYPES.intersection(_types(node))), {})
    names = {node["@id"]: node for node in nodes if isinstance(node.get("@id"), str) and "name" in node}
    persons, organisations = _authors((article or page).get("author"), names)
    if article is None and not persons:
        # content systems describe the writer of a plain page beside it; two persons could be anybody
        described = [name for node in nodes if "Person" in _types(node) and (name := _string(node.get("name")))]
        persons = tuple(described) if len(set(described)) == 1 else ()
    return ArticleData(
        headline=_string((article or {}).get("headline")),
        description=_string((article or page).get("description")),
        published=_string((article or {}).get("datePublished")),
        modified=_string((article or page).get("dateModified")),
        page_published=_string(page.get("datePublished")),
        persons=persons,
        organisations=organisations,
        sites=_sites(nodes, article or {}),
    )


HALF_CHARACTER = re.compile(
    r"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2})\\u[dD][c-fC-F][0-9a-fA-F]{2}"
)
"""Half of a surrogate pair, as a headline cut off in the middle of an emoji leaves it: no text, and not storable."""


_WRAPPER = re.compile(r"(?://)?\s*<!\[CDATA\[|<!--")
"""What old browsers were kept from reading a script with, before it."""


def _unwrapped(script: str) -> str:
    """A script without the comment or the CDATA section around it. A pattern for its end would be tried at every place
    of a long run of white space."""
    script = script.strip()
    if wrapper := _WRAPPER.match(script):
        script = script[wrapper.end() :]
    for end in ("]]>", "-->"):
        if script.endswith(end):
            script = script.removesuffix(end).rstrip().removesuffix("//")
    return script.strip()


def _load(script: str) -> object:
    """The script's JSON, read leniently: raw line breaks in strings, wrapping comments, a trailing semicolon."""
    if len(script) > MAX_SCRIPT:
        return None
    script = HALF_CHARACTER.sub(r"\\ufffd", _unwrapped(script).rstrip(";"))
    try:
        return json.loads(script, strict=False)
    except (ValueError, RecursionError):
        # a comma before a closing bracket is the commonest mistake
        try:
            return json.loads(re.sub(r",(\s*[}\]])", r"\1", script), strict=False)
        except (ValueError, RecursionError):
            return None


def _nodes(data: object) -> Iterator[dict[str, object]]:
    """All described things, outer ones first."""
    queue, seen = deque([data]), 0
    while queue and seen < MAX_NODES:
        node = queue.popleft()
        seen += 1
        if isinstance(node, dict):
            yield node
            queue.extend(
                node.get(key) for key in ("@graph", "mainEntity", "mainEntityOfPage", "itemListElement", "item")
            )
        elif isinstance(node, list):
            queue.extend(node)


def _types(node: dict[str, object]) -> list[str]:
    kind = node.get("@type")
    kinds = kind if isinstance(kind, list) else [kind]
    return [item.rsplit("/", 1)[-1] for item in kinds if isinstance(item, str)]


def _string(value: object) -> str | None:
    if isinstance(value, list) and value:
        value = value[0]
    return normalise_line(unescape(value)) or None if isinstance(value, str) else None


def _authors(value: object, names: dict[object, dict[str, object]]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    persons: list[str] = []
    organisations: list[str] = []
    for author in value if isinstance(value, list) else [value]:
        node = names.get(author.get("@id"), author) if isinstance(author, dict) and "name" not in author else author
        name = _string(node.get("name") if isinstance(node, dict) else node)
        if not name:
            continue
        types = _types(node) if isinstance(node, dict) else []
        (persons if not types or _PERSON_TYPES.intersection(types) else organisations).append(name)
    return tuple(dict.fromkeys(persons)), tuple(dict.fromkeys(organisations))


def _sites(nodes: list[dict[str, object]], article: dict[str, object]) -> tuple[str, ...]:
    """Names of the site and its publisher: what a title carries as an affix."""
    found = [_string(node.get("name")) for node in nodes if {"WebSite", "Organization"}.intersection(_types(node))]
    publisher = article.get("publisher")
    if isinstance(publisher, dict):
        found.append(_string(publisher.get("name")))
    return tuple(name for name in found if name)
