from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.builders import make_geometry, make_voxels, write_series

from inference.evaluation.study import read_study, sequences_of

SHAPE = (5, 16, 12)
GEOMETRY = make_geometry(shape=SHAPE, spacing=(5.0, 1.0, 1.0))
VOXELS = make_voxels(shape=SHAPE)
MASK = np.zeros(SHAPE, dtype=np.uint16)
MASK[2, 4:9, 3:7] = 1


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A FLAIR, a mask of its middle slices alone, and a T1 one slice higher."""
    for name in ("FLAIR", "T1", "ROI"):
        (tmp_path / name).mkdir()
    write_series(tmp_path / "FLAIR", voxels=VOXELS, geometry=GEOMETRY)
    higher = replace(GEOMETRY, origin=GEOMETRY.position((1, 0, 0)))
    write_series(tmp_path / "T1", voxels=VOXELS[1:], geometry=higher, sequence="t1")
    write_series(tmp_path / "ROI", voxels=MASK[1:4], geometry=higher, series_instance_uid="1.2.3")
    return tmp_path


def test_a_series_comes_with_its_place_in_the_patient(study: Path) -> None:
    read = read_study(study, ("flair",))

    volume = read.case.reference
    np.testing.assert_array_equal(volume.array, VOXELS)
    np.testing.assert_allclose(volume.geometry.affine, GEOMETRY.affine, atol=1e-3)
    assert read.spacing == pytest.approx((5.0, 1.0, 1.0), abs=1e-4)


def test_the_mask_lies_on_the_reference_also_where_it_has_fewer_slices(study: Path) -> None:
    read = read_study(study, ("flair",))

    np.testing.assert_array_equal(read.truth, MASK > 0)


def test_other_series_are_brought_onto_the_reference_s_grid(study: Path) -> None:
    read = read_study(study, ("flair", "t1"))

    array = read.case.on_reference("t1")
    assert array is not None
    np.testing.assert_allclose(array[2:, 1:-1, 1:-1], VOXELS[2:, 1:-1, 1:-1], atol=2.0)


def test_a_study_says_which_series_it_has(study: Path) -> None:
    assert sequences_of(study) == ("flair", "t1")


def test_a_series_that_is_not_there_is_refused(study: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="T1C"):
        read_study(study, ("flair", "t1c"))
    (tmp_path / "T1C").mkdir()
    with pytest.raises(FileNotFoundError, match="T1C"):
        read_study(study, ("flair", "t1c"))
