"""Frozen result sets: they stay what they were, prove it, and tell how today differs."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.archive.result_sets import erase_from_sets
from archive_pipeline.upkeep.rebuilding import rebuild
from archive_pipeline.workspace import open_workspace


@pytest.fixture
def frozen(apl: Any, folder: Path) -> dict[str, Any]:
    row = apl.json("-C", folder, "set", "create", "amt-1", "--query", "quelle:amt", "--note", "Probe", "--json")
    assert isinstance(row, dict)
    return row


def differences(apl: Any, folder: Path, *names: str) -> dict[str, list[str]]:
    found = apl.json("-C", folder, "set", "diff", *names, "--json")
    return {name: found[name] for name in ("added", "removed", "changed", "retagged") if found[name]}


def test_a_set_is_what_was_found(apl: Any, folder: Path, frozen: dict[str, Any]) -> None:
    assert (frozen["releases"], frozen["query"], frozen["note"]) == (4, "quelle:amt", "Probe")
    assert "amt-1" in apl("-C", folder, "set", "list").stdout
    shown = apl("-C", folder, "set", "show", "amt-1").stdout
    assert frozen["citation"] in shown
    assert frozen["sha256"] in frozen["citation"]
    assert "Probe-Archiv" in frozen["citation"]
    assert shown.count("  d/") == 4
    assert differences(apl, folder, "amt-1") == {}
    assert "Kein Unterschied" in apl("-C", folder, "set", "diff", "amt-1").stdout


def test_what_changed_since(
    apl: Any, folder: Path, frozen: dict[str, Any], ids: Callable[[str], str], tmp_path: Path
) -> None:
    apl("-C", folder, "tag", ids("2.txt"), "+topic:housing", "--by", "x")
    apl("-C", folder, "takedown", "hide", ids("3.txt"), "--ground", "Probe", "--by", "x")
    assert differences(apl, folder, "amt-1") == {"removed": [ids("3.txt")], "retagged": [ids("2.txt")]}
    apl("-C", folder, "set", "create", "netz", "--query", "quelle:netz")
    between = differences(apl, folder, "amt-1", "netz")
    assert (len(between["added"]), len(between["removed"])) == (2, 4)
    lines = apl("-C", folder, "set", "export", "amt-1", "jsonl").stdout.splitlines()
    exported = {row["id"]: row for row in map(json.loads, lines)}
    assert exported.keys() == {ids("1.txt"), ids("2.txt")}, "hidden, closed and embargoed ones stay"
    assert "housing" not in {tag["value"] for tag in exported[ids("2.txt")]["tags"]}, "tags of then"
    out = tmp_path / "x.ris"
    summary = apl.json("-C", folder, "export", "ris", "--set", "amt-1", "--out", out, "--json")
    manifest = json.loads(Path(summary["manifest"]).read_text(encoding="utf-8"))
    assert (manifest["result_set"], manifest["releases"], summary["left_out"]) == ("amt-1", 2, 2)
    shown = apl("-C", folder, "set", "show", "amt-1").stdout
    assert "gesperrt" in shown
    assert "Mitteilung 3" not in shown, "hidden titles stay hidden"
    assert "und 2 weitere" in apl("-C", folder, "set", "show", "amt-1", "--limit", "2").stdout


def test_figures_are_those_of_the_texts_of_then(
    apl: Any, folder: Path, frozen: dict[str, Any], ids: Callable[[str], str], tmp_path: Path
) -> None:
    text = "Mitteilung 1: anders\n\nKreis Heinsberg, 09.09.2025. Die Beratung für Zugewanderte ist nun im Rathaus."
    (folder / "eingang" / "1.txt").write_text(f"{text}\n\nSie beginnt im Herbst und ist kostenlos.", encoding="utf-8")
    apl("-C", folder, "run", "amt")
    (row,) = csv.DictReader(io.StringIO(apl("-C", folder, "search", "rathaus", "--csv").stdout))
    assert (row["id"], row["published"]) == (ids("1.txt"), "2025-09-09")
    out = tmp_path / "x.csv"
    apl("-C", folder, "set", "export", "amt-1", "csv", "--out", out)
    with out.open(encoding="utf-8", newline="") as file:
        days = [row["published"] for row in csv.DictReader(file)]
    cover = json.loads((tmp_path / "x.csv.manifest.json").read_text(encoding="utf-8"))["coverage"]
    assert sorted(days) == ["", "2025-04-02"]
    assert (cover["first_published"], cover["last_published"], cover["undated"]) == ("2025-04-02", "2025-04-02", 1)


def test_a_set_survives_database_and_index(apl: Any, folder: Path, frozen: dict[str, Any]) -> None:
    for name in ("archive.db", "archive.db-wal", "archive.db-shm"):
        (folder / "archive" / name).unlink(missing_ok=True)
    shutil.rmtree(folder / "archive" / "index")
    rebuild(open_workspace(folder))
    (listed,) = apl.json("-C", folder, "set", "list", "--json")
    assert listed == frozen
    assert differences(apl, folder, "amt-1") == {}


def test_a_flipped_bit_is_named(apl: Any, folder: Path, frozen: dict[str, Any]) -> None:
    path = folder / "archive" / "sets" / "amt-1.jsonl"
    data = path.read_bytes()
    path.chmod(0o644)
    for place in (20, len(data) // 2, len(data) - 3):
        flipped = bytearray(data)
        flipped[place] ^= 1
        path.write_bytes(flipped)
        assert "sets/amt-1.jsonl" in apl("-C", folder, "set", "show", "amt-1", code=20).stderr
    path.write_bytes(data[: data.rindex(b"\n", 0, -1) + 1])
    assert "erwartet 4" in apl("-C", folder, "set", "show", "amt-1", code=20).stderr


def test_an_erased_text_leaves_the_proof(
    apl: Any, folder: Path, frozen: dict[str, Any], ids: Callable[[str], str]
) -> None:
    data = folder / "archive"
    assert erase_from_sets(data, [ids("1.txt")], "F-1") == ("amt-1",)
    assert erase_from_sets(data, [ids("1.txt")], "F-1") == ()
    assert b"anders gereinigt" not in (data / "sets" / "amt-1.jsonl").read_bytes()
    shown = apl("-C", folder, "set", "show", "amt-1").stdout
    assert "(gelöscht, Fall F-1)" in shown
    assert frozen["sha256"] in shown
    lines = apl("-C", folder, "set", "export", "amt-1", "csv").stdout.splitlines()
    assert not any(line.startswith(ids("1.txt")) for line in lines)


def test_names(apl: Any, folder: Path, frozen: dict[str, Any]) -> None:
    assert "schon" in apl("-C", folder, "set", "create", "amt-1", "--query", "x", code=1).stderr
    for name in ("../x", "A", "", "a" * 65):
        apl("-C", folder, "set", "create", name, "--query", "x", code=4)
    assert "set list" in apl("-C", folder, "set", "show", "nichts", code=1).stderr
    assert [path.name for path in (folder / "archive" / "sets").iterdir()] == ["amt-1.jsonl"]
