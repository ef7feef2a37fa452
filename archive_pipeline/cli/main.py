"""`archive-pipeline`: the table of commands. Nothing heavy is imported until a command is called."""

import importlib
import io
import json
import os
import sqlite3
import sys
import traceback
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, cast

import click

from archive_pipeline.errors import ArchivePipelineError, ConfigError, PluginContractError, PluginLoadError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["Settings", "command_line", "main"]

COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("archive_pipeline.cli.init:init", "legt einen Archivordner mit kommentierter sources.toml an"),
    "run": ("archive_pipeline.cli.ingest:run", "holt Neues aus den Quellen, reinigt, verschlagwortet, archiviert"),
    "import": ("archive_pipeline.cli.ingest:import_", "nimmt alle Dateien eines Ordners in das Archiv auf"),
    "try": ("archive_pipeline.cli.try_:try_", "zeigt, was aus einem Dokument würde; speichert nichts"),
    "search": ("archive_pipeline.cli.search:search", "sucht im Volltext"),
    "explain": ("archive_pipeline.cli.explain:explain", "zeigt, wie eine Suchanfrage verstanden wird"),
    "timeline": ("archive_pipeline.cli.timeline:timeline", "zählt Treffer über die Zeit und je Partei, Kreis, Thema"),
    "saved": ("archive_pipeline.cli.saved:saved", "listet gespeicherte Suchen und zeigt, was in ihnen neu ist"),
    "show": ("archive_pipeline.cli.show:show", "zeigt eine Mitteilung; --why begründet ihre Schlagworte"),
    "topics": ("archive_pipeline.cli.topics:topics", "lernt Themen aus Entscheidungen, prüft und wählt Modelle"),
    "diff": ("archive_pipeline.cli.diff:diff", "zeigt Wort für Wort, was sich zwischen zwei Fassungen geändert hat"),
    "reuse": ("archive_pipeline.cli.reuse:reuse", "zeigt, was Mitteilungen voneinander übernommen haben"),
    "dedupe": ("archive_pipeline.cli.dedupe:dedupe", "berichtet gleiche und fast gleiche Mitteilungen; löscht nichts"),
    "tag": ("archive_pipeline.cli.tag:tag", "setzt oder entfernt Schlagworte von Hand"),
    "review": ("archive_pipeline.cli.review:review", "zeigt, was ein Mensch ansehen sollte; nimmt sein Urteil auf"),
    "sample": ("archive_pipeline.cli.sample:sample", "zieht eine Zufallsstichprobe und schreibt einen Kodierbogen"),
    "agreement": ("archive_pipeline.cli.sample:agreement", "vergleicht Kodierbögen untereinander und mit den Regeln"),
    "export": ("archive_pipeline.cli.export:export", "schreibt Mitteilungen, Zitate, Bags und WARC, mit Manifest"),
    "set": ("archive_pipeline.cli.set:set_", "friert Ergebnisse ein, vergleicht und zitiert sie"),
    "serve": ("archive_pipeline.cli.serve:serve", "zeigt das Archiv im Browser: suchen, lesen, prüfen"),
    "vocab": ("archive_pipeline.cli.vocab:vocab", "zeigt, prüft und ergänzt Kreise, Parteien, Organisationen, Themen"),
    "sources": ("archive_pipeline.cli.sources:sources", "listet und prüft die Quellen"),
    "plugins": ("archive_pipeline.cli.plugins:plugins", "listet, prüft und beginnt Plugins"),
    "status": ("archive_pipeline.cli.status:status", "zeigt Umfang, letzten Lauf und Zustand der Quellen"),
    "doctor": ("archive_pipeline.cli.doctor:doctor", "prüft Umgebung, Archiv, WARC-Dateien und Index"),
    "schedule": ("archive_pipeline.cli.schedule:schedule", "zeigt die nächsten Termine, richtet Timer ein"),
    "runs": ("archive_pipeline.cli.runs:runs", "zeigt Läufe, Fehler und Anfragen; holt Fehlgeschlagenes noch einmal"),
    "reprocess": ("archive_pipeline.cli.reprocess:reprocess", "reinigt und verschlagwortet das Archiv neu, ohne Netz"),
    "rebuild": ("archive_pipeline.cli.rebuild:rebuild", "baut Datenbank und Index aus WARC und decisions.jsonl"),
    "index": ("archive_pipeline.cli.index:index", "prüft, erneuert und wechselt den Suchindex"),
    "audit": ("archive_pipeline.cli.audit:audit", "prüft alles gegen die Prüfsummen von der Erfassung"),
    "backup": ("archive_pipeline.cli.backup:backup", "sichert das Archiv, auch während ein Lauf schreibt"),
    "takedown": ("archive_pipeline.cli.takedown:takedown", "sperrt und löscht Mitteilungen, mit Fall und Begründung"),
    "access": ("archive_pipeline.cli.rights:access", "legt fest, wer eine Mitteilung sieht"),
    "suppress": ("archive_pipeline.cli.rights:suppress", "nimmt den Namen einer Person aus Suche und Anzeige"),
    "note": ("archive_pipeline.cli.rights:note", "fügt einer Mitteilung eine Gegendarstellung oder Berichtigung bei"),
    "retention": ("archive_pipeline.cli.rights:retention", "nennt, was nach den Fristen der Quellen fällig ist"),
    "restore": ("archive_pipeline.cli.backup:restore", "stellt ein Archiv aus einer geprüften Sicherung wieder her"),
    "users": ("archive_pipeline.cli.users:users", "verwaltet Konten und Token für Webseiten und API"),
    "demo": ("archive_pipeline.cli.demo:demo", "zeigt den ganzen Weg an der mitgelieferten Beispielseite"),
}
"""Every command: where it lives, and its line in `--help`. Commands of plugins come from the entry-point group
`archive_pipeline.commands`."""

COMMAND_GROUP = "archive_pipeline.commands"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The global options: the archive's folder, how much to say, and whether colours and bars are welcome."""

    folder: Path
    quiet: bool = False
    verbose: int = 0

    @property
    def interactive(self) -> bool:
        """Whether a person watches: progress bars and tables are for terminals only."""
        return sys.stderr.isatty() and not self.quiet


def _plugin_commands() -> "tuple[EntryPoint, ...]":
    """Commands of installed plugins. importlib.metadata takes as long to import as Click itself, so it is asked only
    when some distribution mentions the group."""
    lists = (file for folder in sys.path for file in Path(folder or ".").glob("*.dist-info/entry_points.txt"))
    if not any(COMMAND_GROUP in file.read_text(encoding="utf-8", errors="replace") for file in lists):
        return ()
    metadata = importlib.import_module("importlib.metadata")
    return tuple(metadata.entry_points(group=COMMAND_GROUP))


def _plugin_command(point: "EntryPoint") -> click.Command:
    """A plugin's command, imported now. Raises PluginLoadError, and PluginContractError when it is no command."""
    package = point.dist.name if point.dist else point.module
    who, hint = f'Der Befehl "{point.name}" des Pakets {package}', "das Paket neu installieren oder entfernen"
    try:
        command = point.load()
    except (Exception, SystemExit) as error:
        raise PluginLoadError(f"{who} ist nicht zu laden: {type(error).__name__}: {error}", hint=hint) from error
    if not isinstance(command, click.Command):
        raise PluginContractError(f"{who} ist kein Click-Befehl, sondern {type(command).__name__}", hint=hint)
    return command


def _say_version(ctx: click.Context, option: click.Parameter, wanted: bool) -> None:
    if wanted:
        version = importlib.import_module("importlib.metadata").version("archive-pipeline")
        click.echo(f"archive-pipeline, version {version}")
        ctx.exit()


class CommandTable(click.Group):
    """A group that imports a command when it is called, and lists it without importing it."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Own commands in the order of a document's journey, then those of plugins."""
        plugins = {point.name for point in _plugin_commands()} - COMMANDS.keys()
        return [*COMMANDS, *sorted(plugins)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself, imported now."""
        if cmd_name in COMMANDS:
            module, _, name = COMMANDS[cmd_name][0].partition(":")
            return cast(click.Command, getattr(importlib.import_module(module), name))
        for point in _plugin_commands():
            if point.name == cmd_name:
                return _plugin_command(point)
        return None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As Click does it, but an unknown command is answered with the nearest names."""
        known = self.list_commands(ctx)
        if args and args[0] not in known:
            near = get_close_matches(args[0], known, n=2)
            meant = f" – meinten Sie {' oder '.join(near)}?" if near else ""
            ctx.fail(f"Den Befehl {args[0]!r} gibt es nicht{meant}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, from the table alone."""
        rows = [(name, COMMANDS[name][1] if name in COMMANDS else "(Plugin)") for name in self.list_commands(ctx)]
        with formatter.section("Befehle"):
            formatter.write_dl(rows)


@click.group(cls=CommandTable, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "-C",
    "--archive",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    envvar="ARCHIVE_PIPELINE_DIR",
    help="Archivordner mit sources.toml (sonst ARCHIVE_PIPELINE_DIR, sonst der aktuelle Ordner)",
)
@click.option(
    "-q",
    "--quiet",
    is_flag=True,
    envvar="ARCHIVE_PIPELINE_QUIET",
    help="nur Ergebnisse und Fehler (ebenso ARCHIVE_PIPELINE_QUIET=1)",
)
@click.option("-v", "--verbose", count=True, help="mehr Meldungen; -vv zeigt Tracebacks")
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_say_version, help="die Version")
@click.pass_context
def command_line(ctx: click.Context, folder: Path, quiet: bool, verbose: int) -> None:
    """Pressemitteilungen sammeln, reinigen, verschlagworten, archivieren und durchsuchen.

    Erste Schritte: archive-pipeline demo
    """
    ctx.obj = Settings(folder=folder, quiet=quiet, verbose=verbose)
    if verbose >= 2:
        sys.excepthook = sys.__excepthook__


def main() -> None:
    """Entry point: runs the command line and turns errors into one or two lines and an exit code."""
    sys.excepthook = _say_unexpected
    _prepare_stdout()
    try:
        code = command_line.main(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        click.echo("Abgebrochen; der Stand ist gesichert.", err=True)
        sys.exit(130)
    except BrokenPipeError:
        _drop_stdout()
        sys.exit(0)
    except ArchivePipelineError as error:
        _say(error)
        sys.exit(error.exit_code)
    except OSError as error:
        _drop_stdout()
        where = f": {os.fsdecode(error.filename)}" if isinstance(error.filename, str | bytes) else ""
        hint = "Pfad, Rechte und freien Platz prüfen: archive-pipeline doctor"
        _say(ArchivePipelineError(f"{error.strerror or error}{where}", hint=hint), error)
        sys.exit(1)
    except sqlite3.Error as error:
        hint = "archive-pipeline doctor prüft; archive-pipeline rebuild baut die Datenbank neu auf"
        _say(ArchivePipelineError(f"Die Datenbank antwortet nicht: {error}", hint=hint), error)
        sys.exit(1)
    sys.exit(code if isinstance(code, int) else 0)


def _prepare_stdout() -> None:
    """Output fails neither for a character its encoding lacks nor where there is none (`>&-`)."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - open until the process ends
    elif isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # an escape that JSON knows too


def _drop_stdout() -> None:
    """What could not be written must not be tried again when the process ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _say(error: ArchivePipelineError, cause: Exception | None = None) -> None:
    if "-vv" in sys.argv:
        traceback.print_exception(cause or error)
    if isinstance(error, ConfigError):
        for problem in error.problems:
            click.echo(str(problem), err=True)
    click.echo(f"Fehler: {error.message}", err=True)
    if error.hint:
        click.echo(f"Abhilfe: {error.hint}", err=True)
    if "--json" in sys.argv:
        line = {
            "schema": "apl/error/1",
            "type": "exit_error",
            "code": error.exit_code,
            "message": error.message,
            "hint": error.hint,
        }
        click.echo(json.dumps(line, ensure_ascii=False), err=True)


def _say_unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What nobody foresaw: one line for people; the traceback is there for those who ask."""
    if issubclass(kind, KeyboardInterrupt):
        click.echo("Abgebrochen; der Stand ist gesichert.", err=True)
        sys.exit(130)
    where = traceback.extract_tb(trace)[-1]
    click.echo(
        f"Unerwarteter Fehler ({kind.__name__}): {error}\n"
        f"Stelle: {Path(where.filename).name}:{where.lineno}. Abhilfe: denselben Befehl mit -vv wiederholen "
        "(archive-pipeline -vv …) und die Ausgabe melden.",
        err=True,
    )
