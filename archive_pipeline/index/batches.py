"""Writing many documents at once."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["uncollected"]


@contextmanager
def uncollected() -> Iterator[None]:
    """Without garbage collection in this process: a batch makes millions of objects, none of them in circles, and
    looking through them again and again took a quarter of the time. One batch is short enough for other threads."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
