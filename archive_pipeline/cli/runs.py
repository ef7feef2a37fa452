"""`runs`: the journal of runs, what failed, and what was asked of whom."""

import csv
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import click

from archive_pipeline.archive.journal import (
    RunSummary,
    find_run,
    list_runs,
    recent_failed_run,
    requests_to_host,
    run_requests,
    run_visits,
    take_up_again,
)
from archive_pipeline.archive.lock import LockOwner, lock_owner
from archive_pipeline.archive.runs import failures
from archive_pipeline.archive.versions import unannounced_changes
from archive_pipeline.cli.ingest import say_quarantined, say_report, summary
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.progress import reporter
from archive_pipeline.cli.wording import SOURCE_CHANGES, counted, german_moment, german_span
from archive_pipeline.errors import ArchiveError
from archive_pipeline.model import Failure, Request, RequestOutcome, SourceReport
from archive_pipeline.pipeline import run as run_pipeline
from archive_pipeline.sources.schedule import BERLIN
from archive_pipeline.workspace import Workspace, open_workspace, utc_now

COUNTS = (
    ("seen", "geprüft"),
    ("new", "neu"),
    ("changed", "geändert"),
    ("unchanged", "unverändert"),
    ("rechecked", "nachgeprüft"),
    ("no_text_layer", "ohne Textebene"),
    ("quarantined", "in Quarantäne"),
    ("skipped", "übergangen"),
    ("refused", "abgelehnt"),
    ("gone", "verschwunden"),
    ("failed", "fehlgeschlagen"),
)

OUTCOMES: dict[RequestOutcome, str] = {
    "fetched": "geholt",
    "unmodified": "unverändert",
    "redirect": "weitergeleitet",
    "robots": "unterlassen (robots.txt)",
    "reservation": "unterlassen (Rechtevorbehalt)",
    "rate-limited": "vertröstet",
    "too-big": "zu groß",
    "gone": "nicht mehr da",
    "error": "Fehler",
    "address": "unterlassen (keine öffentliche Adresse)",
}
"""How a request ended, for people. What was refrained from was not sent, or not kept."""

COLUMNS = ("at", "url", "outcome", "status", "received", "seconds", "source", "detail")


@click.group()
def runs() -> None:
    """Zeigt Läufe, ihre Fehler und Anfragen; holt Fehlgeschlagenes noch einmal."""


@runs.command("list")
@click.option("--limit", type=click.IntRange(min=1), default=20, help="so viele Läufe, die neuesten zuerst")
@click.option("--json", "as_json", is_flag=True, help="eine JSON-Zeile je Lauf")
@click.pass_obj
def list_(settings: Settings, limit: int, as_json: bool) -> None:
    """Die letzten Läufe, der neueste zuerst."""
    workspace = open_workspace(settings.folder)
    with workspace.reading() as db:
        found = list_runs(db, limit)
    writer = lock_owner(workspace.data)
    for run in found:
        end = _end(run, found[0].id, writer)
        if as_json:
            click.echo(json.dumps({**_run_as_json(run), "state": end.state}, ensure_ascii=False))
            continue
        counts = f"{run.new} neu" + "".join(
            f", {count} {word}"
            for count, word in (
                (run.changed, "geändert"),
                (run.no_text_layer, "ohne Textebene"),
                (run.failed, "Fehler"),
            )
            if count
        )
        click.echo(f"{run.id}  {german_moment(run.started_at)}  {end.text:<11}  {counts}")
    if not found:
        click.echo("Noch kein Lauf: archive-pipeline run", err=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class _End:
    """How a run ended: a code for programs, a word for people."""

    state: Literal["running", "interrupted", "finished"]
    text: str


def _end(run: RunSummary, newest: str, writer: LockOwner | None) -> _End:
    """A run without an end goes on if it is the newest and its command is writing now, else it was broken off."""
    if run.exit_code is not None:
        return _End(state="finished", text="fertig" if run.exit_code == 0 else f"Exitcode {run.exit_code}")
    if run.id == newest and writer is not None and writer.command == run.command:
        return _End(state="running", text="läuft")
    return _End(state="interrupted", text="abgebrochen")


def _run_as_json(run: RunSummary) -> dict[str, str | int | None]:
    return {
        "schema": "apl/run/1",
        "run": run.id,
        "command": run.command,
        "started_at": run.started_at.isoformat(),
        "finished_at": run.finished_at.isoformat() if run.finished_at else None,
        "exit_code": run.exit_code,
        "sources": run.sources,
        "new": run.new,
        "changed": run.changed,
        "failed": run.failed,
        "no_text_layer": run.no_text_layer,
    }


@runs.command()
@click.argument("run_id", metavar="[LAUF]", default="last")
@click.option("--source", "source_id", metavar="QUELLE", help="nur diese Quelle")
@click.option("--failures", "show_failures", is_flag=True, help="alle Fehler, mit Abhilfe")
@click.option("--requests", "show_requests", is_flag=True, help="alle Anfragen an das Netz")
@click.option("--json", "as_json", is_flag=True, help="JSON-Zeilen, jede mit type")
@click.pass_obj
def show(
    settings: Settings, run_id: str, source_id: str | None, show_failures: bool, show_requests: bool, as_json: bool
) -> None:
    """Ein Lauf: was er mit jeder Quelle tat. LAUF ist eine Kennung, ihr Anfang oder last (der letzte)."""
    workspace = open_workspace(settings.folder)
    with workspace.reading() as db:
        run = find_run(db, run_id)
        visits = [visit for visit in run_visits(db, run.id) if source_id in (None, visit.source_id)]
        failed = [failure for failure in failures(db, run.id) if source_id in (None, failure.source_id)]
        if source_id is not None and not visits and not failed:
            raise ArchiveError(
                f'Lauf {run.id} hat die Quelle "{source_id}" nicht besucht', hint=f"archive-pipeline runs show {run.id}"
            )
        changes = unannounced_changes(db, run.started_at, run.finished_at)
        end = _end(run, list_runs(db, 1)[0].id, lock_owner(workspace.data))
        if as_json:
            click.echo(json.dumps({"type": "run", **_run_as_json(run), "state": end.state}, ensure_ascii=False))
            _echo_json(_visit_as_json(visit) for visit in visits)
            _echo_json(_failure_as_json(failure) for failure in failed)
            _echo_json(
                {"type": "source_change", "change": one.type, "subject": one.subject, "detail": one.detail}
                for one in changes
            )
        else:
            _say_run(run, end, visits, failed, show_failures)
            for one in changes:
                place = one.subject if one.type == "relaunch" else f"d/{one.subject}"
                click.echo(f"! {SOURCE_CHANGES[one.type]}: {place} · {one.detail}")
        if show_requests:
            requests = run_requests(db, run.id, source_id)
            if as_json:
                _echo_json(_request_as_json(request) for request in requests)
            else:
                _say_requests(requests)


def _echo_json(lines: Iterable[dict[str, object]]) -> None:
    for line in lines:
        click.echo(json.dumps(line, ensure_ascii=False))


def _say_run(
    run: RunSummary, end: _End, visits: list[SourceReport], failed: list[Failure], show_failures: bool
) -> None:
    lasted = f" · {german_span(run.finished_at - run.started_at)}" if run.finished_at else ""
    click.echo(f"Lauf {run.id} ({run.command}) · {german_moment(run.started_at)}{lasted} · {end.text}")
    for visit in visits:
        counts = ", ".join(f"{getattr(visit, name)} {word}" for name, word in COUNTS if getattr(visit, name))
        network = f" · {_counted_requests(visit.requests)}, {_size(visit.received)}" if visit.requests else ""
        mark = "✖" if visit.failed else "✔"
        click.echo(f"{mark} {visit.source_id}: {counts or 'nichts'}{network} · {german_span(_seconds(visit))}")
    if end.state == "interrupted":
        click.echo("Der Lauf endete vorzeitig; was er nicht schaffte, holt der nächste.")
    if failed and not show_failures:
        click.echo(f"{len(failed)} Fehler: archive-pipeline runs show {run.id} --failures")
    for failure in failed if show_failures else ():
        by = f" (Plugin {failure.plugin})" if failure.plugin else ""
        click.echo(f"✖ {failure.source_id} [{failure.stage}] {failure.key}".rstrip())
        click.echo(f"    {failure.reason}{by}")
        if failure.hint:
            click.echo(f"    Abhilfe: {failure.hint}")


def _seconds(visit: SourceReport) -> timedelta:
    return timedelta(seconds=visit.seconds)


def _counted_requests(count: int) -> str:
    return counted(count, "Anfrage", "Anfragen")


def _size(count: int) -> str:
    for unit, size in (("MB", 1_000_000), ("kB", 1_000)):
        if count >= size:
            return f"{count / size:.1f} {unit}".replace(".", ",")
    return f"{count} Bytes"


def _say_requests(requests: Iterator[Request]) -> int:
    """One line a request; returns how many."""
    count = 0
    for count, request in enumerate(requests, start=1):  # noqa: B007 - the count is what is returned
        status = f" HTTP {request.status}" if request.status else ""
        size = f", {_size(request.received)}" if request.received else ""
        click.echo(f"{_local(request.at)}  {OUTCOMES[request.outcome]}{status}{size}")
        click.echo(f"    {request.url}" + (f" – {request.detail}" if request.detail else ""))
    return count


def _local(moment: datetime) -> str:
    """To the second, with the offset: this is evidence."""
    return moment.astimezone(BERLIN).isoformat(sep=" ", timespec="seconds")


def _visit_as_json(visit: SourceReport) -> dict[str, object]:
    return {
        "type": "source",
        "source": visit.source_id,
        "started_at": visit.started_at.isoformat() if visit.started_at else None,
        **{name: getattr(visit, name) for name, _ in COUNTS},
        "requests": visit.requests,
        "received": visit.received,
        "seconds": round(visit.seconds, 2),
    }


def _failure_as_json(failure: Failure) -> dict[str, object]:
    return {
        "type": "failure",
        "source": failure.source_id,
        "key": failure.key,
        "stage": failure.stage,
        "kind": failure.kind,
        "reason": failure.reason,
        "hint": failure.hint,
        "plugin": failure.plugin,
    }


def _request_as_json(request: Request) -> dict[str, object]:
    return {
        "type": "request",
        "source": request.source_id,
        "at": request.at.isoformat(),
        "url": request.url,
        "outcome": request.outcome,
        "status": request.status,
        "received": request.received,
        "seconds": request.seconds,
        "detail": request.detail,
    }


@runs.command()
@click.option("--host", required=True, help="Rechnername; die darunter zählen mit (example.org: auch www.example.org)")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="von diesem Tag an (JJJJ-MM-TT)")
@click.option("--csv", "as_csv", is_flag=True, help="als CSV (RFC 4180, UTF-8)")
@click.option("--json", "as_json", is_flag=True, help="eine JSON-Zeile je Anfrage")
@click.pass_obj
def requests(settings: Settings, host: str, since: datetime | None, as_csv: bool, as_json: bool) -> None:
    """Was von einem Rechner verlangt wurde, wann, und wie es endete: Auskunft für Herausgeber, die fragen."""
    workspace = open_workspace(settings.folder)
    with workspace.reading() as db:
        found = requests_to_host(db, host, since.replace(tzinfo=BERLIN) if since else None)
        if as_csv:
            _write_csv(found)
        elif as_json:
            _echo_json(_request_as_json(request) for request in found)
        else:
            from_day = f" seit {since:%d.%m.%Y}" if since else ""
            agent = workspace.config.archive.user_agent or workspace.config.archive.contact
            click.echo(f"Anfragen an {host}{from_day}" + (f", gestellt unter {agent}" if agent else ""))
            count = _say_requests(found)
            click.echo(f"{_counted_requests(count)}, Stand {_local(utc_now())}")


def _write_csv(found: Iterator[Request]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for request in found:
        line = _request_as_json(request)
        writer.writerow(["" if line[name] is None else line[name] for name in COLUMNS])


@runs.command()
@click.argument("run_id", metavar="[LAUF]", default="last")
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="Prozesse für Reinigung und Verschlagwortung")
@click.option("--json", "as_json", is_flag=True, help="Ereignisse als JSON-Zeilen, zuletzt die Zusammenfassung")
@click.pass_context
def retry(ctx: click.Context, run_id: str, workers: int, as_json: bool) -> None:
    """Holt noch einmal, was in einem Lauf fehlschlug, ohne die Wartezeit; ohne LAUF aus dem letzten.

    Was geholt, aber nicht gelesen werden konnte, bleibt: dieselben Bytes schlügen wieder fehl.
    """
    settings: Settings = ctx.obj
    workspace = open_workspace(settings.folder)
    with workspace.reading() as db:
        run = find_run(db, run_id)
        failed = failures(db, run.id)
        other = recent_failed_run(db)
    if not failed:
        hint = f"; zuletzt in {other}: archive-pipeline runs retry {other}" if other else ""
        click.echo(f"In Lauf {run.id} schlug nichts fehl{hint}", err=True)
        return
    wanted = {failure.source_id for failure in failed if failure.stage in ("discover", "capture")}
    sources = [source for source in workspace.config.sources if source.id in wanted and source.enabled]
    _say_left_out(workspace, wanted - {source.id for source in sources}, failed)
    if not sources:
        return
    with workspace.writing("runs retry") as db:
        count = take_up_again(db, run.id, utc_now())
    documents = counted(count, "Dokument", "Dokumente")
    click.echo(f"{documents} aus {counted(len(sources), 'Quelle', 'Quellen')} noch einmal", err=True)
    with reporter(settings, as_json=as_json) as progress:
        report = run_pipeline(workspace, sources, command="runs retry", workers=workers, progress=progress)
    say_quarantined(workspace)
    if as_json:
        click.echo(json.dumps(summary(report), ensure_ascii=False))
    else:
        say_report(report)
    ctx.exit(report.exit_code)


def _say_left_out(workspace: Workspace, lost: set[str], failed: list[Failure]) -> None:
    if lost:
        file = workspace.config.file
        click.echo(f"Nicht mehr in {file.name}, oder ausgeschaltet: {', '.join(sorted(lost))}", err=True)
    unread = sum(failure.stage not in ("discover", "capture") for failure in failed)
    if unread:
        documents = counted(unread, "unlesbares Dokument bleibt", "unlesbare Dokumente bleiben")
        click.echo(f"{documents} unangetastet", err=True)
