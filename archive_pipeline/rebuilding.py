"""The database and the index again, from the WARC files and the decisions alone."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlite_utils import Database

from archive_pipeline.archive.captures import attach, record_capture, set_lengths
from archive_pipeline.archive.database import open_database, write_tx
from archive_pipeline.archive.decisions import apply_decision, read_decisions
from archive_pipeline.archive.events import record_event
from archive_pipeline.archive.frontier import is_substitute, restore
from archive_pipeline.archive.lock import writer_lock
from archive_pipeline.archive.profiles import read_profiles, record_profiles
from archive_pipeline.archive.runs import adopt_frontier, adopt_journal, record_source
from archive_pipeline.errors import ArchiveError, FixityError
from archive_pipeline.pipeline import batched, commit
from archive_pipeline.warc import StoredCapture
from archive_pipeline.workers import Workers
from archive_pipeline.workspace import SOFTWARE, Workspace, utc_now

__all__ = ["Rebuilt", "rebuild"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What a rebuild read and made. `damaged` names records whose checksum no longer fits."""

    captures: int
    releases: int
    decisions: int
    damaged: tuple[str, ...]


def rebuild(
    workspace: Workspace, *, workers: int = 1, progress: Callable[[int], None] = lambda captures: None
) -> Rebuilt:
    """Build archive.db beside the old one from WARC and decisions.jsonl, put it in its place, then the index.

    Under the same software, profiles and vocabularies the releases, versions, derivations and tags are the same.
    Records that are damaged are reported and left out; everything else is rebuilt. The journal of runs is taken over
    from the old database where it can be read. Raises LockedError, ArchiveError; the old database and index are then
    as before.
    """
    with writer_lock(workspace.data, "rebuild", utc_now()):
        fresh = workspace.database_file.with_suffix(".db.new")
        _remove(fresh)
        try:
            result = _fill(workspace, fresh, workers, progress)
        except BaseException:
            _remove(fresh)
            raise
        # the old index fits no new database: killed from here on, the next command finds none and builds it
        workspace.remove_index()
        _remove(workspace.database_file)
        fresh.rename(workspace.database_file)
        workspace.install_index()
    return result


def _fill(workspace: Workspace, path: Path, workers: int, progress: Callable[[int], None]) -> Rebuilt:
    store = workspace.warc_store()
    store.recover({})
    damaged: list[FixityError] = []
    captures = 0
    db = open_database(path, create=True, prepare=workspace.plugins.prepare_connection)
    try:
        with workspace.workers(workers) as pool:
            for batch in batched(store.captures(damaged=damaged.append)):
                _take_up(db, batch, pool)
                captures += len(batch)
                progress(captures)
        decisions = list(read_decisions(workspace.decisions_file))
        with write_tx(db):
            record_profiles(db, read_profiles(workspace.profiles_folder))
            for decision in decisions:
                apply_decision(db, decision)
            for error in damaged:
                record_event(
                    db,
                    "validation",
                    at=utc_now(),
                    agent=SOFTWARE,
                    subject="warc",
                    outcome="failure",
                    detail=error.message,
                )
        _adopt_journal(workspace, db)
        releases = next(db.query("SELECT count(*) AS n FROM release"))["n"]
        workspace.build_index(db)
        _complete(db)
    finally:
        db.close()
    return Rebuilt(
        captures=captures,
        releases=releases,
        decisions=len(decisions),
        damaged=tuple(error.message for error in damaged),
    )


def _adopt_journal(workspace: Workspace, db: Database) -> None:
    try:
        with workspace.reading() as old, write_tx(db):
            adopt_journal(db, old)
            adopt_frontier(db, old)
    except (ArchiveError, sqlite3.DatabaseError):
        return  # the old database is gone or damaged: that is what a rebuild is for


def _complete(db: Database) -> None:
    """Everything is in the one file that gets the database's name, nothing in a log beside it."""
    try:
        busy = next(db.query("PRAGMA wal_checkpoint(TRUNCATE)"))["busy"]
    except sqlite3.OperationalError as error:
        busy, why = 1, str(error)
    else:
        why = "ein anderes Programm hat sie geöffnet"
    if busy:
        raise ArchiveError(
            f"Die neue Datenbank lässt sich nicht abschließen: {why}",
            hint="freien Platz prüfen: archive-pipeline doctor; dann rebuild wiederholen",
        )


def _take_up(db: Database, batch: Sequence[StoredCapture], pool: Workers) -> None:
    documents = [stored for stored in batch if stored.capture.kind == "document"]
    outcomes = list(pool.process((stored.capture, stored.source) for stored in documents))
    with write_tx(db):
        for stored in batch:
            record_source(db, stored.source)
            set_lengths(db, {stored.capture.warc_file: stored.end})
            if stored.capture.kind == "discovery":
                record_capture(db, stored.capture, "stored")
        for stored, processed in zip(documents, outcomes, strict=True):
            if is_substitute(db, stored.capture):
                record_capture(db, stored.capture, "stored")
                continue
            restore(db, stored.capture)
            commit(db, stored.capture, stored.source, processed)
        for stored in batch:
            if stored.capture.kind == "attachment":
                attach(db, stored.capture)


def _remove(database: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
