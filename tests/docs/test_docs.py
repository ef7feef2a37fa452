"""The documentation is true: its commands run, its tables agree with the code."""

import inspect
import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from archive_pipeline import errors
from archive_pipeline.cli.main import COMMANDS
from archive_pipeline.sources.tables import ArchiveTable, SourceTable

ROOT = Path(__file__).resolve().parents[2]

BLOCK = re.compile(r"^```(?:sh)?\n(.*?)^```", re.MULTILINE | re.DOTALL)

PAGE = """<!doctype html><html lang="de"><head><title>Kreis Heinsberg eröffnet Beratungsstelle</title></head><body>
<main>
<h1>Kreis Heinsberg eröffnet Beratungsstelle</h1>
<p>Kreis Heinsberg. Die Beratungsstelle für Zugewanderte hat am Montag in Heinsberg eröffnet. Sie hilft bei Anträgen,
Sprachkursen und der Suche nach Arbeit.</p><p>Geöffnet ist sie montags bis freitags von neun bis zwölf Uhr, eine
Anmeldung ist nicht nötig, und die Beratung kostet nichts.</p></main></body></html>"""


def commands(document: Path) -> list[list[str]]:
    """Every command of the product in the document's fenced blocks, in order."""
    text = document.read_text(encoding="utf-8")
    lines = [line for block in BLOCK.findall(text) for line in block.splitlines()]
    return [shlex.split(line)[1:] for line in lines if line.startswith("archive-pipeline ")]


def test_the_readme_opens_with_the_two_commands() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert BLOCK.findall(text)[0] == "make demo\nmake test\n"
    assert text.index("make demo") < 250
    targets = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"`make (\w+)`", text)) | {"demo", "test"}:
        assert re.search(rf"^{target}:", targets, re.MULTILINE), target


@pytest.mark.parametrize("name", ["README.md", "docs/archivists.md", "docs/search.md", "docs/vocabularies.md"])
def test_commands_run_as_they_stand(apl: Any, tmp_path: Path, name: str) -> None:
    found = commands(ROOT / name)
    assert len(found) >= 4
    (tmp_path / "mitteilung.html").write_text(PAGE, encoding="utf-8")
    (tmp_path / "vereine.csv").write_text("label,variants\nHeimatverein Lemgo,HV Lemgo\n", encoding="utf-8")
    (tmp_path / "ordner").mkdir()
    (tmp_path / "ordner" / "mitteilung.html").write_text(PAGE, encoding="utf-8")
    if name != "README.md":
        apl("init", "meinarchiv", "--sample", cwd=tmp_path)
        apl("-C", "meinarchiv", "run", cwd=tmp_path)
    release = ""
    if name != "README.md":
        hits = apl("-C", "meinarchiv", "search", "Kreis", "--json", cwd=tmp_path).stdout
        release = json.loads(hits)["hits"][0]["id"]
    for words in found:
        apl(*(release if word == "ID" else word for word in words), cwd=tmp_path)


def test_every_command_is_in_the_documentation() -> None:
    pages = [*{*ROOT.glob("docs/*.md")} - {ROOT / "docs" / "commands.md"}, ROOT / "README.md"]
    text = "".join(path.read_text(encoding="utf-8") for path in pages)
    for name in COMMANDS:
        assert re.search(rf"archive-pipeline( -C \w+)? {name}\b", text), name


def test_every_option_is_in_the_documentation() -> None:
    script = ROOT / "scripts" / "document_commands.py"
    names: dict[str, Any] = {"__name__": "document_commands", "__file__": str(script)}
    exec(script.read_text(encoding="utf-8"), names)
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert names["page"]() == page, "python scripts/document_commands.py"


@pytest.mark.parametrize(("heading", "table"), [("the archive", ArchiveTable), ("a source", SourceTable)])
def test_every_setting_is_in_the_documentation(heading: str, table: type[BaseModel]) -> None:
    text = (ROOT / "docs" / "archivists.md").read_text(encoding="utf-8")
    section = text.partition(f"## Settings of {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| ([a-z][\w, ]*) \|", section, re.MULTILINE)
    keys = {key for row in rows for key in re.split(r", | or ", row)} - {"key"}
    assert keys == set(table.model_fields)


def test_exit_codes_are_those_of_the_errors() -> None:
    text = (ROOT / "docs" / "archivists.md").read_text(encoding="utf-8")
    table = {int(code) for code in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)}
    raised = {
        kind.exit_code
        for _, kind in inspect.getmembers(errors, inspect.isclass)
        if issubclass(kind, errors.ArchivePipelineError)
    }
    assert raised | {0, 2, 3, 130} == table


def test_links_between_pages_lead_somewhere() -> None:
    for page in [ROOT / "README.md", *ROOT.glob("docs/*.md")]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
