from datetime import timedelta

import pytest
from sqlalchemy import Connection, Engine
from support.records import NOW, after, instance, new_job, result

from db import inbox, outbox, queue, views
from db.engine import reading
from db.records import DeliveryState, JobState, SeriesState


def refuse(conn: Connection, uid: str) -> None:
    series = inbox.series(conn, uid)
    assert series is not None
    assert inbox.complete(conn, series, "")
    assert inbox.settle(conn, uid, series.generation, SeriesState.REFUSED, "no MR")


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


def analysed(conn: Connection, number: int, *destinations: str, model: str = "segment", study: str = "1.1") -> int:
    """Enqueue a job and let it leave a SEG, a report and measurements named after it."""
    job_id = queue.enqueue(conn, new_job(series=(f"1.1.{number}",), model=model, study=study), NOW)
    assert job_id is not None
    made = [result(f"{number}.{n}", kind) for n, kind in enumerate(("MEASUREMENTS", "SEG", "SR"))]
    outbox.owe(conn, job_id, made, destinations, NOW)
    return job_id


@pytest.mark.parametrize(
    ("destinations", "found"),
    [
        (("PACS",), ("2.2", "2.0")),
        (("ARCHIVE",), ("1.2", "1.0")),
        (("PACS", "ARCHIVE"), ("2.2", "2.0")),
        (("ELSEWHERE",), ()),
        ((), ("3.2", "3.0")),
    ],
)
def test_the_reports_before_a_job_are_those_of_the_newest_of_its_model_and_study_that_went_there(
    engine: Engine, destinations: tuple[str, ...], found: tuple[str, ...]
) -> None:
    with engine.begin() as conn:
        analysed(conn, 1, "PACS", "ARCHIVE")
        analysed(conn, 2, "PACS")
        analysed(conn, 3)
        analysed(conn, 4, "PACS", model="classify")
        analysed(conn, 5, "PACS", study="1.2")
        asking = analysed(conn, 6, "PACS")
        analysed(conn, 7, "PACS")
        (job,) = (one for one in views.jobs_of_study(conn, "1.1") if one.id == asking)

        before = views.results_before(conn, job, ("SR", "MEASUREMENTS"), destinations)

    assert tuple(one.sop_instance_uid for one in before) == found


def test_everything_is_counted_by_state_and_every_state_is_named(engine: Engine) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance(sop="1.1.1", series="1.1"))
        inbox.receive(conn, instance(sop="1.1.2", series="1.1"))
        inbox.receive(conn, instance(sop="1.2.1", series="1.2"))
        refuse(conn, "1.2")
        job_id = queue.enqueue(conn, new_job(), NOW)
        assert job_id is not None
        queue.claim(conn, "w1", NOW, timedelta(seconds=60))
        outbox.owe(conn, job_id, [result()], ["PACS", "ARCHIVE"], NOW)

    with reading(engine) as conn:
        got = views.counts(conn)

    assert got.instances == 3
    assert got.series == dict.fromkeys(SeriesState, 0) | {SeriesState.RECEIVING: 1, SeriesState.REFUSED: 1}
    assert got.jobs == dict.fromkeys(JobState, 0) | {JobState.RUNNING: 1}
    assert got.deliveries == dict.fromkeys(DeliveryState, 0) | {DeliveryState.WAITING: 2}


def test_an_empty_database_counts_nothing(engine: Engine) -> None:
    with reading(engine) as conn:
        got = views.counts(conn)

    assert got.instances == 0
    assert set(got.jobs.values()) == {0}


@pytest.mark.parametrize(
    ("named", "found"),
    [
        ("1.2.34", ("1.2.34",)),  # exactly, though others end in it or contain it
        ("2.34", ("1.2.34", "9.1.2.34")),  # as an end, though another contains it
        ("34.5", ("1.2.34.5",)),
        ("9.1", ("9.1.2.34",)),  # anywhere
        ("%", ()),
        ("1_2", ()),
        ("7.7", ()),
    ],
)
def test_a_study_is_found_by_its_uid_or_an_end_or_a_part_of_it(
    engine: Engine, named: str, found: tuple[str, ...]
) -> None:
    with engine.begin() as conn:
        for number, study in enumerate(("1.2.34", "9.1.2.34", "1.2.34.5")):
            inbox.receive(conn, instance(sop=f"1.{number}", series=f"2.{number}", study=study))

        assert views.studies_named(conn, named) == found
