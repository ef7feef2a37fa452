"""Organisation: the bodies that act in a release, as against those it lists.

The source's own body issues; others act when they stand in title or lead, speak or do something, are introduced with
their abbreviation, or come back. All else is mentioned.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from archive_pipeline.classify.calibration import calibrate
from archive_pipeline.classify.district import leading_district
from archive_pipeline.classify.names import LexiconSource
from archive_pipeline.classify.organisation_names import Body, find_bodies, slug
from archive_pipeline.classify.reading import Reading, read
from archive_pipeline.model import Article, Axis, Evidence, Finding, Role, Source, Tag

__all__ = ["OrganisationClassifier"]

_ACTING_POINTS = 2.0
_MAX_TAGS = 12
_ACTION = re.compile(
    r"^(?:sagt|sagte|erklärt|erklärte|teilt|teilte|betont|betonte|fordert|forderte|kritisiert|warnt|begrüßt|informiert|"
    r"informierte|lädt|lud|startet|startete|stellt|stellte|bietet|organisiert|organisierte|veranstaltet|veranstaltete|"
    r"setzt|unterstützt|unterstützte|hilft|plant|präsentiert|präsentierte|veröffentlicht|veröffentlichte|feiert|feierte|"
    r"eröffnet|eröffnete|übernimmt|ermittelt|sucht|bittet|ruft|rief|beteiligt|beteiligte|meldet|meldete|berichtet|"
    r"hat|haben|ist|wird|will|begrüßte|besucht|besuchte|überreicht|überreichte|spendet|spendete|gründet|gründete|"
    r"empfängt|empfing|zeigt|freut|freuen|leistet|fördert|nimmt|nahm|beschließt|beschloss|lehnt|weist|verleiht|steht)$"
)
_SPEAKER_ROLE = re.compile(
    r"^(?:Vorsitzende[rn]?|Vorstand|Sprecher(?:in)?|Pressesprecher(?:in)?|Leiter(?:in)?|Geschäftsführer(?:in)?|"
    r"Präsident(?:in)?|Direktor(?:in)?|Kreisgeschäftsführer(?:in)?|Generalsekretär(?:in)?)$"
)
_LIST_MARKS = frozenset({"und", "sowie", "oder"})


@dataclass(slots=True)
class _Candidate:
    key: str
    label: str
    base: str
    specific: bool
    points: float = 0.0
    count: int = 0
    evidence: list[tuple[float, Evidence]] = field(default_factory=list)


def _mention_points(body: Body) -> float:
    """What one mention says about acting: position, verbs, a speaker's office, introduction."""
    passage, grid = body.passage, body.passage.grid
    points = 0.0
    if passage.field == "title":
        points += 1.25
    elif body.first < passage.lead:
        points += 0.9
    after = grid.tokens[body.last + 1 : body.last + 4]
    before = grid.tokens[max(0, body.first - 3) : body.first]
    if any(_ACTION.match(token) for token in after[:2]) or any(_ACTION.match(token) for token in before[-3:]):
        points += 0.5
    if any(_SPEAKER_ROLE.match(token) for token in (*after[:1], *before)):
        points += 0.6
    if body.expansion:
        points += 0.6
    if body.legal_form:
        points += 0.4
    if body.first and before and before[-1] in _LIST_MARKS:
        points -= 0.3
    return points


def _collect(reading: Reading) -> dict[str, _Candidate]:
    bodies = find_bodies(reading)
    district = leading_district(reading)
    specific_of: dict[str, set[str]] = {}
    for body in bodies:
        if body.specific:
            specific_of.setdefault(body.base, set()).add(body.key)
    candidates: dict[str, _Candidate] = {}
    for body in bodies:
        key, label = _place_bound(reading, body, specific_of.get(body.base, set()), district)
        candidate = candidates.setdefault(
            key, _Candidate(key=key, label=label or body.label, base=body.base, specific=body.specific)
        )
        points = _mention_points(body) if body.first < body.passage.body_end else 0.2
        candidate.count += 1
        candidate.points = max(candidate.points, points + body.weight)
        candidate.evidence.append((points, body.passage.evidence(body.first, body.last)))
    for candidate in candidates.values():
        candidate.points += 0.4 * min(candidate.count - 1, 3)
    return candidates


def _place_bound(reading: Reading, body: Body, specific: set[str], district: str | None) -> tuple[str, str | None]:
    """A type without a place means the one named elsewhere in the text, or the one of the release's district."""
    if body.specific:
        return body.key, None
    if len(specific) == 1:
        key = next(iter(specific))
        entry = reading.lexicon.organisations.get(key)
        return key, entry.label if entry else None
    local = f"{body.base}-{district}" if district else ""
    if local in reading.lexicon.organisations:
        return local, reading.lexicon.organisations[local].label
    return body.key, None


def _own(reading: Reading, candidates: dict[str, _Candidate]) -> _Candidate | None:
    """The source's own body: a slug of the vocabulary, or its name as it stands in the settings."""
    name = reading.source_organisation
    if not name:
        return None
    entry = reading.lexicon.organisations.get(name)
    label = entry.label if entry else name
    key = entry.value if entry else slug(name)
    own = candidates.pop(key, None) or _Candidate(key=key, label=label, base=key, specific=True)
    own.label = label
    words = {word.lower() for word in re.findall(r"\w{4,}", label)}
    for other in [c for c in candidates.values() if _same_name(c.label, words)]:
        own.evidence += other.evidence
        del candidates[other.key]
    own.evidence += [(0.1, evidence) for evidence in reading.fallback_evidence()]
    return own


def _same_name(label: str, words: set[str]) -> bool:
    """Whether a found name is the source's own, longer, shorter or inflected."""
    found = {word.lower() for word in re.findall(r"\w{4,}", label)}
    if not found or not words:
        return False
    near = sum(any(a == b or (len(a) > 5 and (a.startswith(b[:-2]) or b.startswith(a[:-2]))) for b in words) for a in found)
    return near == len(found) and near >= 0.5 * len(words)


def _evidence(candidate: _Candidate) -> tuple[Evidence, ...]:
    ranked = sorted(candidate.evidence, key=lambda pair: (-pair[0], pair[1].field != "title", pair[1].start))
    return tuple(dict.fromkeys(evidence for _, evidence in ranked))[:3]


class OrganisationClassifier:
    """Tags organisations by role."""

    def __init__(self, lexicon: LexiconSource) -> None:
        self._lexicon = lexicon
        self.version = lexicon.version

    def _tag(self, candidate: _Candidate, role: Role, score: float) -> Tag:
        return Tag(
            axis=Axis.ORGANISATION,
            value=candidate.key,
            label=candidate.label,
            role=role,
            score=score,
            by=f"organisation@{self.version}",
            evidence=_evidence(candidate),
        )

    def classify(self, article: Article, source: Source) -> Sequence[Finding]:
        """Organisation tags: the source's own body, those that act, those mentioned."""
        reading = read(article, source, self._lexicon())
        if not reading.german:
            return ()
        candidates = _collect(reading)
        tags = []
        own = _own(reading, candidates)
        if own and own.evidence:
            tags.append(self._tag(own, Role.ISSUER, calibrate("organisation", 6.0)))
        ranked = sorted(candidates.values(), key=lambda c: (-c.points, c.key))
        for candidate in ranked[:_MAX_TAGS]:
            acting = candidate.points >= _ACTING_POINTS
            role = Role.ABOUT if acting else Role.MENTIONED
            scale = "organisation" if acting else "organisation_mentioned"
            tags.append(self._tag(candidate, role, calibrate(scale, candidate.points)))
        return tuple(tags)
