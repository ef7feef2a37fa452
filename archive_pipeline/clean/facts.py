"""Slot 150: what the markup says about a release, read before the extractor discards it.

Title, subtitle, author, captions and canonical address come from headings, meta elements and structured data; of
a mail from its headers; of a PDF from its properties, or its name where it holds pictures alone; of Markdown from its
front matter. Plain text has no markup: `headlines` reads its first lines.
"""

import re
from dataclasses import replace
from itertools import islice, takewhile
from urllib.parse import unquote, urlsplit

from lxml.html import HtmlElement

from archive_pipeline.clean.charset import decode
from archive_pipeline.clean.documents import READERS, front_matter, read_document
from archive_pipeline.clean.figures import split_credit
from archive_pipeline.clean.markup import Markup, element_text, markup_of
from archive_pipeline.clean.page import MAIL, MARKDOWN
from archive_pipeline.clean.persons import byline_names, is_office, is_person
from archive_pipeline.clean.spans import plain, terms
from archive_pipeline.clean.text import normalise_line
from archive_pipeline.clean.title import find_title
from archive_pipeline.errors import Skip
from archive_pipeline.language.days import days_in
from archive_pipeline.mail import read_letter
from archive_pipeline.model import Article, Capture, Credit, Source
from archive_pipeline.protocols import Page

__all__ = ["EarlyFacts"]

MAX_CREDITS = 12
_SUBJECT_PREFIX = re.compile(
    r"^(?:(?:re|aw|fwd?|wg|antw|tr)(?:\[\d+\])?\s*:\s*"
    r"|[\[(](?:extern|external|pm|presse\w*|spam)[\])]\s*:?\s*"
    r"|sperrfrist:?\s.{0,60}?(?:uhr|\d{4}(?!.{0,15}\buhr))\s*[:|,–-]+\s*"
    r"|(?:(?:presse|medien)(?:mitteilung|meldung|information|info|erklärung)|pm|pi)"
    r"(?:\s+(?:nr\.?|nummer)?\s*\d[\w./-]*)?(?:\s+(?:vom\s+)?\d{1,2}\.\s?\d{1,2}\.\s?\d{2,4})?"
    r"(?:\s+(?:der|des|von|vom)\s[^:|–]{2,60})?\s*(?::|\||\s[–-])\s*)+",
    re.I,
)
"""What press offices and mail programs write before the title in a subject."""
MAX_SUBJECT = 500
"""Characters of a subject that are looked at."""
_SUBJECT_SUFFIX = re.compile(
    r"\s*(?:[–,;|(-]|\.|//)\s*(?:(?:mit der )?bitte (?:um|zur) (?:\w+ ){0,2}(?:veröffentlichung|abdruck|beachtung"
    r"|verbreitung|berichterstattung)|zur (?:sofortigen )?veröffentlichung|sperrfrist\b.{0,60}"
    r"|(?:presse|medien)(?:mitteilung|meldung|information)(?:\s.{0,30})?)\s*[.!)]?$",
    re.I,
)
"""One request or notice that press offices write behind the title in a subject."""
_CAPTION = re.compile(r"caption|bildunterschrift|bildtext|image-?text|media__?description", re.I)
_PHOTO = re.compile(r"copyright|credit|bildnachweis|fotonachweis|bildquelle|photographer|fotograf", re.I)
_PICTURE = re.compile(r"image|picture|photo|foto|bild(?!ung)", re.I)
_CREDITED = re.compile(r"(?:fotos?|bild(?:quelle|nachweis)?|quelle|copyright)\s*:|©|\(c\)", re.I)
_RIGHTS = re.compile(
    r"^\W*(?:copyright|©|\(c\))?\W*(?:19|20)\d\d\b|all rights reserved|alle rechte|impressum|datenschutz", re.I
)
"""What stands in a copyright line of the site, which is no photo credit."""
_FOOTER = re.compile(r"(?:^|[-_])(?:footer|foot|fuss)(?:$|[-_])", re.I)
_SUBTITLE = re.compile(r"sub-?(?:title|headline|head)|unter(?:titel|zeile|überschrift)", re.I)
_BYLINE = re.compile(
    r"(?:\b|_)authors?(?:\b|_)|author[-_]{0,2}name|byline|(?:\b|_)autor(?:in|en)?\b|post-author|entry-author|verfasser",
    re.I,
)


_NAME_PART = re.compile(r"\bfn\b|\bauthor\b(?!-)|(?:^|\s)name(?:$|\s)|author-?name|url", re.I)
_COMMENT = re.compile(r"comment(?!s?-(?:open|closed|link|count))|kommentar|respond", re.I)
_WHEN = re.compile(
    r"\d{1,2}[.:]|(?:19|20)\d\d(?!\d)|^(?:(?:mon|diens|donners|frei|sams|sonn)tag|mittwoch|sonnabend)\b"
    r"|^(?:januar|februar|märz|april|mai|juni|juli|august|september|oktober|november|dezember) \d",
    re.I,
)
_LETTERS = re.compile(r"[^\W\d_]{2}")
_SECTION = re.compile(
    r"(?:in|im|unter|quelle|paid|hinterlasse|schreibe|ein)\b"
    r"|(?:interview|rede|kolumne|nachricht|meldung|beitrag|artikel|kommentar|gespräch|wortlaut|statement)\b",
    re.I,
)
"""What stands where a byline is expected and is none: sections, links to forms, kinds of text."""
_PARTICLE = re.compile(r"(?:von|vom|van|de|del|della|den|der|di|da|du|zu|zum|zur|ten|ter|el|al|bin)\b")
_CARD_LABEL = re.compile(r"verfasst|geschrieben|written|autor|author|von\b", re.I)
_LABELLED = (
    "b",
    "strong",
    "span",
    "p",
    "div",
    "dt",
    "th",
    "td",
    "li",
    "em",
    "i",
    "small",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
)
_AUTHOR_LABEL = re.compile(
    r"\s*(?P<label>von|by|text|autor(?:/-?in|in(?:/autor)?|en|innen|:in|\*in|innen und autoren)?"
    r"|verfasser(?:/-?in|in|:in)?|(?:verfasst|geschrieben|eingestellt|erstellt) von"
    r"|redakteur(?:in)?)\s*(?P<colon>:?)\s*(?=$|[A-ZÄÖÜ])",
    re.I,
)
_AUTHOR_PAGE = re.compile(r"/(?:autor(?:en|in|innen)?|authors?|redakteure?|personen?|team)/", re.I)
_PIECE = re.compile(r"\s*(?:[|•·]|\s[–-](?=\s)|(?<=\d)\s+-)\s*")
_DESK = re.compile(r"^(?:redaktion|text|ansprechpartner(?:in)?|verantwortlich)\s*:\s*|\s*\([^()]*\)", re.I)
_AUTHOR_META = ("author", "article:author", "dc.creator", "dcterms.creator", "parsely-author")
_NO_NAME = terms(
    """von|by|autor|autorin|autoren|text|posted by|posted on|geschrieben von|verfasst von|veröffentlicht von|author
    |admin|redaktion|alle artikel|kontakt|mehr|foto|fotos|interview|am|in|artikel von|ein beitrag von|profil|facebook
    |twitter|beitragsautor|uncategorized|allgemein|details"""
)
MAX_BYLINE = 200
MAX_MARKED, MAX_WITHIN = 500, 500
"""Elements marked as byline that are looked at, and elements within one: its name stands at its beginning."""
OPENING = 1_500
"""Characters of a PDF within which its title must stand."""
_NO_SUBJECT = terms(
    """|pressemitteilung|pressemeldung|presseinformation|presseinfo|medienmitteilung|medieninformation|pm|presse
    |mitteilung|kein betreff|ohne betreff|no subject|newsletter"""
)


_LONG_WORD = re.compile(r"[^\W\d_]{3,}")
_FILE_NAME = re.compile(r"\.\w{2,4}$|_|^(?:microsoft \w+ - |scan|gescannt|unbenannt|untitled|dokument)", re.I)
_EXTENSION = re.compile(r"(?:\.[A-Za-z]{2,4})?\.[A-Za-z0-9]{2,4}$")
_NAME_JOINT = re.compile(r"[_+]+|(?<!\d)-|-(?!\d)")


class EarlyFacts:
    """Slot 150: fills the fields that markup, mail headers or front matter name and that are still empty."""

    def clean(self, article: Article, page: Page, source: Source) -> Article:
        """The article with what the markup says; its text is left alone. Raises Skip for what mail programs answer."""
        capture = page.capture
        article = replace(article, url=article.url or capture.url, media_type=page.media_type)
        if page.media_type == MAIL:
            return _from_mail(article, capture)
        if page.media_type in READERS:
            return _from_document(article, page)
        if page.media_type == MARKDOWN:
            return _from_front_matter(article, capture)
        tree = page.tree
        return article if tree is None else _from_markup(article, tree, capture)


def _from_mail(article: Article, capture: Capture) -> Article:
    letter = read_letter(capture.body)
    if letter.is_automatic:
        raise Skip("automatische Antwort oder Zustellbericht, keine Meldung")
    title = _SUBJECT_PREFIX.sub("", normalise_line(letter.subject[:MAX_SUBJECT]))
    while (shorter := _SUBJECT_SUFFIX.sub("", title)) != title:
        title = shorter
    title = title.strip(" :|–-")
    # "Pressemitteilung" alone says nothing: then the first lines of the mail name the release
    if plain(title) in _NO_SUBJECT or not re.search(r"[^\W\d_]{3}", title):
        title = ""
    return replace(article, title=article.title or title or None, url=article.url or letter.url)


def _from_document(article: Article, page: Page) -> Article:
    """The title in the document's properties, when its beginning shows it: many properties hold file names."""
    document = read_document(page.media_type, page.capture.body)
    article = replace(article, notes=tuple(dict.fromkeys((*article.notes, *document.notes))))
    title = normalise_line(document.title)
    if article.state == "no_text_layer":
        return replace(article, title=article.title or _name_of(page.capture, title))
    shown = f" {plain(page.text[:OPENING])} "
    known = 10 <= len(title) <= 250 and f" {plain(title)} " in shown and len(title.split()) >= 3
    return replace(article, title=article.title or title) if known else article


def _name_of(capture: Capture, stated: str) -> str:
    """What to call a document without text: by the feed that offered it, its own properties where they hold a title and
    no file name, or the name of its file."""
    offered = normalise_line(capture.title)
    if offered:
        return offered
    if len(stated) >= 10 and len(_LONG_WORD.findall(stated)) >= 2 and not _FILE_NAME.search(stated):
        return stated
    path = unquote(urlsplit(capture.url).path) if capture.url else capture.key
    name = path.rstrip("/").rpartition("/")[2]
    return normalise_line(_NAME_JOINT.sub(" ", _EXTENSION.sub("", name))) or normalise_line(path) or "PDF"


def _from_front_matter(article: Article, capture: Capture) -> Article:
    fields, _ = front_matter(decode(capture))
    return replace(
        article,
        title=article.title or fields.get("title") or fields.get("titel"),
        subtitle=article.subtitle or fields.get("subtitle") or fields.get("untertitel"),
        author=article.author or fields.get("author") or fields.get("autor"),
    )


def _from_markup(article: Article, tree: HtmlElement, capture: Capture) -> Article:
    markup = markup_of(tree)
    return replace(
        article,
        title=article.title or find_title(markup, tree, capture.url, capture.title),
        subtitle=article.subtitle or _subtitle(tree),
        author=article.author or _author(markup, tree),
        url=_canonical(tree) or article.url,
        credits=article.credits or _credits(tree),
    )


def _canonical(tree: HtmlElement) -> str | None:
    for link in tree.iter("link"):
        href = (link.get("href") or "").strip()
        if (link.get("rel") or "").lower() == "canonical" and href.startswith(("http://", "https://")):
            return href
    return None


def _subtitle(tree: HtmlElement) -> str | None:
    """An element that the page itself calls the subtitle of its first heading."""
    heading = next(tree.iter("h1"), None)
    if heading is None:
        return None
    for element in heading.itersiblings():
        if _SUBTITLE.search(element.get("class") or ""):
            text = element_text(element)
            return text if 10 <= len(text) <= 300 else None
    return None


def _author(markup: Markup, tree: HtmlElement) -> str | None:
    """Persons before accounts and offices: structured data, meta elements, elements marked as byline."""
    stated = [name for person in markup.data.persons for name in byline_names(person)]
    if not any(map(is_person, stated)):
        named = (byline_names(text) for text in (markup.first(*_AUTHOR_META) or "", _card_author(markup)))
        stated = next((list(names) for names in named if any(map(is_person, names))), stated)
    if not any(map(is_person, stated)):
        account = markup.first(*_AUTHOR_META) or ""
        stated = _bylines(tree) or _dated_byline(tree) or _labelled_byline(tree) or stated
        stated = stated or ([] if is_office(account) else list(byline_names(account)))
    kept = [
        name for name in stated if plain(name) not in markup.sites and not name.startswith("http") and _is_author(name)
    ]
    return "; ".join(dict.fromkeys(kept)) or None


def _card_author(markup: Markup) -> str:
    """The author of a preview card: "twitter:label1" says "Verfasst von", "twitter:data1" who."""
    for number in "12":
        if _CARD_LABEL.search(markup.first(f"twitter:label{number}") or ""):
            return markup.first(f"twitter:data{number}") or ""
    return markup.first("twitter:misc:written by") or ""


def _dated_byline(tree: HtmlElement) -> list[str]:
    """The person in a short line beside the heading that is otherwise a date: "4.2.2022 | 13:10 Uhr | Uta Berg"."""
    heading = next(tree.iter("h1"), None)
    if heading is None:
        return []
    for element in (*islice(heading.itersiblings(preceding=True), 3), *islice(heading.itersiblings(), 3)):
        text = element_text(element) if element.tag in ("p", "div", "span", "small", "time") else ""
        if len(text) > 120 or not any(days_in(text)):
            continue
        names = [_DESK.sub("", piece) for piece in _PIECE.split(text)]
        if persons := [name for name in names if is_person(name)]:
            return persons[:1]
    return []


def _bylines(tree: HtmlElement) -> list[str]:
    """The names in the first element that the page marks as byline; comments and forms don't count."""
    tags = ("a", "span", "div", "p", "address", "dd", "li", "strong", "em", "cite")
    marked = (one for one in tree.iter(*tags) if len(marks := _marks(one)) > 2 and _BYLINE.search(marks))
    for element in islice(marked, MAX_MARKED):
        if _reader(element):
            continue
        within = islice(element.iter(), MAX_WITHIN)
        named = next((part for part in within if _NAME_PART.search(_marks(part))), None)
        for part in (named, element):
            names = _names_in(part) if part is not None else []
            if names:
                return names
    return []


def _labelled_byline(tree: HtmlElement) -> list[str]:
    """The persons behind a label or in a link to an author's page: "<b>Von:</b> Götz Berg", "<dt>Autorin</dt><dd>",
    "Autorin: Uta Berg, Projektleiterin", "von <a href="/autoren/uta-berg">Uta Berg</a>"."""
    for element in tree.iter(*_LABELLED):
        text = element.text or ""
        if len(text) > MAX_BYLINE or not (match := _AUTHOR_LABEL.match(text)):
            continue
        if _reader(element) or _in_footer(element):
            continue
        rest = normalise_line(text[match.end() :])
        if not rest and match.group("label").casefold() in ("von", "by") and not match.group("colon"):
            # "von" is a label only where a link to the author's page follows
            link = next(iter(element), None)
            rest = element_text(link) if link is not None and _AUTHOR_PAGE.search(link.get("href") or "") else ""
        elif not rest:
            rest = _behind(element)
        elif not match.group("colon"):
            continue
        if persons := list(takewhile(is_person, byline_names(_DESK.sub("", rest)))):
            return persons
    return []


def _behind(element: HtmlElement) -> str:
    """The text right behind a label: its element's next child, its tail, the next element, the tail of a line break."""
    inner = next((text for child in element if (text := element_text(child) or normalise_line(child.tail))), "")
    if inner:
        return inner
    following: HtmlElement | None = element
    for _ in range(3):
        if following is None:
            return ""
        if tail := normalise_line(following.tail):
            return tail
        following = following.getnext()
        if following is not None and (text := element_text(following)):
            return text if len(text) <= MAX_BYLINE else ""
    return ""


def _marks(element: HtmlElement) -> str:
    return f"{element.get('class') or ''} {element.get('rel') or ''} {element.get('itemprop') or ''}"


def _reader(element: HtmlElement) -> bool:
    """Whether an element belongs to a reader's comment or its form."""
    for ancestor in (element, *element.iterancestors()):
        if ancestor.tag in ("article", "main", "body"):
            return False
        if ancestor.tag == "form" or _COMMENT.search(f"{ancestor.get('class') or ''} {ancestor.get('id') or ''}"):
            return True
    return False


def _is_author(name: str) -> bool:
    return (
        name.lower() not in _NO_NAME
        and not _WHEN.search(name)
        and not is_office(name)
        and bool(_LETTERS.search(name))
        and not _SECTION.match(name)
        and not re.search(r"[!?]", name)
        and not (" " in name and name[0].islower() and not _PARTICLE.match(name))
    )


def _names_in(element: HtmlElement) -> list[str]:
    """Names from the pieces of a byline, up to the first piece that is something else."""
    pieces = islice(element.itertext(), MAX_WITHIN)
    texts = [text for text in map(normalise_line, pieces) if text.strip(" .,:|–-")]
    if sum(map(len, texts)) > MAX_BYLINE:
        return []
    names: list[str] = []
    for text in texts:
        found = [name for name in byline_names(text) if _is_author(name)]
        if not found:
            if names:
                break
            continue
        names.extend(found)
        if names and not text.rstrip().endswith((",", " und", "&", "/")):
            following = texts[texts.index(text) + 1 :][:1]
            if not following or following[0].lower().strip() not in {"und", ",", "&", "/", "and", "u."}:
                break
    return names


def _in_footer(element: HtmlElement) -> bool:
    return any(
        ancestor.tag in ("footer", "nav") or _FOOTER.search(ancestor.get("id") or "")
        for ancestor in (element, *element.iterancestors())
    )


def _beside_picture(element: HtmlElement) -> bool:
    """Whether a short paragraph stands in the container of a picture, names its photographer and nothing else does."""
    parent = element.getparent()
    return (
        parent is not None
        and bool(_PICTURE.search(parent.get("class") or ""))
        and len(element_text(element)) <= 300
        and bool(_CREDITED.search(element_text(element)))
    )


def _credits(tree: HtmlElement) -> tuple[Credit, ...]:
    """Captions and photo credits of the figures of the page, outside navigation and footer."""
    found: dict[tuple[str, str], Credit] = {}
    for element in tree.iter("figcaption", "div", "p", "span", "small", "cite"):
        marks = element.get("class") or ""
        kind = "caption" if element.tag == "figcaption" or (marks and _CAPTION.search(marks)) else ""
        kind = kind or ("photo" if marks and _PHOTO.search(marks) else "")
        if not kind and element.tag in ("p", "small") and _beside_picture(element):
            kind = "caption"
        if not kind or len(found) >= MAX_CREDITS:
            continue
        text = element_text(element)
        if not 5 <= len(text) <= 600 or _RIGHTS.search(text) or _in_footer(element):
            continue
        for credit in split_credit(text, photo=kind == "photo"):
            found.setdefault((credit.kind, credit.text), credit)
    return tuple(found.values())
