"""The last lines of a run say what it did, and nothing that is not so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

TEXT = (
    "Landrat eröffnet Beratungsstelle\n\nKreis Heinsberg. Der Landrat hat am Montag in Heinsberg eine Beratungsstelle "
    "eröffnet. Sie hilft bei Anträgen und der Suche nach Arbeit, teilte die Kreisverwaltung mit."
)
ABSENT = """From: presse@kreis.example
To: archiv@example.org
Subject: Abwesend
Auto-Submitted: auto-replied
Content-Type: text/plain; charset=utf-8

Ich bin nicht im Haus.
"""
SECOND = '\n[[source]]\nid = "weg"\nfetcher = "folder"\npath = "gibt-es-nicht"\n'


def test_what_failed_is_not_all_archived(apl: Any, make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"a.txt": TEXT})
    apl("-C", folder, "run")
    assert "Nichts Neues" in apl("-C", folder, "run").stdout
    with (folder / "sources.toml").open("a", encoding="utf-8") as file:
        file.write(SECOND)
    told = apl("-C", folder, "run", code=3).stdout
    assert told.startswith("0 neu, 0 geändert, 1 unverändert, 1 fehlgeschlagen · ")
    assert "Nichts" not in told


def test_every_document_is_in_the_sum(apl: Any, make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"a.txt": TEXT, "b.eml": ABSENT})
    told = apl("-C", folder, "run").stdout
    assert told.startswith("1 neu, 0 geändert, 0 unverändert, 1 übergangen · ")
    assert "Nichts" not in told


def test_a_source_that_is_named_twice_is_visited_once(apl: Any, make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"a.txt": TEXT})
    lines = apl("-C", folder, "run", "eingang", "eingang", "--json").stdout.splitlines()
    assert len(lines) == 2
    assert '"new": 1' in lines[0]
