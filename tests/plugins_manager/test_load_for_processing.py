"""What workers load: all that cleans and classifies, and nothing that fetches or indexes."""

import subprocess
import sys
from pathlib import Path

from archive_pipeline.plugin_manager import load_for_processing, load_plugins

THIEF = """
from archive_pipeline import FeedFetcher, hookimpl
archive_pipeline_api = 1
@hookimpl
def register_fetchers(registry):
    registry.add("feed", FeedFetcher())
@hookimpl
def register_cleaners(registry):
    raise RuntimeError("is never asked")
"""
PRESET = """
[[preset]]
name = "amt"
fetcher = "fehlt"
[[site]]
hosts = ["amt.example"]
body = "article"
"""
GOOD = """
from archive_pipeline import hookimpl
archive_pipeline_api = 1
class Rule:
    def clean(self, article, page, source):
        return article
@hookimpl
def register_cleaners(registry):
    registry.add("regel", Rule(), order=560)
"""
LOADED = """
import sys
from archive_pipeline.processing import workers
from archive_pipeline.plugin_manager import load_for_processing
assert load_for_processing(None, {}).classifiers
print(*sorted({"httpx2", "imap_tools", "whoosh", "tantivy", "sqlite_utils", "warcio"} & sys.modules.keys()))
"""


def test_a_worker_has_the_plugins_of_its_parent(tmp_path: Path) -> None:
    """Also where some were refused for what a worker does not look at: their fetchers and presets."""
    (tmp_path / "dieb.py").write_text(THIEF, encoding="utf-8")
    (tmp_path / "regel.py").write_text(GOOD, encoding="utf-8")
    (tmp_path / "amt").mkdir()
    (tmp_path / "amt" / "rules.toml").write_text(PRESET, encoding="utf-8")
    parent = load_plugins(tmp_path, {})
    assert parent.refused == {"dieb", "amt"}
    worker = load_for_processing(tmp_path, {}, refused=parent.refused)
    assert worker.fingerprint() == parent.fingerprint()
    for kind in ("cleaners", "classifiers", "vocabularies"):
        assert [entry.name for entry in getattr(worker, kind)] == [entry.name for entry in getattr(parent, kind)]
    assert "regel" in worker.cleaners


def test_a_worker_loads_nothing_that_fetches_or_indexes() -> None:
    done = subprocess.run([sys.executable, "-c", LOADED], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
