"""How well detect_cnn2d does: on Testing, on unseen patients' slices and series, and on a DICOM study."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.card import IN_SHORT
from inference.evaluation.metrics import (
    confusion_matrix,
    expected_calibration_error,
    roc_area,
    rounded,
)
from inference.evaluation.plots import calibration_picture, confusion_picture, curve_picture, roc_picture
from inference.evaluation.pointing import pointing_figures
from inference.evaluation.short import with_interval
from inference.evaluation.slicewise import Looked, series_case, share, summarise_slices
from inference.evaluation.study import read_study, sequences_of
from inference.models.detect_cnn2d import LABELS, METHOD, TUMOUR, DetectCnn2d, as_input
from inference.postprocess import with_temperature
from inference.training.datasets import LabelledImage, Patient, read_images, read_patients
from inference.training.detection_set import (
    CLASSES,
    NO_TUMOUR,
    PATIENTS,
    SMALLEST_LESION,
    split_at_random,
    split_pictures,
)
from inference.training.duplicates import Hashes, has_duplicate, hash_pictures
from inference.training.operating_point import RECALL
from inference.training.recipes.detect_cnn2d import AT_RANDOM, COPIES
from inference.training.splits import Split

Figures = Mapping[str, object]
CONTRASTS = ("flair", "t1", "t1c")
AS_PUBLISHED, APART = "Testing as published", "Testing, no copies of it trained on"
EVEN = 0.5
"""The threshold of comparisons with the source, which has none: its sigmoid's half."""
SHARES = ("accuracy", "tumour_recall", "specificity")
SOURCE = {"accuracy": 0.98, "tumour_recall": 0.99}


def measure(model: DetectCnn2d, data: Path, folder: Path) -> Figures:
    """Measure on Testing, beside it on the pictures by which the operating point was chosen, and draw Testing.

    Parameters
    ----------
    data
        Folder of "Brain Tumor MRI Dataset"; patients of "LGG MRI Segmentation" are measured where it lies beside it.
    """
    figures, scores, truth = _pictures(model, data)
    found = np.where(scores[:, TUMOUR] >= model.card.threshold, 0, 1)
    confusion_picture(confusion_matrix(truth, found, 2), LABELS, folder / "confusion.png")
    roc_picture(truth, scores, LABELS, folder / "roc.png")
    calibration_picture(scores.max(axis=1), scores.argmax(axis=1) == truth, folder / "calibration.png")
    epochs = model.card.provenance.get("epochs")
    if isinstance(epochs, list) and epochs:
        curve_picture(epochs, folder / "curves.png")
    patients = _mapping(model.card.provenance["split"]).get("patients")
    if isinstance(patients, Mapping) and (data.parent / PATIENTS).is_dir():
        everyone = read_patients(data.parent / PATIENTS)
        people, chosen_by = (
            [one for one in everyone if one.name in set(str(patients[part]).split())] for part in ("test", "validation")
        )
        looked = {name: _looked(model, people, name) for name in CONTRASTS}
        figures["patients"] = {
            name: summarise_slices(series, model.card.threshold, SMALLEST_LESION) for name, series in looked.items()
        }
        figures["explanations"] = {
            "pictures": "of each patient the FLAIR slice with the largest lesion",
            "method": METHOD,
            "validation_by_which_the_method_was_chosen": _explained(model, _looked(model, chosen_by, "flair")),
            "test": _explained(model, looked["flair"]),
        }
    return _mapping(rounded(figures))


def measure_pictures(model: DetectCnn2d, data: Path) -> Figures:
    """Measure weights that are not shipped, the source's network or ours, trained without Testing's copies, on Testing.

    Raises
    ------
    ValueError
        When the copies were trained on.
    """
    if _mapping(model.card.provenance["split"]).get(COPIES) != "removed":
        raise ValueError("these weights were trained with the copies of Testing left in Training")
    figures, _, _ = _pictures(model, data)
    return _mapping(rounded({**figures, "weights_sha256": model.card.weights_sha256}))


def measure_random(model: DetectCnn2d, data: Path) -> Figures:
    """Measure weights of the source's way to divide the pictures on its test part, at a threshold of one half.

    Raises
    ------
    ValueError
        When the weights are of another division.
    """
    if _mapping(model.card.provenance["split"]).get("by") != AT_RANDOM:
        raise ValueError("these weights were not trained on random pictures")
    split = split_at_random(data, _seed(model))
    scores, truth = _scores(model, split.test), _truth(split.test)
    answers = _answers(scores, truth, EVEN)
    figures = {
        IN_SHORT: _in_short(answers, "random pictures, as the source"),
        "threshold": EVEN,
        "testing": {**answers, "missed": _missed(scores, split.test, EVEN)},
        "roc_area": roc_area(truth == TUMOUR, scores[:, TUMOUR]),
    }
    return _mapping(rounded({**figures, "source": SOURCE, "weights_sha256": model.card.weights_sha256}))


PROTOCOLS = {
    "source": ("baselines", measure_pictures),
    "patients": ("without_copies", measure_pictures),
    "random": ("source_protocol", measure_random),
}
"""What ``--protocol`` measures, and where the card keeps it."""


def measure_dicom(model: DetectCnn2d, folder: Path) -> Figures:
    """Measure on one DICOM study with a true mask, each series alone, through the code that serves."""
    figures = {}
    for sequence in sequences_of(folder):
        study = read_study(folder, [sequence])
        looked = Looked.of(model, study.case, study.truth)
        figures[sequence] = summarise_slices([looked], model.card.threshold, smallest=1)
    return _mapping(rounded(figures))


def _pictures(model: DetectCnn2d, data: Path) -> tuple[dict[str, object], NDArray[np.floating], NDArray[np.integer]]:
    """Return the figures on pictures, and scores (n, 2) and truth (n,) of Testing."""
    kept = _mapping(model.card.provenance["split"]).get(COPIES) == "kept"
    split = split_pictures(data, _seed(model), apart=not kept)
    scores, truth = _scores(model, split.test), _truth(split.test)
    copied = has_duplicate(_hash(split.test), _hash(read_images(data, "Training")))
    figures = _figures(model, split, scores, AS_PUBLISHED if kept else APART)
    apart = _answers(scores[~copied], truth[~copied], model.card.threshold)
    return {**figures, "testing_without_copies_in_training_as_published": apart}, scores, truth


def _figures(
    model: DetectCnn2d, split: Split[LabelledImage], scores: NDArray[np.floating], what: str
) -> dict[str, object]:
    """Return the figures of the test part at the operating point, beside those of the part that gave it.

    Parameters
    ----------
    scores
        (n, 2), of the test part.
    what
        The test part's name for a reader.
    """
    truth = _truth(split.test)
    threshold = model.card.threshold
    answers = _answers(scores, truth, threshold)
    return {
        IN_SHORT: _in_short(answers, what),
        "operating_point": {
            "threshold": threshold,
            "chosen": f"on the validation pictures, for a tumour recall of at least {RECALL}",
            "validation": _answers(_scores(model, split.validation), _truth(split.validation), threshold),
        },
        "testing": {**answers, "missed": _missed(scores, split.test, threshold)},
        "roc_area": roc_area(truth == TUMOUR, scores[:, TUMOUR]),
        "expected_calibration_error": expected_calibration_error(scores, truth),
    }


def _in_short(answers: Mapping[str, Any], what: str) -> Mapping[str, str]:
    return {
        f"{name.replace('_', ' ')}, {what}": with_interval(*(answers[name][end] for end in ("value", "low", "high")))
        for name in SHARES
    }


def _missed(scores: NDArray[np.floating], images: Sequence[LabelledImage], threshold: float) -> Figures:
    low = scores[:, TUMOUR] < threshold
    kinds = {label: np.array([CLASSES[image.label] == label for image in images]) for label in CLASSES}
    return {
        label: f"{int((low & kind).sum())} of {int(kind.sum())}"
        for label, kind in kinds.items()
        if CLASSES.index(label) != NO_TUMOUR
    }


def _answers(scores: NDArray[np.floating], truth: NDArray[np.integer], threshold: float) -> dict[str, Any]:
    """Return accuracy, recall and specificity at a threshold, with 95 % intervals."""
    found = np.where(scores[:, TUMOUR] >= threshold, TUMOUR, 1 - TUMOUR)
    matrix = confusion_matrix(truth, found, 2)
    return {
        "pictures": len(truth),
        "accuracy": share(int(np.trace(matrix)), len(truth)),
        "tumour_recall": share(int(matrix[TUMOUR, TUMOUR]), int(matrix[TUMOUR].sum())),
        "specificity": share(int(matrix[1 - TUMOUR, 1 - TUMOUR]), int(matrix[1 - TUMOUR].sum())),
        "confusion_rows_are_truth": {"labels": list(LABELS), "counts": matrix},
    }


def _explained(model: DetectCnn2d, series: Sequence[Looked]) -> Figures:
    """Return how well explanations point at the lesion where it is largest."""
    largest = [int(one.areas.argmax()) for one in series]
    images = np.stack([one.pictures[k] for one, k in zip(series, largest, strict=True)])
    masks = np.stack([one.masks[k] for one, k in zip(series, largest, strict=True)])
    return pointing_figures(model.forward, images, masks, TUMOUR)


def _looked(model: DetectCnn2d, patients: Sequence[Patient], sequence: str) -> list[Looked]:
    contrast = CONTRASTS.index(sequence)
    return [Looked.of(model, series_case(one, contrast, sequence), one.mask) for one in patients]


def _scores(model: DetectCnn2d, images: Sequence[LabelledImage]) -> NDArray[np.floating]:
    """Return calibrated scores (n, 2) of pictures, brought to the network as a slice is in service."""
    pictures = np.stack([as_input(image.pixels, model.card.input_shape[0]) for image in images])
    return with_temperature(model.forward(pictures), model.card.temperature)


def _truth(images: Sequence[LabelledImage]) -> NDArray[np.int64]:
    return np.array([1 - TUMOUR if image.label == NO_TUMOUR else TUMOUR for image in images])


def _hash(images: Sequence[LabelledImage]) -> Hashes:
    return hash_pictures([image.pixels for image in images])


def _seed(model: DetectCnn2d) -> int:
    seed = model.card.provenance["seed"]
    if not isinstance(seed, int):
        raise TypeError(f"the card's seed is {seed!r}, not a whole number")
    return seed


def _mapping(value: object) -> Figures:
    if not isinstance(value, Mapping):
        raise TypeError(f"{value!r} is not a mapping")
    return value
