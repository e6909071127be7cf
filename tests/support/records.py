"""Made-up records for tests; what a test does not care about has a value here."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from db.records import (
    Delivery,
    DeliveryState,
    Job,
    JobInput,
    JobState,
    NewJob,
    ReceivedInstance,
    Result,
    SeriesRecord,
    SeriesState,
)
from dicom_io.candidate import Candidate

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
    candidates="",
    waiting_until=None,
)
JOB = Job(
    id=1,
    model="segment_unet2d",
    study_instance_uid="1",
    inputs=(JobInput("flair", "1.1"),),
    series_instance_uids=("1.1",),
    generation=0,
    calling_ae_title="A",
    notes=(),
    refusal="",
    failure="",
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
    result=Result(sop_instance_uid="2.25.1", sop_class_uid="", series_instance_uid="2.25", kind="SR", path=Path("x")),
    destination="PACS",
    state=DeliveryState.WAITING,
    attempts=0,
    not_before=NOW,
    delivered_at=None,
    reason="",
)


def candidate(series: str = "1.1", sequence: str = "flair", **more: object) -> Candidate:
    """Return a volume as a survey of headers finds it: axial, well recognised, eligible."""
    fields: dict[str, object] = {
        "series_instance_uid": series,
        "series_number": series.rpartition(".")[2],
        "series_description": sequence.upper(),
        "sequence": sequence,
        "confidence": 0.9,
        "rules": (f"the name says {sequence}",),
        "plane": "axial",
        "shape": (24, 256, 256),
        "spacing": (5.0, 0.9, 0.9),
        "acquired_at": datetime(2025, 3, 1, 8, 0),
    }
    return Candidate(**fields | more)  # type: ignore[arg-type]


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
    part: str = "",
    refusal: str = "",
    priority: int = 0,
) -> NewJob:
    return NewJob(
        model=model,
        study_instance_uid=study,
        inputs=tuple(JobInput("flair", uid, part) for uid in series),
        generation=generation,
        calling_ae_title="PACS",
        refusal=refusal,
        priority=priority,
    )


def result(sop: str = "1.2.3.9.1", kind: str = "SEG") -> Result:
    return Result(
        sop_instance_uid=sop,
        sop_class_uid="1.2.840.10008.5.1.4.1.1.66.4",
        series_instance_uid=f"{sop}.0",
        kind=kind,
        path=Path(f"/data/results/{sop}.dcm"),
    )
