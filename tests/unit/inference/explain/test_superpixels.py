import numpy as np
from support.spotted import blind, bright_share, picture, spot_of

from inference.explain.evidence import log_odds
from inference.explain.head import head_of
from inference.explain.superpixels import SAMPLES, superpixel_map, superpixels


def test_the_superpixels_of_the_spot_are_worth_most() -> None:
    worth = superpixel_map(log_odds(bright_share, 1), picture())

    best = worth == worth.max()
    assert (best & spot_of()).sum() > best.sum() / 2


def test_the_same_seed_gives_the_same_map() -> None:
    maps = [superpixel_map(log_odds(bright_share, 1), picture(), seed) for seed in (0, 0, 1)]

    assert np.array_equal(maps[0], maps[1])
    assert not np.array_equal(maps[0], maps[2])


def test_a_score_that_sees_nothing_makes_nothing_worth_anything() -> None:
    assert np.abs(superpixel_map(log_odds(blind, 1), picture())).max() < 1e-9


def test_superpixels_fill_the_head_and_are_numbered_without_gaps() -> None:
    image = picture()
    head = head_of(image)

    segments = superpixels(image, head)

    assert np.array_equal(segments > 0, head)
    assert set(np.unique(segments)) == set(range(segments.max() + 1))
    assert segments.max() > 20


def test_a_picture_that_is_all_head_has_superpixels_from_one() -> None:
    image = np.random.default_rng(0).random((32, 32, 1)).astype(np.float32)

    segments = superpixels(image, np.ones((32, 32), bool))

    assert segments.min() == 1


def test_the_score_is_asked_for_a_known_number_of_pictures_in_small_batches() -> None:
    sizes = []

    def measure(pictures: np.ndarray) -> np.ndarray:
        sizes.append(len(pictures))
        return np.zeros(len(pictures))

    superpixel_map(measure, picture())

    assert (sum(sizes), max(sizes)) == (SAMPLES, 32)
