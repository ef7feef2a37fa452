"""Several processes open a database that does not exist yet, or that an older version wrote."""

import subprocess
import sys
from pathlib import Path

import pytest
from sqlite_utils import Database

from archive_pipeline.archive.migrations import MIGRATIONS

OPEN = """
import pathlib, sys
from archive_pipeline.archive.database import open_database
print("ready", flush=True)
sys.stdin.readline()
db = open_database(pathlib.Path(sys.argv[1]), create=True)
print(db.execute("SELECT count(*) FROM release").fetchone()[0])
"""


@pytest.mark.parametrize("older", [False, True], ids=["new", "of an older version"])
def test_whoever_comes_first_prepares_the_database_and_the_others_wait(tmp_path: Path, older: bool) -> None:
    for attempt in range(5):
        path = tmp_path / f"{attempt}" / "archive.db"
        path.parent.mkdir()
        if older:
            MIGRATIONS.apply(Database(path), stop_before="0004_profiles")
        everybody = [
            subprocess.Popen(
                [sys.executable, "-c", OPEN, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
            for _ in range(4)
        ]
        for process in everybody:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in everybody:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        assert [process.communicate()[0] for process in everybody] == ["0\n"] * 4
        assert [process.returncode for process in everybody] == [0] * 4
        assert MIGRATIONS.pending(Database(path)) == []
