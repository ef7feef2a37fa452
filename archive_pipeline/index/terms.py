"""Documents and query words as index terms: the one place where engines meet the language analysis."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain

from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import extract

from archive_pipeline.language.analysis import PARAGRAPH_GAP, IndexedWord, TokenFields, indexed_words, token_fields
from archive_pipeline.language.folding import fold
from archive_pipeline.protocols import IndexDocument

__all__ = [
    "MAX_EXPANSIONS",
    "MAX_PLACEMENTS",
    "PARAGRAPH",
    "PART_SIGN",
    "PERIODS",
    "TITLE_GAP",
    "FieldTerms",
    "WordQuery",
    "document_terms",
    "exact_forms",
    "nearest_forms",
    "phrase_query",
    "phrase_slop",
    "within_distance",
    "word_query",
]

PART_SIGN = "\x1f"
"""Stands before the key of a compound part, so that words find parts but phrases don't."""

MAX_EXPANSIONS = 50
"""How many word forms a fuzzy word may stand for, the nearest first."""

PERIODS = {"year": 4, "month": 7}
"""Facets of the date of publication, and how much of an ISO date they are."""

PARAGRAPH = "\n\n"
"""What stands between several texts of one field."""

TITLE_GAP = 10 * PARAGRAPH_GAP
"""Positions left free between title and text."""

MAX_PLACEMENTS = 512
"""In how many ways the words of a phrase may be spread: more words leave less room between them."""


@dataclass(frozen=True, slots=True)
class FieldTerms:
    """The terms of one field of one document: keys of words with their positions, keys of compound parts, folded
    forms. Of keys, parts and forms so many as `twice` says stand in the title and count twice."""

    keys: list[str]
    places: list[int]
    parts: list[str]
    forms: list[str]
    twice: tuple[int, int, int] = (0, 0, 0)


NO_TERMS = FieldTerms([], [], [], [])
"""The terms of a field without text."""


def field_terms(words: Sequence[IndexedWord], begins: Sequence[int]) -> FieldTerms:
    """The terms of analysed words and the positions at which they begin."""
    return FieldTerms(
        list(chain.from_iterable([word.keys for word in words])),
        [begin + step for begin, word in zip(begins, words, strict=False) for step in word.steps],
        list(chain.from_iterable([word.parts for word in words])),
        list(chain.from_iterable([word.forms for word in words])),
    )


def document_terms(document: IndexDocument) -> dict[str, FieldTerms]:
    """The terms of a document by field; "text" is title and text together."""
    words = indexed_words(document.title)
    begins = _begins(words, 0)
    title = field_terms(words, begins)
    following = indexed_words(document.text)
    begins += _begins(following, begins.pop() + TITLE_GAP)
    text = field_terms([*words, *following], begins)
    return {
        "text": replace(text, twice=(len(title.keys), len(title.parts), len(title.forms))),
        "title": title,
        "quote": _terms_of(document.quotes),
        "speaker": _terms_of(document.speakers),
    }


def _begins(words: Sequence[IndexedWord], offset: int) -> list[int]:
    """The position of every word, and the one behind the last."""
    return list(accumulate([word.advance for word in words], initial=offset))


def _terms_of(texts: Sequence[str]) -> FieldTerms:
    if not texts:
        return NO_TERMS
    words = indexed_words(PARAGRAPH.join(texts))
    return field_terms(words, _begins(words, 0))


@dataclass(frozen=True, slots=True)
class WordQuery:
    """Query words as index keys: a document matches by any of `keys`, or by `sequence`, whose positions follow one
    another and each allow several keys. Either may be empty."""

    keys: tuple[str, ...]
    sequence: tuple[tuple[str, ...], ...] = ()


def word_query(text: str) -> WordQuery:
    """What one typed word asks for. A word of several pieces (KommAn-NRW, 28.11.2017) is found joined or as its
    pieces side by side; compounds are found by their parts, but not the other way round."""
    tokens = [token for token in token_fields(text) if token.kind != "part"]
    sequence = _by_position(tokens)
    if len(sequence) <= 1:
        keys = sequence[0] if sequence else ()
        return WordQuery(tuple(sign + key for key in keys for sign in ("", PART_SIGN)))
    joined = _joined(tokens)
    return WordQuery(tuple(joined), tuple(tuple(key for key in keys if key not in joined) for keys in sequence))


def phrase_query(texts: Sequence[str]) -> WordQuery:
    """What a phrase asks for: words, stop words too, in this order."""
    tokens = [token for token in token_fields(" ".join(texts)) if token.kind != "part"]
    sequence = _by_position(tokens)
    return WordQuery((), sequence) if len(sequence) > 1 else WordQuery(sequence[0] if sequence else ())


def phrase_slop(words: int, slop: int, *, most: int = MAX_PLACEMENTS) -> int:
    """How many other words may stand between neighbours of a phrase of so many words, at most `slop`; `most` is in how
    many ways they may be spread."""
    while slop and (slop + 1) ** (words - 1) > most:
        slop -= 1
    return slop


def within_distance(first: str, second: str, limit: int) -> int | None:
    """The Levenshtein distance of two words if it is at most `limit`, else None."""
    distance = Levenshtein.distance(first, second, score_cutoff=limit)
    return distance if distance <= limit else None


def nearest_forms(form: str, known: Sequence[str], distance: int) -> tuple[str, ...]:
    """Of the known forms those within the distance that share the first letter, the nearest first, then by letter."""
    near = extract(form, known, scorer=Levenshtein.distance, score_cutoff=distance, limit=None)
    found = sorted((edits, other) for other, edits, _ in near if other[:1] == form[:1])
    return tuple(other for _, other in found[:MAX_EXPANSIONS])


def exact_forms(text: str) -> tuple[str, ...]:
    """The folded forms one exactly typed word may have."""
    tokens = [token for token in token_fields(text) if token.form]
    if len({token.position for token in tokens}) > 1:
        joined = _joined(tokens)
        return tuple(token.form for token in tokens if token.text in joined) or (fold(text),)
    return tuple(dict.fromkeys(token.form for token in tokens))


def _by_position(tokens: Sequence[TokenFields]) -> tuple[tuple[str, ...], ...]:
    places: dict[int, dict[str, None]] = {}
    for token in tokens:
        places.setdefault(token.position, {})[token.text] = None
    return tuple(tuple(keys) for keys in places.values())


def _joined(tokens: Sequence[TokenFields]) -> list[str]:
    """The keys of tokens that span all pieces of a hyphen compound."""
    first, last = tokens[0], tokens[-1]
    return [t.text for t in tokens if t.start == first.start and t.end >= last.end and last.start > first.start]
