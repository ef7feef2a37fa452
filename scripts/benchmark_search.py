"""Our engines beside raw tantivy, raw SQLite FTS5 and stock Whoosh, in one run, query by query in turns.

    .venv/bin/python scripts/benchmark_search.py [--documents 100000] [--rounds 3] [--engines a,b] [--folder F]

Engines: whoosh, tantivy (ours, through `SearchService`, as the command line searches), raw-tantivy, fts5, stock-whoosh.
With --folder indexes are kept and used again. The corpus is that of ../shared/eval/bench where it is there, else press
releases made of the sample site's sentences. Peers analyse German with PyStemmer and a stop list; ours with the
archive's own analysis. Needs the extra tantivy, and PyStemmer for the peers.

Prints documents indexed per second of processor time, bytes a document, and p50/p95 in milliseconds by class of query;
last, how long it takes to add 50 documents and see them.
"""

import argparse
import gc
import importlib.util
import json
import random
import re
import sqlite3
import statistics
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Protocol

import tantivy
from Stemmer import Stemmer

from archive_pipeline.index.tantivy_engine import TantivyEngine
from archive_pipeline.index.whoosh_engine import WhooshEngine
from archive_pipeline.language.analysis import is_stop_word
from archive_pipeline.language.words import STOP_WORDS
from archive_pipeline.protocols import Index, IndexDocument, IndexEngine
from archive_pipeline.search.names import VocabularyNames
from archive_pipeline.search.service import FoundRelease, SearchService

ROOT = Path(__file__).resolve().parents[1]
CORPUS = ROOT.parent / "shared" / "eval" / "bench" / "make_corpus.py"
FIELDS = ("district", "party", "organisation", "topic")
TODAY = date(2026, 11, 22)
WORD = re.compile(r"\w+")
BATCH = 5_000
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

    def build(self, documents: Iterable[Document]) -> None:
        """Index everything, in batches, to the last commit."""

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
        yield Document(key=f"{number:012x}", title=title, text=text, published=day, tags=tags)


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

    def __init__(self, engine: IndexEngine, folder: Path, texts: dict[str, Document]) -> None:
        self._engine, self._folder, self._texts = engine, folder / "index", texts

    def build(self, documents: Iterable[Document]) -> None:
        index = self._engine.create(self._folder)
        for number, batch in enumerate(_batches(documents), start=1):
            index.upsert([_index_document(document) for document in batch])
            index.commit(number)
        index.close()

    def open(self) -> None:
        self._index: Index = self._engine.open(self._folder)
        self._service = SearchService(index=self._index, releases=self, names=VocabularyNames([]))

    def found_releases(self, ids: Sequence[str]) -> Iterable[FoundRelease]:
        """The texts of hits, from memory, as the raw engines have theirs in their own stores."""
        for key in ids:
            document = self._texts[key]
            yield FoundRelease(id=key, title=document.title, text=document.text, published=document.published)

    def ask(self, query: Query) -> int:
        text = {"phrase": f'"{query.text}"', "prefix": f"{query.text}*", "fuzzy": f"{query.text}~"}.get(
            query.kind, query.text
        )
        if query.kind == "filter":
            text += f" kreis:{query.district}"
        results = self._service.search(
            text,
            today=TODAY,
            match="any" if query.kind == "or" else "all",
            sort="newest" if query.kind == "bydate" else "score",
            facets=FIELDS if query.kind == "facets" else (),
            with_snippets=query.kind == "snippets",
        )
        return results.total if query.kind == "count" else len(results.hits)

    def add(self, documents: Sequence[Document]) -> int:
        index = self._engine.open(self._folder, writable=True)
        index.upsert([_index_document(document) for document in documents])
        index.commit(10**9)
        index.close()
        self.open()
        return self._index.count()


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
    """tantivy as it comes, with its own German analysis in Rust."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
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
        analysis = analysis.filter(tantivy.Filter.custom_stopword(sorted(_STOP)))
        index.register_tokenizer("german", analysis.filter(tantivy.Filter.stemmer("german")).build())
        return index

    def build(self, documents: Iterable[Document]) -> None:
        for batch in _batches(documents):
            self._write(batch)

    def _write(self, documents: Sequence[Document]) -> None:
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
        self._write(documents)
        self.open()
        return self._searcher.num_docs


class Fts5:
    """SQLite's full text, stems made in Python, tags in a table beside it."""

    def __init__(self, folder: Path) -> None:
        self._path = str(folder / "fts5.db")

    def build(self, documents: Iterable[Document]) -> None:
        self.open()
        for batch in _batches(documents):
            self._write(batch)
        self._db.execute("INSERT INTO words(words) VALUES ('optimize')")
        self._db.commit()

    def _write(self, documents: Sequence[Document]) -> None:
        for document in documents:
            number = int(document.key, 16)
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
        self._write(documents)
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

    def build(self, documents: Iterable[Document]) -> None:
        self._opened = self._index_module.create_in(self._folder, self._schema)
        for batch in _batches(documents):
            self._write(batch)

    def _write(self, documents: Sequence[Document]) -> None:
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
        self._write(documents)
        self.open()
        return int(self._searcher.doc_count())


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    for document in documents:
        batch.append(document)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--documents", type=int, default=100_000)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--engines", default="tantivy,raw-tantivy,fts5,whoosh,stock-whoosh")
    options.add_argument("--folder", type=Path)
    options.add_argument("--json", action="store_true")
    chosen = options.parse_args()
    root = chosen.folder or Path(tempfile.mkdtemp(prefix="search-"))
    corpus = list(documents(chosen.documents))
    more = list(documents(50, chosen.documents + 1_000))
    texts = {document.key: document for document in (*corpus, *more)}
    makers: dict[str, Callable[[Path], Engine]] = {
        "whoosh": lambda folder: Ours(WhooshEngine(), folder, texts),
        "tantivy": lambda folder: Ours(TantivyEngine(), folder, texts),
        "raw-tantivy": RawTantivy,
        "fts5": Fts5,
        "stock-whoosh": StockWhoosh,
    }
    report: dict[str, Any] = {"documents": chosen.documents, "index": {}, "queries": {}, "add 50, seconds": {}}
    engines: dict[str, Engine] = {}
    for name in chosen.engines.split(","):
        folder = root / name
        engines[name] = makers[name](folder) if folder.exists() else _built(makers[name], name, folder, corpus, report)
        engines[name].open()
        print(f"{name} ready", file=sys.stderr)
    for kind, times in _timed(engines, queries(corpus[:20_000]), chosen.rounds).items():
        report["queries"][kind] = times
    for name, engine in engines.items():
        before = time.perf_counter()
        engine.add(more)
        report["add 50, seconds"][name] = round(time.perf_counter() - before, 3)
    print(json.dumps(report, indent=1) if chosen.json else _table(report, list(engines)))


def _built(
    make: Callable[[Path], Engine], name: str, folder: Path, corpus: Sequence[Document], report: dict[str, Any]
) -> Engine:
    folder.mkdir(parents=True)
    engine = make(folder)
    gc.collect()
    before = time.process_time()
    engine.build(corpus)
    seconds = time.process_time() - before
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    report["index"][name] = {"documents/CPU-s": round(len(corpus) / seconds), "bytes/document": size // len(corpus)}
    return engine


def _timed(
    engines: dict[str, Engine], asked: Sequence[Query], rounds: int
) -> dict[str, dict[str, tuple[float, float]]]:
    times: dict[str, dict[str, list[float]]] = {}
    for _ in range(rounds):
        for query in asked:
            for name, engine in engines.items():
                before = time.perf_counter()
                engine.ask(query)
                taken = (time.perf_counter() - before) * 1000
                times.setdefault(query.kind, {}).setdefault(name, []).append(taken)
    return {
        kind: {
            name: (round(statistics.median(those), 2), round(sorted(those)[int(len(those) * 0.95)], 2))
            for name, those in named.items()
        }
        for kind, named in times.items()
    }


def _table(report: dict[str, Any], names: Sequence[str]) -> str:
    rows = [f"{report['documents']} documents", f"| | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
    for figure in ("documents/CPU-s", "bytes/document"):
        values = [str(report["index"].get(name, {}).get(figure, "–")) for name in names]
        rows.append(f"| {figure} | {' | '.join(values)} |")
    for kind, named in report["queries"].items():
        rows.append(f"| {kind} | {' | '.join(f'{named[name][0]} / {named[name][1]}' for name in names)} |")
    added = report["add 50, seconds"]
    rows.append(f"| add 50, s | {' | '.join(str(added[name]) for name in names)} |")
    return "\n".join(rows)


if __name__ == "__main__":
    main()
