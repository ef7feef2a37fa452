"""The way to the network: resolve, check, and connect to the very address that was checked, within a deadline.

httpx2 gives no access to how its own transport connects, so this one holds connection pools of httpcore2 (the layer
below httpx2, of the same release) with a network backend of its own. Host header, SNI and the name in the certificate
stay those of the address asked for.

Behind a proxy it is the proxy that looks names up. There the guard refuses private addresses that are written out and
names that can only be internal ones, but can't see where any other name leads. The proxy is a setting; those named in
the environment are never used.
"""

import ipaddress
import socket
import ssl
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

import httpcore2

from archive_pipeline.errors import FetchError, RefusedError, TransientFetchError

__all__ = [
    "BUDGET",
    "FAILURES",
    "Budget",
    "GuardedBackend",
    "GuardedTransport",
    "Network",
    "Resolver",
    "is_public",
    "is_public_name",
    "system_resolver",
    "within",
]

Resolver = Callable[[str, int], Sequence[str]]
"""Name and port to IP addresses as text, best first. Raises OSError when there are none."""

Network = httpcore2.NetworkBackend
"""What opens a connection to an address that was checked; a test can put its own network here."""

NAT64 = ipaddress.ip_network("64:ff9b::/96")
GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""All that IANA has given to the public internet; outside lie site-local, IPv4-compatible and local NAT64 addresses."""

DOCUMENTATION = ipaddress.ip_network("3fff::/20")
"""RFC 9637; this Python doesn't know it yet."""

INTERNAL = frozenset({"localhost", "local", "internal", "intranet", "private", "corp", "home", "lan", "home.arpa"})
"""Suffixes of names that exist in somebody's own network only: RFC 6761, RFC 6762 with its appendix G, RFC 8375, and
`internal` as ICANN set it aside in 2024."""


POOLS = 32
"""Connection pools that hosts share out among them: for each request a pool looks twice at every connection it has."""

IDLE_CONNECTIONS = 8
"""Connections of one pool that are kept open for the next request to the same host."""

IDLE_SECONDS = 30.0
"""How long they are kept: longer than it takes until a host's next turn."""

SLICE = 1.0
"""Seconds after which a read that still waits looks whether the run was stopped."""


@dataclass(slots=True)
class Budget:
    """What the exchange that is going on may still take: the time until `deadline`, on the clock of `time.monotonic`,
    and `left` bytes from the network, with all that is no body: heads, chunk sizes, interim responses."""

    deadline: float = float("inf")
    left: float = float("inf")


FAILURES = (
    httpcore2.TimeoutException,
    httpcore2.NetworkError,
    httpcore2.ProtocolError,
    httpcore2.ProxyError,
    httpcore2.UnsupportedProtocol,
)
"""What connections raise when they fail; they have no class in common."""

BUDGET: ContextVar[Budget] = ContextVar("budget", default=Budget())  # noqa: B039 - never spent: both are infinite


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


def is_public_name(host: str) -> bool:
    """Whether a host may be public as far as its name tells: no internal name, no address of a private network in any
    of the spellings that resolvers know (`127.1`, `0x7f000001`, `2130706433`)."""
    name = host.rstrip(".").lower()
    try:
        return is_public(name)
    except ValueError:
        pass
    try:
        return is_public(socket.inet_ntoa(socket.inet_aton(name)))
    except (OSError, UnicodeError):
        labels = name.split(".")
    return len(labels) > 1 and labels[-1] not in INTERNAL and ".".join(labels[-2:]) not in INTERNAL


@contextmanager
def within(seconds: float, size: int) -> Iterator[Budget]:
    """Every read and write of the block ends after this many seconds in all, however slowly bytes trickle, and reading
    after `size` bytes; the block may grant more."""
    budget = Budget(time.monotonic() + seconds, size)
    token = BUDGET.set(budget)
    try:
        yield budget
    finally:
        BUDGET.reset(token)


def _remaining(timeout: float | None) -> float:
    left = BUDGET.get().deadline - time.monotonic()
    if left <= 0:
        raise httpcore2.ReadTimeout("deadline")
    return left if timeout is None else min(left, timeout)


class BudgetStream(httpcore2.NetworkStream):
    """A connection whose reads and writes also end with the budget of the exchange. `address` is the IP address that
    was checked, None behind a proxy."""

    def __init__(self, stream: httpcore2.NetworkStream, address: str | None, interrupt: Callable[[], None]) -> None:
        self._stream = stream
        self._address = address
        self._interrupt = interrupt

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Up to `max_bytes`; raises httpcore2.ReadTimeout, httpcore2.RemoteProtocolError when it is too much in all."""
        budget = BUDGET.get()
        left = _remaining(timeout)
        while True:
            try:
                data = self._stream.read(max_bytes, min(left, SLICE))
            except httpcore2.ReadTimeout:
                left -= SLICE
                if left <= 0:
                    raise
                self._interrupt()
            else:
                budget.left -= len(data)
                if budget.left < 0:
                    raise httpcore2.RemoteProtocolError("zu viele Bytes")
                return data

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
        return BudgetStream(encrypted, self._address, self._interrupt)

    def get_extra_info(self, info: str) -> object:
        """What httpcore2 asks a connection; `checked_address` is the IP address it was opened to."""
        return self._address if info == "checked_address" else self._stream.get_extra_info(info)


class GuardedBackend(httpcore2.NetworkBackend):
    """Opens connections to addresses that were checked, and to no others."""

    def __init__(
        self, resolve: Resolver, network: Network, *, allow_private: bool, interrupt: Callable[[], None]
    ) -> None:
        self._resolve = resolve
        self._network = network
        self._allow_private = allow_private
        self._interrupt = interrupt

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection to the first checked address that answers. Raises RefusedError, FetchError, TransientFetchError
        while names can't be looked up."""
        failure: Exception = httpcore2.ConnectError(host)
        for address in self._checked(host, port):
            try:
                stream = self._network.connect_tcp(address, port, _remaining(timeout), local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                failure = error
            else:
                return BudgetStream(stream, address, self._interrupt)
        raise failure

    def _checked(self, host: str, port: int) -> list[str]:
        try:
            addresses = self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            # no answer of the name servers says nothing of the name, which they would deny otherwise
            passes = isinstance(error, socket.gaierror) and error.errno == socket.EAI_AGAIN
            raise (TransientFetchError if passes else FetchError)(
                f"Der Name {host} lässt sich {'gerade ' if passes else ''}nicht auflösen",
                url=host,
                hint="Schreibweise der Adresse und Netzverbindung prüfen",
            ) from error
        allowed = [address for address in addresses if self._allow_private or is_public(address)]
        if not allowed:
            raise _refused(host, f"führt zu einer nicht öffentlichen Adresse ({', '.join(addresses)})")
        return allowed


class ProxyBackend(httpcore2.NetworkBackend):
    """Opens connections to the proxy, which whoever runs the archive has chosen: it may be anywhere."""

    def __init__(self, network: Network, *, interrupt: Callable[[], None]) -> None:
        self._network = network
        self._interrupt = interrupt

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """A connection to the proxy."""
        stream = self._network.connect_tcp(host, port, _remaining(timeout), local_address, socket_options)
        return BudgetStream(stream, None, self._interrupt)


class GuardedTransport:
    """HTTP/1.1 over connections of `GuardedBackend`, or through a proxy. Many threads may use it at once.

    A transport serves one policy: a connection that was opened to a private address is never reused by a request that
    may not go there. `ssl_context` is needed for https alone. `interrupt` is called now and then while a read waits; it
    ends a run that is stopped by raising an error.
    """

    def __init__(
        self,
        resolve: Resolver,
        network: Network | None,
        *,
        allow_private: bool,
        ssl_context: ssl.SSLContext | None,
        proxy: httpcore2.Proxy | None = None,
        interrupt: Callable[[], None] = lambda: None,
    ) -> None:
        self._names_only = proxy is not None and not allow_private
        system = network or httpcore2.SyncBackend()
        backend: httpcore2.NetworkBackend = (
            GuardedBackend(resolve, system, allow_private=allow_private, interrupt=interrupt)
            if proxy is None
            else ProxyBackend(system, interrupt=interrupt)
        )
        self._pools = [
            httpcore2.ConnectionPool(
                ssl_context=ssl_context,
                proxy=proxy,
                max_connections=None,  # as many as threads ask for: a limit would make hosts wait for each other
                max_keepalive_connections=IDLE_CONNECTIONS,
                keepalive_expiry=IDLE_SECONDS,
                network_backend=backend,
            )
            for _ in range(POOLS)
        ]

    def send(self, request: httpcore2.Request) -> httpcore2.Response:
        """Send one request and read the head of its response. Raises RefusedError, FetchError, and FAILURES."""
        if self._names_only and not is_public_name(request.url.host.decode("ascii")):
            raise _refused(request.url.host.decode("ascii"), "ist keine öffentliche Adresse")
        return self._pools[zlib.crc32(request.url.host) % POOLS].handle_request(request)

    def close(self) -> None:
        """Hang up everywhere."""
        for pool in self._pools:
            pool.close()


def _refused(host: str, why: str) -> RefusedError:
    hint = "für eine eigene Quelle im internen Netz: allow_private = true"
    return RefusedError(f"{host} {why}", url=host, hint=hint)
