"""Workers side by side: a job is done once, a living worker keeps it, a dead one's comes back."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread

import pytest
from sqlalchemy import Engine
from support.fakes import NAME, FakeModel
from support.rooms import enqueue_series, only_job, settings
from support.wait import wait_until

from db import views
from db.engine import open_database, reading
from db.records import JobState
from dicom_io.equipment import Equipment
from node.loop import Loop
from node.pipeline import Desk
from node.storage import Storage
from node.wiring import algorithm_of, routes_of
from node.worker import Worker


class Killed(BaseException):
    """The process ends here, as ``kill -9`` would end it."""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path}/glia.sqlite", busy_timeout_seconds=1)
    yield engine
    engine.dispose()


@pytest.fixture
def make_worker(engine: Engine, tmp_path: Path) -> Callable[..., Worker]:
    def make(name: str, model: FakeModel, loop: Loop | None = None, **keys: object) -> Worker:
        chosen = settings(**({"worker__lease_seconds": 1} | keys))
        return Worker(
            name=name,
            engine=engine,
            policy=chosen.worker,
            routes=routes_of(chosen),
            desk=Desk(Storage(tmp_path / "data", minimum_free_mb=0), Equipment(site="test", serial="1")),
            load=lambda _: model,
            algorithm_of=algorithm_of,
            stopped=lambda: loop is not None and loop.stopped,
            now=lambda: datetime.now(UTC),
        )

    return make


def test_a_worker_that_takes_longer_than_its_lease_keeps_its_job(
    engine: Engine, tmp_path: Path, make_worker: Callable[..., Worker]
) -> None:
    new = enqueue_series(engine, tmp_path / "data", NAME)
    released = Event()
    slow = FakeModel(before=lambda: wait_until(released.is_set, timeout=30))
    other = FakeModel()
    thread = Thread(target=make_worker("slow", slow).step)
    thread.start()
    wait_until(lambda: only_job(engine, new).state == JobState.RUNNING, what="the claim")
    claimed_at = datetime.now(UTC)
    rival = make_worker("rival", other)

    def outlived_the_lease() -> bool:
        assert rival.step() is False
        return (datetime.now(UTC) - claimed_at).total_seconds() > 2.5

    wait_until(outlived_the_lease, what="two and a half leases")
    released.set()
    thread.join()

    assert only_job(engine, new).state == JobState.DONE
    assert other.cases == []


def test_the_job_of_a_dead_worker_comes_back(
    engine: Engine, tmp_path: Path, make_worker: Callable[..., Worker]
) -> None:
    new = enqueue_series(engine, tmp_path / "data", NAME)

    def die() -> None:
        raise Killed

    with pytest.raises(Killed):
        make_worker("dead", FakeModel(before=die)).step()
    heir = make_worker("heir", FakeModel())

    wait_until(heir.step, what="the end of the lease")

    job = only_job(engine, new)
    assert (job.state, job.attempts) == (JobState.DONE, 2)
    with reading(engine) as connection:
        kinds = [one.result.kind for one in views.deliveries_of_study(connection, new.study_instance_uid)]
    assert kinds == list(settings().profile.objects)


def test_two_workers_do_every_job_once(engine: Engine, tmp_path: Path, make_worker: Callable[..., Worker]) -> None:
    jobs = [enqueue_series(engine, tmp_path / "data", NAME) for _ in range(6)]
    models, loops = [FakeModel(), FakeModel()], [Loop(0.02), Loop(0.02)]
    threads = [
        Thread(target=loop.run, args=[make_worker(f"worker-{n}", model, loop, worker__lease_seconds=60).step])
        for n, (model, loop) in enumerate(zip(models, loops, strict=True))
    ]
    for thread in threads:
        thread.start()
    done = wait_until(
        lambda: all(only_job(engine, job).state == JobState.DONE for job in jobs), timeout=30, what="all jobs"
    )
    for loop, thread in zip(loops, threads, strict=True):
        loop.stop()
        thread.join()

    assert done
    analysed = [case.study_instance_uid for model in models for case in model.cases]
    assert sorted(analysed) == sorted(job.study_instance_uid for job in jobs)


def test_a_locked_database_at_the_end_of_a_job_costs_no_result(
    engine: Engine, tmp_path: Path, make_worker: Callable[..., Worker]
) -> None:
    new = enqueue_series(engine, tmp_path / "data", NAME)
    other = sqlite3.connect(tmp_path / "glia.sqlite", isolation_level=None)
    with closing(other):
        unlucky = make_worker("unlucky", FakeModel(before=lambda: other.execute("BEGIN IMMEDIATE") and None))
        assert unlucky.step() is False
    assert only_job(engine, new).state == JobState.RUNNING

    wait_until(make_worker("heir", FakeModel()).step, what="the end of the lease")

    assert only_job(engine, new).state == JobState.DONE
