"""Every column that has a second copy: one changed value is found, and the object is named."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.archive.decided_tables import DECIDED
from archive_pipeline.upkeep.auditing import audit
from archive_pipeline.workspace import open_workspace

DERIVED = ("release", "location", "version", "derivation", "tag", "person", "quote", "capture")
LEFT_OUT = {("tag", "id"), ("person", "id"), ("quote", "id")}
"""Numbers of rows, which nothing names."""


@pytest.fixture(scope="module")
def decided(apl: Any, whole_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive in which people decided about everything one can decide about."""
    folder = tmp_path_factory.mktemp("decided") / "archiv"
    apl("-C", whole_archive, "backup", folder.parent / "ziel")
    apl("-C", folder.parent, "restore", folder.parent / "ziel", "--to", folder)
    with closing(sqlite3.connect(folder / "archive" / "archive.db")) as db:
        ids = [row[0] for row in db.execute("SELECT id FROM release ORDER BY rowid")]
    by = ("--by", "Archivarin")
    apl("-C", folder, "tag", ids[1], "+topic:housing", "--note", "geprüft", *by)
    apl("-C", folder, "tag", ids[2], "-party:spd", *by)
    apl("-C", folder, "tag", "undo", "last", *by)
    apl("-C", folder, "set", "create", "alle", "--query", "Beratungsstelle", *by)
    apl("-C", folder, "access", ids[3], "closed", *by)
    apl("-C", folder, "takedown", "hide", ids[5], "--ground", "Probe", *by)
    apl("-C", folder, "search", "Haus", "--save", "haus", *by)
    apl("-C", folder, "sample", "--n", "2", "--seed", "1", "--out", folder.parent / "bogen.csv", *by)
    apl("-C", folder, "suppress", "Petra Probe", *by)
    return folder


def changed(value: object) -> object:
    if isinstance(value, str):
        return f"{value}x"
    return value + 1 if isinstance(value, int | float) else "x"


def changes(db: sqlite3.Connection, tables: tuple[str, ...]) -> Iterator[str]:
    """Changes one value of each column in turn and puts it back; the name of the column meanwhile."""
    for table in tables:
        for column in [row[1] for row in db.execute(f"SELECT * FROM pragma_table_info('{table}')")]:
            place = db.execute(f'SELECT rowid, "{column}" FROM "{table}" ORDER BY "{column}" IS NULL, rowid').fetchone()
            if place is None or (table, column) in LEFT_OUT:
                continue
            statement = f'UPDATE "{table}" SET "{column}" = ? WHERE rowid = ?'
            try:
                with db:
                    db.execute(statement, [changed(place[1]), place[0]])
            except sqlite3.IntegrityError:
                continue  # a value that the table refuses
            yield f"{table}.{column}"
            with db:
                db.execute(statement, [place[1], place[0]])


def unnoticed(folder: Path, tables: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The columns that were changed, and those whose change no audit found."""
    workspace = open_workspace(folder)
    seen, silent = [], []
    with closing(sqlite3.connect(folder / "archive" / "archive.db")) as db:
        for name in changes(db, tables):
            seen.append(name)
            if not audit(workspace).findings:
                silent.append(name)
    assert audit(workspace).findings == ()
    return seen, silent


def test_derived_rows(decided: Path) -> None:
    seen, silent = unnoticed(decided, DERIVED)
    assert silent == []
    assert len(seen) > 60


def test_rows_of_decisions(decided: Path) -> None:
    seen, silent = unnoticed(decided, tuple(DECIDED))
    assert set(silent) <= {"decision.number", "saved_search.seen_seq", "saved_search.seen_at"}
    assert {name.partition(".")[0] for name in seen} >= {"decision", "tag_decision", "takedown", "access_decision"}


def test_a_row_of_a_decision_is_named(decided: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(decided / "archive" / "archive.db")) as db, db:
        (row,) = db.execute("SELECT id FROM tag_decision WHERE note = 'geprüft'").fetchone()
        db.execute("UPDATE tag_decision SET value = 'health' WHERE id = ?", [row])
    (finding,) = audit(open_workspace(decided)).findings
    assert finding.subject == "archive.db"
    assert f"tag_decision, Zeile {row}" in finding.message
    with closing(sqlite3.connect(decided / "archive" / "archive.db")) as db, db:
        db.execute("UPDATE tag_decision SET value = 'housing' WHERE id = ?", [row])


def test_a_changed_file_of_the_index_is_named(decided: Path) -> None:
    index = decided / "archive" / "index"
    segments = [path for path in sorted(index.glob("*/*")) if path.suffix in (".seg", ".store", ".term")]
    assert segments
    for path in segments:
        whole = path.read_bytes()
        path.write_bytes(bytes([*whole[: len(whole) // 2], whole[len(whole) // 2] ^ 1, *whole[len(whole) // 2 + 1 :]]))
        (finding,) = audit(open_workspace(decided)).findings
        assert finding.subject == path.relative_to(decided / "archive").as_posix()
        assert audit(open_workspace(decided), subset=2).findings == (), "only a complete audit reads the index"
        path.write_bytes(whole)
