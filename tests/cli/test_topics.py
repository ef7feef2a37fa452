"""`topics`: learning from decisions, and using what was learned, as an archivist does it."""

import json
import random
import shutil
import sqlite3
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

needs_extra = pytest.mark.skipif(find_spec("sklearn") is None, reason='the extra "topics" is not installed')

# Two subjects in words that the lexicon doesn't know: what an archive learns is its own language.
FAIR = (
    "Am {day} zieht die Kornweih mit {name} durch {place}",
    "Der Bollerzug von {name} hält {number} Mal bei {place}",
    "{name} trägt den Garbenkranz am {day} nach {place}",
    "Die Weihbuben aus {place} zählen {number} Köpfe, sagt {name}",
    "Zur Kornweih backt {name} am {day} wieder {number} Striezel",
    "Den Bollerzug führt {name} aus {place} zum {number}. Mal",
)
COMMON = (
    "Die Hutung bei {place} misst {number} Morgen, sagt {name}",
    "{name} verteilt die Holzlose der Allmend am {day}",
    "Am {day} zieht {name} mit {number} Markgenossen nach {place}",
    "Die Allmend von {place} hat {number} Marksteine, zählt {name}",
    "{name} hütet den Anger bei {place} seit {number} Wintern",
    "Den Anger von {place} mäht {name} am {day}",
)
NAMES = ["Ahlers", "Bruns", "Carsten", "Dirks", "Eilers", "Fricke", "Gerdes", "Harms", "Ihnen", "Janssen", "Kruse"]
PLACES = ["Aschwarden", "Brundorf", "Cluvenhagen", "Dibbersen", "Emtinghausen", "Fischerhude", "Gersten", "Hülsen"]
DAYS = ["Montag", "Dienstag", "Mittwoch", "Donnerstag", "Freitag", "Samstag", "Sonntag"]


def text(seed: int, sentences: tuple[str, ...]) -> str:
    chance = random.Random(seed)

    def filled(sentence: str) -> str:
        return sentence.format(
            day=chance.choice(DAYS),
            name=chance.choice(NAMES),
            place=chance.choice(PLACES),
            number=chance.randrange(3, 300),
        )

    first, *others = (filled(sentence) for sentence in chance.sample(sentences, 5))
    return f"{first}\n\n{'. '.join(others)}. Das teilte die Gruppe mit, und alle sind dazu herzlich willkommen.\n"


@pytest.fixture(scope="module")
def learned_from(apl: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive of 90 releases; on 80 of them people decided."""
    folder = tmp_path_factory.mktemp("topics") / "archive"
    documents = folder.parent / "documents"
    for topic, sentences in (("culture", FAIR), ("public_lands", COMMON)):
        (documents / topic).mkdir(parents=True)
        for seed in range(45):
            (documents / topic / f"{seed:02}.txt").write_text(text(seed, sentences), encoding="utf-8")
    apl("init", folder)
    apl("-C", folder, "import", documents, "--no-gate")
    for topic in ("culture", "public_lands"):
        with sqlite3.connect(folder / "archive" / "archive.db") as db:
            rows = db.execute("SELECT id FROM release WHERE path LIKE ? ORDER BY path LIMIT 40", [f"{topic}/%"])
            ids = [row[0] for row in rows]
        apl("-C", folder, "tag", *ids, f"+topic:{topic}", "--yes")
    return folder


@pytest.fixture(scope="module")
def trained(apl: Any, learned_from: Path) -> tuple[Path, dict[str, Any]]:
    """That archive after `topics train --activate`, and what the command said."""
    folder = Path(shutil.copytree(learned_from, learned_from.parent / "trained"))
    return folder, apl.json("-C", folder, "topics", "train", "--activate", "--json")


@pytest.fixture
def archive(trained: tuple[Path, dict[str, Any]], tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained[0], tmp_path / "archive"))


def topics_by_model(archive: Path) -> list[tuple[str, str, str]]:
    with sqlite3.connect(archive / "archive" / "archive.db") as db:
        return sorted(
            db.execute(
                """SELECT r.path, t.value, t.by FROM tag t JOIN release r
                   ON r.id = t.release_id AND r.version_id = t.version_id AND r.derivation = t.derivation
                   JOIN derivation d ON d.release_id = r.id AND d.number = r.derivation AND d.topic_model = t.by
                   WHERE t.axis = 'topic' AND t.role = 'primary' AND t.score >= 0.5"""
            )
        )


def test_too_few_decisions_are_refused_with_what_is_needed(apl: Any, make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"a.txt": text(1, FAIR)})
    apl("-C", folder, "run")
    for command in ("train", "evaluate"):
        refused = apl("-C", folder, "topics", command, code=1).stderr
        assert "0 verschiedene Mitteilungen" in refused
        assert "nötig sind 60" in refused
        assert "Abhilfe: Themen entscheiden" in refused
    assert "Eingesetzt ist das Lexikon" in apl("-C", folder, "topics", "list").stdout


@needs_extra
def test_a_better_model_is_activated_used_and_taken_back(
    apl: Any, archive: Path, trained: tuple[Path, dict[str, Any]]
) -> None:
    learned = trained[1]
    assert (learned["number"], learned["new"], learned["better"], learned["activated"]) == (1, True, True, True)
    assert learned["releases"] == 80
    assert learned["model_primary"] > 0.95 > learned["lexicon_primary"]
    assert learned["decided"] == {"culture": 40, "public_lands": 40}
    apl("-C", archive, "reprocess", "--stage", "classify")
    found = topics_by_model(archive)
    assert len(found) > 80
    assert all(path.split("/")[0] == topic and by == learned["name"] for path, topic, by in found)
    undecided = [path for path, *_ in found if int(path[-6:-4]) >= 40]
    assert len(undecided) >= 8
    apl("-C", archive, "topics", "activate", "lexikon")
    apl("-C", archive, "reprocess", "--stage", "classify")
    assert topics_by_model(archive) == []
    assert "topic-model@1+" in apl("-C", archive, "topics", "activate", "1").stdout
    assert apl("-C", archive, "topics", "list").stdout.startswith("* topic-model@1+")


@needs_extra
def test_learning_twice_gives_the_same_bytes_and_no_second_number(apl: Any, archive: Path, learned_from: Path) -> None:
    other = Path(shutil.copytree(learned_from, archive.parent / "other"))
    elsewhere = apl("-C", other, "topics", "train").stdout
    again = apl.json("-C", archive, "topics", "train", "--json")
    files = [folder / "archive" / "topic-models" / "1.json" for folder in (archive, other)]
    assert files[0].read_bytes() == files[1].read_bytes()
    assert (again["new"], again["number"]) == (False, 1)
    assert sorted(file.name for file in files[0].parent.iterdir()) == ["1.json", "active"]
    assert "Das Modell ist besser." in elsewhere
    assert "Einsetzen: archive-pipeline topics activate 1" in elsewhere


@needs_extra
def test_a_rebuild_and_workers_use_the_model_in_use(apl: Any, archive: Path) -> None:
    more = archive.parent / "more" / "culture"
    more.mkdir(parents=True)
    for seed in range(100, 104):
        (more / f"{seed}.txt").write_text(text(seed, FAIR), encoding="utf-8")
    apl("-C", archive, "import", more.parent, "--no-gate", "--workers", "2")
    found = topics_by_model(archive)
    assert {(path, topic) for path, topic, _ in found} == {
        (f"culture/{seed}.txt", "culture") for seed in range(100, 104)
    }
    apl("-C", archive, "rebuild")
    assert set(found) <= set(topics_by_model(archive))


@needs_extra
def test_damaged_and_missing_models_are_named(apl: Any, archive: Path) -> None:
    assert "Themenmodell 7 gibt es nicht" in apl("-C", archive, "topics", "activate", "7", code=1).stderr
    assert "weder eine Nummer" in apl("-C", archive, "topics", "activate", "neu", code=2).stderr
    file = archive / "archive" / "topic-models" / "1.json"
    model = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**model, "offset": model["offset"] + 1}), encoding="utf-8")
    assert "Prüfsumme" in apl("-C", archive, "topics", "activate", "1", code=1).stderr
    file.write_text("{", encoding="utf-8")
    assert "kein lesbares Themenmodell" in apl("-C", archive, "topics", "list", code=1).stderr


@needs_extra
def test_a_model_that_is_not_better_is_not_activated(apl: Any, archive: Path) -> None:
    """Decisions that contradict each other teach nothing."""
    with sqlite3.connect(archive / "archive" / "archive.db") as db:
        ids = [row[0] for row in db.execute("SELECT id FROM release ORDER BY id")]
    apl("-C", archive, "tag", *ids[::2], "+topic:culture", "-topic:public_lands", "--yes")
    apl("-C", archive, "tag", *ids[1::2], "-topic:culture", "+topic:public_lands", "--yes")
    refused = apl("-C", archive, "topics", "train", "--activate", "--json", code=None)
    line = json.loads(refused.stdout)
    if not line["better"]:
        assert "wird nicht eingesetzt" in refused.stderr
    assert line["activated"] is line["better"]
    assert line["model_primary"] < 0.75
