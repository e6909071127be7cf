"""A room that claims rests until there is something to claim."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Thread, Timer

import pytest
from sqlalchemy import Engine
from support.records import new_job
from support.wait import wait_until

from db import queue, wake
from db.errors import DatabaseBusy
from node.loop import Loop
from node.waking import Waking

LONG = 30.0


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def waking(engine: Engine) -> Iterator[Waking]:
    told = wake.for_jobs(engine, now)
    yield Waking(told)
    told.close()


def test_a_rest_ends_when_a_job_is_enqueued(engine: Engine, waking: Waking) -> None:
    def enqueue() -> None:
        with engine.begin() as connection:
            queue.enqueue(connection, new_job(), now())

    Timer(0.1, enqueue).start()
    began = time.monotonic()

    assert waking.wait(LONG)
    assert time.monotonic() - began < LONG / 2


def test_a_rest_that_is_interrupted_ends_at_once_also_before_it_began(waking: Waking) -> None:
    waking.interrupt()
    began = time.monotonic()

    assert not waking.wait(LONG)
    assert time.monotonic() - began < LONG / 2


class Away:
    """A database that cannot be asked."""

    def __init__(self) -> None:
        self.asked = 0

    def wait(self, _: float) -> bool:
        self.asked += 1
        raise DatabaseBusy("away")

    def interrupt(self) -> None:
        """Nobody listens."""


def test_a_rest_lasts_while_the_database_cannot_be_asked_and_can_be_interrupted() -> None:
    away = Away()
    loop = Loop(LONG, Waking(away))  # type: ignore[arg-type]
    thread = Thread(target=loop.run, args=[lambda: False])
    thread.start()
    wait_until(lambda: away.asked == 1, what="the first question")

    loop.stop()
    thread.join(LONG / 2)

    assert not thread.is_alive()
    assert away.asked == 1
