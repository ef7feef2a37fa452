"""Taking records out of WARC files: a tombstone of the same length stands where they stood.

Nothing else moves, so every offset that anybody noted stays true, and putting the new file in the place of the old one
is one step: killed before it, the old file is there; killed after it, the new one.

A tombstone is a `metadata` record whose gzip member is filled up to the length of what it replaces with empty stored
blocks (RFC 1951, 3.2.4) and a comment of up to four blanks (RFC 1952, 2.3.1), both of which readers pass over.
"""

import hashlib
import json
import os
import struct
import zlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from archive_pipeline.durable import sync
from archive_pipeline.errors import ArchiveError, FixityError
from archive_pipeline.warc.cdxj import forget_lines
from archive_pipeline.warc.model import SHA256, utc_text
from archive_pipeline.warc.record import END, VERSION, Gap, Member, members, new_record_id

__all__ = ["Span", "erase_spans", "is_tombstone", "record_spans", "tombstone"]

TOMBSTONE = "application/vnd.archive-pipeline.tombstone+json"
"""The content type of tombstones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Bytes of a file, from the first to the one behind the last: records that follow each other and belong to one
    capture; `sha256` is that of its body, in hex, where it is known."""

    start: int
    end: int
    record_id: str
    sha256: str = ""


CAPTURES = ("response", "resource", "revisit")
EMPTY_BLOCK = b"\x00\x00\x00\xff\xff"
LAST_BLOCK = b"\x01\x00\x00\xff\xff"
COMMENT_HEADER = b"\x1f\x8b\x08\x10\x00\x00\x00\x00\x00\xff"
CHUNK = 1 << 20


def record_spans(path: Path, record_ids: Collection[str]) -> list[Span]:
    """Where a file holds these captures, with the request and metadata records that belong to them; or, in the
    derivation log, what was made of them. Raises FixityError for damage among them: what
    can't be read can't be known to be gone."""
    spans: list[Span] = []
    for found in members(path):
        if isinstance(found, Gap):
            raise FixityError(
                f"{path.name}, Byte {found.offset} bis {found.end}: kein lesbarer Datensatz ({found.reason})",
                hint="archive-pipeline audit nennt alles Beschädigte; erst danach löschen",
            )
        record_id = _belongs_to(found)
        if record_id in record_ids:
            if spans and (spans[-1].end, spans[-1].record_id) == (found.offset, record_id):
                spans[-1] = replace(spans[-1], end=found.end)
            else:
                spans.append(Span(start=found.offset, end=found.end, record_id=record_id))
    return spans


def _belongs_to(member: Member) -> str:
    """The capture that a record is, or is about."""
    record = member.record
    if record.type in CAPTURES:
        return record.id
    about = record.fields.get("warc-refers-to") or record.fields.get("warc-concurrent-to") or ""
    return about.strip("<>")


def erase_spans(folder: Path, name: str, spans: Sequence[Span], told: Mapping[str, str], at: datetime) -> bool:
    """Put tombstones into the file `name` below `folder` in place of the records in these spans, and take their lines
    out of the CDXJ beside it; whether anything had to be done. `told` is what a tombstone says: never the text.

    Raises ArchiveError when the disk doesn't take the new file; the old one is then as it was.
    """
    path = folder / name
    left = [span for span in spans if not _is_erased(path, span)]
    forget_lines(folder, name, [(span.start, span.end) for span in spans])
    fresh = path.with_name(path.name + ".new")
    try:
        if left:
            _rewrite(path, fresh, left, told, at)
            fresh.replace(path)
            sync(path.parent)
    except OSError as error:
        raise ArchiveError(
            f"{name} lässt sich nicht neu schreiben: {error.strerror}",
            hint="freien Platz und Rechte prüfen, dann: archive-pipeline takedown finish",
        ) from error
    finally:
        fresh.unlink(missing_ok=True)
    return bool(left)


def is_tombstone(member: Member) -> bool:
    """Whether a record is a tombstone."""
    return member.record.fields.get("content-type") == TOMBSTONE


def _is_erased(path: Path, span: Span) -> bool:
    found = next(members(path, span.start), None)
    return isinstance(found, Member) and found.end == span.end and is_tombstone(found)


def _rewrite(path: Path, fresh: Path, spans: Sequence[Span], told: Mapping[str, str], at: datetime) -> None:
    with path.open("rb") as source, fresh.open("wb") as out:
        for span in sorted(spans, key=lambda one: one.start):
            _copy(source, out, span.start - source.tell())
            said = {**told, "record": span.record_id, "sha256": span.sha256}
            out.write(tombstone(span.end - span.start, said, at))
            source.seek(span.end)
        _copy(source, out, path.stat().st_size - source.tell())
        out.flush()
        os.fsync(out.fileno())


def _copy(source: BinaryIO, out: BinaryIO, size: int) -> None:
    while size and (data := source.read(min(CHUNK, size))):
        out.write(data)
        size -= len(data)


def tombstone(size: int, told: Mapping[str, str], at: datetime) -> bytes:
    """A tombstone of exactly `size` bytes; of `told` only the case, where that is too small for more. Raises
    ArchiveError where it is too small for that too."""
    spare = -1
    for said in (told, {"case": told["case"]}):
        data, packed = _packed(said, at)
        trailer = struct.pack("<LL", zlib.crc32(data), len(data))
        spare = size - len(COMMENT_HEADER) - 1 - len(packed) - len(LAST_BLOCK) - len(trailer)
        if spare >= 0:
            blocks, blanks = divmod(spare, len(EMPTY_BLOCK))
            comment = b" " * blanks + b"\x00"
            return b"".join([COMMENT_HEADER, comment, packed, EMPTY_BLOCK * blocks, LAST_BLOCK, trailer])
    raise ArchiveError(f"{size} Bytes sind zu wenig für einen Löschvermerk (nötig: {size - spare})")


def _packed(told: Mapping[str, str], at: datetime) -> tuple[bytes, bytes]:
    """The record, and the same compressed up to the last block."""
    block = json.dumps({"schema": "apl/tombstone/1", **told}, ensure_ascii=False).encode()
    fields = (
        ("WARC-Type", "metadata"),
        ("WARC-Record-ID", f"<{new_record_id()}>"),
        ("WARC-Date", utc_text(at)),
        ("Content-Type", TOMBSTONE),
        ("WARC-Block-Digest", f"{SHA256}{hashlib.sha256(block).hexdigest()}"),
        ("WARC-Payload-Digest", f"{SHA256}{hashlib.sha256(block).hexdigest()}"),
        ("Content-Length", str(len(block))),
    )
    text = "".join([f"{VERSION}\r\n", *(f"{name}: {value}\r\n" for name, value in fields), "\r\n"])
    data = text.encode() + block + END
    compressor = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)
    return data, packed
