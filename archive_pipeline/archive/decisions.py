"""What people decide. Every decision is appended and synced to `decisions.jsonl` before the database sees it.

A decision holds axis, value, role and note, never offsets, so it outlives every rerun. The newest decision on a
value of a release counts; the view `v_tag` applies it.
"""

import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from sqlite_utils import Database

from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.releases import note_change
from archive_pipeline.errors import ArchiveError
from archive_pipeline.model import Axis, Role

__all__ = ["TagDecision", "append_decision", "apply_decision", "apply_new_decisions", "read_decisions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TagDecision:
    """A person added or removed a tag. `schema` names the form of the line."""

    id: str
    release_id: str
    axis: Axis
    value: str
    label: str
    role: Role
    action: Literal["add", "remove"]
    note: str | None = None
    decided_by: str
    decided_at: datetime
    schema: Literal["apl/tag-decision/1"] = "apl/tag-decision/1"


ADAPTER = TypeAdapter(TagDecision)


def append_decision(path: Path, decision: TagDecision) -> None:
    """Append one line and sync it to disk. A torn last line (a crash in mid-write) is ended first."""
    line = ADAPTER.dump_json(decision) + b"\n"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            os.write(handle, b"\n")
        os.write(handle, line)
        os.fsync(handle)
    finally:
        os.close(handle)


def read_decisions(path: Path) -> Iterator[TagDecision]:
    """All decisions in order. A last line that is torn is left out; any other unreadable line raises ArchiveError."""
    if not path.exists():
        return
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield ADAPTER.validate_json(line)
        except ValidationError as error:
            torn = number == len(lines) or not line.endswith(b"}")
            if torn:
                continue
            raise ArchiveError(
                f"{path.name}:{number} ist keine lesbare Entscheidung: {error.errors()[0]['msg']}",
                hint="Zeile prüfen; sie ist eine der beiden Wahrheiten des Archivs und wird nicht übergangen",
            ) from error


def apply_new_decisions(db: Database, path: Path) -> int:
    """Apply the decisions of the file that the database doesn't have: a process was killed between the two. Returns
    how many. Raises ArchiveError at an unreadable line, when those before it are applied."""
    known = {row["id"] for row in db.query("SELECT id FROM tag_decision")}
    applied = 0
    for decision in read_decisions(path):
        if decision.id not in known:
            with write_tx(db):
                apply_decision(db, decision)
            applied += 1
    return applied


def apply_decision(db: Database, decision: TagDecision) -> None:
    """Put a decision into the database and announce the change. Call inside `write_tx`."""
    db.execute(
        """INSERT OR IGNORE INTO tag_decision
           (id, release_id, axis, value, label, role, action, note, decided_by, decided_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            decision.id,
            decision.release_id,
            decision.axis,
            decision.value,
            decision.label,
            decision.role,
            decision.action,
            decision.note,
            decision.decided_by,
            decision.decided_at.isoformat(),
        ],
    )
    note_change(db, decision.release_id, "tagged", decision.decided_at)
