"""What is said of releases that are kept from somebody, and what a note of correction looks like."""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.archive import lock
from archive_pipeline.archive.lock import writer_lock
from archive_pipeline.archive.reading import find_release
from archive_pipeline.archive.visibility import ARCHIVIST, seen_by
from archive_pipeline.errors import LockedError, UnknownReleaseError, WithheldError
from archive_pipeline.workspace import open_workspace, utc_now


def release_of(folder: Path, number: int) -> str:
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        return str(db.execute("SELECT id FROM release WHERE path = ?", [f"{number}.txt"]).fetchone()[0])


def test_nothing_says_that_a_closed_release_is_there_also_when_it_is_hidden(apl: Any, folder: Path) -> None:
    closed, public = release_of(folder, 2), release_of(folder, 3)
    apl("-C", folder, "access", closed, "closed")
    apl("-C", folder, "takedown", "hide", closed, public, "--ground", "Art. 17 DSGVO")
    reader = seen_by("reader", utc_now())
    with open_workspace(folder).reading() as db:
        with pytest.raises(UnknownReleaseError):
            find_release(db, closed, reader)
        with pytest.raises(WithheldError, match="2026-1"):
            find_release(db, public, reader)
        with pytest.raises(WithheldError, match="2026-1"):
            find_release(db, closed, ARCHIVIST)
    apl("-C", folder, "takedown", "decide", "2026-1", "erase", "--reason", "begründet", "--yes")
    with open_workspace(folder).reading() as db, pytest.raises(WithheldError, match="gelöscht"):
        find_release(db, public, reader)


def test_a_note_keeps_its_lines(apl: Any, folder: Path) -> None:
    release = release_of(folder, 4)
    apl("-C", folder, "note", release, "--text", "Falsch ist:\n\n- der Tag\x1b[31m\n- der  Ort")
    shown = apl.json("-C", folder, "audit", "--json")
    assert shown["findings"] == []
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        (text,) = db.execute("SELECT text FROM correction").fetchone()
    assert text == "Falsch ist:\n\n- der Tag [31m\n- der Ort"
    assert text in apl("-C", folder, "show", release).stdout


def test_a_lock_of_a_folder_that_was_exchanged_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, other = tmp_path / "archive", tmp_path / "neu"
    data.mkdir()
    other.mkdir()
    taken = lock._take

    def exchanged(handle: int) -> bool:
        """A restore comes between opening the lock file and getting the lock."""
        if other.exists():
            shutil.move(data, tmp_path / "alt")
            os.rename(other, data)
        return taken(handle)

    monkeypatch.setattr(lock, "_take", exchanged)
    with writer_lock(data, "eins", utc_now()), second(data):
        pass


@contextmanager
def second(data: Path) -> Iterator[None]:
    with pytest.raises(LockedError), writer_lock(data, "zwei", utc_now()):
        pass
    yield


def test_explain_shows_a_reader_no_word_of_a_closed_release(apl: Any, folder: Path) -> None:
    text = "Geheimhaltungsvertrag im Kreis Soest. Der Geheimrat und die Verwaltung sprechen darüber ausführlich."
    (folder / "eingang" / "9.txt").write_text(f"Neues\n\n{text}\n\n{text}", encoding="utf-8")
    (folder / "eingang" / "10.txt").write_text(f"Altes\n\n{'Ein Geheimnis bleibt im Rathaus von Soest. ' * 8}", "utf-8")
    apl("-C", folder, "run")
    apl("-C", folder, "access", release_of(folder, 9), "closed")
    for standing, forms in (("reader", ["geheimnis"]), ("archivist", None)):
        told = apl.json("-C", folder, "explain", "--json", "--as", standing, "geheim*")
        shown = told["tree"][0]["forms"]
        assert shown == (forms or ["geheimhaltungsvertrag", "geheimnis", "geheimrat"])
