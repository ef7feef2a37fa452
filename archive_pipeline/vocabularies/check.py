"""What is doubtful in the vocabularies of an archive: names that several entries claim, keys that lead nowhere, and
every place where an own entry says something else than a packaged one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from archive_pipeline.classify.gazetteer import builtin_gazetteer
from archive_pipeline.classify.vocabulary import MUNICIPALITY
from archive_pipeline.model import Axis, Vocabulary, VocabularyEntry
from archive_pipeline.vocabularies.own import OWN, OwnEntry, OwnVocabulary

__all__ = ["Finding", "check_vocabularies"]

Level = Literal["error", "warning", "note"]

_SHORTEST = 2
"""Names of so few characters are found in too many texts."""

_COMPARED = ("label", "kind", "parent", "district", "wikidata", "gnd", "valid_from", "valid_to", "successors")
_BODIES = (Axis.PARTY, Axis.ORGANISATION)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to look at. An `error` has to be mended, a `warning` should be, a `note` says what was decided.
    `where` is file and line of an own entry, else the vocabulary."""

    level: Level
    where: str
    message: str


@dataclass(frozen=True, slots=True)
class _Claim:
    """An entry that has a name, and the vocabulary it comes from."""

    entry: VocabularyEntry
    vocabulary: str


def check_vocabularies(
    packaged: Sequence[Vocabulary], own: OwnVocabulary, laid: Sequence[Vocabulary], *, every: bool = False
) -> tuple[Finding, ...]:
    """What is to be said about the vocabularies `laid`, which `own` made of the `packaged` ones; errors first. Names
    that only packaged entries share are told with `every`: the classifiers know how to tell them apart."""
    checker = _Checker(packaged, own, laid, every=every)
    found = (*checker.keys(), *checker.shadows(), *checker.names())
    order = ("error", "warning", "note")
    return tuple(sorted(dict.fromkeys(found), key=lambda finding: order.index(finding.level)))


class _Checker:
    def __init__(
        self, packaged: Sequence[Vocabulary], own: OwnVocabulary, laid: Sequence[Vocabulary], *, every: bool
    ) -> None:
        self.every = every
        self.own = {(entry.axis, entry.value): entry for entry in own.entries}
        self.before = {
            (entry.axis, entry.value): _Claim(entry, vocabulary.name)
            for vocabulary in packaged
            for entry in vocabulary.entries
        }
        self.claims = [_Claim(entry, vocabulary.name) for vocabulary in laid for entry in vocabulary.entries]

    def where(self, claim: _Claim) -> str:
        """File and line of an own entry, else the name of its vocabulary."""
        own = self.own.get((claim.entry.axis, claim.entry.value))
        return own.place if own else claim.vocabulary

    def keys(self) -> Iterator[Finding]:
        """Values given twice, and successors and parents that nobody has. A district's names may come from several
        vocabularies."""
        values = {(claim.entry.axis, claim.entry.value) for claim in self.claims}
        seen: dict[tuple[Axis, str], str] = {}
        for claim in self.claims:
            entry, who = claim.entry, f"{claim.entry.axis.value} {claim.entry.value}"
            first = seen.setdefault((entry.axis, entry.value), claim.vocabulary)
            if first != claim.vocabulary and entry.axis is not Axis.DISTRICT:
                yield Finding(level="error", where=self.where(claim), message=f"{who} steht schon in {first}")
            for successor in entry.successors:
                if (entry.axis, successor) not in values:
                    message = f"{who}: der Nachfolger {successor} steht in keinem Vokabular"
                    yield Finding(level="error", where=self.where(claim), message=message)
            if entry.parent and entry.axis is not Axis.DISTRICT and (entry.axis, entry.parent) not in values:
                message = f"{who}: der übergeordnete Eintrag {entry.parent} steht in keinem Vokabular"
                yield Finding(level="error", where=self.where(claim), message=message)

    def shadows(self) -> Iterator[Finding]:
        """Where an own entry says something else than the packaged one, or takes a name from another."""
        laid = {(claim.entry.axis, claim.entry.value): claim.entry for claim in self.claims}
        for key, claim in self.before.items():
            before, after = claim.entry, laid.get(key)
            if after is None or before == after:
                continue
            own = self.own.get(key)
            if own is not None:
                yield from _changes(own, before, after)
                continue
            for name in _names(before):
                if name not in _names(after):
                    taker = self._taker(before.axis, name)
                    message = f'"{name}" gilt nicht mehr für {key[0].value} {before.value} ({claim.vocabulary})'
                    yield Finding(level="note", where=taker.place if taker else OWN, message=message)

    def _taker(self, axis: Axis, name: str) -> OwnEntry | None:
        for own in self.own.values():
            if own.axis is axis and name in (*own.table.variants, *own.table.weak_variants):
                return own
        return None

    def names(self) -> Iterator[Finding]:
        """Names that several entries have, in one axis or over axes, and own ones that are found in too many texts."""
        by_name: dict[str, list[_Claim]] = {}
        for claim in self.claims:
            if claim.entry.axis is not Axis.TOPIC:
                for name in _names(claim.entry):
                    by_name.setdefault(name, []).append(claim)
        risks = builtin_gazetteer().risks
        for name, claims in by_name.items():
            own = [claim for claim in claims if self._has_own(claim, name)]
            if not own and not self.every:
                continue
            if len(claims) > 1 and _clash(claims):
                others = ", ".join(f"{c.entry.axis.value} {c.entry.value} ({c.entry.label})" for c in claims)
                where = self.where(own[0] if own else claims[0])
                yield Finding(level="warning", where=where, message=f'"{name}" ist mehrdeutig: {others}')
            for claim in own:
                ordinary = risks.get(name) == "high" or (name.islower() and " " not in name)
                if len(name) <= _SHORTEST or (ordinary and claim.entry.axis in _BODIES):
                    message = f'"{name}" ist kurz oder ein gewöhnliches Wort: besser als weak_variants'
                    if name in claim.entry.surfaces:
                        yield Finding(level="warning", where=self.where(claim), message=message)

    def _has_own(self, claim: _Claim, name: str) -> bool:
        own = self.own.get((claim.entry.axis, claim.entry.value))
        if own is None:
            return False
        table = own.table
        return name in (table.label, *table.variants, *table.weak_variants, *getattr(table, "adjectives", ()))


def _names(entry: VocabularyEntry) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*entry.surfaces, *entry.weak_surfaces)))


def _changes(own: OwnEntry, before: VocabularyEntry, after: VocabularyEntry) -> Iterator[Finding]:
    for name in _COMPARED:
        old, new = getattr(before, name), getattr(after, name)
        if old and old != new:
            message = f"{own.kind} {own.value}: {name} ist {_shown(new)} statt {_shown(old)}; der eigene Eintrag gilt"
            yield Finding(level="note", where=own.place, message=message)


def _shown(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else f'"{value}"'


def _clash(claims: Sequence[_Claim]) -> bool:
    """Whether one name means different things. Places of one name are told apart by what stands around them, entries
    whose times don't meet by the day of the release, and an alliance is its members."""
    axes = {claim.entry.axis for claim in claims}
    if len(axes) > 1:
        return True
    if axes == {Axis.DISTRICT}:
        return False
    entries = [claim.entry for claim in claims]
    return any(
        not _apart(first, second) and first.parent != second.value and second.parent != first.value
        for number, first in enumerate(entries)
        for second in entries[number + 1 :]
        if "alliance" not in (first.kind, second.kind) and MUNICIPALITY not in (first.kind, second.kind)
    )


def _apart(first: VocabularyEntry, second: VocabularyEntry) -> bool:
    return bool(
        (first.valid_to and second.valid_from and first.valid_to < second.valid_from)
        or (second.valid_to and first.valid_from and second.valid_to < first.valid_from)
    )
