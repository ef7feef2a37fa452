"""What fetchers that read lists from the web share: a list or an error, addresses and titles out of what it says."""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Annotated
from urllib.parse import unquote, unquote_plus, urljoin, urlsplit, urlunsplit

from lxml import etree, html
from parsel import Selector
from pydantic import Field
from w3lib.encoding import html_to_unicode
from w3lib.html import remove_tags, replace_entities

from archive_pipeline.errors import FetchError, RefusedError, TooLargeError
from archive_pipeline.fetch.options import HttpOptions
from archive_pipeline.model import Capture, CaptureResult, Gone, Refused, Source

__all__ = [
    "MAX_MARKUP",
    "SHELL",
    "ListOptions",
    "absolute_url",
    "expect_capture",
    "html_tree",
    "is_shell",
    "plain_text",
    "source_url",
    "without_parameters",
]

BREAK = re.compile(r"</?(br|p|div|li|h[1-6])\b[^<>]*>", re.IGNORECASE)
"""Tags that stand for the space between two words."""

MAX_MARKUP = 8_000_000
"""Bytes of a page beyond which it is neither a list nor a release that a person reads; parsed it can take a hundred
times as much memory."""

MAX_ADDRESS = 8000
"""Longer addresses (characters) are no addresses; RFC 9110, 4.1 asks everybody to support this many bytes."""

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
"""Characters that would steer a terminal, and belong in no address and no title."""

PATH_PARAMETER = re.compile(r";([^;/=]*)(?:=[^;/]*)?")
"""A parameter on the path (RFC 3986, 3.3), as Java servers append session ids: `;jsessionid=4F`."""

SHELL = 200
"""A page with scripts and less text than this (characters) is a shell that a browser would fill."""

UNREAD = frozenset({"script", "style", "noscript", "template"})


class ListOptions(HttpOptions):
    """Base of the settings of lists.

    `strip_parameters` names query parameters that say nothing of the page (session ids, positions in a navigation):
    they are taken out of every address of the list. `*` fits anything, case does not matter, and what hangs on the
    path (`;jsessionid=…`) counts too.
    """

    strip_parameters: tuple[Annotated[str, Field(min_length=1)], ...] = ()


def source_url(source: Source) -> str:
    """The source's address. Raises FetchError when it has none."""
    if source.url is None:
        raise FetchError("Der Quelle fehlt url", hint='in sources.toml url = "https://…" setzen')
    return source.url


def expect_capture(result: CaptureResult, url: str, name: str) -> Capture:
    """The answer to a request of discovery; `name` says in a message what was asked for ("Den Feed").

    Raises RefusedError, and FetchError when there is nothing at the address.
    """
    if isinstance(result, Capture):
        return result
    if isinstance(result, Refused):
        raise RefusedError(result.reason, url=url)
    reason = result.reason if isinstance(result, Gone) else "keine Antwort"
    raise FetchError(f"{name} gibt es nicht mehr: {reason}", url=url, hint="Adresse der Quelle prüfen")


def absolute_url(link: str, base: str) -> str | None:
    """The web address that `link` means on a page at `base`, or None when it is no web address."""
    if not link.strip():
        return None
    try:
        url = urljoin(base, link.strip())
        parts = urlsplit(url)
        is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
        url.encode()  # half a surrogate pair can neither be sent nor stored
    except ValueError:
        return None
    return url if is_web and len(url) <= MAX_ADDRESS and not CONTROL.search(url) else None


def without_parameters(url: str, names: tuple[str, ...]) -> str:
    """`url` without the parameters that `ListOptions.strip_parameters` names; the rest stays as it is written."""
    if not names:
        return url
    named = _names(names)
    parts = urlsplit(url)
    pairs = parts.query.split("&")
    kept = [pair for pair in pairs if not named.fullmatch(unquote_plus(pair.partition("=")[0]))]
    path = PATH_PARAMETER.sub(lambda found: "" if named.fullmatch(unquote(found[1])) else found[0], parts.path)
    if path == parts.path and len(kept) == len(pairs):
        return url
    return urlunsplit(parts._replace(path=path, query="&".join(kept)))


@lru_cache(maxsize=256)
def _names(names: tuple[str, ...]) -> re.Pattern[str]:
    patterns = (".*".join(map(re.escape, re.split(r"\*+", name))) for name in names)
    return re.compile("|".join(patterns), re.IGNORECASE | re.DOTALL)


def plain_text(markup: str) -> str:
    """A title without the tags and character references that some publishers put there, on one line."""
    text: str = replace_entities(remove_tags(BREAK.sub(" ", replace_entities(markup))))
    storable = text.encode("utf-8", "replace").decode()  # a reference may name half a surrogate pair
    return " ".join(CONTROL.sub(" ", storable).split())


def html_tree(capture: Capture) -> Selector:
    """The page as a tree, an empty one for an empty page. Raises FetchError when it is no HTML, TooLargeError."""
    is_html = capture.media_type in (None, "text/html", "application/xhtml+xml")
    if not is_html and not capture.body.lstrip().startswith(b"<"):
        raise FetchError(
            f"Das ist keine HTML-Seite ({capture.media_type})", url=capture.target, hint="Adresse der Quelle prüfen"
        )
    if len(capture.body) > MAX_MARKUP:
        raise TooLargeError(
            f"Die Seite ist zu groß für eine Liste: {len(capture.body)} Bytes, erlaubt sind {MAX_MARKUP}",
            url=capture.target,
            hint="Adresse der Quelle prüfen",
        )
    # parsed here, as parsel warns of or raises what lxml says about damage
    parser = html.HTMLParser(encoding="utf-8", huge_tree=False)
    text = _decoded(capture).replace("\x00", "").strip() or "<html></html>"
    try:
        root = etree.fromstring(text.encode("utf-8", "replace"), parser)
    except etree.XMLSyntaxError:
        root = None
    return Selector(root=html.Element("html") if root is None else root, type="html")


def _decoded(capture: Capture) -> str:
    """UTF-8 where it is valid, since no text in another set is that by accident; else as declared."""
    try:
        return capture.body.decode("utf-8-sig")
    except UnicodeDecodeError:
        declared = f"text/html; charset={capture.charset}" if capture.charset else None
        text: str = html_to_unicode(declared, capture.body, default_encoding="cp1252")[1]
        return text


def is_shell(tree: Selector) -> bool:
    """Whether a page holds scripts and next to no text, so that only a browser would fill it."""
    if not tree.css("script"):
        return False
    parts: list[str] = []
    shown = 0
    for text in _texts(tree):
        parts.append(text)
        shown += len("".join(text.split()))
        if shown >= SHELL:
            return False
    return len(" ".join("".join(parts).split())) < SHELL


def _texts(tree: Selector) -> Iterator[str]:
    """The texts in the body of a page, in their order, without those of scripts and styles."""
    body = next(tree.root.iter("body"), None)
    if body is None:
        return
    walk = etree.iterwalk(body, events=("start", "end", "comment", "pi"))
    for event, node in walk:
        if event == "start":
            if node.tag in UNREAD:
                walk.skip_subtree()
            else:
                yield node.text or ""
        elif node is not body:
            yield node.tail or ""
