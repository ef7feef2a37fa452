"""Slot 100: rules for one site or one content system, read from a plugin's rules.toml.

    [[site]]
    hosts = ["www.kreis-beispiel.de", "*.kreis-beispiel.de"]
    valid_from = 2019-01-01            # by date of capture; both ends optional
    title = "h1.headline"
    date = { selector = "span.datum", format = "%d.%m.%Y" }
    body = ["div.meldung p", "div.meldung li"]
    remove = ["div.meldung .teilen"]
    contact = "div.pressekontakt"

Selectors are CSS, or XPath recognised by a leading "/" or "./". A list is tried in order; for `body`, `remove`,
`caption` and `contact` it is a union.
"""

import fnmatch
import tomllib
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import cast
from urllib.parse import urlsplit

from lxml.etree import XPath, XPathSyntaxError
from lxml.html import HtmlElement
from parsel import css2xpath

from archive_pipeline.clean.figures import split_credit
from archive_pipeline.clean.markup import element_text
from archive_pipeline.clean.page import block_text
from archive_pipeline.clean.text import normalise_body
from archive_pipeline.errors import ConfigError
from archive_pipeline.language.days import parse_day, parse_iso
from archive_pipeline.model import Article, Capture, Credit, Source
from archive_pipeline.protocols import Page

__all__ = ["SiteProfile", "SiteRules"]

MINIMUM = 300
"""Characters a body must have to be accepted; below, the general extractor takes over."""

_FIELDS = ("title", "subtitle", "date", "author", "body", "remove", "contact", "caption")
_KEYS = frozenset({*_FIELDS, "hosts", "valid_from", "valid_until"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRules:
    """The rules of one table: host patterns, days of capture they hold for, and compiled selectors by field."""

    hosts: tuple[str, ...]
    selectors: tuple[tuple[str, tuple[XPath, ...]], ...]
    date_format: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None

    def match(self, host: str, captured: date) -> bool:
        """Whether these rules are for a page of `host` captured on that day."""
        if self.valid_from and captured < self.valid_from:
            return False
        if self.valid_until and captured > self.valid_until:
            return False
        return any(fnmatch.fnmatchcase(host, pattern) for pattern in self.hosts)

    def find(self, field: str, tree: HtmlElement) -> list[HtmlElement]:
        """The elements a field's selectors name: those of the first selector that finds any."""
        for selector in dict(self.selectors).get(field, ()):
            if found := cast("list[HtmlElement]", selector(tree)):
                return found
        return []

    def all(self, field: str, tree: HtmlElement) -> list[HtmlElement]:
        """The elements all of a field's selectors name, each once, in document order."""
        wanted = {
            element
            for selector in dict(self.selectors).get(field, ())
            for element in cast("list[HtmlElement]", selector(tree))
        }
        return [element for element in tree.iter() if element in wanted] if wanted else []


class SiteProfile:
    """Slot 100: reads pages of known sites by their selectors; leaves every other page alone."""

    def __init__(self, rules: tuple[SiteRules, ...]) -> None:
        self._rules = rules

    @classmethod
    def load(cls, path: Path) -> "SiteProfile":
        """The rules of a rules.toml. Raises ConfigError naming the file and the wrong value."""
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8")).get("site", [])
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise ConfigError(
                f"{path}: {error}", hint="Aufbau der Datei: docs/plugins.md, Abschnitt rules.toml"
            ) from error
        if not isinstance(tables, list) or not tables:
            raise ConfigError(
                f"{path}: keine Tabelle [[site]] gefunden", hint="mindestens eine mit hosts und body angeben"
            )
        return cls(tuple(_rules(table, path, number) for number, table in enumerate(tables, start=1)))

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article as the site's rules read it, when a body of at least 300 characters comes out."""
        capture, tree = page.capture, page.tree
        if tree is None or article.text:
            return article
        host = (urlsplit(capture.url or "").hostname or "").lower()
        rules = next((rules for rules in self._rules if rules.match(host, capture.captured_at.date())), None)
        if rules is None:
            return article
        text = _body(rules, tree)
        return _filled(article, rules, tree, capture, text) if len(text) >= MINIMUM else article


def _body(rules: SiteRules, tree: HtmlElement) -> str:
    unwanted = {element for chosen in rules.all("remove", tree) for element in chosen.iter()}
    chosen: list[HtmlElement] = []
    inside: set[HtmlElement] = set()
    for element in rules.all("body", tree):
        # an element inside one already taken is part of its text
        if element in inside or element in unwanted:
            continue
        chosen.append(element)
        inside.update(element.iter())
    return normalise_body("\n".join(block_text(element, unwanted) for element in chosen))


def _filled(article: Article, rules: SiteRules, tree: HtmlElement, capture: Capture, text: str) -> Article:
    def first(field: str) -> str | None:
        return next((found for element in rules.find(field, tree) if (found := element_text(element))), None)

    day = _day(rules, tree)
    if day is not None and day > capture.captured_at.date():
        day = None
    captions: list[Credit] = []
    for element in rules.all("caption", tree):
        captions.extend(split_credit(element_text(element), photo=False))
    contact = "\n".join(block_text(element) for element in rules.all("contact", tree))
    return replace(
        article,
        text=text,
        title=article.title or first("title"),
        subtitle=article.subtitle or first("subtitle"),
        author=article.author or first("author"),
        contact=article.contact or contact or None,
        credits=(*article.credits, *captions),
        published=article.published or day,
        published_confidence=article.published_confidence or ("high" if day else None),
        published_source=article.published_source or ("label" if day else None),
    )


def _day(rules: SiteRules, tree: HtmlElement) -> date | None:
    for element in rules.find("date", tree):
        machine = parse_iso(element.get("datetime") or element.get("content") or "")
        text = element_text(element)
        if machine:
            return machine
        if rules.date_format:
            try:
                return datetime.strptime(text, rules.date_format).date()
            except ValueError:
                continue
        if day := parse_day(text):
            return day
    return None


def _rules(table: object, path: Path, number: int) -> SiteRules:
    where = f"{path}, [[site]] Nr. {number}"
    if not isinstance(table, dict):
        raise ConfigError(f"{where}: [[site]] muss eine Tabelle sein")
    if unknown := set(table) - _KEYS:
        raise ConfigError(
            f"{where}: unbekannt: {', '.join(sorted(unknown))}", hint=f"bekannt: {', '.join(sorted(_KEYS))}"
        )
    hosts = _strings(table.get("hosts"), f"{where}, hosts")
    dated = table.get("date")
    date_format = None
    if isinstance(dated, dict):
        date_format = dated.get("format")
        dated = dated.get("selector")
    values = {**table, "date": dated}
    if not hosts or not values.get("body"):
        raise ConfigError(f"{where}: hosts und body müssen angegeben sein")
    selectors = tuple(
        (name, tuple(_compiled(text, f"{where}, {name}") for text in _strings(values.get(name), f"{where}, {name}")))
        for name in _FIELDS
        if values.get(name)
    )
    return SiteRules(
        hosts=tuple(host.lower() for host in hosts),
        selectors=selectors,
        date_format=date_format if isinstance(date_format, str) else None,
        valid_from=_limit(table.get("valid_from"), f"{where}, valid_from"),
        valid_until=_limit(table.get("valid_until"), f"{where}, valid_until"),
    )


def _strings(value: object, where: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    if not all(isinstance(item, str) and item.strip() for item in values):
        raise ConfigError(f"{where}: erwartet eine Zeichenkette oder eine Liste davon, gefunden {value!r}")
    return tuple(values)


def _limit(value: object, where: str) -> date | None:
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    raise ConfigError(f"{where}: erwartet einen Tag wie 2019-01-01 ohne Anführungszeichen, gefunden {value!r}")


def _compiled(selector: str, where: str) -> XPath:
    try:
        return XPath(selector if selector.startswith(("/", "./")) else css2xpath(selector))
    except (XPathSyntaxError, SyntaxError, RuntimeError) as error:
        raise ConfigError(f"{where}: Selektor {selector!r} ist nicht lesbar: {error}") from error
