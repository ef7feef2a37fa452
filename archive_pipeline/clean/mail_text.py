"""The text of a mail without what letters and mailing tools put around a release.

Recipients and forwarded headers are already out when `mail.read_letter` gives the text; what is taken out here stays
in `article.removed` with its rule.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

from archive_pipeline.clean.spans import Line, cut_lines, lines
from archive_pipeline.mail.manners import (
    after_salutations,
    is_closing,
    is_disclaimer,
    is_footer,
    is_note,
    is_running_text,
    is_signature_mark,
    is_view_link,
)
from archive_pipeline.model import Article

__all__ = ["without_manners"]

OPENING = 12
"""Lines among which greetings and a covering note stand."""
MIN_RELEASE = 250
"""Characters that must follow a covering note for it to be one."""
MAX_SIGNATURE = 40
"""Lines of the longest signature, with an imprint and opening hours."""

MAX_TITLE = 160

_KIND = re.compile(r"(?:presse|medien)(?:mitteilung|meldung|information|info|erklärung|dienst)\w*\b", re.I)
_RULE = re.compile(r"\s*(?:([-=_*#~+–—•·])\s?)(?:\1\s?){3,}\s*")
_REACHABLE = re.compile(r"[\w.+-]@[\w-]+\.\w|\b(?:tel(?:efon)?|fon|mobil|fax)\b[.:]?\s*[\d+(]", re.I)
_ADDRESS_ALONE = re.compile(r"[<(\[]?(?:https?://|www\.)\S+[>)\]]?")


def without_manners(article: Article) -> Article:
    """A mail without footers, greetings and covering note; the signature is its contact."""
    for rule in (_footers, _disclaimers, _covering_note, _salutations, _signature, _title):
        article = rule(article)
    return article


def _footers(article: Article) -> Article:
    """Lines of mailing tools, with an address alone on the line below: at the beginning how to see the mail in a
    browser, behind the middle how to leave the list as well."""
    found = lines(article.text)
    doomed: list[Line] = []
    for line in found:
        is_tool = is_footer if line.start >= 0.5 * len(article.text) else is_view_link
        below_one = bool(doomed) and doomed[-1].number == line.number - 1
        if is_tool(line.text) or (below_one and _ADDRESS_ALONE.fullmatch(line.text.strip())):
            doomed.append(line)
    return cut_lines(article, "mail-footer", doomed)


def _disclaimers(article: Article) -> Article:
    """Paragraphs about confidentiality and the like in the second half, each to its empty line."""
    found = lines(article.text)
    doomed: list[Line] = []
    for line in found:
        goes_on = bool(doomed) and doomed[-1].number == line.number - 1 and not _is_apart(article, doomed[-1], line)
        if goes_on or (line.start >= 0.4 * len(article.text) and is_disclaimer(line.text)):
            doomed.append(line)
    return cut_lines(article, "mail-disclaimer", doomed)


def _covering_note(article: Article) -> Article:
    """Paragraphs at the beginning that announce the release, with the greeting below them; only where a release
    follows."""
    found = lines(article.text)
    blocks = _blocks(article, found[: 2 * OPENING])
    count = 0
    for number, block in enumerate(blocks[:6]):
        text = " ".join(line.text for line in block)
        words = after_salutations(text)
        if is_note(words) or (count and is_closing(block[0].text)):
            count = number + 1
        elif words:
            break
    doomed = [line for block in blocks[:count] for line in block]
    behind = found[len(doomed) :]
    if behind and doomed and _RULE.fullmatch(behind[0].text):
        doomed.append(behind[0])
    if sum(len(line.text) for line in behind) < MIN_RELEASE:
        return article
    return cut_lines(article, "covering-note", doomed)


def _blocks(article: Article, found: Sequence[Line]) -> list[list[Line]]:
    """Lines by paragraph."""
    blocks: list[list[Line]] = []
    for line in found:
        if blocks and not _is_apart(article, blocks[-1][-1], line):
            blocks[-1].append(line)
        else:
            blocks.append([line])
    return blocks


def _salutations(article: Article) -> Article:
    """Greetings to everybody on lines of their own among the first."""
    opening = lines(article.text)[:OPENING]
    return cut_lines(article, "salutation", [line for line in opening if not after_salutations(line.text)])


def _signature(article: Article) -> Article:
    """From the mark or the words that end a letter to its end, or the last lines with a telephone number or a mail
    address, where no running text follows: the contact."""
    found = lines(article.text)
    for line in found[1:]:
        if is_signature_mark(line.text) or is_closing(line.text):
            below = found[line.number + 1 :]
            if len(below) <= MAX_SIGNATURE and not any(map(_is_text, _blocks(article, below))):
                return _as_contact(article, [line, *below], below)
    last = (_blocks(article, found) or [[]])[-1]
    is_address = any(_REACHABLE.search(line.text) for line in last) and not _is_text(last)
    return _as_contact(article, last, last) if is_address and 2 <= len(last) < len(found) else article


def _title(article: Article) -> Article:
    """No title, where the subject only says what is sent ("Pressemitteilung der CDU Talau") and a headline follows:
    then that is found with all others."""
    if not _KIND.match(article.title or ""):
        return article
    found = lines(article.text)
    first = next((line for line in found[:4] if not _KIND.match(line.text)), None)
    behind = found[first.number + 1 : first.number + 2] if first else ()
    if first is None or not behind or not _is_apart(article, first, behind[0]):
        return article
    text = first.text.strip()
    is_headline = 10 <= len(text) <= MAX_TITLE and not re.search(r"[.,:;]$", text)
    return replace(article, title=None) if is_headline else article


def _as_contact(article: Article, doomed: Sequence[Line], shown: Sequence[Line]) -> Article:
    contact = "\n".join(line.text.strip() for line in shown)
    merged = "\n".join(part for part in (article.contact, contact) if part)
    return cut_lines(replace(article, contact=merged or None), "contact", doomed)


def _is_text(block: Sequence[Line]) -> bool:
    return is_running_text(" ".join(line.text for line in block))


def _is_apart(article: Article, above: Line, line: Line) -> bool:
    """Whether an empty line stands between two lines."""
    return article.text.count("\n", above.end, line.start) > 1
