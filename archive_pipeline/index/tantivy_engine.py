"""The fast engine: tantivy, behind the same protocol as Whoosh. Needs the extra `tantivy`.

Terms come finished from the analysis, so that both engines find the same releases: `tantivy_documents` hands them over,
`tantivy_queries` asks for them. This module alone imports tantivy.
"""

import importlib
import re
import shutil
import threading
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive_pipeline.errors import IndexingError, LockedError, MissingExtraError, QueryError
from archive_pipeline.index.batches import uncollected
from archive_pipeline.index.state import begin_state, damaged, read_seq, require_version, write_seq
from archive_pipeline.index.tantivy_documents import make_document, make_schema, register_tokenizer
from archive_pipeline.index.tantivy_queries import Translation, Vocabulary
from archive_pipeline.index.terms import PERIODS
from archive_pipeline.language.analysis import ANALYSIS_VERSION
from archive_pipeline.protocols import EngineHit, EngineResult, FacetCount, Index, IndexDocument, SearchRequest
from archive_pipeline.query import FILTER_FIELDS

if TYPE_CHECKING:
    import tantivy

__all__ = ["TantivyEngine"]

_VERSION = "tantivy-3"
_HEAP_BYTES = 128_000_000
_THREADS = 1
_SPARE = 32
"""Hits asked for beyond a page, so that those that tie with its last one are among them."""
_MORE = 16
"""How many times as many are asked for when they are not."""
_BUCKETS = 65_000
"""Values that one aggregation can count: tantivy's own limit."""


class TantivyEngine:
    """Makes and opens tantivy indexes. Every method raises MissingExtraError without the extra `tantivy`."""

    version = f"{_VERSION}+{ANALYSIS_VERSION}"

    def create(self, folder: Path) -> Index:
        """A new, empty index in `folder`, replacing what is there."""
        library = _library()
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        with _damage_as_error(folder):
            library.Index(make_schema(library), path=str(folder))
        begin_state(folder, self.version)
        return _TantivyIndex(library, folder, writable=True)

    def open(self, folder: Path, *, writable: bool = False) -> Index:
        """The index in `folder`. Raises IndexingError when it is missing, damaged or of another version."""
        library = _library()
        require_version(folder, self.version)
        return _TantivyIndex(library, folder, writable=writable)


def _library() -> Any:
    try:
        return importlib.import_module("tantivy")
    except ImportError as error:
        raise MissingExtraError(
            'Für engine = "tantivy" fehlt das Paket tantivy', hint="pip install 'archive-pipeline[tantivy]'"
        ) from error


class _TantivyIndex:
    """An open index. Searches see the state it was opened in, or the last own commit."""

    def __init__(self, library: Any, folder: Path, *, writable: bool) -> None:
        self._library = library
        self._folder = folder
        self._writable = writable
        self._pending: dict[str, IndexDocument | None] = {}
        self._lock = threading.RLock()
        with _damage_as_error(folder):
            # seq first: it may be older than the postings, never newer
            self._seq = read_seq(folder)
            self._index: tantivy.Index = library.Index.open(str(folder))
            register_tokenizer(library, self._index)
            self._index.config_reader(reload_policy="manual")
            self._state: _State | None = _State(library, self._index)

    def upsert(self, documents: Sequence[IndexDocument]) -> None:
        """Add or replace documents by key. They wait in memory until `commit`: commit in batches."""
        self._check_writable()
        for document in documents:
            self._pending[document.key] = document

    def delete(self, keys: Sequence[str]) -> None:
        """Remove documents by key; unknown keys are ignored."""
        self._check_writable()
        for key in keys:
            self._pending[key] = None

    def commit(self, seq: int) -> None:
        """Make changes durable and visible. Raises LockedError while another process writes, IndexingError.

        `seq` is written after the postings: a crash between the two repeats the last changes, it loses none.
        """
        self._check_writable()
        with self._lock, uncollected(), _damage_as_error(self._folder):
            if self._pending:
                self._write()
            write_seq(self._folder, seq)
            self._pending.clear()
            self._seq = seq
            self._index.reload()
            self._state = _State(self._library, self._index)

    def seq(self) -> int:
        """The change number of the last commit, 0 for a new index."""
        return self._seq

    def count(self) -> int:
        """How many documents the index holds."""
        return self._open_state().searcher.num_docs

    def search(self, request: SearchRequest) -> EngineResult:
        """Answer a query. Raises QueryError, IndexingError. Safe to call from several threads."""
        state = self._open_state()
        with _damage_as_error(self._folder):
            return state.search(request)

    def forms(self, prefix: str) -> Sequence[str]:
        """The folded word forms of titles and texts that begin so, sorted. Raises IndexingError."""
        state = self._open_state()
        with _damage_as_error(self._folder):
            return state.vocabulary.forms("text", prefix)

    def close(self) -> None:
        """Release files; uncommitted changes are lost."""
        with self._lock:
            self._pending.clear()
            self._state = None

    def _check_writable(self) -> None:
        if not self._writable:
            raise IndexingError("Der Suchindex ist nur zum Lesen geöffnet", hint="mit writable=True öffnen")

    def _open_state(self) -> "_State":
        state = self._state
        if state is None:
            raise IndexingError("Der Suchindex ist schon geschlossen", hint="neu öffnen")
        return state

    def _write(self) -> None:
        """One writer for one commit: the lock is held no longer, and merges are over when it ends (otherwise old
        segments pile up, paperless-ngx #13679)."""
        try:
            writer = self._index.writer(_HEAP_BYTES, _THREADS)
        except ValueError as error:
            if "lock" not in str(error).lower():
                raise
            raise LockedError(
                f"Ein anderer Prozess schreibt in den Suchindex {self._folder}", hint="warten und wiederholen"
            ) from None
        known = self._open_state().searcher.num_docs
        for key, document in self._pending.items():
            if known:
                writer.delete_documents_by_term("key", key)
            if document is not None:
                writer.add_document(make_document(self._library, document))
        writer.commit()
        writer.garbage_collect_files()
        writer.wait_merging_threads()


class _State:
    """One state of an index: what is found in it stays the same."""

    def __init__(self, library: Any, index: "tantivy.Index") -> None:
        self.searcher: tantivy.Searcher = index.searcher()
        self.vocabulary = Vocabulary(self.searcher)
        self._library = library
        self._translation = Translation(library, index.schema, self.vocabulary)

    def search(self, request: SearchRequest) -> EngineResult:
        query, is_flat = self._translation.query(request.node)
        hits, total = self._page(query, request, is_flat=is_flat)
        facets = self._facets(query, request.facets) if request.facets else ()
        return EngineResult(hits=hits, total=total, undated=self._undated(query, total, facets), facets=facets)

    def _page(
        self, query: "tantivy.Query", request: SearchRequest, *, is_flat: bool
    ) -> tuple[tuple[EngineHit, ...], int]:
        """The asked page and the number of all hits."""
        if request.limit <= 0:
            return (), self._count(query)
        begin, end = request.offset, request.offset + request.limit
        if request.sort != "score" or is_flat:
            field = "oldest" if request.sort == "oldest" else "newest"
            first, dated, total = self._by_rank(query, field, begin, end)
            placed = [(0.0, rank, address) for rank, address in dated]
        else:
            first, hits, total = self._by_score(query, begin, end)
            placed = self._ranked(hits)
        return tuple(self._with_keys(placed, begin - first, end - first)), total

    def _count(self, query: "tantivy.Query") -> int:
        found: Any = self.searcher.search(query, 1, count=True, order_by_field="newest")  # no scores are computed
        return int(found.count)

    def _undated(self, query: "tantivy.Query", total: int, facets: Sequence[tuple[str, Sequence[FacetCount]]]) -> int:
        """How many hits have no date; when years are counted, what they leave."""
        if not total or not self.vocabulary.has_undated:
            return 0
        for field, counts in facets:
            if field in PERIODS:
                return total - sum(count.count for count in counts)
        return self._count(self._translation.undated(query))

    def _by_rank(
        self, query: "tantivy.Query", field: str, begin: int, end: int
    ) -> tuple[int, list[tuple[int, Any]], int]:
        """The hits of a page by a number that holds day and key, with all that tie with its first and last one: the
        place of the first of them, they themselves, and the number of all hits."""
        spare = _SPARE
        while True:
            first, behind = max(0, begin - spare), end + spare
            found: Any = self.searcher.search(
                query,
                behind - first,
                count=True,
                order_by_field=field,
                offset=first,
                order=self._library.Order.Asc,
            )
            hits = found.hits
            low, high = _whole_ties(hits, begin - first, end - first)
            if (low or not first) and (high < len(hits) or behind >= found.count):
                return first + low, hits[low:high], found.count
            spare *= _MORE

    def _by_score(self, query: "tantivy.Query", begin: int, end: int) -> tuple[int, list[tuple[float, Any]], int]:
        """The same by score. Scores don't depend on how many hits are asked for: as all are counted, tantivy looks at
        all of them."""
        limit = end + _SPARE
        while True:
            found: Any = self.searcher.search(query, limit, count=True)
            hits = found.hits
            low, high = _whole_ties(hits, begin, end)
            if high < len(hits) or limit >= found.count:
                return low, hits[low:high], found.count
            limit = min(limit * _MORE, found.count)

    def _ranked(self, hits: Sequence[tuple[float, Any]]) -> list[tuple[float, int, Any]]:
        """Hits by score, with the numbers that put equal ones in order."""
        if len({score for score, _ in hits}) == len(hits):
            return [(score, 0, address) for score, address in hits]
        ranks = self.searcher.fast_field_values("newest", [address for _, address in hits])
        placed = [(score, int(rank or 0), address) for (score, address), rank in zip(hits, ranks, strict=True)]
        return sorted(placed, key=lambda hit: (-hit[0], hit[1]))

    def _with_keys(self, placed: Sequence[tuple[float, int, Any]], begin: int, end: int) -> Iterator[EngineHit]:
        """The hits of a page. Where numbers tie, too, the keys decide."""
        if len({hit[:2] for hit in placed}) == len(placed):
            keyed = [(score, self._key(address)) for score, _, address in placed[begin:end]]
        else:
            ordered = sorted((-score, rank, self._key(address)) for score, rank, address in placed)
            keyed = [(-score, key) for score, _, key in ordered[begin:end]]
        return (EngineHit(key=key, score=score) for score, key in keyed)

    def _key(self, address: Any) -> str:
        return str(self.searcher.doc(address)["key"][0])

    def _facets(self, query: "tantivy.Query", fields: Sequence[str]) -> tuple[tuple[str, tuple[FacetCount, ...]], ...]:
        """How many hits carry each value of each field, most frequent first, then by value."""
        unknown = [field for field in fields if field not in {*FILTER_FIELDS, *PERIODS}]
        if unknown:
            raise QueryError(
                f"kein Feld für Facetten: {unknown[0]}", hint="Felder: " + ", ".join((*PERIODS, *FILTER_FIELDS))
            )
        columns = dict.fromkeys("month" if field in PERIODS else field for field in fields)
        try:
            found = self.searcher.aggregate(query, {column: _terms_of(column) for column in columns})
        except ValueError as error:
            if "bucket limit" not in str(error):
                raise
            found = {}  # too many values together
        buckets = {
            column: found[column]["buckets"] if _is_whole(found.get(column)) else self._buckets(query, column)
            for column in columns
        }
        return tuple((field, _counts(field, buckets["month" if field in PERIODS else field])) for field in fields)

    def _buckets(self, query: "tantivy.Query", column: str) -> list[dict[str, Any]]:
        """All values of a field that has more than one aggregation can count: by the letters they begin with."""
        whole: list[dict[str, Any]] = []
        beginnings = [""]
        while beginnings:
            begun, letters = beginnings.pop(), ""
            while not _is_whole(found := self._begun(query, column, begun, letters)):
                further = {bucket["key"][len(begun) :][:1] for bucket in found["buckets"]} - {""}
                beginnings += [begun + letter for letter in further]
                letters += "".join(further)
            whole += found["buckets"]
        return whole

    def _begun(self, query: "tantivy.Query", column: str, begun: str, but: str) -> dict[str, Any]:
        """The values that begin so, and then not with one of the letters `but`."""
        which = {"include": f"{re.escape(begun)}.*"} if begun else {}
        if but:
            which["exclude"] = f"{re.escape(begun)}[{re.escape(but)}].*"
        found: dict[str, Any] = self.searcher.aggregate(query, {column: _terms_of(column, **which)})[column]
        return found


def _whole_ties(hits: Sequence[tuple[float, Any]], begin: int, end: int) -> tuple[int, int]:
    """The part of the hits between two places, widened to all that tie with its first and its last one."""
    end = min(end, len(hits))
    if begin >= end:
        return begin, begin
    first, last = hits[begin][0], hits[end - 1][0]
    while begin and hits[begin - 1][0] == first:
        begin -= 1
    while end < len(hits) and hits[end][0] == last:
        end += 1
    return begin, end


def _terms_of(column: str, **which: str) -> dict[str, Any]:
    """The aggregation that counts the values of a field, those that `which` allows."""
    return {"terms": {"field": column, "size": _BUCKETS, "segment_size": _BUCKETS, **which}}


def _is_whole(found: dict[str, Any] | None) -> bool:
    return found is not None and not found["sum_other_doc_count"]


def _counts(field: str, buckets: Sequence[dict[str, Any]]) -> tuple[FacetCount, ...]:
    counts: Counter[str] = Counter()
    for bucket in buckets:
        value = str(bucket["key"])
        if field in PERIODS:
            month = int(bucket["key"])
            value = f"{month // 100:04d}-{month % 100:02d}"[: PERIODS[field]]
        counts[value] += int(bucket["doc_count"])
    ordered = sorted((-count, value) for value, count in counts.items())
    return tuple(FacetCount(value=value, count=-count) for count, value in ordered)


@contextmanager
def _damage_as_error(folder: Path) -> Iterator[None]:
    """tantivy raises ValueError and OSError; on files that are cut off it panics, which Python sees as an exception
    of a kind of its own."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise damaged(folder, error) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise damaged(folder, error) from error
