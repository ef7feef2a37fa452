"""Fetcher `imap`: a mailbox on a server, read without changing it."""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote, unquote
from weakref import WeakKeyDictionary

from pydantic import BaseModel, Field, field_validator

from archive_pipeline.errors import CleanError, FetchError, TooLargeError
from archive_pipeline.fetch.imap_session import ImapSession, Listed, Tls
from archive_pipeline.fetch.mail_parts import DELETED, MailOptions, archive_mailing, is_wanted, message_item
from archive_pipeline.fetch.options import NetworkOptions
from archive_pipeline.mail.message import field, message_key, parse
from archive_pipeline.model import CaptureResult, Item, Source, Unmodified
from archive_pipeline.protocols import Connection, FetchContext

__all__ = ["ImapFetcher", "ImapOptions"]

GOODBYE = b"bye LOGOUT\r\n"
PORTS = {"implicit": 993, "starttls": 143, "none": 143}
NAMING = ("message-id", "date", "from", "subject")

_PLACE = re.compile(r"imap://[^/]+/(?P<folder>[^;]+);UIDVALIDITY=(?P<validity>\d+)/;UID=(?P<uid>\d+)")
_HOST = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?|\[?[0-9A-Fa-f:.]+\]?")


class ImapOptions(MailOptions, NetworkOptions):
    """Settings of a mailbox.

    `host` and `port` are the server's, `user` is the name of the account. Its password is the secret called `account`,
    or like the source where that is None. `folders` are the folders that are read. `tls` is how the connection is
    encrypted. `mark_seen` marks messages as read once they are archived; otherwise nothing is changed.
    """

    host: str
    user: str = Field(min_length=1, max_length=320)
    port: int | None = Field(default=None, ge=1, le=65_535)
    account: str | None = None
    folders: tuple[str, ...] = Field(default=("INBOX",), min_length=1)
    tls: Tls = "implicit"
    mark_seen: bool = False

    @field_validator("host")
    @classmethod
    def _is_host(cls, host: str) -> str:
        try:
            ascii_host = host if host.isascii() else host.encode("idna").decode("ascii")
        except UnicodeError:
            ascii_host = ""
        if not _HOST.fullmatch(ascii_host):
            raise ValueError("muss der Name eines Servers sein, ohne imap:// und ohne Port")
        return ascii_host.strip("[]").rstrip(".").lower()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a message lies on the server (RFC 5092, without the user)."""

    folder: str
    validity: int
    uid: int

    def text(self, options: ImapOptions) -> str:
        host = f"[{options.host}]" if ":" in options.host else options.host
        return f"imap://{host}/{quote(self.folder, safe='')};UIDVALIDITY={self.validity}/;UID={self.uid}"


class ImapFetcher:
    """Every message is an item. A run asks only for messages that came since the last one, by UIDVALIDITY and UID
    (RFC 3501, 2.3.1.1), which the source's bookmark holds; when the server has numbered a folder anew, or the filters
    have changed, all are listed again, and those that are known by their key stay as they are.

    Folders are opened for reading only, messages stay unread, and a message that was deleted on the server is no news:
    mailboxes get emptied.
    """

    options: type[BaseModel] = ImapOptions

    def __init__(self) -> None:
        self._sessions: WeakKeyDictionary[Connection, ImapSession] = WeakKeyDictionary()

    def claims(self, url: str) -> int | None:
        """None: a mailbox has no web address. It is chosen by name."""
        return None

    def discover(self, source: Source, context: FetchContext) -> Iterator[Item]:
        """New messages, folder by folder. Raises FetchError, also when one of several folders is not there: at the
        end, after the others were listed."""
        options = source.options_as(ImapOptions)
        before = _bookmark(context.bookmark, options)
        after: dict[str, tuple[int, int]] = {}
        seen: set[str] = set()
        failure: FetchError | None = None
        for folder in dict.fromkeys(options.folders):
            session = self._session(source, context)
            try:
                validity = session.select(folder, writable=options.mark_seen)
            except FetchError as error:
                failure = failure or error
                continue
            known, last = before.get(folder, (0, 0))
            start = last if known == validity else 0
            # "5:*" names the last message, too, when it has a lower number
            uids = [uid for uid in session.uids(f"UID {start + 1}:*") if uid > start]
            after[folder] = (validity, max(uids, default=start))
            for listed in session.headers(uids):
                item = _item(listed, _Place(folder=folder, validity=validity, uid=listed.uid), source)
                if item is not None and item.key not in seen:
                    seen.add(item.key)
                    yield item
        if failure is not None:
            raise failure
        if context.since is None:  # else what is older was passed over, and the next run must list it again
            context.keep_bookmark(json.dumps({"filters": _filters(options), "folders": after}))

    def capture(self, item: Item, source: Source, context: FetchContext) -> Iterable[CaptureResult]:
        """The message, its releases and documents. Refused when it was deleted meanwhile. Raises TooLargeError,
        FetchError."""
        place = _place_of(item)
        if place is None:
            yield Unmodified()  # a part of a message: it comes with that, and never changes
            return
        options = source.options_as(ImapOptions)
        session = self._session(source, context)
        found = _find(item, place, session, options)
        if found is not None and found.size > context.max_bytes:
            raise TooLargeError(
                f"Die Nachricht ist größer als die erlaubten {context.max_bytes} Bytes",
                url=item.key,
                hint="[archive] max_bytes erhöhen",
            )
        raw = session.message(found.uid, context.max_bytes) if found else None
        if found is None or raw is None:
            yield DELETED
            return
        yield from archive_mailing(replace(item, url=None), raw, context)
        if options.mark_seen:
            session.mark_seen(found.uid)

    def _session(self, source: Source, context: FetchContext) -> ImapSession:
        """The logged-in session of this visit. Raises FetchError, ConfigError."""
        options = source.options_as(ImapOptions)
        port = options.port or PORTS[options.tls]
        name = options.account or source.id
        password = context.secret(name)
        connection = context.connect(options.host, port, goodbye=GOODBYE)
        session = self._sessions.get(connection)
        if session is None:
            session = self._sessions[connection] = ImapSession(connection)
        session.login(options.user, password, options.tls, hint=f'user und das Geheimnis "{name}" prüfen')
        return session


def _find(item: Item, place: _Place, session: ImapSession, options: ImapOptions) -> Listed | None:
    """The message in its folder, which is open then: mail is moved to others, and folders are numbered anew."""
    writable = options.mark_seen
    is_read = place.folder in options.folders
    if is_read and session.select(place.folder, writable=writable) == place.validity:
        for listed in session.headers([place.uid]):
            if _key(listed, place) == item.key:
                return listed
    name = item.key.rpartition("~")[0].replace("\\", r"\\").replace('"', r"\"")
    for folder in dict.fromkeys(options.folders) if name else ():
        validity = session.select(folder, writable=writable)
        for listed in session.headers(session.uids(f'HEADER Message-ID "{name}"')):
            if _key(listed, replace(place, folder=folder, validity=validity, uid=listed.uid)) == item.key:
                return listed
    return None


def _key(listed: Listed, place: _Place) -> str:
    try:
        message = parse(listed.header)
    except CleanError:
        message = parse(b"\r\n")
    if any(field(message, name) for name in NAMING):
        return message_key(message)
    # a message that says nothing of itself has its place alone to be told by
    about = f"{place.folder}\n{place.validity}\n{place.uid}"
    return "~" + hashlib.sha256(about.encode()).hexdigest()[:24]


def _item(listed: Listed, place: _Place, source: Source) -> Item | None:
    options = source.options_as(ImapOptions)
    key = _key(listed, place)
    try:
        message = parse(listed.header)
    except CleanError:
        return Item(source_id=source.id, key=key, url=place.text(options))
    if not is_wanted(message, options):
        return None
    return message_item(message, source_id=source.id, key=key, place=place.text(options))


def _place_of(item: Item) -> _Place | None:
    found = _PLACE.fullmatch(item.url or "")
    if not found:
        return None
    return _Place(folder=unquote(found["folder"]), validity=int(found["validity"]), uid=int(found["uid"]))


def _filters(options: ImapOptions) -> str:
    """A hash of what decides which messages are wanted: when it changes, old ones may be wanted now."""
    text = json.dumps([sorted(options.allow_senders), options.subject, options.host, options.user])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _bookmark(text: str | None, options: ImapOptions) -> dict[str, tuple[int, int]]:
    """UIDVALIDITY and last UID by folder, as the last run left them; nothing when they can't be used."""
    try:
        kept: Any = json.loads(text or "{}")
        if kept["filters"] != _filters(options):
            return {}
        return {str(folder): (int(validity), int(last)) for folder, (validity, last) in kept["folders"].items()}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}
