"""A release's page with the documents it links to: the PDF of the full report is part of what was published.

Which links count is decided by the page alone: documents (PDF, DOCX, ODT) that its main content links to, on the same
registrable domain, or on one that the page loads its own pictures or style sheets from: that is where a site builder
keeps its customers' files. Documents of others that a release points at are theirs, and are not taken.

Attachments are asked for whenever their page is, also when that is unchanged: a file can change behind a constant
link, and a run that was killed between page and attachments is made up for. The requests are conditional, so what is
unchanged costs a few hundred bytes. An attachment that can't be had never fails its page: the request log says why.
"""

import logging
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import cast
from urllib.parse import parse_qsl, unquote, urlsplit

from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from archive_pipeline.address import canonical_url, registrable_domain
from archive_pipeline.errors import FetchError, TransientFetchError
from archive_pipeline.fetch.discovery import MAX_MARKUP, absolute_url, plain_text
from archive_pipeline.fetch.options import HttpOptions
from archive_pipeline.model import Capture, CaptureResult, Item, Source, Unmodified
from archive_pipeline.protocols import FetchContext

__all__ = ["MAX_ATTACHMENTS", "capture_page", "linked_documents"]

MAX_ATTACHMENTS = 10
"""Documents of one page that are taken; a release has one or two, a page with more is a collection."""

MOST_LINKS = 5000
"""Links of a page that are judged, each with all elements around it; real pages have some hundred."""

TYPES = {
    "pdf": "application/pdf",
    "docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "odt": "application/vnd.oasis.opendocument.text",
}
HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})

EXTENSION = re.compile(r"\.(pdf|docx|odt)(?=/|$)", re.IGNORECASE)
"""How the path of a document ends; Liferay writes `/documents/10/Bericht.pdf/<id>`."""

HANDLER = re.compile(
    r"loadDocument\.phtml|eID=dumpFile|__blob=publicationFile|(^|/)getfile\b|[?&]wpdmdl=", re.IGNORECASE
)
"""Scripts that hand out files and nothing else: iKISS, TYPO3, Government Site Builder, council information systems,
WordPress Download Manager."""

MENTIONED = re.compile(rb"pdf|docx|odt|loaddocument|dumpfile|publicationfile|getfile|wpdmdl", re.IGNORECASE)
"""What a page without any of has no link to a document, so that it needs no parsing."""

OTHER_TYPE = re.compile(
    r"(?<![a-z])(jpe?g|png|gif|svg|tiff?|zip|xlsx?|csv|ics|vcf|mp[34]|mov|epub|docm?|pptx?)(?![a-z])", re.IGNORECASE
)
NAMED_TYPE = re.compile(r"(?<![a-z])(pdf|docx|odt)(?![a-z])", re.IGNORECASE)
DOWNLOAD = re.compile(r"download|attachment|anhang|anlage|dokument|document|datei|file|medi[ae]n?\b", re.IGNORECASE)
DOWNLOAD_HEADING = re.compile(
    r"downloads?|anhänge|anhang|anlagen?|dokumente?|dateien?|(zum )?herunterladen|pdf", re.IGNORECASE
)
OTHER_RELEASES = re.compile(
    r"(weitere|ähnliche|ältere|frühere|neueste|aktuelle|letzte) "
    r"(presse\w*|\w*meldungen|nachrichten|artikel|beiträge|themen|news)|mehr zum thema|auch interessieren",
    re.IGNORECASE,
)
"""Headings over lists of other releases."""

FORMALITIES = re.compile(r"datenschutz|impressum|barrierefrei|nutzungsbedingungen|(?<![a-zäöü])agb(?![a-zäöü])", re.I)
"""What is linked on every page, whatever the page is about."""

FRAME_TAGS = frozenset({"nav", "footer", "form", "dialog", "template"})
FRAME_ROLES = frozenset({"navigation", "contentinfo", "banner", "search", "dialog"})
FRAME = re.compile(
    r"\bnavi?\b|navigation|navbar|menu|menü|footer|fusszeile|breadcrumb|cookie|consent|\bsocial|\bshar(e|ing)|pagination"
    r"|\bpager|metabar|topbar",
    re.IGNORECASE,
)
"""Class names and ids of what stands around the content of every page."""

BESIDE_TAGS = frozenset({"aside"})
BESIDE = re.compile(r"sidebar|marginal|related|teaser|widget|rechte-spalte|right-column|\bcomplementary", re.IGNORECASE)
"""What stands beside the content: taken only where it offers downloads."""

HEADINGS = frozenset({"h2", "h3", "h4", "h5", "h6"})
CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
ASSETS = "//img/@src | //img/@data-src | //link[contains(@rel, 'stylesheet')]/@href"

logger = logging.getLogger(__name__)


def capture_page(item: Item, source: Source, context: FetchContext) -> Iterator[CaptureResult]:
    """The item's page, then the documents attached to it: what `capture` of a fetcher for web pages comes to.

    The page's result is first; then follow captures of attachments, each naming the page as its parent, and nothing
    else: one that is unchanged, gone, refused or can't be fetched is left out. With `attachments = false` in the
    source's options the page comes alone. Raises FetchError when the page can't be fetched.
    """
    result = context.get(item.url or item.key, item=item)
    yield result
    options = source.options
    if isinstance(options, HttpOptions) and not options.attachments:
        return
    page = result.capture if isinstance(result, Unmodified) else result
    if isinstance(page, Capture):
        yield from _attachments(page, item, context)


def _attachments(page: Capture, item: Item, context: FetchContext) -> Iterator[Capture]:
    silent: set[str] = set()
    for attachment in linked_documents(page, item):
        url = attachment.url or attachment.key
        host = urlsplit(url).netloc
        if host in silent:
            continue
        try:
            result = context.get(url, item=attachment, parent=page)
        except FetchError as error:
            if isinstance(error, TransientFetchError):
                silent.add(host)  # it was asked several times already, and the next document lies in the same place
            logger.warning("%s: Anlage %s nicht erfasst: %s", item.source_id, url, error.message)
            continue
        if isinstance(result, Capture):
            yield result


def linked_documents(page: Capture, item: Item) -> tuple[Item, ...]:
    """The documents that the main content of a page links to, in its order, at most MAX_ATTACHMENTS; none for what is
    no HTML page. Their keys are canonical addresses, their titles the texts of the links."""
    is_html = page.media_type in HTML_TYPES or (page.media_type is None and page.body.lstrip().startswith(b"<"))
    if not is_html or len(page.body) > MAX_MARKUP or not MENTIONED.search(page.body):
        return ()
    try:
        tree = document_fromstring(page.body, parser=HTMLParser(encoding=_charset(page)))
    except (etree.LxmlError, ValueError, AssertionError):
        return ()
    base = absolute_url(str(tree.xpath("string(//base/@href)")), page.target) or page.target
    domains = _own_domains(tree, base, page.target)
    found: dict[str, Item] = {}
    for link in _content_links(tree, MOST_LINKS):
        url = absolute_url(cast("str", link.get("href")), base)
        media_type = _document_type(link, url) if url else None
        if url is None or media_type is None or registrable_domain(url) not in domains:
            continue
        url = url.partition("#")[0]
        key = canonical_url(url)
        if key in (item.key, canonical_url(page.target)) or FORMALITIES.search(unquote(url) + _label(link)):
            continue
        title = plain_text(_label(link))[:250] or None
        found.setdefault(key, Item(source_id=item.source_id, key=key, url=url, title=title, media_type=media_type))
        if len(found) == MAX_ATTACHMENTS:
            break
    return tuple(found.values())


def _charset(page: Capture) -> str | None:
    """The encoding to read the page in; None leaves it to what the page itself declares."""
    with suppress(UnicodeDecodeError):
        page.body.decode()
        return "utf-8"
    with suppress(LookupError, UnicodeError):
        page.body[:100].decode(page.charset or "", "replace")
        return page.charset
    return None


def _own_domains(tree: HtmlElement, base: str, target: str) -> frozenset[str]:
    assets = (absolute_url(str(asset), base) for asset in tree.xpath(ASSETS))
    return frozenset(registrable_domain(url) for url in (target, *assets) if url)


def _content_links(tree: HtmlElement, most: int) -> Iterator[HtmlElement]:
    """Links of the main content: `main` where the page has one, without what stands around and beside it. Not more than
    `most` are looked at."""
    mains = tree.xpath("//main | //*[@role='main']")
    root = mains[0] if len(mains) == 1 else tree
    around_title = {ancestor for title in root.iter("h1") for ancestor in title.iterancestors()}
    heading = ""
    for element in root.iter(etree.Element):
        if element.tag == "h1":
            heading = ""  # the release's own title
        elif element.tag in HEADINGS:
            heading = _text(element)
        elif element.tag != "a" or not element.get("href") or OTHER_RELEASES.search(heading):
            continue
        elif most == 0:
            return
        else:
            most -= 1
            if _is_content(element, root, around_title, heading):
                yield element


def _is_content(link: HtmlElement, root: HtmlElement, around_title: set[HtmlElement], heading: str) -> bool:
    offers_downloads = bool(DOWNLOAD_HEADING.search(heading))
    in_article = False
    for element in link.iterancestors():
        if element is root or element.tag in ("body", "main"):
            break
        names = CAMEL.sub("-", f"{element.get('class') or ''} {element.get('id') or ''}").replace("_", "-")
        offers_downloads = offers_downloads or bool(DOWNLOAD.search(names))
        in_article = in_article or element.tag == "article"
        if element in around_title:
            continue  # whatever it is called, the release itself stands in it
        if element.tag in FRAME_TAGS or (element.get("role") or "").lower() in FRAME_ROLES or FRAME.search(names):
            return False
        if element.tag == "header" and not in_article:
            return False
        if (element.tag in BESIDE_TAGS or BESIDE.search(names)) and not offers_downloads:
            return False
    return True


def _document_type(link: HtmlElement, url: str) -> str | None:
    """The media type of the document that a link leads to, as far as the page shows it; None when it shows none."""
    declared = (link.get("type") or "").partition(";")[0].strip().lower()
    if declared in TYPES.values():
        return declared
    parts = urlsplit(url)
    if named := EXTENSION.search(unquote(parts.path)):
        return TYPES[named[1].lower()]
    for name, value in parse_qsl(parts.query):
        ending = EXTENSION.search(value) or re.fullmatch(r"(pdf|docx|odt)", value, re.IGNORECASE)
        if ending and (ending[0].startswith(".") or name.lower() in ("ext", "extension", "filetype", "mimetype")):
            return TYPES[ending[1].lower()]
    said = NAMED_TYPE.search(f"{_label(link)} {link.get('class') or ''}")
    hands_out_files = HANDLER.search(url)
    if said and (hands_out_files or DOWNLOAD.search(f"{parts.path}?{parts.query}")):
        return TYPES[said[1].lower()]
    return TYPES["pdf"] if hands_out_files and not OTHER_TYPE.search(f"{url} {_label(link)}") else None


def _label(link: HtmlElement) -> str:
    """What the link says of itself."""
    return " ".join(part for part in (_text(link), link.get("title"), link.get("aria-label")) if part)


def _text(element: HtmlElement) -> str:
    return " ".join("".join(str(part) for part in element.itertext()).split())
