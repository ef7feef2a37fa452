"""Persons with a stated office, function or party; private persons are never recorded.

A name is a known given name with what follows, or two capitalised words beside an office or a verb of speech. The
same finder serves the quotes, which need every name.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from archive_pipeline.classify.matcher import DOT, HANGING, HYPHEN, OTHER, PARAGRAPH, SPACE, Grid, Match
from archive_pipeline.classify.names import EntryName, LexiconSource, Name
from archive_pipeline.classify.reading import Passage, Reading, read
from archive_pipeline.classify.vocabulary import cue_words
from archive_pipeline.model import Article, Axis, Finding, Person, Source

__all__ = ["ACADEMIC_TITLES", "OFFICE", "NamedPerson", "PersonClassifier", "find_persons", "stands_behind_name"]

OFFICE = re.compile(
    r"(?:abgeordnete[rn]?|(?:^|[a-zß])leiter(?:in)?s?|vorsitzende[rn]?|vorsitzenden?|sprecher(?:in)?s?|"
    r"geschäftsführer(?:in)?s?|landrats?|landrätin|bürgermeister(?:in)?s?|minister(?:in)?s?|präsident(?:in|en)?|"
    r"sekretär(?:in)?s?|dezernent(?:in|en)?|direktor(?:in)?s?|(?:^|[a-zß])chef(?:in)?s?|pfarrer(?:in)?s?|"
    r"professor(?:in)?s?|beauftragte[rn]?|kandidat(?:in|en)?|stadtrat|stadträtin|kreisrat|kreisrätin|kämmerer|"
    r"kämmerin|intendant(?:in|en)?|referent(?:in|en)?|manager(?:in)?s?|vorstand|vorständin|moderator(?:in)?s?|"
    r"senator(?:in)?s?|kanzler(?:in)?s?|bischof|bischöfin|rektor(?:in)?s?|kommandant(?:in|en)?|wehrführer(?:in)?|"
    r"brandmeister(?:in)?|inspekteur(?:in)?|beigeordnete[rn]?|ortsvorsteher(?:in)?|koordinator(?:in)?|"
    r"botschafter(?:in)?|ratsherr|ratsfrau|fraktionschef(?:in)?|(?:tags|rats)mitglied|stadtverordnete[rn]?|"
    r"superintendent(?:in|en)?|pastor(?:in)?|vikar(?:in)?|obmann|obfrau|experte|expertin|politiker(?:in)?s?|"
    r"generalsekretär(?:in)?|staatssekretär(?:in)?|schulrat|schulrätin|dekan(?:in)?|amtsleiter(?:in)?)$",
    re.IGNORECASE,
)
"""Words of office, function or mandate, alone or as the end of a compound."""

_SEAT = frozenset({"MdB", "MdL", "MdEP", "MdA", "MdHB", "MdBB"})
_PARTICLES = frozenset({"von", "van", "zu", "de", "der", "den", "la", "el", "al", "ten", "del", "da"})
_FORMS = frozenset({"Herr", "Herrn", "Frau"})
ACADEMIC_TITLES = frozenset({"Dr", "Prof", "Dipl", "Ing", "h", "c"})
"""What can stand between an office and a name."""

_ARTICLES = frozenset({"der", "die", "das", "dem", "den", "des", "ein", "eine", "Der", "Die"})
_MAX_TITLES = 12
"""Tokens of the titles before a name: "Frau Prof. Dr. Dr. h. c."."""

_ROLE_WINDOW = 9
_MAX_ROLE = 70
_APPOSITION_REACH = 22


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPerson:
    """A name at tokens `first` to `last`. `full` is the fullest form in the text, `office` the bare word of office."""

    passage: Passage
    first: int
    last: int
    full: str
    role: str | None = None
    party: str | None = None
    office: str | None = None

    @property
    def surname(self) -> str:
        """The last word of the name."""
        return self.full.rsplit(" ", 1)[-1]


@lru_cache(maxsize=50_000)
def _is_office(token: str) -> bool:
    """Asked for most words of a text, and texts share most of their words."""
    return OFFICE.search(token) is not None


def _is_name_word(token: str) -> bool:
    return token[0].isupper() and token[-1].isalpha() and (not token.isupper() or len(token) == 1)


def stands_behind_name(grid: Grid, first: int, last: int) -> bool:
    """Whether tokens stand alone in parentheses behind a word with a capital: "Eva Muster (Grüne)"."""
    opening = grid.text[grid.ends[first - 1] : grid.starts[first]] if first else ""
    behind = grid.text[grid.ends[last] : grid.ends[last] + 1]
    capitals = grid.tokens[first][0].isupper() and grid.tokens[first - 1][0].isupper()
    return opening == " (" and behind == ")" and capitals


class _Finder:
    def __init__(self, reading: Reading, passage: Passage) -> None:
        self.reading = reading
        self.passage = passage
        self.grid: Grid = passage.grid
        self.given = reading.lexicon.given_names
        self.speech = cue_words("speech")
        self.parties = self._party_at()

    def _party_at(self) -> dict[int, str]:
        """Party by token, associations rolled up."""
        found = {}
        for match in self.passage.matches:
            for name in match.names:
                if isinstance(name, EntryName) and name.axis is Axis.PARTY and self._means_party(name, match):
                    entry = self.reading.lexicon.parties[name.value]
                    if entry.kind != "foundation":
                        rolled = entry.parent if entry.kind == "association" and entry.parent else entry.value
                        for i in range(match.first, match.last + 1):
                            found[i] = rolled
        return found

    def _means_party(self, name: EntryName, match: Match[Name]) -> bool:
        """A weak name ("Grünen") means the party where an office is joined to it ("Grünen-Fraktionsvorsitzende"), or
        where it stands in parentheses behind a name."""
        grid, last = self.grid, match.last
        joined = last + 1 < len(grid) and grid.gaps[last + 1] == HYPHEN
        return (
            not name.weak
            or (joined and _is_office(grid.tokens[last + 1]))
            or stands_behind_name(grid, match.first, match.last)
        )

    def find(self) -> Iterator[NamedPerson]:
        """Every full name, left to right."""
        i, grid = 0, self.grid
        while i < len(grid) - 1:
            last = self._name_end(i)
            if last is not None:
                yield self._person(i, last)
                i = last + 1
            else:
                i += 1

    def _name_end(self, i: int) -> int | None:
        """The last token of the full name that begins at token i, or None."""
        grid, token = self.grid, self.grid.tokens[i]
        if not _is_name_word(token) or len(token) < 2 or (i and grid.gaps[i] == HYPHEN):
            return None
        known = token in self.given
        if not known and not self._introduced(i):
            return None
        return self._surname_end(i, known)

    def _introduced(self, i: int) -> bool:
        """Whether an office, a title or "so" stands right before token i."""
        grid = self.grid
        if not i or grid.gaps[i] not in (SPACE, DOT) or _is_office(grid.tokens[i]):
            return False
        before = grid.tokens[i - 1]
        return before in ACADEMIC_TITLES or (grid.gaps[i] == SPACE and (before == "so" or _is_office(before)))

    def _surname_end(self, i: int, known: bool) -> int | None:
        grid, end, capitals = self.grid, None, 0
        j = i + 1
        while j < len(grid) and j - i < 7:
            token, gap = grid.tokens[j], grid.gaps[j]
            initial = len(token) == 1 and token.isupper()
            after_initial = gap == DOT and len(grid.tokens[j - 1]) == 1
            if gap not in (SPACE, HYPHEN) and not after_initial:
                break
            if gap == HYPHEN and not token[0].isupper():
                break
            if token in _PARTICLES and end is None:
                j += 1
                continue
            if token in _SEAT or not _is_name_word(token) or (OFFICE.search(token) and gap != HYPHEN):
                break
            if not initial:
                if gap == SPACE and end is not None and not self._still_given(j - 1):
                    break
                end = j
                capitals += 1
            j += 1
        if end is None or (not known and capitals > 3):
            return None
        return end

    def _still_given(self, j: int) -> bool:
        """Whether token j is one more given name, so that the surname is still to come."""
        return self.grid.tokens[j] in self.given and self.grid.gaps[j] in (SPACE, HYPHEN, DOT)

    def _person(self, first: int, last: int) -> NamedPerson:
        full = " ".join(self.grid.span(first, last).split())
        role, party, office = self._before(first)
        after_role, after_party = self._after(last)
        if office is None and after_role:
            office = next((word for word in after_role.split() if OFFICE.search(word)), None)
        roles = [part for part in (role, after_role) if part]
        return NamedPerson(
            passage=self.passage,
            first=first,
            last=last,
            full=full,
            role=", ".join(dict.fromkeys(part.replace("- ", "-") for part in roles)) or None,
            party=party or after_party,
            office=office,
        )

    def _before(self, first: int) -> tuple[str | None, str | None, str | None]:
        """Office, party and bare word of office right before a name."""
        grid, i = self.grid, first - 1
        while (
            i >= max(0, first - _MAX_TITLES)
            and (grid.tokens[i] in ACADEMIC_TITLES or grid.tokens[i] in _FORMS)
            and grid.gaps[i + 1] in (SPACE, DOT)
        ):
            i -= 1
        if i < 0 or grid.gaps[i + 1] not in (SPACE, OTHER, DOT) or (grid.gaps[i + 1] == OTHER and not self._comma(i)):
            return self._apposition(i)
        token = grid.tokens[i]
        if not OFFICE.search(token) or (grid.gaps[i + 1] == DOT and grid.tokens[i + 1] not in ACADEMIC_TITLES):
            return self._apposition(i)
        start = i
        while start and grid.gaps[start] in (HYPHEN, HANGING) and grid.tokens[start - 1][0].isupper():
            start -= 1
        party = next((self.parties[k] for k in range(start, i + 1) if k in self.parties), None)
        if party is None and start and grid.gaps[start] == SPACE:
            party = self.parties.get(start - 1)
        return " ".join(grid.span(start, i).split()), party, token

    def _comma(self, i: int) -> bool:
        return self.grid.text[self.grid.ends[i] : self.grid.starts[i + 1]].strip() == ","

    def _apposition(self, i: int) -> tuple[str | None, str | None, str | None]:
        """ "Der Leiter des Zentrums, Bernd Laprell": an office some words before, up to the article."""
        grid = self.grid
        if i < 0 or not (grid.gaps[i + 1] == OTHER and self._comma(i)):
            return None, None, None
        for k in range(i, max(-1, i - _ROLE_WINDOW), -1):
            if grid.gaps[k + 1] == PARAGRAPH or (grid.gaps[k + 1] == DOT and k < i):
                break
            if OFFICE.search(grid.tokens[k]):
                start = k
                while start and grid.gaps[start] in (HYPHEN, HANGING) and grid.tokens[start - 1][0].isupper():
                    start -= 1
                party = next((self.parties[x] for x in range(start, i + 1) if x in self.parties), None)
                return " ".join(grid.span(start, i).split()), party, grid.tokens[k]
        return None, None, None

    def _after(self, last: int) -> tuple[str | None, str | None]:
        """Seat, apposition or parenthesis right after a name."""
        grid, i = self.grid, last + 1
        if i >= len(grid):
            return None, None
        if grid.tokens[i] in _SEAT and grid.gaps[i] in (SPACE, OTHER):
            return grid.tokens[i], self._party_near(i, i + 3) or self._party_of_apposition(i)
        gap = grid.text[grid.ends[last] : grid.starts[i]]
        if gap.strip() == "(":
            return self._parenthesis(i)
        if gap.strip() not in (",", "–", "-", ", "):
            return self._loose(i)
        k = i
        while k < len(grid) and k - i < 5:
            if k > i and grid.gaps[k] in (PARAGRAPH, DOT, OTHER):
                break
            if OFFICE.search(grid.tokens[k]):
                return (None, None) if self._is_of_next_name(k) else self._phrase(i, k)
            k += 1
        return None, None

    def _is_of_next_name(self, office: int) -> bool:
        """Whether an office belongs to a person named behind it: "Landrat Kurt Muster, Dekan Dr. Hans Beispiel"."""
        grid, i = self.grid, office + 1
        while i < len(grid) and grid.tokens[i] in ACADEMIC_TITLES and grid.gaps[i] in (SPACE, DOT):
            i += 1
        if i + 1 >= len(grid) or grid.gaps[i] not in (SPACE, DOT) or grid.gaps[i + 1] not in (SPACE, HYPHEN):
            return False
        return grid.tokens[i] in self.given and grid.tokens[i + 1][0].isupper()

    def _party_of_apposition(self, seat: int) -> str | None:
        """ "Eva Muster MdB – der Leiterin des Arbeitskreises der KPV": the party of the office behind a seat."""
        grid, i = self.grid, seat + 1
        if i + 1 >= len(grid) or grid.text[grid.ends[seat] : grid.starts[i]].strip() not in (",", "–", "-"):
            return None
        office = any(OFFICE.search(token) for token in grid.tokens[i : i + 3])
        return self._party_near(i, i + _APPOSITION_REACH) if office else None

    def _loose(self, i: int) -> tuple[str | None, str | None]:
        """ "Eva Muster die neue Teilhabemanagerin", "Eva Muster vom DRK", "Eva Muster von der CDU": an office, a body
        or a party without a comma."""
        grid = self.grid
        if grid.tokens[i : i + 2] in (("von", "der"), ("von", "den")) and i + 2 in self.parties:
            return None, self._party_near(i + 2, i + 2)
        if grid.gaps[i] == SPACE and grid.tokens[i] == "vom" and grid.gaps[i + 1 : i + 2] == (SPACE,):
            body = grid.tokens[i + 1]
            return (body, None) if body.isupper() and len(body) > 1 else (None, None)
        if grid.gaps[i] == SPACE and grid.tokens[i] in ("die", "der", "als"):
            for k in range(i + 1, min(i + 4, len(grid))):
                if OFFICE.search(grid.tokens[k]):
                    return grid.tokens[k], self.parties.get(k)
                if grid.tokens[k][0].isupper() or grid.gaps[k] != SPACE:
                    break
        return None, None

    def _phrase(self, i: int, office: int) -> tuple[str, str | None]:
        grid = self.grid
        start = i + 1 if grid.tokens[i] in _ARTICLES and i < office else i
        end = office
        while end + 1 < len(grid) and end - office < 6 and grid.gaps[end + 1] in (SPACE, HYPHEN):
            if grid.tokens[end + 1] in self.speech or (grid.tokens[end + 1].islower() and end - office > 2):
                break
            end += 1
        while end > office and not grid.tokens[end][0].isupper():
            end -= 1
        return " ".join(grid.span(start, end).split()), self._party_near(start, end + 8)

    def _parenthesis(self, i: int) -> tuple[str | None, str | None]:
        """ "(SPD)", "(KAI Hückelhoven)", "(DRK-Kreisgeschäftsführer)": a party, a body or an office."""
        grid = self.grid
        end = grid.text.find(")", grid.starts[i], grid.starts[i] + 70)
        if end < 0:
            return None, None
        last = i
        while last + 1 < len(grid) and grid.ends[last + 1] <= end:
            last += 1
        party = self._party_near(i, last)
        inside = " ".join(grid.span(i, last).split())
        matches = self.passage.matches
        within = slice(*(bisect_left(matches, place, key=lambda match: match.first) for place in (i, last + 1)))
        body = any(
            isinstance(name, EntryName) and name.axis is Axis.ORGANISATION
            for match in matches[within]
            for name in match.names
        )
        office = any(OFFICE.search(token) for token in grid.tokens[i : last + 1])
        acronym = grid.tokens[i].isupper() and len(grid.tokens[i]) > 2 and last > i
        if party and last - i < 2 and not office:
            return self._behind_parenthesis(last), party
        return (inside, party) if body or office or acronym else (None, party)

    def _behind_parenthesis(self, last: int) -> str | None:
        """ "Eva Muster (SPD), Sprecherin ihrer Fraktion": the office behind the party."""
        grid, i = self.grid, last + 1
        if i >= len(grid) or grid.text[grid.ends[last] : grid.starts[i]] != "), ":
            return None
        for k in range(i, min(i + 4, len(grid))):
            if k > i and grid.gaps[k] not in (SPACE, HYPHEN):
                break
            if OFFICE.search(grid.tokens[k]):
                return self._phrase(i, k)[0]
        return None

    def _party_near(self, first: int, last: int) -> str | None:
        for k in range(first, min(last + 1, len(self.grid))):
            if k > first and self.grid.gaps[k] in (PARAGRAPH, DOT):
                return None
            if k in self.parties:
                party = self.parties[k]
                return "cdu" if party == "cdu-csu" else party
        return None


def _shortened(role: str) -> str:
    """A role of at most _MAX_ROLE characters, cut between words."""
    return role if len(role) <= _MAX_ROLE else role[:_MAX_ROLE].rsplit(" ", 1)[0].rstrip(",")


@lru_cache(maxsize=8)
def find_persons(reading: Reading) -> tuple[NamedPerson, ...]:
    """Every full name in the text with office, function and party; facts of one name are shared by its mentions."""
    found = list(_Finder(reading, reading.text).find()) if len(reading.text.grid) > 1 else []
    # "so Schulte-Muster" is who was named in full
    fuller = {person.surname: person.full for person in reversed(found) if " " in person.full}
    found = [replace(person, full=fuller.get(person.full, person.full)) for person in found]
    for i, person in enumerate(found[1:]):
        pair = found[i].last + 2 == person.first and reading.text.grid.tokens[person.first - 1] == "und"
        if pair and person.role and person.role.isupper() and not found[i].role:
            found[i] = replace(found[i], role=person.role)
    roles: dict[str, dict[str, None]] = {}
    parties: dict[str, str] = {}
    for person in found:
        if person.role:
            roles.setdefault(person.full, {})[person.role] = None
        if person.party:
            parties.setdefault(person.full, person.party)
    return tuple(
        replace(
            person,
            role=_shortened(", ".join(roles.get(person.full, ()))) or None,
            party=person.party or parties.get(person.full),
        )
        for person in found
    )


class PersonClassifier:
    """Records office-holders, spokespersons and party members by name, once each."""

    def __init__(self, lexicon: LexiconSource) -> None:
        self._lexicon = lexicon
        self.version = lexicon.version

    def classify(self, article: Article, source: Source) -> Sequence[Finding]:
        """Persons with office, function or party, in order of first mention."""
        reading = read(article, source, self._lexicon())
        if not reading.german:
            return ()
        persons: dict[str, Person] = {}
        for named in find_persons(reading):
            if (named.role or named.party) and named.full not in persons:
                evidence = named.passage.evidence(named.first, named.last)
                persons[named.full] = Person(
                    name=named.full, role=named.role, party=named.party, start=evidence.start, end=evidence.end
                )
        return tuple(persons.values())
