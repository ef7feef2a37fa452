"""An erasure that is killed, or that the disk fails, at any point: the next run finishes it; nothing else is lost."""

import errno
import gzip
import os
import shutil
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.archive.decisions import decide
from archive_pipeline.archive.rights_forms import TakedownRequest
from archive_pipeline.errors import ArchivePipelineError
from archive_pipeline.pipeline import run
from archive_pipeline.protocols import SearchRequest
from archive_pipeline.query import Term
from archive_pipeline.upkeep.auditing import audit
from archive_pipeline.upkeep.rebuilding import rebuild
from archive_pipeline.workspace import open_workspace, utc_now
from tests.archive.erase_points import CALLS, KILLED, Points, erase_it

SCRIPT = Path(__file__).with_name("erase_points.py")
WORDS = "dreizehn grüne Regenschirme lagen am Dienstag vergessen im Ratskeller"
TEXT = f"Schirme gesucht\n\nKreis Heinsberg. Nach der Sitzung {WORDS}. Der Landrat bittet die Besitzer, sich zu melden."


@pytest.fixture(scope="module")
def prepared(whole_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The eight releases and one that a case wants erased, with notes that quote it. To be copied."""
    folder = Path(shutil.copytree(whole_archive, tmp_path_factory.mktemp("prepared") / "archiv"))
    (folder / "eingang" / "schirme.txt").write_text(TEXT, encoding="utf-8")
    workspace = open_workspace(folder)
    run(workspace, workspace.config.sources)
    with workspace.writing("test") as db:
        row = next(db.query("SELECT id FROM release WHERE title = 'Schirme gesucht'"))
        request = TakedownRequest(
            id="request",
            note=f"quotes: {WORDS}",
            decided_by="A",
            decided_at=utc_now(),
            case="2026-1",
            release_ids=(row["id"],),
        )
        decide(db, workspace.decisions_file, [request])
    return folder


def killed_at(apl: Any, folder: Path, fatal: int) -> int:
    """Erase in a process that dies at a point; how many points it passed, 0 when it died."""
    count = folder.with_name("points")
    done = apl.run(SCRIPT, folder, str(fatal), count, code=None)
    assert done.returncode in (0, KILLED), done.stderr
    return int(count.read_text(encoding="ascii")) if done.returncode == 0 else 0


def make_sure(folder: Path, point: str, *, by_rebuild: bool = False) -> None:
    """The next run, or a rebuild, finishes what was decided; what was not decided is decided now. Then everything is as
    if nothing had happened."""
    workspace = open_workspace(folder)
    if by_rebuild:
        rebuild(workspace)
    assert run(workspace, workspace.config.sources).exit_code == 0, point
    with closing(sqlite3.connect(folder / "archive" / "archive.db")) as db:
        (decided,) = db.execute("SELECT count(*) FROM erasure").fetchone()
    if not decided:
        assert "Regenschirme" in "".join(texts(folder)), point
        erase_it(folder)
    assert audit(open_workspace(folder)).findings == (), point
    assert "Regenschirme" not in "".join(texts(folder)), point
    assert traces(folder / "archive") == [], point
    assert len(texts(folder)) == 8, point
    assert search(folder, "Regenschirme") == 0, point
    assert search(folder, "Beratungsstelle") == 8, point


def test_the_disk_fails_at_some_points(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    failed = 0
    for number in range(1, 60, 11):
        folder = Path(shutil.copytree(prepared, tmp_path / "versuch" / "archiv"))
        with monkeypatch.context() as patch:
            points = Points(number, full)
            for name in CALLS:
                patch.setattr(os, name, points.around(getattr(os, name)))
            with suppress(ArchivePipelineError, OSError):
                erase_it(folder)
                failed -= 1
            failed += 1
        make_sure(folder, f"step {number}")
        shutil.rmtree(folder.parent)
        if points.count < number:
            break
    assert failed >= 3


def texts(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "archive" / "archive.db")) as db:
        return [row[0] for row in db.execute("SELECT text FROM v_release")]


def traces(data: Path) -> list[str]:
    found = []
    for path in data.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        content = gzip.decompress(content) if path.suffix == ".gz" else content
        if "grüne Regenschirme".encode() in content or b"regenschirm" in content:
            found.append(path.name)
    return found


def search(folder: Path, word: str) -> int:
    workspace = open_workspace(folder)
    workspace.refresh_index()
    with workspace.index() as index:
        return index.search(SearchRequest(node=Term(word))).total


def killed_everywhere(apl: Any, prepared: Path, tmp_path: Path, step: int) -> None:
    whole = Path(shutil.copytree(prepared, tmp_path / "ganz" / "archiv"))
    total = killed_at(apl, whole, 0)
    assert total > 20
    make_sure(whole, "undisturbed")
    for point in range(1 + total % step, total + 1, step):
        folder = Path(shutil.copytree(prepared, tmp_path / "versuch" / "archiv"))
        assert killed_at(apl, folder, point) == 0
        make_sure(folder, f"point {point} of {total}", by_rebuild=point % 2 == 0)
        shutil.rmtree(folder.parent)


def test_killed_at_some_points(apl: Any, prepared: Path, tmp_path: Path) -> None:
    killed_everywhere(apl, prepared, tmp_path, 13)


@pytest.mark.proof
@pytest.mark.timeout(1800)
def test_killed_at_every_point(apl: Any, prepared: Path, tmp_path: Path) -> None:
    killed_everywhere(apl, prepared, tmp_path, 1)
