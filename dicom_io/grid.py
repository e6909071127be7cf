"""Do these frames lie on a regular grid? Their geometry, or the reason with its numbers (pure).

Position and orientation alone are asked: Instance Number, Slice Thickness and Spacing Between Slices are not looked at,
scanners and archives disagree on them. Overlapping slices are welcome.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dicom_io.errors import MissingSlices, MixedGeometry
from dicom_io.header import Frame
from dicom_io.volume import Geometry

FEWEST_SLICES = 3
SAME_PLACE_MM = 0.01
_ORIENTATION_TOLERANCE = 1e-3
_PIXEL_SPACING_TOLERANCE = 1e-3
_UNEVEN = 0.01  # of the distance between slices, and of the height of the stack
_ROUNDING_MM = 0.05
_MULTIPLE = 0.1


def check_one_grid(frames: Sequence[Frame]) -> None:
    """Refuse frames that differ in orientation, matrix, spacing or frame of reference.

    Raises
    ------
    MixedGeometry
    """
    orientations = np.array([frame.orientation for frame in frames])
    spacings = np.array([frame.pixel_spacing for frame in frames])
    if np.abs(orientations - orientations[0]).max() > _ORIENTATION_TOLERANCE:
        normals = np.cross(orientations[:, :3], orientations[:, 3:])
        tilt = np.degrees(np.arccos(np.clip(normals @ normals[0], -1, 1))).max()
        turned = np.degrees(np.arccos(np.clip((orientations[:, :3] @ orientations[0, :3]), -1, 1))).max()
        raise MixedGeometry(
            f"slices of different orientation: tilted by up to {tilt:.1f}, turned by up to {turned:.1f} degrees"
        )
    if len(matrices := sorted({(frame.rows, frame.columns) for frame in frames})) > 1:
        raise MixedGeometry(f"slices of different size: {', '.join(f'{r} x {c}' for r, c in matrices)}")
    if np.abs(spacings / spacings[0] - 1).max() > _PIXEL_SPACING_TOLERANCE:
        raise MixedGeometry(f"Pixel Spacing differs: {spacings.min(0).tolist()} to {spacings.max(0).tolist()} mm")
    if len({frame.frame_of_reference_uid for frame in frames}) > 1:
        raise MixedGeometry("slices of different Frames of Reference")


def normal_of(frame: Frame) -> NDArray[np.float64]:
    """Return the unit vector from a slice to the next: row x column direction."""
    normal: NDArray[np.float64] = np.cross(frame.orientation[:3], frame.orientation[3:])
    return normal


def places(frames: Sequence[Frame]) -> list[list[Frame]]:
    """Group frames by where they lie, in order along the normal; frames of one group lie at one place."""
    normal = normal_of(frames[0])
    found: list[list[Frame]] = []
    for frame in sorted(frames, key=lambda f: float(normal @ f.position)):
        height = normal @ frame.position
        for place in reversed(found):
            if height - normal @ place[0].position > SAME_PLACE_MM:
                found.append([frame])
                break
            if np.linalg.norm(np.subtract(frame.position, place[0].position)) <= SAME_PLACE_MM:
                place.append(frame)
                break
        else:
            found.append([frame])
    return found


def geometry_of(frames: Sequence[Frame]) -> Geometry:
    """Return the grid of one or more frames that are in order along the normal, one at each place.

    Raises
    ------
    MissingSlices
        When they are too few or unevenly spaced.
    MixedGeometry
        When they do not lie behind one another.
    """
    slice_step = _slice_step(np.array([frame.position for frame in frames]), normal_of(frames[0]))
    first = frames[0]
    along_row, along_column = np.array(first.orientation).reshape(2, 3)
    vectors = (first.position, along_row * first.pixel_spacing[1], along_column * first.pixel_spacing[0], slice_step)
    origin, column_step, row_step, step = ((float(x), float(y), float(z)) for x, y, z in vectors)
    return Geometry(origin, column_step, row_step, step, first.frame_of_reference_uid)


def plane_of(geometry: Geometry) -> str:
    """Return "sagittal", "coronal" or "axial", whichever is within 30 degrees; "oblique" where none is."""
    normal = np.abs(np.cross(geometry.column_step, geometry.row_step))
    nearest = int(normal.argmax())
    near = normal[nearest] / np.linalg.norm(normal) > np.cos(np.radians(30))
    return ("sagittal", "coronal", "axial")[nearest] if near else "oblique"


def _slice_step(positions: NDArray[np.float64], normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the patient vector from one slice to the next."""
    count = len(positions)
    if count < FEWEST_SLICES:
        found = "there is a single slice" if count == 1 else f"there are {count}"
        raise MissingSlices(f"a volume needs at least {FEWEST_SLICES} slices, {found}")
    along = positions @ normal
    height = along[-1] - along[0]
    in_plane = positions - positions[0] - (along - along[0])[:, None] * normal
    drift = float(np.linalg.norm(in_plane, axis=1).max())
    if height < SAME_PLACE_MM * (count - 1):
        raise MixedGeometry(f"not a volume: {count} slices lie in one plane, up to {drift:.1f} mm apart")
    _check_even(np.diff(along))
    if drift > max(_UNEVEN * height, _ROUNDING_MM):
        tilt = np.degrees(np.arctan2(drift, height))
        shift = f"over {height:.1f} mm the slices shift by {drift:.2f} mm in plane"
        raise MixedGeometry(f"sheared: {shift} (gantry tilt of {tilt:.1f} degrees)")
    step: NDArray[np.float64] = (positions[-1] - positions[0]) / (count - 1)
    return step


def _check_even(gaps: NDArray[np.float64]) -> None:
    usual = float(np.median(gaps))
    worst = int(np.abs(gaps - usual).argmax())
    if abs(gaps[worst] - usual) <= max(_UNEVEN * usual, _ROUNDING_MM):
        return
    pair = f"slices {worst + 1} and {worst + 2} of {len(gaps) + 1}"
    apart = f"{pair} are {gaps[worst]:.2f} mm apart, the others {usual:.2f} mm"
    between = gaps / usual - 1
    missing = int(np.rint(between).sum())
    if missing > 0 and np.abs(between - np.rint(between)).max() < _MULTIPLE:
        raise MissingSlices(f"{apart}: {missing} {'slice is' if missing == 1 else 'slices are'} missing")
    raise MissingSlices(f"{apart}: unevenly spaced, {gaps.min():.2f} to {gaps.max():.2f} mm")
