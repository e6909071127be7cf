"""Repeat a step until told to stop, by a signal or by the end of the parent process."""

import os
import select
import signal
from collections.abc import Callable
from threading import Event, Thread
from types import FrameType
from typing import Protocol

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


_PAUSE_SECONDS = 0.05


class Rest(Protocol):
    """How a loop rests."""

    def wait(self, timeout_seconds: float) -> bool:
        """Return True as soon as there may be something to do, False when the time is over."""

    def interrupt(self) -> None:
        """End the running rest, or the next one, at once; may be called from any thread."""


class Bell:
    """A rest that ends when it is rung for."""

    def __init__(self) -> None:
        self._rung = Event()

    def wait(self, timeout_seconds: float) -> bool:
        """Return whether it was rung for, now or since the last rest."""
        rung = self._rung.wait(timeout_seconds)
        if rung:
            self._rung.clear()
        return rung

    def interrupt(self) -> None:
        """Ring."""
        self._rung.set()


class Loop:
    """Repeats a step; rests while there is nothing to do; ends after the step during which it was stopped."""

    def __init__(self, rest_seconds: float, rest: Rest | None = None) -> None:
        self._rest_seconds = rest_seconds
        self._rest: Rest = rest or Bell()
        self._stopped = Event()

    @property
    def stopped(self) -> bool:
        """Whether it was told to stop."""
        return self._stopped.is_set()

    def stop(self) -> None:
        """End the loop after the running step; not lost when called before ``run``."""
        self._stopped.set()
        self._rest.interrupt()

    def wake(self) -> None:
        """End the rest early: there is something to do."""
        self._rest.interrupt()

    def run(self, step: Callable[[], bool]) -> None:
        """Repeat ``step`` until stopped; rest whenever it returns False (nothing was done)."""
        woken = False
        while not self.stopped:
            if step():
                woken = False
                continue
            if woken:  # for something that another was quicker to do, or that cannot be done now
                self._stopped.wait(_PAUSE_SECONDS)
            if not self.stopped:
                woken = self._rest.wait(self._rest_seconds)


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
