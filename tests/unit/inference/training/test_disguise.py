import numpy as np

from inference.training.disguise import Disguise, compress, disguise_tones, stretch

ALWAYS = Disguise(repaint_often=1.0, lift_often=1.0, compress_often=1.0)
NEVER = Disguise(repaint_often=0.0, lift_often=0.0, compress_often=0.0)


def ramp(side: int = 32) -> np.ndarray:
    return np.tile(np.linspace(0, 1, side, dtype=np.float32), (side, 1))


def test_stretching_keeps_the_middle_and_the_area() -> None:
    places = np.stack(np.meshgrid(np.arange(9.0), np.arange(9.0), indexing="ij")).astype(np.float32)

    stretched = stretch(np.random.default_rng(0), places, ALWAYS)

    np.testing.assert_allclose(stretched[:, 4, 4], 4.0)
    rows, columns = stretched[0, 5, 4] - 4.0, stretched[1, 4, 5] - 4.0
    assert abs(rows - 1) > 0.01
    np.testing.assert_allclose(rows * columns, 1.0, rtol=1e-5)


def test_tones_change_but_air_stays_the_darkest_and_all_stays_between_0_and_1() -> None:
    for seed in range(20):
        painted = disguise_tones(np.random.default_rng(seed), ramp(), ALWAYS)

        assert np.abs(painted - ramp()).max() > 0.01
        assert painted.argmin() == 0
        assert painted.min() >= 0
        assert painted.max() <= 1


def test_a_random_tone_curve_need_not_rise() -> None:
    falls = [np.diff(disguise_tones(np.random.default_rng(seed), ramp(), ALWAYS)[0]).min() < 0 for seed in range(20)]

    assert any(falls)


def test_compression_leaves_the_marks_of_jpeg_and_nothing_else() -> None:
    noise = np.random.default_rng(0).random((24, 24), dtype=np.float32)

    copy = compress(np.random.default_rng(1), noise, ALWAYS)

    assert copy.shape == noise.shape
    assert 0.001 < np.abs(copy - noise).mean() < 0.3


def test_what_never_happens_changes_nothing() -> None:
    rng = np.random.default_rng(0)

    np.testing.assert_array_equal(disguise_tones(rng, ramp(), NEVER), ramp())
    np.testing.assert_array_equal(compress(rng, ramp(), NEVER), ramp())
