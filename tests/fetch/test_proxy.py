"""Through a proxy: who looks names up, what the guard can still see, and whose secrets go where."""

import base64
import select
import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from archive_pipeline.errors import FetchError, TransientFetchError
from archive_pipeline.fetch import HttpOptions, Timeouts
from archive_pipeline.fetch.transport import is_public_name
from archive_pipeline.model import Capture, Refused, Source

URL = "http://amt.example/presse/1"
PLACE = "amt.example/presse/1"
SECRET = "Basic " + base64.b64encode("archiv:Grüße".encode()).decode()


@dataclass
class Proxy:
    """A forwarding and tunnelling proxy that leads every host to the ports of two servers on loopback."""

    http_port: int
    https_port: int = 0
    asked: list[tuple[str, str, str | None]] = field(default_factory=list)
    answer: Callable[[BaseHTTPRequestHandler], bool] = lambda handler: False
    url: str = ""


class ProxyHandler(BaseHTTPRequestHandler):
    proxy: Proxy

    def do_GET(self) -> None:
        if self.noted():
            return
        host, _, path = self.path.removeprefix("http://").partition("/")
        fields = [f"{name}: {value}\r\n" for name, value in self.headers.items() if not name.startswith("Proxy-")]
        request = f"GET /{path} HTTP/1.1\r\n{''.join(fields)}Connection: close\r\n\r\n"
        assert host == self.headers["Host"]
        with socket.create_connection(("127.0.0.1", self.proxy.http_port)) as server:
            server.sendall(request.encode("latin-1"))
            while data := server.recv(65_536):
                self.wfile.write(data)
        self.close_connection = True

    def do_CONNECT(self) -> None:
        if self.noted():
            return
        with socket.create_connection(("127.0.0.1", self.proxy.https_port)) as server:
            self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            pair = (self.connection, server)
            while True:
                readable, _, _ = select.select(pair, [], [], 5)
                data = readable[0].recv(65_536) if readable else b""
                if not data:
                    break
                pair[readable[0] is pair[0]].sendall(data)
        self.close_connection = True

    def noted(self) -> bool:
        """Note the request; whether the proxy answered it by itself."""
        self.proxy.asked.append((self.command, self.path, self.headers["Proxy-Authorization"]))
        return self.proxy.answer(self)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are part of the tests."""


@pytest.fixture
def proxy(web) -> Iterator[Proxy]:
    proxy = Proxy(http_port=web.port)
    server = Server(("127.0.0.1", 0), type("Handler", (ProxyHandler,), {"proxy": proxy}))
    proxy.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield proxy
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def proxied(make_archive, proxy):
    def never(host, port):
        raise AssertionError(f"{host} was looked up here")

    def make(**settings):
        return make_archive(**{"proxy": proxy.url, "network": None, "resolve": never, **settings})

    return make


def refusing(status: str) -> Callable[[BaseHTTPRequestHandler], bool]:
    def answer(handler: BaseHTTPRequestHandler) -> bool:
        handler.wfile.write(f"HTTP/1.1 {status}\r\nContent-Length: 4\r\n\r\nnein".encode())
        return True

    return answer


def records(archive) -> bytes:
    archive.store.close()
    files = sorted((archive.folder / "data").glob("warc/*/*/*.gz"))
    rest, text = b"".join(path.read_bytes() for path in files), b""
    while rest:
        member = zlib.decompressobj(31)
        text += member.decompress(rest)
        rest = member.unused_data
    return text


def test_http(web, proxy, proxied):
    web.page(PLACE, b"Text")
    archive = proxied()
    assert archive.context().get(URL).body == b"Text"
    assert ("GET", URL, None) in proxy.asked
    assert web.requests[-1].headers["Host"] == "amt.example"
    stored = records(archive)
    assert b"GET /presse/1 HTTP/1.1\r\nHost: amt.example\r\n" in stored
    assert b"WARC-IP-Address" not in stored


def test_https_is_tunnelled_and_the_certificate_is_the_servers(tls_web, proxy, proxied, tmp_path):
    proxy.https_port = tls_web.port
    tls_web.page("amt.example/a", b"Text")
    tls_web.page("amt.example/b", b"Text")
    archive = proxied(ca_bundle=tmp_path / "certificate.pem")
    context = archive.context()
    assert context.get("https://amt.example/a").body == b"Text"
    assert context.get("https://amt.example/b").body == b"Text"
    assert proxy.asked == [("CONNECT", "amt.example:443", None)]
    assert set(tls_web.server_names) == {"amt.example"}
    assert b"WARC-IP-Address" not in records(archive)
    with pytest.raises(FetchError, match="Das Zertifikat des Servers ist ungültig"):
        context.get("https://fremd.example/a")


def test_user_name_and_password_are_for_the_proxy_alone(web, tls_web, proxy, proxied, tmp_path):
    proxy.https_port = tls_web.port
    web.page(PLACE, b"Text")
    tls_web.page("amt.example/a", b"Text")
    archive = proxied(proxy_credentials=("archiv", "Grüße"), ca_bundle=tmp_path / "certificate.pem")
    context = archive.context()
    assert isinstance(context.get(URL), Capture)
    assert isinstance(context.get("https://amt.example/a"), Capture)
    assert {secret for _, _, secret in proxy.asked} == {SECRET}
    sent = [name.lower() for request in web.requests + tls_web.requests for name in request.headers]
    assert sent
    assert "proxy-authorization" not in sent
    assert SECRET.encode() not in records(archive)
    assert b"roxy-" not in records(archive)


INSIDE = (
    *("127.0.0.1", "10.1.2.3", "169.254.169.254", "0.0.0.0", "[::1]", "[::ffff:169.254.169.254]"),
    *("[64:ff9b::a9fe:a9fe]", "[fd00:ec2::254]", "2130706433", "0x7f000001", "0x7f.1", "127.1", "017700000001"),
    *("localhost", "LOCALHOST.", "intranet", "metadata.google.internal", "drucker.local", "nas.fritz.home.arpa"),
    *("a.localhost", "wiki.corp", "nas.lan"),
)


@pytest.mark.parametrize("host", INSIDE)
def test_what_can_only_be_inside_is_refused_before_the_proxy_hears_of_it(proxy, proxied, host):
    refused = proxied().context().get(f"http://{host}/geheim")
    assert isinstance(refused, Refused)
    assert refused.reason.endswith("ist keine öffentliche Adresse")
    assert proxy.asked == []


@pytest.mark.parametrize("host", INSIDE)
def test_by_a_redirect_too(web, proxy, proxied, host):
    web.page(PLACE, status=302, location=f"http://{host}/geheim")
    assert isinstance(proxied().context().get(URL), Refused)
    assert {path for _, path, _ in proxy.asked} <= {
        URL,
        "http://amt.example/robots.txt",
        "http://amt.example/.well-known/tdmrep.json",
    }


def test_a_source_in_ones_own_network(web, proxy, proxied):
    web.page("intranet/a", b"Text")
    source = Source(id="intern", options=HttpOptions(allow_private=True))
    assert isinstance(proxied().context(source).get("http://intranet/a"), Capture)


@pytest.mark.parametrize(
    "host", ["amt.example", "xn--mnchen-3ya.de", "local.example", "internal.de", "8.8.8.8", "2001:4860:4860::8888"]
)
def test_names_that_may_be_public(host):
    assert is_public_name(host)


@pytest.mark.parametrize("status", ["403 Forbidden", "407 Proxy Authentication Required", "400 Bad Request"])
def test_a_proxy_that_refuses_to_tunnel(proxy, proxied, status):
    proxy.answer = refusing(status)
    archive = proxied()
    with pytest.raises(FetchError, match=rf"Der Proxy lässt diesen Abruf nicht zu \({status}\)") as caught:
        archive.context().get("https://amt.example/a")
    assert not isinstance(caught.value, TransientFetchError)
    assert "[archive] proxy" in caught.value.hint
    assert archive.stored == []


def test_a_proxy_whose_own_trouble_may_pass(proxy, proxied):
    proxy.answer = refusing("503 Service Unavailable")
    with pytest.raises(TransientFetchError, match=r"Der Proxy lässt diesen Abruf nicht zu \(503 Service Unavailable\)"):
        proxied().context().get("https://amt.example/a")


def test_its_question_for_a_password_is_no_answer_of_the_site(proxy, proxied):
    proxy.answer = refusing("407 Proxy Authentication Required")
    archive = proxied()
    with pytest.raises(
        FetchError, match=r"Der Proxy lässt diesen Abruf nicht zu \(407 Proxy Authentication Required\)"
    ):
        archive.context().get(URL)
    assert archive.stored == []


def test_a_proxy_that_is_not_there(proxied):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(TransientFetchError, match="Die Verbindung ist gescheitert"):
            proxied(proxy=address).context().get(URL)


@pytest.mark.parametrize(
    "said", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\n\r\nkein TLS", b"HTTP/1.1 100 C\r\n\r\n" * 9]
)
def test_a_proxy_that_talks_nonsense(proxy, proxied, said):
    def answer(handler):
        with suppress(OSError):
            handler.wfile.write(said)
        handler.close_connection = True
        return True

    proxy.answer = answer
    archive = proxied(timeouts=Timeouts(connect=1, read=0.3, total=1))
    with pytest.raises(TransientFetchError):
        archive.context().get("https://amt.example/a")
