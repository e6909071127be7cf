"""Where the head is in a volume, and where one expects the brain in it (numpy, scipy)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from inference.preprocess.surface import Mesh, Points

_COVER_MM = (12.0, 10.0, 9.0)
"""Scalp, skull and fluid over the brain: at the vertex, at the forehead, at the temples."""
_UP_MM, _BACK_MM, _LEFT_MM = 65.0, 84.0, 66.0
"""From the middle of an adult brain to its top, back and side."""
_ABOVE_MIDDLE_MM = 5.0
_SECTION_MM = 25.0
# (middle, half axes with the upward one first, half axis downward, power), in mm along (up, back, left).
_PARTS = (
    ((0, 0, 0), (70, 84, 66), 42, 2.25),  # cerebrum
    ((-26, -8, 40), (21, 42, 22), 21, 2.3),  # temporal lobes
    ((-35, 46, 0), (23, 33, 50), 23, 2.4),  # cerebellum
    ((-40, 10, 0), (25, 12, 12), 25, 2.0),  # brain stem
)


@dataclass(frozen=True, slots=True, eq=False)
class Head:
    """A head on a coarse grid.

    Attributes
    ----------
    centre
        Where the middle of the brain is expected, in mm along (slice, row, column) from voxel (0, 0, 0).
    scale
        How large the brain is expected to be along (up, back, left); 1 is an adult's.
    depth
        float32 (slices, rows, columns): mm below the skin; 0 outside. The head goes on beyond the first and last slice.
    dark, bright
        The 2nd and the 98th percentile of the volume.
    typical
        The median of what lies within 45 mm of the centre.
    """

    centre: NDArray[np.float64]
    scale: NDArray[np.float64]
    depth: NDArray[np.float32]
    dark: float
    bright: float
    typical: float


def find_head(array: NDArray[np.float32], spacing_mm: Sequence[float]) -> Head | None:
    """Find the head in axial slices (S, P, L order), or return None where nothing is bright enough to be one."""
    dark, bright = (float(value) for value in np.percentile(array, (2, 98)))
    head = _largest(array > dark + 0.15 * (bright - dark))
    area = head.sum(axis=(1, 2)) * (spacing_mm[1] * spacing_mm[2])
    shown = np.flatnonzero(area > 1000)
    if not shown.size:
        return None
    centre, scale = _expected(head, area, spacing_mm, int(shown[-1]))
    padded = np.pad(head, 1, mode="edge")
    depth = ndimage.distance_transform_edt(padded, sampling=spacing_mm)[1:-1, 1:-1, 1:-1].astype(np.float32)
    grid = np.ogrid[tuple(slice(n) for n in array.shape)]
    distance = sum((axis * mm - c) ** 2 for axis, mm, c in zip(grid, spacing_mm, centre, strict=True))
    near = array[(distance < 45**2) & head]
    return Head(centre, scale, depth, dark, bright, float(np.median(near)) if near.size else bright)


def _largest(bright: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the largest connected part, each slice of it without holes."""
    opened = ndimage.binary_opening(np.pad(bright, ((1, 1), (0, 0), (0, 0)), mode="edge"))[1:-1]
    parts, _ = ndimage.label(opened)
    sizes = np.bincount(parts.reshape(-1))
    sizes[0] = 0
    head: NDArray[np.bool_] = (parts == sizes.argmax()) & opened
    return np.stack([ndimage.binary_fill_holes(slice_) for slice_ in head])


def _expected(
    head: NDArray[np.bool_], area: NDArray[np.float64], spacing_mm: Sequence[float], last: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return centre and scale of the brain: below the vertex where it is in the picture, amid the slices elsewhere."""
    top = (last + 0.5) * spacing_mm[0]
    vertex_shown = area[last] < 0.35 * area.max() or last < len(area) - 1
    up = top - _COVER_MM[0] - _UP_MM if vertex_shown else top / 2
    middle = int(np.clip(round(up / spacing_mm[0]), 0, last))
    section = head[middle : middle + int(_SECTION_MM / spacing_mm[0]) + 1].mean(axis=0) > 0.5
    if not section.any():
        section = head[area.argmax()]
    (front, back), (right, left) = (
        np.percentile(places, (0.5, 99.5)) * mm for places, mm in zip(section.nonzero(), spacing_mm[1:], strict=True)
    )
    length = ((back - front) / 2 - _COVER_MM[1]) / _BACK_MM
    width = ((left - right) / 2 - _COVER_MM[2]) / _LEFT_MM
    scale = np.clip([(length + width) / 2, length, width], 0.6, 1.5)
    return np.array([max(up, 0.0), (front + back) / 2, (right + left) / 2]), scale


def expected_radius(head: Head, mesh: Mesh, radii: NDArray[np.float64]) -> Points:
    """Return how far an adult brain of this size reaches from its centre in each direction of the mesh, in mm: (n,)."""
    up, back, left = (radii[None] * axis[:, None] for axis in mesh.vertices.T.astype(np.float64))
    up = up / head.scale[0] + _ABOVE_MIDDLE_MM
    back, left = back / head.scale[1], np.abs(left) / head.scale[2]
    reach = np.full(len(mesh.vertices), radii[0])
    for middle, half, down, power in _PARTS:
        rise = up - middle[0]
        level = np.abs(rise) / np.where(rise > 0, half[0], down)
        across = (np.abs(back - middle[1]) / half[1]) ** power + (np.abs(left - middle[2]) / half[2]) ** power
        reach = np.maximum(reach, np.where(level**power + across <= 1, radii, 0).max(axis=1))
    for _ in range(2):
        reach = (reach + reach[mesh.neighbours].mean(axis=1)) / 2
    return reach.astype(np.float32)
