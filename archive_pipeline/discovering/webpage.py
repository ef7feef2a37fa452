"""A page of a site as discovery sees it: its links, what it says about itself, and whether it is an empty shell."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urljoin, urlsplit

from lxml.html import HtmlElement

from archive_pipeline.address import canonical_url, registrable_domain
from archive_pipeline.clean import CapturePage
from archive_pipeline.errors import CleanError
from archive_pipeline.fetch.discovery import absolute_url
from archive_pipeline.model import Capture

__all__ = ["Anchor", "PageLink", "WebPage", "one_line"]

SHELL = 200
"""A page with scripts and less text than this (characters) is a shell that a browser would fill, as in `listing`."""

SITE_PART = re.compile(r"\s+[|–—·•»:]\s+|\s+-\s+")
"""What separates the name of a page from that of its site in a title."""

HIDDEN = frozenset({"script", "style", "noscript", "template", "head"})


def one_line(text: str | None) -> str:
    """Text without line breaks, tabs and what would steer a terminal."""
    return " ".join("".join(char if char.isprintable() else " " for char in text or "").split())


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLink:
    """A `<link>` of a page: address, relations, media type and title as far as stated."""

    url: str
    rel: frozenset[str]
    media_type: str
    title: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Anchor:
    """An `<a>` that leads to a web address; `key` is the canonical form of the address."""

    element: HtmlElement
    url: str
    key: str
    text: str


class WebPage:
    """One HTML page, parsed. Make it with `of`."""

    def __init__(self, capture: Capture, tree: HtmlElement) -> None:
        self.capture = capture
        self.url = capture.target
        self.tree = tree

    @classmethod
    def of(cls, capture: Capture) -> "WebPage | None":
        """The page, or None when the capture is no HTML that can be parsed."""
        try:
            tree = CapturePage(capture).tree
        except CleanError:
            return None
        return None if tree is None else cls(capture, tree)

    @cached_property
    def base(self) -> str:
        """What relative addresses are relative to."""
        stated = self.tree.xpath("string(//base/@href)")
        return absolute_url(str(stated), self.url) or self.url

    @cached_property
    def domain(self) -> str:
        """The registrable domain of the page."""
        return registrable_domain(self.url)

    @cached_property
    def links(self) -> tuple[PageLink, ...]:
        """The `<link>`s that lead to web addresses, and those of the Link header."""
        found = []
        for node in self.tree.iter("link"):
            url = absolute_url(node.get("href", ""), self.base)
            if url:
                rel = frozenset(node.get("rel", "").lower().split())
                media_type = node.get("type", "").partition(";")[0].strip().lower()
                found.append(PageLink(url=url, rel=rel, media_type=media_type, title=one_line(node.get("title"))))
        return (*found, *self._header_links())

    def _header_links(self) -> Iterator[PageLink]:
        """RFC 8288, as far as address and relation go."""
        for name, value in self.capture.headers:
            if name.lower() == "link":
                for target, rest in re.findall(r"<([^<>]*)>([^<]*)", value):
                    url = absolute_url(target, self.url)
                    rel = re.search(r"""rel=(?:"([^"]*)"|'([^']*)'|([^\s;,"']+))""", rest, re.IGNORECASE)
                    if url and rel:
                        words = frozenset(next(part for part in rel.groups() if part is not None).lower().split())
                        yield PageLink(url=url, rel=words, media_type="", title="")

    @cached_property
    def anchors(self) -> tuple[Anchor, ...]:
        """Every link of the page, in its order; links to places within the page left out."""
        own = canonical_url(self.url)
        found = []
        for node in self.tree.iter("a"):
            href = node.get("href", "")
            url = None if href.lstrip().startswith("#") else absolute_url(href, self.base)
            if url:
                key = canonical_url(url)
                if key != own:
                    found.append(Anchor(element=node, url=url, key=key, text=one_line(node.text_content())))
        return tuple(found)

    @cached_property
    def title(self) -> str:
        """What the page calls itself: its only h1, else its title without the name of the site."""
        headings = [one_line(node.text_content()) for node in self.tree.iter("h1")]
        if len(headings) == 1 and headings[0]:
            return headings[0]
        return SITE_PART.split(self._title)[0]

    @cached_property
    def site_name(self) -> str:
        """What the site calls itself, or an empty text."""
        stated = one_line(self.meta("og:site_name") or self.meta("application-name"))
        parts = SITE_PART.split(self._title)
        return stated or (parts[-1] if len(parts) > 1 else "")

    @cached_property
    def _title(self) -> str:
        return one_line(str(self.tree.xpath("string(//head/title)") or self.tree.xpath("string(//title)")))

    def meta(self, name: str) -> str:
        """The content of a meta element, looked up by name or property."""
        found = self.tree.xpath("//meta[@name=$name or @property=$name]/@content", name=name)
        return str(found[0]) if found else ""

    @cached_property
    def generator(self) -> str:
        """The content system, as the page names it."""
        return one_line(self.meta("generator") or self.meta("Generator"))

    @cached_property
    def text_length(self) -> int:
        """Characters that a reader without a browser's scripts sees."""
        return sum(len(text.strip()) for text in self._texts())

    def _texts(self) -> Iterator[str]:
        for node in self.tree.iter():
            if node.text and isinstance(node.tag, str) and node.tag not in HIDDEN:
                yield node.text
            if node.tail:
                yield node.tail

    @cached_property
    def is_shell(self) -> bool:
        """Whether only scripts would fill the page: next to no text, or an empty mount point of a framework."""
        if next(self.tree.iter("script"), None) is None:
            return False
        mounts = self.tree.xpath(
            "//body//*[@id='app' or @id='root' or @id='__next' or @id='__nuxt' or name()='app-root']"
        )
        return self.text_length < SHELL or any(not one_line(node.text_content()) for node in mounts)

    @cached_property
    def inline_scripts(self) -> tuple[str, ...]:
        """The scripts that stand in the page itself, data for scripts included."""
        return tuple(node.text_content() for node in self.tree.iter("script") if not node.get("src"))

    @cached_property
    def script_urls(self) -> tuple[str, ...]:
        """Scripts of the same registrable domain that the page loads."""
        found = (absolute_url(node.get("src", ""), self.base) for node in self.tree.iter("script"))
        return tuple(dict.fromkeys(url for url in found if url and registrable_domain(url) == self.domain))

    def mentions(self, part: str) -> bool:
        """Whether some address in the page, of a link, style sheet, script or image, holds `part`."""
        return any(part in str(value) for value in self.tree.xpath("//@href | //@src"))

    def is_own(self, url: str) -> bool:
        """Whether an address belongs to the operator of this page."""
        return registrable_domain(url) == self.domain

    def is_same_host(self, url: str) -> bool:
        """Whether an address has the host of this page, with or without `www.`."""
        hosts = ((urlsplit(one).hostname or "").removeprefix("www.") for one in (url, self.url))
        return len(set(hosts)) == 1

    def absolute(self, path: str) -> str:
        """An address on the site of this page."""
        return urljoin(self.url, path)
