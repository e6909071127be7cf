"""Rooms as child processes: started, restarted, stopped together."""

import sys
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from threading import Thread

from structlog.testing import capture_logs
from support.wait import wait_until

from node.loop import Loop
from node.supervisor import supervise

LIVES = (
    "import signal, sys, pathlib\n"
    "signal.signal(signal.SIGTERM, lambda *_: sys.exit({status}))\n"
    "pathlib.Path({path!r}).write_text('alive')\n"
    "signal.pause()"
)
DIES = (
    "import pathlib; path = pathlib.Path({path!r}); path.write_text(path.read_text() + 'x' if path.exists() else 'x')"
)


def command(program: str, path: Path, status: int = 0) -> list[str]:
    return [sys.executable, "-c", program.format(path=str(path), status=status)]


def a_minute_later() -> Callable[[], float]:
    """Return a clock that is a minute later at every look, so that nothing has to be waited for."""
    minutes = count()
    return lambda: 60.0 * next(minutes)


def supervising(
    loop: Loop,
    commands: dict[str, list[str]],
    outcome: list[bool],
    clock: Callable[[], float] = time.monotonic,
    grace_seconds: float = 20.0,
) -> Thread:
    thread = Thread(target=lambda: outcome.append(supervise(commands, loop, grace_seconds, clock)))
    thread.start()
    return thread


def test_all_rooms_are_started_and_leave_when_told_to(tmp_path: Path) -> None:
    loop, outcome = Loop(0.01), []
    marks = [tmp_path / "one", tmp_path / "two"]
    thread = supervising(loop, {mark.name: command(LIVES, mark) for mark in marks}, outcome)
    wait_until(lambda: all(mark.exists() for mark in marks), timeout=20, what="both rooms")

    loop.stop()
    thread.join(20)

    assert outcome == [True]


def test_a_room_that_dies_is_started_again(tmp_path: Path) -> None:
    loop, outcome = Loop(0.01), []
    with capture_logs() as lines:
        thread = supervising(loop, {"work": command(DIES, tmp_path / "starts")}, outcome, a_minute_later())
        starts = tmp_path / "starts"
        wait_until(lambda: starts.exists() and len(starts.read_text()) >= 3, timeout=20, what="three starts")
        loop.stop()
        thread.join(20)

    assert [line["room"] for line in lines if line["action"] == "restart"][:2] == ["work", "work"]


def test_a_room_that_leaves_with_an_error_is_reported(tmp_path: Path) -> None:
    loop, outcome = Loop(0.01), []
    thread = supervising(loop, {"work": command(LIVES, tmp_path / "mark", status=3)}, outcome)
    wait_until((tmp_path / "mark").exists, timeout=20, what="the room")

    loop.stop()
    thread.join(20)

    assert outcome == [False]


def test_a_room_that_does_not_leave_is_killed(tmp_path: Path) -> None:
    loop, outcome = Loop(0.01), []
    deaf = "import signal, pathlib; signal.signal(signal.SIGTERM, signal.SIG_IGN)\npathlib.Path({path!r}).touch()\n"
    program = deaf + "while True: signal.pause()"
    thread = supervising(loop, {"work": command(program, tmp_path / "mark")}, outcome, grace_seconds=0.1)
    wait_until((tmp_path / "mark").exists, timeout=20, what="the room")

    with capture_logs() as lines:
        loop.stop()
        thread.join(20)

    assert outcome == [False]
    assert [line["event"] for line in lines] == ["room killed"]


def test_a_room_that_was_still_starting_has_left_in_order(tmp_path: Path) -> None:
    loop, outcome = Loop(0.01), []
    starting = "import pathlib, signal; pathlib.Path({path!r}).touch(); signal.pause()"
    thread = supervising(loop, {"work": command(starting, tmp_path / "mark")}, outcome)
    wait_until((tmp_path / "mark").exists, timeout=20, what="the room")

    loop.stop()
    thread.join(20)

    assert outcome == [True]
