"""The frontier: every item a source ever offered, with its state. A killed run goes on from here."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal

from sqlite_utils import Database

from archive_pipeline.archive.database import write_tx
from archive_pipeline.model import Capture, Item

__all__ = [
    "DueItem",
    "ItemState",
    "bookmark",
    "complete_discovery",
    "count_settled",
    "due_items",
    "ending",
    "is_known",
    "is_substitute",
    "offer",
    "plan_check",
    "restore",
    "settle",
    "settle_check",
    "was_captured",
]

ItemState = Literal["pending", "captured", "refused", "failed", "gone"]
"""`pending`: to be captured. The others say how the last attempt ended."""

CHECK_GAPS = (timedelta(days=1), timedelta(days=6), timedelta(days=23), timedelta(days=150))
"""Time from a capture to its first check, and from each check to the next: a release is looked at again 1, 7, 30 and
180 days after it was captured."""

YEARLY = timedelta(days=365)
EARLY = timedelta(hours=1)
"""Checks are due this much earlier: a source that is visited once a day, at a time that varies, would else be a day
late with each."""

FIRST_BACK_OFF = timedelta(hours=1)
LONGEST_BACK_OFF = timedelta(days=7)
"""A failed attempt waits an hour, each further one twice as long, up to a week."""

REFUSED_FOR = timedelta(days=7)
"""How long a refusal holds before scheduled runs ask again; what a site forbids changes seldom."""

GONE_FOR = timedelta(days=30)
"""After this a release that was gone is looked for again: sites come back from repairs and moves."""

WRONG_CLOCK = timedelta(days=366)
"""Nothing is planned further ahead: such a time was noted while the clock was wrong, and counts as over."""

ATTEMPTS = 8
"""After so many failures in a row, about two weeks, an item that its source no longer offers is given up."""

OFFER = """
INSERT INTO item (source_id, key, url, title, published, media_type, fingerprint, state, first_seen_at, last_seen_at)
VALUES (:source_id, :key, :url, :title, :published, :media_type, :fingerprint, 'pending', :now, :now)
ON CONFLICT (source_id, key) DO UPDATE SET
  url = excluded.url, title = excluded.title, published = excluded.published, media_type = excluded.media_type,
  fingerprint = excluded.fingerprint, last_seen_at = excluded.last_seen_at,
  state = CASE
    WHEN state IN ('captured', 'gone') AND excluded.fingerprint IS NOT NULL
      AND excluded.fingerprint IS NOT captured_fingerprint THEN 'pending'
    ELSE state
  END
"""

DUE = """
SELECT source_id, key, url, title, published, media_type, fingerprint, state = 'captured' AS is_check
FROM item
WHERE source_id = :source_id AND (
  state = 'pending'
  OR state = 'failed' AND (last_seen_at >= :visited OR failures < :attempts)
    AND (NOT :patient OR next_attempt_at IS NULL OR next_attempt_at <= :now OR next_attempt_at > :beyond)
  OR state IN ('refused', 'gone') AND last_seen_at >= :visited
    AND (NOT :patient OR next_attempt_at IS NULL OR next_attempt_at <= :now OR next_attempt_at > :beyond)
) AND (:since IS NULL OR published IS NULL OR published >= :since)
ORDER BY state <> 'pending', failures, first_seen_at, rowid
LIMIT :limit
"""

CHECKS = """
SELECT source_id, key, url, title, published, media_type, fingerprint, 1 AS is_check
FROM item
WHERE source_id = :source_id AND state IN ('captured', 'gone')
  AND (next_check_at <= :now OR next_check_at > :beyond)
  AND NOT (state = 'gone' AND last_seen_at >= :visited)
ORDER BY next_check_at, rowid LIMIT :limit
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueItem:
    """An item that is to be captured now; `is_check` when it was captured before and is only looked at again."""

    item: Item
    is_check: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the last attempt at an item ended: its state, and what stood in the way."""

    state: ItemState
    reason: str | None


def offer(db: Database, items: Sequence[Item], now: datetime) -> None:
    """Note what a source offers. New items and changed ones become pending; what failed, was refused or is gone keeps
    its state, and is due again because it was offered."""
    with write_tx(db):
        for item in items:
            db.execute(
                OFFER,
                {
                    "source_id": item.source_id,
                    "key": item.key,
                    "url": item.url,
                    "title": item.title,
                    "published": item.published,
                    "media_type": item.media_type,
                    "fingerprint": item.fingerprint,
                    "now": now.isoformat(),
                },
            )


def due_items(
    db: Database,
    source_id: str,
    now: datetime,
    *,
    visited: datetime,
    since: date | None = None,
    limit: int | None = None,
    checks: int = 0,
    patient: bool = False,
) -> list[DueItem]:
    """What is to be captured from a source now: new and changed items first, then what failed before, then at most
    `checks` known releases whose next check is due; in all `limit`.

    `visited` is when this visit of the source began: what it offered since is there again. What was published before
    `since` waits on. `patient` keeps to the
    back-off of failed and refused items, as scheduled runs do; a person who starts a run wants them tried now.
    """
    values: dict[str, str | int | bool | None] = {
        "source_id": source_id,
        "now": now.isoformat(),
        "beyond": (now + WRONG_CLOCK).isoformat(),
        "visited": visited.isoformat(),
        "since": since.isoformat() if since else None,
        "patient": patient,
        "attempts": ATTEMPTS,
    }
    rows = list(db.query(DUE, {**values, "limit": -1 if limit is None else limit}))
    room = checks if limit is None else min(checks, limit - len(rows))
    rows += db.query(CHECKS, {**values, "limit": room})
    return [DueItem(is_check=bool(row.pop("is_check")), item=Item(**row)) for row in rows]


def settle(db: Database, item: Item, state: ItemState, now: datetime, *, reason: str | None = None) -> None:
    """Note how capturing a pending item ended. Call inside `write_tx`.

    A captured item remembers the fingerprint it was captured with, and is left alone until that changes or a check
    is due (`plan_check`).
    """
    failures = _failures(db, item) + 1 if state == "failed" else 0
    waits = {"failed": _back_off(failures), "refused": REFUSED_FOR, "gone": GONE_FOR}
    again = (now + waits[state]).isoformat() if state in waits else None
    db.execute(
        """UPDATE item SET state = :state, reason = :reason, attempts = attempts + 1, failures = :failures,
             next_attempt_at = :again, next_check_at = CASE WHEN :state = 'gone' THEN :again ELSE NULL END,
             captured_fingerprint = CASE WHEN :state = 'captured' THEN :fingerprint ELSE captured_fingerprint END
           WHERE source_id = :source_id AND key = :key""",
        {
            "state": state,
            "reason": reason,
            "failures": failures,
            "again": again,
            "fingerprint": item.fingerprint,
            "source_id": item.source_id,
            "key": item.key,
        },
    )


def plan_check(db: Database, item: Item, now: datetime, *, changed: bool) -> None:
    """Plan the next check of a captured item; a `changed` one is new again. Call inside `write_tx`."""
    where = [item.source_id, item.key]
    row = next(db.query("SELECT checks FROM item WHERE source_id = ? AND key = ?", where), None)
    checks = 0 if changed or row is None else row["checks"]
    gap = CHECK_GAPS[checks] if checks < len(CHECK_GAPS) else YEARLY
    db.execute(
        "UPDATE item SET checks = ?, next_check_at = ? WHERE source_id = ? AND key = ?",
        [checks + 1, (now + gap - EARLY).isoformat(), *where],
    )


def settle_check(db: Database, item: Item, state: ItemState, now: datetime, *, reason: str | None = None) -> None:
    """Note how looking again at a known release ended. Call inside `write_tx`.

    It stays captured whatever a server says today, unless it is gone; after a failure or a refusal it is looked at
    again later.
    """
    if state == "gone":
        settle(db, item, "gone", now, reason=reason)
        return
    failures = _failures(db, item) + 1 if state == "failed" else 0
    wait = _back_off(failures) if state == "failed" else REFUSED_FOR
    db.execute(
        """UPDATE item SET state = 'captured', attempts = attempts + 1, failures = ?, reason = ?,
             next_check_at = CASE WHEN ? = 'captured' THEN next_check_at ELSE ? END
           WHERE source_id = ? AND key = ?""",
        [failures, reason, state, (now + wait).isoformat(), item.source_id, item.key],
    )


def ending(db: Database, item: Item) -> Ending:
    """How the last attempt at an item ended; one that was never tried is pending."""
    rows = db.query("SELECT state, reason FROM item WHERE source_id = ? AND key = ?", [item.source_id, item.key])
    return next((Ending(**row) for row in rows), Ending(state="pending", reason=None))


def _failures(db: Database, item: Item) -> int:
    rows = db.query("SELECT failures FROM item WHERE source_id = ? AND key = ?", [item.source_id, item.key])
    return int(next(rows, {"failures": 0})["failures"])


def _back_off(failures: int) -> timedelta:
    return min(FIRST_BACK_OFF * 2 ** min(failures - 1, 16), LONGEST_BACK_OFF) if failures else FIRST_BACK_OFF


def count_settled(db: Database, source_id: str, keys: Collection[str]) -> int:
    """How many of the items just offered need nothing: they are captured as they are."""
    settled = {
        row["key"] for row in db.query("SELECT key FROM item WHERE source_id = ? AND state = 'captured'", [source_id])
    }
    return len(settled.intersection(keys))


def restore(db: Database, capture: Capture, *, check_at: datetime | None = None) -> None:
    """Note that an item was captured, from the capture alone. Call inside `write_tx`.

    Its next check is planned from the time of the capture, or for `check_at`: where the process was killed right after
    the capture, so that what came with the document may be missing.
    """
    on_the_web = capture.target.startswith(("http://", "https://"))
    planned = (check_at or capture.captured_at + CHECK_GAPS[0] - EARLY) if on_the_web else None
    db.execute(
        """INSERT INTO item (source_id, key, url, title, published, media_type, fingerprint, captured_fingerprint,
             state, attempts, first_seen_at, last_seen_at, checks, next_check_at)
           VALUES (:source_id, :key, :url, :title, :published, :media_type, :fingerprint, :fingerprint,
             'captured', 1, :at, :at, 1, :planned)
           ON CONFLICT (source_id, key) DO UPDATE SET
             state = 'captured', reason = NULL, failures = 0, next_attempt_at = NULL,
             fingerprint = excluded.fingerprint, captured_fingerprint = excluded.captured_fingerprint,
             attempts = attempts + 1, last_seen_at = max(last_seen_at, excluded.last_seen_at),
             next_check_at = excluded.next_check_at""",
        {
            "source_id": capture.source_id,
            "key": capture.key,
            "url": capture.url,
            "title": capture.title,
            "published": capture.published,
            "media_type": capture.media_type,
            "fingerprint": capture.fingerprint,
            "at": capture.captured_at.isoformat(),
            "planned": planned.isoformat() if planned else None,
        },
    )


def was_captured(db: Database, source_id: str, key: str) -> bool:
    """Whether an item was ever captured: only then can it be gone."""
    rows = db.query("SELECT 1 FROM capture WHERE source_id = ? AND key = ? LIMIT 1", [source_id, key])
    return next(rows, None) is not None


def is_substitute(db: Database, capture: Capture) -> bool:
    """Whether these bytes stand in for a page that was captured from the web as it was offered: its fetcher put them
    there when the page could not be had any more, and that is no change by the publisher."""
    if capture.kind != "document" or capture.status is not None or capture.url is None:
        return False
    rows = db.query(
        """SELECT 1 FROM item JOIN capture USING (source_id, key)
           WHERE source_id = ? AND key = ? AND captured_fingerprint IS ? AND kind = 'document' AND status = 200
             AND complete LIMIT 1""",
        [capture.source_id, capture.key, capture.fingerprint],
    )
    return next(rows, None) is not None


def is_known(db: Database, source_id: str, key: str) -> bool:
    """Whether the source offered an item with this key in a discovery that came to its end. What one that was killed
    had offered does not count: a listing would stop there and never read the pages behind it."""
    rows = db.query(
        """SELECT 1 FROM item JOIN discovery USING (source_id)
           WHERE source_id = ? AND key = ? AND first_seen_at <= completed_at""",
        [source_id, key],
    )
    return next(rows, None) is not None


def bookmark(db: Database, source_id: str) -> str | None:
    """What the source's fetcher kept in an earlier run, or None."""
    row = next(db.query("SELECT bookmark FROM discovery WHERE source_id = ?", [source_id]), None)
    return None if row is None else row["bookmark"]


def complete_discovery(db: Database, source_id: str, now: datetime, *, bookmark: str | None = None) -> None:
    """Note that everything a source offers was listed, and what its fetcher keeps for the next run, if anything new.
    Call inside `write_tx`."""
    db.execute(
        """INSERT INTO discovery (source_id, completed_at, bookmark) VALUES (?, ?, ?)
           ON CONFLICT (source_id) DO UPDATE SET
             completed_at = excluded.completed_at, bookmark = coalesce(excluded.bookmark, bookmark)""",
        [source_id, now.isoformat(), bookmark],
    )
