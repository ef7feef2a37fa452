"""Messages in files: one in a file (.eml, Maildir) or many (mbox), found without reading them whole.

The standard library's `mailbox` opens an mbox for writing, and takes every line that begins with "From " for the
beginning of a message. Here nothing can be changed, and only such lines count that mail programs write between
messages; memory holds one block of the file, however large it is.
"""

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from archive_pipeline.errors import CleanError, TooLargeError
from archive_pipeline.fetch.files import open_file, too_large
from archive_pipeline.mail.message import field, message_key, parse

__all__ = ["Found", "is_mailbox", "looks_like_mail", "message_at", "messages_in", "read_message"]

BLOCK = 1_000_000
MAX_HEADER = 250_000
"""Bytes of a header that are looked at."""

_BEGINNING = re.compile(
    rb"(?<![^\n])From (?:[^\n]{0,300}?\d{1,2}:\d\d(?=[^\n]{0,40}(?:19|20)\d\d\b)[^\n]{0,80}|-[^\n]{0,80}"
    rb"|[^\s@]{1,200}@[^\s@]{1,200}[ \t]*|)\r?\n(?=[!-9;-~]{1,80}:)"
)
"""The line between two messages of an mbox: "From ", a sender, a time of day, a year; behind it a header begins."""
_REACH = 1_000
"""Bytes that the pattern may need."""
_QUOTED = re.compile(rb"^>(>*From )", re.M)
_FIELD = re.compile(rb"^(?:from|to|subject|date|message-id|mime-version|received|return-path):", re.I | re.M)
_CONTENT = re.compile(rb"^content-[a-z-]{1,40}:[^\n]*(?:\n[ \t][^\n]*)*", re.I | re.M)
_HEADER_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_EMPTY_LINE = re.compile(rb"(\n)\r?\n\Z")
"""The empty line before the next message belongs to the mailbox, not to the message."""
_EXPUNGED = 0x0008


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A message in a file: its bytes `start` to `end`, its header, what names it, and the sha256 of its content: all
    that follows the header, and the fields that say how to read it. Mail programs change other fields (state, tags).

    `is_deleted` when the mail program has marked it as deleted and will remove it.
    """

    start: int
    end: int
    header: bytes
    key: str
    digest: str
    is_deleted: bool = False


@contextmanager
def _opened(path: Path) -> Iterator[tuple[int, int]]:
    """A descriptor of the file, and its size. Raises OSError."""
    descriptor = open_file(path)
    try:
        yield descriptor, os.fstat(descriptor).st_size
    finally:
        os.close(descriptor)


def is_mailbox(path: Path) -> bool:
    """Whether the file begins as an mbox does. Raises OSError."""
    with _opened(path) as (file, _):
        return bool(_BEGINNING.match(os.pread(file, _REACH, 0)))


def looks_like_mail(path: Path) -> bool:
    """Whether the file begins as a message or an mbox does. Raises OSError."""
    with _opened(path) as (file, size):
        head = os.pread(file, MAX_HEADER, 0)
    return not size or bool(_BEGINNING.match(head)) or len(_FIELD.findall(_HEADER_END.split(head, 1)[0])) >= 2


def message_at(path: Path, start: int, end: int) -> Found | None:
    """The message that stands at this place of an mbox, or None when the file is shorter. Raises OSError."""
    with _opened(path) as (file, size):
        return _look(file, start, end) if start < end <= size else None


def messages_in(path: Path) -> Iterator[Found]:
    """The messages in a file, in order. Raises OSError."""
    with _opened(path) as (file, size):
        if not _BEGINNING.match(os.pread(file, _REACH, 0)):
            if size:
                yield _look(file, 0, size)
            return
        before: int | None = None
        for start, end in _beginnings(file, size):
            if before is not None:
                yield _look(file, before, start)
            before = end
        if before is not None:
            yield _look(file, before, size)


def _beginnings(file: int, size: int) -> Iterator[tuple[int, int]]:
    """Where the lines between messages stand."""
    for position in range(0, size, BLOCK):
        # the byte before tells whether a line begins here, those behind let the last line be read to its end
        offset = max(position - 1, 0)
        data = os.pread(file, BLOCK + _REACH + 1, offset)
        for found in _BEGINNING.finditer(data):
            if position <= offset + found.start() < position + BLOCK:
                yield offset + found.start(), offset + found.end()


def _look(file: int, start: int, end: int) -> Found:
    head = os.pread(file, min(MAX_HEADER, end - start), start)
    found = _HEADER_END.search(head)
    header = head[: found.end()] if found else head
    # the fields that say how the rest is to be read belong to it; a header without an end is all there is
    digest = hashlib.sha256(b"\n".join(_CONTENT.findall(header)) if found else header)
    for place in range(start + len(header), end, BLOCK):
        block = os.pread(file, min(BLOCK, end - place), place)
        digest.update(block if place + BLOCK < end else _without_empty_line(block))
    key, is_deleted = _named(header, digest.hexdigest())
    return Found(start=start, end=end, header=header, key=key, digest=digest.hexdigest(), is_deleted=is_deleted)


def _named(header: bytes, digest: str) -> tuple[str, bool]:
    """The message's key, and whether Thunderbird has marked it as expunged."""
    try:
        message = parse(header)
    except CleanError:
        return f"~{digest[:24]}", False
    status = field(message, "x-mozilla-status")
    key = message_key(message) if message.keys() else f"~{digest[:24]}"
    return key, bool(re.fullmatch(r"[0-9a-fA-F]{4}", status) and int(status, 16) & _EXPUNGED)


def read_message(path: Path, start: int, end: int | None, key: str, max_bytes: int) -> bytes:
    """The bytes of a message; of one in an mbox (`end` says where it ends there) as they were before it was put there.
    Raises TooLargeError, OSError."""
    with _opened(path) as (file, size):
        stop = size if end is None else end
        if stop - start > max_bytes:
            raise TooLargeError(too_large(max_bytes), url=key)
        raw = os.pread(file, stop - start, start)
    return raw if end is None else _QUOTED.sub(rb"\1", _without_empty_line(raw))


def _without_empty_line(end: bytes) -> bytes:
    return end[:-3] + _EMPTY_LINE.sub(rb"\1", end[-3:])
