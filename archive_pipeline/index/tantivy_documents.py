"""Releases as tantivy receives them: its fields, and texts as lines of finished terms.

Handing over every word as an object of its own took more time than indexing it. So terms go to tantivy as text that it
only has to cut at blanks, and what stands between two blanks in a release is analysed once and remembered.
"""

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import TYPE_CHECKING, Any, NamedTuple

from archive_pipeline.index.terms import PARAGRAPH, TITLE_GAP
from archive_pipeline.language.analysis import PARAGRAPH_GAP, IndexedWord, indexed_words
from archive_pipeline.language.stems import WordAnalysis, analyse_word
from archive_pipeline.protocols import IndexDocument
from archive_pipeline.query import FILTER_FIELDS

if TYPE_CHECKING:
    import tantivy

__all__ = [
    "DIGITS",
    "JOINED",
    "LETTERS",
    "RANK_BITS",
    "SLOTS",
    "UNDATED",
    "key_rank",
    "make_document",
    "make_schema",
    "register_tokenizer",
]

LETTERS = "abcdefghijklmnopqrstuvwxyz"
"""What folded words consist of."""

DIGITS = "0123456789.,"
"""What numbers consist of. Forms that are neither words of `LETTERS` alone nor begin with a digit and consist of both
are unusual: they stand in a field of their own as well."""

SLOTS = 2
"""Places that a word takes in the fields of places: one for its key, one for another key of the same word (the whole
of KommAn-NRW beside its first piece). tantivy's tokenizers put no two terms in one place."""

JOINED = "\x1d"
"""Stands before a key in the second slot."""

RANK_BITS = 38
"""Bits of a number by which hits are ordered that belong to the key; those before them are the day."""

UNDATED = "1"
"""The one value of the field `undated`."""

_NO_DAY = (1 << 22) - 1
"""Behind every day there is (an ordinal)."""

_EMPTY = "\x1e"
"""A place without a key."""

_PLACES = "places"
_TEXTS = ("text", "title", "quote", "speaker")
_REMEMBERED, _LONGEST_REMEMBERED = 300_000, 60
"""Stretches between blanks whose terms are kept, and their most letters."""
_RANKED_LETTERS = 7

_SIGNS = '.,:;!?"()„“”»«–'
_PARAGRAPHS = re.compile(r"\n[ \t\r]*\n")
_HYPHEN = "[-\u2010\u2011]"
_IN_CONTEXT = re.compile(rf"[^\s\-\u2010\u2011]{_HYPHEN}(?:$|[,/])|(?:^|[(,/]){_HYPHEN}[^\W\d_]")
"""A truncated compound: what it stands for depends on the words around it."""
_GOES_ON = re.compile(r"\d\.?$|(?:^|\W)[^\W\d_]\.$")
_CONTINUES = re.compile(r"\d|[^\W\d_]\.")
_ACROSS = re.compile("[>=][!o]*[<=]")
_UNUSUAL = re.compile(rf"(?![{LETTERS}]*$)(?![0-9][{LETTERS}{DIGITS}]*$)")


class _Line(NamedTuple):
    """Terms of a stretch of text, each with blanks between them: keys of words and compound parts, keys in their
    places, folded forms. `sign` is "?" when it has to be read with the words around it, else it ends with ">" when a
    number, date or abbreviation may go on behind it, "<" when it may be how one goes on, "=" for both, "." for neither;
    before that "!" says that keys do not fit into their slots, "o" that forms have unusual letters."""

    keys: str
    places: str
    forms: str
    sign: str


def make_schema(library: Any) -> "tantivy.Schema":
    """The fields. Every text is indexed three times: all keys (words and compound parts) for words, the keys of words
    in their places for phrases, the folded forms for exact, prefix and fuzzy search. Nothing is stored but the key."""
    builder = library.SchemaBuilder()
    builder.add_text_field("key", tokenizer_name="raw", index_option="basic", stored=True)
    for field in _TEXTS:
        builder.add_text_field(f"{field}_any", tokenizer_name="whitespace", index_option="freq")
        builder.add_text_field(f"{field}_key", tokenizer_name=_PLACES, index_option="position")
        builder.add_text_field(f"{field}_form", tokenizer_name="whitespace", index_option="freq")
        builder.add_text_field(f"{field}_odd", tokenizer_name="whitespace", index_option="basic")
    for number in ("newest", "oldest", "month"):
        builder.add_integer_field(number, fast=True)
    for day in ("published", "captured"):
        builder.add_integer_field(day, indexed=True, fast=True)
    builder.add_text_field("undated", tokenizer_name="raw", index_option="basic")
    for field in FILTER_FIELDS:
        builder.add_text_field(field, tokenizer_name="raw", index_option="basic", fast=True)
    return builder.build()  # type: ignore[no-any-return]


def register_tokenizer(library: Any, index: "tantivy.Index") -> None:
    """The tokenizer of the fields of places: cuts at blanks, empty places are counted but not indexed."""
    builder = library.TextAnalyzerBuilder(library.Tokenizer.whitespace())
    index.register_tokenizer(_PLACES, builder.filter(library.Filter.custom_stopword([_EMPTY])).build())


def key_rank(key: str) -> int:
    """A number below 2 ** 38 by which keys are in order, as far as their first letters tell them apart."""
    rank, is_exact = 0, True
    for place in range(_RANKED_LETTERS):
        letter = key[place : place + 1] if is_exact else ""
        if letter in _CODES:
            code = _CODES[letter]
        else:
            is_exact, code = False, _CODED.index("/" if letter < "0" else ":" if letter < "a" else "{")
        rank = rank * len(_CODED) + code
    return rank


def make_document(library: Any, document: IndexDocument) -> "tantivy.Document":
    """A document as tantivy receives it; a day that is not known has no value."""
    made = library.Document()
    made.add_text("key", document.key)
    title, text = _read(document.title), _read(document.text)
    _add_lines(library, made, "title", title, (document.title,))
    _add_lines(library, made, "text", [*title, _TITLE_GAP, *text], (document.title, document.text), twice=title)
    for name, texts in (("quote", document.quotes), ("speaker", document.speakers)):
        if texts:
            joined = PARAGRAPH.join(texts)
            _add_lines(library, made, name, _read(joined), (joined,))
    _add_days(made, document)
    for name in FILTER_FIELDS:
        value = getattr(document, name)
        for key in (value,) if isinstance(value, str) else dict.fromkeys(value or ()):
            made.add_text(name, key)
    return made  # type: ignore[no-any-return]


def _add_days(made: "tantivy.Document", document: IndexDocument) -> None:
    day = document.published.toordinal() if document.published else 0
    rank = key_rank(document.key)
    made.add_integer("newest", (_NO_DAY - day) << RANK_BITS | rank)
    made.add_integer("oldest", (day or _NO_DAY) << RANK_BITS | rank)
    made.add_integer("captured", document.captured.toordinal())
    if document.published:
        made.add_integer("published", day)
        made.add_integer("month", document.published.year * 100 + document.published.month)
    else:
        made.add_text("undated", UNDATED)


def _add_lines(
    library: Any,
    made: "tantivy.Document",
    name: str,
    lines: Sequence[_Line],
    texts: Sequence[str],
    *,
    twice: Sequence[_Line] = (),
) -> None:
    """The terms of one field; those of `twice` are in `lines` too and count double, except by their places."""
    keys = " ".join([line.keys for line in lines] + [line.keys for line in twice])
    if not keys.strip():
        return
    forms = " ".join([line.forms for line in lines] + [line.forms for line in twice])
    signs = "".join([line.sign for line in lines])
    made.add_text(f"{name}_any", keys)
    made.add_text(f"{name}_form", forms)
    if "o" in signs:
        made.add_text(f"{name}_odd", " ".join({form for form in forms.split() if _UNUSUAL.match(form)}))
    if "!" in signs:
        made.add_pre_tokenized_text(f"{name}_key", _placed_one_by_one(library, texts))
    else:
        made.add_text(f"{name}_key", " ".join([line.places for line in lines]))


def _read(text: str) -> list[_Line]:
    """The lines of a text, one for each paragraph, with gaps between them."""
    lines: list[_Line] = []
    for number, paragraph in enumerate(_PARAGRAPHS.split(text)):
        if number:
            lines.append(_PARAGRAPH_GAP)
        line = _together(list(map(_chunks.__getitem__, paragraph.split())))
        if "?" in line.sign:
            return [_together(list(map(_line_of, indexed_words(text))))]
        if _ACROSS.search(line.sign):
            line = _together(list(map(_line_of, indexed_words(paragraph))))
        lines.append(line)
    return lines


class _Chunks(dict[str, _Line]):
    """Lines by what stands between two blanks. When there are too many, those that were not asked for since the last
    time that there were go; an archive's frequent words stay."""

    def __init__(self) -> None:
        super().__init__()
        self._older: dict[str, _Line] = {}

    def __missing__(self, chunk: str) -> _Line:
        line = self._older.get(chunk) or self._read(chunk)
        if len(self) >= _REMEMBERED // 2:
            self._older = self.copy()
            self.clear()
        if len(chunk) <= _LONGEST_REMEMBERED:
            self[chunk] = line
        return line

    def _read(self, chunk: str) -> _Line:
        word = chunk.strip(_SIGNS)
        if len(word) > 1 and word.isalpha():  # nearly all that is new
            return self[word] if word != chunk else _plain_line(analyse_word(word))
        if _IN_CONTEXT.search(chunk):
            return _Line("", "", "", "?")
        line = _together(list(map(_line_of, indexed_words(f" {chunk} "))))
        side = ".><="[bool(_GOES_ON.search(chunk)) + 2 * bool(_CONTINUES.match(chunk))]
        return line._replace(sign="".join(sorted({*line.sign} & {*"!o"})) + side)


class _Words(dict[IndexedWord, _Line]):
    """Lines by analysed words."""

    def __missing__(self, word: IndexedWord) -> _Line:
        if len(self) >= _REMEMBERED:
            self.clear()
        line = self[word] = _line(word)
        return line


_chunks = _Chunks()
_words = _Words()
_line_of = _words.__getitem__


def _plain_line(word: WordAnalysis) -> _Line:
    keys = " ".join((word.stem, *word.parts)) if word.parts else word.stem
    return _Line(keys, f"{word.stem} {_EMPTY}", word.form, "o." if _UNUSUAL.match(word.form) else ".")


def _line(word: IndexedWord) -> _Line:
    places = [_EMPTY] * (SLOTS * word.advance)
    is_full = False
    for key, place in _slots(word):
        is_full |= places[place] != _EMPTY
        places[place] = key
    odd = "o" if any(map(_UNUSUAL.match, word.forms)) else ""
    sign = odd + ("!" if is_full else "") + "."
    return _Line(" ".join((*word.keys, *word.parts)), " ".join(places), " ".join(word.forms), sign)


def _together(lines: Sequence[_Line]) -> _Line:
    """Lines as one, with all their signs."""
    if not lines:
        return _NOTHING
    keys, places, forms, signs = zip(*lines, strict=True)
    return _Line(" ".join(keys), " ".join(places), " ".join(forms), "".join(signs))


def _slots(word: IndexedWord) -> list[tuple[str, int]]:
    """Keys and places of a word: of those of one place the shortest, a piece, has the first slot."""
    taken: set[int] = set()
    found: list[tuple[str, int]] = []
    for key, step in sorted(zip(word.keys, word.steps, strict=True), key=lambda item: (item[1], len(item[0]))):
        found.append((JOINED + key, SLOTS * step + 1) if step in taken else (key, SLOTS * step))
        taken.add(step)
    return found


def _placed_one_by_one(library: Any, texts: Sequence[str]) -> "tantivy.PreTokenizedString":
    """The keys of words more than two of which are in one place."""
    tokens = []
    begin = 0
    for text in texts:
        words = indexed_words(text)
        begins = list(accumulate([SLOTS * word.advance for word in words], initial=begin))
        for word, place in zip(words, begins, strict=False):
            tokens += [library.Token(key, place + slot, 0, 0) for key, slot in _slots(word)]
        begin = begins[-1] + SLOTS * TITLE_GAP
    return library.PreTokenizedString("", tokens)  # type: ignore[no-any-return]


_CODED = "\0/0123456789:abcdefghijklmnopqrstuvwxyz{"
"""Letters of keys in order. The first stands for the end of a key, the other signs for all that come before, between
and behind digits and small letters; what follows those is not looked at."""
_CODES = {letter: code for code, letter in enumerate(_CODED) if letter.isalnum()} | {"": 0}

_NOTHING = _Line("", "", "", "")
_PARAGRAPH_GAP = _line(IndexedWord((), (), (), (), PARAGRAPH_GAP))
_TITLE_GAP = _line(IndexedWord((), (), (), (), TITLE_GAP))
