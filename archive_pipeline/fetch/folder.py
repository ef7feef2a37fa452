"""Fetcher `folder`: the files of a folder, as they lie there."""

import errno
import fnmatch
import mimetypes
import os
import re
import stat
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from archive_pipeline.errors import CodingError, FetchError, OutputLimitError, TooLargeError
from archive_pipeline.model import CaptureResult, Gone, Item, Source
from archive_pipeline.protocols import FetchContext
from archive_pipeline.sample import SAMPLE_FOLDER
from archive_pipeline.warc import inflate

__all__ = ["FolderFetcher", "FolderOptions"]

MEDIA_TYPES: dict[str, str | None] = {
    "": None,
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".eml": "message/rfc822",
}
"""File types that are read without being asked for; a file without extension shows by its content what it is."""

EXTENSION = re.compile(r"\.(?=.*[a-z])[a-z0-9]{1,5}")
"""What a file name must end in to have an extension: "Nr. 5" and "Presse.2024" have none."""

ABOUT_THE_FOLDER = re.compile(r"(readme|licen[cs]e|copying)(\.[a-z]+)*", re.IGNORECASE)
"""Files that describe a folder instead of belonging to its contents: left out unless `include` names them."""

GZIP_TYPE = "application/gzip"
SAMPLE = "package:sample"


class FolderOptions(BaseModel):
    """Settings of a folder.

    `include` and `exclude` are patterns (`*`, `?`, `[…]`) that fit a file's name or its whole path below the folder.
    Without `include` all files of known types count, except README and LICENSE files; with it those that fit, of
    whatever type. `recursive`: go into folders within.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    recursive: bool = True


class FolderFetcher:
    """Every file is an item; `.gz` around a file is opened.

    An item's key is its path below the folder, with `/`, in Unicode form NFC; of several files that this makes one
    name of, all but one have their bytes percent-encoded in the key. Its fingerprint is size and time of change.
    Hidden files, and links that lead out of the folder, are no items.
    """

    options: type[BaseModel] = FolderOptions

    def claims(self, url: str) -> int | None:
        """None: a folder has no address. It is chosen by name."""
        return None

    def discover(self, source: Source, context: FetchContext) -> Iterator[Item]:
        """The files in the folder, by path. Raises FetchError when the folder is not there."""
        root = _root(source, context)
        options = source.options_as(FolderOptions)
        closed: list[OSError] = []
        found: dict[str, list[Path]] = {}
        for path in _files(root, closed, recursive=options.recursive):
            found.setdefault(_key(path, root), []).append(path)
        for name, paths in sorted(found.items()):
            for key, path in _told_apart(name, paths, root) if _wanted(name, options) else ():
                yield Item(source_id=source.id, key=key, media_type=_media_type(key), fingerprint=_fingerprint(path))
        # a folder that can't be opened becomes an item too: capturing it fails with the reason, instead of silence
        for error in closed:
            yield Item(source_id=source.id, key=_key(Path(error.filename), root))

    def capture(self, item: Item, source: Source, context: FetchContext) -> Iterable[CaptureResult]:
        """The file's content. Gone when it is no longer there; raises TooLargeError, FetchError."""
        try:
            content = _read(_locate(_root(source, context), item.key), item.key, context.max_bytes)
        except (FileNotFoundError, NotADirectoryError):
            yield Gone("Die Datei ist verschwunden")
            return
        except OSError as error:
            raise FetchError(
                f"Die Datei ist nicht lesbar: {error.strerror}", url=item.key, hint="Zugriffsrechte prüfen"
            ) from error
        media_type = _media_type(item.key)
        if item.key.lower().endswith(".gz"):
            try:
                content = inflate(content, limit=context.max_bytes)
            except OutputLimitError as error:
                raise TooLargeError(f"{_too_large(context.max_bytes)} (entpackt)", url=item.key) from error
            except CodingError:
                media_type = GZIP_TYPE  # kept as it is, so that nothing is lost; cleaning says what is wrong
        yield context.put(item, content, media_type=media_type)


def _root(source: Source, context: FetchContext) -> Path:
    if source.path is None:
        raise FetchError("Der Quelle fehlt path", hint='in sources.toml path = "ordner" setzen')
    root = SAMPLE_FOLDER if source.path == SAMPLE else context.base / Path(source.path).expanduser()
    if not root.exists():
        raise FetchError(f"Den Ordner {source.path} gibt es nicht", url=source.path, hint=f"gesucht in {context.base}")
    if root.is_dir() and not os.access(root, os.R_OK | os.X_OK):
        raise FetchError(f"Der Ordner {source.path} ist nicht lesbar", url=source.path, hint="Zugriffsrechte prüfen")
    if not root.is_dir() and not root.is_file():
        raise FetchError(f"{source.path} ist weder Ordner noch Datei", url=source.path, hint="path der Quelle prüfen")
    return root


def _files(root: Path, closed: list[OSError], *, recursive: bool) -> Iterator[Path]:
    """All files that are not hidden; `closed` receives the errors of folders that can't be opened."""
    if root.is_file():
        yield root
        return
    for folder, folders, names in os.walk(root, onerror=closed.append):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        for name in names:
            path = Path(folder, name)
            if not name.startswith(".") and _inside(path, root):
                yield path


def _fingerprint(path: Path) -> str | None:
    try:
        state = path.stat()
    except OSError:
        return None  # capturing it will say why
    return f"{state.st_size}-{state.st_mtime_ns}"


def _inside(path: Path, root: Path) -> bool:
    """A file, not a device or pipe, and not a link that leads out of the folder or in a circle."""
    try:
        if not path.is_symlink():
            return path.is_file()
        target = _real(path)
        return target.is_relative_to(_real(root)) and target.is_file()
    except PermissionError:
        return True  # capturing it will say why


def _real(path: Path) -> Path:
    """The path without links. `Path.resolve` raises RuntimeError for links in a circle."""
    return Path(os.path.realpath(path))


def _readable(name: str) -> str:
    """A file name as text, NFC; bytes that are no UTF-8 (old archives) are read as Latin-1."""
    encoded = os.fsencode(name)
    try:
        text = encoded.decode("utf-8")
    except UnicodeDecodeError:
        text = encoded.decode("latin-1")
    return unicodedata.normalize("NFC", text)


def _key(path: Path, root: Path) -> str:
    parts = (path.name,) if path == root else path.relative_to(root).parts
    return "/".join(_readable(part) for part in parts)


def _raw_key(path: Path, root: Path) -> str:
    return "/".join(quote(os.fsencode(part)) for part in path.relative_to(root).parts)


def _told_apart(name: str, paths: list[Path], root: Path) -> Iterator[tuple[str, Path]]:
    """A key for each of the files whose readable name is the same: usually one."""
    main = paths[0] if len(paths) == 1 else _locate(root, name)
    for path in paths:
        yield (name if path == main else _raw_key(path, root)), path


def _locate(root: Path, key: str) -> Path:
    """The file that `key` names, however the file system spells its name. Raises FileNotFoundError."""
    top = root.parent if root.is_file() else root
    path = top
    for part in key.split("/"):
        path = _spelled(path, part)
    if not _real(path).is_relative_to(_real(top)):
        raise FileNotFoundError(key)
    return path


def _spelled(folder: Path, part: str) -> Path:
    # the usual spellings first: looking through a folder of many files takes long
    for spelling in (part, unicodedata.normalize("NFD", part), os.fsdecode(part.encode("latin-1", "replace"))):
        if os.path.lexists(folder / spelling):
            return folder / spelling
    fits = (path for path in folder.iterdir() if part in (_readable(path.name), quote(os.fsencode(path.name))))
    return next(fits, folder / part)


def _wanted(key: str, options: FolderOptions) -> bool:
    def fits(patterns: tuple[str, ...]) -> bool:
        name = key.rpartition("/")[2]
        normal = (unicodedata.normalize("NFC", pattern) for pattern in patterns)
        return any(fnmatch.fnmatchcase(key, pattern) or fnmatch.fnmatchcase(name, pattern) for pattern in normal)

    known = _suffix(key) in MEDIA_TYPES and not ABOUT_THE_FOLDER.fullmatch(key.rpartition("/")[2])
    included = fits(options.include) if options.include else known
    return included and not fits(options.exclude)


def _suffix(key: str) -> str:
    """The extension of what is in the file: for `a.html.gz` it is `.html`."""
    name = key.lower().removesuffix(".gz")
    suffix = PurePosixPath(name).suffix
    return suffix if EXTENSION.fullmatch(suffix) else ""


def _media_type(key: str) -> str | None:
    suffix = _suffix(key)
    return MEDIA_TYPES[suffix] if suffix in MEDIA_TYPES else mimetypes.guess_type(f"a{suffix}")[0]


def _read(path: Path, key: str, max_bytes: int) -> bytes:
    # opening a pipe that took the file's place would wait for a writer forever
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise OSError(errno.EINVAL, "keine gewöhnliche Datei")
        # one byte more than allowed tells that it is too large, also when it is growing
        content = file.read(max_bytes + 1) if state.st_size <= max_bytes else None
    if content is None or len(content) > max_bytes:
        raise TooLargeError(_too_large(max_bytes), url=key)
    return content


def _too_large(max_bytes: int) -> str:
    return f"Die Datei ist größer als die erlaubten {max_bytes} Bytes"
