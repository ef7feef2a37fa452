"""`export`: releases in a registered format."""

import sys
from pathlib import Path

import click

from archive_pipeline.archive.reading import iterate_releases
from archive_pipeline.cli.main import Settings
from archive_pipeline.workspace import open_workspace


@click.command()
@click.argument("format_name", metavar="FORMAT")
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), help="Datei (sonst Standardausgabe)")
@click.pass_obj
def export(settings: Settings, format_name: str, output: Path | None) -> None:
    """Schreibt alle Mitteilungen. FORMAT ist jsonl, csv oder das eines Plugins."""
    workspace = open_workspace(settings.folder)
    exporter = workspace.plugins.exporters[format_name]
    with workspace.reading() as db:
        if output is None:
            count = exporter.export(iterate_releases(db), sys.stdout)
        else:
            # a half-written file must never pass for a whole one
            unfinished = output.with_name(output.name + ".part")
            try:
                with unfinished.open("w", encoding="utf-8", newline="") as out:
                    count = exporter.export(iterate_releases(db), out)
                unfinished.replace(output)
            finally:
                unfinished.unlink(missing_ok=True)
    if not settings.quiet:
        click.echo(f"{count} Mitteilungen als {format_name}{f' nach {output}' if output else ''}", err=True)
