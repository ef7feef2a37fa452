"""`runs`: the journal, what failed, what was asked of whom, and taking up again what failed."""

import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

Text = Callable[[object], str]


def test_list_shows_the_newest_run_first(archive: Any, text: Text) -> None:
    archive.sources(gut="", kaputt="")
    archive("runs", "list", code=10)
    archive.offer("gut", eins=text(1))
    archive("run", "gut")
    archive.later(hours=1)
    archive.offer("kaputt", error=("error", "HTTP 503"))
    archive("run", "kaputt", code=3)
    newest, oldest = archive.json("runs", "list")
    assert (newest["exit_code"], newest["failed"], newest["state"]) == (3, 1, "finished")
    assert (oldest["new"], oldest["sources"], oldest["command"]) == (1, 1, "run")
    assert len(archive.json("runs", "list", "--limit", "1")) == 1
    first, second = archive("runs", "list").stdout.splitlines()
    assert first.split()[1:] == ["02.11.2026", "08:00", "Exitcode", "3", "0", "neu,", "1", "Fehler"]
    assert second.split()[1:] == ["02.11.2026", "07:00", "fertig", "1", "neu"]
    assert max(map(len, (first, second))) <= 80


def test_show_tells_counts_failures_and_remedies(archive: Any, text: Text) -> None:
    archive.sources(gut="", kaputt="")
    archive.offer("gut", eins=text(1), zwei={"error": "HTTP 404"})
    archive.offer("kaputt", error=("error", "HTTP 503"))
    archive("run", code=3)
    shown = archive("runs", "show").stdout
    assert "✖ gut: 2 geprüft, 1 neu, 1 fehlgeschlagen" in shown
    assert "2 Fehler: archive-pipeline runs show 20261102T060000-" in shown
    told = archive("runs", "show", "last", "--failures").stdout
    assert "✖ gut [capture] zwei\n    HTTP 404\n" in told
    assert "✖ kaputt [discover]\n    HTTP 503\n    Abhilfe: Hinweis des Fetchers\n" in told
    alone = archive("runs", "show", "last", "--source", "gut", "--failures").stdout
    assert "kaputt" not in alone
    types = [line["type"] for line in archive.json("runs", "show", "2026")]
    assert types == ["run", "source", "source", "failure", "failure"]
    archive("runs", "show", "--source", "fremd", code=1)
    archive("runs", "show", "1999", code=1)


def test_a_run_is_named_by_its_beginning_if_that_is_its_own(archive: Any) -> None:
    archive.sources(gut="")
    archive("run")
    archive.later(minutes=1)
    archive("run")
    assert "Mehrere Läufe beginnen mit" in archive("runs", "show", "202611", code=1).exception.message
    assert "runs list" in archive("runs", "show", "2027", code=1).exception.hint


def test_a_run_that_was_killed_is_told_as_broken_off(archive: Any, apl: Any) -> None:
    archive.sources(gut="")
    (archive.folder / "gut.json").unlink()
    os.mkfifo(archive.folder / "gut.json")  # reading it waits for ever
    with archive.running("run", until=lambda: runs_of(apl, archive)):
        assert runs_of(apl, archive)[0]["state"] == "running"
        assert "Am Werk        PID" in apl("-C", archive.folder, "status").stdout
    assert runs_of(apl, archive)[0]["state"] == "interrupted"
    assert "abgebrochen" in apl("-C", archive.folder, "runs", "list").stdout
    assert "abgebrochen, der nächste setzt fort" in apl("-C", archive.folder, "status").stdout


def runs_of(apl: Any, archive: Any) -> list[Any]:
    done = apl("-C", archive.folder, "runs", "list", "--json", code=None)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_retry_captures_what_failed_without_waiting(archive: Any, text: Text) -> None:
    archive.sources(quelle="", andere="")
    archive.offer("quelle", gut=text(1), schlecht={"error": "HTTP 503"})
    archive.offer("andere", eins=text(2))
    archive("run", code=3)
    archive.offer("quelle", gut=text(1), schlecht=text(3))
    archive.later(minutes=1)
    done = archive("runs", "retry")
    assert "1 Dokument aus 1 Quelle noch einmal" in done.stderr
    assert "1 neu" in done.stdout
    [line] = archive.json("runs", "list", "--limit", "1")
    assert (line["command"], line["sources"], line["new"]) == ("runs retry", 1, 1)
    archive.later(minutes=1)
    nothing = archive("runs", "retry")
    assert "schlug nichts fehl; zuletzt in 20261102T060000-" in nothing.stderr


def test_retry_of_an_older_run_and_of_what_is_gone(archive: Any, text: Text) -> None:
    archive.sources(quelle="", fort="", unlesbar="")
    archive.offer("quelle", schlecht={"error": "HTTP 503"})
    archive.offer("fort", error=("error", "HTTP 503"))
    archive.offer("unlesbar", pdf={"unreadable": "x"})
    archive("run", code=3)
    older = archive.json("runs", "list")[0]["run"]
    archive.later(days=1)
    archive.sources(quelle="", unlesbar="")
    archive.offer("quelle", schlecht={"error": "HTTP 500"})
    done = archive("runs", "retry", older, code=3)
    assert "Nicht mehr in sources.toml, oder ausgeschaltet: fort" in done.stderr
    assert "1 unlesbares Dokument bleibt unangetastet" in done.stderr
    assert "HTTP 500" in done.stderr


@pytest.fixture
def site() -> Iterator[str]:
    """A site with a feed of one release."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            base = f"http://{self.headers['Host']}"
            bodies = {
                "/robots.txt": ("text/plain", "User-agent: *\nDisallow: /intern/\n"),
                "/feed.xml": (
                    "application/rss+xml",
                    "<rss version='2.0'><channel><title>x</title>"
                    f"<item><link>{base}/eins.html</link><title>Eins</title></item>"
                    f"<item><link>{base}/intern/zwei.html</link><title>Zwei</title></item></channel></rss>",
                ),
                "/eins.html": ("text/html", f"<title>Eins</title><article><p>{'Kreis Heinsberg. ' * 40}</p></article>"),
            }
            kind, body = bodies.get(self.path, ("text/plain", ""))
            self.send_response(200 if self.path in bodies else 404)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_publisher_can_be_told_what_was_asked(archive: Any, site: str) -> None:
    (archive.folder / "sources.toml").write_text(
        f'[archive]\nrequest_interval = 0\ncontact = "archiv@example.org"\n[[source]]\nid = "feed"\nfetcher = "feed"\n'
        f'url = "{site}/feed.xml"\nallow_private = true\n',
        encoding="utf-8",
    )
    archive("run", code=None)
    asked = archive.json("runs", "requests", "--host", "127.0.0.1")
    outcomes = {line["url"].removeprefix(site): line["outcome"] for line in asked}
    assert outcomes["/feed.xml"] == outcomes["/eins.html"] == outcomes["/robots.txt"] == "fetched"
    assert outcomes["/intern/zwei.html"] == "robots"
    assert all(line["source"] == "feed" for line in asked)
    told = archive("runs", "requests", "--host", "127.0.0.1").stdout
    assert told.startswith("Anfragen an 127.0.0.1, gestellt unter archiv@example.org\n")
    assert "+01:00  unterlassen (robots.txt)" in told
    assert f"{len(asked)} Anfragen, Stand 2026-11-02" in told
    rows = list(csv.DictReader(io.StringIO(archive("runs", "requests", "--host", "127.0.0.1", "--csv").stdout)))
    assert [row["url"] for row in rows] == [line["url"] for line in asked]
    assert rows[0]["status"] == "200"
    shown = archive("runs", "show", "last", "--requests", "--source", "feed").stdout
    assert f"    {site}/eins.html" in shown
    assert archive.json("runs", "requests", "--host", "7.0.0.1") == []
    assert archive.json("runs", "requests", "--host", "127.0.0.1", "--since", "2026-11-03") == []
    assert len(archive.json("runs", "requests", "--host", "127.0.0.1", "--since", "2026-11-02")) == len(asked)
    assert archive.json("runs", "requests", "--host", "münchen.example") == []
