"""A small IMAP4rev1 server (RFC 3501) on loopback: what a client that reads mailboxes needs, over real sockets."""

import base64
import re
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.parser import BytesHeaderParser

CAPABILITIES = "IMAP4rev1 AUTH=PLAIN"
ARGUMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"|(\([^()]*\))|(\S+)')
FIELDS = re.compile(r"BODY(\.PEEK)?\[HEADER\.FIELDS \(([^)]*)\)\]")


@dataclass
class Message:
    uid: int
    body: bytes
    flags: set[str] = field(default_factory=set)


@dataclass
class Folder:
    validity: int = 1
    messages: list[Message] = field(default_factory=list)
    next_uid: int = 1
    is_writable: bool = True

    def add(self, body: bytes) -> int:
        self.messages.append(Message(self.next_uid, body))
        self.next_uid += 1
        return self.next_uid - 1

    def renumber(self, validity: int, start: int = 1) -> None:
        """What happens when a server restores a mailbox: all numbers change."""
        self.validity = validity
        for uid, message in enumerate(self.messages, start=start):
            message.uid = uid
        self.next_uid = start + len(self.messages)


@dataclass
class Mailboxes:
    """What the server holds, what it was asked, and how it misbehaves.

    `hang_up_after` breaks a connection off after so many commands, `announce` is the size that it claims for every
    message it sends, `injected` is what it sends in the clear right behind its answer to STARTTLS, `flood` makes it
    send lines without end to this command.
    """

    folders: dict[str, Folder] = field(default_factory=lambda: {"INBOX": Folder()})
    user: str = "archiv"
    password: str = "geheim"
    starttls: ssl.SSLContext | None = None
    implicit: ssl.SSLContext | None = None
    greeting: bytes = b"* OK bereit\r\n"
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    hang_up_after: int | None = None
    announce: int | None = None
    injected: bytes = b""
    flood: str = ""
    refusal: str = "NO [AUTHENTICATIONFAILED] falsch"
    port: int = 0

    @property
    def inbox(self) -> Folder:
        return self.folders["INBOX"]

    def verbs(self) -> list[str]:
        """The commands without tags and arguments; UID commands with both words."""
        return [" ".join(line.split()[: 2 if line.startswith("UID") else 1]) for line in self.commands]


class Session(socketserver.StreamRequestHandler):
    server: "Server"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        self.box = self.server.box
        self.box.connections += 1
        if self.box.implicit is not None:
            self.request = self.box.implicit.wrap_socket(self.request, server_side=True)
        super().setup()
        self.selected: Folder | None = None
        self.can_write = False
        self.count = 0

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def handle(self) -> None:
        self.say(self.box.greeting)
        while line := self.rfile.readline(100_000):
            tag, _, rest = line.rstrip(b"\r\n").partition(b" ")
            self.count += 1
            if self.box.hang_up_after is not None and self.count > self.box.hang_up_after:
                return
            text = rest.decode("utf-8", "replace")
            self.box.commands.append(text)
            name = text.split(" ", 1)[0].upper()
            if self.box.flood and text.upper().startswith(self.box.flood):
                for _ in range(4000):
                    self.say(b"* 1 FETCH (FLAGS (" + b"x" * 9000 + b"))\r\n")
            answer = getattr(self, f"do_{name.lower()}", self.unknown)(rest[len(name) + 1 :])
            if answer is not None:
                self.say(tag + b" " + answer.encode() + b"\r\n")
            if name == "LOGOUT":
                return
            if name == "STARTTLS" and self.box.starttls is not None:
                self.say(self.box.injected)
                self.request = self.connection = self.box.starttls.wrap_socket(self.request, server_side=True)
                self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", 0)

    def say(self, data: bytes) -> None:
        self.wfile.write(data)

    def unknown(self, rest: bytes) -> str:
        return "BAD unbekannt"

    def do_capability(self, rest: bytes) -> str:
        more = " STARTTLS" if self.box.starttls is not None and not isinstance(self.request, ssl.SSLSocket) else ""
        self.say(f"* CAPABILITY {CAPABILITIES}{more}\r\n".encode())
        return "OK fertig"

    def do_starttls(self, rest: bytes) -> str:
        return "OK los" if self.box.starttls is not None else "BAD so nicht"

    def do_login(self, rest: bytes) -> str:
        user, password = arguments(rest)[:2]
        return "OK fertig" if (user, password) == (self.box.user, self.box.password) else self.box.refusal

    def do_authenticate(self, rest: bytes) -> str:
        self.say(b"+ \r\n")
        _, user, password = base64.b64decode(self.rfile.readline()).decode().split("\0")
        return "OK fertig" if (user, password) == (self.box.user, self.box.password) else self.box.refusal

    def do_list(self, rest: bytes) -> str:
        for name in self.box.folders:
            self.say(f'* LIST () "/" "{name}"\r\n'.encode())
        return "OK fertig"

    def do_select(self, rest: bytes, *, readonly: bool = False) -> str:
        folder = self.box.folders.get(arguments(rest)[0])
        if folder is None:
            return "NO gibt es nicht"
        self.selected, self.can_write = folder, not readonly and folder.is_writable
        self.say(f"* {len(folder.messages)} EXISTS\r\n* 0 RECENT\r\n* FLAGS (\\Seen \\Deleted)\r\n".encode())
        self.say(f"* OK [UIDVALIDITY {folder.validity}] gilt\r\n* OK [UIDNEXT {folder.next_uid}] folgt\r\n".encode())
        return "OK [READ-WRITE] offen" if self.can_write else "OK [READ-ONLY] offen"

    def do_examine(self, rest: bytes) -> str:
        return self.do_select(rest, readonly=True)

    def do_noop(self, rest: bytes) -> str:
        return "OK fertig"

    def do_logout(self, rest: bytes) -> str:
        self.say(b"* BYE bis dann\r\n")
        return "OK fertig"

    def do_uid(self, rest: bytes) -> str:
        if self.selected is None:
            return "BAD kein Ordner"
        name, _, more = rest.partition(b" ")
        return str(getattr(self, f"uid_{name.decode().lower()}")(self.selected, more.decode()))

    def uid_search(self, folder: Folder, criteria: str) -> str:
        if found := re.fullmatch(r"UID (\S+)", criteria):
            uids = [message.uid for message in chosen(folder, found.group(1))]
        elif found := re.fullmatch(r'HEADER Message-ID "((?:[^"\\]|\\.)*)"', criteria):
            wanted = re.sub(r"\\(.)", r"\1", found.group(1)).encode()
            uids = [message.uid for message in folder.messages if wanted in message.body.split(b"\n\n", 1)[0]]
        else:
            return "BAD so nicht"
        self.say(f"* SEARCH {' '.join(map(str, uids))}\r\n".encode())
        return "OK fertig"

    def uid_fetch(self, folder: Folder, rest: str) -> str:
        numbers, _, parts = rest.partition(" ")
        for message in chosen(folder, numbers):
            sequence = folder.messages.index(message) + 1
            pieces = [f"{sequence} FETCH (UID {message.uid}".encode()]
            if "RFC822.SIZE" in parts:
                pieces.append(f" RFC822.SIZE {len(message.body)}".encode())
            if found := FIELDS.search(parts):
                header = header_of(message.body, found.group(2).split())
                pieces.append(b" " + found.group(0).replace(".PEEK", "").encode() + literal(header, None))
            elif "BODY" in parts:
                if "PEEK" not in parts and self.can_write:
                    message.flags.add("\\Seen")
                pieces.append(b" BODY[]" + literal(message.body, self.box.announce))
            self.say(b"* " + b"".join(pieces) + b")\r\n")
        return "OK fertig"

    def uid_store(self, folder: Folder, rest: str) -> str:
        if not self.can_write:
            return "NO nur lesbar"
        numbers, _, what = rest.partition(" ")
        for message in chosen(folder, numbers):
            message.flags |= set(re.findall(r"\\\w+", what))
        return "OK fertig"


def arguments(rest: bytes) -> list[str]:
    return [
        re.sub(r"\\(.)", r"\1", quoted.decode()) if quoted else (group or atom).decode()
        for quoted, group, atom in ARGUMENT.findall(rest)
    ]


def chosen(folder: Folder, numbers: str) -> list[Message]:
    """The messages in a set of numbers; `*` is the last one, and a range may be written either way round."""
    last = max((message.uid for message in folder.messages), default=0)
    wanted: set[int] = set()
    for part in numbers.split(","):
        ends = [last if end == "*" else int(end) for end in part.split(":")]
        wanted |= {message.uid for message in folder.messages if min(ends) <= message.uid <= max(ends)}
    return [message for message in folder.messages if message.uid in wanted]


def header_of(body: bytes, names: list[str]) -> bytes:
    message = BytesHeaderParser().parsebytes(body)
    wanted = {name.lower() for name in names}
    lines = [f"{name}: {value}\r\n" for name, value in message.raw_items() if name.lower() in wanted]
    return "".join(lines).encode("utf-8", "surrogateescape") + b"\r\n"


def literal(data: bytes, announce: int | None) -> bytes:
    return b" {%d}\r\n" % (len(data) if announce is None else announce) + data


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    box: Mailboxes

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


@contextmanager
def serving(box: Mailboxes) -> Iterator[Mailboxes]:
    with Server(("127.0.0.1", 0), Session) as server:
        server.box = box
        box.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield box
        finally:
            server.shutdown()
            thread.join()
