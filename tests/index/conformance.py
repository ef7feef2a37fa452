"""What every index engine must do, checked against a brute-force reference over the same tokens.

A suite class per engine: subclass `IndexConformance` and give `make_engine`. Needs pytest and hypothesis.
"""

import threading
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from archive_pipeline.errors import IndexingError, QueryError
from archive_pipeline.language.analysis import analyse
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
from archive_pipeline.testing.index_engines import DISTRICTS, PARTIES, START, WORDS, Reference, everything, synthetic

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

    def test_word_forms_are_listed_by_their_beginning(self, tmp_path: Path, index: Index) -> None:
        documents = synthetic(40)
        fresh = self.make_engine().create(tmp_path / "index")
        fresh.upsert(documents)
        fresh.commit(1)
        forms = {token.form for d in documents for text in (d.title, d.text) for token in analyse(text) if token.form}

        for prefix in ("", "h", "integrat", "nothing"):
            expected = sorted(form for form in forms if form.startswith(prefix))
            assert list(fresh.forms(prefix)) == expected
            assert set(expected) <= set(index.forms(prefix))

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

        assert failures == [], [repr(one) + repr(one.__cause__) for one in failures]
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
