"""Which slices of a volume a model looks at, and how neighbours are merged (numpy; the merging on keras.ops)."""

import keras
import numpy as np
from numpy.typing import NDArray

from inference.preprocess.axes import along_axes, mean_matrix
from inference.preprocess.intensity import FOREGROUND_SHARE


def head_slices(volume: NDArray[np.floating], share: float, most: int) -> NDArray[np.intp]:
    """Return the indices of the slices that show enough of the head, evenly thinned.

    Parameters
    ----------
    volume
        (slices, rows, columns), any unit.
    share
        A slice counts when its head area is at least this share of the largest slice's.
    most
        At most so many indices come back.
    """
    inside = volume > FOREGROUND_SHARE * np.percentile(volume, 99.5)
    area = inside.sum(axis=(1, 2))
    chosen = np.flatnonzero(area >= share * max(int(area.max()), 1))
    if chosen.size <= most:
        return chosen
    return chosen[np.linspace(0, chosen.size - 1, most).round().astype(np.intp)]


def largest_slice(mask: NDArray[np.bool_]) -> int:
    """Return the index of the slice of a mask (slices, rows, columns) with the most voxels; of equals the lowest.

    Raises
    ------
    ValueError
        If the mask is empty: there is no such slice.
    """
    area = mask.sum(axis=(1, 2))
    if not area.any():
        raise ValueError("the mask is empty")
    return int(area.argmax())


def merge_mean(array: NDArray[np.generic], count: int) -> NDArray[np.float32]:
    """Merge neighbouring slices by their mean: (n, rows, columns) -> (count, rows, columns), n >= count.

    The groups are of almost equal size: 24 slices to 20 makes sixteen of one slice and four of two.
    """
    slices = array.shape[0]
    if not 1 <= count <= slices:
        raise ValueError(f"cannot merge {slices} slices to {count}")
    merged: NDArray[np.float32] = keras.ops.convert_to_numpy(
        along_axes(array, [mean_matrix(slices, count) if count < slices else None, None, None])
    )
    return merged
