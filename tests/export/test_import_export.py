"""What was exported comes back: table by table, audited, rebuilt; beside what is there; damaged or from elsewhere."""

import json
import re
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.exchange import importing
from archive_pipeline.upkeep.auditing import audit
from archive_pipeline.upkeep.rebuilding import rebuild
from archive_pipeline.workspace import open_workspace

LEFT_OUT = {
    "tag": {"id"},
    "person": {"id"},
    "quote": {"id"},
    "release": {"seq"},
    "capture": {"warc_file", "warc_offset"},
    "decision": {"number"},
}
"""What is numbered anew, and where records lie."""

TABLES = (
    "release",
    "location",
    "version",
    "derivation",
    "tag",
    "person",
    "quote",
    "capture",
    "tag_decision",
    "decision",
)
RESTORED = "SELECT id FROM source WHERE id IN (SELECT source_id FROM release)"


def rows(folder: Path) -> dict[str, list[str]]:
    """What an archive holds, whatever the order of the rows."""
    found = {}
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        db.row_factory = sqlite3.Row
        for table in TABLES:
            left_out = LEFT_OUT.get(table, set())
            found[table] = sorted(
                repr([row[name] for name in row.keys() if name not in left_out])  # noqa: SIM118 - a Row iterates values
                for row in db.execute(f"SELECT * FROM {table}")
            )
        found["v_tag"] = sorted(map(repr, map(tuple, db.execute("SELECT * FROM v_tag"))))
        found["title"] = [
            str(tuple(row)) for row in db.execute("SELECT id, title, legal_basis FROM source ORDER BY id")
        ]
    return found


def whole(apl: Any, folder: Path, out: Path, format_name: str) -> Path:
    apl("-C", folder, "export", format_name, "--out", out, "--as", "archivist")
    return out


@pytest.mark.parametrize("format_name", ["jsonl", "bagit"])
def test_an_empty_archive_gets_everything(
    apl: Any, folder: Path, tmp_path: Path, empty_archive: Callable[[str], Path], format_name: str
) -> None:
    out = whole(apl, folder, tmp_path / "x.jsonl", format_name)
    target = empty_archive("ziel")
    summary = apl.json("-C", target, "import", out, "--json")
    assert (summary["new"], summary["unchanged"], summary["captures"], summary["decisions"]) == (6, 0, 9, 4)
    assert rows(target) == rows(folder)
    assert audit(open_workspace(target)).findings == ()
    before = rows(target)
    for name in ("archive.db", "archive.db-wal", "archive.db-shm"):
        (target / "archive" / name).unlink(missing_ok=True)
    shutil.rmtree(target / "archive" / "index")
    rebuild(open_workspace(target))
    assert rows(target) == before
    assert "6 waren schon da" in apl("-C", target, "import", out).stdout
    assert rows(target) == before
    assert audit(open_workspace(target)).findings == ()
    again = whole(apl, target, tmp_path / "y.jsonl", "jsonl")
    if format_name == "jsonl":
        assert [without_numbers(line) for line in lines(again)] == [without_numbers(line) for line in lines(out)]


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def without_numbers(line: dict[str, Any]) -> dict[str, Any]:
    """Where the original of a revisit lies differs, and with it the records that say so; and an import takes decisions
    first that keep something from readers."""
    archive = line.pop("archive")
    return {
        **line,
        "captures": sorted(one["record_id"] for one in archive["captures"]),
        "derivations": archive["derivations"],
        "decisions": sorted((one["decision"] for one in archive["decisions"]), key=lambda one: str(one["id"])),
    }


def test_a_part_comes_with_what_belongs_to_it(
    apl: Any, folder: Path, tmp_path: Path, empty_archive: Callable[[str], Path], ids: Callable[[str], str]
) -> None:
    out = tmp_path / "x.jsonl"
    apl("-C", folder, "export", "jsonl", "--query", "quelle:netz", "--out", out)
    target = empty_archive("ziel")
    summary = apl.json("-C", target, "import", out, "--json")
    assert (summary["new"], summary["captures"], summary["decisions"]) == (2, 4, 0)
    shown = apl("-C", target, "search", "Mitteilung", "5").stdout
    assert "1 Treffer" in shown
    # and then the rest, beside it
    rest = whole(apl, folder, tmp_path / "alles.jsonl", "jsonl")
    summary = apl.json("-C", target, "import", rest, "--json")
    assert (summary["new"], summary["unchanged"], summary["captures"], summary["decisions"]) == (4, 2, 5, 4)
    assert rows(target) == rows(folder)
    assert audit(open_workspace(target)).findings == ()
    history = apl("-C", target, "tag", ids("3.txt"), "--history").stdout
    assert "zurückgenommen" in history


def test_what_is_here_is_not_pushed_aside(apl: Any, make_archive: Callable[..., Path], tmp_path: Path) -> None:
    """Both archives captured the same files by themselves, one of them a newer state: nothing doubles, the newer text
    stays the current one, the older one becomes a version."""
    text = "Kreis Heinsberg. Die Beratungsstelle für Zugewanderte hat {} geöffnet, teilte der Landrat mit. "
    text += "Sie hilft bei Anträgen und Sprachkursen und bei der Suche nach Arbeit in der Region. " * 3
    old = make_archive({"1.txt": text.format("montags"), "2.txt": text.format("nie")}, name="alt")
    apl("-C", old, "run")
    new = make_archive({"1.txt": text.format("dienstags"), "2.txt": text.format("nie")}, name="neu")
    apl("-C", new, "run")
    out = whole(apl, old, tmp_path / "x.jsonl", "jsonl")
    summary = apl.json("-C", new, "import", out, "--json")
    assert (summary["new"], summary["unchanged"], summary["captures"], summary["kept_apart"]) == (0, 2, 2, 0)
    with sqlite3.connect(new / "archive" / "archive.db") as db:
        counts = db.execute("SELECT release_id, count(*) FROM version GROUP BY release_id ORDER BY 2").fetchall()
        assert [count for _, count in counts] == [1, 2]
        assert "dienstags" in db.execute("SELECT text FROM v_release WHERE id = ?", [counts[1][0]]).fetchone()[0]
    assert audit(open_workspace(new)).findings == ()
    before = rows(new)
    rebuild(open_workspace(new))
    assert rows(new) == before


def test_a_damaged_export_changes_nothing(
    apl: Any, folder: Path, tmp_path: Path, empty_archive: Callable[[str], Path]
) -> None:
    target = empty_archive("ziel")
    for format_name in ("jsonl", "bagit"):
        out = whole(apl, folder, tmp_path / f"{format_name}.jsonl", format_name)
        path = out if out.is_file() else next(out.rglob("captures.warc.gz"))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        assert "beschädigt" in apl("-C", target, "import", out, code=20).stderr
    assert not (target / "archive" / "archive.db").exists()


def test_lines_without_a_manifest_prove_themselves(
    apl: Any, folder: Path, tmp_path: Path, empty_archive: Callable[[str], Path]
) -> None:
    out = tmp_path / "x.jsonl"
    out.write_text(apl("-C", folder, "export", "jsonl").stdout, encoding="utf-8")
    target = empty_archive("ziel")
    assert apl.json("-C", target, "import", out, "--json")["new"] == 4
    text = out.read_text(encoding="utf-8")
    place = text.index('"records": "') + 300
    out.write_text(text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :], encoding="utf-8")
    apl("-C", empty_archive("zweites"), "import", out, code=20)
    text = apl("-C", folder, "export", "jsonl", "--without-captures").stdout
    out.write_text(text, encoding="utf-8")
    assert "ohne Erfassungen" in apl("-C", target, "import", out, code=1).stderr


def test_an_import_that_was_killed_is_finished_by_the_next(
    apl: Any, folder: Path, tmp_path: Path, empty_archive: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = whole(apl, folder, tmp_path / "x.jsonl", "jsonl")
    target = empty_archive("ziel")

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(importing, "RELEASES_A_BATCH", 2)
    with monkeypatch.context() as patch:
        patch.setattr(importing._Taking, "_take_up", killed)  # everything is in the files, nothing in the database
        with pytest.raises(KeyboardInterrupt):
            importing.import_export(open_workspace(target), out)
    importing.import_export(open_workspace(target), out)
    assert rows(target) == rows(folder)
    assert audit(open_workspace(target)).findings == ()


def test_what_was_erased_here_does_not_come_back(
    apl: Any, folder: Path, tmp_path: Path, ids: Callable[[str], str]
) -> None:
    out = whole(apl, folder, tmp_path / "x.jsonl", "jsonl")
    erased = ids("2.txt")
    apl("-C", folder, "set", "create", "amt", "--query", "quelle:amt")
    case = apl("-C", folder, "takedown", "hide", erased, "--ground", "Probe", "--by", "x").stdout
    found = re.search(r"Fall (\S+?)[:,. ]", case)
    assert found is not None, case
    apl("-C", folder, "takedown", "decide", found.group(1), "erase", "--reason", "Probe", "--yes", "--by", "x")
    summary = apl.json("-C", folder, "import", out, "--json")
    assert (summary["new"], summary["refused"], summary["unchanged"]) == (0, 1, 5)
    assert erased not in apl("-C", folder, "export", "csv", "--as", "archivist", "--withheld").stdout
    assert "gelöscht, Fall" in apl("-C", folder, "set", "show", "amt").stdout


def test_the_level_of_the_source_here_holds_for_what_comes(
    apl: Any, folder: Path, tmp_path: Path, empty_archive: Callable[[str], Path]
) -> None:
    out = whole(apl, folder, tmp_path / "x.jsonl", "jsonl")
    target = empty_archive("ziel")
    (target / "eingang").mkdir()
    with (target / "sources.toml").open("a", encoding="utf-8") as toml:
        toml.write('[[source]]\nid = "amt"\nfetcher = "folder"\npath = "eingang"\naccess = "onsite"\n')
    for run_before in (False, True):
        if run_before:
            shutil.rmtree(target / "archive")
            apl("-C", target, "run")
        apl("-C", target, "import", out)
        with sqlite3.connect(target / "archive" / "archive.db") as db:
            levels = "SELECT DISTINCT access FROM release WHERE source_id = 'amt' ORDER BY access"
            assert [row[0] for row in db.execute(levels)] == ["closed", "onsite"]
        assert audit(open_workspace(target)).findings == ()
