"""Gaussian smoothing by a width in mm (keras.ops)."""

import math
from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from inference.preprocess.axes import along_axes, gaussian_matrix

FWHM_TO_SIGMA = 1 / math.sqrt(8 * math.log(2))


def gaussian(array: NDArray[np.generic], spacing_mm: Sequence[float], fwhm_mm: float) -> NDArray[np.float32]:
    """Smooth a volume by a Gaussian of this full width at half maximum, alike in all directions.

    Parameters
    ----------
    array
        (slices, rows, columns), any unit.
    spacing_mm
        Distance between neighbours along (slice, row, column).
    fwhm_mm
        Full width at half maximum in mm (2.355 standard deviations); 0 smooths nothing.

    Returns
    -------
    float32 of the same shape; beyond its border the volume goes on level.

    Raises
    ------
    ValueError
        If the array is no volume, or a spacing or the width is negative or no number.
    """
    if array.ndim != 3 or len(spacing_mm) != 3:
        raise ValueError(f"a volume has three axes and three spacings, not {array.ndim} and {len(spacing_mm)}")
    if not (min(spacing_mm) > 0 and fwhm_mm >= 0):
        raise ValueError(f"spacing {tuple(spacing_mm)} mm and width {fwhm_mm} mm")
    if fwhm_mm == 0:
        return array.astype(np.float32)
    matrices = [
        gaussian_matrix(size, fwhm_mm * FWHM_TO_SIGMA / step) if size > 1 else None
        for size, step in zip(array.shape, spacing_mm, strict=True)
    ]
    smooth: NDArray[np.float32] = keras.ops.convert_to_numpy(along_axes(array, matrices))
    return smooth
