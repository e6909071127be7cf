from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine
from support.records import NOW, after, instance

from db import inbox
from db.reception import Reception
from db.records import ReceivedInstance, SeriesRecord, SeriesState

SERIES = "1.2.3.1"
QUIET = timedelta(seconds=10)


def look(conn: Connection) -> SeriesRecord:
    found = inbox.series(conn, SERIES)
    assert found is not None
    return found


def settle(conn: Connection, state: SeriesState = SeriesState.ENQUEUED, reason: str = "") -> None:
    assert inbox.complete(conn, look(conn), "offer")
    assert inbox.settle(conn, SERIES, look(conn).generation, state, reason, after(30))


def quiet(conn: Connection, seconds: float, on_release: tuple[str, ...] = ()) -> list[str]:
    found = inbox.quiet_series(conn, after(seconds), QUIET, on_release, listening_since=NOW)
    return [series.series_instance_uid for series in found]


def test_the_first_instance_opens_its_series(engine: Engine) -> None:
    sent = instance()

    with engine.begin() as conn:
        assert inbox.receive(conn, sent) is Reception.NEW

        assert inbox.instances(conn, SERIES) == (sent,)
        assert look(conn) == SeriesRecord(
            series_instance_uid=SERIES,
            study_instance_uid="1.2.3",
            calling_ae_title="PACS",
            modality="MR",
            sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
            series_description="FLAIR",
            instances=1,
            first_received_at=NOW,
            last_received_at=NOW,
            released_at=None,
            generation=0,
            state=SeriesState.RECEIVING,
            reason="",
            candidates="",
            waiting_until=None,
        )


def test_further_instances_are_counted_and_the_last_sender_is_remembered(engine: Engine) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance(sop="1.2.3.1.2", sender="MR1"))
        inbox.receive(conn, instance(sop="1.2.3.1.1", sender="PACS", received_at=after(3)))

        got = look(conn)
        assert (got.instances, got.first_received_at, got.last_received_at) == (2, NOW, after(3))
        assert got.calling_ae_title == "PACS"
        assert [one.sop_instance_uid for one in inbox.instances(conn, SERIES)] == ["1.2.3.1.2", "1.2.3.1.1"]


def test_the_same_bytes_again_change_nothing(engine: Engine) -> None:
    first = instance(path=Path("/data/first.dcm"))
    with engine.begin() as conn:
        inbox.receive(conn, first)
        settle(conn)
        before = look(conn)

        again = inbox.receive(conn, instance(path=Path("/data/second.dcm"), received_at=after(60)))

        assert again is Reception.DUPLICATE
        assert look(conn) == before
        assert inbox.instances(conn, SERIES) == (first,)


def test_the_same_bytes_again_keep_a_series_that_is_receiving_from_being_quiet(engine: Engine) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance())
        inbox.release(conn, [SERIES], after(1))

        inbox.receive(conn, instance(received_at=after(8)))

        assert quiet(conn, 17, ("*",)) == []
        assert quiet(conn, 18) == [SERIES]
        assert (look(conn).instances, look(conn).generation) == (1, 0)


def test_other_bytes_under_the_same_uid_take_the_place_and_reopen_the_series(engine: Engine) -> None:
    newer = instance(sha256="bb", path=Path("/data/newer.dcm"), received_at=after(60))
    with engine.begin() as conn:
        inbox.receive(conn, instance())
        settle(conn)

        assert inbox.receive(conn, newer) is Reception.REPLACED

        assert inbox.instances(conn, SERIES) == (newer,)
        got = look(conn)
        assert (got.instances, got.state, got.generation) == (1, SeriesState.RECEIVING, 1)


def test_a_uid_used_in_two_series_stays_in_both(engine: Engine) -> None:
    with engine.begin() as conn:
        assert inbox.receive(conn, instance(sop="1.9", series="1.2.3.1")) is Reception.NEW
        assert inbox.receive(conn, instance(sop="1.9", series="1.2.3.2", sha256="bb")) is Reception.NEW

        assert len(inbox.instances(conn, "1.2.3.1")) == 1
        assert len(inbox.instances(conn, "1.2.3.2")) == 1


@pytest.mark.parametrize("state", [SeriesState.WAITING, SeriesState.ENQUEUED, SeriesState.REFUSED])
def test_a_late_instance_starts_one_new_generation(engine: Engine, state: SeriesState) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance(sop="1.2.3.1.1"))
        settle(conn, state, "why")

        inbox.receive(conn, instance(sop="1.2.3.1.2"))
        inbox.receive(conn, instance(sop="1.2.3.1.3"))

        got = look(conn)
        assert (got.generation, got.state, got.reason, got.instances) == (1, SeriesState.RECEIVING, "", 3)
        assert (got.candidates, got.waiting_until) == ("", None)


def test_a_series_is_quiet_exactly_when_the_time_has_passed(engine: Engine) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance())

        assert quiet(conn, 9.999) == []
        assert quiet(conn, 10) == [SERIES]


def test_a_new_instance_starts_the_wait_again(engine: Engine) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance(sop="1.2.3.1.1"))
        inbox.receive(conn, instance(sop="1.2.3.1.2", received_at=after(8)))

        assert quiet(conn, 17) == []
        assert quiet(conn, 18) == [SERIES]


@pytest.mark.parametrize(
    ("on_release", "complete"), [(("PACS",), True), (("*",), True), (("MR1",), False), ((), False)]
)
def test_a_release_completes_the_series_of_trusted_senders(
    engine: Engine, on_release: tuple[str, ...], complete: bool
) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance(sender="PACS"))
        assert quiet(conn, 1, on_release) == []

        inbox.release(conn, [SERIES], after(1))

        assert look(conn).released_at == after(1)
        assert quiet(conn, 1, on_release) == ([SERIES] if complete else [])


def test_an_instance_after_the_release_takes_it_back(engine: Engine) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance(sop="1.2.3.1.1"))
        inbox.release(conn, [SERIES], after(1))
        inbox.receive(conn, instance(sop="1.2.3.1.2", received_at=after(2)))

        assert look(conn).released_at is None
        assert quiet(conn, 3, ("*",)) == []


def test_a_release_concerns_only_the_series_named(engine: Engine) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance(sop="1.1.1", series="1.1"))
        inbox.receive(conn, instance(sop="1.2.1", series="1.2"))

        inbox.release(conn, ["1.2", "1.99"], after(1))
        inbox.release(conn, [], after(1))

        assert quiet(conn, 1, ("*",)) == ["1.2"]


def test_a_settled_series_is_not_found_again(engine: Engine) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance())

        settle(conn, SeriesState.REFUSED, "no MR")

        assert quiet(conn, 1000) == []
        assert (look(conn).state, look(conn).reason) == (SeriesState.REFUSED, "no MR")
        assert look(conn).candidates == "offer"


def test_a_series_to_which_anything_came_since_it_was_seen_is_not_complete(engine: Engine) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance(sop="1.2.3.1.1"))
        seen = look(conn)
        inbox.receive(conn, instance(sop="1.2.3.1.1", received_at=after(1)))  # a duplicate

        assert not inbox.complete(conn, seen, "offer")

        assert (look(conn).state, look(conn).candidates) == (SeriesState.RECEIVING, "")


def test_a_complete_series_is_not_completed_again(engine: Engine) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance())
        seen = look(conn)
        assert inbox.complete(conn, seen, "offer")

        assert not inbox.complete(conn, seen, "another offer")

        assert (look(conn).state, look(conn).candidates) == (SeriesState.WAITING, "offer")


def test_what_became_of_a_complete_series_may_change_until_it_is_receiving_again(engine: Engine) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance(sop="1.2.3.1.1"))
        assert not inbox.settle(conn, SERIES, 0, SeriesState.ENQUEUED, "")  # not complete yet
        settle(conn, SeriesState.WAITING, "waits for T2")
        assert inbox.settle(conn, SERIES, 0, SeriesState.ENQUEUED, "")
        assert (look(conn).state, look(conn).waiting_until) == (SeriesState.ENQUEUED, None)

        inbox.receive(conn, instance(sop="1.2.3.1.2"))  # generation 1
        assert not inbox.settle(conn, SERIES, 0, SeriesState.REFUSED, "")
        assert not inbox.settle(conn, SERIES, 1, SeriesState.REFUSED, "")

        assert look(conn).state is SeriesState.RECEIVING


def test_a_study_is_due_when_the_wait_of_one_of_its_series_is_over(engine: Engine) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, instance())
        inbox.receive(conn, instance(sop="1.2.3.2.1", series="1.2.3.2"))
        inbox.receive(conn, instance(sop="1.9.1.1", series="1.9.1", study="1.9"))
        settle(conn, SeriesState.WAITING, "waits for T2")

        assert inbox.studies_due(conn, after(29.999)) == ()
        assert inbox.studies_due(conn, after(30)) == ("1.2.3",)

        inbox.settle(conn, SERIES, 0, SeriesState.REFUSED, "lacks T2")
        assert inbox.studies_due(conn, after(3600)) == ()


def test_an_unknown_series_is_none_and_empty(engine: Engine) -> None:
    with engine.begin() as conn:
        assert inbox.series(conn, "1.99") is None
        assert inbox.instances(conn, "1.99") == ()
        assert not inbox.settle(conn, "1.99", 0, SeriesState.ENQUEUED, "")


SENT = st.builds(
    lambda sop, series, sha256, sender: instance(f"1.{sop}", f"2.{series}", "3", sender, sha256),
    sop=st.integers(0, 3),
    series=st.integers(0, 2),
    sha256=st.sampled_from(["aa", "bb"]),
    sender=st.sampled_from(["PACS", "MR1"]),
)
BATCHES = st.lists(st.tuples(st.lists(SENT, max_size=6), st.booleans()), max_size=4)


def contents(conn: Connection) -> tuple[list[SeriesRecord | None], list[tuple[ReceivedInstance, ...]]]:
    uids = [f"2.{number}" for number in range(3)]
    return [inbox.series(conn, uid) for uid in uids], [inbox.instances(conn, uid) for uid in uids]


def receive_all(
    engine: Engine,
    batches: list[tuple[list[ReceivedInstance], bool]],
    receive: Callable[[Connection, list[ReceivedInstance]], tuple[Reception, ...]],
) -> object:
    """Receive batches, settling what there is after some of them, and return all that came of it."""
    with engine.connect() as conn, conn.begin() as transaction:
        seconds = 0
        receptions: list[Reception] = []
        for batch, settles in batches:
            sent = [replace(one, received_at=after(seconds + n), offset=n) for n, one in enumerate(batch)]
            seconds += len(batch)
            receptions += receive(conn, sent)
            for series in contents(conn)[0] if settles else []:
                if series is not None and inbox.complete(conn, series, "offer"):
                    inbox.settle(conn, series.series_instance_uid, series.generation, SeriesState.REFUSED, "why")
        found = contents(conn)
        transaction.rollback()
    return receptions, found


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
@given(batches=BATCHES)
def test_many_received_at_once_are_as_if_received_one_after_another(
    engine: Engine, batches: list[tuple[list[ReceivedInstance], bool]]
) -> None:
    one_by_one = receive_all(
        engine, batches, lambda conn, sent: tuple(inbox.receive(conn, instance) for instance in sent)
    )

    assert receive_all(engine, batches, inbox.receive_many) == one_by_one


def test_more_are_received_at_once_than_a_statement_may_name(engine: Engine) -> None:
    sent = [instance(sop=f"1.{n}", series=f"2.{n % 700}") for n in range(1200)]

    with engine.begin() as conn:
        assert set(inbox.receive_many(conn, sent)) == {Reception.NEW}
        assert set(inbox.receive_many(conn, sent)) == {Reception.DUPLICATE}
        assert inbox.receive_many(conn, []) == ()


def test_what_two_processes_receive_at_once_is_counted_once(engine: Engine, other_engine: Engine) -> None:
    def receive(using: Engine) -> None:
        for number in range(20):
            with using.begin() as conn:
                inbox.receive(conn, instance(sop=f"1.{number}"))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(receive, [engine, other_engine]))

    with engine.begin() as conn:
        assert look(conn).instances == len(inbox.instances(conn, SERIES)) == 20


def test_what_a_header_says_is_kept_though_no_database_takes_it(engine: Engine) -> None:
    with engine.begin() as conn:
        inbox.receive(conn, replace(instance(), series_description="FLAIR\0 \udce9"))

        assert look(conn).series_description == "FLAIR\N{REPLACEMENT CHARACTER} ?"


def test_a_large_instance_deep_in_a_large_file_is_found(engine: Engine) -> None:
    deep = replace(instance(), offset=2**40, size=2**33)
    with engine.begin() as conn:
        inbox.receive(conn, deep)

        assert inbox.instances(conn, SERIES) == (deep,)
