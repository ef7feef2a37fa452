"""`sources enable`, `disable`, `snooze`, `wake` and `move`: one source of sources.toml changed, comments kept."""

import json
import sys
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import click

from archive_pipeline.archive.database import write_tx
from archive_pipeline.archive.events import record_event
from archive_pipeline.archive.frontier import is_known
from archive_pipeline.archive.runs import source_status
from archive_pipeline.cli.looking import Looking, known_address, looking, sources_file
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import german_date
from archive_pipeline.discovering.survey import MAX_REQUESTS, MAX_SECONDS, web_addresses
from archive_pipeline.discovering.trying import discover_items
from archive_pipeline.errors import ArchivePipelineError, ConfigError, FetchError, NoArchiveError
from archive_pipeline.language.days import BERLIN
from archive_pipeline.model import Item, Source
from archive_pipeline.sources.editing import Setting
from archive_pipeline.workspace import SOFTWARE, Workspace, utc_now

__all__ = ["disable", "enable", "move", "snooze", "wake"]

MOST_ITEMS = 100
"""Items of the new address that are compared with the archive."""


@click.command(short_help="schaltet eine Quelle ein")
@click.argument("source_id", metavar="QUELLE")
@click.pass_obj
def enable(settings: Settings, source_id: str) -> None:
    """Schaltet eine Quelle ein: der nächste Lauf besucht sie wieder."""
    _switch(settings, source_id, on=True)


@click.command(short_help="schaltet eine Quelle ab")
@click.argument("source_id", metavar="QUELLE")
@click.pass_obj
def disable(settings: Settings, source_id: str) -> None:
    """Schaltet eine Quelle ab; was von ihr archiviert ist, bleibt."""
    _switch(settings, source_id, on=False)


def _switch(settings: Settings, source_id: str, *, on: bool) -> None:
    sources_file(settings).change(source_id, [Setting(key="enabled", value=on)])
    if not settings.quiet:
        click.echo(f'Quelle "{source_id}" ist {"eingeschaltet" if on else "abgeschaltet"}', err=True)


@click.command(short_help="stellt eine Quelle bis zu einem Tag ruhig")
@click.argument("source_id", metavar="QUELLE")
@click.option(
    "--until",
    required=True,
    metavar="DATUM",
    type=click.DateTime(["%Y-%m-%d", "%d.%m.%Y"]),
    help="letzter Tag der Ruhe: JJJJ-MM-TT oder TT.MM.JJJJ",
)
@click.option("--note", default="", help="warum, für die Nächsten")
@click.pass_obj
def snooze(settings: Settings, source_id: str, until: datetime, note: str) -> None:
    """Stellt eine Quelle ruhig: bis zu diesem Tag mahnt status ihren Zustand nicht an. Besucht wird sie weiter."""
    day = until.date()
    if day < utc_now().astimezone(BERLIN).date():
        raise click.UsageError(f"--until: der {german_date(day)} ist vorbei")
    value: dict[str, Any] = {"until": day, **({"note": note} if note else {})}
    sources_file(settings).change(source_id, [Setting(key="snooze", value=value)])
    if not settings.quiet:
        click.echo(f'Quelle "{source_id}" ruht bis {german_date(day)}', err=True)


@click.command(short_help="beendet die Ruhe einer Quelle")
@click.argument("source_id", metavar="QUELLE")
@click.pass_obj
def wake(settings: Settings, source_id: str) -> None:
    """Beendet die Ruhe einer Quelle vor der Zeit."""
    sources_file(settings).change(source_id, remove=["snooze"])
    if not settings.quiet:
        click.echo(f'Quelle "{source_id}" ruht nicht mehr', err=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What the new address offers, beside what the archive knows: `known` items under the same address, `moved` ones
    under the same path on the old host, `new` ones under neither. `problem` says why nothing could be listed."""

    known: int = 0
    moved: int = 0
    new: int = 0
    problem: str = ""

    @property
    def total(self) -> int:
        """The items looked at."""
        return self.known + self.moved + self.new


@click.command(short_help="gibt einer Quelle ihre neue Adresse")
@click.argument("source_id", metavar="QUELLE")
@click.argument("url")
@click.option("--yes", is_flag=True, help="auch dann ohne Rückfrage, wenn dort nichts Bekanntes steht")
@click.option("--dry-run", is_flag=True, help="nur vergleichen")
@click.option("--json", "as_json", is_flag=True, help="ein JSON-Objekt")
@click.pass_obj
def move(settings: Settings, source_id: str, url: str, yes: bool, dry_run: bool, as_json: bool) -> None:
    """Gibt einer Quelle ihre neue Adresse; Kennung und Geschichte bleiben.

    Vorher wird verglichen, was die neue Adresse bietet und was das Archiv schon kennt. Steht dort nichts Bekanntes,
    wird gefragt.
    """
    with looking(settings, max_requests=MAX_REQUESTS, seconds=MAX_SECONDS) as look:
        archive = look.archive
        old = archive.source(source_id)
        new_url = web_addresses(url)[0]
        _check_move(look, old, new_url)
        setting = Setting(key="url", value=new_url)
        moved = look.file.change(source_id, [setting], dry_run=True)
        workspace = Workspace(folder=settings.folder, config=archive, plugins=look.plugins)
        releases = _releases(workspace, source_id)
        comparison = _compare(workspace, old, moved, look)
        doubtful = bool(comparison.problem) or (releases > 0 and not comparison.known + comparison.moved)
        if not as_json:
            _show(old, new_url, comparison, releases)
        if not dry_run and doubtful and not yes:
            _ask(source_id)
        if not dry_run:
            _write(workspace, look, old, setting)
    if as_json:
        line = {
            "schema": "apl/source-moved/1",
            "type": "source_moved",
            "id": source_id,
            "from": old.url,
            "to": new_url,
            "known": comparison.known,
            "moved": comparison.moved,
            "new": comparison.new,
            "problem": comparison.problem or None,
            "written": not dry_run,
        }
        click.echo(json.dumps(line, ensure_ascii=False))
    elif not dry_run and not settings.quiet:
        click.echo(f'Eingetragen: Quelle "{source_id}" hat die Adresse {new_url}', err=True)


def _check_move(look: Looking, old: Source, new_url: str) -> None:
    if old.url is None:
        raise ConfigError(f'Die Quelle "{old.id}" hat keine Web-Adresse, sondern path', hint="path von Hand ändern")
    if old.url == new_url:
        raise ConfigError(f'Die Quelle "{old.id}" hat die Adresse {new_url} schon')
    other = known_address(look.archive, new_url)
    if other is not None and other.id != old.id:
        raise ConfigError(f'Die Adresse {new_url} hat schon die Quelle "{other.id}"')


def _releases(workspace: Workspace, source_id: str) -> int:
    """How many releases the archive has of a source; 0 where there is no archive yet."""
    try:
        with workspace.reading() as db:
            return next((one.releases for one in source_status(db) if one.source_id == source_id), 0)
    except NoArchiveError:
        return 0


def _compare(workspace: Workspace, old: Source, moved: Source, look: Looking) -> Comparison:
    """List what the source offers under its new address, and look every item up."""
    try:
        items, _ = discover_items(moved, look.session, look.plugins, MOST_ITEMS)
    except ArchivePipelineError as error:
        return Comparison(problem=error.message)
    try:
        with workspace.reading() as db:
            known = [item for item in items if is_known(db, old.id, item.key)]
            rest = [item for item in items if item not in known]
            same = [item for item in rest if any(is_known(db, old.id, key) for key in _old_keys(item, old))]
    except NoArchiveError:
        return Comparison(new=len(items))
    return Comparison(known=len(known), moved=len(same), new=len(rest) - len(same))


def _old_keys(item: Item, old: Source) -> list[str]:
    """The keys that an item of the same path had on the old host, however that was spelled."""
    there = urlsplit(item.key)
    host = urlsplit(old.url or "").netloc
    bare = host.removeprefix("www.")
    return [
        urlunsplit(there._replace(scheme=scheme, netloc=name))
        for scheme in ("https", "http")
        for name in (host, bare, f"www.{bare}")
    ]


def _show(old: Source, new_url: str, comparison: Comparison, releases: int) -> None:
    """What the comparison means for the archive."""
    click.echo(f"{old.id}: {old.url}\n  → {new_url}")
    if comparison.problem:
        click.echo(f"Unter der neuen Adresse lässt sich nichts auflisten: {comparison.problem}")
        return
    click.echo(f"Die neue Adresse bietet {comparison.total} Einträge:")
    click.echo(f"  {comparison.known:>4} kennt das Archiv unter derselben Adresse")
    click.echo(f"  {comparison.moved:>4} kennt es unter dem gleichen Pfad auf dem alten Server")
    click.echo(f"  {comparison.new:>4} kennt es nicht")
    if comparison.moved:
        click.echo(
            f"Der nächste Lauf erfasst die {comparison.moved} umgezogenen noch einmal. Wo Titel, Text und Datum\n"
            "gleich sind, wird die neue Adresse ein weiterer Fundort der alten Mitteilung, sonst eine neue."
        )
    if releases and not comparison.known + comparison.moved:
        click.echo(f"Keiner davon ist unter den {releases} Mitteilungen dieser Quelle: ist das die richtige Seite?")


def _ask(source_id: str) -> None:
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise FetchError(
            f'Die Adresse der Quelle "{source_id}" bleibt: unter der neuen steht nichts Bekanntes',
            hint="prüfen, dann mit --yes trotzdem eintragen",
        )
    click.confirm("Trotzdem eintragen?", abort=True, err=True)


def _write(workspace: Workspace, look: Looking, old: Source, setting: Setting) -> None:
    """Change the file; where there is an archive, while no run is going on, and with an event."""
    if not workspace.database_file.exists():
        look.file.change(old.id, [setting])
        return
    with workspace.writing("sources move") as db:
        look.file.change(old.id, [setting])
        with write_tx(db):
            record_event(
                db,
                "metadata modification",
                at=utc_now(),
                agent=SOFTWARE,
                subject=old.id,
                detail=f"url: {old.url} → {setting.value}",
            )
