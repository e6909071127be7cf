"""Where a detector's score becomes a yes, and what must be said of it there."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

RECALL = 0.995
"""The share of tumours that the operating point must find on the pictures of the validation part."""
ALARMS = 0.1
"""The share of pictures, or of patients' slices, without a tumour above which a card warns of false alarms."""


def operating_point(scores: NDArray[np.floating], tumour: NDArray[np.bool_], recall: float = RECALL) -> float:
    """Return the threshold, in hundredths, that leaves most others alone and still finds this share of the tumours.

    Where several do as well, the middle one; 0.01 where none finds so many. Scores and truth are (n,).
    """
    steps = np.arange(1, 100) / 100
    recalls = np.array([(scores[tumour] >= step).mean() for step in steps])
    spared = np.array([(scores[~tumour] < step).mean() for step in steps])
    allowed = np.flatnonzero(recalls >= recall)
    if not allowed.size:
        return float(steps[0])
    best = allowed[spared[allowed] == spared[allowed].max()]
    return float(steps[best[(len(best) - 1) // 2]])


def caution(alarms: Mapping[str, float]) -> str:
    """Return what must be said with every answer: the shares of what has no tumour that it takes for one with one.

    Empty where they are small.
    """
    if max(alarms.values(), default=0.0) <= ALARMS:
        return ""
    shares = " and ".join(f"{share:.0%} of {kind}" for kind, share in alarms.items())
    return f"Not reliable: in validation it took {shares} without a tumour for one with a tumour"
