"""Slot 100: how the pages of one site, or of one content system, are to be read. What plugins say in rules.toml.

A rule is chosen by the host of the page, by the fetcher of the source, and by the day of capture, so that old captures
are still read as the site looked then. Where several fit, the more specific one is tried first.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import product
from typing import cast
from urllib.parse import urlsplit

from lxml.etree import XPath
from lxml.html import HtmlElement

from archive_pipeline.clean.figures import split_credit
from archive_pipeline.clean.markup import element_text
from archive_pipeline.clean.page import block_text
from archive_pipeline.clean.text import normalise_body
from archive_pipeline.language.days import BERLIN, parse_day, parse_iso
from archive_pipeline.model import Article, Capture, Credit, Source
from archive_pipeline.protocols import Page

__all__ = ["MINIMUM", "SiteProfile", "SiteRules", "conflict"]

MINIMUM = 300
"""Characters a body must have to be accepted; below, the next rule or the general extractor takes over."""

ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteRules:
    """One rule: what it is for, and compiled selectors by field.

    `hosts` are host names in lower case; `*.example.de` fits every host below example.de, `*` any. `fetchers` are
    names of fetchers: then only pages of sources with one of them are meant. `valid_from` and `valid_until` are the
    first and the last day of capture. `plugin` names the plugin that brought the rule.
    """

    plugin: str
    hosts: tuple[str, ...]
    selectors: tuple[tuple[str, tuple[XPath, ...]], ...]
    fetchers: tuple[str, ...] = ()
    date_format: str | None = None
    valid_from: date | None = None
    valid_until: date | None = None

    def rank(self, host: str, fetcher: str | None, captured: date) -> tuple[int, bool] | None:
        """How specific the rule is for a page of `host` captured on that day by `fetcher`, None when it is not meant.

        A host counts more than a pattern, a longer pattern more than a shorter one, and then a rule that names the
        fetcher more than one that doesn't.
        """
        if not self._is_valid(captured) or (self.fetchers and fetcher not in self.fetchers):
            return None
        weights = [weight for pattern in self.hosts if (weight := _weight(pattern, host)) is not None]
        return (max(weights), bool(self.fetchers)) if weights else None

    def overlaps(self, other: "SiteRules") -> bool:
        """Whether some page would be meant by both, and neither is the more specific."""
        days = all(
            first.valid_until is None or second.valid_from is None or second.valid_from <= first.valid_until
            for first, second in ((self, other), (other, self))
        )
        same_fetchers = set(self.fetchers) & set(other.fetchers) or not (self.fetchers or other.fetchers)
        return days and bool(same_fetchers) and bool(set(self.hosts) & set(other.hosts))

    def find(self, field: str, tree: HtmlElement) -> list[HtmlElement]:
        """The elements a field's selectors name: those of the first selector that finds any."""
        for selector in dict(self.selectors).get(field, ()):
            if found := _elements(selector, tree):
                return found
        return []

    def all(self, field: str, tree: HtmlElement) -> list[HtmlElement]:
        """The elements all of a field's selectors name, each once, in document order."""
        wanted = {element for selector in dict(self.selectors).get(field, ()) for element in _elements(selector, tree)}
        return [element for element in tree.iter() if element in wanted] if wanted else []

    def _is_valid(self, captured: date) -> bool:
        return (self.valid_from is None or captured >= self.valid_from) and (
            self.valid_until is None or captured <= self.valid_until
        )


def _weight(pattern: str, host: str) -> int | None:
    if pattern == ANY:
        return 0
    if pattern.startswith("*."):
        return len(pattern) if host.endswith(pattern[1:]) else None
    return 1000 if pattern == host else None  # no host name is as long (RFC 1035, 2.3.4)


def _elements(selector: XPath, tree: HtmlElement) -> list[HtmlElement]:
    """What a selector finds, without attributes and texts, which an XPath may name too."""
    found = selector(tree)
    return [one for one in cast("list[object]", found) if isinstance(one, HtmlElement)] if type(found) is list else []


def conflict(rules: Iterable[SiteRules], others: Iterable[SiteRules]) -> tuple[SiteRules, str] | None:
    """The first of the `others` that claims the same pages as one of the `rules` and is just as specific, with the host
    or fetcher both claim. Tables of one plugin are no conflict: they are tried in their order."""
    for rule, other in product(rules, others):
        if rule.plugin != other.plugin and rule.overlaps(other):
            shared = sorted(set(rule.hosts) & set(other.hosts))[0]
            named = sorted(set(rule.fetchers) & set(other.fetchers))
            return other, f"fetcher {named[0]}" if shared == ANY and named else shared
    return None


class SiteProfile:
    """Slot 100: reads pages of known sites by their selectors; leaves every other page alone.

    `rules` are all that plugins brought, those of one plugin in the order of its file.
    """

    def __init__(self, rules: Iterable[SiteRules]) -> None:
        self._rules = tuple(rules)
        self._by_host: dict[str, list[int]] = {}
        for number, rule in enumerate(self._rules):
            for pattern in rule.hosts:
                self._by_host.setdefault(ANY if pattern.startswith("*") else pattern, []).append(number)

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article as the first fitting rule reads it that finds a body of at least 300 characters."""
        tree = page.tree
        if tree is None or article.text:
            return article
        rules, text = self.choose(page, source)
        return article if rules is None else _filled(article, rules, tree, page.capture, text)

    def choose(self, page: Page, source: Source) -> tuple[SiteRules | None, str]:
        """The rule that reads this page, and the body it finds; None and an empty text when none does."""
        tree = page.tree
        for rules in self._fitting(page.capture, source) if tree is not None else ():
            text = _body(rules, tree)
            if len(text) >= MINIMUM:
                return rules, text
        return None, ""

    def _fitting(self, capture: Capture, source: Source) -> list[SiteRules]:
        """The rules for this capture, the most specific first, equals in their given order."""
        host = (urlsplit(capture.url or "").hostname or "").lower()
        day = capture.captured_at.date()
        numbers = sorted({*self._by_host.get(host, ()), *self._by_host.get(ANY, ())})
        known = (self._rules[number] for number in numbers)
        ranked = [(rank, rules) for rules in known if (rank := rules.rank(host, source.fetcher, day)) is not None]
        return [rules for _, rules in sorted(ranked, key=lambda pair: pair[0], reverse=True)]


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
    if day is not None and day > capture.captured_at.astimezone(BERLIN).date():
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
