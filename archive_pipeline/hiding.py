"""Hiding releases at once, also while a run writes."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress

from sqlite_utils import Database

from archive_pipeline.archive.decisions import apply_new_decisions, decide
from archive_pipeline.archive.lock import lock_owner
from archive_pipeline.archive.rights_forms import TakedownRequest, TakedownStep
from archive_pipeline.errors import IndexingError, LockedError
from archive_pipeline.workspace import Workspace

__all__ = ["hide_at_once"]

BESIDE = ("run", "import")
"""Commands that write for hours, and beside which hiding is safe: decisions are appended one after the other whoever
writes them, and the index is written only when these commands end."""

LOOKS, PAUSE_SECONDS = 20, 0.25


def hide_at_once(
    workspace: Workspace, decisions: Callable[[Database], Sequence[TakedownRequest | TakedownStep]]
) -> str:
    """Take the decisions, which the function makes out of the state of the database, and take their releases out of the
    index; the case. Raises LockedError while something else than a run or an import writes."""
    try:
        with workspace.writing("takedown") as db:
            case = _decide(workspace, db, decisions)
            workspace.update_index(db)
            return case
    except LockedError:
        owner = lock_owner(workspace.data)
        if owner is None or not owner.command.startswith(BESIDE):
            raise
    with workspace.looking() as db:
        case = _decide(workspace, db, decisions)
        rows = db.query("SELECT release_id FROM takedown_release WHERE case_id = ?", [case])
        _take_out(workspace, [row["release_id"] for row in rows])
        return case


def _decide(
    workspace: Workspace, db: Database, decisions: Callable[[Database], Sequence[TakedownRequest | TakedownStep]]
) -> str:
    apply_new_decisions(db, workspace.decisions_file)
    made = decisions(db)
    decide(db, workspace.decisions_file, made)
    return made[-1].case


def _take_out(workspace: Workspace, release_ids: Sequence[str]) -> None:
    """Take releases out of the index, whose change number stays: the run goes on from it when it ends."""
    engine = workspace.plugins.index_engines[workspace.config.archive.engine]
    for look in range(LOOKS):
        with suppress(IndexingError, LockedError):
            index = engine.open(workspace.index_folder, writable=True)
            try:
                index.delete(release_ids)
                index.commit(index.seq())
            finally:
                index.close()
            return
        time.sleep(PAUSE_SECONDS if look else 0)
