"""kill -9 between any write and the fsync that makes it last: the next run ends as if nothing had happened.

The points are counted in a process of its own: before and after every fsync, rename, truncation and link, in the middle
of every write to a WARC file, and at every COMMIT.
"""

import os
import random
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.pipeline import run
from archive_pipeline.upkeep.auditing import audit
from archive_pipeline.upkeep.backing_up import back_up
from archive_pipeline.upkeep.backup_files import newest_backup, verify_backup
from archive_pipeline.upkeep.rebuilding import rebuild
from archive_pipeline.upkeep.reprocessing import reprocess
from archive_pipeline.warc import files
from archive_pipeline.workspace import open_workspace

TEXT = (
    "Neue Beratungsstelle {number} eröffnet\n\nKreis Heinsberg. Die neue Beratungsstelle {number} für Zugewanderte hat "
    "am {number}. März 2026 in Heinsberg eröffnet. Sie hilft bei Anträgen, Sprachkursen und der Suche nach Arbeit, "
    "teilte die Kreisverwaltung mit.\n\nGeöffnet ist sie von neun bis zwölf Uhr. Eine Anmeldung ist nicht nötig."
)
RULE = """
from dataclasses import replace
from archive_pipeline import hookimpl
archive_pipeline_api = 1

class Rule:
    def clean(self, article, page, source):
        return replace(article, text=article.text.replace("Sprachkursen", "Deutschkursen"))

@hookimpl
def register_cleaners(registry):
    registry.add("eigene-regel", Rule(), order=560)
"""
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


def in_child(operation: Callable[[Path], None], folder: Path, fatal: int) -> tuple[int, int]:
    """Run an operation in a process that dies at a point; its exit code and how many points it passed."""
    count = folder.with_name("points")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            points = Points(fatal)
            points.install()
            operation(folder)
            points.fatal = 0
            count.write_text(str(points.count))
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return status, int(count.read_text()) if status == 0 else 0


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """An archive before each operation."""
    base = tmp_path_factory.mktemp("states")
    empty = base / "ingest"
    (empty / "eingang").mkdir(parents=True)
    for number in range(1, 7):
        (empty / "eingang" / f"{number}.txt").write_text(TEXT.format(number=number), encoding="utf-8")
    (empty / "sources.toml").write_text(
        '[archive]\ntitle = "Probe"\n[[source]]\nid = "eingang"\ntitle = "Eingang"\nfetcher = "folder"\n'
        'path = "eingang"\n',
        encoding="utf-8",
    )
    full = base / "full"
    shutil.copytree(empty, full)
    ingest(full)
    changed = base / "reprocess"
    shutil.copytree(full, changed)
    (changed / "plugins").mkdir()
    (changed / "plugins" / "regel.py").write_text(RULE, encoding="utf-8")
    twice = base / "twice"
    shutil.copytree(changed, twice)
    derive_again(twice)
    return {"ingest": empty, "reprocess": changed, "audit": full, "backup": full, "rebuild": twice}


Same = Callable[..., dict[str, list[tuple[object, ...]]]]


def kill_and_go_on(state: Path, name: str, kills: int, seed: int, tmp_path: Path, same: Same) -> None:
    operation = OPERATIONS[name]
    undisturbed = tmp_path / "undisturbed" / "archiv"
    shutil.copytree(state, undisturbed)
    status, points = in_child(operation, undisturbed, 0)
    assert status == 0
    expected = same(undisturbed, times=False)
    choose = random.Random(seed)
    for number in range(kills):
        folder = tmp_path / str(number) / "archiv"
        shutil.copytree(state, folder)
        fatal = choose.randint(1, points)
        status, _ = in_child(operation, folder, fatal)
        assert status == KILLED, f"{name} at point {fatal} of {points}"
        check_after(folder, name, expected, same, f"{name} killed at point {fatal} of {points}")
        shutil.rmtree(folder.parent)


def check_after(folder: Path, name: str, expected: Any, same: Same, where: str) -> None:
    destination = folder / "sicherung"
    if name == "backup" and destination.exists() and (found := newest_backup(destination)) is not None:
        assert verify_backup(found)[1] == (), where
    OPERATIONS[name](folder)
    assert same(folder, times=False) == expected, where
    look(folder)
    if name == "backup":
        found = newest_backup(destination)
        assert found is not None
        assert verify_backup(found)[1] == (), where
        assert not list(destination.glob("*.unfertig")), where
    if name in ("ingest", "reprocess"):
        build_again(folder)
        assert same(folder, times=False) == expected, f"{where}, then rebuilt"
        look(folder)


@pytest.mark.parametrize(
    ("name", "kills"), [("ingest", 6), ("reprocess", 5), ("audit", 2), ("backup", 4), ("rebuild", 3)]
)
def test_killed_at_twenty_points(states: dict[str, Path], name: str, kills: int, tmp_path: Path, same: Same) -> None:
    kill_and_go_on(states[name], name, kills, 20261122, tmp_path, same)


@pytest.mark.proof
@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_killed_at_two_hundred_points(states: dict[str, Path], name: str, tmp_path: Path, same: Same) -> None:
    kill_and_go_on(states[name], name, 40, 7, tmp_path, same)
