"""`plugins`: what is loaded, from where, and what is wrong with it."""

import json
import os
from pathlib import Path

import click

from archive_pipeline.cli.main import Settings
from archive_pipeline.plugin_manager import PluginRecord, check_plugin, load_plugins

STATES = {"ok": "geladen", "quarantined": "in Quarantäne", "blocked": "gesperrt"}
ORIGINS = {"built-in": "eingebaut", "entry-point": "installiert", "folder": "Ordner plugins/"}


@click.group()
def plugins() -> None:
    """Listet und prüft Plugins."""


@plugins.command("list")
@click.option("--json", "as_json", is_flag=True, help="eine JSON-Zeile je Plugin")
@click.pass_obj
def list_(settings: Settings, as_json: bool) -> None:
    """Alle Plugins: Herkunft, Version, Zustand und was sie beitragen."""
    for record in load_plugins(settings.folder / "plugins", os.environ).records:
        if as_json:
            click.echo(json.dumps(_as_json(record), ensure_ascii=False))
            continue
        click.echo(
            f"{record.name:<24} {record.version or '–':<10} {ORIGINS[record.origin]:<16} {STATES[record.status]}"
        )
        if record.hooks:
            click.echo(f"    {', '.join(record.hooks)}")
        if record.error:
            click.echo(f"    {record.error}")


@plugins.command()
@click.argument("path", type=click.Path(path_type=Path, exists=True))
@click.pass_obj
def check(settings: Settings, path: Path) -> None:
    """Lädt das Plugin unter PATH für sich allein und prüft, ob es seinen Vertrag erfüllt. Exitcode 5: nein."""
    record = check_plugin(path)
    click.echo(f"{record.name}: in Ordnung ({', '.join(record.hooks) or 'keine Hooks'})")


def _as_json(record: PluginRecord) -> dict[str, str | int | list[str] | None]:
    return {
        "name": record.name,
        "version": record.version,
        "origin": record.origin,
        "api_version": record.api_version,
        "status": record.status,
        "error": record.error,
        "hooks": list(record.hooks),
        "path": str(record.path) if record.path else None,
    }
