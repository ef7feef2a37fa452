"""Files that hold web archives: WARC and ARC files as they are, and WACZ packages, which are zip files of them.

Nothing of a package is ever written to a file, so the names in it can lead nowhere.
"""

import hashlib
import io
import json
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, cast

from archive_pipeline.warc.foreign import ForeignFile
from archive_pipeline.warc.streams import MAX_RATIO, MAX_UNCHECKED

__all__ = ["Package", "Part", "is_web_archive", "open_package"]

ENDINGS = (".warc", ".warc.gz", ".arc", ".arc.gz")
WACZ = ".wacz"
DESCRIPTION, SIGNED = "datapackage.json", "datapackage-digest.json"
MAX_DESCRIPTION = 50_000_000
"""Bytes of the JSON that describes a package; each resource takes about two hundred."""

MAX_TITLES = 500_000
MAX_LINE = 1_000_000
CHUNK = 1 << 16
LOCAL_HEADER = 30
"""Bytes of a zip file's local header before name and extra field (APPNOTE 4.3.7)."""

UNREADABLE = (zipfile.BadZipFile, zlib.error, OSError, ValueError, EOFError, NotImplementedError, RuntimeError)


@dataclass(frozen=True, slots=True)
class Part:
    """One WARC or ARC file: the file itself, or one in the package at `path`. `start` and `size` are the bytes of that
    file where it lies uncompressed; `name` is its name in the package, empty for the file itself."""

    path: Path
    name: str = ""
    start: int | None = None
    size: int = 0

    def open(self) -> ForeignFile:
        """The part, to be closed by the caller. Raises OSError."""
        if not self.name:
            return ForeignFile(self.path.open("rb"), self.size)
        try:
            raw = (
                _Unzipped(self.path, self.name)
                if self.start is None
                else _Window(self.path.open("rb"), self.start, self.size)
            )
        except zipfile.BadZipFile as error:
            raise OSError(f"{self.name}: {error}") from error
        return ForeignFile(cast("BinaryIO", io.BufferedReader(raw)), self.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """What a file holds: its parts, titles of pages by address, and what is wrong with it, in words."""

    parts: tuple[Part, ...]
    titles: Mapping[str, str]
    problems: tuple[str, ...] = ()


class _Window(io.RawIOBase):
    """A stretch of a file, as a file of its own."""

    def __init__(self, file: BinaryIO, start: int, size: int) -> None:
        self._file = file
        self._start = start
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: Any) -> int:
        size = max(0, min(len(buffer), self._size - self._position))
        self._file.seek(self._start + self._position)
        data = self._file.read(size)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


class _Unzipped(io.RawIOBase):
    """A compressed file of a package; each step back unpacks it from its beginning. Raises OSError where it is
    damaged."""

    def __init__(self, path: Path, name: str) -> None:
        self._package = zipfile.ZipFile(path)
        try:
            self._file = self._package.open(name)
        except UNREADABLE as error:
            self._package.close()
            raise OSError(f"{name}: {error}") from error

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        try:
            return self._file.seek(offset, whence)
        except UNREADABLE as error:
            raise OSError(str(error)) from error

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._file.read(len(buffer))
        except UNREADABLE as error:
            raise OSError(str(error)) from error
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        self._package.close()
        super().close()


def is_web_archive(name: str) -> bool:
    """Whether a file's name says that it is a WARC, ARC or WACZ file."""
    return name.lower().endswith((*ENDINGS, WACZ))


def open_package(path: Path) -> Package:
    """What a file holds, by its name. Raises OSError when it can't be read at all."""
    if path.name.lower().endswith(WACZ):
        try:
            with zipfile.ZipFile(path) as package:
                return _unpacked(path, package)
        except UNREADABLE as error:
            raise OSError(f"kein lesbares WACZ-Paket: {error}") from error
    return Package(parts=(Part(path, size=path.stat().st_size),), titles={})


def _unpacked(path: Path, package: zipfile.ZipFile) -> Package:
    entries = {entry.filename: entry for entry in package.infolist() if not entry.is_dir()}
    archives = [entry for name, entry in sorted(entries.items()) if name.lower().endswith(ENDINGS)]
    problems = list(_mismatches(package, entries))
    parts = []
    for entry in archives:
        try:
            parts.append(_part(path, entry))
        except UNREADABLE as error:
            problems.append(f"{entry.filename} ist nicht lesbar ({error})")
    if not archives:
        problems.append("enthält keine WARC-Datei")
    if any(name.lower().endswith(WACZ) for name in entries):
        problems.append("enthält weitere WACZ-Pakete, die einzeln einzulesen sind")
    titles = dict(_titles(package, [entry for name, entry in sorted(entries.items()) if _lists_pages(name)]))
    return Package(parts=tuple(parts), titles=titles, problems=tuple(problems))


def _part(path: Path, entry: zipfile.ZipInfo) -> Part:
    if entry.flag_bits & 1:
        raise ValueError("verschlüsselt")
    if _is_bomb(entry):
        raise ValueError("eine Kompressionsbombe")
    if entry.compress_type != zipfile.ZIP_STORED:
        return Part(path, entry.filename, None, entry.file_size)
    with path.open("rb") as file:
        file.seek(entry.header_offset)
        header = file.read(LOCAL_HEADER)
    if len(header) < LOCAL_HEADER or not header.startswith(b"PK\x03\x04"):
        raise ValueError("kein Eintrag, wo das Verzeichnis einen nennt")
    name, extra = (int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    return Part(path, entry.filename, entry.header_offset + LOCAL_HEADER + name + extra, entry.file_size)


def _lists_pages(name: str) -> bool:
    path = PurePosixPath(name)
    return path.suffix == ".jsonl" and path.parent.name == "pages"


def _titles(package: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> Iterator[tuple[str, str]]:
    """Titles of pages by address, from the lists of pages (WACZ 1.1.1, 5.2.2)."""
    count = 0
    for entry in entries:
        try:
            with package.open(entry) as lines:
                while (line := lines.readline(MAX_LINE)) and count < MAX_TITLES:
                    count += 1
                    page = _json(line)
                    url, title = page.get("url"), page.get("title")
                    if isinstance(url, str) and isinstance(title, str) and title.strip() not in ("", url):
                        yield url, " ".join(title.split())
        except UNREADABLE:
            continue  # a list of titles is a help and no more


def _mismatches(package: zipfile.ZipFile, entries: Mapping[str, zipfile.ZipInfo]) -> Iterator[str]:
    """What the package's own description says otherwise of its files (WACZ 1.1.1, 5.1)."""
    description = _small(package, entries.get(DESCRIPTION))
    signed = _json(_small(package, entries.get(SIGNED)) or b"{}")
    if description is None:
        return
    if not _fits(signed.get("hash"), hashlib.sha256(description).hexdigest()):
        yield f"die Prüfsumme von {DESCRIPTION} stimmt nicht mit {SIGNED} überein"
    resources = _json(description).get("resources")
    for resource in resources if isinstance(resources, list) else ():
        name = resource.get("path") if isinstance(resource, dict) else None
        if not isinstance(name, str):
            continue
        if name not in entries:
            yield f"{name} fehlt, obwohl {DESCRIPTION} es nennt"
        elif not _fits(resource.get("hash"), _sha256(package, entries[name])):
            yield f"die Prüfsumme von {name} stimmt nicht mit {DESCRIPTION} überein"


def _fits(declared: object, found: str) -> bool:
    """Whether a sha256 is the declared one; where none is declared, or of another kind, there is nothing to say."""
    return not isinstance(declared, str) or not declared.startswith("sha256:") or declared[7:].lower() == found


def _is_bomb(entry: zipfile.ZipInfo) -> bool:
    return entry.file_size > MAX_UNCHECKED and entry.file_size > MAX_RATIO * entry.compress_size


def _sha256(package: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    digest = hashlib.sha256()
    if _is_bomb(entry):
        return "nicht lesbar"
    try:
        with package.open(entry) as file:
            while data := file.read(CHUNK):
                digest.update(data)
    except UNREADABLE:
        return "nicht lesbar"
    return digest.hexdigest()


def _small(package: zipfile.ZipFile, entry: zipfile.ZipInfo | None) -> bytes | None:
    if entry is None or entry.file_size > MAX_DESCRIPTION:
        return None
    try:
        return package.read(entry)
    except UNREADABLE:
        return None


def _json(text: bytes) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
