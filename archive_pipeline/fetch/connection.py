"""Connections for protocols other than HTTP (mail), through the same guards: the address that was checked is the one
connected to, certificates are verified, every answer ends in time and size, and each connection is in the request log.
"""

import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime

import httpcore2

from archive_pipeline.errors import FetchError, RefusedError, TransientFetchError
from archive_pipeline.fetch.transport import BUDGET, Budget, is_public
from archive_pipeline.model import Request, RequestOutcome

__all__ = ["Connections", "GuardedConnection", "failure_of"]

READ = 65_536
"""Bytes that are asked for at once."""

GREETING = 65_536
"""Bytes that a server may send before anything was asked of it."""

DIALS = 5
"""Connections to one server in one visit, after which one that keeps breaking off is left alone."""

LATER = "der nächste Lauf versucht es wieder"


class GuardedConnection:
    """A connection to a server; see `archive_pipeline.protocols.Connection`.

    `stream` is one to a checked address, `tls` gives the certificates to trust. `seconds` are what an answer may take
    in all, `idle` until its next byte.
    """

    def __init__(
        self,
        host: str,
        stream: httpcore2.NetworkStream,
        tls: Callable[[], ssl.SSLContext],
        *,
        seconds: float,
        idle: float,
    ) -> None:
        self._host = host
        self._stream = stream
        self._tls = tls
        self._seconds = seconds
        self._idle = idle
        self._budget = Budget()
        self.received = 0
        self.failure: str | None = None
        self.is_open = True
        self.expect(GREETING)

    @property
    def is_private(self) -> bool:
        """Whether the server stands in one's own network."""
        address = self._stream.get_extra_info("checked_address")
        return isinstance(address, str) and not is_public(address)

    def expect(self, max_bytes: int) -> None:
        """Begin a question: its answer may have so many bytes, and the time that every answer has."""
        self._budget = Budget(time.monotonic() + self._seconds, max_bytes)

    def read(self) -> bytes:
        """What has come, at least one byte; nothing when the server has hung up. Raises FetchError."""
        with self._guarded():
            data = self._stream.read(READ, self._idle)
        self.received += len(data)
        return data

    def write(self, data: bytes) -> None:
        """Send all of it. Raises FetchError."""
        with self._guarded():
            self._stream.write(data, self._idle)

    def start_tls(self) -> None:
        """Encrypt what follows; the certificate must be the server's. Raises FetchError."""
        with self._guarded():
            self._stream = self._stream.start_tls(self._tls(), self._host, self._idle)

    def close(self) -> None:
        """Hang up."""
        self.is_open = False
        self._stream.close()

    @contextmanager
    def _guarded(self) -> Iterator[None]:
        token = BUDGET.set(self._budget)
        try:
            yield
        except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError) as error:
            failure = failure_of(error, self._host, too_much=self._budget.left < 0)
            self.failure = failure.message
            self.close()
            raise failure from error
        finally:
            BUDGET.reset(token)


def failure_of(error: Exception, host: str, *, too_much: bool = False) -> FetchError:
    """What went wrong between here and a server, in words."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return FetchError(
                f"Das Zertifikat des Servers ist ungültig ({cause.verify_message})",
                url=host,
                hint="den Betreiber des Servers verständigen",
            )
        cause = cause.__cause__ or cause.__context__
    if too_much:
        return FetchError("Der Server schickt mehr, als erlaubt ist", url=host, hint="[archive] max_bytes prüfen")
    if isinstance(error, httpcore2.TimeoutException):
        return TransientFetchError("Der Server antwortet nicht rechtzeitig", url=host, hint=LATER)
    reason = str(error) or type(error).__name__
    return TransientFetchError(f"Die Verbindung ist gescheitert ({reason})", url=host, hint=LATER)


class Connections:
    """The connections of one source during one visit: one to each server, kept until the visit is over.

    `dial` opens one to a checked address. `logged` hears of each once, when it is closed or could not be opened.
    """

    def __init__(
        self,
        source_id: str,
        dial: Callable[[str, int], GuardedConnection],
        *,
        clock: Callable[[], datetime],
        logged: Callable[[Request], None],
    ) -> None:
        self._source_id = source_id
        self._dial = dial
        self._clock = clock
        self._logged = logged
        self._open: dict[tuple[str, int], tuple[GuardedConnection, bytes, datetime, float]] = {}
        self._dialled: Counter[tuple[str, int]] = Counter()
        self._failed: dict[tuple[str, int], FetchError] = {}

    def get(self, host: str, port: int, goodbye: bytes) -> GuardedConnection:
        """The connection to this server, a new one when there is none or it was closed. Raises FetchError, again and
        without asking when a connection could not be opened before in this visit."""
        place = (host, port)
        if place in self._failed:
            raise self._failed[place]
        if self._dialled[place] >= DIALS and not (place in self._open and self._open[place][0].is_open):
            raise TransientFetchError("Der Server bricht die Verbindung immer wieder ab", url=host, hint=LATER)
        if place in self._open and self._open[place][0].is_open:
            return self._open[place][0]
        if place in self._open:
            self._end(place)
        self._dialled[place] += 1
        at, begun = self._clock(), time.monotonic()
        try:
            connection = self._dial(host, port)
        except FetchError as error:
            self._failed[place] = error
            self._log(place, at, begun, "address" if isinstance(error, RefusedError) else "error", 0, error.message)
            raise
        self._open[place] = (connection, goodbye, at, begun)
        return connection

    def close(self) -> None:
        """Say goodbye and hang up everywhere."""
        for place in list(self._open):
            self._end(place)

    def _end(self, place: tuple[str, int]) -> None:
        connection, goodbye, at, begun = self._open.pop(place)
        if connection.is_open:
            with suppress(FetchError):
                connection.write(goodbye)
            connection.close()
        outcome: RequestOutcome = "error" if connection.failure else "fetched"
        self._log(place, at, begun, outcome, connection.received, connection.failure)

    def _log(
        self,
        place: tuple[str, int],
        at: datetime,
        begun: float,
        outcome: RequestOutcome,
        received: int,
        detail: str | None,
    ) -> None:
        host, port = place
        self._logged(
            Request(
                source_id=self._source_id,
                url=f"imap://{host}:{port}/",
                at=at,
                outcome=outcome,
                received=received,
                seconds=time.monotonic() - begun,
                detail=detail,
            )
        )
