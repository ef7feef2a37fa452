"""The embedded default engine: Whoosh 2.7.4 as inverted index, everything above it our own.

Whoosh keeps posting lists, columns and segments, merges them and commits atomically; documents are analysed by
`index.terms`, queries answered by `index.evaluation`. Nothing is stored but the key. All values that filters, facets
and sorting need lie in Whoosh columns, so that one commit covers everything. This module and `index.whoosh_writing`
alone import Whoosh.
"""

import json
import os
import pickle
import shutil
import struct
import threading
import warnings
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from archive_pipeline.errors import IndexingError, LockedError
from archive_pipeline.index.batches import uncollected
from archive_pipeline.index.evaluation import evaluate
from archive_pipeline.index.whoosh_writing import SEPARATOR, DocumentWriter
from archive_pipeline.language.analysis import ANALYSIS_VERSION
from archive_pipeline.protocols import EngineResult, Index, IndexDocument, SearchRequest
from archive_pipeline.query import FILTER_FIELDS

with warnings.catch_warnings():
    warnings.simplefilter("ignore", SyntaxWarning)
    warnings.simplefilter("ignore", DeprecationWarning)
    from whoosh import columns, fields, formats
    from whoosh import index as whoosh_index
    from whoosh.reading import IndexReader, ReaderClosed, TermNotFound

__all__ = ["WhooshEngine"]

_VERSION = "whoosh-2"
_VERSION_FILE = "version.json"
_SEQ_FILE = "seq"
_REBUILD = "archive-pipeline rebuild"
_DAMAGE = (
    whoosh_index.IndexError,
    pickle.UnpicklingError,
    zlib.error,
    struct.error,
    OSError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    AttributeError,
    AssertionError,
    TypeError,
)
"""What Whoosh raises when it reads damaged files; it checks next to nothing itself."""

_OPENINGS = 20
"""How often an index is opened anew that is written to at the same time."""

_CACHED_POSTINGS = 2_000_000
"""How many decoded postings an open index keeps, about 100 bytes each."""


class _Positions(formats.Format):  # type: ignore[misc]
    """Positions as unsigned 32-bit integers; weights go beside them."""

    posting_size = -1

    def decode_weight(self, valuestring: bytes) -> float:
        """Asked for by Whoosh when postings are copied."""
        return float(len(valuestring) // 4)


class _Terms(fields.FieldType):  # type: ignore[misc]
    """A field that receives finished terms. Its path must not change: Whoosh pickles the schema by name."""

    def __init__(self, format_: formats.Format) -> None:
        super().__init__(format=format_, analyzer=None)

    def index(self, value: object, **_: object) -> object:
        """The terms as they were handed in: (key, frequency, weight, encoded positions)."""
        return value


def _schema() -> fields.Schema:
    texts = ("text", "title", "quote", "speaker")
    return fields.Schema(
        key=fields.ID(unique=True),
        key_column=fields.COLUMN(columns.VarBytesColumn()),
        published=fields.COLUMN(columns.NumericColumn("i")),
        captured=fields.COLUMN(columns.NumericColumn("i")),
        length=fields.COLUMN(columns.NumericColumn("i")),
        **{f"{text}_key": _Terms(_Positions()) for text in texts},
        **{f"{text}_form": _Terms(formats.Existence()) for text in texts},
        **{f"{field}_column": fields.COLUMN(columns.VarBytesColumn()) for field in FILTER_FIELDS},
    )


class WhooshEngine:
    """Makes and opens Whoosh indexes."""

    version = f"{_VERSION}+{ANALYSIS_VERSION}"

    def create(self, folder: Path) -> Index:
        """A new, empty index in `folder`, replacing what is there."""
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        whoosh_index.create_in(str(folder), _schema())
        _write_atomically(folder / _SEQ_FILE, "0")
        _write_atomically(folder / _VERSION_FILE, json.dumps({"engine": self.version}))
        return _WhooshIndex(folder, writable=True)

    def open(self, folder: Path, *, writable: bool = False) -> Index:
        """The index in `folder`. Raises IndexingError when it is missing, damaged or of another version."""
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
        return _WhooshIndex(folder, writable=writable)


class _WhooshIndex:
    """An open index. Searches see the state it was opened in, or the last own commit."""

    def __init__(self, folder: Path, *, writable: bool) -> None:
        self._folder = folder
        self._writable = writable
        self._pending: dict[str, IndexDocument | None] = {}
        self._lock = threading.RLock()
        self._snapshot: _Snapshot | None = None
        self._seq = 0
        self._refresh()

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
            self._refresh()

    def seq(self) -> int:
        """The change number of the last commit, 0 for a new index."""
        return self._seq

    def count(self) -> int:
        """How many documents the index holds."""
        return len(self._open_snapshot().documents())

    def search(self, request: SearchRequest) -> EngineResult:
        """Answer a query. Raises QueryError, IndexingError. Safe to call from several threads."""
        with self._lock:
            return evaluate(request, self._open_snapshot())

    def forms(self, prefix: str) -> Sequence[str]:
        """The folded word forms of titles and texts that begin so, sorted. Raises IndexingError."""
        with self._lock, _damage_as_error(self._folder):
            return self._open_snapshot().forms("text", prefix)

    def close(self) -> None:
        """Release files; uncommitted changes are lost."""
        with self._lock:
            self._pending.clear()
            if self._snapshot:
                self._snapshot.close()
                self._snapshot = None

    def _check_writable(self) -> None:
        if not self._writable:
            raise IndexingError("Der Suchindex ist nur zum Lesen geöffnet", hint="mit writable=True öffnen")

    def _open_snapshot(self) -> "_Snapshot":
        if self._snapshot is None:
            raise IndexingError("Der Suchindex ist schon geschlossen", hint="neu öffnen")
        return self._snapshot

    def _refresh(self) -> None:
        with _damage_as_error(self._folder):
            # seq first: it may be older than the postings, never newer
            self._seq = int((self._folder / _SEQ_FILE).read_text("ascii"))
            previous, self._snapshot = self._snapshot, _Snapshot(self._folder)
            if previous:
                previous.close()

    def _write(self) -> None:
        try:
            writer = DocumentWriter(whoosh_index.open_dir(str(self._folder)))
        except whoosh_index.LockError:
            raise LockedError(
                f"Ein anderer Prozess schreibt in den Suchindex {self._folder}", hint="warten und wiederholen"
            ) from None
        try:
            with writer.reader() as reader:
                for _, offset, matcher in _matchers(list(reader.leaf_readers()), "key", self._pending):
                    writer.delete_document(offset + matcher.id())
            for document in self._pending.values():
                if document is not None:
                    writer.add(document)
            writer.commit()
        except BaseException:
            with suppress(*_DAMAGE):  # on a full disk even giving up may fail
                writer.cancel()
            raise


class _Snapshot:
    """One state of the index, read lazily: the posting lists and columns that queries ask for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        reader = self._reader = _newest_reader(folder)
        # the reader of an index without documents has no columns to read
        self._leaves = [(leaf, offset) for leaf, offset in reader.leaf_readers() if leaf.doc_count_all()]
        self._offsets = [offset for _, offset in self._leaves]
        self._documents = array("I", reader.all_doc_ids())
        self._weights: dict[tuple[str, tuple[str, ...]], dict[int, float]] = {}
        self._positions: dict[tuple[str, str], dict[int, bytes]] = {}
        self._cached = 0
        self._keys: list[Any] | None = None
        self._columns: dict[str, Sequence[Any]] = {}
        self._carriers: dict[str, dict[str, array[int]]] = {}
        self._forms: dict[tuple[str, str], list[str]] = {}
        self._norms: array[float] | None = None

    def close(self) -> None:
        self._reader.close()

    def documents(self) -> Collection[int]:
        return self._documents

    def key_weights(self, field: str, keys: Sequence[str]) -> Mapping[int, float]:
        return self._term_weights(f"{field}_key", tuple(keys))

    def form_weights(self, field: str, forms: Sequence[str]) -> Mapping[int, float]:
        return self._term_weights(f"{field}_form", tuple(forms))

    def positions(self, field: str, keys: Sequence[str], documents: Collection[int]) -> Mapping[int, Sequence[int]]:
        values = [self._encoded_positions(f"{field}_key", key) for key in keys]
        found: dict[int, list[int]] = {}
        for document in documents:
            found[document] = sorted(place for encoded in values for place in array("I", encoded.get(document, b"")))
        return found

    def forms(self, field: str, prefix: str) -> Sequence[str]:
        known = self._forms.get((field, prefix))
        if known is None:
            terms = {
                bytes(term)
                for leaf, _ in self._leaves
                for term in leaf.expand_prefix(f"{field}_form", prefix.encode("utf-8", "replace"))
            }
            known = self._forms[field, prefix] = [term.decode() for term in sorted(terms)]
        return known

    def length_norms(self) -> Sequence[float]:
        if self._norms is None:
            lengths = self._column("length")
            mean = sum(map(lengths.__getitem__, self._documents)) / max(1, len(self._documents))
            self._norms = array("d", (length / (mean or 1.0) for length in lengths))
        return self._norms

    def values(self, field: str) -> Sequence[Sequence[str]]:
        return self._column(f"{field}_column")

    def carriers(self, field: str, value: str) -> Collection[int]:
        if field not in self._carriers:
            values = self.values(field)
            found: dict[str, array[int]] = {}
            for document in self._documents:
                for key in values[document]:
                    found.setdefault(key, array("I")).append(document)
            self._carriers[field] = found
        return self._carriers[field].get(value, ())

    def days(self, field: str) -> Sequence[int]:
        return self._column(field)

    def key(self, document: int) -> str:
        if self._keys is None:
            with _damage_as_error(self._folder):
                self._keys = [leaf.column_reader("key_column", translate=False) for leaf, _ in self._leaves]
        place = bisect_right(self._offsets, document) - 1
        with _damage_as_error(self._folder):
            return bytes(self._keys[place][document - self._offsets[place]]).decode()

    def _term_weights(self, field: str, keys: tuple[str, ...]) -> dict[int, float]:
        known = self._weights.get((field, keys))
        if known is not None:
            return known
        weights: dict[int, float] = {}
        with _damage_as_error(self._folder):
            for _, offset, matcher in _matchers(self._leaves, field, keys):
                is_active, number, weight, advance = matcher.is_active, matcher.id, matcher.weight, matcher.next
                while is_active():
                    document = offset + number()
                    weights[document] = weights.get(document, 0.0) + weight()
                    advance()
        self._make_room(len(weights))
        self._weights[field, keys] = weights
        return weights

    def _encoded_positions(self, field: str, key: str) -> dict[int, bytes]:
        known = self._positions.get((field, key))
        if known is not None:
            return known
        positions: dict[int, bytes] = {}
        with _damage_as_error(self._folder):
            for _, offset, matcher in _matchers(self._leaves, field, (key,)):
                is_active, number, value, advance = matcher.is_active, matcher.id, matcher.value, matcher.next
                while is_active():
                    positions[offset + number()] = value()
                    advance()
        self._make_room(len(positions))
        self._positions[field, key] = positions
        return positions

    def _make_room(self, size: int) -> None:
        self._cached += size + 1
        if self._cached > _CACHED_POSTINGS:
            self._weights.clear()
            self._positions.clear()
            self._cached = size + 1

    def _column(self, name: str) -> Sequence[Any]:
        """A column over all segments: integers, or tuples of keys."""
        column = self._columns.get(name)
        if column is None:
            with _damage_as_error(self._folder):
                readers = [leaf.column_reader(name, translate=False) for leaf, _ in self._leaves]
                if name.endswith("_column"):
                    seen: dict[bytes, tuple[str, ...]] = {b"": ()}
                    column = [_known_keys(bytes(value), seen) for reader in readers for value in reader]
                else:
                    column = array("i", (value for reader in readers for value in reader))
            self._columns[name] = column
        return column


def _newest_reader(folder: Path) -> IndexReader:
    """The index as the last commit left it. A commit that comes between looking up the newest table of contents and
    reading it takes that one away: then there is a newer one."""
    for _ in range(_OPENINGS):
        with suppress(FileNotFoundError):
            return whoosh_index.open_dir(str(folder)).reader()
    return whoosh_index.open_dir(str(folder)).reader()


def _matchers(
    leaves: Iterable[tuple[IndexReader, int]], field: str, keys: Iterable[str]
) -> Iterator[tuple[IndexReader, int, Any]]:
    """The posting lists of the keys in every segment that has living documents for them."""
    for leaf, offset in leaves:
        for key in keys:
            try:
                matcher = leaf.postings(field, key.encode("utf-8", "replace"))
            except TermNotFound:
                continue
            if matcher.is_active():
                yield leaf, offset, matcher


def _known_keys(value: bytes, seen: dict[bytes, tuple[str, ...]]) -> tuple[str, ...]:
    keys = seen.get(value)
    if keys is None:
        keys = seen[value] = tuple(value.decode().split(SEPARATOR))
    return keys


def _write_atomically(path: Path, text: str) -> None:
    temporary = path.with_name(path.name + ".new")
    with temporary.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


@contextmanager
def _damage_as_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except ReaderClosed as error:
        raise IndexingError("Der Suchindex ist schon geschlossen", hint="neu öffnen") from error
    except _DAMAGE as error:
        raise _damaged(folder, error) from error


def _damaged(folder: Path, error: Exception) -> IndexingError:
    if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
        return IndexingError(
            f"Der Suchindex in {folder} ist nicht lesbar oder schreibbar: {error}",
            hint=f"Platz und Rechte prüfen; sonst neu aufbauen: {_REBUILD}",
        )
    return IndexingError(
        f"Der Suchindex in {folder} ist beschädigt oder unlesbar: {type(error).__name__}: {error}",
        hint=f"neu aufbauen: {_REBUILD}",
    )
