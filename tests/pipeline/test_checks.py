"""What the frontier does over days: checks of known releases, back-off, budgets, what is known of a listing."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from archive_pipeline.archive import migrations
from archive_pipeline.archive.database import open_database, write_tx
from archive_pipeline.archive.frontier import (
    bookmark,
    complete_discovery,
    due_items,
    is_known,
    offer,
    plan_check,
    settle,
    settle_check,
)
from archive_pipeline.model import Item

START = datetime(2026, 3, 2, 6, tzinfo=UTC)


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_database(
        tmp_path / "archive.db",
        create=True,
        prepare=lambda connection: connection.create_collation("german", lambda a, b: (a > b) - (a < b)),
    )


def item(key: str, fingerprint: str | None = None) -> Item:
    return Item(source_id="amt", key=key, url=f"https://amt.example/{key}", fingerprint=fingerprint)


def capture(db: Database, one: Item, now: datetime, *, changed: bool = True) -> None:
    with write_tx(db):
        settle(db, one, "captured", now)
        plan_check(db, one, now, changed=changed)


def due(db: Database, now: datetime, **options: Any) -> list[tuple[str, bool]]:
    found = due_items(db, "amt", now, visited=now, checks=options.pop("checks", 10), **options)
    return [(one.item.key, one.is_check) for one in found]


def test_a_release_is_checked_after_1_7_30_180_days_then_yearly(db: Database) -> None:
    offer(db, [item("a")], START)
    capture(db, item("a"), START)
    checked = []
    now = START
    while now < START + timedelta(days=1000):
        now += timedelta(days=1)
        if due(db, now):
            checked.append((now - START).days)
            with write_tx(db):
                settle_check(db, item("a"), "captured", now)
                plan_check(db, item("a"), now, changed=False)
    assert checked == [1, 7, 30, 180, 545, 910]


def test_a_changed_release_is_new_again(db: Database) -> None:
    offer(db, [item("a")], START)
    capture(db, item("a"), START)
    later = START + timedelta(days=400)
    capture(db, item("a"), later, changed=True)
    assert due(db, later + timedelta(hours=22)) == []
    assert due(db, later + timedelta(days=1)) == [("a", True)]


def test_a_failed_item_waits_longer_each_time_in_scheduled_runs_only(db: Database) -> None:
    offer(db, [item("a")], START)
    waits = []
    now = START
    for _ in range(10):
        with write_tx(db):
            settle(db, item("a"), "failed", now, reason="HTTP 500")
        assert due(db, now, patient=False) == [("a", False)], "a person wants it tried now"
        begin = now
        while not due_items(db, "amt", now, visited=begin, patient=True):
            now += timedelta(hours=1)
            offer(db, [item("a")], now)
        waits.append((now - begin) / timedelta(hours=1))
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 168, 168]


def test_what_its_source_no_longer_offers_is_given_up_in_the_end(db: Database) -> None:
    offer(db, [item("a")], START)
    now = START
    tries = 0
    while due(db, now := now + timedelta(days=8), patient=True):
        tries += 1
        with write_tx(db):
            settle(db, item("a"), "failed", now, reason="HTTP 500")
    assert tries == 8
    offer(db, [item("a")], now)
    assert due(db, now) == [("a", False)], "offered again, it is tried again"


def test_new_items_come_first_then_failures_then_checks_within_the_budgets(db: Database) -> None:
    offer(db, [item("old"), item("older"), item("failed")], START)
    capture(db, item("old"), START)
    capture(db, item("older"), START - timedelta(days=1))
    with write_tx(db):
        settle(db, item("failed"), "failed", START)
    now = START + timedelta(days=2)
    offer(db, [item("new"), item("failed")], now)
    assert due(db, now) == [("new", False), ("failed", False), ("older", True), ("old", True)]
    assert due(db, now, checks=1) == [("new", False), ("failed", False), ("older", True)]
    assert due(db, now, limit=2) == [("new", False), ("failed", False)]
    assert due(db, now, limit=3) == [("new", False), ("failed", False), ("older", True)]


def test_gone_and_back(db: Database) -> None:
    offer(db, [item("a", "1")], START)
    capture(db, item("a", "1"), START)
    day = START + timedelta(days=1)
    with write_tx(db):
        settle_check(db, item("a", "1"), "gone", day, reason="HTTP 404")
    assert due(db, day + timedelta(days=29)) == []
    assert due(db, day + timedelta(days=30)) == [("a", True)], "a site may come back"
    offer(db, [item("a", "1")], day + timedelta(days=2))
    assert due(db, day + timedelta(days=2)) == [("a", False)], "its source offers it again"


def test_a_check_that_fails_leaves_the_release_captured(db: Database) -> None:
    offer(db, [item("a")], START)
    capture(db, item("a"), START)
    now = START + timedelta(days=1)
    with write_tx(db):
        settle_check(db, item("a"), "failed", now, reason="HTTP 500")
    assert next(db.query("SELECT state, failures FROM item"))["state"] == "captured"
    assert due(db, now) == []
    assert due(db, now + timedelta(hours=1)) == [("a", True)]


def test_only_a_discovery_that_ended_makes_items_known(db: Database) -> None:
    offer(db, [item("a")], START)
    assert not is_known(db, "amt", "a"), "its pages may not all have been read"
    with write_tx(db):
        complete_discovery(db, "amt", START + timedelta(seconds=5), bookmark="seite 3")
    assert is_known(db, "amt", "a")
    offer(db, [item("b")], START + timedelta(days=1))
    assert not is_known(db, "amt", "b")
    with write_tx(db):
        complete_discovery(db, "amt", START + timedelta(days=1))
    assert (is_known(db, "amt", "b"), bookmark(db, "amt")) == (True, "seite 3")


def test_an_archive_of_the_version_before_is_taken_over(apl: Any, make_archive: Callable[..., Path]) -> None:
    text = "Kreis Soest. " + "Der Landrat besuchte gestern das neue Jugendzentrum und sprach mit allen. " * 10
    folder = make_archive({"a.txt": text})
    path = folder / "archive" / "archive.db"
    path.parent.mkdir()
    old = Database(str(path))
    old.conn.create_collation("german", lambda a, b: (a > b) - (a < b))
    migrations.spine(old)
    migrations.indexes(old)
    old.execute(
        "CREATE TABLE _sqlite_migrations (id INTEGER PRIMARY KEY, migration_set TEXT, name TEXT, applied_at TEXT)"
    )
    for name in ("0001_spine", "0002_indexes"):
        old.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('archive_pipeline', ?, '')",
            [name],
        )
    old.execute(
        """INSERT INTO capture (record_id, source_id, key, target, kind, sha256, captured_at, warc_file, warc_offset,
             state)
           VALUES ('urn:1', 'alt', 'k', 'http://alt.example/k', 'document', 'x', '2026-01-01', 'warc/alt', 0,
             'accepted')"""
    )
    old.execute(
        """INSERT INTO item (source_id, key, state, attempts, first_seen_at, last_seen_at)
           VALUES ('alt', 'k', 'captured', 1, '2026-01-01', '2026-01-01')"""
    )
    old.conn.commit()
    old.close()
    assert apl.json("-C", folder, "run", "--json")["new"] == 1
    db = open_database(
        path, prepare=lambda connection: connection.create_collation("german", lambda a, b: (a > b) - (a < b))
    )
    kept = next(db.query("SELECT record_id, kind, complete, reservation FROM capture WHERE source_id = 'alt'"))
    assert kept == {"record_id": "urn:1", "kind": "document", "complete": 1, "reservation": None}
    assert list(db.query("PRAGMA foreign_key_check")) == []
    assert "capture_before" not in db["version"].schema
    db.close()
