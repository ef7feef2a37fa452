"""Names of persons that are suppressed: they are not shown or searched as persons, whatever the texts say."""

import re
from collections.abc import Sequence

from sqlite_utils import Database

from archive_pipeline.language.folding import fold

__all__ = ["names_person", "releases_naming", "suppressed_names"]

WORD = re.compile(r"[^\W_]+")


def names_person(name: str, suppressed: Sequence[str]) -> bool:
    """Whether a name is that of one of the suppressed persons: their words stand in it, in this order and side by side,
    whatever titles stand before. A surname alone is nobody's: it would hide everybody of that name."""
    if not suppressed:
        return False
    words = _words(name)
    return any(_holds(words, _words(one)) for one in suppressed)


def _words(name: str) -> list[str]:
    return [fold(word) for word in WORD.findall(name)]


def _holds(words: list[str], wanted: list[str]) -> bool:
    size = len(wanted)
    return bool(wanted) and any(words[start : start + size] == wanted for start in range(len(words) - size + 1))


def suppressed_names(db: Database) -> tuple[str, ...]:
    """The names that people suppressed."""
    return tuple(row["name"] for row in db.query("SELECT name FROM suppressed_person ORDER BY name"))


NAMING = "SELECT DISTINCT name FROM person UNION SELECT DISTINCT speaker FROM quote WHERE speaker IS NOT NULL"


def releases_naming(db: Database, name: str) -> list[str]:
    """The releases in whose texts a person of this name was recognised, by id."""
    found: set[str] = set()
    for row in list(db.query(NAMING)):
        if names_person(row["name"], [name]):
            rows = db.query(
                "SELECT release_id FROM person WHERE name = :name UNION SELECT release_id FROM quote "
                "WHERE speaker = :name",
                {"name": row["name"]},
            )
            found.update(one["release_id"] for one in rows)
    return sorted(found)
