"""`plugins record` writes a fixture that tests replay without network, and warns of what is in it."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from archive_pipeline.cli.main import command_line
from archive_pipeline.developing.check import check_plugin
from archive_pipeline.developing.scaffolding import new_plugin
from archive_pipeline.errors import ConfigError, FetchError, RefusedError
from archive_pipeline.model import Capture, Gone, Item
from archive_pipeline.testing import no_network, replay_warc


class Quiet(SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if self.path == "/alt/":
            self.send_response(301)
            self.send_header("Location", "/presse/")
            self.end_headers()
        else:
            super().do_GET()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the output of the tests."""


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    """An archive with a new source plugin, and the pages of its fixtures as a website."""
    made = new_plugin("auental", "source", tmp_path / "archive" / "plugins")
    site = tmp_path / "site" / "presse"
    site.mkdir(parents=True)
    for name, page in (("liste", "index"), ("liste-2", "seite-2"), ("meldung", "18")):
        shutil.copy(made.folder / "fixtures" / f"{name}.html", site / f"{page}.html")
    return tmp_path / "archive"


@pytest.fixture
def address(archive: Path) -> Iterator[str]:
    handler = partial(Quiet, directory=str(archive.parent / "site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def record(archive: Path, address: str) -> Callable[..., Result]:
    """Runs the command for a source of the plugin."""

    def run(*options: str, path: str = "/presse/", fetcher: str = "auental") -> Result:
        (archive / "sources.toml").write_text(
            f'[[source]]\nid = "kreis"\nfetcher = "{fetcher}"\nurl = "{address}{path}"\n'
            "allow_private = true\ninterval = 0\n"
        )
        return CliRunner().invoke(command_line, ["-C", str(archive), "plugins", "record", "kreis", *options])

    return run


def fixture(archive: Path, suffix: str) -> Path:
    return archive / "plugins" / "auental" / "fixtures" / f"kreis{suffix}"


def expected(archive: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(fixture(archive, ".expected.json").read_bytes())
    return content


def test_a_recording_replays_without_network(record: Callable[..., Result], archive: Path, address: str) -> None:
    done = record("--limit", "1")
    assert done.exit_code == 0, done.output
    assert "1 Einträge, 1 Mitteilungen" in done.output
    assert "Namen, Telefonnummern" in done.output
    seen = expected(archive)
    assert seen["source"]["fetcher"] == "auental"
    assert [item["title"] for item in seen["items"]] == ["Freibad öffnet am 1. Mai"]
    assert seen["articles"][f"{address}/presse/18.html"]["published"] == "2024-04-24"
    context = replay_warc(fixture(archive, ".warc.gz"))
    with no_network():
        answer = context.get(f"{address}/presse/18.html", item=Item(source_id="kreis", key="18"))
    assert isinstance(answer, Capture)
    assert (answer.kind, answer.key, answer.media_type) == ("document", "18", "text/html")
    assert "Mühlenteich".encode() in answer.body
    assert answer.captured_at.year > 2024, "the time of the recording, for rules that hold for a time"
    assert context.get(f"{address}/nirgends") == Gone("HTTP 404")


def test_what_was_recorded_is_part_of_the_check(record: Callable[..., Result], archive: Path) -> None:
    record("--limit", "1")
    folder = archive / "plugins" / "auental"
    assert all(result.state == "ok" for result in check_plugin(folder)[1])
    path = fixture(archive, ".expected.json")
    path.write_text(path.read_text(encoding="utf-8").replace("öffnet am 1. Mai", "bleibt zu"), encoding="utf-8")
    (result,) = check_plugin(folder)[1]
    assert any("kreis.expected.json" in reason for _, reason in result.failures)


def test_a_page_that_is_missing_is_told(record: Callable[..., Result], archive: Path, address: str) -> None:
    done = record("--limit", "3")
    assert done.exit_code == 0, done.output
    assert "fehlt: " in done.output
    assert f"{address}/presse/17.html" in done.output
    assert len(expected(archive)["items"]) == 3
    assert list(expected(archive)["articles"]) == [f"{address}/presse/18.html"]


def test_redirects_are_followed_in_the_recording(record: Callable[..., Result], archive: Path, address: str) -> None:
    assert record("--limit", "1", path="/alt/").exit_code == 0
    assert expected(archive)["items"][0]["url"] == f"{address}/presse/18.html"


def test_update_rewrites_what_is_expected_and_keeps_the_pages(record: Callable[..., Result], archive: Path) -> None:
    record("--limit", "1")
    pages = fixture(archive, ".warc.gz").read_bytes()
    assert "unverändert" in record("--update").output
    rules = archive / "plugins" / "auental" / "rules.toml"
    assert "weitersagen" in fixture(archive, ".expected.json").read_text(encoding="utf-8")
    rules.write_text(rules.read_text(encoding="utf-8").replace("www.auental.example", "127.0.0.1"), encoding="utf-8")
    shutil.rmtree(archive.parent / "site")
    done = record("--update")
    assert done.exit_code == 0, done.output
    assert "neu geschrieben" in done.output
    assert "weitersagen" not in fixture(archive, ".expected.json").read_text(encoding="utf-8")
    assert fixture(archive, ".warc.gz").read_bytes() == pages


def test_update_needs_a_recording(record: Callable[..., Result]) -> None:
    done = record("--update")
    assert isinstance(done.exception, FetchError)
    assert "plugins record kreis" in done.exception.hint


def test_robots_are_obeyed(record: Callable[..., Result], archive: Path) -> None:
    (archive.parent / "site" / "robots.txt").write_text("User-agent: *\nDisallow: /presse/\n")
    done = record()
    assert isinstance(done.exception, RefusedError)
    assert not fixture(archive, ".warc.gz").exists()


def test_a_source_that_offers_nothing_leaves_nothing(record: Callable[..., Result], archive: Path) -> None:
    shutil.rmtree(archive.parent / "site" / "presse")
    done = record()
    assert isinstance(done.exception, FetchError)
    assert not fixture(archive, ".expected.json").exists()


def test_a_source_of_no_plugin_must_be_given_one(record: Callable[..., Result], archive: Path) -> None:
    (archive.parent / "site" / "presse" / "feed.xml").write_text(
        "<rss version='2.0'><channel><item><title>T</title><link>18.html</link></item></channel></rss>"
    )
    done = record(path="/presse/feed.xml", fetcher="feed")
    assert isinstance(done.exception, ConfigError)
    assert "--plugin" in done.exception.hint
    done = record("--plugin", "auentl", path="/presse/feed.xml", fetcher="feed")
    assert isinstance(done.exception, ConfigError)
    done = record("--plugin", "auental", path="/presse/feed.xml", fetcher="feed")
    assert done.exit_code == 0, done.output
    assert expected(archive)["source"]["fetcher"] == "feed"


def test_a_damaged_recording_is_told(record: Callable[..., Result], archive: Path) -> None:
    record("--limit", "1")
    path = fixture(archive, ".warc.gz")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    (result,) = check_plugin(archive / "plugins" / "auental")[1]
    assert result.state == "failed"


def test_there_is_nothing_to_replay(tmp_path: Path) -> None:
    with pytest.raises(FetchError, match="fehlt"):
        replay_warc(tmp_path / "x.warc.gz")
    (tmp_path / "x.warc.gz").write_bytes(b"")
    with pytest.raises(FetchError, match="keine Erfassung"):
        replay_warc(tmp_path / "x.warc.gz")
