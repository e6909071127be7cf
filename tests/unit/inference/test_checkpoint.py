from pathlib import Path

import keras
import numpy as np
import pytest

from inference.checkpoint import read_weights, write_weights
from inference.errors import WeightsChanged, WeightsMissing


def network(seed: int) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return keras.Sequential([keras.Input((8,)), keras.layers.Dense(4), keras.layers.BatchNormalization()])


def test_weights_come_back_within_half_precision(tmp_path: Path) -> None:
    written, read = network(1), network(2)
    sha256 = write_weights(written, tmp_path / "w.npz")

    read_weights(read, tmp_path / "w.npz", sha256)

    for before, after in zip(written.get_weights(), read.get_weights(), strict=True):
        np.testing.assert_allclose(after, before, rtol=1e-3)


def test_a_variance_beyond_half_precision_survives(tmp_path: Path) -> None:
    written, read = network(1), network(2)
    written.layers[-1].moving_variance.assign(np.full(4, 1e6, dtype=np.float32))

    read_weights(read, tmp_path / "w.npz", write_weights(written, tmp_path / "w.npz"))

    assert np.asarray(read.layers[-1].moving_variance).tolist() == [1e6] * 4


def test_missing_and_changed_weights_are_refused(tmp_path: Path) -> None:
    sha256 = write_weights(network(1), tmp_path / "w.npz")
    write_weights(network(2), tmp_path / "other.npz")

    with pytest.raises(WeightsMissing, match="absent"):
        read_weights(network(1), tmp_path / "absent.npz", sha256)
    with pytest.raises(WeightsChanged, match="its card says"):
        read_weights(network(1), tmp_path / "other.npz", sha256)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    sha256 = write_weights(network(1), tmp_path / "w.npz")
    other = keras.Sequential([keras.Input((8,)), keras.layers.Dense(5), keras.layers.BatchNormalization()])

    with pytest.raises(WeightsChanged, match="another network"):
        read_weights(other, tmp_path / "w.npz", sha256)
