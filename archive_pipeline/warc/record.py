"""Single WARC records: rendered to one gzip member each, and read back from one (ISO 28500:2017, WARC/1.1)."""

import io
import mmap
import os
import re
import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from warcio.exceptions import ArchiveLoadFailed
from warcio.recordloader import ArcWarcRecord, ArcWarcRecordLoader
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from archive_pipeline.warc.coding import GZIP
from archive_pipeline.warc.model import payload_digest

__all__ = ["Gap", "Member", "Record", "members", "new_record_id", "render"]

VERSION = "WARC/1.1"
CHUNK = 1 << 16
MEMBER_START = b"\x1f\x8b\x08"
HTTP_TYPES = ("request", "response", "revisit")
CONTROL = re.compile(r"[\x00-\x1f\x7f]+")
"""What may not stand in a field value: it would end the field, and begin another one."""

UNFINISHED = "die Datei endet mitten in einem Datensatz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One parsed record: its named fields (names in lower case) and its block, digests not yet checked."""

    type: str
    fields: dict[str, str]
    block: bytes

    @property
    def id(self) -> str:
        """WARC-Record-ID without the angle brackets."""
        return self.fields.get("warc-record-id", "").strip("<>")

    @property
    def head(self) -> bytes:
        """The start line and header fields of an HTTP block, up to and including the empty line; else nothing."""
        if self.type not in HTTP_TYPES:
            return b""
        head, separator, _ = self.block.partition(b"\r\n\r\n")
        return head + separator

    @property
    def payload(self) -> bytes:
        """The body of an HTTP block, or the whole block of another record."""
        return self.block[len(self.head) :]


@dataclass(frozen=True, slots=True)
class Member:
    """One gzip member of a file, holding one record: bytes `offset` to `end` of the file."""

    offset: int
    end: int
    record: Record


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes `offset` to `end` of a file that are no complete record. `torn`: nothing readable follows, so this is
    what a killed writer leaves. `reason` is for messages."""

    offset: int
    end: int
    torn: bool
    reason: str


class HttpHead(StatusAndHeaders):  # type: ignore[misc]
    """The head of an HTTP message byte for byte; warcio's own class would re-encode field values beyond ASCII."""

    def __init__(self, head: bytes) -> None:
        super().__init__("", [])
        self.head = head

    def __bool__(self) -> bool:
        return bool(self.head)

    def compute_headers_buffer(self, header_filter: object = None) -> None:
        """Hand the bytes to the writer as they are."""
        self.headers_buff = self.head


def new_record_id() -> str:
    """A new `urn:uuid:`, without angle brackets."""
    return uuid.uuid4().urn


def render(record_type: str, fields: list[tuple[str, str]], *, head: bytes = b"", payload: bytes = b"") -> bytes:
    """One record as a gzip member; block and payload digests, length and type are added to `fields`."""
    named = [("WARC-Type", record_type), *fields, ("WARC-Block-Digest", payload_digest(head + payload))]
    if record_type not in ("warcinfo", "revisit"):
        named.append(("WARC-Payload-Digest", payload_digest(payload)))
    headers = StatusAndHeaders("", [(name, CONTROL.sub(" ", value)) for name, value in named], protocol=VERSION)
    record = ArcWarcRecord(
        "warc", record_type, headers, io.BytesIO(payload), HttpHead(head) if head else None, None, len(payload)
    )
    record.payload_length = len(payload)
    out = io.BytesIO()
    WARCWriter(out, gzip=True, warc_version=VERSION).write_record(record)
    return out.getvalue()


def members(path: Path, start: int = 0) -> Iterator[Member | Gap]:
    """The records of a file from byte `start` on, and what lies between them and should not."""
    with path.open("rb") as file:
        offset = start
        while True:
            file.seek(offset)
            if not file.peek(1):
                return
            found = _member(file, offset)
            if isinstance(found, str):
                following = _next_member(file, offset + 1)
                if found == UNFINISHED and following is not None and not _whole_from(file, following):
                    following = None  # a record that was cut off, of a body that holds WARC records itself
                end = os.fstat(file.fileno()).st_size if following is None else following
                yield Gap(offset, end, following is None, found)
                offset = end
            else:
                yield found
                offset = found.end


def _next_member(file: io.BufferedReader, start: int) -> int | None:
    """Where the next complete record begins, wherever that is."""
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        found = data.find(MEMBER_START, start)
        while found >= 0:
            file.seek(found)
            if isinstance(_member(file, found), Member):
                return found
            found = data.find(MEMBER_START, found + 1)
    return None


def _whole_from(file: io.BufferedReader, start: int) -> bool:
    """Whether complete records follow each other from `start` to the end of the file."""
    end = os.fstat(file.fileno()).st_size
    while start < end:
        file.seek(start)
        found = _member(file, start)
        if isinstance(found, str):
            return False
        start = found.end
    return True


def _member(file: io.BufferedReader, offset: int) -> Member | str:
    """The record that begins where `file` stands, or why there is none."""
    inflater = zlib.decompressobj(GZIP)
    parts = []
    read = 0
    while not inflater.eof:
        chunk = file.read(CHUNK)
        if not chunk:
            return UNFINISHED
        read += len(chunk)
        try:
            parts.append(inflater.decompress(chunk))
        except zlib.error as error:
            return f"kein lesbarer gzip-Block ({error})"
    record = _parse(b"".join(parts))
    return Member(offset, offset + read - len(inflater.unused_data), record) if record else "kein WARC-Datensatz"


def _parse(data: bytes) -> Record | None:
    loader = ArcWarcRecordLoader(verify_http=False, arc2warc=False)
    try:
        parsed = loader.parse_record_stream(io.BytesIO(data), known_format="warc", no_record_parse=True)
        block = parsed.raw_stream.read()
    except (ArchiveLoadFailed, EOFError, OverflowError):  # the last is a Content-Length beyond all measure
        return None
    if not parsed.rec_type or len(block) != parsed.length:
        return None
    return Record(
        type=parsed.rec_type,
        fields={name.lower(): value for name, value in parsed.rec_headers.headers},
        block=block,
    )
