import numpy as np
import pytest
from scipy import ndimage

from inference.preprocess.smooth import gaussian

SIGMA = 0.42466


def test_a_point_becomes_half_as_high_half_a_width_away() -> None:
    point = np.zeros((41, 41, 41))
    point[20, 20, 20] = 1

    smooth = gaussian(point, (1.0, 1.0, 1.0), 8.0)

    assert smooth[20, 20, 24] / smooth[20, 20, 20] == pytest.approx(0.5, abs=0.02)
    assert smooth.sum() == pytest.approx(1, abs=1e-4)


def test_the_width_is_in_mm_along_every_axis() -> None:
    noise = np.random.default_rng(1).random((12, 30, 24))
    spacing = (2.5, 1.5, 2.0)

    smooth = gaussian(noise, spacing, 8.0)

    expected = ndimage.gaussian_filter(noise, [8 * SIGMA / mm for mm in spacing], mode="nearest", truncate=8)
    assert np.abs(smooth - expected).max() < 0.02


def test_no_width_changes_nothing() -> None:
    noise = np.random.default_rng(1).random((3, 4, 5)).astype(np.float32)

    np.testing.assert_array_equal(gaussian(noise, (1, 1, 1), 0), noise)


def test_a_single_slice_is_smoothed_in_its_plane() -> None:
    noise = np.random.default_rng(1).random((1, 16, 16))

    assert gaussian(noise, (5, 1, 1), 4).std() < noise.std() / 2


@pytest.mark.parametrize(("spacing", "width"), [((0.0, 1.0, 1.0), 4.0), ((1.0, 1.0, 1.0), -1.0), ((1.0, 1.0), 4.0)])
def test_nonsense_is_refused(spacing: tuple[float, ...], width: float) -> None:
    with pytest.raises(ValueError, match="spacing"):
        gaussian(np.zeros((2, 2, 2)), spacing, width)
