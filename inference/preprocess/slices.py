"""Which slices of a volume a 2D model looks at (numpy)."""

import numpy as np
from numpy.typing import NDArray

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
