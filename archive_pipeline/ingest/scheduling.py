"""Which sources are due, when the next visit of each is, and how each does: sources.toml and the archive together."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlite_utils import Database

from archive_pipeline.archive.health import Health, HealthState, check_health
from archive_pipeline.archive.journal import last_visit
from archive_pipeline.archive.lock import LockOwner
from archive_pipeline.errors import NoArchiveError
from archive_pipeline.model import Source
from archive_pipeline.sources import Config
from archive_pipeline.sources.schedule import BERLIN, parse_interval, parse_schedule
from archive_pipeline.workspace import Workspace

__all__ = [
    "NEEDS_A_PERSON",
    "PlannedVisit",
    "SourceHealth",
    "due_sources",
    "plan_visits",
    "source_healths",
    "still_due",
]

NEEDS_A_PERSON: frozenset[HealthState] = frozenset({"failing", "empty_selector", "needs_javascript"})
"""States that nothing but a person ends. A refusal is the publisher's word and silence may be true: both are told and
alarm nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedVisit:
    """The next visit of a source that has a schedule; times in UTC. `next_at` lies in the past when it is due; a source
    that was never visited is due now."""

    source: Source
    last_at: datetime | None
    next_at: datetime
    is_due: bool
    is_overdue: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceHealth:
    """A source of sources.toml with its health and its next visit. `planned` is None without a schedule."""

    source: Source
    health: Health
    planned: PlannedVisit | None
    snoozed: bool

    @property
    def is_overdue(self) -> bool:
        """Whether two visits in a row were missed."""
        return self.planned is not None and self.planned.is_overdue

    @property
    def alarms(self) -> bool:
        """Whether a person has to look at it, and nobody said that this can wait."""
        return not self.snoozed and (self.health.state in NEEDS_A_PERSON or self.is_overdue)


def plan_visits(config: Config, db: Database | None, now: datetime) -> list[PlannedVisit]:
    """The next visit of every enabled source with a schedule, the earliest first. `db` is None before the first run."""
    planned = (plan_visit(source, db, now) for source in config.sources if source.enabled)
    return sorted((visit for visit in planned if visit is not None), key=lambda visit: visit.next_at)


def plan_visit(source: Source, db: Database | None, now: datetime) -> PlannedVisit | None:
    """The next visit of one source, None without a schedule.

    An interval counts from the start of the run that visited it, so that waiting for its turn delays no later visit; a
    cron line from the visit itself, so that a run that took hours does not repeat it.
    """
    if source.schedule is None:
        return None
    schedule = parse_schedule(source.schedule)
    visit = None if db is None else last_visit(db, source.id)
    if visit is None:
        return PlannedVisit(source=source, last_at=None, next_at=now, is_due=True, is_overdue=False)
    counted_from = visit.started_at if schedule.every is None else visit.run_started_at
    return PlannedVisit(
        source=source,
        last_at=visit.started_at,
        next_at=schedule.next_after(counted_from),
        is_due=schedule.is_due(counted_from, now),
        is_overdue=schedule.is_overdue(counted_from, now),
    )


def due_sources(workspace: Workspace, now: datetime) -> list[Source]:
    """The enabled sources that are due by their schedules, in the order of sources.toml."""
    enabled = [source for source in workspace.config.sources if source.enabled]
    try:
        with workspace.reading() as db:
            return still_due(enabled, db, now)
    except NoArchiveError:
        return still_due(enabled, None, now)


def still_due(sources: Sequence[Source], db: Database | None, now: datetime) -> list[Source]:
    """Those of these sources that are due by their schedules. A run asks again when the archive is its own: the run
    it has waited for may have visited them. `db` is None before the first run."""
    planned = ((source, plan_visit(source, db, now)) for source in sources)
    return [source for source, visit in planned if visit is not None and visit.is_due]


def source_healths(
    config: Config, db: Database, now: datetime, writer: LockOwner | None = None
) -> Iterator[SourceHealth]:
    """Every enabled source with its health, in the order of sources.toml; those whose plugin is missing last.

    `writer` is who writes to the archive at the moment: where visits are overdue, it may be the reason.
    """
    today = now.astimezone(BERLIN).date()
    for source in config.sources:
        if not source.enabled:
            continue
        expected = None if source.expected is None else parse_interval(source.expected)
        planned = plan_visit(source, db, now)
        health = check_health(db, source, expected)
        if planned is not None and planned.is_overdue and health.state in ("ok", "quiet"):
            health = _overdue(planned, health.state, writer)
        yield SourceHealth(
            source=source,
            health=health,
            planned=planned,
            snoozed=source.snooze is not None and today <= source.snooze.until,
        )
    for broken in config.broken:
        yield SourceHealth(
            source=broken.source,
            health=Health(
                source_id=broken.source.id,
                state="failing",
                cause=broken.problem.message,
                remedy="archive-pipeline plugins list",
            ),
            planned=None,
            snoozed=broken.source.snooze is not None and today <= broken.source.snooze.until,
        )


def _overdue(planned: PlannedVisit, state: HealthState, writer: LockOwner | None) -> Health:
    """What there is to say where visits were missed: whether the source is silent can't be known."""
    last = planned.last_at.astimezone(BERLIN) if planned.last_at else None
    cause = f"überfällig: zuletzt besucht {last:%d.%m.%Y %H:%M}"
    if writer is None:
        remedy = "Timer prüfen: archive-pipeline schedule next; einmal von Hand: archive-pipeline run --due"
    else:
        cause += f"; am Werk ist seitdem {writer}"
        remedy = f"warten, bis er fertig ist; hängt er: kill {writer.pid}"
    return Health(source_id=planned.source.id, state=state, cause=cause, remedy=remedy)
