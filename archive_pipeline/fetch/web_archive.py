"""Fetcher `warc`: what other crawlers have archived, out of WARC, ARC and WACZ files.

Every capture of a document is an item of its own, whose key is the time it was captured at and its canonical address,
as in `20240517093000/https://www.kreis.example/presse/1`. Items come in the order they were captured in, so captures of
one address become versions of one release, each with the time at which it was captured. The same payload several
times in a row counts once. What is in two files, under the same time and address, counts once, too: a file may be
renamed, or repacked, and nothing is taken up again.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from urllib.parse import urlsplit
from weakref import WeakKeyDictionary, finalize

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from archive_pipeline.address import canonical_url
from archive_pipeline.errors import FetchError, FixityError, TooLargeError
from archive_pipeline.fetch.discovery import absolute_url, plain_text
from archive_pipeline.fetch.files import files_below, readable_name, root_of, too_large
from archive_pipeline.language.days import parse_iso
from archive_pipeline.model import CaptureKind, CaptureResult, Gone, Item, Source
from archive_pipeline.protocols import FetchContext
from archive_pipeline.warc import (
    Damage,
    ForeignBlock,
    ForeignFile,
    ForeignRecord,
    Package,
    Part,
    is_web_archive,
    open_package,
)

__all__ = [
    "WebArchiveFetcher",
    "WebArchiveOptions",
    "archived_documents",
    "capture_archived",
    "is_archived_key",
]

DOCUMENT_TYPES = frozenset(
    {
        "text/html",
        "application/xhtml+xml",
        "text/plain",
        "application/pdf",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.oasis.opendocument.text",
    }
)
UNTYPED = frozenset({None, "application/octet-stream", "application/x-download", "application/force-download"})
"""Types that say nothing: then the first bytes do."""

OPENINGS = (b"%pdf-", b"<!doctype html", b"<html")
OUR_FILES = "urn:archive-pipeline:"
KEY = re.compile(r"\d{14}(~\d+)?/(https?|urn):")
DAMAGED = re.compile(r"(?s)(.+)!beschädigt")
"""The key of what can't be read of a file: the file's name and this."""

NO_DOCUMENT = re.compile(
    r"/(robots|ads|app-ads|humans|security|llms(-full)?)\.txt$|/\.well-known/|/wp-json/|/feed/?$"
    r"|\.(js|mjs|css|json|map|xml|rss|atom|csv|tsv|ics|vcf|vtt|srt|svg)$",
    re.IGNORECASE,
)
"""Paths of what is served as text or HTML now and then and is neither page nor document."""

OTHER_CODING = re.compile(rb"^content-encoding:[^\r]*\b(br|zstd|compress)\b", re.IGNORECASE | re.MULTILINE)
"""Content codings that browsers ask for and our own client doesn't; some recorders undo them and keep the field."""

CODING_FIELD = re.compile(rb"^content-encoding(?=:)", re.IGNORECASE | re.MULTILINE)
MOVED_FIELD = b"X-Crawler-Content-Encoding"
"""The name under which such a field is kept where the coding is no longer there, so that no reader undoes it again."""

PAGE_ADDRESS = re.compile(r"(^|/)[^/.]*$|\.(html?|php|aspx?|pdf|docx|odt)$", re.IGNORECASE)
"""What the path of a page or document mostly looks like."""

MAX_TOLD = 5
"""Damaged places of one file that its message names; the others are counted."""


class WebArchiveOptions(BaseModel):
    """Settings of a folder or file of web archives.

    `hosts`: only documents of these hosts and their subdomains. `include` and `exclude` are regular expressions that
    are searched for in addresses. `since`: only what was captured on this day (UTC) or later.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    hosts: tuple[str, ...] = ()
    include: re.Pattern[str] | None = None
    exclude: re.Pattern[str] | None = None
    since: date | None = None

    @field_validator("include", "exclude", mode="before")
    @classmethod
    def _expression(cls, value: object) -> object:
        try:
            return re.compile(value) if isinstance(value, str) else value
        except re.error as error:
            raise ValueError(f"das ist kein regulärer Ausdruck ({error})") from error


class WebArchiveFetcher:
    """Every page and document in the source's WARC, ARC and WACZ files is an item; see the module."""

    options: type[BaseModel] = WebArchiveOptions

    def claims(self, url: str) -> int | None:
        """None: files have no address. It is chosen by name."""
        return None

    def discover(self, source: Source, context: FetchContext) -> Iterator[Item]:
        """The documents in all files, in the order they were captured. Raises FetchError when there is no such file."""
        paths = _paths(source, context)
        if not paths:
            raise FetchError(
                f"In {source.path} liegen keine WARC- oder WACZ-Dateien",
                url=source.path or "",
                hint="gelesen werden .warc, .warc.gz, .arc, .arc.gz und .wacz",
            )
        return archived_documents(paths, source, context, source.options_as(WebArchiveOptions))

    def capture(self, item: Item, source: Source, context: FetchContext) -> Iterable[CaptureResult]:
        """The document as it was captured, with the time and the HTTP fields it came with. Gone when it is in none of
        the files any more. Raises FetchError when its record is damaged, TooLargeError."""
        options = source.options_as(WebArchiveOptions)
        return capture_archived(item, source, context, lambda: _paths(source, context), options)


def _paths(source: Source, context: FetchContext) -> list[Path]:
    files = files_below(root_of(source, context), [], recursive=True)
    return sorted(path for path in files if is_web_archive(path.name))


def is_archived_key(key: str) -> bool:
    """Whether an item with this key was offered by `archived_documents`."""
    return bool(KEY.match(key) or DAMAGED.fullmatch(key))


def archived_documents(
    paths: Iterable[Path], source: Source, context: FetchContext, options: WebArchiveOptions
) -> Iterator[Item]:
    """The documents in these files that `options` want, in the order they were captured; then one item for each file
    that is damaged, so that capturing it fails with the reason, instead of silence."""
    shelf = _SHELVES[context] = _Shelf(tuple(paths), options)
    finalize(context, shelf.close)
    since = max(filter(None, (options.since, context.since)), default=None)
    for key, document in shelf.documents.items():
        if since is None or document.captured_at.date() >= since:
            yield Item(
                source_id=source.id,
                key=key,
                url=document.url,
                title=document.title,
                published=document.published,
                media_type=document.media_type,
                fingerprint=f"sha1:{document.digest}",
            )
    for name, problems in shelf.problems.items():
        yield Item(source_id=source.id, key=f"{name}!beschädigt", fingerprint="; ".join(problems))


def capture_archived(
    item: Item,
    source: Source,
    context: FetchContext,
    paths: Callable[[], Iterable[Path]],
    options: WebArchiveOptions,
) -> Iterator[CaptureResult]:
    """The capture of an item of `archived_documents`; `paths` gives the files again when they were not read with this
    context. Raises FetchError, TooLargeError."""
    if context not in _SHELVES:
        list(archived_documents(paths(), source, context, options))
    shelf = _SHELVES[context]
    if damaged := DAMAGED.fullmatch(item.key):
        problems = shelf.problems.get(damaged[1])
        if problems:
            raise FetchError(
                _told(problems), url=damaged[1], hint="die Datei neu beschaffen; was lesbar ist, wurde aufgenommen"
            )
        yield Gone("Die Datei ist nicht mehr da oder nicht mehr beschädigt")
        return
    document = shelf.documents.get(item.key)
    if document is None:
        yield Gone("In den Dateien ist diese Aufnahme nicht mehr enthalten")
        return
    block = shelf.read(document, limit=context.max_bytes)
    coding = OTHER_CODING.search(block.head)
    if coding and _is_packed(block.payload):
        raise FetchError(
            f"Der Inhalt ist mit {coding[1].decode()} komprimiert, was nicht gelesen wird",
            url=document.url,
            hint="die Datei mit einem Werkzeug neu schreiben, das den Inhalt entpackt",
        )
    head = block.head if coding is None else CODING_FIELD.sub(MOVED_FIELD, block.head)
    yield context.put(item, block.payload, media_type=document.media_type, captured_at=document.captured_at, head=head)


def _is_packed(payload: bytes) -> bool:
    """Whether a payload is neither text nor a document."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        return not payload.lstrip().startswith((b"%PDF-", b"PK", b"<"))
    return False


def _told(problems: list[str]) -> str:
    shown = "; ".join(problems[:MAX_TOLD])
    more = len(problems) - MAX_TOLD
    return f"Webarchiv beschädigt: {shown}{f'; und {more} weitere Stellen' if more > 0 else ''}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """One capture of a document: when, of what, and the record that holds its payload. `seen_as` is the id of the
    revisit record that says it was seen once more."""

    url: str
    captured_at: datetime
    part: Part
    record: ForeignRecord
    seen_as: str | None = None
    title: str | None = None
    published: str | None = None

    @property
    def digest(self) -> str:
        return self.record.digest

    @property
    def media_type(self) -> str | None:
        return None if self.record.media_type in UNTYPED else self.record.media_type


class _Hints(BaseModel):
    """What a metadata record of this package says of the capture before it."""

    kind: CaptureKind
    sha256: str
    title: str | None = None
    published: str | None = None


@dataclass(slots=True)
class _Found:
    """What a walk through the files has found so far."""

    documents: list[_Document] = field(default_factory=list)
    revisits: list[tuple[str, ForeignRecord]] = field(default_factory=list)
    conversions: list[_Document] = field(default_factory=list)
    titles: dict[str, str] = field(default_factory=dict)
    hints: dict[str, "_Hints"] = field(default_factory=dict)
    problems: dict[str, list[str]] = field(default_factory=dict)


class _Shelf:
    """The documents in some files, by key, in the order they were captured, and how to read them.

    In memory stands about a kilobyte for each; the files are read piece by piece.
    """

    def __init__(self, paths: tuple[Path, ...], options: WebArchiveOptions) -> None:
        found = _Found()
        for path in paths:
            _walk(path, found)
        documents = [*found.documents, *_revisited(found)]
        archived = {document.url for document in documents}
        documents += (document for document in found.conversions if document.url not in archived)
        hinted = (_hinted(document, found) for document in documents if _is_wanted(document.url, options))
        self.documents = _keyed([document for document in hinted if document is not None])
        self.problems = found.problems
        self._open: tuple[Part, ForeignFile] | None = None

    def read(self, document: _Document, *, limit: int) -> ForeignBlock:
        """The record that holds a document. Raises FetchError, TooLargeError."""
        name = document.part.name or readable_name(document.part.path.name)
        try:
            block = self._file(document.part).read(document.record.place, limit=limit)
        except (FixityError, OSError) as error:
            raise FetchError(f"Der Datensatz in {name} ist nicht lesbar: {error}", url=document.url) from error
        if block is None:
            raise TooLargeError(too_large(limit), url=document.url)
        if not block.intact:
            raise FetchError(
                f"Der Datensatz in {name} ist beschädigt: seine Prüfsumme stimmt nicht",
                url=document.url,
                hint="die Datei neu beschaffen",
            )
        return block

    def close(self) -> None:
        """Close the file that was read last."""
        if self._open is not None:
            self._open[1].close()
            self._open = None

    def _file(self, part: Part) -> ForeignFile:
        """The file, kept open: the next document is mostly in the same, further on."""
        if self._open is None or self._open[0] != part:
            self.close()
            self._open = (part, part.open())
        return self._open[1]


_SHELVES: "WeakKeyDictionary[FetchContext, _Shelf]" = WeakKeyDictionary()
"""What was read with each context: discovering and capturing share it, and it goes with the context."""


def _walk(path: Path, found: _Found) -> None:
    """Go through one file, and sort what is in it."""
    name = readable_name(path.name)
    problems: list[str] = []
    try:
        package = open_package(path)
        problems += package.problems
        found.titles.update(package.titles)
    except OSError as error:
        problems.append(f"nicht lesbar ({error.strerror or error})")
        package = Package(parts=(), titles={})
    for part in package.parts:
        try:
            with closing(part.open()) as file:
                problems += _walk_part(part, file, found, name)
        except OSError as error:
            problems.append(f"{part.name or 'ab hier'} nicht lesbar ({error.strerror or error})")
    if problems:
        found.problems.setdefault(name, []).extend(problems)


def _walk_part(part: Part, file: ForeignFile, found: _Found, name: str) -> Iterator[str]:
    cut = 0
    for record in file.records():
        if isinstance(record, Damage):
            yield f"{f'{part.name} ' if part.name else ''}ab Byte {record.offset}: {record.reason}"
            continue
        if record.kind == "metadata":
            if record.refers_to and (hints := _hints(record.opening)):
                found.hints[record.refers_to] = hints
        elif record.kind == "revisit":
            found.revisits.append((name, record))
        elif not _is_document(record):
            continue
        elif record.truncated:
            cut += 1
        else:
            kept = replace(record, opening=b"")
            document = _Document(url=record.target, captured_at=record.captured_at, part=part, record=kept)
            (found.conversions if record.kind == "conversion" else found.documents).append(document)
    if cut:
        yield f"{cut} Aufnahmen sind nur zum Teil gespeichert (WARC-Truncated)"


def _is_document(record: ForeignRecord) -> bool:
    """Whether a record holds what may be a release: a page or document that was found at an address."""
    if not record.length or not _is_address(record.target):
        return False
    if record.kind == "response" and record.status != 200:
        return False
    if record.media_type in UNTYPED:
        return record.opening.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(OPENINGS)
    return record.media_type in DOCUMENT_TYPES and not NO_DOCUMENT.search(_path(record.target))


def _is_address(target: str) -> bool:
    """Whether a target is a web address, or names a file as this package does."""
    if target.startswith(OUR_FILES):
        return target.isprintable()
    return target.lower().startswith(("http://", "https://")) and absolute_url(target, target) is not None


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return url


def _revisited(found: _Found) -> Iterator[_Document]:
    """What revisit records stand for: a payload that another record holds, seen at another time or address. Those whose
    payload is in none of the files become problems, unless their address was captured some other time."""
    if not found.revisits:
        return
    by_id = {document.record.record_id: document for document in found.documents}
    by_place = {(document.url, document.captured_at): document for document in found.documents}
    by_digest = {document.record.declared: document for document in found.documents if document.record.declared}
    captured = {document.url for document in found.documents}
    missing: Counter[str] = Counter()
    for name, record in found.revisits:
        if record.status not in (None, 200) or not _is_address(record.target):
            continue  # a 304 says that nothing changed, and there is nothing to take up
        original = by_id.get(record.refers_to or "")
        if original is None and record.refers_to_target and record.refers_to_date:
            original = by_place.get((record.refers_to_target, record.refers_to_date))
        if original is None and record.declared:
            original = by_digest.get(record.declared)
        if original is not None:
            yield replace(original, url=record.target, captured_at=record.captured_at, seen_as=record.record_id)
        elif record.target not in captured:
            missing[name] += record.media_type in DOCUMENT_TYPES or (
                record.status is None and PAGE_ADDRESS.search(_path(record.target)) is not None
            )
    for name, count in missing.items():
        if count:
            problem = f"{count} Aufnahmen verweisen auf Datensätze, die in keiner der Dateien stehen"
            found.problems.setdefault(name, []).append(problem)


def _hints(text: bytes) -> _Hints | None:
    try:
        return _Hints.model_validate_json(text)
    except ValidationError:
        return None


def _hinted(document: _Document, found: _Found) -> _Document | None:
    """The document with its title, as far as the file or package says; None for what this package knows to be a feed or
    a listing."""
    hints = found.hints.get(document.seen_as or document.record.record_id)
    if hints is None:
        return replace(document, title=plain_text(found.titles.get(document.url, "")) or None)
    day = hints.published if hints.published and parse_iso(hints.published) else None
    title = plain_text(hints.title or "") or None
    return None if hints.kind == "discovery" else replace(document, title=title, published=day)


def _is_wanted(url: str, options: WebArchiveOptions) -> bool:
    if options.hosts:
        try:
            host = urlsplit(url).hostname or ""
        except ValueError:
            return False
        wanted = (name.lower().strip(".") for name in options.hosts)
        if not any(host == name or host.endswith(f".{name}") for name in wanted):
            return False
    included = options.include is None or options.include.search(url)
    return bool(included) and not (options.exclude is not None and options.exclude.search(url))


def _keyed(documents: list[_Document]) -> dict[str, _Document]:
    """Documents by key, in the order they were captured, without those that repeat the one before at their address."""
    keyed: dict[str, _Document] = {}
    last: dict[str, str] = {}
    seen: set[tuple[datetime, str, str]] = set()
    for document in sorted(documents, key=lambda one: (one.captured_at, one.url)):
        address = canonical_url(document.url)
        capture = (document.captured_at, address, document.digest)
        if capture in seen or last.get(address) == document.digest:
            continue
        seen.add(capture)
        last[address] = document.digest
        moment = f"{document.captured_at:%Y%m%d%H%M%S}"
        key, number = f"{moment}/{address}", 1
        while key in keyed:
            number += 1
            key = f"{moment}~{number}/{address}"
        keyed[key] = document
    return keyed
