"""Reading a message within bounds: its header fields, its text, its documents, the messages inside it.

What a mail holds may be anything, so every count and length has a limit, and fields are decoded one by one: the parser
of the standard library keeps them as they came (its `compat32` policy), because its structured one recurses on some.
"""

import codecs
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.parser import BytesParser
from email.policy import Compat32
from email.utils import parseaddr, parsedate_to_datetime

from archive_pipeline.errors import CleanError
from archive_pipeline.language.days import BERLIN

__all__ = [
    "DOCX",
    "MAIL",
    "ODT",
    "PDF",
    "Enclosure",
    "TextPart",
    "addresses",
    "embedded_messages",
    "enclosures",
    "field",
    "fields",
    "is_automatic_answer",
    "message_key",
    "parse",
    "published",
    "recipients",
    "sender",
    "text_parts",
]

MAIL = "message/rfc822"
PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
ODT = "application/vnd.oasis.opendocument.text"

MAX_HEADER = 1_000_000
"""Bytes of a message's header that are read; real ones have some thousand."""
MAX_FIELD, MAX_FIELDS = 8_000, 500
"""Characters of one header field, and fields of one part, that are read."""
MAX_PARTS = 20_000
"""Parts beyond which a message is refused: each costs a kilobyte of memory."""
MAX_COMPARED = 200_000_000
"""Lines of a message times the boundaries it names beyond which it is refused: the parser compares each line with every
boundary that is open there, ten million times a second."""
MAX_READ = 300
"""Parts that are looked at; a mailing has fewer than thirty."""
MAX_TEXT = 5_000_000
"""Bytes of one text part that are read."""
MAX_ID = 150
"""Characters of the longest Message-ID that names an item as it stands."""

DAMAGED = (MessageError, ValueError, LookupError, TypeError, AttributeError, RecursionError, AssertionError)
"""What the standard library lets through on damaged input."""

_FIELD_END = re.compile(rb"\r\n\r\n|\n\n|\r\r")
_ADDRESS = re.compile(r"[\w.+%=&'*/!#$^`{|}~-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}")
_ID = re.compile(r"<\s*([!-;=?-~]+@[!-;=?-~]+)\s*>")
_TEXT_SET = re.compile(r"utf[-_]?(?:8|16|32|7)\b.*|(?:us-?)?ascii|iso[-_]?8859.*|iso-2022.*|latin.*|windows.*|cp\d+.*")
_MORE_SETS = re.compile(r"(?:x-)?mac.*|koi8.*|big5.*|gb.*|euc.*|shift.*|tis.*|hz.*")
_RECIPIENT_FIELD = re.compile(
    r"(?:resent-)?(?:to|cc|bcc)|(?:x-)?(?:delivered|original|envelope|apparently|forwarded)-to"
    r"|x-.{0,40}(?:recipient|rcpt|delivered).{0,40}",
    re.I,
)
_KEY_FIELDS = ("to", "cc", "delivered-to", "x-original-to", "envelope-to")
_EXTENSIONS = {".pdf": PDF, ".docx": DOCX, ".odt": ODT, ".doc": "application/msword", ".rtf": "application/rtf"}
_MAGIC = ((b"%PDF-", PDF), (b"{\\rtf", "application/rtf"), (b"\xd0\xcf\x11\xe0", "application/msword"))


class _Policy(Compat32):
    """Header fields as they came, cut where no honest one is so long."""

    def header_source_parse(self, sourcelines: list[str]) -> tuple[str, str]:
        name, value = super().header_source_parse(sourcelines)
        return name, value[:MAX_FIELD]


class _Part(Message):
    """A message or one of its parts; further header fields than `MAX_FIELDS` are passed over."""

    def set_raw(self, name: str, value: str) -> None:
        if len(self) < MAX_FIELDS:
            super().set_raw(name, value)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPart:
    """A part that people read: `media_type` is text/plain or text/html."""

    media_type: str
    text: str
    flowed: bool = False
    delete_space: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Enclosure:
    """A document that came with a message."""

    name: str
    media_type: str
    body: bytes


def parse(raw: bytes) -> Message:
    """The message, parsed; a header of absurd length is cut. Raises CleanError when it can't be."""
    if (raw.count(b"\n") + raw.count(b"\r")) * raw.lower().count(b"boundary") > MAX_COMPARED:
        raise CleanError("E-Mail hat zu viele Zeilen in zu vielen verschachtelten Teilen")
    count = 0

    def part(policy: Compat32) -> Message:
        nonlocal count
        count += 1
        if count > MAX_PARTS:
            raise CleanError(f"E-Mail hat über {MAX_PARTS} Teile")
        return _Part(policy)

    try:
        # typeshed wants a class here; the parser calls it with the policy alone
        return BytesParser(part, policy=_Policy()).parsebytes(_with_short_header(raw))  # type: ignore[arg-type]
    except DAMAGED as error:
        raise CleanError(f"E-Mail ist nicht lesbar: {error}") from error


def _with_short_header(raw: bytes) -> bytes:
    end = _FIELD_END.search(raw, 0, MAX_HEADER)
    if end is not None or len(raw) <= MAX_HEADER:
        return raw
    body = _FIELD_END.search(raw, MAX_HEADER)
    cut = raw.rfind(b"\n", 0, MAX_HEADER)
    return raw[: max(cut, 0)] + (raw[body.start() :] if body else b"")


def field(message: Message, name: str) -> str:
    """The first field of this name, decoded, on one line; empty when there is none."""
    return next(fields(message, name), "")


def fields(message: Message, name: str) -> Iterator[str]:
    """All fields of this name, decoded, each on one line."""
    wanted = name.lower()
    for key, value in message.raw_items():
        if key.lower() == wanted:
            yield _decoded(str(value))


def _decoded(value: str) -> str:
    """Encoded words (RFC 2047) and bytes beyond ASCII as text; what can't be decoded stays as it is."""
    raw = value.encode("utf-8", "surrogateescape")
    text = value if value.isascii() else _text(raw, "utf-8")
    try:
        pieces = decode_header(text) if "=?" in text else [(text, None)]
    except DAMAGED:
        pieces = [(text, None)]
    joined = "".join(piece if isinstance(piece, str) else _text(piece, charset or "utf-8") for piece, charset in pieces)
    return " ".join("".join(char if char.isprintable() else " " for char in joined).split())


def _text(body: bytes, charset: str) -> str:
    """Bytes as text: in UTF-8 if they are that, else as declared, else in Windows-1252. Raises nothing."""
    name = charset.lower().strip("\"' ")
    if name.startswith(("utf-16", "utf-32", "utf-7", "utf7", "iso-2022")) and _is_text_set(name):
        return body.decode(name, "replace")
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError:
        pass
    codec = codecs.lookup(name).name if _is_text_set(name) else ""
    # what is called UTF-8 and is none, and everything called Latin-1, is Windows-1252
    return body.decode("cp1252" if codec in ("", "iso8859-1", "ascii") or codec.startswith("utf") else codec, "replace")


def _is_text_set(name: str) -> bool:
    """Whether this is a character set of texts: Python knows other codecs, some of them slow on purpose."""
    if not (_TEXT_SET.fullmatch(name) or _MORE_SETS.fullmatch(name)):
        return False
    try:
        codecs.lookup(name)
    except (LookupError, ValueError):
        return False
    return True


def sender(message: Message) -> tuple[str, str]:
    """Name and lower-case address of who wrote the message; both empty when it doesn't say."""
    for name in ("from", "sender", "reply-to"):
        try:
            shown, address = parseaddr(field(message, name))
        except DAMAGED:
            continue
        if "@" in address:
            return shown, address.lower()
    return "", ""


def recipients(message: Message) -> frozenset[str]:
    """The lower-case addresses a message went to, as far as its header tells, without those it came from."""
    found: set[str] = set()
    for key, value in message.raw_items():
        if _RECIPIENT_FIELD.fullmatch(key):
            found |= addresses(_decoded(str(value)))
        elif key.lower() == "received":
            found |= addresses(" ".join(re.findall(r"\bfor\s+(\S{1,300})", str(value))))
    own = {address.lower() for name in ("from", "sender", "reply-to") for address in addresses(field(message, name))}
    return frozenset(found - own)


def addresses(text: str) -> frozenset[str]:
    """The mail addresses named in a text, in lower case."""
    return frozenset(address.lower() for address in _ADDRESS.findall(text[:MAX_FIELD]))


def published(message: Message) -> datetime | None:
    """When the message was sent, in Berlin time, as its Date field says; None when it doesn't or can't be read."""
    try:
        moment = parsedate_to_datetime(field(message, "date"))
        return (moment.replace(tzinfo=BERLIN) if moment.tzinfo is None else moment).astimezone(BERLIN)
    except (*DAMAGED, OverflowError):
        return None


def message_key(message: Message) -> str:
    """What names a message among others: its Message-ID and, since some offices write one Message-ID into all their
    mails, eight hex digits of a hash of date, sender and subject.

    A Message-ID that is missing, absurdly long, or holds the recipient's address gives way to a longer hash.
    """
    said = field(message, "message-id")
    found = _ID.search(said)
    name = found.group(1) if found else ""
    about = "\n".join((field(message, "date"), sender(message)[1], field(message, "subject")))
    to = {address for key in _KEY_FIELDS for value in fields(message, key) for address in addresses(value)}
    to -= {sender(message)[1]}
    plain = name.lower()
    personal = any(address in plain or address.replace("@", "=") in plain for address in to)
    if not name or personal or len(name) > MAX_ID or "#" in name or "~" in name:
        return "~" + hashlib.sha256(f"{name or said}\n{about}".encode()).hexdigest()[:24]
    return f"{name}~{hashlib.sha256(about.encode()).hexdigest()[:8]}"


def is_automatic_answer(message: Message) -> bool:
    """Whether a machine wrote it in answer to a mail: a delivery report, an absence note."""
    answered = field(message, "auto-submitted").lower().startswith("auto-replied")
    return answered or message.get_content_type() == "multipart/report"


def text_parts(message: Message) -> tuple[TextPart, ...]:
    """The text of the message in reading order: of alternatives the best one, of a message in pieces all of them.

    Messages inside it and attached files are left out; a text with a file name counts where there is no other.
    """
    return tuple(_texts(message, [MAX_READ], named=False)) or tuple(_texts(message, [MAX_READ], named=True))


def _texts(part: Message, left: list[int], *, named: bool) -> Iterator[TextPart]:
    left[0] -= 1
    if left[0] < 0:
        return
    kind = part.get_content_type()
    if part.is_multipart():
        inner = [one for one in part.get_payload() if isinstance(one, Message)] if kind != MAIL else []
        if kind == "multipart/alternative":
            yield from _best([list(_texts(one, left, named=named)) for one in inner])
            return
        for one in inner[:1] if kind == "multipart/related" else inner:
            yield from _texts(one, left, named=named)
    elif kind in ("text/plain", "text/html") and (not _name(part) or named) and not _is_attached(part):
        body = _payload(part)[:MAX_TEXT]
        yield TextPart(
            media_type=kind,
            text=_text(body, _parameter(part, "charset")),
            flowed=_parameter(part, "format").lower() == "flowed",
            delete_space=_parameter(part, "delsp").lower() == "yes",
        )


def _best(alternatives: list[list[TextPart]]) -> list[TextPart]:
    """Plain text, unless it only says that there is HTML."""
    shown = [parts for parts in alternatives if any(part.text.strip() for part in parts)]
    plain = next((parts for parts in shown if all(part.media_type == "text/plain" for part in parts)), None)
    rich = next((parts for parts in shown if any(part.media_type == "text/html" for part in parts)), None)
    if plain is None or rich is None:
        return plain or rich or []
    written = sum(len(part.text) for part in plain)
    visible = sum(len(re.sub(r"<style.*?</style>|<[^<>]*>|\s+", " ", part.text, flags=re.S | re.I)) for part in rich)
    return rich if written < 0.4 * visible and written < 1_500 else plain


def enclosures(message: Message) -> tuple[Enclosure, ...]:
    """The documents that came with the message (PDF, DOCX, ODT, DOC, RTF), in order; pictures and the like left out."""
    found: list[Enclosure] = []
    for part in _leaves(message):
        name = _name(part)
        kind = part.get_content_type()
        suffix = name[name.rfind(".") :].lower() if "." in name else ""
        if kind not in _EXTENSIONS.values() and suffix not in _EXTENSIONS:
            continue
        body = _payload(part)
        if body.strip():
            found.append(Enclosure(name=name, media_type=_sniffed(body) or _EXTENSIONS.get(suffix, kind), body=body))
    return tuple(found)


def _sniffed(body: bytes) -> str | None:
    head = body[:1024].lstrip()
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)


def embedded_messages(message: Message) -> tuple[bytes, ...]:
    """The messages inside a message: forwarded as attachments, or a digest's."""
    found: list[bytes] = []
    for part in _leaves(message):
        if part.get_content_type() == MAIL and part.is_multipart():
            inner = part.get_payload(0)
            if isinstance(inner, Message):
                found.append(_as_sent(inner))
        elif part.get_content_type() == MAIL or _name(part).lower().endswith(".eml"):
            found.append(_payload(part))
    return tuple(body for body in found if body.strip())


def _as_sent(message: Message) -> bytes:
    try:
        return message.as_bytes(policy=_Policy(max_line_length=0, cte_type="8bit", mangle_from_=False))
    except DAMAGED as error:
        raise CleanError(f"E-Mail ist nicht lesbar: {error}") from error


def _leaves(message: Message) -> Iterator[Message]:
    """The parts that hold something, messages inside the message whole."""
    waiting, left = [message], MAX_READ
    while waiting and left:
        part = waiting.pop()
        left -= 1
        if part.is_multipart() and part.get_content_type() != MAIL:
            waiting += reversed([one for one in part.get_payload() if isinstance(one, Message)])
        else:
            yield part


def _is_attached(part: Message) -> bool:
    return field(part, "content-disposition").partition(";")[0].strip().lower() == "attachment"


def _name(part: Message) -> str:
    try:
        return _decoded(part.get_filename() or "")
    except DAMAGED:
        return ""


def _parameter(part: Message, name: str) -> str:
    try:
        value = part.get_param(name)
    except DAMAGED:
        return ""
    return str(value[2] if isinstance(value, tuple) else value or "").strip()


def _payload(part: Message) -> bytes:
    """The content of a part, its transfer encoding undone as far as it is sound."""
    try:
        content = part.get_payload(decode=True)
    except DAMAGED:
        content = None
    return content if isinstance(content, bytes) else b""
