"""The event log, in the words of PREMIS. Rows are only ever added, and never hold document text."""

from datetime import datetime
from typing import Literal

from sqlite_utils import Database

__all__ = ["EventType", "Outcome", "record_event"]

EventType = Literal[
    "capture",
    "ingestion",
    "validation",
    "metadata modification",
    "quarantine",
    "recovery",
    "refreshment",
    "fixity check",
    "replication",
    "information package creation",
    "information package merging",
    "policy assignment",
    "redaction",
    "deletion",
    "silent change",
    "removal at source",
    "relaunch",
]
"""Event types after the PREMIS 3 event vocabulary of the Library of Congress; `recovery` is ours: a run found
complete captures, or a torn record, behind what the database knew. So are the last three:
the publisher changed a text and not its date, took a release away, or moved a site to new addresses."""

Outcome = Literal["success", "failure", "warning"]


def record_event(
    db: Database,
    kind: EventType,
    *,
    at: datetime,
    agent: str,
    subject: str,
    outcome: Outcome = "success",
    detail: str | None = None,
) -> None:
    """Add one event. `agent` is the tool with its version or a person, `subject` the object's id.
    Call inside `write_tx`."""
    db.conn.execute(
        "INSERT INTO event (type, at, agent, outcome, object, detail) VALUES (?, ?, ?, ?, ?, ?)",
        [kind, at.isoformat(), agent, outcome, subject, detail],
    )
