"""Fetching through the context: manners, limits, guards, and the evidence that each answer leaves."""

import gzip
import json
import time
import zlib
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from archive_pipeline.errors import FetchError, TooLargeError, TransientFetchError
from archive_pipeline.fetch import HttpOptions, Timeouts
from archive_pipeline.fetch.transport import is_public, system_resolver
from archive_pipeline.model import Capture, Gone, Item, Refused, Source, Unmodified

URL = "http://amt.example/presse/1"
PLACE = "amt.example/presse/1"
HTML = "<p>Die Stadt Düren öffnet das Bürgerbüro.</p>".encode()
ITEM = Item(source_id="amt", key=URL, url=URL, title="Bürgerbüro", published="2026-11-19", fingerprint="1")
FAST = Timeouts(connect=1, read=0.2, total=0.4)


def chunked(*parts: bytes, end: bool = True):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for part in parts:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        if end:
            handler.wfile.write(b"0\r\n\r\n")
        else:
            handler.close_connection = True

    return answer


def in_turn(*pages):
    rest = list(pages)

    def answer(handler):
        page = rest.pop(0) if len(rest) > 1 else rest[0]
        page(handler)

    return answer


class TestCapture:
    def test_an_item_is_captured_with_its_hints(self, web, archive):
        web.page(PLACE, HTML, content_type="Text/HTML; charset=ISO-8859-1")
        capture = archive.context().get(URL, item=ITEM)
        assert isinstance(capture, Capture)
        assert (capture.body, capture.media_type, capture.charset) == (HTML, "text/html", "iso-8859-1")
        assert (capture.kind, capture.status, capture.url, capture.target) == ("document", 200, URL, URL)
        assert (capture.title, capture.published, capture.fingerprint) == ("Bürgerbüro", "2026-11-19", "1")
        assert archive.store.read(capture.warc_file, capture.warc_offset) == capture
        assert archive.stored[-1].capture == capture

    def test_we_say_who_we_are(self, web, archive):
        web.page(PLACE, HTML)
        archive.context().get(URL)
        headers = {name.lower(): value for name, value in web.requests[-1].headers.items()}
        assert headers["user-agent"] == "archive_pipeline/0.1.0 (+mailto:archiv@example.org)"
        assert headers["accept-encoding"] == "gzip, deflate"
        assert headers["accept-language"] == "de"
        assert "cookie" not in headers

    def test_the_request_is_stored_as_it_was_sent(self, web, archive):
        web.page(PLACE, HTML)
        archive.context().get(URL)
        archive.store.close()
        stored = archive.stored[-1]
        data = (archive.folder / "data" / stored.capture.warc_file).read_bytes()
        request = zlib.decompressobj(31).decompress(data[archive.stored[-2].end :]).decode()
        response = zlib.decompressobj(31).decompress(data[stored.capture.warc_offset :]).decode()
        lines = [f"{name}: {value}" for name, value in web.requests[-1].headers.items()]
        assert "GET /presse/1 HTTP/1.1\r\n" + "\r\n".join(lines) + "\r\n\r\n" in request
        assert "WARC-IP-Address: 93.184.216.34" in response

    def test_compressed_and_chunked_bodies(self, web, archive):
        packed = gzip.compress(HTML)
        page = chunked(packed[:10], packed[10:])

        def answer(handler):
            handler.send_response(200)
            handler.send_header("Content-Encoding", "gzip")
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            for part in (packed[:10], packed[10:], b""):
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))

        web.pages["amt.example/gzip"] = answer
        web.pages["amt.example/roh"] = page
        web.page("amt.example/deflate", zlib.compress(HTML), content_encoding="deflate")
        web.page("amt.example/deflate-roh", zlib.compress(HTML, wbits=-15), content_encoding="deflate")
        web.page("amt.example/gelogen", HTML, content_encoding="gzip")
        context = archive.context()
        for path in ("gzip", "deflate", "deflate-roh", "gelogen"):
            capture = context.get(f"http://amt.example/{path}")
            assert capture.body == HTML
            assert archive.store.read(capture.warc_file, capture.warc_offset) == capture
        assert context.get("http://amt.example/roh").body == packed

    def test_unusual_header_bytes(self, web, archive):
        def answer(handler):
            handler.wfile.write(b"HTTP/1.1 200 Alles gut\r\nX-Ort: D\xfcren\r\nContent-Length: 2\r\n\r\nok")

        web.pages[PLACE] = answer
        capture = archive.context().get(URL)
        assert dict(capture.headers)["X-Ort"] == "Düren"
        assert archive.store.read(capture.warc_file, capture.warc_offset) == capture

    @pytest.mark.parametrize("status", [404, 410])
    def test_gone(self, web, archive, status):
        web.page(PLACE, b"weg", status=status)
        assert archive.context().get(URL, item=ITEM) == Gone(
            f"Der Server antwortet mit HTTP {status} ({'Not Found' if status == 404 else 'Gone'})"
        )
        assert archive.kinds() == [("discovery", status, None)]

    def test_refused_by_the_server(self, web, archive):
        web.page(PLACE, b"nein", status=403)
        with pytest.raises(FetchError, match=r"HTTP 403 \(Forbidden\)") as caught:
            archive.context().get(URL, item=ITEM)
        assert not isinstance(caught.value, TransientFetchError)
        assert caught.value.url == URL
        assert archive.kinds() == [("discovery", 403, None)]

    def test_cookies_are_not_sent_back(self, web, archive):
        web.page(PLACE, HTML, set_cookie="spur=1; Path=/")
        context = archive.context()
        context.get(URL)
        context.get(URL)
        assert all("Cookie" not in request.headers for request in web.requests)

    def test_what_is_written_survives_a_restart(self, web, archive):
        web.page(PLACE, HTML)
        archive.context().get(URL, item=ITEM)
        archive.store.sync()
        assert list(archive.store.captures()) == archive.stored


class TestUnchanged:
    def test_not_modified(self, web, archive):
        def answer(handler):
            same = handler.headers.get("If-None-Match") == '"v1"'
            assert handler.headers.get("If-Modified-Since") == ("Thu, 19 Nov 2026 09:00:00 GMT" if same else None)
            handler.send_response(304 if same else 200)
            handler.send_header("ETag", '"v1"')
            handler.send_header("Last-Modified", "Thu, 19 Nov 2026 09:00:00 GMT")
            handler.send_header("Content-Length", "0" if same else str(len(HTML)))
            handler.end_headers()
            handler.wfile.write(b"" if same else HTML)

        web.pages[PLACE] = answer
        context = archive.context()
        assert isinstance(context.get(URL, item=ITEM), Capture)
        assert isinstance(context.get(URL, item=ITEM), Unmodified)
        assert archive.kinds() == [("document", 200, None), ("document", 304, "server-not-modified")]
        assert list(archive.store.captures())[-1].capture.body == HTML

    def test_identical_payload(self, web, archive):
        web.page(PLACE, HTML)
        context = archive.context()
        assert isinstance(context.get(URL, item=ITEM), Capture)
        assert isinstance(context.get(URL, item=ITEM), Unmodified)
        assert archive.kinds()[-1] == ("document", 200, "identical-payload-digest")

    def test_same_text_in_other_packing(self, web, archive):
        packed = (page_with(gzip.compress(HTML, level)) for level in (1, 0))
        web.pages[PLACE] = in_turn(*packed)
        context = archive.context()
        assert isinstance(context.get(URL, item=ITEM), Capture)
        assert isinstance(context.get(URL, item=ITEM), Unmodified)
        assert archive.kinds()[-1] == ("document", 200, None)

    def test_a_change_is_a_new_capture(self, web, archive):
        web.page(PLACE, HTML)
        context = archive.context()
        context.get(URL, item=ITEM)
        web.page(PLACE, HTML + b"<p>Neu</p>")
        assert context.get(URL, item=ITEM).body == HTML + b"<p>Neu</p>"

    def test_discovery_always_gets_the_bytes(self, web, archive):
        web.page(PLACE, HTML, etag='"1"')
        context = archive.context()
        first, second = context.get(URL), context.get(URL)
        assert first.body == second.body == HTML
        assert archive.kinds() == [("discovery", 200, None), ("discovery", 200, "identical-payload-digest")]
        assert "If-None-Match" not in web.requests[-1].headers

    def test_evidence_of_discovery_does_not_make_an_item_unmodified(self, web, archive):
        web.page(PLACE, HTML, etag='"1"')
        context = archive.context()
        context.get(URL)
        assert isinstance(context.get(URL, item=ITEM), Capture)

    def test_an_error_page_in_between_changes_nothing(self, web, archive):
        web.page(PLACE, HTML)
        context = archive.context()
        context.get(URL, item=ITEM)
        web.page(PLACE, b"kaputt", status=403)
        with pytest.raises(FetchError):
            context.get(URL, item=ITEM)
        web.page(PLACE, HTML)
        assert isinstance(context.get(URL, item=ITEM), Unmodified)


def page_with(packed: bytes):
    def answer(handler):
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(packed)))
        handler.end_headers()
        handler.wfile.write(packed)

    return answer


class TestRobots:
    def test_forbidden_and_permitted(self, web, archive):
        web.page("amt.example/robots.txt", b"User-agent: *\nDisallow: /presse/\nAllow: /presse/1\n")
        web.page(PLACE, HTML)
        context = archive.context()
        assert isinstance(context.get(URL, item=ITEM), Capture)
        refused = context.get("http://amt.example/presse/2", item=ITEM)
        assert refused == Refused("robots.txt von amt.example erlaubt diese Adresse nicht")
        assert web.paths() == ["/presse/1"]

    def test_our_name_counts(self, web, archive):
        web.page("amt.example/robots.txt", b"User-agent: archive_pipeline\nDisallow: /\n\nUser-agent: *\nAllow: /\n")
        assert isinstance(archive.context().get(URL), Refused)

    def test_asked_once_a_run_and_kept_as_evidence(self, web, archive):
        web.page("amt.example/robots.txt", b"User-agent: *\nAllow: /\n")
        web.page(PLACE, HTML)
        archive.context().get(URL)
        archive.context(Source(id="zweite")).get(URL)
        assert [request.path for request in web.requests].count("/robots.txt") == 1
        evidence = archive.stored[0].capture
        assert (evidence.target, evidence.kind) == ("http://amt.example/robots.txt", "discovery")
        assert evidence.body == b"User-agent: *\nAllow: /\n"

    def test_no_robots_file_permits(self, web, archive):
        web.page(PLACE, HTML)
        assert isinstance(archive.context().get(URL), Capture)

    def test_a_failing_robots_file_means_wait(self, web, archive):
        web.page("amt.example/robots.txt", b"", status=503)
        web.page(PLACE, HTML)
        for _ in range(2):
            with pytest.raises(TransientFetchError, match=r"robots.txt ist nicht lesbar .*HTTP 503"):
                archive.context().get(URL, item=ITEM)
        assert web.paths() == []
        assert len(web.requests) == 3

    def test_robots_rules_of_the_redirect_target_count(self, web, archive):
        web.page("amt.example/weg", status=302, location="http://zwei.example/ziel")
        web.page("zwei.example/robots.txt", b"User-agent: *\nDisallow: /\n")
        web.page("zwei.example/ziel", HTML)
        assert isinstance(archive.context().get("http://amt.example/weg"), Refused)
        assert web.paths() == ["/weg"]

    def test_robots_file_that_redirects(self, web, archive):
        web.page("amt.example/robots.txt", status=301, location="/r2")
        web.page("amt.example/r2", b"User-agent: *\nDisallow: /\n")
        assert isinstance(archive.context().get(URL), Refused)

    def test_crawl_delay_is_kept(self, web, make_archive):
        archive = make_archive(interval=2)
        web.page("amt.example/robots.txt", b"User-agent: *\nCrawl-delay: 7\n")
        web.page(PLACE, HTML)
        context = archive.context()
        context.get(URL)
        context.get(URL)
        assert [round(pause) for pause in archive.sleeps] == [2, 7]

    def test_a_host_that_wants_endless_pauses_is_left_alone(self, web, archive):
        web.page("amt.example/robots.txt", b"User-agent: *\nCrawl-delay: 86400\n")
        assert archive.context().get(URL) == Refused(
            "robots.txt von amt.example verlangt 86400 s Abstand zwischen zwei Abrufen"
        )


class TestPace:
    def test_requests_to_one_host_keep_their_distance(self, web, make_archive):
        archive = make_archive(interval=2)
        web.page(PLACE, HTML)
        archive.context().get(URL)
        archive.context(Source(id="zweite")).get(URL)
        assert [round(pause) for pause in archive.sleeps] == [2, 2]

    def test_hosts_do_not_wait_for_each_other(self, web, make_archive):
        archive = make_archive(interval=50)
        for host in ("a.example", "b.example"):
            web.page(f"{host}/", HTML)
            archive.context().get(f"http://{host}/")
        # one pause between robots.txt and page of each host, none between the hosts
        assert [round(pause) for pause in archive.sleeps] == [50, 50]

    def test_a_source_can_set_its_own_interval(self, web, make_archive):
        archive = make_archive(interval=2)
        web.page(PLACE, HTML)
        context = archive.context(Source(id="amt", options=HttpOptions(interval=5)))
        context.get(URL)
        assert [round(pause) for pause in archive.sleeps] == [5]


class TestRetries:
    def test_again_after_503(self, web, archive):
        busy = lambda handler: page(handler, 503, retry_after="3")  # noqa: E731
        web.pages[PLACE] = in_turn(busy, lambda handler: page(handler, 200))
        assert isinstance(archive.context().get(URL, item=ITEM), Capture)
        assert archive.sleeps == [3]
        assert archive.kinds() == [("discovery", 503, None), ("document", 200, None)]

    def test_retry_after_as_a_date(self, web, archive):
        moment = format_datetime(datetime(2026, 11, 20, 8, 0, tzinfo=UTC) + timedelta(seconds=40), usegmt=True)
        busy = lambda handler: page(handler, 429, retry_after=moment)  # noqa: E731
        web.pages[PLACE] = in_turn(busy, lambda handler: page(handler, 200))
        assert isinstance(archive.context().get(URL), Capture)
        assert archive.sleeps == [40]

    def test_three_tries_then_a_transient_failure(self, web, archive):
        web.page(PLACE, b"", status=500)
        with pytest.raises(TransientFetchError, match="HTTP 500"):
            archive.context().get(URL, item=ITEM)
        assert archive.sleeps == [1, 2]
        assert archive.kinds() == [("discovery", 500, None)] * 3

    def test_no_waiting_for_hours(self, web, archive):
        web.page(PLACE, b"", status=503, retry_after="86400")
        with pytest.raises(TransientFetchError, match="HTTP 503"):
            archive.context().get(URL)
        assert archive.sleeps == []

    @pytest.mark.parametrize("value", ["bald", "-5", "", "Fri, 99 Nov 2026"])
    def test_nonsense_in_retry_after(self, web, archive, value):
        web.pages[PLACE] = in_turn(
            lambda handler: page(handler, 503, retry_after=value), lambda handler: page(handler, 200)
        )
        assert isinstance(archive.context().get(URL), Capture)
        assert archive.sleeps == [1]

    def test_a_broken_transfer_is_tried_again_and_kept(self, web, archive):
        web.pages[PLACE] = in_turn(chunked(b"halb", end=False), lambda handler: page(handler, 200))
        assert archive.context().get(URL).body == b"ok"
        assert archive.stored[-2].capture.body == b"halb"

    def test_a_server_that_hangs_up(self, web, archive):
        def hang_up(handler):
            handler.close_connection = True

        web.pages[PLACE] = hang_up
        with pytest.raises(TransientFetchError, match="Verbindung ist gescheitert"):
            archive.context().get(URL)
        assert len(web.paths()) == 3

    def test_nobody_listens(self, web, archive):
        web.page(PLACE, HTML)
        archive.context().get(URL)
        web.port = 1
        with pytest.raises(TransientFetchError, match="Verbindung ist gescheitert"):
            archive.context().get("http://amt.example:81/")


def page(handler, status: int, **fields: str) -> None:
    handler.send_response(status)
    handler.send_header("Content-Length", "2")
    for name, value in fields.items():
        handler.send_header(name.replace("_", "-").title(), value)
    handler.end_headers()
    handler.wfile.write(b"ok")


class TestLimits:
    def test_declared_size(self, web, archive):
        web.page(PLACE, b"klein", content_length=str(10 * 2**30))
        begin = time.monotonic()
        with pytest.raises(TooLargeError, match="größer als die erlaubten 100000 Bytes"):
            archive.context().get(URL, item=ITEM)
        assert time.monotonic() - begin < 2
        assert archive.kinds() == [("discovery", 200, None)]

    def test_size_while_streaming(self, web, archive):
        web.pages[PLACE] = chunked(*[b"x" * 10_000] * 20)
        with pytest.raises(TooLargeError):
            archive.context().get(URL, item=ITEM)

    def test_decompression_bomb(self, web, archive):
        bomb = gzip.compress(bytes(50 * 2**20), 9)
        web.page(PLACE, bomb, content_encoding="gzip")
        begin = time.monotonic()
        with pytest.raises(TooLargeError, match="entpackt"):
            archive.context(max_bytes=2**20).get(URL, item=ITEM)
        assert time.monotonic() - begin < 2
        assert archive.stored[-1].capture.body == bomb

    def test_bomb_in_a_bomb(self, web, archive):
        bomb = gzip.compress(gzip.compress(bytes(50 * 2**20), 9), 9)
        web.page(PLACE, bomb, content_encoding="gzip, gzip")
        with pytest.raises(TooLargeError, match="entpackt"):
            archive.context().get(URL, item=ITEM)

    def test_truncated_compression(self, web, archive):
        web.page(PLACE, gzip.compress(HTML)[:-9], content_encoding="gzip")
        with pytest.raises(FetchError, match="brechen vorzeitig ab"):
            archive.context().get(URL, item=ITEM)
        assert archive.kinds() == [("discovery", 200, None)]

    def test_a_body_that_trickles(self, web, make_archive):
        archive = make_archive(timeouts=FAST)

        def trickle(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", "1000")
            handler.end_headers()
            for _ in range(20):
                handler.wfile.write(b"x")
                time.sleep(0.05)

        web.pages[PLACE] = trickle
        begin = time.monotonic()
        with pytest.raises(TransientFetchError, match="braucht zu lange"):
            archive.context().get(URL)
        assert time.monotonic() - begin < 3 * 0.4 + 1
        assert archive.stored[-1].capture.body.startswith(b"x")

    def test_header_fields_that_trickle(self, web, make_archive):
        archive = make_archive(timeouts=FAST)

        def trickle(handler):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            for _ in range(20):
                handler.wfile.write(b"x")
                time.sleep(0.05)

        web.pages[PLACE] = trickle
        begin = time.monotonic()
        with pytest.raises(TransientFetchError, match="antwortet nicht rechtzeitig"):
            archive.context().get(URL)
        assert time.monotonic() - begin < 3 * 0.4 + 1

    def test_a_silent_server(self, web, make_archive):
        archive = make_archive(timeouts=FAST)
        web.pages[PLACE] = lambda handler: time.sleep(0.6)
        with pytest.raises(TransientFetchError, match="antwortet nicht rechtzeitig"):
            archive.context().get(URL)

    def test_put_is_limited_too(self, archive):
        with pytest.raises(TooLargeError):
            archive.context(max_bytes=3).put(Item(source_id="amt", key="a.txt"), b"vier")


class TestRedirects:
    def test_followed_and_kept(self, web, archive):
        web.page("amt.example/alt", status=301, location="/presse/1")
        web.page(PLACE, HTML)
        item = Item(source_id="amt", key="http://amt.example/alt", url="http://amt.example/alt")
        capture = archive.context().get("http://amt.example/alt", item=item)
        assert (capture.target, capture.url) == (URL, "http://amt.example/alt")
        assert archive.kinds() == [("discovery", 301, None), ("document", 200, None)]

    def test_five_are_followed(self, web, archive):
        for n in range(5):
            web.page(f"amt.example/{n}", status=302, location=f"/{n + 1}")
        web.page("amt.example/5", HTML)
        assert archive.context().get("http://amt.example/0").body == HTML

    def test_a_loop_ends(self, web, archive):
        web.page("amt.example/a", status=302, location="/b")
        web.page("amt.example/b", status=302, location="/a")
        with pytest.raises(FetchError, match="Mehr als 5 Weiterleitungen"):
            archive.context().get("http://amt.example/a")
        assert len(web.paths()) == 6

    @pytest.mark.parametrize("target", ["ftp://amt.example/x", "file:///etc/passwd", "javascript:alert(1)"])
    def test_only_the_web(self, web, archive, target):
        web.page("amt.example/a", status=302, location=target)
        with pytest.raises(FetchError, match="Nur http"):
            archive.context().get("http://amt.example/a")

    def test_nowhere(self, web, archive):
        web.page("amt.example/a", status=302)
        with pytest.raises(FetchError, match="ohne Ziel"):
            archive.context().get("http://amt.example/a")

    def test_a_target_that_is_no_address(self, web, archive):
        web.page("amt.example/a", status=302, location="http://[:80/")
        with pytest.raises(FetchError, match="keine Webadresse"):
            archive.context().get("http://amt.example/a")
        assert archive.kinds() == [("discovery", 302, None)]

    def test_umlauts_in_a_location(self, web, archive):
        def redirect(handler):
            handler.wfile.write(b"HTTP/1.1 302 F\r\nLocation: /stra\xc3\x9fe\r\nContent-Length: 0\r\n\r\n")

        web.pages["amt.example/a"] = redirect
        web.page("amt.example/stra%C3%9Fe", HTML)
        assert archive.context().get("http://amt.example/a").target == "http://amt.example/stra%C3%9Fe"


class TestAddressGuard:
    PRIVATE = (
        *("127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.100.100.200", "0.0.0.0", "224.0.0.1"),
        *("::1", "fe80::1", "fd00:ec2::254", "ff02::1"),
        *("::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"),
    )

    @pytest.mark.parametrize("address", PRIVATE)
    def test_names_that_lead_inside(self, web, archive, address):
        web.names["intern.example"] = [address]
        refused = archive.context().get("http://intern.example/", item=ITEM)
        assert refused == Refused(f"intern.example führt zu einer nicht öffentlichen Adresse ({address})")
        assert web.connected == []
        assert not is_public(address)

    @pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "2130706433", "0x7f.1", "localhost"])
    def test_addresses_written_out(self, web, make_archive, host):
        archive = make_archive(resolve=system_resolver)
        assert isinstance(archive.context().get(f"http://{host}:{web.port}/"), Refused)
        assert web.requests == []

    def test_redirect_inside(self, web, archive):
        web.names["intern.example"] = ["192.168.0.1"]
        web.page("amt.example/a", status=302, location="http://intern.example/geheim")
        web.page("intern.example/geheim", b"geheim")
        assert isinstance(archive.context().get("http://amt.example/a"), Refused)
        assert web.paths() == ["/a"]
        assert "192.168.0.1" not in web.connected

    def test_the_checked_address_is_the_one_connected_to(self, web, archive):
        web.names["amt.example"] = ["10.0.0.1", "8.8.4.4"]
        web.page(PLACE, HTML)
        assert isinstance(archive.context().get(URL), Capture)
        assert set(web.connected) == {"8.8.4.4"}
        assert web.requests[-1].headers["Host"] == "amt.example"

    def test_permission_is_a_matter_of_each_source(self, web, archive):
        web.names["intern.example"] = ["192.168.0.1"]
        web.page("intern.example/a", HTML)
        allowed = archive.context(Source(id="intern", options=HttpOptions(allow_private=True)))
        assert isinstance(allowed.get("http://intern.example/a"), Capture)
        assert isinstance(archive.context().get("http://intern.example/a"), Refused)

    def test_unknown_name(self, make_archive):
        archive = make_archive(resolve=system_resolver)
        with pytest.raises(FetchError, match=r"Der Name gibt-es-nicht\.invalid lässt sich nicht auflösen"):
            archive.context().get("http://gibt-es-nicht.invalid/")

    def test_passwords_in_addresses_are_refused(self, web, archive):
        assert archive.context().get("http://ich:geheim@amt.example/") == Refused("Die Adresse enthält Zugangsdaten")

    @pytest.mark.parametrize("url", ["", "presse/1", "http://", "http://a b/", "mailto:a@example.org", "http://[x/"])
    def test_not_an_address(self, web, archive, url):
        with pytest.raises(FetchError, match=r"Webadresse|Nur http"):
            archive.context().get(url)


class TestPut:
    def test_a_file_and_the_same_file_again(self, archive):
        context = archive.context(Source(id="ordner", path="presse"))
        item = Item(source_id="ordner", key="2026/a.txt", fingerprint="1-2")
        first = context.put(item, b"Text", media_type="text/plain")
        again = context.put(item, b"Text", media_type="text/plain")
        assert first.target == "urn:archive-pipeline:ordner:2026/a.txt"
        assert [stored.revisit for stored in archive.stored] == [None, "identical-payload-digest"]
        assert archive.store.read(again.warc_file, again.warc_offset) == again
        assert again.body == b"Text"

    def test_an_attachment_names_its_parent(self, archive):
        context = archive.context()
        mail = context.put(Item(source_id="amt", key="m1"), b"From: a")
        attached = context.put(Item(source_id="amt", key="m1/a.pdf"), b"%PDF", parent=mail)
        assert attached.parent == mail.record_id
        assert archive.store.read(attached.warc_file, attached.warc_offset).parent == mail.record_id

    def test_settings_are_told_apart(self, archive):
        for options in (HttpOptions(), HttpOptions(interval=3)):
            archive.context(Source(id="amt", options=options)).put(Item(source_id="amt", key="a"), b"x")
        assert len({stored.settings for stored in archive.stored}) == 2
        assert json.dumps([stored.source.id for stored in archive.store.captures()]) == '["amt", "amt"]'
