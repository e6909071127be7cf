"""Where the tumour is, for models that are told: another model's outline, or else a rule on FLAIR's brightness."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from dicom_io.case import Case
from dicom_io.findings import Findings
from inference.errors import UnsuitableCase
from inference.preprocess.intensity import FOREGROUND_SHARE

SOURCE_INTENSITY = 450.0
"""What the source takes for tumour on its scanners' FLAIR: every voxel above it."""
BRIGHT = 2.0
RIM = 0.08
"""Share of a slice's side that skull and scalp take up at each edge of the head."""
Segmentation = Callable[[Case], Findings]
"""``predict`` of a model whose findings have a mask on the grid of the case's reference."""


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """Where the tumour is taken to be.

    Attributes
    ----------
    mask
        bool (slices, rows, columns) on the reference's grid, never empty.
    origin
        What a reader is told of where it is from.
    notes
        What the segmentation notes of itself.
    """

    mask: NDArray[np.bool_]
    origin: str
    notes: tuple[str, ...] = ()


def outline_of(case: Case, asked_by: str, segmentation: Segmentation | None) -> Outline:
    """Return where the tumour of a case is: by the segmentation, or by brightness where it is silent or absent.

    The models do not know one another: who loads them hands one's ``predict`` to the other.

    Raises
    ------
    UnsuitableCase
        When FLAIR is not the case's reference.
    """
    if "flair" not in case.volumes or case.reference is not case.volumes["flair"]:
        raise UnsuitableCase(f"{asked_by} needs a FLAIR series first; there are: {', '.join(case.volumes) or 'none'}")
    flair = case.reference.array
    if segmentation is None:
        return Outline(bright_region(flair), "the brightest part of FLAIR, without a segmentation")
    findings = segmentation(case)
    by = f"{findings.algorithm.name} {findings.algorithm.full_version}"
    if findings.mask is not None and findings.mask.array.any():
        return Outline(findings.mask.array > 0, by, findings.notes)
    why = f"the brightest part of FLAIR, because {by} found nothing"
    return Outline(bright_region(flair), why, findings.notes)


def bright_region(flair: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Return the largest connected bright part of a FLAIR volume (slices, rows, columns), away from the head's rim.

    Bright is two deviations above the median of what is not rim, each from the quartiles; without such voxels it is
    the brightest one. A weak rule: what it finds on real patients stands on the page of subtype_resnet50.
    """
    values = np.asarray(flair, dtype=np.float32)
    smooth = ndimage.gaussian_filter(values, (0.0, *(n / 128 for n in flair.shape[1:])))
    tissue = smooth > 2 * FOREGROUND_SHARE * np.percentile(values, 99.5)
    head = np.stack([ndimage.binary_fill_holes(slice_) for slice_ in tissue])
    rim = max(1, round(RIM * min(flair.shape[1:])))
    inner = ndimage.binary_erosion(head, np.ones((1, 3, 3)), iterations=rim) & tissue
    if inner.any():
        low, middle, high = np.percentile(smooth[inner], (25, 50, 75))
        labels, count = ndimage.label(inner & (smooth > middle + BRIGHT * (high - low) / 1.349))
        if count:
            sizes = np.bincount(labels.ravel())
            sizes[0] = 0
            return np.asarray(labels == sizes.argmax())
    return np.asarray(smooth == smooth.max())


def above_source_intensity(flair: NDArray[np.generic]) -> NDArray[np.bool_]:
    """Return the source's rule: every voxel of the raw FLAIR above 450, wherever it is.

    It holds on the source's data alone: other scanners' numbers have another unit.
    """
    return np.asarray(flair) > SOURCE_INTENSITY
