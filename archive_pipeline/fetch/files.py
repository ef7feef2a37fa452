"""The files of a local source, read without leaving its folder."""

import errno
import os
import stat
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from archive_pipeline.errors import FetchError, TooLargeError
from archive_pipeline.model import Source
from archive_pipeline.protocols import FetchContext
from archive_pipeline.sample import SAMPLE_FOLDER

__all__ = ["files_below", "is_inside", "open_file", "read_file", "readable_name", "real_path", "root_of", "too_large"]

SAMPLE = "package:sample"


def root_of(source: Source, context: FetchContext) -> Path:
    """The folder or file that the source's `path` names. Raises FetchError when it can't be read."""
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


def files_below(root: Path, closed: list[OSError], *, recursive: bool) -> Iterator[Path]:
    """All files that are not hidden; `closed` receives the errors of folders that can't be opened."""
    if root.is_file():
        yield root
        return
    for folder, folders, names in os.walk(root, onerror=closed.append):
        folders[:] = [name for name in folders if recursive and not name.startswith(".")]
        for name in names:
            path = Path(folder, name)
            if not name.startswith(".") and is_inside(path, root):
                yield path


def is_inside(path: Path, root: Path) -> bool:
    """A file, not a device or pipe, and not a link that leads out of the folder or in a circle."""
    try:
        if not path.is_symlink():
            return path.is_file()
        target = real_path(path)
        return target.is_relative_to(real_path(root)) and target.is_file()
    except PermissionError:
        return True  # capturing it will say why


def real_path(path: Path) -> Path:
    """The path without links. `Path.resolve` raises RuntimeError for links in a circle."""
    return Path(os.path.realpath(path))


def readable_name(name: str) -> str:
    """A file name as text, NFC; bytes that are no UTF-8 (old archives) are read as Latin-1."""
    encoded = os.fsencode(name)
    try:
        text = encoded.decode("utf-8")
    except UnicodeDecodeError:
        text = encoded.decode("latin-1")
    return unicodedata.normalize("NFC", text)


def open_file(path: Path) -> int:
    """A descriptor of a regular file, for reading. Raises OSError."""
    # opening a pipe that took the file's place would wait for a writer forever
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "keine gewöhnliche Datei")
    return descriptor


def read_file(path: Path, key: str, max_bytes: int) -> bytes:
    """The content of a file. Raises TooLargeError, OSError."""
    with open(open_file(path), "rb") as file:
        # one byte more than allowed tells that it is too large, also when it is growing
        content = file.read(max_bytes + 1) if os.fstat(file.fileno()).st_size <= max_bytes else None
    if content is None or len(content) > max_bytes:
        raise TooLargeError(too_large(max_bytes), url=key)
    return content


def too_large(max_bytes: int) -> str:
    """What to say of a file that is larger than allowed."""
    return f"Die Datei ist größer als die erlaubten {max_bytes} Bytes"
