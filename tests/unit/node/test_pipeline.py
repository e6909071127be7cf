"""A job's files become findings, and findings become objects on disk."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid
from support.builders import change, new_series
from support.fakes import FakeModel, fake_card
from support.rooms import NOW
from support.scu import write_series

from db.records import Job, JobInput, JobState
from dicom_io.equipment import Equipment
from dicom_io.errors import DicomInputError
from inference.card import Input
from node.errors import Interrupted, OutOfSpace
from node.pipeline import Desk, Steps, analyse
from node.storage import Storage


def never() -> bool:
    return False


def desk(folder: Path, minimum_free_mb: int = 0) -> Desk:
    return Desk(Storage(folder, minimum_free_mb), Equipment(site="test", serial="1"))


@pytest.fixture
def series(tmp_path: Path) -> Mapping[str, list[Path]]:
    data_sets = new_series()
    return {data_sets[0].SeriesInstanceUID: write_series(tmp_path / "series", data_sets)}


def job_for(series: Mapping[str, list[Path]], enqueued_at: datetime = NOW) -> Job:
    first = dcmread(next(iter(series.values()))[0])
    return Job(
        id=1,
        model="fake_model",
        study_instance_uid=first.StudyInstanceUID,
        inputs=tuple(JobInput("flair", uid) for uid in series),
        series_instance_uids=tuple(series),
        generation=0,
        calling_ae_title="SCANNER",
        notes=("series 3 as FLAIR: axial",),
        state=JobState.RUNNING,
        attempts=1,
        reason="",
        enqueued_at=enqueued_at,
        started_at=enqueued_at,
        finished_at=None,
        report="",
    )


def test_findings_are_kept_as_a_seg_and_a_report(tmp_path: Path, series: Mapping[str, list[Path]]) -> None:
    model = FakeModel()

    analysis = analyse(job_for(series), series, model, desk(tmp_path / "data"), Steps(never))

    assert analysis.findings.summary == "a box in the middle"
    assert [result.kind for result in analysis.results] == ["SEG", "SR"]
    for result in analysis.results:
        written = dcmread(result.path)
        assert written.Modality == result.kind
        assert (written.SOPInstanceUID, written.SOPClassUID) == (result.sop_instance_uid, result.sop_class_uid)
    assert len(model.cases) == 1


def test_a_second_attempt_writes_the_same_files(tmp_path: Path, series: Mapping[str, list[Path]]) -> None:
    place = desk(tmp_path / "data")

    first = analyse(job_for(series), series, FakeModel(), place, Steps(never)).results
    before = [result.path.read_bytes() for result in first]
    second = analyse(job_for(series), series, FakeModel(), place, Steps(never)).results

    assert second == first
    assert [result.path.read_bytes() for result in second] == before


def test_the_time_in_the_results_is_the_jobs(tmp_path: Path, series: Mapping[str, list[Path]]) -> None:
    late = datetime(2025, 6, 7, 8, 9, 10, tzinfo=UTC)

    seg, _ = analyse(job_for(series, late), series, FakeModel(), desk(tmp_path / "data"), Steps(never)).results

    assert dcmread(seg.path).ContentDate in ("20250607", "20250608")  # in the time zone of the machine


def test_every_step_is_measured(tmp_path: Path, series: Mapping[str, list[Path]]) -> None:
    ticks = count()
    steps = Steps(never, clock=lambda: float(next(ticks)))

    analyse(job_for(series), series, FakeModel(), desk(tmp_path / "data"), steps)

    assert steps.seconds == {"read": 1.0, "model": 1.0, "encode": 1.0, "keep": 1.0}


def test_after_a_stop_the_running_step_is_finished_and_no_other_begins(
    tmp_path: Path, series: Mapping[str, list[Path]]
) -> None:
    stopped: list[bool] = []
    model = FakeModel(before=lambda: stopped.append(True))
    steps = Steps(lambda: bool(stopped))

    with pytest.raises(Interrupted, match="encode"):
        analyse(job_for(series), series, model, desk(tmp_path / "data"), steps)

    assert list(steps.seconds) == ["read", "model"]
    assert not list((tmp_path / "data").rglob("*.dcm"))


def test_a_series_with_a_gap_is_refused(tmp_path: Path, series: Mapping[str, list[Path]]) -> None:
    gapped = {uid: [path for number, path in enumerate(paths) if number != 2] for uid, paths in series.items()}

    with pytest.raises(DicomInputError):
        analyse(job_for(series), gapped, FakeModel(), desk(tmp_path / "data"), Steps(never))


def test_a_full_disk_is_said_to_be_so(tmp_path: Path, series: Mapping[str, list[Path]]) -> None:
    with pytest.raises(OutOfSpace):
        analyse(job_for(series), series, FakeModel(), desk(tmp_path / "data", 10**9), Steps(never))


@pytest.fixture
def two_series(tmp_path: Path) -> Mapping[str, list[Path]]:
    """A FLAIR and a T2 of one study, each with a frame of reference of its own."""
    study = generate_uid(None)
    found = {}
    for sequence in ("flair", "t2"):
        data_sets = new_series(sequence=sequence, StudyInstanceUID=study, FrameOfReferenceUID=generate_uid(None))
        found[str(data_sets[0].SeriesInstanceUID)] = write_series(tmp_path / sequence, data_sets)
    return found


def pair_of(series: Mapping[str, list[Path]]) -> Job:
    flair, t2 = series
    return replace(job_for(series), inputs=(JobInput("flair", flair), JobInput("t2", t2)))


def test_a_model_gets_its_inputs_in_their_order_by_what_they_were_chosen_as(
    tmp_path: Path, two_series: Mapping[str, list[Path]]
) -> None:
    frame = generate_uid(None)
    for path in (path for paths in two_series.values() for path in paths):
        change(path, FrameOfReferenceUID=frame)
    model = FakeModel()

    analysis = analyse(pair_of(two_series), two_series, model, desk(tmp_path / "data"), Steps(never))

    (case,) = model.cases
    assert {sequence: volume.header.series_instance_uid for sequence, volume in case.volumes.items()} == dict(
        zip(("flair", "t2"), two_series, strict=True)
    )
    assert list(case.aligned) == ["t2"]
    assert analysis.notes == ("series 3 as FLAIR: axial", *case.notes)


def test_series_of_other_frames_of_reference_are_refused_where_the_setting_says_so(
    tmp_path: Path, two_series: Mapping[str, list[Path]]
) -> None:
    refusing = replace(desk(tmp_path / "data"), other_frame="refuse")

    with pytest.raises(DicomInputError, match=r"[Ff]rame"):
        analyse(pair_of(two_series), two_series, FakeModel(), refusing, Steps(never))


def test_a_series_that_the_model_can_do_without_is_left_out_instead(
    tmp_path: Path, two_series: Mapping[str, list[Path]]
) -> None:
    refusing = replace(desk(tmp_path / "data"), other_frame="refuse")
    card = fake_card(inputs=(Input(("flair",)), Input(("t2",), optional=True)))

    analysis = analyse(pair_of(two_series), two_series, FakeModel(card), refusing, Steps(never))

    assert analysis.notes[-1].startswith("T2 left out: ")
