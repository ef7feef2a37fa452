"""`run` and `import`: documents into the archive."""

import json
import os
import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path

import click

from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.runs import import_root, record_source
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.progress import reporter
from archive_pipeline.cli.wording import counted
from archive_pipeline.errors import ConfigError, LockedError
from archive_pipeline.exchange.importing import import_export, is_export
from archive_pipeline.ingest.scheduling import due_sources, still_due
from archive_pipeline.model import RunReport, Source
from archive_pipeline.pipeline import run as run_pipeline
from archive_pipeline.workspace import Workspace, open_workspace, utc_now

SOURCE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""What `--source` may be called: a slash would let files of two sources pass for one."""

COUNTS = ("new", "changed", "unchanged", "quarantined", "refused", "failed")

TOLD = ("new", "changed", "quarantined", "skipped", "refused", "gone", "failed")
"""What may have become of documents, other than that they are as they were."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a run is asked to do; see `pipeline.run`."""

    command: str
    limit: int | None = None
    since: date | None = None
    due: bool = False
    workers: int = 1


@click.command()
@click.argument("source_ids", nargs=-1, metavar="[QUELLE]…")
@click.option("--due", is_flag=True, help="nur Quellen, die nach ihrem Zeitplan dran sind (für Timer)")
@click.option("--limit", type=click.IntRange(min=1), help="höchstens so viele Dokumente je Quelle")
@click.option("--since", type=click.DateTime(["%Y-%m-%d"]), help="nur Mitteilungen von diesem Tag an (JJJJ-MM-TT)")
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="Prozesse für Reinigung und Verschlagwortung")
@click.option("--json", "as_json", is_flag=True, help="Ereignisse als JSON-Zeilen, zuletzt die Zusammenfassung")
@click.pass_context
def run(
    ctx: click.Context,
    source_ids: tuple[str, ...],
    due: bool,
    limit: int | None,
    since: datetime | None,
    workers: int,
    as_json: bool,
) -> None:
    """Holt Neues aus allen eingeschalteten Quellen, oder aus den genannten.

    Abgebrochene Läufe setzt der nächste fort; nichts wird doppelt archiviert. Exitcode 3: etwas schlug fehl.
    """
    settings: Settings = ctx.obj
    workspace = open_workspace(settings.folder)
    sources = [workspace.config.source(source_id) for source_id in dict.fromkeys(source_ids)]
    if not source_ids:
        sources = [source for source in workspace.config.sources if source.enabled]
    job = Job(
        command="run --due" if due else "run",
        limit=limit,
        since=since.date() if since else None,
        due=due,
        workers=workers,
    )
    if due:
        ctx.exit(_ingest_due(settings, workspace, sources, job, as_json))
    if not sources and not workspace.config.broken:
        raise ConfigError(
            "Keine Quelle ist eingeschaltet",
            hint=f"in {workspace.config.file} bei einer Quelle enabled = true setzen oder eine anlegen",
        )
    ctx.exit(_ingest(settings, workspace, sources, job, as_json).exit_code)


@click.command("import")
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--source", "source_id", help="Quelle, der die Dateien gehören (Kennung aus sources.toml oder neu)")
@click.option(
    "--no-gate", is_flag=True, help="ohne die Güteprüfung am Ende; Fehler- und Anmeldeseiten bleiben in Quarantäne"
)
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="Prozesse für Reinigung und Verschlagwortung")
@click.option("--json", "as_json", is_flag=True, help="Ereignisse als JSON-Zeilen, zuletzt die Zusammenfassung")
@click.pass_context
def import_(ctx: click.Context, path: Path, source_id: str | None, no_gate: bool, workers: int, as_json: bool) -> None:
    """Nimmt jede Datei unter PFAD auf: txt, md, html, pdf, docx, odt, eml, mbox, warc, wacz, auch .gz davon.

    Was export jsonl oder export bagit schrieb, wird wiederhergestellt: dieselben Kennungen, Fassungen, Ableitungen,
    Schlagworte und Entscheidungen.
    """
    settings: Settings = ctx.obj
    workspace = open_workspace(settings.folder)
    if source_id is None and is_export(path):
        _import_export(workspace, path, as_json)
        return
    source = _import_source(workspace, path, source_id)
    if no_gate:
        source = replace(source, gate=False)
    ctx.exit(_ingest(settings, workspace, [source], Job(command="import", workers=workers), as_json).exit_code)


def _import_export(workspace: Workspace, path: Path, as_json: bool) -> None:
    """Take an export of ours back."""
    done = import_export(workspace, path)
    if as_json:
        line = {
            "schema": "apl/run-summary/1",
            "type": "run_summary",
            **dict.fromkeys(COUNTS, 0),
            "new": done.releases,
            "unchanged": done.known,
            "refused": done.refused,
            "captures": done.captures,
            "decisions": done.decisions,
            "kept_apart": done.kept_apart,
            "held_back": done.held_back,
            "exit_code": 0,
        }
        click.echo(json.dumps(line, ensure_ascii=False))
        return
    click.echo(
        f"{done.releases} Mitteilungen wiederhergestellt, {done.known} waren schon da · "
        f"{done.captures} Erfassungen, {done.decisions} Entscheidungen übernommen"
    )
    if done.refused:
        click.echo(f"{done.refused} abgelehnt: ihr Text wurde in diesem Archiv gelöscht", err=True)
    if done.held_back:
        click.echo(
            f"{counted(done.held_back, 'Entscheidung', 'Entscheidungen')} nicht übernommen: hier wurde später, oder "
            "strenger, anders entschieden",
            err=True,
        )
    if done.kept_apart:
        click.echo(
            f"{done.kept_apart} Ableitungen nicht übernommen: unter ihrem Permalink steht hier ein anderer Text",
            err=True,
        )


def _import_source(workspace: Workspace, path: Path, source_id: str | None) -> Source:
    """The source imported files belong to: a configured one, or one named after the folder.

    Two folders of one name must not flow into each other: their files would pass for versions of one another.
    """
    root = path.resolve()
    fetcher = workspace.plugins.fetchers["folder"]
    configured = {source.id: source for source in workspace.config.sources}
    if source_id in configured:
        return replace(configured[source_id], fetcher="folder", path=str(root), url=None, options=fetcher.options())
    if source_id is not None and not SOURCE_ID.fullmatch(source_id):
        raise click.UsageError(f"--source {source_id!r}: nur Buchstaben, Ziffern und . _ -, höchstens 64 Zeichen")
    name = source_id or f"import-{_slug(root.name)}"
    place = _readable(root)
    with workspace.writing("import") as db, write_tx(db):
        known = "der Quelle aus sources.toml" if name in configured else import_root(db, name)
        if known is not None and known != place and source_id is None:
            hint = f"diesem Ordner einen eigenen Namen geben: archive-pipeline import {path} --source NAME"
            if not known:
                hint += f"; ist es derselbe Ordner wie damals: --source {name}"
            raise ConfigError(
                f"Unter dem Namen {name!r} liegen schon Dateien aus {known or 'einem anderen Ordner'} im Archiv",
                hint=hint,
            )
        source = Source(
            id=name, title=_readable(root.name), fetcher="folder", path=str(root), options=fetcher.options()
        )
        record_source(db, source, import_root=place)
    return source


def _readable(path: Path | str) -> str:
    """A path as text that can be stored: bytes that are no UTF-8 are written as escapes."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _slug(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name.lower().replace("ß", "ss"))
    return re.sub(r"[^a-z0-9]+", "-", folded.encode("ascii", "ignore").decode()).strip("-") or "ordner"


def _ingest_due(settings: Settings, workspace: Workspace, sources: list[Source], job: Job, as_json: bool) -> int:
    """Ingest from those of these sources that are due; nothing due is nothing wrong."""
    now = utc_now()
    due = {source.id for source in due_sources(workspace, now)}
    sources = [source for source in sources if source.id in due]
    if sources:
        try:
            report = _ingest(settings, workspace, sources, job, as_json)
        except LockedError as error:
            hint = f"nichts zu tun, der nächste Termin holt es nach; sonst: {error.hint}"
            raise LockedError(f"{error.message}; fällig und nicht besucht: {len(sources)}", hint=hint) from error
        if report.run_id:
            return report.exit_code
    if as_json:
        nothing = RunReport(run_id="", started_at=now, finished_at=now, sources=(), exit_code=0)
        click.echo(json.dumps(summary(nothing), ensure_ascii=False))
    elif not any(source.enabled and source.schedule for source in workspace.config.sources):
        click.echo('Keine eingeschaltete Quelle hat einen Zeitplan: in sources.toml schedule = "6h" setzen', err=True)
    elif not settings.quiet:
        click.echo("Nichts fällig: archive-pipeline schedule next zeigt die nächsten Termine", err=True)
    return 0


def _ingest(settings: Settings, workspace: Workspace, sources: list[Source], job: Job, as_json: bool) -> RunReport:
    """Run and tell. A run of what is due may find that another one has just done it: it tells nothing and has no
    `run_id`."""
    with reporter(settings, as_json=as_json) as progress:
        report = run_pipeline(
            workspace,
            sources,
            command=job.command,
            limit=job.limit,
            since=job.since,
            patient=job.due,
            choose=(lambda db: still_due(sources, db, utc_now())) if job.due else None,
            workers=job.workers,
            progress=progress,
        )
    if report.run_id:
        say_quarantined(workspace)
    if report.run_id and as_json:
        click.echo(json.dumps(summary(report), ensure_ascii=False))
    elif report.run_id:
        say_report(report)
    return report


def say_quarantined(workspace: Workspace) -> None:
    """Which plugins could not be loaded: the reason why a run in which nothing failed ends with exit code 3."""
    for record in workspace.plugins.quarantined:
        reason = (record.error or "").partition("\n")[0]
        click.echo(f'Plugin "{record.name}" ist in Quarantäne (archive-pipeline plugins list): {reason}', err=True)


def summary(report: RunReport) -> dict[str, str | int | list[str] | None]:
    """The last line of `run --json` and `import --json`."""
    return {
        "schema": "apl/run-summary/1",
        "type": "run_summary",
        "run": report.run_id or None,
        **{name: report.total(name) for name in COUNTS},
        "skipped": report.total("skipped"),
        "no_text_layer": report.total("no_text_layer"),
        "gone": report.total("gone"),
        "failed_sources": [source.source_id for source in report.sources if source.failed],
        "exit_code": report.exit_code,
    }


def say_report(report: RunReport) -> None:
    """The last lines of a run, for people."""
    words = (
        ("new", "neu"),
        ("changed", "geändert"),
        ("unchanged", "unverändert"),
        ("no_text_layer", "ohne Textebene (nur Bilder)"),
        ("quarantined", "in Quarantäne"),
        ("skipped", "übergangen"),
        ("refused", "abgelehnt"),
        ("gone", "verschwunden"),
        ("failed", "fehlgeschlagen"),
    )
    parts = [f"{report.total(name)} {word}" for name, word in words if name in COUNTS[:3] or report.total(name)]
    click.echo(", ".join(parts) + f" · Lauf {report.run_id}")
    if not report.total("seen") and not report.total("failed") and not report.total("refused"):
        click.echo("Nichts gefunden: die Quellen bieten keine Dokumente an.")
    elif report.total("unchanged") >= report.total("seen") > 0 and not any(report.total(name) for name in TOLD):
        click.echo("Nichts Neues: alles ist schon archiviert.")
