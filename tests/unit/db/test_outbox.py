from datetime import timedelta

from sqlalchemy import Connection, Engine
from support.records import NOW, after, new_job, result

from db import outbox, queue
from db.records import Delivery, DeliveryState
from db.rows import deliveries_where

LEASE = timedelta(seconds=60)
SEG, SR = result("1.9.1", "SEG"), result("1.9.2", "SR")


def job(conn: Connection, series: str = "1.2.3.1") -> int:
    job_id = queue.enqueue(conn, new_job(series=(series,)), NOW)
    assert job_id is not None
    return job_id


def claim(conn: Connection, sender: str = "s1", seconds: float = 0, limit: int = 10) -> tuple[Delivery, ...]:
    return outbox.claim(conn, sender, after(seconds), LEASE, limit)


def test_each_result_is_owed_to_each_destination(engine: Engine) -> None:
    with engine.begin() as conn:
        job_id = job(conn)
        outbox.owe(conn, job_id, [SEG, SR], ["PACS", "ARCHIVE"], NOW)

        owed = deliveries_where(conn)

        assert [(one.result, one.destination) for one in owed] == [
            (SEG, "PACS"),
            (SEG, "ARCHIVE"),
            (SR, "PACS"),
            (SR, "ARCHIVE"),
        ]
        assert {(one.job_id, one.state, one.attempts, one.not_before) for one in owed} == {
            (job_id, DeliveryState.WAITING, 0, NOW)
        }


def test_owing_twice_is_owing_once_also_when_delivered(engine: Engine) -> None:
    with engine.begin() as conn:
        job_id = job(conn)
        outbox.owe(conn, job_id, [SEG], ["PACS"], NOW)
        (one,) = claim(conn)
        outbox.delivered(conn, one.id, "s1", after(1))
        before = deliveries_where(conn)

        outbox.owe(conn, job_id, [SEG], ["PACS"], after(2))

        assert deliveries_where(conn) == before
        assert claim(conn, seconds=1000) == ()


def test_a_claim_is_for_one_destination_the_oldest_first_and_limited(engine: Engine) -> None:
    with engine.begin() as conn:
        job_id = job(conn)
        outbox.owe(conn, job_id, [SEG], ["ARCHIVE"], NOW)
        outbox.owe(conn, job_id, [SEG, SR, result("1.9.3")], ["PACS"], NOW)
        outbox.owe(conn, job_id, [SR], ["ARCHIVE"], NOW)

        first, second, third, fourth = (claim(conn, limit=2) for _ in range(4))

    assert [(one.destination, one.result) for one in first] == [("ARCHIVE", SEG), ("ARCHIVE", SR)]
    assert [(one.destination, one.result) for one in second] == [("PACS", SEG), ("PACS", SR)]
    assert [one.result.sop_instance_uid for one in third] == ["1.9.3"]
    assert fourth == ()
    assert {(one.state, one.attempts) for one in first} == {(DeliveryState.SENDING, 1)}


def test_a_destination_that_waits_for_its_retry_does_not_hold_up_another(engine: Engine) -> None:
    with engine.begin() as conn:
        job_id = job(conn)
        outbox.owe(conn, job_id, [SEG], ["DEAD", "ALIVE"], NOW)
        (dead,) = claim(conn)

        assert outbox.postpone(conn, dead.id, "s1", "connection refused", after(30))

        assert [one.destination for one in claim(conn, seconds=1)] == ["ALIVE"]
        assert claim(conn, seconds=29) == ()
        (again,) = claim(conn, seconds=30)
        assert (again.id, again.attempts, again.reason) == (dead.id, 2, "connection refused")


def test_a_dead_sender_loses_its_deliveries_when_the_lease_is_over(engine: Engine) -> None:
    with engine.begin() as conn:
        outbox.owe(conn, job(conn), [SEG], ["PACS"], NOW)
        (first,) = claim(conn, "s1")

        assert claim(conn, "s2", seconds=59) == ()
        (second,) = claim(conn, "s2", seconds=60)

        assert second.id == first.id
        assert not outbox.delivered(conn, first.id, "s1", after(61))
        assert not outbox.postpone(conn, first.id, "s1", "x", after(61))
        assert not outbox.fail(conn, first.id, "s1", "x")
        assert deliveries_where(conn) == (second,)


def test_a_delivered_result_is_done(engine: Engine) -> None:
    with engine.begin() as conn:
        outbox.owe(conn, job(conn), [SEG], ["PACS"], NOW)
        (one,) = claim(conn)

        assert outbox.delivered(conn, one.id, "s1", after(5))

        (done,) = deliveries_where(conn)
        assert (done.state, done.delivered_at, done.reason) == (DeliveryState.DELIVERED, after(5), "")
        assert not outbox.fail(conn, one.id, "s1", "too late")


def test_a_failed_delivery_keeps_its_reason_and_is_not_tried_again(engine: Engine) -> None:
    with engine.begin() as conn:
        outbox.owe(conn, job(conn), [SEG], ["PACS"], NOW)
        (one,) = claim(conn)

        assert outbox.fail(conn, one.id, "s1", "SOP class not supported")

        (failed,) = deliveries_where(conn)
        assert (failed.state, failed.reason) == (DeliveryState.FAILED, "SOP class not supported")
        assert claim(conn, seconds=1000) == ()
