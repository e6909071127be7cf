"""The temperature that makes a classifier's scores mean what they say (Guo et al. 2017)."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from inference.postprocess import with_temperature

RANGE = (0.25, 4.0)


def fit_temperature(probabilities: NDArray[np.floating], truth: NDArray[np.integer]) -> float:
    """Return the temperature between 1/4 and 4 under which held-out truth is likeliest.

    Parameters
    ----------
    probabilities
        (n, classes), of examples that were not trained on.
    truth
        (n,), class numbers.
    """

    def surprise(logarithm: float) -> float:
        calibrated = with_temperature(probabilities, float(np.exp(logarithm)))
        return -float(np.log(calibrated[np.arange(len(truth)), truth].clip(1e-12)).mean())

    found = minimize_scalar(surprise, bounds=tuple(np.log(RANGE)), method="bounded")
    return round(float(np.exp(found.x)), 3)
