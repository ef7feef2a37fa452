"""What servers may send to harm: answers that break parsers, robots.txt of every kind, addresses that lead inside."""

import gzip
import itertools

import httpcore2
import pytest

from archive_pipeline.errors import FetchError, TooLargeError, TransientFetchError
from archive_pipeline.fetch.transport import is_public, system_resolver
from archive_pipeline.model import Capture, Item, Refused, Unmodified

URL = "http://amt.example/presse/1"
PLACE = "amt.example/presse/1"
ROBOTS = "amt.example/robots.txt"
ITEM = Item(source_id="amt", key=URL, url=URL)


def raw(answer: bytes):
    """A page that sends these bytes and hangs up."""

    # said openly, or the client's next request could meet the connection while it is being closed
    status, line_end, rest = answer.partition(b"\r\n")
    closing = b"Connection: close\r\n" if status.startswith(b"HTTP/1.1") and line_end and rest else b""

    def send(handler):
        handler.wfile.write(status + line_end + closing + rest)
        handler.close_connection = True

    return send


def robots_asked(web) -> int:
    return [request.path for request in web.requests].count("/robots.txt")


@pytest.mark.parametrize(
    "value", [b"\xb2", b"9" * 5000, b"Fri, 20 Nov 2026 08:00:00 +99999999999999", b"Fri, 20 Nov 99999999999999 8:00"]
)
def test_no_retry_after_breaks_the_client(web, archive, value):
    web.pages[PLACE] = raw(b"HTTP/1.1 503 X\r\nRetry-After: " + value + b"\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(TransientFetchError, match="HTTP 503"):
        archive.context().get(URL, item=ITEM)


def test_an_etag_goes_back_byte_for_byte(web, archive):
    web.pages[PLACE] = raw(b'HTTP/1.1 200 OK\r\nETag: "D\xfcren"\r\nContent-Length: 2\r\n\r\nok')
    assert isinstance(archive.context().get(URL, item=ITEM), Capture)
    assert isinstance(archive.context().get(URL, item=ITEM), Unmodified)
    assert web.requests[-1].headers["If-None-Match"] == '"Düren"'  # http.server reads Latin-1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: a\rInjected: 1\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 300_000 + b"\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"f" * 30 + b"\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX: a\0b\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nX y: 1\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 50_000 + b"Content-Length: 2\r\n\r\nok",
        b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok",
        b"ICY 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"\r\n\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00" * 30,
        b"\x00" * 1000,
        b"<html>HTTP/0.9</html>",
    ],
)
def test_protocol_errors_are_failures_that_may_pass(web, archive, answer):
    web.pages[PLACE] = raw(answer)
    with pytest.raises(TransientFetchError):
        archive.context().get(URL, item=ITEM)


def endless(start: bytes, part: bytes):
    """A page that sends `part` until it is hung up on."""

    def answer(handler):
        handler.close_connection = True
        try:
            handler.wfile.write(start)
            while True:
                handler.wfile.write(part)
        except OSError:
            return

    return answer


@pytest.mark.parametrize(
    ("start", "part"),
    [
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 100),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        (b"HTTP/1.1 200 OK\r\n", b"X: 1\r\n" * 100),
        (b"HTTP/1.1 200 OK\r\nX: ", b"x" * 1000),
        (b"HTTP/1.1 ", b"2" * 1000),
    ],
)
def test_heads_without_end(web, archive, start, part):
    web.pages[PLACE] = endless(start, part)
    with pytest.raises(TransientFetchError, match="Die Verbindung ist gescheitert"):
        archive.context().get(URL, item=ITEM)
    assert [(request.received, request.status) for request in archive.log[-3:]] == [(0, None)] * 3


@pytest.mark.parametrize(
    ("coding", "part"),
    [
        (b"Transfer-Encoding: chunked\r\n", b"400\r\n" + b"x" * 1024 + b"\r\n"),
        (b"Transfer-Encoding: chunked\r\n", b"1;" + b"e" * 60_000 + b"\r\nx\r\n"),
        (b"Connection: close\r\n", b"x" * 1000),
        (b"Content-Length: 99999\r\nTransfer-Encoding: chunked\r\n", b"400\r\n" + b"x" * 1024 + b"\r\n"),
    ],
)
def test_bodies_without_end(web, archive, coding, part):
    web.pages[PLACE] = endless(b"HTTP/1.1 200 OK\r\n" + coding + b"\r\n", part)
    with pytest.raises(TooLargeError):
        archive.context().get(URL, item=ITEM)
    (request,) = [request for request in archive.log if request.url == URL]
    assert request.outcome == "too-big"
    assert 0 < request.received < 200_000
    assert archive.stored[-1].capture.body == b""


def test_a_trailer_is_no_header(web, archive):
    web.pages[PLACE] = raw(
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nSet-Cookie: a=b\r\nETag: "x"\r\n\r\n'
    )
    capture = archive.context().get(URL, item=ITEM)
    assert capture.body == b"ok"
    assert {name for name, _ in capture.headers} == {"Connection", "X-Crawler-Transfer-Encoding"}


def test_a_location_can_not_write_a_header(web, archive):
    target = "/ziel%0d%0aHost:%20intern.example%0d%0aX:%201"
    web.page(PLACE, status=302, location=target)
    web.page(f"amt.example{target}", b"ok")
    assert archive.context().get(URL).body == b"ok"
    assert web.requests[-1].path == target
    assert (web.requests[-1].host, "X" in web.requests[-1].headers) == ("amt.example", False)


def test_bytes_behind_a_body_are_not_the_next_answer(web, archive):
    def two_answers(handler):
        handler.wfile.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nEVIL"
        )

    web.pages[PLACE] = two_answers
    web.page("amt.example/gut", b"gut")
    context = archive.context()
    assert context.get(URL).body == b"o"
    assert context.get("http://amt.example/gut").body == b"gut"


def test_a_damaged_copy_is_not_asked_about_but_fetched_again(web, archive):
    def answer(handler):
        same = "If-None-Match" in handler.headers
        handler.wfile.write(
            b"HTTP/1.1 304 N\r\n\r\n" if same else b'HTTP/1.1 200 OK\r\nETag: "1"\r\nContent-Length: 2\r\n\r\nok'
        )

    web.pages[PLACE] = answer
    first = archive.context().get(URL, item=ITEM)
    archive.store.sync()
    file = archive.folder / "data" / first.warc_file
    data = bytearray(file.read_bytes())
    good = bytes(data)
    data[first.warc_offset + 30] ^= 0xFF
    file.write_bytes(data)
    again = archive.context().get(URL, item=ITEM)
    assert isinstance(again, Capture)
    assert archive.store.read(again.warc_file, again.warc_offset).body == b"ok"
    assert archive.kinds() == [("document", 200, None)] * 2
    file.write_bytes(good + file.read_bytes()[len(good) :])


class TestRobots:
    @pytest.mark.parametrize("status", [501, 507, 520])
    def test_any_server_error_forbids_everything(self, web, archive, status):
        web.page(ROBOTS, b"", status=status)
        web.page(PLACE, b"ok")
        with pytest.raises(TransientFetchError, match=f"robots.txt ist nicht lesbar .*HTTP {status}"):
            archive.context().get(URL)
        assert web.paths() == []

    @pytest.mark.parametrize("location", ["", "ftp://amt.example/", "http://[", "http://intern.example/robots.txt"])
    def test_a_redirect_to_nowhere_is_asked_about_once(self, web, archive, location):
        web.names["intern.example"] = ["10.0.0.1"]
        web.page(ROBOTS, status=302, **({"location": location} if location else {}))
        web.page(PLACE, b"ok")
        for _ in range(2):
            with pytest.raises(TransientFetchError, match=r"robots\.txt ist nicht lesbar"):
                archive.context().get(URL)
        assert robots_asked(web) == 1

    def test_a_source_of_small_documents_reads_it_whole(self, web, archive):
        web.page(ROBOTS, b"User-agent: *\nDisallow: /geheim\n" + b"#" * 3000)
        web.page(PLACE, b"ok")
        context = archive.context(max_bytes=1000)
        assert isinstance(context.get(URL), Capture)
        assert isinstance(context.get("http://amt.example/geheim"), Refused)

    def test_what_can_not_be_unpacked_permits_nothing(self, web, archive):
        rules = gzip.compress(b"User-agent: *\nDisallow: /\n" + b"#" * 3_000_000)
        web.page(ROBOTS, rules, content_encoding="gzip")
        web.page(PLACE, b"ok")
        with pytest.raises(TransientFetchError, match=r"robots.txt ist nicht lesbar .*\(entpackt\)"):
            archive.context().get(URL)

    def test_a_host_without_a_name_is_looked_up_once(self, make_archive):
        asked = []

        def resolve(host, port):
            asked.append(host)
            raise OSError

        context = make_archive(resolve=resolve).context()
        for _ in range(2):
            with pytest.raises(FetchError, match="lässt sich nicht auflösen"):
                context.get(URL)
        assert asked == ["amt.example"]


@pytest.mark.parametrize(
    "address",
    [
        "::7f00:1",
        "64:ff9b:1::7f00:1",
        "fec0::1",
        "3fff::1",
        "5f00::1",
        "::ffff:0:7f00:1",
        "2001:0:7f00:1::",
        "fe80::1%eth0",
    ],
)
def test_addresses_that_only_look_public(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2a00:1450:4001::200e", "64:ff9b::5db8:d822", "::ffff:8.8.8.8"])
def test_public_addresses(address):
    assert is_public(address)


@pytest.mark.parametrize(
    "url", ["http://amt.example/\udcff", "http://amt.example/\x1b[31m", f"http://a.example/{'a' * 70_000}"]
)
def test_what_is_no_address_is_named_harmlessly(archive, url):
    with pytest.raises(FetchError, match="keine Webadresse") as caught:
        archive.context().get(url)
    assert caught.value.message.isprintable()
    assert len(caught.value.message) < 300


def test_an_identification_of_ones_own_and_umlauts_in_it(web, archive):
    web.page(PLACE, b"ok")
    archive.client.user_agent = "Archiv (+https://düren.example/)"
    archive.context().get(URL)
    sent = web.requests[-1].headers["User-Agent"].encode("latin-1").decode()
    assert sent == "Archiv (+https://düren.example/)"


def test_proxies_of_the_environment_are_not_asked(web, archive, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    web.page(PLACE, b"ok")
    assert archive.context().get(URL).body == b"ok"


class TestRebinding:
    def test_the_address_that_was_checked_is_the_one_connected_to(self, web, make_archive):
        answers = [["93.184.216.34"], ["127.0.0.1"]]
        archive = make_archive(resolve=lambda host, port: answers.pop(0))
        web.page(PLACE, b"ok")
        assert isinstance(archive.context().get(URL), Capture)
        assert web.connected == ["93.184.216.34"]

    def test_the_next_connection_is_checked_again(self, web, make_archive):
        answers = itertools.chain([["93.184.216.34"]], itertools.cycle([["127.0.0.1"], ["169.254.169.254"]]))
        archive = make_archive(resolve=lambda host, port: next(answers))
        web.page(PLACE, b"ok")
        web.page(ROBOTS, b"", connection="close")
        web.page("amt.example/.well-known/tdmrep.json", status=404, connection="close")
        for _ in range(2):
            assert isinstance(archive.context().get(URL), Refused)
        assert web.paths() == []
        assert web.connected == ["93.184.216.34"]

    def test_one_public_address_opens_no_other(self, web, make_archive):
        class Dead(type(web)):
            def connect_tcp(self, host, port, *args, **more):
                self.connected.append(host)
                raise httpcore2.ConnectError(host)

        dead = Dead()
        archive = make_archive(resolve=lambda host, port: ["93.184.216.34", "127.0.0.1"], network=dead)
        with pytest.raises(TransientFetchError):
            archive.context().get(URL)
        assert set(dead.connected) == {"93.184.216.34"}


REDIRECTS_INSIDE = (
    *("169.254.169.254", "127.0.0.1", "0.0.0.0", "10.0.0.1", "[::1]", "[::]", "[fe80::1]", "[fd00:ec2::254]"),
    *("2130706433", "0x7f000001", "0x7f.1", "127.1", "017700000001", "0", "2852039166"),
    *("[::ffff:127.0.0.1]", "[::ffff:a9fe:a9fe]", "[64:ff9b::a9fe:a9fe]", "[64:ff9b::127.0.0.1]", "[2002:7f00:1::]"),
    *("localhost", "LOCALHOST"),
)


@pytest.fixture
def redirecting(web, make_archive):
    """An archive whose names lead to the web, and every other spelling where the system says."""
    known = {"amt.example"}
    archive = make_archive(resolve=lambda name, port: (web.resolve if name in known else system_resolver)(name, port))

    def follow(host):
        web.page(PLACE, status=302, location=f"http://{host}:{web.port}/latest/meta-data/")
        return archive.context().get(URL, item=ITEM)

    yield follow
    assert set(web.connected) == {"93.184.216.34"}
    assert web.paths() == ["/presse/1"]


@pytest.mark.parametrize("host", REDIRECTS_INSIDE)
def test_a_redirect_inside_in_every_spelling(redirecting, host):
    refused = redirecting(host)
    assert isinstance(refused, Refused)
    assert "nicht öffentlichen Adresse" in refused.reason


@pytest.mark.parametrize("host", ["0177.0.0.1", "127.0.0.256", "[::1%25lo]", "[::ffff:0177.0.0.1]", "127.0.0.1%2e"])
def test_spellings_that_are_no_address_at_all(redirecting, host):
    with pytest.raises(FetchError, match="keine Webadresse"):
        redirecting(host)


@pytest.mark.parametrize(
    "host", ["a." * 127 + "de", "a" * 64 + ".de", ".amt.example", "amt..example", "amt.example..", "."]
)
def test_what_no_name_server_can_know(web, archive, host):
    for scheme in ("http", "https"):
        with pytest.raises(FetchError, match="keine Webadresse"):
            archive.context().get(f"{scheme}://{host}/")
    assert web.connected == []
