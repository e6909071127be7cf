"""Volume, centre and diameters against other people's numbers, on shapes nobody chose.

What agrees, and how far:
- volume: 1e-6 of it, everybody counts voxels;
- centre: 0.01 mm;
- long axis: a Feret diameter of ITK is measured between voxel centres, ours to the outline half a voxel beyond, so
  ours is longer, by one voxel at most; against every pair of points of the outline: 1e-6 mm;
- short axis: against lines through every corner of the outline, probed every 0.02 voxels: 0.05 voxels.
"""

from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813 - the name everybody knows it by
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from support.builders import write_series
from support.oracles import Reading, by_dcmqi
from support.source_series import mask_findings

from dicom_io.case import Case
from dicom_io.equipment import Equipment
from dicom_io.findings import Mask, Segment
from dicom_io.measure import Diameters, SegmentMeasures, measures
from dicom_io.profile import Profile
from dicom_io.read import read_volume
from dicom_io.results import encode
from dicom_io.uids import derive
from dicom_io.volume import Geometry

SHAPES = range(50)
PROBE = 0.02
CORNERS = ((0, 0), (0, 1), (1, 1), (1, 0))
"""Of a cell between four voxel centres, round about."""
Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """A mask (slices, rows, columns) on an oblique grid whose voxels are no cubes."""

    mask: NDArray[np.bool_]
    geometry: Geometry

    @property
    def spacing(self) -> Points:
        """Between rows and between columns, in mm."""
        return np.array(self.geometry.spacing[1:])


@pytest.fixture(params=SHAPES)
def shape(request) -> Shape:
    """An ellipsoid, a blob, or what two or three ellipsoids cover."""
    rng = np.random.default_rng(request.param)
    size = ((14, 40, 48), (11, 37, 43))[request.param % 2]
    kind = (_ellipsoid, _blob, _union)[request.param % 3]
    return Shape(kind(rng, size), _geometry(rng))


def _geometry(rng: np.random.Generator) -> Geometry:
    turned = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    column, row = turned[0] * rng.uniform(0.4, 1.5), turned[1] * rng.uniform(0.4, 1.5)
    slice_ = np.cross(turned[0], turned[1]) * rng.uniform(0.8, 6)
    vectors = (rng.uniform(-90, 90, 3), column, row, slice_)
    return Geometry(*(tuple(round(float(x), 6) for x in vector) for vector in vectors), derive("measured"))  # type: ignore[arg-type]


def _ellipsoid(rng: np.random.Generator, size: tuple[int, int, int]) -> NDArray[np.bool_]:
    centre = np.array(size) * rng.uniform(0.35, 0.65, 3)
    turned = np.linalg.qr(rng.normal(size=(3, 3)))[0] / (np.array(size) * rng.uniform(0.12, 0.3, 3))[:, None]
    voxels = np.moveaxis(np.indices(size), 0, -1) - centre
    return np.linalg.norm(voxels @ turned.T, axis=-1) <= 1


def _blob(rng: np.random.Generator, size: tuple[int, int, int]) -> NDArray[np.bool_]:
    noise = gaussian_filter(rng.normal(size=size), rng.uniform(1.5, 3), mode="constant")
    return noise > np.quantile(noise, rng.uniform(0.85, 0.95))


def _union(rng: np.random.Generator, size: tuple[int, int, int]) -> NDArray[np.bool_]:
    return np.logical_or.reduce([_ellipsoid(rng, size) for _ in range(rng.integers(2, 4))])


def _measured(shape: Shape) -> SegmentMeasures:
    mask = Mask(shape.mask.astype(np.uint8), (Segment(1, "flair_abnormality"),), "1.2")
    (measured,) = measures(mask, shape.geometry)
    return measured


def _statistics(reading: Reading) -> tuple[float, Points]:
    """Return cm3 and centre in mm as SimpleITK has them."""
    image = sitk.GetImageFromArray((reading.array > 0).astype(np.uint8))
    steps = reading.affine[:3, 2::-1]
    spacing = np.linalg.norm(steps, axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((steps / spacing).ravel().tolist())
    image.SetOrigin(reading.affine[:3, 3].tolist())
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(image)
    return statistics.GetPhysicalSize(1) / 1000, np.array(statistics.GetCentroid(1))


def test_volume_and_centre_agree_with_simpleitk(shape: Shape) -> None:
    measured = _measured(shape)

    cm3, centre = _statistics(Reading(shape.mask.astype(float), shape.geometry.affine))

    assert measured.volume_cm3 == pytest.approx(cm3, rel=1e-6)
    assert np.abs(centre - measured.centre).max() < 0.01


def test_volume_and_centre_agree_with_what_dcmqi_reads_of_the_seg(shape: Shape, tmp_path: Path) -> None:
    volume = read_volume(
        write_series(tmp_path / "source", voxels=np.zeros(shape.mask.shape, np.uint16), geometry=shape.geometry)
    )
    findings = mask_findings(volume, shape.mask.astype(np.uint8))
    case = Case(volume.header.study_instance_uid, {"flair": volume})
    here, at = Equipment(site="north", serial="0001"), datetime(2026, 1, 2, 3, 4, 5)
    (seg,) = encode(case, findings, here, at, Profile(objects=("SEG",)))
    (tmp_path / "seg.dcm").write_bytes(seg.data)
    assert findings.mask is not None
    (measured,) = measures(findings.mask, volume.geometry)

    (reading,) = by_dcmqi(tmp_path / "seg.dcm", tmp_path / "dcmqi")

    cm3, centre = _statistics(reading)
    assert measured.volume_cm3 == pytest.approx(cm3, rel=1e-6)
    assert np.abs(centre - measured.centre).max() < 0.01


def test_the_long_axis_is_the_feret_diameter_of_itk_and_at_most_a_voxel_more(shape: Shape) -> None:
    ours = _measured(shape).diameters

    feret = [_feret(plane, shape.spacing) for plane in shape.mask]

    beyond = ours.long_mm - feret[ours.slice]
    assert 0 < beyond <= shape.spacing.max() + 1e-6
    assert max(feret) <= ours.long_mm


def _feret(plane: NDArray[np.bool_], spacing: Points) -> float:
    """Return ITK's Feret diameter in mm of the largest region of a slice."""
    image = sitk.GetImageFromArray(plane.astype(np.uint8))
    image.SetSpacing(spacing[::-1].tolist())
    regions = sitk.RelabelComponent(sitk.ConnectedComponent(image, True))  # the largest becomes the first
    statistics = sitk.LabelShapeStatisticsImageFilter()
    statistics.ComputeFeretDiameterOn()
    statistics.Execute(regions)
    return float(statistics.GetFeretDiameter(1)) if statistics.GetNumberOfLabels() else 0.0


def test_no_two_points_of_any_outline_are_farther_apart_than_the_long_axis(shape: Shape) -> None:
    ours = _measured(shape).diameters

    longest = [_farthest(_edges(_largest(plane)) * shape.spacing) for plane in shape.mask if plane.any()]

    assert ours.long_mm == pytest.approx(max(longest), abs=1e-6)


def test_no_line_across_is_longer_than_the_short_axis(shape: Shape) -> None:
    ours = _measured(shape).diameters
    region = _largest(shape.mask[ours.slice])

    probed = _probed(region, ours, shape.spacing)

    assert abs(ours.short_mm - probed) < 0.05 * shape.spacing.max()


def test_the_axes_are_perpendicular_and_end_on_the_outline(shape: Shape) -> None:
    ours = _measured(shape).diameters
    long, short = (np.subtract(*axis) * shape.spacing for axis in (ours.long_axis, ours.short_axis))
    region = _largest(shape.mask[ours.slice])

    ends = np.array([*ours.long_axis, *ours.short_axis])
    away = ends - np.array([*ours.long_axis[::-1], *ours.short_axis[::-1]])

    assert abs(long @ short) < 1e-4
    assert _inside(region, ends, 1e-4).all()
    assert not _inside(region, ends + 1e-3 * away / np.linalg.norm(away, axis=1, keepdims=True), 0).any()


def _largest(plane: NDArray[np.bool_]) -> NDArray[np.bool_]:
    regions = sitk.RelabelComponent(sitk.ConnectedComponent(sitk.GetImageFromArray(plane.astype(np.uint8)), True))
    return np.asarray(sitk.GetArrayFromImage(regions) == 1)


def _edges(region: NDArray[np.bool_]) -> Points:
    """Return where the outline crosses between a voxel inside and its neighbour outside, one by one."""
    found = []
    for row, column in np.argwhere(region):
        for down, right in ((0, 1), (0, -1), (1, 0), (-1, 0)):
            near = (row + down, column + right)
            outside = not all(0 <= n < size for n, size in zip(near, region.shape, strict=True))
            if outside or not region[near]:
                found.append((row + down / 2, column + right / 2))
    return np.array(found)


def _farthest(points: Points) -> float:
    return max(float(np.linalg.norm(points - point, axis=1).max()) for point in points)


def _probed(region: NDArray[np.bool_], ours: Diameters, spacing: Points) -> float:
    """Return the longest line perpendicular to the long axis, in mm: from the first probe inside to the last."""
    along = np.subtract(*ours.long_axis) * spacing
    across = np.array((-along[1], along[0])) / np.linalg.norm(along)
    reach = np.linalg.norm(np.array(region.shape) * spacing)
    steps = np.arange(-reach, reach, PROBE * spacing.min())
    longest = 0.0
    for corner in _edges(region) * spacing:
        held = np.flatnonzero(_inside(region, (corner + steps[:, None] * across) / spacing, 1e-6))
        longest = max(longest, float(steps[held[-1]] - steps[held[0]]) if len(held) else 0.0)
    return longest


def _inside(region: NDArray[np.bool_], points: Points, tolerance: float) -> NDArray[np.bool_]:
    """Whether points (n, row and column) lie within the outline, or as near to it as that.

    Of the cell between four voxel centres: a lone voxel has the triangle up to the middle of the edges, a lone gap
    too, two neighbours have half.
    """
    padded = np.pad(region, 2)
    cell = np.clip(np.floor(points).astype(int) + 2, 0, np.array(padded.shape) - 2)
    share = points + 2 - cell
    held = np.stack([padded[cell[:, 0] + down, cell[:, 1] + right] for down, right in CORNERS])
    apart = np.stack([np.abs(share - corner).sum(axis=1) for corner in CORNERS])
    near = [(apart[n] <= 0.5 + tolerance) & held[n] for n in range(4)]
    clear = [(apart[n] >= 0.5 - tolerance) | held[n] for n in range(4)]
    sides = [held[a] & held[b] for a, b in pairwise((0, 1, 2, 3, 0))]
    halves = (share[:, 0], 1 - share[:, 1], 1 - share[:, 0], share[:, 1])
    half = [(side & (depth <= 0.5 + tolerance)) for side, depth in zip(sides, halves, strict=True)]
    count = held.sum(axis=0)
    joined = (count == 3) | ((count == 2) & ~np.logical_or.reduce(sides))
    return np.asarray(
        np.select(
            [count == 4, count == 1, joined],
            [True, np.logical_or.reduce(near), np.logical_and.reduce(clear)],
            np.logical_or.reduce(half),
        )
    )
