"""A network's inference graph: folded, made once for one device."""

from collections.abc import Callable

import keras
import numpy as np
from numpy.typing import NDArray

Graph = Callable[[NDArray[np.float32]], NDArray[np.float32]]
UNKNOWN = 512
"""What an axis of unknown length counts as."""


def compile_graph(network: keras.Model, device: str) -> Graph:
    """Return a function of the network's answers, (n, ...) -> (n, ...), for batches of any size.

    Its first call makes the graph. XLA stays off: on the CPU it was slower. Where Keras does not run on TensorFlow, it
    is Keras that runs the network.

    Parameters
    ----------
    network
        As ``inference.fold.fold`` returns it.
    device
        "GPU:0" or "CPU:0".
    """
    if keras.backend.backend() != "tensorflow":
        return lambda examples: np.asarray(network.predict_on_batch(examples), dtype=np.float32)
    import tensorflow as tf  # noqa: PLC0415 - with another backend it need not be there

    with tf.device(device):  # the nodes of the graph are bound to the device, not only its call
        signature = [tf.TensorSpec((None, *network.input_shape[1:]), tf.float32)]
        function = tf.function(lambda x: network(x, training=False), input_signature=signature, jit_compile=False)

    def run(examples: NDArray[np.float32]) -> NDArray[np.float32]:
        with tf.device(device):
            answers: NDArray[np.float32] = function(tf.constant(examples, tf.float32)).numpy()
        return answers

    return run


def example_bytes(network: keras.Model) -> int:
    """Return the memory that one example takes at most: the outputs of all layers in float32, none of them freed."""
    outputs = [layer.output for layer in network.layers]
    tensors = [tensor for output in outputs for tensor in (output if isinstance(output, list) else [output])]
    return sum(4 * int(np.prod([axis or UNKNOWN for axis in tensor.shape[1:]])) for tensor in tensors)


def weight_bytes(network: keras.Model) -> int:
    """Return the memory that the weights take in float32."""
    return 4 * int(network.count_params())
