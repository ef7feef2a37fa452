"""The one HTTP client: names itself, keeps its distance, ends in time, and returns the bytes as they came.

It sends one request and stops there: robots.txt, redirects, retries and storing are the business of `context`.
"""

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import httpx2

from archive_pipeline.errors import FetchError, RefusedError, TransientFetchError
from archive_pipeline.fetch.transport import GuardedTransport, Network, Resolver, system_resolver, within
from archive_pipeline.warc import Exchange, Truncated

__all__ = ["HttpClient", "Timeouts", "sendable_url"]

PRODUCT = "archive_pipeline"
"""The name that stands in User-Agent and that robots.txt rules are looked up by."""

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
        parsed = httpx2.URL(base).join(url.strip()).copy_with(fragment=None)
    except (httpx2.InvalidURL, UnicodeError) as error:
        raise FetchError(f"Das ist keine Webadresse: {_shown(url)}", url=url, hint="Adresse prüfen") from error
    if "%" in parsed.host:
        raise FetchError(f"Das ist keine Webadresse: {_shown(url)}", url=url, hint="Adresse prüfen")
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise FetchError(
            f"Nur http- und https-Adressen werden abgerufen: {_shown(url)}", url=url, hint="Adresse prüfen"
        )
    if parsed.userinfo:
        raise RefusedError("Die Adresse enthält Zugangsdaten", url=parsed.host, hint="Zugangsdaten entfernen")
    return str(parsed)


def _shown(url: str) -> str:
    """An address as a message can hold it: what pages and feeds put there may be anything."""
    text = "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in url[:MAX_SHOWN])
    return text if len(url) <= MAX_SHOWN else f"{text}…"


class HttpClient:
    """Sends GET requests, one at a time and with a pause between two to the same host.

    One client serves a whole run, so that sources on one host share its pace. `contact` is the address a webmaster
    can write to; `user_agent` replaces the whole identification. `interval` is the pause in seconds for hosts that ask
    for none. `clock` gives UTC time. `sleep` waits, `resolve` looks names up, `network` opens connections to the
    addresses found (replaceable for tests).
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
        sleep: Callable[[float], None] = time.sleep,
        resolve: Resolver = system_resolver,
        network: Network | None = None,
    ) -> None:
        self.user_agent = user_agent or f"{PRODUCT}/{version} (+{contact})"
        self.sleep = sleep
        self.clock = clock
        self.interval = interval
        self._timeouts = timeouts or Timeouts()
        self._resolve = resolve
        self._network = network
        self._transports: dict[tuple[str, bool], httpx2.BaseTransport] = {}
        self._next_request: dict[str, float] = {}

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
        this host waits for `interval` seconds after this one.

        A body larger than `max_bytes` (as received), too slow or broken off is marked as truncated. Raises
        RefusedError (no public address), TransientFetchError and FetchError when there was no response at all.
        """
        timeouts = self._timeouts
        fields = {"Accept": "*/*", "Accept-Encoding": "gzip, deflate", **headers}
        request = httpx2.Request(
            "GET",
            url,
            # bytes, as an ETag goes back as it came, and a contact address may have umlauts
            headers=[
                (b"User-Agent", self.user_agent.encode()),
                *((name.encode(), value.encode("latin-1")) for name, value in fields.items()),
            ],
            extensions={"timeout": httpx2.Timeout(timeouts.read, connect=timeouts.connect).as_dict()},
        )
        host = request.url.host
        self._wait(host)
        started_at = self.clock()
        try:
            with within(timeouts.total):
                response = self._transport(request.url.scheme, allow_private).handle_request(request)
                try:
                    payload, truncated = _receive(response, max_bytes)
                finally:
                    response.close()
        except httpx2.TransportError as error:
            raise _failure(error, url) from error
        finally:
            self._next_request[host] = time.monotonic() + interval
        stream = response.extensions.get("network_stream")
        return Exchange(
            url=url,
            request=_request_bytes(request),
            head=_head_bytes(response),
            payload=payload,
            started_at=started_at,
            ip=stream.get_extra_info("checked_address") if stream is not None else None,
            truncated=truncated,
        )

    def close(self) -> None:
        """Hang up everywhere."""
        for transport in self._transports.values():
            transport.close()
        self._transports.clear()

    def _transport(self, scheme: str, allow_private: bool) -> httpx2.BaseTransport:
        """The bare transport: a client of httpx2 would keep cookies and interpret redirects by itself."""
        kind = (scheme, allow_private)
        if kind not in self._transports:
            # reading the certificates of the system takes long, and http needs none
            context = httpx2.create_ssl_context() if scheme == "https" else None
            self._transports[kind] = GuardedTransport(
                self._resolve, self._network, allow_private=allow_private, ssl_context=context
            )
        return self._transports[kind]

    def _wait(self, host: str) -> None:
        pause = self._next_request.get(host, 0) - time.monotonic()
        if pause > 0:
            self.sleep(pause)


def _receive(response: httpx2.Response, max_bytes: int) -> tuple[bytes, Truncated | None]:
    declared = response.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > max_bytes:
        return b"", "length"
    parts = bytearray()
    try:
        for part in response.iter_raw():
            parts += part
            if len(parts) > max_bytes:
                return b"", "length"
    except httpx2.TimeoutException:
        return bytes(parts), "time"
    except httpx2.TransportError:
        return bytes(parts), "disconnect"
    return bytes(parts), None


def _failure(error: httpx2.TransportError, url: str) -> FetchError:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return FetchError(
                f"Das Zertifikat des Servers ist ungültig ({cause.verify_message})",
                url=url,
                hint="den Betreiber der Website verständigen",
            )
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx2.TimeoutException):
        return TransientFetchError("Der Server antwortet nicht rechtzeitig", url=url, hint="später wieder versuchen")
    return TransientFetchError(
        f"Die Verbindung ist gescheitert ({error or type(error).__name__})", url=url, hint="später wieder versuchen"
    )


def _request_bytes(request: httpx2.Request) -> bytes:
    """The request as it was sent: h11 writes the Host field first, the others in their order."""
    fields = sorted(request.headers.raw, key=lambda field: field[0].lower() != b"host")
    lines = [b"%s: %s\r\n" % field for field in fields]
    return b"GET %s HTTP/1.1\r\n%s\r\n" % (request.url.raw_path, b"".join(lines))


def _head_bytes(response: httpx2.Response) -> bytes:
    """Status line and fields as received. Only the transfer coding is no longer that of the payload, which is stored
    without it; its field is kept under another name, as Common Crawl does, so that no reader undoes it twice."""
    version, reason = (response.extensions.get(name, b"") for name in ("http_version", "reason_phrase"))
    lines = [b"%s %d %s\r\n" % (version or b"HTTP/1.1", response.status_code, reason)]
    for name, value in response.headers.raw:
        kept = b"X-Crawler-Transfer-Encoding" if name.lower() == b"transfer-encoding" else name
        lines.append(b"%s: %s\r\n" % (kept, value))
    return b"".join(lines) + b"\r\n"
