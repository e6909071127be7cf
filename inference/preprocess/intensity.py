"""Intensity normalisation: MR has no unit, so every volume is brought to the same scale first (numpy)."""

import numpy as np
from numpy.typing import NDArray

FOREGROUND_SHARE = 0.1
CLIP = (-3.0, 6.0)


def foreground_statistics(volume: NDArray[np.generic]) -> tuple[float, float]:
    """Return mean and standard deviation of the head in a volume of any shape and unit.

    The head is what exceeds a tenth of the 99.5th percentile: air is dark in every MR contrast, and the
    percentile ignores the few very bright voxels of vessels and fat.
    """
    values = np.asarray(volume, dtype=np.float32)
    inside = values[values > FOREGROUND_SHARE * np.percentile(values, 99.5)]
    if inside.size == 0:
        return 0.0, 1.0
    return float(inside.mean()), max(float(inside.std()), 1e-6)


def standardise(values: NDArray[np.generic], statistics: tuple[float, float]) -> NDArray[np.float32]:
    """Return (values - mean) / standard deviation, clipped to -3..6; same shape, no unit."""
    mean, deviation = statistics
    standard: NDArray[np.float32] = (np.asarray(values, dtype=np.float32) - mean) / deviation
    return standard.clip(*CLIP)


def scale_to_unit(image: NDArray[np.generic]) -> NDArray[np.float32]:
    """Return one image (rows, columns) scaled so that its 0.5th and 99.5th percentiles become 0 and 1."""
    values = np.asarray(image, dtype=np.float32)
    low, high = np.percentile(values, (0.5, 99.5))
    if high <= low:
        return np.zeros_like(values)
    scaled: NDArray[np.float32] = ((values - low) / (high - low)).clip(0.0, 1.0)
    return scaled
