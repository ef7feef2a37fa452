"""Plugins that break their contract: one failure with a name each, and everything else is archived."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.developing.trial import capture_file
from archive_pipeline.errors import ArchivePipelineError, PluginContractError
from archive_pipeline.model import Source
from archive_pipeline.pipeline import run
from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.processing.workers import Workers
from archive_pipeline.workspace import open_workspace

GOOD = (
    "Neue Beratungsstelle in Heinsberg eröffnet\n\n"
    "Kreis Heinsberg. Die neue Beratungsstelle für Zugewanderte hat am Montag in Heinsberg eröffnet. "
    "Sie hilft bei Anträgen, Sprachkursen und der Suche nach Arbeit, teilte die Kreisverwaltung mit."
)

HEAD = """
import math, os, signal
from asyncio import CancelledError
from dataclasses import replace
from pydantic import BaseModel
from archive_pipeline import hookimpl
from archive_pipeline.model import Axis, Evidence, Item, Person, Role, Tag
archive_pipeline_api = 1
"""

FETCHER = (
    HEAD
    + """
class Options(BaseModel):
    pass

class Fetcher:
    options = Options
    def claims(self, url):
        return None
    def discover(self, source, context):
        yield Item(source_id=source.id, key="eins")
        {discover}
    def capture(self, item, source, context):
        found = context.put(item, {text!r}.replace("Montag", item.key).encode(), media_type="text/plain")
        {capture}
        return [found]

@hookimpl
def register_fetchers(registry):
    registry.add("eigener", Fetcher())
"""
)

CLASSIFIER = (
    HEAD
    + """
class Classifier:
    version = "1"
    def classify(self, article, source):
        span = Evidence(start=0, end=4, text=article.text[:4])
        tag = Tag(
            axis=Axis.TOPIC, value="housing", label="Wohnen", role=Role.ABOUT, score=0.9, by="x@1", evidence=(span,)
        )
        return {findings}

@hookimpl
def register_classifiers(registry, vocabularies):
    registry.add("eigener", Classifier())
"""
)

CLEANER = (
    HEAD
    + """
class Cleaner:
    def clean(self, article, page, source):
        {clean}

@hookimpl
def register_cleaners(registry):
    registry.add("eigener", Cleaner(), order=800)
"""
)


@pytest.fixture
def with_plugin(make_archive: Callable[..., Path]) -> Callable[..., Path]:
    """An archive with a good document and one plugin."""

    def make(code: str, *, fetcher: bool = False) -> Path:
        folder = make_archive({"gut.txt": GOOD})
        (folder / "plugins").mkdir()
        (folder / "plugins" / "eigener.py").write_text(code, encoding="utf-8")
        if fetcher:
            with (folder / "sources.toml").open("a", encoding="utf-8") as file:
                file.write('\n[[source]]\nid = "eigene"\ntitle = "Eigene"\nfetcher = "eigener"\npath = "x"\n')
        return folder

    return make


def failures(apl: Any, folder: Path) -> str:
    return str(apl("-C", folder, "status", "--failures", code=None).stdout)


DISCOVER = {
    "an error": ('raise RuntimeError("kaputt")', "RuntimeError: kaputt"),
    "an exit": ("raise SystemExit(0)", "SystemExit"),
    "an interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "a cancellation": ("raise CancelledError", "CancelledError"),
    "no item": ("yield 5", "discover() gab int zurück"),
    "an item of another source": ('yield Item(source_id="eingang", key="x")', "'eingang'"),
    "an item without a key": ("yield Item(source_id=source.id, key=None)", "key"),
    "a text that can't be written": ('yield Item(source_id=source.id, key="s", title="\\ud83d")', "Item"),
}


@pytest.mark.parametrize("name", sorted(DISCOVER))
def test_discovering(apl: Any, with_plugin: Callable[..., Path], name: str) -> None:
    code, reason = DISCOVER[name]
    folder = with_plugin(FETCHER.format(discover=code, capture="pass", text=GOOD), fetcher=True)
    summary = apl.json("-C", folder, "run", "--json", code=3)
    # what it offered before is captured
    assert (summary["new"], summary["failed"], summary["failed_sources"]) == (2, 1, ["eigene"])
    told = failures(apl, folder)
    assert "Fetcher eigener" in told
    assert reason in told


@pytest.mark.parametrize("setting", ["IPv4Address('10.0.0.1')", "object()"])
def test_settings_that_are_no_json(apl: Any, with_plugin: Callable[..., Path], setting: str) -> None:
    code = FETCHER.format(discover="return", capture="pass", text=GOOD).replace(
        "class Options(BaseModel):\n    pass",
        f"from ipaddress import IPv4Address\n\nclass Options(BaseModel):\n    host: object = {setting}",
    )
    summary = apl.json("-C", with_plugin(code, fetcher=True), "run", "--json")
    assert (summary["new"], summary["failed"]) == (2, 0)


CAPTURE = {
    "an error": ('raise RuntimeError("kaputt")', "RuntimeError: kaputt"),
    "an exit": ("raise SystemExit(0)", "SystemExit"),
    "an interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "nothing": ("return []", "capture() gab nichts zurück"),
    "None": ("return None", "TypeError"),
    "an item": ("return [item]", "capture() gab Item zurück"),
    "a capture nobody stored": ('return [replace(found, record_id="urn:uuid:1")]', "nicht für ein Item gespeichert"),
}


@pytest.mark.parametrize("name", sorted(CAPTURE))
def test_capturing(apl: Any, with_plugin: Callable[..., Path], name: str) -> None:
    code, reason = CAPTURE[name]
    folder = with_plugin(FETCHER.format(discover="return", capture=code, text=GOOD), fetcher=True)
    summary = apl.json("-C", folder, "run", "--json", code=3)
    assert (summary["new"], summary["failed"]) == (1, 1)
    assert reason in failures(apl, folder)
    again = apl.json("-C", folder, "run", "--json", code=3)
    assert (again["unchanged"], again["failed"]) == (1, 1), "what failed is tried again"


FINDINGS = {
    "None": ("None", "TypeError"),
    "a label that is none": ("[replace(tag, label=None)]", "label"),
    "no number": ("[replace(tag, score=math.nan)]", "score"),
    "more than certain": ("[replace(tag, score=1.5)]", "1.5"),
    "a span counted from the end": (
        "[replace(tag, evidence=(Evidence(start=-4, end=len(article.text), text=article.text[-4:]),))]",
        "steht nicht an -4",
    ),
    "a text that can't be written": ('[replace(tag, label="\\ud83d")]', "Tag"),
    "a person without a name": ("[Person(name=None, role=None, party=None, start=0, end=3)]", "name"),
}


@pytest.mark.parametrize("name", sorted(FINDINGS))
def test_classifying(apl: Any, with_plugin: Callable[..., Path], name: str) -> None:
    code, reason = FINDINGS[name]
    folder = with_plugin(CLASSIFIER.format(findings=code))
    summary = apl.json("-C", folder, "run", "--json", code=3)
    assert (summary["new"], summary["failed"]) == (1, 1)
    assert f"eigener: {reason}" in failures(apl, folder) or reason in failures(apl, folder)
    assert apl.json("-C", folder, "search", "kreis:Heinsberg", "--json")["total"] == 1, "others' tags are there"


def test_findings_may_come_one_by_one(apl: Any, with_plugin: Callable[..., Path]) -> None:
    folder = with_plugin(CLASSIFIER.format(findings="(found for found in [tag])"))
    assert apl.json("-C", folder, "run", "--json")["new"] == 1
    assert apl.json("-C", folder, "search", "thema:housing", "--json")["total"] == 1


CLEAN = {
    "None": ("return None", "NoneType"),
    "a day as text": ('return replace(article, published="2020-01-01")', "published"),
    "no text": ("return replace(article, text=None)", "text"),
    "an exit": ("raise SystemExit(0)", "SystemExit"),
}


@pytest.mark.parametrize("name", sorted(CLEAN))
def test_cleaning(apl: Any, with_plugin: Callable[..., Path], name: str) -> None:
    code, reason = CLEAN[name]
    folder = with_plugin(
        CLEANER.format(clean=f'if "gut" in page.capture.key:\n            {code}\n        return article')
    )
    (folder / "eingang" / "auch.txt").write_text(GOOD, encoding="utf-8")
    summary = apl.json("-C", folder, "run", "--json", code=3)
    assert (summary["new"], summary["failed"]) == (1, 1)
    assert reason in failures(apl, folder)


DEADLY = CLEANER.format(
    clean='if "tod" in page.capture.key:\n            os.kill(os.getpid(), signal.SIGKILL)\n        return article'
)


def test_a_worker_takes_only_the_document_that_killed_it(apl: Any, tmp_path: Path) -> None:
    plugins = tmp_path / "archiv" / "plugins"
    plugins.mkdir(parents=True)
    (plugins / "eigener.py").write_text(DEADLY, encoding="utf-8")
    for name in ("a", "tod", "b"):
        (tmp_path / f"{name}.txt").write_text(GOOD, encoding="utf-8")
    manifest = tmp_path / "manifest.jsonl"
    manifest.write_text(
        "".join(json.dumps({"id": name, "path": f"{name}.txt"}) + "\n" for name in ("a", "tod", "b")), encoding="utf-8"
    )
    done = apl("-C", tmp_path / "archiv", "try", "--batch", manifest, "--workers", "2")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["id"], line["status"]) for line in lines] == [("a", "accepted"), ("tod", "failed"), ("b", "accepted")]
    assert "Arbeitsprozess" in lines[1]["reason"]


HANGING = (
    CLEANER.format(clean="while True:\n            SENT or (SENT.append(1), os.kill(os.getpid(), signal.SIGTERM))")
    + "\nSENT = []\n"
)


def test_one_signal_ends_a_run_that_hangs(with_plugin: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What was captured is archived once more while the run ends: it would hang there for good."""
    monkeypatch.setattr("archive_pipeline.pipeline.LAST_SECONDS", 0.5)
    folder = with_plugin(HANGING)
    workspace = open_workspace(folder)
    watch = threading.Timer(60, os.kill, (os.getpid(), signal.SIGINT))
    watch.start()
    begin = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(workspace, workspace.config.sources)
    watch.cancel()
    assert time.monotonic() - begin < 50
    (folder / "plugins" / "eigener.py").unlink()
    again = open_workspace(folder)
    assert run(again, again.config.sources).total("new") == 1


ENDLESS = CLEANER.format(clean="__import__('time').sleep(60)\n        return article")


def test_a_document_that_never_ends_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("archive_pipeline.processing.workers.LONGEST", 0.5)
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "eigener.py").write_text(ENDLESS, encoding="utf-8")
    document = tmp_path / "a.txt"
    document.write_text(GOOD, encoding="utf-8")
    with Workers(load_plugins(tmp_path / "plugins", {}), count=2, folder=tmp_path / "plugins") as pool:
        (done,) = pool.process([(capture_file(document), Source(id="x"))])
    assert (done.status, [failure.key for failure in done.failures]) == ("failed", ["a.txt"])
    assert "Zeit" in (done.reason or "")


@pytest.mark.parametrize(
    ("in_the_worker", "error"), [("raise RuntimeError", PluginContractError), ("os._exit(3)", ArchivePipelineError)]
)
def test_workers_that_are_not_like_their_parent_blame_no_document(
    tmp_path: Path, in_the_worker: str, error: type[ArchivePipelineError]
) -> None:
    """A plugin that loads here and does not load there, and one that ends its process."""
    (tmp_path / "plugins").mkdir()
    code = CLEANER.format(clean="return article") + f"\nif os.getpid() != {os.getpid()}:\n    {in_the_worker}\n"
    (tmp_path / "plugins" / "eigener.py").write_text(code, encoding="utf-8")
    document = tmp_path / "a.txt"
    document.write_text(GOOD, encoding="utf-8")
    plugins = load_plugins(tmp_path / "plugins", {})
    assert not plugins.quarantined
    with Workers(plugins, count=2, folder=tmp_path / "plugins") as pool, pytest.raises(error) as caught:
        list(pool.process([(capture_file(document), Source(id="x"))]))
    assert caught.value.hint


STARTED = """
import os, sys
from pathlib import Path
from archive_pipeline.model import Source
from archive_pipeline.pipeline import run
from archive_pipeline.plugin_manager import load_plugins
from archive_pipeline.developing.trial import capture_file
from archive_pipeline.processing.workers import Workers

if __name__ == "__main__":
    job = (capture_file(Path(sys.argv[1])), Source(id="x"))
    with Workers(load_plugins(None, {}), count=2) as pool:
        def jobs():
            while True:
                yield job
        for number, processed in enumerate(pool.process(jobs())):
            if number == 0:
                print(*pool._pool._processes, flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_workers_end_with_their_parent(tmp_path: Path, number: signal.Signals) -> None:
    """Killed or interrupted from the keyboard: no worker stays, and none complains."""
    script, document = tmp_path / "endlos.py", tmp_path / "a.txt"
    script.write_text(STARTED, encoding="utf-8")
    document.write_text(GOOD, encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, str(script), str(document)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        try:
            workers = [int(word) for word in parent.stdout.readline().split()]
            assert workers
            if number == signal.SIGKILL:
                parent.kill()
            else:
                os.killpg(parent.pid, number)
            told = parent.stderr.read()  # until the workers have ended too, who write to it as well
        finally:
            parent.kill()
    until = time.monotonic() + 120
    while any(_lives(worker) for worker in workers):
        assert time.monotonic() < until, f"of {workers} some live on, two minutes after their parent"
        time.sleep(0.02)
    assert told.count("Traceback") == (1 if number == signal.SIGINT else 0), told  # the script's own


def _lives(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"
