"""The frontier: every item a source ever offered, with its state. A killed run goes on from here."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal

from sqlite_utils import Database

from archive_pipeline.archive.database import write_tx
from archive_pipeline.model import Capture, Item

__all__ = ["ItemState", "count_settled", "offer", "pending_items", "restore", "settle", "was_captured"]

ItemState = Literal["pending", "captured", "refused", "failed", "gone"]
"""`pending`: to be captured. The others say how the last attempt ended."""

OFFER = """
INSERT INTO item (source_id, key, url, title, published, media_type, fingerprint, state, first_seen_at, last_seen_at)
VALUES (:source_id, :key, :url, :title, :published, :media_type, :fingerprint, 'pending', :now, :now)
ON CONFLICT (source_id, key) DO UPDATE SET
  url = excluded.url, title = excluded.title, published = excluded.published, media_type = excluded.media_type,
  fingerprint = excluded.fingerprint, last_seen_at = excluded.last_seen_at,
  state = CASE
    WHEN state <> 'captured' THEN 'pending'
    WHEN excluded.fingerprint IS NOT NULL AND excluded.fingerprint IS NOT captured_fingerprint THEN 'pending'
    ELSE state
  END
"""


def offer(db: Database, items: Sequence[Item], now: datetime) -> None:
    """Note what a source offers. New items, changed ones and those that failed or were gone become pending."""
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


def pending_items(db: Database, source_id: str, limit: int | None = None) -> list[Item]:
    """What is still to be captured from a source, first offered first; what failed before comes after the rest, so
    that a limit never keeps trying the same."""
    rows = db.query(
        """SELECT source_id, key, url, title, published, media_type, fingerprint FROM item
           WHERE source_id = ? AND state = 'pending' ORDER BY reason IS NOT NULL, first_seen_at, rowid LIMIT ?""",
        [source_id, -1 if limit is None else limit],
    )
    return [Item(**row) for row in rows]


def settle(db: Database, source_id: str, key: str, state: ItemState, *, reason: str | None = None) -> None:
    """Note how capturing an item ended. Call inside `write_tx`.

    A captured item remembers the fingerprint it was captured with, and is left alone until that changes.
    """
    db.execute(
        """UPDATE item SET state = :state, reason = :reason, attempts = attempts + 1,
             captured_fingerprint = CASE WHEN :state = 'captured' THEN fingerprint ELSE captured_fingerprint END
           WHERE source_id = :source_id AND key = :key""",
        {"state": state, "reason": reason, "source_id": source_id, "key": key},
    )


def count_settled(db: Database, source_id: str, keys: Collection[str]) -> int:
    """How many of the items just offered need nothing: they are captured as they are."""
    settled = {
        row["key"] for row in db.query("SELECT key FROM item WHERE source_id = ? AND state = 'captured'", [source_id])
    }
    return len(settled.intersection(keys))


def restore(db: Database, capture: Capture) -> None:
    """Note that an item was captured, from the capture alone. Call inside `write_tx`."""
    db.execute(
        """INSERT INTO item (source_id, key, url, title, published, media_type, fingerprint, captured_fingerprint,
             state, attempts, first_seen_at, last_seen_at)
           VALUES (:source_id, :key, :url, :title, :published, :media_type, :fingerprint, :fingerprint,
             'captured', 1, :at, :at)
           ON CONFLICT (source_id, key) DO UPDATE SET
             fingerprint = excluded.fingerprint, captured_fingerprint = excluded.captured_fingerprint,
             attempts = attempts + 1, last_seen_at = excluded.last_seen_at""",
        {
            "source_id": capture.source_id,
            "key": capture.key,
            "url": capture.url,
            "title": capture.title,
            "published": capture.published,
            "media_type": capture.media_type,
            "fingerprint": capture.fingerprint,
            "at": capture.captured_at.isoformat(),
        },
    )


def was_captured(db: Database, source_id: str, key: str) -> bool:
    """Whether an item was ever captured: only then can it be gone."""
    rows = db.query("SELECT 1 FROM capture WHERE source_id = ? AND key = ? LIMIT 1", [source_id, key])
    return next(rows, None) is not None
