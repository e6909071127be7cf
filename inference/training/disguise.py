"""Random changes that hide where a picture is from: its crop, its tones, its black, its compression (numpy, PIL).

Pictures gathered from several sources are told apart by these sooner than by what they show.
"""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from inference.training.augment import Coordinates


@dataclass(frozen=True, slots=True)
class Disguise:
    """How far each change may go, and how often it happens."""

    stretch: float = 0.15
    """Logarithm of how much rows and columns are stretched against each other, at most."""
    repaint: float = 0.7
    """How far grey values go along a random curve, at most; 1 would forget the order of tones."""
    repaint_often: float = 0.35
    lift: float = 0.15
    """The grey that black becomes, at most."""
    lift_often: float = 0.25
    quality: tuple[int, int] = (25, 90)
    """JPEG quality, lowest and highest."""
    compress_often: float = 0.3
    knots: int = 6


def stretch(rng: np.random.Generator, coordinates: Coordinates, disguise: Disguise) -> Coordinates:
    """Stretch rows against columns about the middle of a square picture; coordinates are (2, size, size)."""
    factor = np.exp(rng.uniform(-disguise.stretch, disguise.stretch) / 2)
    centre = (coordinates.shape[1] - 1) / 2
    stretched: Coordinates = (coordinates - centre) * np.array([factor, 1 / factor])[:, None, None] + centre
    return stretched.astype(np.float32)


def disguise_tones(rng: np.random.Generator, image: NDArray[np.float32], disguise: Disguise) -> NDArray[np.float32]:
    """Change the tones of one grey image (rows, columns) in 0..1, as another contrast, window or copy would.

    A tone curve that need not rise makes one MR contrast look like another; air stays the darkest.
    """
    if rng.random() < disguise.repaint_often:
        image = _repaint(rng, image, disguise)
    if rng.random() < disguise.lift_often:
        black = np.float32(rng.uniform(0, disguise.lift))
        image = black + (1 - black) * image
    return image


def _repaint(rng: np.random.Generator, image: NDArray[np.float32], disguise: Disguise) -> NDArray[np.float32]:
    tones = np.linspace(0, 1, disguise.knots)
    share = rng.uniform(0, disguise.repaint)
    curve = (1 - share) * tones + share * rng.random(disguise.knots)
    curve[0] = 0
    painted: NDArray[np.float32] = np.interp(image, tones, curve / curve.max()).astype(np.float32)
    return painted


def compress(rng: np.random.Generator, image: NDArray[np.float32], disguise: Disguise) -> NDArray[np.float32]:
    """Return an image (rows, columns) in 0..1 as a JPEG of random quality shows it; mostly as it is."""
    if rng.random() >= disguise.compress_often:
        return image
    file = BytesIO()
    picture = Image.fromarray((image.clip(0, 1) * 255).round().astype(np.uint8))
    picture.save(file, "JPEG", quality=int(rng.integers(*disguise.quality)))
    with Image.open(file) as copy:
        decoded: NDArray[np.float32] = np.asarray(copy, dtype=np.float32) / np.float32(255)
    return decoded
