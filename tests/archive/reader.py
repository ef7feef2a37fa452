"""A reader of an archive, in a process of its own: python reader.py FOLDER STOP INTERVAL NUMBER.

It searches and reads what was found, each INTERVAL seconds, until the file STOP is there; then it writes to STOP-NUMBER
when each question was due, how long it took from then on, and how long it took without waiting for its turn or for a
processor. With an interval of 0 one question follows the other.
"""

import json
import random
import sys
import time
from datetime import date
from pathlib import Path

from archive_pipeline.archive.reading import load_release
from archive_pipeline.searching import open_search
from archive_pipeline.workspace import open_workspace

WORDS = [one + other for one in ("Kreis", "Schul", "Wald", "Kunst") for other in ("tag", "verein", "umbau", "termin")]


def read(folder: Path, stop: Path, interval: float, number: int) -> None:
    """Read until somebody says stop."""
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


if __name__ == "__main__":
    read(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))
