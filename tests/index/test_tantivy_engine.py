"""The tantivy engine: the suite every engine passes, and what is its own: damage, versions, locks."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from archive_pipeline.errors import IndexingError, LockedError
from archive_pipeline.index.tantivy_engine import TantivyEngine
from archive_pipeline.protocols import IndexDocument, IndexEngine, SearchRequest
from archive_pipeline.query import All, Term
from tests.index.conformance import IndexConformance

tantivy = pytest.importorskip("tantivy", reason="the extra tantivy is not installed")


class TestTantivyConformance(IndexConformance):
    @classmethod
    def make_engine(cls) -> IndexEngine:
        return TantivyEngine()


def document(number: int) -> IndexDocument:
    return IndexDocument(
        key=f"r{number}", title="Titel", text=f"Haushalt Nummer {number}", source="s", captured=date(2020, 1, 1)
    )


def filled(folder: Path, count: int = 20) -> None:
    index = TantivyEngine().create(folder)
    index.upsert([document(number) for number in range(count)])
    index.commit(count)
    index.close()


def test_files_that_are_cut_off_are_named_as_damage(tmp_path: Path) -> None:
    folder = tmp_path / "index"
    filled(folder)
    for path in folder.glob("*.*"):
        if path.suffix in {".idx", ".term", ".fast", ".store"}:
            path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])

    with pytest.raises(IndexingError, match="beschädigt") as caught:
        TantivyEngine().open(folder).search(SearchRequest(node=Term("Haushalt"), facets=("source",)))
    assert "rebuild" in caught.value.hint


def test_an_index_of_another_version_is_refused(tmp_path: Path) -> None:
    filled(tmp_path / "index")
    (tmp_path / "index" / "version.json").write_text('{"engine": "tantivy-0"}', encoding="utf-8")

    with pytest.raises(IndexingError, match="stammt von Version tantivy-0"):
        TantivyEngine().open(tmp_path / "index")


def test_two_writers_exclude_each_other(tmp_path: Path) -> None:
    filled(tmp_path / "index")
    other = tantivy.Index.open(str(tmp_path / "index")).writer()
    index = TantivyEngine().open(tmp_path / "index", writable=True)
    index.upsert([document(99)])

    with pytest.raises(LockedError):
        index.commit(100)
    other.wait_merging_threads()
    index.commit(100)
    assert index.count() == 21


def test_many_small_commits_leave_few_files(tmp_path: Path) -> None:
    """paperless-ngx #13679: segments that nobody deletes."""
    index = TantivyEngine().create(tmp_path / "index")
    for number in range(60):
        index.upsert([document(number)])
        index.commit(number)

    assert index.search(SearchRequest(node=All())).total == 60
    assert len({path.stem for path in (tmp_path / "index").glob("*.idx")}) < 20


def test_facets_of_more_values_than_one_aggregation_counts_are_whole(tmp_path: Path) -> None:
    """An aggregation of tantivy counts 65,000 values, those of all fields together."""
    index = TantivyEngine().create(tmp_path / "index")
    for begin in range(0, 700, 350):
        index.upsert([
            replace(document(number), organisation=tuple(f"v-{number}-{one}" for one in range(100)), party=("spd",))
            for number in range(begin, begin + 350)
        ])  # fmt: skip
        index.commit(begin + 1)
    facets = dict(index.search(SearchRequest(node=Term("Haushalt"), facets=("party", "organisation"))).facets)

    assert [(count.value, count.count) for count in facets["party"]] == [("spd", 700)]
    assert {count.value for count in facets["organisation"]} == {
        f"v-{n}-{one}" for n in range(700) for one in range(100)
    }
    assert {count.count for count in facets["organisation"]} == {1}
