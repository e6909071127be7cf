"""What is owed is delivered, put off with a reason, or given up where the settings say so."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from support.fakes import FakeSender
from support.rooms import NOW, enqueue_series, only_job, settings

from db import outbox, views
from db.engine import reading
from db.records import Delivery, DeliveryState, NewJob, Result
from node.sender import Deliveries
from node.senders.base import SendReport

REFUSED = SendReport(delivered=False, reason="status 0xA700 not now")


class Outgoing:
    """Two results owed, and the room that delivers them."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        self.engine = engine
        self.now = NOW
        self.stopped = False
        self.job: NewJob = enqueue_series(engine, folder, "fake_model")

    def owe(self, *destinations: str) -> None:
        results = [
            Result(
                sop_instance_uid=f"1.2.{n}",
                sop_class_uid="1.2",
                series_instance_uid="1.3",
                kind=kind,
                path=Path(f"/{kind}.dcm"),
            )
            for n, kind in enumerate(("SEG", "SR"))
        ]
        with self.engine.begin() as connection:
            outbox.owe(connection, only_job(self.engine, self.job).id, results, destinations, NOW)

    def room(self, senders: Mapping[str, FakeSender], jitter: float = 0.0, **keys: object) -> Deliveries:
        policy = settings(**keys).sender
        return Deliveries(
            "sender-1", self.engine, policy, senders.get, self.clock, lambda: jitter, lambda: self.stopped
        )

    def clock(self) -> datetime:
        return self.now

    def deliveries(self) -> tuple[Delivery, ...]:
        with reading(self.engine) as connection:
            return views.deliveries_of_study(connection, self.job.study_instance_uid)

    def states(self) -> list[DeliveryState]:
        return [delivery.state for delivery in self.deliveries()]


@pytest.fixture
def outgoing(engine: Engine, tmp_path: Path) -> Outgoing:
    return Outgoing(engine, tmp_path / "data")


def test_without_anything_owed_there_is_nothing_to_do(outgoing: Outgoing) -> None:
    assert outgoing.room({}).step() is False


def test_what_is_owed_to_one_destination_goes_as_one_batch(outgoing: Outgoing) -> None:
    outgoing.owe("PACS", "ARCHIVE")
    pacs, archive = FakeSender(), FakeSender()
    room = outgoing.room({"PACS": pacs, "ARCHIVE": archive})

    assert [room.step(), room.step(), room.step()] == [True, True, False]

    assert pacs.sent == archive.sent == [Path("/SEG.dcm"), Path("/SR.dcm")]
    assert outgoing.states() == [DeliveryState.DELIVERED] * 4


def test_told_to_stop_the_result_on_its_way_is_finished_and_the_rest_waits(outgoing: Outgoing) -> None:
    outgoing.owe("PACS")

    class Stopping(FakeSender):
        def send(self, results: Sequence[Result]) -> Iterator[SendReport]:
            for report in FakeSender.send(self, results):
                outgoing.stopped = True
                yield report

    pacs = Stopping()
    outgoing.room({"PACS": pacs}).step()

    assert pacs.sent == [Path("/SEG.dcm")]
    assert outgoing.states() == [DeliveryState.DELIVERED, DeliveryState.WAITING]


def test_a_refused_result_is_put_off_and_only_it_is_sent_again(outgoing: Outgoing) -> None:
    outgoing.owe("PACS")
    pacs = FakeSender(reports=[REFUSED])
    room = outgoing.room({"PACS": pacs}, sender__first_retry_seconds=5)
    room.step()

    seg, sr = outgoing.deliveries()
    assert (seg.state, seg.reason) == (DeliveryState.WAITING, REFUSED.reason)
    assert seg.not_before == NOW + timedelta(seconds=5)
    assert sr.state == DeliveryState.DELIVERED
    assert room.step() is False  # not before its time
    outgoing.now += timedelta(seconds=6)
    room.step()
    assert pacs.sent == [Path("/SEG.dcm"), Path("/SR.dcm"), Path("/SEG.dcm")]
    assert outgoing.states() == [DeliveryState.DELIVERED] * 2


def test_each_refusal_doubles_the_wait_less_the_jitter(outgoing: Outgoing) -> None:
    outgoing.owe("PACS")
    room = outgoing.room(
        {"PACS": FakeSender(reports=[REFUSED] * 20)},
        jitter=1.0,
        sender__first_retry_seconds=8,
        sender__maximum_retry_seconds=20,
    )
    waits = []
    for _ in range(3):
        room.step()
        waits.append((outgoing.deliveries()[0].not_before - outgoing.now).total_seconds())
        outgoing.now += timedelta(seconds=60)

    assert waits == [6, 12, 15]


def test_by_default_a_delivery_is_never_given_up(outgoing: Outgoing) -> None:
    outgoing.owe("PACS")
    room = outgoing.room({"PACS": FakeSender(reports=[REFUSED] * 100)})
    for _ in range(50):
        room.step()
        outgoing.now += timedelta(days=1)

    assert outgoing.states() == [DeliveryState.WAITING] * 2


def test_a_delivery_is_given_up_after_the_configured_attempts(outgoing: Outgoing) -> None:
    outgoing.owe("PACS")
    room = outgoing.room({"PACS": FakeSender(reports=[REFUSED] * 100)}, sender__maximum_attempts=2)
    for _ in range(2):
        room.step()
        outgoing.now += timedelta(days=1)

    assert outgoing.states() == [DeliveryState.FAILED] * 2
    assert outgoing.deliveries()[0].reason == REFUSED.reason


def test_a_destination_without_an_address_keeps_its_results_until_it_has_one(outgoing: Outgoing) -> None:
    outgoing.owe("NEWPACS")
    for _ in range(3):
        assert outgoing.room({}, sender__maximum_attempts=1).step() is True
        outgoing.now += timedelta(days=1)

    assert outgoing.states() == [DeliveryState.WAITING] * 2
    assert outgoing.deliveries()[0].reason == "no address for AE title NEWPACS in [[destinations]]"
    outgoing.room({"NEWPACS": FakeSender()}).step()
    assert outgoing.states() == [DeliveryState.DELIVERED] * 2


def test_a_batch_is_no_larger_than_the_settings_say(outgoing: Outgoing) -> None:
    outgoing.owe("PACS")
    pacs = FakeSender()

    outgoing.room({"PACS": pacs}, sender__batch=1).step()

    assert len(pacs.sent) == 1
