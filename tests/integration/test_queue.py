"""The queue under several workers at once, on real servers and files."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from threading import Event

import pytest
from sqlalchemy import Engine
from support.postgresql import PostgreSQL
from support.queue_machine import run_queue_machine
from support.records import new_job

from db import queue, views
from db.engine import open_database, reading
from db.records import JobState

JOBS = 120
WORKERS = 6
LEASE = timedelta(seconds=0.3)
ENOUGH_ATTEMPTS = 1000

Open = Callable[[], Engine]


@pytest.fixture(params=["sqlite", "postgresql"])
def open_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    """Return a function that opens one and the same new database, as a further process does."""
    opened: list[Engine] = []
    server: PostgreSQL | None = None
    if request.param == "postgresql":
        server = request.getfixturevalue("postgresql")
        name = server.new_database()
        url = server.url(name)
    else:
        url = f"sqlite:///{tmp_path}/glia.sqlite"

    def open_one() -> Engine:
        opened.append(open_database(url, busy_timeout_seconds=20))
        return opened[-1]

    yield open_one
    for engine in opened:
        engine.dispose()
    if server is not None:
        server.drop_database(name)


@pytest.mark.parametrize("open_engine", ["postgresql"], indirect=True)
def test_whatever_happens_no_job_is_lost_or_starves_or_is_done_by_two(open_engine: Open) -> None:
    run_queue_machine((open_engine(), open_engine()), examples=20)


def now() -> datetime:
    return datetime.now(UTC)


def work(engine: Engine, name: str, random: Random) -> list[int]:
    """Do jobs until all are closed, and return those that were done; die in some, so that their leases run out."""
    done: list[int] = []
    lives = 0
    while True:
        me = f"{name}.{lives}"
        with engine.begin() as conn:
            queue.set_aside(conn, now(), ENOUGH_ATTEMPTS)
            job = queue.claim(conn, me, now(), LEASE)
        if job is None:
            with reading(engine) as conn:
                if views.counts(conn).jobs[JobState.DONE] == JOBS:
                    return done
        elif random.random() < 0.2:
            lives += 1
        else:
            with engine.begin() as conn:
                if queue.finish(conn, job.id, me, "{}", now()):
                    done.append(job.id)


def test_workers_that_contend_and_die_do_every_job_once(open_engine: Open) -> None:
    engines = [open_engine() for _ in range(WORKERS)]
    with engines[0].begin() as conn:
        ids = [queue.enqueue(conn, new_job(series=(f"1.{n}",), priority=n % 3), now()) for n in range(JOBS)]

    with ThreadPoolExecutor(WORKERS) as pool:
        working = [pool.submit(work, engine, f"w{n}", Random(n)) for n, engine in enumerate(engines)]
        done = Counter(job_id for one in working for job_id in one.result(120))

    assert done == Counter(ids)


LAST = 8
SERIES = 6


def send(engine: Engine) -> None:
    """Enqueue a job of each series again and again, as if slices kept coming."""
    for generation in range(LAST + 1):
        for series in range(SERIES):
            with engine.begin() as conn:
                assert queue.enqueue(conn, new_job(series=(f"1.{series}",), generation=generation), now())


def keep_working(engine: Engine, name: str, sent: Event) -> None:
    """Do jobs until there is none and no further one will come."""
    while True:
        last_look = sent.is_set()
        with engine.begin() as conn:
            queue.set_aside(conn, now(), ENOUGH_ATTEMPTS)
            job = queue.claim(conn, name, now(), timedelta(seconds=60))
        if job is not None:
            with engine.begin() as conn:
                queue.finish(conn, job.id, name, "{}", now())
        elif last_look:
            return


def test_while_slices_keep_coming_the_last_generation_is_done_and_nothing_after_it(open_engine: Open) -> None:
    sender, *engines = (open_engine() for _ in range(4))
    sent = Event()

    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(keep_working, engine, f"w{n}", sent) for n, engine in enumerate(engines)]
        send(sender)
        sent.set()
        for one in working:
            one.result(120)

    with reading(sender) as conn:
        jobs = {job.id: job for job in views.jobs_of_study(conn, "1.2.3")}
    assert {job.state for job in jobs.values()} <= {JobState.DONE, JobState.SUPERSEDED}
    assert [job.state for job in jobs.values() if job.generation == LAST] == [JobState.DONE] * SERIES
    for job in jobs.values():
        assert (job.state is JobState.SUPERSEDED) == (job.superseded_by is not None)
        assert job.superseded_by is None or jobs[job.superseded_by].generation > job.generation
