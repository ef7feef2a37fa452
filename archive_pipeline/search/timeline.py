"""How often something was written, over time and by party, district, topic or source, as a share of all that was
written."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Literal

from archive_pipeline.protocols import SearchRequest
from archive_pipeline.query import All, And, Filter, Node, Not, Or, Range
from archive_pipeline.search.describe import describe
from archive_pipeline.search.parser import Match
from archive_pipeline.search.service import FacetValue, SearchService

__all__ = ["Group", "Histogram", "Timeline", "TimelineRow", "make_timeline"]

Histogram = Literal["year", "month"]
Group = Literal["party", "district", "topic", "source", "organisation", "state"]

_MONTHS_A_YEAR = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineRow:
    """One count. `period` is a year or month of publication (None: all of them), `group` a party, district and so on
    (None: all of them). `volume` is how many releases the archive has there at all, whatever they say; `share` is count
    by volume, None where the archive has nothing."""

    period: str | None
    group: FacetValue | None
    count: int
    volume: int

    @property
    def share(self) -> float | None:
        """The count as a share of the volume, 0 to 1."""
        return self.count / self.volume if self.volume else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    """Counts of a query. `volume` counts the releases that meet the query's filters, whatever they say (`basis` names
    them). `undated` and `undated_volume` have no date and stand in no period: they are among the others, or beside them
    when the query asks for a time itself (`by_date`, `volume_by_date`). A release with two parties counts for both.
    `sources` are the sources the query is confined to, none for all."""

    query: str
    understood: str
    notes: tuple[str, ...]
    histogram: Histogram | None
    by: Group | None
    basis: str
    total: int
    undated: int
    volume: int
    undated_volume: int
    rows: tuple[TimelineRow, ...]
    sources: tuple[str, ...] = ()
    by_date: bool = False
    volume_by_date: bool = False


def make_timeline(
    service: SearchService,
    query: str,
    *,
    today: date,
    histogram: Histogram | None = "year",
    by: Group | None = None,
    top: int = 10,
    match: Match = "all",
) -> Timeline:
    """Count what a query finds by period, by group, or by both; of groups the `top` most frequent (0: all).

    Shares are of the releases that meet the query's filters; a query of filters alone is a share of the whole archive.
    Periods between the first and the last hit are all there, those without a hit too. Raises IndexingError.
    """
    parsed = service.parse(query, today=today, match=match)
    filters = _filters(parsed.node)
    basis: Node = All() if filters == parsed.node else filters
    facets = tuple(field for field in (histogram, by) if field)
    found = service.search(query, today=today, match=match, limit=0, facets=facets)
    whole = service.ask(SearchRequest(node=basis, limit=0, facets=facets))
    undated_volume, volume_by_date = service.undated(basis, whole)
    counted, volumes = dict(found.facets), dict(whole.facets)
    groups = counted[by][: top or None] if by else ()
    if histogram is None:
        volume = {count.value: count.count for count in volumes.get(by or "", ())}
        rows = [TimelineRow(period=None, group=g, count=g.count, volume=volume.get(g.value, 0)) for g in groups]
    else:
        periods = _periods([value.value for value in counted[histogram]], histogram)
        rows = _rows(service, parsed.node, basis, None, histogram, periods) if by is None else []
        for group in groups if by else ():
            wanted = (group, Filter(by or "", (group.value,)))
            rows += _rows(service, parsed.node, basis, wanted, histogram, periods)
    return Timeline(
        query=query,
        understood=found.understood,
        notes=found.notes,
        histogram=histogram,
        by=by,
        basis=describe(basis, service.names),
        total=found.total,
        undated=found.undated,
        volume=whole.total,
        undated_volume=undated_volume,
        rows=tuple(rows),
        by_date=found.by_date,
        volume_by_date=volume_by_date,
        sources=tuple(value for node in _conditions(filters) for value in _source_values(node)),
    )


def _rows(
    service: SearchService,
    node: Node,
    basis: Node,
    wanted: tuple[FacetValue, Filter] | None,
    histogram: Histogram,
    periods: list[str],
) -> list[TimelineRow]:
    """One row a period, of one group or of all."""
    group, condition = wanted or (None, None)
    counts, volumes = (
        _by_period(service, And((inner, condition)) if condition else inner, histogram) for inner in (node, basis)
    )
    return [
        TimelineRow(period=period, group=group, count=counts.get(period, 0), volume=volumes.get(period, 0))
        for period in periods
    ]


def _by_period(service: SearchService, node: Node, histogram: Histogram) -> dict[str, int]:
    result = service.ask(SearchRequest(node=node, limit=0, facets=(histogram,)))
    return {count.value: count.count for _, counts in result.facets for count in counts}


def _periods(found: list[str], histogram: Histogram) -> list[str]:
    """Every year or month from the first to the last found."""
    return list(_between(min(found), max(found), histogram)) if found else []


def _between(first: str, last: str, histogram: Histogram) -> Iterator[str]:
    if histogram == "year":
        yield from (f"{year:04}" for year in range(int(first), int(last) + 1))
        return
    for number in range(_month_number(first), _month_number(last) + 1):
        year, month = divmod(number, _MONTHS_A_YEAR)
        yield f"{year:04}-{month + 1:02}"


def _month_number(month: str) -> int:
    return int(month[:4]) * _MONTHS_A_YEAR + int(month[5:7]) - 1


def _filters(node: Node) -> Node:
    """What of a query confines it without words."""
    kept = _conditions(node)
    return And(kept) if len(kept) > 1 else kept[0] if kept else All()


def _conditions(node: Node) -> tuple[Node, ...]:
    nodes = node.nodes if isinstance(node, And) else (node,)
    return tuple(inner for inner in nodes if _is_condition(inner))


def _is_condition(node: Node) -> bool:
    match node:
        case And(nodes) | Or(nodes):
            return all(map(_is_condition, nodes))
        case Not(inner):
            return _is_condition(inner)
        case _:
            return isinstance(node, Filter | Range)


def _source_values(node: Node) -> tuple[str, ...]:
    """The sources that a condition confines a query to."""
    if isinstance(node, Or):
        found = [_source_values(inner) for inner in node.nodes]
        return tuple(value for values in found for value in values) if all(found) else ()
    return node.values if isinstance(node, Filter) and node.field == "source" else ()
