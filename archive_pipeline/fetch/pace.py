"""One request at a time to one registrable domain, and a pause between two, whoever asks: every thread and process of
an archive, and its next run.

Each domain has a small file below the archive's data. Who asks the domain holds the file's lock; the file says when the
last request was and what pause follows it. A row in SQLite would hold the time as well, but has no owner: a process
that is killed in the middle of a request would leave the domain taken, or, if its claim ran out by itself, a slow
request would share the domain with the next one. A lock of the operating system goes with its process, however that
ends, and processes that ask different domains never wait for each other, as they would for a database's one writer.
"""

import fcntl
import hashlib
import math
import os
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from archive_pipeline.errors import ArchiveError, TransientFetchError

__all__ = ["Pace"]

LONGEST_WAIT = 120.0
"""The longest time in seconds that a request waits for a domain that asked for a pause; beyond, it fails at once."""

LONGEST_PAUSE = 86_400.0
"""No pause is longer, in seconds, whatever a server asks for: one slip of its administrator must not end an archive."""

POLL = 0.05
"""Seconds between two looks at a domain that another process is asking."""

REQUEST, HOLD_OFF = 0, 1
"""The lines of a domain's file: the last request, with the pause after it; the pause that the domain asked for. Each is
written at once and in its place, so that neither disturbs the other and a killed writer leaves no half line."""

LINE = b"%017.6f %012.6f\n"
LINE_SIZE = 31
NOTED = re.compile(rb"(\d{10}\.\d{6}) (\d{5}\.\d{6})\n")

FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC

FILE_NAME = re.compile(r"[a-z0-9_-][a-z0-9._-]{0,199}")


@dataclass(frozen=True, slots=True)
class Pause:
    """What must pass before the next request: `seconds` from the moment `since` on, which is seconds since 1970."""

    since: float
    seconds: float


NONE = Pause(0, 0)


@dataclass(slots=True)
class Domain:
    """What this process knows of a domain: its file's `path`, or, where there is none, the `pauses` it would hold."""

    path: str | None
    lock: threading.Lock = field(default_factory=threading.Lock)
    pauses: list[Pause] = field(default_factory=lambda: [NONE, NONE])


class Pace:
    """Who may ask a domain, and when.

    `folder` holds a file for each domain; without it the pace is that of this process alone. `clock` gives seconds
    since 1970. `sleep` waits; it ends the waiting of a run that is stopped by raising an error.
    """

    def __init__(
        self,
        folder: Path | None = None,
        *,
        clock: Callable[[], float] = time.time,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._sleep = sleep
        self._domains: dict[str, Domain] = {}
        self._lock = threading.Lock()

    @contextmanager
    def turn(self, domain: str, interval: float) -> Iterator[None]:
        """Wait until nobody else asks `domain` and the pause after the last request is over; the block is the one
        request that goes there. The next one waits for `interval` seconds after its end.

        Raises TransientFetchError when the domain has asked for a pause that lasts longer than LONGEST_WAIT,
        ArchiveError when its file can't be used.
        """
        waited_for: Sequence[Pause] = ()
        while True:
            with self._alone(domain) as notes:
                pauses = notes.read()
                left = 0.0 if pauses == waited_for else self._left(domain, pauses)
                if left == 0:
                    notes.write(REQUEST, interval)  # who is killed in the middle has asked the domain all the same
                    try:
                        yield
                    finally:
                        notes.write(REQUEST, interval)
                    return
            # waiting takes nobody else's turn; who has it meanwhile leaves a new pause behind
            self._sleep(left)
            waited_for = pauses

    def hold_off(self, domain: str, seconds: float) -> None:
        """Leave `domain` alone for so long from now on, as it asked (Retry-After); a longer pause that is noted stays.
        Whoever asks the domain at this moment may finish. Raises ArchiveError when its file can't be used."""
        notes = self._notes(self._domain(domain))
        try:
            pause = notes.read()[HOLD_OFF]
            if seconds > pause.since + pause.seconds - self._clock():
                notes.write(HOLD_OFF, seconds, durable=True)
        finally:
            notes.close()

    def _left(self, domain: str, pauses: Sequence[Pause]) -> float:
        """The seconds still to wait."""
        now = self._clock()
        after_request, held_off = (max(0.0, pause.since + pause.seconds - now) for pause in pauses)
        if held_off > LONGEST_WAIT:
            raise TransientFetchError(
                f"{domain} hat um eine Pause gebeten, die noch {math.ceil(held_off / 60)} Minuten dauert",
                url=domain,
                hint="ein späterer Lauf versucht es wieder",
                retry_after=held_off,
            )
        return max(after_request, held_off)

    @contextmanager
    def _alone(self, domain: str) -> Iterator["Notes"]:
        """Keep every other thread and process away from the domain."""
        known = self._domain(domain)
        while not known.lock.acquire(timeout=1):
            self._sleep(0)
        try:
            notes = self._notes(known)
            try:
                while not notes.try_lock():
                    self._sleep(POLL)
                yield notes
            finally:
                notes.close()
        finally:
            known.lock.release()

    def _domain(self, domain: str) -> Domain:
        with self._lock:
            known = self._domains.get(domain)
            if known is None:
                plain = FILE_NAME.fullmatch(domain)
                name = domain if plain else hashlib.sha256(domain.encode("utf-8", "replace")).hexdigest()
                known = Domain(str(self._folder / name) if self._folder else None)
                self._domains[domain] = known
            return known

    def _notes(self, domain: Domain) -> "Notes":
        if self._folder is None or domain.path is None:
            return Notes(domain, None, self._clock)
        try:
            try:
                handle = os.open(domain.path, FLAGS, 0o644)
            except FileNotFoundError:
                self._folder.mkdir(parents=True, exist_ok=True)
                handle = os.open(domain.path, FLAGS, 0o644)
        except OSError as error:
            raise _unusable(error) from error
        return Notes(domain, handle, self._clock)


class Notes:
    """The pauses noted for one domain: in its file, whose open `handle` this owns, else in this process."""

    def __init__(self, domain: Domain, handle: int | None, clock: Callable[[], float]) -> None:
        self._domain = domain
        self._handle = handle
        self._clock = clock

    def try_lock(self) -> bool:
        """Whether no other process has the file now, but this one."""
        if self._handle is None:
            return True
        try:
            fcntl.flock(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            raise _unusable(error) from error
        return True

    def read(self) -> list[Pause]:
        """The pause on each line, NONE when nothing legible is there.

        One that lies ahead was noted by a clock that was wrong, then or now. As nobody can tell which, it begins anew:
        so it lasts no longer than it was meant to.
        """
        now = self._clock()
        return [
            self.write(line, pause.seconds) if pause.since > now else pause for line, pause in enumerate(self._noted())
        ]

    def write(self, line: int, seconds: float, *, durable: bool = False) -> Pause:
        """Note a pause that begins now; none of 0 seconds, as one that is over says the same."""
        if seconds <= 0:
            return NONE
        noted = LINE % (int(self._clock() * 1e6) / 1e6, min(seconds, LONGEST_PAUSE))
        pause = _parsed(noted)
        if self._handle is None:
            self._domain.pauses[line] = pause
            return pause
        try:
            os.pwrite(self._handle, noted, line * LINE_SIZE)
            if durable:
                os.fsync(self._handle)
        except OSError as error:
            raise _unusable(error) from error
        return pause

    def close(self) -> None:
        """Let go of the file."""
        if self._handle is not None:
            # closing alone would leave the lock with a child process that inherited the handle
            fcntl.flock(self._handle, fcntl.LOCK_UN)
            os.close(self._handle)

    def _noted(self) -> list[Pause]:
        if self._handle is None:
            return list(self._domain.pauses)
        try:
            noted = os.pread(self._handle, 2 * LINE_SIZE, 0)
        except OSError as error:
            raise _unusable(error) from error
        return [_parsed(noted[:LINE_SIZE]), _parsed(noted[LINE_SIZE:])]


def _parsed(noted: bytes) -> Pause:
    found = NOTED.fullmatch(noted)
    return Pause(float(found[1]), float(found[2])) if found else NONE


def _unusable(error: OSError) -> ArchiveError:
    return ArchiveError(
        f"Die Pausen zwischen Abrufen lassen sich nicht festhalten: {error.strerror} ({error.filename or 'hosts'})",
        hint="Rechte und freien Platz prüfen: archive-pipeline doctor",
    )
