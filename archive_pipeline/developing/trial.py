"""Documents that are looked at and not kept: `try` on a file, an address, or a manifest of many files."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import BaseModel, ConfigDict, ValidationError

from archive_pipeline.errors import ArchivePipelineError, FetchError, RefusedError, TooLargeError
from archive_pipeline.fetch.context import SourceContext
from archive_pipeline.fetch.folder import FolderFetcher, FolderOptions
from archive_pipeline.fetch.history import NoHistory
from archive_pipeline.fetch.http import PRODUCT, HttpClient
from archive_pipeline.fetch.options import HttpOptions
from archive_pipeline.fetch.robots import Robots
from archive_pipeline.model import Capture, CaptureResult, Gone, Item, Refused, Source
from archive_pipeline.protocols import Connection
from archive_pipeline.warc import WarcStore
from archive_pipeline.workspace import HOMEPAGE, SOFTWARE, VERSION, utc_now

__all__ = ["ManifestEntry", "capture_address", "capture_file", "read_manifest"]

MAX_BYTES = 20_000_000
"""The largest document `try` looks at, as in a run."""


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
    with path.open(encoding="utf-8-sig", errors="replace") as lines:
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
    except (OSError, ValueError) as error:  # too long a name, a NUL in it
        return ManifestEntry(id=row.id, source=source, capture=None, reason=f"kein gültiger Pfad: {error}")
    return ManifestEntry(id=row.id, source=source, capture=capture)


def _id_of(line: str) -> str | None:
    try:
        row = json.loads(line)
    except ValueError:
        return None
    found = row.get("id") if isinstance(row, dict) else None
    return found if isinstance(found, str) else None


def capture_file(path: Path, *, url: str | None = None, media_type: str | None = None) -> Capture:
    """A local file as a capture that lies in no WARC file; `.gz` is opened. Raises FetchError, TooLargeError."""
    if path.is_dir():
        raise FetchError(f"{path} ist ein Ordner", url=str(path), hint="eine Datei nennen, oder --batch MANIFEST")
    source = Source(id="try", path=str(path.absolute()), options=FolderOptions(include=("*",)))
    for result in FolderFetcher().capture(Item(source_id="try", key=path.name, url=url), source, _Unstored()):
        if isinstance(result, Capture):
            declared = media_type if result.media_type != "application/gzip" else None
            return replace(result, media_type=declared or result.media_type)
    raise FetchError(f"Die Datei {path} gibt es nicht", url=str(path), hint="Pfad prüfen")


def capture_address(url: str, *, allow_private: bool = False) -> Capture:
    """What an address answers, fetched with all manners of a run. Raises RefusedError (exit code 6), FetchError."""
    with TemporaryDirectory() as folder:
        client = HttpClient(version=VERSION, contact=HOMEPAGE, clock=utc_now)
        store = WarcStore(Path(folder), software=SOFTWARE, operator="", clock=utc_now)
        context = SourceContext(
            Source(id="try", url=url, options=HttpOptions(allow_private=allow_private)),
            fetcher="try",
            client=client,
            robots=Robots(PRODUCT),
            store=store,
            base=Path(folder),
            max_bytes=MAX_BYTES,
            history=NoHistory(),
            stored=lambda stored: None,
            logged=lambda request: None,
        )
        try:
            result = context.get(url, item=Item(source_id="try", key=url, url=url))
        finally:
            client.close()
            store.close()
    if isinstance(result, Capture):
        return result
    if isinstance(result, Refused):
        raise RefusedError(f"{url} darf nicht abgerufen werden: {result.reason}", url=url)
    reason = result.reason if isinstance(result, Gone) else "keine Antwort"
    raise FetchError(f"{url}: {reason}", url=url)


class _Unstored(NoHistory):
    """A FetchContext that keeps nothing and reaches no network."""

    base = Path("/")
    max_bytes = MAX_BYTES

    def get(self, url: str, *, item: Item | None = None, parent: Capture | None = None) -> CaptureResult:
        raise RefusedError("hier wird nichts abgerufen", url=url)

    def connect(self, host: str, port: int, *, goodbye: bytes = b"") -> Connection:
        raise RefusedError("hier wird nichts abgerufen", url=host)

    def secret(self, name: str) -> str:
        raise RefusedError("hier wird nichts abgerufen")

    def keep_bookmark(self, bookmark: str) -> None:
        pass

    def put(
        self,
        item: Item,
        body: bytes,
        *,
        media_type: str | None = None,
        parent: Capture | None = None,
        captured_at: datetime | None = None,
        head: bytes = b"",
    ) -> Capture:
        if len(body) > self.max_bytes:
            raise TooLargeError(f"Die Datei ist größer als die erlaubten {self.max_bytes} Bytes", url=item.key)
        return Capture(
            source_id=item.source_id,
            key=item.key,
            target=item.url or f"urn:archive-pipeline:try:{item.key}",
            body=body,
            sha256=hashlib.sha256(body).hexdigest(),
            captured_at=captured_at or utc_now(),
            record_id="",
            url=item.url,
            media_type=media_type,
        )
