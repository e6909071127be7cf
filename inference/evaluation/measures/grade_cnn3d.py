"""How well grade_cnn3d does: recomputed from the answers of its cross-validation, beside the commonest grade."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.card import IN_SHORT
from inference.evaluation.folds import answers_of, draw_folds, fold_figures
from inference.models.grade_cnn3d import GradeCnn3d, as_input, standard_head
from inference.training.crossval import OutOfFold
from inference.training.datasets import Patient, read_patients
from inference.training.outcomes import GRADES, read_lgg
from inference.training.recipes.grade_cnn3d import HEAD_MM

Figures = Mapping[str, object]
SAMPLE = 6
"""Patients whose brains are extracted anew to look at the shipped weights: a few, because it takes a while."""
SOURCE = {"accuracy": 0.68, "volumes": 32}


def measure(model: GradeCnn3d, data: Path, folder: Path) -> Figures:
    """Measure by the card's answers, check their truth against the data, and draw them.

    Parameters
    ----------
    data
        ``kaggle_3m`` of "LGG MRI Segmentation".

    Raises
    ------
    ValueError
        When the data set knows other grades than the card.
    """
    found = answers_of(model.card)
    grades = read_lgg(data, "neoplasm_histologic_grade", GRADES)
    if {name: int(label) for name, label in zip(found.names, found.truth, strict=True)} != grades:
        raise ValueError("the grades in the data set are not those that the card's cross-validation was made with")
    draw_folds(found, model.card, folder)
    figures = fold_figures(found, model.card.labels)
    return {
        IN_SHORT: figures.pop(IN_SHORT),
        "cross_validation": figures,
        "source_on_its_best_epoch": SOURCE,
        "shipped_weights": _shipped(model, data, found),
    }


def _shipped(model: GradeCnn3d, data: Path, found: OutOfFold) -> Figures:
    """Return what the shipped weights say of some of the patients that they were trained on, beside the folds'."""
    step = max(1, len(found.names) // SAMPLE)
    chosen = dict(list(enumerate(found.names))[::step][:SAMPLE])
    patients = {one.name: one for one in read_patients(data) if one.name in chosen.values()}
    said = np.array([_answer(model, patients[name]).argmax() for name in chosen.values()])
    numbers = list(chosen)
    return {
        "training_patients_looked_at": len(chosen),
        "right_on_them_which_says_nothing": int((said == found.truth[numbers]).sum()),
        "same_answer_as_the_folds": int((said == found.probabilities[0][numbers].argmax(axis=1)).sum()),
    }


def _answer(model: GradeCnn3d, patient: Patient) -> NDArray[np.float32]:
    flair, *others = (patient.slices[..., channel] for channel in range(3))
    real = {name: array for name, array in zip(("t1", "t1c"), others, strict=True) if not np.array_equal(array, flair)}
    spacing = (HEAD_MM / len(flair), 1.0, 1.0)
    head = standard_head({"flair": flair, **real}, patient.mask, spacing, model.card.input_shape[:3])
    return model.forward(as_input(head)[None])
