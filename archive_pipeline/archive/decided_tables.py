"""What people decided, as the database holds it, compared with `decisions.jsonl`.

The decisions are applied once more, to a database in memory, by the functions that applied them then, and every row is
compared.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing

from sqlite_utils import Database

from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.decision_forms import Decision
from archive_pipeline.archive.decisions import apply_decision
from archive_pipeline.archive.migrations import MIGRATIONS

__all__ = ["DECIDED", "differing_decisions"]

DECIDED = {
    "decision": "id schema batch decided_by decided_at note undone_by",
    "tag_decision": "id release_id axis value label role action note decided_by decided_at sample",
    "review": "id release_id axis value verdict evidence",
    "hold_decision": "id record_id action",
    "sample": "id seed stratify query population",
    "sampled": "sample_id release_id stratum probability",
    "coding": "id sample_id release_id column values",
    "takedown": "case_id ground requester opened_at state",
    "takedown_release": "case_id release_id",
    "takedown_step": "id case_id step note decided_by decided_at",
    "erasure": "id case_id",
    "erased_payload": "sha256 case_id",
    "erased_place": "source_id key url case_id",
    "access_decision": "release_id access",
    "suppressed_person": "name",
    "correction": "id release_id kind text url noted_at withdrawn_by",
    "result_set": "id name query understood note releases sha256 seq created_by created_at",
    "saved_search": "name query match sort saved_by saved_at",
}
"""The tables that decisions fill, and their columns that follow from the decisions alone, the row's name first."""


def differing_decisions(db: Database, decisions: Iterable[Decision]) -> Iterator[tuple[str, str]]:
    """Table and name of each row that is not what these decisions make of it; one that is missing or too many, too.
    Decisions that the database has not read yet must not be among them."""
    with closing(sqlite3.connect(":memory:")) as connection:
        scratch = Database(connection, execute_plugins=False)
        MIGRATIONS.apply(scratch)
        with write_tx(scratch):
            for decision in decisions:
                apply_decision(scratch, decision)
        for table, columns in DECIDED.items():
            said, held = _rows(scratch, table, columns), _rows(db, table, columns)
            for row in sorted({str(row[0]) for row in (said - held) + (held - said)}):
                yield table, row


def _rows(db: Database, table: str, columns: str) -> Counter[tuple[object, ...]]:
    named = ", ".join(f'"{column}"' for column in columns.split())
    return Counter(db.execute(f'SELECT {named} FROM "{table}"').fetchall())
