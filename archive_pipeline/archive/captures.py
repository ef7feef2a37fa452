"""What the database knows of the captures in the WARC files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from sqlite_utils import Database

from archive_pipeline.model import Capture

__all__ = [
    "CaptureRow",
    "CaptureState",
    "capture_rows",
    "is_repeated",
    "known_lengths",
    "latest_capture",
    "record_capture",
    "set_lengths",
]

CaptureState = Literal["stored", "accepted", "quarantined", "skipped", "failed"]
"""`stored`: evidence of discovery. The others say how cleaning and classifying ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRow:
    """One capture without its bytes; `captured_at` is ISO 8601 in UTC."""

    record_id: str
    source_id: str
    key: str
    target: str
    kind: str
    media_type: str | None
    etag: str | None
    last_modified: str | None
    sha256: str
    captured_at: str
    warc_file: str
    warc_offset: int
    state: str
    reason: str | None
    release_id: str | None


COLUMNS = ", ".join(CaptureRow.__dataclass_fields__)


def record_capture(
    db: Database, capture: Capture, state: CaptureState, *, reason: str | None = None, release_id: str | None = None
) -> None:
    """Note one capture and how it ended. Call inside `write_tx`."""
    headers = {name.lower(): value for name, value in capture.headers}
    db.table("capture").upsert(
        {
            "record_id": capture.record_id,
            "source_id": capture.source_id,
            "key": capture.key,
            "target": capture.target,
            "url": capture.url,
            "kind": capture.kind,
            "media_type": capture.media_type,
            "charset": capture.charset,
            "status": capture.status,
            "etag": headers.get("etag"),
            "last_modified": headers.get("last-modified"),
            "sha256": capture.sha256,
            "captured_at": capture.captured_at.isoformat(),
            "warc_file": capture.warc_file,
            "warc_offset": capture.warc_offset,
            "parent": capture.parent,
            "title": capture.title,
            "published": capture.published,
            "state": state,
            "reason": reason,
            "release_id": release_id,
        },
        pk="record_id",
    )


def latest_capture(db: Database, source_id: str, target: str) -> CaptureRow | None:
    """A source's newest complete capture of an address (status 200) or file, or None."""
    where = "source_id = ? AND target = ? AND (status IS NULL OR status = 200)"
    where += " ORDER BY captured_at DESC, rowid DESC LIMIT 1"
    return next(capture_rows(db, where, [source_id, target]), None)


def is_repeated(db: Database, capture: Capture) -> bool:
    """Whether a server said with this capture once more what the latest capture holds: a running pipeline got
    `Unmodified` for it, and it stands in the WARC files alone."""
    known = None if capture.status is None else latest_capture(db, capture.source_id, capture.target)
    return (
        known is not None
        and known.record_id != capture.record_id
        and known.kind == "document"
        and known.sha256 == capture.sha256
    )


def capture_rows(db: Database, where: str, parameters: list[str | int]) -> Iterator[CaptureRow]:
    """Captures that fit an SQL condition of the caller's own making (values only as parameters)."""
    for row in db.query(f"SELECT {COLUMNS} FROM capture WHERE {where}", parameters):
        yield CaptureRow(**row)


def known_lengths(db: Database) -> dict[str, int]:
    """How many bytes of each WARC file the database accounts for."""
    return {row["name"]: row["length"] for row in db.query("SELECT name, length FROM warc_file")}


def set_lengths(db: Database, lengths: Mapping[str, int]) -> None:
    """Account for WARC files up to these lengths. Call inside `write_tx`, after the files were synced."""
    db.table("warc_file").upsert_all([{"name": name, "length": length} for name, length in lengths.items()], pk="name")
