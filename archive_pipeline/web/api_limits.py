"""How much one client may ask of searches and of the API: a budget that fills up again."""

import threading
import time
from collections.abc import Awaitable, Callable

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

__all__ = ["CAPACITY", "REFILL", "Budget"]

CAPACITY, REFILL = 240, 4.0
"""Points that a client has at most, and points that come back each second."""

MOST_CLIENTS = 10_000


class Budget:
    """The points of every client: an account, or an address without one. Where nobody logs in nothing is counted: who
    asks sits at this machine."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._clients: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def take(self, request: Request, cost: int) -> None:
        """Take points. Raises HTTPException (429), with the seconds to wait, when there are not so many."""
        came_by = getattr(request.state, "came_by", None)
        if came_by is None:
            return
        address = request.client.host if request.client else ""
        client = f"account {request.state.viewer.name}" if came_by != "nothing" else f"address {address}"
        now = self._clock()
        with self._lock:
            points, since = self._clients.pop(client, (float(CAPACITY), now))
            points = min(CAPACITY, points + (now - since) * REFILL)
            enough = points >= cost
            self._clients[client] = (points - cost if enough else points, now)
            while len(self._clients) > MOST_CLIENTS:  # the one that has asked for nothing the longest is forgotten
                self._clients.pop(next(iter(self._clients)))
        if not enough:
            wait = int((cost - points) / REFILL) + 1
            raise HTTPException(429, headers={"retry-after": str(wait)})

    def bounded(self, page: Callable[[Request], Response], cost: int) -> Callable[[Request], Response]:
        """A page that takes points, too."""

        def answer(request: Request) -> Response:
            self.take(request, cost)
            return page(request)

        return answer

    def bounded_form(
        self, page: Callable[[Request], Awaitable[Response]], cost: int
    ) -> Callable[[Request], Awaitable[Response]]:
        """The same for one that takes a form."""

        async def answer(request: Request) -> Response:
            self.take(request, cost)
            return await page(request)

        return answer
