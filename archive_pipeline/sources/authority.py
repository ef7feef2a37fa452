"""Authority keys a source may name: known ones are accepted, for others the nearest is proposed."""

import difflib
from collections.abc import Iterable

from archive_pipeline.model import Axis, Vocabulary, VocabularyEntry

__all__ = ["AuthorityKeys"]


class AuthorityKeys:
    """The keys of the given vocabularies; an axis without a single entry is not checked."""

    def __init__(self, vocabularies: Iterable[Vocabulary]) -> None:
        self._entries: dict[Axis, dict[str, VocabularyEntry]] = {axis: {} for axis in Axis}
        for vocabulary in vocabularies:
            for entry in vocabulary.entries:
                self._entries[entry.axis][entry.value] = entry

    def has(self, axis: Axis, key: str) -> bool:
        """Whether `key` is known, or nothing is known about its axis."""
        return not self._entries[axis] or key in self._entries[axis]

    def meant(self, axis: Axis, text: str) -> str:
        """`` – meinten Sie "05974" (Soest)?`` for a name or a mistyped key, else an empty text."""
        entries = self._entries[axis]
        wanted = text.casefold()
        named = [
            entry
            for entry in entries.values()
            if wanted in (entry.label.casefold(), *(surface.casefold() for surface in entry.surfaces))
        ]
        near = named or [entries[key] for key in difflib.get_close_matches(text, entries, n=1, cutoff=0.75)]
        return f' – meinten Sie "{near[0].value}" ({near[0].label})?' if near else ""
