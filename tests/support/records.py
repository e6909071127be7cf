"""Made-up records for tests; what a test does not care about has a value here."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from db.records import (
    Delivery,
    DeliveryState,
    Job,
    JobState,
    NewJob,
    ReceivedInstance,
    Result,
    SeriesRecord,
    SeriesState,
)

NOW = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)

# Rows to start from; `dataclasses.replace` says what a test cares about.
SERIES = SeriesRecord(
    series_instance_uid="1.1",
    study_instance_uid="1",
    calling_ae_title="A",
    modality="MR",
    sop_class_uid="",
    series_description="FLAIR",
    instances=24,
    first_received_at=NOW,
    last_received_at=NOW + timedelta(seconds=2),
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
    enqueued_at=NOW + timedelta(seconds=3),
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
    not_before=NOW,
    delivered_at=None,
    reason="",
)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def instance(
    sop: str = "1.2.3.1.1",
    series: str = "1.2.3.1",
    study: str = "1.2.3",
    sender: str = "PACS",
    sha256: str = "aa",
    path: Path = Path("/data/1.dcm"),
    received_at: datetime = NOW,
) -> ReceivedInstance:
    return ReceivedInstance(
        sop_instance_uid=sop,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
        series_instance_uid=series,
        study_instance_uid=study,
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        calling_ae_title=sender,
        modality="MR",
        series_description="FLAIR",
        path=path,
        size=1000,
        sha256=sha256,
        received_at=received_at,
    )


def new_job(
    series: tuple[str, ...] = ("1.2.3.1",),
    model: str = "segment_unet2d",
    generation: int = 0,
    study: str = "1.2.3",
) -> NewJob:
    return NewJob(
        model=model,
        study_instance_uid=study,
        series_instance_uids=series,
        generation=generation,
        calling_ae_title="PACS",
    )


def result(sop: str = "1.2.3.9.1", kind: str = "SEG") -> Result:
    return Result(
        sop_instance_uid=sop,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.66.4",
        kind=kind,
        path=Path(f"/data/results/{sop}.dcm"),
    )
