"""HiRes-CAM: which features of a network's last map speak for a label, by the gradient of its score.

Draelos and Carin 2020: features times gradient, place by place, so that what is shown is what the network used. Runs on
whatever backend Keras runs on.
"""

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray
from scipy import ndimage

from inference.explain.evidence import unit
from inference.preprocess.grid import resize

TITLE = "HiRes-CAM"
"""What it is called before a reader."""

FINE = 14
"""Rows and columns of a feature map that tell places apart."""

SPREAD = 1.5
"""Standard deviation in places of the feature map: each sees beyond itself."""

FAINTEST = 1e-30


def gradient_map(network: keras.Model, image: NDArray[np.floating], label: int) -> NDArray[np.float32]:
    """Return where the evidence for a label lies in one picture, float32 (rows, columns), 0 (none) to 1 (the most).

    As coarse as the network's last feature map with rows and columns, but one forward and one backward pass. The same
    picture gives the same map.

    Parameters
    ----------
    network
        (n, rows, columns, channels) -> probabilities (n, classes), or one probability (n, 1), of which label 0 is all
        that there is.
    image
        (rows, columns, channels), as the network sees it.
    label
        The class to explain.

    Raises
    ------
    ValueError
        When the network has no feature map that all of its answer comes from.
    """
    front, tail = _split(network)
    features = front(ops.convert_to_tensor(image[None], dtype="float32"), training=False)

    def score(values: Any) -> Any:
        return ops.sum(_log_odds(tail(values, training=False), label))

    slope = gradient_of(score, features)
    evidence = ops.convert_to_numpy(ops.sum(ops.cast(features * slope, "float32"), axis=-1))
    spread = ndimage.gaussian_filter(np.maximum(evidence, 0.0), (0, SPREAD, SPREAD))
    return unit(resize(spread, (image.shape[0], image.shape[1]))[0])


def gradient_of(function: Callable[[Any], Any], values: Any) -> Any:
    """Return the gradient of a scalar function at a tensor, by the backend that Keras runs on.

    Raises
    ------
    NotImplementedError
        When that is none of TensorFlow, JAX and PyTorch.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf  # noqa: PLC0415 - one of the three is there

        with tf.GradientTape() as tape:
            tape.watch(values)
            result = function(values)
        return tape.gradient(result, values)
    if backend == "jax":
        import jax  # noqa: PLC0415

        return jax.grad(function)(values)
    if backend == "torch":
        import torch  # noqa: PLC0415

        with torch.enable_grad():
            leaf = values.detach().requires_grad_()
            (slope,) = torch.autograd.grad(function(leaf), leaf)
        return slope
    raise NotImplementedError(f"no gradients on the Keras backend {backend!r}")


def _split(network: keras.Model) -> tuple[keras.Model, keras.Model]:
    """Cut a network behind its last feature map: all that is later sees the picture through it alone.

    Better the last one that is fine enough to tell places apart; that may be an earlier one.
    """
    last = None
    for output in _feature_maps(network):
        try:
            tail = keras.Model(output, network.outputs[0])
        except ValueError:  # another way leads past it
            continue
        last = last or (keras.Model(network.inputs, output), tail)
        if output.shape[1] is not None and output.shape[1] >= FINE:
            return keras.Model(network.inputs, output), tail
    if last is None:
        raise ValueError(f"{network.name} has no feature map that all of its answer comes from")
    return last


def _feature_maps(network: keras.Model) -> Iterator[keras.KerasTensor]:
    """Yield what layers give that has rows and columns, the last first."""
    for layer in reversed(network.layers):
        output = getattr(layer, "output", None)
        is_map = isinstance(output, keras.KerasTensor) and len(output.shape) == 4
        if is_map and not isinstance(layer, keras.layers.InputLayer):
            yield output


def _log_odds(probabilities: Any, label: int) -> Any:
    """Return log odds of a label, (n,); unlike the probability, their slope lasts near certainty."""
    sure, classes = probabilities[:, label], probabilities.shape[1]
    others = [float(number != label) for number in range(classes)]
    rest = 1 - sure if classes == 1 else ops.sum(probabilities * ops.convert_to_tensor(others), axis=1)
    return ops.log(ops.maximum(sure, FAINTEST)) - ops.log(ops.maximum(rest, FAINTEST))
