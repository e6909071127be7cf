"""Evidence for a label: how much a picture speaks for it, in log odds, and how evidence is scaled to be shown."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Score = Callable[[NDArray[np.float32]], NDArray[np.floating]]
"""(n, rows, columns, channels) -> probabilities (n, classes)."""

Measure = Callable[[NDArray[np.float32]], NDArray[np.float64]]
"""(n, rows, columns, channels) -> how much each picture speaks for one label, (n,)."""

CERTAIN = 1e-6
NOTHING = 1e-3


def log_odds(score: Score, label: int) -> Measure:
    """Return the log odds of one label: near certainty, a probability hardly moves whatever is hidden."""

    def measure(pictures: NDArray[np.float32]) -> NDArray[np.float64]:
        sure = np.asarray(score(pictures), dtype=np.float64)[:, label].clip(CERTAIN, 1 - CERTAIN)
        odds: NDArray[np.float64] = np.log(sure / (1 - sure))
        return odds

    return measure


def unit(evidence: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return what speaks for a label scaled to 0..1, float32; all 0 where there is next to nothing, in log odds."""
    supporting = np.maximum(evidence, 0.0)
    most = float(supporting.max())
    scaled: NDArray[np.float32] = (supporting / (most if most > NOTHING else np.inf)).astype(np.float32)
    return scaled
