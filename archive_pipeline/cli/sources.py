"""`sources`: the configured sources and what is wrong with sources.toml."""

import json

import click

from archive_pipeline.archive.runs import SourceStatus, source_status
from archive_pipeline.cli.main import Settings
from archive_pipeline.errors import NoArchiveError
from archive_pipeline.workspace import Workspace, open_workspace


@click.group()
def sources() -> None:
    """Listet und prüft die Quellen."""


@sources.command("list")
@click.option("--json", "as_json", is_flag=True, help="eine JSON-Zeile je Quelle")
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """Alle Quellen aus sources.toml mit dem, was das Archiv von ihnen hat."""
    workspace = open_workspace(settings.folder)
    known = _known(workspace)
    for source in workspace.config.sources:
        status = known.get(source.id)
        if as_json:
            line = {
                "id": source.id,
                "title": source.title,
                "fetcher": source.fetcher,
                "address": source.url or source.path,
                "enabled": source.enabled,
                "releases": status.releases if status else 0,
                "last_run_at": status.last_run_at if status else None,
            }
            click.echo(json.dumps(line, ensure_ascii=False))
            continue
        state = "an " if source.enabled else "aus"
        releases = f"{status.releases} Mitteilungen" if status else "noch nicht gelaufen"
        click.echo(f"{state}  {source.id:<28} {source.fetcher or '':<10} {releases:<20} {source.url or source.path}")
    for broken in workspace.config.broken:
        click.echo(f"✖    {broken.source.id:<28} {broken.problem.message}")


@sources.command()
@click.pass_obj
def check(settings: Settings) -> None:
    """Prüft sources.toml: jeder Fehler mit Datei, Zeile und Vorschlag. Exitcode 4, wenn es welche gibt."""
    workspace = open_workspace(settings.folder)
    enabled = sum(source.enabled for source in workspace.config.sources)
    for broken in workspace.config.broken:
        click.echo(str(broken.problem), err=True)
    click.echo(
        f"{workspace.config.file}: {len(workspace.config.sources)} Quellen, {enabled} eingeschaltet, keine Fehler"
    )


def _known(workspace: Workspace) -> dict[str, SourceStatus]:
    try:
        with workspace.reading() as db:
            return {status.source_id: status for status in source_status(db)}
    except NoArchiveError:
        return {}
