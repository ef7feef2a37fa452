"""Party: who issues a release, whom it is about, who is merely mentioned.

The issuer comes from the source, the host, the title, the function of the first speaker, the source line: never from
how often a party is named, since opponents are often named more. Associations count as their party, foundations don't.
A local voter group is bound to its place: `uwg@05370`.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from archive_pipeline.classify.calibration import calibrate
from archive_pipeline.classify.district import leading_district
from archive_pipeline.classify.matcher import DOT, HYPHEN, OTHER, PARAGRAPH, SPACE
from archive_pipeline.classify.names import EntryName, Lexicon, LexiconSource
from archive_pipeline.classify.reading import Passage, Reading, read
from archive_pipeline.classify.vocabulary import cue_words
from archive_pipeline.model import Article, Axis, Evidence, Finding, Role, Source, Tag

__all__ = ["PartyClassifier", "PartyMention", "party_mentions"]

_ISSUER_POINTS = 2.0
_OPENING = 8
"""A party among the first tokens of a text opens it."""

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
_UNIT = re.compile(
    r"^(?:Kreisverband(?:e?s)?|Ortsverein[s]?|Ortsverband(?:e?s)?|Stadtverband(?:e?s)?|Gemeindeverband(?:e?s)?|"
    r"Kreistagsfraktion|Ratsfraktion|Stadtratsfraktion|Gemeinderatsfraktion|Fraktion|Landtagsfraktion|"
    r"Bundestagsfraktion|Landesverband(?:e?s)?|Unterbezirk[s]?|Bezirksverband(?:e?s)?|Kreisvorstand(?:e?s)?|"
    r"Kreisvorsitzende[rn]?|Landtagsabgeordnete[rn]?|Bundestagsabgeordnete[rn]?|Abgeordnete[rn]?|Ortsvorsitzende[rn]?|"
    r"Fraktionsvorsitzende[rn]?|Fraktionschef(?:in)?|Landesvorsitzende[rn]?|Bundesvorsitzende[rn]?|Stadtverordnete[rn]?|"
    r"Stadtverordnetenfraktion|Bezirksfraktion|Kreistagsmitglied[er]*|Mandatsträger[n]?|Politiker(?:in)?|Kandidat(?:in)?|"
    r"Bürgermeisterkandidat(?:in)?|Landratskandidat(?:in)?|Ratsmitglied[er]*|Parteitag|Kreisparteitag|Ortsgruppe|"
    r"Sprecher(?:in)?|Generalsekretär(?:in)?|Kreisgeschäftsführer(?:in)?|Stadtrat|Stadträtin|Landesgruppe|Vorstand|"
    r"Europaabgeordnete[rn]?|Bezirksverordnete[rn]?|Kreispartei|Ratsgruppe|MdB|MdL|Landesgeschäftsstelle|Basisgruppe)$"
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
    if any(_UNIT.match(grid.tokens[i]) for i in range(first, last + 1)):
        return True
    for i in range(last + 1, min(last + 3, len(grid))):
        if grid.gaps[i] in (PARAGRAPH, OTHER):
            break
        if _UNIT.match(grid.tokens[i]):
            return True
    for i in range(first - 1, max(first - 4, -1), -1):
        if grid.gaps[i + 1] in (PARAGRAPH, OTHER):
            break
        if _UNIT.match(grid.tokens[i]):
            return True
    return False


def _weak_in_context(passage: Passage, first: int, last: int, strong_tokens: frozenset[int]) -> bool:
    """Whether a weak word ("Grüne", "Linke", "Union") stands among parties or beside a party word."""
    grid = passage.grid
    token = grid.tokens[first]
    if token[0].islower():
        return False
    if last + 1 < len(grid) and grid.gaps[last + 1] == HYPHEN and _PARTY_NOUN.match(grid.tokens[last + 1]):
        return True
    if first and grid.tokens[first - 1] in ("Europäische", "Europäischen", "Afrikanische", "Afrikanischen"):
        return False
    near = range(max(0, first - 3), min(len(grid), last + 4))
    return any(i in strong_tokens for i in near if i < first or i > last)


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
        for first, last, name in found:
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


def _accept_weak(
    passage: Passage, first: int, last: int, name: EntryName, party: str, own: set[str | None], named: set[str],
    strong_tokens: frozenset[int],
) -> bool:  # fmt: skip
    if name.value in ("cdu", "csu") and passage.grid.tokens[first].startswith("Union"):
        return False  # the alliance carries the word
    if first in strong_tokens:
        return False
    if _weak_in_context(passage, first, last, strong_tokens):
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
    """Whether a party is followed by a verb of speech or action: "Die FDP im Kreistag beantragt …"."""
    return any(token in _SPEECH for token in passage.grid.tokens[mention.last + 1 : mention.last + 5])


def _issuer_points(reading: Reading, mention: PartyMention, first_speaker: bool) -> float:
    """What one mention adds to the case that its party issues the release."""
    passage, grid = mention.passage, mention.passage.grid
    if mention.tail:
        return 2.0
    points = 0.0
    if {"gegen", "Gegen"} & set(grid.tokens[max(0, mention.first - 2) : mention.first]):
        return 0.25
    if passage.field == "title":
        points += 2.0 if mention.first <= 1 else 0.75
    elif mention.first < passage.lead:
        points += 0.75
        if mention.first < _OPENING and not {DOT, PARAGRAPH} & set(grid.gaps[1 : mention.first + 1]):
            points += 1.0
            points += 0.75 if _acts(passage, mention) else 0.0
        if mention.unit:
            points += 1.0
    if mention.unit and _speaks(passage, mention):
        points += 1.0 if first_speaker else 0.25
    before = grid.tokens[max(0, mention.first - 3) : mention.first]
    if any(token in _FIRST_PERSON for token in before):
        points += 1.0
    return points


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


def _collect(reading: Reading) -> dict[str, _Candidate]:
    candidates: dict[str, _Candidate] = {}
    spoken: tuple[str, int] | None = None
    for mention in party_mentions(reading):
        candidate = candidates.setdefault(mention.party, _Candidate())
        place = (mention.passage.field, mention.first)
        first_speaker = spoken in (None, place)
        if mention.unit and mention.passage.field == "text" and _speaks(mention.passage, mention):
            spoken = spoken or place
        points = _issuer_points(reading, mention, first_speaker)
        holder = _office_holder(reading, mention) if mention.unit and first_speaker else None
        if holder:
            points += _holder_points(reading, holder)
        candidate.count += 1
        candidate.strong |= not mention.weak
        candidate.points = max(candidate.points, points) + 0.4 * min(candidate.points, points)
        in_lead = mention.passage.field == "title" or mention.first < mention.passage.lead
        candidate.about += 1.0 if in_lead else 0.3
        candidate.evidence.append((points, mention.passage.evidence(mention.first, mention.last)))
    if len(candidates) == 1:
        for candidate in candidates.values():
            candidate.points += 0.25 if candidate.points >= 1.0 else 0.0
    return candidates


def _line_points(reading: Reading) -> dict[str, float]:
    """Parties in the fields that name who sends a release: source line, contact, author, photo credits."""
    article = reading.article
    points: dict[str, float] = {}
    lines = [(article.source_line, 3.0), (article.contact, 2.0), (article.author, 2.0)]
    lines += [(credit.text, 1.0) for credit in article.credits if credit.kind == "photo"]
    for line, value in lines:
        for word in re.findall(r"[\w/-]+", line or ""):
            for party, entry in reading.lexicon.parties.items():
                if word in entry.surfaces and entry.kind == "party":
                    points[party] = max(points.get(party, 0.0), value)
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
    for party, points in _line_points(reading).items():
        candidates.setdefault(party, _Candidate()).points += points
    for prior, points in ((reading.source_party, 5.0), (reading.host_party, 4.0)):
        for member in _ALLIANCE.get(prior, (prior,)) if prior else ():
            if member in reading.lexicon.parties:
                candidates.setdefault(member, _Candidate()).points += points
                candidates[member].strong = True
    if reading.source_organisation and not reading.source_party and not reading.host_party:
        for candidate in candidates.values():
            candidate.points -= 2.0


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
            if _UNIT.match(token):
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
