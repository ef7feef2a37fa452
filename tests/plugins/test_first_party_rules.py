"""Every plugin that is shipped keeps its contract, is installed, and says where its knowledge comes from."""

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.plugin_manager import PluginManager, load_plugins
from archive_pipeline.testing import RulesContract

ROOT = Path(__file__).resolve().parents[2]
PLUGINS = sorted(
    path for path in (ROOT / "plugins").iterdir() if path.is_dir() and not path.name.startswith((".", "_"))
)
RULES = [path for path in PLUGINS if (path / "rules.toml").is_file()]
TESTS = sorted(name for name in dir(RulesContract) if name.startswith("test_"))


@cache
def loaded() -> PluginManager:
    return load_plugins(None, {})


@pytest.mark.parametrize("test", TESTS)
@pytest.mark.parametrize("folder", RULES, ids=lambda path: path.name)
def test_rules_keep_their_contract(folder: Path, test: str) -> None:
    suite = RulesContract()
    suite.folder = folder
    getattr(suite, test)()


def test_every_plugin_is_installed_under_its_own_name() -> None:
    settings: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    expected = {path.name: f"archive_pipeline_plugins.{path.name}" for path in PLUGINS}
    assert settings["project"]["entry-points"]["archive_pipeline"] == expected
    assert set(expected.values()) <= set(settings["tool"]["setuptools"]["packages"])


def test_all_are_loaded_together_without_a_conflict() -> None:
    manager = loaded()
    states = {record.name: record.status for record in manager.records if record.origin == "entry-point"}
    assert {path.name for path in PLUGINS} <= set(states)
    assert set(states.values()) == {"ok"}
    assert not manager.warnings


def test_the_checkout_is_not_loaded_beside_its_installation() -> None:
    names = [record.name for record in load_plugins(ROOT / "plugins", {}).records]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("folder", RULES, ids=lambda path: path.name)
def test_rules_say_where_they_come_from(folder: Path) -> None:
    """Selectors that nobody can look up can't be mended: the comments name a file, a repository or a class."""
    lines = (folder / "rules.toml").read_text(encoding="utf-8").splitlines()
    comments = "\n".join(line for line in lines if line.lstrip().startswith("#"))
    assert re.search(r"[\w.-]+/[\w./-]+|class [A-Z]\w+", comments)


def test_no_fixture_names_a_real_mail_address() -> None:
    for folder in PLUGINS:
        for path in (folder / "fixtures").iterdir():
            text = path.read_text(encoding="utf-8")
            for mail in re.findall(r"[\w.+-]+@[\w-]+\.[\w.-]+", text):
                assert mail.rstrip(".").endswith((".example", ".invalid")), f"{path}: {mail}"
