import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError
from support.records import NOW, after, instance, new_job, result

from db import inbox, interventions, migrate, outbox, queue, schema, segments, views
from db.engine import migrating, open_database, reading
from db.errors import DatabaseUnusable
from db.interventions import Order
from db.records import Job, JobState, Mark
from db.rows import jobs_where

LEASE = timedelta(seconds=60)


def test_a_file_of_the_first_release_loses_nothing(released: str) -> None:
    engine = open_database(released, busy_timeout_seconds=5)

    with reading(engine) as conn:
        received = inbox.instances(conn, "1.2.3.1")
        jobs = jobs_where(conn)
        deliveries = views.deliveries_of_study(conn, "1.2.3")
    assert received == tuple(instance(sop=f"1.2.3.1.{n}") for n in (1, 2, 3))
    states = [JobState.DONE, JobState.FAILED, JobState.RUNNING, JobState.WAITING]
    assert [job.state for job in jobs] == states
    assert {(job.priority, job.superseded_by) for job in jobs} == {(0, None)}
    assert (jobs[1].reason, jobs[1].finished_at, jobs[2].started_at) == ("slices are missing", after(21), after(10))
    assert [(one.result.kind, one.state) for one in deliveries] == [("SEG", "delivered"), ("SR", "waiting")]
    with engine.begin() as conn:
        assert queue.heartbeat(conn, 3, "w3", after(100))
        got = queue.claim(conn, "w4", after(50), LEASE)
        assert got is not None
        assert got.id == 4
    engine.dispose()


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(released: str) -> None:
    file = released.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file)) as conn:
        conn.execute("CREATE TABLE spool_segments (in_the_way TEXT)")
        conn.commit()
        before = list(conn.iterdump())

    with pytest.raises(Exception, match="spool_segments already exists"):
        open_database(released, busy_timeout_seconds=1)

    with closing(sqlite3.connect(file)) as conn:
        assert list(conn.iterdump()) == before
        assert conn.execute("PRAGMA user_version").fetchone() == (3,)


def test_rows_that_name_what_is_not_there_stop_an_upgrade(released: str) -> None:
    file = released.removeprefix("sqlite:///")
    with closing(sqlite3.connect(file)) as conn:
        conn.execute("DELETE FROM results WHERE kind = 'SR'")
        conn.commit()

    with pytest.raises(DatabaseUnusable, match="rows of deliveries name rows of results"):
        open_database(released, busy_timeout_seconds=1)

    with closing(sqlite3.connect(file)) as conn:
        assert conn.execute("PRAGMA user_version").fetchone() == (3,)


def test_foreign_keys_hold_again_after_an_upgrade(released: str) -> None:
    engine = open_database(released, busy_timeout_seconds=5)

    with pytest.raises(IntegrityError), engine.begin() as conn:
        outbox.owe(conn, 99, [result("1.9.9")], ["PACS"], NOW)
    engine.dispose()


def test_back_at_the_first_revision_what_fits_is_there_and_up_again_it_stays(fresh: Engine) -> None:
    order = Order(person="x", reason="not wanted", at=NOW)
    with fresh.begin() as conn:
        inbox.receive(conn, instance(sop="1.2.3.1.1"))
        inbox.receive(conn, replace(instance(sop="1.2.3.1.2"), offset=4096))
        ids = [queue.enqueue(conn, new_job(series=(f"1.{n}",)), NOW) or 0 for n in range(3)]
        outbox.owe(conn, ids[0], [result()], ["PACS"], NOW)
        interventions.hold(conn, ids[1], order)
        interventions.cancel(conn, ids[2], order)
        segments.mark(conn, [Mark(segment="s1", indexed_to=8192)])

    with migrating(fresh) as conn:
        migrate.downgrade(conn, "0001")
        kept = conn.exec_driver_sql("SELECT sop_instance_uid FROM instances").scalars().all()
        states = conn.exec_driver_sql("SELECT state FROM jobs ORDER BY id").scalars().all()
    with migrating(fresh) as conn:
        migrate.upgrade(conn)

    assert kept == ["1.2.3.1.1"]
    assert states == ["waiting", "waiting", "failed"]
    with reading(fresh) as conn:
        assert migrate.revision(conn) == schema.HEAD
        assert [one.id for one in jobs_where(conn)] == ids
        assert len(views.deliveries_of_study(conn, "1.2.3")) == 1
        assert inbox.instances(conn, "1.2.3.1") == (instance(sop="1.2.3.1.1"),)


def test_every_state_fits_into_its_column(fresh: Engine) -> None:
    with fresh.begin() as conn:
        job_id = queue.enqueue(conn, new_job(), NOW)
        for state in JobState:
            conn.execute(schema.jobs.update().values(state=state))
            (job,) = jobs_where(conn)

            assert isinstance(job, Job)
            assert (job.id, job.state) == (job_id, state)
