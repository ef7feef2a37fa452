"""The database and the index again, from the WARC files, the derivation log and the decisions."""

import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlite_utils import Database

from archive_pipeline.archive.captures import known_lengths, warc_lengths
from archive_pipeline.archive.database import open_database, write_tx
from archive_pipeline.archive.decisions import apply_new_decisions, read_decisions
from archive_pipeline.archive.events import record_event
from archive_pipeline.archive.holds import released_records
from archive_pipeline.archive.lock import writer_lock
from archive_pipeline.archive.profiles import read_profiles, record_profiles
from archive_pipeline.archive.rights_forms import Erasure
from archive_pipeline.archive.runs import adopt_frontier, adopt_journal, follow_access, record_source
from archive_pipeline.archive.saved_searches import adopt_seen
from archive_pipeline.decide.taking_down import clear_files, finish_rebuilt, remove_other_indexes
from archive_pipeline.errors import ArchiveError, FixityError
from archive_pipeline.ingest.committing import TakingUp, batched
from archive_pipeline.upkeep.reusing import update_reuse
from archive_pipeline.warc import update_cdxj
from archive_pipeline.workspace import SOFTWARE, Workspace, utc_now

__all__ = ["Rebuilt", "rebuild"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What a rebuild read and made. `damaged` names records whose checksum no longer fits, and files that are missing
    or too short; `derived_anew` is how many documents the derivation log said nothing of: they were cleaned and
    classified by today's rules."""

    captures: int
    releases: int
    decisions: int
    derived_anew: int
    damaged: tuple[str, ...]


def rebuild(
    workspace: Workspace, *, workers: int = 1, progress: Callable[[int], None] = lambda captures: None
) -> Rebuilt:
    """Build archive.db beside the old one from WARC and decisions.jsonl, put it in its place, then the index.

    What the derivation log holds is taken from there, under whatever software: releases, versions and derivations get
    the numbers and texts they had. Captures that it says nothing of are cleaned and classified now, and logged. Records
    that are damaged are reported and left out; everything else is rebuilt. The journal of runs is taken over from the
    old database where it can be read. Raises LockedError, ArchiveError; the old database and index are then as before.
    """
    with writer_lock(workspace.data, "rebuild", utc_now()):
        erasures = clear_files(workspace)
        fresh = workspace.database_file.with_suffix(".db.new")
        _remove(fresh)
        try:
            result = _fill(workspace, fresh, workers, progress, erasures)
        except BaseException:
            _remove(fresh)
            raise
        # the old index fits no new database: killed from here on, the next command finds none and builds it
        workspace.remove_index()
        _remove(workspace.database_file)
        fresh.rename(workspace.database_file)
        workspace.install_index()
        if erasures:
            remove_other_indexes(workspace)
    return result


def _fill(
    workspace: Workspace, path: Path, workers: int, progress: Callable[[int], None], erasures: Sequence[Erasure]
) -> Rebuilt:
    store, log = workspace.warc_store(), workspace.derivation_log()
    accounted, damaged = _accounted(workspace)
    store.recover(accounted)
    log.recover(accounted)
    captures = 0
    released = released_records(read_decisions(workspace.decisions_file))
    db = open_database(path, create=True, prepare=workspace.plugins.prepare_connection)
    try:
        with workspace.workers(workers) as pool:
            taking = TakingUp(
                db,
                pool,
                store,
                log,
                entries=log.read(damaged=damaged.append, accounted=accounted),
                logged=log.record_ids(),
                released=released,
                note_source=partial(record_source, db),
            )
            for batch in batched(store.captures(damaged=damaged.append, accounted=accounted)):
                taking.take(batch)
                captures += len(batch)
                progress(captures)
            taking.finish()
        if taking.missing and not damaged:
            damaged.append(
                FixityError(
                    f"{taking.missing} Ableitungen nennen Erfassungen, die in keiner WARC-Datei stehen: es fehlt eine"
                )
            )
        decisions = apply_new_decisions(db, workspace.decisions_file)
        with write_tx(db):
            record_profiles(db, read_profiles(workspace.profiles_folder))
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
        db.execute("PRAGMA secure_delete = ON")
        _adopt_journal(workspace, db)
        with write_tx(db):
            finish_rebuilt(db, erasures)
            follow_access(db, workspace.config.sources)
        releases = next(db.query("SELECT count(*) AS n FROM release"))["n"]
        workspace.build_index(db)
        update_cdxj(workspace.data, warc_lengths(db), anew=True)
        update_reuse(db)
        _complete(db)
    finally:
        db.close()
        log.close()
    return Rebuilt(
        captures=captures,
        releases=releases,
        decisions=decisions,
        derived_anew=taking.derived_anew,
        damaged=tuple(error.message for error in damaged),
    )


def _accounted(workspace: Workspace) -> tuple[dict[str, int], list[FixityError]]:
    """How far the old database accounts for files that are still that long: what is before is no torn end of a killed
    writer, and is never cut. And what is wrong with the others."""
    try:
        with workspace.reading() as old:
            known = known_lengths(old)
    except (ArchiveError, sqlite3.DatabaseError):
        return {}, []
    whole: dict[str, int] = {}
    damaged = []
    for name, length in known.items():
        path = workspace.data / name
        size = path.stat().st_size if path.is_file() else -1
        if size >= length:
            whole[name] = length
        else:
            found = f"{size} Bytes" if size >= 0 else "keine Datei"
            damaged.append(FixityError(f"{name}: erwartet {length} Bytes, gefunden {found}"))
    return whole, damaged


def _adopt_journal(workspace: Workspace, db: Database) -> None:
    try:
        with workspace.reading() as old, write_tx(db):
            adopt_journal(db, old)
            adopt_frontier(db, old)
            adopt_seen(db, old)
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


def _remove(database: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        database.with_name(database.name + suffix).unlink(missing_ok=True)
