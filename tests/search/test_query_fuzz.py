"""Whatever is typed is answered, at once and alike by both engines: random signs and queries made from the grammar."""

import random
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from archive_pipeline.index.tantivy_engine import TantivyEngine
from archive_pipeline.index.whoosh_engine import WhooshEngine
from archive_pipeline.protocols import IndexDocument, IndexEngine, SearchRequest
from archive_pipeline.search.names import VocabularyNames
from archive_pipeline.search.parser import parse_query
from archive_pipeline.search.service import FoundRelease, SearchService
from archive_pipeline.testing.index_engines import DISTRICTS, PARTIES, WORDS, Reference, synthetic

TODAY = date(2026, 11, 22)
NAMES = VocabularyNames([])
ENGINES: dict[str, type[IndexEngine]] = {"whoosh": WhooshEngine, "tantivy": TantivyEngine}
SLOWEST = 2.0
"""Seconds of processor time that no query may take at 10,000 releases: what a person waits for on a machine that does
nothing else."""

FIELDS = (
    *(
        "kreis",
        "land",
        "gemeinde",
        "partei",
        "org",
        "thema",
        "quelle",
        "sprecher",
        "zitat",
        "titel",
        "sprache",
        "datum",
    ),
    *(
        "erfasst",
        "seit",
        "wahlperiode",
        "district",
        "party",
        "title",
        "date",
        "kreis.erwähnt",
        "partei.erwähnt",
        "farbe",
    ),
)
VALUES = (
    *DISTRICTS,
    *PARTIES,
    *("2015", "2015..2017", "2016-05", "unbekannt", "..2016", "2017..", "2017..2015", "2016-13", "30t", "4w", "nrw-17"),
    *("a", "housing", "de", '"Kreis Heinsberg"', "", "*", '"'),
)
SIGNS = '"„“»«()-+*~?:=!.,;/\\\x00\x1f\t\n  ’\u00ad\u0308äßéÀ😀٣ⅷ\ud800'


def random_text(chance: random.Random) -> str:
    """Anything: operators, words, halves of words and signs of all kinds, in any order."""
    pieces = (*SIGNS, *"aB1", *WORDS, *FIELDS, "UND", "ODER", "NICHT", "AND", "OR", "NOT", "~2", "..")
    return "".join(chance.choices(pieces, k=chance.randint(0, 25)))


def query_text(chance: random.Random, depth: int = 2) -> str:
    """A query as the grammar has it."""
    word = chance.choice(WORDS)
    simple = (
        word,
        word.lower(),
        f"={word}",
        f"{word[:4]}*",
        f"{word}~{chance.choice(('', 1, 2, 9))}",
        f'"{" ".join(chance.choices(WORDS, k=chance.randint(1, 4)))}"{chance.choice(("", "~2", "~99"))}',
        f"{chance.choice(FIELDS)}:{chance.choice((*VALUES, word))}",
        f"-{word}",
    )
    if not depth or chance.random() < 0.3:
        return chance.choice(simple)
    parts = [query_text(chance, depth - 1) for _ in range(chance.randint(1, 4))]
    joined = chance.choice((" ", " UND ", " ODER ", " OR ", " AND ", " NICHT ")).join(parts)
    return f"({joined})" if chance.random() < 0.4 else joined


def queries(count: int, seed: int) -> Iterator[str]:
    """Half made from the grammar, half of anything; the same in every run."""
    for number in range(count):
        chance = random.Random(seed * 1_000_003 + number)
        yield query_text(chance) if number % 2 else random_text(chance)


class _Texts:
    """Texts from memory."""

    def __init__(self, documents: Sequence[IndexDocument]) -> None:
        self._documents = {document.key: document for document in documents}

    def found_releases(self, ids: Sequence[str]) -> Iterable[FoundRelease]:
        return [FoundRelease(id=key, title=self._documents[key].title, text=self._documents[key].text) for key in ids]


@cache
def service(engine: str, folder: Path, count: int) -> SearchService:
    documents = synthetic(count)
    index = ENGINES[engine]().create(folder / engine)
    index.upsert(documents)
    index.commit(1)
    return SearchService(index=index, releases=_Texts(documents), names=NAMES)


def answered(services: Sequence[SearchService], texts: Iterable[str], *, slowest: float) -> None:
    """Every service answers every text, in time, and all find as many."""
    for number, text in enumerate(texts):
        totals = []
        for one in services:
            before = time.process_time()
            facets = ("district", "year") if number % 10 == 0 else ()
            found = one.search(text, today=TODAY, facets=facets, with_snippets=number % 10 == 0)
            taken = time.process_time() - before
            assert taken < slowest, f"{taken:.1f} s: {text!r}"
            totals.append(found.total)
        assert len(set(totals)) == 1, f"{totals}: {text!r}"


def agreed(folder: Path, texts: Iterable[str], count: int) -> None:
    """Both engines find what a look at every document finds."""
    documents = synthetic(count)
    reference = Reference(documents)
    for engine in ENGINES.values():
        index = engine().create(folder / engine.__name__)
        index.upsert(documents)
        index.commit(1)
        for text in texts:
            node = parse_query(text, names=NAMES, today=TODAY).node
            hits = index.search(SearchRequest(node=node, limit=count)).hits
            assert {hit.key for hit in hits} == reference.keys(node), f"{engine.__name__}: {text!r}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@pytest.fixture(scope="module", autouse=True)
def _extra() -> None:
    pytest.importorskip("tantivy", reason="the extra tantivy is not installed")


@pytest.mark.timeout(600)
def test_five_thousand_queries_are_answered(folder: Path) -> None:
    answered([service(engine, folder, 100) for engine in ENGINES], queries(5_000, seed=1), slowest=10)


@pytest.mark.timeout(300)
def test_brute_force_agrees_with_what_was_understood(folder: Path) -> None:
    agreed(folder / "small", list(queries(400, seed=2)), 40)


@pytest.mark.proof
@pytest.mark.timeout(3_600)
def test_fifty_thousand_queries_are_answered_within_two_seconds(folder: Path) -> None:
    answered([service(engine, folder, 10_000) for engine in ENGINES], queries(50_000, seed=3), slowest=SLOWEST)


@pytest.mark.proof
@pytest.mark.timeout(600)
def test_brute_force_agrees_on_five_thousand(folder: Path) -> None:
    agreed(folder / "large", list(queries(5_000, seed=4)), 100)
