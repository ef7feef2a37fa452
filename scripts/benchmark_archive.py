"""What archiving costs: releases with tags committed per second, beside bare bulk upserts of the same rows by
sqlite-utils; the size of the database; exports of many releases, and the memory they take.

    python scripts/benchmark_archive.py [--releases 10000] [--export jsonl,csv,…] [--without-bare]

Everything is made up on the spot, in a temporary folder. Both ways write the same rows into the same schema with the
same settings of SQLite; ours decides about identity and versions on the way, and writes the derivation log, synced
before each commit.
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlite_utils import Database

from archive_pipeline.archive.captures import set_lengths
from archive_pipeline.archive.database import open_database
from archive_pipeline.ingest.committing import logged_tx
from archive_pipeline.model import Article, Axis, Capture, Evidence, Person, Processed, Quote, Role, Source, Tag
from archive_pipeline.warc import Description, urn
from archive_pipeline.workspace import Workspace, open_workspace

WORDS = [
    f"{one}{other}"
    for one in ("Kreis", "Schul", "Straßen", "Wald", "Kunst", "Haushalts", "Energie", "Pflege", "Bürger", "Umwelt")
    for other in ("tag", "beratung", "ausschuss", "verein", "förderung", "termin", "umbau", "bericht", "preis", "weg")
]
BATCH = 25
"""As many documents share a transaction in a run."""

CHUNK = 500
"""The two ways take turns, so that both see the same load of the machine."""

TABLES = {
    "source": ("id",),
    "warc_file": ("name",),
    "capture": ("record_id",),
    "release": ("id",),
    "location": ("release_id", "source_id", "key"),
    "version": ("release_id", "id"),
    "derivation": ("release_id", "version_id", "number"),
    "tag": ("id",),
    "person": ("id",),
    "quote": ("id",),
    "event": ("id",),
    "outbox": ("seq",),
}
"""The tables that archiving fills, with their keys."""


def article(number: int) -> Article:
    choose = random.Random(number)
    text = "\n\n".join(" ".join(choose.choices(WORDS, k=60)) + "." for _ in range(5))
    return Article(
        text=text,
        title=" ".join(choose.choices(WORDS, k=6)),
        published=date(2015, 1, 1) + timedelta(days=number % 4000) if number % 20 else None,
        language="de",
        media_type="text/html",
    )


def processed(number: int) -> Processed:
    """With the number of tags, persons and quotes that releases of the sample have on average."""
    found = article(number)
    words = found.text.split(" ", 12)

    def evidence(count: int) -> tuple[Evidence, ...]:
        return tuple(Evidence(start=0, end=len(words[0]), text=words[0]) for _ in range(count))

    kinds = (
        (Axis.DISTRICT, f"05{number % 90:03}", Role.ISSUER),
        (Axis.DISTRICT, f"06{number % 90:03}", Role.MENTIONED),
        (Axis.PARTY, "spd", Role.ABOUT),
        (Axis.ORGANISATION, f"amt-{number % 500}", Role.ISSUER),
        (Axis.TOPIC, "housing", Role.PRIMARY),
        (Axis.TOPIC, "health", Role.SECONDARY),
    )
    return Processed(
        status="accepted",
        article=found,
        tags=tuple(
            Tag(axis=axis, value=value, label=value, role=role, score=0.9, by="benchmark@1", evidence=evidence(2))
            for axis, value, role in kinds
        ),
        persons=(Person(name="Petra Probe", role="Landrätin", party="spd", start=0, end=11),),
        quotes=(Quote(text=found.text[:120], speaker="Petra Probe", start=0, end=120),),
    )


class Ours:
    """An archive that is filled, and the seconds that committing took, without capturing."""

    def __init__(self, workspace: Workspace, db: Database) -> None:
        self.source = workspace.config.sources[0]
        self.store, self.log = workspace.warc_store(), workspace.derivation_log()
        self.db = db
        self.seconds = 0.0
        db.table("source").upsert({"id": "q", "title": "Quelle", "language": "de", "access": "public"}, pk="id")

    def write(self, numbers: range) -> None:
        for start in range(numbers.start, numbers.stop, BATCH):
            part = range(start, min(numbers.stop, start + BATCH))
            captures = [(capture(self.store, self.source, number), processed(number)) for number in part]
            lengths = self.store.sync()
            began = time.perf_counter()
            with logged_tx(self.db, self.log) as ledger:
                set_lengths(self.db, lengths)
                for one, outcome in captures:
                    ledger.commit(one, self.source, outcome)
            self.seconds += time.perf_counter() - began

    def close(self) -> None:
        self.store.close()
        self.log.close()


class Bare:
    """A database that sqlite-utils fills with the same rows: one bulk upsert a table, as many releases in a transaction
    as ours has."""

    def __init__(self, path: Path) -> None:
        self.db = open_database(path, create=True)
        self.read = dict.fromkeys(TABLES, 0)
        self.seconds = 0.0

    def write(self, original: Database, releases: int) -> None:
        rows = {table: self.new_rows(original, table) for table in TABLES}
        batches = -(-releases // BATCH)
        began = time.perf_counter()
        for number in range(batches):
            with self.db.atomic():
                for table, key in TABLES.items():
                    found = rows[table]
                    part = found[number * len(found) // batches : (number + 1) * len(found) // batches]
                    if part:
                        self.db.table(table).upsert_all(part, pk=key)
        self.seconds += time.perf_counter() - began

    def new_rows(self, original: Database, table: str) -> list[dict[str, object]]:
        rows = list(original.query(f"SELECT rowid AS read, * FROM {table} WHERE rowid > ?", [self.read[table]]))
        if table not in ("source", "warc_file"):
            self.read[table] = max((row["read"] for row in rows), default=self.read[table])
        return [{name: value for name, value in row.items() if name != "read"} for row in rows]


def capture(store: object, source: Source, number: int) -> Capture:
    key = f"{number}.txt"
    description = Description(source=source, settings="0", fetcher="folder", key=key, media_type="text/html")
    body = f"{number}\n{article(number).text}".encode()
    return store.write_resource(  # type: ignore[attr-defined]
        urn(source.id, key), body, description, captured_at=datetime(2026, 1, 1, tzinfo=UTC)
    ).capture


def exports(folder: Path, out: Path, formats: list[str]) -> Iterator[tuple[str, float, int, int]]:
    """Format, seconds, bytes and peak memory (bytes) of each export, in a process of its own."""
    for name in formats:
        code = (
            "import pathlib, sys; from archive_pipeline.cli.main import command_line\n"
            "command_line(sys.argv[1:], standalone_mode=False)\n"
            "print(pathlib.Path('/proc/self/status').read_text().partition('VmHWM:')[2].split()[0])"
        )
        command = [sys.executable, "-c", code, "-q", "-C", str(folder), "export", name, "--out", str(out / name)]
        began = time.perf_counter()
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - began
        files = [path for path in (out / name, *(out / name).rglob("*")) if path.is_file()]
        yield name, seconds, sum(path.stat().st_size for path in files), int(done.stdout.split()[-1]) * 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--releases", type=int, default=10_000)
    parser.add_argument("--export", default="", help="measure these exports, too")
    parser.add_argument("--without-bare", action="store_true", help="exports alone: no comparison with bare upserts")
    arguments = parser.parse_args()
    count = arguments.releases
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "archiv"
        (folder / "q").mkdir(parents=True)
        (folder / "sources.toml").write_text(
            '[archive]\ntitle = "Probe"\n\n[[source]]\nid = "q"\ntitle = "Quelle"\nfetcher = "folder"\npath = "q"\n',
            encoding="utf-8",
        )
        workspace = open_workspace(folder)
        with workspace.writing("benchmark") as db:
            ours, bare = Ours(workspace, db), Bare(Path(place) / "bare.db")
            for start in range(0, count, CHUNK):
                numbers = range(start, min(count, start + CHUNK))
                ours.write(numbers)
                if not arguments.without_bare:
                    bare.write(db, len(numbers))
            ours.close()
            for table in () if arguments.without_bare else TABLES:
                assert bare.db.table(table).count == db.table(table).count
            bare.db.close()
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = workspace.database_file.stat().st_size
        log = sum(path.stat().st_size for path in workspace.data.glob("derivations/*/*/*.warc.gz"))
        row = {
            "releases": count,
            "ours_per_second": round(count / ours.seconds, 1),
            "bare_per_second": round(count / bare.seconds, 1) if bare.seconds else None,
            "ratio": round(bare.seconds / ours.seconds, 2) if bare.seconds else None,
            "database_bytes_per_release": round(size / count),
            "derivation_log_bytes_per_release": round(log / count),
        }
        print(json.dumps(row))
        out = Path(place) / "out"
        out.mkdir()
        if arguments.export:
            for name, seconds, written, memory in exports(folder, out, arguments.export.split(",")):
                told = {"format": name, "seconds": round(seconds, 1), "bytes": written, "peak_memory": memory}
                print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main()
