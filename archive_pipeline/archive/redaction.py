"""Decisions without the words of an erased text: in the lines of `decisions.jsonl`, and in the tables made of them."""

import json
from collections.abc import Callable, Collection
from typing import Any

from sqlite_utils import Database

from archive_pipeline.archive.decision_forms import Coding, Decision
from archive_pipeline.archive.decisions import decision_sha256
from archive_pipeline.archive.erased_text import ErasedText
from archive_pipeline.archive.rights_forms import PersonSuppression, TakedownRequest
from archive_pipeline.archive.search_forms import SavedSearchDecision

__all__ = ["redacting", "sync_redactions"]

MARK = "[entfernt, Fall "
KEPT = ("id", "schema", "batch", "decided_at")
"""Values that are never words of a text."""

NAMES = PersonSuppression.__dataclass_fields__["schema"].default
"""Decisions whose `name` stays: without it, the person would be named again."""


def redacting(known: ErasedText, release_ids: Collection[str], case: str) -> Callable[[bytes], bytes]:
    """What takes the words of a text out of a line: every value that holds a sequence of them, and what was noted about
    the releases themselves, whatever it says. Other lines stay as they are, byte by byte; a torn one, which nobody
    reads, goes where it holds any."""
    mark = f"{MARK}{case}]"

    def change(line: bytes) -> bytes:
        try:
            before = json.loads(line)
        except ValueError:
            return b"" if known.is_in(line.decode("utf-8", "replace")) else line
        if not isinstance(before, dict):
            return line
        kept = (*KEPT, "name") if before.get("schema") == NAMES else KEPT
        after = {name: value if name in kept else _without(value, known, mark) for name, value in before.items()}
        if before.get("release_id") in release_ids:
            after |= {name: mark for name in ("note", "text") if before.get(name)}
        return (
            line if after == before else json.dumps(after, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        )

    return change


def _without(value: Any, known: ErasedText, mark: str) -> Any:
    if isinstance(value, str):
        return mark if known.is_in(value) else value
    if isinstance(value, list):
        return [_without(inner, known, mark) for inner in value]
    if isinstance(value, dict):
        return {name: _without(inner, known, mark) for name, inner in value.items()}
    return value


def sync_redactions(db: Database, decision: Decision) -> None:
    """Say in the tables what a redacted line says: wherever one has a row under the decision's id, and a column of the
    value's name; and where a row is named otherwise. Call inside `write_tx`."""
    if MARK not in repr(decision):
        return
    db.execute("UPDATE decision SET sha256 = ? WHERE id = ?", [decision_sha256(decision), decision.id])
    redacted = {
        name: value
        for name in decision.__dataclass_fields__
        if isinstance(value := getattr(decision, name), str) and value.startswith(MARK)
    }
    for name, value in redacted.items():
        tables = db.query(
            """SELECT m.name FROM sqlite_master m WHERE m.type = 'table'
                 AND EXISTS (SELECT 1 FROM pragma_table_info(m.name) WHERE name = 'id' AND type = 'TEXT')
                 AND EXISTS (SELECT 1 FROM pragma_table_info(m.name) WHERE name = ?)""",
            [name],
        )
        for table in list(tables):
            db.execute(f'UPDATE "{table["name"]}" SET "{name}" = ? WHERE id = ?', [value, decision.id])
    if isinstance(decision, SavedSearchDecision):  # a name leads to its newest search
        saved = [decision.name, decision.query, decision.decided_by, decision.decided_at.isoformat()]
        db.execute("UPDATE saved_search SET name = ?, query = ? WHERE saved_by = ? AND saved_at = ?", saved)
    if isinstance(decision, Coding):
        values = json.dumps(decision.values)
        db.execute('UPDATE coding SET "values" = ? WHERE id = ?', [values, decision.id])
    if isinstance(decision, TakedownRequest) and redacted:
        words = [decision.ground, decision.requester, decision.case]
        db.execute("UPDATE takedown SET ground = ?, requester = ? WHERE case_id = ?", words)
