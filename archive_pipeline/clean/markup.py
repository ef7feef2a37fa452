"""The parts of a page's markup that several rules read: meta elements, structured data, the title element."""

import re
from functools import cached_property, lru_cache
from typing import cast

from lxml.etree import XPath
from lxml.html import HtmlElement

from archive_pipeline.clean.jsonld import ArticleData, article_data
from archive_pipeline.clean.spans import plain
from archive_pipeline.clean.text import normalise_line

__all__ = ["Markup", "element_text", "markup_of"]


_LOGO = re.compile(r"\blogo\b", re.I)
_LABEL = re.compile(
    r"\b(?:rss|atom|feeds?|kommentar-?feed|comments? feed|news-?feed|(?:das )?logo(?: de[rs])?|2\.0|1\.0)\b", re.I
)
_READ = XPath("descendant::text()[not(parent::script or parent::style or parent::noscript)]", smart_strings=False)


def element_text(element: HtmlElement) -> str:
    """The text of an element on one line; scripts and styles inside it left out."""
    texts = cast("list[str]", _READ(element))
    return normalise_line("".join(texts))


class Markup:
    """The meta elements and structured data of one page, each read once."""

    def __init__(self, tree: HtmlElement) -> None:
        self._tree = tree

    @cached_property
    def data(self) -> ArticleData:
        """Structured data about the article."""
        return article_data(self._tree)

    @cached_property
    def meta(self) -> dict[str, str]:
        """Content of the meta elements by lower-case name or property; the first of a name wins."""
        found: dict[str, str] = {}
        for element in self._tree.iter("meta"):
            name = element.get("property") or element.get("name") or element.get("itemprop") or ""
            content = normalise_line(element.get("content"))
            if name and content:
                found.setdefault(name.lower(), content)
        return found

    def first(self, *names: str) -> str | None:
        """The first of these meta elements that the page has."""
        return next((self.meta[name] for name in names if name in self.meta), None)

    @cached_property
    def title_element(self) -> str:
        """The text of <title>."""
        element = self._tree.find(".//title")
        return normalise_line(element.text_content()) if element is not None else ""

    @cached_property
    def sites(self) -> frozenset[str]:
        """Names of the site in comparable form."""
        named = (self.first("og:site_name"), self.first("application-name"), self.first("publisher"), *self.data.sites)
        return frozenset(plain(name) for name in named if name)

    @cached_property
    def labels(self) -> frozenset[str]:
        """What else the site writes its name on, in comparable form: its feeds, its logo."""
        named = [
            link.get("title") or ""
            for link in self._tree.iter("link")
            if (link.get("rel") or "").lower() == "alternate" and (link.get("type") or "").endswith("xml")
        ]
        named += [image.get("alt") or "" for image in self._tree.iter("img") if _LOGO.search(image.get("alt") or "")]
        words = (plain(_LABEL.sub(" ", normalise_line(name))) for name in named if len(name) <= 100)
        return frozenset(name for name in words if len(name) >= 4)


@lru_cache(maxsize=1)
def markup_of(tree: HtmlElement) -> Markup:
    """The markup of a page. Several steps ask for the same page in a row, so the last answer is kept."""
    return Markup(tree)
