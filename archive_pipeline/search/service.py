"""Search as people and scripts use it: query text in, hits with snippets and facets out."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import islice
from typing import Protocol

from archive_pipeline.errors import UnknownReleaseError
from archive_pipeline.language.analysis import token_fields
from archive_pipeline.model import Access, DocumentState
from archive_pipeline.protocols import EngineHit, EngineResult, FacetCount, Index, SearchRequest
from archive_pipeline.query import All, And, Exact, Filter, Node, Range
from archive_pipeline.search.cursor import Cursor, Sort
from archive_pipeline.search.describe import describe
from archive_pipeline.search.likeness import like_query
from archive_pipeline.search.names import Names
from archive_pipeline.search.parser import Match, ParsedQuery, parse_query
from archive_pipeline.search.rewriting import with_mentions, without_date
from archive_pipeline.search.snippets import Highlight, Snippet, highlights, snippets
from archive_pipeline.search.spelling import better_words, replace_words

__all__ = [
    "FACETS",
    "FacetValue",
    "FoundRelease",
    "Hit",
    "ReleaseReader",
    "SearchResults",
    "SearchService",
    "hit_as_json",
    "results_as_json",
]

FACETS = ("district", "party", "organisation", "topic", "year")
"""The facets of every result, in the order they are shown."""

SCAN_BATCH = 5000
"""Hits that a walk over all of them asks for at once."""

RELEASES_A_BATCH = 200
"""Releases of which a walk over all hits holds the texts."""

_WIDE = 10_000
"""A window on the hits that reaches further is first cut to how many there are."""

_FEW = 10
"""With so few hits or fewer, words of the query are checked for a better spelling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundRelease:
    """What a hit shows of a release; `pages` are the offsets at which the pages of the first `paged` characters of
    `text` begin (captions and the like stand behind them), `quotes` where direct speech begins and ends in it, `state`
    says why it has no text."""

    id: str
    title: str
    text: str
    heading: str = ""
    url: str | None = None
    path: str | None = None
    published: date | None = None
    source_id: str = ""
    pages: tuple[int, ...] = ()
    paged: int = 0
    quotes: tuple[tuple[int, int], ...] = ()
    captured_at: datetime | None = None
    state: DocumentState | None = None
    access: Access = "public"
    embargo_until: datetime | None = None


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
    heading: str
    published: date | None
    source_id: str
    score: float
    title_highlights: tuple[Highlight, ...]
    snippets: tuple[Snippet, ...]
    captured_at: datetime | None = None
    state: DocumentState | None = None
    access: Access = "public"
    embargo_until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FacetValue:
    """How many of all hits carry a value, with its name for people."""

    value: str
    label: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResults:
    """One page of an answer.

    `total` counts all hits. `undated` counts releases without date: those among the hits, or, where there are none,
    those that a date filter alone left out (`by_date` says that there is one). `mentioned_only` counts releases that
    only mention the district or party asked for. `match` is how the words were combined in the end; `widened` says that
    nothing had all of them. `suggestion` is the query with words that find nothing, or next to nothing, spelled as the
    archive does. `cursor` is where the next page begins, None on the last; `seq` the archive's change number; `changed`
    says that the archive has changed since the page before; `offset` how many hits come before this page.
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
    suggestion: str | None = None
    cursor: str | None = None
    seq: int = 0
    changed: bool = False
    offset: int = 0
    by_date: bool = False


class SearchService:
    """Searches one open index; titles and texts come from `releases`, names of keys from `names`. `restrictions` hold
    for every question: what does not fit them is in no hit, no count and no facet."""

    def __init__(
        self, *, index: Index, releases: ReleaseReader, names: Names, restrictions: tuple[Node, ...] = ()
    ) -> None:
        self._index = index
        self._releases = releases
        self._names = names
        self._restrictions = restrictions

    @property
    def names(self) -> Names:
        """The names of keys."""
        return self._names

    @property
    def seq(self) -> int:
        """The archive's change number up to which the index reaches."""
        return self._index.seq()

    def search(
        self,
        query: str,
        *,
        today: date,
        match: Match | None = None,
        sort: Sort = "score",
        offset: int = 0,
        limit: int = 10,
        facets: Sequence[str] = FACETS,
        with_snippets: bool = True,
        with_suggestion: bool = False,
        cursor: str | None = None,
    ) -> SearchResults:
        """Answer a query text. `match` None asks for all words and, when nothing has them, for any, and says so.
        `cursor` goes on where an earlier answer ended, in its order; `sort`, `match` and `offset` then don't count.

        Raises IndexingError, and QueryError for a cursor of another query; no query text raises anything.
        """
        place = Cursor.decode(cursor, query=query) if cursor else None
        if place:
            sort, match, today = place.sort, place.match, place.today
        parsed = self.parse(query, today=today, match=match or "all")
        if place:
            offset = self._resume(place, parsed.node)
        request = SearchRequest(node=parsed.node, sort=sort, offset=offset, limit=limit, facets=tuple(facets))
        result = self.ask(request)
        suggestion = self._suggestion(query, parsed, result.total, today) if with_suggestion else None
        widened = False
        if match is None and not result.total:
            wider = self.parse(query, today=today, match="any")
            wider_result = self.ask(replace(request, node=wider.node)) if wider.node != parsed.node else result
            if wider_result.total:
                widened, result = True, wider_result
                parsed = replace(wider, notes=(*wider.notes, _WIDENED))
        combined: Match = "any" if widened else match or "all"
        found = self._results(query, parsed, result, combined, with_snippets=with_snippets)
        return replace(
            found,
            widened=widened,
            suggestion=suggestion,
            cursor=self._next(query, today, combined, request, result),
            changed=place is not None and place.seq != self.seq,
            offset=offset,
        )

    def like(
        self,
        release_id: str,
        *,
        query: str = "",
        today: date,
        offset: int = 0,
        limit: int = 10,
        with_snippets: bool = True,
    ) -> SearchResults:
        """Releases that share the most telling words of a release, itself left out, among those that `query` finds.
        There are no facets. Raises UnknownReleaseError, IndexingError."""
        release = next(iter(self._releases.found_releases([release_id])), None)
        if release is None:
            raise UnknownReleaseError(f"Im Archiv ist keine Mitteilung {release_id!r}")
        alike = like_query(release.title, release.text, count=self.count, total=self.count(All()))
        parsed = self.parse(query, today=today)
        limits = parsed.node if query.strip() else All()
        node = And((alike, limits)) if alike and query.strip() else alike
        parsed = replace(parsed, node=node or Filter("source", ()))
        result = self.ask(SearchRequest(node=parsed.node, limit=offset + limit + 1))
        others = [hit for hit in result.hits if hit.key != release_id][offset : offset + limit]
        result = replace(result, hits=tuple(others))
        words = describe(alike, self._names) if alike else "kein Wort, das auch andere Mitteilungen haben"
        beside = f", dazu {parsed.understood}" if query.strip() else ""
        parsed = replace(parsed, understood=f"ähnlich wie d/{release_id}: {words}{beside}")
        title = f"like:{release_id} {query}".strip()
        found = self._results(title, parsed, result, "any", with_snippets=with_snippets)
        return replace(self._without_itself(found, limits, release) if alike else found, offset=offset)

    def _without_itself(self, found: SearchResults, limits: Node, release: FoundRelease) -> SearchResults:
        """The counts without the release that the others are like, whose words it has itself."""

        def is_in(tree: Node) -> bool:
            return tree == All() or any(hit.key == release.id for hit in self.scan(tree))

        undated = without_date(limits) if found.by_date else limits
        wider = with_mentions(limits)
        is_hit = is_in(limits)
        return replace(
            found,
            total=found.total - is_hit,
            undated=found.undated - (release.published is None and is_in(undated)),
            mentioned_only=found.mentioned_only - (wider != limits and not is_hit and is_in(wider)),
        )

    def parse(self, query: str, *, today: date, match: Match = "all") -> ParsedQuery:
        """A query text as a tree, with notes."""
        return parse_query(query, names=self._names, today=today, match=match)

    def keys(self, query: str, *, today: date) -> tuple[str, ...]:
        """The ids of all releases that a query finds, every word of it asked for. Raises IndexingError."""
        node = self.parse(query, today=today).node
        total = self.count(node)
        return tuple(hit.key for hit in self.ask(SearchRequest(node=node, limit=total)).hits)

    def scan(self, node: Node, *, sort: Sort = "newest", offset: int = 0) -> Iterator[EngineHit]:
        """Every hit of a query tree in order, however many there are, from `offset` on. By score they are asked for at
        once: engines put equal ones in order as far as they are asked to look."""
        if sort == "score":
            yield from self.ask(SearchRequest(node=node, offset=offset, limit=self.count(node))).hits
            return
        while True:
            hits = self.ask(SearchRequest(node=node, sort=sort, offset=offset, limit=SCAN_BATCH)).hits
            yield from hits
            if len(hits) < SCAN_BATCH:
                return
            offset += len(hits)

    def page(self, parsed: ParsedQuery, *, sort: Sort = "score", offset: int = 0, limit: int = 10) -> tuple[Hit, ...]:
        """A page of a query's hits with snippets."""
        hits = self.ask(SearchRequest(node=parsed.node, sort=sort, offset=offset, limit=limit)).hits
        return self._hits(parsed, [(hit.key, hit.score) for hit in hits], with_snippets=True)

    def every_hit(self, parsed: ParsedQuery, *, sort: Sort = "score", offset: int = 0) -> Iterator[Hit]:
        """Every hit of a query in order, without snippets, read as it is asked for."""
        hits = self.scan(parsed.node, sort=sort, offset=offset)
        while batch := [(hit.key, hit.score) for hit in islice(hits, RELEASES_A_BATCH)]:
            yield from self._hits(parsed, batch, with_snippets=False)

    def hits_of(self, parsed: ParsedQuery, keys: Sequence[str]) -> Iterator[Hit]:
        """What a query's hits with these ids show, in the order of the ids."""
        for start in range(0, len(keys), RELEASES_A_BATCH):
            batch = [(key, 0.0) for key in keys[start : start + RELEASES_A_BATCH]]
            yield from self._hits(parsed, batch, with_snippets=True)

    def scan_releases(self, node: Node, *, sort: Sort = "newest") -> Iterator[FoundRelease]:
        """Every release that a query tree finds, with its text, in order."""
        hits = self.scan(node, sort=sort)
        while keys := [hit.key for hit in islice(hits, RELEASES_A_BATCH)]:
            found = {release.id: release for release in self._releases.found_releases(keys)}
            yield from (found[key] for key in keys if key in found)

    def forms(self, prefix: str) -> Sequence[str]:
        """The folded word forms that begin so, those of releases out of sight among them: show none that `count`
        does not find."""
        return self._index.forms(prefix)

    def surface(self, form: str) -> str | None:
        """A folded word form as a release writes it, or None when none has it."""
        hits = self.ask(SearchRequest(node=Exact(form), limit=1)).hits
        for release in self._releases.found_releases([hit.key for hit in hits]):
            for text in (release.text, release.title):
                token = next((token for token in token_fields(text) if token.form == form), None)
                if token:
                    return text[token.start : token.end]
        return None

    def ask(self, request: SearchRequest) -> EngineResult:
        """The engine's own answer, within the restrictions. Raises QueryError, IndexingError."""
        if self._restrictions:
            request = replace(request, node=And((request.node, *self._restrictions)))
        if request.offset + request.limit > _WIDE:  # engines make room for so many hits
            total = self._index.search(replace(request, offset=0, limit=0, facets=())).total
            offset = min(request.offset, total)
            request = replace(request, offset=offset, limit=min(request.limit, total - offset))
        return self._index.search(request)

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
                heading=release.heading,
                published=release.published,
                source_id=release.source_id,
                score=score,
                title_highlights=highlights(release.title, parsed.node, "title") if with_snippets else (),
                snippets=_passages(release, parsed.node) if with_snippets else (),
                captured_at=release.captured_at,
                state=release.state,
                access=release.access,
                embargo_until=release.embargo_until,
            )
            for key, score in scores
            if (release := found.get(key))
        )

    def count(self, node: Node) -> int:
        """How many releases a query tree finds."""
        return self.ask(SearchRequest(node=node, limit=0)).total

    def _results(
        self, query: str, parsed: ParsedQuery, result: EngineResult, match: Match, *, with_snippets: bool
    ) -> SearchResults:
        undated, by_date = self.undated(parsed.node, result)
        return SearchResults(
            query=query,
            understood=parsed.understood,
            notes=parsed.notes,
            total=result.total,
            undated=undated,
            by_date=by_date,
            mentioned_only=self._mentioned_only(parsed.node, result.total),
            match=match,
            widened=False,
            hits=self._hits(parsed, [(hit.key, hit.score) for hit in result.hits], with_snippets=with_snippets),
            facets=tuple((field, self.named(field, counts)) for field, counts in result.facets),
            seq=self.seq,
        )

    def named(self, field: str, counts: Iterable[FacetCount]) -> tuple[FacetValue, ...]:
        """Facet counts with the names of their values."""
        return tuple(FacetValue(value=c.value, label=self._names.label(field, c.value), count=c.count) for c in counts)

    def _suggestion(self, query: str, parsed: ParsedQuery, total: int, today: date) -> str | None:
        """The query better spelled, when that finds more."""
        if total > _FEW:
            return None
        better = better_words(parsed.node, self)
        corrected = replace_words(query, better)
        if corrected == query:
            return None
        found = self.count(self.parse(corrected, today=today).node)
        return corrected if found > total else None

    def _next(self, query: str, today: date, match: Match, request: SearchRequest, result: EngineResult) -> str | None:
        end = request.offset + len(result.hits)
        if not result.hits or end >= result.total:
            return None
        cursor = Cursor(
            query=query,
            sort=request.sort,
            match=match,
            today=today,
            seq=self.seq,
            offset=end,
            last=result.hits[-1].key,
        )
        return cursor.encode()

    def _resume(self, cursor: Cursor, node: Node) -> int:
        """How many hits come before the next page: after a change, those up to the last hit that was shown."""
        if cursor.seq == self.seq:
            return cursor.offset
        keys = (hit.key for hit in self.scan(node, sort=cursor.sort))
        return next((place + 1 for place, key in enumerate(keys) if key == cursor.last), cursor.offset)

    def undated(self, node: Node, result: EngineResult) -> tuple[int, bool]:
        """How many releases without date there are among the hits of a tree; where there are none, how many a date
        filter alone left out, and whether there is one."""
        without = without_date(node)
        if without == node or result.undated:
            return result.undated, False
        return self.count(And((without, Range("published", unknown=True)))), True

    def _mentioned_only(self, node: Node, total: int) -> int:
        wider = with_mentions(node)
        return self.count(wider) - total if wider != node else 0


def _passages(release: FoundRelease, node: Node) -> tuple[Snippet, ...]:
    """The passages that show why a release was found, each with the page of its first marked word."""
    found = []
    for passage in snippets(release.text, node, quotes=release.quotes):
        offset = passage.start + min((mark.start for mark in passage.highlights), default=0)
        page = bisect_right(release.pages, offset) if offset < release.paged else 0
        found.append(replace(passage, page=page or None))
    return tuple(found)


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
        "hits": [hit_as_json(hit) for hit in results.hits],
        "suggestion": results.suggestion,
        "next_cursor": results.cursor,
        "seq": results.seq,
        "changed": results.changed,
        "facets": {
            field: [{"value": v.value, "label": v.label, "count": v.count} for v in values]
            for field, values in results.facets
        },
    }


def hit_as_json(hit: Hit) -> dict[str, object]:
    """One hit as JSON."""
    return {
        "id": hit.id,
        "url": hit.url,
        "path": hit.path,
        "title": hit.title,
        "published": hit.published.isoformat() if hit.published else None,
        "captured": hit.captured_at.isoformat() if hit.captured_at else None,
        "source": hit.source_id,
        "score": round(hit.score, 4),
        "state": hit.state,
        "access": hit.access,
        "embargo_until": hit.embargo_until.isoformat() if hit.embargo_until else None,
        "snippets": [
            {"text": s.text, "start": s.start, "page": s.page, "highlights": [[h.start, h.end] for h in s.highlights]}
            for s in hit.snippets
        ],
    }
