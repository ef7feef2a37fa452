"""Spelling variants of one word made equal: case, umlauts, ß, Unicode forms, invisible characters."""

import re
import unicodedata

__all__ = ["INVISIBLE", "fold", "reduce_umlauts"]

INVISIBLE = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
"""Characters inside words that are no letters: soft hyphen, zero-width space, joiners, byte order mark."""

_DROP_INVISIBLE = str.maketrans(dict.fromkeys(INVISIBLE))
_SPELL_OUT = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss", "æ": "ae", "ø": "oe", "œ": "oe", "ı": "i"})
_MARKS = re.compile(r"[\u0300-\u036f]")
_SPELT_UMLAUT = re.compile(r"ae|oe|(?<![aeq])ue")


def fold(word: str) -> str:
    """The word in lower case with umlauts spelt out (ä = ae, ß = ss) and other accents dropped (é = e)."""
    if word.isascii():
        return word.lower()
    composed = unicodedata.normalize("NFC", word.translate(_DROP_INVISIBLE)).lower().translate(_SPELL_OUT)
    if composed.isascii():
        return composed
    return _MARKS.sub("", "".join(map(_decomposed, composed))).lower().translate(_SPELL_OUT)


def _decomposed(letter: str) -> str:
    """One Arabic letter stands for four words; a word has no blanks."""
    plain = unicodedata.normalize("NFKD", letter)
    return plain.replace(" ", "") if letter.isalnum() else plain


def reduce_umlauts(folded: str) -> str:
    """A folded word with spelt-out umlauts reduced to their base letters (haeuser = hauser), so that umlaut
    plurals share a stem with their singular. `ue` after a, e and q is no umlaut (neue, Bauer, Quelle)."""
    if "ae" in folded or "oe" in folded or "ue" in folded:
        return _SPELT_UMLAUT.sub(lambda match: match.group()[0], folded)
    return folded
