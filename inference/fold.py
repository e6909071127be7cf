"""A network as it is served: batch normalisation folded into the convolutions before it, in a chosen precision."""

import keras
import numpy as np
from numpy.typing import NDArray


def fold(network: keras.Model, policy: str = "float32") -> keras.Model:
    """Return a network of the same answers with fewer layers (Jacob et al. 2018, 3.2); for inference only.

    A batch normalisation multiplies each channel by a number and adds another: right after a convolution or a dense
    layer that nothing else reads, both can be part of its kernel and bias. What comes before an activation stays.

    Parameters
    ----------
    network
        A functional or sequential network of float32 weights; it is left as it is.
    policy
        The Keras dtype policy of Keras' own layers that calculate in float32. Those that answer keep theirs, and so do
        those on the grid of the input: there small lesions and the edges of large ones are decided.

    Returns
    -------
    keras.Model
        Same inputs and outputs; in float32 equal but for rounding.
    """
    network = keras.Model(network.inputs, network.outputs, name=network.name)  # of a sequential one as well
    pairs = {before.name: norm for norm in network.layers for before in _foldable(norm)}
    folded = {norm.name for norm in pairs.values()}
    answering = _answering(network)
    grid = network.inputs[0].shape[1:-1]

    def clone(layer: keras.Operation) -> keras.Operation:
        config = layer.get_config()
        if layer.name in pairs:
            config["use_bias"] = True
        own = isinstance(layer, keras.layers.Layer) and type(layer).__module__.startswith("keras.")
        if own and layer.dtype_policy.name == "float32" and layer.name not in answering and not _on_grid(layer, grid):
            config["dtype"] = policy
        return type(layer).from_config(config)

    def call(layer: keras.layers.Layer, *args: object, **keywords: object) -> object:
        return args[0] if layer.name in folded else layer(*args, **keywords)

    served = keras.models.clone_model(network, clone_function=clone, call_function=call)
    for layer in (layer for layer in served.layers if layer.weights):
        source = network.get_layer(layer.name)
        layer.set_weights(_weights(source, pairs[layer.name]) if layer.name in pairs else source.get_weights())
    return served


def _answering(network: keras.Model) -> set[str]:
    """Return the names of what answers: the last operations, and those before them up to one that has weights."""
    names, ahead = set(), [tensor._keras_history.operation for tensor in network.outputs]
    while ahead:
        operation = ahead.pop()
        names.add(operation.name)
        if not getattr(operation, "weights", None):
            ahead += [tensor._keras_history.operation for tensor in operation._inbound_nodes[0].input_tensors]
    return names


def _on_grid(layer: keras.layers.Layer, grid: tuple[int | None, ...]) -> bool:
    tensors = layer.output if isinstance(layer.output, list) else [layer.output]
    return any(tensor.shape[1:-1] == grid for tensor in tensors)


def _foldable(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Return the layer before a batch normalisation, where there is one that can take it over."""
    if not isinstance(layer, keras.layers.BatchNormalization) or layer.axis not in {-1, len(layer.input.shape) - 1}:
        return []
    before = layer.input._keras_history.operation
    kinds = (
        keras.layers.Conv2D,
        keras.layers.Conv3D,
        keras.layers.DepthwiseConv2D,
        keras.layers.Conv2DTranspose,
        keras.layers.Conv3DTranspose,
        keras.layers.Dense,
    )
    read_once = isinstance(before, kinds) and len(before._outbound_nodes) == 1
    return [before] if read_once and before.activation is keras.activations.linear else []


def _weights(layer: keras.layers.Layer, norm: keras.layers.Layer) -> list[NDArray[np.float32]]:
    """Return kernel and bias of a layer that does the normalisation's work as well."""
    kernel, *rest = (np.asarray(weight, dtype=np.float64) for weight in layer.get_weights())
    moments = [
        keras.ops.convert_to_numpy(value).astype(np.float64) for value in (norm.moving_mean, norm.moving_variance)
    ]
    scale = 1.0 / np.sqrt(moments[1] + norm.epsilon)
    if norm.scale:
        scale = scale * keras.ops.convert_to_numpy(norm.gamma)
    bias = ((rest[0] if rest else 0.0) - moments[0]) * scale
    if norm.center:
        bias = bias + keras.ops.convert_to_numpy(norm.beta)
    return [(kernel * _on_kernel(layer, kernel, scale)).astype(np.float32), bias.astype(np.float32)]


def _on_kernel(
    layer: keras.layers.Layer, kernel: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the scale of each output channel in the shape of the kernel's axes for it."""
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        return scale.reshape(kernel.shape[-2:])
    if isinstance(layer, keras.layers.Conv2DTranspose | keras.layers.Conv3DTranspose):
        return scale[:, None]
    return scale
