from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine
from support.records import NOW, after, new_job

from db import interventions, queue, views
from db.interventions import Order
from db.records import Action, Intervention, Job, JobState
from db.rows import jobs_where

LEASE = timedelta(seconds=60)
ORDER = Order(person="dr.x", reason="asked by phone", at=after(100))


def enqueue(conn: Connection, priority: int = 0) -> int:
    job_id = queue.enqueue(conn, new_job(priority=priority), NOW)
    assert job_id is not None
    return job_id


def claim(conn: Connection, worker: str = "w1", seconds: float = 0) -> Job | None:
    return queue.claim(conn, worker, after(seconds), LEASE)


def look(conn: Connection) -> Job:
    (job,) = jobs_where(conn)
    return job


def test_a_job_that_is_held_is_not_claimed_until_it_is_released(engine: Engine) -> None:
    with engine.begin() as conn:
        job_id = enqueue(conn)

        assert interventions.hold(conn, job_id, ORDER)
        assert look(conn).state is JobState.HELD
        assert claim(conn, seconds=1000) is None
        assert queue.next_due(conn, after(1000)) is None

        assert interventions.release(conn, job_id, ORDER)
        assert claim(conn, seconds=1000) is not None


def test_what_is_cancelled_while_it_runs_is_no_longer_its_workers(engine: Engine) -> None:
    with engine.begin() as conn:
        job_id = enqueue(conn)
        claim(conn)

        assert interventions.cancel(conn, job_id, ORDER)

        assert not queue.heartbeat(conn, job_id, "w1", after(200))
        assert not queue.finish(conn, job_id, "w1", "{}", after(101))
        got = look(conn)
        assert (got.state, got.reason, got.finished_at) == (JobState.CANCELLED, "asked by phone", after(100))
        assert claim(conn, seconds=1000) is None


def fail(conn: Connection, job_id: int) -> None:
    claim(conn)
    queue.fail(conn, job_id, "w1", "slices are missing", after(1))


def finish(conn: Connection, job_id: int) -> None:
    claim(conn)
    queue.finish(conn, job_id, "w1", "{}", after(1))


def cancel(conn: Connection, job_id: int) -> None:
    interventions.cancel(conn, job_id, ORDER)


@pytest.mark.parametrize("close", [fail, finish, cancel])
def test_a_closed_job_can_be_requeued_and_begins_anew(engine: Engine, close: Callable[[Connection, int], None]) -> None:
    with engine.begin() as conn:
        job_id = enqueue(conn)
        before = look(conn)
        close(conn, job_id)

        assert interventions.requeue(conn, job_id, ORDER)

        assert look(conn) == before
        assert claim(conn, seconds=99) is None
        assert claim(conn, seconds=100) is not None


def test_a_job_that_killed_its_workers_can_be_requeued(engine: Engine) -> None:
    with engine.begin() as conn:
        job_id = enqueue(conn)
        for attempt in range(2):
            claim(conn, seconds=60 * attempt)
            queue.set_aside(conn, after(60 * (attempt + 1)), maximum_attempts=1)
        assert look(conn).state is JobState.FAILED

        assert interventions.requeue(conn, job_id, ORDER)

        assert (look(conn).attempts, look(conn).failure) == (0, "")


def test_what_is_requeued_waits_its_turn_again_but_keeps_its_priority(engine: Engine) -> None:
    with engine.begin() as conn:
        first = enqueue(conn, priority=1)
        fail(conn, first)
        routine = queue.enqueue(conn, new_job(series=("1.9",)), after(3))
        urgent = queue.enqueue(conn, new_job(series=("1.8",), priority=1), after(4))
        interventions.requeue(conn, first, ORDER)

        taken = [claim(conn, seconds=200) for _ in range(3)]

        assert [job.id for job in taken if job] == [urgent, first, routine]


def test_what_a_later_generation_has_overtaken_is_not_requeued(engine: Engine) -> None:
    with engine.begin() as conn:
        older = enqueue(conn)
        fail(conn, older)
        queue.enqueue(conn, new_job(generation=1), after(5))

        assert not interventions.requeue(conn, older, ORDER)


def test_a_superseded_job_is_not_requeued(engine: Engine) -> None:
    with engine.begin() as conn:
        older = enqueue(conn)
        queue.enqueue(conn, new_job(generation=1), after(5))

        assert not interventions.requeue(conn, older, ORDER)


def test_what_cannot_be_done_is_not_done_and_not_written_down(engine: Engine) -> None:
    with engine.begin() as conn:
        job_id = enqueue(conn)

        assert not interventions.release(conn, job_id, ORDER)
        assert not interventions.requeue(conn, job_id, ORDER)
        assert not interventions.hold(conn, 99, ORDER)
        claim(conn)
        assert not interventions.hold(conn, job_id, ORDER)
        queue.finish(conn, job_id, "w1", "{}", after(1))
        assert not interventions.cancel(conn, job_id, ORDER)

        assert views.interventions_of_job(conn, job_id) == ()


def test_who_did_what_when_and_why_is_written_down(engine: Engine) -> None:
    with engine.begin() as conn:
        job_id = enqueue(conn)
        interventions.hold(conn, job_id, ORDER)
        interventions.cancel(conn, job_id, Order(person="dr.y", reason="wrong patient", at=after(200)))

        first, second = views.interventions_of_job(conn, job_id)

    assert first == Intervention(
        id=first.id, job_id=job_id, action=Action.HOLD, person="dr.x", reason="asked by phone", at=after(100)
    )
    assert (second.action, second.person, second.reason) == (Action.CANCEL, "dr.y", "wrong patient")
