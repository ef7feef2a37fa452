"""Authority keys a source may name: known ones are accepted, for others the nearest is proposed."""

import difflib
from collections.abc import Iterable, Iterator

from archive_pipeline.model import Axis, Vocabulary, VocabularyEntry

__all__ = ["AuthorityKeys"]

MUNICIPALITY = "municipality"
"""The kind of entries that are no district, only a place within one."""


class AuthorityKeys:
    """The keys of the given vocabularies; an axis without a single entry is not checked. Vocabularies are looked at
    when an axis is first asked for."""

    def __init__(self, vocabularies: Iterable[Vocabulary]) -> None:
        self._vocabularies = tuple(vocabularies)
        self._found: dict[Axis, dict[str, VocabularyEntry]] = {}

    def has(self, axis: Axis, key: str) -> bool:
        """Whether `key` is known, or nothing is known about its axis."""
        entries = self._entries(axis)
        return not entries or key in entries

    def meant(self, axis: Axis, text: str) -> str:
        """`` – meinten Sie "05974" (Soest)?`` for a name or a mistyped key, else an empty text."""
        entries = self._entries(axis)
        wanted = text.casefold()
        named = [
            entry
            for entry in entries.values()
            if wanted in (entry.label.casefold(), *(surface.casefold() for surface in entry.surfaces))
        ]
        near = named or [entries[key] for key in difflib.get_close_matches(text, entries, n=1, cutoff=0.75)]
        return f' – meinten Sie "{near[0].value}" ({near[0].label})?' if near else ""

    def _entries(self, axis: Axis) -> dict[str, VocabularyEntry]:
        if axis not in self._found:
            self._found[axis] = {entry.value: entry for entry in self._of(axis)}
        return self._found[axis]

    def _of(self, axis: Axis) -> Iterator[VocabularyEntry]:
        for vocabulary in self._vocabularies:
            if vocabulary.axis in (None, axis):
                yield from (entry for entry in vocabulary.entries if entry.axis is axis and entry.kind != MUNICIPALITY)
