"""Whether two readings of one address say the same, whatever the page around them counts, shares and teases."""

import re

from archive_pipeline.model import Article

__all__ = ["reads_the_same", "steady_text"]

NUMBER = r"\d[\d.]{0,11}"
DAY = r"(?:\d{1,2}\.\ ?(?:\d{1,2}\.|\w{3,9})\ ?\d{2,4}|\d{4}-\d\d-\d\d)"
MOMENT = rf"(?:\w{{2,10}},\ )?{DAY}(?:,|\ um|\ -|\ –|\ \|)?(?:\ ?\d{{1,2}}[:.]\d\d)?(?:\ ?uhr)?"
COUNTED = r"aufrufe|zugriffe|klicks|views|shares|likes|kommentare?|reaktionen|downloads|bewertung(?:en)?|stimmen"
READ = r"gelesen|geteilt|angesehen|aufgerufen|heruntergeladen|empfohlen"
UNIT = r"(?:sekunden?|sek\.?|minuten?|min\.?|stunden?|std\.?|tag(?:en|e)?|wochen?|monat(?:en|e)?|jahr(?:en|e)?)"
VOLATILE = re.compile(
    rf"""(?:
        (?:zuletzt\ |letzte\ |letztmals\ )?(?:aktualisier(?:t|ung)|geändert|änderung|bearbeitet|überarbeitet|stand)
            (?:\ am)?\ ?:?\ ?{MOMENT}
      | (?:online\ seit:?|vor)\ (?:{NUMBER}|eine[mr])\ {UNIT}
      | heute(?:,\ \d{{1,2}}[:.]\d\d(?:\ uhr)?|\ ist(?:\ der)?\ {MOMENT})
      | (?:{NUMBER}|keine)\ ?(?:{COUNTED})(?:\ zu\ diese[mr]\ \w+)?
      | (?:diese[nr]?\ \w+\ (?:wurde\ )?)?{NUMBER}\ ?(?:mal|x)?\ ?(?:{READ})
      | (?:seiten)?(?:{COUNTED}|besucher|leser|{READ})(?:\ heute)?\ ?[:(]?\ ?{NUMBER}(?:,\d)?(?:\ ?mal|\ ?x)?\)?
            (?:\ ?\({NUMBER}\ \w+\))?
      | gefällt\ mir\ ?[:(]?\ ?{NUMBER}\)? | {NUMBER}\ personen\ gefällt\ das
      | (?:lesezeit|lesedauer)\ ?:?\ ?(?:ca\.\ )?{NUMBER}\ ?{UNIT} | {NUMBER}\ ?{UNIT}\ (?:lesezeit|lesedauer)
      | (?:©|copyright)\ {{0,2}}\d{{4}}\b.{{0,60}}
    )[.\s]*""",
    re.VERBOSE | re.IGNORECASE,
)
"""Lines that pages change by themselves: counters, "zuletzt aktualisiert", "vor 3 Tagen"."""

SHARING = re.compile(
    r"teilen?|tweet(?:en)?|twittern|share|empfehlen|merken|senden|versenden|mailen|drucken|kopieren|weiterleiten|facebook|twitter|whatsapp|telegram|"
    r"threema|mastodon|bluesky|instagram|linkedin|xing|pinterest|reddit|signal"
)
BESIDE = re.compile(r"auf|bei|per|via|und|in|x|e|mail|link|artikel|beitrag|seite|diesen?|info|rss|\d+")
"""Words of share buttons, and words that stand beside them."""
LINE = 160
"""Characters of the longest line that can be a counter or share buttons."""

TEASERS = re.compile(
    r"(?:weitere|aktuelle|neueste|ähnliche|verwandte|mehr|die neuesten|alle)\s+(?:aktuelle\s+)?"
    r"(?:meldungen|nachrichten|pressemitteilungen|pressemeldungen|mitteilungen|beiträge|artikel|themen|news|"
    r"pressemeldungen|neuigkeiten|zum thema|aus (?:der|dem) \w+)(?:\s+(?:aus|von|zum|zu)\s[\w\s]{1,30})?:?"
    r"|das könnte (?:sie|dich|euch) auch interessieren:?|lesen sie auch:?|auch interessant:?|(?:mehr )?zum thema:?|"
    r"(?:am )?meist ?gelesen(?:e (?:artikel|beiträge|meldungen))?:?|beliebte (?:artikel|beiträge|meldungen):?|"
    r"(?:letzte|neue) (?:artikel|beiträge|meldungen):?|passend dazu:?|mehr aus (?:der |dem )?\w+:?|"
    r"aktuelles aus (?:der|dem) \w+:?|"
    r"(?:vorheriger|nächster|voriger)\s+(?:beitrag|artikel):?",
    re.IGNORECASE,
)
"""A line that opens the teasers of other releases: what follows it is theirs."""

LEAST = 40
"""Words that must stand above such a line: a release may well be headed "Weitere Meldungen"."""


def reads_the_same(known: Article, found: Article) -> bool:
    """Whether the title, the text and the date are the same, apart from line breaks and from lines that pages change by
    themselves. A date that is no more than a guess is no change of it."""
    return (
        (known.published == found.published or found.published_confidence == "low")
        and _words(known.title or "") == _words(found.title or "")
        and (known.text == found.text or steady_text(known.text) == steady_text(found.text))
    )


def steady_text(text: str) -> tuple[str, ...]:
    """The words of a text without counters, share buttons, "zuletzt aktualisiert" and the teasers of other releases."""
    words: list[str] = []
    for line in text.splitlines():
        stripped = line.strip(" \t|·•–-")
        if TEASERS.fullmatch(stripped) and len(words) >= LEAST:
            break
        if not _is_volatile(stripped):
            words += _words(line)
    return tuple(words)


def _is_volatile(line: str) -> bool:
    if not line or len(line) > LINE:
        return False
    words = re.findall(r"\w+", line.casefold())
    shares = [word for word in words if SHARING.fullmatch(word)]
    are_buttons = bool(shares) and all(word in shares or BESIDE.fullmatch(word) for word in words)
    return are_buttons or VOLATILE.fullmatch(line) is not None


def _words(text: str) -> list[str]:
    return text.split()
