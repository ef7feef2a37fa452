"""`decisions.jsonl`: the record of what people decide, one of the archive's two truths.

Every decision is appended and synced before the database sees it. The database knows how far it has read the file; what
lies behind, because a process was killed between the two, is applied before anything else is decided.
"""

import fcntl
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError
from sqlite_utils import Database

from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.decision_forms import Decision
from archive_pipeline.durable import sync
from archive_pipeline.errors import ArchiveError, MigrationNeededError

__all__ = [
    "append_decisions",
    "apply_decision",
    "apply_new_decisions",
    "decide",
    "decision_sha256",
    "read_decisions",
    "rewrite_decisions",
]

ADAPTER: TypeAdapter[Decision] = TypeAdapter(Decision)

DECISIONS_A_TRANSACTION = 1000

TAIL = 4096
"""Bytes before the known end that show whether the file is still the one that was read."""


@dataclass(frozen=True, slots=True)
class _Line:
    decision: Decision
    end: int


def decide(db: Database, path: Path, decisions: Sequence[Decision]) -> None:
    """Write decisions down, then apply them and whatever else the database doesn't have yet. Call with the writer lock
    held. Raises ArchiveError when the file can't be read; nothing is written then."""
    apply_new_decisions(db, path)
    append_decisions(path, decisions)
    apply_new_decisions(db, path)


def append_decisions(path: Path, decisions: Sequence[Decision]) -> None:
    """Append one line each and sync them to disk: all of them or, when the disk is full, none. A torn last line (a
    crash in mid-write) is ended first."""
    data = b"".join(ADAPTER.dump_json(decision) + b"\n" for decision in decisions)
    is_new = not path.exists()
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)  # a takedown may hide something while somebody else writes
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            data = b"\n" + data
        try:
            while data:
                data = data[os.write(handle, data) :]
            os.fsync(handle)
        except OSError:
            os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)
    if is_new:
        sync(path.parent)


def rewrite_decisions(path: Path, change: Callable[[bytes], bytes], decisions: Sequence[Decision]) -> None:
    """Put a file in the place of `decisions.jsonl` in which each line is changed and these decisions are appended: all
    of it or nothing. Only erasing a text may change what was written. A torn last line is left out. Call with the
    writer lock held. Raises ArchiveError."""
    fresh = path.with_name(path.name + ".new")
    try:
        with fresh.open("wb") as out:
            if path.exists():
                with path.open("rb") as lines:
                    out.writelines(change(line) for line in lines if line.endswith(b"\n"))
            out.writelines(ADAPTER.dump_json(decision) + b"\n" for decision in decisions)
            out.flush()
            os.fsync(out.fileno())
        fresh.replace(path)
        sync(path.parent)
    except OSError as error:
        raise ArchiveError(
            f"{path.name} lässt sich nicht neu schreiben: {error.strerror}",
            hint="freien Platz und Rechte prüfen, dann den Befehl wiederholen",
        ) from error
    finally:
        fresh.unlink(missing_ok=True)


def read_decisions(path: Path) -> Iterator[Decision]:
    """All decisions in order. A torn line is left out. Any other unreadable line raises ArchiveError, one in a form of
    a newer version MigrationNeededError: nothing that people decided is passed over."""
    for line in _read(path, 0):
        yield line.decision


def _read(path: Path, start: int) -> Iterator[_Line]:
    if not path.exists():
        return
    end = start
    with path.open("rb") as file:
        file.seek(start)
        for line in file:
            end += len(line)
            if not line.strip():
                continue
            try:
                yield _Line(ADAPTER.validate_json(line), end)
            except ValidationError as error:
                is_torn = not line.rstrip(b"\r\n").endswith(b"}") or not line.endswith(b"\n")
                if not is_torn:
                    raise _unreadable(path, end, error) from error


def _unreadable(path: Path, end: int, error: ValidationError) -> ArchiveError:
    with path.open("rb") as file:
        number = file.read(end).count(b"\n")
    problem = error.errors()[0]
    where = f"{path.name}:{number}"
    if problem["type"] == "union_tag_invalid":
        context: dict[str, Any] = problem.get("ctx", {})
        return MigrationNeededError(
            f"{where} ist eine Entscheidung, die diese Version nicht kennt ({context.get('tag')}): eine neuere Version "
            "hat sie geschrieben",
            hint="archive-pipeline aktualisieren: pip install -U archive-pipeline",
        )
    return ArchiveError(
        f"{where} ist keine lesbare Entscheidung: {problem['msg']}",
        hint="Zeile prüfen; sie ist eine der beiden Wahrheiten des Archivs und wird nicht übergangen",
    )


def decision_sha256(decision: Decision) -> str:
    """A hash of everything that a decision says, in hex: what the database keeps, to tell when a line was changed."""
    return hashlib.sha256(ADAPTER.dump_json(decision)).hexdigest()


def apply_new_decisions(db: Database, path: Path) -> int:
    """Apply the decisions of the file that the database doesn't have. Returns how many. Only what was added since is
    read; a file that is not the one known (restored, edited) is read from its beginning. Raises ArchiveError at an
    unreadable line, when those before it are applied."""
    start = _known_length(db, path)
    if not path.exists() or path.stat().st_size == start:
        return 0
    applied = 0
    waiting: list[_Line] = []
    try:
        for line in _read(path, start):
            waiting.append(line)
            if len(waiting) == DECISIONS_A_TRANSACTION:
                applied += _apply(db, path, waiting)
                waiting = []
    finally:  # at an unreadable line, too
        if waiting:
            applied += _apply(db, path, waiting)
    return applied


def _apply(db: Database, path: Path, lines: Sequence[_Line]) -> int:
    applied = 0
    with write_tx(db):
        for line in lines:
            applied += apply_decision(db, line.decision)
        end = lines[-1].end
        db.execute("DELETE FROM decisions_read")
        db.execute("INSERT INTO decisions_read (length, tail) VALUES (?, ?)", [end, _tail(path, end)])
    return applied


def apply_decision(db: Database, decision: Decision) -> bool:
    """Write one decision into the tables; whether it was not there yet. Call inside `write_tx`."""
    added = db.execute(
        """INSERT OR IGNORE INTO decision (id, schema, batch, decided_by, decided_at, note, sha256)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        [
            decision.id,
            decision.schema,
            decision.batch or decision.id,
            decision.decided_by,
            decision.decided_at.isoformat(),
            decision.note,
            decision_sha256(decision),
        ],
    )
    if not added.rowcount:
        return False
    decision.apply(db)
    return True


def _known_length(db: Database, path: Path) -> int:
    """Up to which byte the database has the file, 0 if it is another file."""
    row = next(db.query("SELECT length, tail FROM decisions_read"), None)
    if row is None or not path.exists() or path.stat().st_size < row["length"]:
        return 0
    return int(row["length"]) if _tail(path, row["length"]) == row["tail"] else 0


def _tail(path: Path, end: int) -> str:
    with path.open("rb") as file:
        file.seek(max(0, end - TAIL))
        return hashlib.sha256(file.read(min(TAIL, end))).hexdigest()
