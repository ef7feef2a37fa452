"""`status`: how the archive and each of its sources do, and what to do about it."""

import json
import shutil
import sys
import textwrap
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import click

from archive_pipeline.archive.health import HealthState
from archive_pipeline.archive.lock import LockOwner, lock_owner
from archive_pipeline.archive.reading import last_seq
from archive_pipeline.archive.runs import RunRow, SourceStatus, failures, last_run, source_status
from archive_pipeline.archive.verification import AuditRow, last_complete_audit
from archive_pipeline.archive.versions import unannounced_changes
from archive_pipeline.cli.index import advice
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import SOURCE_CHANGES, counted, german_moment, german_number
from archive_pipeline.errors import IndexingError
from archive_pipeline.ingest.scheduling import SourceHealth, source_healths
from archive_pipeline.learn.learning import unlearned
from archive_pipeline.workspace import Workspace, open_workspace, utc_now

__all__ = ["audit_line", "index_lag", "status"]

STATES: dict[HealthState, tuple[str, str]] = {
    "ok": ("✔", "in Ordnung"),
    "never_run": ("·", "nie besucht"),
    "quiet": ("!", "still"),
    "refused": ("!", "abgelehnt"),
    "failing": ("✖", "fehlerhaft"),
    "empty_selector": ("✖", "Selektor leer"),
    "needs_javascript": ("✖", "JavaScript"),
}
"""Mark and word of each state, from the best to the worst: what needs a person stands last, above the summary."""

OVERDUE = ("✖", "überfällig")
INDENT = " " * 4


@click.command()
@click.option("--failures", "show_failures", is_flag=True, help="alle Fehler des letzten Laufs")
@click.option("--json", "as_json", is_flag=True, help="alles als JSON")
@click.pass_context
def status(ctx: click.Context, show_failures: bool, as_json: bool) -> None:
    """Zeigt Umfang, letzten Lauf und den Zustand jeder Quelle mit Grund und Abhilfe.

    Exitcode 3: eine Quelle ist fehlerhaft oder überfällig und nicht zurückgestellt (sources snooze). Stille und
    abgelehnte Quellen werden genannt und ändern ihn nicht.
    """
    settings: Settings = ctx.obj
    workspace = open_workspace(settings.folder)
    writer = lock_owner(workspace.data)
    with workspace.reading() as db:
        known = {source.source_id: source for source in source_status(db)}
        healths = list(source_healths(workspace.config, db, utc_now(), writer))
        run = last_run(db)
        problems = failures(db, run.id) if run else []
        newest = last_seq(db)
        audited = last_complete_audit(db)
        changes = unannounced_changes(db, datetime.fromisoformat(run.started_at)) if run else ()
    code = 3 if any(health.alarms for health in healths) else 0
    lag = index_lag(workspace, newest)
    size = _size(workspace.data)
    untaught = unlearned(workspace, {source.source_id: source.releases for source in known.values()})
    if as_json:
        _status_json(workspace, known, healths, lag, size, untaught, code)
        ctx.exit(code)
    releases = sum(source.releases for source in known.values())
    click.echo(
        f"Archiv         {workspace.data} · {_counted_releases(releases)} · {german_number(size / 1_000_000)} MB"
    )
    _run_line(run, writer)
    counts = Counter(one.type for one in changes)
    if run and counts:
        said = " · ".join(f"{count} {SOURCE_CHANGES[kind]}" for kind, count in counts.items())
        click.echo(f"Bei den Quellen {said}: archive-pipeline runs show {run.id}")
    index = "aktuell" if lag == 0 else "fehlt oder ist beschädigt" if lag is None else f"{lag} Änderungen zurück"
    click.echo(f"Index          {workspace.config.archive.engine} · {index}")
    if advised := advice(workspace.config.archive.engine, releases):
        click.echo(_wrapped(f"→ {advised}"))
    click.echo(f"Prüfung        {audit_line(audited)}")
    planned = [health.planned for health in healths if health.planned is not None]
    if planned:
        nearest = min(planned, key=lambda visit: visit.next_at)
        when = "jetzt fällig" if nearest.is_due else german_moment(nearest.next_at)
        click.echo(
            f"Zeitplan       {counted(len(planned), 'Quelle', 'Quellen')} · als nächste {nearest.source.id}: {when}"
        )
    if untaught:
        count = counted(len(untaught), "Quelle ist", "Quellen sind")
        click.echo(f"Lernen         {count} noch nicht gelernt: archive-pipeline sources learn {untaught[0]}")
    click.echo()
    _say_sources(workspace, known, healths)
    if show_failures:
        for failure in problems:
            click.echo(f"✖ {failure.source_id} {failure.key} [{failure.stage}] {failure.reason}")
    elif problems:
        click.echo(f"{len(problems)} Fehler im letzten Lauf: archive-pipeline status --failures")
    ctx.exit(code)


def audit_line(audited: AuditRow | None) -> str:
    """When everything was last looked at, and how that ended."""
    if audited is None:
        return "noch nie vollständig: archive-pipeline audit"
    outcome = f"{audited.findings} Abweichungen" if audited.findings else "ohne Abweichung"
    return f"vollständig am {german_moment(audited.finished_at)} · {outcome}"


def _run_line(run: RunRow | None, writer: LockOwner | None) -> None:
    if writer is not None:
        click.echo(f"Am Werk        {writer}")
    if run is None:
        return
    began = german_moment(datetime.fromisoformat(run.started_at))
    if run.finished_at:
        end = "fertig" if run.exit_code == 0 else f"Exitcode {run.exit_code}"
    else:
        end = "läuft" if writer is not None and writer.command == run.command else "abgebrochen, der nächste setzt fort"
    click.echo(f"Letzter Lauf   {began} · {end} · {run.id}")


def _say_sources(workspace: Workspace, known: dict[str, SourceStatus], healths: Sequence[SourceHealth]) -> None:
    awake = sorted((health for health in healths if not health.snoozed), key=_severity)
    for health in awake:
        _say_source(health, known.get(health.source.id))
    snoozed = [health for health in healths if health.snoozed]
    for health in snoozed:
        snooze = health.source.snooze
        note = f": {snooze.note}" if snooze is not None and snooze.note else ""
        until = f" bis {snooze.until:%d.%m.%Y}" if snooze is not None else ""
        click.echo(f"z {'zurückgestellt':<13}  {health.source.id}{until}{note}")
        if health.health.cause:
            click.echo(_wrapped(f"{STATES[health.health.state][1]}, {health.health.cause}"))
    off = [source.id for source in workspace.config.sources if not source.enabled]
    if off:
        click.echo(_wrapped(f"Ausgeschaltet: {', '.join(off)}", indent=""))
    configured = {health.source.id for health in healths} | set(off)
    archived = [source for source in known.values() if source.source_id not in configured]
    for source in archived:
        click.echo(f"· {'nur im Archiv':<13}  {source.source_id:<28}  {_holdings(source)}")
    counts = Counter(OVERDUE[1] if health.is_overdue else STATES[health.health.state][1] for health in awake)
    if snoozed:
        counts["zurückgestellt"] = len(snoozed)
    parts = ", ".join(f"{count} {word}" for word, count in counts.items())
    total = counted(len(healths), "Quelle", "Quellen")
    click.echo(f"{total}: {parts}" if healths else "Keine Quelle ist eingeschaltet")


def _severity(health: SourceHealth) -> int:
    return len(STATES) if health.is_overdue else list(STATES).index(health.health.state)


def _say_source(health: SourceHealth, source: SourceStatus | None) -> None:
    """One line, and below it why it is so and what to do, unless it is well."""
    mark, word = OVERDUE if health.is_overdue else STATES[health.health.state]
    click.echo(f"{mark} {word:<13}  {health.source.id:<28}  {_holdings(source)}".rstrip())
    if health.health.cause:
        click.echo(_wrapped(health.health.cause))
    if health.health.remedy:
        click.echo(f"{INDENT}→ {health.health.remedy}")


def _holdings(source: SourceStatus | None) -> str:
    if source is None:
        return ""
    parts = [_counted_releases(source.releases)]
    for count, word in (
        (source.pending, "offen"),
        (source.failed, "fehlgeschlagen"),
        (source.quarantined, "in Quarantäne"),
        (source.no_text_layer, "ohne Textebene"),
    ):
        if count:
            parts.append(f"{count} {word}")
    return " · ".join(parts)


def _counted_releases(count: int) -> str:
    return counted(count, "Mitteilung", "Mitteilungen")


def _wrapped(text: str, indent: str = INDENT) -> str:
    """Broken into lines on a terminal; one line for everything else that reads."""
    if not sys.stdout.isatty():
        return f"{indent}{text}"
    width = max(40, shutil.get_terminal_size().columns)
    return textwrap.fill(
        text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _size(folder: Path) -> int:
    """Bytes below a folder; files that a run takes away meanwhile count nothing."""
    size = 0
    for path in folder.rglob("*"):
        with suppress(FileNotFoundError):
            size += path.stat().st_size if path.is_file() else 0
    return size


def _status_json(
    workspace: Workspace,
    known: dict[str, SourceStatus],
    healths: Sequence[SourceHealth],
    lag: int | None,
    size: int,
    untaught: Sequence[str],
    code: int,
) -> None:
    by_id = {health.source.id: health for health in healths}
    ids = dict.fromkeys([*(source.id for source in workspace.config.sources), *by_id, *known])
    line = {
        "schema": "apl/status/1",
        "releases": sum(source.releases for source in known.values()),
        "bytes": size,
        "index_lag": lag,
        "unlearned": list(untaught),
        "exit_code": code,
        "sources": [_source_json(source_id, known.get(source_id), by_id.get(source_id)) for source_id in ids],
    }
    click.echo(json.dumps(line, ensure_ascii=False))


def _source_json(
    source_id: str, source: SourceStatus | None, health: SourceHealth | None
) -> dict[str, str | int | bool | None]:
    """One source; `health` is null where it is disabled, or known to the archive alone."""
    planned = health.planned if health else None
    return {
        "id": source_id,
        "releases": source.releases if source else 0,
        "pending": source.pending if source else 0,
        "failed": source.failed if source else 0,
        "quarantined": source.quarantined if source else 0,
        "no_text_layer": source.no_text_layer if source else 0,
        "last_run_at": source.last_run_at if source else None,
        "last_failure": source.last_failure if source else None,
        "health": health.health.state if health else None,
        "since": health.health.since.isoformat() if health and health.health.since else None,
        "cause": health.health.cause if health else "",
        "remedy": health.health.remedy if health else "",
        "snoozed": health.snoozed if health else False,
        "overdue": health.is_overdue if health else False,
        "next_run_at": planned.next_at.isoformat() if planned else None,
    }


def index_lag(workspace: Workspace, newest: int) -> int | None:
    """How many changes the index is behind the change number `newest`; None when it is missing or damaged."""
    try:
        with workspace.index() as index:
            return newest - index.seq()
    except IndexingError:
        return None
