"""Query trees as tantivy's queries, and the words of an index that they are made of."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from functools import lru_cache
from itertools import accumulate, islice, product
from typing import TYPE_CHECKING, Any

from archive_pipeline.errors import QueryError
from archive_pipeline.index.tantivy_documents import DIGITS, JOINED, LETTERS, SLOTS, UNDATED
from archive_pipeline.index.terms import (
    PART_SIGN,
    WordQuery,
    exact_forms,
    nearest_forms,
    phrase_query,
    phrase_slop,
    word_query,
)
from archive_pipeline.language.folding import fold
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

if TYPE_CHECKING:
    import tantivy

__all__ = ["Translation", "Vocabulary"]

_MAX_CHOICES, _MIN_CHOICES = 512, 64
"""Ways to write a phrase that are looked for, when its words have several keys: fewer when they may be spread."""

_LONGEST_PREFIX = 100
_VARIED = 13
_KEPT = 1_000


class Vocabulary:
    """The words of one state of an index. Answers are kept, as many queries ask for the same beginnings."""

    def __init__(self, searcher: "tantivy.Searcher") -> None:
        self._searcher = searcher
        self.forms = lru_cache(_KEPT)(self._find_forms)
        """By field and beginning: all folded forms that begin so, sorted."""
        self.near = lru_cache(_KEPT)(self._find_near)
        """By field, folded word and distance: the forms that `nearest_forms` chooses of those of the index."""
        self.has_undated = self.has("undated", UNDATED)

    def has(self, field: str, term: str) -> bool:
        """Whether a term stands in the field of a document; deleted ones count for a while."""
        return bool(self._searcher.doc_freq(field, term))

    def _find_forms(self, field: str, prefix: str) -> tuple[str, ...]:
        found = self._searcher.terms_with_prefix(f"{field}_form", prefix)
        return tuple(sorted(form for form, count in found if count))

    def _find_near(self, field: str, form: str, distance: int) -> tuple[str, ...]:
        if not form:
            return ()
        candidates = self._one_edit_away(field, form) if distance == 1 else self.forms(field, form[:1])
        return nearest_forms(form, candidates, distance)

    def _one_edit_away(self, field: str, form: str) -> list[str]:
        """Hundreds of words looked up one by one are found sooner than the thousands with the same first letter are
        read; of long words only the first letters are varied, as few begin with all of these. Those with unusual
        letters, which are few, are read."""
        places, name = range(1, min(len(form) + 1, _VARIED)), f"{field}_form"
        made = {form, *(form[:place] + form[place + 1 :] for place in places)}
        for letter in LETTERS + DIGITS if form[0].isdigit() else LETTERS:
            made.update(form[:place] + letter + form[place:] for place in places)
            made.update(form[:place] + letter + form[place + 1 :] for place in places)
        alike = self._searcher.terms_with_prefix(name, form[:_VARIED]) if len(form) >= _VARIED else ()
        unusual = self._searcher.terms_with_prefix(f"{field}_odd", form[:1])
        found = (word for word in made if self._searcher.doc_freq(name, word))
        return list({*found, *(term for term, _ in alike), *(term for term, _ in unusual)})


class Translation:
    """Query trees as queries of one state of an index."""

    def __init__(self, library: Any, schema: "tantivy.Schema", vocabulary: Vocabulary) -> None:
        self._library = library
        self._schema = schema
        self._vocabulary = vocabulary

    def query(self, node: Node) -> tuple["tantivy.Query", bool]:
        """The query, and whether all its hits have the same score. Raises QueryError."""
        match node:
            case Term(text, field):
                return self._sequence(field or "text", word_query(text), 0), False
            case Phrase(texts, slop, field):
                return self._sequence(field or "text", phrase_query(texts), slop), False
            case Exact(text, field):
                return self._any(self._form_terms(field or "text", exact_forms(text))), False
            case Prefix(text, field):
                return self._prefix(field or "text", fold(text)), True
            case Fuzzy(text, distance, field):
                near = self._vocabulary.near(field or "text", fold(text), distance)
                return self._any(self._form_terms(field or "text", near)), False
            case And(nodes):
                return self._all_of(nodes)
            case Or(nodes):
                built = [self.query(inner) for inner in nodes]
                return self._any([query for query, _ in built]), all(map(_is_unscored, nodes))
            case Not(inner):
                return self._without([self.query(inner)[0]], []), True
            case _:
                return self._unscored(node), True

    def undated(self, query: "tantivy.Query") -> "tantivy.Query":
        """Those hits of a query that have no date of publication."""
        return self._without([], [self._undated(), query])

    def _undated(self) -> "tantivy.Query":
        return self._constant(self._term("undated", UNDATED, "basic"))

    def _sequence(self, field: str, wanted: WordQuery, slop: int) -> "tantivy.Query":
        """Any of the keys, or the sequence. Single words are met by compound parts too, so their key is looked up
        among all keys; phrases hold words only."""
        keys = dict.fromkeys(key.removeprefix(PART_SIGN) for key in wanted.keys)
        if any(key.startswith(PART_SIGN) for key in wanted.keys):
            words = [self._term(f"{field}_any", key, "freq") for key in keys]
        else:
            words = [self._term(f"{field}_key", term) for key in keys for term, _ in self._slots(field, key)]
        slop = phrase_slop(len(wanted.sequence), slop)
        return self._any([*words, *self._phrases(field, wanted.sequence, slop)])

    def _slots(self, field: str, key: str) -> list[tuple[str, int]]:
        """The terms that the field of places has for a key, and their slots."""
        terms = ((key, 0), (JOINED + key, 1))
        return [(term, slot) for term, slot in terms if self._vocabulary.has(f"{field}_key", term)]

    def _phrases(self, field: str, sequence: Sequence[Sequence[str]], slop: int) -> Iterator["tantivy.Query"]:
        """The sequence with every choice of keys and every permitted distance between neighbours."""
        if not sequence or not all(sequence):
            return
        choices = [[term for key in keys for term in self._slots(field, key)] for keys in sequence]
        spread = list(product(range(1, slop + 2), repeat=len(sequence) - 1))
        for steps in spread:
            places = list(accumulate(steps, initial=0))
            for terms in islice(product(*choices), max(_MIN_CHOICES, _MAX_CHOICES // len(spread))):
                placed = [(SLOTS * place + slot, term) for place, (term, slot) in zip(places, terms, strict=True)]
                yield self._library.Query.phrase_query(self._schema, f"{field}_key", placed)

    def _prefix(self, field: str, prefix: str) -> "tantivy.Query":
        """tantivy has no automaton for very long words; so few begin alike that they are looked up."""
        if len(prefix) > _LONGEST_PREFIX:
            return self._constant(self._any(self._form_terms(field, self._vocabulary.forms(field, prefix))), 1.0)
        query = self._library.Query.regex_query(self._schema, f"{field}_form", re.escape(prefix) + ".*")
        return self._constant(query, 1.0)

    def _form_terms(self, field: str, forms: Sequence[str]) -> list["tantivy.Query"]:
        return [self._term(f"{field}_form", form, "freq") for form in forms]

    def _term(self, field: str, value: str, option: str = "position") -> "tantivy.Query":
        query: tantivy.Query = self._library.Query.term_query(self._schema, field, value, option)
        return query

    def _any(self, queries: Sequence["tantivy.Query"]) -> "tantivy.Query":
        if len(queries) == 1:
            return queries[0]
        return self._boolean([(self._library.Occur.Should, query) for query in queries])

    def _all_of(self, nodes: Sequence[Node]) -> tuple["tantivy.Query", bool]:
        """All of the nodes; those of an And among them count as its own."""
        nodes = list(_flattened(nodes))
        wanted = [self.query(node) for node in nodes if not isinstance(node, Not)]
        unwanted = [self.query(node.node)[0] for node in nodes if isinstance(node, Not)]
        flat = all(is_flat for _, is_flat in wanted)
        return self._without(unwanted, [query for query, _ in wanted]), flat

    def _without(self, unwanted: Sequence["tantivy.Query"], wanted: Sequence["tantivy.Query"]) -> "tantivy.Query":
        occur = self._library.Occur
        everything = [] if wanted else [self._constant(self._library.Query.all_query())]
        return self._boolean(
            [
                *((occur.Must, query) for query in [*wanted, *everything]),
                *((occur.MustNot, query) for query in unwanted),
            ]
        )

    def _unscored(self, node: Range | Filter | All) -> "tantivy.Query":
        library = self._library.Query
        match node:
            case All():
                return self._constant(library.all_query())
            case Filter(field, values):
                if field not in FILTER_FIELDS:
                    raise QueryError(f"kein Filterfeld: {field}", hint="Felder: " + ", ".join(FILTER_FIELDS))
                return self._constant(self._any([self._term(field, value, "basic") for value in dict.fromkeys(values)]))
            case Range(field, start, end, unknown):
                if field not in {"published", "captured"}:
                    raise QueryError(f"kein Datumsfeld: {field}", hint="Felder: published, captured")
                low, high = (start or date.min).toordinal(), (end or date.max).toordinal()
                if unknown:
                    return self._undated() if field == "published" else self._constant(library.empty_query())
                if low > high:
                    return self._constant(library.empty_query())
                kind = self._library.FieldType.Integer
                return self._constant(library.range_query(self._schema, field, kind, low, high))

    def _constant(self, query: "tantivy.Query", score: float = 0.0) -> "tantivy.Query":
        constant: tantivy.Query = self._library.Query.const_score_query(query, score)
        return constant

    def _boolean(self, clauses: Sequence[tuple[Any, "tantivy.Query"]]) -> "tantivy.Query":
        library = self._library.Query
        return library.boolean_query(list(clauses)) if clauses else library.empty_query()  # type: ignore[no-any-return]


def _is_unscored(node: Node) -> bool:
    """Whether no hit of a query has a score: nothing of it asks for words that must be there."""
    if isinstance(node, And | Or):
        return all(map(_is_unscored, node.nodes))
    return isinstance(node, Range | Filter | All | Not)


def _flattened(nodes: Sequence[Node]) -> Iterator[Node]:
    for node in nodes:
        if isinstance(node, And):
            yield from _flattened(node.nodes)
        else:
            yield node
