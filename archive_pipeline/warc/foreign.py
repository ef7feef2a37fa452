"""Reading WARC and ARC files that somebody else wrote: wget, Heritrix, Browsertrix, ArchiveBox, pywb, and older tools.

Unlike in files of our own, nothing is taken for granted here: records may be compressed one by one, all as one, or not
at all, headers may be of any size, lengths wrong, the end missing. A file is walked through with bounded memory; what
is damaged becomes a `Damage`, and the walk goes on behind it. warcio parses the headers of records.
"""

import base64
import hashlib
import io
import logging
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import BinaryIO

from warcio.bufferedreaders import ChunkedDataReader
from warcio.exceptions import ArchiveLoadFailed
from warcio.recordloader import ArcWarcRecord, ArcWarcRecordLoader

from archive_pipeline.errors import FixityError
from archive_pipeline.warc.fast import FastRecord, fast_records
from archive_pipeline.warc.streams import CHUNK, MAX_HEADER, MAX_LINE, MEMBER_START, RECORD_START, Member, Place, Plain

__all__ = ["Damage", "ForeignBlock", "ForeignFile", "ForeignRecord", "Place"]

MAX_HTTP_HEAD = 1 << 18
SNIFFED = 512
"""Bytes of a payload that are kept to tell what it is."""

# without a handler of its own its remarks on odd files would appear among our messages
logging.getLogger("warcio").addHandler(logging.NullHandler())

BLANK = b"\0\r\n "
"""What may stand between records."""

KINDS = frozenset({"response", "resource", "revisit", "conversion"})
MAX_DESCRIPTION = 1 << 16
"""Bytes of a metadata record in JSON that are kept."""

DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?(?:Z|[+-]00:?00)?)?)?)?")
"""WARC-Date; since WARC 1.1 it may be as exact as the writer knows (W3CDTF)."""

FIELD = re.compile(rb"^([^:\s]+)[ \t]*:[ \t]*(.*?)[ \t]*$")
MOVED_FIELD = b"X-Crawler-Transfer-Encoding"
"""The name under which the transfer coding is kept once it was removed, as our own client does."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that should be a record and can't be read, from byte `offset` of the file on; `reason` in words."""

    offset: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignRecord:
    """The head of one response, resource, revisit or conversion record; or of a metadata record in JSON, as this
    package writes them.

    `digest` is the sha1 of the payload as stored, `opening` its first bytes (of metadata all of it), `length` its
    size; of a revisit those of nothing. `status` is None for what did not come over HTTP. `declared` is the payload
    digest as the writer gave it. `refers_to` is a record id, `refers_to_target` and `refers_to_date` say the same
    another way; ids are without angle brackets. `truncated`: the writer says that it did not store all.
    """

    place: Place
    kind: str
    target: str
    captured_at: datetime
    record_id: str
    status: int | None = None
    media_type: str | None = None
    digest: str = ""
    opening: bytes = b""
    length: int = 0
    declared: str | None = None
    refers_to: str | None = None
    refers_to_target: str | None = None
    refers_to_date: datetime | None = None
    truncated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ForeignBlock:
    """What one record holds: the HTTP head, its lines ending in CR LF (empty where there is none), and the payload
    without transfer coding, its content coding untouched. `intact` is False when the block's digest says otherwise."""

    head: bytes
    payload: bytes
    intact: bool


class ForeignFile:
    """One WARC or ARC file of somebody else's. `file` can be sought in; `size` is its length in bytes.

    Not for several threads at once. Records are best read in the order they stand in: a file that was compressed as a
    whole is unpacked from its beginning for each step back.
    """

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._size = size
        self._member: Member | None = None

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def records(self) -> Iterator[ForeignRecord | Damage]:
        """Every record that holds something published, in order; requests and the like are passed over."""
        done = -1
        for fast in fast_records(self._file):
            try:
                found = _read_whole(fast, Place(fast.offset))
            except (FixityError, OSError):
                break
            done = fast.offset
            if isinstance(found, ForeignRecord):
                yield found
        for record in self._walk(max(done, 0)):
            if isinstance(record, Damage) or record.place != Place(done):
                yield record

    def _walk(self, offset: int) -> Iterator[ForeignRecord | Damage]:
        compressed = offset > 0
        while offset < self._size:
            self._file.seek(offset)
            opening = self._file.read(CHUNK)
            if opening.startswith(MEMBER_START):
                compressed = True
                found = Member(self._file, offset)
                yield from self._in_member(found)
                offset = found.end or self._next_member(offset + 1)
            elif not compressed and (RECORD_START.match(opening.lstrip(BLANK)) or self._next_member(0) == self._size):
                yield from self._uncompressed(offset)
                return
            else:
                compressed = True
                following = self._next_member(offset + 1)
                if following < self._size or opening.strip(BLANK):
                    yield Damage(offset, "kein lesbarer Datensatz")
                offset = following

    def read(self, place: Place, *, limit: int) -> ForeignBlock | None:
        """The record at this place; None when it is larger than `limit` bytes. Raises FixityError."""
        record = _parsed(self._at(place))
        if record is None or record.length > limit + MAX_HTTP_HEAD:
            return None
        block = bytearray()
        while len(block) < record.length:
            data = record.raw_stream.read(CHUNK)
            if not data:
                raise FixityError("der Datensatz bricht vorzeitig ab")
            block += data
        return _block_of(record, bytes(block))

    def _at(self, place: Place) -> Plain | Member:
        self._file.seek(place.offset)
        if self._file.read(len(MEMBER_START)) != MEMBER_START:
            return Plain(self._file, place.offset)
        member = self._member
        if member is None or member.start != place.offset or member.position > place.inner:
            member = self._member = Member(self._file, place.offset)
        member.skip_to(place.inner)
        return member

    def _in_member(self, member: Member) -> Iterator[ForeignRecord | Damage]:
        """The records of one gzip member: usually one."""
        while True:
            try:
                found = _next_record(member)
            except FixityError as error:
                yield Damage(member.start, str(error))
                if not member.skip_to_record():
                    return
                continue
            if found is None:
                return
            if isinstance(found, ForeignRecord):
                yield found

    def _uncompressed(self, start: int) -> Iterator[ForeignRecord | Damage]:
        stream = Plain(self._file, start)
        while True:
            try:
                found = _next_record(stream)
            except FixityError as error:
                yield Damage(stream.began, str(error))
                stream.skip_to(self._next_start(stream.began))
                continue
            if found is None:
                return
            if isinstance(found, ForeignRecord):
                yield found

    def _next_member(self, start: int) -> int:
        """Where the next gzip member begins that opens with a record; the end of the file when there is none."""
        for offset in self._found(MEMBER_START, start):
            try:
                if _parsed(Member(self._file, offset)) is not None:
                    return offset
            except FixityError:
                continue
        return self._size

    def _found(self, pattern: bytes, start: int) -> Iterator[int]:
        while start < self._size:
            self._file.seek(start)
            data = self._file.read(CHUNK)
            for match in re.finditer(re.escape(pattern), data):
                yield start + match.start()
            if len(data) < CHUNK:
                return
            start += len(data) - len(pattern) + 1

    def _next_start(self, start: int) -> int:
        """Where the next record of an uncompressed file begins; the end of the file when there is none."""
        position = start + 1
        while position < self._size:
            self._file.seek(position)
            data = self._file.read(CHUNK + MAX_LINE)
            if match := RECORD_START.search(data):
                return position + match.end()
            position += CHUNK
        return self._size


def _parsed(stream: Plain | Member) -> ArcWarcRecord | None:
    """The record that begins here, its block not yet read; None at the end. Raises FixityError."""
    loader = ArcWarcRecordLoader(verify_http=False, arc2warc=True)
    line = b"\n"
    while line and not line.strip(BLANK):
        stream.began, stream.room = stream.position, MAX_HEADER
        line = stream.readline()
    if not line:
        return None
    try:
        record = loader.parse_record_stream(stream, statusline=line, no_record_parse=True)
    except (ArchiveLoadFailed, EOFError, ValueError, OverflowError, AttributeError, IndexError) as error:
        raise FixityError("kein WARC-Datensatz") from error
    declared = record.rec_headers.get_header("Content-Length")
    if not record.rec_type or record.length is None or not (declared or "").strip().isdigit():
        raise FixityError("der Datensatz nennt keine Länge")
    return record


def _next_record(stream: Plain | Member) -> ForeignRecord | bool | None:
    """The next record, read to its end; False for one that holds nothing published, None at the end."""
    record = _parsed(stream)
    return None if record is None else _read_whole(record, stream.place)


def _read_whole(record: ArcWarcRecord | FastRecord, place: Place) -> ForeignRecord | bool:
    about = _about(record, place)
    kept = MAX_DESCRIPTION if record.rec_type == "metadata" else SNIFFED
    with_head = about is not None and _has_head(record)
    head, opening, digest, length = _walked(record, with_head=with_head, kept=kept)
    if about is None:
        return False
    status, media_type = _http_facts(head) if head else (None, _media_type(record.content_type))
    return replace(about, status=status, media_type=media_type, opening=opening, digest=digest, length=length)


def _walked(record: ArcWarcRecord | FastRecord, *, with_head: bool, kept: int) -> tuple[bytes, bytes, str, int]:
    """Read a record's block to its end: HTTP head, so much of the payload, its sha1 and size. Raises FixityError."""
    buffer = bytearray()
    head, opening, size, total = b"", b"", 0, 0
    sha1 = hashlib.sha1(usedforsecurity=False)
    waiting = with_head
    while data := record.raw_stream.read(CHUNK):
        total += len(data)
        if waiting:
            buffer += data
            end = _head_end(buffer)
            if end is None and len(buffer) <= MAX_HTTP_HEAD:
                continue
            head, data, waiting = bytes(buffer[: end or 0]), bytes(buffer[end or 0 :]), False
        size += len(data)
        opening += data[: kept - len(opening)]
        sha1.update(data)
    if total < record.length:
        raise FixityError("der Datensatz bricht vorzeitig ab")
    return (bytes(buffer) if waiting else head), opening, sha1.hexdigest(), size


def _about(record: ArcWarcRecord | FastRecord, place: Place) -> ForeignRecord | None:
    """What a record's own header says; None for one that holds nothing published. Raises FixityError."""
    fields = record.rec_headers
    target = (fields.get_header("WARC-Target-URI") or "").strip()
    captured_at = _moment(fields.get_header("WARC-Date") or "")
    is_description = record.rec_type == "metadata" and _media_type(record.content_type) == "application/json"
    if record.rec_type not in KINDS and not is_description:
        return None
    if not target or captured_at is None:
        raise FixityError("der Datensatz nennt keine Adresse oder keine Zeit")
    return ForeignRecord(
        place=place,
        kind=record.rec_type or "",
        target=target,
        captured_at=captured_at,
        record_id=_bare(fields.get_header("WARC-Record-ID")) or "",
        declared=fields.get_header("WARC-Payload-Digest"),
        refers_to=_bare(fields.get_header("WARC-Refers-To")),
        refers_to_target=_bare(fields.get_header("WARC-Refers-To-Target-URI")),
        refers_to_date=_moment(fields.get_header("WARC-Refers-To-Date") or ""),
        truncated=fields.get_header("WARC-Truncated") is not None,
    )


def _has_head(record: ArcWarcRecord | FastRecord) -> bool:
    """Whether a block begins with an HTTP head: other protocols' responses don't, and some revisits are empty."""
    target = (record.rec_headers.get_header("WARC-Target-URI") or "").lstrip("<").lower()
    return record.rec_type in ("response", "revisit") and target.startswith(("http:", "https:"))


def _head_end(data: bytes | bytearray) -> int | None:
    ends = [data.find(mark) + len(mark) for mark in (b"\r\n\r\n", b"\n\n") if mark in data]
    return min(ends, default=None)


def _http_facts(head: bytes) -> tuple[int | None, str | None]:
    """Status and media type of an HTTP head; None for what is none."""
    lines = head.splitlines()
    start = lines[0].split() if lines else []
    is_http = bool(start) and start[0].upper().startswith(b"HTTP") and len(start) > 1 and start[1][:3].isdigit()
    declared = [match[2] for line in lines[1:] if (match := FIELD.match(line)) and match[1].lower() == b"content-type"]
    return (int(start[1][:3]) if is_http else None), _media_type(declared[0].decode("latin-1") if declared else None)


def _media_type(declared: str | None) -> str | None:
    media_type = (declared or "").partition(";")[0].strip().lower()
    return media_type if "/" in media_type else None


def _moment(text: str) -> datetime | None:
    """A WARC-Date, in UTC; None for what is none."""
    match = DATE.fullmatch(text.strip())
    if match is None:
        return None
    year, month, day, hour, minute, second = (
        int(part or least) for part, least in zip(match.groups(), "011000", strict=False)
    )
    try:
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    return moment.replace(microsecond=int((match[7] or "0")[:6].ljust(6, "0")))


def _bare(value: str | None) -> str | None:
    return value.strip().strip("<>") if value else None


def _block_of(record: ArcWarcRecord, block: bytes) -> ForeignBlock:
    intact = _matches(record.rec_headers.get_header("WARC-Block-Digest"), block)
    end = (_head_end(block) or len(block)) if _has_head(record) else 0
    head, payload = _normal_head(block[:end]), block[end:]
    if re.search(rb"^transfer-encoding:[ \t]*\S*chunked", head, re.IGNORECASE | re.MULTILINE):
        payload = ChunkedDataReader(io.BytesIO(payload), decomp_type=None).read()
        head = re.sub(rb"^transfer-encoding(?=:)", MOVED_FIELD, head, flags=re.IGNORECASE | re.MULTILINE)
    return ForeignBlock(head=head, payload=payload, intact=intact)


def _normal_head(head: bytes) -> bytes:
    """A head whose lines all end in CR LF, as our own records have it; else its bytes."""
    if not head:
        return b""
    lines = head.rstrip(b"\r\n").replace(b"\r\n", b"\n").split(b"\n")
    return b"\r\n".join(lines) + b"\r\n\r\n"


def _matches(declared: str | None, block: bytes) -> bool:
    """Whether a labelled digest fits; one of an unknown kind counts as fitting."""
    name, _, value = (declared or "").strip().partition(":")
    try:
        digest = hashlib.new(name.lower().replace("-", ""), block, usedforsecurity=False)
    except ValueError:
        return True
    return value.strip().rstrip("=").lower() in (digest.hexdigest(), _base32(digest.digest()))


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()
