"""How well subtype_resnet50 does: recomputed from the answers of its cross-validation, beside the commonest subtype."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from inference.card import IN_SHORT
from inference.evaluation.folds import answers_of, draw_folds, fold_figures
from inference.models.outlined import bright_region
from inference.models.subtype_resnet50 import SubtypeResnet50
from inference.training.recipes.subtype_resnet50 import NEARLY, Glioma, read_gliomas

Figures = Mapping[str, object]


def measure(model: SubtypeResnet50, data: Path, folder: Path) -> Figures:
    """Measure by the card's answers, check their truth against the data, and draw them.

    Parameters
    ----------
    data
        ``kaggle_3m`` of "LGG MRI Segmentation".

    Raises
    ------
    ValueError
        When the data set knows other subtypes than the card.
    """
    found = answers_of(model.card)
    patients = read_gliomas(data)
    truth = dict(zip(found.names, found.truth.tolist(), strict=True))
    if truth != {one.name: one.label for one in patients}:
        raise ValueError("the subtypes in the data set are not those that the card's cross-validation was made with")
    draw_folds(found, model.card, folder)
    figures = fold_figures(found, model.card.labels)
    return {
        IN_SHORT: figures.pop(IN_SHORT),
        "cross_validation": figures,
        "shipped_weights": _shipped(model, patients),
    }


def _shipped(model: SubtypeResnet50, patients: Sequence[Glioma]) -> Figures:
    """Return what the shipped weights say of those they were trained on, by a mask's slice and by the brightest."""
    largest = [int(one.area.argmax()) for one in patients]
    bright = [int(bright_region(one.contrasts["flair"]).sum(axis=(1, 2)).argmax()) for one in patients]
    by_mask, by_brightness = _answers(model, patients, largest), _answers(model, patients, bright)
    near = [one.area[slice_] >= NEARLY * one.area.max() for one, slice_ in zip(patients, bright, strict=True)]
    labels = np.array([one.label for one in patients])
    return {
        "training_accuracy_which_says_nothing": float((by_mask == labels).mean()),
        "brightest_slice_shows_a_large_part_of_the_tumour": float(np.mean(near)),
        "same_answer_on_the_brightest_slice": float((by_mask == by_brightness).mean()),
    }


def _answers(model: SubtypeResnet50, patients: Sequence[Glioma], slices: Sequence[int]) -> NDArray[np.intp]:
    size = model.card.input_shape[0]
    seen = np.stack([one.slice_of(number, size) for one, number in zip(patients, slices, strict=True)])
    return np.asarray(model.forward(seen).argmax(axis=1))
