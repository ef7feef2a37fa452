"""Re-use follows the archive's outbox as the index does: what changed since is compared with everything before."""

from collections.abc import Callable

from sqlite_utils import Database

from archive_pipeline.archive.reading import last_seq
from archive_pipeline.archive.reuse import follow_changes, reuse_seq
from archive_pipeline.errors import LockedError
from archive_pipeline.workspace import Workspace

__all__ = ["refresh_reuse", "update_reuse"]


def update_reuse(db: Database, progress: Callable[[int], None] = lambda releases: None) -> int:
    """Compare everything that changed since the last time; returns how many releases. Call with the writer lock held.

    Each batch is a transaction of its own, so what is killed goes on from the last one.
    """
    done = 0
    while changed := follow_changes(db):
        done += changed
        progress(done)
    return done


def refresh_reuse(workspace: Workspace, progress: Callable[[int], None] = lambda releases: None) -> str | None:
    """Before re-use is shown: catch up when it is behind and nobody is writing; `progress` hears how many releases were
    compared, for an archive that never did this before takes minutes. Returns a note for the person who asks when it
    could not."""
    with workspace.reading() as db:
        lag = last_seq(db) > reuse_seq(db)
    note = "Ein Lauf schreibt gerade: die neuesten Mitteilungen sind noch nicht verglichen."
    if not lag:
        return None
    if workspace.is_being_written():
        return note
    try:
        with workspace.writing("Textvergleich") as db:
            update_reuse(db, progress)
    except LockedError:
        return note
    return None
