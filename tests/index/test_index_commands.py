"""`index`: what a person does about the search index, on a real archive."""

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.cli.index import advice
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


def test_a_killed_rebuild_is_gone_on_with(
    apl: Any, archive: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(Workspace, "remove_index", lambda self: os._exit(9))
        workspace = open_workspace(archive)
        with workspace.writing("probe") as db:
            workspace.rebuild_index(db)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert apl.json("-C", archive, "search", "Haushalt", "--json")["total"] == 1  # the old index serves

    answer = apl("-C", archive, "index", "rebuild")
    assert "geht weiter: 2 Mitteilungen sind da" in answer.stderr
    assert apl.json("-C", archive, "index", "verify", "--json")["problems"] == []


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
