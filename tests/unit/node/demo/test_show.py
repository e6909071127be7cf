from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
from rich.console import Console
from support.builders import make_voxels, write_series
from support.records import DELIVERY, JOB, NOW, SERIES

from db.records import DeliveryState, JobInput, JobState, Result, SeriesState
from dicom_io.case import Case
from dicom_io.equipment import Equipment
from dicom_io.findings import Algorithm, Findings, Mask, Score, Segment
from dicom_io.read import read_volume
from dicom_io.results import encode
from node.demo.follow import Progress
from node.demo.send import series_in
from node.demo.show import findings_table, panels
from node.report import JobReport


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
    for result in encode(case, findings, Equipment(site="s", serial="1"), NOW):
        path = folder / f"{result.kind}.dcm"
        path.write_bytes(result.data)
        row = Result(
            sop_instance_uid=result.sop_instance_uid,
            sop_class_uid="",
            series_instance_uid="1.3",
            kind=result.kind,
            path=path,
        )
        deliveries.append(replace(DELIVERY, result=row, state=DeliveryState.DELIVERED, delivered_at=NOW))
    series = replace(SERIES, series_instance_uid=uid, series_description="FLAIR AX", state=SeriesState.ENQUEUED)
    report = JobReport.of(findings, {"model": 1.5}, ["T1 registered"]).to_json()
    job = replace(
        JOB, inputs=(JobInput("flair", uid),), series_instance_uids=(uid,), state=JobState.DONE, report=report
    )
    return Progress((series,), (job,), tuple(deliveries)), mask


def text_of(progress: Progress) -> str:
    console = Console(width=120, record=True, file=StringIO())
    console.print(findings_table(progress, lambda uid: f"file-{uid[-3:]}"))
    return console.export_text()


def test_the_table_names_series_model_finding_score_files_and_seconds(tmp_path: Path) -> None:
    progress, _ = analysed(tmp_path)

    text = text_of(progress)

    for words in (
        "FLAIR AX",
        "segment_unet2d",
        "a lesion",
        "flair abnormality 0.90",
        "file-",
        "model    1.50",
        "T1 registered",
    ):
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
