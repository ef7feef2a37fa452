"""Plugins that do what no plugin should: nothing of it may stop the start, or reach what others registered."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from archive_pipeline.plugin_manager import PluginManager

Plugin = Callable[..., Path]
Load = Callable[..., PluginManager]

EXPORTER = """
class Lines:
    def export(self, releases, out):
        return 0

@hookimpl
def register_exporters(registry):
    {statement}
"""
WELL = EXPORTER.format(statement='registry.add("well", Lines())')


def exporters(manager: PluginManager) -> list[str]:
    return [entry.name for entry in manager.exporters]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("class Own(BaseException): pass\nraise Own('x')", "Own: x"),
        ("import pytest\npytest.importorskip('no_such_package_anywhere')", "Skipped: could not import"),
        ("class M(Exception):\n    def __str__(self): raise ValueError\nraise M", "M: <exception str() failed>"),
        ("raise ValueError('\\x1b[31m' + 'x' * 10**6)", "ValueError:  [31mxxx"),
        ("def again(): again()\nagain()", "RecursionError"),
        (EXPORTER.format(statement="registry.add(5, Lines()); registry.add('a', Lines())"), "5 ist kein Name"),
        (EXPORTER.format(statement="registry.add('', Lines())"), "'' ist kein Name"),
        (EXPORTER.format(statement="registry.add('a\\n\\x1b[31m', Lines())"), "ist kein Name"),
        (EXPORTER.format(statement="registry.add('a', Lines(), order='first')"), "order muss eine ganze Zahl sein"),
        (EXPORTER.format(statement="registry.add('a', Lines(), order=float('nan'))"), "order muss eine ganze Zahl"),
    ],
)
def test_it_is_quarantined_with_a_reason_that_can_be_shown(plugin: Plugin, load: Load, body: str, reason: str) -> None:
    plugin("a_bad", body)
    plugin("b_well", WELL)
    manager = load()
    assert exporters(manager) == ["core", "well"]
    (bad,) = manager.quarantined
    assert reason in (bad.error or "")
    assert (bad.error or "").isprintable()
    assert len(bad.error or "") < 700


def test_what_a_plugin_prints_does_not_reach_standard_output(
    plugin: Plugin, load: Load, capsys: pytest.CaptureFixture[str]
) -> None:
    plugin("speaks", "print('imported')" + EXPORTER.format(statement="print('called'); registry.add('own', Lines())"))
    assert exporters(load()) == ["core", "own"]
    out, err = capsys.readouterr()
    assert (out, err.split()) == ("", ["imported", "called"])


def test_vocabularies_of_others_can_be_read_but_not_taken_away(plugin: Plugin, load: Load) -> None:
    plugin(
        "a_first",
        """
        from archive_pipeline import Vocabulary

        @hookimpl
        def register_vocabularies(registry):
            registry.add("orte", Vocabulary(name="orte", version="1", licence="CC0", entries=()))
        """,
    )
    plugin(
        "b_thief",
        """
        @hookimpl
        def register_classifiers(registry, vocabularies):
            assert "orte" in vocabularies
            vocabularies.add("eigene", object())
            vocabularies._entries.pop("orte")
        """,
    )
    assert [entry.name for entry in load().vocabularies] == ["orte"]


def test_links_in_a_circle_and_other_things_that_are_no_plugin(plugin: Plugin, load: Load, folder: Path) -> None:
    (folder / "a.py").symlink_to("b.py")
    (folder / "b.py").symlink_to("a.py")
    (folder / "nirgends.py").symlink_to("gibt-es-nicht.py")
    os.mkfifo(folder / "rohr.py")
    plugin("well", WELL)
    manager = load()
    assert (exporters(manager), manager.quarantined) == (["core", "well"], ())


@pytest.mark.skipif(os.geteuid() == 0, reason="root darf alles lesen")
@pytest.mark.parametrize("name", [".", "zu"])
def test_a_closed_folder_is_quarantined(plugin: Plugin, load: Load, folder: Path, name: str) -> None:
    plugin("zu/__init__.py", WELL)
    (folder / name).chmod(0)
    try:
        (closed,) = load().quarantined
        assert "ist nicht lesbar: Permission denied" in (closed.error or "")
    finally:
        (folder / name).chmod(0o700)


@pytest.mark.skipif(os.geteuid() == 0, reason="root darf alles lesen")
def test_a_closed_file_beside_a_plugin_does_not_stop_the_fingerprint(plugin: Plugin, load: Load, folder: Path) -> None:
    plugin("well/__init__.py", WELL)
    (folder / "well" / "notizen.txt").write_text("x")
    (folder / "well" / "notizen.txt").chmod(0)
    manager = load()
    assert exporters(manager) == ["core", "well"]
    assert manager.fingerprint()
