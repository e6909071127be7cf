import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from support.records import new_job, result

from db import inbox, interventions, outbox, queue, wake
from db.engine import open_database
from db.interventions import Order
from db.wake import Wake

LONG = 60.0
LEASE = timedelta(seconds=30)


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def jobs(engine: Engine) -> Iterator[Wake]:
    made = wake.for_jobs(engine, now)
    yield made
    made.close()


@pytest.fixture
def meanwhile(jobs: Wake, engine: Engine) -> Iterator[Callable[[Callable[[], None]], bool]]:
    """Return a function that does something while a thread waits for a job, and returns what it was told."""
    asked = threading.Event()
    event.listen(engine, "checkin", lambda *_: asked.set())
    with ThreadPoolExecutor(1) as pool:

        def wait_while(something: Callable[[], None]) -> bool:
            asked.clear()
            told = pool.submit(jobs.wait, LONG)
            assert asked.wait(LONG)  # there was nothing: now it waits to be told
            something()
            return told.result(LONG / 2)

        yield wait_while
        jobs.interrupt()


def enqueue(engine: Engine, series: str = "1.1") -> int:
    with engine.begin() as conn:
        job_id = queue.enqueue(conn, new_job(series=(series,)), now())
    assert job_id is not None
    return job_id


def test_what_is_there_already_is_not_waited_for(jobs: Wake, engine: Engine) -> None:
    enqueue(engine)

    assert jobs.wait(LONG)
    assert jobs.wait(0)


def test_nothing_to_claim_is_told_when_the_time_is_over(jobs: Wake) -> None:
    assert not jobs.wait(0.05)
    assert not jobs.wait(0)


def test_a_job_that_another_process_enqueues_ends_the_wait(
    meanwhile: Callable[[Callable[[], None]], bool], other_engine: Engine
) -> None:
    assert meanwhile(lambda: enqueue(other_engine) and None)


def test_a_job_that_is_released_or_requeued_ends_the_wait(
    meanwhile: Callable[[Callable[[], None]], bool], other_engine: Engine
) -> None:
    job_id = enqueue(other_engine)
    order = Order(person="x", reason="", at=now())
    with other_engine.begin() as conn:
        assert interventions.hold(conn, job_id, order)

    def let(action: Callable[..., bool]) -> None:
        with other_engine.begin() as conn:
            assert action(conn, job_id, order)

    assert meanwhile(lambda: let(interventions.release))
    let(interventions.cancel)
    assert meanwhile(lambda: let(interventions.requeue))


def test_a_job_that_is_put_off_ends_the_wait_when_its_time_has_come(
    meanwhile: Callable[[Callable[[], None]], bool], other_engine: Engine
) -> None:
    job_id = enqueue(other_engine)
    with other_engine.begin() as conn:
        queue.claim(conn, "w1", now(), LEASE)

    def put_off() -> None:
        with other_engine.begin() as conn:
            assert queue.postpone(conn, job_id, "w1", "no memory", now() + timedelta(seconds=0.2))

    assert meanwhile(put_off)


def test_a_lease_that_runs_out_ends_the_wait(jobs: Wake, engine: Engine) -> None:
    enqueue(engine)
    with engine.begin() as conn:
        queue.claim(conn, "w1", now(), timedelta(seconds=0.2))

    assert jobs.wait(LONG)


def test_commits_that_enqueue_nothing_do_not_end_the_wait(jobs: Wake, other_engine: Engine) -> None:
    def release() -> None:
        for _ in range(5):
            with other_engine.begin() as conn:
                inbox.release(conn, ["1.1"], now())

    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(jobs.wait, 0.3)
        release()

        assert not told.result(LONG)


def test_a_wait_can_be_interrupted_also_before_it_begins(jobs: Wake) -> None:
    jobs.interrupt()
    assert not jobs.wait(LONG)

    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(jobs.wait, LONG)
        jobs.interrupt()

        assert not told.result(LONG / 2)


def test_a_sender_is_told_of_what_is_owed(engine: Engine, other_engine: Engine) -> None:
    deliveries = wake.for_deliveries(engine, now)
    job_id = enqueue(engine)
    assert not deliveries.wait(0)

    with other_engine.begin() as conn:
        outbox.owe(conn, job_id, [result()], ["PACS"], now())

    assert deliveries.wait(LONG)
    deliveries.close()


def test_those_who_wait_leave_no_file_open(url: str) -> None:
    engine = open_database(url, busy_timeout_seconds=5)
    opened = []
    for _ in range(3):
        waker = wake.for_jobs(engine, now)
        waker.wait(0)
        waker.close()
        opened.append(len(list(Path("/proc/self/fd").iterdir())))

    assert opened[1:] == opened[:-1]
    engine.dispose()
