"""A series on a regular grid, in patient coordinates (numpy only)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dicom_io.stretch import InstanceFile

SEQUENCE_TITLES: Mapping[str, str] = {"flair": "FLAIR", "t1": "T1", "t1c": "T1 post contrast", "t2": "T2"}
"""The MR sequences that models know, as radiologists write them."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Where voxel (slice k, row j, column i) lies in the patient, in mm (LPS, PS3.3 C.7.6.2.1.1).

    Attributes
    ----------
    origin
        Patient position of the centre of voxel (0, 0, 0).
    column_step, row_step, slice_step
        Patient vectors in mm from one voxel to the next along a row (column index + 1), along a column
        (row index + 1) and to the next slice.
    frame_of_reference_uid
        Frame of Reference UID (0020,0052); empty where the series has none.
    """

    origin: tuple[float, float, float]
    column_step: tuple[float, float, float]
    row_step: tuple[float, float, float]
    slice_step: tuple[float, float, float]
    frame_of_reference_uid: str = ""

    @property
    def affine(self) -> NDArray[np.float64]:
        """4x4 matrix: (slice, row, column, 1) -> patient (x, y, z, 1) in mm, LPS."""
        matrix = np.eye(4)
        matrix[:3, 0] = self.slice_step
        matrix[:3, 1] = self.row_step
        matrix[:3, 2] = self.column_step
        matrix[:3, 3] = self.origin
        return matrix

    @property
    def spacing(self) -> tuple[float, float, float]:
        """Distance in mm between neighbours along (slice, row, column)."""
        slice_, row, column = (
            float(np.linalg.norm(step)) for step in (self.slice_step, self.row_step, self.column_step)
        )
        return slice_, row, column

    @property
    def voxel_volume(self) -> float:
        """Volume of one voxel in mm3."""
        return float(abs(np.linalg.det(self.affine[:3, :3])))

    def position(self, index: tuple[float, float, float]) -> tuple[float, float, float]:
        """Patient position in mm of a (slice, row, column) index."""
        x, y, z = self.affine[:3, :3] @ np.asarray(index, dtype=float) + self.affine[:3, 3]
        return float(x), float(y), float(z)


@dataclass(frozen=True, slots=True)
class SeriesHeader:
    """What the node needs to know of a series, as plain strings."""

    study_instance_uid: str
    series_instance_uid: str
    sop_class_uid: str
    modality: str
    series_description: str
    series_number: str
    sequence: str
    """Which MR sequence it is: "flair", "t1", "t1c", "t2" or "other"."""
    part: str = ""
    """Which volume of the series, such as "echo 2 (TE 90 ms)"; empty where the series is one volume."""


@dataclass(frozen=True, slots=True)
class SourceFrame:
    """The file and the frame (0-based) that slice i of a volume came from."""

    path: InstanceFile
    frame: int
    sop_instance_uid: str


@dataclass(frozen=True, slots=True, eq=False)
class Volume:
    """One series on a regular grid; slice i came from ``sources[i]``.

    Attributes
    ----------
    array
        float32 (slices, rows, columns), read-only, after Modality LUT (rescale).
    """

    array: NDArray[np.float32]
    geometry: Geometry
    header: SeriesHeader
    sources: tuple[SourceFrame, ...]

    def __post_init__(self) -> None:
        """Make the voxels read-only and check that every slice has its source."""
        if self.array.ndim != 3 or len(self.sources) != self.array.shape[0]:
            raise ValueError(f"{len(self.sources)} sources for an array of shape {self.array.shape}")
        self.array.setflags(write=False)
