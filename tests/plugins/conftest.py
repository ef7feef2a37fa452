"""A WordPress site on the loopback interface, which answers as the REST API Handbook says."""

import json
import math
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

FIXTURES = Path(__file__).resolve().parents[2] / "plugins" / "wordpress" / "fixtures"
ADDRESS = "https://landfrauen-lippe.example"
CATEGORIES = {"presse": 4, "projekte": 7, "rezepte": 9}


class WordPress(ThreadingHTTPServer):
    """The site. `interface` False switches the REST interface off, `totals` False drops its paging headers."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.posts: list[dict[str, Any]] = json.loads(self._fixture("posts.json"))
        self.interface = True
        self.totals = True
        self.robots = ""
        self.asked: list[str] = []

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing when a client hangs up."""

    def _fixture(self, name: str) -> str:
        return (FIXTURES / name).read_text(encoding="utf-8").replace(ADDRESS, self.url)

    def answer(self, path: str, query: dict[str, str]) -> tuple[int, str, str, dict[str, str]]:
        """Status, media type, body and further headers."""
        if path == "/robots.txt":
            return 200, "text/plain", self.robots, {}
        if path.startswith("/wp-json/"):
            return self._interface(path, query)
        if path == "/feed/" or query.get("feed") == "rss2":
            return 200, "application/rss+xml; charset=UTF-8", self._fixture("feed.xml"), {}
        for post in self.posts:
            if post["link"] == self.url + path:
                return 200, "text/html; charset=UTF-8", self._page(post), {}
        return 404, "text/html; charset=UTF-8", "<html><body><h1>Nicht gefunden</h1></body></html>", {}

    def _page(self, post: dict[str, Any]) -> str:
        """Posts with an even id were written after the change to a block theme."""
        template = self._fixture("theme-classic.html" if post["id"] % 2 else "theme-block.html")
        year, month, day = post["date"][:10].split("-")
        return Template(template).substitute(
            title=post["title"]["rendered"],
            content=post["content"]["rendered"],
            url=post["link"],
            moment=f"{post['date']}+02:00",
            day=f"{int(day)}.{month}.{year}",
        )

    def _interface(self, path: str, query: dict[str, str]) -> tuple[int, str, str, dict[str, str]]:
        if not self.interface or path.removeprefix("/wp-json/wp/v2/") not in ("posts", "categories"):
            return _error(404, "rest_no_route", "Es wurde keine Route gefunden, die mit der URL übereinstimmt.")
        if path.endswith("/categories"):
            found = [{"id": number} for slug, number in CATEGORIES.items() if slug == query["slug"]]
            return 200, "application/json; charset=UTF-8", json.dumps(found), {}
        per_page, page = int(query.get("per_page", 10)), int(query.get("page", 1))
        if not 1 <= per_page <= 100:
            return _error(400, "rest_invalid_param", "Ungültige(r) Parameter: per_page")
        chosen = sorted(self._chosen(query), key=lambda post: post[query.get("orderby", "date")], reverse=True)
        pages = math.ceil(len(chosen) / per_page)
        if page > pages and chosen:
            return _error(400, "rest_post_invalid_page_number", "Die angeforderte Seitenzahl ist zu groß.")
        fields = query["_fields"].split(",")
        rows = [
            {name: post[name] for name in fields if name in post} for post in chosen[(page - 1) * per_page :][:per_page]
        ]
        headers = {"X-WP-Total": str(len(chosen)), "X-WP-TotalPages": str(pages)} if self.totals else {}
        return 200, "application/json; charset=UTF-8", json.dumps(rows), headers

    def _chosen(self, query: dict[str, str]) -> list[dict[str, Any]]:
        category = int(query.get("categories", 0))
        return [
            post
            for post in self.posts
            if (not category or category in post["categories"]) and post["date"] > query.get("after", "")
        ]


def _error(status: int, code: str, message: str) -> tuple[int, str, str, dict[str, str]]:
    body = json.dumps({"code": code, "message": message, "data": {"status": status}})
    return status, "application/json; charset=UTF-8", body, {}


class _Handler(BaseHTTPRequestHandler):
    server: WordPress

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        status, media_type, text, headers = self.server.answer(parts.path, query)
        body = text.encode()
        self.send_response(status)
        for name, value in {"Content-Type": media_type, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the output of the tests."""


@pytest.fixture
def wordpress() -> Iterator[WordPress]:
    """The running site."""
    with WordPress() as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield site
        finally:
            site.shutdown()
            thread.join()
