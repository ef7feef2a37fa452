"""Slot 600: when a release was published, where that is said, and how sure it is. "Unknown" is a valid answer.

Evidence by strength. Strong: structured data of an article, publication meta elements, a `time` element marked as
publication, a full date in the address, the feed's entry, a mail's header, a label ("Meldungsdatum:"). Weak: a
date beside the heading, a date line of its own, dates of the page as a whole. The strongest evidence gives
the day; two independent pieces that agree raise the confidence, contradicting strong ones lower it. Days after the
capture and copyright years never count. Dates within sentences are events and are never taken.
Machine-readable dates of standing pages (start pages, products, WordPress pages) and of meta elements without a
settled meaning ("date") are weak: they say when the page was set up or delivered.
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
from archive_pipeline.clean.documents import READERS, front_matter, read_document
from archive_pipeline.clean.markup import Markup, element_text, markup_of
from archive_pipeline.clean.page import MAIL, MARKDOWN
from archive_pipeline.clean.spans import Line, cut_lines, lines, plain
from archive_pipeline.clean.text import normalise_line
from archive_pipeline.clean.title import find_heading
from archive_pipeline.language.days import EARLIEST, days_in, parse_day, parse_iso
from archive_pipeline.mail import read_letter
from archive_pipeline.model import Article, Capture, Source
from archive_pipeline.protocols import Page

__all__ = ["Dates"]

_PUBLISHED_META = (
    "article:published_time",
    "og:article:published_time",
    "og:published_time",
    "datepublished",
    "date.issued",
    "dcterms.issued",
    "dcterms.created",
    "dc.date.issued",
    "dc.date.created",
    "pubdate",
    "publishdate",
    "publish-date",
    "publication_date",
    "sailthru.date",
    "parsely-pub-date",
    "article_date_original",
    "cxenseparse:recs:publishtime",
    "dc.created",
    "dc.date",
    "dcterms.date",
    "dc:date",
    "date",
    "last-published",
)
_UNSPECIFIC_META = frozenset({"dc.date", "dcterms.date", "dc:date", "date", "last-published"})
"""Meta elements that content systems fill with the day of publication, of the last change or of delivery."""
_STANDING_BODY = re.compile(r"(?:^|\s)(?:page-id-\d+|product-template\S*|single-product)(?:$|\s)")
_STANDING_TYPES = frozenset({"website", "product", "profile", "product.item"})
_PUBLISHED_MARK = re.compile(r"publish|posted|entry-date|pubdate|erschienen|datePublished|dateCreated|created", re.I)
_DATE_MARK = re.compile(r"date|datum|publish|posted|byline|meta|timestamp|zeit|stand|erschienen|info", re.I)
_FOREIGN_MARK = re.compile(
    r"comment|kommentar|teaser|related|sidebar|widget|event|termin|calendar|kalender|copyright|recent|aside",
    re.I,
)
_EVENT = re.compile(
    r"\b(?:ab|bis|von|beginn|termin|findet|veranstaltung|einlass|anmeldung|frist|dauer|beginnt|startet|geboren"
    r"|gestorben)\b|beginn:|dauer:|termin:|©",
    re.I,
)
_UNRELATED = re.compile(r"comment|kommentar|related|event|termin|calendar|kalender|copyright|list", re.I)
NEXT = 8
"""Elements around the heading that can't belong to another release, whatever their class says: "teaser__date"."""
_SHORT_DAY = re.compile(r"(?<![\d.])\d{1,2}\.\d{1,2}\.\d\d(?![\d.])")
_UNSEEN = frozenset({"script", "style", "title", "option", "noscript"})
OPENING = 40
MAX_SHOWN = 200
MAX_BESIDE = 60
"""Characters a line may hold besides its date to be a date line."""
BEFORE, AFTER, CLOSE = 60, 80, 45
"""Elements before and after the heading within which a date belongs to it, and within which it surely does."""
_MODIFIED_MARK = re.compile(r"modif|update|aktualisiert", re.I)
_MODIFIED_META = ("article:modified_time", "og:updated_time", "dcterms.modified", "dc.date.modified", "datemodified")
_URL_DAY = re.compile(r"(?<!\d)((?:19|20)\d\d)[/_.-]?(0?[1-9]|1[0-2])[/_.-]?(0[1-9]|[12]\d|3[01])(?!\d)")
_URL_DAY_FIRST = re.compile(r"(?<!\d)(0[1-9]|[12]\d|3[01])[-_.]?(0[1-9]|1[0-2])[-_.]?(20\d\d)(?!\d)")
_LABEL = re.compile(
    r"\b(?:meldungsdatum|veröffentlicht(?:\s+(?:am|:))?|veröffentlichungsdatum|veröffentlichung|erscheinungsdatum"
    r"|erschienen(?:\s+am)?|publiziert(?:\s+am)?|published(?:\s+on)?"
    r"|publikationsdatum|datum|eingestellt(?:\s+am)?|erstellt(?:\s+am)?"
    r"|pressemitteilung(?:\s+nr\.?\s*[\w/.-]+)?\s+vom|presseinformation(?:\s+nr\.?\s*[\w/.-]+)?\s+vom"
    r"|(?:pressemeldung|medienmitteilung|meldung|artikel|beitrag|nachricht)\s+vom|posted\s+on|verfasst\s+am"
    r"|geschrieben\s+am|(?:geschrieben|eingestellt|veröffentlicht|erstellt|verfasst)\s+von\s.{2,50}?\s(?:am|,)"
    r"|online\s+seit)\s*:?\s*"
    r"(?:[A-Za-zäöü-]{2,10},?\s+)*$",
    re.I,
)
_DATE_LINE = re.compile(
    r"(?:(?:presse|medien)(?:mitteilung|meldung|information|info|erklärung|dienst)\w*\s*)?(?:(?:nr"
    r"|nummer)\.?\s*[\w/.-]+\s*)?[|,–-]?\s*"
    r"(?:(?:vom|am|den)\s+)?(?:[A-ZÄÖÜ][\w.äöüß-]*(?:[ /-][A-ZÄÖÜa-zäöü(][\w.äöüß)-]*){0,3},\s*(?:den\s+)?)?"
    r"(?:(?:mo|di|mi|do|fr|sa"
    r"|so)\w{0,8}[.,]{0,2}\s+(?:den\s+)?)?DAY(?:\s*[,|–-]?\s*(?:um\s+)?\d{1,2}[:.]\d\d(?:\s*uhr)?)?\s*[.|–-]?",
    re.I,
)
_NO_SPACE = re.compile(r"(?<=\d\.)(?=[A-ZÄ][a-zä]{2})")
"""Where a space is missing before a month: "3.März 2017"."""
_BARE_LABEL = re.compile(
    r"(?:veröffentlicht|erschienen|publiziert|erstellt|eingestellt|aktualisiert)(?: am)?\s*:?|(?:meldungs|erscheinungs"
    r"|veröffentlichungs|publikations)?datum\s*:?|stand\s*:",
    re.I,
)
"""A label whose date the extractor dropped with its element."""
_EMBARGO = re.compile(r"sperrfrist|embargo|\bfrei ab\b", re.I)
_NUMBER_LINE = re.compile(
    r"[|\s]*(?:(?:presse|medien)(?:mitteilung|meldung|information|info|erklärung|dienst)\w*|PM|PI)?\s*(?:Nr\.?"
    r"|Nummer)?\s*"
    r"\d{1,4}\s?[/.-]\s?\d{2,4}\s*\|?",
    re.I,
)
_BARS = re.compile(r"\s*(?:\||//|•|·|\s[–—-]\s)\s*")
_DATELINE_DAY = re.compile(
    r"^[A-ZÄÖÜ][^.!?\d]{1,60}?[,/(]\s*(?:den\s+)?DAY\)?\s*[.:–—-]|^\(DAY\)\s*[–—:-]?\s*[A-ZÄÖÜ„\"]|^DAY\s*[–—:|-]\s+[A-ZÄÖÜ„\"]"
)


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
            found = [
                *_hints(page),
                *(_address(capture.url or capture.key, sure=False) if article.state == "no_text_layer" else ()),
                *(_markup(page.tree, capture, article) if page.tree is not None else ()),
                *said,
            ]
            article = _decided(article, [item for item in found if EARLIEST <= item.day <= limit])
        if article.published is None and page.tree is not None:
            article = _searched(article, page.tree, capture, limit)
        if article.published is None and page.media_type in READERS:
            article = _made(article, page, limit)
        return _with_modified(article, page.tree, limit) if page.tree is not None else article


def _decided(article: Article, found: list[Evidence]) -> Article:
    """The day with most evidence, strong pieces counting double, the first named where two are equal.

    High confidence: a strong piece or two different kinds stand for it, and no strong piece against it.
    """
    if not found:
        return article

    def weight(item: Evidence) -> int:
        return sum(1 + other.strong for other in found if abs(other.day - item.day) <= timedelta(days=1))

    best = max(found, key=weight)
    # a day apart is one publication: what readers see is right where the machine's date is that of an edit in the night
    eve = [item for item in found if item.day == best.day - timedelta(days=1) and item.source in ("text", "label")]
    best = max(eve, key=weight) if eve else best
    agreeing = [item for item in found if abs(item.day - best.day) <= timedelta(days=1)]
    against = [item for item in found if item.strong and abs(item.day - best.day) > timedelta(days=3)]
    sure = any(item.strong for item in agreeing) or len({item.source for item in agreeing}) > 1
    outvoted = len(against) >= len({item.source for item in agreeing})
    return replace(
        article,
        published=best.day,
        published_confidence="high" if sure and not (against and outvoted) else "low",
        published_source=best.source,
    )


def _hints(page: Page) -> Iterator[Evidence]:
    """What the source, a mail's header or a front matter say."""
    capture = page.capture
    if page.media_type == MAIL:
        # when it was sent, or forwarded: the text may know better, and the source's hint says no more
        if day := read_letter(capture.body).day:
            yield Evidence(day=day, source="header", strong=False)
        return
    if page.media_type == MARKDOWN:
        fields, _ = front_matter(decode(capture))
        stated = fields.get("date") or fields.get("datum") or ""
        if day := parse_iso(stated) or parse_day(stated):
            yield Evidence(day=day, source="meta", strong=True)
    if capture.published and (day := parse_iso(capture.published) or _header_day(capture.published)):
        # beside a document out of a mail stands when the mail was sent
        enclosed = capture.status is None and page.media_type in READERS
        yield Evidence(day=day, source="hint", strong=not enclosed)


def _header_day(text: str) -> date | None:
    try:
        return parsedate_to_datetime(text).date()
    except (ValueError, TypeError, IndexError):
        return parse_day(text)


def _markup(tree: HtmlElement, capture: Capture, article: Article) -> Iterator[Evidence]:
    """Structured data, meta elements, `time` elements, the address, dates beside the heading."""
    markup = markup_of(tree)
    standing = _is_standing(tree, markup)
    stated = markup.data.published
    if stated and (day := parse_iso(stated) or parse_day(stated)):
        yield Evidence(day=day, source="json-ld", strong=not standing)
    for name in _PUBLISHED_META:
        if name in markup.meta and (day := parse_iso(markup.meta[name]) or parse_day(markup.meta[name])):
            yield Evidence(day=day, source="meta", strong=not standing and name not in _UNSPECIFIC_META)
            break
    yield from _times(tree)
    yield from _address(capture.url or "")
    yield from _visible(tree, article)
    stated = markup.data.page_published
    if stated and (day := parse_iso(stated)):
        yield Evidence(day=day, source="json-ld", strong=False)


def _is_standing(tree: HtmlElement, markup: Markup) -> bool:
    """Whether the page says of itself that it is no dated article but a standing page: a WordPress page (its body
    has the class "page-id-…", a post "single"), a start page, a product. Its date is the day it was set up."""
    body = tree.find(".//body")
    if body is not None and _STANDING_BODY.search(body.get("class") or ""):
        return True
    return markup.first("og:type", "") in _STANDING_TYPES and markup.data.headline is None


def _address(url: str, *, sure: bool = True) -> Iterator[Evidence]:
    """Full dates in an address: year first is a date of publication, day first may be that of an event. In the name of
    a file (not `sure`) either may be."""
    # an address in a web archive carries the time of archiving before the original address
    path = urlsplit(url.rsplit("/http", 1)[-1]).path
    if match := _URL_DAY.search(path):
        day = parse_iso("-".join(part.zfill(2) for part in match.groups()))
        if day:
            yield Evidence(day=day, source="url", strong=sure)
    elif (match := _URL_DAY_FIRST.search(path)) and (day := parse_iso("-".join(match.group(3, 2, 1)))):
        yield Evidence(day=day, source="url", strong=False)


def _foreign(element: HtmlElement, own: frozenset[HtmlElement] = frozenset()) -> bool:
    """Whether an element belongs to navigation, comments or other releases; `own` are containers of the heading."""
    for ancestor in (element, *element.iterancestors()):
        if ancestor in own or ancestor.tag in ("body", "html", "main"):
            return False
        if ancestor.tag in ("nav", "footer") or (
            ancestor.tag == "aside" and not _DATE_MARK.search(ancestor.get("class") or "")
        ):
            return True
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


def _visible(tree: HtmlElement, article: Article) -> Iterator[Evidence]:
    """Dates that readers see: the labelled one, and the one nearest to the heading that stands on its own.

    Where no heading carries the title, the first paragraph of the text is the place to look around.
    """
    anchor, own = _anchor(tree, article)
    shown: list[tuple[int, date, bool]] = []
    for position, element in enumerate(tree.iter()):
        for part in (element.text, element.tail):
            if part is None or not 6 <= len(part) <= MAX_SHOWN:
                continue
            if not ("20" in part or "19" in part or (part.count(".") >= 2 and _SHORT_DAY.search(part))):
                continue
            if element.tag in _UNSEEN:
                continue
            text = normalise_line(part)
            hit = next(days_in(text), None)
            if hit is None or _EMBARGO.search(text):
                continue
            beside = abs(position - anchor) <= NEXT and not _UNRELATED.search(element.get("class") or "")
            if _foreign(element, own) and not beside:
                continue
            day, start, end = hit
            labelled = bool(_LABEL.search(text[:start] or _before(element)))
            rest = text[:start] + text[end:]
            if labelled or (len(rest) <= MAX_BESIDE and not _EVENT.search(rest)):
                shown.append((position, day, labelled))
    near = [(abs(position - anchor), day) for position, day, _ in shown if -BEFORE <= position - anchor <= AFTER]
    if label := next((day for _, day, labelled in shown if labelled), None):
        yield Evidence(day=label, source="label", strong=True)
    if near:
        distance, day = min(near)
        yield Evidence(day=day, source="text", strong=distance <= CLOSE)


def _anchor(tree: HtmlElement, article: Article) -> tuple[int, frozenset[HtmlElement]]:
    """Position in document order of the heading, else of the first paragraph, and the elements around it."""
    place = find_heading(tree, article.title)
    if place is None:
        first = next(iter(lines(article.text)), None)
        opening = plain(first.text[:OPENING])[:20] if first is not None else ""
        place = next((element for element in tree.iter() if opening and _opens(element, opening)), None)
    if place is None:
        return -2 * AFTER, frozenset()
    return next(position for position, element in enumerate(tree.iter()) if element is place), frozenset(
        place.iterancestors()
    )


def _opens(element: HtmlElement, opening: str) -> bool:
    text = element.text
    return (
        text is not None
        and len(text) > 20
        and element.tag not in _UNSEEN
        and plain(text[: 2 * OPENING]).startswith(opening)
    )


def _before(element: HtmlElement) -> str:
    """What stands right before an element: the label in "<dt>Datum</dt><dd>10.12.2018</dd>"."""
    previous = element.getprevious()
    if previous is None:
        parent = element.getparent()
        return (parent.text or "").strip() if parent is not None else ""
    return (previous.tail or "").strip() or (element_text(previous) if len(previous) <= 3 else "")


def _date_lines(article: Article) -> tuple[Article, list[Evidence]]:
    """Dates the text itself states in its first lines: date lines, which are cut, and datelines, which stay."""
    said: list[Evidence] = []
    doomed: list[Line] = []
    for line in lines(article.text)[:5]:
        text = _NO_SPACE.sub(" ", line.text.strip())
        if _is_number_line(text) or _BARE_LABEL.fullmatch(text):
            doomed.append(line)
            continue
        hit = next(days_in(text), None) if len(text) <= 150 else next(days_in(text[:100]), None)
        if hit is None or _EMBARGO.search(text):
            continue
        day, start, end = hit
        masked = f"{text[:start]}DAY{text[end:]}"
        labelled = bool(_LABEL.search(text[:start]))
        if len(text) <= 150 and (_is_date_line(masked) or (labelled and len(text) - end <= 30)):
            said.append(Evidence(day=day, source="label" if labelled else "text", strong=labelled or line.number < 2))
            doomed.append(line)
        elif _DATELINE_DAY.match(masked):
            said.append(Evidence(day=day, source="text", strong=True))
    return cut_lines(article, "date-line", doomed), said


def _is_number_line(text: str) -> bool:
    """Whether a line is a release number and nothing else ("| Pressemitteilung Nr. 187/2021", "PM 411/2023")."""
    return len(text) <= 60 and bool(_NUMBER_LINE.fullmatch(text))


def _is_date_line(masked: str) -> bool:
    """Whether a line, its day masked, is a date line: place, number, section or author besides, no sentence."""
    if _DATE_LINE.fullmatch(masked):
        return True
    parts = [part.strip() for part in _BARS.split(masked)]
    return len(parts) > 1 and "DAY" in parts and len(masked) <= 60 and not re.search(r"[.!?:]\s|[.!?:]$", masked)


def _searched(article: Article, tree: HtmlElement, capture: Capture, limit: date) -> Article:
    """htmldate's search of the markup, at low confidence: it answers on most pages, dated or not."""
    try:
        found = htmldate.find_date(
            tree,
            url=capture.url,
            original_date=True,
            extensive_search=False,
            min_date=EARLIEST.isoformat(),
            max_date=limit.isoformat(),
        )
    except ValueError:  # its copy of the tree can't hold the control characters that this one has
        return article
    day = parse_iso(found) if found else None
    return replace(article, published=day, published_confidence="low", published_source="text") if day else article


def _with_modified(article: Article, tree: HtmlElement, limit: date) -> Article:
    """The article with the day of its last change, where markup states one later than the day of publication."""
    markup = markup_of(tree)
    stated = (markup.data.modified, *(markup.meta.get(name) for name in _MODIFIED_META))
    days = (parse_iso(text) for text in stated if text)
    day = next((day for day in days if day is not None and EARLIEST <= day <= limit), None)
    if day is None or article.modified or (article.published is not None and day <= article.published):
        return article
    return replace(article, modified=day)


def _made(article: Article, page: Page, limit: date) -> Article:
    """The day a document was made, as its properties say, at low confidence: it may have been converted years later."""
    day = read_document(page.media_type, page.capture.body).created
    if day is None or not EARLIEST <= day <= limit:
        return article
    return replace(article, published=day, published_confidence="low", published_source="meta")
