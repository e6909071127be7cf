"""A patient who does not exist: a head with a tumour, scanned in four MR contrasts (numpy and scipy only)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from dicom_io.anatomy import MARGIN, Field, outside_skull, paint_head
from dicom_io.volume import Geometry

CONTRASTS = ("flair", "t1", "t1c", "t2")
SIGNAL: Mapping[str, tuple[float, float, float, float]] = {
    "air": (0, 0, 0, 0),
    "skin": (330, 420, 520, 190),
    "fat": (760, 980, 1000, 560),
    "skull": (35, 40, 45, 30),
    "marrow": (260, 400, 430, 170),
    "muscle": (250, 310, 400, 150),
    "csf": (60, 135, 145, 1000),
    "grey matter": (410, 375, 395, 500),
    "white matter": (335, 520, 535, 345),
    "deep grey": (380, 430, 450, 400),
    "choroid plexus": (330, 300, 820, 700),
    "vein": (110, 170, 900, 80),
    "oedema": (800, 355, 370, 800),
    "enhancing tumour": (690, 390, 960, 640),
    "necrosis": (470, 240, 255, 900),
}
"""Signal of each tissue in each of ``CONTRASTS``."""
LABELS = tuple(SIGNAL)
LESION = ("oedema", "enhancing tumour", "necrosis")

_NOISE = 13.0
_TILT_DEGREES = 8.0
_MIDDLE = (0.0, 4.0, 13.0)


@dataclass(frozen=True, slots=True, eq=False)
class Phantom:
    """One head, scanned four times on one grid.

    Attributes
    ----------
    contrasts
        float32 (slices, rows, columns) by sequence: "flair", "t1", "t1c" and "t2"; from 0 to about 1200.
    labels
        uint8 of the same shape: index into ``LABELS`` of the tissue that fills most of the voxel.
    tumour
        bool of the same shape: all of the lesion (oedema, enhancing tumour, necrosis).
    geometry
        Where the grid lies in the patient.
    """

    contrasts: Mapping[str, NDArray[np.float32]]
    labels: NDArray[np.uint8]
    tumour: NDArray[np.bool_]
    geometry: Geometry


def brain_phantom(
    shape: tuple[int, int, int] = (24, 256, 256),
    spacing: tuple[float, float, float] = (5.0, 0.9, 0.9),
    *,
    seed: int = 0,
    tumour: bool = True,
) -> Phantom:
    """Scan a head in four contrasts, in slightly tilted axial slices.

    Parameters
    ----------
    shape, spacing
        Voxels and mm along (slice, row, column).
    seed
        Decides the folds of the cortex, the outline of the tumour, the bias field and the noise.
    tumour
        Whether there is a tumour, in the white matter of the left frontal lobe.
    """
    rng = np.random.default_rng(seed)
    geometry = axial_geometry(shape, spacing)
    points = _positions(shape, geometry)
    inside = np.flatnonzero(outside_skull(points) < MARGIN)
    layers = [(LABELS.index(t), weight) for t, weight in paint_head(points[:, inside], rng, tumour=tumour)]
    labels = np.zeros(shape, np.uint8)
    for label, weight in layers:
        labels.flat[inside[weight > 0.5]] = label
    contrasts = {}
    for name in CONTRASTS:
        signal = np.zeros(shape, np.float32)
        signal.flat[inside] = _painted(layers, CONTRASTS.index(name))
        contrasts[name] = _scanned(signal, points.reshape(3, *shape), rng)
    return Phantom(contrasts, labels, np.isin(labels, [LABELS.index(t) for t in LESION]), geometry)


def axial_geometry(shape: tuple[int, int, int], spacing: tuple[float, float, float]) -> Geometry:
    """Return axial slices through the head, tilted about x as technologists plan them; units as in `brain_phantom`."""
    tilt = np.deg2rad(_TILT_DEGREES)
    along_row = np.array([1.0, 0.0, 0.0])
    along_column = np.array([0.0, np.cos(tilt), np.sin(tilt)])
    directions = (np.cross(along_row, along_column), along_column, along_row)
    steps = [direction * size for direction, size in zip(directions, spacing, strict=True)]
    origin = np.array(_MIDDLE) - sum(step * (n - 1) / 2 for step, n in zip(steps, shape, strict=True))
    slice_step, row_step, column_step, corner = ((float(x), float(y), float(z)) for x, y, z in (*steps, origin))
    return Geometry(corner, column_step, row_step, slice_step)


def _positions(shape: tuple[int, int, int], geometry: Geometry) -> Field:
    """Patient positions of all voxels, float32 (3, voxels)."""
    steps = geometry.affine[:3, :3].T.astype(np.float32)
    slices, rows, columns = (
        step[:, None] * np.arange(n, dtype=np.float32) for step, n in zip(steps, shape, strict=True)
    )
    slices += np.array(geometry.origin, np.float32)[:, None]
    grid = slices[:, :, None, None] + rows[:, None, :, None] + columns[:, None, None, :]
    positions: Field = grid.reshape(3, -1)
    return positions


def _painted(layers: list[tuple[int, Field]], contrast: int) -> Field:
    """Paint the layers over one another with the signals of one contrast."""
    signal = np.zeros_like(layers[0][1])
    for label, weight in layers:
        signal += weight * (SIGNAL[LABELS[label]][contrast] - signal)
    return signal


def _scanned(signal: Field, points: Field, rng: np.random.Generator) -> Field:
    """Add what a scanner adds: a smooth bias field, blur in the plane, Rician noise."""
    x, y, z = points / 90
    a, b, c, d = rng.uniform(-1, 1, 4).astype(np.float32)
    bias = np.exp(0.10 * (a * x + b * y + 0.7 * c * z + d * x * y) + 0.05 * (x * x + y * y))
    blurred = ndimage.gaussian_filter(signal * bias, (0, 0.55, 0.55))
    real, imaginary = rng.standard_normal((2, *signal.shape), np.float32) * np.float32(_NOISE)
    scanned: Field = np.hypot(blurred + real, imaginary)
    return scanned
