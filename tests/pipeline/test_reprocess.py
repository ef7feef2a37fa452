"""Cleaning and tags anew: what differs becomes a new derivation, is told, and nothing else happens."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

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

TEXT = """Neue Beratungsstelle eröffnet

Kreis Heinsberg. Die neue Beratungsstelle für Zugewanderte hat am {day}. März 2026 in Heinsberg eröffnet. {more}

Der Landrat dankte den Beteiligten. „Wir helfen weiter“, sagte er.
"""

MORE = "Sie hilft bei Anträgen, Sprachkursen und der Suche nach Arbeit, teilte die Kreisverwaltung mit."

Make = Callable[..., Path]


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    db = Database(str(folder / "archive" / "archive.db"))
    try:
        return [tuple(row.values()) for row in db.query(query)]
    finally:
        db.close()


def set_rule(folder: Path, rule: str) -> None:
    (folder / "plugins").mkdir(exist_ok=True)
    (folder / "plugins" / "regel.py").write_text(PLUGIN.format(rule=rule), encoding="utf-8")


@pytest.fixture
def folder(apl: Any, make_archive: Make) -> Path:
    made = make_archive({f"{day}.txt": TEXT.format(day=day, more=MORE) for day in range(1, 6)})
    set_rule(made, "return article")
    apl("-C", made, "run")
    return made


def test_under_the_same_rules_nothing_differs(apl: Any, folder: Path) -> None:
    before = rows(folder, "SELECT * FROM derivation") + rows(folder, "SELECT * FROM outbox")
    for stage in ("clean", "classify"):
        summary = apl.json("-C", folder, "reprocess", "--stage", stage, "--json")
        assert (summary["releases"], summary["changed"], summary["kept"], summary["accepted"]) == (5, 0, 0, 0)
    assert rows(folder, "SELECT * FROM derivation") + rows(folder, "SELECT * FROM outbox") == before


def test_new_rules_make_new_derivations_and_keep_the_old(apl: Any, folder: Path) -> None:
    old = rows(folder, "SELECT release_id, text FROM derivation ORDER BY 1")
    set_rule(folder, 'return replace(article, text=article.text.replace("Sprachkursen", "Deutschkursen"))')
    dry = apl.json("-C", folder, "reprocess", "--dry-run", "--json")
    assert (dry["changed"], dry["fields"]["text"], dry["dry_run"]) == (5, 5, True)
    assert rows(folder, "SELECT count(*) FROM derivation") == [(5,)]
    summary = apl.json("-C", folder, "reprocess", "--json")
    assert summary["changed"] == 5
    assert rows(folder, "SELECT release_id, text FROM derivation WHERE number = 1 ORDER BY 1") == old
    assert rows(folder, "SELECT DISTINCT derivation FROM release") == [(2,)]
    assert rows(folder, "SELECT count(*) FROM version") == [(5,)]
    assert apl.json("-C", folder, "search", "Deutschkursen", "--json")["total"] == 5
    assert apl.json("-C", folder, "search", "=Sprachkursen", "--json")["total"] == 0
    events = rows(folder, "SELECT detail FROM event WHERE type = 'metadata modification'")
    assert events == [("reprocess --stage clean: Ableitung 2",)] * 5
    assert apl.json("-C", folder, "reprocess", "--json")["changed"] == 0


def test_only_what_a_query_finds(apl: Any, folder: Path) -> None:
    set_rule(folder, 'return replace(article, subtitle="Unterzeile")')
    summary = apl.json("-C", folder, "reprocess", "--query", '"2. März" OR "3. März"', "--json")
    assert (summary["releases"], summary["changed"]) == (2, 2)
    assert rows(folder, "SELECT count(*) FROM derivation WHERE number = 2") == [(2,)]


def test_tags_anew_are_told_by_axis_and_decisions_stay(apl: Any, folder: Path) -> None:
    release = rows(folder, "SELECT id FROM release ORDER BY rowid")[0][0]
    apl("-C", folder, "tag", release, "-topic:immigration")
    text = (folder / "sources.toml").read_text(encoding="utf-8")
    table = text.replace('fetcher = "folder"', 'fetcher = "folder"\nparty = "spd"')
    assert table != text
    (folder / "sources.toml").write_text(table, encoding="utf-8")
    summary = apl.json("-C", folder, "reprocess", "--stage", "classify", "--json")
    assert summary["added"].get("party") == 5
    assert summary["removed"] == {}
    left = f"SELECT count(*) FROM v_tag WHERE release_id = '{release}' AND value = 'immigration'"
    assert rows(folder, left) == [(0,)]
    assert rows(folder, "SELECT count(*) FROM v_tag WHERE axis = 'party' AND value = 'spd'") == [(5,)]


def test_what_was_held_back_passes_new_rules(apl: Any, make_archive: Make) -> None:
    folder = make_archive({f"{day}.txt": TEXT.format(day=day, more=MORE) for day in range(1, 4)})
    set_rule(folder, 'if "2. März" in article.text: raise Quarantine("zu prüfen")\n        return article')
    first = apl.json("-C", folder, "run", "--json")
    assert (first["new"], first["quarantined"]) == (2, 1)
    set_rule(folder, "return article")
    assert apl.json("-C", folder, "reprocess", "--dry-run", "--json")["accepted"] == 1
    assert rows(folder, "SELECT count(*) FROM release") == [(2,)]
    assert apl.json("-C", folder, "reprocess", "--json")["accepted"] == 1
    assert rows(folder, "SELECT count(*) FROM release") == [(3,)]
    assert rows(folder, "SELECT count(*) FROM event WHERE type = 'capture'") == [(3,)]
    assert apl.json("-C", folder, "search", "Beratungsstelle", "--json")["total"] == 3


def test_what_would_not_be_accepted_today_stays(apl: Any, folder: Path) -> None:
    set_rule(folder, 'if "2. März" in article.text: raise Quarantine("zu prüfen")\n        return article')
    summary = apl.json("-C", folder, "reprocess", "--json")
    assert (summary["changed"], summary["kept"]) == (0, 1)
    assert rows(folder, "SELECT count(*) FROM release") == [(5,)]
    assert rows(folder, "SELECT count(*) FROM event WHERE detail LIKE '%nicht angenommen%'") == [(1,)]


def test_a_damaged_record_is_named_and_the_rest_is_done(apl: Any, folder: Path) -> None:
    set_rule(folder, 'return replace(article, subtitle="Unterzeile")')
    path, offset = rows(folder, "SELECT warc_file, warc_offset FROM capture ORDER BY rowid")[2]
    file = folder / "archive" / path
    data = bytearray(file.read_bytes())
    data[offset + 60] ^= 0xFF
    file.write_bytes(bytes(data))
    done = apl("-C", folder, "reprocess", code=20)
    assert path in done.stderr
    assert rows(folder, "SELECT count(*) FROM derivation WHERE number = 2") == [(4,)]


def test_two_workers_do_the_same(apl: Any, folder: Path) -> None:
    set_rule(folder, 'return replace(article, text=article.text.replace("Sprachkursen", "Deutschkursen"))')
    assert apl.json("-C", folder, "reprocess", "--workers", "2", "--json")["changed"] == 5
