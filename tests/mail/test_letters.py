"""Mails of the kinds that press offices and mail programs make, with what an archivist would keep of each."""

import json
import os
from dataclasses import asdict
from pathlib import Path

import pytest

from archive_pipeline.developing.trial import capture_file
from archive_pipeline.model import Processed, Source
from archive_pipeline.plugin_manager import PluginManager, load_plugins
from archive_pipeline.processing.chain import process

LETTERS = Path(__file__).parent / "letters"
CASES = sorted(path.name.removesuffix(".expected.json") for path in LETTERS.glob("*.expected.json"))


@pytest.fixture(scope="module")
def plugins() -> PluginManager:
    return load_plugins(None, os.environ)


def cleaned(name: str, plugins: PluginManager) -> Processed:
    return process(capture_file(LETTERS / f"{name}.eml"), Source(id="post"), plugins)


def test_there_are_letters_to_read():
    assert len(CASES) >= 12


@pytest.mark.parametrize("name", CASES)
def test_letter(name, plugins):
    expected = json.loads((LETTERS / f"{name}.expected.json").read_text(encoding="utf-8"))
    processed = cleaned(name, plugins)
    assert processed.status == "accepted", processed.reason
    article = processed.article
    assert article.title == expected["title"]
    assert article.published.isoformat() == expected["published"]
    assert (article.published_confidence, article.published_source) == ("low", "header")
    assert article.text.startswith(expected["starts"])
    assert article.text.endswith(expected["ends"])
    assert article.contact == expected.get("contact")
    assert article.url == expected.get("url")
    assert [text for text in expected.get("residue", ()) if text in article.text] == []


@pytest.mark.parametrize("name", CASES)
def test_nothing_tells_who_received_it(name, plugins):
    """Not even what was removed, which people see when they look why."""
    expected = json.loads((LETTERS / f"{name}.expected.json").read_text(encoding="utf-8"))
    everything = json.dumps(asdict(cleaned(name, plugins)), default=str, ensure_ascii=False).casefold()
    assert [text for text in expected.get("private", ()) if text.casefold() in everything] == []
