"""`--help` is fast because it imports next to nothing, and it lists every command."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.cli.main import COMMANDS

HEAVY = ("trafilatura", "whoosh", "httpx2", "pypdf", "lxml", "pydantic", "sqlite_utils", "rich", "feedparser", "docx")

PROBE = """
import json, sys
from archive_pipeline.cli.main import command_line
try:
    command_line.main(sys.argv[1:], prog_name="archive-pipeline")
except SystemExit:
    pass
print(json.dumps(sorted({name.partition(".")[0] for name in sys.modules})))
"""


def test_help_imports_nothing_heavy() -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "click" in loaded
    assert not loaded.intersection(HEAVY)


def test_help_lists_every_command(apl: Any) -> None:
    text = apl("--help").stdout
    for name in COMMANDS:
        assert f"  {name} " in text


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_explains_itself(apl: Any, name: str) -> None:
    text = apl(name, "--help").stdout
    assert f"archive-pipeline {name}" in text.replace("-c ", "archive-pipeline ") or name in text
    assert len(text) > 150


def test_the_version(apl: Any) -> None:
    assert apl("--version").stdout.startswith("archive-pipeline, version 0.1.0")


def test_an_unknown_command_is_answered_with_the_nearest(apl: Any) -> None:
    done = apl("serach", "x", code=2)
    assert "search" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("fehlt:zaehlen", "ist nicht zu laden: ModuleNotFoundError: No module named 'gibt_es_nicht'"),
        ("zahl:nichts", "ist nicht zu laden: AttributeError"),
        ("zahl:zaehlen", "ist kein Click-Befehl, sondern int"),
    ],
)
def test_a_command_that_a_plugin_spoilt_names_its_package(tmp_path: Path, target: str, said: str) -> None:
    (tmp_path / "fehlt.py").write_text("import gibt_es_nicht\n", encoding="utf-8")
    (tmp_path / "zahl.py").write_text("zaehlen = 3\n", encoding="utf-8")
    info = tmp_path / "zaehlen-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zaehlen\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[archive_pipeline.commands]\nzaehlen = {target}\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", "from archive_pipeline.cli.main import main; main()", "zaehlen"],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )
    assert done.returncode == 5
    assert done.stderr.startswith(f'Fehler: Der Befehl "zaehlen" des Pakets zaehlen {said}')


def test_a_plugin_adds_a_command(apl: Any, tmp_path: Path) -> None:
    """Through the entry-point group, listed by name and imported only when it is called."""
    (tmp_path / "zaehlen.py").write_text(
        'import click\n\n@click.command()\ndef zaehlen():\n    """Zählt."""\n    click.echo("eins zwei drei")\n',
        encoding="utf-8",
    )
    info = tmp_path / "zaehlen-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: zaehlen\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[archive_pipeline.commands]\nzaehlen = zaehlen:zaehlen\n", encoding="utf-8")
    program = [sys.executable, "-c", "from archive_pipeline.cli.main import main; main()"]
    environ = {**os.environ, "PYTHONPATH": str(tmp_path)}

    def output(*arguments: str) -> str:
        return subprocess.run(
            [*program, *arguments], capture_output=True, text=True, check=True, timeout=60, env=environ
        ).stdout

    assert "zaehlen" in output("--help")
    assert output("zaehlen") == "eins zwei drei\n"
