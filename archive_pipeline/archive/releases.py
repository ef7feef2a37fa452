"""Writing a release in one piece: identity, location, version, derivation, tags, outbox."""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from pydantic import TypeAdapter
from sqlite_utils import Database

from archive_pipeline.archive.database import look_up
from archive_pipeline.archive.identity import ID_LENGTH, find_counterpart, find_identity, text_digest
from archive_pipeline.archive.relaunch import count_place, find_moved, has_location
from archive_pipeline.archive.sameness import reads_the_same
from archive_pipeline.archive.versions import current_place, note_silent_change
from archive_pipeline.archive.visibility import embargo_text
from archive_pipeline.model import (
    Article,
    Capture,
    Evidence,
    Keyword,
    Processed,
    Source,
)

__all__ = [
    "Change",
    "Stored",
    "current_values",
    "note_change",
    "restore_release",
    "store_derivation",
    "store_release",
    "write_derivation",
]

Change = Literal["new", "changed", "unchanged"]

ARTICLE = TypeAdapter(Article)
EVIDENCE = TypeAdapter(tuple[Evidence, ...])
KEYWORDS = TypeAdapter(tuple[Keyword, ...])

TOPIC_MODEL = "topic-model@"
"""What the names of learned topic models begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """What storing one document came to."""

    release_id: str
    change: Change


def store_release(
    db: Database, capture: Capture, source: Source, processed: Processed, *, software: str, now: datetime
) -> Stored:
    """Write release, version, derivation, tags and outbox row. Call inside `write_tx`, after `record_capture`.

    A payload the release already had, or one whose article reads the same (only the page around it changed), is
    no new version, and neither is the mail that brought what the web has, or the other way round. One that was captured
    before the current version, as in somebody else's web archive, becomes a version and leaves the current one current.
    While a site moves to new addresses, a text that is nearly that of a release is this release (`find_moved`).
    """
    if processed.article is None:
        raise ValueError("only accepted documents become releases")
    is_new_place = not has_location(db, capture)
    release_id = find_identity(db, capture, processed.article)
    former = None if is_new_place else current_place(db, release_id)
    known = look_up(db, "SELECT 1 FROM release WHERE id = ?", [release_id])
    if known is None and (moved := find_moved(db, capture, processed.article)) is not None:
        release_id, known = moved, (moved,)
    if is_new_place:
        count_place(db, capture, moved=known is not None)
    if known is None:
        counterpart = find_counterpart(db, capture, source, processed.article)
        if counterpart is not None:
            _locate(db, counterpart, capture, source)
            return Stored(release_id=counterpart, change="unchanged")
    _locate(db, release_id, capture, source)
    if known is not None and _is_known(db, release_id, capture, processed.article):
        return Stored(release_id=release_id, change="unchanged")
    version_id = capture.sha256[:ID_LENGTH]
    is_older = known is not None and _is_older(db, release_id, capture)
    if is_older and _has_version(db, release_id, version_id):
        return Stored(release_id=release_id, change="unchanged")
    if _return_to(db, release_id, version_id):
        note_silent_change(db, former, release_id, at=now, agent=software)
        note_change(db, release_id, "changed", now)
        return Stored(release_id=release_id, change="changed")
    number = _versions(db, release_id) + 1
    db.conn.execute(
        "INSERT INTO version (release_id, id, number, sha256, captured_at, record_id) VALUES (?, ?, ?, ?, ?, ?)",
        [release_id, version_id, number, capture.sha256, capture.captured_at.isoformat(), capture.record_id],
    )
    write_derivation(db, release_id, version_id, 1, processed, software)
    if not is_older:
        _make_current(db, release_id, version_id, 1, processed.article)
        note_silent_change(db, former, release_id, at=now, agent=software)
    change: Literal["new", "changed"] = "new" if known is None else "changed"
    note_change(db, release_id, change, now)
    return Stored(release_id=release_id, change=change)


def restore_release(
    db: Database,
    capture: Capture,
    source: Source,
    processed: Processed,
    place: tuple[str, str, int],
    change: Change,
    *,
    current: bool,
    software: str,
    now: datetime,
) -> Stored:
    """Write what `store_release` decided before: the derivation at `place` (release, version, number), whatever would
    be decided today. Call inside `write_tx`, after `record_capture`."""
    release_id, version_id, number = place
    former = None
    if has_location(db, capture):
        former = current_place(db, release_id)
    else:  # a killed run may not have come to count it
        known = look_up(db, "SELECT 1 FROM release WHERE id = ?", [release_id])
        count_place(db, capture, moved=known is not None)
    _locate(db, release_id, capture, source)
    stored = Stored(release_id=release_id, change=change)
    if change == "unchanged" or processed.article is None:
        return stored
    if not _has_version(db, release_id, version_id):
        ordinal = _versions(db, release_id) + 1
        db.conn.execute(
            "INSERT INTO version (release_id, id, number, sha256, captured_at, record_id) VALUES (?, ?, ?, ?, ?, ?)",
            [release_id, version_id, ordinal, capture.sha256, capture.captured_at.isoformat(), capture.record_id],
        )
        write_derivation(db, release_id, version_id, number, processed, software)
        if current:
            _make_current(db, release_id, version_id, number, processed.article)
            note_silent_change(db, former, release_id, at=now, agent=software)
    elif _return_to(db, release_id, version_id):
        note_silent_change(db, former, release_id, at=now, agent=software)
    note_change(db, release_id, change, now)
    return stored


def store_derivation(
    db: Database,
    release_id: str,
    version_id: str,
    processed: Processed,
    *,
    software: str,
    now: datetime,
    number: int | None = None,
) -> int:
    """Write one more derivation of a release's current version and make it the current one; its number. Call inside
    `write_tx`. Earlier ones stay: what was cited resolves to the text that was cited. `number` is the one it had
    before a rebuild."""
    newest = next(
        db.query(
            "SELECT max(number) AS n FROM derivation WHERE release_id = ? AND version_id = ?", [release_id, version_id]
        )
    )["n"]
    number = number or int(newest) + 1
    assert processed.article is not None
    write_derivation(db, release_id, version_id, number, processed, software)
    _make_current(db, release_id, version_id, number, processed.article)
    note_change(db, release_id, "changed", now)
    return number


def _locate(db: Database, release_id: str, capture: Capture, source: Source) -> None:
    db.conn.execute(
        """INSERT OR IGNORE INTO release
           (id, source_id, url, path, access, version_id, derivation, first_captured_at, seq)
           VALUES (?, ?, ?, ?, coalesce(
             (SELECT a.access FROM access_decision a WHERE a.release_id = ?),
             (SELECT s.access FROM source s WHERE s.id = ?), ?), '', 0, ?, 0)""",
        [
            release_id,
            source.id,
            capture.url,
            None if capture.url else capture.key,
            release_id,  # decided before it came, in an import or before its capture was lost
            source.id,  # of a release that was imported, this archive's own level holds
            source.access,
            capture.captured_at.isoformat(),
        ],
    )
    db.conn.execute(
        """INSERT OR IGNORE INTO location (release_id, source_id, key, url, first_captured_at)
           VALUES (?, ?, ?, ?, ?)""",
        [release_id, source.id, capture.key, capture.url, capture.captured_at.isoformat()],
    )


def _is_known(db: Database, release_id: str, capture: Capture, article: Article) -> bool:
    current = next(
        db.query(
            """SELECT v.sha256, d.text, d.article FROM release r
               JOIN version v ON v.release_id = r.id AND v.id = r.version_id
               JOIN derivation d
                 ON d.release_id = r.id AND d.version_id = r.version_id AND d.number = r.derivation
               WHERE r.id = ?""",
            [release_id],
        ),
        None,
    )
    if current is None:
        return False
    if current["sha256"] == capture.sha256:
        return True
    # of documents without text, other bytes are other pictures
    known = replace(ARTICLE.validate_json(current["article"]), text=current["text"])
    return article.state is None and reads_the_same(known, article)


def _is_older(db: Database, release_id: str, capture: Capture) -> bool:
    """Whether the capture was made before that of the current version."""
    row = next(
        db.query(
            """SELECT v.captured_at FROM release r JOIN version v ON v.release_id = r.id AND v.id = r.version_id
               WHERE r.id = ?""",
            [release_id],
        ),
        None,
    )
    return row is not None and capture.captured_at < datetime.fromisoformat(row["captured_at"])


def _has_version(db: Database, release_id: str, version_id: str) -> bool:
    return look_up(db, "SELECT 1 FROM version WHERE release_id = ? AND id = ?", [release_id, version_id]) is not None


def _versions(db: Database, release_id: str) -> int:
    found = look_up(db, "SELECT count(*) FROM version WHERE release_id = ?", [release_id])
    return int(found[0]) if found else 0


def _make_current(db: Database, release_id: str, version_id: str, number: int, article: Article) -> None:
    values = {**current_values(article), "version_id": version_id, "derivation": number}
    columns = ", ".join(f"{name} = ?" for name in values)
    db.conn.execute(f"UPDATE release SET {columns} WHERE id = ?", [*values.values(), release_id])


def current_values(article: Article) -> dict[str, str | None]:
    """What the row of a release says by the article of its current derivation alone, by column."""
    return {
        "title": article.title,
        "published": article.published.isoformat() if article.published else None,
        "text_digest": text_digest(article),
        "state": article.state,
        "embargo_until": embargo_text(article.embargo_until) if article.embargo_until else None,
    }


def _return_to(db: Database, release_id: str, version_id: str) -> bool:
    """The publisher went back to an earlier payload: make that version current again, as it was derived last."""
    row = look_up(
        db,
        """SELECT number, text, article FROM derivation WHERE release_id = ? AND version_id = ?
           ORDER BY number DESC LIMIT 1""",
        [release_id, version_id],
    )
    if row is None:
        return False
    number, text, article = row
    _make_current(db, release_id, version_id, number, replace(ARTICLE.validate_json(article), text=text))
    return True


def write_derivation(
    db: Database, release_id: str, version_id: str, number: int, processed: Processed, software: str
) -> None:
    """Write the rows of one derivation: text, tags, persons, quotes. Call inside `write_tx`."""
    article = processed.article
    assert article is not None
    published = article.published.isoformat() if article.published else None
    db.conn.execute(
        """INSERT INTO derivation
           (release_id, version_id, number, software, profile, topic_model, title, published, language, text, article)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        [
            release_id,
            version_id,
            number,
            software,
            article.profile,
            next((tag.by for tag in processed.tags if tag.by.startswith(TOPIC_MODEL)), None),
            article.title,
            published,
            article.language,
            article.text,
            ARTICLE.dump_json(replace(article, text=""), exclude_defaults=True).decode(),
        ],
    )
    key = (release_id, version_id, number)
    db.conn.executemany(
        """INSERT INTO tag (release_id, version_id, derivation, axis, value, label, role, score, by, evidence,
           municipalities, keywords) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        (
            (
                *key,
                tag.axis.value,
                tag.value,
                tag.label,
                tag.role.value,
                tag.score,
                tag.by,
                EVIDENCE.dump_json(tag.evidence).decode(),
                json.dumps(tag.municipalities),
                KEYWORDS.dump_json(tag.keywords).decode() if tag.keywords else "[]",
            )
            for tag in processed.tags
        ),
    )
    db.conn.executemany(
        """INSERT INTO person (release_id, version_id, derivation, name, role, party, start, "end")
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
        ((*key, one.name, one.role, one.party, one.start, one.end) for one in processed.persons),
    )
    db.conn.executemany(
        """INSERT INTO quote (release_id, version_id, derivation, text, speaker, start, "end")
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        ((*key, one.text, one.speaker, one.start, one.end) for one in processed.quotes),
    )


def note_change(db: Database, release_id: str, change: Literal["new", "changed", "tagged"], now: datetime) -> int:
    """Announce a change in the outbox; index, alerts and exports follow its numbers. Call inside `write_tx`."""
    cursor = db.conn.execute(
        "INSERT INTO outbox (release_id, change, at) VALUES (?, ?, ?)", [release_id, change, now.isoformat()]
    )
    seq = int(cursor.lastrowid or 0)
    db.conn.execute("UPDATE release SET seq = ? WHERE id = ?", [seq, release_id])
    return seq
