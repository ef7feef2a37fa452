"""`sources`: the configured sources, what is wrong with sources.toml, and the commands that find and change sources."""

import json

import click

from archive_pipeline.archive.runs import SourceStatus, source_status
from archive_pipeline.cli.learn import learn
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.sources_change import disable, enable, move, snooze, wake
from archive_pipeline.cli.sources_discover import add, discover
from archive_pipeline.cli.sources_import import import_
from archive_pipeline.cli.sources_test import test
from archive_pipeline.cli.wording import german_date
from archive_pipeline.errors import NoArchiveError
from archive_pipeline.language.days import BERLIN
from archive_pipeline.model import Source
from archive_pipeline.workspace import Workspace, open_workspace, utc_now


@click.group()
def sources() -> None:
    """Findet, prüft und ändert die Quellen des Archivs."""


for command in (discover, add, import_, test, move, enable, disable, snooze, wake, learn):
    sources.add_command(command)


@sources.command("list", short_help="alle Quellen und was das Archiv von ihnen hat")
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
                "snoozed_until": source.snooze.until.isoformat() if source.snooze else None,
                "releases": status.releases if status else 0,
                "last_run_at": status.last_run_at if status else None,
            }
            click.echo(json.dumps(line, ensure_ascii=False))
            continue
        state = "an " if source.enabled else "aus"
        rests = f"  ruht bis {german_date(source.snooze.until)}" if _rests(source) and source.snooze else ""
        releases = f"{status.releases} Mitteilungen" if status else "noch nicht gelaufen"
        click.echo(
            f"{state}  {source.id:<28} {source.fetcher or '':<10} {releases:<20} {source.url or source.path}{rests}"
        )
    for broken in workspace.config.broken:
        click.echo(f"✖    {broken.source.id:<28} {broken.problem.message}")


@sources.command(short_help="prüft sources.toml: jeder Fehler mit Zeile und Vorschlag")
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


def _rests(source: Source) -> bool:
    return source.snooze is not None and source.snooze.until >= utc_now().astimezone(BERLIN).date()


def _known(workspace: Workspace) -> dict[str, SourceStatus]:
    try:
        with workspace.reading() as db:
            return {status.source_id: status for status in source_status(db)}
    except NoArchiveError:
        return {}
