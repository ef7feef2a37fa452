"""`export`: releases in a format, with a manifest that proves them."""

import json
import sys
from pathlib import Path

import click

from archive_pipeline.archive.result_sets import find_set, open_set
from archive_pipeline.archive.visibility import Standing
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import counted
from archive_pipeline.errors import FixityError
from archive_pipeline.exchange.export_job import ExportRequest
from archive_pipeline.exchange.exporting import FILE_FORMATS, Exported, export_to, verify_export
from archive_pipeline.exchange.exporting import export as export_files
from archive_pipeline.workspace import open_workspace


@click.command()
@click.argument("format_name", metavar="FORMAT", required=False)
@click.option("-o", "--out", "--output", type=click.Path(path_type=Path), help="Datei oder, bei bagit, Ordner")
@click.option("--query", help="nur, was diese Anfrage findet")
@click.option("--set", "set_name", help="nur diese Ergebnisliste, mit den Texten von damals")
@click.option(
    "--ids",
    "ids_file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="nur die Kennungen in dieser Datei, eine je Zeile",
)
@click.option("--without-text", is_flag=True, help="ohne Texte, Zitate und Belegstellen")
@click.option("--without-captures", is_flag=True, help="jsonl ohne das, was import zum Wiederherstellen braucht")
@click.option(
    "--as",
    "standing",
    type=click.Choice(["reader", "login", "onsite", "archivist"]),
    default="login",
    show_default=True,
    help="nur, was diese Person lesen darf; archivist: auch Verschlossenes und unter Sperrfrist",
)
@click.option("--withheld", is_flag=True, help="auch, was ein Fall gesperrt hat")
@click.option("--force", is_flag=True, help="überschreibt einen Export, der schon da ist")
@click.option(
    "--verify", "to_verify", type=click.Path(path_type=Path, exists=True), help="prüft einen Export, statt zu schreiben"
)
@click.option("--json", "as_json", is_flag=True, help="die Zusammenfassung als JSON-Zeile")
@click.pass_context
def export(
    ctx: click.Context,
    format_name: str | None,
    out: Path | None,
    query: str | None,
    set_name: str | None,
    ids_file: Path | None,
    without_text: bool,
    without_captures: bool,
    standing: Standing,
    withheld: bool,
    force: bool,
    to_verify: Path | None,
    as_json: bool,
) -> None:
    """Schreibt Mitteilungen aus dem Archiv, alle oder ausgewählte.

    FORMAT: jsonl, csv, parquet, bibtex, ris, csl-json, bagit, warc, cdxj oder das eines Plugins. Mit --out gehört ein
    Manifest dazu (Anfrage, Zahlen, Prüfsummen, Versionen); ohne geht der Text auf die Standardausgabe.
    """
    if to_verify is not None:
        _verify(to_verify, as_json=as_json)
        return
    if format_name is None:
        raise click.UsageError("Ein FORMAT fehlt, oder --verify PFAD")
    if sum(one is not None for one in (query, set_name, ids_file)) > 1:
        raise click.UsageError("--query, --set und --ids schließen einander aus")
    if out is None and format_name in FILE_FORMATS:
        raise click.UsageError(f"{format_name} braucht --out PFAD")
    if out is None and as_json:
        raise click.UsageError("--json braucht --out PFAD: auf der Standardausgabe steht der Export selbst")
    settings: Settings = ctx.obj
    workspace = open_workspace(settings.folder)
    frozen = None
    if set_name is not None:
        with workspace.reading() as db:
            frozen = open_set(workspace.data, find_set(db, set_name).name)
    request = ExportRequest(
        format=format_name,
        query=query,
        result_set=frozen,
        ids=_ids(ids_file) if ids_file else None,
        standing=standing,
        withheld=withheld,
        with_text=not without_text,
        with_captures=not without_captures,
        force=force,
    )
    done = export_files(workspace, request, out) if out else export_to(workspace, request, sys.stdout)
    say_exported(settings, format_name, out, done, as_json=as_json)


def say_exported(settings: Settings, format_name: str, out: Path | None, done: Exported, *, as_json: bool) -> None:
    """What was exported, and what was not."""
    if as_json:
        line = {
            "schema": "apl/export-summary/1",
            "type": "export_summary",
            "format": format_name,
            "path": str(out),
            "manifest": str(done.manifest),
            "releases": done.releases,
            "left_out": done.left_out,
            "unknown": done.unknown,
        }
        click.echo(json.dumps(line, ensure_ascii=False))
        return
    if done.left_out:
        what = counted(done.left_out, "Mitteilung", "Mitteilungen")
        click.echo(f"{what} weggelassen: gesperrt, verschlossen oder unter Sperrfrist (--as, --withheld)", err=True)
    if done.unknown:
        click.echo(f"{counted(done.unknown, 'Kennung ist', 'Kennungen sind')} nicht im Archiv", err=True)
    if not settings.quiet:
        where = f" nach {out}" if out else ""
        click.echo(f"{counted(done.releases, 'Mitteilung', 'Mitteilungen')} als {format_name}{where}", err=True)


def _ids(file: Path) -> tuple[str, ...]:
    """Ids as `search` and permalinks show them: `d/` before and `@version` behind are no part of one."""
    with click.open_file(str(file), encoding="utf-8-sig") as lines:
        names = [line.strip().removeprefix("d/").partition("@")[0] for line in lines]
    return tuple(name for name in names if name)


def _verify(path: Path, *, as_json: bool) -> None:
    manifest, wrong = verify_export(path)
    if as_json:
        line = {"schema": "apl/export-verify/1", "type": "export_verify", "path": str(path), "wrong": wrong}
        click.echo(json.dumps(line, ensure_ascii=False))
    for problem in wrong:
        click.echo(problem, err=True)
    if wrong:
        raise FixityError(f"{path} ist beschädigt ({len(wrong)})", hint="den Export neu schreiben oder neu holen")
    if not as_json:
        many = f": {counted(manifest.releases, 'Mitteilung', 'Mitteilungen')}" if manifest else ""
        click.echo(f"{path} ist unversehrt{many}")
