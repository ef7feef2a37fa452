"""What an archive keeps from readers stays so whatever an export brings, and what comes is kept from them at once."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.archive.visibility import seen_by, visible_ids
from archive_pipeline.exchange import importing
from archive_pipeline.upkeep.auditing import audit
from archive_pipeline.upkeep.rebuilding import rebuild
from archive_pipeline.workspace import open_workspace, utc_now

TEXT = (
    "Kreis Heinsberg. Die Beratungsstelle {} für Zugewanderte hat am Montag geöffnet, teilte der Landrat mit. "
    "Sie hilft bei Anträgen und Sprachkursen und bei der Suche nach Arbeit in der Region. Träger ist der Kreis."
)
BY = ("--by", "Archivarin")


@pytest.fixture
def two(apl: Any, make_archive: Callable[..., Path]) -> tuple[Path, Path]:
    """Two archives that captured the same two files by themselves; each has a third of its own."""
    made = []
    for name, own in (("hier", "a.txt"), ("dort", "b.txt")):
        files = {"1.txt": TEXT.format("Nord"), "2.txt": TEXT.format("Süd"), own: TEXT.format(own)}
        made.append(make_archive(files, name=name))
        apl("-C", made[-1], "run")
    return made[0], made[1]


def ids(folder: Path) -> dict[str, str]:
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        return dict(db.execute("SELECT path, id FROM release").fetchall())


def exported(apl: Any, folder: Path) -> Path:
    out = folder.with_name(f"{folder.name}.jsonl")
    apl("-C", folder, "export", "jsonl", "--out", out, "--as", "archivist", "--withheld", "--force")
    return out


def seen(folder: Path, standing: Any = "reader") -> set[str]:
    workspace = open_workspace(folder)
    with workspace.reading() as db:
        everything = [row["id"] for row in db.query("SELECT id FROM release")]
        return visible_ids(db, everything, seen_by(standing, utc_now()))


def cases(apl: Any, folder: Path) -> dict[str, tuple[str, tuple[str, ...]]]:
    found = apl.json("-C", folder, "takedown", "list", "--json")["cases"]
    return {one["id"]: (one["state"], tuple(one["release_ids"])) for one in found}


def test_a_case_from_elsewhere_gets_a_number_of_its_own(apl: Any, two: tuple[Path, Path]) -> None:
    here, there = two
    mine, theirs = ids(here), ids(there)
    apl("-C", here, "takedown", "hide", mine["1.txt"], "--ground", "Art. 17 DSGVO", *BY)
    apl("-C", there, "takedown", "hide", theirs["b.txt"], *BY)
    apl("-C", there, "takedown", "decide", "2026-1", "keep", "--reason", "unbegründet", *BY)
    apl("-C", here, "import", exported(apl, there))
    assert cases(apl, here) == {"2026-1": ("hidden", (mine["1.txt"],)), "2026-2": ("kept", (theirs["b.txt"],))}
    assert mine["1.txt"] not in seen(here, "archivist")
    apl("-C", there, "takedown", "decide", "2026-1", "hide", "--reason", "doch", *BY)
    apl("-C", here, "import", exported(apl, there))
    assert cases(apl, here)["2026-2"] == ("hidden", (theirs["b.txt"],))
    assert audit(open_workspace(here)).findings == ()


def test_nothing_is_shown_again(apl: Any, two: tuple[Path, Path]) -> None:
    here, there = two
    mine = ids(here)
    apl("-C", here, "access", mine["1.txt"], "closed", *BY)
    apl("-C", here, "suppress", "Petra Probe", *BY)
    apl("-C", there, "access", mine["1.txt"], "closed", *BY)
    apl("-C", there, "access", mine["1.txt"], "public", *BY)
    apl("-C", there, "access", mine["2.txt"], "onsite", *BY)
    before = seen(here)
    summary = apl.json("-C", here, "import", exported(apl, there), "--json")
    assert summary["held_back"] == 2
    assert mine["1.txt"] not in before
    assert seen(here) == before - {mine["2.txt"]} | {ids(there)["b.txt"]}
    assert audit(open_workspace(here)).findings == ()
    rebuild(open_workspace(here))
    assert mine["1.txt"] not in seen(here)


def test_the_later_word_on_a_tag_stands(apl: Any, two: tuple[Path, Path]) -> None:
    here, there = two
    release = ids(here)["1.txt"]
    apl("-C", there, "tag", release, "+topic:housing", *BY)
    apl("-C", here, "tag", release, "-topic:housing", *BY)
    apl("-C", there, "tag", release, "+topic:energy", *BY)
    apl("-C", here, "import", exported(apl, there))
    with sqlite3.connect(here / "archive" / "archive.db") as db:
        topics = {row[0] for row in db.execute("SELECT value FROM v_tag WHERE axis = 'topic' AND by LIKE 'decision%'")}
    assert topics == {"energy"}


def test_killed_in_the_middle_nothing_is_to_be_seen_that_should_not(
    apl: Any, two: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, there = two
    theirs = ids(there)
    apl("-C", there, "takedown", "hide", theirs["1.txt"], *BY)
    apl("-C", there, "access", theirs["2.txt"], "closed", *BY)
    out = exported(apl, there)
    target = tmp_path / "ziel"
    target.mkdir()
    (target / "sources.toml").write_text('[archive]\ntitle = "Leer"\n', encoding="utf-8")

    take_up = importing._Taking._take_up

    def killed(self: importing._Taking, known: dict[str, int]) -> None:
        take_up(self, known)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(importing._Taking, "_take_up", killed)  # the releases are here, nothing else was done
        with pytest.raises(KeyboardInterrupt):
            importing.import_export(open_workspace(target), out)
    assert seen(target) == {theirs["b.txt"]}
    importing.import_export(open_workspace(target), out)
    assert seen(target) == {theirs["b.txt"]}
    assert audit(open_workspace(target)).findings == ()


def foreign(decision: dict[str, Any], release: str) -> dict[str, Any]:
    common = {"id": "fremd", "decided_by": "x", "decided_at": "2026-01-01T00:00:00Z"}
    return {"number": 99, "decision": {**common, **{k: release if v == "?" else v for k, v in decision.items()}}}


@pytest.mark.parametrize(
    "decision",
    [
        {"schema": "apl/access/1", "release_id": "?", "access": "public"},
        {"schema": "apl/takedown-step/1", "case": "2026-1", "step": "keep"},
        {"schema": "apl/undo/1", "undoes": "fremd"},
        {"schema": "apl/result-set/1", "name": "../../x", "query": "", "understood": "", "releases": 0, "sha256": "",
         "seq": 0},
        {"schema": "apl/saved-search/1", "name": "haus", "query": "x", "action": "save"},
    ],
    ids=lambda decision: decision["schema"],
)  # fmt: skip
def test_decisions_that_are_not_about_a_release_are_refused(
    apl: Any, two: tuple[Path, Path], decision: dict[str, Any]
) -> None:
    here, there = two
    mine, theirs = ids(here), ids(there)
    apl("-C", here, "takedown", "hide", mine["a.txt"], *BY)
    apl("-C", here, "access", mine["1.txt"], "closed", *BY)
    out = exported(apl, there)
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    row = next(row for row in rows if row["id"] == theirs["b.txt"])
    row["archive"]["decisions"].append(foreign(decision, mine["1.txt"]))
    lines = out.with_name("fremd.jsonl")
    lines.write_text(json.dumps(row, ensure_ascii=False) + "\n", encoding="utf-8")
    said = apl("-C", here, "import", lines, code=20).stderr
    assert "gehört nicht zu ihr" in said
    assert theirs["b.txt"] not in seen(here)
    assert cases(apl, here)["2026-1"][0] == "hidden"
    assert mine["1.txt"] not in seen(here)
