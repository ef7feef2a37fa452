"""docs/plugins.md is true: its walk-through runs as it stands, its lists agree with the code."""

import ast
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from archive_pipeline_plugins.wordpress import WordPressOptions
from click.testing import CliRunner

from archive_pipeline import HttpOptions, hookspecs, protocols, testing
from archive_pipeline.clean import cleaners
from archive_pipeline.cli.main import Settings
from archive_pipeline.fetch.preset import PresetFetcher
from archive_pipeline.plugin_loading.rules import PresetTable, SiteTable
from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.sources import load_config
from archive_pipeline.testing.fixtures import Expectation

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
PORT = "8765"

# a file's block follows a line that names it; other blocks stand alone
BLOCK = re.compile(
    r"^(?:(?P<append>Append to )?`(?P<file>[\w./-]+)`:\n\n)?```(?P<kind>[a-z]+(?: server)?)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


EXPECTED_CODE = re.compile(r" \|\| test \$\? -eq (\d)$")
"""How the page says that a command ends with an exit code other than 0."""


class Reader:
    """Does in an empty folder what the page tells its reader to do."""

    def __init__(self, folder: Path, apl: Any) -> None:
        self.folder = folder
        self.port = _free_port()
        self.output: dict[str, str] = {}
        self.errors: dict[str, str] = {}
        self.servers: list[subprocess.Popen[bytes]] = []
        self._apl = apl
        paths = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("ARCHIVE_PIPELINE_", "PYTEST_"))}
        self.environ = {**kept, "PATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}

    def follow(self, text: str) -> None:
        for block in BLOCK.finditer(text.replace(PORT, str(self.port))):
            if block["file"]:
                self._write(block["file"], block["body"], append=bool(block["append"]))
            elif block["kind"] == "sh":
                self._run(block["body"])
            elif block["kind"] == "sh server":
                self._serve(block["body"])

    def stop(self) -> None:
        for server in self.servers:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(timeout=20)

    def _write(self, name: str, body: str, *, append: bool) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a" if append else "w", encoding="utf-8") as file:
            file.write(body)

    def _run(self, script: str) -> None:
        """The block, line by line; the next block goes on in the folder where this one ended."""
        for command in script.splitlines():
            words = shlex.split(EXPECTED_CODE.sub("", command))
            if words[0] == "archive-pipeline":
                done = self._start(command, *words)
            elif words[:3] == ["python3", "-m", "pytest"]:
                done = self._start(command, *words[2:])
            else:
                done = self._run_in_shell(command)
            self.output[command] = done.stdout.rstrip("\n")
            self.errors[command] = done.stderr

    def _start(self, command: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run one of the commands that tests start without importing everything again."""
        code = EXPECTED_CODE.search(command)
        done: subprocess.CompletedProcess[str] = self._apl.run(
            *words, code=int(code[1]) if code else 0, cwd=self.folder, PYTHONDONTWRITEBYTECODE="1"
        )
        return done

    def _run_in_shell(self, command: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["bash", "-c", f"{command}\nstatus=$?; echo; pwd; exit $status"],
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, f"$ {command}\n{done.stdout}\n{done.stderr}"
        *lines, folder = done.stdout.splitlines()
        self.folder = Path(folder)
        return subprocess.CompletedProcess(done.args, done.returncode, "\n".join(lines), done.stderr)

    def _serve(self, command: str) -> None:
        server = subprocess.Popen(
            ["bash", "-c", f"exec {command}"],
            cwd=self.folder,
            env=self.environ,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.servers.append(server)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and server.poll() is None:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        pytest.fail(f"$ {command}: the server did not start")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@pytest.fixture(scope="module")
def reader(apl: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Somebody who has worked through the page, to the end of the packaging section."""
    made = Reader(tmp_path_factory.mktemp("reader"), apl)
    try:
        made.follow(TEXT)
        yield made
    finally:
        made.stop()


def command(reader: Reader, start: str) -> str:
    return next(output for line, output in reader.output.items() if line.startswith(start))


def test_the_walk_through_ends_in_a_search_hit(reader: Reader) -> None:
    summary = json.loads(command(reader, "archive-pipeline run").splitlines()[-1])
    assert (summary["new"], summary["failed"], summary["exit_code"]) == (1, 1, 3)
    assert "Freibad öffnet am 1. Mai" in command(reader, "archive-pipeline search")


def test_the_plugins_of_the_walk_through_are_loaded(reader: Reader) -> None:
    listed = command(reader, "archive-pipeline plugins list")
    assert re.search(r"^musterstadt .*geladen$", listed, re.MULTILINE)
    assert "Presets: musterstadt" in listed
    assert "Hosts: 127.0.0.1, www.musterstadt.example" in listed
    assert "musterstadt: in Ordnung" in command(reader, "archive-pipeline plugins check plugins/musterstadt")
    for name in ("musterstadt", "rathaus"):
        assert "passed" in command(reader, f"python3 -m pytest -q plugins/{name}")


def test_the_source_of_the_walk_through_is_tried_and_recorded(reader: Reader) -> None:
    assert "Freibad öffnet am 1. Mai" in command(reader, "archive-pipeline sources test")
    assert "Weitergeben" in reader.errors["archive-pipeline plugins record musterstadt --limit 1"]
    fixture = reader.folder / "plugins" / "musterstadt" / "fixtures" / "musterstadt.expected.json"
    (article,) = json.loads(fixture.read_text(encoding="utf-8"))["articles"].values()
    assert article["published"] == "2024-04-24"
    assert article["text"].startswith("Musterstadt. Das Freibad")
    assert article["text"].endswith("ab sofort im Bürgerbüro.")
    assert not list(fixture.parent.glob("*.html"))


def test_the_code_on_the_page_is_what_the_command_writes(reader: Reader) -> None:
    written = (reader.folder / "plugins" / "rathaus" / "__init__.py").read_text(encoding="utf-8")
    (shown,) = [block["body"] for block in BLOCK.finditer(TEXT) if block["kind"] == "python"]
    assert shown in written


def test_the_package_of_the_walk_through_is_found_by_its_entry_point(reader: Reader, tmp_path: Path) -> None:
    project = tmp_path / "project"
    shutil.copytree(reader.folder / "plugins", project / "plugins")
    shutil.copy(reader.folder / "pyproject.toml", project)
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-build-isolation", "--no-deps", "-w", tmp_path, project],
        env=reader.environ,
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    listed = subprocess.run(
        ["archive-pipeline", "plugins", "list", "--json"],
        env={**reader.environ, "PYTHONPATH": str(tmp_path / "installed")},
        cwd=tmp_path,
        check=True,
        capture_output=True,
        text=True,
    )
    found = {record["name"]: record for record in map(json.loads, listed.stdout.splitlines())}
    for name, kind in (("rathaus", "python"), ("musterstadt", "rules")):
        record = found[name]
        assert (record["status"], record["origin"], record["version"]) == ("ok", "entry-point", "1.0")
        assert record["kind"] == kind


EXAMPLE = re.compile(r"(?:^(?: {4}.*)?\n)+", re.MULTILINE)
"""Lines that are indented, as an example within a section is."""


def examples(mark: str) -> list[str]:
    return [dedent(block) for block in EXAMPLE.findall(TEXT) if mark in block]


def test_plugins_shown_as_examples_are_loaded(tmp_path: Path) -> None:
    shown = examples("archive_pipeline_api = 1")
    assert len(shown) == 2
    for number, text in enumerate(shown):
        (tmp_path / f"shown{number}.py").write_text(text, encoding="utf-8")
    manager = load_plugins(tmp_path, {})
    assert manager.quarantined == ()
    assert "titles" in manager.exporters
    assert "ostsee" in manager.vocabularies


def test_the_command_shown_as_an_example_counts(apl: Any, make_archive: Any) -> None:
    (text,) = examples("@click.command()")
    scope: dict[str, Any] = {}
    exec(text[text.index("import archive_pipeline") :], scope)
    folder = make_archive({"a.txt": "Kreis Lippe baut\n\nDer Kreis Lippe baut in Detmold eine Schule."})
    apl("-C", folder, "run")
    done = CliRunner().invoke(scope["count"], ["Schule"], obj=Settings(folder=folder))
    assert (done.exit_code, done.output) == (0, "1\n")


def specified() -> dict[str, str]:
    """Every hook with its arguments as written in hookspecs.py."""
    tree = ast.parse(Path(hookspecs.__file__).read_text(encoding="utf-8"))
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    return {node.name: f"{node.name}({ast.unparse(node.args)})" for node in functions if node.decorator_list}


def test_every_hook_is_described_with_its_arguments() -> None:
    headings = re.findall(r"^### `(\w+\(.*\))`$", TEXT, re.MULTILINE)
    assert headings == list(specified().values())


def test_the_slots_are_those_of_the_protocol_and_the_built_in_steps() -> None:
    table = {int(order) for order in re.findall(r"^\| (\d+) \| ", TEXT, re.MULTILINE)}
    docstring = protocols.Cleaner.__doc__ or ""
    assert table == {int(order) for order in re.findall(r"(\d+) [a-z]", docstring.partition("Order slots:")[2])}
    # steps that share a slot follow each other directly
    assert {order - order % 50 for _, _, order in cleaners()} <= table


def keys(section: str) -> set[str]:
    """The names in the first column of a section's tables."""
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    return {key for row in rows for key in re.findall(r"`([\w-]+)`", row)}


def test_every_key_of_rules_toml_is_described() -> None:
    section = TEXT.partition("## What rules.toml says")[2].partition("\n## ")[0]
    preset, _, site = section.partition("**`[[site]]`**")
    assert keys(preset) == set(PresetTable.model_fields)
    assert keys(site.partition("### Fixtures")[0]) == set(SiteTable.model_fields)


def test_the_fixture_on_the_page_is_a_valid_one() -> None:
    section = TEXT.partition("### Fixtures")[2].partition("\n## ")[0]
    (fixture,) = [block["body"] for block in BLOCK.finditer(section) if block["kind"] == "json"]
    assert Expectation.model_validate_json(fixture).model_fields_set == set(Expectation.model_fields)


def test_every_setting_of_the_wordpress_plugin_is_described() -> None:
    section = TEXT.partition("## The plugin wordpress")[2].partition("\n## ")[0]
    assert keys(section) == set(WordPressOptions.model_fields) - set(HttpOptions.model_fields)


@pytest.mark.parametrize("heading", ["The plugin wordpress", "Systems and sites that are known"])
def test_the_sources_on_the_page_are_valid(heading: str, tmp_path: Path) -> None:
    section = TEXT.partition(f"## {heading}")[2].partition("\n## ")[0]
    (table,) = [block["body"] for block in BLOCK.finditer(section) if block["kind"] == "toml"]
    (tmp_path / "sources.toml").write_text(table, encoding="utf-8")
    assert load_config(tmp_path / "sources.toml", load_plugins(None, {}).fetchers).sources


def test_every_preset_is_in_the_list_of_systems() -> None:
    section = TEXT.partition("## Systems and sites that are known")[2]
    rows = re.findall(r"^\| [^|]+ \| (`[^|]+) \| [^|]+ \|$", section, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`([\w-]+)`", row)]
    presets = [entry.name for entry in load_plugins(None, {}).fetchers if isinstance(entry.obj, PresetFetcher)]
    assert sorted(named) == sorted([*presets, "wordpress", "oparl"])


def test_every_testing_name_is_described() -> None:
    section = TEXT.partition("## Testing")[2].partition("\n## ")[0]
    named = set(re.findall(r"`(\w+)(?:\([^`]*\))?`", section))
    assert set(testing.__all__) - {"Answer", "ReplayContext"} <= named
