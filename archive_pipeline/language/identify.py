"""Which language a text is in: a share of stop words for the clear cases, seeded langdetect for the rest.

langdetect is deterministic only with a fixed seed and its profiles in a fixed order, and on 600 characters of running
text it is as good as on the whole. A text in which at least a quarter of the words are German stop words is German
without asking it; languages that have a script to themselves are told by that. Their profiles, of which Chinese and
Japanese are the largest, stay out of memory: 44 of 65 MB. Of the rest, those of languages in Latin letters are enough
for texts in Latin letters, and in single precision they take 8 of 24 MB.
"""

import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from langdetect import DetectorFactory
from langdetect.detector_factory import PROFILES_DIRECTORY
from langdetect.lang_detect_exception import LangDetectException

__all__ = ["MINIMUM_LETTERS", "identify", "is_stop_word", "stop_word_share", "words"]

MINIMUM_LETTERS = 80
"""Letters below which no answer is given: titles and captions are too short to tell."""
SAMPLE, DETECTED = 1_000, 600
"""Characters whose stop words are counted, and that the detector reads."""
CLEAR_SHARE = 0.25
"""Share of German stop words from which on a text is German. Danish and Dutch have .13 (own measurement)."""

_SCRIPTS = {
    "CJK": "zh",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "THAI": "th",
    "HEBREW": "he",
    "GREEK": "el",
    "BENGALI": "bn",
    "GUJARATI": "gu",
    "GURMUKHI": "pa",
    "KANNADA": "kn",
    "MALAYALAM": "ml",
    "TAMIL": "ta",
    "TELUGU": "te",
}
"""Scripts, as the first word of their characters' Unicode names, that stand for one language."""
BEYOND_LATIN = "\u0370"
"""The first character behind the Latin blocks."""

_OTHER_SCRIPTS = frozenset({"ar", "bg", "fa", "hi", "mk", "mr", "ne", "ru", "uk", "ur"})
"""Languages of langdetect that share Arabic, Cyrillic or Devanagari letters with others."""

_WORD = re.compile(r"[^\W\d_]+")
_STOP_WORDS = {
    "de": frozenset(
        _WORD.findall(
            """der die das den dem des ein eine einen einem einer eines und oder aber auch als am an auf aus bei bis
            für im in ist mit nach nicht noch nur sich sie sind so um unter vom von vor war werden wie wir wird zu
            zum zur zwischen über er es dass durch hat haben ich ihr ihre man mehr sein seine soll sowie wurde
            wurden"""
        )
    ),
    "en": frozenset(
        _WORD.findall(
            """the of and to in a is that for it on was with as be by are this at from or an have not which has were
            will their"""
        )
    ),
}


def words(text: str) -> list[str]:
    """The words of a text in lower case, letters only."""
    return _WORD.findall(text.lower())


def stop_word_share(tokens: Sequence[str], language: str) -> float:
    """The share of words that are stop words of a language ("de", "en"), 0 to 1; 0 for no words at all."""
    stop_words = _STOP_WORDS[language]
    return sum(token in stop_words for token in tokens) / len(tokens) if tokens else 0.0


def is_stop_word(word: str) -> bool:
    """Whether a word, in lower case, is one of the commonest of German."""
    return word in _STOP_WORDS["de"]


def identify(text: str) -> tuple[str, float] | None:
    """Language (ISO 639-1, "zh-cn" shortened to "zh") and confidence 0 to 1, or None when the text is too short.

    Feed it the body, never a title alone.
    """
    sample = text[:SAMPLE]
    tokens = words(sample)
    if sum(map(len, tokens)) < MINIMUM_LETTERS:
        return None
    share = stop_word_share(tokens, "de")
    if share >= CLEAR_SHARE:
        return "de", 1.0
    letters = "".join(tokens)
    if written := _by_script(letters):
        return written
    beyond = sum(letter >= BEYOND_LATIN for letter in letters)
    detector = _profiles(latin=beyond <= 0.5 * len(letters)).create()
    detector.append(sample[:DETECTED])
    try:
        best = detector.get_probabilities()[0]
    except (LangDetectException, IndexError):
        return None
    return str(best.lang), round(float(best.prob), 3)


def _by_script(letters: str) -> tuple[str, float] | None:
    """The language whose own script most letters are of, with their share. Japanese mixes Chinese characters in."""
    found = Counter(
        language
        for letter in letters
        if letter >= BEYOND_LATIN and (language := _SCRIPTS.get(unicodedata.name(letter, "").split(" ", 1)[0]))
    )
    if found["ja"] >= 0.1 * found["zh"]:
        found["ja"] += found.pop("zh", 0)
    language, count = max(found.items(), key=lambda item: item[1], default=("", 0))
    return (language, round(count / len(letters), 3)) if count > 0.5 * len(letters) else None


class _Shares(dict[str, "array[float]"]):
    """How often a group of letters stands in each language. langdetect sets lists, which take three times the memory
    while it loads and ever after."""

    def __setitem__(self, letters: str, shares: Iterable[float]) -> None:
        super().__setitem__(letters, array("f", shares))


@cache
def _profiles(*, latin: bool) -> DetectorFactory:
    """langdetect's profiles in alphabetical order: of the languages in Latin letters, or of the others that share
    theirs."""
    told = set(_SCRIPTS.values())
    files = sorted(
        file
        for file in Path(PROFILES_DIRECTORY).iterdir()
        if file.name[:2] not in told and (file.name not in _OTHER_SCRIPTS) == latin
    )
    factory = DetectorFactory()
    factory.set_seed(0)
    factory.word_lang_prob_map = _Shares()
    factory.load_json_profile([file.read_text(encoding="utf-8") for file in files])
    return factory
