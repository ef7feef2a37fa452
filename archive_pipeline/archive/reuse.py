"""Which release took over what from which: kept up to date as releases change, and never by comparing all with all.

Two releases are compared when they share three rare fingerprints, or six of the more frequent ones, or when one is the
earliest of a bucket that both are in. A fingerprint is frequent once it stands in more than RARE releases. Once it
stands in more than COMMON it counts for pairs with the earliest of them alone, so a text that a hundred print has a
hundred links and not five thousand. In more than FORMULA, or in more than BOILERPLATE of one source, it is a formula
and counts for nothing. What `reuse_link` holds follows from the current texts and dates alone, in whatever order they
came: when a fingerprint becomes more frequent, or less, the pairs that it touches are compared again.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Any, Literal

from sqlite_utils import Database

from archive_pipeline.archive.database import look_up, write_tx
from archive_pipeline.archive.reading import changes_since
from archive_pipeline.archive.reuse_text import Comparison, Passage, Sketch, buckets, compare, sketch, word_spans

__all__ = ["Basis", "follow_changes", "forget_reuse", "reuse_seq"]

Basis = Literal["published", "captured"]
"""What the order of two releases rests on: both state a day and the days differ; else the day of the first capture
stands in for the one that is missing, or decides between equal days."""

RARE, COMMON, FORMULA = 8, 50, 500
BOILERPLATE = 4
WEIGHTS = {"rare": 2, "frequent": 1, "common": 1, "formula": 0}
SHARED = 6
"""Weight of the fingerprints that two releases must share to be compared."""
KEPT = 2500
"""Texts kept at hand while comparing, about 15 kB each."""

MOST_NUMBER = 2**63 - 1

Level = Literal["rare", "frequent", "common", "formula"]
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """One release as it was compared; `number` is new with each text, so that later texts have higher numbers. `day` is
    the stated day of publication or that of the first capture."""

    number: int
    release_id: str
    version_id: str
    derivation: int
    source_id: str
    day: str
    is_dated: bool
    captured_at: str

    @property
    def moment(self) -> tuple[str, str, str]:
        """What releases are ordered by."""
        return self.day, self.captured_at, self.release_id


def reuse_seq(db: Database) -> int:
    """The change number up to which releases were compared."""
    return int(next(db.query("SELECT seq FROM reuse_position"))["seq"])


def follow_changes(db: Database, limit: int = 500) -> int:
    """Compare the next releases that changed, at most `limit`, in one transaction together with the change number they
    reach up to; how many there were. Killed at any moment, the next call goes on from there."""
    changes = changes_since(db, reuse_seq(db), limit)
    if changes:
        with write_tx(db):
            _Round(db).take([release_id for _, release_id in changes])
            db.execute("UPDATE reuse_position SET seq = ?", [changes[-1][0]])
    return len(changes)


def forget_reuse(db: Database, release_id: str) -> None:
    """Take a release out of everything that was compared: fingerprints, buckets and links. Call inside `write_tx`,
    before its derivations go."""
    _Round(db).take([], gone=[release_id])


COLUMNS = "number, release_id, version_id, derivation, source_id, day, is_dated, captured_at"
NUMBERED = f"SELECT {COLUMNS} FROM reuse_release WHERE number IN (SELECT value FROM json_each(?))"
COMPARED = f"SELECT {COLUMNS} FROM reuse_release WHERE release_id IN (SELECT value FROM json_each(?))"
CURRENT = """
SELECT 0, r.id, r.version_id, r.derivation, r.source_id, coalesce(r.published, substr(min(v.captured_at), 1, 10)),
       r.published IS NOT NULL, min(v.captured_at)
FROM release r JOIN version v ON v.release_id = r.id
WHERE r.id IN (SELECT value FROM json_each(?)) GROUP BY r.id ORDER BY r.seq
"""
HOLDERS = """
SELECT asked.value, held.number FROM json_each(?) AS asked JOIN reuse_fingerprint AS held
  ON held.fingerprint = asked.value AND held.number <= coalesce(
    (SELECT number FROM reuse_fingerprint WHERE fingerprint = asked.value ORDER BY number LIMIT 1 OFFSET ?), ?)
"""
MEMBERS = """
SELECT asked.value, held.number FROM json_each(?) AS asked JOIN reuse_bucket AS held ON held.bucket = asked.value
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rank:
    """How much a fingerprint says, and for a common one the number of the earliest release that has it."""

    level: Level
    leader: int | None = None


RAREST, FREQUENT, FORMULAIC = _Rank(level="rare"), _Rank(level="frequent"), _Rank(level="formula")


@dataclass(slots=True)
class _Round:
    """One batch of changed releases on its way into the tables. Everything happens inside the caller's transaction."""

    db: Database
    known: dict[int, _Known] = field(default_factory=dict)
    sketches: dict[int, Sketch] = field(default_factory=dict)
    buckets: dict[int, frozenset[int]] = field(default_factory=dict)
    ranks: dict[int, _Rank] = field(default_factory=dict)
    leaders: dict[int, int] = field(default_factory=dict)

    def take(self, release_ids: Sequence[str], *, gone: Collection[str] = ()) -> None:
        """Put these releases in as they are now, and take out what is `gone`."""
        now = {one.release_id: one for one in self._rows(CURRENT, release_ids)}
        before = {one.release_id: one for one in self._rows(COMPARED, [*release_ids, *gone])}
        same = {key for key, one in now.items() if key in before and _place(one) == _place(before[key])}
        removed = [one for key, one in before.items() if key not in same]
        added = [one for key, one in now.items() if key not in same]
        if not (added or removed):
            return
        lost = self._remove(removed)
        added = self._add(added)
        pairs = self._touched_by_fingerprints(added, removed, lost) | self._touched_by_buckets(added, removed, lost)
        self._compare_again(sorted(pairs), {one.number for one in added})

    def _rows(self, question: str, asked: Sequence[str] | Sequence[int]) -> Iterator[_Known]:
        """Releases that a question about a list finds."""
        cursor = self.db.conn.execute(question, [json.dumps(asked)])
        return (_known(row) for row in cursor.fetchall())

    def _remove(self, removed: Iterable[_Known]) -> dict[int, tuple[frozenset[int], frozenset[int]]]:
        """Take releases out; the fingerprints and buckets they had, by number."""
        lost: dict[int, tuple[frozenset[int], frozenset[int]]] = {}
        for one in removed:
            lost[one.number] = had = (self._sketch(one).fingerprints, self._buckets(one))
            for table, column, keys in (
                ("reuse_fingerprint", "fingerprint", had[0]),
                ("reuse_bucket", "bucket", had[1]),
            ):
                if self._sketch(one).words:
                    rows = [(key, one.number) for key in keys]
                    self.db.conn.executemany(f"DELETE FROM {table} WHERE {column} = ? AND number = ?", rows)
                else:  # the text it had is gone: look through everything
                    self.db.execute(f"DELETE FROM {table} WHERE number = ?", [one.number])
            ids = [one.release_id, one.release_id]
            self.db.execute("DELETE FROM reuse_link WHERE earlier_id = ? OR later_id = ?", ids)
            self.db.execute("DELETE FROM reuse_release WHERE number = ?", [one.number])
        return lost

    def _add(self, added: Sequence[_Known]) -> list[_Known]:
        """Put releases in, each under a number of its own."""
        last = next(self.db.query("SELECT number FROM reuse_position"))["number"]
        numbered = [replace(one, number=last + place) for place, one in enumerate(added, 1)]
        if not numbered:
            return []
        self.db.table("reuse_release").insert_all([_row(one) for one in numbered])
        self.db.execute("UPDATE reuse_position SET number = ?", [numbered[-1].number])
        fingerprints: list[Pair] = []
        buckets: list[Pair] = []
        for one in numbered:
            self.known[one.number] = one
            fingerprints += [(key, one.number) for key in self._sketch(one).fingerprints]
            buckets += [(key, one.number) for key in self._buckets(one)]
        self.db.conn.executemany("INSERT INTO reuse_fingerprint VALUES (?, ?)", sorted(fingerprints))
        self.db.conn.executemany("INSERT INTO reuse_bucket VALUES (?, ?)", sorted(buckets))
        return numbered

    def _touched_by_fingerprints(
        self,
        added: Sequence[_Known],
        removed: Sequence[_Known],
        lost: dict[int, tuple[frozenset[int], frozenset[int]]],
    ) -> set[Pair]:
        """Pairs that share enough fingerprints with what came, and pairs whose fingerprints became formulas, or stopped
        being some."""
        came = {one.number for one in added}
        went: dict[int, list[_Known]] = {}
        for one in removed:
            for key in lost[one.number][0]:
                went.setdefault(key, []).append(one)
        keys = set(went).union(*(self._sketch(one).fingerprints for one in added))
        shared: Counter[Pair] = Counter()
        pairs: set[Pair] = set()
        held = self._holders(keys)
        self._know({number for key in went for number in held.get(key, ())})
        for key, holders in held.items():
            stayed = [number for number in holders if number not in came]
            now = self.ranks[key] = self._rank(holders)
            before = self._rank(stayed, went.get(key, ())) if len(stayed) > 1 else now
            if now != before:
                pairs |= self._linked(stayed)
                pairs.update(_gained(now, before, stayed))
            for pair in _counted(now, holders, came):
                shared[pair] += WEIGHTS[now.level]
        pairs.update(pair for pair, weight in shared.items() if weight >= SHARED)
        return pairs

    def _holders(self, fingerprints: Collection[int]) -> dict[int, list[int]]:
        """Who has each of these fingerprints, at most one more than makes it a formula; of boilerplate not all."""
        found = self._first_holders(fingerprints, COMMON)
        many = [key for key, numbers in found.items() if len(numbers) > COMMON and not self._is_boilerplate(numbers)]
        return found | self._first_holders(many, FORMULA)

    def _first_holders(self, fingerprints: Collection[int], most: int) -> dict[int, list[int]]:
        """Who has each of these fingerprints, lowest number first, at most one more than `most`."""
        found: dict[int, list[int]] = {}
        for key, number in self.db.conn.execute(HOLDERS, [json.dumps(sorted(fingerprints)), most, MOST_NUMBER]):
            found.setdefault(key, []).append(number)
        self._know({number for numbers in found.values() if len(numbers) > BOILERPLATE for number in numbers})
        return found

    def _know(self, numbers: Collection[int]) -> None:
        """Read the rows of these releases, of which `known` then has all."""
        self.known.update((one.number, one) for one in self._rows(NUMBERED, sorted(set(numbers) - self.known.keys())))

    def _rank(self, holders: Sequence[int], others: Sequence[_Known] = ()) -> _Rank:
        """How much a fingerprint says that these releases have."""
        count = len(holders) + len(others)
        if count > FORMULA or self._is_boilerplate(holders, others):
            return FORMULAIC
        if count > COMMON:
            everyone = [*(self.known[number] for number in holders), *others]
            return _Rank(level="common", leader=min(everyone, key=lambda one: one.moment).number)
        return FREQUENT if count > RARE else RAREST

    def _is_boilerplate(self, holders: Sequence[int], others: Sequence[_Known] = ()) -> bool:
        if len(holders) + len(others) <= BOILERPLATE:
            return False
        sources = [*(self.known[number].source_id for number in holders), *(one.source_id for one in others)]
        return max(Counter(sources).values()) > BOILERPLATE

    def _linked(self, numbers: Sequence[int]) -> set[Pair]:
        """The links among some releases."""
        self._know(numbers)
        ids = {self.known[number].release_id: number for number in numbers}
        pairs = set()
        for release_id, number in ids.items():
            for (later,) in self.db.conn.execute("SELECT later_id FROM reuse_link WHERE earlier_id = ?", [release_id]):
                other = ids.get(later)
                if other is not None:
                    pairs.add((min(number, other), max(number, other)))
        return pairs

    def _touched_by_buckets(
        self,
        added: Sequence[_Known],
        removed: Sequence[_Known],
        lost: dict[int, tuple[frozenset[int], frozenset[int]]],
    ) -> set[Pair]:
        """Pairs of the earliest release of a bucket with the others."""
        came = {one.number for one in added}
        went = {key for one in removed for key in lost[one.number][1]}
        pairs: set[Pair] = set()
        for key, members in self._members(went.union(*(self._buckets(one) for one in added))).items():
            first = self.leaders[key]
            new = came.intersection(members)
            stayed = [number for number in members if number not in came]
            former = min(stayed, key=self._moment, default=first)
            everyone = key in went or former != first
            for leader in {first, former} if everyone else {first}:
                pairs.update(
                    (min(leader, number), max(leader, number))
                    for number in (members if everyone else new)
                    if number != leader
                )
        return pairs

    def _members(self, buckets: Collection[int]) -> dict[int, list[int]]:
        """Who is in each of these buckets; `leaders` then has the earliest of each."""
        found: dict[int, list[int]] = {}
        for key, number in self.db.conn.execute(MEMBERS, [json.dumps(sorted(buckets))]):
            found.setdefault(key, []).append(number)
        self._know({number for numbers in found.values() for number in numbers})
        self.leaders.update((key, min(numbers, key=self._moment)) for key, numbers in found.items())
        return found

    def _moment(self, number: int) -> tuple[str, str, str]:
        return self.known[number].moment

    def _compare_again(self, pairs: Sequence[Pair], came: set[int]) -> None:
        """Put the links between two releases right, whatever they were; what came has none yet."""
        self._know({number for pair in pairs for number in pair})
        links = []
        for pair in pairs:
            earlier, later = sorted((self.known[number] for number in pair), key=lambda one: one.moment)
            if came.isdisjoint(pair):
                ids = (earlier.release_id, later.release_id) * 2
                self.db.execute("DELETE FROM reuse_link WHERE earlier_id IN (?, ?) AND later_id IN (?, ?)", ids)
            found = self._compared(earlier, later)
            if found is not None:
                links.append(self._link(earlier, later, found))
        if links:
            self.db.table("reuse_link").insert_all(links)

    def _compared(self, earlier: _Known, later: _Known) -> Comparison | None:
        ours, theirs = self._sketch(earlier), self._sketch(later)
        levels = {
            key: "formula" if rank.leader not in (None, earlier.number) else rank.level
            for key, rank in self._ranks(ours.fingerprints & theirs.fingerprints).items()
        }
        if sum(WEIGHTS[level] for level in levels.values()) < SHARED and not self._leads(earlier, later):
            return None
        return compare(
            ours,
            theirs,
            formulas=frozenset(key for key, level in levels.items() if level == "formula"),
            frequent=frozenset(key for key, level in levels.items() if level in ("frequent", "common")),
            same_source=earlier.source_id == later.source_id,
        )

    def _ranks(self, fingerprints: Collection[int]) -> dict[int, _Rank]:
        missing = [key for key in fingerprints if key not in self.ranks]
        if missing:
            self.ranks.update((key, self._rank(holders)) for key, holders in self._holders(missing).items())
        return {key: self.ranks[key] for key in fingerprints}

    def _leads(self, earlier: _Known, later: _Known) -> bool:
        """Whether a release is the earliest of a bucket that both are in."""
        shared = self._buckets(earlier) & self._buckets(later)
        missing = [key for key in shared if key not in self.leaders]
        if missing:
            self._members(missing)
        return any(self.leaders[key] == earlier.number for key in shared)

    def _link(self, earlier: _Known, later: _Known, found: Comparison) -> dict[str, str | int | float]:
        both_dated = earlier.is_dated and later.is_dated and earlier.day != later.day
        basis: Basis = "published" if both_dated else "captured"
        ours, theirs = word_spans(self._text(earlier)), word_spans(self._text(later))
        return {
            "earlier_id": earlier.release_id,
            "earlier_version": earlier.version_id,
            "earlier_derivation": earlier.derivation,
            "later_id": later.release_id,
            "later_version": later.version_id,
            "later_derivation": later.derivation,
            "kind": found.kind,
            "basis": basis,
            "similarity": found.similarity,
            "share": found.share,
            "words": sum(passage.words for passage in found.passages),
            "passages": json.dumps([_in_characters(passage, ours, theirs) for passage in found.passages]),
        }

    def _sketch(self, one: _Known) -> Sketch:
        found = self.sketches.pop(one.number, None)
        if found is None:
            key = [one.release_id, one.version_id, one.derivation]
            quotes = self.db.conn.execute(
                """SELECT start, "end" FROM quote WHERE release_id = ? AND version_id = ? AND derivation = ?
                   ORDER BY start, id""",
                key,
            )
            found = sketch(self._text(one), quotes.fetchall())
            while len(self.sketches) >= KEPT:
                del self.sketches[next(iter(self.sketches))]
        self.sketches[one.number] = found  # now the last one to go
        return found

    def _buckets(self, one: _Known) -> frozenset[int]:
        found = self.buckets.get(one.number)
        if found is None:
            found = self.buckets[one.number] = buckets(self._sketch(one).words)
        return found

    def _text(self, one: _Known) -> str:
        key = [one.release_id, one.version_id, one.derivation]
        row = look_up(
            self.db, "SELECT text FROM derivation WHERE release_id = ? AND version_id = ? AND number = ?", key
        )
        return str(row[0]) if row else ""


def _gained(now: _Rank, before: _Rank, stayed: Sequence[int]) -> Iterable[Pair]:
    """Pairs of releases that stayed for which a fingerprint says more than before."""
    if now.leader is None and now != FORMULAIC:
        more = before.leader is not None or WEIGHTS[now.level] > WEIGHTS[before.level]
        return combinations(stayed, 2) if more else ()
    leader = now.leader
    if leader is None or leader not in stayed or before in (RAREST, FREQUENT):
        return ()
    return ((min(leader, number), max(leader, number)) for number in stayed if number != leader)


def _counted(now: _Rank, holders: Sequence[int], came: Collection[int]) -> Iterator[Pair]:
    """Pairs with a release that came for which a fingerprint counts."""
    if now == FORMULAIC or len(holders) < 2:
        return
    new, leader = [number for number in holders if number in came], now.leader
    if leader is None:
        yield from ((number, newer) for newer in new for number in holders if number < newer)
    else:
        others = holders if leader in came else new
        yield from ((min(leader, one), max(leader, one)) for one in others if one != leader)


def _known(row: tuple[Any, ...]) -> _Known:
    number, release_id, version_id, derivation, source_id, day, is_dated, captured_at = row
    return _Known(
        number=number,
        release_id=release_id,
        version_id=version_id,
        derivation=derivation,
        source_id=source_id,
        day=day,
        is_dated=bool(is_dated),
        captured_at=captured_at,
    )


def _row(one: _Known) -> dict[str, str | int]:
    return {name: getattr(one, name) for name in _Known.__dataclass_fields__}


def _place(one: _Known) -> tuple[object, ...]:
    """Everything about a release that its links follow from."""
    return one.version_id, one.derivation, one.source_id, one.moment, one.is_dated


def _in_characters(
    passage: Passage, earlier: Sequence[tuple[int, int]], later: Sequence[tuple[int, int]]
) -> dict[str, list[int] | int | bool]:
    return {
        "earlier": [earlier[passage.earlier[0]][0], earlier[passage.earlier[1] - 1][1]],
        "later": [later[passage.later[0]][0], later[passage.later[1] - 1][1]],
        "words": passage.words,
        "quote": passage.is_quote,
    }
