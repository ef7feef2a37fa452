"""Documents and query words as index terms: the one place where engines meet the language analysis."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import extract

from archive_pipeline.language.analysis import PARAGRAPH_GAP, TokenFields, indexed_words, token_fields
from archive_pipeline.language.folding import fold
from archive_pipeline.protocols import IndexDocument

__all__ = [
    "MAX_EXPANSIONS",
    "PART_SIGN",
    "PERIODS",
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
"""How many word forms a fuzzy word may stand for, the nearest first; a prefix of more forms is not scored by them."""

PERIODS = {"year": 4, "month": 7}
"""Facets of the date of publication, and how much of an ISO date they are."""

MAX_PLACEMENTS = 512
"""In how many ways the words of a phrase may be spread: more words leave less room between them."""

_PARAGRAPH = "\n\n"
_TITLE_GAP = 10 * PARAGRAPH_GAP


@dataclass(slots=True)
class FieldTerms:
    """The terms of one field of one document while it is being indexed: keys of words and of compound parts with their
    positions, folded forms. Of each list so many as `twice` says stand in the title and count twice."""

    keys: list[tuple[str, int]] = field(default_factory=list)
    parts: list[tuple[str, int]] = field(default_factory=list)
    forms: list[str] = field(default_factory=list)
    twice: tuple[int, int, int] = (0, 0, 0)

    def add(self, text: str, *, offset: int = 0) -> int:
        """Add a text whose positions begin at `offset`; returns the position behind its last word."""
        keys, parts, forms = self.keys, self.parts, self.forms
        end = offset
        for place, word in indexed_words(text):
            position = offset + place
            end = position + word.advance
            if word.advance == 1 and len(word.keys) == 1:
                keys.append((word.keys[0][0], position))
            else:
                keys += [(key, position + step) for key, step in word.keys]
            if word.parts:
                parts += [(key, position + step) for key, step in word.parts]
            forms += word.forms
        return end


def document_terms(document: IndexDocument) -> dict[str, FieldTerms]:
    """The terms of a document by field; "text" is title and text together."""
    text, title, quote, speaker = FieldTerms(), FieldTerms(), FieldTerms(), FieldTerms()
    end = text.add(document.title)
    text.twice = (len(text.keys), len(text.parts), len(text.forms))
    text.add(document.text, offset=end + _TITLE_GAP)
    title.add(document.title)
    quote.add(_PARAGRAPH.join(document.quotes))
    speaker.add(_PARAGRAPH.join(document.speakers))
    return {"text": text, "title": title, "quote": quote, "speaker": speaker}


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


def phrase_slop(words: int, slop: int) -> int:
    """How many other words may stand between neighbours of a phrase of so many words, at most `slop`."""
    while slop and (slop + 1) ** (words - 1) > MAX_PLACEMENTS:
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
