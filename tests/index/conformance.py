"""What every index engine must do, checked against a brute-force reference over the same tokens.

A suite class per engine: subclass `IndexConformance` and give `make_engine`. Needs pytest and hypothesis.
"""

import random
import threading
import unicodedata
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive_pipeline.errors import IndexingError, QueryError
from archive_pipeline.index.terms import (
    MAX_EXPANSIONS,
    PART_SIGN,
    exact_forms,
    phrase_query,
    phrase_slop,
    within_distance,
    word_query,
)
from archive_pipeline.language.analysis import Token, analyse
from archive_pipeline.language.folding import fold
from archive_pipeline.protocols import Index, IndexDocument, IndexEngine, SearchRequest
from archive_pipeline.query import (
    FILTER_FIELDS,
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
    chance = random.Random(seed)
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
        self._texts = {
            (document.key, field): [analyse(text) for text in texts]
            for document in documents
            for field, texts in {
                None: (document.title, document.text),
                "title": (document.title,),
                "quote": ("\n\n".join(document.quotes),),
                "speaker": ("\n\n".join(document.speakers),),
            }.items()
        }

    def keys(self, node: Node) -> set[str]:
        return {document.key for document in self.documents if self._matches(node, document)}

    def facet(self, field: str, keys: set[str]) -> dict[str, int]:
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
                return any(self._text_matches(node, tokens) for tokens in self._texts[document.key, node.field])

    def _text_matches(self, node: Term | Phrase | Prefix | Fuzzy | Exact, tokens: list[Token]) -> bool:
        forms = {token.form for token in tokens if token.form}
        match node:
            case Exact(text):
                return bool(forms & set(exact_forms(text)))
            case Prefix(text):
                return any(form.startswith(fold(text)) for form in forms)
            case Fuzzy(text, distance, field):
                return bool(forms & self._near(fold(text), distance, field))
            case Term(text):
                wanted, slop = word_query(text), 0
            case Phrase(texts, slop):
                wanted = phrase_query(texts)
                slop = phrase_slop(len(wanted.sequence), slop)
        keys = {PART_SIGN + token.text if token.kind == "part" else token.text for token in tokens}
        if keys & set(wanted.keys):
            return True
        places = [(token.text, token.position) for token in tokens if token.kind != "part"]
        reached = {place for key, place in places if wanted.sequence and key in wanted.sequence[0]}
        for allowed in wanted.sequence[1:]:
            reached = {p for key, p in places if key in allowed and any(0 < p - r <= slop + 1 for r in reached)}
        return bool(reached)

    def _near(self, form: str, distance: int, field: str | None) -> set[str]:
        known = {t.form for (_, f), texts in self._texts.items() if f == field for tokens in texts for t in tokens}
        near = [(within_distance(form, other, distance), other) for other in known if other[:1] == form[:1] and other]
        return {
            other for _, other in sorted((edits, other) for edits, other in near if edits is not None)[:MAX_EXPANSIONS]
        }


def _values(document: IndexDocument, field: str) -> tuple[str, ...]:
    if field in {"year", "month"}:
        return (document.published.isoformat()[: 4 if field == "year" else 7],) if document.published else ()
    value = getattr(document, field)
    return (value,) if isinstance(value, str) else tuple(value or ())


_word = st.sampled_from(WORDS)
_field = st.sampled_from((None, None, None, "title", "quote", "speaker"))
_day = st.dates(START, START + timedelta(days=1600))
_leaf = st.one_of(
    st.builds(Term, _word, _field),
    st.builds(Phrase, st.lists(_word, min_size=1, max_size=3).map(tuple), st.integers(0, 3), _field),
    st.builds(Prefix, _word.map(lambda word: word[:4]), _field),
    st.builds(Fuzzy, st.sampled_from(("Kreisse", "Hukelhoven", "Stdt", "Schle")), st.integers(1, 2), _field),
    st.builds(Exact, _word, _field),
    st.builds(Range, st.sampled_from(("published", "captured")), st.none() | _day, st.none() | _day),
    st.just(Range("published", unknown=True)),
    st.builds(Filter, st.just("district"), st.lists(st.sampled_from(DISTRICTS), max_size=2).map(tuple)),
    st.builds(Filter, st.sampled_from(("party", "party_mentioned")), st.sampled_from(PARTIES).map(lambda p: (p,))),
    st.builds(Filter, st.just("source"), st.just(("a",))),
    st.just(All()),
)
nodes: st.SearchStrategy[Node] = st.recursive(
    _leaf,
    lambda inner: st.one_of(
        st.builds(And, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Or, st.lists(inner, min_size=1, max_size=3).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=6,
)
"""Random query trees over the vocabulary of `synthetic`."""


def everything(index: Index, node: Node, **options: object) -> list[str]:
    """The keys of all hits, in order."""
    request = replace(SearchRequest(node=node, limit=10_000), **options)  # type: ignore[arg-type]
    return [hit.key for hit in index.search(request).hits]


class IndexConformance:
    """The suite. A subclass names the engine."""

    DOCUMENTS = 300

    @classmethod
    def make_engine(cls) -> IndexEngine:
        raise AssertionError("a subclass names the engine")

    @pytest.fixture(scope="class")
    @classmethod
    def documents(cls) -> list[IndexDocument]:
        return synthetic(cls.DOCUMENTS)

    @pytest.fixture(scope="class")
    @classmethod
    def index(cls, documents: list[IndexDocument], tmp_path_factory: pytest.TempPathFactory) -> Index:
        """Every document, written in several commits, some replaced and some deleted on the way."""
        index = cls.make_engine().create(tmp_path_factory.mktemp("conformance") / "index")
        stale = [replace(document, text="überholt", party=("cdu",)) for document in documents]
        index.upsert(stale[:120])
        index.commit(1)
        index.upsert([*stale[100:200], replace(documents[0], key="gone")])
        index.commit(2)
        for place in range(0, len(documents), 70):
            index.upsert(documents[place : place + 70])
            index.delete(["gone", "never there"])
            index.commit(3 + place)
        return index

    @pytest.fixture(scope="class")
    @classmethod
    def reference(cls, documents: list[IndexDocument]) -> Reference:
        return Reference(documents)

    @settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
    @given(node=nodes)
    def test_random_queries_agree_with_brute_force(self, index: Index, reference: Reference, node: Node) -> None:
        result = index.search(SearchRequest(node=node, limit=10_000, facets=("district", "party", "year")))
        keys = reference.keys(node)

        assert {hit.key for hit in result.hits} == keys
        assert result.total == len(result.hits) == len(keys)
        assert result.undated == len(keys) - sum(reference.facet("year", keys).values())
        for field, counts in result.facets:
            assert {count.value: count.count for count in counts} == reference.facet(field, keys)

    def test_facets_of_every_field_are_exact_and_ordered(self, index: Index, reference: Reference) -> None:
        node = Term("Kreis")
        result = index.search(SearchRequest(node=node, facets=(*FILTER_FIELDS, "year", "month"), limit=1))

        for field, counts in result.facets:
            assert {c.value: c.count for c in counts} == reference.facet(field, reference.keys(node))
            assert list(counts) == sorted(counts, key=lambda c: (-c.count, c.value))

    def test_pages_are_stable_and_complete(self, index: Index) -> None:
        whole = everything(index, Term("Kreis"))
        pages = [everything(index, Term("Kreis"), offset=place, limit=7) for place in range(0, len(whole) + 7, 7)]

        assert [key for page in pages for key in page] == whole
        assert len(whole) > 100

    def test_orders(self, index: Index, documents: list[IndexDocument]) -> None:
        days = {document.key: document.published for document in documents}
        hits = index.search(SearchRequest(node=Term("Kreis"), limit=10_000)).hits
        newest = everything(index, Term("Kreis"), sort="newest")
        oldest = everything(index, Term("Kreis"), sort="oldest")

        assert list(hits) == sorted(hits, key=lambda h: (-h.score, -(days[h.key] or date.min).toordinal(), h.key))
        dated = [days[key] for key in newest if days[key]]
        assert dated == sorted(dated, reverse=True)
        assert [days[key] for key in oldest if days[key]] == dated[::-1]
        assert all(days[key] is None for order in (newest, oldest) for key in order[len(dated) :])

    def test_unscored_hits_come_newest_first_then_by_key(self, index: Index, documents: list[IndexDocument]) -> None:
        expected = sorted(documents, key=lambda d: (-d.published.toordinal() if d.published else 0, d.key))

        assert everything(index, All()) == [document.key for document in expected]

    def test_words_in_the_title_and_in_short_texts_count_more(self, tmp_path: Path) -> None:
        index = self.make_engine().create(tmp_path / "index")
        plain = IndexDocument(key="", title="Titel", text="", source="s", captured=START)
        filler = " ".join(f"wort{number}" for number in range(50))
        index.upsert([
            replace(plain, key="long", text=f"Haushalt {filler}"),
            replace(plain, key="title", title="Haushalt", text=filler),
            replace(plain, key="short", text="Haushalt beschlossen"),
        ])  # fmt: skip
        index.commit(1)

        order = everything(index, Term("Haushalt"))
        assert order.index("long") == 2
        assert order.index("title") < order.index("long")

    def test_upsert_twice_is_once_and_delete_deletes(self, tmp_path: Path) -> None:
        index = self.make_engine().create(tmp_path / "index")
        document = synthetic(1)[0]
        index.upsert([document, document])
        index.commit(1)
        index.upsert([document])
        index.commit(2)
        assert (index.count(), index.seq(), everything(index, All())) == (1, 2, [document.key])

        index.delete([document.key])
        index.commit(3)
        assert (index.count(), everything(index, All())) == (0, [])

        index.upsert([document])
        index.delete([document.key])
        index.upsert([replace(document, key="other")])
        index.commit(4)
        assert everything(index, All()) == ["other"]

    def test_nothing_is_visible_before_commit_and_close_forgets(self, tmp_path: Path) -> None:
        engine = self.make_engine()
        index = engine.create(tmp_path / "index")
        index.upsert(synthetic(3))
        assert index.count() == 0
        index.close()

        assert engine.open(tmp_path / "index").count() == 0

    def test_reopened_index_answers_alike(self, tmp_path: Path) -> None:
        engine = self.make_engine()
        index = engine.create(tmp_path / "index")
        index.upsert(synthetic(40))
        index.commit(9)
        before = everything(index, Term("Kreis"))
        index.close()

        again = engine.open(tmp_path / "index", writable=True)
        assert (everything(again, Term("Kreis")), again.seq()) == (before, 9)
        again.delete(before[:1])
        again.commit(10)
        assert set(everything(again, Term("Kreis"))) == set(before[1:])

    def test_create_replaces_what_is_there(self, tmp_path: Path) -> None:
        engine = self.make_engine()
        index = engine.create(tmp_path / "index")
        index.upsert(synthetic(3))
        index.commit(5)
        index.close()

        fresh = engine.create(tmp_path / "index")
        assert (fresh.count(), fresh.seq()) == (0, 0)

    def test_two_readers_and_one_writer(self, tmp_path: Path) -> None:
        """Readers keep the state they opened while the writer goes on; opening again shows the new one."""
        engine = self.make_engine()
        writer = engine.create(tmp_path / "index")
        documents = synthetic(120)
        writer.upsert(documents[:20])
        writer.commit(20)
        first = engine.open(tmp_path / "index")
        seen = everything(first, All())
        failures: list[Exception] = []

        def read() -> None:
            try:
                for _ in range(25):
                    reader = engine.open(tmp_path / "index")
                    keys = everything(reader, All())
                    assert len(keys) == reader.count() >= reader.seq()
                    assert len(everything(reader, Term("Kreis"))) <= len(keys)
                    reader.close()
            except (IndexingError, AssertionError) as error:
                failures.append(error)

        threads = [threading.Thread(target=read) for _ in range(2)]
        for thread in threads:
            thread.start()
        for place in range(20, 120, 10):
            writer.upsert(documents[place : place + 10])
            writer.commit(place + 10)
        for thread in threads:
            thread.join()

        assert failures == []
        assert everything(first, All()) == seen
        assert engine.open(tmp_path / "index").count() == 120

    def test_a_reader_cannot_write(self, tmp_path: Path) -> None:
        engine = self.make_engine()
        engine.create(tmp_path / "index").close()

        with pytest.raises(IndexingError):
            engine.open(tmp_path / "index").upsert(synthetic(1))

    def test_missing_index_says_how_to_build_one(self, tmp_path: Path) -> None:
        with pytest.raises(IndexingError) as caught:
            self.make_engine().open(tmp_path / "nowhere")
        assert "rebuild" in caught.value.hint

    @pytest.mark.parametrize("node", [Filter("colour", ("red",)), Range("birthday")])
    def test_unknown_fields_are_query_errors(self, index: Index, node: Node) -> None:
        with pytest.raises(QueryError):
            index.search(SearchRequest(node=node))

    def test_unknown_facet_is_a_query_error(self, index: Index) -> None:
        with pytest.raises(QueryError):
            index.search(SearchRequest(node=All(), facets=("colour",)))

    @pytest.mark.parametrize("text", ["", "***", "x" * 10_000, "\u0308", "„", "-", "\x00", "\x1f"])
    def test_odd_words_find_nothing(self, index: Index, text: str) -> None:
        for node in (Term(text), Phrase((text,)), Exact(text), Fuzzy(text), Phrase((text, "Kreis"), 1, "title")):
            assert index.search(SearchRequest(node=node)).total < self.DOCUMENTS

    def test_a_thousand_words_at_once(self, index: Index) -> None:
        node = Or(tuple(Term(f"{word}{number}") for number in range(30) for word in WORDS))

        assert index.search(SearchRequest(node=node)).total < self.DOCUMENTS
