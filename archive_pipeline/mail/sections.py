"""Several releases in the text of one mail: where each begins and ends, if that can be told for sure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from archive_pipeline.language.days import days_in
from archive_pipeline.mail.letter import Letter
from archive_pipeline.mail.manners import (
    after_salutations,
    is_closing,
    is_footer,
    is_note,
    is_signature_mark,
    paragraphs,
    salutation_end,
)
from archive_pipeline.mail.markup import RULE

__all__ = ["Section", "find_sections"]

MIN_BODY = 300
"""Characters of the shortest release in a digest, without its headline; what is shorter is a teaser or a date."""
MAX_HEADLINE = 160
MAX_SECTIONS = 60
MAX_LINE = 250
"""Characters of the longest line that can be a divider or a framed headline."""
MAX_CLOSING = 1_500
"""Characters of the longest contact and imprint below the last release that are taken over to all of them."""

_DIVIDER = re.compile(r"\s*(?:[-=_*#~+–—•·.]\s?){5,}\s*|\s*(?:\*\s+){2,}\*\s*")
_FRAMED = re.compile(
    r"\s*(?:\+{3,}|\*{3,}|={3,}|-{3,}|>{3,})\s*(?P<text>\S.{3,150}?\S)\s*(?:\+{3,}|\*{3,}|={3,}|-{3,}|<{3,})\s*"
)
_NUMBERED = re.compile(r"\s*(?:\(?(?P<number>\d{1,2})[.)]|TOP\s+(?P<top>\d{1,2})\s*:?)\s+(?=\S)")
_MARKER = re.compile(
    r"(?:\w+ )?(?:presse|medien)\W?(?:mitteilung|meldung|information|info|dienst|erklärung|einladung)\w*\b.{0,60}"
    r"|(?:nr|nummer|pm|pi)\.?\s*\d.{0,40}",
    re.I,
)
_PLURAL = re.compile(
    r"\b(?:\d+|zwei|drei|vier|fünf|sechs|mehrere|folgende|aktuelle|unsere|neue|die)\s+(?:\w+\s)?"
    r"(?:presse|medien)?(?:mitteilungen|meldungen|informationen|nachrichten)\b"
    r"|\b(?:presse|medien)(?:mitteilungen|meldungen|informationen|nachrichten|dienst|infos)\b|\bnewsletter\b"
    r"|\b(?:presse)?meldungen\b|\bwochen(?:über|rück)blick\b|\bnachrichten aus\b|\bpresse-?ticker\b",
    re.I,
)
_INSIDE_ONE = re.compile(
    r"(?:zum |die )?hintergrund\w*\b|(?:presse|medien)?(?:kontakt|anfragen)\b|ansprechpartner|über (?:uns|den|die"
    r"|das)\b"
    r"|zitate?\b|o-?töne?\b|statements?\b|impressum|hinweise?\b|weitere (?:informationen|infos)|programm\b|termine?\b"
    r"|anmeldung|fakten\b|zahlen\b|daten und fakten|english\b|rückfragen|bild(?:unterschrift|material|text)?\b|fotos?\b"
    r"|anlagen?\b|inhalt\b|themen\b|faq\b|fragen und antworten|zusammenfassung|kurzfassung|langfassung|anhang\b"
    r"|info-?(?:box|kasten|block)?\b|service\b|in kürze|stichwort",
    re.I,
)
"""Headings of parts of one release."""
_SENTENCE = re.compile(r"[.!?][\"“”»«’')]*(?:\s|$)")
_LETTERS = re.compile(r"[^\W\d_]{3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One release of a digest: its headline, and its whole text with it."""

    headline: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Chunk:
    lines: tuple[str, ...]
    section: Section | None = None
    is_marked: bool = False
    number: int = 0


def find_sections(letter: Letter) -> tuple[Section, ...]:
    """The releases in the text of a letter, at least two; none where its structure leaves a doubt.

    Each has a headline and a body of several sentences; nothing but a preface stands before the first and nothing but
    contacts behind the last. Besides, something must say that they are several: the subject or the preface, a table
    of contents, running numbers, or the kind of document above each.
    """
    lines = letter.text.split("\n")
    for divide in (_by_dividers, _by_frames, _by_headings):
        chunks = [_examined(chunk) for chunk in divide(lines, letter)]
        sections = _unambiguous(chunks, letter.subject)
        if sections:
            return sections
    return ()


def _by_dividers(lines: Sequence[str], letter: Letter) -> list[list[str]]:
    return _divided(lines, [_is_divider(line) for line in lines], keep=False)


def _by_frames(lines: Sequence[str], letter: Letter) -> list[list[str]]:
    """At headlines framed by signs: "+++ Kreis baut Radweg +++"."""
    plain = [_unframed(line) for line in lines]
    return _divided(plain, [plain[number] is not line for number, line in enumerate(lines)], keep=True)


def _is_divider(line: str) -> bool:
    return len(line) <= MAX_LINE and bool(line.strip()) and bool(_DIVIDER.fullmatch(line))


def _unframed(line: str) -> str:
    found = _FRAMED.fullmatch(line) if len(line) <= MAX_LINE else None
    return found.group("text") if found else line


def _by_headings(lines: Sequence[str], letter: Letter) -> list[list[str]]:
    """At lines that HTML marks as headings."""
    bare = [line for line in lines if line.strip() != RULE]
    return _divided(bare, [line.strip() in letter.headings for line in bare], keep=True)


def _divided(lines: Sequence[str], at: Sequence[bool], *, keep: bool) -> list[list[str]]:
    chunks: list[list[str]] = [[]]
    for line, divides in zip(lines, at, strict=True):
        if divides:
            chunks.append([line] if keep else [])
        else:
            chunks[-1].append(line)
    return [chunk for chunk in chunks if any(line.strip() for line in chunk)]


def _examined(lines: Sequence[str]) -> _Chunk:
    """A piece of the text, with the release in it if it is one."""
    plain = _Chunk(lines=tuple(lines))
    shown = [line for line in lines if line.strip()]
    above = 0
    while above < min(len(shown) - 1, 4) and _is_marker(shown[above].strip()):
        above += 1
    headline = shown[above].strip()
    rest = shown[above + 1 :]
    # a headline may take two lines; the second one is followed by an empty line
    position = list(lines).index(shown[above])
    wrapped = len(headline) > 40 and position + 1 < len(lines) and lines[position + 1].strip()
    if wrapped and (position + 2 >= len(lines) or not lines[position + 2].strip()):
        headline, rest = f"{headline} {lines[position + 1].strip()}", rest[1:]
    found = _NUMBERED.match(headline)
    number = int(found.group("number") or found.group("top")) if found else 0
    bare = headline[found.end() :] if found else headline
    body = " ".join(rest)
    if not _is_headline(bare) or len(body) < MIN_BODY or len(_SENTENCE.findall(body)) < 2 or not _is_prose(rest):
        return plain
    section = Section(headline=bare, text="\n".join([bare, "", *lines[_behind(lines, rest) :]]))
    return _Chunk(lines=tuple(lines), section=section, is_marked=above > 0, number=number)


def _behind(lines: Sequence[str], rest: Sequence[str]) -> int:
    """Where the lines `rest`, the last of the text that are not empty, begin."""
    left = len(rest)
    for number in range(len(lines) - 1, -1, -1):
        left -= bool(lines[number].strip())
        if not left:
            return number
    return len(lines)


def _is_marker(line: str) -> bool:
    """Whether a line above a headline says what kind of document follows, its number or its day."""
    return len(line) <= 90 and (bool(_MARKER.fullmatch(line)) or (len(line) <= 50 and any(True for _ in days_in(line))))


def _is_headline(text: str) -> bool:
    return (
        8 <= len(text) <= MAX_HEADLINE
        and len(text.split()) >= 2
        and bool(_LETTERS.search(text))
        and not re.search(r"[.,;:]$", text)
        and not _INSIDE_ONE.match(text)
        and not salutation_end(text)
        and not is_note(text)
        and not is_footer(text)
        and "@" not in text
    )


def _is_prose(lines: Sequence[str]) -> bool:
    """Whether the lines are running text rather than addresses, dates and teasers."""
    return any(len(text) >= 150 for text in paragraphs(lines)) or sum(len(line) > 55 for line in lines) >= 4


def _unambiguous(chunks: Sequence[_Chunk], subject: str) -> tuple[Section, ...]:
    releases = [number for number, chunk in enumerate(chunks) if chunk.section]
    if not 2 <= len(releases) <= MAX_SECTIONS or releases[0] > 2 or len(chunks) - 1 - releases[-1] > 3:
        return ()
    if releases != list(range(releases[0], releases[-1] + 1)):
        return ()
    if any(_may_be_release(chunk) for chunk in chunks if not chunk.section):
        return ()
    inner = [chunk for chunk in chunks if chunk.section]
    sections = [chunk.section for chunk in inner if chunk.section]
    if len({section.headline.casefold() for section in sections}) < len(sections):
        return ()
    preface = "\n".join(line for chunk in chunks[: releases[0]] for line in chunk.lines)
    if not _says_several(inner, sections, subject, preface):
        return ()
    closing = [line for chunk in chunks[releases[-1] + 1 :] for line in chunk.lines]
    return tuple(_with_closing(section, closing) for section in sections)


def _may_be_release(chunk: _Chunk) -> bool:
    """Whether what stands before or behind the releases could be one whose headline was not recognised: running text
    that is neither a letter to the readers nor a part of one release."""
    shown = [line.strip() for line in chunk.lines if line.strip()]
    text = " ".join(shown)
    opens = after_salutations(shown[0]) != shown[0] or bool(_INSIDE_ONE.match(shown[0]))
    return len(text) >= MIN_BODY and len(_SENTENCE.findall(text)) >= 3 and _is_prose(shown) and not opens


def _says_several(inner: Sequence[_Chunk], sections: Sequence[Section], subject: str, preface: str) -> bool:
    listed = all(_comparable(section.headline) in _comparable(preface) for section in sections)
    numbered = [chunk.number for chunk in inner] == list(range(1, len(inner) + 1))
    marked = all(chunk.is_marked for chunk in inner)
    return listed or numbered or marked or bool(_PLURAL.search(subject) or _PLURAL.search(preface))


def _comparable(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _with_closing(section: Section, closing: Sequence[str]) -> Section:
    """The section with the contact below the last one, which speaks for all."""
    kept = [line for line in closing if not is_footer(line)]
    text = "\n".join(kept).strip()
    if not text or len(text) > MAX_CLOSING:
        return section
    mark = "" if is_signature_mark(kept[0]) or is_closing(kept[0]) else "-- \n"
    return Section(headline=section.headline, text=f"{section.text.rstrip()}\n\n{mark}{text}")
