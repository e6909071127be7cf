"""Repeat a step until told to stop, by a signal or by the end of the parent process."""

import os
import select
import signal
from collections.abc import Callable
from threading import Event, Thread
from types import FrameType

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Loop:
    """Repeats a step; rests while there is nothing to do; ends after the step during which it was stopped."""

    def __init__(self, rest_seconds: float) -> None:
        self._rest_seconds = rest_seconds
        self._stopped = Event()
        self._woken = Event()

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """End the loop after the running step; not lost when called before ``run``."""
        self._stopped.set()
        self._woken.set()

    def wake(self) -> None:
        """End the rest early: there is something to do."""
        self._woken.set()

    def run(self, step: Callable[[], bool]) -> None:
        """Repeat ``step`` until stopped; rest whenever it returns False (nothing was done)."""
        while not self.stopped:
            self._woken.clear()
            if not step() and not self.stopped:
                self._woken.wait(self._rest_seconds)


def stop_on_signals(stop: Callable[[], None], parent_pipe: int | None = None) -> None:
    """Call ``stop`` on SIGTERM, on SIGINT and when the parent closes its end of a pipe. Main thread only.

    A thread waits for them: a Python signal handler runs between any two steps of the main thread, where
    taking a lock that this thread already holds would block it for ever.

    Parameters
    ----------
    parent_pipe
        File descriptor of the read end of a pipe whose write end only the parent process holds: it closes
        however the parent ends, ``kill -9`` included.
    """
    told, teller = os.pipe()
    os.set_blocking(teller, False)
    signal.set_wakeup_fd(teller, warn_on_full_buffer=False)
    for number in STOP_SIGNALS:
        signal.signal(number, _noted)
    watched = [told] if parent_pipe is None else [told, parent_pipe]

    def watch() -> None:
        while True:
            ready, _, _ = select.select(watched, [], [])
            if told in ready or not os.read(ready[0], 64):
                return stop()

    Thread(target=watch, name="stop", daemon=True).start()


def _noted(number: int, frame: FrameType | None) -> None:
    """Do nothing: the number of the signal is already on its way to the watching thread."""
