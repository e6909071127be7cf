import numpy as np
import pytest

from inference.preprocess.grid import resize
from inference.preprocess.resample import resize_to_spacing, resize_volume


def test_a_plane_is_resampled_as_slices_are() -> None:
    slices = np.random.default_rng(1).random((3, 40, 30)).astype(np.float32)

    for shape in ((64, 50), (20, 15), (33, 45)):
        np.testing.assert_allclose(resize_volume(slices, (3, *shape)), resize(slices, shape), atol=1e-4)


def test_the_edges_of_the_volume_stay_where_they_are() -> None:
    ramp = np.broadcast_to(np.arange(10.0)[:, None, None] + 0.5, (10, 4, 4))

    finer = resize_volume(ramp, (40, 4, 4))

    np.testing.assert_allclose(finer[2:-2, 0, 0], (np.arange(40)[2:-2] + 0.5) / 4, atol=1e-5)


def test_the_same_shape_is_the_same_volume() -> None:
    array = np.random.default_rng(1).random((3, 4, 5)).astype(np.float32)

    np.testing.assert_array_equal(resize_volume(array, (3, 4, 5)), array)


def test_a_spacing_is_met_as_nearly_as_whole_voxels_allow() -> None:
    resized, spacing = resize_to_spacing(np.zeros((22, 30, 30)), (6.0, 0.9, 0.9), (2.0, 2.0, 2.0))

    assert resized.shape == (66, 14, 14)
    assert spacing == pytest.approx((2.0, 27 / 14, 27 / 14))


@pytest.mark.parametrize("shape", [(0, 4, 4), (2, 4), (2, -1, 3)])
def test_an_impossible_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="cannot resample"):
        resize_volume(np.zeros((3, 4, 5)), shape)  # type: ignore[arg-type]
