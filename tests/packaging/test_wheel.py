"""What users install: the built wheel, alone, in a folder where no checkout is.

The wheel is built from a copy of what belongs to it, and installed into a new virtual environment. That environment
sees the packages this project depends on through a .pth file that names our own site-packages. A .pth file there is not
read in its turn, so our editable installation stays invisible but for its metadata, which the wheel's own precede.
"""

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
FIRST_PARTY = sorted(path.name for path in (ROOT / "plugins").iterdir() if (path / "fixtures").is_dir())
SHIPPED = ("archive_pipeline", "plugins", "pyproject.toml", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("build")
    for name in SHIPPED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / "project" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, folder / "project")
    pip = [sys.executable, "-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps"]
    subprocess.run([*pip, "-w", folder, folder / "project"], check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


class Installation:
    """A virtual environment with the wheel in it, used from a folder of its own."""

    def __init__(self, folder: Path, wheel: Path) -> None:
        self.prefix = folder / "environment"
        self.folder = folder / "elsewhere"
        self.folder.mkdir()
        venv.create(self.prefix, with_pip=False, symlinks=True)
        packages = sysconfig.get_path("purelib", vars={"base": str(self.prefix)})
        python = self.prefix / "bin" / "python"
        subprocess.run(
            [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--no-index", wheel],
            check=True,
            capture_output=True,
        )
        (Path(packages) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
        self.environ = {"PATH": os.defpath, "HOME": str(folder), "LANG": "C.UTF-8"}

    def __call__(self, *arguments: str | Path) -> str:
        command = self.prefix / "bin" / "archive-pipeline"
        done = subprocess.run(
            [command, *arguments],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == 0, f"{arguments} → {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def plugins(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self("plugins", "list", "--json").splitlines()]


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    return Installation(tmp_path_factory.mktemp("installed"), wheel)


def test_nothing_is_left_behind(wheel: Path) -> None:
    """Every module and every data file is in the wheel, and nothing else but its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        path.relative_to(ROOT).as_posix().replace("plugins/", "archive_pipeline_plugins/", 1 if top == "plugins" else 0)
        for top in ("archive_pipeline", "plugins")
        for path in (ROOT / top).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert packed == expected


def test_the_command_names_its_version(installed: Installation) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["version"] in installed("--version")


def test_the_first_party_plugin_is_there_once(installed: Installation) -> None:
    found = installed.plugins()
    assert [record["name"] for record in found] == ["builtin", *FIRST_PARTY]
    for record in found:
        assert (record["status"], record["error"]) == ("ok", None)
        assert Path(record["path"]).is_relative_to(installed.prefix), "the checkout was used, not the wheel"
    assert found[1]["origin"] == "entry-point"


def test_a_checkout_beside_the_installation_is_the_same_plugin(installed: Installation) -> None:
    shutil.copytree(ROOT / "plugins", installed.folder / "plugins")
    try:
        assert [(record["name"], record["status"]) for record in installed.plugins()] == [
            (name, "ok") for name in ("builtin", *FIRST_PARTY)
        ]
    finally:
        shutil.rmtree(installed.folder / "plugins")


def test_the_sample_goes_the_whole_way(installed: Installation) -> None:
    installed("init", "meinarchiv", "--sample")
    summary = json.loads(installed("-C", "meinarchiv", "run", "--json").splitlines()[-1])
    assert summary["type"] == "run_summary"
    assert summary["new"] >= 30
    assert (summary["failed"], summary["exit_code"]) == (0, 0)
    hits = json.loads(installed("-C", "meinarchiv", "search", "Kreis", "--json"))
    assert hits["total"] > 0
