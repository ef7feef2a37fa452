"""The links follow from the texts alone: the order of releases, takedowns and texts derived again leave no trace."""

import random
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from archive_pipeline.archive import reuse
from archive_pipeline.archive.database import open_database, write_tx
from archive_pipeline.archive.reuse import follow_changes, forget_reuse
from tests.archive.reuse_benchmark import benchmark, key

WORDS = [f"{one}{other}" for one in ("kreis", "schul", "wald", "kunst", "pflege") for other in ("tag", "amt", "rat")]


def invented(choose: random.Random, count: int) -> list[Any]:
    """Short releases of few sources that take over sentences of a small stock, so that fingerprints become frequent,
    common and formulas with few releases; some share a day, some have none."""
    stock = [[f"{choose.choice(WORDS)}{choose.randint(1, 400)}" for _ in range(18)] for _ in range(6)]
    releases = []
    for number in range(count):
        own = [f"eigen{number}wort{place}" for place in range(choose.randint(5, 30))]
        taken = [word for _ in range(choose.choice((1, 1, 2, 3))) for word in choose.choice(stock)]
        place = choose.randrange(len(own))
        text = " ".join([*own[:place], "„" + " ".join(taken) + "“", *own[place:]])
        start = text.index("„")
        quotes = [(start, text.index("“") + 1)] if choose.random() < 0.5 else []
        day = None if choose.random() < 0.1 else date(2026, 1, 1) + timedelta(days=choose.randrange(12))
        releases.append(benchmark.Release(choose.randrange(5), day, text, quotes))
    return releases


def stored(path: Path, releases: Sequence[Any]) -> Database:
    db = open_database(path, create=True)
    benchmark.store(db, releases)
    return db


def follow(db: Database, limit: int = 500) -> None:
    while follow_changes(db, limit):
        pass


def links(db: Database) -> list[tuple[object, ...]]:
    """All links, whatever derivation they are of."""
    return db.execute(
        """SELECT earlier_id, later_id, kind, basis, similarity, share, words, passages FROM reuse_link
           ORDER BY earlier_id, later_id"""
    ).fetchall()


def counts(db: Database) -> list[int]:
    tables = ("reuse_release", "reuse_fingerprint", "reuse_bucket")
    return [db.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables]


def change(db: Database, number: int, text: str | None) -> None:
    """Derive a release again, with another text or (None) with the first one and its quotes."""
    with write_tx(db):
        derivation = next(db.query("SELECT derivation AS n FROM release WHERE id = ?", [key(number)]))["n"]
        db.execute(
            """INSERT INTO derivation (release_id, version_id, number, software, text, article)
               SELECT release_id, version_id, ? + 1, software, coalesce(?, text), article FROM derivation
               WHERE release_id = ? AND number = 1""",
            [derivation, text, key(number)],
        )
        db.execute(
            """INSERT INTO quote (release_id, version_id, derivation, text, start, "end")
               SELECT release_id, version_id, ? + 1, text, start, "end" FROM quote
               WHERE release_id = ? AND derivation = 1 AND ? IS NULL""",
            [derivation, key(number), text],
        )
        seq = db.execute(
            "INSERT INTO outbox (release_id, change, at) VALUES (?, 'changed', '')", [key(number)]
        ).lastrowid
        db.execute("UPDATE release SET derivation = derivation + 1, seq = ? WHERE id = ?", [seq, key(number)])


def erase(db: Database, number: int) -> None:
    with write_tx(db):
        forget_reuse(db, key(number))
        db.execute("PRAGMA defer_foreign_keys = ON")
        for table in ("quote", "derivation", "version"):
            db.execute(f"DELETE FROM {table} WHERE release_id = ?", [key(number)])
        db.execute("DELETE FROM release WHERE id = ?", [key(number)])


@pytest.mark.parametrize("seed", [0, 3, 5, 7])
def test_whatever_happened_before_the_links_are_those_of_a_fresh_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    for name, value in {"RARE": 3, "COMMON": 8, "FORMULA": 25, "BOILERPLATE": 7}.items():
        monkeypatch.setattr(reuse, name, value)
    choose = random.Random(seed)
    releases = invented(choose, 60)
    fresh = stored(tmp_path / "fresh.db", releases)
    follow(fresh)
    gone = choose.sample(range(60), 6)
    for number in gone:
        erase(fresh, number)
    worn = stored(tmp_path / "worn.db", releases)
    with write_tx(worn):
        order = choose.sample(range(1, 61), 60)
        worn.execute("UPDATE release SET seq = -seq")
        worn.conn.executemany("UPDATE release SET seq = ? WHERE id = ?", [(at, key(n)) for n, at in enumerate(order)])
    for step in range(60):
        follow_changes(worn, choose.choice((1, 2, 5, 20)))
        number = choose.randrange(60)
        if step % 3 == 0 and number not in gone:
            change(worn, number, choose.choice((releases[choose.randrange(60)].text, "Ein anderer Text.")))
        if step % 10 == 9:
            erase(worn, gone[step // 10])
    for number in set(range(60)) - set(gone):
        change(worn, number, None)
    follow(worn, 7)
    again = stored(tmp_path / "again.db", [one for number, one in enumerate(releases) if number not in gone])
    follow(again)
    assert links(worn) == links(fresh)
    assert counts(worn) == counts(fresh) == counts(again)
    assert [row[2:7] for row in links(again)] == [row[2:7] for row in links(fresh)] != []
