"""Plugins as their authors write them: files in a folder, installed distributions, and a built-in module."""

import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from archive_pipeline.plugin_manager import PluginManager, load_plugins

HEAD = """\
from archive_pipeline import hookimpl

archive_pipeline_api = 1
"""

EXPORTER = """
class Lines:
    def export(self, releases, out):
        return sum(1 for _ in releases)
"""


@pytest.fixture(autouse=True)
def _without_our_own_plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests install plugins of their own; those of the checkout may be installed or not."""
    entry_points = importlib.metadata.entry_points

    def others(**selection: str) -> list[importlib.metadata.EntryPoint]:
        return [point for point in entry_points(**selection) if point.dist and point.dist.name != "archive-pipeline"]

    monkeypatch.setattr(importlib.metadata, "entry_points", others)


@pytest.fixture
def builtin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], str]]:
    """Writes a module and returns its name: the core's own parts for one test."""
    folder = tmp_path / "core"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    names: list[str] = []

    def write(text: str) -> str:
        name = f"core_for_tests_{len(names)}"
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
        importlib.invalidate_caches()
        names.append(name)
        return name

    yield write
    for name in names:
        sys.modules.pop(name, None)


@pytest.fixture
def core(builtin: Callable[[str], str]) -> str:
    """A built-in module with one exporter and nothing else: quick to load."""
    return builtin(
        HEAD + EXPORTER + "\n@hookimpl\ndef register_exporters(registry):\n    registry.add('core', Lines())\n"
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The drop-in folder beside sources.toml."""
    path = tmp_path / "plugins"
    path.mkdir()
    return path


@pytest.fixture
def plugin(folder: Path) -> Callable[..., Path]:
    """Writes a drop-in plugin: `plugin("name", body)`, with the usual head unless `head` says otherwise."""

    def write(name: str, body: str, *, head: str = HEAD) -> Path:
        path = folder / (name if "." in name or "/" in name else f"{name}.py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(head + dedent(body), encoding="utf-8")
        return path

    return write


@pytest.fixture
def load(folder: Path, core: str) -> Callable[..., PluginManager]:
    """Loads the core of the test and the drop-in folder."""

    def loaded(**environ: str) -> PluginManager:
        return load_plugins(folder, environ, builtin=core)

    return loaded


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Path]]:
    """Installs a distribution with entry points: metadata as pip writes it, modules on the path."""
    site = tmp_path / "site-packages"

    def add(distribution: str, entry_points: dict[str, str], modules: dict[str, str]) -> Path:
        info = site / f"{distribution}-2.5.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 2.5\n")
        lines = "".join(f"{name} = {target}\n" for name, target in entry_points.items())
        (info / "entry_points.txt").write_text(f"[archive_pipeline]\n{lines}")
        for name, text in modules.items():
            path = site / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(site)
        importlib.invalidate_caches()
        return site

    before = set(sys.modules)
    yield add
    for name in set(sys.modules) - before:
        del sys.modules[name]
