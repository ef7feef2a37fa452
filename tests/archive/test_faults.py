"""A full disk, a read-only one, one that fails: a clear message, nothing corrupt, and the next run goes on.

The disk fails at every write, sync, rename and link of an operation, one after another; and, where this is root on
Linux, a small file system really is full.
"""

import errno
import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.decide.freezing import freeze
from archive_pipeline.errors import ArchiveError, ArchivePipelineError
from archive_pipeline.exchange.export_job import ExportRequest
from archive_pipeline.exchange.exporting import export, verify_export
from archive_pipeline.pipeline import run
from archive_pipeline.upkeep.auditing import audit
from archive_pipeline.upkeep.backing_up import back_up
from archive_pipeline.upkeep.backup_files import newest_backup, verify_backup
from archive_pipeline.upkeep.rebuilding import rebuild
from archive_pipeline.upkeep.reprocessing import reprocess
from archive_pipeline.upkeep.restoring import restore
from archive_pipeline.warc import files
from archive_pipeline.workspace import open_workspace, utc_now

RULE = """
from dataclasses import replace
from archive_pipeline import hookimpl
archive_pipeline_api = 1

class Rule:
    def clean(self, article, page, source):
        return replace(article, subtitle="Unterzeile")

@hookimpl
def register_cleaners(registry):
    registry.add("eigene-regel", Rule(), order=560)
"""


def ingest(folder: Path) -> None:
    workspace = open_workspace(folder)
    run(workspace, workspace.config.sources)


def derive_again(folder: Path) -> None:
    reprocess(open_workspace(folder))


def copy(folder: Path) -> None:
    back_up(open_workspace(folder), folder.with_name("ziel"))


def build_again(folder: Path) -> None:
    rebuild(open_workspace(folder))


def leave(folder: Path) -> None:
    out = folder.with_name("aus")
    export(open_workspace(folder), ExportRequest(format="bagit", force=True), out)
    assert verify_export(out)[1] == ()


def decide_and_freeze(folder: Path) -> None:
    workspace = open_workspace(folder)
    name = f"stand-{time.monotonic_ns()}"
    freeze(workspace, name, "Beratungsstelle", note=None, decided_by="A", decided_at=utc_now(), id=name)


OPERATIONS: dict[str, Callable[[Path], None]] = {
    "ingest": ingest,
    "reprocess": derive_again,
    "backup": copy,
    "rebuild": build_again,
    "export": leave,
    "freeze": decide_and_freeze,
}
COUNTS = {"ingest": (9, 0), "reprocess": (8, 8)}
STRIDE = {"rebuild": 3, "export": 2}
"""Of operations with many steps, every third, or every second."""


class FailingDisk:
    """Counts what is asked of the disk; at one number, and from then on while it is `broken`, it fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
        self.count = 0
        self.fatal = number
        write = files._write

        def writing(file: Any, data: bytes) -> None:
            if self.fails():
                write(file, data[: len(data) // 2])
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            write(file, data)

        monkeypatch.setattr(files, "_write", writing)
        for name in ("fsync", "rename", "replace", "link"):
            monkeypatch.setattr(os, name, self.around(getattr(os, name)))

    def fails(self) -> bool:
        self.count += 1
        return self.count == self.fatal

    def around(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def failing(*arguments: Any, **options: Any) -> Any:
            if self.fails():
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            return call(*arguments, **options)

        return failing


@pytest.fixture
def prepared(folder: Path) -> Path:
    """An archive for which each operation has something to do."""
    (folder / "eingang" / "neu.txt").write_text(
        "Neues aus dem Kreistag\n\nKreis Heinsberg. Der Kreistag hat am Montag den Haushalt beraten. " * 3,
        encoding="utf-8",
    )
    (folder / "plugins").mkdir()
    (folder / "plugins" / "regel.py").write_text(RULE, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", sorted(OPERATIONS))
def test_the_disk_fails_once_at_every_step(
    prepared: Path, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = Path(shutil.copytree(prepared, tmp_path / "stand"))
    number = failed = 0
    while True:
        number += STRIDE.get(name, 1)
        folder = tmp_path / "versuch" / "archiv"
        shutil.copytree(state, folder)
        with monkeypatch.context() as patch:
            disk = FailingDisk(patch, number)
            with suppress(ArchivePipelineError, OSError):
                OPERATIONS[name](folder)
                failed -= 1
            failed += 1
        if name != "backup" or newest_backup(tmp_path / "versuch" / "ziel") is None:
            OPERATIONS[name](folder)
        assert audit(open_workspace(folder)).findings == (), f"{name}, step {number}"
        if name == "backup":
            found = newest_backup(tmp_path / "versuch" / "ziel")
            assert found is not None
            assert verify_backup(found)[1] == ()
        else:
            assert counts(folder) == COUNTS.get(name, (8, 0)), f"{name}, step {number}"
        shutil.rmtree(tmp_path / "versuch")
        if disk.count < number:
            break
    assert failed >= 5


def release_of(folder: Path) -> str:
    with closing(sqlite3.connect(folder / "archive" / "archive.db")) as db:
        return str(db.execute("SELECT id FROM release ORDER BY rowid LIMIT 1").fetchone()[0])


def counts(folder: Path) -> tuple[int, int]:
    """Releases, and how many of them are in their second derivation."""
    return counts_of(folder / "archive")


def counts_of(data: Path) -> tuple[int, int]:
    with closing(sqlite3.connect(data / "archive.db")) as db:
        row = db.execute("SELECT count(*), total(derivation = 2) FROM release").fetchone()
    return row[0], int(row[1])


def test_a_restore_that_fails_leaves_everything(
    prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = back_up(open_workspace(prepared), tmp_path / "ziel").folder
    ingest(prepared)
    number = failed = 0
    while True:
        number += 1
        folder = Path(shutil.copytree(prepared, tmp_path / "versuch" / "archiv"))
        with monkeypatch.context() as patch:
            disk = FailingDisk(patch, number)
            restored = False
            with suppress(ArchiveError):
                restore(made, folder, folder / "archive")
                restored = True
        failed += not restored
        old = [path for path in folder.iterdir() if path.name.startswith("archive.alt-")]
        states = [counts_of(path) for path in (folder / "archive", *old)]
        assert not restored or states[0] == (8, 0)
        assert (9, 0) in states, f"step {number}: the data that were there are gone"
        assert audit(open_workspace(folder)).findings == ()
        shutil.rmtree(tmp_path / "versuch")
        if disk.count < number:
            break
    assert failed >= 5


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 2 MB."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a small file system can be mounted by root on Linux only")
    place = tmp_path / "klein"
    place.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", place], check=False).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def test_a_disk_that_is_full(apl: Any, prepared: Path, small_disk: Path) -> None:
    folder = Path(shutil.copytree(prepared, small_disk / "archiv"))
    for number in range(12):
        noise = "\n\n".join(f"Absatz {os.urandom(60).hex()} über den Kreistag." for _ in range(300))
        (folder / "eingang" / f"lang-{number}.txt").write_text(f"Lang {number}\n\n{noise}", encoding="utf-8")
        if shutil.disk_usage(small_disk).free < 300_000:
            break
    done = apl("-C", folder, "run", code=1)
    assert "Fehler:" in done.stderr
    assert "Abhilfe:" in done.stderr
    assert "Traceback" not in done.stderr
    backup = apl("-C", prepared, "backup", small_disk / "ziel", code=None)
    assert backup.returncode in (0, 1)
    assert not list((small_disk / "ziel").glob("*.unfertig"))
    shutil.rmtree(small_disk / "ziel", ignore_errors=True)
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    summary = apl.json("-C", folder, "run", "--json")
    assert summary["failed"] == 0
    assert apl.json("-C", folder, "audit", "--json")["findings"] == []
    assert counts(folder)[0] >= 9


def test_a_disk_that_is_read_only(apl: Any, prepared: Path, small_disk: Path, tmp_path: Path) -> None:
    release, made = release_of(prepared), back_up(open_workspace(prepared), tmp_path / "ziel").folder
    folder = Path(shutil.copytree(prepared, small_disk / "archiv"))
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    apl("-C", prepared, "export", "bagit", "--out", tmp_path / "aus")
    for command in (
        *(("run",), ("reprocess",), ("rebuild",), ("audit",), ("index", "rebuild"), ("backup", small_disk / "ziel")),
        *(("tag", release, "+topic:housing"), ("note", release, "--text", "Anders"), ("access", release, "closed")),
        *(("takedown", "hide", release), ("set", "create", "alle", "--query", "Kreis")),
        *(("export", "jsonl", "--out", folder / "x.jsonl"), ("export", "bagit", "--out", folder / "x")),
        *(("restore", made), ("import", tmp_path / "aus")),
    ):
        done = apl("-C", folder, *command, code=1)
        assert "Fehler:" in done.stderr
        assert "Abhilfe:" in done.stderr
        assert "Traceback" not in done.stderr
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert apl.json("-C", folder, "run", "--json")["new"] == 1
    assert apl.json("-C", folder, "audit", "--json")["findings"] == []
