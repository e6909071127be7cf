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
from support.rooms import NOW, words_of
from support.scu import write_series

from db.records import Job, JobInput, JobState, Result
from dicom_io.equipment import Equipment
from dicom_io.errors import DicomInputError
from dicom_io.findings import Algorithm
from dicom_io.profile import Profile
from dicom_io.results import Failure
from inference.card import Input
from node.errors import Interrupted, OutOfSpace, StorageUnavailable
from node.pipeline import Desk, Order, Steps, analyse, report_failure
from node.routing import Route
from node.storage import Storage

PACS = Route(("PACS",), Profile(objects=("SEG", "SR")))
ALGORITHM = Algorithm("fake_model", "1.0.0", "0" * 64)


def never() -> bool:
    return False


def desk(folder: Path, minimum_free_mb: int = 0) -> Desk:
    return Desk(Storage(folder, minimum_free_mb), Equipment(site="test", serial="1"))


@pytest.fixture
def series(tmp_path: Path) -> Mapping[str, list[Path]]:
    data_sets = new_series()
    return {data_sets[0].SeriesInstanceUID: write_series(tmp_path / "series", data_sets)}


def order(job: Job, files: Mapping[str, list[Path]], *routes: Route, replaced: tuple[Result, ...] = ()) -> Order:
    return Order(job, files, routes or (PACS,), replaced)


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
        refusal="",
        failure="",
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

    analysis = analyse(order(job_for(series), series), model, desk(tmp_path / "data"), Steps(never))

    assert analysis.findings.summary == "a box in the middle"
    (made,) = analysis.made
    assert made.destinations == ("PACS",)
    assert [result.kind for result in made.results] == ["SEG", "SR"]
    for result in made.results:
        written = dcmread(result.path)
        assert written.Modality == result.kind
        assert (written.SOPInstanceUID, written.SOPClassUID) == (result.sop_instance_uid, result.sop_class_uid)
        assert written.SeriesInstanceUID == result.series_instance_uid
    assert len(model.cases) == 1


def test_a_second_attempt_writes_the_same_files(tmp_path: Path, series: Mapping[str, list[Path]]) -> None:
    place = desk(tmp_path / "data")

    first = analyse(order(job_for(series), series), FakeModel(), place, Steps(never)).made
    before = [result.path.read_bytes() for result in first[0].results]
    second = analyse(order(job_for(series), series), FakeModel(), place, Steps(never)).made

    assert second == first
    assert [result.path.read_bytes() for result in second[0].results] == before


def test_the_time_in_the_results_is_the_jobs(tmp_path: Path, series: Mapping[str, list[Path]]) -> None:
    late = datetime(2025, 6, 7, 8, 9, 10, tzinfo=UTC)

    (made,) = analyse(order(job_for(series, late), series), FakeModel(), desk(tmp_path / "data"), Steps(never)).made

    assert dcmread(made.results[0].path).ContentDate in ("20250607", "20250608")  # in the time zone of the machine


def test_every_step_is_measured(tmp_path: Path, series: Mapping[str, list[Path]]) -> None:
    ticks = count()
    steps = Steps(never, clock=lambda: float(next(ticks)))

    analyse(order(job_for(series), series), FakeModel(), desk(tmp_path / "data"), steps)

    assert steps.seconds == {"read": 1.0, "model": 1.0, "encode": 1.0, "keep": 1.0}


def test_after_a_stop_the_running_step_is_finished_and_no_other_begins(
    tmp_path: Path, series: Mapping[str, list[Path]]
) -> None:
    stopped: list[bool] = []
    model = FakeModel(before=lambda: stopped.append(True))
    steps = Steps(lambda: bool(stopped))

    with pytest.raises(Interrupted, match="encode"):
        analyse(order(job_for(series), series), model, desk(tmp_path / "data"), steps)

    assert list(steps.seconds) == ["read", "model"]
    assert not list((tmp_path / "data").rglob("*.dcm"))


def test_a_series_with_a_gap_is_refused(tmp_path: Path, series: Mapping[str, list[Path]]) -> None:
    gapped = {uid: [path for number, path in enumerate(paths) if number != 2] for uid, paths in series.items()}

    with pytest.raises(DicomInputError):
        analyse(order(job_for(series), gapped), FakeModel(), desk(tmp_path / "data"), Steps(never))


def test_the_report_of_a_failure_is_kept_for_each_route_that_wants_reports(
    tmp_path: Path, series: Mapping[str, list[Path]]
) -> None:
    routes = (PACS, Route(("OLD",), Profile(objects=("SEG",))), Route(("OTHER",), Profile(objects=("KEY IMAGE", "SR"))))
    failure = Failure("3 slices are missing", "MissingSlices")

    made = report_failure(order(job_for(series), series, *routes), failure, ALGORITHM, desk(tmp_path / "data"))

    assert [(one.destinations, [result.kind for result in one.results]) for one in made] == [
        (("PACS",), ["SR"]),
        (("OLD",), []),
        (("OTHER",), ["SR"]),
    ]
    assert made[0].results == made[2].results
    assert "3 slices are missing" in words_of(made[0].results[0])


def test_a_job_without_a_readable_file_cannot_be_reported(tmp_path: Path, series: Mapping[str, list[Path]]) -> None:
    job = job_for(series)
    for path in (path for paths in series.values() for path in paths):
        path.write_bytes(b"damaged")

    (made,) = report_failure(order(job, series), Failure("damaged"), ALGORITHM, desk(tmp_path / "data"))

    assert made.results == ()


def test_a_report_of_files_out_of_reach_waits_for_them(tmp_path: Path, series: Mapping[str, list[Path]]) -> None:
    job = job_for(series)
    next(iter(series.values()))[0].unlink()

    with pytest.raises(StorageUnavailable):
        report_failure(order(job, series), Failure("damaged"), ALGORITHM, desk(tmp_path / "data"))


def test_a_full_disk_is_said_to_be_so(tmp_path: Path, series: Mapping[str, list[Path]]) -> None:
    with pytest.raises(OutOfSpace):
        analyse(order(job_for(series), series), FakeModel(), desk(tmp_path / "data", 10**9), Steps(never))


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

    analysis = analyse(order(pair_of(two_series), two_series), model, desk(tmp_path / "data"), Steps(never))

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
        analyse(order(pair_of(two_series), two_series), FakeModel(), refusing, Steps(never))


def test_a_series_that_the_model_can_do_without_is_left_out_instead(
    tmp_path: Path, two_series: Mapping[str, list[Path]]
) -> None:
    refusing = replace(desk(tmp_path / "data"), other_frame="refuse")
    card = fake_card(inputs=(Input(("flair",)), Input(("t2",), optional=True)))

    analysis = analyse(order(pair_of(two_series), two_series), FakeModel(card), refusing, Steps(never))

    assert analysis.notes[-1].startswith("T2 left out: ")
