"""decisions.jsonl: every form is kept, none is passed over, and reading it does not grow with its length."""

import json
import sqlite3
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from archive_pipeline.archive.database import open_database
from archive_pipeline.archive.decision_forms import HoldDecision, TagDecision, Undo
from archive_pipeline.archive.decisions import append_decisions, apply_new_decisions, decide, read_decisions
from archive_pipeline.errors import ArchiveError, MigrationNeededError
from archive_pipeline.model import Axis, Role

DAY = datetime(2026, 3, 1, tzinfo=UTC)

OLD = (
    '{"id":"alt","release_id":"r","axis":"topic","value":"energy","label":"Energie","role":"primary","action":"add",'
    '"note":null,"decided_by":"root","decided_at":"2026-01-01T00:00:00Z","schema":"apl/tag-decision/1"}\n'
)


def made(number: int, value: str = "housing", **fields: Any) -> TagDecision:
    return TagDecision(
        id=f"d{number}",
        batch=fields.pop("batch", f"b{number}"),
        decided_by="Archivarin",
        decided_at=DAY + timedelta(seconds=number),
        release_id=fields.pop("release_id", f"r{number}"),
        axis=Axis.TOPIC,
        value=value,
        label=value,
        role=Role.PRIMARY,
        action="add",
        **fields,
    )


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_database(tmp_path / "archive.db", create=True)


def values(db: Database) -> list[str]:
    return sorted(row["value"] for row in db.query("SELECT value FROM v_decision"))


def test_lines_of_the_first_version_are_read(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_text(OLD, encoding="utf-8")
    assert apply_new_decisions(db, path) == 1
    assert values(db) == ["energy"]
    decide(db, path, [Undo(id="u", batch="x", decided_by="a", decided_at=DAY, undoes="alt")])
    assert values(db) == []


def test_a_form_of_a_newer_version_stops_everything_behind_it(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    append_decisions(path, [made(1, "energy")])
    newer = json.dumps({"id": "n", "schema": "apl/tag-decision/2", "decided_by": "x"}) + "\n"
    with path.open("a", encoding="utf-8") as file:
        file.write(newer)
    append_decisions(path, [made(2, "housing")])
    with pytest.raises(MigrationNeededError, match=r"decisions\.jsonl:2.*tag-decision/2") as caught:
        apply_new_decisions(db, path)
    assert "pip install -U" in caught.value.hint
    assert values(db) == ["energy"]
    before = path.read_bytes()
    with pytest.raises(MigrationNeededError):
        decide(db, path, [made(3)])
    assert path.read_bytes() == before
    with pytest.raises(MigrationNeededError):
        list(read_decisions(path))
    path.write_bytes(before.replace(newer.encode(), b""))  # a newer version would have read it
    assert apply_new_decisions(db, path) == 1
    assert values(db) == ["energy", "housing"]


@pytest.mark.parametrize("line", ['{"id": 5}\n', "kein JSON}\n", '{"schema": "apl/undo/1"}\n', "[]}\n"])
def test_an_unreadable_line_is_never_passed_over(db: Database, tmp_path: Path, line: str) -> None:
    path = tmp_path / "decisions.jsonl"
    append_decisions(path, [made(1)])
    with path.open("a", encoding="utf-8") as file:
        file.write(line)
    with pytest.raises(ArchiveError, match=r"decisions\.jsonl:2"):
        apply_new_decisions(db, path)
    assert values(db) == ["housing"]


@pytest.mark.parametrize("cut", [1, 20, 200])
def test_killed_between_writing_and_applying(db: Database, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "decisions.jsonl"
    decide(db, path, [made(1, "energy")])
    append_decisions(path, [made(2, "housing"), made(3, "health")])
    path.write_bytes(path.read_bytes()[:-cut])  # the machine failed in the middle of the last line
    torn = cut > 1
    assert apply_new_decisions(db, path) == (1 if torn else 2)
    assert apply_new_decisions(db, path) == 0
    decide(db, path, [made(4, "culture")])
    assert values(db) == sorted(["energy", "housing", "culture"] + ([] if torn else ["health"]))
    assert len(list(read_decisions(path))) == (3 if torn else 4)


def test_a_file_that_was_put_back_is_read_from_its_beginning(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    decide(db, path, [made(1, "energy"), made(2, "housing")])
    path.unlink()
    append_decisions(path, [made(3, "culture"), made(1, "energy"), made(2, "housing"), made(4, "health")])
    assert apply_new_decisions(db, path) == 2
    assert values(db) == ["culture", "energy", "health", "housing"]


def test_what_cannot_be_taken_back_stays(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    hold = HoldDecision(
        id="h", batch="b", decided_by="a", decided_at=DAY, record_id="urn:uuid:1", action="release", note="gelesen"
    )
    decide(db, path, [hold, made(1, batch="b")])
    decide(db, path, [Undo(id="u", batch="x", decided_by="a", decided_at=DAY, undoes="b")])
    assert list(db.query("SELECT id FROM decision WHERE undone_by IS NULL")) == [{"id": "h"}, {"id": "u"}]


def test_a_long_file_costs_nothing_when_nothing_is_new(db: Database, tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    append_decisions(path, [made(number, release_id=f"r{number % 500}") for number in range(20_000)])
    started = time.process_time()
    assert apply_new_decisions(db, path) == 20_000
    whole = time.process_time() - started
    started = time.process_time()
    assert apply_new_decisions(db, path) == 0
    decide(db, path, [made(20_001)])
    assert time.process_time() - started < whole / 10


def test_decisions_outrank_every_rerun(apl: Any, make_archive: Callable[..., Path]) -> None:
    text = (
        "Neue Beratungsstelle eröffnet\n\nKreis Heinsberg. Die Beratungsstelle für Zugewanderte hat eröffnet. Der " * 2
    )
    folder = make_archive({"a.txt": text})
    apl("-C", folder, "run")

    def tags() -> list[tuple[Any, ...]]:
        with sqlite3.connect(folder / "archive" / "archive.db") as connection:
            connection.create_collation("german", lambda a, b: (a > b) - (a < b))
            return sorted(connection.execute("SELECT axis, value, role, score, by FROM v_tag"))

    with sqlite3.connect(folder / "archive" / "archive.db") as connection:
        release = next(connection.execute("SELECT id FROM release"))[0]
    apl("-C", folder, "tag", release, "-district:05370", "+topic:housing", "+party:spd@issuer")
    decided = tags()
    settings = (folder / "sources.toml").read_text(encoding="utf-8")
    (folder / "sources.toml").write_text(
        settings.replace('path = "eingang"', 'path = "eingang"\ndistrict = "05370"\nparty = "fdp"'), encoding="utf-8"
    )
    dry = apl("-C", folder, "reprocess", "--stage", "classify", "--dry-run").stdout
    assert "+party:fdp (issuer)" in dry
    assert "Partei        +1" in dry
    assert tags() == decided
    apl("-C", folder, "reprocess", "--stage", "classify")
    for _ in range(2):
        kept = {row[:3] for row in tags()}
        assert {("topic", "housing", "primary"), ("party", "spd", "issuer")} <= kept
        assert not any(value == "05370" for _, value, _, _, _ in tags())
        apl("-C", folder, "rebuild")
