"""Attacks on the pages: captured markup, query strings, forms, host names."""

import re
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from starlette.testclient import TestClient

from archive_pipeline.web.app import create_app
from archive_pipeline.web.pages import start
from archive_pipeline.workspace import open_workspace

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


def test_every_answer_carries_the_headers(web_client: Any, freibad: str) -> None:
    for path in (
        "/",
        "/search",
        f"/d/{freibad}",
        "/static/style.css",
        "/nix",
        "/search.atom",
        f"/d/{freibad}/original",
    ):
        headers = web_client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "default-src 'none'" in headers["content-security-policy"], path
        assert "unsafe-inline" not in headers["content-security-policy"].partition("style-src")[0]
        assert headers["referrer-policy"]
        assert headers["x-frame-options"] in ("DENY", "SAMEORIGIN")


def test_an_unforeseen_error_is_a_page_with_headers_and_without_details(
    web_workspace: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*arguments: object, **values: object) -> None:
        raise RuntimeError("geheimer Pfad")

    monkeypatch.setattr(start, "make_timeline", broken)
    client = TestClient(create_app(web_workspace), base_url="http://127.0.0.1", raise_server_exceptions=False)
    answer = client.get("/")
    assert answer.status_code == 500
    assert "geheimer" not in answer.text
    assert "Traceback" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_stored_markup_is_text(web_client: Any, freibad: str) -> None:
    for path in (
        f"/d/{freibad}?q=freibad",
        "/search?q=freibad",
        f"/d/{freibad}/vergleich",
        "/",
        "/kreis/05766",
        "/person",
    ):
        tree = html.fromstring(web_client.get(path).text)
        assert not tree.xpath("//*[@onerror or @onload]"), path
        for script in tree.cssselect("script"):
            assert script.get("src", "").startswith("/static/") or script.get("type") == "application/ld+json", path
    page = web_client.get(f"/d/{freibad}").text
    assert "&lt;script&gt;alert(1)" in page
    ld = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert ld
    assert "<" not in ld[1]


@pytest.mark.parametrize(
    "name", ["q", "f", "x", "d", "sort", "page", "view", "lang", "axis", "done", "batch", "a", "b"]
)
def test_query_strings_are_text(web_client: Any, freibad: str, name: str) -> None:
    for path in ("/search", f"/d/{freibad}", f"/d/{freibad}/vergleich", "/review", "/"):
        answer = web_client.get(path, params={name: HOSTILE})
        assert answer.status_code == 200, (path, name)
        assert "<img" not in answer.text.partition("<main")[2], (path, name)


def test_paths_are_text_and_lead_nowhere_else(web_client: Any) -> None:
    for path in (
        "/kreis/%3Cscript%3E",
        "/person/%3Cscript%3E",
        "/static/..%2f..%2fapp.py",
        "/static/../app.py",
        "/d/..%2f..%2fetc",
        "/sources/%00",
        "/runs/%27%20OR%201=1--",
        "/org/%27;drop%20table%20release",
    ):
        answer = web_client.get(path)
        assert answer.status_code in (404, 400), path
        assert "<script>" not in answer.text


def test_the_original_is_never_active(web_client: Any, freibad: str) -> None:
    answer = web_client.get(f"/d/{freibad}/original")
    assert "top.hacked" in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox;")
    assert "allow-scripts" not in policy
    assert "script-src" not in policy
    assert answer.headers["content-type"].startswith("text/html")
    frame = html.fromstring(web_client.get(f"/d/{freibad}").text).cssselect("iframe")[0]
    assert frame.get("sandbox") == ""


def test_documents_that_browsers_would_run_are_handed_over_as_files(web_client: Any) -> None:
    tree = html.fromstring(web_client.get("/search?q=wetteraukreis+haushalt").text)
    address = tree.cssselect(".card h3 a")[0].get("href").partition("?")[0]
    answer = web_client.get(f"{address}/original")
    assert answer.content.startswith(b"%PDF")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["content-type"] == "application/octet-stream"


def test_a_foreign_host_name_gets_no_answer(web_client: Any) -> None:
    answer = web_client.get("/", headers={"host": "evil.example"})
    assert answer.status_code == 421
    assert "Mitteilung" not in answer.text
    for name in ("127.0.0.1:8001", "localhost", "[::1]:8001"):
        assert web_client.get("/about", headers={"host": name}).status_code == 200, name


def test_header_injection(web_client: Any) -> None:
    answer = web_client.get("/?lang=en%0d%0aset-cookie:%20a=b", follow_redirects=False)
    assert "a=b" not in str(answer.headers)
    answer = web_client.get("/d/zzzz%0d%0ax:y?q=%0d%0ax: y", follow_redirects=False)
    assert "x" not in answer.headers


def test_forms_need_their_token(web_archive: Path) -> None:
    client = TestClient(create_app(open_workspace(web_archive)), base_url="http://127.0.0.1")
    page = client.get("/review")
    tree = html.fromstring(page.text)
    form = tree.cssselect("article form")[0]
    data = {one.get("name"): one.get("value") or "" for one in form.cssselect("input")} | {"verdict": "skip"}
    assert client.post("/review/judge", data={**data, "token": ""}).status_code == 403
    assert client.post("/review/judge", data={**data, "token": data["token"] + "x"}).status_code == 403
    foreign = client.post("/review/judge", data=data, headers={"sec-fetch-site": "cross-site"})
    assert foreign.status_code == 403
    other = TestClient(create_app(open_workspace(web_archive)), base_url="http://127.0.0.1")
    other.get("/review")
    assert other.post("/review/judge", data=data).status_code == 403, "the token of somebody else"
    client.cookies.clear()
    assert client.post("/review/judge", data=data).status_code == 403, "no cookie"
    assert client.get("/review/judge").status_code == 405
