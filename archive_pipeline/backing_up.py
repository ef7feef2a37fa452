"""Backups: one dated folder each, complete in itself, with a manifest that is written last; and the way back.

A backup holds no lock. It copies the database through SQLite's backup interface, and the WARC files as far as that copy
accounts for them: what a run writes meanwhile belongs to the next backup. The index is left out, as it can be built
again, and so is everything outside the archive's own files: passwords stand in the environment, and stay there.
"""

import ctypes
import errno
import hashlib
import json
import os
import shutil
import sqlite3
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass
from sqlite_utils import Database

from archive_pipeline.archive.captures import known_lengths
from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.events import record_event
from archive_pipeline.archive.lock import writer_lock
from archive_pipeline.archive.reading import last_seq
from archive_pipeline.archive.verification import release_count
from archive_pipeline.errors import ArchiveError, FixityError
from archive_pipeline.sources.secrets import SECRETS_FILE
from archive_pipeline.workspace import CONFIG_NAME, SOFTWARE, Workspace, utc_now

__all__ = ["BackedUp", "Manifest", "Restored", "back_up", "newest_backup", "restore", "verify_backup"]

MANIFEST = "manifest.json"
DATA = "archive"
"""The folder of a backup with the archive's data, wherever `[archive] path` puts them."""

DATABASE = f"{DATA}/archive.db"
UNFINISHED = ".unfertig"
CHUNK = 1 << 20
BESIDE = ("plugins", "vocab")
"""Folders beside sources.toml that belong to an archive."""

LEFT_OUT = ("warc", "derivations", "index", "hosts", "archive.db")
"""What lies in the data folder and is no file that is copied whole: the series are copied as far as the database
accounts for them, the database through SQLite, the index can be built again, and the pace of hosts is of the moment."""
HALF_WRITTEN = (".new", UNFINISHED)

RENAME_EXCHANGE, AT_FDCWD = 2, -100


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of a backup: its path in it, size, hash in hex, and when its original was changed (nanoseconds)."""

    path: str
    bytes: int
    sha256: str
    changed_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What a backup holds: every file, and the state of the archive it shows."""

    created_at: datetime
    software: str
    releases: int
    seq: int
    files: tuple[Entry, ...]
    schema: str = "apl/backup/1"


ADAPTER = TypeAdapter(Manifest)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackedUp:
    """What a backup came to: its folder, the bytes it holds, and how many files and bytes of them had to be copied."""

    folder: Path
    files: int
    bytes: int
    copied_files: int
    copied_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was put where, and the folder that was there before (None: none). `config_beside` is the backup's
    sources.toml where the archive has another one, which stays."""

    data: Path
    before: Path | None
    releases: int
    config_beside: Path | None


def back_up(
    workspace: Workspace, destination: Path, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> BackedUp:
    """Write a backup into a new folder of `destination`, named after the time. Files that have not changed since the
    newest backup there are linked to its copies. Raises ArchiveError, NoArchiveError; nothing half stays then."""
    now = utc_now()
    folder = destination / f"{now:%Y%m%dT%H%M%SZ}"
    unfinished = folder.with_name(folder.name + UNFINISHED)
    _require_outside(workspace, destination)
    with _explained(destination):
        destination.mkdir(parents=True, exist_ok=True)
        for left in destination.glob(f"*{UNFINISHED}"):  # of a backup that was killed
            shutil.rmtree(left)
        if folder.exists():
            raise ArchiveError(f"{folder.name} gibt es in {destination} schon", hint="in einer Sekunde wiederholen")
        previous = newest_backup(destination)
        unfinished.mkdir(mode=0o700)
        try:
            before = _identities(workspace)
            with workspace.looking() as db:
                _copy_database(db, unfinished / DATABASE)
            copy = _Copy(unfinished, previous, progress)
            releases, seq = copy.everything(workspace)
            if any(_identities(workspace).get(name) != number for name, number in before.items()):
                raise ArchiveError(
                    "Während der Sicherung wurde im Archiv etwas gelöscht; gesichert wurde nichts",
                    hint="den Befehl wiederholen",
                )
            manifest = Manifest(
                created_at=now, software=SOFTWARE, releases=releases, seq=seq, files=tuple(copy.entries)
            )
            _write_manifest(unfinished, manifest)
            unfinished.rename(folder)
            _sync_folder(destination)
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


def newest_backup(destination: Path) -> Path | None:
    """The newest finished backup in a folder, or the folder itself where it is one; None where there is none."""
    if (destination / MANIFEST).is_file():
        return destination
    found = [path.parent for path in destination.glob(f"*/{MANIFEST}") if not path.parent.name.endswith(UNFINISHED)]
    return max(found, key=lambda path: path.name, default=None)


def verify_backup(
    backup: Path, *, progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[Manifest, tuple[str, ...]]:
    """Read every file of a backup; its manifest, and what is wrong with which file. Raises FixityError when the
    manifest itself is damaged, ArchiveError when there is none."""
    manifest = _read_manifest(backup)
    total, done = sum(entry.bytes for entry in manifest.files), 0
    wrong: list[str] = []
    for entry in manifest.files:
        path = _inside(backup, entry.path)
        try:
            size, digest = _hash(path)
        except OSError as error:
            wrong.append(f"{entry.path}: nicht lesbar ({error.strerror})")
            continue
        if (size, digest) != (entry.bytes, entry.sha256):
            expected = f"erwartet {entry.bytes} Bytes, sha256 {entry.sha256}"
            wrong.append(f"{entry.path}: {expected}; gefunden {size} Bytes, sha256 {digest}")
        done += entry.bytes
        progress(done, total)
    return manifest, tuple(wrong)


def restore(
    backup: Path,
    folder: Path,
    data: Path | None,
    *,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Restored:
    """Put a backup in the place of the archive in `folder`, whose data lie in `data` (None: where the sources.toml of
    the backup says). Everything is verified before anything is replaced; what was there stays beside.

    Raises FixityError naming the damaged file, LockedError while somebody writes, ArchiveError.
    """
    manifest, wrong = verify_backup(backup, progress=progress)
    if wrong:
        more = f" (und {len(wrong) - 1} weitere)" if len(wrong) > 1 else ""
        raise FixityError(
            f"Die Sicherung ist beschädigt: {wrong[0]}{more}",
            hint="eine andere Sicherung nehmen; hier wurde nichts verändert",
        )
    data = data or _data_folder(backup, folder)
    now = utc_now()
    fresh, old = (data.with_name(f"{data.name}.{word}-{now:%Y%m%dT%H%M%SZ}") for word in ("neu", "alt"))
    with _explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
        data.parent.mkdir(parents=True, exist_ok=True)
        for left in data.parent.glob(f"{data.name}.neu-*"):  # of a restore that was killed
            shutil.rmtree(left)
        try:
            for entry in manifest.files:
                if entry.path.startswith(f"{DATA}/"):
                    name = entry.path.removeprefix(f"{DATA}/")
                    _copy_verified(_inside(backup, entry.path), _inside(fresh, name), entry)
            _sync_tree(fresh)
            before = _swap(fresh, data, old)
        except BaseException:
            shutil.rmtree(fresh, ignore_errors=True)
            raise
        beside = _restore_beside(backup, folder, manifest)
    return Restored(data=data, before=before, releases=manifest.releases, config_beside=beside)


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
                self._known = {entry.path: entry for entry in _read_manifest(previous).files}
        self._progress = progress

    def everything(self, workspace: Workspace) -> tuple[int, int]:
        """Copy what the database that was copied first accounts for; how many releases it has, and its newest
        change."""
        database = self.target / DATABASE
        size, digest = _hash(database)
        self._note(DATABASE, size, digest, 0, copied=True)
        with _opened(database) as db:
            known, releases, seq = known_lengths(db), release_count(db), last_seq(db)
        lengths: dict[str, int | None] = {**known, **dict.fromkeys(_whole_files(workspace))}
        total = sum(length or 0 for length in lengths.values())
        for name, length in lengths.items():
            self._file(workspace.data / name, f"{DATA}/{name}", length)
            self._progress(self.copied_bytes, total)
        for path in _beside(workspace.folder):
            self._file(path, path.relative_to(workspace.folder).as_posix(), None)
        for entry in {PurePosixPath(entry.path).parent for entry in self.entries}:
            _sync_folder(self.target / entry)
        return releases, seq

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
            and _linked(_inside(self._previous, name), target, size)
        ):
            self._note(name, size, known.sha256, state.st_mtime_ns, copied=False)
            return
        copied, digest = _copy(source, target, size)
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
    whatever else is laid there, but for what is left out."""
    for path in sorted(workspace.data.rglob("*")):
        name = path.relative_to(workspace.data)
        if name.parts[0] in LEFT_OUT or name.parts[0].startswith(f"{workspace.database_file.name}-"):
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
def _explained(place: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ArchiveError(
            f"{place} lässt sich nicht schreiben: {reason}",
            hint="freien Platz und Rechte dort prüfen, dann den Befehl wiederholen",
        ) from error


def _copy_database(db: Database, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    copy = sqlite3.connect(target)
    try:
        db.conn.backup(copy)
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


def _copy(source: Path, target: Path, size: int) -> tuple[int, str]:
    """Copy the first `size` bytes, durably; how many there were, and their hash."""
    digest, rest = hashlib.sha256(), size
    with source.open("rb") as file, target.open("wb") as out:
        while rest and (data := file.read(min(CHUNK, rest))):
            digest.update(data)
            out.write(data)
            rest -= len(data)
        out.flush()
        os.fsync(out.fileno())
    return size - rest, digest.hexdigest()


def _copy_verified(source: Path, target: Path, entry: Entry) -> None:
    """Copy a file that was verified a moment ago, and look again at what was read now."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if _copy(source, target, entry.bytes) != (entry.bytes, entry.sha256):
        raise FixityError(f"{entry.path} hat sich beim Lesen verändert", hint="den Datenträger der Sicherung prüfen")


def _linked(known: Path, target: Path, size: int) -> bool:
    """Whether the copy of the last backup could be linked; file systems without links get a copy of their own."""
    try:
        if known.stat().st_size != size:
            return False
        os.link(known, target)
    except OSError:
        return False
    return True


def _hash(path: Path) -> tuple[int, str]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            digest.update(data)
            size += len(data)
    return size, digest.hexdigest()


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    """The manifest ends with its own hash, so that damage in it is told apart from damage elsewhere."""
    body = ADAPTER.dump_json(manifest, indent=1)
    digest = hashlib.sha256(body).hexdigest()
    with (folder / MANIFEST).open("wb") as out:
        out.write(json.dumps({"sha256": digest}).encode() + b"\n" + body + b"\n")
        out.flush()
        os.fsync(out.fileno())
    _sync_folder(folder)


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    if not path.is_file():
        raise ArchiveError(
            f"In {folder} liegt keine fertige Sicherung ({MANIFEST} fehlt)",
            hint="den Ordner nennen, in den backup geschrieben hat",
        )
    first, _, body = path.read_bytes().partition(b"\n")
    try:
        if json.loads(first)["sha256"] == hashlib.sha256(body.removesuffix(b"\n")).hexdigest():
            return ADAPTER.validate_json(body)
    except (ValueError, KeyError, TypeError, ValidationError):
        pass
    raise FixityError(f"{MANIFEST} der Sicherung {folder.name} ist beschädigt", hint="eine andere Sicherung nehmen")


def _inside(folder: Path, name: str) -> Path:
    """The file of this name below a folder. Raises FixityError for a name that leads elsewhere."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise FixityError(f"Das Manifest nennt eine Datei außerhalb der Sicherung: {name}")
    return folder / path


def _data_folder(backup: Path, folder: Path) -> Path:
    """Where the sources.toml of a backup puts the data, below the folder that it is restored to."""
    config = tomllib.loads((backup / CONFIG_NAME).read_text(encoding="utf-8-sig"))
    path = Path(config.get("archive", {}).get("path", DATA))
    data = (folder / path).resolve()
    if path.is_absolute() or not data.is_relative_to(folder.resolve()) or data == folder.resolve():
        raise ArchiveError(
            f"{CONFIG_NAME} der Sicherung legt die Daten außerhalb des Archivordners ab: {path}",
            hint=f"im Zielordner eine {CONFIG_NAME} mit dem gewünschten [archive] path anlegen, dann wiederholen",
        )
    return data


def _swap(fresh: Path, data: Path, old: Path) -> Path | None:
    """Put the new data in the place of the old ones in one step; where the old ones are now."""
    if not data.exists():
        fresh.rename(data)
        _sync_folder(data.parent)
        return None
    with writer_lock(data, "restore", utc_now()):
        # whole now, it gets a name that nothing ever cleans away: after the exchange it is that of the old data
        fresh.rename(old)
        if not _exchange(old, data):
            before = data.with_name(old.name + "-vorher")
            data.rename(before)
            old.rename(data)
            old = before
        _sync_folder(data.parent)
    return old


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step (Linux, renameat2); False where the system can't."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    return bool(rename(AT_FDCWD, os.fsencode(one), AT_FDCWD, os.fsencode(other), RENAME_EXCHANGE) == 0)


def _restore_beside(backup: Path, folder: Path, manifest: Manifest) -> Path | None:
    """sources.toml, plugins and vocabularies, where there are none: what is there is somebody's work, and stays."""
    beside: Path | None = None
    for entry in manifest.files:
        if entry.path.startswith(f"{DATA}/"):
            continue
        source, target = _inside(backup, entry.path), _inside(folder, entry.path)
        if not target.exists():
            _copy_verified(source, target, entry)
        elif entry.path == CONFIG_NAME and _hash(target)[1] != entry.sha256:
            beside = target.with_name(f"{CONFIG_NAME}.sicherung")
            _copy_verified(source, beside, entry)
    return beside


def _sync_tree(folder: Path) -> None:
    for path in (folder, *(path for path in folder.rglob("*") if path.is_dir())):
        _sync_folder(path)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        if error.errno != errno.EINVAL:  # some network file systems sync no folders
            raise
    finally:
        os.close(handle)
