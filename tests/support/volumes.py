"""Volumes in memory, for tests that need no files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicom_io.registration import Rigid
from dicom_io.volume import Geometry, SeriesHeader, SourceFrame, Volume

FRAME = "1.2.3.1"


def geometry_of(
    axes: NDArray[np.float64], spacing: tuple[float, float, float], middle: tuple[float, float, float], shape: tuple
) -> Geometry:
    """Return a grid about ``middle``; the columns of ``axes`` are the directions of (slice, row, column)."""
    steps = np.asarray(axes, dtype=float) * spacing
    corner = np.array(middle) - steps @ ((np.array(shape) - 1) / 2)
    slice_step, row_step, column_step, origin = (tuple(map(float, v)) for v in (*steps.T, corner))
    return Geometry(origin, column_step, row_step, slice_step, FRAME)


def volume_of(array: NDArray, geometry: Geometry, sequence: str = "flair", *, frame: str = FRAME) -> Volume:
    """Return an array as a volume of series 4, "test <sequence>"."""
    header = SeriesHeader("1.2", f"1.2.{sequence}", "", "MR", f"test {sequence}", "4", sequence)
    sources = tuple(SourceFrame(Path("x"), slice_, "") for slice_ in range(len(array)))
    grid = replace(geometry, frame_of_reference_uid=frame)
    return Volume(np.array(array, dtype=np.float32), grid, header, sources)


def moved(volume: Volume, motion: Rigid, *, frame: str = FRAME) -> Volume:
    """Return the same voxels as if the patient had moved: what was at p is at ``motion.of(p)``."""
    grid = volume.geometry
    origin = motion.of(np.array([grid.origin]))[0]
    steps = (motion.rotation @ np.array(step) for step in (grid.column_step, grid.row_step, grid.slice_step))
    vectors = (tuple(map(float, vector)) for vector in (origin, *steps))
    return volume_of(volume.array, Geometry(*vectors), volume.header.sequence, frame=frame)
