"""The contract for authors of engines, on our two; how far they agree about the order; what fails it."""

import importlib.util
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from archive_pipeline.index.tantivy_engine import TantivyEngine
from archive_pipeline.index.whoosh_engine import WhooshEngine
from archive_pipeline.protocols import EngineResult, Index, SearchRequest
from archive_pipeline.testing import IndexEngineContract
from archive_pipeline.testing.index_engines import fixed_queries, ranking_agreement, synthetic

needs_tantivy = pytest.mark.skipif(not importlib.util.find_spec("tantivy"), reason="the extra tantivy is not installed")

AGREEMENT = 0.7
"""The share of the first ten that our engines have in common here, where all texts are short and made of the same fifty
words, so that hundreds of hits nearly tie: 0.79 when this was written."""


class TestWhooshContract(IndexEngineContract):
    subject = WhooshEngine()
    documents = 400


@needs_tantivy
class TestTantivyContract(IndexEngineContract):
    subject = TantivyEngine()
    documents = 400


@pytest.mark.proof
class TestWhooshContractOverAll(IndexEngineContract):
    subject = WhooshEngine()


@pytest.mark.proof
@needs_tantivy
class TestTantivyContractOverAll(IndexEngineContract):
    subject = TantivyEngine()


@needs_tantivy
def test_the_engines_agree_about_the_first_ten(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    indexes: list[Index] = []
    for engine in (WhooshEngine(), TantivyEngine()):
        index = engine.create(tmp_path / engine.version)
        index.upsert(synthetic(400))
        index.commit(1)
        indexes.append(index)
    share = ranking_agreement(indexes[0], indexes[1], fixed_queries())
    record_property("ranking_agreement", round(share, 3))

    assert share >= AGREEMENT


class _Forgetful:
    """An index that loses a hit of every answer."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def __getattr__(self, name: str) -> object:
        return getattr(self._index, name)

    def search(self, request: SearchRequest) -> EngineResult:
        result = self._index.search(request)
        return EngineResult(hits=result.hits[1:], total=result.total, undated=result.undated, facets=result.facets)


class _ForgetfulEngine(WhooshEngine):
    def create(self, folder: Path) -> Index:
        return _Forgetful(super().create(folder))  # type: ignore[return-value]


class ForgetfulContract(IndexEngineContract):
    subject = _ForgetfulEngine()
    documents = 50


def test_an_engine_that_loses_hits_fails() -> None:
    with pytest.raises(AssertionError, match="hits differ"):
        ForgetfulContract().test_finds_what_a_look_at_every_document_finds()


def test_the_example_for_authors_of_engines_passes(tmp_path: Path) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "plugins.md").read_text(encoding="utf-8")
    begin = page.index("    from archive_pipeline.index.whoosh_engine")
    example = textwrap.dedent(page[begin : page.index("### `register_exporters", begin)])
    (tmp_path / "test_engine.py").write_text(example.replace("documents = 200", "documents = 30"), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
    )

    assert "5 passed" in done.stdout, done.stdout
