"""The manifest of an export: what was asked for, what it holds, from which state of the archive, and the checksum of
every file. It says nothing of the day on which it was written, so that the same export is the same bytes."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from archive_pipeline.errors import ArchiveError, FixityError

__all__ = [
    "Figures",
    "FileEntry",
    "Manifest",
    "Period",
    "SourceCoverage",
    "file_entry",
    "find_manifest",
    "read_manifest",
    "verify",
    "write_manifest",
]

SUFFIX = ".manifest.json"
NAME = "manifest.json"
CHUNK = 1 << 20

STRICT = ConfigDict(extra="forbid")
"""A name that is damaged must not pass for one that is left out."""


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class FileEntry:
    """One file of an export: its path beside the manifest, size and sha256 in hex."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Period:
    """Months ("2026-05"), both included, of one state: "complete", "partial" or "not_captured"."""

    first: str
    last: str
    state: str


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class SourceCoverage:
    """What the archive can know of one source, whether it has releases in the export or not: the days of its first
    capture and first visit, how many of its releases have no date, and its months."""

    source: str
    first_capture: str | None
    first_visit: str | None
    undated: int
    months: tuple[Period, ...]


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Figures:
    """What the releases of an export cover: days are ISO 8601, times ISO 8601 in UTC; undated releases are counted and
    never given a date. `sources` counts by source id, `left_out` what was asked for and may not be shown. `by_month`
    says of every source and month whether everything that was published then was seen; frozen sets don't have it."""

    undated: int
    first_published: str | None
    last_published: str | None
    first_captured: str | None
    last_captured: str | None
    sources: dict[str, int]
    left_out: int = 0
    by_month: tuple[SourceCoverage, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, config=STRICT)
class Manifest:
    """Everything about an export. `understood` is how the query was read, `for_whom` who may read what is in it,
    `created_at` and `seq` the newest change of the archive that it shows, `derived_with` the software that made the
    texts. `sha256` is that of the manifest itself without this field, as canonical JSON."""

    format: str
    query: str | None
    understood: str | None
    result_set: str | None
    for_whom: str
    with_text: bool
    restorable: bool
    created_at: str | None
    seq: int
    archive: str
    software: str
    derived_with: tuple[str, ...]
    vocabularies: dict[str, str]
    analysis: str
    releases: int
    coverage: Figures
    files: tuple[FileEntry, ...]
    columns: tuple[str, ...] = ()
    sha256: str = ""
    schema: str = "apl/export/1"


ADAPTER = TypeAdapter(Manifest)


def _values(manifest: Manifest) -> dict[str, Any]:
    """A manifest as JSON has it; without coverage by month it looks as it did before there was any."""
    values: dict[str, Any] = ADAPTER.dump_python(manifest, mode="json")
    if not values["coverage"]["by_month"]:
        del values["coverage"]["by_month"]
    return values


def _digest(manifest: Manifest) -> str:
    values = _values(replace(manifest, sha256=""))
    return hashlib.sha256(json.dumps(values, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def file_entry(path: Path, name: str) -> FileEntry:
    """Size and checksum of a file, which the manifest calls `name`."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return FileEntry(path=name, bytes=size, sha256=digest.hexdigest())


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write a manifest with its own checksum."""
    values = _values(replace(manifest, sha256=_digest(manifest)))
    path.write_text(json.dumps(values, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def find_manifest(export: Path) -> Path | None:
    """The manifest of an export that is a file or a folder, None where there is none."""
    beside = export / NAME if export.is_dir() else export.with_name(export.name + SUFFIX)
    found = (path for path in (beside, export) if path.is_file() and path.name.endswith(NAME))
    return next(found, None)


def read_manifest(path: Path) -> Manifest:
    """The manifest in a file. Raises FixityError where it is damaged, ArchiveError where it is none."""
    try:
        manifest = ADAPTER.validate_json(path.read_bytes())
    except ValidationError as error:
        raise FixityError(f"{path.name} ist kein lesbares Manifest: {error.errors()[0]['msg']}") from error
    except OSError as error:
        raise ArchiveError(f"{path} lässt sich nicht lesen: {error.strerror}") from error
    found = _digest(manifest)
    if manifest.sha256 != found:
        raise FixityError(f"{path.name}: Prüfsumme erwartet {manifest.sha256}, gefunden {found}")
    return manifest


def verify(path: Path, manifest: Manifest) -> Iterator[str]:
    """What is wrong with the files of an export, in words; `path` is that of its manifest."""
    for entry in manifest.files:
        relative = PurePosixPath(entry.path)
        if relative.is_absolute() or ".." in relative.parts:
            yield f"{entry.path}: der Pfad führt aus dem Export hinaus"
            continue
        try:
            found = file_entry(path.parent / relative, entry.path)
        except OSError as error:
            yield f"{entry.path}: nicht lesbar ({error.strerror})"
            continue
        if found != entry:
            yield (
                f"{entry.path}: erwartet {entry.bytes} Bytes, sha256 {entry.sha256}; "
                f"gefunden {found.bytes} Bytes, sha256 {found.sha256}"
            )
