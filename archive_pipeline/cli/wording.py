"""Words of the command line that several commands use."""

from datetime import date

from archive_pipeline.model import Axis, Role

__all__ = ["AXES", "ROLES", "german_date", "shorten"]

AXES = {Axis.DISTRICT: "Kreis", Axis.PARTY: "Partei", Axis.ORGANISATION: "Organisation", Axis.TOPIC: "Thema"}
ROLES = {
    Role.ISSUER: "Absender",
    Role.ABOUT: "behandelt",
    Role.MENTIONED: "erwähnt",
    Role.PRIMARY: "Hauptthema",
    Role.SECONDARY: "Nebenthema",
}


def german_date(day: date | None) -> str:
    """A day as Germans write it; releases that state none are "ohne Datum"."""
    return f"{day:%d.%m.%Y}" if day else "ohne Datum"


def shorten(text: str, width: int) -> str:
    """One line of at most `width` characters."""
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"
