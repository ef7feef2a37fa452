"""The suites of rules and recorded sources find what is missing; `plugins check` tests cover what is wrong."""

from pathlib import Path

import pytest

from archive_pipeline.developing.scaffolding import new_plugin
from archive_pipeline.testing import RulesContract, SourceContract


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return new_plugin("auental", "source", tmp_path).folder


def add(folder: Path, text: str) -> None:
    with (folder / "rules.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n{text}\n")


def run(suite: type[SourceContract], folder: Path) -> list[str]:
    """The reasons of the tests that fail."""
    subject, reasons = suite(), []
    subject.folder = folder
    for name in sorted(name for name in dir(subject) if name.startswith("test_")):
        try:
            getattr(subject, name)()
        except AssertionError as error:
            reasons.append(str(error))
    return reasons


def test_what_is_sound_passes(folder: Path) -> None:
    assert run(RulesContract, folder) == []


def test_a_plugin_without_fixture_is_not_tested(folder: Path) -> None:
    for path in (folder / "fixtures").glob("*.expected.json"):
        path.unlink()
    assert any("no expected.json" in reason for reason in run(RulesContract, folder))


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ('[[preset]]\nname = "zweites"\nfetcher = "feed"', "no fixture lists a source of the presets zweites"),
        ('[[site]]\nhosts = ["a.example"]\nbody = "p"', "[[site]] number 2: reads no page of the fixtures"),
        ('[[site]]\nfetchers = ["wordprss"]\nbody = "p"', "unknown fetchers wordprss"),
        ('author = "p.verfasser"', "[[site]] number 1: nothing found on any page of the fixtures: author"),
        ("valid_until = 2024-01-01", "[[site]] number 1: reads no page of the fixtures"),
    ],
)
def test_what_no_fixture_shows_is_found(folder: Path, table: str, reason: str) -> None:
    add(folder, table)
    assert any(reason in found for found in run(RulesContract, folder))


def test_a_fetcher_of_ones_own_may_not_go_round_the_context(tmp_path: Path) -> None:
    folder = new_plugin("auental", "fetcher", tmp_path).folder
    code = folder / "__init__.py"
    lines = code.read_text(encoding="utf-8").splitlines()
    (at,) = [number for number, line in enumerate(lines) if "context.get(" in line and "answer" in line][:1]
    indent = lines[at][: len(lines[at]) - len(lines[at].lstrip())]
    lines.insert(at, f'{indent}socket.create_connection(("presse.example", 443))')
    code.write_text("\n".join(lines).replace('"""\n', '"""\n\nimport socket\n', 1), encoding="utf-8")
    assert any("network" in reason for reason in run(SourceContract, folder))
