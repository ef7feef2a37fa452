"""The parts a body's name is built from: a head ("Kreisverband", "Stadtwerke", "Verein"), what stands before it
(acronym, adjective) and after it (place, "für …", a name in quotation marks)."""

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from archive_pipeline.classify.gazetteer import PlaceName
from archive_pipeline.classify.matcher import HANGING, HYPHEN, PARAGRAPH, SPACE, Grid, Match
from archive_pipeline.classify.names import Lexicon, Name
from archive_pipeline.classify.reading import Passage, Reading
from archive_pipeline.classify.vocabulary import cue_words, read_table

__all__ = ["ACRONYM", "PLACE_LINKS", "Head", "NameParts", "head_of"]

_MAX_NAME_TOKENS = 12
_MAX_OWN_NAME = 5
_ADJECTIVE = re.compile(
    r"^(?:Deutsche|Evangelische|Katholische|Freiwillige|Kommunale|Technische|Allgemeine|Freie|Soziale|Internationale|"
    r"Europäische|Christliche|Jüdische|Islamische|Berufliche|Städtische|Staatliche|Historische|Regionale|Rheinische|"
    r"Westfälische|Bayerische|Sächsische|Hessische|Niedersächsische|Thüringer|Lippische|Norddeutsche|Süddeutsche|"
    r"Bergische|Märkische|Pfälzische|Saarländische|Badische|Schwäbische|Fränkische|Arabische|Türkische|Kurdische|"
    r"Gemeinnützige|Landwirtschaftliche|Örtliche|Paritätische|Zentrale|Bundesweite|Interkulturelle)([nrsm]?)$"
)
_REGIONAL = re.compile(r"^[A-ZÄÖÜ][a-zäöüß]{3,}ische([nrsm]?)$")
"""An adjective that is written with a capital within a sentence belongs to a name: "die Emsländische …"."""

_PLACE_ADJECTIVE = re.compile(r"^[A-ZÄÖÜ]\w{3,}er$")
_GENITIVE = re.compile(r"(?:e?s)$")
ACRONYM = re.compile(r"^[A-ZÄÖÜ]{2,}[a-z]?[A-ZÄÖÜ]*$")
_QUOTED = re.compile(r"""^\s?[„"»“‚']([^“”"«„»‘'\n]{3,70})[“”"«‘']""")
_PAREN_ACRONYM = re.compile(r"""^[“”"«]?\s?\(([A-ZÄÖÜ][\w.]{0,9}[A-ZÄÖÜ]\w?)\)""")
_STATES = frozenset({"Bayern", "Hessen", "Thüringen", "Saarland", "Sachsen", "Brandenburg", "Niedersachsen", "NRW",
                     "Westfalen", "Rheinland", "Deutschland", "Berlin", "Hamburg", "Bremen"})  # fmt: skip
_STATE_STARTS = {"Nordrhein": "Westfalen", "Rheinland": "Pfalz", "Baden": "Württemberg", "Sachsen": "Anhalt",
                 "Schleswig": "Holstein", "Mecklenburg": "Vorpommern", "Westfalen": "Lippe"}  # fmt: skip
_REGIONS = cue_words("region")
_BOROUGHS = cue_words("borough_before")
PLACE_LINKS = frozenset({"in", "des", "der", "im", "für", "den", "Kreis", "Stadt", "Region", "Landkreis"})
_PLACE_KINDS = frozenset({"full", "bare", "municipality"})
_SURE_BEFORE = frozenset(
    {"Stadt", "Gemeinde", "Samtgemeinde", "Kreis", "Kreises", "Landkreis", "Landkreises", "Ortsverein", "Ortsvereins",
     "Ortsverband", "Ortsverbands", "Ortsverbandes", "Stadtverband", "Stadtverbands", "Stadtverbandes", "Kreisverband",
     "Kreisverbands", "Kreisverbandes", "Ortsgruppe"}
)  # fmt: skip
"""Before a name that is mostly a common word: "Gemeinde Lage", "Ortsverein Lage"."""

_FOR = frozenset({"für", "der", "des", "zur", "gegen", "zum", "von"})
_CHAMBER = re.compile(
    r"^\s(im|in der|in|des|der)\s((?:\w+er |\w+en )?(?:Stadtrat|Kreistag|Rat der Stadt|Gemeinderat|Landtag|Bundestag|"
    r"Stadtverordnetenversammlung|Bürgerschaft|Abgeordnetenhaus|Rat|Regionalversammlung|Bezirkstag)(?:e?s)?)\b"
)
_CASE_ENDINGS = {"m": "r", "n": "s", "f": "", "p": ""}
_STATE_BODIES = frozenset({"landkreistag", "städtetag", "gemeindetag"})
"""Associations named by their Land alone: "Niedersächsischer Landkreistag"."""


@dataclass(frozen=True, slots=True)
class Head:
    """A word that a body's name is built on, and what may follow it ("place", "for", "name")."""

    head: str
    gender: str
    whole: bool
    takes: frozenset[str]
    weight: float


@cache
def _heads() -> dict[str, Head]:
    return {
        row["head"]: Head(
            row["head"], row["gender"], row["whole"] == "1", frozenset(row["takes"].split("|")), float(row["weight"])
        )
        for row in read_table("organisation_head")
    }


@lru_cache(maxsize=20_000)
def head_of(token: str) -> tuple[Head, str] | None:
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


@lru_cache(maxsize=4)
def _district_stems(lexicon: Lexicon) -> dict[str, tuple[tuple[str, ...], ...]]:
    """The words of "Rhein-Sieg-Kreis" and the like without the last, by the first one."""
    stems: dict[str, tuple[tuple[str, ...], ...]] = {}
    for district in lexicon.gazetteer.districts.values():
        *stem, last = district.name.split("-")
        if len(stem) > 1 and last == "Kreis":
            stems[stem[0]] = (*stems.get(stem[0], ()), tuple(stem))
    return stems


class NameParts:
    """The tokens of one passage as parts of names: its places, and what may stand left and right of a head."""

    def __init__(self, reading: Reading, passage: Passage) -> None:
        self.reading = reading
        self.passage = passage
        self.grid: Grid = passage.grid
        self.places: dict[int, int] = {}
        self.adjectives: dict[int, tuple[PlaceName, ...]] = {}
        self.ending = {match.last: match for match in passage.matches}
        for match in passage.matches:
            if self._is_place(match):
                self.places[match.first] = match.last
            forms = tuple(name for name in match.names if isinstance(name, PlaceName) and name.kind == "adjective")
            if forms:
                self.adjectives[match.first] = forms
        stems = _district_stems(reading.lexicon)
        for i, token in enumerate(self.grid.tokens):
            if token in _STATES:
                both = self.grid.gaps[i + 1 : i + 2] == (HYPHEN,) and self.grid.tokens[i + 1] in _STATES
                self.places[i] = i + both  # "VdK Hessen-Thüringen"
            elif token in _STATE_STARTS and self.grid.gaps[i + 1 : i + 2] == (HYPHEN,):
                self.places.update({i: i + 1} if self.grid.tokens[i + 1] == _STATE_STARTS[token] else {})
            elif token in _REGIONS:
                self.places.setdefault(i, i)
            elif token in stems and i not in self.places:
                self._add_stem(i, stems[token])
        self._firsts: dict[int, list[int]] = {}
        for first, last in self.places.items():
            self._firsts.setdefault(last, []).append(first)

    def _add_stem(self, i: int, stems: tuple[tuple[str, ...], ...]) -> None:
        """The name of a Kreis without the word itself, as its bodies bear it: "Caritasverband Rhein-Sieg"."""
        for stem in stems:
            last = i + len(stem) - 1
            joined = all(gap == HYPHEN for gap in self.grid.gaps[i + 1 : last + 1])
            if (
                self.grid.tokens[i : last + 1] == stem
                and joined
                and self.grid.tokens[last + 1 : last + 2] != ("Kreis",)
            ):
                self.places[i] = last

    def _is_place(self, match: Match[Name]) -> bool:
        """Whether a match can be the place in a body's name: no locality, no common word."""
        before = self.grid.tokens[match.first - 1] if self.grid.gaps[match.first] == SPACE and match.first else ""
        is_risky = self.reading.lexicon.gazetteer.risks.get(self.grid.span(match.first, match.last)) == "high"
        if is_risky and before not in _SURE_BEFORE:
            return False
        kinds = _PLACE_KINDS
        if match.first and self.grid.tokens[match.first - 1] in _BOROUGHS:
            kinds = kinds | {"locality"}
        return any(isinstance(name, PlaceName) and name.kind in kinds for name in match.names)

    def is_state(self, end: int) -> bool:
        """Whether the place that ends at token `end` is a Land."""
        return self.grid.tokens[end] in _STATES or self.grid.tokens[end] in _STATE_STARTS.values()

    def left(self, i: int, head: Head, taken: set[int]) -> tuple[int, list[str]]:
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
            before = grid.tokens[first - 2] if first > 1 and grid.gaps[first - 1] == SPACE else ""
            if adjective is None and (before.islower() or before in ("Der", "Die", "Das")):
                adjective = _REGIONAL.match(token)
            if adjective:
                stem = token[: len(token) - len(adjective[1])]
                ending = "" if stem.endswith("er") else _CASE_ENDINGS[head.gender]
                joined.insert(0, stem + ending)
            elif ACRONYM.match(token) or (_PLACE_ADJECTIVE.match(token) and self._is_place_adjective(first - 1)):
                joined.insert(0, token)
            else:
                break
            first -= 1
        return first, joined

    def town_of(self, i: int) -> str | None:
        """The town an adjective form names: "Hürther" is Hürth."""
        gazetteer = self.reading.lexicon.gazetteer
        stem = self.grid.tokens[i].removesuffix("er")
        for name in self.adjectives.get(i, ()):
            town = gazetteer.town_named(name.district, stem) if name.strength > 1 else None
            if town:
                return town
        return None

    def _is_place_adjective(self, i: int) -> bool:
        return i in self.adjectives

    def stands_alone(self, i: int, head: Head, left: list[str], nominative: str) -> bool:
        """Whether a head without place or complement is a name: "Anne-Frank-Musikschule", "Deutscher Mieterbund"."""
        if left and not all(_ADJECTIVE.match(part) for part in left if part):
            return True
        if head.head in _STATE_BODIES:
            return bool(left)
        compound = len(nominative) > len(head.head) + 3
        return bool(left) and compound

    def right(self, i: int, head: Head) -> tuple[int, str]:
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
            if (town := self.places.get(last, last)) > last:  # "im Rat der | Stadt Hamm"
                words.append(grid.span(last + 1, town))
                last = town
        elif "for" in head.takes and i + 2 < len(grid) and grid.gaps[i + 1] == SPACE and grid.tokens[i + 1] in _FOR:
            complement = self._complement_end(i + 2)
            if complement is not None:
                last = complement
                words.append(" ".join(grid.span(i + 1, complement).split()))
        if "place" in head.takes:
            place = self.place_end(last)
            if place is not None:
                words.append(self.place_text(last, place))
                last = place
        if not words and "name" in head.takes:
            end = i
            while (
                end + 1 < len(grid)
                and end - i < _MAX_OWN_NAME
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

    def unit_after(self, last: int) -> int | None:
        """The token of a unit right after a name: "DRK-Kreisverband", "AWO Ortsverein"."""
        nxt = last + 1
        if nxt < len(self.grid) and self.grid.gaps[nxt] in (SPACE, HYPHEN):
            head = head_of(self.grid.tokens[nxt])
            if head and (
                head[0].head.endswith(("verband", "verein", "gruppe", "fraktion")) or head[0].head == "feuerwehr"
            ):
                return nxt
        return None

    def place_end(self, last: int) -> int | None:
        """The last token of a place right after token `last`, with "in", "des Kreises", "der Stadt" between."""
        grid = self.grid
        after_paren = self._after_paren(last)
        for i in range(last + 1, min(last + 4, len(grid))):
            if grid.gaps[last + 1] not in (SPACE, HANGING) and not after_paren:
                return None
            if i in self.places and (grid.gaps[i] == SPACE or after_paren):
                return self.places[i]
            if after_paren or grid.tokens[i] not in PLACE_LINKS:
                return None
        return None

    def adjoins(self, last: int, end: int) -> bool:
        """Whether a place stands right behind token `last`, without "in" or "im" between."""
        return self.places.get(last + 1) == end

    def _after_paren(self, last: int) -> bool:
        grid = self.grid
        return (
            last + 1 < len(grid) and re.match(r"^\)\s", grid.text[grid.ends[last] : grid.starts[last + 1]]) is not None
        )

    def place_text(self, last: int, end: int) -> str:
        """A place as it stands in a label: "Kreis Lippe" for "des Kreises Lippe"."""
        first = next((first for first in self._firsts.get(end, ()) if first > last), end)
        text = " ".join(self.grid.span(first, end).split())
        text = re.sub(r"^(Kreis|Landkreis)es? ", r"\1 ", text)
        return re.sub(r"([Kk]reis)es$", r"\1", re.sub(r"(isch)en (?=Kreis)", r"\1er ", text))

    def acronym_after(self, last: int) -> str | None:
        """The abbreviation in parentheses right behind token `last`."""
        found = _PAREN_ACRONYM.match(self.grid.text[self.grid.ends[last] : self.grid.ends[last] + 16])
        return found[1] if found else None
