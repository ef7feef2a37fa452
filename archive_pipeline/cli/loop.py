"""A command again and again, for containers, which have no timers of their own."""

import os
import select
import signal
import subprocess
from collections.abc import Callable, Sequence
from datetime import timedelta
from time import monotonic
from types import FrameType

__all__ = ["repeat"]


def repeat(command: Sequence[str], every: timedelta, say: Callable[[int, str], None]) -> None:
    """Run `command` now and then every so often, until SIGTERM or SIGINT; `say` hears its exit code and output.

    Each time is a process of its own: whatever goes wrong there, the next one begins afresh. Times are counted from the
    first and don't drift; one that a long command passed over is left out. A signal is handed on to the command, whose
    end is waited for; a second one too, so that it stops at once.
    """
    stop = _Stop()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False), signal.getsignal(signal.SIGINT)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    first, seconds, done = monotonic(), every.total_seconds(), 0
    try:
        while not stop.requested:
            say(*stop.run(command))
            done = max(done + 1, int((monotonic() - first) / seconds) + 1)
            if not stop.requested:
                select.select([reader], [], [], max(0.0, first + done * seconds - monotonic()))
    finally:
        signal.set_wakeup_fd(before[0])
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, before[1])
        os.close(reader)
        os.close(writer)


class _Stop:
    """What a signal does: note it, and hand it on to the command that runs."""

    def __init__(self) -> None:
        self.requested = False
        self._child: subprocess.Popen[str] | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self.requested = True
        if self._child is not None:
            self._child.send_signal(signal.SIGTERM)

    def run(self, command: Sequence[str]) -> tuple[int, str]:
        """Run to the end. Ctrl-C on the terminal goes to the whole group of processes: the command has its own, or it
        would be stopped twice."""
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as child:
            self._child = child
            if self.requested:
                child.send_signal(signal.SIGTERM)
            output, _ = child.communicate()
        self._child = None
        return child.returncode, output
