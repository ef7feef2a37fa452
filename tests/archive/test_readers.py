"""Readers beside a writer: four processes search and read while one archives, and none of them meets a lock.

Readers ask at a fixed rate, as people do, which leaves the processor free: a time counts from the moment at which the
question was due. The writer is stopped for a while again and again (SIGSTOP, in whatever it is doing); what it costs
readers is the difference between the times while it is stopped and while it writes. So both are measured in the same
minutes, with the same other work on the machine. Where Linux tells how long a process waited for a processor
(schedstat), that is taken off: that five processes share two cores is no matter of the archive; locks and disks are.
"""

import json
import multiprocessing
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from statistics import median, quantiles

import pytest

from archive_pipeline.archive.reading import load_release
from archive_pipeline.pipeline import run
from archive_pipeline.searching import open_search
from archive_pipeline.workspace import open_workspace

Make = Callable[[Path, int], Path]

FORK = multiprocessing.get_context("fork")
WORDS = [one + other for one in ("Kreis", "Schul", "Wald", "Kunst") for other in ("tag", "verein", "umbau", "termin")]
FIRST = ("Bürger", "Energie", "Haushalts", "Klima", "Landes", "Markt", "Pflege", "Sport", "Stadt", "Umwelt", "Verkehrs")
LAST = ("amt", "ausschuss", "beirat", "bericht", "fonds", "gipfel", "plan", "preis", "rat", "tag", "verband", "weg")
NOUNS = [one + other for one in FIRST for other in LAST]


def read(folder: Path, stop: Path, interval: float, number: int) -> None:
    """Search and read what was found, each `interval` seconds, until the file `stop` is there; then write down when
    each question was due, how long it took from then on, and how long it took without waiting for its turn or for a
    processor. Without an interval, one question follows the other."""
    choose, workspace = random.Random(number), open_workspace(folder)
    asked, found, newest = [], 0, 0
    due = time.monotonic() + choose.uniform(0, interval)
    while not stop.exists():
        time.sleep(max(0.0, due - time.monotonic()))
        began, waited = time.monotonic(), waited_for_processor()
        workspace.refresh_index()
        with open_search(workspace) as search:
            hits = search.search(choose.choice(WORDS), today=date(2026, 11, 22)).hits
        with workspace.reading() as db:
            for hit in hits[:5]:
                assert load_release(db, hit.id).article.text
            newest = max(newest, next(db.query("SELECT count(*) AS n FROM release"))["n"])
        now = time.monotonic()
        asked.append((due, now - due, now - began - (waited_for_processor() - waited)))
        found += len(hits)
        due = due + interval if interval else now
    answer = {"asked": asked, "found": found, "newest": newest}
    stop.with_name(f"{stop.name}-{number}").write_text(json.dumps(answer), encoding="utf-8")


def waited_for_processor() -> float:
    """Seconds that this process was ready to run and did not; 0 where the system does not say."""
    try:
        return int(Path("/proc/self/schedstat").read_text(encoding="ascii").split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


def write(folder: Path) -> None:
    """Archive what waits."""
    workspace = open_workspace(folder)
    assert run(workspace, workspace.config.sources).exit_code == 0


@dataclass(frozen=True, kw_only=True)
class Times:
    """Answers while the writer was stopped and while it wrote, as seconds in all and seconds without waiting for a
    processor; how many releases readers saw."""

    stopped: list[tuple[float, float]]
    written: list[tuple[float, float]]
    found: int
    newest: int


def readers_beside_writer(folder: Path, interval: float, *, pause: float = 0.0, turn: float = 0.0) -> Times:
    """Four readers while a process archives what waits; it writes for `turn` seconds and is stopped for `pause`."""
    stop = folder / f"stop-{time.monotonic_ns()}"
    readers = [FORK.Process(target=read, args=(folder, stop, interval, number)) for number in range(4)]
    writer = FORK.Process(target=write, args=(folder,))
    for process in (*readers, writer):
        process.start()
    assert writer.pid is not None
    stops = []
    try:
        writer.join(turn or 3600)
        while writer.is_alive():
            began = time.monotonic()
            os.kill(writer.pid, signal.SIGSTOP)
            time.sleep(pause)
            os.kill(writer.pid, signal.SIGCONT)
            stops.append((began, time.monotonic()))
            writer.join(turn)
    finally:
        stop.touch()
        for reader in readers:
            reader.join(120)
    assert [process.exitcode for process in (*readers, writer)] == [0, 0, 0, 0, 0], "see the error of a process above"
    answers = [json.loads(stop.with_name(f"{stop.name}-{number}").read_text(encoding="utf-8")) for number in range(4)]
    times = Times(
        stopped=[],
        written=[],
        found=sum(one["found"] for one in answers),
        newest=max(one["newest"] for one in answers),
    )
    for due, seconds, working in (asked for one in answers for asked in one["asked"]):
        inside = any(began <= due and due + seconds <= ended for began, ended in stops)
        (times.stopped if inside else times.written).append((seconds, working))
    return times


def p95(answers: Sequence[tuple[float, float]], column: int = 1) -> float:
    return quantiles([answer[column] for answer in answers], n=20)[-1]


def put(folder: Path, count: int) -> None:
    """So many files, each with a text of its own: what repeats another one would be looked at as re-use."""
    for number in range(count):
        choose = random.Random(number)
        path = folder / "q" / f"{number // 1000}" / f"{number}.txt"
        path.parent.mkdir(exist_ok=True)
        sentences = (
            "Der {} hat am Montag über {} und {} beraten, teilte der {} mit.".format(*choose.choices(NOUNS, k=4))
            for _ in range(6)
        )
        path.write_text(f"Umbau {number} beschlossen\n\nKreis Heinsberg. {' '.join(sentences)}", encoding="utf-8")


def test_four_readers_beside_a_writer(synthetic: Make, tmp_path: Path) -> None:
    folder = synthetic(tmp_path / "archiv", 40)
    put(folder, 60)
    times = readers_beside_writer(folder, 0.2, pause=0.3, turn=0.3)
    assert len(times.written) + len(times.stopped) >= 4
    assert times.found > 0


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_four_readers_while_ten_thousand_are_written(synthetic: Make, tmp_path: Path) -> None:
    folder = synthetic(tmp_path / "archiv", 1_000)
    put(folder, 10_000)
    paced = readers_beside_writer(folder, 2.0, pause=8, turn=16)
    print(f"paced: {told(paced.stopped)} stopped, {told(paced.written)} beside the writer")
    put(folder, 10_500)
    hurried = readers_beside_writer(folder, 0.0, pause=4, turn=4)
    print(f"one after the other: {told(hurried.stopped)} stopped, {told(hurried.written)} beside the writer")
    assert paced.newest > 5_000, "readers never saw what was written"
    assert p95(paced.written) <= 2 * p95(paced.stopped)


def told(answers: Sequence[tuple[float, float]]) -> str:
    whole, without = zip(*answers, strict=True)
    return (
        f"{len(answers)} answers, median {median(whole):.3f} s, p95 {p95(answers, 0):.3f} s (without waiting for a "
        f"processor {median(without):.3f} s, {p95(answers):.3f} s)"
    )
