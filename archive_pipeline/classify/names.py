"""The name every surface stands for, and the index over all vocabularies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from archive_pipeline.classify.gazetteer import Gazetteer, PlaceName, builtin_gazetteer, fold_host, place_surfaces
from archive_pipeline.classify.matcher import SurfaceIndex
from archive_pipeline.classify.vocabulary import entries_by_value, read_words
from archive_pipeline.model import Axis, Vocabulary, VocabularyEntry

__all__ = ["EntryName", "Lexicon", "LexiconSource", "Name", "lexicon_of"]


@dataclass(frozen=True, slots=True)
class EntryName:
    """A surface of a party or organisation; weak ones count only in context."""

    axis: Literal[Axis.PARTY, Axis.ORGANISATION]
    value: str
    weak: bool = False


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


def _entry_surfaces(entries: Mapping[str, VocabularyEntry]) -> Iterator[tuple[str, Name]]:
    for entry in entries.values():
        if entry.axis is Axis.PARTY or entry.axis is Axis.ORGANISATION:
            for surface in entry.surfaces:
                yield surface, EntryName(entry.axis, entry.value)
            for surface in entry.weak_surfaces:
                yield surface, EntryName(entry.axis, entry.value, weak=True)


def _surfaces(vocabularies: tuple[Vocabulary, ...], *axes: Mapping[str, VocabularyEntry]) -> Iterator[tuple[str, Name]]:
    yield from place_surfaces()
    for entry in entries_by_value(vocabularies, Axis.DISTRICT).values():
        for surface in entry.surfaces:
            yield surface, PlaceName("full", entry.value)
        for surface in entry.weak_surfaces:
            yield surface, PlaceName("bare", entry.value)
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
    parties = entries_by_value(vocabularies, Axis.PARTY)
    organisations = entries_by_value(vocabularies, Axis.ORGANISATION)
    return Lexicon(
        gazetteer=builtin_gazetteer(),
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
