"""`review`: the queue, verdicts that keep a case away until its evidence changes, and documents in quarantine."""

import csv
import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TEXT = """Beratungsstelle geöffnet, Teil {day}

Kreis Heinsberg. Die Beratungsstelle für Zugewanderte in Hückelhoven hat am {day}. März 2026 geöffnet. Der Landrat
dankte allen Beteiligten für den Dialog. Die Kreisverwaltung erwartet viele Menschen, die Fragen zur Integration haben.
"""

SHORT = "<html><head><title>Kurz</title></head><body><main><h1>Kurz</h1><p>Nur ein Satz.</p></main></body></html>"


@pytest.fixture
def archive(apl: Any, make_archive: Callable[..., Path]) -> Path:
    files = {f"{day}.txt": TEXT.format(day=day) for day in range(1, 4)}
    folder = make_archive({**files, "kurz.html": SHORT})
    apl("-C", folder, "run")
    execute(folder, "UPDATE tag SET score = 0.95")
    return folder


def execute(archive: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(archive / "archive" / "archive.db") as db:
        db.execute(statement, values)


def cases(apl: Any, archive: Path, *options: str) -> list[dict[str, Any]]:
    found = apl.json("-C", archive, "review", "next", "--json", *options)
    assert found["schema"] == "apl/review-queue/1"
    return [case for case in found["cases"] if not case["id"].startswith("q/")]


def ids(archive: Path) -> list[str]:
    with sqlite3.connect(archive / "archive" / "archive.db") as db:
        return [str(row[0]) for row in db.execute("SELECT id FROM release ORDER BY rowid")]


def doubt(archive: Path, release: str, axis: str, score: float) -> None:
    execute(archive, "UPDATE tag SET score = ? WHERE release_id = ? AND axis = ?", score, release, axis)


def test_the_most_unsure_comes_first_and_sure_tags_never(apl: Any, archive: Path) -> None:
    assert cases(apl, archive) == []
    first, second, third = ids(archive)
    doubt(archive, first, "district", 0.62)
    doubt(archive, second, "district", 0.49)
    doubt(archive, third, "district", 0.2)
    found = cases(apl, archive)
    assert [case["id"] for case in found] == [f"d/{second}", f"d/{first}"]
    assert found[0]["evidence"]
    assert cases(apl, archive, "--axis", "topic") == []
    assert len(cases(apl, archive, "--limit", "1")) == 1
    shown = apl("-C", archive, "review", "next").stdout
    assert "[Kreis Heinsberg]" in shown
    assert "district:05370" in shown


@pytest.mark.parametrize("verdict", ["accept", "reject", "skip"])
def test_what_was_reviewed_stays_away_until_its_evidence_changes(apl: Any, archive: Path, verdict: str) -> None:
    release = ids(archive)[0]
    doubt(archive, release, "district", 0.45)
    apl("-C", archive, "review", verdict, release, "district:05370", "--by", "Archivarin", "--note", "gelesen")
    assert cases(apl, archive) == []
    found = apl.json("-C", archive, "search", "kreis:Heinsberg", "--json")["total"]
    assert found == {"accept": 3, "reject": 2, "skip": 3}[verdict]
    doubt(archive, release, "district", 0.41)  # another score, the same evidence
    assert cases(apl, archive) == []
    execute(archive, "UPDATE tag SET evidence = json_set(evidence, '$[0].text', 'Kreis') WHERE release_id = ?", release)
    (again,) = cases(apl, archive)
    assert again["changed"] is True
    apl("-C", archive, "rebuild")
    execute(archive, "UPDATE tag SET score = 0.95 WHERE axis <> 'district' OR release_id <> ?", release)
    doubt(archive, release, "district", 0.45)
    assert cases(apl, archive) == []


def test_an_undone_verdict_brings_the_case_back(apl: Any, archive: Path) -> None:
    release = ids(archive)[0]
    doubt(archive, release, "district", 0.45)
    apl("-C", archive, "review", "reject", f"d/{release}", "district:05370")
    apl("-C", archive, "tag", "undo")
    assert [case["value"] for case in cases(apl, archive)] == ["05370"]


def test_a_decision_by_hand_needs_no_review(apl: Any, archive: Path) -> None:
    release = ids(archive)[0]
    doubt(archive, release, "district", 0.45)
    apl("-C", archive, "tag", release, "-district:05370")
    assert cases(apl, archive) == []


def test_releases_without_topic_or_issuer_are_cases(apl: Any, archive: Path) -> None:
    release = ids(archive)[0]
    execute(archive, "DELETE FROM tag WHERE axis = 'topic' AND release_id = ?", release)
    (case,) = cases(apl, archive)
    assert (case["axis"], case["value"], case["reason"]) == ("topic", "none", "no-topic")
    assert "tag" in apl("-C", archive, "review", "reject", release, "topic:none", code=2).stderr
    apl("-C", archive, "review", "accept", release, "topic:none")
    assert cases(apl, archive) == []
    execute(archive, "UPDATE source SET party = 'spd'")
    found = cases(apl, archive)
    assert {(case["value"], case["label"], case["reason"]) for case in found} == {("spd", "SPD", "no-issuer")}
    apl("-C", archive, "review", "accept", release, "party:spd")
    apl("-C", archive, "review", "reject", ids(archive)[1], "party:spd")
    assert len(cases(apl, archive)) == 1
    with sqlite3.connect(archive / "archive" / "archive.db") as db:
        db.create_collation("german", lambda a, b: (a > b) - (a < b))
        assert list(db.execute("SELECT release_id, role FROM v_tag WHERE value = 'spd'")) == [(release, "issuer")]


def test_what_contradicts_the_source_is_a_case(apl: Any, archive: Path) -> None:
    execute(archive, "UPDATE source SET district = '05974'")
    assert {(case["value"], case["reason"]) for case in cases(apl, archive)} == {("05370", "conflict")}


def test_only_what_the_rules_found_can_be_judged(apl: Any, archive: Path) -> None:
    release = ids(archive)[0]
    assert "kein Fall" in apl("-C", archive, "review", "accept", release, "topic:defence", code=2).stderr
    assert "ACHSE:WERT" in apl("-C", archive, "review", "accept", release, code=2).stderr
    assert not (archive / "archive" / "decisions.jsonl").exists()
    apl("-C", archive, "review", "accept", release, "district:05370")


def test_a_document_in_quarantine_is_released_and_stays_so(apl: Any, archive: Path) -> None:
    found = apl.json("-C", archive, "review", "next", "--json")
    (held,) = [case for case in found["cases"] if case["id"].startswith("q/")]
    assert held["title"] == "kurz.html"
    assert "Nichts" not in apl("-C", archive, "review", "next").stdout
    told = apl("-C", archive, "review", "accept", held["id"], "--note", "eine Kurzmeldung").stdout
    release = told.split("d/")[1].strip()
    assert apl.json("-C", archive, "search", "Kurz", "--json")["total"] == 1
    assert apl.json("-C", archive, "reprocess", "--json")["kept"] == 0
    assert apl.json("-C", archive, "rebuild", "--json")["releases"] == 4
    assert release in ids(archive)
    assert "Quarantäne" in apl("-C", archive, "review", "accept", held["id"], code=1).stderr


def test_a_released_document_is_let_through_without_the_derivation_log(apl: Any, archive: Path, tmp_path: Path) -> None:
    page = tmp_path / "mehr" / "fehler.html"
    page.parent.mkdir()
    sentence = "Die Seite, die Sie suchen, wurde leider nicht gefunden oder ist umgezogen. "
    page.write_text(
        f"<html><head><title>404 – Seite nicht gefunden</title></head><body><h1>Seite nicht gefunden</h1>"
        f"<p>{sentence * 6}</p></body></html>",
        encoding="utf-8",
    )
    apl("-C", archive, "import", page.parent)
    cases = apl.json("-C", archive, "review", "next", "--json", "--limit", "50")["cases"]
    held = next(case["id"] for case in cases if case["title"] == "fehler.html")
    release = apl("-C", archive, "review", "accept", held).stdout.split("d/")[1].strip()
    shutil.rmtree(archive / "archive" / "derivations")
    apl("-C", archive, "rebuild", code=20)  # it says that the log is missing, and does what it can
    assert release in ids(archive)


def test_a_document_confirmed_in_quarantine_does_not_come_back(apl: Any, archive: Path) -> None:
    held = apl.json("-C", archive, "review", "next", "--json")["cases"][0]["id"]
    apl("-C", archive, "review", "skip", held, code=2)
    apl("-C", archive, "review", "reject", held)
    assert apl("-C", archive, "review", "next").stdout == "Nichts zu prüfen.\n"
    assert apl.json("-C", archive, "rebuild", "--json")["releases"] == 3


def test_the_queue_is_exported_for_spreadsheets_and_programs(apl: Any, archive: Path, tmp_path: Path) -> None:
    doubt(archive, ids(archive)[0], "district", 0.45)
    execute(archive, "UPDATE release SET title = '=1+1' WHERE id = ?", ids(archive)[0])
    apl("-C", archive, "review", "export", tmp_path / "faelle.csv")
    with (tmp_path / "faelle.csv").open(encoding="utf-8-sig", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["axis"], first["value"], first["title"]) == ("district", "05370", "'=1+1")
    assert second["id"].startswith("q/")
    apl("-C", archive, "review", "export", tmp_path / "faelle.jsonl", "--axis", "district")
    (line,) = (tmp_path / "faelle.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["title"] == "=1+1"


def test_two_topics_that_are_near_are_a_case_behind_the_others(apl: Any, archive: Path) -> None:
    first, second, _ = ids(archive)
    execute(
        archive,
        """INSERT INTO tag (release_id, version_id, derivation, axis, value, label, role, score, by, evidence,
           municipalities) SELECT release_id, version_id, derivation, axis, 'culture', 'Kultur', 'secondary', 0.9, by,
           evidence, municipalities FROM tag WHERE release_id = ? AND role = 'primary'""",
        first,
    )
    doubt(archive, second, "district", 0.45)
    assert [(case["id"], case["axis"]) for case in cases(apl, archive)] == [
        (f"d/{second}", "district"),
        (f"d/{first}", "topic"),
    ]
    apl("-C", archive, "review", "accept", first, "topic:" + cases(apl, archive)[1]["value"])
    assert [case["id"] for case in cases(apl, archive)] == [f"d/{second}"]
