"""How a model that judges slices does on series with a true mask: per slice, and per series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dicom_io.case import Case
from dicom_io.volume import Geometry, SeriesHeader, SourceFrame, Volume
from inference.evaluation.metrics import roc_area, wilson_interval
from inference.models.detect_cnn2d import TUMOUR, DetectCnn2d, View, interpret
from inference.training.datasets import Patient

SPACING = (5.0, 1.0, 1.0)
"""mm along (slices, rows, columns), assumed where files have none."""


@dataclass(frozen=True, slots=True, eq=False)
class Looked:
    """What a model said of one series: of each slice that it looked at, and of the whole.

    Attributes
    ----------
    scores
        Of a tumour, (n,).
    areas
        Pixels of the true mask on the slice, (n,), on the series' own grid.
    masks
        The true mask as the network sees it, bool (n, size, size).
    pictures
        (n, size, size, channels).
    """

    scores: NDArray[np.floating]
    areas: NDArray[np.integer]
    masks: NDArray[np.bool_]
    pictures: NDArray[np.float32]
    present: bool

    @classmethod
    def of(cls, model: DetectCnn2d, case: Case, truth: NDArray[np.bool_]) -> "Looked":
        """Let a model judge the only volume of a case, whose true mask is on its grid."""
        view = View.of(case.reference, model.card.input_shape[0])
        pictures = view.pictures()
        output = model.forward(pictures)
        masks = view.turn.forward(truth)[view.chosen]
        squares = [fit.forward_mask(mask) for fit, mask in zip(view.fits, masks, strict=True)]
        present = interpret(output, case, model.card).present
        return cls(output[:, TUMOUR], masks.sum(axis=(1, 2)), np.stack(squares), pictures, bool(present))


def series_case(patient: Patient, contrast: int, sequence: str) -> Case:
    """Return one contrast of a patient as a case of one series, with the assumed spacing."""
    geometry = Geometry((0.0, 0.0, 0.0), (SPACING[2], 0.0, 0.0), (0.0, SPACING[1], 0.0), (0.0, 0.0, SPACING[0]))
    array = patient.slices[..., contrast].astype(np.float32)
    header = SeriesHeader("1", "1.1", "", "MR", sequence, "1", sequence)
    sources = tuple(SourceFrame(Path(patient.name), frame, "") for frame in range(len(array)))
    return Case("1", {sequence: Volume(array, geometry, header, sources)})


def summarise_slices(series: Sequence[Looked], threshold: float, smallest: int) -> dict[str, object]:
    """Return shares over the slices of series that all have a tumour.

    Parameters
    ----------
    threshold
        A slice at or above it counts as found.
    smallest
        Pixels of the mask from which a slice counts as one with a tumour; those with fewer, but some, are left out.
    """
    scores = np.concatenate([one.scores for one in series])
    areas = np.concatenate([one.areas for one in series])
    lesion, empty = areas >= smallest, areas == 0
    clear = lesion | empty
    return {
        "series": len(series),
        "series_found": sum(one.present for one in series),
        "most_suspicious_slice_shows_the_lesion": sum(bool(one.areas[one.scores.argmax()]) for one in series),
        "slices_with_lesion_found": share(int((scores[lesion] >= threshold).sum()), int(lesion.sum())),
        "slices_without_lesion_left_alone": share(int((scores[empty] < threshold).sum()), int(empty.sum())),
        "slices_roc_area": roc_area(lesion[clear], scores[clear]),
    }


def share(hits: int, members: int) -> Mapping[str, float]:
    """Return a share with its 95 % confidence interval and how many it is of."""
    low, high = wilson_interval(hits, members)
    return {"value": hits / members if members else float("nan"), "low": low, "high": high, "members": members}
