"""Who asks: the option `--as`, and the marks by which an archivist knows what readers do not see."""

from datetime import datetime

import click

from archive_pipeline.archive.visibility import LEVELS
from archive_pipeline.cli.wording import german_moment
from archive_pipeline.model import Access, CorrectionKind
from archive_pipeline.workspace import utc_now

__all__ = ["ACCESS", "CORRECTIONS", "access_marks", "as_option"]

as_option = click.option(
    "--as",
    "standing",
    type=click.Choice(["reader", "login", "onsite", "archivist"]),
    default="archivist",
    show_default=True,
    help="was jemand sieht: alle (reader), mit Konto, im Lesesaal; ein Archivar sieht alles",
)

ACCESS: dict[Access, str] = dict(
    zip(LEVELS, ("für alle", "mit Anmeldung", "nur im Lesesaal", "geschlossen"), strict=True)
)

CORRECTIONS: dict[CorrectionKind, str] = {"correction": "BERICHTIGUNG", "gegendarstellung": "GEGENDARSTELLUNG"}


def access_marks(access: Access, embargo_until: datetime | None) -> list[str]:
    """Why not everybody sees a release; nothing where everybody does."""
    marks = [f"Zugang: {ACCESS[access]}"] if access != "public" else []
    if embargo_until is not None and embargo_until > utc_now():
        marks.append(f"Sperrfrist bis {german_moment(embargo_until)}")
    return marks
