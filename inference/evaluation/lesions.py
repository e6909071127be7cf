"""How well lesions are found one by one, and how far their surfaces lie apart."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

SMALLEST_MM3 = 150.0
"""Parts smaller than this are no lesions: 30 voxels of 1 mm x 1 mm x 5 mm."""

Spacing = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Detection:
    """How many lesions there are and were found, and how many found ones are none."""

    lesions: int
    detected: int
    false_positives: int


def detect(
    truth: NDArray[np.bool_], found: NDArray[np.bool_], voxel_volume: float, smallest: float = SMALLEST_MM3
) -> Detection:
    """Count lesions: connected parts (26 neighbours) of at least ``smallest`` mm3.

    A true lesion is detected when a found voxel lies in it. A found one is a false positive when no true voxel lies
    in it, of however small a part.

    Parameters
    ----------
    truth, found
        (slices, rows, columns).
    voxel_volume
        mm3 of one voxel.
    """
    true_parts = _parts(truth, voxel_volume, smallest)
    detected = sum(bool(found[part].any()) for part in true_parts)
    alone = sum(not truth[part].any() for part in _parts(found, voxel_volume, smallest))
    return Detection(len(true_parts), detected, alone)


def _parts(mask: NDArray[np.bool_], voxel_volume: float, smallest: float) -> list[tuple[NDArray[np.intp], ...]]:
    """Return the voxels' indices of each part that is large enough."""
    labels, count = ndimage.label(mask, structure=np.ones((3, 3, 3)))
    sizes = np.bincount(labels.ravel(), minlength=count + 1) * voxel_volume
    return [np.nonzero(labels == number) for number in range(1, count + 1) if sizes[number] >= smallest]


def surface_distances(
    truth: NDArray[np.bool_], found: NDArray[np.bool_], spacing: Spacing
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return mm from each surface voxel of one mask to the nearest of the other: (of truth, of found).

    A mask's surface is its voxels with a neighbour (one of 6) outside the mask; what lies beyond the volume's border
    is outside.

    Raises
    ------
    ValueError
        When a mask is empty.
    """
    if not (truth.any() and found.any()):
        raise ValueError("an empty mask has no surface")
    box = ndimage.find_objects((truth | found).astype(np.uint8))[0]
    surfaces = [mask[box] & ~ndimage.binary_erosion(mask[box]) for mask in (truth, found)]
    distances = [ndimage.distance_transform_edt(~surface, sampling=spacing) for surface in surfaces]
    return distances[1][surfaces[0]], distances[0][surfaces[1]]


def hausdorff(truth: NDArray[np.bool_], found: NDArray[np.bool_], spacing: Spacing, percentile: float = 95.0) -> float:
    """Return the larger of the two percentiles of surface distances in mm (95: the "Hausdorff 95").

    Two empty masks are 0 apart; where only one is empty the distance is infinite.

    Parameters
    ----------
    spacing
        mm between neighbours along (slices, rows, columns).
    """
    if not (truth.any() and found.any()):
        return math.inf if truth.any() or found.any() else 0.0
    return max(float(np.percentile(one, percentile)) for one in surface_distances(truth, found, spacing))
