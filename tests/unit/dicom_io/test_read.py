import random
import shutil
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk  # noqa: N813
from support.builders import change, make_geometry, make_voxels, write_multiframe, write_series
from support.require import require_data

from dicom_io.errors import (
    AmbiguousSeries,
    DicomInputError,
    InconsistentCase,
    MissingSlices,
    MixedGeometry,
    NotEligible,
    UnreadableFile,
    UnsupportedPixels,
)
from dicom_io.read import CaseInput, read_case, read_series, read_volume
from dicom_io.uids import derive
from dicom_io.volume import Geometry, Volume

VOXELS = make_voxels()


def assert_same_geometry(found: Geometry, expected: Geometry) -> None:
    np.testing.assert_allclose(found.affine, expected.affine, atol=1e-6)
    assert found.frame_of_reference_uid == expected.frame_of_reference_uid


def move(path: Path, *millimetres: float) -> Path:
    position = pydicom.dcmread(path, stop_before_pixels=True).ImagePositionPatient
    return change(path, ImagePositionPatient=[a + b for a, b in zip(position, millimetres, strict=True)])


def test_a_classic_series_becomes_the_volume_it_was_written_from(tmp_path: Path) -> None:
    paths = write_series(tmp_path, voxels=VOXELS)

    volume = read_volume(paths)

    np.testing.assert_array_equal(volume.array, VOXELS)
    assert volume.array.dtype == np.float32
    assert_same_geometry(volume.geometry, make_geometry())
    assert [source.path for source in volume.sources] == paths
    assert [source.sop_instance_uid for source in volume.sources] == [
        pydicom.dcmread(path).SOPInstanceUID for path in paths
    ]
    assert volume.header.sequence == "flair"


def test_an_enhanced_series_with_frames_in_any_order_becomes_the_same_volume(tmp_path: Path) -> None:
    path = write_multiframe(tmp_path / "image.dcm", voxels=VOXELS, frame_order=[0, 2, 4, 1, 3])

    volume = read_volume([path])

    np.testing.assert_array_equal(volume.array, VOXELS)
    assert_same_geometry(volume.geometry, make_geometry())
    assert [source.frame for source in volume.sources] == [0, 3, 1, 4, 2]
    assert {source.path for source in volume.sources} == {path}


def test_the_order_is_that_of_positions_whatever_names_numbers_and_thickness_say(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "written", voxels=VOXELS)
    names = [f"{number}.dcm" for number in random.Random(1).sample(range(100), len(paths))]
    for number, (path, name) in enumerate(zip(paths, names, strict=True)):
        change(path, InstanceNumber=50 - number, SliceThickness=1, SpacingBetweenSlices=99, SliceLocation=-number)
        shutil.copy(path, tmp_path / name)

    volume = read_volume([tmp_path / name for name in names])

    np.testing.assert_array_equal(volume.array, VOXELS)
    assert volume.geometry.spacing == pytest.approx((5.0, 0.9, 1.1))


def test_slices_run_along_the_normal_whichever_way_they_were_numbered(tmp_path: Path) -> None:
    geometry = make_geometry()
    top = geometry.position((4, 0, 0))
    down = replace(geometry, origin=top, slice_step=tuple(-step for step in geometry.slice_step))

    volume = read_volume(write_series(tmp_path, voxels=VOXELS[::-1], geometry=down))

    np.testing.assert_array_equal(volume.array, VOXELS)
    assert_same_geometry(volume.geometry, geometry)


def test_rescale_is_applied_to_every_slice(tmp_path: Path) -> None:
    volume = read_volume(write_series(tmp_path, voxels=VOXELS, RescaleSlope=0.5, RescaleIntercept=-3))

    np.testing.assert_array_equal(volume.array, VOXELS * np.float32(0.5) - 3)


def test_orientations_that_differ_in_their_last_digits_are_one_orientation(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    orientation = pydicom.dcmread(paths[2]).ImageOrientationPatient
    change(paths[2], ImageOrientationPatient=[cosine + 1e-6 for cosine in orientation])

    assert read_volume(paths).array.shape == (5, 12, 10)


def test_a_slice_that_came_twice_counts_once(tmp_path: Path) -> None:
    paths = write_series(tmp_path, voxels=VOXELS)
    twin = change(Path(shutil.copy(paths[1], tmp_path / "twin.dcm")), SOPInstanceUID=derive("twin"))

    volume = read_volume([*paths, twin])

    np.testing.assert_array_equal(volume.array, VOXELS)


def test_two_different_slices_at_one_position_are_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    position = pydicom.dcmread(paths[1]).ImagePositionPatient
    change(paths[2], ImagePositionPatient=position)

    with pytest.raises(
        MissingSlices, match=r"5 slices, and 2 different ones at one position \(-4\.95, -0\.21, 7\.36\)"
    ):
        read_volume(paths)


def test_a_gap_is_refused_with_its_place_and_width(tmp_path: Path) -> None:
    paths = write_series(tmp_path)

    with pytest.raises(
        MissingSlices, match=r"slices 3 and 4 of 4 are 10\.00 mm apart, the others 5\.00 mm: 1 slice is missing"
    ):
        read_volume([*paths[:3], paths[4]])


@pytest.mark.parametrize(("shift", "accepted"), [(0.02, True), (0.2, False)])
def test_uneven_spacing_is_refused_beyond_what_rounding_explains(tmp_path: Path, shift: float, accepted: bool) -> None:
    paths = write_series(tmp_path)
    move(paths[2], 0, 0, shift)

    if accepted:
        read_volume(paths)
    else:
        with pytest.raises(MissingSlices, match="mm apart"):
            read_volume(paths)


def test_a_sheared_stack_is_refused_with_its_drift(tmp_path: Path) -> None:
    geometry = make_geometry()
    sheared = replace(geometry, slice_step=tuple(np.add(geometry.slice_step, (0.5, 0, 0)).tolist()))

    with pytest.raises(MixedGeometry, match=r"sheared: over 20\.0 mm the slices shift by 2\.00 mm in plane"):
        read_volume(write_series(tmp_path, geometry=sheared))


def test_mixed_orientations_are_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    change(paths[0], ImageOrientationPatient=[0, 1, 0, 0, 0, -1])

    with pytest.raises(MixedGeometry, match="different orientation"):
        read_volume(paths)


def test_mixed_matrices_are_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    change(paths[0], Rows=10, Columns=12)

    with pytest.raises(MixedGeometry, match="10 x 12, 12 x 10"):
        read_volume(paths)


def test_mixed_pixel_spacings_are_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    change(paths[0], PixelSpacing=[0.95, 1.1])

    with pytest.raises(MixedGeometry, match=r"Pixel Spacing differs: \[0\.9, 1\.1\] to \[0\.95, 1\.1\] mm"):
        read_volume(paths)


def test_mixed_frames_of_reference_are_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    change(paths[0], FrameOfReferenceUID="1.2.3")

    with pytest.raises(MixedGeometry, match="Frames of Reference"):
        read_volume(paths)


def test_files_of_two_series_are_refused(tmp_path: Path) -> None:
    with pytest.raises(MixedGeometry, match="files of 2 series"):
        read_volume([*write_series(tmp_path / "a"), *write_series(tmp_path / "b", sequence="t2")])


def test_a_series_uid_used_in_two_studies_is_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    change(paths[-1], StudyInstanceUID="1.2.3")

    with pytest.raises(MixedGeometry, match=r"files of 2 series: .* of study 1\.2\.3"):
        read_volume(paths)


@pytest.mark.parametrize(
    ("count", "reason"), [(0, "there are none"), (1, "there is a single slice"), (2, "there are 2")]
)
def test_fewer_than_three_slices_are_no_volume(tmp_path: Path, count: int, reason: str) -> None:
    paths = write_series(tmp_path)[:count]

    with pytest.raises(MissingSlices, match=f"at least 3 slices, {reason}"):
        read_volume(paths)


def write_two_echoes(folder: Path) -> list[Path]:
    first = write_series(folder / "1", voxels=VOXELS, sequence="t2", EchoTime=15)
    second = write_series(folder / "2", voxels=VOXELS[::-1], sequence="t2", EchoTime=100)
    return [*first, *(change(path, SOPInstanceUID=derive(path.name)) for path in second)]


def test_a_series_of_two_echoes_is_two_volumes(tmp_path: Path) -> None:
    paths = write_two_echoes(tmp_path)

    first, second = read_series(paths)

    np.testing.assert_array_equal(first.array, VOXELS)
    np.testing.assert_array_equal(second.array, VOXELS[::-1])
    assert (first.header.part, second.header.part) == ("echo 1 (15 ms)", "echo 2 (100 ms)")
    assert (first.header.sequence, second.header.sequence) == ("other", "t2")


def test_of_several_volumes_one_must_be_named(tmp_path: Path) -> None:
    paths = write_two_echoes(tmp_path)

    np.testing.assert_array_equal(read_volume(paths, "echo 2 (100 ms)").array, VOXELS[::-1])
    with pytest.raises(AmbiguousSeries, match=r"2 volumes: echo 1 \(15 ms\); echo 2 \(100 ms\)"):
        read_volume(paths)
    with pytest.raises(AmbiguousSeries, match=r"holds no volume 'echo 3': echo 1"):
        read_volume(paths, "echo 3")


def test_a_volume_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path)

    assert read_volume(paths, max_voxels=5 * 12 * 10).array.size == 600
    with pytest.raises(UnsupportedPixels, match="5 x 12 x 10 voxels are more than 599"):
        read_volume(paths, max_voxels=599)


def test_an_object_that_is_no_mr_image_is_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path, Modality="CT")

    with pytest.raises(NotEligible, match="CT"):
        read_volume(paths)


def test_a_file_that_is_not_dicom_is_refused(tmp_path: Path) -> None:
    paths = write_series(tmp_path)
    paths[1].write_bytes(b"")

    with pytest.raises(UnreadableFile, match=r"0002\.dcm"):
        read_volume(paths)


@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_a_damaged_header_is_read_or_refused_but_never_a_crash(tmp_path: Path) -> None:
    path = write_multiframe(tmp_path / "image.dcm", voxels=make_voxels(shape=(3, 4, 4)))
    whole, chance = path.read_bytes(), random.Random(0)
    for _ in range(150):
        damaged = bytearray(whole)
        for _ in range(chance.choice((1, 3, 12))):
            damaged[chance.randrange(132, len(damaged))] = chance.randrange(256)
        path.write_bytes(damaged)
        with suppress(DicomInputError):
            read_volume([path])


def inputs_of(folder: Path, *sequences: str) -> list[CaseInput]:
    return [CaseInput(name, tuple(write_series(folder / name, sequence=name))) for name in sequences]


def test_a_case_has_its_volumes_by_sequence_and_the_first_is_the_reference(tmp_path: Path) -> None:
    case = read_case(derive("test study"), inputs_of(tmp_path, "flair", "t1", "t1c", "t2"), other_frame="refuse")

    assert list(case.volumes) == ["flair", "t1", "t1c", "t2"]
    assert case.reference is case.volumes["flair"]
    assert case.volumes["t1c"].header.series_instance_uid == derive("test series", "t1c")
    np.testing.assert_array_equal(case.on_reference("t2"), case.volumes["t2"].array)


def test_what_a_volume_is_taken_for_comes_before_what_its_series_alone_tells(tmp_path: Path) -> None:
    paths = tuple(write_series(tmp_path, sequence="t1"))

    case = read_case(derive("test study"), [CaseInput("t1c", paths)], other_frame="refuse")

    assert list(case.volumes) == ["t1c"]
    assert case.reference.header.sequence == "t1c"


def test_two_volumes_of_one_sequence_make_no_case(tmp_path: Path) -> None:
    with pytest.raises(InconsistentCase, match="two volumes of the case are flair"):
        read_case(derive("test study"), 2 * inputs_of(tmp_path, "flair"), other_frame="refuse")


def test_files_of_another_study_make_no_case(tmp_path: Path) -> None:
    with pytest.raises(InconsistentCase, match=r"1\.2\.3"):
        read_case("1.2.3", inputs_of(tmp_path, "flair"), other_frame="refuse")


def test_an_input_that_is_only_optional_is_left_out_where_it_stands_in_the_way(tmp_path: Path) -> None:
    flair, t1 = inputs_of(tmp_path, "flair", "t1")
    for path in t1.paths:
        change(path, FrameOfReferenceUID="1.2.3")

    case = read_case(derive("test study"), [flair, replace(t1, optional=True)], other_frame="refuse")

    assert list(case.volumes) == ["flair"]
    assert case.on_reference("t1") is None
    assert len(case.notes) == 1
    assert case.notes[0].startswith("T1 left out: ")
    with pytest.raises(InconsistentCase, match=r"1\.2\.3"):
        read_case(derive("test study"), [flair, t1], other_frame="refuse")


def test_an_optional_input_that_cannot_be_read_is_left_out_with_its_reason(tmp_path: Path) -> None:
    flair, t1 = inputs_of(tmp_path, "flair", "t1")
    t1.paths[2].write_bytes(b"nothing")

    case = read_case(derive("test study"), [flair, replace(t1, optional=True)], other_frame="register")

    assert case.notes == ("T1 left out: 0003.dcm is not readable as DICOM: " + case.notes[0].partition("DICOM: ")[2],)


def test_brainix_is_read_as_simpleitk_reads_it() -> None:
    folder = require_data("dicom/brainix/FLAIR")
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder))

    volume = read_volume(list(folder.iterdir()))

    assert volume.header.sequence == "flair"
    assert_equals_simpleitk(volume, sitk.ReadImage(names))


@pytest.mark.parametrize(
    ("name", "sequence"),
    [("BRTUM003.dcm", "flair"), ("BRTUM004.dcm", "t2"), ("BRTUM005.dcm", "t1"), ("BRTUM008.dcm", "t1c")],
)
def test_enhanced_mr_is_read_with_every_frame_at_its_own_place(name: str, sequence: str) -> None:
    path = require_data(f"dicom/enhanced/{name}")
    stored = sitk.GetArrayFromImage(sitk.ReadImage(str(path)))  # in stored order: SimpleITK takes it for a stack
    groups = pydicom.dcmread(path, stop_before_pixels=True).PerFrameFunctionalGroupsSequence

    volume = read_volume([path])

    assert volume.header.sequence == sequence
    assert volume.geometry.spacing == pytest.approx((6.0, 0.820312, 0.820312))
    for index, source in enumerate(volume.sources):
        np.testing.assert_array_equal(volume.array[index], stored[source.frame])
        position = [float(x) for x in groups[source.frame].PlanePositionSequence[0].ImagePositionPatient]
        np.testing.assert_allclose(volume.geometry.position((index, 0, 0)), position, atol=0.01)


def test_the_contrasts_of_one_study_lie_on_one_grid() -> None:
    folder = require_data("dicom/enhanced")

    volumes = [read_volume([path]) for path in sorted(folder.iterdir())]

    for volume in volumes[1:]:
        assert volume.array.shape == volumes[0].array.shape
        np.testing.assert_allclose(volume.geometry.affine, volumes[0].geometry.affine, atol=0.01)


@pytest.mark.parametrize(
    ("folder", "sequence"),
    [
        ("ge/anatomical/001", "t1"),
        ("ge/anatomical/001_implicit", "t1"),
        ("siemens/anatomical/001", "flair"),
        ("siemens/anatomical/001_implicit", "flair"),
        ("hyperfine/anatomical/001", "flair"),
        ("generic/compressed_j2k/001", "flair"),
        ("generic/compressed_jpeg/001", "flair"),
        ("generic/compressed_jpegls/001", "flair"),
        ("generic/compressed_rle/001", "flair"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_what_vendors_write_is_read(folder: str, sequence: str) -> None:
    volume = read_volume(list(require_data(f"dicom/quirks/{folder}").iterdir()))

    assert volume.header.sequence == sequence
    assert len(volume.sources) >= 4


@pytest.mark.parametrize("syntax", ["j2k", "jpeg", "jpegls", "rle"])
def test_compressed_slices_decode_as_simpleitk_decodes_them(syntax: str) -> None:
    folder = require_data(f"dicom/quirks/generic/compressed_{syntax}/001")

    volume = read_volume(list(folder.iterdir()))

    for source, voxels in zip(volume.sources, volume.array, strict=True):
        np.testing.assert_array_equal(voxels, sitk.GetArrayFromImage(sitk.ReadImage(str(source.path)))[0])


@pytest.mark.parametrize(
    ("folder", "refusal", "reason"),
    [
        ("failing/gantrytilting/001", NotEligible, "CT Image Storage"),
        ("failing/notavolume/001", NotEligible, "CT Image Storage"),
        ("failing/sliceincrement/001", NotEligible, "CT Image Storage"),
        ("failing/slicecount/001", MissingSlices, "there are 2"),
        ("failing/sliceorientation/001", MixedGeometry, "different orientation"),
        ("ge/anatomical/001_single_slice", MissingSlices, "there is a single slice"),
        ("generic/anatomical/002_non_isotropic", NotEligible, "MPR"),
        ("generic/rgb/001", NotEligible, "Secondary Capture"),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning:pydicom")
def test_what_is_no_volume_is_refused_with_its_reason(folder: str, refusal: type[DicomInputError], reason: str) -> None:
    paths = list(require_data(f"dicom/quirks/{folder}").iterdir())

    with pytest.raises(refusal, match=reason):
        read_volume(paths)


def assert_equals_simpleitk(volume: Volume, image: sitk.Image) -> None:
    np.testing.assert_array_equal(volume.array, sitk.GetArrayFromImage(image))
    for index in ((0, 0, 0), (21, 0, 0), (21, 287, 0), (3, 5, 287)):
        expected = image.TransformIndexToPhysicalPoint(index[::-1])
        np.testing.assert_allclose(volume.geometry.position(index), expected, atol=0.01)


def test_pixel_data_of_an_unknown_representation_are_refused(tmp_path: Path) -> None:
    path = write_series(tmp_path)[0]
    path.write_bytes(path.read_bytes().replace(b"\xe0\x7f\x10\x00OW", b"\xe0\x7f\x10\x00Q?"))

    with pytest.raises(DicomInputError, match=r"0001\.dcm"):
        read_volume(sorted(tmp_path.iterdir()))
