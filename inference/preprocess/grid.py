"""Grids: turn a volume to axial slices as a radiologist sees them, fit them to a network, and back (numpy, scipy)."""

from dataclasses import dataclass
from itertools import permutations
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from dicom_io.volume import Geometry

Scalar = TypeVar("Scalar", bound=np.generic)

# Rows of slices seen from the feet: slices go up (S), rows go to the back (P), columns to the patient's left (L).
AXIAL = ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0))


@dataclass(frozen=True, slots=True)
class Turn:
    """An exact re-ordering of voxels: ``turned = transpose(array, order)[::flip, ...]``."""

    order: tuple[int, int, int]
    flip: tuple[bool, bool, bool]

    def forward(self, array: NDArray[Scalar]) -> NDArray[Scalar]:
        """Turn an array of the source grid to axial slices."""
        return np.ascontiguousarray(np.transpose(array, self.order)[self._flips()])

    def backward(self, array: NDArray[Scalar]) -> NDArray[Scalar]:
        """Turn axial slices back to the source grid."""
        inverse = tuple(int(i) for i in np.argsort(self.order))
        return np.ascontiguousarray(np.transpose(array[self._flips()], inverse))

    def _flips(self) -> tuple[slice, slice, slice]:
        first, second, third = (slice(None, None, -1 if flip else 1) for flip in self.flip)
        return first, second, third


def axial_turn(geometry: Geometry) -> tuple[Turn, tuple[float, float, float]]:
    """Return the turn that brings a grid nearest to axial (S, P, L), and the spacing in mm after it."""
    steps = np.array([geometry.slice_step, geometry.row_step, geometry.column_step])
    cosines = steps / np.linalg.norm(steps, axis=1, keepdims=True)
    alignment = np.abs(np.array(AXIAL) @ cosines.T)
    order = _best_assignment(alignment)
    flip = tuple(bool(np.dot(AXIAL[axis], cosines[order[axis]]) < 0) for axis in range(3))
    spacing = tuple(geometry.spacing[axis] for axis in order)
    return Turn(order, (flip[0], flip[1], flip[2])), (spacing[0], spacing[1], spacing[2])


def _best_assignment(alignment: NDArray[np.float64]) -> tuple[int, int, int]:
    best = max(permutations(range(3)), key=lambda order: sum(alignment[axis, order[axis]] for axis in range(3)))
    return best[0], best[1], best[2]


@dataclass(frozen=True, slots=True)
class SquareFit:
    """How slices of one shape and spacing fill a square of ``size`` pixels: scaled, centred, padded with ``fill``."""

    shape: tuple[int, int]
    inner: tuple[int, int]
    size: int

    @classmethod
    def of(cls, shape: tuple[int, int], spacing: tuple[float, float], size: int) -> "SquareFit":
        """Fit slices of ``shape`` pixels and ``spacing`` mm so that the longer side fills the square."""
        extent = (shape[0] * spacing[0], shape[1] * spacing[1])
        rows, columns = (max(1, round(size * side / max(extent))) for side in extent)
        return cls(shape, (rows, columns), size)

    def forward(self, slices: NDArray[np.floating], fill: float) -> NDArray[np.float32]:
        """(n, rows, columns) -> (n, size, size)."""
        top, left = self._corner()
        square = np.full((slices.shape[0], self.size, self.size), fill, dtype=np.float32)
        square[:, top : top + self.inner[0], left : left + self.inner[1]] = resize(slices, self.inner)
        return square

    def backward(self, squares: NDArray[np.floating]) -> NDArray[np.float32]:
        """(n, size, size) -> (n, rows, columns)."""
        top, left = self._corner()
        return resize(squares[:, top : top + self.inner[0], left : left + self.inner[1]], self.shape)

    def _corner(self) -> tuple[int, int]:
        return (self.size - self.inner[0]) // 2, (self.size - self.inner[1]) // 2


def resize(slices: NDArray[np.floating], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Resample (n, rows, columns) linearly to (n, *shape); pixel edges stay where they are.

    Slices that shrink are smoothed first, so that fine texture does not alias.
    """
    source = np.asarray(slices, dtype=np.float32)
    factors = (shape[0] / source.shape[1], shape[1] / source.shape[2])
    if factors == (1.0, 1.0):
        return source
    sigma = [0.0, *(max(0.0, (1 / factor - 1) / 2) for factor in factors)]
    if any(sigma):
        source = ndimage.gaussian_filter(source, sigma)
    zoomed: NDArray[np.float32] = ndimage.zoom(source, (1.0, *factors), order=1, mode="nearest", grid_mode=True)
    return zoomed
