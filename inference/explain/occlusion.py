"""Occlusion: a patch of a picture is made like its surroundings, and how far the score drops is its evidence.

After Zeiler and Fergus 2014, with patches of several sizes because lesions have several.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from inference.explain.evidence import Measure
from inference.explain.head import head_of, width_of

SHARES = (1 / 8, 1 / 4)
STEPS = 2.0
BATCH = 32
_LEAST = 1e-3


def occlusion_map(measure: Measure, image: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean drop of a score over the patches about each pixel, (rows, columns), below 0 where it rises.

    Every patch is filled with the mean of the head around it. The same picture gives the same map.

    Parameters
    ----------
    image
        (rows, columns, channels), as the network sees it.
    """
    head = head_of(image)
    total = np.zeros(head.shape)
    for share in SHARES:
        total += _one_size(measure, image, head, max(2, round(share * width_of(head))))
    return total / len(SHARES)


def _one_size(measure: Measure, image: NDArray[np.float32], head: NDArray[np.bool_], size: int) -> NDArray[np.float64]:
    whole = float(measure(image[None])[0])
    places = list(_places(head, size))
    drops, covered = np.zeros(head.shape), np.zeros(head.shape)
    for start in range(0, len(places), BATCH):
        some = places[start : start + BATCH]
        scores = measure(np.stack([_filled(image, head, place) for place in some]))
        for place, score in zip(some, scores, strict=True):
            weight = _weight(drops[place].shape)
            drops[place] += weight * (whole - float(score))
            covered[place] += weight
    means: NDArray[np.float64] = np.where(head, drops / np.maximum(covered, _LEAST), 0.0)
    return means


def _places(head: NDArray[np.bool_], size: int) -> Iterator[tuple[slice, slice]]:
    """Yield the patches that lie at least half in the head, overlapping."""
    rows, columns = np.flatnonzero(head.any(axis=1)), np.flatnonzero(head.any(axis=0))
    step = max(1, round(size / STEPS))
    for row in range(int(rows[0]) - size // 2, int(rows[-1]) + 1, step):
        for column in range(int(columns[0]) - size // 2, int(columns[-1]) + 1, step):
            place = (slice(max(0, row), max(0, row + size)), slice(max(0, column), max(0, column + size)))
            if head[place].sum() >= size * size / 2:
                yield place


def _weight(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return how far each pixel of a patch is in its middle, so that maps have no edges where patches have them."""
    rows, columns = (np.hanning(length + 2)[1:-1] + _LEAST for length in shape)
    return np.outer(rows, columns)


def _filled(image: NDArray[np.float32], head: NDArray[np.bool_], place: tuple[slice, slice]) -> NDArray[np.float32]:
    """Return the picture with the head in one patch as bright as the head around the patch, on average."""
    around = tuple(slice(max(0, part.start - _half(part)), part.stop + _half(part)) for part in place)
    ring = np.zeros_like(head)
    ring[around] = head[around]
    ring[place] = False
    filled = image.copy()
    if ring.any():
        filled[place][head[place]] = image[ring].mean(axis=0)
    return filled


def _half(part: slice) -> int:
    length: int = part.stop - part.start
    return max(1, length // 2)
