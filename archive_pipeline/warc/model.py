"""The values that are written to and read from WARC files."""

import hashlib
import json
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from email.message import Message
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import quote

from archive_pipeline.model import Capture, CaptureKind, Source

__all__ = [
    "SHA256",
    "Description",
    "Exchange",
    "Previous",
    "RevisitProfile",
    "StoredCapture",
    "Truncated",
    "payload_digest",
    "settings_hash",
    "source_from_settings",
    "source_settings",
    "urn",
]

RevisitProfile = Literal["identical-payload-digest", "server-not-modified"]
"""Why a revisit record stands in for a body (ISO 28500, 6.7)."""

Truncated = Literal["length", "time", "disconnect", "unspecified"]
"""Why a response was not stored whole: too large, too slow, the connection broke, or (unspecified) it may not be kept
(ISO 28500, 5.13)."""

SHA256 = "sha256:"
"""What labels a digest."""

UNSETTLING = (
    "options",
    "enabled",
    "schedule",
    "expected",
    "budget",
    "robots_override",
    "snooze",
    "retention",
    "profile",
    "topic_model",
)
"""Fields of a source that say when and how to fetch, not what a text means, and what the archive learned later."""

SETTLING = tuple(field.name for field in fields(Source) if field.name not in UNSETTLING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One HTTP request and its response, as sent and received.

    `request` is the whole request, `head` the response's status line and header fields up to and including the empty
    line, `payload` its body after transfer coding but before content coding was removed. `started_at` is UTC. `seconds`
    is how long it took, `received` the number of bytes of the body that came, also when they were not kept.
    """

    url: str
    request: bytes
    head: bytes
    payload: bytes
    started_at: datetime
    ip: str | None = None
    truncated: Truncated | None = None
    seconds: float = 0.0
    received: int = 0

    @property
    def status(self) -> int:
        """The status code, 0 if the status line has none."""
        parts = self.head.split(b"\r\n", 1)[0].split()
        return int(parts[1]) if len(parts) > 1 and parts[1].isdigit() else 0

    @property
    def headers(self) -> tuple[tuple[str, str], ...]:
        """The header fields in order, names as the server wrote them; bytes beyond ASCII are read as Latin-1."""
        return _header_fields(self.head)

    def header(self, name: str) -> str | None:
        """The values of a field, joined by commas, or None."""
        values = [value for key, value in self.headers if key.lower() == name.lower()]
        return ", ".join(values) if values else None

    @property
    def media_type(self) -> str | None:
        """The declared type in lower case, without parameters."""
        declared = (self.header("content-type") or "").partition(";")[0].partition(",")[0].strip().lower()
        return declared if "/" in declared else None

    @property
    def charset(self) -> str | None:
        """The declared charset in lower case."""
        return _charset(self.header("content-type") or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What the `metadata` record after a capture says: everything about it that its bytes don't show.

    `settings` is a hash of all settings of the source, `fetcher` the plugin's name. `url`, `title` and `published`
    are hints of the source, `fingerprint` is the item's. `parent` is the record id of what an attachment came with.
    `reservation` and `complete` are those of `Capture`; records of before there were such fields have neither.
    """

    source: Source
    settings: str
    fetcher: str
    key: str
    kind: CaptureKind = "document"
    url: str | None = None
    media_type: str | None = None
    charset: str | None = None
    parent: str | None = None
    title: str | None = None
    published: str | None = None
    fingerprint: str | None = None
    reservation: str | None = None
    complete: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Previous:
    """The last capture of an address or file, as far as a new request needs it.

    `sha256` is that of the decoded body; `captured_at` is UTC; `warc_file` and `warc_offset` say where it lies.
    """

    record_id: str
    captured_at: datetime
    sha256: str
    warc_file: str
    warc_offset: int
    kind: CaptureKind = "document"
    etag: str | None = None
    last_modified: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCapture:
    """A capture in its WARC file, with what its metadata record says.

    `source` is the source as it was set then, without `options`. `revisit` is None for a capture with a body of its
    own; otherwise the body comes from the record `refers_to`. `payload_digest` is `sha256:` and the hash of the body
    as stored. Its records reach from `start` to `end`, the byte after the metadata record; `start` is 0 for the first
    of a file, so that each capture begins where the one before it ends.
    """

    capture: Capture
    source: Source
    settings: str
    fetcher: str
    payload_digest: str
    start: int
    end: int
    revisit: RevisitProfile | None = None
    refers_to: str | None = None


@lru_cache(maxsize=64)
def _charset(content_type: str) -> str | None:
    message = Message()
    message["content-type"] = content_type
    return message.get_content_charset()


@lru_cache(maxsize=64)
def _header_fields(head: bytes) -> tuple[tuple[str, str], ...]:
    """Of an HTTP head; asked for many times of each one while its answer is looked at."""
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if line)
    return tuple((name, value.strip()) for name, _, value in pairs)


def payload_digest(data: bytes) -> str:
    """The labelled digest of a payload or block, as in `WARC-Payload-Digest`."""
    return SHA256 + hashlib.sha256(data).hexdigest()


def urn(source_id: str, key: str) -> str:
    """The target of something that has no address: `urn:archive-pipeline:<source id>:<key, percent-encoded>`."""
    return f"urn:archive-pipeline:{quote(source_id, safe='')}:{quote(key, safe='/')}"


def utc_text(moment: datetime) -> str:
    """A `WARC-Date`: UTC with microseconds, which WARC 1.1 allows."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def source_settings(source: Source) -> dict[str, str | bool | None]:
    """The settings of a source that shape cleaning and tagging. A path that leads elsewhere than below the archive's
    folder is left out: it says nothing about the texts, and names a machine."""
    settings = {name: getattr(source, name) for name in SETTLING}
    if source.path:
        path = PurePosixPath(source.path)
        if path.is_absolute() or ".." in path.parts or source.path.startswith("~"):
            settings["path"] = None
    return settings


def source_from_settings(settings: dict[str, str | bool | None]) -> Source:
    """The source that `source_settings` described; fields of a later version are ignored."""
    return Source(**{name: settings[name] for name in SETTLING if name in settings})  # type: ignore[arg-type]


def settings_hash(settings: dict[str, str | bool | None], options: str) -> str:
    """sha256 over all settings of a source; `options` is the JSON text of its fetcher options."""
    text = json.dumps(settings, ensure_ascii=False, sort_keys=True) + options
    return hashlib.sha256(text.encode()).hexdigest()
