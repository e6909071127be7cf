"""What there is to say of a set of numbers or names, for a page."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping

import numpy as np
from numpy.typing import ArrayLike


def spread(values: ArrayLike) -> Mapping[str, float]:
    """Return how many values there are, the lowest, the quartiles and the highest; only the count of none."""
    array = np.asarray(values, dtype=np.float64).ravel()
    if not len(array):
        return {"count": 0}
    lowest, first, median, third, highest = np.percentile(array, [0, 25, 50, 75, 100])
    return {
        "count": len(array),
        "lowest": float(lowest),
        "first_quartile": float(first),
        "median": float(median),
        "third_quartile": float(third),
        "highest": float(highest),
    }


def counts(members: Iterable[Hashable], most: int = 12) -> Mapping[str, int]:
    """Return how often each occurs, the commonest first; what is rarer than the ``most`` commonest as "others"."""
    ranked = sorted(Counter(members).items(), key=lambda pair: (-pair[1], str(pair[0])))
    shown = {str(name): number for name, number in ranked[:most]}
    rest = sum(number for _, number in ranked[most:])
    return shown | ({"others": rest} if rest else {})
