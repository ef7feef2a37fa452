"""`schedule loop`: again and again, no drift, and a clean end."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

LOOP = """
import sys, time
from datetime import timedelta
from archive_pipeline.cli.loop import repeat
print(time.clock_gettime(time.CLOCK_REALTIME), flush=True)
repeat(sys.argv[2:], timedelta(seconds=float(sys.argv[1])), lambda *told: print(*told, flush=True))
print("ended", flush=True)
"""


@contextmanager
def looping(every: float, *command: str) -> Iterator["subprocess.Popen[str]"]:
    """A process that runs a command again and again; its first line is the time it began."""
    with subprocess.Popen(
        [sys.executable, "-c", LOOP, str(every), *command], stdout=subprocess.PIPE, text=True
    ) as loop:
        yield loop
        loop.kill()


def lines(loop: "subprocess.Popen[str]", count: int) -> list[str]:
    assert loop.stdout is not None
    return [loop.stdout.readline().strip() for _ in range(count)]


def rest(loop: "subprocess.Popen[str]") -> list[str]:
    output, _ = loop.communicate(timeout=20)
    return [line.strip() for line in output.splitlines() if line.strip()]


def test_times_do_not_drift_and_a_failing_run_ends_nothing() -> None:
    """Each run takes a third of the interval; were it counted from the end of the one before, they would wander."""
    with looping(0.6, "/bin/sh", "-c", "date +%s.%N; sleep 0.2; exit 3") as loop:
        began = float(lines(loop, 1)[0])
        told = [line.split() for line in lines(loop, 18) if line]
        loop.send_signal(signal.SIGTERM)
        assert rest(loop)[-1] == "ended"
        assert loop.wait() == 0
    assert {code for code, _ in told} == {"3"}
    late = [(float(start) - began) % 0.6 for _, start in told]
    assert median(late) < 0.14, late


def test_a_run_that_takes_too_long_is_not_made_up_for(tmp_path: Path) -> None:
    slow_once = f"cd {tmp_path}; [ -e once ] || {{ touch once; sleep 2.7; }}; date +%s.%N"
    with looping(0.8, "/bin/sh", "-c", slow_once) as loop:
        lines(loop, 1)
        ends = [float(line.split()[1]) for line in lines(loop, 6) if line]
        assert ends[2] - ends[1] > 0.3


def test_the_end_of_a_run_is_waited_for(tmp_path: Path) -> None:
    script = tmp_path / "run.py"
    script.write_text(
        "import signal, sys, time\n"
        "signal.signal(signal.SIGTERM, lambda *_: (time.sleep(0.3), print('saved'), sys.exit(130)))\n"
        f"open({str(tmp_path / 'ready')!r}, 'w').close()\ntime.sleep(60)\n"
    )
    with looping(60, sys.executable, str(script)) as loop:
        lines(loop, 1)
        deadline = time.monotonic() + 60
        while not (tmp_path / "ready").exists():
            assert time.monotonic() < deadline, "the run never began"
            time.sleep(0.01)
        loop.send_signal(signal.SIGINT)
        assert rest(loop) == ["130 saved", "ended"]
        assert loop.returncode == 0


def test_between_runs_it_ends_at_once() -> None:
    with looping(3600, "/bin/echo", "done") as loop:
        assert lines(loop, 2)[1] == "0 done"
        started = time.monotonic()
        loop.send_signal(signal.SIGTERM)
        assert rest(loop) == ["ended"]
        assert time.monotonic() - started < 10


def test_the_command_says_one_line_a_run(archive: Any) -> None:
    archive.sources(gut='schedule = "6h"', kaputt='schedule = "6h"')
    archive.offer("gut", eins="Kreis Heinsberg. " * 30)
    archive.offer("kaputt", error=("error", "HTTP 503"))
    command = [sys.executable, "-m", "archive_pipeline", "-C", str(archive.folder), "schedule", "loop", "--every", "1m"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    ) as loop:
        assert loop.stdout is not None
        assert "run --due, alle 1 Minute" in loop.stdout.readline()
        said = loop.stdout.readline()
        assert "Exitcode 3 · 1 neu, 0 geändert, 0 unverändert · fehlgeschlagen: kaputt · " in said
        loop.send_signal(signal.SIGTERM)
        assert loop.wait(timeout=20) == 0
