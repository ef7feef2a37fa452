"""One writer an archive: an operating-system lock that dies with its owner."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from archive_pipeline.errors import ArchiveError, LockedError

__all__ = ["writer_lock"]


@contextmanager
def writer_lock(folder: Path, command: str, now: datetime) -> Iterator[None]:
    """Hold the archive's writer lock while the block runs.

    The kernel releases it when the process ends, however it ends, so nothing can be left behind. Raises
    LockedError naming the process that holds it and since when.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ArchiveError(
            f"In den Archivordner lässt sich nicht schreiben: {error.strerror} ({folder})",
            hint="Rechte und freien Platz prüfen: archive-pipeline doctor",
        ) from error
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.read(handle, 200).decode("utf-8", "replace").strip() or "einem anderen Prozess"
            raise LockedError(
                f"Das Archiv ist gesperrt von {owner}",
                hint="warten, bis dieser Lauf fertig ist: archive-pipeline status",
            ) from None
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"PID {os.getpid()} ({command}, seit {now:%Y-%m-%d %H:%M} UTC)".encode(), 0)
        yield
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)
