"""What all kinds of mail sources share: which messages are wanted, what is offered of one, and how it is archived."""

import fnmatch
from collections.abc import Iterator, Sequence
from dataclasses import replace
from email.message import Message

from pydantic import BaseModel, ConfigDict, field_validator

from archive_pipeline.mail.letter import subject_of
from archive_pipeline.mail.mailing import take_apart
from archive_pipeline.mail.message import MAIL, Enclosure, field, published, sender
from archive_pipeline.model import Capture, CaptureResult, Item, Refused
from archive_pipeline.protocols import FetchContext

__all__ = ["DELETED", "MailOptions", "archive_mailing", "is_wanted", "message_item"]

DELETED = Refused("Die Nachricht wurde im Postfach gelöscht, bevor sie erfasst werden konnte")
"""What becomes of a message that was offered and is not there any more: mailboxes get emptied, that is no failure."""


class MailOptions(BaseModel):
    """Settings of every mail source.

    `allow_senders` are addresses, patterns of addresses (`presse*@kreis.example`) or domains (`kreis.example`, with
    its subdomains); without them every sender counts. `subject` is text that a subject must contain. Both look at the
    mail as it came: of a forwarded one at who forwarded it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow_senders: tuple[str, ...] = ()
    subject: str | None = None

    @field_validator("allow_senders")
    @classmethod
    def _senders(cls, senders: tuple[str, ...]) -> tuple[str, ...]:
        for one in senders:
            if not one.strip() or any(char.isspace() for char in one) or "." not in one:
                raise ValueError(f"{one!r} ist weder eine Mail-Adresse noch eine Domain")
        return tuple(one.lower() for one in senders)


def is_wanted(message: Message, options: MailOptions) -> bool:
    """Whether a message, of which only the header need be there, passes the source's filters."""
    if options.subject and options.subject.casefold() not in field(message, "subject").casefold():
        return False
    address = sender(message)[1]
    return not options.allow_senders or any(_is_from(address, allowed) for allowed in options.allow_senders)


def _is_from(address: str, allowed: str) -> bool:
    if "@" in allowed:
        return fnmatch.fnmatchcase(address, allowed)
    host = address.rpartition("@")[2]
    return host == allowed or host.endswith(f".{allowed}")


def message_item(message: Message, *, source_id: str, key: str, place: str, fingerprint: str | None = None) -> Item:
    """The item that a source offers of a message. `place` is where its bytes lie, in the mailbox alone: it is not the
    release's address and reaches no capture."""
    sent = published(message)
    return Item(
        source_id=source_id,
        key=key,
        url=place,
        title=subject_of(message),
        published=sent.isoformat() if sent else None,
        media_type=MAIL,
        fingerprint=fingerprint,
    )


def archive_mailing(item: Item, raw: bytes, context: FetchContext) -> Iterator[CaptureResult]:
    """Store a message, its releases and its documents. Parts have the message's key with a number: `<key>#1`.

    One that is a release of its own comes first, its documents after it as attachments. One that holds several comes
    last, as attachment of the first of them, so that a process killed on the way finds the message still to be done.
    Raises TooLargeError.
    """
    mailing = take_apart(raw)
    if not mailing.parts:
        document = context.put(item, raw, media_type=MAIL)
        yield document
        yield from _enclosed(item, mailing.enclosures, 1, document, context)
        return
    first: Capture | None = None
    number = len(mailing.parts) + 1
    for count, part in enumerate(mailing.parts, start=1):
        own = replace(
            item,
            key=f"{item.key}#{count}",
            url=None,
            title=part.title,
            published=part.published or item.published,
            media_type=part.media_type,
            fingerprint=None,
        )
        capture = context.put(own, part.body, media_type=part.media_type)
        first = first or capture
        yield capture
        yield from _enclosed(item, part.enclosures, number, capture, context)
        number += len(part.enclosures)
    yield context.put(item, raw, media_type=MAIL, parent=first)


def _enclosed(
    item: Item, enclosures: Sequence[Enclosure], number: int, parent: Capture, context: FetchContext
) -> Iterator[Capture]:
    for count, enclosure in enumerate(enclosures, start=number):
        about = replace(
            item,
            key=f"{item.key}#{count}",
            url=None,
            title=enclosure.name or None,
            published=None,
            media_type=enclosure.media_type,
            fingerprint=None,
        )
        yield context.put(about, enclosure.body, media_type=enclosure.media_type, parent=parent)
