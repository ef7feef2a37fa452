"""The one German analysis: documents, queries, highlighting and lexicons all read text through `analyse`.

Order: tokens (numbers, dates, abbreviations, gender forms, hyphens), fold, stem, compound parts at the same
position. Offsets are code points into the text as it was given, in whatever Unicode form.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from archive_pipeline.language.folding import INVISIBLE, fold
from archive_pipeline.language.stems import CACHE_SIZE, WordAnalysis, analyse_word, splitter
from archive_pipeline.language.words import CONNECTORS, MONTHS, PREFIXES, STOP_WORDS

__all__ = [
    "ANALYSIS_VERSION",
    "IndexedWord",
    "Token",
    "TokenFields",
    "TokenKind",
    "analyse",
    "compound_parts",
    "indexed_words",
    "is_stop_word",
    "token_fields",
]

ANALYSIS_VERSION = "de-2"
"""Changes with every change of rules or word lists; an index built with another version must be rebuilt."""

PARAGRAPH_GAP = 10
"""Positions left free between paragraphs, so that no phrase reaches across."""

TokenKind = Literal["word", "part", "number"]
"""What a token is: a word of the text, a part of a compound, a number."""


@dataclass(frozen=True, slots=True)
class Token:
    """One searchable unit of a text, `text[start:end]` as written.

    `text` is the key it is found by (a stem, a number in plain digits); `form` is the same word folded but not
    stemmed, for exact, prefix and fuzzy search, empty where the text does not hold such a word by itself.
    `position` counts words. Several tokens may share one: the pieces of a hyphen compound stand at positions of
    their own, the joined whole at the first of them; the parts of a compound (`kind` "part") stand where it does.
    """

    text: str
    position: int
    start: int
    end: int
    kind: TokenKind
    form: str = ""


class TokenFields(NamedTuple):
    """A token as a plain tuple, for indexing many documents; the fields are those of `Token`."""

    text: str
    position: int
    start: int
    end: int
    kind: TokenKind
    form: str


_WORD = rf"[^\W_](?:[^\W_]|[{INVISIBLE}\u0300-\u036f])*"
_HYPHEN = "[-\u2010\u2011]"
_SPACE = "[ \u00a0\u202f\u2009]"
_MARK = r"(?:[*:_·](?=(?:in|innen|e|en|er|es|r|n|m|s)(?![^\W\d_])|innen)|/-?(?=in(?:nen)?(?![^\W\d_])))"
_TOKEN = re.compile(
    rf"""(?P<plain>[^\W\d_]{{2,}}+(?![\w'’*:·/(\-\u2010\u2011{INVISIBLE}\u0300-\u036f]))
    |(?P<gap>\n[ \t\r]*\n)
    |(?P<date>(?<![\w.])(?P<day>\d{{1,2}})\.{_SPACE}?(?P<month>\d{{1,2}})\.{_SPACE}?(?P<year>\d{{4}}|\d\d)(?!\w|\.\d))
    |(?P<iso>(?<![\w-])(?P<y>\d{{4}})-(?P<m>\d\d)-(?P<d>\d\d)(?![\w-]))
    |(?P<thousands>(?<![\w.,])\d{{1,3}}(?:(?:\.|{_SPACE}|['’])\d{{3}})+(?:,\d+)?(?![^\W_]|[.,]\d))
    |(?P<number>\d+(?:[.,:]\d+)*(?![^\W_]))
    |(?P<abbreviation>(?<!\w)[^\W\d_]\.(?:{_SPACE}?[^\W\d_]\.)+(?!\w))
    |(?P<tail>(?<=[\s(,/]){_HYPHEN}(?=[^\W\d_]){_WORD}(?:{_MARK}{_WORD})*)
    |(?P<word>{_WORD}(?:(?:{_HYPHEN}|['’]|{_MARK}){_WORD}|\(in(?:nen)?\))*)(?P<cut>{_HYPHEN}(?=[\s,/]))?""",
    re.VERBOSE,
)
_PIECE = re.compile(rf"(?:(?!{_HYPHEN}).|(?<=/)-)+", re.DOTALL)
_SIGNS = re.compile(r"[*:_·'’()/-]")
_ROAD = re.compile(r"([^\W\d_]{1,3})(\d{1,4})")
_NO_DIGIT = re.compile(r"[^\d,]")
_LOOK_AHEAD = 4
_CENTURY = 50


def analyse(text: str) -> Sequence[Token]:
    """The tokens of a text in the order of their positions."""
    return [Token(*fields) for fields in token_fields(text)]


def is_stop_word(word: str) -> bool:
    """Whether a word carries no subject (der, und, wird)."""
    return fold(word) in STOP_WORDS


def compound_parts(word: str) -> tuple[str, ...]:
    """The words a compound can also be met by: the pieces between its hyphens, the dictionary forms (folded) of the
    parts of each piece; nothing for other words."""
    pieces = [_SIGNS.sub("", piece) for piece in _PIECE.findall(word)]
    found = pieces if len(pieces) > 1 else []
    for piece in pieces:
        whole = analyse_word(piece).masculine
        parts = splitter().split(whole)
        found += [part.lemma for part in parts if part.searchable]
        if len(parts) > 2:
            found += [whole[: parts[-2].end], whole[parts[1].start :]]
    return tuple(dict.fromkeys(filter(None, found)))


def token_fields(text: str) -> list[TokenFields]:
    """The fields of every token of a text, in the order of their positions."""
    position = 0
    tokens: list[TokenFields] = []
    matches = list(_TOKEN.finditer(text))
    for number, match in enumerate(matches):
        kind = match.lastgroup
        surface = match.group()
        if kind == "plain":  # nearly all tokens, hence first and without detours
            start, end = match.span()
            word = analyse_word(surface)
            tokens.append(TokenFields(word.stem, position, start, end, "word", word.form))
            for part in word.parts:
                tokens.append(TokenFields(part, position, start, end, "part", ""))
            position += 1
        elif kind == "gap":
            position += PARAGRAPH_GAP
        else:
            found = _special_tokens(matches, number, position)
            tokens += found
            position = max(token.position for token in found) + 1
    return tokens


class IndexedWord(NamedTuple):
    """What a word of a text is found by: keys with their places behind the word's position, keys of compound parts,
    forms, and how many positions it takes. `settled` says that this does not depend on the words around it."""

    keys: tuple[str, ...]
    steps: tuple[int, ...]
    parts: tuple[str, ...]
    forms: tuple[str, ...]
    advance: int
    settled: bool = True


def indexed_words(text: str) -> list[IndexedWord]:
    """The tokens of a text word by word, without their offsets: what `token_fields` says, in a fraction of the time,
    because most words of an archive have been seen before. Gaps between paragraphs are words without keys."""
    if _is_plain(text):
        return [_indexed[text]]
    words = list(map(_indexed.__getitem__, _SURFACE.findall(text)))
    if all([word.settled for word in words]):  # noqa: C419 - a list is faster here than a generator
        return words
    matches = list(_TOKEN.finditer(text))
    return [_word_in_context(matches, number) for number in range(len(matches))]


class _IndexedWords(dict[str, IndexedWord]):
    """Words by how they are written; new ones are analysed when they are asked for."""

    def __missing__(self, surface: str) -> IndexedWord:
        if len(self) >= CACHE_SIZE:
            self.clear()
        word = self[surface] = _plain_word(surface) if _is_plain(surface) else _word_alone(surface)
        return word


def _is_plain(surface: str) -> bool:
    """What `_TOKEN` is sure to call plain, told without it: nearly all new words of an archive."""
    return len(surface) > 1 and surface.isalpha()


def _plain_word(surface: str) -> IndexedWord:
    known = analyse_word(surface)
    return IndexedWord((known.stem,), (0,), known.parts, (known.form,), 1)


def _word_alone(surface: str) -> IndexedWord:
    match = _TOKEN.fullmatch(surface)
    if match is None or match.lastgroup in {"cut", "tail"}:
        return _UNSETTLED
    if match.lastgroup == "gap":
        return IndexedWord((), (), (), (), PARAGRAPH_GAP)
    if match.lastgroup == "plain":
        return _plain_word(surface)
    return _without_offsets(_special_tokens([match], 0, 0))


_indexed = _IndexedWords()
_UNSETTLED = IndexedWord((), (), (), (), 0, settled=False)
_SURFACE = re.compile(re.sub(r"\(\?P<\w+>", "(?:", _TOKEN.pattern) + r"|[.,_](?=\d)", re.VERBOSE)
"""`_TOKEN` without groups: it finds the same stretches and tells nothing else of them. A number is read by itself as in
its text, unless a sign stands before it that is no part of it; that sign is found too."""


def _word_in_context(matches: Sequence[re.Match[str]], number: int) -> IndexedWord:
    match = matches[number]
    if match.lastgroup in {"plain", "word", "gap"}:
        return _indexed[match.group()]
    return _without_offsets(_special_tokens(matches, number, 0))


def _without_offsets(tokens: Sequence[TokenFields]) -> IndexedWord:
    words = [token for token in tokens if token.kind != "part"]
    return IndexedWord(
        tuple(token.text for token in words),
        tuple(token.position for token in words),
        tuple(token.text for token in tokens if token.kind == "part"),
        tuple(token.form for token in tokens if token.form),
        max(token.position for token in tokens) + 1,
    )


def _special_tokens(matches: Sequence[re.Match[str]], number: int, position: int) -> list[TokenFields]:
    """The tokens of everything but plain words."""
    match = matches[number]
    kind, surface = match.lastgroup, match.group()
    if kind == "tail":
        return list(_tail_tokens(match, position, matches[max(0, number - _LOOK_AHEAD) : number]))
    if kind not in {"word", "cut"}:
        return list(_other_tokens(match, position))
    if surface[-1].isdigit() and (road := _ROAD.fullmatch(surface)):
        return list(_road_tokens(road, position, match.start()))
    found = list(_word_tokens(match["word"], match.start(), position))
    if kind == "cut":
        found += _completed(found[-1], matches[number + 1 : number + 1 + _LOOK_AHEAD])
    return found


def _word_of(match: re.Match[str]) -> str | None:
    """The word, if the match is a complete one."""
    return match["plain"] or (match["word"] if match.lastgroup == "word" else None)


def _word_tokens(surface: str, offset: int, position: int) -> Iterator[TokenFields]:
    """A word; of a hyphen compound the joined whole and every piece."""
    pieces = [
        (_SIGNS.sub("", piece.group()), offset + piece.start(), offset + piece.end())
        for piece in _PIECE.finditer(surface)
    ]
    if len(pieces) > 1:
        whole = analyse_word("".join(piece[0] for piece in pieces))
        yield TokenFields(whole.stem, position, pieces[0][1], pieces[-1][2], "word", whole.form)
    for index, (piece, start, end) in enumerate(pieces):
        yield from _piece_tokens(analyse_word(piece), position + index, start, end)


def _piece_tokens(word: WordAnalysis, position: int, start: int, end: int) -> Iterator[TokenFields]:
    yield TokenFields(word.stem, position, start, end, "word", word.form)
    for part in word.parts:
        yield TokenFields(part, position, start, end, "part", "")


def _completed(cut: TokenFields, following: Sequence[re.Match[str]]) -> Iterator[TokenFields]:
    """What a truncated compound stands for: itself as a part, and every completion by the next compound
    (`Integrations- und Sprachkurse` also says Integrationskurse)."""
    modifier = splitter().modifier(cut.form)
    if modifier:
        yield TokenFields(analyse_word(modifier).stem, cut.position, cut.start, cut.end, "part", "")
    for match in following:
        word = _word_of(match)
        if match.lastgroup == "cut" or (word and fold(word) in CONNECTORS):
            continue
        if word:
            last = analyse_word(_SIGNS.sub("", _PIECE.findall(word)[-1])).form
            starts = [part.start for part in splitter().split(last, listed=True)[1:]]
            if cut.form in PREFIXES:
                starts = [len(prefix) for prefix in PREFIXES if last.startswith(prefix)][-1:]
            for start in starts:
                whole = analyse_word(cut.form + last[start:])
                yield TokenFields(whole.stem, cut.position, cut.start, cut.end, "word", whole.form)
        return


def _tail_tokens(match: re.Match[str], position: int, before: Sequence[re.Match[str]]) -> Iterator[TokenFields]:
    """A compound without its first part, and what it stands for after the compound before it
    (`Schulleiter und -leiterinnen` also says Schulleiterinnen)."""
    start, end = match.start() + 1, match.end()
    tail = analyse_word(_SIGNS.sub("", match.group()))
    yield from _piece_tokens(tail, position, start, end)
    for earlier in reversed(before):
        word = _word_of(earlier)
        if word and fold(word) not in CONNECTORS:
            first = analyse_word(_SIGNS.sub("", _PIECE.findall(word)[-1])).form
            for part in splitter().split(first, listed=True)[1:]:
                whole = analyse_word(first[: part.start] + tail.form)
                yield TokenFields(whole.stem, position, start, end, "word", whole.form)
            return


def _road_tokens(match: re.Match[str], position: int, start: int) -> Iterator[TokenFields]:
    """A letter with a number reads like both apart: A46 = A 46."""
    whole = fold(match.group())
    yield TokenFields(whole, position, start, start + match.end(), "word", whole)
    letters = analyse_word(match[1])
    yield TokenFields(letters.stem, position, start, start + match.end(1), "word", letters.form)
    yield TokenFields(match[2], position + 1, start + match.start(2), start + match.end(), "number", match[2])


def _other_tokens(match: re.Match[str], position: int) -> Iterator[TokenFields]:
    """Numbers, dates and abbreviations."""
    kind, surface, (start, end) = match.lastgroup, match.group(), match.span()
    if kind == "abbreviation":
        word = analyse_word("".join(filter(str.isalpha, surface)))
        yield TokenFields(word.form, position, start, end, "word", word.form)
        return
    if kind in {"date", "iso"}:
        day, month, year = match.group("day", "month", "year") if kind == "date" else match.group("d", "m", "y")
        if 1 <= int(month) <= len(MONTHS):
            yield from _date_tokens(int(day), int(month), year, (position, start, end))
            return
    digits = _NO_DIGIT.sub("", surface) if kind == "thousands" else "".join(surface.split()).replace(":", ".")
    if len(digits) == 2:
        digits = str(int(digits))
    yield TokenFields(digits, position, start, end, "number", digits)


def _date_tokens(day: int, month: int, year: str, place: tuple[int, int, int]) -> Iterator[TokenFields]:
    """A numeric date reads like a written one: 28.11.2017 = 28. November 2017."""
    position, start, end = place
    if len(year) == 2:
        year = f"{20 if int(year) < _CENTURY else 19}{year}"
    yield TokenFields(str(day), position, start, end, "number", f"{day}.{month}.{year}")
    yield TokenFields(analyse_word(MONTHS[month - 1]).stem, position + 1, start, end, "word", "")
    yield TokenFields(year, position + 2, start, end, "number", "")
