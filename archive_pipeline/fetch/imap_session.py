"""One conversation with an IMAP server (RFC 3501): imap-tools' commands over a guarded connection.

imaplib's own sockets would pass by the address guard, and it reads whatever length a server announces; here every
answer has a size and a time.
"""

import imaplib
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from imap_tools.errors import ImapToolsError
from imap_tools.mailbox import BaseMailBox

from archive_pipeline.errors import FetchError, TooLargeError, TransientFetchError
from archive_pipeline.protocols import Connection

__all__ = ["ImapSession", "Listed", "Tls"]

Tls = Literal["implicit", "starttls", "none"]
"""How a connection is encrypted: from the first byte (port 993), after STARTTLS (port 143), or not at all, which only a
server in one's own network gets to see a password."""

ANSWER = 16_000_000
"""Bytes of the longest answer that lists something: the numbers of two million messages."""
MAX_LINE = 12_000_000
HEADERS = 100
"""Messages whose headers are asked for at once."""
MAX_HEADERS = 400_000
"""Bytes of header fields that one message may have in a listing."""
FRAME = 100_000
"""Bytes beside the message itself in the answer that brings it."""

_FIELDS = "MESSAGE-ID DATE FROM SENDER REPLY-TO SUBJECT TO CC DELIVERED-TO X-ORIGINAL-TO ENVELOPE-TO"
_UID = re.compile(rb"\bUID (\d{1,10})\b")
_SIZE = re.compile(rb"\bRFC822\.SIZE (\d{1,15})\b")
_QUOTED = re.compile(rb'\bBODY\[[^\]]{0,300}\] "((?:[^"\\]|\\.)*)"')
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A message in a folder: its number there, its size in bytes, and the header fields that name it."""

    uid: int
    size: int
    header: bytes


class _Client(imaplib.IMAP4):
    """imaplib's protocol over a `Connection`; it offers these methods to be replaced."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._buffer = bytearray()
        self.largest = ANSWER
        super().__init__()

    def open(self, host: str = "", port: int = 143, timeout: float | None = None) -> None:
        """The connection is there already."""
        self.host, self.port = host, port

    def read(self, size: int) -> bytes:
        """Exactly `size` bytes, fewer when the server hangs up. Raises TooLargeError before the first is read."""
        if size > self.largest:
            self._connection.close()
            raise TooLargeError(f"Der Server kündigt {size} Bytes an, erlaubt sind {self.largest}")
        while len(self._buffer) < size and self._more():
            pass
        return self._taken(size)

    def readline(self) -> bytes:
        """One line, without its end when the server hangs up."""
        seen = 0
        while (end := self._buffer.find(b"\n", seen)) < 0:
            seen = len(self._buffer)
            if seen > MAX_LINE:
                self._connection.close()
                raise FetchError("Der Server schickt eine Zeile ohne Ende")
            if not self._more():
                return self._taken(len(self._buffer))
        return self._taken(end + 1)

    def send(self, data: bytes) -> None:  # type: ignore[override]
        """Send it."""
        self._connection.write(data)

    def shutdown(self) -> None:
        """Hang up."""
        self._connection.close()

    def start_tls(self) -> None:
        """Encrypt what follows. Raises FetchError when the server can't, or slips in what was not asked for."""
        if "STARTTLS" not in self.capabilities or self.state != "NONAUTH":
            raise FetchError(
                "Der Server bietet keine Verschlüsselung mit STARTTLS an",
                hint='tls = "implicit" mit Port 993 versuchen',
            )
        self.xatom("STARTTLS")
        if self._buffer:
            raise FetchError("Der Server schickt Unverschlüsseltes hinter STARTTLS: abgebrochen")
        self._connection.start_tls()
        self.capabilities = tuple(str(self.capability()[1][-1], "ascii", "replace").upper().split())

    def _more(self) -> bool:
        data = self._connection.read()
        self._buffer += data
        return bool(data)

    def _taken(self, size: int) -> bytes:
        data = bytes(self._buffer[:size])
        del self._buffer[:size]
        return data


class _MailBox(BaseMailBox):
    def __init__(self, client: _Client) -> None:
        self._prepared = client
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        return self._prepared


class ImapSession:
    """A logged-in session. Raises FetchError wherever the server does not do as asked; the connection is closed then.

    A refused login is remembered, so that nobody tries a wrong password again and again: servers lock out who does.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._mailbox: _MailBox | None = None
        self._refusal: FetchError | None = None
        self._selected: tuple[str, bool, int] | None = None
        self._password = ""

    def login(self, user: str, password: str, tls: Tls, *, hint: str) -> None:
        """Greet, encrypt and log in, unless that is done. Raises FetchError; `hint` says where the password comes
        from."""
        if self._refusal is not None:
            raise self._refusal
        if self._mailbox is not None:
            return
        self._password = password
        try:
            client = self._greeted(tls)
            self._mailbox = self._admitted(client, user, password, hint)
        except TransientFetchError:
            self._connection.close()
            raise
        except FetchError as error:
            self._refusal = error
            raise

    def _greeted(self, tls: Tls) -> _Client:
        if tls == "none" and not self._connection.is_private:
            raise FetchError(
                "Unverschlüsselt wird nur ein Server im eigenen Netz gefragt", hint='tls = "implicit" setzen'
            )
        if tls == "implicit":
            self._connection.start_tls()
        with self._asking():
            client = _Client(self._connection)
            if tls == "starttls":
                client.start_tls()
        return client

    def _admitted(self, client: _Client, user: str, password: str, hint: str) -> _MailBox:
        mailbox = _MailBox(client)
        try:
            with self._asking(hang_up=False):
                if "LOGINDISABLED" in client.capabilities or _CONTROL.search(user + password):
                    raise FetchError("Mit diesen Angaben lässt der Server keine Anmeldung zu")
                log_in = mailbox.login if (user + password).isascii() else mailbox.login_utf8
                log_in(user, password, initial_folder=None)
        except TransientFetchError:
            raise
        except FetchError as error:
            raise FetchError(f"Die Anmeldung ist gescheitert: {error.message}", hint=hint) from error
        return mailbox

    def select(self, folder: str, *, writable: bool = False) -> int:
        """Open a folder, for reading only unless `writable`; its UIDVALIDITY. Raises FetchError."""
        mailbox = self._logged_in()
        if self._selected is not None and self._selected[:2] == (folder, writable):
            return self._selected[2]
        with self._asking():
            client = mailbox.client
            self._selected = None
            try:
                mailbox.folder.set(folder, readonly=not writable)
            except imaplib.IMAP4.readonly as error:
                raise FetchError(
                    f"Der Ordner {folder} lässt sich nur lesen", hint="mark_seen = false setzen"
                ) from error
            except ImapToolsError as error:
                raise FetchError(
                    f"Den Ordner {folder} gibt es nicht, oder er ist nicht lesbar", hint=f"Ordner: {self._folders()}"
                ) from error
            said = client.response("UIDVALIDITY")[1]
            validity = int(said[0]) if said and said[0] else 0
            self._selected = (folder, writable, validity)
            return validity

    def uids(self, criteria: str) -> list[int]:
        """The numbers of messages in the open folder that fit, ascending. Raises FetchError."""
        mailbox = self._logged_in()
        with self._asking():
            status, said = mailbox.client.uid("SEARCH", criteria)
            if status != "OK":
                raise FetchError(f"Der Server sucht nicht ({status})")
            return sorted({int(uid) for line in said or () if isinstance(line, bytes) for uid in line.split()})

    def headers(self, uids: Sequence[int]) -> Iterator[Listed]:
        """Sizes and naming header fields of messages, some at a time; those that are not there are left out. Raises
        FetchError."""
        for start in range(0, len(uids), HEADERS):
            some = uids[start : start + HEADERS]
            wanted = set(some)
            parts = f"(UID RFC822.SIZE BODY.PEEK[HEADER.FIELDS ({_FIELDS})])"
            for listed in self._fetched(some, parts, MAX_HEADERS, MAX_HEADERS * len(some)):
                if listed.uid in wanted:
                    wanted.discard(listed.uid)
                    yield listed

    def message(self, uid: int, max_bytes: int) -> bytes | None:
        """The bytes of a message; reading it does not mark it as read. None when it is not there. Raises FetchError,
        TooLargeError."""
        found = self._fetched([uid], "(UID BODY.PEEK[])", max_bytes, max_bytes + FRAME)
        return next((listed.header for listed in found if listed.uid == uid), None)

    def mark_seen(self, uid: int) -> None:
        """Mark a message as read. Raises FetchError."""
        mailbox = self._logged_in()
        with self._asking():
            mailbox.client.uid("STORE", str(uid), "+FLAGS.SILENT", r"(\Seen)")

    def _fetched(self, uids: Sequence[int], parts: str, largest: int, max_bytes: int) -> list[Listed]:
        mailbox = self._logged_in()
        client = mailbox.client
        assert isinstance(client, _Client)
        with self._asking(max_bytes):
            client.largest = largest
            try:
                status, said = client.uid("FETCH", ",".join(map(str, uids)), parts)
            finally:
                client.largest = ANSWER
            if status != "OK":
                raise FetchError(f"Der Server gibt Nachrichten nicht heraus ({status})")
            return list(_bodies(said or ()))

    def _folders(self) -> str:
        """The names of the first folders, for a hint."""
        try:
            names = [folder.name for folder in self._logged_in().folder.list()]
        except (ImapToolsError, ValueError, LookupError):  # names that are not in the form RFC 3501 asks for
            names = []
        return ", ".join(names[:12]) or "am Server nachsehen"

    def _logged_in(self) -> _MailBox:
        if self._mailbox is None:
            raise FetchError("Keine Anmeldung beim Server")
        return self._mailbox

    @contextmanager
    def _asking(self, max_bytes: int = ANSWER, *, hang_up: bool = True) -> Iterator[None]:
        """What goes wrong in a question, in words. After anything but a plain "no" the conversation is over."""
        self._connection.expect(max_bytes)
        try:
            yield
        except imaplib.IMAP4.abort as error:
            self._connection.close()
            raise TransientFetchError(
                f"Der Server hat die Verbindung abgebrochen ({self._shown(error)})",
                hint="der nächste Lauf versucht es wieder",
            ) from error
        except (imaplib.IMAP4.error, ImapToolsError) as error:
            if hang_up:
                self._connection.close()
            raise FetchError(f"Der Server lehnt ab: {self._shown(error)}", hint="Einstellungen prüfen") from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            self._connection.close()
            raise FetchError(f"Der Server antwortet unverständlich ({type(error).__name__})") from error

    def _shown(self, error: Exception) -> str:
        """What a server said, as a message can hold it: no password, nothing that would steer a terminal."""
        result = getattr(error, "command_result", None)
        parts = result[1] if isinstance(result, tuple) and isinstance(result[1], list) else [str(error)]
        said = " ".join(part.decode("utf-8", "replace") if isinstance(part, bytes) else str(part) for part in parts)
        if self._password:
            said = said.replace(self._password, "…")
        return " ".join("".join(char if char.isprintable() else " " for char in said).split())[:200]


def _bodies(said: Iterable[object]) -> Iterator[Listed]:
    """What an answer to FETCH brings; number and size may stand before or behind the body."""
    items = list(said)
    for number, item in enumerate(items):
        behind = items[number + 1] if number + 1 < len(items) else b""
        if isinstance(item, tuple) and len(item) == 2 and isinstance(item[0], bytes) and isinstance(item[1], bytes):
            about = item[0] + (behind if isinstance(behind, bytes) else b"")
            body = item[1]
        elif isinstance(item, bytes) and (quoted := _QUOTED.search(item)):
            about, body = item, re.sub(rb"\\(.)", rb"\1", quoted.group(1))
        else:
            continue
        uid, size = _UID.search(about), _SIZE.search(about)
        if uid:
            yield Listed(uid=int(uid.group(1)), size=int(size.group(1)) if size else 0, header=body)
