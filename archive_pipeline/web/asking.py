"""A search as it stands in an address: words, filters, exclusions, period, order and page, and its way to a query."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import urlencode

from starlette.datastructures import QueryParams

__all__ = [
    "FIELD_NAMES",
    "LONGEST",
    "MOST_PAGES",
    "PAGE_SIZE",
    "SORTS",
    "Asked",
    "Condition",
    "Sort",
    "View",
    "own_columns",
]

Sort = Literal["score", "newest", "oldest"]
View = Literal["list", "kwic"]

SORTS: tuple[Sort, ...] = ("score", "newest", "oldest")
VIEWS: tuple[View, ...] = ("list", "kwic")

PAGE_SIZE = 10
MOST_PAGES = 1000
"""Pages that can be turned; who wants more hits takes them along as a file."""

MOST_CONDITIONS = 20
LONGEST = 2048

FIELD_NAMES: Mapping[str, str] = {
    "district": "kreis",
    "party": "partei",
    "organisation": "org",
    "topic": "thema",
    "source": "quelle",
    "state": "land",
    "district_mentioned": "kreis.erwähnt",
    "party_mentioned": "partei.erwähnt",
}
"""The fields that can be filtered by, with their names in queries and addresses."""

FIELDS = {name: field for field, name in FIELD_NAMES.items()}
PERIOD = re.compile(r"unbekannt|\d{4}(-\d\d){0,2}(\.\.\d{4}(-\d\d){0,2})?")
PLAIN = re.compile(r"(?!.*\b(?:OR|ODER|AND|UND|NOT|NICHT)\b)[\w\s.*-]*[\w.*]")
COLUMN = re.compile(r"Spalte (\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One filter: a field of `FIELD_NAMES` and a key."""

    field: str
    value: str

    def __str__(self) -> str:
        return f"{FIELD_NAMES[self.field]}:{self.value}"

    @property
    def clause(self) -> str:
        """The condition as part of a query."""
        return f'{FIELD_NAMES[self.field]}:"{self.value}"'


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One search; every change gives another one, and `url` its address."""

    words: str = ""
    kept: tuple[Condition, ...] = ()
    excluded: tuple[Condition, ...] = ()
    period: str | None = None
    sort: Sort | None = None
    page: int = 1
    view: View = "list"

    @classmethod
    def read(cls, parameters: QueryParams) -> "Asked":
        """The search of an address; what can't be read is left out."""
        sort = next((one for one in SORTS if one == parameters.get("sort")), None)
        view: View = next((one for one in VIEWS if one == parameters.get("view")), "list")
        period = parameters.get("d", "").strip()
        return cls(
            words=" ".join(parameters.get("q", "").split())[:LONGEST],
            kept=_conditions(parameters.getlist("f")),
            excluded=_conditions(parameters.getlist("x")),
            period=period if PERIOD.fullmatch(period) else None,
            sort=sort,
            page=_page(parameters.get("page", "1")),
            view=view,
        )

    @property
    def query(self) -> str:
        """The whole search as one query text."""
        return self._prefixed()[1]

    @property
    def shift(self) -> int:
        """How many columns the words stand further right in `query` than where they were typed."""
        return self._prefixed()[0]

    @property
    def order(self) -> Sort:
        """The order of the hits: by score, or the newest first where there are no words."""
        return self.sort or ("score" if self.words else "newest")

    @property
    def offset(self) -> int:
        """How many hits stand on earlier pages."""
        return (self.page - 1) * PAGE_SIZE

    @property
    def is_filtered(self) -> bool:
        """Whether anything but words is asked for."""
        return bool(self.kept or self.excluded or self.period)

    def _prefixed(self) -> tuple[int, str]:
        """Filters must hold whatever the words are: words with operators go into brackets behind them."""
        clauses = [one.clause for one in self.kept] + [f"-{one.clause}" for one in self.excluded]
        clauses += [f"datum:{self.period}"] if self.period else []
        filters = " ".join(clauses)
        if not self.words or not filters:
            return 0, self.words or filters
        if PLAIN.fullmatch(self.words):
            return 0, f"{self.words} {filters}"
        return len(filters) + 2, f"{filters} ({_balanced(self.words)})"

    def url(self, path: str = "/search") -> str:
        """The address of this search, below the root path."""
        pairs = [("q", self.words)] if self.words else []
        pairs += [("f", str(one)) for one in self.kept] + [("x", str(one)) for one in self.excluded]
        pairs += [("d", self.period)] if self.period else []
        pairs += [("sort", self.sort)] if self.sort else []
        pairs += [("view", self.view)] if self.view != "list" else []
        pairs += [("page", str(self.page))] if self.page > 1 else []
        return f"{path}?{urlencode(pairs)}" if pairs else path

    def keep(self, field: str, value: str) -> "Asked":
        """With one more filter; it is excluded no longer."""
        one = Condition(field=field, value=value)
        kept = self.kept if one in self.kept else (*self.kept, one)
        return replace(self, kept=kept, excluded=tuple(x for x in self.excluded if x != one), page=1)

    def exclude(self, field: str, value: str) -> "Asked":
        """With one more exclusion; it is a filter no longer."""
        one = Condition(field=field, value=value)
        excluded = self.excluded if one in self.excluded else (*self.excluded, one)
        return replace(self, excluded=excluded, kept=tuple(x for x in self.kept if x != one), page=1)

    def drop(self, one: Condition) -> "Asked":
        """Without a filter or exclusion."""
        return replace(
            self,
            kept=tuple(x for x in self.kept if x != one),
            excluded=tuple(x for x in self.excluded if x != one),
            page=1,
        )

    def during(self, period: str | None) -> "Asked":
        """Within a period (`2021`, `2021-05`, `2020..2022`, `unbekannt`), or at any time."""
        return replace(self, period=period, page=1)

    def sorted_by(self, sort: Sort) -> "Asked":
        """In another order."""
        return replace(self, sort=sort, page=1)

    def seen_as(self, view: View) -> "Asked":
        """As a list or as a concordance."""
        return replace(self, view=view)

    def at_page(self, page: int) -> "Asked":
        """Another page of the same hits."""
        return replace(self, page=page)

    def with_mentions(self) -> "Asked":
        """With those that merely mention the districts and parties asked for."""
        wider = {"district": "district_mentioned", "party": "party_mentioned"}
        kept = tuple(replace(one, field=wider.get(one.field, one.field)) for one in self.kept)
        return replace(self, kept=kept, page=1)


def own_columns(note: str, shift: int) -> str:
    """A note whose columns count in what was typed, not in what was made of it."""
    return COLUMN.sub(lambda found: f"Spalte {max(1, int(found[1]) - shift)}", note)


def _page(text: str) -> int:
    """The number of a page; one that is far too long for a number is the last."""
    if not (text.isascii() and text.isdigit()):
        return 1
    return max(1, min(int(text.lstrip("0")[:9] or "1"), MOST_PAGES))


def _balanced(words: str) -> str:
    """Brackets that don't fit together are left out: they would let the words out of theirs."""
    depth = 0
    for sign in words:
        depth += {"(": 1, ")": -1}.get(sign, 0)
        if depth < 0:
            break
    return words if depth == 0 else words.replace("(", " ").replace(")", " ")


def _conditions(texts: list[str]) -> tuple[Condition, ...]:
    found: dict[Condition, None] = {}
    for text in texts[:MOST_CONDITIONS]:
        name, _, value = text.partition(":")
        value = " ".join(value.replace('"', " ").split())[:200]
        if name in FIELDS and value:
            found[Condition(field=FIELDS[name], value=value)] = None
    return tuple(found)
