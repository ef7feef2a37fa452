"""Reading releases back, with their effective tags, and the changes that index and exports follow."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlite_utils import Database

from archive_pipeline.archive.persons import names_person, suppressed_names
from archive_pipeline.archive.visibility import ARCHIVIST, EVERYTHING, Visibility, require_visible, visible_ids
from archive_pipeline.errors import UnknownReleaseError
from archive_pipeline.model import (
    Article,
    Attachment,
    Axis,
    Correction,
    Evidence,
    Keyword,
    Location,
    Person,
    Quote,
    Release,
    Role,
    Tag,
)

__all__ = [
    "BEGINNING",
    "changes_since",
    "derived_tags",
    "find_release",
    "found_label",
    "found_values",
    "heavily_cut",
    "iterate_releases",
    "last_seq",
    "load_release",
    "load_releases",
    "shown_speaker",
    "suggestions",
    "tag_of",
]

BEGINNING = """CASE WHEN coalesce(r.title, '') = '' THEN (SELECT substr(b.text, 1, 400) FROM derivation AS b
  WHERE b.release_id = r.id AND b.version_id = r.version_id AND b.number = r.derivation) END AS beginning"""
"""SQL: the first words of a release `r` that has no title, for its heading."""

ARTICLE = TypeAdapter(Article)
EVIDENCE = TypeAdapter(tuple[Evidence, ...])
KEYWORDS = TypeAdapter(tuple[Keyword, ...])


def last_seq(db: Database) -> int:
    """The newest change number of any release, 0 for an empty archive."""
    return int(next(db.query("SELECT coalesce(max(seq), 0) AS seq FROM release"))["seq"])


def heavily_cut(db: Database) -> list[str]:
    """Releases of whose text one cleaning rule took more than 30 %, the newest first. Reads every article."""
    found = db.query(
        """SELECT r.id FROM release r JOIN derivation d
           ON d.release_id = r.id AND d.version_id = r.version_id AND d.number = r.derivation
           WHERE d.article LIKE '%large-removal:%'
           AND EXISTS (SELECT 1 FROM json_each(d.article, '$.notes') WHERE value LIKE 'large-removal:%')
           ORDER BY r.rowid DESC"""
    )
    return [row["id"] for row in found]


def changes_since(db: Database, seq: int, limit: int) -> list[tuple[int, str]]:
    """The next releases changed after `seq`, each once, as (newest change number, release id) in order."""
    return [
        (row["seq"], row["id"])
        for row in db.query("SELECT seq, id FROM release WHERE seq > ? ORDER BY seq LIMIT ?", [seq, limit])
    ]


def find_release(db: Database, text: str, visibility: Visibility = ARCHIVIST) -> str:
    """The id of the release a person means: an id, the beginning of one, `d/ID` or `d/ID@VERSION`, or an address.

    Raises UnknownReleaseError when there is none to be seen, or more than one; WithheldError where a case withholds it.
    """
    release_id = _find(db, text)
    require_visible(db, release_id, visibility, asked=text)
    return release_id


ERASED = """SELECT t.release_id AS id FROM takedown_release t JOIN takedown c ON c.case_id = t.case_id
WHERE c.state = 'erased' AND (t.release_id = ? OR length(?) >= 4 AND substr(t.release_id, 1, length(?)) = ?)
LIMIT 2"""


ERASED_PLACE = """SELECT t.release_id AS id FROM erased_place p JOIN takedown_release t ON t.case_id = p.case_id
WHERE p.url = ? LIMIT 1"""


def _find(db: Database, text: str) -> str:
    wanted, _, version = text.removeprefix("/").removeprefix("d/").partition("@")
    rows = list(
        db.query(
            """SELECT id, version_id || '.' || derivation AS current FROM release
               WHERE id = ? OR url = ? OR (length(?) >= 4 AND substr(id, 1, length(?)) = ?) LIMIT 3""",
            [wanted, text, wanted, wanted, wanted],
        )
    )
    if len(rows) == 1:
        release_id, current = rows[0]["id"], rows[0]["current"]
        if version and wanted and release_id.startswith(wanted) and not current.startswith(version):
            raise UnknownReleaseError(
                f"{text!r} ist nicht die aktuelle Fassung",
                hint=f"die aktuelle zeigt: archive-pipeline show d/{release_id}",
            )
        return str(release_id)
    if rows:
        raise UnknownReleaseError(f"{text!r} ist nicht eindeutig", hint="mehr Zeichen der Kennung angeben")
    erased = list(db.query(ERASED, [wanted] * 4)) or list(db.query(ERASED_PLACE, [text]))
    if len(erased) == 1:
        return str(erased[0]["id"])
    raise UnknownReleaseError(
        f"Im Archiv ist keine Mitteilung {text!r}", hint="archive-pipeline search findet Kennungen"
    )


def load_release(db: Database, release_id: str) -> Release:
    """A release with its current version and effective tags. Raises UnknownReleaseError."""
    found = load_releases(db, [release_id])
    if not found:
        raise UnknownReleaseError(f"Im Archiv ist keine Mitteilung {release_id!r}")
    return found[0]


LOAD = """
SELECT r.id, r.source_id, r.url, r.path, r.access, r.version_id, r.derivation, v.number AS version_number,
       v.captured_at, d.text, d.article
FROM release r
JOIN version v ON v.release_id = r.id AND v.id = r.version_id
JOIN derivation d ON d.release_id = r.id AND d.version_id = r.version_id AND d.number = r.derivation
WHERE r.id IN ({})
"""


def load_releases(
    db: Database, release_ids: Sequence[str], visibility: Visibility = EVERYTHING, *, with_suppressed: bool = False
) -> list[Release]:
    """Releases in the order asked for; unknown ids, and what is not to be seen, are left out. Persons whose names are
    suppressed are left out, too, unless they are asked for."""
    found: dict[str, Release] = {}
    suppressed = () if with_suppressed else suppressed_names(db)
    if visibility != EVERYTHING:
        seen = visible_ids(db, release_ids, visibility)
        release_ids = [release_id for release_id in release_ids if release_id in seen]
    for start in range(0, len(release_ids), 500):
        batch = list(release_ids[start : start + 500])
        marks = ", ".join("?" * len(batch))
        tags = _tags(db, batch, marks)
        persons = _persons(db, batch, marks, suppressed)
        quotes = _quotes(db, batch, marks, suppressed)
        corrections = _corrections(db, batch, marks)
        locations = _locations(db, batch, marks)
        attachments = _attachments(db, batch, marks)
        for row in db.query(LOAD.format(marks), batch):
            found[row["id"]] = Release(
                id=row["id"],
                source_id=row["source_id"],
                version_id=row["version_id"],
                version_number=row["version_number"],
                derivation=row["derivation"],
                url=row["url"],
                path=row["path"],
                captured_at=datetime.fromisoformat(row["captured_at"]),
                access=row["access"],
                article=replace(ARTICLE.validate_json(row["article"]), text=row["text"]),
                tags=tuple(tags.get(row["id"], ())),
                persons=tuple(persons.get(row["id"], ())),
                quotes=tuple(quotes.get(row["id"], ())),
                locations=tuple(locations.get(row["id"], ())),
                attachments=tuple(attachments.get(row["id"], ())),
                corrections=tuple(corrections.get(row["id"], ())),
            )
    return [found[release_id] for release_id in release_ids if release_id in found]


def _locations(db: Database, ids: Sequence[str], marks: str) -> dict[str, list[Location]]:
    found: dict[str, list[Location]] = {}
    for row in db.query(
        f"""SELECT release_id, source_id, key, url, first_captured_at FROM location
            WHERE release_id IN ({marks}) ORDER BY first_captured_at, rowid""",
        ids,
    ):
        location = Location(
            source_id=row["source_id"],
            key=row["key"],
            url=row["url"],
            first_seen=datetime.fromisoformat(row["first_captured_at"]),
        )
        found.setdefault(row["release_id"], []).append(location)
    return found


def _attachments(db: Database, ids: Sequence[str], marks: str) -> dict[str, list[Attachment]]:
    """The newest capture of each, in the order they were first seen."""
    found: dict[str, dict[str, Attachment]] = {}
    for row in db.query(
        f"""SELECT release_id, target, url, key, media_type, sha256, record_id, captured_at FROM capture
            WHERE kind = 'attachment' AND release_id IN ({marks}) ORDER BY captured_at, rowid""",
        ids,
    ):
        attachment = Attachment(
            name=row["url"] or row["key"],
            media_type=row["media_type"],
            sha256=row["sha256"],
            record_id=row["record_id"],
            captured_at=datetime.fromisoformat(row["captured_at"]),
        )
        found.setdefault(row["release_id"], {})[row["target"]] = attachment
    return {release_id: list(attachments.values()) for release_id, attachments in found.items()}


CURRENT = """JOIN release r ON r.id = x.release_id AND r.version_id = x.version_id AND r.derivation = x.derivation
WHERE x.release_id IN ({}) ORDER BY x.id"""


def _tags(db: Database, ids: Sequence[str], marks: str) -> dict[str, list[Tag]]:
    found: dict[tuple[str, str, str], tuple[str, str, str]] = {}
    for row in db.query(
        f"""SELECT x.release_id, x.axis, x.value, x.evidence, x.municipalities, x.keywords
            FROM tag x {CURRENT.format(marks)}""",
        ids,
    ):
        found[row["release_id"], row["axis"], row["value"]] = (row["evidence"], row["municipalities"], row["keywords"])
    tags: dict[str, list[Tag]] = {}
    for row in db.query(
        f"SELECT release_id, axis, value, label, role, score, by FROM v_tag WHERE release_id IN ({marks})", ids
    ):
        spans, places, keywords = found.get((row["release_id"], row["axis"], row["value"]), ("[]", "[]", "[]"))
        tag = tag_of({**row, "evidence": spans, "municipalities": places, "keywords": keywords})
        tags.setdefault(row["release_id"], []).append(tag)
    return tags


def derived_tags(db: Database, ids: Sequence[str]) -> dict[str, list[Tag]]:
    """All tags of the current derivations as they were found, whatever people decided and however low they score."""
    found: dict[str, list[Tag]] = {}
    for row in db.query(f"SELECT x.* FROM tag x {CURRENT.format(', '.join('?' * len(ids)))}", ids):
        found.setdefault(row["release_id"], []).append(tag_of(row))
    return found


def tag_of(row: Mapping[str, Any]) -> Tag:
    """A tag as a row of the table `tag` holds it."""
    return Tag(
        axis=Axis(row["axis"]),
        value=row["value"],
        label=row["label"],
        role=Role(row["role"]),
        score=row["score"],
        by=row["by"],
        evidence=EVIDENCE.validate_json(row["evidence"]),
        municipalities=tuple(json.loads(row["municipalities"])),
        keywords=KEYWORDS.validate_json(row["keywords"]),
    )


def suggestions(db: Database, release_id: str) -> list[Tag]:
    """Tags of the current derivation that score below 0.5: for review, not for search."""
    return [tag for tag in derived_tags(db, [release_id]).get(release_id, ()) if tag.score < 0.5]


def _persons(db: Database, ids: Sequence[str], marks: str, suppressed: Sequence[str]) -> dict[str, list[Person]]:
    persons: dict[str, list[Person]] = {}
    for row in db.query(f"SELECT x.* FROM person x {CURRENT.format(marks)}", ids):
        if names_person(row["name"], suppressed):
            continue
        persons.setdefault(row["release_id"], []).append(
            Person(name=row["name"], role=row["role"], party=row["party"], start=row["start"], end=row["end"])
        )
    return persons


def _quotes(db: Database, ids: Sequence[str], marks: str, suppressed: Sequence[str]) -> dict[str, list[Quote]]:
    quotes: dict[str, list[Quote]] = {}
    for row in db.query(f"SELECT x.* FROM quote x {CURRENT.format(marks)}", ids):
        quotes.setdefault(row["release_id"], []).append(
            Quote(
                text=row["text"], speaker=shown_speaker(row["speaker"], suppressed), start=row["start"], end=row["end"]
            )
        )
    return quotes


def shown_speaker(speaker: str | None, suppressed: Sequence[str]) -> str | None:
    """The speaker of a quote; None where the name is suppressed."""
    return None if speaker is None or names_person(speaker, suppressed) else speaker


def _corrections(db: Database, ids: Sequence[str], marks: str) -> dict[str, list[Correction]]:
    found: dict[str, list[Correction]] = {}
    for row in db.query(
        f"""SELECT release_id, id, kind, text, url, noted_at FROM correction
            WHERE withdrawn_by IS NULL AND release_id IN ({marks}) ORDER BY noted_at, rowid""",
        ids,
    ):
        release_id = row.pop("release_id")
        noted_at = datetime.fromisoformat(row.pop("noted_at"))
        found.setdefault(release_id, []).append(Correction(**row, noted_at=noted_at))
    return found


def iterate_releases(db: Database, *, batch: int = 500, visibility: Visibility = ARCHIVIST) -> Iterator[Release]:
    """Every release of the archive that is to be seen, oldest change first, without holding more than `batch` in
    memory."""
    seq = 0
    while changes := changes_since(db, seq, batch):
        yield from load_releases(db, [release_id for _, release_id in changes], visibility)
        seq = changes[-1][0]


def found_label(db: Database, axis: Axis, value: str, visibility: Visibility = ARCHIVIST) -> str | None:
    """The name under which a value was tagged last in a release that is to be seen, or None."""
    condition, values = visibility.condition()
    rows = db.query(
        f"""SELECT t.label FROM tag t JOIN release r ON r.id = t.release_id
            WHERE t.axis = ? AND t.value = ? AND {condition} ORDER BY t.id DESC LIMIT 1""",
        [axis, value, *values],
    )
    return next((row["label"] for row in rows), None)


def found_values(db: Database, axis: Axis, label: str, visibility: Visibility = ARCHIVIST) -> tuple[str, ...]:
    """The values that were tagged under a name in releases that are to be seen; case is ignored in ASCII letters."""
    condition, values = visibility.condition()
    rows = db.query(
        f"""SELECT DISTINCT t.value FROM tag t JOIN release r ON r.id = t.release_id
            WHERE t.axis = ? AND t.label LIKE ? AND {condition} ORDER BY t.value""",
        [axis, label, *values],
    )
    return tuple(row["value"] for row in rows)
