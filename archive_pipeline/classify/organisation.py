"""Organisation: the bodies that act in a release, as against those it lists.

The source's own body issues; others act when they stand in title or lead, speak or do something, are introduced with
their abbreviation, or come back. All else is mentioned.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from archive_pipeline.classify.calibration import calibrate
from archive_pipeline.classify.district import leading_district
from archive_pipeline.classify.matcher import DOT, PARAGRAPH
from archive_pipeline.classify.names import LexiconSource
from archive_pipeline.classify.organisation_finder import Body, slug
from archive_pipeline.classify.organisation_names import find_bodies, find_sender
from archive_pipeline.classify.reading import Reading, read
from archive_pipeline.classify.vocabulary import cue_words
from archive_pipeline.model import Article, Axis, Evidence, Finding, Role, Source, Tag

__all__ = ["OrganisationClassifier"]

_ACTING_POINTS = 2.2
_MAX_TAGS = 12
_PLACE_LIKE = 0.35
"""Bodies below this weight (a Kreis, a parliament) stand in title and lead as places, not as actors."""
_ACTION = re.compile(
    r"^(?:sagt|sagte|erklärt|erklärte|teilt|teilte|betont|betonte|fordert|forderte|kritisiert|warnt|begrüßt|informiert|"
    r"informierte|lädt|lud|startet|startete|stellt|stellte|bietet|organisiert|organisierte|veranstaltet|veranstaltete|"
    r"setzt|unterstützt|unterstützte|hilft|plant|präsentiert|präsentierte|veröffentlicht|veröffentlichte|feiert|feierte|"
    r"eröffnet|eröffnete|übernimmt|ermittelt|sucht|bittet|ruft|rief|beteiligt|beteiligte|meldet|meldete|berichtet|"
    r"hat|haben|ist|wird|will|begrüßte|besucht|besuchte|überreicht|überreichte|spendet|spendete|gründet|gründete|"
    r"empfängt|empfing|zeigt|freut|freuen|leistet|fördert|nimmt|nahm|beschließt|beschloss|lehnt|weist|verleiht|steht|"
    r"hatte|hatten|wurde|war|waren|konnte|begann|dankt|dankte|führt|führte|arbeitet|engagiert|verzeichnet|verzeichnete|"
    r"erhielt|erhält|ehrte|würdigte|freute|lobte|sammelte|sammelt|spielte|spielt|gratuliert|kommt|baut|löscht|löschte|"
    r"rät|pumpte|übt|übte|fördert|ermöglicht|ermöglichte|macht|machte|gibt|gab|schlägt|verlangt|verlangte|mahnt)$"
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
    points: float = 0.0
    count: int = 0
    evidence: list[tuple[float, Evidence]] = field(default_factory=list)


_TELLS = re.compile(
    r"^(?:sagt|erklärt|teilt|fordert|kritisiert|warnt|rät|informiert|lädt|startet|stellt|bietet|organisiert|veranstaltet|"
    r"unterstützt|plant|präsentiert|veröffentlicht|eröffnet|ermittelt|sucht|bittet|ruft|meldet|ehrt|saniert|erneuert|"
    r"pflanzt|verteilt|fördert|verlängert|erhöht|senkt|verdoppelt|verschärft|richtet|öffnet|schließt|gründet|testet|"
    r"betreibt|beteiligt|verleiht|beschließt|wirbt|investiert|baut|verlegt|sperrt|verkauft|kauft|übernimmt)$"
)
"""Verbs that a place doesn't do: "Landkreis Muster warnt vor …"."""

_TELLING_POINTS = 2.1
_LEADING_ACT_POINTS = 0.35
_COOPERATION_POINTS = 1.3
_HEADS_TITLE_POINTS = 0.75
_COOPERATION_REACH = 20
"""Tokens from "Kooperation" to the last of the bodies it joins."""

_COOPERATION = re.compile(
    r"^(?:Kooperation|Kooperationsveranstaltung|Gemeinschaftsprojekt|Gemeinschaftsaktion|Partnerschaft|Trägerschaft)$"
)


_FINITE = re.compile(r"^[a-zäöüß]{3,}(?:t|te|ten|en)$")
_NO_VERB = cue_words("no_verb")


def _is_subject(body: Body, verb: re.Pattern[str]) -> bool:
    """Whether the body opens its sentence and a verb of this form follows."""
    grid = body.passage.grid
    start = body.first - 1 if body.first and grid.tokens[body.first - 1] in ("Der", "Die", "Das") else body.first
    opens = start == 0 or grid.gaps[start] in (DOT, PARAGRAPH)
    following = grid.tokens[body.last + 1 : body.last + 2]
    return opens and any(verb.match(token) and token not in _NO_VERB for token in following)


def _heads_title(body: Body) -> bool:
    """Whether the title opens with the body and a colon: "Universität Muster: Forschende entdecken …"."""
    grid = body.passage.grid
    behind = grid.text[grid.ends[body.last] : grid.ends[body.last] + 2]
    return body.passage.field == "title" and body.first == 0 and behind == ": "


def _cooperates(body: Body) -> bool:
    """Whether the body is named as a partner: "in Kooperation mit der Caritas Muster und dem Verein Muster"."""
    grid = body.passage.grid
    for i in range(body.first - 1, max(-1, body.first - _COOPERATION_REACH), -1):
        if grid.gaps[i + 1] in (DOT, PARAGRAPH):
            return False
        if _COOPERATION.match(grid.tokens[i]):
            return True
    return False


def _mention_points(body: Body) -> float:
    """What one mention says about acting: position, verbs, a speaker's office, introduction."""
    passage, grid = body.passage, body.passage.grid
    points = 0.0
    if body.weight < _PLACE_LIKE:
        lead = body.passage.field == "title" or body.first < body.passage.lead
        points += _TELLING_POINTS if lead and (_is_subject(body, _TELLS) or _heads_title(body)) else 0.0
    elif passage.field == "title":
        points += 1.25 + (_HEADS_TITLE_POINTS if _heads_title(body) else 0.0)
    elif body.first < passage.lead:
        points += 0.9
    after = grid.tokens[body.last + 1 : body.last + 4]
    before = grid.tokens[max(0, body.first - 3) : body.first]
    acts = any(_ACTION.match(token) for token in (*after[:2], *before[-3:]))
    if acts or _is_subject(body, _FINITE):
        points += 0.5 + (_LEADING_ACT_POINTS if points else 0.0)
    if any(_SPEAKER_ROLE.match(token) for token in (*after[:1], *before)):
        points += 0.6
    if _cooperates(body):
        points += _COOPERATION_POINTS if body.weight >= _PLACE_LIKE else _TELLING_POINTS
    if body.acronym:
        points += 0.6
    if body.legal_form:
        points += 0.4
    if body.first and before and before[-1] in _LIST_MARKS:
        points -= 0.3
    return points


def _specific_keys(bodies: Sequence[Body]) -> dict[str, str]:
    """For every specific key the one it is merged into: "DRK Heinsberg" into "DRK-Kreisverband Heinsberg", the longest
    such name."""
    specific = sorted(
        {(body.base, body.label, body.key) for body in bodies if body.specific}, key=lambda one: (-len(one[1]), one)
    )
    joined: dict[tuple[str, str], list[str]] = {}
    for base, label, key in specific:
        if "-" in label:
            joined.setdefault((base, _last_word(label)), []).append(key)
    merged: dict[str, str] = {}
    for base, label, key in specific:
        wider = joined.get((base, _last_word(label)), ()) if " " in label and "-" not in label else ()
        merged[key] = next((other for other in wider if other != key), key)
    return merged


def _last_word(label: str) -> str:
    return label.rsplit(" ", 1)[-1]


_OF_A_DISTRICT = frozenset({"kreistag", "kreisverwaltung", "auslaenderbehoerde"})
"""Every district has one: without a place they are no body of their own."""

_DISTRICT_BRANCH = re.compile(r"^\S+(?:-| )(?:Kreistagsfraktion|Kreisverband)$")


def _with_district(reading: Reading, body: Body) -> Body:
    """A body that is named by its type alone, with the release's district for its place."""
    key = leading_district(reading)
    district = reading.lexicon.gazetteer.districts.get(key or "")
    if district is None:
        return body
    if body.key == "kreisverwaltung" and not district.is_city:
        entry = reading.lexicon.organisations.get(f"kreis-{key}")
        return replace(body, key=entry.value, label=entry.label, base="kreisverwaltung") if entry else body
    if body.key in _OF_A_DISTRICT and not (district.is_city and body.key == "kreistag"):
        short = district.name if body.key == "kreistag" else district.label
        label = f"{body.label} {short}"
        return replace(body, key=slug(label), label=label, specific=True)
    if _DISTRICT_BRANCH.match(body.label) and not district.is_city:
        label = f"{body.label} {district.name}"
        return replace(body, key=slug(label), label=label)
    return body


def _collect(reading: Reading) -> dict[str, _Candidate]:
    bodies = tuple(_with_district(reading, body) for body in find_bodies(reading))
    merged = _specific_keys(bodies)
    labels = {body.key: body.label for body in bodies}
    specific_of: dict[str, set[str]] = {}
    district = leading_district(reading)
    for body in bodies:
        if body.specific:
            specific_of.setdefault(body.base, set()).add(merged[body.key])
    candidates: dict[str, _Candidate] = {}
    acronyms: dict[str, str] = {}
    for body in bodies:
        key = merged[body.key] if body.specific else _place_bound(reading, body, specific_of.get(body.base), district)
        entry = reading.lexicon.organisations.get(key)
        if key in _OF_A_DISTRICT:
            continue
        candidate = candidates.setdefault(
            key, _Candidate(key=key, label=entry.label if entry else labels.get(key, body.label), base=body.base)
        )
        points = _mention_points(body) if body.first < body.passage.body_end else 0.2
        candidate.count += 1
        candidate.points = max(candidate.points, points + body.weight)
        candidate.evidence.append((points, body.passage.evidence(body.first, body.last)))
        if body.acronym:
            acronyms[body.acronym] = key
    _count_acronyms(reading, acronyms, candidates)
    for candidate in candidates.values():
        candidate.points += (0.4 if candidate.points >= 1 else 0.1) * min(candidate.count - 1, 3)
        candidate.label = candidate.label.removesuffix(" (Typ)")
    return candidates


def _count_acronyms(reading: Reading, acronyms: dict[str, str], candidates: dict[str, _Candidate]) -> None:
    """An abbreviation that the text introduces names its body wherever it stands."""
    known = {key: {evidence for _, evidence in candidates[key].evidence} for key in acronyms.values()}
    for passage in reading.passages:
        for i, token in enumerate(passage.grid.tokens if acronyms else ()):
            key = acronyms.get(token)
            if key is not None:
                candidate = candidates[key]
                evidence = passage.evidence(i, i)
                if evidence not in known[key]:
                    known[key].add(evidence)
                    candidate.count += 1
                    candidate.evidence.append((0.05, evidence))


def _place_bound(reading: Reading, body: Body, specific: set[str] | None, district: str | None) -> str:
    """A type without a place means the one named elsewhere in the text, or the one of the release's district."""
    if specific and len(specific) == 1:
        return next(iter(specific))
    local = f"{body.base}-{district}" if district else ""
    return local if local in reading.lexicon.organisations else body.key


def _own(reading: Reading, candidates: dict[str, _Candidate]) -> _Candidate | None:
    """The source's own body, by its slug or its name in the settings, the one its contact block
    names, or the one its host is named after."""
    sender = find_sender(reading) if not reading.source_organisation else None
    name = reading.source_organisation or (sender.key if sender else _host_body(reading))
    if not name:
        return None
    entry = reading.lexicon.organisations.get(name)
    label = entry.label if entry else (sender.label if sender else name)
    key = entry.value if entry else slug(name)
    own = candidates.pop(key, None) or _Candidate(key=key, label=label, base=key)
    own.label = label
    words = {word.lower() for word in re.findall(r"\w{4,}", label)}
    for other in [c for c in candidates.values() if _same_name(c.label, words)]:
        own.evidence += other.evidence
        del candidates[other.key]
    own.evidence += [(0.1, evidence) for evidence in reading.fallback_evidence()]
    return own


def _host_body(reading: Reading) -> str | None:
    """The organisation its host is named after, if the text names it too: `giga.de` is no research institute."""
    entry = reading.lexicon.organisations.get(reading.host_organisation or "")
    if entry is None:
        return None
    first_words = {surface.split()[0] for surface in (*entry.surfaces, *entry.weak_surfaces)}
    return entry.value if first_words & reading.words else None


def _same_name(label: str, words: set[str]) -> bool:
    """Whether a found name is the source's own, longer, shorter or inflected."""
    found = {word.lower() for word in re.findall(r"\w{4,}", label)}
    if not found or not words:
        return False
    near = sum(
        any(a == b or (len(a) > 5 and (a.startswith(b[:-2]) or b.startswith(a[:-2]))) for b in words) for a in found
    )
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
