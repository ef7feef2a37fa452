"""A council information system the whole way: over real HTTP into an archive, and again after it changed.

The server does what the specification OParl 1.1 says: sections "Paginierung" (pages with `links.next`), "Filter"
(`limit`, `created_since`, `modified_since`, filters kept in links, deleted objects only with `modified_since`),
"Gelöschte Objekte" (status 200, `deleted`) and "Dateizugriffe".
"""

import json
import sqlite3
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from archive_pipeline.pipeline import run
from archive_pipeline.workspace import open_workspace

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = "https://schema.oparl.org/1.1"
PAGE_SIZE = 2
TEXT = (
    "<!doctype html><html lang='de'><head><meta charset='utf-8'><title>{0}</title></head><body><main><h1>{0}</h1>"
    "<p>Musterstadt. Der Rat hat in seiner Sitzung am Donnerstag über die Vorlage {1} beraten. Die Verwaltung schlägt "
    "vor, auf dem Marktplatz einen Brunnen mit Trinkwasser aufzustellen, der von April bis Oktober läuft.</p>"
    "<p>Die Stadtwerke Musterstadt übernehmen Wartung und Kosten des Wassers. Der Ausschuss für Umwelt und Verkehr hat "
    "der Vorlage in der vergangenen Woche einstimmig zugestimmt.</p></main></body></html>"
)


class Council(ThreadingHTTPServer):
    """The council's server. `papers` is what it holds, by number; `asked` what it was asked for."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []
        self.changed = datetime.fromisoformat("2026-01-05T08:00:00+01:00")
        self.papers: dict[int, dict[str, Any]] = {}
        for number in range(1, 6):
            self.put(number, f"Vorlage {number}: Trinkwasserbrunnen")

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client hangs up."""

    def put(self, number: int, name: str) -> None:
        """Publish a paper, or change it."""
        moment = self._moment()
        paper = {
            "id": f"{self.url}/oparl/paper/{number}",
            "type": f"{SCHEMA}/Paper",
            "name": name,
            "date": "2026-01-05",
        }
        main = {"id": f"{self.url}/oparl/file/{number}", "accessUrl": f"{self.url}/datei/{number}", "modified": moment}
        created = self.papers.get(number, {}).get("created", moment)
        self.papers[number] = {**paper, "mainFile": main, "created": created, "modified": moment}

    def delete(self, number: int) -> None:
        """Delete a paper softly."""
        kept = {name: self.papers[number][name] for name in ("id", "type", "created")}
        self.papers[number] = {**kept, "deleted": True, "modified": self._moment()}

    def _moment(self) -> str:
        self.changed += timedelta(days=2)
        return self.changed.isoformat()

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, str, str]:
        """Status, media type and body."""
        if path == "/oparl/system":
            return self._json({"id": self.url + path, "type": f"{SCHEMA}/System", "body": f"{self.url}/oparl/bodies"})
        if path == "/oparl/bodies":
            body = {
                "id": f"{self.url}/oparl/body/1",
                "type": f"{SCHEMA}/Body",
                "name": "Rat",
                "paper": f"{self.url}/oparl/papers",
            }
            return self._json({"data": [body], "pagination": {}, "links": {}})
        if path == "/oparl/papers":
            return self._papers(path, query)
        kind, _, number = path.strip("/").rpartition("/")
        paper = self.papers.get(int(number)) if number.isdigit() else None
        if paper and kind == "oparl/paper":
            return self._json(paper)
        if paper and kind == "datei" and "name" in paper:
            return 200, "text/html; charset=utf-8", TEXT.format(paper["name"], number)
        return 404, "text/plain", "nicht da"

    def _papers(self, path: str, query: dict[str, str]) -> tuple[int, str, str]:
        changed, created = (query.get(name) for name in ("modified_since", "created_since"))
        found = [
            paper
            for paper in self.papers.values()
            if ("deleted" not in paper or changed)
            and (not changed or datetime.fromisoformat(paper["modified"]) >= datetime.fromisoformat(changed))
            and (not created or datetime.fromisoformat(paper["created"]) >= datetime.fromisoformat(created))
        ]
        page = int(query.get("page", 1))
        rows = found[(page - 1) * PAGE_SIZE :][:PAGE_SIZE]
        links = {"self": self.url + path}
        if page * PAGE_SIZE < len(found):
            links["next"] = f"{self.url}{path}?{urlencode({**query, 'page': page + 1})}"
        return self._json({"data": rows, "pagination": {"totalElements": len(found)}, "links": links})

    def _json(self, value: Any) -> tuple[int, str, str]:
        return 200, "application/json", json.dumps(value)


class _Handler(BaseHTTPRequestHandler):
    server: Council

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        parts = urlsplit(self.path)
        status, media_type, text = self.server.answer(parts.path, dict(parse_qsl(parts.query)))
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def council() -> Iterator[Council]:
    server = Council()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


class Archive:
    """An archive with the council as its one source."""

    def __init__(self, folder: Path, council: Council) -> None:
        self.folder = folder
        self.council = council
        (folder / "plugins").mkdir()
        (folder / "plugins" / "oparl").symlink_to(ROOT / "plugins" / "oparl")
        (folder / "sources.toml").write_text(
            '[archive]\ncontact = "archiv@probe.example"\n\n'
            '[[source]]\nid = "rat"\nallow_private = true\ninterval = 0\n'
            f'url = "{council.url}/oparl/system"\n',
            encoding="utf-8",
        )

    def run(self) -> Any:
        """One run's report of the source; `council.asked` holds what it asked for."""
        self.council.asked.clear()
        workspace = open_workspace(self.folder)
        assert workspace.config.sources[0].fetcher == "oparl"
        return run(workspace, workspace.config.sources).sources[0]

    def rows(self, statement: str) -> list[Any]:
        with sqlite3.connect(self.folder / "archive" / "archive.db") as db:
            return db.execute(statement).fetchall()


@pytest.fixture
def archive(tmp_path: Path, council: Council) -> Archive:
    return Archive(tmp_path, council)


def test_papers_go_the_whole_way(archive: Archive) -> None:
    report = archive.run()
    assert (report.seen, report.new, report.failed, report.quarantined) == (5, 5, 0, 0), report.failures
    assert archive.rows("SELECT title, published FROM release ORDER BY title")[0] == (
        "Vorlage 1: Trinkwasserbrunnen",
        "2026-01-05",
    )
    lists = [path for path in archive.council.asked if path.startswith("/oparl/papers")]
    assert lists == ["/oparl/papers?limit=100", "/oparl/papers?limit=100&page=2", "/oparl/papers?limit=100&page=3"]
    kept = {target for (target,) in archive.rows("SELECT target FROM capture WHERE kind = 'discovery'")}
    assert f"{archive.council.url}/oparl/papers?limit=100" in kept  # the objects are kept as evidence


def test_later_runs_see_what_is_new_changed_and_deleted(archive: Archive) -> None:
    archive.run()
    archive.council.put(6, "Vorlage 6: Haushalt")
    archive.council.put(2, "Vorlage 2: Trinkwasserbrunnen am Bahnhof")
    archive.council.delete(3)
    report = archive.run()
    assert (report.new, report.changed, report.failed) == (1, 1, 0), report.failures
    listed = [path for path in archive.council.asked if path.startswith("/oparl/papers")]
    # the newest change of the first run was on 15 January at 7 UTC, and a day is asked for again
    assert all("modified_since=2026-01-14T07%3A00%3A00%2B00%3A00" in path for path in listed)
    assert {path for path in archive.council.asked if path.startswith("/datei/")} == {"/datei/6", "/datei/2"}
    assert archive.rows("SELECT count(*) FROM release") == [(6,)]  # nothing is deleted here


def test_a_run_without_news_asks_for_lists_alone(archive: Archive) -> None:
    archive.run()
    report = archive.run()
    assert (report.new, report.changed, report.failed) == (0, 0, 0)
    assert not [path for path in archive.council.asked if path.startswith(("/datei/", "/oparl/paper/"))]
