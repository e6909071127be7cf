"""Run the rooms as child processes: start, restart those that die, stop together."""

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta

import structlog

from node.backoff import delay
from node.loop import STOP_SIGNALS, Loop

_FIRST_RESTART = timedelta(seconds=0.5)
_SLOWEST_RESTART = timedelta(seconds=30)
_STEADY_SECONDS = 60.0
"""A child that lived this long is restarted at once when it dies."""

_IN_ORDER = (0, *(-number for number in STOP_SIGNALS))
"""Exit statuses; a process that is still starting when it is told to leave ends by the signal itself."""

_log = structlog.get_logger()


class Room:
    """One child process. It holds the read end of a pipe and leaves when we close ours, however we end."""

    def __init__(self, name: str, command: Sequence[str], clock: Callable[[], float]) -> None:
        self.name = name
        self._command = command
        self._clock = clock
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = 0.0
        self._start_at = 0.0
        self._deaths = 0

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process is not None and self._process.poll() is None

    def look_after(self) -> None:
        """Start the process if it is time to; note that it has died, and when it may come back."""
        if self._process is not None and self._process.poll() is not None:
            self._bury(self._process.returncode)
        if self._process is None and self._clock() >= self._start_at:
            self._started_at = self._clock()
            self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE)  # noqa: S603 - our own command line
            _log.info("room started", action="start", room=self.name, pid=self._process.pid)

    def terminate(self) -> None:
        """Tell the process to finish its running step and leave."""
        if self._process is not None:
            self._process.terminate()

    def leave(self, timeout_seconds: float) -> bool:
        """Wait until the process has left, end it if it does not; return whether it left in order."""
        if self._process is None:
            return True
        with suppress(subprocess.TimeoutExpired):
            return self._process.wait(max(timeout_seconds, 0.0)) in _IN_ORDER
        self._process.kill()
        self._process.wait()
        _log.error("room killed", action="stop", room=self.name, reason="it did not leave in time")
        return False

    def _bury(self, exit_status: int) -> None:
        lived = self._clock() - self._started_at
        self._deaths = 1 if lived >= _STEADY_SECONDS else self._deaths + 1
        wait = delay(self._deaths, _FIRST_RESTART, _SLOWEST_RESTART).total_seconds()
        self._start_at = self._clock() + wait
        self._process = None
        _log.error("room died", action="restart", room=self.name, exit_status=exit_status, wait_seconds=round(wait, 1))


def supervise(
    commands: Mapping[str, Sequence[str]],
    loop: Loop,
    grace_seconds: float,
    clock: Callable[[], float] = time.monotonic,
) -> bool:
    """Run a command per room until the loop is stopped.

    Parameters
    ----------
    grace_seconds
        How long the rooms have to finish their running step after they were told to leave.

    Returns
    -------
    bool
        Whether all of them left in order.
    """
    rooms = [Room(name, command, clock) for name, command in commands.items()]

    def look_after_all() -> bool:
        for room in rooms:
            room.look_after()
        return False

    loop.run(look_after_all)
    for room in rooms:
        room.terminate()
    deadline = clock() + grace_seconds
    left = [room.leave(deadline - clock()) for room in rooms]
    return all(left)
