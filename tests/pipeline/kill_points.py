"""One operation on an archive in a process that dies at a point: python kill_points.py FOLDER OPERATION POINT COUNT.

The points: before and after every fsync, rename, truncation and link, in the middle of every write to a WARC file, and
at every COMMIT. How many there were is written to the file COUNT where the process lives to the end.
"""

import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from archive_pipeline.pipeline import run
from archive_pipeline.upkeep.auditing import audit
from archive_pipeline.upkeep.backing_up import back_up
from archive_pipeline.upkeep.rebuilding import rebuild
from archive_pipeline.upkeep.reprocessing import reprocess
from archive_pipeline.warc import files
from archive_pipeline.workspace import open_workspace

CALLS = ("fsync", "ftruncate", "truncate", "rename", "replace", "link", "unlink")
KILLED = 9


class Points:
    """Counts the points of a process, and ends it at one of them."""

    def __init__(self, fatal: int) -> None:
        self.fatal = fatal
        self.count = 0

    def __call__(self, *_: object) -> None:
        self.count += 1
        if self.count == self.fatal:
            os._exit(KILLED)

    def install(self) -> None:
        for name in CALLS:
            setattr(os, name, self.around(getattr(os, name)))
        connect, write = sqlite3.connect, files._write

        def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
            connection = connect(*arguments, **options)
            connection.set_trace_callback(lambda said: self() if said.startswith("COMMIT") else None)
            return connection

        def halved(file: Any, data: bytes) -> None:
            write(file, data[: len(data) // 2])
            self()
            write(file, data[len(data) // 2 :])

        sqlite3.connect = traced  # type: ignore[misc]
        files._write = halved

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **options: Any) -> Any:
            self()
            result = call(*arguments, **options)
            self()
            return result

        return counted


def ingest(folder: Path) -> None:
    workspace = open_workspace(folder)
    assert run(workspace, workspace.config.sources).exit_code == 0


def derive_again(folder: Path) -> None:
    reprocess(open_workspace(folder))


def look(folder: Path) -> None:
    assert audit(open_workspace(folder)).findings == ()


def copy(folder: Path) -> None:
    back_up(open_workspace(folder), folder / "sicherung")


def build_again(folder: Path) -> None:
    rebuild(open_workspace(folder))


OPERATIONS: dict[str, Callable[[Path], None]] = {
    "ingest": ingest,
    "reprocess": derive_again,
    "audit": look,
    "backup": copy,
    "rebuild": build_again,
}

if __name__ == "__main__":
    place, operation, point, told = sys.argv[1:]
    points = Points(int(point))
    points.install()
    OPERATIONS[operation](Path(place))
    points.fatal = 0
    Path(told).write_text(str(points.count), encoding="ascii")
