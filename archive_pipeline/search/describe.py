"""A query tree in words, so that people see how their query was understood."""

from archive_pipeline.query import (
    All,
    And,
    Exact,
    Filter,
    Fuzzy,
    Node,
    Not,
    Or,
    Phrase,
    Prefix,
    Range,
    Term,
)
from archive_pipeline.search.names import Names

__all__ = ["FIELD_NAMES", "describe"]

FIELD_NAMES = {
    "title": "titel",
    "quote": "zitat",
    "speaker": "sprecher",
    "district": "kreis",
    "district_mentioned": "kreis.erwähnt",
    "municipality": "gemeinde",
    "state": "land",
    "party": "partei",
    "party_mentioned": "partei.erwähnt",
    "organisation": "org",
    "topic": "thema",
    "source": "quelle",
    "language": "sprache",
    "published": "datum",
    "captured": "erfasst",
}
"""The German name people type for a field of the query tree."""


def describe(node: Node, names: Names) -> str:
    """The tree in the query language itself, with operators written out and keys as labels."""
    match node:
        case Term(text, field):
            return _field(field) + text
        case Phrase(texts, slop, field):
            return f"{_field(field)}„{' '.join(texts)}“" + (f"~{slop}" if slop else "")
        case Prefix(text, field):
            return f"{_field(field)}{text}*"
        case Fuzzy(text, distance, field):
            return f"{_field(field)}{text}~{distance}"
        case Exact(text, field):
            return f"{_field(field)}={text}"
        case Range():
            return _range(node)
        case Filter(field, values):
            shown = " oder ".join(names.label(field, value) for value in values) or "(unbekannt)"
            return _field(field) + shown
        case And(nodes):
            return " UND ".join(_bracketed(inner, names) for inner in nodes)
        case Or(nodes):
            return " ODER ".join(_bracketed(inner, names) for inner in nodes)
        case Not(inner):
            return "NICHT " + _bracketed(inner, names)
        case All():
            return "alle Mitteilungen"


def _bracketed(node: Node, names: Names) -> str:
    text = describe(node, names)
    return f"({text})" if isinstance(node, And | Or) else text


def _field(field: str | None) -> str:
    return f"{FIELD_NAMES[field]}:" if field else ""


def _range(node: Range) -> str:
    name = FIELD_NAMES[node.field]
    if node.unknown:
        return f"{name}:unbekannt"
    if node.start and node.start == node.end:
        return f"{name}:{node.start}"
    return f"{name}:{node.start or ''}..{node.end or ''}"
