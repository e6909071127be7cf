from datetime import datetime
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from support.builders import change, make_geometry, make_slices, write_multiframe, write_series

from dicom_io.attributes import FrameAttributes
from dicom_io.errors import UnreadableFile
from dicom_io.header import acquired_at, acquisition, diffusion_b_value, image_type, read_frames, series_header


def frames_of(path: Path) -> tuple:
    return read_frames(pydicom.dcmread(path), path)


def of(dataset: Dataset, frame: int = 0) -> FrameAttributes:
    return FrameAttributes(dataset, frame, "0001.dcm")


def test_the_header_of_a_series_is_read_as_plain_strings() -> None:
    dataset = make_slices(sequence="t1c")[0]

    header = series_header(of(dataset), sequence="t1c", part="echo 2")

    assert header.study_instance_uid == dataset.StudyInstanceUID
    assert header.series_instance_uid == dataset.SeriesInstanceUID
    assert (header.modality, header.series_number) == ("MR", "1")
    assert (header.series_description, header.sequence, header.part) == ("T1 AX POST GD", "t1c", "echo 2")
    assert type(header.study_instance_uid) is str


@pytest.mark.parametrize("sequence", ["flair", "t1", "t1c", "t2"])
def test_classic_and_enhanced_headers_tell_the_same_timing(tmp_path: Path, sequence: str) -> None:
    classic = acquisition(of(make_slices(sequence=sequence)[0]))
    enhanced = acquisition(of(pydicom.dcmread(write_multiframe(tmp_path / "e.dcm", sequence=sequence))))

    assert enhanced.timing == classic.timing
    assert (enhanced.repetition_time, enhanced.echo_time) == (classic.repetition_time, classic.echo_time)
    assert set(enhanced.scanning_sequence) == set(classic.scanning_sequence)


def test_an_agent_in_the_sequence_of_enhanced_mr_is_named(tmp_path: Path) -> None:
    agent = pydicom.Dataset()
    agent.CodeMeaning = "Gadolinium"
    path = write_multiframe(tmp_path / "e.dcm", sequence="t1", ContrastBolusAgentSequence=[agent])

    assert acquisition(of(pydicom.dcmread(path))).contrast_agent == "Gadolinium"


def test_an_agent_leaves_traces_elsewhere_in_the_header() -> None:
    dataset = make_slices(ContrastBolusVolume="15", ContrastBolusTotalDose=0, ContrastBolusIngredient="GADOLINIUM")[0]

    assert acquisition(of(dataset)).agent_traces == ("ContrastBolusVolume 15", "ContrastBolusIngredient GADOLINIUM")


@pytest.mark.parametrize(
    ("comment", "traces"),
    [("Gadovist 7.5 ml", 1), ("patient moved", 0), ("no contrast given", 0)],
)
def test_a_comment_that_names_an_agent_is_a_trace(comment: str, traces: int) -> None:
    assert len(acquisition(of(make_slices(ImageComments=comment)[0])).agent_traces) == traces


def test_the_contrast_phase_of_enhanced_mr_is_part_of_its_type() -> None:
    usage = Dataset()
    usage.ContrastBolusAgentPhase = "POST_CONTRAST"
    dataset = make_slices(SharedFunctionalGroupsSequence=[Dataset()])[0]
    dataset.SharedFunctionalGroupsSequence[0].ContrastBolusUsageSequence = [usage]

    assert image_type(of(dataset))[-1] == "POST_CONTRAST"


def test_ge_says_privately_that_an_image_shows_the_phase() -> None:
    dataset = make_slices()[0]
    dataset.private_block(0x0043, "GEMS_PARM_01", create=True).add_new(0x2F, "SS", 1)

    assert acquisition(of(dataset)).complex_component == "PHASE"


def test_spoilt_hints_cost_no_series() -> None:
    dataset = make_slices()[0]
    dataset.add_new("EchoTime", "LO", "late")
    dataset.add_new("ImageType", "FD", float("nan"))

    found = acquisition(of(dataset))

    assert found.echo_time is None
    assert found.repetition_time == 9000


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({"AcquisitionDateTime": "20260110101502.123456+0100"}, datetime(2026, 1, 10, 10, 15, 2)),
        ({"AcquisitionDateTime": "202601101015-0500"}, datetime(2026, 1, 10, 10, 15)),
        ({"AcquisitionDate": "20260111", "AcquisitionTime": "2359"}, datetime(2026, 1, 11, 23, 59)),
        ({"AcquisitionDate": "20260111", "SeriesDate": "20260112", "SeriesTime": "07"}, datetime(2026, 1, 12, 7)),
        ({"ContentDate": "20261399", "ContentTime": "1200"}, None),
        ({}, None),
    ],
)
def test_the_time_of_acquisition_is_read_from_wherever_it_is(
    attributes: dict[str, str], expected: datetime | None
) -> None:
    dataset = Dataset()
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)

    assert acquired_at(of(dataset)) == expected


@pytest.mark.parametrize(
    ("group", "creator", "element", "vr", "value"),
    [
        (0x0019, "SIEMENS MR HEADER", 0x0C, "IS", 800),
        (0x2001, "Philips Imaging DD 001", 0x03, "FL", 800.0),
        (0x0043, "GEMS_PARM_01", 0x39, "IS", [1000000800, 8, 0, 0]),
    ],
)
def test_the_b_value_is_read_from_the_vendors_attribute(
    group: int, creator: str, element: int, vr: str, value: object
) -> None:
    dataset = Dataset()
    dataset.private_block(group, creator, create=True).add_new(element, vr, value)

    assert diffusion_b_value(of(dataset)) == 800


def test_frames_of_classic_and_enhanced_mr_lie_at_the_same_places(tmp_path: Path) -> None:
    classic = [frames_of(path)[0] for path in write_series(tmp_path)]
    enhanced = frames_of(write_multiframe(tmp_path / "enhanced"))

    assert [frame.position for frame in enhanced] == [frame.position for frame in classic]
    assert {(f.orientation, f.pixel_spacing, f.rows, f.columns, f.slope) for f in (*classic, *enhanced)} == {
        (classic[0].orientation, (0.9, 1.1), 12, 10, 1.0)
    }
    assert [frame.source.frame for frame in enhanced] == [0, 1, 2, 3, 4]
    assert classic[0].position == pytest.approx(make_geometry().origin)


def test_a_frame_s_own_functional_group_comes_before_the_shared_one(tmp_path: Path) -> None:
    path = write_multiframe(tmp_path / "enhanced")
    dataset = pydicom.dcmread(path)
    own = pydicom.Dataset()
    own.RescaleSlope, own.RescaleIntercept = 2, 7
    dataset.PerFrameFunctionalGroupsSequence[3].PixelValueTransformationSequence = [own]
    dataset.save_as(path)

    assert [(f.slope, f.intercept) for f in frames_of(path)] == [(1, 0), (1, 0), (1, 0), (2, 7), (1, 0)]


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ImagePositionPatient", None),
        ("ImagePositionPatient", [1, 2]),
        ("ImagePositionPatient", [1, 2, 3, 4]),
        ("ImageOrientationPatient", [1, 0, 0, 1, 0, 0]),
        ("ImageOrientationPatient", [0, 0, 0, 0, 0, 0]),
        ("PixelSpacing", None),
        ("PixelSpacing", [0, 1]),
        ("Rows", 0),
        ("RescaleSlope", 0),
        ("NumberOfFrames", 3),
    ],
)
def test_a_frame_without_a_usable_place_is_refused(tmp_path: Path, keyword: str, value: object) -> None:
    path = change(write_series(tmp_path)[0], **{keyword: value})

    with pytest.raises(UnreadableFile, match=r"0001\.dcm"):
        frames_of(path)


@pytest.mark.parametrize("nonsense", [b"1\\2\\abc ", b"1\\2\\nan ", b"1\\2\\1e999"])
def test_a_position_that_is_no_number_is_refused(tmp_path: Path, nonsense: bytes) -> None:
    path = write_series(tmp_path, ImagePositionPatient=[1, 2, 3])[0]
    content = path.read_bytes()
    head = b"\x20\x00\x32\x00DS"
    start = content.index(head)
    length = int.from_bytes(content[start + 6 : start + 8], "little")
    padded = nonsense.rjust(length)
    path.write_bytes(
        content[:start] + head + len(padded).to_bytes(2, "little") + padded + content[start + 8 + length :]
    )

    with pytest.raises(UnreadableFile, match="ImagePositionPatient"):
        frames_of(path)
