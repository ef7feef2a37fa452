"""What a backup is on its disk: a folder of files, each in the manifest with its size and hash."""

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path, PurePosixPath

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from archive_pipeline.durable import sync
from archive_pipeline.errors import ArchiveError, FixityError

__all__ = [
    "DATA",
    "DATABASE",
    "UNFINISHED",
    "Entry",
    "Manifest",
    "copy_durably",
    "explained",
    "hash_file",
    "inside",
    "newest_backup",
    "read_manifest",
    "verify_backup",
    "write_manifest",
]

MANIFEST = "manifest.json"
DATA = "archive"
"""The folder of a backup with the archive's data, wherever `[archive] path` puts them."""

DATABASE = f"{DATA}/archive.db"
UNFINISHED = ".unfertig"
CHUNK = 1 << 20


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
    manifest = read_manifest(backup)
    total, done = sum(entry.bytes for entry in manifest.files), 0
    wrong: list[str] = []
    for entry in manifest.files:
        path = inside(backup, entry.path)
        try:
            size, digest = hash_file(path)
        except OSError as error:
            wrong.append(f"{entry.path}: nicht lesbar ({error.strerror})")
            continue
        if (size, digest) != (entry.bytes, entry.sha256):
            expected = f"erwartet {entry.bytes} Bytes, sha256 {entry.sha256}"
            wrong.append(f"{entry.path}: {expected}; gefunden {size} Bytes, sha256 {digest}")
        done += entry.bytes
        progress(done, total)
    return manifest, tuple(wrong)


@contextmanager
def explained(place: Path) -> Iterator[None]:
    """What a disk refuses, as an ArchiveError that names the place."""
    try:
        yield
    except (OSError, sqlite3.OperationalError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ArchiveError(
            f"{place} lässt sich nicht schreiben: {reason}",
            hint="freien Platz und Rechte dort prüfen, dann den Befehl wiederholen",
        ) from error


def copy_durably(source: Path, target: Path, size: int) -> tuple[int, str]:
    """Copy the first `size` bytes, durably; how many there were, and their hash. What is for its owner alone stays
    so."""
    digest, rest = hashlib.sha256(), size
    with source.open("rb") as file, target.open("wb") as out:
        if not os.fstat(file.fileno()).st_mode & 0o077:
            os.fchmod(out.fileno(), 0o600)
        while rest and (data := file.read(min(CHUNK, rest))):
            digest.update(data)
            out.write(data)
            rest -= len(data)
        out.flush()
        os.fsync(out.fileno())
    return size - rest, digest.hexdigest()


def hash_file(path: Path) -> tuple[int, str]:
    """Size in bytes and sha256 in hex of a file. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            digest.update(data)
            size += len(data)
    return size, digest.hexdigest()


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """The manifest ends with its own hash, so that damage in it is told apart from damage elsewhere."""
    body = ADAPTER.dump_json(manifest, indent=1)
    digest = hashlib.sha256(body).hexdigest()
    with (folder / MANIFEST).open("wb") as out:
        out.write(json.dumps({"sha256": digest}).encode() + b"\n" + body + b"\n")
        out.flush()
        os.fsync(out.fileno())
    sync(folder)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup. Raises ArchiveError where there is none, FixityError where it is damaged."""
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


def inside(folder: Path, name: str) -> Path:
    """The file of this name below a folder. Raises FixityError for a name that leads elsewhere."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise FixityError(f"Das Manifest nennt eine Datei außerhalb der Sicherung: {name}")
    return folder / path
