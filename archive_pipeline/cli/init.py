"""`init`: a new archive folder."""

from pathlib import Path

import click

from archive_pipeline.cli.main import Settings
from archive_pipeline.errors import ConfigError
from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.sources import new_sources_toml
from archive_pipeline.workspace import CONFIG_NAME


@click.command()
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False), required=False)
@click.option("--engine", default="whoosh", show_default=True, help="Suchmaschine des Archivs")
@click.option("--sample", is_flag=True, help="die mitgelieferten Beispielmitteilungen als Quelle eintragen")
@click.pass_obj
def init(settings: Settings, folder: Path | None, engine: str, sample: bool) -> None:
    """Legt in DIR (sonst -C, sonst hier) ein Archiv an: eine kommentierte sources.toml. Überschreibt nichts."""
    target = folder or settings.folder
    load_plugins(target / "plugins", {}).index_engines.entry(engine)
    path = target / CONFIG_NAME
    if path.exists():
        raise ConfigError(
            f"{path} gibt es schon", hint=f"bearbeiten, dann prüfen: archive-pipeline -C {target} sources check"
        )
    target.mkdir(parents=True, exist_ok=True)
    path.write_text(new_sources_toml(engine=engine, sample=sample), encoding="utf-8")
    if not settings.quiet:
        click.echo(f"Angelegt: {path}", err=True)
        step = "run" if sample else "import ORDNER"
        click.echo(f"Weiter: archive-pipeline -C {target} {step}", err=True)
