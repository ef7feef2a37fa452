"""The name every surface stands for, and the index over all vocabularies."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Literal

from archive_pipeline.classify.gazetteer import Gazetteer, PlaceName, fold_host, gazetteer_of, place_surfaces
from archive_pipeline.classify.matcher import Grid, Match, SurfaceIndex
from archive_pipeline.classify.vocabulary import entries_by_value, read_words
from archive_pipeline.model import Axis, Vocabulary, VocabularyEntry

__all__ = ["EntryName", "Lexicon", "LexiconSource", "Name", "lexicon_of"]

PERIOD = "name"
"""The kind of entries that are a name their parent carried for a time: "Die Heimat" for the NPD since June 2023."""


@dataclass(frozen=True, slots=True)
class EntryName:
    """A surface of a party or organisation; weak ones count only in context. `since` and `until` are ISO dates or
    years, empty where nothing is known."""

    axis: Literal[Axis.PARTY, Axis.ORGANISATION]
    value: str
    weak: bool = False
    since: str = ""
    until: str = ""

    def is_current(self, day: str | None) -> bool:
        """Whether the name was in use on an ISO day; without one, whether it still is."""
        if day is None:
            return not self.until
        return self.since <= day and (not self.until or day[: len(self.until)] <= self.until)


Name = PlaceName | EntryName


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Lexicon:
    """Everything the classifiers know, loaded once per process."""

    gazetteer: Gazetteer
    parties: Mapping[str, VocabularyEntry]
    organisations: Mapping[str, VocabularyEntry]
    topics: Mapping[str, VocabularyEntry]
    given_names: frozenset[str]
    host_organisations: Mapping[str, str]
    index: SurfaceIndex[Name]

    def find(self, grid: Grid, day: date | None) -> tuple[Match[Name], ...]:
        """Every name in a text of that day. Of the bodies that carried a name one after the other the one of the time
        is meant ("Linkspartei" in 2006 and in 2010), and a weak name counts for nobody who did not have it yet."""
        at = day.isoformat() if day else None
        found = []
        for match in self.index.find(grid):
            names = match.names
            if any(name.__class__ is EntryName and (name.since or name.until) for name in names):
                names = _at(names, at)
            if names:
                found.append(match if names is match.names else replace(match, names=names))
        return tuple(found)


def _at(names: tuple[Name, ...], day: str | None) -> tuple[Name, ...]:
    """The names that are meant on a day. One that nobody carried then stays with all that ever did, unless it is
    weak: texts speak of the past, and days are sometimes wrong."""
    bodies = [name for name in names if isinstance(name, EntryName)]
    current = {name for name in bodies if name.is_current(day)}
    if len(current) == len(bodies):
        return names
    kept = current or {name for name in bodies if not (name.weak and day is not None and day < name.since)}
    return tuple(name for name in names if not isinstance(name, EntryName) or name in kept)


def _entry_surfaces(entries: Mapping[str, VocabularyEntry]) -> Iterator[tuple[str, Name]]:
    for entry in entries.values():
        axis = entry.axis
        if axis is Axis.PARTY or axis is Axis.ORGANISATION:
            value = entry.parent if entry.kind == PERIOD and entry.parent else entry.value
            since, until = entry.valid_from or "", entry.valid_to or ""
            for surface in entry.surfaces:
                yield surface, EntryName(axis, value, False, since, until)
            for surface in entry.weak_surfaces:
                yield surface, EntryName(axis, value, True, since, until)


def _surfaces(vocabularies: Sequence[Vocabulary], *axes: Mapping[str, VocabularyEntry]) -> Iterator[tuple[str, Name]]:
    yield from place_surfaces(vocabularies)
    for entries in axes:
        yield from _entry_surfaces(entries)


def _host_organisations(organisations: Mapping[str, VocabularyEntry]) -> dict[str, str]:
    """Names and abbreviations as they stand in host names, where only one organisation has them."""
    found: dict[str, set[str]] = {}
    for entry in organisations.values():
        if entry.district is None and entry.kind not in _NO_HOSTS:
            for surface in {entry.label, *entry.surfaces, *entry.weak_surfaces}:
                found.setdefault(fold_host(surface), set()).add(entry.value)
    return {name: values.pop() for name, values in found.items() if len(values) == 1 and len(name) >= _MIN_HOST}


_NO_HOSTS = frozenset({"parliament", "government", "ki"})
_MIN_HOST = 3


@lru_cache(maxsize=4)
def lexicon_of(vocabularies: tuple[Vocabulary, ...]) -> Lexicon:
    """The lexicon over the built-in places and the given vocabularies. Raises ConfigError for doubled values."""
    with _collector_resting():
        return _lexicon_of(vocabularies)


@contextmanager
def _collector_resting() -> Iterator[None]:
    """Some hundred thousand objects are made that all stay: looking for garbage among them would take a third of the
    time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _lexicon_of(vocabularies: tuple[Vocabulary, ...]) -> Lexicon:
    parties = entries_by_value(vocabularies, Axis.PARTY)
    organisations = entries_by_value(vocabularies, Axis.ORGANISATION)
    return Lexicon(
        gazetteer=gazetteer_of(vocabularies),
        parties=parties,
        organisations=organisations,
        topics=entries_by_value(vocabularies, Axis.TOPIC),
        given_names=read_words("given_name"),
        host_organisations=_host_organisations(organisations),
        index=SurfaceIndex(_surfaces(vocabularies, parties, organisations)),
    )


class LexiconSource:
    """Gives the lexicon of a set of vocabularies when it is first needed, so that classifiers cost nothing to make."""

    def __init__(self, vocabularies: tuple[Vocabulary, ...]) -> None:
        self._vocabularies = vocabularies
        self.version = "+".join(dict.fromkeys(vocabulary.version for vocabulary in vocabularies)) or "0"
        self._lexicon: Lexicon | None = None

    def __call__(self) -> Lexicon:
        """The lexicon; built once. Raises ConfigError for doubled values."""
        if self._lexicon is None:
            self._lexicon = lexicon_of(self._vocabularies)
        return self._lexicon
