"""`schedule install` and `remove`: units and crontab lines, in a home with a crontab and a systemctl of its own."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

ODD = 'Mein Archiv 100% d\'Eau "x" $HOME \\n ü'

CRONTAB = """#!/bin/sh
case "$1" in
-l) if [ -f "$HOME/crontab" ]; then cat "$HOME/crontab"; else echo "no crontab for tester" >&2; exit 1; fi ;;
-) cat > "$HOME/new"
   if [ -s "$HOME/new" ] && [ -n "$(tail -c 1 "$HOME/new")" ]; then
     echo "new crontab file is missing newline before EOF, can't install." >&2; exit 1
   fi
   mv "$HOME/new" "$HOME/crontab" ;;
*) exit 2 ;;
esac
"""

SYSTEMCTL = """#!/bin/sh
echo "$*" >> "$HOME/systemctl.log"
"""


class Machine:
    """A home with a crontab and a systemctl; gives commands for an archive with an odd name."""

    def __init__(self, home: Path, apl: Any) -> None:
        self.home = home
        self.apl = apl
        self.folder = home / ODD
        (home / "bin").mkdir(parents=True)
        self.program("crontab", CRONTAB)
        self.program("systemctl", SYSTEMCTL)
        (self.folder / "eingang").mkdir(parents=True)
        (self.folder / "sources.toml").write_text(
            '[[source]]\nid = "eingang"\nfetcher = "folder"\npath = "eingang"\nschedule = "6h"\n', encoding="utf-8"
        )

    def program(self, name: str, script: str) -> None:
        path = self.home / "bin" / name
        path.write_text(script, encoding="utf-8")
        path.chmod(0o755)

    def __call__(self, *arguments: str, code: int = 0, **environ: str) -> "subprocess.CompletedProcess[str]":
        done: subprocess.CompletedProcess[str] = self.apl(
            *("-C", self.folder, "schedule", *arguments),
            code=code,
            HOME=str(self.home),
            PATH=f"{self.home / 'bin'}:/usr/bin:/bin",
            XDG_CONFIG_HOME="",
            **environ,
        )
        return done

    @property
    def crontab(self) -> bytes:
        path = self.home / "crontab"
        return path.read_bytes() if path.exists() else b""

    @property
    def units(self) -> dict[str, str]:
        folder = self.home / ".config" / "systemd" / "user"
        return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.*"))}


@pytest.fixture
def machine(tmp_path: Path, apl: Any) -> Machine:
    return Machine(tmp_path / "heim", apl)


def cron_command(line: str) -> str:
    """What cron hands to the shell: the line behind its five fields, `\\%` and `\\\\` without their backslash
    (crontab(5), "the sixth field"; a bare `%` would end the command)."""
    text, command, escaped = line.split(None, 5)[5], "", False
    for letter in text:
        if escaped:
            command += letter if letter in "%\\" else f"\\{letter}"
            escaped = False
        elif letter == "\\":
            escaped = True
        else:
            assert letter != "%"
            command += letter
    return command


def test_the_line_in_the_crontab_runs_what_is_due(machine: Machine) -> None:
    machine("install", "--cron")
    [line] = [line for line in machine.crontab.decode().splitlines() if not line.startswith("#")]
    assert line.split()[0].endswith("-59/15")
    (machine.folder / "eingang" / "a.txt").write_text("Kreis Heinsberg. " * 30, encoding="utf-8")
    with (machine.folder / "sources.toml").open("a", encoding="utf-8") as file:
        file.write('\n[[source]]\nid = "weg"\nfetcher = "folder"\npath = "weg"\nschedule = "6h"\n')
    done = subprocess.run(["/bin/sh", "-c", cron_command(line)], capture_output=True, cwd="/", check=False)
    assert (done.returncode, done.stdout) == (3, b"")
    mail = done.stderr.decode()
    assert "✖ weg" in mail
    assert "eingang" not in mail, "only what failed is worth a mail"
    healths = machine.apl.json("-C", machine.folder, "status", "--json", code=3)["sources"]
    assert [source["health"] for source in healths] == ["ok", "failing"]


def test_all_other_lines_of_the_crontab_stay(machine: Machine) -> None:
    before = (
        b"MAILTO=archiv@example.org\n# gr\xfc\xdfe\n\n5 4 * * * backup 100\\%\n"
        b"# BEGIN archive-pipeline-anderes-123456\nx\n# END archive-pipeline-anderes-123456\n"
    )
    (machine.home / "crontab").write_bytes(before)
    machine("install", "--cron")
    once = machine.crontab
    assert once.startswith(before)
    machine("install", "--cron")
    assert machine.crontab == once
    machine("install", "--cron", "--every", "1h")
    assert machine.crontab.startswith(before)
    assert machine.crontab.count(b"# BEGIN") == 2
    assert b" */1 * * * " in machine.crontab
    assert "Entfernt" in machine("remove").stdout
    assert machine.crontab == before
    assert "Nichts da" in machine("remove").stdout


def test_a_last_line_without_end_stays_a_line(machine: Machine) -> None:
    (machine.home / "crontab").write_bytes(b"5 4 * * * backup")
    machine("install", "--cron")
    assert machine.crontab.startswith(b"5 4 * * * backup\n# BEGIN")


def test_a_crontab_that_cannot_be_read_is_not_overwritten(machine: Machine) -> None:
    machine.program(
        "crontab", '#!/bin/sh\n[ "$1" = - ] && touch "$HOME/overwritten"\necho "Permission denied" >&2\nexit 1\n'
    )
    assert "Permission denied" in machine("install", "--cron", code=1).stderr
    assert not (machine.home / "overwritten").exists()
    (machine.home / "bin" / "crontab").unlink()
    done = machine.apl(*("-C", machine.folder, "schedule", "install", "--cron"), code=1, PATH=str(machine.home / "bin"))
    assert "crontab fehlt" in done.stderr


def test_a_block_without_its_end_is_left_to_a_person(machine: Machine) -> None:
    machine("install", "--cron")
    broken = b"\n".join(line for line in machine.crontab.splitlines() if not line.startswith(b"# END")) + b"\nmine\n"
    (machine.home / "crontab").write_bytes(broken)
    for command in (["install", "--cron"], ["remove"]):
        assert "fehlt das Ende" in machine(*command, code=4).stderr
        assert machine.crontab == broken


def test_units_are_written_and_say_how_to_switch_them_on(machine: Machine) -> None:
    done = machine("install", "--systemd")
    service, timer = machine.units
    assert (service.removesuffix(".service"), timer) == (timer.removesuffix(".timer"), timer)
    assert f"systemctl --user enable --now {timer}" in done.stdout
    assert "loginctl enable-linger" in done.stdout
    [line] = [line for line in machine.units[service].splitlines() if line.startswith("ExecStart=")]
    words = [word.replace("%%", "%") for word in shlex.split(line.removeprefix("ExecStart=:"))]
    assert words[words.index("-C") + 1] == str(machine.folder)
    assert words[-2:] == ["run", "--due"]
    assert Path(words[0]).is_absolute()
    for wanted in ("OnCalendar=*:00/15", "Persistent=true", "RandomizedDelaySec=120", "WantedBy=timers.target"):
        assert wanted in machine.units[timer]
    written = machine.units
    machine("install", "--systemd")
    assert machine.units == written


@pytest.mark.parametrize(
    ("every", "calendar"), [("5m", "*:00/5"), ("1h", "00/1:00"), ("6h", "00/6:00"), ("1d", "*-*-* 03:00")]
)
def test_systemd_accepts_the_units(machine: Machine, every: str, calendar: str) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not here: whether systemd accepts the units was NOT tested")
    machine("install", "--systemd", "--every", every)
    assert f"OnCalendar={calendar}\n" in next(text for name, text in machine.units.items() if name.endswith(".timer"))
    folder = machine.home / ".config" / "systemd" / "user"
    with TemporaryDirectory() as run:  # addresses of sockets there have 108 bytes
        done = subprocess.run(
            [analyze, "--user", "verify", *map(str, sorted(folder.glob("*.*")))],
            env={"HOME": str(machine.home), "XDG_RUNTIME_DIR": run, "PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (done.returncode, done.stderr) == (0, "")
    subprocess.run([analyze, "calendar", calendar], check=True, capture_output=True)


def test_remove_stops_the_timer_and_deletes_its_units(machine: Machine) -> None:
    machine("install", "--systemd")
    [name] = [name for name in machine.units if name.endswith(".timer")]
    folder = machine.home / ".config" / "systemd" / "user"
    (folder / "other.timer").write_text("[Timer]\n", encoding="utf-8")
    machine("remove")
    assert list(machine.units) == ["other.timer"]
    calls = (machine.home / "systemctl.log").read_text().splitlines()
    assert calls == [f"--user disable --now {name}", "--user daemon-reload"]


def test_remove_says_when_systemd_does_not_answer(machine: Machine) -> None:
    machine("install", "--systemd")
    machine.program("systemctl", "#!/bin/sh\necho 'Failed to connect to bus' >&2\nexit 1\n")
    done = machine("remove")
    assert "Failed to connect to bus" in done.stderr
    assert machine.units == {}


def test_dry_run_writes_nothing(machine: Machine) -> None:
    (machine.home / "crontab").write_bytes(b"5 4 * * * backup\n")
    shown = machine("install", "--cron", "--dry-run").stdout
    assert shown.startswith("5 4 * * * backup\n# BEGIN archive-pipeline-")
    assert machine.crontab == b"5 4 * * * backup\n"
    assert "OnCalendar=" in machine("install", "--systemd", "--print").stdout
    assert machine.units == {}


def test_what_cannot_be_installed(machine: Machine, apl: Any, tmp_path: Path) -> None:
    assert "--systemd oder --cron" in machine("install", code=2).stderr
    assert "kein Abstand" in machine("install", "--cron", "--every", "oft", code=2).stderr
    for every in ("7m", "45m", "90m", "5h", "2d"):
        assert "möglich sind 1m" in machine("install", "--cron", "--every", every, code=4).stderr
    apl("-C", tmp_path / "leer", "schedule", "install", "--cron", code=10)
    assert machine.crontab == b""


def test_settings_of_this_shell_are_named_and_not_written(machine: Machine) -> None:
    for kind in ("--cron", "--systemd"):
        done = machine("install", kind, ARCHIVE_PIPELINE_SECRET_IMAP="geheim")
        assert "ARCHIVE_PIPELINE_SECRET_IMAP gilt nur in dieser Shell" in done.stderr
        assert "geheim" not in done.stdout + done.stderr + machine.crontab.decode() + str(machine.units)


def test_two_archives_of_one_name_do_not_meet(machine: Machine, apl: Any, make_archive: Callable[..., Path]) -> None:
    machine("install", "--cron")
    other = make_archive({}, name=f"anderswo/{ODD}")
    apl(
        *("-C", other, "schedule", "install", "--cron"),
        HOME=str(machine.home),
        PATH=f"{machine.home / 'bin'}:/usr/bin:/bin",
    )
    assert machine.crontab.count(b"# BEGIN") == 2
    machine("remove")
    assert str(other).replace("%", "\\%").partition("'")[0].encode() in machine.crontab
    assert machine.crontab.count(b"# BEGIN") == 1
