from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from db.records import Delivery, DeliveryState, Job, JobState, Result, SeriesRecord, SeriesState
from node.demo.follow import Progress, changes, seconds_per_step
from node.report import JobReport

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SERIES = SeriesRecord(
    series_instance_uid="1.1",
    study_instance_uid="1",
    calling_ae_title="A",
    modality="MR",
    sop_class_uid="",
    series_description="FLAIR",
    instances=24,
    first_received_at=T0,
    last_received_at=T0 + timedelta(seconds=2),
    released_at=None,
    generation=0,
    state=SeriesState.RECEIVING,
    reason="",
)
JOB = Job(
    id=1,
    model="segment_unet2d",
    study_instance_uid="1",
    series_instance_uids=("1.1",),
    generation=0,
    calling_ae_title="A",
    state=JobState.WAITING,
    attempts=0,
    reason="",
    enqueued_at=T0 + timedelta(seconds=3),
    started_at=None,
    finished_at=None,
    report="",
)
DELIVERY = Delivery(
    id=1,
    job_id=1,
    result=Result(sop_instance_uid="2.25.1", sop_class_uid="", kind="SR", path=Path("x")),
    destination="PACS",
    state=DeliveryState.WAITING,
    attempts=0,
    not_before=T0,
    delivered_at=None,
    reason="",
)


def test_a_series_is_followed_from_its_first_instance_to_its_delivery() -> None:
    enqueued = replace(SERIES, state=SeriesState.ENQUEUED)
    done = replace(JOB, state=JobState.DONE)
    moments = [
        Progress((SERIES,), (), ()),
        Progress((SERIES,), (), ()),
        Progress((enqueued,), (JOB,), ()),
        Progress((enqueued,), (replace(JOB, state=JobState.RUNNING),), ()),
        Progress((enqueued,), (done,), (DELIVERY,)),
        Progress((enqueued,), (done,), (replace(DELIVERY, state=DeliveryState.DELIVERED),)),
    ]
    rests: list[None] = []

    said = [state for _, state in changes(iter(moments).__next__, 1.0, lambda: rests.append(None))]

    assert said == [
        "received 24, waiting for quiet (1 s)",
        "segment_unet2d: waiting for a worker",
        "segment_unet2d: analysing",
        "segment_unet2d: delivering SR",
        "segment_unet2d: delivered SR",
    ]
    assert len(rests) == 5


def test_a_refused_series_and_a_failed_job_say_why() -> None:
    refused = replace(SERIES, state=SeriesState.REFUSED, reason="sequence is t2")
    failed = replace(JOB, state=JobState.FAILED, reason="3 slices are missing")

    said = [state for _, state in changes(lambda: Progress((refused,), (failed,), ()), 1.0, lambda: None)]

    assert said == ["not analysed: sequence is t2", "segment_unet2d: failed (3 slices are missing)"]


def test_steps_are_timed_from_the_first_instance_to_the_last_delivery() -> None:
    report = JobReport("a", "t", "s", True, {}, {"read": 0.5, "model": 4.0})
    job = replace(
        JOB,
        started_at=T0 + timedelta(seconds=3.5),
        finished_at=T0 + timedelta(seconds=8),
        report=report.to_json(),
    )
    delivered = replace(DELIVERY, delivered_at=T0 + timedelta(seconds=8.25))

    assert dict(seconds_per_step(SERIES, job, (delivered,))) == {
        "receive": 2.0,
        "quiet": 1.0,
        "queue": 0.5,
        "read": 0.5,
        "model": 4.0,
        "deliver": 0.25,
    }
