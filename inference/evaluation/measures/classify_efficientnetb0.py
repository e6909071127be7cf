"""How well classify_efficientnetb0 does: on Testing, and on held-out patients of Training."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.card import IN_SHORT
from inference.evaluation.metrics import (
    classification_report,
    confusion_matrix,
    expected_calibration_error,
    roc_area,
    rounded,
    wilson_interval,
)
from inference.evaluation.plots import (
    Panel,
    calibration_picture,
    confusion_picture,
    curve_picture,
    montage_picture,
    roc_picture,
)
from inference.evaluation.short import in_words
from inference.forward import Forward
from inference.models.classify_efficientnetb0 import LABELS, ClassifyEfficientNetB0, as_input
from inference.postprocess import with_temperature
from inference.training.datasets import LabelledImage, read_images
from inference.training.duplicates import has_duplicate, hash_pictures
from inference.training.splits import split_by_number

Figures = Mapping[str, object]
NEAR = 2
"""Figshare numbers this near are taken for slices of one patient."""
CREDIT = "Pictures: J. Cheng, Brain tumor dataset, figshare 2017, doi 10.6084/m9.figshare.1512427, CC BY 4.0, reduced."


def measure(model: ClassifyEfficientNetB0, data: Path, folder: Path) -> Figures:
    """Measure on Testing and draw it.

    Parameters
    ----------
    data
        The data set's folder, with ``Training`` and ``Testing``.
    """
    images, training = read_images(data, "Testing"), read_images(data, "Training")
    truth = np.array([image.label for image in images])
    raw = _probabilities(model, images)
    calibrated = with_temperature(raw, model.card.temperature)
    _draw(model, images, calibrated, folder)
    correct = calibrated.argmax(axis=1) == truth
    twice = _by_duplicates(images, correct, training)
    calibration = _calibration(calibrated, truth)
    figures = {
        IN_SHORT: {
            f"accuracy, Testing as published, {len(images)} pictures": in_words(_accuracy(correct), "accuracy"),
            "of which without a near copy in Training": in_words(twice["no_near_duplicate"], "accuracy"),
            "calibration error": f"{calibration['expected_calibration_error']:.3f}",
        },
        "testing": _accuracy(correct),
        "report": classification_report(confusion_matrix(truth, calibrated.argmax(axis=1), len(LABELS)), LABELS),
        "confusion_rows_are_truth": confusion_matrix(truth, calibrated.argmax(axis=1), len(LABELS)),
        "roc_area": _areas(truth, calibrated),
        "calibration": {
            "temperature": model.card.temperature,
            "before": _calibration(raw, truth),
            "after": calibration,
        },
        "same_patient_in_training": _by_neighbours(images, correct, training),
        "same_picture_in_training": twice,
        "source": {"pictures": 1311, "accuracy": 0.9886},
    }
    return _mapping(rounded(figures))


def measure_windows(model: ClassifyEfficientNetB0, data: Path) -> Figures:
    """Measure on the pictures of Training that the split with the card's seed held out, of patients apart.

    True for weights that were trained on the rest alone: not for those of a last stage that trains on everything. Many
    pictures have a copy, often mirrored, that nobody matched to figshare and that was trained on; only what is measured
    on those without one is free of leaks.
    """
    seed = model.card.provenance["seed"]
    if not isinstance(seed, int):
        raise TypeError(f"the card's seed is {seed!r}, not a whole number")
    training = {image.name: image for image in read_images(data, "Training")}
    held_out, unused = split_by_number({name: image.figshare_number for name, image in training.items()}, seed)
    trained = [image for name, image in training.items() if name not in held_out | unused]
    images = [training[name] for name in sorted(held_out)]
    truth = np.array([image.label for image in images])
    found = _probabilities(model, images).argmax(axis=1)
    matrix = confusion_matrix(truth, found, len(LABELS))
    figures = {
        IN_SHORT: {
            f"accuracy, patients apart, {len(images)} pictures": in_words(_accuracy(truth == found), "accuracy")
        },
        "held_out": _accuracy(truth == found),
        "same_picture_trained_on": _by_duplicates(images, truth == found, trained),
        "seed": seed,
        "weights_sha256": model.card.weights_sha256,
        "report": classification_report(matrix, LABELS),
        "confusion_rows_are_truth": matrix,
    }
    return _mapping(rounded(figures))


PROTOCOLS = {"windows": ("leak_free", measure_windows)}
"""What ``--protocol`` measures, and where the card keeps it."""


def _probabilities(model: ClassifyEfficientNetB0, images: Sequence[LabelledImage]) -> NDArray[np.float32]:
    """Return what the network says of each picture (n, classes), as it does of a slice in service."""
    pictures = np.stack([as_input(image.pixels, model.card.input_shape[0]) for image in images])
    return Forward(model.network)(pictures)[:, : len(LABELS)]


def _accuracy(correct: NDArray[np.bool_]) -> dict[str, float]:
    low, high = wilson_interval(int(correct.sum()), len(correct))
    return {
        "pictures": len(correct),
        "wrong": int((~correct).sum()),
        "accuracy": float(correct.mean()) if len(correct) else float("nan"),
        "accuracy_low": low,
        "accuracy_high": high,
    }


def _areas(truth: NDArray[np.integer], scores: NDArray[np.floating]) -> Mapping[str, float]:
    areas = {label: roc_area(truth == number, scores[:, number]) for number, label in enumerate(LABELS)}
    return {**areas, "mean": float(np.mean(list(areas.values())))}


def _calibration(probabilities: NDArray[np.floating], truth: NDArray[np.integer]) -> Mapping[str, float]:
    """Return the expected calibration error, the mean surprise and the Brier score (of all classes)."""
    likelihood = probabilities[np.arange(len(truth)), truth].clip(1e-12)
    return {
        "expected_calibration_error": expected_calibration_error(probabilities, truth),
        "negative_log_likelihood": float(-np.log(likelihood).mean()),
        "brier_score": float(((probabilities - np.eye(len(LABELS))[truth]) ** 2).sum(axis=1).mean()),
    }


def _by_neighbours(
    images: Sequence[LabelledImage], correct: NDArray[np.bool_], training: Sequence[LabelledImage]
) -> Figures:
    """Return accuracy by whether Training has a slice that is taken for the same patient's."""
    known = {image.figshare_number for image in training} - {None}
    groups: dict[str, list[bool]] = {"neighbour_in_training": [], "no_neighbour": [], "not_matched_to_figshare": []}
    for image, right in zip(images, correct, strict=True):
        number = image.figshare_number
        if number is None:
            group = "not_matched_to_figshare"
        else:
            near = any(other in known for other in range(number - NEAR, number + NEAR + 1))
            group = "neighbour_in_training" if near else "no_neighbour"
        groups[group].append(bool(right))
    return {group: _accuracy(np.array(members, dtype=bool)) for group, members in groups.items()}


def _by_duplicates(
    images: Sequence[LabelledImage], correct: NDArray[np.bool_], training: Sequence[LabelledImage]
) -> Mapping[str, Mapping[str, float]]:
    """Return accuracy by whether Training has a near duplicate of the picture itself, by its perceptual hash."""
    ours, theirs = (hash_pictures([one.pixels for one in some]) for some in (images, training))
    twice = has_duplicate(ours, theirs)
    return {"near_duplicate": _accuracy(correct[twice]), "no_near_duplicate": _accuracy(correct[~twice])}


def _draw(
    model: ClassifyEfficientNetB0, images: Sequence[LabelledImage], scores: NDArray[np.floating], folder: Path
) -> None:
    truth = np.array([image.label for image in images])
    found = scores.argmax(axis=1)
    confusion_picture(confusion_matrix(truth, found, len(LABELS)), LABELS, folder / "confusion.png")
    roc_picture(truth, scores, LABELS, folder / "roc.png")
    calibration_picture(scores.max(axis=1), found == truth, folder / "calibration.png")
    epochs = model.card.provenance.get("epochs")
    if isinstance(epochs, list) and epochs:
        curve_picture(epochs, folder / "curves.png")
    rows = [row for number in range(len(LABELS)) if (row := _examples(images, scores, number))]
    if rows:
        montage_picture(
            rows,
            folder / "examples.png",
            "Testing pictures with the highest, the median and the lowest score of their true class, among those that "
            "were matched to figshare; the others' licences are not stated well enough to show them. " + CREDIT,
        )


def _examples(images: Sequence[LabelledImage], scores: NDArray[np.floating], label: int) -> list[Panel]:
    """Return a row of one class: the highest, median and lowest score of it."""
    members = [n for n, image in enumerate(images) if image.label == label and image.figshare_number is not None]
    ranked = sorted(members, key=lambda n: (-scores[n, label], images[n].name))
    if not ranked:
        return []
    chosen = {"highest": ranked[0], "median": ranked[(len(ranked) - 1) // 2], "lowest": ranked[-1]}
    return [(images[n].pixels, None, None, _words(title, label, scores[n])) for title, n in chosen.items()]


def _words(title: str, label: int, scores: NDArray[np.floating]) -> str:
    answer = int(scores.argmax())
    found = "" if answer == label else f"\nfound {LABELS[answer].replace('_', ' ')} {scores[answer]:.1%}"
    return f"{title}: {LABELS[label].replace('_', ' ')} {scores[label]:.1%}{found}"


def _mapping(value: object) -> Figures:
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r} is not a mapping")
    return value
