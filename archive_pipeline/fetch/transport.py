"""The way to the network: resolve, check, and connect to the very address that was checked, within a deadline.

httpx2 gives no access to how its own transport connects, so this one holds the connection pool of httpcore2 (the layer
below httpx2, of the same release) with a network backend of its own. Host header, SNI and the name in the certificate
stay those of the address asked for.
"""

import ipaddress
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

import httpcore2
import httpx2

from archive_pipeline.errors import FetchError, RefusedError

__all__ = ["GuardedTransport", "Network", "Resolver", "is_public", "system_resolver", "within"]

Resolver = Callable[[str, int], Sequence[str]]
"""Name and port to IP addresses as text, best first. Raises OSError when there are none."""

Network = httpcore2.NetworkBackend
"""What opens a connection to an address that was checked; a test can put its own network here."""

NAT64 = ipaddress.ip_network("64:ff9b::/96")
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""All that IANA has given to the public internet; outside lie site-local, IPv4-compatible and local NAT64 addresses."""

DOCUMENTATION = ipaddress.ip_network("3fff::/20")
"""RFC 9637; this Python doesn't know it yet."""

DEADLINE: ContextVar[float] = ContextVar("deadline", default=float("inf"))
"""When the exchange that is going on must be over, on the clock of `time.monotonic`."""


def system_resolver(host: str, port: int) -> Sequence[str]:
    """The addresses the operating system knows for a name, in its order of preference."""
    answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in answers))


def is_public(address: str) -> bool:
    """Whether an IP address lies in the public internet: neither private, loopback, link-local (where clouds keep
    their metadata service), multicast nor reserved, also when it is wrapped in an IPv6 transition address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if ip not in GLOBAL_UNICAST or ip in DOCUMENTATION:
            return False
    return ip.is_global and not ip.is_multicast


@contextmanager
def within(seconds: float) -> Iterator[None]:
    """Every read and write of the block ends after this many seconds in all, however slowly bytes trickle."""
    token = DEADLINE.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        DEADLINE.reset(token)


def _remaining(timeout: float | None) -> float:
    left = DEADLINE.get() - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("deadline")
    return left if timeout is None else min(left, timeout)


class DeadlineStream(httpcore2.NetworkStream):
    """A connection to a checked address whose reads and writes also end at the deadline."""

    def __init__(self, stream: httpcore2.NetworkStream, address: str) -> None:
        self._stream = stream
        self._address = address

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Up to `max_bytes`; raises httpcore2.ReadTimeout."""
        return self._stream.read(max_bytes, _remaining(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """All of `buffer`; raises httpcore2.WriteTimeout."""
        self._stream.write(buffer, _remaining(timeout))

    def close(self) -> None:
        """Hang up."""
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        """The same connection, encrypted; the certificate must be for `server_hostname`."""
        encrypted = self._stream.start_tls(ssl_context, server_hostname, _remaining(timeout))
        return DeadlineStream(encrypted, self._address)

    def get_extra_info(self, info: str) -> object:
        """What httpcore2 asks a connection; `checked_address` is the IP address it was opened to."""
        return self._address if info == "checked_address" else self._stream.get_extra_info(info)


class GuardedBackend(httpcore2.NetworkBackend):
    """Opens connections to addresses that were checked, and to no others."""

    def __init__(self, resolve: Resolver, network: Network | None, *, allow_private: bool) -> None:
        self._resolve = resolve
        self._network = network or httpcore2.SyncBackend()
        self._allow_private = allow_private

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection to the first checked address that answers. Raises RefusedError, FetchError."""
        failure: Exception = httpcore2.ConnectError(host)
        for address in self._checked(host, port):
            try:
                stream = self._network.connect_tcp(address, port, _remaining(timeout), local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return DeadlineStream(stream, address)
        raise failure

    def _checked(self, host: str, port: int) -> list[str]:
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise FetchError(
                f"Der Name {host} lässt sich nicht auflösen",
                url=host,
                hint="Schreibweise der Adresse und Netzverbindung prüfen",
            ) from error
        allowed = [address for address in addresses if self._allow_private or is_public(address)]
        if not allowed:
            raise RefusedError(
                f"{host} führt zu einer nicht öffentlichen Adresse ({', '.join(addresses)})",
                url=host,
                hint="für eine eigene Quelle im internen Netz: allow_private = true",
            )
        return allowed


class ResponseStream(httpx2.SyncByteStream):
    """The body of a response as it arrives; errors become those of httpx2."""

    def __init__(self, stream: Iterable[bytes]) -> None:
        self._stream = stream

    def __iter__(self) -> Iterator[bytes]:
        with _httpx2_errors():
            yield from self._stream

    def close(self) -> None:
        """Give the connection back, or hang up when the body was not read to its end."""
        close = getattr(self._stream, "close", None)
        if close is not None:
            close()


class GuardedTransport(httpx2.BaseTransport):
    """HTTP/1.1 over connections of `GuardedBackend`.

    A transport serves one policy: a connection that was opened to a private address is never reused by a request that
    may not go there. `ssl_context` is needed for https alone.
    """

    def __init__(
        self, resolve: Resolver, network: Network | None, *, allow_private: bool, ssl_context: ssl.SSLContext | None
    ) -> None:
        self._pool = httpcore2.ConnectionPool(
            ssl_context=ssl_context,
            keepalive_expiry=30,
            network_backend=GuardedBackend(resolve, network, allow_private=allow_private),
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request and read the head of its response."""
        with _httpx2_errors():
            response = self._pool.handle_request(
                httpcore2.Request(
                    method=request.method,
                    url=httpcore2.URL(
                        scheme=request.url.raw_scheme,
                        host=request.url.raw_host,
                        port=request.url.port,
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        assert isinstance(response.stream, Iterable)
        return httpx2.Response(
            status_code=response.status,
            headers=response.headers,
            stream=ResponseStream(response.stream),
            extensions=response.extensions,
        )

    def close(self) -> None:
        """Hang up everywhere."""
        self._pool.close()


@contextmanager
def _httpx2_errors() -> Iterator[None]:
    """Errors of httpcore2 as their namesakes of httpx2, so that any transport of httpx2 fails alike."""
    try:
        yield
    except httpcore2.TimeoutException as error:
        raise httpx2.TimeoutException(str(error)) from error
    except httpcore2.NetworkError as error:
        raise httpx2.NetworkError(str(error)) from error
    except (httpcore2.ProtocolError, httpcore2.UnsupportedProtocol) as error:
        raise httpx2.ProtocolError(str(error)) from error
