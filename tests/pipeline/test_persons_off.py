"""`persons = "off"`: nobody's name is recorded, here or in workers, and reprocessing takes out what was there."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

RELEASE = """Landrat lobt Beratung

Kreis Lippe. „Die Beratung ist ein Gewinn für alle, die neu zu uns kommen“, sagt Landrat Dr. Axel Musterkamp (CDU). Sie
öffnet am Montag in Detmold und hilft bei Anträgen, Sprachkursen und der Suche nach Arbeit.
"""


def shown(apl: Any, archive: Path) -> dict[str, Any]:
    hits = json.loads(apl("-C", archive, "search", "Beratung", "--json").stdout)["hits"]
    found: dict[str, Any] = json.loads(apl("-C", archive, "show", hits[0]["id"], "--json").stdout)
    return found


@pytest.mark.parametrize("workers", ["1", "2"])
def test_nobody_is_recorded(apl: Any, make_archive: Callable[..., Path], workers: str) -> None:
    archive = make_archive({"a.txt": RELEASE}, settings='persons = "off"')
    apl("-C", archive, "run", "--workers", workers)
    release = shown(apl, archive)
    assert release["persons"] == []
    assert [(quote["text"][:12], quote["speaker"]) for quote in release["quotes"]] == [("Die Beratung", None)]
    assert json.loads(apl("-C", archive, "search", "sprecher:Musterkamp", "--json").stdout)["total"] == 0


@pytest.mark.parametrize("stage", ["classify", "clean"])
def test_reprocessing_takes_out_who_was_recorded(apl: Any, make_archive: Callable[..., Path], stage: str) -> None:
    archive = make_archive({"a.txt": RELEASE})
    apl("-C", archive, "run")
    before = shown(apl, archive)
    assert [person["name"] for person in before["persons"]] == ["Axel Musterkamp"]
    assert before["quotes"][0]["speaker"]
    settings = archive / "sources.toml"
    settings.write_text(settings.read_text("utf-8").replace("[archive]", '[archive]\npersons = "off"'), "utf-8")
    apl("-C", archive, "reprocess", "--stage", stage)
    after = shown(apl, archive)
    assert after["persons"] == []
    assert after["quotes"][0]["speaker"] is None
