"""Whether two articles are one release that came two ways: by mail and on the web."""

import re
from collections import Counter
from functools import lru_cache

from archive_pipeline.address import canonical_url
from archive_pipeline.model import Article

__all__ = ["same_release"]

MIN_WORDS = 60
"""Words of the shortest text that can be told from others: notices of a few lines resemble each other too much."""
RUN = 5
"""Words in a row that are compared; single words would not tell order, whole sentences not a mended one."""
ALIKE = 0.9
"""Share of the shorter text's runs of words that the longer one must have."""
ALIKE_AT_ONE_ADDRESS = 0.6
"""The same where a mail names the very address of the web release: it may have been mended there since."""
MIN_PART = 0.55
"""How much of the longer text the shorter one must be: a mail lacks the teaser, a page the notes to editors."""
MAX_DAYS = 7
"""Days that may lie between two dates of one release, as mails are forwarded and pages put up later."""

_WORD = re.compile(r"\w+")


def same_release(first: Article, second: Article) -> bool:
    """Whether two articles are the same release, apart from footers, line breaks, a teaser or a mended sentence.

    Careful rather than clever: texts made from one template (weekly figures, speed checks) differ in few words, so no
    number that only one of them has may stand in what they share; dates may differ by a week.
    """
    if first.published and second.published and abs((first.published - second.published).days) > MAX_DAYS:
        return False
    words, others = sorted((_words(first.text), _words(second.text)), key=len)
    if len(words) < MIN_WORDS or len(words) < MIN_PART * len(others):
        return False
    if not _numbers(words) <= _numbers(others):
        return False
    runs = _runs(words)
    shared = len(runs & _runs(others)) / len(runs)
    return shared >= (ALIKE_AT_ONE_ADDRESS if _at_one_address(first, second) else ALIKE)


@lru_cache(maxsize=64)
def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.casefold()))


def _numbers(words: tuple[str, ...]) -> Counter[str]:
    return Counter(word for word in words if word[0].isdigit())


def _runs(words: tuple[str, ...]) -> set[tuple[str, ...]]:
    return {words[start : start + RUN] for start in range(len(words) - RUN + 1)}


def _at_one_address(first: Article, second: Article) -> bool:
    return bool(first.url and second.url) and canonical_url(first.url or "") == canonical_url(second.url or "")
