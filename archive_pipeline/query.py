"""The query tree: what the parser produces and every engine answers.

Words stand here as the person typed them; each engine analyses them with `archive_pipeline.language`, so that
documents and queries are read alike. `field` is None for all searchable text, or one of `TEXT_FIELDS`.
"""

from dataclasses import dataclass
from datetime import date

__all__ = [
    "FILTER_FIELDS",
    "TEXT_FIELDS",
    "All",
    "And",
    "Exact",
    "Filter",
    "Fuzzy",
    "Node",
    "Not",
    "Or",
    "Phrase",
    "Prefix",
    "Range",
    "Term",
]

TEXT_FIELDS = ("title", "quote", "speaker")
"""Fields that are searched by words."""

FILTER_FIELDS = (
    "district",
    "district_mentioned",
    "state",
    "municipality",
    "party",
    "party_mentioned",
    "organisation",
    "topic",
    "source",
    "language",
    "access",
    "embargo",
)
"""Fields that hold keys. `district` and `party` count issuer and about; the `_mentioned` fields every role. `access` is
the access level, `embargo` the end of an embargo (UTC): what a reader may see is found by them, not by people."""


@dataclass(frozen=True, slots=True)
class Term:
    """One word, analysed: inflected forms and compound parts count."""

    text: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words in this order; up to `slop` other words may stand between neighbours."""

    texts: tuple[str, ...]
    slop: int = 0
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Prefix:
    """Words that begin so, folded but not stemmed."""

    text: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Fuzzy:
    """Words within `distance` edits, folded but not stemmed."""

    text: str
    distance: int = 1
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Exact:
    """This word form only; case is ignored."""

    text: str
    field: str | None = None


@dataclass(frozen=True, slots=True)
class Range:
    """Days from `start` to `end`, both included; `field` is "published" or "captured". None is open.
    `unknown` asks for releases without a date instead."""

    field: str
    start: date | None = None
    end: date | None = None
    unknown: bool = False


@dataclass(frozen=True, slots=True)
class Filter:
    """Releases that carry any of these keys in a field of `FILTER_FIELDS`."""

    field: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class And:
    """All of the nodes."""

    nodes: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the nodes."""

    nodes: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Not:
    """None of these."""

    node: "Node"


@dataclass(frozen=True, slots=True)
class All:
    """Every release."""


Node = Term | Phrase | Prefix | Fuzzy | Exact | Range | Filter | And | Or | Not | All
"""Any node of a query tree."""
