"""An archive's own vocabulary: the tables of `vocab/*.toml` beside sources.toml, laid over those that ship.

A table with a new value is an entry of its own; one whose value is known changes that entry: what it says takes the
place of what is packaged, its variants are added to those that are there. An archive's own word wins; `vocab check`
(check.py) names every place where it does.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from archive_pipeline.classify.vocabulary import MUNICIPALITY, entries_of
from archive_pipeline.errors import ConfigError, ConfigProblem
from archive_pipeline.model import Axis, Vocabulary, VocabularyEntry
from archive_pipeline.sources.config import parse_toml, read_text
from archive_pipeline.sources.positions import KeyPath, Positions
from archive_pipeline.sources.problems import Problems, did_you_mean

__all__ = [
    "AXIS_OF",
    "FOLDER",
    "OWN",
    "TABLES",
    "EntryTable",
    "OwnEntry",
    "OwnVocabulary",
    "apply_own",
    "read_own",
]

FOLDER = "vocab"
"""The folder beside sources.toml; every file in it that ends in .toml is read."""

OWN = "own"
"""The name of the vocabulary that holds what an archive adds; its version is a digest of all its tables."""

LOCAL_TYPE = "local_group_type"
LOCAL_GROUP = "local_group"
HINT = "die genannten Zeilen ändern, dann: archive-pipeline vocab check"
DRAFT_HINT = "nichts wurde eingetragen; die Zeilen sind die, die es geworden wären: Angaben ändern und noch einmal"

_SLUG = re.compile(r"[a-z0-9]+(?:[-_][a-z0-9]+)*")
_PATTERNS: dict[str, tuple[str, str]] = {
    "party": (
        rf"{_SLUG.pattern}(?:@[0-9]{{5}})?",
        'ein Kürzel aus Kleinbuchstaben, Ziffern und Bindestrichen wie "buntes-dorf", örtlich "uwg@05370"',
    ),
    "organisation": (_SLUG.pattern, 'ein Kürzel aus Kleinbuchstaben, Ziffern und Bindestrichen wie "tafel-kleve"'),
    "topic": (_SLUG.pattern, 'ein Kürzel aus Kleinbuchstaben, Ziffern und Unterstrichen wie "housing"'),
    "district": ("[0-9]{5}", "der fünfstellige AGS-Schlüssel eines Kreises oder einer kreisfreien Stadt"),
    "municipality": ("[0-9]{8}", "der achtstellige AGS-Schlüssel einer Gemeinde"),
}


def _day(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else str(value) if type(value) is int else value


def _valid_day(value: str) -> str:
    if not re.fullmatch(r"[0-9]{4}(?:-[0-9]{2}(?:-[0-9]{2})?)?", value):
        raise ValueError('muss ein Jahr oder ein Tag sein: "2007", "2007-06-16"')
    try:
        date.fromisoformat(value + "-01-01"[: 10 - len(value)] if len(value) != 7 else value + "-01")
    except ValueError:
        raise ValueError("diesen Tag gibt es nicht") from None
    return value


def _name(value: str) -> str:
    name = " ".join(value.split())
    if not re.search(r"[^\W_]", name):
        raise ValueError("ein Name braucht mindestens einen Buchstaben oder eine Ziffer")
    if any(unicodedata.category(character) == "Cc" for character in name):
        raise ValueError("ein Name darf keine Steuerzeichen enthalten")
    return name


def _matching(pattern: str, what: str) -> AfterValidator:
    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(f"muss {what} sein")
        return value

    return AfterValidator(check)


Day = Annotated[str, BeforeValidator(_day), AfterValidator(_valid_day)]
Name = Annotated[str, AfterValidator(_name)]
Ags5 = Annotated[str, _matching("[0-9]{5}", 'ein fünfstelliger AGS-Schlüssel wie "05370"')]
Place = Annotated[str, _matching("[0-9]{5}|[0-9]{8}", "der AGS-Schlüssel eines Kreises oder einer Gemeinde")]
Wikidata = Annotated[str, _matching("Q[1-9][0-9]*", 'eine Wikidata-Kennung wie "Q49768"')]
Gnd = Annotated[str, _matching("[0-9]+(?:-[0-9])?[0-9X]?(?:-[0-9X])?", 'eine GND-Nummer wie "4041792-9"')]


class EntryTable(BaseModel):
    """What every table may say. `note` is for people and read by nobody else."""

    model_config = ConfigDict(strict=True, frozen=True)
    word: ClassVar[str] = "Eintrag"

    value: str
    label: Name | None = None
    variants: list[Name] = []
    weak_variants: list[Name] = []
    remove_variants: list[Name] = []
    kind: str | None = None
    wikidata: Wikidata | None = None
    gnd: Gnd | None = None
    valid_from: Day | None = None
    valid_to: Day | None = None
    successors: list[str] = []
    note: str | None = None


class PartyTable(EntryTable):
    """A party, an association, or a voter group of one `place`."""

    word: ClassVar[str] = "Partei"
    parent: str | None = None
    place: Place | None = None


class OrganisationTable(EntryTable):
    """A body; `district` binds it to a place."""

    word: ClassVar[str] = "Organisation"
    parent: str | None = None
    district: Ags5 | None = None


class TopicTable(EntryTable):
    """A topic; `keywords` are terms with their weights (a packaged strong term has 2, a weak one 0.8)."""

    word: ClassVar[str] = "Thema"
    parent: str | None = None
    keywords: dict[Name, Annotated[float, Field(gt=0, le=100)]] = {}


class PlaceTable(EntryTable):
    """A district or a municipality, with its adjective and inhabitant forms."""

    word: ClassVar[str] = "Ort"
    adjectives: list[Name] = []


TABLES: dict[str, type[EntryTable]] = {
    "district": PlaceTable,
    "municipality": PlaceTable,
    "party": PartyTable,
    "organisation": OrganisationTable,
    "topic": TopicTable,
}
"""The tables a file may have, by the word in double brackets."""

AXIS_OF = {name: Axis.DISTRICT if name == "municipality" else Axis(name) for name in TABLES}

_Key = tuple[Axis, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnEntry:
    """One table: the kind it has in the file, what it says, where it stands (lines count from 1), and the value of its
    entry, which for a voter group of one place ends in `@` and the key of its district."""

    kind: str
    table: EntryTable
    value: str
    file: Path
    line: int

    @property
    def axis(self) -> Axis:
        """The axis of its entry."""
        return AXIS_OF[self.kind]

    @property
    def place(self) -> str:
        """Where it stands, for people."""
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnVocabulary:
    """The own entries of an archive in the order of their files; `version` is a digest of what they say, empty when
    there is none."""

    entries: tuple[OwnEntry, ...] = ()
    version: str = ""


def read_own(
    folder: Path, vocabularies: Sequence[Vocabulary], *, drafts: Mapping[Path, str] | None = None
) -> OwnVocabulary:
    """The tables of every .toml file in `folder`, checked against the vocabularies they change; nothing where there is
    no such folder. `drafts` are texts that are to be read as if they stood in their files. Raises ConfigError with
    every mistake of all files."""
    texts = {path: read_text(path) for path in sorted(folder.glob("*.toml")) if path.is_file()} | dict(drafts or {})
    reader = _Reader(vocabularies)
    for path, text in sorted(texts.items()):
        reader.read_file(path, text)
    reader.check_references()
    if reader.problems:
        count = f"{len(reader.problems)} Fehler"
        raise ConfigError(f"{folder}: {count}", problems=tuple(reader.problems), hint=DRAFT_HINT if drafts else HINT)
    return OwnVocabulary(entries=tuple(reader.entries), version=_digest(reader.entries))


def _digest(entries: Sequence[OwnEntry]) -> str:
    if not entries:
        return ""
    said = [[entry.kind, entry.value, entry.table.model_dump(exclude={"note"})] for entry in entries]
    lines = json.dumps(sorted(said, key=lambda one: (one[0], one[1])), sort_keys=True, ensure_ascii=False)
    return f"{OWN}-{hashlib.sha256(lines.encode()).hexdigest()[:12]}"


class _Reader:
    """Reads files one by one and collects entries and mistakes."""

    def __init__(self, vocabularies: Sequence[Vocabulary]) -> None:
        self.vocabularies = vocabularies
        self.entries: list[OwnEntry] = []
        self.problems: list[ConfigProblem] = []
        self._files: dict[Path, Problems] = {}
        self._places: dict[int, KeyPath] = {}
        self._known: dict[str, dict[str, VocabularyEntry]] = {}

    def known(self, kind: str) -> dict[str, VocabularyEntry]:
        """The packaged entries that tables of a kind can change, by value."""
        if kind not in self._known:
            wanted = kind == MUNICIPALITY
            found = entries_of(_of_kind(self.vocabularies, kind), AXIS_OF[kind])
            self._known[kind] = {entry.value: entry for entry in found if (entry.kind == MUNICIPALITY) is wanted}
        return self._known[kind]

    def read_file(self, path: Path, text: str) -> None:
        """Take up the tables of one file."""
        try:
            data = parse_toml(path, text)
        except ConfigError as error:
            self.problems += error.problems
            return
        problems = Problems(str(path), Positions(text))
        for key in data.keys() - TABLES.keys():
            problems.add_at_key((key,), f'unbekannte Tabelle "{key}"{did_you_mean(key, TABLES)}')
        for kind, model in TABLES.items():
            rows = data.get(kind, [])
            if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
                problems.add_at_key((kind,), f"jeder Eintrag ist eine Tabelle in doppelten Klammern: [[{kind}]]")
                continue
            for number, row in enumerate(rows):
                self._read_row(path, kind, model, (kind, number), row, problems)
        self.problems += problems.in_file_order()
        self._files[path] = Problems(str(path), Positions(text))

    def _read_row(
        self, path: Path, kind: str, model: type[EntryTable], place: KeyPath, row: dict[str, Any], problems: Problems
    ) -> None:
        who = f'{model.word} "{row["value"]}": ' if isinstance(row.get("value"), str) else f"{model.word}: "
        strangers = row.keys() - model.model_fields.keys()
        problems.add_unknown_keys(place, who, sorted(strangers), model.model_fields)
        try:
            table = model.model_validate({key: value for key, value in row.items() if key not in strangers})
        except ValidationError as error:
            problems.add_invalid(place, who, error)
            return
        pattern, what = _PATTERNS[kind]
        if not re.fullmatch(pattern, table.value):
            problems.add_at_value((*place, "value"), f"{who}value muss {what} sein")
            return
        if kind != MUNICIPALITY and table.kind == MUNICIPALITY:
            problems.add_at_value((*place, "kind"), f"{who}Gemeinden sind Tabellen für sich: [[{MUNICIPALITY}]]")
            return
        value = table.value
        if isinstance(table, PartyTable) and table.place and "@" not in value:
            value = f"{value}@{table.place[:5]}"
        line = problems.at_key(place, "").line
        entry = OwnEntry(kind=kind, table=table, value=value, file=path, line=line)
        twin = next((one for one in self.entries if (one.axis, one.value) == (entry.axis, value)), None)
        if twin is not None:
            problems.add_at_value((*place, "value"), f'{who}"{value}" steht schon in {twin.place}')
            return
        if table.valid_from and table.valid_to and table.valid_from > table.valid_to:
            problems.add_at_value((*place, "valid_to"), f"{who}valid_to liegt vor valid_from")
        self._places[len(self.entries)] = place
        self.entries.append(entry)

    def check_references(self) -> None:
        """Every key that a table names is one, and every new entry has a label."""
        for number, entry in enumerate(self.entries):
            problems = self._files[entry.file]
            place, who = self._places[number], f'{entry.table.word} "{entry.value}": '
            packaged = self.known(entry.kind).get(entry.value)
            if packaged is None and entry.table.label is None:
                meant = did_you_mean(entry.value, self._keys(entry.kind, without=entry))
                problems.add_at_value((*place, "value"), f"{who}ein neuer Eintrag braucht label{meant}")
            self._check_removals(entry, packaged, place, who, problems)
            for key, kind, names in _references(entry):
                for name in names:
                    keys = self._keys(kind)
                    if name not in keys:
                        meant = did_you_mean(name, keys)
                        problems.add_at_value((*place, key), f'{who}{key}: "{name}" steht in keinem Vokabular{meant}')
        for problems in self._files.values():
            self.problems += problems.in_file_order()
        self.problems.sort(key=lambda problem: (problem.file, problem.line, problem.column))

    def _check_removals(
        self, entry: OwnEntry, packaged: VocabularyEntry | None, place: KeyPath, who: str, problems: Problems
    ) -> None:
        names = (*packaged.surfaces, *packaged.weak_surfaces, *packaged.adjectives) if packaged else ()
        for name in entry.table.remove_variants:
            if name not in names:
                meant = did_you_mean(name, names)
                message = f'{who}remove_variants: "{name}" ist keine Variante dieses Eintrags{meant}'
                problems.add_at_value((*place, "remove_variants"), message)

    def _keys(self, kind: str, without: OwnEntry | None = None) -> set[str]:
        return set(self.known(kind)) | {one.value for one in self.entries if one.kind == kind and one is not without}


def _of_kind(vocabularies: Iterable[Vocabulary], kind: str) -> list[Vocabulary]:
    """Without the packaged municipalities, where no municipality is wanted: there are eleven thousand."""
    return [one for one in vocabularies if kind == MUNICIPALITY or one.name != "municipalities"]


def _references(entry: OwnEntry) -> list[tuple[str, str, list[str]]]:
    """The keys a table names: which of its settings, of which kind, and which keys."""
    table = entry.table
    found = [("successors", entry.kind, table.successors)]
    if isinstance(table, PartyTable | OrganisationTable | TopicTable) and table.parent:
        found.append(("parent", entry.kind, [table.parent]))
    if isinstance(table, OrganisationTable) and table.district:
        found.append(("district", "district", [table.district]))
    if entry.kind == MUNICIPALITY:
        found.append(("value", "district", [entry.value[:5]]))
    if isinstance(table, PartyTable) and table.place:
        found.append(("place", "district" if len(table.place) == 5 else MUNICIPALITY, [table.place]))
    elif entry.kind == "party" and "@" in entry.value:
        found.append(("value", "district", [entry.value.partition("@")[2]]))
    return found


def apply_own(own: OwnVocabulary, vocabularies: Sequence[Vocabulary]) -> tuple[Vocabulary, ...]:
    """The vocabularies as the archive wants them: changed entries in their places, new ones in a vocabulary of their
    own. A name that an own party or organisation claims is taken from the packaged ones of its axis."""
    if not own.entries:
        return tuple(vocabularies)
    changes: dict[_Key, OwnEntry] = {(entry.axis, entry.value): entry for entry in own.entries}
    claimed = {axis: _claimed(own, axis) for axis in (Axis.PARTY, Axis.ORGANISATION)}
    touched = {entry.kind for entry in own.entries}
    made: list[Vocabulary] = []
    for vocabulary in vocabularies:
        if not _concerns(vocabulary, touched):
            made.append(vocabulary)
            continue
        entries = []
        for entry in vocabulary.entries:
            change = changes.pop((entry.axis, entry.value), None)
            entries.append(_changed(entry, change) if change else _without(entry, claimed.get(entry.axis, frozenset())))
        made.append(replace(vocabulary, entries=tuple(entries)))
    types = {entry.value: entry for entry in entries_of(made, Axis.PARTY) if entry.kind == LOCAL_TYPE}
    new = tuple(_new(entry, types) for entry in own.entries if (entry.axis, entry.value) in changes)
    return (*made, Vocabulary(name=OWN, version=own.version, licence="eigene Einträge des Archivs", entries=new))


def _concerns(vocabulary: Vocabulary, touched: set[str]) -> bool:
    if vocabulary.name == "municipalities":
        return MUNICIPALITY in touched
    return vocabulary.axis is None or vocabulary.axis.value in touched


def _claimed(own: OwnVocabulary, axis: Axis) -> frozenset[str]:
    """Names that belong to own entries alone; a voter group of one place takes them from nobody."""
    entries = (entry for entry in own.entries if entry.axis is axis and "@" not in entry.value)
    return frozenset(name for entry in entries for name in (*entry.table.variants, *entry.table.weak_variants))


def _without(entry: VocabularyEntry, names: frozenset[str]) -> VocabularyEntry:
    if names.isdisjoint(entry.surfaces) and names.isdisjoint(entry.weak_surfaces):
        return entry
    return replace(
        entry,
        surfaces=tuple(name for name in entry.surfaces if name not in names),
        weak_surfaces=tuple(name for name in entry.weak_surfaces if name not in names),
    )


def _united(first: Iterable[str], second: Iterable[str], without: Iterable[str]) -> tuple[str, ...]:
    gone = set(without)
    return tuple(name for name in dict.fromkeys((*first, *second)) if name not in gone)


def _changed(entry: VocabularyEntry, own: OwnEntry) -> VocabularyEntry:
    table = own.table
    gone = table.remove_variants
    return replace(
        entry,
        label=table.label or entry.label,
        surfaces=_united(entry.surfaces, table.variants, (*gone, *table.weak_variants)),
        weak_surfaces=_united(entry.weak_surfaces, table.weak_variants, (*gone, *table.variants)),
        kind=entry.kind if own.kind == MUNICIPALITY else table.kind or entry.kind,
        parent=getattr(table, "parent", None) or entry.parent,
        district=getattr(table, "district", None) or entry.district,
        wikidata=table.wikidata or entry.wikidata,
        gnd=table.gnd or entry.gnd,
        valid_from=table.valid_from or entry.valid_from,
        valid_to=table.valid_to or entry.valid_to,
        adjectives=_united(entry.adjectives, getattr(table, "adjectives", ()), gone),
        successors=tuple(table.successors) or entry.successors,
        weights=(*entry.weights, *_weights(table)),
    )


def _weights(table: EntryTable) -> tuple[tuple[str, float], ...]:
    return tuple(table.keywords.items()) if isinstance(table, TopicTable) else ()


def _new(own: OwnEntry, types: Mapping[str, VocabularyEntry]) -> VocabularyEntry:
    table, label = own.table, own.table.label or own.value
    kind, parent, district = table.kind, getattr(table, "parent", None), getattr(table, "district", None)
    surfaces = _united((label,) if own.kind != "topic" else (), table.variants, table.weak_variants)
    weak = tuple(dict.fromkeys(table.weak_variants))
    if own.kind == "topic" and parent is None:
        kind = kind or "facet"
    if own.kind == MUNICIPALITY:
        kind, parent = MUNICIPALITY, own.value[:5]
    group, at, place = own.value.partition("@")
    if own.kind == "party" and at:
        kind, district = kind or LOCAL_GROUP, place
        names = {label, *surfaces}
        shared = types.get(group) or next((one for one in types.values() if names & set(one.surfaces)), None)
        if shared is not None:  # everywhere else its name means the type, so the classifier asks for the place
            parent = parent or shared.value
            surfaces = _united(surfaces, (), (*shared.surfaces, *shared.weak_surfaces))
            weak = _united(weak, (), (*shared.surfaces, *shared.weak_surfaces))
    return VocabularyEntry(
        axis=own.axis,
        value=own.value,
        label=label,
        surfaces=surfaces,
        weak_surfaces=weak,
        kind=kind,
        parent=parent,
        district=district,
        wikidata=table.wikidata,
        gnd=table.gnd,
        valid_from=table.valid_from,
        valid_to=table.valid_to,
        adjectives=tuple(getattr(table, "adjectives", ())),
        successors=tuple(table.successors),
        weights=_weights(table),
    )
