"""Slot 600: when a release was published, where that is said, and how sure it is. "Unknown" is a valid answer.

Evidence by strength. Strong: structured data of an article, publication meta elements, a `time` element marked as
publication, a full date in the address, the feed's entry, a mail's header, a label ("Meldungsdatum:"). Weak: a
date beside the heading, a date line of its own, dates of the page as a whole. The strongest evidence gives
the day; two independent pieces that agree raise the confidence, contradicting strong ones lower it. Days after the capture
and copyright years never count. Dates within sentences are events and are never taken.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, timedelta
from email.utils import parsedate_to_datetime
from typing import Literal
from urllib.parse import urlsplit

import htmldate
from lxml.html import HtmlElement

from archive_pipeline.clean.charset import decode
from archive_pipeline.clean.days import EARLIEST, days_in, parse_day, parse_iso
from archive_pipeline.clean.documents import front_matter, mail_message
from archive_pipeline.clean.markup import Markup, element_text
from archive_pipeline.clean.page import MAIL, MARKDOWN
from archive_pipeline.clean.spans import Line, cut_lines, lines
from archive_pipeline.model import Article, Capture, Source
from archive_pipeline.protocols import Page

__all__ = ["Dates"]

_PUBLISHED_META = (
    "article:published_time", "og:article:published_time", "og:published_time", "datepublished", "date.issued", "dcterms.issued",
    "dcterms.created", "dc.date.issued", "dc.date.created", "dc.date", "dcterms.date", "pubdate", "publishdate", "publish-date",
    "publication_date", "sailthru.date", "parsely-pub-date", "article_date_original", "cxenseparse:recs:publishtime", "date",
    "last-published", "dc:date", "dc.created",
)  # fmt: skip
_WHOLE_PAGE_META = (
    "article:modified_time",
    "og:updated_time",
    "dcterms.modified",
    "dc.date.modified",
    "last-modified",
    "revised",
)
_PUBLISHED_MARK = re.compile(r"publish|posted|entry-date|pubdate|erschienen|datePublished|dateCreated|created", re.I)
_DATE_MARK = re.compile(r"date|datum|publish|posted|byline|meta|timestamp|zeit|stand|erschienen|info", re.I)
_FOREIGN_MARK = re.compile(
    r"comment|kommentar|teaser|related|sidebar|widget|footer|event|termin|calendar|kalender|copyright|recent|aside",
    re.I,
)
_MODIFIED_MARK = re.compile(r"modif|update|aktualisiert", re.I)
_URL_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)[/_.-]?(0?[1-9]|1[0-2])[/_.-]?(0[1-9]|[12]\d|3[01])(?!\d)")
_LABEL = re.compile(
    r"(?:meldungsdatum|veröffentlicht(?:\s+(?:am|:))?|veröffentlichungsdatum|veröffentlichung|erscheinungsdatum|erschienen(?:\s+am)?|publiziert(?:\s+am)?|published(?:\s+on)?"
    r"|publikationsdatum|datum|eingestellt(?:\s+am)?|erstellt(?:\s+am)?|pressemitteilung(?:\s+nr\.?\s*[\w/.-]+)?\s+vom|presseinformation(?:\s+nr\.?\s*[\w/.-]+)?\s+vom"
    r"|(?:pressemeldung|medienmitteilung|meldung|artikel|beitrag|nachricht)\s+vom|posted\s+on|verfasst\s+am|geschrieben\s+am|online\s+seit)\s*:?\s*"
    r"(?:[A-Za-zäöü-]{2,10},?\s+|den\s+|am\s+)*$",
    re.I,
)
_DATE_LINE = re.compile(
    r"(?:(?:presse|medien)(?:mitteilung|meldung|information|info|erklärung|dienst)\w*\s*)?(?:(?:nr|nummer)\.?\s*[\w/.-]+\s*)?[|,–-]?\s*"
    r"(?:(?:vom|am|den)\s+)?(?:[A-ZÄÖÜ][\w.äöüß-]*(?:[ /-][A-ZÄÖÜa-zäöü(][\w.äöüß)-]*){0,3},\s*(?:den\s+)?)?"
    r"(?:(?:mo|di|mi|do|fr|sa|so)\w{0,8}[.,]{0,2}\s+(?:den\s+)?)?DAY(?:\s*[,|–-]?\s*(?:um\s+)?\d{1,2}[:.]\d\d(?:\s*uhr)?)?\s*[.|–-]?",
    re.I,
)
_DATELINE_DAY = re.compile(r"^[A-ZÄÖÜ][^.!?\d]{1,60}?[,/(]\s*(?:den\s+)?DAY\)?\s*[.:–—-]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One statement of a publication day: where it stands, and whether that place is made for it."""

    day: date
    source: Literal["json-ld", "meta", "time", "url", "label", "text", "hint", "header"]
    strong: bool


class Dates:
    """Slot 600: sets the publication day with its confidence and source; cuts date lines, copies the dateline."""

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article with what is known of its date; unchanged where a profile has found it."""
        capture = page.capture
        limit = capture.captured_at.date() + timedelta(days=1)
        article, said = _date_lines(article)
        if article.published is None:
            found = [*_hints(page), *(_markup(page.tree, capture) if page.tree is not None else ()), *said]
            article = _decided(article, [item for item in found if EARLIEST <= item.day <= limit])
        if article.published is None and page.tree is not None:
            article = _searched(article, page.tree, capture, limit)
        return article


def _decided(article: Article, found: list[Evidence]) -> Article:
    """The strongest evidence's day; high where it is strong and uncontradicted, or where two sources agree."""
    if not found:
        return article
    strong = [item for item in found if item.strong]
    best = (strong or found)[0]
    agreeing = {item.source for item in found if abs(item.day - best.day) <= timedelta(days=1)}
    contradicted = any(abs(item.day - best.day) > timedelta(days=3) for item in strong)
    high = len(agreeing) > 1 or (best.strong and not contradicted)
    return replace(
        article, published=best.day, published_confidence="high" if high else "low", published_source=best.source
    )


def _hints(page: Page) -> Iterator[Evidence]:
    """What the source, a mail's header or a front matter say."""
    capture = page.capture
    if page.media_type == MAIL and (day := _mail_day(capture)):
        yield Evidence(day=day, source="header", strong=True)
    if page.media_type == MARKDOWN:
        fields, _ = front_matter(decode(capture))
        stated = fields.get("date") or fields.get("datum") or ""
        if day := parse_iso(stated) or parse_day(stated):
            yield Evidence(day=day, source="meta", strong=True)
    if capture.published and (day := parse_iso(capture.published) or _header_day(capture.published)):
        yield Evidence(day=day, source="hint", strong=True)


def _mail_day(capture: Capture) -> date | None:
    return _header_day(str(mail_message(capture.body).get("date", "")))


def _header_day(text: str) -> date | None:
    try:
        return parsedate_to_datetime(text).date()
    except (ValueError, TypeError, IndexError):
        return parse_day(text)


def _markup(tree: HtmlElement, capture: Capture) -> Iterator[Evidence]:
    """Structured data, meta elements, `time` elements, the address, dates beside the heading."""
    markup = Markup(tree)
    stated = markup.data.published
    if stated and (day := parse_iso(stated) or parse_day(stated)):
        yield Evidence(day=day, source="json-ld", strong=True)
    for name in _PUBLISHED_META:
        if name in markup.meta and (day := parse_iso(markup.meta[name]) or parse_day(markup.meta[name])):
            yield Evidence(day=day, source="meta", strong=True)
            break
    yield from _times(tree)
    if day := _url_day(capture.url or ""):
        yield Evidence(day=day, source="url", strong=True)
    yield from _beside_heading(tree)
    stated = markup.data.page_published
    if stated and (day := parse_iso(stated)):
        yield Evidence(day=day, source="json-ld", strong=False)


def _url_day(url: str) -> date | None:
    match = _URL_DAY.search(urlsplit(url).path)
    return parse_iso("-".join(part.zfill(2) for part in match.groups())) if match else None


def _foreign(element: HtmlElement) -> bool:
    """Whether an element belongs to navigation, comments or other releases."""
    for ancestor in (element, *element.iterancestors()):
        if ancestor.tag in ("nav", "aside", "footer"):
            return True
        if ancestor.tag in ("body", "html", "main"):
            return False
        marks = f"{ancestor.get('class') or ''} {ancestor.get('id') or ''}"
        if len(marks) > 1 and _FOREIGN_MARK.search(marks):
            return True
    return False


def _times(tree: HtmlElement) -> Iterator[Evidence]:
    """`time` elements: strong when marked as publication or when the page has no other, else the first one, weak."""
    days: list[tuple[date, bool]] = []
    for element in tree.iter("time", "abbr", "meta"):
        marks = " ".join(element.get(name) or "" for name in ("class", "itemprop", "pubdate"))
        if element.tag != "time" and not _PUBLISHED_MARK.search(marks):
            continue
        day = parse_iso(element.get("datetime") or element.get("title") or element.get("content") or "")
        day = day or parse_day(element_text(element) if element.tag != "meta" else "")
        if day is None or _MODIFIED_MARK.search(marks) or _foreign(element):
            continue
        days.append((day, bool(_PUBLISHED_MARK.search(marks)) or element.get("pubdate") is not None))
    marked = [day for day, published in days if published]
    for day in (marked or [day for day, _ in days])[:1]:
        yield Evidence(day=day, source="time", strong=len({*marked} or {day for day, _ in days}) == 1)


def _beside_heading(tree: HtmlElement) -> Iterator[Evidence]:
    """Short elements called a date, and labelled dates; the first of each."""
    labelled = marked = False
    for element in tree.iter(
        "span", "div", "p", "small", "li", "td", "dd", "em", "strong", "h2", "h3", "h4", "h5", "h6"
    ):
        text = element_text(element) if len(element) <= 6 else ""
        if not 6 <= len(text) <= 150 or not any(character.isdigit() for character in text):
            continue
        hit = next(days_in(text), None)
        if hit is None or _foreign(element):
            continue
        day, start, _ = hit
        if not labelled and _LABEL.search(text[:start]):
            labelled = True
            yield Evidence(day=day, source="label", strong=True)
        elif (
            not marked
            and len(text) <= 80
            and _DATE_MARK.search(f"{element.get('class') or ''} {element.get('id') or ''}")
        ):
            marked = True
            yield Evidence(day=day, source="text", strong=False)
        if labelled and marked:
            return


def _date_lines(article: Article) -> tuple[Article, list[Evidence]]:
    """Dates the text itself states in its first lines: date lines, which are cut, and datelines, which stay."""
    said: list[Evidence] = []
    doomed: list[Line] = []
    for line in lines(article.text)[:5]:
        text = line.text.strip()
        hit = next(days_in(text), None) if len(text) <= 150 else next(days_in(text[:100]), None)
        if hit is None:
            continue
        day, start, end = hit
        masked = f"{text[:start]}DAY{text[end:]}"
        labelled = bool(_LABEL.search(text[:start]))
        if len(text) <= 150 and (_DATE_LINE.fullmatch(masked) or (labelled and len(text) - end <= 30)):
            said.append(Evidence(day=day, source="label" if labelled else "text", strong=labelled))
            doomed.append(line)
        elif _DATELINE_DAY.match(masked):
            said.append(Evidence(day=day, source="text", strong=True))
    return cut_lines(article, "date-line", doomed), said


def _searched(article: Article, tree: HtmlElement, capture: Capture, limit: date) -> Article:
    """htmldate's search of the markup, at low confidence: it answers on most pages, dated or not."""
    found = htmldate.find_date(
        tree,
        url=capture.url,
        original_date=True,
        extensive_search=False,
        min_date=EARLIEST.isoformat(),
        max_date=limit.isoformat(),
    )
    day = parse_iso(found) if found else None
    return replace(article, published=day, published_confidence="low", published_source="text") if day else article
