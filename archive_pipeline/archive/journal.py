"""Reading the journal: visits, runs and the request log; and taking up again what failed."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from sqlite_utils import Database

from archive_pipeline.archive.database import write_tx
from archive_pipeline.errors import ArchiveError
from archive_pipeline.model import Request, SourceReport

__all__ = [
    "RunSummary",
    "Visit",
    "find_run",
    "last_visit",
    "list_runs",
    "recent_failed_run",
    "requests_to_host",
    "run_requests",
    "run_visits",
    "take_up_again",
    "visits",
]

VISITS = """
SELECT x.run_id, x.started_at, run.started_at AS run_started_at, EXISTS (
    SELECT 1 FROM failure f WHERE f.run_id = x.run_id AND f.source_id = x.source_id AND f.stage = 'discover') AS failed
FROM run_source x JOIN run ON run.id = x.run_id
WHERE x.source_id = ? AND x.started_at IS NOT NULL AND run.command <> 'import'
ORDER BY x.rowid DESC
"""
"""Visits of a source, newest first by the order they were noted in: clocks have been wrong before. A row without a
start tells of captures that a later run took up; an import asks the source nothing."""

RUNS = """
SELECT run.id, run.command, run.started_at, run.finished_at, run.exit_code, count(x.source_id) AS sources,
  coalesce(sum(x.new), 0) AS new, coalesce(sum(x.changed), 0) AS changed, coalesce(sum(x.failed), 0) AS failed,
  coalesce(sum(x.no_text_layer), 0) AS no_text_layer
FROM run LEFT JOIN run_source x ON x.run_id = run.id
"""

REQUESTS = "SELECT source_id, url, at, outcome, status, received, seconds, detail FROM request"


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One visit of a source: when its run began, when its own turn came, and whether listing what the source offers
    failed."""

    run_id: str
    run_started_at: datetime
    started_at: datetime
    failed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """One run of the journal with the sums over its sources. `finished_at` and `exit_code` are None for a run that goes
    on or was broken off."""

    id: str
    command: str
    started_at: datetime
    finished_at: datetime | None
    exit_code: int | None
    sources: int
    new: int
    changed: int
    failed: int
    no_text_layer: int


def visits(db: Database, source_id: str) -> Iterator[Visit]:
    """The visits of a source that came to their end, newest first."""
    for row in db.query(VISITS, [source_id]):
        yield Visit(
            run_id=row["run_id"],
            run_started_at=datetime.fromisoformat(row["run_started_at"]),
            started_at=datetime.fromisoformat(row["started_at"]),
            failed=bool(row["failed"]),
        )


def last_visit(db: Database, source_id: str) -> Visit | None:
    """The last visit of a source that came to its end, or None."""
    return next(visits(db, source_id), None)


def list_runs(db: Database, limit: int) -> list[RunSummary]:
    """The newest runs first."""
    return [_summary(row) for row in db.query(f"{RUNS} GROUP BY run.rowid ORDER BY run.rowid DESC LIMIT ?", [limit])]


def find_run(db: Database, text: str) -> RunSummary:
    """The run a person means: an id, the beginning of one, or `last`. Raises ArchiveError when there is none, or more
    than one."""
    if text == "last":
        found = list_runs(db, 1)
    else:
        where = "WHERE run.id = ? OR (length(?) >= 4 AND substr(run.id, 1, length(?)) = ?)"
        rows = db.query(f"{RUNS} {where} GROUP BY run.rowid LIMIT 2", [text] * 4)
        found = [_summary(row) for row in rows]
    if len(found) == 1:
        return found[0]
    if found:
        raise ArchiveError(
            f"Mehrere Läufe beginnen mit {text!r}", hint="mehr Zeichen angeben: archive-pipeline runs list"
        )
    missing = "noch kein Lauf" if text == "last" else f"kein Lauf {text!r}"
    raise ArchiveError(f"Im Archiv steht {missing}", hint="archive-pipeline runs list zeigt alle")


def recent_failed_run(db: Database) -> str | None:
    """The id of the newest run in which something failed."""
    rows = db.query("SELECT run_id FROM failure ORDER BY id DESC LIMIT 1")
    return next((str(row["run_id"]) for row in rows), None)


def run_visits(db: Database, run_id: str) -> list[SourceReport]:
    """What a run did with each of its sources, in the order their visits ended; without the failures."""
    rows = db.query(
        """SELECT source_id, started_at, seen, new, changed, unchanged, quarantined, skipped, refused, gone, failed,
             no_text_layer, rechecked, requests, received, seconds
           FROM run_source WHERE run_id = ? ORDER BY rowid""",
        [run_id],
    )
    return [SourceReport(**{**row, "started_at": _time(row["started_at"])}) for row in rows]


def run_requests(db: Database, run_id: str, source_id: str | None = None) -> Iterator[Request]:
    """What a run asked of the network, in the order it was noted; of one source, or of all."""
    where, values = ("", [run_id]) if source_id is None else (" AND source_id = ?", [run_id, source_id])
    yield from map(_request, db.query(f"{REQUESTS} WHERE run_id = ?{where} ORDER BY id", values))


def requests_to_host(db: Database, host: str, since: datetime | None = None) -> Iterator[Request]:
    """Everything ever asked of a host and its subdomains, or since a time. `host` may have umlauts."""
    wanted = {host.lower().strip(".")}
    with suppress(UnicodeError):
        wanted |= {name.encode("idna").decode() for name in wanted}
    rows = db.query(
        f"{REQUESTS} WHERE at >= ? AND ({' OR '.join(['instr(lower(url), ?)'] * len(wanted))}) ORDER BY id",
        [since.astimezone(UTC).isoformat() if since else "", *wanted],
    )
    for request in map(_request, rows):
        asked = f".{(urlsplit(request.url).hostname or '').strip('.')}"
        if any(asked.endswith(f".{one}") for one in wanted):
            yield request


def take_up_again(db: Database, run_id: str, now: datetime) -> int:
    """Make the items that failed in a run, and still do, due at once; returns how many.

    A known release whose check failed is due for a check. What could be fetched and not be read stays as it is: the
    same bytes would fail again.
    """
    failed = "(source_id, key) IN (SELECT source_id, key FROM failure WHERE run_id = ?)"
    with write_tx(db):
        items = db.execute(
            f"UPDATE item SET state = 'pending', next_attempt_at = NULL WHERE state = 'failed' AND {failed}", [run_id]
        ).rowcount
        checks = db.execute(
            f"UPDATE item SET next_check_at = ? WHERE state = 'captured' AND failures > 0 AND {failed}",
            [now.isoformat(), run_id],
        ).rowcount
    return items + checks


def _summary(row: dict[str, Any]) -> RunSummary:
    return RunSummary(**{**row, "started_at": _time(row["started_at"]), "finished_at": _time(row["finished_at"])})


def _request(row: dict[str, Any]) -> Request:
    return Request(**{**row, "at": _time(row["at"])})


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)
