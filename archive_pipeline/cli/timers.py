"""What starts `run --due` again and again: systemd units of the user, or lines of the user's crontab.

Both are written under a name made of the archive's folder, so that writing again replaces, removing finds them, and two
archives don't meet.
"""

import hashlib
import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from archive_pipeline.cli.wording import german_span
from archive_pipeline.errors import ArchivePipelineError, ConfigError
from archive_pipeline.sources.tables import slug

__all__ = ["CRONTAB", "Timer", "crontab_with", "crontab_without", "read_crontab", "timer_for", "units", "write_crontab"]

CRONTAB = "crontab"
NO_CRONTAB = re.compile(r"no crontab for|can't open .*No such file")
"""What `crontab -l` says where there is none: Debian's and cronie's, and BusyBox's words."""

LONGEST_DELAY = timedelta(minutes=2)

SERVICE = """\
# geschrieben von: archive-pipeline schedule install
[Unit]
Description=archive-pipeline: fällige Quellen ({name})

[Service]
Type=oneshot
ExecStart={command}
SuccessExitStatus=11 130
KillMode=mixed
Nice=10
"""
"""Exit code 11 is no failure (a run started by hand is at work, and the next time comes soon), nor is 130 (stopped).
The first signal goes to the run alone, which ends its own processes when it has saved what they were at."""

TIMER = """\
# geschrieben von: archive-pipeline schedule install
[Unit]
Description=archive-pipeline: fällige Quellen, alle {every} ({name})

[Timer]
OnCalendar={calendar}
Persistent=true
AccuracySec=1s
RandomizedDelaySec={delay}
FixedRandomDelay=true

[Install]
WantedBy=timers.target
"""
"""The delay is random for the machine and always the same for the timer, so that intervals are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """How often the archive in `folder` (absolute) is to be looked after, and the name of its units and lines."""

    name: str
    folder: Path
    every: timedelta

    @property
    def command(self) -> tuple[str, ...]:
        """The words of the command, every path absolute. `-P` keeps the folder it is started in off Python's path."""
        return (sys.executable, "-P", "-m", "archive_pipeline", "-C", str(self.folder), "run", "--due")

    @property
    def offset(self) -> int:
        """A number that is this timer's own: not every archive asks at the full hour."""
        return int.from_bytes(hashlib.sha256(str(self.folder).encode()).digest())


def timer_for(folder: Path, every: timedelta) -> Timer:
    """The timer of an archive. Raises ConfigError when `every` is no even part of an hour or a day, or the folder's
    path holds a line break."""
    minutes = every // timedelta(minutes=1)
    if not (60 % minutes == 0 if minutes < 60 else minutes % 60 == 0 and 1440 % minutes == 0):
        raise ConfigError(
            f"--every: ein Timer kann Stunde oder Tag nicht in Teile zu {german_span(every)} teilen",
            hint="möglich sind 1m 2m 3m 4m 5m 6m 10m 12m 15m 20m 30m 1h 2h 3h 4h 6h 8h 12h 1d",
        )
    path = folder.resolve()
    if not str(path).isprintable():
        raise ConfigError("Der Pfad des Archivs enthält Steuerzeichen", hint="den Ordner umbenennen")
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:6]
    return Timer(name=f"archive-pipeline-{slug(path.name)[:40] or 'archiv'}-{digest}", folder=path, every=every)


def units(timer: Timer) -> dict[str, str]:
    """The systemd units by file name."""
    minutes = timer.every // timedelta(minutes=1)
    hours = minutes // 60
    calendar = f"*:00/{minutes}" if minutes < 60 else f"00/{hours}:00" if hours < 24 else "*-*-* 03:00"
    command = " ".join(map(_systemd_word, timer.command))
    delay = int(min(timer.every / 5, LONGEST_DELAY).total_seconds())
    return {
        f"{timer.name}.service": SERVICE.format(name=_description(timer), command=f":{command}"),
        f"{timer.name}.timer": TIMER.format(
            name=_description(timer), every=german_span(timer.every), calendar=calendar, delay=delay
        ),
    }


def _systemd_word(word: str) -> str:
    """One word of an ExecStart line (systemd.syntax, quoting; systemd.unit, specifiers). The colon before the command
    keeps `$` as it is."""
    if re.fullmatch(r"[A-Za-z0-9/._-]+", word):
        return word
    return '"' + word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%") + '"'


def _description(timer: Timer) -> str:
    return str(timer.folder).replace("%", "%%")


def crontab_with(crontab: bytes, timer: Timer) -> bytes:
    """A crontab with the timer's block at the end, an older block of it taken out; all other lines stay as they are.

    Raises ConfigError when the command can't stand in a crontab, or an older block has no end.
    """
    lines = crontab_without(crontab, timer.name)
    if lines and not lines.endswith(b"\n"):
        lines += b"\n"
    begin, end = _marks(timer.name)
    return lines + b"\n".join([begin, _cron_line(timer).encode(), end, b""])


def crontab_without(crontab: bytes, name: str) -> bytes:
    """A crontab without the block of this name. Raises ConfigError when it has no end."""
    begin, end = _marks(name)
    kept: list[bytes] = []
    inside = False
    for line in crontab.splitlines(keepends=True):
        if line.strip() == begin:
            inside = True
        elif line.strip() == end:
            inside = False
        elif not inside:
            kept.append(line)
    if inside:
        raise ConfigError(
            f"In der crontab fehlt das Ende des Blocks {name}", hint="den Block entfernen: crontab -e; dann wiederholen"
        )
    return b"".join(kept)


def _marks(name: str) -> tuple[bytes, bytes]:
    return f"# BEGIN {name}".encode(), f"# END {name}".encode()


def _cron_line(timer: Timer) -> str:
    """One line of a crontab: quiet, so that cron sends mail when something failed, and only then. In a command cron
    makes a line break of `%` unless a backslash stands before it, and takes that and a doubled backslash away."""
    minutes = timer.every // timedelta(minutes=1)
    if minutes < 60:
        start = timer.offset % minutes
        when = f"{start}-59/{minutes} * * * *" if minutes > 1 else "* * * * *"
    elif minutes < 1440:
        when = f"{timer.offset % 60} */{minutes // 60} * * *"
    else:
        when = f"{timer.offset % 60} 3 * * *"
    words = list(timer.command)
    words.insert(words.index("-C"), "-q")
    command = shlex.join(words).replace("\\", "\\\\").replace("%", "\\%")
    return f"{when} {command} >/dev/null"


def read_crontab() -> bytes:
    """The user's crontab, empty where there is none. Raises ArchivePipelineError when it can't be read: what was not
    read must not be overwritten."""
    done = _crontab("-l")
    if done.returncode == 0:
        return done.stdout
    said = done.stderr.decode("utf-8", "replace").strip()
    if NO_CRONTAB.search(said):
        return b""
    raise ArchivePipelineError(f"crontab -l: {said or 'kein Grund genannt'}", hint="oder: schedule install --systemd")


def write_crontab(crontab: bytes) -> None:
    """Put a crontab in the place of the user's. Raises ArchivePipelineError when it is refused."""
    done = _crontab("-", crontab)
    if done.returncode:
        said = done.stderr.decode("utf-8", "replace").strip()
        raise ArchivePipelineError(f"crontab nimmt die Zeilen nicht an: {said}", hint="die alte crontab gilt weiter")


def _crontab(argument: str, given: bytes | None = None) -> "subprocess.CompletedProcess[bytes]":
    try:
        return subprocess.run(
            [CRONTAB, argument], input=given, capture_output=True, check=False, env={**os.environ, "LC_ALL": "C"}
        )
    except FileNotFoundError:
        raise ArchivePipelineError(
            "Der Befehl crontab fehlt", hint="cron installieren, oder: archive-pipeline schedule install --systemd"
        ) from None
