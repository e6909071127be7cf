"""A quiet series becomes jobs or a reason, once."""

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine
from structlog.testing import capture_logs
from support.builders import new_series
from support.rooms import NOW, receive_series, settings

from db import inbox, views
from db.engine import reading
from db.records import Job, SeriesRecord, SeriesState
from node.completion import Completion
from node.routing import ModelNeed

LATER = NOW + timedelta(seconds=20)
NEEDS = (ModelNeed("segment", ("flair",)), ModelNeed("classify", ("t1c", "flair")))


def completion(engine: Engine, *on_release: str) -> Completion:
    policy = settings(completion__quiet_seconds=10, completion__complete_on_release=on_release).completion
    return Completion(engine, policy, NEEDS, NOW)


def state(engine: Engine, uid: str) -> tuple[SeriesRecord, tuple[Job, ...]]:
    with reading(engine) as connection:
        series = inbox.series(connection, uid)
        assert series is not None
        return series, views.jobs_of_study(connection, series.study_instance_uid)


def test_a_quiet_series_gets_a_job_from_every_model_that_accepts_it(engine: Engine, tmp_path: Path) -> None:
    uid = receive_series(engine, tmp_path)

    settled = completion(engine).look(LATER)

    series, jobs = state(engine, uid)
    assert settled == 1
    assert series.state == SeriesState.ENQUEUED
    assert [(job.model, job.series_instance_uids, job.calling_ae_title) for job in jobs] == [
        ("segment", (uid,), "SCANNER"),
        ("classify", (uid,), "SCANNER"),
    ]


def test_a_second_look_changes_nothing(engine: Engine, tmp_path: Path) -> None:
    uid = receive_series(engine, tmp_path)
    completion(engine).look(LATER)
    before = state(engine, uid)

    assert completion(engine).look(LATER + timedelta(hours=1)) == 0

    assert state(engine, uid) == before


def test_a_series_that_is_still_arriving_is_left_alone(engine: Engine, tmp_path: Path) -> None:
    uid = receive_series(engine, tmp_path)

    assert completion(engine).look(NOW + timedelta(seconds=9)) == 0

    assert state(engine, uid)[0].state == SeriesState.RECEIVING


def test_a_series_cut_off_by_our_own_death_gets_its_quiet_time_again(engine: Engine, tmp_path: Path) -> None:
    receive_series(engine, tmp_path)
    policy = settings(completion__quiet_seconds=10).completion
    restarted = Completion(engine, policy, NEEDS, listening_since=NOW + timedelta(minutes=5))

    assert restarted.look(NOW + timedelta(minutes=5, seconds=9)) == 0
    assert restarted.look(NOW + timedelta(minutes=5, seconds=10)) == 1


def test_a_series_sent_again_from_the_start_is_enqueued_once_when_whole(engine: Engine, tmp_path: Path) -> None:
    slices = new_series(slices=4)
    uid = receive_series(engine, tmp_path, slices[:3])
    restarted = completion(engine)
    for second, data_set in enumerate(slices):  # one every 6 s: the known ones take longer than the quiet time
        receive_series(engine, tmp_path, [data_set], at=NOW + timedelta(seconds=6 * (second + 1)))
        assert restarted.look(NOW + timedelta(seconds=6 * (second + 1) + 5)) == 0

    assert restarted.look(NOW + timedelta(seconds=34)) == 1

    assert [job.generation for job in state(engine, uid)[1]] == [0, 0]


def test_a_trusted_sender_need_not_wait_after_its_release(engine: Engine, tmp_path: Path) -> None:
    uid = receive_series(engine, tmp_path)
    with engine.begin() as connection:
        inbox.release(connection, [uid], NOW)

    assert completion(engine).look(NOW) == 0
    assert completion(engine, "SCANNER").look(NOW) == 1


def test_a_late_instance_makes_another_generation_of_jobs(engine: Engine, tmp_path: Path) -> None:
    slices = new_series()
    uid = receive_series(engine, tmp_path, slices[:-1])
    completion(engine).look(LATER)
    receive_series(engine, tmp_path, slices[-1:], at=LATER)

    completion(engine).look(LATER + timedelta(seconds=20))

    assert sorted(job.generation for job in state(engine, uid)[1]) == [0, 0, 1, 1]


def test_a_series_no_model_wants_is_refused_with_the_reason(engine: Engine, tmp_path: Path) -> None:
    uid = receive_series(engine, tmp_path, new_series(sequence="t2"))

    with capture_logs() as lines:
        completion(engine).look(LATER)

    series, jobs = state(engine, uid)
    assert (series.state, jobs) == (SeriesState.REFUSED, ())
    assert series.reason == "the sequence is t2; segment wants flair; classify wants t1c or flair"
    assert lines[-1]["reason"] == series.reason


def test_a_series_that_cannot_be_read_is_refused_with_the_reason(engine: Engine, tmp_path: Path) -> None:
    uid = receive_series(engine, tmp_path)
    with reading(engine) as connection:
        inbox.instances(connection, uid)[0].path.write_bytes(b"damaged")

    completion(engine).look(LATER)

    assert state(engine, uid)[0].state == SeriesState.REFUSED
    assert "unreadable" in state(engine, uid)[0].reason


def test_files_out_of_reach_put_off_their_own_series_only(engine: Engine, tmp_path: Path) -> None:
    lost, there = receive_series(engine, tmp_path), receive_series(engine, tmp_path)
    with reading(engine) as connection:
        hidden = inbox.instances(connection, lost)[0].path
    hidden.rename(hidden.with_suffix(".away"))

    looking = completion(engine)
    with capture_logs() as lines:
        assert [looking.look(LATER), looking.look(LATER)] == [1, 0]

    assert state(engine, lost)[0].state == SeriesState.RECEIVING
    assert state(engine, there)[0].state == SeriesState.ENQUEUED
    assert [line["reason"] for line in lines if line["series"] == lost] == ["cannot read it: No such file or directory"]
    hidden.with_suffix(".away").rename(hidden)
    assert looking.look(LATER) == 1


@pytest.mark.parametrize("models", [(), ("segment",)])
def test_only_models_that_are_switched_on_get_jobs(engine: Engine, tmp_path: Path, models: tuple[str, ...]) -> None:
    uid = receive_series(engine, tmp_path)
    needs = tuple(need for need in NEEDS if need.name in models)

    Completion(engine, settings().completion, needs, NOW).look(LATER)

    assert tuple(job.model for job in state(engine, uid)[1]) == models
