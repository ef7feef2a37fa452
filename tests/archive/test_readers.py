"""Readers beside a writer: four processes search and read while one archives, and none of them meets a lock.

Readers rest between two questions, as people do. What they are compared with is the same four beside a process that
keeps a core as busy and writes nothing: that two cores are shared by five processes is no matter of the archive.
"""

import json
import multiprocessing
import random
import time
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from statistics import quantiles
from typing import Any

import pytest

from archive_pipeline.archive.reading import load_release
from archive_pipeline.pipeline import run
from archive_pipeline.searching import open_search
from archive_pipeline.workspace import open_workspace

Make = Callable[[Path, int], Path]

FORK = multiprocessing.get_context("fork")
WORDS = [one + other for one in ("Kreis", "Schul", "Wald", "Kunst") for other in ("tag", "verein", "umbau", "termin")]


def read(folder: Path, stop: Path, rest: float, number: int) -> None:
    """Search, read what was found, rest, until the file `stop` is there; then write down how that went."""
    choose, workspace = random.Random(number), open_workspace(folder)
    took, found, newest = [], 0, 0
    while not stop.exists():
        began = time.monotonic()
        workspace.refresh_index()
        with open_search(workspace) as search:
            hits = search.search(choose.choice(WORDS), today=date(2026, 11, 22)).hits
        with workspace.reading() as db:
            for hit in hits[:5]:
                assert load_release(db, hit.id).article.text
            newest = max(newest, next(db.query("SELECT count(*) AS n FROM release"))["n"])
        took.append(time.monotonic() - began)
        found += len(hits)
        time.sleep(rest)
    answer = {"took": took, "found": found, "newest": newest}
    stop.with_name(f"{stop.name}-{number}").write_text(json.dumps(answer), encoding="utf-8")


def write(folder: Path) -> None:
    """Archive what waits."""
    workspace = open_workspace(folder)
    assert run(workspace, workspace.config.sources).exit_code == 0


def keep_busy(seconds: float) -> None:
    """Take a core and touch no disk."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        sum(range(100_000))


def readers_beside(stop: Path, rest: float, *beside: Any) -> list[dict[str, Any]]:
    """What four readers of the archive in the folder of `stop` found, and how long they took, while a function runs in
    a process of its own."""
    readers = [FORK.Process(target=read, args=(stop.parent, stop, rest, number)) for number in range(4)]
    other = FORK.Process(target=beside[0], args=beside[1:])
    for process in (*readers, other):
        process.start()
    try:
        other.join(3600)
    finally:
        stop.touch()
        for reader in readers:
            reader.join(120)
    assert [process.exitcode for process in (*readers, other)] == [0, 0, 0, 0, 0], "see the error of a process above"
    return [json.loads(stop.with_name(f"{stop.name}-{number}").read_text(encoding="utf-8")) for number in range(4)]


def p95(found: Sequence[dict[str, Any]]) -> float:
    took: list[float] = [seconds for one in found for seconds in one["took"]]
    return quantiles(took, n=20)[-1]


def put(folder: Path, count: int) -> None:
    text = "Kreis Heinsberg. Der Kreistag hat am Montag über den Umbau Nummer {} beraten und ihn beschlossen. "
    for number in range(count):
        path = folder / "q" / f"{number // 1000}" / f"{number}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"Umbau {number} beschlossen\n\n{text.format(number) * 4}", encoding="utf-8")


def test_four_readers_beside_a_writer(synthetic: Make, tmp_path: Path) -> None:
    folder = synthetic(tmp_path / "archiv", 40)
    put(folder, 60)
    found = readers_beside(folder / "written", 0.2, write, folder)
    assert all(one["took"] for one in found)
    assert any(one["found"] for one in found)


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_four_readers_while_ten_thousand_are_written(synthetic: Make, tmp_path: Path) -> None:
    folder = synthetic(tmp_path / "archiv", 1_000)
    put(folder, 10_000)
    alone = readers_beside(folder / "alone", 0.5, time.sleep, 30)
    beside_work = readers_beside(folder / "busy", 0.5, keep_busy, 30)
    beside_writer = readers_beside(folder / "written", 0.5, write, folder)
    print(*(f"{p95(found):.3f} s" for found in (alone, beside_work, beside_writer)))
    assert max(one["newest"] for one in beside_writer) > alone[0]["newest"], "readers never saw what was written"
    assert p95(beside_writer) <= 2 * p95(beside_work)
