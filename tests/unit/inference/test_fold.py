import keras
import numpy as np
import pytest
from keras import layers

from inference.fold import fold


def shaken(network: keras.Model) -> keras.Model:
    """Give batch normalisation statistics that a folded network has to reckon with."""
    rng = np.random.default_rng(0)
    network.set_weights([rng.uniform(0.2, 1.5, weight.shape) for weight in network.get_weights()])
    return network


def norms(network: keras.Model) -> int:
    return sum(isinstance(layer, layers.BatchNormalization) for layer in network.layers)


@pytest.mark.parametrize(
    "layer",
    [
        layers.Conv2D(4, 3, use_bias=False),
        layers.Conv2D(4, 3, strides=2, padding="same"),
        layers.DepthwiseConv2D(3, depth_multiplier=2),
        layers.Conv2DTranspose(4, 2, strides=2),
        layers.Dense(4),
    ],
    ids=lambda layer: type(layer).__name__ + str(layer.use_bias),
)
def test_a_normalisation_right_after_a_layer_is_folded_into_it(layer: layers.Layer) -> None:
    inputs = keras.Input((9, 9, 3))
    x = layers.BatchNormalization()(type(layer).from_config(layer.get_config())(inputs))
    network = shaken(keras.Model(inputs, layers.Activation("tanh")(x)))
    slices = np.random.default_rng(1).normal(size=(2, 9, 9, 3)).astype(np.float32)

    served = fold(network)

    assert (norms(network), norms(served)) == (1, 0)
    np.testing.assert_allclose(served(slices), network(slices, training=False), atol=2e-5)


def test_operations_that_are_no_layers_are_kept() -> None:
    inputs = keras.Input((9, 9, 3))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3)(inputs))
    network = shaken(keras.Model(inputs, 1.0 - keras.ops.relu(x) / 2.0))
    slices = np.random.default_rng(1).normal(size=(2, 9, 9, 3)).astype(np.float32)

    served = fold(network)

    assert norms(served) == 0
    np.testing.assert_allclose(served(slices), network(slices, training=False), atol=2e-5)


def test_volumes_fold_too_and_scale_or_centre_may_be_missing() -> None:
    inputs = keras.Input((4, 5, 6, 2))
    x = layers.BatchNormalization(scale=False)(layers.Conv3D(3, 2)(inputs))
    x = layers.BatchNormalization(center=False)(layers.Conv3DTranspose(3, 2)(x))
    network = shaken(keras.Model(inputs, x))
    volume = np.random.default_rng(1).normal(size=(1, 4, 5, 6, 2)).astype(np.float32)

    served = fold(network)

    assert norms(served) == 0
    np.testing.assert_allclose(served(volume), network(volume, training=False), rtol=1e-4, atol=1e-4)


def test_what_cannot_be_folded_stays() -> None:
    inputs = keras.Input((8, 8, 3))
    shared = layers.Conv2D(3, 1)(inputs)
    after_activation = layers.BatchNormalization()(layers.Conv2D(3, 1, activation="relu")(inputs))
    network = shaken(keras.Model(inputs, layers.Add()([layers.BatchNormalization()(shared), shared, after_activation])))
    slices = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype(np.float32)

    served = fold(network)

    assert norms(served) == 2
    np.testing.assert_allclose(served(slices), network(slices, training=False), rtol=1e-5, atol=1e-5)


def test_in_bfloat16_the_answer_is_still_float32_and_near() -> None:
    inputs = keras.Input((8, 8, 3))
    x = layers.BatchNormalization()(layers.Conv2D(4, 3)(inputs))
    network = shaken(keras.Model(inputs, layers.Dense(2, activation="softmax", name="answer")(x)))
    slices = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype(np.float32)

    served = fold(network, "mixed_bfloat16")

    assert served(slices).dtype == "float32"
    assert served.layers[1].compute_dtype == "bfloat16"
    np.testing.assert_allclose(served(slices), network(slices, training=False), atol=0.05)


def test_what_answers_before_layers_without_weights_keeps_its_precision() -> None:
    inputs = keras.Input((8, 8, 3))
    features = layers.GlobalAveragePooling2D(name="features")(layers.Conv2D(4, 3, strides=2)(inputs))
    probability = layers.Dense(2, activation="softmax", name="probability")(features)
    network = keras.Model(inputs, layers.Concatenate(name="both")([probability, 1.0 - probability]))

    served = fold(network, "mixed_bfloat16")

    assert served.get_layer("features").compute_dtype == "bfloat16"
    assert served.get_layer("probability").compute_dtype == "float32"
    np.testing.assert_allclose(np.sum(served(np.ones((1, 8, 8, 3), np.float32))[0, :2]), 1.0, atol=1e-6)


def test_what_works_on_the_grid_of_the_input_keeps_its_precision() -> None:
    inputs = keras.Input((8, 8, 3))
    fine = layers.Conv2D(2, 3, padding="same", name="fine")(inputs)
    coarse = layers.Conv2D(2, 3, padding="same", name="coarse")(layers.MaxPooling2D(name="pool")(fine))
    back = layers.Conv2DTranspose(2, 2, strides=2, name="back")(coarse)
    network = keras.Model(inputs, layers.Conv2D(1, 1, name="answer")(layers.Concatenate(name="join")([fine, back])))

    served = fold(network, "mixed_bfloat16")

    assert [layer.name for layer in served.layers if layer.compute_dtype == "bfloat16"] == ["pool", "coarse"]


def test_the_network_itself_is_left_as_it_is() -> None:
    inputs = keras.Input((8, 8, 3))
    network = shaken(keras.Model(inputs, layers.BatchNormalization()(layers.Conv2D(4, 3, use_bias=False)(inputs))))
    before = [weight.copy() for weight in network.get_weights()]

    fold(network)

    for was, now in zip(before, network.get_weights(), strict=True):
        np.testing.assert_array_equal(was, now)


@keras.saving.register_keras_serializable("test_fold")
class Halved(layers.Layer):
    """A layer of ours that says nothing of its precision."""

    def __init__(self, name: str = "halved") -> None:
        super().__init__(dtype="float32", name=name)

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return inputs / 2

    def get_config(self) -> dict[str, object]:
        return {"name": self.name}


def test_layers_that_are_not_keras_own_keep_their_precision() -> None:
    inputs = keras.Input((8, 8, 3))
    network = keras.Model(inputs, layers.Conv2D(1, 1)(Halved()(layers.Conv2D(2, 1, strides=2)(inputs))))

    served = fold(network, "mixed_bfloat16")

    assert [layer.compute_dtype for layer in served.layers[1:]] == ["bfloat16", "float32", "float32"]


def test_a_sequential_network_folds_too() -> None:
    network = shaken(keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(2, 1), layers.BatchNormalization()]))
    slices = np.random.default_rng(1).normal(size=(2, 8, 8, 3)).astype(np.float32)

    served = fold(network)

    assert norms(served) == 0
    np.testing.assert_allclose(served(slices), network(slices, training=False), rtol=1e-5, atol=1e-5)
