"""The request log: one line for every request, sent or not, with how it ended."""

import gzip
from contextlib import suppress

import pytest

from archive_pipeline.errors import FetchError
from archive_pipeline.model import Item, Refused, Source

URL = "http://amt.example/presse/1"
PLACE = "amt.example/presse/1"
HTML = b"<p>Die Stadt informiert.</p>"
ITEM = Item(source_id="amt", key=URL, url=URL)


def ask(archive, url: str = URL, **more: object) -> None:
    with suppress(FetchError):
        archive.context().get(url, **more)


class TestOutcomes:
    def test_fetched_then_unmodified(self, web, archive):
        web.honest(PLACE, HTML, '"1"')
        ask(archive, item=ITEM)
        ask(archive, item=ITEM)
        assert archive.outcomes() == [("/presse/1", "fetched"), ("/presse/1", "unmodified")]
        fetched, unmodified = (request for request in archive.log if request.url == URL)
        assert (fetched.status, fetched.received, fetched.source_id) == (200, len(HTML), "amt")
        assert (unmodified.status, unmodified.received) == (304, 0)
        assert 0 < fetched.seconds < 5
        assert fetched.at == archive.moment

    @pytest.mark.parametrize(
        ("status", "fields", "outcome", "times"),
        [
            (404, {}, "gone", 1),
            (410, {}, "gone", 1),
            (403, {}, "error", 1),
            (500, {}, "error", 3),
            (503, {}, "error", 3),
            (503, {"retry_after": "1"}, "rate-limited", 3),
            (503, {"retry_after": "86400"}, "rate-limited", 1),
            (429, {}, "rate-limited", 3),
            (200, {"content_length": "9000000"}, "too-big", 1),
            (304, {}, "error", 1),
        ],
    )
    def test_every_try_has_a_line(self, web, archive, status, fields, outcome, times):
        web.page(PLACE, b"", status=status, **fields)
        ask(archive, item=ITEM)
        assert archive.outcomes() == [("/presse/1", outcome)] * times
        assert len(web.paths()) == times
        assert {request.status for request in archive.log if request.url == URL} == {status}

    def test_a_bomb_is_too_big(self, web, archive):
        web.page(PLACE, gzip.compress(bytes(2**20)), content_encoding="gzip")
        ask(archive)
        assert archive.outcomes() == [("/presse/1", "too-big")]

    def test_redirects_have_lines_of_their_own(self, web, archive):
        web.page("amt.example/a", status=301, location="/b")
        web.page("amt.example/b", status=302, location="/presse/1")
        web.page(PLACE, HTML)
        ask(archive, "http://amt.example/a")
        assert archive.outcomes() == [("/a", "redirect"), ("/b", "redirect"), ("/presse/1", "fetched")]

    def test_files_of_rules_too(self, web, archive):
        web.page("amt.example/robots.txt", b"User-agent: *\nDisallow: /intern\n")
        web.page(PLACE, HTML)
        ask(archive)
        assert [(request.url, request.outcome) for request in archive.log] == [
            ("http://amt.example/robots.txt", "fetched"),
            ("http://amt.example/.well-known/tdmrep.json", "gone"),
            (URL, "fetched"),
        ]

    def test_a_connection_that_fails(self, web, archive):
        def hang_up(handler):
            handler.close_connection = True

        web.pages[PLACE] = hang_up
        ask(archive)
        lines = [request for request in archive.log if request.url == URL]
        assert [(line.outcome, line.status) for line in lines] == [("error", None)] * 3
        assert "Verbindung ist gescheitert" in lines[0].detail


class TestUnsent:
    def test_what_robots_forbid(self, web, archive):
        web.page("amt.example/robots.txt", b"User-agent: *\nDisallow: /presse/\n")
        ask(archive, item=ITEM)
        (line,) = [request for request in archive.log if request.url == URL]
        assert (line.outcome, line.status, line.received, line.seconds) == ("robots", None, 0, 0)
        assert line.detail == "robots.txt von amt.example erlaubt diese Adresse nicht"

    def test_what_robots_can_not_tell(self, web, archive):
        web.page("amt.example/robots.txt", b"", status=500)
        ask(archive, item=ITEM)
        assert archive.outcomes() == [("/presse/1", "robots")]

    def test_what_is_not_public(self, web, archive):
        web.names["amt.example"] = ["192.168.0.1"]
        ask(archive)
        assert [(request.url, request.outcome) for request in archive.log] == [
            ("http://amt.example/robots.txt", "address")
        ]

    def test_where_the_domain_had_asked_for_a_pause(self, web, archive):
        archive.client.pace.hold_off("amt.example", 3600)
        ask(archive)
        (robots, page) = archive.log
        assert (robots.url, robots.outcome) == ("http://amt.example/robots.txt", "rate-limited")
        assert "noch 60 Minuten" in robots.detail
        assert (page.url, page.outcome) == (URL, "robots")
        assert web.requests == []

    def test_what_is_reserved(self, web, archive):
        web.page("amt.example/.well-known/tdmrep.json", b'[{"location": "/presse/", "tdm-reservation": 1}]')
        ask(archive)
        (line,) = [request for request in archive.log if request.url == URL]
        assert (line.outcome, line.status) == ("reservation", None)
        assert "tdm-reservation=1 [tdmrep.json]" in line.detail


class TestSecrets:
    @pytest.mark.parametrize("url", ["http://ich:geheim@amt.example/x?a=1#teil", "http://geheim@amt.example/x?a=1"])
    def test_passwords_reach_no_line(self, web, archive, url):
        assert isinstance(archive.context().get(url), Refused)
        (line,) = archive.log
        assert (line.url, line.outcome) == ("http://amt.example/x?a=1", "address")
        assert "geheim" not in str(line)
        assert web.requests == []

    def test_passwords_of_a_redirect_neither(self, web, archive):
        web.page("amt.example/a", status=302, location="//ich:geheim@amt.example/x")
        assert isinstance(archive.context().get("http://amt.example/a"), Refused)
        assert archive.outcomes() == [("/a", "redirect"), ("/x", "address")]
        assert archive.log[-1].url == "http://amt.example/x"
        assert "geheim" not in str(archive.log)

    def test_fragments_reach_no_line(self, web, archive):
        web.page(PLACE, HTML)
        ask(archive, f"{URL}#teil")
        assert archive.log[-1].url == URL


def test_lines_name_their_source(web, archive):
    web.page(PLACE, HTML)
    archive.context(Source(id="zweite")).get(URL)
    assert {request.source_id for request in archive.log} == {"zweite"}
