"""Versions: what is a change and what is not, permalinks, word diffs, and changes that nobody announced."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlite_utils import Database

from archive_pipeline.archive.sameness import reads_the_same
from archive_pipeline.archive.versions import events_of, find_place, load_at, versions_of
from archive_pipeline.archive.word_diff import word_diff
from archive_pipeline.cli.main import command_line
from archive_pipeline.errors import UnknownReleaseError
from archive_pipeline.model import Article
from archive_pipeline.pipeline import Connections, run
from archive_pipeline.upkeep.reprocessing import reprocess
from archive_pipeline.workspace import open_workspace
from tests.farm.site_farm import Farm, Host, rss, serving

BODY = (
    "<p>Der Kreistag hat am Montag den Haushalt für das kommende Jahr beschlossen. Er umfasst {sum} Millionen Euro und "
    "sieht Mittel für zwölf Schulen, den Radweg nach Altenrode und die Pflege der Bäche vor.</p>"
    "<p>Landrätin Vera Holm sprach von einem ausgewogenen Plan. Die Beratungen hatten im September begonnen und waren "
    "in vier Ausschüssen geführt worden, zuletzt im Ausschuss für Finanzen.</p>"
)
PAGE = (
    '<!doctype html><html lang="de"><head><title>Haushalt beschlossen</title>'
    '<meta property="article:published_time" content="2026-03-02T09:00:00+01:00">{meta}</head><body><main><article>'
    "<h1>Haushalt beschlossen</h1>{body}{after}</article></main>{aside}</body></html>"
)


def page(total: int = 480, meta: str = "", after: str = "", aside: str = "") -> bytes:
    return PAGE.format(body=BODY.format(sum=total), meta=meta, after=after, aside=aside).encode()


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    with serving(Farm(), tmp_path) as started:
        yield started


@pytest.fixture
def host(farm: Farm, tmp_path: Path) -> Host:
    (tmp_path / "sources.toml").write_text(
        '[archive]\ncontact = "archiv@example.org"\nrequest_interval = 0\n'
        '[[source]]\nid = "amt"\nfetcher = "feed"\nurl = "http://amt.example/feed.xml"\nlegal_basis = "60d"\n',
        encoding="utf-8",
    )
    return farm.host("amt.example")


PATH = "/presse/haushalt.html"


def visit(folder: Path, farm: Farm) -> Any:
    """One run in which the release is looked at again."""
    database = folder / "archive" / "archive.db"
    if database.exists():
        db = Database(str(database))
        with db.conn:
            db.execute("UPDATE item SET next_check_at = '2026-01-01'")
        db.close()
    workspace = open_workspace(folder)
    return run(workspace, workspace.config.sources, connections=Connections(resolve=farm.resolve, network=farm))


def put(host: Host, body: bytes) -> None:
    host.page(PATH, body)
    host.page("/feed.xml", rss(host, [PATH]), "application/rss+xml")


def opened(folder: Path) -> Database:
    return Database(str(folder / "archive" / "archive.db"))


def only(folder: Path) -> str:
    db = opened(folder)
    (row,) = db.query("SELECT id FROM release")
    db.close()
    return str(row["id"])


TAILS = {
    "share counts": ('<div class="share">Teilen 12</div>', '<div class="share">Teilen 96</div>'),
    "networks": ("<p>Facebook (3) Twitter (4) WhatsApp</p>", "<p>Facebook (30) Twitter (41) WhatsApp</p>"),
    "views": ("<p>1.234 Aufrufe</p>", "<p>1.299 Aufrufe</p>"),
    "read": ("<p>Gelesen: 345</p>", "<p>Gelesen: 346</p>"),
    "updated": (
        "<p>Zuletzt aktualisiert: 02.03.2026, 10:15 Uhr</p>",
        "<p>Zuletzt aktualisiert: 09.03.2026, 08:00 Uhr</p>",
    ),
    "ago": ("<p>vor 3 Tagen</p>", "<p>vor 4 Tagen</p>"),
    "teasers": (
        "<h2>Weitere Meldungen</h2><ul><li>Radweg nach Altenrode wird gebaut</li><li>Neue Leiterin im Museum</li></ul>",
        "<h2>Weitere Meldungen</h2><ul><li>Hallenbad öffnet wieder</li><li>Radweg nach Altenrode wird gebaut</li></ul>",
    ),
}


@pytest.mark.parametrize("name", TAILS)
def test_what_a_page_changes_by_itself_is_no_version(tmp_path: Path, farm: Farm, host: Host, name: str) -> None:
    for tail in TAILS[name]:
        put(host, page(after=tail))
        report = visit(tmp_path, farm)
    assert (report.total("changed"), report.total("unchanged")) == (0, 1)
    db = opened(tmp_path)
    assert len(versions_of(db, only(tmp_path))) == 1
    db.close()


SAYS = Article(
    title="Titel", text="Ein Satz. " * 30 + "\n\nStand: 3. März 2026\n\nTeilen 3", published=date(2026, 3, 2)
)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("Ein Satz. " * 30, True),
        ("Ein Satz.\n" * 30, True),
        ("Ein Satz. " * 29, False),
        ("Ein Satz. " * 30 + "\n\nDer Stand der Arbeiten ist gut.", False),
        ("Ein Satz. " * 30 + "\n\nDer Kreis hat 300 Leser befragt.", False),
        ("Weitere Meldungen\n\n" + "Ein Satz. " * 30, False),
    ],
)
def test_only_lines_that_change_by_themselves_are_left_out(text: str, same: bool) -> None:
    assert reads_the_same(SAYS, Article(title="Titel", text=text, published=date(2026, 3, 2))) is same
    assert not reads_the_same(SAYS, Article(title="Titel", text=text))
    assert not reads_the_same(SAYS, Article(title="Anderer", text=text, published=date(2026, 3, 2)))


@pytest.mark.parametrize(
    ("line", "counts"),
    [
        ("Gefällt mir 15", False),
        ("Keine Kommentare", False),
        ("0 Kommentare zu diesem Beitrag", False),
        ("3 Min. Lesezeit", False),
        ("vor 3 Std.", False),
        ("Bewertung: 4,5 (23 Stimmen)", False),
        ("Diesen Artikel 45 mal gelesen", False),
        ("Heute, 14:05 Uhr", False),
        ("Heute ist Montag, 4. Mai 2026", False),
        ("Artikel drucken · Artikel mailen", False),
        ("© 2026 Gemeinde Altenrode", False),
        ("300 Besucher", True),
        ("Teilnehmer: 300", True),
        ("Heute, 14 Uhr, tagt der Rat", True),
        ("Die Sitzung fand vor 3 Tagen statt", True),
    ],
)
def test_a_line_that_counts_by_itself_is_told_from_one_of_the_release(line: str, counts: bool) -> None:
    found = Article(title="Titel", text=f"{SAYS.text}\n{line}", published=SAYS.published)
    assert reads_the_same(SAYS, found) is not counts


def test_a_change_without_a_word_is_told(tmp_path: Path, farm: Farm, host: Host) -> None:
    put(host, page(480))
    visit(tmp_path, farm)
    put(host, page(510))
    assert visit(tmp_path, farm).total("changed") == 1
    release = only(tmp_path)
    db = opened(tmp_path)
    assert [event.type for event in events_of(db, release)].count("silent change") == 1
    db.close()
    shown = CliRunner().invoke(command_line, ["-C", str(tmp_path), "show", release]).output
    assert "stillschweigend geändert" in shown
    assert "2 von 2" in shown


def test_a_change_that_the_page_dates_is_not_silent(tmp_path: Path, farm: Farm, host: Host) -> None:
    put(host, page(480))
    visit(tmp_path, farm)
    put(host, page(510, meta='<meta property="article:modified_time" content="2026-03-09T09:00:00+01:00">'))
    assert visit(tmp_path, farm).total("changed") == 1
    db = opened(tmp_path)
    assert "silent change" not in [event.type for event in events_of(db, only(tmp_path))]
    db.close()


def test_a_release_that_is_gone_is_told_once(tmp_path: Path, farm: Farm, host: Host) -> None:
    put(host, page())
    visit(tmp_path, farm)
    del host.pages[PATH]
    visit(tmp_path, farm)
    visit(tmp_path, farm)
    release = only(tmp_path)
    db = opened(tmp_path)
    (told,) = [event for event in events_of(db, release) if event.type == "removal at source"]
    db.close()
    assert "http://amt.example/presse/haushalt.html" in (told.detail or "")
    shown = CliRunner().invoke(command_line, ["-C", str(tmp_path), "show", release, "--json"]).output
    assert "removal at source" in {event["type"] for event in json.loads(shown)["events"]}


def test_permalinks_resolve_for_good(tmp_path: Path, farm: Farm, host: Host) -> None:
    put(host, page(480))
    visit(tmp_path, farm)
    put(host, page(510))
    visit(tmp_path, farm)
    release = only(tmp_path)
    db = opened(tmp_path)
    old, new = versions_of(db, release)
    first = load_at(db, find_place(db, f"/d/{release}@{old.id}.1"))
    assert "480 Millionen" in first.article.text
    assert find_place(db, f"d/{release[:6]}@{new.id[:6]}") == find_place(db, release)
    assert find_place(db, f"{release}@1") == find_place(db, f"d/{release}@{old.id}")
    for wrong in (f"d/{release}@{old.id}.9", f"d/{release}@ffffffff", f"d/{release}@7", f"d/{release}@{old.id}.0"):
        with pytest.raises(UnknownReleaseError):
            find_place(db, wrong)
    with db.conn:  # other rules would clean it otherwise
        db.execute("UPDATE derivation SET article = json_set(article, '$.title', 'Alt') WHERE version_id = ?", [new.id])
    cited = find_place(db, release)
    db.close()
    workspace = open_workspace(tmp_path)
    assert reprocess(workspace).changed == 1
    db = opened(tmp_path)
    assert load_at(db, cited).article.title == "Alt"
    assert find_place(db, release).derivation == cited.derivation + 1
    assert load_at(db, find_place(db, release)).article.title == "Haushalt beschlossen"
    db.close()
    text = CliRunner().invoke(command_line, ["-C", str(tmp_path), "show", f"d/{release}@1", "--text"]).output
    assert "480 Millionen" in text


def test_diff_shows_the_words(tmp_path: Path, farm: Farm, host: Host) -> None:
    put(host, page(480))
    visit(tmp_path, farm)
    release = only(tmp_path)
    alone = CliRunner().invoke(command_line, ["-C", str(tmp_path), "diff", release])
    assert isinstance(alone.exception, UnknownReleaseError)
    put(host, page(510))
    visit(tmp_path, farm)
    shown = CliRunner().invoke(command_line, ["-C", str(tmp_path), "diff", release]).output
    assert "[-480-]{+510+} Millionen" in shown
    answer = json.loads(
        CliRunner().invoke(command_line, ["-C", str(tmp_path), "diff", f"{release}@1", "2", "--json"]).output
    )
    (change,) = answer["changes"]
    assert (change["kind"], change["before_text"], change["after_text"]) == ("replace", "480", "510")
    assert answer["before"].endswith(".1")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Ein Satz. Noch einer.", "Ein Satz. Noch ein anderer."),
        ("Ein Satz.", ""),
        ("", "Ein Satz."),
        ("Gleich bleibt gleich.", "Gleich  bleibt\n\ngleich."),
        ("A b c d. E f g h.\n\nI j k.", "A x c d. I j k. L m."),
    ],
)
def test_changes_lead_from_one_text_to_the_other(before: str, after: str) -> None:
    result, end = "", 0
    for change in word_diff(before, after):
        assert (before[slice(*change.before)], after[slice(*change.after)]) == (change.before_text, change.after_text)
        result += f"{before[end : change.before[0]]} {change.after_text} "
        end = change.before[1]
    result += before[end:]
    assert "".join(result.split()) == "".join(after.split())
