"""The built-in vocabularies of parties, organisations and topics, and the one reader of packaged tables.

The tables in `data/` are made by scripts/build_vocabulary.py; data/LICENCES.md names source and licence of each.
"""

import csv
import tomllib
from functools import cache
from importlib import resources

from archive_pipeline.errors import ConfigError
from archive_pipeline.model import Axis, Vocabulary, VocabularyEntry

__all__ = ["VERSION", "builtin_vocabularies", "cue_words", "entries_by_value", "read_table", "read_words"]

VERSION = "2026.11"
"""Version of the packaged tables; part of every tag's `by`."""


@cache
def read_table(name: str) -> tuple[dict[str, str], ...]:
    """The rows of `data/NAME.csv`, keyed by its header line. Read once per process."""
    text = resources.files(__package__).joinpath("data", f"{name}.csv").read_text(encoding="utf-8")
    rows = csv.reader(text.splitlines())
    header = next(rows)
    return tuple([dict(zip(header, row, strict=True)) for row in rows])


def read_words(name: str) -> frozenset[str]:
    """The words of `data/NAME.txt`, separated by white space."""
    return frozenset(resources.files(__package__).joinpath("data", f"{name}.txt").read_text(encoding="utf-8").split())


@cache
def _cues() -> dict[str, frozenset[str]]:
    text = resources.files(__package__).joinpath("data", "cues.toml").read_text(encoding="utf-8")
    return {name: frozenset(words.split()) for name, words in tomllib.loads(text).items()}


def cue_words(name: str) -> frozenset[str]:
    """A list of words of data/cues.toml."""
    return _cues()[name]


def _split(cell: str) -> tuple[str, ...]:
    return tuple(part for part in cell.split("|") if part)


def _party(row: dict[str, str]) -> VocabularyEntry:
    return VocabularyEntry(
        axis=Axis.PARTY,
        value=row["party"],
        label=row["short"] or row["label"],
        surfaces=_split(row["variants"]),
        weak_surfaces=_split(row["weak_variants"]),
        kind=row["kind"],
        parent=row["parent"] or None,
        wikidata=row["wikidata"] or None,
        valid_from=row["active_from"] or None,
        valid_to=row["active_to"] or None,
    )


def _organisation(row: dict[str, str]) -> VocabularyEntry:
    return VocabularyEntry(
        axis=Axis.ORGANISATION,
        value=row["organisation"],
        label=row["label"],
        surfaces=tuple(dict.fromkeys((row["label"], *_split(row["variants"])))),
        weak_surfaces=_split(row["weak_variants"]),
        kind=row["type"],
        parent=row["parent"] or None,
        district=row["district_ags5"] or None,
        wikidata=row["wikidata"] or None,
        gnd=row["gnd"] or None,
    )


def _topics() -> tuple[VocabularyEntry, ...]:
    strong: dict[str, list[str]] = {}
    weak: dict[str, list[str]] = {}
    for row in read_table("topic_lexicon"):
        strong.setdefault(row["topic"], []).extend(_split(row["strong"]))
        weak.setdefault(row["topic"], []).extend(_split(row["weak"]))
    return tuple(
        VocabularyEntry(
            axis=Axis.TOPIC,
            value=row["topic"],
            label=row["label_de"],
            surfaces=tuple(strong.get(row["topic"], ())),
            weak_surfaces=tuple(weak.get(row["topic"], ())),
            kind="facet" if row["facet"] == "1" else "hidden",
            parent=row["parent"] or None,
        )
        for row in read_table("topic_cap")
    )


@cache
def builtin_vocabularies() -> tuple[Vocabulary, ...]:
    """Parties, organisations and topics as they ship. Read once per process."""
    return (
        Vocabulary(
            name="parties",
            version=VERSION,
            licence="MIT (Party Facts), CC0 (Wikidata, own curation)",
            entries=tuple(_party(row) for row in read_table("party")),
        ),
        Vocabulary(
            name="organisations",
            version=VERSION,
            licence="CC0 (own curation), dl-de/by-2-0 (Destatis, GV-ISys, 31.08.2025), PDDL-1.0 (publicbodies)",
            entries=tuple(_organisation(row) for row in read_table("organisation")),
        ),
        Vocabulary(
            name="topics",
            version=VERSION,
            licence="CC0 (Comparative Agendas Project codes as facts; labels and lexicon own)",
            entries=_topics(),
        ),
    )


def entries_by_value(vocabularies: tuple[Vocabulary, ...], axis: Axis) -> dict[str, VocabularyEntry]:
    """The entries of one axis by value. Raises ConfigError when a value is given twice."""
    found: dict[str, VocabularyEntry] = {}
    origin: dict[str, str] = {}
    for vocabulary in vocabularies:
        for entry in vocabulary.entries:
            if entry.axis is not axis:
                continue
            if entry.value in found:
                raise ConfigError(
                    f"Vokabular {vocabulary.name!r}: {axis.value} {entry.value!r} steht schon in "
                    f"{origin[entry.value]!r} – bitte einen der beiden Einträge umbenennen"
                )
            found[entry.value] = entry
            origin[entry.value] = vocabulary.name
    return found
