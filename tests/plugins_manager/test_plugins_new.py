"""`plugins new` writes plugins that work: loaded, checked and tested as they stand."""

import subprocess
from pathlib import Path
from typing import Any, get_args

import pytest
from click.testing import CliRunner

from archive_pipeline.cli.main import Settings, command_line
from archive_pipeline.cli.plugins import plugins
from archive_pipeline.developing.check import check_plugin
from archive_pipeline.developing.scaffolding import KINDS, Kind, new_plugin
from archive_pipeline.errors import ConfigError


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one new plugin of each kind."""
    folder = tmp_path_factory.mktemp("archive") / "plugins"
    for kind in KINDS:
        new_plugin(f"kreis-{kind}", kind, folder)
    return folder


def run_pytest(apl: Any, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    done: subprocess.CompletedProcess[str] = apl.run(
        *("pytest", "-q", "-p", "no:cacheprovider", *options, folder),
        code=None,
        cwd=folder.parent,
        PYTHONDONTWRITEBYTECODE="1",
    )
    return done


@pytest.mark.parametrize("options", [(), ("--import-mode=importlib",)], ids=["as usual", "importlib"])
def test_the_tests_of_new_plugins_pass_at_once(apl: Any, made: Path, options: tuple[str, ...]) -> None:
    done = run_pytest(apl, made, *options)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "passed" in done.stdout


@pytest.mark.parametrize("kind", KINDS)
def test_new_plugins_keep_their_contract(made: Path, kind: str) -> None:
    record, results = check_plugin(made / f"kreis_{kind}")
    assert record.status == "ok"
    tried = [result for result in results if not result.subject.startswith("vocabulary ")]
    assert tried
    assert [result for result in tried if result.state != "ok"] == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_new_plugin_has_fixture_test_and_readme(made: Path, kind: str) -> None:
    folder = made / f"kreis_{kind}"
    assert (folder / "README.md").is_file()
    assert (folder / f"test_kreis_{kind}.py").is_file()
    assert list((folder / "fixtures").iterdir())
    assert not [path for path in folder.rglob("*") if path.is_file() and "$" in path.read_text(encoding="utf-8")]


def test_a_new_source_needs_no_python(made: Path) -> None:
    assert {path.suffix for path in (made / "kreis_source").iterdir() if path.is_file()} == {".toml", ".py", ".md"}
    assert not (made / "kreis_source" / "__init__.py").exists()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("", "kein Name"),
        ("Kreis", "kein Name"),
        ("kreis auental", "kein Name"),
        ("../kreis", "kein Name"),
        ("kreis--auental", "kein Name"),
        ("3kreis", "kein Name"),
        ("_kreis", "kein Name"),
        ("kreis_", "kein Name"),
        ("a" * 65, "kein Name"),
        ("import", "Python-Modul"),
        ("json", "Python-Modul"),
        ("lxml", "Python-Modul"),
        ("test-kreis", "pytest"),
        ("feed", "heißt schon"),
        ("kreis-auental", "heißt schon"),
    ],
)
def test_names_that_would_not_work(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(ConfigError, match=reason):
        new_plugin(name, "fetcher", tmp_path, taken=frozenset({"feed", "kreis_auental"}))
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    made = new_plugin("kreis", "source", tmp_path)
    (made.folder / "rules.toml").write_text("mine")
    for kind in KINDS:
        with pytest.raises(ConfigError, match="gibt es schon"):
            new_plugin("kreis", kind, tmp_path)
    assert (made.folder / "rules.toml").read_text() == "mine"


def test_the_command_says_what_comes_next(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        command_line, ["-C", str(tmp_path), "plugins", "new", "kreis-auental", "--kind", "fetcher"]
    )
    assert done.exit_code == 0, done.output
    folder = tmp_path / "plugins" / "kreis_auental"
    assert f"geschrieben: {folder / '__init__.py'}" in done.output
    assert f"python -m pytest {folder}" in done.output
    assert f"archive-pipeline plugins check {folder}" in done.output
    again = CliRunner().invoke(plugins, ["new", "kreis-auental"], obj=Settings(folder=tmp_path))
    assert isinstance(again.exception, ConfigError)


def test_kinds() -> None:
    assert get_args(Kind) == KINDS
