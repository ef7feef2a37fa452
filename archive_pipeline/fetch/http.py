"""The one HTTP client: names itself, keeps its distance, ends in time, and returns the bytes as they came.

It sends one request and stops there: robots.txt, redirects, retries and storing are the business of `context`. For
the request log an Exchange says how many `seconds` it took, waiting for its turn not counted, and how many bytes of the
body were `received`, also when they were too many to keep. After 429, or 503 with Retry-After,
`client.pace.hold_off(registrable_domain(url), seconds)` makes everybody leave the domain alone, in later runs too.
"""

import ssl
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path

import httpcore2
import httpx2

from archive_pipeline.address import registrable_domain
from archive_pipeline.errors import ConfigError, FetchError, RefusedError, TransientFetchError
from archive_pipeline.fetch.connection import GuardedConnection, failure_of
from archive_pipeline.fetch.pace import Pace
from archive_pipeline.fetch.retrying import Patience
from archive_pipeline.fetch.transport import (
    FAILURES,
    Budget,
    GuardedBackend,
    GuardedTransport,
    Network,
    Resolver,
    system_resolver,
    within,
)
from archive_pipeline.warc import Exchange, Truncated

__all__ = ["HttpClient", "Timeouts", "sendable_url"]

PRODUCT = "archive_pipeline"
"""The name that stands in User-Agent and that robots.txt rules are looked up by."""

MAX_HOST = 253
MAX_LABEL = 63
"""The longest host name, and the longest part of one, that name servers can know (RFC 1035, 2.3.4)."""

MAX_HEAD = 256 * 1024
"""Bytes before a body begins, interim responses (1xx) included, as these may follow each other without end."""

PROXY_ASKS_FOR_NAME = 407

MAX_SHOWN = 200
"""How much of an address a message repeats, in characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds until a connection must stand, a next byte must come, and the whole exchange must be over."""

    connect: float = 10
    read: float = 20
    total: float = 120


def sendable_url(url: str, base: str = "") -> str:
    """An address as it goes over the wire: host in IDNA, path percent-encoded as written, no fragment.

    A relative one is resolved against `base`. Raises FetchError when it is no http(s) address, RefusedError when it
    carries a password.
    """
    try:
        parsed = _parsed(url.strip())
        if base or "#" in url:
            parsed = httpx2.URL(base).join(parsed).copy_with(fragment=None)
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise FetchError(f"Das ist keine Webadresse: {_shown(url)}", url=url, hint="Adresse prüfen") from error
    if "%" in parsed.host or not _is_host(parsed.raw_host):
        raise FetchError(f"Das ist keine Webadresse: {_shown(url)}", url=url, hint="Adresse prüfen")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise FetchError(
            f"Nur http- und https-Adressen werden abgerufen: {_shown(url)}", url=url, hint="Adresse prüfen"
        )
    if parsed.userinfo:
        raise RefusedError("Die Adresse enthält Zugangsdaten", url=parsed.host, hint="Zugangsdaten entfernen")
    return str(parsed)


@lru_cache(maxsize=256)
def _parsed(url: str) -> httpx2.URL:
    """An address and its parts. Each is asked for twice, when it is checked and when it is sent."""
    return httpx2.URL(url)


def _is_host(name: bytes) -> bool:
    """Whether name servers can know a name, by its lengths; an IPv6 address has none that matter."""
    labels = [] if b":" in name or not name else name.removesuffix(b".").split(b".")
    return len(name) <= MAX_HOST and all(0 < len(label) <= MAX_LABEL for label in labels)


def _shown(url: str) -> str:
    """An address as a message can hold it: what pages and feeds put there may be anything."""
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in url[:MAX_SHOWN])
    return text if len(url) <= MAX_SHOWN else f"{text}…"


class HttpClient:
    """Sends GET requests, one at a time and with a pause between two to the same registrable domain. Many threads may
    use it at once.

    One client serves a whole run. `contact` is the address a webmaster can write to; `user_agent` replaces the whole
    identification. `interval` is the pause in seconds for hosts that ask for none, `pace` keeps it (None: in this
    process alone). `proxy` is the address of an HTTP proxy, `proxy_credentials` its user name and password; no proxy of
    the environment is used. `ca_bundle` is a file of certificates to trust instead of the system's. `clock` gives UTC
    time. `sleep` waits; to stop a run it raises an error, which then ends every wait. `resolve` looks names up,
    `network` opens connections to the addresses found (replaceable for tests).

    Raises ConfigError when `ca_bundle` can't be used.
    """

    def __init__(
        self,
        *,
        version: str,
        contact: str,
        clock: Callable[[], datetime],
        user_agent: str | None = None,
        interval: float = 2.0,
        timeouts: Timeouts | None = None,
        pace: Pace | None = None,
        proxy: str | None = None,
        proxy_credentials: tuple[str, str] | None = None,
        ca_bundle: Path | None = None,
        sleep: Callable[[float], None] = time.sleep,
        resolve: Resolver = system_resolver,
        network: Network | None = None,
    ) -> None:
        self.user_agent = user_agent or f"{PRODUCT}/{version} (+{contact})"
        self.sleep = sleep
        self.clock = clock
        self.interval = interval
        self.pace = pace or Pace(sleep=sleep)
        self.patience = Patience()
        self._timeouts = timeouts or Timeouts()
        self._timeout_of_each = {
            "connect": self._timeouts.connect,
            "read": self._timeouts.read,
            "write": self._timeouts.read,
        }
        self._tls = _trusting(ca_bundle) if ca_bundle else None
        self._proxy = self._proxy_at(proxy, proxy_credentials) if proxy else None
        self._resolve = resolve
        self._network = network
        self._transports: dict[tuple[bytes, bool], GuardedTransport] = {}
        self._lock = threading.Lock()

    def exchange(
        self,
        url: str,
        headers: Mapping[str, str],
        *,
        max_bytes: int,
        interval: float,
        allow_private: bool = False,
    ) -> Exchange:
        """One GET request and its response, whatever its status; `url` comes from `sendable_url`. The next request to
        this registrable domain waits for `interval` seconds after this one.

        A body larger than `max_bytes` (as received), too slow or broken off is marked as truncated. Raises
        RefusedError (no public address), TransientFetchError and FetchError when there was no response at all,
        ArchiveError when the pace can't be noted.
        """
        request = self._request(url, headers)
        with self.pace.turn(registrable_domain(request.url.host.decode("ascii")), interval):
            started_at = self.clock()
            begun = time.monotonic()
            try:
                with within(self._timeouts.total, MAX_HEAD) as budget:
                    response = self._transport(request.url.scheme, allow_private).send(request)
                    try:
                        budget.left += 2 * max_bytes  # chunked bodies bring their sizes along
                        payload, received, truncated = _receive(response, max_bytes, budget)
                    finally:
                        response.close()
            except FAILURES as error:
                raise _failure(error, url) from error
            seconds = time.monotonic() - begun
        head = _head_bytes(response)
        if self._proxy is not None and request.url.scheme == b"http" and response.status == PROXY_ASKS_FOR_NAME:
            raise _refused_by_proxy(head.split(b"\r\n")[0].partition(b" ")[2].decode("latin-1"), url)
        return Exchange(
            url=url,
            request=_request_bytes(request),
            head=head,
            payload=payload,
            started_at=started_at,
            ip=response.extensions["network_stream"].get_extra_info("checked_address"),
            truncated=truncated,
            seconds=seconds,
            received=received,
        )

    def connect(self, host: str, port: int, *, allow_private: bool = False) -> GuardedConnection:
        """A connection for another protocol than HTTP, not yet encrypted. It doesn't go through the proxy.

        Raises RefusedError (no public address), TransientFetchError, FetchError.
        """
        backend = GuardedBackend(
            self._resolve,
            self._network or httpcore2.SyncBackend(),
            allow_private=allow_private,
            interrupt=lambda: self.sleep(0),
        )
        try:
            with within(self._timeouts.total, 0):
                stream = backend.connect_tcp(host, port, self._timeouts.connect)
        except (httpcore2.NetworkError, httpcore2.TimeoutException) as error:
            raise failure_of(error, host) from error

        def trust() -> ssl.SSLContext:
            with self._lock:
                return self._trust()

        return GuardedConnection(host, stream, trust, seconds=self._timeouts.total, idle=self._timeouts.read)

    def close(self) -> None:
        """Hang up everywhere."""
        with self._lock:
            transports = list(self._transports.values())
            self._transports.clear()
        for transport in transports:
            transport.close()

    def _request(self, url: str, headers: Mapping[str, str]) -> httpcore2.Request:
        parts = _parsed(url)
        fields = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", **headers}
        return httpcore2.Request(
            "GET",
            httpcore2.URL(scheme=parts.raw_scheme, host=parts.raw_host, port=parts.port, target=parts.raw_path),
            # bytes, as an ETag goes back as it came, and a contact address may have umlauts
            headers=[
                (b"Host", parts.netloc),
                (b"User-Agent", self.user_agent.encode()),
                *((name.encode(), value.encode("latin-1")) for name, value in fields.items()),
            ],
            extensions={"timeout": self._timeout_of_each},
        )

    def _transport(self, scheme: bytes, allow_private: bool) -> GuardedTransport:
        """The bare transport: a client of httpx2 would keep cookies and interpret redirects by itself."""
        kind = (scheme, allow_private)
        with self._lock:
            if kind not in self._transports:
                self._transports[kind] = GuardedTransport(
                    self._resolve,
                    self._network,
                    allow_private=allow_private,
                    ssl_context=self._trust() if scheme == b"https" else None,
                    proxy=self._proxy,
                    interrupt=lambda: self.sleep(0),
                )
            return self._transports[kind]

    def _trust(self) -> ssl.SSLContext:
        """Whom we believe; asked for late, as reading the certificates of the system takes long and http needs none."""
        if self._tls is None:
            self._tls = httpcore2.default_ssl_context()
        return self._tls

    def _proxy_at(self, address: str, credentials: tuple[str, str] | None) -> httpcore2.Proxy:
        return httpcore2.Proxy(
            address,
            auth=(credentials[0].encode(), credentials[1].encode()) if credentials else None,
            ssl_context=self._trust() if address.startswith("https:") else None,
        )


def _trusting(ca_bundle: Path) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca_bundle)
    except OSError as error:  # ssl.SSLError is one
        reason = "enthält keine Zertifikate (PEM)" if isinstance(error, ssl.SSLError) else error.strerror
        raise ConfigError(
            f"Die Zertifikate in {ca_bundle} sind nicht zu lesen: {reason}", hint="[archive] ca_bundle prüfen"
        ) from error


def _receive(response: httpcore2.Response, max_bytes: int, budget: Budget) -> tuple[bytes, int, Truncated | None]:
    """The body, the number of bytes received of it, and why it is not whole."""
    declared = [value for name, value in response.headers if name.lower() == b"content-length"]
    if any(value.isdigit() and int(value) > max_bytes for value in declared):
        return b"", 0, "length"
    parts: list[bytes] = []
    received = 0
    truncated: Truncated | None = None
    try:
        for part in response.iter_stream():
            parts.append(part)
            received += len(part)
            if received > max_bytes:
                return b"", received, "length"
    except httpcore2.TimeoutException:
        truncated = "time"
    except FAILURES:
        if budget.left < 0:
            return b"", received, "length"
        truncated = "disconnect"
    return b"".join(parts), received, truncated


def _failure(error: Exception, url: str) -> FetchError:
    return _refused_by_proxy(str(error), url) if isinstance(error, httpcore2.ProxyError) else failure_of(error, url)


def _refused_by_proxy(said: str, url: str) -> FetchError:
    """What the proxy answered in a server's place. Its own troubles (5xx) may pass, a refusal stays."""
    kind = TransientFetchError if said.startswith("5") else FetchError
    return kind(
        f"Der Proxy lässt diesen Abruf nicht zu ({said.strip()})",
        url=url,
        hint="[archive] proxy und seine Zugangsdaten prüfen",
    )


def _request_bytes(request: httpcore2.Request) -> bytes:
    """The request as it was sent."""
    lines = [b"%s: %s\r\n" % field for field in request.headers]
    return b"GET %s HTTP/1.1\r\n%s\r\n" % (request.url.target, b"".join(lines))


def _head_bytes(response: httpcore2.Response) -> bytes:
    """Status line and fields as received. Only the transfer coding is no longer that of the payload, which is stored
    without it; its field is kept under another name, as Common Crawl does, so that no reader undoes it twice."""
    version, reason = response.extensions["http_version"], response.extensions["reason_phrase"]
    lines = [b"%s %d %s\r\n" % (version, response.status, reason)]
    for name, value in response.headers:
        kept = b"X-Crawler-Transfer-Encoding" if name.lower() == b"transfer-encoding" else name
        lines.append(b"%s: %s\r\n" % (kept, value))
    return b"".join(lines) + b"\r\n"
