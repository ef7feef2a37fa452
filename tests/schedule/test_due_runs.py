"""`run --due` through simulated days: who is visited, and that each due visit happens once."""

import sqlite3
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.cli import ingest
from archive_pipeline.ingest.scheduling import due_sources
from archive_pipeline.model import Source
from archive_pipeline.workspace import Workspace

SIX = 'schedule = "6h"'
MORNING = 'schedule = "30 2 * * *"'


def test_only_enabled_sources_with_a_schedule_are_ever_due(archive: Any) -> None:
    archive.sources(sechs=SIX, aus=f"{SIX}\nenabled = false", ohne="")
    assert archive.visited() == ["sechs"]
    assert archive.visited() == []
    archive.later(hours=6)
    assert archive.visited() == ["sechs"]
    assert "Nichts fällig" in archive("run", "--due").stderr
    assert archive("-q", "run", "--due").output == ""


def test_named_sources_are_visited_when_due(archive: Any) -> None:
    archive.sources(eins=SIX, zwei=SIX)
    assert archive.visited("zwei") == ["zwei"]
    assert archive.visited() == ["eins"]
    archive("run", "--due", "drei", code=4)


def test_nothing_due_still_ends_with_a_summary(archive: Any) -> None:
    archive.sources(ohne="")
    [line] = archive.json("run", "--due")
    assert line["type"] == "run_summary"
    assert (line["new"], line["exit_code"], line["run"]) == (0, 0, None)
    assert "Keine eingeschaltete Quelle hat einen Zeitplan" in archive("run", "--due").stderr


def test_a_run_that_waited_for_another_one_repeats_none_of_its_visits(
    archive: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two timers at once: the second looks what is due before the first one has the archive to itself."""
    archive.sources(eins=SIX, zwei=SIX)

    def overtaken(workspace: Workspace, now: datetime) -> list[Source]:
        found = due_sources(workspace, now)
        monkeypatch.setattr(ingest, "due_sources", due_sources)
        assert archive.visited(*others) == visited
        return found

    others, visited = ["eins"], ["eins"]
    monkeypatch.setattr(ingest, "due_sources", overtaken)
    assert archive.visited() == ["zwei"]
    archive.later(hours=6)
    others, visited = [], ["eins", "zwei"]
    monkeypatch.setattr(ingest, "due_sources", overtaken)
    [line] = archive.json("run", "--due")
    assert (line["type"], line["run"], line["exit_code"]) == ("run_summary", None, 0)
    assert len(archive.json("runs", "list")) == 3
    archive.later(hours=6)
    monkeypatch.setattr(ingest, "due_sources", overtaken)
    assert "Nichts fällig" in archive("run", "--due").stderr


def test_downtime_is_caught_up_with_one_visit(archive: Any) -> None:
    archive.sources(sechs=SIX, nachts=MORNING)
    archive.visited()
    archive.later(days=5)
    assert archive.visited() == ["nachts", "sechs"]
    archive.later(minutes=15)
    assert archive.visited() == []


def test_a_visit_by_hand_counts_and_an_import_does_not(
    archive: Any, tmp_path: Path, text: Callable[[object], str]
) -> None:
    archive.sources(sechs=SIX)
    (tmp_path / "ordner").mkdir()
    (tmp_path / "ordner" / "a.txt").write_text(text(1), encoding="utf-8")
    archive("import", str(tmp_path / "ordner"), "--source", "sechs")
    assert archive.visited() == ["sechs"]
    archive.later(hours=5)
    archive("run", "sechs")
    archive.later(hours=2)
    assert archive.visited() == []
    archive.later(hours=4)
    assert archive.visited() == ["sechs"]


def test_snoozed_and_failing_sources_are_still_visited(archive: Any) -> None:
    archive.sources(ruht=f"{SIX}\nsnooze = {{until = 2030-01-01}}", kaputt=SIX)
    archive.offer("kaputt", error=("error", "HTTP 503"))
    assert archive.visited(code=3) == ["kaputt", "ruht"]
    assert archive.visited() == []
    archive.later(hours=6)
    assert archive.visited(code=3) == ["kaputt", "ruht"]


def test_each_due_visit_of_a_fortnight_happens_once(archive: Any) -> None:
    """A timer of four hours from before to after the autumn change of clocks, the machine off for two days."""
    archive.now = datetime(2026, 10, 19, 0, 1, tzinfo=UTC)
    archive.sources(nachts=MORNING, zwoelf='schedule = "12h"', werktags='schedule = "0 8 * * mon-fri"')
    visits: Counter[str] = Counter()
    for tick in range(14 * 6):
        if not 5 * 6 <= tick < 7 * 6:  # off on Saturday and on the Sunday on which the clocks change
            visits.update(archive.visited())
        archive.later(hours=4)
    # the first tick, nights 19 to 23, one for the two days off, nights 26 to 1
    assert visits == {"nachts": 1 + 5 + 1 + 7, "zwoelf": 12 * 2, "werktags": 1 + 5 + 5}


def test_what_is_due_when_an_hour_is_missing_or_comes_twice(archive: Any) -> None:
    archive.sources(nachts=MORNING)
    for midnight in (datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 10, 24, 22, tzinfo=UTC)):
        archive.now = midnight
        archive.visited()
        seen = []
        for _ in range(10):
            archive.later(minutes=30)
            seen += archive.visited()
        assert seen == ["nachts"]


def test_a_clock_that_was_wrong_does_not_stop_the_visits(archive: Any) -> None:
    archive.sources(sechs=SIX)
    right = archive.now
    archive.later(days=3000)
    archive.visited()
    archive.now = right
    assert archive.visited() == ["sechs"]
    assert archive.visited() == []
    archive.later(hours=6)
    assert archive.visited() == ["sechs"]


SLOW = """
import time
from archive_pipeline import Item, hookimpl
from pydantic import BaseModel
archive_pipeline_api = 1
class Options(BaseModel):
    pass
class Slow:
    options = Options
    def claims(self, url):
        return None
    def discover(self, source, context):
        yield Item(source_id=source.id, key="eins")
    def capture(self, item, source, context):
        yield context.put(item, b"Kreis Heinsberg. " * 30, media_type="text/plain")
        (context.base / "begonnen").touch()
        while (context.base / "langsam").exists():
            time.sleep(0.02)
@hookimpl
def register_fetchers(registry):
    registry.add("slow", Slow())
"""


@pytest.fixture
def killed(archive: Any) -> Any:
    """An archive whose first due run was killed when one source was done and a document of the other was captured."""
    archive.sources(schnell=SIX, langsam=SIX)
    (archive.folder / "plugins" / "slow.py").write_text(SLOW, encoding="utf-8")
    toml = archive.folder / "sources.toml"
    slow = toml.read_text(encoding="utf-8").replace(
        'id = "langsam"\nfetcher = "acted"', 'id = "langsam"\nfetcher = "slow"'
    )
    toml.write_text(slow, encoding="utf-8")
    (archive.folder / "langsam").touch()
    begun = archive.folder / "begonnen"
    with archive.running("run", "--due", until=lambda: begun.exists() and finished(archive.folder, "schnell")):
        pass
    (archive.folder / "langsam").unlink()
    archive.now = datetime.now(UTC)
    return archive


def test_a_killed_run_leaves_due_what_it_did_not_finish(killed: Any) -> None:
    assert killed.visited() == ["langsam"]
    assert killed.visited() == []


def test_taking_up_what_a_killed_run_captured_is_no_visit(killed: Any) -> None:
    killed("run", "schnell")
    assert killed.health("langsam")["health"] == "never_run"
    assert killed.visited() == ["langsam"]


def finished(folder: Path, source: str) -> bool:
    """Whether the journal has the visit of a source."""
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        return db.execute("SELECT 1 FROM run_source WHERE source_id = ?", [source]).fetchone() is not None


def test_next_times(archive: Any) -> None:
    archive.sources(sechs=SIX, nachts=MORNING, ohne="", aus=f"{SIX}\nenabled = false")
    assert [line["due"] for line in archive.json("schedule", "next")] == [True, True]
    archive.visited()
    archive.later(hours=1)
    lines = archive.json("schedule", "next")
    assert [(line["id"], line["next_run_at"][:16], line["due"]) for line in lines] == [
        ("sechs", "2026-11-02T12:00", False),
        ("nachts", "2026-11-03T01:30", False),
    ]
    shown = archive("schedule", "next").stdout
    assert shown.splitlines()[0].split() == ["02.11.2026", "13:00", "sechs", "6h"]
    assert shown.splitlines()[2] == "Ohne Zeitplan, nur von Hand: ohne"
    archive.later(days=4)
    assert "jetzt fällig" in archive("schedule", "next").stdout
    assert "überfällig, zuletzt 02.11.2026 07:00" in archive("schedule", "next").stdout
