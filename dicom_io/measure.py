"""What a mask and a model's scores amount to, in numbers: volume, place, diameters, certainty (no DICOM)."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import hypot

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label
from scipy.spatial import ConvexHull

from dicom_io.codes import NO_TUMOUR
from dicom_io.findings import Findings, Mask
from dicom_io.volume import Geometry

Point = tuple[float, float]
"""(row, column) on a slice, in voxels; whole numbers are voxel centres."""
Line = tuple[Point, Point]

_IN_PLANE = np.stack([np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3))])  # at a corner is next to it, too


@dataclass(frozen=True, slots=True)
class Diameters:
    """The longest diameter of a mask in the plane of its slices, and the longest one perpendicular to it there.

    What a reader's caliper finds on the drawn outline (RECIST 1.1). The outline runs half way between a voxel
    of the mask and its neighbour outside, so a row of ten voxels of 1 mm is 10 mm long; between voxel centres
    it would be 9. Both axes end on the outline. They may cross what it encloses but the mask leaves out: a
    necrosis within a ring, a bay. Perpendicular is exact.

    Attributes
    ----------
    slice
        Slice of the volume, 0-based.
    long_mm, short_mm
        Lengths in mm.
    long_axis, short_axis
        Two ends each, as (row, column) in voxels; whole numbers are voxel centres.
    """

    slice: int
    long_mm: float
    long_axis: Line
    short_mm: float
    short_axis: Line


@dataclass(frozen=True, slots=True)
class SegmentMeasures:
    """The numbers of one segment that has voxels.

    Attributes
    ----------
    centre
        Patient position of the centre of mass in mm (LPS).
    slices
        How many slices hold a voxel.
    """

    number: int
    label: str
    volume_cm3: float
    centre: tuple[float, float, float]
    slices: int
    diameters: Diameters


@dataclass(frozen=True, slots=True, eq=False)
class _Region:
    """Connected voxels (rows, columns) of one slice, cut out; ``corner`` is where the first of them lies."""

    slice: int
    corner: tuple[int, int]
    voxels: NDArray[np.bool_]

    def reach(self, spacing: tuple[float, float]) -> float:
        """Return a length in mm that no diameter exceeds: a whole side, and the other from centre to centre."""
        (rows, columns), (high, wide) = self.voxels.shape, spacing
        return round(max(hypot(rows * high, (columns - 1) * wide), hypot((rows - 1) * high, columns * wide)), 6)


def measures(mask: Mask, geometry: Geometry) -> tuple[SegmentMeasures, ...]:
    """Measure the segments of a mask that have voxels, in the mask's order."""
    found = []
    for segment in mask.segments:
        voxels = mask.array == segment.number
        if longest := diameters(voxels, geometry):
            cm3, centre = volume_cm3(voxels, geometry), centre_of_mass(voxels, geometry)
            found.append(SegmentMeasures(segment.number, segment.label, cm3, centre, slices_touched(voxels), longest))
    return tuple(found)


def volume_cm3(mask: NDArray[np.bool_], geometry: Geometry) -> float:
    """Volume in cm3 of a mask (slices, rows, columns): its voxels times the volume of one."""
    return int(np.count_nonzero(mask)) * geometry.voxel_volume / 1000


def centre_of_mass(mask: NDArray[np.bool_], geometry: Geometry) -> tuple[float, float, float]:
    """Patient position in mm (LPS) of the mean voxel of a mask (slices, rows, columns) that is not empty."""
    box = _box(mask)
    held = np.nonzero(mask[box])
    slice_, row, column = (float(axis.mean()) + side.start for axis, side in zip(held, box, strict=True))
    return geometry.position((slice_, row, column))


def slices_touched(mask: NDArray[np.bool_]) -> int:
    """Count the slices of a mask (slices, rows, columns) that hold a voxel."""
    return int(np.count_nonzero(mask.any(axis=(1, 2))))


def diameters(mask: NDArray[np.bool_], geometry: Geometry) -> Diameters | None:
    """Return the diameters of a mask (slices, rows, columns); None where it has no voxels.

    On each slice the largest connected region counts, voxels that touch at a corner being connected. Of slices
    that are equally long, the first.
    """
    spacing = geometry.spacing[1:]
    best: tuple[float, int, Line, _Region] | None = None
    for region in sorted(_regions(mask), key=lambda region: (-region.reach(spacing), region.slice)):
        if best and (-region.reach(spacing), region.slice) > best[:2]:
            break
        length, line = _longest(_extremes(region), spacing)
        if not best or (-length, region.slice) < best[:2]:
            best = (-length, region.slice, line, region)
    if best is None:
        return None
    _, slice_, long_axis, region = best
    short_axis = _widest(_outline(region), long_axis, spacing)
    return Diameters(slice_, _length(long_axis, spacing), long_axis, _length(short_axis, spacing), short_axis)


def presence_score(findings: Findings) -> float | None:
    """Score between 0 and 1 that what the model looks for is there; None where its scores do not say."""
    scores = {score.label: score.value for score in findings.scores}
    if NO_TUMOUR in scores:
        return 1.0 - scores[NO_TUMOUR]
    segments = {segment.label for segment in findings.mask.segments} if findings.mask else set()
    return max((value for label, value in scores.items() if label in segments), default=None)


def _regions(mask: NDArray[np.bool_]) -> Iterator[_Region]:
    """Yield the largest connected region of each slice that has voxels."""
    box = _box(mask)
    labels: NDArray[np.int32] = label(mask[box], _IN_PLANE)[0]
    for slice_, plane in enumerate(labels, start=box[0].start):
        sizes = np.bincount(plane.ravel())
        sizes[0] = 0
        if sizes.any():
            region = plane == sizes.argmax()
            rows, columns = _extent(region, (1,)), _extent(region, (0,))
            corner = (box[1].start + rows.start, box[2].start + columns.start)
            yield _Region(slice_, corner, region[rows, columns])


def _box(mask: NDArray[np.bool_]) -> tuple[slice, slice, slice]:
    """Return the smallest box that holds a mask (slices, rows, columns); an empty one where it has no voxels."""
    slices = _extent(mask, (1, 2))
    plane: NDArray[np.bool_] = np.logical_or.reduce(mask[slices])
    return slices, _extent(plane, (1,)), _extent(plane, (0,))


def _extent(mask: NDArray[np.bool_], others: tuple[int, ...]) -> slice:
    """Return from where to where a mask has voxels along an axis, seen along all the others."""
    places = np.flatnonzero(mask.any(axis=others))
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0, 0)


def _extremes(region: _Region) -> NDArray[np.float64]:
    """Return the points of a region's outline (n, row and column) that lie outermost in a row or a column."""
    voxels, (rows, columns) = region.voxels, region.voxels.shape
    row, column = np.arange(float(rows)), np.arange(float(columns))
    ends = (
        (row, voxels.argmax(axis=1) - 0.5),
        (row, columns - 0.5 - voxels[:, ::-1].argmax(axis=1)),
        (voxels.argmax(axis=0) - 0.5, column),
        (rows - 0.5 - voxels[::-1].argmax(axis=0), column),
    )
    return np.concatenate([np.column_stack(points) for points in ends]) + region.corner


def _outline(region: _Region) -> NDArray[np.float64]:
    """Return the outline of a region (rows, columns), holes included: pieces (n, 2 ends, row and column).

    It runs half way between neighbouring voxel centres, and keeps voxels that touch at a corner together.
    """
    padded = np.pad(region.voxels, 1)
    a, b, c, d = padded[:-1, :-1], padded[:-1, 1:], padded[1:, :-1], padded[1:, 1:]
    top, bottom, left, right = (-1.0, -0.5), (0.0, -0.5), (-0.5, -1.0), (-0.5, 0.0)
    pieces = (
        (top, left, (a != b) & (a != c) & ((a != d) | ~a)),
        (top, right, (b != a) & (b != d) & ((b != c) | ~b)),
        (bottom, left, (c != a) & (c != d) & ((c != b) | ~c)),
        (bottom, right, (d != b) & (d != c) & ((d != a) | ~d)),
        (top, bottom, (a == c) & (b == d) & (a != b)),
        (left, right, (a == b) & (c == d) & (a != c)),
    )
    return np.concatenate([np.argwhere(there)[:, None] + np.array(ends) for *ends, there in pieces]) + region.corner


def _longest(points: NDArray[np.float64], spacing: tuple[float, float]) -> tuple[float, Line]:
    """Return the greatest distance in mm between two of these points, and the two."""
    points = points[np.sort(ConvexHull(points).vertices)]
    apart = (points[:, None] - points) * spacing
    # Rounded, so that of equally long ones every machine takes the first.
    distances = np.round(np.hypot(apart[..., 0], apart[..., 1]), 6)
    first, second = np.unravel_index(distances.argmax(), distances.shape)
    return float(distances[first, second]), _line(points[first], points[second])


def _widest(outline: NDArray[np.float64], across: Line, spacing: tuple[float, float]) -> Line:
    """Return the longest line perpendicular to another one between two points of an outline.

    The pieces are straight, so it is longest at the height of one of their ends.
    """
    direction = np.subtract(across[1], across[0]) * spacing
    direction /= np.hypot(*direction)
    # Each piece both ways round: of one that lies across, both ends count.
    ends = np.concatenate((outline, outline[:, ::-1])) * spacing
    along = np.round(ends[..., 0] * direction[0] + ends[..., 1] * direction[1], 9)
    aside = ends[..., 1] * direction[0] - ends[..., 0] * direction[1]
    heights, places = np.unique(along, return_inverse=True)
    piece, place = _crossings(places.reshape(along.shape))
    start, end = along[piece].T
    share = np.divide(heights[place] - start, end - start, out=np.zeros(len(place)), where=end != start)
    crossed = aside[piece, 0] + share * (aside[piece, 1] - aside[piece, 0])
    low, high = np.full(len(heights), np.inf), np.full(len(heights), -np.inf)
    np.minimum.at(low, place, crossed)
    np.maximum.at(high, place, crossed)
    widest = int(np.round(high - low, 6).argmax())
    foot, normal = heights[widest] * direction, np.array((-direction[1], direction[0]))
    return _line((foot + low[widest] * normal) / spacing, (foot + high[widest] * normal) / spacing)


def _crossings(places: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return every pair of a piece and a place between its two ends (n, 2), the ends included."""
    first, last = places.min(axis=1), places.max(axis=1)
    counts = last - first + 1
    piece = np.repeat(np.arange(len(places)), counts)
    return piece, np.arange(len(piece)) - np.repeat(np.cumsum(counts) - counts - first, counts)


def _line(start: NDArray[np.float64], end: NDArray[np.float64]) -> Line:
    (row, column), (last_row, last_column) = np.round((start, end), 6).tolist()
    return (row, column), (last_row, last_column)


def _length(line: Line, spacing: tuple[float, float]) -> float:
    """Return the length of a line in mm."""
    return hypot(*(np.subtract(*line) * spacing))
