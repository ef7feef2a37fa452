"""`backup` and `restore`."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import counted, german_moment, german_number
from archive_pipeline.errors import ArchiveError, FixityError
from archive_pipeline.upkeep.backing_up import back_up
from archive_pipeline.upkeep.backup_files import newest_backup, verify_backup
from archive_pipeline.upkeep.restoring import Restored
from archive_pipeline.upkeep.restoring import restore as restore_backup
from archive_pipeline.workspace import CONFIG_NAME, open_workspace

SHOWN = 50


@click.command()
@click.argument("destination", metavar="ZIEL", type=click.Path(path_type=Path, file_okay=False))
@click.option("--verify", is_flag=True, help="nichts sichern, sondern die neueste Sicherung in ZIEL nachprüfen")
@click.option("--json", "as_json", is_flag=True, help="das Ergebnis als JSON-Zeile")
@click.pass_obj
def backup(settings: Settings, destination: Path, verify: bool, as_json: bool) -> None:
    """Sichert das Archiv in einen neuen Ordner unter ZIEL, auch während ein Lauf schreibt.

    Unveränderte WARC-Dateien werden mit der letzten Sicherung in ZIEL geteilt (harte Verweise). Der Index wird nicht
    gesichert, er lässt sich neu bauen; Kennwörter stehen in der Umgebung und kommen nie hinein. Exitcode 20: die
    Sicherung ist beschädigt.
    """
    if verify:
        _verify(settings, destination, as_json=as_json)
        return
    workspace = open_workspace(settings.folder)
    with _bar(settings, "Sicherung") as progress:
        done = back_up(workspace, destination, progress=progress)
    if as_json:
        line = {
            "schema": "apl/backup-summary/1",
            "type": "backup_summary",
            "folder": str(done.folder),
            "files": done.files,
            "bytes": done.bytes,
            "copied_files": done.copied_files,
            "copied_bytes": done.copied_bytes,
        }
        click.echo(json.dumps(line, ensure_ascii=False))
        return
    click.echo(
        f"{done.folder}: {counted(done.files, 'Datei', 'Dateien')}, {_size(done.bytes)}; "
        f"neu geschrieben {_size(done.copied_bytes)}"
    )
    click.echo(f"Nachprüfen: archive-pipeline backup --verify {destination}")


def _verify(settings: Settings, destination: Path, *, as_json: bool) -> None:
    found = _found(destination)
    with _bar(settings, "Prüfung") as progress:
        manifest, wrong = verify_backup(found, progress=progress)
    if as_json:
        line = {
            "schema": "apl/backup-verification/1",
            "type": "backup_verification",
            "folder": str(found),
            "files": len(manifest.files),
            "bytes": sum(entry.bytes for entry in manifest.files),
            "damaged": list(wrong),
        }
        click.echo(json.dumps(line, ensure_ascii=False))
    else:
        for message in wrong[:SHOWN]:
            click.echo(f"✖ {message}")
        size = _size(sum(entry.bytes for entry in manifest.files))
        state = f"{len(wrong)} beschädigt" if wrong else "unversehrt"
        click.echo(
            f"{found.name}, Stand {german_moment(manifest.created_at)}: "
            f"{counted(len(manifest.files), 'Datei', 'Dateien')}, {size}, {state}"
        )
    if wrong:
        raise FixityError(f"Die Sicherung {found.name} ist beschädigt", hint="neu sichern: archive-pipeline backup")


@click.command()
@click.argument("source", metavar="SICHERUNG", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), help="in diesen Archivordner")
@click.option("--json", "as_json", is_flag=True, help="das Ergebnis als JSON-Zeile")
@click.pass_obj
def restore(settings: Settings, source: Path, folder: Path | None, as_json: bool) -> None:
    """Stellt ein Archiv aus einer Sicherung wieder her (einem Ordner von backup, oder dem neuesten darin).

    Erst wird alles geprüft, dann in einem Schritt getauscht; was vorher da war, bleibt daneben liegen. Eine
    sources.toml, die schon da ist, bleibt. Exitcode 20: die Sicherung ist beschädigt, nichts wurde verändert.
    """
    target = folder or settings.folder
    data = open_workspace(target).data if (target / CONFIG_NAME).is_file() else None
    found = _found(source)
    with _bar(settings, "Prüfung") as progress:
        done = restore_backup(found, target, data, progress=progress)
    _say_missing(done)
    if as_json:
        line = {
            "schema": "apl/restore-summary/1",
            "type": "restore_summary",
            "data": str(done.data),
            "before": str(done.before) if done.before else None,
            "releases": done.releases,
            "backup": found.name,
            "missing_decisions": done.missing_decisions,
            "missing_cases": list(done.missing_cases),
        }
        click.echo(json.dumps(line, ensure_ascii=False))
        return
    releases = counted(done.releases, "Mitteilung", "Mitteilungen")
    click.echo(f"{releases} aus der Sicherung {found.name} wiederhergestellt in {done.data}")
    if done.before:
        click.echo(f"Was vorher da war, liegt in {done.before}")
    if done.config_beside:
        click.echo(f"{CONFIG_NAME} blieb, wie sie ist; die der Sicherung liegt in {done.config_beside}")
    click.echo("Den Index baut die nächste Suche, oder: archive-pipeline run")


def _say_missing(done: Restored) -> None:
    """What people decided since the backup is taken back with everything else, and somebody has to know."""
    if done.missing_decisions:
        what = counted(done.missing_decisions, "Entscheidung", "Entscheidungen")
        click.echo(
            f"Seit der Sicherung gefallen und nicht mehr gültig: {what} ({done.before}/decisions.jsonl)", err=True
        )
    if done.missing_cases:
        click.echo(
            f"Wieder zu sehen ist, was seither gesperrt oder gelöscht wurde: Fall {', '.join(done.missing_cases)}. "
            "Neu entscheiden: archive-pipeline takedown hide ID",
            err=True,
        )


def _found(place: Path) -> Path:
    found = newest_backup(place)
    if found is None:
        raise ArchiveError(
            f"In {place} liegt keine fertige Sicherung", hint="archive-pipeline backup ZIEL legt eine an"
        )
    return found


def _size(count: int) -> str:
    return f"{german_number(count / 1_000_000)} MB"


@contextmanager
def _bar(settings: Settings, word: str) -> Iterator[Callable[[int, int], None]]:
    if not settings.interactive:
        yield lambda done, total: None
        return
    columns = (TextColumn(word), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(word)
        yield lambda done, total: bar.update(task, completed=done, total=total)
