"""Slot 400: what a press release carries besides its text: credits, captions, source, author, contact, embargo."""

import re
from dataclasses import replace
from datetime import datetime
from itertools import takewhile

from archive_pipeline.clean.boilerplate import is_sentence
from archive_pipeline.clean.figures import caption_text, is_caption, split_credit
from archive_pipeline.clean.number import find_number, number_near_heading
from archive_pipeline.clean.page import MAIL
from archive_pipeline.clean.persons import AGENCY_MARK, byline_names, is_office, is_person
from archive_pipeline.clean.spans import Line, cut, cut_lines, lines, plain
from archive_pipeline.clean.text import normalise_line
from archive_pipeline.language.days import BERLIN, days_in, parse_day
from archive_pipeline.mail import read_letter
from archive_pipeline.model import Article, Credit, Source
from archive_pipeline.protocols import Page

__all__ = ["MIN_DESCRIPTION", "PressFields", "is_reachable"]

_CREDIT = re.compile(
    r"\(?(?:(?:Archiv|Symbol|Presse|Titel|Beispiel)?(?:Fotos?|Bild(?:er)?|Grafik(?:en)?)(?:nachweis|credit|quelle"
    r"|rechte)?s?(?: und Text| \((?!v\.? ?l).{1,20}\))?\s*[:©]"
    r"|Bildquelle|©\s*(?:Foto|Bild)|Foto(?:credit|nachweis)|Copyright(?: Foto)?:)\s*:?\s*(.{2,160}?)\.?",
    re.I,
)
_INLINE_CREDIT = re.compile(
    r"\s*[(/]\s*(?:(?:Archiv|Symbol)?(?:Fotos?|Bilder?|Bild)(?:nachweis|quelle)?)\s*:\s*([^()\n]{2,80})\)?$", re.I
)
_GLUED_CREDIT = re.compile(r"(?:Fotos?|Bild(?:er)?)\s*:\s*([^„“\"!?\n]{2,60}(?<=\S))(?=„)")
"""A credit that ran into the paragraph below it: only a quotation that opens without a space shows where it ends."""
_BEHIND_SENTENCE = re.compile(r"(?<=[.!?“\"])\s*(?:Fotos?|Bild(?:er)?)\s*:\s*([^.!?:„“\"\n]{2,60})\.?$")
_SOURCE = re.compile(r"\(?Quelle(?:n)?\s*:\s*(.{2,150}?)\)?(?<!V)\.?", re.I)
_BYLINE = re.compile(
    r"\(?(?P<label>[Vv]on|By|Ein (?:Beitrag|Bericht|Gastbeitrag|Kommentar) von"
    r"|(?:Text|Bericht)(?: und (?:Fotos?|Bild(?:er)?))?:"
    r"|(?:Autor(?:in|en|innen|\*innen)?|Verfasser(?:in)?)(?::|(?= [A-ZÄÖÜ]))|Redaktion:)\s+(?P<names>.{2,120}?)\)?\.?"
)
_PHOTO_BEHIND = re.compile(r"\s*[,;/|–-]+\s*(?:Fotos?|Bild(?:er)?)\s*:\s*(.{2,80})$")
_ROLE = re.compile(r"\s*\([^()]*\)")
_MARK = re.compile(r"[(\[]?\+*\s*([A-Za-zÄÖÜäöü/ -]{2,12}?)\s*\+*[)\]]?")
_MARK_IN_DATELINE = re.compile(
    r"(?:.{0,60}? )?\((ots|dpa(?:/[a-z]{2,4})*|afp|epd|kna|red|pm)\)\s*(?:[-–—:]|$|(?=[A-ZÄÖÜ„]))", re.I
)
_AUTHOR_NOTE = re.compile(
    r"(?:ich bin|(?:er|sie|der autor|die autorin) (?:ist|arbeitet|schreibt|berichtet)|über den autor"
    r"|über die autorin)\b",
    re.I,
)
_CONTACT = re.compile(
    r"(?:presse|medien)?(?:kontakt(?:e|daten|adresse)?|ansprechpartner(?:in|innen|\*in|:in)?"
    r"|ansprechperson(?:en)?)(?: für .{2,60})?\s*:?"
    r"|(?:ihr|ihre|unser) (?:presse)?(?:kontakt|ansprechpartner(?:in)?)\s*:?|pressestelle\s*:|(?:presse"
    r"|medien)?rückfragen(?: .{2,80})?\s*:"
    r"|(?:presse|medien)kontakt\s*:.{1,160}|(?:für (?:weitere |presse|medien)?(?:rück|an|nach)?fragen|bei (?:rück"
    r"|nach)fragen)\b.{0,120}:"
    r"|v\.\s?i\.\s?s\.\s?d\.\s?p\.?.{0,160}|verantwortlich(?: im sinne)?.{0,60}:.{0,120}"
    r"|herausgeber(?:in)?\s*:.{0,160}|weitere(?:r)? (?:presse)?kontakt\s*:?"
    r"|presse(?:amt|team|stelle|sprecher(?:in)?|referat|büro|service)\s*:?|presse- und öffentlichkeitsarbeit\s*:?"
    r"|(?:original-content|pressekontakt)\b.{0,120}",
    re.I,
)
_ABOUT = re.compile(
    r"(?:[Üü]ber uns|ÜBER UNS|[Üü]ber (?:(?:die|den|das) )?[A-ZÄÖÜ][^.!?]{2,80}"
    r"|Zu[rm] (?:Unternehmen|Stiftung|Organisation|Verein|Verband))\s*:?"
)
_ABOUT_US = re.compile(r"über uns|zum unternehmen|hintergrundinformation zum unternehmen|boilerplate", re.I)
_EMBARGO = re.compile(r"(?:achtung[,:!]?\s*)?sperrfrist\b\s*:?\s*(.{0,120})", re.I)
_HOUR = re.compile(r"(\d{1,2})(?:[:.](\d\d))?\s*uhr", re.I)
_SPEECH = re.compile(r"es gilt das gesprochene wort", re.I)
_BACKGROUND = re.compile(r"(?:hintergrund|hinweis|zum hintergrund|information|zahlen und fakten)\b", re.I)
_SHOWS = re.compile(
    r"\b(?:beim|zeigt|zeigen|freuen sich|freut sich|präsentier\w+|überreich\w+|übergab|v\. ?l\.|von links|links|rechts"
    r"|im Bild|blick (?:auf|in)|vor (?:dem|der|einem|einer))\b|^[^.!?„]{3,60}:\s",
    re.I,
)
"""What captions without a label say: who is seen doing what, and where."""
MAX_UNLABELLED = 220
MIN_REPEATED = 25
"""Characters of the shortest line that is taken for the repetition of a caption."""
_LIST_ITEM = re.compile(r"(?:[-–•*·▪◦‣]|\d{1,2}[.)])\s")
_MAIL_SIGNATURE = re.compile(r"--\s*")


OPENING = 6
"""Lines in which a text may state its number."""
MAX_CONTACTS = 20
"""Contact blocks of one text; a joint release of many bodies has a few."""
MAX_TAIL = 12
MAX_BEHIND = 6
"""Lines at the end of a text among which pictures are described: caption and credit of a few."""
MIN_DESCRIPTION = 80
"""Characters of the shortest self-description of an office behind its address."""
_REACHABLE = re.compile(
    r"\b(?:Tel(?:efon)?|Fon|Mobil|Fax|Handy)\b[.:]?\s*[\d+(]|[\w.+-]+(?:@"
    r"|\s?[(\[](?:at|ät)[)\]]\s?)[\w-]+(?:\.[\w-]+)*\.\w{2,}",
    re.I,
)


class PressFields:
    """Slot 400: moves credits, source line, author, contact and self-description from the text into fields."""

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article with these fields; every line taken out is in `removed`."""
        for rule in (_author_note, _contact, _contact_tail, _about, _credits, _source_line, _byline, _embargo):
            article = rule(article)
        return article if article.number else replace(article, number=_number(article, page))


def _number(article: Article, page: Page) -> str | None:
    """The release number in a mail's subject, in the first lines or beside the heading of a page."""
    subject = read_letter(page.capture.body).subject if page.media_type == MAIL else ""
    opening = (line.text.strip() for line in lines(article.text)[:OPENING])
    for text in (normalise_line(subject), *(text for text in opening if not is_sentence(text))):
        if number := find_number(text):
            return number
    return number_near_heading(page.tree, article.title) if page.tree is not None else None


def is_reachable(text: str) -> bool:
    """Whether a line holds a telephone number or a mail address."""
    return bool(_REACHABLE.search(text))


def _author_note(article: Article) -> Article:
    """A name alone on a line and the author's introduction after it, near the end."""
    found = lines(article.text)
    for line in found[-6:]:
        before = found[line.number - 1] if line.number else None
        if before is not None and _AUTHOR_NOTE.match(line.text) and is_person(before.text.strip()):
            author = article.author or before.text.strip()
            return cut_lines(replace(article, author=author), "author-note", [before, line])
    return article


def _second_half(article: Article, line: Line) -> bool:
    return line.number > 0 and line.start >= 0.4 * len(article.text)


def _contact(article: Article) -> Article:
    """Every block from a contact heading in the second half to the end, or to a heading that is no part of it."""
    for _ in range(MAX_CONTACTS):
        shorter = _without_contact(article)
        if shorter is article:
            break
        article = shorter
    return article


def _without_contact(article: Article) -> Article:
    found = lines(article.text)
    for line in found:
        text = line.text.strip()
        heading = len(text) <= 200 and _CONTACT.fullmatch(text)
        if not (_MAIL_SIGNATURE.fullmatch(line.text) or heading) or not _second_half(article, line):
            continue
        block = [line]
        for other in found[line.number + 1 :]:
            if len(other.text) > 250 or _about_heading(other.text) or _BACKGROUND.match(other.text) or len(block) > 25:
                break
            block.append(other)
        count = _described_from(block)
        about = "\n".join(part.text.strip() for part in block[count:])
        if about:
            article = replace(article, boilerplate=f"{article.boilerplate}\n{about}" if article.boilerplate else about)
            article = cut_lines(article, "about", block[count:])
        contact = "\n".join(part.text.strip() for part in block[:count])
        merged = f"{article.contact}\n{contact}" if article.contact else contact
        return cut_lines(replace(article, contact=merged), "contact", block[:count])
    return article


def _described_from(block: list[Line]) -> int:
    """How many lines of a contact block are addresses: a heading and running text after them describe the office."""
    reachable = next((index for index, line in enumerate(block) if _REACHABLE.search(line.text)), len(block))
    for index in range(reachable + 1, len(block) - 1):
        heading, text = block[index].text.strip(), block[index + 1].text.strip()
        if (
            len(heading) <= 80
            and not _REACHABLE.search(heading)
            and not re.search(r"[\d:]", heading)
            and len(text) >= MIN_DESCRIPTION
            and is_sentence(text)
        ):
            return index
    return len(block)


def _contact_tail(article: Article) -> Article:
    """Short lines at the very end, with a telephone number or a mail address among them: a contact without heading."""
    found = lines(article.text)
    tail: list[Line] = []
    for line in reversed(found[-MAX_TAIL:]):
        if len(line.text) > 120 or is_sentence(line.text) or not _second_half(article, line):
            break
        tail.insert(0, line)
    reachable = [line for line in tail if _REACHABLE.search(line.text)]
    if not reachable or len(tail) == len(found):
        return article
    # a subheading or a list before the block is no part of it: at most three lines of names and offices are
    tail = [line for line in tail if line.number >= reachable[0].number - 3]
    contact = "\n".join(line.text.strip() for line in tail)
    merged = f"{contact}\n{article.contact}" if article.contact else contact
    return cut_lines(replace(article, contact=merged), "contact", tail)


def _about_heading(text: str) -> bool:
    text = text.strip()
    return len(text) <= 100 and bool(_ABOUT.fullmatch(text)) and not re.search(r"[.!?]$", text)


def _about(article: Article) -> Article:
    """The self-description of the publisher at the end, from its heading on."""
    found = lines(article.text)
    for line in found:
        if not _about_heading(line.text) or line.start < 0.5 * len(article.text) or line.number == len(found) - 1:
            continue
        block = list(found[line.number :])
        # a heading such as "Über die Brücke" in the middle of an article is followed by further headings and much text
        if len(block) > 6 and not _ABOUT_US.match(line.text):
            continue
        # an office describes itself in sentences; short lines under such a heading are the page's own list
        if not any(len(part.text) >= MIN_DESCRIPTION for part in block[1:3]):
            continue
        boilerplate = "\n".join(part.text for part in block)
        merged = f"{article.boilerplate}\n{boilerplate}" if article.boilerplate else boilerplate
        return cut_lines(replace(article, boilerplate=merged), "about", block)
    return article


def _credits(article: Article) -> Article:
    """Credit and caption lines anywhere, credits in brackets at the end of a line."""
    found: list[Credit] = list(article.credits)
    doomed: list[Line] = []
    spans: list[tuple[int, int]] = []
    rows = lines(article.text)
    captions = frozenset(plain(credit.text) for credit in article.credits if credit.kind == "caption")
    for line in rows:
        text = line.text.strip()
        match = _CREDIT.fullmatch(text) if len(text) <= 200 else None
        if match:
            before = rows[line.number - 1] if line.number > 1 and line.number >= len(rows) - MAX_BEHIND else None
            if before is not None and before not in doomed and _is_unlabelled(before.text.strip()):
                found.append(Credit(kind="caption", text=before.text.strip()))
                doomed.append(before)
            named = match.group(1).strip()
            # "Bild: Die Geehrten (Foto: Kreis)" is a caption with its credit
            inner = _INLINE_CREDIT.search(named)
            found.extend(split_credit(named, photo=False) if inner else (Credit(kind="photo", text=named),))
            doomed.append(line)
        elif is_caption(text):
            found.extend(split_credit(caption_text(text), photo=False))
            doomed.append(line)
        elif _is_one_of(text, captions):
            doomed.append(line)
        elif inline := (
            _GLUED_CREDIT.match(line.text) or _INLINE_CREDIT.search(line.text) or _BEHIND_SENTENCE.search(line.text)
        ):
            found.append(Credit(kind="photo", text=inline.group(1).strip()))
            spans.append((line.start + inline.start(), line.start + inline.end()))
    article = cut(replace(article, credits=tuple(dict.fromkeys(found))), "credit", spans)
    if spans:
        texts = {line.text for line in doomed}
        doomed = [line for line in lines(article.text) if line.text in texts]
    return cut_lines(article, "credit", doomed)


def _is_one_of(text: str, captions: frozenset[str]) -> bool:
    """Whether a line is a caption that the page shows a second time: one sentence at most, too long for a name."""
    return (
        bool(captions)
        and MIN_REPEATED <= len(text) <= MAX_UNLABELLED
        and not re.search(r"[.!?]\s+[A-ZÄÖÜ„]", text)
        and plain(text) in captions
    )


def _is_unlabelled(text: str) -> bool:
    """Whether the line above a credit at the end of a text is the caption: one sentence that says what is seen."""
    return (
        20 <= len(text) <= MAX_UNLABELLED
        and not _LIST_ITEM.match(text)
        and not re.search(r"[.!?]\s+[A-ZÄÖÜ„]|[„“\"]", text)
        and bool(_SHOWS.search(text))
    )


def _edge_lines(article: Article, count: int = 3) -> list[Line]:
    found = lines(article.text)
    return [line for line in found if line.number < count or line.number >= len(found) - count]


def _source_line(article: Article) -> Article:
    for line in _edge_lines(article):
        match = _SOURCE.fullmatch(line.text.strip())
        if match and len(line.text) <= 160:
            return cut_lines(replace(article, source_line=article.source_line or match.group(1)), "source-line", [line])
    return article


def _persons(text: str) -> tuple[str, ...]:
    """The persons a byline begins with; places, papers and roles behind them ("…, Frankfurt") are no part of them."""
    return tuple(takewhile(is_person, byline_names(_ROLE.sub("", text))))


def _byline(article: Article) -> Article:
    """A byline or an agency's sign as a line of its own, and a sign within the dateline."""
    for line in _edge_lines(article):
        text = line.text.strip()
        match = _BYLINE.fullmatch(text)
        if match:
            name = match.group("names")
            if re.fullmatch(r"[A-ZÄÖÜ]{2,5}", name):
                return cut_lines(replace(article, agency=article.agency or name), "agency-mark", [line])
            photo = _PHOTO_BEHIND.search(name)
            name = name[: photo.start()] if photo else name
            persons = _persons(name)
            office = not persons and is_office(name) and line.number < 3 and len(name) <= 50 and not is_sentence(text)
            if photo and (persons or office):
                article = replace(article, credits=(*article.credits, Credit(kind="photo", text=photo.group(1))))
            if persons:
                article = replace(article, author=article.author or "; ".join(persons))
            if any(days_in(text)):
                # the rule for date lines reads the day, and cuts the line
                continue
            if persons or office:
                return cut_lines(article, "byline", [line])
        mark = _MARK.fullmatch(text)
        if mark and AGENCY_MARK.fullmatch(mark.group(1).lower()):
            return cut_lines(replace(article, agency=article.agency or mark.group(1)), "agency-mark", [line])
    opening = (_MARK_IN_DATELINE.match(line.text) for line in lines(article.text)[:3])
    inside = next((match for match in opening if match), None)
    return replace(article, agency=inside.group(1)) if inside and not article.agency else article


def _embargo(article: Article) -> Article:
    """The embargo stays in the text; who may read when is decided when reading."""
    notes = article.notes
    for line in lines(article.text)[:8]:
        match = _EMBARGO.match(line.text.strip())
        if match and not article.embargo:
            until = _moment(match.group(1))
            article = replace(article, embargo=line.text.strip()[:200], embargo_until=article.embargo_until or until)
    if _SPEECH.search(article.text) and "speech" not in notes:
        article = replace(article, notes=(*notes, "speech"))
    return article


def _moment(text: str) -> datetime | None:
    """The end of an embargo in Berlin time; the start of the day where no hour is given."""
    day = parse_day(text)
    if day is None:
        return None
    hour = _HOUR.search(text)
    hours, minutes = (int(hour.group(1)), int(hour.group(2) or 0)) if hour else (0, 0)
    if hours > 23 or minutes > 59:
        return None
    return datetime(day.year, day.month, day.day, hours, minutes, tzinfo=BERLIN)
