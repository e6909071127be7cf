"""Where the evidence lies, as colour over grey slices, and what the colours mean (numpy only)."""

import numpy as np
from numpy.typing import NDArray

from dicom_io.findings import Attention

Pixels = NDArray[np.uint8]

COLOURS = ((70, 3, 159), (156, 23, 158), (216, 87, 107), (248, 149, 64), (240, 249, 33))
"""From little to much evidence: "plasma" of matplotlib, which has no grey and is read without red or green too."""

STRONG = 0.5
"""Of the most evidence: from here on it must not be overlooked."""

_OPAQUE = 0.55
_TISSUE = 110


def most_evident(attention: Attention) -> tuple[int, ...]:
    """Return the slices that have evidence, the one with the highest first; of equals the one with more of it."""
    highest, amount = attention.array.max(axis=(1, 2)), attention.array.sum(axis=(1, 2))
    order = np.lexsort((-amount, -highest))
    return tuple(int(slice_) for slice_ in order if highest[slice_] > 0)


def heated(tile: Pixels, heat: NDArray[np.floating]) -> Pixels:
    """Lay evidence, 0..1 (rows, columns), over a tile (rows, columns, 3) as colour; some of the grey always shows."""
    stops = np.linspace(0, 1, len(COLOURS))
    colours = np.stack([np.interp(heat, stops, [colour[part] for colour in COLOURS]) for part in range(3)], axis=-1)
    share = (_OPAQUE * np.sqrt(heat))[..., None]
    painted: Pixels = ((1 - share) * tile + share * colours).round().astype(np.uint8)
    return painted


def scale(count: int) -> Pixels:
    """Return the colours from none to the most evidence, uint8 (count, 3), as they look on tissue."""
    tissue = np.full((1, count, 3), _TISSUE, np.uint8)
    colours: Pixels = heated(tissue, np.linspace(0, 1, count)[None])[0]
    return colours
