"""Takedown cases: opening them, hiding releases at once, also while a run writes, and showing them again."""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

from sqlite_utils import Database

from archive_pipeline.archive.decisions import apply_new_decisions, decide
from archive_pipeline.archive.lock import lock_owner
from archive_pipeline.archive.reading import find_release
from archive_pipeline.archive.rights_forms import TakedownRequest, TakedownStep
from archive_pipeline.archive.takedown import load_case, next_case
from archive_pipeline.archive.visibility import EVERYTHING
from archive_pipeline.decide.deciding import Deciding, new_id, storable
from archive_pipeline.decide.taking_down import finish_erasures
from archive_pipeline.errors import ArchiveError, IndexingError, LockedError
from archive_pipeline.workspace import Workspace

__all__ = ["Asked", "decide_case", "hide_at_once", "one_at_a_time", "open_case", "take_step"]

BESIDE = ("run", "import")
"""Commands that write for hours, and beside which hiding is safe: decisions are appended one after the other whoever
writes them, and the index is written only when these commands end."""

LOOKS, PAUSE_SECONDS = 20, 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody asks for: `names` of releases as a person writes them, the legal `ground` as it was stated, who
    asks, and why. What is empty was not said."""

    names: tuple[str, ...]
    ground: str | None = None
    requester: str | None = None
    reason: str | None = None

    def request(self, db: Database, deciding: Deciding) -> TakedownRequest:
        """The request, with the number of a new case. Raises UnknownReleaseError."""
        return TakedownRequest(
            id=new_id(),
            batch=deciding.batch,
            note=_said(self.reason),
            decided_by=deciding.decided_by,
            decided_at=deciding.decided_at,
            case=next_case(db, deciding.decided_at),
            release_ids=tuple(dict.fromkeys(find_release(db, name, EVERYTHING) for name in self.names)),
            ground=_said(self.ground),
            requester=_said(self.requester),
        )


def _said(text: str | None) -> str | None:
    return (storable(text) or None) if text else None


def take_step(deciding: Deciding, case: str, step: Literal["hide", "keep"], reason: str | None) -> TakedownStep:
    """A step of a case."""
    return TakedownStep(
        id=new_id(),
        batch=deciding.batch,
        note=_said(reason),
        decided_by=deciding.decided_by,
        decided_at=deciding.decided_at,
        case=case,
        step=step,
    )


def open_case(workspace: Workspace, asked: Asked, deciding: Deciding) -> str:
    """Open a case; its number. The releases stay to be seen. Raises UnknownReleaseError, LockedError."""
    with workspace.writing("takedown") as db, one_at_a_time(workspace):
        apply_new_decisions(db, workspace.decisions_file)
        request = asked.request(db, deciding)
        decide(db, workspace.decisions_file, [request])
        return request.case


def decide_case(
    workspace: Workspace,
    case: str,
    verdict: Literal["hide", "keep"],
    reason: str,
    deciding: Deciding,
    *,
    looked_at: int | None = None,
) -> None:
    """Decide a case: `keep` shows its releases again, `hide` withholds them, also while a run writes. `looked_at` is
    how many steps the case had when the person looked at it: what somebody withheld since is not shown again unseen.
    Raises ArchiveError where there is no such case, its texts were erased or it has gone on, LockedError."""

    def decisions(db: Database) -> list[TakedownRequest | TakedownStep]:
        known = load_case(db, case)
        if known.state == "erased":
            raise ArchiveError(f"Im Fall {case} ist schon gelöscht: das lässt sich nicht zurücknehmen")
        if verdict == "keep" and looked_at is not None and len(known.steps) != looked_at:
            raise ArchiveError(
                f"Über den Fall {case} hat inzwischen jemand entschieden",
                hint="den Verlauf ansehen und dann noch einmal entscheiden",
            )
        return [take_step(deciding, case, verdict, reason)]

    if verdict == "hide":
        hide_at_once(workspace, decisions)
        return
    with workspace.writing("takedown") as db:
        finish_erasures(workspace, db)
        decide(db, workspace.decisions_file, decisions(db))
        workspace.update_index(db)


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
    with one_at_a_time(workspace):
        apply_new_decisions(db, workspace.decisions_file)
        made = decisions(db)
        decide(db, workspace.decisions_file, made)
    return made[-1].case


@contextmanager
def one_at_a_time(workspace: Workspace) -> Iterator[None]:
    """Hold the data folder itself while a case gets its number and is written down: beside a run or an import there is
    no writer lock, and two requests at the same moment would become one case."""
    handle = os.open(workspace.data, os.O_RDONLY)
    try:
        with suppress(OSError):  # some network file systems lock no folders
            fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


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
