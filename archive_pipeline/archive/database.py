"""Opening archive.db, and the one way to write to it."""

import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlite_utils import Database

from archive_pipeline.archive.migrations import MIGRATIONS
from archive_pipeline.errors import ArchiveError, MigrationNeededError, NoArchiveError

__all__ = ["compact", "look_up", "open_database", "write_tx"]

BUSY_SECONDS = 30.0
"""How long a writer waits for another one before SQLite gives up."""

SWAP_LOOKS, SWAP_SECONDS = 4, 0.05
"""How often, and after which pause, a missing database is looked for again: a rebuild swaps files in a millisecond."""


def open_database(
    path: Path,
    *,
    create: bool = False,
    prepare: Callable[[sqlite3.Connection], None] | None = None,
) -> Database:
    """The database at `path`, migrated. `prepare` adds functions and collations of plugins.

    Raises NoArchiveError when it doesn't exist and `create` is False, MigrationNeededError when a newer version
    wrote it, ArchiveError when it is no database.
    """
    if not create and not _is_there(path):
        raise NoArchiveError(
            f"Hier liegt noch kein Archiv: {path.name} fehlt in {path.parent}",
            hint="archive-pipeline run legt es an; archive-pipeline rebuild baut es aus den WARC-Dateien wieder auf",
        )
    try:
        if create:
            path.parent.mkdir(parents=True, exist_ok=True)
        # without `create` never make an empty file: a rebuild may be swapping the old one for the new one right now
        mode = "rwc" if create else "rw"
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode={mode}", timeout=BUSY_SECONDS, uri=True)
        connection.execute("PRAGMA synchronous = NORMAL")
        if prepare is not None:
            prepare(connection)
        db = Database(connection, execute_plugins=False)
        _migrate(db)
        if create and db.journal_mode != "wal":  # it came out of a backup
            _write_ahead_again(db)
        connection.execute("PRAGMA foreign_keys = ON")  # after migrations, which may put a table in another's place
    except (OSError, sqlite3.OperationalError) as error:
        raise _unusable(path.name, error) from error
    except sqlite3.DatabaseError as error:
        raise ArchiveError(
            f"{path.name} lässt sich nicht öffnen: {error}",
            hint="archive-pipeline doctor prüft; rebuild baut die Datei aus den WARC-Dateien neu auf",
        ) from error
    return db


def _is_there(path: Path) -> bool:
    """Whether the file exists; between two looks a rebuild may be putting the new one in its place."""
    for _ in range(SWAP_LOOKS):
        if path.is_file():
            return True
        time.sleep(SWAP_SECONDS)
    return False


def _migrate(db: Database) -> None:
    known = {migration.name for migration in MIGRATIONS.pending(db)}
    applied = {migration.name for migration in MIGRATIONS.applied(db)}
    newer = applied - {migration.name for migration in MIGRATIONS._migrations}
    if newer:
        raise MigrationNeededError(
            f"Das Archiv wurde mit einer neueren Version geschrieben (Migration {', '.join(sorted(newer))})",
            hint="archive-pipeline aktualisieren: pip install -U archive-pipeline",
        )
    if known:
        _write_ahead(db)
        with write_tx(db):  # several processes may find the same migrations pending: each waits, then looks again
            MIGRATIONS.apply(db)


def _write_ahead(db: Database) -> None:
    """Have SQLite write ahead. It does not wait when another process is about to do the same."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            db.enable_wal()
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(SWAP_SECONDS)
        else:
            return


def _write_ahead_again(db: Database) -> None:
    """The same where nobody needs it at once: beside a reader the next writer sees to it."""
    db.execute("PRAGMA busy_timeout = 0")
    with suppress(sqlite3.OperationalError):
        db.enable_wal()
    db.execute(f"PRAGMA busy_timeout = {round(BUSY_SECONDS * 1000)}")


@contextmanager
def write_tx(db: Database) -> Iterator[Database]:
    """One write transaction. It begins IMMEDIATE, so that two writers wait for each other instead of failing
    (a deferred transaction that reads first fails at once, whatever the busy time-out). Raises ArchiveError when the
    disk is full, read-only or failing; nothing is written then."""
    try:
        db.execute("BEGIN IMMEDIATE")
        yield db
        db.conn.commit()
    except BaseException as error:
        if db.conn.in_transaction:
            db.conn.rollback()
        if isinstance(error, sqlite3.OperationalError):
            raise _unusable("archive.db", error) from error
        raise


def look_up(db: Database, sql: str, values: Sequence[object]) -> tuple[Any, ...] | None:
    """The first row that a query finds, or None. For what is asked of every document: `Database.query` guards each
    question with a savepoint, which takes longer than the answer."""
    row: tuple[Any, ...] | None = db.conn.execute(sql, values).fetchone()
    return row


def compact(db: Database) -> None:
    """Write the database anew without what was deleted, and empty the log beside it: no byte of both files then holds
    what is in no table. Raises ArchiveError when the disk is full, or another program reads and so needs the old
    state."""
    try:
        db.execute("VACUUM")
        busy = next(db.query("PRAGMA wal_checkpoint(TRUNCATE)"))["busy"]
    except sqlite3.OperationalError as error:
        raise _unusable("archive.db", error) from error
    if busy:
        raise ArchiveError(
            "archive.db lässt sich nicht verdichten: ein anderes Programm liest gerade darin",
            hint="es beenden, dann: archive-pipeline takedown finish",
        )


def _unusable(name: str, error: Exception) -> ArchiveError:
    return ArchiveError(
        f"{name} lässt sich nicht öffnen oder schreiben: {error}",
        hint="freien Platz und Rechte prüfen: archive-pipeline doctor; dann denselben Befehl wiederholen",
    )
