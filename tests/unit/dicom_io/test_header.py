from pathlib import Path

import pydicom
import pytest
from support.builders import change, make_geometry, write_multiframe, write_series

from dicom_io.errors import NotAnImage, UnreadableFile
from dicom_io.header import read_dataset, read_frames, read_header


def frames_of(path: Path) -> tuple:
    return read_frames(read_dataset(path), path)


def test_the_header_of_a_series_is_read_as_plain_strings(tmp_path: Path) -> None:
    path = write_series(tmp_path, sequence="t1c")[0]
    dataset = pydicom.dcmread(path)

    header = read_header(path)

    assert header.study_instance_uid == dataset.StudyInstanceUID
    assert header.series_instance_uid == dataset.SeriesInstanceUID
    assert (header.modality, header.series_number) == ("MR", "1")
    assert (header.series_description, header.sequence) == ("T1 AX POST GD", "t1c")
    assert type(header.study_instance_uid) is str


@pytest.mark.parametrize("sequence", ["flair", "t1", "t2"])
def test_classic_and_enhanced_headers_tell_the_same_sequence(tmp_path: Path, sequence: str) -> None:
    classic = write_series(tmp_path, sequence=sequence, SeriesDescription=None, ProtocolName=None)[0]
    enhanced = write_multiframe(tmp_path / "e", sequence=sequence, SeriesDescription=None, ProtocolName=None)

    assert read_header(classic).sequence == read_header(enhanced).sequence == sequence


def test_an_agent_in_the_sequence_of_enhanced_mr_makes_a_t1_a_t1c(tmp_path: Path) -> None:
    agent = pydicom.Dataset()
    agent.CodeMeaning = "Gadolinium"
    path = write_multiframe(tmp_path / "e", sequence="t1", ContrastBolusAgentSequence=[agent])

    assert read_header(path).sequence == "t1c"


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


def test_what_is_not_an_mr_image_is_refused_by_name(tmp_path: Path) -> None:
    path = change(write_series(tmp_path)[0], SOPClassUID="1.2.840.10008.5.1.4.1.1.2", Modality="CT")

    with pytest.raises(NotAnImage, match="CT Image Storage of modality 'CT'"):
        frames_of(path)


def test_a_file_that_is_not_dicom_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not an image")

    with pytest.raises(UnreadableFile, match=r"notes\.txt"):
        read_header(path)


def test_sequences_nested_too_deep_are_refused(tmp_path: Path) -> None:
    path = write_series(tmp_path)[0]
    content = path.read_bytes()
    begun = b"\x40\x00\x75\x02SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff"
    ended = b"\xfe\xff\x0d\xe0\0\0\0\0" + b"\xfe\xff\xdd\xe0\0\0\0\0"
    head, tag, pixels = content.partition(b"\xe0\x7f\x10\x00OW")
    path.write_bytes(head + 2000 * begun + 2000 * ended + tag + pixels)

    with pytest.raises(UnreadableFile, match=r"0001\.dcm"):
        read_header(path)


def test_a_missing_file_is_no_fault_of_the_input(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_header(tmp_path / "gone.dcm")
