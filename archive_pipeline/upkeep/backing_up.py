"""Backups: one dated folder each, complete in itself, with a manifest that is written last.

A backup holds no lock. It copies the database through SQLite's backup interface, and the WARC files as far as that copy
accounts for them: what a run writes meanwhile belongs to the next backup. The index is left out, as it can be built
again, and so is everything outside the archive's own files: passwords stand in the environment, and stay there.
"""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path, PurePosixPath

from pydantic.dataclasses import dataclass
from sqlite_utils import Database

from archive_pipeline.accounts import accounts_file
from archive_pipeline.archive.captures import known_lengths
from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.events import record_event
from archive_pipeline.archive.reading import last_seq
from archive_pipeline.archive.verification import release_count
from archive_pipeline.durable import sync
from archive_pipeline.errors import ArchiveError, FixityError, LockedError
from archive_pipeline.sources.secrets import SECRETS_FILE
from archive_pipeline.upkeep.backup_files import (
    DATA,
    DATABASE,
    UNFINISHED,
    Entry,
    Manifest,
    copy_durably,
    explained,
    hash_file,
    inside,
    newest_backup,
    read_manifest,
    write_manifest,
)
from archive_pipeline.workspace import CONFIG_NAME, SOFTWARE, Workspace, utc_now

__all__ = ["BackedUp", "back_up"]

BESIDE = ("plugins", "vocab")
"""Folders beside sources.toml that belong to an archive."""

LEFT_OUT = ("warc", "derivations", "index", "hosts")
"""Folders of the data that are not copied as they are: the series are copied as far as the database accounts for them,
the index can be built again, and the pace of hosts is of the moment."""
HALF_WRITTEN = (".new", UNFINISHED)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUp:
    """What a backup came to: its folder, the bytes it holds, and how many files and bytes of them had to be copied."""

    folder: Path
    files: int
    bytes: int
    copied_files: int
    copied_bytes: int


def back_up(
    workspace: Workspace, destination: Path, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> BackedUp:
    """Write a backup into a new folder of `destination`, named after the time. Files that have not changed since the
    newest backup there are linked to its copies. Raises ArchiveError, NoArchiveError, LockedError while another backup
    is written there; nothing half stays then."""
    now = utc_now()
    folder = destination / f"{now:%Y%m%dT%H%M%SZ}"
    unfinished = folder.with_name(folder.name + UNFINISHED)
    _require_outside(workspace, destination)
    with explained(destination), _alone(destination):
        for left in destination.glob(f"*{UNFINISHED}"):  # of a backup that was killed
            shutil.rmtree(left)
        if folder.exists():
            raise ArchiveError(f"{folder.name} gibt es in {destination} schon", hint="in einer Sekunde wiederholen")
        previous = newest_backup(destination)
        unfinished.mkdir(mode=0o700)
        try:
            before = _identities(workspace)
            with workspace.looking() as db:
                _copy_database(db.conn, unfinished / DATABASE)
            copy = _Copy(unfinished, previous, progress)
            releases, seq = copy.everything(workspace)
            after = _identities(workspace)
            if any(after.get(name) != number for name, number in before.items()):
                raise ArchiveError(
                    "Während der Sicherung wurde im Archiv etwas gelöscht; gesichert wurde nichts",
                    hint="den Befehl wiederholen",
                )
            manifest = Manifest(
                created_at=now, software=SOFTWARE, releases=releases, seq=seq, files=tuple(copy.entries)
            )
            write_manifest(unfinished, manifest)
            unfinished.rename(folder)
            sync(destination)
        except BaseException:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise
    size = sum(entry.bytes for entry in manifest.files)
    with workspace.looking() as db, write_tx(db):
        detail = f"Sicherung {folder.name}: {len(manifest.files)} Dateien, {size} Bytes, bis Änderung {seq}"
        record_event(db, "replication", at=now, agent=SOFTWARE, subject="archive", detail=detail)
    return BackedUp(
        folder=folder,
        files=len(manifest.files),
        bytes=size,
        copied_files=copy.copied_files,
        copied_bytes=copy.copied_bytes,
    )


class _Copy:
    """A backup that is being written."""

    def __init__(self, target: Path, previous: Path | None, progress: Callable[[int, int], None]) -> None:
        self.target = target
        self.entries: list[Entry] = []
        self.copied_files = 0
        self.copied_bytes = 0
        self._previous = previous
        self._known: dict[str, Entry] = {}
        if previous is not None:
            with suppress(ArchiveError):
                self._known = {entry.path: entry for entry in read_manifest(previous).files}
        self._progress = progress

    def everything(self, workspace: Workspace) -> tuple[int, int]:
        """Copy what the database that was copied first accounts for; how many releases it has, and its newest
        change."""
        database = self.target / DATABASE
        size, digest = hash_file(database)
        self._note(DATABASE, size, digest, 0, copied=True)
        self._accounts(accounts_file(workspace.data))
        with _opened(database) as db:
            known, releases, seq = known_lengths(db), release_count(db), last_seq(db)
        lengths: dict[str, int | None] = {**known, **dict.fromkeys(_whole_files(workspace))}
        total, done = sum(length or 0 for length in lengths.values()), 0
        for name, length in lengths.items():
            self._file(workspace.data / name, f"{DATA}/{name}", length)
            done += length or 0
            self._progress(done, total)
        for path in _beside(workspace.folder):
            self._file(path, path.relative_to(workspace.folder).as_posix(), None)
        for entry in {PurePosixPath(entry.path).parent for entry in self.entries}:
            sync(self.target / entry)
        return releases, seq

    def _accounts(self, source: Path) -> None:
        """The accounts, which somebody may be changing: in one state, and for their owner alone."""
        name = f"{DATA}/{source.name}"
        if not source.is_file():
            return
        try:
            with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True)) as accounts:
                _copy_database(accounts, self.target / name)
        except sqlite3.DatabaseError:  # damaged, and all that there is of it
            self._file(source, name, None)
            return
        (self.target / name).chmod(0o600)
        self._note(name, *hash_file(self.target / name), 0, copied=True)

    def _file(self, source: Path, name: str, length: int | None) -> None:
        state = source.stat()
        size = state.st_size if length is None else length
        target = self.target / name
        target.parent.mkdir(parents=True, exist_ok=True)
        known = self._known.get(name)
        if (
            known is not None
            and self._previous is not None
            and (known.bytes, known.changed_ns) == (size, state.st_mtime_ns)
            and _linked(inside(self._previous, name), target, size)
        ):
            self._note(name, size, known.sha256, state.st_mtime_ns, copied=False)
            return
        copied, digest = copy_durably(source, target, size)
        if copied < size:
            raise FixityError(
                f"{name}: erwartet {size} Bytes, gefunden {copied}",
                hint="archive-pipeline audit sagt mehr; gesichert wurde nichts",
            )
        self._note(name, size, digest, state.st_mtime_ns, copied=True)

    def _note(self, path: str, size: int, digest: str, changed_ns: int, *, copied: bool) -> None:
        self.entries.append(Entry(path=path, bytes=size, sha256=digest, changed_ns=changed_ns))
        self.copied_files += copied
        self.copied_bytes += size if copied else 0


def _identities(workspace: Workspace) -> dict[Path, int]:
    """The files that only an erasure puts another file in the place of: with them a backup would hold a database from
    before it and files from after it."""
    series = (path for name in ("warc", "derivations") for path in workspace.data.glob(f"{name}/*/*/*.gz"))
    return {path: path.stat().st_ino for path in (workspace.decisions_file, *series) if path.exists()}


def _whole_files(workspace: Workspace) -> Iterator[str]:
    """Files of the archive's data that no length is kept of: decisions, profiles, topic models, frozen sets, and
    whatever else is laid there, but for what is left out. The databases are copied through SQLite, and what lies
    beside them under their names is of the moment."""
    databases = (workspace.database_file.name, accounts_file(workspace.data).name)
    for path in sorted(workspace.data.rglob("*")):
        name = path.relative_to(workspace.data)
        if name.parts[0] in LEFT_OUT or name.parts[0].startswith(databases):
            continue
        if path.is_file() and not path.name.startswith(".") and not path.name.endswith(HALF_WRITTEN):
            yield name.as_posix()


def _beside(folder: Path) -> Iterator[Path]:
    """What belongs to an archive beside its data; nothing hidden, no caches, and never a file of secrets."""
    secrets = Path(os.environ.get(SECRETS_FILE, "")).resolve()
    yield folder / CONFIG_NAME
    for name in BESIDE:
        for path in sorted((folder / name).rglob("*")):
            parts = path.relative_to(folder).parts
            if (
                path.is_file()
                and path.resolve() != secrets
                and not any(part.startswith((".", "__pycache__")) for part in parts)
            ):
                yield path


def _require_outside(workspace: Workspace, destination: Path) -> None:
    if destination.resolve().is_relative_to(workspace.data.resolve()):
        raise ArchiveError(
            f"{destination} liegt im Archiv selbst", hint="eine andere Platte nehmen: dort nützt eine Sicherung"
        )


@contextmanager
def _alone(destination: Path) -> Iterator[None]:
    """Hold the folder of the backups: what is unfinished there must be that of a process that was killed, not of one
    that goes on."""
    destination.mkdir(parents=True, exist_ok=True)
    handle = os.open(destination, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(handle)
        raise LockedError(
            f"Nach {destination} wird gerade schon gesichert", hint="warten, bis diese Sicherung fertig ist"
        ) from error
    except OSError:
        pass  # some network file systems lock no folders
    try:
        yield
    finally:
        os.close(handle)


def _copy_database(source: sqlite3.Connection, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    copy = sqlite3.connect(target)
    try:
        source.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, nothing in a log beside it
    finally:
        copy.close()
    with target.open("rb") as file:
        os.fsync(file.fileno())


@contextmanager
def _opened(database: Path) -> Iterator[Database]:
    connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    try:
        yield Database(connection, execute_plugins=False)
    finally:
        connection.close()


def _linked(known: Path, target: Path, size: int) -> bool:
    """Whether the copy of the last backup could be linked; file systems without links get a copy of their own."""
    try:
        if known.stat().st_size != size:
            return False
        os.link(known, target)
    except OSError:
        return False
    return True
