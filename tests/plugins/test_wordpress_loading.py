"""The wordpress plugin is one plugin, however it is found."""

import ast
from pathlib import Path

import archive_pipeline
from archive_pipeline.plugin_manager import load_one, load_plugins

ROOT = Path(__file__).resolve().parents[2]
PLUGIN = ROOT / "plugins" / "wordpress"


def test_the_checkout_and_its_installation_are_one_plugin() -> None:
    manager = load_plugins(ROOT / "plugins", {})
    (record,) = [record for record in manager.records if record.name == "wordpress"]
    assert (record.status, record.error) == ("ok", None)
    assert (record.hooks, record.kind) == (("register_fetchers",), "python")
    assert manager.fetchers.entry("wordpress").plugin == "wordpress"
    assert manager.cleaners.entry("site-profile").order == 100


def test_as_a_drop_in_folder_it_keeps_the_contract() -> None:
    record, _ = load_one(PLUGIN)
    assert (record.origin, record.api_version, record.status) == ("folder", 1, "ok")


def test_blocked_it_adds_nothing() -> None:
    manager = load_plugins(ROOT / "plugins", {"ARCHIVE_PIPELINE_BLOCK": "wordpress"})
    assert "wordpress" not in manager.fetchers


def test_it_uses_public_names_only() -> None:
    for path in PLUGIN.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                assert not any(name.name.startswith("archive_pipeline") for name in node.names), path.name
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("archive_pipeline"):
                assert node.module == "archive_pipeline", path.name
                assert {name.name for name in node.names} <= set(archive_pipeline.__all__), path.name


def test_its_hooks_are_short_to_read() -> None:
    assert len((PLUGIN / "__init__.py").read_text(encoding="utf-8").splitlines()) <= 60
