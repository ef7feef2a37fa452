"""The bytes of a WARC file that somebody else wrote, read from the beginning of a record on: as they are, or unpacked
piece by piece, with bounded memory and no header of any size.
"""

import re
import zlib
from dataclasses import dataclass
from typing import BinaryIO

from archive_pipeline.errors import FixityError
from archive_pipeline.warc.coding import GZIP

__all__ = [
    "CHUNK",
    "MAX_HEADER",
    "MAX_LINE",
    "MAX_RATIO",
    "MAX_UNCHECKED",
    "MEMBER_START",
    "RECORD_START",
    "Member",
    "Place",
    "Plain",
]

CHUNK = 1 << 16
MAX_LINE = 1 << 16
MAX_HEADER = 1 << 20
"""Bytes of one line, and of all header lines of a record, beyond which they are none."""

MAX_UNCHECKED, MAX_RATIO = 500_000_000, 200
"""Unpacked bytes from which on so many times the packed ones are taken for a bomb; pages shrink to a tenth."""

MEMBER_START = b"\x1f\x8b\x08"
RECORD_START = re.compile(
    rb"(?=WARC/[01]\.\d+\r?\n[A-Za-z])|(?:^|\n)(?=(?:https?|ftp|dns|filedesc):\S* [\da-f.:]+ \d{14} )"
)
"""Where a record begins in what is not compressed: a WARC one, or the line of an ARC one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record begins: the byte of the file, and the byte of what is compressed from there on (0 for files that
    are compressed record by record, or not at all)."""

    offset: int
    inner: int = 0


class Plain:
    """The bytes of a file from one place on, as they are. `position` is the next byte, `began` where the record that is
    read now begins, `room` what its header may still take."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self.position = start
        self.began = start
        self.room = MAX_HEADER

    @property
    def place(self) -> Place:
        """Where the record that is read now begins."""
        return Place(self.began)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, nothing at the end. Raises FixityError."""
        self._file.seek(self.position)
        data = self._file.read(CHUNK if size < 0 else min(size, CHUNK))
        self.position += len(data)
        return data

    def readline(self, size: int = -1) -> bytes:
        """A line of a header; `size` is not looked at. Raises FixityError for an overlong one."""
        self._file.seek(self.position)
        line = self._file.readline(MAX_LINE + 1)
        self.position += len(line)
        _check_line(self, line)
        return line

    def skip_to(self, position: int) -> None:
        """Go on to this position. Raises FixityError."""
        self.position = position


class Member:
    """What one gzip member holds, unpacked piece by piece; `position`, `began` and `room` as in `Plain`, counted in
    what was unpacked. The member begins at byte `start` of the file, and ends before `end`, once it was read whole."""

    def __init__(self, file: BinaryIO, start: int) -> None:
        self._file = file
        self._next = start
        self._inflater = zlib.decompressobj(GZIP)
        self._buffer = b""
        self._unpacked = 0
        self.start = start
        self.position = 0
        self.began = 0
        self.room = MAX_HEADER
        self.end = 0

    @property
    def place(self) -> Place:
        """Where the record that is read now begins."""
        return Place(self.start, self.began)

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, nothing at the end. Raises FixityError."""
        self._fill(1)
        data = self._buffer[: CHUNK if size < 0 else min(size, CHUNK)]
        self._take(len(data))
        return data

    def readline(self, size: int = -1) -> bytes:
        """A line of a header; `size` is not looked at. Raises FixityError for an overlong one."""
        while (end := self._buffer.find(b"\n")) < 0 and len(self._buffer) <= MAX_LINE:
            if not self._fill(len(self._buffer) + 1):
                break
        line = self._buffer[: end + 1] if end >= 0 else self._buffer[: MAX_LINE + 1]
        self._take(len(line))
        _check_line(self, line)
        return line

    def skip_to(self, position: int) -> None:
        """Go on to this position. Raises FixityError."""
        while self.position < position and self.read(position - self.position):
            pass

    def skip_to_record(self) -> bool:
        """Go to where the next record seems to begin; False when there is none in what can be unpacked."""
        try:
            while (match := RECORD_START.search(self._buffer)) is None:
                self._take(max(0, len(self._buffer) - MAX_LINE))
                if not self._fill(len(self._buffer) + 1):
                    return False
        except FixityError:
            return False
        self._take(match.end())
        return True

    def _take(self, size: int) -> None:
        self._buffer = self._buffer[size:]
        self.position += size

    def _fill(self, size: int) -> bool:
        """Unpack until so many bytes are there; False when there are no more. Raises FixityError."""
        while len(self._buffer) < size and not self._inflater.eof:
            data = self._inflater.unconsumed_tail
            if not data:
                self._file.seek(self._next)
                data = self._file.read(CHUNK)
                self._next += len(data)
            try:
                part = self._inflater.decompress(data, CHUNK)
            except zlib.error as error:
                raise FixityError(f"die komprimierten Daten sind beschädigt ({error})") from error
            if not data and not part and not self._inflater.eof:
                raise FixityError("die Datei bricht mitten im Datensatz ab")
            self._buffer += part
            self._unpacked += len(part)
            if self._unpacked > MAX_UNCHECKED and self._unpacked > MAX_RATIO * (self._next - self.start):
                raise FixityError("die komprimierten Daten sind eine Kompressionsbombe")
        if self._inflater.eof:
            self.end = self._next - len(self._inflater.unused_data)
        return len(self._buffer) >= size


def _check_line(stream: Plain | Member, line: bytes) -> None:
    stream.room -= len(line)
    if len(line) > MAX_LINE or stream.room < 0:
        raise FixityError("der Kopf des Datensatzes ist überlang")
