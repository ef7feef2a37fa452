"""Every command on a small archive of our own, as a user types it."""

import csv
import io
import json
import os
import sqlite3
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HEINSBERG = """Landrat eröffnet neues Familienzentrum

Kreis Heinsberg. Der Landrat des Kreises Heinsberg hat am Montag in Hückelhoven ein Familienzentrum eröffnet.
Das Haus berät Eltern bei Erziehung, Sprachförderung und der Suche nach einem Kitaplatz.

„Familien brauchen kurze Wege“, sagte Landrat Peter Beispiel bei der Eröffnung. Rund 131.000 Euro gibt der
Kreis in diesem Jahr für das Haus aus. Die Flüchtlingsberatung zieht im Herbst mit ein.
"""

LIPPE = """SPD-Kreistagsfraktion fordert mehr Busse im Kreis Lippe

Detmold. Die SPD-Kreistagsfraktion Lippe fordert einen dichteren Takt der Busse zwischen Detmold und Lemgo.
„Wer kein Auto hat, darf nicht abgehängt werden“, sagte die Fraktionsvorsitzende Petra Muster im Kreistag.

Die Fraktion beantragt, den Nahverkehr um zehn Linien auszubauen. Über den Antrag berät der Verkehrsausschuss.
"""


@pytest.fixture
def archive(apl: Any, make_archive: Callable[..., Path]) -> Path:
    folder = make_archive({"heinsberg.txt": HEINSBERG, "lippe.txt": LIPPE})
    assert apl.json("-C", folder, "run", "--json")["new"] == 2
    return folder


def first_id(apl: Any, archive: Path, query: str) -> str:
    return str(apl.json("-C", archive, "search", query, "--json")["hits"][0]["id"])


def test_init_writes_a_configuration_that_is_valid(apl: Any, tmp_path: Path) -> None:
    apl("init", tmp_path / "neu")
    apl("-C", tmp_path / "neu", "sources", "check")
    before = (tmp_path / "neu" / "sources.toml").read_text(encoding="utf-8")
    done = apl("init", tmp_path / "neu", code=4)
    assert "gibt es schon" in done.stderr
    assert (tmp_path / "neu" / "sources.toml").read_text(encoding="utf-8") == before
    assert "whoosh" in apl("init", tmp_path / "anders", "--engine", "whosh", code=4).stderr
    assert not (tmp_path / "anders").exists()


def test_init_with_the_sample_runs_at_once(apl: Any, tmp_path: Path) -> None:
    apl("init", tmp_path, "--sample")
    summary = apl.json("-C", tmp_path, "run", "--json")
    assert summary["new"] >= 30
    assert summary["failed"] == 0


def test_no_archive_here(apl: Any, tmp_path: Path) -> None:
    for command in (["run"], ["search", "x"], ["show", "1234"], ["status"], ["rebuild"]):
        done = apl("-C", tmp_path, *command, code=10)
        assert "archive-pipeline init" in done.stderr
        assert "Traceback" not in done.stderr
    done = apl("-C", tmp_path, "search", "x", "--json", code=10)
    assert json.loads(done.stderr.splitlines()[-1])["code"] == 10


def test_the_folder_comes_from_the_environment_too(apl: Any, archive: Path) -> None:
    assert "2 Mitteilungen" in apl("status", ARCHIVE_PIPELINE_DIR=str(archive)).stdout


def test_search_words_filters_and_minus(apl: Any, archive: Path) -> None:
    def paths(*query: str) -> list[str]:
        found = apl.json("-C", archive, "search", *query, "--json")
        return sorted(hit["path"] for hit in found["hits"])

    assert paths("Fluechtling") == ["heinsberg.txt"]
    assert paths("kreis:Lippe") == ["lippe.txt"]
    assert paths("partei:spd") == ["lippe.txt"]
    assert paths("Kreistag OR Familienzentrum") == ["heinsberg.txt", "lippe.txt"]
    assert paths("Kreis", "-Busse") == ["heinsberg.txt"]
    assert paths("131000") == ["heinsberg.txt"]
    assert paths("quelle:eingang") == ["heinsberg.txt", "lippe.txt"]
    assert paths("datum:2020") == []


def test_search_for_people(apl: Any, archive: Path) -> None:
    done = apl("-C", archive, "search", "Flüchtlingsberatung")
    assert "Landrat eröffnet neues Familienzentrum" in done.stdout
    assert "Flüchtlingsberatung" in done.stdout
    assert "1 Treffer" in done.stdout + done.stderr
    nothing = apl("-C", archive, "search", "Xylophon")
    assert "0 Treffer" in nothing.stdout + nothing.stderr


def test_search_falls_back_only_without_match(apl: Any, archive: Path) -> None:
    lenient = apl.json("-C", archive, "search", "Busse Familienzentrum", "--json")
    assert lenient["total"] == 2
    assert lenient["notes"]
    strict = apl.json("-C", archive, "search", "Busse Familienzentrum", "--match", "all", "--json")
    assert strict["total"] == 0


def test_search_batch(apl: Any, archive: Path, tmp_path: Path) -> None:
    queries = tmp_path / "queries.jsonl"
    rows = [{"id": "a", "query": "Busse"}, {"id": "b", "query": '"offen'}, {"id": "c", "query": "", "gold": "x"}]
    queries.write_text("\n".join(map(json.dumps, rows)) + "\nkaputt\n", encoding="utf-8")
    done = apl("-C", archive, "search", "--batch", queries, "--limit", "10", "--match", "any")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["id"] for line in lines[:3]] == ["a", "b", "c"]
    assert len(lines) == 4
    hit = lines[0]["hits"][0]
    assert (hit["path"], hit["url"], lines[0]["total"]) == ("lippe.txt", None, 1)
    assert hit["score"] > 0
    assert set(hit) >= {"id", "url", "path", "title", "score"}


def test_explain(apl: Any, archive: Path) -> None:
    text = apl("-C", archive, "explain", 'kreis:Lippe "mehr Busse"').stdout
    assert "05766" in text


def test_show(apl: Any, archive: Path) -> None:
    release = first_id(apl, archive, "Familienzentrum")
    assert "Landrat eröffnet neues Familienzentrum" in apl("-C", archive, "show", release).stdout
    assert "Landrat eröffnet" in apl("-C", archive, "show", f"d/{release[:6]}").stdout
    why = apl("-C", archive, "show", release, "--why").stdout
    assert "Heinsberg" in why
    assert "district@" in why
    assert apl("-C", archive, "show", release, "--text").stdout.startswith("Kreis Heinsberg.")
    full = json.loads(apl("-C", archive, "show", release, "--json").stdout)
    assert full["article"]["title"] == "Landrat eröffnet neues Familienzentrum"
    apl("-C", archive, "show", release, "--removed")
    assert "search" in apl("-C", archive, "show", "ffffffff", code=1).stderr


def test_tag_decisions_win_and_survive_a_rebuild(apl: Any, archive: Path) -> None:
    release = first_id(apl, archive, "Busse")
    done = apl("-C", archive, "tag", release, "+topic:housing", "-party:spd", "--note", "zum Prüfen")
    assert "housing" in done.stdout
    assert "(spd)" not in done.stdout

    def check() -> None:
        assert apl.json("-C", archive, "search", "partei:spd", "--json")["total"] == 0
        found = apl.json("-C", archive, "search", "thema:housing", "--json")
        assert [hit["id"] for hit in found["hits"]] == [release]
        why = apl("-C", archive, "show", release, "--why").stdout
        assert "decision@" in why

    check()
    lines = (archive / "archive" / "decisions.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["add", "remove"]
    (archive / "archive" / "archive.db").unlink()
    assert apl.json("-C", archive, "rebuild", "--json")["decisions"] == 2
    check()
    assert "keine Änderung" in apl("-C", archive, "tag", release, "housing", code=2).stderr
    assert apl("-C", archive, "tag", release, "+party:spdd", code=4).stderr
    assert apl("-C", archive, "tag", "ffffffff", "+topic:housing", code=1).stderr
    assert len((archive / "archive" / "decisions.jsonl").read_text(encoding="utf-8").splitlines()) == 2


def test_a_missing_database_is_not_replaced_by_an_empty_one(apl: Any, archive: Path) -> None:
    (archive / "archive" / "archive.db").unlink()
    done = apl("-C", archive, "run", code=1)
    assert "rebuild" in done.stderr
    assert apl.json("-C", archive, "rebuild", "--json")["releases"] == 2


def test_damaged_warc_records_are_named(apl: Any, archive: Path) -> None:
    warc = next((archive / "archive" / "warc").rglob("*.warc.gz"))
    data = bytearray(warc.read_bytes())
    data[len(data) // 2] ^= 0xFF
    warc.write_bytes(data)
    done = apl("-C", archive, "rebuild", code=20)
    assert warc.name in done.stderr


def test_export(apl: Any, archive: Path, tmp_path: Path) -> None:
    lines = [json.loads(line) for line in apl("-C", archive, "export", "jsonl").stdout.splitlines()]
    assert sorted(line["path"] for line in lines) == ["heinsberg.txt", "lippe.txt"]
    apl("-C", archive, "export", "csv", "-o", tmp_path / "alles.csv")
    rows = list(csv.DictReader(io.StringIO((tmp_path / "alles.csv").read_text(encoding="utf-8"))))
    assert {row["path"]: row["districts"] for row in rows} == {"heinsberg.txt": "05370", "lippe.txt": "05766"}
    assert "jsonl" in apl("-C", archive, "export", "jsonal", code=4).stderr


def test_import(apl: Any, archive: Path, tmp_path: Path) -> None:
    for place in ("eins", "zwei"):
        (tmp_path / place / "pm").mkdir(parents=True)
        (tmp_path / place / "pm" / "a.txt").write_text(HEINSBERG + f"\nAusgabe {place}.\n", encoding="utf-8")
        (tmp_path / place / "pm" / "README.md").write_text("Hier liegen Dateien.", encoding="utf-8")
    first = apl.json("-C", archive, "import", tmp_path / "eins" / "pm", "--json")
    assert (first["new"], first["type"]) == (1, "run_summary")
    assert apl.json("-C", archive, "import", tmp_path / "eins" / "pm", "--json")["unchanged"] == 1
    clash = apl("-C", archive, "import", tmp_path / "zwei" / "pm", code=4)
    assert "--source" in clash.stderr
    assert apl.json("-C", archive, "import", tmp_path / "zwei" / "pm", "--source", "zwei", "--json")["new"] == 1
    single = tmp_path / "einzeln.txt"
    single.write_text(LIPPE + "\nNachtrag.\n", encoding="utf-8")
    assert apl.json("-C", archive, "import", single, "--json")["new"] == 1


def test_imported_error_pages_are_quarantined(apl: Any, archive: Path, tmp_path: Path) -> None:
    page = "<html><head><title>404 Not Found</title></head><body><h1>404 Not Found</h1></body></html>"
    (tmp_path / "seiten").mkdir()
    (tmp_path / "seiten" / "a.html").write_text(page, encoding="utf-8")
    assert apl.json("-C", archive, "import", tmp_path / "seiten", "--json")["quarantined"] == 1


def test_try_one_file(apl: Any, tmp_path: Path) -> None:
    path = tmp_path / "mitteilung.txt"
    path.write_text(HEINSBERG, encoding="utf-8")
    line = json.loads(apl("try", path, "--json").stdout)
    assert line["status"] == "accepted"
    assert line["title"] == "Landrat eröffnet neues Familienzentrum"
    assert [tag["value"] for tag in line["tags"] if tag["axis"] == "district" and tag["score"] >= 0.5] == ["05370"]
    assert {"removed", "timings"} <= set(line)
    for tag in line["tags"]:
        for span in tag["evidence"]:
            assert line[span["field"]][span["start"] : span["end"]] == span["text"]
    assert "05370" in apl("try", path).stdout
    assert apl("try", path, "--diff").stdout
    assert apl("try", tmp_path / "fehlt.txt", code=1).stderr
    assert apl("try", code=2).stderr


def test_try_refuses_private_addresses(apl: Any) -> None:
    done = apl("try", "http://127.0.0.1:9/presse", code=6)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("workers", ["1", "2"])
def test_try_batch_keeps_order_and_lines(apl: Any, tmp_path: Path, workers: str) -> None:
    (tmp_path / "a.txt").write_text(HEINSBERG, encoding="utf-8")
    (tmp_path / "b.txt").write_text(LIPPE, encoding="utf-8")
    (tmp_path / "leer.txt").write_bytes(b"")
    rows: list[Any] = [
        {"id": "fehlt", "path": "fehlt.txt", "url": None, "media_type": None, "source": None},
        {"id": "b", "path": "b.txt", "url": "https://www.example.org/1", "media_type": "text/plain", "source": None},
        {"id": "leer", "path": "leer.txt"},
        {"id": "ohne Pfad"},
        {"id": "a", "path": str(tmp_path / "a.txt"), "source": {"district": "05370", "language": "de"}},
    ]
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text("\n".join(map(json.dumps, rows)) + "\nkein JSON\n", encoding="utf-8")
    done = apl("try", "--batch", manifest, "--workers", workers)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["id"] for line in lines] == ["fehlt", "b", "leer", "ohne Pfad", "a", "line-6"]
    assert [line["status"] for line in lines] == ["failed", "accepted", "failed", "failed", "accepted", "failed"]
    assert all(line["reason"] for line in lines if line["status"] == "failed")
    wanted = {"title", "subtitle", "published", "published_confidence", "author", "language", "text", "teaser"}
    wanted |= {"dateline", "source_line", "contact", "embargo", "credits", "tags", "persons", "quotes"}
    assert all(wanted <= set(line) for line in lines)


def test_sources(apl: Any, archive: Path) -> None:
    rows = [json.loads(line) for line in apl("-C", archive, "sources", "list", "--json").stdout.splitlines()]
    assert [(row["id"], row["releases"]) for row in rows] == [("eingang", 2)]
    assert "eingang" in apl("-C", archive, "sources", "list").stdout
    path = archive / "sources.toml"
    path.write_text(path.read_text(encoding="utf-8") + 'kries = "05370"\n', encoding="utf-8")
    done = apl("-C", archive, "sources", "check", code=4)
    assert f"{path}:9:1" in done.stderr
    assert "kries" in done.stderr


def test_plugins(apl: Any, archive: Path) -> None:
    (archive / "plugins").mkdir()
    (archive / "plugins" / "kaputt.py").write_text("import gibtesnicht\n", encoding="utf-8")
    rows = [json.loads(line) for line in apl("-C", archive, "plugins", "list", "--json").stdout.splitlines()]
    broken = next(row for row in rows if row["name"] == "kaputt")
    assert broken["status"] == "quarantined"
    assert "gibtesnicht" in broken["error"]
    assert apl("-C", archive, "plugins", "check", archive / "plugins" / "kaputt.py", code=5).stderr
    assert apl.json("-C", archive, "run", "--json", code=3)["failed"] == 0
    assert apl("-C", archive, "doctor", code=3).stdout
    assert apl("-C", archive, "search", "Busse").returncode == 0


def test_status_and_doctor(apl: Any, archive: Path) -> None:
    assert json.loads(apl("-C", archive, "status", "--json").stdout)["releases"] == 2
    text = apl("-C", archive, "doctor").stdout
    assert "✖" not in text
    (archive / "archive" / "index").rename(archive / "archive" / "anderswo")
    assert "Index" in apl("-C", archive, "doctor", code=13).stdout
    assert apl.json("-C", archive, "search", "Busse", "--json")["total"] == 1


def test_locked(apl: Any, archive: Path) -> None:
    import fcntl

    handle = os.open(archive / "archive" / ".lock", os.O_RDWR)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        os.pwrite(handle, b"PID 4711 (run, seit 02:00)", 0)
        done = apl("-C", archive, "run", code=11)
        assert "PID 4711" in done.stderr
        assert apl.json("-C", archive, "search", "Busse", "--json")["total"] == 1
    finally:
        os.close(handle)


def test_a_newer_archive_is_left_alone(apl: Any, archive: Path) -> None:
    with sqlite3.connect(archive / "archive" / "archive.db") as db:
        db.execute(
            "INSERT INTO _sqlite_migrations (migration_set, name, applied_at) VALUES ('archive_pipeline', '9999', 'x')"
        )
    assert "neuer" in apl("-C", archive, "run", code=12).stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere: rights can only be tested as another user")
def test_a_folder_one_may_not_write_to(apl: Any, archive: Path) -> None:
    (archive / "archive").chmod(stat.S_IRUSR | stat.S_IXUSR)
    assert apl("-C", archive, "run", code=1).stderr


def test_demo(apl: Any, tmp_path: Path) -> None:
    done = apl("demo", tmp_path / "demo")
    assert "Weiter geht es mit" in done.stdout
    assert done.stdout.count("$ archive-pipeline") == 3
    commands = [line.split("archive-pipeline ")[1] for line in done.stdout.splitlines() if line.startswith("  archive")]
    assert len(commands) == 3
    import shlex

    for command in commands:
        once = ["--get", "/"] if command.endswith(" serve") else []
        assert apl(*shlex.split(command), *once).stdout
    again = apl("demo", tmp_path / "demo")
    assert "0 neu" in again.stdout
    (tmp_path / "fremd").mkdir()
    (tmp_path / "fremd" / "sources.toml").write_text("[archive]\n", encoding="utf-8")
    assert "Vorführung" in apl("demo", tmp_path / "fremd", code=4).stderr


def test_doctor_says_what_it_can_not_check_behind_a_proxy(apl: Any, tmp_path: Path) -> None:
    apl("init", tmp_path / "archiv")
    path = tmp_path / "archiv" / "sources.toml"
    text = path.read_text(encoding="utf-8")
    assert "Proxy" not in apl("-C", tmp_path / "archiv", "doctor").stdout
    changed = text.replace("[archive]\n", '[archive]\nproxy = "http://proxy.example.org:3128"\n', 1)
    path.write_text(changed, encoding="utf-8")
    assert "wohin Namen führen, weiß nur der Proxy" in apl("-C", tmp_path / "archiv", "doctor").stdout
