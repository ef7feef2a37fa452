"""The one German analysis: documents, queries, highlighting and lexicons all read text through `analyse`.

Order: tokens (numbers, dates, abbreviations, gender forms, hyphens) -> fold -> stem -> compound parts at the same
position. Offsets are code points into the text as it was given, in whatever Unicode form.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, NamedTuple

from archive_pipeline.language.cistem import cistem
from archive_pipeline.language.compounds import CompoundSplitter, Part
from archive_pipeline.language.folding import INVISIBLE, fold, reduce_umlauts
from archive_pipeline.language.words import CONNECTORS, MONTHS, STOP_WORDS, VERBS

__all__ = ["ANALYSIS_VERSION", "Token", "analyse", "compound_parts", "exact_form", "is_stop_word", "stem"]

ANALYSIS_VERSION = "de-1"
"""Changes with every change of rules or word lists; an index built with another version must be rebuilt."""

PARAGRAPH_GAP = 10
"""Positions left free between paragraphs, so that no phrase reaches across."""

TokenKind = Literal["word", "part", "number"]


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


class _Word(NamedTuple):
    """What is known about one surface word."""

    form: str
    stem: str
    parts: tuple[str, ...]


class _Piece(NamedTuple):
    """A stretch of text without hyphen."""

    surface: str
    start: int
    end: int


_WORD = rf"[^\W_](?:[^\W_]|[{INVISIBLE}\u0300-\u036f])*"
_HYPHEN = "[-\u2010\u2011]"
_SPACE = "[ \u00a0\u202f\u2009]"
_GENDER = r"[*:_·](?=(?:in|innen|e|en|er|es|r|n|m|s)(?![^\W\d_])|innen)|/-?(?=in(?:nen)?(?![^\W\d_]))"
_TOKEN = re.compile(
    rf"""(?P<gap>\n[ \t\r]*\n)
    |(?P<date>(?<![\w.])(?P<day>\d{{1,2}})\.{_SPACE}?(?P<month>\d{{1,2}})\.{_SPACE}?(?P<year>\d{{4}}|\d\d)(?![\w]|\.\d))
    |(?P<iso>(?<![\w-])(?P<y>\d{{4}})-(?P<m>\d\d)-(?P<d>\d\d)(?![\w-]))
    |(?P<thousands>(?<![\w.,])\d{{1,3}}(?:(?:\.|{_SPACE}|['’])\d{{3}})+(?:,\d+)?(?![^\W_]|[.,]\d))
    |(?P<number>\d+(?:[.,:]\d+)*(?![^\W_]))
    |(?P<abbreviation>(?<!\w)[^\W\d_]\.(?:{_SPACE}?[^\W\d_]\.)+(?!\w))
    |(?P<word>{_WORD}(?:(?:{_HYPHEN}|['’]|{_GENDER}){_WORD}|\(in(?:nen)?\))*)(?P<cut>{_HYPHEN}(?=[\s,/]))?""",
    re.VERBOSE.replace(re.VERBOSE, re.VERBOSE) if False else re.VERBOSE,  # noqa: SIM210
)
