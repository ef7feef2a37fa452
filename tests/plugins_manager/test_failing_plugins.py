"""Plugins that fail at work: each is named, costs no export that was there, and never passes for one that worked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

PLUGIN = """
from archive_pipeline import hookimpl

archive_pipeline_api = 1

class Lines:
    def export(self, releases, out):
        {body}

@hookimpl
def register_exporters(registry):
    registry.add("lines", Lines())
"""


@pytest.fixture
def archive(apl: Any, make_archive: Callable[..., Path]) -> Path:
    folder = make_archive({"a.txt": "Kreis Lippe baut\n\nDer Kreis Lippe baut in Detmold eine neue Schule."})
    apl("-C", folder, "run")
    return folder


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('no')", 'Der Exporter "lines" (Plugin mine) scheitert: ValueError: no'),
        ("raise SystemExit(0)", "scheitert: SystemExit: 0"),
        ("out.write(b'x')", "scheitert: TypeError"),
        ("out.write('x')", "export() gab None zurück"),
    ],
)
def test_it_is_named_and_leaves_what_was_there(apl: Any, archive: Path, body: str, said: str) -> None:
    (archive / "plugins").mkdir()
    (archive / "plugins" / "mine.py").write_text(PLUGIN.format(body=body), encoding="utf-8")
    out = archive / "out.txt"
    out.write_text("before", encoding="utf-8")
    for options in ((), ("--out", out, "--force")):
        done = apl("-C", archive, "export", "lines", *options, code=5)
        assert said in done.stderr
        assert "Unerwarteter Fehler" not in done.stderr
    assert out.read_text(encoding="utf-8") == "before"


def test_a_run_says_which_plugin_makes_it_end_with_3(apl: Any, archive: Path) -> None:
    (archive / "plugins").mkdir()
    (archive / "plugins" / "broken.py").write_text("def broken(:\n", encoding="utf-8")
    (archive / "in").mkdir()
    (archive / "in" / "b.txt").write_text("Kreis Soest plant\n\nDer Kreis Soest plant.", encoding="utf-8")
    done = apl("-C", archive, "import", archive / "in", "--json", code=3)
    assert 'Plugin "broken" ist in Quarantäne' in done.stderr
    assert "SyntaxError" in done.stderr


def test_an_engine_that_is_unknown_names_the_plugins_that_may_have_brought_it(apl: Any, tmp_path: Path) -> None:
    (tmp_path / "sources.toml").write_text('[archive]\nengine = "mine"\n', encoding="utf-8")
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "broken.py").write_text("def broken(:\n", encoding="utf-8")
    done = apl("-C", tmp_path, "status", code=4)
    assert 'engine "mine" ist unbekannt; nicht geladene Plugins: broken (SyntaxError' in done.stderr
