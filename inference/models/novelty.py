"""How unlike its training data an input is: the distance of its features from every class (Lee et al. 2018)."""

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

DIRECTIONS = 64


@keras.saving.register_keras_serializable("glia")
class Novelty(keras.layers.Layer):  # type: ignore[misc]
    """Features (n, features) -> (n, 1): squared Mahalanobis distance to the nearest class centre, per direction.

    Around 1 for what was trained on; without an upper limit for what was not. Its three weights are found by ``fit``,
    not by gradients, and kept with the network's others.
    """

    def __init__(self, classes: int, directions: int = DIRECTIONS, name: str = "novelty") -> None:
        super().__init__(trainable=False, dtype="float32", name=name)
        self.classes, self.directions = classes, directions

    def build(self, shape: tuple[int | None, int]) -> None:
        """Make room for the mean, the whitening projection and the class centres."""
        features = shape[-1]
        self.mean = self.add_weight(shape=(features,), initializer="zeros", name="mean")
        self.whitening = self.add_weight(shape=(features, self.directions), initializer="zeros", name="whitening")
        self.centres = self.add_weight(shape=(self.classes, self.directions), initializer="zeros", name="centres")

    def call(self, features: keras.KerasTensor) -> keras.KerasTensor:
        """Return the distance."""
        white = ops.matmul(ops.cast(features, "float32") - self.mean, self.whitening)
        apart = ops.expand_dims(white, 1) - self.centres
        return ops.min(ops.mean(ops.square(apart), axis=-1), axis=-1, keepdims=True)

    def get_config(self) -> dict[str, object]:
        """Return what ``__init__`` needs."""
        return {"name": self.name, "classes": self.classes, "directions": self.directions}

    def fit(self, features: NDArray[np.floating], classes: NDArray[np.integer]) -> None:
        """Find the weights: the directions in which classes vary most within, scaled so that they vary by one.

        Parameters
        ----------
        features
            (n, features), of the training data.
        classes
            (n,), class numbers.
        """
        values = np.asarray(features, dtype=np.float64)
        means = np.stack([values[classes == one].mean(axis=0) for one in range(self.classes)])
        within = values - means[classes]
        _, spread, directions = np.linalg.svd(within / np.sqrt(len(values)), full_matrices=False)
        kept = min(self.directions, len(spread))
        whitening = np.zeros((values.shape[1], self.directions))
        whitening[:, :kept] = directions[:kept].T / np.maximum(spread[:kept], 1e-9)
        mean = values.mean(axis=0)
        self.set_weights([mean, whitening, (means - mean) @ whitening])
