"""The fast engine: tantivy, behind the same protocol as Whoosh. Needs the extra `tantivy`.

Terms come finished from `index.terms`, so that both engines find the same releases. Every text is indexed three
times: all keys (words and compound parts) for words, the keys of words with their positions for phrases, and the
folded forms for exact, prefix and fuzzy search. Nothing is stored but the key. This module alone imports tantivy.
"""

import importlib
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from itertools import accumulate, islice, product, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from archive_pipeline.errors import IndexingError, LockedError, MissingExtraError, QueryError
from archive_pipeline.index.batches import uncollected
from archive_pipeline.index.terms import (
    MAX_EXPANSIONS,
    PART_SIGN,
    PERIODS,
    FieldTerms,
    WordQuery,
    document_terms,
    exact_forms,
    nearest_forms,
    phrase_query,
    phrase_slop,
    word_query,
)
from archive_pipeline.language.analysis import ANALYSIS_VERSION
from archive_pipeline.language.folding import fold
from archive_pipeline.protocols import EngineHit, EngineResult, FacetCount, Index, IndexDocument, SearchRequest
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

if TYPE_CHECKING:
    import tantivy

__all__ = ["TantivyEngine"]

_VERSION = "tantivy-2"
_VERSION_FILE = "version.json"
_SEQ_FILE = "seq"
_HEAP_BYTES = 128_000_000
_THREADS = 1
_REBUILD = "archive-pipeline rebuild"
_TEXTS = ("text", "title", "quote", "speaker")
_DAY_DIGITS = 7
_NO_DAY = 10**_DAY_DIGITS - 1
_WIDEST_TIE = 5_000
"""Hits of one score that are put in order by date and key; more stay in the order of the index."""
_SPARE = 32
_BUCKETS = 65_000
"""Values a facet can have: tantivy's own limit for one aggregation."""
_MAX_CHOICES = 64


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
            library.Index(_schema(library), path=str(folder))
        _write_atomically(folder / _SEQ_FILE, "0")
        _write_atomically(folder / _VERSION_FILE, json.dumps({"engine": self.version}))
        return _TantivyIndex(library, folder, writable=True)

    def open(self, folder: Path, *, writable: bool = False) -> Index:
        """The index in `folder`. Raises IndexingError when it is missing, damaged or of another version."""
        library = _library()
        try:
            found = json.loads((folder / _VERSION_FILE).read_text("utf-8"))["engine"]
        except FileNotFoundError:
            raise IndexingError(f"Kein Suchindex in {folder}", hint=f"neu aufbauen: {_REBUILD}") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _damaged(folder, error) from error
        if found != self.version:
            raise IndexingError(
                f"Der Suchindex in {folder} stammt von Version {found}, nötig ist {self.version}",
                hint=f"neu aufbauen: {_REBUILD}",
            )
        return _TantivyIndex(library, folder, writable=writable)


def _library() -> Any:
    try:
        return importlib.import_module("tantivy")
    except ImportError as error:
        raise MissingExtraError(
            'Für engine = "tantivy" fehlt das Paket tantivy', hint="pip install 'archive-pipeline[tantivy]'"
        ) from error


def _schema(library: Any) -> "tantivy.Schema":
    builder = library.SchemaBuilder()
    builder.add_text_field("key", tokenizer_name="raw", index_option="basic")
    for field in _TEXTS:
        builder.add_text_field(f"{field}_any", tokenizer_name="whitespace", index_option="freq")
        builder.add_text_field(f"{field}_key", tokenizer_name="raw", index_option="position")
        builder.add_text_field(f"{field}_form", tokenizer_name="whitespace", index_option="freq")
    builder.add_text_field("newest", tokenizer_name="raw", index_option="basic", fast=True, stored=True)
    builder.add_text_field("oldest", tokenizer_name="raw", index_option="basic", fast=True)
    for day in ("published", "captured"):
        builder.add_integer_field(day, indexed=True, fast=True)
    for field in (*FILTER_FIELDS, *PERIODS):
        builder.add_text_field(field, tokenizer_name="raw", index_option="basic", fast=True)
    return builder.build()  # type: ignore[no-any-return]


class _TantivyIndex:
    """An open index. Searches see the state it was opened in, or the last own commit."""

    def __init__(self, library: Any, folder: Path, *, writable: bool) -> None:
        self._library = library
        self._folder = folder
        self._writable = writable
        self._pending: dict[str, IndexDocument | None] = {}
        self._lock = threading.RLock()
        self._forms: dict[tuple[str, str], tuple[str, ...]] = {}
        with _damage_as_error(folder):
            # seq first: it may be older than the postings, never newer
            self._seq = int((folder / _SEQ_FILE).read_text("ascii"))
            self._index: tantivy.Index = library.Index.open(str(folder))
            self._index.config_reader(reload_policy="manual")
            self._searcher: tantivy.Searcher | None = self._index.searcher()

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
            _write_atomically(self._folder / _SEQ_FILE, str(seq))
            self._pending.clear()
            self._seq = seq
            self._index.reload()
            self._searcher = self._index.searcher()
            self._forms.clear()

    def seq(self) -> int:
        """The change number of the last commit, 0 for a new index."""
        return self._seq

    def count(self) -> int:
        """How many documents the index holds."""
        return self._open_searcher().num_docs

    def search(self, request: SearchRequest) -> EngineResult:
        """Answer a query. Raises QueryError, IndexingError. Safe to call from several threads."""
        searcher = self._open_searcher()
        with _damage_as_error(self._folder):
            translation = _Translation(self._library, self._index, self._forms_with)
            query, is_flat = translation.query(request.node)
            hits, total = self._page(searcher, query, request, is_flat=is_flat)
            undated: Any = searcher.search(translation.undated(query), 1, count=True) if total else None
            return EngineResult(
                hits=hits,
                total=total,
                undated=undated.count if total else 0,
                facets=tuple((field, self._facet(searcher, query, field)) for field in request.facets),
            )

    def forms(self, prefix: str) -> Sequence[str]:
        """The folded word forms of titles and texts that begin so, sorted. Raises IndexingError."""
        with _damage_as_error(self._folder):
            return self._forms_with("text", prefix)

    def close(self) -> None:
        """Release files; uncommitted changes are lost."""
        with self._lock:
            self._pending.clear()
            self._searcher = None

    def _check_writable(self) -> None:
        if not self._writable:
            raise IndexingError("Der Suchindex ist nur zum Lesen geöffnet", hint="mit writable=True öffnen")

    def _open_searcher(self) -> "tantivy.Searcher":
        searcher = self._searcher
        if searcher is None:
            raise IndexingError("Der Suchindex ist schon geschlossen", hint="neu öffnen")
        return searcher

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
        known = self._open_searcher().num_docs
        for key, document in self._pending.items():
            if known:
                writer.delete_documents_by_term("key", key)
            if document is not None:
                writer.add_document(_document(self._library, document))
        writer.commit()
        writer.garbage_collect_files()
        writer.wait_merging_threads()

    def _forms_with(self, field: str, prefix: str) -> tuple[str, ...]:
        """All folded forms that begin so; kept, because many queries ask for the same first letters."""
        known = self._forms.get((field, prefix))
        if known is None:
            found = self._open_searcher().terms_with_prefix(f"{field}_form", prefix)
            known = self._forms[field, prefix] = tuple(sorted(form for form, count in found if count))
        return known

    def _page(
        self, searcher: "tantivy.Searcher", query: "tantivy.Query", request: SearchRequest, *, is_flat: bool
    ) -> tuple[tuple[EngineHit, ...], int]:
        """The asked page and the number of all hits."""
        end = request.offset + request.limit
        if request.limit <= 0:
            found: Any = searcher.search(query, 1, count=True)
            return (), found.count
        if request.sort != "score" or is_flat:
            field = "oldest" if request.sort == "oldest" else "newest"
            found = searcher.search(  # its type leaves `count` out
                query,
                request.limit,
                count=True,
                order_by_field=field,
                offset=request.offset,
                order=self._library.Order.Asc,
            )
            return tuple(EngineHit(key=rank[_DAY_DIGITS:], score=0.0) for rank, _ in found.hits), found.count
        hits, total = self._by_score(searcher, query, end)
        return _in_order(searcher, hits, request.offset, end), total

    def _by_score(
        self, searcher: "tantivy.Searcher", query: "tantivy.Query", end: int
    ) -> tuple[list[tuple[float, Any]], int]:
        """The first hits by score, with all that tie with the last one (unless too many do)."""
        limit = end + _SPARE
        while True:
            found: Any = searcher.search(query, limit, count=True)
            hits = found.hits
            if len(hits) < limit or hits[end - 1][0] != hits[-1][0]:
                return hits, found.count
            begin = next(number for number, hit in enumerate(hits) if hit[0] == hits[-1][0])
            if len(hits) - begin > _WIDEST_TIE:
                return hits, found.count
            limit *= 4

    def _facet(self, searcher: "tantivy.Searcher", query: "tantivy.Query", field: str) -> tuple[FacetCount, ...]:
        """How many hits carry each value, most frequent first, then by value."""
        if field not in {*FILTER_FIELDS, *PERIODS}:
            raise QueryError(
                f"kein Feld für Facetten: {field}", hint="Felder: " + ", ".join((*PERIODS, *FILTER_FIELDS))
            )
        terms = {"field": field, "size": _BUCKETS, "segment_size": _BUCKETS}
        buckets = searcher.aggregate(query, {"values": {"terms": terms}})["values"]["buckets"]
        ordered = sorted((-int(bucket["doc_count"]), str(bucket["key"])) for bucket in buckets)
        return tuple(FacetCount(value=value, count=-count) for count, value in ordered)


def _in_order(
    searcher: "tantivy.Searcher", hits: Sequence[tuple[float, Any]], offset: int, end: int
) -> tuple[EngineHit, ...]:
    """Hits from `offset` to `end`; equal scores by date and key."""
    ranked: list[tuple[float, str]] = []
    begin = 0
    while begin < min(end, len(hits)):
        score = hits[begin][0]
        behind = begin
        while behind < len(hits) and hits[behind][0] == score:
            behind += 1
        if behind > offset:
            group = [str(searcher.doc(address)["newest"][0]) for _, address in hits[begin:behind]]
            if len(group) <= _WIDEST_TIE:
                group.sort()
        else:
            group = [""] * (behind - begin)
        ranked += [(score, rank) for rank in group]
        begin = behind
    return tuple(EngineHit(key=rank[_DAY_DIGITS:], score=score) for score, rank in ranked[offset:end])


class _Translation:
    """One query tree as a tantivy query."""

    def __init__(self, library: Any, index: "tantivy.Index", forms: Callable[[str, str], Sequence[str]]) -> None:
        self._library = library
        self._schema = index.schema
        self._forms = forms

    def query(self, node: Node) -> tuple["tantivy.Query", bool]:
        """The query, and whether all its hits have the same score."""
        match node:
            case Term(text, field):
                return self._sequence(field or "text", word_query(text), 0), False
            case Phrase(texts, slop, field):
                wanted = phrase_query(texts)
                return self._sequence(field or "text", wanted, slop), False
            case Exact(text, field):
                return self._any(self._form_terms(field or "text", exact_forms(text))), False
            case Prefix(text, field):
                return self._prefix(field or "text", fold(text))
            case Fuzzy(text, distance, field):
                form = fold(text)
                near = nearest_forms(form, self._forms(field or "text", form[:1]), distance) if form else ()
                return self._any(self._form_terms(field or "text", near)), False
            case And(nodes):
                return self._all_of(nodes)
            case Or(nodes):
                built = [self.query(inner) for inner in nodes]
                flat = all(isinstance(inner, Range | Filter | All | Not) for inner in nodes)
                return self._any([query for query, _ in built]), flat
            case Not(inner):
                return self._without([self.query(inner)[0]], []), True
            case _:
                return self._unscored(node), True

    def undated(self, query: "tantivy.Query") -> "tantivy.Query":
        """Those hits of a query that have no date of publication."""
        return self._without([self._library.Query.exists_query("published")], [query])

    def _sequence(self, field: str, wanted: WordQuery, slop: int) -> "tantivy.Query":
        """Any of the keys, or the sequence. Single words are met by compound parts too, so their key is looked up
        among all keys; phrases hold words only."""
        keys = dict.fromkeys(key.removeprefix(PART_SIGN) for key in wanted.keys)
        parts = any(key.startswith(PART_SIGN) for key in wanted.keys)
        return self._any(
            [
                *(self._term(f"{field}_any" if parts else f"{field}_key", key) for key in keys),
                *self._phrases(f"{field}_key", wanted.sequence, phrase_slop(len(wanted.sequence), slop)),
            ]
        )

    def _phrases(self, field: str, sequence: Sequence[Sequence[str]], slop: int) -> Iterator["tantivy.Query"]:
        """The sequence with every choice of keys and every permitted distance between neighbours."""
        if not sequence or not all(sequence):
            return
        for steps in product(range(1, slop + 2), repeat=len(sequence) - 1):
            places = list(accumulate(steps, initial=0))
            for keys in islice(product(*sequence), _MAX_CHOICES):
                yield self._library.Query.phrase_query(self._schema, field, list(zip(places, keys, strict=True)))

    def _prefix(self, field: str, prefix: str) -> tuple["tantivy.Query", bool]:
        forms = self._forms(field, prefix)
        if len(forms) <= MAX_EXPANSIONS:
            return self._any(self._form_terms(field, forms)), False
        query = self._library.Query.regex_query(self._schema, f"{field}_form", re.escape(prefix) + ".*")
        return self._library.Query.const_score_query(query, 1.0), True

    def _form_terms(self, field: str, forms: Sequence[str]) -> list["tantivy.Query"]:
        return [self._term(f"{field}_form", form) for form in forms]

    def _term(self, field: str, value: str) -> "tantivy.Query":
        query: tantivy.Query = self._library.Query.term_query(self._schema, field, value)
        return query

    def _any(self, queries: Sequence["tantivy.Query"]) -> "tantivy.Query":
        if len(queries) == 1:
            return queries[0]
        return self._boolean([(self._library.Occur.Should, query) for query in queries])

    def _all_of(self, nodes: Sequence[Node]) -> tuple["tantivy.Query", bool]:
        wanted = [self.query(node) for node in nodes if not isinstance(node, Not)]
        unwanted = [self.query(node.node)[0] for node in nodes if isinstance(node, Not)]
        flat = all(is_flat for _, is_flat in wanted)
        return self._without(unwanted, [query for query, _ in wanted]), flat

    def _without(self, unwanted: Sequence["tantivy.Query"], wanted: Sequence["tantivy.Query"]) -> "tantivy.Query":
        occur = self._library.Occur
        everything = self._library.Query.const_score_query(self._library.Query.all_query(), 0.0)
        return self._boolean(
            [
                *((occur.Must, query) for query in wanted or [everything]),
                *((occur.MustNot, query) for query in unwanted),
            ]
        )

    def _unscored(self, node: Range | Filter | All) -> "tantivy.Query":
        library = self._library.Query
        match node:
            case All():
                query = library.all_query()
            case Filter(field, values):
                if field not in FILTER_FIELDS:
                    raise QueryError(f"kein Filterfeld: {field}", hint="Felder: " + ", ".join(FILTER_FIELDS))
                query = library.term_set_query(self._schema, field, list(values))
            case Range(field, start, end, unknown):
                if field not in {"published", "captured"}:
                    raise QueryError(f"kein Datumsfeld: {field}", hint="Felder: published, captured")
                low, high = (start or date.min).toordinal(), (end or date.max).toordinal()
                kind = self._library.FieldType.Integer
                if unknown:
                    query = self._without([library.exists_query(field)], [])
                elif low > high:
                    query = library.empty_query()
                else:
                    query = library.range_query(self._schema, field, kind, low, high)
        return library.const_score_query(query, 0.0)  # type: ignore[no-any-return]

    def _boolean(self, clauses: Sequence[tuple[Any, "tantivy.Query"]]) -> "tantivy.Query":
        library = self._library.Query
        return library.boolean_query(list(clauses)) if clauses else library.empty_query()  # type: ignore[no-any-return]


def _document(library: Any, document: IndexDocument) -> "tantivy.Document":
    """A document as tantivy receives it; a day that is not known has no value."""
    made = library.Document()
    made.add_text("key", document.key)
    for name, field in document_terms(document).items():
        if not field.keys:
            continue
        made.add_text(f"{name}_any", _any(field))
        made.add_pre_tokenized_text(f"{name}_key", _positioned(library, field))
        made.add_text(f"{name}_form", " ".join(field.forms + field.forms[: field.twice[2]]))
    day = document.published.toordinal() if document.published else 0
    made.add_text("newest", f"{_NO_DAY - day:0{_DAY_DIGITS}}{document.key}")
    made.add_text("oldest", f"{day or _NO_DAY:0{_DAY_DIGITS}}{document.key}")
    made.add_integer("captured", document.captured.toordinal())
    if document.published:
        made.add_integer("published", day)
        for period, digits in PERIODS.items():
            made.add_text(period, document.published.isoformat()[:digits])
    for name in FILTER_FIELDS:
        value = getattr(document, name)
        for key in (value,) if isinstance(value, str) else dict.fromkeys(value or ()):
            made.add_text(name, key)
    return made  # type: ignore[no-any-return]


def _any(field: FieldTerms) -> str:
    """Words and parts alike, those of the title twice."""
    keys, parts, _ = field.twice
    return " ".join([*field.keys, *field.keys[:keys], *field.parts, *field.parts[:parts]])


def _positioned(library: Any, field: FieldTerms) -> "tantivy.PreTokenizedString":
    tokens = map(library.Token, field.keys, field.places, repeat(0), repeat(0))
    return library.PreTokenizedString("", list(tokens))  # type: ignore[no-any-return]


def _write_atomically(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


@contextmanager
def _damage_as_error(folder: Path) -> Iterator[None]:
    """tantivy raises ValueError and OSError; on files that are cut off it panics, which Python sees as an exception
    of a kind of its own."""
    try:
        yield
    except (OSError, ValueError) as error:
        raise _damaged(folder, error) from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: BaseException) -> IndexingError:
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        return IndexingError(
            f"Der Suchindex in {folder} ist nicht lesbar oder schreibbar: {error}",
            hint=f"Platz und Rechte prüfen; sonst neu aufbauen: {_REBUILD}",
        )
    return IndexingError(
        f"Der Suchindex in {folder} ist beschädigt oder unlesbar: {type(error).__name__}: {error}",
        hint=f"neu aufbauen: {_REBUILD}",
    )
