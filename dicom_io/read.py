"""From files to volumes: the way in for models.

Where a slice lies is told by Image Position and Image Orientation (Patient) alone. Instance Number, Slice Thickness
and Spacing Between Slices are not looked at: scanners and archives disagree on them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicom_io.case import Case
from dicom_io.errors import InconsistentCase, MissingSlices, MixedGeometry
from dicom_io.header import Frame, read_dataset, read_frames, series_header
from dicom_io.pixels import decode
from dicom_io.volume import Geometry, SeriesHeader, Volume

_ORIENTATION_TOLERANCE = 1e-3
_PIXEL_SPACING_TOLERANCE = 1e-3
_SAME_PLACE_MM = 0.01
_FEWEST_SLICES = 3

Slice = tuple[Frame, NDArray[np.float32]]


def read_case(study_instance_uid: str, series: Mapping[str, Sequence[Path]]) -> Case:
    """Read the series of one study; the case has them by recognised sequence.

    Parameters
    ----------
    series
        The files of each series, by Series Instance UID.

    Raises
    ------
    DicomInputError
        When a series cannot be read, is of another study, or two are of the same sequence.
    """
    volumes: dict[str, Volume] = {}
    for series_instance_uid, paths in series.items():
        volume = read_volume(paths)
        header = volume.header
        if (header.study_instance_uid, header.series_instance_uid) != (study_instance_uid, series_instance_uid):
            raise InconsistentCase(
                f"the files given for series {series_instance_uid} of study {study_instance_uid} are of series "
                f"{header.series_instance_uid} of study {header.study_instance_uid}"
            )
        if header.sequence in volumes:
            raise InconsistentCase(f"two series of the study are {header.sequence}")
        volumes[header.sequence] = volume
    return Case(study_instance_uid, volumes)


def read_volume(paths: Sequence[Path]) -> Volume:
    """Read one series, classic MR in many files or Enhanced MR with many frames.

    Slices are in the order of their position along the normal of the slices (row x column direction).

    Raises
    ------
    DicomInputError
        When the files are not one series of MR slices on a regular grid; the message gives the numbers.
    """
    header, slices = _read_slices(paths)
    frames = [frame for frame, _ in slices]
    _check_one_grid(frames)
    normal = np.cross(frames[0].orientation[:3], frames[0].orientation[3:])
    slices = _without_doubles(sorted(slices, key=lambda s: float(normal @ s[0].position)))
    frames = [frame for frame, _ in slices]
    slice_step = _slice_step(np.array([frame.position for frame in frames]), normal)
    array = np.stack([pixels for _, pixels in slices])
    return Volume(array, _geometry(frames[0], slice_step), header, tuple(frame.source for frame in frames))


def _read_slices(paths: Sequence[Path]) -> tuple[SeriesHeader, list[Slice]]:
    """Read every frame of every file."""
    headers: dict[tuple[str, str], SeriesHeader] = {}
    slices: list[Slice] = []
    for path in sorted(paths):
        dataset = read_dataset(path)
        frames = read_frames(dataset, path)
        header = series_header(dataset, path)
        headers.setdefault((header.study_instance_uid, header.series_instance_uid), header)
        slices.extend(zip(frames, decode(dataset, [(f.slope, f.intercept) for f in frames]), strict=True))
    if not slices:
        raise MissingSlices(f"a volume needs at least {_FEWEST_SLICES} slices, there are none")
    if len(headers) > 1:
        named = ", ".join(f"{series} of study {study}" for study, series in headers)
        raise MixedGeometry(f"files of {len(headers)} series: {named}")
    return next(iter(headers.values())), slices


def _check_one_grid(frames: Sequence[Frame]) -> None:
    """Refuse slices that differ in orientation, matrix, spacing or frame of reference."""
    orientations = np.array([frame.orientation for frame in frames])
    spacings = np.array([frame.pixel_spacing for frame in frames])
    if (difference := np.abs(orientations - orientations[0]).max()) > _ORIENTATION_TOLERANCE:
        raise MixedGeometry(f"slices of different orientation: direction cosines differ by up to {difference:.3g}")
    if len(matrices := sorted({(frame.rows, frame.columns) for frame in frames})) > 1:
        raise MixedGeometry(f"slices of different size: {', '.join(f'{r} x {c}' for r, c in matrices)}")
    if np.abs(spacings / spacings[0] - 1).max() > _PIXEL_SPACING_TOLERANCE:
        raise MixedGeometry(f"Pixel Spacing differs: {spacings.min(0).tolist()} to {spacings.max(0).tolist()} mm")
    if len({frame.frame_of_reference_uid for frame in frames}) > 1:
        raise MixedGeometry("slices of different Frames of Reference")


def _without_doubles(slices: Sequence[Slice]) -> list[Slice]:
    """Drop a slice that is there twice with the same pixels; refuse two different slices at one place."""
    kept: list[Slice] = []
    for frame, pixels in slices:
        apart = np.linalg.norm(np.subtract(frame.position, kept[-1][0].position)) if kept else np.inf
        if apart > _SAME_PLACE_MM:
            kept.append((frame, pixels))
        elif not np.array_equal(pixels, kept[-1][1]):
            place = ", ".join(f"{coordinate:.2f}" for coordinate in frame.position)
            raise MissingSlices(f"{len(slices)} slices, and two different ones at one position ({place}) mm")
    return kept


def _slice_step(positions: NDArray[np.float64], normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the patient vector from one slice to the next; refuse gaps and sheared stacks."""
    count = len(positions)
    if count < _FEWEST_SLICES:
        raise MissingSlices(f"a volume needs at least {_FEWEST_SLICES} slices, there are {count}")
    along = positions @ normal
    gaps = np.diff(along)
    usual = float(np.median(gaps))
    worst = int(np.abs(gaps - usual).argmax())
    if abs(gaps[worst] - usual) > max(0.01 * usual, 0.05):
        raise MissingSlices(
            f"slices {worst + 1} and {worst + 2} of {count} are {gaps[worst]:.2f} mm apart, the others {usual:.2f} mm"
        )
    step: NDArray[np.float64] = (positions[-1] - positions[0]) / (count - 1)
    in_plane = positions - positions[0] - (along - along[0])[:, None] * normal
    drift = float(np.linalg.norm(in_plane, axis=1).max())
    if drift > max(0.01 * (along[-1] - along[0]), 0.05):
        raise MixedGeometry(f"sheared: over {along[-1] - along[0]:.1f} mm the slices shift by {drift:.2f} mm in plane")
    return step


def _geometry(first: Frame, slice_step: NDArray[np.float64]) -> Geometry:
    along_row, along_column = np.array(first.orientation).reshape(2, 3)
    vectors = (first.position, along_row * first.pixel_spacing[1], along_column * first.pixel_spacing[0], slice_step)
    origin, column_step, row_step, step = ((float(x), float(y), float(z)) for x, y, z in vectors)
    return Geometry(origin, column_step, row_step, step, first.frame_of_reference_uid)
