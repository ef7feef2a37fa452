"""How a party stands in its sentence: as the one that speaks, as the one talked about, or neither.

German puts subject and object in the same form, so position decides: what opens a sentence, or follows the verb of a
sentence that opens with something else, acts; what a preposition, a genitive or the verb of another subject governs is
talked about; what is named for a view ("nach Ansicht der …") or an office ("Vorsitzende der …") speaks.
"""

import re
from enum import Enum

from archive_pipeline.classify.matcher import DOT, HANGING, HYPHEN, OTHER, PARAGRAPH, SPACE
from archive_pipeline.classify.persons import ACADEMIC_TITLES
from archive_pipeline.classify.reading import Passage
from archive_pipeline.classify.vocabulary import cue_words

__all__ = ["OFFICE_OR_BRANCH", "Stance", "sentence_start", "stance_at"]


OFFICE_OR_BRANCH = re.compile(
    r"^(?:(?:Kreis|Orts|Stadt|Gemeinde|Landes|Bezirks|Stadtbezirks|Amts|Samtgemeinde|Regions|Unterbezirks|Bundes)"
    r"(?:verband(?:e?s)?|verein[s]?|vorstand(?:e?s)?|vorsitz|partei|gruppe|parteitag|sprecher(?:in)?|geschäftsstelle)|"
    r"(?:[A-ZÄÖÜ][a-zäöüß]+)?[Ff]raktion|(?:[A-ZÄÖÜ][a-zäöüß]+)?[Ff]raktionsvorsitzende[rn]?|"
    r"(?:[A-ZÄÖÜ][a-zäöüß]+)?[Aa]bgeordnete[rn]?|(?:Kreis|Orts|Landes|Bundes|Stadtverbands|Unterbezirks|Bezirks)?"
    r"[Vv]orsitzende[rn]?|Unterbezirk[s]?|Fraktionschef(?:in)?|Stadtverordnete[rn]?|(?:Kreistags|Rats)mitglied[er]*|"
    r"Mandatsträger[n]?|Politiker(?:in)?|(?:Bürgermeister|Landrats|Oberbürgermeister|Direkt|Spitzen|Landtags|Bundestags)?"
    r"[Kk]andidat(?:in)?|Parteitag|Sprecher(?:in)?|Generalsekretär(?:in)?|Kreisgeschäftsführer(?:in)?|Stadtrat|Stadträtin|"
    r"Kreisrat|Kreisrätin|Gemeinderat|Gemeinderätin|Vorstand|(?:Fraktions|Presse)sprecher(?:in)?|Gruppe|Kreisversammlung|"
    r"Mitgliederversammlung|Landtagsgruppe|City|Ratsfrau|Ratsherr|Bezirksverordnete[rn]?|Ratsgruppe|MdB|MdL|MdEP|MdA|"
    r"MdHB|MdBB|Basisgruppe|Hochschulgruppe|Stadtteilgruppe|Kreistagsgruppe|Arbeitsgemeinschaft)$"
)
"""An office, a mandate or a branch of a party."""


class Stance(Enum):
    """What a sentence says of a party it names."""

    SENDER = "sender"
    """Named before a colon or dash at the start of a title: the sender of what follows."""

    SUBJECT = "subject"
    """Does what the sentence tells."""

    VIEW = "view"
    """Its view, account or invitation is given."""

    OBJECT = "object"
    """Talked about, acted upon, or allied with."""

    NEUTRAL = "neutral"


_ARTICLES = frozenset({"die", "der", "den", "dem", "des", "das", "Die", "Der", "Den", "Das", "eine", "einer", "einem"})
_OWN = frozenset({"wir", "Wir", "unsere", "Unsere", "unserer", "Unser", "unser"})
_OBJECT_PREPOSITIONS = frozenset(
    {"gegen", "Gegen", "an", "An", "mit", "Mit", "auf", "Auf", "über", "Über", "zu", "zur", "zum", "durch", "trotz",
     "Trotz", "statt", "neben", "Neben", "ohne", "Ohne", "vor", "Vor", "bei", "beim", "für", "als"}
)  # fmt: skip
_VIEWS = re.compile(
    r"^(?:Ansicht|Auffassung|Meinung|Sicht|Angaben|Überzeugung|Einschätzung|Vorstellung(?:en)?|Berechnung(?:en)?|"
    r"Rechnung|Zählung|Umfrage|Abfrage|Informationen|Worten|Willen|Wunsch|Einladung|Initiative|Vorschlag|"
    r"Vonseiten|Seiten|laut|Laut|seitens|Seitens|findet|meint|so)$"
)
_VIEW_BEFORE = frozenset({"nach", "Nach", "aus", "Aus", "auf", "Auf", "laut", "Laut", "einer", "von", "Von", "zufolge"})
_VIEW_ALONE = frozenset({"laut", "Laut", "seitens", "Seitens", "Vonseiten", "vonseiten"})
_FINITE = re.compile(r"^(?:[a-zäöüß]{2,}(?:t|te|ten|en|eln|ern)|lud|empfing|traf|rief|bat|sah|nahm|gab|hielt|griff)$")
_NO_FINITE = cue_words("no_verb") | frozenset({"haben", "werden", "wurden", "dass", "bereits", "nicht"})
_SPEECH = cue_words("party_action")
_OPENS_WITH_SUBJECT = frozenset({"Der", "Die", "Das", "Ein", "Eine", "Er", "Sie", "Wir", "Ich", "Alle", "Viele"})
_OPENS_WITH_OTHER = frozenset(
    {"Mit", "Für", "Zum", "Zur", "Am", "Im", "In", "Nach", "Aus", "Bei", "Beim", "Von", "Vom", "Seit", "Um",
     "Unter", "Ab", "Vor", "Zu", "Gegen", "An", "Auf", "Über", "Durch", "Ohne", "Trotz", "Statt", "Wegen",
     "Während", "Bis", "Kritik", "Lob", "Zustimmung", "Unterstützung", "Ablehnung", "Widerspruch", "Dazu",
     "Deshalb", "Daher", "Darum", "Jetzt", "Nun", "Damit", "Dafür", "Dagegen", "Hier", "So", "Heute", "Gestern",
     "Zudem", "Außerdem", "Dabei", "Anlass", "Gemeinsam", "Erneut", "Auch", "Klar", "Scharf", "Deutlich",
     "Positiv", "Einig", "Das", "Dies"}
)  # fmt: skip
_OPENING_ADVERBS = frozenset({"Auch", "Nur", "Selbst", "Sogar", "Allein"})
_TITLE_MARK = re.compile(r"\s?[:–|]|\s-\s|\s\+\+")
_BREAK = re.compile(r"[.!?:;„“”»«\"]|\n\n|\s[–-]\s")
_MAX_SENTENCE = 40
_OWN_NOUNS = frozenset({"Frauen", "Jugend", "Senioren", "Landtagsabgeordneten", "Team", "Bundestagsabgeordneter"})
_MAX_SENDER = 5
_MAX_NAME = 5


def sentence_start(passage: Passage, first: int) -> int:
    """The token that opens the sentence of token `first`; the dot of "Dr." ends none."""
    grid = passage.grid
    for i in range(first, max(0, first - _MAX_SENTENCE), -1):
        gap = grid.text[grid.ends[i - 1] : grid.starts[i]] if i else ""
        if i and grid.gaps[i] in (DOT, OTHER, PARAGRAPH, HANGING) and _BREAK.search(gap):
            if grid.tokens[i - 1] in ACADEMIC_TITLES and grid.gaps[i] == DOT:
                continue
            return i
    return max(0, first - _MAX_SENTENCE)


def _names_sender(passage: Passage, first: int, last: int) -> bool:
    """Whether title or text goes on with a colon or dash right behind the name: "GRÜNE: …", "FDP-Fraktion Werl – …"."""
    grid = passage.grid
    if first > 1 or (first == 1 and grid.tokens[0] not in _ARTICLES):
        return False
    for i in range(last, min(last + _MAX_SENDER, len(grid) - 1)):
        if _TITLE_MARK.match(grid.text[grid.ends[i] : grid.starts[i + 1]]):
            return True
        following = grid.tokens[i + 1]
        pair = grid.text[grid.ends[i] : grid.starts[i + 1]].strip() in ("&", "/", "+")
        linked = following[0].isupper() or following in ("in", "im", "am", "und")
        if not linked or (grid.gaps[i + 1] not in (SPACE, HYPHEN) and not pair):
            return False
    return False


def stance_at(passage: Passage, first: int, last: int) -> Stance:
    """The stance of the party at tokens `first` to `last`."""
    grid = passage.grid
    if _names_sender(passage, first, last):
        return Stance.SENDER
    behind = grid.tokens[last + 1] if last + 1 < len(grid) and grid.gaps[last + 1] == HYPHEN else None
    if behind and behind[0].isupper() and not OFFICE_OR_BRANCH.match(behind) and behind not in _OWN_NOUNS:
        return Stance.OBJECT  # "SPD-Antrag", "CDU-Bürgermeister"
    start = sentence_start(passage, first)
    i = first - 1
    while i >= start and grid.gaps[i + 1] == HYPHEN:
        i -= 1
    article = i >= start and grid.tokens[i] in _ARTICLES
    i = _before_article(passage, i, start)
    if i > start and grid.tokens[i] == "von" and OFFICE_OR_BRANCH.match(grid.tokens[i - 1]):
        i -= 1  # "die Fraktion von Bündnis 90/Die Grünen"
    if i >= start and OFFICE_OR_BRANCH.match(grid.tokens[i]) and grid.gaps[i + 1] == SPACE:
        i = _before_article(passage, i - 1, start)
        article = False
        if i >= start and grid.tokens[i] == "als":
            return Stance.NEUTRAL  # "sagt Eva Muster als Vorsitzende der SPD"
    if i >= start and grid.tokens[i] == "sich":
        i -= 1
    if i == start and grid.tokens[i] in _OPENING_ADVERBS:
        i -= 1
    if i < start:
        return Stance.SUBJECT
    return _governed(passage, start, i, genitive=article and grid.tokens[i + 1] in ("der", "des", "den"))


def _before_article(passage: Passage, i: int, start: int) -> int:
    """The token before the article or "unsere" at token i, or i itself."""
    token = passage.grid.tokens[i] if i >= start else ""
    return i - 1 if token in _ARTICLES or token in _OWN else i


def _governed(passage: Passage, start: int, i: int, *, genitive: bool) -> Stance:
    """The stance that the word before a party, token i, gives it."""
    grid = passage.grid
    if grid.gaps[i + 1] not in (SPACE, HANGING):
        return Stance.NEUTRAL
    before = grid.tokens[i]
    near = grid.tokens[max(start, i - 3) : i + 1]
    if before in _VIEW_ALONE or (
        any(_VIEWS.match(t) for t in near[-1 - (before in _VIEW_BEFORE) :]) and any(t in _VIEW_BEFORE for t in near)
    ):
        return Stance.VIEW
    if before == "Einladung":
        return Stance.VIEW
    if before in _OBJECT_PREPOSITIONS:
        return Stance.OBJECT
    if before[0].islower() and _FINITE.match(before) and before not in _NO_FINITE:
        return _after_verb(passage, start, before)
    return Stance.OBJECT if before[0].isupper() and genitive else Stance.NEUTRAL


def _after_verb(passage: Passage, start: int, verb: str) -> Stance:
    """What follows the verb is the subject, unless the sentence opens with one."""
    tokens = passage.grid.tokens
    opening = tokens[start]
    before_start = passage.grid.text[: passage.grid.starts[start]].rstrip()[-1:]
    if before_start in ("“", "”", "«", "»", '"', ",") or opening == verb:
        return Stance.SUBJECT
    leading = tokens[start : tokens.index(verb, start)]
    names = all(token[0].isupper() for token in leading) and len(leading) < _MAX_NAME
    plain = names and opening not in _OPENS_WITH_OTHER and leading[-1] not in _OPENS_WITH_OTHER
    return Stance.OBJECT if plain or opening in _OPENS_WITH_SUBJECT or passage.field == "title" else Stance.SUBJECT
