"""Fetcher `folder`: the files of a folder, as they lie there."""

import fnmatch
import mimetypes
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict

from archive_pipeline.errors import CodingError, FetchError, OutputLimitError, TooLargeError
from archive_pipeline.fetch.files import files_below, read_file, readable_name, real_path, root_of, too_large
from archive_pipeline.fetch.mail import capture_message, offered_messages
from archive_pipeline.fetch.mail_parts import MailOptions, archive_mailing
from archive_pipeline.fetch.web_archive import (
    WebArchiveOptions,
    archived_documents,
    capture_archived,
    is_archived_key,
)
from archive_pipeline.mail.message import MAIL
from archive_pipeline.model import CaptureResult, Gone, Item, Source, Unmodified
from archive_pipeline.protocols import FetchContext
from archive_pipeline.warc import inflate

__all__ = ["FolderFetcher", "FolderOptions"]

MAILBOX = "application/mbox"
WEB_ARCHIVE = "application/warc"

MEDIA_TYPES: dict[str, str | None] = {
    "": None,
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".html": "text/html",
    ".htm": "text/html",
    ".pdf": "application/pdf",
    ".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    ".odt": "application/vnd.oasis.opendocument.text",
    ".eml": MAIL,
    ".mbox": MAILBOX,
    ".warc": WEB_ARCHIVE,
    ".wacz": WEB_ARCHIVE,
}
"""File types that are read without being asked for; a file without extension shows by its content what it is."""

EXTENSION = re.compile(r"\.(?=.*[a-z])[a-z0-9]{1,5}")
"""What a file name must end in to have an extension: "Nr. 5" and "Presse.2024" have none."""

ABOUT_THE_FOLDER = re.compile(r"(readme|licen[cs]e|copying)(\.[a-z]+)*", re.IGNORECASE)
"""Files that describe a folder instead of belonging to its contents: left out unless `include` names them."""

IN_MAILBOX = re.compile(r".*?\.mbox/", re.IGNORECASE)
"""What the key of a message in an mbox begins with: the path of the file."""

PART = re.compile(r".*\.eml(\.gz)?#\d+", re.IGNORECASE)
"""The key of a release or document out of a mail: it comes with that, and never changes."""

GZIP_TYPE = "application/gzip"


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
    Messages in an mbox file are items of their own; their keys are that of the file and theirs. So are the documents
    in WARC and WACZ files; `web_archive` says what their keys are. Hidden files, and links that lead out of the
    folder, are no items.
    """

    options: type[BaseModel] = FolderOptions

    def claims(self, url: str) -> int | None:
        """None: a folder has no address. It is chosen by name."""
        return None

    def discover(self, source: Source, context: FetchContext) -> Iterator[Item]:
        """The files in the folder, by path; then the documents in web archives. Raises FetchError when the folder is
        not there."""
        root = root_of(source, context)
        web_archives: list[Path] = []
        options = source.options_as(FolderOptions)
        closed: list[OSError] = []
        found: dict[str, list[Path]] = {}
        for path in files_below(root, closed, recursive=options.recursive):
            found.setdefault(_key(path, root), []).append(path)
        for name, paths in sorted(found.items()):
            for key, path in _told_apart(name, paths, root) if _wanted(name, options) else ():
                if key.lower().endswith(".mbox") and os.access(path, os.R_OK):
                    yield from offered_messages(path, root, source, MailOptions(), {}, f"{key}/")
                elif _media_type(key) == WEB_ARCHIVE:
                    web_archives.append(path)
                else:
                    yield Item(
                        source_id=source.id, key=key, media_type=_media_type(key), fingerprint=_fingerprint(path)
                    )
        if web_archives:
            yield from archived_documents(web_archives, source, context, WebArchiveOptions())
        # a folder that can't be opened becomes an item too: capturing it fails with the reason, instead of silence
        for error in closed:
            yield Item(source_id=source.id, key=_key(Path(error.filename), root))

    def capture(self, item: Item, source: Source, context: FetchContext) -> Iterable[CaptureResult]:
        """The file's content; of a mail its releases and documents too. Gone when it is no longer there; raises
        TooLargeError, FetchError."""
        if inside := IN_MAILBOX.match(item.key):
            yield from capture_message(item, root_of(source, context), context, inside.group())
            return
        if is_archived_key(item.key):
            yield from capture_archived(
                item, source, context, lambda: _web_archives(source, context), WebArchiveOptions()
            )
            return
        if _media_type(item.key) == WEB_ARCHIVE:
            raise FetchError(
                "Ein Webarchiv enthält viele Dokumente", url=item.key, hint="archive-pipeline import WEBARCHIV"
            )
        try:
            content = read_file(_locate(root_of(source, context), item.key), item.key, context.max_bytes)
        except (FileNotFoundError, NotADirectoryError):
            yield Unmodified() if PART.fullmatch(item.key) else Gone("Die Datei ist verschwunden")
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
                raise TooLargeError(f"{too_large(context.max_bytes)} (entpackt)", url=item.key) from error
            except CodingError:
                media_type = GZIP_TYPE  # kept as it is, so that nothing is lost; cleaning says what is wrong
        if media_type == MAIL:
            yield from archive_mailing(item, content, context)
        elif media_type == MAILBOX:
            packed = item.key.lower().endswith(".gz")
            raise FetchError(
                "Ein gepacktes Postfach wird nicht gelesen" if packed else "Ein Postfach enthält viele Nachrichten",
                url=item.key,
                hint="entpacken" if packed else "archive-pipeline import POSTFACH",
            )
        else:
            yield context.put(item, content, media_type=media_type)


def _web_archives(source: Source, context: FetchContext) -> list[Path]:
    root, options = root_of(source, context), source.options_as(FolderOptions)
    paths = files_below(root, [], recursive=options.recursive)
    known = (path for path in paths if _media_type(path.name) == WEB_ARCHIVE)
    return sorted(path for path in known if _wanted(_key(path, root), options))


def _fingerprint(path: Path) -> str | None:
    try:
        state = path.stat()
    except OSError:
        return None  # capturing it will say why
    return f"{state.st_size}-{state.st_mtime_ns}"


def _key(path: Path, root: Path) -> str:
    parts = (path.name,) if path == root else path.relative_to(root).parts
    return "/".join(readable_name(part) for part in parts)


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
    if not real_path(path).is_relative_to(real_path(top)):
        raise FileNotFoundError(key)
    return path


def _spelled(folder: Path, part: str) -> Path:
    # the usual spellings first: looking through a folder of many files takes long
    for spelling in (part, unicodedata.normalize("NFD", part), os.fsdecode(part.encode("latin-1", "replace"))):
        if os.path.lexists(folder / spelling):
            return folder / spelling
    fits = (path for path in folder.iterdir() if part in (readable_name(path.name), quote(os.fsencode(path.name))))
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
