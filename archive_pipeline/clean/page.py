"""A capture as cleaners see it: what it is, its text, and for HTML its one parsed tree."""

import re
import zipfile
import zlib
from collections.abc import Container
from functools import cached_property
from io import BytesIO
from typing import cast

from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from archive_pipeline.clean.charset import decode, is_binary
from archive_pipeline.clean.documents import (
    DOCX,
    ODT,
    PDF,
    READERS,
    markdown_text,
    read_document,
)
from archive_pipeline.clean.spans import terms
from archive_pipeline.errors import CleanError
from archive_pipeline.mail import read_letter
from archive_pipeline.model import Capture

__all__ = ["DOCX", "MAIL", "MARKDOWN", "ODT", "PDF", "CapturePage", "block_text", "parse_html"]

MAIL = "message/rfc822"
MARKDOWN = "text/markdown"

MAX_CHARACTERS = 20_000_000
"""Decoded characters beyond which a document is refused; the fetch layer caps bodies at about the same size."""
MAX_MARKUP = 6_000_000
"""Bytes of HTML in UTF-8, without embedded images, beyond which a page is refused; a tree takes 30 times as much."""
MAX_ELEMENTS = 200_000
"""Elements beyond which a page is refused; the largest real press pages have about 10,000."""

_MAGIC = (
    (b"%PDF-", PDF),
    (b"\x1f\x8b", "application/gzip"),
    (b"\xd0\xcf\x11\xe0", "application/msword"),
    (b"{\\rtf", "application/rtf"),
    (b"\x89PNG", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF8", "image/gif"),
    (b"RIFF", "application/octet-stream"),
    (b"OggS", "application/ogg"),
    (b"ID3", "audio/mpeg"),
)
_REFUSED = {
    "application/gzip": "gzip-Datei ist unvollständig oder beschädigt",
    "application/msword": "altes Word-Format (.doc) wird nicht gelesen; als DOCX oder PDF speichern",
    "application/rtf": "RTF wird nicht gelesen; als DOCX oder PDF speichern",
    "application/zip": "ZIP-Archiv ist kein Dokument; entpackt einlesen",
}
# a comment once read is not tried in another way: with thirty of them there are a billion ways
_HTML_START = re.compile(
    r"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.{0,5000}?-->\s*)*+<(?:!doctype\s+html|html|head|body)\b", re.I | re.S
)
_XML_START = re.compile(r"\s*<\?xml\b|\s*<(?:rss|feed|urlset|sitemapindex)\b", re.I)
_ANY_TAG = re.compile(
    r"<(?:html|head|body|title|meta|div|p|h[1-6]|span|table|article|section|main|br|a)\b[^<>]{0,2000}>", re.I
)
_MAIL_FIELD = re.compile(
    rb"^(from|subject|date|to|mime-version|received|return-path|message-id|delivered-to):", re.I | re.M
)
_HEADER_LINE = re.compile(rb"[!-9;-~]{1,60}:|[ \t]")
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})


_COUNT = etree.XPath("count(//*)")
# lxml.html asks a Python function for the class of every element it meets; here all are of one
_ONE_CLASS = etree.ElementDefaultClassLookup(element=HtmlElement)
# embedded images and the like: nothing a cleaner reads, and a torment for every pattern that is tried on them
_HUGE_VALUE = re.compile(rb"""="[^"<>]{20000,}"|='[^'<>]{20000,}'""")


def parse_html(text: str) -> HtmlElement:
    """The tree of an HTML document, comments and processing instructions left out.

    Raises CleanError for what can't be a page: nothing parsed, nested too deeply, too many elements.
    """
    # counted before parsing, which takes 300 bytes an element; one has two tags, and scripts have brackets too
    if text.count("<") > 3 * MAX_ELEMENTS:
        raise CleanError(f"HTML hat über {MAX_ELEMENTS} Elemente")
    # as bytes, because one emoji makes a text of four bytes a character
    markup = text.encode("utf-8", "replace")
    if b"\x00" in markup:
        markup = markup.replace(b"\x00", b"")
    if len(markup) > 100_000:
        markup = _HUGE_VALUE.sub(b'=""', markup)
    if len(markup) > MAX_MARKUP:
        raise CleanError(f"HTML ist zu groß für eine Meldung: {len(markup)} Bytes, erlaubt sind {MAX_MARKUP}")
    parser = HTMLParser(collect_ids=False, encoding="utf-8", remove_comments=True, remove_pis=True)
    parser.set_element_class_lookup(_ONE_CLASS)
    try:
        tree = document_fromstring(markup, parser=parser)
    except (etree.LxmlError, ValueError, AssertionError) as error:
        raise CleanError(f"HTML ist nicht lesbar: {error}") from error
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise CleanError("HTML ist zu tief verschachtelt (über 250 Ebenen) oder hat einen überlangen Abschnitt")
    if cast("float", _COUNT(tree)) > MAX_ELEMENTS:
        raise CleanError(f"HTML hat über {MAX_ELEMENTS} Elemente")
    for style in tree.iter("style"):  # nobody reads it, and the extractor copies the tree three times
        style.text = None
    return tree


class CapturePage:
    """One capture, sniffed, decoded and parsed at most once, each on first use."""

    def __init__(self, capture: Capture) -> None:
        self._capture = capture
        self._held: list[HtmlElement] = []

    @property
    def capture(self) -> Capture:
        """The bytes and everything known about them."""
        return self._capture

    @cached_property
    def media_type(self) -> str:
        """The type of the content: its first bytes decide, then what was declared, then the file's name."""
        body = self._capture.body
        head = body[:1024].lstrip()
        for magic, media_type in _MAGIC:
            if head.startswith(magic) or (media_type == PDF and magic in head):
                return media_type
        if body.startswith(b"PK\x03\x04"):
            return _zip_type(body)
        if is_binary(body):
            declared = self._capture.media_type or ""
            return (
                "application/octet-stream" if declared.startswith(("text/", "message/")) or not declared else declared
            )
        return self._text_type()

    def _text_type(self) -> str:
        capture = self._capture
        declared = (capture.media_type or "").lower()
        name = capture.key.lower().removesuffix(".gz")
        if declared == MAIL or name.endswith(".eml") or _looks_like_mail(capture.body):
            return MAIL
        if declared == MARKDOWN or name.endswith((".md", ".markdown")):
            return MARKDOWN
        start = self._source[:20000]
        if _HTML_START.match(start):
            return "text/html"
        if _XML_START.match(start):
            return "application/xhtml+xml" if re.search(r"<html\b", start, re.I) else "application/xml"
        if declared in _HTML_TYPES or name.endswith((".html", ".htm", ".xhtml")):
            return "text/html" if _ANY_TAG.search(self._source) else "text/plain"
        # an undeclared fragment is HTML when it is full of tags; plain text with a stray "<p>" is not
        if declared != "text/plain" and len(_ANY_TAG.findall(start)) >= 3:
            return "text/html"
        return "text/plain"

    @cached_property
    def _source(self) -> str:
        """The decoded body of a text format, its line breaks those of Unix."""
        text = decode(self._capture)
        if len(text) > MAX_CHARACTERS:
            raise CleanError(f"Text ist länger als {MAX_CHARACTERS} Zeichen")
        return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text

    @cached_property
    def text(self) -> str:
        """The decoded source text; of PDF, DOCX, ODT, mail and Markdown the text they hold.

        Pages of a PDF are separated by a form feed. Raises CleanError when the capture holds no text.
        """
        media_type, body = self.media_type, self._capture.body
        if media_type in READERS:
            return read_document(media_type, body).text
        if media_type == MAIL:
            letter = read_letter(body)
            if not letter.text.strip():
                hint = "Anhänge werden als eigene Dokumente eingelesen"
                raise CleanError("E-Mail enthält keinen Textteil", hint=hint)
            return letter.text
        if not media_type.startswith("text/") and not media_type.endswith("xml"):
            reason = _REFUSED.get(media_type, f"Binärdatei ({media_type}), kein Text")
            raise CleanError(reason, hint="Format umwandeln oder aus der Quelle ausschließen")
        if media_type == MARKDOWN:
            return markdown_text(self._source)
        return self._source

    @cached_property
    def tree(self) -> HtmlElement | None:
        """The one parsed tree of an HTML page, else None. Cleaners must not change it."""
        if self.media_type not in _HTML_TYPES:
            return None
        tree = parse_html(self.text)
        # up to four bytes a character that hardly anybody asks for again: who does, has it decoded again
        for name in ("text", "_source"):
            self.__dict__.pop(name, None)
        # lxml makes a new object for an element that nobody holds, each time it is met; a dozen passes meet all
        self._held = list(tree.iter())
        return tree


def _zip_type(body: bytes) -> str:
    try:
        with zipfile.ZipFile(BytesIO(body)) as archive:
            names = archive.namelist()
            if "word/document.xml" in names:
                return DOCX
            is_odt = "mimetype" in names and archive.open("mimetype").read(100).decode("latin-1").startswith(ODT)
            return ODT if is_odt else "application/zip"
    except (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, LookupError, RuntimeError):
        return "application/zip"


def _looks_like_mail(body: bytes) -> bool:
    """Whether the body opens with a block of header lines among which From and another mail field stand."""
    head = body[:4096].replace(b"\r\n", b"\n").split(b"\n\n", 1)[0]
    fields = {name.lower() for name in _MAIL_FIELD.findall(head)}
    return b"from" in fields and len(fields) >= 3 and all(_HEADER_LINE.match(line) for line in head.split(b"\n")[:-1])


_BLOCKS = terms(
    "address|article|aside|blockquote|body|br|caption|center|dd|div|dl|dt|fieldset|figcaption|figure|footer|form|h1|h2"
    "|h3|h4|h5|h6|header|hr|legend|li|main|nav|ol|option|p|pre|section|table|tbody|td|tfoot|th|thead|tr|ul"
)
_UNREAD = terms("script|style|head|template|noscript|svg|math|iframe|object|select|textarea")


def block_text(root: HtmlElement, without: Container[HtmlElement] = ()) -> str:
    """The text of a tree, one line per block element; scripts, form choices and elements of `without` left out."""
    pieces: list[str] = []
    walk = etree.iterwalk(root, events=("start", "end"))
    for event, element in walk:
        if event == "start":
            if element.tag in _UNREAD or element in without:
                walk.skip_subtree()
                continue
            if element.tag in _BLOCKS:
                pieces.append("\n")
            if text := element.text:
                pieces.append(_one_line(text))
            continue
        if element.tag in _BLOCKS and element not in without:
            pieces.append("\n")
        if (tail := element.tail) and element is not root:
            pieces.append(_one_line(tail))
    lines = (" ".join(line.split()) for line in "".join(pieces).split("\n"))
    return "\n".join(line for line in lines if line)


def _one_line(text: str) -> str:
    """Line breaks of the HTML source are spaces; only block elements break lines."""
    return text.replace("\n", " ")
