"""Words of the command line that several commands use."""

from datetime import date, datetime, timedelta

from archive_pipeline.model import Article, Axis, DocumentState, Keyword, Role
from archive_pipeline.sources.schedule import BERLIN

__all__ = [
    "AXES",
    "ROLES",
    "SOURCE_CHANGES",
    "STATES",
    "WORDS_WITH_A_DASH",
    "german_date",
    "german_moment",
    "german_number",
    "german_span",
    "in_brackets",
    "keyword_line",
    "large_removals",
    "shorten",
]

AXES = {Axis.DISTRICT: "Kreis", Axis.PARTY: "Partei", Axis.ORGANISATION: "Organisation", Axis.TOPIC: "Thema"}
ROLES = {
    Role.ISSUER: "Absender",
    Role.ABOUT: "behandelt",
    Role.MENTIONED: "erwähnt",
    Role.PRIMARY: "Hauptthema",
    Role.SECONDARY: "Nebenthema",
}

STATES: dict[DocumentState, str] = {"no_text_layer": "ohne Textebene: Das PDF enthält nur Bilder (no_text_layer)"}

WORDS_WITH_A_DASH = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
"""Click settings of commands that take `-wort` as typed: Click would read the letters as short options, and every
word with an h as a call for help."""


def counted(count: int, one: str, many: str) -> str:
    """A number and what is counted, in the right number: "1 Quelle", "2 Quellen"."""
    return f"{count} {one if count == 1 else many}"


LARGE_REMOVAL = "large-removal:"


SOURCE_CHANGES = {
    "silent change": "stillschweigend geändert",
    "removal at source": "bei der Quelle entfernt",
    "relaunch": "neue Adressen",
}
"""What publishers do without saying so, by the type of its event."""


def german_date(day: date | None) -> str:
    """A day as Germans write it; releases that state none are "ohne Datum"."""
    return f"{day:%d.%m.%Y}" if day else "ohne Datum"


def german_moment(moment: datetime | None) -> str:
    """A time as Germans write it, in German local time; a dash for none."""
    return f"{moment.astimezone(BERLIN):%d.%m.%Y %H:%M}" if moment else "–"


def german_number(value: float) -> str:
    """A number with one decimal, after a comma."""
    return f"{value:.1f}".replace(".", ",")


def german_span(span: timedelta) -> str:
    """How long something takes or lasts: seconds, minutes, hours or days, whichever is the largest that is whole
    enough."""
    for unit, one, many in (
        (timedelta(days=1), "Tag", "Tage"),
        (timedelta(hours=1), "Stunde", "Stunden"),
        (timedelta(minutes=1), "Minute", "Minuten"),
    ):
        if span >= 2 * unit or span == unit:
            return counted(round(span / unit), one, many)
    return f"{german_number(span.total_seconds())} s"


def keyword_line(keyword: Keyword) -> str:
    """A subject keyword with its ids and the words it was found by."""
    ids = (("Wikidata", keyword.wikidata), ("GND", keyword.gnd), ("NWBib", keyword.nwbib))
    known = ", ".join(f"{name} {value}" for name, value in ids if value)
    return f"{keyword.label} ({known})  „{shorten(keyword.evidence.text, 60)}“"


def large_removals(article: Article) -> list[str]:
    """A line for each rule that took more than 30 % of the text, as `notes` name them."""
    noted = (note.rpartition(":") for note in article.notes if note.startswith(LARGE_REMOVAL))
    return [
        f'Achtung: die Regel "{rule.removeprefix(LARGE_REMOVAL)}" hat {percent} % des Textes entfernt'
        for rule, _, percent in noted
    ]


def shorten(text: str, width: int) -> str:
    """One line of at most `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"


def in_brackets(text: str, start: int, end: int, width: int) -> str:
    """One line with `text[start:end]` in brackets and at most `width` characters on each side of it."""
    before = ("…" if start > width else "") + text[max(0, start - width) : start]
    after = text[end : end + width] + ("…" if end + width < len(text) else "")
    return " ".join(f"{before}[{shorten(text[start:end], 60)}]{after}".split())
