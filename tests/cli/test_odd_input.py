"""Input nobody expects: a clear answer or the right one, never a traceback, never a wrong exit code."""

import json
import os
import pty
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TEXT = (
    "Landrat eröffnet Haus der Gesundheit\n\n"
    "Kreis Heinsberg. Der Landrat des Kreises Heinsberg hat am Montag in Hückelhoven ein Haus eröffnet. "
    "Es berät Eltern bei Erziehung, Sprachförderung und der Suche nach einem Kitaplatz.\n\n"
    "Die Beratung ist kostenlos und beginnt im Herbst."
)


@pytest.fixture
def archive(apl: Any, make_archive: Callable[..., Path]) -> Path:
    folder = make_archive({"a.txt": TEXT, "b.txt": TEXT.replace("Montag", "Dienstag")})
    assert apl.json("-C", folder, "run", "--json")["new"] == 2
    return folder


def some_id(apl: Any, archive: Path) -> str:
    return str(apl.json("-C", archive, "search", "Landrat", "--json")["hits"][0]["id"])


def spawn(*arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """A real process of its own, for what concerns its streams."""
    command = [sys.executable, "-c", "from archive_pipeline.cli.main import main; main()", *map(str, arguments)]
    return subprocess.run(command, check=False, timeout=60, stderr=subprocess.PIPE, **options)


@pytest.mark.parametrize("word", ["-haus", "-hückelhoven", "-h", "-qv"])
def test_one_dash_excludes_a_word_whatever_its_letters(apl: Any, archive: Path, word: str) -> None:
    found = apl.json("-C", archive, "search", "Landrat", word, "--json")
    assert "NICHT" in found["understood"]
    assert "NICHT" in apl("-C", archive, "explain", word).stdout


def test_tags_are_removed_whatever_their_letters(apl: Any, archive: Path) -> None:
    done = apl("-C", archive, "tag", some_id(apl, archive), "+topic:health", "-topic:health")
    assert "Thema" in done.stdout
    assert "Usage" not in done.stdout
    assert len((archive / "archive" / "decisions.jsonl").read_text(encoding="utf-8").splitlines()) == 2


def test_options_are_known_by_two_dashes(apl: Any, archive: Path) -> None:
    assert "--limit" in apl("-C", archive, "search", "Landrat", "--limti", "3", code=2).stderr
    assert apl("-C", archive, "search", "--", "--json").stdout


def test_several_decisions_are_taken_together_or_not_at_all(apl: Any, archive: Path) -> None:
    release = some_id(apl, archive)
    apl("-C", archive, "tag", release, "+topic:housing", "-party:spdd", code=4)
    assert not (archive / "archive" / "decisions.jsonl").exists()


def test_what_a_release_carries_can_be_removed_though_no_vocabulary_has_it(apl: Any, archive: Path) -> None:
    release = some_id(apl, archive)
    with sqlite3.connect(archive / "archive" / "archive.db") as db:
        db.execute("UPDATE tag SET value = 'bund@05370' WHERE release_id = ? AND axis = 'district'", [release])
    assert "bund@05370" not in apl("-C", archive, "tag", release, "-district:bund@05370").stdout


def test_the_id_that_show_prints_can_be_shown(apl: Any, archive: Path) -> None:
    shown = apl("-C", archive, "show", some_id(apl, archive)).stdout
    name = next(line.split()[1] for line in shown.splitlines() if line.startswith("Kennung"))
    assert "@" in name
    assert apl("-C", archive, "show", name).stdout == shown
    old = apl("-C", archive, "show", f"{name.partition('@')[0]}@0123456789abcdef.1", code=1)
    assert "gibt es nicht" in old.stderr


def test_bytes_that_are_no_utf_8_in_arguments_and_names(apl: Any, archive: Path, tmp_path: Path) -> None:
    folder = Path(os.fsdecode(os.fsencode(tmp_path) + b"/ord\xfcner"))
    folder.mkdir()
    (folder / os.fsdecode(b"m\xfcll.txt")).write_text(TEXT, encoding="utf-8")
    for path in (folder, folder / os.fsdecode(b"m\xfcll.txt")):
        assert apl.json("-C", archive, "import", path, "--json")["new"] == 1
    assert apl.json("try", "--json", folder / os.fsdecode(b"m\xfcll.txt"))["status"] == "accepted"
    release = some_id(apl, archive)
    apl("-C", archive, "tag", release, os.fsdecode(b"+organisation:\xff"))
    apl("-C", archive, "rebuild")


def test_a_batch_survives_every_line(apl: Any, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(TEXT, encoding="utf-8")
    lines = [
        b'\xef\xbb\xbf{"id": "bom", "path": "a.txt"}',
        b'{"id": "nul", "path": "a\\u0000b"}',
        b'{"id": "long", "path": "' + b"x" * 5000 + b'"}',
        b'{"id": "folder", "path": "."}',
        b'{"id": "\\ud800", "path": "a.txt"}',
        b"[]",
    ]
    (tmp_path / "m.jsonl").write_bytes(b"\n".join(lines))
    done = apl("try", "--batch", tmp_path / "m.jsonl")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["id"], row["status"]) for row in rows[:4]] == [
        ("bom", "accepted"),
        ("nul", "failed"),
        ("long", "failed"),
        ("folder", "failed"),
    ]
    assert [row["status"] for row in rows[4:]] == ["failed", "failed"]
    assert all(row["reason"] for row in rows[1:])


def test_output_that_goes_nowhere(apl: Any, archive: Path, tmp_path: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = spawn("-C", archive, "export", "jsonl", stdout=full)
    assert done.returncode == 1
    assert b"Fehler" in done.stderr
    assert b"Exception ignored" not in done.stderr
    command = [sys.executable, "-c", "from archive_pipeline.cli.main import main; main()", "-C", str(archive)]
    shell = subprocess.run(
        ["sh", "-c", '"$@" >&-', "sh", *command, "export", "jsonl"], capture_output=True, check=False, timeout=60
    )
    assert (shell.returncode, b"Fehler" in shell.stderr) == (0, False)
    missing = apl("-C", archive, "export", "jsonl", "-o", tmp_path / "fehlt" / "x.jsonl", code=1)
    assert "Unerwartet" not in missing.stderr


def test_a_terminal_that_lacks_characters(archive: Path) -> None:
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = spawn("-C", archive, "search", "eröffnet", "--json", stdout=subprocess.PIPE, env=environ)
    assert json.loads(done.stdout)["hits"][0]["title"].startswith("Landrat eröffnet")
    assert spawn("-C", archive, "doctor", stdout=subprocess.PIPE, env=environ).returncode == 0


def test_the_bar_leaves_one_line_a_source(make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"a.txt": TEXT, "leer.txt": ""})
    leader, follower = pty.openpty()
    command = [sys.executable, "-c", "from archive_pipeline.cli.main import main; main()", "-C", str(folder), "run"]
    done = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=follower, check=False, timeout=60, env={**os.environ, "TERM": "xterm"}
    )
    os.close(follower)
    told = os.read(leader, 100_000).decode("utf-8", "replace")
    os.close(leader)
    assert done.returncode == 3
    assert "1/2" in told or "0/2" in told
    lines = [line.rpartition("\x1b[2K")[2] for line in told.split("\n")]
    assert any(line.startswith("✖ eingang  2 geprüft · 1 neu · 1 fehlgeschlagen") for line in lines), told


def test_a_path_with_dots_keeps_them(apl: Any, make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"a.txt": TEXT}, name="archiv.2026")
    apl("-C", folder, "run")
    assert "archiv.2026" in apl("-C", folder, "status").stdout


def test_nothing_found_is_not_nothing_new(apl: Any, make_archive: Callable[..., Path]) -> None:
    folder = make_archive({})
    assert "Nichts gefunden" in apl("-C", folder, "run").stdout
    (folder / "eingang" / "a.html").write_text("<html><title>404 Not Found</title><h1>404 Not Found</h1></html>")
    assert "Nichts" not in apl("-C", folder, "run").stdout
    assert "Nichts Neues" in apl("-C", folder, "run").stdout


def test_a_database_that_is_none(apl: Any, archive: Path) -> None:
    (archive / "archive" / "archive.db").write_bytes(b"no database " * 1000)
    for command in (("run",), ("search", "Landrat"), ("status",)):
        assert "rebuild" in apl("-C", archive, *command, code=1).stderr
    assert apl.json("-C", archive, "rebuild", "--json")["releases"] == 2


def test_searching_an_archive_without_releases(apl: Any, tmp_path: Path) -> None:
    apl("init", tmp_path / "leer")
    (tmp_path / "nichts").mkdir()
    apl("-C", tmp_path / "leer", "import", tmp_path / "nichts")
    found = apl.json("-C", tmp_path / "leer", "search", "x kreis:Lippe datum:2020", "--json")
    assert (found["total"], found["hits"]) == (0, [])


def test_half_an_emoji_in_json_ld(apl: Any, tmp_path: Path) -> None:
    page = tmp_path / "emoji.html"
    page.write_text(
        '<html lang="de"><head><title>Fest am Markt</title><script type="application/ld+json">'
        '{"@type": "NewsArticle", "headline": "Fest am Markt \\ud83d", "author": {"name": "\\udc00 X"}, '
        '"description": "Ein Fest \\ud83d\\ude00"}</script></head><body><article><h1>Fest am Markt</h1>'
        "<p>Die Stadt Detmold feiert am Sonntag ihr Fest am Markt mit Musik, Tanz und vielen Ständen der Vereine.</p>"
        "</article></body></html>",
        encoding="utf-8",
    )
    line = apl.json("try", page, "--json", "--no-gate")
    assert line["status"] == "accepted"
    assert line["title"].startswith("Fest am Markt")
