import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.training.duplicates import BITS, distances, duplicate_groups, has_duplicate, hash_pictures


def head(seed: int, side: int = 96) -> NDArray[np.float32]:
    """Return a smooth random picture."""
    noise = np.random.default_rng(seed).normal(size=(side, side))
    smooth = ndimage.gaussian_filter(noise, 3)
    return ((smooth - smooth.min()) / np.ptp(smooth) * 200).astype(np.float32)


def test_a_brighter_noisier_smaller_copy_is_near_and_another_picture_is_far() -> None:
    picture = head(0)
    copy = ndimage.zoom(picture, 0.75, order=1, mode="nearest", grid_mode=True) * 1.2 + 20
    copy += np.random.default_rng(1).normal(0, 1, copy.shape)

    far = distances(hash_pictures([picture]), hash_pictures([copy, head(2)]))

    assert far.shape == (1, 2)
    assert far[0, 0] <= 12
    assert far[0, 1] > BITS // 4


def test_a_mirrored_copy_is_a_duplicate_and_one_upside_down_is_not() -> None:
    picture = head(0)

    near = has_duplicate(hash_pictures([picture[:, ::-1], picture[::-1]]), hash_pictures([head(3), picture]))

    assert near.tolist() == [True, False]


def test_nothing_has_a_duplicate_among_no_pictures() -> None:
    one, none = hash_pictures([head(0)]), hash_pictures([head(0)])
    nothing = type(none)(none.plain[:0], none.mirrored[:0])

    assert has_duplicate(one, nothing).tolist() == [False]
    assert has_duplicate(nothing, one).tolist() == []


def test_groups_hold_copies_of_copies_together_and_others_apart() -> None:
    first, other = head(0), head(5)
    pictures = [first, other, first * 0.5 + 30, first[:, ::-1]]

    groups = duplicate_groups(hash_pictures(pictures))

    assert groups[0] == groups[2] == groups[3]
    assert groups[1] != groups[0]
