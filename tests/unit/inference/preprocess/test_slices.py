import numpy as np

from inference.preprocess.slices import head_slices


def test_slices_that_show_little_of_the_head_are_left_out() -> None:
    volume = np.zeros((6, 20, 20))
    for index, side in enumerate((0, 4, 16, 18, 16, 5)):
        volume[index, :side, :side] = 100

    assert head_slices(volume, share=0.6, most=10).tolist() == [2, 3, 4]


def test_many_slices_are_thinned_evenly_and_keep_both_ends() -> None:
    volume = np.ones((101, 4, 4))

    assert head_slices(volume, share=0.5, most=5).tolist() == [0, 25, 50, 75, 100]
