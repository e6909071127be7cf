from datetime import timedelta

from sqlalchemy import Engine
from support.records import NOW, after, instance, new_job, result

from db import inbox, outbox, queue, views
from db.engine import reading
from db.records import DeliveryState, JobState, SeriesState


def test_a_study_is_shown_with_its_series_jobs_and_deliveries_only(engine: Engine) -> None:
    with engine.begin() as conn:
        for study in ("1.1", "1.2"):
            for number in (2, 1):
                uid = f"{study}.{number}"
                inbox.receive(conn, instance(sop=f"{uid}.1", series=uid, study=study, received_at=after(-number)))
                job_id = queue.enqueue(conn, new_job(series=(uid,), study=study), NOW)
                assert job_id is not None
                outbox.owe(conn, job_id, [result(f"{uid}.9")], ["PACS"], NOW)

    with reading(engine) as conn:
        series = views.series_of_study(conn, "1.1")
        jobs = views.jobs_of_study(conn, "1.1")
        deliveries = views.deliveries_of_study(conn, "1.1")

    assert [one.series_instance_uid for one in series] == ["1.1.2", "1.1.1"]
    assert [one.series_instance_uids for one in jobs] == [("1.1.2",), ("1.1.1",)]
    assert [one.result.sop_instance_uid for one in deliveries] == ["1.1.2.9", "1.1.1.9"]
    assert [one.job_id for one in deliveries] == [one.id for one in jobs]


def test_everything_is_counted_by_state_and_every_state_is_named(engine: Engine) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance(sop="1.1.1", series="1.1"))
        inbox.receive(conn, instance(sop="1.1.2", series="1.1"))
        inbox.receive(conn, instance(sop="1.2.1", series="1.2"))
        inbox.settle(conn, "1.2", 0, SeriesState.REFUSED, "no MR")
        job_id = queue.enqueue(conn, new_job(), NOW)
        assert job_id is not None
        queue.claim(conn, "w1", NOW, timedelta(seconds=60))
        outbox.owe(conn, job_id, [result()], ["PACS", "ARCHIVE"], NOW)

    with reading(engine) as conn:
        got = views.counts(conn)

    assert got.instances == 3
    assert got.series == {SeriesState.RECEIVING: 1, SeriesState.ENQUEUED: 0, SeriesState.REFUSED: 1}
    assert got.jobs == {JobState.WAITING: 0, JobState.RUNNING: 1, JobState.DONE: 0, JobState.FAILED: 0}
    assert got.deliveries == dict.fromkeys(DeliveryState, 0) | {DeliveryState.WAITING: 2}


def test_an_empty_database_counts_nothing(engine: Engine) -> None:
    with reading(engine) as conn:
        got = views.counts(conn)

    assert got.instances == 0
    assert set(got.jobs.values()) == {0}
