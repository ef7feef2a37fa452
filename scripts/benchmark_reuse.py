"""Re-use found among generated releases: recall and precision of what was planted, processor time, size.

    .venv/bin/python scripts/benchmark_reuse.py 10000 30000 100000 --seed 7

The generated language is meant to mislead: words and set phrases follow Zipf's law, formulas of the trade recur in all
sources, every source has its own text about itself below most releases, and some sources publish weekly figures that
differ in the figures alone. Planted are exact copies, near-duplicates, passages and quotes taken over with small
changes, and now and then a text that many sources print, often a short one. `--missed` names some of what was missed
and of what was found wrongly.
"""

import argparse
import random
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import accumulate
from pathlib import Path

from sqlite_utils import Database

from archive_pipeline.archive.database import open_database, write_tx
from archive_pipeline.archive.reuse import follow_changes

SOURCES = 120
VOCABULARY = 60_000
PHRASES = 20_000
FORMULAS = 600
CAMPAIGN = 3000
"""Releases after which another text begins that many print."""
START = date(2015, 1, 1)
# fmt: off
SYLLABLES = (
    "ab", "an", "aus", "bau", "be", "ber", "bil", "brun", "chen", "dorf", "ei", "ein", "en", "er", "feld", "fen", "fer",
    "ge", "gen", "gung", "haft", "haus", "heim", "hof", "ing", "keit", "kom", "kreis", "land", "len", "lich", "mar",
    "meis", "mit", "mung", "nach", "nis", "ober", "pla", "pro", "rat", "raum", "re", "rung", "sam", "schaft", "schu",
    "ser", "stadt", "stel", "stra", "ten", "tig", "trag", "um", "ung", "ver", "vor", "wal", "wei", "wer", "wirt", "wis",
    "zei", "zen", "zu",
)
# fmt: on


@dataclass(slots=True)
class Release:
    """One generated release; `quotes` are spans of the text, `series` names the weekly figures it is one of."""

    source: int
    day: date | None
    text: str
    quotes: list[tuple[int, int]] = field(default_factory=list)
    series: int | None = None


@dataclass(slots=True)
class Planted:
    """What was planted: pairs of positions (earlier, later) by kind, and groups within which every pair is re-use."""

    pairs: dict[str, set[tuple[int, int]]] = field(default_factory=dict)
    groups: list[set[int]] = field(default_factory=list)


class Language:
    """Words and set phrases that follow Zipf's law, and the formulas that every press office uses."""

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        words: dict[str, None] = {}
        while len(words) < VOCABULARY:
            words["".join(rng.choices(SYLLABLES, k=rng.choice((1, 2, 2, 3, 3, 4))))] = None
        self.words = list(words)
        self.weights = list(accumulate(1 / (rank + 2.7) for rank in range(VOCABULARY)))
        self.phrases = [self.draw(rng.randint(3, 8)) for _ in range(PHRASES)]
        self.phrase_weights = list(accumulate(1 / (rank + 1) for rank in range(PHRASES)))
        self.formulas = [self.draw(rng.randint(7, 14)) for _ in range(FORMULAS)]
        self.formula_weights = list(accumulate(1 / (rank + 1) for rank in range(FORMULAS)))

    def draw(self, count: int) -> list[str]:
        """Words one after the other."""
        return self.rng.choices(self.words, cum_weights=self.weights, k=count)

    def sentence(self, least: int = 8, most: int = 22) -> list[str]:
        """About one word in four belongs to a set phrase."""
        wanted = self.rng.randint(least, most)
        words: list[str] = []
        while len(words) < wanted:
            if self.rng.random() < 0.07:
                words += self.rng.choices(self.phrases, cum_weights=self.phrase_weights)[0]
            else:
                words += self.draw(1)
        return words

    def passage(self, words: int) -> list[str]:
        """Sentences up to a number of words."""
        found: list[str] = []
        while len(found) < words:
            found += [*self.sentence(), "."]
        return found[:words]

    def formula(self) -> list[str]:
        """One formula, sometimes with a number of its own in it."""
        words = list(self.rng.choices(self.formulas, cum_weights=self.formula_weights)[0])
        if self.rng.random() < 0.5:
            words[self.rng.randrange(len(words))] = str(self.rng.randint(1, 9999))
        return [*words, "."]

    def changed(self, words: Sequence[str], changes: int) -> list[str]:
        """The same with some words exchanged, left out or put in."""
        result = list(words)
        for _ in range(changes):
            place = self.rng.randrange(1, max(2, len(result) - 1))
            match self.rng.choice("xxdi"):
                case "x":
                    result[place] = self.draw(1)[0]
                case "d":
                    del result[place]
                case _:
                    result.insert(place, self.draw(1)[0])
        return result


def generate(count: int, seed: int = 1) -> tuple[list[Release], Planted]:
    """Releases in the order of their publication, and what was planted in them."""
    rng = random.Random(seed)
    language = Language(rng)
    about = [language.passage(rng.randint(30, 80)) for _ in range(SOURCES)]
    templates = [language.passage(160) for _ in range(4)]
    planted = Planted({kind: set() for kind in ("exact", "near", "passage", "quote", "many")})
    bodies: list[list[str]] = []
    campaign: set[int] = set()
    campaigns: list[set[int]] = []
    printed: set[int] = set()
    releases: list[Release] = []
    for number in range(count):
        day = START + timedelta(days=number * 4000 // count)
        source, series = rng.randrange(SOURCES), None
        quotes: list[tuple[int, int]] = []
        body: list[str] = []
        chance = rng.random()
        origin = rng.randrange(number) if number > 50 else None
        if number % CAMPAIGN == 60:
            campaign = {number}
            campaigns.append(campaign)
        elif campaign and len(campaign) < 90 and number % 7 == 0:
            planted.pairs["many"].add((min(campaign), number))
            body = language.changed(bodies[min(campaign)], 8)
            campaign.add(number)
        elif origin is not None and chance < 0.05 and releases[origin].series is None and origin not in printed:
            kind = ("exact", "near", "passage", "quote", "quote")[int(chance * 100)]
            source = (releases[origin].source + rng.randrange(1, SOURCES)) % SOURCES
            planted.pairs[kind].add((origin, number))
            planted.groups.append({origin, number})
            if kind == "exact":
                releases.append(Release(source, _day(rng, day), releases[origin].text, list(releases[origin].quotes)))
                bodies.append(bodies[origin])
                continue
            body, quotes = _taken_over(language, kind, bodies[origin], releases[origin])
        elif chance < 0.08:
            series = rng.randrange(len(templates))
            source = series
            body = [str(rng.randint(1, 9999)) if place % 12 == 5 else w for place, w in enumerate(templates[series])]
        if not body:
            body = language.passage(rng.randint(80, 380))
            if rng.random() < 0.6:
                quotes.append(_quoted(body, language.passage(rng.randint(18, 50)), rng))
        tail = [word for _ in range(rng.randint(0, 3)) for word in language.formula()]
        tail += about[source] if rng.random() < 0.7 else []
        text, spans = _written([*body, *tail], quotes)
        stated = _day(rng, day)
        first = (
            len(campaign) == 1 and number in campaign
        )  # it has a date: without one nobody knows that it is the first
        releases.append(Release(source, day if first else stated, text, spans, series))
        bodies.append(body)
        if number in campaign:
            printed.add(number)
    planted.groups += campaigns
    return releases, planted


def _day(rng: random.Random, day: date) -> date | None:
    return None if rng.random() < 0.05 else day


def _quoted(body: list[str], quote: list[str], rng: random.Random) -> tuple[int, int]:
    """Put direct speech into a text; its span in words."""
    place = rng.randrange(len(body))
    body[place:place] = quote
    return place, place + len(quote)


def _taken_over(
    language: Language, kind: str, body: list[str], origin: Release
) -> tuple[list[str], list[tuple[int, int]]]:
    """A text that takes over the whole, a passage or the quote of another one."""
    rng = language.rng
    if kind == "near":
        changed = language.changed(body, max(1, len(body) * rng.randint(1, 4) // 100))
        place = rng.randrange(len(changed))
        return [*changed[:place], *language.sentence(), ".", *changed[place:]], []
    own = language.passage(rng.randint(80, 300))
    place = rng.randrange(len(own))
    if kind == "quote" and origin.quotes:
        start, end = origin.quotes[0]
        taken = origin.text[start + 1 : end - 1].split()
        taken = language.changed(taken, rng.randint(0, 2))
        own[place:place] = taken
        return own, [(place, place + len(taken))]
    length = min(len(body), rng.randint(30, 90))
    start = rng.randrange(len(body) - length + 1)
    own[place:place] = language.changed(body[start : start + length], rng.randint(0, 4))
    return own, []


def _written(words: Sequence[str], quotes: Iterable[tuple[int, int]]) -> tuple[str, list[tuple[int, int]]]:
    """The text of some words, and the spans of its quotes with their quotation marks."""
    marks = dict(quotes)
    spans: list[tuple[int, int]] = []
    parts: list[str] = []
    length, began, closes = 0, 0, -1
    for place, word in enumerate(words):
        mark = "„" if place in marks else ""
        if mark:
            began, closes = length + bool(parts), marks[place]
        parts.append(f"{mark}{word}“" if place == closes - 1 else f"{mark}{word}")
        length += len(parts[-1]) + (1 if len(parts) > 1 else 0)
        if place == closes - 1:
            spans.append((began, length))
    return " ".join(parts), spans


def store(db: Database, releases: Sequence[Release], *, first: int = 0) -> None:
    """Write releases into a database as if they had been ingested, in this order."""
    begin = datetime(2026, 1, 1, tzinfo=UTC)
    with write_tx(db):
        for number, release in enumerate(releases, first):
            key, at = f"{number:016x}", (begin + timedelta(seconds=number)).isoformat()
            day = release.day.isoformat() if release.day else None
            source = f"quelle-{release.source}"
            db.execute(
                """INSERT INTO capture (record_id, source_id, key, target, kind, sha256, captured_at, warc_file,
                     warc_offset, state) VALUES (?, ?, ?, ?, 'document', ?, ?, '', 0, 'accepted')""",
                [key, source, key, key, key, at],
            )
            cursor = db.execute("INSERT INTO outbox (release_id, change, at) VALUES (?, 'new', ?)", [key, at])
            db.execute(
                """INSERT INTO release (id, source_id, access, version_id, derivation, title, published,
                     first_captured_at, seq) VALUES (?, ?, 'public', ?, 1, ?, ?, ?, ?)""",
                [key, source, key, f"Titel {number}", day, at, cursor.lastrowid],
            )
            db.execute(
                """INSERT INTO version (release_id, id, number, sha256, captured_at, record_id)
                   VALUES (?, ?, 1, ?, ?, ?)""",
                [key, key, key, at, key],
            )
            db.execute(
                """INSERT INTO derivation (release_id, version_id, number, software, text, article)
                   VALUES (?, ?, 1, 'generated', ?, '{}')""",
                [key, key, release.text],
            )
            db.conn.executemany(
                """INSERT INTO quote (release_id, version_id, derivation, text, start, "end")
                   VALUES (?, ?, 1, ?, ?, ?)""",
                [(key, key, release.text[start:end], start, end) for start, end in release.quotes],
            )


def links(db: Database) -> Iterator[tuple[int, int]]:
    """The links found, as pairs of positions."""
    for row in db.query("SELECT earlier_id, later_id FROM reuse_link"):
        one, other = int(row["earlier_id"], 16), int(row["later_id"], 16)
        yield min(one, other), max(one, other)


def quality(
    found: set[tuple[int, int]], releases: Sequence[Release], planted: Planted
) -> tuple[dict[str, float], float, list[tuple[int, int]]]:
    """Recall by kind of what was planted, precision, and the wrong pairs. Weekly figures of one series resemble each
    other as much as a copy does, so links between two of them count neither way."""
    recall = {kind: len(found & pairs) / len(pairs) if pairs else 1.0 for kind, pairs in planted.pairs.items()}
    group_of: dict[int, set[int]] = {}
    for group in planted.groups:
        joined = set(group).union(*(group_of.get(one, set()) for one in group))
        for one in joined:
            group_of[one] = joined
    counted = [
        (one, other)
        for one, other in found
        if releases[one].series is None or releases[one].series != releases[other].series
    ]
    wrong = [(one, other) for one, other in counted if other not in group_of.get(one, set())]
    return recall, 1 - len(wrong) / max(1, len(counted)), wrong


def main() -> None:
    """Print one line of the table for each number of releases."""
    parser = argparse.ArgumentParser(description="Re-use found among generated releases")
    parser.add_argument("counts", nargs="*", type=int, default=[10_000])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--missed", action="store_true", help="also what was missed and found wrongly")
    asked = parser.parse_args()
    print("| releases | seed | CPU s | ms each | database | of it re-use | links | recall | precision |")
    for count in asked.counts:
        releases, planted = generate(count, asked.seed)
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "archive.db"
            db = open_database(path, create=True)
            store(db, releases)
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            before = path.stat().st_size
            began = time.process_time()
            while follow_changes(db):
                pass
            seconds = time.process_time() - began
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            after = path.stat().st_size
            found = set(links(db))
            db.close()
        recall, precision, wrong = quality(found, releases, planted)
        pairs = sum(map(len, planted.pairs.values()))
        overall = sum(recall[kind] * len(planted.pairs[kind]) for kind in recall) / pairs
        kinds = ", ".join(f"{kind} {share:.3f}" for kind, share in recall.items())
        print(
            f"| {count:,} | {asked.seed} | {seconds:.1f} | {1000 * seconds / count:.2f} | {after / 1e6:.0f} MB | "
            f"{(after - before) / 1e6:.0f} MB | {len(found):,} | {overall:.4f} ({kinds}) | {precision:.4f} |",
            flush=True,
        )
        if asked.missed:
            for kind, wanted in planted.pairs.items():
                print(f"missed, {kind}:", sorted(wanted - found)[:20])
            print("found wrongly:", wrong[:20], flush=True)


if __name__ == "__main__":
    main()
