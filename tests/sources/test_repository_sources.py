"""The sources.toml of the repository works as it is, with the real fetchers, engines and vocabularies."""

import re
from pathlib import Path

import pytest

from archive_pipeline.fetch.preset import PresetFetcher
from archive_pipeline.plugin_manager import PluginManager, load_plugins
from archive_pipeline.sources import Config, load_config, new_sources_toml

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def plugins() -> PluginManager:
    return load_plugins(ROOT / "plugins", {})


@pytest.fixture(scope="module")
def config(plugins: PluginManager) -> Config:
    return load(ROOT / "sources.toml", plugins)


def load(path: Path, plugins: PluginManager) -> Config:
    return load_config(path, plugins.fetchers, engines=plugins.index_engines, vocabularies=plugins.vocabularies)


def test_every_plugin_of_the_checkout_loads_once(plugins: PluginManager) -> None:
    loaded = [record.name for record in plugins.records if record.status == "ok"]
    folders = {path.parent.name for path in (ROOT / "plugins").glob("*/__init__.py")}
    assert folders <= set(loaded)
    assert sorted(loaded) == sorted(set(loaded))
    assert [record.error for record in plugins.quarantined] == []


def test_only_the_sample_source_is_on_and_needs_no_network(config: Config) -> None:
    (source,) = [source for source in config.sources if source.enabled]
    assert (source.id, source.fetcher, source.path, source.url) == ("sample", "folder", "package:sample", None)


def test_there_is_an_example_for_every_fetcher(config: Config, plugins: PluginManager) -> None:
    """Disabled in sources.toml, or in the documentation, whose tables another test loads."""
    disabled = {source.fetcher for source in config.sources if not source.enabled}
    assert disabled >= {"folder", "feed", "wordpress"}
    page = (ROOT / "docs" / "archivists.md").read_text(encoding="utf-8")
    documented = set(re.findall(r'^fetcher = "(\w+)"', page, re.MULTILINE))
    # presets set up a fetcher for one system; docs/plugins.md lists them
    own = {entry.name for entry in plugins.fetchers if not isinstance(entry.obj, PresetFetcher)}
    assert disabled | documented == own


def test_every_example_would_work_when_switched_on(plugins: PluginManager, tmp_path: Path) -> None:
    text = (ROOT / "sources.toml").read_text(encoding="utf-8").replace("enabled = false", "enabled = true")
    path = tmp_path / "sources.toml"
    path.write_text(text, encoding="utf-8")
    config = load(path, plugins)
    assert all(source.enabled and source.options is not None for source in config.sources)
    assert config.broken == ()


@pytest.mark.parametrize("sample", [True, False])
def test_what_init_writes_loads_with_the_real_fetchers(plugins: PluginManager, tmp_path: Path, sample: bool) -> None:
    path = tmp_path / "sources.toml"
    path.write_text(new_sources_toml(engine="whoosh", sample=sample), encoding="utf-8")
    assert len(load(path, plugins).sources) == sample
