"""Checksums of an index's files, kept beside them: what a disk has changed is found before a search meets it.

Engines write segments once and never change them. The few files that do change are small, and reading them checks them.
"""

import json
from collections.abc import Iterator
from hashlib import blake2b
from pathlib import Path

from archive_pipeline.durable import replace_durably

__all__ = ["CHECKSUMS", "damaged_files", "record_checksums"]

CHECKSUMS = "checksums.json"
"""File name -> size in bytes, time of last change in nanoseconds, BLAKE2b digest of 16 bytes in hexadecimal."""

_CHANGING = {CHECKSUMS, "seq", "meta.json", ".managed.json"}
_MEGABYTE = 1 << 20


def record_checksums(folder: Path) -> None:
    """Note the checksums of all files that are written once. Files noted before with the same size and time are not
    read again. Raises OSError."""
    known = _recorded(folder)
    found: dict[str, tuple[int, int, str]] = {}
    for path in _written_once(folder):
        size, changed = path.stat().st_size, path.stat().st_mtime_ns
        before = known.get(path.name)
        digest = before[2] if before and before[:2] == (size, changed) else _digest(path)
        found[path.name] = (size, changed, digest)
    replace_durably(folder / CHECKSUMS, json.dumps(found).encode())


def damaged_files(folder: Path) -> tuple[str, ...]:
    """The names of files that are not what they were when they were noted. Files that a merge took away since then do
    not count: an engine that misses a file says so when it opens the index. Raises OSError."""
    known = _recorded(folder)
    return tuple(
        path.name
        for path in _written_once(folder)
        if path.name in known and (path.stat().st_size, _digest(path)) != (known[path.name][0], known[path.name][2])
    )


def _written_once(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.is_file() and path.name not in _CHANGING and not path.name.lower().endswith(("lock", ".new")):
            yield path


def _recorded(folder: Path) -> dict[str, tuple[int, int, str]]:
    """What was noted; nothing when nothing was, or when the list itself is damaged."""
    try:
        rows = json.loads((folder / CHECKSUMS).read_text("utf-8"))
        return {str(name): (int(size), int(changed), str(digest)) for name, (size, changed, digest) in rows.items()}
    except (FileNotFoundError, ValueError, TypeError, AttributeError):
        return {}


def _digest(path: Path) -> str:
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while block := file.read(_MEGABYTE):
            digest.update(block)
    return digest.hexdigest()
