"""Bad input: recorded with its reason, the run goes on, nothing else is lost."""

import gzip
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

GOOD = (
    "Neue Beratungsstelle in Heinsberg eröffnet\n\n"
    "Kreis Heinsberg. Die neue Beratungsstelle für Zugewanderte hat am Montag in Heinsberg eröffnet. "
    "Sie hilft bei Anträgen, Sprachkursen und der Suche nach Arbeit, teilte die Kreisverwaltung mit.\n\n"
    "Geöffnet ist sie montags bis freitags von neun bis zwölf Uhr. Eine Anmeldung ist nicht nötig."
)
ERROR_PAGE = (
    "<!doctype html><html lang=de><head><title>404 - Seite nicht gefunden</title></head><body>"
    "<h1>404 – Seite nicht gefunden</h1><p>Die angeforderte Seite existiert leider nicht.</p></body></html>"
)


def failures(folder: Path) -> dict[str, str]:
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        return dict(db.execute("SELECT key, reason FROM failure").fetchall())


def states(folder: Path) -> dict[str, tuple[str, str | None]]:
    with sqlite3.connect(folder / "archive" / "archive.db") as db:
        return {key: (state, reason) for key, state, reason in db.execute("SELECT key, state, reason FROM capture")}


def test_each_bad_file_becomes_a_recorded_failure(apl: Any, make_archive: Callable[..., Path]) -> None:
    noise = random.Random(1).randbytes(5000)
    folder = make_archive(
        {
            "gut.txt": GOOD,
            "leer.txt": b"",
            "binaer.txt": noise,
            "abgebrochen.html.gz": gzip.compress(GOOD.encode() * 50)[:-40],
            "zeichensatz.txt": GOOD.encode("cp037"),
            "riesig.txt": b"a" * 50_000_000,
            "fehlerseite.html": ERROR_PAGE,
            "kaputt.pdf": b"%PDF-1.7\nnothing here",
            "kaputt.docx": b"PK\x03\x04 no archive",
            "zuletzt.txt": GOOD.replace("Montag", "Dienstag"),
        }
    )
    summary = apl.json("-C", folder, "run", "--json", code=3)
    found = failures(folder)
    assert summary["new"] == 2
    assert summary["quarantined"] == 1
    assert states(folder)["fehlerseite.html"][0] == "quarantined"
    assert states(folder)["fehlerseite.html"][1]
    expected = {"leer.txt", "binaer.txt", "abgebrochen.html.gz", "zeichensatz.txt", "riesig.txt", "kaputt.pdf"}
    assert expected | {"kaputt.docx"} == set(found)
    assert summary["failed"] == len(found)
    for key, reason in found.items():
        assert len(reason) > 10, key
        assert "Traceback" not in reason
        assert "Error" not in reason, f"{key}: {reason}"
    # what could be read is in the WARC files, byte for byte, whatever became of it
    assert states(folder)["binaer.txt"][0] == "failed"
    assert states(folder)["abgebrochen.html.gz"][0] == "failed"
    told = apl("-C", folder, "status", "--failures", code=3).stdout
    assert all(key in told for key in found)


def test_known_failures_are_not_told_twice(apl: Any, make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"gut.txt": GOOD, "leer.txt": b""})
    assert apl.json("-C", folder, "run", "--json", code=3)["failed"] == 1
    again = apl.json("-C", folder, "run", "--json")
    assert (again["failed"], again["unchanged"]) == (0, 2)
    (folder / "eingang" / "leer.txt").write_text(GOOD.replace("Montag", "Freitag"), encoding="utf-8")
    assert apl.json("-C", folder, "run", "--json")["new"] == 1


def test_latin_1_is_read_not_refused(apl: Any, make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"alt.txt": GOOD.encode("cp1252")})
    assert apl.json("-C", folder, "run", "--json")["new"] == 1
    assert apl.json("-C", folder, "search", "Anträgen", "--json")["total"] == 1


VANISH = """
from pathlib import Path
from archive_pipeline import hookimpl
archive_pipeline_api = 1

@hookimpl
def release_archived(release, change):
    for path in Path({folder!r}).glob("z*.txt"):
        path.unlink()
"""


def test_a_file_that_vanishes_in_mid_run(apl: Any, make_archive: Callable[..., Path]) -> None:
    files = {f"a{number:02}.txt": GOOD.replace("Montag", f"{number}. März") for number in range(90)}
    folder = make_archive({**files, "z.txt": GOOD})
    (folder / "plugins").mkdir()
    code = VANISH.format(folder=str(folder / "eingang"))
    (folder / "plugins" / "vanish.py").write_text(code, encoding="utf-8")
    summary = apl.json("-C", folder, "run", "--json", code=3)
    assert (summary["new"], summary["failed"]) == (90, 1)
    assert "verschwunden" in failures(folder)["z.txt"]


def test_a_folder_that_is_not_there(apl: Any, make_archive: Callable[..., Path]) -> None:
    folder = make_archive({"gut.txt": GOOD})
    (folder / "eingang").rename(folder / "anderswo")
    done = apl("-C", folder, "run", code=3)
    assert "eingang" in done.stderr


@contextmanager
def serving(answers: dict[str, tuple[int, str, bytes]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, media_type, body = answers.get(self.path, (404, "text/plain", b""))
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>Presse</title><link>{base}</link>
<item><title>Gut</title><link>{base}/gut.html</link><guid>1</guid></item>
<item><title>Weg</title><link>{base}/weg.html</link><guid>2</guid></item>
<item><title>Fehlerseite</title><link>{base}/fehlerseite.html</link><guid>3</guid></item>
</channel></rss>"""


@pytest.mark.parametrize(
    ("body", "word"), [(b"", "leer"), (b"<html><body>Wartung</body></html>", "Feed"), (b"<rss><chan", "")]
)
def test_a_feed_that_is_none_fails_alone(apl: Any, make_archive: Callable[..., Path], body: bytes, word: str) -> None:
    with serving({"/feed.xml": (200, "application/rss+xml", body)}) as base:
        folder = make_archive({"gut.txt": GOOD}, settings="request_interval = 0")
        with (folder / "sources.toml").open("a", encoding="utf-8") as file:
            file.write(
                f'\n[[source]]\nid = "feed"\ntitle = "Feed"\nfetcher = "feed"\nurl = "{base}/feed.xml"\n'
                "allow_private = true\n"
            )
        summary = apl.json("-C", folder, "run", "--json", code=3)
    assert summary["new"] == 1
    assert summary["failed_sources"] == ["feed"]
    assert word in failures(folder)[""]


def test_error_pages_behind_a_feed(apl: Any, make_archive: Callable[..., Path]) -> None:
    answers: dict[str, tuple[int, str, bytes]] = {}
    with serving(answers) as base:
        page = f"<html lang=de><head><title>Gut</title></head><body><article><h1>Gut</h1>{'<p>'.join(GOOD.split('  '))}"
        answers["/feed.xml"] = (200, "application/rss+xml", FEED.format(base=base).encode())
        answers["/gut.html"] = (200, "text/html; charset=utf-8", page.encode())
        answers["/fehlerseite.html"] = (200, "text/html; charset=utf-8", ERROR_PAGE.encode())
        folder = make_archive({}, settings="request_interval = 0")
        (folder / "sources.toml").write_text(
            f'[archive]\nrequest_interval = 0\n[[source]]\nid = "feed"\ntitle = "Feed"\nfetcher = "feed"\n'
            f'url = "{base}/feed.xml"\nallow_private = true\n',
            encoding="utf-8",
        )
        summary = apl.json("-C", folder, "run", "--json", code=3)
    assert (summary["new"], summary["quarantined"], summary["failed"]) == (1, 1, 1)
    assert any(key.endswith("/weg.html") for key in failures(folder))
