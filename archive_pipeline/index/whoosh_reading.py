"""Reading a Whoosh index quickly: files stay where they are, posting lists and columns are decoded whole, into arrays.

Whoosh copies its files into memory when it opens an index (760 MB and seconds at 100,000 documents) and calls Python
for every posting and every value of a column. The files are Whoosh's own, and so are the tables of terms that say where
in them a posting list lies. Nothing here is kept beside the index: what is decoded is kept in memory as long as the
state of the index is, up to a limit.
"""

import mmap
import os
import struct
import threading
import warnings
import zlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from io import BytesIO
from itertools import accumulate, chain, pairwise
from pathlib import Path
from pickle import load, loads
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from archive_pipeline.index.evaluation import PLACE_BITS, Column, Floats, Mask, Numbers, Places, Weights

with warnings.catch_warnings():
    warnings.simplefilter("ignore", SyntaxWarning)
    warnings.simplefilter("ignore", DeprecationWarning)
    from whoosh.codec.whoosh3 import WHOOSH3_HEADER_MAGIC, W3Codec
    from whoosh.filedb.filestore import FileStorage
    from whoosh.filedb.filetables import OrderedHashReader
    from whoosh.filedb.structfile import StructFile
    from whoosh.index import TOC
    from whoosh.system import pack_ushort

__all__ = ["SEPARATOR", "MappedStorage", "SegmentFiles", "Snapshot", "newest_snapshot"]

SEPARATOR = "\x1f"
"""Stands between the keys in a column."""

_CACHED_BYTES = 128_000_000
"""How much of what was decoded an open index keeps: what was asked for last."""

_RANKED_AT_ONCE = 1_000
"""Of more documents that tie than these, the order of all documents by key is worked out once and kept."""

_INDEX_NAME = "MAIN"
_BLOCK_LENGTH = struct.Struct("!i")
_LENGTHS = 8
"""Before a term in the table: two numbers, its length and that of what is said of it."""
_POSITION = {"B": ">u1", "H": ">u2", "i": ">i4", "I": ">u4", "q": ">i8"}
_POSITION_SIZE = 4
_STRING_SIZE = 70
"""What a word takes in a list, roughly."""
_TERM = np.dtype(
    [
        ("inlined", "u1"),
        ("weight", ">f4"),
        ("documents", ">u4"),
        ("lengths", "u1", 2),
        ("most", ">f4"),
        ("first", ">u4"),
        ("last", ">u4"),
        ("begin", ">i8"),
        ("length", ">i4"),
    ]
)
"""What the table says of a term, as Whoosh writes it: in how many documents it is, in which first and last, and where
its posting list is. (Whoosh itself reads the length wrongly. It inlines nothing with our settings.)"""


class _Window:
    """A part of a mapped file, read like a file."""

    def __init__(self, view: memoryview) -> None:
        self._view = view
        self._place = 0

    def read(self, size: int = -1) -> bytes:
        end = len(self._view) if size is None or size < 0 else self._place + size
        found = bytes(self._view[self._place : end])
        self._place += len(found)
        return found

    def readline(self) -> bytes:
        found = bytes(self._view[self._place :]).partition(b"\n")
        line = found[0] + found[1]
        self._place += len(line)
        return line

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        base = {os.SEEK_SET: 0, os.SEEK_CUR: self._place, os.SEEK_END: len(self._view)}[whence]
        self._place = max(0, base + offset)
        return self._place

    def tell(self) -> int:
        return self._place


class MappedFile(StructFile):  # type: ignore[misc]
    """A file that the system reads page by page as it is used; its parts are views of it."""

    def __init__(self, view: memoryview, name: str | None = None) -> None:
        super().__init__(_Window(view), name=name)
        self.view = view

    def subset(self, offset: int, length: int, name: str | None = None) -> "MappedFile":
        """A part of the file as a file."""
        return MappedFile(self.view[offset : offset + length], name)

    def get(self, position: int, length: int) -> bytes:
        """So many bytes from a position on."""
        return bytes(self.view[position : position + length])


class MappedStorage(FileStorage):  # type: ignore[misc]
    """A folder whose files are mapped when they are opened. Whoosh is told that there is no mapping, as it would copy
    what is mapped."""

    def __init__(self, folder: Path) -> None:
        super().__init__(str(folder), supports_mmap=False)

    def open_file(self, name: str, **_: object) -> MappedFile:
        """Raises OSError."""
        with Path(self.folder, name).open("rb") as file:
            empty = os.fstat(file.fileno()).st_size == 0
            mapped = b"" if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        return MappedFile(memoryview(mapped), name)


class SegmentFiles:
    """The files of one segment, which never change: its terms, posting lists and columns."""

    def __init__(self, storage: MappedStorage, segment: Any) -> None:
        self._segment = segment
        self._storage = segment.open_compound_file(storage) if segment.is_compound() else storage
        self.count: int = segment.doc_count_all()
        self._postings = self._view(segment.make_filename(W3Codec.POSTS_EXT))
        table = self._table = self._view(segment.make_filename(W3Codec.TERMS_EXT))
        self._terms = OrderedHashReader(MappedFile(table), len(table))
        self._fields: dict[str, int] = self._terms.extras["fieldmap"]
        self._columns: dict[str, Column] = {}
        self._keys: _Texts | None = None
        self._documents: dict[bytes, int] | None = None

    def _view(self, name: str) -> memoryview:
        return cast(MappedFile, self._storage.open_file(name)).view

    def term(self, field: str, key: str) -> bytes | None:
        """What the table of terms says of a term, None when the segment lacks it."""
        number = self._fields.get(field)
        if number is None:
            return None
        try:
            return bytes(self._terms[pack_ushort(number) + key.encode("utf-8", "replace")])
        except KeyError:
            return None

    def terms_with(self, field: str, prefix: str) -> tuple[list[bytes], NDArray[np.void]]:
        """Terms that begin so, ascending, and what the table says of each, as `_TERM`. Raises ValueError."""
        number = self._fields.get(field)
        if number is None:
            return [], np.empty(0, dtype=_TERM)
        wanted = pack_ushort(number) + prefix.encode("utf-8", "replace")
        begins = np.frombuffer(self._table, _POSITION[self._terms.extras["indextype"]], *self._index())
        first, last = (self._place(begins, key) for key in (wanted, wanted + b"\xff"))  # no UTF-8 has this byte
        if first == last:
            return [], np.empty(0, dtype=_TERM)
        start = int(begins[first])
        stop = int(begins[last]) if last < len(begins) else int(self._terms.endofdata)
        places = begins[first:last].astype(np.int64) - start
        entries = bytes(self._table[start:stop])
        key_ends = np.append(places[1:], stop - start) - _TERM.itemsize
        every = np.frombuffer(entries, np.uint8)
        infos = every[key_ends[:, np.newaxis] + np.arange(_TERM.itemsize)].copy().view(_TERM)[:, 0]
        starts = (places + (_LENGTHS + len(pack_ushort(number)))).tolist()
        return [entries[begin:end] for begin, end in zip(starts, key_ends.tolist(), strict=True)], infos

    def _index(self) -> tuple[int, int]:
        """How many terms there are, and where the list of their places begins."""
        return self._terms.indexlen, self._terms.indexbase

    def _place(self, begins: Any, key: bytes) -> int:
        return bisect_left(begins, key, key=lambda begin: self._terms.key_at(int(begin)))

    def postings(self, begin: int, length: int) -> Iterator[tuple[Numbers, Any, Any]]:
        """The blocks of a posting list: documents, weights (None: all 1, a number: all alike, or one for each), encoded
        positions. Raises ValueError when it is damaged."""
        for steps, weights, positions in self._blocks(begin, length):
            yield self._checked(np.cumsum(np.array(steps, dtype=np.int32), dtype=np.int32)), weights, positions

    def _blocks(self, begin: int, length: int) -> Iterator[tuple[Any, Any, Any]]:
        view = self._postings[begin : begin + length]
        place = len(WHOOSH3_HEADER_MAGIC)
        if view[:place] != WHOOSH3_HEADER_MAGIC:
            raise ValueError("no posting list begins here")
        is_last = False
        while not is_last:
            (size,) = _BLOCK_LENGTH.unpack_from(view, place)
            is_last, place = size < 0, place + _BLOCK_LENGTH.size
            block = BytesIO(view[place : place + abs(size)])
            place += abs(size)
            compression = load(block)[3]  # noqa: S301 - as Whoosh reads it; an index never comes from elsewhere
            data = block.read()
            yield loads(zlib.decompress(data) if compression else data)  # noqa: S301

    def posting_lists(self, field: str) -> Iterator[tuple[str, list[int], list[float], list[bytes]]]:
        """All of a field, in the order of its terms: documents, weights and encoded positions of each."""
        terms, infos = self.terms_with(field, "")
        for term, begin, length in zip(terms, infos["begin"].tolist(), infos["length"].tolist(), strict=True):
            documents: list[int] = []
            weights: list[float] = []
            positions: list[bytes] = []
            for steps, shown, values in self._blocks(begin, length):
                documents += accumulate(steps)
                weights += shown if isinstance(shown, Iterable) else [1.0 if shown is None else shown] * len(steps)
                positions += values or [b""] * len(steps)
            yield term.decode(), documents, weights, positions

    def carriers(self, infos: NDArray[np.void]) -> Numbers:
        """The documents that have any of these terms, in no order and some more than once. Most terms stand in one or
        two documents, and the table names those."""
        found = [infos["first"].astype(np.int32), infos["last"].astype(np.int32)]
        for info in infos[infos["documents"] > len(found)]:
            found += [documents for documents, _, _ in self.postings(int(info["begin"]), int(info["length"]))]
        return self._checked(np.concatenate(found))

    def _checked(self, documents: Numbers) -> Numbers:
        if len(documents) and not 0 <= documents.min() <= documents.max() < self.count:
            raise ValueError("a posting list has documents that do not exist")
        return documents

    def numbers(self, name: str) -> Numbers:
        """A column of whole numbers; behind its end all are 0."""
        found = np.zeros(self.count, dtype=np.int32)
        values = np.frombuffer(self._view(W3Codec.column_filename(self._segment, name)), dtype=">i4")
        found[: len(values)] = values
        return found

    def keys(self) -> "_Texts":
        """The release ids."""
        if self._keys is None:
            self._keys = self._texts("key_column")
        return self._keys

    def document(self, key: bytes) -> int | None:
        """The newest document with a release id, deleted or not."""
        if self._documents is None:
            self._documents = {known: number for number, known in enumerate(self.keys().every())}
        return self._documents.get(key)

    def column(self, field: str) -> Column:
        """The keys in a filter field."""
        known = self._columns.get(field)
        if known is None:
            known = self._columns[field] = _as_column(self._texts(f"{field}_column").every())
        return known

    def _texts(self, name: str) -> "_Texts":
        """A column of texts: the texts, their lengths, the code of the lengths' type. In large columns there are the
        places of the texts too, before the code, the code of their type behind it, and an X."""
        view = self._view(W3Codec.column_filename(self._segment, name))
        code, end = chr(view[-1]), len(view) - 1
        if code == "X":
            code, end = chr(view[-3]), len(view) - 3 - self.count * struct.calcsize(chr(view[-2]))
        kind = np.dtype(f">{code}")
        lengths = np.frombuffer(view, kind, self.count, end - self.count * kind.itemsize)
        return _Texts(view, np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))))


class _Texts:
    """A column of texts, one behind the other."""

    def __init__(self, view: memoryview, bounds: Places) -> None:
        if bounds[-1] > len(view):
            raise ValueError("a column is cut short")
        self._view = view
        self._bounds = bounds

    def __getitem__(self, number: int) -> bytes:
        return bytes(self._view[self._bounds[number] : self._bounds[number + 1]])

    def every(self) -> list[bytes]:
        bounds = self._bounds.tolist()
        values = bytes(self._view[: bounds[-1]])
        return [values[begin:end] for begin, end in pairwise(bounds)]


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
                    extent = np.frombuffer(info, _TERM)[0]
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


def _as_column(values: Sequence[bytes]) -> Column:
    """A column from each document's keys; documents with the same ones are alike, so each set is taken apart once."""
    sets = {value: number for number, value in enumerate(dict.fromkeys(values))}
    names: dict[str, int] = {}
    members = [
        [names.setdefault(key, len(names)) for key in value.decode().split(SEPARATOR)] if value else []
        for value in sets
    ]
    sizes = np.array(list(map(len, members)), dtype=np.int32)
    begins = np.cumsum(sizes) - sizes
    every = np.array(list(chain.from_iterable(members)), dtype=np.int32)
    kinds = np.fromiter(map(sets.__getitem__, values), np.int32, len(values))
    each = sizes[kinds]
    documents = np.repeat(np.arange(len(values), dtype=np.int32), each)
    within = np.arange(len(documents)) - np.repeat(np.cumsum(each) - each, each)
    return Column(list(names), documents, every[np.repeat(begins[kinds], each) + within])


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
