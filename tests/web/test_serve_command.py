"""`serve`, as it is typed."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest


def test_get_prints_a_page(apl: Any, web_archive: Path) -> None:
    done = apl("-C", web_archive, "serve", "--get", "/search?q=pflege&lang=de")
    assert "Mitteilungen" in done.stdout
    assert apl("-C", web_archive, "serve", "--get", "/person/Wiebke%20Sandkühler").stdout.count("Sandkühler") > 1
    missing = apl("-C", web_archive, "serve", "--get", "/nix", code=1)
    assert "HTTP 404" in missing.stderr


def test_links_know_the_path_of_the_proxy(apl: Any, web_archive: Path) -> None:
    page = apl("-C", web_archive, "serve", "--root-path", "archiv", "--get", "/").stdout
    assert 'href="/archiv/static/style.css' in page
    assert not re.search(r'(?:href|action|src)="/(?!archiv/)', page)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_nobody_else_is_let_in_without_users(apl: Any, web_archive: Path, host: str) -> None:
    done = apl("-C", web_archive, "serve", "--host", host, "--port", "0", code=4)
    assert "users add" in done.stderr


def test_a_taken_port_is_said(apl: Any, web_archive: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"Anschluss {port}" in apl("-C", web_archive, "serve", "--port", str(port), code=4).stderr


def test_it_answers_and_ends_when_it_is_told(web_archive: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "archive_pipeline", "-C", str(web_archive), "serve", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={key: value for key, value in os.environ.items() if not key.startswith("ARCHIVE_PIPELINE_")},
    )
    try:
        assert process.stderr is not None
        address = re.search(r"http://\S+", process.stderr.readline())
        assert address
        with urllib.request.urlopen(f"{address[0]}about", timeout=30) as answer:
            assert answer.status == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
        assert "Traceback" not in process.stderr.read()
    finally:
        process.kill()
        process.communicate()


def test_an_empty_archive_says_what_comes_next(apl: Any, tmp_path: Path) -> None:
    apl("init", tmp_path / "leer", "--sample")
    assert "archive-pipeline run" in apl("-C", tmp_path / "leer", "serve", "--get", "/").stdout
    for path in ("/sources", "/runs", "/review", "/about"):
        apl("-C", tmp_path / "leer", "serve", "--get", path)
