"""An audit finds what is not as it was written, names it, and says nothing else."""

import json
import random
import sqlite3
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.archive.verification import last_complete_audit
from archive_pipeline.errors import ArchiveError
from archive_pipeline.upkeep.auditing import Audited, audit
from archive_pipeline.warc import DerivationLog, WarcStore, cdxj_file, read_cdxj
from archive_pipeline.workspace import Workspace, open_workspace

Flip = Callable[[Path, int], None]


@cache
def workspace(folder: Path) -> Workspace:
    return open_workspace(folder)


def look(folder: Path, subset: int | None = None) -> Audited:
    return audit(workspace(folder), subset=subset)


def files(folder: Path, series: str) -> list[Path]:
    return sorted((folder / "archive" / series).rglob("*.warc.gz"))


def change(folder: Path, statement: str, *values: object) -> None:
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        assert db.execute(statement, values).rowcount > 0


def value(folder: Path, statement: str) -> Any:
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        return db.execute(statement).fetchone()[0]


def test_a_whole_archive_has_no_findings_and_the_event_log_says_so(apl: Any, folder: Path) -> None:
    summary = apl.json("-C", folder, "audit", "--json")
    assert summary["findings"] == []
    assert summary["complete"]
    assert summary["records"] == 9 + 9
    assert summary["bytes"] == sum(
        path.stat().st_size for path in (*files(folder, "warc"), *files(folder, "derivations"))
    )
    assert value(folder, "SELECT outcome FROM event WHERE type = 'fixity check'") == "success"
    told = apl("-C", folder, "audit", "--subset", "1/30")
    assert "alles, wie es geschrieben wurde" in told.stdout
    assert "Abhilfe" not in told.stderr


def test_parts_go_round_and_add_up(folder: Path) -> None:
    records, parts = 0, 0
    while True:
        part = look(folder, subset=5)
        records, parts = records + part.records, parts + 1
        if part.complete:
            break
    assert records == 18
    assert 3 <= parts <= 5
    with open_workspace(folder).reading() as db:
        known = last_complete_audit(db)
    assert known is not None
    assert known.scope == "1/5"
    assert look(folder, subset=5).records < 18


def test_a_part_finds_only_what_lies_in_it(folder: Path, flip: Flip) -> None:
    path = files(folder, "warc")[0]
    flip(path, 8 * (path.stat().st_size - 300))
    found = [len(look(folder, subset=4).findings) for _ in range(4)]
    assert found[0] == 0
    assert sum(found) > 0


def test_the_record_and_the_release_are_named(apl: Any, folder: Path, flip: Flip) -> None:
    record, release, name, offset = (
        value(folder, f"SELECT {column} FROM capture WHERE key = '5.txt'")
        for column in ("record_id", "release_id", "warc_file", "warc_offset")
    )
    flip(folder / "archive" / name, 8 * (offset + 250))
    done = apl("-C", folder, "audit", code=20)
    assert f"{name}, Byte {offset}" in done.stdout
    assert record in done.stdout
    assert release in done.stdout
    assert "restore" in done.stderr
    line = json.loads(apl("-C", folder, "audit", "--json", code=20).stdout)
    assert {finding["object"] for finding in line["findings"]} == {name, record}
    assert value(folder, "SELECT count(*) FROM event WHERE type = 'fixity check' AND outcome = 'failure'") == 6


CHANGES = {
    "text": "UPDATE derivation SET text = replace(text, 'Arbeit', 'Arbeid') WHERE rowid = 3",
    "title": "UPDATE derivation SET title = 'Anders' WHERE rowid = 3",
    "article": "UPDATE derivation SET article = replace(article, 'text/plain', 'text/plaim') WHERE rowid = 3",
    "tag": "UPDATE tag SET score = score - 0.01 WHERE id = 2",
    "tag gone": "DELETE FROM tag WHERE id = 2",
    "person": "UPDATE person SET name = 'Stefan Muster' WHERE id = 1",
    "quote": "UPDATE quote SET start = start + 1 WHERE id = 1",
    "current": "UPDATE release SET version_id = '0000000000000000' WHERE rowid = 2",
    "release title": "UPDATE release SET title = 'Anders' WHERE rowid = 2",
    "version": "UPDATE version SET sha256 = replace(sha256, 'a', 'b') WHERE rowid = 2",
    "capture": "UPDATE capture SET key = '55.txt' WHERE key = '5.txt'",
    "capture gone": "DELETE FROM capture WHERE key = '1.txt' AND release_id IS NOT NULL",
    "location": "UPDATE location SET key = '44.txt' WHERE key = '4.txt'",
    "outbox": "DELETE FROM outbox WHERE seq = 4",
}


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_a_changed_row_is_found(folder: Path, name: str) -> None:
    change(folder, CHANGES[name])
    assert look(folder).findings


def test_a_derivation_that_nobody_made_is_found(folder: Path) -> None:
    release = value(folder, "SELECT id FROM release WHERE rowid = 2")
    change(
        folder,
        "INSERT INTO derivation (release_id, version_id, number, software, text, article) "
        "SELECT release_id, version_id, 2, software, 'Erfunden', '{}' FROM derivation WHERE release_id = ?",
        release,
    )
    findings = look(folder).findings
    assert [finding.subject for finding in findings] == [release]
    assert ".2" in findings[0].message


def test_missing_and_short_files_are_named(folder: Path) -> None:
    path = files(folder, "warc")[0]
    whole = path.read_bytes()
    name = path.relative_to(folder / "archive").as_posix()
    path.write_bytes(whole[:-10])
    assert any(finding.message.startswith(f"{name}: erwartet {len(whole)}") for finding in look(folder).findings)
    path.unlink()
    assert any("keine Datei" in finding.message for finding in look(folder).findings)


def test_an_index_list_that_says_otherwise_is_found_and_made_again(apl: Any, folder: Path) -> None:
    name = files(folder, "warc")[0].relative_to(folder / "archive").as_posix()
    path = cdxj_file(folder / "archive", name)
    good = path.read_text(encoding="utf-8")
    path.write_text(good.replace('"length": "', '"length": "1', 1), encoding="utf-8")
    findings = look(folder).findings
    assert [finding.subject for finding in findings] == [path.relative_to(folder / "archive").as_posix()]
    path.unlink()
    assert look(folder).findings == ()
    apl("-C", folder, "run")
    assert path.read_text(encoding="utf-8") == good
    assert read_cdxj(folder / "archive", name) == good.splitlines()


def test_lost_decisions_are_found(apl: Any, folder: Path) -> None:
    release = value(folder, "SELECT id FROM release WHERE rowid = 2")
    apl("-C", folder, "tag", release, "+topic:housing")
    assert look(folder).findings == ()
    (folder / "archive" / "decisions.jsonl").unlink()
    assert [finding.subject for finding in look(folder).findings] == ["decisions.jsonl"]


def test_a_decision_that_says_something_else_is_found(apl: Any, folder: Path) -> None:
    release = value(folder, "SELECT id FROM release WHERE rowid = 2")
    apl("-C", folder, "tag", release, "+topic:housing")
    path = folder / "archive" / "decisions.jsonl"
    path.write_bytes(path.read_bytes().replace(b"housing", b"health"))
    (finding,) = look(folder).findings
    assert (finding.subject, "sagt etwas anderes" in finding.message) == ("decisions.jsonl", True)


def test_an_emptied_and_an_unreadable_database_are_found(apl: Any, folder: Path) -> None:
    database = folder / "archive" / "archive.db"
    whole = database.read_bytes()
    database.write_bytes(b"")
    assert [finding.subject for finding in look(folder).findings] == ["archive.db"]
    database.write_bytes(b"nichts " * 1000)
    done = apl("-C", folder, "audit", code=20)
    assert "archive.db ist beschädigt" in done.stderr
    assert "rebuild" in done.stderr
    database.write_bytes(whole[: len(whole) // 2])
    apl("-C", folder, "audit", code=20)


def test_what_a_run_has_not_accounted_for_is_no_finding(folder: Path) -> None:
    path = files(folder, "warc")[0]
    with path.open("ab") as file:
        file.write(b"\x1f\x8b\x08\x00 half a record")
    assert look(folder).findings == ()


def content(folder: Path) -> list[object]:
    """What the files hold for a reader, or that they can't be read."""
    store = WarcStore(folder / "archive", software="", operator="", clock=lambda: pytest.fail("no clock"))
    log = DerivationLog(folder / "archive", software="", operator="", clock=lambda: pytest.fail("no clock"))
    damaged: list[Any] = []
    held: list[object] = list(store.captures(damaged=damaged.append))
    held += list(log.read(damaged=damaged.append))
    return [*held, *(error.message for error in damaged)]


def test_flipped_bits_in_a_hundred_places_of_the_files(folder: Path, flip: Flip, tmp_path: Path) -> None:
    """Every one that changes content is found, in the file where it is. What changes nothing is in the headers of gzip
    members (time, system), which no reader looks at, or in the warcinfo record."""
    places = random.Random(20261122)
    expected = content(folder)
    silent = 0
    paths = [*files(folder, "warc"), *files(folder, "derivations")]
    for _ in range(100):
        path = places.choice(paths)
        bit = places.randrange(8 * path.stat().st_size)
        flip(path, bit)
        findings = look(folder).findings
        name = path.relative_to(folder / "archive").as_posix()
        if findings:
            assert any(name in finding.message for finding in findings), f"bit {bit} of {name}"
        else:
            silent += 1
            assert content(folder) == expected, f"bit {bit} of {name} changes content and is not found"
        flip(path, bit)
    assert look(folder).findings == ()
    assert silent < 10


DERIVED = ("release", "version", "derivation", "tag", "person", "quote", "location", "capture", "outbox")


def derived_rows(path: Path) -> object:
    """All derived rows of a database, or why it can't be read."""
    try:
        with sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True) as db:
            db.text_factory = bytes
            return [sorted(map(repr, db.execute(f'SELECT * FROM "{table}"'))) for table in DERIVED]
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        return str(error)


def test_flipped_bits_in_the_database(folder: Path, flip: Flip) -> None:
    """Places at random until forty of them change a derived row: each is found."""
    database = folder / "archive" / "archive.db"
    with sqlite3.connect(database) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.execute("PRAGMA journal_mode = DELETE")
        db.execute("VACUUM")
    good, expected = database.read_bytes(), derived_rows(database)
    places = random.Random(7)
    counted = 0
    while counted < 40:
        bit = places.randrange(8 * len(good))
        flip(database, bit)
        if derived_rows(database) != expected:
            counted += 1
            try:
                found = bool(look(folder).findings)
            except ArchiveError as error:  # it can't be opened, or not be read to the end
                found = "archive.db" in error.message
            assert found, f"bit {bit} changes derived rows and is not found"
        for suffix in ("-wal", "-shm", "-journal"):
            database.with_name(database.name + suffix).unlink(missing_ok=True)
        database.write_bytes(good)
