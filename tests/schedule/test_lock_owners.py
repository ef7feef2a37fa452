"""One writer: real processes hold the lock, die with it, are stopped with it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.archive.lock import lock_owner, writer_lock
from archive_pipeline.errors import LockedError

HOLDER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from archive_pipeline.archive.lock import writer_lock
with writer_lock(Path(sys.argv[1]), "run --due", datetime(2026, 11, 22, 2, 0, tzinfo=UTC)):
    print("held", flush=True)
    sys.stdin.read()
"""

NOW = datetime(2026, 11, 22, 2, 15, tzinfo=UTC)


@contextmanager
def holder(folder: Path) -> Iterator["subprocess.Popen[str]"]:
    """A process that holds the lock of a folder until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)


def refused(folder: Path) -> LockedError:
    with pytest.raises(LockedError) as told, writer_lock(folder, "run", NOW):
        pass
    return told.value


def test_a_living_owner_is_named_with_command_and_time(tmp_path: Path) -> None:
    with holder(tmp_path) as owner:
        error = refused(tmp_path)
        assert error.exit_code == 11
        assert error.message == f"Das Archiv ist gesperrt von PID {owner.pid} (run --due, seit 22.11.2026 03:00)"
        assert f"kill {owner.pid}" in error.hint
        found = lock_owner(tmp_path)
        assert found is not None
        assert (found.pid, found.command, found.is_stopped) == (owner.pid, "run --due", False)
    with writer_lock(tmp_path, "run", NOW):
        pass


def test_the_lock_of_a_killed_owner_is_free(tmp_path: Path) -> None:
    with holder(tmp_path) as owner:
        owner.kill()
        owner.wait()
        assert str(owner.pid) in (tmp_path / ".lock").read_text()
        assert lock_owner(tmp_path) is None
        with writer_lock(tmp_path, "run", NOW):
            found = lock_owner(tmp_path)
            assert found is not None
            assert found.pid == os.getpid()
    assert (tmp_path / ".lock").read_text() == ""


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="without /proc a stopped process can't be told")
def test_a_stopped_owner_keeps_the_lock_and_is_told_as_stopped(tmp_path: Path) -> None:
    with holder(tmp_path) as owner:
        owner.send_signal(signal.SIGSTOP)
        os.waitpid(owner.pid, os.WUNTRACED)
        assert f"kill -CONT {owner.pid}" in refused(tmp_path).hint
        owner.kill()
        owner.wait()
        with writer_lock(tmp_path, "run", NOW):
            pass


@pytest.mark.parametrize(
    "note",
    [b"", b"\xff\xfe\x00", b"{}", b"[1, 2]", b'{"pid": "x"}', b'{"pid": 1, "host": "h", "command": "c", "since": "x"}'],
)
def test_garbage_in_the_file_neither_frees_nor_holds_the_lock(tmp_path: Path, note: bytes) -> None:
    (tmp_path / ".lock").write_bytes(note)
    assert lock_owner(tmp_path) is None
    with writer_lock(tmp_path, "run", NOW):
        (tmp_path / ".lock").write_bytes(note)
        assert "von einem anderen Prozess" in refused(tmp_path).message


def test_an_owner_on_another_machine_is_told_with_its_name(tmp_path: Path) -> None:
    note = '{"pid": 4711, "host": "archivserver", "command": "run", "since": "2026-11-22T02:00:00+00:00"}'
    with writer_lock(tmp_path, "run", NOW):
        (tmp_path / ".lock").write_text(note)
        error = refused(tmp_path)
    assert "PID 4711 auf archivserver (run, seit 22.11.2026 03:00)" in error.message
    assert "auf archivserver: kill 4711" in error.hint


def test_a_due_run_that_finds_the_lock_says_what_a_mail_should_say(archive: Any, apl: Any) -> None:
    archive.sources(eins='schedule = "6h"', zwei="")
    with holder(archive.folder / "archive") as owner:
        done = apl("-q", "-C", archive.folder, "run", "--due", code=11)
        assert f"PID {owner.pid} (run --due, seit 22.11.2026 03:00); fällig und nicht besucht: 1" in done.stderr
        assert "der nächste Termin holt es nach" in done.stderr
        assert done.stdout == ""
        assert apl.json("-C", archive.folder, "schedule", "next", "--json")["due"]
    assert apl("-q", "-C", archive.folder, "run", "--due").returncode == 0
