"""How a source does, told from what its visits left in the archive.

Every state follows from something that happened, and ends when it does not hold any more:

- `never_run`: no visit has come to its end.
- `failing`, `empty_selector`, `needs_javascript`: the last visit could not list what the source offers; or it could,
  and most of the documents that came last could not be had (at least two: one dead link is no broken source).
- `refused`: the same, where robots.txt or a reservation of rights forbade it.
- `quiet`: the last visit went well, and nothing new has been published for longer than is expected, or usual.
- `ok`: none of these. A list that is there and empty is no failure.

A visit whose server answered "not modified" (304) is judged by the stored list that this means: a failure of the
network is over then, a list nobody can read stays one. A failed document stays failed until it was fetched and read,
however many visits pass over it meanwhile.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from math import ceil
from typing import Literal
from zoneinfo import ZoneInfo

from sqlite_utils import Database

from archive_pipeline.archive.journal import Visit, last_visit, visits
from archive_pipeline.model import FailureKind, Source

__all__ = ["Health", "HealthState", "check_health"]

HealthState = Literal["ok", "quiet", "empty_selector", "needs_javascript", "failing", "refused", "never_run"]

BERLIN = ZoneInfo("Europe/Berlin")

MISSED = 3
"""A source is quiet once it has been silent for three times its usual gap: one missed release proves nothing. Three is
what keep-alive protocols wait for before they call a partner dead (VRRP, RFC 5798, 6.1)."""

USUAL = 0.9
"""The usual gap is the one that nine in ten gaps don't exceed: a summer break in the past is not the measure."""

LEAST_SILENCE = timedelta(days=14)
LEAST_DAYS = 5
MOST_DAYS = 61
"""A rhythm is read off the last days on which something was published: at least 5, at most 61 (60 gaps)."""

LEAST_DOCUMENTS = 2

KINDS: dict[FailureKind, HealthState] = {
    "error": "failing",
    "empty_selector": "empty_selector",
    "needs_javascript": "needs_javascript",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The state of one source, why (German, empty when it is ok), and what to do about it (a command, or words).
    `since` is when it began, where that is known."""

    source_id: str
    state: HealthState
    cause: str = ""
    remedy: str = ""
    since: datetime | None = None


def check_health(db: Database, source: Source, expected: timedelta | None) -> Health:
    """The health of a source as its last visit showed it. `expected` is how long it may be silent; None leaves that to
    its own rhythm."""
    visit = last_visit(db, source.id)
    if visit is None:
        remedy = f"archive-pipeline run {source.id}"
        return Health(source_id=source.id, state="never_run", cause="noch nie besucht", remedy=remedy)
    return (
        _of_discovery(db, source, visit)
        or _of_documents(db, source)
        or _of_rhythm(db, source, visit, expected)
        or Health(source_id=source.id, state="ok")
    )


def _of_discovery(db: Database, source: Source, visit: Visit) -> Health | None:
    """What kept the last visit from listing what the source offers, if anything did."""
    failure = next(
        db.query(
            """SELECT reason, hint, kind FROM failure WHERE run_id = ? AND source_id = ? AND stage = 'discover'
               ORDER BY id DESC LIMIT 1""",
            [visit.run_id, source.id],
        ),
        None,
    )
    if failure is None:
        return _of_refusal(db, source, visit)
    count, since = 0, visit.started_at
    for earlier in visits(db, source.id):
        if not earlier.failed:
            break
        count, since = count + 1, earlier.started_at
    when = f"seit {_when(since)} ({count} Besuche)" if count > 1 else f"beim Besuch am {_when(since)}"
    state = KINDS[failure["kind"]]
    return Health(
        source_id=source.id,
        state=state,
        cause=f"{when}: {failure['reason']}",
        remedy=_remedy(source, state, failure["hint"]),
        since=since,
    )


def _of_refusal(db: Database, source: Source, visit: Visit) -> Health | None:
    """A visit that was refused has not completed its discovery, though nothing failed."""
    refused = next(
        db.query(
            """SELECT 1 FROM run_source x WHERE run_id = ? AND source_id = ? AND refused > 0 AND NOT EXISTS (
                 SELECT 1 FROM discovery d WHERE d.source_id = x.source_id AND d.completed_at >= x.started_at)""",
            [visit.run_id, source.id],
        ),
        None,
    )
    if refused is None:
        return None
    told = db.query(
        "SELECT detail FROM event WHERE object = ? AND type = 'validation' AND at >= ? ORDER BY id DESC LIMIT 1",
        [source.id, visit.started_at.isoformat()],
    )
    reason = str(next(told, {"detail": ""})["detail"]).removeprefix("abgelehnt: ") or "abgelehnt"
    cause = f"beim Besuch am {_when(visit.started_at)}: {reason}"
    return Health(source_id=source.id, state="refused", cause=cause, remedy=_leave(db, source, visit))


def _leave(db: Database, source: Source, visit: Visit) -> str:
    """What helps where a visit was refused: it depends on who refused it."""
    private = db.query(
        "SELECT 1 FROM request WHERE run_id = ? AND source_id = ? AND outcome = 'address' LIMIT 1",
        [visit.run_id, source.id],
    )
    if next(private, None) is not None:
        return "ist es ein Rechner im eigenen Netz: allow_private = true bei dieser Quelle in sources.toml"
    return _remedy(source, "refused")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Document:
    """A document that came last, and why it could not be had, if so."""

    key: str
    state: Literal["had", "failed", "refused"]
    reason: str


def _of_documents(db: Database, source: Source) -> Health | None:
    """Whether most of the documents that came last could not be had."""
    troubled = next(
        db.query(
            """SELECT (SELECT count(*) FROM item WHERE source_id = :id AND state IN ('failed', 'refused'))
                    + (SELECT count(*) FROM capture WHERE source_id = :id AND state = 'failed') AS count""",
            {"id": source.id},
        )
    )
    if troubled["count"] < LEAST_DOCUMENTS:
        return None
    newest = _newest_documents(db, source.id)
    for state in ("failed", "refused"):
        bad = [document for document in newest if document.state == state]
        if len(bad) < LEAST_DOCUMENTS or len(bad) * 2 <= len(newest):
            continue
        reason = Counter(document.reason for document in bad).most_common(1)[0][0]
        key = next(document.key for document in bad if document.reason == reason)
        which = f"{len(bad)} der {len(newest)}" if len(bad) < len(newest) else f"die {len(bad)}"
        if state == "refused":
            cause = f"{which} neuesten Dokumente abgelehnt: {reason}"
            return Health(source_id=source.id, state="refused", cause=cause, remedy=_remedy(source, "refused"))
        cause = f"{which} neuesten Dokumente fehlgeschlagen: {reason}"
        kind, hint = _last_failure(db, source.id, key)
        return Health(source_id=source.id, state=KINDS[kind], cause=cause, remedy=_remedy(source, KINDS[kind], hint))
    return None


def _newest_documents(db: Database, source_id: str) -> list[_Document]:
    """The documents that came last, of those that were tried: all that came with one discovery, and with the one
    before, and so on until there are two."""
    newest: list[_Document] = []
    came: str | None = None
    for row in db.query(
        """SELECT key, state, reason, first_seen_at FROM item WHERE source_id = ? AND state <> 'pending'
           ORDER BY first_seen_at DESC, rowid DESC""",
        [source_id],
    ):
        if row["first_seen_at"] != came and len(newest) >= LEAST_DOCUMENTS:
            break
        came = row["first_seen_at"]
        if row["state"] in ("failed", "refused"):
            newest.append(_Document(key=row["key"], state=row["state"], reason=row["reason"] or ""))
        else:
            reason = _unreadable(db, source_id, row["key"])
            newest.append(_Document(key=row["key"], state="had" if reason is None else "failed", reason=reason or ""))
    return newest


def _unreadable(db: Database, source_id: str, key: str) -> str | None:
    """Why the last capture of an item could not be read; None if it could."""
    row = next(
        db.query(
            """SELECT state, reason FROM capture WHERE source_id = ? AND key = ? AND kind = 'document'
               ORDER BY rowid DESC LIMIT 1""",
            [source_id, key],
        ),
        None,
    )
    return (row["reason"] or "nicht lesbar") if row is not None and row["state"] == "failed" else None


def _last_failure(db: Database, source_id: str, key: str) -> tuple[FailureKind, str]:
    rows = db.query(
        "SELECT kind, hint FROM failure WHERE source_id = ? AND key = ? ORDER BY id DESC LIMIT 1", [source_id, key]
    )
    return next(((row["kind"], row["hint"]) for row in rows), ("error", ""))


def _of_rhythm(db: Database, source: Source, visit: Visit, expected: timedelta | None) -> Health | None:
    """Whether the source has been silent for too long, as far as the last visit saw: while nobody looked, silence is
    none."""
    appeared = _appearances(db, source.id)
    if expected is None:
        usual = _usual_gap([date.fromisoformat(day) for day, _ in appeared])
        if usual is None:
            return None
        limit, measure = max(usual * MISSED, LEAST_SILENCE), f"üblich: höchstens {_span(usual)}"
    else:
        limit, measure = expected, f"erwartet: höchstens {_span(expected)}"
    if appeared:
        day, at = appeared[0]
        last, what = datetime.fromisoformat(at), f"neue Mitteilung, zuletzt am {date.fromisoformat(day):%d.%m.%Y}"
    else:
        last = [earlier.started_at for earlier in visits(db, source.id)][-1]
        what = f"Mitteilung, erster Besuch am {_when(last)}"
    silence = visit.started_at - last
    if silence <= limit or _has_unread(db, source.id, visit.started_at - limit):
        return None
    cause = f"{_span(silence)} ohne {what} ({measure})"
    return Health(source_id=source.id, state="quiet", cause=cause, remedy=_remedy(source, "quiet"), since=last)


def _appearances(db: Database, source_id: str) -> list[tuple[str, str]]:
    """The last days on which something appeared, newest first, each with the latest time it may have been.

    A release appeared on the day it was published, or, where it states none or one in the future, when it was first
    captured.
    """
    rows = db.query(
        """WITH release_at AS (
             SELECT min(first_captured_at, coalesce(published || 'T23:59:59+00:00', first_captured_at)) AS at
             FROM release WHERE source_id = ?)
           SELECT substr(at, 1, 10) AS day, max(at) AS at FROM release_at GROUP BY day ORDER BY day DESC LIMIT ?""",
        [source_id, MOST_DAYS],
    )
    return [(row["day"], row["at"]) for row in rows]


def _usual_gap(days: Sequence[date]) -> timedelta | None:
    """The gap between two days of publication that nine in ten don't exceed (nearest rank); None with too few."""
    if len(days) < LEAST_DAYS:
        return None
    gaps = sorted(later - earlier for later, earlier in pairwise(days))
    return gaps[ceil(USUAL * len(gaps)) - 1]


def _has_unread(db: Database, source_id: str, since: datetime) -> bool:
    """Whether something new came that did not become a release: then the source is not silent."""
    found = db.query(
        """SELECT 1 FROM item
           WHERE source_id = :id AND state IN ('pending', 'failed', 'refused') AND first_seen_at > :since
           UNION ALL
           SELECT 1 FROM capture WHERE state = 'quarantined' AND source_id = :id AND captured_at > :since
           LIMIT 1""",
        {"id": source_id, "since": since.isoformat()},
    )
    return next(found, None) is not None


def _remedy(source: Source, state: HealthState, hint: str = "") -> str:
    test = f"archive-pipeline sources test {source.id}"
    match state:
        case "empty_selector":
            return f"Selektoren an den neuen Aufbau der Seite anpassen: {test}"
        case "needs_javascript":
            return f"Feed, Sitemap oder Schnittstelle der Seite suchen: archive-pipeline sources discover {source.url}"
        case "refused":
            return f"den Herausgeber um Erlaubnis bitten, oder enabled = false: {test}"
        case "quiet":
            return f"nachsehen, ob die Quelle umgezogen ist: {test}"
        case _:
            return f"{hint}; {test}" if hint else test


def _when(moment: datetime) -> str:
    return f"{moment.astimezone(BERLIN):%d.%m.%Y %H:%M}"


def _span(span: timedelta) -> str:
    hours = round(span / timedelta(hours=1))
    if hours >= 48 or hours == 24:
        return "1 Tag" if hours == 24 else f"{hours // 24} Tage"
    return "1 Stunde" if hours == 1 else f"{hours} Stunden"
