"""`rebuild`: everything derived, from the WARC files and the decisions."""

import json

import click

from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import counted
from archive_pipeline.errors import FixityError
from archive_pipeline.upkeep.rebuilding import rebuild as rebuild_archive
from archive_pipeline.workspace import open_workspace

EVERY = 500
"""Captures between two progress lines, at least."""


@click.command()
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="Prozesse für Reinigung und Verschlagwortung")
@click.option("--json", "as_json", is_flag=True, help="das Ergebnis als JSON-Zeile")
@click.pass_obj
def rebuild(settings: Settings, workers: int, as_json: bool) -> None:
    """Baut archive.db und den Index aus den WARC-Dateien und decisions.jsonl neu auf.

    Die alte Datenbank bleibt, bis die neue fertig ist. Exitcode 20: ein WARC-Satz ist beschädigt.
    """
    workspace = open_workspace(settings.folder)

    told = 0

    def progress(captures: int) -> None:
        nonlocal told
        if captures >= told + EVERY and not settings.quiet:
            told = captures
            click.echo(f"{captures} Erfassungen gelesen …", err=True)

    result = rebuild_archive(workspace, workers=workers, progress=progress)
    if as_json:
        line = {
            "schema": "apl/rebuild/1",
            "type": "rebuild_summary",
            "captures": result.captures,
            "releases": result.releases,
            "decisions": result.decisions,
            "derived_anew": result.derived_anew,
            "damaged": list(result.damaged),
        }
        click.echo(json.dumps(line, ensure_ascii=False))
    else:
        click.echo(
            f"{result.releases} Mitteilungen aus {result.captures} Erfassungen und "
            f"{result.decisions} Entscheidungen wieder aufgebaut"
        )
        if result.derived_anew:
            click.echo(
                f"{result.derived_anew} Dokumente ohne Eintrag in derivations/: nach heutigen Regeln gereinigt und "
                "verschlagwortet, frühere Fassungen ihrer Texte gibt es nicht mehr"
            )
    if result.damaged:
        for message in result.damaged:
            click.echo(f"✖ {message}", err=True)
        raise FixityError(
            f"{counted(len(result.damaged), 'Stelle', 'Stellen')} der Dateien beschädigt oder nicht mehr da; alles "
            "andere ist wieder aufgebaut",
            hint="die genannten Dateien aus einer Sicherung zurückholen (archive-pipeline restore), dann rebuild "
            "wiederholen",
        )
