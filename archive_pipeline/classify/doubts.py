"""What spoke against a tag: names that were no place, no party, no body, and topics that came second.

Nothing here decides. The rules are asked again, for one article that a person looks at, and what they left out is put
into words. So these functions use what the rules show (mentions, verdicts, tags), never how they came to it.
"""

from collections.abc import Callable, Iterator, Sequence

from archive_pipeline.classify.district import weigh_districts
from archive_pipeline.classify.gazetteer import FOREIGN, PlaceName
from archive_pipeline.classify.matcher import HYPHEN, SPACE, Match
from archive_pipeline.classify.names import EntryName, LexiconSource, Name
from archive_pipeline.classify.party_mentions import PartyMention, party_mentions
from archive_pipeline.classify.places import Mention, mentions
from archive_pipeline.classify.quotes import marked_spans
from archive_pipeline.classify.reading import Passage, Reading, read
from archive_pipeline.classify.topic_lexicon import topic_points
from archive_pipeline.classify.vocabulary import cue_words
from archive_pipeline.model import Article, Axis, Doubt, Evidence, Finding, Role, Source, Tag
from archive_pipeline.protocols import Classifier

__all__ = ["Explained", "district_doubts", "organisation_doubts", "party_doubts", "topic_doubts"]

DoubtFinder = Callable[[Reading, Sequence[Tag]], Iterator[Doubt]]

_PERSON_CUES = cue_words("person_before")
_MOST = 12
"""Names that are no place are told up to this many; a long text has hundreds."""

_RUNNERS_UP = 3

_LONGEST_SHORT = 5
"""Letters of an abbreviation at most; longer words in capitals are names or headlines."""

_MERE_PLACE = 0.5
"""A place below these points is the seat of an institution, a club, a quarter or an address."""


class Explained:
    """A classifier that also says what it left out."""

    def __init__(self, classifier: Classifier, lexicon: LexiconSource, find: DoubtFinder) -> None:
        self._classifier = classifier
        self._lexicon = lexicon
        self._find = find
        self.version = classifier.version

    def classify(self, article: Article, source: Source) -> Sequence[Finding]:
        """What the classifier finds."""
        return self._classifier.classify(article, source)

    def doubts(self, article: Article, source: Source) -> Sequence[Doubt]:
        """What it left out, each once, in the order of the text."""
        reading = read(article, source, self._lexicon())
        if not reading.german:
            return ()
        tags = [found for found in self.classify(article, source) if isinstance(found, Tag)]
        found: dict[tuple[str | None, str, str], Doubt] = {}
        for doubt in self._find(reading, tags):
            found.setdefault((doubt.value, doubt.label, doubt.reason), doubt)
        return tuple(found.values())


def district_doubts(reading: Reading, tags: Sequence[Tag]) -> Iterator[Doubt]:
    """Districts that were too weak, names that several districts share, and names that mean no place here."""
    gazetteer = reading.lexicon.gazetteer
    verdicts = weigh_districts(reading)
    sure = [verdict for verdict in verdicts if verdict.score >= 0.5]
    for verdict in verdicts:
        if verdict.score < 0.5:
            against = f"; {gazetteer.label(sure[0].district)} hat {_number(sure[0].points)}" if sure else ""
            reason = f"zu schwach belegt: {_number(verdict.points)} Punkte{against}"
            evidence = verdict.evidence[0] if verdict.evidence else None
            yield _district(verdict.district, gazetteer.label(verdict.district), reason, evidence)
    weighed = {verdict.district for verdict in verdicts}
    prior = reading.source_district or reading.host_district
    if prior and prior not in weighed:
        origin = "der Quelle" if reading.source_district else "im Namen der Website"
        yield _district(prior, gazetteer.label(prior), f"Kreis {origin}, aber der Text nennt nichts Örtliches", None)
    found = mentions(reading)
    tagged = {verdict.district for verdict in sure}
    for mention in found:
        if not tagged & set(mention.options):
            yield from _unused(reading, mention, weighed)
    yield from _no_places(reading, found)


def _unused(reading: Reading, mention: Mention, weighed: set[str]) -> Iterator[Doubt]:
    """What a mention does not do: decide between districts, or say where the release belongs."""
    evidence = mention.passage.evidence(mention.first, mention.last)
    if mention.surface in FOREIGN and not mention.firm:
        yield _district(None, mention.surface, "auch ein Name im Ausland; nichts Örtliches steht dabei", evidence)
    elif not mention.firm and len(mention.options) > 1 and not weighed & set(mention.options):
        count = len(mention.options)
        yield _district(
            None, mention.surface, f"{count} Kreise haben einen Ort dieses Namens; keiner ist sonst genannt", evidence
        )
    elif not mention.firm and not weighed & set(mention.options):
        label = reading.lexicon.gazetteer.label(mention.options[0]) if mention.options else mention.surface
        value = mention.options[0] if mention.options else None
        yield _district(
            value, label, f"„{mention.surface}“ ist mehrdeutig und steht ohne Hinweis auf einen Ort", evidence
        )
    elif mention.points < _MERE_PLACE and mention.options:
        label = reading.lexicon.gazetteer.label(mention.options[0])
        reason = f"„{mention.surface}“ nennt hier nur Sitz, Ortsteil, Verein oder Anschrift"
        yield _district(mention.options[0], label, reason, evidence)


def _no_places(reading: Reading, found: Sequence[Mention]) -> Iterator[Doubt]:
    """Names of places that the rules read otherwise."""
    used = {(mention.passage.field, mention.first) for mention in found}
    told: set[str] = set()
    for passage in reading.passages:
        for match in passage.matches:
            kinds = {name.kind for name in match.names if isinstance(name, PlaceName)}
            surface = passage.grid.span(match.first, match.last)
            if (passage.field, match.first) in used or kinds <= {"adjective", "locality"} or surface in told:
                continue
            told.add(surface)
            yield _district(
                None, surface, _why_no_place(reading, passage, match), passage.evidence(match.first, match.last)
            )
            if len(told) == _MOST:
                return


def _why_no_place(reading: Reading, passage: Passage, match: Match[Name]) -> str:
    grid, first, last = passage.grid, match.first, match.last
    if first >= passage.body_end:
        return "steht nur im Kontakt- oder Schlussblock"
    if grid.gaps[first] == HYPHEN or grid.gap_after(last) == HYPHEN:
        return "Teil einer Zusammensetzung, kein Ort für sich"
    before = grid.tokens[first - 1] if first else ""
    if before in reading.lexicon.given_names or before in _PERSON_CUES:
        return "Name einer Person"
    if last + 1 < len(grid) and grid.gaps[last + 1] == SPACE and grid.tokens[last + 1][0].isupper():
        return f"Teil eines Namens („{grid.span(first, last + 1)}“)"
    return "hier wohl kein Ort: gewöhnliches Wort oder Name einer Person"


def _district(value: str | None, label: str, reason: str, evidence: Evidence | None) -> Doubt:
    return Doubt(axis=Axis.DISTRICT, value=value, label=label, reason=reason, evidence=evidence)


def party_doubts(reading: Reading, tags: Sequence[Tag]) -> Iterator[Doubt]:
    """Words that are no party here, the source's party where it does not issue, and who was merely quoted."""
    accepted = list(party_mentions(reading))
    covered = {(one.passage.field, at) for one in accepted for at in range(one.first, one.last + 1)}
    entries = reading.lexicon.parties
    for passage in reading.passages:
        for match in passage.matches:
            names = [name for name in match.names if isinstance(name, EntryName) and name.axis is Axis.PARTY]
            if not names or (passage.field, match.last) in covered:
                continue
            entry, surface = entries[names[0].value], passage.grid.span(match.first, match.last)
            reason = "eine Stiftung zählt nicht als ihre Partei"
            if entry.kind != "foundation":
                reason = f"„{surface}“ ist auch ein gewöhnliches Wort; kein Wort daneben spricht für die Partei"
            yield _party(entry.value, entry.label, reason, passage.evidence(match.first, match.last))
    issuers = {tag.value for tag in tags if tag.role == Role.ISSUER and tag.score >= 0.5}
    own = reading.source_party or reading.host_party
    if own and not any(value.split("@")[0] == own for value in issuers):
        origin = "der Quelle" if reading.source_party else "im Namen der Website"
        label = entries[own].label if own in entries else own
        yield _party(own, label, f"Partei {origin}, aber der Text spricht nicht für sie als Absender", None)
    for tag in tags:
        if tag.role == Role.MENTIONED:
            yield from _not_issuing(reading, tag, [one for one in accepted if one.party == tag.value.split("@")[0]])


def _not_issuing(reading: Reading, tag: Tag, named: Sequence[PartyMention]) -> Iterator[Doubt]:
    """Why a party that is mentioned was not taken for the issuer, where that can be said."""
    spans = [(span.start, span.end) for span in marked_spans(reading.text.grid.text)]
    starts = [one.passage.grid.starts[one.first] for one in named if one.passage.field == "text"]
    evidence = tag.evidence[0] if tag.evidence else None
    if named and len(starts) == len(named) and all(any(a <= at < b for a, b in spans) for at in starts):
        yield _party(tag.value, tag.label, "nicht Absender: nur in wörtlicher Rede genannt", evidence)
    elif named and all(one.tail for one in named):
        yield _party(tag.value, tag.label, "nicht Absender: nur im Schlussblock oder in einer Quellenzeile", evidence)


def _party(value: str, label: str, reason: str, evidence: Evidence | None) -> Doubt:
    return Doubt(axis=Axis.PARTY, value=value, label=label, reason=reason, evidence=evidence)


def organisation_doubts(reading: Reading, tags: Sequence[Tag]) -> Iterator[Doubt]:
    """Names and abbreviations of bodies that were bound to none, and bodies that are too weak."""
    entries = reading.lexicon.organisations
    tagged = {tag.value for tag in tags}
    spans = [(span.field, span.start, span.end) for tag in tags for span in tag.evidence]
    for passage in reading.passages:
        for match in passage.matches:
            names = [name for name in match.names if isinstance(name, EntryName) and name.axis is Axis.ORGANISATION]
            evidence = passage.evidence(match.first, match.last)
            inside = any(f == passage.field and a <= evidence.start < b for f, a, b in spans)
            if not names or inside or any(name.value in tagged for name in names):
                continue
            entry = entries[names[0].value]
            reason = "ging in einem anderen Namen auf oder steht ohne eigenen Ort"
            if names[0].weak:
                reason = f"Kürzel „{evidence.text}“ ohne Langform im Text: es kann anderes heißen"
            yield Doubt(axis=Axis.ORGANISATION, value=entry.value, label=entry.label, reason=reason, evidence=evidence)
    yield from _unbound(reading, spans)
    for tag in tags:
        if tag.score < 0.5:
            reason = "zu schwach: wird genannt, handelt aber nicht"
            first = tag.evidence[0] if tag.evidence else None
            yield Doubt(axis=Axis.ORGANISATION, value=tag.value, label=tag.label, reason=reason, evidence=first)


def _unbound(reading: Reading, spans: Sequence[tuple[str, int, int]]) -> Iterator[Doubt]:
    """Abbreviations with which names of bodies begin ("KI Stadt Essen"), where they stand alone and for nothing."""
    short: dict[str, str] = {}
    for entry in reading.lexicon.organisations.values():
        for surface in entry.surfaces:
            first, _, rest = surface.partition(" ")
            if rest and first.isupper() and first.isalpha() and 2 <= len(first) <= _LONGEST_SHORT:
                short.setdefault(first, entry.label)
    parties = {name for entry in reading.lexicon.parties.values() for name in entry.surfaces}
    for passage in reading.passages:
        for i, token in enumerate(passage.grid.tokens):
            evidence = passage.evidence(i, i)
            inside = any(f == passage.field and a <= evidence.start < b for f, a, b in spans)
            introduced = f"({token})" in reading.text.grid.text
            if token in short and token not in parties and not inside and not introduced:
                reason = f"Kürzel ohne Langform im Text: hieße z. B. {short[token]}, kann aber anderes bedeuten"
                yield Doubt(axis=Axis.ORGANISATION, value=None, label=token, reason=reason, evidence=evidence)


def topic_doubts(reading: Reading, tags: Sequence[Tag]) -> Iterator[Doubt]:
    """Topics that came second, with their distance to the first by the words of the lexicon."""
    candidates = topic_points(reading)
    ranked = sorted(candidates, key=lambda topic: (-candidates[topic].points, topic))
    tagged = {tag.value for tag in tags if tag.score >= 0.5}
    labels = {topic: entry.label for topic, entry in reading.lexicon.topics.items()}
    for topic in [topic for topic in ranked if topic not in tagged][:_RUNNERS_UP]:
        own, first = candidates[topic], ranked[0]
        reason = f"{_number(own.points)} Punkte aus {own.words} Wörtern"
        if topic != first:
            reason += f"; {labels[first]} hat {_number(candidates[first].points)}"
        else:
            reason += " sind zu wenig oder zu verstreut"
        evidence = max(own.evidence, key=lambda pair: pair[0])[1] if own.evidence else None
        yield Doubt(axis=Axis.TOPIC, value=topic, label=labels[topic], reason=reason, evidence=evidence)


def _number(points: float) -> str:
    return f"{points:.1f}".replace(".", ",")
