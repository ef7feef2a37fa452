"""Running somebody's code as the pipeline expects it: without network, without waiting, and soon done."""

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import process_time
from types import FrameType
from typing import Any, NoReturn, ParamSpec, TypeVar
from unittest.mock import patch

from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

__all__ = ["SECONDS", "no_network", "quick", "well_formed"]

P = ParamSpec("P")
T = TypeVar("T")

SECONDS = 2.0
"""Processor time that one document may cost in one step."""

NETWORK = "the network is only for the fetch context: context.get(url)"


class _TimeIsUp(BaseException):
    """Raised in code that goes on for ever; no `except Exception` catches it."""


@contextmanager
def no_network() -> Iterator[None]:
    """Within this context every attempt to connect, to send or to look a name up fails the test; also one whose error
    was caught."""
    attempts: list[str] = []

    def refuse(*_: object, **__: object) -> NoReturn:
        attempts.append(NETWORK)
        raise AssertionError(NETWORK)

    with (
        patch.object(socket.socket, "connect", refuse),
        patch.object(socket.socket, "connect_ex", refuse),
        patch.object(socket.socket, "sendto", refuse),
        patch.object(socket, "getaddrinfo", refuse),
        patch.object(socket, "gethostbyname", refuse),
    ):
        yield
    assert not attempts, NETWORK


def quick(what: str, action: Callable[P, T], *arguments: P.args, **options: P.kwargs) -> T:
    """Call without network, and see that it neither waits nor takes long; where signals can, also stop it."""

    def refuse_to_wait(*_: object) -> NoReturn:
        raise AssertionError(f"{what}: waits (time.sleep); only the fetch context paces requests")

    started = process_time()
    try:
        with no_network(), patch.object(time, "sleep", refuse_to_wait), _limited():
            result = action(*arguments, **options)
    except _TimeIsUp:
        raise AssertionError(f"{what}: not done after {SECONDS} s of processor time") from None
    spent = process_time() - started
    assert spent < SECONDS, f"{what}: {spent:.1f} s of processor time, allowed are {SECONDS}"
    return result


@contextmanager
def _limited() -> Iterator[None]:
    """Interrupt what goes on for ever. Signals reach the main thread only, and not on every system."""
    if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        raise _TimeIsUp

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, 2 * SECONDS, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before or signal.SIG_DFL)


_ADAPTERS: dict[type, TypeAdapter[Any]] = {}


def well_formed(value: object, what: str) -> None:
    """See that every field has its declared type and can be stored, as the pipeline does."""
    kind = type(value)
    if kind not in _ADAPTERS:
        _ADAPTERS[kind] = TypeAdapter(kind)
    adapter = _ADAPTERS[kind]
    try:
        adapter.validate_json(adapter.dump_json(value, warnings="error"))
    except ValidationError as error:
        problem = error.errors()[0]
        raise AssertionError(
            f"{what}: {kind.__name__}.{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
        ) from None
    except PydanticSerializationError as error:
        raise AssertionError(f"{what}: {kind.__name__}: {' '.join(str(error).split())}") from None
