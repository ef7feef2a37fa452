"""What stands behind pages that scripts fill: the addresses their scripts load data from, and what such data is.

A list of releases in JSON is described as the fetcher `listing` reads it: expressions in JMESPath behind a `$`.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal
from urllib.parse import parse_qsl, urlsplit

from archive_pipeline.address import registrable_domain
from archive_pipeline.discovering.pagination import Pagination
from archive_pipeline.discovering.webpage import WebPage
from archive_pipeline.fetch.discovery import absolute_url
from archive_pipeline.language.days import parse_day, parse_iso

__all__ = [
    "JsonKind",
    "JsonListing",
    "embedded_listing",
    "endpoints_in",
    "json_kind",
    "json_listing",
    "json_pagination",
]

MAX_SCRIPT = 3_000_000
"""Characters of a script that are looked at."""

MAX_DEPTH = 8
LOOKED_AT = 20
"""Entries of a list whose fields are looked at."""

QUOTED = re.compile(r"""["'`]([^"'`\s<>{}]{2,300})["'`]""")
DATA = re.compile(
    r"(^|/)(api|rest|wp-json|graphql|_api|services?|webservices?|json|jsonapi|oparl|ajax|data|feeds?)(/|$|\?)|\.json($|\?)"
    r"|[?&](format|type|_format)=json",
    re.IGNORECASE,
)
"""What an address of data looks like."""

NEWS = re.compile(r"press|news|meldung|mitteilung|nachricht|artikel|article|beitrag|posts?\b|aktuell", re.IGNORECASE)
NEVER = re.compile(
    r"log(in|out)|auth|session|track|analytics|matomo|piwik|consent|cookie|captcha|newsletter|subscribe|upload|delete"
    r"|cart|user|suggest|manifest|package\.json|translation|locale|i18n|\.(js|mjs|css|map|png|jpe?g|svg|woff2?)($|\?)",
    re.IGNORECASE,
)
"""Addresses that no releases come from, or that do something."""

TITLES = ("title", "titel", "headline", "ueberschrift", "schlagzeile", "name", "subject", "betreff")
LINKS = ("url", "link", "href", "permalink", "canonical", "weburl", "detailurl", "path", "pfad", "slug")
DATES = re.compile(r"date|datum|publi|veroeff|created|time|zeit|release", re.IGNORECASE)
INNER = ("rendered", "de", "value", "text", "href", "url", "iso", "date")
"""Where a field that is an object keeps its text."""

IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
PAGE_PARAMETERS = ("page", "seite", "p", "pagenumber", "currentpage")
OFFSET_PARAMETERS = ("offset", "start", "skip", "from")
SIZE_PARAMETERS = ("limit", "size", "pagesize", "per_page", "perpage", "count", "take", "rows")

JsonKind = Literal["json_feed", "wordpress", "oparl", "oparl_off", "other"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JsonListing:
    """A list of releases in JSON, as the settings of the fetcher `listing` describe it, and how many it holds."""

    items: str
    link: str
    headline: str
    date: str | None
    entries: int


def endpoints_in(page: WebPage, scripts: Iterable[str] = ()) -> tuple[str, ...]:
    """Addresses on the site that the page, or the texts of its scripts, load data from; likely ones first."""
    found: dict[str, None] = {}
    for text in (*page.inline_scripts, *scripts, *_attributes(page)):
        for quoted in QUOTED.finditer(text[:MAX_SCRIPT]):
            stated = quoted[1].replace("\\u002F", "/").replace("\\/", "/")
            if DATA.search(stated) and not NEVER.search(stated) and "\\" not in stated:
                url = absolute_url(stated, page.base)
                if url and registrable_domain(url) == page.domain:
                    found.setdefault(url)
    return tuple(sorted(found, key=lambda url: not NEWS.search(url)))


def _attributes(page: WebPage) -> Iterator[str]:
    for node in page.tree.iter():
        for name, value in node.items():
            if name.startswith("data-") and value and len(value) < 300:
                yield f'"{value}"'


def _parsed(body: str) -> object:
    try:
        return json.loads(body, strict=False)
    except (ValueError, RecursionError):
        return None


def json_kind(body: str) -> JsonKind | None:
    """Which known form some JSON has; None when it is no JSON."""
    data = _parsed(body)
    if data is None:
        return None
    if isinstance(data, dict):
        if "jsonfeed.org" in str(data.get("version", "")) and isinstance(data.get("items"), list):
            return "json_feed"
        kind, namespaces = str(data.get("type", "")), data.get("namespaces")
        if "schema.oparl.org" in kind:
            return "oparl_off" if kind.endswith("/Error") else "oparl"
        if isinstance(namespaces, list) and "wp/v2" in namespaces:
            return "wordpress"
    first = data[0] if isinstance(data, list) and data else None
    is_post = isinstance(first, dict) and {"link", "title", "date_gmt"} <= first.keys()
    return "wordpress" if is_post else "other"


def json_listing(body: str) -> JsonListing | None:
    """The longest list of objects in some JSON that have a title and an address, or None."""
    return max(_listings(_parsed(body), (), 0), key=lambda listing: listing.entries, default=None)


def embedded_listing(page: WebPage) -> JsonListing | None:
    """Releases that a page carries as data for its scripts (`<script type="application/json">`)."""
    scripts = (node for node in page.tree.iter("script") if node.get("type", "").lower() == "application/json")
    texts = (node.text_content() for node in scripts)
    found = (json_listing(text[:MAX_SCRIPT]) for text in texts)
    return max((one for one in found if one), key=lambda listing: listing.entries, default=None)


def json_pagination(url: str) -> Pagination | None:
    """How an interface's own address counts its pages, if it says."""
    values = {name.lower(): (name, value) for name, value in parse_qsl(urlsplit(url).query)}
    for known, by_page in (*((name, True) for name in PAGE_PARAMETERS), *((name, False) for name in OFFSET_PARAMETERS)):
        name, value = values.get(known, ("", ""))
        if re.fullmatch(r"[0-9]{1,6}", value):
            sizes = (values[size][1] for size in SIZE_PARAMETERS if size in values)
            size = next((int(one) for one in sizes if re.fullmatch(r"[1-9][0-9]{0,4}", one)), 0)
            if by_page or size:
                return Pagination(page_parameter=name, start=int(value), step=1 if by_page else size)
    return None


def _listings(data: object, path: tuple[str, ...], depth: int) -> Iterator[JsonListing]:
    if depth > MAX_DEPTH:
        return
    if isinstance(data, list):
        rows = [row for row in data[:LOOKED_AT] if isinstance(row, dict)]
        if len(rows) >= 2 and len(rows) == min(len(data), LOOKED_AT):
            listing = _listing(rows, path, len(data))
            if listing:
                yield listing
    elif isinstance(data, dict):
        for name, child in data.items():
            if isinstance(name, str):
                yield from _listings(child, (*path, name), depth + 1)


def _listing(rows: list[dict[str, object]], path: tuple[str, ...], count: int) -> JsonListing | None:
    title = _field(rows, TITLES, lambda text: len(text) > 3)
    link = _field(rows, LINKS, lambda text: "/" in text or text.endswith((".html", ".htm", ".php")))
    if title is None or link is None:
        return None
    stated = _field(rows, tuple(name for name in rows[0] if DATES.search(name)), _is_day)
    return JsonListing(items=_expression(path), link=link, headline=title, date=stated, entries=count)


def _field(rows: list[dict[str, object]], names: Iterable[str], fits: Callable[[str], bool]) -> str | None:
    """The expression of a field, by the first of these names whose text fits in most of the rows."""
    actual = {name.lower(): name for name in rows[0]}
    for known in names:
        name = actual.get(known.lower())
        for inner in ("", *INNER) if name else ():
            texts = [_text(row.get(name or ""), inner) for row in rows]
            if sum(bool(text) and fits(text) for text in texts) >= 0.8 * len(rows):
                return _expression((name, inner) if name and inner else (name or "",))
    return None


def _text(value: object, inner: str) -> str:
    if inner:
        value = value.get(inner) if isinstance(value, Mapping) else None
    return str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""


def _is_day(text: str) -> bool:
    if text.isascii() and text.isdigit():
        if len(text) not in (10, 13):
            return False
        seconds = int(text) / (1000 if len(text) == 13 else 1)
        return 2000 <= datetime.fromtimestamp(seconds, UTC).year <= 2100
    return (parse_iso(text) or parse_day(text)) is not None


def _expression(path: tuple[str, ...]) -> str:
    """The path as JMESPath behind a `$`: names that are no identifiers are quoted."""
    return "$" + ".".join(name if IDENTIFIER.fullmatch(name) else json.dumps(name) for name in path)
