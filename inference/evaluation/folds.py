"""What cross-validation measured, from the answers that a card keeps: figures with intervals beside the baseline."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.card import IN_SHORT, ModelCard
from inference.evaluation.metrics import (
    classification_report,
    confusion_matrix,
    expected_calibration_error,
    roc_area,
    wilson_interval,
)
from inference.evaluation.plots import calibration_picture, confusion_picture, curve_picture, roc_picture
from inference.evaluation.short import with_interval
from inference.postprocess import with_temperature
from inference.training.crossval import OutOfFold, hits_of

DRAWS = 2000
SEED = 7


def answers_of(card: ModelCard) -> OutOfFold:
    """Return the answers of the folds' networks, calibrated as the card's model is.

    Raises
    ------
    TypeError
        When the card keeps none.
    """
    rows = card.provenance.get("out_of_fold")
    if not isinstance(rows, Mapping):
        raise TypeError(f"the card of {card.name} keeps no answers of a cross-validation")
    found = OutOfFold.of_rows(rows, len(card.labels))
    calibrated = np.stack([with_temperature(one, card.temperature) for one in found.probabilities])
    return OutOfFold(found.names, found.truth, calibrated)


def fold_figures(found: OutOfFold, labels: tuple[str, ...]) -> dict[str, object]:
    """Return the figures of a cross-validation; accuracies and areas are means over its repeats.

    The interval of the accuracy (Wilson) counts each patient once, however often it was repeated; those of the areas
    draw patients with replacement (bootstrap). Matrix and report are of the first repeat.
    """
    hits, n = hits_of(found), len(found.names)
    low, high = wilson_interval(hits, n)
    baseline = float(np.bincount(found.truth).max() / n)
    right = found.probabilities.argmax(axis=2) == found.truth
    matrix = confusion_matrix(found.truth, found.probabilities[0].argmax(axis=1), len(labels))
    area_low, area_high = area_interval(found)
    right_share, area = float(right.mean()), mean_area(found.truth, found.probabilities)
    return {
        IN_SHORT: {
            f"accuracy, {n} patients, cross-validated": with_interval(right_share, low, high),
            "share of the commonest class": f"{baseline:.3f}",
            "ROC area": with_interval(area, area_low, area_high),
        },
        "patients": n,
        "repeats": len(found.probabilities),
        "accuracy": right_share,
        "accuracy_low": low,
        "accuracy_high": high,
        "accuracy_of_each_repeat": right.mean(axis=1),
        "majority_class_accuracy": baseline,
        "interval_above_the_majority_class": low > baseline,
        "roc_area": area,
        "roc_area_low": area_low,
        "roc_area_high": area_high,
        "calibration_error": expected_calibration_error(found.probabilities[0], found.truth, 5),
        "report": classification_report(matrix, labels),
        "confusion_rows_are_truth": matrix,
    }


def mean_area(truth: NDArray[np.integer], probabilities: NDArray[np.floating]) -> float:
    """Return the area under the ROC curve, the mean over repeats and classes, of (n,) and (repeats, n, classes)."""
    classes = probabilities.shape[2]
    one_sided = range(1, 2) if classes == 2 else range(classes)
    return float(np.mean([roc_area(truth == one, repeat[:, one]) for repeat in probabilities for one in one_sided]))


def area_interval(found: OutOfFold) -> tuple[float, float]:
    """Return the 95 % interval of ``mean_area``, by drawing patients with replacement."""
    rng = np.random.default_rng(SEED)
    areas = []
    for _ in range(DRAWS):
        drawn = rng.integers(0, len(found.truth), len(found.truth))
        areas.append(mean_area(found.truth[drawn], found.probabilities[:, drawn]))
    low, high = np.nanpercentile(areas, [2.5, 97.5])
    return float(low), float(high)


def draw_folds(found: OutOfFold, card: ModelCard, folder: Path) -> None:
    """Write the pictures of a cross-validation, and the training curve of the shipped weights."""
    first = found.probabilities[0]
    answers = first.argmax(axis=1)
    confusion_picture(confusion_matrix(found.truth, answers, len(card.labels)), card.labels, folder / "confusion.png")
    roc_picture(found.truth, first, card.labels, folder / "roc.png")
    calibration_picture(first.max(axis=1), answers == found.truth, folder / "calibration.png")
    epochs = card.provenance.get("epochs")
    if isinstance(epochs, list) and epochs:
        curve_picture(epochs, folder / "training.png")
