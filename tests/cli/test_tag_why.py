"""`show --why`: evidence in its context, decisions over it, and what spoke against other values."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TEXT = """Lage in der Ukraine bleibt ernst: Diskussion in Neustadt mit Essener Gästen

Heinsberg. Die Union in Europa streitet. Hans Essen sagte: „Die FDP hat im Kreistag nichts vorzuweisen.“ Im Kreis
Heinsberg half die KI bei Sprachkursen. Die Friedrich-Ebert-Stiftung war zu Gast. Schulen und Kitas brauchen Geld.

Die Beratungsstelle für Zugewanderte in Hückelhoven hat am 3. März 2026 geöffnet. Der Landrat dankte allen für den
Dialog. Die Kreisverwaltung erwartet viele Menschen, die Fragen zur Integration haben.
"""


@pytest.fixture
def archive(apl: Any, make_archive: Callable[..., Path]) -> Path:
    folder = make_archive({"a.txt": TEXT})
    path = folder / "sources.toml"
    settings = path.read_text(encoding="utf-8").replace('path = "eingang"', 'path = "eingang"\nparty = "gruene"')
    path.write_text(settings, encoding="utf-8")
    apl("-C", folder, "run")
    return folder


def release(archive: Path) -> str:
    with sqlite3.connect(archive / "archive" / "archive.db") as db:
        return str(next(db.execute("SELECT id FROM release"))[0])


def doubts(apl: Any, archive: Path) -> dict[tuple[str, str], str]:
    told = json.loads(apl("-C", archive, "show", release(archive), "--why", "--json").stdout)
    for doubt in told["why"]["explanation"]["doubts"]:
        span = doubt["evidence"]
        if span:
            field = told["article"]["title"] if span["field"] == "title" else told["article"]["text"]
            assert field[span["start"] : span["end"]] == span["text"]
    return {(doubt["axis"], doubt["label"]): doubt["reason"] for doubt in told["why"]["explanation"]["doubts"]}


def test_what_was_considered_and_left_out_is_told(apl: Any, archive: Path) -> None:
    found = doubts(apl, archive)
    assert "mehrdeutig" in found["district", "Kreis Lippe"]
    assert "Kreise haben einen Ort" in found["district", "Neustadt"]
    assert found["district", "Essen"]
    assert "gewöhnliches Wort" in " ".join(reason for (axis, _), reason in found.items() if axis == "party")
    assert "Stiftung" in found["party", "Friedrich-Ebert-Stiftung"]
    assert "wörtlicher Rede" in found["party", "FDP"]
    assert "ohne Langform" in found["organisation", "KI"]
    assert any(axis == "topic" and "Punkte" in reason for (axis, _), reason in found.items())


def test_evidence_stands_in_its_context(apl: Any, archive: Path) -> None:
    shown = apl("-C", archive, "show", release(archive), "--why").stdout
    assert "Beratungsstelle für Zugewanderte in [Hückelhoven] hat am" in shown
    assert "Dagegen sprach:" in shown
    assert "Hinweis:" not in shown


def test_decisions_stand_over_what_the_rules_found(apl: Any, archive: Path) -> None:
    key = release(archive)
    apl("-C", archive, "tag", key, "-district:05370", "+party:fdp@about", "--note", "nach Rückfrage", "--by", "Erika")
    shown = apl("-C", archive, "show", key, "--why").stdout
    assert "Entfernt Kreis" in shown
    assert "entfernt (behandelt) von Erika" in shown
    assert "nach Rückfrage" in shown
    assert "die Regeln fanden: erwähnt" in shown
    apl("-C", archive, "tag", "undo", "--by", "Max")
    shown = apl("-C", archive, "show", key, "--why").stdout
    assert "Entfernt" not in shown
    assert "zurückgenommen von Max" in shown


def test_rules_that_changed_since_are_named(apl: Any, archive: Path) -> None:
    with sqlite3.connect(archive / "archive" / "archive.db") as db:
        db.execute("UPDATE tag SET by = 'district@0' WHERE axis = 'district'")
    shown = apl("-C", archive, "show", release(archive), "--why").stdout
    assert "district@0 → district@" in shown
    assert "reprocess --stage classify" in shown


PLUGIN = """
from archive_pipeline import hookimpl
archive_pipeline_api = 1

class Broken:
    version = "1"
    def classify(self, article, source):
        return []
    def doubts(self, article, source):
        raise ValueError("kaputt")

@hookimpl
def register_classifiers(registry, vocabularies):
    registry.add("eigener", Broken())
"""


def test_a_plugin_that_cannot_explain_itself_silences_nobody(apl: Any, archive: Path) -> None:
    (archive / "plugins").mkdir()
    (archive / "plugins" / "eigen.py").write_text(PLUGIN, encoding="utf-8")
    shown = apl("-C", archive, "show", release(archive), "--why").stdout
    assert "kaputt" in shown
    assert "Kreis Lippe" in shown
