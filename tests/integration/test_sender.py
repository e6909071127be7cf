"""The sender room against a real storage SCP that refuses, is down, and comes back."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread

import pytest
from pydicom.uid import MRImageStorage
from sqlalchemy import Engine
from support.builders import new_series
from support.pacs import running_pacs
from support.process import free_port
from support.rooms import destination, enqueue_series, only_job, settings
from support.scu import encode_data_set, write_series
from support.wait import wait_until

from db import outbox, views
from db.engine import open_database, reading
from db.records import DeliveryState, NewJob, Result
from node.loop import Loop
from node.sender import Deliveries
from node.senders.cstore import CStoreSender

QUICK = settings(sender__first_retry_seconds=0.1, sender__maximum_retry_seconds=0.2, sender__timeout_seconds=5).sender


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(f"sqlite:///{tmp_path}/glia.sqlite", busy_timeout_seconds=5)
    yield engine
    engine.dispose()


@pytest.fixture
def owed(engine: Engine, tmp_path: Path) -> tuple[NewJob, list[bytes]]:
    """Owe three objects to PACS; return the job and the data sets as they must arrive."""
    job = enqueue_series(engine, tmp_path / "data", "fake_model")
    objects = new_series(slices=3)
    results = [
        Result(
            sop_instance_uid=one.SOPInstanceUID,
            sop_class_uid=MRImageStorage,
            series_instance_uid="1.3",
            kind="SEG",
            path=path,
        )
        for one, path in zip(objects, write_series(tmp_path / "results", objects), strict=True)
    ]
    with engine.begin() as connection:
        outbox.owe(connection, only_job(engine, job).id, results, ["PACS"], datetime.now(UTC))
    return job, [encode_data_set(one) for one in objects]


@pytest.fixture
def port(engine: Engine) -> Iterator[int]:
    """Run the sender room; return the port at which it looks for PACS."""
    port = free_port()
    pacs = CStoreSender("GLIA", destination(port), QUICK.timeout_seconds)
    room = Deliveries(
        "sender-1", engine, QUICK, {"PACS": pacs}.get, lambda: datetime.now(UTC), lambda: 0.5, lambda: False
    )
    loop = Loop(0.05)
    thread = Thread(target=loop.run, args=[room.step])
    thread.start()
    yield port
    loop.stop()
    thread.join()


def states(engine: Engine, job: NewJob) -> set[DeliveryState]:
    with reading(engine) as connection:
        return {delivery.state for delivery in views.deliveries_of_study(connection, job.study_instance_uid)}


def reasons(engine: Engine, job: NewJob) -> list[str]:
    with reading(engine) as connection:
        return [delivery.reason for delivery in views.deliveries_of_study(connection, job.study_instance_uid)]


def test_what_is_owed_arrives_byte_for_byte(engine: Engine, port: int, owed: tuple[NewJob, list[bytes]]) -> None:
    with running_pacs(port) as pacs:
        wait_until(lambda: states(engine, owed[0]) == {DeliveryState.DELIVERED}, what="the deliveries")

    assert sorted(pacs.received) == sorted(owed[1])


def test_what_was_refused_is_sent_again_until_it_is_taken(
    engine: Engine, port: int, owed: tuple[NewJob, list[bytes]]
) -> None:
    with running_pacs(port) as pacs:
        pacs.answers += [0xA700] * 7
        wait_until(lambda: states(engine, owed[0]) == {DeliveryState.DELIVERED}, what="the deliveries")

    assert sorted(pacs.received) == sorted(owed[1])


def test_a_pacs_that_was_down_gets_everything_once_it_is_up(
    engine: Engine, port: int, owed: tuple[NewJob, list[bytes]]
) -> None:
    wait_until(lambda: all(reasons(engine, owed[0])), what="the reasons while it is down")
    assert all("no association with PACS" in reason for reason in reasons(engine, owed[0]))

    with running_pacs(port) as pacs:
        wait_until(lambda: states(engine, owed[0]) == {DeliveryState.DELIVERED}, what="the deliveries")

    assert sorted(pacs.received) == sorted(owed[1])
