"""docs/schema.md: complete, current, its questions answered by plain sqlite3 on a file that nobody may write."""

import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from archive_pipeline.archive.migrations import MIGRATIONS
from archive_pipeline.archive.schema import describe_schema

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "schema.md").read_text(encoding="utf-8")
QUESTIONS = re.findall(r"([^\n]+):\n\n```sql\n(.*?)```", PAGE, re.DOTALL)


def test_the_page_is_what_the_script_writes() -> None:
    names: dict[str, Any] = {"__name__": "document_schema", "__file__": str(ROOT / "scripts" / "document_schema.py")}
    exec((ROOT / "scripts" / "document_schema.py").read_text(encoding="utf-8"), names)
    assert names["page"]() == PAGE, "python scripts/document_schema.py"


def test_every_table_and_column_is_described() -> None:
    db = Database(sqlite3.connect(":memory:"))
    MIGRATIONS.apply(db)
    described = describe_schema(db)
    assert all(column.meaning for table in described for column in table.columns)
    db.execute("CREATE TABLE neu (a TEXT)")
    with pytest.raises(KeyError, match="neu"):
        describe_schema(db)
    db.execute("DROP TABLE neu")
    db.execute("ALTER TABLE release ADD COLUMN neu TEXT")
    with pytest.raises(KeyError, match="neu"):
        describe_schema(db)
    db.close()


@pytest.mark.parametrize(("question", "query"), QUESTIONS, ids=[question[:30] for question, _ in QUESTIONS])
def test_questions_are_answered(full_archive: Path, question: str, query: str) -> None:
    with sqlite3.connect(f"file:{full_archive / 'archive' / 'archive.db'}?mode=ro", uri=True) as db:
        rows = db.execute(query).fetchall()
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            db.execute("DELETE FROM release")
    if "changed" not in question:
        assert rows, question


def test_the_views_agree_with_what_is_shown(full_archive: Path) -> None:
    with sqlite3.connect(f"file:{full_archive / 'archive' / 'archive.db'}?mode=ro", uri=True) as db:
        texts = dict(db.execute("SELECT id, text FROM v_release").fetchall())
        quotes = db.execute('SELECT release_id, text, start, "end" FROM v_quote').fetchall()
        assert len(texts) == len(quotes) == 6
        assert all(texts[release_id][start:end] == text for release_id, text, start, end in quotes)
        events = db.execute("SELECT count(*) FROM v_event WHERE type = 'capture' AND release_id IS NOT NULL").fetchone()
        assert events == (7,)
        assert db.execute("SELECT count(*) FROM v_location").fetchone() == (6,)
