"""Everything derived, from the files alone: table by table the same, also when database and index are gone, and under
other rules than those of then."""

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.archive.decided_tables import DECIDED
from archive_pipeline.upkeep.auditing import audit
from archive_pipeline.upkeep.rebuilding import rebuild
from archive_pipeline.workspace import open_workspace

Make = Callable[[Path, int], Path]

LEFT_OUT = {"tag": {"id"}, "person": {"id"}, "quote": {"id"}, "release": {"seq"}, "outbox": {"seq", "at"}}
"""Numbers of rows, which no citation names, and those of changes, which the index follows anew."""

LEFT_OUT |= {"saved_search": {"seen_seq"}, "decision": {"number"}}
"""A saved search counts as seen what was there when it was kept, by the new numbers; the order of decisions is that of
their file."""

TABLES = (
    *("source", "release", "location", "version", "derivation", "tag", "person", "quote", "capture", "warc_file"),
    *DECIDED,
)


def checksums(folder: Path) -> dict[str, tuple[int, str]]:
    """Rows and a checksum of each table, whatever the order of the rows."""
    found = {}
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        db.row_factory = sqlite3.Row
        for table in TABLES:
            left_out = LEFT_OUT.get(table, set())
            rows = sorted(
                repr([row[name] for name in row.keys() if name not in left_out])  # noqa: SIM118 - a Row iterates values
                for row in db.execute(f"SELECT * FROM {table}")
            )
            found[table] = (len(rows), hashlib.sha256("\n".join(rows).encode()).hexdigest())
    return found


def told(apl: Any, folder: Path) -> dict[str, object]:
    """What a reader gets: a cited derivation that is not the current one, the frozen set, hits of a search."""
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        cited = db.execute(
            "SELECT release_id, version_id FROM derivation WHERE number = 2 ORDER BY 1 LIMIT 1"
        ).fetchone()
    hits = apl.json("-C", folder, "search", "Kreistag", "--json", "--limit", "50")
    return {
        "cited": apl("-C", folder, "show", f"d/{cited[0]}@{cited[1]}.1").stdout,
        "set": apl("-C", folder, "set", "show", "stand").stdout,
        "differences": apl.json("-C", folder, "set", "diff", "stand", "--json"),
        "frozen": (folder / "archive" / "sets" / "stand.jsonl").read_bytes(),
        "found": (hits["total"], sorted(hit["id"] for hit in hits["hits"])),
    }


def rebuilt_equals(apl: Any, folder: Path, releases: int) -> None:
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        ids = [row[0] for row in db.execute("SELECT id FROM release ORDER BY id LIMIT 8")]
    for number, release in enumerate(ids[:3]):
        apl("-C", folder, "tag", release, "+topic:housing" if number else "-party:spd", "--note", "geprüft")
    apl("-C", folder, "tag", "undo", "last")
    apl("-C", folder, "set", "create", "stand", "--query", "Kreistag")
    apl("-C", folder, "search", "Schultag", "--save", "schule")
    apl("-C", folder, "access", ids[3], "closed")
    apl("-C", folder, "takedown", "hide", ids[4], "--ground", "Probe")
    apl("-C", folder, "note", ids[5], "--text", "Das stimmt so nicht.")
    before, shown = checksums(folder), told(apl, folder)
    assert before["release"][0] == releases
    assert before["derivation"][0] > before["version"][0] > releases
    (folder / "archive" / "archive.db").unlink()
    shutil.rmtree(folder / "archive" / "index")
    for name in ("archive.db-wal", "archive.db-shm"):
        (folder / "archive" / name).unlink(missing_ok=True)
    result = rebuild(open_workspace(folder))
    assert result.releases == releases
    assert checksums(folder) == before
    assert told(apl, folder) == shown
    assert audit(open_workspace(folder)).findings == ()


def test_two_hundred_releases(apl: Any, synthetic: Make, tmp_path: Path) -> None:
    rebuilt_equals(apl, synthetic(tmp_path / "archiv", 200), 190)


@pytest.mark.proof
@pytest.mark.timeout(3600)
def test_ten_thousand_releases(apl: Any, synthetic: Make, tmp_path: Path) -> None:
    rebuilt_equals(apl, synthetic(tmp_path / "archiv", 10_000), 9_500)
