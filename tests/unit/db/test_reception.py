from dataclasses import replace

from support.records import NOW, SERIES, after, instance

from db.reception import Batch, Key, Reception
from db.records import SeriesState

KEY = Key("1.2.3.1", "1.2.3.1.1")


def test_an_instance_that_is_twice_in_a_batch_is_a_duplicate_the_second_time() -> None:
    batch = Batch({}, {})

    assert batch.receive(instance()) is Reception.NEW
    assert batch.receive(instance(received_at=after(3))) is Reception.DUPLICATE

    (series,) = batch.changed_series
    assert (series.instances, series.first_received_at, series.last_received_at) == (1, NOW, after(3))
    assert list(batch.changed_instances) == [instance()]


def test_of_an_instance_that_is_replaced_in_a_batch_the_newer_is_kept() -> None:
    batch = Batch({}, {})
    newer = instance(sha256="bb")

    assert [batch.receive(one) for one in (instance(), newer)] == [Reception.NEW, Reception.REPLACED]

    assert list(batch.changed_instances) == [newer]
    assert [series.instances for series in batch.changed_series] == [1]


def test_what_is_known_and_does_not_change_is_not_written_again() -> None:
    complete = replace(SERIES, series_instance_uid="1.2.3.1", state=SeriesState.ENQUEUED)
    batch = Batch({"1.2.3.1": complete}, {KEY: "aa"})

    assert batch.receive(instance()) is Reception.DUPLICATE

    assert (list(batch.changed_series), list(batch.changed_instances)) == ([], [])


def test_instances_that_come_after_completion_begin_one_new_generation() -> None:
    complete = replace(SERIES, series_instance_uid="1.2.3.1", state=SeriesState.ENQUEUED, instances=1)
    batch = Batch({"1.2.3.1": complete}, {KEY: "aa"})

    batch.receive(instance(sop="1.2.3.1.2"))
    batch.receive(instance(sop="1.2.3.1.3"))

    (series,) = batch.changed_series
    assert (series.generation, series.instances, series.state) == (1, 3, SeriesState.RECEIVING)
