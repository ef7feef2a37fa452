"""A rebuild writes what the runs wrote, whatever happened to the documents between them, and the next run agrees."""

import dataclasses
import json
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.archive.database import open_database
from archive_pipeline.errors import ArchiveError
from archive_pipeline.ingest.committing import batched
from archive_pipeline.model import Source
from archive_pipeline.pipeline import run
from archive_pipeline.upkeep.rebuilding import rebuild
from archive_pipeline.warc import WarcStore
from archive_pipeline.workspace import open_workspace

TEXT = (
    "{title}\n\nKreis Heinsberg. Die neue Beratungsstelle für Zugewanderte hat {day} in Heinsberg eröffnet. "
    "Sie hilft bei Anträgen, Sprachkursen und der Suche nach Arbeit, teilte die Kreisverwaltung mit.\n\n"
    "Geöffnet ist sie von neun bis zwölf Uhr. Eine Anmeldung ist nicht nötig."
)
FIRST = TEXT.format(title="Neue Beratungsstelle in Heinsberg", day="am Montag")
SECOND = TEXT.format(title="Neue Beratungsstelle in Heinsberg", day="am Dienstag")
ERROR_PAGE = (
    "<!doctype html><html lang=de><head><title>404 - Seite nicht gefunden</title></head><body>"
    "<h1>404 – Seite nicht gefunden</h1><p>Die angeforderte Seite existiert leider nicht.</p></body></html>"
)

ROWS = {
    "release": "SELECT id, source_id, url, path, access, version_id, derivation, first_captured_at FROM release",
    "version": "SELECT release_id, id, number, sha256, captured_at, record_id FROM version",
    "tag": "SELECT release_id, version_id, derivation, axis, value, role, score, evidence FROM tag",
    "effective tags": "SELECT * FROM v_tag",
    "location": "SELECT * FROM location",
    "decision": "SELECT * FROM tag_decision",
    "capture": "SELECT record_id, key, kind, sha256, warc_offset, state, reason, release_id FROM capture",
    "item": "SELECT source_id, key, state, fingerprint, captured_fingerprint FROM item",
    "file": "SELECT * FROM warc_file",
    "event": "SELECT type, at, outcome, object, detail FROM event",
    "run": "SELECT * FROM run",
    "import": "SELECT id, import_root FROM source",
}


def page(text: str, around: str = "") -> str:
    title, *paragraphs = text.split("\n\n")
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f"<html lang=de><head><title>{title}</title></head><body><nav>{around}<a href=/>Start</a></nav>"
        f"<article><h1>{title}</h1>{body}</article></body></html>"
    )


def rows(folder: Path) -> dict[str, list[tuple[object, ...]]]:
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        return {name: sorted(db.execute(statement).fetchall(), key=repr) for name, statement in ROWS.items()}


def put(folder: Path, name: str, content: str) -> None:
    path = folder / "eingang" / name
    path.write_text(content, encoding="utf-8")
    os.utime(path, ns=(time.time_ns(), time.time_ns()))


def go(folder: Path) -> dict[str, int]:
    workspace = open_workspace(folder)
    report = run(workspace, workspace.config.sources)
    names = ("new", "changed", "unchanged", "quarantined", "failed")
    return {name: report.total(name) for name in names if report.total(name)}


def rebuilt_is_the_same(folder: Path) -> None:
    before = rows(folder)
    rebuild(open_workspace(folder))
    assert rows(folder) == before
    assert set(go(folder)) == {"unchanged"}
    assert rows(folder)["capture"] == before["capture"]


HISTORIES = {
    "there and back": ([("a.txt", FIRST), ("a.txt", SECOND), ("a.txt", FIRST)], {"changed": 1}),
    "only space changed": ([("a.txt", FIRST), ("a.txt", FIRST + "\n\n")], {"unchanged": 1}),
    "only the page around changed": ([("a.html", page(FIRST)), ("a.html", page(FIRST, "Neu"))], {"unchanged": 1}),
    "the text of another file": ([("a.txt", FIRST), ("b.txt", FIRST)], {"new": 1, "unchanged": 1}),
    "quarantined, then good": ([("a.html", ERROR_PAGE), ("a.html", page(FIRST))], {"new": 1}),
    "failed, then good": ([("a.txt", ""), ("a.txt", FIRST)], {"new": 1}),
    "good, then failed": ([("a.txt", FIRST), ("a.txt", "")], {"failed": 1}),
    "good, then quarantined": ([("a.html", page(FIRST)), ("a.html", ERROR_PAGE)], {"quarantined": 1}),
}


@pytest.mark.parametrize("name", sorted(HISTORIES))
def test_a_rebuild_after(make_archive: Callable[..., Path], name: str) -> None:
    steps, last = HISTORIES[name]
    folder = make_archive({})
    done: dict[str, int] = {}
    for file, content in steps:
        put(folder, file, content)
        done = go(folder)
    assert done == last
    rebuilt_is_the_same(folder)


def test_status_counts_what_is_so_now(apl: Any, make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"gut.txt": FIRST, "leer.txt": "", "seite.html": ERROR_PAGE})
    go(folder)
    put(folder, "seite.html", ERROR_PAGE)
    go(folder)
    source = apl.json("-C", folder, "status", "--json")["sources"][0]
    assert (source["failed"], source["quarantined"]) == (1, 1)
    put(folder, "leer.txt", SECOND)
    put(folder, "seite.html", page(SECOND))
    go(folder)
    source = apl.json("-C", folder, "status", "--json")["sources"][0]
    assert (source["failed"], source["quarantined"]) == (0, 0)


def test_a_rebuild_keeps_decisions_on_a_release_that_changed(apl: Any, make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"a.txt": FIRST})
    go(folder)
    release = str(rows(folder)["release"][0][0])
    apl("-C", folder, "tag", release, "-district:05370", "+topic:housing")
    put(folder, "a.txt", SECOND)
    assert go(folder) == {"changed": 1}
    apl("-C", folder, "tag", release, "-topic:housing", "+topic:housing", "+party:spd", "-party:spd")
    values = {row[2] for row in rows(folder)["effective tags"]}
    assert "housing" in values
    assert not values & {"05370", "spd"}
    rebuilt_is_the_same(folder)


def test_a_rebuild_without_the_gate_and_with_other_sources(
    apl: Any, make_archive: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_archive({"a.txt": FIRST})
    short = tmp_path / "kurz"
    short.mkdir()
    (short / "a.html").write_text(page("Kurz gesagt\n\nNur ein Satz."), encoding="utf-8")
    assert apl.json("-C", folder, "import", short, "--json")["quarantined"] == 1
    assert apl.json("-C", folder, "import", short, "--source", "kurz", "--no-gate", "--json")["new"] == 1
    go(folder)
    before = rows(folder)
    settings = (folder / "sources.toml").read_text(encoding="utf-8")
    (folder / "sources.toml").write_text(settings.replace('"eingang"', '"anders"', 1), encoding="utf-8")
    rebuild(open_workspace(folder))
    assert rows(folder) == before


def test_a_server_that_says_nothing_changed(tmp_path: Path, serve: Any) -> None:
    """Answers that were no captures to the runs are none to the rebuild either."""
    folder = tmp_path / "archiv"
    folder.mkdir()
    entries = ("gut", "fehler")
    answers = {"/gut": page(FIRST), "/fehler": ERROR_PAGE}
    with serve(answers) as base:
        (folder / "sources.toml").write_text(
            '[archive]\nrequest_interval = 0\n[[source]]\nid = "feed"\ntitle = "Feed"\nfetcher = "feed"\n'
            f'url = "{base}/feed"\nallow_private = true\n',
            encoding="utf-8",
        )
        for number in range(3):
            items = "".join(
                f"<item><title>{name}</title><link>{base}/{name}</link><guid>{name}-{number}</guid></item>"
                for name in entries
            )
            answers["/feed"] = f'<?xml version="1.0"?><rss version="2.0"><channel>{items}</channel></rss>'
            done = go(folder)
        assert done == {"unchanged": 2}
        before = rows(folder)
        rebuild(open_workspace(folder))
        assert rows(folder) == before
        assert go(folder) == {"unchanged": 2}


KILLED = """
import os, sys
from pathlib import Path
from archive_pipeline.upkeep.rebuilding import rebuild
from archive_pipeline.workspace import Workspace, open_workspace
setattr(Workspace, sys.argv[2], lambda *_, **__: os._exit(9))
rebuild(open_workspace(Path(sys.argv[1])))
"""
"""A rebuild that dies where it would take a step."""


@pytest.mark.parametrize("step", ["build_index", "remove_index", "install_index"])
def test_a_rebuild_killed_at_its_steps_leaves_no_old_index_with_a_new_database(
    apl: Any, make_archive: Callable[..., Path], tmp_path: Path, step: str
) -> None:
    folder = make_archive({"a.txt": FIRST, "b.txt": SECOND})
    go(folder)
    before = rows(folder)
    index = folder / "archive" / "index" / "whoosh"
    script = tmp_path / "killed.py"
    script.write_text(KILLED, encoding="utf-8")
    apl.run(script, folder, step, code=9)
    if step == "install_index":
        assert not index.exists()
    assert rows(folder) == before
    assert apl.json("-C", folder, "search", "Beratungsstelle", "--json")["total"] == 2
    rebuilt_is_the_same(folder)


def test_a_rebuild_that_fails_leaves_everything_as_it_was(make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"a.txt": FIRST})
    go(folder)
    decisions = folder / "archive" / "decisions.jsonl"
    decisions.write_text('{"id": 5}\n', encoding="utf-8")
    before, names = rows(folder), sorted(path.name for path in (folder / "archive").iterdir())
    with pytest.raises(ArchiveError, match=r"decisions\.jsonl:1"):
        rebuild(open_workspace(folder))
    assert rows(folder) == before
    assert sorted(path.name for path in (folder / "archive").iterdir()) == names


def test_a_decision_that_was_written_and_not_applied_is_taken_up(apl: Any, make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"a.txt": FIRST})
    go(folder)
    release = str(rows(folder)["release"][0][0])
    apl("-C", folder, "tag", release, "+topic:housing")
    path = folder / "archive" / "decisions.jsonl"
    line = json.loads(path.read_text(encoding="utf-8"))
    killed = json.dumps(line | {"id": "killed", "value": "energy", "label": "Energie"})
    path.write_text(f"{json.dumps(line)}\n{killed}\n{killed[:60]}", encoding="utf-8")
    go(folder)
    assert apl.json("-C", folder, "search", "thema:energy", "--json")["total"] == 1
    apl("-C", folder, "tag", release, "+topic:health")
    rebuilt_is_the_same(folder)


def test_an_unreadable_decision_stops_no_run_but_is_told(apl: Any, make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"a.txt": FIRST})
    go(folder)
    (folder / "archive" / "decisions.jsonl").write_text('{"id": 5}\n', encoding="utf-8")
    put(folder, "b.txt", SECOND)
    assert go(folder) == {"new": 1, "unchanged": 1}
    assert "decisions.jsonl:1" in apl("-C", folder, "doctor", code=20).stdout
    assert "decisions.jsonl:1" in apl("-C", folder, "tag", "abcd", "+topic:housing", code=1).stderr


def test_a_damaged_record_behind_the_known_length_stops_no_run(make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"a.txt": FIRST})
    go(folder)
    database = folder / "archive" / "archive.db"
    shutil.copy(database, folder / "stand.db")
    put(folder, "b.txt", SECOND)
    put(folder, "c.txt", TEXT.format(title="Dritte", day="am Mittwoch"))
    known = next((folder / "archive" / "warc").rglob("*.gz")).stat().st_size
    assert go(folder)["new"] == 2
    shutil.copy(folder / "stand.db", database)
    warc = next((folder / "archive" / "warc").rglob("*.gz"))
    data = bytearray(warc.read_bytes())
    data[known + 200] ^= 0xFF
    warc.write_bytes(data)
    assert go(folder) == {"new": 2, "unchanged": 1}
    with sqlite3.connect(database) as db:
        assert warc.name in db.execute("SELECT detail FROM event WHERE object = 'warc'").fetchone()[0]


def test_a_database_that_was_lost_to_the_last_row_is_taken_up_without_new_captures(
    make_archive: Callable[..., Path],
) -> None:
    folder = make_archive({"a.txt": FIRST})
    go(folder)
    before = rows(folder)
    database = folder / "archive" / "archive.db"
    database.unlink()
    database.touch()
    assert go(folder) == {"new": 1}
    after = rows(folder)
    assert all(after[name] == before[name] for name in ("release", "version", "capture", "item"))


def test_captures_are_read_in_bounded_batches(make_archive: Callable[..., Path]) -> None:
    folder = make_archive({f"{number}.txt": FIRST + str(number) for number in range(30)})
    go(folder)
    store = WarcStore(folder / "archive", software="test", operator="", clock=lambda: pytest.fail("no clock"))
    stored = list(store.captures())
    assert [len(batch) for batch in batched(stored)] == [25, 5]
    large = dataclasses.replace(stored[0], capture=dataclasses.replace(stored[0].capture, body=b"x" * 20_000_000))
    assert [len(batch) for batch in batched([large] * 5)] == [2, 2, 1]


def test_a_reader_sees_one_state(make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"a.txt": FIRST})
    go(folder)
    with open_workspace(folder).reading() as db:
        assert next(db.query("SELECT count(*) AS n FROM version"))["n"] == 1
        put(folder, "a.txt", SECOND)
        assert go(folder) == {"changed": 1}
        assert next(db.query("SELECT count(*) AS n FROM version"))["n"] == 1


def test_opening_for_reading_makes_no_database(tmp_path: Path) -> None:
    (tmp_path / "archive.db").mkdir()
    with pytest.raises(ArchiveError):
        open_database(tmp_path / "archive.db")
    with pytest.raises(ArchiveError):
        open_database(tmp_path / "fehlt.db")
    assert not (tmp_path / "fehlt.db").exists()


def test_a_limit_reaches_what_lies_behind_failures(make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"a.txt": "x" * 5000, "b.txt": FIRST, "c.txt": SECOND}, settings="max_bytes = 4000")
    workspace = open_workspace(folder)
    results = [run(workspace, workspace.config.sources, limit=1) for _ in range(3)]
    assert [(report.total("new"), report.total("failed")) for report in results] == [(0, 1), (1, 0), (1, 0)]


FULL = """
import resource, sys
from archive_pipeline.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
sys.argv = ["archive-pipeline", "-C", sys.argv[1], "run"]
main()
"""
"""A run none of whose files may grow beyond 40 kB: what a full disk looks like."""


@pytest.mark.skipif(sys.platform != "linux", reason="file size limits are tested on Linux")
def test_a_full_disk_ends_the_run_with_one_error_and_the_next_one_goes_on(
    apl: Any, make_archive: Callable[..., Path], tmp_path: Path
) -> None:
    noise = "\n\n".join(f"{os.urandom(40).hex()} Absatz {number} der Meldung." for number in range(40))
    folder = make_archive({f"{number:02}.txt": f"{FIRST}\n\n{number} {noise}" for number in range(60)})
    script = tmp_path / "full.py"
    script.write_text(FULL, encoding="utf-8")
    done = apl.run(script, folder, code=1)
    assert done.stderr.count("Fehler:") == 1
    assert "doctor" in done.stderr
    go(folder)
    assert len(rows(folder)["release"]) == 60
    assert len(rows(folder)["capture"]) == 60
    rebuilt_is_the_same(folder)


def test_a_source_keeps_its_id_apart(apl: Any, make_archive: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_archive({"a.txt": FIRST})
    for place in ("eins", "zwei"):
        (tmp_path / place / "pm").mkdir(parents=True)
        (tmp_path / place / "pm" / "a.txt").write_text(f"{FIRST}\n\nAusgabe {place}.", encoding="utf-8")
    assert "a/b" in apl("-C", folder, "import", tmp_path / "eins" / "pm", "--source", "a/b", code=2).stderr
    assert apl.json("-C", folder, "import", tmp_path / "eins" / "pm", "--json")["new"] == 1
    apl("-C", folder, "rebuild")
    apl("-C", folder, "import", tmp_path / "zwei" / "pm", code=4)
    (folder / "archive" / "archive.db").unlink()
    apl("-C", folder, "rebuild")
    assert "import-pm" in apl("-C", folder, "import", tmp_path / "zwei" / "pm", code=4).stderr
    again = apl.json("-C", folder, "import", tmp_path / "eins" / "pm", "--source", "import-pm", "--json")
    assert again["unchanged"] == 1
    settings = '\n[[source]]\nid = "import-eins"\ntitle = "Eins"\nfetcher = "folder"\npath = "eingang"\n'
    with (folder / "sources.toml").open("a", encoding="utf-8") as file:
        file.write(settings)
    assert "--source" in apl("-C", folder, "import", tmp_path / "eins", code=4).stderr


def test_the_values_of_a_source_are_plain(make_archive: Callable[..., Path]) -> None:
    """What the database says of a source is what the WARC files say: no path of this machine."""
    folder = make_archive({"a.txt": FIRST})
    workspace = open_workspace(folder)
    absolute = dataclasses.replace(workspace.config.sources[0], path=str(folder / "eingang"))
    assert isinstance(absolute, Source)
    run(workspace, [absolute])
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        assert db.execute("SELECT path FROM source").fetchone() == (None,)
