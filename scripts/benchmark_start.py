"""How long `archive-pipeline --help` takes beside `python -c "import click, pluggy"`, run in turns.

    .venv/bin/python scripts/benchmark_start.py [RUNS]

Prints the median wall time of both in milliseconds and the median of the ratios pair by pair.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

COMMAND = [str(Path(sys.executable).with_name("archive-pipeline")), "--help"]
BASE = [sys.executable, "-c", "import click, pluggy"]


def milliseconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - started) * 1000


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    milliseconds(COMMAND)
    milliseconds(BASE)
    pairs = [(milliseconds(COMMAND), milliseconds(BASE)) for _ in range(runs)]
    ratio = statistics.median(ours / base for ours, base in pairs)
    print(f"archive-pipeline --help    {statistics.median(ours for ours, _ in pairs):6.0f} ms")
    print(f"import click, pluggy       {statistics.median(base for _, base in pairs):6.0f} ms")
    print(f"ratio, median of {runs} pairs {ratio:6.2f}")


if __name__ == "__main__":
    main()
