"""A rebuild from files that are not all there: the rest comes back, and what is lost is told, with exit code 20."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest


def file_of(folder: Path, series: str) -> Path:
    return next((folder / "archive" / series).rglob("*.warc.gz"))


def gone(folder: Path) -> None:
    file_of(folder, "warc").unlink()


def short(folder: Path) -> None:
    path = file_of(folder, "warc")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def without_log(folder: Path) -> None:
    shutil.rmtree(folder / "archive" / "derivations")


def without_database(folder: Path) -> None:
    gone(folder)
    (folder / "archive" / "archive.db").unlink()


@pytest.mark.parametrize(
    ("lose", "told"),
    [
        (gone, "gefunden keine Datei"),
        (short, "Bytes, gefunden"),
        (without_log, "gefunden keine Datei"),
        (without_database, "in keiner WARC-Datei"),
    ],
)
def test_what_is_lost_is_told(apl: Any, folder: Path, lose: Callable[[Path], None], told: str) -> None:
    lose(folder)
    done = apl("-C", folder, "rebuild", code=20)
    assert told in done.stderr
    assert "restore" in done.stderr
    if lose is without_log:
        assert "Dokumente ohne Eintrag in derivations/" in done.stdout
        assert done.stdout.startswith("8 Mitteilungen")
