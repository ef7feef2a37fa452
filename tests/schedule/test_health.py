"""What `status` says of a source, after visits in which things really went that way."""

import os
import sqlite3
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from archive_pipeline.archive.lock import writer_lock
from archive_pipeline.ingest.scheduling import source_healths
from archive_pipeline.workspace import open_workspace

SIX = 'schedule = "6h"'
Text = Callable[[object], str]


def test_a_source_that_was_never_visited(archive: Any) -> None:
    archive.sources(neu=SIX, alt=SIX)
    archive("run", "alt")
    found = archive.health("neu", code=0)
    assert (found["health"], found["cause"]) == ("never_run", "noch nie besucht")
    assert found["remedy"] == "archive-pipeline run neu"


def test_an_empty_list_is_no_failure(archive: Any) -> None:
    archive.sources(leer=SIX)
    for _ in range(3):
        archive("run")
        archive.later(days=30)
    archive("run")
    found = archive.health("leer", code=0)
    assert (found["health"], found["cause"], found["remedy"]) == ("ok", "", "")


@pytest.mark.parametrize("kind", ["error", "empty_selector", "needs_javascript"])
def test_what_keeps_a_list_from_being_read(archive: Any, text: Text, kind: str) -> None:
    archive.sources(quelle=SIX)
    archive.offer("quelle", eins=text(1))
    archive("run")
    archive.later(hours=6)
    archive.offer("quelle", error=(kind, "die Ursache"))
    archive("run", code=3)
    found = archive.health("quelle", code=3)
    assert found["health"] == ("failing" if kind == "error" else kind)
    assert found["cause"] == "beim Besuch am 02.11.2026 13:00: die Ursache"
    assert "quelle" in found["remedy"] or "discover" in found["remedy"]
    for _ in range(2):
        archive.later(hours=6)
        archive("run", code=3)
    found = archive.health("quelle", code=3)
    assert found["cause"] == "seit 02.11.2026 13:00 (3 Besuche): die Ursache"
    assert found["since"].startswith("2026-11-02T12:00")
    archive.offer("quelle", eins=text(1))
    archive.later(hours=6)
    archive("run")
    assert archive.health("quelle", code=0)["health"] == "ok"


def test_a_refusal_is_told_and_alarms_nobody(archive: Any, text: Text) -> None:
    archive.sources(quelle=SIX)
    archive.offer("quelle", error=("refused", "robots.txt untersagt das"))
    archive("run")
    found = archive.health("quelle", code=0)
    assert (found["health"], found["cause"]) == (
        "refused",
        "beim Besuch am 02.11.2026 07:00: robots.txt untersagt das",
    )
    archive.later(hours=6)
    archive.offer("quelle", eins=text(1))
    archive("run")
    assert archive.health("quelle", code=0)["health"] == "ok"


def test_a_snoozed_source_alarms_nobody_until_its_day_is_over(archive: Any) -> None:
    archive.sources(quelle='snooze = {until = 2026-11-03, note = "Umbau"}')
    archive.offer("quelle", error=("error", "HTTP 503"))
    archive("run", code=3)
    shown = archive("status", code=0).stdout
    assert "zurückgestellt" in shown
    assert "bis 03.11.2026: Umbau" in shown
    assert archive.health("quelle", code=0)["snoozed"]
    archive.later(hours=40, minutes=59)  # one minute to midnight in Germany
    assert archive.health("quelle", code=0)["health"] == "failing"
    archive.later(minutes=2)
    assert not archive.health("quelle", code=3)["snoozed"]


def test_one_document_that_fails_is_no_broken_source(archive: Any, text: Text) -> None:
    archive.sources(quelle="")
    archive.offer("quelle", eins={"error": "HTTP 404"})
    archive("run", code=3)
    found = archive.health("quelle", code=0)
    assert (found["health"], found["failed"]) == ("ok", 1)


def test_most_of_the_newest_documents_failing_is_one(archive: Any, text: Text) -> None:
    archive.sources(quelle="")
    good = {f"alt{number}": text(number) for number in range(6)}
    archive.offer("quelle", **good)
    archive("run")
    archive.offer("quelle", **good, neu1={"error": "HTTP 403"})
    archive.later(days=1)
    archive("run", code=3)
    assert archive.health("quelle", code=0)["health"] == "ok"
    archive.offer("quelle", **good, neu1={"error": "HTTP 403"}, neu2={"error": "HTTP 403"})
    archive.later(days=1)
    archive("run", code=3)
    found = archive.health("quelle", code=3)
    assert (found["health"], found["cause"]) == ("failing", "die 2 neuesten Dokumente fehlgeschlagen: HTTP 403")
    # a visit that leaves them alone, because they wait for their next attempt, changes nothing
    archive.later(minutes=5)
    archive.offer("quelle", **good)
    archive("run", code=None)
    assert archive.health("quelle", code=3)["health"] == "failing"
    archive.offer("quelle", **good, neu1=text("eins"), neu2=text("zwei"))
    archive.later(days=1)
    archive("run")
    assert archive.health("quelle", code=0)["health"] == "ok"


def test_documents_that_need_a_browser_say_so(archive: Any) -> None:
    archive.sources(quelle="")
    archive.offer("quelle", a={"needs_javascript": "leere Hülle"}, b={"needs_javascript": "leere Hülle"})
    archive("run", code=3)
    assert archive.health("quelle", code=3)["health"] == "needs_javascript"


def test_documents_nobody_can_read_count_as_failed(archive: Any, text: Text) -> None:
    archive.sources(quelle="")
    archive.offer("quelle", a={"unreadable": "x"}, b={"unreadable": "y"}, c=text(1))
    archive("run", code=3)
    found = archive.health("quelle", code=3)
    assert found["health"] == "failing"
    assert found["cause"].startswith("2 der 3 neuesten Dokumente fehlgeschlagen: ")


def test_documents_that_are_refused(archive: Any, text: Text) -> None:
    archive.sources(quelle="")
    archive.offer("quelle", a={"refused": "Rechtevorbehalt"}, b={"refused": "Rechtevorbehalt"}, c=text(1))
    archive("run")
    found = archive.health("quelle", code=0)
    assert (found["health"], found["cause"]) == ("refused", "2 der 3 neuesten Dokumente abgelehnt: Rechtevorbehalt")


def published(text: Text, *days: date) -> dict[str, dict[str, str]]:
    return {
        f"m{number}": {"text": f"{text(number)}\n\nStand: {day:%d.%m.%Y}", "published": day.isoformat()}
        for number, day in enumerate(days)
    }


def test_silence_longer_than_expected(archive: Any, text: Text) -> None:
    archive.sources(erwartet='expected = "14d"', ohne="")
    documents = published(text, date(2026, 11, 1))
    for name in ("erwartet", "ohne"):
        archive.offer(name, **documents)
    archive("run")
    for days in (6, 7):
        archive.later(days=days)
        archive("run")
        assert archive.health("erwartet", code=0)["health"] == "ok"
    archive.later(days=3)
    assert archive.health("erwartet", code=0)["health"] == "ok", "nobody has looked since"
    archive("run")
    found = archive.health("erwartet", code=0)
    assert found["health"] == "quiet"
    assert found["cause"] == "16 Tage ohne neue Mitteilung, zuletzt am 01.11.2026 (erwartet: höchstens 14 Tage)"
    assert archive.health("ohne", code=0)["health"] == "ok", "a rhythm needs five days of publication"
    archive.offer("erwartet", **published(text, date(2026, 11, 1), date(2026, 11, 18)))
    archive("run")
    assert archive.health("erwartet", code=0)["health"] == "ok"


def test_silence_longer_than_is_usual(archive: Any, text: Text) -> None:
    """Weekly, with a summer break long ago: six weeks are no measure for a winter."""
    weekly = [date(2026, 11, 2) - timedelta(days=7 * week) for week in range(20)]
    before = [weekly[-1] - timedelta(days=45 + 7 * week) for week in range(5)]
    archive.sources(woechentlich="")
    archive.offer("woechentlich", **published(text, *weekly, *before))
    archive("run")
    archive.later(days=20)
    archive("run")
    assert archive.health("woechentlich", code=0)["health"] == "ok"
    archive.later(days=3)
    archive("run")
    found = archive.health("woechentlich", code=0)
    assert found["health"] == "quiet"
    assert "(üblich: höchstens 7 Tage)" in found["cause"]


def test_a_source_that_died_before_we_came_is_quiet_at_once(archive: Any, text: Text) -> None:
    archive.sources(tot="")
    archive.offer("tot", **published(text, *(date(2024, 3, day) for day in (1, 5, 9, 14, 20, 22))))
    archive("run")
    assert archive.health("tot", code=0)["health"] == "quiet"


def test_nothing_at_all_since_the_first_visit(archive: Any) -> None:
    archive.sources(leer='expected = "36h"')
    archive("run")
    assert archive.health("leer", code=0)["health"] == "ok"
    archive.later(days=2)
    archive("run")
    found = archive.health("leer", code=0)
    assert (
        found["cause"] == "2 Tage ohne Mitteilung, erster Besuch am 02.11.2026 07:00 (erwartet: höchstens 36 Stunden)"
    )


def test_news_that_could_not_be_archived_are_no_silence(archive: Any, text: Text) -> None:
    archive.sources(quelle='expected = "7d"')
    archive.offer("quelle", **published(text, date(2026, 11, 1)))
    archive("run")
    archive.later(days=10)
    archive.offer("quelle", **published(text, date(2026, 11, 1)), neu={"error": "HTTP 404"})
    archive("run", code=3)
    assert archive.health("quelle", code=0)["health"] == "ok"


def test_a_dead_timer_is_told(archive: Any) -> None:
    archive.sources(quelle=SIX, nachts='schedule = "0 2 * * *"', hand="")
    archive("run")
    archive.later(hours=12)
    assert not archive.health("quelle", code=0)["overdue"]
    archive.later(hours=1)
    found = archive.health("quelle", code=3)
    assert (found["overdue"], found["health"]) == (True, "ok")
    assert found["cause"] == "überfällig: zuletzt besucht 02.11.2026 07:00"
    assert "run --due" in found["remedy"]
    with writer_lock(archive.folder / "archive", "run", archive.now - timedelta(hours=12)):
        found = archive.health("quelle", code=3)
        assert f"am Werk ist seitdem PID {os.getpid()} (run, seit 02.11.2026 08:00)" in found["cause"]
        assert f"kill {os.getpid()}" in found["remedy"]
    assert not archive.health("nachts")["overdue"]
    archive.later(days=2)
    assert archive.health("nachts")["overdue"]
    assert "✖ überfällig" in archive("status", code=3).stdout
    archive("run", "--due")
    assert "überfällig" not in archive("status", code=0).stdout


def test_a_source_whose_plugin_is_missing(archive: Any) -> None:
    archive.sources(quelle="", gut="")
    archive("run")
    toml = archive.folder / "sources.toml"
    toml.write_text(
        toml.read_text().replace('id = "quelle"\nfetcher = "acted"', 'id = "quelle"\nfetcher = "fort"'),
        encoding="utf-8",
    )
    (archive.folder / "plugins" / "fort.py").write_text("raise RuntimeError('kaputt')", encoding="utf-8")
    found = archive.health("quelle", code=3)
    assert found["health"] == "failing"
    assert "fort" in found["cause"]
    assert found["remedy"] == "archive-pipeline plugins list"


def test_status_for_people(archive: Any, text: Text, tmp_path: Any) -> None:
    archive.sources(
        gut=SIX, kaputt=SIX, still='expected = "1d"', aus="enabled = false", ruht="snooze = {until = 2027-01-01}"
    )
    archive.offer("gut", eins=text(1))
    archive.offer("kaputt", error=("empty_selector", 'Selektor "article.pm" traf nichts'))
    archive.offer("still", **published(text, date(2026, 10, 1)))
    (tmp_path / "ordner").mkdir()
    (tmp_path / "ordner" / "a.txt").write_text(text(9), encoding="utf-8")
    archive("import", str(tmp_path / "ordner"))
    archive.later(minutes=1)
    archive("run", code=3)
    lines = archive("status", code=3).stdout.splitlines()
    empty = lines.index("")
    assert lines[empty + 1 :] == [
        "✔ in Ordnung     gut                           1 Mitteilung",
        "! still          still                         1 Mitteilung",
        "    31 Tage ohne neue Mitteilung, zuletzt am 01.10.2026 (erwartet: höchstens 1 Tag)",
        "    → nachsehen, ob die Quelle umgezogen ist: archive-pipeline sources test still",
        "✖ Selektor leer  kaputt                        0 Mitteilungen",
        '    beim Besuch am 02.11.2026 07:01: Selektor "article.pm" traf nichts',
        "    → Selektoren an den neuen Aufbau der Seite anpassen: archive-pipeline sources test kaputt",
        "z zurückgestellt  ruht bis 01.01.2027",
        "Ausgeschaltet: aus",
        "· nur im Archiv  import-ordner                 1 Mitteilung",
        "4 Quellen: 1 in Ordnung, 1 still, 1 Selektor leer, 1 zurückgestellt",
        "1 Fehler im letzten Lauf: archive-pipeline status --failures",
    ]
    assert any(line.startswith("Zeitplan       2 Quellen · als nächste gut: 02.11.2026 13:01") for line in lines)
    fields = archive.health("gut")
    assert set(fields) >= {"id", "releases", "pending", "failed", "quarantined", "last_run_at", "last_failure"}
    assert fields["next_run_at"].startswith("2026-11-02T12:01")
    assert archive.health("aus")["health"] is None


def test_status_of_a_large_archive_asks_the_database_little(archive: Any, text: Text) -> None:
    """A hundred thousand items, requests and captures, most of them of one source: the questions find their indexes."""
    archive.sources(gross=SIX)
    archive.offer("gross", **published(text, date(2026, 11, 1)))
    archive("run")
    with sqlite3.connect(archive.folder / "archive" / "archive.db") as db:
        multiply(db, 20_000)
        steps = 0

        def count() -> int:
            nonlocal steps
            steps += 1
            return 0

    workspace = open_workspace(archive.folder)
    with workspace.reading() as db:
        db.conn.set_progress_handler(count, 1000)
        found = list(source_healths(workspace.config, db, archive.now))
    assert [health.health.state for health in found] == ["ok"]
    assert steps < 1500, f"{steps} thousand steps of SQLite's machine"


def multiply(db: sqlite3.Connection, count: int) -> None:
    """Copies of the one release, its item and the one visit."""
    numbers = f"WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {count})"
    for table, key in (("item", "key"), ("release", "id"), ("run_source", "run_id")):
        columns = [row[1] for row in db.execute(f"PRAGMA table_info({table})")]
        copied = ", ".join(f"t.{name} || n.x" if name == key else f"t.{name}" for name in columns)
        db.execute("PRAGMA foreign_keys = OFF")
        db.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) {numbers} "
            f"SELECT {copied} FROM n, (SELECT * FROM {table} LIMIT 1) t"
        )
