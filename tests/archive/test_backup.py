"""A backup holds the archive as it was at one moment, says when it is damaged, and comes back."""

import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import time_machine

from archive_pipeline.errors import ArchiveError, FixityError, LockedError
from archive_pipeline.pipeline import run
from archive_pipeline.upkeep import backing_up
from archive_pipeline.upkeep.auditing import audit
from archive_pipeline.upkeep.backing_up import back_up
from archive_pipeline.upkeep.backup_files import newest_backup, verify_backup
from archive_pipeline.upkeep.restoring import restore
from archive_pipeline.workspace import open_workspace

Flip = Callable[[Path, int], None]

STATEMENTS = (
    "SELECT id, version_id, derivation, title FROM release",
    "SELECT release_id, version_id, number, text FROM derivation",
    "SELECT * FROM capture",
    "SELECT * FROM tag",
)


def rows(folder: Path) -> list[list[tuple[Any, ...]]]:
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        return [sorted(db.execute(statement).fetchall(), key=repr) for statement in STATEMENTS]


def put(folder: Path, name: str, text: str) -> None:
    (folder / "eingang" / name).write_text(f"Titel von {name}\n\n{text}", encoding="utf-8")
    workspace = open_workspace(folder)
    assert run(workspace, workspace.config.sources).total("new") == 1


MORE = "Kreis Heinsberg. Der Kreistag hat am Montag über den Haushalt beraten und ihn beschlossen. " * 4


def test_there_and_back(apl: Any, folder: Path, tmp_path: Path) -> None:
    release = rows(folder)[0][0][0]
    apl("-C", folder, "tag", str(release), "+topic:housing")
    expected = rows(folder)
    summary = apl.json("-C", folder, "backup", tmp_path / "ziel", "--json")
    assert summary["copied_bytes"] == summary["bytes"]
    put(folder, "neu.txt", MORE)
    assert rows(folder) != expected
    verified = apl.json("-C", folder, "backup", "--verify", tmp_path / "ziel", "--json")
    assert (verified["files"], verified["damaged"]) == (summary["files"], [])
    restored = apl.json("-C", folder, "restore", tmp_path / "ziel", "--json")
    assert rows(folder) == expected
    assert (Path(restored["before"]) / "archive.db").is_file()
    assert apl.json("-C", folder, "search", "Beratungsstelle", "--json")["total"] == 8
    assert apl.json("-C", folder, "search", "thema:housing", "--json")["total"] == 1
    assert apl.json("-C", folder, "run", "--json")["new"] == 1
    assert apl.json("-C", folder, "audit", "--json")["findings"] == []


def test_into_an_empty_folder(apl: Any, folder: Path, tmp_path: Path) -> None:
    (folder / "plugins").mkdir()
    (folder / "plugins" / "eigen.py").write_text("archive_pipeline_api = 1\n", encoding="utf-8")
    apl("-C", folder, "backup", tmp_path / "ziel")
    apl("-C", folder, "restore", tmp_path / "ziel", "--to", tmp_path / "anderswo")
    assert rows(tmp_path / "anderswo") == rows(folder)
    assert (tmp_path / "anderswo" / "plugins" / "eigen.py").is_file()
    assert apl.json("-C", tmp_path / "anderswo", "audit", "--json")["findings"] == []


def test_whatever_nothing_can_make_again_comes_along(apl: Any, folder: Path, tmp_path: Path) -> None:
    apl("-C", folder, "set", "create", "alle", "--query", "Beratungsstelle")
    models = folder / "archive" / "topic-models"
    models.mkdir()
    (models / "7.json").write_text("{}", encoding="utf-8")
    frozen = (folder / "archive" / "sets" / "alle.jsonl").read_bytes()
    apl("-C", folder, "backup", tmp_path / "ziel")
    apl("-C", folder, "restore", tmp_path / "ziel", "--to", tmp_path / "anderswo")
    assert (tmp_path / "anderswo" / "archive" / "sets" / "alle.jsonl").read_bytes() == frozen
    assert (tmp_path / "anderswo" / "archive" / "topic-models" / "7.json").is_file()
    found = {path.name for path in (tmp_path / "anderswo" / "archive").iterdir()}
    assert found == {"archive.db", "decisions.jsonl", "derivations", "sets", "topic-models", "warc"}
    (models / "7.json").unlink()
    assert audit(open_workspace(folder)).findings == ()
    file = folder / "archive" / "sets" / "alle.jsonl"
    file.chmod(0o644)
    file.write_bytes(frozen.replace(b"Beratungsstelle", b"Beratungsstells", 1))
    assert [found.subject for found in audit(open_workspace(folder)).findings] == ["sets/alle.jsonl"]


def test_what_an_erasure_replaces_meanwhile_is_noticed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    link = next((folder / "archive" / "warc").rglob("*.warc.gz"))
    copy = backing_up.copy_durably

    def meanwhile(source: Path, target: Path, size: int) -> tuple[int, str]:
        if source == link:
            fresh = link.with_name("neu")
            shutil.copy(link, fresh)
            fresh.replace(link)
        return copy(source, target, size)

    monkeypatch.setattr(backing_up, "copy_durably", meanwhile)
    with pytest.raises(ArchiveError, match="gelöscht"):
        back_up(open_workspace(folder), tmp_path / "ziel")
    assert list((tmp_path / "ziel").iterdir()) == []
    monkeypatch.undo()
    assert verify_backup(back_up(open_workspace(folder), tmp_path / "ziel").folder)[1] == ()


def test_the_next_one_shares_what_has_not_changed(folder: Path, tmp_path: Path) -> None:
    sources = folder / "sources.toml"
    sources.write_text(
        sources.read_text().replace("[archive]\n", "[archive]\nwarc_bytes = 1000000\n"), encoding="utf-8"
    )
    noise = random.Random(1)  # refused by cleaning, for its length; in the WARC file all the same
    long = " ".join(noise.randbytes(8).hex() for _ in range(150_000))
    (folder / "eingang" / "lang.txt").write_text(long, encoding="utf-8")
    workspace = open_workspace(folder)
    assert run(workspace, workspace.config.sources).total("failed") == 1
    first = back_up(open_workspace(folder), tmp_path / "ziel")
    put(folder, "neu.txt", MORE)
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=2)):  # the folders are named after the second
        second = back_up(open_workspace(folder), tmp_path / "ziel")
    assert second.copied_bytes < second.bytes
    shared = [path for path in first.folder.rglob("*.warc.gz") if path.stat().st_nlink == 2]
    assert shared
    shutil.rmtree(first.folder)
    assert verify_backup(second.folder)[1] == ()


def test_no_secret_gets_in(apl: Any, folder: Path, tmp_path: Path) -> None:
    (folder / "plugins").mkdir()
    secrets = folder / "plugins" / "geheim.toml"
    secrets.write_text('postfach = "kennwort-17"\n', encoding="utf-8")
    secrets.chmod(0o600)
    (folder / ".env").write_text("ARCHIVE_PIPELINE_SECRET_PROXY=wer:kennwort-17\n", encoding="utf-8")
    apl("-C", folder, "backup", tmp_path / "ziel", ARCHIVE_PIPELINE_SECRETS_FILE=str(secrets))
    assert not [path for path in (tmp_path / "ziel").rglob("*") if path.is_file() and b"kennwort" in path.read_bytes()]


def test_every_flipped_bit_is_found_and_nothing_is_replaced(folder: Path, tmp_path: Path, flip: Flip) -> None:
    made = back_up(open_workspace(folder), tmp_path / "ziel").folder
    files = [path for path in sorted(made.rglob("*")) if path.is_file()]
    before = rows(folder)
    places = random.Random(20261122)
    for _ in range(100):
        path = places.choice(files)
        bit = places.randrange(8 * path.stat().st_size)
        flip(path, bit)
        name = path.relative_to(made).as_posix()
        try:
            wrong = verify_backup(made)[1]
        except FixityError as error:
            wrong = (error.message,)
        assert len(wrong) == 1
        assert wrong[0].startswith(name), f"bit {bit} of {name}"
        flip(path, bit)
    flip(made / "archive" / "archive.db", 80_000)
    with pytest.raises(FixityError, match=r"archive/archive\.db"):
        restore(made, folder, folder / "archive")
    assert rows(folder) == before
    assert [path.name for path in folder.iterdir() if "archive." in path.name] == []


def test_a_missing_file_and_a_foreign_name_are_found(folder: Path, tmp_path: Path) -> None:
    made = back_up(open_workspace(folder), tmp_path / "ziel").folder
    (made / "sources.toml").unlink()
    assert verify_backup(made)[1] == ("sources.toml: nicht lesbar (No such file or directory)",)
    (made / "manifest.json").unlink()
    assert newest_backup(tmp_path / "ziel") is None
    with pytest.raises(ArchiveError, match=r"manifest\.json"):
        verify_backup(made)


def test_while_a_run_goes_on(folder: Path, tmp_path: Path) -> None:
    for number in range(40):
        (folder / "eingang" / f"lauf-{number}.txt").write_text(f"Nummer {number}\n\n{number} {MORE}", encoding="utf-8")
    command = [sys.executable, "-m", "archive_pipeline", "-C", str(folder), "run"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as running:
        number = 0
        while running.poll() is None:
            made = back_up(open_workspace(folder), tmp_path / f"ziel-{number}").folder
            assert verify_backup(made)[1] == ()
            number += 1
    assert running.returncode == 0
    assert number > 1
    for made in range(0, number, max(1, number // 3)):
        target = tmp_path / f"zurueck-{made}"
        restore(newest_backup(tmp_path / f"ziel-{made}") or tmp_path, target, None)
        assert audit(open_workspace(target)).findings == ()
    shutil.copytree(folder / "eingang", target / "eingang")
    workspace = open_workspace(target)
    run(workspace, workspace.config.sources)
    assert len(rows(target)[0]) == len(rows(folder)[0]) == 48


def test_a_restore_waits_for_no_writer(folder: Path, tmp_path: Path) -> None:
    workspace = open_workspace(folder)
    made = back_up(workspace, tmp_path / "ziel").folder
    with workspace.writing("run"), pytest.raises(LockedError):
        restore(made, folder, folder / "archive")
    assert sorted(path.name for path in folder.iterdir()) == ["archive", "eingang", "sources.toml"]


def test_other_settings_stay_and_the_old_ones_lie_beside(apl: Any, folder: Path, tmp_path: Path) -> None:
    apl("-C", folder, "backup", tmp_path / "ziel")
    text = (folder / "sources.toml").read_text(encoding="utf-8")
    (folder / "sources.toml").write_text(text + "# neu\n", encoding="utf-8")
    apl("-C", folder, "restore", tmp_path / "ziel")
    assert (folder / "sources.toml").read_text(encoding="utf-8") == text + "# neu\n"
    assert (folder / "sources.toml.sicherung").read_text(encoding="utf-8") == text


def test_places_that_will_not_do(apl: Any, folder: Path, tmp_path: Path) -> None:
    assert "im Archiv selbst" in apl("-C", folder, "backup", folder / "archive" / "b", code=1).stderr
    assert "keine fertige Sicherung" in apl("-C", folder, "restore", tmp_path, code=1).stderr
    assert "keine fertige Sicherung" in apl("-C", folder, "backup", "--verify", tmp_path, code=1).stderr
    file = tmp_path / "datei"
    file.write_text("")
    assert "Abhilfe:" in apl("-C", folder, "backup", file / "x", code=1).stderr
    assert rows(folder)[0]
