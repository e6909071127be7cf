"""Random changes that a scanner, a patient or a protocol could have made (numpy, scipy)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Coordinates = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Ranges:
    """How far each change may go, and how often the rarer ones happen."""

    rotation: float = 15.0
    """Degrees to either side."""
    zoom: float = 0.15
    shift: float = 0.06
    """Share of the image's side."""
    shear: float = 0.06
    upside_down: float = 0.0
    """How often rows are turned round; columns are in every other picture."""
    elastic: float = 0.015
    """Standard deviation of a displacement, as a share of the image's side."""
    elastic_often: float = 0.4
    gamma: float = 0.3
    gain: float = 0.15
    bias: float = 0.25
    noise: float = 0.05
    coarse: float = 2.0
    """How many times larger the pixels of a coarser scan are, at most."""
    coarse_often: float = 0.25
    misplaced: float = 2.5
    """Pixels by which a patient has moved between two contrasts, at most."""
    misplaced_often: float = 0.3


def random_affine(
    rng: np.random.Generator, side: int, ranges: Ranges
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return matrix and offset of a random rotation, zoom, shear, shift and flips about the centre."""
    angle = np.deg2rad(rng.uniform(-ranges.rotation, ranges.rotation))
    zoom = np.exp(rng.uniform(-ranges.zoom, ranges.zoom, size=2).mean())
    shear = rng.uniform(-ranges.shear, ranges.shear)
    flips = np.where(rng.random(2) < (ranges.upside_down, 0.5), -1.0, 1.0)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = rotation @ np.array([[1.0, shear], [0.0, 1.0]]) @ np.diag(flips) / zoom
    centre = np.full(2, (side - 1) / 2)
    return matrix, centre - matrix @ centre + rng.uniform(-ranges.shift, ranges.shift, size=2) * side


def random_coordinates(rng: np.random.Generator, side: int, size: int, ranges: Ranges) -> Coordinates:
    """Return where the pixels of a changed picture are taken from.

    Parameters
    ----------
    side
        Pixels along one side of the square picture.
    size
        Pixels along one side of what is cut from the changed picture, at a random place: a fully convolutional
        network learns as well from it, in less time.

    Returns
    -------
    Coordinates
        float32 (2, size, size): rows and columns in the picture.
    """
    matrix, offset = random_affine(rng, side, ranges)
    corner = rng.integers(0, side - size + 1, size=2)
    rows, columns = np.meshgrid(corner[0] + np.arange(size), corner[1] + np.arange(size), indexing="ij")
    places = matrix @ np.stack([rows.ravel(), columns.ravel()]) + offset[:, None]
    coordinates: Coordinates = places.reshape(2, size, size).astype(np.float32)
    if rng.random() < ranges.elastic_often:
        coordinates += smooth_noise(rng, (2, size, size), 5) * np.float32(ranges.elastic * side)
    return coordinates


def smooth_noise(rng: np.random.Generator, shape: tuple[int, int, int], knots: int) -> NDArray[np.float32]:
    """Return noise (n, rows, columns) of deviation one at ``knots`` x ``knots`` places, smooth in between."""
    coarse = rng.normal(size=(shape[0], knots, knots)).astype(np.float32)
    factors = (1, shape[1] / knots, shape[2] / knots)
    smooth: NDArray[np.float32] = ndimage.zoom(coarse, factors, order=3, mode="nearest", grid_mode=True)
    return smooth


def sample(image: NDArray[np.generic], coordinates: Coordinates, order: int, fill: float) -> NDArray[np.float32]:
    """Take a picture (rows, columns) at coordinates; ``fill`` outside."""
    taken: NDArray[np.float32] = ndimage.map_coordinates(
        image, coordinates, output=np.float32, order=order, mode="constant", cval=fill
    )
    return taken


def misplace(rng: np.random.Generator, coordinates: Coordinates, ranges: Ranges) -> Coordinates:
    """Shift coordinates as if the patient had moved between two contrasts; mostly not."""
    if rng.random() >= ranges.misplaced_often:
        return coordinates
    shift = rng.uniform(-ranges.misplaced, ranges.misplaced, size=(2, 1, 1))
    return (coordinates + shift).astype(np.float32)


def coarsen(rng: np.random.Generator, image: NDArray[np.float32], ranges: Ranges) -> NDArray[np.float32]:
    """Return a picture (rows, columns) as a scan of fewer rows or columns would show it; mostly as it is."""
    if rng.random() >= ranges.coarse_often:
        return image
    factors = 1 / rng.uniform(1, ranges.coarse, size=2)
    few = ndimage.zoom(image, factors, order=1, mode="nearest", grid_mode=True)
    back = (image.shape[0] / few.shape[0], image.shape[1] / few.shape[1])
    coarse: NDArray[np.float32] = ndimage.zoom(few, back, order=1, mode="nearest", grid_mode=True)
    return coarse


def bias_field(rng: np.random.Generator, side: int, ranges: Ranges) -> NDArray[np.float32]:
    """Return a smooth multiplicative field (side, side) around 1, as a surface coil leaves it."""
    across = np.linspace(-1, 1, side, dtype=np.float32)
    a, b, c, d = rng.uniform(-ranges.bias, ranges.bias, size=4) / 2
    field = a * across[:, None] + b * across[None] + c * across[:, None] * across[None] + d * across[:, None] ** 2
    factor: NDArray[np.float32] = np.exp(field).astype(np.float32)
    return factor


def vary_standardised(rng: np.random.Generator, image: NDArray[np.float32], ranges: Ranges) -> NDArray[np.float32]:
    """Change gain, offset, bias and noise of standardised channels (rows, columns, channels)."""
    gains = np.exp(rng.uniform(-ranges.gain, ranges.gain, size=image.shape[-1]))
    offsets = rng.uniform(-ranges.gain, ranges.gain, size=image.shape[-1])
    darkest = image.min()
    varied = (image - darkest) * bias_field(rng, image.shape[0], ranges)[..., None] * gains + darkest + offsets
    noisy: NDArray[np.float32] = (varied + _noise(rng, image.shape, ranges)).astype(np.float32)
    return noisy


def vary_unit(rng: np.random.Generator, image: NDArray[np.float32], ranges: Ranges) -> NDArray[np.float32]:
    """Change gamma, gain, bias and noise of one grey image (rows, columns) in 0..1."""
    gamma = np.exp(rng.uniform(-ranges.gamma, ranges.gamma))
    gain = np.exp(rng.uniform(-ranges.gain, ranges.gain))
    varied = np.clip(image, 0, 1) ** gamma * gain * bias_field(rng, image.shape[0], ranges)
    noisy: NDArray[np.float32] = (varied + _noise(rng, image.shape, ranges)).clip(0, 1).astype(np.float32)
    return noisy


def _noise(rng: np.random.Generator, shape: tuple[int, ...], ranges: Ranges) -> NDArray[np.float32]:
    deviation = rng.uniform(0, ranges.noise)
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(deviation)
