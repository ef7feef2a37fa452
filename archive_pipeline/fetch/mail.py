"""Fetcher `mail`: mail that lies in files, as a mail program or an export left it there."""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain
from pathlib import Path
from urllib.parse import quote, unquote_to_bytes

from pydantic import BaseModel

from archive_pipeline.errors import CleanError, FetchError
from archive_pipeline.fetch.files import is_inside, real_path, root_of
from archive_pipeline.fetch.mail_parts import DELETED, MailOptions, archive_mailing, is_wanted, message_item
from archive_pipeline.fetch.mailbox import Found, is_mailbox, looks_like_mail, message_at, messages_in, read_message
from archive_pipeline.mail.message import parse
from archive_pipeline.model import CaptureResult, Item, Source, Unmodified
from archive_pipeline.protocols import FetchContext

__all__ = ["MailFetcher", "capture_message", "offered_messages"]

MESSAGE_FILES = frozenset({".eml"})
MAILBOX_FILES = frozenset({".mbox", ".mbx"})
_FLAGS = re.compile(r"[:!;]2,([A-Za-z]*)$")
"""What a Maildir writes behind the name of a message; T is for trashed, D for a draft."""
_PLACE = re.compile(r"(?P<path>[^#]*)(?:#(?P<start>\d+),(?P<end>\d+))?")


class MailFetcher:
    """Every message is an item, from `.eml` files, mbox files, Maildirs, and folders of these in any depth.

    An item's key is its Message-ID with a short hash of date, sender and subject; of several messages with one key,
    further ones with other content have the hash of that behind it. Its fingerprint is the sha256 of what follows its
    header. Messages that a mail program has marked as deleted, drafts, and whatever lies outside the folder are no
    items. Nothing in the mailbox is ever changed.
    """

    options: type[BaseModel] = MailOptions

    def claims(self, url: str) -> int | None:
        """None: mail in files has no address. It is chosen by name."""
        return None

    def discover(self, source: Source, context: FetchContext) -> Iterator[Item]:
        """The messages, file by file. Raises FetchError when the mailbox is not there, and at the end when some of
        its files can't be read."""
        root = root_of(source, context)
        options = source.options_as(MailOptions)
        closed: list[OSError] = []
        seen: dict[str, str] = {}
        for path in _mail_files(root, closed):
            try:
                yield from offered_messages(path, root, source, options, seen)
            except OSError as error:
                closed.append(error)
        if closed:
            name = Path(os.fsdecode(closed[0].filename)).name if closed[0].filename else source.path
            more = f" und {len(closed) - 1} weitere" if len(closed) > 1 else ""
            raise FetchError(
                f"Nicht lesbar: {name} ({closed[0].strerror}){more}",
                url=source.path or "",
                hint="Zugriffsrechte prüfen",
            )

    def capture(self, item: Item, source: Source, context: FetchContext) -> Iterable[CaptureResult]:
        """The message, its releases and documents. Refused when it was deleted meanwhile. Raises FetchError."""
        yield from capture_message(item, root_of(source, context), context)


def _mail_files(root: Path, closed: list[OSError]) -> Iterator[Path]:
    """The files below `root` that hold mail, by name. Raises FetchError when it is a file that holds none."""
    if root.is_file():
        if not looks_like_mail(root):
            raise FetchError(
                f"{root.name} ist keine E-Mail und kein Postfach", url=root.name, hint="als .eml oder mbox speichern"
            )
        yield root
        return
    for name, folders, names in os.walk(root, onerror=closed.append):
        folder = Path(name)
        is_maildir = folder.name in ("cur", "new") and (folder.parent / "cur").is_dir()
        folders[:] = sorted(sub for sub in folders if _is_mail_folder(folder / sub))
        for path in (folder / file for file in sorted(names)):
            if not path.name.startswith(".") and is_inside(path, root) and (is_maildir or _holds_mail(path, closed)):
                flags = _FLAGS.search(path.name) if is_maildir else None
                if flags is None or not set("TD") & set(flags.group(1)):
                    yield path


def _is_mail_folder(folder: Path) -> bool:
    """Not hidden, unless it is a folder of a Maildir, whose names begin with a dot; not where mail is being written."""
    if folder.name == "tmp" and (folder.parent / "cur").is_dir():
        return False
    return not folder.name.startswith(".") or (folder / "cur").is_dir()


def _holds_mail(path: Path, closed: list[OSError]) -> bool:
    suffix = path.suffix.lower()
    if suffix in MESSAGE_FILES | MAILBOX_FILES:
        return True
    try:
        return not suffix and is_mailbox(path)
    except OSError as error:
        closed.append(error)
        return False


def offered_messages(
    path: Path, root: Path, source: Source, options: MailOptions, seen: dict[str, str], prefix: str = ""
) -> Iterator[Item]:
    """Items of the messages in one file. `seen` holds the digest of each key offered so far; `prefix` goes before
    every key. Raises OSError."""
    for found in messages_in(path):
        key = prefix + found.key
        if seen.get(key, found.digest) != found.digest:
            key = f"{key}~{found.digest[:8]}"
        if found.is_deleted or key in seen:
            continue
        seen[key] = found.digest
        item = _item(found, key, _place(path, root, found), source.id, options)
        if item is not None:
            yield item


def _item(found: Found, key: str, place: str, source_id: str, options: MailOptions) -> Item | None:
    try:
        message = parse(found.header)
    except CleanError:
        # capturing it keeps the bytes, and cleaning says what is wrong
        return Item(source_id=source_id, key=key, url=place, fingerprint=found.digest)
    if not is_wanted(message, options):
        return None
    return message_item(message, source_id=source_id, key=key, place=place, fingerprint=found.digest)


def _top(root: Path) -> Path:
    return root.parent if root.is_file() else root


def _place(path: Path, root: Path, found: Found) -> str:
    name = quote(os.fsencode(path.relative_to(_top(root))))
    return name if found.start == 0 else f"{name}#{found.start},{found.end}"


def capture_message(item: Item, root: Path, context: FetchContext, prefix: str = "") -> Iterator[CaptureResult]:
    """Archive the message that an item of `offered_messages` names. Raises FetchError, TooLargeError."""
    place = _PLACE.fullmatch(item.url or "")
    if not item.url or place is None:
        yield Unmodified()  # a part of a message: it comes with that, and never changes
        return
    path = _top(root) / os.fsdecode(unquote_to_bytes(place["path"]))
    try:
        path = _still_there(path)
        if not real_path(path).is_relative_to(real_path(_top(root))):
            raise FileNotFoundError(path)
        if place["start"] is None:
            raw = read_message(path, 0, None, item.key, context.max_bytes)
        else:
            start, end = _refound(path, item, prefix, int(place["start"]), int(place["end"]))
            raw = read_message(path, start, end, item.key, context.max_bytes)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        yield DELETED
        return
    except OSError as error:
        raise FetchError(
            f"Die Datei ist nicht lesbar: {error.strerror}", url=item.key, hint="Zugriffsrechte prüfen"
        ) from error
    yield from archive_mailing(replace(item, url=None), raw, context)


def _still_there(path: Path) -> Path:
    """The file, in a Maildir also where it went when somebody read it. Raises FileNotFoundError."""
    if path.exists() or path.parent.name not in ("cur", "new"):
        return path
    name = _FLAGS.sub("", path.name)
    for folder in (path.parent.parent / "cur", path.parent.parent / "new"):
        for other in folder.iterdir() if folder.is_dir() else ():
            if _FLAGS.sub("", other.name) == name:
                return other
    raise FileNotFoundError(path)


def _refound(path: Path, item: Item, prefix: str, start: int, end: int) -> tuple[int, int]:
    """Where a message of an mbox stands now: the mail program may have written the file anew. Raises
    FileNotFoundError."""
    found = message_at(path, start, end)
    candidates = chain((found,) if found else (), messages_in(path))
    for one in candidates:
        if one.digest == item.fingerprint and item.key.startswith(prefix + one.key):
            return one.start, one.end
    raise FileNotFoundError(path)
