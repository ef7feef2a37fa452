"""A mail as a letter: who wrote it when, and its text without what mail programs and mailing tools put around it.

Forwarded mails are unpacked, so that text, subject, sender and day are those of the office that wrote the release.
What may tell who received a mail is left out before anything else sees the text: recipients' addresses, salutations
by name, addresses with tokens. What is only tedious (greetings, footers) stays: cleaning takes it out with its reasons.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from email.message import Message
from functools import lru_cache

from archive_pipeline.errors import CleanError
from archive_pipeline.language.days import parse_day
from archive_pipeline.mail.addresses import URL, bare, is_specific, without_tokens
from archive_pipeline.mail.manners import is_footer, is_generic_salutation, salutation_end
from archive_pipeline.mail.markup import Link, Visible, read_markup
from archive_pipeline.mail.message import (
    TextPart,
    addresses,
    field,
    fields,
    is_automatic_answer,
    parse,
    published,
    recipients,
    sender,
    text_parts,
)
from archive_pipeline.mail.wrapping import Wrapper, find_wrapper, is_forwarded, unquoted, without_quotes

__all__ = ["Letter", "read_letter", "subject_of"]

MAX_LEVELS = 6
"""How often a mail can be forwarded and still be unpacked."""
MAX_LINES = 20_000
"""Lines of a text that are looked at one by one; a release has some hundred."""
MAX_ADDRESSES = 2_000
"""Web addresses in a mail beyond which none is shown; a newsletter has some dozen."""
MAX_LINE = 2_000
"""Characters of the longest line that can say where a release stands."""
SHORT_LINE = 12
"""Words of a line that says nothing but an address."""
OPENING = 15
"""Lines at the beginning of a letter among which its salutation stands."""

_SHARED_HOSTS = frozenset(
    f"{name}.{ending}"
    for name in ("gmx", "web", "t-online", "gmail", "googlemail", "outlook", "hotmail", "yahoo", "freenet", "posteo")
    for ending in ("de", "com", "net")
)
"""Where everybody can have an address."""
_NOISE = re.compile(r"[\W_]{500,}")
_CID = re.compile(r"\[(?:cid:[^\]\n]{1,200}|image:[^\]\n]{0,200}|https?://[^\]\s]{1,2000}|Bild\d*|Logo)\]", re.I)
_ANGLED = re.compile(r"<(?:https?://|mailto:|tel:)[^>\s]{1,2000}>", re.I)
_LIST_FOOTER = re.compile(r"_{20,}\s*")
_LIST_NAME = re.compile(r"\bmailing[- ]?list(?:e|en)?\b|\bverteiler|\blistinfo\b|/mailman/|\blist-?serv", re.I)
_LIST_TAG = re.compile(r"^((?:\s*(?:aw|re|wg|fwd?)\s*:)*)\s*\[[^\]\n]{2,40}\]\s*(?=\S)", re.I)
_ONLINE = re.compile(
    r"\bonline(?:-?(?:version|fassung|meldung))?\s*(?::|unter|abrufbar|zu finden|lesen|verfügbar)"
    r"|\bim (?:internet|netz|web)\b|permalink|direktlink|weiterlesen|read online"
    r"|link zu[rm]? (?:\w+ )?(?:presse|medien)?(?:mitteilung|meldung|artikel|beitrag|information)"
    r"|\b(?:presse|medien)(?:mitteilung|meldung|information)\w* (?:\w+ ){0,4}(?:finden sie|steht|ist|lesen sie"
    r"|gibt es)\b"
    r"|zur (?:presse|medien)?(?:mitteilung|meldung)\b|auf unserer (?:website|webseite|homepage|internetseite)\b"
    r"|(?:meldung|mitteilung|artikel|beitrag) (?:im browser |online )?(?:lesen|ansehen|öffnen)",
    re.I,
)
_ELSEWHERE = re.compile(
    r"browser|web-?version|online-?ansicht|newsletter|abmeld|abbestell|anmeld|foto|bild(?:er|material)?\b|video"
    r"|download"
    r"|termin|weitere (?:informationen|infos)|datenschutz|impressum|facebook|instagram",
    re.I,
)
"""What stands beside addresses that are not the release's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A mail, read.

    `text` is line by line, an empty line between blocks. `subject`, `sender` (name and address) and `day` are those of
    whoever wrote the text: of a forwarded mail the first sender. `sent` is the whole moment where it is known. `url` is
    where the mail says that the release stands on the web. `headings` are the lines that HTML marks as headings of the
    highest rank that several have.
    """

    subject: str = ""
    sender: tuple[str, str] = ("", "")
    day: date | None = None
    sent: datetime | None = None
    text: str = ""
    url: str | None = None
    headings: frozenset[str] = frozenset()
    is_automatic: bool = False
    is_forwarded: bool = False


@lru_cache(maxsize=2)
def read_letter(body: bytes) -> Letter:
    """The letter in the bytes of a message. Raises CleanError when it can't be read; one without text is a Letter."""
    message = parse(body)
    seen = [_visible(part) for part in text_parts(message)]
    lines = [_without_noise(line) for part in seen for line in [*part.text.split("\n"), ""]]
    if len(lines) > MAX_LINES:
        raise CleanError(f"Text der E-Mail hat über {MAX_LINES} Zeilen")
    sent = published(message)
    letter = Letter(
        subject=_subject(message),
        sender=sender(message),
        day=sent.date() if sent else parse_day(field(message, "date")),
        sent=sent,
        headings=_leading([heading for part in seen for heading in part.headings]),
        is_automatic=is_automatic_answer(message),
    )
    to = set(recipients(message))
    letter, lines = _unwrapped(letter, lines, to)
    private = frozenset(to - _own(to, letter.sender[1]))
    url = _web_address(lines, seen, message, private)
    few = sum(line.count("://") for line in lines) <= MAX_ADDRESSES
    lines = without_quotes(_without_list_footer(lines))
    lines = [clean for line in lines for clean in _impersonal(line, private, show=few)]
    lines = _without_name(lines, letter.subject)
    return replace(
        letter,
        subject=_without(letter.subject, private),
        text=re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n"),
        url=url,
    )


def subject_of(message: Message) -> str | None:
    """What a message calls itself, without addresses of who received it."""
    return _without(_subject(message), recipients(message))[:500] or None


def _subject(message: Message) -> str:
    """The subject, of a mailing list's mails without its name in brackets."""
    said = field(message, "subject")
    return _LIST_TAG.sub(r"\1", said) if field(message, "list-id") or field(message, "list-post") else said


def _without_noise(line: str) -> str:
    """A very long line without what nobody reads: signs by the thousand."""
    return _NOISE.sub(" ", line) if len(line) > MAX_LINE else line


def _leading(headings: Sequence[tuple[int, str]]) -> frozenset[str]:
    for level in (1, 2, 3):
        found = frozenset(text for rank, text in headings if rank == level and text)
        if len(found) > 1:
            return found
    return frozenset()


def _visible(part: TextPart) -> Visible:
    if part.media_type == "text/html":
        return read_markup(part.text) if part.text.strip() else Visible(text="")
    text = part.text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n")
    text = _unflowed(text, delete_space=part.delete_space) if part.flowed else text
    text = _ANGLED.sub("", _CID.sub("", text))
    return Visible(text="\n".join(line.rstrip() for line in text.split("\n")))


def _unflowed(text: str, *, delete_space: bool) -> str:
    """Paragraphs of a text in format=flowed (RFC 3676), one a line."""
    done: list[list[str]] = []
    open_depth: int | None = None
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:].removeprefix(" ")
        flows = content.endswith(" ") and content != "-- "
        if open_depth != depth or content == "-- ":
            done.append(["> " * min(depth, MAX_LEVELS)])
        done[-1].append(content[:-1] if flows and delete_space else content)
        open_depth = depth if flows else None
    return "\n".join("".join(pieces) for pieces in done)


def _unwrapped(letter: Letter, lines: list[str], private: set[str]) -> tuple[Letter, list[str]]:
    """The innermost letter of forwarded mails and its lines; a quoted letter that was answered goes. The addresses that
    the headers of forwarded mails name as recipients are added to `private`."""
    for _ in range(MAX_LEVELS):
        wrapper = find_wrapper(lines)
        if wrapper is None:
            break
        private |= wrapper.recipients
        above, below = lines[: wrapper.start], unquoted(lines[wrapper.end :])
        if not is_forwarded(wrapper, letter.subject, above, below):
            return letter, above
        letter, lines = _inner(letter, wrapper), below
    return letter, lines


def _inner(letter: Letter, wrapper: Wrapper) -> Letter:
    day = parse_day(wrapper.sent)
    inner = replace(letter, is_forwarded=True, subject=wrapper.subject or letter.subject)
    if named := next(iter(sorted(addresses(wrapper.sender))), ""):
        inner = replace(inner, sender=("", named))
    elif wrapper.sender:
        inner = replace(inner, sender=(wrapper.sender[:100], ""))
    return replace(inner, day=day, sent=None) if day else inner


def _own(private: Iterable[str], author: str) -> set[str]:
    """Addresses of the office itself, which writes to its own mailboxes too: those belong to its contact."""
    host = author.partition("@")[2]
    if host in _SHARED_HOSTS:
        return set()
    return {address for address in private if host and address.partition("@")[2] == host}


def _without_list_footer(lines: list[str]) -> list[str]:
    """The lines without what mailing list programs write below: a long line and the list's name."""
    for number in range(len(lines) - 1, max(len(lines) - 12, 0), -1):
        below = lines[number + 1 :]
        if _LIST_FOOTER.fullmatch(lines[number]) and any(_LIST_NAME.search(line) for line in below):
            return lines[:number]
    return lines


def _impersonal(line: str, private: frozenset[str], *, show: bool) -> list[str]:
    """The line without addresses that tell who received the mail; nothing where only those stood in it."""
    shown = _without(line, private)
    if shown != line and (len(shown.split()) <= SHORT_LINE or is_footer(line)):
        return []
    unaddressed = shown
    shown = URL.sub(lambda found: _shown_address(found.group(), private) if show else "", shown)
    # of "Abmelden: https://..." nothing is left to say
    rest = shown.strip(" <>()[]|-")
    is_label = shown != unaddressed and len(rest.split()) <= SHORT_LINE and rest[-1:] in ("", ":")
    return [] if is_label else [shown]


def _shown_address(found: str, private: frozenset[str]) -> str:
    """An address in running text as it may be shown, with the punctuation behind it."""
    address = bare(found)
    known = without_tokens(address, private)
    if known is not None and len(known) >= len(address) - 1:
        return found  # only the spelling differs
    return (known or "") + found[len(address) :]


def _without(text: str, private: Iterable[str]) -> str:
    for address in private if "@" in text else ():
        if address in text.lower():
            text = re.sub(rf"[<(\[]?\b{re.escape(address)}[>)\]]?", "", text, flags=re.I).strip()
    return text


def _without_name(lines: Sequence[str], subject: str) -> list[str]:
    """The lines without a salutation by name among the first."""
    kept = list(lines)
    opening = [number for number, line in enumerate(kept) if line.strip()][:OPENING]
    for number in opening:
        line = kept[number].strip()
        end = salutation_end(line)
        if end and not is_generic_salutation(line[:end]) and line not in subject:
            kept[number] = line[end:].strip()
    return kept


def _web_address(
    lines: Sequence[str], seen: Sequence[Visible], message: Message, private: frozenset[str]
) -> str | None:
    """Where the mail says that the release stands on the web: in its header, in its markup, or in words."""
    stated = [value.strip("<> ") for value in fields(message, "archived-at")]
    stated += [part.canonical for part in seen if part.canonical]
    for address in stated:
        if (known := without_tokens(address, private)) and is_specific(known):
            return known
    said = [link.address for part in seen for link in part.links if _leads_to_release(link)]
    for number, line in enumerate(lines):
        if len(line) <= MAX_LINE and _ONLINE.search(line) and not _ELSEWHERE.search(line):
            said += (URL.findall(line) or (URL.findall(lines[number + 1]) if number + 1 < len(lines) else []))[:1]
    found = {known for one in said if (known := without_tokens(one, private)) and is_specific(known)}
    return found.pop() if len(found) == 1 else None


def _leads_to_release(link: Link) -> bool:
    return bool(_ONLINE.search(link.text)) and not _ELSEWHERE.search(link.text)
