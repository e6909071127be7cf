"""Losses that Keras does not bring."""

import keras
from keras import ops


def soft_dice(truth: keras.KerasTensor, probability: keras.KerasTensor) -> keras.KerasTensor:
    """Return the Dice coefficient of a whole batch, with probabilities for voxels; 1 is perfect."""
    truth, probability = ops.cast(truth, "float32"), ops.cast(probability, "float32")
    overlap = ops.sum(truth * probability)
    return (2.0 * overlap + 1.0) / (ops.sum(truth) + ops.sum(probability) + 1.0)


def cross_entropy_and_dice(truth: keras.KerasTensor, probability: keras.KerasTensor) -> keras.KerasTensor:
    """Return binary cross-entropy plus (1 - Dice), the source's loss for segmentation."""
    truth = ops.cast(truth, "float32")
    entropy = ops.mean(keras.losses.binary_crossentropy(truth, probability))
    return entropy + 1.0 - soft_dice(truth, probability)
