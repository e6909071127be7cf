import numpy as np
import pytest

from inference.training.augment import Ranges, bias_field, random_affine, vary_standardised, vary_unit, warp

STILL = Ranges(rotation=0, zoom=0, shift=0, shear=0, gamma=0, gain=0, bias=0, noise=0)


def test_without_any_range_the_image_is_only_mirrored_or_left_alone() -> None:
    image = np.random.default_rng(1).random((16, 16)).astype(np.float32)

    results = [warp(image, random_affine(np.random.default_rng(seed), 16, STILL), 1, 0.0) for seed in range(8)]

    mirrored = [np.allclose(result, image[:, ::-1], atol=1e-5) for result in results]
    same = [np.allclose(result, image, atol=1e-5) for result in results]
    assert all(a or b for a, b in zip(mirrored, same, strict=True))
    assert any(mirrored)
    assert any(same)


def test_image_and_mask_move_together() -> None:
    mask = np.zeros((64, 64), dtype=np.float32)
    mask[20:30, 35:50] = 1
    affine = random_affine(np.random.default_rng(5), 64, Ranges())

    image, moved = warp(mask * 7, affine, 1, 0.0), warp(mask, affine, 0, 0.0)

    assert set(np.unique(moved)) == {0.0, 1.0}
    assert np.mean((image > 3.5) == (moved > 0.5)) > 0.99


def test_the_bias_field_is_smooth_and_near_one() -> None:
    field = bias_field(np.random.default_rng(2), 64, Ranges())

    assert 0.5 < field.min() < field.max() < 2.0
    assert np.abs(np.diff(field, axis=0)).max() < 0.05


def test_the_same_seed_gives_the_same_change() -> None:
    image = np.random.default_rng(1).random((16, 16, 3)).astype(np.float32)

    once, again = (vary_standardised(np.random.default_rng(9), image, Ranges()) for _ in range(2))

    np.testing.assert_array_equal(once, again)


def test_a_varied_grey_image_stays_in_its_range() -> None:
    image = np.random.default_rng(1).random((16, 16)).astype(np.float32)

    varied = vary_unit(np.random.default_rng(3), image, Ranges())

    assert varied.min() >= 0
    assert varied.max() <= 1
    assert np.abs(varied - image).max() > 0.01


def test_no_range_leaves_grey_values_alone() -> None:
    image = np.random.default_rng(1).random((16, 16)).astype(np.float32)

    assert vary_unit(np.random.default_rng(3), image, STILL) == pytest.approx(image, abs=1e-6)
