"""Repeat a step until told to stop."""

import os
import signal
import subprocess
import sys
import time
from threading import Thread

import pytest
from support.wait import wait_until

from node.loop import Loop

LONG = 3600.0

PROGRAM = """
import os, sys
from node.loop import Loop, stop_on_signals
loop = Loop(3600.0)
stop_on_signals(loop.stop, int(sys.argv[1]) if len(sys.argv) > 1 else None)
print("ready", flush=True)
loop.run(lambda: False)
print("left", flush=True)
"""


def test_a_stop_before_the_loop_begins_is_not_lost() -> None:
    loop = Loop(LONG)
    loop.stop()

    loop.run(lambda: pytest.fail("a step after the stop"))

    assert loop.stopped


def test_the_running_step_is_finished_and_no_other_begins() -> None:
    loop, finished = Loop(LONG), []

    def step() -> bool:
        loop.stop()
        finished.append("step")
        return True

    loop.run(step)

    assert finished == ["step"]


def test_it_does_not_rest_while_there_is_work() -> None:
    loop, left = Loop(LONG), [3, 2, 1]

    def step() -> bool:
        left.pop()
        if not left:
            loop.stop()
        return True

    loop.run(step)

    assert left == []


def test_waking_ends_the_rest() -> None:
    loop, steps = Loop(LONG), []

    def step() -> bool:
        steps.append(len(steps))
        if len(steps) == 2:
            loop.stop()
        else:
            Thread(target=loop.wake).start()
        return False

    loop.run(step)

    assert steps == [0, 1]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_rest_and_the_process_leaves_in_order(number: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    process.send_signal(number)

    assert process.communicate(timeout=20)[0] == "left\n"
    assert process.returncode == 0


def test_the_end_of_the_parent_ends_the_process() -> None:
    ours, theirs = os.pipe()[::-1]
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(theirs)], stdout=subprocess.PIPE, text=True, pass_fds=[theirs]
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"

    os.close(ours)  # what the kernel does when the parent dies

    assert process.communicate(timeout=20)[0] == "left\n"
    os.close(theirs)


class Eager:
    """A rest that is always told there is something to do."""

    def __init__(self) -> None:
        self.rests = 0

    def wait(self, _: float) -> bool:
        self.rests += 1
        return True

    def interrupt(self) -> None:
        """It never lasts."""


def test_a_loop_that_is_woken_for_what_it_cannot_do_pauses() -> None:
    rest = Eager()
    loop = Loop(LONG, rest)
    thread = Thread(target=loop.run, args=[lambda: False])
    began = time.monotonic()
    thread.start()
    wait_until(lambda: rest.rests >= 4, what="four rests")
    seconds = time.monotonic() - began

    loop.stop()
    thread.join()

    assert seconds >= 3 * 0.05
