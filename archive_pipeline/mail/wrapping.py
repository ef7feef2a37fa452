"""The header that mail programs write above a mail they forward or answer, in the wordings of the common programs."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archive_pipeline.language.days import parse_day
from archive_pipeline.mail.message import addresses

__all__ = ["Wrapper", "find_wrapper", "is_forwarded", "unquoted", "without_quotes"]

MAX_HEADER_LINES = 60
"""Lines of the longest header of a forwarded mail; a list of recipients may take many."""
NOTE = 600
"""Characters up to which what stands above a forwarded mail is a note about it."""

_LABEL = re.compile(
    r"^[>\s*_]{0,12}(?P<label>von|from|de|gesendet(?: am)?|sent|datum|date|an|to|cc|kopie|kopie an|bcc|blindkopie"
    r"|betreff|subject|antwort(?:en)? an|antwort-an|reply-to|wichtigkeit|priorität|importance|anlagen?|anhänge?"
    r"|attachments?"
    r"|organisation|vertraulichkeit|kategorien)\s?\*?\s?:\s?\*?(?:\s|\||$)(?P<value>.*)$",
    re.I,
)
_ROLES = {
    "von": "from",
    "from": "from",
    "de": "from",
    "gesendet": "sent",
    "gesendet am": "sent",
    "sent": "sent",
    "datum": "sent",
    "date": "sent",
    "betreff": "subject",
    "subject": "subject",
    "an": "to",
    "to": "to",
    "cc": "to",
    "kopie": "to",
    "kopie an": "to",
    "bcc": "to",
    "blindkopie": "to",
}
_MARKER = re.compile(
    r"[>\s]*(?:[-_=]{2,}\s*(?P<said>(?:ursprüngliche|weitergeleitete|original|forwarded|begin)[\w -]{0,40})\s*[-_=:]*"
    r"|[-_]{2,}\s*(?P<by>weitergeleitet von\b.{0,120}?)[-_]*"
    r"|(?P<apple>anfang der weitergeleiteten (?:nachricht|e-?mail)|begin forwarded message)\s*:?"
    r"|_{10,}|-{10,})\s*",
    re.I,
)
_ANSWERED = re.compile(r"(?:am|on|le)\b.{5,200}\b(?:schrieb|wrote)\b.{0,200}:\s*|-+\s*original.{0,40}-+\s*", re.I)
_FORWARD_WORD = re.compile(r"weitergeleitet|forwarded", re.I)
_FORWARD_SUBJECT = re.compile(r"\s*(?:\[[^\]]{1,30}\]\s*)?(?:wg|fwd?|wtr|tr|weitergeleitet)\s*:", re.I)
_ANSWER_SUBJECT = re.compile(r"\s*(?:\[[^\]]{1,30}\]\s*)?(?:aw|re|antw(?:ort)?|sv)(?:\[\d+\])?\s*:", re.I)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wrapper:
    """The header of a mail within a mail: lines `start` to `end` (the first one behind), and what they say.

    `says_forwarded` when a line above it says so in words.
    """

    start: int
    end: int
    sender: str
    sent: str
    subject: str
    recipients: frozenset[str]
    says_forwarded: bool


def find_wrapper(lines: Sequence[str]) -> Wrapper | None:
    """The first header of a mail within a text, or None: a sender, and a date, a subject or recipients with it."""
    number = 0
    while number < len(lines):
        if _LABEL.match(lines[number]):
            found, number = _read(lines, number)
            if found is not None:
                return found
        else:
            number += 1
    return None


def _read(lines: Sequence[str], first: int) -> tuple[Wrapper | None, int]:
    """The header that begins in line `first` if it is one, and the line behind it."""
    values: dict[str, list[str]] = {}
    role, labels, number = "", 0, first
    while number < len(lines) and number - first < MAX_HEADER_LINES:
        line = lines[number]
        if found := _LABEL.match(line):
            role = _ROLES.get(found.group("label").lower(), "other")
            values.setdefault(role, []).append(found.group("value").strip(" |\t*"))
            labels += 1
        elif not line.strip(" >"):
            following = next((other for other in lines[number + 1 : number + 3] if other.strip(" >")), "")
            if not _LABEL.match(following):
                break
        elif _goes_on(role, values[role][-1], line):
            values[role].append(line.strip(" >|\t*"))
        else:
            break
        number += 1
    start, marker = _marker_above(lines, first)
    if "from" not in values or labels < 3 or not (marker or _is_mail(values)):
        return None, max(number, first + 1)
    return (
        Wrapper(
            start=start,
            end=number,
            sender=" ".join(values["from"]).strip(),
            sent=" ".join(values.get("sent", ())),
            subject=" ".join(values.get("subject", ())).strip(),
            recipients=addresses(" ".join(values.get("to", ()))),
            says_forwarded=bool(_FORWARD_WORD.search(marker)),
        ),
        number,
    )


def _is_mail(values: Mapping[str, Sequence[str]]) -> bool:
    """Whether labels and values are a mail's: "Datum, Von, An" may stand above a bus timetable, too."""
    said = " ".join(value for some in values.values() for value in some)
    return "@" in said or (bool(values.get("subject")) and parse_day(" ".join(values.get("sent", ()))) is not None)


def _goes_on(role: str, before: str, line: str) -> bool:
    """Whether a line without label continues the value before it: recipients take many lines, and some programs set
    label and value on two."""
    listed = role == "to" and (bool(re.search(r"@|;\s*$", line)) or before.endswith((";", ",")))
    return not before or line[:1].isspace() or listed


def _marker_above(lines: Sequence[str], first: int) -> tuple[int, str]:
    """Where the line that introduces a header stands, with empty lines between, and what it says."""
    above = first - 1
    while above >= 0 and first - above <= 4 and not lines[above].strip(" >"):
        above -= 1
    if above >= 0 and _MARKER.fullmatch(lines[above]):
        return above, lines[above]
    return first, ""


def is_forwarded(wrapper: Wrapper, subject: str, above: Sequence[str], below: Sequence[str]) -> bool:
    """Whether the mail below the header is what this mail is about, and not what it answers."""
    written, quoted = _length(above), _length(below)
    if wrapper.says_forwarded or _FORWARD_SUBJECT.match(subject):
        return True
    if _ANSWER_SUBJECT.match(subject):
        return written < 200 and quoted >= 400
    return written <= NOTE and quoted > written


def _length(lines: Sequence[str]) -> int:
    """Characters of the lines up to a signature."""
    total = 0
    for line in lines:
        if line.rstrip() == "--":
            break
        total += len(line.strip())
    return total


def unquoted(lines: Sequence[str]) -> list[str]:
    """The lines without the marks of quoted mail, where nearly all of them have one."""
    shown = [line for line in lines if line.strip()]
    quoted = sum(line.startswith(">") for line in shown)
    if not shown or quoted < 0.7 * len(shown):
        return list(lines)
    return [re.sub(r"^>\s?", "", line) for line in lines]


def without_quotes(lines: Sequence[str]) -> list[str]:
    """The lines without mail that is quoted to be answered, and the line that says who wrote it: other people's words
    to the office are nobody's business."""
    kept: list[str] = []
    for line in lines:
        if not line.startswith(">"):
            kept.append(line)
            continue
        # who wrote it, and when, may stand on two lines
        while kept and not kept[-1].strip():
            kept.pop()
        for count in (1, 2):
            if kept[-count:] and _ANSWERED.fullmatch(" ".join(kept[-count:]).strip()):
                del kept[-count:]
                break
    return kept
