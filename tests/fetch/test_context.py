"""Fetching through the context: what is captured, its limits, and the evidence that each answer leaves."""

import gzip
import json
import time
import tracemalloc
import zlib
from datetime import date

import pytest

from archive_pipeline.errors import FetchError, TooLargeError, TransientFetchError
from archive_pipeline.fetch import HttpOptions, Timeouts
from archive_pipeline.model import Capture, Gone, Item, Source, Unmodified

URL = "http://amt.example/presse/1"
PLACE = "amt.example/presse/1"
HTML = "<p>Die Stadt Düren öffnet das Bürgerbüro.</p>".encode()
ITEM = Item(source_id="amt", key=URL, url=URL, title="Bürgerbüro", published="2026-11-19", fingerprint="1")
FAST = Timeouts(connect=1, read=0.2, total=0.4)


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

        def answer(handler):
            handler.send_response(200)
            handler.send_header("Content-Encoding", "gzip")
            handler.send_header("Transfer-Encoding", "chunked")
            handler.end_headers()
            for part in (packed[:10], packed[10:], b""):
                handler.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))

        web.pages["amt.example/gzip"] = answer
        web.pages["amt.example/roh"] = web.chunked(packed[:10], packed[10:])
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


class TestLimits:
    def test_declared_size(self, web, archive):
        web.page(PLACE, b"klein", content_length=str(10 * 2**30))
        with pytest.raises(TooLargeError, match="größer als die erlaubten 100000 Bytes"):
            archive.context().get(URL, item=ITEM)
        assert archive.kinds() == [("discovery", 200, None)]

    def test_size_while_streaming(self, web, archive):
        web.pages[PLACE] = web.chunked(*[b"x" * 10_000] * 20)
        with pytest.raises(TooLargeError):
            archive.context().get(URL, item=ITEM)

    def test_decompression_bomb(self, web, archive):
        bomb = gzip.compress(bytes(50 * 2**20), 9)
        web.page(PLACE, bomb, content_encoding="gzip")
        tracemalloc.start()
        with pytest.raises(TooLargeError, match="entpackt"):
            archive.context(max_bytes=2**20).get(URL, item=ITEM)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 10 * 2**20
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
        with pytest.raises(TransientFetchError, match="braucht zu lange"):
            archive.context().get(URL)
        assert archive.stored[-1].capture.body.startswith(b"x")

    def test_header_fields_that_trickle(self, web, make_archive):
        archive = make_archive(timeouts=FAST)

        def trickle(handler):
            handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
            for _ in range(20):
                handler.wfile.write(b"x")
                time.sleep(0.05)

        web.pages[PLACE] = trickle
        with pytest.raises(TransientFetchError, match="antwortet nicht rechtzeitig"):
            archive.context().get(URL)

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
        assert (mail.kind, mail.parent) == ("document", None)
        assert (attached.kind, attached.parent) == ("attachment", mail.record_id)
        assert archive.store.read(attached.warc_file, attached.warc_offset) == attached

    def test_settings_are_told_apart(self, archive):
        for options in (HttpOptions(), HttpOptions(interval=3)):
            archive.context(Source(id="amt", options=options)).put(Item(source_id="amt", key="a"), b"x")
        assert len({stored.settings for stored in archive.stored}) == 2
        assert json.dumps([stored.source.id for stored in archive.store.captures()]) == '["amt", "amt"]'


class TestAttachments:
    PDF_URL = "http://amt.example/anlage.pdf"
    PDF = Item(source_id="amt", key=PDF_URL, url=PDF_URL)

    def test_captured_with_its_parent_and_known_the_next_time(self, web, archive):
        web.page(PLACE, HTML)
        web.honest("amt.example/anlage.pdf", b"%PDF-1.7", '"1"', content_type="application/pdf")
        context = archive.context()
        release = context.get(URL, item=ITEM)
        attached = context.get(self.PDF_URL, item=self.PDF, parent=release)
        assert (attached.kind, attached.parent, attached.key) == ("attachment", release.record_id, self.PDF_URL)
        assert archive.store.read(attached.warc_file, attached.warc_offset) == attached
        assert context.get(self.PDF_URL, item=self.PDF, parent=release) == Unmodified()
        assert archive.kinds()[-1] == ("attachment", 304, "server-not-modified")

    def test_what_was_an_attachment_can_still_become_a_release(self, web, archive):
        web.page(PLACE, HTML)
        web.honest("amt.example/anlage.pdf", b"%PDF-1.7", '"1"')
        context = archive.context()
        context.get(self.PDF_URL, item=self.PDF, parent=context.get(URL, item=ITEM))
        capture = context.get(self.PDF_URL, item=self.PDF)
        assert (capture.kind, capture.status, capture.body) == ("document", 200, b"%PDF-1.7")

    def test_one_that_is_gone(self, web, archive):
        web.page(PLACE, HTML)
        context = archive.context()
        release = context.get(URL, item=ITEM)
        assert isinstance(context.get(self.PDF_URL, item=self.PDF, parent=release), Gone)


class TestMemory:
    def test_a_bookmark_is_kept_for_the_pipeline(self, archive):
        archive.bookmark = "Seite 7"
        context = archive.context()
        assert (context.bookmark, context.kept_bookmark) == ("Seite 7", None)
        context.keep_bookmark("Seite 8")
        assert (context.bookmark, context.kept_bookmark) == ("Seite 8", "Seite 8")

    def test_what_the_archive_knows_is_passed_on(self, archive):
        archive.known, archive.since = {URL}, date(2026, 11, 1)
        context = archive.context()
        assert (context.is_known(URL), context.is_known("x"), context.since) == (True, False, date(2026, 11, 1))
