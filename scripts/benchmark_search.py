"""Our engines beside raw tantivy, raw SQLite FTS5 and stock Whoosh, in one run and in turns, by batch and by query.

    .venv/bin/python scripts/benchmark_search.py [--documents 100000] [--engines a,b] [--folder F] [--queries-only]
        [--rounds 3] [--minutes 30] [--clock wall|cpu] [--json]

Engines: whoosh, tantivy (ours, through `SearchService`, as the command line searches), tantivy-index and whoosh-index
(the same indexes asked without the service: trees in, keys out, no snippets), raw-tantivy, raw-tantivy-all (stop words
kept, as ours keep them), fts5, stock-whoosh.
With --folder indexes are kept and used again; --queries-only builds none, and takes those that are there. --minutes
ends the rounds of queries early. --clock cpu counts the processor time of this process, which other programs disturb
less.

The corpus is that of ../shared/eval/bench where it is there, else press releases made of the sample site's sentences.
Peers analyse German with PyStemmer and a stop list; ours with the archive's own analysis. Texts that ours show come
from an SQLite file, as in an archive. Needs the extra tantivy, and PyStemmer for the peers.

Prints documents indexed per second of processor time, bytes a document, p50/p95 in milliseconds by class of query, and
how long it takes to add 50 documents and see them (median and longest of five times); beside each pair of ours and its
peer the ratio, of queries that of p95.
"""

import argparse
import gc
import hashlib
import importlib.util
import json
import math
import os
import random
import re
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol

import tantivy
from Stemmer import Stemmer

from archive_pipeline.index.tantivy_engine import TantivyEngine
from archive_pipeline.index.whoosh_engine import WhooshEngine
from archive_pipeline.language.analysis import is_stop_word
from archive_pipeline.language.words import STOP_WORDS
from archive_pipeline.protocols import Index, IndexDocument, IndexEngine, SearchRequest
from archive_pipeline.query import Node
from archive_pipeline.search.cursor import Sort
from archive_pipeline.search.names import VocabularyNames
from archive_pipeline.search.parser import Match
from archive_pipeline.search.service import FoundRelease, SearchService

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT.parent / "shared" / "eval" / "bench" / "make_corpus.py"
FIELDS = ("district", "party", "organisation", "topic")
TODAY = date(2026, 11, 22)
WORD = re.compile(r"\w+")
BATCH = 5_000
QUERY_SAMPLE = 20_000
ADDED, ADDITIONS, FIRST_ADDED = 50, 5, 10_000_000
PEERS = {
    "tantivy": "raw-tantivy",
    "tantivy-index": "raw-tantivy",
    "whoosh": "stock-whoosh",
    "whoosh-index": "stock-whoosh",
}
PHRASES = (
    "in der sitzung",
    "bürgerinnen und bürger",
    "kreis und stadt",
    "für die menschen",
    "im kreis",
    "in der schule",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """One release of the corpus."""

    number: int
    key: str
    title: str
    text: str
    published: date
    tags: dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """One query: its class, what is asked, and the district of class `filter`."""

    kind: str
    text: str
    district: str = ""


class Engine(Protocol):
    """One competitor."""

    def create(self) -> None:
        """Begin an empty index."""

    def write(self, documents: Sequence[Document]) -> None:
        """Index a batch and commit it."""

    def finish(self) -> None:
        """What is done once after the last batch."""

    def open(self) -> None:
        """Be ready to answer."""

    def ask(self, query: Query) -> int:
        """Answer; how many hits are shown, for `count` how many there are."""

    def add(self, documents: Sequence[Document]) -> int:
        """Add documents and see them: how many the index holds then."""


def documents(count: int, start: int = 0) -> Iterator[Document]:
    """The corpus; document n is the same in every run."""
    made = _shared_corpus(count, start) if CORPUS.is_file() else _own_corpus(count, start)
    for number, (title, text, day, tags) in enumerate(made, start=start):
        key = hashlib.sha256(str(number).encode()).hexdigest()[:12]  # as release ids are
        yield Document(number=number, key=key, title=title, text=text, published=day, tags=tags)


def _shared_corpus(count: int, start: int) -> Iterator[tuple[str, str, date, dict[str, tuple[str, ...]]]]:
    for row in _module().Corpus().documents(count, start):
        tags = {field: tuple(row[field]) for field in FIELDS}
        yield row["title"], row["body"], date.fromisoformat(row["date"][:10]), tags


@cache
def _module() -> Any:
    spec = importlib.util.spec_from_file_location("make_corpus", CORPUS)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _own_corpus(count: int, start: int) -> Iterator[tuple[str, str, date, dict[str, tuple[str, ...]]]]:
    """Sentences of the sample site, words replaced now and then by compounds of two of its words."""
    pages = (ROOT / "archive_pipeline" / "sample").rglob("*.txt")
    sentences = re.findall(r"[A-ZÄÖÜ][^.!?]{30,200}[.!?]", " ".join(path.read_text("utf-8") for path in sorted(pages)))
    nouns = sorted({word for sentence in sentences for word in re.findall(r"\b[A-ZÄÖÜ][a-zäöüß]{4,}\b", sentence)})
    for number in range(start, start + count):
        chance = random.Random(number)
        chosen = chance.choices(sentences, k=chance.randint(8, 30))
        text = " ".join(
            " ".join(
                f"{chance.choice(nouns)}s{chance.choice(nouns).lower()}" if chance.random() < 0.04 else word
                for word in sentence.split()
            )
            for sentence in chosen
        )
        tags: dict[str, tuple[str, ...]] = {
            "district": (f"{1001 + int(400 * chance.random() ** 3):05d}",),
            "party": (f"partei-{int(12 * chance.random() ** 2)}",),
            "organisation": (f"organisation-{int(3000 * chance.random() ** 3)}",),
            "topic": (f"thema-{int(21 * chance.random() ** 2)}",),
        }
        day = date(2010, 1, 1) + timedelta(days=chance.randint(0, 6000))
        yield " ".join(chance.choices(nouns, k=4)), text, day, tags


def queries(sample: Sequence[Document], per_class: int = 12) -> list[Query]:
    """Words by how many documents have them, in twelve classes."""
    counts: Counter[str] = Counter()
    for document in sample:
        counts.update(set(WORD.findall(document.text.lower())))
    words = sorted(word for word in counts if len(word) >= 4 and word.isalpha() and not is_stop_word(word))
    chance = random.Random(7)

    def band(low: float, high: float, count: int) -> list[str]:
        found = [word for word in words if low <= counts[word] / len(sample) < high] or words[:1]
        return chance.sample(found, count) if len(found) >= count else (found * count)[:count]

    common, middle, frequent = band(0.15, 0.6, per_class), band(0.02, 0.08, per_class), band(0.05, 0.15, 2 * per_class)
    districts = [value for value, _ in Counter(d for one in sample for d in one.tags["district"]).most_common(14)][2:]
    texts: dict[str, list[str]] = {
        "rare": band(max(2 / len(sample), 0.0003), 0.003, per_class),
        "common": common,
        "count": common,
        "and": [f"{one} {other}" for one, other in zip(frequent, common, strict=False)],
        "or": [" ".join(three) for three in zip(middle, frequent[per_class:], common, strict=False)],
        "phrase": [PHRASES[number % len(PHRASES)] for number in range(per_class)],
        "prefix": [word[:5] for word in band(0.005, 0.02, per_class)],
        "fuzzy": band(0.01, 0.05, per_class),
        "bydate": common,
        "facets": common,
        "snippets": frequent[:per_class],
    }
    found = [Query(kind=kind, text=text) for kind, those in texts.items() for text in those]
    return found + [
        Query(kind="filter", text=word, district=districts[number % len(districts)])
        for number, word in enumerate(common)
    ]


class Ours:
    """One of our engines, through the search service."""

    def __init__(self, engine: IndexEngine, folder: Path, texts: "Texts") -> None:
        self._engine, self._folder, self._texts = engine, folder / "index", texts

    def create(self) -> None:
        self._index: Index = self._engine.create(self._folder)

    def write(self, documents: Sequence[Document]) -> None:
        self._index.upsert([_index_document(document) for document in documents])
        self._index.commit(self._index.seq() + 1)

    def finish(self) -> None:
        self._index.close()

    def open(self) -> None:
        self._index = self._engine.open(self._folder)
        self._service = SearchService(index=self._index, releases=self, names=VocabularyNames([]))

    def found_releases(self, ids: Sequence[str]) -> Iterable[FoundRelease]:
        """The texts of hits."""
        return self._texts.found_releases(ids)

    def ask(self, query: Query) -> int:
        text = self._text(query)
        results = self._service.search(
            text,
            today=TODAY,
            match="any" if query.kind == "or" else "all",
            sort="newest" if query.kind == "bydate" else "score",
            facets=FIELDS if query.kind == "facets" else (),
            with_snippets=query.kind == "snippets",
        )
        return results.total if query.kind == "count" else len(results.hits)

    def _text(self, query: Query) -> str:
        text = {"phrase": f'"{query.text}"', "prefix": f"{query.text}*", "fuzzy": f"{query.text}~"}.get(
            query.kind, query.text
        )
        if query.kind == "filter":
            text += f" kreis:{query.district}"
        return text

    def add(self, documents: Sequence[Document]) -> int:
        index = self._engine.open(self._folder, writable=True)
        index.upsert([_index_document(document) for document in documents])
        index.commit(index.seq() + 1)
        index.close()
        self.open()
        return self._index.count()


class IndexAlone(Ours):
    """One of our engines without the service around it; the trees are made once."""

    def open(self) -> None:
        super().open()
        self._trees: dict[Query, Node] = {}

    def ask(self, query: Query) -> int:
        node = self._trees.get(query)
        if node is None:
            match: Match = "any" if query.kind == "or" else "all"
            node = self._trees[query] = self._service.parse(self._text(query), today=TODAY, match=match).node
        sort: Sort = "newest" if query.kind == "bydate" else "score"
        facets = FIELDS if query.kind == "facets" else ()
        limit = 0 if query.kind == "count" else 10
        result = self._index.search(SearchRequest(node=node, sort=sort, facets=facets, limit=limit))
        return result.total if query.kind == "count" else len(result.hits)


class Texts:
    """Titles and texts by key."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path)
        self._db.execute("CREATE TABLE IF NOT EXISTS release (key TEXT PRIMARY KEY, title, text, published)")

    def keep(self, documents: Iterable[Document]) -> None:
        rows = ((one.key, one.title, one.text, one.published.isoformat()) for one in documents)
        self._db.executemany("INSERT OR REPLACE INTO release VALUES (?, ?, ?, ?)", rows)
        self._db.commit()

    def found_releases(self, ids: Sequence[str]) -> Iterator[FoundRelease]:
        marks = ", ".join("?" * len(ids))
        for key, title, text, day in self._db.execute(f"SELECT * FROM release WHERE key IN ({marks})", ids):
            yield FoundRelease(id=key, title=title, text=text, published=date.fromisoformat(day))


def _index_document(document: Document) -> IndexDocument:
    tags = document.tags
    return IndexDocument(
        key=document.key,
        title=document.title,
        text=document.text,
        source="messung",
        captured=TODAY,
        published=document.published,
        language="de",
        district=tags["district"],
        district_mentioned=tags["district"],
        state=tuple({key[:2] for key in tags["district"]}),
        party=tags["party"],
        party_mentioned=tags["party"],
        organisation=tags["organisation"],
        topic=tags["topic"],
    )


_STEMMER = Stemmer("german")
_STOP = frozenset(STOP_WORDS)


@cache
def _stem(word: str) -> str:
    return "" if word in _STOP else str(_STEMMER.stemWord(word))


def _stems(text: str) -> list[str]:
    return [stem for word in WORD.findall(text.lower()) if (stem := _stem(word))]


def _passage(text: str, wanted: set[str]) -> str:
    for match in WORD.finditer(text):
        if _stem(match.group().lower()) in wanted:
            begin, end = match.span()
            return f"{text[max(0, begin - 100) : begin]}>{text[begin:end]}<{text[end : end + 150]}"
    return text[:250]


class RawTantivy:
    """tantivy as it comes, with its own German analysis in Rust; `keeps_all` words, stop words too, as ours does."""

    def __init__(self, folder: Path, *, keeps_all: bool = False) -> None:
        self._folder = str(folder)
        self._dropped = [] if keeps_all else sorted(_STOP)
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("key", stored=True, tokenizer_name="raw", index_option="basic")
        builder.add_text_field("title", stored=True, tokenizer_name="german")
        builder.add_text_field("text", stored=True, tokenizer_name="german")
        builder.add_date_field("published", fast=True, indexed=True)
        for field in FIELDS:
            builder.add_text_field(field, tokenizer_name="raw", index_option="basic", fast=True)
        self._schema = builder.build()

    def _opened(self) -> tantivy.Index:
        index = tantivy.Index(self._schema, path=self._folder)
        analysis = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.regex(r"\w+")).filter(tantivy.Filter.lowercase())
        analysis = analysis.filter(tantivy.Filter.custom_stopword(self._dropped))
        index.register_tokenizer("german", analysis.filter(tantivy.Filter.stemmer("german")).build())
        return index

    def create(self) -> None:
        self._opened()

    def finish(self) -> None:
        pass

    def write(self, documents: Sequence[Document]) -> None:
        writer = self._opened().writer(128_000_000, 1)
        for document in documents:
            made = tantivy.Document(key=document.key, title=document.title, text=document.text)
            made.add_date("published", datetime.combine(document.published, datetime.min.time()))
            for field, values in document.tags.items():
                for value in values:
                    made.add_text(field, value)
            writer.add_document(made)
        writer.commit()
        writer.wait_merging_threads()

    def open(self) -> None:
        self._index = self._opened()
        self._index.reload()
        self._searcher = self._index.searcher()

    def ask(self, query: Query) -> int:
        library, occur = tantivy.Query, tantivy.Occur
        stems = _stems(query.text)
        words = [library.term_query(self._schema, "text", stem) for stem in stems]
        match query.kind:
            case "phrase":
                wanted = self._index.parse_query(f'"{query.text}"', ["text"])
            case "prefix":
                wanted = library.regex_query(self._schema, "text", re.escape(query.text) + ".*")
            case "fuzzy":
                wanted = library.fuzzy_term_query(self._schema, "text", stems[0], distance=1)
            case _:
                kind = occur.Should if query.kind == "or" else occur.Must
                wanted = library.boolean_query([(kind, word) for word in words])
        if query.kind == "filter":
            term = library.term_query(self._schema, "district", query.district, index_option="basic")
            wanted = library.boolean_query([(occur.Must, wanted), (occur.Must, library.const_score_query(term, 0.0))])
        order: dict[str, Any] = {"order_by_field": "published"} if query.kind == "bydate" else {}
        found: Any = self._searcher.search(wanted, 10, count=True, **order)
        shown = [self._searcher.doc(address) for _, address in found.hits]
        if query.kind == "facets":
            terms = {field: {"terms": {"field": field, "size": 1000}} for field in FIELDS}
            self._searcher.aggregate(wanted, terms)
        if query.kind == "snippets":
            [_passage(document["text"][0], set(stems)) for document in shown]
        return int(found.count) if query.kind == "count" else len(shown)

    def add(self, documents: Sequence[Document]) -> int:
        self.write(documents)
        self.open()
        return self._searcher.num_docs


class Fts5:
    """SQLite's full text, stems made in Python, tags in a table beside it."""

    def __init__(self, folder: Path) -> None:
        self._path = str(folder / "fts5.db")

    def create(self) -> None:
        self.open()

    def finish(self) -> None:
        self._db.execute("INSERT INTO words(words) VALUES ('optimize')")
        self._db.commit()

    def write(self, documents: Sequence[Document]) -> None:
        for document in documents:
            number = document.number
            row = (number, document.key, document.text, document.published.isoformat())
            self._db.execute("INSERT INTO document VALUES (?, ?, ?, ?)", row)
            stems = (number, " ".join(_stems(document.title)), " ".join(_stems(document.text)))
            self._db.execute("INSERT INTO words(rowid, title, text) VALUES (?, ?, ?)", stems)
            tags = [(number, field, value) for field, values in document.tags.items() for value in values]
            self._db.executemany("INSERT OR IGNORE INTO tag VALUES (?, ?, ?)", tags)
        self._db.commit()

    def open(self) -> None:
        self._db = sqlite3.connect(self._path)
        self._db.executescript(
            """PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA mmap_size=4000000000;
            CREATE TABLE IF NOT EXISTS document (number INTEGER PRIMARY KEY, key TEXT, text TEXT, published TEXT);
            CREATE TABLE IF NOT EXISTS tag (number, field, value, PRIMARY KEY (number, field, value)) WITHOUT ROWID;
            CREATE INDEX IF NOT EXISTS tag_value ON tag (field, value, number);
            CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5(title, text, content='',
                tokenize="unicode61 remove_diacritics 0");"""
        )
        self._terms: list[str] = []

    def ask(self, query: Query) -> int:
        expression, order = self._expression(query), "rank"
        joined, more, values = "", "", [expression]
        if query.kind == "filter":
            more = "AND +words.rowid IN (SELECT number FROM tag WHERE field = 'district' AND value = ?)"
            values.append(query.district)
        if query.kind == "bydate":
            joined, order = "CROSS JOIN document ON document.number = words.rowid", "document.published DESC"
        page = f"SELECT words.rowid FROM words {joined} WHERE words MATCH ? {more} ORDER BY {order} LIMIT 10"
        shown = [row[0] for row in self._db.execute(page, values)]
        total = self._db.execute(f"SELECT count(*) FROM words WHERE words MATCH ? {more}", values).fetchone()[0]
        if query.kind == "facets":
            self._db.execute(
                "SELECT field, value, count(*) FROM words CROSS JOIN tag ON tag.number = words.rowid"
                " WHERE words MATCH ? GROUP BY 1, 2",
                values,
            ).fetchall()
        if query.kind == "snippets":
            stems = set(_stems(query.text))
            for number in shown:
                _passage(self._db.execute("SELECT text FROM document WHERE number = ?", [number]).fetchone()[0], stems)
        return int(total) if query.kind == "count" else len(shown)

    def _expression(self, query: Query) -> str:
        if query.kind == "prefix":
            return f'text:"{query.text}"*'
        stems = _stems(query.text)
        if query.kind == "phrase":
            return f'text:"{" ".join(stems)}"'
        if query.kind == "fuzzy":
            stems = self._near(stems[0])
        joiner = " OR " if query.kind in {"or", "fuzzy"} else " AND "
        return f"text:({joiner.join(json.dumps(stem, ensure_ascii=False) for stem in stems)})"

    def _near(self, stem: str) -> list[str]:
        from rapidfuzz import distance, process  # noqa: PLC0415

        if not self._terms:
            self._db.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, words, row)")
            self._terms = [row[0] for row in self._db.execute("SELECT term FROM vocabulary")]
        near = process.extract(stem, self._terms, scorer=distance.Levenshtein.distance, score_cutoff=1, limit=50)
        return [term for term, _, _ in near]

    def add(self, documents: Sequence[Document]) -> int:
        self.write(documents)
        self.open()
        return int(self._db.execute("SELECT count(*) FROM document").fetchone()[0])


class StockWhoosh:
    """Whoosh 2.7.4 with its own German analysis, as its documentation shows it."""

    def __init__(self, folder: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from whoosh import analysis, fields, index, query, sorting  # noqa: PLC0415
        self._index_module, self._query, self._sorting, self._folder = index, query, sorting, str(folder)
        self._analyzer = analysis.LanguageAnalyzer("de")
        self._schema = fields.Schema(
            key=fields.ID(stored=True, unique=True),
            title=fields.TEXT(analyzer=self._analyzer, stored=True),
            text=fields.TEXT(analyzer=self._analyzer, stored=True),
            published=fields.DATETIME(sortable=True),
            **{field: fields.KEYWORD(commas=True, stored=True) for field in FIELDS},
        )

    def create(self) -> None:
        self._opened = self._index_module.create_in(self._folder, self._schema)

    def finish(self) -> None:
        pass

    def write(self, documents: Sequence[Document]) -> None:
        writer = self._opened.writer(limitmb=256)
        for document in documents:
            writer.add_document(
                key=document.key,
                title=document.title,
                text=document.text,
                published=datetime.combine(document.published, datetime.min.time()),
                **{field: ",".join(values) for field, values in document.tags.items()},
            )
        writer.commit()

    def open(self) -> None:
        self._opened = self._index_module.open_dir(self._folder)
        self._searcher = self._opened.searcher()

    def ask(self, query: Query) -> int:
        library = self._query
        stems = [token.text for token in self._analyzer(query.text)]
        words = [library.Term("text", stem) for stem in stems]
        wanted = {
            "or": lambda: library.Or(words),
            "phrase": lambda: library.Phrase("text", stems),
            "prefix": lambda: library.Prefix("text", query.text),
            "fuzzy": lambda: library.FuzzyTerm("text", stems[0], maxdist=1, prefixlength=1),
        }.get(query.kind, lambda: library.And(words))()
        more: dict[str, Any] = {}
        if query.kind == "filter":
            more["filter"] = library.Term("district", query.district)
        if query.kind == "bydate":
            more |= {"sortedby": "published", "reverse": True}
        if query.kind == "facets":
            groups = self._sorting.Facets()
            for field in FIELDS:
                groups.add_field(field, allow_overlap=True, maptype=self._sorting.Count)
            more["groupedby"] = groups
        found = self._searcher.search(wanted, limit=10, **more)
        if query.kind == "snippets":
            [hit.highlights("text", top=2) for hit in found]
        return len(found) if query.kind == "count" else found.scored_length()

    def add(self, documents: Sequence[Document]) -> int:
        self.write(documents)
        self.open()
        return int(self._searcher.doc_count())


Figures = dict[str, dict[str, tuple[float, float]]]


class Measurement:
    """Engines of one folder, and what has been found out about them there."""

    def __init__(self, folder: Path, names: Sequence[str], clock: Callable[[], float]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._clock = folder, clock
        self._notes = folder / "built.json"
        self.built: dict[str, Any] = json.loads(self._notes.read_text("utf-8")) if self._notes.exists() else {}
        self._texts = Texts(folder / "texts.db")
        makers: dict[str, Callable[[Path], Engine]] = {
            "whoosh": lambda place: Ours(WhooshEngine(), place, self._texts),
            "tantivy": lambda place: Ours(TantivyEngine(), place, self._texts),
            "whoosh-index": lambda place: IndexAlone(WhooshEngine(), place, self._texts),
            "tantivy-index": lambda place: IndexAlone(TantivyEngine(), place, self._texts),
            "raw-tantivy": RawTantivy,
            "raw-tantivy-all": partial(RawTantivy, keeps_all=True),
            "fts5": Fts5,
            "stock-whoosh": StockWhoosh,
        }
        self.engines = {name: makers[name](folder / _place(name)) for name in names}

    def build(self, count: int) -> None:
        """Write the batches to every engine that is not there yet, in turns."""
        missing = [name for name in dict.fromkeys(map(_place, self.engines)) if name not in self.built]
        if not set(missing) <= set(self.engines):
            sys.exit(f"to be built first: {', '.join(missing)}")
        seconds = dict.fromkeys(missing, 0.0)
        for name in missing:
            shutil.rmtree(self._folder / name, ignore_errors=True)
            (self._folder / name).mkdir()
            self.engines[name].create()
        for start in range(0, count if missing else 0, BATCH):
            batch = list(documents(min(BATCH, count - start), start))
            self._texts.keep(batch)
            for name in missing:
                seconds[name] += _processor(partial(self.engines[name].write, batch))
            print(f"{start + len(batch)} of {count} written", file=sys.stderr)
        for name in missing:
            seconds[name] += _processor(self.engines[name].finish)
            size = sum(path.stat().st_size for path in (self._folder / name).rglob("*") if path.is_file())
            rate, size = round(count / seconds[name]), size // count
            self.built[name] = {"documents": count, "documents/CPU-s": rate, "bytes/document": size}
            self._notes.write_text(json.dumps(self.built, indent=1), encoding="utf-8")

    def open(self) -> None:
        for engine in self.engines.values():
            engine.open()

    def queries(self) -> list[Query]:
        """Chosen by the first 20,000 documents, and kept."""
        path = self._folder / "queries.json"
        if not path.exists():
            size = min(QUERY_SAMPLE, *(built["documents"] for built in self.built.values()))
            chosen = [asdict(query) for query in queries(list(documents(size)))]
            path.write_text(json.dumps(chosen, ensure_ascii=False, indent=1), encoding="utf-8")
        return [Query(**row) for row in json.loads(path.read_text("utf-8"))]

    def times(self, rounds: int, minutes: float) -> Figures:
        """p50 and p95 by class and engine, in milliseconds."""
        asked = self.queries()
        end = time.monotonic() + 60 * minutes
        found: dict[str, dict[str, list[float]]] = {}
        gc.collect()
        gc.freeze()
        for _ in range(rounds):
            for query in asked:
                if time.monotonic() > end and len(found) == len({one.kind for one in asked}):
                    break
                for name, engine in self.engines.items():
                    taken = 1000 * self._timed(partial(engine.ask, query))
                    found.setdefault(query.kind, {}).setdefault(name, []).append(taken)
        return {
            kind: {name: (statistics.median(those), _percentile(those)) for name, those in named.items()}
            for kind, named in found.items()
        }

    def additions(self) -> dict[str, tuple[float, float]]:
        """Seconds for adding documents and seeing them, median and longest."""
        taken: dict[str, list[float]] = {}
        for _ in range(ADDITIONS):
            start = self.built.get("added", FIRST_ADDED)
            more = list(documents(ADDED, start))
            self._texts.keep(more)
            for name, engine in self.engines.items():
                if name == _place(name):
                    taken.setdefault(name, []).append(self._timed(partial(engine.add, more)))
            self.built["added"] = start + ADDED
            self._notes.write_text(json.dumps(self.built, indent=1), encoding="utf-8")
        return {name: (statistics.median(those), max(those)) for name, those in taken.items()}

    def _timed(self, action: Callable[[], object]) -> float:
        before = self._clock()
        action()
        return self._clock() - before


def _place(name: str) -> str:
    """The folder of an engine's index, which it may share with another one."""
    return name.removesuffix("-index")


def _processor(action: Callable[[], object]) -> float:
    gc.collect()
    before = time.process_time()
    action()
    return time.process_time() - before


def _percentile(those: Sequence[float]) -> float:
    return sorted(those)[int(len(those) * 0.95)]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--documents", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--minutes", type=float, default=60)
    options.add_argument("--engines", default="tantivy,raw-tantivy,fts5,whoosh,stock-whoosh")
    options.add_argument("--folder", type=Path)
    options.add_argument("--queries-only", action="store_true")
    options.add_argument("--clock", choices=("wall", "cpu"), default="wall")
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    clock = time.process_time if chosen.clock == "cpu" else time.perf_counter
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="search-"))
    measurement = Measurement(folder, chosen.engines.split(","), clock)
    if chosen.queries_only:
        missing = [name for name in measurement.engines if _place(name) not in measurement.built]
        if missing:
            sys.exit(f"not built in {folder}: {', '.join(missing)}")
    else:
        measurement.build(chosen.documents)
    measurement.open()
    report = {
        "clock": chosen.clock,
        "load": os.getloadavg()[0],
        "index": {name: measurement.built[_place(name)] for name in measurement.engines},
        "queries, milliseconds": measurement.times(chosen.rounds, chosen.minutes),
        "add 50, seconds": measurement.additions(),
    }
    print(json.dumps(report, indent=1) if chosen.json else _table(report, list(measurement.engines)))


def _table(report: dict[str, Any], names: Sequence[str]) -> str:
    """A Markdown table; behind the engines one column of ratios for each of ours whose peer is there."""
    pairs = [(ours, peer) for ours, peer in PEERS.items() if ours in names and peer in names]
    heads = [*names, *(f"{ours} : {peer}" for ours, peer in pairs)]
    counts = sorted({report["index"][name]["documents"] for name in names})
    sizes = " and ".join(f"{count:,}" for count in counts)
    rows = [
        f"{sizes} documents, {report['clock']} clock, load {report['load']:.1f}",
        "",
        f"| | {' | '.join(heads)} |",
        "|---" * (len(heads) + 1) + "|",
    ]
    for figure in ("documents/CPU-s", "bytes/document"):
        values = {name: report["index"][name][figure] for name in names}
        rows.append(_row(figure, [f"{values[name]:,}" for name in names], [values[a] / values[b] for a, b in pairs]))
    for kind, named in report["queries, milliseconds"].items():
        ratios = [named[ours][1] / named[peer][1] for ours, peer in pairs]
        rows.append(_row(kind, [f"{named[name][0]:.2f} / {named[name][1]:.2f}" for name in names], ratios))
    added = report["add 50, seconds"]
    ratios = [added[_place(ours)][0] / added[peer][0] if _place(ours) in added else math.nan for ours, peer in pairs]
    shown = [f"{added[name][0]:.3f} / {added[name][1]:.3f}" if name in added else "–" for name in names]
    rows.append(_row("add 50, s", shown, ratios))
    return "\n".join(rows)


def _row(head: str, values: Sequence[str], ratios: Sequence[float]) -> str:
    return f"| {' | '.join([head, *values, *(f'{ratio:.2f}' for ratio in ratios)])} |"


if __name__ == "__main__":
    main()
