import keras
import numpy as np

from inference.device import prepare_device


def test_two_networks_built_after_preparation_are_the_same() -> None:
    kernels = []
    for _ in range(2):
        assert prepare_device() in {"CPU", "GPU"}
        kernels.append(keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).get_weights()[0])

    np.testing.assert_array_equal(*kernels)
