"""`schedule`: when which source is next, and what starts the runs."""

import json
import os
import shutil
import subprocess
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from archive_pipeline.cli.loop import repeat
from archive_pipeline.cli.main import Settings
from archive_pipeline.cli.timers import (
    Timer,
    crontab_with,
    crontab_without,
    read_crontab,
    timer_for,
    units,
    write_crontab,
)
from archive_pipeline.cli.wording import german_moment, german_span
from archive_pipeline.errors import NoArchiveError
from archive_pipeline.ingest.scheduling import PlannedVisit, plan_visits
from archive_pipeline.sources.schedule import parse_interval
from archive_pipeline.workspace import Workspace, open_workspace, utc_now

QUARTER = timedelta(minutes=15)


class Every(click.ParamType[timedelta]):
    """A time span such as `15m`."""

    name = "abstand"

    def convert(self, value: str | timedelta, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The span, or a usage error."""
        every = value if isinstance(value, timedelta) else parse_interval(value)
        if every is None:
            self.fail(f'{value!r} ist kein Abstand wie "15m", "1h" oder "1d"', param, ctx)
        return every


@click.group()
def schedule() -> None:
    """Zeigt die nächsten Termine und richtet ein, was die Läufe startet.

    Wann eine Quelle dran ist, sagt ihr schedule in sources.toml: ein Abstand ("6h") oder eine Cron-Zeile
    ("30 6,18 * * mon-fri", Ortszeit Berlin). run --due besucht die fälligen; ein Timer ruft es oft genug auf.
    """


@schedule.command("next")
@click.option("--json", "as_json", is_flag=True, help="eine JSON-Zeile je Quelle")
@click.pass_obj
def next_(settings: Settings, as_json: bool) -> None:
    """Der nächste Termin jeder eingeschalteten Quelle, der früheste zuerst."""
    workspace = open_workspace(settings.folder)
    planned = _planned(workspace, utc_now())
    without = [source.id for source in workspace.config.sources if source.enabled and source.schedule is None]
    for visit in planned:
        if as_json:
            click.echo(json.dumps(_as_json(visit), ensure_ascii=False))
            continue
        when = "jetzt fällig" if visit.is_due else german_moment(visit.next_at)
        last = f"überfällig, zuletzt {german_moment(visit.last_at)}" if visit.is_overdue else ""
        click.echo(f"{when:<16}  {visit.source.id:<28}  {visit.source.schedule}  {last}".rstrip())
    if not as_json and without:
        click.echo(f"Ohne Zeitplan, nur von Hand: {', '.join(without)}")
    if not planned:
        click.echo('Keine Quelle hat einen Zeitplan: in sources.toml schedule = "6h" setzen', err=True)


def _planned(workspace: Workspace, now: datetime) -> list[PlannedVisit]:
    try:
        with workspace.reading() as db:
            return plan_visits(workspace.config, db, now)
    except NoArchiveError:
        return plan_visits(workspace.config, None, now)


def _as_json(visit: PlannedVisit) -> dict[str, str | bool | None]:
    return {
        "id": visit.source.id,
        "schedule": visit.source.schedule,
        "last_run_at": visit.last_at.isoformat() if visit.last_at else None,
        "next_run_at": visit.next_at.isoformat(),
        "due": visit.is_due,
        "overdue": visit.is_overdue,
    }


@schedule.command()
@click.option("--systemd", "kind", flag_value="systemd", help="als Timer des Benutzers")
@click.option("--cron", "kind", flag_value="cron", help="als Zeile in der crontab des Benutzers")
@click.option("--every", type=Every(), default=QUARTER, metavar="15m", help="wie oft nach Fälligem gesehen wird")
@click.option("--dry-run", "--print", "dry_run", is_flag=True, help="zeigt nur, was geschrieben würde")
@click.pass_obj
def install(settings: Settings, kind: str | None, every: timedelta, dry_run: bool) -> None:
    """Schreibt einen systemd-Timer oder eine Zeile in die crontab, die run --due aufruft.

    Noch einmal aufgerufen, ersetzt es das Geschriebene. Alle anderen Timer und Zeilen bleiben, wie sie sind.
    """
    if kind is None:
        raise click.UsageError("eines von beiden angeben: --systemd oder --cron")
    timer = timer_for(open_workspace(settings.folder).folder, every)
    if kind == "systemd":
        _install_units(timer, dry_run)
    else:
        _install_cron(timer, dry_run)
    _warn_of_environment(kind)


def _install_units(timer: Timer, dry_run: bool) -> None:
    folder = _unit_folder()
    for name, text in units(timer).items():
        if dry_run:
            click.echo(f"# {folder / name}\n{text}")
            continue
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
        click.echo(f"Geschrieben: {folder / name}")
    if dry_run:
        return
    click.echo("Einschalten, und auch ohne Anmeldung laufen lassen:")
    click.echo("  systemctl --user daemon-reload")
    click.echo(f"  systemctl --user enable --now {timer.name}.timer")
    click.echo("  loginctl enable-linger")
    click.echo(f"Zusehen: journalctl --user -u {timer.name}")


def _install_cron(timer: Timer, dry_run: bool) -> None:
    crontab = crontab_with(read_crontab(), timer)
    if dry_run:
        click.echo(crontab, nl=False)
        return
    write_crontab(crontab)
    click.echo(f"Eingetragen in die crontab: Block {timer.name}")
    click.echo("Cron schickt Mail, wenn etwas fehlschlug; wohin, sagt MAILTO=… am Anfang der crontab.")
    click.echo("Ansehen: crontab -l")


def _warn_of_environment(kind: str) -> None:
    """Settings from this shell's environment don't hold where a timer starts the run."""
    own = {"ARCHIVE_PIPELINE_DIR", "ARCHIVE_PIPELINE_QUIET"}
    lost = sorted(name for name in os.environ if name.startswith("ARCHIVE_PIPELINE_") and name not in own)
    if lost:
        where = "~/.config/environment.d/archive-pipeline.conf" if kind == "systemd" else "den Anfang der crontab"
        click.echo(
            f"Achtung: {', '.join(lost)} gilt nur in dieser Shell. Für den Timer in {where} schreiben.", err=True
        )


@schedule.command()
@click.pass_obj
def remove(settings: Settings) -> None:
    """Nimmt Timer und crontab-Zeile dieses Archivs wieder weg. Andere bleiben."""
    timer = timer_for(settings.folder, QUARTER)
    removed = _remove_units(timer)
    removed = _remove_cron(timer) or removed
    if not removed:
        click.echo(f"Nichts da: weder ein Timer noch ein Block in der crontab heißt {timer.name}")


def _remove_units(timer: Timer) -> bool:
    folder = _unit_folder()
    found = [folder / name for name in units(timer) if (folder / name).exists()]
    if not found:
        return False
    _systemctl("disable", "--now", f"{timer.name}.timer")
    (folder / "timers.target.wants" / f"{timer.name}.timer").unlink(missing_ok=True)
    for path in found:
        path.unlink()
        click.echo(f"Entfernt: {path}")
    _systemctl("daemon-reload")
    return True


def _systemctl(*words: str) -> None:
    """Tell the user's systemd; without one that answers, a person has to."""
    command = ["systemctl", "--user", *words]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = done.stderr.strip() if done.returncode else ""
    except FileNotFoundError:
        said = "systemctl fehlt"
    if said:
        click.echo(f"{' '.join(command)}: {said} – von Hand nachholen, wenn der Timer noch läuft", err=True)


def _remove_cron(timer: Timer) -> bool:
    if shutil.which("crontab") is None:
        return False
    before = read_crontab()
    after = crontab_without(before, timer.name)
    if after == before:
        return False
    write_crontab(after)
    click.echo(f"Entfernt aus der crontab: Block {timer.name}")
    return True


def _unit_folder() -> Path:
    """The folder of the user's own units (systemd.unit, unit file load path)."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"


@schedule.command()
@click.option("--every", type=Every(), default=timedelta(minutes=5), metavar="5m", help="wie oft nachgesehen wird")
@click.pass_obj
def loop(settings: Settings, every: timedelta) -> None:
    """Ruft run --due immer wieder auf, für Container. Jeder Lauf sagt eine Zeile.

    SIGTERM und Ctrl-C beenden es, sobald gesichert ist, was gerade geholt wird; ein zweites Mal sofort.
    """
    folder = open_workspace(settings.folder).folder
    command = timer_for(folder, every=QUARTER).command
    click.echo(f"{german_moment(utc_now())}  run --due, alle {german_span(every)}, für {folder.resolve()}")
    repeat([*command, "--json"], every, _say_run)


def _say_run(code: int, output: str) -> None:
    """One line about a run, none when nothing was due."""
    summary = _summary(output)
    if summary is None:
        text = "unterbrochen, der Stand ist gesichert" if code == 130 else "kein Lauf"
    elif summary["run"] is None:
        return
    else:
        text = f"{summary['new']} neu, {summary['changed']} geändert, {summary['unchanged']} unverändert"
        if summary["failed_sources"]:
            text += f" · fehlgeschlagen: {', '.join(summary['failed_sources'])}"
        text += f" · {summary['run']}"
    click.echo(f"{german_moment(utc_now())}  Exitcode {code} · {text}")


def _summary(output: str) -> dict[str, Any] | None:
    """The last line of `run --json`; None when the run did not get that far."""
    try:
        line = json.loads(output.splitlines()[-1])
    except (IndexError, ValueError):
        return None
    return line if isinstance(line, dict) and line.get("type") == "run_summary" else None
