"""Random changes that a scanner, a patient or a protocol could have made (numpy, scipy)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage


@dataclass(frozen=True, slots=True)
class Ranges:
    """How far each change may go."""

    rotation: float = 15.0
    """Degrees to either side."""
    zoom: float = 0.15
    shift: float = 0.06
    """Share of the image's side."""
    shear: float = 0.06
    gamma: float = 0.3
    gain: float = 0.15
    bias: float = 0.25
    noise: float = 0.05


def random_affine(
    rng: np.random.Generator, side: int, ranges: Ranges
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the matrix and offset of a random rotation, zoom, shear, shift and left-right flip about the centre."""
    angle = np.deg2rad(rng.uniform(-ranges.rotation, ranges.rotation))
    zoom = np.exp(rng.uniform(-ranges.zoom, ranges.zoom, size=2).mean())
    shear = rng.uniform(-ranges.shear, ranges.shear)
    flip = rng.choice((-1.0, 1.0))
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = rotation @ np.array([[1.0, shear], [0.0, 1.0]]) @ np.diag([1.0, flip]) / zoom
    centre = np.full(2, (side - 1) / 2)
    return matrix, centre - matrix @ centre + rng.uniform(-ranges.shift, ranges.shift, size=2) * side


def warp(
    image: NDArray[np.floating],
    affine: tuple[NDArray[np.float64], NDArray[np.float64]],
    order: int,
    fill: float,
) -> NDArray[np.float32]:
    """Resample (rows, columns) or (rows, columns, channels) by an affine of ``random_affine``."""
    matrix, offset = affine
    if image.ndim == 3:
        return np.stack([warp(image[..., c], affine, order, fill) for c in range(image.shape[-1])], axis=-1)
    warped: NDArray[np.float32] = ndimage.affine_transform(
        image.astype(np.float32), matrix, offset, order=order, mode="constant", cval=fill
    )
    return warped


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


def _noise(rng: np.random.Generator, shape: tuple[int, ...], ranges: Ranges) -> NDArray[np.float64]:
    return rng.normal(0, rng.uniform(0, ranges.noise), shape)
