import keras
import numpy as np
import pytest

from inference.models.novelty import Novelty


def fitted(rng: np.random.Generator) -> tuple[Novelty, np.ndarray]:
    classes = rng.integers(0, 2, 4000)
    features = rng.normal(size=(4000, 12)) * np.linspace(0.1, 3, 12) + classes[:, None] * 4.0
    layer = Novelty(classes=2, directions=8)
    layer.build((None, 12))
    layer.fit(features, classes)
    return layer, features


def test_what_was_trained_on_is_about_one_away_and_something_else_far() -> None:
    rng = np.random.default_rng(0)
    layer, features = fitted(rng)

    known = keras.ops.convert_to_numpy(layer(features))
    strange = keras.ops.convert_to_numpy(layer(rng.normal(size=(200, 12)) * 12 + 30))

    assert known.shape == (4000, 1)
    assert known.mean() == pytest.approx(1.0, rel=0.1)
    assert strange.min() > np.quantile(known, 0.99)


def test_a_point_between_two_classes_is_nearer_to_neither() -> None:
    layer, features = fitted(np.random.default_rng(0))
    centre, other = features[features[:, 0] < 2].mean(axis=0), features[features[:, 0] > 2].mean(axis=0)

    near, between = keras.ops.convert_to_numpy(layer(np.stack([centre, (centre + other) / 2])))

    assert near[0] < between[0]


def test_it_is_saved_with_the_network_it_belongs_to() -> None:
    inputs = keras.Input((12,))
    network = keras.Model(inputs, Novelty(classes=2, directions=8)(inputs))

    assert [weight.shape for weight in network.get_weights()] == [(12,), (12, 8), (2, 8)]
    assert not network.trainable_weights
    again = keras.Model.from_config(network.get_config())
    assert again.layers[-1].directions == 8
