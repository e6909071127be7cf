"""What a mask and a model's scores amount to, in numbers (numpy only)."""

import numpy as np
from numpy.typing import NDArray

from dicom_io.codes import NO_TUMOUR
from dicom_io.findings import Findings
from dicom_io.volume import Geometry


def volume_cm3(mask: NDArray[np.bool_], geometry: Geometry) -> float:
    """Volume in cm3 of a mask (slices, rows, columns): its voxels times the volume of one."""
    return int(np.count_nonzero(mask)) * geometry.voxel_volume / 1000


def centre_of_mass(mask: NDArray[np.bool_], geometry: Geometry) -> tuple[float, float, float]:
    """Patient position in mm (LPS) of the mean voxel of a mask (slices, rows, columns) that is not empty."""
    slice_, row, column = (float(axis.mean()) for axis in np.nonzero(mask))
    return geometry.position((slice_, row, column))


def slices_touched(mask: NDArray[np.bool_]) -> int:
    """Count the slices of a mask (slices, rows, columns) that hold a voxel."""
    return int(np.count_nonzero(mask.any(axis=(1, 2))))


def presence_score(findings: Findings) -> float | None:
    """Score between 0 and 1 that what the model looks for is there; None where its scores do not say."""
    scores = {score.label: score.value for score in findings.scores}
    if NO_TUMOUR in scores:
        return 1.0 - scores[NO_TUMOUR]
    segments = {segment.label for segment in findings.mask.segments} if findings.mask else set()
    return max((value for label, value in scores.items() if label in segments), default=None)
