"""The rigid motion between two volumes of one head, found from the voxels (SimpleITK)."""

# SimpleITK says that it is typed, but its calls are not.
# mypy: disable-error-code="no-untyped-call"

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import SimpleITK as sitk  # noqa: N813 - the name all of its documentation uses
from numpy.typing import NDArray

from dicom_io.errors import InconsistentCase
from dicom_io.volume import Geometry, Volume

Points = NDArray[np.float64]

LEAST_OVERLAP = 0.5
MOST_DEGREES = 45.0
LEAST_INFORMATION = 0.5  # measured: one head 0.76 to 1.11, another head or pose 0.26 to 0.62, noise 0.00

_FAR_OFF_MM, _TURN_DEGREES, _TRIED = 20.0, 25.0, 3
_HEAD_SHARE, _HEAD_MM = 0.1, 4.0
_LEVELS = ((6.0, 2.0), (3.0, 1.0), (1.5, 0.5))  # size of a voxel and first step of the search, in mm
_BINS, _SAMPLES, _SEED = 32, 20_000, 7
_ITERATIONS = 100


@dataclass(frozen=True, slots=True)
class Rigid:
    """Where a point of the reference lies in the coordinates of the moving volume: turned about a centre, then moved.

    Attributes
    ----------
    centre
        In mm (LPS); the middle of the reference's head where it was registered.
    angles
        Rotations about x, y and z in radians, as in SimpleITK's Euler3DTransform.
    shift
        How far the centre moves, in mm.
    overlap
        Share of the smaller head that lies within the other.
    information
        Mattes mutual information of the two images, in nats.
    """

    centre: tuple[float, float, float]
    angles: tuple[float, float, float]
    shift: tuple[float, float, float]
    overlap: float = 1.0
    information: float = 0.0

    @property
    def translation_mm(self) -> float:
        """How far the centre moves."""
        return float(np.linalg.norm(self.shift))

    @property
    def rotation_degrees(self) -> float:
        """The angle of the one turn that the three rotations make up."""
        return float(np.degrees(np.arccos(np.clip((np.trace(self.rotation) - 1) / 2, -1, 1))))

    @property
    def rotation(self) -> NDArray[np.float64]:
        """The 3x3 matrix of the three rotations."""
        return np.array(self.transform().GetMatrix(), np.float64).reshape(3, 3)

    def transform(self) -> sitk.Euler3DTransform:
        """Return it for SimpleITK."""
        return sitk.Euler3DTransform(self.centre, *self.angles, self.shift)

    def of(self, points: Points) -> Points:
        """Return where points (n, 3) of the reference lie in the moving volume, in mm."""
        return (points - self.centre) @ self.rotation.T + self.centre + self.shift


def register(moving: Volume, reference: Volume) -> Rigid:
    """Find the motion between two volumes of one head, in any contrasts, by Mattes mutual information.

    It starts at the positions as they are told, and at the three likeliest of others: with the middles of the heads
    brought together where these lie more than 20 mm apart, or turned by 25 degrees about an axis. The same volumes give
    the same answer, to the last bit.

    Raises
    ------
    InconsistentCase
        When the images have too little in common, the heads overlap by less than half, or one is turned by more than
        45 degrees.
    """
    fixed, mobile = image_of(reference), image_of(moving)
    centre = head(reference).mean(axis=0)
    with _one_thread():
        told, *others = _starts(centre, head(moving).mean(axis=0) - centre)
        (size, step), *finer = _LEVELS
        small, smaller = _shrunk(fixed, size), _shrunk(mobile, size)
        tried = [told, *sorted(others, key=lambda start: _improved(small, smaller, start))[:_TRIED]]
        transform = min(tried, key=lambda start: _improved(small, smaller, start, step))
        for size, step in finer:
            metric = _improved(_shrunk(fixed, size), _shrunk(mobile, size), transform, step)
    if not np.isfinite(metric):
        raise InconsistentCase("the registration failed: the images do not overlap enough to be compared")
    parameters = [float(parameter) for parameter in transform.GetParameters()]
    found = Rigid(_triple(centre), _triple(parameters[:3]), _triple(parameters[3:]), information=-metric)
    found = replace(found, overlap=_overlap(moving, reference, found))
    _check_plausible(found)
    return found


def head(volume: Volume) -> Points:
    """Return points of the head about 4 mm apart, (n, 3) in mm: what exceeds a tenth of the 99.5th percentile.

    Raises
    ------
    InconsistentCase
        When nothing stands out: the volume has the same value everywhere.
    """
    steps = [max(1, round(_HEAD_MM / size)) for size in volume.geometry.spacing]
    coarse = volume.array[:: steps[0], :: steps[1], :: steps[2]]
    if coarse.min() == coarse.max():
        raise InconsistentCase(f"a volume shows no head: its voxels are all {coarse.min():g}")
    index = np.argwhere(coarse > _threshold(volume)) * steps
    affine = volume.geometry.affine
    return index @ affine[:3, :3].T + affine[:3, 3]


def values_at(volume: Volume, points: Points) -> NDArray[np.float32]:
    """Return the voxels nearest to points (n, 3) in mm; NaN outside of the volume."""
    affine = volume.geometry.affine
    index = np.rint((points - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T).astype(np.intp)
    inside = ((index >= 0) & (index < volume.array.shape)).all(axis=1)
    values = np.full(len(points), np.nan, np.float32)
    values[inside] = volume.array[tuple(index[inside].T)]
    return values


def image_of(volume: Volume) -> sitk.Image:
    """Return a volume as SimpleITK knows it, in patient coordinates (LPS)."""
    grid = volume.geometry
    image: sitk.Image = sitk.GetImageFromArray(volume.array)
    image.SetOrigin(grid.origin)
    image.SetSpacing(grid.spacing[::-1])
    image.SetDirection(direction_of(grid))
    return image


def direction_of(grid: Geometry) -> list[float]:
    """Return the nine direction cosines of a grid as SimpleITK wants them."""
    cosines: list[float] = (grid.affine[:3, 2::-1] / grid.spacing[::-1]).ravel().tolist()
    return cosines


def _threshold(volume: Volume) -> float:
    return _HEAD_SHARE * float(np.percentile(volume.array[:, ::4, ::4], 99.5))


def _starts(centre: Points, apart: Points) -> list[sitk.Euler3DTransform]:
    """Return where to look; the positions as they are told come first."""
    shifts = [np.zeros(3), apart] if np.linalg.norm(apart) > _FAR_OFF_MM else [np.zeros(3)]
    turns = [np.zeros(3), *(sign * np.radians(_TURN_DEGREES) * axis for axis in np.eye(3) for sign in (1, -1))]
    return [
        sitk.Euler3DTransform(centre.tolist(), *turn.tolist(), shift.tolist()) for turn in turns for shift in shifts
    ]


def _overlap(moving: Volume, reference: Volume, found: Rigid) -> float:
    """Return the share of the smaller head that lies within the other."""
    points = head(reference)
    common = float(np.mean(values_at(moving, found.of(points)) > _threshold(moving)))
    sizes = [len(head(volume)) * _cell(volume) for volume in (reference, moving)]
    return min(1.0, common * sizes[0] / min(sizes))


def _cell(volume: Volume) -> float:
    """Return the mm3 that one of the points of `head` stands for."""
    return float(np.prod([max(1, round(_HEAD_MM / size)) for size in volume.geometry.spacing])) * (
        volume.geometry.voxel_volume
    )


def _check_plausible(found: Rigid) -> None:
    """Refuse what is no motion of one head between two series."""
    if not found.information >= LEAST_INFORMATION:
        raise InconsistentCase(
            f"the images have too little in common to be registered: {found.information:.2f} nats of mutual "
            f"information, at least {LEAST_INFORMATION:g} are needed"
        )
    if found.overlap < LEAST_OVERLAP:
        raise InconsistentCase(
            f"once registered, {found.overlap:.0%} of the smaller head lies within the other, at least "
            f"{LEAST_OVERLAP:.0%} are needed"
        )
    if found.rotation_degrees > MOST_DEGREES:
        raise InconsistentCase(
            f"the registration turns the head by {found.rotation_degrees:.0f} degrees, at most {MOST_DEGREES:g} are "
            "believed"
        )


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep SimpleITK on one thread: sums of several are added in the order in which they finish."""
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)


def _improved(fixed: sitk.Image, mobile: sitk.Image, transform: sitk.Euler3DTransform, step: float = 0.0) -> float:
    """Improve a transform in place, in steps of mm, and return the metric; infinite where the images do not overlap."""
    method = _method(fixed)
    method.SetInitialTransform(transform, inPlace=True)
    try:
        if not step:
            return float(method.MetricEvaluate(fixed, mobile))
        method.SetOptimizerAsRegularStepGradientDescent(step, step / 128, _ITERATIONS, relaxationFactor=0.6)
        method.SetOptimizerScalesFromPhysicalShift()
        method.Execute(fixed, mobile)
        return float(method.GetMetricValue())
    except RuntimeError:
        return np.inf


def _method(fixed: sitk.Image) -> sitk.ImageRegistrationMethod:
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(_BINS)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(min(1.0, _SAMPLES / fixed.GetNumberOfPixels()), _SEED)
    method.SetInterpolator(sitk.sitkLinear)
    return method


def _shrunk(image: sitk.Image, size: float) -> sitk.Image:
    """Return an image whose voxels are averaged to about ``size`` mm."""
    sides = zip(image.GetSize(), image.GetSpacing(), strict=True)
    shrunk: sitk.Image = sitk.BinShrink(image, [min(count, max(1, round(size / spacing))) for count, spacing in sides])
    return shrunk


def _triple(values: Points | list[float]) -> tuple[float, float, float]:
    x, y, z = values
    return float(x), float(y), float(z)
