"""The CISTEM stemmer.

Method: Leonie Weißweiler and Alexander Fraser, "Developing a Stemmer for German Based on a Comparative Analysis of
Publicly Available Stemmers" (GSCL 2017), in the form that ignores case. Own implementation of the published rules.
"""

import re

__all__ = ["cistem"]

_PREFIX = re.compile(r"^ge(?=.{4})")
_DOUBLED = re.compile(r"(.)\1")
_UNDOUBLED = re.compile(r"(.)\*")
_UMLAUTS = str.maketrans({"ä": "a", "ö": "o", "ü": "u", "ß": "ss"})
_PROTECT = (("sch", "$"), ("ei", "%"), ("ie", "&"))
_MIN_STEM = 3
_MIN_FOR_LONG_SUFFIX = 6


def cistem(word: str) -> str:
    """The stem of a lower-case word; umlauts become their base letters and ß becomes ss."""
    stem = _PREFIX.sub("", word.translate(_UMLAUTS))
    for group, sign in _PROTECT:
        stem = stem.replace(group, sign)
    stem = _strip(_DOUBLED.sub(r"\1*", stem))
    stem = _UNDOUBLED.sub(r"\1\1", stem)
    for group, sign in _PROTECT:
        stem = stem.replace(sign, group)
    return stem


def _strip(stem: str) -> str:
    while len(stem) > _MIN_STEM:
        if len(stem) >= _MIN_FOR_LONG_SUFFIX and stem.endswith(("em", "er", "nd")):
            stem = stem[:-2]
        elif stem.endswith(("t", "e", "s", "n")):
            stem = stem[:-1]
        else:
            break
    return stem
