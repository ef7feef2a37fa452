"""The Whoosh engine: the suite every engine passes, and what is its own: crashes, damage, versions, locks."""

import gc
import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.errors import IndexingError, LockedError
from archive_pipeline.index.whoosh_engine import WhooshEngine
from archive_pipeline.protocols import Index, IndexDocument, IndexEngine, SearchRequest
from archive_pipeline.query import All, Node, Term
from archive_pipeline.testing.index_engines import Reference, fixed_queries, synthetic
from tests.index.conformance import IndexConformance


class TestWhooshConformance(IndexConformance):
    @classmethod
    def make_engine(cls) -> IndexEngine:
        return WhooshEngine()


def document(number: int) -> IndexDocument:
    return IndexDocument(
        key=f"r{number}", title="Titel", text=f"Haushalt Nummer {number}", source="s", captured=date(2020, 1, 1)
    )


def filled(folder: Path, count: int = 20) -> None:
    index = WhooshEngine().create(folder)
    index.upsert([document(number) for number in range(count)])
    index.commit(count)
    index.close()


WRITER = """
    import sys
    from datetime import date
    from pathlib import Path
    from archive_pipeline.index.whoosh_engine import WhooshEngine
    from archive_pipeline.protocols import IndexDocument
    index = WhooshEngine().open(Path(sys.argv[1]), writable=True)
    for commit in range(1, 10_000):
        index.upsert([IndexDocument(key=f"c{commit}-{n}", title="Titel", text="Haushalt " * 40, source="s",
                                    captured=date(2020, 1, 1)) for n in range(5)])
        index.commit(20 + commit)
        print(commit, flush=True)
"""


def test_killed_during_commits_loses_nothing_and_goes_on(tmp_path: Path) -> None:
    """Whatever was reported as committed is there, whole commits only, and no stale lock stops the next writer."""
    folder = tmp_path / "index"
    filled(folder)
    for lines_before_kill in (1, 2, 3):
        child = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(folder)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout
        for _ in range(lines_before_kill):
            child.stdout.readline()
        os.kill(child.pid, signal.SIGKILL)
        reported = lines_before_kill + len(child.stdout.readlines())
        child.wait()
        child.stdout.close()

        index = WhooshEngine().open(folder, writable=True)
        keys = {hit.key for hit in index.search(SearchRequest(node=All(), limit=100_000)).hits}
        commits = {key.split("-")[0] for key in keys if key.startswith("c")}
        assert {f"c{n}" for n in range(1, reported + 1)} <= commits
        assert all({f"{commit}-{n}" for n in range(5)} <= keys for commit in commits)
        assert 20 + reported <= index.seq() <= 20 + len(commits)

        index.upsert([document(99)])
        index.delete(sorted(key for key in keys if key.startswith("c")))
        index.commit(20)
        assert index.count() == 21
        index.close()


def test_a_lock_file_without_process_does_not_block(tmp_path: Path) -> None:
    filled(tmp_path / "index")
    (tmp_path / "index" / "MAIN_WRITELOCK").touch()
    index = WhooshEngine().open(tmp_path / "index", writable=True)
    index.upsert([document(50)])
    index.commit(21)

    assert index.count() == 21


def test_a_writing_process_is_named(tmp_path: Path) -> None:
    whoosh_index = pytest.importorskip("whoosh.index")
    filled(tmp_path / "index")
    other = whoosh_index.open_dir(str(tmp_path / "index")).writer()
    index = WhooshEngine().open(tmp_path / "index", writable=True)
    index.upsert([document(50)])
    with pytest.raises(LockedError):
        index.commit(21)
    other.cancel()

    index.commit(21)
    assert index.count() == 21


def outcome(folder: Path) -> str:
    """The hint of the error, or "rebuild not needed" when the whole answer came."""
    try:
        index = WhooshEngine().open(folder)
        result = index.search(SearchRequest(node=Term("Haushalt"), facets=("source",), sort="newest", limit=30))
    except IndexingError as error:
        return error.hint
    return "rebuild not needed" if len(result.hits) == result.facets[0][1][0].count == 20 else "hits are missing"


@pytest.mark.filterwarnings("ignore::ResourceWarning")  # Whoosh drops half-opened files
@pytest.mark.parametrize("how", ["emptied", "cut", "removed", "garbage"])
def test_damage_is_said_with_the_way_out(tmp_path: Path, how: str) -> None:
    """Every file of the index, damaged one at a time: either the answer is right or the error names `rebuild`."""
    for number in range(20):
        folder = tmp_path / f"{how}{number}"
        filled(folder)
        files = sorted(path for path in folder.iterdir() if path.name not in {"seq"})
        if number >= len(files):
            break
        content = files[number].read_bytes()
        if how == "removed":
            files[number].unlink()
        else:
            new = {"emptied": b"", "cut": content[: len(content) // 2], "garbage": b"\xff\x00" * len(content)}
            files[number].write_bytes(new[how])
        assert "rebuild" in outcome(folder)
    assert number > 2
    gc.collect()


def test_damaged_seq_is_damage(tmp_path: Path) -> None:
    filled(tmp_path / "index")
    (tmp_path / "index" / "seq").write_text("eleven")

    with pytest.raises(IndexingError, match="beschädigt"):
        WhooshEngine().open(tmp_path / "index")


def test_another_version_must_be_rebuilt(tmp_path: Path) -> None:
    filled(tmp_path / "index")
    version = tmp_path / "index" / "version.json"
    version.write_text(version.read_text().replace("whoosh-", "whoosh-0"))

    with pytest.raises(IndexingError, match="Version") as caught:
        WhooshEngine().open(tmp_path / "index")
    assert "rebuild" in caught.value.hint


def test_a_closed_index_says_so(tmp_path: Path) -> None:
    index = WhooshEngine().create(tmp_path / "index")
    index.close()
    with pytest.raises(IndexingError):
        index.search(SearchRequest(node=All()))


def found(index: Index, node: Node, **how: Any) -> list[str]:
    return [hit.key for hit in index.search(SearchRequest(node=node, **how)).hits]


def test_many_small_commits_stay_few_segments_and_lose_nothing(tmp_path: Path) -> None:
    """Commits of one release each, replaced and deleted ones among them: what is merged answers as if it had been
    written at once, phrases and columns too."""
    index = WhooshEngine().create(tmp_path / "index")
    releases = synthetic(70)
    for number, release in enumerate(releases):
        index.upsert([release])
        index.delete([releases[number - 3].key] if number % 7 == 3 else [])
        index.upsert([replace(releases[number - 1], title="Ersetzt")] if number % 7 == 1 else [])
        index.commit(number)
    kept = {
        release.key: replace(release, title="Ersetzt") if number % 7 == 0 and number + 1 < 70 else release
        for number, release in enumerate(releases)
        if not (number % 7 == 0 and number + 3 < 70)
    }
    reference = Reference(list(kept.values()))

    assert len([path for path in (tmp_path / "index").iterdir() if path.suffix == ".seg"]) < 25
    assert index.count() == len(kept)
    for node in fixed_queries():
        assert set(found(index, node, limit=100)) == reference.keys(node)


def test_a_segment_of_replaced_releases_goes(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    index = WhooshEngine().create(folder)
    for commit in range(5):
        index.upsert(synthetic(30))
        index.commit(commit)

    assert len([path for path in folder.iterdir() if path.suffix == ".seg"]) == 1
    assert index.count() == 30


@pytest.mark.parametrize("sort", ["score", "newest", "oldest"])
def test_pages_of_thousands_that_tie_follow_one_another(tmp_path: Path, sort: str) -> None:
    index = WhooshEngine().create(tmp_path / "index")
    text = "Haushalt beschlossen"
    keys = [f"r{number * 7919 % 6000:04d}" for number in range(6000)]
    index.upsert([IndexDocument(key=key, title="T", text=text, source="s", captured=date(2020, 1, 1)) for key in keys])
    index.commit(1)

    for size in (700, 1999, 5500):
        pages = [found(index, Term("Haushalt"), sort=sort, offset=at, limit=size) for at in range(0, 6000, size)]
        assert [key for page in pages for key in page] == sorted(keys)


def test_a_reader_sees_the_state_it_opened_and_the_next_one_the_commit(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    filled(folder)
    before = WhooshEngine().open(folder)
    writer = WhooshEngine().open(folder, writable=True)
    writer.upsert([document(77)])
    writer.delete(["r1"])
    writer.commit(21)
    after = WhooshEngine().open(folder)

    assert (before.count(), writer.count(), after.count()) == (20, 20, 20)
    assert "r1" in found(before, All(), limit=30)
    assert "r77" not in found(before, Term("77"), limit=30)
    assert "r1" not in found(after, All(), limit=30)
    assert found(after, Term("77"), limit=30) == found(writer, Term("77"), limit=30) == ["r77"]


def test_an_index_built_anew_in_the_same_place_is_the_one_that_is_read(tmp_path: Path) -> None:
    filled(tmp_path / "index", 20)
    filled(tmp_path / "other", 5)
    assert WhooshEngine().open(tmp_path / "index").count() == 20

    (tmp_path / "index").rename(tmp_path / "old")
    (tmp_path / "other").rename(tmp_path / "index")
    assert WhooshEngine().open(tmp_path / "index").count() == 5


def test_what_a_commit_wrote_is_on_the_disk_before_it_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power cut, too: the segment before the table of contents that names it, both before the change number."""
    index = WhooshEngine().create(tmp_path / "index")
    synced: list[str] = []
    fsync = os.fsync

    def noting(handle: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{handle}")).suffix)
        fsync(handle)

    monkeypatch.setattr(os, "fsync", noting)
    for commit, change in enumerate(([document(number) for number in range(5)], []), start=1):
        synced.clear()
        index.upsert(change)
        index.delete([] if change else ["r1"])
        index.commit(commit)
        assert synced == [*([".seg"] if change else []), ".toc", "", ".new"]
    assert index.count() == 4
