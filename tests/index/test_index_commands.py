"""`index`: what a person does about the search index, on a real archive."""

import importlib.util
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.cli.index import advice
from archive_pipeline.errors import IndexingError
from archive_pipeline.index.fixity import damaged_files, record_checksums
from archive_pipeline.index.whoosh_engine import WhooshEngine
from archive_pipeline.protocols import SearchRequest
from archive_pipeline.query import All
from archive_pipeline.workspace import Workspace, open_workspace

FILES = {
    "a.txt": "Kreistag beschließt Haushalt\n\nDer Kreistag in Kleve hat am 3. Mai 2021 den Haushalt beschlossen. "
    "Die Beratungsstelle für Flüchtlinge bekommt mehr Geld als im vergangenen Jahr.",
    "b.txt": "Neue Radwege im Kreis\n\nDer Kreis Wesel baut vier neue Radwege zwischen den Gemeinden. "
    "Die Arbeiten beginnen im Herbst und dauern voraussichtlich zwei Jahre.",
}


@pytest.fixture
def archive(apl: Any, make_archive: Callable[..., Path]) -> Path:
    folder = make_archive(FILES)
    apl("-C", folder, "run")
    return folder


def index_folder(folder: Path) -> Path:
    return open_workspace(folder).index_folder


def flip_a_bit(path: Path) -> None:
    """As a disk does it: the time of the last change stays."""
    times = path.stat()
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def segment(folder: Path) -> Path:
    return max((path for path in folder.iterdir() if path.suffix == ".seg"), key=lambda path: path.stat().st_size)


def test_status_and_verify_of_a_sound_index(apl: Any, archive: Path) -> None:
    state = apl.json("-C", archive, "index", "verify", "--json")

    assert (state["engine"], state["releases"], state["indexed"], state["behind"]) == ("whoosh", 2, 2, 0)
    assert (state["probed"], state["problems"], state["advice"]) == (2, [], None)
    assert apl.json("-C", archive, "index", "status", "--json")["indexed"] == 2


def test_a_flipped_bit_is_found_and_rebuild_mends_it(apl: Any, archive: Path) -> None:
    flip_a_bit(segment(index_folder(archive)))
    found = apl.json("-C", archive, "index", "verify", "--json", code=13)
    assert ".seg hat nicht mehr den Inhalt" in found["problems"][0]

    apl("-C", archive, "index", "rebuild")
    assert apl.json("-C", archive, "index", "verify", "--json")["problems"] == []


def test_a_search_that_meets_a_damaged_index_builds_it_anew_and_says_so(apl: Any, archive: Path) -> None:
    for path in index_folder(archive).glob("*.toc"):
        path.write_bytes(path.read_bytes()[:10])
    answer = apl("-C", archive, "search", "Haushalt", "--json")

    assert "Kreistag" in answer.stdout
    assert "beschädigt" in answer.stderr
    assert "neu aufgebaut" in answer.stderr


def test_an_outdated_index_is_announced_before_it_is_rebuilt(apl: Any, archive: Path) -> None:
    version = index_folder(archive) / "version.json"
    version.write_text('{"engine": "whoosh-0+de-0"}', encoding="utf-8")
    answer = apl("-C", archive, "search", "Radwege", "--json")

    assert "stammt von Version whoosh-0+de-0" in answer.stderr
    assert apl.json("-C", archive, "search", "Radwege", "--json")["total"] == 1


KILLED = """
import os, sys
from pathlib import Path
from archive_pipeline.workspace import Workspace, open_workspace
Workspace.set_aside_index = lambda self: os._exit(9)
workspace = open_workspace(Path(sys.argv[1]))
with workspace.writing("probe") as db:
    workspace.rebuild_index(db)
"""
"""A rebuild of the index that dies when the new one is written and the old one still there."""


def test_a_killed_rebuild_is_gone_on_with(apl: Any, archive: Path, tmp_path: Path) -> None:
    script = tmp_path / "killed.py"
    script.write_text(KILLED, encoding="utf-8")
    apl.run(script, archive, code=9)
    assert apl.json("-C", archive, "search", "Haushalt", "--json")["total"] == 1  # the old index serves

    answer = apl("-C", archive, "index", "rebuild")
    assert "geht weiter: 2 Mitteilungen sind da" in answer.stderr
    assert apl.json("-C", archive, "index", "verify", "--json")["problems"] == []


def test_who_searches_at_the_moment_of_the_swap_waits(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = open_workspace(archive)
    waiting, swapped = threading.Event(), threading.Event()
    counts: list[int] = []
    errors: list[IndexingError] = []

    def search() -> None:
        try:
            with workspace.index() as index:
                counts.append(index.count())
        except IndexingError as error:
            errors.append(error)
        finally:
            waiting.set()

    def pause(_: float) -> None:
        waiting.set()
        swapped.wait(10)

    searcher = threading.Thread(target=search)
    install = Workspace.install_index

    def install_while_somebody_searches(self: Workspace) -> None:
        searcher.start()
        assert waiting.wait(10)
        install(self)
        swapped.set()

    monkeypatch.setattr("archive_pipeline.workspace.time.sleep", pause)
    monkeypatch.setattr(Workspace, "install_index", install_while_somebody_searches)
    with workspace.writing("probe") as db:
        workspace.rebuild_index(db)
    searcher.join()

    assert (errors, counts) == ([], [2])
    assert [path.name for path in index_folder(archive).parent.iterdir()] == ["whoosh"]


def test_an_erasure_takes_up_nothing_of_a_killed_rebuild(apl: Any, archive: Path) -> None:
    folder = index_folder(archive)
    shutil.copytree(folder, folder.with_name("whoosh.new"))
    release = apl.json("-C", archive, "search", "Beratungsstelle", "--json")["hits"][0]["id"]
    apl("-C", archive, "takedown", "hide", release)
    (case,) = (one["id"] for one in apl.json("-C", archive, "takedown", "list", "--json")["cases"])
    erased = apl("-C", archive, "takedown", "decide", case, "erase", "--reason", "begründet", "--yes")

    assert "geht weiter" not in erased.stderr
    written = b"".join(path.read_bytes() for path in folder.parent.rglob("*") if path.is_file())
    assert b"radweg" in written
    assert b"beratungsstelle" not in written


@pytest.mark.skipif(not importlib.util.find_spec("tantivy"), reason="the extra tantivy is not installed")
def test_switch_builds_verifies_and_keeps_the_comments_of_the_owner(apl: Any, archive: Path) -> None:
    config = archive / "sources.toml"
    config.write_text("# mein Archiv\n" + config.read_text(encoding="utf-8"), encoding="utf-8")
    apl("-C", archive, "index", "switch", "tantivy")

    assert 'engine = "tantivy"' in config.read_text(encoding="utf-8")
    assert config.read_text(encoding="utf-8").startswith("# mein Archiv\n")
    assert not (archive / "archive" / "index" / "whoosh").exists()
    assert apl.json("-C", archive, "search", "Haushalt", "--json")["total"] == 1
    assert apl.json("-C", archive, "index", "verify", "--json")["problems"] == []
    apl("-C", archive, "index", "switch", "whoosh")
    assert apl.json("-C", archive, "index", "status", "--json")["engine"] == "whoosh"


def test_an_engine_that_does_not_exist_is_refused_with_those_that_do(apl: Any, archive: Path) -> None:
    answer = apl("-C", archive, "index", "switch", "lucene", code=4)

    assert "whoosh" in answer.stderr


def test_doctor_misses_releases_that_the_index_lost(apl: Any, archive: Path) -> None:
    assert "whoosh, aktuell, 2 Mitteilungen" in apl("-C", archive, "doctor").stdout
    index = WhooshEngine().open(index_folder(archive), writable=True)
    lost = index.search(SearchRequest(node=All(), limit=1)).hits[0].key
    index.delete([lost])
    index.commit(index.seq())
    index.close()

    assert (
        "whoosh hat 1 Mitteilung, das Archiv 2 – archive-pipeline index rebuild"
        in apl("-C", archive, "doctor", code=13).stdout
    )
    apl("-C", archive, "index", "rebuild")
    apl("-C", archive, "doctor")


def move_seq(folder: Path, by: int) -> None:
    index = WhooshEngine().open(index_folder(folder), writable=True)
    index.commit(index.seq() + by)
    index.close()


def test_an_index_that_is_late_is_not_called_checked(apl: Any, archive: Path) -> None:
    move_seq(archive, -1)
    answer = apl("-C", archive, "index", "verify").stdout

    assert "1 Änderung zurück; die nächste Suche holt sie nach" in answer
    assert "Zahl und Stichprobe sind erst zu prüfen, wenn der Index aktuell ist" in answer


def test_an_index_ahead_of_the_database_is_a_problem_until_the_next_search(apl: Any, archive: Path) -> None:
    move_seq(archive, 5)
    answer = apl("-C", archive, "index", "verify", code=13).stdout
    assert "weiter als das Archiv" in answer
    assert "-5" not in answer

    assert apl.json("-C", archive, "search", "Haushalt", "--json")["total"] == 1
    assert apl.json("-C", archive, "index", "verify", "--json")["problems"] == []


def test_optimize_keeps_everything(apl: Any, archive: Path) -> None:
    apl("-C", archive, "index", "optimize")

    assert apl.json("-C", archive, "index", "verify", "--json")["indexed"] == 2


def test_large_archives_on_whoosh_are_advised_to_switch() -> None:
    assert advice("whoosh", 99_999) is None
    assert advice("tantivy", 200_000) is None
    assert "index switch tantivy" in str(advice("whoosh", 100_000))


def test_checksums_know_files_that_are_written_once(tmp_path: Path) -> None:
    (tmp_path / "a.seg").write_bytes(b"x" * 1000)
    (tmp_path / "seq").write_text("1", encoding="ascii")
    record_checksums(tmp_path)
    (tmp_path / "seq").write_text("2", encoding="ascii")
    (tmp_path / "b.seg").write_bytes(b"not yet noted")
    assert damaged_files(tmp_path) == ()

    flip_a_bit(tmp_path / "a.seg")
    assert damaged_files(tmp_path) == ("a.seg",)
    record_checksums(tmp_path)
    assert damaged_files(tmp_path) == ("a.seg",)  # noting others does not bless it
