"""Where the head is in a picture, and what a part of it would look like if it were like its surroundings."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.preprocess.intensity import FOREGROUND_SHARE


def head_of(image: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return the head in one picture as a network sees it, bool (rows, columns), without holes.

    The head is the largest connected part that is brighter than air. Where nothing is, all is taken for it.

    Parameters
    ----------
    image
        (rows, columns, channels), any unit; the darkest pixel is air.
    """
    grey = image.mean(axis=-1)
    grey = grey - grey.min()
    bright = ndimage.binary_closing(grey > FOREGROUND_SHARE * np.percentile(grey, 99.5), iterations=2)
    parts, count = ndimage.label(bright)
    if count == 0:
        return np.ones(grey.shape, bool)
    head: NDArray[np.bool_] = ndimage.binary_fill_holes(parts == 1 + np.bincount(parts.ravel())[1:].argmax())
    return head


def width_of(head: NDArray[np.bool_]) -> float:
    """Return the width of a head in pixels: that of a circle of the same area."""
    return float(2 * np.sqrt(head.sum() / np.pi))


def smeared(image: NDArray[np.float32], head: NDArray[np.bool_], sigma: float) -> NDArray[np.float32]:
    """Return a picture (rows, columns, channels) with each pixel of the head the weighted mean of the head around it.

    Air stays as it is, and is no part of any mean.
    """
    weight = ndimage.gaussian_filter(head.astype(np.float32), sigma)
    inside = image * head[..., None]
    blurred = ndimage.gaussian_filter(inside, (sigma, sigma, 0)) / np.maximum(weight, 1e-6)[..., None]
    filled: NDArray[np.float32] = np.where(head[..., None], blurred, image).astype(np.float32)
    return filled
