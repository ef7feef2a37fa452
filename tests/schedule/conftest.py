"""Archives that live through simulated days: a source that does what a file says, and commands run at a given time."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import time_machine
from click.testing import CliRunner, Result

from archive_pipeline.cli.main import command_line

PLUGIN = '''
"""A source that offers what a JSON file says: texts by key, or how they fail."""
import json
from archive_pipeline import (
    EmptySelectorError, FetchError, Gone, Item, NeedsJavaScriptError, Refused, RefusedError, hookimpl
)
from pydantic import BaseModel

archive_pipeline_api = 1
ERRORS = {
    "error": FetchError, "empty_selector": EmptySelectorError, "needs_javascript": NeedsJavaScriptError,
    "refused": RefusedError,
}

class Options(BaseModel):
    pass

class Acted:
    options = Options
    def claims(self, url):
        return None
    def discover(self, source, context):
        script = json.loads((context.base / source.path).read_text())
        for key, document in script.get("documents", {}).items():
            published = document.get("published") if isinstance(document, dict) else None
            yield Item(source_id=source.id, key=key, fingerprint=json.dumps(document), published=published)
        if "error" in script:
            kind, reason = script["error"]
            raise ERRORS[kind](reason, hint="Hinweis des Fetchers")
    def capture(self, item, source, context):
        document = json.loads((context.base / source.path).read_text())["documents"][item.key]
        if isinstance(document, str):
            return [context.put(item, document.encode(), media_type="text/plain")]
        if "published" in document:
            return [context.put(item, document["text"].encode(), media_type="text/plain")]
        [(kind, reason)] = document.items()
        if kind == "gone":
            return [Gone(reason)]
        if kind == "refused":
            return [Refused(reason)]
        if kind == "unreadable":
            return [context.put(item, bytes([0, 1, 2, 255] * 50), media_type="application/pdf")]
        raise ERRORS[kind](reason)

@hookimpl
def register_fetchers(registry):
    registry.add("acted", Acted())
'''

TEXT = """Neue Beratungsstelle in Heinsberg eröffnet: {0}

Kreis Heinsberg. Die neue Beratungsstelle für Zugewanderte hat am Montag in Heinsberg eröffnet, Nummer {0}. Sie hilft
bei Anträgen, Sprachkursen und der Suche nach Arbeit, teilte die Kreisverwaltung mit.
"""

INSTALLED = ",".join(point.name for point in entry_points(group="archive_pipeline"))
"""Plugins that nothing here needs: left out, a command starts twice as fast."""

START = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
"""A Monday, 07:00 in Germany."""


LONGEST_WAIT = 120
"""Seconds after which what a test waits for is not going to happen, on the busiest machine."""


class Archive:
    """An archive folder; commands are given at a simulated time."""

    def __init__(self, folder: Path, apl: Any) -> None:
        self.folder = folder
        self._apl = apl
        self.now = START
        self.runner = CliRunner(env={"ARCHIVE_PIPELINE_BLOCK": INSTALLED})
        (folder / "plugins").mkdir(parents=True)
        (folder / "plugins" / "acted.py").write_text(PLUGIN, encoding="utf-8")

    def sources(self, **settings: str) -> None:
        """Write sources.toml: one acted source per name, with further lines of settings."""
        tables = [
            f'[[source]]\nid = "{name}"\nfetcher = "acted"\npath = "{name}.json"\n{lines}\n'
            for name, lines in settings.items()
        ]
        text = '[archive]\ntitle = "Probe"\nrequest_interval = 0\n\n' + "\n".join(tables)
        (self.folder / "sources.toml").write_text(text, encoding="utf-8")
        for name in settings:
            if not (self.folder / f"{name}.json").exists():
                self.offer(name)

    def offer(self, name: str, *, error: tuple[str, str] | None = None, **documents: Any) -> None:
        """What the source offers from now on."""
        script: dict[str, Any] = {"documents": documents}
        if error:
            script["error"] = error
        (self.folder / f"{name}.json").write_text(json.dumps(script), encoding="utf-8")

    def __call__(self, *arguments: str, code: int | None = 0) -> Result:
        """Give a command at the archive's time."""
        with time_machine.travel(self.now, tick=True):
            result = self.runner.invoke(command_line, ["-C", str(self.folder), *arguments])
        found = getattr(result.exception, "exit_code", result.exit_code)
        if code is not None:
            assert found == code, f"{arguments} → {found}\n{result.output}\n{result.exception!r}"
        return result

    @contextmanager
    def running(self, *arguments: str, until: Callable[[], object]) -> Iterator[None]:
        """A command in a process of its own, at the real time, which has come so far that `until` holds; it is killed
        at the end. Fails with what the command said when it ends before, or does not get so far."""
        said = self.folder / "said"
        command = ("archive-pipeline", "-C", self.folder, *arguments)
        started = self._apl.start(*command, stderr=said, ARCHIVE_PIPELINE_BLOCK=INSTALLED)
        try:
            deadline = time.monotonic() + LONGEST_WAIT
            while not until():
                assert started.poll() is None, said.read_text(encoding="utf-8")
                assert time.monotonic() < deadline, f"not so far after {LONGEST_WAIT} seconds"
                time.sleep(0.02)
            yield
        finally:
            started.kill()
            started.wait()

    def json(self, *arguments: str, code: int | None = 0) -> list[Any]:
        """The lines a command prints with --json."""
        return [json.loads(line) for line in self(*arguments, "--json", code=code).stdout.splitlines()]

    def visited(self, *arguments: str, code: int | None = None) -> list[str]:
        """The sources that `run --due` visits now."""
        lines = self.json("run", "--due", *arguments, code=code)
        return sorted(line["source"] for line in lines if line["type"] == "source_done")

    def health(self, name: str, code: int | None = None) -> Any:
        """What status says of a source."""
        [line] = self.json("status", code=code)
        return next(source for source in line["sources"] if source["id"] == name)

    def later(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


@pytest.fixture
def archive(apl: Any, tmp_path: Path) -> Archive:
    """An archive without sources."""
    return Archive(tmp_path / "archiv", apl)


@pytest.fixture
def text() -> Callable[[object], str]:
    """A press release of its own."""
    return TEXT.format
