"""What is done to a network's output before it becomes findings (numpy, scipy)."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


def drop_specks(mask: NDArray[np.bool_], voxel_volume: float, smallest: float) -> NDArray[np.bool_]:
    """Return the mask without connected parts (26 neighbours) smaller than ``smallest`` mm3.

    Parameters
    ----------
    mask
        (slices, rows, columns).
    voxel_volume
        mm3 of one voxel.
    """
    labels, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    if count == 0:
        return mask
    sizes = np.bincount(labels.ravel()) * voxel_volume
    keep = sizes >= smallest
    keep[0] = False
    kept: NDArray[np.bool_] = keep[labels]
    return kept


def pool_suspicious(
    scores: NDArray[np.floating], suspicion: NDArray[np.floating], share: float
) -> NDArray[np.floating]:
    """Return the mean of the rows with the highest suspicion: a tumour fills some slices, not all.

    Parameters
    ----------
    scores
        (slices, labels).
    suspicion
        (slices,): how likely each slice shows something.
    share
        The share of slices that is averaged, at least three (or all).
    """
    count = min(len(scores), max(3, round(share * len(scores))))
    top = np.argsort(suspicion, kind="stable")[-count:]
    pooled: NDArray[np.floating] = scores[top].mean(axis=0)
    return pooled


def with_temperature(probabilities: NDArray[np.floating], temperature: float) -> NDArray[np.floating]:
    """Return class probabilities (n, classes) as if their logits had been divided by ``temperature`` (Guo et al. 2017).

    A softmax forgets what was added to all logits, and nothing else: the logarithms of its output do as well.
    """
    logits = np.log(np.clip(np.asarray(probabilities, dtype=np.float64), 1e-12, 1.0)) / temperature
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    calibrated: NDArray[np.floating] = powers / powers.sum(axis=1, keepdims=True)
    return calibrated
