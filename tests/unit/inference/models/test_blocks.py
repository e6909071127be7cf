import keras

from inference.models.blocks import double_convolution


def test_a_block_keeps_the_size_and_sets_the_channels() -> None:
    assert double_convolution(keras.Input((16, 12, 3)), 5, "block").shape == (None, 16, 12, 5)
