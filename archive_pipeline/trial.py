"""Documents that are looked at and not kept: `try` on a file, an address, or a manifest of many files."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from archive_pipeline.errors import ArchivePipelineError
from archive_pipeline.fetch.files import read_document
from archive_pipeline.model import Capture, Source
from archive_pipeline.workspace import utc_now

__all__ = ["ManifestEntry", "capture_file", "read_manifest"]

MAX_BYTES = 20_000_000


class ManifestSource(BaseModel):
    """What a manifest line knows of the publisher."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    district: str | None = None
    party: str | None = None
    organisation: str | None = None
    language: str = "de"


class ManifestLine(BaseModel):
    """One line of a manifest; further keys are left alone."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str
    path: str
    url: str | None = None
    media_type: str | None = None
    source: ManifestSource | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestEntry:
    """One line, read: a capture with its source, or the reason why there is none."""

    id: str
    source: Source
    capture: Capture | None
    reason: str | None = None


def read_manifest(path: Path, *, gate: bool = True) -> Iterator[ManifestEntry]:
    """The documents of a manifest, in order. A line or file that can't be read becomes an entry with a reason."""
    with path.open(encoding="utf-8", errors="replace") as lines:
        for number, line in enumerate(lines, start=1):
            if line.strip():
                yield _entry(path.parent, number, line, gate)


def _entry(folder: Path, number: int, line: str, gate: bool) -> ManifestEntry:
    name = f"line-{number}"
    nowhere = Source(id="try", gate=gate)
    try:
        row = ManifestLine.model_validate_json(line)
    except ValidationError as error:
        problem = error.errors()[0]
        where = ".".join(str(part) for part in problem["loc"])
        return ManifestEntry(
            id=_id_of(line) or name,
            source=nowhere,
            capture=None,
            reason=f"Zeile {number} des Manifests: {where or 'kein JSON'}: {problem['msg']}",
        )
    known = row.source or ManifestSource()
    source = Source(
        id="try",
        district=known.district,
        party=known.party,
        organisation=known.organisation,
        language=known.language,
        gate=gate,
    )
    try:
        capture = capture_file(folder / row.path, url=row.url, media_type=row.media_type)
    except ArchivePipelineError as error:
        return ManifestEntry(id=row.id, source=source, capture=None, reason=error.message)
    return ManifestEntry(id=row.id, source=source, capture=capture)


def _id_of(line: str) -> str | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    found = row.get("id") if isinstance(row, dict) else None
    return found if isinstance(found, str) else None


def capture_file(path: Path, *, url: str | None = None, media_type: str | None = None) -> Capture:
    """A local file as a capture that lies in no WARC file. Raises FetchError when it can't be read."""
    document = read_document(path, max_bytes=MAX_BYTES)
    return Capture(
        source_id="try",
        key=path.name,
        target=url or f"urn:archive-pipeline:try:{path.name}",
        body=document.body,
        sha256=hashlib.sha256(document.body).hexdigest(),
        captured_at=utc_now(),
        record_id="",
        url=url,
        media_type=media_type if media_type and document.decoded else document.media_type,
    )
