"""Slot 250, chiefly for texts without markup: title, subtitle and issuer from the lines before the first sentence.

Text files, mails, PDF and Word documents open as letters do: name and address of the office, the kind of document,
number and day, then the title. What stands above the title is letterhead, whatever it looks like.
"""

import re
from collections.abc import Iterable
from dataclasses import replace
from itertools import islice, takewhile

from lxml.html import HtmlElement

from archive_pipeline.clean.boilerplate import is_furniture, is_sentence
from archive_pipeline.clean.layout import runs_on
from archive_pipeline.clean.markup import element_text
from archive_pipeline.clean.persons import is_office, is_person
from archive_pipeline.clean.spans import Line, cut_lines, lines, plain
from archive_pipeline.clean.title import find_heading
from archive_pipeline.model import Article, Source
from archive_pipeline.protocols import Page

__all__ = ["Headlines"]

MAX_OPENING = 16
"""Lines before the first sentence that can be letterhead, title and subtitle."""
MAX_TITLE_LINES = 3
MAX_OVERLINE = 80
MAX_ABOVE = 3
"""Lines above the heading that the extractor may have taken with the text."""
MIN_SUBTITLE = 15
_OVERLINES = frozenset({"p", "div", "span", "small", "strong", "h2", "h3", "h4"})
_PATH = re.compile(r"(?:start|startseite|home)\s*(?:[»›>/|]|::)\s*\S", re.I)

_ISSUER = re.compile(
    r"(?:die |der |das )?(?:CDU|CSU|SPD|FDP|GRÜNEN?|Grünen?|Bündnis 90|BÜNDNIS 90|DIE LINKE|Die Linke|AfD|BSW|Volt"
    r"|Freie Wähler|FREIE WÄHLER|Piratenpartei|UWG|DRK|AWO|NABU|BUND|ADFC|DGB|IHK|Caritas|Diakonie|VdK|Kreis"
    r"|Landkreis|Stadt|Gemeinde|Landratsamt|Bezirk|Samtgemeinde|Verbandsgemeinde|Ministerium|Bundesverband"
    r"|Landesverband|Kreisverband|Ortsverband|Ortsverein|Kreistagsfraktion|Polizei\w*|Finanzamt|Amt|Universität"
    r"|Hochschule|Der (?:Landrat|Bürgermeister|Oberbürgermeister|Magistrat|Kreisausschuss)"
    r"|Die (?:Landrätin|Bürgermeisterin|Oberbürgermeisterin))\b"
    r"|(?:[A-ZÄÖÜ][a-zäöüß]+(?:er|ische[rs]?) )?(?:\w+(?:kreis|verein|präsidium|regierung|schaft|stiftung|fraktion)"
    r"|\w*(?:[Mm]inisterium|[Vv]erband|[Kk]ammer))\b"
)
_ISSUER_BODY = re.compile(
    r"verband|verein|fraktion|kreis\b|\bkreis|gemeinde|\bstadt\b|\bamt\b|ministerium|stiftung|bezirk|\blandtag"
    r"|bundestag|partei|schaft\b|kammer|präsidium|regierung|polizei|finanzamt|ratsamt|universität|hochschule"
    r"|landrat|landrätin|bürgermeister|magistrat|ausschuss|e\.\s?V\.",
    re.I,
)
_ADVERBIAL = re.compile(
    r"\s(?:für|im|in|aus|mit|zum|zur|zu|an|am|auf|bei|beim|durch|gegen|nach|über|um|unter|vom|von|vor|zwischen)\s.*"
)
"""What follows a preposition doesn't say who speaks: "Mehr Busse für den Landkreis" is no office."""
_VERB_LIKE = re.compile(
    r"\b(?:ist|sind|war|wird|werden|wurde|hat|haben|besucht|fordert|fordern|lädt|laden|informiert|stellt|stellen"
    r"|bleibt|bleiben|kommt|kommen|geht|gehen|setzt|setzen|will|wollen|soll|sollen|sucht|suchen|startet|starten"
    r"|begrüßt|kritisiert|unterstützt|warnt|warnen|bittet|erhält|feiert|plant|planen|wählt|wählen|zeigt|macht|gibt"
    r"|sagt|fördert|fördern|ehrt|baut|bauen|lehnt|ordnet|erneuert|öffnet|steigt|steigen|sinkt|dankt|wächst|zieht"
    r"|schließt|verleiht|verlängert|gewinnt|präsentiert|veröffentlicht|verabschiedet|beschließt|beginnt|hilft"
    r"|schafft|führt|bringt|nimmt|legt|bietet|ruft|kann|darf|muss|müssen|braucht|brauchen"
    # names of bodies hold no lower-case words in -t: "Landkreis testet", "Stadt saniert"
    r"|[a-zäöüß]{3,}t)\b"
)
_KIND = re.compile(
    r"(?:\w+ )?(?:(?:presse|medien)\W?(?:mitteilung|meldung|information|info|dienst|erklärung|einladung|notiz)\w*)"
    r"\b.{0,60}$|gemeinsame (?:presse|medien)(?:mitteilung|erklärung|information)\b.{0,140}$",
    re.I,
)
_DAY_END = re.compile(
    r".{0,60}\b\d{1,2}\.\s?(?:\d{1,2}\.|[A-ZÄ][a-zä]+)\s?\d{2,4}\.?(?:,? \d{1,2}[:.]\d\d(?: uhr)?)?$", re.I
)
_NUMBER = re.compile(r"(?:nr\.?|nummer|pm|pi|az\.?|aktenzeichen:?|datum:?)\s.{0,30}\d.{0,20}$", re.I)
_ADDRESS = re.compile(
    r"(?:tel(?:efon)?|fon|fax|telefax|mobil|e-?mail|internet|web|postfach|postanschrift|zimmer|auskunft erteilt"
    r"|ansprechpartner(?:in)?|durchwahl|presse(?:stelle|amt|referat|büro|sprecher(?:in)?)|redaktion)\b.{0,80}$"
    r"|.{0,60}(?:\(0\d{2,5}\)|\b0\d{2,5}[ /-]\d{2})|.{0,60}@|https?://|www\.|(?:.{0,60}\W)?\d{5} [A-ZÄÖÜ][\w .-]{2,40}$"
    r"|[A-ZÄÖÜ][\w.-]+(?: [\w.-]+){0,3} \d{1,3}[a-z]?(?:-\d{1,3})?$",
    re.I,
)
_NO_TITLE = re.compile(
    r"(?:sehr geehrte|liebe |guten tag|hallo)"
    r"|v\. ?l\. ?n\. ?r\.|(?:fotos?|bild|quelle|copyright|kontakt|datum|von|autor|by|sperrfrist|achtung|frei ab"
    r"|meldungsdatum|stand|nr\.|ort|an|an die redaktionen|zur sofortigen veröffentlichung|mit der bitte um .{0,30})"
    r"(?:\s*:|$)|sperrfrist|(?:foto|bild)unterschrift|[\d\W]*$|\d{1,2}\.\s?(?:\d{1,2}\.|[A-ZÄ][a-zä]+\s\d{4})"
    r"|https?://|www\.|.{0,40}@|by [A-Z]",
    re.I,
)
_BY = re.compile(r"^(?:Von|Text:|Autor(?:in)?:)\s+")
_SENTENCE = re.compile(r"[.!?…][\"“”»«’')]*$")
_SENTENCE_INSIDE = re.compile(r"[A-ZÄÖÜa-zäöüß]{3}[.!?][“”\"]? [„\"]?[A-ZÄÖÜ].*[^.!?…“”\"»)]$")
"""A sentence and the beginning of another one: the first line of a paragraph that was broken at a width."""
_UNFINISHED = re.compile(r"[,;:]$")


class Headlines:
    """Slot 250 for texts without markup: fills title, subtitle and source line; letterhead goes to the fields."""

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article with the headlines it lacks; the lines they came from are cut."""
        if not article.text:
            return article
        if page.tree is not None:
            if article.title is None:
                return _with_first_line(article)
            article = _without_overline(article, page.tree)
            article = article if article.subtitle else _with_emphasised(article, page.tree)
            return article if article.subtitle else _with_second_heading(article, page.tree)
        found = lines(article.text)
        first = next((line.number for line in found if is_sentence(line.text)), len(found))
        if first == len(found):
            head = [line for line in found[:1] if len(found) > 1 and _may_be_title(line.text)]
            return _with_headlines(article, head, page.text)
        article = _without_letterhead(article, found[: min(first, MAX_OPENING)])
        found = lines(article.text)
        first = next((line.number for line in found if is_sentence(line.text)), len(found))
        return _with_headlines(article, [x for x in found[: min(first, 12)] if _may_be_title(x.text)], page.text)


def _with_first_line(article: Article) -> Article:
    """The article with the first line before its first sentence as title: pages that have neither a title of their own
    nor a heading set it in large type."""
    for line in takewhile(lambda line: not is_sentence(line.text), lines(article.text)[:MAX_ABOVE]):
        if _may_be_title(line.text) and not _is_letterhead(line.text) and not _UNFINISHED.search(line.text):
            return cut_lines(replace(article, title=line.text.strip()), "headline", [line])
    return article


def _without_overline(article: Article, tree: HtmlElement) -> Article:
    """The article without a first line that stands above the heading: a kicker, or the path through the site."""
    opening = next(iter(lines(article.text)), None)
    heading = find_heading(tree, article.title)
    if opening is None or heading is None or len(opening.text) > MAX_OVERLINE or _SENTENCE.search(opening.text):
        return article
    if _PATH.match(opening.text):
        return cut_lines(article, "breadcrumb", [opening])
    for element in islice(heading.itersiblings(preceding=True), 3):
        if element.tag in _OVERLINES and plain(element_text(element)) == plain(opening.text):
            return cut_lines(article, "kicker", [opening])
    return cut_lines(article, "above-heading", _above(article, tree, heading))


def _above(article: Article, tree: HtmlElement, heading: HtmlElement) -> list[Line]:
    """The short lines a text opens with that stand above the heading, and nowhere below it: the site's motto, the name
    of a section."""
    opening: list[Line] = []
    for line in lines(article.text)[:MAX_ABOVE]:
        if len(line.text) > MAX_OVERLINE or is_sentence(line.text):
            break
        opening.append(line)
    wanted = {plain(line.text) for line in opening}
    initials = {line.text[0] for line in opening}
    if not opening:
        return []
    above: set[str] = set()
    below: set[str] = set()
    shown = above
    for element in tree.iter(*_OVERLINES, "h1", "li", "a", "b", "em", "i", "td", "dt", "dd"):
        if element is heading:
            shown = below
        elif (
            (text := (element.text or "").strip()[: 2 * MAX_OVERLINE])
            and text[0] in initials
            and (comparable := plain(text)) in wanted
        ):
            shown.add(comparable)
    doomed: list[Line] = []
    for line in opening:
        if plain(line.text) not in above - below:
            break
        doomed.append(line)
    return doomed


def _with_second_heading(article: Article, tree: HtmlElement) -> Article:
    """The article with the heading that opens its text as subtitle, where it follows the title and is the only one of
    its kind: further ones would make it the first section."""
    heading = find_heading(tree, article.title)
    parent = heading.getparent() if heading is not None and heading.tag == "h1" else None
    second = list(parent.iter("h2")) if parent is not None else []
    if len(second) != 1 or second[0].getparent() is not parent:
        return article
    text = plain(element_text(second[0]))
    for line in lines(article.text)[:MAX_ABOVE]:
        if is_sentence(line.text):
            break
        if plain(line.text) == text and MIN_SUBTITLE <= len(line.text) <= 160:
            return cut_lines(replace(article, subtitle=line.text), "headline", [line])
    return article


def _with_emphasised(article: Article, tree: HtmlElement) -> Article:
    """The article with the emphasised line that opens its text as subtitle: "<p><em>Kreistag berät …</em></p>"."""
    heading = plain(article.title or "")
    opening, following = (*[x for x in lines(article.text)[:3] if plain(x.text) != heading][:2], None, None)[:2]
    if opening is None or following is None or not is_sentence(following.text):
        return article
    text = opening.text.strip()
    if (
        not 15 <= len(text) <= 160
        or text[0] in '„“”»"'
        or is_sentence(text)
        or _UNFINISHED.search(text)
        or not _may_be_title(text)
    ):
        return article
    if text[-1] in ".!?)" or len(text.split()) < 3:
        return article
    for element in tree.iter("em", "i", "strong", "b"):
        shown = element_text(element) if (element.text or "").strip()[:10] == text[:10] else ""
        block = element.getparent()
        if shown == text and block is not None and block.tag in ("p", "div") and element_text(block) == text:
            return cut_lines(replace(article, subtitle=text), "headline", [opening])
    return article


def _is_marker(text: str) -> bool:
    """Whether a line tells kind, number or day of the document: what stands between letterhead and title."""
    return bool(_KIND.match(text) or _DAY_END.match(text) or _NUMBER.match(text))


def _may_be_title(text: str) -> bool:
    return not (
        is_furniture(text) or _is_marker(text) or _NO_TITLE.match(text) or is_person(_BY.sub("", text))
    ) and bool(re.search(r"[^\W\d_]{3}", text))


def _without_letterhead(article: Article, opening: tuple[Line, ...]) -> Article:
    """Names of offices go to the source line, their addresses to the contact, where a title follows them."""
    named = [line for line in opening if article.title and plain(line.text) == plain(article.title)]
    titles = named or [line for line in opening if _may_be_title(line.text) and not _is_letterhead(line.text)]
    if not titles:
        return article
    marker = max((x.number for x in opening if _is_marker(x.text) and x.number < titles[-1].number), default=-1)
    # a short line above kind and day of the document belongs to the letterhead even when it could be a title
    behind = [line for line in titles if line.number > marker]
    if not named and marker > titles[0].number and all(_is_short(x.text) for x in titles if x.number < marker):
        titles = behind
    above = [line for line in opening if line.number < titles[0].number and not _is_marker(line.text)]
    contact = [line for line in above if _ADDRESS.match(line.text) and not _is_issuer(line.text)]
    offices = [line for line in above if _is_issuer(line.text)]
    offices += [x for x in above if x.number < marker and _may_be_title(x.text) and x not in (*contact, *offices)]
    offices += [line for line in opening if line.number > titles[0].number and _is_issuer(line.text)]
    if offices:
        article = replace(article, source_line=article.source_line or offices[0].text)
    if contact:
        stated = "\n".join(line.text for line in contact)
        article = replace(article, contact=f"{stated}\n{article.contact}" if article.contact else stated)
    return cut_lines(article, "letterhead", {*offices, *contact})


def _is_letterhead(text: str) -> bool:
    return _is_issuer(text) or bool(_ADDRESS.match(text))


def _is_short(text: str) -> bool:
    """Whether a line could be the name of a body that no list knows: a few words, no verb, no punctuation."""
    return len(text.split()) <= 5 and not _VERB_LIKE.search(text) and not re.search(r"[:!?.–„\"]", text)


def _with_headlines(article: Article, head: Iterable[Line], source: str) -> Article:
    """The article with title and subtitle from these lines; `source` is the text as it was laid out."""
    head = [line for line in head if len(line.text) <= 200 and not _UNFINISHED.search(line.text)]
    if not head:
        return article
    title = article.title
    if title is None:
        title = head[0].text
    doomed = _shown(head, title)
    rest = [line for line in head if line not in doomed]
    subtitle = article.subtitle
    # one line between title and body is a subtitle; several are a list or subheadings of unknown rank
    below = doomed and subtitle is None and len(rest) == 1 and rest[0].number > doomed[0].number
    if below and len(rest[0].text) >= 15 and not _opens_paragraph(rest[0].text, source):
        subtitle = rest[0].text
        doomed.append(rest[0])
    return cut_lines(replace(article, title=title, subtitle=subtitle), "headline", doomed)


def _opens_paragraph(text: str, source: str) -> bool:
    """Whether a line is no headline but the beginning of running text: a sentence ends within it and another begins,
    or it is the first line of a block, or the next line goes on with it."""
    if _SENTENCE_INSIDE.search(text):
        return True
    rows = [" ".join(row.split()) for row in source.split("\n")]
    if text not in rows:
        return False
    number = rows.index(text)
    above, following = rows[number - 1] if number else "", next(iter(rows[number + 1 :]), "")
    return bool(following) and (not above or runs_on(text, following) or not is_sentence(following))


def _shown(head: list[Line], title: str) -> list[Line]:
    """The lines that show the title: one that reads like it, or neighbours that do together."""
    wanted = plain(title)
    equal = [line for line in head if plain(line.text) == wanted]
    for start in range(len(head)) if not equal else ():
        for count in range(2, MAX_TITLE_LINES + 1):
            run = head[start : start + count]
            if plain(" ".join(line.text for line in run)) == wanted:
                return run
    return equal


def _is_issuer(text: str) -> bool:
    """Whether a line is the name of a body ("CDU Kreisverband Lippe"), not a headline about one."""
    return (
        len(text) <= 90
        and (bool(_ISSUER.match(text)) or (is_office(_ADVERBIAL.sub("", text)) and len(text.split()) <= 6))
        and bool(_ISSUER_BODY.search(text))
        and not re.search(r"[:@]|\d{3}", text)
        and not _VERB_LIKE.search(text)
        and not _SENTENCE.search(text.removesuffix("e.V.").removesuffix("e. V."))
    )
