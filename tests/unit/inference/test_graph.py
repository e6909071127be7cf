import keras
import numpy as np
from keras import layers

from inference.graph import UNKNOWN, compile_graph, example_bytes, weight_bytes


def network(rows: int | None = 6) -> keras.Model:
    inputs = keras.Input((rows, 6, 1))
    return keras.Model(inputs, layers.Conv2D(2, 3, padding="same", activation="relu")(inputs))


def test_a_graph_answers_as_its_network_does() -> None:
    net = network()
    pictures = np.random.default_rng(0).normal(size=(3, 6, 6, 1)).astype(np.float32)

    answers = compile_graph(net, "CPU:0")(pictures)

    assert answers.dtype == np.float32
    np.testing.assert_allclose(answers, net(pictures), atol=1e-6)


def test_one_example_takes_what_all_layers_put_out() -> None:
    assert example_bytes(network()) == 4 * (6 * 6 * 1 + 6 * 6 * 2)
    assert example_bytes(network(rows=None)) == 4 * UNKNOWN * 6 * (1 + 2)


def test_weights_take_four_bytes_each() -> None:
    assert weight_bytes(network()) == 4 * (9 * 2 + 2)
