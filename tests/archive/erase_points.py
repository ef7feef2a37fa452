"""An erasure in a process that dies at a point: python erase_points.py FOLDER POINT COUNT.

The points: before every fsync, rename and unlink, and at every COMMIT, VACUUM and checkpoint. How many there were is
written to the file COUNT where the process lives to the end.
"""

import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from archive_pipeline.archive.rights_forms import Erasure
from archive_pipeline.archive.takedown import load_case
from archive_pipeline.decide.taking_down import erase, plan_erasure
from archive_pipeline.workspace import open_workspace, utc_now

CALLS = ("fsync", "rename", "replace", "unlink", "rmdir")
KILLED = 9


class Points:
    """Counts what is asked of the disk and every COMMIT; at one number `strike` is called."""

    def __init__(self, fatal: int, strike: Callable[[], None]) -> None:
        self.fatal = fatal
        self.count = 0
        self.strike = strike

    def __call__(self) -> None:
        self.count += 1
        if self.count == self.fatal:
            self.strike()

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self()
            return call(*arguments, **options)

        return counted


def erase_it(folder: Path) -> None:
    """Erase what the case 2026-1 is about."""
    workspace = open_workspace(folder)
    with workspace.writing("takedown") as db:
        plan = plan_erasure(workspace, db, load_case(db, "2026-1"))
        decision = Erasure(
            id="erasure",
            decided_by="A",
            decided_at=utc_now(),
            case="2026-1",
            release_ids=plan.release_ids,
            record_ids=tuple(one.record_id for one in plan.captures),
            payloads=plan.payloads,
            places=plan.places,
            spans=plan.spans,
        )
        erase(workspace, db, plan, decision)


if __name__ == "__main__":
    place, point, told = sys.argv[1:]
    points = Points(int(point), lambda: os._exit(KILLED))
    for name in CALLS:
        setattr(os, name, points.around(getattr(os, name)))
    connect = sqlite3.connect

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        wanted = ("COMMIT", "VACUUM", "PRAGMA wal_checkpoint")
        connection.set_trace_callback(lambda said: points() if said.startswith(wanted) else None)
        return connection

    sqlite3.connect = traced  # type: ignore[misc]
    erase_it(Path(place))
    Path(told).write_text(str(points.count), encoding="ascii")
