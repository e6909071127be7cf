from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine
from support.records import NOW, after, instance, new_job, result

from db import inbox, interventions, outbox, queue, retention
from db.interventions import Order
from db.records import SeriesState

LEASE = timedelta(seconds=60)
ORDER = Order(person="x", reason="", at=after(3))


def receive(conn: Connection, study: str = "1.2.3", state: SeriesState = SeriesState.ENQUEUED) -> str:
    """Receive a series of two instances, and settle it."""
    uid = f"{study}.1"
    for number in (1, 2):
        inbox.receive(conn, instance(sop=f"{uid}.{number}", series=uid, study=study))
    seen = inbox.series(conn, uid)
    assert seen is not None
    inbox.complete(conn, seen, "")
    inbox.settle(conn, uid, 0, state, "")
    return uid


def analyse(conn: Connection, study: str = "1.2.3", deliver: bool = True) -> None:
    """Let a job be done two seconds, and its results be delivered four seconds after the beginning."""
    job_id = queue.enqueue(conn, new_job(series=(f"{study}.1",), study=study), NOW)
    assert job_id is not None
    queue.claim(conn, "w1", NOW, LEASE)
    queue.finish(conn, job_id, "w1", "{}", after(2))
    outbox.owe(conn, job_id, [result(f"{study}.9")], ["PACS"], NOW)
    if deliver:
        (owed,) = outbox.claim(conn, "s1", NOW, LEASE, 1)
        outbox.delivered(conn, owed.id, "s1", after(4))


def settled(conn: Connection, seconds: float) -> tuple[str, ...]:
    return retention.settled_studies(conn, after(seconds), 10)


def test_a_study_is_settled_when_its_last_result_was_delivered_before_the_time(engine: Engine) -> None:
    with engine.begin() as conn:
        receive(conn)
        analyse(conn)

        assert settled(conn, 4) == ()
        assert settled(conn, 4.001) == ("1.2.3",)


def still_receiving(conn: Connection) -> None:
    inbox.receive(conn, instance(sop="9", series="1.2.3.2"))


def arrived_late(conn: Connection) -> None:
    inbox.receive(conn, instance(sop="9", series="1.2.3.1", received_at=after(2000)))


def not_delivered(conn: Connection) -> None:
    job_id = queue.enqueue(conn, new_job(series=("1.2.3.7",)), NOW) or 0
    queue.claim(conn, "w1", NOW, LEASE)
    queue.finish(conn, job_id, "w1", "{}", after(2))
    outbox.owe(conn, job_id, [result("1.9.9")], ["PACS"], NOW)


def not_deliverable(conn: Connection) -> None:
    not_delivered(conn)
    (owed,) = outbox.claim(conn, "s1", NOW, LEASE, 1)
    outbox.fail(conn, owed.id, "s1", "not supported")


def enqueued(conn: Connection) -> None:
    queue.enqueue(conn, new_job(series=("1.2.3.7",)), NOW)


def held(conn: Connection) -> None:
    interventions.hold(conn, queue.enqueue(conn, new_job(series=("1.2.3.7",)), NOW) or 0, ORDER)


@pytest.mark.parametrize("busy", [still_receiving, arrived_late, not_delivered, not_deliverable, enqueued, held])
def test_a_study_with_which_something_is_still_to_happen_is_kept(
    engine: Engine, busy: Callable[[Connection], None]
) -> None:
    with engine.begin() as conn:
        receive(conn)
        analyse(conn)
        busy(conn)

        assert settled(conn, 1000) == ()
        assert retention.forget(conn, "1.2.3", after(1000)) == ()
        assert len(inbox.instances(conn, "1.2.3.1")) >= 2


def test_a_study_that_waits_for_a_series_is_kept_and_a_refused_one_is_not(engine: Engine) -> None:
    with engine.begin() as conn:
        receive(conn, "1.1", SeriesState.WAITING)
        receive(conn, "1.2", SeriesState.REFUSED)

        assert settled(conn, 1000) == ("1.2",)


def test_studies_are_found_the_longest_quiet_first_and_limited(engine: Engine) -> None:
    with engine.begin() as conn:
        for number in (3, 1, 2):
            uid = f"1.{number}.1"
            inbox.receive(conn, instance(sop=uid, series=uid, study=f"1.{number}", received_at=after(number)))
            seen = inbox.series(conn, uid)
            assert seen is not None
            inbox.complete(conn, seen, "")
            inbox.settle(conn, uid, 0, SeriesState.REFUSED, "")

        assert retention.settled_studies(conn, after(1000), 2) == ("1.1", "1.2")


def test_instances_are_forgotten_with_where_they_lay_and_what_became_of_them_stays(engine: Engine) -> None:
    with engine.begin() as conn:
        receive(conn)
        analyse(conn)
        receive(conn, "1.9")
        before = inbox.instances(conn, "1.2.3.1")

        assert retention.forget(conn, "1.2.3", after(1000)) == before

        assert inbox.instances(conn, "1.2.3.1") == ()
        assert len(inbox.instances(conn, "1.9.1")) == 2
        series = inbox.series(conn, "1.2.3.1")
        assert series is not None
        assert (series.instances, series.state) == (0, SeriesState.ENQUEUED)
        assert settled(conn, 1000) == ("1.9",)


def test_an_instance_that_is_sent_again_after_it_was_forgotten_is_new(engine: Engine) -> None:
    with engine.begin() as conn:
        receive(conn)
        retention.forget(conn, "1.2.3", after(1000))

        inbox.receive(conn, instance(sop="1.2.3.1.1", received_at=after(2000)))

        series = inbox.series(conn, "1.2.3.1")
        assert series is not None
        assert (series.instances, series.generation, series.state) == (1, 1, SeriesState.RECEIVING)
