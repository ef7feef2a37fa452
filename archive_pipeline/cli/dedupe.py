"""`dedupe`: groups of releases with the same or nearly the same text."""

import csv
import json
import sys

import click
from pydantic import TypeAdapter

from archive_pipeline.archive.reuse_reading import DuplicateGroup, duplicate_groups
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.reuse import compared
from archive_pipeline.cli.wording import counted, german_date, shorten
from archive_pipeline.upkeep.reusing import refresh_reuse
from archive_pipeline.workspace import open_workspace

GROUP = TypeAdapter(DuplicateGroup)
COLUMNS = ("group", "kind", "first", "similarity", "id", "source", "published", "first_captured", "title", "url")


@click.command()
@click.option("--report", is_flag=True, help="der Bericht; etwas anderes tut dieser Befehl nicht")
@click.option("--across", is_flag=True, help="nur Gruppen über mehrere Quellen")
@click.option("--json", "as_json", is_flag=True, help="eine JSON-Zeile je Gruppe")
@click.option("--csv", "as_csv", is_flag=True, help="eine Zeile je Mitteilung als CSV")
@click.pass_obj
def dedupe(settings: Settings, report: bool, across: bool, as_json: bool, as_csv: bool) -> None:
    """Berichtet Gruppen von Mitteilungen mit gleichem oder fast gleichem Text, die früheste zuerst. Löscht nichts."""
    if as_json and as_csv:
        raise click.UsageError("--json und --csv schließen sich aus")
    workspace = open_workspace(settings.folder)
    note = refresh_reuse(workspace, compared(quiet=settings.quiet))
    with workspace.reading() as db:
        groups = duplicate_groups(db, across_sources=across)
    if note:
        click.echo(note, err=True)
    if as_csv:
        _csv(groups)
    elif as_json:
        for group in groups:
            click.echo(
                json.dumps({"schema": "apl/duplicates/1", **GROUP.dump_python(group, mode="json")}, ensure_ascii=False)
            )
    else:
        _say(groups)


def _say(groups: tuple[DuplicateGroup, ...]) -> None:
    for group in groups:
        what = "gleicher Text" if group.kind == "exact" else "fast gleicher Text"
        click.echo(f"{counted(len(group.releases), 'Mitteilung', 'Mitteilungen')}, {what}")
        for place, one in enumerate(group.releases):
            release = one.release
            alike = "früheste" if place == 0 else "    –   " if one.similarity is None else f"{one.similarity:8.0%}"
            when = german_date(release.published)
            title = shorten(release.heading, 70)
            click.echo(f"  {alike}  d/{release.id}  {when:<11}  {release.source_id}  {title}")
    doubled = sum(len(group.releases) - 1 for group in groups)
    total = counted(len(groups), "Gruppe", "Gruppen")
    click.echo(f"{total}, darin {doubled} spätere Fassungen eines Textes. Gelöscht wird nichts.")


def _csv(groups: tuple[DuplicateGroup, ...]) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(COLUMNS)
    for number, group in enumerate(groups, 1):
        for place, one in enumerate(group.releases):
            release = one.release
            writer.writerow(
                [
                    number,
                    group.kind,
                    int(place == 0),
                    "" if one.similarity is None else one.similarity,
                    release.id,
                    release.source_id,
                    release.published or "",
                    release.first_captured.isoformat(),
                    release.title or "",
                    release.url or release.path or "",
                ]
            )
