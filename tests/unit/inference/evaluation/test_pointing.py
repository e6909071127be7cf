import numpy as np
import pytest
from support.spotted import blind, bright_share, picture, spot_of

from inference.evaluation.pointing import compare, peak_of, pointing_figures

IMAGES = np.stack([picture((24, 40)), picture((44, 22))])
MASKS = np.stack([spot_of((24, 40)), spot_of((44, 22))])


def test_a_map_that_is_the_mask_points_always_and_holds_all_energy() -> None:
    figures = compare({"truth": MASKS.astype(np.float32)}, IMAGES, MASKS)

    assert figures["truth"] == {"inside": 1.0, "near": 1.0, "energy": 1.0, "silent": 0}
    assert figures["pictures"] == 2


def test_chance_is_the_share_of_the_head_that_the_mask_has() -> None:
    chance = compare({}, IMAGES, MASKS)["chance"]

    share = spot_of().sum() / (np.pi * 28 * 24)
    assert chance["inside"] == chance["energy"] == pytest.approx(share, rel=0.05)
    assert chance["near"] == pytest.approx(share * 4, rel=0.2)


def test_even_attention_has_the_energy_of_chance() -> None:
    heads = (IMAGES[..., 0] > 0).astype(np.float32)

    figures = compare({"even": heads}, IMAGES, MASKS)

    assert figures["even"]["energy"] == pytest.approx(figures["chance"]["energy"], rel=0.01)


def test_a_near_miss_counts_within_the_tolerance_alone() -> None:
    maps = np.zeros((2, 64, 64), np.float32)
    maps[0, 24, 40 + 9] = maps[1, 44, 22 + 15] = 1.0

    figures = compare({"off": maps}, IMAGES, MASKS, tolerance=5.0)

    assert (figures["off"]["inside"], figures["off"]["near"]) == (0.0, 0.5)


def test_a_silent_map_is_a_miss() -> None:
    figures = compare({"none": np.zeros((2, 64, 64))}, IMAGES, MASKS)

    assert figures["none"] == {"inside": 0.0, "near": 0.0, "energy": 0.0, "silent": 2}


def test_a_plateau_points_from_its_middle() -> None:
    assert peak_of(spot_of((30, 31)).astype(np.float32)) == (30, 31)
    assert peak_of(np.zeros((4, 4))) is None


def test_pictures_without_a_lesion_are_left_out() -> None:
    masks = np.stack([MASKS[0], MASKS[1] & False])

    figures = pointing_figures(bright_share, IMAGES, masks, 1, ("occlusion",))

    assert figures["pictures"] == 1
    assert figures["occlusion"]["near"] == 1.0


def test_other_ways_to_explain_are_measured_beside() -> None:
    bright = {"brightness": lambda image: image[..., 0]}

    figures = pointing_figures(bright_share, IMAGES, MASKS, 1, (), bright)

    assert figures["brightness"]["inside"] == 1.0
    assert figures["brightness"]["energy"] < 0.3


def test_a_score_that_sees_nothing_is_silent() -> None:
    assert pointing_figures(blind, IMAGES, MASKS, 1)["lime"]["silent"] == 2


def test_nothing_to_point_at_is_refused() -> None:
    with pytest.raises(ValueError, match="mask"):
        pointing_figures(blind, IMAGES, MASKS & False, 1)
