"""Linear maps along the axes of a volume: what smoothing, resampling and merging are made of (keras.ops)."""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, special

Tensor = Any
"""A tensor of whichever backend Keras runs on."""
Matrix = NDArray[np.float64]


def along_axes(array: NDArray[np.generic] | Tensor, matrices: Sequence[Matrix | None]) -> Tensor:
    """Multiply every line along each axis of a volume by that axis's matrix.

    Parameters
    ----------
    array
        (slices, rows, columns).
    matrices
        One (out, in) matrix an axis; None leaves the axis as it is.

    Returns
    -------
    A float32 tensor. What shrinks the volume most is done first, which changes the speed only.
    """
    tensor = keras.ops.convert_to_tensor(array, dtype="float32")
    wanted = [
        (matrix.shape[0] / matrix.shape[1], axis, matrix) for axis, matrix in enumerate(matrices) if matrix is not None
    ]
    for _, axis, matrix in sorted(wanted, key=lambda entry: entry[:2]):
        tensor = _along(tensor, matrix, axis)
    return tensor


def _along(tensor: Tensor, matrix: Matrix, axis: int) -> Tensor:
    slices, rows, columns = tensor.shape
    factor = keras.ops.convert_to_tensor(matrix, dtype="float32")
    if axis == 0:
        lines = keras.ops.matmul(factor, keras.ops.reshape(tensor, (slices, rows * columns)))
        return keras.ops.reshape(lines, (matrix.shape[0], rows, columns))
    if axis == 1:
        return keras.ops.matmul(factor, tensor)
    lines = keras.ops.matmul(keras.ops.reshape(tensor, (slices * rows, columns)), keras.ops.transpose(factor))
    return keras.ops.reshape(lines, (slices, rows, matrix.shape[0]))


def gaussian_matrix(size: int, sigma: float) -> Matrix:
    """Return the (size, size) matrix that smooths a line by ``sigma`` samples; beyond its ends the line goes on level.

    The kernel is the discrete analogue of the Gaussian (T. Lindeberg, Scale-space for discrete signals, IEEE PAMI 12,
    1990): its variance is exact however small sigma is, as on thick slices.
    """
    variance = sigma * sigma
    reach = min(size - 1, int(np.ceil(6 * sigma + 3)))
    weights = special.ive(np.abs(np.arange(-reach, reach + 1)), variance)
    rows = np.arange(size)[:, None]
    taken = np.clip(rows + np.arange(-reach, reach + 1), 0, size - 1)
    matrix = np.zeros((size, size))
    np.add.at(
        matrix, (np.broadcast_to(rows, taken.shape), taken), np.broadcast_to(weights / weights.sum(), taken.shape)
    )
    return matrix


def linear_matrix(size: int, wanted: int) -> Matrix:
    """Return the (wanted, size) matrix that resamples a line linearly; its two ends (voxel edges) stay where they are.

    A line that shrinks is smoothed first, as in `inference.preprocess.grid.resize`, so that texture does not alias.
    """
    place = np.clip((np.arange(wanted) + 0.5) * size / wanted - 0.5, 0, size - 1)
    below = np.minimum(place.astype(int), max(size - 2, 0))
    share = place - below
    matrix = np.zeros((wanted, size))
    matrix[np.arange(wanted), below] = 1 - share
    matrix[np.arange(wanted), np.minimum(below + 1, size - 1)] += share
    sigma = max(0.0, (size / wanted - 1) / 2)
    return matrix @ ndimage.gaussian_filter1d(np.eye(size), sigma, axis=0) if sigma else matrix


def mean_matrix(size: int, wanted: int) -> Matrix:
    """Return the (wanted, size) matrix whose rows take the mean of neighbouring, almost equally many samples."""
    edges = np.linspace(0, size, wanted + 1).round().astype(int)
    index = np.arange(size)
    inside = (index >= edges[:-1, None]) & (index < edges[1:, None])
    matrix: Matrix = inside / inside.sum(axis=1, keepdims=True)
    return matrix
