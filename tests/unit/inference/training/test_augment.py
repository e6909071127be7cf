import numpy as np
import pytest

from inference.training.augment import (
    Ranges,
    bias_field,
    coarsen,
    misplace,
    random_coordinates,
    sample,
    smooth_noise,
    vary_standardised,
    vary_unit,
)

STILL = Ranges(
    rotation=0,
    zoom=0,
    shift=0,
    shear=0,
    elastic_often=0,
    gamma=0,
    gain=0,
    bias=0,
    noise=0,
    coarse_often=0,
    misplaced_often=0,
)


def picture(side: int = 16) -> np.ndarray:
    return np.random.default_rng(1).random((side, side)).astype(np.float32)


def test_without_any_range_the_image_is_only_mirrored_or_left_alone() -> None:
    image = picture()

    results = [
        sample(image, random_coordinates(np.random.default_rng(seed), 16, 16, STILL), 1, 0.0) for seed in range(8)
    ]

    mirrored = [np.allclose(result, image[:, ::-1], atol=1e-5) for result in results]
    same = [np.allclose(result, image, atol=1e-5) for result in results]
    assert all(a or b for a, b in zip(mirrored, same, strict=True))
    assert any(mirrored)
    assert any(same)


def test_rows_are_turned_round_where_that_is_asked_for() -> None:
    image, upside_down = picture(), Ranges(**{**_fields(STILL), "upside_down": 1.0})

    result = sample(image, random_coordinates(np.random.default_rng(0), 16, 16, upside_down), 1, 0.0)

    assert np.allclose(result, image[::-1], atol=1e-5) or np.allclose(result, image[::-1, ::-1], atol=1e-5)


def test_a_crop_is_a_window_of_the_picture() -> None:
    image = picture(32)

    crop = sample(image, random_coordinates(np.random.default_rng(4), 32, 8, STILL), 1, 0.0)

    windows = np.lib.stride_tricks.sliding_window_view(image, (8, 8)).reshape(-1, 8, 8)
    assert any(
        np.allclose(window, crop, atol=1e-5) or np.allclose(window[:, ::-1], crop, atol=1e-5) for window in windows
    )


def test_image_and_mask_move_together_also_when_bent() -> None:
    mask = np.zeros((64, 64), dtype=np.float32)
    mask[20:30, 35:50] = 1
    bent = Ranges(elastic_often=1.0, elastic=0.02)
    where = random_coordinates(np.random.default_rng(5), 64, 64, bent)

    image, moved = sample(mask * 7, where, 1, 0.0), sample(mask, where, 0, 0.0)

    assert set(np.unique(moved)) == {0.0, 1.0}
    assert np.mean((image > 3.5) == (moved > 0.5)) > 0.99


def test_smooth_noise_has_no_steps() -> None:
    noise = smooth_noise(np.random.default_rng(2), (2, 64, 64), 5)

    assert 0.3 < noise.std() < 2.0
    assert np.abs(np.diff(noise, axis=1)).max() < 0.5


def test_a_misplaced_contrast_is_shifted_by_a_few_pixels_as_a_whole() -> None:
    where = random_coordinates(np.random.default_rng(1), 32, 32, STILL)

    moved = misplace(np.random.default_rng(1), where, Ranges(misplaced_often=1.0, misplaced=2.5))

    shift = (moved - where).reshape(2, -1)
    assert np.ptp(shift, axis=1) == pytest.approx(0, abs=1e-4)
    assert 0 < np.abs(shift).max() <= 2.5
    assert misplace(np.random.default_rng(1), where, STILL) is where


def test_a_coarser_scan_has_lost_what_is_fine_and_keeps_its_size() -> None:
    image = picture(33)

    coarse = coarsen(np.random.default_rng(3), image, Ranges(coarse_often=1.0, coarse=3.0))

    assert coarse.shape == image.shape
    assert np.abs(np.diff(coarse)).mean() < np.abs(np.diff(image)).mean()
    assert coarse.mean() == pytest.approx(image.mean(), abs=0.05)


def test_the_bias_field_is_smooth_and_near_one() -> None:
    field = bias_field(np.random.default_rng(2), 64, Ranges())

    assert 0.5 < field.min() < field.max() < 2.0
    assert np.abs(np.diff(field, axis=0)).max() < 0.05


def test_the_same_seed_gives_the_same_change() -> None:
    image = np.random.default_rng(1).random((16, 16, 3)).astype(np.float32)

    once, again = (vary_standardised(np.random.default_rng(9), image, Ranges()) for _ in range(2))

    np.testing.assert_array_equal(once, again)


def test_a_varied_grey_image_stays_in_its_range() -> None:
    image = picture()

    varied = vary_unit(np.random.default_rng(3), image, Ranges())

    assert varied.min() >= 0
    assert varied.max() <= 1
    assert np.abs(varied - image).max() > 0.01


def test_no_range_leaves_grey_values_alone() -> None:
    image = picture()

    assert vary_unit(np.random.default_rng(3), image, STILL) == pytest.approx(image, abs=1e-6)


def _fields(ranges: Ranges) -> dict[str, float]:
    return {name: getattr(ranges, name) for name in Ranges.__slots__}
