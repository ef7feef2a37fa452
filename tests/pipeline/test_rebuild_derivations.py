"""What was cited reads as it did then: after reprocessing, under other rules, without the database."""

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from archive_pipeline.pipeline import run
from archive_pipeline.upkeep.auditing import audit
from archive_pipeline.upkeep.rebuilding import rebuild
from archive_pipeline.upkeep.reprocessing import reprocess
from archive_pipeline.workspace import open_workspace

TEXT = (
    "Neue Beratungsstelle {number} eröffnet\n\nKreis Heinsberg. Die neue Beratungsstelle {number} für Zugewanderte hat "
    "am {number}. März 2026 in Heinsberg eröffnet. Sie hilft bei Anträgen, Sprachkursen und der Suche nach Arbeit, "
    "teilte die Kreisverwaltung mit."
)
PLUGIN = """
from dataclasses import replace
from archive_pipeline import Quarantine, hookimpl
archive_pipeline_api = 1

class Rule:
    def clean(self, article, page, source):
        {rule}

@hookimpl
def register_cleaners(registry):
    registry.add("eigene-regel", Rule(), order=560)
"""
STATEMENTS = (
    "SELECT release_id, version_id, number, software, title, text, article FROM derivation",
    "SELECT release_id, version_id, derivation, axis, value, role, score, evidence FROM tag",
    "SELECT id, url, path, version_id, derivation, title FROM release",
    "SELECT release_id, id, number, sha256, record_id FROM version",
    "SELECT record_id, state, reason, release_id FROM capture",
    "SELECT type, object, outcome, detail FROM event WHERE type NOT IN ('fixity check')",
)


def rows(folder: Path) -> list[list[tuple[Any, ...]]]:
    with closing(sqlite3.connect(folder / "archive" / "archive.db")) as db:
        return [sorted(db.execute(statement).fetchall(), key=repr) for statement in STATEMENTS]


def set_rule(folder: Path, rule: str) -> None:
    (folder / "plugins").mkdir(exist_ok=True)
    (folder / "plugins" / "regel.py").write_text(PLUGIN.format(rule=rule), encoding="utf-8")


def ingest(folder: Path) -> None:
    workspace = open_workspace(folder)
    run(workspace, workspace.config.sources)


@pytest.fixture
def folder(make_archive: Callable[..., Path]) -> Path:
    """Four releases, cleaned by three generations of rules."""
    made = make_archive({f"{number}.txt": TEXT.format(number=number) for number in range(1, 4)})
    set_rule(made, 'if "2. März" in article.text: raise Quarantine("zu prüfen")\n        return article')
    ingest(made)
    set_rule(made, 'return replace(article, text=article.text.replace("Sprachkursen", "Deutschkursen"))')
    reprocess(open_workspace(made))
    (made / "eingang" / "4.txt").write_text(TEXT.format(number=4), encoding="utf-8")
    (made / "eingang" / "1.txt").write_text(TEXT.format(number=1) + "\n\nNachtrag.", encoding="utf-8")
    ingest(made)
    set_rule(made, 'return replace(article, text=article.text.replace("Arbeit", "Anstellung"))')
    reprocess(open_workspace(made))
    return made


@pytest.mark.parametrize("without", [False, True], ids=["beside the old database", "from the files alone"])
def test_numbers_and_texts_stay_whatever_the_rules_are_now(folder: Path, without: bool) -> None:
    before = rows(folder)
    numbers = sorted(row[2] for row in before[0])
    assert numbers == [1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 3]
    set_rule(folder, 'raise Quarantine("gar nichts mehr")')
    if without:
        shutil.rmtree(folder / "archive" / "index")
        for path in (folder / "archive").glob("archive.db*"):
            path.unlink()
    rebuild(open_workspace(folder))
    after = rows(folder)
    assert after[:5] == before[:5]
    assert set(after[5]) >= {event for event in before[5] if event[0] != "recovery"}
    assert audit(open_workspace(folder)).findings == ()


def test_a_damaged_entry_is_named_and_its_capture_taken_up_by_the_rules_of_today(folder: Path) -> None:
    before = rows(folder)
    path = next((folder / "archive" / "derivations").rglob("*.warc.gz"))
    with path.open("rb") as stream:
        offsets = []
        records = ArchiveIterator(stream)
        for _ in records:
            offsets.append(records.get_record_offset())
    data = bytearray(path.read_bytes())
    data[offsets[2] + 60] ^= 0xFF
    path.write_bytes(data)
    result = rebuild(open_workspace(folder))
    assert len(result.damaged) == 1
    assert f"Byte {offsets[2]}" in result.damaged[0]
    assert {row[0] for row in rows(folder)[2]} == {row[0] for row in before[2]}


def test_without_the_log_everything_is_made_again_and_logged(folder: Path) -> None:
    before = rows(folder)
    shutil.rmtree(folder / "archive" / "derivations")
    rebuild(open_workspace(folder))
    after = rows(folder)
    assert {row[0] for row in after[2]} == {row[0] for row in before[2]}
    assert {row[2] for row in after[0]} == {1}
    assert audit(open_workspace(folder)).findings == ()
    rebuild(open_workspace(folder))
    assert rows(folder)[:5] == after[:5]


def test_every_entry_is_a_record_that_other_tools_read(folder: Path) -> None:
    path = next((folder / "archive" / "derivations").rglob("*.warc.gz"))
    captures = {row[0] for row in rows(folder)[4]}
    kinds = []
    with path.open("rb") as stream:
        for record in ArchiveIterator(stream, check_digests="raise"):
            record.content_stream().read()
            kinds.append(record.rec_type)
            if record.rec_type != "warcinfo":
                assert record.rec_headers.get_header("WARC-Refers-To").strip("<>") in captures
    assert kinds[0] == "warcinfo"
    assert kinds.count("metadata") == 1
    assert kinds.count("conversion") == 11


def test_what_was_imported_past_the_gate_stays_past_it(
    apl: Any, make_archive: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_archive({})
    (tmp_path / "kurz").mkdir()
    page = (
        "<html lang=de><head><title>Kurz gesagt</title></head><body><h1>Kurz gesagt</h1><p>Ein Satz.</p></body></html>"
    )
    (tmp_path / "kurz" / "a.html").write_text(page, encoding="utf-8")
    assert apl.json("-C", folder, "import", tmp_path / "kurz", "--no-gate", "--json")["new"] == 1
    summary = apl.json("-C", folder, "reprocess", "--json")
    assert (summary["kept"], summary["releases"]) == (0, 1)
    for path in (folder / "archive").glob("archive.db*"):
        path.unlink()
    apl("-C", folder, "rebuild")
    assert apl.json("-C", folder, "reprocess", "--json")["kept"] == 0
