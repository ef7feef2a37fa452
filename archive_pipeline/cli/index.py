"""`index`: the search index checked, built anew, and given to another engine."""

import json
from contextlib import suppress
from dataclasses import dataclass

import click

from archive_pipeline.archive.reading import last_seq
from archive_pipeline.cli.looking import sources_file
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.wording import counted, german_number
from archive_pipeline.errors import ConfigError, IndexingError
from archive_pipeline.index.fixity import damaged_files
from archive_pipeline.indexing import release_count, unfindable
from archive_pipeline.sources.editing import Setting
from archive_pipeline.workspace import Workspace, open_workspace

__all__ = ["MANY_RELEASES", "SLOW_ENGINE", "advice", "index"]

SLOW_ENGINE = "whoosh"
FAST_ENGINE = "tantivy"
MANY_RELEASES = 100_000
"""From here on the fast engine pays: docs/benchmarks.md, "Search"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexState:
    """What a look at the index found; `problems` are sentences for people."""

    engine: str
    releases: int
    indexed: int | None = None
    behind: int | None = None
    probed: int = 0
    bytes: int = 0
    problems: tuple[str, ...] = ()


def advice(engine: str, releases: int) -> str | None:
    """The recommendation to change engines for a large archive, or None."""
    if engine != SLOW_ENGINE or releases < MANY_RELEASES:
        return None
    return (
        f"Ab 100.000 Mitteilungen lohnt sich {FAST_ENGINE}: {SLOW_ENGINE} wird mit jeder weiteren langsamer (gemessen "
        "bei 100.000: 0,3 Sekunden Rechenzeit für die erste Suche eines Befehls, bis 0,2 für eine Wortfolge, nach der "
        "noch niemand gefragt hat). "
        f"pip install 'archive-pipeline[{FAST_ENGINE}]', dann archive-pipeline index switch {FAST_ENGINE}"
    )


@click.group(short_help="prüft, erneuert und wechselt den Suchindex")
def index() -> None:
    """Der Suchindex: jederzeit aus dem Archiv neu zu bauen, auch während gesucht wird."""


@index.command(short_help="zeigt Engine, Umfang und Stand")
@click.option("--json", "as_json", is_flag=True, help="als JSON-Zeile")
@click.pass_obj
def status(settings: Settings, as_json: bool) -> None:
    """Zeigt Engine, Umfang und Stand des Index; rät zu einer schnelleren Engine, wenn sie sich lohnt."""
    workspace = open_workspace(settings.folder)
    state = _look(workspace)
    if as_json:
        _say_json("index_status", state)
    else:
        _say(state)


@index.command(short_help="prüft Dateien, Zahl und Stichprobe")
@click.option("--sample", type=click.IntRange(0), default=50, show_default=True, help="Mitteilungen der Stichprobe")
@click.option("--json", "as_json", is_flag=True, help="als JSON-Zeile")
@click.pass_context
def verify(ctx: click.Context, sample: int, as_json: bool) -> None:
    """Prüft die Dateien gegen ihre Prüfsummen, Zahl und Stand gegen das Archiv und sucht eine Stichprobe von
    Mitteilungen mit ihren eigenen Wörtern.

    Exitcode 13: der Index ist beschädigt oder unvollständig. `index rebuild` baut ihn neu.
    """
    settings: Settings = ctx.obj
    state = _look(open_workspace(settings.folder), sample=sample, read_files=True)
    if as_json:
        _say_json("index_verification", state)
    else:
        _say(state)
        if not state.problems and state.behind:
            click.echo("✔ Dateien unversehrt; Zahl und Stichprobe sind erst zu prüfen, wenn der Index aktuell ist")
        elif not state.problems:
            click.echo(f"✔ unversehrt; {counted(state.probed, 'Mitteilung', 'Mitteilungen')} der Stichprobe gefunden")
    if state.problems:
        ctx.exit(IndexingError.exit_code)


@index.command(short_help="baut den Index neu")
@click.pass_obj
def rebuild(settings: Settings) -> None:
    """Baut den Index neben dem alten neu und tauscht dann. Gesucht werden kann die ganze Zeit; ein unterbrochener
    Neuaufbau wird fortgesetzt."""
    workspace = open_workspace(settings.folder)
    with workspace.writing("index rebuild") as db:
        done = workspace.rebuild_index(db)
    click.echo(f"{counted(done, 'Mitteilung', 'Mitteilungen')} in den Index ({workspace.config.archive.engine}) gelegt")


@index.command(short_help="baut den Index kompakt neu")
@click.pass_obj
def optimize(settings: Settings) -> None:
    """Baut den Index ohne die Reste ersetzter Mitteilungen neu, daneben und mit einem Tausch am Ende."""
    workspace = open_workspace(settings.folder)
    before = _bytes(workspace)
    with workspace.writing("index optimize") as db:
        workspace.rebuild_index(db)
    click.echo(f"Index: {_megabytes(before)} vorher, {_megabytes(_bytes(workspace))} jetzt")


@index.command(short_help="wechselt die Engine")
@click.argument("engine")
@click.pass_obj
def switch(settings: Settings, engine: str) -> None:
    """Baut den Index mit einer anderen ENGINE, prüft ihn und trägt sie dann in sources.toml ein.

    Bis dahin sucht das Archiv mit der alten; schlägt etwas fehl, bleibt es dabei.
    """
    workspace = open_workspace(settings.folder)
    old = workspace.config.archive.engine
    if engine not in workspace.plugins.index_engines:
        known = ", ".join(sorted(entry.name for entry in workspace.plugins.index_engines))
        raise ConfigError(f"Eine Engine {engine!r} gibt es nicht", hint=f"eine von: {known}")
    if engine == old:
        click.echo(f"Das Archiv sucht schon mit {engine}")
        return
    new = workspace.with_engine(engine)
    with workspace.writing("index switch") as db:
        done = new.rebuild_index(db)
        state = _look(new, sample=50, read_files=True)
        if state.problems:
            new.remove_index()
            raise IndexingError(
                f"Der neue Index ist nicht in Ordnung: {state.problems[0]}", hint="wiederholen; es bleibt beim alten"
            )
        sources_file(settings).change_archive(Setting(key="engine", value=engine))
        workspace.remove_index()
    click.echo(f'{counted(done, "Mitteilung", "Mitteilungen")}; sources.toml sagt jetzt: engine = "{engine}"')


def _look(workspace: Workspace, *, sample: int = 0, read_files: bool = False) -> IndexState:
    engine, folder = workspace.config.archive.engine, workspace.index_folder
    problems: list[str] = []
    lost: tuple[str, ...] = ()
    indexed = behind = None
    if read_files and folder.is_dir():
        with suppress(FileNotFoundError):  # a commit took a file away: then the files are others
            names = damaged_files(folder)
            problems += [f"{name} hat nicht mehr den Inhalt, der geschrieben wurde" for name in names]
    try:
        # the index first: what is written meanwhile makes it late, never ahead
        with workspace.index() as opened, workspace.reading() as db:
            releases, indexed, behind = release_count(db), opened.count(), last_seq(db) - opened.seq()
            if behind < 0:
                problems.append("Der Index kennt Änderungen, die das Archiv nicht hat: die Datenbank ist älter")
            if behind == 0 and indexed != releases:
                problems.append(f"Der Index hat {indexed} Mitteilungen, das Archiv {releases}")
            if behind == 0 and not problems:
                lost = unfindable(db, opened, sample=sample)
    except IndexingError as error:
        problems.append(error.message)
        with workspace.reading() as db:
            releases = release_count(db)
    problems += [f"{key} wird mit den eigenen Wörtern nicht gefunden" for key in lost]
    return IndexState(
        engine=engine,
        releases=releases,
        indexed=indexed,
        behind=behind,
        probed=min(sample, releases) if behind == 0 else 0,
        bytes=_bytes(workspace),
        problems=tuple(problems),
    )


def _say(state: IndexState) -> None:
    click.echo(f"Engine         {state.engine}")
    if state.indexed is not None:
        click.echo(f"Umfang         {counted(state.indexed, 'Mitteilung', 'Mitteilungen')} · {_megabytes(state.bytes)}")
        click.echo(f"Stand          {_lag(state.behind or 0)}")
    for problem in state.problems:
        click.echo(f"✖ {problem}")
    if state.problems:
        click.echo("→ archive-pipeline index rebuild")
    if advised := advice(state.engine, state.releases):
        click.echo(f"→ {advised}")


def _lag(behind: int) -> str:
    if behind < 0:
        return "weiter als das Archiv; die nächste Suche baut ihn neu"
    late = f"{counted(behind, 'Änderung', 'Änderungen')} zurück; die nächste Suche holt sie nach"
    return late if behind else "aktuell"


def _say_json(kind: str, state: IndexState) -> None:
    line = {
        "schema": "apl/index/1",
        "type": kind,
        "engine": state.engine,
        "releases": state.releases,
        "indexed": state.indexed,
        "behind": state.behind,
        "bytes": state.bytes,
        "probed": state.probed,
        "problems": list(state.problems),
        "advice": advice(state.engine, state.releases),
    }
    click.echo(json.dumps(line, ensure_ascii=False))


def _bytes(workspace: Workspace) -> int:
    size = 0
    for path in workspace.index_folder.rglob("*"):
        with suppress(FileNotFoundError):  # a commit took it away
            size += path.stat().st_size if path.is_file() else 0
    return size


def _megabytes(size: int) -> str:
    return f"{german_number(size / 1_000_000)} MB"
