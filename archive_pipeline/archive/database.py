"""Opening archive.db, and the one way to write to it."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlite_utils import Database

from archive_pipeline.archive.migrations import MIGRATIONS
from archive_pipeline.errors import ArchiveError, MigrationNeededError, NoArchiveError

__all__ = ["open_database", "write_tx"]

BUSY_SECONDS = 30.0
"""How long a writer waits for another one before SQLite gives up."""


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
    if not create and not path.is_file():
        raise NoArchiveError(
            f"Hier liegt noch kein Archiv: {path.name} fehlt in {path.parent}",
            hint="archive-pipeline run legt es an; archive-pipeline rebuild baut es aus den WARC-Dateien wieder auf",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS)
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA synchronous = NORMAL")
        if prepare is not None:
            prepare(connection)
        db = Database(connection, execute_plugins=False)
        _migrate(db)
    except sqlite3.DatabaseError as error:
        raise ArchiveError(
            f"{path.name} lässt sich nicht öffnen: {error}",
            hint="archive-pipeline doctor prüft; rebuild baut die Datei aus den WARC-Dateien neu auf",
        ) from error
    return db


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
        db.enable_wal()
        MIGRATIONS.apply(db)


@contextmanager
def write_tx(db: Database) -> Iterator[Database]:
    """One write transaction. It begins IMMEDIATE, so that two writers wait for each other instead of failing
    (a deferred transaction that reads first fails at once, whatever the busy time-out)."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield db
    except BaseException:
        if db.conn.in_transaction:
            db.conn.rollback()
        raise
    else:
        db.conn.commit()
