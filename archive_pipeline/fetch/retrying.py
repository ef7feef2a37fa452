"""Asking again where a failure may pass: how often, after what pause, and when to leave it for this run."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

import stamina
import stamina.instrumentation

from archive_pipeline.errors import TransientFetchError

__all__ = ["TRIES", "Patience", "retried", "seconds_to_wait"]

AnswerT = TypeVar("AnswerT")

TRIES = 3
FIRST_PAUSE = 1.0
"""Seconds before the second try; each further one waits twice as long."""

MAX_RETRY_AFTER = 120.0
"""The longest pause in seconds that a server can ask for and still be asked again in this run."""

IN_VAIN, SECONDS_IN_VAIN = 3, 60.0
"""Questions in a row that a host leaves without an answer, and the seconds they took together, after which it is asked
no more in this run: the run waits for its slowest host, and nobody else may write meanwhile. A server that answers
nothing would else hold it up for minutes with each of hundreds of documents."""

# every try stands in the request log; stamina would also tell the terminal
stamina.instrumentation.set_on_retry_hooks(())


class Patience:
    """Which hosts are still asked in a run. Many threads may use it at once."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._in_vain: dict[str, tuple[int, float]] = {}

    def is_over(self, host: str) -> bool:
        """Whether enough time was lost with a host."""
        count, seconds = self._in_vain.get(host, (0, 0.0))
        return count >= IN_VAIN and seconds >= SECONDS_IN_VAIN

    def lost(self, host: str, seconds: float) -> None:
        """Note a question that took so long, tries and pauses included, and found no answer."""
        count, before = self._in_vain.get(host, (0, 0.0))
        self._in_vain[host] = (count + 1, before + seconds)

    def answered(self, host: str) -> None:
        """Note that a host answers."""
        self._in_vain.pop(host, None)


def retried(send: Callable[[], AnswerT], *, sleep: Callable[[float], None], tries: int = TRIES) -> AnswerT:
    """What `send` returns, tried again while it raises TransientFetchError, which the last try raises on.

    `sleep` waits between tries and may raise to end the run. A pause that the server asked for is waited for by the
    next request itself, in the client's pace, so that nobody else asks meanwhile; beyond MAX_RETRY_AFTER there is no
    next one.
    """
    pause = 0.0

    def may_pass(error: Exception) -> float | bool:
        # a pause of 0: nothing could end stamina's own waiting
        return 0.0 if isinstance(error, TransientFetchError) and error.retry_after <= MAX_RETRY_AFTER else False

    attempts = stamina.retry_context(
        on=may_pass, attempts=tries, timeout=None, wait_initial=FIRST_PAUSE, wait_max=MAX_RETRY_AFTER, wait_jitter=0.0
    )
    for attempt in attempts:
        with attempt:
            if pause:
                sleep(pause)
            try:
                return send()
            except TransientFetchError as error:
                pause = 0.0 if error.retry_after else attempt.next_wait
                raise
    raise AssertionError("the last try returns or raises")


def seconds_to_wait(retry_after: str | None, now: datetime) -> float:
    """The pause that a field Retry-After asks for, as seconds or as a date (RFC 9110, 10.2.3); 0 for nonsense."""
    value = (retry_after or "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), 1e9)
    try:
        moment = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return 0.0
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())
