"""Tables that lay out a page, as older content systems set them, made readable for the extractor."""

from copy import copy
from typing import cast

from lxml.etree import XPath
from lxml.html import HtmlElement

__all__ = ["without_layout_tables"]

MIN_CELL = 400
"""Characters of a cell with blocks in it from which on its table is layout, not data."""

_BLOCK_CELLS = XPath(
    "tr/td[p or h1 or h2 or h3 or div or table or font/p] | tbody/tr/td[p or h1 or h2 or h3 or div or table or font/p]"
)
_OWN_PARTS = XPath("tbody | tr | tbody/tr | tr/td | tr/th | tbody/tr/td | tbody/tr/th")


def without_layout_tables(tree: HtmlElement) -> HtmlElement:
    """The tree itself, or a copy in which the parts of layout tables are plain divisions."""
    if not any(map(_is_layout, tree.iter("table"))):
        return tree
    tree = copy(tree)
    for table in [table for table in tree.iter("table") if _is_layout(table)]:
        for part in cast("list[HtmlElement]", _OWN_PARTS(table)):
            part.tag = "div"
        table.tag = "div"
    return tree


def _is_layout(table: HtmlElement) -> bool:
    cells = cast("list[HtmlElement]", _BLOCK_CELLS(table))
    return any(len(cell.text_content()) >= MIN_CELL for cell in cells)
