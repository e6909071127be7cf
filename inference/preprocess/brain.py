"""Where the brain is in a head: the surface about its middle that leaves most brain inside (keras.ops)."""

from collections.abc import Sequence

import keras
import numpy as np
from numpy.typing import NDArray

from inference.preprocess.axes import Tensor
from inference.preprocess.head import Head, expected_radius, find_head
from inference.preprocess.resample import resize_to_spacing
from inference.preprocess.smooth import gaussian
from inference.preprocess.surface import Mesh, icosphere, inside

_GRID_MM = 2.0
_SMOOTH_MM = 3.0
_RADII_MM = np.arange(10.0, 132.0, _GRID_MM)
_DEEP_MM, _NEAR_MM = 20.0, 10.0
_FRACTION = 0.5
_SKIN_MM = 8.0
_EXPECTATION = (0.008, 0.03)
"""Loss per mm2 off the expected radius: upward, and downward, where no dark gap parts the brain from face and neck."""
_STAGES = ((12, 0.04), (6, 0.02), (3, 0.02), (1, 0.02))
"""Coarse to fine: how often the losses are averaged with their neighbours', and the loss per mm2 of unevenness."""
_ROUNDS = 12


def brain_mask(array: NDArray[np.generic], spacing_mm: Sequence[float]) -> NDArray[np.bool_]:
    """Find the brain in a head of any MR contrast.

    From the middle of the head rays go out in 2,562 directions. On each of them a voxel speaks for brain as far as
    the darkest point of the 20 mm before it exceeds half of the brightest of the 10 mm before it, the criterion of
    S. Smith, Fast robust automated brain extraction, Human Brain Mapping 17, 2002. Its sum along the ray, how evenly
    neighbouring rays end, the depth under the skin and the size of a brain in such a head are weighed against one
    another, coarse to fine. The surface is smooth: sulci, ventricles and lesions at the rim are inside.

    Parameters
    ----------
    array
        (slices, rows, columns), axial slices in S, P, L order (`inference.preprocess.grid.axial_turn`), any unit.
    spacing_mm
        Distance between neighbours along (slice, row, column).

    Returns
    -------
    bool of the same shape; nothing where there is no head.
    """
    coarse, spacing = resize_to_spacing(array, spacing_mm, (_GRID_MM,) * 3)
    coarse = gaussian(coarse, spacing, _SMOOTH_MM)
    head = find_head(coarse, spacing)
    if head is None:
        return np.zeros(array.shape, np.bool_)
    mesh = icosphere(4)
    expected = expected_radius(head, mesh, _RADII_MM)
    loss = _losses(coarse, spacing, head, mesh, expected)
    radius = keras.ops.convert_to_numpy(_settled(loss, mesh, expected))
    vertices = head.centre + radius[:, None] * mesh.vertices
    # The two grids share their edges, not the centres of their first voxels.
    vertices += (np.array(spacing) - np.asarray(spacing_mm)) / 2
    slices, rows, columns = array.shape
    return inside(vertices.astype(np.float32), mesh.faces, spacing_mm, (slices, rows, columns))


def _losses(
    array: NDArray[np.float32], spacing: Sequence[float], head: Head, mesh: Mesh, expected: NDArray[np.float32]
) -> Tensor:
    """Return what it costs to end each ray at each radius: (directions, radii)."""
    ops = keras.ops
    places = (head.centre + _RADII_MM[:, None] * mesh.vertices[:, None].astype(np.float64)) / np.array(spacing)
    coordinates = ops.convert_to_tensor(places.transpose(2, 0, 1), dtype="float32")
    values = ops.image.map_coordinates(ops.convert_to_tensor(array), coordinates, order=1, fill_mode="nearest")
    depth = ops.image.map_coordinates(ops.convert_to_tensor(head.depth), coordinates, order=1, fill_mode="nearest")
    air = head.dark + 0.1 * (head.bright - head.dark)
    brightest = ops.clip(_highest_before(values, _NEAR_MM), air, max(head.typical, air))
    darkest = ops.clip(-_highest_before(-values, _DEEP_MM), head.dark, head.typical)
    above = brightest - head.dark + 1e-6
    gain = ops.clip((darkest - head.dark - _FRACTION * above) / above, -0.5, 0.5)
    gain = ops.where(depth < _SKIN_MM, -0.5, gain)
    beyond = (coordinates[0] < -0.5) | (coordinates[0] > array.shape[0] - 0.5)
    gain = ops.where(beyond, 0.0, gain)
    upward = (1 + np.tanh(4 * mesh.vertices[:, :1] + 1)) / 2
    weight = _EXPECTATION[0] * upward + _EXPECTATION[1] * (1 - upward)
    unexpected = weight * (_RADII_MM - expected[:, None]) ** 2
    return ops.convert_to_tensor(unexpected, dtype="float32") - _GRID_MM * ops.cumsum(gain, axis=1)


def _highest_before(values: Tensor, reach_mm: float) -> Tensor:
    """Return the highest value of the last ``reach_mm`` along each ray."""
    ops = keras.ops
    steps = round(reach_mm / _GRID_MM)
    first = ops.repeat(values[:, :1], steps, axis=1)
    pooled = ops.max_pool(
        ops.concatenate([first, values], axis=1)[:, :, None], steps + 1, 1, data_format="channels_last"
    )
    return pooled[:, :, 0]


def _settled(loss: Tensor, mesh: Mesh, expected: NDArray[np.float32]) -> Tensor:
    """Return the radii (directions,) that cost least, together with their unevenness."""
    ops = keras.ops
    neighbours = ops.convert_to_tensor(mesh.neighbours.astype(np.int32))
    radii = ops.convert_to_tensor(_RADII_MM, dtype="float32")
    expectation = ops.convert_to_tensor(expected)
    off = ops.zeros_like(expectation)
    for averaged, unevenness in _STAGES:
        blurred = loss
        for _ in range(averaged):
            blurred = (blurred + ops.mean(ops.take(blurred, neighbours, axis=0), axis=1)) / 2
        for _ in range(_ROUNDS):
            even = expectation + ops.mean(ops.take(off, neighbours, axis=0), axis=1)
            cheapest = ops.argmin(blurred + unevenness * (radii - even[:, None]) ** 2, axis=1)
            off = ops.take(radii, cheapest, axis=0) - expectation
            off = (off + ops.mean(ops.take(off, neighbours, axis=0), axis=1)) / 2
    return expectation + off
