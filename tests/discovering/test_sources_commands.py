"""The commands that find, try and change sources, as a user types them, against a server on this machine."""

import json
import os
import pty
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from archive_pipeline.sample.server import serve_sample

FEED = "feeds/kommunen.xml"


@pytest.fixture(scope="module")
def site() -> Iterator[str]:
    with serve_sample() as base:
        yield base


def table(folder: Path, source_id: str) -> dict[str, Any]:
    text = (folder / "sources.toml").read_text()
    return next(one for one in tomllib.loads(text)["source"] if one["id"] == source_id)


def with_source(folder: Path, url: str, more: str = "") -> None:
    text = f'\n[[source]]\nid = "amt"\nfetcher = "feed"\nurl = "{url}"\nallow_private = true\ninterval = 0\n{more}'
    with (folder / "sources.toml").open("a") as file:
        file.write(text)


def test_discover_prints_toml_that_can_be_used_as_it_is(apl: Any, archive_folder: Path, site: str) -> None:
    before = (archive_folder / "sources.toml").read_bytes()
    done = apl("-C", archive_folder, "sources", "discover", "--allow-private", f"{site}/presse/kommunen/")
    (source,) = tomllib.loads(done.stdout)["source"]
    assert (source["fetcher"], source["url"]) == ("feed", f"{site}/{FEED}")
    assert "19 Einträge, der neueste vom 14.04.2026" in done.stdout
    assert '# items = "li.eintrag"' in done.stdout
    assert all(len(line) <= 80 or "http" in line for line in done.stdout.splitlines())
    assert (archive_folder / "sources.toml").read_bytes() == before
    assert sorted(path.name for path in archive_folder.iterdir()) == ["sources.toml"]


def test_discover_speaks_json(apl: Any, archive_folder: Path, site: str) -> None:
    arguments = ("-C", archive_folder, "sources", "discover", "--allow-private", "--json", f"{site}/{FEED}")
    found = apl.json(*arguments)
    assert found["requests"] <= 25
    best = found["proposals"][0]
    assert (best["items"], best["accepted"], best["newest"]) == (19, 2, "2026-04-14")
    assert tomllib.loads(best["toml"])["source"][0]["url"] == f"{site}/{FEED}"


def test_discover_needs_no_archive(apl: Any, tmp_path: Path, site: str) -> None:
    apl("-C", tmp_path, "sources", "discover", f"{site}/", code=6)
    apl("-C", tmp_path, "sources", "add", "--yes", f"{site}/", code=10)


def test_discover_without_leave_for_private_addresses_is_refused(apl: Any, archive_folder: Path, site: str) -> None:
    done = apl("-C", archive_folder, "sources", "discover", f"{site}/", code=6)
    assert "--allow-private" in done.stderr


def test_discover_says_plainly_that_there_is_nothing(apl: Any, archive_folder: Path, site: str) -> None:
    done = apl("-C", archive_folder, "sources", "discover", "--allow-private", f"{site}/assets/wappen.svg", code=1)
    assert "keine Quelle gefunden" in done.stderr
    assert tomllib.loads(done.stdout) == {}


def test_add_writes_and_run_and_test_take_it_from_there(apl: Any, archive_folder: Path, site: str) -> None:
    chosen = ("--id", "amt", "--district", "05974", "--legal-basis", "60d", "--title", "Das Amt", "--schedule", "6h")
    arguments = (
        "-C",
        archive_folder,
        "sources",
        "add",
        "--allow-private",
        "--yes",
        *chosen,
        f"{site}/presse/kommunen/",
    )
    done = apl(*arguments)
    assert "legal_basis fehlt" not in done.stderr
    assert (archive_folder / "sources.toml").read_text().startswith("# Kopf\n[archive]\nrequest_interval = 0\n# Ende\n")
    assert table(archive_folder, "amt") == {
        "id": "amt",
        "title": "Das Amt",
        "fetcher": "feed",
        "url": f"{site}/{FEED}",
        "schedule": "6h",
        "district": "05974",
        "legal_basis": "60d",
        "allow_private": True,
    }
    again = apl(*arguments, code=4)
    assert 'hat schon die Quelle "amt"' in again.stderr or "steht schon" in again.stderr
    tested = apl.json("-C", archive_folder, "sources", "test", "amt", "--json")
    assert [item["status"] for item in tested["items"]] == ["accepted", "accepted"]
    assert tested["exit_code"] == 0
    assert not (archive_folder / "archive").exists()


def test_add_asks_nothing_of_the_site_when_an_option_is_wrong(apl: Any, archive_folder: Path) -> None:
    arguments = ("-C", archive_folder, "sources", "add", "--yes", "http://127.0.0.1:9/", "--district")
    done = apl(*arguments, "5974", code=4)
    assert "AGS-Schlüssel" in done.stderr
    apl("-C", archive_folder, "sources", "add", "http://127.0.0.1:9/", code=2)


def test_add_asks_on_a_terminal(archive_folder: Path, site: str) -> None:
    parent, child = pty.openpty()
    command = [sys.executable, "-m", "archive_pipeline", "-C", str(archive_folder), "sources", "add"]
    process = subprocess.Popen(
        [*command, "--allow-private", f"{site}/presse/kommunen/"],
        stdin=child,
        stdout=subprocess.PIPE,
        stderr=child,
        env={**os.environ, "TERM": "dumb"},
    )
    os.close(child)
    os.write(parent, b"2\n")
    out, _ = process.communicate(timeout=60)
    os.close(parent)
    assert process.returncode == 0
    assert "Vorschlag 2" in out.decode()
    (source,) = tomllib.loads((archive_folder / "sources.toml").read_text())["source"]
    assert source["fetcher"] == "listing"


def test_test_shows_every_stage_and_names_what_is_wrong(apl: Any, archive_folder: Path, site: str) -> None:
    with_source(archive_folder, f"{site}/{FEED}")
    done = apl("-C", archive_folder, "sources", "test", "amt", "--limit", "1")
    for word in ("Auflisten", "Erfassen", "Reinigen", "Titel", "Datum", "Text", "Kreis", "Entfernt", "Abrufe"):
        assert word in done.stdout
    assert "legal_basis fehlt" in done.stdout
    assert "run --due besucht sie nie" in done.stdout
    assert all(len(line) <= 80 or "http" in line or "(bundes" in line for line in done.stdout.splitlines())


def test_test_of_a_source_that_is_not_there(apl: Any, archive_folder: Path, site: str) -> None:
    with_source(archive_folder, f"{site}/feeds/weg.xml")
    done = apl("-C", archive_folder, "sources", "test", "amt", code=1)
    assert "HTTP 404" in done.stdout
    assert "meinten Sie" in apl("-C", archive_folder, "sources", "test", "ant", code=4).stderr


def test_test_of_a_folder(apl: Any, archive_folder: Path) -> None:
    (archive_folder / "eingang").mkdir()
    text = "Kreis Soest. Der Kreis Soest fördert im kommenden Jahr den Sport mit 200.000 Euro. " * 8
    (archive_folder / "eingang" / "a.txt").write_text(f"Mehr Geld für den Sport\n\n{text}\n")
    with (archive_folder / "sources.toml").open("a") as file:
        file.write('[[source]]\nid = "ablage"\nfetcher = "folder"\npath = "eingang"\n')
    tested = apl.json("-C", archive_folder, "sources", "test", "ablage", "--json")
    assert [item["title"] for item in tested["items"]] == ["Mehr Geld für den Sport"]
    assert tested["requests"] == []
    assert not (archive_folder / "archive").exists()


def test_snooze_wake_disable_enable(apl: Any, archive_folder: Path, site: str) -> None:
    with_source(archive_folder, f"{site}/{FEED}", "# Schluss\n")
    before = (archive_folder / "sources.toml").read_text()
    apl("-C", archive_folder, "sources", "snooze", "amt", "--until", "31.01.2099", "--note", "Umbau „neu“")
    assert table(archive_folder, "amt")["snooze"]["note"] == "Umbau „neu“"
    assert "ruht bis 31.01.2099" in apl("-C", archive_folder, "sources", "list").stdout
    apl("-C", archive_folder, "sources", "wake", "amt")
    assert (archive_folder / "sources.toml").read_text() == before
    apl("-C", archive_folder, "sources", "disable", "amt")
    assert "aus  amt" in apl("-C", archive_folder, "sources", "list").stdout
    apl("-C", archive_folder, "sources", "enable", "amt")
    assert (archive_folder / "sources.toml").read_text() == before.replace("# Schluss", "enabled = true\n# Schluss")
    apl("-C", archive_folder, "sources", "snooze", "amt", "--until", "2020-01-01", code=2)
    apl("-C", archive_folder, "sources", "snooze", "amt", "--until", "bald", code=2)
    apl("-C", archive_folder, "sources", "enable", "amd", code=4)


def test_import_reports_every_line(apl: Any, archive_folder: Path, site: str) -> None:
    with_source(archive_folder, f"{site}/{FEED}")
    listed = archive_folder / "liste.csv"
    listed.write_text(
        "Titel;Adresse;Bemerkung\n"
        f"Schon da;{site}/{FEED};\n"
        "Neu;https://neu.example/rss.xml;x\n"
        "Noch einmal;http://www.neu.example/rss.xml/;\n"
        "Seite;https://seite.example/presse/;\n"
        "Leer;;\n"
    )
    arguments = ("-C", archive_folder, "sources", "import", listed)
    before = (archive_folder / "sources.toml").read_bytes()
    apl(*arguments, "--dry-run", code=1)
    assert (archive_folder / "sources.toml").read_bytes() == before
    done = apl(*arguments, "--json", "--disabled", "--legal-basis", "60d", code=1)
    *lines, summary = map(json.loads, done.stdout.splitlines())
    assert [(line["line"], line["status"]) for line in lines] == [
        (2, "skipped"),
        (3, "added"),
        (4, "skipped"),
        (5, "invalid"),
        (6, "invalid"),
    ]
    assert (summary["added"], summary["skipped"], summary["invalid"]) == (1, 2, 2)
    assert "Bemerkung" in done.stderr
    assert table(archive_folder, "neu") == {
        "id": "neu",
        "title": "Neu",
        "url": "https://neu.example/rss.xml",
        "schedule": "1d",
        "legal_basis": "60d",
        "enabled": False,
    }
    again = apl(*arguments, code=1)
    assert "0 eingetragen, 3 übersprungen, 2 ungültig" in again.stderr


def test_move_compares_with_the_archive_and_is_recorded(apl: Any, archive_folder: Path, site: str) -> None:
    with_source(archive_folder, f"{site}/{FEED}")
    apl("-C", archive_folder, "run", "--limit", "2")
    with serve_sample() as other:
        moved = apl.json("-C", archive_folder, "sources", "move", "amt", f"{other}/{FEED}", "--dry-run", "--json")
        assert (moved["known"], moved["moved"], moved["new"]) == (0, 19, 0)
        assert table(archive_folder, "amt")["url"] == f"{site}/{FEED}"
        elsewhere = f"{other}/feeds/verbaende.atom"
        refused = apl("-C", archive_folder, "sources", "move", "amt", elsewhere, code=1)
        assert "nichts Bekanntes" in refused.stderr
        assert table(archive_folder, "amt")["url"] == f"{site}/{FEED}"
        apl("-C", archive_folder, "sources", "move", "amt", f"{other}/weg.xml", code=1)
        done = apl("-C", archive_folder, "sources", "move", "amt", f"{other}/{FEED}")
        assert "19 kennt es unter dem gleichen Pfad" in done.stdout
    assert table(archive_folder, "amt")["url"] == f"{other}/{FEED}"
    events = Database(archive_folder / "archive" / "archive.db").query(
        "SELECT object, detail FROM event WHERE type = 'metadata modification'"
    )
    assert [(event["object"], event["detail"]) for event in events] == [("amt", f"url: {site}/{FEED} → {other}/{FEED}")]


def test_move_without_an_archive_and_to_nowhere(apl: Any, archive_folder: Path, site: str) -> None:
    with_source(archive_folder, f"{site}/{FEED}")
    apl("-C", archive_folder, "sources", "move", "amt", f"{site}/{FEED}", code=4)
    apl("-C", archive_folder, "sources", "move", "amt", "kein url", code=1)
    apl("-C", archive_folder, "sources", "move", "amt", f"{site}/feeds/parteien.xml")
    assert table(archive_folder, "amt")["url"] == f"{site}/feeds/parteien.xml"
