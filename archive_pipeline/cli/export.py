"""`export`: releases in a registered format."""

from contextlib import ExitStack
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
    with ExitStack() as stack:
        db = stack.enter_context(workspace.reading())
        out = click.get_text_stream("stdout")
        if output is not None:
            out = stack.enter_context(output.open("w", encoding="utf-8", newline=""))
        count = exporter.export(iterate_releases(db), out)
    if not settings.quiet:
        click.echo(f"{count} Mitteilungen als {format_name}{f' nach {output}' if output else ''}", err=True)
