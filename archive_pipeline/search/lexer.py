"""Query text as lexical tokens. Nothing is an error: what can't be meant is dropped with a note."""

import re
from dataclasses import dataclass, replace
from typing import Literal

__all__ = ["FIELDS", "Lexeme", "lex"]

FIELDS = {
    "kreis": "district",
    "district": "district",
    "kreis.erwähnt": "district_mentioned",
    "district.mentioned": "district_mentioned",
    "gemeinde": "municipality",
    "municipality": "municipality",
    "land": "state",
    "bundesland": "state",
    "state": "state",
    "partei": "party",
    "party": "party",
    "partei.erwähnt": "party_mentioned",
    "party.mentioned": "party_mentioned",
    "org": "organisation",
    "organisation": "organisation",
    "organization": "organisation",
    "thema": "topic",
    "topic": "topic",
    "quelle": "source",
    "source": "source",
    "sprache": "language",
    "language": "language",
    "titel": "title",
    "title": "title",
    "zitat": "quote",
    "quote": "quote",
    "sprecher": "speaker",
    "sprecherin": "speaker",
    "speaker": "speaker",
    "datum": "published",
    "date": "published",
    "erfasst": "captured",
    "captured": "captured",
    "seit": "since",
    "since": "since",
    "wahlperiode": "period",
    "legislaturperiode": "period",
    "legislature": "period",
}
"""Field names as people write them, without case; `erwaehnt` stands for `erwähnt`."""

_OPERATORS: dict[str, Literal["and", "or", "not"]] = {
    "AND": "and",
    "UND": "and",
    "OR": "or",
    "ODER": "or",
    "NOT": "not",
    "NICHT": "not",
}
_CLOSING = {'"': '"“”', "„": '“”"', "“": '”“"', "”": '”"', "»": "«", "«": "»", "‟": '”"', "›": "‹", "‹": "›"}
_FIELD = re.compile(r"([^\W\d_]+(?:\.[^\W\d_]+)?):(?!//)")
_ENDINGS = re.compile(r"\((?:in|innen)\)")
_MAX_SLOP = 999
_SLOP = re.compile(r"~(\d*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lexeme:
    """One lexical token; `column` counts from 1.

    `field` is the typed field name of a word, phrase or bracket, `minus` and `exact` are its signs. `slop` belongs
    to phrases. `closed` is False for a quotation without end.
    """

    kind: Literal["word", "phrase", "open", "close", "and", "or", "not"]
    column: int
    text: str = ""
    field: str | None = None
    minus: bool = False
    exact: bool = False
    slop: int = 0
    closed: bool = True


def lex(query: str) -> list[Lexeme]:
    """The tokens of a query in order."""
    found: list[Lexeme] = []
    place = 0
    while place < len(query):
        if query[place].isspace():
            place += 1
            continue
        lexeme, place = _next(query, place)
        found.append(lexeme)
    return found


def _next(query: str, start: int) -> tuple[Lexeme, int]:
    if query[start] == ")":
        return Lexeme(kind="close", column=start + 1), start + 1
    place, minus, exact, field = start, False, False, None
    free = start == 0 or query[start - 1].isspace() or query[start - 1] == "("
    while place + 1 < len(query) and query[place] in "-–−+=" and not _ends_word(query[place + 1]):
        minus, exact = minus or (free and query[place] in "-–−"), exact or query[place] == "="
        place += 1
    match = _FIELD.match(query, place)
    if match and match[1].casefold().replace("ae", "ä") in FIELDS:
        field, place = match[1].casefold().replace("ae", "ä"), match.end()
        while place < len(query) and query[place].isspace():
            place += 1
        if query[place : place + 1] == "=":
            exact, place = True, place + 1
    word = Lexeme(kind="word", column=start + 1, field=field, minus=minus, exact=exact)
    if query[place : place + 1] == "(":
        return replace(word, kind="open"), place + 1
    if place < len(query) and query[place] in _CLOSING:
        return _phrase(query, place, word)
    end = _word_end(query, place)
    text = query[place:end]
    if text in _OPERATORS and not (field or minus or exact):
        return Lexeme(kind=_OPERATORS[text], column=start + 1, text=text), end
    return replace(word, text=text), end


def _phrase(query: str, place: int, word: Lexeme) -> tuple[Lexeme, int]:
    closing = _CLOSING[query[place]]
    end = next((i for i in range(place + 1, len(query)) if query[i] in closing), len(query))
    closed, after = end < len(query), min(end + 1, len(query))
    match = _SLOP.match(query, after)
    slop = min(int(match[1][:4] or 1), _MAX_SLOP) if match else 0
    phrase = replace(word, kind="phrase", text=query[place + 1 : end], slop=slop, closed=closed)
    return phrase, match.end() if match else after


def _word_end(query: str, start: int) -> int:
    """Where the word ends; signs that touch letters on both sides belong to it, so does `(innen)`."""
    place = start
    while place < len(query):
        sign = query[place]
        if sign == "(" and place > start and (match := _ENDINGS.match(query, place)):
            place = match.end()
        elif sign.isspace() or sign in "()" or (sign in _CLOSING and not _inside(query, place)):
            break
        else:
            place += 1
    return place


def _ends_word(sign: str) -> bool:
    return sign.isspace() or sign == ")"


def _inside(query: str, place: int) -> bool:
    return 0 < place < len(query) - 1 and query[place - 1].isalnum() and query[place + 1].isalnum()
