"""The files of a Whoosh index, read where they lie: tables of terms, posting lists and columns decoded whole, into
arrays.

Whoosh copies its files into memory when it opens an index (760 MB and seconds at 100,000 documents) and calls Python
for every posting and every value of a column. The files are Whoosh's own, and so are the tables of terms that say where
in them a posting list lies.
"""

import mmap
import os
import struct
import warnings
import zlib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from io import BytesIO
from itertools import accumulate, chain, pairwise
from pathlib import Path
from pickle import load, loads
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from archive_pipeline.index.evaluation import Column, Numbers, Places

with warnings.catch_warnings():
    warnings.simplefilter("ignore", SyntaxWarning)
    warnings.simplefilter("ignore", DeprecationWarning)
    from whoosh.codec.whoosh3 import WHOOSH3_HEADER_MAGIC, W3Codec
    from whoosh.filedb.filestore import FileStorage
    from whoosh.filedb.filetables import OrderedHashReader
    from whoosh.filedb.structfile import StructFile
    from whoosh.system import pack_ushort

__all__ = ["SEPARATOR", "TERM", "MappedStorage", "SegmentFiles"]

SEPARATOR = "\x1f"
"""Stands between the keys in a column."""

_BLOCK_LENGTH = struct.Struct("!i")
_LENGTHS = 8
"""Before a term in the table: two numbers, its length and that of what is said of it."""
_POSITION = {"B": ">u1", "H": ">u2", "i": ">i4", "I": ">u4", "q": ">i8"}
TERM = np.dtype(
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
        """Terms that begin so, ascending, and what the table says of each, as `TERM`. Raises ValueError."""
        number = self._fields.get(field)
        if number is None:
            return [], np.empty(0, dtype=TERM)
        wanted = pack_ushort(number) + prefix.encode("utf-8", "replace")
        begins = np.frombuffer(self._table, _POSITION[self._terms.extras["indextype"]], *self._index())
        first, last = (self._place(begins, key) for key in (wanted, wanted + b"\xff"))  # no UTF-8 has this byte
        if first == last:
            return [], np.empty(0, dtype=TERM)
        start = int(begins[first])
        stop = int(begins[last]) if last < len(begins) else int(self._terms.endofdata)
        places = begins[first:last].astype(np.int64) - start
        entries = bytes(self._table[start:stop])
        key_ends = np.append(places[1:], stop - start) - TERM.itemsize
        every = np.frombuffer(entries, np.uint8)
        infos = every[key_ends[:, np.newaxis] + np.arange(TERM.itemsize)].copy().view(TERM)[:, 0]
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
