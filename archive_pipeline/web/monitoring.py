"""For monitoring: whether the server is well, and figures for Prometheus. No figure tells of a person."""

from datetime import UTC, datetime

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, generate_latest
from sqlite_utils import Database
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from archive_pipeline.archive.health import HealthState
from archive_pipeline.archive.lock import lock_owner
from archive_pipeline.archive.reading import last_seq
from archive_pipeline.archive.runs import last_run, source_status
from archive_pipeline.errors import ArchivePipelineError, IndexingError, NoArchiveError
from archive_pipeline.ingest.scheduling import source_healths
from archive_pipeline.web.rendering import Site, site_of
from archive_pipeline.web.viewer import viewer_of
from archive_pipeline.workspace import VERSION, utc_now

__all__ = ["MONITORING_ROUTES"]

STATES: tuple[HealthState | str, ...] = (
    "ok",
    "quiet",
    "empty_selector",
    "needs_javascript",
    "failing",
    "refused",
    "never_run",
    "overdue",
)


def health(request: Request) -> Response:
    """200 while the archive can be read and searched, 503 where it can't; nothing more is told."""
    workspace = site_of(request).workspace
    try:
        with workspace.reading() as db:
            last_seq(db)
        with workspace.index() as index:
            index.seq()
    except NoArchiveError:
        return _state("empty")
    except ArchivePipelineError as error:
        return _state("index" if isinstance(error, IndexingError) else "archive", status=503)
    return _state("ok")


def _state(state: str, status: int = 200) -> Response:
    return JSONResponse({"status": state}, status_code=status, headers={"cache-control": "no-store"})


def metrics(request: Request) -> Response:
    """Figures for Prometheus: where nobody logs in for this machine, else for admins. Raises HTTPException."""
    viewer = viewer_of(request)
    if getattr(request.state, "came_by", None) is not None and not viewer.may("admin"):
        raise HTTPException(403 if viewer.name else 401)
    registry = CollectorRegistry()
    Gauge("apl_info", "Version of archive_pipeline", ["version"], registry=registry).labels(VERSION).set(1)
    site = site_of(request)
    try:
        with site.workspace.reading() as db:
            _count(site, db, registry)
    except NoArchiveError:
        pass
    return Response(
        generate_latest(registry), headers={"content-type": CONTENT_TYPE_LATEST, "cache-control": "no-store"}
    )


def _count(site: Site, db: Database, registry: CollectorRegistry) -> None:
    workspace = site.workspace

    def gauge(name: str, text: str, value: float) -> None:
        Gauge(f"apl_{name}", text, registry=registry).set(value)

    seq = last_seq(db)
    statuses = source_status(db)
    gauge("releases", "Releases in the archive", sum(one.releases for one in statuses))
    gauge("pending_items", "Items that wait to be captured", sum(one.pending for one in statuses))
    gauge("failed_documents", "Documents that could not be had or read", sum(one.failed for one in statuses))
    gauge("quarantined_documents", "Documents that a person must look at", sum(one.quarantined for one in statuses))
    try:
        with workspace.index() as index:
            gauge("index_lag", "Changes that the index does not have yet", seq - index.seq())
        gauge("index_up", "1 while the index can be read", 1)
    except IndexingError:
        gauge("index_up", "1 while the index can be read", 0)
    run = last_run(db)
    if run is not None and run.finished_at is not None:
        finished = datetime.fromisoformat(run.finished_at).astimezone(UTC)
        gauge("last_run_finished_seconds", "When the last run ended (Unix time)", finished.timestamp())
        gauge("last_run_exit_code", "How the last run ended", run.exit_code or 0)
    states = Gauge("apl_sources", "Sources by health", ["state"], registry=registry)
    found = [
        "overdue" if one.is_overdue else one.health.state
        for one in source_healths(workspace.config, db, utc_now(), lock_owner(workspace.data))
    ]
    for state in STATES:
        states.labels(state).set(found.count(state))


MONITORING_ROUTES = [Route("/healthz", health), Route("/metrics", metrics)]
"""Addresses for machines that watch."""
