"""Slot 150: what the markup says about a release, read before the extractor discards it.

Title, subtitle, author, captions and canonical address come from headings, meta elements and structured data; of
a mail from its headers; of Markdown from its front matter. Plain text has no markup: `headlines` reads its first lines.
"""

import re
from dataclasses import replace

from lxml.html import HtmlElement

from archive_pipeline.clean.charset import decode
from archive_pipeline.clean.documents import front_matter, mail_message
from archive_pipeline.clean.figures import split_credit
from archive_pipeline.clean.markup import Markup, element_text, markup_of
from archive_pipeline.clean.page import MAIL, MARKDOWN
from archive_pipeline.clean.persons import byline_names, is_person
from archive_pipeline.clean.spans import plain
from archive_pipeline.clean.text import normalise_line
from archive_pipeline.clean.title import find_title
from archive_pipeline.model import Article, Capture, Credit, Source
from archive_pipeline.protocols import Page

__all__ = ["EarlyFacts"]

MAX_CREDITS = 12
_REPLY = re.compile(r"^(?:(?:re|aw|fwd?|wg|antw|tr)(?:\[\d+\])?\s*:\s*)+", re.I)
_CAPTION = re.compile(r"caption|bildunterschrift|bildtext|image-?text|media__?description", re.I)
_PHOTO = re.compile(r"copyright|credit|bildnachweis|fotonachweis|bildquelle|photographer|fotograf", re.I)
_SUBTITLE = re.compile(r"sub-?(?:title|headline|head)|unter(?:titel|zeile|überschrift)", re.I)
_BYLINE = re.compile(r"\bauthor\b|author[-_]{0,2}name|byline|\bautor(?:in)?\b|post-author|entry-author|verfasser", re.I)


class EarlyFacts:
    """Slot 150: fills the fields that markup, mail headers or front matter name and that are still empty."""

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article with what the markup says; its text is left alone."""
        capture = page.capture
        article = replace(article, url=article.url or capture.url, media_type=page.media_type)
        if page.media_type == MAIL:
            return _from_mail(article, capture)
        if page.media_type == MARKDOWN:
            return _from_front_matter(article, capture)
        tree = page.tree
        return article if tree is None else _from_markup(article, tree, capture)


def _from_mail(article: Article, capture: Capture) -> Article:
    subject = normalise_line(str(mail_message(capture.body).get("subject", "")))
    return replace(article, title=article.title or _REPLY.sub("", subject) or None)


def _from_front_matter(article: Article, capture: Capture) -> Article:
    fields, _ = front_matter(decode(capture))
    return replace(
        article,
        title=article.title or fields.get("title") or fields.get("titel"),
        subtitle=article.subtitle or fields.get("subtitle") or fields.get("untertitel"),
        author=article.author or fields.get("author") or fields.get("autor"),
    )


def _from_markup(article: Article, tree: HtmlElement, capture: Capture) -> Article:
    markup = markup_of(tree)
    return replace(
        article,
        title=article.title or find_title(markup, tree, capture.url, capture.title),
        subtitle=article.subtitle or _subtitle(tree),
        author=article.author or _author(markup, tree),
        url=_canonical(tree) or article.url,
        credits=article.credits or _credits(tree),
    )


def _canonical(tree: HtmlElement) -> str | None:
    for link in tree.iter("link"):
        href = (link.get("href") or "").strip()
        if (link.get("rel") or "").lower() == "canonical" and href.startswith(("http://", "https://")):
            return href
    return None


def _subtitle(tree: HtmlElement) -> str | None:
    """An element that the page itself calls the subtitle of its first heading."""
    heading = next(tree.iter("h1"), None)
    if heading is None:
        return None
    for element in heading.itersiblings():
        if _SUBTITLE.search(element.get("class") or ""):
            text = element_text(element)
            return text if 10 <= len(text) <= 300 else None
    return None


def _author(markup: Markup, tree: HtmlElement) -> str | None:
    """Persons before offices: structured data, meta elements, elements marked as byline."""
    names = [name for person in markup.data.persons for name in byline_names(person)]
    if not names:
        names = list(
            byline_names(
                markup.first("author", "article:author", "dc.creator", "dcterms.creator", "parsely-author") or ""
            )
        )
    if not any(map(is_person, names)):
        names = _bylines(tree) or names or list(markup.data.organisations)
    kept = [name for name in names if plain(name) not in markup.sites and not name.startswith("http")]
    return "; ".join(dict.fromkeys(kept)) or None


def _bylines(tree: HtmlElement) -> list[str]:
    for element in tree.iter("a", "span", "div", "p", "address"):
        marks = f"{element.get('class') or ''} {element.get('rel') or ''} {element.get('itemprop') or ''}"
        if len(marks) > 2 and _BYLINE.search(marks):
            text = element_text(element)
            if 2 < len(text) <= 120 and (names := byline_names(text)):
                return list(names)
    return []


def _credits(tree: HtmlElement) -> tuple[Credit, ...]:
    """Captions and photo credits of the figures of the page, outside navigation and footer."""
    found: dict[tuple[str, str], Credit] = {}
    for element in tree.iter("figcaption", "div", "p", "span", "small", "cite"):
        marks = element.get("class") or ""
        kind = "caption" if element.tag == "figcaption" or (marks and _CAPTION.search(marks)) else ""
        kind = kind or ("photo" if marks and _PHOTO.search(marks) else "")
        if not kind or len(found) >= MAX_CREDITS:
            continue
        text = element_text(element)
        if not 5 <= len(text) <= 600:
            continue
        for credit in split_credit(text, photo=kind == "photo"):
            found.setdefault((credit.kind, credit.text), credit)
    return tuple(found.values())
