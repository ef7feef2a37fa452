"""The section "Kinds of sources" of docs/archivists.md: its tables load; no fetcher, no setting is left out."""

import re
from pathlib import Path

import pytest

from archive_pipeline.fetch.options import HttpOptions
from archive_pipeline.fetch.preset import PresetFetcher
from archive_pipeline.plugin_manager import PluginManager, load_plugins
from archive_pipeline.sources import load_config

ROOT = Path(__file__).resolve().parents[2]
SECTION = (ROOT / "docs" / "archivists.md").read_text(encoding="utf-8").partition("\n## Kinds of sources\n")[2]
KINDS = dict(re.findall(r"^### (\w+)\n(.*?)(?=^### |\Z)", SECTION, re.MULTILINE | re.DOTALL))


@pytest.fixture(scope="module")
def plugins() -> PluginManager:
    return load_plugins(ROOT / "plugins", {})


def test_every_fetcher_has_its_paragraph(plugins: PluginManager) -> None:
    """But presets, which set up a fetcher for one system; docs/plugins.md lists them."""
    assert set(KINDS) == {entry.name for entry in plugins.fetchers if not isinstance(entry.obj, PresetFetcher)}


@pytest.mark.parametrize("kind", KINDS)
def test_the_table_loads(plugins: PluginManager, tmp_path: Path, kind: str) -> None:
    (table,) = re.findall(r"^```toml\n(.*?)^```", KINDS[kind], re.MULTILINE | re.DOTALL)
    path = tmp_path / "sources.toml"
    path.write_text(table, encoding="utf-8")
    (source,) = load_config(path, plugins.fetchers).sources
    assert source.fetcher == kind
    assert isinstance(source.options, plugins.fetchers.entry(kind).obj.options)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "wordpress"])
def test_every_setting_is_explained(plugins: PluginManager, kind: str) -> None:
    settings = set(plugins.fetchers.entry(kind).obj.options.model_fields) - set(HttpOptions.model_fields)
    rows = re.findall(r"^\| (`.*?) \|", KINDS[kind], re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`(\w+)`", row)} == settings
    assert all(f"`{name}`" in SECTION for name in HttpOptions.model_fields)
