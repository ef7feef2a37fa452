"""Quality on the shared questions and expectations; both files carry their own right answers."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from archive_pipeline.index.whoosh_engine import WhooshEngine
from archive_pipeline.protocols import Index, IndexDocument, SearchRequest
from archive_pipeline.search.names import NameTable
from archive_pipeline.search.parser import Match, parse_query

TODAY = date(2026, 1, 1)


@pytest.fixture
def retrieval(shared: Path) -> Path:
    return shared / "eval" / "retrieval"


def indexed(texts: Path, folder: Path) -> Index:
    index = WhooshEngine().create(folder)
    index.upsert([
        IndexDocument(key=path.name, title="", text=path.read_text("utf-8"), source="s", captured=TODAY)
        for path in sorted(texts.glob("*.txt"))
    ])  # fmt: skip
    index.commit(1)
    return index


def answers(index: Index, queries: Path, match: Match, limit: int) -> Iterator[tuple[dict[str, object], list[str]]]:
    for line in queries.read_text("utf-8").splitlines():
        query = json.loads(line)
        parsed = parse_query(query["query"], names=NameTable({}), today=TODAY, match=match)
        yield query, [hit.key for hit in index.search(SearchRequest(node=parsed.node, limit=limit)).hits]


def test_questions_find_their_paragraph(retrieval: Path, tmp_path: Path) -> None:
    index = indexed(retrieval / "corpus", tmp_path / "index")
    ranks = [
        hits.index(query["gold"]) + 1 if query["gold"] in hits else 0
        for query, hits in answers(index, retrieval / "queries_dev.jsonl", "any", 10)
    ]

    assert sum(1 / rank for rank in ranks if rank) / len(ranks) >= 0.940
    assert sum(rank > 0 for rank in ranks) / len(ranks) >= 0.985


def test_expectations_hold(retrieval: Path, tmp_path: Path) -> None:
    index = indexed(retrieval / "expectations", tmp_path / "index")
    failed = [
        query["id"]
        for query, hits in answers(index, retrieval / "expectations.jsonl", "all", 100)
        if not query.get("stretch") and (set(query["must"]) - set(hits) or set(query["must_not"]) & set(hits))
    ]

    assert failed == []
