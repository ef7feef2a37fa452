"""What the tests of whole runs compare."""

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

STATEMENTS = {
    "release": "SELECT id, source_id, url, path, version_id, derivation, title, published FROM release",
    "first capture": "SELECT id, first_captured_at FROM release",
    "version": "SELECT release_id, id, number, sha256 FROM version",
    "derivation": "SELECT release_id, version_id, number, title, published, language, text, article FROM derivation",
    "tag": "SELECT release_id, axis, value, label, role, score, by, evidence, municipalities FROM tag",
    "person": 'SELECT release_id, name, role, party, start, "end" FROM person',
    "quote": 'SELECT release_id, text, speaker, start, "end" FROM quote',
    "effective tags": "SELECT release_id, axis, value, label, role FROM v_tag",
    "location": "SELECT release_id, source_id, key, url FROM location",
}

Contents = dict[str, list[tuple[object, ...]]]


@pytest.fixture(scope="session")
def same() -> Callable[[Path], Contents]:
    """Everything derived that must not depend on how a run went, as rows in order."""

    def contents(folder: Path, *, times: bool = True) -> Contents:
        with sqlite3.connect(folder / "archive" / "archive.db") as db:
            return {
                name: sorted(db.execute(statement).fetchall(), key=repr)
                for name, statement in STATEMENTS.items()
                if times or name != "first capture"
            }

    return contents
