"""What people decided holds behind a backup and a restore, too, and what a restore takes back is told; accounts come
along whole, and for their owner alone."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from threading import Timer
from typing import Any

import pytest

from archive_pipeline.archive.decisions import append_decisions
from archive_pipeline.archive.rights_forms import TakedownRequest, TakedownStep
from archive_pipeline.errors import LockedError
from archive_pipeline.upkeep.auditing import audit
from archive_pipeline.upkeep.backing_up import back_up
from archive_pipeline.upkeep.backup_files import verify_backup
from archive_pipeline.upkeep.restoring import restore
from archive_pipeline.workspace import open_workspace, utc_now


def release_of(folder: Path, number: int = 1) -> str:
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        return str(db.execute("SELECT id FROM release WHERE path = ?", [f"{number}.txt"]).fetchone()[0])


def test_accounts_are_copied_in_one_state_and_stay_private(folder: Path, tmp_path: Path) -> None:
    users = folder / "archive" / "users.db"
    os.close(os.open(users, os.O_CREAT | os.O_RDWR, 0o600))
    with closing(sqlite3.connect(users, check_same_thread=False)) as db:
        db.execute("CREATE TABLE user (name TEXT)")
        db.execute("PRAGMA cache_size = 1")
        db.executemany("INSERT INTO user VALUES (?)", [(f"alt-{number}" * 100,) for number in range(500)])
        db.commit()
        db.execute("UPDATE user SET name = 'neu'")  # much of it is in the file already, and not committed
        later = Timer(1, db.rollback)
        later.start()
        made = back_up(open_workspace(folder), tmp_path / "ziel").folder
        later.join()
    assert verify_backup(made)[1] == ()
    assert not list(made.rglob("users.db-*"))
    target = tmp_path / "anderswo"
    target.mkdir()
    restored = restore(made, target, None).data
    with sqlite3.connect(restored / "users.db") as db:
        names = {row[0][:4] for row in db.execute("SELECT name FROM user")}
    assert names == {"alt-"}
    assert (restored / "users.db").stat().st_mode & 0o077 == 0
    assert (made / "archive" / "users.db").stat().st_mode & 0o077 == 0


@contextmanager
def held(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    yield
    os.close(handle)


def test_a_backup_does_not_clear_away_one_that_goes_on(folder: Path, tmp_path: Path) -> None:
    going_on = tmp_path / "ziel" / "20260101T000000Z.unfertig"
    going_on.mkdir(parents=True)
    with held(tmp_path / "ziel"), pytest.raises(LockedError):
        back_up(open_workspace(folder), tmp_path / "ziel")
    assert going_on.is_dir()
    back_up(open_workspace(folder), tmp_path / "ziel")
    assert not going_on.exists()


def test_what_a_killed_rebuild_left_is_no_part_of_it(folder: Path, tmp_path: Path) -> None:
    for name in ("archive.db.new", "archive.db.new-wal", "archive.db.new-shm"):
        (folder / "archive" / name).write_bytes(b"x")
    made = back_up(open_workspace(folder), tmp_path / "ziel").folder
    assert sorted(path.name for path in (made / "archive").glob("archive.db*")) == ["archive.db"]


def test_what_was_decided_while_the_backup_was_made_holds(apl: Any, folder: Path, tmp_path: Path) -> None:
    release, now = release_of(folder), utc_now()
    append_decisions(
        folder / "archive" / "decisions.jsonl",
        [
            TakedownRequest(id="a", decided_by="A", decided_at=now, case="2026-1", release_ids=(release,)),
            TakedownStep(id="b", decided_by="A", decided_at=now, case="2026-1", step="hide"),
        ],
    )  # in the file, and not in the database that was copied before
    apl("-C", folder, "backup", tmp_path / "ziel")
    target = tmp_path / "anderswo"
    apl("-C", folder, "restore", tmp_path / "ziel", "--to", target)
    assert apl.json("-C", target, "search", "Beratungsstelle", "--json")["total"] == 7
    assert "gesperrt" in apl("-C", target, "show", release, code=1).stderr
    assert audit(open_workspace(target)).findings == ()


def test_decisions_that_a_restore_takes_back_are_told(apl: Any, folder: Path, tmp_path: Path) -> None:
    apl("-C", folder, "takedown", "hide", release_of(folder, 1))
    apl("-C", folder, "backup", tmp_path / "ziel")
    said = apl("-C", folder, "restore", tmp_path / "ziel")
    assert "Entscheidung" not in said.stderr
    apl("-C", folder, "takedown", "hide", release_of(folder, 2))
    apl("-C", folder, "takedown", "decide", "2026-2", "erase", "--reason", "begründet", "--yes")
    apl("-C", folder, "tag", release_of(folder, 3), "+topic:housing")
    said = apl("-C", folder, "restore", tmp_path / "ziel")
    assert "4 Entscheidungen" in said.stderr
    assert "2026-2" in said.stderr
    assert "2026-1" not in said.stderr
    apl("-C", folder, "backup", tmp_path / "danach")
    summary = apl.json("-C", folder, "restore", tmp_path / "danach", "--json")
    assert (summary["missing_decisions"], summary["missing_cases"]) == (0, [])


def test_a_restored_archive_writes_ahead_and_knows_its_backup(apl: Any, folder: Path, tmp_path: Path) -> None:
    made = back_up(open_workspace(folder), tmp_path / "ziel").folder
    target = tmp_path / "anderswo"
    data = restore(made, target, None).data
    assert sorted(path.name for path in data.glob("archive.db*")) == ["archive.db"]
    with closing(sqlite3.connect(data / "archive.db")) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    apl("-C", target, "takedown", "hide", release_of(target))
    done = apl("-C", target, "takedown", "decide", "2026-1", "erase", "--reason", "begründet", "--yes")
    assert made.name in done.stderr


def test_one_that_was_restored_before_writes_ahead_again(folder: Path) -> None:
    database = folder / "archive" / "archive.db"
    with closing(sqlite3.connect(database)) as db:
        assert db.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    workspace = open_workspace(folder)
    with workspace.looking() as reading:
        reading.execute("BEGIN")
        reading.execute("SELECT * FROM release").fetchone()
        with workspace.writing("test"):
            pass  # beside a reader it stays as it is, and nobody is stopped
    with workspace.writing("test") as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
