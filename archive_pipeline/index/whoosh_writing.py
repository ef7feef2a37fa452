"""Writing a Whoosh index quickly: posting lists are collected by term and written whole.

Whoosh's own writer makes a tuple for every posting, sorts all of them and passes each through four calls. The files
are the same, so Whoosh reads and merges them as its own. This leans on names inside Whoosh 2.7.4 that are not public;
the version is pinned, and the conformance suite reads back what is written here.
"""

import pickle
import struct
import warnings
import zlib
from array import array
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate, chain
from operator import methodcaller, sub
from pathlib import Path
from typing import Any

from archive_pipeline.durable import sync
from archive_pipeline.index.terms import PART_SIGN, FieldTerms, document_terms
from archive_pipeline.index.whoosh_files import SEPARATOR, SegmentFiles
from archive_pipeline.protocols import IndexDocument
from archive_pipeline.query import FILTER_FIELDS

with warnings.catch_warnings():
    warnings.simplefilter("ignore", SyntaxWarning)
    warnings.simplefilter("ignore", DeprecationWarning)
    from whoosh import codec
    from whoosh.codec.base import Codec
    from whoosh.codec.whoosh3 import WHOOSH3_HEADER_MAGIC, W3TermInfo
    from whoosh.index import TOC
    from whoosh.reading import SegmentReader
    from whoosh.system import pack_int, pack_long, pack_ushort
    from whoosh.writing import SegmentWriter

__all__ = ["DocumentWriter"]

_MEGABYTES = 256
_BLOCK = 512
_COMPRESSED_FROM = 16
"""Shorter blocks gain nothing by compression."""
_COMPRESSION = 3

_LARGE = 4_000
"""Segments of so many documents are merged no more."""
_LARGEST = 10_000
"""Merging makes no segment larger than this, and one commit's worth of new documents."""
_DELETED = -1
_ONE_POSTING = 3
_TIER_BITS = 3
"""Segments are alike in size within a factor of eight."""

_TERM = W3TermInfo._struct
_PLACE = struct.Struct("=I").pack

_Lists = defaultdict[str, list[Any]]
"""By term the postings one behind the other: document number, weight, encoded positions, number, weight, ..."""


def make_codec() -> Codec:
    """Whoosh's own codec with larger blocks and without statistics of field lengths: they serve Whoosh's scoring
    alone, and it looks for their file again at every posting. (Its option to inline rare terms is broken.)"""
    made = codec.default_codec(blocklimit=_BLOCK)
    made.length_stats = False
    return made


class DocumentWriter(SegmentWriter):  # type: ignore[misc]
    """A writer for one commit. Raises LockError when another process has one."""

    def __init__(self, index: Any) -> None:
        super().__init__(index, limitmb=_MEGABYTES, codec=make_codec())
        self._lists: dict[str, _Lists] = {
            name: defaultdict(list) for name, field in self.schema.items() if field.indexed
        }

    def add(self, document: IndexDocument) -> None:
        """Take in a document that the index does not hold, or no longer."""
        number = self.docnum
        terms = document_terms(document)
        self._lists["key"][document.key] += (number, 1.0, b"")
        for name, field in terms.items():
            if field.keys:
                _take_keys(self._lists[f"{name}_key"], number, field)
                lists = self._lists[f"{name}_form"]
                for form, weight in Counter([*field.forms, *field.forms[: field.twice[2]]]).items():
                    lists[form] += (number, weight, b"")
        rows = self.perdocwriter
        rows.start_doc(number)
        for name, value in _columns(document, len(terms["text"].keys)).items():
            rows.add_column_value(name, self.schema[name].column_type, value)
        rows.finish_doc()
        self._added = True
        self.docnum += 1

    def commit(self) -> None:
        """Write everything, and merge small segments."""
        super().commit(mergetype=_merged)

    def take(self, segment: Any) -> None:
        """Take in what lives in a segment of the index, behind what is there."""
        first = self.docnum
        reader = SegmentReader(self.storage, self.schema, segment)
        renumbered = self.write_per_doc(set(self.schema.names()), reader)
        reader.close()
        numbers = (
            range(first, self.docnum)
            if renumbered is None
            else [renumbered.get(number, _DELETED) for number in range(segment.doc_count_all())]
        )
        files = SegmentFiles(self.storage, segment)
        for field, lists in self._lists.items():
            for term, documents, weights, positions in files.posting_lists(field):
                kept = zip(map(numbers.__getitem__, documents), weights, positions, strict=True)
                rows = [posting for posting in kept if posting[0] != _DELETED]
                if rows:
                    lists[term] += chain.from_iterable(rows)
        self._added = True

    def _commit_toc(self, segments: Sequence[Any]) -> None:
        """Whoosh leaves it to the system when files reach the disk: after a power cut the table of contents could name
        a segment with holes."""
        folder = Path(self.storage.folder)
        if self._added:
            sync(folder / self.newsegment.make_filename(self.newsegment.COMPOUND_EXT))
        super()._commit_toc(segments)
        sync(folder / TOC._filename(self.indexname, self.generation))
        sync(folder)

    def _flush_segment(self) -> None:
        """Write the lists; Whoosh's own pool of postings stays empty."""
        self.perdocwriter.close()
        for field in sorted(self._lists):
            lists = self._lists.pop(field)  # Whoosh's writer refers to itself: what it holds would wait for collection
            if lists:
                self.fieldwriter.start_field(field, self.schema[field])
                self._write_lists(self.schema[field].format.fixed_value_size() != 0, lists)
                self.fieldwriter.finish_field()
        self.fieldwriter.close()

    def _write_lists(self, has_positions: bool, lists: "_Lists") -> None:
        """The posting lists of a field, in the order of its terms, byte for byte in the form of Whoosh's codec."""
        terms, file = self.fieldwriter._tindex, self.fieldwriter._postfile.raw_file()
        field, offset = pack_ushort(self.fieldwriter._fieldid), file.tell()
        for term in sorted(lists):
            postings = lists[term]
            if len(postings) == _ONE_POSTING:
                number, weight, value = postings
                packed = _only_block(number, weight, (value,) if has_positions else None)
                statistics = (0, weight, 1, 0, 0, weight, number, number)
            else:
                numbers, weights, values = _columnwise(postings)
                packed = b"".join(_blocks(numbers, weights, values if has_positions else None))
                statistics = (0, sum(weights), len(numbers), 0, 0, max(weights), numbers[0], numbers[-1])
            file.write(packed)
            terms.add(field + term.encode(), _TERM.pack(*statistics) + pack_long(offset) + pack_int(len(packed)))
            offset += len(packed)


def _merged(writer: DocumentWriter, segments: Sequence[Any]) -> list[Any]:
    """Take segments into the new one, so that a commit costs as much as what changed: Whoosh's own policy merges all of
    100,000 documents into one segment when the twenty-second is begun, which takes many minutes.

    Eight segments of about one size become one, up to a size that fits into memory. A segment without living documents
    goes, one that has more dead than living ones is written anew. Returns the segments that stay.
    """
    taken = [segment for segment in segments if segment.doc_count_all() >= 2 * segment.doc_count()]
    tiers: defaultdict[int, list[Any]] = defaultdict(list)
    for segment in sorted(segments, key=methodcaller("doc_count_all")):
        if segment not in taken and segment.doc_count_all() < _LARGE:
            tiers[segment.doc_count_all().bit_length() // _TIER_BITS].append(segment)
    for tier in tiers.values():
        if len(tier) >= 1 << _TIER_BITS:
            sizes = accumulate(segment.doc_count_all() for segment in tier)
            taken += [segment for segment, size in zip(tier, sizes, strict=True) if size <= _LARGEST]
    for segment in segments:
        if segment in taken and segment.doc_count():
            writer.take(segment)
    return [segment for segment in segments if segment not in taken]


def _columnwise(postings: list[Any]) -> tuple[list[int], list[float], list[bytes]]:
    return postings[::3], postings[1::3], postings[2::3]


def _only_block(number: int, weight: float, values: tuple[bytes, ...] | None) -> bytes:
    """The posting list of a term that stands in one document, as two of three do: what `_blocks` makes, sooner."""
    data = pickle.dumps(((number,), None if weight == 1 else float(weight), values), 2)
    information = pickle.dumps((1, number, weight, 0, 0, 0), 2)
    return b"".join((WHOOSH3_HEADER_MAGIC, pack_int(-len(information) - len(data)), information, data))


def _blocks(numbers: list[int], weights: list[float], values: list[bytes] | None) -> Iterator[bytes]:
    """A posting list: after a mark its blocks, each with length, what lets a reader skip it, and data."""
    yield WHOOSH3_HEADER_MAGIC
    compression = _COMPRESSION if len(numbers) >= _COMPRESSED_FROM else 0
    for begin in range(0, len(numbers), _BLOCK):
        end = begin + _BLOCK
        ids, those = numbers[begin:end], weights[begin:end]
        steps = (ids[0], *map(sub, ids[1:], ids))
        same = those.count(those[0]) == len(those)
        shown = None if same and those[0] == 1 else float(those[0]) if same else tuple(those)
        data = pickle.dumps((steps, shown, None if values is None else tuple(values[begin:end])), 2)
        if compression:
            data = zlib.compress(data, compression)
        information = pickle.dumps((len(ids), ids[-1], max(those), compression, 0, 0), 2)
        length = len(information) + len(data)
        yield pack_int(-length if end >= len(numbers) else length)
        yield information
        yield data


def _take_keys(lists: "_Lists", number: int, field: FieldTerms) -> None:
    """Words with their positions; parts without, as phrases hold words only."""
    keys, parts, _ = field.twice
    positions: defaultdict[str, list[int]] = defaultdict(list)
    for key, place in zip(field.keys, field.places, strict=True):
        positions[key].append(place)
    double = Counter(field.keys[:keys])
    for key, places in positions.items():
        encoded = _PLACE(places[0]) if len(places) == 1 else array("I", places).tobytes()
        lists[key] += (number, len(places) + double[key] if key in double else len(places), encoded)
    for key, weight in Counter([*field.parts, *field.parts[:parts]]).items():
        lists[PART_SIGN + key] += (number, weight, b"")


def _columns(document: IndexDocument, length: int) -> Mapping[str, object]:
    """A value for every column, as Whoosh's gaps are not to be trusted."""
    found: dict[str, object] = {
        "key_column": document.key.encode(),
        "published": document.published.toordinal() if document.published else 0,
        "captured": document.captured.toordinal(),
        "length": length,
    }
    for name in FILTER_FIELDS:
        value = getattr(document, name)
        keys: Sequence[str] = (value,) if isinstance(value, str) else tuple(dict.fromkeys(value or ()))
        found[f"{name}_column"] = SEPARATOR.join(keys).encode()
    return found
