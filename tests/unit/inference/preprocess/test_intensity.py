import numpy as np
import pytest

from inference.preprocess.intensity import foreground_statistics, scale_to_unit, standardise


def test_statistics_describe_the_head_and_not_the_air_around_it() -> None:
    rng = np.random.default_rng(1)
    volume = np.abs(rng.normal(0, 2, (4, 64, 64)))
    volume[:, 16:48, 16:48] = rng.normal(400, 50, (4, 32, 32))

    mean, deviation = foreground_statistics(volume)

    assert mean == pytest.approx(400, rel=0.01)
    assert deviation == pytest.approx(50, rel=0.05)


def test_a_scanner_that_doubles_every_value_changes_nothing() -> None:
    volume = np.random.default_rng(2).gamma(2, 100, (3, 32, 32))

    once = standardise(volume, foreground_statistics(volume))
    doubled = standardise(2 * volume, foreground_statistics(2 * volume))

    np.testing.assert_allclose(once, doubled, atol=1e-4)


def test_an_empty_volume_standardises_to_zeros() -> None:
    volume = np.zeros((2, 8, 8))

    assert not standardise(volume, foreground_statistics(volume)).any()


def test_unit_scale_runs_from_zero_to_one_whatever_the_unit() -> None:
    image = np.linspace(-1000, 3000, 10_000).reshape(100, 100)

    scaled = scale_to_unit(image)

    assert (scaled.min(), scaled.max()) == (0.0, 1.0)
    assert scaled[50, 0] == pytest.approx(0.5, abs=0.01)


def test_a_constant_image_scales_to_zeros() -> None:
    assert not scale_to_unit(np.full((8, 8), 7)).any()
