"""`audit`: is everything as it was written?"""

import json

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import counted, german_number
from archive_pipeline.errors import FixityError
from archive_pipeline.upkeep.auditing import Audited
from archive_pipeline.upkeep.auditing import audit as audit_archive
from archive_pipeline.workspace import open_workspace

SHOWN = 50
"""Findings told on a terminal; `--json` and the event log have them all."""


class Subset(click.ParamType[int]):
    """A share written `1/30`, as the number 30."""

    name = "1/N"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """The number below the line."""
        one, _, number = value.partition("/")
        if one != "1" or not number.isdigit() or not 1 <= int(number) <= 10_000:
            self.fail(f"{value!r} ist kein Anteil wie 1/30", param, ctx)
        return int(number)


@click.command()
@click.option("--all", "whole", is_flag=True, help="alles prüfen (das ist auch ohne Angabe so)")
@click.option("--subset", type=Subset(), help="nur den nächsten Teil prüfen, etwa 1/30 jede Nacht")
@click.option("--json", "as_json", is_flag=True, help="das Ergebnis als JSON-Zeile")
@click.pass_obj
def audit(settings: Settings, whole: bool, subset: int | None, as_json: bool) -> None:
    """Liest jeden WARC-Satz und vergleicht ihn mit der Prüfsumme von der Erfassung, dazu Datenbank, Ableitungen,
    Entscheidungen, CDXJ und Index.

    Geht auch, während ein Lauf schreibt. Exitcode 20: etwas ist nicht, wie es geschrieben wurde.
    """
    if whole and subset is not None:
        raise click.UsageError("entweder --all oder --subset")
    workspace = open_workspace(settings.folder)
    if settings.interactive and not as_json:
        with Progress(
            TextColumn("Prüfung"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        ) as bar:
            task = bar.add_task("Prüfung")
            result = audit_archive(
                workspace, subset=subset, progress=lambda done, total: bar.update(task, completed=done, total=total)
            )
    else:
        result = audit_archive(workspace, subset=subset)
    _say(result, as_json=as_json)
    if result.findings:
        raise FixityError(
            f"{counted(len(result.findings), 'Abweichung', 'Abweichungen')}: nicht alles ist, wie es geschrieben wurde",
            hint="Dateien aus einer Sicherung holen: archive-pipeline restore; ist nur die Datenbank betroffen: "
            "archive-pipeline rebuild",
        )


def _say(result: Audited, *, as_json: bool) -> None:
    if as_json:
        line = {
            "schema": "apl/audit/1",
            "type": "audit_summary",
            "scope": result.scope,
            "complete": result.complete,
            "records": result.records,
            "bytes": result.bytes,
            "findings": [{"object": found.subject, "message": found.message} for found in result.findings],
        }
        click.echo(json.dumps(line, ensure_ascii=False))
        return
    for found in result.findings[:SHOWN]:
        click.echo(f"✖ {found.message}")
    if len(result.findings) > SHOWN:
        click.echo(f"… und {len(result.findings) - SHOWN} weitere: audit --json nennt alle")
    size = german_number(result.bytes / 1_000_000)
    rest = " Damit ist alles einmal geprüft." if result.complete and result.scope != "all" else ""
    verdict = "Abweichungen gefunden" if result.findings else "alles, wie es geschrieben wurde"
    click.echo(f"{counted(result.records, 'Satz', 'Sätze')}, {size} MB geprüft ({result.scope}): {verdict}.{rest}")
