"""`plugins`: what is loaded, from where, and what is wrong with it; and the tools of those who write one."""

import json
import os
from pathlib import Path
from typing import get_args

import click

from archive_pipeline.cli.main import Settings
from archive_pipeline.developing.check import CheckResult, check_plugin
from archive_pipeline.developing.recording import Recorded, plugin_folder, record_source, update_fixture
from archive_pipeline.developing.scaffolding import KINDS, Kind, new_plugin
from archive_pipeline.plugin_manager import PluginManager, PluginRecord, load_plugins
from archive_pipeline.workspace import open_workspace

STATES = {"ok": "geladen", "quarantined": "in Quarantäne", "blocked": "gesperrt"}
ORIGINS = {"built-in": "eingebaut", "entry-point": "installiert", "folder": "Ordner plugins/"}
RESULTS = {"ok": "in Ordnung", "failed": "FEHLER", "untested": "ungeprüft"}

PERSONAL_DATA = (
    "Die Aufzeichnung enthält ganze Seiten: Namen, Telefonnummern und Mail-Adressen von Menschen, Texte und Bilder mit "
    "Rechten anderer, und die Kontaktadresse dieses Archivs. Vor dem Weitergeben ansehen."
)


@click.group()
def plugins() -> None:
    """Listet, prüft und beginnt Plugins."""


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="eine JSON-Zeile je Plugin")
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """Alle Plugins: Herkunft, Version, Zustand und was sie beitragen."""
    manager = load_plugins(settings.folder / "plugins", os.environ)
    for record in manager.records:
        if as_json:
            click.echo(json.dumps(_as_json(record), ensure_ascii=False))
            continue
        click.echo(
            f"{record.name:<24} {record.version or '–':<10} {ORIGINS[record.origin]:<16} {STATES[record.status]}"
        )
        for name, values in (("Hooks", record.hooks), ("Presets", record.presets), ("Hosts", record.hosts)):
            if values:
                click.echo(f"    {name}: {', '.join(values)}")
        for line in (record.error or "").splitlines():
            click.echo(f"    {line}")
    for warning in manager.warnings:
        click.echo(warning, err=True)


@plugins.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.pass_context
def check(ctx: click.Context, path: Path) -> None:
    """Lädt das Plugin unter PATH und prüft, ob alles, was es mitbringt, seinen Vertrag erfüllt. Exitcode 5: nein."""
    record, results = check_plugin(path)
    click.echo(f"{record.name}: geladen ({_contents(record)})")
    for result in results:
        _say(result)
    failed = sum(result.state == "failed" for result in results)
    click.echo(f"{record.name}: {f'{failed} von {len(results)} Teilen mit Fehlern' if failed else 'in Ordnung'}")
    ctx.exit(5 if failed else 0)


@plugins.command()
@click.argument("name")
@click.option(
    "--kind", type=click.Choice(get_args(Kind)), default=KINDS[0], help="was es wird; source: eine rules.toml"
)
@click.option("--dir", "folder", type=click.Path(path_type=Path, file_okay=False), help="Ordner (sonst plugins/)")
@click.pass_obj
def new(settings: Settings, name: str, kind: Kind, folder: Path | None) -> None:
    """Schreibt ein Plugin, das schon läuft, mit Beispielseite und Test, als Anfang für ein eigenes."""
    manager = load_plugins(settings.folder / "plugins", os.environ)
    made = new_plugin(name, kind, folder or settings.folder / "plugins", taken=_taken(manager))
    for file in made.files:
        click.echo(f"geschrieben: {file}")
    click.echo(
        f"Als nächstes:\n  python -m pytest {made.folder}\n  archive-pipeline plugins check {made.folder}\n"
        f"  {_first_step(made.name, kind, made.folder)}"
    )


@plugins.command()
@click.argument("source_id", metavar="QUELLE")
@click.option("--limit", type=click.IntRange(1, 50), default=2, show_default=True, help="so viele Mitteilungen")
@click.option("--plugin", "plugin", help="Plugin, dem die Aufzeichnung gehört (sonst das des Fetchers)")
@click.option(
    "--update", is_flag=True, help="nur das Erwartete neu schreiben; die Seiten bleiben, nichts wird abgerufen"
)
@click.pass_obj
def record(settings: Settings, source_id: str, limit: int, plugin: str | None, update: bool) -> None:
    """Zeichnet Liste und Mitteilungen einer Quelle auf, damit Tests sie ohne Netz wieder abspielen."""
    workspace = open_workspace(settings.folder)
    source = workspace.config.source(source_id)
    folder = plugin_folder(workspace, source, plugin)
    if update:
        recorded, changed = update_fixture(folder, source_id)
        click.echo(f"{recorded.path}: {'neu geschrieben' if changed else 'unverändert'}")
        return
    recorded = record_source(workspace, source, folder, limit)
    _say_recorded(recorded)
    click.echo(PERSONAL_DATA, err=True)


def _say(result: CheckResult) -> None:
    counts = f" ({result.passed} Prüfungen)" if result.passed else ""
    click.echo(f"  {RESULTS[result.state]:<10} {result.subject}{counts}")
    for test, reason in result.failures:
        click.echo(f"    {test}: {reason}")
    if result.note:
        click.echo(f"    {result.note}")


def _say_recorded(recorded: Recorded) -> None:
    click.echo(f"geschrieben: {recorded.path} ({recorded.items} Einträge, {len(recorded.articles)} Mitteilungen)")
    for missing in recorded.missing:
        click.echo(f"fehlt: {missing}", err=True)


def _contents(record: PluginRecord) -> str:
    parts = [*record.hooks, *(f"Preset {name}" for name in record.presets), *(f"Host {host}" for host in record.hosts)]
    return ", ".join(parts) or "Regeln für Seiten"


def _taken(manager: PluginManager) -> frozenset[str]:
    registries = (manager.fetchers, manager.cleaners, manager.classifiers, manager.vocabularies)
    named = (entry.name for registry in registries for entry in registry)
    return frozenset({record.name for record in manager.records}.union(named))


def _first_step(name: str, kind: Kind, folder: Path) -> str:
    """What to do once the test passes."""
    if kind in ("source", "fetcher"):
        return f'in sources.toml eine Quelle mit fetcher = "{name}" anlegen, dann: archive-pipeline sources test ID'
    option = " --diff" if kind == "cleaner" else ""
    return f"archive-pipeline try DATEI{option} zeigt, was {name} bewirkt; der Text dazu: {folder / 'README.md'}"


def _as_json(record: PluginRecord) -> dict[str, str | int | list[str] | None]:
    return {
        "name": record.name,
        "version": record.version,
        "origin": record.origin,
        "api_version": record.api_version,
        "status": record.status,
        "error": record.error,
        "kind": record.kind,
        "hooks": list(record.hooks),
        "presets": list(record.presets),
        "hosts": list(record.hosts),
        "path": str(record.path) if record.path else None,
    }
