"""Districts, municipalities and localities, their names and adjective forms, and what host names say about them.

A municipality rolls up to its district by the first five digits of its key.
"""

import re
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from archive_pipeline.classify.vocabulary import (
    MUNICIPALITY,
    PackagedEntries,
    entries_of,
    read_rows,
    read_table,
)
from archive_pipeline.model import Axis, Vocabulary, VocabularyEntry

__all__ = [
    "District",
    "Gazetteer",
    "Municipality",
    "PlaceName",
    "builtin_gazetteer",
    "fold_host",
    "gazetteer_of",
    "place_surfaces",
]

PlaceKind = Literal["full", "bare", "former", "municipality", "locality", "adjective"]
"""full: "Kreis Soest"; bare: "Soest" for the district; former: a dissolved district under its full name."""

Risk = Literal["", "low", "medium", "high"]

CITY_TYPES = frozenset({"Kreisfreie Stadt", "Stadtkreis"})

# Cities whose name stands for a government, a court or a stock exchange, not for the place.
CAPITALS = frozenset(
    {"11000", "05111", "06414", "07315", "08111", "09162", "10041", "12054", "13004", "14612", "15003", "16051",
     "03241", "02000", "04011", "01002", "05314", "08212", "06412"}
)  # fmt: skip

CITY_STATES = {"02000": "Hamburg", "04011": "Bremen", "11000": "Berlin"}
"""Cities that are a Land, whose boroughs and quarters are known by name."""

# Municipalities that share the name of a foreign city or a country: never without a cue of their own.
FOREIGN = frozenset({"Salzburg", "Rom", "Linz", "Bergen", "Rust", "Karlsbad", "Friedland", "Norwegen", "Amerika",
                     "Texas", "Kamerun", "Brasilien", "England", "Philadelphia", "Boston", "Grönland"})  # fmt: skip

_OFFICIAL_STARTS = ("stadt ", "hansestadt ", "landeshauptstadt ", "lkr. ", "lk ", "städteregion ", "region ",
                    "regionalverband ", "universitätsstadt ")  # fmt: skip
_ADJECTIVE_ENDINGS = ("e", "en", "em", "er", "es")
_NOT_IN_HOST = re.compile("[^a-z0-9]+")
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


@dataclass(frozen=True, slots=True, kw_only=True)
class District:
    """A Kreis or kreisfreie Stadt; `valid_to` is set for dissolved ones, `successors` are the keys of the districts
    their land belongs to today, the one with most inhabitants first."""

    ags: str
    name: str
    type: str
    state: str
    population: int = 0
    valid_to: str | None = None
    successors: tuple[str, ...] = ()
    title: str = ""

    @property
    def is_city(self) -> bool:
        """Whether this is a kreisfreie Stadt."""
        return self.type in CITY_TYPES

    @property
    def label(self) -> str:
        """The name for people: "Kreis Soest", "Münster"; the `title` where an archive has its own."""
        if self.title:
            return self.title
        if self.is_city or self.valid_to or "kreis" in self.name.lower() or "region" in self.name.lower():
            return self.name
        return f"{self.type} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Municipality:
    """A municipality by its eight-digit key."""

    ags: str
    name: str
    population: int
    postal_code: str

    @property
    def district(self) -> str:
        """The key of its district."""
        return self.ags[:5]


@dataclass(frozen=True, slots=True)
class PlaceName:
    """What a surface can name: a district, or a municipality (`key` has eight digits) or locality in it.

    `strength` is that of an adjective form: 3 high, 2 medium, 1 low."""

    kind: PlaceKind
    key: str
    strength: int = 3

    @property
    def district(self) -> str:
        """The key of the district this name speaks for."""
        return self.key[:5]


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Gazetteer:
    """All places, and the tables about their names. Each is equal to itself alone, so that what is worked out from one
    can be kept by it."""

    districts: Mapping[str, District]
    municipalities: Mapping[str, Municipality]
    risks: Mapping[str, Risk]
    cities_with_rural_twin: Mapping[str, str]
    domains: Mapping[str, str]
    plates: Mapping[str, str]
    host_names: Mapping[str, Set[str]]
    postal_codes: Mapping[str, Set[str]]
    towns: Mapping[str, Sequence[str]]

    def label(self, ags: str, former: Sequence[str] = ()) -> str:
        """The district's name for people; the key itself where it is unknown. With dissolved districts under whose
        names it was found: "Städteregion Aachen (früher Kreis Aachen, 05354)"."""
        district = self.districts.get(ags)
        name = district.label if district else ags
        past = "; ".join(f"{self.label(key)}, {key}" for key in former)
        return f"{name} (früher {past})" if past else name

    def today(self, ags: str) -> tuple[str, ...]:
        """The districts of today that a key stands for: itself, or what took the place of a dissolved one."""
        district = self.districts.get(ags)
        return district.successors if district and district.successors else (ags,)

    def town_named(self, ags: str, stem: str) -> str | None:
        """The town of a district whose name begins like the stem of an adjective form ("Hürth" for "Hürther")."""
        names = self.towns.get(ags, ())
        near = [name for name in names if name.startswith(stem) or stem.startswith(name)]
        return min(near, key=len) if near else None


def fold_host(name: str) -> str:
    """A name as it stands in host names: lower case, umlauts written out, everything else removed."""
    lower = name.lower()
    if lower.isascii() and lower.isalnum():
        return lower
    return _NOT_IN_HOST.sub("", lower.translate(_UMLAUTS))


def _districts() -> dict[str, District]:
    found = {
        row["ags5"]: District(
            ags=row["ags5"],
            name=row["name"],
            type=row["type"],
            state=row["bundesland"],
            population=int(row["population"]),
        )
        for row in read_table("district")
    }
    for row in read_table("district_former"):
        found[row["ags5"]] = District(
            ags=row["ags5"],
            name=row["label"],
            type="Landkreis",
            state=row["bundesland"],
            valid_to=row["valid_to"],
            successors=tuple(key for key in row["successor"].split("|") if key),
        )
    return found


@cache
def _municipality_rows() -> tuple[list[str], ...]:
    return tuple(read_rows("municipality"))


def _municipalities() -> dict[str, Municipality]:
    return {
        key: Municipality(ags=key, name=name, population=int(population or 0), postal_code=postal_code)
        for key, name, population, postal_code, _wikidata, _variants in _municipality_rows()
    }


def _twins(districts: Mapping[str, District]) -> dict[str, str]:
    """City district -> the rural district of the same name, and the other way round."""
    by_name: dict[str, list[District]] = {}
    for district in districts.values():
        if not district.valid_to:
            by_name.setdefault(district.name.split(" (")[0].split(",")[0], []).append(district)
    twins: dict[str, str] = {}
    for same in by_name.values():
        city = [d for d in same if d.is_city]
        rural = [d for d in same if not d.is_city]
        if len(city) == len(rural) == 1:
            twins[city[0].ags] = rural[0].ags
            twins[rural[0].ags] = city[0].ags
    return twins


_RISKS: dict[str, Risk] = {"low": "low", "medium": "medium", "high": "high"}


def _short(name: str) -> str:
    """A name without what tells it from others: "Halle (Saale)", "Zell, Mosel"."""
    if " (" in name:
        name = name.partition(" (")[0]
    return name.partition(",")[0]


def _host_names(districts: Mapping[str, District], municipalities: Mapping[str, Municipality]) -> dict[str, set[str]]:
    """Folded name -> the districts it can mean; a city district outweighs villages of the same name."""
    found: dict[str, set[str]] = {}
    for district in districts.values():
        if not district.valid_to:
            found.setdefault(fold_host(district.name.split(" (")[0]), set()).add(district.ags)
    for key, municipality in municipalities.items():
        name = fold_host(_short(municipality.name).split("/")[0])
        if len(name) > 3:
            keys = found.get(name)
            if keys is None:
                found[name] = {key[:5]}
            else:
                keys.add(key[:5])
    return found


@cache
def builtin_gazetteer() -> Gazetteer:
    """The places as they ship. Read once per process."""
    districts = _districts()
    municipalities = _municipalities()
    postal_codes: dict[str, set[str]] = {}
    towns: dict[str, list[str]] = {}
    for key, municipality in municipalities.items():
        district = key[:5]
        keys = postal_codes.get(municipality.postal_code)
        if keys is None:
            postal_codes[municipality.postal_code] = {district}
        else:
            keys.add(district)
        towns.setdefault(district, []).append(_short(municipality.name))
    return Gazetteer(
        districts=districts,
        municipalities=municipalities,
        risks={name: _RISKS.get(risk, "") for name, risk, _classes in read_rows("ambiguous_place")},
        cities_with_rural_twin=_twins(districts),
        domains=dict(read_rows("source_domain")),
        plates={token: key for token, key, _matches, _likely in read_rows("kfz")},
        host_names=_host_names(districts, municipalities),
        postal_codes=postal_codes,
        towns=towns,
    )


def _district_kind(name: str) -> PlaceKind:
    """Whether a name says by itself that a district is meant: "Kreis Soest", "Rhein-Sieg-Kreis", "Stadt Köln"."""
    lower = name.lower()
    return "full" if "kreis" in lower or lower.startswith(_OFFICIAL_STARTS) else "bare"


def gazetteer_of(vocabularies: Sequence[Vocabulary]) -> Gazetteer:
    """The packaged places and those that only the given vocabularies have."""
    built_in = builtin_gazetteer()
    districts, municipalities = dict(built_in.districts), dict(built_in.municipalities)
    for vocabulary in vocabularies:
        if isinstance(vocabulary.entries, PackagedEntries):
            continue
        for entry in entries_of((vocabulary,), Axis.DISTRICT):
            if entry.kind == MUNICIPALITY:
                municipalities.setdefault(entry.value, _municipality_of(entry))
            else:
                known = districts.get(entry.value) or _district_of(entry)
                districts[entry.value] = replace(
                    known,
                    title=entry.label if entry.label != known.label else known.title,
                    name=known.label if entry.valid_to and not known.valid_to else known.name,
                    successors=entry.successors or known.successors,
                    valid_to=entry.valid_to or known.valid_to,
                )
    return replace(built_in, districts=districts, municipalities=municipalities)


def _district_of(entry: VocabularyEntry) -> District:
    return District(ags=entry.value, name=entry.label, type=entry.kind or "Landkreis", state="")


def _municipality_of(entry: VocabularyEntry) -> Municipality:
    return Municipality(ags=entry.value, name=entry.label, population=0, postal_code="")


def place_surfaces(vocabularies: Sequence[Vocabulary]) -> Iterator[tuple[str, PlaceName]]:
    """Every name of a place, with what it names: those of the vocabularies, and of the localities that ship."""
    packaged = frozenset(name for row in read_table("district") for name in (row["name"], *row["variants"].split("|")))
    strengths = {(form, key): _STRENGTHS[reliability] for form, _, reliability, key in read_rows("adjective_form")}
    for vocabulary in vocabularies:
        if vocabulary.name == "municipalities" and isinstance(vocabulary.entries, PackagedEntries):
            yield from _municipality_surfaces()
            continue
        for entry in entries_of((vocabulary,), Axis.DISTRICT):
            yield from _entry_surfaces(entry, packaged)
            for form in entry.adjectives:
                name = PlaceName("adjective", entry.value, strengths.get((form, entry.value), _STRENGTHS["high"]))
                yield from ((inflected, name) for inflected in _inflected(form))
    for locality, key in read_rows("locality_nrw"):
        yield locality, PlaceName("locality", key)
    for quarter, key in read_rows("city_quarter"):
        yield quarter, PlaceName("locality", key)
        yield f"{CITY_STATES[key]}-{quarter}", PlaceName("bare", key)


_STRENGTHS = {"high": 3, "medium": 2, "low": 1}


def _entry_surfaces(entry: VocabularyEntry, packaged: frozenset[str]) -> Iterator[tuple[str, PlaceName]]:
    """The names of one place. What somebody adds to a district as a safe name says by itself that it is meant."""
    if entry.kind == MUNICIPALITY:
        for surface in (*entry.surfaces, *entry.weak_surfaces):
            yield surface, PlaceName("municipality", entry.value)
        return
    for surface in entry.surfaces:
        kind: PlaceKind = "former" if entry.successors else "full"
        if surface in packaged and not entry.successors:
            kind = _district_kind(surface)
        yield surface, PlaceName(kind, entry.value)
    for surface in entry.weak_surfaces:
        yield surface, PlaceName("bare", entry.value)


def _municipality_surfaces() -> Iterator[tuple[str, PlaceName]]:
    """As `_entry_surfaces` would have it, without making eleven thousand entries."""
    for key, surface, _population, _postal_code, _wikidata, variants in _municipality_rows():
        name = PlaceName("municipality", key)
        yield surface, name
        if variants:
            for variant in variants.split("|"):
                yield variant, name


def _inflected(form: str) -> Iterator[str]:
    """The forms of an adjective: "Heinsberger" never changes, "lippisch" takes endings, and a capital in names."""
    if form[0].isupper():
        yield form
        return
    for ending in _ADJECTIVE_ENDINGS:
        yield form + ending
        yield form.capitalize() + ending
