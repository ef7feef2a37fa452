"""Which release took over what from which: kept up to date as releases change, and never by comparing all with all.

Two releases are compared when they share two rare fingerprints, or six of the more frequent ones, or when one is the
earliest of a bucket that both are in. A fingerprint is frequent once it stands in more than RARE releases, and a
formula, which counts for nothing, once in more than FORMULA or in more than BOILERPLATE of one source. What
`reuse_link` holds follows from the current texts and dates alone, in whatever order they came: when a fingerprint
becomes more frequent, or less, the pairs that it touches are compared again.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations
from typing import Literal

from sqlite_utils import Database

from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.reading import changes_since
from archive_pipeline.archive.reuse_text import Comparison, Passage, Sketch, compare, sketch, word_spans

__all__ = ["Basis", "follow_changes", "forget_reuse", "reuse_seq"]

Basis = Literal["published", "captured"]
"""What the order of two releases rests on: both state a day and the days differ; else the day of the first capture
stands in for the one that is missing, or decides between equal days."""

RARE, FORMULA = 8, 50
BOILERPLATE = 4
WEIGHTS = {"rare": 3, "frequent": 1, "formula": 0}
SHARED = 6
"""Weight of the fingerprints that two releases must share to be compared."""
KEPT = 1500
"""Texts kept at hand while comparing, about 25 kB each."""

Level = Literal["rare", "frequent", "formula"]
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


CURRENT = """
SELECT r.id AS release_id, r.version_id, r.derivation, r.source_id, r.published IS NOT NULL AS is_dated,
       coalesce(r.published, substr(min(v.captured_at), 1, 10)) AS day, min(v.captured_at) AS captured_at
FROM release r JOIN version v ON v.release_id = r.id
WHERE r.id IN ({}) GROUP BY r.id ORDER BY r.seq
"""


@dataclass(slots=True)
class _Round:
    """One batch of changed releases on its way into the tables. Everything happens inside the caller's transaction."""

    db: Database
    known: dict[int, _Known] = field(default_factory=dict)
    sketches: dict[int, Sketch] = field(default_factory=dict)
    levels: dict[int, Level] = field(default_factory=dict)

    def take(self, release_ids: Sequence[str], *, gone: Collection[str] = ()) -> None:
        """Put these releases in as they are now, and take out what is `gone`."""
        now = {one.release_id: one for one in self._current(release_ids)}
        before = {one.release_id: one for one in self._compared([*release_ids, *gone])}
        same = {key for key, one in now.items() if key in before and _place(one) == _place(before[key])}
        removed = [one for key, one in before.items() if key not in same]
        added = [one for key, one in now.items() if key not in same]
        if not (added or removed):
            return
        lost = self._remove(removed)
        added = self._add(added)
        pairs = self._touched_by_fingerprints(added, removed, lost) | self._touched_by_buckets(added, removed, lost)
        for pair in sorted(pairs):
            self._compare_again(pair)

    def _current(self, release_ids: Sequence[str]) -> Iterator[_Known]:
        for start in range(0, len(release_ids), 500):
            batch = list(release_ids[start : start + 500])
            for row in self.db.query(CURRENT.format(", ".join("?" * len(batch))), batch):
                yield _known({**row, "number": 0})

    def _compared(self, release_ids: Sequence[str]) -> Iterator[_Known]:
        for start in range(0, len(release_ids), 500):
            batch = list(release_ids[start : start + 500])
            marks = ", ".join("?" * len(batch))
            for row in self.db.query(f"SELECT * FROM reuse_release WHERE release_id IN ({marks})", batch):
                yield _known(row)

    def _remove(self, removed: Iterable[_Known]) -> dict[int, Sketch]:
        """Take releases out; the sketches they had, by number."""
        lost: dict[int, Sketch] = {}
        for one in removed:
            text = lost[one.number] = self._sketch(one)
            for table, column, keys in (
                ("reuse_fingerprint", "fingerprint", text.fingerprints),
                ("reuse_bucket", "bucket", text.buckets),
            ):
                if text.words:
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
            text = self._sketch(one)
            fingerprints += [(key, one.number) for key in text.fingerprints]
            buckets += [(key, one.number) for key in text.buckets]
        self.db.conn.executemany("INSERT INTO reuse_fingerprint VALUES (?, ?)", sorted(fingerprints))
        self.db.conn.executemany("INSERT INTO reuse_bucket VALUES (?, ?)", sorted(buckets))
        return numbered

    def _touched_by_fingerprints(
        self, added: Sequence[_Known], removed: Sequence[_Known], lost: dict[int, Sketch]
    ) -> set[Pair]:
        """Pairs that share enough fingerprints with what came, and pairs whose fingerprints became formulas, or stopped
        being some."""
        came: dict[int, list[_Known]] = {}
        for one in added:
            for key in self._sketch(one).fingerprints:
                came.setdefault(key, []).append(one)
        went: dict[int, list[_Known]] = {}
        for one in removed:
            for key in lost[one.number].fingerprints:
                went.setdefault(key, []).append(one)
        shared: Counter[Pair] = Counter()
        pairs: set[Pair] = set()
        for key in sorted(came.keys() | went.keys()):
            holders = self._holders(key)
            new = {one.number for one in came.get(key, ())}
            stayed = [number for number in holders if number not in new]
            now = WEIGHTS[self._level(holders)]
            before = WEIGHTS[self._level(stayed, went.get(key, ()))]
            if now < before:
                pairs |= self._linked(stayed)
            elif now > before:
                pairs.update(combinations(stayed, 2))
            if now:
                for newer in new:
                    for number in holders:
                        if number < newer:
                            shared[number, newer] += now
        pairs.update(pair for pair, weight in shared.items() if weight >= SHARED)
        return pairs

    def _holders(self, fingerprint: int) -> list[int]:
        """Who has a fingerprint, lowest number first, at most one more than makes it a formula."""
        rows = self.db.conn.execute(
            "SELECT number FROM reuse_fingerprint WHERE fingerprint = ? ORDER BY number LIMIT ?",
            [fingerprint, FORMULA + 1],
        )
        return [number for (number,) in rows.fetchall()]

    def _level(self, holders: Sequence[int], others: Sequence[_Known] = ()) -> Level:
        """How much a fingerprint says that these releases have."""
        count = len(holders) + len(others)
        if count > FORMULA:
            return "formula"
        if count > BOILERPLATE:
            sources = [*(self._one(number).source_id for number in holders), *(one.source_id for one in others)]
            if max(Counter(sources).values()) > BOILERPLATE:
                return "formula"
        return "frequent" if count > RARE else "rare"

    def _linked(self, numbers: Sequence[int]) -> set[Pair]:
        """The links among some releases."""
        ids = {self._one(number).release_id: number for number in numbers}
        pairs = set()
        for release_id, number in ids.items():
            for row in self.db.query("SELECT later_id FROM reuse_link WHERE earlier_id = ?", [release_id]):
                other = ids.get(row["later_id"])
                if other is not None:
                    pairs.add((min(number, other), max(number, other)))
        return pairs

    def _touched_by_buckets(
        self, added: Sequence[_Known], removed: Sequence[_Known], lost: dict[int, Sketch]
    ) -> set[Pair]:
        """Pairs of the earliest release of a bucket with the others."""
        came: dict[int, set[int]] = {}
        for one in added:
            for key in self._sketch(one).buckets:
                came.setdefault(key, set()).add(one.number)
        went = {key for one in removed for key in lost[one.number].buckets}
        pairs: set[Pair] = set()
        for key in sorted(came.keys() | went):
            members = self._members(key)
            if len(members) < 2:
                continue
            new = came.get(key, set())
            first = min(members, key=lambda number: self._one(number).moment)
            stayed = [number for number in members if number not in new]
            former = min(stayed, key=lambda number: self._one(number).moment, default=first)
            everyone = key in went or former != first
            for leader in {first, former} if everyone else {first}:
                pairs.update(
                    (min(leader, number), max(leader, number))
                    for number in (members if everyone else new)
                    if number != leader
                )
        return pairs

    def _members(self, bucket: int) -> list[int]:
        rows = self.db.conn.execute("SELECT number FROM reuse_bucket WHERE bucket = ? ORDER BY number", [bucket])
        return [number for (number,) in rows.fetchall()]

    def _compare_again(self, pair: Pair) -> None:
        """Put the link of two releases right, whatever it was."""
        earlier, later = sorted((self._one(number) for number in pair), key=lambda one: one.moment)
        ids = (earlier.release_id, later.release_id)
        self.db.execute("DELETE FROM reuse_link WHERE earlier_id IN (?, ?) AND later_id IN (?, ?)", [*ids, *ids])
        ours, theirs = self._sketch(earlier), self._sketch(later)
        shared = ours.fingerprints & theirs.fingerprints
        levels = {key: self._level_of(key) for key in shared}
        weight = sum(WEIGHTS[level] for level in levels.values())
        if weight < SHARED and not self._leads(earlier, ours.buckets & theirs.buckets):
            return
        formulas = frozenset(key for key, level in levels.items() if level == "formula")
        frequent = frozenset(key for key, level in levels.items() if level == "frequent")
        found = compare(
            ours, theirs, formulas=formulas, frequent=frequent, same_source=earlier.source_id == later.source_id
        )
        if found is not None:
            self.db.table("reuse_link").insert(self._link(earlier, later, found))

    def _level_of(self, fingerprint: int) -> Level:
        known = self.levels.get(fingerprint)
        if known is None:
            known = self.levels[fingerprint] = self._level(self._holders(fingerprint))
        return known

    def _leads(self, earlier: _Known, buckets: Iterable[int]) -> bool:
        """Whether a release is the earliest of one of these buckets."""
        return any(
            min(self._members(bucket), key=lambda number: self._one(number).moment) == earlier.number
            for bucket in sorted(buckets)
        )

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

    def _one(self, number: int) -> _Known:
        if number not in self.known:
            row = next(self.db.query("SELECT * FROM reuse_release WHERE number = ?", [number]))
            self.known[number] = _known(row)
        return self.known[number]

    def _sketch(self, one: _Known) -> Sketch:
        found = self.sketches.get(one.number)
        if found is None:
            key = [one.release_id, one.version_id, one.derivation]
            rows = self.db.query(
                """SELECT start, "end" FROM quote WHERE release_id = ? AND version_id = ? AND derivation = ?
                   ORDER BY start, id""",
                key,
            )
            found = sketch(self._text(one), [(row["start"], row["end"]) for row in rows])
            while len(self.sketches) >= KEPT:
                del self.sketches[next(iter(self.sketches))]
            self.sketches[one.number] = found
        return found

    def _text(self, one: _Known) -> str:
        rows = self.db.query(
            "SELECT text FROM derivation WHERE release_id = ? AND version_id = ? AND number = ?",
            [one.release_id, one.version_id, one.derivation],
        )
        return str(next(rows, {"text": ""})["text"])


def _known(row: dict[str, object]) -> _Known:
    values = {name: row[name] for name in _Known.__dataclass_fields__}
    return _Known(**{**values, "is_dated": bool(row["is_dated"])})  # type: ignore[arg-type]


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
