"""One release at several places: spellings of an address, a site that moved, a page in two sections."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database
from warcio.statusandheaders import StatusAndHeaders
from warcio.warcwriter import WARCWriter

from archive_pipeline.pipeline import Connections, run
from archive_pipeline.workspace import open_workspace
from tests.farm.site_farm import Farm, Host, rss, serving

Fetch = Callable[..., Any]


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    with serving(Farm(), tmp_path) as started:
        yield started


def config(url: str) -> str:
    return (
        '[archive]\ncontact = "archiv@example.org"\nrequest_interval = 0\n'
        f'[[source]]\nid = "amt"\nfetcher = "feed"\nurl = "{url}"\nlegal_basis = "60d"\n'
    )


@pytest.fixture
def fetch(tmp_path: Path, farm: Farm) -> Fetch:
    def run_once(url: str = "http://amt.example/feed.xml") -> Any:
        (tmp_path / "sources.toml").write_text(config(url), encoding="utf-8")
        workspace = open_workspace(tmp_path)
        connections = Connections(resolve=farm.resolve, network=farm)
        return run(workspace, workspace.config.sources, connections=connections)

    return run_once


def places(folder: Path) -> dict[str, list[str]]:
    """The addresses of each release, in the order they were found."""
    db = Database(str(folder / "archive" / "archive.db"))
    found: dict[str, list[str]] = {}
    for row in db.query("SELECT release_id, url FROM location ORDER BY rowid"):
        found.setdefault(row["release_id"], []).append(row["url"])
    db.close()
    return found


def feed(host: Host, *links: str) -> None:
    host.page("/feed.xml", rss(host, list(links)), "application/rss+xml")


SPELLINGS = (
    ("/presse/gr%C3%B6%C3%9Fe.html", "/presse/gr%F6%DFe.html"),  # UTF-8 and Latin-1
    ("/presse/m%C3%BCnster.html", "/presse/mu%CC%88nster.html"),  # NFC and NFD
    ("/presse/meldung", "/presse/meldung/"),
)


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_two_spellings_with_the_same_content_are_one_release(
    farm: Farm, fetch: Fetch, tmp_path: Path, one: str, other: str
) -> None:
    host = farm.host("amt.example")
    host.release(1, one)
    host.pages[other] = host.pages[one]
    feed(host, one, other)
    report = fetch()
    assert (report.total("new"), report.total("unchanged")) == (1, 1)
    assert list(places(tmp_path).values()) == [[f"http://amt.example{one}", f"http://amt.example{other}"]]


@pytest.mark.parametrize(("one", "other"), SPELLINGS)
def test_two_spellings_with_other_content_are_two_releases(
    farm: Farm, fetch: Fetch, tmp_path: Path, one: str, other: str
) -> None:
    host = farm.host("amt.example")
    host.release(1, one)
    host.release(2, other)
    feed(host, one, other)
    assert fetch().total("new") == 2
    assert len(places(tmp_path)) == 2


def test_a_spelling_is_asked_for_as_it_is_written(farm: Farm, fetch: Fetch) -> None:
    host = farm.host("amt.example")
    host.release(1, "/presse/gr%F6%DFe.html")
    feed(host, "/presse/gr%F6%DFe.html")
    assert fetch().total("new") == 1
    assert farm.times("amt.example", "/presse/gr%F6%DFe.html") == 1


def test_a_site_that_moved_brings_its_releases_along(farm: Farm, fetch: Fetch, tmp_path: Path) -> None:
    host = farm.host("amt.example")
    pages = [host.release(number) for number in range(3)]
    feed(host, *pages)
    fetch()
    new = farm.host("neu.example")
    for page in pages:
        new.pages[page] = host.pages[page]
    new.days = host.days
    new.release(7)
    feed(new, *pages, "/presse/meldung-7.html")
    report = fetch("http://neu.example/feed.xml")
    assert (report.total("new"), report.total("changed")) == (1, 0)
    assert sorted(len(urls) for urls in places(tmp_path).values()) == [1, 2, 2, 2]


def test_a_release_that_changes_at_its_second_place_is_a_new_version_of_it(
    farm: Farm, fetch: Fetch, tmp_path: Path
) -> None:
    host = farm.host("amt.example")
    host.release(1, "/a")
    host.pages["/b"], host.days["/b"] = host.pages["/a"], host.days["/a"]
    feed(host, "/a", "/b")
    fetch()
    host.release(1, "/b", addition="Nachtrag: Der Termin hat sich geändert.")
    db = Database(str(tmp_path / "archive" / "archive.db"))
    db.execute("UPDATE item SET next_check_at = '2026-01-01'")
    db.conn.commit()
    db.close()
    report = fetch()
    assert (report.total("new"), report.total("changed")) == (0, 1)
    assert len(places(tmp_path)) == 1
    again = fetch()
    assert (again.total("new"), again.total("changed")) == (0, 0)


def test_an_older_capture_leaves_the_current_version_current(apl: Any, tmp_path: Path) -> None:
    """Somebody else's web archive, imported after the site itself: its captures are earlier versions."""
    site = Farm().host("amt.example")
    site.release(1, "/a", addition="Damals war der Termin am Montag, inzwischen ist er am Freitag.")
    old = site.pages["/a"].body
    site.release(1, "/a")
    for name, body, day in (("neu", site.pages["/a"].body, "2026-05-01"), ("alt", old, "2025-01-01")):
        path = tmp_path / f"{name}.warc.gz"
        with path.open("wb") as stream:
            writer = WARCWriter(stream, gzip=True)
            head = StatusAndHeaders("200 OK", [("Content-Type", "text/html; charset=utf-8")], protocol="HTTP/1.1")
            record = writer.create_warc_record(
                "http://amt.example/a",
                "response",
                payload=io.BytesIO(body),
                http_headers=head,
                warc_headers_dict={"WARC-Date": f"{day}T08:00:00Z"},
            )
            writer.write_record(record)
            record.raw_stream.close()  # a temporary file that warcio leaves open
    apl("init", tmp_path / "archiv")
    new = apl.json("-C", tmp_path / "archiv", "import", tmp_path / "neu.warc.gz", "--source", "netz", "--json")
    older = apl.json("-C", tmp_path / "archiv", "import", tmp_path / "alt.warc.gz", "--source", "netz", "--json")
    assert (new["new"], older["new"], older["changed"]) == (1, 0, 1)
    db = Database(str(tmp_path / "archiv" / "archive" / "archive.db"))
    texts = [row["text"] for row in db.query("SELECT text FROM v_release")]
    versions = [row["captured_at"][:10] for row in db.query("SELECT captured_at FROM version ORDER BY number")]
    db.close()
    assert versions == ["2026-05-01", "2025-01-01"]
    assert len(texts) == 1
    assert "Damals" not in texts[0]


LONG = (
    "Die Sanierung des Hallenbades beginnt im September und dauert vierzehn Monate. Der Rat hat dem Vorhaben in seiner "
    "jüngsten Sitzung einstimmig zugestimmt. Während der Arbeiten können Vereine und Schulen in das Bad der "
    "Nachbarstadt ausweichen; die Kosten für die Fahrten übernimmt die Stadt. Bürgermeisterin Anna Vogt sprach von "
    "einem wichtigen Schritt für Familien und für den Sport. Das Becken erhält einen neuen Boden, die Technik wird "
    "erneuert, und ein Aufzug macht die Umkleiden ohne Stufen erreichbar. Zur Wiedereröffnung ist ein Fest geplant."
)


def mailing(folder: Path, text: str) -> None:
    (folder / "post").mkdir(exist_ok=True)
    (folder / "post" / "1.eml").write_text(
        "From: presse@amt.example\nTo: archiv@example.org\nSubject: Hallenbad wird saniert\n"
        "Date: Mon, 02 Feb 2026 09:00:00 +0100\nMessage-ID: <1@amt.example>\nMIME-Version: 1.0\n"
        f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n{text}\n\n-- \nPressestelle\n",
        encoding="utf-8",
    )


@pytest.mark.parametrize("first", ["amt", "post"])
def test_a_mailing_is_a_further_place_of_the_release_on_the_web(farm: Farm, tmp_path: Path, first: str) -> None:
    host = farm.host("amt.example")
    page = (
        f'<html lang="de"><head><meta property="article:published_time" content="2026-02-02T08:00:00+01:00"></head>'
        f"<body><article><h1>Hallenbad wird saniert</h1><p>{LONG}</p></article></body></html>"
    )
    host.page("/a", page.encode())
    feed(host, "/a")
    mailing(tmp_path, LONG)
    table = '[[source]]\nid = "post"\nfetcher = "mail"\npath = "post"\nlegal_basis = "60d"\n'
    (tmp_path / "sources.toml").write_text(config("http://amt.example/feed.xml") + table, encoding="utf-8")
    workspace = open_workspace(tmp_path)
    connections = Connections(resolve=farm.resolve, network=farm)
    order = sorted(workspace.config.sources, key=lambda source: source.id != first)
    reports = [run(workspace, [source], connections=connections) for source in order]
    assert [report.total("new") for report in reports] == [1, 0]
    db = Database(str(tmp_path / "archive" / "archive.db"))
    assert [row["n"] for row in db.query("SELECT count(*) AS n FROM release")] == [1]
    assert [row["source_id"] for row in db.query("SELECT source_id FROM location ORDER BY rowid")] == [
        source.id for source in order
    ]
    db.close()
    again = run(workspace, workspace.config.sources, connections=connections)
    assert (again.total("new"), again.total("changed")) == (0, 0)
