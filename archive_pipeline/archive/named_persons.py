"""Office-holders and spokespersons across the archive: who is named, in which releases, and what they are quoted
with. Only the current text of each release counts; names that people suppressed are nobody's."""

from dataclasses import dataclass
from datetime import date

from sqlite_utils import Database

from archive_pipeline.archive.persons import names_person, suppressed_names
from archive_pipeline.archive.reading import BEGINNING
from archive_pipeline.archive.visibility import Visibility
from archive_pipeline.model import heading

__all__ = ["NamedPerson", "Naming", "SpokenQuote", "named_persons", "naming_of", "quotes_of"]

CURRENT = "JOIN release r ON r.id = x.release_id AND r.version_id = x.version_id AND r.derivation = x.derivation"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPerson:
    """A name with the office and party it stands with most recently, and how many releases have it."""

    name: str
    role: str | None
    party: str | None
    releases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Naming:
    """One release that names a person, with the office and party it states."""

    release_id: str
    published: date | None
    role: str | None
    party: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenQuote:
    """Direct speech of a person, and the release it stands in."""

    release_id: str
    title: str | None
    heading: str
    published: date | None
    text: str


def named_persons(db: Database, limit: int, visibility: Visibility) -> tuple[NamedPerson, ...]:
    """The persons that most releases name, then by name."""
    condition, values = visibility.condition()
    suppressed = suppressed_names(db)
    rows = db.query(
        f"""SELECT x.name, x.role, x.party, count(DISTINCT x.release_id) AS releases,
                   max(coalesce(r.published, '')) AS newest
            FROM person x {CURRENT} WHERE {condition}
            GROUP BY x.name ORDER BY releases DESC, x.name COLLATE german LIMIT ?""",
        [*values, limit],
    )
    return tuple(
        NamedPerson(name=row["name"], role=row["role"], party=row["party"], releases=row["releases"])
        for row in rows
        if not names_person(row["name"], suppressed)
    )


def naming_of(db: Database, name: str, visibility: Visibility) -> tuple[Naming, ...]:
    """The releases that name a person, newest first; those without a date last."""
    if names_person(name, suppressed_names(db)):
        return ()
    condition, values = visibility.condition()
    rows = db.query(
        f"""SELECT x.release_id, r.published, max(x.role) AS role, max(x.party) AS party FROM person x {CURRENT}
            WHERE x.name = ? AND {condition}
            GROUP BY x.release_id ORDER BY r.published IS NULL, r.published DESC, x.release_id""",
        [name, *values],
    )
    return tuple(
        Naming(
            release_id=row["release_id"],
            published=date.fromisoformat(row["published"]) if row["published"] else None,
            role=row["role"],
            party=row["party"],
        )
        for row in rows
    )


def quotes_of(db: Database, name: str, limit: int, visibility: Visibility) -> tuple[SpokenQuote, ...]:
    """What a person is quoted with in the releases that name them, newest first. A speaker may be named shorter than
    the person (by surname), or with a title before the name."""
    if names_person(name, suppressed_names(db)):
        return ()
    condition, values = visibility.condition()
    rows = db.query(
        f"""SELECT x.release_id, r.title, r.published, x.text, {BEGINNING} FROM quote x {CURRENT}
            WHERE x.release_id IN (SELECT p.release_id FROM person p WHERE p.name = ?)
              AND (x.speaker = ? OR substr(?, -length(x.speaker) - 1) = ' ' || x.speaker
                   OR substr(x.speaker, -length(?) - 1) = ' ' || ?) AND {condition}
            ORDER BY r.published IS NULL, r.published DESC, x.id LIMIT ?""",
        [*[name] * 5, *values, limit],
    )
    return tuple(
        SpokenQuote(
            release_id=row["release_id"],
            title=row["title"],
            heading=heading(row["title"], row["beginning"] or ""),
            published=date.fromisoformat(row["published"]) if row["published"] else None,
            text=row["text"],
        )
        for row in rows
    )
