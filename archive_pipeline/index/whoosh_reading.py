"""States of a Whoosh index: what queries ask for is decoded once and kept in memory as long as the state is, up to a
limit. Nothing is kept beside the index.
"""

import threading
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from archive_pipeline.index.evaluation import PLACE_BITS, Column, Floats, Mask, Numbers, Places, Weights
from archive_pipeline.index.whoosh_files import TERM, MappedStorage, SegmentFiles

with warnings.catch_warnings():
    warnings.simplefilter("ignore", SyntaxWarning)
    warnings.simplefilter("ignore", DeprecationWarning)
    from whoosh.index import TOC

__all__ = ["Snapshot", "newest_snapshot"]

_CACHED_BYTES = 128_000_000
"""How much of what was decoded an open index keeps: what was asked for last."""

_RANKED_AT_ONCE = 1_000
"""Of more documents that tie than these, the order of all documents by key is worked out once and kept."""

_INDEX_NAME = "MAIN"
_POSITION_SIZE = 4
_STRING_SIZE = 70
"""What a word takes in a list, roughly."""


@dataclass(frozen=True, slots=True)
class _Segment:
    """A segment in one state of the index: where its documents begin, and which of them are not deleted."""

    files: SegmentFiles
    offset: int
    living: Mask
    is_whole: bool


class Snapshot:
    """One state of the index, read lazily: the posting lists and columns that queries ask for. Several threads may ask.

    Raises what Whoosh, pickle, struct and zlib raise when files are damaged.
    """

    def __init__(self, folder: Path, previous: "Snapshot | None" = None) -> None:
        storage = MappedStorage(folder)
        known = previous.files if previous else {}
        self.files: dict[object, SegmentFiles] = {}
        self._segments: list[_Segment] = []
        offset = 0
        for segment in TOC.read(storage, _INDEX_NAME).segments:
            identity = _identity(folder / segment.make_filename(segment.COMPOUND_EXT))
            files = self.files[identity] = known.get(identity) or SegmentFiles(storage, segment)
            deleted = list(segment.deleted_docs())
            living: Mask = np.ones(files.count, dtype=np.bool_)
            living[deleted] = False
            self._segments.append(_Segment(files, offset, living, not deleted))
            offset += files.count
        self._offsets = [segment.offset for segment in self._segments]
        self._living: Mask = _joined([segment.living for segment in self._segments], np.bool_)
        self._cache = _Cache()
        self._numbers: dict[str, Numbers] = {}
        self._columns: dict[str, Column] = {}
        self._ranks: Numbers | None = None
        self._norms: Floats | None = None

    def count(self) -> int:
        """How many documents there are."""
        return int(np.count_nonzero(self._living))

    def living(self) -> Mask:
        """Which numbers are documents."""
        return self._living

    def documents_of(self, keys: Iterable[str]) -> Iterator[int]:
        """The documents with these release ids."""
        for key in keys:
            encoded = key.encode()
            for segment in self._segments:
                number = segment.files.document(encoded)
                if number is not None and segment.living[number]:
                    yield segment.offset + number

    def key_weights(self, field: str, keys: Sequence[str]) -> Weights:
        """The summed weight of the keys by document."""
        return self._weights(f"{field}_key", tuple(keys))

    def form_weights(self, field: str, forms: Sequence[str]) -> Weights:
        """The summed weight of the folded forms by document."""
        return self._weights(f"{field}_form", tuple(forms))

    def prefixed(self, field: str, prefix: str) -> Mask:
        """The documents that have a folded form which begins so."""

        def read() -> Mask:
            matches = np.zeros_like(self._living)
            for segment in self._segments:
                _, infos = segment.files.terms_with(f"{field}_form", prefix)
                matches[segment.files.carriers(infos) + segment.offset] = True
            return matches & self._living

        return cast(Mask, self._cache.of(("prefix", field, prefix), read, lambda made: made.nbytes))

    def places(self, field: str, keys: Sequence[str]) -> Places:
        """Where any of the keys stands, ascending and each once."""
        found = [
            cast(
                Places,
                self._cache.of(("places", field, key), partial(self._read_places, f"{field}_key", key), _bytes_of),
            )
            for key in keys
        ]
        return found[0] if len(found) == 1 else np.unique(_joined(found, np.int64))

    def forms(self, field: str, prefix: str) -> Sequence[str]:
        """All folded forms that begin so."""

        def read() -> list[str]:
            found: set[bytes] = set()
            for segment in self._segments:
                found.update(segment.files.terms_with(f"{field}_form", prefix)[0])
            return [form.decode() for form in sorted(found)]

        return cast(list[str], self._cache.of(("forms", field, prefix), read, lambda made: _STRING_SIZE * len(made)))

    def length_norms(self) -> Floats:
        """Length of the text field relative to the mean of all documents, by document number."""
        if self._norms is None:
            lengths = self.days("length").astype(np.float64)
            mean = lengths[self._living].mean() if self._living.any() else 0.0
            self._norms = lengths / (mean or 1.0)
        return self._norms

    def column(self, field: str) -> Column:
        """The keys in a filter field."""
        known = self._columns.get(field)
        if known is None:
            parts = [(segment.files.column(field), segment.offset) for segment in self._segments]
            known = self._columns[field] = _joined_columns(parts)
        return known

    def days(self, field: str) -> Numbers:
        """The proleptic ordinal of "published" or "captured" by document number, 0 for unknown."""
        known = self._numbers.get(field)
        if known is None:
            known = _joined([segment.files.numbers(field) for segment in self._segments], np.int32)
            self._numbers[field] = known
        return known

    def keys(self, documents: Numbers) -> Sequence[str]:
        """The release ids of these documents."""
        return [key.decode() for key in self._encoded_keys(documents)]

    def key_ranks(self, documents: Numbers) -> Numbers:
        """Numbers that order these documents by release id."""
        if len(documents) <= _RANKED_AT_ONCE:
            return _ranks(self._encoded_keys(documents))
        if self._ranks is None:
            self._ranks = _ranks([key for segment in self._segments for key in segment.files.keys().every()])
        return self._ranks[documents]

    def _encoded_keys(self, documents: Numbers) -> list[bytes]:
        found = []
        for document in documents.tolist():
            segment = self._segments[bisect_right(self._offsets, document) - 1]
            found.append(segment.files.keys()[document - segment.offset])
        return found

    def _weights(self, field: str, keys: tuple[str, ...]) -> Weights:
        return cast(
            Weights,
            self._cache.of(
                (field, keys), lambda: self._read_weights(field, keys), lambda made: made.documents.nbytes * 2
            ),
        )

    def _read_weights(self, field: str, keys: tuple[str, ...]) -> Weights:
        found, weights = [], []
        for segment, documents, shown, _ in self._postings(field, keys):
            each = np.full(len(documents), 1.0 if shown is None else shown, dtype=np.float32)
            alive = slice(None) if segment.is_whole else segment.living[documents]
            found.append(documents[alive] + np.int32(segment.offset))
            weights.append(each[alive])
        documents, summed = _joined(found, np.int32), _joined(weights, np.float32)
        if len(keys) > 1:
            total = np.bincount(documents, summed, minlength=len(self._living))
            documents = np.flatnonzero(total).astype(np.int32)
            summed = total[documents].astype(np.float32)
        return Weights(documents, summed)

    def _read_places(self, field: str, key: str) -> Places:
        found = []
        for segment, documents, _, positions in self._postings(field, (key,)):
            encoded = np.frombuffer(b"".join(positions), dtype=np.uint32).astype(np.int64)
            counts = np.array(list(map(len, positions)), dtype=np.int64) // _POSITION_SIZE
            carriers = documents.astype(np.int64) + segment.offset
            places = np.repeat(carriers, counts) << PLACE_BITS | encoded
            found.append(places if segment.is_whole else places[np.repeat(segment.living[documents], counts)])
        return cast(Places, _joined(found, np.int64))

    def _postings(self, field: str, keys: Iterable[str]) -> Iterator[tuple[_Segment, Numbers, Any, Any]]:
        for segment in self._segments:
            for key in keys:
                info = segment.files.term(field, key)
                if info is not None:
                    extent = np.frombuffer(info, TERM)[0]
                    for documents, weights, positions in segment.files.postings(
                        int(extent["begin"]), int(extent["length"])
                    ):
                        yield segment, documents, weights, positions


_OPENINGS = 20
"""How often an index is opened anew that is written to at the same time."""

_KEPT = 2
"""Of how many indexes the state that was opened last is kept for the next reader in this process."""

_kept: dict[Path, tuple[object, Snapshot]] = {}


def newest_snapshot(folder: Path) -> Snapshot:
    """The index as the last commit left it. Readers of one process share a state, and a new state what has not changed
    since the one before, as long as no file was touched.

    A commit that comes between looking up the newest table of contents and reading it takes that one away: then there
    is a newer one. Raises OSError, and what reading damaged files raises.
    """
    attempts = 0
    while True:
        attempts += 1
        try:
            state = sorted(map(_identity, (path for path in folder.iterdir() if path.suffix in {".seg", ".toc"})))
            known, previous = _kept.get(folder, (None, None))
            snapshot = previous if previous and known == state else Snapshot(folder, previous)
        except FileNotFoundError:
            if attempts == _OPENINGS:
                raise
            continue
        _kept.pop(folder, None)
        _kept[folder] = (state, snapshot)
        for oldest in list(_kept)[:-_KEPT]:
            _kept.pop(oldest, None)
        return snapshot


class _Cache:
    """What was decoded last, as much as the limit allows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[object, tuple[object, int]] = {}
        self._bytes = 0

    def of(self, name: object, read: Callable[[], Any], size_of: Callable[[Any], int]) -> object:
        """What is known by this name, else what reading it gives."""
        with self._lock:
            entry = self._entries.pop(name, None)
            if entry is not None:
                self._entries[name] = entry
                return entry[0]
        value = read()
        size = size_of(value)
        with self._lock:
            self._bytes += size - self._entries.pop(name, (None, 0))[1]
            self._entries[name] = (value, size)
            while self._bytes > _CACHED_BYTES and len(self._entries) > 1:
                self._bytes -= self._entries.pop(next(iter(self._entries)))[1]
        return value


def _identity(path: Path) -> tuple[str, int, int, int]:
    """What tells a file from one of the same name that was put in its place, or written over."""
    found = path.stat()
    return path.name, found.st_ino, found.st_size, found.st_mtime_ns


def _bytes_of(values: NDArray[Any]) -> int:
    return values.nbytes


def _joined(parts: Sequence[Any], kind: Any) -> Any:
    return np.concatenate(parts) if parts else np.empty(0, dtype=kind)


def _joined_columns(parts: Iterable[tuple[Column, int]]) -> Column:
    names: dict[str, int] = {}
    documents, codes = [], []
    for column, offset in parts:
        place = np.array([names.setdefault(name, len(names)) for name in column.names], dtype=np.int32)
        documents.append(column.documents + np.int32(offset))
        codes.append(place[column.codes])
    return Column(list(names), _joined(documents, np.int32), _joined(codes, np.int32))


def _ranks(keys: Sequence[bytes]) -> Numbers:
    ranks = np.empty(len(keys), dtype=np.int32)
    ranks[sorted(range(len(keys)), key=keys.__getitem__)] = np.arange(len(keys), dtype=np.int32)
    return ranks
