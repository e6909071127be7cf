"""How the source's two baselines of classify_efficientnetb0 are trained: plain CNNs, for comparison, never served."""

from dataclasses import replace

import keras
from keras import layers

from inference.models.classify_efficientnetb0 import LABELS
from inference.training.recipe import Recipe, Stage
from inference.training.recipes import classify_efficientnetb0

SIZE = 128
FILTERS = {2: (32, 64), 6: (32, 32, 64, 64, 128, 128)}


def build(size: int, convolutions: int) -> keras.Model:
    """Build a CNN of 2 or 6 convolutions.

    Parameters
    ----------
    size
        Rows and columns of a picture of three channels, grey values 0..1.

    Returns
    -------
    keras.Model
        (n, size, size, 3) -> (n, 4), probabilities in the order of the model's ``LABELS``.
    """
    filters = FILTERS[convolutions]
    inputs = keras.Input((size, size, 3), name="slices")
    x = inputs
    for number, count in enumerate(filters):
        x = layers.Conv2D(count, 3, padding="same", activation="relu", name=f"conv{number}")(x)
        if number + 1 == len(filters) or filters[number + 1] != count:
            x = layers.MaxPooling2D(name=f"pool{number}")(x)
    x = layers.Dense(128, activation="relu", name="dense")(layers.Flatten(name="flat")(x))
    x = layers.Dropout(0.5, name="dropout")(x)
    outputs = layers.Dense(len(LABELS), activation="softmax", dtype="float32", name="probability")(x)
    return keras.Model(inputs, outputs, name=f"classify_cnn{convolutions}")


def _recipe(convolutions: int) -> Recipe:
    return replace(
        classify_efficientnetb0.RECIPE,
        name=f"classify_cnn{convolutions}",
        input_shape=(SIZE, SIZE, 3),
        network={"convolutions": convolutions},
        stages=(Stage(size=SIZE, epochs=12, learning_rate=1e-3),),
        build=lambda size: build(size, convolutions),
        finish=None,
        limits=f"A baseline of {convolutions} convolutions, for comparison with classify_efficientnetb0.",
    )


RECIPES = (_recipe(2), _recipe(6))
