"""Volumes on another grid: linear resampling (keras.ops)."""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from inference.preprocess.axes import along_axes, linear_matrix


def resize_volume(array: NDArray[np.generic], shape: tuple[int, int, int]) -> NDArray[np.float32]:
    """Resample a volume linearly to ``shape``; the edges of the volume stay where they are.

    Axes that shrink are smoothed first, so that fine texture does not alias.

    Parameters
    ----------
    array
        (slices, rows, columns), any unit.

    Returns
    -------
    float32 of ``shape``.
    """
    if array.ndim != 3 or len(shape) != 3 or min(shape) < 1 or array.size == 0:
        raise ValueError(f"cannot resample an array of shape {array.shape} to {tuple(shape)}")
    matrices = [linear_matrix(old, new) if old != new else None for old, new in zip(array.shape, shape, strict=True)]
    resized: NDArray[np.float32] = keras.ops.convert_to_numpy(along_axes(array, matrices))
    return resized


def resize_to_spacing(
    array: NDArray[np.generic], spacing_mm: Sequence[float], wanted_mm: Sequence[float]
) -> tuple[NDArray[np.float32], tuple[float, float, float]]:
    """Resample a volume as near to a spacing as whole voxels allow; return it and the spacing in mm it then has."""
    extent = [size * step for size, step in zip(array.shape, spacing_mm, strict=True)]
    slices, rows, columns = (max(1, round(mm / step)) for mm, step in zip(extent, wanted_mm, strict=True))
    resized = resize_volume(array, (slices, rows, columns))
    return resized, (extent[0] / slices, extent[1] / rows, extent[2] / columns)
