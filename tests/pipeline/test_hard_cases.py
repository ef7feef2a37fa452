"""Runs that are broken off in the wrong place, items that come back in other shapes, and rebuilds of all that."""

import os
import shutil
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from archive_pipeline.archive.captures import is_repeated, record_capture
from archive_pipeline.archive.database import open_database, write_tx
from archive_pipeline.archive.reading import load_release
from archive_pipeline.archive.releases import store_release
from archive_pipeline.model import Article, Capture, Processed, RunReport, Source
from archive_pipeline.pipeline import Connections, run
from archive_pipeline.upkeep.rebuilding import rebuild
from archive_pipeline.upkeep.reprocessing import reprocess
from archive_pipeline.workspace import open_workspace
from tests.farm.conftest import everything_known_is_recorded
from tests.farm.site_farm import Answer, Farm, release_text, rss, serving
from tests.farm.sites import small_pdf

TEXT = (
    "Neue Beratungsstelle {number}\n\nKreis Heinsberg. Die neue Beratungsstelle für Zugewanderte hat am {number}. März "
    "in Heinsberg eröffnet. Sie hilft bei Anträgen, Sprachkursen und der Suche nach Arbeit, teilte die Verwaltung mit."
)

PLUGIN = """
import os, signal
from pathlib import Path
from archive_pipeline import Quarantine, hookimpl
archive_pipeline_api = 1

class Rule:
    def clean(self, article, page, source):
        {rule}
        return article

@hookimpl
def register_cleaners(registry):
    registry.add("eigene-regel", Rule(), order=560)
"""

ENDLESS = """
import os, signal
from pydantic import BaseModel
from archive_pipeline import hookimpl
from archive_pipeline.model import Item
archive_pipeline_api = 1

class Options(BaseModel):
    pass

class Fetcher:
    options = Options
    def claims(self, url):
        return None
    def discover(self, source, context):
        number = 0
        while True:
            number += 1
            yield Item(source_id=source.id, key=str(number))
            if number == 5000:
                os.kill(os.getpid(), signal.SIGINT)
    def capture(self, item, source, context):
        return []

@hookimpl
def register_fetchers(registry):
    registry.add("endlos", Fetcher())
"""


def set_plugin(folder: Path, code: str) -> None:
    (folder / "plugins").mkdir(exist_ok=True)
    (folder / "plugins" / "regel.py").write_text(code, encoding="utf-8")


def rows(folder: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(folder / "archive" / "archive.db")) as db:
        return db.execute(query).fetchall()


def files(folder: Path) -> dict[str, bytes]:
    """Every file with its bytes; what the lock and SQLite's own files hold doesn't matter."""
    left_out = {".lock", "archive.db-wal", "archive.db-shm"}
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name not in left_out}


@pytest.mark.parametrize("times", [1, 2])
def test_an_interrupt_while_a_batch_is_cleaned_loses_nothing(make_archive: Callable[..., Path], times: int) -> None:
    folder = make_archive({f"{number}.txt": TEXT.format(number=number) for number in range(1, 6)})
    rule = (
        f"for n in range({times}):\n            try: Path({str(folder)!r}, f'mark{{n}}').open('x').close()\n"
        "            except FileExistsError: continue\n            os.kill(os.getpid(), signal.SIGINT); break"
    )
    set_plugin(folder, PLUGIN.format(rule=rule))
    workspace = open_workspace(folder)
    with pytest.raises(KeyboardInterrupt):
        run(workspace, workspace.config.sources)
    everything_known_is_recorded(folder)
    archived = rows(folder, "SELECT count(*) FROM release")[0][0]
    assert archived == (5 if times == 1 else 0), "what was captured is archived, unless one insists"
    report = run(workspace, workspace.config.sources)
    assert (report.total("new"), report.total("failed")) == (5 - archived, 0)
    assert rows(folder, "SELECT count(*), count(DISTINCT key) FROM capture") == [(5, 5)], "nothing was captured twice"


def test_a_fetcher_that_never_ends_ends_with_the_run(make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"a.txt": TEXT.format(number=1)})
    set_plugin(folder, ENDLESS)
    with (folder / "sources.toml").open("a", encoding="utf-8") as file:
        file.write('\n[[source]]\nid = "endlos"\ntitle = "Endlos"\nfetcher = "endlos"\npath = "x"\n')
    workspace = open_workspace(folder)
    with pytest.raises(KeyboardInterrupt):
        run(workspace, workspace.config.sources)
    lanes = [thread.name for thread in threading.enumerate() if thread.name.startswith("lane-")]
    assert lanes == [], "the run waited for it in vain, and went without it"


def test_behind_a_torn_capture_files_are_accounted_for_again(make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"a.txt": TEXT.format(number=1)})
    workspace = open_workspace(folder)
    run(workspace, workspace.config.sources)
    database = folder / "archive" / "archive.db"
    shutil.copy(database, folder / "stand.db")
    (folder / "eingang" / "b.txt").write_text(TEXT.format(number=2), encoding="utf-8")
    run(workspace, workspace.config.sources)
    shutil.copy(folder / "stand.db", database)
    warc = next((folder / "archive" / "warc").rglob("*.gz"))
    os.truncate(warc, warc.stat().st_size - 20)  # within the metadata record: the record before it stays, no capture
    run(workspace, workspace.config.sources)
    assert rows(folder, "SELECT length FROM warc_file WHERE name LIKE 'warc/%'") == [(warc.stat().st_size,)]
    everything_known_is_recorded(folder)
    assert len(rows(folder, "SELECT 1 FROM release")) == 2


@pytest.fixture
def farm(tmp_path: Path) -> Iterator[Farm]:
    with serving(Farm(), tmp_path) as started:
        yield started


class Archive:
    """An archive of one feed."""

    def __init__(self, folder: Path, farm: Farm) -> None:
        self.folder, self.farm = folder, farm
        self.host = farm.host("amt.example", validators=False)
        settings = '[archive]\ncontact = "archiv@example.org"\nrequest_interval = 0\n'
        source = '[[source]]\nid = "amt"\nfetcher = "feed"\nurl = "http://amt.example/feed.xml"\nlegal_basis = "60d"\n'
        (folder / "sources.toml").write_text(settings + source, encoding="utf-8")

    def feed(self, *paths: str) -> None:
        self.host.page("/feed.xml", rss(self.host, list(paths)), "application/rss+xml")

    def run(self, *, checks: bool = False, **options: Any) -> RunReport:
        if checks:
            with closing(sqlite3.connect(self.folder / "archive" / "archive.db")) as db, db:
                db.execute("UPDATE item SET next_check_at = '2026-01-01' WHERE next_check_at IS NOT NULL")
        workspace = open_workspace(self.folder)
        connections = Connections(resolve=self.farm.resolve, network=self.farm)
        return run(workspace, workspace.config.sources, connections=connections, **options)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return rows(self.folder, query)

    def contents(self) -> dict[str, list[tuple[Any, ...]]]:
        statements = {
            "release": "SELECT id, source_id, url, version_id, derivation, first_captured_at, text_digest FROM release",
            "version": "SELECT * FROM version",
            "location": "SELECT * FROM location",
            "capture": "SELECT record_id, key, kind, parent, state, reason, release_id FROM capture",
            "item": "SELECT * FROM item",
            "event": "SELECT type, at, outcome, object, detail FROM event",
            "file": "SELECT * FROM warc_file",
            "discovery": "SELECT * FROM discovery",
        }
        return {name: sorted(self.rows(statement), key=repr) for name, statement in statements.items()}

    def rebuilt_is_the_same(self) -> None:
        before = self.contents()
        rebuild(open_workspace(self.folder))
        after = self.contents()
        for name, found in before.items():
            assert after[name] == found, name
        everything_known_is_recorded(self.folder)


@pytest.fixture
def archive(tmp_path: Path, farm: Farm) -> Archive:
    return Archive(tmp_path, farm)


def adds_up(report: RunReport) -> bool:
    ends = ("new", "changed", "unchanged", "quarantined", "skipped", "refused", "gone", "failed")
    return report.total("seen") == sum(report.total(name) for name in ends)


def test_every_item_is_counted_once(archive: Archive) -> None:
    host = archive.host
    pages = [host.release(number) for number in range(4)]
    archive.feed(*pages)
    report = archive.run()
    assert (report.total("seen"), report.total("new")) == (4, 4)
    host.release(0, pages[0], addition="Nachtrag: Der Termin wurde verlegt.")
    del host.pages[pages[1]]
    host.pages[pages[2]] = Answer(status=403)
    report = archive.run(checks=True)
    found = [report.total(name) for name in ("seen", "rechecked", "changed", "gone", "failed", "unchanged")]
    assert found == [4, 4, 1, 1, 1, 1]
    archive.feed(pages[3])  # known releases that the feed has dropped are looked at, too
    report = archive.run(checks=True)
    assert report.total("rechecked") >= 2
    assert adds_up(report)


def test_what_a_killed_run_left_is_counted_once(archive: Archive) -> None:
    archive.feed(archive.host.release(1))
    archive.run()
    database = archive.folder / "archive" / "archive.db"
    shutil.copy(database, archive.folder / "stand.db")
    archive.feed("/presse/meldung-1.html", archive.host.release(2))
    archive.run()
    shutil.copy(archive.folder / "stand.db", database)
    report = archive.run()
    assert (report.total("new"), report.total("rechecked"), report.total("unchanged")) == (1, 1, 1)
    assert adds_up(report)


def test_since_holds_for_what_waits_from_earlier_runs_too(archive: Archive) -> None:
    pages = [archive.host.release(number) for number in range(3)]  # of February 1 to 3
    archive.feed(*pages)
    archive.run(limit=1)
    assert archive.run(since=date(2026, 2, 3)).total("new") == 1
    assert archive.rows("SELECT state FROM item ORDER BY key") == [("captured",), ("pending",), ("captured",)]
    assert archive.run().total("new") == 1


def test_gone_is_told_once_and_coming_back_changed_is_a_change(archive: Archive) -> None:
    page = archive.host.release(1)
    archive.feed(page)
    archive.run()
    kept = archive.host.pages.pop(page)
    reports = [archive.run(checks=True), archive.run(), archive.run(checks=True)]
    assert [report.total("gone") for report in reports] == [1, 0, 0]
    assert all(adds_up(report) for report in reports)
    assert archive.rows("SELECT detail FROM event WHERE detail LIKE 'gone%'") == [
        ("gone: Der Server antwortet mit HTTP 404 (Not Found)",)
    ]
    archive.host.pages[page] = kept
    archive.host.release(1, page, addition="Nachtrag: Die Seite ist wieder da.")
    report = archive.run()
    assert (report.total("changed"), report.total("new")) == (1, 0)
    archive.host.pages.pop(page)
    assert archive.run(checks=True).total("gone") == 1
    assert len(archive.rows("SELECT 1 FROM event WHERE detail LIKE 'gone%'")) == 2
    archive.rebuilt_is_the_same()


def test_a_rebuild_keeps_what_waits_and_when_it_is_looked_at_again(archive: Archive) -> None:
    host = archive.host
    pages = [host.release(number) for number in range(5)]
    host.pages[pages[3]] = Answer(status=403)
    archive.feed(*pages)
    archive.run(limit=4)
    archive.run(checks=True, limit=3)
    del host.pages[pages[0]]
    archive.run(checks=True, limit=3, patient=True)
    states = [state for (state,) in archive.rows("SELECT DISTINCT state FROM item ORDER BY 1")]
    assert states == ["captured", "failed", "gone"]
    host.release(9)
    archive.feed(*pages, "/presse/meldung-9.html")
    archive.run(limit=1)
    archive.rebuilt_is_the_same()
    archive.feed()
    assert archive.run(patient=True).total("requests") == 2, "robots.txt and the feed: nothing is due again"


def test_a_rebuild_knows_of_captures_after_the_databases_last_word(archive: Archive) -> None:
    page = archive.host.release(1)
    archive.feed(page)
    archive.run()
    database = archive.folder / "archive" / "archive.db"
    shutil.copy(database, archive.folder / "stand.db")
    archive.feed(page, archive.host.release(2))
    archive.run()
    expected = archive.rows("SELECT key, state, captured_fingerprint FROM item ORDER BY key")
    shutil.copy(archive.folder / "stand.db", database)
    rebuild(open_workspace(archive.folder))
    assert archive.rows("SELECT key, state, captured_fingerprint FROM item ORDER BY key") == expected


def test_the_text_of_a_feed_stands_in_for_no_version(archive: Archive) -> None:
    page = archive.host.release(1)
    title, paragraphs = release_text("amt.example", 1)
    text = "".join(f"<p>{one}</p>" for one in paragraphs)
    archive.host.page(
        "/feed.xml",
        f'<?xml version="1.0"?><rss version="2.0"><channel><item><title>{title}</title>'
        f"<link>http://amt.example{page}</link><guid>1</guid><description><![CDATA[{text}]]></description>"
        "</item></channel></rss>".encode(),
        "application/rss+xml",
    )
    archive.run()
    archive.host.pages[page] = Answer(status=403)
    report = archive.run(checks=True)
    assert (report.total("failed"), report.total("changed")) == (1, 0)
    assert archive.rows("SELECT count(*) FROM version") == [(1,)]
    archive.rebuilt_is_the_same()
    (archive.folder / "archive" / "archive.db").unlink()
    rebuild(open_workspace(archive.folder))
    assert archive.rows("SELECT count(*) FROM version") == [(1,)]


def test_two_sources_that_write_at_once_and_share_a_release(archive: Archive) -> None:
    """Both lanes capture the same page, each with its attachment; whoever tells of it first, its finder keeps it."""
    shared = archive.farm.host("portal.example", delay=0.02)
    links = '<p><a href="/anlage.pdf">Anlage (PDF)</a></p>'
    pages = [f"http://portal.example{shared.release(number, links=links)}" for number in range(4)]
    shared.page("/anlage.pdf", small_pdf("Anlage"), "application/pdf")
    for name in ("amt.example", "partei.example"):
        host = archive.farm.hosts.get(name) or archive.farm.host(name)
        feed = rss(host, [host.release(1)]).replace(b"</channel>", b"".join(map(entry, pages)) + b"</channel>")
        host.page("/feed.xml", feed, "application/rss+xml")
    with (archive.folder / "sources.toml").open("a", encoding="utf-8") as file:
        file.write('[[source]]\nid = "partei"\nfetcher = "feed"\nurl = "http://partei.example/feed.xml"\n')
    report = archive.run()
    assert (report.total("seen"), report.total("new"), report.total("unchanged")) == (10, 6, 4)
    found = archive.rows("SELECT release_id, count(*) FROM location GROUP BY 1 ORDER BY 2")
    assert [places for _, places in found] == [1, 1, 2, 2, 2, 2]
    archive.rebuilt_is_the_same()
    assert archive.run().total("unchanged") == 10


def entry(url: str) -> bytes:
    return f"<item><title>Gemeinsam</title><link>{url}</link><guid>{url}</guid></item>".encode()


def test_an_address_that_leads_to_another_items_is_a_place_of_its_release(archive: Archive) -> None:
    page = archive.host.release(1)
    archive.host.special["/kurz"] = lambda number: Answer(status=302, fields={"Location": page})
    archive.feed(page)
    archive.run()
    archive.feed(page, "/kurz")
    report = archive.run()
    assert (report.total("new"), report.total("unchanged"), report.total("seen")) == (0, 2, 2)
    with open_workspace(archive.folder).reading() as db:
        release = load_release(db, archive.rows("SELECT id FROM release")[0][0])
    assert [place.url for place in release.locations] == [f"http://amt.example{page}", "http://amt.example/kurz"]
    archive.rebuilt_is_the_same()


def test_attachments_stay_with_their_release_however_often_it_was_looked_at(archive: Archive) -> None:
    page = archive.host.release(1, links='<p><a href="/anlage.pdf">Anlage (PDF)</a></p>')
    archive.host.page("/anlage.pdf", small_pdf("erste Fassung"), "application/pdf")
    archive.feed(page)
    archive.run()
    for _ in range(2):
        archive.run(checks=True)
    archive.host.page("/anlage.pdf", small_pdf("zweite Fassung"), "application/pdf")
    archive.run(checks=True)
    with open_workspace(archive.folder).reading() as db:
        release = load_release(db, archive.rows("SELECT id FROM release")[0][0])
    newest = archive.rows("SELECT sha256 FROM capture WHERE kind = 'attachment' ORDER BY rowid DESC LIMIT 1")
    assert [attachment.sha256 for attachment in release.attachments] == [newest[0][0]]
    archive.rebuilt_is_the_same()


@pytest.mark.parametrize("validators", [False, True])
def test_what_was_held_back_and_looked_at_again_passes_new_rules_with_its_attachments(
    archive: Archive, validators: bool
) -> None:
    archive.host.validators = validators
    page = archive.host.release(1, links='<p><a href="/anlage.pdf">Anlage (PDF)</a></p>')
    archive.host.page("/anlage.pdf", small_pdf("Anlage"), "application/pdf")
    archive.feed(page)
    set_plugin(archive.folder, PLUGIN.format(rule='raise Quarantine("zu prüfen")'))
    assert archive.run().total("quarantined") == 1
    assert archive.run(checks=True).total("unchanged") == 1
    set_plugin(archive.folder, PLUGIN.format(rule="pass"))
    before = files(archive.folder / "archive")
    assert reprocess(open_workspace(archive.folder), dry_run=True).accepted == 1
    assert files(archive.folder / "archive") == before, "only looking writes nothing"
    assert reprocess(open_workspace(archive.folder)).accepted == 1
    with open_workspace(archive.folder).reading() as db:
        (found,) = archive.rows("SELECT id FROM release")
        assert len(load_release(db, found[0]).attachments) == 1
    assert reprocess(open_workspace(archive.folder)).accepted == 0


def capture(key: str, **values: Any) -> Capture:
    given: dict[str, Any] = {
        "source_id": "amt",
        "key": key,
        "target": key,
        "url": key,
        "body": b"",
        "sha256": f"{hash(key) & 0xFFFFFFFFFFFFFFFF:016x}",
        "captured_at": datetime(2026, 3, 2, tzinfo=UTC),
        "record_id": f"urn:{key}",
        "status": 200,
    }
    return Capture(**given | values)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Any]:
    db = open_database(
        tmp_path / "archive.db",
        create=True,
        prepare=lambda connection: connection.create_collation("german", lambda a, b: (a > b) - (a < b)),
    )
    yield db
    db.close()


def test_a_document_that_came_as_an_attachment_first_is_a_document(database: Any) -> None:
    enclosed = capture("http://amt.example/a.pdf", kind="attachment", sha256="ab", record_id="urn:1")
    offered = capture("http://amt.example/a.pdf", sha256="ab", record_id="urn:2")
    again = capture("http://amt.example/a.pdf", sha256="ab", record_id="urn:3")
    with write_tx(database):
        record_capture(database, enclosed, "stored")
        assert not is_repeated(database, offered)
        record_capture(database, offered, "accepted")
        assert is_repeated(database, again)
        record_capture(database, again, "stored")
        assert not is_repeated(database, offered), "nothing was said before it"


@pytest.mark.parametrize(("text", "releases"), [("Siehe Anlage.", 2), ("Der Kreis lädt ein. " * 10, 1)])
def test_a_few_words_tell_no_release(database: Any, text: str, releases: int) -> None:
    article = Article(title="Pressemitteilung", text=text, published=date(2026, 3, 2), published_confidence="high")
    done = Processed(status="accepted", article=article)
    with write_tx(database):
        for name in ("a", "b"):
            one = capture(f"http://amt.example/{name}")
            record_capture(database, one, "accepted")
            store_release(database, one, Source(id="amt"), done, software="x", now=one.captured_at)
    assert next(database.query("SELECT count(*) AS n FROM release"))["n"] == releases
