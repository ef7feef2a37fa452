"""Captures on their way out of an archive and into another one: the very bytes of their records.

What leaves is copied, never written anew: record ids, dates and digests stay those of the capture. Only what a revisit
says about where its original lies holds in one archive alone and is put right on arrival.
"""

import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO
from uuid import NAMESPACE_URL, uuid5

from pydantic import TypeAdapter

from archive_pipeline.errors import CodingError, FixityError
from archive_pipeline.warc.cdxj import LISTED, cdxj_line
from archive_pipeline.warc.coding import remove_codings
from archive_pipeline.warc.derivations import Derived, derived_of
from archive_pipeline.warc.metadata import assemble
from archive_pipeline.warc.model import SHA256, Description, payload_digest
from archive_pipeline.warc.record import Gap, Member, Record, member_of, members, render, render_warcinfo
from archive_pipeline.warc.store import verify_record
from archive_pipeline.warc.streams import MAX_RATIO, MAX_UNCHECKED

__all__ = ["CaptureRecords", "WarcCopy", "derivation_at", "derivation_places", "parse_capture", "read_capture_records"]

DESCRIPTION = TypeAdapter(Description)
SHA256_HEX = re.compile("[0-9a-f]{64}")

RELEASE_ID = re.compile(rb'"release_id":"([0-9a-f]+)"')
"""As the derivation log writes it; inside a text the quotation marks would be escaped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRecords:
    """The records of one capture as they lie in a WARC file: the request, if there is one, the capture, and the
    metadata that describes it. `parts` are their bytes, `records` what these say."""

    parts: tuple[bytes, ...]
    records: tuple[Record, ...]

    @property
    def capture(self) -> Record:
        """The response, resource or revisit record."""
        return self.records[-2]

    @property
    def original(self) -> tuple[str, int] | None:
        """Where the archive it comes from has the body of a revisit: WARC file and offset."""
        place = json.loads(self.records[-1].block)["refers_to"]
        return (place["warc_file"], place["warc_offset"]) if place else None

    @property
    def original_id(self) -> str | None:
        """The record that a revisit refers to."""
        return self.capture.fields.get("warc-refers-to", "").strip("<>") or None

    @property
    def sha256(self) -> str:
        """The hash of the body, in hex, as the metadata gives it."""
        return str(json.loads(self.records[-1].block)["sha256"])

    def referring_to(self, warc_file: str, warc_offset: int) -> "CaptureRecords":
        """The same with the original of the revisit at this place. The metadata record keeps its id and date."""
        old = self.records[-1]
        described = json.loads(old.block)
        described["refers_to"] = {"warc_file": warc_file, "warc_offset": warc_offset}
        about = [
            ("WARC-Record-ID", f"<{old.id}>"),
            ("WARC-Target-URI", old.fields["warc-target-uri"]),
            ("WARC-Date", old.fields["warc-date"]),
            ("WARC-Concurrent-To", old.fields["warc-concurrent-to"]),
            ("WARC-Refers-To", old.fields["warc-refers-to"]),
            ("Content-Type", "application/json"),
        ]
        block = json.dumps(described, ensure_ascii=False).encode()
        data = render("metadata", about, payload=block)
        return replace(self, parts=(*self.parts[:-1], data), records=(*self.records[:-1], replace(old, block=block)))


def read_capture_records(folder: Path, name: str, offset: int, before: int) -> CaptureRecords:
    """The records of the capture at byte `offset` of a WARC file, verified. `before` is where the capture before it
    begins, 0 for the first one: what a request is of, only what follows it tells. Raises FixityError."""
    group: list[Member] = []
    for found in members(folder / name, before):
        if isinstance(found, Gap):
            raise FixityError(f"{name}, Byte {found.offset}: erwartet ein WARC-Datensatz, gefunden: {found.reason}")
        if found.offset < offset:
            group = [found] if found.record.type == "request" else []
            continue
        group.append(found)
        if found.offset > offset:
            break
    if len(group) < 2 or group[-2].offset != offset or group[-1].record.type != "metadata":
        raise FixityError(f"{name}, Byte {offset}: erwartet eine Erfassung mit ihrem metadata-Datensatz")
    for one in group:
        verify_record(name, one)
    with (folder / name).open("rb") as file:
        parts = tuple(_bytes(file, one) for one in group)
    return CaptureRecords(parts=parts, records=tuple(one.record for one in group))


def _bytes(file: BinaryIO, member: Member) -> bytes:
    file.seek(member.offset)
    return file.read(member.end - member.offset)


def parse_capture(data: bytes, where: str) -> CaptureRecords:
    """The records that `data` holds, verified; `where` names it in messages. Raises FixityError when they are not those
    of one capture, damaged, or such that an archive that took them in could not read them again."""
    found: list[Member] = []
    position = 0
    stream = io.BytesIO(data)
    limit = max(MAX_UNCHECKED, MAX_RATIO * len(data))
    while position < len(data):
        stream.seek(position)
        one = member_of(stream, position, limit=limit)
        if isinstance(one, str):
            raise FixityError(f"{where}: erwartet ein WARC-Datensatz, gefunden: {one}")
        verify_record(where, one)
        found.append(one)
        position = one.end
    kinds = [one.record.type for one in found]
    if kinds[-1:] != ["metadata"] or len(kinds) not in (2, 3) or kinds[-2] not in LISTED:
        raise FixityError(f"{where}: erwartet die Datensätze einer Erfassung, gefunden: {', '.join(kinds) or 'nichts'}")
    _check_description(where, found[-2].record, found[-1].record, limit)
    ends = [0, *(one.end for one in found)]
    return CaptureRecords(
        parts=tuple(data[start:end] for start, end in pairwise(ends)), records=tuple(one.record for one in found)
    )


def _check_description(where: str, capture: Record, metadata: Record, limit: int) -> None:
    """Whether the metadata describe the capture as this package writes it; who else wrote them may say anything."""
    try:
        described = json.loads(metadata.block)
        DESCRIPTION.validate_json(metadata.block, strict=True)
        place = described["refers_to"]
        body = b"" if place is not None else remove_codings(capture.payload, tuple(described["decoded"]), limit)
        assembled = assemble(where, (0, 0, 0), capture.fields, capture.head, described, body, "").capture
        cdxj_line(where, Member(0, 0, capture))
        is_right = (
            assembled.captured_at.tzinfo is not None
            and (assembled.status or 0) < 1000
            and SHA256_HEX.fullmatch(assembled.sha256) is not None
            and (place is None or (isinstance(place["warc_file"], str) and isinstance(place["warc_offset"], int)))
            and (place is not None or payload_digest(body) == SHA256 + assembled.sha256)
        )
    except (CodingError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FixityError(f"{where}: die Beschreibung der Erfassung ist nicht lesbar ({error!r:.200})") from error
    if not is_right:
        raise FixityError(f"{where}: die Beschreibung der Erfassung passt nicht zu ihr")


class WarcCopy:
    """A WARC file that captures are copied to, with the CDXJ lines of what it holds. The same captures give the same
    bytes: `at` stands in the record that opens the file, in the place of the clock."""

    def __init__(self, out: BinaryIO, *, name: str, software: str, operator: str, at: datetime) -> None:
        self._out = out
        self._name = name
        self._size = 0
        opening = render_warcinfo(name, software, operator, at, record_id=uuid5(NAMESPACE_URL, f"{name} {at}").urn)
        self._write(opening)

    def add(self, group: CaptureRecords) -> tuple[int, int, list[str]]:
        """Copy one capture; where its first record begins, how long its records are, and their CDXJ lines."""
        start = self._size
        lines = []
        for data, record in zip(group.parts, group.records, strict=True):
            offset = self._size
            self._write(data)
            if record.type in LISTED:
                lines.append(cdxj_line(self._name, Member(offset, self._size, record)))
        return start, self._size - start, lines

    def _write(self, data: bytes) -> None:
        self._out.write(data)
        self._size += len(data)


def derivation_places(folder: Path, lengths: Mapping[str, int]) -> Iterator[tuple[str, str, int]]:
    """The records of the derivation log that speak of a release, in the order they were committed: release, file and
    offset. `lengths` are those of the files that count; of others nothing is read. Nothing is verified."""
    for name, length in lengths.items():
        for found in members(folder / name):
            if found.offset >= length:
                break
            if isinstance(found, Member) and (said := RELEASE_ID.search(found.record.block)):
                yield said.group(1).decode(), name, found.offset


def derivation_at(folder: Path, name: str, offset: int) -> Derived:
    """One record of the derivation log, verified. Raises FixityError."""
    found = next(members(folder / name, offset), None)
    derived = derived_of(name, found, accounted=offset + 1) if found is not None else None
    if derived is None:
        raise FixityError(f"{name}, Byte {offset}: erwartet eine Ableitung, gefunden keine")
    return derived
