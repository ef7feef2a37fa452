"""The WARC files of one archive: their names, appending to the newest, making it durable, cutting torn tails."""

import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO

from archive_pipeline.durable import sync
from archive_pipeline.errors import ArchiveError, FixityError
from archive_pipeline.warc.record import Gap, members

__all__ = ["Cut", "WarcFiles"]

NAME = re.compile(r"[a-z]+-\d{14}-(\d{5,})\.warc\.gz")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """What recovery removed: the last `size` bytes of `warc_file`, an incomplete record that began at `offset`."""

    warc_file: str
    offset: int
    size: int


@dataclass(slots=True)
class OpenFile:
    """The file being appended to; `size` is where the next record begins."""

    name: str
    stream: BinaryIO
    size: int


class WarcFiles:
    """Files `<series>/YYYY/MM/<prefix>-<YYYYMMDDhhmmss>-<serial>.warc.gz` below `folder`, in order of their serials.

    A file that has reached `max_file_bytes` gets no further record, and neither has one of another month.
    `first_record(name)` renders the `warcinfo` record that opens a file, `clock` gives the time. One process writes at
    a time, with as many threads as it likes: what one call appends stays together.
    """

    def __init__(
        self,
        folder: Path,
        *,
        max_file_bytes: int,
        first_record: Callable[[str], bytes],
        clock: Callable[[], datetime],
        series: str = "warc",
        prefix: str = "archive",
    ) -> None:
        self.folder = folder
        self.series = series
        self._prefix = prefix
        self._clock = clock
        self._max_file_bytes = max_file_bytes
        self._first_record = first_record
        self._open: OpenFile | None = None
        self._lengths: dict[str, int] = {}
        self._lock = threading.RLock()
        self._closed = False

    def names(self) -> list[str]:
        """All files, relative to the folder, in the order they were begun. The serial decides, not the time in the
        name: clocks go wrong."""
        files = (self.folder / self.series).glob(f"*/*/{self._prefix}-*.warc.gz")
        found = (path for path in files if NAME.fullmatch(path.name))
        return [path.relative_to(self.folder).as_posix() for path in sorted(found, key=_serial)]

    def append(self, records: Sequence[bytes]) -> tuple[str, int, list[int]]:
        """Write records to the newest file of the month, all or none; the file's name, its length before, and where
        each record begins.

        Raises ArchiveError when the disk doesn't take them, somebody else changed or removed the file, or this was
        closed: who closed it has told the world how long the files are.
        """
        with self._lock:
            if self._closed:
                raise ArchiveError("Die WARC-Dateien sind schon abgeschlossen: hier wird nicht mehr geschrieben")
            file = self._current(self._clock().astimezone(UTC))
            _check_ours(file)
            opening = [] if file.size else [self._first_record(Path(file.name).name)]
            parts = [*opening, *records]
            try:
                _write(file, b"".join(parts))
            except OSError as error:
                os.ftruncate(file.stream.fileno(), file.size)
                raise ArchiveError(
                    f"{file.name} lässt sich nicht schreiben: {error.strerror}",
                    hint="freien Platz und Rechte prüfen: archive-pipeline doctor",
                ) from error
            start = file.size
            *offsets, file.size = accumulate(map(len, parts), initial=start)
            self._lengths[file.name] = file.size
            return file.name, start, offsets[len(opening) :]

    def sync(self) -> Mapping[str, int]:
        """Make everything appended so far durable; the new lengths of the files it went to.

        Other threads go on appending meanwhile: what they append is not in the lengths. Raises ArchiveError; nothing is
        accounted for then.
        """
        with self._lock:
            lengths, self._lengths = self._lengths, {}
            handle = None if self._open is None else os.dup(self._open.stream.fileno())
        if handle is not None:
            try:
                os.fsync(handle)
            except OSError as error:
                raise ArchiveError(
                    f"{self.series}: der Datenträger bestätigt nicht, was geschrieben wurde: {error.strerror}",
                    hint="freien Platz und Rechte prüfen: archive-pipeline doctor; der nächste Lauf nimmt alles auf",
                ) from error
            finally:
                os.close(handle)
        return lengths

    def undo(self, name: str, length: int) -> None:
        """Take back what was appended to a file behind this length, as nothing refers to it."""
        with self._lock:
            self._let_go()
            self._lengths.pop(name, None)
            os.truncate(self.folder / name, length)

    def close(self) -> None:
        """Make everything durable and let go of the file for good."""
        self._let_go()
        self._closed = True

    def _let_go(self) -> None:
        with self._lock:
            if self._open is not None:
                stream, self._open = self._open.stream, None
                with stream:
                    os.fsync(stream.fileno())

    def recover(self, known: Mapping[str, int]) -> tuple[Cut, ...]:
        """Cut the incomplete records that a killed writer left after the `known` lengths.

        Raises FixityError when a file is shorter than known, or gone.
        """
        self._let_go()
        known = {name: length for name, length in known.items() if name.startswith(f"{self.series}/")}
        sizes = {name: (self.folder / name).stat().st_size for name in self.names()}
        for name, length in known.items():
            if sizes.get(name, -1) < length:
                found = f"{sizes[name]} Bytes" if name in sizes else "keine Datei"
                raise FixityError(
                    f"{name}: erwartet {length} Bytes, gefunden {found}",
                    hint="die Datei aus der Sicherung zurückholen, dann: archive-pipeline rebuild",
                )
        cuts = []
        for name, size in sizes.items():
            if size == known.get(name):
                continue
            tail = self._torn_tail(name, known.get(name, 0))
            with (self.folder / name).open("r+b") as stream:
                if tail is not None:
                    stream.truncate(tail)
                    cuts.append(Cut(warc_file=name, offset=tail, size=size - tail))
                os.fsync(stream.fileno())  # the killed writer may not have come to that
        return tuple(cuts)

    def _torn_tail(self, name: str, start: int) -> int | None:
        for found in members(self.folder / name, start):
            if isinstance(found, Gap) and found.torn:
                return found.offset
        return None

    def _current(self, now: datetime) -> OpenFile:
        month = f"{self.series}/{now:%Y/%m}/"
        file = self._open
        if file is not None and file.name.startswith(month) and file.size < self._max_file_bytes:
            return file
        # the open file is the newest: looking for it at each new one would cost the square of their number
        names = self.names() if file is None else [file.name]
        self._let_go()
        if names and names[-1].startswith(month) and (self.folder / names[-1]).stat().st_size < self._max_file_bytes:
            name = names[-1]
        else:
            serial = _serial(Path(names[-1])) + 1 if names else 1
            name = f"{month}{self._prefix}-{now:%Y%m%d%H%M%S}-{serial:05d}.warc.gz"
        self._open = self._opened(name)
        return self._open

    def _opened(self, name: str) -> OpenFile:
        path = self.folder / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            new = not path.exists()
            stream = path.open("ab", buffering=0)
            if new:
                # a file is only durable when every folder on its way says that it is there
                for folder in (path.parent, *list(path.parent.parents)[:3]):
                    sync(folder)
        except OSError as error:
            raise ArchiveError(
                f"{name} lässt sich nicht öffnen: {error.strerror}",
                hint="freien Platz und Rechte prüfen: archive-pipeline doctor",
            ) from error
        return OpenFile(name, stream, os.fstat(stream.fileno()).st_size)


def _serial(path: Path) -> int:
    match = NAME.fullmatch(path.name)
    return int(match.group(1)) if match else 0


def _check_ours(file: OpenFile) -> None:
    """Behind another writer's bytes every place that is noted would be wrong, and in a deleted file all would be
    lost."""
    state = os.fstat(file.stream.fileno())
    if state.st_nlink == 0 or state.st_size != file.size:
        done = "gelöscht" if state.st_nlink == 0 else "verändert"
        raise ArchiveError(
            f"{file.name} wurde von anderswo {done}, während hier geschrieben wird",
            hint="prüfen, wer sonst auf den Ordner zugreift, dann den Befehl wiederholen",
        )


def _write(file: OpenFile, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[file.stream.write(view) :]
