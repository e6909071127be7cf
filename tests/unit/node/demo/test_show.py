from dataclasses import replace
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import numpy as np
from rich.console import Console
from support.builders import make_voxels, write_series

from db.records import Delivery, DeliveryState, Job, JobState, Result, SeriesRecord, SeriesState
from dicom_io.case import Case
from dicom_io.equipment import Equipment
from dicom_io.findings import Algorithm, Findings, Mask, Score, Segment
from dicom_io.read import read_volume
from dicom_io.results import encode
from node.demo.follow import Progress
from node.demo.send import series_in
from node.demo.show import findings_table, panels
from node.report import JobReport

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def analysed(folder: Path) -> tuple[Progress, Mask]:
    """A series with a mask, its results on disk and their rows."""
    volume = read_volume(write_series(folder / "study", voxels=make_voxels(shape=(5, 16, 16))))
    uid = volume.header.series_instance_uid
    array = np.zeros(volume.array.shape, np.uint8)
    array[1:3, 2:5, 3:9] = 1
    mask = Mask(array, (Segment(1, "flair_abnormality"),), uid)
    algorithm = Algorithm("segment_unet2d", "0.1.0", "ab" * 32)
    findings = Findings(algorithm, "segmentation", uid, True, (Score("flair_abnormality", 0.9),), mask, "a lesion")
    case = Case(volume.header.study_instance_uid, {"flair": volume})
    deliveries = []
    for number, result in enumerate(encode(case, findings, Equipment(site="s", serial="1"), NOW)):
        path = folder / f"{result.kind}.dcm"
        path.write_bytes(result.data)
        row = Result(sop_instance_uid=result.sop_instance_uid, sop_class_uid="", kind=result.kind, path=path)
        deliveries.append(
            Delivery(
                id=number,
                job_id=1,
                result=row,
                destination="PACS",
                state=DeliveryState.DELIVERED,
                attempts=1,
                not_before=NOW,
                delivered_at=NOW,
                reason="",
            )
        )
    series = SeriesRecord(
        series_instance_uid=uid,
        study_instance_uid=case.study_instance_uid,
        calling_ae_title="A",
        modality="MR",
        sop_class_uid="",
        series_description="FLAIR AX",
        instances=5,
        first_received_at=NOW,
        last_received_at=NOW,
        released_at=None,
        generation=0,
        state=SeriesState.ENQUEUED,
        reason="",
    )
    job = Job(
        id=1,
        model="segment_unet2d",
        study_instance_uid=case.study_instance_uid,
        series_instance_uids=(uid,),
        generation=0,
        calling_ae_title="A",
        state=JobState.DONE,
        attempts=1,
        reason="",
        enqueued_at=NOW,
        started_at=NOW,
        finished_at=NOW,
        report=JobReport.of(findings, {"model": 1.5}).to_json(),
    )
    return Progress((series,), (job,), tuple(deliveries)), mask


def text_of(progress: Progress) -> str:
    console = Console(width=120, record=True, file=StringIO())
    console.print(findings_table(progress, lambda uid: f"file-{uid[-3:]}"))
    return console.export_text()


def test_the_table_names_series_model_finding_score_files_and_seconds(tmp_path: Path) -> None:
    progress, _ = analysed(tmp_path)

    text = text_of(progress)

    for words in ("FLAIR AX", "segment_unet2d", "a lesion", "flair abnormality 0.90", "file-", "model    1.50"):
        assert words in text


def test_a_failed_job_and_a_result_on_its_way_are_said_to_be_so(tmp_path: Path) -> None:
    progress, _ = analysed(tmp_path)
    failed = replace(progress.jobs[0], state=JobState.FAILED, report="", reason="slices are missing")
    waiting = replace(progress.deliveries[0], state=DeliveryState.WAITING)

    text = text_of(replace(progress, jobs=(failed,), deliveries=(waiting,)))

    assert "failed: slices are missing" in text
    assert "(waiting)" in text


def test_the_panel_shows_the_mask_as_the_seg_holds_it(tmp_path: Path) -> None:
    progress, mask = analysed(tmp_path)

    (panel,) = panels(progress, series_in(tmp_path / "study"))

    assert panel.mask is not None
    np.testing.assert_array_equal(panel.mask, mask.array)
    assert "a lesion" in panel.title
