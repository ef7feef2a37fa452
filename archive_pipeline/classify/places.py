"""Mentions of places: which names in a text are places at all, and how firmly.

Ambiguous names ("Lage", "Essen", "Neustadt") need a cue: a word like Stadt or Bürgermeister before them, a preposition,
the dateline, or another place of the same district.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from archive_pipeline.classify.gazetteer import CAPITALS, CITY_STATES, FOREIGN, Gazetteer, PlaceName
from archive_pipeline.classify.matcher import DOT, HANGING, HYPHEN, OTHER, PARAGRAPH, SPACE, Grid, Match
from archive_pipeline.classify.names import EntryName, Name
from archive_pipeline.classify.reading import Passage, Reading
from archive_pipeline.classify.vocabulary import cue_words
from archive_pipeline.model import Axis

__all__ = ["Mention", "mentions"]

DISTRICT_CUES = cue_words("district_before")
CITY_CUES = cue_words("city_before")
_PREPOSITIONS = cue_words("place_preposition")
_PERSON_CUES = cue_words("person_before")
_INSTITUTIONS = cue_words("institution_before")
_BOROUGHS = cue_words("borough_before")
_QUARTERS = cue_words("quarter_before")
_CLUBS = cue_words("club_before")
_NOT_A_PLACE_BEFORE = re.compile(
    r"^(?:Straße|Str|Strasse|Platz|Allee|Weg|Tor|Ring|Damm|Chaussee|Ufer|Gasse|Promenade|Zeitung|Allgemeine|Allgemeinen|"
    r"Rundschau|Nachrichten|Tageblatt|Anzeiger|Merkur|Morgenpost|Kurier|Tagblatt|Blatt|Presse|Volkszeitung|Zeitungen|"
    r"Würstchen|Modell|Erklärung|Abkommen|Frieden|Beschluss|Vertrag|Appell|Vertrags|Gesetz|Verfahren|Konvention|"
    r"Schloss|Runde|Ampel|Koalition|Regierung|Republik|Politik|Wald)$"
)

_PAST_POINTS = 1.0
_GRACE = 2
"""Years in which the name of a dissolved Kreis is still in use for what came after it."""

_HERE = frozenset({"hier", "Hier", "uns"})
"""Before a preposition: "hier in Bremen", "bei uns in Soest"."""

_HIGH = 3
"""Strength of adjective forms that stand alone; weaker ones need a word of office behind them."""

_BOROUGH_POINTS = 2.0
"""A borough of a city that is a Land, behind its office: "Bezirksamt Altona"."""

_ONLY_IN = {
    "Verbandsgemeinde": ("07", "15"), "Verbandsgemeindeverwaltung": ("07", "15"), "Ortsgemeinde": ("07",),
    "Samtgemeinde": ("03",), "Landratsamt": ("08", "09", "14", "16"), "Landratsamtes": ("08", "09", "14", "16"),
    "Landratsamts": ("08", "09", "14", "16"),
}  # fmt: skip
"""Forms of administration that only some Länder have, by the first digits of their keys."""

_SMALL = 4000
"""Municipalities below this many inhabitants need a cue: their names are too often something else."""

_BIG = 100_000
"""A kreisfreie Stadt of this size is meant by its name, whatever else is called so."""

_DOMINANT = 8
"""How many times larger a place must be to be meant by a shared name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """A place named at tokens `first` to `last` (of the name itself, `cue_first` includes the cue before it).

    `options` are the district keys it can mean, `municipality` the eight-digit key where it is one, `former` the key of
    the dissolved Kreis that is named. `points` are before position and company; `firm` mentions stand alone, others
    need another place of the same district.
    """

    passage: Passage
    first: int
    last: int
    cue_first: int
    surface: str
    options: tuple[str, ...]
    municipality: str | None
    points: float
    firm: bool
    explicit: bool
    twins: bool = False
    former: str | None = None


def _person_names(reading: Reading) -> frozenset[str]:
    """Words that follow a given name or a form of address somewhere: surnames in this text."""
    found = set()
    known = reading.lexicon.given_names
    for passage in reading.passages:
        tokens, gaps = passage.grid.tokens, passage.grid.gaps
        for i in range(len(tokens) - 1):
            if gaps[i + 1] in (SPACE, DOT) and (tokens[i] in known or tokens[i] in _PERSON_CUES):
                follower = tokens[i + 1]
                if follower[0].isupper():
                    found.add(follower)
                    # double names: "Schulte-Kellinghaus", and "Dr. Hans Essen"
                    if i + 2 < len(tokens) and gaps[i + 2] == HYPHEN:
                        found.add(tokens[i + 2])
    return frozenset(found - known)


def _touches_hyphen(grid: Grid, first: int, last: int) -> bool:
    after = grid.gap_after(last)
    if after == HYPHEN or grid.gaps[first] == HYPHEN:
        return True
    return after == HANGING and grid.text[grid.ends[last] : grid.ends[last] + 1] in "-‐‑"


def _is_dateline(passage: Passage, first: int, last: int) -> bool:
    if passage.field != "text" or first > 3:
        return False
    grid = passage.grid
    rest = grid.text[grid.ends[last] : grid.ends[last] + 24]
    return (
        first == 0 and re.match(r"\s*(?:\([\w./ -]+\)|/[\w. ]+)?\s*(?:[.:–—]|, (?:den )?\d| - |\n)", rest) is not None
    )


class _Reader:
    """Turns the matches of one reading into mentions."""

    def __init__(self, reading: Reading) -> None:
        self.reading = reading
        self.gazetteer: Gazetteer = reading.lexicon.gazetteer
        self.surnames = _person_names(reading)
        self.rural = bool(
            reading.words & {"Landrat", "Landrätin", "Landratsamt", "Landkreis", "Landkreises", "Kreistag"}
        )

    def mentions(self) -> Iterator[Mention]:
        """All mentions, title first."""
        for passage in self.reading.passages:
            for match in passage.matches:
                if match.first < passage.body_end:
                    mention = self.mention(passage, match)
                    if mention:
                        yield mention

    def mention(self, passage: Passage, match: Match[Name]) -> Mention | None:
        """The mention a match makes, or None where no place is meant."""
        grid, first, last = passage.grid, match.first, match.last
        places = [name for name in match.names if isinstance(name, PlaceName)]
        if not places:
            return self._body(passage, match)
        if _touches_hyphen(grid, first, last):
            return None
        after = grid.tokens[last + 1] if last + 1 < len(grid) and grid.gaps[last + 1] == SPACE else ""
        if _NOT_A_PLACE_BEFORE.match(after):
            return None
        kinds = {place.kind for place in places}
        if kinds & {"full", "former"}:
            return self._full(passage, match, [p for p in places if p.kind in ("full", "former")])
        if kinds == {"adjective"}:
            return self._adjective(passage, match, places)
        return self._bare(passage, match, places)

    def _full(self, passage: Passage, match: Match[Name], places: list[PlaceName]) -> Mention | None:
        current = [place for place in places if place.kind == "full"]
        if not current:
            return self._former(passage, match, places)
        options = tuple(dict.fromkeys(place.district for place in current))
        surface = passage.grid.span(match.first, match.last)
        city = all(self.gazetteer.districts[key].is_city for key in options if key in self.gazetteer.districts)
        return Mention(
            passage=passage,
            first=match.first,
            last=match.last,
            cue_first=match.first,
            surface=surface,
            options=self._dominant(options),
            municipality=None,
            points=2.0 if city else 3.0,
            firm=len(options) == 1,
            explicit=not city,
        )

    def _former(self, passage: Passage, match: Match[Name], places: list[PlaceName]) -> Mention:
        """A dissolved Kreis stands for those its land belongs to today, a divided one for all of them; while it was
        there, and where no day is known, its name says as much as theirs. Long after it tells of the past."""
        former = max((place.key for place in places), key=lambda key: self.gazetteer.districts[key].valid_to or "")
        options = self.gazetteer.today(former)
        past = self._is_past(self.gazetteer.districts[former].valid_to)
        return Mention(
            passage=passage,
            first=match.first,
            last=match.last,
            cue_first=match.first,
            surface=passage.grid.span(match.first, match.last),
            options=options,
            municipality=None,
            points=_PAST_POINTS if past else 3.0,
            firm=len(options) == 1,
            explicit=not past,
            former=former,
        )

    def _is_past(self, valid_to: str | None) -> bool:
        day = self.reading.article.published
        return bool(day and valid_to and day.year > int(valid_to[:4]) + _GRACE)

    def _body(self, passage: Passage, match: Match[Name]) -> Mention | None:
        """An organisation bound to a district speaks for it: "KIZ Lippe", "Kreisverwaltung Viersen"."""
        for name in match.names:
            if isinstance(name, EntryName) and name.axis is Axis.ORGANISATION:
                district = self.reading.lexicon.organisations[name.value].district
                if district:
                    return Mention(
                        passage=passage,
                        first=match.first,
                        last=match.last,
                        cue_first=match.first,
                        surface=name.value,
                        options=(district,),
                        municipality=None,
                        points=2.0,
                        firm=True,
                        explicit=True,
                    )
        return None

    def _adjective(self, passage: Passage, match: Match[Name], places: list[PlaceName]) -> Mention | None:
        options = tuple(dict.fromkeys(place.district for place in places))
        strength = max(place.strength for place in places)
        after = passage.grid.tokens[match.last + 1] if match.last + 1 < len(passage.grid) else ""
        surface = passage.grid.tokens[match.last]
        if surface in self.surnames or (match.first and passage.grid.tokens[match.first - 1] in _CLUBS):
            return None
        sure = strength == _HIGH
        options = self._dominant(options)
        points = (0.6 if set(options) & CAPITALS else 1.0) if sure else 0.5
        if after in CITY_CUES:
            points, sure = 1.5, sure or strength > 1
        elif after in DISTRICT_CUES:
            points, sure = 2.5, sure or strength > 1
        return Mention(
            passage=passage,
            first=match.first,
            last=match.last,
            cue_first=match.first,
            surface=surface,
            options=options,
            municipality=None,
            points=points,
            firm=sure and len(options) == 1 and after[:1].isalpha(),
            explicit=False,
        )

    def _dominant(self, options: tuple[str, ...]) -> tuple[str, ...]:
        """Of a city and a rural district of one name, the one the text's office words speak for, or both."""
        if len(options) == 2 and self.gazetteer.cities_with_rural_twin.get(options[0]) == options[1]:
            cities = tuple(key for key in options if self.gazetteer.districts[key].is_city)
            return options if self.rural else cities
        return options

    def _bare(self, passage: Passage, match: Match[Name], places: list[PlaceName]) -> Mention | None:
        grid, first, last = passage.grid, match.first, match.last
        surface = grid.span(first, last)
        before, cue = self._before(grid, first)
        if before == "person" or (before not in ("city", "district") and self._is_surname(grid, first, last)):
            return None
        locality_only = all(place.kind == "locality" for place in places)
        if before == "district":
            rural = tuple(
                dict.fromkeys(
                    p.district for p in places if p.kind == "bare" and not self.gazetteer.districts[p.key].is_city
                )
            )
            if rural:
                return self._make(passage, match, cue, rural, None, points=3.0, firm=True, explicit=True)
        token_before = grid.tokens[first - 1] if first and grid.gaps[first] == SPACE else ""
        city = self._city_of_borough(places, token_before)
        if city:
            return self._make(passage, match, first - 1, city, None, points=_BOROUGH_POINTS, firm=True, explicit=False)
        states = _ONLY_IN.get(token_before, ())
        places = [place for place in places if place.district.startswith(states)] or places
        options, municipality = self._options(places)
        dateline = _is_dateline(passage, first, last)
        cued = before in ("city", "district", "here") or dateline
        points = 1.5 if cued else 1.0
        if before == "here":
            points = 2.0
        elif before in ("institution", "quarter"):
            points = 0.4
        elif before == "club":
            points = 0.1
        elif before == "address":
            points = 0.4
        elif before == "body":
            points = 1.2
        elif not cued and set(options) & CAPITALS:
            points = 0.6
        if dateline and set(options) & CAPITALS:
            points = 0.5
        if locality_only:
            return self._make(passage, match, first, options, None, points=0.5, firm=False, explicit=False)
        firm = self._is_firm(surface, options, municipality, cued, before)
        return self._make(
            passage, match, cue if cued else first, options, municipality, points=points, firm=firm, explicit=False
        )

    @staticmethod
    def _city_of_borough(places: list[PlaceName], token: str) -> tuple[str, ...]:
        """The city that is a Land whose borough is named behind an office that only such cities have; quarters are
        called "Westend" and "Neustadt" everywhere."""
        cities = {place.district for place in places if place.kind == "locality" and place.district in CITY_STATES}
        return tuple(cities) if len(cities) == 1 and token in _BOROUGHS else ()

    def _make(
        self, passage: Passage, match: Match[Name], cue: int, options: tuple[str, ...], municipality: str | None,
        *, points: float, firm: bool, explicit: bool,
    ) -> Mention:  # fmt: skip
        return Mention(
            passage=passage,
            first=match.first,
            last=match.last,
            cue_first=cue,
            surface=passage.grid.span(match.first, match.last),
            options=options,
            municipality=municipality,
            points=points,
            firm=firm and len(options) == 1,
            explicit=explicit,
            twins=len(options) == 2 and self.gazetteer.cities_with_rural_twin.get(options[0]) == options[1],
        )

    def _before(self, grid: Grid, first: int) -> tuple[str, int]:
        """What stands before a name (a cue word of data/cues.toml), and the token where it begins."""
        if first == 0 or grid.gaps[first] in (PARAGRAPH, OTHER):
            return "", first
        token = grid.tokens[first - 1]
        if token in DISTRICT_CUES:
            return "district", first - 1
        if token in CITY_CUES:
            return "city", first - 1
        if token in _PREPOSITIONS:
            here = first > 1 and grid.tokens[first - 2] in _HERE
            return ("here", first - 2) if here else ("preposition", first)
        if token in self.reading.lexicon.given_names or token in _PERSON_CUES or (len(token) == 1 and token.isupper()):
            return "person", first
        if token in _INSTITUTIONS:
            return "institution", first
        if token in _QUARTERS:
            return "quarter", first
        if token in _CLUBS or (token.isdigit() and len(token) < 5):
            return "club", first
        if len(token) == 5 and token.isdigit():
            in_sentence = first > 1 and grid.tokens[first - 2] in _PREPOSITIONS
            return ("preposition" if in_sentence else "address"), first
        if (
            grid.gaps[first] == SPACE
            and len(token) > 3
            and token[0].isupper()
            and not self._opens_sentence(grid, first - 1)
        ):
            return "body", first
        return "", first

    @staticmethod
    def _opens_sentence(grid: Grid, index: int) -> bool:
        return index == 0 or grid.gaps[index] in (PARAGRAPH, DOT, OTHER)

    def _is_surname(self, grid: Grid, first: int, last: int) -> bool:
        return first == last and grid.tokens[first] in self.surnames

    def _options(self, places: list[PlaceName]) -> tuple[tuple[str, ...], str | None]:
        """The districts a bare name can mean, most likely first, and the municipality where one is most likely."""
        sizes: dict[str, int] = {}
        municipality: dict[str, str] = {}
        for place in places:
            if place.kind == "municipality":
                population = self.gazetteer.municipalities[place.key].population
                if population > sizes.get(place.district, -1):
                    sizes[place.district] = population
                    municipality[place.district] = place.key
            elif place.kind == "bare":
                district = self.gazetteer.districts[place.key]
                population = district.population if district.is_city else district.population // 8
                sizes[place.district] = max(sizes.get(place.district, 0), population)
            else:
                sizes.setdefault(place.district, 0)
        ranked = sorted(sizes, key=lambda key: (-sizes[key], key))
        if len(ranked) > 1:
            twin = self.gazetteer.cities_with_rural_twin.get(ranked[0])
            if twin in ranked and self.gazetteer.districts[ranked[0]].is_city:
                ranked = [ranked[0], twin] if self.rural else [key for key in ranked if key != twin]
        if (
            len(ranked) > 1
            and sizes[ranked[0]] >= _DOMINANT * max(1, sizes[ranked[1]])
            and ranked[1] != (self.gazetteer.cities_with_rural_twin.get(ranked[0]))
        ):
            ranked = ranked[:1]
        return tuple(ranked), municipality.get(ranked[0])

    def _is_firm(
        self, surface: str, options: tuple[str, ...], municipality: str | None, cued: bool, before: str
    ) -> bool:
        """Whether the name may stand alone."""
        if before == "quarter":
            return False
        if surface in FOREIGN:
            return cued
        city = any(self.gazetteer.districts[key].is_city for key in options)
        risk = self.gazetteer.risks.get(surface, "")
        if risk == "high":
            return cued or (city and before == "preposition")
        big = any(self.gazetteer.districts[key].population >= _BIG for key in options)
        if city and (big or risk != "medium"):
            return True
        if risk:
            return cued or before == "preposition"
        population = self.gazetteer.municipalities[municipality].population if municipality else _SMALL
        return cued or before == "preposition" or population >= _SMALL


def mentions(reading: Reading) -> tuple[Mention, ...]:
    """Every mention of a place in title and body, title first, in order of their position. A divided Kreis of the past
    of whose successors none is named stands for the one with most inhabitants."""
    found = tuple(_Reader(reading).mentions())
    named = {key for mention in found if mention.firm for key in mention.options}
    return tuple(
        replace(mention, options=mention.options[:1], firm=True)
        if mention.former and not mention.firm and not named & set(mention.options)
        else mention
        for mention in found
    )
