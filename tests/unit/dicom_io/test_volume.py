from pathlib import Path

import numpy as np
import pytest

from dicom_io.volume import Geometry, SeriesHeader, SourceFrame, Volume

GEOMETRY = Geometry(
    origin=(10.0, -20.0, 30.0), column_step=(0.0, 0.5, 0.0), row_step=(0.0, 0.0, -0.7), slice_step=(-4.0, 0.0, 0.0)
)
HEADER = SeriesHeader("1.2.3", "1.2.4", "1.2.5", "MR", "FLAIR", "1", "flair")


def volume_of(slices: int, sources: int) -> Volume:
    frames = tuple(SourceFrame(Path("a"), number, "1.2.6") for number in range(sources))
    return Volume(np.zeros((slices, 2, 2), np.float32), GEOMETRY, HEADER, frames)


def test_a_position_follows_the_steps_from_the_origin() -> None:
    assert GEOMETRY.position((0, 0, 0)) == (10.0, -20.0, 30.0)
    assert GEOMETRY.position((2, 10, 4)) == pytest.approx((2.0, -18.0, 23.0))


def test_the_affine_maps_slice_row_and_column_in_this_order() -> None:
    np.testing.assert_allclose(GEOMETRY.affine @ [2, 10, 4, 1], [2.0, -18.0, 23.0, 1.0])


def test_spacing_and_voxel_volume_follow_from_the_steps() -> None:
    assert GEOMETRY.spacing == pytest.approx((4.0, 0.7, 0.5))
    assert GEOMETRY.voxel_volume == pytest.approx(1.4)


def test_the_voxels_of_a_volume_cannot_be_written() -> None:
    volume = volume_of(3, 3)

    with pytest.raises(ValueError, match="read-only"):
        volume.array[0, 0, 0] = 1


def test_a_volume_needs_a_source_for_every_slice() -> None:
    with pytest.raises(ValueError, match="2 sources"):
        volume_of(3, 2)
