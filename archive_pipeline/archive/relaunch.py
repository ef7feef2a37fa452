"""A site that moves: most of what a source offers stands at new addresses, and reads like what the archive has.

While that goes on, a document at a new address that is nearly the same as a release of the source, of about the same
day, and whose old address is no longer offered, is that release at a further place. At any other time texts that are
merely alike stay releases of their own.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import TypeAdapter
from sqlite_utils import Database

from archive_pipeline.archive.database import look_up
from archive_pipeline.archive.events import record_event
from archive_pipeline.mail.sameness import same_release
from archive_pipeline.model import Article, Capture

__all__ = ["Relaunch", "count_place", "find_moved", "has_location", "relaunch_of", "suspect_relaunch", "tell_relaunch"]

LEAST = 5
"""New addresses, and known releases, below which nothing is suspected."""
MOST = 0.6
"""Share of the addresses offered that must be new for a relaunch to be suspected, and share of the documents there that
must be known ones for it to be one."""
LASTS = timedelta(days=30)
"""How long a relaunch goes on: a budget or a slow backfill may spread it over many runs."""
DAYS = timedelta(days=7)
"""How far the dates of a release may lie apart before and after: a new system may state another one."""

ARTICLE = TypeAdapter(Article)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaunch:
    """A source whose addresses changed: since when, how many documents at new addresses were known releases (`moved`)
    and how many were not (`other`)."""

    source_id: str
    began_at: datetime
    moved: int
    other: int

    @property
    def is_refuted(self) -> bool:
        """Whether enough documents came, and most are no known releases: then the source just had much news."""
        seen = self.moved + self.other
        return seen >= LEAST and self.moved < MOST * seen

    @property
    def is_confirmed(self) -> bool:
        """Whether it is known to be a relaunch: alerts for the source wait."""
        return self.moved >= LEAST and not self.is_refuted

    def covers(self, at: datetime) -> bool:
        """Whether it goes on at this time."""
        return self.began_at <= at <= self.began_at + LASTS


def relaunch_of(db: Database, source_id: str, at: datetime) -> Relaunch | None:
    """The relaunch of a source that is suspected or goes on at a time, or None."""
    row = look_up(db, "SELECT source_id, began_at, moved, other FROM relaunch WHERE source_id = ?", [source_id])
    if row is None:
        return None
    found = Relaunch(source_id=row[0], began_at=datetime.fromisoformat(row[1]), moved=row[2], other=row[3])
    return found if found.covers(at) else None


def suspect_relaunch(db: Database, source_id: str, offered: Collection[str], visited: datetime) -> bool:
    """Note that a source may have moved, if most of what it offers in the visit that began at `visited` stands at
    addresses where nothing was archived. Call inside `write_tx`, before anything of it is archived."""
    known = relaunch_of(db, source_id, visited)
    if known is not None and not known.is_refuted:
        return True
    places = {
        row["key"] for row in db.query("SELECT key FROM location WHERE source_id = ? AND url IS NOT NULL", [source_id])
    }
    new = len(set(offered) - places)
    if new < LEAST or new < MOST * len(offered) or len(places) < LEAST:
        return False
    db.table("relaunch").upsert(
        {"source_id": source_id, "began_at": visited.isoformat(), "moved": 0, "other": 0, "told": 0}, pk="source_id"
    )
    return True


def has_location(db: Database, capture: Capture) -> bool:
    """Whether a release was found at the capture's place before."""
    place = [capture.source_id, capture.key]
    return look_up(db, "SELECT 1 FROM location WHERE source_id = ? AND key = ? LIMIT 1", place) is not None


CANDIDATES = """
SELECT r.id, d.article, d.text FROM release r
JOIN derivation d ON d.release_id = r.id AND d.version_id = r.version_id AND d.number = r.derivation
WHERE r.source_id = :source_id AND r.url IS NOT NULL
  AND (r.published BETWEEN :first AND :last OR (r.published IS NULL OR :first IS NULL) AND r.title IS :title)
  AND NOT EXISTS (
    SELECT 1 FROM location l JOIN item i ON i.source_id = l.source_id AND i.key = l.key
    WHERE l.release_id = r.id AND i.last_seen_at >= :began)
ORDER BY r.published IS NOT :day, r.first_captured_at, r.id
"""


def find_moved(db: Database, capture: Capture, article: Article) -> str | None:
    """The release that stands at this new address since a relaunch, or None. What counts as the same text is
    `same_release`: nine in ten runs of five words, at least 60 words, no number that only one of them has."""
    relaunch = relaunch_of(db, capture.source_id, capture.captured_at) if capture.url else None
    if relaunch is None or relaunch.is_refuted:
        return None
    day = article.published
    values = {
        "source_id": capture.source_id,
        "day": day.isoformat() if day else None,
        "first": (day - DAYS).isoformat() if day else None,
        "last": (day + DAYS).isoformat() if day else None,
        "title": article.title,
        "began": relaunch.began_at.isoformat(),
    }
    for row in db.query(CANDIDATES, values):
        if same_release(article, replace(ARTICLE.validate_json(row["article"]), text=row["text"])):
            return str(row["id"])
    return None


def count_place(db: Database, capture: Capture, *, moved: bool) -> None:
    """Count a document at a new address, where a relaunch is suspected or goes on. Call inside `write_tx`."""
    if relaunch_of(db, capture.source_id, capture.captured_at) is not None:
        db.execute(
            "UPDATE relaunch SET moved = moved + ?, other = other + ? WHERE source_id = ?",
            [int(moved), int(not moved), capture.source_id],
        )


def tell_relaunch(db: Database, source_id: str, *, at: datetime, agent: str) -> str | None:
    """Record a relaunch that is confirmed, once for each visit that found more of it; the words of the event, None
    where there is nothing new to tell. Call inside `write_tx`."""
    found = relaunch_of(db, source_id, at)
    if found is None or not found.is_confirmed:
        return None
    told = next(db.query("SELECT told FROM relaunch WHERE source_id = ?", [source_id]))["told"]
    if found.moved == told:
        return None
    detail = f"Relaunch: {found.moved} bekannte Mitteilungen unter neuen Adressen, {found.other} neue"
    record_event(db, "relaunch", at=at, agent=agent, subject=source_id, outcome="warning", detail=detail)
    db.execute("UPDATE relaunch SET told = ? WHERE source_id = ?", [found.moved, source_id])
    return detail
