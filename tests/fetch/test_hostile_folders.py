"""Folders as people really have them: links in circles, names spelled twice, pipes, closed doors."""

import os
import subprocess
import sys
import unicodedata

import pytest

from archive_pipeline.errors import FetchError
from archive_pipeline.fetch import FolderFetcher
from archive_pipeline.fetch.folder import FolderOptions
from archive_pipeline.model import Item, Source

SOURCE = Source(id="ordner", fetcher="folder", path="presse", options=FolderOptions())


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "presse").mkdir()
    return tmp_path / "presse"


def items(archive, source=SOURCE):
    return list(FolderFetcher().discover(source, archive.context(source)))


def body(archive, item):
    (result,) = FolderFetcher().capture(item, SOURCE, archive.context(SOURCE))
    return result.body


def test_links_in_a_circle_do_not_stop_the_others(archive, folder):
    (folder / "a.txt").symlink_to("b.txt")
    (folder / "b.txt").symlink_to("a.txt")
    (folder / "kreis").symlink_to(".")
    (folder / "echt.txt").write_bytes(b"x")
    assert [item.key for item in items(archive)] == ["echt.txt"]


def test_files_whose_names_read_the_same_are_all_captured(archive, folder):
    (folder / unicodedata.normalize("NFC", "ü.txt")).write_bytes(b"NFC")
    (folder / unicodedata.normalize("NFD", "ü.txt")).write_bytes(b"NFD")
    with open(os.fsencode(folder) + b"/\xfc.txt", "wb") as file:
        file.write(b"Latin-1")
    found = {item.key: body(archive, item) for item in items(archive)}
    assert found == {"ü.txt": b"NFC", "u%CC%88.txt": b"NFD", "%FC.txt": b"Latin-1"}


def test_a_pipe_in_the_place_of_a_file_does_not_wait_forever(archive, folder):
    os.mkfifo(folder / "a.txt")
    with pytest.raises(FetchError, match="keine gewöhnliche Datei"):
        body(archive, Item(source_id="ordner", key="a.txt"))


def test_neither_folder_nor_file(archive, tmp_path):
    os.mkfifo(tmp_path / "presse")
    with pytest.raises(FetchError, match="weder Ordner noch Datei"):
        items(archive)


def test_the_home_folder_may_be_written_as_tilde(archive, folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder.parent))
    (folder / "a.txt").write_bytes(b"x")
    assert [item.key for item in items(archive, Source(id="ordner", path="~/presse", options=FolderOptions()))] == [
        "a.txt"
    ]


CLOSED = """
import os, sys
from pathlib import Path
from types import SimpleNamespace
from archive_pipeline.errors import FetchError
from archive_pipeline.fetch import FolderFetcher
from archive_pipeline.fetch.folder import FolderOptions
from archive_pipeline.model import Source
if os.geteuid() == 0:
    os.setuid(65534)
if not os.access(sys.argv[1], os.R_OK | os.X_OK):
    sys.exit("unreachable")
source = Source(id="o", path=sys.argv[1], options=FolderOptions())
context = SimpleNamespace(base=Path("/"), max_bytes=9)
for item in FolderFetcher().discover(source, context):
    try:
        list(FolderFetcher().capture(item, source, context))
    except FetchError as error:
        print(item.key, error.message)
"""


def test_closed_doors_are_named_one_by_one(tmp_path):
    for folder in (tmp_path, *list(tmp_path.parents)[:2]):
        folder.chmod(folder.stat().st_mode | 0o055)
    (tmp_path / "nur-liste").mkdir()
    (tmp_path / "nur-liste" / "a.txt").write_bytes(b"x")
    (tmp_path / "zu").mkdir()
    (tmp_path / "weg.txt").symlink_to("zu/b.txt")
    (tmp_path / "zu").chmod(0)
    (tmp_path / "nur-liste").chmod(0o444)
    ran = subprocess.run([sys.executable, "-c", CLOSED, str(tmp_path)], capture_output=True, text=True, check=False)
    if ran.stderr == "unreachable\n":
        pytest.skip("der Ordner der Tests ist für andere Benutzer nicht erreichbar")
    reason = "Die Datei ist nicht lesbar: Permission denied"
    assert (ran.stdout.splitlines(), ran.stderr) == (
        [f"nur-liste/a.txt {reason}", f"weg.txt {reason}", f"zu {reason}"],
        "",
    )
