"""Writing what was made of captures: into the derivation log, which is on disk first, and into the database.

Both change in one transaction: the log is appended to and synced before the database commits, and taken back when it
does not. A process killed in between leaves a log that is ahead; the next run replays it. A rebuild replays all of it.
"""

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any, Literal

from sqlite_utils import Database

from archive_pipeline.archive.captures import (
    adopt_attachments,
    attach,
    belong,
    capture_rows,
    is_recorded,
    is_repeated,
    known_lengths,
    record_capture,
    repeat,
    set_lengths,
)
from archive_pipeline.archive.database import look_up, write_tx
from archive_pipeline.archive.events import record_event
from archive_pipeline.archive.frontier import is_substitute, restore
from archive_pipeline.archive.releases import Stored, restore_release, store_derivation, store_release
from archive_pipeline.errors import FixityError
from archive_pipeline.model import Capture, Processed, Release, Source
from archive_pipeline.processing.chain import let_through
from archive_pipeline.processing.workers import Workers
from archive_pipeline.warc import DerivationLog, Derived, StoredCapture, WarcStore
from archive_pipeline.warc.derivations import text_sha256
from archive_pipeline.workspace import SOFTWARE

__all__ = ["Ledger", "TakingUp", "batched", "logged_tx", "take_up"]

CAPTURES_A_BATCH = 25
BYTES_A_BATCH = 32_000_000


class Ledger:
    """What one transaction makes of captures. Everything is dated by the capture, so that a rebuild writes the same
    rows."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self.derived: list[Derived] = []

    def commit(self, capture: Capture, source: Source, processed: Processed) -> Stored | None:
        """Write one processed capture: its row and events, and the release if it was accepted.

        Only the row is written, and None returned, for the answer of a server that said once more what it had said
        before.
        """
        if is_repeated(self._db, capture):
            repeat(self._db, capture)
            return None
        stored = _commit(self._db, capture, source, processed, None)
        identity = _identity(self._db, capture, stored) if stored is not None else {}
        is_new = stored is not None and stored.change != "unchanged"
        derived = Derived(
            record_id=capture.record_id,
            target=capture.target,
            at=capture.captured_at,
            step="ingestion",
            software=SOFTWARE,
            status=processed.status,
            reason=processed.reason,
            **identity,
            **(_content(processed) if is_new else {}),
        )
        self.derived.append(derived)
        return stored

    def derive(self, release: Release, record_id: str, processed: Processed, *, detail: str, now: datetime) -> int:
        """Write one more derivation of a release's current version, made from the capture `record_id`; its number."""
        number = store_derivation(self._db, release.id, release.version_id, processed, software=SOFTWARE, now=now)
        derived = Derived(
            record_id=record_id,
            target=release.url or release.path or release.id,
            at=now,
            step="derivation",
            software=SOFTWARE,
            status=processed.status,
            detail=f"{detail}: Ableitung {number}",
            release_id=release.id,
            version_id=release.version_id,
            number=number,
            change="changed",
            **_content(processed),
        )
        _note_derivation(self._db, derived)
        self.derived.append(derived)
        return number


@contextmanager
def logged_tx(db: Database, log: DerivationLog) -> Iterator[Ledger]:
    """One write transaction of the database and the derivation log. Raises ArchiveError; nothing is written then."""
    ledger = Ledger(db)
    place: tuple[str, int] | None = None
    try:
        with write_tx(db):
            yield ledger
            if ledger.derived:
                place = log.append(ledger.derived)
                set_lengths(db, log.sync())
    except BaseException:
        # a log that stays ahead does no harm: the next run replays it
        with suppress(sqlite3.Error, OSError):
            if place is not None and known_lengths(db).get(place[0], 0) <= place[1]:
                log.undo(*place)
        raise


def _content(processed: Processed) -> dict[str, Any]:
    """The fields of an entry of the log that hold what was made."""
    article = processed.article
    return {
        "article": article,
        "text_sha256": text_sha256(article.text) if article is not None else None,
        "tags": processed.tags,
        "persons": processed.persons,
        "quotes": processed.quotes,
    }


def _identity(db: Database, capture: Capture, stored: Stored) -> dict[str, Any]:
    """Its fields that name the derivation which the capture became, or which stands for it."""
    found = look_up(db, "SELECT version_id, derivation FROM release WHERE id = ?", [stored.release_id])
    assert found is not None
    version_id, number = found
    fields = {"release_id": stored.release_id, "version_id": version_id, "number": number, "change": stored.change}
    if stored.change == "unchanged":
        return fields
    place = [stored.release_id, capture.sha256]
    version = look_up(db, "SELECT id, record_id FROM version WHERE release_id = ? AND sha256 = ?", place)
    assert version is not None
    current = version_id == version[0]
    made = version[1] == capture.record_id
    return {**fields, "version_id": version[0], "number": number if current else 1, "current": current, "made": made}


def _commit(
    db: Database, capture: Capture, source: Source, processed: Processed, decided: Derived | None
) -> Stored | None:
    """The rows of one capture; `decided` says what was made of it before."""
    at, software = capture.captured_at, decided.software if decided else SOFTWARE
    if not is_recorded(db, capture.record_id):
        record_event(db, "capture", at=at, agent=software, subject=capture.record_id)
    record_capture(db, capture, processed.status, reason=processed.reason)
    if processed.status == "accepted":
        if decided is None:
            stored = store_release(db, capture, source, processed, software=software, now=at)
        else:
            place = (decided.release_id or "", decided.version_id or "", decided.number or 1)
            stored = restore_release(
                db,
                capture,
                source,
                processed,
                place,
                decided.change,
                current=decided.current,
                software=software,
                now=at,
            )
        belong(db, capture, stored.release_id)
        adopt_attachments(db, capture, stored.release_id)
        if stored.change != "unchanged":
            record_event(db, "ingestion", at=at, agent=software, subject=stored.release_id, detail=stored.change)
        return stored
    kind: Literal["quarantine", "validation"] = "quarantine" if processed.status == "quarantined" else "validation"
    outcome: Literal["warning", "failure"] = "failure" if processed.status == "failed" else "warning"
    record_event(db, kind, at=at, agent=software, subject=capture.record_id, outcome=outcome, detail=processed.reason)
    return None


def _note_derivation(db: Database, derived: Derived) -> None:
    record_event(
        db,
        "metadata modification",
        at=derived.at,
        agent=derived.software,
        subject=derived.release_id or "",
        detail=derived.detail,
    )


Told = Callable[[Capture, Processed, Stored | None], None]


class TakingUp:
    """Takes captures up from the WARC files, in their order: a rebuild does it with all, a run with what a killed one
    left. What the derivation log says of them is replayed in its own order; the rest is cleaned and classified now,
    and logged.

    `entries` are those of the log that the database does not have yet, `logged` the captures they speak of. `released`
    are captures that people took out of quarantine. `told` hears what became of each document. `note_source` is called
    with the source of every capture. `derived_anew` counts documents that the log said nothing of, `missing` entries of
    the log whose capture did not come.
    """

    def __init__(
        self,
        db: Database,
        pool: Workers,
        store: WarcStore,
        log: DerivationLog,
        *,
        entries: Iterable[tuple[str, int, Derived]],
        logged: set[str],
        released: frozenset[str] = frozenset(),
        told: Told = lambda capture, processed, stored: None,
        note_source: Callable[[Source], None] = lambda source: None,
    ) -> None:
        self._db = db
        self._pool = pool
        self._store = store
        self._log = log
        self._entries = iter(entries)
        self._next = next(self._entries, None)
        self._logged = logged
        self._released = released
        self._told = told
        self._note_source = note_source
        self._waiting: dict[str, StoredCapture] = {}
        self.derived_anew = 0
        self.missing = 0

    def take(self, batch: Sequence[StoredCapture]) -> list[Stored]:
        """Take up these captures, in one transaction; what is new or changed."""
        found = [one for one in batch if not is_recorded(self._db, one.capture.record_id)]
        documents = [one for one in found if one.capture.kind == "document"]
        unlogged = [one for one in documents if one.capture.record_id not in self._logged]
        self.derived_anew += len(unlogged)
        archived: list[Stored] = []
        processed = self._process(unlogged)
        with logged_tx(self._db, self._log) as ledger:
            for one in batch:
                set_lengths(self._db, {one.capture.warc_file: one.end})
            for one in found:
                self._note_source(one.source)
                if one.capture.kind == "discovery":
                    record_capture(self._db, one.capture, "stored")
            for one in documents:
                if one.capture.record_id in self._logged:
                    self._waiting[one.capture.record_id] = replace(one, capture=replace(one.capture, body=b""))
            self._replay(archived, wait=True)
            self._commit(ledger, unlogged, processed, archived)
            for one in found:
                if one.capture.kind == "attachment":
                    attach(self._db, one.capture)
        return archived

    def finish(self) -> list[Stored]:
        """After the last capture: what is left of the log, then captures whose entry can't be read; what is new or
        changed."""
        archived: list[Stored] = []
        with write_tx(self._db):
            self._replay(archived, wait=False)
        left, self._waiting = list(self._waiting.values()), {}
        for batch in batched(self._reread(one) for one in left):
            processed = self._process(batch)
            with logged_tx(self._db, self._log) as ledger:
                self._commit(ledger, batch, processed, archived)
        return archived

    def _process(self, documents: Sequence[StoredCapture]) -> list[Processed]:
        outcomes = self._pool.process((one.capture, one.source) for one in documents)
        return [
            let_through(processed) if one.capture.record_id in self._released else processed
            for one, processed in zip(documents, outcomes, strict=True)
        ]

    def _reread(self, one: StoredCapture) -> StoredCapture:
        return self._store.read_stored(one.capture.warc_file, one.capture.warc_offset)

    def _commit(
        self, ledger: Ledger, documents: Sequence[StoredCapture], outcomes: list[Processed], archived: list[Stored]
    ) -> None:
        for one, processed in zip(documents, outcomes, strict=True):
            if is_substitute(self._db, one.capture):
                record_capture(self._db, one.capture, "stored")
                continue
            restore(self._db, one.capture)
            stored = ledger.commit(one.capture, one.source, processed)
            self._told(one.capture, processed, stored)
            if stored is not None and stored.change != "unchanged":
                archived.append(stored)

    def _replay(self, archived: list[Stored], *, wait: bool) -> None:
        """Apply the log up to the first entry whose capture has not come yet; with `wait` False leave out those whose
        capture does not come at all, as it is damaged."""
        while self._next is not None:
            name, end, derived = self._next
            is_new = derived.record_id in self._waiting
            if not is_new and not is_recorded(self._db, derived.record_id):
                if wait:
                    return
                self.missing += 1
            elif derived.step == "derivation":
                self._derive(derived)
            elif is_new or not self._is_accepted(derived.record_id):
                one = self._waiting.pop(derived.record_id) if is_new else self._recorded(derived.record_id)
                if is_new:
                    restore(self._db, one.capture)
                stored = _commit(self._db, one.capture, one.source, derived.processed, derived)
                self._told(one.capture, derived.processed, stored)
                if stored is not None and stored.change != "unchanged":
                    archived.append(stored)
            set_lengths(self._db, {name: end})
            self._next = next(self._entries, None)

    def _derive(self, derived: Derived) -> None:
        place = [derived.release_id, derived.version_id]
        newest = next(
            self._db.query("SELECT max(number) AS n FROM derivation WHERE release_id = ? AND version_id = ?", place)
        )["n"]
        if newest is None or derived.release_id is None or derived.version_id is None:
            return  # of a capture that is damaged
        if derived.number is not None and derived.number <= newest:
            return  # a rebuild that was broken off had logged it
        store_derivation(
            self._db,
            derived.release_id,
            derived.version_id,
            derived.processed,
            software=derived.software,
            now=derived.at,
            number=derived.number,
        )
        _note_derivation(self._db, derived)

    def _is_accepted(self, record_id: str) -> bool:
        rows = self._db.query("SELECT 1 FROM capture WHERE record_id = ? AND state = 'accepted'", [record_id])
        return next(rows, None) is not None

    def _recorded(self, record_id: str) -> StoredCapture:
        row = next(capture_rows(self._db, "record_id = ?", [record_id]))
        return self._store.read_stored(row.warc_file, row.warc_offset)


def take_up(
    db: Database,
    pool: Workers,
    store: WarcStore,
    log: DerivationLog,
    *,
    told: Told = lambda capture, processed, stored: None,
    damaged: Callable[[str, FixityError], None] = lambda subject, error: None,
) -> Iterator[list[Stored]]:
    """Take up what a killed process left, after `recover` of store and log: captures and entries of the log behind the
    last byte the database knows. Yields what is new or changed, batch by batch; `damaged` hears of records that can't
    be read, with what they are of."""
    known = known_lengths(db)
    taking = TakingUp(
        db,
        pool,
        store,
        log,
        entries=log.read(known, damaged=partial(damaged, "derivations")),
        logged=log.record_ids(known),
        told=told,
    )
    for batch in batched(store.captures(after=known, damaged=partial(damaged, "warc"))):
        yield taking.take(batch)
    yield taking.finish()


def batched(captures: Iterable[StoredCapture]) -> Iterator[list[StoredCapture]]:
    """Captures in lists that are committed together, bounded in number and in bytes held in memory."""
    batch: list[StoredCapture] = []
    size = 0
    for stored in captures:
        batch.append(stored)
        size += len(stored.capture.body)
        if len(batch) >= CAPTURES_A_BATCH or size >= BYTES_A_BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
