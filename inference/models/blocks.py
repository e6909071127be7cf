"""Convolution blocks that the hand-built networks share."""

import keras
from keras import layers


def double_convolution(x: keras.KerasTensor, filters: int, name: str) -> keras.KerasTensor:
    """Two 3x3 convolutions, each with batch normalisation and ReLU."""
    for part in ("a", "b"):
        x = layers.Conv2D(
            filters,
            3,
            padding="same",
            use_bias=False,
            kernel_initializer="he_normal",
            name=f"{name}_conv_{part}",
        )(x)
        x = layers.BatchNormalization(name=f"{name}_norm_{part}")(x)
        x = layers.Activation("relu", name=f"{name}_relu_{part}")(x)
    return x
