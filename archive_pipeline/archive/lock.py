"""One writer an archive: an operating-system lock that dies with its owner.

The kernel takes the lock back when its owner ends, however it ends; what the file then still says is of no account, so
there is no stale lock to be taken over by force. Two cases are left to a person, because a program can't tell them from
a writer that goes on in a minute: an owner that is stopped or hangs, and one on another machine that shares the folder.
The message names it; ending that process frees the lock, and the next run goes on where it stopped.
"""

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from archive_pipeline.errors import ArchiveError, LockedError

__all__ = ["LockOwner", "lock_owner", "writer_lock"]

LOOKS, PAUSE_SECONDS = 5, 0.1
"""How often, and after which pause, a lock that is held is tried again: a search that brings the index up to date holds
it for a moment, and no run should fail for that."""

LONGEST_NOTE = 1000
BERLIN = ZoneInfo("Europe/Berlin")


@dataclass(frozen=True, slots=True, kw_only=True)
class LockOwner:
    """The process that holds the lock, as it wrote itself down; `since` is ISO 8601 in UTC."""

    pid: int
    host: str
    command: str
    since: str

    def __str__(self) -> str:
        where = "" if self.is_here else f" auf {self.host}"
        since = datetime.fromisoformat(self.since).astimezone(BERLIN)
        return f"PID {self.pid}{where} ({self.command}, seit {since:%d.%m.%Y %H:%M})"

    @property
    def is_here(self) -> bool:
        """Whether the process runs on this machine."""
        return self.host == socket.gethostname()

    @property
    def is_stopped(self) -> bool:
        """Whether it is stopped (SIGSTOP, Ctrl-Z); False where the system does not say (it needs /proc)."""
        if not self.is_here:
            return False
        try:
            status = Path(f"/proc/{self.pid}/stat").read_bytes()
        except OSError:
            return False
        return status.rpartition(b")")[2].split()[:1] in ([b"T"], [b"t"])


@contextmanager
def writer_lock(folder: Path, command: str, now: datetime) -> Iterator[None]:
    """Hold the archive's writer lock while the block runs.

    Raises LockedError naming the process that holds it and since when, ArchiveError when the folder can't be written
    or its file system has no locks.
    """
    handle = _open(folder)
    try:
        is_taken = _take(handle)
        while is_taken and not _is_of(handle, folder):  # a restore has put another folder here meanwhile
            former, handle = handle, _open(folder)
            os.close(former)
            is_taken = _take(handle)
        if not is_taken:
            note = _read_note(handle)
            owner = _owner(note)
            who = owner or (note if note.startswith("PID ") else "einem anderen Prozess")
            raise LockedError(f"Das Archiv ist gesperrt von {who}", hint=_remedy(owner))
        this = LockOwner(pid=os.getpid(), host=socket.gethostname(), command=command, since=now.isoformat())
        os.ftruncate(handle, 0)
        os.pwrite(handle, json.dumps(asdict(this)).encode(), 0)
        yield
        os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def lock_owner(folder: Path) -> LockOwner | None:
    """Who is writing to the archive at this moment, or None. Never waits, and never holds the lock itself for longer
    than a look takes."""
    try:
        handle = os.open(folder / ".lock", os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _owner(_read_note(handle))
    except OSError:
        return None
    else:
        return None
    finally:
        os.close(handle)


def _open(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise ArchiveError(
            f"In den Archivordner lässt sich nicht schreiben: {error.strerror} ({folder})",
            hint="Rechte und freien Platz prüfen: archive-pipeline doctor",
        ) from error


def _is_of(handle: int, folder: Path) -> bool:
    """Whether the lock file that is held is still the one in the folder."""
    try:
        return os.path.samestat(os.fstat(handle), (folder / ".lock").stat())
    except OSError:
        return False


def _take(handle: int) -> bool:
    for look in range(LOOKS):
        if look:
            time.sleep(PAUSE_SECONDS)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        except OSError as error:
            raise ArchiveError(
                f"Das Dateisystem des Archivordners kennt keine Sperren: {error.strerror}",
                hint="[archive] path in sources.toml auf eine örtliche Platte legen, oder NFS mit Sperren einhängen",
            ) from error
        return True
    return False


def _read_note(handle: int) -> str:
    """What stands in the lock file, on one line; nothing where it is no text."""
    try:
        text = os.pread(handle, LONGEST_NOTE, 0).decode()
    except ValueError:
        return ""
    return text.strip() if text.strip().isprintable() else ""


def _owner(note: str) -> LockOwner | None:
    """Who wrote itself down, None where that can't be read: the owner may be writing it right now."""
    with suppress(ValueError, TypeError):
        owner = LockOwner(**json.loads(note))
        if isinstance(owner.pid, int) and owner.host and owner.command and datetime.fromisoformat(owner.since).tzinfo:
            return owner
    return None


def _remedy(owner: LockOwner | None) -> str:
    if owner is None:
        return "warten, bis er fertig ist: archive-pipeline status"
    if owner.is_stopped:
        return (
            f"er ist angehalten: kill -CONT {owner.pid} setzt ihn fort; kill -KILL {owner.pid} beendet ihn ohne Verlust"
        )
    if not owner.is_here:
        return f"warten, bis er fertig ist; hängt er, auf {owner.host}: kill {owner.pid}"
    return f"warten, bis er fertig ist; hängt er: kill {owner.pid} (der nächste Lauf setzt fort)"
