"""`demo`: the whole way, on the sample site, over real HTTP on this machine alone."""

import re
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import click

from archive_pipeline.cli.ingest import say_report
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.progress import reporter
from archive_pipeline.cli.search import say_facets, say_hits
from archive_pipeline.errors import ConfigError
from archive_pipeline.pipeline import run
from archive_pipeline.sample.server import serve_sample
from archive_pipeline.searching import open_search
from archive_pipeline.workspace import CONFIG_NAME, open_workspace

QUERIES = ("integration", "kreis:Lippe pflege", 'thema:housing "bezahlbarer wohnraum" OR wohnungsbau*')
"""Three searches: a word, a district with a word, a party with a phrase."""

FIRST_LINE = "# Archiv der Vorführung: archive-pipeline demo\n"

TEMPLATE = """
[archive]
title = "Vorführung"
request_interval = 0  # der Beispielserver läuft auf diesem Rechner
{sources}
"""

SOURCE = """
[[source]]
id = "{id}"
title = "{title}"
fetcher = "feed"
url = "{base}/feeds/{feed}"
allow_private = true  # nur weil der Server auf diesem Rechner läuft
interval = 0
"""

FEEDS = (
    ("kommunen", "Kreise, Städte und Gemeinden", "kommunen.xml"),
    ("parteien", "Parteien und Fraktionen", "parteien.xml"),
    ("verbaende", "Verbände und Vereine", "verbaende.atom"),
)


@click.command()
@click.argument("folder", metavar="[DIR]", type=click.Path(path_type=Path, file_okay=False), default=Path("demo"))
@click.pass_obj
def demo(settings: Settings, folder: Path) -> None:
    """Startet die Beispielseite, holt ihre Mitteilungen in das Archiv DIR (sonst demo/) und sucht darin.

    Ohne Internet: der Server läuft nur auf diesem Rechner. Ein zweiter Aufruf zeigt, dass nichts doppelt archiviert
    wird.
    """
    with _served(folder) as base:
        _write_config(folder, base)
        workspace = open_workspace(folder)
        click.echo(f"Beispielseite {base} · Archiv {folder}", err=True)
        with reporter(settings, as_json=False) as progress:
            report = run(workspace, list(workspace.config.sources), progress=progress)
    say_report(report)
    name = _command_name()
    today = date.today()
    with open_search(workspace) as search:
        everything = search.search("", today=today, limit=0)
        click.echo(f"\n{everything.total} Mitteilungen im Archiv")
        say_facets(everything, most=6)
        for query in QUERIES:
            click.echo(f"\n$ {name} -C {folder} search '{query}'")
            found = search.search(query, today=today, limit=3)
            say_hits(found)
        first = search.search(QUERIES[0], today=today, limit=1).hits[0].id
    click.echo("\nWeiter geht es mit:")
    click.echo(f"  {name} -C {folder} search 'kreis:Heinsberg ehrenamt'")
    click.echo(f"  {name} -C {folder} show d/{first} --why")
    click.echo(f"  {name} -C {folder} serve")


def _command_name() -> str:
    """How the person who sees this can call the command: by name, or by the way it was called now."""
    called = sys.argv[0]
    return "archive-pipeline" if Path(called).name == called or shutil.which("archive-pipeline") == called else called


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    port = _port_of(folder)
    try:
        with serve_sample(port) as base:
            yield base
    except OSError as error:
        raise ConfigError(
            f"Auf Anschluss {port} antwortet schon ein anderes Programm ({error.strerror})",
            hint="einen anderen Ordner nennen: archive-pipeline demo DIR",
        ) from error


def _port_of(folder: Path) -> int:
    """The port of an earlier demo in this folder, so that its addresses stay the same; 0 takes any."""
    path = folder / CONFIG_NAME
    if not path.exists():
        return 0
    text = path.read_text(encoding="utf-8")
    found = re.search(r"http://127\.0\.0\.1:(\d+)/", text)
    if not text.startswith(FIRST_LINE) or found is None:
        raise ConfigError(
            f"{folder} ist kein Archiv der Vorführung", hint="einen anderen Ordner nennen: archive-pipeline demo DIR"
        )
    return int(found.group(1))


def _write_config(folder: Path, base: str) -> None:
    path = folder / CONFIG_NAME
    if path.exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    sources = "".join(SOURCE.format(id=name, title=title, base=base, feed=feed) for name, title, feed in FEEDS)
    text = FIRST_LINE + TEMPLATE.format(sources=sources)
    path.write_text(text, encoding="utf-8")
