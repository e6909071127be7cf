from dataclasses import replace
from datetime import timedelta

from support.records import DELIVERY, JOB, NOW, SERIES

from db.records import DeliveryState, JobState, SeriesState
from node.demo.follow import Progress, changes, seconds_per_step
from node.report import JobReport


def test_a_series_is_followed_from_its_first_instance_to_its_delivery() -> None:
    enqueued = replace(SERIES, state=SeriesState.ENQUEUED)
    done = replace(JOB, state=JobState.DONE)
    waiting = replace(SERIES, state=SeriesState.WAITING, reason="subtype waits for T2 until 12:30 UTC")
    moments = [
        Progress((SERIES,), (), ()),
        Progress((SERIES,), (), ()),
        Progress((waiting,), (), ()),
        Progress((enqueued,), (JOB,), ()),
        Progress((enqueued,), (replace(JOB, state=JobState.RUNNING),), ()),
        Progress((enqueued,), (done,), (DELIVERY,)),
        Progress((enqueued,), (done,), (replace(DELIVERY, state=DeliveryState.DELIVERED),)),
    ]
    rests: list[None] = []

    said = [state for _, state in changes(iter(moments).__next__, 1.0, lambda: rests.append(None))]

    assert said == [
        "received 24, waiting for quiet (1 s)",
        "complete, subtype waits for T2 until 12:30 UTC",
        "segment_unet2d: waiting for a worker",
        "segment_unet2d: analysing",
        "segment_unet2d: delivering SR",
        "segment_unet2d: delivered SR",
    ]
    assert len(rests) == 6


def test_a_refused_series_and_a_failed_job_say_why() -> None:
    refused = replace(SERIES, state=SeriesState.REFUSED, reason="sequence is t2")
    failed = replace(JOB, state=JobState.FAILED, reason="3 slices are missing")

    said = [state for _, state in changes(lambda: Progress((refused,), (failed,), ()), 1.0, lambda: None)]

    assert said == ["not analysed: sequence is t2", "segment_unet2d: failed (3 slices are missing)"]


def test_a_job_that_a_person_holds_keeps_the_study_open_and_one_that_is_superseded_does_not() -> None:
    enqueued = replace(SERIES, state=SeriesState.ENQUEUED)
    held = Progress((enqueued,), (replace(JOB, state=JobState.HELD),), ())
    superseded = Progress((enqueued,), (replace(JOB, state=JobState.SUPERSEDED, reason="job 2 takes its place"),), ())

    said = [state for _, state in changes(iter([held, superseded]).__next__, 1.0, lambda: None)]

    assert said == ["segment_unet2d: held", "segment_unet2d: superseded (job 2 takes its place)"]


def test_steps_are_timed_from_the_first_instance_to_the_last_delivery() -> None:
    report = JobReport("a", "t", "s", True, {}, {"read": 0.5, "model": 4.0})
    job = replace(
        JOB,
        started_at=NOW + timedelta(seconds=3.5),
        finished_at=NOW + timedelta(seconds=8),
        report=report.to_json(),
    )
    delivered = replace(DELIVERY, delivered_at=NOW + timedelta(seconds=8.25))

    assert dict(seconds_per_step(SERIES, job, (delivered,))) == {
        "receive": 2.0,
        "quiet": 1.0,
        "queue": 0.5,
        "read": 0.5,
        "model": 4.0,
        "deliver": 0.25,
    }
