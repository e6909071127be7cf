import keras
import numpy as np
import pytest
from keras import ops
from support.spotted import SPOT, picture, spot_of

from inference.explain.gradient import gradient_map, gradient_of


def _bright_detector(classes: int = 2, pooled: int = 1) -> keras.Model:
    """A network that sees bright pixels alone: one filter, its mean, and a probability."""
    inputs = keras.Input((64, 64, 1))
    bright = keras.layers.Conv2D(1, 3, padding="same", activation="relu", name="bright")(inputs)
    coarse = keras.layers.AveragePooling2D(pooled)(bright) if pooled > 1 else bright
    mean = keras.layers.GlobalAveragePooling2D()(coarse)
    activation = "softmax" if classes > 1 else "sigmoid"
    outputs = keras.layers.Dense(classes, activation=activation)(mean)
    network = keras.Model(inputs, outputs, name="bright_detector")
    signs = np.array([[-40.0, 40.0]]) if classes > 1 else np.array([[40.0]])
    network.set_weights([np.full((3, 3, 1, 1), 1 / 9), np.array([-0.6]), signs, np.zeros(classes)])
    return network


@pytest.mark.parametrize(("classes", "label"), [(2, 1), (1, 0)])
def test_the_gradient_points_at_what_the_network_sees(classes: int, label: int) -> None:
    shown = gradient_map(_bright_detector(classes), picture(), label)

    assert (shown.dtype, shown.shape, shown.max()) == (np.float32, (64, 64), 1.0)
    assert shown[SPOT] > 0.9
    assert shown[~spot_of(radius=9)].max() < 0.02


def test_a_label_that_the_spot_speaks_against_has_no_evidence() -> None:
    assert not gradient_map(_bright_detector(), picture(), 0).any()


def test_near_certainty_the_gradient_lasts() -> None:
    network = _bright_detector()
    weights = network.get_weights()
    network.set_weights([*weights[:2], weights[2] * 50, weights[3]])

    assert gradient_map(network, picture(), 1)[SPOT] > 0.9


def test_the_same_picture_gives_the_identical_map() -> None:
    network = _bright_detector()

    assert np.array_equal(gradient_map(network, picture(), 1), gradient_map(network, picture(), 1))


def test_of_two_feature_maps_the_one_that_tells_places_apart_is_shown() -> None:
    coarse = gradient_map(_bright_detector(pooled=8), picture(), 1)

    assert np.allclose(coarse, gradient_map(_bright_detector(), picture(), 1), atol=1e-5)


def test_a_gradient_is_that_of_the_function() -> None:
    slope = gradient_of(lambda values: ops.sum(values**2), ops.convert_to_tensor([1.0, -3.0]))

    assert ops.convert_to_numpy(slope).tolist() == [2.0, -6.0]


def test_a_network_without_feature_maps_is_refused() -> None:
    inputs = keras.Input((4, 4, 1))
    outputs = keras.layers.Dense(2, activation="softmax")(keras.layers.Flatten()(inputs))

    with pytest.raises(ValueError, match="no feature map"):
        gradient_map(keras.Model(inputs, outputs), np.zeros((4, 4, 1), np.float32), 0)
