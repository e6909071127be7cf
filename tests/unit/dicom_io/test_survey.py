from pathlib import Path

import pydicom
import pytest
from support.builders import change, make_slices, make_voxels, set_all, write_multiframe, write_series

from dicom_io.errors import DicomInputError, MissingSlices, MixedGeometry, NotEligible, UnreadableFile
from dicom_io.survey import Survey, survey
from dicom_io.uids import derive


def write(folder: Path, slices: list[pydicom.Dataset]) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = []
    for number, slice_ in enumerate(slices, start=1):
        slice_.SOPInstanceUID = derive("survey", str(number))
        paths.append(folder / f"{number:04d}.dcm")
        slice_.save_as(paths[-1], enforce_file_format=True)
    return paths


def refusal(found: Survey) -> DicomInputError:
    (refused,) = found.refused
    assert refused.candidate.reason == str(refused.error)
    return refused.error


def test_a_series_is_described_without_its_pixels(tmp_path: Path) -> None:
    found = survey(write_series(tmp_path, sequence="t1c", PixelData=None, SeriesNumber=7))

    (candidate,) = found.candidates
    assert found.series_instance_uid == derive("test series", "t1c") == candidate.series_instance_uid
    assert (found.study_instance_uid, found.modality) == (derive("test study"), "MR")
    assert (candidate.part, candidate.series_number, candidate.series_description) == ("", "7", "T1 AX POST GD")
    assert candidate.eligible
    assert (candidate.sequence, candidate.plane, candidate.shape) == ("t1c", "axial", (5, 12, 10))
    assert candidate.spacing == pytest.approx((5.0, 0.9, 1.1))
    assert candidate.frame_of_reference_uid == derive("test frame of reference")
    assert str(candidate.acquired_at) == "2026-01-10 10:15:00"
    assert candidate.rules
    assert "TE 10" in candidate.timing
    assert candidate.agent
    assert [frame.source.path.name for frame in found.parts[0].frames] == [f"{n:04d}.dcm" for n in range(1, 6)]


@pytest.mark.parametrize("sequence", ["flair", "t1", "t1c", "t2"])
def test_classic_and_enhanced_mr_give_the_same_candidate(tmp_path: Path, sequence: str) -> None:
    (classic,) = survey(write_series(tmp_path / "c", sequence=sequence)).candidates
    (enhanced,) = survey([write_multiframe(tmp_path / "e.dcm", sequence=sequence)]).candidates

    assert (enhanced.sequence, enhanced.shape, enhanced.plane) == (sequence, classic.shape, classic.plane)
    assert enhanced.timing == classic.timing


def test_two_echoes_are_two_candidates_each_of_its_own_sequence(tmp_path: Path) -> None:
    slices = [*make_slices(sequence="t2", EchoTime=15), *make_slices(sequence="t2", EchoTime=100)]

    found = survey(write(tmp_path, [set_all(s, SeriesDescription="DUAL", ProtocolName="") for s in slices]))

    assert [(c.part, c.sequence) for c in found.candidates] == [
        ("echo 1 (15 ms)", "other"),
        ("echo 2 (100 ms)", "t2"),
    ]


def test_phase_images_are_refused_and_the_magnitude_stays(tmp_path: Path) -> None:
    magnitude = make_slices(ImageType=["ORIGINAL", "PRIMARY", "M", "ND"])
    found = survey(write(tmp_path, [*magnitude, *make_slices(ImageType=["ORIGINAL", "PRIMARY", "P", "ND"])]))

    assert len(found.parts) == 1
    assert isinstance(refusal(found), NotEligible)


def test_a_volume_that_is_shorter_than_its_siblings_is_refused_with_the_counts(tmp_path: Path) -> None:
    slices = [*make_slices(TemporalPositionIdentifier=1), *make_slices(TemporalPositionIdentifier=2)[:4]]

    found = survey(write(tmp_path, slices))

    assert [part.candidate.part for part in found.parts] == ["time point 1 (1)"]
    assert str(refusal(found)) == "4 slices, where another volume of the series has 5"


def test_many_time_points_are_no_volume_for_models(tmp_path: Path) -> None:
    slices = [s for time in range(5) for s in make_slices(TemporalPositionIdentifier=time)]

    found = survey(write(tmp_path, slices))

    assert not found.parts
    assert len(found.refused) == 5
    assert all("5" in refused.candidate.reason for refused in found.refused)


def test_a_copy_of_a_slice_is_no_reason_to_refuse(tmp_path: Path) -> None:
    (candidate,) = survey(write(tmp_path, [*make_slices(), make_slices()[1]])).candidates

    assert candidate.eligible
    assert candidate.shape == (5, 12, 10)


def test_another_slice_at_the_same_place_is_one(tmp_path: Path) -> None:
    other = make_slices(voxels=make_slices()[0].pixel_array[None].repeat(5, 0) + 1)[1]

    error = refusal(survey(write(tmp_path, [*make_slices(), other])))

    assert isinstance(error, MissingSlices)
    assert "2 different ones at one position" in str(error)


def test_objects_that_are_no_images_do_not_spoil_the_images_of_their_series(tmp_path: Path) -> None:
    slices = make_slices()
    spectroscopy = set_all(make_slices()[0], SOPClassUID="1.2.840.10008.5.1.4.1.1.4.2", PixelData=None)

    found = survey(write(tmp_path, [*slices, spectroscopy]))

    assert [part.candidate.shape for part in found.parts] == [(5, 12, 10)]
    assert isinstance(refusal(found), NotEligible)
    assert "MR Spectroscopy Storage" in str(refusal(found))
    assert "1 of 6 files" in str(refusal(found))


def test_one_unreadable_file_refuses_the_whole_series_by_name(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    paths[3].write_bytes(b"no image")

    found = survey(paths)

    assert not found.parts
    assert isinstance(refusal(found), UnreadableFile)
    assert "0004.dcm" in str(refusal(found))
    assert found.series_instance_uid == derive("test series", "flair")


def test_files_of_two_series_and_no_files_at_all_are_refused(tmp_path: Path) -> None:
    two = [*write_series(tmp_path / "a"), *write_series(tmp_path / "b", sequence="t2")]

    assert isinstance(refusal(survey(two)), MixedGeometry)
    assert isinstance(refusal(survey([])), MissingSlices)


def test_a_mixed_orientation_is_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    change(paths[0], ImageOrientationPatient=[0, 1, 0, 0, 0, -1])

    assert "different orientation" in str(refusal(survey(paths)))


def test_a_file_that_is_gone_is_no_fault_of_the_series(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    paths[2].unlink()

    with pytest.raises(FileNotFoundError):
        survey(paths)


def test_a_screen_save_without_a_place_is_called_one_and_spoils_no_image(tmp_path: Path) -> None:
    screen = make_slices(ImageType=["DERIVED", "SECONDARY", "SCREEN SAVE"], ImagePositionPatient=None)[:1]

    found = survey(write(tmp_path, [*make_slices(), *screen]))

    assert [part.candidate.shape for part in found.parts] == [(5, 12, 10)]
    assert "a screen save: Image Type says SCREEN SAVE (1 of 6 files)" in str(refusal(found))


def test_of_dixon_images_only_those_of_water_and_in_phase_are_for_models(tmp_path: Path) -> None:
    slices = [
        s
        for kind in ("WATER", "FAT", "OPP_PHASE", "IN_PHASE")
        for s in make_slices(ImageType=["DERIVED", "PRIMARY", kind])
    ]

    found = survey(write(tmp_path, slices))

    assert len(found.parts) == 2
    assert {refused.candidate.reason.partition(":")[0] for refused in found.refused} == {
        "a fat image",
        "an opposed-phase image",
    }


def test_a_file_cut_off_within_its_pixels_makes_no_candidate(tmp_path: Path) -> None:
    paths = write_series(tmp_path, voxels=make_voxels(shape=(5, 64, 64)))
    paths[2].write_bytes(paths[2].read_bytes()[:-4000])

    found = survey(paths)

    assert not found.parts
    assert "0003.dcm" in str(refusal(found))


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"ModalityLUTSequence": [pydicom.Dataset()]}, "Modality LUT"),
        ({"BitsAllocated": 12}, "12 bits allocated"),
        ({"Rows": 13000, "Columns": 13000}, "can be read"),
    ],
)
def test_what_headers_show_to_be_undecodable_makes_no_candidate(
    tmp_path: Path, attributes: dict[str, object], reason: str
) -> None:
    found = survey(write_series(tmp_path, **attributes))

    assert not found.parts
    assert reason in str(refusal(found))
