"""Slot 250: the lead paragraph that content systems set outside the body, where the extractor loses it."""

import re
from dataclasses import replace

from lxml.html import HtmlElement

from archive_pipeline.clean.markup import element_text, markup_of
from archive_pipeline.clean.spans import plain
from archive_pipeline.clean.title import find_heading
from archive_pipeline.model import Article, Source
from archive_pipeline.protocols import Page

__all__ = ["LeadRescue"]

MAX_LEAD = 1_200
"""Characters of the longest element taken for a lead."""
OPENING = 60
"""Characters of the description that must open the element: descriptions are often cut off behind them."""


MIN_LEAD = 60
NEAR = 40
"""Elements behind the heading within which a marked lead belongs to it."""
_LEAD_TAGS = frozenset({"p", "div", "h2", "h3", "section", "span", "strong"})
_LEAD_MARK = re.compile(
    r"(?:^|[\s_-])(?:lead|lede|leadtext|vorspann|excerpt|anriss|anrisstext|standfirst|einleitung|abstract"
    r"|subheadline|introtext|intro-?text"
    r"|teaser-?text|kurztext|intro(?:duction)?|einleitungstext|vorspanntext|zusammenfassung)(?:$|[\s_-])",
    re.I,
)
_TEASER = re.compile(r"(?:^|[\s_-])(?:teaser|anreisser)(?:$|\s)", re.I)
_ELSEWHERE = frozenset({"a", "aside", "nav", "footer", "li"})
_LINKED = re.compile(r"related|list|comment|author|share", re.I)


class LeadRescue:
    """Slot 250: puts the lead back before the body, and keeps it as teaser.

    The meta description names the lead: an element that opens with the description's first characters and is
    missing from the text is one. (Rule and figures: own measurement on German press pages.)
    """

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article with its lead as first paragraph, where one was lost."""
        tree = page.tree
        if tree is None or not article.text:
            return article
        body = plain(article.text)
        markup = markup_of(tree)
        description = markup.first("description", "og:description", "twitter:description", "dc.description") or ""
        opening = plain(description[:OPENING])
        lead = None
        if len(opening) >= 20 and opening not in body:
            lead = _lead(tree, opening)
        if lead is None:
            lead = _marked_lead(tree, article.title)
        if lead is None or plain(lead)[:OPENING] in body or plain(lead) == plain(article.title or ""):
            return article
        return replace(article, text=f"{lead}\n\n{article.text}", teaser=article.teaser or lead)


def _marked_lead(tree: HtmlElement, title: str | None) -> str | None:
    """A paragraph shortly behind the heading that the page itself marks as lead, intro or excerpt."""
    heading = find_heading(tree, title)
    if heading is None:
        return None
    behind = False
    left = NEAR
    for element in tree.iter():
        if element is heading:
            behind = True
        elif behind:
            left -= 1
            if left < 0:
                return None
            marks = element.get("class") or ""
            if element.tag in _LEAD_TAGS and (_LEAD_MARK.search(marks) or _is_teaser(element, marks)):
                text = element_text(element)
                if MIN_LEAD <= len(text) <= MAX_LEAD and not _LINKED.search(marks):
                    return text
    return None


def _is_teaser(element: HtmlElement, marks: str) -> bool:
    """Whether an element marked as teaser is that of the page itself: those of other releases link to them."""
    above = (one.tag for one in element.iterancestors())
    return bool(_TEASER.search(marks)) and next(element.iter("a"), None) is None and not _ELSEWHERE & set(above)


def _lead(tree: HtmlElement, opening: str) -> str | None:
    """The smallest element whose text opens with the description."""
    first = opening.split(" ", 1)[0]
    too_long: set[HtmlElement] = set()  # one that holds thousands of candidates is read once
    for element in tree.iter("p", "div", "h2", "h3", "h4", "strong", "b", "span", "section", "header", "em"):
        if not _opens_with(element.text, first):
            continue
        # inline markup may split the opening: "<p><strong>Lemgo.</strong> Der Kreistag ..."
        for candidate in (element, *element.iterancestors()):
            if candidate in too_long:
                break
            text = element_text(candidate)
            if len(text) > MAX_LEAD:
                too_long.add(candidate)
                break
            if not plain(text[: 2 * OPENING]).startswith(opening[: len(plain(text))]):
                break
            if plain(text[: 2 * OPENING]).startswith(opening):
                return text
    return None


def _opens_with(text: str | None, word: str) -> bool:
    return text is not None and word in text[:100].casefold() and plain(text[:100]).split(" ", 1)[0] == word
