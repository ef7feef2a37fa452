"""Pages of hits that tie: each hit once, whatever the size of the page, in the order every engine keeps."""

from datetime import date, timedelta
from typing import Literal

import pytest

from archive_pipeline.index.tantivy_engine import TantivyEngine
from archive_pipeline.protocols import Index, IndexDocument, SearchRequest
from archive_pipeline.query import Node, Term

pytest.importorskip("tantivy", reason="the extra tantivy is not installed")

COUNT = 9_000
KEYS = ("0000000000", "r-", "A", "ä", "zz", "")


def day(number: int) -> date | None:
    return None if number % 7 == 0 else date(2020, 1, 1) + timedelta(days=number % 3)


@pytest.fixture(scope="module")
def documents() -> list[IndexDocument]:
    return [
        IndexDocument(
            key=f"{KEYS[number % len(KEYS)]}{number * 7919 % COUNT:05d}",
            title="Titel",
            text="Haushalt" if number % 5 else "Haushalt und Haushalt",
            source="s",
            captured=date(2020, 1, 1),
            published=day(number),
        )
        for number in range(COUNT)
    ]


@pytest.fixture(scope="module")
def index(documents: list[IndexDocument], tmp_path_factory: pytest.TempPathFactory) -> Index:
    made = TantivyEngine().create(tmp_path_factory.mktemp("ties") / "index")
    for place in range(0, COUNT, 2_500):  # several segments
        made.upsert(documents[place : place + 2_500])
        made.commit(place + 1)
    return made


def keys(index: Index, sort: Literal["score", "newest", "oldest"], offset: int, limit: int) -> list[str]:
    node: Node = Term("Haushalt")
    request = SearchRequest(node=node, sort=sort, offset=offset, limit=limit)
    return [hit.key for hit in index.search(request).hits]


@pytest.mark.parametrize("sort", ["score", "newest", "oldest"])
def test_thousands_of_equal_hits_have_one_order(
    index: Index, documents: list[IndexDocument], sort: Literal["score", "newest", "oldest"]
) -> None:
    def place(document: IndexDocument) -> tuple[int, float, str]:
        days = document.published.toordinal() if document.published else 0
        by_day = (days or date.max.toordinal()) if sort == "oldest" else -days
        return -document.text.count("Haushalt") if sort == "score" else 0, by_day, document.key

    whole = [document.key for document in sorted(documents, key=place)]

    assert keys(index, sort, 0, COUNT) == whole
    for offset, limit in ((0, 10), (10, 10), (1_795, 20), (3_000, 1), (5_990, 3_000), (8_995, 50), (COUNT, 10)):
        assert keys(index, sort, offset, limit) == whole[offset : offset + limit]
