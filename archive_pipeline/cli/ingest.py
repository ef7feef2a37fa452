"""`run` and `import`: documents into the archive."""

import json
import re
import unicodedata
from dataclasses import replace
from pathlib import Path

import click

from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.runs import import_root, record_source
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.progress import reporter
from archive_pipeline.errors import ConfigError
from archive_pipeline.model import RunReport, Source
from archive_pipeline.pipeline import run as run_pipeline
from archive_pipeline.workspace import Workspace, open_workspace

COUNTS = ("new", "changed", "unchanged", "quarantined", "refused", "failed")


@click.command()
@click.argument("source_ids", nargs=-1, metavar="[QUELLE]…")
@click.option("--limit", type=click.IntRange(min=1), help="höchstens so viele Dokumente je Quelle")
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="Prozesse für Reinigung und Verschlagwortung")
@click.option("--json", "as_json", is_flag=True, help="Ereignisse als JSON-Zeilen, zuletzt die Zusammenfassung")
@click.pass_context
def run(ctx: click.Context, source_ids: tuple[str, ...], limit: int | None, workers: int, as_json: bool) -> None:
    """Holt Neues aus allen eingeschalteten Quellen, oder aus den genannten.

    Abgebrochene Läufe setzt der nächste fort; nichts wird doppelt archiviert. Exitcode 3: etwas schlug fehl.
    """
    settings: Settings = ctx.obj
    workspace = open_workspace(settings.folder)
    sources = [workspace.config.source(source_id) for source_id in source_ids]
    if not source_ids:
        sources = [source for source in workspace.config.sources if source.enabled]
    if not sources and not workspace.config.broken:
        raise ConfigError(
            "Keine Quelle ist eingeschaltet",
            hint=f"in {workspace.config.file} bei einer Quelle enabled = true setzen oder eine anlegen",
        )
    ctx.exit(_ingest(settings, workspace, sources, "run", limit, workers, as_json))


@click.command("import")
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.option("--source", "source_id", help="Quelle, der die Dateien gehören (Kennung aus sources.toml oder neu)")
@click.option("--no-gate", is_flag=True, help="nichts in Quarantäne stellen")
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="Prozesse für Reinigung und Verschlagwortung")
@click.option("--json", "as_json", is_flag=True, help="Ereignisse als JSON-Zeilen, zuletzt die Zusammenfassung")
@click.pass_context
def import_(ctx: click.Context, path: Path, source_id: str | None, no_gate: bool, workers: int, as_json: bool) -> None:
    """Nimmt jede Datei unter PFAD auf: txt, md, html, pdf, docx, eml, auch .gz davon."""
    settings: Settings = ctx.obj
    workspace = open_workspace(settings.folder)
    source = _import_source(workspace, path, source_id)
    if no_gate:
        source = replace(source, gate=False)
    ctx.exit(_ingest(settings, workspace, [source], "import", None, workers, as_json))


def _import_source(workspace: Workspace, path: Path, source_id: str | None) -> Source:
    """The source imported files belong to: a configured one, or one named after the folder.

    Two folders of one name must not flow into each other: their files would pass for versions of one another.
    """
    root = path.resolve()
    fetcher = workspace.plugins.fetchers["folder"]
    configured = [source for source in workspace.config.sources if source.id == source_id]
    if configured:
        return replace(configured[0], fetcher="folder", path=str(root), url=None, options=fetcher.options())
    name = source_id or f"import-{_slug(root.name)}"
    with workspace.writing("import") as db, write_tx(db):
        known = import_root(db, name)
        if known is not None and known != str(root) and source_id is None:
            raise ConfigError(
                f"Unter dem Namen {name!r} liegen schon Dateien aus {known} im Archiv",
                hint=f"diesem Ordner einen eigenen Namen geben: archive-pipeline import {path} --source NAME",
            )
        source = Source(id=name, title=root.name, fetcher="folder", path=str(root), options=fetcher.options())
        record_source(db, replace(source, path=None), import_root=str(root))
    return source


def _slug(name: str) -> str:
    folded = unicodedata.normalize("NFKD", name.lower().replace("ß", "ss"))
    return re.sub(r"[^a-z0-9]+", "-", folded.encode("ascii", "ignore").decode()).strip("-") or "ordner"


def _ingest(
    settings: Settings,
    workspace: Workspace,
    sources: list[Source],
    command: str,
    limit: int | None,
    workers: int,
    as_json: bool,
) -> int:
    with reporter(settings, as_json=as_json) as progress:
        report = run_pipeline(workspace, sources, command=command, limit=limit, workers=workers, progress=progress)
    if as_json:
        click.echo(json.dumps(summary(report), ensure_ascii=False))
    else:
        say_report(report)
    return report.exit_code


def summary(report: RunReport) -> dict[str, str | int | list[str]]:
    """The last line of `run --json` and `import --json`."""
    return {
        "schema": "apl/run-summary/1",
        "type": "run_summary",
        "run": report.run_id,
        **{name: report.total(name) for name in COUNTS},
        "skipped": report.total("skipped"),
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
        ("quarantined", "in Quarantäne"),
        ("refused", "abgelehnt"),
        ("gone", "verschwunden"),
        ("failed", "fehlgeschlagen"),
    )
    parts = [f"{report.total(name)} {word}" for name, word in words if name in COUNTS[:3] or report.total(name)]
    click.echo(", ".join(parts) + f" · Lauf {report.run_id}")
    if not report.total("new") and not report.total("changed") and not report.total("failed"):
        click.echo("Nichts Neues: alles ist schon archiviert.")
