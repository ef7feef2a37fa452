"""`reprocess`: cleaning and tags anew, with every difference told."""

import json

import click

from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import AXES, shorten
from archive_pipeline.errors import FixityError
from archive_pipeline.model import Tag
from archive_pipeline.searching import open_search
from archive_pipeline.upkeep.reprocessing import Difference, Reprocessed, Stage
from archive_pipeline.upkeep.reprocessing import reprocess as reprocess_archive
from archive_pipeline.workspace import open_workspace, utc_now

SHOWN = 20
"""Differences shown one by one; the rest is counted, -v shows all."""

FIELDS = {
    "text": "Text",
    "title": "Titel",
    "published": "Datum",
    "persons": "Personen",
    "quotes": "Zitate",
    "scores": "Gewichte",
    "contact": "Kontakt",
    "credits": "Bildnachweise",
}
"""Names for people; other fields are shown as they are."""


@click.command()
@click.option(
    "--stage",
    type=click.Choice(["clean", "classify"]),
    default="clean",
    help="clean: reinigen und verschlagworten (aus den WARC-Dateien); classify: nur verschlagworten",
)
@click.option("--query", help="nur Mitteilungen, die diese Suche findet")
@click.option("--dry-run", is_flag=True, help="nur zeigen, was sich ändern würde")
@click.option("--workers", type=click.IntRange(1, 64), default=1, help="Prozesse für Reinigung und Verschlagwortung")
@click.option("--json", "as_json", is_flag=True, help="eine JSON-Zeile je Unterschied, zuletzt die Zusammenfassung")
@click.pass_obj
def reprocess(settings: Settings, stage: Stage, query: str | None, dry_run: bool, workers: int, as_json: bool) -> None:
    """Reinigt und verschlagwortet Archiviertes mit den Regeln von heute, ohne Netz.

    Was anders herauskommt, wird eine neue Ableitung; alte bleiben abrufbar. Entscheidungen von Menschen gelten weiter.
    Exitcode 20: ein WARC-Satz ist beschädigt.
    """
    workspace = open_workspace(settings.folder)
    release_ids = None
    if query is not None:
        workspace.refresh_index()
        with open_search(workspace) as service:
            release_ids = service.keys(query, today=utc_now().date())
    shown = 0

    def tell(difference: Difference) -> None:
        nonlocal shown
        shown += 1
        if as_json:
            click.echo(json.dumps(_as_json(difference), ensure_ascii=False))
        elif not settings.quiet and (shown <= SHOWN or settings.verbose):
            click.echo(_line(difference))

    result = reprocess_archive(
        workspace, stage=stage, release_ids=release_ids, dry_run=dry_run, workers=workers, told=tell
    )
    if as_json:
        click.echo(json.dumps(_summary(result, dry_run=dry_run), ensure_ascii=False))
    else:
        if shown > SHOWN and not settings.verbose and not settings.quiet:
            click.echo(f"… und {shown - SHOWN} weitere (alle mit -v)")
        _say(result, dry_run=dry_run)
    if result.damaged:
        raise FixityError(
            f"{len(result.damaged)} WARC-Sätze sind beschädigt: {result.damaged[0]}",
            hint="die genannten Dateien aus einer Sicherung zurückholen",
        )


def _line(difference: Difference) -> str:
    name = f"d/{difference.release_id}" if difference.release_id else "neu"
    if difference.refusal is not None:
        return f"{name}  {shorten(difference.title, 50)}: bleibt ({difference.refusal})"
    parts = [FIELDS.get(field, field) for field in difference.fields]
    parts += [f"+{_tag(tag)}" for tag in difference.added] + [f"-{_tag(tag)}" for tag in difference.removed]
    return f"{name}  {shorten(difference.title, 50)}: {', '.join(parts)}"


def _tag(tag: Tag) -> str:
    return f"{tag.axis}:{tag.value} ({tag.role})"


def _as_json(difference: Difference) -> dict[str, object]:
    return {
        "schema": "apl/reprocess-difference/1",
        "type": "difference",
        "id": difference.release_id,
        "title": difference.title,
        "fields": list(difference.fields),
        "added": [{"axis": tag.axis, "value": tag.value, "role": tag.role} for tag in difference.added],
        "removed": [{"axis": tag.axis, "value": tag.value, "role": tag.role} for tag in difference.removed],
        "refusal": difference.refusal,
    }


def _summary(result: Reprocessed, *, dry_run: bool) -> dict[str, object]:
    return {
        "schema": "apl/reprocess/1",
        "type": "reprocess_summary",
        "dry_run": dry_run,
        "releases": result.releases,
        "changed": result.changed,
        "kept": result.kept,
        "accepted": result.accepted,
        "fields": dict(result.fields),
        "added": dict(result.added),
        "removed": dict(result.removed),
        "damaged": result.damaged,
    }


def _say(result: Reprocessed, *, dry_run: bool) -> None:
    verb = "würden sich ändern" if dry_run else "geändert"
    click.echo(f"{result.releases} Mitteilungen geprüft, {result.changed} {verb}")
    for axis, name in AXES.items():
        if result.added[axis] or result.removed[axis]:
            click.echo(f"  {name:<13} +{result.added[axis]} −{result.removed[axis]}")
    for field, count in result.fields.most_common():
        click.echo(f"  {FIELDS.get(field, field):<13} {count}")
    if result.kept:
        click.echo(f"{result.kept} würden heute nicht angenommen und bleiben, wie sie sind")
    if result.accepted:
        click.echo(
            f"{result.accepted} zuvor zurückgehaltene Dokumente {'würden' if dry_run else 'sind nun'} Mitteilungen"
        )
