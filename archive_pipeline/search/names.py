"""Names of filter values: what people type for a Kreis or a party, and what they are shown."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, cached_property
from typing import Protocol

from rapidfuzz.distance import Indel
from rapidfuzz.process import extract

from archive_pipeline.classify.topic_keywords import keyword_topics
from archive_pipeline.classify.vocabulary import MUNICIPALITY, builtin_vocabularies, read_table
from archive_pipeline.language.folding import fold
from archive_pipeline.model import Axis, Vocabulary, VocabularyEntry

__all__ = ["NameTable", "Names", "VocabularyNames"]

_NEAREST = 3
_ALIKE = 0.7
_AXES = {"party": Axis.PARTY, "organisation": Axis.ORGANISATION, "topic": Axis.TOPIC}
_LABEL_PARTS = re.compile(r", | und ")

_STATES = {
    "01": ("Schleswig-Holstein", "SH"),
    "02": ("Hamburg", "HH"),
    "03": ("Niedersachsen", "NI", "NDS"),
    "04": ("Bremen", "HB"),
    "05": ("Nordrhein-Westfalen", "NRW", "NW"),
    "06": ("Hessen", "HE"),
    "07": ("Rheinland-Pfalz", "RP", "RLP"),
    "08": ("Baden-Württemberg", "BW"),
    "09": ("Bayern", "BY"),
    "10": ("Saarland", "SL"),
    "11": ("Berlin", "BE"),
    "12": ("Brandenburg", "BB"),
    "13": ("Mecklenburg-Vorpommern", "MV"),
    "14": ("Sachsen", "SN"),
    "15": ("Sachsen-Anhalt", "ST", "LSA"),
    "16": ("Thüringen", "TH"),
}
"""Names and usual abbreviations of the Länder by the first two digits of the AGS."""

_TOPIC_WORDS = """
macroeconomics: Haushalt Finanzen Steuern Steuerpolitik Konjunktur Finanzpolitik
civil_rights: Gleichstellung Minderheiten Datenschutz Diskriminierung Inklusion Menschenrechte Bürgerrechte
health: Gesundheitspolitik Krankenhaus Medizin Pflege
agriculture: Landwirtschaft Ernährung Agrarpolitik Agrar Forst
labour: Arbeit Arbeitsmarkt Beschäftigung Ausbildung Fachkräfte
education: Schule Hochschule Kita Bildungspolitik Schulpolitik Schulen
environment: Umweltschutz Klima Klimaschutz Naturschutz Abfall
energy: Energiepolitik Energiewende Strom Windkraft
immigration: Migration Zuwanderung Einwanderung Asyl Flucht Flüchtlinge Integration
transportation: Mobilität ÖPNV Nahverkehr Straßenverkehr Bahn Verkehrspolitik
law_crime: Recht Justiz Kriminalität Polizei Sicherheit Innere-Sicherheit
social_welfare: Soziales Sozialpolitik Familie Jugend Senioren Ehrenamt Armut
housing: Wohnen Wohnungsbau Stadtentwicklung Bauen Mieten
domestic_commerce: Wirtschaft Handel Tourismus Wirtschaftspolitik
defence: Bundeswehr Verteidigungspolitik Militär
technology: Digitalisierung Forschung Technologie Kommunikation Medien Internet Wissenschaft
foreign_trade: Export Zoll Freihandel
international_affairs: Außenpolitik Entwicklungshilfe Europa EU Europapolitik International
government_operations: Verwaltung Wahlen Kommunalpolitik Staat Personal Behörden
public_lands: Gewässer Liegenschaften Wasser Flächen
culture: Kulturpolitik Kunst Museum Musik Theater Bibliothek Sportpolitik Vereinssport
"""
"""Everyday German words for topics, besides their labels."""


class Names(Protocol):
    """Turns typed values of filter fields into keys and keys into labels."""

    def resolve(self, field: str, text: str) -> tuple[str, ...]:
        """The keys a key, slug or name stands for; nothing when it is not known."""

    def nearest(self, field: str, text: str) -> tuple[str, ...]:
        """Known names that look like the text, the most alike first."""

    def label(self, field: str, value: str) -> str:
        """The name of a key; the key itself when it has none."""


class NameTable:
    """Names in memory. `labels` gives the label by key for each field, `names` further names with their keys.

    A field ending in `_mentioned` shares the names of the plain one. Fields without names (source, language) take
    every value as its own key.
    """

    def __init__(
        self,
        labels: Mapping[str, Mapping[str, str]],
        names: Mapping[str, Iterable[tuple[str, str]]] | None = None,
    ) -> None:
        self._labels = {field: dict(known) for field, known in labels.items()}
        self._names = {field: tuple(known) for field, known in (names or {}).items()}

    @cached_property
    def _folded(self) -> dict[str, dict[str, tuple[str, dict[str, None]]]]:
        """By field and folded name: the name as it is shown, and its keys. Made when a name is first looked up, as
        most searches only ask for labels."""
        folded: dict[str, dict[str, tuple[str, dict[str, None]]]] = {}
        for field, labels in self._labels.items():
            known = folded.setdefault(field, {})
            own = ((name, key) for key, label in labels.items() for name in (key, label))
            for name, key in (*own, *self._names.get(field, ())):
                known.setdefault(_fold(name), (name, {}))[1][key] = None
        return folded

    def resolve(self, field: str, text: str) -> tuple[str, ...]:
        """The keys a key, slug or name stands for; nothing when it is not known."""
        if not self._labels.get(_plain(field)):
            return (text,)
        _, keys = self._folded[_plain(field)].get(_fold(text), ("", {}))
        return tuple(keys)

    def nearest(self, field: str, text: str) -> tuple[str, ...]:
        """Known names that look like the text, the most alike first."""
        shown = {name: given for name, (given, _) in self._folded.get(_plain(field), {}).items()}
        folded = _fold(text)
        # no ratio of difflib's is above this one (but for rounding), which is found a hundred times as fast
        near = extract(folded, list(shown), scorer=Indel.normalized_similarity, score_cutoff=_ALIKE - 0.01, limit=None)
        alike = difflib.get_close_matches(folded, [name for name, _, _ in near], n=_NEAREST, cutoff=_ALIKE)
        return tuple(dict.fromkeys(shown[name] for name in alike))

    def label(self, field: str, value: str) -> str:
        """The name of a key; the key itself when it has none."""
        return self._labels.get(_plain(field), {}).get(value, value)


class VocabularyNames:
    """The names of the given vocabularies and of the places that ship with the package; each field's names are
    read when they are first asked for. Building them takes longer than a search: keep one for many."""

    def __init__(self, vocabularies: Iterable[Vocabulary]) -> None:
        self._vocabularies = tuple(vocabularies)
        self._tables: dict[str, NameTable] = {}

    def resolve(self, field: str, text: str) -> tuple[str, ...]:
        """The keys a key, slug or name stands for; nothing when it is not known.

        A local voter group is bound to its place: `uwg@05370` is a key of its own, `uwg` the type."""
        kind, at, place = text.partition("@")
        if at and _plain(field) == "party" and not self._table(field).resolve(field, text):
            return tuple(f"{key}@{place}" for key in self._table(field).resolve(field, kind))
        return self._table(field).resolve(field, text)

    def nearest(self, field: str, text: str) -> tuple[str, ...]:
        """Known names that look like the text, the most alike first."""
        return self._table(field).nearest(field, text)

    def label(self, field: str, value: str) -> str:
        """The name of a key; the key itself when it has none."""
        kind, at, place = value.partition("@")
        if at and _plain(field) == "party" and self._table(field).label(field, value) == value:
            return f"{self.label('party', kind)} ({self.label('district', place)})"
        return self._table(field).label(field, value)

    def _table(self, field: str) -> NameTable:
        field = _plain(field)
        if field not in self._tables:
            self._tables[field] = self._made(field)
        return self._tables[field]

    def _made(self, field: str) -> NameTable:
        if field == "district":
            return self._districts()
        place = _PLACES.get(field)
        return place() if place else self._axis_table(field)

    def _axis_table(self, field: str) -> NameTable:
        entries = self._entries(_AXES.get(field))
        if not entries:
            return NameTable({})
        # releases carry major topics and parties only: a finer topic, an association is found under its parent
        finer = {
            e.value: e.parent
            for e in entries
            if e.parent and (field == "topic" or (field == "party" and e.kind in ("association", "name")))
        }
        entries_names = [(name, e) for e in entries for name in (*e.surfaces, *e.weak_surfaces) if "*" not in name]
        names = [(name, finer.get(e.value, e.value)) for name, e in entries_names]
        names += [(name, finer[e.value]) for e in entries if e.value in finer for name in (e.value, e.label)]
        labels = {e.value: e.label for e in entries if e.value not in finer}
        if field == "topic":
            names += [(part, key) for key, label in labels.items() for part in _LABEL_PARTS.split(label)]
            lines = (line.partition(":") for line in _TOPIC_WORDS.strip().splitlines())
            names += [(word, topic) for topic, _, words in lines if topic in labels for word in words.split()]
            known = {_fold(name) for name, _ in names}
            names += [(name, topic) for name, topic in keyword_topics() if topic in labels and _fold(name) not in known]
        return NameTable({field: labels}, {field: names})

    def _districts(self) -> NameTable:
        """Names and keys of dissolved districts lead to what took their place."""
        entries = [entry for entry in self._entries(Axis.DISTRICT) if entry.kind != MUNICIPALITY]
        if not entries:
            entries = [entry for v in builtin_vocabularies() if v.name == "districts" for entry in v.entries]
        labels = {entry.value: entry.label for entry in entries if not entry.successors}
        today = {name for e in entries if not e.successors for name in (*e.surfaces, *e.weak_surfaces)}
        names = [(name, e.value) for e in entries if not e.successors for name in (*e.surfaces, *e.weak_surfaces)]
        for entry in entries:
            if entry.successors:
                past = {entry.value, *({entry.label, *entry.surfaces} - today)}
                names += [(name, key) for name in sorted(past) for key in entry.successors]
        return NameTable({"district": labels}, {"district": names})

    def _entries(self, axis: Axis | None) -> list[VocabularyEntry]:
        known = (vocabulary for vocabulary in self._vocabularies if vocabulary.axis in (None, axis))
        return [entry for vocabulary in known for entry in vocabulary.entries if entry.axis is axis]


@cache
def _municipalities() -> NameTable:
    return NameTable({"municipality": {row["ags8"]: row["name"] for row in read_table("municipality")}})


@cache
def _states() -> NameTable:
    names = [(name, key) for key, known in _STATES.items() for name in known]
    return NameTable({"state": {key: known[0] for key, known in _STATES.items()}}, {"state": names})


_PLACES: Mapping[str, Callable[[], NameTable]] = {
    "municipality": _municipalities,
    "state": _states,
}


def _plain(field: str) -> str:
    return field.removesuffix("_mentioned")


def _fold(name: str) -> str:
    return " ".join(fold(name).replace("-", " ").split())
