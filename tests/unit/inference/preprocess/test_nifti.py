from pathlib import Path

import nibabel
import numpy as np
import pytest

from dicom_io.volume import Geometry
from inference.errors import UnsuitableCase
from inference.preprocess.nifti import read_nifti, write_nifti


def oblique() -> Geometry:
    turned = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3))).Q * (0.9, 1.1, 5.0)
    column, row, slice_ = (tuple(map(float, step)) for step in turned.T)
    return Geometry((-101.25, 87.5, -33.125), column_step=column, row_step=row, slice_step=slice_)


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
@pytest.mark.parametrize("kind", [np.float32, np.int16, np.uint8])
def test_what_was_written_is_read_on_the_same_oblique_grid(tmp_path: Path, name: str, kind: type) -> None:
    array = np.random.default_rng(1).integers(0, 200, (4, 5, 6)).astype(kind)

    write_nifti(array, oblique(), tmp_path / name)
    read, geometry = read_nifti(tmp_path / name)

    np.testing.assert_array_equal(read, array)
    np.testing.assert_allclose(geometry.affine, oblique().affine, atol=1e-5)


def test_reading_and_writing_again_gives_the_same_affine_bit_for_bit(tmp_path: Path) -> None:
    write_nifti(np.zeros((4, 5, 6), np.float32), oblique(), tmp_path / "a.nii")
    _, first = read_nifti(tmp_path / "a.nii")

    write_nifti(np.zeros((4, 5, 6), np.float32), first, tmp_path / "b.nii")
    _, second = read_nifti(tmp_path / "b.nii")

    assert first == second


def test_left_and_back_of_dicom_are_right_and_front_of_nifti(tmp_path: Path) -> None:
    geometry = Geometry((10.0, 20.0, 30.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 5.0))
    array = np.arange(24.0).reshape(2, 3, 4)

    write_nifti(array, geometry, tmp_path / "a.nii")

    image = nibabel.load(tmp_path / "a.nii")
    np.testing.assert_allclose(image.affine @ (0, 0, 0, 1), (-10, -20, 30, 1))
    np.testing.assert_allclose(image.affine @ (1, 1, 1, 1), (-11, -21, 35, 1))
    assert image.get_fdata()[3, 2, 1] == array[1, 2, 3]


def test_a_mask_is_written_as_bytes(tmp_path: Path) -> None:
    mask = np.random.default_rng(1).random((2, 3, 4)) > 0.5

    write_nifti(mask, oblique(), tmp_path / "a.nii.gz")

    assert nibabel.load(tmp_path / "a.nii.gz").get_data_dtype() == np.uint8
    np.testing.assert_array_equal(read_nifti(tmp_path / "a.nii.gz")[0], mask)


def test_a_fourth_axis_of_one_is_dropped(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 3, 2, 1), np.float32), np.eye(4)), tmp_path / "a.nii")

    assert read_nifti(tmp_path / "a.nii")[0].shape == (2, 3, 4)


def test_a_time_series_is_refused_with_its_shape(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 3, 2, 7), np.float32), np.eye(4)), tmp_path / "a.nii")

    with pytest.raises(UnsuitableCase, match=r"\(4, 3, 2, 7\): one volume with three axes"):
        read_nifti(tmp_path / "a.nii")


def test_a_picture_is_refused(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.ones((4, 3), np.float32), np.eye(4)), tmp_path / "a.nii")

    with pytest.raises(UnsuitableCase, match="three axes"):
        read_nifti(tmp_path / "a.nii")


def test_voxels_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    nibabel.save(nibabel.Nifti1Image(np.full((4, 3, 2), np.nan, np.float32), np.eye(4)), tmp_path / "a.nii")

    with pytest.raises(UnsuitableCase, match="no numbers"):
        read_nifti(tmp_path / "a.nii")


def test_colours_are_refused(tmp_path: Path) -> None:
    colour = np.zeros((4, 3, 2), np.dtype([("R", "u1"), ("G", "u1"), ("B", "u1")]))
    nibabel.save(nibabel.Nifti1Image(colour, np.eye(4)), tmp_path / "a.nii")

    with pytest.raises(UnsuitableCase, match="one grey value"):
        read_nifti(tmp_path / "a.nii")


def test_a_grid_that_lies_nowhere_is_refused(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(np.ones((4, 3, 2), np.float32), None)
    image.header.set_sform(np.eye(4), code=0)
    nibabel.save(image, tmp_path / "a.nii")

    with pytest.raises(UnsuitableCase, match="where it lies"):
        read_nifti(tmp_path / "a.nii")


@pytest.mark.parametrize("content", [b"", b"no image at all", b"\x1f\x8b" + bytes(40)])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "a.txt"])
def test_what_is_no_nifti_is_refused_by_name(tmp_path: Path, content: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(UnsuitableCase, match=name):
        read_nifti(tmp_path / name)


def test_a_file_cut_short_is_refused(tmp_path: Path) -> None:
    write_nifti(np.ones((8, 9, 10), np.float32), oblique(), tmp_path / "a.nii")
    (tmp_path / "b.nii").write_bytes((tmp_path / "a.nii").read_bytes()[:1000])

    with pytest.raises(UnsuitableCase, match=r"b\.nii cannot be read"):
        read_nifti(tmp_path / "b.nii")


def test_a_volume_that_would_not_fit_the_memory_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.nii"
    write_nifti(np.zeros((2, 3, 4), np.int16), oblique(), path)
    content = bytearray(path.read_bytes())
    content[42:48] = np.array([2000, 2000, 2000], np.int16).tobytes()  # dim[1..3] of the header
    path.write_bytes(content)

    with pytest.raises(UnsuitableCase, match=r"8,000,000,000 voxels"):
        read_nifti(path)


def test_damaged_compression_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.nii.gz"
    write_nifti(np.random.default_rng(0).normal(size=(20, 30, 40)).astype(np.float32), oblique(), path)
    content = bytearray(path.read_bytes())
    content[5000:5400] = bytes(400)
    path.write_bytes(content)

    with pytest.raises(UnsuitableCase, match=r"a\.nii\.gz"):
        read_nifti(path)


@pytest.mark.parametrize(
    ("place", "content"),
    [
        (70, np.int16(1536)),  # datatype: no such numbers in memory
        (70, np.int16(999)),
        (40, np.int16(9)),  # dim[0]
        (108, np.float32(10)),  # vox_offset: within the header
        (108, np.float32(1e20)),
    ],
)
def test_a_header_that_says_what_cannot_be_is_refused(tmp_path: Path, place: int, content: np.generic) -> None:
    path = tmp_path / "a.nii"
    write_nifti(np.zeros((2, 3, 4), np.int16), oblique(), path)
    damaged = bytearray(path.read_bytes())
    damaged[place : place + content.nbytes] = content.tobytes()
    path.write_bytes(damaged)

    with pytest.raises(UnsuitableCase, match=r"a\.nii"):
        read_nifti(path)
