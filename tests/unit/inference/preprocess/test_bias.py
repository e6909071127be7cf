import numpy as np
import pytest
from numpy.typing import NDArray

from inference.preprocess.bias import correct_bias

SHAPE, SPACING = (14, 40, 40), (6.0, 3.5, 3.5)


def shaded() -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.float64]]:
    """Three tissues in blobs, noise, a known field; return volume, mask and field."""
    rng = np.random.default_rng(1)
    z, y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in SHAPE), indexing="ij")
    waves = np.sin(11 * x + 1) + np.sin(13 * y) + np.sin(9 * z + 2)
    tissue = np.select([waves > 0.8, waves > -0.8], [520.0, 375.0], 135.0)
    mask = x**2 + y**2 + z**2 < 0.95
    field = np.exp(0.25 * x - 0.2 * y + 0.2 * z + 0.15 * x * y - 0.15 * x**2)
    return np.where(mask, (tissue + rng.normal(0, 10, SHAPE)) * field, 0).clip(0), mask, field


def test_a_known_field_is_found_up_to_its_scale() -> None:
    array, mask, field = shaded()

    corrected, found = correct_bias(array, mask, SPACING)

    ratio = found[mask] / field[mask]
    assert ratio.std() / ratio.mean() < 0.03
    assert field[mask].std() / field[mask].mean() > 0.15
    np.testing.assert_allclose(corrected * found, array, rtol=1e-4, atol=1e-2)


def test_the_field_is_the_same_twice_and_whatever_the_unit() -> None:
    array, mask, _ = shaded()

    _, once = correct_bias(array, mask, SPACING)
    _, twice = correct_bias(array, mask, SPACING)
    _, larger = correct_bias(1000 * array, mask, SPACING)

    np.testing.assert_array_equal(once, twice)
    np.testing.assert_allclose(larger, once, rtol=0.01)


def test_the_field_is_positive_and_bounded_where_no_tissue_is() -> None:
    array, mask, _ = shaded()

    _, found = correct_bias(array, mask & (np.indices(SHAPE)[2] > 13), SPACING)

    assert found.min() > 0.2
    assert found.max() < 5


def test_an_empty_mask_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        correct_bias(np.ones(SHAPE), np.zeros(SHAPE, bool), SPACING)


def test_a_mask_of_another_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="a mask of shape"):
        correct_bias(np.ones(SHAPE), np.zeros((2, 2, 2), bool), SPACING)
