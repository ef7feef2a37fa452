"""A learned profile from the command that learns it to reprocessing and rebuilding: numbered, told, never silent."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

SUBJECTS = (
    (
        "Radweg wird verbreitert",
        "Die Bauarbeiten am Mühlendamm beginnen im Frühjahr, eine Umleitung ist ausgeschildert.",
    ),
    ("Volkshochschule mit neuer Leiterin", "Die Historikerin Tessa Brandt will vor allem Sprachkurse ausbauen."),
    ("Gesundheitsamt warnt vor Zecken", "Wer durch Wälder wandert, sollte lange Kleidung tragen und sich absuchen."),
    ("Löschgruppe erhält Fahrzeug", "Zwölf Freiwillige haben den Führerschein für schwere Lastwagen erworben."),
    ("Haushalt mit Überschuss", "Der Kämmerer rechnet mit höheren Gewerbesteuern und mit steigenden Zinsen."),
    ("Komödie im Theaterverein", "Im Mittelpunkt steht ein verwechselter Koffer voller Perücken und Liebesbriefe."),
    ("Wölfe im Hochmoor", "Kameras zeigten drei Tiere, Schäfer können Zäune beim Forstamt fördern lassen."),
    ("Glasfaser für elf Ortsteile", "Ein Unternehmen verlegt neunzig Kilometer Leitungen bis in die Keller."),
    ("Partnerschaft mit Polen", "Jugendliche bauen künftig jeden Sommer gemeinsam Musikinstrumente."),
    ("Sporthalle bleibt geschlossen", "Bei der Sanierung des Daches fanden Fachleute Asbest, Vereine weichen aus."),
    ("Jugendrat fordert Nachtbus", "Nach Konzerten fehle am Wochenende jede Verbindung in die Dörfer."),
    ("Streuobst wird versteigert", "Entlang der Kreisstraßen hängen Äpfel, Birnen und Zwetschgen in Hülle und Fülle."),
)
BODY = "{title}\n\n{text}\n\nZum Pressearchiv\n\nRundbrief bestellen\n"

Make = Callable[..., Path]


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    db = Database(str(folder / "archive" / "archive.db"))
    try:
        return [tuple(row.values()) for row in db.query(query)]
    finally:
        db.close()


TEXTS = """SELECT r.title, d.text, d.profile FROM release r JOIN derivation d
           ON d.release_id = r.id AND d.version_id = r.version_id AND d.number = r.derivation ORDER BY 1"""


@pytest.fixture
def folder(apl: Any, make_archive: Make) -> Path:
    files = {f"{number:02}.txt": BODY.format(title=title, text=text) for number, (title, text) in enumerate(SUBJECTS)}
    made = make_archive(files)
    apl("-C", made, "run")
    return made


def test_learned_told_used_and_rebuilt(apl: Any, folder: Path) -> None:
    before = rows(folder, TEXTS)
    assert all("Pressearchiv" in text and profile is None for _, text, profile in before)
    dry = apl("-C", folder, "sources", "learn", "eingang", "--dry-run").stdout
    assert "Zum Pressearchiv" in dry
    assert "100%" in dry
    assert not (folder / "archive" / "profiles").exists()

    told = apl.json("-C", folder, "sources", "learn", "eingang", "--json")
    assert (told["profile"], told["new"], told["texts"]) == (1, True, 12)
    assert [line["text"] for line in told["lines"]] == ["Zum Pressearchiv", "Rundbrief bestellen"]
    kept = json.loads((folder / "archive" / "profiles" / "eingang" / "1.json").read_text(encoding="utf-8"))
    assert (kept["source_id"], kept["number"], kept["releases"]) == ("eingang", 1, 12)
    assert rows(folder, "SELECT source_id, number, releases FROM profile") == [("eingang", 1, 12)]
    assert rows(folder, "SELECT count(*) FROM event WHERE object = 'eingang' AND detail LIKE 'Profil 1:%'") == [(1,)]
    assert rows(folder, TEXTS) == before  # nothing changes behind anybody's back

    new = BODY.format(title="Brücke gesperrt", text="Ein Lastwagen beschädigte das Geländer über der Aue.")
    (folder / "eingang" / "neu.txt").write_text(new, encoding="utf-8")
    assert apl.json("-C", folder, "run", "--json")["new"] == 1
    assert ("Brücke gesperrt", 1) in rows(folder, f"SELECT title, profile FROM ({TEXTS})")
    release = rows(folder, "SELECT id FROM release WHERE title = 'Brücke gesperrt'")[0][0]
    removed = apl("-C", folder, "show", release, "--removed").stdout
    assert "[learned:1] Zum Pressearchiv" in removed

    tried = apl.json("-C", folder, "sources", "test", "eingang", "--json")
    assert "learned:1" in {span["rule"] for item in tried["items"] for span in item["removed"]}

    summary = apl.json("-C", folder, "reprocess", "--query", "quelle:eingang", "--json")
    assert (summary["changed"], summary["fields"]) == (12, {"text": 12})
    after = rows(folder, TEXTS)
    assert not any("Pressearchiv" in text for _, text, _ in after)
    assert {profile for _, _, profile in after} == {1}
    assert apl.json("-C", folder, "reprocess", "--json")["changed"] == 0

    apl("-C", folder, "rebuild")
    assert rows(folder, TEXTS) == after
    assert rows(folder, "SELECT source_id, number, releases FROM profile") == [("eingang", 1, 12)]


def test_status_says_which_sources_can_be_learned_from(apl: Any, make_archive: Make) -> None:
    texts = [
        f"{title}\n\n{text}\n\n{SUBJECTS[(number + step) % 12][1]}\n"
        for step in (1, 2)
        for number, (title, text) in enumerate(SUBJECTS)
    ]
    folder = make_archive({f"{number:02}.txt": text for number, text in enumerate(texts[:19])})
    apl("-C", folder, "run")
    assert apl.json("-C", folder, "status", "--json")["unlearned"] == []
    (folder / "eingang" / "neu.txt").write_text(texts[19], encoding="utf-8")
    apl("-C", folder, "run")
    assert apl.json("-C", folder, "status", "--json")["unlearned"] == ["eingang"]
    assert "sources learn eingang" in apl("-C", folder, "status").stdout
    learned = apl("-C", folder, "sources", "learn", "eingang").stdout
    assert "keine Zeile kehrt wieder" in learned
    assert "Profil 1 hält fest, dass nichts zu entfernen ist" in learned
    assert apl.json("-C", folder, "status", "--json")["unlearned"] == []
    assert "Lernen" not in apl("-C", folder, "status").stdout
    assert "Profil 1 gilt weiter" in apl("-C", folder, "sources", "learn", "eingang").stdout


def test_learning_again_writes_a_profile_only_when_something_changed(apl: Any, folder: Path) -> None:
    apl("-C", folder, "sources", "learn", "eingang")
    again = apl("-C", folder, "sources", "learn", "eingang").stdout
    assert "Profil 1 gilt weiter" in again
    told = apl.json("-C", folder, "sources", "learn", "eingang", "--without", "rundbrief", "--json")
    assert (told["profile"], told["new"]) == (2, True)
    assert [line["stays"] for line in told["lines"]] == [False, True]
    assert apl.json("-C", folder, "sources", "learn", "eingang", "--json")["new"] is False
    apl("-C", folder, "reprocess")
    assert all(text.endswith("\n\nRundbrief bestellen") for _, text, _ in rows(folder, TEXTS))
    assert sorted(path.name for path in (folder / "archive" / "profiles" / "eingang").iterdir()) == ["1.json", "2.json"]


def test_two_workers_use_the_profile_too(apl: Any, folder: Path) -> None:
    apl("-C", folder, "sources", "learn", "eingang")
    assert apl.json("-C", folder, "reprocess", "--workers", "2", "--json")["fields"] == {"text": 12}


def test_too_few_releases_and_unknown_sources(apl: Any, make_archive: Make, folder: Path) -> None:
    assert "eingang" in apl("-C", folder, "sources", "learn", "eingnag", code=4).stderr
    few = make_archive({"a.txt": BODY.format(title="Eins", text="Zwei drei.")}, name="wenige")
    assert apl("-C", few, "sources", "learn", "eingang", code=10).stderr
    apl("-C", few, "run")
    assert "zu wenig: 1 " in apl("-C", few, "sources", "learn", "eingang").stdout


def test_a_damaged_profile_is_named_and_nothing_is_cleaned_without_it(apl: Any, folder: Path) -> None:
    apl("-C", folder, "sources", "learn", "eingang")
    file = folder / "archive" / "profiles" / "eingang" / "1.json"
    whole = file.read_bytes()
    file.write_bytes(whole[:50])
    for command in (("run",), ("reprocess",), ("rebuild",), ("sources", "learn", "eingang")):
        assert "profiles/eingang/1.json" in apl("-C", folder, *command, code=1).stderr
    shutil.copy(file, file.with_name("2.json"))
    file.write_bytes(whole)
    file.with_name("2.json").write_bytes(whole)  # a copy under another number is no second profile
    assert "profiles/eingang/2.json" in apl("-C", folder, "run", code=1).stderr
    file.with_name("2.json").unlink()
    apl("-C", folder, "run")
