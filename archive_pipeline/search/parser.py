"""From query text to query tree, leniently: no text is an error, every liberty taken is noted."""

import difflib
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Literal

from archive_pipeline.index.terms import MAX_PLACEMENTS, phrase_query, phrase_slop
from archive_pipeline.language.analysis import analyse, compound_parts, is_stop_word
from archive_pipeline.language.folding import fold
from archive_pipeline.query import (
    FILTER_FIELDS,
    TEXT_FIELDS,
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
from archive_pipeline.search.dates import parse_range, parse_since
from archive_pipeline.search.describe import describe
from archive_pipeline.search.lexer import FIELDS, Lexeme, lex
from archive_pipeline.search.names import Names
from archive_pipeline.search.periods import known_periods, parse_period

__all__ = ["MAX_PATTERNS", "MAX_QUERY_BYTES", "MAX_WORDS", "Match", "ParsedQuery", "parse_query"]

Match = Literal["all", "any"]
"""Whether words without operator must all be found, or any of them."""

MAX_QUERY_BYTES = 2048
"""Longer queries are cut: their cost grows faster than their length."""

MAX_WORDS = 128
"""Words and phrases a query may have, filters not counted; further ones are left out."""

MAX_PATTERNS = 16
"""Word beginnings and fuzzy words a query may have: each is looked up as many words. Further ones are read as plain
words."""

_MAX_DEPTH = 20
_MAX_SLOP = 50
_MIN_PREFIX = 3
_MAX_NAME_WORDS = 4
_MAX_DISTANCE = 2
_MAX_NOTES = 20
_MAX_UNKNOWN, _MAX_PROPOSALS = 32, 8
"""Unknown names after which no further ones are looked up, and of how many the most alike are found: both take long."""
_FUZZY = re.compile(r"(.+)~(\d*)", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r"([^\W\d_]{3,}(?:\.[^\W\d_]+)?):(?!//)([^\W_].*)", re.DOTALL)
_GENDER = re.compile(r"(?:in|innen|e|en|er|es|r|n|m|s)(?![^\W\d_])|innen")
_STAR = re.compile(rf"\*(?!in|{_GENDER.pattern})")
_JOINT = re.compile("(?<=[^\\W\\d_])[-\u2010\u2011'’*:·]")
"""Signs that the forms of words do not have: E-Auto is looked up as eauto."""
_OUTER = "?!.,;:…*"
_Operand = Callable[[], Node | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedQuery:
    """A query as it was understood: the tree, notes on every liberty taken (German, with columns), and the tree
    in words."""

    node: Node
    notes: tuple[str, ...]
    understood: str


def parse_query(text: str, *, names: Names, today: date, match: Match = "all") -> ParsedQuery:
    """Read a query. `today` is what `seit:30t` counts from."""
    text = unicodedata.normalize("NFC", text)
    reader = _Reader(_capped(text), names=names, today=today, match=match)
    node = reader.read()
    notes = reader.notes[:_MAX_NOTES]
    if more := len(reader.notes) - len(notes):
        notes.append(f"Die Anfrage wurde auch an weiteren Stellen nachsichtig gelesen: {more}")
    if len(text.encode("utf-8", "replace")) > MAX_QUERY_BYTES:
        notes.insert(0, f"Die Anfrage ist länger als {MAX_QUERY_BYTES} Byte, der Rest wurde nicht gelesen")
    return ParsedQuery(node=node, notes=tuple(notes), understood=describe(node, names))


def _capped(text: str) -> str:
    return text.encode("utf-8", "replace")[:MAX_QUERY_BYTES].decode("utf-8", "ignore")


class _Reader:
    """Recursive descent over the tokens: OR binds weakest, then AND, then words side by side, then NOT."""

    def __init__(self, text: str, *, names: Names, today: date, match: Match) -> None:
        self.notes: list[str] = []
        self._lexemes = lex(text)
        self._place = 0
        self._names = names
        self._today = today
        self._match = match
        self._depth = 0
        self._words = 0
        self._patterns = 0
        self._placements = MAX_PLACEMENTS
        self._unknown = 0

    def read(self) -> Node:
        parts: list[Node] = []
        while self._place < len(self._lexemes):
            node = self._either(None)
            if node is not None:
                parts.append(node)
            if self._peek("close"):
                self._note("schließende Klammer ohne öffnende weggelassen")
                self._place += 1
        node = self._together(parts)
        if node is None and self._lexemes and not self.notes:
            self.notes.append("Die Anfrage enthält kein Wort, nach dem gesucht werden kann")
        return node or All()

    def _either(self, field: str | None) -> Node | None:
        nodes = self._chain("or", lambda: self._both(field))
        return _joined(Or, nodes)

    def _both(self, field: str | None) -> Node | None:
        return _joined(And, self._chain("and", lambda: self._side_by_side(field)))

    def _chain(self, operator: Literal["or", "and"], operand: _Operand) -> list[Node]:
        nodes = [operand()]
        while self._peek(operator):
            lexeme = self._lexemes[self._place]
            self._place += 1
            nodes.append(operand())
            if nodes[-1] is None or nodes[-2] is None:
                self._note(f"{lexeme.text} ohne Wort davor oder danach weggelassen", lexeme)
        return [node for node in nodes if node is not None]

    def _side_by_side(self, field: str | None) -> Node | None:
        nodes: list[Node] = []
        while self._place < len(self._lexemes) and not self._peek("or", "and", "close"):
            node = self._signed(field)
            if node is not None:
                nodes.append(node)
        if field and FIELDS[field] not in TEXT_FIELDS:  # any of the values, none of those with a minus
            wanted = _joined(Or, [node for node in nodes if not isinstance(node, Not)])
            return _joined(And, [*([wanted] if wanted else []), *(node for node in nodes if isinstance(node, Not))])
        return self._together(nodes)

    def _together(self, nodes: list[Node]) -> Node | None:
        """Nodes without operator between them: filters and exclusions always hold, words as `match` says."""
        if any(not self._is_stop_word(node) for node in nodes if not _is_condition(node)):
            nodes = [node for node in nodes if not self._is_stop_word(node)]
        if self._match == "all":
            return _joined(And, nodes)
        words = [node for node in nodes if not _is_condition(node)]
        always = [node for node in nodes if _is_condition(node)]
        either = _distinct(_joined(Or, words))
        known = [node for node in always if not (isinstance(node, Filter) and not node.values)]
        always = known if known or words else always
        return _joined(And, always if either is None else [either, *always])

    def _signed(self, field: str | None) -> Node | None:
        negative = False
        while self._peek("not"):
            lexeme = self._lexemes[self._place]
            negative, self._place = not negative, self._place + 1
            if self._place >= len(self._lexemes) or self._peek("or", "and", "close"):
                self._note(f"{lexeme.text} ohne Wort danach weggelassen", lexeme)
                return None
        lexeme = self._lexemes[self._place]
        self._place += 1
        node = self._operand(lexeme, lexeme.field or field)
        if node is None:
            return None
        return Not(node) if negative != lexeme.minus else node

    def _operand(self, lexeme: Lexeme, field: str | None) -> Node | None:
        if lexeme.kind == "open":
            return self._bracket(lexeme, field)
        if lexeme.kind == "phrase" and not lexeme.closed:
            self._note("Anführungszeichen ohne Ende bis zum Schluss gelesen", lexeme)
        name = FIELDS[field] if field else None
        if name is not None and not lexeme.text.strip(_OUTER + " "):
            self._note(f"Feld {field} ohne Wert weggelassen", lexeme)
            return None
        if name in FILTER_FIELDS:
            return self._filter(name, field or name, lexeme)
        if name in {"published", "captured", "since", "period"}:
            return self._date(name, field or name, lexeme)
        assert name is None or name in TEXT_FIELDS
        self._words += 1
        if self._words > MAX_WORDS:
            if self._words == MAX_WORDS + 1:
                self._note(f"mehr als {MAX_WORDS} Wörter: dieses und die weiteren weggelassen", lexeme)
            return None
        return self._phrase(lexeme, name) if lexeme.kind == "phrase" else self._word(lexeme, name)

    def _bracket(self, lexeme: Lexeme, field: str | None) -> Node | None:
        if self._depth >= _MAX_DEPTH:
            self._note(f"mehr als {_MAX_DEPTH} Klammern ineinander: diese weggelassen", lexeme)
            return None
        self._depth += 1
        node = self._either(field)
        self._depth -= 1
        if self._peek("close"):
            self._place += 1
        elif self._place >= len(self._lexemes):
            self._note("Klammer ohne Ende am Schluss geschlossen", lexeme)
        return node

    def _phrase(self, lexeme: Lexeme, field: str | None) -> Node | None:
        texts = tuple(lexeme.text.split())
        count = len({token.position for token in analyse(" ".join(texts)) if token.kind != "part"})
        if not count:
            return None
        if count == 1:
            return Exact(texts[0], field) if lexeme.exact else Term(" ".join(texts), field)
        if lexeme.exact:
            self._note("= gilt nur für ein einzelnes Wort, gesucht wird die Wortfolge in allen Formen", lexeme)
        return Phrase(texts, self._slop(texts, lexeme), field)

    def _slop(self, texts: tuple[str, ...], lexeme: Lexeme) -> int:
        """How far the words may stand apart: as typed, or as far as can be looked up beside the phrases before."""
        count = len(phrase_query(texts).sequence)
        slop = phrase_slop(count, min(lexeme.slop, _MAX_SLOP), most=self._placements)
        self._placements -= (slop + 1) ** (count - 1) if slop else 0
        if slop < lexeme.slop:
            self._note(f"Abstand ~{lexeme.slop} ist zu weit, gesucht wird mit ~{slop}", lexeme)
        return slop

    def _word(self, lexeme: Lexeme, field: str | None) -> Node | None:
        text = lexeme.text.strip("?!,;")
        unknown = None if field else _UNKNOWN_FIELD.fullmatch(text.lstrip(_OUTER))
        if unknown and analyse(unknown[2]) and not _GENDER.match(unknown[2]):
            return self._unknown_field(unknown, lexeme)
        return self._pattern_or_word(text, lexeme, field)

    def _pattern_or_word(self, text: str, lexeme: Lexeme, field: str | None) -> Node | None:
        fuzzy = _FUZZY.fullmatch(text)
        if fuzzy and analyse(fuzzy[1]):
            asked = int(fuzzy[2][:3] or 1)
            distance = min(asked, _MAX_DISTANCE)
            word = fuzzy[1].strip(_OUTER)
            if asked > _MAX_DISTANCE:
                self._note(f"„{word}~“ sucht höchstens mit Abstand {_MAX_DISTANCE}", lexeme)
            if distance and self._is_one_pattern_more(word, lexeme):
                return Fuzzy(_JOINT.sub("", word), distance, field)
            return self._term(word, field) if distance else Exact(word, field)
        word = text.strip(_OUTER + "~")
        if not analyse(word):
            return None
        is_prefix = text.endswith("*") and not lexeme.exact
        if not lexeme.exact and _STAR.search(text.rstrip(_OUTER) if is_prefix else text):
            self._note(f"„{text}“: ein * gilt nur am Ende eines Wortes und wird sonst übergangen", lexeme)
        if is_prefix:
            return self._prefix(word, lexeme, field)
        return Exact(word, field) if lexeme.exact else self._term(word, field)

    def _term(self, word: str, field: str | None) -> Node:
        """A word; where any word is enough, a compound may be met by its parts too."""
        parts = compound_parts(word) if self._match == "any" else ()
        return Or((Term(word, field), *(Term(part, field) for part in parts))) if parts else Term(word, field)

    def _prefix(self, word: str, lexeme: Lexeme, field: str | None) -> Node | None:
        letters = _JOINT.sub("", word)
        if len(fold(letters)) < _MIN_PREFIX:
            self._note(f"„{word}*“ ist zu kurz: ein Wortanfang braucht {_MIN_PREFIX} Buchstaben", lexeme)
            return self._term(word, field)
        if not self._is_one_pattern_more(word, lexeme):
            return self._term(word, field)
        return Prefix(letters, field)

    def _is_one_pattern_more(self, word: str, lexeme: Lexeme) -> bool:
        """Whether the query may have one more pattern; notes it when not."""
        self._patterns += 1
        if self._patterns > MAX_PATTERNS:
            self._note(f"mehr als {MAX_PATTERNS} Muster mit * oder ~: „{word}“ wird als Wort gesucht", lexeme)
        return self._patterns <= MAX_PATTERNS

    def _unknown_field(self, found: re.Match[str], lexeme: Lexeme) -> Node | None:
        near = difflib.get_close_matches(found[1].casefold(), FIELDS, n=1)
        meant = f", meinten Sie {near[0]}:?" if near else ""
        self._note(f"Feld {found[1]} gibt es nicht{meant} – als Wörter gelesen", lexeme)
        nodes = (self._term(found[1], None), self._pattern_or_word(found[2], lexeme, None))
        return self._together([node for node in nodes if node is not None])

    def _filter(self, name: str, field: str, lexeme: Lexeme) -> Node | None:
        values: dict[str, None] = {}
        texts = [lexeme.text] if lexeme.kind == "phrase" else lexeme.text.split(",")
        for text in dict.fromkeys(filter(None, (text.strip().strip("?!;") for text in texts))):
            if self._unknown > _MAX_UNKNOWN:
                self._note(f"{field}: „{text}“ nach so vielen unbekannten Namen nicht mehr nachgeschlagen", lexeme)
                continue
            keys = self._names.resolve(name, text) or self._longer_name(name, text, lexeme)
            values.update(dict.fromkeys(keys))
            if not keys:
                self._unknown += 1
                near = self._names.nearest(name, text) if self._unknown <= _MAX_PROPOSALS else ()
                meant = f", meinten Sie {' oder '.join(near)}?" if near else ""
                self._note(f"{field}: „{text}“ ist nicht bekannt{meant}", lexeme)
        return Filter(name, tuple(values))

    def _is_stop_word(self, node: Node) -> bool:
        """Whether to leave a word out; a capital inside the query makes a stop word a name (Jared Allen)."""
        if not isinstance(node, Term) or not is_stop_word(node.text):
            return False
        return node.text[:1].islower() or node.text == self._lexemes[0].text.strip(_OUTER)

    def _longer_name(self, name: str, text: str, lexeme: Lexeme) -> tuple[str, ...]:
        """The keys of a name that goes on in the next words (`partei:Freie Demokraten`), which are then used up."""
        if lexeme.kind == "word":
            for end in range(self._place + 1, min(self._place + _MAX_NAME_WORDS, len(self._lexemes)) + 1):
                following = self._lexemes[self._place : end]
                if any(word.kind != "word" or word.field or word.minus or word.exact for word in following):
                    break
                keys = self._names.resolve(name, " ".join((text, *(word.text for word in following))))
                if keys:
                    self._place = end
                    return keys
        return ()

    def _date(self, name: str, field: str, lexeme: Lexeme) -> Node | None:
        text = lexeme.text.strip("?!,;")
        if name == "period":
            found = parse_period(text)
            if found is None:
                self._note(f"{field}: „{text}“ ist nicht bekannt, weggelassen ({known_periods(text)})", lexeme)
            return found
        found = parse_since(text, self._today) if name == "since" else parse_range(name, text)
        if found is None:
            self._note(f"{field}: „{text}“ ist kein Datum, weggelassen (z. B. 2016, 2016-05, 2015..2017)", lexeme)
        return found

    def _peek(self, *kinds: str) -> bool:
        return self._place < len(self._lexemes) and self._lexemes[self._place].kind in kinds

    def _note(self, text: str, lexeme: Lexeme | None = None) -> None:
        column = (lexeme or self._lexemes[self._place]).column
        self.notes.append(f"Spalte {column}: {text}")


def _is_condition(node: Node) -> bool:
    """Whether a node holds whatever words there are besides: a filter or an exclusion, or several of these."""
    if isinstance(node, And | Or):
        return all(map(_is_condition, node.nodes))
    return isinstance(node, Filter | Range | Not)


def _distinct(node: Node | None) -> Node | None:
    """Each word once: a word that comes as part of another one too would count twice."""
    if not isinstance(node, Or):
        return node
    seen: dict[object, Node] = {}
    for inner in node.nodes:
        key: object = inner
        if isinstance(inner, Term):
            key = (inner.field, *(token.text for token in analyse(inner.text) if token.kind != "part"))
        seen.setdefault(key, inner)
    return _joined(Or, list(seen.values()))


def _joined(kind: type[And] | type[Or], nodes: list[Node]) -> Node | None:
    """The nodes under one operator, nested ones of the same kind lifted; nothing for none, itself for one."""
    flat: list[Node] = []
    for node in nodes:
        flat.extend(node.nodes if isinstance(node, kind) else (node,))
    if len(flat) <= 1:
        return flat[0] if flat else None
    return kind(tuple(flat))
