"""Readers beside a writer: four processes search and read while one archives, and none of them meets a lock.

Readers ask at a fixed rate, as people do, which leaves the processor free: a time counts from the moment at which the
question was due. The writer is stopped for a while again and again (SIGSTOP, in whatever it is doing); what it costs
readers is the difference between the times while it is stopped and while it writes. So both are measured in the same
minutes, with the same other work on the machine. Where Linux tells how long a process waited for a processor
(schedstat), that is taken off: that five processes share two cores is no matter of the archive; locks and disks are.
"""

import json
import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import pytest

Make = Callable[[Path, int], Path]

READER = Path(__file__).with_name("reader.py")
FIRST = ("Bürger", "Energie", "Haushalts", "Klima", "Landes", "Markt", "Pflege", "Sport", "Stadt", "Umwelt", "Verkehrs")
LAST = ("amt", "ausschuss", "beirat", "bericht", "fonds", "gipfel", "plan", "preis", "rat", "tag", "verband", "weg")
NOUNS = [one + other for one in FIRST for other in LAST]


@dataclass(frozen=True, kw_only=True)
class Times:
    """Answers while the writer was stopped and while it wrote, as seconds in all and seconds without waiting for a
    processor; how many releases readers saw."""

    stopped: list[tuple[float, float]]
    written: list[tuple[float, float]]
    found: int
    newest: int


def readers_beside_writer(apl: Any, folder: Path, interval: float, *, pause: float, turn: float) -> Times:
    """Four readers while a process archives what waits; it writes for `turn` seconds and is stopped for `pause`."""
    stop, said = folder / f"stop-{time.monotonic_ns()}", folder / "said"
    readers = [
        apl.start(READER, folder, stop, str(interval), str(number), stderr=f"{said}-{number}") for number in range(4)
    ]
    writer = apl.start("archive-pipeline", "-C", folder, "run", stderr=said)
    stops = []
    try:
        time.sleep(turn)
        while writer.poll() is None:
            began = time.monotonic()
            os.kill(writer.pid, signal.SIGSTOP)
            time.sleep(pause)
            os.kill(writer.pid, signal.SIGCONT)
            stops.append((began, time.monotonic()))
            time.sleep(turn)
    finally:
        stop.touch()
        codes = [process.wait() for process in (*readers, writer)]
    assert codes == [0] * 5, "".join(path.read_text(encoding="utf-8") for path in folder.glob("said*"))
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


def test_four_readers_beside_a_writer(apl: Any, synthetic: Make, tmp_path: Path) -> None:
    folder = synthetic(tmp_path / "archiv", 40)
    put(folder, 60)
    times = readers_beside_writer(apl, folder, 0.2, pause=0.3, turn=0.3)
    assert len(times.written) + len(times.stopped) >= 4
    assert times.found > 0


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_four_readers_while_ten_thousand_are_written(apl: Any, synthetic: Make, tmp_path: Path) -> None:
    folder = synthetic(tmp_path / "archiv", 1_000)
    put(folder, 10_000)
    paced = readers_beside_writer(apl, folder, 2.0, pause=8, turn=16)
    print(f"paced: {told(paced.stopped)} stopped, {told(paced.written)} beside the writer")
    put(folder, 10_500)
    hurried = readers_beside_writer(apl, folder, 0.0, pause=4, turn=4)
    print(f"one after the other: {told(hurried.stopped)} stopped, {told(hurried.written)} beside the writer")
    assert paced.newest > 5_000, "readers never saw what was written"
    assert p95(paced.written) <= 2 * p95(paced.stopped)


def told(answers: Sequence[tuple[float, float]]) -> str:
    whole, without = zip(*answers, strict=True)
    return (
        f"{len(answers)} answers, median {median(whole):.3f} s, p95 {p95(answers, 0):.3f} s (without waiting for a "
        f"processor {median(without):.3f} s, {p95(answers):.3f} s)"
    )
