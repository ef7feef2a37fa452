"""The server behind a reverse proxy, and told to stop while it is busy: real processes and sockets on loopback."""

import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Barrier, Thread
from typing import Any, ClassVar

import httpx2
import pytest

from archive_pipeline.accounts import Accounts, accounts_file
from archive_pipeline.workspace import open_workspace

NAME = "archiv.example"


class Proxy(BaseHTTPRequestHandler):
    """What nginx does with `location /archiv/ { proxy_pass http://127.0.0.1:PORT/; }` and TLS in front: takes the path
    away and says who asks, and how."""

    protocol_version = "HTTP/1.1"
    port: ClassVar[int]

    def answer(self) -> None:
        """Hand the request on, and the answer back."""
        assert self.path.startswith("/archiv/")
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        behind = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
        headers |= {"X-Forwarded-For": "198.51.100.7", "X-Forwarded-Proto": "https"}
        behind.request(self.command, self.path.removeprefix("/archiv"), body, headers)
        answer = behind.getresponse()
        told = answer.read()
        self.send_response_only(answer.status)
        for name, value in answer.getheaders():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(told)
        behind.close()

    do_GET = do_POST = answer  # noqa: N815 - names of the standard library

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing."""


@contextmanager
def running(folder: Path, *options: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """`serve` in a process of its own, and its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "archive_pipeline", "-C", str(folder), "serve", "--port", "0", *options],
        stderr=subprocess.PIPE,
        text=True,
        env={key: value for key, value in os.environ.items() if not key.startswith("ARCHIVE_PIPELINE_")},
    )
    try:
        assert process.stderr is not None
        said = process.stderr.readline()
        port = re.search(r":(\d+)/", said)
        assert port, said
        yield process, int(port[1])
    finally:
        process.kill()
        process.communicate()


@pytest.fixture(scope="module")
def behind(web_archive: Path, tmp_path_factory: pytest.TempPathFactory, password: str) -> Iterator[httpx2.Client]:
    """A client of a proxy in front of the pages; `eva` has an account. It keeps no cookies of its own: those for HTTPS
    would never come back over HTTP."""
    folder = shutil.copytree(web_archive, tmp_path_factory.mktemp("proxy") / "archiv")
    Accounts(accounts_file(open_workspace(folder).data)).add("eva", "archivist", password)
    options = ["--root-path", "/archiv", "--allow-host", NAME, "--forwarded-allow-ips", "127.0.0.1"]
    with running(folder, *options) as (_, port):
        handler = type("Handler", (Proxy,), {"port": port})
        proxy = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        thread = Thread(target=proxy.serve_forever)
        thread.start()

        with httpx2.Client(
            base_url=f"http://127.0.0.1:{proxy.server_port}", headers={"host": NAME}, trust_env=False, timeout=30
        ) as client:
            yield client
        proxy.shutdown()
        thread.join()
        proxy.server_close()


def test_pages_behind_a_proxy_lead_back_through_it(behind: httpx2.Client, freibad: str) -> None:
    for path in ("/archiv/", "/archiv/search?q=freibad", f"/archiv/d/{freibad}", "/archiv/login", "/archiv/nix"):
        page = behind.get(path)
        assert page.status_code in (200, 404)
        found = re.findall(r'(?:href|src|action)="(/[^"]*)"', page.text)
        assert found
        assert [one for one in found if not one.startswith("/archiv/")] == []
    assert f"https://{NAME}/archiv/d/{freibad}" in behind.get(f"/archiv/d/{freibad}").text
    style = next(one for one in found if "style.css" in one)
    assert behind.get(style).text.startswith("/*")
    feed = behind.get("/archiv/search.atom?q=freibad+rutsche").text
    assert f"https://{NAME}/archiv/d/{freibad}" in feed
    assert "127.0.0.1" not in feed


def test_a_login_behind_a_proxy_is_bound_to_https(behind: httpx2.Client, password: str) -> None:
    review = behind.get("/archiv/review")
    assert (review.status_code, review.headers["location"]) == (303, "/archiv/login?next=/review")
    page = behind.get("/archiv/login")
    cookie = page.headers["set-cookie"].partition(";")[0]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page.text))
    done = behind.post(
        "/archiv/login", data={**fields, "name": "eva", "password": password}, headers={"cookie": cookie}
    )
    assert (done.status_code, done.headers["location"]) == (303, "/archiv/")
    session = next(one for one in done.headers.get_list("set-cookie") if one.startswith("__Host-"))
    assert {"secure", "httponly", "path=/"} <= {part.strip().lower() for part in session.split(";")}
    assert behind.get("/archiv/review", headers={"cookie": session.partition(";")[0]}).status_code == 200


def test_a_name_that_nobody_allowed_is_refused_behind_a_proxy(behind: httpx2.Client) -> None:
    assert behind.get("/archiv/", headers={"host": "evil.example"}).status_code == 421


def test_told_to_stop_under_load_it_answers_what_it_was_asked(web_archive: Path) -> None:
    many = 12
    with running(web_archive) as (process, port), ThreadPoolExecutor(many) as pool:
        asked = Barrier(many + 1)

        def search(number: int) -> int:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
            connection.request("GET", "/about")
            connection.getresponse().read()  # the connection is open and kept
            asked.wait()
            connection.request("GET", f"/search?q=kreis&page={number}")
            asked.wait()
            answer = connection.getresponse()
            assert answer.read().rstrip().endswith(b"</html>")
            connection.close()
            return answer.status

        answers = [pool.submit(search, number) for number in range(many)]
        asked.wait()
        asked.wait()
        wait(answers, return_when=FIRST_COMPLETED)  # all were sent before: the server has read them by now
        process.send_signal(signal.SIGTERM)
        assert [one.result(timeout=60) for one in answers] == [200] * many
        assert process.wait(timeout=30) == 0
        assert process.stderr is not None
        assert "Traceback" not in process.stderr.read()
