"""A patient's true and found masks, and what those of several patients come to."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from inference.evaluation.lesions import Detection, Spacing, detect, hausdorff
from inference.evaluation.metrics import bootstrap_interval, dice, intersection_over_union, wilson_interval

Array = NDArray[np.bool_]
SEED = 0
"""Of the bootstrap."""


@dataclass(frozen=True, slots=True, eq=False)
class Outcome:
    """One patient's true and found masks (slices, rows, columns), mm between voxels, and what they come to."""

    name: str
    truth: Array
    found: Array
    spacing: Spacing
    dice: float
    iou: float
    hausdorff95: float
    detection: Detection

    @classmethod
    def of(cls, name: str, truth: Array, found: Array, spacing: Spacing) -> "Outcome":
        """Compare the masks."""
        return cls(
            name,
            truth,
            found,
            spacing,
            dice(truth, found),
            intersection_over_union(truth, found),
            hausdorff(truth, found, spacing),
            detect(truth, found, float(np.prod(spacing))),
        )

    @property
    def true_cm3(self) -> float:
        """Volume of the true mask."""
        return float(self.truth.sum() * np.prod(self.spacing)) / 1000

    @property
    def found_cm3(self) -> float:
        """Volume of the found mask."""
        return float(self.found.sum() * np.prod(self.spacing)) / 1000

    def row(self) -> Mapping[str, float]:
        """Return the patient's figures."""
        return {
            "slices": len(self.truth),
            "true_cm3": self.true_cm3,
            "found_cm3": self.found_cm3,
            "dice": self.dice,
            "iou": self.iou,
            "hausdorff95_mm": self.hausdorff95,
            "lesions": self.detection.lesions,
            "detected": self.detection.detected,
            "false_positives": self.detection.false_positives,
        }


def summarise(outcomes: Sequence[Outcome]) -> Mapping[str, Mapping[str, float]]:
    """Return overlap, lesions, empty slices and surfaces of some patients, at least one."""
    return {title: summary(outcomes) for title, summary in SUMMARIES.items()}


def _overlap(outcomes: Sequence[Outcome]) -> Mapping[str, float]:
    dices, ious = [one.dice for one in outcomes], [one.iou for one in outcomes]
    low, high = bootstrap_interval(dices, SEED)
    iou_low, iou_high = bootstrap_interval(ious, SEED)
    return {
        "dice_mean": float(np.mean(dices)),
        "dice_mean_low": low,
        "dice_mean_high": high,
        "dice_median": float(np.median(dices)),
        "dice_lowest": min(dices),
        "iou_mean": float(np.mean(ious)),
        "iou_mean_low": iou_low,
        "iou_mean_high": iou_high,
        "iou_median": float(np.median(ious)),
        "iou_lowest": min(ious),
    }


def _lesions(outcomes: Sequence[Outcome]) -> Mapping[str, float]:
    lesions = sum(one.detection.lesions for one in outcomes)
    detected = sum(one.detection.detected for one in outcomes)
    low, high = wilson_interval(detected, lesions)
    return {
        "lesions": lesions,
        "detected": detected,
        "sensitivity": detected / lesions if lesions else 0.0,
        "sensitivity_low": low,
        "sensitivity_high": high,
        "false_positives_per_patient": sum(one.detection.false_positives for one in outcomes) / len(outcomes),
    }


def _empty_slices(outcomes: Sequence[Outcome]) -> Mapping[str, float]:
    """Count false positives on slices without a true lesion, and their area."""
    empty = [~one.truth.any(axis=(1, 2)) for one in outcomes]
    pairs = list(zip(outcomes, empty, strict=True))
    marked = np.concatenate([one.found[slices].sum(axis=(1, 2)) * np.prod(one.spacing[1:]) for one, slices in pairs])
    low, high = wilson_interval(int((marked > 0).sum()), len(marked))
    return {
        "slices": len(marked),
        "with_false_positives": int((marked > 0).sum()),
        "share": float((marked > 0).mean()) if len(marked) else 0.0,
        "share_low": low,
        "share_high": high,
        "false_mm2_per_slice": float(marked.mean()) if len(marked) else 0.0,
    }


def _surfaces(outcomes: Sequence[Outcome]) -> Mapping[str, float]:
    """Summarise Hausdorff 95; a patient of whom only one mask is empty has none and is counted apart."""
    finite = [one.hausdorff95 for one in outcomes if np.isfinite(one.hausdorff95)]
    return {
        "mean_mm": float(np.mean(finite)) if finite else nan,
        "median_mm": float(np.median(finite)) if finite else nan,
        "highest_mm": max(finite, default=nan),
        "patients_without": len(outcomes) - len(finite),
    }


SUMMARIES: Mapping[str, Callable[[Sequence[Outcome]], Mapping[str, float]]] = {
    "volume_overlap": _overlap,
    "lesions": _lesions,
    "empty_slices": _empty_slices,
    "hausdorff95": _surfaces,
}
