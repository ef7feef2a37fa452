"""The built-in vocabularies of places, parties, organisations and topics, and the one reader of packaged tables.

The tables in `data/` are made by scripts/build_vocabulary.py; data/LICENCES.md names source and licence of each.
"""

import csv
import tomllib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from importlib import resources
from typing import overload

from archive_pipeline.errors import ConfigError
from archive_pipeline.model import Axis, Vocabulary, VocabularyEntry

__all__ = [
    "MUNICIPALITY",
    "VERSION",
    "PackagedEntries",
    "builtin_vocabularies",
    "cue_words",
    "entries_by_value",
    "entries_of",
    "label_of",
    "read_rows",
    "read_table",
    "read_words",
]

VERSION = "2026.11.1"
"""Version of the packaged tables; part of every tag's `by`."""

MUNICIPALITY = "municipality"
"""The kind of entries of the district axis that are no district: they carry a municipality's eight-digit key, and what
names them counts for the district in which they lie."""


class PackagedEntries(Sequence[VocabularyEntry]):
    """Entries of a table that ships with the package, read when somebody looks: most commands look at few."""

    def __init__(self, read: Callable[[], tuple[VocabularyEntry, ...]]) -> None:
        self._read = read
        self._entries: tuple[VocabularyEntry, ...] | None = None

    @overload
    def __getitem__(self, index: int) -> VocabularyEntry: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[VocabularyEntry]: ...

    def __getitem__(self, index: int | slice) -> VocabularyEntry | Sequence[VocabularyEntry]:
        return self._all()[index]

    def __len__(self) -> int:
        return len(self._all())

    def __iter__(self) -> Iterator[VocabularyEntry]:
        return iter(self._all())

    def _all(self) -> tuple[VocabularyEntry, ...]:
        if self._entries is None:
            self._entries = self._read()
        return self._entries


def read_rows(name: str) -> Iterator[list[str]]:
    """The rows of `data/NAME.csv` without its header line, in the order of its columns."""
    text = resources.files(__package__).joinpath("data", f"{name}.csv").read_text(encoding="utf-8")
    rows = csv.reader(text.splitlines())
    next(rows)
    return rows


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
        successors=_split(row["successor"]),
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


def _districts() -> tuple[VocabularyEntry, ...]:
    adjectives: dict[str, list[str]] = {}
    for form, _inflection, _reliability, key in read_rows("adjective_form"):
        adjectives.setdefault(key, []).append(form)
    current = (
        VocabularyEntry(
            axis=Axis.DISTRICT,
            value=row["ags5"],
            label=_district_label(row["type"], row["name"]),
            surfaces=tuple(dict.fromkeys((row["name"], row["name"].split(" (")[0], *_split(row["variants"])))),
            kind=row["type"],
            wikidata=row["wikidata"] or None,
            gnd=row["gnd"] or None,
            valid_from=row["valid_from"] or None,
            adjectives=tuple(adjectives.get(row["ags5"], ())),
        )
        for row in read_table("district")
    )
    former = (
        VocabularyEntry(
            axis=Axis.DISTRICT,
            value=row["ags5"],
            label=row["label"],
            surfaces=_split(row["variants"]),
            kind="Landkreis" if row["variants"] or "kreis" in row["label"].lower() else "Kreisfreie Stadt",
            wikidata=row["wikidata"] or None,
            gnd=row["gnd"] or None,
            valid_to=row["valid_to"] or None,
            successors=_split(row["successor"]),
        )
        for row in read_table("district_former")
    )
    return (*current, *former)


def _district_label(kind: str, name: str) -> str:
    """The name for people: "Kreis Soest", "Münster"."""
    lower = name.lower()
    if kind in ("Kreisfreie Stadt", "Stadtkreis") or "kreis" in lower or "region" in lower:
        return name
    return f"{kind} {name}"


def _municipalities() -> tuple[VocabularyEntry, ...]:
    return tuple(
        [
            VocabularyEntry(
                axis=Axis.DISTRICT,
                value=key,
                label=name,
                surfaces=(name, *_split(variants)),
                kind=MUNICIPALITY,
                parent=key[:5],
                wikidata=wikidata or None,
            )
            for key, name, _population, _postal_code, wikidata, variants in read_rows("municipality")
        ]
    )


_DESTATIS = "dl-de/by-2-0 (© Statistisches Bundesamt (Destatis), GV-ISys, 31.08.2025)"


@cache
def builtin_vocabularies() -> tuple[Vocabulary, ...]:
    """Districts, municipalities, parties, organisations and topics as they ship. Each is read once per process, when
    it is looked at."""
    return (
        Vocabulary(
            name="districts",
            version=VERSION,
            licence=f"{_DESTATIS}, CC0 (Wikidata, own forms)",
            entries=PackagedEntries(_districts),
            axis=Axis.DISTRICT,
        ),
        Vocabulary(
            name="municipalities",
            version=VERSION,
            licence=f"{_DESTATIS}, CC0 (Wikidata)",
            entries=PackagedEntries(_municipalities),
            axis=Axis.DISTRICT,
        ),
        Vocabulary(
            name="parties",
            version=VERSION,
            licence="MIT (Party Facts), CC0 (Wikidata, own curation)",
            entries=PackagedEntries(lambda: tuple(map(_party, read_table("party")))),
            axis=Axis.PARTY,
        ),
        Vocabulary(
            name="organisations",
            version=VERSION,
            licence="CC0 (own curation), dl-de/by-2-0 (Destatis, GV-ISys, 31.08.2025), PDDL-1.0 (publicbodies)",
            entries=PackagedEntries(lambda: tuple(map(_organisation, read_table("organisation")))),
            axis=Axis.ORGANISATION,
        ),
        Vocabulary(
            name="topics",
            version=VERSION,
            licence="CC0 (Comparative Agendas Project codes as facts; labels and lexicon own)",
            entries=PackagedEntries(_topics),
            axis=Axis.TOPIC,
        ),
    )


def entries_of(vocabularies: Iterable[Vocabulary], axis: Axis) -> Iterator[VocabularyEntry]:
    """The entries of one axis, municipalities among those of the district axis; vocabularies of other axes are not
    looked at."""
    for vocabulary in vocabularies:
        if vocabulary.axis in (None, axis):
            for entry in vocabulary.entries:
                if entry.axis is axis:
                    yield entry


def label_of(vocabularies: Iterable[Vocabulary], axis: Axis, value: str) -> str | None:
    """The name of a value that a release may be tagged with, None where no vocabulary has it. A local voter group is a
    type with its place, `uwg@05370`, or an entry of its own."""
    known = tuple(vocabularies)
    entries = (entry for entry in entries_of(known, axis) if entry.kind != MUNICIPALITY)
    found = next((entry.label for entry in entries if entry.value == value), None)
    kind, at, place = value.partition("@")
    if found is None and at and axis is Axis.PARTY:
        group, district = label_of(known, axis, kind), label_of(known, Axis.DISTRICT, place)
        return f"{group} ({district})" if group and district else None
    return found


def entries_by_value(vocabularies: tuple[Vocabulary, ...], axis: Axis) -> dict[str, VocabularyEntry]:
    """The entries of one axis by value. Raises ConfigError when a value is given twice."""
    found: dict[str, VocabularyEntry] = {}
    origin: dict[str, str] = {}
    for vocabulary in vocabularies:
        for entry in entries_of((vocabulary,), axis):
            if entry.value in found:
                raise ConfigError(
                    f"Vokabular {vocabulary.name!r}: {axis.value} {entry.value!r} steht schon in "
                    f"{origin[entry.value]!r} – bitte einen der beiden Einträge umbenennen"
                )
            found[entry.value] = entry
            origin[entry.value] = vocabulary.name
    return found
