"""Saved searches: which there are, and what has come since somebody last looked."""

from dataclasses import dataclass
from datetime import datetime
from difflib import get_close_matches
from typing import Literal

from sqlite_utils import Database

from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.visibility import embargo_text
from archive_pipeline.errors import ArchiveError

__all__ = ["Change", "SavedSearch", "adopt_seen", "changes_unseen", "find_saved", "list_saved", "note_seen"]

Change = Literal["new", "changed", "retagged"]
"""A release that was not in the archive, a new version of one by its publisher, one that was only tagged or cleaned
anew (it may be found for the first time, or may have been found before)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedSearch:
    """A search with a name. `seen_seq` is the change number of the archive up to which its hits are known, `seen_at`
    (UTC) when that was."""

    name: str
    query: str
    match: Literal["all", "any"]
    sort: Literal["score", "newest", "oldest"]
    saved_by: str
    saved_at: datetime
    seen_seq: int
    seen_at: datetime


def list_saved(db: Database) -> list[SavedSearch]:
    """Every saved search by name."""
    return [
        SavedSearch(
            **{
                **row,
                "saved_at": datetime.fromisoformat(row["saved_at"]),
                "seen_at": datetime.fromisoformat(row["seen_at"]),
            }
        )
        for row in db.query("SELECT * FROM saved_search ORDER BY name")
    ]


def find_saved(db: Database, name: str) -> SavedSearch:
    """The saved search of this name. Raises ArchiveError."""
    known = {saved.name: saved for saved in list_saved(db)}
    if name in known:
        return known[name]
    near = get_close_matches(name, known, n=1)
    meant = f" – meinten Sie {near[0]!r}?" if near else ""
    raise ArchiveError(
        f"Eine gespeicherte Suche {name!r} gibt es nicht{meant}", hint="archive-pipeline saved list zeigt alle"
    )


def changes_unseen(
    db: Database, saved: SavedSearch, seq: int, *, embargo_ended: datetime | None = None
) -> dict[str, Change]:
    """What happened to which releases after the search was last looked at, up to a change number of the archive: that
    of the index which is asked, and which may be behind what happened to them since. For somebody from whom embargoes
    keep releases, those are new whose embargo ended since, by `embargo_ended` (UTC)."""
    rows = db.query(
        """SELECT r.id, v.captured_at,
             (SELECT max(o.at) FROM outbox o WHERE o.release_id = r.id AND o.seq <= :seen) AS known_at,
             r.embargo_until > :seen_at AND r.embargo_until <= :at OR
             EXISTS (SELECT 1 FROM outbox o WHERE o.release_id = r.id AND o.change = 'new' AND o.seq > :seen) AS is_new
           FROM release r JOIN version v ON v.release_id = r.id AND v.id = r.version_id
           WHERE r.id IN (SELECT o.release_id FROM outbox o WHERE o.seq > :seen AND o.seq <= :seq)
             OR r.embargo_until > :seen_at AND r.embargo_until <= :at
             AND EXISTS (SELECT 1 FROM outbox o WHERE o.release_id = r.id AND o.seq <= :seq)""",
        {
            "seen": saved.seen_seq,
            "seq": seq,
            "seen_at": embargo_text(saved.seen_at),
            "at": embargo_text(embargo_ended) if embargo_ended else "",
        },
    )
    return {row["id"]: _change(row["is_new"], row["captured_at"], row["known_at"], saved.seen_at) for row in rows}


def _change(is_new: int | None, captured_at: str, known_at: str | None, seen_at: datetime) -> Change:
    """A version is one that nobody knew when it was captured after the last change that was known, whenever somebody
    said so: what a run wrote between the look and the word is new, too."""
    if is_new:
        return "new"
    since = datetime.fromisoformat(known_at) if known_at else seen_at
    return "changed" if datetime.fromisoformat(captured_at) > since else "retagged"


def note_seen(db: Database, name: str, seq: int, now: datetime) -> None:
    """Everything up to a change number has been looked at."""
    with write_tx(db):
        db.execute("UPDATE saved_search SET seen_seq = ?, seen_at = ? WHERE name = ?", [seq, now.isoformat(), name])


def adopt_seen(db: Database, old: Database) -> None:
    """Take over from the database before a rebuild when each search was last looked at; change numbers are new, so they
    follow from the time. Call inside `write_tx`."""
    for row in old.query("SELECT name, seen_at FROM saved_search"):
        db.execute(
            """UPDATE saved_search SET seen_at = :at,
                 seen_seq = (SELECT coalesce(max(seq), 0) FROM outbox WHERE at <= :at)
               WHERE name = :name AND seen_at < :at""",
            {"name": row["name"], "at": row["seen_at"]},
        )
