"""A head with a bright spot, and a score that sees nothing but bright pixels: explanations must point at the spot."""

import numpy as np
from numpy.typing import NDArray

SIZE = 64
SPOT = (24, 40)
"""Row and column of the middle of the spot."""


def spot_of(middle: tuple[int, int] = SPOT, radius: float = 5.0) -> NDArray[np.bool_]:
    """Return where the spot is, bool (rows, columns)."""
    rows, columns = np.indices((SIZE, SIZE))
    return np.hypot(rows - middle[0], columns - middle[1]) <= radius


def picture(middle: tuple[int, int] = SPOT, *, bright: float = 1.0, channels: int = 1) -> NDArray[np.float32]:
    """Return a grey head in air with the spot, float32 (rows, columns, channels), 0..1."""
    rows, columns = np.indices((SIZE, SIZE))
    head = ((rows - 32) / 28) ** 2 + ((columns - 32) / 24) ** 2 <= 1
    grey = head * np.random.default_rng(3).uniform(0.35, 0.45, head.shape)
    grey[spot_of(middle)] = bright
    return np.repeat(grey[..., None], channels, axis=-1).astype(np.float32)


def bright_share(pictures: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (n, 2): none, and the more pixels are bright the likelier, a spot."""
    bright = (pictures.mean(axis=-1) > 0.7).sum(axis=(1, 2))
    spot = 1 / (1 + np.exp(-(bright / 10 - 4)))
    return np.stack([1 - spot, spot], axis=1)


def blind(pictures: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return (n, 2): always the same."""
    return np.full((len(pictures), 2), 0.5)
