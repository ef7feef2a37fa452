"""Recognising a text that is to be erased, wherever else it stands: in notes, in feeds, in learned lines.

It is known by its word sequences: five words in a row that no other release has, or its whole title. Case, umlaut
spelling and punctuation do not matter.
"""

import re
from collections.abc import Iterable

from archive_pipeline.language.folding import fold

__all__ = ["ErasedText"]

WORD = re.compile(r"[^\W_]+")
SEQUENCE = 5
SHORTEST_TITLE = 3

Words = tuple[str, ...]


class ErasedText:
    """The word sequences of some texts and titles. `forget` takes out what stands elsewhere too."""

    def __init__(self, texts: Iterable[str], titles: Iterable[str]) -> None:
        self._known: dict[int, set[Words]] = {}
        for text in texts:
            words = _words(text)
            self._learn(words, min(SEQUENCE, len(words)))
        for title in titles:
            words = _words(title)
            if len(words) >= SHORTEST_TITLE:
                self._learn(words, len(words))

    def forget(self, text: str) -> None:
        """Sequences of this text say nothing: it stays."""
        for size, sequences in self._known.items():
            sequences.difference_update(_sequences(_words(text), size))

    def is_in(self, text: str) -> bool:
        """Whether any of the sequences stands in a text."""
        words = _words(text)
        return any(
            not sequences.isdisjoint(_sequences(words, size)) for size, sequences in self._known.items() if sequences
        )

    def _learn(self, words: list[str], size: int) -> None:
        if size:
            self._known.setdefault(size, set()).update(_sequences(words, size))


def _words(text: str) -> list[str]:
    return WORD.findall(fold(text))


def _sequences(words: list[str], size: int) -> set[Words]:
    return set(zip(*(words[start:] for start in range(size)), strict=False))
