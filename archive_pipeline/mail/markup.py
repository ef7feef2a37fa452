"""The visible text of an HTML mail, line by line, and the links in it.

Newsletters are tables within tables with a hidden line for the list of messages, tracking pixels, and links that lead
past a counter. Nothing is fetched, and of a link only its text is text.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree
from lxml.html import HtmlElement, HTMLParser, document_fromstring

from archive_pipeline.errors import CleanError

__all__ = ["RULE", "Link", "Visible", "read_markup"]

RULE = "-" * 10
"""The line that stands for a horizontal rule."""

MAX_MARKUP = 5_000_000
MAX_ELEMENTS = 100_000
"""Characters and elements beyond which HTML is refused; the largest newsletters have a tenth of that."""
MAX_CELL = 60
"""Characters of the longest cell in a table of data; layout tables hold more."""

_HIDDEN = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|max-height\s*:\s*0(?:px)?\s*(?:;|$)"
    r"|opacity\s*:\s*0(?:\.0+)?\s*(?:;|$)",
    re.I,
)
_TINY = re.compile(r"font-size\s*:\s*[01](?:px|pt)?\s*(?:;|!|$)", re.I)
_PREHEADER = re.compile(r"\bpre-?header\b|\bpreview-?text\b|\bmcnPreviewText\b", re.I)
_CITED = re.compile(r"\bgmail_quote\b|\bmoz-cite|\bcite\b", re.I)


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_BLOCKS = _names(
    "address article aside blockquote body center dd div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6"
    " header li main nav ol p pre section table tbody td tfoot th thead tr ul"
)
_PARAGRAPHS = _names("blockquote figure h1 h2 h3 h4 h5 h6 ol p pre section table ul")
_HEADINGS = _names("h1 h2 h3")
_UNREAD = _names("script style head template noscript svg math iframe object select textarea title img")
_OPENED, _CLOSED, _BREAK = "\ue000", "\ue001", "\ue002"
"""Private characters that stand for the beginning and end of quoted mail, and for a new line, while text is put
together: line breaks of the source are spaces."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link as readers see it and where it leads."""

    text: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Visible:
    """What readers see: `text` line by line, an empty line between blocks, quoted mail marked by ">"; `headings` are
    the headings with their level (1 to 3), `canonical` is what the markup names as its address on the web."""

    text: str
    links: tuple[Link, ...] = ()
    headings: tuple[tuple[int, str], ...] = ()
    canonical: str | None = None


def read_markup(markup: str) -> Visible:
    """Read the HTML part of a mail. Raises CleanError for what can't be one."""
    tree = _tree(markup)
    pieces: list[str] = []
    links: list[Link] = []
    headings: list[tuple[int, str]] = []
    skipped: HtmlElement | None = None
    for event, element in etree.iterwalk(tree, events=("start", "end")):
        if skipped is not None:
            if event == "end" and element is skipped:
                skipped = None
                pieces += _break(element), element.tail or ""
            continue
        tag = element.tag if isinstance(element.tag, str) else ""
        if event == "start":
            if tag in _UNREAD or _is_hidden(element):
                skipped = element
                continue
            if tag == "table" and (rows := list(_data_rows(element))):
                pieces += _BREAK * 2, _BREAK.join(rows)
                skipped = element
                continue
            pieces += _break(element), _opening(element, tag), element.text or ""
        else:
            if tag == "a" and len(links) < 2000:
                links.append(Link(text=_one_line(element), address=(element.get("href") or "").strip()))
            if tag in _HEADINGS:
                headings.append((int(tag[1]), _one_line(element)))
            pieces += _CLOSED if _is_quoted(element, tag) else "", _break(element)
            if element is not tree:
                pieces.append(element.tail or "")
    return Visible(
        text=_lines(pieces),
        links=tuple(links),
        headings=tuple(headings),
        canonical=_canonical(tree),
    )


def _tree(markup: str) -> HtmlElement:
    if len(markup) > MAX_MARKUP:
        raise CleanError(f"HTML der E-Mail ist zu groß: {len(markup)} Zeichen, erlaubt sind {MAX_MARKUP}")
    parser = HTMLParser(collect_ids=False, encoding="utf-8", remove_comments=True, remove_pis=True)
    clean = re.sub(f"[\x00{_OPENED}-{_BREAK}]", "", markup)
    try:
        tree = document_fromstring(clean.encode("utf-8", "replace"), parser=parser)
    except (etree.LxmlError, ValueError, AssertionError) as error:
        raise CleanError(f"HTML der E-Mail ist nicht lesbar: {error}") from error
    if any(entry.type_name == "ERR_RESOURCE_LIMIT" for entry in parser.error_log):
        raise CleanError("HTML der E-Mail ist zu tief verschachtelt")
    if sum(1 for _ in tree.iter()) > MAX_ELEMENTS:
        raise CleanError(f"HTML der E-Mail hat über {MAX_ELEMENTS} Elemente")
    return tree


def _is_hidden(element: HtmlElement) -> bool:
    """Whether an element is there for the list of messages or for counting, not for readers."""
    return (
        element.get("hidden") is not None
        or bool(_HIDDEN.search(element.get("style") or ""))
        # layout tools set cells to size 0 and the text inside them to another
        or (len(element) == 0 and bool(_TINY.search(element.get("style") or "")))
        or bool(_PREHEADER.search(f"{element.get('class') or ''} {element.get('id') or ''}"))
    )


def _is_quoted(element: HtmlElement, tag: str) -> bool:
    return tag == "blockquote" and bool(_CITED.search(f"{element.get('class') or ''} {element.get('type') or ''}"))


def _opening(element: HtmlElement, tag: str) -> str:
    if tag == "hr":
        return RULE
    if tag == "li":
        return "- "
    return _OPENED if _is_quoted(element, tag) else ""


def _break(element: HtmlElement) -> str:
    tag = element.tag
    if tag in _PARAGRAPHS or tag == "hr":
        return _BREAK * 2
    return _BREAK if tag in _BLOCKS or tag == "br" else ""


def _data_rows(table: HtmlElement) -> Iterator[str]:
    """The rows of a table of data, cells set off by bars; nothing for a table that lays a page out."""
    if (
        any(inner is not table for inner in table.iter("table"))
        or next(table.iter("img", "h1", "h2", "h3"), None) is not None
    ):
        return
    rows = []
    for row in table.iter("tr"):
        cells = [_one_line(cell) for cell in row if cell.tag in ("td", "th")]
        rows.append([cell for cell in cells if cell])
    filled = [row for row in rows if row]
    if len(filled) < 2 or sum(len(row) > 1 for row in filled) < 0.6 * len(filled):
        return
    if max(len(cell) for row in filled for cell in row) > MAX_CELL:
        return
    yield from (" | ".join(row) for row in filled)


def _one_line(element: HtmlElement) -> str:
    return " ".join(str(element.text_content()).split())


def _lines(pieces: list[str]) -> str:
    depth, lines = 0, []
    for line in "".join(pieces).split(_BREAK):
        depth += line.count(_OPENED)
        shown = " ".join(line.replace(_OPENED, "").replace(_CLOSED, "").split())
        lines.append("> " * min(depth, 5) + shown if depth and shown else shown)
        depth = max(depth - line.count(_CLOSED), 0)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")


def _canonical(tree: HtmlElement) -> str | None:
    for element in tree.iter("link", "meta"):
        named = element.get("rel") == "canonical" or element.get("property") == "og:url"
        address = (element.get("href") or element.get("content") or "").strip()
        if named and address.startswith(("http://", "https://")):
            return address
    return None
