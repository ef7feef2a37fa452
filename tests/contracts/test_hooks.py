"""Every hook does what its specification says, through a real plugin in a real folder: one test per hook."""

import importlib
import inspect
import logging
import re
import sqlite3
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from typing import get_type_hints

import pytest

from archive_pipeline import hookspecs
from archive_pipeline.model import Article, Failure, Release, RunReport, Source, Vocabulary
from archive_pipeline.plugin_manager import PluginManager, load_plugins

HOOKS = {
    name: function
    for name, function in vars(hookspecs).items()
    if inspect.isfunction(function) and function.__module__ == hookspecs.__name__
}
NOW = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)

Load = Callable[..., PluginManager]


@pytest.fixture
def load(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Load]:
    """Loads plugins given as `name=body` from a folder, beside a core that brings one vocabulary."""
    core = tmp_path / "core"
    core.mkdir()
    (core / "core_of_hook_tests.py").write_text(
        "from archive_pipeline import Vocabulary, hookimpl\n@hookimpl\ndef register_vocabularies(registry):\n"
        "    registry.add('core', Vocabulary(name='core', version='1', licence='CC0', entries=()))\n"
    )
    monkeypatch.syspath_prepend(core)
    importlib.invalidate_caches()
    folder = tmp_path / "plugins"
    folder.mkdir()

    def loaded(**plugins: str) -> PluginManager:
        for name, body in plugins.items():
            head = "from archive_pipeline import hookimpl\narchive_pipeline_api = 1\n"
            (folder / f"{name}.py").write_text(head + dedent(body))
        manager = load_plugins(folder, {}, builtin="core_of_hook_tests")
        broken = {record.name: record.error for record in manager.quarantined if record.origin == "folder"}
        assert broken == {}
        return manager

    yield loaded
    for name, module in list(sys.modules.items()):
        if str(getattr(module, "__file__", None) or "").startswith(str(tmp_path)):
            del sys.modules[name]


def release() -> Release:
    return Release(
        id="r1",
        source_id="s",
        version_id="v1",
        version_number=1,
        derivation=1,
        url=None,
        path=None,
        captured_at=NOW,
        access="public",
        article=Article(text="Text"),
        tags=(),
    )


def report() -> RunReport:
    return RunReport(run_id="run-1", started_at=NOW, finished_at=NOW, sources=(), exit_code=0)


def failure() -> Failure:
    return Failure(source_id="s", key="k", stage="clean", reason="leer")


def listener(hook: str, *arguments: str) -> str:
    """A plugin that writes down what one hook tells it, where a test can read it."""
    return f"""
        heard = []

        @hookimpl
        def {hook}({", ".join(arguments)}):
            heard.append(({"".join(f"{argument}, " for argument in arguments)}))
        """


def heard(name: str) -> list[object]:
    """What a listener wrote down; plugins live under private module names, the one loaded last is this test's."""
    module = [module for key, module in sys.modules.items() if re.fullmatch(rf"_archive_\w+_{name}", key)][-1]
    found: list[object] = module.heard
    return found


def test_every_hook_has_a_test_of_its_name() -> None:
    tests = {name.removeprefix("test_hook_") for name in globals() if name.startswith("test_hook_")}
    assert tests == set(HOOKS)


@pytest.mark.parametrize("name", sorted(HOOKS))
def test_every_hook_is_documented_and_typed(name: str) -> None:
    hints = get_type_hints(HOOKS[name])
    assert len(inspect.getdoc(HOOKS[name]) or "") > 20
    assert hints.pop("return") is type(None)
    assert set(hints) == set(inspect.signature(HOOKS[name]).parameters)


def test_hook_register_fetchers(load: Load) -> None:
    manager = load(
        mine="""
        from pydantic import BaseModel

        class Options(BaseModel):
            limit: int = 3

        class Kind:
            options = Options

            def claims(self, url):
                return 10 if "kind" in url else None

            def discover(self, source, context):
                return ()

            def capture(self, item, source, context):
                return ()

        @hookimpl
        def register_fetchers(registry):
            registry.add("kind", Kind())
        """
    )
    entry = manager.fetchers.entry("kind")
    assert (entry.plugin, entry.obj.claims("https://kind.example"), entry.obj.claims("x")) == ("mine", 10, None)


def test_hook_register_cleaners(load: Load) -> None:
    manager = load(
        mine="""
        class Step:
            def clean(self, article, page, source):
                return article

        @hookimpl
        def register_cleaners(registry):
            registry.add("late", Step(), order=700)
            registry.add("early", Step(), order=100)
            registry.add("default", Step())
        """
    )
    assert [(entry.name, entry.order) for entry in manager.cleaners if entry.plugin == "mine"] == [
        ("early", 100),
        ("default", 500),
        ("late", 700),
    ]


def test_hook_register_vocabularies(load: Load) -> None:
    manager = load(
        mine="""
        from archive_pipeline import Axis, Vocabulary, VocabularyEntry

        @hookimpl
        def register_vocabularies(registry):
            entry = VocabularyEntry(axis=Axis.ORGANISATION, value="thw", label="Technisches Hilfswerk")
            registry.add("mine", Vocabulary(name="mine", version="1", licence="CC0", entries=(entry,)))
        """
    )
    assert [entry.name for entry in manager.vocabularies] == ["core", "mine"]
    assert manager.vocabularies["mine"].entries[0].value == "thw"


def test_hook_register_classifiers(load: Load) -> None:
    """It sees every vocabulary, those of plugins that are loaded later too."""
    manager = load(
        a_first="""
        class Finder:
            def __init__(self, names):
                self.version = "+".join(names)

            def classify(self, article, source):
                return ()

        @hookimpl
        def register_classifiers(registry, vocabularies):
            registry.add("finder", Finder(entry.name for entry in vocabularies))
        """,
        b_second="""
        from archive_pipeline import Vocabulary

        @hookimpl
        def register_vocabularies(registry):
            registry.add("second", Vocabulary(name="second", version="1", licence="CC0", entries=()))
        """,
    )
    assert manager.classifiers["finder"].version == "core+second"


def test_hook_register_index_engines(load: Load, tmp_path: Path) -> None:
    manager = load(
        mine="""
        class Engine:
            version = "1"

            def create(self, folder):
                return ("created", folder)

            def open(self, folder, *, writable=False):
                return ("opened", folder, writable)

        @hookimpl
        def register_index_engines(registry):
            registry.add("mine", Engine())
        """
    )
    opened: object = manager.index_engines["mine"].open(tmp_path, writable=True)
    assert opened == ("opened", tmp_path, True)


def test_hook_register_exporters(load: Load, tmp_path: Path) -> None:
    manager = load(
        mine="""
        class Titles:
            def export(self, releases, out):
                lines = [release.id for release in releases]
                out.write("\\n".join(lines))
                return len(lines)

        @hookimpl
        def register_exporters(registry):
            registry.add("titles", Titles())
        """
    )
    with (tmp_path / "out.txt").open("w") as out:
        assert manager.exporters["titles"].export(iter([release()]), out) == 1
    assert (tmp_path / "out.txt").read_text() == "r1"


def test_hook_prepare_connection(load: Load) -> None:
    manager = load(
        mine="""
        @hookimpl
        def prepare_connection(connection):
            connection.create_function("reversed_text", 1, lambda text: text[::-1])
        """
    )
    connection = sqlite3.connect(":memory:")
    manager.prepare_connection(connection)
    assert connection.execute("SELECT reversed_text('soest')").fetchone() == ("tseos",)
    connection.close()


def test_hook_run_started(load: Load) -> None:
    manager = load(listener=listener("run_started", "run_id", "sources"))
    sources = (Source(id="s"),)
    manager.run_started("run-1", sources)
    assert heard("listener") == [("run-1", sources)]


def test_hook_release_archived(load: Load) -> None:
    manager = load(listener=listener("release_archived", "release", "change"))
    manager.release_archived(release(), "new")
    assert heard("listener") == [(release(), "new")]


def test_hook_document_failed(load: Load) -> None:
    manager = load(listener=listener("document_failed", "failure"))
    manager.document_failed(failure())
    assert heard("listener") == [(failure(),)]


def test_hook_run_finished(load: Load) -> None:
    manager = load(listener=listener("run_finished", "report"))
    manager.run_finished(report())
    assert heard("listener") == [(report(),)]


def test_a_listener_names_only_the_arguments_it_needs(load: Load) -> None:
    manager = load(one=listener("release_archived", "change"), none=listener("run_started"))
    manager.release_archived(release(), "changed")
    manager.run_started("run-1", ())
    assert (heard("one"), heard("none")) == ([("changed",)], [()])


def test_has_observers_says_whether_anybody_listens(load: Load) -> None:
    manager = load(listener=listener("run_finished", "report"))
    assert manager.has_observers("run_finished")
    assert not manager.has_observers("release_archived")


@pytest.mark.parametrize("raised", ["RuntimeError('boom')", "SystemExit(3)"])
def test_a_failing_observer_is_warned_about_once_and_stops_nobody(
    load: Load, caplog: pytest.LogCaptureFixture, raised: str
) -> None:
    failing = f"@hookimpl\ndef document_failed(failure):\n    raise {raised}\n"
    manager = load(
        a=listener("document_failed", "failure"), b_failing=failing, c=listener("document_failed", "failure")
    )
    with caplog.at_level(logging.WARNING):
        manager.document_failed(failure())
        manager.document_failed(failure())
    assert len(heard("a")) == len(heard("c")) == 2
    assert len(manager.warnings) == 1
    assert manager.warnings[0].startswith('Plugin "b_failing": document_failed: ')
    assert raised.partition("(")[0] in manager.warnings[0]
    assert [record.getMessage() for record in caplog.records] == manager.warnings


def test_a_plugin_that_spoils_a_connection_is_warned_about_and_the_others_work(load: Load) -> None:
    manager = load(
        a="@hookimpl\ndef prepare_connection(connection):\n    connection.execute('SELECT no_such_function()')\n",
        b="@hookimpl\ndef prepare_connection(connection):\n    connection.create_function('one', 0, lambda: 1)\n",
    )
    connection = sqlite3.connect(":memory:")
    manager.prepare_connection(connection)
    assert connection.execute("SELECT one()").fetchone() == (1,)
    assert "no_such_function" in manager.warnings[0]
    connection.close()


def test_vocabularies_are_values(load: Load) -> None:
    assert isinstance(load().vocabularies["core"], Vocabulary)
