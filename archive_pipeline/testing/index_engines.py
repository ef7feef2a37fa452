"""The contract of index engines: the same documents and queries, answered as a look at every document answers them."""

import atexit
import random
import shutil
import tempfile
import unicodedata
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import ClassVar

from archive_pipeline.errors import IndexingError
from archive_pipeline.index.terms import (
    MAX_EXPANSIONS,
    PART_SIGN,
    exact_forms,
    phrase_query,
    phrase_slop,
    within_distance,
    word_query,
)
from archive_pipeline.language.analysis import analyse
from archive_pipeline.language.folding import fold
from archive_pipeline.protocols import Index, IndexDocument, IndexEngine, SearchRequest
from archive_pipeline.query import (
    All,
    And,
    Exact,
    Filter,
    Fuzzy,
    Node,
    Not,
    Or,
    Phrase,
    Prefix,
    Range,
    Term,
)

__all__ = [
    "DISTRICTS",
    "PARTIES",
    "START",
    "WORDS",
    "IndexEngineContract",
    "Reference",
    "everything",
    "fixed_queries",
    "ranking_agreement",
    "synthetic",
]

_WORDS = """
Kreis Kreise Landkreis Bürger Bürgerin Bürger*innen Integration Integrationsarbeit Integrationskurse Arbeit
Haushalt Häuser Haus Rat Rathaus Stadt Stadtrat der die des und in für Sprachkurse Flüchtling Flüchtlingshilfe Hilfe
KommAn-NRW NRW FDP-Fraktion Fraktion 131.000 131000 28.11.2017 November 2017 Schule Schulen Grundschule beschlossen
Hückelhoven Lippe Soest arbeitet Zuschuss Zuschüsse
"""
WORDS = _WORDS.split()
DISTRICTS = ("05370", "05766", "05974")
PARTIES = ("cdu", "spd", "fdp", "gruene")
START = date(2015, 1, 1)


def synthetic(count: int, seed: int = 1) -> list[IndexDocument]:
    """Documents of a few hundred characters over a small vocabulary, so that every query finds something."""
    chance = random.Random(seed)  # noqa: S311 - the same documents every time
    found = []
    for number in range(count):
        sentences = [" ".join(chance.choices(WORDS, k=chance.randint(3, 9))) for _ in range(chance.randint(1, 4))]
        text = chance.choice((". ", "\n\n")).join(sentences)
        party = tuple(chance.sample(PARTIES, k=chance.choice((0, 0, 1, 2))))
        found.append(
            IndexDocument(
                key=f"r{number:04d}",
                title=" ".join(chance.choices(WORDS, k=3)),
                text=unicodedata.normalize(chance.choice(("NFC", "NFD")), text),
                source=chance.choice(("a", "b")),
                captured=START + timedelta(days=number % 50),
                published=None if chance.random() < 0.2 else START + timedelta(days=chance.randint(0, 1500)),
                language="de",
                district=tuple(chance.sample(DISTRICTS, k=chance.choice((1, 1, 2)))),
                party=party,
                party_mentioned=tuple({*party, chance.choice(PARTIES)}),
                topic=tuple(chance.sample(("housing", "energy"), k=1)),
                quotes=(" ".join(chance.choices(WORDS, k=4)),) if chance.random() < 0.3 else (),
                speakers=("Inga Sprenger",) if chance.random() < 0.1 else (),
            )
        )
    return found


class Reference:
    """The same answers by looking at every document."""

    def __init__(self, documents: list[IndexDocument]) -> None:
        self.documents = documents
        self._nearest: dict[tuple[str, int, str | None], frozenset[str]] = {}
        self._texts = {
            (document.key, field): [_read(text) for text in texts]
            for document in documents
            for field, texts in {
                None: (document.title, document.text),
                "title": (document.title,),
                "quote": ("\n\n".join(document.quotes),),
                "speaker": ("\n\n".join(document.speakers),),
            }.items()
        }

    def keys(self, node: Node) -> set[str]:
        """The keys of the documents that a query finds."""
        return {document.key for document in self.documents if self._matches(node, document)}

    def facet(self, field: str, keys: set[str]) -> dict[str, int]:
        """How many of these documents carry each value of a field, "year" and "month" of publication too."""
        counts: Counter[str] = Counter()
        for document in self.documents:
            if document.key in keys:
                counts.update(_values(document, field))
        return dict(counts)

    def _matches(self, node: Node, document: IndexDocument) -> bool:
        match node:
            case All():
                return True
            case And(nodes):
                return all(self._matches(inner, document) for inner in nodes)
            case Or(nodes):
                return any(self._matches(inner, document) for inner in nodes)
            case Not(inner):
                return not self._matches(inner, document)
            case Filter(field, values):
                return bool(set(values) & set(_values(document, field)))
            case Range(field, start, end, unknown):
                day = document.published if field == "published" else document.captured
                if day is None or unknown:
                    return unknown and day is None
                return (start or date.min) <= day <= (end or date.max)
            case _:
                return any(self._text_matches(node, text) for text in self._texts[document.key, node.field])

    def _text_matches(self, node: Term | Phrase | Prefix | Fuzzy | Exact, text: "_Read") -> bool:
        match node:
            case Exact(word):
                return not text.forms.isdisjoint(exact_forms(word))
            case Prefix(word):
                return any(form.startswith(fold(word)) for form in text.forms)
            case Fuzzy(word, distance, field):
                return not text.forms.isdisjoint(self._near(fold(word), distance, field))
            case Term(word):
                wanted, slop = word_query(word), 0
            case Phrase(words, slop):
                wanted = phrase_query(words)
                slop = phrase_slop(len(wanted.sequence), slop)
        if not text.keys.isdisjoint(wanted.keys):
            return True
        reached = {place for key, place in text.places if wanted.sequence and key in wanted.sequence[0]}
        for allowed in wanted.sequence[1:]:
            reached = {p for key, p in text.places if key in allowed and any(0 < p - r <= slop + 1 for r in reached)}
        return bool(reached)

    def _near(self, form: str, distance: int, field: str | None) -> frozenset[str]:
        known = self._nearest.get((form, distance, field))
        if known is None:
            texts = (text for (_, name), those in self._texts.items() if name == field for text in those)
            others = {other for text in texts for other in text.forms if other[:1] == form[:1]}
            near = [(within_distance(form, other, distance), other) for other in others]
            ordered = sorted((edits, other) for edits, other in near if edits is not None)
            known = frozenset(other for _, other in ordered[:MAX_EXPANSIONS])
            self._nearest[form, distance, field] = known
        return known


@dataclass(frozen=True, slots=True)
class _Read:
    """A text as queries see it: folded forms; keys, those of compound parts with their sign; keys with positions."""

    forms: frozenset[str]
    keys: frozenset[str]
    places: tuple[tuple[str, int], ...]


def _read(text: str) -> _Read:
    tokens = analyse(text)
    return _Read(
        frozenset(token.form for token in tokens if token.form),
        frozenset(PART_SIGN + token.text if token.kind == "part" else token.text for token in tokens),
        tuple((token.text, token.position) for token in tokens if token.kind != "part"),
    )


def _values(document: IndexDocument, field: str) -> tuple[str, ...]:
    if field in {"year", "month"}:
        return (document.published.isoformat()[: 4 if field == "year" else 7],) if document.published else ()
    value = getattr(document, field)
    return (value,) if isinstance(value, str) else tuple(value or ())


def everything(index: Index, node: Node, **options: object) -> list[str]:
    """The keys of all hits, in order."""
    request = replace(SearchRequest(node=node, limit=10_000), **options)  # type: ignore[arg-type]
    return [hit.key for hit in index.search(request).hits]


def fixed_queries(count: int = 300) -> tuple[Node, ...]:
    """Query trees over the words of `synthetic`, the same in every run: every kind of leaf, alone and combined."""
    chance = random.Random(7)  # noqa: S311 - the same queries every time
    return tuple(_query(chance, depth=number % 3) for number in range(count))


def _query(chance: random.Random, depth: int) -> Node:
    if depth:
        inner = tuple(_query(chance, depth - 1) for _ in range(chance.randint(1, 3)))
        return chance.choice((And(inner), Or(inner), And(inner), Not(inner[0])))
    word, field = chance.choice(WORDS), chance.choice((None, None, None, "title", "quote", "speaker"))
    first = START + timedelta(days=chance.randint(0, 1500))
    return chance.choice(
        (
            Term(word, field),
            Term(word),
            Phrase(tuple(chance.choices(WORDS, k=chance.randint(1, 3))), chance.randint(0, 3), field),
            Prefix(word[:4], field),
            Fuzzy(chance.choice(("Kreisse", "Hukelhoven", "Stdt", "Schle")), chance.randint(1, 2), field),
            Exact(word, field),
            Range(chance.choice(("published", "captured")), first, first + timedelta(days=chance.randint(0, 400))),
            Range("published", unknown=True),
            Filter("district", tuple(chance.sample(DISTRICTS, k=chance.randint(1, 2)))),
            Filter(chance.choice(("party", "party_mentioned")), (chance.choice(PARTIES),)),
            Filter("source", ("a",)),
            All(),
        )
    )


def ranking_agreement(one: Index, other: Index, queries: Sequence[Node], *, top: int = 10) -> float:
    """The mean share of the first hits by score that two indexes of the same documents have in common, over the
    queries that find more than these."""
    shares = []
    for node in queries:
        first, second = (index.search(SearchRequest(node=node, limit=top)) for index in (one, other))
        if first.total > top and any(hit.score != first.hits[0].score for hit in first.hits):
            common = {hit.key for hit in first.hits} & {hit.key for hit in second.hits}
            shares.append(len(common) / top)
    return sum(shares) / len(shares) if shares else 1.0


class IndexEngineContract:
    """What every index engine keeps. Set `subject`, whose class takes no arguments; `documents` says how many
    synthetic documents are searched, `queries` how often."""

    subject: IndexEngine
    documents: ClassVar[int] = 2000
    queries: ClassVar[int] = 300

    def test_finds_what_a_look_at_every_document_finds(self) -> None:
        """The same hits, totals, undated hits and facet counts as brute force, for every fixed query."""
        index, reference = self._filled(), _reference(self.documents)
        for node in fixed_queries(self.queries):
            request = SearchRequest(node=node, limit=self.documents, facets=("district", "party", "year"))
            result, keys = index.search(request), reference.keys(node)
            assert {hit.key for hit in result.hits} == keys, f"hits differ: {node}"
            assert result.total == len(keys), f"total {result.total} instead of {len(keys)}: {node}"
            years = reference.facet("year", keys)
            assert result.undated == len(keys) - sum(years.values()), f"undated differ: {node}"
            for field, counts in result.facets:
                found = {count.value: count.count for count in counts}
                assert found == reference.facet(field, keys), f"facet {field} differs: {node}"

    def test_orders_hits_and_pages(self) -> None:
        """By score, then newest, then key; by date with undated last; pages together are the whole."""
        index, reference = self._filled(), _reference(self.documents)
        days = {document.key: document.published or date.min for document in reference.documents}
        request = SearchRequest(node=Term("Kreis"), limit=self.documents)
        hits = index.search(request).hits
        assert list(hits) == sorted(hits, key=lambda hit: (-hit.score, -days[hit.key].toordinal(), hit.key))
        newest = [days[key] for key in everything(index, Term("Kreis"), sort="newest")]
        assert newest == sorted(newest, reverse=True), "newest first, undated last"
        oldest = [days[key] for key in everything(index, Term("Kreis"), sort="oldest")]
        assert oldest == sorted(oldest, key=lambda day: (day == date.min, day)), "oldest first, undated last"
        pages = [everything(index, Term("Kreis"), offset=place, limit=70) for place in range(0, len(hits) + 70, 70)]
        assert [key for page in pages for key in page] == [hit.key for hit in hits]

    def test_changes_are_seen_after_commit_only(self, tmp_path: Path) -> None:
        """Twice the same is once, what is deleted is gone, `seq` comes back after opening again, a reader keeps what
        it opened."""
        first, second = synthetic(2)
        index = self.subject.create(tmp_path / "index")
        index.upsert([first, first])
        assert index.count() == 0
        index.commit(1)
        reader = self.subject.open(tmp_path / "index")
        index.upsert([replace(first, title="anders"), second])
        index.delete(["unknown"])
        index.commit(2)
        assert (index.count(), index.seq()) == (2, 2)
        assert (reader.count(), reader.seq()) == (1, 1)
        index.delete([first.key])
        index.commit(3)
        index.close()
        again = self.subject.open(tmp_path / "index")
        assert (everything(again, All()), again.seq()) == ([second.key], 3)

    def test_says_what_is_missing_or_of_another_version(self, tmp_path: Path) -> None:
        """An index that is not there raises IndexingError with a hint; so does a writer's method on a reader."""
        missing = _error(lambda: self.subject.open(tmp_path / "nowhere"))
        assert missing is not None, "opening nothing must raise IndexingError"
        assert "rebuild" in missing.hint, "the hint must name the way out"
        self.subject.create(tmp_path / "index").close()
        reader = self.subject.open(tmp_path / "index")
        assert _error(lambda: reader.upsert(synthetic(1))), "a reader must not write"

    def test_survives_odd_words(self) -> None:
        """Nothing that can be typed is an error."""
        index = self._filled()
        for text in ("", "***", "x" * 10_000, "\u0308", "„", "-", "\x00", "\x1f"):
            for node in (Term(text), Phrase((text,)), Prefix(text or "-"), Exact(text), Fuzzy(text)):
                assert index.search(SearchRequest(node=node)).total <= self.documents
        assert index.search(SearchRequest(node=Or(tuple(Term(f"wort{n}") for n in range(1000))))).total == 0

    def _filled(self) -> Index:
        return _filled(type(self.subject), self.documents)


def _error(action: Callable[[], object]) -> IndexingError | None:
    try:
        action()
    except IndexingError as error:
        return error
    return None


@cache
def _filled(kind: type[IndexEngine], count: int) -> Index:
    """All documents, written in several commits, some replaced on the way. The folder goes when the process ends."""
    folder = tempfile.mkdtemp(prefix="index-contract-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    documents = synthetic(count)
    index = kind().create(Path(folder) / "index")
    index.upsert([replace(document, text="überholt", party=("cdu",)) for document in documents[: count // 2]])
    index.commit(1)
    step = max(1, count // 4)
    for place in range(0, count, step):
        index.upsert(documents[place : place + step])
        index.commit(2 + place)
    return index


@cache
def _reference(count: int) -> Reference:
    return Reference(synthetic(count))
