"""Where a text names a party: weak words ("Grüne", "Union") only in context; associations roll up to their party."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from archive_pipeline.classify.district import leading_district
from archive_pipeline.classify.gazetteer import PlaceName, builtin_gazetteer
from archive_pipeline.classify.matcher import HYPHEN, OTHER, PARAGRAPH, SPACE
from archive_pipeline.classify.names import EntryName, Lexicon
from archive_pipeline.classify.persons import stands_behind_name
from archive_pipeline.classify.reading import Passage, Reading
from archive_pipeline.classify.stance import OFFICE_OR_BRANCH, Stance, stance_at
from archive_pipeline.classify.vocabulary import cue_words
from archive_pipeline.model import Axis

__all__ = ["ALLIANCE", "DISTINCT", "PartyMention", "in_own_line", "in_own_voice", "parties_of", "party_mentions"]

ALLIANCE = {"cdu-csu": ("cdu", "csu")}
_SILENT_KINDS = frozenset({"foundation"})
_PARTY_NOUN = re.compile(
    r"^(?:Fraktion|Fraktionen|Politiker|Politikerin|Abgeordnete[rn]?|Landtagsabgeordnete[rn]?|Landtagsfraktion|"
    r"Bundestagsfraktion|Bundestagsabgeordnete[rn]?|Ratsfraktion|Stadtratsfraktion|Kreistagsfraktion|Ortsverein|"
    r"Ortsverband|Kreisverband|Stadtverband|Landesverband|Chef|Chefin|Spitze|Vorsitzende[rn]?|Stadtrat|Stadträtin|"
    r"Kreisrat|Kreistagsmitglied|Mitglied|Mitglieder|Kandidat|Kandidatin|Antrag|Wähler|Ratsherr|Ratsfrau|Stadtverband|"
    r"Gemeinderatsfraktion|Gruppe|Ratsgruppe|Parteitag|Fraktionschef|Fraktionsvorsitzende[rn]?)$"
)
_SPEECH = cue_words("party_action")
_OWN_LINE = re.compile(
    r"(?:Quelle|Pressekontakt|Kontakt|Text|Fotos?|Bild|V\.i\.S\.d\.P\.?|ViSdP|Herausgeber|Pressestelle)\b[^\n]{0,60}$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartyMention:
    """A party named at tokens `first` to `last`; `unit` where a word of office or level goes with it."""

    passage: Passage
    first: int
    last: int
    party: str
    weak: bool
    unit: bool
    tail: bool


def parties_of(lexicon: Lexicon, name: EntryName, *, bavarian: bool = False) -> tuple[str, ...]:
    """The parties a name counts for: associations roll up, the alliance is both, foundations are none. In Bavaria the
    associations that CDU and CSU share are the CSU's."""
    entry = lexicon.parties[name.value]
    if entry.kind in _SILENT_KINDS:
        return ()
    if entry.kind == "association" and entry.parent:
        return ("csu",) if bavarian and entry.parent in ("cdu", "cdu-csu") else (entry.parent,)
    return ALLIANCE.get(entry.value, (entry.value,))


def _has_unit(passage: Passage, first: int, last: int) -> bool:
    grid = passage.grid
    if any(OFFICE_OR_BRANCH.match(grid.tokens[i]) for i in range(first, last + 1)) or _place_follows(passage, last):
        return True
    for i in range(last + 1, min(last + 3, len(grid))):
        if grid.gaps[i] in (PARAGRAPH, OTHER):
            break
        if OFFICE_OR_BRANCH.match(grid.tokens[i]):
            return True
    for i in range(first - 1, max(first - 4, -1), -1):
        if grid.gaps[i + 1] in (PARAGRAPH, OTHER):
            break
        if OFFICE_OR_BRANCH.match(grid.tokens[i]):
            return True
    return False


def _place_follows(passage: Passage, last: int) -> bool:
    """Whether a place that is no common word stands right behind a party: "SPD Lemgo", "Volt Münster" are branches."""
    return last + 1 in _first_tokens_of_places(passage)


@lru_cache(maxsize=8)
def _first_tokens_of_places(passage: Passage) -> frozenset[int]:
    risks = builtin_gazetteer().risks
    return frozenset(
        match.first
        for match in passage.matches
        if passage.grid.gaps[match.first] == SPACE
        and risks.get(passage.grid.span(match.first, match.last)) != "high"
        and any(isinstance(name, PlaceName) and name.kind in _NAMED_PLACES for name in match.names)
    )


def _weak_in_context(passage: Passage, first: int, last: int, name: EntryName, strong_tokens: frozenset[int]) -> bool:
    """Whether a weak word ("Grüne", "Linke", "Union") stands among parties or beside a party word."""
    grid = passage.grid
    token = grid.tokens[first]
    if token[0].islower():
        return False
    if name.value in DISTINCT and stands_behind_name(grid, first, last):
        return True
    follows = grid.tokens[last + 1] if last + 1 < len(grid) else ""
    if follows and grid.gaps[last + 1] == HYPHEN and (_PARTY_NOUN.match(follows) or OFFICE_OR_BRANCH.match(follows)):
        return True
    if follows.lower().endswith("fraktion") and grid.gaps[last + 1] == SPACE and name.value in DISTINCT:
        return True
    if first and (grid.tokens[first - 1] in _NOT_BEFORE_WEAK or grid.tokens[first - 1].isdigit()):
        return False
    if name.value in DISTINCT and _weak_is_distinct(passage, first, last, follows):
        return True
    near = range(max(0, first - 3), min(len(grid), last + 4))
    return any(i in strong_tokens for i in near if i < first or i > last)


def _weak_is_distinct(passage: Passage, first: int, last: int, follows: str) -> bool:
    """Whether a word that is mostly a party's name is one here: it speaks, has a place or an office, opens a title."""
    grid = passage.grid
    before = grid.tokens[first - 1] if first else ""
    spaced = bool(follows) and grid.gaps[last + 1] == SPACE
    if spaced and follows in _SPEECH:
        return True
    if _place_follows(passage, last):
        return True
    if passage.field == "title" and stance_at(passage, first, last) is Stance.SENDER:
        return True
    if any(OFFICE_OR_BRANCH.match(token) for token in grid.tokens[max(0, first - 2) : first]):
        return True
    plural = grid.tokens[first] in ("Grünen", "Linken") and before in ("die", "den", "der", "Die", "Den", "Der")
    return plural and not (spaced and follows[0].isupper())


DISTINCT = frozenset({"gruene", "linke", "volt", "fw"})
_NAMED_PLACES = frozenset({"full", "bare", "municipality"})
_NOT_BEFORE_WEAK = frozenset({"Europäische", "Europäischen", "Afrikanische", "Afrikanischen"})


def _is_bavarian(reading: Reading) -> bool:
    """Whether the Union of a release is the CSU: by its own name, or by the district."""
    if "CDU" in reading.words:
        return False
    return "CSU" in reading.words or (leading_district(reading) or reading.source_district or "").startswith("09")


def in_own_voice(passage: Passage, first: int) -> bool:
    """Whether the party names itself: "Wir Grüne", "für uns Linke", "wir als FDP"."""
    tokens, gaps = passage.grid.tokens, passage.grid.gaps
    i = first - 1
    if i >= 1 and tokens[i] in ("als", "in", "von") and gaps[i] == SPACE:
        i -= 1
    return i >= 0 and gaps[i + 1] == SPACE and tokens[i] in ("wir", "Wir", "uns", "Uns")


@lru_cache(maxsize=8)
def party_mentions(reading: Reading) -> tuple[PartyMention, ...]:
    """Every mention of a party in title and text, weak words only in context."""
    return tuple(_party_mentions(reading))


def _party_mentions(reading: Reading) -> Iterator[PartyMention]:
    lexicon = reading.lexicon
    bavarian = _is_bavarian(reading)
    own = {reading.source_party, reading.host_party}
    for passage in reading.passages:
        found: list[tuple[int, int, EntryName]] = []
        strong: set[int] = set()
        for match in passage.matches:
            names = [name for name in match.names if isinstance(name, EntryName) and name.axis is Axis.PARTY]
            if not names:
                continue
            found += [(match.first, match.last, name) for name in names]
            if any(not name.weak for name in names):
                strong.update(range(match.first, match.last + 1))
        named = {
            party for _, _, name in found if not name.weak for party in parties_of(lexicon, name, bavarian=bavarian)
        }
        strong_tokens = frozenset(strong)
        begins: dict[int, int] = {}
        for begin, last, name in found:
            if _is_of_another(passage, last, lexicon.parties[name.value].kind, strong):
                begins[last + 2] = begin
                continue
            first = begins.get(begin, begin)
            for party in parties_of(lexicon, name, bavarian=bavarian):
                if name.weak and not _accept_weak(passage, first, last, name, party, own, named, strong_tokens):
                    continue
                yield PartyMention(
                    passage=passage,
                    first=first,
                    last=last,
                    party=party,
                    weak=name.weak,
                    unit=_has_unit(passage, first, last),
                    tail=first >= passage.body_end or in_own_line(passage, first),
                )


def _is_of_another(passage: Passage, last: int, kind: str | None, strong: set[int]) -> bool:
    """Whether an association says itself whose it is: "Frauen-Union der CSU"."""
    tokens = passage.grid.tokens
    return kind == "association" and tokens[last + 1 : last + 2] == ("der",) and last + 2 in strong


def _accept_weak(
    passage: Passage, first: int, last: int, name: EntryName, party: str, own: set[str | None], named: set[str],
    strong_tokens: frozenset[int],
) -> bool:  # fmt: skip
    if name.value in ("cdu", "csu") and passage.grid.tokens[first].startswith("Union"):
        return False  # the alliance carries the word
    if first in strong_tokens:
        return False
    if passage.grid.tokens[first][0].isupper() and in_own_voice(passage, first):
        return True
    if _weak_in_context(passage, first, last, name, strong_tokens):
        return True
    capital = passage.grid.tokens[first][0].isupper()
    article = first > 0 and passage.grid.tokens[first - 1] in ("die", "Die", "der", "Der", "den", "Den", "wir", "Wir")
    return capital and article and (party in own or party in named)


def in_own_line(passage: Passage, first: int) -> bool:
    """Whether the mention stands behind "Quelle:", "Foto:" or the like."""
    grid = passage.grid
    start = grid.text.rfind("\n", 0, grid.starts[first]) + 1
    return _OWN_LINE.match(grid.text[start : grid.starts[first]]) is not None
