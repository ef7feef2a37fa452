"""`tag`: decisions one by one and over a query, taking them back, and who decided what."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

TEXT = """Kreis Heinsberg: {title}

Kreis Heinsberg. Die Beratungsstelle für Zugewanderte in Hückelhoven hat am {day}. März 2026 geöffnet. Der Landrat
dankte allen Beteiligten für den Dialog. Die Kreisverwaltung erwartet viele Menschen, die Fragen zur Integration haben.
"""


@pytest.fixture
def archive(apl: Any, make_archive: Callable[..., Path]) -> Path:
    folder = make_archive({f"{day}.txt": TEXT.format(title=f"Tag {day}", day=day) for day in range(1, 8)})
    apl("-C", folder, "run")
    return folder


def lines(archive: Path) -> list[dict[str, Any]]:
    path = archive / "archive" / "decisions.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def effective(archive: Path) -> list[tuple[Any, ...]]:
    with sqlite3.connect(archive / "archive" / "archive.db") as db:
        db.create_collation("german", lambda a, b: (a > b) - (a < b))
        return sorted(db.execute("SELECT release_id, axis, value, role, score FROM v_tag"))


def some_id(apl: Any, archive: Path) -> str:
    return str(apl.json("-C", archive, "search", "Beratungsstelle", "--json")["hits"][0]["id"])


def total(apl: Any, archive: Path, query: str) -> int:
    return int(apl.json("-C", archive, "search", query, "--json")["total"])


def test_undo_brings_back_what_was_there_before(apl: Any, archive: Path) -> None:
    release, before = some_id(apl, archive), effective(archive)
    apl("-C", archive, "tag", release, "-district:05370", "+topic:housing")
    first = effective(archive)
    assert first != before
    apl("-C", archive, "tag", release, "+district:05370@mentioned")
    assert "2 Entscheidungen" not in apl("-C", archive, "tag", "undo").stdout
    assert effective(archive) == first
    assert "2 Entscheidungen" in apl("-C", archive, "tag", "undo", "last").stdout
    assert effective(archive) == before
    assert total(apl, archive, "kreis:Heinsberg") == 7
    assert "keine Entscheidung" in apl("-C", archive, "tag", "undo", code=1).stderr
    assert [line["schema"].split("/")[1] for line in lines(archive)] == ["tag-decision"] * 3 + ["undo"] * 2
    apl("-C", archive, "rebuild")
    assert effective(archive) == before


def test_a_batch_is_undone_by_its_name(apl: Any, archive: Path) -> None:
    release = some_id(apl, archive)
    apl("-C", archive, "tag", release, "+topic:housing")
    apl("-C", archive, "tag", release, "+topic:energy")
    batch = lines(archive)[0]["batch"]
    apl("-C", archive, "tag", "undo", batch[:6])
    assert (total(apl, archive, "thema:housing"), total(apl, archive, "thema:energy")) == (0, 1)
    assert "gelten" in apl("-C", archive, "tag", "undo", batch, code=1).stderr
    assert apl("-C", archive, "tag", "undo", "abcdef", code=1).stderr
    assert apl("-C", archive, "tag", "undo", batch, "+topic:energy", code=2).stderr


def test_a_query_is_shown_before_it_decides(apl: Any, archive: Path) -> None:
    words = ("tag", "--query", "kreis:Heinsberg Dialog", "+topic:immigration", "-topic:social_welfare")
    dry = apl("-C", archive, *words, "--dry-run").stdout
    assert "7 Mitteilungen" in dry
    assert dry.count("d/") == 5
    assert "2 weitere" in dry
    assert "--yes" in apl("-C", archive, *words, code=2).stderr
    assert lines(archive) == []
    done = apl("-C", archive, *words, "--yes", "--note", "Reihe zum Dialog", "--by", "Archivarin").stdout
    assert "14 Entscheidungen" in done
    assert {(line["batch"], line["decided_by"], line["note"]) for line in lines(archive)} == {
        (lines(archive)[0]["batch"], "Archivarin", "Reihe zum Dialog")
    }
    assert total(apl, archive, "thema:immigration") == 7
    apl("-C", archive, "tag", "undo")
    assert "0 Mitteilungen" in apl("-C", archive, "tag", "--query", "xyzgibtsnicht", "+topic:energy").stdout


@pytest.mark.parametrize("query", ["", "  ", "*", "datum:", "!!"])
def test_a_query_for_everything_is_refused(apl: Any, archive: Path, query: str) -> None:
    assert "eingrenzen" in apl("-C", archive, "tag", "--query", query, "+topic:housing", "--yes", code=2).stderr
    assert lines(archive) == []


def test_one_wrong_value_in_a_batch_decides_nothing(apl: Any, archive: Path) -> None:
    words = ("tag", "--query", "Dialog", "+topic:housing", "-party:spdd", "--yes")
    assert "spdd" in apl("-C", archive, *words, code=4).stderr
    assert lines(archive) == []


def test_roles_are_decided_behind_an_at(apl: Any, archive: Path) -> None:
    release = some_id(apl, archive)
    apl("-C", archive, "tag", release, "+party:spd@issuer", "+party:fdp", "--role", "mentioned")
    found = {(axis, value, role) for key, axis, value, role, _ in effective(archive) if key == release}
    assert {("party", "spd", "issuer"), ("party", "fdp", "mentioned")} <= found
    assert "Rolle" in apl("-C", archive, "tag", release, "+party:spd@primary", code=2).stderr
    assert "Rolle" in apl("-C", archive, "tag", release, "+topic:housing", "--role", "issuer", code=2).stderr


def test_a_decided_main_topic_is_the_only_one(apl: Any, archive: Path) -> None:
    release = some_id(apl, archive)
    for topic in ("housing", "energy", "housing"):
        apl("-C", archive, "tag", release, f"+topic:{topic}")
        primary = [value for key, axis, value, role, _ in effective(archive) if key == release and role == "primary"]
        assert primary == [topic]


def test_history_says_who_when_and_why(apl: Any, archive: Path) -> None:
    release = some_id(apl, archive)
    assert "noch niemand" in apl("-C", archive, "tag", release, "--history").stdout
    environ = {"ARCHIVE_PIPELINE_USER": "Erika Muster"}
    apl("-C", archive, "tag", release, "+topic:housing", "--note", "steht im Titel", **environ)
    apl("-C", archive, "tag", "undo", "--by", "Max Muster")
    told = apl("-C", archive, "tag", release, "--history").stdout
    assert all(
        word in told for word in ("Erika Muster", "+topic:housing@primary", "steht im Titel", "zurückgenommen", "Max")
    )


def test_several_releases_are_named_in_one_command(apl: Any, archive: Path) -> None:
    hits = apl.json("-C", archive, "search", "Beratungsstelle", "--json")["hits"][:2]
    dry = apl("-C", archive, "tag", *(hit["id"] for hit in hits), "+topic:housing", "--dry-run").stdout
    assert dry.count("würde gesetzt") == 2
    assert lines(archive) == []
    apl("-C", archive, "tag", *(hit["id"] for hit in hits), "+topic:housing")
    assert total(apl, archive, "thema:housing") == 2


def test_escape_sequences_do_not_get_into_decisions(apl: Any, archive: Path) -> None:
    release = some_id(apl, archive)
    apl("-C", archive, "tag", release, "+topic:housing", "--note", "rot \x1b[31m\nneu", "--by", "Eva\x1b]0;x\x07")
    (line,) = lines(archive)
    assert (line["note"], line["decided_by"]) == ("rot [31m neu", "Eva ]0;x")
