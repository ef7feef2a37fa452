"""One mailing, its releases: the mail itself, the mails or documents inside it, or the sections of its text.

A mailing is taken apart only where its structure leaves no doubt; two releases in one are a smaller evil than half a
release. How press offices send several at once:

- as attached mails under a note, or as a digest of mails;
- as documents under a covering note ("anbei erhalten Sie ..."), often each as PDF and as a text file;
- one below the other in the text, divided by lines of dashes or the like, each with its headline.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from email.message import EmailMessage
from email.utils import format_datetime, formataddr

from archive_pipeline.errors import CleanError
from archive_pipeline.language.days import BERLIN
from archive_pipeline.mail.letter import Letter, read_letter
from archive_pipeline.mail.manners import is_covering_note
from archive_pipeline.mail.message import DOCX, MAIL, ODT, PDF, Enclosure, embedded_messages, enclosures, parse
from archive_pipeline.mail.sections import Section, find_sections

__all__ = ["Mailing", "Part", "take_apart"]

MAX_RELEASES = 60
"""Releases in one mailing beyond which it is left whole: a week of a ministry has fewer."""
MAX_LEVELS = 3
"""How deep mails inside mails are looked for releases."""

_READABLE = frozenset({PDF, DOCX, ODT})
_PREFERRED = (DOCX, ODT, PDF)
"""Of one release in several formats, the one that is read: paragraphs are surer in a text file than in a PDF."""
_SUPPLEMENT = re.compile(
    r"flyer|flugblatt|plakat|programm|anlage|anhang|einladungskarte|logo|foto|bild|grafik|diagramm|tabelle|liste"
    r"|übersicht"
    r"|uebersicht|lageplan|karte|formular|antrag|tagesordnung|fact-?sheet|vita|lebenslauf|broschüre|satzung"
    r"|präsentation"
    r"|anfahrt|datenschutz|impressum|agb",
    re.I,
)
_RELEASE_NAME = re.compile(r"(?:^|[^a-zäöü])(?:pm|pi|pd)(?:[^a-zäöü]|$)|presse|medien|mitteilung|meldung", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One release of a mailing, with what came with it. `published` is an ISO date or moment."""

    body: bytes
    media_type: str
    title: str | None = None
    published: str | None = None
    enclosures: tuple[Enclosure, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailing:
    """A mailing, taken apart. Without `parts` the mail is the one release, and `enclosures` came with it."""

    parts: tuple[Part, ...] = ()
    enclosures: tuple[Enclosure, ...] = ()


def take_apart(raw: bytes) -> Mailing:
    """The releases in a mailing. What can't be read is left whole: cleaning says what is wrong with it."""
    try:
        mailing = _apart(raw, MAX_LEVELS)
    except CleanError:
        return Mailing()
    return mailing if len(mailing.parts) <= MAX_RELEASES else Mailing()


def _apart(raw: bytes, levels: int) -> Mailing:
    message = parse(raw)
    letter = read_letter(raw)
    if letter.is_automatic:
        return Mailing()
    documents = enclosures(message)
    inner = embedded_messages(message) if levels else ()
    readable = [document for document in documents if document.media_type in _READABLE]
    is_note = bool(inner or readable) and is_covering_note(letter.text)
    if inner and (is_note or message.get_content_type() == "multipart/digest"):
        found = [part for body in inner for part in _of_message(body, levels - 1)]
        return Mailing(parts=(*found, *_of_documents(readable, letter)))
    if is_note:
        return Mailing(parts=_of_documents(readable, letter, others=documents))
    sections = find_sections(letter)
    if sections:
        parts = [_of_section(section, letter) for section in sections]
        return Mailing(parts=(replace(parts[0], enclosures=documents), *parts[1:]))
    return Mailing(enclosures=documents)


def _of_message(body: bytes, levels: int) -> Sequence[Part]:
    try:
        mailing = _apart(body, levels)
    except CleanError:
        mailing = Mailing()
    return mailing.parts or (Part(body=body, media_type=MAIL, enclosures=mailing.enclosures),)


def _of_documents(documents: Sequence[Enclosure], letter: Letter, others: Sequence[Enclosure] = ()) -> tuple[Part, ...]:
    """Each document a release; one release in several formats once, leaflets and the like with the first release."""
    by_name: dict[str, list[Enclosure]] = {}
    for document in documents:
        stem = re.sub(r"\.\w{2,5}$", "", document.name).casefold().strip()
        by_name.setdefault(stem or f"#{len(by_name)}", []).append(document)
    releases: list[tuple[Enclosure, list[Enclosure]]] = []
    supplements = [document for document in others if document not in documents]
    for stem, versions in by_name.items():
        if _SUPPLEMENT.search(stem) and not _RELEASE_NAME.search(stem):
            supplements += versions
            continue
        best = min(versions, key=lambda version: _PREFERRED.index(version.media_type))
        releases.append((best, [version for version in versions if version is not best]))
    if not releases and supplements:
        best, *supplements = supplements
        releases = [(best, [])]
    parts = []
    for number, (best, versions) in enumerate(releases):
        parts.append(
            Part(
                body=best.body,
                media_type=best.media_type,
                title=letter.subject if len(releases) == 1 else None,
                published=_published(letter),
                enclosures=tuple(versions + supplements if number == 0 else versions),
            )
        )
    return tuple(parts)


def _of_section(section: Section, letter: Letter) -> Part:
    """A section of the text as a mail of its own: by whom and when, without any recipient."""
    message = EmailMessage()
    name, address = letter.sender
    for key, value in (
        ("From", formataddr((name, address)) if address else ""),
        ("Date", format_datetime(_moment(letter)) if letter.day else ""),
        ("Subject", section.headline),
    ):
        try:
            if value:
                message[key] = value
        except (ValueError, LookupError, AttributeError):  # an address that is none
            continue
    message.set_content(section.text, charset="utf-8", cte="8bit")
    return Part(body=bytes(message), media_type=MAIL, title=section.headline, published=_published(letter))


def _moment(letter: Letter) -> datetime:
    assert letter.day is not None
    return letter.sent or datetime.combine(letter.day, time(12), BERLIN)


def _published(letter: Letter) -> str | None:
    if letter.sent:
        return letter.sent.isoformat()
    return letter.day.isoformat() if letter.day else None
