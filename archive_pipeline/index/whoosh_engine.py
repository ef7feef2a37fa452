"""The embedded default engine: Whoosh 2.7.4 as inverted index, everything above it our own.

Whoosh keeps posting lists, columns and segments and commits them atomically; `index.whoosh_writing` writes and merges
them, `index.whoosh_files` and `index.whoosh_reading` read them, documents are analysed by `index.terms`, queries
answered by `index.evaluation`. Nothing is stored but the key. All values that filters, facets and sorting need lie in
Whoosh columns, so that one commit covers everything. These four modules alone import Whoosh.
"""

import pickle
import shutil
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from archive_pipeline.errors import IndexingError, LockedError
from archive_pipeline.index.batches import uncollected
from archive_pipeline.index.evaluation import evaluate
from archive_pipeline.index.state import begin_state, damaged, read_seq, require_version, write_seq
from archive_pipeline.index.whoosh_files import MappedStorage
from archive_pipeline.index.whoosh_reading import Snapshot, newest_snapshot
from archive_pipeline.index.whoosh_writing import DocumentWriter
from archive_pipeline.language.analysis import ANALYSIS_VERSION
from archive_pipeline.protocols import EngineResult, Index, IndexDocument, SearchRequest
from archive_pipeline.query import FILTER_FIELDS

with warnings.catch_warnings():
    warnings.simplefilter("ignore", SyntaxWarning)
    warnings.simplefilter("ignore", DeprecationWarning)
    from whoosh import columns, fields, formats
    from whoosh import index as whoosh_index

__all__ = ["WhooshEngine"]

_VERSION = "whoosh-2"
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
        begin_state(folder, self.version)
        return _WhooshIndex(folder, writable=True)

    def open(self, folder: Path, *, writable: bool = False) -> Index:
        """The index in `folder`. Raises IndexingError when it is missing, damaged or of another version."""
        require_version(folder, self.version)
        return _WhooshIndex(folder, writable=writable)


class _WhooshIndex:
    """An open index. Searches see the state it was opened in, or the last own commit."""

    def __init__(self, folder: Path, *, writable: bool) -> None:
        self._folder = folder
        self._writable = writable
        self._pending: dict[str, IndexDocument | None] = {}
        self._lock = threading.RLock()
        self._snapshot: Snapshot | None = None
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
            write_seq(self._folder, seq)
            self._pending.clear()
            self._refresh()

    def seq(self) -> int:
        """The change number of the last commit, 0 for a new index."""
        return self._seq

    def count(self) -> int:
        """How many documents the index holds."""
        return self._open_snapshot().count()

    def search(self, request: SearchRequest) -> EngineResult:
        """Answer a query. Raises QueryError, IndexingError. Safe to call from several threads."""
        with self._lock, _damage_as_error(self._folder):
            return evaluate(request, self._open_snapshot())

    def forms(self, prefix: str) -> Sequence[str]:
        """The folded word forms of titles and texts that begin so, sorted. Raises IndexingError."""
        with self._lock, _damage_as_error(self._folder):
            return self._open_snapshot().forms("text", prefix)

    def close(self) -> None:
        """Release files; uncommitted changes are lost."""
        with self._lock:
            self._pending.clear()
            self._snapshot = None

    def _check_writable(self) -> None:
        if not self._writable:
            raise IndexingError("Der Suchindex ist nur zum Lesen geöffnet", hint="mit writable=True öffnen")

    def _open_snapshot(self) -> Snapshot:
        if self._snapshot is None:
            raise IndexingError("Der Suchindex ist schon geschlossen", hint="neu öffnen")
        return self._snapshot

    def _refresh(self) -> None:
        with _damage_as_error(self._folder):
            # seq first: it may be older than the postings, never newer
            self._seq = read_seq(self._folder)
            self._snapshot = newest_snapshot(self._folder)

    def _write(self) -> None:
        try:
            writer = DocumentWriter(whoosh_index.FileIndex(MappedStorage(self._folder)))
        except whoosh_index.LockError:
            raise LockedError(
                f"Ein anderer Prozess schreibt in den Suchindex {self._folder}", hint="warten und wiederholen"
            ) from None
        try:
            for document in newest_snapshot(self._folder).documents_of(self._pending):
                writer.delete_document(document)
            for added in self._pending.values():
                if added is not None:
                    writer.add(added)
            writer.commit()
        except BaseException:
            with suppress(*_DAMAGE):  # on a full disk even giving up may fail
                writer.cancel()
            raise


@contextmanager
def _damage_as_error(folder: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGE as error:
        raise damaged(folder, error) from error
