"""What the database knows of the captures in the WARC files."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from sqlite_utils import Database

from archive_pipeline.archive.database import look_up
from archive_pipeline.model import Capture, CaptureKind

__all__ = [
    "CaptureRow",
    "CaptureState",
    "adopt_attachments",
    "attach",
    "belong",
    "capture_rows",
    "has_lied",
    "is_recorded",
    "is_repeated",
    "known_lengths",
    "latest_answer",
    "latest_capture",
    "record_capture",
    "repeat",
    "set_lengths",
    "stored_values",
    "warc_lengths",
]

CaptureState = Literal["stored", "accepted", "quarantined", "skipped", "failed"]
"""`stored`: evidence of discovery, or an attachment. The others say how cleaning and classifying ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureRow:
    """One capture without its bytes; `captured_at` is ISO 8601 in UTC."""

    record_id: str
    source_id: str
    key: str
    target: str
    kind: CaptureKind
    media_type: str | None
    status: int | None
    etag: str | None
    last_modified: str | None
    sha256: str
    captured_at: str
    warc_file: str
    warc_offset: int
    state: str
    reason: str | None
    release_id: str | None


WHOLE = "source_id = ? AND target = ? AND complete AND (status IS NULL OR status = 200)"
NEWEST = "ORDER BY captured_at DESC, rowid DESC LIMIT 1"
COLUMNS = ", ".join(CaptureRow.__dataclass_fields__)

RECORDED = (
    *("record_id", "source_id", "key", "target", "url", "kind", "media_type", "charset", "status", "etag"),
    *("last_modified", "sha256", "captured_at", "warc_file", "warc_offset", "parent", "title", "published"),
    *("complete", "reservation", "state", "reason", "release_id"),
)

RECORD = f"""
INSERT INTO capture ({", ".join(RECORDED)}) VALUES ({", ".join(f":{name}" for name in RECORDED)})
ON CONFLICT (record_id) DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in RECORDED[1:])}
"""
"""Statements on the way of every document are written out: sqlite-utils asks for the columns of the table each time."""


def record_capture(
    db: Database, capture: Capture, state: CaptureState, *, reason: str | None = None, release_id: str | None = None
) -> None:
    """Note one capture and how it ended. Call inside `write_tx`."""
    outcome = {"state": state, "reason": reason, "release_id": release_id}
    db.conn.execute(RECORD, {**stored_values(capture), **outcome})


def belong(db: Database, capture: Capture, release_id: str) -> None:
    """Note which release a recorded capture is of. Call inside `write_tx`."""
    db.conn.execute("UPDATE capture SET release_id = ? WHERE record_id = ?", [release_id, capture.record_id])


def stored_values(capture: Capture) -> dict[str, str | int | None]:
    """What a row of the table says of a capture by the WARC record alone, by column."""
    headers = {name.lower(): value for name, value in capture.headers}
    return {
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
        "complete": int(capture.complete),
        "reservation": capture.reservation,
    }


def latest_capture(db: Database, source_id: str, target: str) -> CaptureRow | None:
    """A source's newest complete capture of an address (status 200) or file, or None."""
    return next(capture_rows(db, f"{WHOLE} {NEWEST}", [source_id, target]), None)


def latest_answer(db: Database, target: str) -> CaptureRow | None:
    """The newest answer of an address that was stored as evidence of discovery, to whatever source and with whatever
    status, or None."""
    where = f"target = ? AND kind = 'discovery' AND complete AND status IS NOT NULL {NEWEST}"
    return next(capture_rows(db, where, [target]), None)


LIED = """
SELECT EXISTS (
      SELECT 1 FROM capture
      WHERE source_id = :source_id AND target = :target AND status = 304 AND NOT complete)
    OR EXISTS (
      SELECT 1 FROM capture
      WHERE source_id = :source_id AND target = :target AND status = 200 AND complete AND {0} IS NOT NULL
      GROUP BY {0} HAVING count(DISTINCT sha256) > 1) AS lied
"""


def has_lied(db: Database, source_id: str, target: str, validator: Literal["etag", "last_modified"]) -> bool:
    """Whether a server was caught: the same validator came with two bodies, or "not modified" hid a change."""
    row = next(db.query(LIED.format(validator), {"source_id": source_id, "target": target}))
    return bool(row["lied"])


def is_recorded(db: Database, record_id: str) -> bool:
    """Whether this very capture is in the database."""
    return look_up(db, "SELECT 1 FROM capture WHERE record_id = ?", [record_id]) is not None


def repeat(db: Database, capture: Capture) -> None:
    """Note the answer of a server that said once more what it had said before, with the release it is of. Said at an
    address that leads to another item's, it makes that address a further place of the release. Call inside
    `write_tx`."""
    place = [capture.source_id, capture.key]
    located = next(db.query("SELECT release_id FROM location WHERE source_id = ? AND key = ? LIMIT 1", place), None)
    said = located or next(
        db.query(
            """SELECT release_id FROM capture WHERE source_id = ? AND target = ? AND kind = 'document'
                 AND release_id IS NOT NULL ORDER BY captured_at DESC, rowid DESC LIMIT 1""",
            [capture.source_id, capture.target],
        ),
        None,
    )
    record_capture(db, capture, "stored", release_id=said["release_id"] if said else None)
    if said and not located:
        db.execute(
            "INSERT INTO location (release_id, source_id, key, url, first_captured_at) VALUES (?, ?, ?, ?, ?)",
            [said["release_id"], *place, capture.url, capture.captured_at.isoformat()],
        )


def attach(db: Database, capture: Capture) -> None:
    """Note an attachment with the release that the capture it came with became. Call inside `write_tx`, after that
    capture was recorded."""
    parent = next(db.query("SELECT release_id FROM capture WHERE record_id = ?", [capture.parent]), None)
    record_capture(db, capture, "stored", release_id=parent["release_id"] if parent else None)


def adopt_attachments(db: Database, capture: Capture, release_id: str) -> None:
    """Give a release what came with the capture it was made from, where that was held back before. Call inside
    `write_tx`."""
    db.execute("UPDATE capture SET release_id = ? WHERE parent = ?", [release_id, capture.record_id])


def is_repeated(db: Database, capture: Capture) -> bool:
    """Whether a server said with this capture once more what the latest one before it holds: a running pipeline got
    `Unmodified` for it."""
    if capture.status is None:
        return False
    where = f"{WHOLE} AND rowid < coalesce((SELECT rowid FROM capture WHERE record_id = ?), 9223372036854775807)"
    rows = capture_rows(db, f"{where} {NEWEST}", [capture.source_id, capture.target, capture.record_id])
    return any((known.kind, known.sha256) == (capture.kind, capture.sha256) for known in rows)


def capture_rows(db: Database, where: str, parameters: list[str | int]) -> Iterator[CaptureRow]:
    """Captures that fit an SQL condition of the caller's own making (values only as parameters)."""
    for row in db.query(f"SELECT {COLUMNS} FROM capture WHERE {where}", parameters):
        yield CaptureRow(**row)


def known_lengths(db: Database) -> dict[str, int]:
    """How many bytes of each WARC file the database accounts for."""
    return {row["name"]: row["length"] for row in db.query("SELECT name, length FROM warc_file")}


def warc_lengths(db: Database) -> dict[str, int]:
    """The same of the files with captures alone, without what was made of them."""
    return {name: length for name, length in known_lengths(db).items() if name.startswith("warc/")}


def set_lengths(db: Database, lengths: Mapping[str, int]) -> None:
    """Account for WARC files up to these lengths. Call inside `write_tx`, after the files were synced."""
    db.conn.executemany(
        "INSERT INTO warc_file VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET length = excluded.length", lengths.items()
    )
