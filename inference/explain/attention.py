"""The door to explanations by trying: a score and a picture -> where the evidence for one label lies, 0 to 1."""

import numpy as np
from numpy.typing import NDArray

from inference.explain.evidence import Score, log_odds, unit
from inference.explain.occlusion import occlusion_map
from inference.explain.superpixels import superpixel_map

__all__ = ["METHODS", "Score", "attention_map"]

METHODS = {"lime": "LIME superpixels", "occlusion": "occlusion"}
"""What each method is called before a reader."""


def attention_map(score: Score, image: NDArray[np.floating], label: int, method: str) -> NDArray[np.float32]:
    """Return where the evidence for a label lies in one picture, float32 (rows, columns), 0 (none) to 1 (the most).

    Only evidence for the label counts, not what speaks against it. All is 0 where no part of the picture alone
    changes the score. The same picture gives the same map.

    Parameters
    ----------
    score
        Probabilities (n, classes) of pictures (n, rows, columns, channels).
    image
        (rows, columns, channels), as the network sees it.
    label
        The class to explain.
    method
        Of ``METHODS``.

    Raises
    ------
    ValueError
        When there is no such method, or the picture has no channels.
    """
    if method not in METHODS:
        raise ValueError(f"no method {method!r}; there are: {', '.join(METHODS)}")
    if image.ndim != 3:
        raise ValueError(f"a picture of shape {image.shape} is not (rows, columns, channels)")

    explain = {"lime": superpixel_map, "occlusion": occlusion_map}[method]
    return unit(explain(log_odds(score, label), np.asarray(image, dtype=np.float32)))
