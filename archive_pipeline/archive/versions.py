"""Versions and derivations of a release: what a permalink means, and what changed without a word.

A derivation is never deleted by cleaning again, so every text that was ever shown, cited or exported is found under its
permalink `d/<release>@<version>.<derivation>` for as long as the release itself is kept.
"""

import re
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlite_utils import Database

from archive_pipeline.archive.events import record_event
from archive_pipeline.archive.persons import names_person, suppressed_names
from archive_pipeline.archive.reading import ARTICLE, find_release, load_release, shown_speaker, tag_of
from archive_pipeline.archive.visibility import ARCHIVIST, Visibility
from archive_pipeline.errors import UnknownReleaseError
from archive_pipeline.model import Person, Quote, Release

__all__ = [
    "Place",
    "ReleaseEvent",
    "SourceChange",
    "VersionRow",
    "current_place",
    "events_of",
    "find_place",
    "load_at",
    "note_removal",
    "note_silent_change",
    "unannounced_changes",
    "versions_of",
]

SUGGESTED = 0.5
"""Tags that score below it are suggestions."""

VERSION = re.compile(r"(?P<version>[0-9a-f]{4,16}|[0-9]{1,3})(?:\.(?P<derivation>[0-9]{1,6}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Exactly one text of the archive."""

    release_id: str
    version_id: str
    derivation: int

    def __str__(self) -> str:
        return f"d/{self.release_id}@{self.version_id}.{self.derivation}"


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionRow:
    """One version: what the publisher had at the address when it was captured. `derivation` is the newest of it, the
    current one where the version is current; `published` and `modified` are what that says."""

    id: str
    number: int
    captured_at: datetime
    sha256: str
    derivation: int
    derivations: int
    software: str
    profile: int | None
    published: date | None
    modified: date | None
    is_current: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ReleaseEvent:
    """Something that happened to a release; `at` is UTC."""

    type: str
    at: datetime
    agent: str
    outcome: str
    detail: str | None


VERSIONS = """
SELECT v.id, v.number, v.captured_at, v.sha256, v.id = r.version_id AS is_current, d.number AS derivation, d.software,
       d.profile, d.published, json_extract(d.article, '$.modified') AS modified,
       (SELECT count(*) FROM derivation x WHERE x.release_id = v.release_id AND x.version_id = v.id) AS derivations
FROM version v
JOIN release r ON r.id = v.release_id
JOIN derivation d ON d.release_id = v.release_id AND d.version_id = v.id AND d.number = (
  CASE WHEN v.id = r.version_id THEN r.derivation
  ELSE (SELECT max(x.number) FROM derivation x WHERE x.release_id = v.release_id AND x.version_id = v.id) END)
WHERE v.release_id = ? ORDER BY v.captured_at, v.number
"""


def versions_of(db: Database, release_id: str) -> tuple[VersionRow, ...]:
    """The versions of a release in the order they were captured."""
    return tuple(
        VersionRow(
            **{
                **row,
                "captured_at": datetime.fromisoformat(row["captured_at"]),
                "published": _day(row["published"]),
                "modified": _day(row["modified"]),
                "is_current": bool(row["is_current"]),
            }
        )
        for row in db.query(VERSIONS, [release_id])
    )


def _day(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def find_place(db: Database, text: str, visibility: Visibility = ARCHIVIST) -> Place:
    """The text that a person or a permalink means: everything `find_release` knows, with `@VERSION` (its id, the
    beginning of it, or its number) and `.DERIVATION` where it is not the current one. Without a derivation the newest
    of the version. Raises UnknownReleaseError."""
    wanted, at, rest = text.rstrip("/").rpartition("@")
    named = VERSION.fullmatch(rest) if at else None
    if named is None:
        release_id = find_release(db, text, visibility)
        current = current_place(db, release_id)
        assert current is not None
        return current
    release_id = find_release(db, wanted, visibility)
    version = _version(versions_of(db, release_id), release_id, named["version"])
    derivation = int(named["derivation"] or version.derivation)
    if not _is_there(db, release_id, version.id, derivation):
        raise UnknownReleaseError(
            f"Die Fassung d/{release_id}@{version.id} hat keine Ableitung {derivation}",
            hint=f"archive-pipeline show d/{release_id} --versions nennt alle",
        )
    return Place(release_id=release_id, version_id=version.id, derivation=derivation)


def _version(versions: tuple[VersionRow, ...], release_id: str, wanted: str) -> VersionRow:
    if len(wanted) < 4:
        found = [one for one in versions if one.number == int(wanted)]
    else:
        found = [one for one in versions if one.id.startswith(wanted)]
    if len(found) == 1:
        return found[0]
    problem = "ist nicht eindeutig" if found else "gibt es nicht"
    raise UnknownReleaseError(
        f"Die Fassung {wanted!r} von d/{release_id} {problem}",
        hint=f"archive-pipeline show d/{release_id} --versions nennt alle",
    )


def _is_there(db: Database, release_id: str, version_id: str, number: int) -> bool:
    place = [release_id, version_id, number]
    rows = db.query("SELECT 1 FROM derivation WHERE release_id = ? AND version_id = ? AND number = ?", place)
    return next(rows, None) is not None


def load_at(db: Database, place: Place) -> Release:
    """A release with exactly the text of one derivation, and the tags, persons and quotes that were found in it. Of the
    current derivation the tags are the effective ones, decisions of people included. Raises UnknownReleaseError."""
    release = load_release(db, place.release_id)
    suppressed = suppressed_names(db)
    if (release.version_id, release.derivation) == (place.version_id, place.derivation):
        return release
    key = [place.release_id, place.version_id, place.derivation]
    where = "WHERE x.release_id = ? AND x.version_id = ? AND x.derivation = ? ORDER BY x.id"
    row = next(
        db.query(
            """SELECT d.article, d.text, v.number, v.captured_at FROM derivation d
               JOIN version v ON v.release_id = d.release_id AND v.id = d.version_id
               WHERE d.release_id = ? AND d.version_id = ? AND d.number = ?""",
            key,
        ),
        None,
    )
    if row is None:
        raise UnknownReleaseError(f"Im Archiv ist kein Text {str(place)!r}")
    return replace(
        release,
        version_id=place.version_id,
        version_number=row["number"],
        derivation=place.derivation,
        captured_at=datetime.fromisoformat(row["captured_at"]),
        article=replace(ARTICLE.validate_json(row["article"]), text=row["text"]),
        tags=tuple(tag_of(tag) for tag in db.query(f"SELECT x.* FROM tag x {where}", key) if tag["score"] >= SUGGESTED),
        persons=tuple(
            Person(**one)
            for one in db.query(f'SELECT name, role, party, start, "end" FROM person x {where}', key)
            if not names_person(one["name"], suppressed)
        ),
        quotes=tuple(
            Quote(**{**one, "speaker": shown_speaker(one["speaker"], suppressed)})
            for one in db.query(f'SELECT text, speaker, start, "end" FROM quote x {where}', key)
        ),
    )


def events_of(db: Database, release_id: str) -> tuple[ReleaseEvent, ...]:
    """What happened to a release, oldest first."""
    rows = db.query("SELECT type, at, agent, outcome, detail FROM event WHERE object = ? ORDER BY at, id", [release_id])
    return tuple(ReleaseEvent(**{**row, "at": datetime.fromisoformat(row["at"])}) for row in rows)


def current_place(db: Database, release_id: str) -> Place | None:
    """The current text of a release, None where there is no such release."""
    rows = db.query("SELECT id, version_id, derivation FROM release WHERE id = ?", [release_id])
    found = (Place(release_id=row["id"], version_id=row["version_id"], derivation=row["derivation"]) for row in rows)
    return next(found, None)


SILENT = """
SELECT new.published IS old.published
  AND json_extract(new.article, '$.modified') IS json_extract(old.article, '$.modified')
  AND new.text <> old.text AS is_silent, old_version.number AS before, version.number AS after
FROM version
JOIN version old_version ON old_version.release_id = version.release_id AND old_version.id = :former
JOIN derivation new ON new.release_id = version.release_id AND new.version_id = version.id AND new.number = :number
JOIN derivation old ON old.release_id = version.release_id AND old.version_id = :former AND old.number = :former_number
WHERE version.release_id = :release_id AND version.id = :version_id
"""


def note_silent_change(db: Database, former: Place | None, release_id: str, *, at: datetime, agent: str) -> bool:
    """Record that the publisher changed a text and left the dates that the page states as they were; whether it is so.
    `former` is the text that was the current one before. Call inside `write_tx`, when the new one is."""
    place = current_place(db, release_id)
    if former is None or place is None:
        return False
    values = {
        "release_id": release_id,
        "version_id": place.version_id,
        "number": place.derivation,
        "former": former.version_id,
        "former_number": former.derivation,
    }
    row = next(db.query(SILENT, values), None)
    if row is None or not row["is_silent"]:
        return False
    detail = f"Fassung {row['before']} → {row['after']}: anderer Text, angegebenes Datum unverändert"
    record_event(db, "silent change", at=at, agent=agent, subject=release_id, outcome="warning", detail=detail)
    return True


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceChange:
    """What a publisher did without saying so: `subject` is the release, of a relaunch the source; `at` is UTC."""

    type: str
    subject: str
    at: datetime
    detail: str | None


def unannounced_changes(db: Database, since: datetime, until: datetime | None = None) -> tuple[SourceChange, ...]:
    """Silent changes, removals and relaunches noted since a time, and until another one, oldest first."""
    rows = db.query(
        """SELECT type, object AS subject, at, detail FROM event
           WHERE type IN ('silent change', 'removal at source', 'relaunch') AND at >= :since
             AND (:until IS NULL OR at <= :until) ORDER BY at, id""",
        {"since": since.isoformat(), "until": until.isoformat() if until else None},
    )
    return tuple(SourceChange(**{**row, "at": datetime.fromisoformat(row["at"])}) for row in rows)


def note_removal(db: Database, source_id: str, key: str, reason: str | None, *, at: datetime, agent: str) -> str | None:
    """Record that a release is no longer at the address where it was found; its id, None where nothing was archived
    from there. Call inside `write_tx`."""
    rows = db.query("SELECT release_id, url FROM location WHERE source_id = ? AND key = ?", [source_id, key])
    found = next(rows, None)
    if found is None:
        return None
    detail = f"{found['url'] or key}: {reason or 'nicht mehr da'}"
    record_event(
        db, "removal at source", at=at, agent=agent, subject=found["release_id"], outcome="warning", detail=detail
    )
    return str(found["release_id"])
