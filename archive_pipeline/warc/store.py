"""The archive's truth: every capture in WARC files, written before anything else sees it, and read back verified."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from archive_pipeline.errors import CodingError, FixityError, RefusedError
from archive_pipeline.model import Capture
from archive_pipeline.warc.cdxj import LISTED, cdxj_line
from archive_pipeline.warc.coding import remove_codings
from archive_pipeline.warc.erasing import is_tombstone
from archive_pipeline.warc.files import Cut, WarcFiles
from archive_pipeline.warc.metadata import PROFILE, assemble, metadata_of
from archive_pipeline.warc.model import (
    SHA256,
    Description,
    Exchange,
    Previous,
    RevisitProfile,
    StoredCapture,
    payload_digest,
    utc_text,
)
from archive_pipeline.warc.record import Gap, Member, members, new_record_id, render, render_warcinfo

__all__ = ["WarcStore", "verify_record"]

CAPTURES = ("response", "resource", "revisit")

FOLLOWERS = {
    "request": ("warcinfo",),
    "metadata": CAPTURES,
    **dict.fromkeys(CAPTURES, ("warcinfo", "request")),
}
"""Records that belong to a group, and what stands before them in it; any other begins a new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A capture that is about to be written: its record's block (`head` and `payload`) and what will describe it.
    `payload_digest` and `sha256` are those of `payload` and `body`, taken once: hashing is a good part of the work."""

    type: Literal["response", "resource"]
    target: str
    captured_at: datetime
    fields: list[tuple[str, str]]
    head: bytes
    payload: bytes
    payload_digest: str
    body: bytes
    sha256: str
    decoded: tuple[str, ...]
    description: Description


@dataclass(frozen=True, slots=True, kw_only=True)
class Revisit:
    """Why a body need not be stored again, and the capture that has it."""

    profile: RevisitProfile
    original: StoredCapture


class WarcStore:
    """Writes and reads the captures of one archive, below its data folder.

    `software` and `operator` (with contact address) stand in each file's `warcinfo` record. `clock` gives the time in
    UTC, `refused` says, by sha256, which bodies are not stored, and why. A capture is a response, resource or revisit
    record (after the request, if there was one) and the `metadata` record that describes it; it counts when both are
    complete and `sync` has returned. One process writes at a time: the caller holds the archive's lock, and has called
    `recover` before the first write. Within it any number of threads may write, and others read or sync meanwhile; the
    records of a capture stay together.
    """

    def __init__(
        self,
        folder: Path,
        *,
        software: str,
        operator: str,
        clock: Callable[[], datetime],
        max_file_bytes: int = 1_000_000_000,
        refused: Mapping[str, str] | None = None,
    ) -> None:
        self._folder = folder
        self._refused = refused or {}
        self._software = software
        self._operator = operator
        self._clock = clock
        self._files = WarcFiles(folder, max_file_bytes=max_file_bytes, first_record=self._warcinfo, clock=clock)

    def write_exchange(
        self,
        exchange: Exchange,
        description: Description,
        *,
        body: bytes,
        decoded: tuple[str, ...] = (),
        previous: Previous | None = None,
    ) -> StoredCapture:
        """Store an HTTP request and what came back. `body` is the payload after the codings `decoded` were removed.
        There is no request record where the request isn't known.

        With `previous`, the last capture of the same address, a 304 and a payload that is the same byte for byte
        become a revisit record, and the capture returned has the body that was stored then. Raises ArchiveError;
        FixityError when a 304 refers to a capture that is damaged.
        """
        about = [] if exchange.ip is None else [("WARC-IP-Address", exchange.ip)]
        digest = payload_digest(exchange.payload)
        same = body == exchange.payload
        draft = Draft(
            type="response",
            target=exchange.url,
            captured_at=exchange.started_at,
            fields=[*about, *([("WARC-Truncated", exchange.truncated)] if exchange.truncated else [])],
            head=exchange.head,
            payload=exchange.payload,
            payload_digest=digest,
            body=body,
            sha256=(digest if same else payload_digest(body)).removeprefix(SHA256),
            decoded=decoded,
            description=description,
        )
        revisit = self._revisit(draft, previous, not_modified=exchange.status == 304)
        return self._write(draft, revisit, exchange.request or None)

    def write_resource(
        self,
        target: str,
        body: bytes,
        description: Description,
        *,
        previous: Previous | None = None,
        captured_at: datetime | None = None,
    ) -> StoredCapture:
        """Store bytes that did not come over HTTP; `target` is their `urn`. The same bytes as in `previous` become a
        revisit record. `captured_at` is when somebody else captured them; None: now. Raises ArchiveError."""
        digest = payload_digest(body)
        draft = Draft(
            type="resource",
            target=target,
            captured_at=captured_at or self._clock(),
            fields=[],
            head=b"",
            payload=body,
            payload_digest=digest,
            body=body,
            sha256=digest.removeprefix(SHA256),
            decoded=(),
            description=description,
        )
        return self._write(draft, self._revisit(draft, previous, not_modified=False))

    def write_records(self, records: Sequence[bytes]) -> tuple[str, int]:
        """Store the records of one capture of another archive as they are, its metadata last; the file they went to
        and where the capture's own begins. Raises ArchiveError."""
        name, _, offsets = self._files.append(records)
        return name, offsets[-2]

    def sync(self) -> Mapping[str, int]:
        """Make everything written so far durable; the new length of each file it went to, by name.

        While other threads write, a length may cover captures that their threads have not handed on yet: who accounts
        for captures goes by their own `start` and `end`.
        """
        return self._files.sync()

    def close(self) -> None:
        """Make everything written durable and let go of the file for good: later writes raise ArchiveError."""
        self._files.close()

    def recover(self, known: Mapping[str, int]) -> tuple[Cut, ...]:
        """Put the files in order after a crash, at any byte of any write. `known` holds the lengths that a database
        accounts for, as `sync` gave them; files it doesn't name are read from their beginning.

        Cuts the incomplete record at the end of a file, if there is one, and nothing else; the complete captures
        after the known lengths are then `captures(after=known)`. Raises FixityError when a file is shorter than known.
        """
        return self._files.recover(known)

    def captures(
        self,
        after: Mapping[str, int] | None = None,
        *,
        damaged: Callable[[FixityError], None] | None = None,
        accounted: Mapping[str, int] | None = None,
    ) -> Iterator[StoredCapture]:
        """Every capture in the order it was written, verified; with `after`, those beyond these lengths of files.
        Nothing before the `accounted` lengths is taken for a write that never finished.

        Records that are damaged go to `damaged` as errors and the walk goes on; without it they are raised. A response
        without its metadata record, which a killed writer may leave, is evidence but no capture.
        """
        for name in self._files.names():
            for found in self.verify(name, (after or {}).get(name, 0), accounted=(accounted or {}).get(name, 0)):
                if isinstance(found, StoredCapture):
                    yield found
                elif damaged is None:
                    raise found
                else:
                    damaged(found)

    def names(self) -> list[str]:
        """The files in the order they were begun, relative to the folder."""
        return self._files.names()

    def verify(
        self,
        name: str,
        start: int = 0,
        end: int | None = None,
        *,
        accounted: int = 0,
        lines: list[str] | None = None,
    ) -> Iterator[StoredCapture | FixityError]:
        """The captures of one file from byte `start` on and before `end`, and what is wrong there: every digest of
        every record is compared with what was written at capture. Half a record at the end of the file is damage where
        it begins before byte `accounted`. `lines` gets the CDXJ lines of the records."""
        pending: Member | None = None
        began, before = 0, ""
        for found in members(self._folder / name, start):
            if end is not None and found.offset >= end:
                return
            try:
                if isinstance(found, Gap):
                    pending, before = None, ""
                    _report_gap(name, found, accounted)
                    continue
                kind = found.record.type
                if lines is not None and kind in LISTED:
                    lines.append(cdxj_line(name, found))
                if kind not in FOLLOWERS or before not in FOLLOWERS[kind]:
                    began = found.offset
                before = kind
                if kind == "metadata" and pending is not None and not is_tombstone(found):
                    capture, pending = pending, None
                    yield self._stored(name, capture, found, began)
                elif kind in CAPTURES:
                    pending = found
                else:
                    verify_record(name, found)
            except FixityError as error:
                yield error

    def read(self, warc_file: str, offset: int) -> Capture:
        """One capture, by where its record begins. The body of a revisit is that of the capture it refers to.

        Every digest is verified. Raises FixityError naming file, offset, record, expected and found digest.
        """
        return self.read_stored(warc_file, offset).capture

    def read_stored(self, warc_file: str, offset: int) -> StoredCapture:
        """As `read`, with the source as it was set when the capture was made. `start` is the record's own beginning."""
        capture, metadata = self._pair(warc_file, offset)
        return self._stored(warc_file, capture, metadata, offset)

    def _pair(self, name: str, offset: int) -> tuple[Member, Member]:
        path = self._folder / name
        if not path.is_file() or offset >= path.stat().st_size:
            raise FixityError(f"{name}, Byte {offset}: erwartet ein WARC-Datensatz, gefunden keiner", hint=RESTORE)
        found = members(path, offset)
        pair = []
        for _ in range(2):
            member = next(found, None)
            if isinstance(member, Gap):
                raise _gap_error(name, member)
            pair.append(member)
        capture, metadata = pair
        if capture is None or capture.record.type not in CAPTURES:
            raise FixityError(f"{name}, Byte {offset}: erwartet eine Erfassung, gefunden etwas anderes", hint=RESTORE)
        if metadata is None or metadata.record.type != "metadata":
            raise FixityError(
                f"{name}, Byte {offset}, Datensatz {capture.record.id}: der metadata-Datensatz fehlt", hint=RESTORE
            )
        return capture, metadata

    def _original(self, name: str, offset: int) -> StoredCapture:
        """The capture whose body a later one stands for: itself, or the one a revisit refers to."""
        capture, metadata = self._pair(name, offset)
        place = json.loads(metadata.record.block)["refers_to"]
        if place:
            return self._original(place["warc_file"], place["warc_offset"])
        return self._stored(name, capture, metadata, offset)

    def _stored(self, name: str, capture: Member, metadata: Member, start: int) -> StoredCapture:
        for member in (capture, metadata):
            verify_record(name, member)
        try:
            return self._assembled(name, capture, metadata, start)
        except (CodingError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise FixityError(
                f"{name}, Byte {metadata.offset}, Datensatz {metadata.record.id}: keine lesbare Beschreibung der "
                f"Erfassung ({error!r})",
                hint=RESTORE,
            ) from error

    def _assembled(self, name: str, capture: Member, metadata: Member, start: int) -> StoredCapture:
        described = json.loads(metadata.record.block)
        place = described["refers_to"]
        if place:
            original = self._original(place["warc_file"], place["warc_offset"])
            body, payload = original.capture.body, original.payload_digest
        else:
            body = remove_codings(capture.record.payload, tuple(described["decoded"]))
            payload = capture.record.fields["warc-payload-digest"]
        _compare(name, capture, "Inhalt", SHA256 + described["sha256"], payload_digest(body))
        fields, head = capture.record.fields, capture.record.head
        return assemble(name, (start, capture.offset, metadata.end), fields, head, described, body, payload)

    def _revisit(self, draft: Draft, previous: Previous | None, *, not_modified: bool) -> Revisit | None:
        if previous is None:
            return None
        if not_modified:
            original = self._original(previous.warc_file, previous.warc_offset)
            return Revisit(profile="server-not-modified", original=original)
        if previous.sha256 != draft.sha256:
            return None
        try:
            original = self._original(previous.warc_file, previous.warc_offset)
        except FixityError:
            return None  # a damaged copy stands for nothing: these bytes are stored again
        if original.payload_digest != draft.payload_digest:
            return None
        return Revisit(profile="identical-payload-digest", original=original)

    def _write(self, draft: Draft, revisit: Revisit | None, request: bytes | None = None) -> StoredCapture:
        if reason := self._refused.get(draft.sha256):
            raise RefusedError(reason, url=draft.target)
        target = [("WARC-Target-URI", draft.target), ("WARC-Date", utc_text(draft.captured_at))]
        record_id = new_record_id()
        about = [("WARC-Record-ID", f"<{record_id}>"), *target, *draft.fields]
        body, payload, sha256, digest = draft.body, draft.payload, draft.sha256, draft.payload_digest
        original = revisit.original.capture if revisit else None
        if revisit is not None:
            body, payload, sha256 = revisit.original.capture.body, b"", revisit.original.capture.sha256
            digest = revisit.original.payload_digest
            about += _revisit_fields(revisit)
        if draft.type == "response":
            about.append(("Content-Type", "application/http; msgtype=response"))
        elif revisit is None:
            about.append(("Content-Type", draft.description.media_type or "application/octet-stream"))
        described = metadata_of(draft.description, sha256, draft.decoded, original)
        kind = draft.type if revisit is None else "revisit"
        packed = 0 < 2 * len(payload) <= len(body)  # by the server, and well
        records = [
            render(kind, about, head=draft.head, payload=payload, digest=digest, packed=packed),
            _metadata_record(record_id, target, described),
        ]
        if request is not None:
            records.insert(0, _request_record(record_id, target, request))
        name, start, offsets = self._files.append(records)
        end = offsets[-1] + len(records[-1])
        by_name = {field.lower(): value for field, value in about}
        return assemble(name, (start, offsets[-2], end), by_name, draft.head, described, body, digest)

    def _warcinfo(self, filename: str) -> bytes:
        return render_warcinfo(filename, self._software, self._operator, self._clock())


ENCODER = json.JSONEncoder(ensure_ascii=False)

RESTORE = "die Datei aus der Sicherung zurückholen, dann: archive-pipeline rebuild"


def _request_record(record_id: str, target: list[tuple[str, str]], request: bytes) -> bytes:
    about = [
        ("WARC-Record-ID", f"<{new_record_id()}>"),
        *target,
        ("WARC-Concurrent-To", f"<{record_id}>"),
        ("Content-Type", "application/http; msgtype=request"),
    ]
    return render("request", about, head=request)


def _metadata_record(record_id: str, target: list[tuple[str, str]], described: dict[str, Any]) -> bytes:
    about = [
        ("WARC-Record-ID", f"<{new_record_id()}>"),
        *target,
        ("WARC-Concurrent-To", f"<{record_id}>"),
        ("WARC-Refers-To", f"<{record_id}>"),
        ("Content-Type", "application/json"),
    ]
    return render("metadata", about, payload=ENCODER.encode(described).encode())


def _revisit_fields(revisit: Revisit) -> list[tuple[str, str]]:
    original = revisit.original.capture
    about = [
        ("WARC-Profile", PROFILE + revisit.profile),
        ("WARC-Refers-To", f"<{original.record_id}>"),
        ("WARC-Refers-To-Target-URI", original.target),
        ("WARC-Refers-To-Date", utc_text(original.captured_at)),
    ]
    if revisit.profile == "identical-payload-digest":
        about.append(("WARC-Payload-Digest", revisit.original.payload_digest))
    return about


def verify_record(name: str, member: Member) -> None:
    """Compare a record of the file `name` with its digests. Raises FixityError naming the place and both digests."""
    record = member.record
    _compare(name, member, "Block", record.fields.get("warc-block-digest", "keine"), payload_digest(record.block))
    if record.type not in ("revisit", "warcinfo"):
        declared = record.fields.get("warc-payload-digest", "keine")
        _compare(name, member, "Payload", declared, payload_digest(record.payload))


def _compare(name: str, member: Member, what: str, expected: str, found: str) -> None:
    if expected != found:
        raise FixityError(
            f"{name}, Byte {member.offset}, Datensatz {member.record.id}: "
            f"{what}-Prüfsumme erwartet {expected}, gefunden {found}",
            hint=RESTORE,
        )


def _gap_error(name: str, gap: Gap) -> FixityError:
    return FixityError(
        f"{name}, Byte {gap.offset} bis {gap.end}: erwartet ein WARC-Datensatz, gefunden: {gap.reason}", hint=RESTORE
    )


def _report_gap(name: str, gap: Gap, accounted: int) -> None:
    """A torn end is a write that never finished, perhaps one that is going on; anything else is damage."""
    if not gap.torn or gap.offset < accounted:
        raise _gap_error(name, gap)
