"""Loading plugins: order, quarantine, conflicts, blocking, one loader for all."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from archive_pipeline.errors import ConfigError, PluginContractError, PluginLoadError
from archive_pipeline.plugin_loading import discovery
from archive_pipeline.plugin_manager import PluginManager, PluginRecord, load_one, load_plugins

Plugin = Callable[..., Path]
Load = Callable[..., PluginManager]
Install = Callable[..., Path]

EXPORTER = """
class Lines:
    def export(self, releases, out):
        return 0

@hookimpl
def register_exporters(registry):
    registry.add("{name}", Lines())
"""


def by_name(manager: PluginManager) -> dict[str, PluginRecord]:
    return {record.name: record for record in manager.records}


def names(manager: PluginManager) -> list[str]:
    return [entry.name for entry in manager.exporters]


def test_a_file_in_the_folder_is_a_plugin(plugin: Plugin, load: Load) -> None:
    path = plugin("mine", "__version__ = '0.3'\n" + EXPORTER.format(name="mine"))
    manager = load()
    assert names(manager) == ["core", "mine"]
    assert manager.exporters.entry("mine").plugin == "mine"
    assert by_name(manager)["mine"] == PluginRecord(
        name="mine",
        version="0.3",
        origin="folder",
        api_version=1,
        status="ok",
        hooks=("register_exporters",),
        path=path.resolve(),
    )
    assert by_name(manager)["builtin"].origin == "built-in"
    assert manager.quarantined == ()


def test_a_package_in_the_folder_imports_its_own_modules(plugin: Plugin, load: Load) -> None:
    plugin("mine/names.py", "NAME = 'from-module'", head="")
    plugin("mine/__init__.py", "from .names import NAME\n" + EXPORTER.format(name="x").replace('"x"', "NAME"))
    assert names(load()) == ["core", "from-module"]


def test_other_files_of_the_folder_are_no_plugins(plugin: Plugin, load: Load, folder: Path) -> None:
    for name in ("_private.py", "test_mine.py", "conftest.py", ".hidden.py", "notes.txt", "fixtures/page.html"):
        plugin(name, "raise SystemExit", head="")
    assert [record.name for record in load().records] == ["builtin"]


def test_a_missing_folder_is_an_empty_folder(core: str, tmp_path: Path) -> None:
    for folder in (None, tmp_path / "nowhere", Path(__file__)):
        assert names(load_plugins(folder, {}, builtin=core)) == ["core"]


def test_an_installed_plugin_is_found_by_its_entry_point(install: Install, load: Load) -> None:
    head = "from archive_pipeline import hookimpl\narchive_pipeline_api = 1\n"
    install(
        "kreis-tools",
        {"kreis": "kreis_tools.plugin"},
        {
            "kreis_tools/__init__.py": "",
            "kreis_tools/plugin.py": head + EXPORTER.format(name="kreis"),
        },
    )
    record = by_name(load())["kreis"]
    assert (record.version, record.origin, record.status) == ("2.5", "entry-point", "ok")
    assert record.path is not None
    assert record.path.name == "plugin.py"


def test_the_place_of_a_failure_is_named_whatever_the_package_is_called(
    install: Install, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the installed core lie packages whose names begin like its own."""
    site = install(
        "own", {"own": "archive_pipeline_own"}, {"archive_pipeline_own.py": "\n\nraise ValueError('boom')\n"}
    )
    monkeypatch.setattr(discovery, "_PACKAGE", site / "archive_pipeline")
    (broken,) = load().quarantined
    assert broken.error == "ValueError: boom (archive_pipeline_own.py:3)"


def test_an_instance_may_be_a_plugin(install: Install, load: Load) -> None:
    install(
        "one",
        {"one": "one_module:plugin"},
        {
            "one_module.py": """
from archive_pipeline import hookimpl
class Lines:
    def export(self, releases, out):
        return 0
class Plugin:
    archive_pipeline_api = 1
    @hookimpl
    def register_exporters(self, registry):
        registry.add("one", Lines())
plugin = Plugin()
"""
        },
    )
    manager = load()
    assert names(manager) == ["core", "one"]
    assert by_name(manager)["one"].hooks == ("register_exporters",)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("raise RuntimeError('boom')", "RuntimeError: boom (a_broken.py:4)"),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("import no_such_package_anywhere", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("@hookimpl\ndef register_exporters(registry):\n    registry.nothing()", "AttributeError"),
        ("@hookimpl\ndef register_exporters(registry):\n    raise KeyboardInterrupt_", "NameError"),
        ("", "enthält keinen Hook"),
    ],
)
def test_a_broken_plugin_is_quarantined_and_the_others_work(
    plugin: Plugin, load: Load, body: str, expected: str
) -> None:
    plugin("a_broken", body)
    plugin("b_well", EXPORTER.format(name="well"))
    manager = load()
    assert names(manager) == ["core", "well"]
    (broken,) = manager.quarantined
    assert (broken.name, broken.status) == ("a_broken", "quarantined")
    assert expected in (broken.error or "")


def test_a_plugin_that_fails_half_way_leaves_nothing_behind(plugin: Plugin, load: Load) -> None:
    plugin(
        "half",
        EXPORTER.format(name="half")
        + """
from archive_pipeline import Vocabulary

@hookimpl
def register_vocabularies(registry):
    registry.add("half", Vocabulary(name="half", version="1", licence="CC0", entries=()))

@hookimpl
def register_classifiers(registry, vocabularies):
    raise LookupError("too late")

@hookimpl
def run_started(run_id):
    raise AssertionError("a quarantined plugin hears nothing")
""",
    )
    plugin(
        "later",
        """
        seen = []

        @hookimpl
        def register_classifiers(registry, vocabularies):
            seen.append([entry.name for entry in vocabularies])
            if seen[-1]:
                raise AssertionError("saw the vocabulary of a broken plugin")
        """,
    )
    manager = load()
    assert [record.name for record in manager.quarantined] == ["half"]
    assert names(manager) == ["core"]
    assert len(manager.vocabularies) == 0
    manager.run_started("r1", ())
    assert manager.warnings == []


def test_of_two_plugins_with_one_name_in_a_registry_the_later_is_quarantined(plugin: Plugin, load: Load) -> None:
    plugin("a_first", EXPORTER.format(name="same"))
    plugin("b_second", EXPORTER.format(name="same") + "\nregistered_too = 1\n")
    manager = load()
    assert manager.exporters.entry("same").plugin == "a_first"
    (loser,) = manager.quarantined
    assert loser.name == "b_second"
    assert "a_first und b_second" in (loser.error or "")


def test_a_plugin_can_not_take_a_name_of_the_core(plugin: Plugin, load: Load) -> None:
    plugin("grabber", EXPORTER.format(name="core"))
    manager = load()
    assert manager.exporters.entry("core").plugin == "builtin"
    assert "builtin und grabber" in (manager.quarantined[0].error or "")


def test_two_plugins_of_one_name_are_a_conflict_naming_both_files(plugin: Plugin, load: Load) -> None:
    first = plugin("same/__init__.py", EXPORTER.format(name="package"))
    plugin("same.py", EXPORTER.format(name="file"))
    manager = load()
    assert names(manager) == ["core", "package"]
    (loser,) = manager.quarantined
    assert (loser.name, loser.status) == ("same", "quarantined")
    assert str(first.resolve()) in (loser.error or "")


def test_blocked_plugins_are_listed_but_never_imported(plugin: Plugin, install: Install, load: Load) -> None:
    plugin("dropped", "raise SystemExit('imported')")
    install("installed", {"installed": "installed_module"}, {"installed_module.py": "raise SystemExit('imported')"})
    manager = load(ARCHIVE_PIPELINE_BLOCK="dropped, installed no-such-plugin")
    assert {record.name: record.status for record in manager.records} == {
        "builtin": "ok",
        "installed": "blocked",
        "dropped": "blocked",
    }
    assert manager.quarantined == ()
    assert manager.warnings == ['ARCHIVE_PIPELINE_BLOCK: kein Plugin heißt "no-such-plugin"']


def test_the_core_can_not_be_blocked(load: Load) -> None:
    with pytest.raises(ConfigError, match="builtin") as caught:
        load(ARCHIVE_PIPELINE_BLOCK="builtin")
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("raise RuntimeError('boom')", "RuntimeError: boom"),
        (
            "from archive_pipeline import hookimpl\n@hookimpl\ndef register_exporters(registry):\n"
            "    registry.add('x', object())\n",
            "export",
        ),
        (
            "from archive_pipeline import hookimpl\n@hookimpl\ndef register_exporter(registry): ...\n",
            "unbekannter Hook",
        ),
    ],
)
def test_a_broken_built_in_stops_the_start(builtin: Callable[[str], str], text: str, expected: str) -> None:
    with pytest.raises(PluginLoadError, match="eingebautes Plugin") as caught:
        load_plugins(None, {}, builtin=builtin(text))
    assert expected in caught.value.message
    assert caught.value.exit_code == 5


def test_a_built_in_module_that_is_missing_stops_the_start() -> None:
    with pytest.raises(PluginLoadError, match="ModuleNotFoundError"):
        load_plugins(None, {}, builtin="archive_pipeline.no_such_module")


def test_installed_from_the_same_folder_is_one_plugin_loaded_once(
    plugin: Plugin, load: Load, folder: Path, tmp_path: Path, install: Install
) -> None:
    """The checkout: its plugins/ folder is on the import path under another name, as an editable install maps it."""
    counter = tmp_path / "imported"
    plugin(
        "wordy/__init__.py",
        f"with open({str(counter)!r}, 'a') as file:\n    file.write('x')\n" + EXPORTER.format(name="wordy"),
    )
    site = install("own-plugins", {"wordy": "mapped_plugins.wordy"}, {})
    (site / "mapped_plugins").symlink_to(folder, target_is_directory=True)
    manager = load()
    assert {record.name: record.origin for record in manager.records} == {"builtin": "built-in", "wordy": "entry-point"}
    assert counter.read_text() == "x"


def test_a_broken_plugin_found_twice_is_named_once(plugin: Plugin, load: Load, folder: Path, install: Install) -> None:
    plugin("wordy/__init__.py", "raise RuntimeError('boom')")
    site = install("own-plugins", {"wordy": "mapped_plugins.wordy"}, {})
    (site / "mapped_plugins").symlink_to(folder, target_is_directory=True)
    manager = load()
    assert [(record.name, record.origin) for record in manager.quarantined] == [("wordy", "entry-point")]


def test_a_checkout_beside_its_installed_copy_is_one_plugin(plugin: Plugin, load: Load, install: Install) -> None:
    source = plugin("wordy/__init__.py", EXPORTER.format(name="wordy"))
    plugin("wordy/README.md", "only in the checkout", head="")
    plugin("wordy/fixtures/page.html", "<p>only in the checkout", head="")
    plugin("wordy/test_wordy.py", "def test_only_in_the_checkout(): ...", head="")
    install("own-plugins", {"wordy": "copied.wordy"}, {"copied/wordy/__init__.py": source.read_text()})
    manager = load()
    assert [record.name for record in manager.records] == ["builtin", "wordy"]
    assert manager.quarantined == ()


def test_a_checkout_that_differs_from_its_installed_copy_is_a_conflict(
    plugin: Plugin, load: Load, install: Install
) -> None:
    source = plugin("wordy/__init__.py", EXPORTER.format(name="wordy"))
    install("own-plugins", {"wordy": "copied.wordy"}, {"copied/wordy/__init__.py": source.read_text() + "# changed\n"})
    manager = load()
    assert [(record.origin, record.status) for record in manager.records if record.name == "wordy"] == [
        ("entry-point", "ok"),
        ("folder", "quarantined"),
    ]


def test_two_plugins_may_live_in_one_installed_module(install: Install, load: Load) -> None:
    install(
        "two",
        {"a": "two_module:a", "b": "two_module:b"},
        {
            "two_module.py": """
from archive_pipeline import hookimpl
class Lines:
    def export(self, releases, out):
        return 0
class Plugin:
    archive_pipeline_api = 1
    def __init__(self, name):
        self.name = name
    @hookimpl
    def register_exporters(self, registry):
        registry.add(self.name, Lines())
a, b = Plugin("a"), Plugin("b")
"""
        },
    )
    assert names(load()) == ["a", "b", "core"]


def test_rules_with_a_mistake_are_quarantined_with_the_words_of_the_reader(load: Load, folder: Path) -> None:
    rules = folder / "kreis-beispiel" / "rules.toml"
    rules.parent.mkdir()
    rules.write_text("[[site]]\nhots = []\n", encoding="utf-8")
    (record,) = load().quarantined
    assert "hots" in (record.error or "")
    assert "ConfigError" not in (record.error or "")


def test_the_order_of_objects_does_not_follow_the_order_of_loading(plugin: Plugin, load: Load) -> None:
    cleaner = """
class Step:
    def clean(self, article, page, source):
        return article

@hookimpl
def register_cleaners(registry):
    registry.add("{name}", Step(), order={order})
"""
    plugin("a", cleaner.format(name="late", order=900))
    plugin("b", cleaner.format(name="early", order=50))
    plugin("c", cleaner.format(name="also-late", order=900))
    assert [entry.name for entry in load().cleaners] == ["early", "also-late", "late"]


def test_the_fingerprint_follows_names_versions_and_files(plugin: Plugin, load: Load, folder: Path) -> None:
    alone = load().fingerprint()
    path = plugin("mine/__init__.py", EXPORTER.format(name="mine"))
    first = load().fingerprint()
    assert first == load().fingerprint()
    (path.parent / "words.txt").write_text("x = 1")
    with_data = load().fingerprint()
    blocked = load(ARCHIVE_PIPELINE_BLOCK="mine").fingerprint()
    assert len({alone, first, with_data}) == 3
    assert blocked == alone


def test_another_process_finds_the_same_classes(plugin: Plugin, load: Load, folder: Path, core: str) -> None:
    """Options of a drop-in plugin travel to worker processes: their class has the same name there."""
    plugin(
        "mine",
        """
        from pydantic import BaseModel

        class Options(BaseModel):
            limit: int = 1

        class Kind:
            options = Options

            def claims(self, url):
                return None

            def discover(self, source, context):
                return ()

            def capture(self, item, source, context):
                return ()

        @hookimpl
        def register_fetchers(registry):
            registry.add("kind", Kind())
        """,
    )
    manager = load()
    options = manager.fetchers["kind"].options(limit=7)
    ours = [path.name for path in (Path(__file__).parents[2] / "plugins").iterdir()]
    environ = {"ARCHIVE_PIPELINE_BLOCK": " ".join(ours)}
    code = (
        "import pickle, sys; from pathlib import Path; from archive_pipeline.plugin_manager import load_plugins\n"
        f"manager = load_plugins(Path({str(folder)!r}), {environ!r}, builtin={core!r})\n"
        "options = pickle.loads(sys.stdin.buffer.read())\n"
        "assert isinstance(options, manager.fetchers['kind'].options)\n"
        "print(options.limit, manager.fingerprint())"
    )
    child = subprocess.run(
        [sys.executable, "-c", code],
        input=pickle.dumps(options),
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert child.stdout.decode().split() == ["7", manager.fingerprint()], child.stderr.decode()


def test_hook_calls_can_be_traced(plugin: Plugin, load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    plugin("mine", EXPORTER.format(name="mine") + "\n@hookimpl\ndef run_started(run_id):\n    pass\n")
    load()
    assert capsys.readouterr().err == ""
    load(ARCHIVE_PIPELINE_TRACE_HOOKS="1").run_started("run-17", ())
    traced = capsys.readouterr().err
    assert "register_exporters" in traced
    assert "run-17" in traced


def test_loading_one_returns_what_a_sound_plugin_brings(plugin: Plugin, core: str) -> None:
    path = plugin("mine/__init__.py", EXPORTER.format(name="mine"))
    for way in (path, path.parent):
        record, _ = load_one(way, builtin=core)
        assert (record.name, record.status, record.hooks) == ("mine", "ok", ("register_exporters",))


def test_loading_one_says_what_is_wrong(plugin: Plugin, core: str, tmp_path: Path) -> None:
    path = plugin("mine", "@hookimpl\ndef register_exporter(registry):\n    pass\n")
    with pytest.raises(PluginContractError, match='"mine": unbekannter Hook "register_exporter"') as caught:
        load_one(path, builtin=core)
    assert caught.value.exit_code == 5
    with pytest.raises(PluginLoadError, match="ist kein Plugin"):
        load_one(tmp_path, builtin=core)
    with pytest.raises(PluginLoadError, match="ist kein Plugin"):
        load_one(tmp_path / "nothing.py", builtin=core)
