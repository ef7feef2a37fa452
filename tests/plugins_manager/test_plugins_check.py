"""`plugins check` tries everything a plugin registers and reports in words; what it can't try it says."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from archive_pipeline.cli.main import command_line
from archive_pipeline.developing.scaffolding import Kind, new_plugin

Change = Callable[[str, str, str], None]


@pytest.fixture
def check(tmp_path: Path) -> Callable[..., Result]:
    """A new plugin with one text in one of its files replaced, checked."""

    def run(kind: Kind, file: str = "", old: str = "", new: str = "") -> Result:
        made = new_plugin("auental", kind, tmp_path)
        if file:
            path = made.folder / file
            text = path.read_text(encoding="utf-8")
            assert old in text
            path.write_text(text.replace(old, new), encoding="utf-8")
        return CliRunner().invoke(command_line, ["plugins", "check", str(made.folder)])

    return run


def test_a_sound_plugin(check: Callable[..., Result]) -> None:
    done = check("source")
    assert done.exit_code == 0
    assert done.output.splitlines() == [
        "auental: geladen (Preset auental, Host www.auental.example)",
        "  in Ordnung rules.toml (8 Prüfungen)",
        "auental: in Ordnung",
    ]


@pytest.mark.parametrize(
    ("kind", "file", "old", "new", "said"),
    [
        ("source", "rules.toml", 'title = "h1"', 'title = "h6"', "nothing found on any page of the fixtures: title"),
        ("source", "rules.toml", 'body = "div.meldung p"', 'body = "div.text p"', "reads no page"),
        ("source", "rules.toml", '"p.teilen"', '"p.nichts"', "text is"),
        ("source", "rules.toml", 'next = "a.weiter"\n', "", "2 items, expected 3"),
        ("source", "rules.toml", '["PHPSESSID"]', "[]", "item 1 is"),
        ("source", "fixtures/liste.expected.json", "2024-04-12", "2024-04-13", "item 2 is"),
        ("source", "fixtures/liste.expected.json", '"liste-2.html"', '"weg.html"', "weg.html fehlt"),
        ("source", "fixtures/liste.expected.json", '"items"', '"itens"', "itens: Extra inputs"),
        ("source", "fixtures/liste.expected.json", '"fetcher"', '"nest": 1, "fetcher"', "source.nest: Extra inputs"),
        ("cleaner", "__init__.py", "if last != LINE:", "if len(article.text) < 3:", "cleaning again changes it"),
        ("classifier", "__init__.py", "start=found.start()", "start=0", "is not at 0"),
        ("fetcher", "__init__.py", "[:newest]", "[:newest] * 2", "share a key"),
        ("fetcher", "parse.py", ".date().isoformat()", ".date()", "Item"),
    ],
)
def test_mistakes_are_named(check: Callable[..., Result], kind: Kind, file: str, old: str, new: str, said: str) -> None:
    done = check(kind, file, old, new)
    assert done.exit_code == 5, done.output
    assert "FEHLER" in done.output
    assert said in done.output
    assert "Traceback" not in done.output


def test_a_crash_is_named_with_its_line(check: Callable[..., Result]) -> None:
    done = check("cleaner", "__init__.py", "if last != LINE", "if last != lost")
    assert done.exit_code == 5
    assert "NameError: name 'lost' is not defined (__init__.py:" in done.output


def test_a_plugin_that_cannot_be_loaded(check: Callable[..., Result]) -> None:
    done = check("source", "rules.toml", "items =", "itens =")
    assert done.exit_code == 1  # the exit code is set by main()
    assert 'unbekannter Schlüssel "itens" – meinten Sie "items"?' in str(done.exception)


def test_what_cannot_be_tried_is_said(tmp_path: Path) -> None:
    made = new_plugin("auental", "fetcher", tmp_path)
    for path in (made.folder / "fixtures").glob("*.expected.json"):
        path.unlink()
    done = CliRunner().invoke(command_line, ["plugins", "check", str(made.folder)])
    assert done.exit_code == 0
    assert "nur Einstellungen und Adressen geprüft" in done.output


def test_a_single_file_is_a_plugin_too(tmp_path: Path) -> None:
    path = tmp_path / "lines.py"
    path.write_text(
        "from archive_pipeline import hookimpl\narchive_pipeline_api = 1\n\n"
        "class Lines:\n    def export(self, releases, out):\n        return sum(1 for _ in releases)\n\n"
        "@hookimpl\ndef register_exporters(registry):\n    registry.add('lines', Lines())\n"
    )
    done = CliRunner().invoke(command_line, ["plugins", "check", str(path)])
    assert done.exit_code == 0
    assert "ungeprüft  exporter lines" in done.output


def test_an_engine_is_sent_to_its_own_suite(tmp_path: Path) -> None:
    path = tmp_path / "engine.py"
    path.write_text(
        "from archive_pipeline import hookimpl\narchive_pipeline_api = 1\n\n"
        "class Engine:\n    version = '1'\n    def create(self, folder): ...\n"
        "    def open(self, folder, *, writable=False): ...\n\n"
        "@hookimpl\ndef register_index_engines(registry):\n    registry.add('mine', Engine())\n"
    )
    done = CliRunner().invoke(command_line, ["plugins", "check", str(path)])
    assert done.exit_code == 0
    assert "ungeprüft  index engine mine" in done.output
    assert "IndexEngineContract" in done.output


def test_the_list_shows_what_rules_bring(tmp_path: Path) -> None:
    new_plugin("auental", "source", tmp_path / "plugins")
    for options in ((), ("--json",)):
        done = CliRunner().invoke(command_line, ["-C", str(tmp_path), "plugins", "list", *options])
        assert done.exit_code == 0
    (row,) = [row for row in map(json.loads, done.output.splitlines()) if row["name"] == "auental"]
    assert (row["kind"], row["presets"], row["hosts"]) == ("rules", ["auental"], ["www.auental.example"])
