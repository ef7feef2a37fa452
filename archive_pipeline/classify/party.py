"""Party: who issues a release, whom it is about, who is merely mentioned.

The issuer comes from the source, the host, the title, the function of the first speaker, the source line: never from
how often a party is named, since opponents are often named more. Associations count as their party, foundations don't.
A local voter group is bound to its place: `uwg@05370`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from archive_pipeline.classify.calibration import calibrate
from archive_pipeline.classify.district import leading_district
from archive_pipeline.classify.matcher import HYPHEN, PARAGRAPH, SPACE
from archive_pipeline.classify.names import EntryName, LexiconSource
from archive_pipeline.classify.organisation_names import find_bodies, find_sender
from archive_pipeline.classify.party_coalitions import coalitions_named
from archive_pipeline.classify.party_joint import is_quoted, sending_parties, speaking_together
from archive_pipeline.classify.party_mentions import (
    ALLIANCE,
    PartyMention,
    in_own_line,
    in_own_voice,
    parties_of,
    party_mentions,
)
from archive_pipeline.classify.persons import find_persons
from archive_pipeline.classify.quotes import find_quotes
from archive_pipeline.classify.reading import Passage, Reading, read
from archive_pipeline.classify.stance import OFFICE_OR_BRANCH, Stance, sentence_start, stance_at
from archive_pipeline.classify.vocabulary import cue_words
from archive_pipeline.model import Article, Axis, Evidence, Finding, Role, Source, Tag

__all__ = ["PartyClassifier"]

_ISSUER_POINTS = 2.0
_SENDER_POINTS = 5.0
_OTHER_SENDER_POINTS = -2.5
_FIRST_SPEAKER_POINTS = 1.5
_QUOTED_POINTS = 0.1
_OBJECT_POINTS = 0.2
_OWN_VOICE_POINTS = 4.0
"""A party that says "wir Grüne" speaks, whoever was named before."""

_ANSWER_POINTS = 4.0

_OPENING_POINTS = 2.0
"""Who says something first, in title or text, opens the release; whoever does so later answers."""

_QUOTED_VOICE_POINTS = 1.5
_OPPOSED_POINTS = -3.0
_LATER_POINTS = 0.75
_UNNAMED_BRANCH_POINTS = 1.5
_COALITION_SCORE = 0.3
_GOVERNING = frozenset({"Bundesregierung", "Landesregierung", "Koalition", "Regierung", "Bundestag", "Landtag"})
_UNION = frozenset({"cdu", "csu"})
_ANSWER_OPENS = frozenset({"Dazu", "Hierzu", "Darauf"})
_REBUTS = frozenset({"weist", "wies", "weisen", "widerspricht", "kontert", "entgegnet", "erwidert"})
_SPEAKS = cue_words("speech")

_LOCAL_TYPES = frozenset({"uwg", "fwg", "waehlergruppe"})

_SPEECH = cue_words("party_action")
_FIRST_PERSON = cue_words("first_person")


@dataclass(slots=True)
class _Candidate:
    points: float = 0.0
    about: float = 0.0
    count: int = 0
    strong: bool = False
    evidence: list[tuple[float, Evidence]] = field(default_factory=list)


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


def _is_opposed(passage: Passage, first: int) -> bool:
    """Whether the writer stands against the party: "unser Bündnis gegen die AfD", "wir wenden uns gegen die CDU"."""
    tokens = passage.grid.tokens
    i = first - 2 if first and tokens[first - 1] in ("die", "den") else first - 1
    if i < 1 or tokens[i] not in ("gegen", "Gegen"):
        return False
    return any(token in _FIRST_PERSON for token in tokens[max(0, i - 5) : i])


def _answers(passage: Passage, mention: PartyMention) -> bool:
    """Whether a party has the last word on what was told before: "Dazu erklärt Eva Muster, Sprecherin der
    SPD-Fraktion", "Die CSU-Fraktion weist die Kritik zurück". Many releases quote their opponents first."""
    if not mention.unit:
        return False
    tokens, start = passage.grid.tokens, sentence_start(passage, mention.first)
    if tokens[start] in _ANSWER_OPENS:
        return any(token in _SPEAKS for token in tokens[start + 1 : start + 3])
    opens = mention.first - start <= 1
    return opens and any(token in _REBUTS for token in tokens[mention.last + 1 : mention.last + 4])


def _issuer_points(reading: Reading, mention: PartyMention, stance: Stance, first_speaker: bool) -> float:
    """What one mention adds to the case that its party issues the release."""
    passage, grid = mention.passage, mention.passage.grid
    if mention.tail:
        return 2.0
    if in_own_voice(passage, mention.first):
        quoted = passage.field == "text" and is_quoted(reading, grid.starts[mention.first])
        return _QUOTED_VOICE_POINTS if quoted else _OWN_VOICE_POINTS
    if _is_opposed(passage, mention.first):
        return _OPPOSED_POINTS
    if _answers(passage, mention) and not (passage.field == "text" and is_quoted(reading, grid.starts[mention.first])):
        return _ANSWER_POINTS
    before = grid.tokens[max(0, mention.first - 3) : mention.first]
    own = 1.0 if any(token in _FIRST_PERSON for token in before) else 0.0
    if passage.field == "text" and is_quoted(reading, grid.starts[mention.first]):
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


@lru_cache(maxsize=256)
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
        if i >= passage.body_end or in_own_line(passage, i):
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
    owned = False
    for mention in party_mentions(reading):
        candidate = candidates.setdefault(mention.party, _Candidate())
        place = (mention.passage.field, mention.first)
        first_speaker = spoken in (None, place)
        if mention.unit and mention.passage.field == "text" and _speaks(mention.passage, mention):
            spoken = spoken or place
        stance = stance_at(mention.passage, mention.first, mention.last)
        points = _issuer_points(reading, mention, stance, first_speaker)
        if points >= _OWN_VOICE_POINTS:
            opener = mention.party
            own_word = stance is Stance.SENDER or in_own_voice(mention.passage, mention.first)
            if not own_word and not owned and _answers(mention.passage, mention):
                _take_back(candidates, mention.party)
            owned |= own_word
        elif opener not in (None, mention.party) and not {opener, mention.party} <= _UNION:
            points = min(points, _LATER_POINTS if not mention.tail else points)
        elif points >= _OPENING_POINTS:
            opener = mention.party
        holder = _office_holder(reading, mention) if mention.unit and first_speaker and points >= 1 else None
        if holder:
            points += _holder_points(reading, holder)
        candidate.count += 1
        candidate.strong |= not mention.weak
        if points < 0:
            candidate.points += points
        else:
            candidate.points = max(candidate.points, points) + 0.4 * min(candidate.points, points)
        in_lead = mention.passage.field == "title" or mention.first < mention.passage.lead
        candidate.about += 1.0 if in_lead else 0.3
        candidate.evidence.append((points, mention.passage.evidence(mention.first, mention.last)))
    speaker = _first_speaker_party(reading)
    for party, candidate in candidates.items():
        if party == speaker:
            candidate.points += _FIRST_SPEAKER_POINTS + (1.0 if opener in (None, speaker) else 0.0)
        candidate.points += 0.25 if len(candidates) == 1 and candidate.points >= 1.0 else 0.0
    _apply_unnamed_branch(reading, candidates)
    return candidates


def _take_back(candidates: dict[str, _Candidate], speaker: str) -> None:
    """What others said before somebody answers them was only reported."""
    for party, candidate in candidates.items():
        if party != speaker and not {party, speaker} <= _UNION:
            candidate.points = min(candidate.points, _LATER_POINTS)


_BRANCH_TITLE = re.compile(
    r"\b(?:\w*[Ff]raktion|(?:Orts|Kreis|Stadt|Landes|Gemeinde|Bezirks)(?:verein|verband|vorstand|parteitag)|Parteitag)\b"
)


def _apply_unnamed_branch(reading: Reading, candidates: dict[str, _Candidate]) -> None:
    """A title about "Fraktion" or "Ortsverein" means the one party that the lead names without acting upon it."""
    title = reading.article.title or ""
    if not _BRANCH_TITLE.search(title) or any(candidate.points >= _OPENING_POINTS for candidate in candidates.values()):
        return
    named = {
        mention.party
        for mention in party_mentions(reading)
        if mention.passage.field == "title"
        or (
            mention.first < mention.passage.lead
            and stance_at(mention.passage, mention.first, mention.last) is not Stance.OBJECT
        )
    }
    if len(named) == 1:
        candidates[named.pop()].points += _UNNAMED_BRANCH_POINTS


def _sender_points(reading: Reading) -> dict[str, float]:
    """Parties in the lines that name who sends a release, the first one with those joined to it, and in photo
    credits."""
    points: dict[str, float] = {}
    for credit in reading.article.credits:
        for word in re.findall(r"[\w/-]+", credit.text) if credit.kind == "photo" else ():
            for party, entry in reading.lexicon.parties.items():
                if word in entry.surfaces and entry.kind == "party":
                    points[party] = 1.0
    return points | dict.fromkeys(sending_parties(reading), _SENDER_POINTS)


def _apply_subtitle(reading: Reading, candidates: dict[str, _Candidate]) -> None:
    for match in reading.subtitle.matches:
        for name in match.names:
            if isinstance(name, EntryName) and name.axis is Axis.PARTY and not name.weak:
                for party in parties_of(reading.lexicon, name):
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
        for member in ALLIANCE.get(prior, (prior,)) if prior else ():
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
    own_place = reading.source_district if party == reading.source_party else None
    district = own_place or leading_district(reading) or reading.source_district
    short = entry.label or "Wählergruppe"
    if district is None:
        return party, short, False
    for own in (entry for entry in reading.lexicon.parties.values() if entry.parent == party):
        if own.district == district:  # a group of this place that the archive has an entry for
            return own.value, own.label, True
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


def _roles(candidates: dict[str, _Candidate], together: tuple[frozenset[str], ...]) -> dict[str, tuple[Role, float]]:
    """Role and points of each party. Only the strongest case can issue, with those that it speaks `together` with; an
    equal rival makes it doubtful."""
    ranked = sorted(candidates, key=lambda party: (-candidates[party].points, party))
    total = sum(candidate.count for candidate in candidates.values()) or 1
    roles: dict[str, tuple[Role, float]] = {}
    for place, party in enumerate(ranked):
        candidate = candidates[party]
        rival = candidates[ranked[1]].points if place == 0 and len(ranked) > 1 else 0.0
        joint = place > 0 and any({party, ranked[0]} <= group for group in together)
        if joint and roles[ranked[0]][0] is Role.ISSUER:
            roles[party] = roles[ranked[0]]
            continue
        if place == 0 and any({party, *ranked[1:2]} <= group for group in together):
            rival = 0.0
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
        for party, (role, points) in _roles(candidates, speaking_together(reading)).items():
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
        tags += self._suggestions(reading, frozenset(candidates))
        order = list(Role)
        return tuple(sorted(tags, key=lambda tag: (order.index(tag.role), -tag.score, tag.value)))

    def _suggestions(self, reading: Reading, named: frozenset[str]) -> list[Tag]:
        """The parties of coalitions named by a nickname, for people to decide on; a traffic light is no coalition."""
        if not named and not reading.words & _GOVERNING:
            return []
        return [
            Tag(
                axis=Axis.PARTY,
                value=party,
                label=reading.lexicon.parties[party].label,
                role=Role.MENTIONED,
                score=_COALITION_SCORE,
                by=f"party@{self.version}",
                evidence=(evidence,),
            )
            for party, evidence in {
                party: coalition.evidence
                for coalition in coalitions_named(reading)
                for party in coalition.parties
                if party in reading.lexicon.parties and party not in named
            }.items()
        ]
