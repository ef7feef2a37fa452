"""What the tests of whole runs compare."""

import hashlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

STATEMENTS = {
    "release": "SELECT id, source_id, url, path, version_id, derivation, title, published FROM release",
    "first capture": "SELECT id, first_captured_at FROM release",
    "version": "SELECT release_id, id, number, sha256 FROM version",
    "derivation": "SELECT release_id, version_id, number, title, published, language, text, article FROM derivation",
    "tag": "SELECT release_id, axis, value, label, role, score, by, evidence, municipalities, keywords FROM tag",
    "person": 'SELECT release_id, name, role, party, start, "end" FROM person',
    "quote": 'SELECT release_id, text, speaker, start, "end" FROM quote',
    "effective tags": "SELECT release_id, axis, value, label, role FROM v_tag",
    "location": "SELECT release_id, source_id, key, url FROM location",
}

Contents = dict[str, list[tuple[object, ...]]]


@pytest.fixture(scope="session")
def same() -> Callable[[Path], Contents]:
    """Everything derived that must not depend on how a run went, as rows in order."""

    def contents(folder: Path, *, times: bool = True) -> Contents:
        with sqlite3.connect(folder / "archive" / "archive.db") as db:
            return {
                name: sorted(db.execute(statement).fetchall(), key=repr)
                for name, statement in STATEMENTS.items()
                if times or name != "first capture"
            }

    return contents


@pytest.fixture
def serve() -> Callable[[Mapping[str, str]], AbstractContextManager[str]]:
    """Serves pages by path, with entity tags: what a client has it is told again with 304."""

    @contextmanager
    def serving(answers: Mapping[str, str]) -> Iterator[str]:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = answers.get(self.path, "").encode()
                tag = f'"{hashlib.sha256(body).hexdigest()}"'
                status = 404 if not body else 304 if self.headers.get("If-None-Match") == tag else 200
                self.send_response(status)
                self.send_header("ETag", tag)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(body) if status == 200 else 0))
                self.end_headers()
                if status == 200:
                    self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}"
            finally:
                server.shutdown()
                thread.join()

    return serving
