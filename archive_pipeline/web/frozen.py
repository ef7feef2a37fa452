"""Frozen sets as somebody sees them: whoever may not read all of a set does not see that there is one.

A set counts its releases, and its hash covers them all: shown in part it would tell of releases that are not for this
reader. What a case withholds does not hide a set: the address of such a release says so to everybody.
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from sqlite_utils import Database

from archive_pipeline.archive.result_sets import SetRow, find_set, list_sets, member_ids
from archive_pipeline.archive.visibility import ARCHIVIST, EVERYTHING, Visibility, visible_ids
from archive_pipeline.errors import ArchiveError
from archive_pipeline.workspace import Workspace

__all__ = ["seen_set", "seen_sets"]

REMEMBERED = 32
"""Sets whose members are remembered between two looks."""


def seen_sets(workspace: Workspace, db: Database, visibility: Visibility) -> list[SetRow]:
    """The sets that somebody sees, the newest first."""
    return [row for row in list_sets(db) if _is_seen(workspace, db, row, visibility)]


def seen_set(workspace: Workspace, db: Database, name: str, visibility: Visibility) -> SetRow | None:
    """The set of this name, None where there is none to be seen."""
    try:
        row = find_set(db, name)
    except ArchiveError:
        return None
    return row if _is_seen(workspace, db, row, visibility) else None


def _is_seen(workspace: Workspace, db: Database, row: SetRow, visibility: Visibility) -> bool:
    if visibility in (ARCHIVIST, EVERYTHING):
        return True
    try:
        ids = _members(workspace.data, row.name, row.sha256)
    except ArchiveError:  # the file is damaged or gone: archivists are told
        return False
    readable = replace(visibility, withheld=True)
    return visible_ids(db, ids, EVERYTHING) == visible_ids(db, ids, readable)


@lru_cache(maxsize=REMEMBERED)
def _members(data: Path, name: str, sha256: str) -> tuple[str, ...]:
    """A set never changes, so its hash says whether the members are still those."""
    return member_ids(data, name)
