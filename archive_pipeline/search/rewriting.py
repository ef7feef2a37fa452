"""Neighbours of a query tree: what a date filter left out, and who is merely mentioned."""

from collections.abc import Callable

from archive_pipeline.query import And, Filter, Node, Or, Range

__all__ = ["with_mentions", "without_date"]

_MENTIONED = {"district": "district_mentioned", "party": "party_mentioned"}


def without_date(node: Node) -> Node:
    """The tree for releases without a date of publication, in place of each span of dates; itself where there is none.
    Exclusions stay as they are."""
    return _replaced(node, _undated)


def with_mentions(node: Node) -> Node:
    """The tree that finds releases which merely mention a district or party, too; itself where none is asked for.
    Exclusions stay as they are."""
    return _replaced(node, _mentioned)


def _replaced(node: Node, change: Callable[[Range | Filter], Node]) -> Node:
    match node:
        case And(nodes):
            return And(tuple(_replaced(inner, change) for inner in nodes))
        case Or(nodes):
            return Or(tuple(_replaced(inner, change) for inner in nodes))
        case Range() | Filter():
            return change(node)
        case _:
            return node


def _undated(node: Range | Filter) -> Node:
    if isinstance(node, Range) and node.field == "published" and not node.unknown:
        return Range("published", unknown=True)
    return node


def _mentioned(node: Range | Filter) -> Node:
    if isinstance(node, Filter) and node.field in _MENTIONED:
        return Or((node, Filter(_MENTIONED[node.field], node.values)))
    return node
