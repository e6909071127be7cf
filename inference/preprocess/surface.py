"""A closed surface of triangles about a point: how it is made, and which voxels lie inside it (numpy)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float32]
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Mesh:
    """A sphere of triangles, whose vertices may be moved as long as their order stays.

    Attributes
    ----------
    vertices
        float32 (n, 3), of length 1.
    faces
        (f, 3) indices of vertices, anticlockwise as seen from outside.
    neighbours
        (n, 6) indices of the vertices next to each; where there are only five, the first stands twice.
    around
        (n, 6) indices of the faces at each vertex; where there are only five, the sixth is f.
    """

    vertices: Points
    faces: Indices
    neighbours: Indices
    around: Indices


def icosphere(subdivisions: int) -> Mesh:
    """Return a sphere of 10 * 4 ** subdivisions + 2 vertices: an icosahedron whose triangles are divided in four."""
    golden = (1 + 5**0.5) / 2
    corners = np.array(
        [(0, a, b * golden) for a in (-1, 1) for b in (-1, 1)]
        + [(a, b * golden, 0) for a in (-1, 1) for b in (-1, 1)]
        + [(b * golden, 0, a) for a in (-1, 1) for b in (-1, 1)]
    )
    corners /= np.linalg.norm(corners, axis=1, keepdims=True)
    near = corners @ corners.T > 0.4
    faces = np.array(
        [(i, j, k) for i in range(12) for j in range(i) for k in range(j) if near[i, j] & near[j, k] & near[i, k]]
    )
    inward = np.linalg.det(corners[faces]) < 0
    faces[inward] = faces[inward][:, ::-1]
    for _ in range(subdivisions):
        corners, faces = subdivided(corners, faces)
        corners /= np.linalg.norm(corners, axis=1, keepdims=True)
    return Mesh(corners.astype(np.float32), faces, *_surroundings(len(corners), faces))


def subdivided(vertices: NDArray[np.floating], faces: Indices) -> tuple[NDArray[np.floating], Indices]:
    """Put a vertex into the middle of every edge: the old vertices come first, the order depends on faces alone."""
    edges = np.sort(faces[:, ((0, 1), (1, 2), (2, 0))].reshape(-1, 2), axis=1)
    unique, which = np.unique(edges, axis=0, return_inverse=True)
    middle = len(vertices) + which.reshape(-1, 3)
    (a, b, c), (ab, bc, ca) = faces.T, middle.T
    parts = [np.stack(part, axis=1) for part in ((a, ab, ca), (ab, b, bc), (ca, bc, c), (ab, bc, ca))]
    return np.concatenate([vertices, vertices[unique].mean(axis=1)]), np.concatenate(parts)


def _surroundings(count: int, faces: Indices) -> tuple[Indices, Indices]:
    """Return the neighbours and the faces of each vertex: of every vertex each face tells the next vertex round."""
    order = np.argsort(faces.reshape(-1), kind="stable")
    vertex, face, following = faces.reshape(-1)[order], order // 3, np.roll(faces, -1, axis=1).reshape(-1)[order]
    first = np.searchsorted(vertex, np.arange(count))
    place = np.arange(len(vertex)) - first[vertex]
    neighbours = np.repeat(following[first][:, None], 6, axis=1)
    neighbours[vertex, place] = following
    around = np.full((count, 6), len(faces))
    around[vertex, place] = face
    return neighbours, around


def inside(
    vertices: Points, faces: Indices, spacing_mm: Sequence[float], shape: tuple[int, int, int]
) -> NDArray[np.bool_]:
    """Return which voxel centres lie inside a closed surface.

    Every row of voxels is a ray; it goes in and out where it crosses a triangle.

    Parameters
    ----------
    vertices
        (n, 3) in mm along (slice, row, column) from the centre of voxel (0, 0, 0).
    faces
        (f, 3), anticlockwise as seen from outside.
    """
    corners = (vertices.astype(np.float64) / np.asarray(spacing_mm))[faces]
    low = np.ceil(corners[:, :, :2].min(axis=1) - 1e-6).astype(np.intp)
    high = np.floor(corners[:, :, :2].max(axis=1)).astype(np.intp)
    reach = np.maximum((high - low).max(axis=0) + 1, 1)
    offsets = np.stack(np.meshgrid(*(np.arange(n) for n in reach), indexing="ij"), axis=-1).reshape(-1, 2)
    rays = low[:, None, :] + offsets
    a, b, c = (corners[:, None, i, :2] for i in range(3))
    # A ray never runs exactly through an edge or a corner: it is a hair beside the voxel centre.
    point = rays + np.array((3.1e-7, 7.3e-7))
    area = _cross(b - a, c - a)
    weights = np.stack([_cross(c - b, point - b), _cross(a - c, point - c), _cross(b - a, point - a)], axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        weights = weights / area[..., None]
    hit = (weights > 0).all(axis=-1) & (rays >= 0).all(axis=-1) & (rays < shape[:2]).all(axis=-1)
    columns = np.broadcast_to(corners[:, None, :, 2], weights.shape)[hit]
    column = np.clip(np.ceil((weights[hit] * columns).sum(axis=-1)), 0, shape[2]).astype(np.intp)
    turns = np.zeros((shape[0], shape[1], shape[2] + 1), np.int16)
    sign = np.broadcast_to(np.sign(area), hit.shape)[hit].astype(np.int16)
    np.add.at(turns, (rays[hit][:, 0], rays[hit][:, 1], column), sign)
    filled: NDArray[np.bool_] = np.cumsum(turns, axis=2)[:, :, :-1] != 0
    return filled


def _cross(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    product: NDArray[np.float64] = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    return product
