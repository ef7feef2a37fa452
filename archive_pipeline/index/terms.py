"""Documents and query words as index terms: the one place where engines meet the language analysis."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from archive_pipeline.language.analysis import PARAGRAPH_GAP, TokenFields, token_fields
from archive_pipeline.language.folding import fold
from archive_pipeline.protocols import IndexDocument

__all__ = [
    "PART_SIGN",
    "TITLE_WEIGHT",
    "FieldTerms",
    "WordQuery",
    "document_terms",
    "exact_forms",
    "phrase_query",
    "word_query",
]

TITLE_WEIGHT = 2.0
"""How much a word in the title counts beside one in the text (BM25F)."""

PART_SIGN = "\x1f"
"""Stands before the key of a compound part, so that words find parts but phrases don't."""

_PARAGRAPH = "\n\n"
_TITLE_GAP = 10 * PARAGRAPH_GAP


@dataclass(slots=True)
class FieldTerms:
    """The terms of one field of one document while it is being indexed: positions and weights by key, weights by
    folded form, and the number of words."""

    positions: dict[str, list[int]] = field(default_factory=dict)
    weights: dict[str, float] = field(default_factory=dict)
    forms: dict[str, float] = field(default_factory=dict)
    length: int = 0

    def add(self, text: str, *, offset: int = 0, weight: float = 1.0) -> int:
        """Add a text whose positions begin at `offset`; returns the position behind its last word."""
        position = offset - 1
        for text_key, place, _, _, kind, form in token_fields(text):
            position = offset + place
            key = PART_SIGN + text_key if kind == "part" else text_key
            self.length += kind != "part"
            self.positions.setdefault(key, []).append(position)
            self.weights[key] = self.weights.get(key, 0.0) + weight
            if form:
                self.forms[form] = self.forms.get(form, 0.0) + weight
        return position + 1


def document_terms(document: IndexDocument) -> dict[str, FieldTerms]:
    """The terms of a document by field; "text" is title and text together."""
    text, title, quote, speaker = FieldTerms(), FieldTerms(), FieldTerms(), FieldTerms()
    end = text.add(document.title, weight=TITLE_WEIGHT)
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
