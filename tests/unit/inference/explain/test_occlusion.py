import numpy as np
from support.spotted import SPOT, blind, bright_share, picture, spot_of

from inference.explain.evidence import log_odds
from inference.explain.head import head_of
from inference.explain.occlusion import occlusion_map


def test_the_score_drops_most_where_the_spot_is_covered() -> None:
    drops = occlusion_map(log_odds(bright_share, 1), picture())

    row, column = np.unravel_index(drops.argmax(), drops.shape)
    assert spot_of()[row, column]


def test_covering_what_speaks_against_a_label_raises_its_score() -> None:
    drops = occlusion_map(log_odds(bright_share, 0), picture())

    assert drops[SPOT] < 0


def test_air_has_no_evidence() -> None:
    image = picture()

    assert not occlusion_map(log_odds(bright_share, 1), image)[~head_of(image)].any()


def test_a_score_that_sees_nothing_drops_nowhere() -> None:
    assert not occlusion_map(log_odds(blind, 1), picture()).any()


def test_channels_are_covered_together() -> None:
    drops = occlusion_map(log_odds(bright_share, 1), picture(channels=3))

    assert drops.shape == (64, 64)
    assert np.allclose(drops, occlusion_map(log_odds(bright_share, 1), picture()))


def test_batches_are_bounded() -> None:
    sizes = []

    def measure(pictures: np.ndarray) -> np.ndarray:
        sizes.append(len(pictures))
        return np.zeros(len(pictures))

    occlusion_map(measure, picture())

    assert max(sizes) <= 32
