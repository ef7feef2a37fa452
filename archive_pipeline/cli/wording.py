"""Words of the command line that several commands use."""

from datetime import date

from archive_pipeline.model import Axis, Role

__all__ = ["AXES", "ROLES", "WORDS_WITH_A_DASH", "german_date", "german_number", "shorten"]

AXES = {Axis.DISTRICT: "Kreis", Axis.PARTY: "Partei", Axis.ORGANISATION: "Organisation", Axis.TOPIC: "Thema"}
ROLES = {
    Role.ISSUER: "Absender",
    Role.ABOUT: "behandelt",
    Role.MENTIONED: "erwähnt",
    Role.PRIMARY: "Hauptthema",
    Role.SECONDARY: "Nebenthema",
}

WORDS_WITH_A_DASH = {"ignore_unknown_options": True, "help_option_names": ["--help"]}
"""Click settings of commands that take `-wort` as typed: Click would read the letters as short options, and every
word with an h as a call for help."""


def german_date(day: date | None) -> str:
    """A day as Germans write it; releases that state none are "ohne Datum"."""
    return f"{day:%d.%m.%Y}" if day else "ohne Datum"


def german_number(value: float) -> str:
    """A number with one decimal, after a comma."""
    return f"{value:.1f}".replace(".", ",")


def shorten(text: str, width: int) -> str:
    """One line of at most `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"
