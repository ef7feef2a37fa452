"""Party: who issues a release, whom it is about, who is merely mentioned.

The issuer comes from the source, the host, the title, the function of the first speaker, the source line: never from
how often a party is named, since opponents are often named more. Associations count as their party, foundations don't.
A local voter group is bound to its place: `uwg@05370`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from archive_pipeline.classify.calibration import calibrate
from archive_pipeline.classify.district import leading_district
from archive_pipeline.classify.gazetteer import PlaceName, builtin_gazetteer
from archive_pipeline.classify.matcher import HYPHEN, OTHER, PARAGRAPH, SPACE
from archive_pipeline.classify.names import EntryName, Lexicon, LexiconSource
from archive_pipeline.classify.organisation_names import find_bodies, find_sender
from archive_pipeline.classify.persons import find_persons
from archive_pipeline.classify.quotes import find_quotes, marked_spans
from archive_pipeline.classify.reading import Passage, Reading, read
from archive_pipeline.classify.stance import OFFICE_OR_BRANCH, Stance, stance_at
from archive_pipeline.classify.vocabulary import cue_words
from archive_pipeline.model import Article, Axis, Evidence, Finding, Role, Source, Tag

__all__ = ["PartyClassifier", "PartyMention", "party_mentions"]

_ISSUER_POINTS = 2.0
_SENDER_POINTS = 5.0
_OTHER_SENDER_POINTS = -2.5
_FIRST_SPEAKER_POINTS = 1.5
_QUOTED_POINTS = 0.1
_OBJECT_POINTS = 0.2
_OPENING_POINTS = 2.0
"""Who says something first, in title or text, opens the release; whoever does so later answers."""

_LATER_POINTS = 0.75
_UNION = frozenset({"cdu", "csu"})

_ALLIANCE = {"cdu-csu": ("cdu", "csu")}
_LOCAL_TYPES = frozenset({"uwg", "fwg", "waehlergruppe"})
_SILENT_KINDS = frozenset({"foundation"})

_PARTY_NOUN = re.compile(
    r"^(?:Fraktion|Fraktionen|Politiker|Politikerin|Abgeordnete[rn]?|Landtagsabgeordnete[rn]?|Landtagsfraktion|"
    r"Bundestagsfraktion|Bundestagsabgeordnete[rn]?|Ratsfraktion|Stadtratsfraktion|Kreistagsfraktion|Ortsverein|"
    r"Ortsverband|Kreisverband|Stadtverband|Landesverband|Chef|Chefin|Spitze|Vorsitzende[rn]?|Stadtrat|Stadträtin|"
    r"Kreisrat|Kreistagsmitglied|Mitglied|Mitglieder|Kandidat|Kandidatin|Antrag|Wähler|Ratsherr|Ratsfrau|Stadtverband|"
    r"Gemeinderatsfraktion|Gruppe|Ratsgruppe|Parteitag|Fraktionschef|Fraktionsvorsitzende[rn]?)$"
)
_SPEECH = cue_words("party_action")
_FIRST_PERSON = cue_words("first_person")
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


@dataclass(slots=True)
class _Candidate:
    points: float = 0.0
    about: float = 0.0
    count: int = 0
    strong: bool = False
    evidence: list[tuple[float, Evidence]] = field(default_factory=list)


def _resolve(lexicon: Lexicon, name: EntryName) -> tuple[str, ...]:
    """The parties a name counts for: associations roll up, the alliance is both, foundations are none."""
    entry = lexicon.parties[name.value]
    if entry.kind in _SILENT_KINDS:
        return ()
    if entry.kind == "association" and entry.parent:
        return (entry.parent,)
    return _ALLIANCE.get(entry.value, (entry.value,))


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
    risks = builtin_gazetteer().risks
    return any(
        match.first == last + 1
        and passage.grid.gaps[match.first] == SPACE
        and risks.get(passage.grid.span(match.first, match.last)) != "high"
        and any(isinstance(name, PlaceName) and name.kind in _NAMED_PLACES for name in match.names)
        for match in passage.matches
    )


def _weak_in_context(passage: Passage, first: int, last: int, name: EntryName, strong_tokens: frozenset[int]) -> bool:
    """Whether a weak word ("Grüne", "Linke", "Union") stands among parties or beside a party word."""
    grid = passage.grid
    token = grid.tokens[first]
    if token[0].islower():
        return False
    follows = grid.tokens[last + 1] if last + 1 < len(grid) else ""
    if follows and grid.gaps[last + 1] == HYPHEN and _PARTY_NOUN.match(follows):
        return True
    if first and (grid.tokens[first - 1] in _NOT_BEFORE_WEAK or grid.tokens[first - 1].isdigit()):
        return False
    if name.value in _DISTINCT and _weak_is_distinct(passage, first, last, follows):
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


_DISTINCT = frozenset({"gruene", "linke", "volt", "fw"})
_NAMED_PLACES = frozenset({"full", "bare", "municipality"})
_NOT_BEFORE_WEAK = frozenset({"Europäische", "Europäischen", "Afrikanische", "Afrikanischen"})


def party_mentions(reading: Reading) -> Iterator[PartyMention]:
    """Every mention of a party in title and text, weak words only in context."""
    lexicon = reading.lexicon
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
        named = {party for _, _, name in found if not name.weak for party in _resolve(lexicon, name)}
        strong_tokens = frozenset(strong)
        begins: dict[int, int] = {}
        for begin, last, name in found:
            if _is_of_another(passage, last, lexicon.parties[name.value].kind, strong):
                begins[last + 2] = begin
                continue
            first = begins.get(begin, begin)
            for party in _resolve(lexicon, name):
                if name.weak and not _accept_weak(passage, first, last, name, party, own, named, strong_tokens):
                    continue
                yield PartyMention(
                    passage=passage,
                    first=first,
                    last=last,
                    party=party,
                    weak=name.weak,
                    unit=_has_unit(passage, first, last),
                    tail=first >= passage.body_end or _in_own_line(passage, first),
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
    if _weak_in_context(passage, first, last, name, strong_tokens):
        return True
    capital = passage.grid.tokens[first][0].isupper()
    article = first > 0 and passage.grid.tokens[first - 1] in ("die", "Die", "der", "Der", "den", "Den", "wir", "Wir")
    return capital and article and (party in own or party in named)


def _in_own_line(passage: Passage, first: int) -> bool:
    """Whether the mention stands behind "Quelle:", "Foto:" or the like."""
    grid = passage.grid
    start = grid.text.rfind("\n", 0, grid.starts[first]) + 1
    return _OWN_LINE.match(grid.text[start : grid.starts[first]]) is not None


def _speaks(passage: Passage, mention: PartyMention) -> bool:
    """A verb of speech or action within reach of a party's function: the speaker's party."""
    tokens = passage.grid.tokens
    low, high = max(0, mention.first - 9), min(len(tokens), mention.last + 10)
    return any(tokens[i] in _SPEECH for i in range(low, high))


def _acts(passage: Passage, mention: PartyMention) -> bool:
    """Whether a verb of speech or action stands by a party: "Die FDP im Kreistag beantragt …", "findet die SPD"."""
    tokens = passage.grid.tokens
    after = tokens[mention.last + 1 : mention.last + 6]
    return any(token in _SPEECH for token in (*tokens[max(0, mention.first - 2) : mention.first], *after))


def _issuer_points(reading: Reading, mention: PartyMention, stance: Stance, first_speaker: bool) -> float:
    """What one mention adds to the case that its party issues the release."""
    passage, grid = mention.passage, mention.passage.grid
    if mention.tail:
        return 2.0
    before = grid.tokens[max(0, mention.first - 3) : mention.first]
    own = 1.0 if any(token in _FIRST_PERSON for token in before) else 0.0
    if passage.field == "text" and _is_quoted(reading, grid.starts[mention.first]):
        return own or _QUOTED_POINTS
    if stance is Stance.OBJECT and not own:
        return _OBJECT_POINTS
    return own + (
        _title_points(mention, stance) if passage.field == "title" else _text_points(mention, stance, first_speaker)
    )


def _title_points(mention: PartyMention, stance: Stance) -> float:
    if stance is Stance.SENDER:
        return 4.0
    if stance in (Stance.SUBJECT, Stance.VIEW):
        return 2.5 if _acts(mention.passage, mention) or mention.first <= 1 else 1.5
    return 0.75


def _text_points(mention: PartyMention, stance: Stance, first_speaker: bool) -> float:
    points = 0.0
    acts = _acts(mention.passage, mention)
    if stance is Stance.SENDER:
        return 3.0
    if mention.first < mention.passage.lead:
        points += 0.75 + (1.0 if mention.unit else 0.0)
        if stance in (Stance.SUBJECT, Stance.VIEW):
            points += 1.0 + (1.0 if stance is Stance.VIEW else 0.75 if acts else 0.0)
    elif stance is Stance.VIEW or (stance is Stance.SUBJECT and acts):
        points += 0.75
    if mention.unit and _speaks(mention.passage, mention):
        points += 1.0 if first_speaker else 0.25
    return points


@lru_cache(maxsize=8)
def _quoted_spans(reading: Reading) -> tuple[tuple[int, int], ...]:
    return tuple((span.start, span.end) for span in marked_spans(reading.text.grid.text))


def _is_quoted(reading: Reading, offset: int) -> bool:
    return any(start <= offset < end for start, end in _quoted_spans(reading))


_PARTY_OFFICE = re.compile(
    r"vorsitzende|sprecher|fraktion|abgeordnete|stadtverordnete|mitglied|kandidat|md[blep]+\b|rats?(?:herr|frau)|politiker|"
    r"generalsekretär|chef",
    re.IGNORECASE,
)


def _first_speaker_party(reading: Reading) -> str | None:
    """The party of the first person who is quoted, if that person speaks for it and not for a state office."""
    speaker = next((quote.speaker for quote in find_quotes(reading) if quote.speaker), None)
    for person in find_persons(reading) if speaker else ():
        if person.full == speaker and person.party and _PARTY_OFFICE.search(person.role or ""):
            return person.party
    return None


def _office_holder(reading: Reading, mention: PartyMention) -> str | None:
    """The surname of the person a party's function belongs to: "die FDP-Abgeordnete Eva Beispiel"."""
    if not mention.unit:
        return None
    grid, given = mention.passage.grid, reading.lexicon.given_names
    for i in range(mention.last + 1, min(mention.last + 7, len(grid) - 1)):
        if grid.gaps[i] == PARAGRAPH:
            break
        if grid.tokens[i] in given and grid.gaps[i + 1] in (SPACE, HYPHEN) and grid.tokens[i + 1][0].isupper():
            follower = i + 1
            while grid.tokens[follower] in given and follower + 1 < len(grid):
                follower += 1
            return grid.tokens[follower]
    return None


def _holder_points(reading: Reading, surname: str) -> float:
    """More points where the office-holder speaks again, or stands in the line that names the sender."""
    article = reading.article
    lines = " ".join(filter(None, (article.source_line, article.contact, article.author)))
    if re.search(rf"\b{re.escape(surname)}\b", lines):
        return 2.0
    passage = reading.text
    tokens = passage.grid.tokens
    points = 0.0
    for i, token in enumerate(tokens):
        if token != surname:
            continue
        if i >= passage.body_end or _in_own_line(passage, i):
            return 2.0
        if any(word in _SPEECH for word in tokens[max(0, i - 3) : i + 3]):
            points = 1.0
    return points


_OTHER = "another body"


def _other_opens(reading: Reading) -> bool:
    """Whether a body that is no party opens title or text and says or does something: then it speaks."""
    for body in find_bodies(reading):
        if body.first <= 1 and body.base not in reading.lexicon.parties and not _PARTY_BODY.search(body.label):
            following = body.passage.grid.tokens[body.last + 1 : body.last + 4]
            if any(token in _SPEECH or token in _MEETS for token in following):
                return True
    return False


_PARTY_BODY = re.compile(r"fraktion|^(?:CDU|CSU|SPD|FDP|AfD|BSW|SSW|ÖDP|GRÜNE|Junge Union|Jus)", re.IGNORECASE)
_MEETS = frozenset({"sprach", "diskutierte", "lud", "trifft", "lobt", "lobte", "empfing", "beriet"})


def _collect(reading: Reading) -> dict[str, _Candidate]:
    candidates: dict[str, _Candidate] = {}
    spoken: tuple[str, int] | None = None
    opener = _OTHER if _other_opens(reading) else None
    for mention in party_mentions(reading):
        candidate = candidates.setdefault(mention.party, _Candidate())
        place = (mention.passage.field, mention.first)
        first_speaker = spoken in (None, place)
        if mention.unit and mention.passage.field == "text" and _speaks(mention.passage, mention):
            spoken = spoken or place
        stance = stance_at(mention.passage, mention.first, mention.last)
        points = _issuer_points(reading, mention, stance, first_speaker)
        if opener not in (None, mention.party) and not {opener, mention.party} <= _UNION:
            points = min(points, _LATER_POINTS if not mention.tail else points)
        elif points >= _OPENING_POINTS:
            opener = mention.party
        holder = _office_holder(reading, mention) if mention.unit and first_speaker and points >= 1 else None
        if holder:
            points += _holder_points(reading, holder)
        candidate.count += 1
        candidate.strong |= not mention.weak
        candidate.points = max(candidate.points, points) + 0.4 * min(candidate.points, points)
        in_lead = mention.passage.field == "title" or mention.first < mention.passage.lead
        candidate.about += 1.0 if in_lead else 0.3
        candidate.evidence.append((points, mention.passage.evidence(mention.first, mention.last)))
    speaker = _first_speaker_party(reading)
    for party, candidate in candidates.items():
        if party == speaker:
            candidate.points += _FIRST_SPEAKER_POINTS + (1.0 if opener in (None, speaker) else 0.0)
        candidate.points += 0.25 if len(candidates) == 1 and candidate.points >= 1.0 else 0.0
    return candidates


def _sender_points(reading: Reading) -> dict[str, float]:
    """Parties in the lines that name who sends a release, the first one only, and in photo credits."""
    points: dict[str, float] = {}
    for credit in reading.article.credits:
        for word in re.findall(r"[\w/-]+", credit.text) if credit.kind == "photo" else ():
            for party, entry in reading.lexicon.parties.items():
                if word in entry.surfaces and entry.kind == "party":
                    points[party] = 1.0
    for match in reading.sender.matches:
        for name in match.names:
            if isinstance(name, EntryName) and name.axis is Axis.PARTY:
                parties = _resolve(reading.lexicon, name)
                if parties and (not name.weak or name.value in _DISTINCT):
                    return points | dict.fromkeys(parties, _SENDER_POINTS)
    return points


def _apply_subtitle(reading: Reading, candidates: dict[str, _Candidate]) -> None:
    for match in reading.subtitle.matches:
        for name in match.names:
            if isinstance(name, EntryName) and name.axis is Axis.PARTY and not name.weak:
                for party in _resolve(reading.lexicon, name):
                    candidate = candidates.setdefault(party, _Candidate(strong=True))
                    candidate.count += 1
                    candidate.points += 0.75 if match.first else 1.5
                    candidate.about += 1.0


def _apply_priors(reading: Reading, candidates: dict[str, _Candidate]) -> None:
    _apply_subtitle(reading, candidates)
    sender = _sender_points(reading)
    for party, points in sender.items():
        candidates.setdefault(party, _Candidate()).points += points
    if any(points == _SENDER_POINTS for points in sender.values()):
        for party in candidates.keys() - sender.keys():
            candidates[party].points += _OTHER_SENDER_POINTS
    for prior, points in ((reading.source_party, 5.0), (reading.host_party, 4.0)):
        for member in _ALLIANCE.get(prior, (prior,)) if prior else ():
            if member in reading.lexicon.parties:
                candidates.setdefault(member, _Candidate()).points += points
                candidates[member].strong = True
    if reading.source_party or reading.host_party or any(points >= 2 for points in sender.values()):
        return
    if reading.source_organisation or find_sender(reading):
        for candidate in candidates.values():
            candidate.points += _OTHER_SENDER_POINTS


def _label(reading: Reading, party: str) -> tuple[str, str, bool]:
    """Value, label, and whether the value is an identity: a local group needs its place for one."""
    entry = reading.lexicon.parties[party]
    if party not in _LOCAL_TYPES:
        return party, entry.label, True
    district = leading_district(reading) or reading.source_district
    short = entry.label or "Wählergruppe"
    if district is None:
        return party, short, False
    return f"{party}@{district}", f"{short} ({reading.lexicon.gazetteer.label(district)})", True


def _evidence(reading: Reading, candidate: _Candidate) -> tuple[Evidence, ...]:
    ranked = sorted(candidate.evidence, key=lambda pair: (-pair[0], pair[1].field != "title", pair[1].start))
    return tuple(dict.fromkeys(e for _, e in ranked))[:3] or _unit_evidence(reading) or reading.fallback_evidence()


def _unit_evidence(reading: Reading) -> tuple[Evidence, ...]:
    """Where only host or source tell: the nearest word of office or level."""
    for passage in reading.passages:
        for i, token in enumerate(passage.grid.tokens):
            if OFFICE_OR_BRANCH.match(token):
                return (passage.evidence(i, i),)
    return ()


def _roles(candidates: dict[str, _Candidate]) -> dict[str, tuple[Role, float]]:
    """Role and points of each party. Only the strongest case can issue; an equal rival makes it doubtful."""
    ranked = sorted(candidates, key=lambda party: (-candidates[party].points, party))
    total = sum(candidate.count for candidate in candidates.values()) or 1
    roles: dict[str, tuple[Role, float]] = {}
    for place, party in enumerate(ranked):
        candidate = candidates[party]
        rival = candidates[ranked[1]].points if place == 0 and len(ranked) > 1 else 0.0
        alliance = place < 2 and set(ranked[:2]) == {"cdu", "csu"}
        best = place == 0 or (alliance and candidate.points >= candidates[ranked[0]].points - 0.01)
        margin = candidate.points if alliance or candidate.points >= 4 else candidate.points - 0.5 * max(rival, 0.0)
        if best and margin >= _ISSUER_POINTS:
            roles[party] = (Role.ISSUER, margin)
        elif best and candidate.about >= 1.3 and candidate.count / total >= 0.5:
            roles[party] = (Role.ABOUT, candidate.about)
        else:
            roles[party] = (Role.MENTIONED, 2.0 if candidate.strong else 1.0)
    return roles


class PartyClassifier:
    """Tags parties by role."""

    def __init__(self, lexicon: LexiconSource) -> None:
        self._lexicon = lexicon
        self.version = lexicon.version

    def classify(self, article: Article, source: Source) -> Sequence[Finding]:
        """Party tags: the issuer first, then by role and name."""
        reading = read(article, source, self._lexicon())
        if not reading.german:
            return ()
        candidates = _collect(reading)
        _apply_priors(reading, candidates)
        tags = []
        for party, (role, points) in _roles(candidates).items():
            value, label, identity = _label(reading, party)
            evidence = _evidence(reading, candidates[party])
            if evidence:
                score = calibrate(f"party_{role.value}", points)
                tags.append(
                    Tag(
                        axis=Axis.PARTY,
                        value=value,
                        label=label,
                        role=role,
                        score=score if identity else min(score, 0.4),
                        by=f"party@{self.version}",
                        evidence=evidence,
                    )
                )
        order = list(Role)
        return tuple(sorted(tags, key=lambda tag: (order.index(tag.role), -tag.score, tag.value)))
