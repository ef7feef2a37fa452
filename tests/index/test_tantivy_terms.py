"""What tantivy is handed: the same terms in the same places as the analysis finds, in texts that are hard to cut."""

import random
from datetime import date

import pytest

from archive_pipeline.index.tantivy_engine import TantivyEngine
from archive_pipeline.language.analysis import analyse
from archive_pipeline.protocols import Index, IndexDocument, SearchRequest
from archive_pipeline.query import Exact, Fuzzy, Node, Phrase, Prefix, Term
from archive_pipeline.testing.index_engines import Reference

pytest.importorskip("tantivy", reason="the extra tantivy is not installed")

_PIECES = """
Integrations- und Sprachförderkurse Integrations-/Sprachkurse -leiterinnen Schulleiter (-innen) vor- nachmittags 10 000
131.000 28.11.2017 z. B. u. a. d. A. A46 A 46 COVID19 H2O – - KommAn-NRW, FDP-Fraktion Bürger*innen Bürger/-innen Straße
cafe\u0301 Łódź Flüch\u00adtlinge der Kreis Haus 5,5 1,5 0221 809-2783 St.-Martin Жук
"""
_WORDS = """
Integrationskurse Sprachkurs Schulleiterinnen Nachmittag 10000 131000 November KommAn-NRW KommAnNRW Fraktion Bürger z.B.
Straße Café der Kreis Haus 28.11.2017 0221 A46 FDP-Fraktion Martin
"""
PIECES, WORDS = _PIECES.split(), _WORDS.split()
SEPARATORS = (" ", " ", " ", "\n", "\u00a0", "\u202f", "\n\n", "\n \n")
COUNT = 250


def texts(seed: int) -> list[str]:
    chance = random.Random(seed)
    return [
        "".join(chance.choice(PIECES) + chance.choice(SEPARATORS) for _ in range(chance.randint(1, 14)))
        for _ in range(COUNT)
    ]


@pytest.fixture(scope="module")
def documents() -> list[IndexDocument]:
    pairs = zip(texts(1), texts(2), strict=True)
    return [
        IndexDocument(key=f"r{n}", title=title, text=text, source="s", captured=date(2020, 1, 1), quotes=(title, text))
        for n, (title, text) in enumerate(pairs)
    ]


@pytest.fixture(scope="module")
def index(documents: list[IndexDocument], tmp_path_factory: pytest.TempPathFactory) -> Index:
    made = TantivyEngine().create(tmp_path_factory.mktemp("terms") / "index")
    made.upsert(documents)
    made.commit(1)
    return made


def queries() -> list[Node]:
    chance = random.Random(3)
    fields = (None, "title", "quote")
    phrases = [
        Phrase(tuple(chance.choices(WORDS, k=2)), chance.randint(0, 2), chance.choice(fields)) for _ in range(80)
    ]
    fuzzy = ("cafee", "a4", "A47", "covid1", "Lodz", "131001", "1,6", "h2", "Krais", "Жуки", "10000", "strase")
    return [
        *phrases,
        *(Term(word, field) for word in WORDS for field in fields),
        *(Exact(word) for word in WORDS),
        *(Prefix(word[:2]) for word in WORDS),
        *(Fuzzy(word, distance) for word in fuzzy for distance in (1, 2)),
    ]


def test_queries_find_what_the_analysis_finds(index: Index, documents: list[IndexDocument]) -> None:
    reference = Reference(documents)
    found = 0
    for node in queries():
        hits = {hit.key for hit in index.search(SearchRequest(node=node, limit=COUNT)).hits}
        assert hits == reference.keys(node), node
        found += bool(hits)

    assert found > 150


def test_all_forms_are_listed(index: Index, documents: list[IndexDocument]) -> None:
    forms = {token.form for one in documents for text in (one.title, one.text) for token in analyse(text) if token.form}

    assert set(index.forms("")) == forms
