"""Mails of our own making, put together from parts."""

from datetime import datetime, timedelta, timezone
from email.message import EmailMessage
from email.utils import format_datetime

SUMMER = timezone(timedelta(hours=2))
SENT = datetime(2024, 5, 6, 10, 12, tzinfo=SUMMER)

BODY = """\
Der Kreis Ostwald saniert ab dem kommenden Montag die Brücke über die Wehre. Das Bauwerk stammt aus dem Jahr 1962 und
darf seit zwei Jahren nur noch von Autos befahren werden, Lastwagen müssen einen Umweg von elf Kilometern nehmen.

„Die Pendlerinnen und Pendler haben lange genug gewartet“, sagte Landrätin Jutta Harms. Die Arbeiten dauern bis zum
Herbst und kosten 4,2 Millionen Euro, von denen das Land sechzig Prozent übernimmt.
"""


def mail(
    body: str = BODY,
    *,
    subject: str = "Kreis Ostwald saniert Brücke über die Wehre",
    sender: str = "Pressestelle Kreis Ostwald <presse@kreis-ostwald.example>",
    to: str = "redaktion@zeitung.example",
    sent: datetime | None = SENT,
    name: str | None = "<pm-1@kreis-ostwald.example>",
    html: str | None = None,
    **fields: str,
) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    if sent is not None:
        message["Date"] = format_datetime(sent)
    if name is not None:
        message["Message-ID"] = name
    for key, value in fields.items():
        message[key.replace("_", "-")] = value
    message.set_content(body)
    if html is not None:
        message.add_alternative(html, subtype="html")
    return message


def numbered(number: int, **more: str) -> bytes:
    """One of many releases that differ."""
    return bytes(
        mail(
            f"Bericht Nummer {number}. {BODY}",
            subject=f"Meldung {number} aus dem Kreis Ostwald",
            name=f"<pm-{number}@kreis-ostwald.example>",
            sent=SENT + timedelta(hours=number),
            **more,
        )
    )


def mailbox(*messages: bytes, sender: str = "presse@kreis-ostwald.example") -> bytes:
    """An mbox (mboxrd) of these messages."""
    pieces = []
    for message in messages:
        quoted = b"\n".join(
            b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in message.split(b"\n")
        )
        pieces.append(f"From {sender} Mon May  6 10:12:00 2024\n".encode() + quoted.rstrip(b"\n") + b"\n\n")
    return b"".join(pieces)
