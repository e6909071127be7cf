from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine
from support.queue_machine import run_queue_machine
from support.records import NOW, after, new_job

from db import queue
from db.engine import open_database
from db.records import Job, JobInput, JobState
from db.rows import jobs_where

LEASE = timedelta(seconds=60)


def claim(conn: Connection, worker: str = "w1", seconds: float = 0) -> Job | None:
    return queue.claim(conn, worker, after(seconds), LEASE)


def claimed(conn: Connection, worker: str = "w1", seconds: float = 0) -> Job:
    job = claim(conn, worker, seconds)
    assert job is not None
    return job


def look(conn: Connection) -> Job:
    (job,) = jobs_where(conn)
    return job


def test_a_job_comes_back_as_it_was_asked_for(engine: Engine) -> None:
    with engine.begin() as conn:
        job_id = queue.enqueue(conn, new_job(series=("1.2", "1.1"), generation=2), NOW)
        assert job_id is not None

        assert claimed(conn, seconds=5) == Job(
            id=job_id,
            model="segment_unet2d",
            study_instance_uid="1.2.3",
            inputs=(JobInput("flair", "1.2"), JobInput("flair", "1.1")),
            series_instance_uids=("1.1", "1.2"),
            generation=2,
            calling_ae_title="PACS",
            notes=(),
            refusal="",
            failure="",
            state=JobState.RUNNING,
            attempts=1,
            reason="",
            enqueued_at=NOW,
            started_at=after(5),
            finished_at=None,
            report="",
        )


def test_a_second_look_enqueues_nothing(engine: Engine) -> None:
    with engine.begin() as conn:
        assert queue.enqueue(conn, new_job(series=("1.1", "1.2")), NOW) is not None

        assert queue.enqueue(conn, new_job(series=("1.1", "1.2")), after(1)) is None
        assert len(jobs_where(conn)) == 1


def test_another_model_series_part_reference_or_generation_is_another_job(engine: Engine) -> None:
    with engine.begin() as conn:
        asked = [
            new_job(),
            new_job(model="other"),
            new_job(series=("1.9",)),
            new_job(part="echo 2 (TE 90 ms)"),
            new_job(series=("1.8", "1.9")),
            new_job(series=("1.9", "1.8")),
            new_job(generation=1),
        ]

        assert None not in [queue.enqueue(conn, new, NOW) for new in asked]


def test_a_job_keeps_why_its_series_were_chosen_whatever_headers_say(engine: Engine) -> None:
    notes = ("series 3 FLAIR AX as FLAIR: axial", "a name that is no text: \udce9")
    with engine.begin() as conn:
        queue.enqueue(conn, replace(new_job(part="stack \udce9"), notes=notes), NOW)

        assert look(conn).notes == notes
        assert look(conn).inputs[0].part == "stack \udce9"


def test_of_jobs_that_wait_the_one_of_higher_priority_is_claimed_first(engine: Engine) -> None:
    with engine.begin() as conn:
        routine, urgent, more_urgent = (
            queue.enqueue(conn, new_job(series=(f"1.{priority}",), priority=priority), after(priority))
            for priority in (0, 1, 2)
        )

        assert [claimed(conn, seconds=9).id for _ in range(3)] == [more_urgent, urgent, routine]


def test_a_routine_job_is_overtaken_only_by_what_comes_within_the_hour(engine: Engine) -> None:
    with engine.begin() as conn:
        in_time = queue.enqueue(conn, new_job(series=("1.1",), priority=1), after(3599))
        too_late = queue.enqueue(conn, new_job(series=("1.2",), priority=1), after(3601))
        routine = queue.enqueue(conn, new_job(series=("1.3",)), NOW)

        assert [claimed(conn, seconds=4000).id for _ in range(3)] == [in_time, routine, too_late]


@pytest.mark.parametrize("priority", [-1, queue.HIGHEST_PRIORITY + 1])
def test_a_priority_without_bounds_is_refused(engine: Engine, priority: int) -> None:
    with engine.begin() as conn, pytest.raises(ValueError, match="not between 0 and 24"):
        queue.enqueue(conn, new_job(priority=priority), NOW)


def test_jobs_are_claimed_in_order_and_once(engine: Engine, other_engine: Engine) -> None:
    with engine.begin() as conn:
        ids = [queue.enqueue(conn, new_job(series=(f"1.{n}",)), NOW) for n in range(3)]

    got = []
    for taker in (engine, other_engine, engine):
        with taker.begin() as conn:
            got.append(claimed(conn).id)
    with other_engine.begin() as conn:
        assert claim(conn) is None
    assert got == ids


def test_a_silent_worker_loses_its_job_when_the_lease_is_over(engine: Engine) -> None:
    with engine.begin() as conn:
        queue.enqueue(conn, new_job(), NOW)
        first = claimed(conn, "w1")

        assert claim(conn, "w2", seconds=59) is None
        second = claimed(conn, "w2", seconds=60)

        assert (second.id, second.attempts) == (first.id, 2)
        assert not queue.heartbeat(conn, first.id, "w1", after(200))
        assert not queue.finish(conn, first.id, "w1", "{}", after(61))
        assert not queue.fail(conn, first.id, "w1", "x", after(61))
        assert not queue.postpone(conn, first.id, "w1", "x", after(61))
        assert not queue.hand_back(conn, first.id, "w1")
        assert look(conn) == second


def test_a_heartbeat_keeps_the_job(engine: Engine) -> None:
    with engine.begin() as conn:
        queue.enqueue(conn, new_job(), NOW)
        job = claimed(conn)

        assert queue.heartbeat(conn, job.id, "w1", after(100))

        assert claim(conn, "w2", seconds=99) is None
        assert claim(conn, "w2", seconds=100) is not None


def test_a_job_that_kills_its_workers_waits_to_be_reported(engine: Engine) -> None:
    with engine.begin() as conn:
        queue.enqueue(conn, new_job(), NOW)
        for attempt in range(3):
            assert claimed(conn, f"w{attempt}", seconds=60 * attempt).attempts == attempt + 1

        assert queue.set_aside(conn, after(179), maximum_attempts=3) == ()
        assert queue.set_aside(conn, after(180), maximum_attempts=4) == ()
        assert look(conn).state is JobState.RUNNING
        assert queue.set_aside(conn, after(180), maximum_attempts=3) == ()

        got = claimed(conn, "w3", seconds=180)
        assert got.failure == "its worker died in attempt 3, the last allowed"
        assert not queue.finish(conn, got.id, "w2", "{}", after(181))
        assert queue.fail(conn, got.id, "w3", got.failure, after(182))


def test_a_job_whose_report_kills_the_worker_too_fails_with_the_reason(engine: Engine) -> None:
    with engine.begin() as conn:
        queue.enqueue(conn, new_job(), NOW)
        claimed(conn)
        queue.set_aside(conn, after(60), maximum_attempts=1)
        claimed(conn, seconds=60)

        assert queue.set_aside(conn, after(119), maximum_attempts=1) == ()
        assert queue.set_aside(conn, after(120), maximum_attempts=1) == (look(conn),)

        got = look(conn)
        assert (got.state, got.finished_at) == (JobState.FAILED, after(120))
        assert got.reason == "its worker died in attempt 1, the last allowed"
        assert claim(conn, seconds=1000) is None


def test_a_job_put_off_with_its_failure_keeps_it(engine: Engine) -> None:
    with engine.begin() as conn:
        queue.enqueue(conn, new_job(), NOW)
        queue.postpone(conn, claimed(conn).id, "w1", "disk full", after(1), "slices are missing")
        queue.postpone(conn, claimed(conn, seconds=1).id, "w1", "disk full", after(2))

        assert (look(conn).reason, look(conn).failure) == ("disk full", "slices are missing")


def test_a_job_can_be_refused_from_the_start(engine: Engine) -> None:
    with engine.begin() as conn:
        queue.enqueue(conn, new_job(refusal="lacks T2"), NOW)

        assert claimed(conn).refusal == "lacks T2"


def test_a_finished_job_keeps_its_report_and_is_not_claimed_again(engine: Engine) -> None:
    with engine.begin() as conn:
        queue.enqueue(conn, new_job(), NOW)
        job = claimed(conn)
        queue.postpone(conn, job.id, "w1", "no memory", after(1))
        claimed(conn, seconds=1)

        assert queue.finish(conn, job.id, "w1", '{"seconds": 3}', after(9))

        got = look(conn)
        assert (got.state, got.report, got.finished_at) == (JobState.DONE, '{"seconds": 3}', after(9))
        assert got.reason == ""
        assert claim(conn, seconds=1000) is None
        assert not queue.fail(conn, job.id, "w1", "too late", after(10))


def test_a_failed_job_keeps_its_reason_and_is_not_claimed_again(engine: Engine) -> None:
    with engine.begin() as conn:
        queue.enqueue(conn, new_job(), NOW)

        assert queue.fail(conn, claimed(conn).id, "w1", "slices are missing", after(2))

        got = look(conn)
        assert (got.state, got.reason, got.finished_at) == (JobState.FAILED, "slices are missing", after(2))
        assert claim(conn, seconds=1000) is None


def test_a_postponed_job_waits_for_its_time_and_lets_others_pass(engine: Engine) -> None:
    with engine.begin() as conn:
        queue.enqueue(conn, new_job(), NOW)
        other = queue.enqueue(conn, new_job(series=("1.9",)), NOW)
        job = claimed(conn)

        assert queue.postpone(conn, job.id, "w1", "no memory", after(30))

        assert claimed(conn, seconds=29).id == other
        assert claim(conn, seconds=29) is None
        again = claimed(conn, seconds=30)
        assert (again.id, again.attempts, again.reason) == (job.id, 2, "no memory")


def test_a_job_handed_back_waits_as_if_nobody_had_taken_it(engine: Engine) -> None:
    with engine.begin() as conn:
        queue.enqueue(conn, new_job(), NOW)
        job = claimed(conn)

        assert queue.hand_back(conn, job.id, "w1")

        got = look(conn)
        assert (got.state, got.attempts, got.started_at) == (JobState.WAITING, 0, None)
        assert claimed(conn, "w2").attempts == 1


def test_a_later_generation_takes_the_place_of_what_waits_and_of_nothing_else(engine: Engine) -> None:
    with engine.begin() as conn:
        older = queue.enqueue(conn, new_job(), NOW)
        others = [new_job(model="other"), new_job(series=("1.9",)), new_job(series=("1.2.3.1", "1.9"))]
        for other in others:
            queue.enqueue(conn, other, NOW)

        newer = queue.enqueue(conn, new_job(generation=1), after(5))

        first, *rest = jobs_where(conn)
        assert (first.id, first.state, first.superseded_by) == (older, JobState.SUPERSEDED, newer)
        assert (first.reason, first.finished_at) == (f"further instances came: job {newer} takes its place", after(5))
        assert {job.state for job in rest} == {JobState.WAITING}
        assert [claimed(conn, seconds=5).id for _ in range(4)] == [job.id for job in rest]
        assert claim(conn, seconds=5) is None


@pytest.mark.parametrize("end", ["finish", "fail"])
def test_what_a_superseded_job_makes_may_not_leave(engine: Engine, end: str) -> None:
    with engine.begin() as conn:
        queue.enqueue(conn, new_job(), NOW)
        running = claimed(conn)
        newer = queue.enqueue(conn, new_job(generation=1), after(5))

        assert jobs_where(conn)[0].state is JobState.RUNNING
        assert queue.heartbeat(conn, running.id, "w1", after(100))
        assert not getattr(queue, end)(conn, running.id, "w1", "words", after(9))

        got = jobs_where(conn)[0]
        assert (got.state, got.superseded_by, got.finished_at) == (JobState.SUPERSEDED, newer, after(9))
        assert got.reason == f"further instances came: job {newer} takes its place"


@pytest.mark.parametrize("how", ["dies", "postpones", "hands back"])
def test_a_superseded_job_is_not_run_again(engine: Engine, how: str) -> None:
    with engine.begin() as conn:
        queue.enqueue(conn, new_job(), NOW)
        running = claimed(conn)
        newer = queue.enqueue(conn, new_job(generation=1), after(5))
        if how == "postpones":
            queue.postpone(conn, running.id, "w1", "no memory", after(6))
        elif how == "hands back":
            queue.hand_back(conn, running.id, "w1")

        assert queue.set_aside(conn, after(60), maximum_attempts=3) == ()

        assert jobs_where(conn)[0].state is JobState.SUPERSEDED
        assert claimed(conn, "w2", seconds=60).id == newer
        assert claim(conn, "w3", seconds=60) is None


def test_a_superseded_job_is_not_claimed_even_if_nothing_was_set_aside(engine: Engine) -> None:
    with engine.begin() as conn:
        queue.enqueue(conn, new_job(), NOW)
        claimed(conn)
        newer = queue.enqueue(conn, new_job(generation=1), after(5))

        assert claimed(conn, "w2", seconds=60).id == newer
        assert claim(conn, "w3", seconds=60) is None


def test_a_closed_job_is_not_superseded(engine: Engine) -> None:
    with engine.begin() as conn:
        queue.enqueue(conn, new_job(), NOW)
        queue.finish(conn, claimed(conn).id, "w1", "{}", after(1))
        queue.enqueue(conn, new_job(generation=1), after(5))

        assert jobs_where(conn)[0].state is JobState.DONE


def test_when_something_is_due_is_known_before(engine: Engine) -> None:
    with engine.begin() as conn:
        assert queue.next_due(conn, NOW) is None
        queue.enqueue(conn, new_job(), NOW)
        queue.enqueue(conn, new_job(series=("1.9",)), NOW)
        assert queue.next_due(conn, after(1)) == after(1)

        queue.postpone(conn, claimed(conn, seconds=1).id, "w1", "no memory", after(90))
        claimed(conn, seconds=1)

        assert queue.next_due(conn, after(2)) == after(61)
        queue.set_aside(conn, after(61), maximum_attempts=1)
        queue.fail(conn, claimed(conn, seconds=61).id, "w1", "x", after(62))
        assert queue.next_due(conn, after(62)) == after(90)


def test_whatever_happens_no_job_is_lost_or_starves_or_is_done_by_two(sqlite_url: str) -> None:
    """PostgreSQL has its turn in tests/integration/test_queue.py."""
    one, other = (open_database(sqlite_url, busy_timeout_seconds=5) for _ in range(2))

    run_queue_machine((one, other), examples=30)

    one.dispose()
    other.dispose()
