"""Saved searches and the coverage of time, through the command line and the Python interface."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import archive_pipeline
from archive_pipeline.archive.coverage import source_coverage
from archive_pipeline.archive.database import open_database
from archive_pipeline.archive.reading import last_seq
from archive_pipeline.archive.saved_searches import changes_unseen, find_saved, note_seen
from archive_pipeline.errors import ArchiveError, MissingExtraError, NoArchiveError, UnknownReleaseError
from archive_pipeline.workspace import open_workspace, utc_now


def text(title: str, day: str, body: str) -> str:
    return (
        f"{title}\n\nKreis Heinsberg, {day}. {body} Der Kreistag hat darüber am Montag in Heinsberg beraten und den "
        "Vorschlag der Verwaltung angenommen.\n\nDie Beratung beginnt im Herbst und ist für alle kostenlos."
    )


FILES = {
    "a.txt": text("Haushalt beschlossen", "03.05.2024", "Der Haushalt für das nächste Jahr steht."),
    "b.txt": text("Neue Schule", "10.06.2024", "Die Schule in Hückelhoven bekommt einen Anbau."),
    "c.txt": text("Pflege vor Ort", "11.06.2025", "Der Haushalt sieht Geld für die Pflege vor."),
}


@pytest.fixture
def archive(apl: Any, make_archive: Callable[..., Path]) -> Path:
    folder = make_archive(FILES)
    assert apl.json("-C", folder, "run", "--json")["new"] == 3
    return folder


def test_a_saved_search_says_what_is_new_once_and_outlives_a_rebuild(apl: Any, archive: Path) -> None:
    apl("-C", archive, "search", "haushalt", "--save", "Geld im Kreis", "--ids")
    assert apl.json("-C", archive, "saved", "list", "--json")["saved"][0]["query"] == "haushalt"
    nothing = apl("-C", archive, "saved", "run", "Geld im Kreis", "--new", "--exit-code", code=1)
    assert nothing.stdout == ""

    more = text("Haushalt gesperrt", "12.06.2025", "Der Haushalt wird gesperrt.")
    (archive / "eingang" / "d.txt").write_text(more, encoding="utf-8")
    (archive / "eingang" / "e.txt").write_text(text("Fest", "13.06.2025", "Ein Fest."), encoding="utf-8")
    changed = FILES["c.txt"].replace("Der Haushalt sieht", "Der Haushalt sieht nun mehr")
    (archive / "eingang" / "c.txt").write_text(changed, encoding="utf-8")
    apl("-C", archive, "run")
    kept = apl.json("-C", archive, "saved", "run", "Geld im Kreis", "--new", "--keep", "--json")
    assert (kept["new"], kept["changed"], kept["retagged"]) == (1, 1, 0)
    assert {hit["title"]: hit["change"] for hit in kept["hits"]} == {
        "Haushalt gesperrt": "new",
        "Pflege vor Ort": "changed",
    }
    told = apl("-C", archive, "saved", "run", "Geld im Kreis", "--new", "--exit-code").stdout
    assert "neu: Haushalt gesperrt" in told
    assert "geändert: Pflege vor Ort" in told
    assert apl.json("-C", archive, "saved", "run", "Geld im Kreis", "--new", "--json")["new"] == 0

    release = kept["hits"][0]["id"]
    apl("-C", archive, "tag", release, "+topic:macroeconomics")
    again = apl.json("-C", archive, "saved", "run", "Geld im Kreis", "--new", "--json")
    assert (again["new"], again["changed"], again["retagged"]) == (0, 0, 1)

    apl("-C", archive, "rebuild")
    after = apl.json("-C", archive, "saved", "run", "Geld im Kreis", "--new", "--json")
    assert (after["new"], after["changed"]) == (0, 0)
    apl("-C", archive, "saved", "remove", "Geld im Kreis")
    assert "Noch keine" in apl("-C", archive, "saved", "list").stdout
    apl("-C", archive, "rebuild")
    assert "Noch keine" in apl("-C", archive, "saved", "list").stdout


def test_what_happens_to_a_new_release_before_the_index_follows_does_not_hide_it(apl: Any, archive: Path) -> None:
    apl("-C", archive, "search", "haushalt", "--save", "Geld", "--ids")
    more = text("Haushalt gesperrt", "12.06.2025", "Der Haushalt wird gesperrt.")
    (archive / "eingang" / "d.txt").write_text(more, encoding="utf-8")
    apl("-C", archive, "run")
    with open_workspace(archive).reading() as db:
        indexed = last_seq(db)
    (release,) = apl("-C", archive, "search", "gesperrt", "--ids").stdout.split()
    apl("-C", archive, "tag", release, "+topic:macroeconomics")
    with open_workspace(archive).writing("test") as db:
        behind = changes_unseen(db, find_saved(db, "Geld"), indexed)
        note_seen(db, "Geld", indexed, utc_now())
        after = changes_unseen(db, find_saved(db, "Geld"), last_seq(db))
    assert (behind, after) == ({release: "new"}, {release: "retagged"})


def test_nothing_is_told_that_cannot_be_noted_as_told(apl: Any, archive: Path) -> None:
    apl("-C", archive, "search", "haushalt", "--save", "Geld", "--ids")
    more = text("Haushalt gesperrt", "12.06.2025", "Der Haushalt wird gesperrt.")
    (archive / "eingang" / "d.txt").write_text(more, encoding="utf-8")
    apl("-C", archive, "run")
    with open_workspace(archive).writing("test"):
        assert apl("-C", archive, "saved", "run", "Geld", "--new", code=11).stdout == ""
        assert "neu: Haushalt" in apl("-C", archive, "saved", "run", "Geld", "--new", "--keep").stdout
    assert "neu: Haushalt" in apl("-C", archive, "saved", "run", "Geld", "--new").stdout
    with open_workspace(archive).writing("test"):  # where there is nothing to note, nobody is in the way
        assert apl("-C", archive, "saved", "run", "Geld", "--new").stdout == ""


def test_a_saved_search_can_be_told_from_its_neighbours(apl: Any, archive: Path) -> None:
    apl("-C", archive, "search", "haushalt", "--save", "Geld", "--ids")
    assert "meinten Sie 'Geld'" in apl("-C", archive, "saved", "run", "Gelt", code=1).stderr
    assert apl("-C", archive, "search", "", "--save", "x", code=2).stderr
    assert "Ersetzt" in apl("-C", archive, "search", "schule", "--save", "Geld", "--ids").stderr
    assert "Neue Schule" in apl("-C", archive, "saved", "run", "Geld").stdout


def rows(output: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(output)))


def test_forms_of_the_answer(apl: Any, archive: Path) -> None:
    ids = apl("-C", archive, "search", "haushalt", "--ids").stdout.split()
    table = rows(apl("-C", archive, "search", "haushalt", "--csv", "--sort", "newest").stdout)
    assert sorted(row["id"] for row in table) == sorted(ids)
    assert [row["published"] for row in table] == ["2025-06-11", "2024-05-03"]
    occurrences = rows(apl("-C", archive, "search", "haushalt", "--kwic", "--csv", "--sort", "date").stdout)
    assert [row["hit"] for row in occurrences] == ["Haushalt"] * 3
    assert occurrences[0]["place"] == "title"
    assert "3 Fundstellen in 2 Mitteilungen" in apl("-C", archive, "search", "haushalt", "--kwic").stdout
    facets = rows(apl("-C", archive, "search", "haushalt", "--facets", "--csv").stdout)
    assert {row["count"] for row in facets if row["facet"] == "source"} == {"2"}
    assert "Meinten Sie: Haushalt" in apl("-C", archive, "search", "Haushlat").stdout
    found = apl.json("-C", archive, "search", "kreis", "--limit", "2", "--json")
    rest = apl.json("-C", archive, "search", "kreis", "--cursor", found["next_cursor"], "--json")
    assert (len(found["hits"]), len(rest["hits"]), rest["next_cursor"], rest["changed"]) == (2, 1, None, False)
    like = apl("-C", archive, "search", "--like", ids[0], "--json")
    assert ids[0] not in [hit["id"] for hit in json.loads(like.stdout)["hits"]]
    others = apl("-C", archive, "search", "--like", ids[0], "--ids").stdout.split()
    assert len(others) == json.loads(like.stdout)["total"]
    assert "--like" in apl("-C", archive, "search", "--like", ids[0], "--sort", "newest", code=2).stderr
    assert apl("-C", archive, "search", "haushalt", "--sort", "left", code=2).stderr
    assert apl("-C", archive, "search", "haushalt", "--kwic", "--cursor", "x", code=2).stderr
    (archive / "eingang" / "u.txt").write_text("Haushalt ohne Tag\n\nDer Haushalt steht noch nicht fest.", "utf-8")
    apl("-C", archive, "run")
    assert "dazu 1 ohne Datum: datum:unbekannt" in apl("-C", archive, "search", "haushalt", "datum:2024").stdout
    assert "davon 1 ohne Datum" in apl("-C", archive, "search", "haushalt").stdout
    explained = apl.json("-C", archive, "explain", "haushalt", "kreis:Heinsberg", "--json")
    assert explained["tree"][1]["keys"]


def test_time_is_counted_with_what_the_archive_knows_of_it(apl: Any, archive: Path) -> None:
    found = apl.json("-C", archive, "timeline", "haushalt", "--json")
    assert [(row["period"], row["count"], row["volume"]) for row in found["rows"]] == [("2024", 1, 2), ("2025", 1, 1)]
    assert found["rows"][0]["coverage"]["state"] == "partial"
    assert found["coverage"][0]["months"]["2024-05"] == "partial"
    assert found["coverage"][0]["months"]["2024-07"] == "not_captured"
    table = rows(apl("-C", archive, "timeline", "haushalt", "--histogram", "month", "--csv").stdout)
    assert [row["period"] for row in table][:2] == ["2024-05", "2024-06"]
    assert table[-1]["period"] == "undated"
    shown = apl("-C", archive, "timeline", "haushalt", "--by", "district", "--normalise").stdout
    assert "Kreis Heinsberg" in shown
    assert "2024~" in apl("-C", archive, "timeline", "haushalt").stdout
    months = rows(apl("-C", archive, "timeline", "--coverage", "--csv").stdout)
    assert {row["coverage"] for row in months} == {"partial", "not_captured"}


def test_a_batch_keeps_every_line(apl: Any, archive: Path) -> None:
    """A line without a query finds nothing and says why: it does not find everything."""
    queries = archive / "q.jsonl"
    lines = ('{"id": "a", "query": "haushalt"}', "kaputt", '{"id": 7, "query": null}', "[1]", "[" * 100_000)
    queries.write_text("\n".join(lines), encoding="utf-8")
    found = [json.loads(line) for line in apl("-C", archive, "search", "--batch", queries).stdout.splitlines()]
    assert [(row["id"], row["total"]) for row in found] == [
        ("a", 2),
        ("line-2", 0),
        ("7", 0),
        ("line-4", 0),
        ("line-5", 0),
    ]
    assert ["Zeile" in "".join(row["notes"]) for row in found] == [False, True, True, True, True]
    oldest = apl("-C", archive, "search", "--batch", queries, "--sort", "oldest", "--limit", "1").stdout
    assert json.loads(oldest.splitlines()[0])["hits"][0]["title"] == "Haushalt beschlossen"
    assert "--batch" in apl("-C", archive, "search", "haushalt", "--batch", queries, code=2).stderr


def visit(db: Any, day: str, *, seen: int = 10, new: int = 0, fails: bool = False, command: str = "run") -> None:
    number = f"r{day}{command}"
    db.execute("INSERT INTO run (id, command, started_at) VALUES (?, ?, ?)", [number, command, f"{day}T05:00:00+00:00"])
    columns = "run_id, source_id, seen, new, changed, unchanged, quarantined, skipped, refused, gone, failed, seconds"
    db.execute(
        f"INSERT INTO run_source ({columns}, started_at) VALUES (?, 's', ?, ?, 0, 0, 0, 0, 0, 0, 0, 0, ?)",
        [number, seen, new, f"{day}T05:00:00+00:00"],
    )
    if fails:
        db.execute(
            "INSERT INTO failure (run_id, source_id, key, stage, reason, at) VALUES (?, 's', '', 'discover', 'x', '')",
            [number],
        )


def states(db: Any) -> dict[str, str]:
    return dict(source_coverage(db, date(2026, 6, 15))[0].months)


def test_a_month_is_complete_only_when_nothing_can_have_been_missed(tmp_path: Path) -> None:
    db = open_database(tmp_path / "archive.db", create=True)
    visit(db, "2025-12-20", seen=10, new=10)
    for day in ("2026-01-01", "2026-01-20", "2026-02-03"):
        visit(db, day, new=2)
    visit(db, "2026-03-05", seen=10, new=10)  # nothing known in the list: what lies between may be lost
    visit(db, "2026-04-02")
    visit(db, "2026-05-01")
    visit(db, "2026-05-20", fails=True)
    visit(db, "2026-06-10", command="import")
    visit(db, "2026-06-14")
    db.execute(
        """INSERT INTO item (source_id, key, published, state, first_seen_at, last_seen_at)
           VALUES ('s', 'k', '2026-04-11', 'failed', '2026-04-12', '2026-04-12')"""
    )
    assert states(db) == {
        "2025-12": "partial",  # the first visit
        "2026-01": "complete",
        "2026-02": "partial",
        "2026-03": "partial",
        "2026-04": "partial",  # a document of that month could not be had
        "2026-05": "complete",
        "2026-06": "partial",  # still running
    }
    assert source_coverage(db, date(2026, 6, 15), sources=["other"]) == []


def test_an_archive_in_python(archive: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with archive_pipeline.open(archive) as found:
        hits = found.search("haushalt", sort="newest")
        assert (hits.total, len(hits), hits.undated) == (2, 2, 0)
        assert [hit.title for hit in hits] == ["Pflege vor Ort", "Haushalt beschlossen"]
        assert hits[0].snippets
        assert hits[-1].title == "Haushalt beschlossen"
        assert [hit.id for hit in hits[:5]] == [hit.id for hit in hits]
        assert hits.facets["year"][0].count == 1
        release = found.release(hits[0].id)
        assert release.article.title == "Pflege vor Ort"
        assert found.release(f"d/{release.id}@{release.version_id}.{release.derivation}") == release
        assert [line.hit for line in found.kwic("haushalt", sort="left")] == ["Haushalt"] * 3
        assert [row.count for row in found.timeline("haushalt").rows] == [1, 1]
        assert found.coverage()[0].source_id == "eingang"
        assert "Klammer" in found.search("(haushalt").notes[0]
        with pytest.raises(UnknownReleaseError):
            found.release("nirgends")
        with pytest.raises(IndexError):
            hits[2]
        monkeypatch.setitem(__import__("sys").modules, "pandas", None)
        with pytest.raises(MissingExtraError, match="pandas"):
            hits.to_dataframe()
    with pytest.raises(ArchiveError, match="geschlossen"):
        found.search("haushalt")
    with pytest.raises(NoArchiveError):
        archive_pipeline.open(archive / "nirgends")


def test_a_table_for_pandas(archive: Path) -> None:
    pandas = pytest.importorskip("pandas")
    with archive_pipeline.open(archive) as found:
        table = found.search("haushalt", sort="oldest").to_dataframe()
    assert list(table["title"]) == ["Haushalt beschlossen", "Pflege vor Ort"]
    assert table["published"].dt.year.tolist() == [2024, 2025]
    assert isinstance(table, pandas.DataFrame)


def test_what_a_rebuild_without_the_old_database_calls_new(apl: Any, archive: Path) -> None:
    """Then the day a search was saved counts: nothing is told twice that was there before, and nothing lost."""
    apl("-C", archive, "search", "haushalt", "--save", "Geld", "--ids")
    (archive / "eingang" / "d.txt").write_text(
        text("Haushalt gesperrt", "12.06.2025", "Der Haushalt wird gesperrt."), encoding="utf-8"
    )
    apl("-C", archive, "run")
    for file in (archive / "archive").glob("archive.db*"):
        file.unlink()
    shutil.rmtree(archive / "archive" / "index")
    apl("-C", archive, "rebuild")
    after = apl.json("-C", archive, "saved", "run", "Geld", "--new", "--json")
    assert [hit["title"] for hit in after["hits"]] == ["Haushalt gesperrt"]
