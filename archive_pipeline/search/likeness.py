"""More like this: the words that set a release apart, as a query."""

import math
from collections import Counter
from collections.abc import Callable

from archive_pipeline.language.analysis import is_stop_word, token_fields
from archive_pipeline.query import Node, Or, Term

__all__ = ["like_query"]

_CANDIDATES = 60
_WORDS = 20
_MIN_LETTERS = 3
_TITLE_WEIGHT = 3
_COMMON = 0.3
"""A word that more than 30 % of all releases have says nothing."""


def like_query(title: str, text: str, *, count: Callable[[Node], int], total: int) -> Or | None:
    """The words of a release with the highest tf·idf (damped: 1 + log tf; Manning, Raghavan and Schütze, "Introduction
    to Information Retrieval", 2008, 6.4.1), the best first; None when it has none that other releases share.

    `count` says how many of the `total` releases a word is in.
    """
    words: dict[str, str] = {}
    often: Counter[str] = Counter()
    for part, weight in ((title, _TITLE_WEIGHT), (text, 1)):
        end = 0
        for token in token_fields(part):
            if token.kind == "part" or token.end <= end:
                continue  # a piece of the hyphen compound before it
            end = token.end
            surface = part[token.start : token.end]
            if token.kind == "word" and len(token.form) >= _MIN_LETTERS and not is_stop_word(surface):
                words.setdefault(token.text, surface)
                often[token.text] += weight
    scored: list[tuple[float, str]] = []
    for key, times in sorted(often.items(), key=lambda item: (-item[1], -len(item[0]), item[0]))[:_CANDIDATES]:
        found = count(Term(words[key]))
        if 1 < found <= max(2.0, total * _COMMON):
            scored.append((-(1 + math.log(times)) * math.log(total / found), words[key]))
    best = [Term(word) for _, word in sorted(scored)[:_WORDS]]
    return Or(tuple(best)) if best else None
