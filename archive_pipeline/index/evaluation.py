"""Answering a query tree over posting lists: matching, scoring, sorting, facets.

For engines that only store postings (Whoosh). Documents are numbers here; a result maps them to scores. Scores are
BM25F: title words weigh more, long texts less (Robertson and Zaragoza, "The Probabilistic Relevance Framework",
2009; k1 and b as usual in Lucene).
"""

import heapq
import math
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from itertools import chain
from typing import Protocol

from archive_pipeline.errors import QueryError
from archive_pipeline.index.terms import (
    MAX_EXPANSIONS,
    PERIODS,
    WordQuery,
    exact_forms,
    nearest_forms,
    phrase_query,
    phrase_slop,
    word_query,
)
from archive_pipeline.language.folding import fold
from archive_pipeline.protocols import EngineHit, EngineResult, FacetCount, SearchRequest
from archive_pipeline.query import (
    FILTER_FIELDS,
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

__all__ = ["Postings", "evaluate"]

_K1 = 1.2
_B = 0.75
_TEXT = "text"

Scores = Mapping[int, float]


class Postings(Protocol):
    """What an engine must be able to look up. Documents are numbered; deleted ones never appear."""

    def documents(self) -> Collection[int]:
        """All documents."""

    def key_weights(self, field: str, keys: Sequence[str]) -> Scores:
        """The summed weight of the keys by document."""

    def form_weights(self, field: str, forms: Sequence[str]) -> Scores:
        """The summed weight of the folded forms by document."""

    def positions(self, field: str, keys: Sequence[str], documents: Collection[int]) -> Mapping[int, Sequence[int]]:
        """Where any of the keys stands in these documents, ascending."""

    def forms(self, field: str, prefix: str) -> Sequence[str]:
        """All folded forms that begin so."""

    def length_norms(self) -> Sequence[float]:
        """Length of the text field relative to the mean of all documents, by document number."""

    def values(self, field: str) -> Sequence[Sequence[str]]:
        """The keys in a filter field, by document number."""

    def carriers(self, field: str, value: str) -> Collection[int]:
        """The documents that carry a key in a filter field."""

    def days(self, field: str) -> Sequence[int]:
        """The proleptic ordinal of "published" or "captured" by document number, 0 for unknown."""

    def key(self, document: int) -> str:
        """The release id."""


def evaluate(request: SearchRequest, postings: Postings) -> EngineResult:
    """One page of the answer with total and facets over all hits."""
    scores = _Evaluation(postings).scores(request.node)
    hits = _page(request, scores, postings)
    return EngineResult(
        hits=tuple(EngineHit(key=postings.key(document), score=scores[document]) for document in hits),
        total=len(scores),
        undated=sum(not day for day in map(postings.days("published").__getitem__, scores)),
        facets=tuple((field, _facet(field, scores, postings)) for field in request.facets),
    )


class _Evaluation:
    """The walk over one query tree."""

    def __init__(self, postings: Postings) -> None:
        self._postings = postings

    def scores(self, node: Node) -> Scores:
        """Score by matching document; 0 where only filters matched."""
        match node:
            case Term(text, field):
                return self._words(field or _TEXT, word_query(text), slop=0)
            case Phrase(texts, slop, field):
                wanted = phrase_query(texts)
                return self._words(field or _TEXT, wanted, slop=phrase_slop(len(wanted.sequence), slop))
            case Exact(text, field):
                return self._forms(field or _TEXT, exact_forms(text))
            case Prefix(text, field):
                return self._prefixed(field or _TEXT, fold(text))
            case Fuzzy(text, distance, field):
                form = fold(text)
                near = nearest_forms(form, self._postings.forms(field or _TEXT, form[:1]), distance) if form else ()
                return self._forms(field or _TEXT, near)
            case Range() | Filter() | All():
                return dict.fromkeys(self._unscored(node), 0.0)
            case And(nodes):
                return self._all_of(nodes)
            case Or(nodes):
                return self._any_of(nodes)
            case Not(inner):
                return dict.fromkeys(set(self._postings.documents()) - self._matching(inner), 0.0)

    def _matching(self, node: Node) -> set[int]:
        if isinstance(node, Range | Filter | All):
            return set(self._unscored(node))
        return set(self.scores(node))

    def _unscored(self, node: Range | Filter | All) -> Iterable[int]:
        match node:
            case All():
                return self._postings.documents()
            case Filter(field, values):
                if field not in FILTER_FIELDS:
                    raise QueryError(f"kein Filterfeld: {field}", hint="Felder: " + ", ".join(FILTER_FIELDS))
                return chain.from_iterable(self._postings.carriers(field, value) for value in values)
            case Range(field, start, end, unknown):
                if field not in {"published", "captured"}:
                    raise QueryError(f"kein Datumsfeld: {field}", hint="Felder: published, captured")
                days = self._postings.days(field)
                low = 0 if unknown else (start or date.min).toordinal()
                high = 0 if unknown else (end or date.max).toordinal()
                return [document for document in self._postings.documents() if low <= days[document] <= high]

    def _all_of(self, nodes: Sequence[Node]) -> Scores:
        scored = [self.scores(node) for node in nodes if not isinstance(node, Range | Filter | All | Not)]
        scored.sort(key=len)
        found = set(scored[0]) if scored else set(self._postings.documents())
        for scores in scored:
            found.intersection_update(scores)
        for node in nodes:
            if isinstance(node, Range | Filter):
                found.intersection_update(self._unscored(node))
            elif isinstance(node, Not):
                found -= self._matching(node.node)
        if not scored:
            return dict.fromkeys(found, 0.0)
        return {document: sum(scores[document] for scores in scored) for document in found}

    def _any_of(self, nodes: Sequence[Node]) -> Scores:
        total: dict[int, float] = {}
        for node in nodes:
            for document, score in self.scores(node).items():
                total[document] = total.get(document, 0.0) + score
        return total

    def _words(self, field: str, wanted: WordQuery, *, slop: int) -> Scores:
        weights = self._postings.key_weights(field, wanted.keys) if wanted.keys else {}
        if wanted.sequence:
            weights = dict(weights)
            for document, count in self._sequences(field, wanted.sequence, slop).items():
                weights[document] = weights.get(document, 0.0) + count
        return self._bm25(field, weights)

    def _sequences(self, field: str, sequence: Sequence[Sequence[str]], slop: int) -> Scores:
        """How often the sequence stands in each document."""
        lists = sorted((self._postings.key_weights(field, keys) for keys in sequence), key=len)
        documents = set(lists[0])
        for weights in lists[1:]:
            documents.intersection_update(weights)
        if not documents:
            return {}
        places = [self._postings.positions(field, keys, documents) for keys in sequence]
        counts = {document: _occurrences([place[document] for place in places], slop) for document in documents}
        return {document: float(count) for document, count in counts.items() if count}

    def _forms(self, field: str, forms: Sequence[str]) -> Scores:
        return self._bm25(field, self._postings.form_weights(field, forms)) if forms else {}

    def _prefixed(self, field: str, prefix: str) -> Scores:
        """Forms that begin so; when they are many, how rare they are together says nothing."""
        forms = self._postings.forms(field, prefix)
        if len(forms) <= MAX_EXPANSIONS:
            return self._forms(field, forms)
        return dict.fromkeys(self._postings.form_weights(field, forms), 1.0)

    def _bm25(self, field: str, weights: Scores) -> Scores:
        documents = len(self._postings.documents())
        idf = math.log(1 + (documents - len(weights) + 0.5) / (len(weights) + 0.5)) * (_K1 + 1)
        if field != _TEXT:
            return {document: idf * weight / (weight + _K1) for document, weight in weights.items()}
        norms = self._postings.length_norms()
        return {
            document: idf * weight / (weight + _K1 * (1 - _B + _B * norms[document]))
            for document, weight in weights.items()
        }


def _occurrences(places: Sequence[Sequence[int]], slop: int) -> int:
    """How many positions of the last word end a sequence with at most `slop` words between neighbours."""
    reached = set(places[0])
    for following in places[1:]:
        reached = {place for place in following if any(place - step in reached for step in range(1, slop + 2))}
        if not reached:
            return 0
    return len(reached)


def _page(request: SearchRequest, scores: Scores, postings: Postings) -> list[int]:
    """The documents of the asked page: by score and date, or by date alone, then by key."""
    end = request.offset + request.limit
    if request.limit <= 0 or request.offset >= len(scores):
        return []
    days = postings.days("published")
    by_score: _Measure = scores.__getitem__
    by_day: _Measure = days.__getitem__
    measures = [by_score, by_day] if request.sort == "score" else [by_day]
    if request.sort == "oldest":
        measures[0] = lambda document: -days[document] or -math.inf
    leading = _leading(list(scores), end, measures)
    leading.sort(key=lambda document: (*(-measure(document) for measure in measures), postings.key(document)))
    return leading[request.offset : end]


_Measure = Callable[[int], float]


def _leading(documents: list[int], count: int, measures: Sequence[_Measure]) -> list[int]:
    """The documents that can be among the first `count`, in any order; all that are equal by every measure."""
    if len(documents) <= count or not measures:
        return documents
    values = list(map(measures[0], documents))
    cut = heapq.nlargest(count, values)[-1]
    above = [document for document, value in zip(documents, values, strict=True) if value > cut]
    tied = [document for document, value in zip(documents, values, strict=True) if value == cut]
    return above + _leading(tied, count - len(above), measures[1:])


def _facet(field: str, documents: Collection[int], postings: Postings) -> tuple[FacetCount, ...]:
    """How many hits carry each value, most frequent first, then by value."""
    if digits := PERIODS.get(field):
        days = Counter(map(postings.days("published").__getitem__, documents))
        counts: Counter[str] = Counter()
        for day, count in days.items():
            if day:
                counts[date.fromordinal(day).isoformat()[:digits]] += count
    elif field in FILTER_FIELDS:
        counts = Counter(chain.from_iterable(map(postings.values(field).__getitem__, documents)))
    else:
        raise QueryError(f"kein Feld für Facetten: {field}", hint="Felder: " + ", ".join((*PERIODS, *FILTER_FIELDS)))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return tuple(FacetCount(value=value, count=count) for value, count in ordered)
