"""`set`: frozen result sets."""

import json
import sys
from dataclasses import asdict
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import click

from archive_pipeline.archive.result_sets import SetRow, find_set, frozen_members, list_sets, open_set, verify_set
from archive_pipeline.archive.visibility import ARCHIVIST, Standing, visible_ids
from archive_pipeline.cli.deciding import Deciding, by_option, new_id, storable
from archive_pipeline.cli.export import say_exported
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import counted, german_date, german_moment
from archive_pipeline.decide.freezing import cite_set, freeze, set_difference
from archive_pipeline.errors import FixityError
from archive_pipeline.exchange.export_job import ExportRequest
from archive_pipeline.exchange.exporting import FILE_FORMATS, export_to
from archive_pipeline.exchange.exporting import export as export_files
from archive_pipeline.workspace import Workspace, open_workspace

as_json_option = click.option("--json", "as_json", is_flag=True, help="als JSON")


@click.group("set")
def set_() -> None:
    """Friert Ergebnisse ein: Texte, Schlagworte, Fassungen und Ableitungen bleiben, wie sie waren."""


@set_.command()
@click.argument("name")
@click.option("--query", required=True, help="die Anfrage; jedes ihrer Wörter muss vorkommen")
@click.option("--note", help="wozu")
@by_option
@as_json_option
@click.pass_obj
def create(settings: Settings, name: str, query: str, note: str | None, by: str | None, as_json: bool) -> None:
    """Friert ein, was eine Anfrage jetzt findet. Die Liste ändert sich nicht mehr."""
    workspace = open_workspace(settings.folder)
    deciding = Deciding.begin(by)
    row = freeze(
        workspace,
        name,
        storable(query),
        note=storable(note) if note else None,
        decided_by=deciding.decided_by,
        decided_at=deciding.decided_at,
        id=new_id(),
    )
    _say(workspace, row, as_json=as_json)


@set_.command("list")
@as_json_option
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """Zeigt alle Ergebnislisten."""
    workspace = open_workspace(settings.folder)
    with workspace.reading() as db:
        rows = list_sets(db)
    if as_json:
        click.echo(json.dumps([_row(workspace, row) for row in rows], ensure_ascii=False))
        return
    for row in rows:
        many = counted(row.releases, "Mitteilung", "Mitteilungen")
        click.echo(f"{row.name}  {german_moment(row.created_at)}  {many}  {row.query}")
    if not rows:
        click.echo("Noch keine Ergebnislisten: archive-pipeline set create NAME --query ANFRAGE", err=True)


@set_.command()
@click.argument("name")
@click.option("--limit", type=click.IntRange(min=0), default=20, show_default=True, help="so viele Mitteilungen zeigen")
@as_json_option
@click.pass_obj
def show(settings: Settings, name: str, limit: int, as_json: bool) -> None:
    """Zeigt eine Ergebnisliste, wie man sie zitiert, und prüft sie gegen ihre Prüfsumme."""
    workspace = open_workspace(settings.folder)
    with workspace.reading() as db:
        row = find_set(db, name)
    wrong = verify_set(workspace.data, row)
    if wrong:
        raise FixityError(wrong, hint="die Datei aus der Sicherung zurückholen: archive-pipeline restore")
    _say(workspace, row, as_json=as_json, limit=limit)


@set_.command()
@click.argument("name")
@click.argument("other", required=False)
@as_json_option
@click.pass_obj
def diff(settings: Settings, name: str, other: str | None, as_json: bool) -> None:
    """Zeigt, was die Anfrage einer Liste heute anders findet, oder was eine andere Liste anders enthält."""
    workspace = open_workspace(settings.folder)
    found = set_difference(workspace, name, other, today=date.today())
    if as_json:
        click.echo(json.dumps({"schema": "apl/set-diff/1", "set": name, "other": other, **asdict(found)}))
        return
    for sign, ids, word in (
        ("+", found.added, "neu"),
        ("-", found.removed, "nicht mehr"),
        ("~", found.changed, "anderer Text"),
        ("#", found.retagged, "andere Schlagworte"),
    ):
        for one in ids:
            click.echo(f"{sign} d/{one}  {word}")
    if found.is_empty:
        click.echo("Kein Unterschied.")


@set_.command()
@click.argument("name")
@click.argument("format_name", metavar="FORMAT")
@click.option("-o", "--out", type=click.Path(path_type=Path), help="Datei oder, bei bagit, Ordner")
@click.option("--without-text", is_flag=True, help="ohne Texte, Zitate und Belegstellen")
@click.option(
    "--as",
    "standing",
    type=click.Choice(["reader", "login", "onsite", "archivist"]),
    default="login",
    show_default=True,
    help="nur, was diese Person lesen darf",
)
@click.option("--force", is_flag=True, help="überschreibt einen Export, der schon da ist")
@as_json_option
@click.pass_obj
def export(
    settings: Settings,
    name: str,
    format_name: str,
    out: Path | None,
    without_text: bool,
    standing: Standing,
    force: bool,
    as_json: bool,
) -> None:
    """Schreibt eine Liste mit den Texten von damals; FORMAT wie bei export."""
    if out is None and (format_name in FILE_FORMATS or as_json):
        raise click.UsageError("--out PFAD fehlt")
    workspace = open_workspace(settings.folder)
    with workspace.reading() as db:
        frozen = open_set(workspace.data, find_set(db, name).name)
    request = ExportRequest(
        format=format_name, result_set=frozen, standing=standing, with_text=not without_text, force=force
    )
    done = export_files(workspace, request, out) if out else export_to(workspace, request, sys.stdout)
    say_exported(settings, format_name, out, done, as_json=as_json)


def _row(workspace: Workspace, row: SetRow) -> dict[str, Any]:
    return {
        "schema": "apl/set/1",
        **asdict(row),
        "created_at": row.created_at.isoformat(),
        "citation": cite_set(workspace.config.archive.title, row),
    }


def _say(workspace: Workspace, row: SetRow, *, as_json: bool, limit: int = 0) -> None:
    if as_json:
        click.echo(json.dumps(_row(workspace, row), ensure_ascii=False))
        return
    click.echo(f"{row.name}: {counted(row.releases, 'Mitteilung', 'Mitteilungen')}")
    click.echo(f"Anfrage      {row.query}  (verstanden: {row.understood})")
    click.echo(f"Eingefroren  {german_moment(row.created_at)} von {row.created_by}")
    if row.note:
        click.echo(f"Notiz        {row.note}")
    click.echo(f"Prüfsumme    sha256 {row.sha256}")
    click.echo(f"Zitat        {cite_set(workspace.config.archive.title, row)}")
    if not limit:
        return
    members = list(islice(frozen_members(workspace.data, row.name), limit))
    with workspace.reading() as db:
        seen = visible_ids(db, [one.release_id for one in members], ARCHIVIST)
    for one in members:
        place = f"d/{one.release_id}@{one.version_id}.{one.derivation}"
        if one.release is None:
            click.echo(f"{one.rank}. (gelöscht, Fall {one.erased})  {place}")
            continue
        if one.release_id not in seen:
            click.echo(f"{one.rank}. (gesperrt, den Fall nennt show)  {place}")
            continue
        article = one.release.article
        click.echo(f"{one.rank}. {article.heading}  {german_date(article.published)}  {place}")
    if row.releases > limit:
        click.echo(f"… und {row.releases - limit} weitere")
