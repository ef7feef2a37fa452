"""Attacks on the pages and the API, tried."""

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote

import feedparser
import pytest
from lxml import etree, html
from starlette.testclient import TestClient

from archive_pipeline.web.app import create_app
from archive_pipeline.web.protection import PAGE_POLICY
from archive_pipeline.workspace import open_workspace

HOSTILE = "\"'><script>alert(9)</script><img src=x onerror=alert(9)>{{7*7}}${7*7}"

PAGES = [
    "/",
    "/search?q=Titelwort",
    "/search?q=Titelwort&view=kwic",
    "/search?q={hostile}",
    "/search?q=Kreisverwaltung&f=kreis:{hostile}&x=partei:{hostile}&d={hostile}&sort={hostile}&page={hostile}&view={hostile}",
    "/d/{evil}",
    "/d/{evil}?q={hostile}",
    "/d/{evil}?q=Titelwort",
    "/d/{hostile}",
    "/kreis",
    "/kreis/{hostile}",
    "/partei/{hostile}",
    "/org/{hostile}",
    "/thema/{hostile}",
    "/person",
    "/person/Eva%20Muster",
    "/person/{hostile}",
    "/sources",
    "/sources/public",
    "/sources/{hostile}",
    "/runs",
    "/runs/last",
    "/runs/{hostile}",
    "/review",
    "/review?axis={hostile}&done={hostile}&batch={hostile}",
    "/searches",
    "/searches/{hostile}",
    "/save?q={hostile}&sort={hostile}",
    "/freeze?q={hostile}",
    "/sets",
    "/sets/{hostile}",
    "/sets/alles",
    "/sets/alles?page={hostile}&pruefen={hostile}",
    "/sets/alles/vergleich?mit={hostile}",
    "/takedown",
    "/takedown/new?d={hostile}",
    "/takedown/2026-1?done={hostile}",
    "/takedown/{hostile}",
    "/save?q={hostile}&sort={hostile}&match={hostile}",
    "/searches?removed={hostile}",
    "/searches/{hostile}",
    "/freeze?q={hostile}&name={hostile}",
    "/sets/{hostile}",
    "/takedown/new?d={hostile}",
    "/takedown/{hostile}?done={hostile}",
    "/about",
    "/login?next={hostile}",
    "/{hostile}",
]


def handlers(page: html.HtmlElement) -> list[str]:
    """Everything in a page that a browser would run or fetch from elsewhere."""
    found = []
    for element in page.iter():
        if not isinstance(element.tag, str):
            continue
        if element.tag == "script" and not element.get("src") and element.get("type") != "application/ld+json":
            found.append(f"script: {element.text}")
        for name, value in element.attrib.items():
            scheme = re.match(r"\s*([a-z]+):", value, re.I)
            leads_off = scheme is not None and scheme[1].lower() not in ("http", "https", "mailto")
            if (
                name.startswith("on")
                or name in ("style", "srcdoc")
                or (name in ("href", "src", "action", "formaction", "data") and leads_off)
                or (name == "src" and not value.startswith("/"))
            ):
                found.append(f"{element.tag} {name}={value}")
    return found


@pytest.mark.parametrize("address", PAGES)
def test_nothing_hostile_is_run_by_a_page(archivist: TestClient, built: Any, address: str) -> None:
    answer = archivist.get(address.format(hostile=quote(HOSTILE, safe=""), evil=built.ids["evil"]))
    assert answer.status_code < 500
    assert answer.headers["content-security-policy"] == PAGE_POLICY
    assert answer.headers["content-type"].startswith("text/html")
    assert handlers(html.fromstring(answer.content)) == []
    assert "<script>alert" not in answer.text
    assert "<img src=x" not in answer.text
    assert not re.search(r"49\$|\$49", answer.text), "an expression was evaluated"


def test_what_is_said_to_machines_ends_no_script(archivist: TestClient, built: Any) -> None:
    text = archivist.get(f"/d/{built.ids['evil']}").text
    for block in re.findall(r'<script type="application/ld\+json">(.*?)</script>', text, re.S):
        assert "<" not in block


def hidden_fields(client: TestClient, page: str) -> dict[str, str]:
    """What a form sends besides what somebody types."""
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', client.get(page).text))


def test_what_people_keep_is_text(own: Any, client_of: Any, password: str) -> None:
    """Names, queries, notes and reasons, on every page that shows them again."""
    client = client_of(own)
    client.post("/login", data={**hidden_fields(client, "/login"), "name": "archivist", "password": password})
    token = hidden_fields(client, "/save?q=x")["token"]
    kept = [
        ("/save", {"q": f"Radwege {HOSTILE}", "name": HOSTILE[:80]}),
        ("/freeze", {"q": "Radwege", "name": "wege", "note": HOSTILE}),
        ("/takedown/new", {"releases": own.ids["public"], "ground": HOSTILE, "requester": HOSTILE, "reason": HOSTILE}),
    ]
    pages = ["/searches", "/sets", "/sets/wege", "/sets/wege/vergleich", "/takedown"]
    for path, values in kept:
        done = client.post(path, data={"token": token, **values})
        assert done.status_code == 303, path
        pages.append(done.headers["location"])
    for path in pages:
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert handlers(html.fromstring(answer.content)) == []
        assert "alert(9)" not in answer.text or "&lt;script&gt;alert(9)" in answer.text
        assert "<img src=x" not in answer.text


def test_fields_of_feeds_are_text(apl: Any, tmp_path: Path) -> None:
    """A feed whose every field means harm, with a link that is none."""
    hostile = HOSTILE.replace("&", "&amp;").replace("<", "&lt;")
    body = (
        "Feedwort: Der Kreis Soest hat heute mitgeteilt, dass die Kreisverwaltung im kommenden Jahr mehr Geld für den "
        "Ausbau der Radwege ausgibt. Der Kreistag hat den Haushalt beschlossen. Die Arbeiten beginnen im Frühjahr."
    )
    page = f"<html lang='de'><head><title>{hostile}</title></head><body><h1>{hostile}</h1><p>{body}</p></body></html>"
    item = (
        f"<item><title>Feedwort {hostile}</title><link>LINK</link><guid isPermaLink='false'>{hostile} LINK</guid>"
        f"<author>{hostile}</author><category>{hostile}</category><pubDate>Mon, 06 May 2024 10:00:00 +0200</pubDate>"
        f"<description>&lt;p onclick='alert(9)'&gt;{body}&lt;/p&gt;{hostile}</description></item>"
    )
    links = ("javascript:alert(9)", "data:text/html,&lt;script&gt;alert(9)&lt;/script&gt;", "BASE/seite.html")

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            base = f"http://{self.headers['host']}"
            items = "".join(item.replace("LINK", link.replace("BASE", base)) for link in links)
            feed = f"<rss version='2.0'><channel><title>{hostile}</title>{items}</channel></rss>"
            told = {"/feed.xml": feed, "/seite.html": page}.get(self.path)
            self.send_response(200 if told else 404)
            self.send_header("content-type", "text/html; charset=utf-8" if "html" in self.path else "text/xml")
            self.end_headers()
            self.wfile.write((told or "").encode())

        def log_message(self, format: str, *arguments: Any) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Site) as site:
        thread = threading.Thread(target=site.serve_forever)
        thread.start()
        folder = tmp_path / "archiv"
        folder.mkdir()
        (folder / "sources.toml").write_text(
            '[archive]\nrequest_interval = 0\n[[source]]\nid = "feed"\ntitle = "Feed"\nfetcher = "feed"\ngate = false\n'
            f'url = "http://127.0.0.1:{site.server_port}/feed.xml"\nallow_private = true\n',
            encoding="utf-8",
        )
        apl("-C", folder, "run", code=None)
        site.shutdown()
        thread.join()
    client = TestClient(create_app(open_workspace(folder)), base_url="http://127.0.0.1")
    found = html.fromstring(client.get("/search?q=Feedwort").content).cssselect(".card h3 a")
    assert found
    for path in ["/", "/search?q=Feedwort", "/sources/feed", "/runs", *(one.get("href") for one in found)]:
        answer = client.get(path)
        assert answer.status_code == 200
        assert handlers(html.fromstring(answer.content)) == []
        assert "<script>alert" not in answer.text
        assert "<img src=x" not in answer.text


@pytest.mark.parametrize("address", ["/d/{evil}/original", "/api/v1/releases/{evil}/original"])
def test_captured_pages_are_never_active(archivist: TestClient, built: Any, address: str) -> None:
    answer = archivist.get(address.format(evil=built.ids["evil"]))
    policy = answer.headers["content-security-policy"]
    assert answer.status_code == 200
    assert b"<script>alert('seite')" in answer.content  # as it was published
    assert policy.startswith("sandbox;")
    assert "allow-scripts" not in policy
    assert "script-src" not in policy
    assert "default-src 'none'" in policy
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("address", ["/search.atom?q=Titelwort", "/search.atom?q={hostile}"])
def test_feeds_carry_text_only(archivist: TestClient, address: str) -> None:
    answer = archivist.get(address.format(hostile=quote(HOSTILE, safe="")))
    root = etree.fromstring(answer.content)
    names = {etree.QName(element).localname for element in root.iter() if isinstance(element.tag, str)}
    assert not names & {"script", "img"}
    feed = feedparser.parse(answer.content)
    assert not feed.bozo
    for entry in feed.entries:
        assert all(not content.type.endswith("html") for content in entry.get("content", []))
        assert "script" not in entry.get("summary", "") or "&lt;" in answer.text


def test_feed_readers_read_the_feed(archivist: TestClient) -> None:
    feed = feedparser.parse(archivist.get("/search.atom?q=Radwege").content)
    assert (feed.bozo, len(feed.entries)) == (False, 6)
    assert feed.feed.links[0].rel == "self"
    assert all(entry.id and entry.updated_parsed and entry.title for entry in feed.entries)
    assert all(archivist.get(entry.link).status_code == 200 for entry in feed.entries), "entries lead to their pages"
    first = archivist.get("/search.atom?q=Radwege")
    assert archivist.get("/search.atom?q=Radwege", headers={"if-none-match": first.headers["etag"]}).status_code == 304


TRAVERSALS = [
    "../../../../etc/passwd",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2e%2e/%2e%2e/archive/users.db",
    "....//....//users.db",
    "..\\..\\users.db",
    "/etc/passwd",
    "%00",
    "users.db%00.css",
]


@pytest.mark.parametrize(
    "place", ["/static/", "/d/", "/sources/", "/runs/", "/api/v1/releases/", "/api/v1/sets/", "/sets/"]
)
def test_no_path_leads_out(archivist: TestClient, place: str) -> None:
    for address in [place + path + rest for path in TRAVERSALS for rest in ("", "/original")]:
        answer = archivist.get(address)
        assert answer.status_code in (400, 404, 303, 200, 307)
        assert b"root:" not in answer.content
        assert b"SQLite format" not in answer.content
        if "static" in place:
            assert answer.status_code == 404


INJECTIONS = [
    "' OR 1=1 --",
    "'; DROP TABLE release; --",
    '" OR ""="',
    "1 UNION SELECT password FROM user",
    "%' --",
    "\\",
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_text_becomes_sql(nobody: TestClient, built: Any, text: str) -> None:
    quoted = quote(text, safe="")
    for address in (
        f"/api/v1/releases/{quoted}",
        f"/api/v1/releases?source={quoted}",
        f"/api/v1/persons/{quoted}",
        f"/api/v1/axes/organisation/{quoted}",
        f"/api/v1/runs/{quoted}",
        f"/api/v1/sources/{quoted}",
        f"/person/{quoted}",
        f"/api/v1/kwic?q={quoted}",
    ):
        answer = nobody.get(address)
        assert answer.status_code in (200, 400, 404)
        assert "argon2" not in answer.text
        if answer.status_code == 200 and "json" in answer.headers["content-type"]:
            found = answer.json()
            assert not found.get("items")
            assert not found.get("total")
    assert nobody.get("/api/v1/search?q=Offenwort").json()["total"] == 1


@pytest.mark.parametrize("text", ["a\r\nSet-Cookie: apl=1", "a\nX-Evil: 1", "a\x00b", "ä\u2028b"])
def test_no_text_becomes_a_header(archivist: TestClient, built: Any, text: str) -> None:
    quoted = quote(text, safe="")
    for address in (
        f"/login?next=/{quoted}",
        f"/search?q={quoted}&lang={quoted}",
        f"/d/{quoted}/zitat.bib",
        f"/api/v1/releases/{quoted}/original",
        f"/api/v1/hits?format={quoted}",
        f"/search.atom?q={quoted}",
        f"/d/{built.ids['public']}/zitat.{quoted}",
    ):
        answer = archivist.get(address)
        assert answer.status_code < 500
        assert "x-evil" not in answer.headers
        assert "apl=1" not in answer.headers.get("set-cookie", "")


SLOW = ["(" * 1000, '"' * 1001, "a* " * 600, "NOT " * 500, "a~ " * 600, "((((a OR b) AND c) " * 100, "kreis:" * 300,
        "a" * 2048, "-" * 2000, '"a b"~9 ' * 200, "datum:" + "1" * 2000, "ä" * 2048]  # fmt: skip


@pytest.mark.parametrize("query", SLOW)
def test_no_query_takes_long(nobody: TestClient, query: str) -> None:
    for address in ("/search", "/api/v1/search", "/search.atom"):
        begun = time.process_time()
        answer = nobody.get(address, params={"q": query[:2048]})
        assert answer.status_code == 200
        assert time.process_time() - begun < 5


def test_longer_queries_are_refused(nobody: TestClient) -> None:
    assert nobody.get("/api/v1/search", params={"q": "a" * 2049}).status_code == 400


@pytest.mark.parametrize("path", ["/review/judge", "/review/undo", "/login", "/logout"])
def test_forms_of_others_are_refused(client_of: Any, built: Any, path: str) -> None:
    client = client_of(built)
    page = client.get("/login").text
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', page))
    data = {**fields, "name": "archivist", "password": "vier gelbe Fahrräder"}
    assert client.post("/login", data=data).status_code == 303
    cookies = dict(client.cookies)
    for values, headers in (
        ({}, {}),
        ({"token": "gefälscht"}, {}),
        ({"token": fields["token"]}, {"sec-fetch-site": "cross-site"}),
    ):
        answer = client.post(path, data={"verdict": "accept", **values}, headers=headers)
        assert answer.status_code == 403
    stranger = client_of(built)  # a token of somebody else's page
    other = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', stranger.get("/login").text))
    assert client.post(path, data={"verdict": "accept", "token": other["token"]}).status_code == 403
    assert dict(client.cookies) == cookies


def test_the_api_takes_no_decisions_from_web_pages(client_of: Any, built: Any, archivist: TestClient) -> None:
    path, wanted = "/api/v1/review/undo", {"batch": "0123abcd"}
    assert archivist.post(path, json=wanted).status_code == 404  # it would be taken, if it were there
    assert archivist.post(path, data=wanted).status_code == 415
    text = {"content-type": "text/plain"}
    assert archivist.post(path, content='{"batch": "0123abcd"}', headers=text).status_code == 415
    for site in ("cross-site", "same-site"):
        assert archivist.post(path, json=wanted, headers={"sec-fetch-site": site}).status_code == 403
    browser = client_of(built)
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', browser.get("/login").text))
    browser.post("/login", data={**fields, "name": "archivist", "password": "vier gelbe Fahrräder"})
    assert browser.get("/api/v1/review").status_code == 200
    assert browser.post(path, json=wanted).status_code == 403
    assert (
        "access-control-allow-origin"
        not in browser.get("/api/v1/me", headers={"origin": "https://evil.example"}).headers
    )


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "evil.example:8001", "", "[::2]", "a@127.0.0.1", "127.0.0.1/x"]
)
def test_other_names_are_not_answered(built: Any, host: str) -> None:
    client = TestClient(create_app(built.workspace), base_url="http://127.0.0.1")
    assert client.get("/", headers={"host": host}).status_code == 421
    assert client.get("/api/v1/me", headers={"host": host}).status_code == 421


def test_no_address_names_a_source_to_fetch(archivist: TestClient, own: Any) -> None:
    """Nothing on the web adds a source, so there is nothing for a request to be smuggled into: no POST takes an
    address."""
    before = Path(own.folder / "sources.toml").read_bytes()
    inner = "http://169.254.169.254/latest/meta-data"
    for path in ("/sources", "/sources/add", "/api/v1/sources", "/api/v1/sources/public", "/runs", "/try"):
        assert archivist.post(path, json={"url": inner}).status_code in (403, 404, 405)
    assert Path(own.folder / "sources.toml").read_bytes() == before


def test_bodies_are_bounded(archivist: TestClient) -> None:
    big = {"batch": "a" * 100_000}
    assert archivist.post("/api/v1/review/undo", json=big).status_code == 413


def test_cells_begin_no_formula(archivist: TestClient, own: Any, client_of: Any) -> None:
    table = archivist.get("/api/v1/hits?format=csv&fields=title,path").text
    assert not re.search(r'(^|,)"?[=+@-]', table, re.M)


def test_methods_that_nobody_declared_are_refused(archivist: TestClient) -> None:
    for method in ("PUT", "PATCH", "DELETE", "TRACE", "CONNECT"):
        assert archivist.request(method, "/api/v1/search").status_code in (404, 405)
        assert archivist.request(method, "/").status_code == 405
