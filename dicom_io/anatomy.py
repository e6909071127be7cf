"""The head of the phantom as a function of the patient position (numpy and scipy only).

Positions are in mm, LPS, the origin in the middle of the brain. Every structure is a depth field: mm below its
surface, negative outside. Structures are painted one over the other with soft edges, which is partial volume.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Field = NDArray[np.float32]
Painted = Iterator[tuple[str, Field]]
"""(tissue, weight from 0 to 1 at each position), in the order of painting."""

MARGIN = 16.0
"""Nothing lies farther than this outside the inner table of the skull, in mm."""

_TUMOUR_CENTRE = (31.0, -14.0, 32.0)
_LEFT_VENTRICLE = (  # (x, y, z, radius): frontal horn, body, trigone, occipital horn; trigone, temporal horn
    ((7, -36, 6, 3.5), (8, -24, 14, 5.5), (8, -8, 20, 5.0), (13, 14, 19, 5.5), (21, 30, 9, 7.0), (22, 50, 3, 3.5)),
    ((21, 30, 9, 7.0), (30, 18, -9, 3.0), (31, -2, -19, 2.5)),
)


@dataclass(frozen=True, slots=True, eq=False)
class _Head:
    """Positions (3, n), the same mirrored to the left, the brain's depth, and noise of three wavelengths."""

    points: Field
    left: Field
    depth: Field
    coarse: Field
    medium: Field
    fine: Field


def paint_head(points: Field, rng: np.random.Generator, *, tumour: bool) -> Painted:
    """Paint a head at these positions, float32 (3, n)."""
    coarse, medium, fine = (noise_at(points, wavelength, rng) for wavelength in (45, 25, 15))
    x, y, z = _egg(points)
    left = np.stack([np.abs(x), y, z])
    cerebrum = _ellipsoid(np.stack([x, y, np.where(z < 0, z * 1.75, z)]), (0, 0, 0), (66, 83.8, 69.8), 2.25)
    temporal = _ellipsoid(left, (40, -8, -26), (22, 42, 21), 2.3)
    head = _Head(points, left, np.maximum(cerebrum, temporal) + 0.8 * coarse, coarse, medium, fine)
    wall, fluid = _folds(head, rng)
    yield from _coverings(head)
    yield "grey matter", _edge(head.depth)
    yield "white matter", _edge(wall - 2.9 - 0.5 * medium)
    yield "csf", _edge(fluid) * _edge(head.depth + 2)
    yield from _posterior_fossa(head)
    if not tumour:
        yield from _deep_structures(head, points)
        return
    offset = points - np.array(_TUMOUR_CENTRE, np.float32)[:, None]
    distance = np.maximum(np.linalg.norm(offset, axis=0), 1)
    yield from _deep_structures(head, points - 9 * offset / distance * np.exp(-((distance / 32) ** 2)))
    room = np.minimum(np.minimum(wall, head.depth) - 1.5, points[0] - 4)
    yield from _tumour(head, offset, room, noise_at(points, 11, rng))


def outside_skull(points: Field) -> Field:
    """Return the distance in mm outside the inner table of the skull, about; negative inside."""
    x, y, z = _egg(points)
    return -_ellipsoid(np.stack([x, y, np.where(z < 0, z * 0.35, z)]), (0, 0, 0), (67, 85, 71), 2.25)


def noise_at(points: Field, wavelength: float, rng: np.random.Generator) -> Field:
    """Return smooth noise of about one wavelength in mm, mean 0 and standard deviation 1, at these positions."""
    cell = max(3.0, wavelength / 6)
    shape = tuple(fft.next_fast_len(int(extent / cell), real=True) for extent in (250, 270, 220))
    cycles = (*(fft.fftfreq(size, cell) for size in shape[:-1]), fft.rfftfreq(shape[-1], cell))
    frequency = np.sqrt(sum(f**2 for f in np.meshgrid(*cycles, indexing="ij", sparse=True)))
    octaves = np.log2(np.maximum(frequency, 1e-6) * wavelength)
    white = fft.rfftn(rng.standard_normal(shape, np.float32))
    grid = fft.irfftn(white * np.exp(-0.5 * (octaves / 0.35) ** 2).astype(np.float32), shape)
    place = points / np.float32(cell) + np.array(shape, np.float32)[:, None] / 2
    noise: Field = ndimage.map_coordinates(grid / grid.std(), place, order=1, mode="grid-wrap")
    return noise


def _edge(depth: Field, softness: float = 0.45) -> Field:
    """1 inside, 0 outside, and between them an edge about as wide as a voxel."""
    edge: Field = 1 / (1 + np.exp(np.clip(-depth / softness, -30, 30)))
    return edge


def _egg(points: Field) -> Field:
    """Draw the positions together where the head widens towards its back."""
    stretched = points.copy()
    stretched[0] /= 1 + 0.05 * np.tanh((points[1] - 10) / 45)
    return stretched


def _ellipsoid(
    points: Field, centre: tuple[float, float, float], axes: tuple[float, float, float], power: float = 2
) -> Field:
    """Return the depth below the surface of an ellipsoid, about; a power above 2 makes it squarer."""
    offset = np.abs(points - np.array(centre, np.float32)[:, None])
    scaled = offset / np.array(axes, np.float32)[:, None]
    raised = scaled * scaled if power == 2 else scaled ** np.float32(power)
    ratio = raised.sum(0) ** np.float32(1 / power)
    depth: Field = (1 - ratio) * np.sqrt((offset * offset).sum(0)) / np.maximum(ratio, 1e-3)
    return depth


def _tube(points: Field, *nodes: tuple[float, float, float, float]) -> Field:
    """Return the depth inside a bent tube; each node is (x, y, z, radius)."""
    depth = np.full(points.shape[1], -np.inf, np.float32)
    for start, end in pairwise(nodes):
        a, b = np.array(start, np.float32), np.array(end, np.float32)
        axis = b[:3] - a[:3]
        offset = points - a[:3, None]
        along = np.clip(axis @ offset / (axis @ axis), 0, 1)
        offset -= axis[:, None] * along
        depth = np.maximum(depth, a[3] + (b[3] - a[3]) * along - np.sqrt((offset * offset).sum(0)))
    return depth


def _coverings(head: _Head) -> Painted:
    """Paint scalp, skull, the fluid round the brain, the base of the skull with the orbits, the sagittal sinus."""
    _, y, z = head.points
    outside = outside_skull(head.points)
    scalp = 10.5 + 0.9 * head.coarse + 2 * np.clip(-z / 40, 0, 1) - outside
    yield "skin", _edge(scalp)
    yield "fat", _edge(scalp - 1.4)
    yield "muscle", _edge(np.minimum(_ellipsoid(head.left, (69, -30, -15), (9, 34, 34)), scalp - 3))
    yield "skull", _edge(5.8 - outside)
    yield "marrow", _edge(1.3 + 0.7 * head.medium - np.abs(outside - 3.1))
    yield "csf", _edge(-outside)
    base = _edge(np.minimum(-4.5 - head.depth, scalp - 3)) * _edge(-8 - z - 0.05 * y, 2)
    yield "skull", base
    yield "marrow", base * _edge(head.fine - 0.6, 0.25)
    yield "muscle", base * _edge(head.medium - 0.7, 0.2)
    yield "fat", _edge(_ellipsoid(head.left, (30, -70, -38), (15, 19, 13)))
    yield "csf", _edge(_ellipsoid(head.left, (31, -79, -38), (12, 12, 12)))
    yield "vein", _edge(3.2 - np.hypot(head.left[0], outside + 2.5)) * _edge(z + 0.4 * y, 4)


def _folds(head: _Head, rng: np.random.Generator) -> tuple[Field, Field]:
    """Return the distance to the surface of the folded cortex, and depth within the fluid of its sulci."""
    x, y, z = head.points
    side = head.left[0]
    radius = np.maximum(np.linalg.norm(head.points, axis=0), 1)
    along_surface = head.points * (0.35 + 0.65 * np.clip(1 + head.depth / radius, 0.5, 4))
    callosum = _ellipsoid(np.stack([np.zeros_like(y), y, z]), (0, 3, 6), (1, 41, 22))
    fissure = np.hypot(x - 0.8 * head.coarse, np.maximum(callosum, 0))
    buried = np.minimum(head.depth, 2 * fissure + 4) - (17 + 5 * head.coarse)
    sulcus = np.hypot(2.3 * np.abs(noise_at(along_surface, 21, rng)), np.maximum(buried, 0))
    sheet = np.abs(z + 5 - 0.5 * (y + 8) + 2 * head.medium) * 0.9
    sylvian = np.sqrt(sheet**2 + np.maximum(38 - side, 0) ** 2 + np.maximum(np.abs(y + 2) - 24, 0) ** 2)
    island = np.maximum(-_ellipsoid(head.left, (38, -4, 4), (60, 17, 13)), 0)
    lateral = np.minimum(sylvian, np.hypot(side - 38 - 1.5 * head.fine, island))
    width = 0.35 + 0.35 * head.medium + 0.5 * np.exp(-np.maximum(head.depth, 0) / 4)
    fluid = np.maximum(width - sulcus, np.maximum(0.9 + 0.4 * head.medium - fissure, 1.2 - lateral))
    return np.minimum(np.minimum(head.depth, sulcus), np.minimum(fissure, lateral)), fluid


def _posterior_fossa(head: _Head) -> Painted:
    """Paint the cerebellum with its folia, brain stem, fourth ventricle and the cisterns."""
    x, y, z = head.points
    notch = 5 * np.exp(-((x / 5) ** 2)) * (y > 55)
    cerebellum = _ellipsoid(head.points, (0, 46, -35), (50, 33, 23), 2.4) - notch
    yield "csf", _edge(cerebellum + 1.2 + 0.5 * head.medium)
    yield "grey matter", _edge(cerebellum)
    ring = np.hypot(np.hypot(x * 0.8, y - 24), (z + 32) * 1.2) + 1.6 * head.medium
    yield "white matter", 0.55 * _edge(np.sin(ring * (2 * np.pi / 5.2)) - 0.1, 0.3) * _edge(cerebellum - 2)
    yield "white matter", _edge(_ellipsoid(head.left, (19, 40, -35), (17, 12, 9)) + 1.5 * head.fine)
    below = _edge(-8 - z, 1.5)
    stem = _tube(head.points, (0, 0, -10, 13), (0, 7, -27, 14), (0, 18, -62, 9))
    chiasm = _ellipsoid(head.points, (0, -15, -19), (13, 9, 7))
    yield "csf", np.maximum(_edge(stem + 1.0 + 1.5 * head.fine), _edge(chiasm)) * below
    yield "white matter", _edge(stem) * below
    yield "deep grey", 0.5 * _edge(stem - 3) * below
    yield "csf", _edge(_tube(head.points, (0, 22, -24, 1.5), (0, 26, -34, 4.5), (0, 30, -44, 2)))


def _deep_structures(head: _Head, points: Field) -> Painted:
    """Paint thalamus, basal ganglia and the ventricles with their choroid plexus."""
    x, y, z = points
    side = np.stack([np.abs(x), y, z]) + 0.7 * head.fine
    turned = np.stack([side[0] - 0.25 * (y + 8), side[1], side[2]])
    yield "deep grey", _edge(_ellipsoid(side, (10, 5, 8), (8.5, 15, 10)))
    yield "deep grey", _edge(_ellipsoid(turned, (25, -8, 4), (5.5, 18, 12)))
    yield "white matter", 0.6 * _edge(_ellipsoid(turned, (19.5, -6, 3), (3.5, 11, 8)))
    yield "deep grey", _edge(_tube(side, (13, -26, 10, 6), (15, -10, 20, 4), (20, 14, 22, 2)))
    for horn in _LEFT_VENTRICLE:
        yield "csf", _edge(_tube(side, *horn))
    yield "csf", _edge(_ellipsoid(points, (0, 2, 3), (2.2, 14, 9)))
    yield "choroid plexus", 0.9 * _edge(_tube(side, (12, 12, 16, 1), (20, 27, 9, 2.4), (23, 24, 2, 1.5)))


def _tumour(head: _Head, offset: Field, room: Field, detail: Field) -> Painted:
    """Paint a lobulated tumour with a necrotic core, and oedema as far as the white matter gives it room."""
    distance = np.linalg.norm(offset * np.array([[1.1], [0.85], [1.0]], np.float32), axis=0)
    oedema = np.minimum(21 + 4.5 * head.medium + 1.5 * detail - distance, room)
    core = 12 + 2.0 * head.fine + 0.8 * detail - distance
    yield "oedema", (0.85 + 0.1 * np.clip(head.fine, -1, 1)) * _edge(oedema, 1.0)
    yield "enhancing tumour", _edge(core, 0.6)
    yield "necrosis", _edge(core - 4.2 - 1.2 * head.medium, 0.8)
