"""What letters say besides what they are about: greetings, notes about an attachment, signatures, footers."""

import re
from collections.abc import Sequence

__all__ = [
    "after_salutations",
    "is_closing",
    "is_covering_note",
    "is_disclaimer",
    "is_footer",
    "is_generic_salutation",
    "is_note",
    "is_running_text",
    "is_signature_mark",
    "is_view_link",
    "own_words",
    "paragraphs",
    "salutation_end",
]

SHORT = 200
"""Characters below which a text is no release; the quality gate draws the same line."""
LONGEST_NOTE, LONGEST_PARAGRAPH = 900, 400
"""Characters of the longest note about an attachment, and of a paragraph in it: releases have longer ones."""

MAX_FOOTER = 250
"""Characters of the longest line of a mailing tool; in a longer one such words are part of a story."""
MAX_SALUTATIONS = 3
"""Greetings in a row: "Sehr geehrte Damen und Herren, liebe Kolleginnen und Kollegen,"."""

_SALUTATION = re.compile(
    r"(?:(?:Sehr|Hoch|sehr|hoch)\s?(?:ge|ver)ehrte[rsn]?\b|(?:[Ll]iebe[rsn]?|[Ww]erte[rsn]?|Dear)(?=\s+[A-ZÄÖÜ@])"
    r"|(?:Hallo|Hi|Moin(?: [Mm]oin)?|Guten (?:Tag|Morgen|Abend)|Grüß Gott|Servus)\b)[^.!?:\n]{0,120}?(?:[,!]|$)"
)
_GREETING_WORDS = frozenset(
    """und sehr hoch geehrte geehrter geehrtes geehrten verehrte verehrter liebe lieber liebes lieben werte werter von
    van zu zur zum der die des den dem an aus in im für alle ihr ihre euch zusammen miteinander unser unsere unseres
    unserer moin and all""".split()  # noqa: SIM905 - a list of words reads better
)
"""Words in lower case that salutations have; with others they are sentences."""
_TITLE_DOT = re.compile(r"\b(Dr|Prof|Dipl|Ing|med|jur|phil|rer|nat|h|c|St)\.")
_TO_ALL = re.compile(
    r"damen|herren|kolleg|leser|redaktion|medien|presse|interessierte|mitglieder|freund|genoss|abonnent|bürger|alle\b"
    r"|zusammen|journalist|vertreter|partner|nachbar|(?:guten (?:tag|morgen|abend)|hallo|moin|servus)\s*[,!]?$",
    re.I,
)
_TO_ONE = re.compile(r"\b(?:Herrn?|Frau|Mr|Ms|Mrs)\.?\s+(?!und\b|oder\b)[A-ZÄÖÜ]")
_CLOSING = re.compile(
    r"(?:(?:es grüßt|mit|und|ihnen|wir|ich|verbleibe[n]?|wünschen?)\s+){0,4}"
    r"(?:(?:den\s+)?(?:freundlich|herzlich|best|viel|lieb|schön|sonnig|kollegial|solidarisch|sozialdemokratisch"
    r"|christlich)\w*"
    r"\s+(?:und\s+\w+\s+)?(?:grüßen?|gruß|gruss|grüssen?|wünschen?)\b|hochachtungsvoll|herzlichst|mfg\b|vg\b|lg\b"
    r"|(?:kind|best) regards|i\.\s?[av]\.?(?=$|\s+[a-zäöü])).{0,60}",
    re.I,
)
_VIEW = re.compile(
    r"\b(?:e-?mail|newsletter|nachricht|mail)\b.{0,60}nicht (?:richtig|korrekt|vollständig) (?:angezeigt|dargestellt)"
    r"|(?:probleme|schwierigkeiten) .{0,30}(?:anzeige|darstellung)"
    r"|(?:im|in ihrem) (?:web-?)?browser (?:ansehen|anzeigen|öffnen|lesen|betrachten|anschauen)|web-?version\b"
    r"|online-?ansicht|view (?:this|it|in) .{0,30}browser|kann (?:leider )?keine html|html-?(?:mails?|darstellung)\b"
    r"|^(?:diese |die |zur )?(?:presse|medien)?(?:mitteilung|meldung|information) (?:online |im browser )"
    r"(?:lesen|ansehen|öffnen)$",
    re.I,
)
_LEAVE = re.compile(
    r"unsubscribe|opt[- ]?out\b|\bnewsletter (?:hier )?(?:ab|um)(?:bestell|meld)"
    r"|\b(?:ab|um)(?:bestellen|melden|zubestellen|zumelden)\b.{0,60}\b(?:newsletter|verteiler|hier|link|e-?mails?)\b"
    r"|\b(?:newsletter|verteiler|presseverteiler|e-?mails?)\b.{0,80}\b(?:abbestell|abmeld|abzumelden|austragen"
    r"|auszutragen"
    r"|gestrichen|nicht mehr (?:erhalten|beziehen|empfangen))"
    r"|\bsie (?:erhalten|bekommen) (?:diese|den|unseren|dieses)\b.{0,60}(?:weil|da sie|aufgrund|als)"
    r"|\bdiese (?:e-?mail|nachricht|mail)\b.{0,40}\b(?:wurde|ist|ging|geht) an\b"
    r"|(?:ihr )?(?:profil|abonnement|einstellungen|daten) (?:ändern|bearbeiten|verwalten|aktualisieren)\b"
    r"|\babmelden$|\babbestellen$",
    re.I,
)
_DISCLAIMER = re.compile(
    r"(?:diese (?:e-?mail|nachricht|mail)|der inhalt dieser|dieses e-?mail|this (?:e-?mail|message))\b.{0,80}"
    r"(?:vertraulich|confidential|geschützt|ausschließlich|bestimmungsgemäß|privileged)"
    r"|(?:bitte )?(?:denken sie|prüfen sie|überlegen sie|schonen sie).{0,60}(?:umwelt|drucken|ausdruck)"
    r"|please consider the environment|(?:informationen|hinweise?) (?:zum|zur|über) .{0,40}(?:datenschutz|dsgvo"
    r"|verarbeitung)"
    r"|datenschutz(?:hinweise?|erklärung|information(?:en)?)\s*:|virenfrei|von avast|wenn sie nicht der (?:richtige"
    r"|bestimmungs)"
    r"|sollten sie (?:diese|nicht der).{0,60}(?:irrtümlich|adressat|empfänger)",
    re.I,
)
_CUE = re.compile(
    r"\banbei\b|\b(?:im|als|vom) an(?:hang|lage)\b|\bin der anlage\b|\banliegend|\bbeigefügt|\bbeiliegend|\bangehängt"
    r"|\bangefügt|\battach|\bnachfolgend|\buntenstehend|\bunten\b|\bweiter unten\b|\bhiermit\b|\bzur kenntnis\b"
    r"|(?:erhalten|finden|bekommen) sie\b|(?:über)?(?:sende|schicke|leite|reiche)n? (?:wir|ich)\b|\bzu ihrer\b"
    r"|\bz\. ?k\.",
    re.I,
)
_THING = re.compile(
    r"\b(?:presse|medien)(?:mitteilung|meldung|information|info|erklärung|einladung|text|dienst|material|unterlage)"
    r"|\b(?:presse-?)?(?:mitteilung|meldung|einladung|info(?:rmation)?|text|artikel|bericht|statement|dokument|datei"
    r"|termin)"
    r"(?:en|e|s)?\b|\bpdf\b|\bpm\b|\bpi\b",
    re.I,
)
_LOWER = re.compile(r"\b[a-zäöüß]{2,}")
_REQUEST = re.compile(
    r"bitte um (?:\w+ ){0,3}(?:veröffentlichung|abdruck|beachtung|berichterstattung|verbreitung|berücksichtigung"
    r"|kenntnisnahme)"
    r"|(?:über (?:eine|die|ihre)|auf (?:eine|ihre)) (?:\w+ )?(?:veröffentlichung|berichterstattung|berücksichtigung"
    r"|abdruck)\b"
    r"|für (?:rück|nach)?fragen steh\w* .{0,60}(?:zur verfügung|bereit)|bei (?:rück|nach)?fragen .{0,60}(?:melden"
    r"|wenden|anrufen)"
    r"|mit der bitte um\b|zur (?:freien )?(?:veröffentlichung|verwendung|kenntnis)\b|bitten wir (?:sie )?um\b",
    re.I,
)


def salutation_end(line: str) -> int:
    """Where the salutation that opens a line ends; 0 when none does.

    It ends with a comma and the line, or a comma and a word in lower case; without one it is three words long at most.
    "Liebe, Leid und Leben" and "Liebe Kinder gesucht" are headlines.
    """
    text = _TITLE_DOT.sub(r"\1 ", line[:300])
    found = _SALUTATION.match(text)
    if not found or not set(_LOWER.findall(found.group())) <= _GREETING_WORDS:
        return 0
    rest = text[found.end() :].strip()
    if found.group()[-1] in ",!":
        return found.end() if not rest or rest[0].islower() or _SALUTATION.match(rest) else 0
    return found.end() if not rest and (len(text.split()) <= 3 or "ehrte" in found.group()) else 0


def after_salutations(text: str) -> str:
    """The text without the salutations that open it."""
    rest = text.strip()
    for _ in range(MAX_SALUTATIONS):
        rest = rest[salutation_end(rest) :].strip()
    return rest


def is_generic_salutation(line: str) -> bool:
    """Whether a salutation greets everybody ("Sehr geehrte Damen und Herren,") and names nobody."""
    return bool(_TO_ALL.search(line)) and not _TO_ONE.search(line)


def is_closing(line: str) -> bool:
    """Whether a line ends a letter ("Mit freundlichen Grüßen")."""
    return len(line) <= 120 and bool(_CLOSING.fullmatch(line.strip(" ,.!")))


def is_signature_mark(line: str) -> bool:
    """Whether a line sets off a signature (RFC 3676: two dashes and a space, which some programs strip)."""
    return line.rstrip() == "--"


def is_view_link(line: str) -> bool:
    """Whether a line says how to see a mail in a browser."""
    return len(line) <= MAX_FOOTER and bool(_VIEW.search(line.strip()))


def is_footer(line: str) -> bool:
    """Whether a line belongs to a mailing tool: how to leave the list, how to see the mail in a browser."""
    return is_view_link(line) or (len(line) <= MAX_FOOTER and bool(_LEAVE.search(line.strip())))


def is_disclaimer(line: str) -> bool:
    """Whether a line warns of confidentiality, printing or viruses."""
    return len(line) <= 2_000 and bool(_DISCLAIMER.search(line))


def is_note(paragraph: str) -> bool:
    """Whether a paragraph announces a release, or asks to publish it, and is none."""
    if len(paragraph) > LONGEST_PARAGRAPH:
        return False
    return bool(_REQUEST.search(paragraph) or (_CUE.search(paragraph) and _THING.search(paragraph)))


def paragraphs(lines: Sequence[str]) -> list[str]:
    """Lines that stand together as one text each."""
    found: list[list[str]] = [[]]
    for line in lines:
        if line.strip():
            found[-1].append(line.strip())
        elif found[-1]:
            found.append([])
    return [" ".join(block) for block in found if block]


def is_running_text(paragraph: str) -> bool:
    """Whether a paragraph is written in sentences: names and addresses have few words in lower case."""
    return len(_LOWER.findall(paragraph)) >= 15


def own_words(text: str) -> list[str]:
    """The paragraphs of a letter without greetings, signature and footer."""
    kept: list[str] = []
    for line in text.split("\n"):
        shown = line.strip()
        if is_signature_mark(line) or is_closing(shown):
            break
        kept.append("" if is_footer(shown) or is_disclaimer(shown) else after_salutations(shown))
    return paragraphs(kept)


def is_covering_note(text: str) -> bool:
    """Whether a mail's text only says what is attached: it is short, or no longer than a note and points to it."""
    words = own_words(text)
    if sum(map(len, words)) < SHORT:
        return True
    if sum(map(len, words)) > LONGEST_NOTE or not any(is_note(paragraph) for paragraph in words[:3]):
        return False
    # titles of what is attached are no sentences
    told = [
        paragraph for paragraph in words if paragraph.endswith((".", "!", "?", "“", '"')) and not is_note(paragraph)
    ]
    return sum(map(len, told)) < SHORT
