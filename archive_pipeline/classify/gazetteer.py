"""Districts, municipalities and localities, their names and adjective forms, and what host names say about them.

A municipality rolls up to its district by the first five digits of its key.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal

from archive_pipeline.classify.vocabulary import read_table

__all__ = ["District", "Gazetteer", "Municipality", "PlaceName", "builtin_gazetteer", "fold_host"]

PlaceKind = Literal["full", "bare", "former", "municipality", "locality", "adjective"]
"""full: "Kreis Soest"; bare: "Soest" for the district; former: a dissolved district under its full name."""

Risk = Literal["", "low", "medium", "high"]

CITY_TYPES = frozenset({"Kreisfreie Stadt", "Stadtkreis"})

# Cities whose name stands for a government, a court or a stock exchange, not for the place.
CAPITALS = frozenset(
    {"11000", "05111", "06414", "07315", "08111", "09162", "10041", "12054", "13004", "14612", "15003", "16051",
     "03241", "02000", "04011", "01002", "05314", "08212", "06412"}
)  # fmt: skip

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
    """A Kreis or kreisfreie Stadt; `valid_to` is set for dissolved ones."""

    ags: str
    name: str
    type: str
    state: str
    population: int = 0
    valid_to: str | None = None

    @property
    def is_city(self) -> bool:
        """Whether this is a kreisfreie Stadt."""
        return self.type in CITY_TYPES

    @property
    def label(self) -> str:
        """The name for people: "Kreis Soest", "Münster"."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Gazetteer:
    """All places, and the tables about their names."""

    districts: Mapping[str, District]
    municipalities: Mapping[str, Municipality]
    risks: Mapping[str, Risk]
    cities_with_rural_twin: Mapping[str, str]
    domains: Mapping[str, str]
    plates: Mapping[str, str]
    host_names: Mapping[str, frozenset[str]]
    postal_codes: Mapping[str, frozenset[str]]
    towns: Mapping[str, tuple[str, ...]]

    def label(self, ags: str) -> str:
        """The district's name for people; the key itself where it is unknown."""
        district = self.districts.get(ags)
        return district.label if district else ags

    def town_named(self, ags: str, stem: str) -> str | None:
        """The town of a district whose name begins like the stem of an adjective form ("Hürth" for "Hürther")."""
        names = self.towns.get(ags, ())
        near = [name for name in names if name.startswith(stem) or stem.startswith(name)]
        return min(near, key=len) if near else None


def _by_district(municipalities: Iterable[Municipality]) -> dict[str, tuple[str, ...]]:
    names: dict[str, list[str]] = {}
    for municipality in municipalities:
        names.setdefault(municipality.district, []).append(municipality.name.split(" (")[0].split(",")[0])
    return {district: tuple(found) for district, found in names.items()}


def fold_host(name: str) -> str:
    """A name as it stands in host names: lower case, umlauts written out, everything else removed."""
    return _NOT_IN_HOST.sub("", name.lower().translate(_UMLAUTS))


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
            ags=row["ags5"], name=row["label"], type="Landkreis", state=row["bundesland"], valid_to=row["valid_to"]
        )
    return found


def _municipalities() -> dict[str, Municipality]:
    return {
        row["ags8"]: Municipality(
            ags=row["ags8"], name=row["name"], population=int(row["population"] or 0), postal_code=row["postal_code"]
        )
        for row in read_table("municipality")
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


def _host_names(districts: Mapping[str, District], municipalities: Mapping[str, Municipality]) -> dict[str, set[str]]:
    """Folded name -> the districts it can mean; a city district outweighs villages of the same name."""
    found: dict[str, set[str]] = {}
    for district in districts.values():
        if not district.valid_to:
            found.setdefault(fold_host(district.name.split(" (")[0]), set()).add(district.ags)
    for municipality in municipalities.values():
        name = fold_host(municipality.name.split(" (")[0].split(",")[0].split("/")[0])
        if len(name) > 3:
            found.setdefault(name, set()).add(municipality.district)
    return found


@cache
def builtin_gazetteer() -> Gazetteer:
    """The places as they ship. Read once per process."""
    districts = _districts()
    municipalities = _municipalities()
    postal_codes: dict[str, set[str]] = {}
    for municipality in municipalities.values():
        postal_codes.setdefault(municipality.postal_code, set()).add(municipality.district)
    return Gazetteer(
        districts=districts,
        municipalities=municipalities,
        risks={row["name"]: _RISKS.get(row["risk"], "") for row in read_table("ambiguous_place")},
        cities_with_rural_twin=_twins(districts),
        domains={row["domain"]: row["ags5"] for row in read_table("source_domain")},
        plates={row["host_token"]: row["ags5"] for row in read_table("kfz")},
        host_names={name: frozenset(keys) for name, keys in _host_names(districts, municipalities).items()},
        postal_codes={code: frozenset(keys) for code, keys in postal_codes.items()},
        towns=_by_district(municipalities.values()),
    )


def _district_kind(name: str) -> PlaceKind:
    """Whether a name says by itself that a district is meant: "Kreis Soest", "Rhein-Sieg-Kreis", "Stadt Köln"."""
    lower = name.lower()
    return "full" if "kreis" in lower or lower.startswith(_OFFICIAL_STARTS) else "bare"


def place_surfaces() -> Iterator[tuple[str, PlaceName]]:
    """Every name of a place, with what it names."""
    for row in read_table("district"):
        for name in dict.fromkeys((row["name"], row["name"].split(" (")[0], *row["variants"].split("|"))):
            if name:
                yield name, PlaceName(_district_kind(name), row["ags5"])
    for row in read_table("district_former"):
        yield row["label"], PlaceName("former", row["ags5"])
        if row["label"].startswith("Landkreis "):
            yield f"Landkreises {row['label'][10:]}", PlaceName("former", row["ags5"])
    yield from _municipality_surfaces()
    for row in read_table("locality_nrw"):
        yield row["name"], PlaceName("locality", row["ags5"])
    yield from _adjective_surfaces()


def _municipality_surfaces() -> Iterator[tuple[str, PlaceName]]:
    for row in read_table("municipality"):
        name = PlaceName("municipality", row["ags8"])
        yield row["name"], name
        for variant in row["variants"].split("|"):
            if variant:
                yield variant, name


def _adjective_surfaces() -> Iterator[tuple[str, PlaceName]]:
    strengths = {"high": 3, "medium": 2, "low": 1}
    for row in read_table("adjective_form"):
        name = PlaceName("adjective", row["ags5"], strengths[row["reliability"]])
        if row["inflection"] == "invariable":
            yield row["form"], name
            continue
        for ending in _ADJECTIVE_ENDINGS:
            yield row["form"] + ending, name
            yield row["form"].capitalize() + ending, name
