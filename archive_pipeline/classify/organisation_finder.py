"""Finds the bodies of one passage: from the vocabulary, from parts, from "… e.V." and from "Langform (KÜRZEL)"."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise

from archive_pipeline.classify.gazetteer import PlaceName
from archive_pipeline.classify.matcher import HANGING, HYPHEN, PARAGRAPH, SPACE, Grid
from archive_pipeline.classify.names import EntryName
from archive_pipeline.classify.organisation_parts import ACRONYM, PLACE_LINKS, Head, NameParts, head_of
from archive_pipeline.classify.reading import Passage, Reading
from archive_pipeline.classify.vocabulary import read_table
from archive_pipeline.model import Axis, VocabularyEntry

__all__ = ["Body", "BodyFinder", "branch_name", "slug"]

_MAX_LABEL = 120
_PAREN_ACRONYM = re.compile(r"""^[“”"«]?\s?\(([A-ZÄÖÜ][\w.]{0,9}[A-ZÄÖÜ]\w?)\)""")
_LEGAL_FORM = re.compile(r"""^[“”"«]?,?\s?(e\.\s?V\.|eV\b|gGmbH\b|GmbH\b|eG\b|KG\b|AG\b)""")
_FUNCTION = re.compile(
    r"^(?:Leiter(?:in)?|Vorsitzende[rn]?|Geschäftsführer(?:in)?|Team|Mitarbeiter(?:in|innen|n)?|Mitglied(?:er|ern)?|"
    r"Sprecher(?:in)?|Vorstand|Präsident(?:in)?|Kreisgeschäftsführer(?:in)?|Landesvorsitzende[rn]?|Chef(?:in)?|"
    r"Ehrenamtliche[rn]?|Pressesprecher(?:in)?|Kreisvorsitzende[rn]?)$"
)
_BARE_NAMES = frozenset({"kampagne", "organisation", "firma", "hersteller", "messengerdienst", "unternehmen"})
_COMPLEMENTS = ("für ", "der ", "des ", "zur ", "gegen ", "zum ", "von ")
_NAMELESS = _BARE_NAMES | frozenset(
    {"verein", "initiative", "bündnis", "netzwerk", "bürgerinitiative", "stiftung", "förderverein"}
)
"""Heads that are left out of the label when the name in quotation marks stands alone."""

_ARTICLES = frozenset({"der", "die", "das", "dem", "den", "des", "im", "beim", "vom", "zum", "zur", "ein", "eine"})
_CLUB_WORDS = frozenset({"für", "der", "und", "am", "im", "in", "for", "zur"})
_FIRM_WORDS = frozenset({"und", "für"})
_ADMINISTRATIONS = frozenset({"Stadt", "Gemeinde", "Samtgemeinde", "Verbandsgemeinde"})
_BRANCHES = frozenset(
    {"kreisverband", "ortsverein", "ortsverband", "stadtverband", "gemeindeverband", "landesverband", "bezirksverband",
     "kreistagsfraktion", "fraktion", "kreisgruppe", "ortsgruppe"}
)  # fmt: skip
_WEAK_BRANCHES = frozenset({"volt"})
"""Parties whose bare name is safe beside a branch or a place."""

_SHORT_NAME = re.compile(r"^\w{2,4}$")
_VENUES = frozenset({"Bundesregierung", "Deutscher Bundestag", "Bundesrat", "Bundeskanzleramt", "Bundespräsident"})
_TYPE_WEIGHTS = {
    "parliament": 0.1, "government": 0.1, "church": 0.4, "district_administration": 0.3, "city_administration": 0.2,
    "welfare_umbrella": 0.3, "education": 0.6, "federal_body": 0.9, "ki": 1.25, "ki_local": 1.25,
}  # fmt: skip
"""How surely a body of this type acts where it is named: a Kreis is mostly the place, a parliament the venue."""

_SLUG_FOLD = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """A body named at tokens `first` to `last`. `key` is its slug, `label` its canonical name. `specific` is False for
    a type without a place ("Jugendamt"); `base` groups mentions of one kind. `weight` says how surely it is a body."""

    passage: Passage
    first: int
    last: int
    key: str
    label: str
    base: str
    specific: bool
    weight: float
    acronym: str | None = None
    legal_form: bool = False


def slug(label: str) -> str:
    """A label as an authority key: lower case, umlauts written out, words joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower().translate(_SLUG_FOLD)).strip("-")[:80]


_LOCAL_KINDS = frozenset({"welfare", "ngo", "union", "agency"})
_SHORT = re.compile(r"^(?:[A-ZÄÖÜ][a-zäöü]{0,2}){2,4}$")


def _local_name(entry: VocabularyEntry, surface: str) -> str:
    """What the local bodies of a national one are called: by its abbreviation if it has one ("NABU Leipzig"), else as
    the text says it, in the nominative ("Caritasverband Ahlen", "Diakonisches Werk Bochum")."""
    if entry.kind not in _LOCAL_KINDS or surface.endswith(f" {entry.label}"):
        return entry.label.split(" (")[0]
    short = next((name for name in entry.surfaces if _SHORT.match(name)), None)
    if short:
        return short
    if surface in entry.surfaces[:1]:
        return surface
    same = [name for name in entry.surfaces if _stems(name) == _stems(surface)]
    return next(iter(same), surface)


def _stems(name: str) -> tuple[str, ...]:
    return tuple(re.sub(r"(?:e[nsr]?|s)$", "", word) for word in name.split())


def _join(parts: list[str]) -> str:
    """Words joined by spaces, without one after a hyphen."""
    return " ".join(parts).replace("- ", "-")


@cache
def _party_names() -> dict[str, str]:
    """The full names of the parties and associations, as their branches bear them."""
    return {row["party"]: row["label"].removesuffix(" Deutschland") for row in read_table("party")}


def branch_name(party: str, short: str, unit: str, place: str) -> str:
    """The canonical name of a branch: "SPD-Kreisverband Lippe", "Die Linke Kreisverband Göttingen"."""
    if _SHORT_NAME.match(short) and party not in ("fw", "volt"):
        return f"{short}-{unit} {place}"
    return f"{_party_names().get(party, short)} {unit} {place}"


@lru_cache(maxsize=8)
def _acting_acronyms(reading: Reading) -> frozenset[str]:
    """Words that have a leader, members or a place somewhere in the text, as bodies have."""
    found: set[str] = set()
    for passage in reading.passages:
        grid = passage.grid
        starts = {match.first for match in passage.matches if any(isinstance(n, PlaceName) for n in match.names)}
        for i, (token, following) in enumerate(pairwise(grid.tokens)):
            gap = grid.gaps[i + 1]
            if (
                (_FUNCTION.match(following) and gap in (HYPHEN, HANGING, SPACE))
                or (i + 1 in starts and gap == SPACE)
                or (following == "in" and i + 2 in starts)
            ):
                found.add(token)
    return frozenset(found)


class BodyFinder:
    """Finds the bodies of one passage."""

    def __init__(self, reading: Reading, passage: Passage) -> None:
        self.reading = reading
        self.passage = passage
        self.grid: Grid = passage.grid
        self.parts = NameParts(reading, passage)

    def find(self) -> Iterator[Body]:
        """Bodies of the vocabulary first, then those built from parts where none of the vocabulary stands."""
        taken = self._alliances()
        for body in self._from_vocabulary():
            taken.update(range(body.first, body.last + 1))
            yield body
        i = 0
        size = len(self.grid)
        while i < size:
            if i not in taken:
                head = head_of(self.grid.tokens[i])
                built = self._from_head(i, *head, taken) if head else None
                if built:
                    taken.update(range(built.first, built.last + 1))
                    yield built
                    i = built.last
            i += 1
        yield from self._from_legal_form(taken)
        yield from self._from_expansion(taken)
        yield from self._administrations(taken)

    def _administrations(self, taken: set[int]) -> Iterator[Body]:
        """ "Stadt Detmold", "Gemeinde Anröchte": municipalities that are no district of their own."""
        grid = self.grid
        for i, token in enumerate(grid.tokens[:-1]):
            end = self.parts.places.get(i + 1) if token in _ADMINISTRATIONS and i not in taken else None
            if end is not None and grid.gaps[i + 1] == SPACE and not self.parts.is_state(end):
                label = f"{token} {self.parts.place_text(i, end)}"
                yield self._body(i, end, label, "kommunalverwaltung", specific=True, weight=0.2)

    def _alliances(self) -> set[int]:
        """Tokens of parties called Bündnis: a party is no body of this kind."""
        return {
            match.first
            for match in self.passage.matches
            if self.grid.tokens[match.first].lower() in ("bündnis", "buendnis")
            and any(isinstance(name, EntryName) and name.axis is Axis.PARTY for name in match.names)
        }

    def _from_vocabulary(self) -> Iterator[Body]:
        for match in self.passage.matches:
            for name in match.names:
                weak_branch = isinstance(name, EntryName) and name.value in _WEAK_BRANCHES
                if isinstance(name, EntryName) and (not name.weak or weak_branch):
                    body = (
                        self._known(name, match.first, match.last)
                        if name.axis is Axis.ORGANISATION
                        else self._party_branch(name, match.first, match.last)
                    )
                    if body:
                        yield body
                    break

    def _known(self, name: EntryName, first: int, last: int) -> Body:
        entry = self.reading.lexicon.organisations[name.value]
        surface = self.grid.span(first, last)
        unit = self.parts.unit_after(last)
        end = self.parts.place_end(unit or last)
        named = _local_name(entry, surface)
        weight = 0.1 if entry.label in _VENUES else _TYPE_WEIGHTS.get(entry.kind or "", 1.0)
        if unit is not None and end is not None:
            unit_name = head_of(self.grid.tokens[unit])
            noun = unit_name[1] if unit_name else self.grid.tokens[unit]
            hyphen = self.grid.gaps[unit] == HYPHEN or _SHORT.match(named) or ACRONYM.match(named)
            masculine = re.sub(r"^Der (\w+e)$", r"\1r", named)
            label = f"{masculine}{'-' if hyphen else ' '}{noun} {self.parts.place_text(unit, end)}"
            return self._body(first, end, label, entry.value, specific=True, weight=max(weight, 1.0))
        local_body = entry.kind not in ("federal_body", "parliament", "government") and not entry.district
        if end is not None and local_body and (not self.parts.is_state(end) or self.parts.adjoins(last, end)):
            label = f"{named} {self.parts.place_text(last, end)}"
            local = self._local_entry(entry.value, end)
            if local:
                return self._entry_body(first, end, local, entry.value)
            return self._body(first, end, label, entry.value, specific=True, weight=weight)
        base = entry.parent or entry.value
        return Body(
            passage=self.passage,
            first=first,
            last=last,
            key=entry.value,
            label=entry.label.split(" (Typ)")[0],
            base=base,
            specific=bool(entry.district),
            weight=weight,
            acronym=self.parts.acronym_after(last),
        )

    def _party_branch(self, name: EntryName, first: int, last: int) -> Body | None:
        """A party's branch: "FDP Heinsberg", "SPD-Kreistagsfraktion Soest", "Die Linke, Kreisverband Göttingen"."""
        entry = self.reading.lexicon.parties[name.value]
        if entry.kind == "association":
            return Body(passage=self.passage, first=first, last=last, key=name.value, label=_party_names().get(
                name.value, entry.label), base=name.value, specific=True, weight=0.6)  # fmt: skip
        unit = self.parts.unit_after(last)
        if unit is None and self.grid.text[self.grid.ends[last] :][:2] == ", ":
            head = head_of(self.grid.tokens[last + 1]) if last + 1 < len(self.grid) else None
            unit = last + 1 if head and head[0].head in _BRANCHES else None
        end = self.parts.place_end(unit or last)
        if unit is not None and end is not None:
            known = head_of(self.grid.tokens[unit])
            noun = known[1] if known else self.grid.tokens[unit]
            label = branch_name(name.value, entry.label, noun, self.parts.place_text(unit, end))
            return self._body(first, end, label, name.value, specific=True, weight=1.0)
        if unit is None and end is not None and self.grid.gaps[last + 1] == SPACE and end != last:
            if self.grid.tokens[last + 1] in PLACE_LINKS or self.grid.tokens[end] == "Deutschland":
                return None
            label = f"{self.grid.span(first, last)} {self.parts.place_text(last, end)}"
            return self._body(first, end, label, name.value, specific=True, weight=1.0)
        return None

    def _local_entry(self, base: str, place_end: int) -> str | None:
        """The vocabulary's own record of a type at a place: "Kommunales Integrationszentrum Kreis Lippe"."""
        match = self.parts.ending.get(place_end)
        for name in match.names if match else ():
            if isinstance(name, PlaceName):
                key = f"{base}-{name.district}"
                if key in self.reading.lexicon.organisations:
                    return key
        return None

    def _entry_body(self, first: int, last: int, key: str, base: str, acronym: str | None = None) -> Body:
        entry = self.reading.lexicon.organisations[key]
        return Body(
            passage=self.passage,
            first=first,
            last=last,
            key=key,
            label=entry.label,
            base=base,
            specific=bool(entry.district),
            weight=1.0,
            acronym=acronym,
        )

    def _from_head(self, i: int, head: Head, nominative: str, taken: set[int]) -> Body | None:
        grid = self.grid
        if i and grid.tokens[i] == "Initiative" and grid.tokens[i - 1] in ("auf", "Auf"):
            return None
        first, left = self.parts.left(i, head, taken)
        if first < i and not left:
            return None
        name = _join([*left, nominative])
        last, right = self.parts.right(i, head)
        town = self.parts.town_of(first) if left else None
        if town and "place" in head.takes and not right:
            name, right = _join([*left[1:], nominative]), town
        if not right and not self.parts.stands_alone(i, head, left, nominative):
            return None
        label = f"{name} {right}".strip() if right else name
        if right and (name.lower() in _BARE_NAMES or (name == "Verein" and not right.startswith(_COMPLEMENTS))):
            label = right
        legal = bool(_LEGAL_FORM.match(grid.text[grid.ends[last] :][:8]))
        named = right.startswith("„")
        if named:
            quoted = right.strip("„“ ")
            label = quoted if name.lower() in _NAMELESS else f"{name} {quoted}"
        return self._body(first, last, label, slug(name), specific=True, weight=head.weight, legal_form=legal)

    def _from_legal_form(self, taken: set[int]) -> Iterator[Body]:
        """ "Hürther Brücke e.V.": the capitalised words before the legal form."""
        grid = self.grid
        for i in range(len(grid)):
            if i in taken or not grid.tokens[i][0].isupper():
                continue
            if not _LEGAL_FORM.match(grid.text[grid.ends[i] : grid.ends[i] + 8]):
                continue
            club = "V" in grid.text[grid.ends[i] : grid.ends[i] + 8]
            first = i
            while first and i - first < 7 and first - 1 not in taken and self._joins(first, club):
                first -= 1
            while first < i and not grid.tokens[first][0].isupper():
                first += 1
            if first < i or ACRONYM.match(grid.tokens[i]) or len(grid.tokens[i]) > 6:
                label = " ".join(grid.span(first, i).split())
                taken.update(range(first, i + 1))
                yield self._body(first, i, label, slug(label), specific=True, weight=1.25, legal_form=True)

    def _joins(self, first: int, club: bool) -> bool:
        """Whether the token before `first` is of the same name; clubs have articles in their names, firms don't."""
        grid = self.grid
        gap = grid.text[grid.ends[first - 1] : grid.starts[first]]
        if gap not in (" ", "-", "\n", " - ", " & "):
            return False
        token = grid.tokens[first - 1]
        if token[0].isupper():
            return token.lower() not in _ARTICLES
        return first > 1 and token in (_CLUB_WORDS if club else _FIRM_WORDS) and grid.tokens[first - 2][0].isupper()

    def _from_expansion(self, taken: set[int]) -> Iterator[Body]:
        """ "Kristallisationspunkt … (KÜRZEL)": a body where the text treats the abbreviation like one."""
        grid = self.grid
        for i in range(len(grid)):
            found = _PAREN_ACRONYM.match(grid.text[grid.ends[i] : grid.ends[i] + 16])
            if not found or i in taken:
                continue
            first = self._long_form(i, found[1])
            if first is None or found[1] not in _acting_acronyms(self.reading):
                continue
            known = self._acronym_entry(found[1])
            if known:
                yield self._entry_body(first, i, known, known, acronym=found[1])
                continue
            name = " ".join(grid.span(first, i).split())
            if first and grid.tokens[first - 1] == "den" and grid.tokens[first].endswith("en"):
                name = name.replace(grid.tokens[first], grid.tokens[first][:-1], 1)  # dative plural
            label = f"{name} ({found[1]})"
            yield self._body(first, i, label, slug(label), specific=True, weight=1.25)

    def _acronym_entry(self, acronym: str) -> str | None:
        """The organisation whose abbreviation the vocabulary knows."""
        for match in self.passage.matches:
            if self.grid.span(match.first, match.last) == acronym:
                for name in match.names:
                    if isinstance(name, EntryName) and name.axis is Axis.ORGANISATION:
                        return name.value
        return None

    def _long_form(self, last: int, acronym: str) -> int | None:
        """The first token of the words an acronym abbreviates, by their letters in order."""
        grid = self.grid
        letters = [letter.lower() for letter in acronym if letter.isalpha()]
        for first in range(last, max(-1, last - 9), -1):
            token = grid.tokens[first]
            if token[0].lower() == letters[0] and token[0].isupper() and self._abbreviates(first, last, letters):
                return first
            if grid.gaps[first] in (PARAGRAPH, "."):
                return None
        return None

    def _abbreviates(self, first: int, last: int, letters: list[str]) -> bool:
        initials = [self.grid.tokens[i][0].lower() for i in range(first, last + 1) if self.grid.tokens[i][0].isupper()]
        text = iter("".join(self.grid.tokens[first : last + 1]).lower())
        return all(letter in text for letter in letters) and sum(letter in initials for letter in letters) >= 2

    def _body(
        self, first: int, last: int, label: str, base: str, *, specific: bool, weight: float,
        legal_form: bool = False,
    ) -> Body:  # fmt: skip
        label = label[:_MAX_LABEL].strip()
        known = self.reading.lexicon.organisations.get(slug(label))
        return Body(
            passage=self.passage,
            first=first,
            last=last,
            key=slug(label) or base,
            label=known.label if known else label,
            base=base,
            specific=specific,
            weight=weight,
            acronym=self.parts.acronym_after(last),
            legal_form=legal_form,
        )
