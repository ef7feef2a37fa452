"""District: which Kreis or kreisfreie Stadt a release is about or issued from.

Mentions give points (full name or Landrat 3, name or municipality 1, more in title and lead, at most two mentions of
one name count fully); source and host are priors that need a local cue in the text. The leader is tagged when it has
points enough and clearly more than the next; 'none' is a valid answer.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from archive_pipeline.classify.calibration import calibrate
from archive_pipeline.classify.gazetteer import CITY_STATES, PlaceName
from archive_pipeline.classify.names import LexiconSource
from archive_pipeline.classify.places import Mention, mentions
from archive_pipeline.classify.reading import Passage, Reading, read
from archive_pipeline.classify.vocabulary import cue_words
from archive_pipeline.model import Article, Axis, Evidence, Finding, Role, Source, Tag

__all__ = ["DistrictClassifier", "Verdict", "leading_district", "weigh_districts"]

_TITLE_BONUS, _LEAD_BONUS, _EXPLICIT_BONUS = 1.0, 0.5, 2.0
_FULL_COUNTS = 2
_REPEAT_POINTS = 0.15
_PRIOR_POINTS = 2.0
_COMPANY_POINTS = 0.75
_COHERENCE_POINTS = 1.0
_LOCAL_TEXT_POINTS = 1.0
_DATELINE_POINTS = 0.6
_CITY_STATE_POINTS = 1.5
_SEAT_POINTS = 1.0
_UNDECIDED_POINTS = 2.0
_SCATTERED = 4
"""Districts named, none explicitly: that many make a text about no place in particular."""

_LOCAL_CUES = cue_words("local")
_LOCAL_PHRASES = (
    ("unsere", "Stadt"), ("unserer", "Stadt"), ("unseren", "Kreis"), ("unserem", "Kreis"), ("unser", "Kreis"),
    ("unserer", "Gemeinde"), ("unsere", "Gemeinde"), ("unserer", "Region"), ("unserem", "Ort"), ("die", "Stadt"),
    ("der", "Stadt"), ("der", "Kreis"), ("des", "Kreises"), ("im", "Kreis"), ("dem", "Kreis"), ("im", "Ort"),
    ("der", "Gemeinde"), ("die", "Gemeinde"), ("im", "Dorf"),
)  # fmt: skip
_FIRST_PERSON = cue_words("first_person")
_WIDE = cue_words("wide")
_CITY_STATE_WORDS = cue_words("city_state")
_CAPITALS = cue_words("capital")
_PLACE_KINDS = frozenset({"full", "bare", "municipality"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """One candidate district: `points` rank it, `score` is the calibrated probability."""

    district: str
    points: float
    score: float
    role: Role
    evidence: tuple[Evidence, ...]
    municipalities: tuple[str, ...]
    former: tuple[str, ...] = ()
    """Keys of dissolved districts under whose names the text speaks of this one."""


@dataclass(slots=True)
class _Candidate:
    points: float = 0.0
    explicit_lead: bool = False
    evidence: tuple[tuple[float, Evidence], ...] = ()
    municipalities: tuple[str, ...] = ()
    former: tuple[str, ...] = ()


def _position_bonus(mention: Mention) -> float:
    if mention.points < 0.5:
        return 0.0
    if mention.passage.field == "title" or mention.first < mention.passage.lead:
        if mention.explicit:
            return _EXPLICIT_BONUS
        return _TITLE_BONUS if mention.passage.field == "title" else _LEAD_BONUS
    return 0.0


def _chosen(mention: Mention, firm: frozenset[str], prior: str | None) -> tuple[str, ...]:
    """The districts a mention counts for: its only one, or the one that has company."""
    if mention.firm:
        return mention.options
    with_company = tuple(key for key in mention.options if key in firm or key == prior)
    return with_company[:1] if mention.points >= 0.5 or with_company else ()


def _collect(found: Sequence[Mention], prior: str | None) -> dict[str, _Candidate]:
    firm = frozenset(key for mention in found if mention.firm for key in mention.options)
    candidates: dict[str, _Candidate] = {}
    seen: dict[tuple[str, str], int] = {}
    ranked = sorted(found, key=lambda mention: -(mention.points + _position_bonus(mention)))
    for mention in ranked:
        for key in _chosen(mention, firm, prior):
            count = seen[key, mention.surface] = seen.get((key, mention.surface), 0) + 1
            points = mention.points + _position_bonus(mention)
            if not mention.firm:
                points = min(points, _COMPANY_POINTS)
            if count > _FULL_COUNTS:
                points = _REPEAT_POINTS
            candidate = candidates.setdefault(key, _Candidate())
            candidate.points += points
            in_lead = mention.passage.field == "title" or mention.first < mention.passage.lead
            candidate.explicit_lead |= mention.explicit and in_lead
            evidence = mention.passage.evidence(mention.cue_first, mention.last)
            candidate.evidence += ((points, evidence),)
            if mention.municipality and mention.municipality not in candidate.municipalities:
                candidate.municipalities += (mention.municipality,)
            if mention.former and mention.former not in candidate.former:
                candidate.former += (mention.former,)
    return candidates


def _without_namesakes(found: Sequence[Mention]) -> tuple[Mention, ...]:
    """Mentions, "Stadt Frankfurt" read as the Frankfurt that is named in full somewhere: "Frankfurt am Main"."""
    longer: dict[str, tuple[str, ...]] = {}
    for mention in found:
        first, *rest = mention.surface.split()
        if rest and not rest[0][0].isupper() and len(mention.options) == 1:
            longer.setdefault(first, mention.options)
    return tuple(
        replace(mention, options=longer[name], municipality=None)
        if (name := mention.surface.split()[-1]) in longer and mention.options != longer[name]
        else mention
        for mention in found
    )


def _undecided(found: Sequence[Mention]) -> dict[str, _Candidate]:
    """Candidates for review: names that several districts share and nothing decides."""
    candidates: dict[str, _Candidate] = {}
    for mention in found:
        if len(mention.options) == 2 and mention.points >= 1 and (mention.explicit or mention.twins):
            for key in mention.options:
                candidate = candidates.setdefault(key, _Candidate())
                candidate.points = _UNDECIDED_POINTS
                candidate.evidence += ((0.5, mention.passage.evidence(mention.first, mention.last)),)
    return candidates


def _own_body_cue(reading: Reading) -> Evidence | None:
    """A telling word of the source's own organisation in title or text."""
    if not reading.source_organisation:
        return None
    entry = reading.lexicon.organisations.get(reading.source_organisation)
    name = entry.label if entry else reading.source_organisation
    words = {word for word in name.replace("-", " ").split() if len(word) > 4 and word[0].isupper()}
    for passage in reading.passages:
        for i, token in enumerate(passage.grid.tokens):
            if token in words:
                return passage.evidence(i, i)
    return None


def _cue_in(passage: Passage, *, city_state: bool = False) -> Evidence | None:
    tokens = passage.grid.tokens
    for i, token in enumerate(tokens[: passage.body_end]):
        if token in _LOCAL_CUES or (city_state and token in _CITY_STATE_WORDS):
            return passage.evidence(i, i)
        if i and (tokens[i - 1].lower(), token) in _LOCAL_PHRASES:
            return passage.evidence(i - 1, i)
    return None


def _postal_cue(reading: Reading, district: str) -> Evidence | None:
    for passage in reading.passages:
        for i, token in enumerate(passage.grid.tokens):
            if len(token) == 5 and token.isdigit():
                keys = reading.lexicon.gazetteer.postal_codes.get(token)
                if keys and district in keys:
                    return passage.evidence(i, i)
    return None


def local_cue(reading: Reading, prior: str) -> Evidence | None:
    """Words that make a release local where only source or host name the district, or None.

    A release that speaks of federal or Land matters needs the source's own body or a postal code of the district;
    one that doesn't may also be a local body's word about itself.
    """
    own = _own_body_cue(reading) or _postal_cue(reading, prior)
    if own:
        return own
    wide = len(reading.words & _WIDE)
    for passage in reading.passages:
        cue = _cue_in(passage, city_state=prior in CITY_STATES)
        if cue and wide < 3:
            return cue
    return _own_voice(reading) if not wide else None


def _own_voice(reading: Reading) -> Evidence | None:
    """The source's own local body speaking of itself ("wir", "unser"); a party's text may be a reprint."""
    if not reading.source_organisation or reading.source_party or reading.host_party:
        return None
    for passage in reading.passages:
        for i, token in enumerate(passage.grid.tokens):
            if token in _FIRST_PERSON:
                return passage.evidence(i, i)
    return None


def _apply_prior(reading: Reading, prior: str, candidates: dict[str, _Candidate]) -> bool:
    """Give the prior's district its points where the text is local; whether it was."""
    candidate = candidates.get(prior)
    if candidate and candidate.points >= 0.4:
        candidate.points += _PRIOR_POINTS
        return True
    cue = local_cue(reading, prior)
    if cue is None:
        return False
    candidate = candidates.setdefault(prior, _Candidate())
    candidate.points += _PRIOR_POINTS
    candidate.evidence += ((0.1, cue),)
    return True


def _sender_district(reading: Reading) -> str | None:
    """The one district of the places in the lines that name the sender: "CDU-Kreisverband Musterkreis". A capital is
    the seat of many bodies, and counts where the text speaks of a city that is a Land."""
    keys: set[str] = set()
    grid, given = reading.sender.grid, reading.lexicon.given_names
    for match in reading.sender.matches:
        surface = grid.span(match.first, match.last)
        surname = match.first > 0 and grid.tokens[match.first - 1] in given
        if surname or reading.lexicon.gazetteer.risks.get(surface) == "high":
            continue
        places = {n.district for n in match.names if isinstance(n, PlaceName) and n.kind in _PLACE_KINDS}
        capital = surface in _CAPITALS
        if len(places) == 1 and (not capital or reading.words & _CITY_STATE_WORDS):
            keys |= places
    return keys.pop() if len(keys) == 1 else None


def _in_dateline(reading: Reading, district: str, found: Sequence[Mention]) -> bool:
    """Whether the text opens with a dateline of the district that is no capital's."""
    if not reading.article.dateline:
        return False
    opening = [mention for mention in found if mention.passage.field == "text" and mention.first == 0]
    return any(district in mention.options and mention.surface not in _CAPITALS for mention in opening)


def _contact_seats(reading: Reading) -> frozenset[str]:
    """The districts of the postal codes in the contact block; a capital's says nothing of the subject."""
    contact = reading.article.contact or ""
    keys = {
        key
        for code, town in re.findall(r"\b(\d{5})\s+(\w+)", contact)
        if town not in _CAPITALS
        for key in reading.lexicon.gazetteer.postal_codes.get(code) or ()
    }
    return frozenset(keys)


def _apply_context(reading: Reading, candidates: dict[str, _Candidate], found: Sequence[Mention]) -> None:
    """Points for what mentions say together: several municipalities of one district; one place in a local text, in its
    dateline or its sender's address; too many places for any to be meant."""
    if not candidates:
        return
    leader = max(candidates, key=lambda key: (candidates[key].points, key))
    candidate = candidates[leader]
    if len(candidate.municipalities) > 1:
        candidate.points += _COHERENCE_POINTS
    rivals = [key for key, other in candidates.items() if key != leader and other.points >= 0.4]
    if not rivals and candidate.points >= 0.6 and len(reading.words & _WIDE) < 3:
        cue = _cue_in(reading.title) or _cue_in(reading.text)
        candidate.points += _LOCAL_TEXT_POINTS if cue else 0.0
    if not rivals and not reading.words & _WIDE and _in_dateline(reading, leader, found):
        candidate.points += _DATELINE_POINTS
    if leader in CITY_STATES and reading.words & _CITY_STATE_WORDS:
        candidate.points += _CITY_STATE_POINTS
    if not reading.words & _WIDE and leader in _contact_seats(reading):
        candidate.points += _SEAT_POINTS
    if len(rivals) >= _SCATTERED - 1 and not candidate.explicit_lead:
        candidate.points *= 0.75


def _evidence(candidate: _Candidate) -> tuple[Evidence, ...]:
    ranked = sorted(candidate.evidence, key=lambda pair: (-pair[0], pair[1].field != "title", pair[1].start))
    return tuple(dict.fromkeys(evidence for _, evidence in ranked))[:3]


@lru_cache(maxsize=8)
def weigh_districts(reading: Reading) -> tuple[Verdict, ...]:
    """All candidates of a reading, best first."""
    if not reading.german:
        return ()
    prior = reading.source_district or reading.host_district or _sender_district(reading)
    found = _without_namesakes(mentions(reading))
    candidates = _collect(found, prior)
    _apply_context(reading, candidates, found)
    local = _apply_prior(reading, prior, candidates) if prior else False
    for key, candidate in _undecided(found).items():
        candidates.setdefault(key, candidate)
    ranked = sorted(candidates.items(), key=lambda item: (-item[1].points, item[0]))
    verdicts = []
    for place, (key, candidate) in enumerate(ranked):
        if not candidate.evidence:
            continue
        rival = ranked[0][1].points if place else (ranked[1][1].points if len(ranked) > 1 else 0.0)
        strength = _strength(candidate, rival, first=place == 0, prior=local and key == prior)
        verdicts.append(
            Verdict(
                district=key,
                points=candidate.points,
                score=calibrate("district", strength),
                role=Role.ISSUER if local and key == prior else Role.ABOUT,
                evidence=_evidence(candidate),
                municipalities=tuple(sorted(candidate.municipalities)),
                former=candidate.former,
            )
        )
    return tuple(verdicts)


def _strength(candidate: _Candidate, rival: float, *, first: bool, prior: bool) -> float:
    """Points, lowered where a rival is near; a second district needs its full name in title or lead."""
    points = candidate.points
    if prior:
        points += 0.5
    if not first:
        return points if candidate.explicit_lead and points >= rival / 3 else min(points, 1.5) / 2
    if rival and points < 2 * rival and not (prior or candidate.explicit_lead):
        points *= max(0.4, (points / rival) / 2)
    return points


def leading_district(reading: Reading) -> str | None:
    """The district a release is tagged with, or None."""
    verdicts = weigh_districts(reading)
    return verdicts[0].district if verdicts and verdicts[0].score >= 0.5 else None


class DistrictClassifier:
    """Tags the district; needs the lexicon only when the first article comes."""

    def __init__(self, lexicon: LexiconSource) -> None:
        self._lexicon = lexicon
        self.version = lexicon.version

    def classify(self, article: Article, source: Source) -> Sequence[Finding]:
        """District tags, best first; suggestions below 0.5 included."""
        reading = read(article, source, self._lexicon())
        return tuple(
            Tag(
                axis=Axis.DISTRICT,
                value=verdict.district,
                label=reading.lexicon.gazetteer.label(verdict.district, verdict.former),
                role=verdict.role,
                score=verdict.score,
                by=f"district@{self.version}",
                evidence=verdict.evidence,
                municipalities=verdict.municipalities,
            )
            for verdict in weigh_districts(reading)[:4]
            if verdict.score >= 0.1
        )
