"""Names of bodies in a text: from the vocabulary, from type and place, from "Langform (KÜRZEL)", from "… e.V.".

Nearly every name of an organisation is seen once, so most are built from parts: a head ("Kreisverband", "Stadtwerke",
"Verein"), what stands before it (acronym, adjective) and after it (place, "für …", a name in quotation marks). The
label is one canonical form, so that inflected mentions meet.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

from archive_pipeline.classify.gazetteer import PlaceName
from archive_pipeline.classify.matcher import HANGING, HYPHEN, PARAGRAPH, SPACE, Grid, Match
from archive_pipeline.classify.names import EntryName, Name
from archive_pipeline.classify.reading import Passage, Reading
from archive_pipeline.classify.vocabulary import read_table
from archive_pipeline.model import Axis

__all__ = ["Body", "Sender", "find_bodies", "find_sender"]

_MAX_NAME_TOKENS = 12
_MAX_LABEL = 120
_MAX_REST = 5
"""Words of a sender's own name behind the part that is recognised."""

_ADJECTIVE = re.compile(
    r"^(?:Deutsche|Evangelische|Katholische|Freiwillige|Kommunale|Technische|Allgemeine|Freie|Soziale|Internationale|"
    r"Europäische|Christliche|Jüdische|Islamische|Berufliche|Städtische|Staatliche|Historische|Regionale|Rheinische|"
    r"Westfälische|Bayerische|Sächsische|Hessische|Niedersächsische|Thüringer|Lippische|Norddeutsche|Süddeutsche|"
    r"Bergische|Märkische|Pfälzische|Saarländische|Badische|Schwäbische|Fränkische|Arabische|Türkische|Kurdische|"
    r"Gemeinnützige|Landwirtschaftliche|Örtliche|Paritätische|Zentrale|Bundesweite|Interkulturelle)([nrsm]?)$"
)
_PLACE_ADJECTIVE = re.compile(r"^[A-ZÄÖÜ]\w{3,}er$")
_GENITIVE = re.compile(r"(?:e?s)$")
_ACRONYM = re.compile(r"^[A-ZÄÖÜ]{2,}[a-z]?[A-ZÄÖÜ]*$")
_QUOTED = re.compile(r"""^\s?[„"»“‚']([^“”"«„»‘'\n]{3,70})[“”"«‘']""")
_PAREN_ACRONYM = re.compile(r"""^[“”"«]?\s?\(([A-ZÄÖÜ][\w.]{0,9}[A-ZÄÖÜ]\w?)\)""")
_LEGAL_FORM = re.compile(r"""^[“”"«]?,?\s?(e\.\s?V\.|eV\b|gGmbH\b|GmbH\b|eG\b|KG\b|AG\b)""")
_FUNCTION = re.compile(
    r"^(?:Leiter(?:in)?|Vorsitzende[rn]?|Geschäftsführer(?:in)?|Team|Mitarbeiter(?:in|innen|n)?|Mitglied(?:er|ern)?|"
    r"Sprecher(?:in)?|Vorstand|Präsident(?:in)?|Kreisgeschäftsführer(?:in)?|Landesvorsitzende[rn]?|Chef(?:in)?|"
    r"Ehrenamtliche[rn]?|Pressesprecher(?:in)?|Kreisvorsitzende[rn]?)$"
)
_STATES = frozenset({"Bayern", "Hessen", "Thüringen", "Saarland", "Sachsen", "Brandenburg", "Niedersachsen", "NRW",
                     "Westfalen", "Rheinland", "Deutschland", "Berlin", "Hamburg", "Bremen"})  # fmt: skip
_STATE_STARTS = {"Nordrhein": "Westfalen", "Rheinland": "Pfalz", "Baden": "Württemberg", "Sachsen": "Anhalt",
                 "Schleswig": "Holstein", "Mecklenburg": "Vorpommern", "Westfalen": "Lippe"}  # fmt: skip
_PLACE_LINKS = frozenset({"in", "des", "der", "im", "für", "den", "Kreis", "Stadt", "Region", "Landkreis"})
_PLACE_KINDS = frozenset({"full", "bare", "municipality"})
_BARE_NAMES = frozenset({"kampagne", "organisation", "firma", "hersteller", "messengerdienst", "unternehmen"})
_NAMELESS = _BARE_NAMES | frozenset(
    {"verein", "initiative", "bündnis", "netzwerk", "bürgerinitiative", "stiftung", "förderverein"}
)
"""Heads that are left out of the label when the name in quotation marks stands alone."""

_FOR = frozenset({"für", "der", "des", "zur", "gegen", "zum", "von"})
_ARTICLES = frozenset({"der", "die", "das", "dem", "den", "des", "im", "beim", "vom", "zum", "zur", "ein", "eine"})
_CLUB_WORDS = frozenset({"für", "der", "und", "am", "im", "in", "for", "zur"})
_FIRM_WORDS = frozenset({"und", "für"})
_CHAMBER = re.compile(
    r"^\s(im|in der|in|des|der)\s((?:\w+er |\w+en )?(?:Stadtrat|Kreistag|Rat der Stadt|Gemeinderat|Landtag|Bundestag|"
    r"Stadtverordnetenversammlung|Bürgerschaft|Abgeordnetenhaus|Rat|Regionalversammlung|Bezirkstag)(?:e?s)?)\b"
)
_CASE_ENDINGS = {"m": "r", "n": "s", "f": "", "p": ""}


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The body that sends a release, by its contact block or issuer line."""

    key: str
    label: str


@dataclass(frozen=True, slots=True)
class _Head:
    head: str
    gender: str
    whole: bool
    takes: frozenset[str]
    weight: float


_SLUG_FOLD = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})


def slug(label: str) -> str:
    """A label as an authority key: lower case, umlauts written out, words joined by hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", label.lower().translate(_SLUG_FOLD)).strip("-")[:80]


@cache
def _heads() -> dict[str, _Head]:
    return {
        row["head"]: _Head(
            row["head"], row["gender"], row["whole"] == "1", frozenset(row["takes"].split("|")), float(row["weight"])
        )
        for row in read_table("organisation_head")
    }


@lru_cache(maxsize=20_000)
def _head_of(token: str) -> tuple[_Head, str] | None:
    """The head a token ends in, and the token in the nominative."""
    if len(token) < 4 or not token[0].isupper():
        return None
    lower = token.lower()
    for form in dict.fromkeys((lower, _GENITIVE.sub("", lower), lower.removesuffix("s"))):
        for start in range(max(0, len(form) - 22), len(form) - 3):
            head = _heads().get(form[start:])
            if head and (start == 0 or not head.whole) and not (start == 0 and form == "bund"):
                return head, token[: len(form)]
    return None


def _join(parts: list[str]) -> str:
    """Words joined by spaces, without one after a hyphen."""
    return " ".join(parts).replace("- ", "-")


class _Finder:
    """Finds the bodies of one passage."""

    def __init__(self, reading: Reading, passage: Passage) -> None:
        self.reading = reading
        self.passage = passage
        self.grid: Grid = passage.grid
        self.places: dict[int, int] = {}
        for match in passage.matches:
            if self._is_place(match):
                self.places[match.first] = match.last
        for i, token in enumerate(self.grid.tokens):
            if token in _STATES:
                self.places[i] = i
            elif token in _STATE_STARTS and self.grid.gaps[i + 1 : i + 2] == (HYPHEN,):
                self.places.update({i: i + 1} if self.grid.tokens[i + 1] == _STATE_STARTS[token] else {})

    def _is_place(self, match: Match[Name]) -> bool:
        """Whether a match can be the place in a body's name: no locality, no common word."""
        if self.reading.lexicon.gazetteer.risks.get(self.grid.span(match.first, match.last)) == "high":
            return False
        return any(isinstance(name, PlaceName) and name.kind in _PLACE_KINDS for name in match.names)

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
                head = _head_of(self.grid.tokens[i])
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
            end = self.places.get(i + 1) if token in _ADMINISTRATIONS and i not in taken else None
            if end is not None and grid.gaps[i + 1] == SPACE and not self._is_state(end):
                label = f"{token} {self._place_text(i, end)}"
                yield self._body(i, end, label, "kommunalverwaltung", specific=True, weight=0.2)

    def _alliances(self) -> set[int]:
        """Tokens of parties called Bündnis: a party is no body of this kind."""
        return {
            match.first
            for match in self.passage.matches
            if self.grid.tokens[match.first].lower() in ("bündnis", "buendnis")
            and any(isinstance(name, EntryName) and name.axis is Axis.PARTY for name in match.names)
        }

    # vocabulary

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
        unit = self._unit_after(last)
        end = self._place_end(unit or last)
        acronym = surface if _ACRONYM.match(surface) else entry.label.split(" (")[0]
        weight = 0.1 if entry.label in _VENUES else _TYPE_WEIGHTS.get(entry.kind or "", 1.0)
        if unit is not None and end is not None:
            unit_name = _head_of(self.grid.tokens[unit])
            label = f"{acronym}-{unit_name[1] if unit_name else self.grid.tokens[unit]} {self._place_text(unit, end)}"
            return self._body(first, end, label, entry.value, specific=True, weight=max(weight, 1.0))
        local_body = entry.kind not in ("federal_body", "parliament", "government") and not entry.district
        if end is not None and local_body and not self._is_state(end):
            named = surface if surface in _LOCAL_NAMES else entry.label.split(" (")[0]
            label = f"{named} {self._place_text(last, end)}"
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
            acronym=self._acronym_after(last),
        )

    def _party_branch(self, name: EntryName, first: int, last: int) -> Body | None:
        """A party's branch: "FDP Heinsberg", "SPD-Kreistagsfraktion Soest", "Die Linke, Kreisverband Göttingen"."""
        entry = self.reading.lexicon.parties[name.value]
        if entry.kind == "association":
            return Body(passage=self.passage, first=first, last=last, key=name.value, label=_party_names().get(
                name.value, entry.label), base=name.value, specific=True, weight=0.6)  # fmt: skip
        unit = self._unit_after(last)
        if unit is None and self.grid.text[self.grid.ends[last] :][:2] == ", ":
            head = _head_of(self.grid.tokens[last + 1]) if last + 1 < len(self.grid) else None
            unit = last + 1 if head and head[0].head in _BRANCHES else None
        end = self._place_end(unit or last)
        if unit is not None and end is not None:
            known = _head_of(self.grid.tokens[unit])
            noun = known[1] if known else self.grid.tokens[unit]
            label = _branch(name.value, entry.label, noun, self._place_text(unit, end))
            return self._body(first, end, label, name.value, specific=True, weight=1.0)
        if unit is None and end is not None and self.grid.gaps[last + 1] == SPACE and end != last:
            if self.grid.tokens[last + 1] in _PLACE_LINKS:
                return None
            label = f"{self.grid.span(first, last)} {self._place_text(last, end)}"
            return self._body(first, end, label, name.value, specific=True, weight=1.0)
        return None

    def _is_state(self, end: int) -> bool:
        return self.grid.tokens[end] in _STATES or self.grid.tokens[end] in _STATE_STARTS.values()

    def _local_entry(self, base: str, place_end: int) -> str | None:
        """The vocabulary's own record of a type at a place: "Kommunales Integrationszentrum Kreis Lippe"."""
        for match in self.passage.matches:
            if match.last == place_end:
                for name in match.names:
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

    # heads

    def _from_head(self, i: int, head: _Head, nominative: str, taken: set[int]) -> Body | None:
        grid = self.grid
        first, left = self._left(i, head, taken)
        if first < i and not left:
            return None
        name = _join([*left, nominative])
        last, right = self._right(i, head)
        town = self._town_of(first) if left else None
        if town and "place" in head.takes and not right:
            name, right = _join([*left[1:], nominative]), town
        if not right and not self._stands_alone(i, head, left, nominative):
            return None
        label = f"{name} {right}".strip() if right else name
        if right and name.lower() in _BARE_NAMES:
            label = right
        legal = bool(_LEGAL_FORM.match(grid.text[grid.ends[last] :][:8]))
        named = right.startswith("„")
        if named:
            quoted = right.strip("„“ ")
            label = quoted if name.lower() in _NAMELESS else f"{name} {quoted}"
        return self._body(first, last, label, slug(name), specific=True, weight=head.weight, legal_form=legal)

    def _left(self, i: int, head: _Head, taken: set[int]) -> tuple[int, list[str]]:
        """First token and the words before a head, in the nominative: hyphenated parts, acronyms, adjectives."""
        grid, first = self.grid, i
        parts: list[str] = []
        while first and grid.gaps[first] == HYPHEN and first - 1 not in taken and grid.tokens[first - 1][0].isupper():
            first -= 1
            parts.insert(0, grid.tokens[first] + "-")
        joined = ["".join(parts)] if parts else []
        while first and grid.gaps[first] == SPACE and i - first < 4:
            token = grid.tokens[first - 1]
            adjective = _ADJECTIVE.match(token)
            if adjective:
                stem = token[: len(token) - len(adjective[1])]
                ending = "" if stem.endswith("er") else _CASE_ENDINGS[head.gender]
                joined.insert(0, stem + ending)
            elif _ACRONYM.match(token) or (_PLACE_ADJECTIVE.match(token) and self._is_place_adjective(first - 1)):
                joined.insert(0, token)
            else:
                break
            first -= 1
        return first, joined

    def _town_of(self, i: int) -> str | None:
        """The town an adjective form names: "Hürther" is Hürth."""
        gazetteer = self.reading.lexicon.gazetteer
        for match in self.passage.matches:
            if match.first == i == match.last:
                stem = self.grid.tokens[i].removesuffix("er")
                for name in match.names:
                    if isinstance(name, PlaceName) and name.kind == "adjective":
                        town = gazetteer.town_named(name.district, stem)
                        if town:
                            return town
        return None

    def _is_place_adjective(self, i: int) -> bool:
        return any(
            match.first == i and any(isinstance(name, PlaceName) and name.kind == "adjective" for name in match.names)
            for match in self.passage.matches
        )

    def _stands_alone(self, i: int, head: _Head, left: list[str], nominative: str) -> bool:
        """Whether a head without place or complement is a name: "Anne-Frank-Musikschule", "Deutscher Mieterbund"."""
        if left and not all(_ADJECTIVE.match(part) for part in left if part):
            return True
        if head.head in _STATE_BODIES:
            return bool(left)
        compound = len(nominative) > len(head.head) + 3
        return bool(left) and compound

    def _right(self, i: int, head: _Head) -> tuple[int, str]:
        """Last token of the name and the words after the head."""
        grid = self.grid
        rest = grid.text[grid.ends[i] : grid.ends[i] + 90]
        quoted = _QUOTED.match(rest) if "name" in head.takes else None
        if quoted:
            end = grid.ends[i] + quoted.end(1)
            last = i
            while last + 1 < len(grid) and grid.ends[last + 1] <= end:
                last += 1
            if last > i:
                return last, f"„{re.sub(r',? e[.] ?V[.]?$', '', quoted[1]).strip()}“"
        last, words = i, []
        chamber = _CHAMBER.match(rest) if head.head == "fraktion" else None
        if chamber:
            end = grid.ends[i] + chamber.end()
            while last + 1 < len(grid) and grid.ends[last + 1] <= end:
                last += 1
            words.append(" ".join(chamber.group().split()))
        elif "for" in head.takes and i + 2 < len(grid) and grid.gaps[i + 1] == SPACE and grid.tokens[i + 1] in _FOR:
            complement = self._complement_end(i + 2)
            if complement is not None:
                last = complement
                words.append(" ".join(grid.span(i + 1, complement).split()))
        if "place" in head.takes:
            place = self._place_end(last)
            if place is not None:
                words.append(self._place_text(last, place))
                last = place
        if not words and "name" in head.takes:
            end = i
            while (
                end + 1 < len(grid)
                and end - i < 3
                and grid.gaps[end + 1] in (SPACE, HYPHEN)
                and grid.tokens[end + 1][0].isupper()
                and len(grid.tokens[end + 1]) > 2
            ):
                end += 1
            if end > i:
                words.append(" ".join(grid.span(i + 1, end).split()))
                last = end
        return last, " ".join(words)

    def _complement_end(self, i: int) -> int | None:
        """The last token of "für Kinder, Jugend und Familie", "der Steuerzahler"; None where no noun follows."""
        grid, end, j = self.grid, None, i
        while j < len(grid) and j - i < _MAX_NAME_TOKENS:
            token, gap = grid.tokens[j], grid.gaps[j]
            comma = j > i and grid.text[grid.ends[j - 1] : grid.starts[j]] == ", "
            if gap == PARAGRAPH or (j > i and gap not in (SPACE, HYPHEN, HANGING) and not comma):
                break
            if token[0].isupper():
                before = grid.tokens[j - 1]
                if end is not None and gap == SPACE and before[0].isupper() and not _ADJECTIVE.match(before):
                    break
                end = j
            elif token in ("und", "sowie"):
                if not self._noun_follows(j):
                    break
            elif not (token[0].islower() and token.endswith(("e", "en", "er", "es")) and self._noun_follows(j)):
                break
            if comma and not self._enumeration(j):
                end = j - 1 if end == j else end
                break
            j += 1
        return end

    def _noun_follows(self, j: int) -> bool:
        grid = self.grid
        following = [k for k in (j + 1, j + 2) if k < len(grid) and grid.gaps[k] in (SPACE, HYPHEN, HANGING)]
        return bool(following) and any(grid.tokens[k][0].isupper() for k in following)

    def _enumeration(self, j: int) -> bool:
        """Whether "A, B" goes on to "… und C" within a few words: a ministry's name, not a list of bodies."""
        grid = self.grid
        for k in range(j + 1, min(j + 8, len(grid))):
            if grid.tokens[k] == "und":
                return True
            if not grid.tokens[k][0].isupper() and not grid.tokens[k].endswith(("e", "en")):
                return False
        return False

    # places

    def _unit_after(self, last: int) -> int | None:
        """The token of a unit right after a name: "DRK-Kreisverband", "AWO Ortsverein"."""
        nxt = last + 1
        if nxt < len(self.grid) and self.grid.gaps[nxt] in (SPACE, HYPHEN):
            head = _head_of(self.grid.tokens[nxt])
            if head and (
                head[0].head.endswith(("verband", "verein", "gruppe", "fraktion")) or head[0].head == "feuerwehr"
            ):
                return nxt
        return None

    def _place_end(self, last: int) -> int | None:
        """The last token of a place right after token `last`, with "in", "des Kreises", "der Stadt" between."""
        grid = self.grid
        after_paren = self._after_paren(last)
        for i in range(last + 1, min(last + 4, len(grid))):
            if grid.gaps[last + 1] not in (SPACE, HANGING) and not after_paren:
                return None
            if i in self.places and (grid.gaps[i] == SPACE or after_paren):
                return self.places[i]
            if after_paren or grid.tokens[i] not in _PLACE_LINKS:
                return None
        return None

    def _after_paren(self, last: int) -> bool:
        grid = self.grid
        return (
            last + 1 < len(grid) and re.match(r"^\)\s", grid.text[grid.ends[last] : grid.starts[last + 1]]) is not None
        )

    def _place_text(self, last: int, end: int) -> str:
        """A place as it stands in a label: "Kreis Lippe" for "des Kreises Lippe"."""
        first = next((first for first, stop in self.places.items() if stop == end and first > last), end)
        text = " ".join(self.grid.span(first, end).split())
        return re.sub(r"^(Kreis|Landkreis)es? ", r"\1 ", text)

    # legal forms and expansions

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
            if first < i or _ACRONYM.match(grid.tokens[i]) or len(grid.tokens[i]) > 6:
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
            if first is None or not self._acts_like_body(found[1], i + 1):
                continue
            known = self._acronym_entry(found[1])
            if known:
                yield self._entry_body(first, i, known, known, acronym=found[1])
                continue
            label = f"{' '.join(grid.span(first, i).split())} ({found[1]})"
            yield self._body(first, i, label, slug(label), specific=True, weight=1.25)

    def _acronym_after(self, last: int) -> str | None:
        found = _PAREN_ACRONYM.match(self.grid.text[self.grid.ends[last] : self.grid.ends[last] + 16])
        return found[1] if found else None

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

    def _acts_like_body(self, acronym: str, paren: int) -> bool:
        """Whether the abbreviation has a leader, members or a place somewhere in the text."""
        for passage in self.reading.passages:
            grid = passage.grid
            starts = {match.first for match in passage.matches if any(isinstance(n, PlaceName) for n in match.names)}
            for i, token in enumerate(grid.tokens[:-1]):
                if token != acronym:
                    continue
                following = grid.tokens[i + 1]
                if _FUNCTION.match(following) and grid.gaps[i + 1] in (HYPHEN, "_", SPACE):
                    return True
                if i + 1 in starts and grid.gaps[i + 1] == SPACE:
                    return True
                if following == "in" and i + 2 in starts:
                    return True
        return False

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
            acronym=self._acronym_after(last),
            legal_form=legal_form,
        )


_ADMINISTRATIONS = frozenset({"Stadt", "Gemeinde", "Samtgemeinde", "Verbandsgemeinde"})
_LOCAL_NAMES = frozenset({"Agentur für Arbeit", "Diakonisches Werk", "Caritasverband"})
"""What the local bodies of a national one are called, where its own name differs."""

_STATE_BODIES = frozenset({"landkreistag", "städtetag", "gemeindetag"})
"""Associations named by their Land alone: "Niedersächsischer Landkreistag"."""

_BRANCHES = frozenset(
    {"kreisverband", "ortsverein", "ortsverband", "stadtverband", "gemeindeverband", "landesverband", "bezirksverband",
     "kreistagsfraktion", "fraktion", "kreisgruppe", "ortsgruppe"}
)  # fmt: skip
_WEAK_BRANCHES = frozenset({"volt"})
"""Parties whose bare name is safe beside a branch or a place."""

_SHORT_NAME = re.compile(r"^\w{2,4}$")


@cache
def _party_names() -> dict[str, str]:
    """The full names of the parties and associations, as their branches bear them."""
    return {row["party"]: row["label"].removesuffix(" Deutschland") for row in read_table("party")}


def _branch(party: str, short: str, unit: str, place: str) -> str:
    """The canonical name of a branch: "SPD-Kreisverband Lippe", "Die Linke Kreisverband Göttingen"."""
    if _SHORT_NAME.match(short) and party not in ("fw", "volt"):
        return f"{short}-{unit} {place}"
    return f"{_party_names().get(party, short)} {unit} {place}"


_VENUES = frozenset({"Bundesregierung", "Deutscher Bundestag", "Bundesrat", "Bundeskanzleramt", "Bundespräsident"})
_TYPE_WEIGHTS = {
    "parliament": 0.1, "government": 0.1, "church": 0.4, "district_administration": 0.3, "city_administration": 0.2,
    "welfare_umbrella": 0.3, "education": 0.6, "federal_body": 0.9, "ki": 1.25, "ki_local": 1.25,
}  # fmt: skip
"""How surely a body of this type acts where it is named: a Kreis is mostly the place, a parliament the venue."""


@lru_cache(maxsize=8)
def find_bodies(reading: Reading) -> tuple[Body, ...]:
    """Every body named in title and text, without names inside longer ones ("Kreis Unna" in "Jobcenter Kreis Unna")."""
    found: list[Body] = []
    for passage in reading.passages:
        bodies = list(_Finder(reading, passage).find())
        widest: dict[int, int] = {}
        for body in bodies:
            for token in range(body.first, body.last + 1):
                widest[token] = max(widest.get(token, 0), body.last - body.first)
        found += [body for body in bodies if widest[body.first] == body.last - body.first]
    return tuple(found)


_SEGMENT_END = re.compile(r",|\s[–-]\s|,?\s?\be\. ?V\b|\s\(|\n|$")
_SUB_BODY = re.compile(
    r"(?:,? ?e\. ?V\.)?, (?P<unit>(?:Kreis|Orts|Stadt|Landes|Bezirks|Gemeinde)(?:verband|verein|gruppe)|Regionalgruppe|"
    r"Fraktion im (?:Kreistag|Stadtrat|Gemeinderat)) (?P<place>[^,\n]+)"
)
_FRACTION = re.compile(
    r"^(?P<party>.+?)(?P<link>[- ])Fraktion im (?P<chamber>Kreistag|Stadtrat|Gemeinderat)"
    r"(?: der Stadt| des (?:Land)?[Kk]reises)? (?P<place>[A-ZÄÖÜ].+)$"
)


def _chamber_fraction(label: str) -> str:
    """ "CDU-Fraktion im Kreistag Soest" in its canonical form, "CDU-Kreistagsfraktion Soest"."""
    return _FRACTION.sub(r"\g<party>\g<link>\g<chamber>sfraktion \g<place>", label)


@lru_cache(maxsize=8)
def find_sender(reading: Reading) -> Sender | None:
    """The body that the lines about the sender name first, as they name it, or None: a line that names only a person
    says nothing."""
    grid = reading.sender.grid
    bodies = sorted(_Finder(reading, reading.sender).find(), key=lambda body: (body.first, -body.last))
    opening = [body for body in bodies if body.first == 0 or grid.text[grid.ends[body.first - 1] :][:1] == "\n"]
    if opening:
        return _sender(reading, opening[0])
    for match in reading.sender.matches:
        sub_body = _SUB_BODY.match(grid.text, grid.ends[match.last])
        for name in match.names if sub_body and match.first == 0 else ():
            if sub_body and isinstance(name, EntryName) and name.axis is Axis.PARTY:
                short = reading.lexicon.parties[name.value].label
                label = _chamber_fraction(_branch(name.value, short, sub_body["unit"], sub_body["place"]))
                return Sender(key=slug(label), label=label)
    return None


def _sender(reading: Reading, body: Body) -> Sender:
    grid = reading.sender.grid
    end = grid.ends[body.last]
    entry = reading.lexicon.organisations.get(body.key)
    segment_end = _SEGMENT_END.search(grid.text, end)
    rest = grid.text[end : segment_end.start() if segment_end else end].rstrip()
    if len(rest.split()) > _MAX_REST:
        rest = ""
    written = entry is not None and rest and not entry.district
    label = (grid.span(body.first, body.last) if written else body.label) + rest
    sub_body = _SUB_BODY.match(grid.text, end + len(rest))
    if sub_body:
        link = "-" if _ACRONYM.match(label) else " "
        label = f"{label}{link}{sub_body['unit']} {sub_body['place']}"
    label = _chamber_fraction(label)
    changed = bool(rest) or sub_body is not None or label != body.label
    return Sender(key=slug(label) if changed else body.key, label=label)
