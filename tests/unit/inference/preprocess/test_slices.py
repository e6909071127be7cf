import numpy as np
import pytest

from inference.preprocess.slices import head_slices, largest_slice, merge_mean


def test_slices_that_show_little_of_the_head_are_left_out() -> None:
    volume = np.zeros((6, 20, 20))
    for index, side in enumerate((0, 4, 16, 18, 16, 5)):
        volume[index, :side, :side] = 100

    assert head_slices(volume, share=0.6, most=10).tolist() == [2, 3, 4]


def test_many_slices_are_thinned_evenly_and_keep_both_ends() -> None:
    volume = np.ones((101, 4, 4))

    assert head_slices(volume, share=0.5, most=5).tolist() == [0, 25, 50, 75, 100]


def test_the_slice_with_the_most_of_a_mask_is_found() -> None:
    mask = np.zeros((5, 8, 8), bool)
    mask[1, :2, :2], mask[3, :3, :3], mask[4, :3, :3] = True, True, True

    assert largest_slice(mask) == 3


def test_an_empty_mask_has_no_largest_slice() -> None:
    with pytest.raises(ValueError, match="empty"):
        largest_slice(np.zeros((3, 4, 4), bool))


def test_neighbouring_slices_are_merged_by_their_mean() -> None:
    array = np.arange(6.0)[:, None, None] * np.ones((6, 2, 3))

    np.testing.assert_allclose(merge_mean(array, 3)[:, 0, 0], (0.5, 2.5, 4.5))
    np.testing.assert_allclose(merge_mean(array, 6), array)


@pytest.mark.parametrize(("slices", "count"), [(24, 20), (155, 20), (21, 20), (7, 2)])
def test_every_slice_is_merged_once(slices: int, count: int) -> None:
    merged = merge_mean(np.eye(slices)[:, :, None], count)[:, :, 0]

    sizes = (merged > 0).sum(axis=1)
    assert (merged > 0).sum(axis=0).tolist() == [1] * slices
    assert sizes.max() - sizes.min() <= 1


def test_fewer_slices_than_wanted_are_refused() -> None:
    with pytest.raises(ValueError, match="cannot merge 5 slices to 6"):
        merge_mean(np.zeros((5, 2, 2)), 6)
