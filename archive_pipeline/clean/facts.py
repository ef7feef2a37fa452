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
from archive_pipeline.clean.persons import byline_names, is_office, is_person
from archive_pipeline.clean.spans import plain, terms
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
_BYLINE = re.compile(
    r"\bauthors?\b|author[-_]{0,2}name|byline|\bautor(?:in)?\b|post-author|entry-author|verfasser", re.I
)


_NAME_PART = re.compile(r"\bfn\b|\bauthor\b(?!-)|(?:^|\s)name(?:$|\s)|author-?name|url", re.I)
_COMMENT = re.compile(r"comment(?!s?-(?:open|closed|link|count))|kommentar|respond", re.I)
_WHEN = re.compile(r"\d{1,2}[.:]|(?:19|20)\d\d(?!\d)")
_AUTHOR_META = ("author", "article:author", "dc.creator", "dcterms.creator", "parsely-author")
_NO_NAME = terms(
    """von|by|autor|autorin|autoren|text|posted by|posted on|geschrieben von|verfasst von|veröffentlicht von|author
    |admin|redaktion|alle artikel|kontakt|mehr|foto|fotos|interview|am|in|artikel von|ein beitrag von|profil|facebook
    |twitter|beitragsautor|uncategorized|allgemein|details"""
)
MAX_BYLINE = 200


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
    """Persons before accounts and offices: structured data, meta elements, elements marked as byline."""
    stated = [name for person in markup.data.persons for name in byline_names(person)]
    if not stated:
        stated = list(byline_names(markup.first(*_AUTHOR_META) or ""))
    if not any(map(is_person, stated)):
        stated = _bylines(tree) or [name for name in stated if not is_office(name)]
    kept = [name for name in stated if plain(name) not in markup.sites and not name.startswith("http")]
    return "; ".join(dict.fromkeys(kept)) or None


def _bylines(tree: HtmlElement) -> list[str]:
    """The names in the first element that the page marks as byline; comments and forms don't count."""
    for element in tree.iter("a", "span", "div", "p", "address", "dd", "li", "strong", "em", "cite"):
        marks = f"{element.get('class') or ''} {element.get('rel') or ''} {element.get('itemprop') or ''}"
        if len(marks) <= 2 or not _BYLINE.search(marks) or _reader(element):
            continue
        named = next((part for part in element.iter() if _NAME_PART.search(_marks(part))), None)
        for part in (named, element):
            names = _names_in(part) if part is not None else []
            if names:
                return names
    return []


def _marks(element: HtmlElement) -> str:
    return f"{element.get('class') or ''} {element.get('rel') or ''} {element.get('itemprop') or ''}"


def _reader(element: HtmlElement) -> bool:
    """Whether an element belongs to a reader's comment or its form."""
    for ancestor in (element, *element.iterancestors()):
        if ancestor.tag in ("article", "main", "body"):
            return False
        if ancestor.tag == "form" or _COMMENT.search(f"{ancestor.get('class') or ''} {ancestor.get('id') or ''}"):
            return True
    return False


def _names_in(element: HtmlElement) -> list[str]:
    """Names from the pieces of a byline, up to the first piece that is something else."""
    texts = [text for text in map(normalise_line, element.itertext()) if text.strip(" .,:|–-")]
    if sum(map(len, texts)) > MAX_BYLINE:
        return []
    names: list[str] = []
    for text in texts:
        found = [name for name in byline_names(text) if name.lower() not in _NO_NAME and not _WHEN.search(name)]
        if not found:
            if names:
                break
            continue
        names.extend(found)
        if names and not text.rstrip().endswith((",", " und", "&", "/")):
            following = texts[texts.index(text) + 1 :][:1]
            if not following or following[0].lower().strip() not in {"und", ",", "&", "/", "and", "u."}:
                break
    return names


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
