"""Who sees which release, in search, counts, facets, show and export alike; names, notes of correction, retention."""

import json
import shutil
import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.archive.reading import iterate_releases
from archive_pipeline.archive.visibility import ARCHIVIST, Visibility, seen_by
from archive_pipeline.pipeline import run
from archive_pipeline.protocols import FacetCount
from archive_pipeline.search.service import SearchResults
from archive_pipeline.searching import open_search
from archive_pipeline.sources.retention import kept_since
from archive_pipeline.upkeep.auditing import audit
from archive_pipeline.upkeep.rebuilding import rebuild
from archive_pipeline.workspace import open_workspace

EMBARGO = (
    "Sperrfrist: 24. Dezember 2030, 10:00 Uhr\n\nNeue Pflegestelle vorgestellt\n\nKreis Heinsberg. Der Landrat hat die "
    "neue Pflegestelle im Kreis Heinsberg vorgestellt. Sie hilft Familien bei Anträgen und berät zu allen Fragen der "
    "Pflege zu Hause, teilte die Verwaltung am Montag mit."
)
END = datetime(2030, 12, 24, 9, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def made(whole_archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The eight releases and one under embargo until the end of 2030. To be copied."""
    folder = Path(shutil.copytree(whole_archive, tmp_path_factory.mktemp("made") / "archiv"))
    (folder / "eingang" / "gesperrt.txt").write_text(EMBARGO, encoding="utf-8")
    workspace = open_workspace(folder)
    run(workspace, workspace.config.sources)
    return folder


@pytest.fixture
def archive(made: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(made, tmp_path / "archiv"))


@pytest.fixture(params=["whoosh", "tantivy"])
def in_either_engine(archive: Path, request: pytest.FixtureRequest) -> Path:
    """The same, searched by one engine or the other."""
    if request.param == "tantivy":
        pytest.importorskip("tantivy")
        toml = archive / "sources.toml"
        text = toml.read_text(encoding="utf-8")
        toml.write_text(text.replace("[archive]\n", '[archive]\nengine = "tantivy"\n'), encoding="utf-8")
    return archive


def searched(folder: Path, query: str, visibility: Visibility = ARCHIVIST) -> SearchResults:
    workspace = open_workspace(folder)
    workspace.refresh_index()
    with open_search(workspace, visibility) as service:
        return service.search(query, today=date(2026, 1, 1), match="all", limit=50)


def counted(found: SearchResults) -> tuple[int, int, int]:
    """Hits, the number told, and what the facet of the district counts."""
    return len(found.hits), found.total, sum(one.count for one in dict(found.facets)["district"])


def exported(folder: Path, visibility: Visibility) -> set[str]:
    with open_workspace(folder).reading() as db:
        return {one.id for one in iterate_releases(db, visibility=visibility)}


def test_an_embargo_ends_by_the_clock(in_either_engine: Path) -> None:
    before, after = seen_by("reader", END - timedelta(seconds=1)), seen_by("reader", END)
    assert counted(searched(in_either_engine, "Heinsberg")) == (9, 9, 9)
    assert counted(searched(in_either_engine, "Heinsberg", before)) == (8, 8, 8)
    assert counted(searched(in_either_engine, "Heinsberg", after)) == (9, 9, 9)
    assert searched(in_either_engine, "Pflegestelle", before).undated == 0
    assert searched(in_either_engine, "-Pflegestelle", before).total == 8
    assert len(exported(in_either_engine, after) - exported(in_either_engine, before)) == 1


def test_levels(apl: Any, in_either_engine: Path) -> None:
    release = searched(in_either_engine, "Pflegestelle").hits[0].id
    now = END + timedelta(days=1)
    sees = {"reader": 0, "login": 0, "onsite": 1, "archivist": 1}
    apl("-C", in_either_engine, "access", release, "onsite", "--reason", "Lesesaal")
    for _ in range(2):
        for standing, count in sees.items():
            assert searched(in_either_engine, "Pflegestelle", seen_by(standing, now)).total == count  # type: ignore[arg-type]
            assert len(exported(in_either_engine, seen_by(standing, now))) == 8 + count  # type: ignore[arg-type]
        rebuild(open_workspace(in_either_engine))
    assert audit(open_workspace(in_either_engine)).findings == ()
    hidden = apl("-C", in_either_engine, "show", release, "--as", "reader", code=1)
    assert "Pflegestelle" not in hidden.stdout + hidden.stderr
    marked = apl("-C", in_either_engine, "search", "Pflegestelle").stdout
    assert "nur im Lesesaal" in marked
    assert "Sperrfrist bis 24.12.2030 10:00" in marked
    apl("-C", in_either_engine, "access", release, "inherit")
    assert searched(in_either_engine, "Pflegestelle", seen_by("reader", now)).total == 1


def test_the_level_of_a_source_holds_for_what_is_there(apl: Any, archive: Path) -> None:
    release = searched(archive, "Pflegestelle").hits[0].id
    apl("-C", archive, "access", release, "public")
    toml = archive / "sources.toml"
    toml.write_text(toml.read_text(encoding="utf-8") + 'access = "closed"\n', encoding="utf-8")
    apl("-C", archive, "run")
    assert counted(searched(archive, "Heinsberg", seen_by("onsite", END))) == (1, 1, 1)
    assert exported(archive, seen_by("reader", END)) == {release}
    rebuild(open_workspace(archive))
    assert exported(archive, seen_by("reader", END)) == {release}
    assert searched(archive, "Heinsberg", seen_by("archivist", END)).total == 9


def test_a_suppressed_name_is_nobodys(apl: Any, archive: Path) -> None:
    assert searched(archive, "sprecher:Muster").total == 8
    shown = apl("-C", archive, "export", "jsonl", "--as", "archivist").stdout
    assert any(json.loads(line)["persons"] for line in shown.splitlines())
    told = apl("-C", archive, "suppress", "Stephan Muster", "--reason", "Art. 17 DSGVO").stdout
    assert "8 Mitteilungen" in told
    for _ in range(2):
        assert searched(archive, "sprecher:Muster").total == 0
        assert searched(archive, "Stephan Muster").total == 8
        for line in apl("-C", archive, "export", "jsonl", "--as", "archivist").stdout.splitlines():
            release = json.loads(line)
            assert release["persons"] == []
            assert all(quote["speaker"] is None for quote in release["quotes"])
        rebuild(open_workspace(archive))
    assert audit(open_workspace(archive)).findings == ()
    assert apl("-C", archive, "suppress", "--list").stdout.strip() == "Stephan Muster"
    assert "unterdrückt" in apl("-C", archive, "suppress", "Erika Muster", "--lift", code=1).stderr
    apl("-C", archive, "suppress", "Muster", code=2)
    apl("-C", archive, "suppress", "Stephan Muster", "--lift")
    assert searched(archive, "sprecher:Muster").total == 8


def test_a_note_of_correction_stands_with_its_release(apl: Any, archive: Path) -> None:
    release = searched(archive, "Pflegestelle").hits[0].id
    words = "Die Pflegestelle gibt es seit 2019."
    apl("-C", archive, "note", release, "--text", words, "--url", "https://example.org/g", "--by", "Archivarin")
    rebuild(open_workspace(archive))
    shown = apl("-C", archive, "show", release).stdout
    assert shown.startswith("GEGENDARSTELLUNG")
    assert words in shown
    assert words in apl("-C", archive, "show", release, "--text").stdout
    lines = [
        json.loads(line) for line in apl("-C", archive, "export", "jsonl", "--as", "archivist").stdout.splitlines()
    ]
    (noted,) = [line["corrections"] for line in lines if line["id"] == release]
    assert (noted[0]["kind"], noted[0]["text"], noted[0]["url"]) == ("gegendarstellung", words, "https://example.org/g")
    assert "Genau eines" in apl("-C", archive, "note", release, code=2).stderr
    apl("-C", archive, "note", release, "--remove", noted[0]["id"][:8])
    assert words not in apl("-C", archive, "show", release).stdout


@pytest.fixture
def aged(folder: Path) -> Iterator[Path]:
    """The archive with two releases that were captured in 2010 and 2020."""
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        for number, year in enumerate((2010, 2020), start=1):
            db.execute("UPDATE release SET first_captured_at = ? WHERE rowid = ?", [f"{year}-05-01T00:00:00", number])
    yield folder
    shutil.rmtree(folder)


def test_retention_names_what_is_due_and_erases_nothing(apl: Any, aged: Path) -> None:
    toml = aged / "sources.toml"
    before = toml.read_text(encoding="utf-8")
    for rule, due in (("10y", 1), ("12m", 2), ("forever", 0)):
        toml.write_text(f'{before}retention = "{rule}"\n', encoding="utf-8")
        assert len(apl.json("-C", aged, "retention", "--json")["due"]) == due
    toml.write_text(f'{before}retention = "zehn Jahre"\n', encoding="utf-8")
    assert "10y" in apl("-C", aged, "sources", "check", code=4).stderr
    with sqlite3.connect(aged / "archive" / "archive.db") as db:
        assert db.execute("SELECT count(*) FROM release").fetchone() == (8,)


@pytest.mark.parametrize(
    ("rule", "today", "since"),
    [
        ("10y", date(2026, 11, 22), date(2016, 11, 22)),
        ("1y", date(2024, 2, 29), date(2023, 2, 28)),
        ("1m", date(2026, 3, 31), date(2026, 2, 28)),
        ("13m", date(2026, 1, 15), date(2024, 12, 15)),
        ("9999y", date(2026, 1, 1), date.min),
        ("forever", date(2026, 1, 1), None),
        (None, date(2026, 1, 1), None),
    ],
)
def test_periods(rule: str | None, today: date, since: date | None) -> None:
    assert kept_since(rule, today) == since


def test_a_name_that_only_an_unseen_release_has_is_unknown(archive: Path) -> None:
    with sqlite3.connect(archive / "archive" / "archive.db") as db:
        db.execute(
            """INSERT INTO tag (release_id, version_id, derivation, axis, value, label, role, score, by, evidence,
               municipalities, keywords) SELECT id, version_id, derivation, 'organisation', 'pflegebund-probe',
               'Pflegebund Probe', 'issuer', 0.9, 'probe@1', '[]', '[]', '[]' FROM release WHERE embargo_until > ''"""
        )
    before, after = seen_by("reader", END - timedelta(seconds=1)), seen_by("reader", END)
    workspace = open_workspace(archive)
    told = {}
    for visibility in (before, after):
        with open_search(workspace, visibility) as service:
            told[visibility] = service.parse('organisation:"Pflegebund Probe"', today=date(2026, 1, 1))
    assert "Pflegebund Probe" in told[after].understood
    with open_search(workspace, before) as service:
        unknown = service.parse('organisation:"Pflegebund Prabe"', today=date(2026, 1, 1))
        (named,) = service.named("organisation", [FacetCount(value="pflegebund-probe", count=1)])
    assert repr(told[before]) == repr(unknown).replace("Prabe", "Probe")
    assert named.label == "pflegebund-probe"
