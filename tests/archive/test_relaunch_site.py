"""A site that changes its system and all its addresses brings its releases along; a busy week is no relaunch."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from archive_pipeline.archive.versions import events_of
from archive_pipeline.pipeline import Connections, run
from archive_pipeline.workspace import open_workspace
from tests.farm.site_farm import Farm, Host, rss, serving

SUBJECTS = (
    "den Radweg nach Altenrode", "die Turnhalle in Neustedt", "das Hallenbad am See", "die Bücherei im Rathaus",
    "den Hochwasserschutz an der Lohe", "die Kita am Wald", "den Busverkehr am Abend", "das Museum der Weber",
)  # fmt: skip
REASONS = (
    "weil im Herbst die Bagger kommen und die Anwohner wissen wollen, wie lange gesperrt wird",
    "nachdem ein Gutachten Risse im Dach gezeigt hatte, die niemand erwartet hatte",
    "denn die Zahl der Gäste ist in zwei Jahren um ein Drittel gewachsen",
    "weil die alten Regale weder Platz noch Licht für neue Bücher lassen",
    "nachdem das Wasser im Februar drei Keller und eine Werkstatt erreicht hatte",
    "denn im Sommer werden vierzig Kinder mehr erwartet als im Vorjahr",
    "weil nach acht Uhr bisher kein Bus mehr in die Dörfer fährt",
    "nachdem eine Erbschaft sieben Webstühle und viele Briefe gebracht hatte",
)


def text(number: int) -> list[str]:
    subject, reason = SUBJECTS[number % 8], REASONS[(number * 3 + number // 8) % 8]
    return [
        f"Der Gemeinderat hat in seiner {number + 20}. Sitzung über {subject} beraten, {reason}.",
        f"Bürgermeister Jan Petersen nannte {number * 7 + 110} Tausend Euro als Rahmen und bat um Geduld. "
        f"Im Ausschuss hatten {number + 3} Mitglieder für {subject} gestimmt, die anderen wünschten mehr Zahlen.",
        "Die Verwaltung legt ihren Bericht in der nächsten Sitzung vor und stellt ihn danach öffentlich aus. "
        f"Anregungen dazu nimmt Zimmer {number + 201} im Rathaus entgegen.",
    ]


def old_page(number: int) -> bytes:
    body = "".join(f"<p>{part}</p>" for part in text(number))
    return _page(number, f'<div id="content"><h1>Meldung {number}: {SUBJECTS[number % 8]}</h1>{body}</div>')


def new_page(number: int, extra: str = "") -> bytes:
    body = "<br><br>".join(text(number)) + extra
    return _page(
        number,
        f'<main><section class="news"><article><header><h1>Meldung {number}: {SUBJECTS[number % 8]}</h1></header>'
        f'<div class="news-text"><p>{body}</p></div></article></section></main><footer><p>Impressum</p></footer>',
    )


def _page(number: int, body: str) -> bytes:
    day = f"2026-03-{number + 1:02}"
    meta = f'<meta property="article:published_time" content="{day}T08:00:00+01:00">'
    head = f"<head><title>Meldung {number}</title>{meta}</head>"
    return f'<!doctype html><html lang="de">{head}<body>{body}</body></html>'.encode()


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    with serving(Farm(), tmp_path) as started:
        yield started


def ingest(folder: Path, farm: Farm) -> Any:
    (folder / "sources.toml").write_text(
        '[archive]\ncontact = "archiv@example.org"\nrequest_interval = 0\n'
        '[[source]]\nid = "amt"\nfetcher = "feed"\nurl = "http://amt.example/feed.xml"\nlegal_basis = "60d"\n',
        encoding="utf-8",
    )
    workspace = open_workspace(folder)
    return run(workspace, workspace.config.sources, connections=Connections(resolve=farm.resolve, network=farm))


def offer(host: Host, pages: dict[str, bytes]) -> None:
    for path, body in pages.items():
        host.page(path, body)
    host.page("/feed.xml", rss(host, list(pages)), "application/rss+xml")


def opened(folder: Path) -> Database:
    return Database(str(folder / "archive" / "archive.db"))


CORRECTED = " Fragen beantwortet auch die Vorzimmerdame."


def test_a_relaunch_brings_the_releases_along(tmp_path: Path, farm: Farm) -> None:
    host = farm.host("amt.example")
    old = {f"/cms/front.php?id={number}": old_page(number) for number in range(8)}
    offer(host, old)
    assert ingest(tmp_path, farm).total("new") == 8
    for path in old:
        del host.pages[path]
    new = {f"/rathaus/aktuelles/2026/meldung-{number}": new_page(number) for number in range(6)}
    new["/rathaus/aktuelles/2026/meldung-6"] = new_page(6, CORRECTED)
    new["/rathaus/aktuelles/2026/meldung-20"] = new_page(20)
    offer(host, new)
    report = ingest(tmp_path, farm)
    assert report.total("new") == 1
    assert report.total("changed") == 1  # a sentence more is a version of the release it is of
    db = opened(tmp_path)
    places = next(db.query("SELECT count(*) AS n, count(DISTINCT release_id) AS releases FROM location"))
    assert places == {"n": 16, "releases": 9}
    assert next(db.query("SELECT count(*) AS n FROM version"))["n"] == 10
    (told,) = [event for event in events_of(db, "amt") if event.type == "relaunch"]
    assert "7 bekannte Mitteilungen unter neuen Adressen, 1 neue" in (told.detail or "")
    assert next(db.query("SELECT count(*) AS n FROM event WHERE type = 'silent change'"))["n"] == 0
    db.close()
    again = ingest(tmp_path, farm)
    assert (again.total("new"), again.total("changed")) == (0, 0)
    db = opened(tmp_path)
    assert len([event for event in events_of(db, "amt") if event.type == "relaunch"]) == 1
    db.close()


def test_much_news_at_once_is_no_relaunch(tmp_path: Path, farm: Farm) -> None:
    host = farm.host("amt.example")
    offer(host, {f"/presse/{number}": old_page(number) for number in range(8)})
    ingest(tmp_path, farm)
    offer(host, {f"/presse/{number}": old_page(number) for number in range(8, 20)})
    assert ingest(tmp_path, farm).total("new") == 12
    db = opened(tmp_path)
    assert [event for event in events_of(db, "amt") if event.type == "relaunch"] == []
    db.close()


def test_a_correction_beside_the_original_stays_a_release_of_its_own(tmp_path: Path, farm: Farm) -> None:
    host = farm.host("amt.example")
    pages = {f"/presse/{number}": old_page(number) for number in range(8)}
    offer(host, pages)
    ingest(tmp_path, farm)
    offer(host, {**pages, "/presse/3-korrektur": new_page(3, CORRECTED)})
    assert ingest(tmp_path, farm).total("new") == 1


def test_observers_hear_nothing_of_old_releases(tmp_path: Path, farm: Farm) -> None:
    plugin = tmp_path / "plugins" / "listening.py"
    plugin.parent.mkdir()
    plugin.write_text(
        "from pathlib import Path\n"
        "from archive_pipeline import hookimpl\n"
        "archive_pipeline_api = 1\n"
        "@hookimpl\n"
        "def release_archived(release, change):\n"
        "    with (Path(__file__).parent / 'heard.txt').open('a') as out:\n"
        "        out.write(f'{change} {release.url}\\n')\n",
        encoding="utf-8",
    )
    host = farm.host("amt.example")
    offer(host, {f"/alt/{number}": old_page(number) for number in range(8)})
    ingest(tmp_path, farm)
    heard = plugin.with_name("heard.txt")
    assert len(heard.read_text().splitlines()) == 8
    heard.unlink()
    offer(host, {f"/neu/{number}": new_page(number, CORRECTED) for number in range(8)})
    assert ingest(tmp_path, farm).total("changed") == 8
    assert not heard.exists() or len(heard.read_text().splitlines()) == 0


def relaunches(folder: Path) -> list[str]:
    db = opened(folder)
    found = [event.detail or "" for event in events_of(db, "amt") if event.type == "relaunch"]
    db.close()
    return found


@pytest.mark.parametrize("moved", [6, 10])
def test_most_of_a_site_moves_and_some_of_it_stays(tmp_path: Path, farm: Farm, moved: int) -> None:
    host = farm.host("amt.example")
    old = {f"/alt/{number}": old_page(number) for number in range(10)}
    offer(host, old)
    ingest(tmp_path, farm)
    for number in range(moved):
        del host.pages[f"/alt/{number}"]
    stayed = {path: body for path, body in old.items() if path in host.pages}
    offer(host, {**{f"/neu/{number}": new_page(number) for number in range(moved)}, **stayed})
    report = ingest(tmp_path, farm)
    assert (report.total("new"), report.total("changed")) == (0, 0)
    assert [told.split(" bekannte")[0] for told in relaunches(tmp_path)] == [f"Relaunch: {moved}"]
    db = opened(tmp_path)
    assert next(db.query("SELECT count(*) AS n FROM release"))["n"] == 10
    assert next(db.query("SELECT count(*) AS n FROM location"))["n"] == 10 + moved
    db.close()


def test_a_list_in_another_order_is_nothing_new(tmp_path: Path, farm: Farm) -> None:
    host = farm.host("amt.example")
    pages = {f"/presse/{number}": old_page(number) for number in range(10)}
    offer(host, pages)
    ingest(tmp_path, farm)
    offer(host, dict(reversed(pages.items())))
    report = ingest(tmp_path, farm)
    assert (report.total("new"), report.total("changed")) == (0, 0)
    assert relaunches(tmp_path) == []


def test_a_site_that_goes_over_to_www_keeps_its_releases(tmp_path: Path, farm: Farm) -> None:
    host = farm.host("amt.example")
    offer(host, {f"/presse/{number}": old_page(number) for number in range(8)})
    ingest(tmp_path, farm)
    other = farm.host("www.amt.example")
    offer(other, {f"/presse/{number}": old_page(number) for number in range(8)})
    host.page("/feed.xml", rss(other, list(other.pages)[:8]), "application/rss+xml")
    report = ingest(tmp_path, farm)
    assert (report.total("new"), report.total("changed")) == (0, 0)
    db = opened(tmp_path)
    assert next(db.query("SELECT count(*) AS n FROM release"))["n"] == 8
    db.close()


def test_a_new_template_that_adds_a_line_to_each_page_makes_versions_of_the_releases(
    tmp_path: Path, farm: Farm
) -> None:
    host = farm.host("amt.example")
    offer(host, {f"/alt/{number}": old_page(number) for number in range(8)})
    ingest(tmp_path, farm)
    for number in range(8):
        del host.pages[f"/alt/{number}"]
    line = "<br><br>Das Rathaus informiert Sie hier auf neuen Seiten über alles aus der Gemeinde."
    offer(host, {f"/neu/{number}": new_page(number, line) for number in range(8)})
    report = ingest(tmp_path, farm)
    assert report.total("new") == 0
    assert len(relaunches(tmp_path)) == 1
    db = opened(tmp_path)
    assert next(db.query("SELECT count(*) AS n FROM release"))["n"] == 8
    assert next(db.query("SELECT count(*) AS n FROM event WHERE type = 'silent change'"))["n"] == 0
    db.close()


def test_after_a_relaunch_news_is_news_again(tmp_path: Path, farm: Farm) -> None:
    host = farm.host("amt.example")
    offer(host, {f"/alt/{number}": old_page(number) for number in range(8)})
    ingest(tmp_path, farm)
    for number in range(8):
        del host.pages[f"/alt/{number}"]
    moved = {f"/neu/{number}": new_page(number) for number in range(8)}
    offer(host, moved)
    ingest(tmp_path, farm)
    offer(host, {**moved, "/neu/21": new_page(21)})
    assert ingest(tmp_path, farm).total("new") == 1
    assert len(relaunches(tmp_path)) == 1
