"""Search as people and scripts use it: query text in, hits with snippets and facets out."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Literal, Protocol

from archive_pipeline.protocols import EngineResult, Index, SearchRequest
from archive_pipeline.query import And, Filter, Node, Not, Or, Range
from archive_pipeline.search.names import Names
from archive_pipeline.search.parser import Match, ParsedQuery, parse_query
from archive_pipeline.search.snippets import Highlight, Snippet, highlights, snippets

__all__ = [
    "FACETS",
    "FacetValue",
    "FoundRelease",
    "Hit",
    "ReleaseReader",
    "SearchResults",
    "SearchService",
    "results_as_json",
]

FACETS = ("district", "party", "organisation", "topic", "year")
"""The facets of every result, in the order they are shown."""

_MENTIONED = {"district": "district_mentioned", "party": "party_mentioned"}


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRelease:
    """What a hit shows of a release."""

    id: str
    title: str
    text: str
    url: str | None = None
    path: str | None = None
    published: date | None = None
    source_id: str = ""


class ReleaseReader(Protocol):
    """Reads releases by id, from the archive."""

    def found_releases(self, ids: Sequence[str]) -> Iterable[FoundRelease]:
        """The releases with these ids in any order; ids that are gone are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """One release that matched; higher scores are better, 0 for queries without words."""

    id: str
    url: str | None
    path: str | None
    title: str
    published: date | None
    source_id: str
    score: float
    title_highlights: tuple[Highlight, ...]
    snippets: tuple[Snippet, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetValue:
    """How many of all hits carry a value, with its name for people."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResults:
    """One page of an answer.

    `total` counts all hits. `undated` counts releases without date: those a date filter left out, else those among
    the hits. `mentioned_only` counts releases that only mention the district or party asked for. `match` is how the
    words were combined in the end; `widened` says that nothing had all of them.
    """

    query: str
    understood: str
    notes: tuple[str, ...]
    total: int
    undated: int
    mentioned_only: int
    match: Match
    widened: bool
    hits: tuple[Hit, ...]
    facets: tuple[tuple[str, tuple[FacetValue, ...]], ...]


class SearchService:
    """Searches one open index; titles and texts come from `releases`, names of keys from `names`."""

    def __init__(self, *, index: Index, releases: ReleaseReader, names: Names) -> None:
        self._index = index
        self._releases = releases
        self._names = names

    def search(
        self,
        query: str,
        *,
        today: date,
        match: Match | None = None,
        sort: Literal["score", "newest", "oldest"] = "score",
        offset: int = 0,
        limit: int = 10,
        facets: Sequence[str] = FACETS,
        with_snippets: bool = True,
    ) -> SearchResults:
        """Answer a query text. `match` None asks for all words and, when nothing has them, for any, and says so.

        Raises IndexingError; no query text raises anything.
        """
        parsed = parse_query(query, names=self._names, today=today, match=match or "all")
        counted = tuple(dict.fromkeys((*facets, "year")))  # the years tell how many hits have no date
        request = SearchRequest(node=parsed.node, sort=sort, offset=offset, limit=limit, facets=counted)
        result = self._index.search(request)
        widened = False
        if match is None and not result.total:
            wider = parse_query(query, names=self._names, today=today, match="any")
            wider_result = (
                self._index.search(replace(request, node=wider.node)) if wider.node != parsed.node else result
            )
            if wider_result.total:
                widened, result = True, wider_result
                parsed = replace(wider, notes=(*wider.notes, _WIDENED))
        mentioned_only = self._mentioned_only(parsed.node, result.total)
        return SearchResults(
            query=query,
            understood=parsed.understood,
            notes=parsed.notes,
            total=result.total,
            undated=self._undated(parsed.node, result),
            mentioned_only=mentioned_only,
            match="any" if widened else match or "all",
            widened=widened,
            hits=self._hits(parsed, [(hit.key, hit.score) for hit in result.hits], with_snippets=with_snippets),
            facets=tuple(
                (
                    field,
                    tuple(
                        FacetValue(value=c.value, label=self._names.label(field, c.value), count=c.count)
                        for c in counts
                    ),
                )
                for field, counts in result.facets
                if field in facets
            ),
        )

    def keys(self, query: str, *, today: date) -> tuple[str, ...]:
        """The ids of all releases that a query finds, every word of it asked for. Raises IndexingError."""
        node = parse_query(query, names=self._names, today=today, match="all").node
        total = self._index.search(SearchRequest(node=node, limit=0)).total
        return tuple(hit.key for hit in self._index.search(SearchRequest(node=node, limit=total)).hits)

    def _hits(
        self, parsed: ParsedQuery, scores: Sequence[tuple[str, float]], *, with_snippets: bool
    ) -> tuple[Hit, ...]:
        found = {release.id: release for release in self._releases.found_releases([key for key, _ in scores])}
        return tuple(
            Hit(
                id=release.id,
                url=release.url,
                path=release.path,
                title=release.title,
                published=release.published,
                source_id=release.source_id,
                score=score,
                title_highlights=highlights(release.title, parsed.node, "title") if with_snippets else (),
                snippets=snippets(release.text, parsed.node) if with_snippets else (),
            )
            for key, score in scores
            if (release := found.get(key))
        )

    def _count(self, node: Node) -> int:
        return self._index.search(SearchRequest(node=node, limit=0)).total

    def _undated(self, node: Node, result: EngineResult) -> int:
        without = _replaced(node, _without_date)
        if without != node:
            return self._count(without)
        dated = sum(count.count for field, counts in result.facets if field == "year" for count in counts)
        return result.total - dated

    def _mentioned_only(self, node: Node, total: int) -> int:
        wider = _replaced(node, _with_mentions)
        return self._count(wider) - total if wider != node else 0


_WIDENED = "Keine Mitteilung enthält alle Wörter; gezeigt wird, was mindestens eines davon enthält"


def results_as_json(results: SearchResults) -> dict[str, object]:
    """The results as the JSON object that scripts rely on."""
    return {
        "query": results.query,
        "understood": results.understood,
        "notes": list(results.notes),
        "total": results.total,
        "undated": results.undated,
        "mentioned_only": results.mentioned_only,
        "match": results.match,
        "hits": [_hit_as_json(hit) for hit in results.hits],
        "facets": {
            field: [{"value": v.value, "label": v.label, "count": v.count} for v in values]
            for field, values in results.facets
        },
    }


def _hit_as_json(hit: Hit) -> dict[str, object]:
    return {
        "id": hit.id,
        "url": hit.url,
        "path": hit.path,
        "title": hit.title,
        "published": hit.published.isoformat() if hit.published else None,
        "source": hit.source_id,
        "score": round(hit.score, 4),
        "snippets": [
            {"text": s.text, "start": s.start, "highlights": [[h.start, h.end] for h in s.highlights]}
            for s in hit.snippets
        ],
    }


class _Replace(Protocol):
    def __call__(self, node: Range | Filter) -> Node: ...


def _replaced(node: Node, change: _Replace) -> Node:
    """The tree with its date ranges and filters changed; exclusions stay as they are."""
    match node:
        case And(nodes):
            return And(tuple(_replaced(inner, change) for inner in nodes))
        case Or(nodes):
            return Or(tuple(_replaced(inner, change) for inner in nodes))
        case Not():
            return node
        case Range() | Filter():
            return change(node)
        case _:
            return node


def _without_date(node: Range | Filter) -> Node:
    if isinstance(node, Range) and node.field == "published" and not node.unknown:
        return Range("published", unknown=True)
    return node


def _with_mentions(node: Range | Filter) -> Node:
    if isinstance(node, Filter) and node.field in _MENTIONED:
        return Or((node, Filter(_MENTIONED[node.field], node.values)))
    return node
